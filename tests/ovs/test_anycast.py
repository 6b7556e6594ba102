"""Anycast: one address, web servers on three hosts of two chassis; the nearest that lives answers, and one that dies is left."""

import json
import os
import subprocess
import sys
import time

from common import eventually
from sextantlab import wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "labs", "anycast"))

import anycast_site as site  # noqa: E402

# How long the rest of a failover may take on a machine with other work: what is measured is in labs/anycast.
PATIENCE_S = 1.5
MAC = "02:53:02:00:00:01"


def near(answers, *expected):
    """Everybody that answered is one of these."""
    assert answers and set(answers) <= set(expected), (answers, expected)


def test_the_nearest_answers_and_the_rest_share(isolation):
    with site.Service(isolation) as service:
        for client in ("c1", "b1"):
            near(service.ask(client, 10), "ns1")
            near(service.ask(client, 5, site.ADDRESS4), "ns1")
        near(service.ask("c2", 20), "ns2", "ns3")
        # hv3 has no instance: by hash, each gets some. One that got none of 60 would be a chance of one in a million.
        for client in ("c3", "b3"):
            counts = site.spread(service.ask(client, 60))
            assert set(counts) == set(site.SERVERS) and min(counts.values()) >= 6, (client, counts)
        counts = site.spread(service.ask("c3", 30, site.ADDRESS4))
        assert set(counts) == set(site.SERVERS), counts
        # Hosts have the service's MAC, and not as a router's.
        said = service.neighbor("c3")
        assert MAC in said and "router" not in said, said
        assert service.trace("c1").endswith("delivered: acme/ns1"), service.trace("c1")
        said = service.trace("c3")
        assert "delivered: one of acme/ns1, acme/ns2, acme/ns3" in said, said
        # The address is nobody else's, and nobody else sends from it.
        c3 = service.hosts["c3"]
        c3.run("ip", "addr", "add", f"{site.ADDRESS}/128", "dev", "eth0")
        eventually("duplicate address detection", lambda: any(a.get("dadfailed") for a in c3.inet() if a["local"] == site.ADDRESS))
        c3.run("ip", "addr", "del", f"{site.ADDRESS}/128", "dev", "eth0")
        c3.run("ip", "addr", "add", f"{site.ADDRESS}/128", "dev", "eth0", "nodad")
        assert c3.ping(site.eui64(site.PREFIX["red"], service.hosts["c1"].spec.mac), count=2, options=("-I", site.ADDRESS)) == 0
        c3.run("ip", "addr", "del", f"{site.ADDRESS}/128", "dev", "eth0")
        # A controller that comes back finds them alive; nothing moves meanwhile.
        watches = {client: service.watch(client, seconds=4, patience=0.8) for client in ("c1", "c3")}
        service.lab.controller.kill()
        service.lab.controller.start()
        answers = {client: site.spread([who for _, who in watch.answers()]) for client, watch in watches.items()}
        assert set(answers["c1"]) == {"ns1"} and set(answers["c3"]) == set(site.SERVERS), answers
        service.wait_health({name: "alive" for name in site.SERVERS})


def test_who_dies_is_left_and_who_comes_back_is_asked_again(isolation):
    with site.Service(isolation) as service:
        neighbor = service.neighbor("c1") or service.ask("c1", 1) and service.neighbor("c1")
        # A server is killed: its host refuses connections.
        watch = service.watch("c1")
        service.kill("ns1")
        seconds, who = watch.outage("ns1")
        print(f"server killed: {seconds * 1000:.0f} ms")
        assert who in ("ns2", "ns3") and seconds < PATIENCE_S, (seconds, who)
        service.wait_health({"ns1": "dead", "ns2": "alive", "ns3": "alive"})
        eventually("two serve", lambda: service.service()["status"]["reason"] == "2 of 3 instances serve")
        status = service.service()["status"]
        assert status["phase"] == "Active", status
        assert status["instances"][0]["reason"] == "connection refused", status
        assert MAC in service.neighbor("c1"), (neighbor, service.neighbor("c1"))
        service.serve("ns1")
        service.wait_health({"ns1": "alive"})
        eventually("ns1 again", lambda: set(service.ask("c1", 5)) == {"ns1"})
        # A host's interface goes down.
        watch = service.watch("c1")
        service.hosts["ns1"].run("ip", "link", "set", "eth0", "down")
        seconds, who = watch.outage("ns1")
        print(f"port down: {seconds * 1000:.0f} ms")
        assert who in ("ns2", "ns3") and seconds < PATIENCE_S, (seconds, who)
        service.wait_health({"ns1": "dead"})
        assert service.service()["status"]["instances"][0]["reason"] == "its port is down"
        # Back with it is the address; a global IPv6 one goes with an interface that is down.
        service.hosts["ns1"].run("ip", "link", "set", "eth0", "up")
        for address in site.SERVED:
            service.hosts["ns1"].run("ip", "addr", "replace", address, "dev", "eth0")
        service.kill("ns1")
        service.serve("ns1")
        service.wait_health({"ns1": "alive"})
        eventually("ns1 again", lambda: set(service.ask("c1", 5)) == {"ns1"})
        events = service.lab.controller.call("events")
        for words in ("anycast.down", "ns1: connection refused", "ns1: its port is down", "anycast.up"):
            assert words in events, events


def test_a_chassis_that_dies_takes_its_instances_along(isolation):
    with site.Service(isolation) as service:
        switch = service.lab.chassis["hv2"].ovs
        counts = site.spread(service.ask("c3", 40))
        assert set(counts) == set(site.SERVERS), counts
        switch.kill_vswitchd()
        service.wait_health({"ns1": "alive", "ns2": "dead", "ns3": "dead"})
        eventually("all by ns1", lambda: set(service.ask("c3", 20)) == {"ns1"})
        switch.start_vswitchd()
        service.wait_health({name: "alive" for name in site.SERVERS})
        eventually("ns2 or ns3 again", lambda: set(service.ask("c3", 20)) - {"ns1"})
        # Nobody is left: those who ask are told so, and the service says it.
        for name in site.SERVERS:
            service.kill(name)
        service.wait_health({name: "dead" for name in site.SERVERS})
        status = service.service()["status"]
        assert (status["phase"], status["reason"]) == ("Degraded", "no instance is alive"), status
        # c1 has not asked yet, and finds nobody; c3 has the MAC still, and is told by the network; b3 by its router.
        for client, teller in (("c1", "From 2001:db8:a:"), ("c3", "From fe80::53:1ff:fe"), ("b3", "From 2001:db8:b::1")):
            said = service.hosts[client].run("ping", "-c", "1", "-W", "5", site.ADDRESS).stdout
            assert "Destination unreachable: Address unreachable" in said and teller in said, (client, said)


def test_connections_to_the_others_stay(isolation):
    with site.Service(isolation) as service:
        c3 = service.hosts["c3"]
        held = c3.popen([sys.executable, os.path.join(site.HERE, "client.py"), site.ADDRESS, "hold", "40", "4"], 
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(2)
        service.kill("ns2")
        service.wait_health({"ns2": "dead"})
        answers = json.loads(held.communicate(timeout=60)[0])
        alive = {name: [late for who, late in answers if who == name] for name in site.SERVERS}
        assert all(alive.values()), "each had some connections"
        assert alive["ns2"] == [0] * len(alive["ns2"]), alive
        assert all(late > 0 for name in ("ns1", "ns3") for late in alive[name]), alive
        # Who comes back takes nothing from them but what it had.
        before = site.spread(service.ask("c3", 60))
        assert set(before) == {"ns1", "ns3"}, before
        service.serve("ns2")
        service.wait_health({"ns2": "alive"})
        wait_until("ns2 is asked again", lambda: "ns2" in service.ask("c3", 20))


MORE = """
tenant: acme
anycast_services:
  - {name: echo, network: red, address: "2001:db8:a::54", ports: [ns1, ns2], health: {type: icmpv6, interval_ms: 100}}
  - {name: tcp, network: red, address: "2001:db8:a::55", ports: [ns1, ns2], health: {type: tcp, port: 7000, interval_ms: 50}}
  - {name: near, network: red, address: "2001:db8:a::56", ports: [ns1, ns2], health: {interval_ms: 200}}
  - {name: near4, network: red, address: 10.1.0.56, ports: [ns1, ns2]}
"""
ADDRESSES = {"echo": "2001:db8:a::54/128", "tcp": "2001:db8:a::55/128", "near": "2001:db8:a::56/128", "near4": "10.1.0.56/32"}


def test_every_way_to_ask(isolation):
    with site.Service(isolation) as service:
        for name in ("ns1", "ns2"):
            host = service.hosts[name]
            host.agent  # listens on port 7000
            for address in ADDRESSES.values():
                # On the loopback interface, as operators of anycast like it: of these, neighbours are told by the network alone.
                host.run("ip", "addr", "add", address, "dev", "lo")
        service.lab.controller.apply_text(MORE)
        service.wait_health({"ns1": "alive", "ns2": "alive"}, ADDRESSES)
        c1, c3 = service.hosts["c1"], service.hosts["c3"]
        for address in ADDRESSES.values():
            address = address.partition("/")[0]
            assert c1.ping(address, count=2) == 2 and c3.ping(address, count=2) == 2, address
            assert c1.tcp(address) == "acme-ns1", address
        # A host that takes no packets any more, but ARP.
        service.hosts["ns1"].run("nft", "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; policy drop; }")
        service.wait_health({"ns1": "dead", "ns2": "alive"}, ("web", "web4", "echo", "tcp", "near"))
        reasons = {name: service.service(name)["status"]["instances"][0]["reason"] for name in ("echo", "tcp", "near")}
        assert set(reasons.values()) == {"no answer"}, reasons
        assert service.health("near4") == {"ns1": "alive", "ns2": "alive"}
        eventually("ns2 answers", lambda: c1.tcp("2001:db8:a::55") == "acme-ns2")
        service.hosts["ns1"].run("nft", "delete table inet deaf")
        service.wait_health({"ns1": "alive"}, (*ADDRESSES, "web", "web4"))
        # Without a router the gateway is nobody's: it is answered for, so that instances can be asked from there.
        service.lab.controller.call("delete", "router", "acme/r1")
        for name in ("ns1", "ns2", "ns3"):
            service.hosts[name].run("ip", "neigh", "flush", "dev", "eth0")
        time.sleep(2)
        for name in ("web", "web4", *ADDRESSES):
            assert set(service.health(name).values()) == {"alive"}, (name, service.service(name))
        assert not c1.ping("10.1.0.1", count=1)
