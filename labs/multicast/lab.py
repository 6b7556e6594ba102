#!/usr/bin/python3
"""Multicast on three hypervisors, over IPv6 and IPv4; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from multicast import copies, joins, lasting, programs, sources  # noqa: E402
from multicast.site import site  # noqa: E402
from sextantlab.site import run_parts  # noqa: E402

PARTS = [
    ("one copy to each hypervisor", copies),
    ("sources, false queries, hosts that say nothing", sources),
    ("iperf, ssmping, smcroute", programs),
    ("a thousand groups", joins),
    ("over a kill -9 of the controller, and moved to another hypervisor", lasting),
]

if __name__ == "__main__":
    run_parts("lab multicast", "3 chassis, 9 hosts, controller, intent", site, PARTS)
