#!/usr/bin/python3
"""Machines with several NICs on networks of different kinds; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from nics import parts, wiring  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402

PARTS = [("two NICs, a family on each", wiring.TWO, parts.two), ("four NICs on four networks", wiring.FOUR, parts.four)]


def steps(isolation, progress):
    """Shows one after the other; with KEEP=1 the last one stays up."""
    for number, (title, spec, part) in enumerate(PARTS):
        with progress.step(title), parts.site(isolation, progress.say, spec) as here:
            part(here)
            if keep() and number == len(PARTS) - 1:
                here.lab.stay()


if __name__ == "__main__":
    run_lab("lab nics", steps)
