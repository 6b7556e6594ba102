"""What is measured without a switch, by programs of the project's own: codec and compiling (criterion), a large site (`scale`), and a thousand
simulated switches that come at once (`storm`)."""
import json
import os
import subprocess

from core import emit, note, scaled

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")


def run(*command):
    """What a program prints."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError("%s ended with %d" % (" ".join(command), done.returncode))
    return done.stdout


def criterion(package, bench):
    run("cargo", "bench", "--locked", "-p", package, "--bench", bench, "--", "--noplot", "--warm-up-time", "1", "--measurement-time", "3")


def example(name, *arguments):
    """The JSON objects that an example prints. `make bench` has built it."""
    text = run(os.path.join(TARGET, "release", "examples", name), *arguments)
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        note(row)
    return rows


def median_ns(*path):
    """What criterion says of its last run."""
    with open(os.path.join(TARGET, "criterion", *path, "new", "estimates.json"), encoding="ascii") as file:
        return json.load(file)["median"]["point_estimate"]


def m_codec():
    """Flow-mods and statistics per second on one core, from criterion's median time for a thousand."""
    criterion("ofp", "codec")
    for name, metric in (("flow_mods_written", "flow_mods_encoded_per_s"),
                         ("flow_mods_written_in_bundles", "flow_mods_encoded_in_bundles_per_s"),
                         ("flow_stats_read", "flow_stats_decoded_per_s")):
        emit("codec", metric, 1000 * 1e9 / median_ns("codec", name), "1/s")


def m_compile():
    """A site on two chassis compiled from scratch, and one port that moves: compile, compare, plan."""
    criterion("features", "compile")
    for ports in (100, 1000, 10000):
        for name in ("from_scratch", "one_port_moves"):
            emit("compile", name + "_ms", median_ns("compile", name, str(ports)) / 1e6, "ms", ports=ports)


def m_scale():
    ports = scaled(100_000)
    x = {"ports": ports}
    for row in example("scale", str(ports)):
        measure = row["measure"]
        if measure == "recompute":
            emit("scale", "recompute_s", row["seconds"], "s", flows=row["flows"], **x)
            emit("scale", "recompute_cpu_s", row["cpu_seconds"], "s", **x)
        elif measure == "memory":
            emit("scale", "bytes_per_flow", row["engine_bytes_per_flow"], "bytes", **x)
        elif measure == "brain":
            emit("scale", "bytes_per_port", row["bytes_per_port"], "bytes", **x)
        elif measure == "read_back":
            emit("scale", "read_back_s", row["seconds"], "s", flows=row["flows"], differences=row["differences"])
        elif measure in ("address_change", "port_move", "brain_address_change", "brain_port_move"):
            emit("scale", measure + "_ms", row["median_us"] / 1e3, "ms", most_ms=row["most_us"] / 1e3, **x)


def m_leases():
    for row in example("leases", str(scaled(100_000))):
        x = {"leases": row["leases"]}
        emit("leases", "mebibytes", row["mebibytes"], "MiB", bytes_per_lease=row["bytes_per_lease"], **x)
        emit("leases", "brain_exchanges_per_s", row["exchanges_per_s"], "1/s", **x)


def m_exchanges():
    for row in example("storm", "exchanges", str(max(20, scaled(1000) // 10)), "20", "10"):
        x = {k: row[k] for k in ("switches", "ports", "seconds")}
        for metric, unit in (("per_s", "1/s"), ("median_ms", "ms"), ("p99_ms", "ms"), ("cpu_s", "s"), ("rss_most_mib", "MiB")):
            emit("exchanges", metric, row[metric], unit, **x)


def m_reconnect():
    switches = scaled(1000)
    for row in example("storm", str(switches), "10"):
        x = {k: row[k] for k in ("what", "switches", "ports", "flows")}
        for metric, unit in (("in_step_s", "s"), ("flow_mods", "count"), ("cpu_s", "s"), ("rss_most_mib", "MiB")):
            emit("reconnect", metric, row[metric], unit, **x)
