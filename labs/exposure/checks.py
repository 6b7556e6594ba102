"""How what is behind a router is reached from outside. Each check raises `LabFailed` where it is otherwise."""

import signal
import time

from sextantlab import wait_until
from sextantlab.bgp import settled
from sextantlab.pinger import Pinger
from sextantlab.site import expect

from .wiring import ADDRESSES, FAR, NEAR, PREFIX

HOST = "/128"


def told(site, say=print):
    """The subnet over both gateways, vm1 over its own chassis, vm3, which is on none of them, over both."""
    wait_until("a session", site.bird.established)
    site.wait_holders("hv1", "hv2")
    for name in ("net", "hosts"):
        site.wait_phase(name, "Active")
    table = settled(site.bird.routes)
    both = set(ADDRESSES)
    want = {PREFIX: both, site.address("vm1") + HOST: site.held_by("hv1"), site.address("vm3") + HOST: both}
    got = {prefix: hops for prefix, hops in table.items() if ":" in prefix}
    expect(got == want, f"the router upstream was told {got}, expected {want}")
    v4 = {prefix: hops for prefix, hops in table.items() if ":" not in prefix}
    expect(set(v4) == {"10.1.0.11/32", "10.1.0.13/32"}, f"over IPv4 it was told {v4}")
    say(site.bird.since())
    kernel = site.outside("router").run("ip", "-6", "route", "show", PREFIX).stdout
    expect(all(f"via {address} " in kernel for address in ADDRESSES), f"the kernel has {kernel}")
    say(site.controller.call("get", "exposures", "--tenant", "acme", "-o", "wide"))
    routes = {route["prefix"]: route["nexthops"] for route in site.exposure("net")["status"]["routes"]}
    expect(all(hop["announced"] for hop in routes[PREFIX]), f"status says {routes}")


def reached(site, say=print):
    """From far away to each host and back, by ping and TCP."""
    router = site.outside("router")
    for port in ("vm1", "vm2", "vm3"):
        answered = router.ping(site.address(port), count=5, options=("-I", FAR))
        expect(answered == 5, f"{port}: {answered} of 5 from {FAR}")
        expect(site.host(port).agent, "an agent answers")
        who = router.tcp(site.address(port))
        expect(who == f"acme-{port}", f"TCP to {port}: {who} answers")
    expect(router.ping("10.1.0.11", count=3) == 3, "vm1 is not reached over IPv4")
    say("vm1, vm2, vm3: reached from far away, ping and TCP")


def drained(site, say=print):
    """A gateway that is drained: routes over its address are taken back, and said again when it is back; nothing is lost."""
    before = site.bird.routes()[PREFIX]
    own = site.held_by("hv1")
    with Pinger(site.outside("router"), site.address("vm3")) as pinger:
        site.controller.call("drain", "chassis", "hv1")
        during = wait_until("the route taken back", lambda: site.bird.routes()[PREFIX] == before - own and site.bird.routes())
        direct = during[site.address("vm1") + HOST]
        expect(direct == before - own, f"vm1 is led to over {direct}")
        time.sleep(1)
        site.controller.call("drain", "chassis", "hv1", "--undo")
        wait_until("the route again", lambda: site.bird.routes()[PREFIX] == before)
        time.sleep(1)
    say(f"drained: {PREFIX} via {', '.join(sorted(before - own))}; undone: via {', '.join(sorted(before))}; "
        f"{pinger.lost} of {pinger.sent} lost")
    expect(pinger.lost == 0, f"{pinger.lost} lost")


def restarted(site, say=print):
    """kill -9 of the controller and another one in its place: nothing is taken back, and nothing said anew."""
    before = site.bird.since()
    with Pinger(site.outside("router"), site.address("vm1")) as pinger:
        site.controller.kill()
        time.sleep(0.5)
        site.controller.start()
        site.wait_active()
        site.wait_phase("hosts", "Active")
        time.sleep(2)
    after = site.bird.since()
    expect(after == before, f"before:\n{before}\nafter:\n{after}")
    say(f"the router upstream has heard nothing of it; {pinger.lost} of {pinger.sent} lost")
    expect(pinger.lost == 0, f"{pinger.lost} lost")


def speaker_lost(site, say=print):
    """gobgpd dies and comes back with nothing: it is given all paths and its peers again, which have kept what they were told meanwhile."""
    before, heard = site.bird.routes(), site.bird.heard()
    with Pinger(site.outside("router"), site.address("vm1")) as pinger:
        site.gobgpd.stop(signal.SIGKILL)
        reason = site.wait_phase("net", "Degraded")
        say(f"gobgpd killed: Degraded: {reason}")
        wait_until("the session lost", lambda: not site.bird.established())
        expect(site.bird.routes() == before, "the router upstream has forgotten what it was told")
        site.gobgpd.start()
        site.wait_phase("net", "Active")
        wait_until("the session again", site.bird.established)
        wait_until("all said again", lambda: site.bird.heard() >= heard + sum(map(len, before.values())))
        time.sleep(1)
    expect(site.bird.routes() == before, f"before {before}, after {site.bird.routes()}")
    say(f"gobgpd started with nothing, and has said all again; {pinger.lost} of {pinger.sent} lost")
    expect(pinger.lost == 0, f"{pinger.lost} lost")
    foreign = site.gobgpd.call("global", "rib", "add", "-a", "ipv6", "2001:db8:f00::/48", "nexthop", "2001:db8:100::55")
    wait_until("another's route", lambda: "2001:db8:f00::/48" in site.bird.routes())
    time.sleep(2.5)
    expect("2001:db8:f00::/48" in site.bird.routes(), f"another's route is gone: {foreign}")
    site.gobgpd.call("global", "rib", "del", "-a", "ipv6", "2001:db8:f00::/48")
    say("another's route in its table stays")


def killed(site, say=print):
    """A gateway's switch is killed under traffic: what leads over it is taken back."""
    before, own = site.bird.routes()[PREFIX], site.held_by("hv2")
    with Pinger(site.outside("router"), site.address("vm3")) as pinger:
        begin = time.monotonic()
        site.lab.chassis["hv2"].ovs.kill()
        wait_until("the route taken back", lambda: site.bird.routes()[PREFIX] == before - own, pause=0.02)
        took = time.monotonic() - begin
        site.wait_holders("hv1")
        time.sleep(2)
    say(site.bird.since())
    say(f"hv2 killed: its route taken back after {took * 1000:.0f} ms; {pinger.lost} of {pinger.sent} lost, {pinger.lost * 5} ms")
    expect(site.outside("router").ping(site.address("vm3"), count=5) == 5, "vm3 is not reached by hv1")
    expect(pinger.lost * 5 < 5000, "too much was lost")


def deleted(site, say=print):
    """What is exposed no more is led to no more."""
    site.controller.call("delete", "exposure", "acme/net")
    wait_until("the prefix taken back", lambda: PREFIX not in site.bird.routes())
    expect(site.address("vm3") + HOST in site.bird.routes(), "the other exposure's route is gone too")
    site.controller.call("delete", "exposure", "acme/hosts")
    wait_until("all taken back", lambda: not site.bird.routes())
    say("exposures deleted: nothing is said any more")


def asked(site, address):
    """Who answers a solicitation from outside: the MACs of all answers."""
    neighbor = site.outside("neighbor")
    with neighbor.capture("icmp6 and ip6[40] == 136") as wire:
        said = neighbor.run("ndisc6", "-1", "-n", "-w", "700", "-r", "1", address, "eth0").stdout
        time.sleep(0.2)
    answers = [mac for target, mac in wire.fields("icmpv6.nd.na.target_address", "eth.src") if target == address]
    expect(bool(answers) == ("Target link-layer" in said), f"ndisc6 {address}: {said}")
    return answers


def answered(site):
    """Which chassis answers for which exposed address."""
    return {held["ip_address"]: held["chassis"] for held in site.exposure("near")["status"]["addresses"]}


def near(site, say=print):
    """Who is on the link out there finds exactly what is exposed, at the VM's chassis where that has the uplink."""
    site.wait_phase("near", "Active")
    holders = answered(site)
    expect(set(holders) == {NEAR["vm4"], NEAR["vm5"]}, f"answered for: {holders}")
    expect(holders[NEAR["vm4"]] == "hv1" and holders[NEAR["vm5"]] in ("hv1", "hv2"), f"answered for: {holders}")
    for port, address in NEAR.items():
        macs = asked(site, address)
        expect(len(macs) == (port != "vm6"), f"{port}: {len(macs)} answers: {macs}")
    for address in ("2001:db8:100:0:b::1", "2001:db8:100:0:b::7", "2001:db8:100:0:c::4", site.address("vm1")):
        expect(not asked(site, address), f"{address} is answered for")
    say(f"answered for by {holders}; nobody else's address is")
    neighbor = site.outside("neighbor")
    neighbor.cmd(f"ip addr add {NEAR['vm4']}/64 dev eth0")
    wait_until("a duplicate", lambda: any(a["local"] == NEAR["vm4"] and a.get("dadfailed") for a in neighbor.inet()))
    neighbor.cmd(f"ip addr del {NEAR['vm4']}/64 dev eth0")
    say("who out there takes an exposed address for its own is told that somebody has it")
    for port in ("vm4", "vm5"):
        expect(site.host(port).agent, "an agent answers")
        answers = neighbor.ping(NEAR[port], count=5)
        expect(answers == 5, f"{port}: {answers} of 5")
        who = neighbor.tcp(NEAR[port])
        expect(who == f"acme-{port}", f"TCP to {port}: {who} answers")
        expect(site.host(port).ping(FAR, count=3) == 3, f"{port} does not reach who is far away")
        expect(site.outside("router").ping(NEAR[port], count=3, options=("-I", FAR)) == 3, f"{port} is not reached from far away")
    expect(neighbor.ping(NEAR["vm6"], count=2) == 0, "vm6 is reached")
    with site.lab.chassis["hv1"].capture() as tunnels:
        answers = neighbor.ping(NEAR["vm4"], count=10, interval=0.05, options=("-p", "5e4742"))
        time.sleep(0.3)
    through = tunnels.fields("frame.number", display="frame contains 5e:47:42:5e:47:42")
    expect(answers == 10 and not through, f"vm4: {answers} of 10, {len(through)} packets in tunnels")
    say("vm4 and vm5: reached by a neighbour without a route, ping and TCP, and from far away; vm4 by no tunnel; vm6 is not")


REBIND = """\
tenant: acme
ports:
  - {{name: vm4, network: blue, mac_address: "02:00:00:00:01:04", fixed_ips: [{{ip_address: "2001:db8:100:0:b::4"}}],
     security_groups: [open], binding: {{chassis: {chassis}, interface: acme-vm4}}}}
"""


def moved(site, say=print):
    """A VM moves to another chassis: neighbours out there are told, more than once, and follow."""
    neighbor, chassis = site.outside("neighbor"), site.lab.chassis
    before = asked(site, NEAR["vm4"])
    with neighbor.capture("icmp6 and ip6[40] == 136") as wire, Pinger(neighbor, NEAR["vm4"]) as pinger:
        begin = time.monotonic()
        chassis["hv1"].hand_over("acme-vm4", chassis["hv2"])
        site.controller.apply_text(REBIND.format(chassis="hv2"))
        took = time.monotonic() - begin
        wait_until("hv2 answers", lambda: answered(site)[NEAR["vm4"]] == "hv2")
        time.sleep(2.5)
    after = asked(site, NEAR["vm4"])
    expect(len(after) == 1 and after != before, f"before {before}, after {after}")
    told = [mac for target, mac, solicited in wire.fields("icmpv6.nd.na.target_address", "eth.src", "icmpv6.nd.na.flag.s")
            if target == NEAR["vm4"] and solicited in ("0", "False")]
    say(f"vm4 to hv2, which took {took:.2f} s: {pinger.lost} of {pinger.sent} lost; unsolicited advertisements from {told}")
    expect(told.count(after[0]) >= 3, f"{after[0]} was told {told.count(after[0])} times")
    expect(pinger.lost * 0.005 < took + 2, f"{pinger.lost} of {pinger.sent} lost")
    expect(neighbor.ping(NEAR["vm4"], count=5) == 5, "vm4 is not reached at hv2")


def stand_in(site, say=print):
    """The gateway that answers for a VM that is on no uplink is drained: the other one does, and nothing is lost."""
    was = answered(site)[NEAR["vm5"]]
    with Pinger(site.outside("neighbor"), NEAR["vm5"]) as pinger:
        site.controller.call("drain", "chassis", was)
        now = wait_until("another answers", lambda: answered(site)[NEAR["vm5"]] != was and answered(site)[NEAR["vm5"]])
        time.sleep(2)
        site.controller.call("drain", "chassis", was, "--undo")
        wait_until("it answers again", lambda: answered(site)[NEAR["vm5"]] == was)
        time.sleep(1)
    say(f"vm5: {was} drained, {now} answered meanwhile; {pinger.lost} of {pinger.sent} lost")
    expect(pinger.lost == 0, f"{pinger.lost} lost")


def hidden(site, say=print):
    """What is exposed no more is answered for no more."""
    site.controller.call("delete", "exposure", "acme/near")
    wait_until("nobody answers", lambda: not asked(site, NEAR["vm5"]))
    expect(not asked(site, NEAR["vm4"]), "vm4 is answered for")
    say("exposure deleted: nobody answers")
