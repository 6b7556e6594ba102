"""What is plugged where in this lab: the cables to `site.yaml`. The system tests use it too."""

from sextantlab import ChassisSpec, HostSpec, eui64

PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64"}

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]

HOSTS = [
    HostSpec("acme", "vm1", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "red", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "vm3", "red", "hv3", "02:00:00:00:01:03"),
    HostSpec("acme", "vm4", "blue", "hv1", "02:00:00:00:02:04"),
    HostSpec("acme", "vm5", "blue", "hv2", "02:00:00:00:02:05"),
    HostSpec("acme", "vm6", "blue", "hv3", "02:00:00:00:02:06"),
    HostSpec("umbra", "vm1", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("umbra", "vm2", "red", "hv3", "02:00:00:00:01:02"),
    HostSpec("umbra", "vm4", "blue", "hv1", "02:00:00:00:02:04"),
    HostSpec("umbra", "vm5", "blue", "hv2", "02:00:00:00:02:05"),
    HostSpec("umbra", "vm7", "red", "hv2", "02:00:00:00:01:07"),
]


def address(host):
    """The address that a host's kernel makes of its network's prefix."""
    return eui64(PREFIX[host.spec.network], host.spec.mac)


def expected(source, target):
    """How a host reaches another: on its own network, by the router of its chassis, across chassis, or not at all."""
    if source.spec.tenant != target.spec.tenant:
        return None
    if source.spec.network == target.spec.network:
        return "same"
    return "routed" if source.spec.chassis == target.spec.chassis else "across"
