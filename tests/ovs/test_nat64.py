"""Translators: the parts of labs/nat64, with tayga."""

from nat64 import checks
from nat64.wiring import site


def test_nat64_translates_and_is_told_as_long_as_it_does(isolation):
    with site(isolation) as here:
        checks.outward(here)
        checks.inward(here)
        checks.floating(here)
        checks.crashed(here)
