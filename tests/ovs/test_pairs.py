"""Allowed address pairs: an address that moves between two ports under a real VRRP (keepalived), found where it was announced last."""

import os
import subprocess
import time

import wiring
from common import dvr, dual_hosts
from sextantlab import wait_until

VIP6, VIP4, LOCAL = "2001:db8:a::99", "10.1.0.99", "fe80::99"
PAIRS = f'[{{ip_address: "{VIP6}"}}, {{ip_address: "{LOCAL}"}}, {{ip_address: {VIP4}}}]'
HOSTS = ("acme-vm1", "acme-vm2", "acme-vm3", "acme-vm6")

CONFIG = """
global_defs {{ vrrp_version 3 }}
vrrp_instance six {{
    interface eth0
    state BACKUP
    virtual_router_id 6
    priority {priority}
    advert_int 0.3
    virtual_ipaddress {{ {local}/64
        {vip6}/64 }}
}}
vrrp_instance four {{
    interface eth0
    state BACKUP
    virtual_router_id 4
    priority {priority}
    advert_int 0.3
    virtual_ipaddress {{ {vip4}/24 }}
}}
"""


def keepalived(host, priority):
    """keepalived on a host, the higher priority wins."""
    folder = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "keepalived", host.name)
    os.makedirs(folder)
    with open(f"{folder}/conf", "w", encoding="ascii") as file:
        file.write(CONFIG.format(priority=priority, local=LOCAL, vip6=VIP6, vip4=VIP4))
    with open(f"{folder}/log", "w", encoding="ascii") as log:
        return host.popen(["keepalived", "-n", "-l", "-D", "-f", f"{folder}/conf", "-p", f"{folder}/pid", "-r", f"{folder}/vrrp"],
                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def with_pairs(*ports):
    """The site's edits that give ports the pairs."""
    return [(f"{{name: {port}, network: red, fixed_ips: [{{ip_address: 10.1.0.1{port[-1]}}}], mac_address: \"{mac}\", binding: {{chassis: {chassis}, interface: acme",
             f"{{name: {port}, network: red, allowed_address_pairs: {PAIRS}, fixed_ips: [{{ip_address: 10.1.0.1{port[-1]}}}], mac_address: \"{mac}\", binding: {{chassis: {chassis}, interface: acme")
            for port, mac, chassis in ports]


def holder(lab):
    """Whose the addresses are, as the controller has it."""
    held = lab.controller.get("bindings", "--tenant", "acme")
    return {entry["address"]: entry["port"] for entry in held if entry["address"] in (VIP6, VIP4)}


def reached(lab, name):
    """All clients reach all addresses, and the host of that name is who answers."""
    for client in ("vm3", "vm6"):
        for address in (VIP6, VIP4):
            if lab.host("acme", client).tcp(address, timeout=1) != f"acme-{name}":
                return False
    return True


def test_vrrp_moves_an_address(isolation):
    edits = with_pairs(("vm1", "02:00:00:00:01:01", "hv1"), ("vm2", "02:00:00:00:01:02", "hv2"))
    hosts = [spec for spec in dual_hosts() if spec.name in HOSTS]
    with dvr(isolation, dual=True, hosts=hosts, edits=edits) as lab:
        vm1, vm2, thief = (lab.host("acme", name) for name in ("vm1", "vm2", "vm3"))
        for host in lab.hosts.values():
            host.agent  # pylint: disable=pointless-statement
        running = [keepalived(vm1, 200), keepalived(vm2, 100)]
        try:
            wait_until("vm1 is the master", lambda: reached(lab, "vm1"), timeout=20)
            assert holder(lab) == {VIP6: "vm1", VIP4: "vm1"}
            # The master is gone; the other one announces itself.
            vm1.cmd("ip link set eth0 down")
            begin = time.monotonic()
            wait_until("vm2 took over", lambda: reached(lab, "vm2"), timeout=20)
            print(f"all clients reached vm2 {time.monotonic() - begin:.1f} s after vm1 was gone")
            assert holder(lab) == {VIP6: "vm2", VIP4: "vm2"}
            vm1.cmd("ip link set eth0 up; ip route add default via 10.1.0.1")  # the kernel has forgotten what was set by hand
            wait_until("vm1 has it back", lambda: reached(lab, "vm1"), timeout=20)
            # One without the pair can't have it, whatever it announces.
            thief.scapy(f"""
mac = get_if_hwaddr("eth0")
for _ in range(3):
    sendp(Ether(src=mac, dst="33:33:00:00:00:01")/IPv6(src={VIP6!r}, dst="ff02::1", hlim=255)/ICMPv6ND_NA(tgt={VIP6!r}, R=0, S=0, O=1)
          /ICMPv6NDOptDstLLAddr(lladdr=mac), iface="eth0")
    sendp(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")/ARP(op=1, hwsrc=mac, psrc={VIP4!r}, pdst={VIP4!r}), iface="eth0")
""")
            time.sleep(0.5)
            assert holder(lab) == {VIP6: "vm1", VIP4: "vm1"} and reached(lab, "vm1")
        finally:
            for process in running:
                process.terminate()
                process.wait()


def test_a_pair_lets_its_addresses_out_and_no_others(isolation):
    edits = with_pairs(("vm1", "02:00:00:00:01:01", "hv1"))
    edits = [(old, new.replace(f'{{ip_address: "{VIP6}"}}', '{ip_address: "2001:db8:99::/64"}, {ip_address: "2001:db8:98::1", mac_address: "00:00:5e:00:02:06"}'))
             for old, new in edits]
    hosts = [spec for spec in dual_hosts() if spec.name in ("acme-vm1", "acme-vm2")]
    with dvr(isolation, dual=True, hosts=hosts, edits=edits) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        own = "02:00:00:00:01:01"
        tries = [(own, "2001:db8:99::7", True), (own, VIP4, True), (own, "2001:db8:98::1", False), ("00:00:5e:00:02:06", "2001:db8:98::1", True),
                 ("00:00:5e:00:02:07", "2001:db8:98::1", False), ("00:00:5e:00:02:06", "2001:db8:99::7", False), (own, "2001:db8:97::1", False),
                 (own, "10.1.0.98", False)]
        with vm2.capture("udp port 7001") as wire:
            vm1.scapy(f"""
for mac, source, _ in {tries!r}:
    ip = IPv6(src=source, dst={wiring.address(vm2)!r}) if ':' in source else IP(src=source, dst='10.1.0.12')
    sendp(Ether(src=mac, dst={vm2.spec.mac!r})/ip/UDP(sport=7001, dport=7001)/Raw(mac + ' ' + source), iface='eth0')
""")
            time.sleep(0.5)
        heard = {tuple(bytes.fromhex(row[0]).decode().split()) for row in wire.fields("udp.payload") if row[0]}
        assert heard == {(mac, source) for mac, source, passes in tries if passes}


def test_a_pair_takes_nothing_over_that_another_port_was_given(isolation):
    """As in Neutron it may be sent from; but who asks for it is told of the port that has it."""
    given6, given4 = "2001:db8:a::ff:fe00:102", "10.1.0.12"
    edits = [(old, new.replace(PAIRS, f'[{{ip_address: "{given6}"}}, {{ip_address: {given4}}}]'))
             for old, new in with_pairs(("vm1", "02:00:00:00:01:01", "hv1"))]
    hosts = [spec for spec in dual_hosts() if spec.name in ("acme-vm1", "acme-vm2", "acme-vm3")]
    with dvr(isolation, dual=True, hosts=hosts, edits=edits) as lab:
        vm1, vm2, vm3 = (lab.host("acme", name) for name in ("vm1", "vm2", "vm3"))
        assert wiring.address(vm2) == given6
        for host in (vm2, vm3):
            host.agent  # pylint: disable=pointless-statement
        with vm2.capture("udp port 7001") as wire:
            vm1.scapy(f"""
mac = get_if_hwaddr("eth0")
for _ in range(3):
    sendp(Ether(src=mac, dst="33:33:00:00:00:01")/IPv6(src={given6!r}, dst="ff02::1", hlim=255)/ICMPv6ND_NA(tgt={given6!r}, R=0, S=0, O=1)
          /ICMPv6NDOptDstLLAddr(lladdr=mac), iface="eth0")
    sendp(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")/ARP(op=1, hwsrc=mac, psrc={given4!r}, pdst={given4!r}), iface="eth0")
sendp(Ether(src=mac, dst={vm2.spec.mac!r})/IPv6(src={given6!r}, dst={given6!r})/UDP(sport=7001, dport=7001), iface="eth0")
""")
            time.sleep(0.5)
        assert len(wire.lines()) == 1, "a pair lets it be sent from"
        held = {entry["address"]: entry["port"] for entry in lab.controller.get("bindings", "--tenant", "acme")}
        assert held[given6] == held[given4] == "vm2", held
        vm3.run("ip", "neigh", "flush", "dev", "eth0")
        vm3.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        for address in (given6, given4):
            assert vm3.tcp(address) == "acme-vm2", address
