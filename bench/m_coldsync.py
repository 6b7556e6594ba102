"""Bridges without a flow get everything, against `ovs-ofctl --bundle add-flows` of the very same flows in the same run."""
import os
import subprocess
import time

from core import background, emit, lab_of, note, reps, scaled, side_by_side
from nslab import Usage

PORTS = scaled(int(os.environ.get("COLDSYNC_PORTS", "10000")))


def dumped(ch):
    """A bridge's flows as a file that ovs-ofctl adds; how many there are."""
    path = "%s/flows.txt" % ch.dir
    lines = [line.strip() for line in ofctl13(ch, "--no-stats", "dump-flows").splitlines() if "actions=" in line]
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
    return path, len(lines)


def ofctl13(ch, *args):
    command = ["ovs-ofctl", "-OOpenFlow13", "--no-names", *args, "unix:%s/br-int.mgmt" % ch.dir]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def by_ofctl(chassis, files):
    """Seconds. No controller runs: it would put flows right meanwhile. Groups and meters stay where they are: only the
    flows count."""
    for c in chassis:
        c.ofctl("del-flows")
    running = lambda c: subprocess.run(["ovs-ofctl", "-OOpenFlow13", "--bundle", "add-flows",
                                        "unix:%s/br-int.mgmt" % c.dir, files[c][0]], check=True)
    seconds = side_by_side(chassis, running)
    for c in chassis:
        if c.flow_count() != files[c][1]:
            raise RuntimeError("%s has %d flows, not %d" % (c.name, c.flow_count(), files[c][1]))
    return seconds


def by_controller(lab, chassis, files):
    """Seconds from when the first bridge begins to connect until all is confirmed, and the controller's CPU seconds for it."""
    for c in chassis:
        lab.drv.detach(c)
    time.sleep(1)
    pid = lab.drv.procs()["sextant"]
    cpu, begins = Usage.cpu(pid), []
    side_by_side(chassis, lambda c: begins.append(lab.drv.attach(c)))
    lab.drv.sync()
    seconds = time.monotonic() - min(begins)
    for c in chassis:
        if c.flow_count() != files[c][1]:
            raise RuntimeError("%s has %d flows, not %d" % (c.name, c.flow_count(), files[c][1]))
    return seconds, Usage.cpu(pid) - cpu


def m_coldsync(n=3):
    with lab_of(2, 50, 10) as lab:
        chassis = lab.chassis
        ports = background(lab, 0, PORTS)
        note("coldsync: %d interfaces are plugged" % PORTS)
        lab.drv.add_ports(ports, wait=True)
        note("coldsync: all is confirmed")
        lab.drv.passive()
        for c in chassis:
            lab.drv.attach(c)
        lab.drv.sync()
        files = {c: dumped(c) for c in chassis}
        ours, theirs, cpu = [], [], []
        for _ in range(reps(n)):
            lab.drv.stop()
            theirs.append(by_ofctl(chassis, files))
            lab.drv.agent_start(chassis[0])
            seconds, used = by_controller(lab, chassis, files)
            note("coldsync: ovs-ofctl %.2f s, controller %.2f s, of that CPU %.2f s" % (theirs[-1], seconds, used))
            ours.append(seconds)
            cpu.append(used)
        extra = {"ports": PORTS, "flows": [files[c][1] for c in chassis]}
        emit("coldsync", "ovs_ofctl_s", theirs, "s", **extra)
        emit("coldsync", "sync_s", ours, "s", **extra)
        emit("coldsync", "controller_cpu_s", cpu, "s", **extra)
        emit("coldsync", "controller_rss_mib", Usage.rss(lab.drv.procs()["sextant"])["VmHWM"], "MiB", **extra)
        for c in chassis:
            lab.drv.detach(c)
