"""External gateways: the parts of labs/gateway, in three labs."""

from gateway import checks
from gateway.wiring import site


def test_gateway_ways_out_and_back(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.outward(here)
        checks.inward(here)
        checks.router_lost(here)


def test_gateway_sources_and_mtu(isolation):
    with site(isolation) as here:
        checks.said(here)


def test_gateway_drained_restarted_and_killed(isolation):
    with site(isolation) as here:
        checks.told(here)
        checks.drained(here)
        checks.restarted(here)
        checks.killed(here)
