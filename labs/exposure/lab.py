#!/usr/bin/python3
"""What is behind a router is reached from outside: by BGP, and by neighbour discovery; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from exposure import checks  # noqa: E402
from exposure.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("what the router upstream is told", checks.told),
    ("reached from far away", checks.reached),
    ("answered for on the link", checks.near),
    ("a VM moves", checks.moved),
    ("who answers is drained", checks.stand_in),
    ("hidden again", checks.hidden),
    ("a gateway is drained", checks.drained),
    ("the controller is killed", checks.restarted),
    ("gobgpd is killed", checks.speaker_lost),
    ("a gateway is killed", checks.killed),
    ("exposures deleted", checks.deleted),
]


if __name__ == "__main__":
    run_parts("lab exposure", "3 chassis, 6 hosts, a physical network with bird and gobgpd, controller, intent",
              site, PARTS, show=checked)
