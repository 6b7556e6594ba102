"""Bridges wired to each other: links are found, used, left in time, and never looped over."""

import contextlib
import re
import subprocess
import time

from common import eventually, wait_phase
from sextantlab import Matrix
from sextantlab.wired import PREFIX, TENANT, WiredLab

RING = [(1, 2), (2, 3), (3, 4), (4, 1)]
TREE = [(1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (3, 7)]

ALONE = True  # it says how long something may take


@contextlib.contextmanager
def wired(isolation, cables, hosts, breakable=(), auto=False):
    """A lab with its controller up, the site applied, every link found and every host's address there."""
    with WiredLab(isolation, cables, hosts, breakable, auto) as lab:
        try:
            lab.log_messages()
            lab.controller.start()
            lab.controller.apply_text(lab.site(), wait=None)
            eventually("every link", lambda: len(lab.links()) == len(cables))
            active(lab)
            for spec in [] if auto else lab.specs:
                wait_phase(lab, TENANT, spec.port, "Active")
            for host in lab.hosts.values():
                host.wait_address(PREFIX)
            yield lab
        except BaseException:
            if lab.controller.running:
                print(lab.controller.call("get", "links"), lab.controller.call("get", "ports", "--tenant", TENANT))
            print("the controller's last words:\n" + lab.controller.tail(40))
            raise


def active(lab):
    """Waits until every chassis reaches every other."""
    def is_active():
        found = lab.controller.get("fabric")
        fabric = found[0] if isinstance(found, list) else found
        return fabric["status"]["phase"] == "Active"

    eventually("the fabric Active", is_active)


def full_matrix(lab):
    """Every host reaches every other."""
    matrix = Matrix(list(lab.hosts.values()), lab.address, lambda source, target: "same")
    assert matrix.ok, matrix.words() + "\n" + matrix.table()


class Pinging:
    """A ping every 5 ms while something happens: the longest time without an answer, in ms, and how many were lost."""

    def __init__(self, lab, source, target):
        self._command = ["ping", "-i", "0.005", "-W", "1", "-O", "-D", "-n", lab.address(target)]
        self._source = source

    def __enter__(self):
        self._process = self._source.popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, text=True)
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(1)
        self._process.send_signal(2)
        said, _ = self._process.communicate(timeout=10)
        answers = [float(t) for t in re.findall(r"\[([\d.]+)\] \d+ bytes from", said)]
        self.gap_ms = max((b - a) * 1000 for a, b in zip(answers, answers[1:]))
        sent, got = re.search(r"(\d+) packets transmitted, (\d+) received", said).groups()
        self.lost = int(sent) - int(got)


def way_of(lab, number, source, target):
    """The ports of chassis `number` by which a ping from `source` leaves for others: it is seen where they lead to."""
    pairs = [pair for pairs in lab.cables.values() for pair in pairs]
    ends = {a: b for pair in pairs for a, b in (pair, pair[::-1]) if a.startswith(f"s{number}-")}
    with contextlib.ExitStack() as stack:
        captures = {port: stack.enter_context(lab.capture(far, "inbound")) for port, far in ends.items()}
        time.sleep(0.5)  # the switch looks at its ports anew when a capture begins
        answered = source.ping(lab.address(target), count=5, interval=0.05)
        time.sleep(0.2)
    assert answered == 5, f"{answered} of 5 answers"
    asked = "icmpv6.type == 128"
    return {port for port, capture in captures.items() if len(capture.fields("frame.number", display=asked)) >= 3}


def test_ring_and_tree_carry_everything(isolation):
    with wired(isolation, TREE, [4, 5, 6, 7, 1]) as lab:
        full_matrix(lab)
        # A packet as large as the network's MTU passes over four links, with both tags; one byte more does not.
        source, target = lab.host_at(1), lab.host_at(4)
        assert source.ping(lab.address(target), options=("-M", "do", "-s", str(1496 - 48))) == 3
        assert source.ping(lab.address(target), options=("-M", "do", "-s", str(1497 - 48))) == 0
        traced = lab.controller.call("trace", "--port", f"{TENANT}/vm1", f"icmp6 from {lab.address(source)} to {lab.address(target)}")
        assert traced.strip().endswith(f"delivered: {TENANT}/vm4"), traced
        assert all(f" s{n} " in traced or f"s{n}" in traced for n in (4, 2, 1, 3, 7)), traced


def test_hosts_are_found_and_bridges_are_not_taken_for_hosts(isolation):
    with wired(isolation, RING, [1, 2, 3, 4], auto=True) as lab:
        full_matrix(lab)
        ports = {port["name"] for port in lab.controller.get("ports", "--tenant", TENANT)}
        assert ports == {f"s{n}-vm{n}" for n in (1, 2, 3, 4)}, ports


def test_a_port_that_goes_down_is_left_at_once(isolation):
    with wired(isolation, RING, [1, 3]) as lab:
        source, target = lab.host_at(1), lab.host_at(2)
        gaps = []
        for _ in range(3):
            (port,) = way_of(lab, 1, source, target)
            there = next(n for n in (2, 4) if lab.port(1, n) == port)
            with Pinging(lab, source, target) as pinging:
                lab.unplug(1, there)
            gaps.append(pinging.gap_ms)
            lab.plug(1, there)
            eventually("the link again", lambda: len(lab.links()) == len(RING))
            active(lab)
        print(f"gaps after a port went down: {[round(gap) for gap in gaps]} ms")
        assert max(gaps) < 200, gaps
        # Going back to a better path loses nothing: it is there before it is used.
        lab.unplug(1, 2)
        eventually("one link less", lambda: len(lab.links()) == len(RING) - 1)
        active(lab)
        with Pinging(lab, source, target) as pinging:
            lab.plug(1, 2)
            eventually("the link again", lambda: len(lab.links()) == len(RING))
            active(lab)
        assert pinging.lost == 0, pinging.lost


def test_a_silent_failure_is_left_within_three_seconds(isolation):
    with wired(isolation, RING, [1, 3], breakable=[(1, 2), (4, 1)]) as lab:
        source, target = lab.host_at(1), lab.host_at(2)
        (port,) = way_of(lab, 1, source, target)
        there = next(n for n in (2, 4) if lab.port(1, n) == port)
        with Pinging(lab, source, target) as pinging:
            lab.cut(1, there)
            eventually("one link less", lambda: len(lab.links()) == len(RING) - 1)
        print(f"gap after a silent failure: {pinging.gap_ms:.0f} ms")
        assert pinging.gap_ms < 3000, pinging.gap_ms
        lab.mend(1, there)
        eventually("the link again", lambda: len(lab.links()) == len(RING))


def test_nothing_is_lost_or_sent_when_the_controller_is_killed(isolation):
    with wired(isolation, RING, [1, 3]) as lab:
        source, target = lab.host_at(1), lab.host_at(2)
        # A history, so that paths are not those of a fresh start.
        lab.unplug(2, 3)
        eventually("one link less", lambda: len(lab.links()) == len(RING) - 1)
        active(lab)
        lab.plug(2, 3)
        eventually("the link again", lambda: len(lab.links()) == len(RING))
        active(lab)
        time.sleep(1.5)
        before = [name for name in lab.messages("received") if name in CHANGES]
        with Pinging(lab, source, target) as pinging:
            lab.controller.kill()
            time.sleep(3)
            lab.controller.start()
            eventually("every link", lambda: len(lab.links()) == len(RING))
            active(lab)
            time.sleep(3)
        after = [name for name in lab.messages("received") if name in CHANGES]
        assert len(after) == len(before), after[len(before):]
        assert pinging.lost == 0, pinging.lost
        # And it can still act.
        lab.unplug(1, 2)
        eventually("one link less", lambda: len(lab.links()) == len(RING) - 1)
        full_matrix(lab)


CHANGES = ("OFPT_FLOW_MOD", "OFPT_GROUP_MOD", "OFPT_METER_MOD")


def test_equal_paths_are_both_used(isolation):
    with wired(isolation, RING, [1, 3, 3, 3, 3]) as lab:
        source = lab.host_at(1)
        used = {}
        for number in (2, 3, 4, 5):
            (used[number],) = way_of(lab, 1, source, lab.host_at(number))
        assert len(set(used.values())) == 2, used


def test_a_broadcast_comes_once_and_goes_over_no_link_twice(isolation):
    with wired(isolation, RING, [1, 2, 3, 4]) as lab:
        source = lab.host_at(1)
        mark = "53:65:78:74:61:6e:74"
        ports = [port for ports in lab.plan.values() for port in ports if "-eth" in port]
        with contextlib.ExitStack() as stack:
            inside = {n: stack.enter_context(lab.host_at(n).capture()) for n in (2, 3, 4)}
            over = {port: stack.enter_context(lab.capture(port, "inbound")) for port in ports}
            program = ("frames = [Ether(dst='33:33:00:00:00:01', src='%s')/IPv6(src='%s', dst='ff02::1')/UDP(sport=9, dport=9)"
                       "/Raw(b'Sextant%%03d' %% n) for n in range(20)]\nsendp(frames, iface='eth0')")
            source.scapy(program % (source.spec.mac, lab.address(source)))
            time.sleep(0.5)
        display = f"frame contains {mark}"
        for n, capture in inside.items():
            bodies = capture.fields("udp.payload", display=display)
            assert len(bodies) == 20 and len({body[0] for body in bodies}) == 20, f"vm{n} got {len(bodies)}"
        # A copy for each other chassis; each goes over a link at most once. Now and then tcpdump misses one that the switch has had: a host
        # got it that nothing else leads to.
        total = sum(len(capture.fields("frame.number", display=display)) for capture in over.values())
        assert 20 * 4 - 4 <= total <= 20 * 4, f"{total} frames over links for 20 to neighbours, neighbours and the far end"
        for port, capture in over.items():
            seen = capture.fields("frame.number", "vlan.id", "udp.payload", display=display)
            keys = [tuple(row[1:]) for row in seen]
            assert len(keys) == len(set(keys)), f"{port} saw one frame twice"


def test_lldp_of_a_host_makes_no_link(isolation):
    with wired(isolation, [(1, 2)], [1, 1, 2], auto=True) as lab:
        # What the bridge says to a port that nobody uses yet can be heard there; said again elsewhere it proves nothing.
        first, second = lab.host_at(1), lab.host_at(3)
        heard = lab.controller.metric('sextant_punts_total{operation="lldp",result="heard"}')
        for host in (first, second):
            program = ("body = bytes.fromhex('02110730303030303030303030303030303031' '040805' + b's1-eth9'.hex()[:14] + '06020078')\n"
                       "org = bytes.fromhex('fe1a02534c01' + '0001' '00000002' '%016x' + '00'*8)\n"
                       "import time\nfor n in range(30):\n"
                       "    sendp(Ether(dst='01:80:c2:00:00:0e', src='%s', type=0x88cc)/Raw(body + org + bytes(2)), iface='eth0')\n"
                       "    time.sleep(0.05)")
            host.scapy(program % (int(time.time() * 1000), host.spec.mac))
        time.sleep(1)
        assert lab.links() == {(lab.port(1, 2), lab.port(2, 1))}, lab.links()
        assert lab.controller.metric('sextant_punts_total{operation="lldp",result="heard"}') > heard
        full_matrix(lab)


def test_what_one_host_repeats_makes_no_link(isolation):
    with wired(isolation, [(1, 2)], [1, 2], auto=True) as lab:
        # Whoever is behind a port that somebody has is not asked who he is, and not listened to.
        with lab.host_at(1).capture("ether proto 0x88cc") as said:
            time.sleep(3)
        assert said.count() == 0
        assert not lab.controller.call("flows", "--chassis", "s1").count("vm1 lldp")
