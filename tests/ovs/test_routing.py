"""Distributed routing: the way packets take, and the errors that the router sends."""

import os
import time

import wiring
from common import GATEWAY, dvr, some_hosts

HOSTS = ("acme-vm1", "acme-vm4", "acme-vm6")


def passed(capture, nonce):
    """How many packets with these bytes in them passed."""
    pattern = ":".join(nonce[i:i + 2] for i in range(0, len(nonce), 2))
    return len(capture.fields("frame.number", display=f"frame contains {pattern}"))


def marked_ping(source, target, count=10):
    """Pings with a payload that can be found again; its bytes, and how many answers came."""
    nonce = os.urandom(8).hex()
    return nonce, source.ping(wiring.address(target), count=count, interval=0.05, options=("-p", nonce))


def test_routed_on_one_chassis_never_leaves_it(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        source, target = lab.host("acme", "vm1"), lab.host("acme", "vm4")
        source.ping(wiring.address(target))
        with lab.chassis["hv1"].capture() as wire:
            nonce, answered = marked_ping(source, target)
            time.sleep(0.3)
        assert answered == 10
        assert passed(wire, nonce) == 0


def test_routed_across_takes_one_tunnel_hop(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        source, target = lab.host("acme", "vm1"), lab.host("acme", "vm6")
        source.ping(wiring.address(target))
        chassis = lab.chassis
        with chassis["hv1"].capture() as near, chassis["hv2"].capture() as aside, chassis["hv3"].capture() as far:
            nonce, answered = marked_ping(source, target)
            time.sleep(0.3)
        assert answered == 10
        # Each request and each reply once, straight between the two.
        assert (passed(near, nonce), passed(aside, nonce), passed(far, nonce)) == (20, 0, 20)
        with target.capture("icmp6") as inside:
            source.ping(wiring.address(target), count=1)
        hop_limits = inside.fields("ipv6.hlim", display="icmpv6.type == 128")
        assert hop_limits == [["63"]], "routed once"


def test_hop_limit_exceeded(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        source = lab.host("acme", "vm1")
        for name in ("vm4", "vm6"):
            done = source.run("ping", "-c", "2", "-i", "0.3", "-W", "2", "-t", "1", wiring.address(lab.host("acme", name)))
            assert f"From {GATEWAY['red']} icmp_seq=1 Time exceeded: Hop limit" in done.stdout, done.stdout


def test_traceroute_sees_one_router(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        target = wiring.address(lab.host("acme", "vm6"))
        done = lab.host("acme", "vm1").run("rltraceroute6", "-n", "-q", "1", "-w", "2", target)
        hops = [line.split()[1] for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]
        assert hops == [GATEWAY["red"], target], done.stdout


def test_unreachable(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        source = lab.host("acme", "vm1")
        for target, words in (("2001:db8:b::dead", "Destination unreachable: Address unreachable"),
                              ("2001:db8:ffff::1", "Destination unreachable: No route")):
            done = source.run("ping", "-c", "2", "-i", "0.3", "-W", "2", target)
            assert f"From {GATEWAY['red']} icmp_seq=1 {words}" in done.stdout, done.stdout
        program = ("import socket\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\ns.settimeout(2)\n"
                   f"s.connect(('{GATEWAY['red']}', 33434))\ns.send(b'?')\n"
                   "try:\n    s.recv(9)\nexcept OSError as error:\n    print(type(error).__name__)")
        assert "ConnectionRefusedError" in source.run("/usr/bin/python3", "-c", program).stdout


def test_packet_too_big(isolation):
    """From the router, into a network with a smaller MTU; TCP then finds its way."""
    edits = [("{name: blue, type: overlay}", "{name: blue, type: overlay, mtu: 1280}")]
    with dvr(isolation, hosts=some_hosts(*HOSTS), edits=edits) as lab:
        source = lab.host("acme", "vm1")
        for name in ("vm4", "vm6"):
            target = wiring.address(lab.host("acme", name))
            # 1353 bytes of payload make a packet of 1401: within red's MTU, not within blue's.
            done = source.run("ping", "-c", "2", "-i", "0.3", "-W", "2", "-M", "do", "-s", "1353", target)
            assert f"From {GATEWAY['red']} icmp_seq=1 Packet too big: mtu=1280" in done.stdout, done.stdout
            # 1280 bytes in all go through.
            assert source.ping(target, options=("-M", "do", "-s", "1232")) == 3
        transfer(source, lab.host("acme", "vm6"))


def transfer(source, target):
    """A megabyte over TCP."""
    server = target.popen(["iperf3", "-s", "-1"])
    time.sleep(0.5)
    done = source.run("iperf3", "-6", "-c", wiring.address(target), "-n", "1M", "--connect-timeout", "3000", timeout=30)
    server.terminate()
    server.wait()
    assert done.returncode == 0, done.stdout
