"""Labs of Sextant: several Open vSwitch chassis and their hosts on one machine, in namespaces of their own.

A lab is a script that hands `main(isolation)` to `run_isolated`, opens a `Lab` and uses what it holds:

    def main(isolation):
        with Lab(isolation, chassis=[...], hosts=[...]) as lab:
            lab.controller.start()
            ...
        return 0

    sys.exit(run_isolated(main))
"""

from .chassis import ChassisSpec
from .controller import Refused
from .host import HostSpec
from .isolate import Isolation, run_isolated
from .lab import Lab, LabFailed, eui64, wait_until
from .matrix import Matrix
from .progress import Progress

__all__ = [
    "ChassisSpec",
    "HostSpec",
    "Isolation",
    "Lab",
    "LabFailed",
    "Matrix",
    "Progress",
    "Refused",
    "eui64",
    "run_isolated",
    "wait_until",
]
