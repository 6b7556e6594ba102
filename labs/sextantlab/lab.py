"""A lab: chassis, the switch between them, hosts on them, and the controller, brought up and taken down together."""

import ipaddress
import os
import resource
import signal
import sys
import time

from mininet.cli import CLI
from mininet.log import setLogLevel
from mininet.net import Mininet

from .chassis import Chassis
from .controller import Controller
from .fabric import Fabric, PhysicalSwitch
from .host import Host

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class LabFailed(Exception):
    """What a lab found is not what was expected."""


class Lab:
    """Used by `with`; everything it made is gone afterwards."""

    def __init__(self, isolation, chassis, hosts, encap="geneve", interface="sx-tun"):
        self._prepare(isolation)
        self.fabric = Fabric(encap, interface)
        self.net = Mininet(controller=None, build=False)
        physical = self.net.addSwitch("phys", cls=PhysicalSwitch, fabric=self.fabric, rundir=isolation.rundir)
        self.chassis = {}
        for spec in chassis:
            node = self.net.addSwitch(spec.name, cls=Chassis, spec=spec, fabric=self.fabric, rundir=isolation.rundir)
            self.net.addLink(node, physical, intfName1=self.fabric.physical, intfName2=spec.name)
            self.chassis[spec.name] = node
        self.hosts = {}
        for spec in hosts:
            host = self.net.addHost(spec.name, cls=Host, spec=spec, ip=None, mac=None)
            host.plug_into(self.net, self.hosts[spec.behind] if spec.behind else self.chassis[spec.chassis])
            self.hosts[spec.name] = host
        self.controller = Controller(isolation, binary(), lambda: [c.management for c in self.chassis.values()])

    def _prepare(self, isolation):
        setLogLevel("error")
        # Mininet's own set-up raises limits of the whole machine, which a lab must leave as they are.
        Mininet.inited = True
        # Its `mnexec` closes every descriptor that there could be, one by one: bounded, for this process and its children.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, hard), hard))
        os.environ["SEXTANT_LAB_RUNDIR"] = isolation.rundir
        self.isolation = isolation

    @staticmethod
    def binary():
        """The program under test."""
        return binary()

    def __enter__(self):
        try:
            self.net.start()
            for host in self.hosts.values():
                host.configure()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the controller, the switches and the hosts."""
        self.controller.stop()
        self.net.stop()

    def host(self, tenant, port):
        """The host of a tenant's port."""
        return self.hosts[f"{tenant}-{port}"]

    def cli(self):
        """Mininet's command line, with `sextant ...` added."""
        controller = self.controller

        class Shell(CLI):
            """Mininet's commands and `sextant`."""

            identchars = CLI.identchars + "-"  # the hosts' names have hyphens

            def do_sextant(self, line):
                "The command line of Sextant: sextant get ports"
                done = controller.run(*line.split())
                print(done.stdout + done.stderr, end="")

        # At the prompt an interrupt ends the command under way, not the lab.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            Shell(self.net)
        finally:
            signal.signal(signal.SIGINT, before)

    def stay(self):
        """Stays up until told to end: by leaving the command line, or by a signal where there is no terminal."""
        print(f"The lab stays up. From another terminal:\n"
              f"    export SEXTANT_SERVER={self.controller.grpc}\n"
              f"    {self.controller.binary} get ports\n"
              f"    {self.controller.binary} flows --chassis {next(iter(self.chassis))}", flush=True)
        if sys.stdin.isatty():
            print("Here, `sextant get ports`, `HOST COMMAND` and the rest of Mininet's command line; `exit` ends the lab.")
            self.cli()
        else:
            print("SIGTERM or SIGINT ends it.", flush=True)
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                pass


def binary():
    """The program under test: SEXTANT, or the release build."""
    return os.environ.get("SEXTANT") or os.path.join(
        os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), "release", "sextant")


def eui64(prefix, mac):
    """The address that the kernel makes of a /64 and a MAC (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    low = bytes(octets[:3] + [0xFF, 0xFE] + octets[3:])
    return str(ipaddress.ip_network(prefix)[int.from_bytes(low, "big")])


def wait_until(what, probe, timeout=30, pause=0.1):
    """Asks until the answer is true and returns it; otherwise fails with the words."""
    deadline = time.monotonic() + timeout
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise LabFailed(f"{what}: not within {timeout} s")
        time.sleep(pause)
