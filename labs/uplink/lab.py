#!/usr/bin/python3
"""A prefix from upstream for tenants' subnets; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from uplink import checks  # noqa: E402
from uplink.wiring import site  # noqa: E402
from sextantlab.site import checked, run_parts  # noqa: E402

PARTS = [
    ("a prefix is obtained", checks.obtained),
    ("the controller is killed", checks.restarted),
    ("the server delegates another", checks.renumbered),
    ("the gateway that asks is killed", checks.failed_over),
    ("the delegation is deleted", checks.released),
]


if __name__ == "__main__":
    run_parts("lab uplink", "3 chassis, 3 hosts, a physical network with a delegating router (Kea), controller, intent",
              site, PARTS, show=checked)
