//! What a large site costs, as JSON lines: compiling all of it, changes of one port, memory, a switch's read-back.
//!
//! `cargo run --release -p brain --example scale`; or with sizes in ports: `... --example scale 1000 100000`.

#[allow(dead_code)] // What hosts say is for the leases' example.
mod fleet;
mod process;
mod site;

use std::time::Instant;

use brain::Request;
use flows::{Engine, Plan};
use proto::v1;
use topology::{Change, ChassisKey, World};

use fleet::{Fleet, Tables};
use process::{cpu_seconds, resident};
use site::{Site, addressed, bound};

const SIZES: [u32; 4] = [100, 1_000, 10_000, 100_000];
/// Changes of which the median is told.
const ROUNDS: u32 = 200;
/// Ports on ten chassis that give each of them 100,000 flows, about.
const READ_BACK_PORTS: u32 = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().zip(arguments.get(1).and_then(|ports| ports.parse().ok())) {
        Some((measure, ports)) if measure == "facts" => return facts(Site::of(ports)),
        Some((measure, ports)) if measure == "brain" => return whole(Site::of(ports)),
        Some((measure, ports)) if measure == "read_back" => return read_back(Site { chassis: 10, ..Site::of(ports) }),
        _ => {}
    }
    let asked: Vec<u32> = arguments.iter().filter_map(|ports| ports.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    for ports in sizes {
        apart("facts", ports);
        apart("brain", ports);
    }
    apart("read_back", READ_BACK_PORTS);
}

/// A measure in a process of its own: what it has in memory is its own.
fn apart(measure: &str, ports: u32) {
    let run = || std::process::Command::new(std::env::current_exe()?).args([measure, &ports.to_string()]).status();
    if !run().is_ok_and(|status| status.success()) {
        eprintln!("{measure} of {ports} ports failed");
        std::process::exit(1);
    }
}

/// One line: names and values.
fn line(measure: &str, site: Site, values: &[(&str, f64)]) {
    let values: Vec<String> = values.iter().map(|(name, value)| format!(",\"{name}\":{value:.3}")).collect();
    let Site { ports, chassis, .. } = site;
    println!("{{\"measure\":\"{measure}\",\"ports\":{ports},\"chassis\":{chassis}{}}}", values.concat());
}

/// World, engine and plan by themselves.
fn facts(site: Site) {
    let facts = site.facts();
    let before = resident();
    let start = Instant::now();
    let mut world = World::default();
    world.commit(facts);
    let commit_s = start.elapsed().as_secs_f64();
    let (world_bytes, cpu, start) = (resident() - before, cpu_seconds(), Instant::now());
    let (mut engine, delta) = Engine::from_scratch(features::ALL, &world);
    let (recompute_s, recompute_cpu_s) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let engine_bytes = resident() - before - world_bytes;
    let flows: usize = world.chassis_keys().iter().map(|c| engine.desired_count(*c)).sum();
    line(
        "recompute",
        site,
        &[
            ("seconds", recompute_s),
            ("cpu_seconds", recompute_cpu_s),
            ("commit_seconds", commit_s),
            ("flows", flows as f64),
            ("units", delta.compiled as f64),
        ],
    );
    let (ports, per_flow) = (f64::from(site.ports), engine_bytes as f64 / flows as f64);
    line("memory", site, &[("world_bytes_per_port", world_bytes as f64 / ports), ("engine_bytes_per_flow", per_flow)]);
    let mut change = |measure: &str, change: &dyn Fn(u32) -> Change| {
        let mut times = Vec::new();
        let mut ops = 0;
        for p in some_ports(site) {
            let change = vec![change(p)];
            let start = Instant::now();
            let committed = world.commit(change);
            let delta = engine.update(&world, &committed.changed);
            ops = delta.ops.into_values().map(|ops| Plan::new(ops).ops.len()).sum();
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        let (median_us, most_us) = median_and_most(times);
        line(measure, site, &[("median_us", median_us), ("most_us", most_us), ("ops", ops as f64)]);
    };
    change("address_change", &|p| addressed(p, 1));
    change("port_move", &|p| bound(p, site.elsewhere(p)));
}

/// The whole brain: every switch connected, changes by requests.
fn whole(site: Site) {
    let before = resident();
    let mut fleet = Fleet::new(site);
    for documents in site.documents().chunks(10) {
        let request = v1::ApplyRequest { documents: documents.to_vec(), ..v1::ApplyRequest::default() };
        fleet.request(Request::Apply(request));
    }
    let applied_s = std::mem::take(&mut fleet.taken).as_secs_f64();
    for c in 1..=site.chassis as u16 {
        fleet.connect(ChassisKey(c));
    }
    let connected_s = std::mem::take(&mut fleet.taken).as_secs_f64();
    let bytes_per_port = (resident() - before) as f64 / f64::from(site.ports);
    line(
        "brain",
        site,
        &[
            ("apply_seconds", applied_s),
            ("connect_seconds", connected_s),
            ("operations", fleet.operations as f64),
            ("bytes_per_port", bytes_per_port),
        ],
    );
    for (measure, change) in [("brain_address_change", true), ("brain_port_move", false)] {
        let mut times = Vec::new();
        for p in some_ports(site) {
            let (at, other) = if change { (site.home(p), Some(1)) } else { (site.elsewhere(p), None) };
            let port = site.port(p, at, other);
            fleet.taken = Default::default();
            fleet.update(port);
            times.push(fleet.taken.as_secs_f64() * 1e6);
        }
        let (median_us, most_us) = median_and_most(times);
        line(measure, site, &[("median_us", median_us), ("most_us", most_us)]);
    }
}

/// A switch that comes back with all that it should hold.
fn read_back(site: Site) {
    let mut fleet = Fleet::new(site);
    for documents in site.documents().chunks(10) {
        let request = v1::ApplyRequest { documents: documents.to_vec(), ..v1::ApplyRequest::default() };
        fleet.request(Request::Apply(request));
    }
    let chassis = ChassisKey(1);
    fleet.recorded = Some((chassis, Tables::default()));
    fleet.connect(chassis);
    let held = fleet.recorded.as_ref().map_or(0, |(_, tables)| tables.len());
    let sent = fleet.operations;
    fleet.disconnect(chassis);
    fleet.taken = Default::default();
    fleet.connect(chassis);
    let seconds = fleet.taken.as_secs_f64();
    let differences = (fleet.operations - sent) as f64;
    line("read_back", site, &[("seconds", seconds), ("flows", held as f64), ("differences", differences)]);
}

fn some_ports(site: Site) -> impl Iterator<Item = u32> {
    (0..ROUNDS.min(site.ports)).map(move |i| 1 + i * 7919 % site.ports)
}

fn median_and_most(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}
