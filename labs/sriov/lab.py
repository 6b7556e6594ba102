#!/usr/bin/python3
"""Pass-through NICs beside ports of the bridge; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from sextantlab.site import checked, run_parts  # noqa: E402
from sriov import checks  # noqa: E402
from sriov.wiring import site  # noqa: E402

PARTS = [
    ("addresses: RA, DHCPv6, DHCPv4", checks.addressed),
    ("who reaches whom", checks.reached),
    ("metadata", checks.told),
    ("guard", checks.guarded),
    ("what is refused", checks.refused),
    ("one table for the classes", checks.tabled),
    ("what NICs take over", checks.offloaded),
    ("the serving hypervisor is killed", checks.handed_over),
]


if __name__ == "__main__":
    run_parts("lab sriov", "3 chassis, 7 hosts, 4 virtual functions, a physical network, controller, intent",
              site, PARTS, show=checked)
