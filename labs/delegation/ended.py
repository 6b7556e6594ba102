"""The delegation is deleted while a client has the prefix: no route, no source, and the client is told when it renews."""

import time

from sextantlab import wait_until
from sextantlab.dhcp6 import CLIENTS, Dhcpcd
from sextantlab.site import expect

from . import wiring
from .site import SITE, delegation, everybody_reached, lease_of, prefix_of, routing

PORTS = ["cpe", *wiring.OTHERS]
LONG = """\
tenant: acme
delegations: [{name: cpe, port: cpe, pool: "2001:db8:d000::/40", length: 56}]
"""


def show(site):
    """With each client; the next prefix is another one, as long as there are others."""
    had = []
    for kind in CLIENTS:
        prefix = prefix_of(site)
        expect(prefix not in had, f"{prefix} again, after {had}")
        had.append(prefix)
        with routing(site, kind, prefix) as client:
            lease_of(site, prefix)
            everybody_reached(site)
            taken(site, client, prefix)
        if kind is not CLIENTS[-1]:
            site.controller.apply(SITE)
    site.say(f"delegated one after the other: {' '.join(had)}")
    told_at_once(site)


def told_at_once(site):
    """dhcpcd takes reconfigure messages (RFC 8415, 18.3.11): with hours left until it would renew, it gives the prefix up at once."""
    site.controller.apply_text(LONG)
    prefix = prefix_of(site)
    with routing(site, Dhcpcd, prefix) as client:
        begin = time.monotonic()
        site.controller.call("delete", "delegation", "acme/cpe")
        wait_until("dhcpcd has given up the prefix", lambda: client.delegated() == [], timeout=10)
        site.say(f"dhcpcd    {prefix} deleted, with hours until a renewal: given up after {time.monotonic() - begin:.1f} s")


def taken(site, client, prefix):
    """Deletes it, and waits until the client knows."""
    behind, far = site.host("behind"), site.host("far2")
    site.controller.call("delete", "delegation", "acme/cpe")
    begin = time.monotonic()
    wait_until("no prefix is the port's", lambda: site.port("cpe")["status"]["prefixes"] == [])
    site.wait_active("cpe")
    expect(site.leases("cpe") == [], f"leases {site.leases('cpe')}")
    inside = behind.addresses()[0]
    last = site.controller.call("trace", "--port", "acme/far2", f"icmp6 from {wiring.address(far)} to {inside}").splitlines()[-1]
    expect(last == "punted: icmp", f"the trace ends in {last}")
    said = far.run("ping", "-c", "1", "-W", "2", inside).stdout
    expect("No route" in said, f"far2 was told: {said}")
    with far.capture(f"icmp6 and src {inside}") as seen:
        behind.ping(wiring.address(far), count=2)
    expect(seen.count() == 0, "a packet of the prefix came through")
    # Of the 40 s for which it is valid, dhcp6c renews after 18.
    wait_until(f"{client.name} has given up the prefix", lambda: client.delegated() == [], timeout=25 if client.minds_zero else 45)
    took = time.monotonic() - begin
    site.say(f"{client.name:8}  {prefix} deleted: no route, no source; given up after {took:.1f} s")
