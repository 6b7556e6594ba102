"""Looks at every router advertisement and DHCPv6 message that hosts get from us, with tshark's eyes."""

import os
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from .lab import LabFailed

# Our routers' and servers' MACs begin with this.
OURS = "eth.src[0:2] == 02:53"
SEEN = "udp port 546 or udp port 547 or (icmp6 and ip6[40] == 134)"
OPTIONS = ("-o", "udp.check_checksum:TRUE")
# tshark's severities from here on are warnings and errors.
WARNING = 0x00600000


class Watch:
    """Captures at all hosts while a `with` lasts; then no packet of ours may be at fault."""

    def __init__(self, hosts, say):
        self._captures = [host.capture(SEEN) for host in hosts]
        self._say = say

    def __enter__(self):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda capture: capture.__enter__(), self._captures))
        return self

    def __exit__(self, kind, *_):
        for capture in self._captures:
            capture.__exit__()
        if kind is None:
            self._judge()

    def _judge(self):
        rows = packets(self._captures, OURS, "icmpv6.type", "dhcpv6.msgtype", "icmpv6.checksum.status", "udp.checksum.status",
                       "_ws.expert.severity", "_ws.expert.message", "_ws.malformed", "ipv6.src", "ipv6.dst")
        faults = [row for row in rows if "1" not in row[2:4] or row[6] or worst(row[4]) >= WARNING]
        adverts = sum(row[0] == "134" for row in rows)
        self._say(f"tshark looked at {adverts} router advertisements and {len(rows) - adverts} DHCPv6 messages of ours: "
                  f"{len(faults) or 'no'} faults")
        if faults or not rows:
            raise LabFailed(f"at fault: {faults[:5]}" if faults else "nothing of ours was seen")


def solicit(hosts, *names):
    """One solicitation by rdisc6 on each host at once: by host's name, what it printed of the first answer, and the fields of all.

    The kernel may solicit at the same time: where there is one answer to each solicitation, and all are alike, that is one."""
    def one(host):
        host.wait_link_local()  # who solicits without an address is answered to the group
        with host.capture("icmp6") as seen:
            done = host.run("rdisc6", "-m", "-n", "-r", "1", "-w", "1200", "eth0")
            time.sleep(0.2)
        return seen, done.stdout.partition("\n from ")[0]

    with ThreadPoolExecutor(len(hosts)) as pool:
        said = list(pool.map(one, hosts))
    rows = packets([seen for seen, _ in said], "icmpv6.type == 134 && !(eth.dst[0] & 1)", "eth.dst", *names)
    asked = Counter(mac for (mac,) in packets([seen for seen, _ in said], "icmpv6.type == 133", "eth.src"))

    def answers(mac):
        found = [row[1:] for row in rows if row[0] == mac]
        return found[:1] if len(found) == asked[mac] and all(answer == found[0] for answer in found) else found

    return {host.name: (text, answers(host.spec.mac)) for host, (_, text) in zip(hosts, said)}


def packets(captures, display, *names):
    """Fields of the packets of some captures, a list a packet."""
    merged = captures[0].file + ".all"
    subprocess.run(["mergecap", "-F", "pcap", "-w", merged, *(capture.file for capture in captures)], check=True, capture_output=True)
    command = ["tshark", "-n", "-r", merged, *OPTIONS, "-Y", display, "-T", "fields", "-E", "separator=|"]
    command += [word for name in names for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    os.remove(merged)
    return [line.split("|") for line in done.stdout.splitlines()]


def worst(severities):
    """The highest of a packet's severities, as tshark prints them."""
    return max((int(severity, 0) for severity in severities.split(",") if severity), default=0)
