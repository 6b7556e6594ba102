"""The lab's hosts, and the lab with its controller up and the intent applied."""

import contextlib
import os

from sextantlab import ChassisSpec, HostSpec, Lab, eui64, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64"}
SUBNET4 = {"red": "10.1.0", "blue": "10.2.0"}

# Port, network, chassis, last byte of MAC and of IPv4 address.
PORTS = [
    ("web", "red", "hv1", 1), ("near", "blue", "hv1", 2), ("far", "red", "hv2", 3), ("guest", "blue", "hv2", 4),
    ("one", "red", "hv1", 5), ("two", "blue", "hv2", 6), ("shut", "red", "hv2", 7), ("simple", "red", "hv1", 8),
]

with open(os.path.join(HERE, "site.yaml"), encoding="ascii") as _file:
    INTENT = _file.read()


def spec(port, network, chassis, number):
    """A host."""
    mac = f"02:00:00:00:{1 if network == 'red' else 2:02x}:{number:02x}"
    prefix = SUBNET4[network]
    return HostSpec("acme", port, network, chassis, mac, addresses=[f"{prefix}.{10 + number}/24"],
                    routes=[f"default via {prefix}.1"])


class Site:
    """What the checks use: hosts by their ports, and their addresses."""

    def __init__(self, lab):
        self.lab = lab
        self.controller = lab.controller

    def host(self, port):
        """The host of a port."""
        return self.lab.host("acme", port)

    def v6(self, port):
        """The address that its kernel formed."""
        host = self.host(port)
        return eui64(PREFIX[host.spec.network], host.spec.mac)

    def v4(self, port):
        """The IPv4 address that it was given."""
        return self.host(port).spec.addresses[0].split("/")[0]

    def apply(self, *edits):
        """The intent, with some of its text another, once every switch has it."""
        text = INTENT
        for old, new in edits:
            if old not in text:
                raise ValueError(f"the site has no {old!r}")
            text = text.replace(old, new)
        self.controller.apply_text(text)


@contextlib.contextmanager
def site(isolation):
    """The lab, up."""
    chassis = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
    with Lab(isolation, chassis, [spec(*port) for port in PORTS]) as lab:
        here = Site(lab)
        try:
            lab.controller.start()
            lab.controller.apply_text(INTENT, wait=None)
            wait_until("every port Active", lambda: all(
                port["status"]["phase"] == "Active" for port in lab.controller.get("ports", "--tenant", "acme")))
            for host in lab.hosts.values():
                host.wait_address(PREFIX[host.spec.network])
            yield here
        except BaseException:
            print("the controller's last words:\n" + lab.controller.tail())
            raise
