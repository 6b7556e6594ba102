"""The ten pairs of modes: what is advertised, and what the kernel and every client end up with."""

import ipaddress
import re
import time
from concurrent.futures import ThreadPoolExecutor

from sextantlab import eui64
from sextantlab.dhcp6 import CLIENTS
from sextantlab.site import expect
from sextantlab.watch import solicit

from . import wiring

PORTS = [*wiring.FIRST, "sl2", "sf2"]
MTU = "1430"  # 1500 less Geneve over IPv6


def show(site):
    """Shows the matrix of modes, and holds it against what is expected."""
    pairs = list(zip(wiring.FIRST, wiring.PAIRS))
    cells = {port: [pair.ra or "-", pair.address or "-"] for port, pair in pairs}
    heads = ["ipv6_ra_mode", "ipv6_address_mode", "RA", "kernel", *(client.name for client in CLIENTS)]
    target = CLIENTS[0](site.host("sf2"))
    target.start()
    for port, pair in pairs:
        if pair.forms:
            site.host(port).wait_address(pair.prefix)
    said = solicit([site.host(port) for port in wiring.FIRST], "icmpv6.opt.pref64.prefix", "ipv6.hlim", "icmpv6.nd.ra.cur_hop_limit")
    for port, pair in pairs:
        host = site.host(port)
        cells[port] += [advertised(host, pair, *said[host.name]), kernel(host, pair)]
    target.wait(wiring.BY_NETWORK["stateful"].prefix)
    duids = set()
    for kind in CLIENTS:
        for port, cell in one_round(site, kind, pairs, duids).items():
            cells[port].append(cell)
    expect(len(duids) == len(CLIENTS), f"each client says who it is by another DUID: {duids}")
    target.vanish()
    site.say(table(heads, cells.values()))
    site.say("RA: flags of the advertisement (Autonomous, Managed, Other); ::x: the address; DNS: servers and domain by DHCPv6")


def advertised(host, pair, text, answers):
    """The flags in the answer to a solicitation, of which there must be exactly one, in a word; the rest must be as intended."""
    if pair.flags is None:
        expect(answers == [] and "Prefix" not in text, f"{host.name}: an advertisement where nobody advertises: {text}")
        return "none"
    expect(answers == [["64:ff9b::", "255", "64"]], f"{host.name}: one answer with the NAT64 prefix expected, not {answers}")

    def value(name):
        return re.findall(rf"^ *{re.escape(name)} *: *(\S+)", text, re.MULTILINE)

    flags = {"A": "Autonomous address conf.", "M": "Stateful address conf.", "O": "Stateful other conf."}
    flags = "".join(letter for letter, name in flags.items() if value(name) == ["Yes"])
    rest = [value(name) for name in ("Prefix", "Valid time", "Pref. time", "Router lifetime", "MTU", "Recursive DNS server",
                                     "DNS search list", "DNS servers lifetime", "On-link")]
    wanted = [[pair.prefix], ["86400"], ["14400"], ["1800"], [MTU], wiring.DNS, [pair.domain], ["1800"], ["Yes"]]
    expect((flags, rest) == (pair.flags, wanted), f"{host.name} was told {flags} {rest}, expected {pair.flags} {wanted}")
    return flags


def kernel(host, pair):
    """What the kernel alone makes of it: the address in short."""
    wanted = [eui64(pair.prefix, host.spec.mac)] if pair.forms else []
    expect(host.addresses() == wanted, f"{host.name} has {host.addresses()}, expected {wanted}")
    routes = host.run("ip", "-6", "route", "show", "default", "dev", "eth0").stdout
    expect(("default via fe80::" in routes) == (pair.flags is not None), f"{host.name}: default routes: {routes!r}")
    return "".join(short(address, pair) for address in wanted) or "-"


def one_round(site, kind, pairs, duids):
    """One client on every network at once: what each of them ended up with."""
    running = {}
    for port, pair in pairs:
        managed = pair.dhcp == "address" or "M" in (pair.flags or "")
        running[port] = kind(site.host(port), settings=not managed, advertised=pair.flags is not None)
    with ThreadPoolExecutor(len(pairs)) as pool:
        list(pool.map(kind.start, running.values()))
        for port, pair in pairs:
            address = pair.dhcp == "address" or (pair.forms and kind.forms)
            running[port].wait(pair.prefix if address else None, settings=bool(kept(kind, pair)))
        list(pool.map(lambda port: reaches(site, port, kind.name), ("sl1", "ss1", "sf1")))
        time.sleep(0.5)  # for those that are to have nothing
        cells = {port: outcome(site, port, pair, running[port]) for port, pair in pairs}
        duids.update(lease["client"] for lease in site.leases("sf1"))
        list(pool.map(kind.vanish, running.values()))
    return cells


def kept(client, pair):
    """What of DHCPv6 there is for a client to keep."""
    return pair.dhcp if client.keeps_settings or pair.dhcp == "address" else ""


def outcome(site, port, pair, client):
    """What a client has, in a few words; whether that is what it is to have."""
    host, (servers, domains) = site.host(port), client.told()
    wanted = (wiring.DNS, [pair.domain]) if kept(client, pair) else ([], [])
    expect((servers, domains) == wanted, f"{client.name} on {port} was told {servers} {domains}, expected {wanted}")
    addresses = host.addresses()
    leases = site.leases(port)
    if pair.dhcp == "address":
        assigned = site.assigned(port)
        expect(addresses == [assigned], f"{client.name} on {port} has {addresses}, the port has {assigned}")
        expect([lease["leased"] for lease in leases] == [[assigned]], f"leases of {port}: {leases}")
    else:
        formed = [eui64(pair.prefix, host.spec.mac)] if pair.forms else []
        expect(addresses == formed, f"{client.name} on {port} has {addresses}")
        expect(leases == [], f"leases of {port}: {leases}")
    by_it = addresses if pair.dhcp == "address" or client.forms else []
    words = [short(address, pair) for address in by_it] + (["DNS"] if servers else [])
    return " ".join(words) or "-"


def reaches(site, port, client):
    """Hosts on the other hypervisor answer: one on the same network or routed, one with an address by DHCPv6."""
    for target in (eui64(wiring.BY_NETWORK["slaac"].prefix, site.host("sl2").spec.mac), wiring.GIVEN["sf2"]):
        expect(site.host(port).ping(target, count=2), f"{port} with {client} does not reach {target}")


def short(address, pair):
    """An address without its network's prefix."""
    address, prefix = ipaddress.ip_address(address), ipaddress.ip_network(pair.prefix)
    return str(ipaddress.IPv6Address(int(address) & int(prefix.hostmask)) if address in prefix else address)


def table(heads, rows):
    """Columns as wide as they need to be."""
    rows = [heads, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    return "\n".join("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows)
