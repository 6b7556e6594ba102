"""Hosts that form their addresses as they like: privacy and stable random ones work, are listed, and nobody takes another's."""

import wiring
from common import dvr, some_hosts
from sextantlab import wait_until

HOSTS = ("acme-vm1", "acme-vm2", "acme-vm4", "acme-vm6")
PREFIX = wiring.PREFIX["red"]


def rebuild(host, **settings):
    """The interface goes down and comes up with other settings of the kernel's."""
    orders = [f"sysctl -qw net.ipv6.conf.eth0.{name}={value}" for name, value in settings.items()]
    said = host.run("sh", "-ec", "ip link set eth0 down; " + "; ".join(orders) + "; ip link set eth0 up").stdout
    assert said == "", said


def usable(host, count):
    """The global addresses, once there are so many that are usable."""
    def probe():
        there = host.addresses()
        return there if len(there) == count else None

    return wait_until(f"{host.name} has {count} addresses", probe)


def bindings(lab, port):
    """Who holds what, of one port: address to proof."""
    return {entry["address"]: entry["proof"] for entry in lab.controller.get("bindings", "--port", port)}


def test_private_and_random_addresses_work(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        host, near, far = lab.host("acme", "vm1"), lab.host("acme", "vm4"), lab.host("acme", "vm6")
        formed = wiring.address(host)
        # RFC 8981 beside RFC 4862: the address made of the MAC, and a temporary one.
        rebuild(host, use_tempaddr=2)
        temporary = [a for a in usable(host, 2) if a != formed]
        assert len(temporary) == 1
        for source in (formed, temporary[0]):
            for target in (near, far):
                assert host.ping(wiring.address(target), options=("-I", source)) == 3, (source, target.name)
        assert bindings(lab, "acme/vm1")[temporary[0]] == "dad"
        # RFC 7217: nothing is made of the MAC any more, not even the link-local address. First by a secret that is set (mode 2),
        # then by one that the kernel draws (mode 3).
        secret = ":".join(["1234"] * 8)
        for settings in ({"use_tempaddr": 0, "stable_secret": secret, "addr_gen_mode": 2}, {"addr_gen_mode": 3}):
            rebuild(host, **settings)
            stable = usable(host, 1)[0]
            local = [e["local"] for e in host.inet() if e["scope"] == "link"]
            assert stable not in (formed, *temporary) and len(local) == 1
            for target in (near, far):
                assert host.ping(wiring.address(target)) == 3, target.name
                assert target.ping(stable) == 3, "and it is found by others"
            held = bindings(lab, "acme/vm1")
            assert held[stable] == held[local[0]] == "dad", held
        # Both: temporary ones beside a stable one, a link-local one of no MAC.
        rebuild(host, use_tempaddr=2)
        for source in usable(host, 2):
            assert source != formed and host.ping(wiring.address(far), options=("-I", source)) == 3, source


def test_nobody_takes_anothers_address(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        owner, thief, far = lab.host("acme", "vm1"), lab.host("acme", "vm2"), lab.host("acme", "vm6")
        rebuild(owner, use_tempaddr=2)
        address = [a for a in usable(owner, 2) if a != wiring.address(owner)][0]
        thief.run("ip", "addr", "add", address + "/64", "dev", "eth0")
        failed = wait_until("the probe is objected to", lambda: [
            e for e in thief.inet() if e["local"] == address and e.get("dadfailed")])
        assert failed
        # And one that does not ask, but says that it has it.
        thief.scapy(f"""
mac = get_if_hwaddr("eth0")
for kind in (ICMPv6ND_NA(tgt={address!r}, R=0, S=0, O=1)/ICMPv6NDOptDstLLAddr(lladdr=mac),
             ICMPv6ND_NS(tgt={wiring.address(far)!r})/ICMPv6NDOptSrcLLAddr(lladdr=mac)):
    sendp(Ether(src=mac, dst="33:33:00:00:00:01")/IPv6(src={address!r}, dst="ff02::1", hlim=255)/kind, iface="eth0")
""")
        assert far.ping(address) == 3
        assert bindings(lab, "acme/vm1")[address] == "dad"
        assert address not in bindings(lab, "acme/vm2")


def test_a_port_has_so_many_addresses_and_no_more(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        host = lab.host("acme", "vm1")
        orders = "\n".join(f"addr add 2001:db8:a::cafe:{n:x}/64 dev eth0" for n in range(80))
        host.run("sh", "-c", f"echo '{orders}' | ip -b -")
        wait_until("64 are learned", lambda: sum(p == "dad" for p in bindings(lab, "acme/vm1").values()) >= 64)
        held = bindings(lab, "acme/vm1")
        assert sum(proof == "dad" for proof in held.values()) == 64
        events = lab.controller.call("events")
        assert "too_many_addresses" in events
        kept = [address for address, proof in held.items() if proof == "dad" and "cafe" in address]
        # Learned by its probe; the host answers for it when nobody has objected for a second.
        wait_until("it is the host's", lambda: kept[-1] in host.addresses())
        assert lab.host("acme", "vm6").ping(kept[-1]) == 3
