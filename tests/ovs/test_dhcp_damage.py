"""What no good client sends, by both DHCPs and at once, from one port: it is dropped by name, and its neighbour does not notice."""

import time

from sextantlab import ChassisSpec, HostSpec, Lab, wait_until
from sextantlab.dhcp4 import Dhclient4
from sextantlab.dhcp6 import Dhclient

SIX, FOUR = "2001:db8:7::/64", "10.7.0.0/24"
SITE = """\
tenant: acme
chassis: [{name: hv1, datapath_id: "0000000000000001", tunnel_ip: "fd00:a::1"}]
fabric: {encap: geneve}
networks: [{name: n}]
subnets:
  - {name: six, network: n, cidr: "2001:db8:7::/64", ipv6_ra_mode: dhcpv6-stateful, ipv6_address_mode: dhcpv6-stateful,
     dns_nameservers: ["2001:db8::53"]}
  - {name: four, network: n, cidr: 10.7.0.0/24}
ports:
  - {name: bad, network: n, mac_address: "02:00:00:00:07:0a", binding: {chassis: hv1, interface: acme-bad}}
  - {name: good, network: n, mac_address: "02:00:00:00:07:0b", binding: {chassis: hv1, interface: acme-good}}
  - {name: none, network: n, mac_address: "02:00:00:00:07:0c", fixed_ips: [], binding: {chassis: hv1, interface: acme-none}}
"""

# A discover, and what is wrong with each of its siblings: the payload of UDP, in hexadecimal, by the reason that it is dropped for.
MAC = bytes.fromhex("02000000070a")


def discover(options, op=1, hardware=1, length=6, giaddr=bytes(4), mac=MAC, sname=b"", file=b"", cookie=b"\x63\x82\x53\x63"):
    """A client's message, its options as bytes."""
    head = bytes([op, hardware, length, 0]) + b"\x00\x00\x00\x07" + bytes(4) + bytes(12) + giaddr + mac.ljust(16, b"\x00")
    return head + sname.ljust(64, b"\x00") + file.ljust(128, b"\x00") + cookie + options


KIND = b"\x35\x01\x01"
WRONG = [
    ("malformed", b"\x01\x01\x06"),
    ("malformed", discover(KIND)[:239]),
    ("malformed", discover(KIND + b"\x37\xff\x01")),  # longer than what is left
    ("malformed", discover(KIND + b"\x37")),  # half an option's head
    ("malformed", discover(KIND + b"\x34\x01\x03\xff", file=b"\x43\xff", sname=b"\x42\xff")),  # goes on where there is no room
    ("malformed", discover(KIND + b"\x70\x00" * 300 + b"\xff")),  # more options than anybody needs
    ("malformed", discover(KIND, hardware=6, length=16)),
    ("malformed", discover(KIND, cookie=b"\x01\x02\x03\x04")),
    ("says_no_type", discover(b"\xff")),
    ("says_no_type", discover(b"\x35\x02\x01\x01\xff")),
    ("says_no_type", discover(b"\x35\x01\x63\xff")),
    ("says_no_type", discover(b"\x00" * 400)),
    ("not_a_clients", discover(b"\x35\x01\x05\xff")),
    ("not_a_clients", discover(KIND, op=2)),
    ("from_a_relay", discover(KIND, giaddr=b"\x0a\x07\x00\x63")),
    ("foreign_client", discover(KIND, mac=bytes(6))),
    ("names_no_address", discover(b"\x35\x01\x03\xff")),
    ("for_another_server", discover(b"\x35\x01\x03\x36\x04\x01\x02\x03\x04\x32\x04\x0a\x07\x00\x02\xff")),
]

SEND = """
for payload in %r:
    head = Ether(src='02:00:00:00:07:0a', dst='ff:ff:ff:ff:ff:ff') / IP(src='0.0.0.0', dst='255.255.255.255') / UDP(sport=68, dport=67)
    sendp(head / Raw(bytes.fromhex(payload)), iface='eth0')
    time.sleep(0.02)
"""

# Mutations of good messages of both families, by a seed.
FUZZ = """
import random
dice = random.Random(%d)
mac, own = '02:00:00:00:07:0a', in6_ptop('fe80::' + in6_mactoifaceid('02:00:00:00:07:0a'))
six = bytes(DHCP6_Solicit(trid=7) / DHCP6OptClientId(duid=DUID_LL(lladdr=mac)) / DHCP6OptRapidCommit() /
            DHCP6OptIA_NA(iaid=1, ianaopts=[DHCP6OptIAAddress(addr='2001:db8:7::9')]) / DHCP6OptOptReq(reqopts=[23, 24, 39, 56]))
four = bytes(BOOTP(chaddr=bytes.fromhex(mac.replace(':', '')), xid=7) / DHCP(options=[('message-type', 'request'),
             ('requested_addr', '10.7.0.2'), ('param_req_list', [1, 3, 6, 15, 26, 121]), 'end']))
heads = {six: Ether(src=mac, dst='33:33:00:01:00:02') / IPv6(src=own, dst='ff02::1:2', hlim=1) / UDP(sport=546, dport=547),
         four: Ether(src=mac, dst='ff:ff:ff:ff:ff:ff') / IP(src='0.0.0.0', dst='255.255.255.255') / UDP(sport=68, dport=67)}
socket = conf.L2socket(iface='eth0')
until = time.time() + 8
while time.time() < until:
    for whole, head in heads.items():
        bad = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(240 if whole is four else 0, len(bad))
            bad[at:at + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
        socket.send(head / Raw(bytes(bad[:dice.randrange(len(bad) // 2, len(bad) + 1)])))
"""


def lab_of(isolation):
    """One hypervisor; one host that is bad, one that is good, one that no address is left for."""
    hosts = [HostSpec("acme", name, "n", "hv1", f"02:00:00:00:07:{mac}") for name, mac in (("bad", "0a"), ("good", "0b"), ("none", "0c"))]
    return Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], hosts)


def punts(lab, operation):
    """How often each end of a message was counted, by its name."""
    head = f'sextant_punts_total{{operation="{operation}",result="'
    return {name[len(head):-2]: int(count) for name, count in lab.controller.metrics().items() if name.startswith(head)}


def events(lab, kind, port):
    """Events of one type about a port."""
    return [line for line in lab.controller.call("events").splitlines() if kind in line.split() and f"acme/{port}" in line]


def exchange(lab):
    """Both DHCPs of the good host, from nothing to addresses; seconds."""
    host = lab.host("acme", "good")
    begin = time.monotonic()
    for kind, wait in ((Dhclient, lambda c: c.wait(SIX)), (Dhclient4, lambda c: c.wait_lease(FOUR))):
        client = kind(host)
        client.forget()
        client.start()
        assert wait(client)
        client.vanish()
    return time.monotonic() - begin


def test_wrong_messages_by_name(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        wanted = {}
        for reason, _ in WRONG:
            wanted[reason] = wanted.get(reason, 0) + 1
        lab.host("acme", "bad").scapy(SEND % [payload.hex() for _, payload in WRONG])
        wait_until("all were counted", lambda: sum(punts(lab, "dhcp4").values()) >= len(WRONG), timeout=5)
        assert punts(lab, "dhcp4") == wanted
        assert len(events(lab, "dhcp4.drop", "bad")) == 1, "one event in ten seconds"
        assert lab.controller.get("leases") == []
        exchange(lab)


def test_a_neighbour_does_not_notice_damage(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        quiet = exchange(lab)
        bad = lab.host("acme", "bad")
        fuzz = bad.popen(["/usr/bin/python3", "-c", "from scapy.all import *\nconf.verb = 0\n" + FUZZ % 20])
        flood = bad.popen(["timeout", "8", "atk6-flood_dhcpc6", "-N", "eth0"])
        try:
            time.sleep(1.5)
            busy = exchange(lab)
        finally:
            for process in (fuzz, flood):
                process.terminate()
                process.wait()
        print(f"both DHCPs took {quiet:.1f} s in quiet, {busy:.1f} s beside a flood")
        assert busy < quiet + 5
        assert lab.controller.running
        dropped = {name: punts(lab, name) for name in ("dhcp4", "dhcp6")}
        print(dropped)
        assert dropped["dhcp4"]["malformed"] > 0 and dropped["dhcp6"]["malformed"] > 0
        # Whatever it asked for, it got what its port has.
        port = lab.controller.get("port", "bad", "--tenant", "acme")
        port = port[0] if isinstance(port, list) else port
        leased = {address for lease in lab.controller.get("leases", "--port", "acme/bad") for address in lease["leased"]}
        assert leased <= set(port["status"]["addresses"]), leased


def test_who_gets_no_address_is_told_so(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE)
        host = lab.host("acme", "none")
        with host.capture("udp port 546") as wire:
            client = Dhclient(host)
            client.start()
            wait_until("an event tells of it", lambda: events(lab, "lease.refused", "none"), timeout=20)
            time.sleep(1)
            client.vanish()
        # Status 2 is NoAddrsAvail.
        said = wire.fields("dhcpv6.status_code", display="udp.srcport == 547")
        assert said and {code for row in said for code in row} == {"2"}, said
        assert host.addresses() == [] and lab.controller.get("leases", "--port", "acme/none") == []
