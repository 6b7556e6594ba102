"""A trunk: the parts of labs/trunk."""

from trunk import checks
from trunk.wiring import site


def test_trunk(isolation):
    with site(isolation) as here:
        checks.addressed(here)
        checks.reached(here)
        checks.itself(here)
        checks.changed(here)
