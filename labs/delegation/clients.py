"""Requesting routers, one after the other on the same port: each gets the same prefix, and a host behind it is on the network."""

from sextantlab.dhcp6 import CLIENTS
from sextantlab.site import expect
from sextantlab.watch import solicit

from . import wiring
from .site import delegation, everybody_reached, lease_of, prefix_of, routing

PORTS = ["cpe", *wiring.OTHERS]


def show(site):
    """What the port alone is told, then client after client."""
    prefix = prefix_of(site)
    told_alone(site)
    for kind in CLIENTS:
        with routing(site, kind, prefix) as client:
            matrix = everybody_reached(site)
            lease = lease_of(site, prefix)
            at, host = client.delegated()[0], site.host("behind").addresses()[0]
            site.say(f"{client.name:8}  {prefix}  {lease['association']}  {wiring.DOWNSTREAM} {at}  behind {host}: all reached")
    site.say(matrix.table())
    shown(site, prefix)


def told_alone(site):
    """Router advertisements tell the port to ask DHCPv6 (M), and its neighbours not to; all form addresses (A)."""
    hosts = [site.host(port) for port in ("cpe", "near1", "near2")]
    answers = solicit(hosts, "icmpv6.nd.ra.flag.m", "icmpv6.nd.ra.flag.o", "icmpv6.opt.prefix.flag.a")
    flags = {name: [[value in ("1", "True") for value in answer] for answer in found] for name, (_, found) in answers.items()}
    wanted = {host.name: [[host.spec.port == "cpe", False, True]] for host in hosts}
    expect(flags == wanted, f"told (M, O, A): {flags}, expected {wanted}")
    site.say("advertised: M to acme-cpe alone")


def shown(site, prefix):
    """What the command line has of it."""
    status = delegation(site)["status"]
    expect(status["nexthop"] == "fe80::ff:fe00:101", f"next hop {status}")
    inside = prefix.replace("::/56", ":42::1")
    for source in ("near1", "far2"):
        packet = f"icmp6 from {wiring.address(site.host(source))} to {inside}"
        last = site.controller.call("trace", "--port", f"acme/{source}", packet).splitlines()[-1]
        expect(last == "delivered: acme/cpe", f"trace from {source}: {last}")
    site.say(site.controller.call("get", "delegations", "--tenant", "acme"))
