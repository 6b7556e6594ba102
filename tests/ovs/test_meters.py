"""What a port may have the switch do for it, and no more: answers, new connections; and what is counted of it."""

import time

from attack import lab, wiring
from flooding import flooding
from sextantlab import wait_until
from test_attacks import SITE, counts

# As features/src/port and features/src/groups have them: per second, and the burst on top.
ANSWERS, CONNECTIONS = (1000, 2048), (5000, 10000)

ASKS = {
    "solicitations": "[group(src=own)/ICMPv6ND_NS(tgt=victim)/ICMPv6NDOptSrcLLAddr(lladdr=mac)]",
    "ARP requests": "[Ether(src=mac, dst='ff:ff:ff:ff:ff:ff')/ARP(op=1, hwsrc=mac, psrc='10.1.0.66', pdst='10.1.0.11')]",
    "echo to the router": "[Ether(src=mac, dst=getmacbyip6(gateway))/IPv6(src=own, dst=gateway)/ICMPv6EchoRequest()]",
}


def received(host):
    """Packets that came to a host."""
    return int(host.run("cat", "/sys/class/net/eth0/statistics/rx_packets").stdout)


def test_answers_are_metered_by_port(isolation):
    with lab.ground(isolation) as here:
        attacker, honest = here.hosts["attacker"], here.hosts["honest"]
        for name, frames in ASKS.items():
            time.sleep(2.5)  # the burst is there again
            before, sent, dropped = received(attacker), here.sent(attacker), counts(here).get("rate_answers", 0)
            begin = time.monotonic()
            with flooding(here, frames, rate=10000):
                time.sleep(3)
                assert honest.ping(wiring.GATEWAY, count=5) == 5
                done = honest.run("ndisc6", "-1", "-r", "3", "-w", "1000", wiring.ADDRESSES["far"], "eth0")
                assert done.returncode == 0, done.stdout
            time.sleep(0.5)
            seconds = time.monotonic() - begin
            answered, sent = received(attacker) - before, here.sent(attacker) - sent
            dropped = counts(here)["rate_answers"] - dropped
            print(f"{name}: {sent} sent, {answered} answered, {dropped} above the rate in {seconds:.1f} s")
            # A few others come to it meanwhile: its own neighbour discovery, router advertisements.
            assert ANSWERS[1] < answered < ANSWERS[0] * seconds + ANSWERS[1] + 200, name
            # A machine that has no time loses some of them before they are anybody's to count.
            assert 0.8 * (sent - answered) < dropped <= sent - answered + 200, name
        assert "rate_answers" not in counts(here, "acme/honest")
        told = [line for line in here.lab.controller.call("events").splitlines() if "rate.drop" in line]
        assert any("acme/attacker" in line and "rate_answers" in line for line in told), told
        assert not any("acme/honest" in line for line in told), told


# The attacker's groups let it begin everything, and nobody else anything: so its connections are followed.
FOLLOWED = SITE.replace("security_groups:\n  - name: open\n", "security_groups:\n  - name: begins\n    rules:\n"
                        "      - {direction: egress, ethertype: IPv6}\n  - name: open\n").replace(
    "    fixed_ips: [{ip_address: 10.1.0.66}]\n    security_groups: [open]", "    fixed_ips: [{ip_address: 10.1.0.66}]\n    security_groups: [begins]")


# Datagrams from port after port. Two bytes of content make up for the port, so that one checksum is right for all.
MANY_CONNECTIONS = """(lambda one: [one[:54] + n.to_bytes(2, 'big') + one[56:62] + (0xffff - n).to_bytes(2, 'big') for n in range(1024, 61024)])(
    bytes(Ether(src=mac, dst=victim_mac)/IPv6(src=own, dst=victim)/UDP(sport=1024, dport=9)/Raw((0xffff - 1024).to_bytes(2, 'big'))))"""


def followed(here):
    """Connections that the attacker's switch keeps."""
    text = here.lab.chassis["hv1"].ovs.appctl("dpctl/ct-get-nconns")
    return int(text.split()[-1])


def test_new_connections_are_metered_by_port(isolation):
    assert FOLLOWED.count("begins") == 2
    with lab.ground(isolation) as here:
        here.lab.controller.apply_text(FOLLOWED)
        attacker, honest = here.hosts["attacker"], here.hosts["honest"]
        assert attacker.ping(wiring.ADDRESSES["victim"], count=2) == 2, "what it begins passes"
        before = followed(here)
        with flooding(here, MANY_CONNECTIONS, rate=20000):
            wait_until("it floods", lambda: followed(here) > before + 1000, timeout=30)
            begin = time.monotonic()
            time.sleep(3)
            seconds, kept = time.monotonic() - begin, followed(here) - before
            assert honest.ping(wiring.ADDRESSES["victim"], count=5) == 5
        dropped = counts(here).get("rate_connections", 0)
        print(f"{kept} connections kept after {seconds:.1f} s, {dropped} packets above the rate")
        assert kept < CONNECTIONS[0] * (seconds + 1) + CONNECTIONS[1] and dropped > 1000
        assert "rate_connections" not in counts(here, "acme/honest")


def by_direction(here, port):
    """What groups have dropped of a port: by direction."""
    found = here.lab.controller.get("drops", "--port", port)
    return {entry["direction"]: int(entry["packets"]) for entry in found if entry["reason"] == "no_rule"}


def test_what_groups_drop_is_counted_by_port_and_direction(isolation):
    with lab.ground(isolation) as here:
        shut = SITE.replace("    fixed_ips: [{ip_address: 10.1.0.66}]\n    security_groups: [open]",
                            "    fixed_ips: [{ip_address: 10.1.0.66}]\n    security_groups: []")
        assert shut != SITE
        here.lab.controller.apply_text(shut)
        attacker, victim = here.hosts["attacker"], here.hosts["victim"]
        assert by_direction(here, "acme/attacker") == {}
        assert attacker.ping(wiring.ADDRESSES["victim"], count=4) == 0
        wait_until("what it sent is counted", lambda: by_direction(here, "acme/attacker") == {"egress": 4}, timeout=5)
        assert victim.ping(wiring.ADDRESSES["attacker"], count=3) == 0
        # Chatter for many is nobody's attempt to reach it.
        victim.run("ping", "-c", "3", "-i", "0.2", "ff02::1%eth0")
        wait_until("what was for it is counted", lambda: by_direction(here, "acme/attacker") == {"egress": 4, "ingress": 3}, timeout=5)
        assert by_direction(here, "acme/victim") == {}
        told = [line for line in here.lab.controller.call("events").splitlines() if "group.drop" in line]
        assert len(told) == 2 and all("port acme/attacker: no_rule" in line for line in told), told


def test_a_scan_of_a_prefix_is_bounded_and_hurts_nobody(isolation):
    """RFC 6583: thc-ipv6's ndpexhaust26 asks the router for all of a /64."""
    with lab.ground(isolation) as here:
        attacker, honest = here.hosts["attacker"], here.hosts["honest"]
        memory = here.lab.controller.memory_kib()
        attack = attacker.popen(["timeout", "8", "atk6-ndpexhaust26", "eth0", "2001:db8:a::/64"])
        try:
            time.sleep(1)
            for _ in range(3):
                honest.run("ip", "-6", "neigh", "flush", "dev", "eth0")
                for target in ("victim", "far"):
                    assert honest.ping(wiring.ADDRESSES[target], count=2, wait=2) == 2, target
        finally:
            attack.wait()
        more = here.lab.controller.memory_kib() - memory
        learned = [b for b in here.lab.controller.get("bindings") if b["proof"] != "static"]
        print(f"{here.sent(attacker)} packets sent, the controller has {more} KiB more, {len(learned)} addresses learned; {counts(here)}")
        assert more < 32 * 1024 and len(learned) < 100
