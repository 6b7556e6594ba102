#!/bin/bash
# Runs all measures on the same machine in the same run: those that OVN takes part in with both drivers, one after the other, then
# those that hold Sextant against Open vSwitch's own limit, then those of the project's own programs (codec, scale, reconnect).
#   BENCH_OUT       figures, one JSON object per line (default: bench-figures.jsonl in the current folder)
#   BENCH_PAGES     a folder for bench.md, bench.json and bench.svg; without it a table is printed
#   BENCH_SCALE     0.1: a smoke run, with fewer samples and smaller sites
#   BENCH_DRIVER    default: "ovn sextant"
#   BENCH_MEASURES  with each driver; default: "nd dhcp restart port_up cold datapath megaflow"; there are also storm, failover
#   BENCH_ALONE     with Sextant alone; default: "flood metadata mapping chunks coldsync resync codec compile scale leases exchanges reconnect"
#   BENCH_SIZES / BENCH_COLD_SIZES   port counts for port_up / cold
#   BENCH_LARGEST   a port count for port_up with Sextant alone (default 10000; 0: none)
#   BENCH_GROUPS=0, BENCH_MODE=slaac the same work for all, without what one of them does not have yet (the default here)
# A measure that fails is told of at the end, and the others go on.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export BENCH_GROUPS=${BENCH_GROUPS:-0} BENCH_MODE=${BENCH_MODE:-slaac}
# A cold start of both chassis only, and restarts only where they are the measure.
export COLD_CHASSIS=${COLD_CHASSIS:-both} RESTART_MAX_PORTS=${RESTART_MAX_PORTS:-0}
run=$(mktemp -d)                                    # short: unix socket paths have a limit
trap 'rm -rf "$run"' EXIT
out=${BENCH_OUT:-bench-figures.jsonl}
: > "$out"
begin=$SECONDS
failed=

# measure DRIVER NAME [ARGUMENT...]
measure() {
  local driver=$1 name=$2
  shift 2
  /usr/bin/python3 -B "$here/bench.py" --driver "$driver" --run "$run/lab" --prefix "b$$" --out "$out" "$@" "$name" > /dev/null ||
    failed="$failed $driver:$name"
}

scaled() { awk -v n="$1" -v scale="${BENCH_SCALE:-1}" 'BEGIN { printf "%d", n * (scale < 1 ? scale : 1) }'; }

for name in ${BENCH_MEASURES-nd dhcp restart port_up cold datapath megaflow}; do
  for driver in ${BENCH_DRIVER:-ovn sextant}; do
    sizes=()
    [ "$name" = port_up ] && sizes=(--sizes "${BENCH_SIZES:-10,100,$(scaled 1000)}")
    [ "$name" = cold ] && sizes=(--sizes "${BENCH_COLD_SIZES:-$(scaled 1000)}")
    measure "$driver" "$name" "${sizes[@]}"
  done
done
largest=$(scaled "${BENCH_LARGEST:-10000}")
[ "$largest" -gt 0 ] && measure sextant port_up --sizes "$largest"
for name in ${BENCH_ALONE-flood metadata mapping chunks coldsync resync codec compile scale leases exchanges reconnect}; do
  measure sextant "$name"
done

if [ -n "${BENCH_PAGES:-}" ]; then
  /usr/bin/python3 -B "$here/report.py" "$out" "$BENCH_PAGES"
else
  /usr/bin/python3 -B "$here/table.py" "$out"
fi
echo "figures: $out, after $((SECONDS - begin)) s"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
