"""A resolver for what is not ours: dnsmasq, on the loopback of the network namespace that the controller is in."""

import os
import signal
import subprocess


class Resolver:
    """Knows the records that it is given: names with an address or a text. Over UDP it gives 512 bytes, more by TCP."""

    def __init__(self, isolation, port):
        self._isolation = isolation
        self.address = f"[::1]:{port}"
        self._port = port
        self._process = None
        self.log = os.path.join(isolation.rundir, "resolver.log")

    def start(self, addresses, texts=()):
        """Starts it, and waits until it listens."""
        command = ["dnsmasq", "--keep-in-foreground", f"--port={self._port}", "--listen-address=::1", "--bind-interfaces",
                   "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll", "--log-queries", "--user=root",
                   "--pid-file", "--edns-packet-max=512", f"--log-facility={self.log}"]
        command += [f"--host-record={name},{address}" for name, address in addresses]
        command += [f"--txt-record={name},{','.join(parts)}" for name, parts in texts]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=self._isolation.enter_home_net)

    def stop(self):
        """Ends it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process = None

    def asked(self):
        """What it was asked, in order: types with names."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8", errors="replace") as log:
            words = [line.split() for line in log]
        return [(word[word.index("from") - 2], word[word.index("from") - 1])
                for word in words if any(w.startswith("query[") for w in word)]
