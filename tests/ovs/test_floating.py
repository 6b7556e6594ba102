"""Addresses outside that stand for private ones: the parts of labs/floating."""

from floating import checks
from floating.wiring import site


def test_floating_both_ways(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.both_ways(here)
        checks.no_tunnel(here)
        checks.judged(here)
        checks.too_big(here)
        checks.hairpin(here)


def test_floating_prefix(isolation):
    with site(isolation) as here:
        checks.prefix(here)


def test_floating_snat(isolation):
    with site(isolation) as here:
        checks.snat(here)
        checks.snat_fails_over(here)


def test_floating_moves(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.moved(here)
        checks.vm_moved(here)
        checks.uplink_lost(here)
