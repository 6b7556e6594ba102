"""What the lab shows of the metadata service."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

from sextantlab import Lab, wait_until
from sextantlab.dhcp4 import Dhclient4
from sextantlab.site import Site, expect

from . import cloud, wiring

HERE = os.path.dirname(os.path.abspath(__file__))
OPENSTACK = f"http://[{wiring.OPENSTACK}%25eth0]"
EC2 = f"http://[{wiring.EC2}]"
IPV4 = f"http://{wiring.IPV4}"

# An advertisement and a solicitation that claim the service's addresses, and a question with a neighbour's source.
CLAIMS = """
mac = get_if_hwaddr('eth0')
for address in ('{openstack}', '{ec2}'):
    own = ICMPv6NDOptDstLLAddr(lladdr=mac)
    sendp(Ether(src=mac, dst='33:33:00:00:00:01')/IPv6(src=address, dst='ff02::1', hlim=255)/ICMPv6ND_NA(tgt=address, R=0, S=0)/own, iface='eth0')
    sendp(Ether(src=mac, dst='{peer_mac}')/IPv6(src=address, dst='{peer}')/UDP(dport=9)/Raw('claim'), iface='eth0')
sendp(Ether(src=mac, dst='{service}')/IPv6(src='{peer}', dst='{ec2}')/TCP(sport=7777, dport=80, flags='S'), iface='eth0')
"""


class Metadata(Site):
    """The lab, with all hosts by their names."""

    def at(self, name):
        """A host by tenant and port."""
        return self.lab.hosts[name]

    def curl(self, name, url, *options, timeout=5):
        """Status and body of a page as a host gets it."""
        done = self.at(name).run("curl", "-sg", "--max-time", str(timeout), "-w", "\n%{http_code}", *options, url, timeout=60)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def page(self, name, url):
        """A page that has to be there."""
        status, body = self.curl(name, url)
        expect(status == 200, f"{name}: {url}: status {status}: {body}")
        return body


def opened(isolation, say):
    """The lab, up, with all addresses formed."""
    lab = Lab(isolation, wiring.CHASSIS, wiring.HOSTS)
    lab.__enter__()
    try:
        lab.controller.start()
        lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
        here = Metadata(lab, say)
        wait_until("every port Active", lambda: all(
            port["status"]["phase"] == "Active" for tenant in ("acme", "umbra")
            for port in lab.controller.get("ports", "--tenant", tenant)))
        for host in lab.hosts.values():
            if host.spec.network != "old":
                host.wait_address(wiring.LONE if host.spec.network == "lone" else wiring.RED)
    except BaseException:
        lab.stop()
        raise
    return here


def first_boot(here):
    """cloud-init as Debian has it, over IPv6 alone: EC2's source on one tenant's VM, OpenStack's on the other's twin."""
    for name, source, hostname, who, key in (
            ("acme-vm1", "Ec2", "web", "a VM of acme", "ann@acme"), ("umbra-vm1", "OpenStack", "vm1", "a VM of umbra", "bob@umbra")):
        host = here.at(name)
        expect(not host.inet(4), f"{name} has IPv4")
        began = time.monotonic()
        found = cloud.boot(host, here.lab.isolation.rundir, source, wiring.EC2)
        took = time.monotonic() - began
        expect((found["hostname"], found["who"], found["keys"]) == (hostname, who, [key]), f"{name}: {found}")
        expect(found["v1"]["cloud_name"] in ("aws", "unknown", "openstack"), f"{name}: {found['v1']}")
        here.say(f"{name}: cloud-init's {source} source, {took:.1f} s: hostname {found['hostname']}, instance "
                 f"{found['v1']['instance_id']}, key of {key}, /etc/who says {found['who']!r}")


def walk(here, name, base, path):
    """All that EC2's tree has under a path, by following what folders list."""
    pages = {}
    for line in here.page(name, f"{base}{path}").splitlines():
        number = line.split("=")[0]
        if line.endswith("/"):
            pages |= walk(here, name, base, path + line)
        elif "=" in line and path.endswith("public-keys/"):
            pages |= walk(here, name, base, f"{path}{number}/")
        else:
            pages[path + line] = here.page(name, f"{base}{path}{line}")
    return pages


def paths(here):
    """Every path, at the link-local address and at EC2's."""
    trees = [walk(here, "acme-vm1", base, "/latest/meta-data/") for base in (OPENSTACK, EC2)]
    expect(trees[0] == trees[1], f"one page differs from the other: {trees}")
    tree = trees[0]
    expect(tree["/latest/meta-data/local-hostname"] == "web.acme.example", f"{tree}")
    expect(tree["/latest/meta-data/public-keys/0/openssh-key"].endswith("ann@acme"), f"{tree}")
    port = here.port("vm1")
    address = [a for a in port["status"]["addresses"] if not a.startswith("fe80:")][0]
    expect(tree["/latest/meta-data/ipv6"] == address, f"{tree}")
    for base in (OPENSTACK, EC2):
        for version in here.page("acme-vm1", f"{base}/openstack").splitlines():
            meta = json.loads(here.page("acme-vm1", f"{base}/openstack/{version}/meta_data.json"))
            expect((meta["uuid"], meta["project_id"]) == (wiring.DEVICE, "acme"), f"{meta}")
    networks = json.loads(here.page("acme-vm1", f"{OPENSTACK}/openstack/latest/network_data.json"))
    macs = {link["ethernet_mac_address"] for link in networks["links"]}
    expect(macs == {"02:00:00:00:01:01", "02:00:00:00:03:01"}, f"{networks}")
    expect({network["type"] for network in networks["networks"]} == {"ipv6_slaac"}, f"{networks}")
    status, token = here.curl("acme-vm1", f"{EC2}/latest/api/token", "-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60")
    expect(status == 200, f"no token: {status}")
    with_token = here.curl("acme-vm1", f"{EC2}/latest/meta-data/mac", "-H", f"X-aws-ec2-metadata-token: {token}")
    expect(with_token == (200, "02:00:00:00:01:01"), f"{with_token}")
    for path, wanted in (("/latest/meta-data/none", 404), ("/openstack/1999-01-01", 404)):
        expect(here.curl("acme-vm1", EC2 + path)[0] == wanted, path)
    here.say(f"{len(tree)} pages of EC2's tree and those of OpenStack are the same at both addresses; a token is taken and used")


def tenants(here):
    """Two VMs with the same MAC and addresses, asking at the same time: each is told its own."""
    def ask(name):
        return [here.page(name, f"{EC2}/latest/user-data").split()[-1] for _ in range(20)]
    with ThreadPoolExecutor(2) as pool:
        acme, umbra = pool.map(ask, ("acme-vm1", "umbra-vm1"))
    expect(set(acme) == {'acme\\n"}'} and set(umbra) == {'umbra\\n"}'}, f"{acme} {umbra}")
    expect(here.at("acme-vm1").addresses() == here.at("umbra-vm1").addresses(), "they were to have the same addresses")
    here.say(f"both are {here.at('acme-vm1').addresses()[0]}; of 40 answers, asked for at the same time, each was its own")


def baseline(here):
    """A port without security groups, whose user_data is not text."""
    done = here.at("acme-vm2").run("sh", "-c", f"curl -sg '{OPENSTACK}/openstack/latest/user_data' | od -An -tx1")
    expect(done.stdout.split() == ["00", "01", "ff", "23", "21", "62", "69", "6e"], f"{done.stdout}")
    here.say("a port with no group is answered too; bytes come as they were given")


def isolated(here):
    """Networks without a router: the way is told by RA and by DHCP."""
    lone = here.at("acme-lone")
    route = lone.run("ip", "-6", "route", "get", wiring.EC2).stdout
    expect("via" not in route and "dev eth0" in route, f"{route}")
    expect(here.page("acme-lone", f"{EC2}/latest/meta-data/mac") == "02:00:00:00:03:01", "the wrong page")
    neighbors = lone.run("ip", "-6", "neigh", "show", wiring.EC2).stdout
    expect(wiring.MAC in neighbors, f"{neighbors}")
    old = here.at("acme-old")
    client = Dhclient4(old)
    client.start()
    address = client.wait_lease(wiring.OLD)
    route = old.run("ip", "route", "get", wiring.IPV4).stdout
    expect(here.page("acme-old", f"{IPV4}/latest/meta-data/local-ipv4") == address, f"{route}")
    here.say(f"lone: {wiring.EC2} is on the link by RA; old: {wiring.IPV4} by dhclient's {route.splitlines()[0].strip()}")


def claims(here):
    """Nobody takes the service's addresses, and nobody asks in another's name."""
    host, peer = here.at("acme-vm1"), here.at("acme-vm2")
    host.run("ip", "addr", "add", f"{wiring.OPENSTACK}/64", "dev", "eth0")
    wait_until("the address is found to be taken", lambda: any(
        entry["local"] == wiring.OPENSTACK and entry.get("dadfailed") for entry in host.inet()), timeout=10)
    host.run("ip", "addr", "del", f"{wiring.OPENSTACK}/64", "dev", "eth0")
    victim = peer.addresses()[0]
    with peer.capture("ip6") as capture:
        host.scapy(CLAIMS.format(openstack=wiring.OPENSTACK, ec2=wiring.EC2, service=wiring.MAC, peer=victim, peer_mac=peer.spec.mac))
        time.sleep(1)
    seen = capture.fields("ipv6.src", "icmpv6.nd.na.target_address", "tcp.srcport")
    bad = [row for row in seen if wiring.OPENSTACK in row or wiring.EC2 in row or "7777" in row]
    expect(not bad, f"the peer heard {bad}")
    counts = {d["reason"]: d["packets"] for d in here.controller.get("drops", "--port", "acme/vm1")}
    expect(counts.get("foreign_neighbor_advert", 0) + counts.get("spoofed_source", 0) >= 5, f"{counts}")
    expect(here.page("acme-vm2", f"{EC2}/latest/meta-data/mac") == "02:00:00:00:01:02", "the wrong page")
    here.say(f"DAD for {wiring.OPENSTACK} fails; of 5 frames that claim an address or another's name none arrived: {counts}")


def killed(here):
    """kill -9 in the middle: who asks meanwhile is answered when the controller is back."""
    host = here.at("umbra-vm1")
    program = f"""
import socket, time
s = socket.create_connection(('{wiring.EC2}', 80), timeout=30)
ask = b'GET /latest/meta-data/mac HTTP/1.1\\r\\n\\r\\n'
s.sendall(ask)
print(s.recv(4000)[:15], flush=True)
input()
s.sendall(ask)
try:
    print(s.recv(4000)[:15], flush=True)
except ConnectionError as error:
    print(type(error).__name__, flush=True)
"""
    process = host.popen(["/usr/bin/python3", "-c", program], stdin=-1, stdout=-1, stderr=-2, text=True)
    expect("200" in process.stdout.readline(), "no first answer")
    here.controller.kill()
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        waits = pool.submit(here.curl, "umbra-vm1", f"{EC2}/latest/meta-data/mac", timeout=30)
        time.sleep(1)
        here.controller.start()
        status, _ = waits.result()
        took = time.monotonic() - began
    expect(status == 200, f"a question that was asked meanwhile: {status}")
    out, _ = process.communicate("\n", timeout=40)
    expect("ConnectionResetError" in out, f"the old connection: {out}")
    here.say(f"a question asked while it was down was answered after {took:.1f} s; a connection of before was reset at its next word")


PARTS = [
    ("first boot", first_boot), ("every path", paths), ("two tenants with the same addresses", tenants),
    ("a port without groups", baseline), ("networks without a router", isolated), ("claims and spoofed sources", claims),
    ("kill -9", killed),
]
