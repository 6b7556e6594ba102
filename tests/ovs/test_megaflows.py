"""How many datapath flows many addresses make: a host that tries ten thousand must not make ten thousand."""

import ipaddress
import re

import wiring
from common import GATEWAY, dvr, eventually, some_hosts
from sextantlab import eui64

PACKETS = 10000
# Ports of blue on hv2, for which nobody needs to be there: the rows of hv1 know where they would be.
LIVE = 40
VM6 = "  - {name: vm6, network: blue,"

# A datagram to the router for each packet, with an address of its own that random bits below a prefix make; slowly enough
# for the switch to see each, fast enough for datapath flows to be all there in the end (they go when idle for 10 s).
SPRAY = """
import random, socket, struct, time
rng = random.Random(7)
dst_mac, src_mac = bytes.fromhex('{router}'), bytes.fromhex('{mac}')
own, other = (socket.inet_pton(socket.AF_INET6, a) for a in ('{own}', '{other}'))
base = int.from_bytes(socket.inet_pton(socket.AF_INET6, '{prefix}'), 'big')
fixed = {fixed}
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
for i in range({packets}):
    made = fixed[i % len(fixed)] if fixed else base | rng.getrandbits({bits})
    made = made.to_bytes(16, 'big')
    src, dst = (made, other) if {spoof} else (own, made)
    udp = struct.pack('!HHHH', 2000, 33434, 8, 1)
    s.send(dst_mac + src_mac + b'\\x86\\xdd' + struct.pack('!IHBB', 6 << 28, 8, 17, 64) + src + dst + udp)
    if i % 25 == 24:
        time.sleep(.01)
"""


def more_ports():
    """Ports of blue, and a route to all of 2600::/12 by vm6."""
    ports = "".join(
        f'  - {{name: live{n}, network: blue, mac_address: "{live_mac(n)}", '
        f"binding: {{chassis: hv2, interface: live{n}}}}}\n" for n in range(LIVE))
    route = f'routes: [{{destination: "2600::/12", nexthop: "{eui64(wiring.PREFIX["blue"], "02:00:00:00:02:06")}"}}]'
    return [(VM6, ports + VM6),
            ("interfaces: [{subnet: red6}, {subnet: blue6}]", "interfaces: [{subnet: red6}, {subnet: blue6}]\n    " + route)]


def live_mac(n):
    """MACs far apart, as they are of hosts that nobody numbered."""
    return f"06:{(n * 37) % 256:02x}:{(n * 101) % 256:02x}:00:03:{n:02x}"


class Sprayer:
    """vm1, and the switch that it sends to."""

    def __init__(self, lab):
        self.vm1 = lab.host("acme", "vm1")
        self.chassis = lab.chassis["hv1"]
        self.vm1.ping(GATEWAY["red"], count=1)
        neighbour = self.vm1.run("ip", "-6", "neigh", "show", GATEWAY["red"], "dev", "eth0").stdout
        self.router = neighbour.split("lladdr ")[1].split()[0]

    def datapath_flows(self):
        """How many there are now."""
        return len(self.chassis.ovs.appctl("dpctl/dump-flows", "netdev@ovs-netdev").splitlines())

    def received(self):
        """Packets that the switch has taken from vm1."""
        text = self.chassis.ovs.vsctl("get", "interface", "acme-vm1", "statistics")
        return int(re.search(r"rx_packets=(\d+)", text)[1])

    def spray(self, what, prefix="::", bits=0, fixed=(), spoof=False, packets=PACKETS):
        """How many datapath flows packets with many addresses add."""
        self.chassis.ovs.appctl("revalidator/purge")
        before, flows = self.received(), self.datapath_flows()
        self.vm1.run("/usr/bin/python3", "-c", SPRAY.format(
            router=self.router.replace(":", ""), mac=self.vm1.spec.mac.replace(":", ""), own=wiring.address(self.vm1),
            other=eui64(wiring.PREFIX["blue"], "02:00:00:00:02:06"), prefix=prefix, bits=bits, fixed=list(fixed),
            spoof=spoof, packets=packets), timeout=60)
        more = self.datapath_flows() - flows
        # The counter is a second behind at most.
        eventually("the switch saw the packets", lambda: self.received() - before >= packets * 0.95)
        print(f"{what}: {packets} packets, {more} datapath flows")
        return more


def test_addresses_share_datapath_flows(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm6"), edits=more_ports()) as lab:
        sprayer = Sprayer(lab)
        assert sprayer.spray("behind a route", "2600::", 116) < 100
        live = [int(ipaddress.ip_address(eui64(wiring.PREFIX["blue"], live_mac(n)))) for n in range(LIVE)]
        assert sprayer.spray("live hosts of a connected /64", fixed=live, packets=1000) <= 2 * LIVE
        # As many as there are places where the addresses of hosts part, and not more: here 64 bits for each at most.
        assert sprayer.spray("dead hosts of a connected /64", "2001:db8:b::", 64) < 200
        assert sprayer.spray("without a route", "3000::", 124) < 100
        assert sprayer.spray("spoofed sources anywhere", "2000::", 124, spoof=True) < 100
        assert sprayer.spray("spoofed sources of the own /64", "2001:db8:a::", 64, spoof=True) < 200
