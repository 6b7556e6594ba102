"""The prefix stays while things change around it: the controller is killed, the VM migrates; traffic goes on."""

import re
import time

from sextantlab import wait_until
from sextantlab.dhcp6 import Dhclient, Dibbler
from sextantlab.site import expect

from . import wiring
from .site import everybody_reached, lease_of, prefix_of, routing

PORTS = ["cpe", *wiring.OTHERS]
INTERVAL_S = 0.05
# Longer than until the client renews: nobody answers it then.
OUTAGE_S = 7
MOVE = """\
tenant: acme
ports:
  - {name: cpe, network: lan, mac_address: "02:00:00:00:01:01", binding: {chassis: CHASSIS, interface: acme-cpe}}
"""


def show(site):
    """Both, each with a client of its own."""
    prefix = prefix_of(site)
    with routing(site, Dhclient, prefix) as client:
        killed(site, client, prefix)
    with routing(site, Dibbler, prefix):
        migrated(site, prefix)


def killed(site, client, prefix):
    """Not a packet is lost while the controller is away, and the client has its prefix prolonged when it is back."""
    before = lease_of(site, prefix)
    flows = pings(site)
    site.controller.kill()
    time.sleep(OUTAGE_S)
    site.controller.start()
    site.wait_active()
    lease = lease_of(site, prefix)
    expect(all(lease[name] == before[name] for name in ("client", "association", "since_ms")), f"lease {lease}, was {before}")
    wait_until("the client has renewed", lambda: int(lease_of(site, prefix)["until_ms"]) > int(before["until_ms"]), timeout=40)
    expect(prefix_of(site) == prefix, f"{prefix_of(site)} is delegated, was {prefix}")
    expect(len(client.delegated()) == 1, f"{wiring.DOWNSTREAM} has {client.delegated()}")
    lost = {name: sent - received for name, (sent, received) in ended(flows).items()}
    expect(not any(lost.values()), f"lost over the kill: {lost}")
    site.say(f"killed, back after {OUTAGE_S} s: {lease['association']} renewed to {prefix}, no ping lost: {', '.join(lost)}")


def migrated(site, prefix):
    """The VM goes to the other chassis and back; its prefix goes with it."""
    here, there = site.lab.chassis["hv1"], site.lab.chassis["hv2"]
    before = lease_of(site, prefix)
    for source, target in ((here, there), (there, here)):
        flows = pings(site)
        time.sleep(0.5)
        begin = time.monotonic()
        source.hand_over("acme-cpe", target)
        site.controller.apply_text(MOVE.replace("CHASSIS", target.name), wait=None)
        site.wait_active("cpe")
        took = time.monotonic() - begin
        expect(prefix_of(site) == prefix, f"{prefix_of(site)} is delegated, was {prefix}")
        everybody_reached(site)
        lost = {name: sent - received for name, (sent, received) in ended(flows).items()}
        away = max(lost.values()) * INTERVAL_S
        expect(away < took + 1, f"lost: {lost}, for {away:.1f} s; the move itself took {took:.1f} s")
        site.say(f"moved to {target.name} in {took:.1f} s; pings went on after {away:.1f} s, everybody is reached")
        wait_until("the client renews there", lambda: int(lease_of(site, prefix)["until_ms"]) > int(before["until_ms"]), timeout=40)
        before = lease_of(site, prefix)


def pings(site):
    """Pings to and from behind the VM, near and far, that go on until they are ended."""
    behind, near, far = (site.host(port) for port in ("behind", "near2", "far2"))
    ways = ((near, behind), (far, behind), (behind, far))
    command = ["ping", "-q", "-i", str(INTERVAL_S)]
    flows = {f"{a.spec.port} to {b.spec.port}": a.popen([*command, wiring.address(b)]) for a, b in ways}
    time.sleep(0.5)
    return flows


def ended(flows):
    """Ends pings; of each how many were sent, and how many answered."""
    found = {}
    for name, flow in flows.items():
        flow.send_signal(2)
        said = flow.communicate(timeout=10)[0].decode()
        found[name] = tuple(map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups()))
    return found
