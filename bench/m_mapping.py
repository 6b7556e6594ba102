"""TCP to a host outside through a mapped prefix (RFC 6296), beside TCP that is only routed there, over the same port."""
from core import emit, lab_of, reps, vm_on
from m_datapath import iperf
from nslab import Vm

OUTSIDE, MAPPED, ROUTED = "2001:db8:ffff", "2001:db8:ffff::10", "2001:db8:ffff::11"
SECONDS = 3


def m_mapping():
    with lab_of(1, 2, 2) as lab:
        here = lab.chassis[0]
        mapped, routed = vm_on(lab, "m", here, 0, 0x11), vm_on(lab, "r", here, 1, 0x12)
        out = Vm(lab, "out", here, "02:0f:0f:00:00:01", OUTSIDE + "::1").plug()
        lab.drv.add_ports([mapped.port, routed.port], wait=True)
        lab.drv.lead_out(here, out.dev, OUTSIDE, {"r0": MAPPED, "r1": ROUTED}, ("r0", "2001:db8:0:1::/64", "2001:db8:f000:1::/64"))
        lab.ip(out.ns, "route add 2001:db8:f000:1::/64 via " + MAPPED, "route add 2001:db8:0:2::/64 via " + ROUTED)
        seen = {"mapped": [], "routed": []}
        for vm in (mapped, routed):
            vm.exec("ping -c5 -i0.3 -W2 " + out.addr)
        for rep in range(reps(7)):
            for i, (name, vm) in enumerate((("mapped", mapped), ("routed", routed))):
                seen[name].append(iperf(out, vm, out.addr, 5201 + (rep * 2 + i) % 90, SECONDS))
        for name, xs in seen.items():
            emit("mapping", "tcp_mbit_s", xs, "Mbit/s", path=name)
        ratios = [m / r for m, r in zip(seen["mapped"], seen["routed"]) if m and r]
        emit("mapping", "mapped_to_routed", ratios, "ratio")
