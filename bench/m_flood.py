"""How many solicitations per second the switch answers: one port sends them at a rate, and what comes back to it is counted."""
import contextlib
import ctypes
import json
import os
import socket
import time

import packets as pk
from core import FORK, emit, lab_of, make_port, note, reps, small_lab_ports, vm_on
from m_nd import ask_ns
from nslab import Usage, in_ns, prefer, sh

RATES = [int(rate) for rate in os.environ.get("FLOOD_RATES", "50000,60000,80000").split(",")]
SECONDS = 3
AT_ONCE = 64
_libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr: what sendmmsg takes many of."""
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint32), ("iovec", ctypes.POINTER(Iovec)),
                ("iovecs", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


class Sender:
    """Sends frames over and over, many with one call. Its socket hears nothing, so that answers cost the guest nothing."""

    def __init__(self, vm, frames):
        with in_ns(vm.ns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind(("eth0", 0))
        self.iovecs = [Iovec(frames[i % len(frames)], len(frames[i % len(frames)])) for i in range(AT_ONCE)]
        self.messages = (Message * AT_ONCE)(*(Message(iovec=ctypes.pointer(v), iovecs=1) for v in self.iovecs))

    def send(self, rate, seconds):
        """Frames sent; as many as the rate asks for, if the machine gets round to it."""
        sent, begin = 0, time.monotonic()
        while time.monotonic() < begin + seconds:
            due = min(int((time.monotonic() - begin) * rate) - sent, AT_ONCE)
            if due > 0:
                sent += max(0, _libc.sendmmsg(self.socket.fileno(), self.messages, due, 0))
            else:
                time.sleep(.0002)
        return sent

    def apart(self, rate, seconds):
        """The same in a process of its own."""
        receiver, sender = FORK.Pipe(False)
        process = FORK.Process(target=lambda: sender.send(self.send(rate, seconds)))
        process.start()
        with contextlib.suppress(OSError):
            prefer(process.pid)
        sent = receiver.recv()
        process.join()
        return sent


def received(vm):
    """Packets that have come to a guest."""
    return json.loads(sh(["ip", "-n", vm.ns, "-s", "-j", "link", "show", "eth0"]))[0]["stats64"]["rx"]["packets"]


def m_flood():
    with lab_of(2, 4, 1) as lab:
        here = lab.chassis[0]
        asks = vm_on(lab, "asks", here, 0, 0x21, kernel=False)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([asks.port], wait=True)
        # Those of the ports that are on the first network, here and on the other chassis.
        targets = [make_port("x", lab.nets[0], 0x10000 + i, None).ip for i in range(100, 200, 4)]
        time.sleep(1)
        unanswered = [t for t in targets if ask_ns(asks, t) is None]
        if unanswered:
            raise RuntimeError("nobody answers for %s" % unanswered)
        asks.sock.close()
        sender = Sender(asks, [pk.ns(asks.mac, asks.addr, t) for t in targets])
        for rate in RATES:
            answered, ratio, used = [], [], []
            for _ in range(reps(3)):
                before, cpu = received(asks), Usage.cpu(here.pid())
                sent = sender.apart(rate, SECONDS)
                time.sleep(1)
                got = received(asks) - before
                answered.append(got / SECONDS)
                ratio.append(got / sent)
                used.append((Usage.cpu(here.pid()) - cpu) / SECONDS)
            note("flood: %d offered, %s answered per second" % (rate, [round(a) for a in answered]))
            emit("flood", "answered_per_s", answered, "1/s", offered=rate, answered_ratio=[round(r, 3) for r in ratio],
                 vswitchd_cpu_share=[round(u, 2) for u in used], from_port="one")
