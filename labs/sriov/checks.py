"""What pass-through NICs are given, and what they can't have. Each check raises `LabFailed` where it is otherwise."""

import json
import time

from sextantlab import wait_until
from sextantlab.controller import Refused
from sextantlab.dhcp4 import Dhclient4
from sextantlab.dhcp6 import Dhcpcd
from sextantlab.site import expect

from .wiring import FAR, PREFIX, PREFIX4


def addressed(site, say=print):
    """The kernel autoconfigures; real clients get what the intent has, wherever the VF is served from."""
    for port, server in (("vf1", "hv1"), ("vf2", "hv2"), ("vf3", "hv1"), ("two-vf", "hv1")):
        expect(site.server(port) == server, f"{port} is served by {site.server(port)!r}, expected {server}")
    for port in ("vf1", "vf2", "two-vf", "vm1", "rep1"):
        host = site.host(port)
        found = host.wait_address(PREFIX["public"])
        expect(found == site.address(port), f"{port} has {found}, expected {site.address(port)}")
        say(f"{port:7} {site.port(port)['spec'].get('vnic_type', 'normal'):10} {found}  default route: {default(host)}")
    expect(default(site.host("vf1")), "vf1 has no default route")
    for port in ("vf3", "dh1", "rep2"):
        say(f"{port:7} DHCPv6: {leased6(site, port)}")
    for port in ("vf1", "vf2", "vm1", "rep1"):
        say(f"{port:7} DHCPv4: {leased4(site, port)}")


def default(host):
    """A host's default routes."""
    return host.run("ip", "-6", "route", "show", "default").stdout.strip().split(" proto")[0]


def leased6(site, port):
    """What `dhcpcd` is given, which is what the port was assigned; it stays."""
    client = Dhcpcd(site.host(port))
    client.start()
    address = client.wait(PREFIX["stateful"], settings=False)
    address = address[0] if isinstance(address, (list, tuple)) else address
    assigned = [a for a in site.port(port)["status"]["addresses"] if not a.startswith("fe80:")]
    expect(site.host(port).wait_address(PREFIX["stateful"]) in assigned, f"{port} is given {address}, assigned are {assigned}")
    site.clients = [*getattr(site, "clients", []), client]
    return site.host(port).wait_address(PREFIX["stateful"])


def leased4(site, port):
    """What `dhclient` is given."""
    client = Dhclient4(site.host(port))
    client.start()
    found = client.wait_lease(PREFIX4)
    assigned = site.port(port)["status"]["addresses"]
    expect(found in assigned, f"{port} is given {found}, assigned are {assigned}")
    site.clients = [*getattr(site, "clients", []), client]
    return found


def reached(site, say=print):
    """Same network here and elsewhere, routed to an overlay, from a hypervisor that is not on the network, outside; ping and TCP."""
    for source, target, what in [
        ("vf1", "vm1", "same network, same hypervisor"), ("vf1", "vm2", "same network, another hypervisor"),
        ("vf1", "vf2", "NIC to NIC, past both bridges"), ("vm2", "vf1", "to the NIC"),
        ("vf1", "red2", "routed to an overlay"), ("red2", "vf1", "routed from it"),
        ("red3", "vf1", "from a hypervisor that is not on the network"), ("vf1", "red3", "and to it"),
        ("vf1", "vf3", "routed NIC to NIC"), ("vf3", "red3", "a NIC of that hypervisor, to a port there"),
        ("vf1", FAR, "outside"), ("vf3", FAR, "outside"),
    ]:
        answers(site, source, target, what, say)
    address4 = site.host("vf1").wait_address(PREFIX4)
    expect(site.host("vm1").ping(address4) == 3, f"vm1 does not reach vf1 at {address4}")
    expect(site.host("vf1").ping("203.0.113.1") == 3, "vf1 does not reach its router over IPv4")
    say(f"vm1 to vf1 and vf1 to its router over IPv4: 3 of 3")
    # The VM with one NIC past the bridge and one at it has both.
    two = site.host("two-vf")
    two.wait_address(PREFIX["red"], device="eth1")
    for device, target in (("eth0", "vm1"), ("eth1", "red2")):
        answered = two.ping(site.address(target), options=("-I", device))
        expect(answered == 3, f"two by {device} to {target}: {answered} of 3")
    say("a VM with a VF and a port of the bridge: by each, 3 of 3")


def answers(site, source, target, what, say):
    """Ping, and TCP where there is a host to answer."""
    if target == FAR:
        address = FAR
    else:
        address = site.host(target).wait_address(PREFIX[site.host(target).spec.network])
    answered = site.host(source).ping(address, count=5)
    expect(answered >= 4, f"{source} to {target} ({what}): {answered} of 5")
    tcp = ""
    if target != FAR:
        _ = site.host(target).agent
        who = site.host(source).tcp(address)
        expect(who == site.host(target).name, f"{source} to {target} ({what}): TCP is answered by {who}")
        tcp = ", TCP"
    say(f"{source:4} to {target if target != FAR else 'far':5} {answered} of 5{tcp}: {what}")


def fetch(site, port, path="latest/meta-data/hostname", where="[fe80::a9fe:a9fe%25eth0]"):
    """What the metadata service says to a host."""
    done = site.host(port).run("curl", "-g", "-s", "--max-time", "5", f"http://{where}/{path}")
    return done.stdout.strip()


def told(site, say=print):
    """Metadata over both protocols, each NIC's own."""
    for port in ("vf1", "vf2", "vf3", "vm1", "rep1"):
        said = fetch(site, port)
        expect(said == port, f"{port} is told that it is {said!r}")
    said = fetch(site, "vf1", where="169.254.169.254")
    expect(said == "vf1", f"vf1 is told over IPv4 that it is {said!r}")
    said = fetch(site, "vf1", "latest/meta-data/public-keys/0/openssh-key")
    expect(said == "ssh-ed25519 AAAA vf1", f"vf1's key is {said!r}")
    say("vf1, vf2, vf3, vm1, rep1: each is told its own name; vf1 its key, and its name over IPv4")


SPOOFS = {
    "an address that is not its own": 'IPv6(src="2001:db8:100::bad", dst="{target}")/UDP(sport=1000, dport=4242)',
    "IPv4, not its own": 'IP(src="203.0.113.99", dst="203.0.113.1")/UDP(sport=1000, dport=4242)',
}


def guarded(site, say=print):
    """A VF with another's source gets no further than where its frames enter: the serving hypervisor, and any other."""
    for port, enters in (("vf1", ("vm1", "vm2")), ("rep1", ("vm1",))):
        for target in enters:
            host, victim = site.host(port), site.host(target)
            mac = host.spec.mac
            for what, layer in SPOOFS.items():
                frame = layer.format(target=site.address(target))
                program = f'sendp(Ether(src="{mac}", dst="{victim.spec.mac}")/{frame}, iface="eth0", count=5)'
                with victim.capture("udp port 4242") as heard:
                    host.scapy(program)
                    time.sleep(0.4)
                expect(heard.count() == 0, f"{port} to {target}: {what} arrives")
            own = site.address(port)
            program = (f'sendp(Ether(src="{mac}", dst="{victim.spec.mac}")/IPv6(src="{own}", dst="{site.address(target)}")'
                       '/UDP(sport=1000, dport=4242), iface="eth0", count=5)')
            with victim.capture("udp port 4242") as heard:
                host.scapy(program)
                time.sleep(0.4)
            expect(heard.count() == 5, f"{port} to {target}: {heard.count()} of 5 that are its own arrive")
        say(f"{port}: what is not from its own address does not arrive at {' and '.join(enters)}; what is, does")
    drops = [d for d in site.controller.get("drops", "--port", "acme/vf1") if d["reason"] == "spoofed_source"]
    expect(drops and drops[0]["chassis"], f"what vf1 sent is counted as {drops}")
    say(f"counted for vf1: {drops[0]['reason']}, {drops[0]['packets']} packets")


REFUSALS = [
    ("security_groups: [open]", "{vnic_type: direct, network: public, security_groups: [open], binding: {chassis: hv1}}", "can't be enforced"),
    ("an overlay network", "{vnic_type: direct, network: red, binding: {chassis: hv1}}", "is on a provider network"),
    ("an interface", "{vnic_type: direct, network: public, binding: {chassis: hv1, interface: eth9}}", "its chassis is enough"),
    ("no binding", "{vnic_type: direct, network: public}", "binding.chassis"),
    ("an unknown type", "{vnic_type: baremetal, network: public}", "vnic_type"),
]


def refused(site, say=print):
    """What a class can't have is refused with its reason; what can't be enforced, the status says."""
    for what, spec, reason in REFUSALS:
        text = f"tenant: acme\nports: [{{name: nope, {spec[1:-1]}}}]\n"
        try:
            site.controller.apply_text(text, wait=None)
        except Refused as refusal:
            words = str(refusal)
            expect(reason in words, f"{what}: refused with {words}, expected {reason!r}")
            say(f"{what}: {words.strip().splitlines()[-1]}")
            continue
        expect(False, f"{what} is accepted")
    for source, target, end in (("vf1", "vm2", "delivered: acme/vm2"), ("vf1", "vf2", "delivered: acme/vf2"),
                                ("red3", "vf1", "delivered: acme/vf1"), ("vf1", "red2", "delivered: acme/red2")):
        packet = f"udp from {site.address(source)} to {site.address(target)} sport 4000 dport 4001"
        last = site.controller.call("trace", "--port", f"acme/{source}", packet).strip().splitlines()[-1]
        expect(last == end, f"trace of {source} to {target} ends with {last!r}")
    limits = site.port("vf1")["status"]["not_enforced"]
    expect(len(limits) == 2 and "security groups" in limits[0], f"vf1's status says {limits}")
    say("\n".join(f"vf1, not enforced: {limit}" for limit in limits))


# Ports of a class that have the tenant's default group: members come in, strangers don't.
FILTERED = {"vm1": "vm2", "rep1": "rep1"}
def judged(site, port):
    """What is said of a port's traffic: kind and verdict."""
    rows = map(json.loads, site.controller.call("flows", "--port", f"acme/{port}", "-o", "json").splitlines())
    return {row["match"]: row["actions"] for row in rows if row["table"] == "offload"}


def offloaded(site, say=print):
    """Which of a representor's traffic a NIC could take over, and what is in the way of the rest."""
    verdicts = judged(site, "rep1")
    for traffic, verdict in verdicts.items():
        say(f"rep1 {traffic}: {verdict}")
    for traffic in ("on the same hypervisor", "by a router", "to outside", "from outside"):
        expect(any(traffic in said for said in verdicts), f"nothing is said of what goes {traffic}: {verdicts}")
    expect("offloadable" in verdicts.values(), f"nothing can be offloaded: {verdicts}")
    expect(not judged(site, "vm1"), "a port that is no representor is judged")


CLASSES = {"normal": ("vm1", "dh1"), "direct": ("vf1", "vf3"), "switchdev": ("rep1", "rep2")}


def tabled(site, say=print):
    """One table: what was shown for each class, and what is refused."""
    rows = {
        "RA (SLAAC)": lambda slaac, _: site.address(slaac) in site.host(slaac).addresses(),
        "DHCPv6": lambda _, stateful: bool(site.host(stateful).addresses()),
        "DHCPv4": lambda slaac, _: bool(site.host(slaac).addresses(4)),
        "ND: the router": lambda slaac, _: resolves(site, slaac),
        "routing": lambda slaac, _: site.host(slaac).ping(site.address("red2")) == 3,
        "to outside": lambda slaac, _: site.host(slaac).ping(FAR) == 3,
        "metadata": lambda slaac, _: fetch(site, slaac) == slaac,
        "guard": lambda slaac, _: not spoofs(site, slaac),
        "security groups": lambda slaac, _: None if slaac == "vf1" else filtered(site, FILTERED[slaac]),
    }
    table = {name: [row(*ports) for ports in CLASSES.values()] for name, row in rows.items()}
    say(f"{'':16} " + " ".join(f"{name:10}" for name in CLASSES))
    words = {True: "works", False: "FAILS", None: "refused"}
    for name, cells in table.items():
        say(f"{name:16} " + " ".join(f"{words[cell]:10}" for cell in cells))
    expect(all(cell is not False for cells in table.values() for cell in cells), f"the table has {table}")
    expect([name for name, cells in table.items() if None in cells] == ["security groups"], f"the table has {table}")
    return table


def filtered(site, port):
    """Whether a member of the default group, the VF, reaches a port, and a stranger on the same VLAN does not."""
    address = site.address(port)
    return site.host("vf1").ping(address) == 3 and site.host("stranger").ping(address) == 0


def resolves(site, port):
    """Whether a host finds its router's MAC anew."""
    host = site.host(port)
    host.cmd("ip -6 neigh flush dev eth0")
    return host.ping("fe80::1%eth0") == 3


def spoofs(site, port):
    """Whether somebody on another hypervisor hears what is not from the host's own address."""
    host, victim = site.host(port), site.host("vm2")
    layer = SPOOFS["an address that is not its own"].format(target=site.address("vm2"))
    with victim.capture("udp port 4242") as heard:
        host.scapy(f'sendp(Ether(src="{host.spec.mac}", dst="{victim.spec.mac}")/{layer}, iface="eth0", count=5)')
        time.sleep(0.4)
    return heard.count() > 0


def handed_over(site, say=print):
    """The hypervisor that serves vf1 and vf3 dies: another one serves them, by MACs of its own; what is routed goes on."""
    target = site.host("red2").wait_address(PREFIX["red"])
    for port in ("vf1", "vf3"):
        expect(site.host(port).ping(target) == 3, f"{port} does not reach red2 before")
    host = site.host("vf1")
    pings = host.popen(["ping", "-D", "-n", "-i", "0.02", "-w", "14", target], stdout=-1, stderr=-1, text=True)
    time.sleep(2)
    site.lab.chassis["hv1"].ovs.kill()
    wait_until("hv2 serves vf1", lambda: site.server("vf1") == "hv2")
    text, _ = pings.communicate(timeout=30)
    at = [float(line.split("]")[0][1:]) for line in text.splitlines() if line.startswith("[") and "bytes from" in line]
    gap = max(after - before for before, after in zip(at, at[1:]))
    expect(at[-1] - at[0] > 12, f"nothing is routed any more: the last answer came {at[-1] - at[0]:.1f} s after the first")
    say(f"hv1 killed: hv2 serves vf1; nothing was routed for it for {gap * 1000:.0f} ms")
    expect(site.server("vf3") == "hv2", f"vf3 is served by {site.server('vf3')!r}")
    expect(site.host("vf3").ping(target) == 3, "vf3 does not reach red2 after")
    expect(fetch(site, "vf1") == "vf1", "vf1 has no metadata after")
    expect(site.port("vf1")["status"]["phase"] in ("Active", "Degraded"), f"vf1 is {site.port('vf1')['status']}")
    say(f"vf1 and vf3 reach red2, vf1 its metadata, by hv2; vf1 is {site.port('vf1')['status']['phase']}")
