"""`sextant trace` says what becomes of a packet: here the packets are sent, too, and come to the very same end."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import wiring
from common import GATEWAY, dvr
from sextantlab import eui64

NOBODY = "2001:db8:a::dead"
NOWHERE = "2001:db8:ff::1"


def trace(lab, host, packet):
    """The ends that a trace finds, and its steps."""
    said = lab.controller.call("trace", "--port", f"{host.spec.tenant}/{host.spec.port}", packet, "-o", "json")
    found = json.loads(said)
    return found["outcomes"], found["steps"]


def delivered(hosts):
    """The ends of a packet that these hosts get."""
    return sorted(f"delivered: {host.spec.tenant}/{host.spec.port}" for host in hosts)


def test_who_answers_is_who_is_named(isolation):
    """Every host opens a connection to every address: whoever answers is whom the trace names, of its own tenant always."""
    with dvr(isolation) as lab:
        targets = sorted({wiring.address(host) for host in lab.hosts.values()})
        by_name = lab.hosts

        def compare(source):
            wrong = []
            own = wiring.address(source)
            for target in targets:
                if target == own:
                    continue
                answered = source.tcp(target)
                real = delivered([by_name[answered]]) if answered else []
                outcomes, _ = trace(lab, source, f"tcp from {own} to {target} dport 7")
                said = [end for end in outcomes if end.startswith("delivered")]
                if said != real or not outcomes:
                    wrong.append(f"{source.name} to {target}: {answered} answered, the trace says {outcomes}")
            return wrong

        for host in lab.hosts.values():
            host.agent  # pylint: disable=pointless-statement
        with ThreadPoolExecutor(len(lab.hosts)) as pool:
            wrong = [words for found in pool.map(compare, lab.hosts.values()) for words in found]
        assert wrong == [], "\n".join(wrong)


def test_ends_other_than_a_host(isolation):
    """Routers that answer, errors that the controller sends, and addresses that nobody has."""
    with dvr(isolation) as lab:
        source, routed = lab.host("acme", "vm1"), wiring.address(lab.host("acme", "vm6"))
        own = wiring.address(source)
        for gateway in [*GATEWAY.values(), "2001:db8:a::"]:
            assert trace(lab, source, f"icmp6 from {own} to {gateway}")[0] == ["answered: acme/r1"]
            assert source.ping(gateway, count=1) == 1, gateway
        for words, options, target, said in [
                (f"icmp6 from {own} to {routed} hop_limit 1", ["-t", "1"], routed, "Hop limit"),
                (f"icmp6 from {own} to {NOWHERE}", [], NOWHERE, "No route"),
        ]:
            assert trace(lab, source, words)[0] == ["punted: icmp"], words
            assert said in source.run("ping", "-c", "1", "-W", "2", *options, target).stdout, words
        assert trace(lab, source, f"icmp6 from {own} to {NOBODY}")[0] == ["drop: unknown_target"]
        assert source.ping(NOBODY, count=1) == 0


MULTICAST = """
mark = Raw(b'{mark}')
sendp(Ether(src='{mac}', dst='33:33:00:00:00:fb')/IPv6(src='{src}', dst='ff02::fb', hlim=255)/UDP(sport=5353, dport=5353)/mark,
      iface='eth0')
"""


def test_receivers_of_a_group_and_of_a_lie(isolation):
    """A multicast packet's receivers are those that the trace lists; with somebody else's address it has none."""
    with dvr(isolation) as lab:
        source = lab.host("acme", "vm1")
        others = [host for host in lab.hosts.values() if host is not source]
        own, lie = eui64("fe80::/64", source.spec.mac), "fe80::bad"
        for src, mark in [(own, "truth"), (lie, "a lie")]:
            outcomes, steps = trace(lab, source, f"udp from {src} to ff02::fb sport 5353 dport 5353 hop_limit 255")
            captures = [host.capture("udp port 5353") for host in others]
            for capture in captures:
                capture.__enter__()
            source.scapy(MULTICAST.format(mark=mark, mac=source.spec.mac, src=src))
            time.sleep(0.5)
            for capture in captures:
                capture.__exit__()
            got = [host for host, capture in zip(others, captures)
                   if [src] in capture.fields("ipv6.src", display=f'udp.payload == {mark.encode().hex(":")}')]
            if src == own:
                assert outcomes == delivered(got) and len(got) == 2, (outcomes, [host.name for host in got])
                chassis = [step["row"]["chassis"] for step in steps]
                assert set(chassis) == {"hv1", "hv2", "hv3"}, chassis
            else:
                assert outcomes == ["drop: spoofed_source"] and got == [], (outcomes, [host.name for host in got])


def test_each_step_says_whose_row_it_is(isolation):
    """As text: the row, who wants it, the part of the resource that it is for, and the end on the last line."""
    with dvr(isolation) as lab:
        source, target = lab.host("acme", "vm1"), lab.host("acme", "vm6")
        packet = f"icmp6 from {wiring.address(source)} to {wiring.address(target)}"
        lines = lab.controller.call("trace", "--tenant", "acme", "--port", "vm1", packet).splitlines()
        assert lines[-1] == "delivered: acme/vm6", lines[-1]
        assert any("router acme/r1" in line and "interfaces[blue6]: a connected network" in line for line in lines), lines
        assert any(line.startswith("hv3: ") and "table=out" in line for line in lines), lines
        _, steps = trace(lab, source, packet)
        assert all(step["row"]["installed"] and step["row"]["resource"] for step in steps), steps
