"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, eui64, wait_until
from sextantlab.bgp import Bird, Gobgpd
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "2001:db8:a::/64"
# Somebody far away, behind the router of VLAN 101, over both protocols.
FAR, FAR4 = "2001:db8:ee::1", "198.51.100.1"
# The router's addresses out there.
ADDRESSES = ["2001:db8:100::10", "2001:db8:100::11"]
ADDRESSES4 = ["203.0.113.10", "203.0.113.11"]
ROUTER, SPEAKER, NEIGHBOR = "2001:db8:100::1", "2001:db8:100::99", "2001:db8:100::77"

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [HostSpec("acme", f"vm{n}", "red", f"hv{n}", f"02:00:00:00:01:0{n}", addresses=[f"10.1.0.1{n}/24"],
                  routes=["default via 10.1.0.1"]) for n in (1, 2, 3)]
# Those on network blue have addresses of the prefix that is on the link out there; vm6 is not exposed.
NEAR = {f"vm{n}": f"2001:db8:100:0:b::{n}" for n in (4, 5, 6)}
HOSTS += [HostSpec("acme", f"vm{n}", "blue", chassis, f"02:00:00:00:01:0{n}", addresses=[f"{NEAR[f'vm{n}']}/128"])
          for n, chassis in ((4, "hv1"), (5, "hv3"), (6, "hv2"))]
# The router has bird, and no route by hand; a neighbour knows of nobody; gobgpd stands beside it, and forwards nothing.
OUTSIDE = [
    (HostSpec("up", "router", "public", "outside", "02:00:00:00:aa:01", forwards=True,
              addresses=[f"{ROUTER}/64", "203.0.113.1/24"]), 101),
    (HostSpec("up", "neighbor", "public", "outside", "02:00:00:00:aa:07", addresses=[f"{NEIGHBOR}/64"]), 101),
    (HostSpec("up", "speaker", "public", "outside", "02:00:00:00:aa:09", addresses=[f"{SPEAKER}/64"]), 101),
]


class Exposed(Site):
    """What the checks use."""

    def __init__(self, lab, say, gobgpd, bird):
        super().__init__(lab, say)
        self.gobgpd = gobgpd
        self.bird = bird

    def outside(self, name):
        """A host on the physical network."""
        return self.lab.outside[name]

    def address(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        return eui64(PREFIX, self.host(port).spec.mac)

    def exposure(self, name):
        """An exposure as the controller shows it."""
        found = self.controller.get("exposure", name, "--tenant", "acme")
        return found[0] if isinstance(found, list) else found

    def router(self):
        """The router's status."""
        found = self.controller.get("router", "r1", "--tenant", "acme")
        return (found[0] if isinstance(found, list) else found)["status"]

    def holders(self):
        """Which gateway answers for which address of the router."""
        return {held["ip_address"]: held["chassis"] for held in self.router()["gateway_addresses"]}

    def leaves(self):
        """The chassis that leave by a router out there, with its family: 4 or 6."""
        return {(hop["chassis"], 6 if ":" in hop["address"] else 4) for hop in self.router()["gateway_nexthops"] if hop["used"]}

    def held_by(self, chassis):
        """The IPv6 addresses that a gateway answers for."""
        return {address for address, holder in self.holders().items() if holder == chassis and ":" in address}

    def wait_holders(self, *chassis):
        """Waits until these gateways, and no other, hold addresses."""
        return wait_until(f"{chassis} hold the addresses", lambda: set(self.holders().values()) == set(chassis) and self.holders())

    def wait_phase(self, name, phase, timeout=30):
        """Waits until an exposure stands so; its reason."""
        return wait_until(f"{name} {phase}", lambda: (self.exposure(name)["status"]["phase"] == phase
                                                      and [self.exposure(name)["status"].get("reason", "")]), timeout)[0]


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up: the router outside advertises itself, and knows of nothing behind ours but by BGP or neighbour discovery."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), OUTSIDE) as lab:
        router, speaker = lab.outside["router"], lab.outside["speaker"]
        for host in lab.outside.values():
            host.cmd("sysctl -qw net.ipv6.conf.eth0.accept_ra=0")
        router.cmd("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.fib_multipath_hash_policy=1;"
                   f"ip addr add {FAR}/128 dev lo; ip addr add {FAR4}/32 dev lo")
        gobgpd = Gobgpd(speaker, 65010, "192.0.2.10")
        secret = os.path.join(isolation.rundir, "bgp.secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write("not a secret in a lab\n")
        bird = Bird(router, 65001, "192.0.2.1", ROUTER, SPEAKER, 65010, "not a secret in a lab")
        here = Exposed(lab, say, gobgpd, bird)
        with Radvd(router, "eth0"), gobgpd, bird:
            try:
                lab.controller.flags = ["--gobgp", gobgpd.api]
                lab.controller.start()
                with open(os.path.join(HERE, "site.yaml"), encoding="ascii") as file:
                    lab.controller.apply_text(file.read().replace("SECRET", secret), wait=None)
                here.wait_active()
                for host in lab.hosts.values():
                    if host.spec.network == "red":
                        host.wait_address(PREFIX)
                wait_until("ways out", lambda: len(here.leaves()) == 4)
                yield here
            except BaseException:
                print(lab.controller.run("get", "exposures", "-o", "yaml").stdout)
                print(bird.call("show", "protocols", "all", "speaker"), gobgpd.said())
                print("the controller's last words:\n" + lab.controller.tail())
                raise
