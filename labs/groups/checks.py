"""What the security groups of site.yaml let through, with real traffic. Each check raises `LabFailed` where it is otherwise."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

from sextantlab import LabFailed

# Who may send, and to whom what of it may go: `web` takes TCP from everybody, `simple` too, but has no connections, so that nobody
# but those whose answers it asked for by a rule answers it. `one` and `two` have the tenant's default group.
SENDERS = ["web", "near", "far", "guest", "one", "two", "shut", "simple"]
CLIENTS = ("near", "far")


def expected(sender, to, kind):
    """Whether a probe over IPv6 is answered."""
    if "shut" in (sender, to):
        return False
    if to == "web":
        # Answers to `simple` come back from port 7000 to one that its rules don't name; echo replies have a rule.
        open_to = {"ping": True, "tcp": sender != "simple", "udp": sender in (*CLIENTS, "guest")}
        return open_to[kind]
    if to == "simple":
        # What it answers leaves by its rules for egress.
        return kind == "tcp" or (kind == "udp" and sender in CLIENTS)
    return {sender, to} == {"one", "two"}


def expected4(sender, to, kind):
    """The same over IPv4."""
    if to == "web" and sender not in ("shut", "simple"):
        return {"ping": sender in ("far", "one"), "tcp": True, "udp": sender in CLIENTS}[kind]
    return {sender, to} == {"one", "two"}


def matrix(site, say=print):
    """Everybody probes everybody by echo, TCP and UDP, over IPv6 and IPv4."""
    wrong = []
    for family, address, want in ((6, site.v6, expected), (4, site.v4, expected4)):
        with ThreadPoolExecutor(len(SENDERS)) as pool:
            answers = dict(zip(SENDERS, pool.map(lambda sender: probe(site, sender, address), SENDERS)))
        say(f"IPv{family}" + " " * 6 + "".join(f"{to:>8}" for to in SENDERS))
        for sender in SENDERS:
            cells = []
            for to in SENDERS:
                got = answers[sender].get(to, {})
                kinds = [kind for kind in ("ping", "tcp", "udp") if got.get(kind)]
                cells.append("-" if sender == to else "".join(kind[0] for kind in kinds) or ".")
                wrong += [f"IPv{family}: {sender} to {to} by {kind}: {'' if kind in kinds else 'not '}answered"
                          for kind in ("ping", "tcp", "udp")
                          if sender != to and (kind in kinds) != want(sender, to, kind)]
            say(f"{sender:<10}" + "".join(f"{cell:>8}" for cell in cells))
    say("p: echo, t: TCP, u: UDP answered; .: nothing")
    if wrong:
        raise LabFailed("\n".join(wrong))


def probe(site, sender, address):
    """What others answer."""
    host = site.host(sender)
    targets = [{"key": to, "to": address(to), "nonce": "00", "kinds": ["ping", "tcp", "udp"], "count": 2}
               for to in SENDERS if to != sender]
    return {answer["key"]: answer for answer in host.ask({"do": "probe", "targets": targets})["answers"]}


def esp(site, say=print):
    """ESP (RFC 4303): from clients to web, and back only once they have begun."""
    def send(sender, to):
        host = site.host(sender)
        with site.host(to).capture("ip6 proto 50") as capture:
            host.scapy(f"send(IPv6(dst='{site.v6(to)}', nh=50)/Raw(bytes.fromhex('0000000100000001') + b'x' * 40))")
            time.sleep(0.5)
        return capture.count()

    # Each knows the other's MAC, and the tunnel's first packet is not lost.
    for sender in ("far", "near", "guest"):
        site.host(sender).ping(site.v6("web"), count=2)
    got = {
        "web to far, before": send("web", "far"),
        "guest to web": send("guest", "web"),
        "far to web": send("far", "web"),
        "near to web": send("near", "web"),
        "web to far, after": send("web", "far"),
    }
    say(", ".join(f"{what}: {count}" for what, count in got.items()))
    want = {"web to far, before": 0, "guest to web": 0, "far to web": 1, "near to web": 1, "web to far, after": 1}
    if got != want:
        raise LabFailed(f"ESP packets that arrived: {got}, expected {want}")


def fragments(site, say=print):
    """Packets larger than the MTU: all of one arrives, or nothing that anybody could make use of."""
    answered = {}
    for sender in ("far", "guest"):
        # The first answer may be too big for the way back, and tells web so.
        site.host(sender).ping(site.v6("web"), count=1, options=("-s", "4000"))
        answered[sender] = site.host(sender).ping(site.v6("web"), count=3, options=("-s", "4000"))
    say(f"echo requests of 4,000 bytes answered, of 3: {answered}")
    if answered != {"far": 3, "guest": 3}:
        raise LabFailed(f"fragmented echo requests answered: {answered}")
    datagram = "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'x' * 4000, ('{}', 7001))"
    with site.host("web").capture("ip6") as capture:
        for sender in ("guest", "one"):
            site.host(sender).scapy("import socket\n" + datagram.format(site.v6("web")))
        time.sleep(1)
    first = [line for line in capture.lines("ip6[6] == 44 and ip6[42:2] & 0xfff8 == 0")
             if site.v6("guest") in line or site.v6("one") in line]
    if first:
        raise LabFailed(f"first fragments arrived that no rule lets through: {first}")


def errors(site, say=print):
    """Errors about what may pass pass, too: a closed port's, and a router's about a smaller MTU."""
    answer = site.host("far").run("/usr/bin/python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect(('{site.v6('web')}', 7001))
s.send(b'x')
try:
    s.recv(1)
except OSError as error:
    print(type(error).__name__)
""").stdout.strip()
    say(f"UDP to a closed port: {answer}")
    if answer != "ConnectionRefusedError":
        raise LabFailed(f"a closed port's error did not arrive: {answer!r}")
    web = site.host("web")
    web.run("ip", "-6", "route", "flush", "cache")
    web.ping(site.v6("near"), count=1, options=("-s", "1350", "-M", "do"))
    learned = web.run("ip", "-6", "route", "get", site.v6("near")).stdout
    say(f"web's route to near: {' '.join(learned.split())}")
    if "mtu 1300" not in learned:
        raise LabFailed(f"packet too big did not arrive: {learned}")


def baseline(site, say=print):
    """A port without groups: addresses, neighbours and routers work, and nothing else."""
    shut = site.host("shut")
    shut.run("ip", "link", "set", "eth0", "down")
    shut.run("ip", "link", "set", "eth0", "up")
    # A router solicitation answered, an address formed, and found to be nobody's.
    shut.wait_address("2001:db8:a::/64")
    route = shut.run("ip", "-6", "route", "show", "default").stdout
    for to in (site.v6("one"), "2001:db8:a::1"):
        shut.ping(to, count=2)
    neighbours = shut.run("ip", "-6", "neigh", "show", "dev", "eth0").stdout
    say(f"shut has a router: {route.strip()}; knows: {'; '.join(neighbours.split(chr(10)))}")
    known = [to for to in (site.v6("one"), "2001:db8:a::1") if re.search(rf"^{to} lladdr", neighbours, re.M)]
    if "via fe80:" not in route or len(known) != 2:
        raise LabFailed("neighbour discovery does not work without groups")
    one = site.host("one")
    if one.ping(site.v6("shut"), count=2) or not re.search(rf"^{site.v6('shut')} lladdr", one.run(
            "ip", "-6", "neigh", "show", "dev", "eth0").stdout, re.M):
        raise LabFailed("a port without groups was reached, or is no neighbour")


def untracked(site, say=print):
    """Ports with everything open between them have no connections followed."""
    one, two = site.host("one"), site.host("two")
    if not (one.tcp(site.v6("two")) and two.udp(site.v6("one")) and one.ping(site.v6("two"), count=2)):
        raise LabFailed("members of the default group don't reach each other")
    for name, chassis in site.lab.chassis.items():
        found = [line for line in chassis.ovs.appctl("dpctl/dump-conntrack").splitlines()
                 if site.v6("one") in line and site.v6("two") in line]
        if found:
            raise LabFailed(f"{name} follows connections between members of the default group: {found}")
    say("no connection between one and two is followed anywhere")


STREAM = """
import socket, sys, time
s = socket.create_connection(('{to}', 7005), 5)
s.settimeout(4)
last = time.monotonic()
try:
    while True:
        s.sendall(b'x')
        if not s.recv(1):
            break
        last = time.monotonic()
        time.sleep(0.01)
except OSError:
    pass
print(last)
"""

ECHO = """
import socket, threading
l = socket.create_server(('::', 7005), family=socket.AF_INET6)
print('ready', flush=True)
c, _ = l.accept()
while True:
    d = c.recv(1)
    if not d:
        break
    c.sendall(d)
"""

RULE = "      - {direction: ingress, ethertype: IPv6, protocol: tcp, port_range: [7000, 7010]}\n"


def removal(site, say=print):
    """A rule that is taken away ends the connections that only it let through."""
    site.host("web").agent  # it answers TCP from now on
    server = site.host("web").popen(["/usr/bin/python3", "-c", ECHO], stdout=-1, text=True)
    try:
        server.stdout.readline()
        client = site.host("far").popen(["/usr/bin/python3", "-c", STREAM.format(to=site.v6("web"))], stdout=-1, text=True)
        time.sleep(1.5)
        if client.poll() is not None:
            raise LabFailed("the connection did not live while the rule was there")
        asked = time.monotonic()
        site.apply((RULE, ""))
        installed = time.monotonic()
        last = float(client.communicate(timeout=15)[0])
    finally:
        server.kill()
        server.wait()
    say(f"the rule was gone {1000 * (installed - asked):.0f} ms after it was asked for; the last answer came "
        f"{1000 * (last - installed):+.0f} ms after that")
    if last > installed + 1:
        raise LabFailed(f"the connection went on for {last - installed:.1f} s")
    after = {family: site.host("far").tcp(address) for family, address in ((6, site.v6("web")), (4, site.v4("web")))}
    if after != {6: None, 4: "acme-web"}:
        raise LabFailed(f"after the removal of the rule for IPv6, new connections: {after}")
    site.apply()
    if not site.host("far").tcp(site.v6("web")):
        raise LabFailed("the rule is back, and no connection comes about")
