"""Addresses outside that stand for hosts: both ways, on the nearest chassis, moving. Each check raises `LabFailed` where it is otherwise."""

import subprocess
import time

from sextantlab import wait_until
from sextantlab.site import expect

from .wiring import FAR, FAR4, ON_LINK4, OUTSIDE_OF, ROUTER4


def told(site, say=print):
    """Status says what stands for what, and who answers for it."""
    expect(site.floating("vm1-v6")["chassis"] == "hv1", "vm1's chassis is on the physical network, and answers")
    holder = site.floating("vm3-v6")["chassis"]
    expect(holder in ("hv1", "hv2"), f"a gateway answers for vm3, not {holder!r}")
    for name, inside in [("vm1-v6", site.inside("vm1")), ("vm3-v4", "10.1.0.13")]:
        status = site.floating(name)
        expect((status["fixed_ip_address"], status["router"]) == (inside, "r1"), f"{name}: {status}")
    spare = site.floating("spare")
    expect(spare["floating_ip_address"].startswith("203.0.113.") and spare["chassis"] == "", f"spare: {spare}")
    say(f"vm1 is answered for by hv1, vm3 by {holder}; spare has {spare['floating_ip_address']}")
    trace = site.controller.call("trace", "--port", "acme/vm1", f"icmp6 from {site.inside('vm1')} to {FAR}")
    expect(f"ipv6_src={OUTSIDE_OF['vm1'][0]}" in trace and trace.strip().endswith("uplink: public@hv1"), trace)


def both_ways(site, say=print):
    """Echo, TCP and UDP, from inside and from outside, over both protocols; what is seen out there."""
    for port in ("vm1", "vm3"):
        host = site.host(port)
        for far, outside in zip((FAR, FAR4), OUTSIDE_OF[port]):
            with site.router.capture("icmp or icmp6") as seen:
                answered = host.ping(far, count=5)
                time.sleep(0.2)
            expect(answered == 5, f"{port}: {answered} of 5 from {far}")
            kind = "icmp6" if ":" in far else "icmp"
            from_it = seen.count(f"{kind} and src host {outside} and dst host {far}")
            expect(from_it >= 5, f"{port}: {far} saw {from_it} requests from {outside}: {seen.lines()}")
            expect(host.tcp(far) == site.router.name, f"{port}: no TCP to {far}")
            expect(host.udp(far) == site.router.name, f"{port}: no UDP to {far}")
            expect(site.router.ping(outside, count=5) == 5, f"{port}: {outside} does not answer")
            expect(site.router.tcp(outside) == host.name, f"{port}: no TCP to {outside}")
            expect(site.router.udp(outside) == host.name, f"{port}: no UDP to {outside}")
        say(f"{port}: echo, TCP and UDP both ways, as {' and '.join(OUTSIDE_OF[port])}")


def no_tunnel(site, say=print):
    """Where the chassis is on the physical network nothing takes a tunnel; else one hop."""
    for port, hops in (("vm1", 0), ("vm3", 2)):
        wires = [chassis.capture() for chassis in site.lab.chassis.values()]
        for wire in wires:
            wire.__enter__()
        expect(site.router.ping(OUTSIDE_OF[port][0], count=5) == 5, f"{port} does not answer")
        time.sleep(0.3)
        for wire in wires:
            wire.__exit__()
        inside = site.inside(port)
        # Each packet within the tunnel is seen where it leaves and where it arrives.
        asked = sum(len(w.fields("frame.number", display=f"icmpv6.type == 128 && ipv6.dst == {inside}")) for w in wires)
        expect(asked == 5 * hops, f"{port}: requests were seen {asked} times in tunnels")
        say(f"{port}: {asked // 2} of 5 requests through a tunnel")


def judged(site, say=print):
    """Security groups see who is outside by his address there."""
    outside = "2001:db8:100::86"
    expect(site.router.ping(outside, count=3, options=("-I", FAR)) == 3, "vm6's group lets far addresses through")
    expect(site.router.ping(outside, count=1, options=("-I", "2001:db8:100::1")) == 0, "vm6's group lets no others through")
    expect(site.host("vm6").ping("2001:db8:100::1") == 3, "answers need no rule")
    say("a rule with a remote_ip_prefix sees the other end's address outside")


def too_big(site, say=print):
    """Path MTU discovery through a mapping, from both sides."""
    inside, outside = site.host("vm1"), OUTSIDE_OF["vm1"][0]
    done = site.router.run("ping", "-c", "3", "-i", "0.3", "-W", "2", "-s", "1440", "-M", "do", outside)
    told_so = "Packet too big" in done.stdout or "too long" in done.stdout.lower()
    expect(told_so, f"who sends from outside hears nothing of a smaller MTU: {done.stdout}")
    route = site.router.cmd(f"ip -6 route get {outside}")
    expect("mtu 1430" in route, f"it is not believed: {route}")
    narrow(site, "vm1", "2001:db8:ef::1")
    done = inside.run("ping", "-c", "1", "-W", "1", "2001:db8:ff::1")
    expect("nreachable" in done.stdout, f"no route out there, and nobody says so: {done.stdout}")
    # And what a host says of what came in.
    done = site.router.run("/usr/bin/python3", "-c", REFUSED.format(outside))
    expect("refused" in done.stdout, f"a closed port's error is not understood: {done.stdout}")
    say("too big: told and believed, from outside and from inside; errors of hosts pass too")


def narrow(site, port, target):
    """A narrow way out there: the router says so to the address outside, about a packet from there."""
    site.router.cmd("ip link add narrow type veth peer name beyond; ip link set narrow up mtu 1280; ip link set beyond up;"
                    f"ip -6 route replace 2001:db8:ef::/48 dev narrow; ip -6 neigh replace {target} lladdr 02:00:00:00:ee:01 dev narrow")
    done = site.host(port).run("ping", "-c", "3", "-i", "0.3", "-W", "1", "-s", "1300", "-M", "do", target)
    route = site.host(port).cmd(f"ip -6 route get {target}")
    site.router.cmd("ip link del narrow")
    expect("mtu 1280" in route, f"the error about what a mapping translated is not believed: {route} {done.stdout}")


REFUSED = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(('{}', 9))
s.send(b'x')
try:
    print(s.recv(10))
except ConnectionRefusedError:
    print('refused')
except TimeoutError:
    print('silence')
"""


def prefix(site, say=print):
    """A prefix that is another one outside (RFC 6296): both ways, errors, each other; checksums are what they were."""
    for port in ("vm4", "vm5"):
        host, outside = site.host(port), site.mapped(port)
        with site.router.capture("icmp6") as seen:
            expect(host.ping(FAR, count=5) == 5, f"{port}: no echo from {FAR}")
            time.sleep(0.2)
        from_it = seen.count(f"icmp6 and src host {outside} and dst host {FAR}")
        expect(from_it >= 5, f"{port}: {FAR} saw {from_it} requests from {outside}: {seen.lines()}")
        expect(host.tcp(FAR) == site.router.name and host.udp(FAR) == site.router.name, f"{port}: no TCP or UDP to {FAR}")
        expect(site.router.ping(outside, count=5) == 5, f"{port}: {outside} does not answer")
        expect(site.router.tcp(outside) == host.name and site.router.udp(outside) == host.name, f"{port}: no TCP or UDP to {outside}")
    say(f"vm4 and vm5 both ways, as {site.mapped('vm4')} and {site.mapped('vm5')}")
    sums = []
    inside, wire = site.host("vm4").capture("udp port 9999"), site.router.capture("udp port 9999")
    with inside, wire:
        site.host("vm4").run("/usr/bin/python3", "-c", f"import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'sum', ('{FAR}', 9999))")
        time.sleep(0.5)
    for capture in (inside, wire):
        sums.append(capture.fields("udp.checksum", display="udp.dstport == 9999 && ipv6 && !icmpv6")[0])
    expect(sums[0] == sums[1], f"the checksum was {sums[0]}, and is {sums[1]}")
    say(f"a datagram's checksum is {sums[0][0]} inside and outside")
    narrow(site, "vm4", "2001:db8:ef::2")
    done = site.router.run("/usr/bin/python3", "-c", REFUSED.format(site.mapped("vm5")))
    expect("refused" in done.stdout, f"a closed port's error is not understood: {done.stdout}")
    expect(site.host("vm4").ping(site.mapped("vm5")) == 3, "vm4 does not reach vm5 by its address outside")
    expect(site.host("vm5").tcp(site.mapped("vm4")) == site.host("vm4").name, "no TCP by the address outside")
    say("path MTU from inside; errors; each other by the prefix outside")


def hairpin(site, say=print):
    """Who has an address outside reaches others by theirs; who has none is told apart from silence by a name."""
    for protocol in (0, 1):
        for one, other in (("vm1", "vm3"), ("vm3", "vm1")):
            target = OUTSIDE_OF[other][protocol]
            expect(site.host(one).ping(target) == 3, f"{one} does not reach {other} by {target}")
            expect(site.host(one).tcp(target) == site.host(other).name, f"{one}: no TCP to {target}")
    expect(site.host("vm2").ping(OUTSIDE_OF["vm1"][0], count=1) == 0, "vm2 has no address outside")
    trace = site.controller.call("trace", "--port", "acme/vm2", f"icmp6 from {site.inside('vm2')} to {OUTSIDE_OF['vm1'][0]}")
    expect(trace.strip().endswith("drop: no_mapping"), trace)
    say("vm1 and vm3 reach each other by their addresses outside")


def snat(site, say=print):
    """Over IPv4 who is nobody outside leaves from the router's address, and answers find back: from each chassis."""
    holder = site.holder4()
    for port in ("vm2", "vm6"):
        host = site.host(port)
        with site.router.capture("icmp or tcp or udp") as seen:
            expect(host.ping(FAR4, count=5) == 5, f"{port}: no echo from {FAR4}")
            expect(host.tcp(FAR4) == site.router.name, f"{port}: no TCP to {FAR4}")
            # Whoever answers a datagram there does so from the address of the interface.
            expect(host.udp(ON_LINK4) == site.router.name, f"{port}: no UDP to {ON_LINK4}")
            time.sleep(0.2)
        others = seen.lines(f"dst host {FAR4} and not src host {ROUTER4}")
        expect(not others and seen.count(f"icmp and src host {ROUTER4} and dst host {FAR4}") >= 5, f"{port}: not from {ROUTER4}: {others}")
    # Two hosts with the same port at the same time, to the same port of the same host.
    answers = [site.host(port).popen(["/usr/bin/python3", "-c", SAME_PORT.format(ON_LINK4, port)], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, text=True) for port in ("vm2", "vm6")]
    listener = site.router.popen(["/usr/bin/python3", "-c", ECHO], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    said = [process.communicate(timeout=20)[0].strip() for process in answers]
    listener.kill()
    expect(said == ["vm2", "vm6"], f"answers went to {said}")
    done = site.host("vm2").run("/usr/bin/python3", "-c", REFUSED.format(FAR4).replace("AF_INET6", "AF_INET"))
    expect("refused" in done.stdout, f"an error about what was translated is not understood: {done.stdout}")
    listener = site.router.popen(["/usr/bin/python3", "-c", BIG], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    site.host("vm2").run("/usr/bin/python3", "-c", SAME_PORT.format(ON_LINK4, "vm2"))
    said = listener.communicate(timeout=20)[0].strip()
    expect(said == "1430", f"who sends an answer that is too big hears {said!r}, not what fits")
    expect(site.router.ping(ROUTER4) == 3, "the router's own address does not answer")
    expect(site.router.tcp(ROUTER4, timeout=1) is None, "the router's own address takes connections")
    with site.router.capture("icmp") as seen:
        expect(site.host("vm1").ping(FAR4) == 3, "who has a floating IP does not get out")
    expect(seen.count(f"src host {OUTSIDE_OF['vm1'][1]}") >= 3, "a floating IP does not go before")
    say(f"vm2 and vm6 leave from {ROUTER4} by {holder}; a floating IP goes before")


SAME_PORT = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 7777))
s.settimeout(0.5)
for _ in range(20):
    s.sendto(b'{1}', ('{0}', 7778))
    try:
        print(s.recv(100).decode())
        break
    except OSError:
        time.sleep(0.1)
"""
BIG = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2)
s.settimeout(10)
s.bind(('', 7778))
data, who = s.recvfrom(100)
s.connect(who)
for _ in range(20):
    try:
        s.send(bytes(1472))
    except OSError:
        print(s.getsockopt(socket.IPPROTO_IP, 14))
        break
    time.sleep(0.1)
"""
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 7778))
while True:
    data, who = s.recvfrom(100)
    s.sendto(data, who)
"""


def snat_fails_over(site, say=print):
    """The chassis that remembers connections goes: another does for new ones."""
    holder = site.holder4()
    cable = site.lab.chassis[holder]
    cable.cmd("ip link set eth1 down")
    wait_until("another chassis remembers", lambda: site.holder4() not in (holder, ""))
    for port in ("vm2", "vm6"):
        wait_until(f"{port} gets out again", lambda: site.host(port).ping(FAR4, count=1) == 1, timeout=10)
        expect(site.host(port).tcp(FAR4) == site.router.name, f"{port}: no new connection by {site.holder4()}")
    say(f"{holder} gone: new connections by {site.holder4()}")
    cable.cmd("ip link set eth1 up")


class Pinger:
    """A ping every 10 ms while a `with` lasts; how many were lost."""

    def __init__(self, host, target):
        self._host, self._target = host, target

    def __enter__(self):
        self._process = self._host.popen(["ping", "-q", "-i", "0.01", "-W", "1", self._target], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        time.sleep(0.5)
        self._process.send_signal(2)
        output, _ = self._process.communicate(timeout=20)
        words = next(line for line in output.splitlines() if " received" in line)
        sent, received = (int(part.split()[0]) for part in words.split(", ")[:2])
        self.lost, self.sent = sent - received, sent


def moved(site, say=print):
    """A floating IP goes to another port, of another chassis: neighbours are told, and it answers there."""
    outside = OUTSIDE_OF["vm1"][0]
    apply = "tenant: acme\nfloating_ips: [{{name: vm1-v6, network: public, floating_ip_address: '{}', port: {}}}]\n"
    with site.router.capture("icmp6") as seen, Pinger(site.router, outside) as pinger:
        site.controller.apply_text(apply.format(outside, "vm2"))
        site.wait_floating("vm1-v6", chassis="hv2", phase="Active")
        time.sleep(1.5)
    adverts = seen.fields("icmpv6.nd.na.target_address", display="icmpv6.type == 136 && ipv6.dst == ff02::1")
    told_of = sum(fields == [outside] for fields in adverts)
    expect(told_of >= 3, f"neighbours were told {told_of} times")
    expect(site.router.tcp(outside) == site.host("vm2").name, "vm2 does not answer")
    say(f"moved to vm2 on hv2: {pinger.lost} of {pinger.sent} lost, {pinger.lost * 10} ms; told {told_of} times")
    site.controller.apply_text(apply.format(outside, "vm1"))
    site.wait_floating("vm1-v6", chassis="hv1", phase="Active")
    wait_until("vm1 answers again", lambda: site.router.tcp(outside) == site.host("vm1").name)


def vm_moved(site, say=print):
    """A VM goes to another chassis with its interface: its addresses outside are answered for there."""
    chassis = site.lab.chassis
    port = ("tenant: acme\nports: [{{name: vm1, network: red, mac_address: '02:00:00:00:01:01', fixed_ips: [{{ip_address: 10.1.0.11}}],"
            " security_groups: [open], binding: {{chassis: {}, interface: acme-vm1}}}}]\n")
    for here, there in (("hv1", "hv2"), ("hv2", "hv1")):
        with site.router.capture("icmp6 or arp") as seen, Pinger(site.router, OUTSIDE_OF["vm1"][0]) as pinger:
            chassis[here].hand_over("acme-vm1", chassis[there])
            site.controller.apply_text(port.format(there))
            for name in ("vm1-v6", "vm1-v4"):
                site.wait_floating(name, chassis=there, phase="Active")
            time.sleep(1.5)
        told_of = len(seen.fields("frame.number", display=f"icmpv6.nd.na.target_address == {OUTSIDE_OF['vm1'][0]} && ipv6.dst == ff02::1"))
        told4 = len(seen.fields("frame.number", display=f"arp.src.proto_ipv4 == {OUTSIDE_OF['vm1'][1]} && arp.dst.proto_ipv4 == {OUTSIDE_OF['vm1'][1]}"))
        expect(told_of >= 3 and told4 >= 3, f"neighbours were told {told_of} and {told4} times")
        for address in OUTSIDE_OF["vm1"]:
            expect(site.router.ping(address) == 3, f"{address} does not answer on {there}")
        say(f"vm1 moved to {there}: {pinger.lost} of {pinger.sent} lost, {pinger.lost * 10} ms")


def uplink_lost(site, say=print):
    """The chassis' cable is out: a gateway answers for its hosts; then it answers again itself."""
    outside = OUTSIDE_OF["vm1"]
    cable = site.lab.chassis["hv1"]
    with Pinger(site.router, outside[0]) as v6, Pinger(site.router, outside[1]) as v4:
        cable.cmd("ip link set eth1 down")
        site.wait_floating("vm1-v6", chassis="hv2", phase="Active")
        time.sleep(1)
    for address in outside:
        expect(site.router.ping(address) == 3, f"{address} is not answered for by hv2")
    expect(site.host("vm1").ping(FAR) == 3, "no way out by the other gateway")
    say(f"the cable is out: {v6.lost * 10} ms over IPv6, {v4.lost * 10} ms over IPv4")
    cable.cmd("ip link set eth1 up")
    site.wait_floating("vm1-v6", chassis="hv1", phase="Active")
    wait_until("hv1 answers again", lambda: site.router.ping(outside[0]) == 3)
