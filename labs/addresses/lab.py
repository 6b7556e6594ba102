#!/usr/bin/python3
"""How hosts come by their addresses: every pair of modes with every client, on two hypervisors; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from addresses import damage, given, modes, renewals  # noqa: E402
from addresses.site import site  # noqa: E402
from sextantlab.site import run_parts  # noqa: E402

PARTS = [
    ("the matrix of modes", modes),
    ("chosen addresses: from a pool, and among neighbours that form theirs", given),
    ("renewals over a kill -9 of the controller, releases", renewals),
    ("wrong messages, a decline, floods", damage),
]

if __name__ == "__main__":
    run_parts("lab addresses", "2 chassis, 21 hosts, controller, intent", site, PARTS)
