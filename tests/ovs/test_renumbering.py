"""A subnet gets another prefix under traffic: the old one is deprecated, counted down over a kill of the controller, and gone."""

import re
import time

import addresses.wiring
import wiring
from addresses.site import site as addresses_site
from common import dvr, some_hosts
from sextantlab import eui64, wait_until
from sextantlab.dhcp6 import Dhclient, Dibbler

OLD, NEW = "2001:db8:a::/64", "2001:db8:a:7::/64"
INTENT = "tenant: {tenant}\nrenumberings:\n  - {{name: move, subnet: {subnet}, cidr: '{cidr}', overlap_s: {overlap_s}}}\n"

# Serves one connection after the other: each line comes back.
ECHO = """
import socket
server = socket.create_server(("::", 4000), family=socket.AF_INET6)
while True:
    lines = server.accept()[0].makefile("rw")
    for line in lines:
        lines.write(line)
        lines.flush()
"""
# One connection from one address, a line every 100 ms, until standard input ends: how many came back.
TALK = """
import select, socket, sys, time
connection = socket.create_connection((sys.argv[2], 4000), timeout=10, source_address=(sys.argv[1], 0))
lines, count = connection.makefile("rw"), 0
while not select.select([sys.stdin], [], [], 0.1)[0]:
    lines.write(f"{count}\\n")
    lines.flush()
    assert lines.readline() == f"{count}\\n", "another line came back"
    count += 1
print(count)
"""


def stage(controller, tenant="acme"):
    """The renumbering as the controller shows it: its stage, and when the old prefix goes."""
    shown = controller.get("renumbering", "move", "--tenant", tenant)
    shown = shown[0] if isinstance(shown, list) else shown
    return shown["status"].get("stage"), shown["status"]["ends_ms"]


def state(host):
    """A host's global addresses, each with its preferred and valid lifetime in seconds."""
    return {entry["local"]: (entry["preferred_life_time"], entry["valid_life_time"])
            for entry in host.inet() if entry["scope"] == "global"}


def all_came_back(flow):
    """Every echo request that a ping has sent by now was answered."""
    said = flow.communicate(timeout=90)[0].decode()
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
    assert sent == received > 100, said


def test_hosts_that_form_their_addresses_move_without_a_loss(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2", "acme-vm6")) as lab:
        one, other, far = (lab.host("acme", name) for name in ("vm1", "vm2", "vm6"))
        old, new = eui64(OLD, one.spec.mac), eui64(NEW, one.spec.mac)
        echo = far.popen(["python3", "-c", ECHO])
        far_address = wiring.address(far)
        wait_until("the echo server listens", lambda: ":4000" in far.run("ss", "-ltn").stdout)
        talk = one.popen(["python3", "-c", TALK, old, far_address], stdin=-1)
        flows = [one.popen(["ping", "-q", "-i", "0.05", "-c", "500", "-I", old, target])
                 for target in (wiring.address(other), far_address)]
        lab.controller.apply_text(INTENT.format(tenant="acme", subnet="red6", cidr=NEW, overlap_s=30))
        for host in (one, other):
            assert host.wait_address(NEW) == eui64(NEW, host.spec.mac)
        wait_until("the old address is deprecated", lambda: state(one)[old][0] == 0)
        # RFC 4862, 5.5.3: a host believes no advertisement that takes its last two hours.
        assert state(one)[old][1] <= 7200 < state(one)[new][1], state(one)
        assert f"src {new}" in one.run("ip", "-6", "route", "get", far_address).stdout, "what is new begins from the new one"
        before = stage(lab.controller)
        assert before[0] == "overlapping"
        for gateway in ("2001:db8:a::1", "2001:db8:a:7::1"):
            assert one.ping(gateway) == 3, gateway
        # In the middle of it.
        lab.controller.kill()
        time.sleep(1)
        lab.controller.start()
        assert stage(lab.controller) == before
        flows += [one.popen(["ping", "-q", "-i", "0.05", "-c", "300", "-I", new, target])
                  for target in (eui64(NEW, other.spec.mac), far_address)]
        for flow in flows:
            all_came_back(flow)
        assert int(talk.communicate(timeout=10)[0]) > 50, "the connection from the old address lived"
        wait_until("the old prefix is gone", lambda: stage(lab.controller)[0] == "finished", timeout=60)
        assert any("renumbering.finished" in line for line in lab.controller.call("events").splitlines())
        assert one.ping("2001:db8:a::1", count=2) == 0, "the router has left the old prefix"
        assert one.ping(eui64(NEW, other.spec.mac), count=2, options=("-I", old)) == 0, "nothing is sent from it any more"
        # What was shown is written, while traffic runs.
        flow = one.popen(["ping", "-q", "-i", "0.02", "-c", "150", "-I", new, far_address])
        lab.controller.call("delete", "renumbering", "acme/move")
        all_came_back(flow)
        subnet = lab.controller.get("subnet", "red6", "--tenant", "acme")
        assert (subnet[0] if isinstance(subnet, list) else subnet)["spec"]["cidr"] == NEW
        assert new in one.addresses()
        echo.terminate()


def test_clients_of_dhcpv6_move_when_they_renew(isolation):
    new = "2001:db8:0:77::/64"
    with addresses_site(isolation, print, "st1", "st2") as here:
        clients = {port: kind(here.host(port)) for port, kind in (("st1", Dhclient), ("st2", Dibbler))}
        for client in clients.values():
            client.start()
        first = {port: client.wait(addresses.wiring.SHORT.prefix) for port, client in clients.items()}
        here.controller.apply_text(INTENT.format(tenant="acme", subnet="short", cidr=new, overlap_s=20))
        for port, client in clients.items():
            moved = client.wait(new, settings=False)
            assert moved.split(":")[-1] == first[port].split(":")[-1], "the same but for the prefix"
            assert {moved, first[port]} <= set(here.host(port).addresses()), "both, for a time"
            assert sorted(here.leases(port)[0]["leased"]) == sorted([first[port], moved])
        here.restart()
        wait_until("the old prefix is gone", lambda: stage(here.controller)[0] == "finished", timeout=60)
        for port in clients:
            host = here.host(port)
            wait_until(f"{port} gave its old address up", lambda: first[port] not in host.addresses(), timeout=30)
            assert len(here.leases(port)[0]["leased"]) == 1
