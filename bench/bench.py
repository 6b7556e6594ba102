#!/usr/bin/env python3
"""Measures of an SDN control plane over Open vSwitch's userspace datapath.

    bench.py [--driver ovn] [--run DIR] [--out FILE] MEASURE...

Each measure builds its own lab (see nslab.py), drives it through a driver (see driver.py), and
prints one JSON object per figure: measure, metric, unit, n, median, p99, min, max, samples and
what the figure depends on.  README.md says what every figure means.
"""
import argparse
import contextlib
import importlib
import json
import math
import multiprocessing as mp
import os
import random
import re
import resource
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import packets as pk
from driver import Net, Port
from nslab import FlowWatch, Lab, ProcessDied, Usage, Vm, sh, system_busy

FORK = mp.get_context("fork")
OUT = None
ARGS = None
SCALE = float(os.environ.get("BENCH_SCALE", "1"))       # fewer samples for a smoke run
GROUPS = os.environ.get("BENCH_GROUPS", "1") != "0"     # 0: no security groups, for every driver alike
MODE = os.environ.get("BENCH_MODE", "dhcpv6_stateful")  # or slaac


def reps(n):
    return max(3, int(n * SCALE))


def pct(xs, q):
    xs = sorted(xs)
    return xs[min(len(xs) - 1, math.ceil(q * len(xs)) - 1)]


def emit(measure, metric, samples, unit, **extra):
    if not isinstance(samples, (list, tuple)):
        samples = [samples]
    xs = [round(float(x), 4) for x in samples if x is not None]
    row = {"driver": ARGS.driver, "measure": measure, "metric": metric, "unit": unit,
           "n": len(xs), "missing": len(samples) - len(xs)}
    if xs:
        row.update(median=round(statistics.median(xs), 4), p99=pct(xs, .99), min=min(xs),
                   max=max(xs))
    row.update(extra, samples=xs)
    line = json.dumps(row)
    print(line, flush=True)
    if OUT:
        OUT.write(line + "\n")
        OUT.flush()


def note(*a):
    print("#", time.strftime("%H:%M:%S"), *a, file=sys.stderr, flush=True)


def attempts(fn, *args, tries=3, **kw):
    """Runs a measure; a process of the lab that crashed is reported as a figure and retried."""
    for i in range(tries):
        try:
            return fn(*args, **kw)
        except ProcessDied as e:
            emit("crash", fn.__name__, 1, "count", args=[str(a) for a in args], what=str(e))
    note("gave up on", fn.__name__, args)


# -- building the work --------------------------------------------------------------------------

def gw_mac(i):
    return "0a:00:00:00:%02x:%02x" % (i >> 8, i & 255)


def make_nets(n, n_routers, mode=MODE):
    return [Net("n%d" % i, "r%d" % (i % n_routers), "2001:db8:0:%x" % (i + 1), gw_mac(i + 1), mode)
            for i in range(n)]


def make_port(name, net, host, group):
    k = int(net.name[1:])
    return Port(name, net.name, "02:%02x:%02x:%02x:%02x:%02x" % (
        k >> 8, k & 255, host >> 16, host >> 8 & 255, host & 255), "%s::%s" % (
            net.prefix, "%x:%x" % (host >> 16, host & 0xffff) if host >> 16 else "%x" % host),
        group if GROUPS else None)


@contextlib.contextmanager
def lab_of(n_chassis, n_nets, n_routers, mode=MODE):
    lab = Lab(ARGS.run, ARGS.prefix, int(os.environ.get("UNDERLAY", "6")))
    drv = importlib.import_module("driver_" + ARGS.driver).Driver()
    try:
        lab.add_chassis(n_chassis)
        drv.start(lab)
        nets = make_nets(n_nets, n_routers, mode)
        drv.routers(["r%d" % i for i in range(n_routers)])
        drv.networks(nets)
        if GROUPS:
            drv.groups(["g%d" % i for i in range(n_routers)])
        lab.drv, lab.nets = drv, nets
        try:
            yield lab
        except (RuntimeError, OSError, TimeoutError, subprocess.SubprocessError):
            lab.check()                    # says which process ended, if one did
            raise
    finally:
        lab.close()


def background(lab, first, count):
    """`count` bound ports with no guest, spread over networks and chassis, and their NB rows."""
    ports = []
    for i in range(first, first + count):
        net = lab.nets[i % len(lab.nets)]
        ports.append((make_port("d%d" % i, net, 0x10000 + i, "g" + net.router[1:]),
                      lab.chassis[(i // len(lab.nets)) % len(lab.chassis)]))
    for ch in lab.chassis:
        ch.plug_dummies([p.name for p, c in ports if c is ch])
    return [p for p, _ in ports]


def vm_on(lab, name, ch, net_i, host, kernel=True):
    net = lab.nets[net_i]
    port = make_port(name, net, host, "g" + net.router[1:])
    vm = Vm(lab, name, ch, port.mac, port.ip, net.prefix + "::1", net.gw_mac, kernel=kernel).plug()
    vm.port, vm.net = port, net
    return vm


def purge(lab, conntrack=True):
    for ch in lab.chassis:
        ch.appctl("revalidator/purge")
        if conntrack:
            with contextlib.suppress(RuntimeError):
                ch.appctl("dpctl/flush-conntrack", "netdev@ovs-netdev")


def ping_once(src, dst_ip, seq, timeout=1.0, via=None):
    """Raw echo via the gateway (or the given MAC); seconds until the reply."""
    me = pk.ip_b(src.addr)
    return src.ask(pk.echo(via or src.gw_mac, src.mac, src.addr, dst_ip, 7, seq & 0xffff),
                   lambda r: r.type == pk.ICMP6_ECHO_REPLY and r.dip == me
                   and r.body[:4] == struct.pack("!HH", 7, seq & 0xffff), timeout)[0]


class Stream:
    """A raw echo stream in a process of its own: every probe numbered, gaps reported."""

    def __init__(self, src, dst_ip, interval, via=None):
        src.raw()
        self.stop_ev, (self.rx, tx) = FORK.Event(), FORK.Pipe(False)
        self.p = FORK.Process(target=self._run, args=(src, dst_ip, interval, via, tx))
        self.p.start()

    def _run(self, src, dst_ip, interval, via, tx):
        s, sent, got, last_stop = src.sock, [], {}, None
        src.drain()
        nxt = time.monotonic()
        while True:
            now = time.monotonic()
            if last_stop is None and self.stop_ev.is_set():
                last_stop = now + 0.5
            if last_stop and now >= last_stop:
                break
            if not last_stop and now >= nxt:
                n = len(sent)
                with contextlib.suppress(OSError):
                    s.send(pk.echo(via or src.gw_mac, src.mac, src.addr, dst_ip,
                                   0x4000 + (n >> 16), n & 0xffff))
                sent.append(now)
                nxt = max(nxt + interval, now - 0.02)
            if select.select([s], [], [], max(0, min(nxt - now, 0.05)))[0]:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        r = pk.Rx(s.recv(2048))
                        if r.type == pk.ICMP6_ECHO_REPLY:
                            a, b = struct.unpack("!HH", r.body[:4])
                            got.setdefault(((a - 0x4000) << 16) | b, time.monotonic())
        lost = [i for i in range(len(sent)) if i not in got]
        times = sorted(got.values())
        gap, at = 0, None
        for a, b in zip(times, times[1:]):
            if b - a > gap:
                gap, at = b - a, a
        tx.send({"sent": len(sent), "lost": len(lost), "max_gap_s": gap, "gap_at": at,
                 "lost_at": [sent[i] for i in lost[:2000]],
                 "rtt": [got[i] - sent[i] for i in got if i < len(sent)]})

    def stop(self):
        self.stop_ev.set()
        r = self.rx.recv()
        self.p.join()
        return r


# -- a. port-up latency -------------------------------------------------------------------------

def port_up_sample(lab, m, q, port, watches, timeout=10):
    """One northbound create of `port` (already plugged as vm m); q is a settled VM elsewhere."""
    ms, qs = m.raw(), q.raw()
    got, stop = {}, threading.Event()
    ident = random.getrandbits(15)
    echo = pk.echo(m.net_gw_mac, port.mac, port.ip, m.net_gw, ident, 1)
    knock = pk.echo(q.gw_mac, q.mac, q.addr, port.ip, ident | 0x8000, 1)
    qip = pk.ip_b(q.addr)
    m.drain()

    def probe():
        while not stop.is_set() and len(got) < 2:
            for s, f, k in ((ms, echo, "gateway"), (qs, knock, "remote")):
                if k not in got:
                    with contextlib.suppress(OSError):
                        s.send(f)
            if select.select([ms], [], [], 0.002)[0]:
                t = time.monotonic()
                with contextlib.suppress(BlockingIOError):
                    while True:
                        r = pk.Rx(ms.recv(2048))
                        if r.type == pk.ICMP6_ECHO_REPLY:
                            got.setdefault("gateway", t)
                        elif r.type == pk.ICMP6_ECHO and r.sip == qip:
                            got.setdefault("remote", t)

    for w in watches:
        w.take()
    th = threading.Thread(target=probe)
    th.start()
    time.sleep(0.05)
    t0 = time.monotonic()
    r = lab.drv.add_ports([port], wait=True)
    th.join(timeout)
    stop.set()
    th.join()
    time.sleep(0.25)
    ev = [w.take() for w in watches]
    ms_of = lambda t: None if t is None else (t - t0) * 1e3
    out = {"accepted_ms": ms_of(r.get("accepted")), "central_ms": ms_of(r.get("central")),
           "acked_all_chassis_ms": ms_of(r["installed"]),
           "gateway_ping_ms": ms_of(got.get("gateway")),
           "reach_from_other_chassis_ms": ms_of(got.get("remote"))}
    for name, e in zip(("home", "other"), ev):
        out["flows_%s_last_ms" % name] = ms_of(e[-1][0]) if e else None
        out["flows_%s_events" % name] = len(e)
    return out


def m_port_up(sizes=(10, 100, 1000), n=40):
    for size in sizes:
        attempts(port_up_at, size, n)


def port_up_at(size, n):
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        ms = [vm_on(lab, "m%d" % i, c, 0, 0x100 + i, kernel=False) for i, c in enumerate(ch)]
        qs = [vm_on(lab, "q%d" % i, c, i, 0x200 + i, kernel=False) for i, c in enumerate(ch)]
        lab.drv.add_ports([q.port for q in qs], wait=True)
        lab.drv.add_ports(background(lab, 2, size - 2), wait=True)
        watches = [FlowWatch(c) for c in ch]
        time.sleep(3)
        lab.drv.sync()
        rows, cli, cpu0 = [], [], Usage.snap(lab.drv.procs())
        busy0 = system_busy()
        for i in range(reps(n)):
            h = i % 2
            m, q, net = ms[h], qs[1 - h], lab.nets[i % 4]
            m.net_gw, m.net_gw_mac = net.prefix + "::1", net.gw_mac
            p = make_port(m.name, net, 0x300 + i, "g0")
            rows.append(port_up_sample(lab, m, q, p, [watches[h], watches[1 - h]]))
            lab.check()
            lab.drv.del_ports([p])
            lab.drv.sync()
            time.sleep(0.2)
        cpu = {k: round((v - cpu0[k]) / len(rows) * 1e3, 1)
               for k, v in Usage.snap(lab.drv.procs()).items() if k in cpu0}
        b, t = (x - y for x, y in zip(system_busy(), busy0))
        for k in rows[0]:
            emit("port_up", k, [r[k] for r in rows], "ms" if k.endswith("_ms") else "count",
                 ports=size)
        emit("port_up", "control_cpu_ms_per_add_and_delete", sum(cpu.values()), "ms",
             ports=size, by_process=cpu, machine_busy=round(b / t, 3))
        if hasattr(lab.drv, "cli_add"):
            for i in range(reps(10)):
                p = make_port("m0", lab.nets[i % 4], 0x400 + i, None)
                t = time.monotonic()
                lab.drv.cli_add(p)
                cli.append((time.monotonic() - t) * 1e3)
                lab.drv.del_ports([p])
                lab.drv.sync()
                time.sleep(0.2)
            emit("port_up", "cli_process_wait_hv_ms", cli, "ms", ports=size)
        emit("port_up", "flows_per_chassis", [c.flow_count() for c in ch], "count", ports=size)
        for w in watches:
            w.close()


# -- b. cold sync -------------------------------------------------------------------------------

def await_flows(chassis, want, t0, timeout=900):
    """Seconds from t0 until every bridge first has at least the wanted number of flows.
    Counting walks the tables, so the poll backs off to 5% of the switch's time."""
    done = {}
    while len(done) < len(chassis):
        asked = time.monotonic()
        for c in chassis:
            if c not in done and c.flow_count() >= want[c]:
                done[c] = time.monotonic() - t0
        if time.monotonic() - t0 > timeout:
            return None
        time.sleep(max(0.05, 20 * (time.monotonic() - asked)))
    return max(done.values())


def m_cold(sizes=(1000, 5000), n=5):
    for size in sizes:
        attempts(cold_at, size, n)


def cold_at(size, n):
    with lab_of(2, 50, 10) as lab:
        ch, d = lab.chassis, lab.drv
        a = vm_on(lab, "a", ch[0], 0, 0x11)
        b = vm_on(lab, "b", ch[1], 10, 0x12)          # same router, another network
        t0 = time.monotonic()
        bg = background(lab, 2, size - 2)
        emit("cold", "plug_interfaces_s", time.monotonic() - t0, "s", ports=size)
        d.sync()
        cpu0, t0 = Usage.snap(d.procs()), time.monotonic()
        d.add_ports([a.port, b.port] + bg, wait=True)
        emit("cold", "bulk_create_to_acked_s", time.monotonic() - t0, "s", ports=size,
             cpu_s={k: round(v - cpu0.get(k, 0), 2) for k, v in Usage.snap(d.procs()).items()})
        time.sleep(5)
        d.sync()
        want = {c: c.flow_count() for c in ch}
        emit("cold", "flows_per_chassis", list(want.values()), "count", ports=size,
             flows_per_local_port=[round(v / (size / 2), 1) for v in want.values()],
             tables_used=[len(set(re.findall(r"table=(\d+)", c.ofctl("dump-flows"))))
                          for c in ch])
        emit("cold", "rss_mib", [Usage.rss(p)["VmRSS"] for p in d.procs().values()], "MiB",
             ports=size, by_process={k: Usage.rss(p) for k, p in d.procs().items()},
             vswitchd={c.name: Usage.rss(c.pid()) for c in ch})
        for which in os.environ.get("COLD_CHASSIS", "one,both").split(","):
            flows, acked, cpus, vcpu = [], [], [], []
            for _ in range(reps(n) if size <= 1000 else reps(3)):
                targets = ch[:1] if which == "one" else ch
                for c in targets:
                    d.agent_kill(c, signal.SIGKILL)
                    c.ofctl("del-flows")
                    c.ofctl("del-groups")
                    c.ofctl("del-meters")
                time.sleep(1)
                v0 = {c: Usage.cpu(c.pid()) for c in targets}
                t0, res = time.monotonic(), {}
                for c in targets:
                    d.agent_start(c)
                th = threading.Thread(target=lambda: res.update(
                    f=await_flows(targets, want, t0)))
                th.start()
                d.sync()
                acked.append(time.monotonic() - t0)
                th.join()
                flows.append(res["f"])
                cpus.append(sum(Usage.cpu(d.agent_pid(c)) for c in targets))
                vcpu.append(sum(Usage.cpu(c.pid()) - v0[c] for c in targets))
                time.sleep(1)
            x = dict(ports=size, chassis=which)
            emit("cold", "start_to_all_flows_s", flows, "s", **x)
            emit("cold", "start_to_acked_s", acked, "s", **x)
            emit("cold", "agent_cpu_s", cpus, "s", **x)
            emit("cold", "vswitchd_cpu_s", vcpu, "s", **x)
        if size <= int(os.environ.get("RESTART_MAX_PORTS", "5000")):
            restart(lab, a, b, reps(3), ports=size)


# -- c. neighbour discovery, RA, DHCPv6 ---------------------------------------------------------

def ask_ns(vm, target, timeout=1.0):
    tb = pk.ip_b(target)
    return vm.ask(pk.ns(vm.mac, vm.addr, target),
                  lambda r: r.type == pk.ICMP6_NA and r.body[4:20] == tb, timeout)[0]


def ask_rs(vm, timeout=1.0):
    return vm.ask(pk.rs(vm.mac), lambda r: r.type == pk.ICMP6_RA, timeout)[0]


def ask_dhcp(vm, timeout=2.0):
    xid = random.getrandbits(24)

    def match(t):
        def f(r):
            if r.proto == 17 and r.type == 547 and r.body[0] == t \
                    and int.from_bytes(r.body[1:4], "big") == xid:
                return pk.dhcp6_opts(r.body[4:])
        return f
    t0 = time.monotonic()
    _, adv = vm.ask(pk.dhcp6(vm.mac, 1, xid), match(2), timeout)
    if not adv:
        return None
    _, rep = vm.ask(pk.dhcp6(vm.mac, 3, xid, server_id=adv.get(2), ia_na=adv.get(3, b"")[12:]),
                    match(7), timeout)
    return time.monotonic() - t0 if rep else None


def counted(lab, fn, n, gap):
    """n calls of fn, and how many packets per call were punted to the controller."""
    p0 = sum(c.packet_ins() for c in lab.chassis)
    xs = []
    for _ in range(n):
        t = fn()
        xs.append(None if t is None else t * 1e3)
        time.sleep(gap)
    time.sleep(2.5)              # flow statistics reach the tables when revalidators push them
    return xs, round((sum(c.packet_ins() for c in lab.chassis) - p0) / n, 3)


def small_lab_ports(lab, n):
    lab.drv.add_ports(background(lab, 100, n), wait=True)


def m_nd():
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        r1 = vm_on(lab, "r1", ch[0], 0, 0x21, kernel=False)
        k1 = vm_on(lab, "k1", ch[0], 0, 0x22)
        k2 = vm_on(lab, "k2", ch[1], 0, 0x23)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([v.port for v in (r1, k1, k2)], wait=True)
        plain = plain_pair(lab)
        time.sleep(1)
        for name, fn, n, gap in (
                ("ns_same_network_same_chassis", lambda: ask_ns(r1, k1.addr), 300, .005),
                ("ns_same_network_other_chassis", lambda: ask_ns(r1, k2.addr), 300, .005),
                ("ns_gateway", lambda: ask_ns(r1, r1.gw), 300, .005),
                ("rs_to_ra", lambda: ask_rs(r1), 200, .005),
                ("dhcpv6_solicit_to_reply", lambda: ask_dhcp(r1), 200, .005),
                ("plain_bridge_ns_other_chassis", lambda: ask_ns(plain[0], plain[2].addr), 300,
                 .005)):
            if MODE == "slaac" and name.startswith("dhcpv6"):
                continue               # nobody is told to ask
            with_first = fn()
            xs, punts = counted(lab, fn, reps(n), gap)
            emit("nd", name + "_ms", xs, "ms", punts_per_exchange=punts,
                 first_ms=with_first and round(with_first * 1e3, 3))
        cold = []
        for _ in range(reps(40)):
            purge(lab)
            time.sleep(.02)
            t = ask_ns(r1, k2.addr)
            cold.append(t and t * 1e3)
        emit("nd", "ns_same_network_cold_megaflow_ms", cold, "ms")


# -- d. ND storm --------------------------------------------------------------------------------

def storm(vm, targets, rate, secs, tx=None, quiet=None):
    """Sends NS at `rate`/s for `secs`; returns (sent, answered)."""
    s = vm.raw()
    vm.drain()
    frames = [pk.ns(vm.mac, vm.addr, t) for t in targets]
    sent = got = blocked = 0
    t0 = time.monotonic()
    end, drain_end = t0 + secs, t0 + secs + 1.0
    while True:
        now = time.monotonic()
        if now >= drain_end:
            break
        if now < end:
            due = min(int((now - t0) * rate) - sent, 64)
            for _ in range(due):
                try:
                    s.send(frames[sent % len(frames)])
                except OSError:
                    blocked += 1
                sent += 1
        if select.select([s], [], [], 0.0005)[0]:
            with contextlib.suppress(BlockingIOError):
                for _ in range(256):
                    d = s.recv(2048)
                    if len(d) > 54 and d[20] == 58 and d[54] == pk.ICMP6_NA:
                        got += 1
    r = {"sent": sent, "answered": got, "blocked": blocked, "secs": secs}
    if tx:
        tx.send(r)
    return r


def storm_bg(vm, targets, rate, secs):
    vm.raw()
    rx, tx = FORK.Pipe(False)
    p = FORK.Process(target=storm, args=(vm, targets, rate, secs, tx))
    p.start()
    return p, rx


def m_storm():
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        bad = vm_on(lab, "bad", ch[0], 0, 0x21, kernel=False)
        good = vm_on(lab, "good", ch[0], 0, 0x22, kernel=False)
        k2 = vm_on(lab, "k2", ch[1], 0, 0x23)
        ms = [vm_on(lab, "m%d" % i, c, 0, 0x100 + i, kernel=False) for i, c in enumerate(ch)]
        qs = [vm_on(lab, "q%d" % i, c, i, 0x200 + i, kernel=False) for i, c in enumerate(ch)]
        small_lab_ports(lab, 100)
        lab.drv.add_ports([v.port for v in [bad, good, k2] + qs], wait=True)
        watches = [FlowWatch(c) for c in ch]
        targets = [make_port("x", lab.nets[0], 0x10000 + i, None).ip for i in range(100, 200, 4)]
        time.sleep(1)
        best = 0
        rates = os.environ.get("STORM_RATES", "500,1000,2000,4000,6000,8000,12000,20000,40000")
        for rate in map(int, rates.split(",")):
            rs, cpu0, v0 = [], Usage.snap(lab.drv.procs()), Usage.cpu(ch[0].pid())
            for _ in range(3):
                rs.append(storm(bad, targets, rate, 3))
                time.sleep(1)
            cpu = {k: round((v - cpu0.get(k, 0)) / 3, 2)
                   for k, v in Usage.snap(lab.drv.procs()).items()}
            ratio = statistics.median(r["answered"] / max(1, r["sent"]) for r in rs)
            emit("storm", "answered_per_s", [r["answered"] / 3 for r in rs], "1/s", offered=rate,
                 sent_per_s=[round(r["sent"] / 3) for r in rs], answered_ratio=round(ratio, 4),
                 cpu_s_per_3s_burst=cpu, vswitchd_cpu_s=round((Usage.cpu(ch[0].pid()) - v0) / 3, 2))
            if ratio >= .99:
                best = rate
        emit("storm", "highest_rate_answered_99pct", best, "1/s")
        for label, rate in (("idle", 0), ("storm_2000", 2000), ("storm_20000", 20000)):
            secs = 14
            job = storm_bg(bad, targets, rate, secs) if rate else None
            time.sleep(.5)
            xs = []
            for _ in range(reps(60)):
                t = ask_ns(good, k2.addr, .5)
                xs.append(t and t * 1e3)
                time.sleep(.01)
            emit("storm", "other_vm_ns_ms", xs, "ms", load=label)
            xs = []
            for _ in range(reps(60)):
                t = ping_once(good, k2.addr, 1, .5, via=k2.mac)
                xs.append(t and t * 1e3)
                time.sleep(.01)
            emit("storm", "other_vm_ping_ms", xs, "ms", load=label)
            if job:
                job[0].join()
                job[1].recv()
            rows = []
            for i in range(reps(10)):
                job = storm_bg(bad, targets, rate, 2.0) if rate else None
                time.sleep(.5)
                m, q, net = ms[i % 2], qs[1 - i % 2], lab.nets[i % 4]
                m.net_gw, m.net_gw_mac = net.prefix + "::1", net.gw_mac
                p = make_port(m.name, net, 0x300 + i, "g0")
                rows.append(port_up_sample(lab, m, q, p, [watches[i % 2], watches[1 - i % 2]]))
                if job:
                    job[0].join()
                    job[1].recv()
                lab.drv.del_ports([p])
                lab.drv.sync()
            for k in ("acked_all_chassis_ms", "gateway_ping_ms", "reach_from_other_chassis_ms",
                      "flows_home_last_ms", "flows_other_last_ms"):
                emit("storm", "port_up_" + k, [r[k] for r in rows], "ms", load=label)
            time.sleep(3)
            lab.check()
            for k, x in (("from_same_chassis", good), ("from_other_chassis", qs[1])):
                xs = []
                for i in range(20):
                    t = ping_once(x, k2.addr, 100 + i, .5, via=x.gw_mac if x is not good
                                  else k2.mac)
                    xs.append(t and t * 1e3)
                emit("storm", "ping_3s_after_ms", xs, "ms", load=label, path=k)
        for w in watches:
            w.close()


# -- e. data path -------------------------------------------------------------------------------

def plain_pair(lab):
    """Three VMs on the NORMAL bridges: two on the first chassis, one on the second."""
    out = []
    for c in lab.chassis[:2]:
        c.plain_mesh(lab.chassis[:2])
    for i, c in enumerate((lab.chassis[0], lab.chassis[0], lab.chassis[1])):
        v = Vm(lab, "pl%d" % i, c, "02:ee:00:00:00:%02x" % (i + 1), "2001:db8:ee::%x" % (i + 1),
               br="br-plain").plug()
        out.append(v)
    return out


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


def m_datapath(secs=4, n_iperf=5):
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        a = vm_on(lab, "a", ch[0], 0, 0x11)
        a2 = vm_on(lab, "a2", ch[0], 1, 0x12)
        b = vm_on(lab, "b", ch[1], 1, 0x13)
        s = vm_on(lab, "s", ch[1], 0, 0x14)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([v.port for v in (a, a2, b, s)], wait=True)
        p1, p2, p3 = plain_pair(lab)
        time.sleep(1)
        paths = (("routed_other_chassis", a, b, None), ("routed_same_chassis", a, a2, None),
                 ("switched_other_chassis", a, s, s.mac),
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
        for k, x, y, via in paths[:3]:
            for i in range(50):
                ping_once(x, y.addr, i, .3, via=via)
        emit("datapath", "megaflows_after_3_pings", [c.megaflows() for c in ch], "count")
        purge(lab)
        raw = a.raw()
        for i in range(1000):
            raw.send(pk.udp6(a.gw_mac, a.mac, a.addr, b.addr, 20000 + i, 1024 + i * 37 % 60000,
                             b"z" * 16))
            time.sleep(.0005)
        time.sleep(.5)
        emit("datapath", "megaflows_after_1000_udp_flows", [c.megaflows() for c in ch], "count",
             note="one VM, 1000 (sport, dport) pairs not allowed in by the group but to a member")


# -- g. restart ---------------------------------------------------------------------------------

def restart(lab, a, b, n, **extra):
    """kill -9 of the agents under an established echo stream, restart one second later.
    "kill9_tuned" is the same with the driver's own setting against a flow-table gap, if any."""
    for vm in (a, b):
        vm.drain()
    for how in ("kill9", "kill9_tuned"):
        if how == "kill9_tuned":
            if not hasattr(lab.drv, "graceful_restart"):
                break
            extra["setting"] = lab.drv.graceful_restart(True)
        lost, gap, synced, sent = [], [], [], []
        for _ in range(n):
            st = Stream(a, b.addr, .002)
            time.sleep(1.5)
            for c in lab.chassis:
                lab.drv.agent_kill(c, signal.SIGKILL)
            time.sleep(1)
            t0 = time.monotonic()
            for c in lab.chassis:
                lab.drv.agent_start(c)
            lab.drv.sync()
            synced.append(time.monotonic() - t0)
            time.sleep(2)
            r = st.stop()
            lost.append(r["lost"])
            gap.append(r["max_gap_s"] * 1e3)
            sent.append(r["sent"])
        x = dict(extra, how=how, sent=sent, interval_ms=2)
        emit("restart", "packets_lost", lost, "count", **x)
        emit("restart", "longest_gap_ms", gap, "ms", **x)
        emit("restart", "start_to_acked_s", synced, "s", **x)
    if hasattr(lab.drv, "graceful_restart"):
        lab.drv.graceful_restart(False)


def m_restart():
    with lab_of(2, 4, 1) as lab:
        a = vm_on(lab, "a", lab.chassis[0], 0, 0x11)
        b = vm_on(lab, "b", lab.chassis[1], 1, 0x13)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([a.port, b.port], wait=True)
        ping_once(a, b.addr, 0)
        restart(lab, a, b, reps(5), ports=102)


# -- f. gateway failover ------------------------------------------------------------------------

def m_failover(n=4):
    with lab_of(3, 1, 1) as lab:
        c1, c2, c3 = lab.chassis
        ext = lab.netns("ext")
        lab.ip(ext, "link add xb type bridge mcast_snooping 0", "link set xb up",
               "addr add 2001:db8:ff::100/64 dev xb nodad",
               "route add %s::/64 via 2001:db8:ff::2" % lab.nets[0].prefix)
        for c in (c2, c3):
            lab.ip(ext, "link add x-%s type veth peer name ext0 netns %s" % (c.name, c.ns),
                   "link set x-%s master xb up" % c.name)
            lab.ip(c.ns, "link set ext0 up")
            c.vsctl("add-br", "br-ex", "--", "set", "bridge", "br-ex", "datapath_type=netdev",
                    "--", "add-port", "br-ex", "ext0")
        a = vm_on(lab, "a", c1, 0, 0x11, kernel=False)
        lab.drv.add_ports([a.port], wait=True)
        lab.drv.external("r0", "2001:db8:ff", "2001:db8:ff::100", {c2.name: 20, c3.name: 10})
        lab.drv.sync()
        up = None
        for i in range(60):
            up = ping_once(a, "2001:db8:ff::100", i, .5)
            if up:
                break
        if not up:
            emit("failover", "broken", [None], "ms", note="no north-south ping before the failure")
            return
        time.sleep(6)

        def links(state):
            lab.ip(lab.fab, "link set u-%s %s" % (c2.name, state))
            lab.ip(ext, "link set x-%s %s" % (c2.name, state))

        def crash(state):
            if state == "down":
                lab.kill("vswitchd-" + c2.name, signal.SIGKILL)
                lab.drv.agent_kill(c2, signal.SIGKILL)
            else:
                os.unlink(c2.vctl)
                c2.start_vswitchd()
                c2.up_underlay()
                lab.drv.agent_start(c2)

        def agent(state):
            if state == "down":
                lab.drv.agent_kill(c2, signal.SIGKILL)
            else:
                lab.drv.agent_start(c2)

        for tune in ("default", "fast"):
            if tune == "fast":
                if not hasattr(lab.drv, "fast_failover"):
                    break
                lab.drv.fast_failover()
                lab.drv.sync()
                time.sleep(3)
            for name, fn in (("links_down", links), ("vswitchd_and_agent_kill9", crash),
                             ("agent_kill9", agent)):
                if name == "agent_kill9" and tune == "fast":
                    continue
                gap, lost, back, backlost = [], [], [], []
                for _ in range(reps(n)):
                    for xs, ls, state in ((gap, lost, "down"), (back, backlost, "up")):
                        st = Stream(a, "2001:db8:ff::100", .005)
                        time.sleep(1.5)
                        fn(state)
                        time.sleep(8 if tune == "default" else 5)
                        r = st.stop()
                        xs.append(r["max_gap_s"] * 1e3)
                        ls.append(r["lost"])
                x = dict(failure=name, bfd=tune, interval_ms=5)
                emit("failover", "outage_ms", gap, "ms", lost=lost, **x)
                emit("failover", "failback_outage_ms", back, "ms", lost=backlost, **x)


MEASURES = {"port_up": m_port_up, "cold": m_cold, "nd": m_nd, "storm": m_storm,
            "datapath": m_datapath, "failover": m_failover, "restart": m_restart}


def own_cpu():
    """CPU seconds of this process and of every child that has ended: all of the lab's."""
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (
        resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main():
    global OUT, ARGS
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--driver", default=os.environ.get("BENCH_DRIVER", "ovn"))
    ap.add_argument("--run", default=os.environ.get("BENCH_RUN", os.path.join(tempfile.gettempdir(), "oa-bench")),
                    help="work directory, wiped; keep it short (unix socket paths)")
    ap.add_argument("--prefix", default=os.environ.get("BENCH_PREFIX", "oa"),
                    help="prefix of the network namespaces")
    ap.add_argument("--out", help="append the figures to this file as well")
    ap.add_argument("--sizes", help="comma list of port counts for port_up and cold")
    ap.add_argument("measure", nargs="*", choices=list(MEASURES) + [[]], default=[])
    ARGS = ap.parse_args()
    sys.setswitchinterval(0.0005)
    OUT = open(ARGS.out, "a") if ARGS.out else None
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    for m in ARGS.measure or list(MEASURES):
        kw = {}
        if ARGS.sizes and m in ("port_up", "cold"):
            kw["sizes"] = [int(x) for x in ARGS.sizes.split(",")]
        note("start", m, "loadavg", os.getloadavg())
        b0, t0, own0 = system_busy(), time.monotonic(), own_cpu()
        attempts(MEASURES[m], **kw)
        b, t = (x - y for x, y in zip(system_busy(), b0))
        emit("machine", "busy_share", b / t, "ratio", during=m,
             by_others=round(max(0, b - (own_cpu() - own0)) / t, 3),
             wall_s=round(time.monotonic() - t0, 1), loadavg=os.getloadavg())


if __name__ == "__main__":
    main()
