"""Addresses that the intent chose: on a stateful subnet (requirement 7), and where neighbours form theirs (requirement 8)."""

from sextantlab import Matrix, eui64
from sextantlab.dhcp6 import Dhclient, Dhcpcd, Dibbler
from sextantlab.site import expect
from sextantlab.watch import solicit

from . import wiring

PORTS = ["sf1", "sf2", "sf3", "sl1", "sl2", "sl3", "sl4", "ss1", "ss3", "ss4"]
LATER = """\
tenant: acme
ports:
  - {name: sf4, network: stateful, mac_address: "02:00:00:00:03:04"}
  - {name: sf5, network: stateful, mac_address: "02:00:00:00:03:05"}
"""


def show(site):
    """Both requirements; then both again after the controller was killed."""
    chosen_and_picked(site)
    among_those_who_form(site)


def chosen_and_picked(site):
    """The chosen address is in the pool's way: its port gets it, the others get those around it, before and after a kill."""
    stateful, chosen = wiring.BY_NETWORK["stateful"].prefix, wiring.GIVEN["sf2"]
    before = {port: site.assigned(port) for port in ("sf1", "sf2", "sf3")}
    expect(before == {"sf1": "2001:db8:0:3::2", "sf2": chosen, "sf3": "2001:db8:0:3::4"}, f"assigned: {before}")
    clients = {port: Dhclient(site.host(port)) for port in before}
    for turn in ("", "after kill -9 "):
        for client in clients.values():
            client.forget()
            client.start()
        for port, client in clients.items():
            got = client.wait(stateful)
            expect(got == before[port], f"{turn}{port} got {got}, not {before[port]}")
        site.say(f"{turn}by dhclient: {before}")
        for client in clients.values():
            client.vanish()
        if not turn:
            site.restart()
    site.controller.apply_text(LATER, wait=None)
    later = [site.assigned(port) for port in ("sf4", "sf5")]
    expect(later == ["2001:db8:0:3::5", "2001:db8:0:3::6"], f"later ports: {later}")
    site.say(f"later ports: {later}")


def among_those_who_form(site):
    """On one subnet a neighbour that forms its address, a port that is given one, and one that has it set by hand."""
    clients = {"sl3": Dhclient(site.host("sl3")), "ss3": Dhcpcd(site.host("ss3"))}
    flags = ("icmpv6.nd.ra.flag.m", "icmpv6.nd.ra.flag.o", "icmpv6.opt.prefix.flag.a", "icmpv6.opt.prefix")
    asking = [site.host(port) for port in ("sl1", "ss1", "sl3", "sl4", "ss3", "ss4")]
    for name, (_, answers) in solicit(asking, *flags).items():
        told(site.lab.hosts[name], answers)
    for port, client in clients.items():
        client.start()
    for port, client in clients.items():
        got = client.wait(wiring.BY_NETWORK[site.host(port).spec.network].prefix)
        expect(site.host(port).addresses() == [wiring.GIVEN[port]], f"{port} has {got}, not {wiring.GIVEN[port]} alone")
        expect([lease["leased"] for lease in site.leases(port)] == [[got]], f"leases of {port}")
    hosts = [site.host(port) for port in ("sl1", "sl2", "sl3", "sl4", "ss1", "ss3", "ss4")]
    for host in hosts:
        expect(host.addresses() == [address(host)], f"{host.name} has {host.addresses()}, expected {address(host)}")
    matrix = Matrix(hosts, address, lambda a, b: "same" if a.spec.network == b.spec.network else "routed")
    site.say("sl1, sl2, ss1 form; sl3 was given by dhclient, ss3 by dhcpcd; sl4, ss4 set by hand")
    site.say(matrix.table())
    expect(matrix.ok, matrix.words())
    other = Dibbler(site.host("sl3"))
    clients["sl3"].vanish()
    other.start()
    other.wait(wiring.BY_NETWORK["slaac"].prefix)
    expect(site.host("sl3").addresses() == [wiring.GIVEN["sl3"]], f"dibbler on sl3: {site.host('sl3').addresses()}")
    for client in (other, clients["ss3"]):
        client.vanish()


def address(host):
    """Where the others look for a host."""
    return wiring.GIVEN.get(host.spec.port) or eui64(wiring.BY_NETWORK[host.spec.network].prefix, host.spec.mac)


def told(host, answers):
    """By Ethernet to it alone: who was given an address is to ask DHCPv6 (M) and to form none (no A); others form theirs."""
    pair, alone = wiring.BY_NETWORK[host.spec.network], host.spec.port in wiring.GIVEN
    found = [[{"True": "1", "False": "0"}.get(value, value) for value in answer] for answer in answers]
    wanted = [[str(int(flag)) for flag in (alone, "O" in pair.flags, not alone)] + [pair.prefix.split("/")[0]]]
    expect(found == wanted, f"{host.name} was told {found} (M, O, A, prefix), expected {wanted}")
