"""The active gateway chassis fails under an echo stream to an external host."""
import os
import signal
import time

from core import Stream, emit, lab_of, ping_once, reps, vm_on


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
