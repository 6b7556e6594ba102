#!/usr/bin/python3
"""A prefix for the hosts behind a VM that is itself a router, on two hypervisors; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from delegation import clients, ended, guard, lasting  # noqa: E402
from delegation.site import site  # noqa: E402
from sextantlab.site import run_parts  # noqa: E402

PARTS = [
    ("requesting routers, one after the other", clients),
    ("sources: the prefix and nothing beside it", guard),
    ("over a kill -9 of the controller, and moved to the other hypervisor", lasting),
    ("deleted under a client", ended),
]

if __name__ == "__main__":
    run_parts("lab delegation", "2 chassis, 6 hosts, controller, intent", site, PARTS)
