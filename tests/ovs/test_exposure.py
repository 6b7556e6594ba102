"""What is behind a router is reached from outside: the parts of labs/exposure, in three labs."""

from exposure import checks
from exposure.wiring import site


def test_exposure_routed_by_bgp(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.reached(here)
        checks.drained(here)
        checks.restarted(here)
        checks.speaker_lost(here)


def test_exposure_gateway_killed_and_deleted(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.killed(here)
        checks.deleted(here)


def test_exposure_answered_for_on_the_link(isolation):
    with site(isolation) as here:
        checks.near(here)
        checks.moved(here)
        checks.stand_in(here)
        checks.hidden(here)
