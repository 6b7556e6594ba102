"""Pass-through NICs beside ports of the bridge: the parts of labs/sriov, in two labs."""

from sriov import checks
from sriov.wiring import site


def test_sriov_services_and_reach(isolation):
    with site(isolation) as here:
        checks.addressed(here)
        checks.reached(here)
        checks.told(here)
        checks.handed_over(here)


def test_sriov_classes(isolation):
    with site(isolation) as here:
        checks.addressed(here)
        checks.guarded(here)
        checks.refused(here)
        checks.offloaded(here)
        checks.tabled(here)
