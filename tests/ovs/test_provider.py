"""Provider networks: the parts of labs/provider, in two labs."""

from provider import checks
from provider.wiring import site


def test_provider_routers_and_questions(isolation):
    with site(isolation) as here:
        checks.autoconfigured(here)
        checks.outward(here)
        checks.questions(here)


def test_provider_servers_and_status(isolation):
    with site(isolation) as here:
        checks.served(here)
        checks.contained(here)
        checks.told(here)
        checks.unplugged(here)
