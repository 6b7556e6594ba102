"""What is plugged where in this lab, and the lab with its controller up and the intent applied."""

import contextlib
import os
import subprocess
import time

from sextantlab import ChassisSpec, HostSpec, eui64, wait_until
from sextantlab.outside import OutsideLab
from sextantlab.radvd import Radvd
from sextantlab.site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = {"public": "2001:db8:100::/64", "yard": "2001:db8:200::/64", "own": "2001:db8:300::/64"}
# Somebody far away, behind the router of VLAN 101.
FAR = "2001:db8:ee::1"

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]
HOSTS = [
    HostSpec("acme", "vm1", "public", "hv1", "02:00:00:00:01:01"),
    HostSpec("acme", "vm2", "public", "hv2", "02:00:00:00:01:02"),
    HostSpec("acme", "vm3", "public", "hv3", "02:00:00:00:01:03"),
    HostSpec("acme", "flat1", "yard", "hv1", "02:00:00:00:02:01"),
    HostSpec("acme", "flat2", "yard", "hv2", "02:00:00:00:02:02"),
    HostSpec("acme", "own1", "own", "hv1", "02:00:00:00:03:01"),
]
# Routers of VLAN 101 and of what is untagged, somebody who would like to be one, and a listener on VLAN 102.
OUTSIDE = [
    (HostSpec("up", "router", "public", "outside", "02:00:00:00:aa:01", forwards=True,
              addresses=["2001:db8:100::1/64", "203.0.113.1/24"]), 101),
    (HostSpec("up", "yard", "yard", "outside", "02:00:00:00:bb:01", forwards=True, addresses=["2001:db8:200::1/64"]), 0),
    (HostSpec("up", "rogue", "public", "outside", "02:00:00:00:ee:01", forwards=True, addresses=["2001:db8:bad::1/64"]), 101),
    (HostSpec("up", "listener", "own", "outside", "02:00:00:00:cc:01"), 102),
]


class Provider(Site):
    """What the checks use."""

    def outside(self, name):
        """A host on the physical network."""
        return self.lab.outside[name]

    def address(self, port):
        """The address that a host's kernel makes of its network's prefix."""
        spec = self.host(port).spec
        return eui64(PREFIX[spec.network], spec.mac)


class Dnsmasq:
    """A DHCP server on the router of VLAN 101, which gives each host the address that it has there; used by `with`."""

    def __init__(self, host, leases):
        self._host = host
        self._command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces",
                         "--dhcp-range=203.0.113.0,static", "--leasefile-ro", "--user=root",
                         *(f"--dhcp-host={mac},{address}" for mac, address in leases)]

    def __enter__(self):
        self._process = self._host.popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def site(isolation, say=print):
    """The lab, up, with routers outside that advertise themselves, one of them though nobody asked it."""
    with OutsideLab(isolation, CHASSIS, HOSTS, ("hv1", "hv2"), OUTSIDE) as lab:
        here = Provider(lab, say)
        for host in lab.outside.values():  # routers do not mind each other's advertisements
            host.cmd("sysctl -qw net.ipv6.conf.eth0.accept_ra=0")
        here.outside("router").cmd(f"ip addr add {FAR}/128 dev lo")
        with Radvd(here.outside("router"), "eth0"), Radvd(here.outside("yard"), "eth0"), Radvd(here.outside("rogue"), "eth0"):
            try:
                lab.controller.start()
                lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
                here.wait_active("vm1", "vm2", "flat1", "flat2", "own1")
                wait_until("vm3 Degraded", lambda: here.port("vm3")["status"]["phase"] == "Degraded")
                yield here
            except BaseException:
                print("the controller's last words:\n" + lab.controller.tail())
                raise
