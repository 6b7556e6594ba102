"""What is plugged where in this lab: the cables to `site.yaml`, and what is expected of each pair of modes."""

from dataclasses import dataclass

from sextantlab import ChassisSpec, HostSpec

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
DNS = ["2001:db8:53::1", "2001:db8:53::2"]


@dataclass(frozen=True)
class Pair:
    """A network, its pair of modes, and what becomes of a host on it."""

    network: str
    number: int  # the third group of its prefix
    ra: str  # ipv6_ra_mode; empty: absent
    address: str  # ipv6_address_mode
    flags: str  # of the router advertisement: which of A, M and O are set; None: nobody advertises
    dhcp: str  # what DHCPv6 gives: "address" (and settings), "settings" or nothing

    @property
    def prefix(self):
        """Its /64."""
        return f"2001:db8:0:{self.number:x}::/64"

    @property
    def domain(self):
        """What hosts search for names."""
        return f"{self.network}.example.net"

    @property
    def forms(self):
        """Whether kernels form an address here."""
        return "A" in (self.flags or "")


PAIRS = [
    Pair("slaac", 1, "slaac", "slaac", "A", ""),
    Pair("stateless", 2, "dhcpv6-stateless", "dhcpv6-stateless", "AO", "settings"),
    Pair("stateful", 3, "dhcpv6-stateful", "dhcpv6-stateful", "M", "address"),
    Pair("ra-slaac", 4, "slaac", "", "A", ""),
    Pair("ra-stateless", 5, "dhcpv6-stateless", "", "AO", ""),
    Pair("ra-stateful", 6, "dhcpv6-stateful", "", "M", ""),
    Pair("only-slaac", 7, "", "slaac", None, ""),
    Pair("only-stateless", 8, "", "dhcpv6-stateless", None, "settings"),
    Pair("only-stateful", 9, "", "dhcpv6-stateful", None, "address"),
    Pair("none", 10, "", "", None, ""),
]
SHORT = Pair("short", 11, "dhcpv6-stateful", "dhcpv6-stateful", "M", "address")
BY_NETWORK = {pair.network: pair for pair in [*PAIRS, SHORT]}

# The port on each network that all clients run on, in the order of PAIRS.
FIRST = ["sl1", "ss1", "sf1", "rl1", "rs1", "rf1", "ol1", "os1", "of1", "no1"]
GIVEN = {"sl3": "2001:db8:0:1::f00d", "sl4": "2001:db8:0:1::cafe", "ss3": "2001:db8:0:2::f00d", "ss4": "2001:db8:0:2::cafe",
         "sf2": "2001:db8:0:3::3"}
BY_HAND = ("sl4", "ss4")
SECOND_CHASSIS = ("sl2", "sf2", "sf3", "sl3", "ss3", "st2", "st4")


def _host(port, pair):
    last = int(port[-1])
    by_hand = [f"{GIVEN[port]}/64"] if port in BY_HAND else []
    return HostSpec("acme", port, pair.network, "hv2" if port in SECOND_CHASSIS else "hv1",
                    f"02:00:00:00:{pair.number:02x}:{last:02x}", addresses=by_hand)


def hosts(*ports):
    """Some of the hosts, or all."""
    everybody = [_host(port, pair) for port, pair in zip(FIRST, PAIRS)]
    everybody += [_host(port, BY_NETWORK["slaac"]) for port in ("sl2", "sl3", "sl4")]
    everybody += [_host(port, BY_NETWORK["stateless"]) for port in ("ss3", "ss4")]
    everybody += [_host(port, BY_NETWORK["stateful"]) for port in ("sf2", "sf3")]
    everybody += [_host(f"st{n}", SHORT) for n in (1, 2, 3, 4)]
    return [spec for spec in everybody if not ports or spec.port in ports]
