"""The parts of labs/multicast, each in a lab of its own: real hosts' joins, and captures of what goes between hypervisors."""

from multicast import copies, joins, lasting, programs, sources
from multicast.site import site


def show(isolation, part):
    """A part alone; what it says is printed."""
    with site(isolation, print) as here:
        try:
            part.show(here)
        except BaseException:
            print("the controller's last words:\n" + here.controller.tail())
            raise


def test_multicast_copies(isolation):
    show(isolation, copies)


def test_multicast_sources(isolation):
    show(isolation, sources)


def test_multicast_programs(isolation):
    show(isolation, programs)


def test_multicast_lasts(isolation):
    show(isolation, lasting)


def test_multicast_joins(isolation):
    show(isolation, joins)
