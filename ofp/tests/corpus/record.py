#!/usr/bin/env python3
"""Records what ovs-ofctl and a switch really say to each other on OpenFlow 1.3.

Usage: ofp/tests/corpus/record.py        (no root needed; openvswitch-switch must be installed)

Starts an Open vSwitch of its own with a dummy datapath, runs every command of commands.txt through a relay on a unix
socket, and writes each distinct message once, with what `ovs-ofctl ofp-print` says of it:

    # the command
    > 040e...          to the switch (< from it), as bytes
    = OFPT_FLOW_MOD: ADD ...

Messages longer than LONGEST are left out: what is long is lists of the same.
"""

import os
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST = 2400
HEADER = 8


def run(directory, *args, check=True):
    names = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")
    environment = dict(os.environ, **{name: directory for name in names})
    done = subprocess.run(args, env=environment, capture_output=True, text=True, timeout=30)
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(args)}: {done.stderr}")
    return done


class Switch:
    """Database and switch in a directory, with bridge br0 and ports 1 to 4."""

    def __init__(self, directory):
        self.directory = directory
        at = lambda name: os.path.join(directory, name)
        common = ["--no-chdir", "--detach", "-vconsole:off"]
        run(directory, "ovsdb-tool", "create", at("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
        run(directory, "ovsdb-server", at("conf.db"), f"--remote=punix:{at('db.sock')}", f"--pidfile={at('db.pid')}",
            f"--unixctl={at('db.ctl')}", f"--log-file={at('db.log')}", *common)
        self.vsctl("--no-wait", "init")
        run(directory, "ovs-vswitchd", f"unix:{at('db.sock')}", f"--pidfile={at('vsw.pid')}",
            f"--unixctl={at('vsw.ctl')}", f"--log-file={at('vsw.log')}", "--enable-dummy", "--disable-system", *common)
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure",
                   "protocols=OpenFlow13", "other_config:datapath-id=00000000000000ab",
                   'other_config:hwaddr="02:00:00:00:00:ab"')
        for port in range(1, 5):
            self.vsctl("add-port", "br0", f"p{port}", "--", "set", "interface", f"p{port}", "type=dummy",
                       f"ofport_request={port}")

    def vsctl(self, *args):
        run(self.directory, "ovs-vsctl", f"--db=unix:{os.path.join(self.directory, 'db.sock')}", "--timeout=20", *args)

    def stop(self):
        for name in ("vsw.pid", "db.pid"):
            with open(os.path.join(self.directory, name), encoding="ascii") as file:
                pid = int(file.read())
            os.kill(pid, signal.SIGTERM)
            for _ in range(500):
                if not os.path.exists(f"/proc/{pid}"):
                    break
                time.sleep(0.01)


class Relay:
    """Listens where ovs-ofctl connects to, passes everything on, and keeps the messages of both sides."""

    def __init__(self, directory):
        self.to = os.path.join(directory, "br0.mgmt")
        self.path = os.path.join(directory, "relay.sock")
        self.heard = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.to)
            for source, sink, mark in ((near, far, ">"), (far, near, "<")):
                threading.Thread(target=self.pump, args=(source, sink, mark), daemon=True).start()

    def pump(self, source, sink, mark):
        rest = b""
        try:
            while chunk := source.recv(65536):
                rest += chunk
                while len(rest) >= HEADER:
                    (length,) = struct.unpack_from("!H", rest, 2)
                    if len(rest) < length:
                        break
                    self.heard.append((mark, rest[:length]))
                    rest = rest[length:]
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def take(self):
        heard, self.heard = self.heard, []
        return heard


def printed(message):
    done = subprocess.run(["ovs-ofctl", "ofp-print", message.hex()], capture_output=True, text=True, timeout=30)
    header, _, rest = done.stdout.partition("):")
    text = f"{header.split(' ')[0]}: {' '.join(rest.split())}".strip()
    # Those that are not understood are shown as a dump; two say no more than their header.
    return None if done.stderr else text


def main():
    files = {}
    seen = set()
    with tempfile.TemporaryDirectory() as directory:
        switch = Switch(directory)
        relay = Relay(directory)
        with open(os.path.join(HERE, "commands.txt"), encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        name = None
        for line in lines:
            if line.startswith("[") and line.endswith("]"):
                name = line[1:-1]
                files[name] = []
            elif line and not line.startswith("#"):
                command = [f"unix:{relay.path}" if word == "BR" else word for word in shlex.split(line)]
                try:
                    done = run(directory, "ovs-ofctl", "-O", "OpenFlow13", *command, check=False)
                    if done.stderr and name != "refusals":
                        print(f"{line}\n  {done.stderr.strip()}", file=sys.stderr)
                except subprocess.TimeoutExpired:
                    sys.exit(f"{line}: no end")
                time.sleep(0.02)
                for mark, message in relay.take():
                    key = message[:4] + message[HEADER:]
                    if key not in seen and len(message) <= LONGEST:
                        seen.add(key)
                        files[name].append((line, mark, message, printed(message)))
        switch.stop()
    for name, entries in files.items():
        with open(os.path.join(HERE, f"{name}.txt"), "w", encoding="utf-8") as file:
            file.write("Recorded by record.py from commands.txt; see there.\n")
            last = None
            for line, mark, message, text in entries:
                if line != last:
                    file.write(f"\n# {line}\n")
                    last = line
                file.write(f"{mark} {message.hex()}\n")
                if text is not None:
                    file.write(f"= {text}\n")
    print({name: len(entries) for name, entries in files.items()})


if __name__ == "__main__":
    main()
