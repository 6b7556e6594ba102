"""A client that takes reconfigure messages is told to renew at once when its port has another address; dhcpcd does it."""

import subprocess

from sextantlab import ChassisSpec, HostSpec, Lab, wait_until
from sextantlab.dhcp6 import Dhcpcd

SITE = """\
tenant: acme
chassis: [{name: hv1, datapath_id: "0000000000000001", tunnel_ip: "fd00:a::1"}]
fabric: {encap: geneve}
networks: [{name: n}]
subnets:
  - name: six
    network: n
    cidr: 2001:db8:7::/64
    ipv6_ra_mode: dhcpv6-stateful
    ipv6_address_mode: dhcpv6-stateful
    dns_nameservers: [2001:db8::53]
ports:
  - name: a
    network: n
    mac_address: "02:00:00:00:07:0a"
    fixed_ips: [{ip_address: "2001:db8:7::11"}]
    binding: {chassis: hv1, interface: acme-a}
"""

# A client by hand. It says what it has, waits to be told, holds the digest against its own, and renews.
CLIENT = """
import hashlib, hmac
mac = get_if_hwaddr('eth0')
own = in6_ptop("fe80::" + in6_mactoifaceid(mac))
me = DHCP6OptClientId(duid=DUID_LL(lladdr=mac))

def say(message, *options):
    head = Ether(src=mac, dst='33:33:00:01:00:02') / IPv6(src=own, dst='ff02::1:2', hlim=1) / UDP(sport=546, dport=547)
    for option in options:
        message = message / option
    sniffer = AsyncSniffer(iface='eth0', count=1, timeout=5, lfilter=ours)
    sniffer.start()
    time.sleep(0.3)
    sendp(head / message, iface='eth0')
    sniffer.join()
    return sniffer.results[0]

def ours(packet):
    return UDP in packet and packet[UDP].sport == 547 and packet[IPv6].dst == own

def association(*addresses):
    return DHCP6OptIA_NA(iaid=9, ianaopts=[DHCP6OptIAAddress(addr=address) for address in addresses])

def leased(packet):
    return [(o.addr, o.validlft) for o in packet[DHCP6OptIA_NA].ianaopts if isinstance(o, DHCP6OptIAAddress)]

accept = DHCP6OptReconfAccept()
server = say(DHCP6_Solicit(trid=1), me, accept, association())[DHCP6OptServerId]
server = DHCP6OptServerId(duid=server.duid)
reply = say(DHCP6_Request(trid=2), me, server, accept, association())
auth = reply[DHCP6OptAuth]
information = bytes(auth.authinfo)
assert (auth.proto, auth.alg, auth.rdm, information[0], len(information)) == (3, 1, 0, 1, 17), auth.show(dump=True)
key = information[1:]
print('leased', leased(reply), flush=True)
told = sniff(iface='eth0', count=1, timeout=20, lfilter=ours)[0]
message = bytes(told[UDP].payload)
assert message[0] == 10 and message[1:4] == bytes(3), message.hex()
assert told[DHCP6OptReconfMsg].msgtype == 5 and bytes(told[DHCP6OptClientId].duid) == bytes(me.duid)
assert bytes(told[DHCP6OptServerId].duid) == bytes(server.duid)
auth2 = told[DHCP6OptAuth]
digest = bytes(auth2.authinfo)
assert (auth2.proto, auth2.alg, auth2.rdm, digest[0]) == (3, 1, 0, 2)
assert bytes(auth2.replay) > bytes(auth.replay)
at = message.index(digest[1:])
zeroed = message[:at] + bytes(16) + message[at + 16:]
assert hmac.new(key, zeroed, hashlib.md5).digest() == digest[1:], 'the digest is wrong'
print('told', flush=True)
old = [address for address, _ in leased(reply)]
print('renewed', leased(say(DHCP6_Renew(trid=3), me, server, accept, association(*old))), flush=True)
more = sniff(iface='eth0', timeout=3, lfilter=ours)
print('then', len(more), flush=True)
"""


def lab_of(isolation):
    """One hypervisor, one host."""
    return Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], [HostSpec("acme", "a", "n", "hv1", "02:00:00:00:07:0a")])


def moved():
    """The port has another address."""
    return SITE.replace("7::11", "7::22")


def reconfigures(lab, result):
    """How often it came to that."""
    return lab.controller.metrics().get(f'sextant_dhcp6_reconfigures_total{{result="{result}"}}', 0)


def test_by_hand_to_the_last_byte(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        host = lab.host("acme", "a")
        wait_until("the host is up", lambda: "fe80" in host.run("ip", "-6", "addr", "show", "dev", "eth0", "-tentative").stdout)
        with host.capture("udp port 546") as wire:
            client = host.popen(["/usr/bin/python3", "-c", "from scapy.all import *\nconf.verb = 0\n" + CLIENT],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                first = client.stdout.readline()
                assert first.startswith("leased [('2001:db8:7::11', "), first + client.stdout.read()
                lab.controller.apply_text(moved())
                rest = client.stdout.read().splitlines()
            finally:
                client.kill()
                client.wait()
        assert rest[0] == "told", rest
        # The new one, and the old one with no time left; nothing more after that.
        assert rest[1].startswith("renewed [('2001:db8:7::22', ") and "('2001:db8:7::11', 0)" in rest[1], rest
        assert rest[2] == "then 0", rest
        counted = tuple(reconfigures(lab, word) for word in ("sent", "heard", "given_up"))
        # On a busy machine the client may take more than the two seconds after which it is told again.
        assert counted in ((1, 1, 0), (2, 1, 0)), counted
        assert wire.fields("frame.number", "_ws.expert.message", display="udp.srcport == 547 && (_ws.expert.severity >= 0x600000 || _ws.malformed)") == []
        assert wire.fields("frame.number", display="dhcpv6.msgtype == 10") != []


class Reconfigured(Dhcpcd):
    """dhcpcd that takes reconfigure messages."""

    name = "reconfigured"

    def command(self):
        command = super().command()
        with open(f"{self.home}/etc/dhcpcd.conf.lab", "a", encoding="ascii") as config:
            config.write("option dhcp6_reconfigure_accept\n")
        return command


def test_dhcpcd_renews_at_once(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        client = Reconfigured(lab.host("acme", "a"))
        client.start()
        assert client.wait("2001:db8:7::/64") == "2001:db8:7::11"
        lab.controller.apply_text(moved())
        wait_until("dhcpcd has the new address", lambda: client.host.addresses() == ["2001:db8:7::22"], timeout=10)
        assert reconfigures(lab, "heard") >= 1
        client.vanish()
