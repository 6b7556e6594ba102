"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec, eui64

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
PREFIX = {"lan": "2001:db8:0:1::/64", "far": "2001:db8:0:2::/64"}
POOL = "2001:db8:d000::/40"
DOWNSTREAM = "lan0"

HOSTS = [
    # A router, and a host that is on nothing but its second interface.
    HostSpec("acme", "cpe", "lan", "hv1", "02:00:00:00:01:01", forwards=True),
    HostSpec("acme", "behind", "", "", "02:00:00:00:0b:01", behind="acme-cpe", interface=DOWNSTREAM),
    HostSpec("acme", "near1", "lan", "hv1", "02:00:00:00:01:02"),
    HostSpec("acme", "near2", "lan", "hv2", "02:00:00:00:01:03"),
    HostSpec("acme", "far1", "far", "hv1", "02:00:00:00:02:01"),
    HostSpec("acme", "far2", "far", "hv2", "02:00:00:00:02:02"),
]
OTHERS = ("near1", "near2", "far1", "far2")


def address(host):
    """The address that a host's kernel forms of its network's prefix, or of what is advertised behind the router."""
    prefix = PREFIX.get(host.spec.network)
    return eui64(prefix, host.spec.mac) if prefix else host.addresses()[0]
