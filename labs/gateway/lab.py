#!/usr/bin/python3
"""Ways out to a physical network over several gateways; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from gateway import checks  # noqa: E402
from gateway.wiring import site  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402

PARTS = [
    ("status and trace", checks.told),
    ("outward", checks.outward),
    ("inward", checks.inward),
    ("a gateway is drained", checks.drained),
    ("the controller is killed", checks.restarted),
    ("the preferred router is gone", checks.router_lost),
    ("a gateway is killed", checks.killed),
]


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with progress.step("3 chassis, 3 hosts, a physical network with 2 routers, controller, intent"):
        up = site(isolation, progress.say)
        here = up.__enter__()
    try:
        for name, part in PARTS:
            with progress.step(name):
                part(here, progress.say)
    finally:
        if keep():
            here.lab.stay()
        with progress.step("lab down"):
            up.__exit__(None, None, None)


if __name__ == "__main__":
    run_lab("lab gateway", steps)
