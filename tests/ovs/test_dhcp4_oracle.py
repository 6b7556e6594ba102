"""dnsmasq as an oracle: the same client, with the same MAC and the same wishes, asks it and us for the same things."""

import os
import subprocess
import time

from sextantlab import ChassisSpec, HostSpec, Lab
from sextantlab.dhcp4 import Dhclient4, Dhcpcd4
from sextantlab.host import Host

PREFIX, ADDRESS, GATEWAY, MAC = "10.7.0.0/24", "10.7.0.20", "10.7.0.1", "02:00:00:00:07:0a"
SITE = f"""\
tenant: acme
chassis: [{{name: hv1, datapath_id: "0000000000000001", tunnel_ip: "fd00:a::1"}}]
fabric: {{encap: geneve}}
networks: [{{name: n, mtu: 1400, dns_domain: n.example.net}}]
subnets:
  - name: four
    network: n
    cidr: {PREFIX}
    gateway_ip: {GATEWAY}
    dhcp_lease_s: 7200
    dns_nameservers: [192.0.2.53, 192.0.2.54]
    host_routes: [{{destination: 10.77.0.0/16, nexthop: 10.7.0.9}}, {{destination: 10.78.64.0/18, nexthop: 10.7.0.9}}]
    extra_dhcp_opts:
      - {{opt_name: ntp-server, opt_value: "192.0.2.123,192.0.2.124"}}
      - {{opt_name: bootfile-name, opt_value: all.0}}
      - {{opt_name: tftp-server, opt_value: tftp.example.net}}
      - {{opt_name: "150", opt_value: "192.0.2.69"}}
routers: [{{name: r1, interfaces: [{{subnet: four}}]}}]
ports:
  - name: a
    network: n
    mac_address: "{MAC}"
    fixed_ips: [{{ip_address: {ADDRESS}}}]
    binding: {{chassis: hv1, interface: acme-a}}
"""
# The same in dnsmasq's words, without the names that clients call themselves. It adds no default route to those of option 121
# (RFC 3442: who has that, minds no option 3).
DNSMASQ = f"""\
port=0
interface=eth0
bind-interfaces
dhcp-authoritative
dhcp-ignore-names
dhcp-rapid-commit
dhcp-range={ADDRESS},{ADDRESS},255.255.255.0,2h
dhcp-host={MAC},{ADDRESS}
dhcp-option=option:router,{GATEWAY}
dhcp-option=option:dns-server,192.0.2.53,192.0.2.54
dhcp-option=option:domain-name,n.example.net
dhcp-option=option:domain-search,n.example.net
dhcp-option=option:mtu,1400
dhcp-option=option:classless-static-route,10.77.0.0/16,10.7.0.9,10.78.64.0/18,10.7.0.9,0.0.0.0/0,{GATEWAY}
dhcp-option=option:ntp-server,192.0.2.123,192.0.2.124
dhcp-option=option:bootfile-name,all.0
dhcp-option=option:tftp-server,tftp.example.net
dhcp-option=150,192.0.2.69
"""
READ = """
import sys
for packet in rdpcap(sys.argv[1]):
    if DHCP in packet and packet[BOOTP].op == 2:
        options = bytes(packet[BOOTP].payload)
        head = packet[BOOTP]
        print(packet[IP].src, head.yiaddr, options.hex())
"""
# Everything that there is to be told, as dhclient's configuration has it.
WISHES = ("option tftp-servers code 150 = array of ip-address;\n"
          "option classless code 121 = array of unsigned integer 8;\n"
          "request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, interface-mtu, ntp-servers,"
          " tftp-server-name, bootfile-name, tftp-servers, classless;\n")


class Wishes(Dhclient4):
    """dhclient that wants all of it."""

    name = "wishes"
    own_files = (("dhclient.lab", WISHES),)

    def command(self):
        return ["dhclient", "-4", "-d", "-v", "-cf", "/etc/dhclient.lab", self.device]


def options(data):
    """A DHCP message's options, by their numbers."""
    found, at = {}, 0
    while at < len(data) and data[at] != 255:
        if data[at]:
            found[data[at]] = data[at + 2:at + 2 + data[at + 1]]
        at += 2 + data[at + 1] if data[at] else 1
    return found


def answers(host, client):
    """What a server said to a client: message type to server, address and options."""
    with host.capture("udp port 67") as wire:
        client.start()
        assert client.wait_lease(PREFIX) == ADDRESS
        time.sleep(0.2)
    client.vanish()
    done = subprocess.run(["/usr/bin/python3", "-c", "from scapy.all import *\n" + READ, wire.file], capture_output=True, text=True,
                          check=True)
    said = {}
    for server, address, data in (line.split() for line in done.stdout.splitlines()):
        found = options(bytes.fromhex(data))
        said[found[53][0]] = (server, address, found)
    return said


def oracle(lab):
    """A host with the port's MAC, on a cable to one that runs dnsmasq; neither is on any chassis."""
    asker = lab.net.addHost("asker", cls=Host, spec=HostSpec("none", "asker", "none", "none", MAC), ip=None, mac=None)
    server = lab.net.addHost("oracle", cls=Host, spec=HostSpec("none", "oracle", "none", "none", "02:00:00:00:07:01"),
                             ip=None, mac=None)
    lab.net.addLink(asker, server, intfName1="eth0", intfName2="eth0", addr1=MAC, addr2="02:00:00:00:07:01")
    server.spec.addresses = [f"{GATEWAY}/24"]
    for host in (asker, server):
        host.configure()
    folder = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "dnsmasq")
    os.makedirs(folder)
    with open(f"{folder}/conf", "w", encoding="ascii") as file:
        file.write(DNSMASQ)
    process = server.popen(["dnsmasq", "-k", "-C", f"{folder}/conf", "--user=root", "--pid-file", f"--dhcp-leasefile={folder}/leases"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return asker, process


def test_the_same_options_as_dnsmasq(isolation):
    with Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], [HostSpec("acme", "a", "n", "hv1", MAC)]) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        asker, process = oracle(lab)
        ours = lab.host("acme", "a")
        try:
            for kind in (Wishes, Dhclient4, Dhcpcd4):
                theirs, told = answers(asker, kind(asker)), answers(ours, kind(ours))
                assert set(theirs) == set(told) and 5 in told, (kind.name, set(theirs), set(told))
                for message in told:
                    assert told[message][:2] == theirs[message][:2] == (GATEWAY, ADDRESS), (told[message][:2], theirs[message][:2])
                    compare(kind.name, told[message][2], theirs[message][2])
        finally:
            process.terminate()
            process.wait()


def compare(client, ours, theirs):
    """Each option's bytes are the same, but for the NUL that dnsmasq ends names of files and servers with (RFC 2132, 2)."""
    theirs |= {code: theirs[code].rstrip(b"\0") for code in (66, 67) if code in theirs}
    print(client, "was told options", sorted(ours), "by us,", sorted(theirs), "by dnsmasq")
    differ = {code: (ours.get(code), theirs.get(code)) for code in ours.keys() | theirs.keys() if ours.get(code) != theirs.get(code)}
    assert differ == {}, f"{client}: {differ}"
