#!/usr/bin/python3
"""Ways out to a physical network over several gateways; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from gateway import checks  # noqa: E402
from gateway.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("status and trace", checks.told),
    ("outward", checks.outward),
    ("inward", checks.inward),
    ("a gateway is drained", checks.drained),
    ("the controller is killed", checks.restarted),
    ("the preferred router is gone", checks.router_lost),
    ("what routers advertise beside", checks.said),
    ("a gateway is killed", checks.killed),
]


if __name__ == "__main__":
    run_parts("lab gateway", "3 chassis, 3 hosts, a physical network with 2 routers, controller, intent",
              site, PARTS, show=checked)
