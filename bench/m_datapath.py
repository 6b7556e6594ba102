"""First and steady ping, TCP, table look-ups and datapath flows, beside a plain bridge."""
import json
import re
import statistics
import subprocess
import time

import packets as pk
from core import SCALE, emit, lab_of, ping_once, plain_pair, purge, reps, small_lab_ports, vm_on
from nslab import Usage


def iperf(server, client, ip, port, secs):
    srv = subprocess.Popen(["ip", "netns", "exec", server.ns, "iperf3", "-s", "-1", "-p",
                            str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(.3)
        r = json.loads(client.exec("iperf3 -J -c %s -p %d -t %d -O 1" % (ip, port, secs),
                                   check=False, timeout=secs + 30))
        return r["end"]["sum_received"]["bits_per_second"] / 1e6
    except (KeyError, ValueError):
        return None
    finally:
        srv.terminate()
        srv.wait()


def trace_depth(ch, flow, br="br-int"):
    """(table lookups, matched flows, recirculations) that ofproto/trace shows for a packet."""
    out = ch.appctl("ofproto/trace", br, flow)
    hits = re.findall(r"^\s*(\d+)\. (.*)$", out, re.M)
    return (len(hits), sum("No match" not in h[1] and "priority" in h[1] for h in hits),
            out.count("recirc(") and len(set(re.findall(r"recirc\((0x[0-9a-f]+)\)", out))), out)


def m_datapath(secs=3, n_iperf=5):
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        a = vm_on(lab, "a", ch[0], 0, 0x11)
        a2 = vm_on(lab, "a2", ch[0], 1, 0x12)
        b = vm_on(lab, "b", ch[1], 1, 0x13)
        s = vm_on(lab, "s", ch[1], 0, 0x14)
        s2 = vm_on(lab, "s2", ch[0], 0, 0x15)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([v.port for v in (a, a2, b, s, s2)], wait=True)
        p1, p2, p3 = plain_pair(lab)
        time.sleep(1)
        paths = (("routed_other_chassis", a, b, None), ("routed_same_chassis", a, a2, None),
                 ("switched_other_chassis", a, s, s.mac), ("switched_same_chassis", a, s2, s2.mac),
                 ("plain_other_chassis", p1, p3, p3.mac), ("plain_same_chassis", p1, p2, p2.mac))
        for _, x, y, _ in paths:                     # guests know their neighbours
            x.exec("ping -c2 -i0.2 -W2 " + y.addr, check=False)
        cold = {k: [] for k, *_ in paths}
        warm = {k: [] for k, *_ in paths}
        kernel = {k: [] for k, *_ in paths}
        for i in range(reps(40)):
            for k, x, y, via in paths:
                purge(lab)
                time.sleep(.01)
                t = ping_once(x, y.addr, i, via=via)
                cold[k].append(t and t * 1e3)
        for i in range(reps(400)):
            for k, x, y, via in paths:
                t = ping_once(x, y.addr, i, via=via)
                if i >= 20 or SCALE < 1:
                    warm[k].append(t and t * 1e3)
        for i in range(reps(20)):
            for k, x, y, _ in paths:
                purge(lab)
                for v in (x, y):
                    v.exec("ip -6 neigh flush dev eth0", check=False)
                o = re.search(r"time=([\d.]+)", x.exec("ping -c1 -W2 " + y.addr, check=False))
                kernel[k].append(o and float(o[1]))
        for name, d in (("first_ping_cold_megaflow", cold), ("ping_steady", warm),
                        ("first_ping_cold_with_nd", kernel)):
            for k in d:
                base = d["plain_same_chassis" if "same" in k else "plain_other_chassis"]
                med = lambda v: statistics.median([z for z in v if z] or [float("nan")])
                emit("datapath", name + "_ms", d[k], "ms", path=k,
                     ratio_to_plain=round(med(d[k]) / med(base), 2))
        tput, cpu = {k: [] for k, *_ in paths}, {k: [] for k, *_ in paths}
        for rep in range(reps(n_iperf)):
            for i, (k, x, y, _) in enumerate(paths):
                v0 = sum(Usage.cpu(c.pid()) for c in ch)
                mbps = iperf(y, x, y.addr, 5201 + (rep * 10 + i) % 90, secs)
                used = sum(Usage.cpu(c.pid()) for c in ch) - v0
                tput[k].append(mbps)
                cpu[k].append(mbps and used / (mbps * (secs + 1) / 8e3))
        for k in tput:
            base = "plain_same_chassis" if "same" in k else "plain_other_chassis"
            r = [x / y for x, y in zip(tput[k], tput[base]) if x and y]
            emit("datapath", "tcp_mbit_s", tput[k], "Mbit/s", path=k,
                 ratio_to_plain=r and round(statistics.median(r), 3))
            emit("datapath", "vswitchd_cpu_s_per_gbyte", cpu[k], "s/GB", path=k)
        fl = ("in_port=v-a,dl_src=%s,dl_dst=%s,icmp6,ipv6_src=%s,ipv6_dst=%s,icmpv6_type=128,"
              "nw_ttl=64")
        for k, y, mac in (("routed_other_chassis", b, a.gw_mac),
                          ("routed_same_chassis", a2, a.gw_mac),
                          ("switched_other_chassis", s, s.mac)):
            lookups, hit, recirc, text = trace_depth(ch[0], fl % (a.mac, mac, a.addr, y.addr))
            emit("datapath", "table_lookups_per_packet", lookups, "count", path=k, flows_hit=hit,
                 recirculations=recirc)
            open("%s/log/trace-%s.txt" % (lab.run, k), "w").write(text)
        purge(lab)
        for k, x, y, via in [p for p in paths if not p[0].startswith("plain")]:
            for i in range(50):
                ping_once(x, y.addr, i, .3, via=via)
        emit("datapath", "megaflows_after_4_pings", [c.megaflows() for c in ch], "count")
        purge(lab)
        raw = a.raw()
        for i in range(1000):
            raw.send(pk.udp6(a.gw_mac, a.mac, a.addr, b.addr, 20000 + i, 1024 + i * 37 % 60000,
                             b"z" * 16))
            time.sleep(.0005)
        time.sleep(.5)
        emit("datapath", "megaflows_after_1000_udp_flows", [c.megaflows() for c in ch], "count",
             note="one VM, 1000 (sport, dport) pairs not allowed in by the group but to a member")
