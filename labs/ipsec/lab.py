#!/usr/bin/python3
"""IPsec between VMs, with real strongSwan; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from ipsec import parts  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with parts.opened(isolation, progress.say) as here:
        for name, part in parts.PARTS:
            with progress.step(name):
                part(here)
        if keep():
            here.lab.stay()


if __name__ == "__main__":
    run_lab("lab ipsec", steps)
