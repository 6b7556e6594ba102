#!/usr/bin/python3
"""Stock Mininet on Sextant: `mn` as anybody types it, for three topologies; see README.md."""

import ctypes
import os
import re
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
LABS = os.path.dirname(HERE)
sys.path[:0] = [LABS, HERE]

import sites  # noqa: E402
from sextantlab import LabFailed, Progress, run_isolated, wait_until  # noqa: E402
from sextantlab.lab import binary  # noqa: E402

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
# Seconds that a topology may take, from the first letter to the last.
LIMIT_S = 10

MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
_libc = ctypes.CDLL(None, use_errno=True)


class Surroundings:
    """What `mn` and everything beside it lives in: folders, Open vSwitch and controller of their own. When something fails, `mn` cleans
    up the whole machine, by names: so /tmp is another one here, and nothing under /proc/sys can be written."""

    def __init__(self, isolation):
        mount("tmpfs", "/mnt", "tmpfs")
        for folder in ("run", "labs"):
            os.mkdir(f"/mnt/{folder}")
        open("/mnt/sextant", "w", encoding="ascii").close()
        mount(isolation.rundir, "/mnt/run", None, MS_BIND)
        mount(LABS, "/mnt/labs", None, MS_BIND)
        mount(binary(), "/mnt/sextant", None, MS_BIND)
        mount("tmpfs", "/tmp", "tmpfs")
        mount("/proc/sys", "/proc/sys", None, MS_BIND)
        mount("/proc/sys", "/proc/sys", None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        os.chdir("/mnt/run")
        self.env = dict(os.environ, HOME="/mnt/run", OVS_RUNDIR="/mnt/run/ovs", OVS_LOGDIR="/mnt/run/ovs",
                        OVS_DBDIR="/mnt/run/ovs", PYTHONDONTWRITEBYTECODE="1")
        self.env.pop("SEXTANT_SERVER", None)
        self._processes = []

    def start_switch(self):
        """Open vSwitch, as a distribution starts it, but for the folder."""
        os.mkdir("/mnt/run/ovs")
        self.run("ovsdb-tool", "create", "/mnt/run/ovs/conf.db", SCHEMA)
        self.spawn("ovsdb-server", "ovsdb-server", "--remote=punix:/mnt/run/ovs/db.sock", "--no-chdir", "-vconsole:off",
                   "--log-file", "--pidfile", "/mnt/run/ovs/conf.db")
        wait_until("ovsdb-server", lambda: os.path.exists("/mnt/run/ovs/db.sock"), pause=0.02)
        self.run("ovs-vsctl", "--no-wait", "init")
        self.spawn("ovs-vswitchd", "ovs-vswitchd", "--no-chdir", "-vconsole:off", "--log-file", "--pidfile")
        wait_until("ovs-vswitchd", lambda: os.path.exists("/mnt/run/ovs/ovs-vswitchd.pid"), pause=0.02)

    def start_controller(self, topo):
        """The controller with its usual addresses, and the topology's intent."""
        data = f"/mnt/run/{topo}"
        process = self.spawn("controller", "/mnt/sextant", "controller", "--data-dir", data)
        wait_until("the controller", lambda: self.run("/mnt/sextant", "get", "chassis", check=False).returncode == 0, pause=0.05)
        site = os.path.basename(sites.path(topo))
        self.run("/mnt/sextant", "apply", "-f", f"/mnt/labs/mn/{site}")
        return process

    def mn(self, topo):
        """The command that README.md names: the completed process, and how many seconds it took."""
        command = ["mn", "--controller", "remote", "--switch", "ovs,protocols=OpenFlow13,datapath=user", "--topo", topo,
                   "--custom", "/mnt/labs/mn/six.py", "--test", "pingall6"]
        begin = time.monotonic()
        done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return done, time.monotonic() - begin

    def run(self, *command, check=True):
        """Runs a command here; the completed process with its text."""
        done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)
        if check and done.returncode != 0:
            raise LabFailed(f"{' '.join(command[:4])}: {done.stderr or done.stdout}")
        return done

    def spawn(self, name, *command):
        """Starts a process that is ended with the lab."""
        with open(f"/mnt/run/{name}.out", "a", encoding="utf-8") as log:
            process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def words(self, name, lines=30):
        """The end of what a process has said."""
        with open(f"/mnt/run/{name}.out", encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def end(self, *processes):
        """Ends processes, by default all, the last one first."""
        for process in processes or tuple(reversed(self._processes)):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def all_pairs(surroundings, topo):
    """Runs one topology; raises `LabFailed` unless every pair answers in time. What was said, and the seconds."""
    controller = surroundings.start_controller(topo)
    try:
        done, seconds = surroundings.mn(topo)
        hosts = len(sites.TOPOLOGIES[topo]) if topo != "tree,2" else 4
        pairs = hosts * (hosts - 1)
        if done.returncode != 0 or f"*** Results: 0% dropped ({pairs}/{pairs} received)" not in done.stdout:
            raise LabFailed(f"mn --topo {topo}: exit status {done.returncode}\n{done.stdout}\n"
                            f"The controller's last words:\n{surroundings.words('controller')}")
        if seconds > LIMIT_S:
            raise LabFailed(f"mn --topo {topo} took {seconds:.1f} s, and {LIMIT_S} are enough")
        return done.stdout, seconds
    finally:
        surroundings.end(controller)


def mount(source, target, kind, flags=0):
    """mount(2)."""
    kind = kind.encode() if kind else None
    if _libc.mount(source.encode(), target.encode(), kind, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def main(isolation):
    """The steps; 0 if every topology does."""
    lines = (line.split("\t") for line in os.environ.get("LAB_STEPS", "").splitlines())
    progress = Progress("lab mn", [(name, float(seconds)) for name, seconds in lines])
    surroundings = Surroundings(isolation)
    try:
        with progress.step("Open vSwitch in a folder of its own"):
            surroundings.start_switch()
        for topo in sites.TOPOLOGIES:
            with progress.step(f"mn --topo {topo}"):
                said, seconds = all_pairs(surroundings, topo)
                shown = re.search(r"\*\*\* Every host .*received\)", said, re.DOTALL)
                progress.say(shown[0] if shown else said)
                progress.say(f"mn took {seconds:.1f} s")
    except KeyboardInterrupt:
        raise
    except Exception as error:
        progress.failed = progress.failed or str(error)
        print(f"FAILED: {error}", flush=True)
        if not isinstance(error, (LabFailed, TimeoutError)):
            traceback.print_exc()
    finally:
        surroundings.end()
    progress.summary()
    return 1 if progress.failed else 0


if __name__ == "__main__":
    sys.exit(run_isolated(main))
