"""Labs of Sextant: several Open vSwitch chassis and their hosts on one machine, in namespaces of their own.

A lab is a script that hands its steps to `run_lab`, opens a `Lab` and uses what it holds:

    def steps(isolation, progress):
        with Lab(isolation, chassis=[...], hosts=[...]) as lab:
            lab.controller.start()
            ...

    run_lab("lab name", steps)
"""

from .chassis import ChassisSpec
from .controller import Refused
from .host import HostSpec
from .isolate import Isolation, run_isolated
from .lab import Lab, LabFailed, eui64, wait_until
from .matrix import Matrix
from .progress import Progress
from .script import keep, run_lab

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
    "keep",
    "run_isolated",
    "run_lab",
    "wait_until",
]
