#!/usr/bin/env python3
"""Measures of an SDN control plane over Open vSwitch's userspace datapath.

    bench.py [--driver ovn] [--run DIR] [--out FILE] MEASURE...

Each measure builds its own lab (see nslab.py), drives it through a driver (see driver.py), and
prints one JSON object per figure: measure, metric, unit, n, median, p99, min, max, samples and
what the figure depends on.  README.md says what every figure means.
"""
import argparse
import os
import resource
import signal
import sys
import tempfile
import time

import core
from core import attempts, emit, note
from m_chunks import m_chunks
from m_cold import m_cold
from m_coldsync import m_coldsync
from m_datapath import m_datapath
from m_failover import m_failover
from m_flood import m_flood
from m_mapping import m_mapping
from m_megaflow import m_megaflow
from m_metadata import m_metadata
from m_nd import m_dhcp, m_nd
from m_port_up import m_port_up
from m_restart import m_restart
from m_resync import m_resync
from m_rust import m_codec, m_compile, m_exchanges, m_leases, m_reconnect, m_scale
from m_storm import m_storm
from nslab import system_busy

MEASURES = {"port_up": m_port_up, "cold": m_cold, "nd": m_nd, "dhcp": m_dhcp, "storm": m_storm,
            "chunks": m_chunks, "coldsync": m_coldsync, "resync": m_resync, "flood": m_flood,
            "codec": m_codec, "compile": m_compile, "scale": m_scale, "leases": m_leases, "exchanges": m_exchanges, "reconnect": m_reconnect,
            "datapath": m_datapath, "mapping": m_mapping, "megaflow": m_megaflow, "metadata": m_metadata, "failover": m_failover, "restart": m_restart}


def own_cpu():
    """CPU seconds of this process and of every child that has ended: all of the lab's."""
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (
        resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--driver", default=os.environ.get("BENCH_DRIVER", "ovn"))
    ap.add_argument("--run", default=os.environ.get("BENCH_RUN", os.path.join(tempfile.gettempdir(), "oa-bench")),
                    help="work directory, wiped; keep it short (unix socket paths)")
    ap.add_argument("--prefix", default=os.environ.get("BENCH_PREFIX", "oa"),
                    help="prefix of the network namespaces")
    ap.add_argument("--out", help="append the figures to this file as well")
    ap.add_argument("--sizes", help="comma list of port counts for port_up and cold")
    ap.add_argument("measure", nargs="*", choices=list(MEASURES) + [[]], default=[])
    core.ARGS = args = ap.parse_args()
    sys.setswitchinterval(0.0005)
    core.OUT = open(args.out, "a") if args.out else None
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    for m in args.measure or list(MEASURES):
        kw = {}
        if args.sizes and m in ("port_up", "cold"):
            kw["sizes"] = [int(x) for x in args.sizes.split(",")]
        note("start", m, "loadavg", os.getloadavg())
        b0, t0, own0 = system_busy(), time.monotonic(), own_cpu()
        attempts(MEASURES[m], **kw)
        b, t = (x - y for x, y in zip(system_busy(), b0))
        emit("machine", "busy_share", b / t, "ratio", during=m,
             by_others=round(max(0, b - (own_cpu() - own0)) / t, 3),
             wall_s=round(time.monotonic() - t0, 1), loadavg=os.getloadavg())
    if core.GIVEN_UP:
        sys.exit("given up: %s" % ", ".join(core.GIVEN_UP))


if __name__ == "__main__":
    main()
