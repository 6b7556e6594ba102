"""Clients that renew every six seconds, over a kill -9 of the controller, and boot anew; and what they give back."""

import time

from sextantlab import wait_until
from sextantlab.dhcp6 import CLIENTS
from sextantlab.site import expect

from . import wiring

PORTS = ["st1", "st2", "st3", "st4"]


def show(site):
    """Four clients on four ports, all at once."""
    clients = dict(zip(PORTS, (kind(site.host(port)) for port, kind in zip(PORTS, CLIENTS))))
    for client in clients.values():
        client.start()
    first = {port: client.wait(wiring.SHORT.prefix) for port, client in clients.items()}
    leases = {port: lease_of(site, port) for port in PORTS}
    expect(all(leases[port]["leased"] == [first[port]] for port in PORTS), f"leases {leases} of {first}")
    site.restart()
    renew(site, clients, leases)
    boot_again(site, clients, leases)
    given_back(site, clients)


def renew(site, clients, leases):
    """Every lease is as before the kill, and then every client prolongs it."""
    for port in PORTS:
        lease = lease_of(site, port)
        kept = all(lease[name] == leases[port][name] for name in ("leased", "client", "association", "since_ms"))
        expect(kept, f"{port} has {lease} after the restart, had {leases[port]}")
    begin = time.monotonic()
    wait_until("every client renewed its lease", lambda: all(renewed(site, leases)), timeout=30, pause=0.3)
    told = {name: count for name, count in site.punts().items() if name in ("renew", "rebind")}
    site.say(f"killed and back in mid-lease; all four had renewed {time.monotonic() - begin:.1f} s later: {told}")
    for port, client in clients.items():
        goes_on(site, port, leases[port])
        site.say(f"{port} {client.name:8}  {leases[port]['leased'][0]} renewed, since as before")
    gateway = "2001:db8:0:b::1"
    expect(all(site.host(port).ping(gateway, count=1) for port in PORTS), "not all reach their gateway")


def boot_again(site, clients, leases):
    """Clients that are cut off and know their leases when they come back, go on with them, each in its own way."""
    before = site.punts()
    for client in clients.values():
        client.vanish()
        client.start()
    for port, client in clients.items():
        client.wait(wiring.SHORT.prefix, settings=False)  # who confirms is told of no settings (RFC 8415, 18.3.3)
        goes_on(site, port, leases[port])
    told = {name: count - before.get(name, 0) for name, count in site.punts().items()}
    told = {name: told[name] for name in ("solicit", "request", "confirm", "renew", "rebind") if told.get(name)}
    site.say(f"cut off and back, all have the same addresses and leases: {told}")


def goes_on(site, port, was):
    """A host holds its address, and its lease is the one that it was, however long it lasts now."""
    lease, held = lease_of(site, port), site.host(port).addresses()
    expect(held == was["leased"] == lease["leased"], f"{port} held {was['leased']}, now {held}, leased {lease['leased']}")
    expect(lease["since_ms"] == was["since_ms"], f"{port}: since {lease['since_ms']}, was {was}")
    expect(lease["client"] == was["client"], f"{port}: another client, {lease['client']}")


def given_back(site, clients):
    """A release ends the lease; the next client gets the same address again."""
    before = site.punts().get("release", 0)
    for client in clients.values():
        client.release()
    wait_until("no lease is left", lambda: not any(site.leases(port) for port in PORTS), timeout=10)
    released = site.punts()["release"] - before
    expect(released >= len(clients), f"{released} releases were counted")
    site.say(f"released by all four ({released} messages); no lease is left")


def lease_of(site, port):
    """A port's only lease."""
    found = site.leases(port)
    expect(len(found) == 1, f"leases of {port}: {found}")
    return found[0]


def renewed(site, leases):
    """Of each port whether its lease now lasts longer."""
    return [int(lease_of(site, port)["until_ms"]) > int(leases[port]["until_ms"]) for port in leases]
