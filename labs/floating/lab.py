#!/usr/bin/python3
"""Addresses outside that stand for private ones; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from floating import checks  # noqa: E402
from floating.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("status and trace", checks.told),
    ("both ways", checks.both_ways),
    ("by the nearest chassis", checks.no_tunnel),
    ("security groups", checks.judged),
    ("errors and path MTU", checks.too_big),
    ("each other", checks.hairpin),
    ("another prefix", checks.prefix),
    ("from the router's address", checks.snat),
    ("a floating IP moves", checks.moved),
    ("a VM moves", checks.vm_moved),
    ("a cable is out", checks.uplink_lost),
    ("connections elsewhere", checks.snat_fails_over),
]


if __name__ == "__main__":
    run_parts("lab floating", "3 chassis, hosts with private addresses, a physical network with a router, controller, intent",
              site, PARTS, show=checked)
