"""What the lab shows: IPsec between VMs is not looked into, not changed, and let through or not like anything else."""

import os
import time

from sextantlab import wait_until
from sextantlab.site import Site, expect
from sextantlab.site import site as site_of
from sextantlab.strongswan import StrongSwan

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))

# Security associations for scapy, the same at both ends.
KEYS = """
esp = SecurityAssociation(ESP, spi=0x1234, crypt_algo='AES-CBC', crypt_key=b'sixteenbytes key', auth_algo='HMAC-SHA1-96', auth_key=b'twentybyteslong key!')
ah = SecurityAssociation(AH, spi=0x4321, auth_algo='HMAC-SHA1-96', auth_key=b'twentybyteslong key!')
"""
SEND = KEYS + """
import os
inner = IPv6(src='{own}', dst='{peer}')/{payload}
neighbors = os.popen('ip -6 neigh show dev eth0').read().splitlines()
router = [line.split()[2] for line in neighbors if ' router ' in line and 'lladdr' in line][0]
sendp(Ether(src=get_if_hwaddr('eth0'), dst=router)/{sa}.encrypt(inner), iface='eth0')
"""
# What has come is opened with the same keys: it fails where a bit that counts was changed on the way.
OPEN = KEYS + """
for packet in rdpcap('{file}'):
    if IPv6 in packet and packet[IPv6].src == '{peer}' and ({kind} in packet):
        ip = IPv6(bytes(packet[IPv6]))
        print('opened', int.from_bytes(bytes({sa}.decrypt(ip).payload)[:2], 'big'), ip.hlim)
"""


def opened(isolation, say):
    """The lab, up, with all addresses formed."""
    return site_of(isolation, say, HERE, wiring.CHASSIS, wiring.HOSTS)


def outer(here, port):
    """A host's own address."""
    host = here.host(port)
    return host.wait_address(wiring.PREFIX[host.spec.network])


def tunnel(here, one, two, behind=None):
    """Both ends of a tunnel."""
    ends = []
    for own, other in ((one, two), (two, one)):
        inside, beyond = (wiring.INNER[behind[name] if behind else name] for name in (own, other))
        length = 64 if behind else 128
        ends.append(StrongSwan(here.host(own), outer(here, own), outer(here, other), f"{net(inside, length)}", f"{net(beyond, length)}"))
    return ends


def net(address, length):
    """The prefix that an inner address is of."""
    return f"{address}/128" if length == 128 else f"{address.rsplit('::', 1)[0]}::/64"


def hosts(here):
    """Two hosts on two networks, whose groups let nothing in but IKE and ESP."""
    for port in ("left", "right"):
        here.host(port).run("ip", "addr", "add", f"{wiring.INNER[port]}/128", "dev", "lo")
    left, right = tunnel(here, "left", "right")
    with left, right:
        expect(here.host("left").ping(outer(here, "right")) == 0, "an echo request in the clear was answered")
        expect(left.up(), f"no tunnel: {left.said()}")
        ping = ("-I", wiring.INNER["left"])
        wait_until("an echo through the tunnel", lambda: here.host("left").ping(wiring.INNER["right"], count=1, options=ping))
        with here.host("right").capture("ip6") as capture:
            got = here.host("left").ping(wiring.INNER["right"], count=5, options=ping)
            # Larger than what the network carries with all that ESP adds: fragments of UDP.
            large = here.host("left").ping(wiring.INNER["right"], count=5, options=(*ping, "-s", "1300"))
            time.sleep(0.3)
        expect((got, large) == (5, 5), f"of 5 each were answered {got}, large ones {large}; {right.said()}")
        seen = capture.fields("ipv6.src", "udp.port", "ipv6.fraghdr.offset", display="udp || ipv6.fraghdr")
        expect(seen and not [row for row in seen if "fd00:" in row[0]], f"inner addresses were seen outside: {seen}")
        fragments = len([row for row in seen if row[2]])
        expect(fragments > 0, "large packets were to be fragmented")
        here.controller.kill()
        meanwhile = here.host("left").ping(wiring.INNER["right"], count=10, options=ping)
        here.controller.start()
        expect(meanwhile == 10, f"while the controller was down {meanwhile} of 10 were answered")
        here.wait_active()
    here.say(f"IKE through groups, ESP within UDP: 10 of 10 echoes, {fragments} fragments among them, 10 of 10 with the controller killed")
    shut = StrongSwan(here.host("shut"), outer(here, "shut"), outer(here, "left"), "fd00:3::1/128", f"{wiring.INNER['left']}/128")
    again = StrongSwan(here.host("left"), outer(here, "left"), outer(here, "shut"), f"{wiring.INNER['left']}/128", "fd00:3::1/128")
    with shut, again:
        expect(not again.up(timeout=3), "a host without a rule for IKE was reached")
    here.say("a host without those rules hears nothing of IKE")


def gateways(here):
    """Hosts behind two gateways, whose addresses no router knows."""
    for port in ("in1", "in2"):
        inner, gateway = wiring.INNER[port], f"{wiring.INNER[port].rsplit('::', 1)[0]}::1"
        here.host(f"gw{port[2]}").run("ip", "addr", "add", f"{gateway}/64", "dev", port, "nodad")
        here.host(port).run("ip", "addr", "add", f"{inner}/64", "dev", "eth0", "nodad")
        here.host(port).run("ip", "-6", "route", "add", "default", "via", gateway)
    one, two = tunnel(here, "gw1", "gw2", {"gw1": "in1", "gw2": "in2"})
    with one, two:
        expect(one.up(), f"no tunnel: {one.said()}")
        wait_until("an echo from behind to behind", lambda: here.host("in1").ping(wiring.INNER["in2"], count=1))
        got = here.host("in1").ping(wiring.INNER["in2"], count=5)
        back = here.host("in2").ping(wiring.INNER["in1"], count=5, options=("-s", "1300"))
        expect((got, back) == (5, 5), f"of 5 each were answered {got} and, large, {back}")
        expect(here.host("in2").agent, "nobody listens")
        name = here.host("in1").tcp(wiring.INNER["in2"])
        expect(name == "acme-in2", f"TCP was answered by {name}")
    here.say("hosts behind two gateways reach each other, by echo, in fragments, by TCP")


def sealed(here):
    """ESP and AH as such, made and opened by scapy with the same keys: routed between networks without a changed bit."""
    cases = (
        # What is sealed, to whom, with what, whether it arrives.
        ("esp", "right", "UDP(sport=7000, dport=9)/Raw('x' * 100)", True),
        ("esp", "shut", "UDP(sport=7001, dport=9)/Raw('x' * 100)", False),
        # The switch reads what AH is before of.
        ("ah", "shut", "TCP(sport=7002, dport=80, flags='S')", True),
        ("ah", "shut", "TCP(sport=7003, dport=81, flags='S')", False),
        ("ah", "right", "TCP(sport=7004, dport=80, flags='S')", False),
    )
    left = here.host("left")
    for sa, to, payload, arrives in cases:
        own, peer = outer(here, "left"), outer(here, to)
        left.ping(peer, count=1)  # Each knows the other's MAC.
        with here.host(to).capture("ip6") as capture:
            left.scapy(SEND.format(sa=sa, own=own, peer=peer, payload=payload))
            time.sleep(0.7)
        kind = "ESP" if sa == "esp" else "AH"
        found = here.host(to).scapy(OPEN.format(sa=sa, peer=own, kind=kind, file=capture.file)).split()
        sport = payload[payload.index("sport=") + 6:][:4]
        wanted = ["opened", sport, "63"] if arrives else []
        expect(found == wanted, f"{kind} to {to} with {payload}: {found}, expected {wanted}")
    here.say("ESP by its rule, AH by the rules of what it carries; what arrives is opened with the same keys, hop limit 63")


PARTS = [("two hosts", hosts), ("two gateways", gateways), ("ESP and AH as such", sealed)]
