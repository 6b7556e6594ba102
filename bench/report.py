#!/usr/bin/env python3
"""Holds the figures of one run against what is asked for: docs/bench.md, docs/bench.json and docs/bench.svg.

    report.py FIGURES.jsonl DOCS_FOLDER

A target is a ratio between two figures of the same run, or a count. A figure that the run lacks is shown as lacking.
"""
import json
import os
import statistics
import sys


class Figures:
    """The run's figures, found by driver, measure, metric and conditions."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as lines:
            self.rows = [json.loads(line) for line in lines if line.strip()]

    def row(self, driver, measure, metric, **conditions):
        wanted = dict(conditions, driver=driver, measure=measure, metric=metric)
        found = [r for r in self.rows if all(r.get(k) == v for k, v in wanted.items())]
        return found[-1] if found else {}

    def value(self, driver, measure, metric, **conditions):
        return self.row(driver, measure, metric, **conditions).get("median")


def ratio(a, b):
    return a / b if a is not None and b else None


def targets(f):
    """Name, ours, what it is held against, the two's ratio, what is asked of ratio or figure, whether it is met."""
    out = []

    def beside(name, ours, theirs, unit, whose, limit, words):
        r = ratio(ours, theirs)
        met = None if r is None else limit is None or limit(r)
        out.append((name, ours, unit, "%s: %s" % (whose, show(theirs)), r, words, met))

    def alone(name, ours, unit, limit, words):
        out.append((name, ours, unit, "", None, words, None if ours is None else limit is None or limit(ours)))

    up = lambda d, n: f.value(d, "port_up", "acked_all_chassis_ms", ports=n)
    beside("port up, confirmed by both chassis, 1,000 ports present", up("sextant", 1000), up("ovn", 1000), "ms", "OVN",
           lambda r: r <= 1 / 20, "at most 1/20 of OVN's")
    largest = max((r["ports"] for r in f.rows if (r["driver"], r["measure"]) == ("sextant", "port_up")), default=0)
    most = largest if largest > 1000 else None
    beside("the same at %s ports" % show(most), up("sextant", most), up("sextant", 10), "ms", "at 10 ports",
           lambda r: r <= 2, "flat: at most twice that at 10")
    bare = f.value("sextant", "port_up", "bare_flow_mod_ms", ports=most)
    beside("the same, in bare flow-mods of Open vSwitch's at that size, one at a time", up("sextant", most), bare, "ms",
           "one flow-mod", None, "printed")
    cpu = lambda d: f.value(d, "port_up", "control_cpu_ms_per_add_and_delete", ports=1000)
    beside("control CPU of a port's add and delete, 1,000 ports", cpu("sextant"), cpu("ovn"), "ms", "OVN",
           lambda r: r <= 1 / 20, "at most 1/20 of OVN's")
    flows = lambda d: f.value(d, "port_up", "flows_per_chassis", ports=1000)
    beside("flows per chassis, 1,000 ports", flows("sextant"), flows("ovn"), "flows", "OVN",
           lambda r: r <= 1 / 4, "at most 1/4 of OVN's")
    cold = lambda d: f.value(d, "cold", "agent_cpu_s", ports=1000, chassis="both")
    beside("control CPU of a cold start, both chassis, 1,000 ports", cold("sextant"), cold("ovn"), "s", "OVN",
           lambda r: r <= 1 / 20, "at most 1/20 of OVN's")
    sync = lambda what: f.value("sextant", "coldsync", what)
    beside("cold sync of 10,000 ports", sync("sync_s"), sync("ovs_ofctl_s"), "s", "ovs-ofctl, same flows",
           lambda r: r <= 1.5, "at most 1.5 times")
    data = lambda metric, path: f.value("sextant", "datapath", metric, path=path)
    alone("table look-ups of a routed packet", data("table_lookups_per_packet", "routed_other_chassis"), "look-ups",
          lambda n: n <= 20, "at most 20")
    mega = lambda metric: f.value("sextant", "megaflow", metric)
    alone("datapath flows of 10,000 destinations behind one route", mega("beyond_a_route"), "flows", lambda n: n < 100,
          "fewer than 100")
    alone("datapath flows per live host of a connected /64, 10,000 destinations", mega("per_live_host"), "flows",
          lambda n: n <= 2, "at most 2")
    nd = lambda metric: f.value("sextant", "nd", metric)
    beside("NS to NA, neighbour on another chassis", nd("ns_same_network_other_chassis_ms"),
           nd("plain_bridge_ns_other_chassis_ms"), "ms", "plain bridge", lambda r: r <= 1, "no slower")
    wait = lambda d, metric: f.value(d, "dhcp", metric)
    for name, metric in (("RS to RA", "rs_to_ra_ms"), ("DHCPv6, four messages", "dhcpv6_four_messages_ms"),
                         ("the same, again by the same client", "dhcpv6_four_messages_again_ms")):
        beside(name, wait("sextant", metric), wait("ovn", metric), "ms", "OVN", lambda r: r <= 1, "no slower than OVN")
    flood = [r for r in f.rows if (r["driver"], r["measure"], r["metric"]) == ("sextant", "flood", "answered_per_s")]
    answered = [r["median"] for r in flood if "median" in r]
    alone("NS answered per second, from many ports", max(answered, default=None), "1/s", lambda n: n >= 50000,
          "at least 50,000")
    for metric, what in (("nd_ms", "NS to NA"), ("dhcpv6_ms", "DHCPv6, four messages"), ("port_up_ms", "port up")):
        for stat, limit in (("median", 1.5), ("p99", 3)):
            found = {r["during"]: r.get(stat) for r in f.rows if (r["driver"], r["measure"], r["metric"]) == ("sextant", "flood", metric)}
            idle = max((v for name, v in found.items() if name.startswith("nothing") and v), default=None)
            worst = max((v for name, v in found.items() if not name.startswith("nothing") and v), default=None)
            beside("%s during a flood of 20,000/s from another port, worst of %d: %s" % (what, max(0, len(found) - 2), stat), worst, idle, "ms",
                   "idle", lambda r, limit=limit: r <= limit, "within %s" % limit)
    for path in ("other", "same"):
        beside("first ping, nothing cached, same network, %s chassis" % path,
               data("first_ping_cold_with_nd_ms", "switched_%s_chassis" % path),
               data("first_ping_cold_with_nd_ms", "plain_%s_chassis" % path), "ms", "plain bridge", lambda r: r <= 1.3, "within 1.3")
    for path in ("other", "same"):
        first = lambda kind: data("first_ping_cold_with_nd_ms", "%s_%s_chassis" % (kind, path))
        beside("first ping, nothing cached, routed, %s chassis" % path, first("routed"), first("plain"), "ms",
               "plain bridge", lambda r: r <= 1.3, "within 1.3")
    for path in ("other", "same"):
        r = f.row("sextant", "datapath", "tcp_mbit_s", path="routed_%s_chassis" % path)
        share = r.get("ratio_to_plain")
        out.append(("routed TCP, %s chassis" % path, r.get("median"), "Mbit/s", "one-flow bridge", share, "at least 0.95",
                    None if share is None else share >= 0.95))
    through = lambda path: f.value("sextant", "mapping", "tcp_mbit_s", path=path)
    beside("TCP to outside through a mapped prefix (RFC 6296)", through("mapped"), through("routed"), "Mbit/s", "routed alone",
           lambda r: r >= 0.9, "at least 0.9")
    chunks = lambda what: f.value("sextant", "chunks", what)
    idle, busy = chunks("ping_p99_idle_ms"), chunks("ping_p99_ms")
    out.append(("p99 of a 10 ms ping while 50,000 flows change", busy, "ms", "idle: " + show(idle), None,
                "at most 5 ms over idle", None if None in (idle, busy) else busy - idle <= 5))
    again = lambda what: f.row("sextant", "resync", what)
    same, by_hand = again("same_flow_mods"), again("deleted_flow_mods")
    flows = "%s flows" % show(same.get("flows"))
    alone("controller restarts, a switch with %s: flow-mods sent" % flows, same.get("max"), "", lambda n: n == 0, "none")
    alone("the same: until all is confirmed", again("same_start_to_confirmed_s").get("median"), "s", None, "printed")
    alone("the same, %s deleted by hand: flow-mods sent" % show(by_hand.get("deleted")), by_hand.get("max"), "",
          lambda n: n == by_hand["deleted"], "only those")
    beside("switch restarts, all %s lost: until confirmed" % flows, again("switch_connected_to_confirmed_s").get("median"),
           again("switch_ovs_ofctl_s").get("median"), "s", "ovs-ofctl, same flows", lambda r: r <= 1.5, "at most 1.5 times")
    storm = lambda what, metric: f.value("sextant", "reconnect", metric, what=what)
    switches = show(f.row("sextant", "reconnect", "in_step_s", what="connect").get("switches"))
    for what, words in (("connect", "connect at once"), ("reconnect", "are cut and come back"), ("restart", "restart")):
        alone("%s switches %s: until all are in step" % (switches, words), storm(what, "in_step_s"), "s", None, "printed")
    alone("the same, come back with their flows: flow-mods sent", storm("reconnect", "flow_mods"), "", lambda n: n == 0, "none")
    alone("the same: memory of the controller", storm("restart", "rss_most_mib"), "MiB", None, "printed")
    alone("flow-mods encoded per second, one core", f.value("sextant", "codec", "flow_mods_encoded_per_s"), "1/s",
          lambda n: n >= 2e6, "at least 2,000,000")
    scale = lambda what: f.value("sextant", "scale", what)
    alone("recompute of 100,000 ports on 1,000 switches", scale("recompute_s"), "s", lambda s: s < 10, "under 10")
    alone("an address change there", scale("address_change_ms"), "ms", lambda s: s < 1, "under 1")
    alone("DHCPv6 exchanges of four messages per second, through one controller", f.value("sextant", "exchanges", "per_s"), "1/s",
          lambda n: n >= 20000, "at least 20,000")
    alone("the same: median of an exchange, 2,000 at once", f.value("sextant", "exchanges", "median_ms"), "ms", None, "printed")
    leases = f.row("sextant", "leases", "mebibytes")
    alone("memory of %s DHCPv6 leases" % show(leases.get("leases")), leases.get("median"), "MiB", lambda n: n < 100, "under 100")
    alone("memory per port there", scale("bytes_per_port"), "bytes", None, "printed")
    alone("memory per flow there", scale("bytes_per_flow"), "bytes", None, "printed")
    return out


def show(x):
    if x is None:
        return "-"
    if abs(x) >= 1000:
        return "{:,.0f}".format(x)
    return "%.3g" % x


def page(f, rows):
    by_others = [r.get("by_others") for r in f.rows if r["metric"] == "busy_share" and r.get("by_others") is not None]
    noise = "Others took %.0f %% of the cores in the median measure." % (100 * statistics.median(by_others)) if by_others else ""
    lines = ["# Figures", "",
             "Made by `make bench` from one run (`bench/report.py`); `bench.json` has the medians, `bench/README.md` says what each is.",
             noise, "", "![Port up](bench.svg)", "",
             "| figure | Sextant | held against | ratio | asked for | |", "| - | - | - | - | - | - |"]
    for name, ours, unit, against, r, words, met in rows:
        verdict = {True: "met", False: "**not met**", None: "not measured"}[met]
        if met and words == "printed":
            verdict = ""
        lines.append("| %s | %s %s | %s | %s | %s | %s |" % (name, show(ours), unit, against, show(r), words, verdict))
    return "\n".join(lines) + "\n"


def medians(f):
    """The run without its samples."""
    keep = lambda r: {k: v for k, v in r.items() if k not in ("samples", "cpu_s", "by_process", "vswitchd", "loadavg")}
    return json.dumps([keep(r) for r in f.rows], indent=0) + "\n"


def plot(f, path):
    """Port up by size, both drivers, with the lowest and highest sample."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "sextant"
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for at, metric, title in ((axes[0], "acked_all_chassis_ms", "port up, confirmed by both chassis, ms"),
                              (axes[1], "control_cpu_ms_per_add_and_delete", "control CPU of an add and delete, ms")):
        for driver in ("ovn", "sextant"):
            rows = sorted((r for r in f.rows if r["driver"] == driver and r["measure"] == "port_up"
                           and r["metric"] == metric and r.get("median") is not None), key=lambda r: r["ports"])
            if rows:
                low = [r["median"] - r["min"] for r in rows]
                high = [r["p99"] - r["median"] for r in rows]
                at.errorbar([r["ports"] for r in rows], [r["median"] for r in rows], yerr=[low, high], marker="o",
                            capsize=3, label={"ovn": "OVN", "sextant": "Sextant"}[driver])
        at.set(xscale="log", yscale="log", xlabel="ports present", title=title)
        at.grid(True, which="both", alpha=0.3)
        at.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    source, folder = sys.argv[1:]
    f = Figures(source)
    rows = targets(f)
    text = page(f, rows)
    with open(os.path.join(folder, "bench.md"), "w", encoding="utf-8") as out:
        out.write(text)
    with open(os.path.join(folder, "bench.json"), "w", encoding="utf-8") as out:
        out.write(medians(f))
    plot(f, os.path.join(folder, "bench.svg"))
    print(text)


if __name__ == "__main__":
    main()
