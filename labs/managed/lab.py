#!/usr/bin/python3
"""Chassis that the controller sets up over OVSDB; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from managed import parts  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402


def steps(isolation, progress):
    """Brings the underlay up, and shows one part after the other; with KEEP=1 management does not end."""
    with parts.site(isolation, progress.say) as here:
        for title, part in parts.PARTS[:-1] if keep() else parts.PARTS:
            with progress.step(title):
                part(here)
        if keep():
            here.lab.stay()


if __name__ == "__main__":
    run_lab("lab managed", steps)
