"""Sources, and what is not believed: a listener names whom it hears; queries of hosts; who says nothing."""

import time

from sextantlab import wait_until
from sextantlab.site import expect

from . import wiring
from .members import counts, members, mld, wait_listeners

PORTS = ["red2", "red4"]
GROUP = "ff3e::8000:2"
GROUP4 = "232.1.2.3"
SENT = 10

QUERY = """
sendp(Ether(dst='33:33:00:00:00:01')/IPv6(src='{own}', dst='ff02::1', hlim=1)/IPv6ExtHdrHopByHop(options=[RouterAlert()])
      /ICMPv6MLQuery2(), iface='eth0', count=3, inter=.1)
sendp(Ether(dst='01:00:5e:00:00:01')/IP(src='{own4}', dst='224.0.0.1', ttl=1, proto=2)
      /Raw(bytes.fromhex('1164ee9b00000000')), iface='eth0', count=3, inter=.1)
"""


def show(site):
    """By source over both versions; then who asks and who is silent."""
    with members(site, "red1", "red2", "red3", "red5", "blue2") as all_members:
        by_source(site, all_members, GROUP, wiring.address)
        by_source(site, all_members, GROUP4, wiring.address4)
        all_but(site, all_members)
        heard_by_routers_only(site, all_members)
    asks(site)
    silent(site)


def by_source(site, all_members, group, address):
    """red3 and, routed, blue2 hear red1 alone; red5 hears all."""
    one = address(site.host("red1"))
    for port in ("red3", "blue2"):
        all_members[port].join(group, source=one)
    all_members["red5"].join(group)
    wait_listeners(site, group, "blue2", "red3", "red5")
    got = {}
    for sender in ("red1", "red2"):
        all_members[sender].send(group, SENT)
        got[sender] = {port: n for port, n in counts(all_members, group).items() if n}
    wanted = {"red1": {"red3": SENT, "blue2": SENT, "red5": SENT}, "red2": {"red5": SENT}}
    expect(got == wanted, f"{group}: {got}, expected {wanted}")
    site.say(f"{group}: red3 and blue2 hear {one} alone: {got}")
    for port in ("red3", "blue2"):
        all_members[port].leave(group, source=one)
    all_members["red5"].leave(group)
    wait_listeners(site, group)


def all_but(site, all_members):
    """A second socket of the host's that names a source is joined with the first; the controller shows what comes of it."""
    one = wiring.address(site.host("red1"))
    all_members["red3"].join(GROUP, source=one)
    wait_listeners(site, GROUP, "red3")
    shown = [entry for entry in site.controller.get("listeners", "--port", "acme/red3") if entry["group"] == GROUP]
    expect([entry.get("sources") for entry in shown] == [[one]], f"shown: {shown}")
    site.say(site.controller.call("get", "listeners", "--tenant", "acme"))
    all_members["red3"].leave(GROUP, source=one)
    wait_listeners(site, GROUP)


def heard_by_routers_only(site, all_members):
    """What red3 says of a group, no other host hears; the router's port does."""
    report = mld(143)
    with site.host("red4").capture(report) as neighbour, site.host("red2").capture(report) as other, \
            site.host("red6").capture(report) as router:
        all_members["red3"].join(GROUP)
        wait_listeners(site, GROUP, "red3")
        time.sleep(0.5)
    own = {"red2": wiring.eui64("fe80::/64", site.host("red2").spec.mac), "red4": wiring.eui64("fe80::/64", site.host("red4").spec.mac)}
    foreign = {
        name: [line for line in capture.lines() if own[name] not in line]
        for name, capture in (("red2", other), ("red4", neighbour))
    }
    expect(not any(foreign.values()), f"hosts heard reports: {foreign}")
    heard = [line for line in router.lines() if wiring.eui64("fe80::/64", site.host("red3").spec.mac) in line]
    expect(heard, "the router's port heard no report of red3")
    site.say(f"reports: {len(heard)} of red3 to the router's port, none to hosts")
    all_members["red3"].leave(GROUP)
    wait_listeners(site, GROUP)


def asks(site):
    """red2, a host, asks who listens: nobody hears it, it is counted, and we go on asking."""
    host = site.host("red2")
    own, own4 = wiring.eui64("fe80::/64", host.spec.mac), wiring.address4(host)
    with site.host("red4").capture(f"({mld(130)}) or igmp") as heard:
        host.scapy(QUERY.format(own=own, own4=own4))
        time.sleep(0.5)
    foreign = [line for line in heard.lines() if f" {own} >" in line or f" {own4} >" in line]
    expect(not foreign, f"red4 heard {foreign}")

    def counted():
        drops = site.controller.get("drops", "--port", "acme/red2")
        return sum(int(entry.get("packets", 0)) for entry in drops if entry.get("reason", entry.get("drop")) == "rogue_multicast_router")

    wait_until("its queries are counted", lambda: counted() >= 6, timeout=5)
    site.say(f"queries of a host: none heard, {counted()} counted")


def silent(site):
    """A host that never says what it listens to is reached all the same: solicited-node groups are of the link."""
    host, to = site.host("red4"), wiring.address(site.host("red4"))
    host.cmd("nft add table ip6 quiet; nft add chain ip6 quiet out '{ type filter hook output priority 0; }';"
             "nft add rule ip6 quiet out icmpv6 type '{ mld-listener-report, mld2-listener-report }' drop;"
             "ip link set eth0 down; ip link set eth0 up")
    with host.capture(f"({mld(143)}) or ({mld(131)})") as said:
        host.wait_address(wiring.PREFIX["red"])
        site.host("red1").cmd("ip -6 neigh flush dev eth0")
        got = site.host("red1").ping(to)
    expect(said.count() == 0, f"red4 has said {said.lines()}")
    expect(got == 3, f"red4, which says nothing of groups: {got} of 3 pings answered")
    site.say("a host that says nothing of groups is asked for its address, and answers")
