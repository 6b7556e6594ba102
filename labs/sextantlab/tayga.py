"""tayga in a host's namespace, as a translator's status says; an agent beside it answers whether it translates."""

import ipaddress
import os
import subprocess

from .lab import wait_until

# Answers GET / on an address: 200 if the process lives and a ping to tayga's IPv4 address over IPv6 is answered, else 503.
AGENT = """\
import http.server, os, socket, socketserver, subprocess, sys
address, through, pid = sys.argv[1:]
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = os.path.exists(f"/proc/{pid}") and subprocess.run(["ping", "-6", "-c", "1", "-W", "1", "-q", through],
                                                                 capture_output=True).returncode == 0
        self.send_response(200 if good else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True
Server((address, 8064), Health).serve_forever()
"""


class Tayga:
    """A translator on a host, from its status and spec as the controller shows them; used by `with`."""

    def __init__(self, host, shown):
        self.host = host
        self.spec, self.status = shown["spec"], shown["status"]
        self.home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "tayga", host.name)
        os.makedirs(os.path.join(self.home, "data"), exist_ok=True)
        self._tayga = self._agent = None

    def __enter__(self):
        self._configure()
        said = self.host.cmd(
            f"tayga --mktun -c {self._path('conf')} >/dev/null; ip link set nat64 up; sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0"
            " net.ipv4.conf.eth0.send_redirects=0;"
            f"ip addr add {self.spec['ip_address']}/128 dev lo;"
            + self._routes())
        if said.strip():
            raise RuntimeError(f"{self.host.name}: {said}")
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self.host.cmd("ip link del nat64")

    def start(self):
        """Starts tayga and its agent."""
        self._tayga = self._popen(["tayga", "-d", "-c", self._path("conf")])
        own = next(line.split()[1] for line in self.status["tayga"].splitlines() if line.startswith("ipv4-addr"))
        prefix = ipaddress.ip_network(self.spec["prefix"])
        through = str(prefix[int(ipaddress.ip_address(own))])
        self._agent = self._popen(["/usr/bin/python3", "-c", AGENT, self.spec["ip_address"], through, str(self._tayga.pid)])
        wait_until("tayga translates", lambda: self.host.ping(through, count=1) == 1)

    def update(self, shown):
        """Goes on with what the controller shows now."""
        self.kill()
        self.spec, self.status = shown["spec"], shown["status"]
        self._configure()
        self.host.cmd(self._routes())
        self.start()

    def crash(self):
        """kill -9 of tayga; its agent lives."""
        self._tayga.kill()
        self._tayga.wait()

    def kill(self):
        """Ends both."""
        for process in (self._agent, self._tayga):
            process.kill()
            process.wait()

    def said(self):
        """What both say."""
        with open(self._path("log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _configure(self):
        with open(self._path("conf"), "w", encoding="ascii") as file:
            file.write(self.status["tayga"] + f"data-dir {self._path('data')}\n")

    def _routes(self):
        return "".join(f"ip route replace {route} dev nat64;" for route in self.status["routes"])

    def _popen(self, command):
        with open(self._path("log"), "a", encoding="utf-8") as log:
            return self.host.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _path(self, name):
        return os.path.join(self.home, name)
