"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}", managed=True) for n in (1, 2)]
HOSTS = [
    HostSpec("acme", "vm1", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "red", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "vm3", "blue", "hv2", "02:00:00:00:01:03"),
]
# What each machine's manager writes to its interface.
IFACE_IDS = {"vm1": "acme/vm1", "vm2": "vm2", "vm3": "11111111-2222-3333-4444-555555555555"}
