#!/usr/bin/python3
"""How hosts come by their addresses: every pair of modes with every client, on two hypervisors; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from addresses import damage, given, modes, renewals  # noqa: E402
from addresses.site import site  # noqa: E402
from addresses.watch import Watch  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402

PARTS = [
    ("the matrix of modes", modes),
    ("chosen addresses: from a pool, and among neighbours that form theirs", given),
    ("renewals over a kill -9 of the controller, releases", renewals),
    ("wrong messages, a decline, floods", damage),
]


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with progress.step("2 chassis, 21 hosts, controller, intent"):
        up = site(isolation, progress.say)
        here = up.__enter__()
    try:
        for name, part in PARTS:
            with progress.step(name), Watch([here.host(port) for port in part.PORTS], progress.say):
                part.show(here)
        progress.say(here.controller.call("get", "ports", "--tenant", "acme"))
    except Exception as error:
        print(f"FAILED: {error}\nThe controller's last words:\n{here.controller.tail()}", flush=True)
        raise
    finally:
        if keep():
            here.lab.stay()
        with progress.step("lab down"):
            up.__exit__(None, None, None)


if __name__ == "__main__":
    run_lab("lab addresses", steps)
