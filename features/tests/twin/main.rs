//! The switch in memory against a real Open vSwitch, on generated worlds and generated frames: the same rows, the same ports,
//! the same bytes, the same packet-ins. `make trace-equality` runs more of it.

#![allow(unreachable_pub)]

#[path = "../common/dice.rs"]
mod dice;
#[path = "../common/frames.rs"]
mod frames;
#[path = "../common/ovs.rs"]
mod ovs;
#[path = "../common/scene.rs"]
mod scene;

mod beyond;
mod compare;
mod filters;
mod rig;
mod services;
mod shared;
mod unixctl;
mod wire;
mod worlds;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use compare::{Arriving, Rows, arriving, differs, in_memory, kinds, real, real_rows};
use dice::Dice;
use flows::eval::{Fate, Switch};
use flows::{Drop, Engine};
use rig::{Rig, hex};
use scene::{Host, Scene};
use topology::World;

/// Differences that are told in full.
const TOLD_MAX: usize = 8;
/// Crashes of Open vSwitch's own that one run may see.
const CRASHES_MAX: usize = 2;

#[derive(Clone, Default)]
struct Tally {
    worlds: usize,
    packets: usize,
    different: usize,
    told: Vec<String>,
    ends: BTreeMap<String, usize>,
}

fn compiled(seed: u64) -> (Engine, Scene) {
    let changes = worlds::world(seed);
    let scene = Scene::of(&changes);
    let mut world = World::default();
    world.commit(changes);
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]), "world {seed}");
    (engine, scene)
}

/// One world: `packets` frames for its chassis together.
fn compare(rig: &mut Rig, seed: u64, packets: usize, tally: &mut Tally) {
    let (engine, scene) = compiled(seed);
    tally.worlds += 1;
    // Where more is plugged, more arrives.
    let weight = |host: &Host| 2 + scene.here(host.key).len();
    let weights: usize = scene.chassis.iter().map(weight).sum();
    for host in &scene.chassis {
        let share = (packets * weight(host)).div_ceil(weights);
        let rows = Rows::new(rig.install(&engine, host.key, &scene));
        let switch = Switch::desired(&engine, host.key);
        let mut dice = Dice::new(seed << 16 | u64::from(host.key.0));
        let frames: Vec<_> = (0..share).map(|_| arriving(&mut dice, &scene, host.key)).collect();
        rig.measures_in_datapath(false);
        let traced: Vec<_> = frames.iter().map(|arriving| real_rows(rig, arriving)).collect();
        rig.measures_in_datapath(true);
        for (n, (arriving, traced)) in frames.iter().zip(&traced).enumerate() {
            let trace = in_memory(&switch, arriving);
            let found = real(rig, scene.encap, arriving);
            tally.packets += 1;
            for kind in kinds(&trace, arriving.in_port) {
                *tally.ends.entry(kind).or_default() += 1;
            }
            let Some(words) = differs(&rows, &trace, arriving, traced, &found) else { continue };
            tally.different += 1;
            if tally.told.len() < TOLD_MAX {
                let at = format!("world {seed} ({:?}), chassis {}, frame {n}", scene.encap, host.key);
                let (port, tunnel) = (arriving.in_port, arriving.tunnel);
                let told = format!("{at}: in by {port} {tunnel:?}: {}\n{words}", hex(&arriving.frame));
                tally.told.push(told);
            }
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: not a number")))
}

/// `WORLDS`, `PACKETS` (for each world) and `SEED` (the first world) choose otherwise.
#[test]
fn trace_equality() {
    let (worlds, packets, first) = (number("WORLDS", 8), number("PACKETS", 100), number("SEED", 0));
    let start = Instant::now();
    let mut rig = Rig::new("twin");
    let mut tally = Tally::default();
    let mut crashes = 0;
    for seed in first..first + worlds {
        loop {
            let mut so_far = tally.clone();
            let compared = AssertUnwindSafe(|| compare(&mut rig, seed, packets as usize, &mut so_far));
            let Err(panic) = catch_unwind(compared) else {
                tally = so_far;
                break;
            };
            // Open vSwitch 3.1 may crash where it gives up fragments that it holds (`ipf_clean_completed_list`): a world is
            // compared again then, on another switch.
            if !rig.has_crashed() || crashes == CRASHES_MAX {
                resume_unwind(panic);
            }
            crashes += 1;
            println!("Open vSwitch has crashed in world {seed}");
            rig = Rig::new(&format!("twin-{crashes}"));
        }
    }
    let Tally { worlds, packets, different, told, ends } = tally;
    println!("{worlds} worlds, {packets} packets, {different} different, {:.1} s", start.elapsed().as_secs_f64());
    for (end, count) in &ends {
        println!("  {count:6} {end}");
    }
    assert_eq!(different, 0, "{}", told.join("\n"));
}

#[test]
fn worlds_compile_without_fault_or_conflict() {
    for seed in 0..1000 {
        compiled(seed);
    }
}

/// Names of what only ports on provider networks have, or what bridges say there: no generated world has such.
const UNMET: [Drop; 3] = [Drop::LinkProtocol, Drop::UplinkHairpin, Drop::NoUplink];

/// For every name, a frame that the switch in memory drops by it: the first that a world has for it.
fn samples(worlds: u64, packets: usize) -> BTreeMap<Drop, (u64, usize, Arriving)> {
    let mut found = BTreeMap::new();
    for seed in 0..worlds {
        let (engine, scene) = compiled(seed);
        for (at, host) in scene.chassis.iter().enumerate() {
            let switch = Switch::desired(&engine, host.key);
            let mut dice = Dice::new(seed << 24 | 0xd709_0000 | u64::from(host.key.0));
            for _ in 0..packets {
                let arriving = arriving(&mut dice, &scene, host.key);
                let trace = in_memory(&switch, &arriving);
                if let [output] = &trace.outputs[..]
                    && let Fate::Dropped(Some(name)) = output.fate
                    && !trace.held
                {
                    found.entry(name).or_insert((seed, at, arriving));
                }
            }
        }
    }
    found
}

/// Every name under which packets are dropped: the real switch meets the same rows, the last of which has that name, and sends nothing.
#[test]
fn every_drop_is_the_real_switchs_by_the_same_row() {
    let found = samples(number("DROP_WORLDS", 60), 400);
    let missing: Vec<&str> = Drop::ALL
        .into_iter()
        .filter(|name| !found.contains_key(name) && !UNMET.contains(name))
        .map(Drop::name)
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "no frame is dropped by these names");
    let mut rig = Rig::new("drops");
    for (name, (seed, at, arriving)) in found {
        let (engine, scene) = compiled(seed);
        let host = &scene.chassis[at];
        let rows = Rows::new(rig.install(&engine, host.key, &scene));
        rig.measures_in_datapath(false);
        let traced = real_rows(&mut rig, &arriving);
        rig.measures_in_datapath(true);
        let trace = in_memory(&Switch::desired(&engine, host.key), &arriving);
        assert_eq!(trace.dropped(), Some(Some(name)));
        let found = real(&mut rig, scene.encap, &arriving);
        let words = differs(&rows, &trace, &arriving, &traced, &found);
        assert_eq!(words, None, "{}: world {seed}, chassis {}: {}", name.name(), host.key, hex(&arriving.frame));
        println!("{}: dropped by both, by the row {}", name.name(), rows.last(&trace));
    }
}
