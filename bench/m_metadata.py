"""Requests for metadata that one controller answers: VMs ask one after the other, each with a connection of its own."""
import os
import socket
import time

from core import FORK, emit, lab_of, note, pct, reps, small_lab_ports, vm_on
from nslab import Usage, in_ns

VMS = int(os.environ.get("METADATA_VMS", "16"))
SECONDS = 5
SERVICE = ("fd00:ec2::254", 80)
REQUEST = b"GET /openstack/latest/meta_data.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ask():
    """A request with a connection of its own: seconds until its answer was whole."""
    begin, answer = time.monotonic(), b""
    with socket.create_connection(SERVICE, timeout=5) as s:
        s.sendall(REQUEST)
        while part := s.recv(4096):
            answer += part
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError("metadata: %r" % answer[:100])
    return time.monotonic() - begin


def _asks(vm, begin, rate, tx):
    """Asks at a rate for some seconds, or as fast as answers come: how long each took."""
    with in_ns(vm.ns):
        ask()
        begin.wait()
        took, first = [], time.monotonic()
        while (now := time.monotonic()) < first + SECONDS:
            if rate and len(took) > (now - first) * rate:
                time.sleep(len(took) / rate - (now - first))
                continue
            took.append(ask())
    tx.send(took)


def m_metadata():
    with lab_of(1, 4, 1) as lab:
        vms = [vm_on(lab, "m%d" % i, lab.chassis[0], i % 4, 0x21 + i) for i in range(VMS)]
        small_lab_ports(lab, 100)
        lab.drv.add_ports([vm.port for vm in vms], wait=True)
        pid = lab.drv.procs()["sextant"]
        # A port's meter lets about 50 connections through in a second.
        for rate in (40, 0):
            per_s, took, cpu = [], [], []
            for _ in range(reps(3)):
                begin = FORK.Barrier(VMS + 1)
                pipes = [FORK.Pipe(False) for _ in vms]
                asking = [FORK.Process(target=_asks, args=(vm, begin, rate, tx)) for vm, (_, tx) in zip(vms, pipes)]
                for process in asking:
                    process.start()
                begin.wait()
                used, at = Usage.cpu(pid), time.monotonic()
                found = [rx.recv() for rx, _ in pipes]
                lasted, used = time.monotonic() - at, Usage.cpu(pid) - used
                for process in asking:
                    process.join()
                count = sum(map(len, found))
                per_s.append(count / lasted)
                cpu.append(1e3 * used / count)
                took += [1e3 * t for times in found for t in times]
            how = {"offered": rate * VMS} if rate else {"offered": "as many as are answered"}
            note("metadata: %s: %s answered per second, p99 %.1f ms" % (how["offered"], [round(n) for n in per_s], pct(took, .99)))
            emit("metadata", "answered_per_s", per_s, "1/s", vms=VMS, **how)
            emit("metadata", "request_ms", took, "ms", vms=VMS, **how)
            emit("metadata", "controller_cpu_ms_per_request", cpu, "ms", vms=VMS, **how)
