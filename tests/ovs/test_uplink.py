"""Prefixes from upstream: the parts of labs/uplink, against Kea and dibbler-server."""

from sextantlab.delegating import DibblerServer
from uplink import checks
from uplink.wiring import site


def test_uplink_obtained_kept_renumbered(isolation):
    with site(isolation) as here:
        checks.obtained(here)
        checks.restarted(here)
        checks.renumbered(here)


def test_uplink_silent_server_and_lost_gateway(isolation):
    with site(isolation) as here:
        checks.obtained(here)
        checks.failed_over(here)
        checks.silent(here)


def test_uplink_dibbler_and_release(isolation):
    with site(isolation, server=DibblerServer) as here:
        checks.obtained(here)
        checks.released(here)


def test_uplink_release_to_kea(isolation):
    with site(isolation) as here:
        checks.obtained(here)
        checks.released(here)
