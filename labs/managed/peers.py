"""Chassis that watch each other by BFD: how soon one that is gone is noticed."""

import contextlib
import os
import signal
import time

from sextantlab import Lab, wait_until
from sextantlab.chassis import BRIDGE
from sextantlab.site import Site, expect

from . import parts, wiring

GATEWAY = ("tunnel_ip: fd00:a::1, manage: true", "tunnel_ip: fd00:a::1, bridge_mappings: {physnet1: eth1}, gateway_priority: 1, manage: true")
# Much more than it should take, for a busy machine; what is measured is printed.
NOTICED_MAX_MS = 2_000


@contextlib.contextmanager
def site(isolation, say):
    """The lab with a gateway among its chassis."""
    with Lab(isolation, wiring.CHASSIS, wiring.HOSTS) as lab:
        lab.controller.start()
        lab.controller.apply_text(parts.intent(lab, GATEWAY), wait=None)
        yield Site(lab, say)


def told(here, kind, chassis):
    """When a chassis was told to have lost its peers, or found them: milliseconds since 1970."""
    return [event["time_ms"] for event in parts.events(here, kind) if event["name"] == chassis]


def both_up(here, times):
    """Waits until each has found the other so often."""
    for name in here.lab.chassis:
        wait_until(f"{name} hears the other", lambda name=name: len(told(here, "peer.up", name)) >= times, timeout=90)


def watched(here):
    """Tunnel ports for BFD appear, and sessions come up."""
    both_up(here, 1)
    for chassis in here.lab.chassis.values():
        ports = [port for port in chassis.ovs.vsctl("list-ports", BRIDGE).split() if port.startswith("sx-bfd-")]
        expect(len(ports) == 1, f"{ports}")
        status = chassis.ovs.vsctl("get", "interface", ports[0], "bfd_status")
        here.say(f"{chassis.name}: {ports[0]}: {status.strip()}")
        expect("state=up" in status, status)


def cut(here):
    """The underlay of one goes: the other notices, though both are connected to the controller."""
    two = here.lab.chassis["hv2"]
    here.say(f"cut: noticed after {lose(here, lambda: two.cmd('ip link set phy0 down'), 'hv1'):.0f} ms")
    expect(here.controller.get("chassis", "hv1")["status"]["peers_lost"] == ["hv2"], "its status does not say so")
    two.cmd("ip link set phy0 up")
    both_up(here, 2)


def killed(here):
    """The switch of one is killed."""
    two = here.lab.chassis["hv2"]
    switch = two.ovs.switch
    here.say(f"killed: noticed after {lose(here, lambda: os.kill(switch.pid, signal.SIGKILL), 'hv1'):.0f} ms")
    switch.wait()
    expect(two.ovs.vsctl("--no-wait", "list-ports", BRIDGE).split(), "its database is gone too")


def lose(here, act, watcher):
    """Does something, and waits until a chassis has lost its peer: after how many milliseconds, by the controller's clock."""
    before = len(told(here, "peer.lost", watcher))
    began = time.time() * 1000
    act()
    wait_until(f"{watcher} has lost its peer", lambda: len(told(here, "peer.lost", watcher)) > before)
    took = told(here, "peer.lost", watcher)[-1] - began
    expect(took < NOTICED_MAX_MS, f"noticed after {took:.0f} ms")
    return took


PARTS = [("chassis watch each other", watched), ("the underlay is cut", cut), ("a switch is killed", killed)]
