"""What is plugged where in this lab: the cables to `site.yaml`, and how each network's hosts come by their addresses."""

from sextantlab import ChassisSpec, HostSpec
from sextantlab.dhcp4 import Dhclient4, Dhcpcd4
from sextantlab.dhcp6 import Dhclient, Dibbler

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
NETWORKS = ("old", "new", "plain", "both")
# Each network's prefixes, with the client that gets an address of it; none where the kernel forms it.
PREFIXES = {
    "old": {"10.5.1.0/24": Dhclient4},
    "new": {"2001:db8:5:2::/64": Dhclient},
    "plain": {"2001:db8:5:3::/64": None},
    "both": {"10.5.4.0/24": Dhcpcd4, "2001:db8:5:4::/64": Dibbler},
}


def _host(name, number, networks):
    first, *more = [HostSpec("acme", f"{name}-{n}" if n else name, network, "hv1", f"02:00:00:00:{number:02x}:{n:02x}")
                    for n, network in enumerate(networks)]
    first.more = more
    return first


TWO = _host("two", 2, ("old", "new"))
FOUR = _host("four", 4, NETWORKS)
PEERS = [HostSpec("acme", network, network, "hv2", f"02:00:00:00:09:{n:02x}") for n, network in enumerate(NETWORKS)]
