"""Several IPv6 prefixes on one interface, of hosts and of the router: one is added and one withdrawn while traffic runs."""

import re

import wiring
from common import dvr, site, some_hosts
from sextantlab import eui64, wait_until

HOSTS = ("acme-vm1", "acme-vm2", "acme-vm6")
SUBNET = "  - {{name: red6{n}, network: red, cidr: 2001:db8:a{n}::/64, ipv6_ra_mode: slaac, ipv6_address_mode: slaac}}\n"


def edits(*extra):
    """The site with more subnets on the red network, each with an interface of the router."""
    subnets = "".join(SUBNET.format(n=n) for n in extra)
    interfaces = "".join(f", {{subnet: red6{n}, ip_address: '2001:db8:a{n}::1'}}" for n in extra)
    return [("  - name: red6\n", subnets + "  - name: red6\n"),
            ("interfaces: [{subnet: red6},", f"interfaces: [{{subnet: red6}}{interfaces},")]


def prefix(n):
    return f"2001:db8:a{n}::/64"


def formed(host, n):
    return eui64(prefix(n), host.spec.mac)


def lifetimes(host):
    """The host's global addresses, each with its preferred lifetime in seconds."""
    return {entry["local"]: entry["preferred_life_time"] for entry in host.inet() if entry["scope"] == "global"}


def test_prefixes_come_and_go_under_traffic(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS), edits=edits(1, 2)) as lab:
        one, other, far = (lab.host("acme", name) for name in ("vm1", "vm2", "vm6"))
        for host in (one, other):
            for n in (1, 2):
                assert host.wait_address(prefix(n)) == formed(host, n)
        assert len(lifetimes(one)) == 3
        for gateway in ("2001:db8:a::1", "2001:db8:a1::1", "2001:db8:a2::1"):
            assert one.ping(gateway) == 3, gateway
        for n in (1, 2):
            assert one.ping(formed(other, n), options=("-I", formed(one, n))) == 3
            assert one.ping(wiring.address(far), options=("-I", formed(one, n))) == 3, "routed, from each"
        # Traffic on two prefixes that stay, on one network and through the router.
        flows = [one.popen(["ping", "-q", "-i", "0.05", "-c", "200", "-I", source, target])
                 for source, target in ((wiring.address(one), wiring.address(other)), (formed(one, 1), wiring.address(far)))]
        lab.controller.apply_text(site(edits=edits(1, 3)), "--prune")
        for host in (one, other):
            assert host.wait_address(prefix(3)) == formed(host, 3)
        wait_until("the withdrawn prefix is deprecated", lambda: lifetimes(one).get(formed(one, 2), 0) == 0)
        assert one.ping(formed(other, 3), options=("-I", formed(one, 3))) == 3
        assert one.ping(wiring.address(far), options=("-I", formed(one, 3))) == 3
        for flow in flows:
            said = flow.communicate(timeout=60)[0].decode()
            sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
            assert (sent, received) == (200, 200), said
        # New connections begin from what is left; the withdrawn one leads nowhere any more.
        assert formed(one, 2) not in one.run("ip", "-6", "route", "get", wiring.address(far)).stdout
        assert one.ping("2001:db8:a2::1", count=1) == 0
