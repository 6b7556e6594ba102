"""What is wrong is refused with its reasons, and hurts nothing else."""

import os
import re
import subprocess
import time

import wiring
from common import dvr, eventually, site, some_hosts, wait_phase
from sextantlab import ChassisSpec, Lab, Refused

HERE = os.path.dirname(os.path.abspath(__file__))

# Opens a session for each piece of hex, sends it, and says whether the other side closed within 15 seconds.
FEED = """
import socket, sys
for piece in sys.argv[3:]:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.settimeout(15)
    s.sendall(bytes.fromhex(piece))
    try:
        while s.recv(65536):
            pass
        print('closed')
    except ConnectionResetError:
        print('closed')
    except TimeoutError:
        print('open')
"""

HELLO = "0400000800000001"

# What no OpenFlow 1.3 switch sends.
GARBAGE = {
    "not OpenFlow at all": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".hex(),
    "another version": "0100000800000001",
    "a length below the header's": HELLO + "0402000400000002",
    "a features reply that is cut short": HELLO + "0406000c0000000300000000",
    "a message type that does not exist": HELLO + "04fa000800000002",
    "noise": "ff" * 64,
}


def test_malformed_openflow_closes_only_that_session(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2")) as lab:
        host, port = lab.controller.openflow.rsplit(":", 1)
        said = lab.controller.home_python(FEED, host.strip("[]"), port, *GARBAGE.values()).split()
        assert dict(zip(GARBAGE, said)) == dict.fromkeys(GARBAGE, "closed")
        assert lab.controller.running
        assert all(chassis["status"]["connected"] for chassis in lab.controller.get("chassis"))
        assert lab.host("acme", "vm1").ping(wiring.address(lab.host("acme", "vm2"))) == 3


WRONG = """\
tenant: acme
fabric: {encap: geneve}
networks:
  - {name: red, type: overlay, mtu: 9000}
  - {name: "no good"}
  - {name: odd}
subnets:
  - {name: red6, network: red, cidr: "2001:db8:a::/129"}
  - {name: lost6, network: nowhere, cidr: "2001:db8:c::/64"}
ports:
  - {name: vm1, network: red, mac_address: "01:00:00:00:00:01"}
  - {name: vm2, network: red, binding: {chassis: hv1, interface: longer-than-fifteen}}
"""

# A line and a path of each fault in it.
FAULTS = [(4, "networks[0].mtu"), (5, "networks[1].name"), (8, "subnets[0].cidr"), (9, "subnets[1].network"),
          (11, "ports[0].mac_address"), (12, "ports[1].binding.chassis"), (12, "ports[1].binding.interface")]


def refuse(isolation, text, faults):
    """Applies a document that must be refused for all its faults, and looks that nothing of it was applied."""
    with Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], []) as lab:
        lab.controller.start()
        try:
            lab.controller.apply_text(text, wait=None)
        except Refused as refused:
            print(refused.reasons)
            assert refused.status == 1
            lines = refused.reasons.splitlines()
        else:
            raise AssertionError("it was accepted")
        missing = [(line, path) for line, path in faults
                   if not any(re.search(rf"intent\.yaml:{line}: {re.escape(path)}: \S", text) for text in lines)]
        assert not missing, f"not named: {missing}"
        for kind in ("networks", "subnets", "ports"):
            assert lab.controller.get(kind, "--tenant", "acme") == [], kind
        assert lab.controller.run("apply").returncode == 2, "wrong usage"


def test_wrong_yaml_is_refused_with_all_reasons(isolation):
    refuse(isolation, WRONG, FAULTS)


def test_unknown_field_does_not_hide_other_reasons(isolation):
    refuse(isolation, WRONG.replace("{name: odd}", "{name: odd, colour: blue}"), [*FAULTS, (6, "networks[2].colour")])


def test_unknown_bridge_is_listed_and_left_alone(isolation):
    stranger = ChassisSpec("stranger", 0xabc, "fd00:a::99")
    with Lab(isolation, [wiring.CHASSIS[0], stranger], []) as lab:
        node = lab.chassis["stranger"]
        node.ovs.ofctl("add-flow", "br-int", "cookie=0x77,priority=7,actions=drop")
        before = [flow.split(" n_packets")[1] for flow in node.flows()]
        lab.controller.start()
        found = eventually("it is listed", lambda: [
            c for c in lab.controller.get("chassis") if c["status"].get("discovered")
            and int(c["status"]["datapath_id"], 16) == 0xabc] or None)
        assert found[0]["status"]["connected"], found
        lab.controller.apply_text(
            'chassis: [{name: hv1, datapath_id: "1", tunnel_ip: "fd00:a::1"}]\nfabric: {encap: geneve}\n')
        time.sleep(1)
        assert [flow.split(" n_packets")[1] for flow in node.flows()] == before


def test_second_bridge_with_a_known_datapath_id_is_refused(isolation):
    twin = ChassisSpec("twin", 1, "fd00:a::98")
    with Lab(isolation, [*wiring.CHASSIS, twin], some_hosts("acme-vm1", "acme-vm2")) as lab:
        controller = lab.controller
        controller.connect = lambda: [lab.chassis[c.name].management for c in wiring.CHASSIS]
        controller.start()
        controller.apply_text(site(), wait=None)
        wait_phase(lab, "acme", "vm1", "Active")
        wait_phase(lab, "acme", "vm2", "Active")
        host, port = controller.openflow.rsplit(":", 1)
        relay = subprocess.run(
            ["/usr/bin/python3", os.path.join(HERE, "relay.py"), lab.chassis["twin"].management.removeprefix("unix:"),
             host.strip("[]"), port], capture_output=True, text=True, timeout=30,
            preexec_fn=isolation.enter_home_net)
        assert relay.stdout.strip() == "closed by controller", relay.stdout + relay.stderr
        flows = lab.chassis["twin"].flows()
        assert flows == [], flows
        hv1 = next(c for c in controller.get("chassis") if c["name"] == "hv1")
        assert hv1["status"]["connected"], hv1
        for name in ("vm1", "vm2"):
            lab.host("acme", name).wait_address(wiring.PREFIX["red"])
        assert lab.host("acme", "vm1").ping(wiring.address(lab.host("acme", "vm2"))) > 0


def test_vanished_port_comes_back(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2")) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        assert vm2.ping(wiring.address(vm1)) > 0
        lab.chassis["hv1"].unplug(vm1.spec.interface)
        pending = wait_phase(lab, "acme", "vm1", "Pending")
        assert pending["status"].get("reason"), pending
        assert vm2.ping(wiring.address(vm1), count=1) == 0
        lab.chassis["hv1"].plug(vm1.spec.interface)
        wait_phase(lab, "acme", "vm1", "Active")
        eventually("it answers again", lambda: vm2.ping(wiring.address(vm1), count=1))
