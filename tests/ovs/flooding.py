"""A flood from the attacker of labs/attack: frames by scapy's words, so many a second, in a process of its own."""

import contextlib
import subprocess

from attack import crafted

FLOOD = """
import socket, time
from scapy.all import *
{head}
frames = [bytes(frame) for frame in {frames}]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
begin, sent = time.perf_counter(), 0
while time.perf_counter() < begin + {seconds}:
    for _ in range(int((time.perf_counter() - begin) * {rate}) - sent):
        s.send(frames[sent % len(frames)])
        sent += 1
    time.sleep(0.0005)
"""


def program(frames, rate=20000, seconds=30):
    """The program; `frames`: a Python expression of them, sent one after the other and over again."""
    return FLOOD.format(head=crafted.HEAD, frames=frames, rate=rate, seconds=seconds)


@contextlib.contextmanager
def flooding(here, frames, rate=20000, seconds=30):
    """The flood runs inside; it is ended with it."""
    flood = here.hosts["attacker"].popen(["/usr/bin/python3", "-c", program(frames, rate, seconds)],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield flood
    finally:
        flood.terminate()
        flood.wait()
