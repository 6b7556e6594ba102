"""What is plugged where in this lab, and the lab with its controller up, the delegating router not yet started."""

import contextlib
import ipaddress
import os

from sextantlab import ChassisSpec, HostSpec, eui64, wait_until
from sextantlab.delegating import Kea
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
POOL, OTHER = "2001:db8:5000::/44", "2001:db8:6000::/44"
FAR = "2001:db8:ee::1"
ADDRESSES = ["2001:db8:100::10", "2001:db8:100::11"]

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [HostSpec("acme", f"vm{n}", network, f"hv{n}", f"02:00:00:00:01:0{n}")
         for n, network in ((1, "red"), (2, "blue"), (3, "red"))]
OUTSIDE = [(HostSpec("up", "isp", "public", "outside", "02:00:00:00:aa:01", forwards=True, addresses=["2001:db8:100::1/64"]), 101)]


class Uplink(Site):
    """What the checks use."""

    def __init__(self, lab, say):
        super().__init__(lab, say)
        self.isp = lab.outside["isp"]
        self.server = None

    def one(self, kind, name):
        """A resource of the tenant's as the controller shows it."""
        found = self.controller.get(kind, name, "--tenant", "acme")
        return found[0] if isinstance(found, list) else found

    def status(self):
        """The delegation's."""
        return self.one("delegation", "uplink")["status"]

    def granted(self):
        """The delegated prefixes."""
        return [granted["prefix"] for granted in self.status().get("granted", [])]

    def cidrs(self, subnet):
        """A subnet's prefixes, the new one last."""
        return self.one("subnet", subnet)["status"].get("cidrs", [])

    def wait_prefix(self, pool, timeout=40):
        """Waits until both subnets have a prefix of a pool, the last one that they have; those."""
        def has():
            found = [self.cidrs(subnet)[-1:] for subnet in ("red6", "blue6")]
            inside = all(one and ipaddress.ip_network(one[0]).subnet_of(ipaddress.ip_network(pool)) for one in found)
            return [one[0] for one in found] if inside else None
        return wait_until(f"prefixes of {pool}", has, timeout=timeout)

    def address(self, port, prefixes):
        """The address that a host's kernel makes of its network's prefix."""
        host = self.host(port)
        return eui64(prefixes[0 if host.spec.network == "red" else 1], host.spec.mac)


@contextlib.contextmanager
def site(isolation, say=print, server=Kea):
    """The lab, up: the router outside advertises itself, and leads back to what it delegates over both addresses."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), OUTSIDE) as lab:
        here = Uplink(lab, say)
        hops = " ".join(f"nexthop via {address} dev eth0" for address in ADDRESSES)
        here.isp.cmd("sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.fib_multipath_hash_policy=1;"
                     f"ip -6 route add {POOL} {hops}; ip -6 route add {OTHER} {hops}; ip addr add {FAR}/128 dev lo")
        here.server = server(here.isp, POOL)
        with Radvd(here.isp, "eth0"):
            try:
                lab.controller.start()
                lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
                here.wait_active()
                yield here
            except BaseException:
                print(lab.controller.run("get", "delegations", "-o", "yaml").stdout)
                print("the controller's last words:\n" + lab.controller.tail())
                print(f"{here.server.name}'s last words:\n" + here.server.said()[-3000:])
                raise
            finally:
                here.server.stop()
