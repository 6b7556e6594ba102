"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec, eui64

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64"}
NUMBER = {"red": 1, "blue": 2}


def _host(network, n, chassis, **more):
    number = NUMBER[network]
    return HostSpec("acme", f"{network}{n}", network, f"hv{chassis}", f"02:00:00:00:0{number}:0{n}",
                    addresses=[f"10.{number}.0.1{n}/24"], routes=[f"default via 10.{number}.0.1"], **more)


# Of red: who sends, a neighbour, two on the second hypervisor, one on the third, and a router on the first.
HOSTS = [
    _host("red", 1, 1), _host("red", 2, 1), _host("red", 3, 2), _host("red", 4, 2), _host("red", 5, 3), _host("red", 6, 1),
    _host("blue", 1, 1), _host("blue", 2, 2), _host("blue", 3, 3),
]


def address(host):
    """The address that a host's kernel forms of its network's prefix."""
    return eui64(PREFIX[host.spec.network], host.spec.mac)


def address4(host):
    """Its IPv4 address."""
    return host.spec.addresses[0].split("/")[0]
