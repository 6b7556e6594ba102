"""Sources: the VM sends from its prefix and its own addresses, and nobody else sends from the prefix."""

import json
import re
import time

from sextantlab.dhcp6 import Dhcp6c
from sextantlab.site import expect

from . import wiring
from .site import prefix_of, routing

PORTS = ["cpe", "near1"]

# Datagrams, each with another source, to the host's next hop.
SEND = """
for source in {sources}:
    sendp(Ether(dst='{mac}')/IPv6(src=source, dst='{to}')/UDP(sport=7001, dport=7000)/Raw(source.encode()), iface='eth0')
    time.sleep(.05)
"""


def show(site):
    """From behind the VM: its prefix passes, wherever in it; what is of another does not. From a neighbour: the prefix does not."""
    prefix = prefix_of(site)
    within = [prefix.replace("::/56", rest) for rest in (":1::99", ":ff:1:2:3:4")]
    near1 = wiring.address(site.host("near1"))
    foreign = ["2001:db8:d000:100::1", "2001:db8:d100::1", "2001:db8:bad::1", "2001:db8:0:2::77"]
    with routing(site, Dhcp6c, prefix):
        judge(site, "behind", within, foreign)
        judge(site, "near1", [near1], [*within, prefix.replace("::/56", "::1")])


def judge(site, sender, honest, lies):
    """Every honest datagram arrives, on both networks and chassis, and no lie; each lie is counted by the row that drops it."""
    for receiver in ("near2", "far1", "far2"):
        before = spoofed(site)
        with site.host(receiver).capture("udp and src port 7001 and dst port 7000") as seen:
            to = wiring.address(site.host(receiver))
            host = site.host(sender)
            host.scapy(SEND.format(mac=next_hop(host, to), to=to, sources=[*honest, *lies]))
            time.sleep(0.5)
        came = sorted({source for (source,) in seen.fields("ipv6.src")})
        dropped = spoofed(site) - before
        expect(came == sorted(honest), f"{sender} to {receiver}: {came} came, expected {honest}")
        expect(dropped >= len(lies), f"{sender} to {receiver}: {dropped} dropped of {len(lies)}")
    site.say(f"from {sender}: {len(honest)} sources pass, {len(lies)} are dropped and counted ({dropped} by the row): {' '.join(lies)}")


def next_hop(host, to):
    """The MAC of whoever is next on a host's way."""
    host.ping(to, count=1)
    route = json.loads(host.run("ip", "-6", "-j", "route", "get", to).stdout)[0]
    return json.loads(host.run("ip", "-6", "-j", "neigh", "show", route.get("gateway", to), "dev", "eth0").stdout)[0]["lladdr"]


def spoofed(site):
    """How many packets the row has dropped that is for sources of nobody."""
    row = next(flow for flow in site.lab.chassis["hv1"].flows("table=20") if "priority=0 " in flow)
    return int(re.search(r"n_packets=(\d+)", row)[1])
