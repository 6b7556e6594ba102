"""Security groups with real traffic: the parts of labs/groups, in two labs."""

from groups import checks
from groups.site import site


def test_who_reaches_whom(isolation):
    with site(isolation) as here:
        checks.matrix(here)
        checks.untracked(here)
        checks.baseline(here)


def test_protocols_fragments_errors_and_removal(isolation):
    with site(isolation) as here:
        checks.esp(here)
        checks.fragments(here)
        checks.errors(here)
        checks.removal(here)
