"""A switch with 100,000 flows is read back after a restart of the controller, then with some of them deleted by hand; and gets
all anew after a restart of its own, under a ping."""
import os
import signal
import subprocess
import time

from core import Stream, emit, lab_of, make_port, note, reps, scaled, vm_on
from m_coldsync import by_ofctl, dumped, ofctl13
from nslab import Usage

FLOWS = scaled(int(os.environ.get("RESYNC_FLOWS", "100000")))
DELETED = scaled(1000)


def delete_by_hand(ch, path, flows):
    """Takes away rows of remote ports, evenly spread."""
    with open(path) as lines:
        rows = [line for line in lines if "table=90," in line or "table=120," in line]
    rows = rows[::max(1, len(rows) // DELETED)][:DELETED]
    strict = ["delete_strict " + without_actions(row) for row in rows]
    command = ["ovs-ofctl", "-OOpenFlow13", "--bundle", "add-flows", "unix:%s/br-int.mgmt" % ch.dir, "-"]
    subprocess.run(command, input="\n".join(strict) + "\n", text=True, check=True)
    if (len(rows), ch.flow_count()) != (DELETED, flows - DELETED):
        raise RuntimeError("%d flows of %d are there, %d were deleted" % (ch.flow_count(), flows, len(rows)))


def without_actions(row):
    """A flow's table, priority and match, as ovs-ofctl reads them."""
    parts = row.split(" actions=")[0].replace(" ", "").split(",")
    return ",".join(part for part in parts if part and not part.startswith("cookie="))


def controller_restarts(lab, ch, meanwhile):
    """Seconds from the start until all is confirmed; flow-mods sent; CPU seconds."""
    lab.drv.agent_kill(ch, signal.SIGKILL)
    meanwhile()
    begin = time.monotonic()
    lab.drv.agent_start(ch)
    lab.drv.until_active(ch)
    seconds = time.monotonic() - begin
    return seconds, lab.drv.flow_mods(), Usage.cpu(lab.drv.procs()["sextant"])


def switch_restarts(lab, ch):
    """The switch is killed and started. Seconds from its start until all is confirmed, and since it answered."""
    lab.kill("vswitchd-" + ch.name, signal.SIGKILL)
    os.unlink(ch.vctl)
    while lab.drv.is_connected(ch):
        time.sleep(.005)
    begin = time.monotonic()
    ch.start_vswitchd()
    while not lab.drv.is_connected(ch):
        time.sleep(.005)
    answered = time.monotonic()
    lab.drv.until_active(ch)
    end = time.monotonic()
    ch.up_underlay()
    return end - begin, end - answered


def m_resync(n=3):
    """The ports are another chassis' (see m_chunks): here are the rows by which they are reached."""
    with lab_of(1, 4, 1) as lab:
        ch, drv = lab.chassis[0], lab.drv
        a, b = vm_on(lab, "a", ch, 0, 0x11), vm_on(lab, "b", ch, 1, 0x12)
        own = [a.port, b.port]
        drv.add_ports(own, wait=True)
        drv.ghost_chassis("ghost", "fd00:cafe::99")
        ghosts = lambda first, last: drv.ghosts(
            [make_port("g%d" % i, lab.nets[i % 4], 0x10000 + i, None) for i in range(first, last)], "ghost")
        before = ch.flow_count()
        drv.add_ports(ghosts(0, 100))
        drv.until_active(ch)
        each = (ch.flow_count() - before) / 100
        drv.add_ports(ghosts(100, round(FLOWS / each)))
        drv.until_active(ch)
        files = {ch: dumped(ch)}
        path, flows = files[ch]
        note("resync: %d flows" % flows)
        for how in ("same", "deleted"):
            seconds, sent, cpu = [], [], []
            meanwhile = lambda: delete_by_hand(ch, path, flows) if how == "deleted" else None
            for _ in range(reps(n)):
                for values, value in zip((seconds, sent, cpu), controller_restarts(lab, ch, meanwhile)):
                    values.append(value)
                if ch.flow_count() != flows:
                    raise RuntimeError("%d flows, not %d" % (ch.flow_count(), flows))
            note("resync, %s: %s s, %s flow-mods" % (how, seconds, sent))
            x = {"flows": flows, "deleted": DELETED if how == "deleted" else 0}
            emit("resync", how + "_start_to_confirmed_s", seconds, "s", **x)
            emit("resync", how + "_flow_mods", sent, "count", **x)
            emit("resync", how + "_controller_cpu_s", cpu, "s", **x)
        theirs, ours, whole, lost = [], [], [], []
        for _ in range(reps(n)):
            controller_restarts(lab, ch, lambda: theirs.append(by_ofctl([ch], files)))
            stream = Stream(a, b.addr, .01)
            time.sleep(1)
            all_of_it, since = switch_restarts(lab, ch)
            time.sleep(1)
            lost.append(stream.stop()["max_gap_s"])
            whole.append(all_of_it)
            ours.append(since)
            if len(ofctl13(ch, "--no-stats", "dump-flows").splitlines()) < flows:
                raise RuntimeError("%d flows, not %d" % (ch.flow_count(), flows))
            note("resync, switch: %.2f s, since it answers %.2f s, ovs-ofctl %.2f s, no ping for %.2f s" % (
                all_of_it, since, theirs[-1], lost[-1]))
        emit("resync", "switch_start_to_confirmed_s", whole, "s", flows=flows)
        emit("resync", "switch_connected_to_confirmed_s", ours, "s", flows=flows)
        emit("resync", "switch_ovs_ofctl_s", theirs, "s", flows=flows)
        emit("resync", "switch_longest_gap_s", lost, "s", flows=flows)
