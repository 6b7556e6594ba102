"""Forwarding while many flows change: a ping every 10 ms through the bridge that 50,000 flows change on, against the same
ping while nothing changes."""
import os
import time

from core import Stream, emit, lab_of, make_port, note, pct, reps, scaled, vm_on
from nslab import prefer

FLOWS = scaled(int(os.environ.get("CHUNKS_FLOWS", "50000")))
INTERVAL_S = .01
IDLE_S = 20


class Pings:
    """Round-trip times in ms while work of one kind is done, and how many were lost. Work may say when it began in earnest."""

    def __init__(self):
        self.rtts, self.lost, self.p99s, self.seconds = [], 0, [], []

    def during(self, a, b, work):
        stream = Stream(a, b.addr, INTERVAL_S)
        prefer(stream.p.pid)
        time.sleep(.5)
        begin = time.monotonic()
        begin = work() or begin
        end = time.monotonic()
        r = stream.stop()
        rtts = [rtt * 1e3 for at, rtt in zip(r["at"], r["rtt"]) if begin <= at <= end]
        self.lost += sum(begin <= at <= end for at in r["lost_at"])
        self.rtts += rtts
        self.p99s.append(pct(rtts, .99))
        self.seconds.append(end - begin)

    def more(self):
        return {"max_ms": max(self.rtts), "by_round": self.p99s, "pings": len(self.rtts), "lost": self.lost}


def m_chunks(n=3):
    """The ports that come and go are another chassis': here are the rows by which they are reached, and no interface of theirs,
    for thousands of interfaces make the switch's main loop slow by themselves."""
    with lab_of(1, 4, 1) as lab:
        ch, drv = lab.chassis[0], lab.drv
        a, b = vm_on(lab, "a", ch, 0, 0x11), vm_on(lab, "b", ch, 1, 0x12)
        own = [a.port, b.port]
        drv.add_ports(own, wait=True)
        drv.ghost_chassis("ghost", "fd00:cafe::99")
        ghosts = lambda count: drv.ghosts([make_port("g%d" % i, lab.nets[i % 4], 0x10000 + i, None) for i in range(count)],
                                          "ghost")
        before = ch.flow_count()
        drv.keep_only(own + ghosts(100), [ch])
        many = ghosts(round(FLOWS * 100 / (ch.flow_count() - before)))
        drv.keep_only(own, [ch])
        time.sleep(2)
        quiet, busy = Pings(), Pings()
        for _ in range(reps(n)):
            quiet.during(a, b, lambda: time.sleep(IDLE_S / reps(n)))
            busy.during(a, b, lambda: drv.keep_only(own + many, [ch]))
            flows = ch.flow_count() - before
            quiet.during(a, b, lambda: time.sleep(IDLE_S / reps(n)))
            busy.during(a, b, lambda: drv.keep_only(own, [ch]))
            note("chunks: %d flows came in %.2f s and went in %.2f s, p99 %.2f and %.2f ms, idle %.2f and %.2f ms" % (
                flows, *busy.seconds[-2:], *busy.p99s[-2:], *quiet.p99s[-2:]))
        emit("chunks", "ping_p99_idle_ms", pct(quiet.rtts, .99), "ms", **quiet.more())
        emit("chunks", "ping_p99_ms", pct(busy.rtts, .99), "ms", flows=flows, interval_ms=INTERVAL_S * 1e3, **busy.more())
        emit("chunks", "change_s", busy.seconds, "s", flows=flows)
