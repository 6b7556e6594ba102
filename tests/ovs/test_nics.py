"""The parts of labs/nics, each in a lab of its own: dual stack on two NICs, and four NICs on four networks."""

from nics import parts, wiring


def test_dual_stack_on_two_nics(isolation):
    with parts.site(isolation, print, wiring.TWO) as here:
        parts.two(here)


def test_four_nics_on_four_networks(isolation):
    with parts.site(isolation, print, wiring.FOUR) as here:
        parts.four(here)
