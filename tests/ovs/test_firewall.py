"""The lists of thc-ipv6's firewall6 and implementation6 against a protected host: what gets past its security groups, case by case."""

import contextlib
import re

from concurrent.futures import ThreadPoolExecutor

from attack import lab, wiring
from test_attacks import SITE

OPEN, SHUT = 7000, 22

# The victim may be pinged, and asked at one port; nothing else.
PROTECTED = SITE.replace("security_groups:\n  - name: open\n", "security_groups:\n  - name: protected\n    rules:\n"
                         "      - {direction: ingress, ethertype: IPv6, protocol: ipv6-icmp, icmp_type: 128}\n"
                         f"      - {{direction: ingress, ethertype: IPv6, protocol: tcp, port_range: [{OPEN}]}}\n  - name: open\n").replace(
    "    fixed_ips: [{ip_address: 10.1.0.11}]\n    security_groups: [open]", "    fixed_ips: [{ip_address: 10.1.0.11}]\n    security_groups: [protected]")


# What the open port answers, case by case: SYNs as they may be, with headers before them that the switch can follow, from whatever port.
ANSWERED = ("1", "2", "5", "6", "7", "8", "9", "10", "39")
# All: what else there is are fragments and headers that hide a SYN, options that are none, packets of other versions.
FIREWALL6 = [str(case) for case in range(1, 40)]

# Echo requests that are answered, case by case: as they are, behind headers of options, or routing headers that have done their work, and
# the solicitation of 41. Of fragments only the one-shot (12) and those whose headers are whole: conntrack takes none below 1,280
# bytes but the last.
REPLIES = ("1", "5", "7", "8", "12", "18", "24", "25", "41", "56")
# All others: node information (28), inverse solicitations (29), mobility (20, 30), ESP and AH around a ping (32, 35), what is malformed.
IMPLEMENTATION6 = [str(case) for case in range(1, 58)]
AT_ONCE = 10


@contextlib.contextmanager
def protected(isolation):
    """The lab with a victim that listens to both ports."""
    assert PROTECTED.count("protected") == 2
    with lab.ground(isolation) as here:
        here.lab.controller.apply_text(PROTECTED)
        listens = "import socket, threading\nall = [socket.create_server(('::', p), family=socket.AF_INET6) for p in (%d, %d)]\nthreading.Event().wait()"
        server = here.hosts["victim"].popen(["/usr/bin/python3", "-c", listens % (OPEN, SHUT)])
        try:
            yield here
        finally:
            server.kill()
            server.wait()


def verdict(here, tool, case):
    """What a tool says of one of its cases."""
    said = here.hosts["attacker"].run("timeout", "60", *tool, case, timeout=90).stdout
    return " ".join(re.findall(r"^Test +\w+: .*?\t+(.*)$", said, re.M)) or said


def verdicts(here, tool, cases):
    """The same of many cases, some at once. One that seems to be answered may have heard another's: it is asked again alone."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(cases, pool.map(lambda case: verdict(here, tool, case), cases)))
    return {case: verdict(here, tool, case) if "PASSED" in words or "TCP" in words else words for case, words in found.items()}


def test_no_case_of_firewall6_gets_past_a_group(isolation):
    with protected(isolation) as here:
        victim = wiring.ADDRESSES["victim"]
        with here.hosts["victim"].capture(f"ip6 and ether src {wiring.MACS['attacker']}") as wire:
            opened = {case: verdict(here, ("atk6-firewall6", "eth0", victim, str(OPEN)), case) for case in ANSWERED}
            shut = verdicts(here, ("atk6-firewall6", "eth0", victim, str(SHUT)), FIREWALL6)
        for case, words in shut.items():
            print(f"{case:>4}  shut: {words:38} open: {opened.get(case, '-')}")
        assert [case for case, words in opened.items() if "TCP-SYN-ACK" not in words] == []
        assert [case for case, words in shut.items() if "TCP" in words] == []
        assert wire.fields("frame.number", display=f"tcp.dstport == {SHUT}") == [], "nothing for the shut port arrives, whatever is around it"


def test_every_case_of_implementation6_is_answered_or_not_as_it_must_be(isolation):
    with protected(isolation) as here:
        tool = ("atk6-implementation6", "-p", "eth0", wiring.ADDRESSES["victim"])
        answered = {case: verdict(here, tool, case) for case in REPLIES}
        others = verdicts(here, tool, [case for case in IMPLEMENTATION6 if case not in REPLIES])
        for case in IMPLEMENTATION6:
            print(f"{case:>4}  {answered.get(case) or others[case]}")
        assert [case for case, words in answered.items() if "PASSED" not in words] == []
        assert [case for case, words in others.items() if "PASSED" in words] == []
