"""Runs a lab in namespaces of its own, so that labs can run beside each other and nothing outlives one.

The lab gets its own process, network and mount namespaces and a fresh folder. When its first process
ends, for whatever reason, the kernel ends every other process of it, and with the last one go its
network namespaces and all interfaces in them. The folder is removed by the waiting parent.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
PR_SET_PDEATHSIG = 1

# Seconds that a lab may take to end in order after a signal.
PATIENCE_S = 30

_libc = ctypes.CDLL(None, use_errno=True)


class Isolation:
    """What a lab needs to know about its surroundings: its folder, and the way back to the caller's network."""

    def __init__(self, rundir, home_net):
        self.rundir = rundir
        self._home_net = home_net

    def enter_home_net(self):
        """For a child process before it executes: back to the network namespace that the lab was started in."""
        _check(_libc.setns(self._home_net, CLONE_NEWNET), "setns")


def run_isolated(main):
    """Runs `main(isolation)` in namespaces of its own and returns its exit status (None counts as 0)."""
    if os.geteuid() != 0:
        print("a lab needs root: it makes network namespaces", file=sys.stderr)
        return 2
    rundir = tempfile.mkdtemp(prefix="sextant-lab-")
    home_net = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _check(_libc.unshare(CLONE_NEWPID), "unshare")
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(_first_process(main, Isolation(rundir, home_net)))
    try:
        return _wait(child)
    finally:
        shutil.rmtree(rundir, ignore_errors=True)


def _first_process(main, isolation):
    """The lab itself. Python's own exit would run the parent's cleanup too, so this returns a status."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    status = 1
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, _interrupt)
        _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare")
        _mount(None, "/proc", None, MS_REC | MS_PRIVATE)  # what is mounted over it stays here
        _mount(b"proc", "/proc", b"proc", 0)
        os.system("ip link set lo up")
        status = main(isolation) or 0
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        status = 130
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


def _interrupt(_number, _frame):
    # Only the first signal counts: a second one must not break the cleanup off.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _wait(child):
    """Waits for the lab, passes signals on, and ends it by force if it does not end after one."""
    deadline = None

    def pass_on(number, _frame):
        nonlocal deadline
        if number == signal.SIGINT and _foreground():
            return  # the terminal has told the lab as well, and its command line may want to go on
        deadline = deadline or time.monotonic() + PATIENCE_S
        try:
            os.kill(child, signal.SIGTERM)
        except ProcessLookupError:
            pass

    previous = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status) & 0xFF
            if deadline and time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.02)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _foreground():
    """Whether a terminal's interrupts go to this process and its children."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _mount(source, target, kind, flags):
    _check(_libc.mount(source, target.encode(), kind, ctypes.c_ulong(flags), None), f"mount {target}")


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
