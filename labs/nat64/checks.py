"""IPv6 hosts and IPv4 hosts that reach each other by a translator, and what they are told. Each check raises `LabFailed` otherwise."""

import os
import time

from sextantlab import wait_until
from sextantlab.site import expect

from .wiring import FAR4, FAR4_AS_V6, FAR6, HERE, VM1_AS_V4, VM4_AS_V6


def pref64(capture):
    """The lifetimes of NAT64 prefixes that router advertisements told, in order, seconds."""
    seen = capture.fields("icmpv6.opt.pref64.scaled_lifetime", display="icmpv6.type == 134")
    return [int(value) * 8 if value else None for (value,) in seen]


def alive(site, yes=True):
    """Waits until the translator is found alive, or not."""
    want = ("Active", "alive") if yes else ("Degraded", "dead")

    def found():
        status = site.translator()["status"]
        return (status["phase"], status["instance"]["health"]) == want

    wait_until(f"the translator is {want}", found)


def outward(site, say=print):
    """Hosts with IPv6 alone reach IPv4 outside, from both hypervisors; one without a mapping shares the pool."""
    alive(site)
    for port in ("vm1", "vm2"):
        answered = site.host(port).ping(FAR4_AS_V6, count=5)
        expect(answered == 5, f"{port}: {answered} of 5 from {FAR4_AS_V6}")
    for port, source in (("vm1", VM1_AS_V4), ("vm2", "198.51.100.")):
        with site.isp.capture(f"icmp and dst host {FAR4}") as wire:
            site.host(port).ping(FAR4_AS_V6, count=2)
            time.sleep(0.2)
        sources = {one for (one,) in wire.fields("ip.src")}
        expect(len(sources) == 1 and next(iter(sources)).startswith(source), f"{port} is seen from {sources}")
        say(f"{port} reaches {FAR4} as {FAR4_AS_V6}, from {next(iter(sources))}")
    expect(site.host("vm2").ping(FAR6, count=3) == 3, "IPv6 outside is not reached as such")


def inward(site, say=print):
    """Who has IPv4 alone reaches a host with IPv6 alone, and the other way round, by the addresses that are mapped."""
    answered = site.isp.ping(VM1_AS_V4, count=5)
    expect(answered == 5, f"{VM1_AS_V4}, vm1, from IPv4 outside: {answered} of 5")
    answered = site.isp.ping(VM4_AS_V6, count=5, options=("-I", FAR6))
    expect(answered == 5, f"{VM4_AS_V6}, vm4, from IPv6 outside: {answered} of 5")
    answered = site.host("vm2").ping(VM4_AS_V6, count=5)
    expect(answered == 5, f"{VM4_AS_V6}, vm4, from vm2: {answered} of 5")
    answered = site.host("vm4").ping(VM1_AS_V4, count=5)
    expect(answered == 5, f"{VM1_AS_V4}, vm1, from vm4: {answered} of 5")
    for one, target, other in (("vm2", VM4_AS_V6, "vm4"), ("vm4", VM1_AS_V4, "vm1")):
        name = site.host(other).agent and site.host(other).name
        who = site.host(one).tcp(target)
        expect(who == name, f"TCP from {one} to {target} is answered by {who}")
    say(f"vm1 is {VM1_AS_V4} for IPv4 hosts, vm4 is {VM4_AS_V6} for IPv6 hosts; ping and TCP, both ways")
    answered = site.host("vm1").ping(FAR4_AS_V6, count=3, options=("-s", "1300"))
    expect(answered == 3, f"large packets: {answered} of 3")


def floating(site, say=print):
    """Floating IPs of the other family: the translator goes on with what its status says then."""
    site.controller.apply(os.path.join(HERE, "floating.yaml"), wait=None)
    maps = wait_until("both are mapped", lambda: "map 10.4.0.15 " in site.translator()["status"]["tayga"] and site.translator())
    site.tayga.update(maps)
    alive(site)
    for address, port in (("192.0.2.80", "vm2"), ("2001:db8:100::80", "vm5")):
        wait_until(f"{address} answers", lambda: site.isp.ping(address, count=1) == 1)
        answered = site.isp.ping(address, count=5)
        expect(answered == 5, f"{address}, {port}, from its own link: {answered} of 5")
        name = site.host(port).agent and site.host(port).name
        who = site.isp.tcp(address)
        expect(who == name, f"TCP to {address} is answered by {who}")
    with site.isp.capture(f"icmp and dst host {FAR4}") as wire:
        answered = site.host("vm2").ping(FAR4_AS_V6, count=3)
        time.sleep(0.2)
    sources = {one for (one,) in wire.fields("ip.src")}
    expect((answered, sources) == (3, {"192.0.2.80"}), f"{answered} of 3, from {sources}")
    say("192.0.2.80 is vm2, which has IPv6 alone, 2001:db8:100::80 is vm5, which has IPv4 alone: both ways, ping and TCP")


def crashed(site, say=print):
    """tayga is killed: hosts are told at once that the prefix is none; and again that it is one when tayga is back."""
    host = site.host("vm2")
    with host.capture("icmp6 and ip6[40] == 134") as wire:
        site.tayga.crash()
        begun = time.monotonic()
        alive(site, yes=False)
        say(f"killed, found after {time.monotonic() - begun:.1f} s: {site.translator()['status']['reason']}")
        wait_until("it is withdrawn", lambda: 0 in pref64(wire))
        say(f"told to hosts after {time.monotonic() - begun:.1f} s")
    site.tayga.kill()
    with host.capture("icmp6 and ip6[40] == 134") as wire:
        site.tayga.start()
        alive(site)
        wait_until("it is told again", lambda: any(pref64(wire)), timeout=20)
    answered = host.ping(FAR4_AS_V6, count=3)
    expect(answered == 3, f"{answered} of 3 once it is back")
    say("back: told again, and translated")
