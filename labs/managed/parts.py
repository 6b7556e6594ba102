"""The steps of this lab, which the system tests run too."""

import contextlib
import json
import os
import subprocess
import time

from sextantlab import Lab, LabFailed, wait_until
from sextantlab.chassis import BRIDGE, PREFIXES
from sextantlab.site import Site, expect

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))
PING = ["ping", "-q", "-i", "0.02", "-W", "2"]


@contextlib.contextmanager
def calling(isolation, say):
    """The same where hv2's bridge is not dialled: it is given the controller's address, and calls."""
    with Lab(isolation, wiring.CHASSIS, wiring.HOSTS) as lab:
        # The only unix socket but its own that Open vSwitch connects to is one of this name.
        target = "unix:" + lab.chassis["hv2"].ovs.path(BRIDGE + ".controller")
        lab.controller.connect = lambda: [lab.chassis["hv1"].management]
        lab.controller.flags = ["--openflow-listen", target]
        lab.controller.start()
        lab.controller.apply_text(intent(lab, ("tunnel_ip: fd00:a::2, manage: true",
                                               f'tunnel_ip: fd00:a::2, controller: "{target}", manage: true')), wait=None)
        yield Site(lab, say)


@contextlib.contextmanager
def site(isolation, say):
    """The lab with its intent applied and nothing plugged."""
    with Lab(isolation, wiring.CHASSIS, wiring.HOSTS) as lab:
        lab.controller.start()
        lab.controller.apply_text(intent(lab), wait=None)
        yield Site(lab, say)


def intent(lab, *edits):
    """The site's text, with where the databases are."""
    with open(os.path.join(HERE, "site.yaml"), encoding="ascii") as file:
        text = file.read()
    for name, chassis in lab.chassis.items():
        text = text.replace(f"DATABASE_{name}", chassis.database)
    for old, new in edits:
        expect(old in text, f"the site has no {old!r}")
        text = text.replace(old, new)
    return text


def set_up(here):
    """Bridges, tunnels and settings appear."""
    wait_until("all chassis Active", lambda: all(
        c["status"]["phase"] == "Active" and c["status"]["database_connected"] for c in here.controller.get("chassis")))
    for chassis in here.lab.chassis.values():
        wait_until(f"{chassis.name} set up", lambda chassis=chassis: is_set_up(chassis))
    ask = here.lab.chassis["hv1"].ovs.vsctl
    here.say(f"br-int: {ask('get', 'bridge', BRIDGE, 'external_ids').strip()}; ports {ask('list-ports', BRIDGE).split()}")
    here.say(here.controller.call("get", "chassis", "-o", "wide"))


def is_set_up(chassis):
    """Whether the database holds what it shall."""
    ask = chassis.ovs.vsctl
    try:
        bridge = [ask("get", "bridge", BRIDGE, column).strip() for column in
                  ("fail_mode", "protocols", "other_config:disable-in-band", "other_config:datapath-id", "datapath_type")]
        if bridge != ["secure", "[OpenFlow13]", '"true"', f'"{chassis.dpid}"', "netdev"]:
            return False
        tunnel = [ask("get", "interface", "sx-tun", column).strip() for column in
                  ("type", "options:remote_ip", "options:key", "external_ids:owner", "error")]
        if tunnel != ["geneve", "flow", "flow", "sextant", "[]"]:
            return False
        return prefixes(chassis) == {int(table): set(fields.split(",")) for table, fields in PREFIXES.items()}
    except RuntimeError:
        return False


def prefixes(chassis):
    """By which prefixes each table's rows are looked up."""
    found = json.loads(chassis.ovs.vsctl("--format=json", "--columns=flow_tables", "find", "Bridge", f"name={BRIDGE}"))
    tables = {}
    for number, (_, uuid) in found["data"][0][0][1]:
        row = json.loads(chassis.ovs.vsctl("--format=json", "--columns=prefixes", "list", "Flow_Table", uuid))["data"][0][0]
        tables[number] = set(row[1]) if isinstance(row, list) else {row}
    return tables


def plug(here):
    """Machines are plugged by iface-id alone, and reach each other."""
    expect("no interface of a managed chassis has external_ids:iface-id=vm1" in here.port("vm1")["status"]["reason"],
           f"{here.port('vm1')}")
    for host in wiring.HOSTS:
        here.lab.chassis[host.chassis].plug(host.interface, wiring.IFACE_IDS[host.port])
    here.wait_active()
    for host in wiring.HOSTS:
        status = here.port(host.port)["status"]
        expect((status["chassis"], status["interface"]) == (host.chassis, host.interface), f"{status}")
    reach(here)
    here.say(here.controller.call("get", "ports", "--tenant", "acme", "-o", "wide"))


def reach(here):
    """All reach each other."""
    for host in wiring.HOSTS:
        for other in wiring.HOSTS:
            if host is not other:
                pings(here, host.port, other.port)


def pings(here, port, other):
    """Until one is answered: tunnels are warmed by the first."""
    source, target = here.host(port), here.assigned(other)
    wait_until(f"{port} reaches {other}", lambda: source.ping(target) > 0, timeout=15)


def events(here, kind):
    """What was told of a type."""
    lines = here.controller.call("events", "-o", "json").splitlines()
    return [event for event in map(json.loads, lines) if event["type"] == kind]


def drift(here):
    """What others undo is done again; what is theirs stays."""
    chassis = here.lab.chassis["hv1"]
    ask = chassis.ovs.vsctl
    ask("set", "bridge", BRIDGE, "external_ids:theirs=1", "other_config:mac-aging-time=7", "--",
        "add-port", BRIDGE, "theirs0", "--", "set", "interface", "theirs0", "type=internal")
    time.sleep(0.5)
    repaired = len(events(here, "database.repaired"))
    began = time.monotonic()
    ask("del-port", BRIDGE, "sx-tun", "--", "set", "bridge", BRIDGE, "fail_mode=standalone", "--", "clear", "bridge", BRIDGE,
        "flow_tables", "--", "remove", "bridge", BRIDGE, "other_config", "disable-in-band")
    wait_until("repaired", lambda: is_set_up(chassis), pause=0.02)
    here.say(f"repaired after {1000 * (time.monotonic() - began):.0f} ms, as ovs-vsctl sees it")
    wait_until("it is told", lambda: len(events(here, "database.repaired")) > repaired)
    here.say(f"told: {events(here, 'database.repaired')[-1]['message']}")
    expect(ask("get", "bridge", BRIDGE, "external_ids:theirs").strip() == '"1"', "a key of others went")
    expect(ask("get", "bridge", BRIDGE, "other_config:mac-aging-time").strip() == '"7"', "a setting of others went")
    expect("theirs0" in ask("list-ports", BRIDGE).split(), "a port of others went")
    pings(here, "vm1", "vm2")


def move(here):
    """The first of two that claim a port keeps it; it moves with its interface."""
    one, two = here.lab.chassis["hv1"], here.lab.chassis["hv2"]
    two.ovs.vsctl("add-port", BRIDGE, "claims0", "--", "set", "interface", "claims0", "type=internal", "external_ids:iface-id=vm1")

    def reason():
        return here.port("vm1")["status"]["reason"]

    wait_until("the other claim is told", lambda: "also claimed by claims0 on hv2" in reason())
    here.say(f"vm1: {reason()}")
    expect(here.port("vm1")["status"]["chassis"] == "hv1", "the first does not keep it")
    two.unplug("claims0")
    wait_until("the other claim is gone", lambda: not reason())
    one.hand_over("acme-vm1", two, wiring.IFACE_IDS["vm1"])
    wait_until("vm1 is on hv2", lambda: here.port("vm1")["status"]["chassis"] == "hv2")
    pings(here, "vm2", "vm1")
    two.hand_over("acme-vm1", one, wiring.IFACE_IDS["vm1"])
    wait_until("vm1 is on hv1", lambda: here.port("vm1")["status"]["chassis"] == "hv1")
    here.wait_active()
    pings(here, "vm2", "vm1")


@contextlib.contextmanager
def no_loss(here, count):
    """A ping from vm1 to vm2 and vm3 runs, and loses nothing."""
    source = here.host("vm1")
    running = [source.popen(*PING, "-c", str(count), here.assigned(other), stdout=subprocess.PIPE, text=True)
               for other in ("vm2", "vm3")]
    yield
    for process in running:
        said = process.communicate()[0]
        expect(f"{count} packets transmitted, {count} received" in said, said)
    here.say(f"{2 * count} packets, none lost")


def contents(lab):
    """All that the databases hold, but for what counts and ages."""
    return {name: chassis.ovs.vsctl("--columns=_uuid,name,ports,controller,fail_mode,protocols,other_config,external_ids,flow_tables",
                                    "list", "Bridge", BRIDGE) for name, chassis in lab.chassis.items()}


def restarts(here):
    """Database server and controller come back, and nothing is lost or written."""
    before = contents(here.lab)
    with no_loss(here, 200):
        here.lab.chassis["hv1"].ovs.restart_database(away=1.5)
        wait_until("the database is connected again", lambda: events(here, "database.connected")
                   and here.controller.get("chassis", "hv1")["status"]["database_connected"])
    with no_loss(here, 300):
        here.controller.kill()
        time.sleep(1)
        here.controller.start()
        here.wait_active()
    wait_until("connected", lambda: all(c["status"].get("database_connected") for c in here.controller.get("chassis")))
    time.sleep(1)
    written = [event["message"] for kind in ("database.set", "database.repaired") for event in events(here, kind)]
    expect(not written, f"the controller wrote on its return: {written}")
    expect(contents(here.lab) == before, "what the databases hold is not what it was")


def leave(here):
    """What was set is taken back where management ends."""
    lab = here.lab
    edit = (f'tunnel_ip: fd00:a::1, manage: true, ovsdb: "{lab.chassis["hv1"].database}"', "tunnel_ip: fd00:a::1")
    try:
        here.controller.apply_text(intent(lab, edit, ("mac_address: \"02:00:00:00:01:01\"",
                                                     "mac_address: \"02:00:00:00:01:01\", binding: {chassis: hv1}")), wait=None)
        raise LabFailed("a port is bound by an iface-id on a chassis that is not managed")
    except Exception as refused:  # pylint: disable=broad-except
        expect("binding.interface: is needed" in str(refused), str(refused))
    here.controller.apply_text(intent(lab, edit), wait=None)
    ask = lab.chassis["hv1"].ovs.vsctl
    wait_until("the tunnel is taken away", lambda: "sx-tun" not in ask("list-ports", BRIDGE).split())
    expect({"theirs0", "acme-vm1"} <= set(ask("list-ports", BRIDGE).split()), "ports of others went")
    ids = ask("get", "bridge", BRIDGE, "external_ids")
    expect("sextant" not in ids and "theirs" in ids, ids)
    expect(ask("get", "bridge", BRIDGE, "flow_tables").strip() == "{}", "flow tables are left")
    wait_until("vm1 is bound no longer", lambda: here.port("vm1")["status"]["phase"] == "Pending")
    here.say(f"vm1: {here.port('vm1')['status']['reason']}")


PARTS = [
    ("bridges are set up", set_up),
    ("machines are plugged by iface-id", plug),
    ("what others undo is done again", drift),
    ("two claim a port; it moves", move),
    ("database server and controller restart", restarts),
    ("management ends", leave),
]
