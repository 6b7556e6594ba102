"""Copies: to each chassis with listeners one, whatever there is to be done with it there; to nobody else any."""

import contextlib

from sextantlab.site import expect

from . import wiring
from .members import counts, members, wait_listeners

PORTS = ["red4", "blue1"]
SENT = 20
GROUPS = {6: "ff3e::8000:1", 4: "239.1.2.3"}
OF_LINK = {6: "ff02::4242", 4: "224.0.0.200"}
OF_SUBNET = "ff03::8000:1"


def show(site):
    """The same over both IP versions."""
    ports = [host.spec.port for host in site.lab.hosts.values()]
    with members(site, *ports) as all_members:
        for version, group in GROUPS.items():
            spread(site, all_members, version, group)
            left(site, all_members, group)
            of_link(site, all_members, version)
        scoped(site, all_members)


@contextlib.contextmanager
def on_the_wire(site, sender, group):
    """Counts copies of a group's datagrams that leave a hypervisor, by the hypervisor that they are for."""
    seen = {}
    with site.lab.chassis[sender].capture(expression="udp port 6081") as capture:
        yield seen
    for outer, inner, port in capture.fields("ipv6.dst", "ip.dst", "udp.dstport"):
        there, *within = outer.split(",")
        if group in within + inner.split(",") and port.split(",")[-1] == "7500":
            seen[there] = seen.get(there, 0) + 1


def spread(site, all_members, version, group):
    """Six listen on two networks and three hypervisors; red1 sends."""
    listening = ["red2", "red3", "red4", "blue1", "blue2", "blue3"]
    for port in listening:
        all_members[port].join(group)
    wait_listeners(site, group, *listening)
    counts(all_members, group)
    with on_the_wire(site, "hv1", group) as wire, site.host("red5").capture("udp port 7500") as other:
        all_members["red1"].send(group, SENT)
        got = counts(all_members, group, settle=1)
    expect(other.count() == 0, f"IPv{version}: red5 has not joined, and {other.count()} came")
    expect(got == {port: SENT if port in listening else 0 for port in all_members}, f"IPv{version}: {got} of {SENT} came")
    expect(wire == {"fd00:a::2": SENT, "fd00:a::3": SENT}, f"IPv{version}: on the wire {wire}, sent {SENT}")
    site.say(f"IPv{version} {group}: {SENT} sent, to {len(listening)} ports of 2 networks on 3 hypervisors; on the wire {wire}")
    path = site.controller.call("trace", "--tenant", "acme", "--port", "red1", packet(site, version, group)).splitlines()
    ends = sorted(line.removeprefix("delivered: acme/") for line in path if line.startswith("delivered:"))
    expect(ends == sorted([*listening, "red6"]), f"the trace delivers to {ends}")
    site.say(f"trace: {', '.join(ends)}")


def packet(site, version, group):
    """A datagram of red1's in the words of `sextant trace`."""
    source = wiring.address(site.host("red1")) if version == 6 else wiring.address4(site.host("red1"))
    return f"udp from {source} to {group} sport 7501 dport 7500"


def left(site, all_members, group):
    """All of hv3 and all of blue leave: nothing goes there any more."""
    for port in ("blue1", "blue2", "blue3"):
        all_members[port].leave(group)
    wait_listeners(site, group, "red2", "red3", "red4")
    with on_the_wire(site, "hv1", group) as wire:
        all_members["red1"].send(group, SENT)
        got = counts(all_members, group, settle=1)
    expect(sum(got.values()) == 3 * SENT, f"{got} came")
    expect(wire == {"fd00:a::2": SENT}, f"on the wire {wire}")
    for port in ("red2", "red3", "red4"):
        all_members[port].leave(group)
    wait_listeners(site, group)
    with on_the_wire(site, "hv1", group) as wire:
        all_members["red1"].send(group, SENT)
    expect(wire == {}, f"nobody listens, on the wire {wire}")
    site.say(f"{group}: where the last listener has left, nothing goes")


def of_link(site, all_members, version):
    """A group of the link is everybody's, whoever has said what, and no router forwards it."""
    group = OF_LINK[version]
    for port in ("red3", "blue1"):
        all_members[port].join(group)
    with site.host("red4").capture("udp port 7500") as seen:
        all_members["red1"].send(group, SENT)
        got = counts(all_members, group, settle=0.5)
    expect(got["red3"] == SENT and got["blue1"] == 0, f"{group}: {got}")
    expect(seen.count() == SENT, f"{group}: red4, which has not joined, saw {seen.count()}")
    for port in ("red3", "blue1"):
        all_members[port].leave(group)


def scoped(site, all_members):
    """A group of less than a site stays on its network; a packet without a hop left, too."""
    for group, hops in ((OF_SUBNET, 8), (GROUPS[6], 1)):
        for port in ("red3", "blue2"):
            all_members[port].join(group)
        wait_listeners(site, group, "blue2", "red3")
        all_members["red1"].send(group, SENT, hops=hops)
        got = counts(all_members, group, settle=0.5)
        expect((got["red3"], got["blue2"]) == (SENT, 0), f"{group}, {hops} hops: {got}")
        for port in ("red3", "blue2"):
            all_members[port].leave(group)
    site.say(f"{OF_SUBNET} (realm-local), and {GROUPS[6]} with hop limit 1, stay on their network")
