"""labs/managed in one: chassis that the controller sets up over OVSDB, and ports bound by iface-ids."""

from managed import parts


def test_managed_chassis(isolation):
    with parts.site(isolation, print) as here:
        for _, part in parts.PARTS:
            part(here)


def test_a_bridge_is_given_its_controller(isolation):
    with parts.calling(isolation, print) as here:
        parts.set_up(here)
        ask = here.lab.chassis["hv2"].ovs.vsctl
        row = [ask("get", "controller", "br-int", column).strip() for column in ("connection_mode", "inactivity_probe", "max_backoff")]
        assert row == ["out-of-band", "5000", "1000"], row
        assert not here.lab.chassis["hv1"].ovs.vsctl("get-controller", "br-int").strip(), "a dialled bridge was given a target"
        parts.plug(here)
