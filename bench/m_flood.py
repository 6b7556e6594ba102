"""How many solicitations per second the switch answers, and what a flood from one port means for another.

Answers are metered by port, so that what the switch can do is asked of it by many ports at once. What a flood of each kind means is
told by how long another port's neighbour discovery, DHCPv6 and port-up take meanwhile, and how long they take at rest in the same run."""
import contextlib
import ctypes
import itertools
import json
import os
import random
import socket
import struct
import time

import packets as pk
from core import FORK, emit, lab_of, make_port, note, reps, small_lab_ports, vm_on
from m_nd import ask_dhcp, ask_ns
from nslab import Usage, in_ns, prefer, sh

RATES = [int(rate) for rate in os.environ.get("FLOOD_RATES", "50000,60000,80000").split(",")]
SECONDS = 3
AT_ONCE = 64
SENDERS = 64                    # ports that send at once: each stays below its meter
FLOOD_RATE = 20000              # packets per second of one port
SAMPLES, PORT_UPS = 1000, 50
_libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr: what sendmmsg takes many of."""
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint32), ("iovec", ctypes.POINTER(Iovec)),
                ("iovecs", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


class Sender:
    """Sends frames over and over, many with one call, from one guest after the other. Its sockets hear nothing, so that answers cost
    the guests nothing."""

    def __init__(self, vms, frames):
        self.turns = []
        for vm, own in zip(vms, frames):
            with in_ns(vm.ns):
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                sock.bind(("eth0", 0))
            iovecs = [Iovec(own[i % len(own)], len(own[i % len(own)])) for i in range(max(AT_ONCE, len(own)))]
            messages = (Message * len(iovecs))(*(Message(iovec=ctypes.pointer(v), iovecs=1) for v in iovecs))
            self.turns.append((sock, messages, itertools.count(), iovecs))

    def send(self, rate, seconds):
        """Frames sent; as many as the rate asks for, if the machine gets round to it."""
        sent, begin, turns = 0, time.monotonic(), itertools.cycle(self.turns)
        while time.monotonic() < begin + seconds:
            due = min(int((time.monotonic() - begin) * rate) - sent, AT_ONCE)
            if due > 0:
                sock, messages, turn, _ = next(turns)
                first = ctypes.byref(messages, next(turn) * AT_ONCE % len(messages) // AT_ONCE * AT_ONCE * ctypes.sizeof(Message))
                sent += max(0, _libc.sendmmsg(sock.fileno(), first, due, 0))
            else:
                time.sleep(.0002)
        return sent

    def apart(self, rate, seconds):
        """The same in a process of its own."""
        process, receiver = self.start(rate, seconds)
        sent = receiver.recv()
        process.join()
        return sent

    def start(self, rate, seconds):
        """A process that sends, and where it tells how much in the end."""
        receiver, sender = FORK.Pipe(False)
        process = FORK.Process(target=lambda: sender.send(self.send(rate, seconds)))
        process.start()
        with contextlib.suppress(OSError):
            prefer(process.pid)
        return process, receiver


def received(vm):
    """Packets that have come to a guest."""
    return json.loads(sh(["ip", "-n", vm.ns, "-s", "-j", "link", "show", "eth0"]))[0]["stats64"]["rx"]["packets"]


def m_flood():
    answers()
    others()


def answers():
    """Solicitations answered per second, by the rate at which they come."""
    with lab_of(2, 4, 1) as lab:
        here = lab.chassis[0]
        asking = [vm_on(lab, "a%d" % i, here, 0, 0x1000 + i, kernel=False) for i in range(SENDERS)]
        small_lab_ports(lab, 100)
        lab.drv.add_ports([vm.port for vm in asking], wait=True)
        # Those of the ports that are on the first network, here and on the other chassis.
        targets = [make_port("x", lab.nets[0], 0x10000 + i, None).ip for i in range(100, 200, 4)]
        time.sleep(1)
        unanswered = [t for t in targets if ask_ns(asking[0], t) is None]
        if unanswered:
            raise RuntimeError("nobody answers for %s" % unanswered)
        asking[0].sock.close()
        sender = Sender(asking, [[pk.ns(vm.mac, vm.addr, t) for t in targets] for vm in asking])
        for rate in RATES:
            answered, ratio, used = [], [], []
            for _ in range(reps(3)):
                before, cpu = sum(map(received, asking)), Usage.cpu(here.pid())
                sent = sender.apart(rate, SECONDS)
                time.sleep(1)
                got = sum(map(received, asking)) - before
                answered.append(got / SECONDS)
                ratio.append(got / sent)
                used.append((Usage.cpu(here.pid()) - cpu) / SECONDS)
                time.sleep(2)           # the meters' bursts are there again
            note("flood: %d offered, %s answered per second" % (rate, [round(a) for a in answered]))
            emit("flood", "answered_per_s", answered, "1/s", offered=rate, answered_ratio=[round(r, 3) for r in ratio],
                 vswitchd_cpu_share=[round(u, 2) for u in used], from_ports=SENDERS)


def syn(vm, dst, port):
    """The first packet of a TCP connection, by the gateway."""
    tcp = struct.pack("!HHIIBBHHH", port, 80, 1, 0, 5 << 4, 2, 1000, 0, 0)
    return pk.ip6_frame(vm.gw_mac, vm.mac, vm.addr, dst, 6, tcp, 64, 16)


def floods(vm, neighbor, far):
    """What one port floods with: frames by name, sent over and over."""
    at = random.Random(1)
    nobody = ["%s::%x:%x:%x" % (far, at.getrandbits(16), at.getrandbits(16), at.getrandbits(16) | 1) for _ in range(8 * AT_ONCE)]
    plain = pk.solicited(neighbor)
    return {
        "solicitations that flows answer": [pk.ns(vm.mac, vm.addr, neighbor)],
        "solicitations for the controller": [pk.icmp6(pk.mcast_mac(plain), vm.mac, vm.addr, plain, pk.ICMP6_NS, bytes(4) + pk.ip_b(neighbor))],
        "router solicitations": [pk.rs(vm.mac)],
        "DHCPv6 solicits": [pk.dhcp6(vm.mac, 1, xid) for xid in range(1, 8 * AT_ONCE + 1)],
        "a scan of a /64": [pk.echo(vm.gw_mac, vm.mac, vm.addr, dst, 1, 1) for dst in nobody],
        "SYNs to nobody": [syn(vm, dst, 1024 + n) for n, dst in enumerate(nobody)],
    }


def others():
    """How long another port's exchanges take at rest and during floods: the same run, one after the other."""
    with lab_of(2, 4, 1, mode="dhcpv6_stateful") as lab:
        here = lab.chassis[0]
        bad, good, near = (vm_on(lab, name, here, 0, 0x21 + i, kernel=False) for i, name in enumerate(("bad", "good", "near")))
        late = vm_on(lab, "late", here, 0, 0x30, kernel=False)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([vm.port for vm in (bad, good, near)], wait=True)
        time.sleep(1)
        ask_dhcp(good)
        samples("nothing", lab, good, near, late)
        for name, frames in floods(bad, near.addr, lab.nets[1].prefix).items():
            process, _ = Sender([bad], [frames]).start(FLOOD_RATE, 600)
            try:
                time.sleep(2)
                before, begin = sent_by(bad), time.monotonic()
                samples(name, lab, good, near, late)
                emit("flood", "sent_per_s", (sent_by(bad) - before) / (time.monotonic() - begin), "1/s", during=name)
            finally:
                process.terminate()
                process.join()
            lab.check()
        samples("nothing, again", lab, good, near, late)


def sent_by(vm):
    """Packets that a guest has sent."""
    return json.loads(sh(["ip", "-n", vm.ns, "-s", "-j", "link", "show", "eth0"]))[0]["stats64"]["tx"]["packets"]


def samples(during, lab, good, near, late):
    """The figures of one condition."""
    def exchange(ask, gap):
        took = ask()
        time.sleep(gap)
        return took and took * 1e3

    def port_up(number):
        port = make_port(late.name, lab.nets[0], 0x300 + number, "g0")
        begin = time.monotonic()
        installed = lab.drv.add_ports([port], wait=True)["installed"]
        lab.drv.del_ports([port])
        lab.drv.sync()
        return (installed - begin) * 1e3

    good.raw()
    emit("flood", "nd_ms", [exchange(lambda: ask_ns(good, near.addr), .002) for _ in range(reps(SAMPLES))], "ms", during=during)
    # Two messages each: below the 300 a second that a port may have answered.
    emit("flood", "dhcpv6_ms", [exchange(lambda: ask_dhcp(good), .008) for _ in range(reps(SAMPLES))], "ms", during=during)
    emit("flood", "port_up_ms", [port_up(n) for n in range(reps(PORT_UPS))], "ms", during=during)
