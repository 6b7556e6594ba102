"""What the system tests share: the lab of labs/dvr with its site adapted, and what they ask of switches."""

import contextlib
import os
import re
import time

import wiring
from sextantlab import ChassisSpec, HostSpec, Lab, wait_until

with open(os.path.join(os.path.dirname(wiring.__file__), "site.yaml"), encoding="ascii") as _file:
    SITE = _file.read()

GATEWAY = {"red": "2001:db8:a::1", "blue": "2001:db8:b::1"}
SUBNET4 = {"red": "10.1.0", "blue": "10.2.0"}


def site(encap="geneve", underlay=6, dual=False, edits=()):
    """The dvr site over another fabric; `dual` adds IPv4 subnets; `edits` are pairs of old and new text."""
    text = SITE.replace("encap: geneve", f"encap: {encap}")
    if underlay == 4:
        text = text.replace("fd00:a::", "10.99.0.")
    if dual:
        text = with_ipv4(text)
    for old, new in edits:
        if old not in text:
            raise ValueError(f"the site has no {old!r}")
        text = text.replace(old, new)
    return text


def with_ipv4(text):
    """IPv4 subnets beside the IPv6 ones, and an address of each port's own on them."""
    for network, prefix in SUBNET4.items():
        text = text.replace(f"  - name: {network}6\n",
                            f"  - {{name: {network}4, network: {network}, cidr: {prefix}.0/24}}\n  - name: {network}6\n")
    text = text.replace("{subnet: blue6}]", "{subnet: blue6}, {subnet: red4}, {subnet: blue4}]")
    return re.sub(r"name: vm(\d), network: (\w+),",
                  lambda m: f"{m[0]} fixed_ips: [{{ip_address: {SUBNET4[m[2]]}.1{m[1]}}}],", text)


def address4(host):
    """A host's IPv4 address in a dual-stack site."""
    return f"{SUBNET4[host.spec.network]}.1{host.spec.port[-1]}"


def dual_hosts():
    """The hosts of the dvr lab with their IPv4 addresses set by hand."""
    hosts = []
    for spec in wiring.HOSTS:
        prefix = SUBNET4[spec.network]
        hosts.append(HostSpec(spec.tenant, spec.port, spec.network, spec.chassis, spec.mac,
                              addresses=[f"{prefix}.1{spec.port[-1]}/24"], routes=[f"default via {prefix}.1"]))
    return hosts


def some_hosts(*names):
    """Some of the dvr lab's hosts."""
    return [spec for spec in wiring.HOSTS if spec.name in names]


@contextlib.contextmanager
def dvr(isolation, encap="geneve", underlay=6, dual=False, hosts=None, edits=(), extra_chassis=(), flags=()):
    """The dvr lab with its controller up, told `flags`, the site applied, and every host's address there."""
    tunnel = "10.99.0." if underlay == 4 else "fd00:a::"
    chassis = [ChassisSpec(c.name, c.datapath_id, c.tunnel_ip.replace("fd00:a::", tunnel)) for c in wiring.CHASSIS]
    hosts = hosts or (dual_hosts() if dual else wiring.HOSTS)
    with Lab(isolation, [*chassis, *extra_chassis], hosts, encap=encap) as lab:
        try:
            for switch in lab.chassis.values():
                switch.log_messages()
            lab.controller.flags = list(flags(lab) if callable(flags) else flags)
            lab.controller.start()
            lab.controller.apply_text(site(encap, underlay, dual, edits), wait=None)
            for spec in hosts:
                wait_phase(lab, spec.tenant, spec.port, "Active")
            for host in lab.hosts.values():
                host.wait_address(wiring.PREFIX[host.spec.network])
            yield lab
        except BaseException:
            if lab.controller.running:
                print(lab.controller.call("get", "ports", "--tenant", "acme"))
            print("the controller's last words:\n" + lab.controller.tail())
            raise


def port(lab, tenant, name):
    """A port as the controller shows it."""
    found = lab.controller.get("port", name, "--tenant", tenant)
    return found[0] if isinstance(found, list) else found


def wait_phase(lab, tenant, name, phase):
    """Waits until a port is in a phase; the port."""
    def probe():
        found = port(lab, tenant, name)
        return found if found["status"]["phase"] == phase else None

    return wait_until(f"port {tenant}/{name} {phase}", probe)


def punts(lab):
    """How many packets each switch has sent to a controller since the lab noted messages; but for what hosts say of groups: they may
    take ten seconds to answer a query.

    The packet counts of flows won't do: where `check_pkt_larger` decides, Open vSwitch counts both ways."""
    listens = re.compile(r"icmp_type=(130|131|132|143)\b|nw_proto=2\b|\bigmp\b")
    return {name: sum(not listens.search(packet) for packet in chassis.punted())
            for name, chassis in lab.chassis.items()}


@contextlib.contextmanager
def no_punts(lab):
    """What happens inside reaches no controller."""
    quiet(lab)
    before = punts(lab)
    yield
    time.sleep(0.3)
    assert punts(lab) == before, f"punted: {before} before, {punts(lab)} after"


def quiet(lab, seconds=1.5):
    """Waits until no switch has punted anything for a while: hosts that just came up solicit."""
    last, since, deadline = punts(lab), time.monotonic(), time.monotonic() + 30
    while time.monotonic() - since < seconds:
        time.sleep(0.25)
        now = punts(lab)
        if now != last:
            last, since = now, time.monotonic()
        assert time.monotonic() < deadline, f"switches go on punting: {now}"


def stable(flow):
    """A flow as dumped, without what counts and ages."""
    return re.sub(r"(duration|n_packets|n_bytes|idle_age|hard_age)=[^,]*,? ?", "", flow)


def duration(flow):
    """How many seconds ago a flow was put in."""
    return float(re.search(r"duration=([\d.]+)s", flow)[1])


def eventually(what, probe, timeout=10):
    """A condition that must come true."""
    return wait_until(what, probe, timeout)
