"""Solicitations, router solicitations and DHCPv6 as a VM sees them."""
import random
import time

import packets as pk
from core import emit, lab_of, plain_pair, purge, reps, small_lab_ports, vm_on


def ask_ns(vm, target, timeout=1.0):
    tb = pk.ip_b(target)
    return vm.ask(pk.ns(vm.mac, vm.addr, target),
                  lambda r: r.type == pk.ICMP6_NA and r.body[4:20] == tb, timeout)[0]


def ask_rs(vm, timeout=1.0):
    return vm.ask(pk.rs(vm.mac), lambda r: r.type == pk.ICMP6_RA, timeout)[0]


def ask_dhcp(vm, timeout=2.0, iaid=1):
    xid = random.getrandbits(24)

    def match(t):
        def f(r):
            if r.proto == 17 and r.type == 547 and r.body[0] == t \
                    and int.from_bytes(r.body[1:4], "big") == xid:
                return pk.dhcp6_opts(r.body[4:])
        return f
    t0 = time.monotonic()
    _, adv = vm.ask(pk.dhcp6(vm.mac, 1, xid, iaid), match(2), timeout)
    if not adv:
        return None
    _, rep = vm.ask(pk.dhcp6(vm.mac, 3, xid, iaid, server_id=adv.get(2), ia_na=adv.get(3, b"")[12:]),
                    match(7), timeout)
    return time.monotonic() - t0 if rep else None


def counted(lab, fn, n, gap):
    """n calls of fn, and how many packets per call were punted to the controller."""
    p0 = sum(c.packet_ins() for c in lab.chassis)
    xs = []
    for _ in range(n):
        t = fn()
        xs.append(None if t is None else t * 1e3)
        time.sleep(gap)
    time.sleep(2.5)              # flow statistics reach the tables when revalidators push them
    return xs, round((sum(c.packet_ins() for c in lab.chassis) - p0) / n, 3)


def exchanges(lab, measure, name, fn, n, gap):
    """The figure of n calls of fn, after a first one."""
    with_first = fn()
    xs, punts = counted(lab, fn, reps(n), gap)
    emit(measure, name + "_ms", xs, "ms", punts_per_exchange=punts, first_ms=with_first and round(with_first * 1e3, 3))


def m_dhcp():
    """What a VM waits for at its start, on subnets with stateful DHCPv6, whatever the mode of the run."""
    with lab_of(2, 4, 1, mode="dhcpv6_stateful") as lab:
        vm = vm_on(lab, "r1", lab.chassis[0], 0, 0x21, kernel=False)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([vm.port], wait=True)
        time.sleep(1)
        exchanges(lab, "dhcp", "rs_to_ra", lambda: ask_rs(vm), 200, .005)
        # Each by another IAID: a lease that is new, and is written.
        exchanges(lab, "dhcp", "dhcpv6_four_messages", lambda: ask_dhcp(vm, iaid=random.getrandbits(32)), 200, .005)
        exchanges(lab, "dhcp", "dhcpv6_four_messages_again", lambda: ask_dhcp(vm), 200, .005)


def m_nd():
    with lab_of(2, 4, 1) as lab:
        ch = lab.chassis
        r1 = vm_on(lab, "r1", ch[0], 0, 0x21, kernel=False)
        k1 = vm_on(lab, "k1", ch[0], 0, 0x22)
        k2 = vm_on(lab, "k2", ch[1], 0, 0x23)
        small_lab_ports(lab, 100)
        lab.drv.add_ports([v.port for v in (r1, k1, k2)], wait=True)
        plain = plain_pair(lab)
        time.sleep(1)
        for name, fn, n, gap in (
                ("ns_same_network_same_chassis", lambda: ask_ns(r1, k1.addr), 300, .005),
                ("ns_same_network_other_chassis", lambda: ask_ns(r1, k2.addr), 300, .005),
                ("ns_gateway", lambda: ask_ns(r1, r1.gw), 300, .005),
                ("rs_to_ra", lambda: ask_rs(r1), 200, .005),
                ("plain_bridge_ns_other_chassis", lambda: ask_ns(plain[0], plain[2].addr), 300,
                 .005)):
            exchanges(lab, "nd", name, fn, n, gap)
        cold = []
        for _ in range(reps(40)):
            purge(lab)
            time.sleep(.02)
            t = ask_ns(r1, k2.addr)
            cold.append(t and t * 1e3)
        emit("nd", "ns_same_network_cold_megaflow_ms", cold, "ms")
