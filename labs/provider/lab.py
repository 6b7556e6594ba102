#!/usr/bin/python3
"""Provider networks with real routers and servers on the physical network; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from provider import checks  # noqa: E402
from provider.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("routers of the physical network, and one that is not", checks.autoconfigured),
    ("outward, and across chassis", checks.outward),
    ("questions", checks.questions),
    ("DHCP from there", checks.served),
    ("our own advertisements", checks.contained),
    ("status and trace", checks.told),
    ("the way there is down", checks.unplugged),
]


if __name__ == "__main__":
    run_parts("lab provider", "3 chassis, 6 hosts, a physical network with 4, controller, intent",
              site, PARTS, show=checked)
