"""A chassis without a flow, or all of them: until everything is installed; and restarts at that size."""
import os
import re
import signal
import threading
import time

from core import attempts, background, emit, lab_of, reps, vm_on
from m_restart import restart
from nslab import Usage


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


def m_cold(sizes=(1000, 5000), n=3):
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
                # One process may be the agent of several chassis.
                cpus.append(sum(Usage.cpu(pid) for pid in {d.agent_pid(c) for c in targets}))
                vcpu.append(sum(Usage.cpu(c.pid()) - v0[c] for c in targets))
                time.sleep(1)
            x = dict(ports=size, chassis=which)
            emit("cold", "start_to_all_flows_s", flows, "s", **x)
            emit("cold", "start_to_acked_s", acked, "s", **x)
            emit("cold", "agent_cpu_s", cpus, "s", **x)
            emit("cold", "vswitchd_cpu_s", vcpu, "s", **x)
        if size <= int(os.environ.get("RESTART_MAX_PORTS", "5000")):
            restart(lab, a, b, reps(3), ports=size)
