"""DNS: names of ports, asked for by dig and by the C library with what real clients made of what they were told; and the rest of
the world's, by a real resolver."""

import re
import time

import wiring
from common import GATEWAY, address4, dvr, port, some_hosts, wait_phase
from sextantlab import wait_until
from sextantlab.dhcp4 import Dhclient4
from sextantlab.dhcp6 import Dhclient
from sextantlab.resolver import Resolver

# Both tenants have the same domains, and a port `db` on the same address; `only` is umbra's.
NAMES = [
    ("{name: red, type: overlay}", "{name: red, type: overlay, dns_domain: red.example}"),
    ("{name: blue, type: overlay}", "{name: blue, type: overlay, dns_domain: blue.example}"),
    ("{name: vm2, network: red,", "{name: vm2, network: red, dns_name: db,"),
    ("{name: vm6, network: blue,", "{name: vm6, network: blue, dns_name: Web.Blue.Example.,"),
    ("{name: vm7, network: red,", "{name: vm7, network: red, dns_name: only,"),
]
ACME = some_hosts("acme-vm1", "acme-vm2", "acme-vm6")


def dig(host, *words):
    """What dig says of a question: status, flags, and the answers' data."""
    done = host.run("dig", "+tries=1", "+time=6", *words)
    status = re.search(r"status: (\w+)", done.stdout)
    flags = re.search(r"flags: ([\w ]*);", done.stdout)
    section = re.search(r";; ANSWER SECTION:\n(.*?)\n\n", done.stdout, re.S)
    lines = section[1].splitlines() if section else []
    data = [line.split(None, 4)[4] for line in lines]
    return status and status[1], set(flags[1].split()) if flags else set(), data, done.stdout


def test_names_of_ports(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2", "acme-vm6", "umbra-vm1", "umbra-vm7"), edits=NAMES) as lab:
        vm1, vm2, vm6 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm6"))
        at = f"@{GATEWAY['red']}"
        status, flags, answers, said = dig(vm1, at, "db.red.example", "AAAA")
        assert (status, answers) == ("NOERROR", [wiring.address(vm2)]) and {"aa", "ra"} <= flags, said
        assert "udp: 1232" in said, said
        assert "malformed" not in said.lower() and "warning" not in said.lower(), said
        # The router's other addresses, and without a domain.
        assert dig(vm1, "@fe80::1%eth0", "DB.Red.Example", "AAAA")[2] == [wiring.address(vm2)]
        assert dig(vm1, f"@{GATEWAY['blue']}", "db", "AAAA", "+noedns")[2] == [wiring.address(vm2)]
        # Of another network behind the router, and back from an address.
        assert dig(vm1, at, "web.blue.example", "AAAA")[2] == [wiring.address(vm6)]
        assert dig(vm1, at, "-x", wiring.address(vm6))[2] == ["web.blue.example."]
        assert dig(vm6, f"@{GATEWAY['blue']}", "-x", wiring.address(vm2))[2] == ["db.red.example."]
        # One without a name of its own has its address'.
        called = dig(vm6, f"@{GATEWAY['blue']}", "-x", wiring.address(vm1))[2][0]
        assert called.startswith("host-2001-db8-a-") and dig(vm6, f"@{GATEWAY['blue']}", called, "AAAA")[2] == [wiring.address(vm1)]
        # What there is not: of that type, of that name, and of another tenant's.
        status, flags, answers, said = dig(vm1, at, "db.red.example", "A")
        assert (status, answers) == ("NOERROR", []) and "SOA" in said and "aa" in flags, said
        for name in ("none.red.example", "only.red.example"):
            status, flags, answers, said = dig(vm1, at, name, "AAAA")
            assert (status, answers) == ("NXDOMAIN", []) and re.search(r"red\.example\.\s+10\s+IN\s+SOA", said), said
        umbra = lab.host("umbra", "vm1")
        assert dig(umbra, at, "only.red.example", "AAAA")[2] == [wiring.address(lab.host("umbra", "vm7"))]
        assert dig(umbra, at, "web.blue.example", "AAAA")[0] == "NXDOMAIN"
        # Nobody else is asked where there is no resolver; and nobody listens to TCP.
        assert dig(vm1, at, "www.example.net", "AAAA")[0] == "SERVFAIL"
        assert "refused" in dig(vm1, at, "db.red.example", "AAAA", "+tcp")[3]
        # `trace` knows whose it is.
        traced = lab.controller.call("trace", "--port", "acme/vm1", f"udp from {wiring.address(vm1)} to {GATEWAY['red']} dport 53")
        assert traced.rstrip().endswith("punted: dns"), traced
        assigned = port(lab, "acme", "vm2")["status"]["dns_assignment"]
        assert {"hostname": "db", "ip_address": wiring.address(vm2), "fqdn": "db.red.example"} in assigned, assigned


def test_clients_are_told_and_find(isolation):
    edits = [*NAMES, ("{name: red4, network: red, cidr: 10.1.0.0/24}", "{name: red4, network: red, cidr: 10.1.0.0/24, enable_dhcp: true}"),
             ("    cidr: 2001:db8:a::/64\n    gateway_ip: 2001:db8:a::1\n    ipv6_ra_mode: slaac\n    ipv6_address_mode: slaac\n",
              "    cidr: 2001:db8:a::/64\n    gateway_ip: 2001:db8:a::1\n    ipv6_ra_mode: dhcpv6-stateless\n"
              "    ipv6_address_mode: dhcpv6-stateless\n")]
    with dvr(isolation, dual=True, hosts=ACME, edits=edits) as lab:
        vm1, vm2, vm6 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm6"))
        advert = vm1.run("rdisc6", "-1", "eth0").stdout
        assert re.search(rf"Recursive DNS server\s+: {GATEWAY['red']}\n", advert), advert
        assert re.search(r"DNS search list\s+: red\.example\b", advert), advert
        six = Dhclient(vm1, settings=True)
        six.start()
        six.wait()
        assert six.told() == ([GATEWAY["red"]], ["red.example"])
        assert six.getent("ahostsv6", "db")[0][0] == wiring.address(vm2)
        assert six.getent("ahostsv6", "web.blue.example")[0][0] == wiring.address(vm6)
        assert six.getent("hosts", wiring.address(vm2)) == [[wiring.address(vm2), "db.red.example"]]
        assert six.getent("ahosts", "nobody") == []
        six.vanish()
        four = Dhclient4(vm1)
        four.start()
        four.wait_lease("10.1.0.0/24")
        # Its script configures the address first.
        wait_until("dhclient's resolv.conf", lambda: four.told()[0])
        assert four.told() == (["10.1.0.1"], ["red.example"])
        assert four.getent("ahostsv4", "db")[0][0] == address4(vm2)
        assert four.getent("ahostsv6", "db")[0][0] == wiring.address(vm2)
        assert four.getent("hosts", address4(vm2)) == [[address4(vm2), "db.red.example"]]


def test_what_others_know(isolation):
    resolvers = []

    def flags(lab):
        dead, alive = lab.controller.free_ports(2)
        resolvers.append(Resolver(lab.isolation, alive))
        # The first does not answer: the second is asked then.
        return ["--dns-forwarder", f"[::1]:{dead}", "--dns-forwarder", resolvers[0].address]

    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2"), edits=NAMES, flags=flags) as lab:
        resolver, vm1, at = resolvers[0], lab.host("acme", "vm1"), f"@{GATEWAY['red']}"
        long, huge = ["a" * 200] * 4, ["b" * 200] * 8
        try:
            resolver.start([("www.example.net", "2001:db8:77::7"), ("www.example.net", "192.0.2.7")],
                           [("long.example.net", long), ("huge.example.net", huge)])
            found = wait_until("the resolver's answer", lambda: dig(vm1, at, "www.example.net", "AAAA")[2])
            assert found == ["2001:db8:77::7"]
            status, flags_, answers, said = dig(vm1, at, "www.example.net", "A", "+noedns")
            assert (status, answers) == ("NOERROR", ["192.0.2.7"]) and "ra" in flags_, said
            # What the resolver gives by TCP only, still fits the host; or only its name does; or not even that.
            assert len(dig(vm1, at, "long.example.net", "TXT")[2][0]) > 800
            cut = dig(vm1, at, "huge.example.net", "TXT", "+ignore")
            assert cut[2] == [] and "tc" in cut[1], cut[3]
            cut = dig(vm1, at, "long.example.net", "TXT", "+ignore", "+noedns")
            assert cut[2] == [] and "tc" in cut[1], cut[3]
            # What is ours is asked of nobody.
            assert dig(vm1, at, "db.red.example", "AAAA")[2] == [wiring.address(lab.host("acme", "vm2"))]
            assert dig(vm1, at, "none.red.example", "AAAA")[0] == "NXDOMAIN"
            asked = resolver.asked()
            assert asked and all(name.endswith("example.net") for _, name in asked), asked
        finally:
            resolver.stop()
        before = time.monotonic()
        assert dig(vm1, at, "www.example.net", "AAAA")[0] == "SERVFAIL"
        assert time.monotonic() - before < 5
        try:
            resolver.start([("www.example.net", "2001:db8:77::8")])
            wait_until("the resolver answers again", lambda: dig(vm1, at, "www.example.net", "AAAA")[2] == ["2001:db8:77::8"])
        finally:
            resolver.stop()
        assert lab.controller.metric('sextant_punts_total{operation="dns",result="relayed"}') > 0


def test_a_network_without_router(isolation):
    edits = [*NAMES, ("interfaces: [{subnet: red6}, {subnet: blue6}]", "interfaces: [{subnet: blue6}]")]
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2"), edits=edits) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        advert = vm1.run("rdisc6", "-1", "eth0").stdout
        server = re.search(r"Recursive DNS server\s+: (fe80:\S+)", advert)
        assert server, advert
        for _ in range(2):
            assert dig(vm1, f"@{server[1]}%eth0", "db", "AAAA")[2] == [wiring.address(vm2)]
            # The second time the host has to find it again.
            vm1.run("ip", "neigh", "flush", "dev", "eth0")
        # It stays reachable: the kernel asks it alone whether it is still there.
        vm1.run("ip", "neigh", "change", server[1], "dev", "eth0", "nud", "delay")
        assert dig(vm1, f"@{server[1]}%eth0", "db", "AAAA")[2] == [wiring.address(vm2)]

        def reachable():
            shown = vm1.run("ip", "-6", "neigh", "show", server[1]).stdout
            return "REACHABLE" in shown

        wait_until("the neighbour is confirmed", reachable, timeout=15)
        wait_phase(lab, "acme", "vm1", "Active")
