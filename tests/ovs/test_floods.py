"""20,000 packets a second from one port: another port's neighbour discovery, DHCPv6 and port-up go on, and none of them is lost.

What they take is printed, and measured by `bench/m_flood.py` on a quiet machine; here counts are held, not times."""

import json
import time

from attack import lab, wiring
from flooding import flooding
from test_attacks import SITE

# It needs a machine that sends so much, and answers meanwhile.
ALONE = True
ND, DHCP6, PORT_UPS = 200, 50, 3

# Questions one after the other, each answered before the next; microseconds each took. What it asks is in `frames`, by name; an
# answer is told by the byte at a place. Those that get no answer within a second are asked again, as any host does, and counted.
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
took, again = {{}}, {{}}
for name, count in (('nd', {nd}), ('dhcp6', {dhcp6})):
    frame, is_answer = bytes(answers[name][0]), answers[name][1]
    took[name], again[name] = [], 0
    while len(took[name]) < count and again[name] <= count:
        begin = time.perf_counter()
        s.send(frame)
        while True:
            try:
                data, where = s.recvfrom(2048)
            except OSError:
                again[name] += 1
                break
            if where[2] != 4 and is_answer(data):
                took[name].append((time.perf_counter() - begin) * 1e6)
                break
        time.sleep(0.003 if name == 'nd' else 0.012)
print(json.dumps([took, again]))
"""

NOBODY = "'2001:db8:a::%x:%x' % (n * 7919 % 65536, n * 104729 % 65535 + 1)"
FLOODS = {
    "solicitations that flows answer": "[group(src=own)/ICMPv6ND_NS(tgt=victim)/ICMPv6NDOptSrcLLAddr(lladdr=mac)]",
    "solicitations for the controller": "[group(src=own)/ICMPv6ND_NS(tgt=victim)]",
    "ARP requests": "[Ether(src=mac, dst='ff:ff:ff:ff:ff:ff')/ARP(op=1, hwsrc=mac, psrc='10.1.0.66', pdst='10.1.0.11')]",
    "router advertisements": "[group()/advert()]",
    "router solicitations": "[Ether(src=mac, dst='33:33:00:00:00:02')/IPv6(src=local, dst='ff02::2', hlim=255)/ICMPv6ND_RS()]",
    "DHCPv6 solicits": "[Ether(src=mac, dst='33:33:00:01:00:02')/IPv6(src=local, dst='ff02::1:2', hlim=1)/UDP(sport=546, dport=547)"
                       "/Raw(bytes([1, 0, 0, n, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 1, 0x66, 0, 3, 0, 12, 0, 0, 0, 1] + [0] * 8)) for n in range(256)]",
    "a scan of the /64": f"[Ether(src=mac, dst=getmacbyip6(gateway))/IPv6(src=own, dst={NOBODY})/ICMPv6EchoRequest() for n in range(500)]",
    "SYNs to nobody": f"[Ether(src=mac, dst=getmacbyip6(gateway))/IPv6(src=own, dst={NOBODY})/TCP(sport=1024 + n, dport=80) for n in range(500)]",
}


def measured(here):
    """How long questions of the honest neighbour take: median and 99th percentile, by their kind; all of them are answered."""
    program = ASK.format(mac=wiring.MACS["honest"], local=wiring.LOCALS["honest"], target=wiring.ADDRESSES["far"], nd=ND, dhcp6=DHCP6)
    took, again = json.loads(here.hosts["honest"].run("/usr/bin/python3", "-c", program, timeout=120).stdout)
    found = {kind: (sorted(times)[len(times) // 2], sorted(times)[len(times) * 99 // 100]) for kind, times in took.items()}
    assert (len(took["nd"]), len(took["dhcp6"])) == (ND, DHCP6), f"answered: { {kind: len(times) for kind, times in took.items()} }"
    # One in fifty may be lost on a machine that has no time for it.
    assert again["nd"] <= ND // 50 and again["dhcp6"] <= DHCP6 // 10, f"asked again: {again}"
    return found


def port_ups(here):
    """Seconds that changes of a port take until its chassis has confirmed them: all are confirmed."""
    took = []
    for number in range(PORT_UPS):
        text = SITE.replace("{ip_address: 10.1.0.12}", "{ip_address: 10.1.0.%d}" % (112 + number))
        begin = time.monotonic()
        here.lab.controller.apply_text(text)
        took.append(time.monotonic() - begin)
    return max(took)


def test_a_flood_from_one_port_is_not_felt_by_another(isolation):
    with lab.ground(isolation) as here:
        idle, up = measured(here), port_ups(here)
        print(f"{'nothing':34}" + "".join(f"  {kind}: {m:5.0f} us, p99 {p99:6.0f}" for kind, (m, p99) in idle.items()) + f"  port up: {up:.2f} s")
        for name, frames in FLOODS.items():
            before = here.sent(here.hosts["attacker"])
            with flooding(here, frames, seconds=60) as flood:
                deadline = time.monotonic() + 20
                while here.sent(here.hosts["attacker"]) < before + 2000 and time.monotonic() < deadline:
                    time.sleep(0.1)
                begin, already = time.monotonic(), here.sent(here.hosts["attacker"])
                found = measured(here)
                rate = (here.sent(here.hosts["attacker"]) - already) / (time.monotonic() - begin)
                up = port_ups(here)
                assert flood.poll() is None, "it floods until the end"
            print(f"{name:34}" + "".join(f"  {kind}: {m:5.0f} us, p99 {p99:6.0f}" for kind, (m, p99) in found.items())
                  + f"  port up: {up:.2f} s  at {rate:.0f} packets/s")
            assert rate > 2000, f"{name}: {rate:.0f} packets a second"
