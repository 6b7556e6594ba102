"""The site of this lab: what its parts ask of it."""

import contextlib
import os

from sextantlab import site as library

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def site(isolation, say):
    """A site with all hosts, each with the address that it forms, and with tunnels that know their neighbours."""
    with library.site(isolation, say, HERE, wiring.CHASSIS, wiring.HOSTS) as here:
        for host in here.lab.hosts.values():
            host.wait_address(wiring.PREFIX[host.spec.network])
        for port in ("red3", "red5"):
            here.host("red1").ping(wiring.address(here.host(port)))
        yield here
