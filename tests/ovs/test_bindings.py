"""Who has which address, and who had it: history over a restart, a watch of it, and addresses that hosts register (RFC 9686)."""

import json
import subprocess
import time

import wiring
from attack import crafted, lab
from attack import wiring as ground
from common import dvr, some_hosts
from sextantlab import wait_until

ADDRESS = "2001:db8:a::cafe:1"


def bindings(controller, *args):
    """What is told of the address: port, proof, since and until."""
    found = controller.get("bindings", "--address", ADDRESS, *args)
    return [(b["port"], b["proof"], int(b["since_ms"]), int(b["until_ms"])) for b in found]


def now_ms():
    """The clock that the controller has, too."""
    return int(time.time() * 1000)


def take(host):
    """The host takes the address, and the controller learns that."""
    host.run("ip", "addr", "add", f"{ADDRESS}/64", "dev", "eth0")
    wait_until(f"{host.name} has it", lambda: ADDRESS in host.addresses())


def test_who_had_an_address_when(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2", "acme-vm6")) as lab_:
        controller = lab_.controller
        first, second = lab_.host("acme", "vm1"), lab_.host("acme", "vm2")
        watch = controller.popen("get", "bindings", "--watch", "-o", "json", "--address", ADDRESS, stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, text=True)
        try:
            before = now_ms()
            take(first)
            [(port, proof, since, until)] = bindings(controller)
            assert (port, proof, until) == ("vm1", "dad", 0) and before <= since <= now_ms()
            while_first = now_ms()
            controller.call("delete", "port", "acme/vm1")
            assert bindings(controller) == []
            between = now_ms()
            take(second)
            while_second = now_ms()
            assert [b[0] for b in bindings(controller)] == ["vm2"]
            told = [json.loads(watch.stdout.readline()) for _ in range(3)]
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()
        assert [(b["port"], int(b["until_ms"]) > 0) for b in told] == [("vm1", False), ("vm1", True), ("vm2", False)], told

        def remembered():
            at = [[b[0] for b in bindings(controller, "--at", str(moment))] for moment in (before - 1000, while_first, between, while_second)]
            assert at == [[], ["vm1"], [], ["vm2"]], at
            past, present = bindings(controller, "--history")
            assert (past[0], present[0], present[3]) == ("vm1", "vm2", 0) and past[2] == since and while_first <= past[3] <= between
            # The port is there no more, and may be asked for all the same.
            assert controller.get("bindings", "--history", "--port", "acme/vm1")

        remembered()
        controller.kill()
        controller.start()
        remembered()
        print(controller.call("get", "bindings", "--history", "--address", ADDRESS))


# Asks for addresses to be registered, each message as its name says; what comes back is printed: the message's bytes, or nothing.
REGISTER = crafted.HEAD + """
import socket, struct
CLIENT = struct.pack('!HH', 1, 10) + bytes([0, 3, 0, 1]) + bytes.fromhex(mac.replace(':', ''))
def one(address, valid=600):
    return struct.pack('!HH', 5, 24) + socket.inet_pton(socket.AF_INET6, address) + struct.pack('!II', 300, valid)
requests = dict(
    registers=(own, [36], CLIENT + one(own)),
    anothers=(own, [36], CLIENT + one(victim)),
    by_another_address=(local, [36], CLIENT + one(own)),
    link_local=(local, [36], CLIENT + one(local)),
    several=(own, [36], CLIENT + one(own) + one(own)),
    none=(own, [36], CLIENT),
    nobody=(own, [36], one(own)),
    to_a_server=(own, [36], CLIENT + struct.pack('!HH', 2, 4) + bytes(4) + one(own)),
    asks=(own, [36], CLIENT + struct.pack('!HHH', 6, 2, 23) + one(own)),
    cut=(own, [36], CLIENT + one(own)[:-3]),
    gives_back=(own, [36], CLIENT + one(own, 0)),
    inform=(local, [11], CLIENT + struct.pack('!HHH', 6, 2, 148)),
    inform_otherwise=(local, [11], CLIENT + struct.pack('!HHH', 6, 2, 23)),
)
for name in {names}:
    source, kind, options = requests[name]
    message = bytes(kind) + bytes([1, 2, 3]) + options
    frame = (Ether(src=mac, dst='33:33:00:01:00:02')/IPv6(src=source, dst='ff02::1:2', hlim=1)/UDP(sport=546, dport=547)/Raw(message))
    s = AsyncSniffer(iface='eth0', lfilter=lambda p: UDP in p and p[UDP].sport == 547 and p[Ether].dst == mac)
    s.start()
    time.sleep(0.2)
    sendp(frame, iface='eth0')
    time.sleep(0.6)
    s.stop()
    print(name, *[p[IPv6].dst + ' ' + bytes(p[UDP].payload).hex() for p in s.results])
"""


def asked(here, *names):
    """The answers to messages, by their names: where each went, and its bytes."""
    said = here.hosts["attacker"].scapy(REGISTER.replace("{names}", repr(names)))
    return {line.split()[0]: tuple(line.split()[1:]) for line in said.splitlines()}


def test_hosts_register_what_they_form(isolation):
    with lab.ground(isolation) as here:
        controller, own = here.lab.controller, ground.ADDRESSES["attacker"]

        def held():
            [found] = controller.get("bindings", "--address", own)
            return found["port"], found["proof"], int(found["expires_ms"])

        assert held() == ("attacker", "static", 0)
        answers = asked(here, "inform", "inform_otherwise", "registers")
        assert "00940000" in answers["inform"][1] and "0094" not in answers["inform_otherwise"][1]
        to, message = answers["registers"]
        option = bytes.fromhex(message)[4:]
        assert to == own and bytes.fromhex(message)[:4] == bytes([37, 1, 2, 3]), answers
        # What was sent comes back as it was, and nothing else.
        assert len(option) == 28 and option[:4] == bytes([0, 5, 0, 24]) and option[20:] == bytes([0, 0, 1, 44, 0, 0, 2, 88])
        port, proof, expires = held()
        assert (port, proof) == ("attacker", "registered") and now_ms() + 590_000 < expires < now_ms() + 601_000
        [lease] = controller.get("leases", "--port", "acme/attacker")
        assert lease["association"] == f"reg-{own}" and lease["leased"] == [own]
        bad = ("anothers", "by_another_address", "link_local", "several", "none", "nobody", "to_a_server", "asks", "cut")
        assert asked(here, *bad) == {name: () for name in bad}
        assert held() == (port, proof, expires)
        assert "dhcp6.drop" in controller.call("events"), "what no good client sends is told of"
        controller.kill()
        controller.start()
        assert held() == (port, proof, expires), "it is in the store"
        wait_until("connected", lambda: all(c["status"]["phase"] == "Active" for c in controller.get("chassis")))
        assert asked(here, "gives_back")["gives_back"][1].startswith("25010203")
        assert held() == ("attacker", "static", 0) and controller.get("leases", "--port", "acme/attacker") == []
