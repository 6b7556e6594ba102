"""One attack: run it for some seconds, watch what arrives at its victims, and look whether an honest neighbour notices anything."""

import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from . import wiring
from .cases import PROBE

# Whoever is known on the link; what has any other MAC came from the attacker.
KNOWN = " || ".join(f"eth.src == {mac}" for port, mac in wiring.MACS.items() if port != "attacker")
# Its kernel says which groups it listens to, asks for neighbours and answers them, as any host's: of itself, and no more.
ITSELF = " || ".join(f"ipv6.src == {addresses['attacker']}" for addresses in (wiring.ADDRESSES, wiring.LOCALS))
TARGET = ITSELF.replace("ipv6.src", "icmpv6.nd.na.target_address")
PLAIN = "ipv6.hlim == 255 && icmpv6.code == 0 && !ipv6.fraghdr && !ipv6.hopopts && !ipv6.dstopts"
SAYS = (f"(icmpv6.type == 143 && ({ITSELF})) || (icmpv6.type == 135 && ({ITSELF}) && {PLAIN}) || "
        f"(icmpv6.type == 136 && ({ITSELF}) && ({TARGET}) && {PLAIN})")
STRANGE = f"!(eth.src[0:2] == 02:53 || {KNOWN} || {SAYS})"
# And whatever says what only the router says, or says of somebody what is not so, whatever its MAC.
LIES = " || ".join([
    "(icmpv6.type == 134 && icmpv6.opt.prefix && icmpv6.opt.prefix != 2001:db8:a::)",
    "(icmpv6.type == 134 && icmpv6.nd.ra.router_lifetime == 0)",
    "icmpv6.type == 137",
    # The controller is the querier of the network.
    "(icmpv6.type == 130 && !(eth.src == 02:53:01:00:00:01))",
    "((icmpv6.type == 135 || icmpv6.type == 136) && eth.src != icmpv6.opt.linkaddr)",
    "(udp.dstport == 546 && !(eth.src[0:2] == 02:53))",
    "(udp.dstport == 68 && !(eth.src[0:2] == 02:53))",
    "(arp && arp.src.hw_mac != eth.src)",
])

# Asks for settings by DHCPv6, and waits for the answer.
INFORM = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', 546))
s.settimeout(1)
index = socket.if_nametoindex('eth0')
ask = bytes([11, 1, 2, 3]) + bytes([0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 1, 3]) + bytes([0, 8, 0, 2, 0, 0]) + bytes([0, 6, 0, 2, 0, 23])
for _ in range(3):
    s.sendto(ask, ('ff02::1:2', 547, 0, index))
    try:
        data, sender = s.recvfrom(2048)
    except OSError:
        continue
    sys.exit(0 if data[:4] == bytes([7, 1, 2, 3]) else 1)
sys.exit(1)
"""


@dataclass
class Outcome:
    """What was seen of an attack."""

    sent: int = 0
    arrived: list = field(default_factory=list)  # frames that must not have
    legal: int = 0
    drops: dict = field(default_factory=dict)  # by name, of the attacker's port
    harmed: list = field(default_factory=list)  # what an honest neighbour, or the victim, noticed

    def faults(self, case):
        """Why it is not as it must be."""
        words = [f"{len(self.arrived)} arrived: {self.arrived[:3]}"] if self.arrived else []
        words += [f"nothing was dropped as {name}" for name in case.drops if not self.drops.get(name)]
        words += self.harmed
        return words + ([] if self.sent or case.waits else ["nothing was sent"])


class Ground:
    """The lab, with its hosts by name."""

    def __init__(self, lab):
        self.lab = lab
        self.hosts = {port: lab.host("acme", port) for port in wiring.PLACES}
        self.gateway = {}

    def settle(self):
        """All have their addresses and know their router; the victims remember what is right. They take fragmented discovery, as
        hosts without RFC 6980 do."""
        for port, host in self.hosts.items():
            host.wait_address(wiring.PREFIX)
            host.cmd("sysctl -qw net.ipv6.conf.eth0.suppress_frag_ndisc=0")
            host.ping(wiring.GATEWAY, count=1)
            host.agent  # pylint: disable=pointless-statement
            self.gateway[port] = self.state(host)
        self.hosts["victim"].ping(wiring.ADDRESSES["far"], count=2)

    def state(self, host):
        """What attacks want to change: routes, addresses, the router's MAC, MTU and hop limit."""
        routes = host.run("ip", "-6", "-j", "route", "show", "dev", "eth0").stdout
        routes = sorted(f"{r['dst']} {r.get('gateway', '')} {r.get('metrics', '')}" for r in json.loads(routes or "[]"))
        neighbor = host.run("ip", "-6", "neigh", "show", wiring.GATEWAY, "dev", "eth0").stdout
        mac = re.findall(r"lladdr (\S+)", neighbor)
        limits = host.run("sysctl", "-n", "net.ipv6.conf.eth0.hop_limit", "net.ipv6.conf.eth0.mtu").stdout.split()
        return routes, sorted(host.addresses()), mac, limits

    def run(self, case):
        """The attack's outcome."""
        outcome, attacker = Outcome(), self.hosts["attacker"]
        before, sent = self.drops(), self.sent(attacker)
        watched = [self.hosts["victim"].capture(), self.hosts["far"].capture()]
        with watched[0], watched[1]:
            attack = self.start(attacker, case)
            try:
                time.sleep(0.5)
                outcome.harmed += self.honest()
            finally:
                self.end(attack)
            time.sleep(0.3)
        outcome.sent = self.sent(attacker) - sent
        for capture in watched:
            strange = f"({STRANGE}) && !({case.legal})" if case.legal else STRANGE
            outcome.arrived += [" ".join(row) for row in capture.fields("eth.src", "_ws.col.Info", display=f"({strange}) || {LIES}")]
            outcome.legal += len(capture.fields("frame.number", display=f"({STRANGE}) && ({case.legal})")) if case.legal else 0
        outcome.harmed += self.unchanged()
        after = self.drops()
        outcome.drops = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
        return outcome

    def start(self, attacker, case):
        """Starts it, for so many seconds."""
        command = case.command or ("/usr/bin/python3", "-c", "from scapy.all import *\nconf.verb = 0\n" + case.program)
        patience = case.seconds if case.command else 20
        return attacker.popen(["timeout", "-k", "1", str(patience), *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE if case.program else subprocess.DEVNULL)

    @staticmethod
    def end(attack):
        """Waits until it has ended by itself or by its time."""
        said = attack.communicate(timeout=30)[1]
        if said and attack.returncode:
            raise RuntimeError(f"the attack ended with {attack.returncode}: {said.decode()[-800:]}")

    @staticmethod
    def sent(host):
        """Packets that left a host."""
        return int(host.run("cat", "/sys/class/net/eth0/statistics/tx_packets").stdout)

    def drops(self):
        """How many packets of the attacker's port were dropped, by name."""
        found = self.lab.controller.get("drops", "--port", "acme/attacker")
        return {entry["reason"]: int(entry["packets"]) for entry in found}

    def honest(self):
        """What a neighbour can't do meanwhile: take a new address, find its router, get settings, and ping."""
        host = self.hosts["honest"]

        def dad():
            host.run("ip", "addr", "add", f"{PROBE}/64", "dev", "eth0")
            deadline = time.monotonic() + 5
            while PROBE not in host.addresses() and time.monotonic() < deadline:
                time.sleep(0.1)
            good = PROBE in host.addresses()
            host.run("ip", "addr", "del", f"{PROBE}/64", "dev", "eth0")
            return good

        def router():
            return "Router lifetime" in host.run("rdisc6", "-1", "-n", "-r", "3", "-w", "1000", "eth0").stdout

        def settings():
            return host.run("/usr/bin/python3", "-c", INFORM).returncode == 0

        def ping():
            return host.ping(wiring.ADDRESSES["victim"], count=3, wait=2) == 3 and host.ping(wiring.ADDRESSES["far"], count=3, wait=2) == 3

        with ThreadPoolExecutor(4) as pool:
            results = {task.__name__: pool.submit(task) for task in (dad, router, settings, ping)}
            return [f"honest: {name} failed" for name, result in results.items() if not result.result()]

    def unchanged(self):
        """What the attack has changed at its victims."""
        words = []
        for port in ("victim", "far"):
            host = self.hosts[port]
            host.ping(wiring.GATEWAY, count=1)
            now = self.state(host)
            if now != self.gateway[port]:
                words.append(f"{port} had {self.gateway[port]}, has {now}")
        if self.hosts["victim"].ping(wiring.ADDRESSES["far"], count=2) != 2:
            words.append("the victim does not reach far any more")
        return words


