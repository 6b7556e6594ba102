# What there is to do here. `lab` and `test` need root: they make network namespaces (and install Debian packages).

LAB ?= dvr

.PHONY: lab attack test check docs sim trace-equality fuzz bench bench-ovn

# A lab to look at. KEEP=1 leaves it up; LAB=name picks another one of labs/.
lab:
	@KEEP=$(KEEP) labs/run $(LAB)

# Attackers with other people's tools against a protected network: a table of what was sent, what arrived, and what was counted.
# ATTACK=word runs those with that in their family or name.
attack:
	ATTACK="$(ATTACK)" KEEP=$(KEEP) labs/run attack

# Everything: unit tests of all crates, then on real Open vSwitch the labs and the system tests.
test:
	labs/install.sh test
	cargo test --locked --workspace
	cargo build --locked --release -p controller
	/usr/bin/python3 labs/dvr/lab.py
	tests/ovs/run

# The whole controller among simulated switches: 20,000 steps with faults of every kind. SIM_FROM=seed starts elsewhere.
sim:
	SIM_STEPS=$(or $(SIM_STEPS),20000) cargo test --locked --release -p sim --test sim -- --nocapture nothing_goes_wrong

# The switch in memory against a real Open vSwitch, on generated worlds: the same rows, ports, bytes and packet-ins for every
# packet. SEED, WORLDS and PACKETS (for each world) choose otherwise; a difference is told with its world and frame.
trace-equality:
	SEED=$(or $(SEED),0) WORLDS=$(or $(WORLDS),60) PACKETS=$(or $(PACKETS),200) \
		cargo test --locked --release -p features --test twin -- --nocapture trace_equality

# What must hold before a change goes in, without root.
check:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace

# Writes anew what is generated from the code; `cargo test` fails while it is stale.
docs:
	UPDATE_DOCS=1 cargo test --locked -p features --test docs

# The decoders on random damage, each test for TIME seconds; `cargo test` does the same briefly.
fuzz:
	FUZZ_SECONDS=$(or $(TIME),60) cargo test --locked --release -p fuzz -- --nocapture

# All figures in one run: Sextant beside OVN and beside Open vSwitch's own limit, the codec, compiling, a large site, a thousand
# switches at once. Writes docs/bench.md, bench.json and bench.svg; bench/README.md says what the figures mean. Takes about half
# an hour; BENCH_SCALE=0.1 BENCH_PAGES=/tmp/pages is a smoke run of ten minutes.
bench bench-ovn:
	labs/install.sh bench
	cargo build --locked --release -p controller -p brain -p sim --bins --examples
	cargo bench --locked -p ofp --bench codec --no-run
	cargo bench --locked -p features --bench compile --no-run
	BENCH_OUT=$(or $(BENCH_OUT),bench-figures.jsonl) BENCH_PAGES=$(or $(BENCH_PAGES),docs) bench/run.sh
