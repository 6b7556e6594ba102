"""Mininet's `pingall` over IPv6: `mn --custom labs/mn/six.py --test pingall6`.

Waits until every host has made itself a global address (SLAAC) and pings every pair, each host by its global address.
Says what came of it in Mininet's own manner; if anything is lost, Mininet ends with exit status 1.
"""

import json
import sys
import time

from mininet.log import error, output

# Seconds until every host has an address, at most.
PATIENCE_S = 20


def pingall6(net):
    """Pings all pairs of hosts over IPv6."""
    for host in net.hosts:
        # A host that has said nothing yet is unknown to the network: one word to everybody introduces it.
        host.cmd(f"ping -6 -n -c 1 -W 1 ff02::1%{host.defaultIntf().name} >/dev/null 2>&1 &")
    output("*** Waiting for IPv6 addresses\n")
    begin = time.monotonic()
    addresses = wait_addresses(net.hosts)
    silent = [host.name for host in net.hosts if host not in addresses]
    if silent:
        error(f"*** No global IPv6 address after {PATIENCE_S} s: {' '.join(silent)}\n")
        give_up(net)
    output(f"*** Every host has one after {time.monotonic() - begin:.1f} s\n*** Ping: testing IPv6 reachability\n")
    sent = received = 0
    for source in net.hosts:
        output(f"{source.name} -> ")
        for target in net.hosts:
            if target is source:
                continue
            sent += 1
            answered = " 1 received" in source.cmd(f"ping -6 -n -c 1 -W 1 {addresses[target]}")
            received += answered
            output(f"{target.name} " if answered else "X ")
        output("\n")
    dropped = 100 * (sent - received) / sent if sent else 0
    output(f"*** Results: {dropped:.0f}% dropped ({received}/{sent} received)\n")
    if received < sent:
        give_up(net)


def wait_addresses(hosts):
    """The first global address of each host that is not being tested for duplicates any more."""
    found = {}
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < len(hosts) and time.monotonic() < deadline:
        for host in hosts:
            if host not in found:
                address = address_of(host)
                if address:
                    found[host] = address
        time.sleep(0.1)
    return found


def address_of(host):
    """A host's global address, or None."""
    said = host.cmd(f"ip -j -6 addr show dev {host.defaultIntf().name} scope global")
    try:
        links = json.loads(said)
    except ValueError:
        return None
    for entry in (entry for link in links for entry in link.get("addr_info", [])):
        if entry.get("local") and not entry.get("tentative") and not entry.get("dadfailed"):
            return entry["local"]
    return None


def give_up(net):
    """Takes the network down in order: an exception would make Mininet clean up what is not its own."""
    net.stop()
    sys.exit(1)


# What `--test` can name.
tests = {"pingall6": pingall6}
