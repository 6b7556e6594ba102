"""The site of this lab, for the lab itself and for system tests."""

import os

from sextantlab import site as library

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))


def site(isolation, say, *ports):
    """A site with the hosts of some ports, or all."""
    return library.site(isolation, say, HERE, wiring.CHASSIS, wiring.hosts(*ports))
