"""What a trunk's ports are given, and that each is itself. Each check raises `LabFailed` where it is otherwise."""

import time

from sextantlab import wait_until
from sextantlab.controller import Refused
from sextantlab.dhcp4 import Dhclient4
from sextantlab.dhcp6 import Dhcpcd
from sextantlab.site import expect

from .wiring import PREFIX


def addressed(site, say=print):
    """Each of the VM's networks gives its own addresses."""
    for port in ("trunk", "sub20", "here", "there"):
        host = site.host(port)
        found = host.wait_address(PREFIX[host.spec.network])
        expect(found == site.address(port), f"{port} has {found}, expected {site.address(port)}")
    site.clients = [Dhcpcd(site.host("sub30")), Dhclient4(site.host("sub20"))]
    for client in site.clients:
        client.start()
    site.clients[0].wait(PREFIX["green"], settings=False)
    green = site.host("sub30").wait_address(PREFIX["green"])
    expect(green in site.port("sub30")["status"]["addresses"], f"sub30 is given {green}")
    blue4 = site.clients[1].wait_lease("10.2.0.0/24")
    expect(blue4 in site.port("sub20")["status"]["addresses"], f"sub20 is given {blue4}")
    say(f"trunk {site.address('trunk')}, untagged; sub20 {site.address('sub20')} and {blue4}, VLAN 20; sub30 {green} by DHCPv6, VLAN 30")


def reached(site, say=print):
    """On their networks, here and elsewhere; by a router, back out of the interface that it came in by."""
    green = site.host("sub30").wait_address(PREFIX["green"])
    for source, target, what in [
        ("sub20", site.address("here"), "same network, same hypervisor"), ("here", site.address("sub20"), "to the tag"),
        ("sub20", site.address("there"), "same network, another hypervisor"), ("there", site.address("sub20"), "from there"),
        ("trunk", site.address("sub20"), "untagged to tag, by a router"), ("sub20", site.address("trunk"), "and back"),
        ("sub20", green, "tag to tag, by a router"), ("trunk", site.address("there"), "untagged, routed"),
    ]:
        answered = site.host(source).ping(target, count=4)
        expect(answered >= 3, f"{source} to {target} ({what}): {answered} of 4")
        say(f"{source:6} to {target:26} {answered} of 4: {what}")
    _ = site.host("here").agent
    expect(site.host("sub20").tcp(site.address("here")) == "acme-here", "sub20 does not reach here by TCP")
    _ = site.host("sub20").agent
    expect(site.host("here").tcp(site.address("sub20")) is None, "sub20's groups let TCP in")
    say("TCP: sub20 to here is answered, here to sub20 is not: its own groups, its own connections")


def itself(site, say=print):
    """Each is told of itself, and sends as itself alone."""
    for port in ("trunk", "sub20", "sub30"):
        done = site.host(port).run("curl", "-g", "-s", "--max-time", "5", "http://[fe80::a9fe:a9fe%25eth0]/latest/meta-data/hostname")
        expect(done.stdout.strip() == port, f"{port} is told that it is {done.stdout!r}")
    sub20, victim = site.host("sub20"), site.host("here")
    for what, mac, source in [("the trunk's MAC", "02:00:00:00:01:01", site.address("sub20")),
                              ("another's address", "02:00:00:00:02:01", "2001:db8:b::bad")]:
        with victim.capture("udp port 4242") as heard:
            sub20.scapy(f'sendp(Ether(src="{mac}", dst="{victim.spec.mac}")/IPv6(src="{source}", dst="{site.address("here")}")'
                        '/UDP(sport=1000, dport=4242), iface="eth0", count=5)')
            time.sleep(0.4)
        expect(heard.count() == 0, f"from {what}: it arrives")
    counts = {d["reason"]: d["packets"] for d in site.controller.get("drops", "--port", "acme/sub20")}
    expect(counts.get("spoofed_source", 0) >= 5 and counts.get("foreign_mac", 0) >= 5, f"counted for sub20: {counts}")
    for source, target, end in (("sub20", "here", "delivered: acme/here"), ("there", "sub20", "delivered: acme/sub20"),
                                ("trunk", "sub20", "delivered: acme/sub20"), ("sub20", "trunk", "delivered: acme/trunk")):
        packet = f"icmp6 from {site.address(source)} to {site.address(target)}"
        last = site.controller.call("trace", "--port", f"acme/{source}", packet).strip().splitlines()[-1]
        expect(last == end, f"trace of {source} to {target} ends with {last!r}")
    shown = site.port("sub20")["status"]
    expect((shown["chassis"], shown["reason"]) == ("hv1", ""), f"sub20 is shown as {shown}")
    say(f"metadata by port; what is not sub20's does not arrive; counted for it: {counts}")


REFUSALS = [
    ("a port of two trunks", "sub_ports: [{port: sub30, segmentation_id: 40}]", "a port is of one trunk"),
    ("a port with a binding", "sub_ports: [{port: here, segmentation_id: 40}]", "binding of its own"),
    ("no VLAN", "sub_ports: [{port: here, segmentation_id: 4095}]", "1 to 4094"),
]


def changed(site, say=print):
    """What can't be is refused; without its trunk a port waits, and comes back with it."""
    for what, ports, reason in REFUSALS:
        try:
            site.controller.apply_text(f"tenant: acme\ntrunks: [{{name: t2, port: there, {ports}}}]\n", wait=None)
        except Refused as refusal:
            expect(reason in str(refusal), f"{what}: refused with {refusal}")
            say(f"{what}: {str(refusal).strip().splitlines()[-1]}")
            continue
        expect(False, f"{what} is accepted")
    site.controller.call("delete", "trunk", "acme/t1")
    wait_until("sub20 Pending", lambda: site.port("sub20")["status"]["phase"] == "Pending")
    expect(site.host("here").ping(site.address("sub20"), count=2) == 0, "sub20 is reached without its trunk")
    expect(site.host("trunk").ping(site.address("there"), count=2) == 2, "the trunk's own port is not reached")
    site.controller.apply_text("tenant: acme\ntrunks: [{name: t1, port: trunk, sub_ports: [{port: sub20, segmentation_id: 20}]}]\n")
    wait_until("sub20 Active", lambda: site.port("sub20")["status"]["phase"] == "Active")
    wait_until("sub20 reached", lambda: site.host("here").ping(site.address("sub20"), count=1) == 1)
    say("deleted, its port with a tag waits and is not reached; there again, it is")
