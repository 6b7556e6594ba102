"""What is plugged where in this lab, and the lab with its controller up, tayga not yet started."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, wait_until
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site
from sextantlab.tayga import Tayga

HERE = os.path.dirname(os.path.abspath(__file__))
FAR4, FAR4_AS_V6 = "203.0.113.200", "2001:db8:64::cb00:71c8"
FAR6 = "2001:db8:ee::1"
VM1_AS_V4, VM4_AS_V6 = "198.51.100.80", "2001:db8:46::14"

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
HOSTS = [
    HostSpec("acme", "vm1", "red", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "red", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "vm4", "old", "hv2", "02:00:00:00:01:04", addresses=["10.4.0.14/24"], routes=["default via 10.4.0.1"]),
    HostSpec("acme", "vm5", "old", "hv1", "02:00:00:00:01:05", addresses=["10.4.0.15/24"], routes=["default via 10.4.0.1"]),
    HostSpec("acme", "xlat", "core", "hv1", "02:00:00:00:01:64", addresses=["10.64.0.64/24"], routes=["default via 10.64.0.1"],
             forwards=True),
]
OUTSIDE = [(HostSpec("up", "isp", "public", "outside", "02:00:00:00:aa:01", forwards=True,
                     addresses=["2001:db8:100::1/64", "192.0.2.1/24"]), 101)]


class Translation(Site):
    """What the checks use."""

    def __init__(self, lab, say):
        super().__init__(lab, say)
        self.isp = lab.outside["isp"]
        self.tayga = None

    def translator(self):
        """The translator as the controller shows it."""
        found = self.controller.get("translator", "nat64", "--tenant", "acme")
        return found[0] if isinstance(found, list) else found


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up: the router outside has a way back to what is the tenant's, over one address of each family."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1",), OUTSIDE) as lab:
        here = Translation(lab, say)
        here.isp.cmd("sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv4.ip_forward=1;"
                     "for net in a c 46; do ip -6 route add 2001:db8:$net::/64 via 2001:db8:100::10; done;"
                     "ip route add 198.51.100.0/24 via 192.0.2.10;"
                     f"ip addr add {FAR6}/128 dev lo; ip addr add {FAR4}/32 dev lo")
        with Radvd(here.isp, "eth0"):
            try:
                lab.controller.start()
                lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
                here.wait_active()
                for port in ("vm1", "vm2"):
                    here.host(port).wait_address("2001:db8:a::/64")
                here.host("xlat").wait_address("2001:db8:c::/64")
                here.tayga = Tayga(here.host("xlat"), here.translator())
                wait_until("a way out", lambda: here.host("vm2").ping(FAR6, count=1) == 1)
                with here.tayga:
                    yield here
            except BaseException:
                print(lab.controller.run("get", "translators", "-o", "yaml").stdout)
                print("the controller's last words:\n" + lab.controller.tail())
                if here.tayga and os.path.exists(os.path.join(here.tayga.home, "log")):
                    print("tayga's last words:\n" + here.tayga.said()[-3000:])
                raise
