"""A prefix for each host (RFC 8273): told to it alone, on no link, routed to it; all of its addresses are its, and no other's."""

import contextlib
import ipaddress

import wiring
from common import port, site, some_hosts, wait_phase
from sextantlab import Lab, eui64, wait_until

SHARED = "2001:db8:a00::/56"
EDIT = ("    cidr: 2001:db8:a::/64\n    gateway_ip: 2001:db8:a::1\n",
        f"    cidr: {SHARED}\n    gateway_ip: 2001:db8:a00::1\n    prefix_per_host: true\n")
HOSTS = some_hosts("acme-vm1", "acme-vm2", "acme-vm3", "acme-vm4", "umbra-vm1")


@contextlib.contextmanager
def shared(isolation):
    """The dvr lab whose red networks share out a prefix; each red host's prefix, by name."""
    with Lab(isolation, wiring.CHASSIS, HOSTS) as lab:
        try:
            lab.controller.start()
            lab.controller.apply_text(site(edits=[EDIT]), wait=None)
            for spec in HOSTS:
                wait_phase(lab, spec.tenant, spec.port, "Active")
            own = {name: port(lab, host.spec.tenant, host.spec.port)["status"]["prefixes"]
                   for name, host in lab.hosts.items() if host.spec.network == "red"}
            prefixes = {name: ipaddress.ip_network(one) for name, (one,) in own.items()}
            for name, prefix in prefixes.items():
                assert lab.hosts[name].wait_address(prefix) == eui64(prefix, lab.hosts[name].spec.mac)
            lab.hosts["acme-vm4"].wait_address(wiring.PREFIX["blue"])
            yield lab, prefixes
        except BaseException:
            if lab.controller.running:
                print(lab.controller.call("get", "ports", "-o", "wide"))
            print("the controller's last words:\n" + lab.controller.tail())
            raise


def adverts(wire):
    """Of each router advertisement: to which MAC, and its prefixes with their flags."""
    rows = wire.fields("eth.dst", "icmpv6.opt.prefix", "icmpv6.opt.prefix.flag.l", "icmpv6.opt.prefix.flag.a", "icmpv6.nd.ra.flag.m",
                       display="icmpv6.type == 134")
    return [tuple(row) for row in rows]


def test_each_host_has_its_own_prefix(isolation):
    with shared(isolation) as (lab, prefixes):
        vm1, vm2, vm3, vm4 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm3", "vm4"))
        acme = [prefixes[f"acme-{name}"] for name in ("vm1", "vm2", "vm3")]
        assert len(set(acme)) == 3 and all(p.subnet_of(ipaddress.ip_network(SHARED)) and p.prefixlen == 64 for p in acme)
        address = {host.name: eui64(prefixes[host.name], host.spec.mac) for host in (vm1, vm2, vm3)}
        # Nothing is on the link: everything goes by the router, and comes over it, hop limit and all.
        routes = vm1.run("ip", "-6", "route").stdout
        assert "default via fe80" in routes and "2001:db8:a00" not in routes.replace(f"{address[vm1.name]} ", ""), routes
        for other in (vm2, vm3):
            said = vm1.run("ping", "-c", "3", "-i", "0.2", address[other.name]).stdout
            assert said.count("ttl=63") == 3, said
        assert vm1.ping(eui64(wiring.PREFIX["blue"], vm4.spec.mac)) == 3
        assert vm4.ping(address[vm3.name]) == 3
        # An advertisement to one host tells that host's prefix, and nobody else hears it.
        with vm2.capture("icmp6") as theirs, vm1.capture("icmp6") as ours:
            vm1.run("rdisc6", "-1", "eth0")
            # Those that come unasked are for one host each too.
            wait_until("an unsolicited advertisement", lambda: adverts(theirs), timeout=40, pause=1)
        for host, wire in ((vm1, ours), (vm2, theirs)):
            expected = (host.spec.mac, str(prefixes[host.name].network_address), "0", "1", "0")
            heard = adverts(wire)
            assert heard and set(heard) == {expected}, (heard, expected)


def test_all_of_it_is_the_hosts_and_nothing_else(isolation):
    with shared(isolation) as (lab, prefixes):
        vm1, vm2, vm4 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm4"))
        other = eui64(wiring.PREFIX["blue"], vm4.spec.mac)
        # Any address that it takes, with nothing learned and nobody told.
        before = lab.controller.get("bindings", "--port", "acme/vm1")
        mine, theirs = prefixes[vm1.name], prefixes[vm2.name]
        for own in (str(mine[0xbeef]), str(mine[0x1_0002_0003_0004])):
            vm1.run("ip", "addr", "add", f"{own}/128", "dev", "eth0", "nodad")
            assert vm4.ping(own) == 3 and vm1.ping(other, options=("-I", own)) == 3, own
        vm1.run("ip", "addr", "add", f"{mine[0xdad]}/128", "dev", "eth0")
        wait_until("duplicate address detection", lambda: vm4.ping(str(mine[0xdad])) == 3)
        assert lab.controller.get("bindings", "--port", "acme/vm1") == before
        # No address of a neighbour's prefix, taken or not, and none of a prefix that is nobody's.
        nobodys = str(ipaddress.ip_network(SHARED)[(0xff << 64) + 0x99])
        for foreign in (str(theirs[0x99]), nobodys):
            vm1.run("ip", "addr", "add", f"{foreign}/128", "dev", "eth0", "nodad")
            with vm4.capture("icmp6") as wire:
                assert vm1.ping(other, options=("-I", foreign)) == 0, foreign
            assert wire.fields("ipv6.src", display=f"ipv6.src == {foreign}") == []
            vm1.run("ip", "addr", "del", f"{foreign}/128", "dev", "eth0")
        assert vm4.ping(nobodys, count=1) == 0
        # Another tenant has the same, and does not hear of it.
        assert lab.host("umbra", "vm1").ping(eui64(theirs, vm2.spec.mac), count=1) == 0
        # A controller that comes back gives nobody another.
        lab.controller.kill()
        lab.controller.start()
        for name, prefix in prefixes.items():
            tenant, vm = name.split("-")
            wait_phase(lab, tenant, vm, "Active")
            assert port(lab, tenant, vm)["status"]["prefixes"] == [str(prefix)]
        assert vm1.ping(eui64(theirs, vm2.spec.mac)) == 3
