#!/usr/bin/python3
"""Metadata over IPv6 alone, with real cloud-init; see README.md."""

import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

from metadata import parts  # noqa: E402
from sextantlab import keep, run_lab  # noqa: E402


def steps(isolation, progress):
    """Brings everything up, shows part after part, and takes it down."""
    with progress.step("2 chassis, 5 hosts, controller, intent"):
        here = parts.opened(isolation, progress.say)
    try:
        for name, part in parts.PARTS:
            with progress.step(name):
                part(here)
    except Exception:
        print("The controller's last words:\n" + here.controller.tail(), flush=True)
        raise
    finally:
        if keep():
            here.lab.stay()
        with progress.step("lab down"):
            here.lab.stop()


if __name__ == "__main__":
    run_lab("lab metadata", steps)
