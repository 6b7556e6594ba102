"""Dual stack on one NIC: IPv6 by router advertisements, IPv4 by real DHCP clients; renewals, and doing without IPv4."""

import time

import wiring
from common import SUBNET4, address4, dvr, port, site, some_hosts
from sextantlab import Refused, wait_until
from sextantlab.dhcp4 import Dhclient4, Dhcpcd4, Dhcpcd4Mostly

HOSTS = ("acme-vm1", "acme-vm2", "acme-vm6")
RED = f"{SUBNET4['red']}.0/24"
BLUE = f"{SUBNET4['blue']}.0/24"


def told(**more):
    """The red IPv4 subnet with DNS servers, a route, and what else is said."""
    words = "".join(f", {name}: {value}" for name, value in more.items())
    routes = f"host_routes: [{{destination: 10.77.0.0/16, nexthop: {SUBNET4['red']}.1}}]"
    return (f"cidr: {RED}}}", f"cidr: {RED}, dns_nameservers: [192.0.2.53, 192.0.2.54], {routes}{words}}}")


def lab_of(isolation, edit):
    """The dual-stack site, whose hosts have no IPv4 address of their own."""
    return dvr(isolation, dual=True, hosts=some_hosts(*HOSTS), edits=[edit])


def leases(lab, name):
    """A port's leases, by association."""
    return {lease["association"]: lease for lease in lab.controller.get("leases", "--port", name)}


def test_dual_stack_by_dhcp(isolation):
    with lab_of(isolation, told()) as lab:
        hosts = {name: lab.host("acme", name) for name in ("vm1", "vm2", "vm6")}
        clients = {"vm1": Dhclient4(hosts["vm1"]), "vm2": Dhcpcd4(hosts["vm2"]), "vm6": Dhclient4(hosts["vm6"])}
        with hosts["vm1"].capture("udp port 67 or udp port 68") as wire:
            for client in clients.values():
                client.start()
            for name, client in clients.items():
                expected = address4(hosts[name])
                assert expected in port(lab, "acme", name)["status"]["addresses"]
                assert client.wait_lease(BLUE if name == "vm6" else RED) == expected
        broken = wire.fields("frame.number", display="dhcp && (_ws.expert.severity >= 0x600000 || _ws.malformed)")
        assert broken == [], "tshark finds fault with DHCP"
        assert clients["vm1"].told()[0] == ["192.0.2.53", "192.0.2.54"]
        routes = hosts["vm1"].run("ip", "-4", "route").stdout
        gateway = f"{SUBNET4['red']}.1"
        assert f"default via {gateway}" in routes and f"10.77.0.0/16 via {gateway}" in routes, routes
        # Both families at once, on the network and through the router.
        for other in ("vm2", "vm6"):
            assert hosts["vm1"].ping(address4(hosts[other])) == 3, other
            assert hosts["vm1"].ping(wiring.address(hosts[other])) == 3, other
        assert leases(lab, "acme/vm1")["v4"]["leased"] == [address4(hosts["vm1"])]
        # Given back, it is nobody's lease; who comes next on the port gets the same address.
        clients["vm1"].vanish()
        again = Dhcpcd4(hosts["vm1"])
        again.start()
        assert again.wait_lease(RED) == address4(hosts["vm1"])


def test_renewals_over_a_kill(isolation):
    with lab_of(isolation, told(dhcp_lease_s=16)) as lab:
        host = lab.host("acme", "vm1")
        client = Dhclient4(host)
        client.start()
        address = client.wait_lease(RED)
        before = leases(lab, "acme/vm1")["v4"]
        lab.controller.kill()
        time.sleep(1)
        lab.controller.start()

        def renewed():
            lease = leases(lab, "acme/vm1").get("v4")
            return lease if lease and lease["until_ms"] > before["until_ms"] else None

        after = wait_until("the lease is renewed", renewed, timeout=40)
        assert (after["since_ms"], after["leased"]) == (before["since_ms"], [address])
        assert host.addresses(4) == [address]


def test_who_can_do_without_ipv4_does(isolation):
    reached = "    cidr: 2001:db8:a::/64\n    ipv6_mostly: true\n"
    edits = [told(), ("    cidr: 2001:db8:a::/64\n", reached + "    pref64: 64:ff9b::/96\n")]
    with dvr(isolation, dual=True, hosts=some_hosts(*HOSTS), edits=edits) as lab:
        # One switch on the IPv6 subnet: router advertisements tell how IPv4 is reached, DHCP that it can be done without.
        with lab.host("acme", "vm1").capture("icmp6") as wire:
            lab.host("acme", "vm1").run("rdisc6", "-1", "eth0")
        told64 = wire.fields("icmpv6.opt.pref64.prefix", display="icmpv6.type == 134")
        assert told64 and all(row == ["64:ff9b::"] for row in told64), told64
        mostly, other = Dhcpcd4Mostly(lab.host("acme", "vm2")), Dhclient4(lab.host("acme", "vm1"))
        mostly.start()
        other.start()
        assert other.wait_lease(RED) == address4(lab.host("acme", "vm1")), "who does not ask for it, is given IPv4"
        wait_until("dhcpcd heard that it may do without", lambda: "IPv6-Only Preferred" in mostly.said(60))
        assert lab.host("acme", "vm2").addresses(4) == []
        assert lab.host("acme", "vm2").ping(wiring.address(lab.host("acme", "vm6"))) == 3
        try:
            lab.controller.apply_text(site(dual=True, edits=[told(), ("    cidr: 2001:db8:a::/64\n", reached)]))
            raise AssertionError("it is accepted without a pref64")
        except Refused as refused:
            assert "needs pref64 on an IPv6 subnet of network acme/red" in refused.reasons, refused.reasons
