"""Figures, and the work that every measure builds: networks, ports, VMs, echo probes."""
import contextlib
import importlib
import json
import math
import multiprocessing as mp
import os
import select
import statistics
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import packets as pk
from driver import Net, Port
from nslab import Lab, ProcessDied, Vm


FORK = mp.get_context("fork")
OUT = None
GIVEN_UP = []                                           # measures that a crash prevented, tried often enough
ARGS = None
SCALE = float(os.environ.get("BENCH_SCALE", "1"))       # fewer samples for a smoke run
GROUPS = os.environ.get("BENCH_GROUPS", "1") != "0"     # 0: no security groups, for every driver alike
MODE = os.environ.get("BENCH_MODE", "dhcpv6_stateful")  # or slaac


def reps(n):
    return max(3, int(n * SCALE))


def scaled(n):
    """How large a measure is: less for a smoke run."""
    return max(100, int(n * min(1, SCALE)))


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
    GIVEN_UP.append(fn.__name__)


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
    side_by_side(lab.chassis, lambda ch: ch.plug_dummies([p.name for p, c in ports if c is ch]))
    return [p for p, _ in ports]


def side_by_side(chassis, work):
    """Seconds until all are done."""
    begin, threads = time.monotonic(), ThreadPoolExecutor(len(chassis))
    with threads:
        list(threads.map(work, chassis))
    return time.monotonic() - begin


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
                 "at": [sent[i] for i in got if i < len(sent)],
                 "rtt": [got[i] - sent[i] for i in got if i < len(sent)]})

    def stop(self):
        self.stop_ev.set()
        r = self.rx.recv()
        self.p.join()
        return r


def small_lab_ports(lab, n):
    lab.drv.add_ports(background(lab, 100, n), wait=True)


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
