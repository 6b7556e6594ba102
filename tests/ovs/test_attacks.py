"""One attack of each family of labs/attack against its hosts; what drops are counted and told; and what ports of other roles may do."""

import os
import time

from attack import cases, crafted, lab, wiring
from sextantlab import wait_until

# What an honest neighbour does meanwhile has its time.
ALONE = True

with open(os.path.join(os.path.dirname(lab.__file__), "site.yaml"), encoding="ascii") as _file:
    SITE = _file.read()


def test_one_attack_of_each_family(isolation):
    chosen = [case for case in cases.ALL if case.name in cases.SOME]
    assert len(chosen) == len(cases.SOME) and {case.family for case in chosen} == {case.family for case in cases.ALL}
    with lab.ground(isolation) as here:
        assert lab.attack_all(here, chosen, print) == []


def counts(here, port="acme/attacker"):
    """What is counted of a port, by name."""
    return {entry["reason"]: int(entry["packets"]) for entry in here.lab.controller.get("drops", "--port", port)}


def test_drops_are_counted_by_port_and_name_and_told(isolation):
    with lab.ground(isolation) as here:
        attacker, controller = here.hosts["attacker"], here.lab.controller
        assert counts(here) == counts(here, "acme/victim") == {}
        attacker.scapy(crafted.HEAD + "for n in range(20):\n    out(group()/advert())\n    time.sleep(0.1)\n")
        # The switch learns of what its cache has counted within a second.
        wait_until("all are counted", lambda: counts(here) == {"rogue_router_advert": 20}, timeout=5)
        assert counts(here, "acme/victim") == {}
        told = [line for line in controller.call("events").splitlines() if "guard.drop" in line]
        assert len(told) == 1 and "port acme/attacker: rogue_router_advert" in told[0], told
        # They are the switch's: a controller that comes anew finds them, and leaves them be.
        before = {name: len(chassis.flows()) for name, chassis in here.lab.chassis.items()}
        controller.kill()
        controller.start()
        wait_until("connected", lambda: all(c["status"]["phase"] == "Active" for c in controller.get("chassis")))
        assert counts(here) == {"rogue_router_advert": 20}
        assert {name: len(chassis.flows()) for name, chassis in here.lab.chassis.items()} == before
        assert all(c["status"]["foreign_flows"] == 0 for c in controller.get("chassis"))


def as_role(here, role):
    """Gives the attacker's port another role."""
    text = SITE.replace("- name: attacker\n", f"- name: attacker\n    role: {role}\n")
    assert text != SITE
    here.lab.controller.apply_text(text)


# Packets of a router: its advertisement, a query, a tunnel; what it forwards; and what it has no business to send.
ROUTING = crafted.HEAD + """
mark = UDP(sport=7, dport=7)
out(group()/advert(), group(hlim=1)/IPv6ExtHdrHopByHop(options=[RouterAlert()])/ICMPv6MLQuery(),
    one(src=own, dst=victim)/IPv6(src=own, dst=victim)/mark/Raw(b'carried'))
for src, name in (('2001:db8:77::1', b'forwarded'), (own, b'own'), (far, b'neighbours'), (gateway, b'gateways'), ('fe80::bad', b'local')):
    out(Ether(src=mac, dst=victim_mac)/IPv6(src=src, dst=victim)/mark/Raw(name))
for src, name in (('192.0.2.1', b'forwarded4'), ('10.1.0.12', b'neighbours4')):
    out(Ether(src=mac, dst=victim_mac)/IP(src=src, dst='10.1.0.11')/mark/Raw(name))
out(group()/ICMPv6ND_NA(R=0, S=0, O=1, tgt=far)/ICMPv6NDOptDstLLAddr(lladdr=mac), one(src='fe80::bad')/advert(), one(hlim=64)/advert())
"""


def seen(here, program):
    """What a program's packets look like at the victim: what they carry, and which of a router's messages they are."""
    with here.hosts["victim"].capture(f"ether src {wiring.MACS['attacker']}") as wire:
        here.hosts["attacker"].scapy(program)
        time.sleep(0.5)
    payloads = {bytes.fromhex(row[0]).decode() for row in wire.fields("udp.payload") if row[0]}
    types = sorted(row[0] for row in wire.fields("icmpv6.type", display="icmpv6.type == 130 || icmpv6.type == 134"))
    return payloads, types


def test_a_routers_port_routes_and_a_hosts_does_not(isolation):
    with lab.ground(isolation) as here:
        assert seen(here, ROUTING) == ({"own"}, [])
        as_role(here, "router")
        assert seen(here, ROUTING) == ({"own", "carried", "forwarded", "forwarded4"}, ["130", "134"])
        as_role(here, "host")
        assert seen(here, ROUTING) == ({"own"}, [])


def test_a_monitors_port_only_listens(isolation):
    with lab.ground(isolation) as here:
        attacker, honest = here.hosts["attacker"], here.hosts["honest"]
        as_role(here, "monitor")
        assert seen(here, ROUTING) == (set(), [])
        assert attacker.ping(wiring.ADDRESSES["victim"], count=1) == 0
        assert counts(here)["monitor_sends"] > 5
        with attacker.capture("icmp6 and dst ff02::1") as wire:
            honest.run("ping", "-c", "2", "-i", "0.3", "ff02::1%eth0")
            time.sleep(0.3)
        assert len(wire.fields("frame.number", display="icmpv6.type == 128")) == 2
