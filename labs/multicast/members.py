"""Hosts that join groups and send to them, each by a program of its own that runs in the host (`sextantlab/member.py`)."""

import contextlib
import json
import os
import subprocess
import sys
import time

from sextantlab import wait_until

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sextantlab", "member.py")


class Member:
    """One host's program."""

    def __init__(self, host):
        self.host = host
        self.name = host.name
        # More than the 20 groups of IPv4 that Linux allows.
        host.cmd("sysctl -qw net.ipv4.igmp_max_memberships=2000")
        self._process = host.popen([sys.executable, PROGRAM, "eth0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{host.name}: the program did not start")

    def ask(self, **order):
        """One order, one answer."""
        self.begin(**order)
        return self.end()

    def begin(self, **order):
        """Gives an order and goes on."""
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def end(self):
        """Waits for its answer."""
        return json.loads(self._process.stdout.readline())

    def join(self, group, source=None):
        """Joins a group; of one source only, if that is given."""
        return self.ask(do="join", group=group, source=source)["at"]

    def leave(self, group, source=None):
        """Leaves it."""
        return self.ask(do="leave", group=group, source=source)["at"]

    def send(self, group, count, **more):
        """Sends datagrams."""
        self.ask(do="send", group=group, count=count, **more)

    def take(self, group):
        """What has arrived: payload, sender, when."""
        return self.ask(do="take", group=group)["arrived"]

    def stop(self):
        """It ends with its input."""
        self._process.stdin.close()
        self._process.wait(timeout=5)


@contextlib.contextmanager
def members(here, *ports):
    """The programs of hosts, by port."""
    started = {}
    try:
        for port in ports:
            started[port] = Member(here.host(port))
        yield started
    finally:
        for member in started.values():
            member.stop()


def mld(kind):
    """tcpdump's words for MLD messages of a type: they are behind a hop-by-hop header, where it does not look itself."""
    return f"ip6[6] == 0 and ip6[40] == 58 and ip6[48] == {kind}"


def listeners(here, group=None):
    """Who listens, as the controller shows it: ports, or ports by group."""
    shown = here.controller.get("listeners", "--tenant", "acme")
    return sorted(entry["port"].split("/")[-1] for entry in shown if group is None or entry["group"] == group)


def wait_listeners(here, group, *ports):
    """Waits until just these listen, and the switches know it."""
    wait_until(f"{ports} listen to {group}", lambda: listeners(here, group) == sorted(ports), timeout=10)
    time.sleep(0.2)


def counts(all_members, group, settle=0.3):
    """How many datagrams each has got since it was asked last."""
    time.sleep(settle)
    return {port: len(member.take(group)) for port, member in all_members.items()}
