"""The parts of labs/ipsec, each in a lab of its own."""

from ipsec import parts


def test_ipsec_between_hosts(isolation):
    with parts.opened(isolation, print) as here:
        parts.hosts(here)


def test_ipsec_between_gateways(isolation):
    with parts.opened(isolation, print) as here:
        parts.gateways(here)


def test_ipsec_esp_and_ah(isolation):
    with parts.opened(isolation, print) as here:
        parts.sealed(here)
