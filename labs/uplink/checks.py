"""A prefix from upstream, from the first question until it is given back. Each check raises `LabFailed` where it is otherwise."""

import ipaddress
import time

from sextantlab import wait_until
from sextantlab.pinger import Pinger
from sextantlab.site import expect

from .wiring import FAR, OTHER, POOL

# Of DHCPv6 messages (RFC 8415, 7.3).
KINDS = {1: "solicit", 2: "advertise", 3: "request", 5: "renew", 6: "rebind", 7: "reply", 8: "release"}


def exchange(capture):
    """The kinds of DHCPv6 messages that were seen, in order."""
    seen = capture.fields("dhcpv6.msgtype", display="dhcpv6")
    return [KINDS.get(int(kind), kind) for (kind,) in seen]


def obtained(site, say=print):
    """Without a server all waits; with one, prefixes come, hosts form addresses of them and reach far away."""
    wait_until("nobody answers", lambda: "no delegating router has answered" in site.status().get("reason", ""))
    red = site.one("subnet", "red6")["status"]
    expect(red["phase"] == "PHASE_PENDING" or red["phase"] == "Pending", f"red6 without a prefix is {red}")
    expect(site.host("vm1").addresses() == [], f"vm1 has {site.host('vm1').addresses()}")
    say(f"no server: red6 is Pending: {red['reason']}")
    with site.isp.capture("udp port 546 or udp port 547") as wire:
        site.server.start()
        begun = time.monotonic()
        prefixes = site.wait_prefix(POOL)
        say(f"{site.server.name}: {site.granted()} after {time.monotonic() - begun:.1f} s: red6 {prefixes[0]}, blue6 {prefixes[1]}")
        time.sleep(0.3)
    kinds = exchange(wire)
    expect(kinds[-4:] == ["solicit", "advertise", "request", "reply"], f"the exchange was {kinds}")
    sources = {source for (source,) in wire.fields("ipv6.src", display="dhcpv6.msgtype == 3")}
    expect(all(source.startswith("fe80::") for source in sources), f"asked from {sources}")
    for port in ("vm1", "vm2", "vm3"):
        prefix = prefixes[0 if site.host(port).spec.network == "red" else 1]
        address = site.host(port).wait_address(prefix)
        expect(address == site.address(port, prefixes), f"{port} has {address}")
        expect(site.port(port)["status"]["addresses"][0] == address, f"{port} is shown with {site.port(port)['status']}")
    wait_until("a way out", lambda: site.host("vm3").ping(FAR, count=1) == 1)
    for port in ("vm1", "vm2", "vm3"):
        answered = site.host(port).ping(FAR, count=5)
        expect(answered == 5, f"{port}: {answered} of 5 from far away")
        answered = site.isp.ping(site.address(port, prefixes), count=5)
        expect(answered == 5, f"{port}: {answered} of 5 from outside")
    expect(site.host("vm1").ping(site.address("vm2", prefixes), count=3) == 3, "vm1 does not reach vm2")
    gateway = prefixes[0].replace("/64", "1")
    expect(site.host("vm1").ping(gateway, count=3) == 3, f"the gateway {gateway} does not answer")
    stray = str(ipaddress.ip_network(site.granted()[0])[(0x77 << 64) + 1])
    said = site.host("vm1").run("ping", "-c", "1", "-W", "2", stray).stdout
    expect("No route" in said, f"of no subnet: {said}")
    say(f"{stray}, delegated and of no subnet: no route")
    return prefixes


def restarted(site, say=print):
    """kill -9 of the controller: the same prefix, renewed and not asked for anew, and no ping is lost."""
    before = site.granted()
    with site.isp.capture("udp port 546 or udp port 547") as wire, Pinger(site.host("vm3"), FAR) as pinger:
        site.controller.kill()
        time.sleep(2)
        site.controller.start()
        site.wait_active()
        renewed = site.status()["renews_ms"]
        wait_until("a renewal", lambda: site.status()["renews_ms"] != renewed, timeout=40)
    expect(site.granted() == before, f"had {before}, has {site.granted()}")
    kinds = exchange(wire)
    expect("solicit" not in kinds and "request" not in kinds and "renew" in kinds, f"the exchange was {kinds}")
    say(f"kill -9: still {before}, {kinds}; {pinger.lost} of {pinger.sent} pings lost")
    expect(pinger.lost == 0, f"lost {pinger.missing}")


def renumbered(site, say=print):
    """The server delegates another prefix: both are there, the old one deprecated, then the new one alone; a ping goes on."""
    old = site.wait_prefix(POOL)
    host = site.host("vm3")
    was = site.address("vm3", old)
    with Pinger(host, FAR) as away, Pinger(site.isp, was) as back:
        begun = time.monotonic()
        site.server.delegate(OTHER)
        new = site.wait_prefix(OTHER)
        say(f"{old[0]} -> {new[0]} after {time.monotonic() - begun:.1f} s")
        now = host.wait_address(new[0])
        expect(now == site.address("vm3", new), f"vm3 has {now}")
        shown = wait_until("deprecated", lambda: deprecated(host, was))
        say(f"vm3: {shown}")
        expect(site.cidrs("red6") == [old[0], new[0]], f"red6 has {site.cidrs('red6')}")
        expect(host.ping(FAR, count=3, options=("-I", was)) == 3, "the old address is dead already")
        expect(host.ping(FAR, count=3, options=("-I", now)) == 3, "the new address does not work")
    say(f"lost while it changed: {away.lost} of {away.sent} outward, {back.lost} of {back.sent} to the old address")
    expect(away.lost == 0 and back.lost == 0, f"lost {away.missing}, {back.missing}")
    wait_until("the old prefix gone", lambda: site.cidrs("red6") == [new[0]], timeout=90)
    wait_until("the old address gone", lambda: was not in host.addresses(), timeout=30)
    say(f"the old prefix is gone {time.monotonic() - begun:.0f} s later; {host.ping(FAR, count=3)} of 3 from the new one")


def deprecated(host, address):
    """The line of `ip` that says that an address is deprecated."""
    lines = host.run("ip", "-6", "-o", "addr", "show", "dev", "eth0").stdout.splitlines()
    return next((" ".join(line.split()) for line in lines if address in line and "deprecated" in line), None)


def failed_over(site, say=print):
    """The gateway that asks is killed: the other one renews, as the same client."""
    before, asker = site.granted(), site.status()["chassis"]
    site.lab.chassis[asker].ovs.kill()
    other = wait_until("another gateway asks", lambda: site.status()["chassis"] not in ("", asker) and site.status()["chassis"],
                       timeout=60)
    renewed = site.status()["renews_ms"]
    wait_until("a renewal", lambda: site.status()["renews_ms"] != renewed, timeout=40)
    expect(site.granted() == before, f"had {before}, has {site.granted()}")
    say(f"{asker} killed: {other} renews {before}")


def silent(site, say=print):
    """The server is gone: lifetimes run down, hosts hear it, and in the end the prefix is no more."""
    prefixes = site.wait_prefix(POOL)
    site.server.stop()
    begun = time.monotonic()
    wait_until("not prolonged", lambda: "not prolonged" in site.status().get("reason", ""), timeout=60)
    say(f"Degraded after {time.monotonic() - begun:.0f} s: {site.status()['reason']}")
    wait_until("no prefix", lambda: site.cidrs("red6") == [], timeout=90)
    say(f"withdrawn after {time.monotonic() - begun:.0f} s of silence")
    wait_until("no address", lambda: site.address("vm1", prefixes) not in site.host("vm1").addresses(), timeout=30)
    expect(site.one("subnet", "red6")["status"]["phase"].lower().endswith("pending"), "red6 is not Pending")


def released(site, say=print):
    """The delegation is deleted: the prefix is given back, and goes at once."""
    granted = site.granted()[0]
    with site.isp.capture("udp port 546 or udp port 547") as wire:
        site.controller.call("delete", "delegation", "uplink", "--tenant", "acme")
        wait_until("no prefix", lambda: site.cidrs("red6") == [])
        wait_until("it is nobody's", lambda: site.server.released(granted), timeout=20)
    expect("release" in exchange(wire), f"the exchange was {exchange(wire)}")
    say(f"{granted} released: {exchange(wire)}")
    expect(not site.port("vm1")["status"].get("prefixes"), "vm1 has a prefix")
