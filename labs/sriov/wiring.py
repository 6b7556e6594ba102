"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, eui64
from sextantlab.outside import OutsideLab
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = {"public": "2001:db8:100::/64", "stateful": "2001:db8:200::/64", "red": "2001:db8:a::/64"}
PREFIX4 = "203.0.113.0/24"
# Somebody far away, behind the router of VLAN 103.
FAR = "2001:db8:ee::1"

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [
    HostSpec("acme", "vm1", "public", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "public", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "rep1", "public", "hv1", "02:00:00:00:01:03"),
    HostSpec("acme", "dh1", "stateful", "hv1", "02:00:00:00:01:04"),
    HostSpec("acme", "rep2", "stateful", "hv1", "02:00:00:00:01:05"),
    HostSpec("acme", "red2", "red", "hv2", "02:00:00:00:02:02"),
    HostSpec("acme", "red3", "red", "hv3", "02:00:00:00:02:03"),
]
# Virtual functions: behind the physical switch, and behind no bridge. And a stranger on the same VLAN, and the router out there.
DIRECT = [
    (HostSpec("acme", "vf1", "public", "hv1", "02:00:00:00:0f:01"), 101),
    (HostSpec("acme", "vf2", "public", "hv2", "02:00:00:00:0f:02"), 101),
    (HostSpec("acme", "vf3", "stateful", "hv3", "02:00:00:00:0f:03"), 102),
    (HostSpec("acme", "two-vf", "public", "hv1", "02:00:00:00:0f:04"), 101),
]
OUTSIDE = [
    (HostSpec("up", "stranger", "public", "outside", "02:00:00:00:ee:01", addresses=["2001:db8:100::ee/64"]), 101),
    (HostSpec("up", "router", "transit", "outside", "02:00:00:00:aa:01", forwards=True, addresses=["2001:db8:300::1/64"]), 103),
]


class Sriov(Site):
    """What the checks use."""

    def host(self, port):
        """A port's host, wherever it is plugged."""
        return self.lab.outside.get(port) or super().host(port)

    def address(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        spec = self.host(port).spec
        return eui64(PREFIX[spec.network], spec.mac)

    def server(self, port):
        """The chassis that serves a VF."""
        return self.port(port)["status"].get("served_by", "")


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up; the VM with two NICs has one past the bridge and one at it."""
    lab = OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), DIRECT + OUTSIDE)
    two = lab.outside["two-vf"]
    two.spec.more = [HostSpec("acme", "two-vm", "red", "hv1", "02:00:00:00:02:04", interface="acme-two")]
    lab.net.addLink(two, lab.chassis["hv1"], intfName1="eth1", intfName2="acme-two", addr1="02:00:00:00:02:04")
    try:
        with lab:
            here = Sriov(lab, say)
            router = here.host("router")
            router.cmd(f"sysctl -qw net.ipv6.conf.eth0.accept_ra=0; ip addr add {FAR}/128 dev lo;"
                       f"ip -6 route add 2001:db8:100::/56 via 2001:db8:300::10; ip -6 route add 2001:db8:200::/64 via 2001:db8:300::10;"
                       f"ip -6 route add {PREFIX['red']} via 2001:db8:300::10")
            lab.controller.start()
            lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
            here.wait_active("vf1", "vf2", "vf3", "two-vf", "two-vm", *(spec.port for spec in HOSTS))
            yield here
    except BaseException:
        print("the controller's last words:\n" + lab.controller.tail())
        raise
    finally:
        two.spec.more = []
