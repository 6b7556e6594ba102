"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, eui64, wait_until
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "2001:db8:a::/64"
# Somebody far away, behind the routers of VLAN 101, over both protocols.
FAR, FAR4 = "2001:db8:ee::1", "198.51.100.1"
ADDRESSES = ["2001:db8:100::10", "2001:db8:100::11"]
ADDRESSES4 = ["203.0.113.10", "203.0.113.11"]

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [HostSpec("acme", f"vm{n}", "red", f"hv{n}", f"02:00:00:00:01:0{n}", addresses=[f"10.1.0.1{n}/24"],
                  routes=["default via 10.1.0.1"]) for n in (1, 2, 3)]
# The first is preferred by what it advertises, the second is there if it goes.
OUTSIDE = [
    (HostSpec("up", "first", "public", "outside", "02:00:00:00:aa:01", forwards=True,
              addresses=["2001:db8:100::1/64", "203.0.113.1/24"]), 101),
    (HostSpec("up", "second", "public", "outside", "02:00:00:00:aa:02", forwards=True, addresses=["2001:db8:100::2/64"]), 101),
]


class Gateways(Site):
    """What the checks use."""

    radvd = None  # by the routers' names

    def outside(self, name):
        """A host on the physical network."""
        return self.lab.outside[name]

    def address(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        return eui64(PREFIX, self.host(port).spec.mac)

    def router(self):
        """The router as the controller shows it."""
        found = self.controller.get("router", "r1", "--tenant", "acme")
        return found[0] if isinstance(found, list) else found

    def holders(self):
        """Which gateway answers for which address."""
        return {held["ip_address"]: held["chassis"] for held in self.router()["status"]["gateway_addresses"]}

    def used(self):
        """Each chassis' default routers."""
        return {(hop["chassis"], hop["address"]) for hop in self.router()["status"]["gateway_nexthops"] if hop["used"]}

    def wait_holders(self, *chassis):
        """Waits until these gateways, and no other, hold addresses."""
        return wait_until(f"{chassis} hold the addresses", lambda: set(self.holders().values()) == set(chassis) and self.holders())


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up, with the routers outside advertising themselves, and the way back over both addresses."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), OUTSIDE) as lab:
        here = Gateways(lab, say)
        hops = " ".join(f"nexthop via {address} dev eth0" for address in ADDRESSES)
        hops4 = " ".join(f"nexthop via {address} dev eth0" for address in ADDRESSES4)
        for name, host in lab.outside.items():
            host.cmd(f"sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv4.ip_forward=1 net.ipv6.fib_multipath_hash_policy=1;"
                     f"ip -6 route add {PREFIX} {hops}")
            host.cmd(f"ip addr add {FAR}/128 dev lo; ip addr add {FAR4}/32 dev lo")
            if name == "first":
                host.cmd(f"ip route add 10.1.0.0/24 {hops4}")
        here.radvd = {name: Radvd(here.outside(name), "eth0", how) for name, how in (("first", "high"), ("second", "low"))}
        with here.radvd["first"], here.radvd["second"]:
            try:
                lab.controller.start()
                lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
                here.wait_active()
                wait_until("r1 Active", lambda: here.router()["status"]["phase"] == "Active")
                for host in lab.hosts.values():
                    host.wait_address(PREFIX)
                yield here
            except BaseException:
                print(lab.controller.run("get", "routers", "-o", "yaml").stdout)
                print("the controller's last words:\n" + lab.controller.tail())
                raise
