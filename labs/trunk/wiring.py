"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, eui64
from sextantlab.host import Host
from sextantlab.lab import Lab
from sextantlab.outside import OutsideSwitch
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64", "green": "2001:db8:c::/64"}

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
HOSTS = [
    HostSpec("acme", "here", "blue", "hv1", "02:00:00:00:02:02"),
    HostSpec("acme", "there", "blue", "hv2", "02:00:00:00:02:03"),
]
# What the VM has of its one interface: what is untagged, and two tags.
INNER = [
    (HostSpec("acme", "trunk", "red", "hv1", "02:00:00:00:01:01", interface="in-trunk"), 0),
    (HostSpec("acme", "sub20", "blue", "hv1", "02:00:00:00:02:01", interface="in-sub20"), 20),
    (HostSpec("acme", "sub30", "green", "hv1", "02:00:00:00:03:01", interface="in-sub30"), 30),
]


class Trunk(Site):
    """What the checks use."""

    def host(self, port):
        """A port's host, wherever it is."""
        return self.lab.inner.get(port) or super().host(port)

    def address(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        spec = self.host(port).spec
        return eui64(PREFIX[spec.network], spec.mac)


class TrunkLab(Lab):
    """A lab with a VM that has one interface and three networks. The kernel here has no VLAN interfaces: a bridge within the VM makes the
    tags, and each of its networks is a namespace."""

    def __init__(self, isolation):
        super().__init__(isolation, CHASSIS, HOSTS)
        vm = self.net.addSwitch("vm", cls=OutsideSwitch, rundir=isolation.rundir)
        self.net.addLink(self.chassis["hv1"], vm, intfName1="acme-trunk", intfName2="vm-eth0")
        self.inner = {}
        for spec, vlan in INNER:
            host = self.net.addHost(spec.name, cls=Host, spec=spec, ip=None, mac=None)
            host.plug_into(self.net, vm)
            if vlan:
                vm.vlans[spec.interface] = vlan
            self.inner[spec.port] = host

    def __enter__(self):
        super().__enter__()
        for host in self.inner.values():
            host.configure()
        return self


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up."""
    with TrunkLab(isolation) as lab:
        here = Trunk(lab, say)
        try:
            lab.controller.start()
            lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
            here.wait_active("trunk", "sub20", "sub30", "here", "there")
            yield here
        except BaseException:
            print("the controller's last words:\n" + lab.controller.tail())
            raise
