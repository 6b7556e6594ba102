"""strongSwan's charon on a host, with ESP in user space (kernel-libipsec): IKEv2 with a shared secret, ESP within UDP."""

import os
import signal
import subprocess
import time

CONFIG = """\
charon {{
    load = random nonce aes sha1 sha2 hmac kdf gmp kernel-libipsec kernel-netlink socket-default vici updown
    plugins {{ vici {{ socket = unix://{home}/vici }} }}
    filelog {{ out {{ path = {home}/said
        default = 1
        flush_line = yes }} }}
}}
"""
CONNECTION = """\
connections {{ peer {{
    version = 2
    local_addrs = {own}
    remote_addrs = {peer}
    proposals = aes128-sha256-modp2048
    local {{ auth = psk
        id = {own} }}
    remote {{ auth = psk
        id = {peer} }}
    children {{ inner {{
        local_ts = {inside}
        remote_ts = {beyond}
        esp_proposals = aes128-sha256 }} }}
}} }}
secrets {{ ike {{ secret = "not a secret in a lab" }} }}
"""
# Its process id goes to /run, which is its own here.
BOX = 'mount -t tmpfs tmpfs /run; STRONGSWAN_CONF="$1/strongswan.conf" exec /usr/lib/ipsec/charon >>"$1/out" 2>&1'


class StrongSwan:
    """One end of a tunnel, used by `with`: `inside` is what is behind it, `beyond` what is behind the other end."""

    def __init__(self, host, own, peer, inside, beyond):
        self.host = host
        self.home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "ike", host.name)
        os.makedirs(self.home, exist_ok=True)
        self._write("strongswan.conf", CONFIG.format(home=self.home))
        self._write("swanctl.conf", CONNECTION.format(own=own, peer=peer, inside=inside, beyond=beyond))
        self._process = None

    def __enter__(self):
        for leftover in ("vici", "said", "out"):
            if os.path.exists(os.path.join(self.home, leftover)):
                os.remove(os.path.join(self.home, leftover))
        self._process = self.host.popen(["unshare", "--mount", "--propagation", "private", "sh", "-ec", BOX, "sh", self.home],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 15
        while not os.path.exists(os.path.join(self.home, "vici")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"charon on {self.host.name}: {self.said()}")
            time.sleep(0.05)
        self.swanctl("--load-all", "--file", os.path.join(self.home, "swanctl.conf"))
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def up(self, timeout=20):
        """Asks the other end for the tunnel; whether there is one then."""
        done = self.swanctl("--initiate", "--child", "inner", "--timeout", str(timeout), check=False)
        return "completed successfully" in done

    def swanctl(self, *words, check=True):
        """What its control program says."""
        done = self.host.run("swanctl", words[0], "--uri", f"unix://{self.home}/vici", *words[1:], timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"swanctl {words}: {done.stdout}\n{self.said()}")
        return done.stdout

    def said(self, lines=20):
        """The end of its log."""
        found = []
        for name in ("out", "said"):
            path = os.path.join(self.home, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    found += file.read().splitlines()
        return "\n".join(found[-lines:])

    def _write(self, name, text):
        with open(os.path.join(self.home, name), "w", encoding="ascii") as file:
            file.write(text)
