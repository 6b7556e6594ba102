"""The site of this lab: what its parts ask of it."""

import contextlib
import ipaddress
import os

from sextantlab import Matrix, wait_until
from sextantlab import site as library
from sextantlab.radvd import Radvd
from sextantlab.site import expect

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))
SITE = os.path.join(HERE, "site.yaml")


@contextlib.contextmanager
def site(isolation, say):
    """A site with all hosts, each with the address that it forms."""
    with library.site(isolation, say, HERE, wiring.CHASSIS, wiring.HOSTS) as here:
        for port in ("cpe", *wiring.OTHERS):
            here.host(port).wait_address(wiring.PREFIX[here.host(port).spec.network])
        yield here


def delegation(here):
    """The delegation as the controller shows it."""
    return here.controller.get("delegation", "cpe", "--tenant", "acme")


def prefix_of(here):
    """The prefix that is delegated, once its rows are installed."""
    wait_until("the delegation is Active", lambda: delegation(here)["status"]["phase"] == "Active")
    prefix = delegation(here)["status"]["prefix"]
    net = ipaddress.ip_network(prefix)
    expect(net.prefixlen == 56 and net.subnet_of(ipaddress.ip_network(wiring.POOL)), f"delegated: {prefix}")
    expect(here.port("cpe")["status"]["prefixes"] == [prefix], f"the port's prefixes: {here.port('cpe')['status']['prefixes']}")
    return prefix


@contextlib.contextmanager
def routing(here, kind, prefix):
    """The VM is a router as long as this lasts: a client gets it the prefix, and radvd tells the host behind it."""
    client = kind(here.host("cpe"), downstream=wiring.DOWNSTREAM)
    client.forget()
    client.start()
    client.wait_delegated(prefix)
    with Radvd(here.host("cpe"), wiring.DOWNSTREAM):
        here.host("behind").wait_address(prefix)
        try:
            yield client
        finally:
            client.vanish()
    forget(here.host("behind"))


def forget(host):
    """What was advertised to it is gone."""
    host.cmd("ip -6 addr flush dev eth0 scope global; ip -6 route flush dev eth0 proto ra")


def everybody_reached(here):
    """The host behind the VM and all others reach each other, on the same chassis and the other, on its network and routed."""
    hosts = [here.host(port) for port in ("behind", *wiring.OTHERS)]
    matrix = Matrix(hosts, wiring.address, lambda a, b: "routed" if a.spec.network != b.spec.network else "same")
    expect(matrix.ok, matrix.words())
    return matrix


def lease_of(here, prefix):
    """The port's one lease, which is of the prefix."""
    found = here.leases("cpe")
    expect([lease["leased"] for lease in found] == [[prefix]], f"leases {found}, expected one of {prefix}")
    expect(found[0]["association"].startswith("pd-"), f"lease {found[0]}")
    return found[0]
