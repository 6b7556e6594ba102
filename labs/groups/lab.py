#!/usr/bin/python3
"""Security groups: what they let through, and what always passes, with real traffic; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from groups import checks  # noqa: E402
from groups.site import site  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402

PARTS = [
    ("who reaches whom", checks.matrix),
    ("members of the default group: no connection is followed", checks.untracked),
    ("ESP", checks.esp),
    ("fragments", checks.fragments),
    ("errors", checks.errors),
    ("a port without groups", checks.baseline),
    ("a rule is taken away", checks.removal),
]


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with progress.step("2 chassis, 8 hosts, controller, intent"):
        up = site(isolation)
        here = up.__enter__()
    try:
        for name, part in PARTS:
            with progress.step(name):
                part(here, progress.say)
        if keep():
            here.lab.stay()
    except Exception:
        if keep():
            here.lab.stay()
        raise
    finally:
        with progress.step("lab down"):
            up.__exit__(None, None, None)


if __name__ == "__main__":
    run_lab("lab groups", steps)
