#!/bin/bash
# Runs measures for several drivers, interleaved on the same machine in the same run, and prints a table.
#   BENCH_OUT       figures, one JSON object per line (default: figures.jsonl in the current folder)
#   BENCH_DRIVER    default: "ovn sextant"
#   BENCH_MEASURES  default: "nd restart port_up cold datapath megaflow"; there are also storm, failover
#   BENCH_SIZES / BENCH_COLD_SIZES   port counts for port_up / cold
#   BENCH_GROUPS=0, BENCH_MODE=slaac the same work for all, without what one of them does not have yet (the default here)
set -u
here=$(cd "$(dirname "$0")" && pwd)
export BENCH_GROUPS=${BENCH_GROUPS:-0} BENCH_MODE=${BENCH_MODE:-slaac}
run=$(mktemp -d)                                    # short: unix socket paths have a limit
trap 'rm -rf "$run"' EXIT
out=${BENCH_OUT:-figures.jsonl}
: > "$out"
for m in ${BENCH_MEASURES:-nd restart port_up cold datapath megaflow}; do
  for d in ${BENCH_DRIVER:-ovn sextant}; do
    sizes=()
    [ "$m" = port_up ] && sizes=(--sizes "${BENCH_SIZES:-10,100,1000}")
    [ "$m" = cold ] && sizes=(--sizes "${BENCH_COLD_SIZES:-1000}")
    /usr/bin/python3 -B "$here/bench.py" --driver "$d" --run "$run/lab" --prefix "b$$" --out "$out" "${sizes[@]}" "$m" > /dev/null
  done
done
/usr/bin/python3 -B "$here/table.py" "$out"
