"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
RED, LONE, OLD = "2001:db8:a::/64", "2001:db8:c::/64", "10.9.0.0/24"
HOSTS = [
    HostSpec("acme", "vm1", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "red", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "lone", "lone", "hv2", "02:00:00:00:03:01"),
    HostSpec("acme", "old", "old", "hv1", "02:00:00:00:04:01"),
    HostSpec("umbra", "vm1", "red", "hv1", "02:00:00:00:01:01"),
]
DEVICE = "11111111-2222-3333-4444-555555555555"
# The service's addresses: OpenStack's, EC2's, everybody's for IPv4; and its MAC.
OPENSTACK, EC2, IPV4 = "fe80::a9fe:a9fe", "fd00:ec2::254", "169.254.169.254"
MAC = "02:53:04:a9:fe:fe"
