"""Streams go on: over a kill -9 of the controller, and when a listener moves to another hypervisor."""

import time

from sextantlab import wait_until
from sextantlab.site import expect

from .members import listeners, members, mld, wait_listeners

PORTS = ["red4"]
GROUP = "ff3e::8000:6"
LATER = "ff3e::8000:7"
GAP_S = 0.02
MOVE = """\
tenant: acme
ports:
  - {name: red3, network: red, mac_address: "02:00:00:00:01:03", fixed_ips: [{subnet: redv4, ip_address: 10.1.0.13}], binding: {chassis: CHASSIS, interface: acme-red3}}
"""


def show(site):
    """Both, under a stream."""
    with members(site, "red1", "red3", "red5", "blue2") as all_members:
        listening = ("red3", "blue2")
        for port in listening:
            all_members[port].join(GROUP)
        wait_listeners(site, GROUP, *listening)
        killed(site, all_members)
        moved(site, all_members)


def killed(site, all_members):
    """Not a datagram is lost while the controller is away and comes back; what is joined meanwhile is served when it is back."""
    count = 400
    all_members["red1"].begin(do="send", group=GROUP, count=count, gap=GAP_S)
    time.sleep(0.5)
    site.controller.kill()
    all_members["red5"].join(LATER)
    time.sleep(2)
    with site.host("red4").capture(mld(130)) as asked:
        site.controller.start()
        site.wait_active()
        expect(listeners(site, GROUP) == ["blue2", "red3"], f"after the kill {listeners(site, GROUP)} listen")
        wait_until("red5, which joined meanwhile, listens", lambda: listeners(site, LATER) == ["red5"], timeout=20)
    all_members["red1"].end()
    time.sleep(0.5)
    got = {port: len(all_members[port].take(GROUP)) for port in ("red3", "blue2")}
    expect(got == {"red3": count, "blue2": count}, f"{got} came of {count}")
    expect(asked.count() >= 1, "nobody was asked after the restart")
    site.say(f"killed, back after 2 s: {got} of {count} came; all were asked, and who joined meanwhile listens")
    all_members["red5"].leave(LATER)


def moved(site, all_members):
    """red3 goes to hv3: the stream goes there with it."""
    here, there = site.lab.chassis["hv2"], site.lab.chassis["hv3"]
    here.hand_over("acme-red3", there)
    site.controller.apply_text(MOVE.replace("CHASSIS", "hv3"), wait=None)
    site.wait_active("red3")
    time.sleep(0.3)
    all_members["red1"].send(GROUP, 20)
    time.sleep(0.5)
    got = {port: len(all_members[port].take(GROUP)) for port in ("red3", "blue2")}
    expect(got == {"red3": 20, "blue2": 20}, f"after the move {got} of 20 came")
    site.say(f"moved to hv3 without a word of its own: {got} of 20 came")
