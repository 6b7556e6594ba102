"""A steady ping, and what was lost of it."""

import re
import signal
import subprocess
import time


class Pinger:
    """A ping every 5 ms while a `with` lasts; how many were lost."""

    def __init__(self, host, target):
        self._host, self._target = host, target

    def __enter__(self):
        self._process = self._host.popen(["ping", "-i", "0.005", "-W", "1", self._target], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(0.5)
        self._process.send_signal(signal.SIGINT)
        output, _ = self._process.communicate(timeout=20)
        seen = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", output)}
        last = max(seen, default=0)
        self.lost, self.sent = last - len(seen), last
        self.missing = sorted(set(range(1, last)) - seen)
