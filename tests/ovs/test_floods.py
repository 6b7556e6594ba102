"""20,000 packets a second from one port: another port's neighbour discovery and DHCPv6 go on as if nothing were."""

import json
import subprocess
import time

from attack import crafted, lab, wiring

# It measures times.
ALONE = True

# Questions one after the other, each answered before the next; microseconds each took. What it asks is in `frames`, by name; an
# answer is told by the byte at a place.
ASK = """
import json, socket, time
from scapy.all import *
mac, local, target = {mac!r}, {local!r}, {target!r}
solicit = (Ether(src=mac, dst='33:33:ff:00:01:02')/IPv6(src=local, dst='ff02::1:ff00:102', hlim=255)/ICMPv6ND_NS(tgt=target)
           /ICMPv6NDOptSrcLLAddr(lladdr=mac))
inform = (Ether(src=mac, dst='33:33:00:01:00:02')/IPv6(src=local, dst='ff02::1:2', hlim=1)/UDP(sport=546, dport=547)
          /Raw(bytes([11, 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1]) + bytes.fromhex(mac.replace(':', '')) + bytes([0, 8, 0, 2, 0, 0, 0, 6, 0, 2, 0, 23])))
answers = {{'nd': (solicit, lambda d: len(d) > 78 and d[54] == 136 and d[62:78] == socket.inet_pton(socket.AF_INET6, target)),
           'dhcp6': (inform, lambda d: len(d) > 66 and d[20] == 17 and d[54:56] == bytes([2, 35]) and d[62:66] == bytes([7, 1, 2, 3]))}}
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
s.bind(('eth0', 0))
s.settimeout(1)
took, lost = {{}}, {{}}
for name, count in (('nd', {samples}), ('dhcp6', {samples} // 4)):
    frame, is_answer = bytes(answers[name][0]), answers[name][1]
    took[name], lost[name] = [], 0
    for _ in range(count):
        begin = time.perf_counter()
        s.send(frame)
        while True:
            try:
                data, where = s.recvfrom(2048)
            except OSError:
                lost[name] += 1
                break
            if where[2] != 4 and is_answer(data):
                took[name].append((time.perf_counter() - begin) * 1e6)
                break
        time.sleep(0.003 if name == 'nd' else 0.012)
print(json.dumps([took, lost]))
"""

FLOOD = """
import socket, time
from scapy.all import *
{head}
frame = bytes({frame})
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
begin, sent = time.perf_counter(), 0
while time.perf_counter() < begin + 30:
    for _ in range(int((time.perf_counter() - begin) * 20000) - sent):
        s.send(frame)
        sent += 1
    time.sleep(0.0005)
"""

FLOODS = {
    "solicitations that flows answer": "group(src=own)/ICMPv6ND_NS(tgt=victim)/ICMPv6NDOptSrcLLAddr(lladdr=mac)",
    "solicitations for the controller": "group(src=own)/ICMPv6ND_NS(tgt=victim)",
    "ARP requests": "Ether(src=mac, dst='ff:ff:ff:ff:ff:ff')/ARP(op=1, hwsrc=mac, psrc='10.1.0.66', pdst='10.1.0.11')",
    "router advertisements": "group()/advert()",
}


def measured(here, samples):
    """How long questions of the honest neighbour take: median and 99th percentile, by their kind."""
    program = ASK.format(mac=wiring.MACS["honest"], local=wiring.LOCALS["honest"], target=wiring.ADDRESSES["far"], samples=samples)
    took, lost = json.loads(here.hosts["honest"].run("/usr/bin/python3", "-c", program, timeout=90).stdout)
    assert all(count == 0 for count in lost.values()), f"unanswered: {lost}"
    return {kind: (sorted(times)[len(times) // 2], sorted(times)[len(times) * 99 // 100]) for kind, times in took.items()}


def test_a_flood_from_one_port_is_not_felt_by_another(isolation):
    with lab.ground(isolation) as here:
        idle = [measured(here, 1000)]
        under = {}
        for name, frame in FLOODS.items():
            flood = here.hosts["attacker"].popen(["/usr/bin/python3", "-c", FLOOD.format(head=crafted.HEAD, frame=frame)],
                                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = here.sent(here.hosts["attacker"])
            try:
                time.sleep(2)
                begin, already = time.monotonic(), here.sent(here.hosts["attacker"])
                under[name] = measured(here, 1000)
                rate = (here.sent(here.hosts["attacker"]) - already) / (time.monotonic() - begin)
            finally:
                flood.terminate()
                flood.wait()
            assert already > before and rate > 15000, f"{name}: {rate:.0f} packets a second"
        idle.append(measured(here, 1000))
        at_rest = {kind: [max(round_[kind][n] for round_ in idle) for n in (0, 1)] for kind in ("nd", "dhcp6")}
        for name, found in [("nothing", {kind: tuple(times) for kind, times in at_rest.items()}), *under.items()]:
            print(f"{name:34}" + "".join(f"  {kind}: {m:5.0f} us, p99 {p99:6.0f}" for kind, (m, p99) in found.items()))
        for name, found in under.items():
            for kind, (median, _) in found.items():
                assert median <= 1.5 * at_rest[kind][0], f"{name}: {kind} takes {median:.0f} us, else {at_rest[kind][0]:.0f}"
