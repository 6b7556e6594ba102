"""Somebody else changes a connected switch: what is ours is back within seconds, what is not ours stays."""

import time

import wiring
from common import dvr, some_hosts, stable
from sextantlab import wait_until
from sextantlab.chassis import BRIDGE

HOSTS = ("acme-vm1", "acme-vm2")
# Seconds in which all must be right again.
LIMIT_S = 5


def held(chassis):
    """A chassis' flows and groups without what counts and ages."""
    groups = chassis.ovs.ofctl("dump-groups", BRIDGE).splitlines()[1:]
    return sorted(stable(flow) for flow in chassis.flows()), sorted(line.strip() for line in groups)


def drifts(lab):
    """How many flows of ours the controller has seen changed by others."""
    return lab.controller.metric("sextant_flow_drift_total")


def status(lab, chassis):
    """A chassis' status."""
    return next(c["status"] for c in lab.controller.get("chassis") if c["name"] == chassis.spec.name)


def events(lab, kind):
    """The messages of events of one type."""
    lines = lab.controller.call("events").splitlines()
    return [line for line in lines if f" {kind} " in f" {line} "]


def restored(lab, chassis, what, change):
    """Something is done to a chassis; the seconds until all is as before."""
    before = held(chassis)
    change()
    begin = time.monotonic()
    wait_until(f"{what}: all as before", lambda: held(chassis) == before, LIMIT_S)
    took = time.monotonic() - begin
    print(f"{what}: all as before after {took:.2f} s")
    return took


def test_what_others_do_to_flows_of_ours_is_undone(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        vm1, vm2 = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        chassis = next(iter(lab.chassis.values()))
        sessions = lab.controller.metric("sextant_read_back_seconds_count")

        def ofctl(command, *args):
            return lambda: chassis.ovs.ofctl(command, BRIDGE, *args)

        assert drifts(lab) == 0, "its own changes are none of others"
        restored(lab, chassis, "guard rows deleted", ofctl("del-flows", "table=10"))
        guards = drifts(lab)
        assert guards > 0
        restored(lab, chassis, "a table changed", ofctl("mod-flows", "table=120,actions=drop"))
        assert drifts(lab) > guards
        restored(lab, chassis, "a flow that looks like ours", ofctl("add-flow", stray(chassis)))
        assert lab.controller.metric("sextant_read_back_seconds_count") == sessions, "one by one, without reading all"
        group = chassis.ovs.ofctl("dump-groups", BRIDGE).split("group_id=")[1].split(",")[0]
        restored(lab, chassis, "a group deleted", ofctl("del-groups", f"group_id={group}"))
        restored(lab, chassis, "all flows deleted", ofctl("del-flows"))
        restored(lab, chassis, "all flows deleted again", ofctl("del-flows"))
        assert vm1.ping(wiring.address(vm2)) > 0
        told = events(lab, "flow.drift")
        assert any("table guard" in line for line in told), told
        now = status(lab, chassis)
        assert (now["phase"], now.get("foreign_flows", 0)) == ("Active", 0), now


def stray(chassis):
    """A flow that nobody wants, with the cookie of one of ours."""
    cookie = chassis.flows("table=10")[0].split("cookie=")[1].split(",")[0]
    return f"cookie={cookie},table=10,priority=65000,dl_type=0x9999,actions=drop"


def test_flows_of_others_are_left_alone_and_counted(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        chassis = next(iter(lab.chassis.values()))
        before = held(chassis)
        chassis.ovs.ofctl("add-flow", BRIDGE, "table=10,priority=65000,dl_type=0x9999,actions=drop")
        chassis.ovs.ofctl("add-flow", BRIDGE, "table=77,actions=drop")
        wait_until("both are counted", lambda: status(lab, chassis).get("foreign_flows") == 2, LIMIT_S)
        assert any("left alone" in line for line in events(lab, "flow.foreign"))
        chassis.ovs.ofctl("del-flows", BRIDGE, "table=77")
        wait_until("one is counted", lambda: status(lab, chassis).get("foreign_flows") == 1, LIMIT_S)
        flows, groups = held(chassis)
        assert len(flows) == len(before[0]) + 1 and groups == before[1]
        assert drifts(lab) == 0
