"""A virtual machine's stand-in: a namespace with one interface or several, and an agent that probes and answers."""

import ipaddress
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from mininet.node import Node

from .capture import Capture

AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "agent.py")


@dataclass
class HostSpec:
    """Where a host is and what it is called there."""

    tenant: str
    port: str
    network: str
    chassis: str
    mac: str
    interface: str = ""  # the chassis' side; default: tenant and port
    addresses: list = field(default_factory=list)  # set by hand, with their prefix lengths
    routes: list = field(default_factory=list)  # as `ip route add` takes them
    more: list = field(default_factory=list)  # its further NICs, each a port of its own on the same chassis: eth1, eth2, ...
    behind: str = ""  # the host that it is behind, in place of a chassis; `interface` is that host's
    forwards: bool = False  # it is a router for those behind it

    def __post_init__(self):
        self.interface = self.interface or self.name
        if len(self.interface) > 15:
            raise ValueError(f"{self.interface}: OpenFlow port names end at 15 characters")

    @property
    def name(self):
        """The host's own name, unique in the lab."""
        return f"{self.tenant}-{self.port}"

    @property
    def nics(self):
        """Its ports by the names of its interfaces."""
        return {f"eth{n}": nic for n, nic in enumerate([self, *self.more])}


class Host(Node):
    """A host on eth0, and on eth1 and so on where it has more NICs. The kernel autoconfigures it; nothing else does, but for
    addresses given by hand."""

    def __init__(self, name, spec=None, **params):
        super().__init__(name, **{**params, "inNamespace": True})
        self.spec = spec
        self._agent = None

    def configure(self):
        """Brings the interfaces up the way the labs need them."""
        orders = ["ip link set lo up"]
        if self.spec.forwards:
            # A router minds router advertisements only if it is told to.
            orders.append("sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.accept_ra=2")
            orders += [f"ip link set {name} up" for name in self.intfNames() if name not in self.spec.nics]
        for device, nic in self.spec.nics.items():
            orders += [
                # Checksums must be in the packets themselves: the userspace switch does not fill them in.
                f"ethtool -K {device} tx off >/dev/null",
                # Solicit more often than every four seconds: the controller may come later than the host.
                f"sysctl -qw net.ipv6.conf.{device}.router_solicitation_interval=1",
                f"sysctl -qw net.ipv6.conf.{device}.router_solicitation_max_interval=2",
                f"ip link set {device} down; ip link set {device} up",
            ]
            orders += [f"ip addr add {address} dev {device}" for address in nic.addresses]
            orders += [f"ip route add {route}" for route in nic.routes]
        said = self.cmd("; ".join(orders)).strip()
        if said:
            raise RuntimeError(f"{self.name}: {said}")

    def plug_into(self, net, chassis):
        """Lays the cables of its NICs to its chassis."""
        for device, nic in self.spec.nics.items():
            net.addLink(self, chassis, intfName1=device, intfName2=nic.interface, addr1=nic.mac)

    def addresses(self, family=6, device="eth0"):
        """The usable global addresses of an interface (those that passed duplicate address detection)."""
        return [str(address) for address in self._usable(family, device)]

    def wait_address(self, prefix, timeout=30, device="eth0"):
        """The address inside a prefix, as soon as the kernel has one."""
        prefix = ipaddress.ip_network(prefix)
        deadline = time.monotonic() + timeout
        while True:
            for address in self._usable(prefix.version, device):
                if address in prefix:
                    return str(address)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} has no address in {prefix} after {timeout} s")
            time.sleep(0.1)

    def wait_link_local(self, device="eth0", timeout=10):
        """Waits until an interface has a link-local address that passed duplicate address detection."""
        deadline = time.monotonic() + timeout
        while not any(e["scope"] == "link" and not e.get("tentative") for e in self.inet(device=device)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} has no link-local address on {device} after {timeout} s")
            time.sleep(0.1)

    def run(self, *command, timeout=60):
        """Runs a command here; the completed process with its text."""
        process = self.popen(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output)

    def ping(self, destination, count=3, interval=0.2, wait=1, options=()):
        """How many of `count` echo requests were answered."""
        done = self.run("ping", "-q", "-c", str(count), "-i", str(interval), "-W", str(wait), *options, destination)
        for line in done.stdout.splitlines():
            if " received" in line:
                return int(line.split(" received")[0].split(",")[-1])
        return 0

    def tcp(self, destination, timeout=3):
        """Who answers a TCP connection: a host's name, or None."""
        return self.ask({"do": "tcp", "to": destination, "timeout": timeout})["answer"]

    def udp(self, destination, timeout=2):
        """Who answers a UDP datagram: a host's name, or None."""
        return self.ask({"do": "udp", "to": destination, "timeout": timeout})["answer"]

    def scapy(self, program, timeout=60):
        """Runs Python here with scapy's names at hand; what it printed."""
        done = self.run("/usr/bin/python3", "-c", "from scapy.all import *; conf.verb = 0\n" + program, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stdout}")
        return done.stdout

    def capture(self, expression="", device="eth0"):
        """A capture on an interface."""
        return Capture(self, device, expression)

    def ask(self, request):
        """Sends the host's agent an order and waits for its answer."""
        return self.agent.ask(request)

    @property
    def agent(self):
        """The agent, started when first needed."""
        if self._agent is None:
            self._agent = Agent(self)
        return self._agent

    def terminate(self):
        """Ends the agent with the host."""
        if self._agent is not None:
            self._agent.stop()
        super().terminate()

    def inet(self, family=6, device="eth0"):
        """The addresses of an interface as `ip -j` tells of them, whatever their state and scope."""
        done = self.run("ip", "-j", f"-{family}", "addr", "show", "dev", device)
        return [entry for link in json.loads(done.stdout or "[]") for entry in link.get("addr_info", []) if "local" in entry]

    def _usable(self, family, device):
        for entry in self.inet(family, device):
            if entry["scope"] == "global" and not entry.get("tentative") and not entry.get("dadfailed"):
                yield ipaddress.ip_address(entry["local"])


class Agent:
    """The other end of agent.py's pipe."""

    def __init__(self, host):
        self._lock = threading.Lock()
        self._process = host.popen([sys.executable, AGENT, host.name], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{host.name}: the agent did not start")

    def ask(self, request):
        """One order, one answer."""
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def stop(self):
        """The agent ends when its input does."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
