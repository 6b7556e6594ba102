"""Watches an interface with tcpdump and says what passed."""

import os
import select
import signal
import subprocess
import tempfile


class Capture:
    """A tcpdump on a node's interface; started and stopped by `with`."""

    def __init__(self, node, interface, expression=""):
        self._node = node
        self._interface = interface
        self._expression = expression
        descriptor, self.file = tempfile.mkstemp(suffix=".pcap", dir=os.environ.get("SEXTANT_LAB_RUNDIR"))
        os.close(descriptor)

    def __enter__(self):
        self._process = self._node.popen(
            ["tcpdump", "-i", self._interface, "-n", "-U", "--immediate-mode", "-s", "0", "-Z", "root", "-w", self.file,
             *([self._expression] if self._expression else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = b""
        while b"listening on" not in said:
            ready, _, _ = select.select([self._process.stderr], [], [], 10)
            piece = os.read(self._process.stderr.fileno(), 4096) if ready else b""
            if not piece:
                raise RuntimeError(f"tcpdump on {self._node.name} {self._interface}: {said.decode().strip()}")
            said += piece
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=10)

    def lines(self, expression="", *options):
        """What was seen, one packet a line, as tcpdump prints it."""
        command = ["tcpdump", "-n", "-r", self.file, *options, *([expression] if expression else [])]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def count(self, expression=""):
        """How many packets were seen."""
        return len(self.lines(expression, "-q"))

    def fields(self, *names, display=""):
        """The values of tshark's fields, one list a packet."""
        command = ["tshark", "-n", "-r", self.file, "-T", "fields", "-E", "separator=|"]
        command += [word for name in names for word in ("-e", name)]
        command += ["-Y", display] if display else []
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("|") for line in done.stdout.splitlines()]
