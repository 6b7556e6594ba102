"""Options of DHCP by name: real clients are told what subnets and ports say, and tshark reads them without fault."""

import contextlib
import re
import time

from sextantlab import ChassisSpec, HostSpec, Lab, Refused, wait_until
from sextantlab.dhcp4 import Dhclient4

SIX, FOUR = "2001:db8:7::/64", "10.7.0.0/24"
SITE = """\
tenant: acme
chassis: [{name: hv1, datapath_id: "0000000000000001", tunnel_ip: "fd00:a::1"}]
fabric: {encap: geneve}
networks: [{name: n, dns_domain: n.example.net, captive_portal: "https://portal.example.net/api"}]
subnets:
  - name: six
    network: n
    cidr: 2001:db8:7::/64
    ipv6_ra_mode: dhcpv6-stateful
    ipv6_address_mode: dhcpv6-stateful
    dns_nameservers: [2001:db8::53]
    router_preference: high
    host_routes: [{destination: "2001:db8:f::/48", nexthop: "2001:db8:7::"}]
    extra_dhcp_opts:
      - {opt_name: ntp-servers, opt_value: "2001:db8::123,ntp.example.net"}
      - {opt_name: sntp-server, opt_value: "2001:db8::124"}
      - {opt_name: bootfile-url, opt_value: "tftp://[2001:db8::69]/all.efi"}
      - {opt_name: bootfile-param, opt_value: "root=/dev/nfs,ro"}
      - {opt_name: vendor-opts, opt_value: "9,0x0001000107"}
  - name: four
    network: n
    cidr: 10.7.0.0/24
    dns_nameservers: [192.0.2.53]
    extra_dhcp_opts:
      - {opt_name: ntp-server, opt_value: "192.0.2.123"}
      - {opt_name: bootfile-name, opt_value: all.0}
      - {opt_name: tftp-server, opt_value: tftp.example.net}
      - {opt_name: "150", opt_value: "192.0.2.69"}
      - {opt_name: server-ip-address, opt_value: "192.0.2.70"}
      - {opt_name: vendor-encap, opt_value: "01:01:07"}
routers: [{name: r, interfaces: [{subnet: six}, {subnet: four}]}]
ports:
  - {name: a, network: n, mac_address: "02:00:00:00:07:0a", binding: {chassis: hv1, interface: acme-a}}
  - name: b
    network: n
    mac_address: "02:00:00:00:07:0b"
    binding: {chassis: hv1, interface: acme-b}
    extra_dhcp_opts:
      - {opt_name: bootfile-name, opt_value: own.0}
      - {opt_name: server-ip-address, opt_value: "192.0.2.71"}
      - {opt_name: dns-server, opt_value: "192.0.2.54"}
      - {opt_name: mtu, opt_value: "1400"}
      - {opt_name: bootfile-url, opt_value: "https://own.example.net/b.efi", ip_version: 6}
      - {opt_name: dns-server, opt_value: "2001:db8::54", ip_version: 6}
"""


@contextlib.contextmanager
def lab_of(isolation, text=SITE):
    """One hypervisor, two hosts that everything is told by DHCP."""
    hosts = [HostSpec("acme", name, "n", "hv1", f"02:00:00:00:07:0{name}") for name in "ab"]
    with Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], hosts) as lab:
        lab.controller.start()
        lab.controller.apply_text(text)
        yield lab


class Boots4(Dhclient4):
    """dhclient that asks for what a machine without a disk needs, and for its MTU."""

    name = "boots4"
    own_files = (("dhclient.lab", "option tftp-servers code 150 = array of ip-address;\n"
                  "request subnet-mask, interface-mtu, domain-name-servers, ntp-servers, tftp-server-name, bootfile-name,"
                  " vendor-encapsulated-options, tftp-servers;\n"),)

    def command(self):
        return ["dhclient", "-4", "-d", "-v", "-cf", "/etc/dhclient.lab", "eth0"]

    def lease(self):
        """What its lease file says: each option with its value."""
        text = self._read("lib/dhclient.leases")
        return dict(re.findall(r"^\s*option ([a-z0-9.-]+) (.*);$", text, re.M))


class Boots6(Boots4):
    """The same for IPv6."""

    name = "boots6"
    own_files = (("dhclient.lab", "option dhcp6.time code 56 = string;\nrequest dhcp6.name-servers, dhcp6.domain-search, dhcp6.time,"
                  " dhcp6.sntp-servers, dhcp6.bootfile-url, dhcp6.bootfile-params, dhcp6.vendor-opts;\n"),)

    def command(self):
        return ["dhclient", "-6", "-d", "-v", "-cf", "/etc/dhclient.lab", "eth0"]

    def lease(self):
        text = self._read("lib/dhclient6.leases")
        return dict(re.findall(r"^\s*option ([a-z0-9.-]+) (.*);$", text, re.M))


def told(client, prefix):
    """What a client was told, once it has its lease."""
    client.start()
    client.host.wait_address(prefix)
    lease = wait_until(f"the lease of {client.name}", client.lease)
    client.vanish()
    return lease


def clean(wire):
    """tshark finds no fault with what the server said."""
    ours = "(udp.srcport == 67 || udp.srcport == 547)"
    assert wire.fields("frame.number", display=ours) != []
    faults = wire.fields("frame.number", "_ws.expert.message", display=f"{ours} && (_ws.expert.severity >= 0x600000 || _ws.malformed)")
    assert faults == [], faults


def test_bootable_by_both_families(isolation):
    with lab_of(isolation) as lab:
        with lab.host("acme", "a").capture("udp") as a, lab.host("acme", "b").capture("udp") as b:
            leases = {name: (told(Boots4(lab.host("acme", name)), FOUR), told(Boots6(lab.host("acme", name)), SIX)) for name in "ab"}
        for wire in (a, b):
            clean(wire)
        four, six = leases["a"]
        assert (four["ntp-servers"], four["bootfile-name"], four["tftp-server-name"], four["tftp-servers"]) == \
            ("192.0.2.123", '"all.0"', '"tftp.example.net"', "192.0.2.69"), four
        assert four["vendor-encapsulated-options"] == "1:1:7", four
        assert four["domain-name-servers"] == "192.0.2.53", four
        assert (six["dhcp6.sntp-servers"], six["dhcp6.bootfile-url"]) == ("2001:db8::124", '"tftp://[2001:db8::69]/all.efi"'), six
        assert six["dhcp6.name-servers"] == "2001:db8::53", six
        # A port's own options win, and it has the rest of the subnet's.
        four, six = leases["b"]
        assert (four["bootfile-name"], four["domain-name-servers"], four["interface-mtu"]) == ('"own.0"', "192.0.2.54", "1400"), four
        assert four["tftp-server-name"] == '"tftp.example.net"', four
        assert (six["dhcp6.bootfile-url"], six["dhcp6.name-servers"]) == ('"https://own.example.net/b.efi"', "2001:db8::54"), six
        next_server = [{row[0] for row in wire.fields("dhcp.ip.server", display="udp.srcport == 67")} for wire in (a, b)]
        assert next_server == [{"192.0.2.70"}, {"192.0.2.71"}]
        # RFC 5908: a server by address and one by name, an option each. RFC 8415, 21.17: a vendor by its number.
        said = a.fields("dhcpv6.option.type", "dhcpv6.vendoropts.enterprise", display="dhcpv6.msgtype == 7")
        assert said and all(types.split(",").count("56") == 2 and vendor == "9" for types, vendor in said), said
        with open(a.file, "rb") as file:
            assert b"\x03ntp\x07example\x03net\0" in file.read()


def test_preference_and_portal(isolation):
    with lab_of(isolation) as lab:
        host = lab.host("acme", "a")
        portal = "https://portal.example.net/api"

        def preferences():
            routes = host.run("ip", "-6", "route").stdout.splitlines()
            return {route.split()[0]: route.split(" pref ")[1].split()[0] for route in routes if " proto ra " in route}

        host.cmd("sysctl -qw net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=64")
        host.run("rdisc6", "-1", "-q", "eth0")
        wait_until("the kernel knows what to prefer", lambda: preferences() == {"default": "high", "2001:db8:f::/48": "high"})
        # Told while it runs: the kernel hears of it unasked.
        lab.controller.apply_text(SITE.replace("router_preference: high", "router_preference: low"))
        wait_until("and of the change", lambda: preferences() == {"default": "low", "2001:db8:f::/48": "low"})
        with host.capture("udp or icmp6") as wire:
            host.run("rdisc6", "-1", "-q", "eth0")
            six = "dhcp6.portal code 103 = text;\nrequest dhcp6.portal;\n"
            four = "portal code 114 = text;\nrequest subnet-mask, portal;\n"
            for kind, prefix, config, name in ((Boots6, SIX, six, "dhcp6.portal"), (Boots4, FOUR, four, "portal")):
                asks = type("Asks", (kind,), {"own_files": (("dhclient.lab", f"option {config}"),)})
                assert told(asks(host), prefix)[name] == f'"{portal}"'
            time.sleep(0.2)
        clean(wire)
        seen = wire.fields("icmpv6.opt.captive_portal", "icmpv6.nd.ra.flag.prf", display="icmpv6.type == 134")
        assert seen and all(row == [portal, "3"] for row in seen), seen
        assert wire.fields("frame.number", display="icmpv6 && (_ws.expert.severity >= 0x600000 || _ws.malformed)") == []


def test_unknown_options_are_refused_with_the_list(isolation):
    with lab_of(isolation) as lab:
        text = SITE.replace("opt_name: bootfile-name, opt_value: own.0", "opt_name: bootfle-name, opt_value: own.0")
        try:
            lab.controller.apply_text(text)
        except Refused as refused:
            assert re.search(r"intent\.yaml:\d+: ports\[1\]\.extra_dhcp_opts\[0\]\.opt_name: .*bootfile-name", refused.reasons), refused
        else:
            raise AssertionError("it was accepted")
