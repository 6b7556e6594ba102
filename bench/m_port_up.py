"""From the northbound call for one port to flows, first echo and acknowledgement."""
import contextlib
import random
import select
import socket
import struct
import threading
import time

import packets as pk
from core import attempts, background, emit, lab_of, make_port, reps, vm_on
from nslab import FlowWatch, Usage, system_busy


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


def m_port_up(sizes=(10, 100, 1000), n=24):
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
            for i in range(reps(5)):
                p = make_port("m0", lab.nets[i % 4], 0x400 + i, None)
                t = time.monotonic()
                lab.drv.cli_add(p)
                cli.append((time.monotonic() - t) * 1e3)
                lab.drv.del_ports([p])
                lab.drv.sync()
                time.sleep(0.2)
            emit("port_up", "cli_process_wait_hv_ms", cli, "ms", ports=size)
        emit("port_up", "flows_per_chassis", [c.flow_count() for c in ch], "count", ports=size)
        for what, change in (("empty_barrier_ms", False), ("bare_flow_mod_ms", True)):
            emit("port_up", what, [ms for c in ch for ms in barriers(c, reps(50), change)], "ms", ports=size)
        before, t0 = sum(Usage.cpu(c.pid()) for c in ch), time.monotonic()
        time.sleep(3)
        used = (sum(Usage.cpu(c.pid()) for c in ch) - before) / (time.monotonic() - t0)
        emit("port_up", "vswitchd_idle_cores", used, "cores", ports=size)
        for w in watches:
            w.close()


def bare_flow_mod(xid):
    """Adds (odd) or deletes (even) a flow that nothing reaches: in a table that nobody uses, with no instructions."""
    command = 0 if xid % 2 else 3
    body = struct.pack("!QQBBHHHIIIHH", 0, 0, 250, command, 0, 0, 1, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0)
    return struct.pack("!BBHI", 4, 14, 8 + len(body) + 8, xid) + body + struct.pack("!HHI", 1, 4, 0)


def barriers(ch, n, change):
    """What Open vSwitch itself takes: milliseconds from an OpenFlow barrier request, on a connection of its own, to the reply; with
    `change` behind one flow-mod."""
    found = []
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect("%s/br-int.mgmt" % ch.dir)
        s.sendall(struct.pack("!BBHI", 4, 0, 8, 0))     # hello, OpenFlow 1.3
        for xid in range(1, 2 * (n // 2) + 1):
            time.sleep(.02)
            t = time.monotonic()
            s.sendall((bare_flow_mod(xid) if change else b"") + struct.pack("!BBHI", 4, 20, 8, xid))
            while True:
                _, kind, length, got = struct.unpack("!BBHI", s.recv(8, socket.MSG_WAITALL))
                body = s.recv(length - 8, socket.MSG_WAITALL) if length > 8 else b""
                if kind == 2:                           # an echo request is answered, or the switch hangs up
                    s.sendall(struct.pack("!BBHI", 4, 3, length, got) + body)
                if kind == 1:
                    raise RuntimeError("the switch refused: %s" % body.hex())
                if (kind, got) == (21, xid):
                    break
            found.append((time.monotonic() - t) * 1e3)
    return found
