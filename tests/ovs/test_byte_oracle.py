"""Every byte that we say by router advertisements and both DHCPs, as tshark and scapy read it: neither finds a fault."""

import json
import subprocess
import time

from sextantlab import ChassisSpec, HostSpec, Lab, wait_until
from sextantlab.dhcp4 import Dhclient4, Dhcpcd4
from sextantlab.dhcp6 import CLIENTS
from test_dhcp_options import FOUR, SITE, SIX

MACS = {name: f"02:00:00:00:07:0{name}" for name in "abcdef"}
# A port that may relay, and one that is behind it; the others are hosts.
PORTS = """\
  - {name: c, network: n, mac_address: "02:00:00:00:07:0c", binding: {chassis: hv1, interface: acme-c}, dhcp_relay: true}
  - {name: d, network: n, mac_address: "02:00:00:00:07:0d"}
  - {name: e, network: n, mac_address: "02:00:00:00:07:0e", binding: {chassis: hv1, interface: acme-e},
     fixed_ips: [{ip_address: "2001:db8:7::e"}, {ip_address: "10.7.0.14"}]}
delegations:
  - {name: cpe, port: e, pool: "2001:db8:d000::/40", length: 56}
"""

# Messages that clients seldom send, from the host that it runs on. It prints how many answers came.
RARE = """
mac = get_if_hwaddr('eth0')
own = in6_ptop('fe80::' + in6_mactoifaceid(mac))
me = DHCP6OptClientId(duid=DUID_LL(lladdr=mac))
server = DHCP6OptServerId(duid=DUID_LL(lladdr=%(server)r))
accept, rapid, all_options = DHCP6OptReconfAccept(), DHCP6OptRapidCommit(), DHCP6OptOptReq(reqopts=[17, 23, 24, 31, 56, 59, 60, 103])
socket = conf.L2socket(iface='eth0')

def six(message, *options, sport=546, to='ff02::1:2', group='33:33:00:01:00:02'):
    for option in options:
        message = message / option
    socket.send(Ether(src=mac, dst=group) / IPv6(src=own, dst=to, hlim=1) / UDP(sport=sport, dport=547) / message)
    time.sleep(0.05)

def na(*addresses):
    return DHCP6OptIA_NA(iaid=9, ianaopts=[DHCP6OptIAAddress(addr=address) for address in addresses])

def four(kind, ciaddr='0.0.0.0', **options):
    named = [('message-type', kind), *options.items(), 'end']
    head = Ether(src=mac, dst='ff:ff:ff:ff:ff:ff') / IP(src=ciaddr, dst='255.255.255.255') / UDP(sport=68, dport=67)
    socket.send(head / BOOTP(chaddr=bytes.fromhex(mac.replace(':', '')), xid=9, ciaddr=ciaddr) / DHCP(options=named))
    time.sleep(0.05)

address, taken = '2001:db8:7::e', '2001:db8:99::1'
six(DHCP6_Solicit(trid=1), me, accept, all_options, na())
six(DHCP6_Solicit(trid=2), me, accept, rapid, na(), DHCP6OptIA_PD(iaid=4), DHCP6OptIA_TA(iaid=5))
six(DHCP6_Request(trid=3), me, server, accept, na(taken))
six(DHCP6_Request(trid=4), me, server, accept, all_options, na(address), DHCP6OptIA_NA(iaid=10))
six(DHCP6_Confirm(trid=5), me, na(address))
six(DHCP6_Confirm(trid=6), me, na(taken))
six(DHCP6_Renew(trid=7), me, server, accept, na(address, taken))
six(DHCP6_Rebind(trid=8), me, na(address))
six(DHCP6_InfoRequest(trid=9), me, DHCP6OptOptReq(reqopts=[23, 32, 24, 103]))
six(DHCP6_Decline(trid=10), me, server, na(address))
six(DHCP6_Request(trid=11), me, server, accept, na(address), DHCP6OptIA_PD(iaid=4))
four('discover')
four('discover', rapid_commit=b'')
four('request', requested_addr='10.7.0.14')
four('request', requested_addr='10.7.0.99')
four('request', requested_addr='192.0.2.99', server_id='10.7.0.1')
four('inform', ciaddr='10.7.0.14')
"""

RELAYED = """
mac = get_if_hwaddr('eth0')
own = in6_ptop('fe80::' + in6_mactoifaceid(mac))
inner = DHCP6_Solicit(trid=3) / DHCP6OptClientId(duid=DUID_LL(lladdr='02:00:00:00:07:0d')) / DHCP6OptIA_NA(iaid=9)
client = 'fe80::' + in6_mactoifaceid('02:00:00:00:07:0d')
first = DHCP6_RelayForward(linkaddr='2001:db8:7::9', peeraddr=client) / DHCP6OptIfaceId(ifaceid=b'vf7') / DHCP6OptRelayMsg(message=inner)
second = DHCP6_RelayForward(hopcount=1, peeraddr='fe80::9') / DHCP6OptIfaceId(ifaceid=b'up') / DHCP6OptRelayMsg(message=first)
for message in (first, second):
    head = Ether(src=mac, dst='33:33:00:01:00:03') / IPv6(src=own, dst='ff05::1:3', hlim=8) / UDP(sport=547, dport=547)
    sendp(head / message, iface='eth0')
    time.sleep(0.3)
"""

# Takes each frame apart and puts it together again, lengths and checksums reckoned anew.
SCAPY = """
import json, sys
from scapy.all import *
from scapy.layers.inet6 import _ICMPv6NDGuessPayload, icmp6ndoptscls

class Newer(_ICMPv6NDGuessPayload, Packet):
    "RFC 8910 and RFC 8781 are newer than it is."
    fields_desc = [ByteField('type', 0), ByteField('len', 0), StrLenField('data', '', length_from=lambda p: 8 * p.len - 2)]

icmp6ndoptscls.update({37: Newer, 38: Newer})
faults = []
for number, frame in enumerate(PcapReader(sys.argv[1])):
    whole = bytes(frame)
    packet = Ether(whole)
    left = [layer.__name__ for layer in packet.layers() if layer in (Raw, Padding)]
    again = packet.copy()
    for layer in again.layers():
        for field in ('chksum', 'cksum', 'plen', 'len'):
            if field in [f.name for f in layer.fields_desc] and layer in (IP, IPv6, UDP, ICMPv6ND_RA):
                delattr(again[layer], field)
    if left or bytes(Ether(bytes(again))) != whole or bytes(again) != whole:
        faults.append((number, packet.summary(), left, whole.hex(), bytes(again).hex()))
print(json.dumps(faults))
"""


def lab_of(isolation):
    """One hypervisor, four hosts."""
    return Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], [HostSpec("acme", name, "n", "hv1", MACS[name]) for name in "abce"])


def judged(captures):
    """What was said, by kind, and nothing wrong with it."""
    said = {}
    for capture in captures:
        ours = capture.file + ".ours"
        options = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
        subprocess.run(["tshark", "-n", "-r", capture.file, "-Y", "eth.src[0:2] == 02:53 && (icmpv6.type == 134 || dhcp || dhcpv6)",
                        "-F", "pcap", "-w", ours], check=True, capture_output=True)
        names = ("icmpv6.type", "dhcpv6.msgtype", "dhcp.option.dhcp", "_ws.expert.severity", "_ws.expert.message", "_ws.malformed",
                 "icmpv6.checksum.status", "udp.checksum.status", "ip.checksum.status")
        command = ["tshark", "-n", "-r", ours, *options, "-T", "fields", "-E", "separator=|", *(w for n in names for w in ("-e", n))]
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            icmp, six, four, severities, words, malformed, *checksums = line.split("|")
            worst = max((int(severity, 0) for severity in severities.split(",") if severity), default=0)
            assert worst < 0x600000 and not malformed, f"tshark: {words or malformed}: {line}"
            assert set(checksums) <= {"", "1"} and "1" in checksums, f"checksum: {line}"
            kind = ("ra", icmp) if icmp else ("6", six.split(",")[0]) if six else ("4", four)
            said[kind] = said.get(kind, 0) + 1
        faults = json.loads(subprocess.run(["/usr/bin/python3", "-c", SCAPY, ours], capture_output=True, text=True, check=True).stdout)
        assert faults == [], f"scapy: {faults[:3]}"
    return said


def test_no_fault_in_any_byte(isolation):
    with lab_of(isolation) as lab:
        lab.controller.start()
        lab.controller.apply_text(SITE + PORTS, wait=None)
        a, rare, relay = (lab.host("acme", name) for name in "aec")
        wait_until("the ports are Active", lambda: all(
            port["status"]["phase"] == "Active" for port in lab.controller.get("ports", "--tenant", "acme") if port["name"] != "d"))
        captures = [host.capture() for host in (a, rare, relay)]
        for capture in captures:
            capture.__enter__()
        try:
            for kind in CLIENTS:
                client = kind(a)
                client.start()
                client.wait(SIX, timeout=60)
                client.release()
            for kind in (Dhclient4, Dhcpcd4):
                client = kind(a)
                client.start()
                client.wait_lease(FOUR)
                client.vanish()
            server = server_mac(captures[0])
            rare.scapy(RARE % {"server": server})
            relay.scapy(RELAYED)
            # What the last request was told is told anew: it takes reconfigure messages.
            lab.controller.apply_text((SITE + PORTS).replace("[2001:db8::53]", "[2001:db8::55]"), wait=None)
            time.sleep(1.5)
            rare.run("rdisc6", "-1", "-q", "eth0")
        finally:
            for capture in captures:
                capture.__exit__()
        said = judged(captures)
        print(said)
        wanted = {("ra", "134"), *(("6", kind) for kind in ("2", "7", "10", "13")), *(("4", kind) for kind in ("2", "5", "6"))}
        assert set(said) == wanted, f"{set(said)}, not {wanted}"


def server_mac(capture):
    """Who answers DHCPv6, as its DUID has it."""
    return capture.fields("eth.src", display="udp.srcport == 547")[0][0]
