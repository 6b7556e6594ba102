"""labs/managed in one: chassis that the controller sets up over OVSDB, and ports bound by iface-ids."""

from managed import parts


def test_managed_chassis(isolation):
    with parts.site(isolation, print) as here:
        for _, part in parts.PARTS:
            part(here)
