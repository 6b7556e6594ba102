"""BGP speakers on hosts: gobgpd, which the controller speaks to by a Unix socket, and bird as the router upstream."""

import os
import re
import signal
import subprocess
import time

GOBGPD = """\
[global.config]
  as = {asn}
  router-id = "{router_id}"
"""
# It takes several ways to one prefix from one speaker (RFC 7911), and uses them all.
BIRD = """\
router id {router_id};
log stderr all;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; interface "eth0"; }}
protocol kernel {{ merge paths on limit 16; ipv6 {{ export where source = RTS_BGP; import none; }}; }}
protocol kernel {{ merge paths on limit 16; ipv4 {{ export where source = RTS_BGP; import none; }}; }}
protocol bgp speaker {{
    local {own} as {asn};
    neighbor {peer} as {peer_asn};
    multihop; connect retry time 2; connect delay time 1;
    {password}
    ipv6 {{ add paths rx; import all; export none; }};
    ipv4 {{ add paths rx; import all; export none; }};
}}
"""


class _Daemon:
    """A daemon on a host; used by `with`."""

    def __init__(self, host, kind):
        self._host = host
        self._home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], kind, host.name)
        os.makedirs(self._home, exist_ok=True)
        self._process = None

    def start(self):
        """Starts it."""
        with open(self.path("log"), "a", encoding="ascii") as log:
            self._process = self._host.popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, number=signal.SIGTERM):
        """Ends it."""
        self._process.send_signal(number)
        self._process.wait(timeout=20)

    def said(self):
        """Its log."""
        with open(self.path("log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.stop()

    def path(self, name):
        """A file of its own."""
        return os.path.join(self._home, name)

    def _write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)

    def _command(self):
        raise NotImplementedError


class Gobgpd(_Daemon):
    """gobgpd without peers and paths: the controller gives it both, by `api`."""

    def __init__(self, host, asn, router_id):
        super().__init__(host, "gobgpd")
        self._write("conf", GOBGPD.format(asn=asn, router_id=router_id))
        self.api = f"unix:{self.path('api')}"

    def start(self):
        """Starts it on a fresh socket."""
        if os.path.exists(self.path("api")):
            os.unlink(self.path("api"))
        super().start()

    def _command(self):
        return ["gobgpd", "-f", self.path("conf"), "--api-hosts", f"unix://{self.path('api')}", "--pprof-disable"]

    def call(self, *words):
        """What `gobgp` prints."""
        done = self._host.run("gobgp", "--target", f"unix://{self.path('api')}", *words)
        return done.stdout


class Bird(_Daemon):
    """bird, as a router with one peer."""

    def __init__(self, host, asn, router_id, own, peer, peer_asn, password=""):
        super().__init__(host, "bird")
        secret = f'password "{password}";' if password else ""
        self._write("conf", BIRD.format(asn=asn, router_id=router_id, own=own, peer=peer, peer_asn=peer_asn, password=secret))

    def _command(self):
        return ["bird", "-f", "-c", self.path("conf"), "-s", self.path("ctl"), "-P", self.path("pid")]

    def call(self, *words):
        """What `birdc` prints."""
        return self._host.run("birdc", "-s", self.path("ctl"), *words).stdout

    def routes(self):
        """Prefixes that it was told of, each with the set of next hops."""
        found = {}
        prefix = None
        for line in self.call("show", "route", "protocol", "speaker").splitlines():
            head = re.match(r"(\S+)/(\d+)\s+unicast", line)
            if head:
                prefix = f"{head[1]}/{head[2]}"
            hop = re.match(r"\s+via (\S+)", line)
            if hop:
                found.setdefault(prefix, set()).add(hop[1])
        return found

    def since(self):
        """The same as text, with when each was heard last."""
        return "\n".join(line for line in self.call("show", "route", "protocol", "speaker").splitlines() if "/" in line)

    def heard(self):
        """How many times it was told of a path, whether it knew of it or not."""
        return sum(map(int, re.findall(r"Import updates:\s+(\d+)", self.call("show", "protocols", "all", "speaker"))))

    def established(self):
        """Whether the session stands."""
        return "Established" in self.call("show", "protocols", "speaker")


def settled(probe, seconds=1.0):
    """An answer that has stayed the same for so long."""
    last, since = probe(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.1)
        now = probe()
        if now != last:
            last, since = now, time.monotonic()
    return last
