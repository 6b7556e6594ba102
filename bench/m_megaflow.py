"""How many datapath flows many destinations make: behind one route, and inside a connected /64."""
import random
import time

import packets as pk
from core import background, emit, lab_of, purge, vm_on

DESTINATIONS = 10000
LIVE = 200


def spray(vm, addresses):
    """A datagram to each address, by way of the gateway, slowly enough for the switch to look at each."""
    raw = vm.raw()
    for i, address in enumerate(addresses):
        raw.send(pk.udp6(vm.gw_mac, vm.mac, vm.addr, address, 20000, 33434, b"z" * 16))
        if i % 20 == 19:
            time.sleep(.01)


def grown(chassis, fn):
    """Datapath flows that fn adds. They idle out after ten seconds, so the count is taken at once and after each part."""
    purge(chassis.lab)
    before = chassis.megaflows()
    fn()
    return chassis.megaflows() - before


def m_megaflow():
    rng = random.Random(1)
    with lab_of(2, 4, 1) as lab:
        here = lab.chassis[0]
        a = vm_on(lab, "a", here, 0, 0x11)
        b = vm_on(lab, "b", lab.chassis[1], 1, 0x12)
        live = background(lab, 100, LIVE)
        lab.drv.add_ports(live, wait=True)
        lab.drv.add_ports([a.port, b.port], wait=True)
        lab.drv.route("r0", "2600::/12", b.addr)
        lab.drv.sync()
        time.sleep(1)
        far = ["26%x%x:%x::%x" % (0, rng.randrange(16), rng.randrange(1 << 16), rng.randrange(1, 1 << 16))
               for _ in range(DESTINATIONS)]
        emit("megaflow", "beyond_a_route", grown(here, lambda: spray(a, far)), "count", destinations=DESTINATIONS)
        inside = [p.ip for p in live if p.net == "n1"]
        flows = grown(here, lambda: spray(a, inside))
        emit("megaflow", "per_live_host", flows / len(inside), "count", hosts=len(inside), flows=flows)
        dead = ["%s::%x:%x" % (lab.nets[1].prefix, rng.randrange(1 << 15, 1 << 16), rng.randrange(1 << 16))
                for _ in range(DESTINATIONS)]
        emit("megaflow", "dead_hosts_of_a_connected_64", grown(here, lambda: spray(a, dead)), "count",
             destinations=DESTINATIONS)
