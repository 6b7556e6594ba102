"""The controller under test, and its command line."""

import json
import os
import signal
import subprocess
import time


class Refused(Exception):
    """The command line ended with a status other than 0; `status`, and `reasons` as it printed them."""

    def __init__(self, command, status, reasons):
        super().__init__(f"sextant {' '.join(command)}: exit status {status}: {reasons.strip()}")
        self.status = status
        self.reasons = reasons


class Controller:
    """`sextant controller`, in the network namespace that the lab was started from: it reaches the bridges
    by their management sockets, and whoever started the lab reaches it on the loopback."""

    def __init__(self, isolation, binary, connect):
        self._isolation = isolation
        self.binary = binary
        self.connect = connect  # gives the management sockets to dial when it starts
        self.flags = []  # what it is told beside that
        self._process = None
        self.data_dir = os.path.join(isolation.rundir, "controller")
        self.log = os.path.join(isolation.rundir, "controller.log")
        self.grpc, self.http, self.openflow = (f"[::1]:{port}" for port in self.free_ports(3))

    def start(self, wait=True):
        """Starts it and waits until it answers."""
        os.makedirs(self.data_dir, exist_ok=True)
        command = [self.binary, "controller", "--data-dir", self.data_dir, "--grpc-listen", self.grpc,
                   "--http-listen", self.http, "--openflow-listen", self.openflow]
        for path in self.connect():
            command += ["--openflow-connect", path]
        command += self.flags
        with open(self.log, "a") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             preexec_fn=self._isolation.enter_home_net)
        if wait:
            self._await()

    def stop(self):
        """Asks it to end, and waits."""
        self._end(signal.SIGTERM)

    def kill(self):
        """kill -9."""
        self._end(signal.SIGKILL)

    @property
    def running(self):
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def memory_kib(self):
        """What its process has of memory, in KiB."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def popen(self, *args, **more):
        """The command line, running beside."""
        return subprocess.Popen([self.binary, *args], env=dict(os.environ, SEXTANT_SERVER=self.grpc),
                                preexec_fn=self._isolation.enter_home_net, **more)

    def run(self, *args, timeout=60):
        """The command line against this controller; the completed process."""
        return subprocess.run([self.binary, *args], capture_output=True, text=True, timeout=timeout,
                              env=dict(os.environ, SEXTANT_SERVER=self.grpc),
                              preexec_fn=self._isolation.enter_home_net)

    def call(self, *args, timeout=60):
        """As `run`, but only its output; raises `Refused` where it fails."""
        done = self.run(*args, timeout=timeout)
        if done.returncode != 0:
            raise Refused(args, done.returncode, done.stderr + done.stdout)
        return done.stdout

    def apply(self, file, *args, wait="30s"):
        """Applies a file and, unless `wait` is None, waits until it is installed."""
        return self.call("apply", "-f", file, *(["--wait", wait] if wait else []), *args)

    def apply_text(self, text, *args, wait="30s"):
        """Applies a document given as text."""
        file = os.path.join(self._isolation.rundir, "intent.yaml")
        with open(file, "w") as out:
            out.write(text)
        return self.apply(file, *args, wait=wait)

    def get(self, kind, *args):
        """Resources as `sextant get KIND -o json` prints them."""
        return json.loads(self.call("get", kind, *args, "-o", "json") or "[]")

    def metrics(self):
        """What /metrics says: a value per line's left side."""
        values = {}
        for line in self.fetch("/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def metric(self, name):
        """The sum over all label sets of one metric."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))

    def fetch(self, path):
        """A page from its HTTP listener, fetched from its own namespace."""
        program = "import sys,urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
        return subprocess.run(["/usr/bin/python3", "-c", program, f"http://{self.http}{path}"], check=True, text=True,
                              capture_output=True, preexec_fn=self._isolation.enter_home_net).stdout

    def home_python(self, program, *args):
        """Runs a piece of Python in the controller's network namespace; what it printed."""
        return subprocess.run(["/usr/bin/python3", "-c", program, *args], check=True, text=True, timeout=60,
                              capture_output=True, preexec_fn=self._isolation.enter_home_net).stdout

    def tail(self, lines=20):
        """The end of its log."""
        if not os.path.exists(self.log):
            return ""
        with open(self.log) as log:
            return "".join(log.readlines()[-lines:])

    def _await(self):
        deadline = time.monotonic() + 20
        while self.run("get", "chassis", "-o", "json").returncode != 0:
            if not self.running:
                raise RuntimeError(f"the controller ended:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the controller does not answer on {self.grpc}:\n{self.tail()}")
            time.sleep(0.05)

    def _end(self, number):
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def free_ports(self, count):
        """TCP ports that nobody has on the loopback of its network namespace."""
        program = ("import socket,sys\n"
                   "ss=[socket.create_server(('::1',0),family=socket.AF_INET6) for _ in range(int(sys.argv[1]))]\n"
                   "print(*[s.getsockname()[1] for s in ss])")
        return [int(port) for port in self.home_python(program, str(count)).split()]
