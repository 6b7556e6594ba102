#!/usr/bin/python3
"""Translation between IPv6 and IPv4; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from nat64 import checks  # noqa: E402
from nat64.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("IPv6 hosts reach IPv4 outside", checks.outward),
    ("mapped addresses, both ways", checks.inward),
    ("floating IPs", checks.floating),
    ("tayga is killed", checks.crashed),
]


if __name__ == "__main__":
    run_parts("lab nat64", "2 chassis, 4 hosts, tayga, a physical network, controller, intent", site, PARTS, show=checked)
