"""labs/managed with a gateway: chassis that watch each other by BFD."""

from managed import parts, peers


def test_a_lost_chassis_is_noticed(isolation):
    with peers.site(isolation, print) as here:
        parts.set_up(here)
        for _, part in peers.PARTS:
            part(here)
