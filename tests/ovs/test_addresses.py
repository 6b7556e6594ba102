"""The parts of labs/addresses, each in a lab of its own: real DHCPv6 clients, and tshark on every byte that they get."""

from addresses import damage, given, modes, renewals, wiring
from addresses.site import site
from sextantlab import eui64, wait_until
from sextantlab.dhcp6 import CLIENTS, DhcpcdPrivate
from sextantlab.watch import Watch


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


def test_dhcpcd_as_debian_sets_it_up(isolation):
    """With `slaac private` no address is made of the MAC, not even the link-local one that it asks from."""
    with site(isolation, print, "sl1", "sl2", "sf1", "sf2") as here:
        formed, given_one = here.host("sl1"), here.host("sf1")
        prefixes = {host: wiring.BY_NETWORK[host.spec.network].prefix for host in (formed, given_one)}
        clients = {host: DhcpcdPrivate(host) for host in prefixes}
        for client in clients.values():
            client.start()
        clients[given_one].wait(prefixes[given_one])
        assert given_one.addresses() == [here.assigned("sf1")]

        def private():
            return [a for a in formed.addresses() if a != eui64(prefixes[formed], formed.spec.mac)]

        stable = wait_until("dhcpcd has formed an address", private)
        for host in prefixes:
            local = [e["local"] for e in host.inet() if e["scope"] == "link"]
            assert eui64("fe80::/64", host.spec.mac) not in local, local
        far = eui64(prefixes[formed], here.host("sl2").spec.mac)
        assert formed.ping(far, options=("-I", stable[0])) == 3 and here.host("sl2").ping(stable[0]) == 3
        assert given_one.ping(far) == 3 and here.host("sl2").ping(here.assigned("sf1")) == 3


def test_the_same_address_for_every_client_on_a_port(isolation):
    """One after the other, each with a DUID of its own, and once more in the other order over a kill of the controller."""
    with site(isolation, print, "sf1", "sf2", "sf3") as here:
        prefix, assigned = wiring.BY_NETWORK["stateful"].prefix, here.assigned("sf1")
        for kinds in (CLIENTS, CLIENTS[::-1]):
            for kind in (*kinds, DhcpcdPrivate):
                client = kind(here.host("sf1"))
                client.start()
                got = client.wait(prefix)
                assert got == assigned and here.host("sf1").addresses() == [assigned], (kind.name, got, assigned)
                assert [lease["leased"] for lease in here.leases("sf1")] == [[assigned]], here.leases("sf1")
                client.vanish()
                client.forget()
            here.restart()
