"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64"}
HOSTS = [
    HostSpec("acme", "left", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "right", "blue", "hv2", "02:00:00:00:02:01"),
    HostSpec("acme", "shut", "blue", "hv2", "02:00:00:00:02:02"),
    # Gateways, and hosts that are on nothing but what is behind those.
    HostSpec("acme", "gw1", "red", "hv1", "02:00:00:00:01:03", forwards=True),
    HostSpec("acme", "in1", "", "", "02:00:00:00:0b:01", behind="acme-gw1", interface="in1"),
    HostSpec("acme", "gw2", "blue", "hv2", "02:00:00:00:02:03", forwards=True),
    HostSpec("acme", "in2", "", "", "02:00:00:00:0b:02", behind="acme-gw2", interface="in2"),
]
# What is inside the tunnels: addresses that nobody outside has ever heard of.
INNER = {"left": "fd00:1::1", "right": "fd00:2::1", "in1": "fd00:11::5", "in2": "fd00:12::5"}
