"""The controller may die and come back: forwarding goes on, and a restart changes nothing on the switches."""

import threading
import time

import wiring
from common import duration, dvr, eventually, some_hosts, stable, wait_phase

HOSTS = ("acme-vm1", "acme-vm2", "acme-vm6")


def flows(lab):
    """Every chassis' flows without what counts and ages."""
    return {name: sorted(stable(flow) for flow in chassis.flows()) for name, chassis in lab.chassis.items()}


def orders(lab):
    """How many changes of flows, groups and meters each switch was ever told."""
    kinds = ("FLOW_MOD", "GROUP_MOD", "METER_MOD", "BUNDLE_ADD")
    return {name: sum(message.split("_", 1)[1].startswith(kinds) for message in chassis.messages("received"))
            for name, chassis in lab.chassis.items()}


def ready(lab):
    """All chassis connected, all flows confirmed."""
    return all(c["status"]["connected"] and c["status"]["phase"] == "Active" for c in lab.controller.get("chassis"))


def test_kill_and_restart_lose_no_packet(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        source = lab.host("acme", "vm1")
        targets = [wiring.address(lab.host("acme", name)) for name in ("vm2", "vm6")]
        for target in targets:
            assert source.ping(target) > 0
        before = flows(lab)
        results = {}
        count = 1200

        def ping(target):
            results[target] = source.run("ping", "-q", "-i", "0.005", "-c", str(count), "-W", "2", target).stdout

        threads = [threading.Thread(target=ping, args=(target,)) for target in targets]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        lab.controller.kill()
        time.sleep(1.5)
        assert flows(lab) == before, "flows went with the controller"
        told = orders(lab)
        restarted = time.monotonic()
        lab.controller.start()
        eventually("all chassis connected and confirmed again", lambda: ready(lab))
        for thread in threads:
            thread.join()
        for target, said in results.items():
            assert f"{count} packets transmitted, {count} received" in said, said
        time.sleep(1)
        check_untouched(lab, before, told, restarted)


def check_untouched(lab, before, told, since):
    """The flows are the very ones from before `since`, and no switch was told to change any."""
    assert flows(lab) == before
    assert orders(lab) == told and all(told.values())
    for name, chassis in lab.chassis.items():
        for flow in chassis.flows():
            assert duration(flow) > time.monotonic() - since, f"{name}: put in anew: {flow}"
    for kind in ("flow", "group", "meter"):
        assert lab.controller.metric(f"sextant_{kind}_mods_total") == 0, kind


def test_orderly_restart_sends_no_flow_mod(isolation):
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        before = flows(lab)
        lab.controller.stop()
        told = orders(lab)
        since = time.monotonic()
        lab.controller.start()
        eventually("all chassis connected and confirmed again", lambda: ready(lab))
        wait_phase(lab, "acme", "vm1", "Active")
        time.sleep(2)
        check_untouched(lab, before, told, since)


def test_switch_restart_is_filled_again(isolation):
    """A restarted ovs-vswitchd has no flow left; it gets them all back."""
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        before = flows(lab)
        lab.chassis["hv2"].restart_switch()
        eventually("the flows are back", lambda: flows(lab) == before, timeout=30)
        source, target = lab.host("acme", "vm1"), lab.host("acme", "vm2")
        eventually("the host answers again", lambda: source.ping(wiring.address(target), count=1))


def test_foreign_change_is_repaired_after_restart(isolation):
    """Flows removed behind the controller's back return; nothing else is touched."""
    with dvr(isolation, hosts=some_hosts(*HOSTS)) as lab:
        before = flows(lab)
        lab.controller.stop()
        hv1 = lab.chassis["hv1"]
        hv1.ovs.ofctl("del-flows", "br-int", "table=0")
        told = orders(lab)
        lab.controller.start()
        eventually("the flows are back", lambda: flows(lab) == before)
        now = orders(lab)
        assert (now["hv2"], now["hv3"]) == (told["hv2"], told["hv3"])
