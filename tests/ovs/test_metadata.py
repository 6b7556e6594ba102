"""The parts of labs/metadata, in one lab; and what else is asked of the service."""

import contextlib

from metadata import parts


@contextlib.contextmanager
def opened(isolation):
    """The lab."""
    here = parts.opened(isolation, print)
    try:
        yield here
    finally:
        print("the controller's last words:\n" + here.controller.tail())
        here.lab.stop()


def test_metadata_first_boot(isolation):
    with opened(isolation) as here:
        parts.first_boot(here)
        parts.paths(here)


def test_metadata_of_each_its_own(isolation):
    with opened(isolation) as here:
        parts.tenants(here)
        parts.baseline(here)
        parts.isolated(here)
        parts.claims(here)


def test_metadata_after_a_kill(isolation):
    with opened(isolation) as here:
        parts.killed(here)
