"""With 1,000 groups: how long from a join to the first datagram, and from leaving to the last."""

import time

from sextantlab.site import expect

from .members import members

PORTS = ["red4"]
GROUPS = 1000
# As many records as a report has room for where the network has 1,430 bytes. Linux makes them as long as its own interface allows, and
# sends in fragments what the network does not: those end at the guard.
CHUNK = 60
MEASURED = 50
GAP_S = 0.002


def group(n):
    """The nth."""
    return f"ff3e::8001:{n:x}"


def show(site):
    """red5 has all groups; red3 on another hypervisor joins a hundred of them, one after the other, while red1 sends."""
    with members(site, "red1", "red3", "red5") as all_members:
        begin = time.monotonic()
        for first in range(0, GROUPS, CHUNK):
            join_all(site, all_members["red5"], [group(n) for n in range(first, min(first + CHUNK, GROUPS))])
        site.say(f"{GROUPS} groups joined by one host: known after {time.monotonic() - begin:.1f} s")
        joins, leaves = [], []
        for n, at in enumerate(range(0, GROUPS, GROUPS // MEASURED)):
            joins.append(once_joined(all_members, group(at)))
            if n % 5 == 0:
                leaves.append(once_left(all_members, group(at)))
        site.say(f"from join to first datagram: {words(joins)}")
        site.say(f"from leaving to the last datagram: {words(leaves)}")
        expect(all(took < 5 for took in joins), f"a join took {max(joins):.1f} s")


def join_all(site, member, names):
    """Joins groups, those again that are not heard of: Linux leaves some out of its reports where its socket has no room."""
    missing = set(names)
    for name in names:
        member.join(name)
    for _ in range(5):
        known = set()
        deadline = time.monotonic() + 3
        while not missing <= known and time.monotonic() < deadline:
            time.sleep(0.2)
            known = {entry["group"] for entry in site.controller.get("listeners", "--port", "acme/red5")}
        missing -= known
        for name in missing:
            member.leave(name)
            member.join(name)
        if not missing:
            return
    expect(False, f"{sorted(missing)} are not known")


def once_joined(all_members, name):
    """Seconds from joining to the first datagram."""
    sender, member = all_members["red1"], all_members["red3"]
    sender.begin(do="send", group=name, count=150, gap=GAP_S)
    time.sleep(0.03)
    joined = member.join(name)
    sender.end()
    came = member.take(name)
    expect(came, f"nothing came of {name}")
    return came[0][2] - joined


def once_left(all_members, name):
    """Seconds from leaving to the last. The kernel stops to hand over at once: what still comes is seen on the interface."""
    sender, member = all_members["red1"], all_members["red3"]
    with member.host.capture(f"udp port 7500 and dst {name}") as seen:
        sender.begin(do="send", group=name, count=150, gap=GAP_S)
        time.sleep(0.03)
        left = time.time()
        member.leave(name)
        sender.end()
    stamps = [float(line.split()[0]) for line in seen.lines("", "-tt")]
    return max([stamp - left for stamp in stamps] + [0.0])


def words(seconds):
    """Of a list of times, those that matter."""
    ordered = sorted(seconds)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
    return f"median {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, longest {ordered[-1] * 1000:.0f} ms of {len(ordered)}"
