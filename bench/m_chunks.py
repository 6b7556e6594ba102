"""Forwarding while many flows change: a ping every 10 ms through the bridge that 50,000 flows change on, against the same
ping while nothing changes."""
import os
import time

from core import Stream, background, emit, lab_of, note, pct, reps, vm_on

FLOWS = int(os.environ.get("CHUNKS_FLOWS", "50000"))
INTERVAL_S = .01
IDLE_S = 20


def pinged(a, b, work):
    """Round-trip times in ms while `work` runs, how many echoes were lost, and how long it took."""
    stream = Stream(a, b.addr, INTERVAL_S)
    time.sleep(.5)
    begin = time.monotonic()
    work()
    end = time.monotonic()
    r = stream.stop()
    during = [rtt for at, rtt in zip(r["at"], r["rtt"]) if begin <= at <= end]
    lost = sum(begin <= at <= end for at in r["lost_at"])
    return [rtt * 1e3 for rtt in during], lost, end - begin


def m_chunks(n=5):
    with lab_of(1, 4, 1) as lab:
        ch = lab.chassis[0]
        a, b = vm_on(lab, "a", ch, 0, 0x11), vm_on(lab, "b", ch, 1, 0x12)
        lab.drv.add_ports([a.port, b.port], wait=True)
        few = background(lab, 100, 100)
        before = ch.flow_count()
        lab.drv.add_ports(few, wait=True)
        per_port = (ch.flow_count() - before) / len(few)
        many = background(lab, 1000, round(FLOWS / per_port))
        time.sleep(2)
        idle, during, p99s, idle_p99s, took, lost, flows = [], [], [], [], [], 0, []
        for _ in range(reps(n)):
            xs, _, _ = pinged(a, b, lambda: time.sleep(IDLE_S / reps(n)))
            before = ch.flow_count()
            ys, gone, seconds = pinged(a, b, lambda: lab.drv.add_at_once(many))
            flows.append(ch.flow_count() - before)
            idle, during, lost = idle + xs, during + ys, lost + gone
            idle_p99s.append(pct(xs, .99))
            p99s.append(pct(ys, .99))
            took.append(seconds)
            note("chunks: %d flows in %.2f s, p99 %.2f ms (max %.2f), idle %.2f (max %.2f)" % (
                flows[-1], seconds, p99s[-1], max(ys), idle_p99s[-1], max(xs)))
            lab.drv.del_ports(many)
            lab.drv.sync()
            time.sleep(1)
        extra = {"flows": flows, "interval_ms": INTERVAL_S * 1e3}
        emit("chunks", "ping_p99_idle_ms", pct(idle, .99), "ms", max_ms=max(idle), by_round=idle_p99s, pings=len(idle))
        emit("chunks", "ping_p99_ms", pct(during, .99), "ms", max_ms=max(during), by_round=p99s, pings=len(during),
             lost=lost, **extra)
        emit("chunks", "change_s", took, "s", **extra)
