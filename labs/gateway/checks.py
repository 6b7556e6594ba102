"""How packets leave and come back, and what is lost when a gateway goes. Each check raises `LabFailed` where it is otherwise."""

import os
import re
import time

from sextantlab import wait_until
from sextantlab.pinger import Pinger
from sextantlab.site import expect

from .wiring import ADDRESSES, FAR, FAR4, PREFIX

SECOND = "fe80::ff:fe00:aa02"
FIRST = "fe80::ff:fe00:aa01"


def told(site, say=print):
    """Status says who holds which address, and by which next hop each chassis leaves."""
    holders = site.wait_holders("hv1", "hv2")
    for address, chassis in holders.items():
        say(f"{address} is held by {chassis}")
    for family in (":", "."):
        held = [chassis for address, chassis in holders.items() if family in address]
        expect(sorted(held) == ["hv1", "hv2"], f"the addresses are held by {holders}")
    want = {("hv1", FIRST), ("hv2", FIRST), ("hv1", "203.0.113.1"), ("hv2", "203.0.113.1")}
    wait_until("default routers", lambda: site.used() == want)
    say("both leave by the router of high preference, over IPv6; by the subnet's gateway_ip over IPv4")
    last = trace(site, "vm1")
    expect(last == "uplink: public@hv1", f"trace from vm1 ends with {last!r}")
    last = trace(site, "vm3")
    expect(re.fullmatch("uplink: public@hv[12]", last), f"trace from vm3 ends with {last!r}")
    say(f"trace from vm3: {last}")


def trace(site, port):
    """The last line of a trace to somebody far away."""
    packet = f"icmp6 from {site.address(port)} to {FAR}"
    return site.controller.call("trace", "--port", f"acme/{port}", packet).strip().splitlines()[-1]


def outward(site, say=print):
    """Where the chassis is on the physical network no tunnel is in the way; else there is one hop."""
    for port in ("vm1", "vm2", "vm3"):
        nonce = os.urandom(8).hex()
        pattern = ":".join(nonce[i:i + 2] for i in range(0, 16, 2))
        wires = [chassis.capture() for chassis in site.lab.chassis.values()]
        for wire in wires:
            wire.__enter__()
        answered = site.host(port).ping(FAR, count=10, interval=0.05, options=("-p", nonce))
        time.sleep(0.3)
        for wire in wires:
            wire.__exit__()
        # Requests are ICMPv6 128 within the tunnel; each is seen where it leaves and where it arrives.
        out = sum(len(w.fields("frame.number", display=f"icmpv6.type == 128 && frame contains {pattern}")) for w in wires)
        expect(answered == 10, f"{port}: {answered} of 10 from {FAR}")
        expect(out == (20 if port == "vm3" else 0), f"{port}: requests were seen {out} times in tunnels")
        say(f"{port}: 10 of 10 from far away, {out // 2} of the requests through one tunnel")
        answered = site.host(port).ping(FAR4, count=3)
        expect(answered == 3, f"{port}: {answered} of 3 from {FAR4}")


def inward(site, say=print):
    """From outside to ports, whichever address the way leads over; the addresses answer themselves."""
    first = site.outside("first")
    for address in ADDRESSES:
        expect(first.ping(address, count=3) == 3, f"{address} does not answer")
        for port in ("vm1", "vm2", "vm3"):
            first.cmd(f"ip -6 route replace {site.address(port)}/128 via {address} dev eth0")
            answered = first.ping(site.address(port), count=3)
            expect(answered == 3, f"{port} over {address}: {answered} of 3")
            first.cmd(f"ip -6 route del {site.address(port)}/128")
    say("each port is reached over each address")
    done = first.run("ping", "-c", "2", "-i", "0.3", "-W", "2", "-s", "1440", "-M", "do", site.address("vm3"))
    expect("Packet too big" in done.stdout or "too long" in done.stdout.lower(), f"no packet too big: {done.stdout}")
    say("packet too big: told to who sends from outside")


def drained(site, say=print):
    """A gateway gives up its part and takes it up again, and nothing is lost."""
    pingers = [Pinger(site.host("vm3"), FAR), Pinger(site.outside("first"), site.address("vm3")), Pinger(site.host("vm1"), FAR)]
    for pinger in pingers:
        pinger.__enter__()
    site.controller.call("drain", "chassis", "hv1")
    site.wait_holders("hv2")
    time.sleep(3)
    site.controller.call("drain", "chassis", "hv1", "--undo")
    site.wait_holders("hv1", "hv2")
    time.sleep(3)
    for pinger in pingers:
        pinger.__exit__()
    lost = [(pinger.lost, pinger.sent) for pinger in pingers]
    say(f"lost of sent, drained and undone: {lost}")
    expect(all(lost == 0 for lost, _ in lost), f"lost {lost}")


def router_lost(site, say=print):
    """The preferred router stops answering: its chassis leave by the other one, and come back to it."""
    switch = site.lab.switch
    with Pinger(site.host("vm1"), FAR) as pinger:
        switch.ovs.vsctl("set", "port", "up-first", "tag=999")
        wait_until("the second router", lambda: ("hv1", SECOND) in site.used() and ("hv2", SECOND) in site.used())
        time.sleep(1)
    say(f"the first router is gone: {pinger.lost} of {pinger.sent} lost, {pinger.lost * 5} ms")
    expect(site.host("vm1").ping(FAR, count=3) == 3, "no way by the second router")
    switch.ovs.vsctl("set", "port", "up-first", "tag=101")
    wait_until("the first router again", lambda: ("hv1", FIRST) in site.used() and ("hv2", FIRST) in site.used())


def leaves_by(site, port):
    """By which routers out there a ping to far away leaves."""
    requests = "icmp6 and ip6[40] == 128"
    with site.outside("first").capture(requests) as first, site.outside("second").capture(requests) as second:
        answered = site.host(port).ping(FAR, count=3)
        time.sleep(0.2)
    return {name for name, wire in (("first", first), ("second", second)) if answered == 3 and wire.count() == 3}


def said(site, say=print):
    """What routers out there advertise beside: who advertises a prefix passes on what comes from it (RFC 8028); the link's MTU."""
    for port in ("vm1", "vm3"):
        wait_until(f"{port} by the preferred router", lambda p=port: leaves_by(site, p) == {"first"})
    site.radvd["second"].restart(f"prefix {PREFIX} {{ AdvOnLink off; AdvAutonomous off; }};")
    for port in ("vm1", "vm3"):
        wait_until(f"{port} by the router of its prefix", lambda p=port: leaves_by(site, p) == {"second"})
    say(f"the second router advertises {PREFIX}: what comes from it leaves by that one")
    site.controller.kill()
    site.controller.start()
    site.wait_active()
    wait_until("vm1 by the router of its prefix, after a kill -9", lambda: leaves_by(site, "vm1") == {"second"})
    site.radvd["second"].restart()
    wait_until("vm1 by the preferred router", lambda: leaves_by(site, "vm1") == {"first"})
    too_big = ("ping", "-c", "1", "-W", "1", "-s", "1300", "-M", "do", FAR)
    expect("1 received" in site.host("vm1").run(*too_big).stdout, "1348 bytes do not pass")
    site.radvd["first"].restart("AdvLinkMTU 1300;")
    wait_until("packet too big", lambda: re.search("mtu ?=? ?1300|mtu: 1300", site.host("vm1").run(*too_big).stdout))
    say("the first router advertises an MTU of 1300: who sends more is told")
    site.radvd["first"].restart()
    wait_until("1500 bytes again", lambda: leaves_by(site, "vm1") == {"first"})


def killed(site, say=print):
    """A gateway is killed under traffic; the other one takes its place."""
    victim = site.lab.chassis["hv2"]
    with Pinger(site.host("vm3"), FAR) as outward, Pinger(site.outside("first"), site.address("vm1")) as inward:
        victim.ovs.kill()
        site.wait_holders("hv1")
        time.sleep(2)
    say(f"hv2 killed: vm3 outward {outward.lost} of {outward.sent} lost, {outward.lost * 5} ms; "
        f"inward {inward.lost} of {inward.sent} lost, {inward.lost * 5} ms")
    expect(site.host("vm3").ping(FAR, count=5) == 5, "vm3 has no way out by hv1")
    expect(outward.lost * 5 < 5000 and inward.lost * 5 < 5000, "others took its place too late")


def restarted(site, say=print):
    """kill -9 of the controller and another one in its place: nothing is lost."""
    with Pinger(site.host("vm3"), FAR) as outward, Pinger(site.outside("first"), site.address("vm1")) as inward:
        site.controller.kill()
        time.sleep(0.5)
        site.controller.start()
        site.wait_active()
        time.sleep(3)
    lost = [(pinger.lost, pinger.sent) for pinger in (outward, inward)]
    say(f"lost of sent over a kill -9 of the controller: {lost}")
    expect(all(lost == 0 for lost, _ in lost), f"lost {lost}: {outward.missing}, {inward.missing}")
