"""The control plane killed under an echo stream, and started again."""
import signal
import time

from core import Stream, emit, lab_of, ping_once, reps, small_lab_ports, vm_on


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
