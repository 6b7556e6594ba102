"""The parts of labs/addresses, each in a lab of its own: real DHCPv6 clients, and tshark on every byte that they get."""

from addresses import damage, given, modes, renewals
from addresses.site import site
from addresses.watch import Watch


def show(isolation, part):
    """A part alone; what it says is printed."""
    with site(isolation, print, *part.PORTS) as here:
        try:
            with Watch(here.lab.hosts.values(), print):
                part.show(here)
        except BaseException:
            print("the controller's last words:\n" + here.controller.tail())
            raise


def test_every_pair_of_modes_with_every_client(isolation):
    show(isolation, modes)


def test_chosen_addresses(isolation):
    show(isolation, given)


def test_renewals_over_a_kill(isolation):
    show(isolation, renewals)


def test_wrong_messages_and_floods(isolation):
    show(isolation, damage)
