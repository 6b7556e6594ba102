"""What provider networks do, with real routers and servers on the physical network. Each check raises `LabFailed` where it is otherwise."""

import os
import time

from sextantlab import wait_until
from sextantlab.dhcp4 import Dhclient4
from sextantlab.site import expect

from .wiring import FAR, PREFIX, Dnsmasq

RA = "icmp6 and ip6[40] == 134"


def autoconfigured(site, say=print):
    """Routers of the physical network give hosts their addresses and their way out; the one that is not declared does not."""
    for port in ("vm1", "vm2", "flat1", "flat2", "own1"):
        host = site.host(port)
        found = host.wait_address(PREFIX[host.spec.network])
        expect(found == site.address(port), f"{port} has {found}, expected {site.address(port)}")
        say(f"{port:6} {host.spec.chassis}  {host.spec.network:6}  {' '.join(host.addresses())}")
    time.sleep(4.5)  # the rogue advertises every four seconds at least
    for port in ("vm1", "vm2"):
        routes = site.host(port).run("ip", "-6", "route", "show", "default").stdout
        expect("fe80::ff:fe00:aa01" in routes and "ee01" not in routes, f"{port} has the default routes {routes}")
        expect(not any(a.startswith("2001:db8:bad:") for a in site.host(port).addresses()), f"{port} believes the rogue")
    drops = [d for d in site.controller.get("drops") if d.get("network") == "public" and d["reason"] == "rogue_router_advert"]
    say("\n".join(f"{d['network']}@{d['chassis']}: {d['reason']}: {d['packets']} packets" for d in drops))
    expect({d["chassis"] for d in drops} == {"hv1", "hv2"}, f"advertisements of the rogue are counted at {drops}")


def outward(site, say=print):
    """To hosts beyond the router, and to each other over the physical network and not the fabric."""
    for port in ("vm1", "vm2"):
        answered = site.host(port).ping(FAR, count=5)
        expect(answered == 5, f"{port}: {answered} of 5 from {FAR}")
    answered = site.host("flat1").ping("2001:db8:200::1", count=3)
    expect(answered == 3, f"flat1: {answered} of 3 from its router")
    for source, target, tag in (("vm1", "vm2", 101), ("flat1", "flat2", None)):
        nonce = os.urandom(8).hex()
        pattern = ":".join(nonce[i:i + 2] for i in range(0, 16, 2))
        here = site.lab.chassis["hv1"]
        with here.capture() as fabric, here.capture("eth1") as trunk:
            answered = site.host(source).ping(site.address(target), count=5, options=("-p", nonce))
            time.sleep(0.3)
        tags = trunk.fields("vlan.id", display=f"frame contains {pattern}")
        expect(answered == 5, f"{source} to {target}: {answered} of 5")
        expect(tags == [[str(tag) if tag else ""]] * 10, f"{source} to {target}: on the trunk {tags}")
        expect(not fabric.fields("frame.number", display=f"frame contains {pattern}"), "the fabric carries a provider network")
        say(f"{source} to {target}: 5 of 5, all by the trunk, VLAN {tag or 'none'}")


def questions(site, say=print):
    """Solicitations from outside go to the host who is asked, and to no other; what is somebody's, nobody else takes."""
    router, vm1, vm2 = site.outside("router"), site.host("vm1"), site.host("vm2")
    router.cmd("ip -6 neigh flush dev eth0")
    asked = "icmp6 and ip6[40] == 135 and ether src 02:00:00:00:aa:01"
    with vm1.capture(asked) as at_vm1, vm2.capture(asked) as at_vm2:
        expect(router.ping(site.address("vm1"), count=2) == 2, "the router does not reach vm1")
        time.sleep(0.3)
    to = at_vm1.fields("eth.dst", "ipv6.dst")
    expect(to and all(mac == vm1.spec.mac for mac, _ in to), f"asked of vm1: {to}")
    expect(at_vm2.count() == 0, "vm2 is asked for vm1's address")
    say(f"the router asks for vm1's address: {len(to)} solicitations at vm1, to its MAC; none at vm2")
    router.cmd(f"ip addr add {site.address('vm1')}/128 dev eth0")
    failed(router, site.address("vm1"))
    say("the router can't take vm1's address")
    taken = "2001:db8:100::77"
    router.cmd(f"ip addr add {taken}/64 dev eth0 nodad")
    vm1.cmd(f"ip addr add {taken}/64 dev eth0")
    failed(vm1, taken)
    vm1.cmd(f"ip addr del {taken}/64 dev eth0")
    say("vm1 can't take an address of the router's")


def failed(host, address):
    """Waits until duplicate address detection has found another who has an address."""
    for _ in range(40):
        states = [e for e in host.inet() if e["local"] == address]
        if any(e.get("dadfailed") for e in states):
            return
        time.sleep(0.1)
    expect(False, f"{host.name} took {address}: {states}")


def served(site, say=print):
    """A DHCP server of the physical network serves hosts, where no subnet of ours does."""
    hosts = [(site.host(port), address) for port, address in (("vm1", "203.0.113.11"), ("vm2", "203.0.113.12"))]
    with Dnsmasq(site.outside("router"), [(host.spec.mac, address) for host, address in hosts]):
        for host, address in hosts:
            client = Dhclient4(host)
            client.start()
            try:
                found = client.wait_lease("203.0.113.0/24")
                expect(found == address, f"{host.name} is given {found}, expected {address}")
                answered = host.ping("203.0.113.1")
                expect(answered == 3, f"{host.name}: {answered} of 3 from the router over IPv4")
                say(f"{host.name}: {found} from dnsmasq")
            finally:
                client.vanish()


def contained(site, say=print):
    """What our routers advertise stays with our hosts."""
    listener = site.outside("listener")
    with listener.capture() as heard:
        site.host("own1").run("rdisc6", "-1", "-n", "-w", "1000", "eth0")
        site.host("own1").run("ping", "-c", "2", "-i", "0.2", "-W", "1", "ff02::1%eth0")
        time.sleep(0.5)
    expect(heard.count(RA) == 0, f"advertisements on the physical network: {heard.lines(RA)}")
    expect(heard.count("icmp6 and ether src 02:00:00:00:03:01") > 0, "nothing of own1 was heard: the capture tells nothing")
    say("own1 is answered by our router; the physical network hears own1, and no advertisement")


def told(site, say=print):
    """Status says where there is no way out, trace where a packet leaves."""
    reason = site.port("vm3")["status"]["reason"]
    expect(reason == "no bridge_mappings of hv3 name physnet1", f"vm3 is Degraded for {reason!r}")
    say(f"vm3 is Degraded: {reason}")
    packet = f"icmp6 from {site.address('vm1')} to {FAR}"
    last = site.controller.call("trace", "--port", "acme/vm1", packet).strip().splitlines()[-1]
    expect(last == "uplink: public@hv1", f"trace of {packet} ends with {last!r}")
    say(f"{packet}: {last}")


def unplugged(site, say=print):
    """The port that leads there goes down, and comes back."""
    chassis = site.lab.chassis["hv2"]
    chassis.cmd("ip link set eth1 down")
    try:
        words = wait_until("vm2 Degraded", lambda: site.port("vm2")["status"]["phase"] == "Degraded"
                           and site.port("vm2")["status"]["reason"])
        expect(words == "eth1, the way of hv2 to physnet1, is down", f"vm2 is Degraded for {words!r}")
        say(f"vm2 is Degraded: {words}")
    finally:
        chassis.cmd("ip link set eth1 up")
    site.wait_active("vm2")
