"""What the switches answer by themselves never reaches the controller, and the answers are right."""

import time

import wiring
from common import GATEWAY, address4, dual_hosts, dvr, no_punts, punts, quiet, some_hosts
from sextantlab import eui64

PAIR = ("acme-vm1", "acme-vm2")


def solicit(lab, target):
    """Asks for a target's link-layer address with ndisc6; what ndisc6 printed and the advertisements seen."""
    host = lab.host("acme", "vm1")
    with host.capture("icmp6") as seen:
        done = host.run("ndisc6", "-1", "-r", "2", "-w", "1000", target, "eth0")
        time.sleep(0.3)
    adverts = seen.fields("ipv6.src", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o",
                          "icmpv6.opt.linkaddr", "icmpv6.checksum.status", "ipv6.hlim", "eth.src",
                          display=f"icmpv6.type == 136 && icmpv6.nd.na.target_address == {target}")
    return done, adverts


def check_advert(lab, target, mac, router):
    """One advertisement, with the right flags, option, hop limit and checksum."""
    done, adverts = solicit(lab, target)
    assert done.returncode == 0, done.stdout
    assert mac.lower() in done.stdout.lower(), done.stdout
    assert len(adverts) == 1, adverts
    source, r, s, o, option, checksum, hop_limit, sender = adverts[0]
    assert source == target and hop_limit == "255" and checksum == "1", adverts
    assert (flag(r), flag(s), flag(o)) == (router, True, True), adverts
    assert option == mac and sender == mac, adverts


def flag(text):
    """tshark's two ways to print a boolean."""
    return text in ("1", "True")


def router_mac(lab, network="red"):
    """The router's MAC, as a host's kernel has learnt it."""
    host = lab.host("acme", "vm1")
    host.ping(GATEWAY[network], count=1)
    done = host.run("ip", "-6", "neigh", "show", GATEWAY[network], "dev", "eth0")
    return done.stdout.split("lladdr ")[1].split()[0]


def test_neighbour_solicitations(isolation):
    with dvr(isolation, hosts=some_hosts(*PAIR)) as lab:
        mac = router_mac(lab)
        vm2 = lab.host("acme", "vm2")
        with no_punts(lab):
            for target in ("2001:db8:a::1", "fe80::1", "2001:db8:a::"):
                check_advert(lab, target, mac, router=True)
            for target in (wiring.address(vm2), eui64("fe80::/64", vm2.spec.mac)):
                check_advert(lab, target, vm2.spec.mac, router=False)


def test_echo_to_the_router(isolation):
    with dvr(isolation, hosts=some_hosts(*PAIR)) as lab, no_punts(lab):
        host = lab.host("acme", "vm1")
        for target in ("2001:db8:a::1", "fe80::1%eth0", "2001:db8:a::", "2001:db8:b::1"):
            assert host.ping(target, count=5) == 5, target
        # In fragments: each comes back by itself.
        assert host.ping("2001:db8:a::1", count=3, options=("-s", "3000")) == 3


def test_arp_and_echo_over_ipv4(isolation):
    hosts = [spec for spec in dual_hosts() if spec.name in PAIR]
    with dvr(isolation, dual=True, hosts=hosts) as lab, no_punts(lab):
        host, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        program = (
            "import sys\n"
            "for target in {targets}:\n"
            "    r = srp1(Ether(dst='ff:ff:ff:ff:ff:ff')/ARP(pdst=target, psrc='{own}'), iface='eth0', timeout=2)\n"
            "    print(target, r and (r[ARP].op, r[ARP].psrc, r[ARP].hwsrc, r[ARP].pdst, r[ARP].hwdst, r.src, r.dst))\n"
        ).format(targets=["10.1.0.1", address4(vm2)], own=address4(host))
        said = host.scapy(program)
        gateway, neighbour = (eval(line.split(" ", 1)[1]) for line in said.splitlines())
        assert gateway is not None and neighbour is not None, said
        assert gateway[:2] == (2, "10.1.0.1") and gateway[2] == gateway[5], said
        assert neighbour[:3] == (2, address4(vm2), vm2.spec.mac), said
        for answer in (gateway, neighbour):
            assert answer[3:5] == (address4(host), host.spec.mac) and answer[6] == host.spec.mac, said
        for target in ("10.1.0.1", "10.2.0.1", address4(vm2)):
            assert host.ping(target, count=5) == 5, target


def test_what_flows_cannot_answer_is_counted(isolation):
    """The same count, where the controller is needed: the other cases' zero means something."""
    with dvr(isolation, hosts=some_hosts(*PAIR)) as lab:
        quiet(lab)
        before = punts(lab)
        lab.host("acme", "vm1").ping("2001:db8:b::dead", count=3)
        assert punts(lab)["hv1"] == before["hv1"] + 3
        assert punts(lab)["hv2"] == before["hv2"]


def test_idle_hosts(isolation):
    """Under one punt per second and chassis."""
    with dvr(isolation) as lab:
        quiet(lab)
        before = punts(lab)
        seconds = 20
        time.sleep(seconds)
        after = punts(lab)
        print(f"{before} to {after} in {seconds} s")
        for name in before:
            assert after[name] - before[name] < seconds, name
