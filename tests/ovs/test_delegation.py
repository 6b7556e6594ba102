"""The parts of labs/delegation, each in a lab of its own: real requesting routers, and tshark on every byte that they get."""

from delegation import clients, ended, guard, lasting
from delegation.site import site
from sextantlab.watch import Watch


def show(isolation, part):
    """A part alone; what it says is printed."""
    with site(isolation, print) as here:
        try:
            with Watch([here.host(port) for port in part.PORTS], print):
                part.show(here)
        except BaseException:
            print("the controller's last words:\n" + here.controller.tail())
            raise


def test_delegation_to_every_client(isolation):
    show(isolation, clients)


def test_delegation_guards_sources(isolation):
    show(isolation, guard)


def test_delegation_lasts(isolation):
    show(isolation, lasting)


def test_delegation_ends(isolation):
    show(isolation, ended)
