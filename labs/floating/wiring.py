"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, eui64, wait_until
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "fd00:1:1:a::/64"
# What everybody of red is outside who is nobody else there.
ROUTER4 = "203.0.113.10"
# The router out there, on the link.
ON_LINK4 = "203.0.113.1"
# Of the network that has another prefix outside, and what that is by RFC 6296: bits 48 to 63 make up for the difference of the two.
BLUE, BLUE_OUTSIDE = "fd00:2:2:b::/64", "2001:db8:b:cf4b::/64"
# Somebody far away, behind the router of VLAN 101, over both protocols.
FAR, FAR4 = "2001:db8:ee::1", "198.51.100.1"
# What hosts are outside: over IPv6, over IPv4.
OUTSIDE_OF = {"vm1": ("2001:db8:100::81", "203.0.113.81"), "vm3": ("2001:db8:100::83", "203.0.113.83")}

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [HostSpec("acme", f"vm{n}", "red", f"hv{n}", f"02:00:00:00:01:0{n}", addresses=[f"10.1.0.1{n}/24"],
                  routes=["default via 10.1.0.1"]) for n in (1, 2, 3)]
HOSTS += [HostSpec("acme", "vm6", "red", "hv3", "02:00:00:00:01:06", addresses=["10.1.0.16/24"], routes=["default via 10.1.0.1"])]
HOSTS += [HostSpec("acme", "vm4", "blue", "hv1", "02:00:00:00:01:04"), HostSpec("acme", "vm5", "blue", "hv3", "02:00:00:00:01:05")]
OUTSIDE = [(HostSpec("up", "first", "public", "outside", "02:00:00:00:aa:01", forwards=True,
                     addresses=["2001:db8:100::1/64", "203.0.113.1/24"]), 101)]


class Floating(Site):
    """What the checks use."""

    @property
    def router(self):
        """The router on the physical network, which is also who is far away: it knows no prefix of the tenant's."""
        return self.lab.outside["first"]

    def inside(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        return eui64(BLUE if port in ("vm4", "vm5") else PREFIX, self.host(port).spec.mac)

    def mapped(self, port):
        """What a host of the mapped prefix is outside."""
        return eui64(BLUE_OUTSIDE, self.host(port).spec.mac)

    def floating(self, name):
        """A floating IP's status."""
        found = self.controller.get("floating_ip", name, "--tenant", "acme")
        return (found[0] if isinstance(found, list) else found)["status"]

    def holder4(self):
        """The chassis that answers for the router's IPv4 address, and remembers connections."""
        held = self.controller.get("router", "r1", "--tenant", "acme")["status"]["gateway_addresses"]
        return next(entry["chassis"] for entry in held if entry["ip_address"] == ROUTER4)

    def wait_ways_out(self):
        """Waits until both chassis on the physical network have found the router there, over both protocols."""
        def used():
            hops = [hop for name in ("r1", "r2") for hop in self.controller.get("router", name, "--tenant", "acme")["status"]["gateway_nexthops"]]
            return sum(hop["used"] for hop in hops) >= 6

        wait_until("ways out", used)

    def wait_floating(self, name, **want):
        """Waits until a floating IP's status says so."""
        return wait_until(f"{name} {want}", lambda: all(self.floating(name)[key] == value for key, value in want.items()))


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up, with the router outside advertising itself."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), OUTSIDE) as lab:
        here = Floating(lab, say)
        here.router.cmd(f"sysctl -qw net.ipv6.conf.eth0.accept_ra=0; ip addr add {FAR}/128 dev lo; ip addr add {FAR4}/32 dev lo;"
                        f"ip -6 route add 2001:db8:b::/48 via 2001:db8:100::20 dev eth0")
        with Radvd(here.router, "eth0", "high"):
            try:
                lab.controller.start()
                lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
                here.wait_active()
                for name in ("vm1-v6", "vm3-v6", "vm6-v6", "vm1-v4", "vm3-v4"):
                    here.wait_floating(name, phase="Active")
                here.wait_ways_out()
                for host in [*lab.hosts.values(), here.router]:
                    host.agent  # answers TCP and UDP from now on
                for host in lab.hosts.values():
                    host.wait_address(BLUE if host.spec.network == "blue" else PREFIX)
                yield here
            except BaseException:
                print(lab.controller.run("get", "floating_ips", "-o", "yaml").stdout)
                print(lab.controller.run("get", "routers", "-o", "yaml").stdout)
                print("the controller's last words:\n" + lab.controller.tail())
                raise
