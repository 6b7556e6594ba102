"""A virtual machine's stand-in: a namespace with one interface and an agent that probes and answers."""

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

    def __post_init__(self):
        self.interface = self.interface or self.name
        if len(self.interface) > 15:
            raise ValueError(f"{self.interface}: OpenFlow port names end at 15 characters")

    @property
    def name(self):
        """The host's own name, unique in the lab."""
        return f"{self.tenant}-{self.port}"


class Host(Node):
    """A host on eth0. The kernel autoconfigures it; nothing else does, but for addresses given by hand."""

    def __init__(self, name, spec=None, **params):
        super().__init__(name, **{**params, "inNamespace": True})
        self.spec = spec
        self._agent = None

    def configure(self):
        """Brings the interface up the way the labs need it."""
        orders = [
            # Checksums must be in the packets themselves: the userspace switch does not fill them in.
            "ethtool -K eth0 tx off >/dev/null",
            # Solicit more often than every four seconds: the controller may come later than the host.
            "sysctl -qw net.ipv6.conf.eth0.router_solicitation_interval=1",
            "sysctl -qw net.ipv6.conf.eth0.router_solicitation_max_interval=2",
            "ip link set lo up",
            "ip link set eth0 down; ip link set eth0 up",
        ]
        orders += [f"ip addr add {address} dev eth0" for address in self.spec.addresses]
        orders += [f"ip route add {route}" for route in self.spec.routes]
        said = self.cmd("; ".join(orders)).strip()
        if said:
            raise RuntimeError(f"{self.name}: {said}")

    def addresses(self, family=6):
        """The usable global addresses of eth0 (those that passed duplicate address detection)."""
        return [str(address) for address in self._usable(family)]

    def wait_address(self, prefix, timeout=30):
        """The address inside a prefix, as soon as the kernel has one."""
        prefix = ipaddress.ip_network(prefix)
        deadline = time.monotonic() + timeout
        while True:
            for address in self._usable(prefix.version):
                if address in prefix:
                    return str(address)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} has no address in {prefix} after {timeout} s")
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

    def capture(self, expression=""):
        """A capture on eth0."""
        return Capture(self, "eth0", expression)

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

    def inet(self, family=6):
        """The addresses of eth0 as `ip -j` tells of them, whatever their state and scope."""
        done = self.run("ip", "-j", f"-{family}", "addr", "show", "dev", "eth0")
        return [entry for link in json.loads(done.stdout or "[]") for entry in link.get("addr_info", []) if "local" in entry]

    def _usable(self, family):
        for entry in self.inet(family):
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
