#!/usr/bin/python3
"""Provider networks with real routers and servers on the physical network; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from provider import checks  # noqa: E402
from provider.wiring import site  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402

PARTS = [
    ("routers of the physical network, and one that is not", checks.autoconfigured),
    ("outward, and across chassis", checks.outward),
    ("questions", checks.questions),
    ("DHCP from there", checks.served),
    ("our own advertisements", checks.contained),
    ("status and trace", checks.told),
    ("the way there is down", checks.unplugged),
]


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with progress.step("3 chassis, 6 hosts, a physical network with 4, controller, intent"):
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
    run_lab("lab provider", steps)
