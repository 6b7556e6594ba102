"""A port sends with its own MAC and addresses, or not at all."""

import time

import wiring
from common import GATEWAY, dvr, punts, quiet, some_hosts
from sextantlab import eui64

HOSTS = ("acme-vm1", "acme-vm2", "acme-vm4")

# Frames by name, each to vm2 (or all), each with a source that is not vm1's.
FRAMES = """
mac, own, ll = '{mac}', '{own}', '{ll}'
to, to_mac = '{to}', '{to_mac}'
mark = Raw(b'{mark}')
frames = dict(
    foreign_mac=Ether(src='02:00:00:00:09:09', dst=to_mac)/IPv6(src=own, dst=to)/UDP(dport=7000)/mark,
    router_mac=Ether(src='{router_mac}', dst=to_mac)/IPv6(src=own, dst=to)/UDP(dport=7000)/mark,
    foreign_address=Ether(src=mac, dst=to_mac)/IPv6(src='2001:db8:a::bad', dst=to)/UDP(dport=7000)/mark,
    foreign_prefix=Ether(src=mac, dst=to_mac)/IPv6(src='2001:db8:77::1', dst=to)/UDP(dport=7000)/mark,
    gateway_address=Ether(src=mac, dst=to_mac)/IPv6(src='{gateway}', dst=to)/UDP(dport=7000)/mark,
    foreign_link_local=Ether(src=mac, dst=to_mac)/IPv6(src='fe80::bad', dst=to)/UDP(dport=7000)/mark,
    unspecified=Ether(src=mac, dst=to_mac)/IPv6(src='::', dst=to)/UDP(dport=7000)/mark,
    ipv4=Ether(src=mac, dst=to_mac)/IP(src='10.9.9.9', dst='10.9.9.8')/UDP(dport=7000)/mark,
    routed=Ether(src=mac, dst='{router_mac}')/IPv6(src='2001:db8:a::bad', dst='{routed}')/UDP(dport=7000)/mark,
    false_advert=Ether(src=mac, dst='33:33:00:00:00:01')/IPv6(src=ll, dst='ff02::1')
        /ICMPv6ND_NA(R=1, S=0, O=1, tgt='{gateway}')/ICMPv6NDOptDstLLAddr(lladdr=mac),
    neighbours_advert=Ether(src=mac, dst='33:33:00:00:00:01')/IPv6(src=ll, dst='ff02::1')
        /ICMPv6ND_NA(R=0, S=0, O=1, tgt=to)/ICMPv6NDOptDstLLAddr(lladdr=mac),
    router_advert=Ether(src=mac, dst='33:33:00:00:00:01')/IPv6(src=ll, dst='ff02::1')
        /ICMPv6ND_RA(routerlifetime=1800)/ICMPv6NDOptPrefixInfo(prefixlen=64, prefix='2001:db8:bad::'),
    own=Ether(src=mac, dst=to_mac)/IPv6(src=own, dst=to)/UDP(dport=7000)/mark,
)
for name in {names}:
    sendp(frames[name], iface='eth0')
    time.sleep(0.05)
"""

NAMES = ["foreign_mac", "router_mac", "foreign_address", "foreign_prefix", "gateway_address", "foreign_link_local",
         "unspecified", "ipv4", "routed", "false_advert", "neighbours_advert", "router_advert"]


def send(lab, *names):
    """Sends frames from vm1."""
    vm1, vm2, vm4 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm4"))
    vm1.ping(GATEWAY["red"], count=1)
    router_mac = vm1.run("ip", "-6", "neigh", "show", GATEWAY["red"], "dev", "eth0").stdout.split("lladdr ")[1].split()[0]
    vm1.scapy(FRAMES.format(
        mac=vm1.spec.mac, own=wiring.address(vm1), ll=eui64("fe80::/64", vm1.spec.mac), to=wiring.address(vm2),
        to_mac=vm2.spec.mac, router_mac=router_mac, gateway=GATEWAY["red"], routed=wiring.address(vm4),
        mark="spoofed!", names=list(names)))


def test_spoofed_frames_arrive_nowhere(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        foreign = ("(udp and port 7000) or (icmp6 and (ip6[40] == 134 or ip6[40] == 136) "
                   "and ether src 02:00:00:00:01:01)")
        vm2, vm4 = lab.host("acme", "vm2"), lab.host("acme", "vm4")
        with vm2.capture(foreign) as same, vm4.capture(foreign) as routed:
            send(lab, *NAMES)
            time.sleep(0.5)
        assert same.lines() == [] and routed.lines() == [], same.lines() + routed.lines()


def test_own_frames_arrive(isolation):
    """The same program, with a frame that is as it should be: what the other test misses could be seen."""
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        with lab.host("acme", "vm2").capture("udp and dst port 7000") as same:
            send(lab, "own")
            time.sleep(0.5)
        assert len(same.lines()) == 1, same.lines()


def test_poisoned_caches(isolation):
    """thc-ipv6's fake_advertise6 against the gateway's entry of a neighbour."""
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        vm2.ping(GATEWAY["red"], count=1)
        before = vm2.run("ip", "-6", "neigh", "show", GATEWAY["red"], "dev", "eth0").stdout.split("lladdr ")[1].split()[0]
        attack = vm1.popen(["atk6-fake_advertise6", "-w", "1", "eth0", GATEWAY["red"]])
        time.sleep(3)
        attack.kill()
        attack.wait()
        after = vm2.run("ip", "-6", "neigh", "show", GATEWAY["red"], "dev", "eth0").stdout.split("lladdr ")[1].split()[0]
        assert after == before
        assert vm2.ping(GATEWAY["red"], count=3) == 3


# Solicitations without an option, made as long as one with by a header in front. A flow that turned them into
# advertisements would write an option beyond their end, into the switch's memory.
NO_ROOM = """
group, group_mac = 'ff02::1:ff00:102', '33:33:ff:00:01:02'
target = ICMPv6ND_NS(tgt='{target}')
start = Ether(src='{mac}', dst=group_mac)/IPv6(src='{own}', dst=group, hlim=255)
for header in (IPv6ExtHdrHopByHop(options=[RouterAlert()]), IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])):
    sendp(start/header/target, iface='eth0', count={count})
"""


def test_solicitations_without_room_do_no_harm(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        ask = dict(mac=vm1.spec.mac, own=wiring.address(vm1), target=wiring.address(vm2))
        quiet(lab)
        before = punts(lab)["hv1"]
        vm1.scapy(NO_ROOM.format(**ask, count=10))
        time.sleep(0.3)
        assert punts(lab)["hv1"] == before + 20, "each is the controller's to answer, none a flow's"
        vm1.scapy(NO_ROOM.format(**ask, count=1500))
        # The switch lives, and holds its flows.
        assert len(lab.chassis["hv1"].flows()) > 100
        assert vm1.ping(wiring.address(vm2), count=5) == 5
