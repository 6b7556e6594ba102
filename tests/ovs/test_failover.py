"""Gateways that are watched by BFD: what is lost when one's underlay is cut, though it stays connected, and when its switch is killed."""

import os
import time

from gateway import checks, wiring
from gateway.wiring import site
from managed import parts
from sextantlab import wait_until
from sextantlab.site import expect

# On a busy machine; what was lost is printed. Without BFD a cut would not be noticed at all, a kill after a second.
LOST_MAX_MS = 2_000


def test_gateways_fail_over_by_bfd(isolation):
    with site(isolation) as here:
        with open(os.path.join(wiring.HERE, "site.yaml"), encoding="ascii") as file:
            text = file.read()
        for n, chassis in enumerate(here.lab.chassis.values(), 1):
            tunnel = f'tunnel_ip: "fd00:a::{n}"'
            expect(tunnel in text, text)
            text = text.replace(tunnel, f'{tunnel}, manage: true, ovsdb: "{chassis.database}"')
        here.controller.apply_text(text)
        ups = 6
        wait_until("all hear each other", lambda: len(parts.events(here, "peer.up")) >= ups, timeout=60)
        here.wait_holders("hv1", "hv2")
        assert here.host("vm3").ping(wiring.FAR, count=5) == 5
        for victim, other in (("hv1", "hv2"), ("hv2", "hv1")):
            cut(here, victim, other)
            ups += 4
            wait_until("all hear each other again", lambda ups=ups: len(parts.events(here, "peer.up")) >= ups, timeout=90)
            here.wait_holders("hv1", "hv2")
        killed(here)


def cut(here, victim, other):
    """A gateway's underlay is cut, as may be vm3's way out and the way in to vm3."""
    chassis = here.lab.chassis[victim]
    measured(here, f"{victim} cut", lambda: chassis.cmd("ip link set phy0 down"), other)
    chassis.cmd("ip link set phy0 up")


def killed(here):
    """A gateway's switch and database are killed."""
    measured(here, "hv2 killed", here.lab.chassis["hv2"].ovs.kill, "hv1")


def measured(here, what, act, other):
    """What is lost of pings out of vm3, and in to it, until another gateway has taken over: by how often they really are sent."""
    began = time.monotonic()
    with checks.Pinger(here.host("vm3"), wiring.FAR) as outward, checks.Pinger(here.outside("first"), here.address("vm3")) as inward:
        act()
        here.wait_holders(other)
        time.sleep(1)
    took_ms = 1000 * (time.monotonic() - began)
    lost = [pinger.lost * took_ms / pinger.sent for pinger in (outward, inward)]
    print(f"{what}: outward {lost[0]:.0f} ms lost, inward {lost[1]:.0f} ms")
    assert max(lost) < LOST_MAX_MS
