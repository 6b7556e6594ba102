"""The attacks, by family: what is run, by which names its packets are dropped, and what of it is legal."""

from dataclasses import dataclass

from . import crafted
from .wiring import ADDRESSES, GATEWAY, LOCALS, MACS

VICTIM, FAR, OWN = ADDRESSES["victim"], ADDRESSES["far"], ADDRESSES["attacker"]
PROBE = "2001:db8:a::d00d"  # what the honest neighbour takes meanwhile
FAKE = "2001:db8:bad::/64"


@dataclass(frozen=True)
class Case:
    """One attack. `legal`: a display filter of what it may send, which is no attack; `why`, in words."""

    name: str
    family: str
    command: tuple = ()
    program: str = ""  # Python with scapy, in place of a command
    drops: tuple = ()  # at least one packet is dropped by each of these names
    legal: str = ""
    why: str = ""
    seconds: int = 3
    waits: bool = False  # it answers to what it hears, and hears nothing


def thc(tool, *args, family, **more):
    """A tool of thc-ipv6."""
    flags = args[:args.index("eth0")]
    return Case(" ".join((tool, *flags)).replace(f" -A {FAKE} -i 1", ""), family, (f"atk6-{tool}", *args), **more)


def si6(tool, *args, family, **more):
    """A tool of SI6's ipv6toolkit."""
    return Case(tool, family, (tool, "-i", "eth0", *args), **more)


def craft(name, family, *drops, **more):
    """Packets made by scapy: `crafted.py` has them by name."""
    return Case(f"scapy: {name.replace('_', ' ')}", family, program=crafted.program(name), drops=drops, **more)


ECHO = f"icmpv6.type == 128 && ipv6.src == {OWN}"
ERRORS = f"(icmpv6.type < 5 && ipv6.src == {OWN})"

ROUTERS = [
    *(thc("fake_router6", *flags, "eth0", FAKE, family="router", drops=drops) for flags, drops in (
        ((), ("rogue_router_advert",)), (("-H",), ("rogue_router_advert",)), (("-F",), ("rogue_router_advert",)),
        (("-D",), ("fragmented_nd",)), (("-H", "-F", "-D"), ("fragmented_nd",)))),
    *(thc("fake_router26", *flags, "-A", FAKE, "-i", "1", "eth0", family="router", drops=drops) for flags, drops in (
        ((), ("rogue_router_advert",)), (("-E", "H"), ("rogue_router_advert",)), (("-E", "1"), ("rogue_router_advert",)),
        (("-E", "111"), ("rogue_router_advert",)), (("-E", "H111"), ("rogue_router_advert",)), (("-E", "D"), ("fragmented_nd",)),
        (("-E", "F"), ()), (("-E", "O"), ()), (("-E", "o"), ()))),
    thc("flood_router6", "eth0", family="router", drops=("foreign_mac",)),
    thc("flood_router26", "eth0", family="router", drops=("foreign_mac",)),
    thc("flood_router26", "-F", "eth0", family="router", drops=("foreign_mac",)),
    thc("flood_router26", "-s", "eth0", family="router", drops=("foreign_mac",)),
    thc("kill_router6", "eth0", LOCALS["honest"], family="router"),
    thc("kill_router6", "-H", "eth0", LOCALS["honest"], family="router"),
    thc("kill_router6", "-F", "eth0", LOCALS["honest"], family="router"),
    si6("ra6", "-s", LOCALS["attacker"], "-d", "ff02::1", "-e", "-P", f"{FAKE}#LA", "-l", "-z", "1", family="router", drops=("rogue_router_advert",)),
    craft("unicast_advert", "router", "rogue_router_advert"),
    craft("adverts_behind_headers", "router", "rogue_router_advert"),
    craft("tagged_advert", "router", "vlan_tag"),
    craft("advert_in_second_fragment", "router", "unparsable_headers", "fragmented_nd"),
    craft("advert_in_overlapping_fragments", "router", "fragmented_nd"),
    craft("carried_advert", "router", "tunnel_carrier"),
]
REDIRECTS = [
    thc("redir6", "eth0", VICTIM, FAR, GATEWAY, OWN, family="redirect", drops=("foreign_mac",),),
    *(thc("flood_redir6", *flags, "eth0", VICTIM, family="redirect") for flags in ((), ("-H",), ("-F",))),
    si6("rd6", "-d", VICTIM, "-s", LOCALS["attacker"], "-r", FAR, "-t", LOCALS["attacker"], "-l", "-z", "1", family="redirect",
        drops=("rogue_redirect",)),
    craft("redirect", "redirect", "rogue_redirect"),
]
NEIGHBORS = [
    thc("fake_advertise6", "-n", "3", "-w", "1", "eth0", GATEWAY, family="neighbor", drops=("foreign_neighbor_advert",)),
    thc("fake_advertise6", "-n", "3", "-w", "1", "eth0", VICTIM, FAR, family="neighbor"),
    *(thc("fake_advertise6", flag, "-n", "3", "-w", "1", "eth0", GATEWAY, family="neighbor") for flag in ("-H", "-f", "-D", "-F")),
    thc("fake_solicitate6", "eth0", VICTIM, family="neighbor"),
    thc("fake_solicitate6", "eth0", FAR, VICTIM, MACS["attacker"], VICTIM, family="neighbor"),
    thc("parasite6", "-l", "-R", "eth0", family="neighbor", waits=True),
    thc("flood_advertise6", "eth0", family="neighbor", drops=("foreign_mac",)),
    thc("flood_advertise6", "-k", "eth0", VICTIM, family="neighbor"),
    thc("flood_solicitate6", "eth0", family="neighbor", drops=("foreign_mac",)),
    thc("flood_solicitate6", "-k", "eth0", VICTIM, family="neighbor"),
    si6("na6", "-s", LOCALS["attacker"], "-d", "ff02::1", "-t", GATEWAY, "-e", "-o", "-l", "-z", "1", family="neighbor", drops=("foreign_neighbor_advert",)),
    si6("ns6", "-s", LOCALS["attacker"], "-d", VICTIM, "-t", VICTIM, "-E", "02:00:00:00:09:09", "-l", "-z", "1", family="neighbor"),
    craft("adverts_for_others", "neighbor", "foreign_neighbor_advert"),
    craft("advert_with_anothers_mac", "neighbor", "foreign_neighbor_advert"),
    craft("solicit_with_anothers_mac", "neighbor", "foreign_neighbor_solicit"),
    craft("malformed_discovery", "neighbor", "malformed_nd"),
    craft("discovery_in_fragments", "neighbor", "fragmented_nd"),
    craft("arp_lies", "neighbor", "spoofed_source"),
]
DAD = [
    thc("dos-new-ip6", "eth0", family="dad", waits=True),
    thc("dos-new-ip6", "-S", "eth0", family="dad", waits=True),
    craft("objections_to_dad", "dad", "foreign_neighbor_advert"),
]
DHCP = [
    thc("fake_dhcps6", "eth0", FAKE, OWN, family="dhcp"),
    craft("dhcp6_answers", "dhcp", "rogue_dhcp_server"),
    craft("dhcp6_answers_in_fragments", "dhcp", "fragmented_control"),
    craft("dhcp4_answers", "dhcp", "rogue_dhcp_server"),
    thc("flood_dhcpc6", "eth0", family="dhcp"),
    thc("flood_dhcpc6", "-N", "eth0", family="dhcp"),
    *(thc("fuzz_dhcpc6", f"-{kind}", "-v", LOCALS["victim"], "eth0", family="dhcp") for kind in "27A"),
    thc("fuzz_dhcps6", "-8", "eth0", family="dhcp"),
]
REPORTS = f"(icmpv6.type == 131 || icmpv6.type == 132 || icmpv6.type == 143) && ipv6.src == {LOCALS['attacker']}"
MULTICAST = [
    thc("fake_mld6", "-l", "eth0", "query", "ff02::1", family="multicast", drops=("rogue_multicast_router",)),
    thc("fake_mld26", "-l", "eth0", "query", "ff02::1", family="multicast", drops=("rogue_multicast_router",)),
    thc("fake_mld6", "-l", "eth0", "add", "ff05::99", family="multicast", legal=REPORTS, why="it may listen to any group"),
    thc("fake_mldrouter6", "-l", "eth0", "advertise", family="multicast", drops=("rogue_multicast_router",)),
    thc("fake_mldrouter6", "-l", "eth0", "terminate", family="multicast", drops=("rogue_multicast_router",)),
    thc("fake_pim6", "-l", "eth0", "hello", family="multicast", drops=("rogue_multicast_router",)),
    thc("flood_mld6", "eth0", family="multicast"),
    thc("flood_mld26", "eth0", family="multicast"),
    thc("flood_mldrouter6", "eth0", family="multicast"),
    craft("queries", "multicast", "rogue_multicast_router"),
]
FRAGMENTS = [
    si6("frag6", "-d", VICTIM, "-F", "20", family="fragments", legal=f"(ipv6.fraghdr || {ECHO})",
        why="fragments of packets of its own"),
    thc("fragmentation6", "-p", "-n", "1", "eth0", VICTIM, family="fragments", legal=f"ipv6.src == {OWN} || ipv6.src == {LOCALS['attacker']}",
        why="fragments of echo requests of its own", seconds=8),
    craft("truncated_first_fragments", "fragments", "truncated_headers"),
    craft("mobility_and_tunnels", "fragments", "tunnel_carrier"),
]
SPOOFING = [
    thc("smurf6", "eth0", VICTIM, family="source", drops=("foreign_mac",)),
    thc("rsmurf6", "eth0", VICTIM, family="source", drops=("foreign_mac",)),
    thc("toobig6", "eth0", VICTIM, FAR, "1280", family="source", legal=f"{ERRORS} || {ECHO}",
        why="ICMPv6 errors of its own, about packets that the victim never sent"),
    thc("flood_unreach6", "-R", "eth0", VICTIM, family="source", drops=("spoofed_source",)),
    thc("flood_rs6", "eth0", family="source"),
    thc("flood_rs6", "-S", "eth0", family="source", drops=("foreign_mac",)),
    thc("thcsyn6", "-R", "eth0", VICTIM, "80", family="source", drops=("spoofed_source",)),
    thc("ndpexhaust26", "-R", "eth0", "2001:db8:a::/64", family="source"),
    thc("ndpexhaust26", "-p", "eth0", "2001:db8:a::/64", family="source", legal=ECHO, why="echo requests of its own"),
    craft("spoofed_sources", "source", "spoofed_source", "foreign_mac", "ethertype"),
]
ALL = [*ROUTERS, *REDIRECTS, *NEIGHBORS, *DAD, *DHCP, *MULTICAST, *FRAGMENTS, *SPOOFING]
# One of each family, for the system tests.
SOME = ["fake_router26", "fake_router26 -E D", "scapy: redirect", "scapy: advert with anothers mac", "scapy: objections to dad",
        "scapy: dhcp6 answers", "scapy: queries", "scapy: truncated first fragments", "scapy: spoofed sources"]
