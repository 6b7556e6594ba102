"""Two NICs, four NICs: each addressed in its network's way, all reachable, each with its own sources only, no network heard on
another."""

import contextlib
import ipaddress
import os
import time

from sextantlab import Lab, eui64
from sextantlab.site import Site, expect

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))
MARK = "nics:"

# Frames with all sources of the host out of each of its NICs, to everybody there. The payload says by which NIC, whose source.
SPOOF = """
for device, (mac, sources) in {nics!r}.items():
    for owner, (owners_mac, owners) in {nics!r}.items():
        for source in owners:
            v6 = ':' in source
            for hw, word in ((mac, 'ip'), (owners_mac, 'ip and mac')):
                to = '33:33:00:00:00:fb' if v6 else '01:00:5e:00:00:fb'
                ip = IPv6(src=source, dst='ff02::fb', hlim=255) if v6 else IP(src=source, dst='224.0.0.251', ttl=255)
                mark = Raw('{mark}%s|%s|%s|%s' % (device, owner, source, word))
                sendp(Ether(src=hw, dst=to)/ip/UDP(sport=5353, dport=5353)/mark, iface=device)
"""


@contextlib.contextmanager
def site(isolation, say, spec):
    """The lab with one of its hosts, and a peer on each of that one's networks."""
    networks = {nic.network for nic in spec.nics.values()}
    peers = [peer for peer in wiring.PEERS if peer.network in networks]
    with Lab(isolation, wiring.CHASSIS, [spec, *peers]) as lab:
        lab.controller.start()
        lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
        here = Site(lab, say)
        here.wait_active(*(nic.port for host in (spec, *peers) for nic in host.nics.values()))
        yield here


class Addressed:
    """A host and its peers, each NIC with its clients running; by interface, what it has."""

    def __init__(self, here, spec):
        self.here, self.spec = here, spec
        self.host = here.host(spec.port)
        self.peers = {device: here.host(nic.network) for device, nic in spec.nics.items()}
        wanted = [(self.host, device, nic) for device, nic in spec.nics.items()]
        wanted += [(peer, "eth0", peer.spec) for peer in self.peers.values()]
        clients = [(host, device, nic, prefix, kind and kind(host, device=device))
                   for host, device, nic in wanted for prefix, kind in wiring.PREFIXES[nic.network].items()]
        for *_, client in clients:
            if client:
                client.start()
        self.has = {}
        for host, device, nic, prefix, client in clients:
            self.has.setdefault((host.name, device), []).append(self._await(host, device, nic, prefix, client))

    def _await(self, host, device, nic, prefix, client):
        """The address of a prefix on an interface: the one that the port was assigned, or that the kernel forms."""
        family = ipaddress.ip_network(prefix).version
        if client is None:
            got = host.wait_address(prefix, device=device)
            expect(got == eui64(prefix, nic.mac), f"{host.name} {device} formed {got}")
        else:
            got = client.wait_lease(prefix) if family == 4 else client.wait(prefix)
        assigned = [a for a in self.here.port(nic.port)["status"]["addresses"]
                    if ipaddress.ip_address(a) in ipaddress.ip_network(prefix)]
        expect(assigned == [got], f"{nic.port} was assigned {assigned}, {host.name} has {got} on {device}")
        return got

    def show(self):
        """All of it."""
        for device, nic in self.spec.nics.items():
            clients = [kind.name if kind else "the kernel" for kind in wiring.PREFIXES[nic.network].values()]
            words = (f"{a} by {c}" for a, c in zip(self.has[self.host.name, device], clients))
            self.here.say(f"{device} on {nic.network:5}  {', '.join(words)}")
        self.alone()
        self.reachable()
        self.guarded()

    def alone(self):
        """No interface has an address that another one's network gave."""
        for device in self.spec.nics:
            found = sorted(self.host.addresses(4, device) + self.host.addresses(6, device))
            expect(found == sorted(self.has[self.host.name, device]), f"{device} has {found}")

    def reachable(self):
        """Each peer and each NIC, in both directions; what one network carries is heard on no other."""
        nonces = {device: os.urandom(8).hex() for device in self.spec.nics}
        with self._captures() as captures:
            for device, peer in self.peers.items():
                pairs = zip(self.has[self.host.name, device], self.has[peer.name, "eth0"], strict=True)
                for own, other in pairs:
                    expect(self.host.ping(other, options=("-I", device, "-p", nonces[device])) == 3, f"{device} to {other}")
                    expect(peer.ping(own, options=("-p", nonces[device])) == 3, f"{peer.name} to {own}")
        for where, capture in captures.items():
            for device, nonce in nonces.items():
                heard = len(capture.fields("frame.number", display=f"frame contains {bytes.fromhex(nonce).hex(':')}"))
                expect((heard > 0) == (where[1] == device), f"{heard} packets of {device}'s network on {where}")
        self.here.say("each is reached by its peer and reaches it; nothing of one network was seen on another")

    def guarded(self):
        """Out of each NIC leaves what has its own MAC and addresses, and nothing with another NIC's."""
        nics = {device: (nic.mac, self.has[self.host.name, device]) for device, nic in self.spec.nics.items()}
        with self._captures("udp port 5353") as captures:
            self.host.scapy(SPOOF.format(nics=nics, mark=MARK))
            time.sleep(0.5)
        wanted = {(f"{MARK}{device}|{device}|{source}|{word}") for device, (_, sources) in nics.items()
                  for source in sources for word in ("ip", "ip and mac")}
        heard = {}
        for (name, device), capture in captures.items():
            if name != self.host.name:
                heard[device] = {bytes.fromhex(row[0]).decode() for row in capture.fields("udp.payload") if row[0]}
        for device, marks in heard.items():
            own = {mark for mark in wanted if mark.startswith(f"{MARK}{device}|")}
            expect(marks == own, f"{self.peers[device].name} heard {sorted(marks)}, expected {sorted(own)}")
        tried = sum(len(sources) for _, sources in nics.values()) * len(nics) * 2
        self.here.say(f"of {tried} frames with its NICs' sources, the {2 * sum(len(s) for _, s in nics.values())} honest ones arrived")

    @contextlib.contextmanager
    def _captures(self, expression=""):
        """At the host's NICs and at its peers, by host and the NIC whose network it is."""
        places = {(self.host.name, device): (self.host, device) for device in self.spec.nics}
        places |= {(peer.name, device): (peer, "eth0") for device, peer in self.peers.items()}
        with contextlib.ExitStack() as stack:
            yield {place: stack.enter_context(host.capture(expression, device)) for place, (host, device) in places.items()}
            time.sleep(0.3)


def two(here):
    """Requirement 5b: a network of each family, each on a NIC of its own."""
    Addressed(here, wiring.TWO).show()


def four(here):
    """Requirement 18."""
    Addressed(here, wiring.FOUR).show()
