#!/usr/bin/python3
"""A trunk: one interface on three networks; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from sextantlab.site import checked, run_parts  # noqa: E402
from trunk import checks  # noqa: E402
from trunk.wiring import site  # noqa: E402

PARTS = [
    ("addresses by tag", checks.addressed),
    ("who reaches whom", checks.reached),
    ("each is itself", checks.itself),
    ("refused, deleted, there again", checks.changed),
]


if __name__ == "__main__":
    run_parts("lab trunk", "2 chassis, 2 hosts, a VM with three networks, controller, intent", site, PARTS, show=checked)
