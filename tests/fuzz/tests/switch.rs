//! The switch in memory: any frame through the rows of a whole site, and any actions on any frame.

#[path = "../../../features/tests/common/mod.rs"]
mod common;
#[path = "../../../features/tests/common/dice.rs"]
mod dice;
#[path = "../../../features/tests/common/frames.rs"]
mod frames;
#[path = "../../../features/tests/common/packets.rs"]
mod packets;
#[path = "../../../features/tests/common/scene.rs"]
mod scene;

use dice::Dice;
use flows::Engine;
use flows::eval::{Problem, Switch, Tunnel};
use fuzz::{Input, damaged, openflow, regressions, run};
use ofp::{Action, Body, Instruction, Message};
use topology::{ChassisKey, Encap, World};

use packets::{PORTS, UPLINK, chassis_of, from_port, site};
use scene::Scene;

fn switches(encap: Encap) -> Vec<Switch> {
    let mut world = World::default();
    world.commit(site(encap));
    let (engine, _) = Engine::from_scratch(features::ALL, &world);
    (1..=3).map(|chassis| Switch::desired(&engine, ChassisKey(chassis))).collect()
}

/// What ports send, and what else a controller reads.
fn seeds() -> Vec<Vec<u8>> {
    let (mut dice, scene) = (Dice::new(7), Scene::of(&site(Encap::Geneve)));
    let mut seeds = fuzz::frames();
    seeds.extend((0..200).map(|n| from_port(&mut dice, &scene, 1 + n % PORTS)));
    seeds
}

/// Runs a frame where a port sends it. However it is made, no two rows may want it, and no row may damage the switch.
fn through(switch: &Switch, frame: &[u8], port: addr::OfPort, tunnel: Option<Tunnel>) {
    let trace = switch.run(frame, port, tunnel);
    assert!(!trace.outputs.is_empty());
    // The site's ring of routers ends there.
    let problems: Vec<_> = trace.problems.iter().filter(|problem| !matches!(problem, Problem::TooDeep)).collect();
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn a_whole_site() {
    let (geneve, vlan) = (switches(Encap::Geneve), switches(Encap::Vlan));
    let seeds = seeds();
    let each = |port: u32, segment: u64, frame: &[u8]| {
        let at = usize::from(chassis_of(port)) - 1;
        through(&geneve[at], frame, addr::OfPort(port), None);
        through(&vlan[at], frame, addr::OfPort(port), None);
        through(&vlan[at], frame, UPLINK, None);
        through(&geneve[at], frame, UPLINK, Some(Tunnel { id: 5000 + segment, src: None, dst: None }));
    };
    regressions("switch").iter().chain(&seeds).for_each(|frame| each(1, 0, frame));
    run((1..=PORTS, 0..6u64, damaged(&seeds, 2)), |(port, segment, Input(frame))| each(port, segment, &frame));
}

#[test]
fn any_actions_on_any_frame() {
    let switch = Switch::default();
    let (frames, messages) = (seeds(), openflow());
    let messages: Vec<Vec<u8>> = messages.into_iter().filter(|m| m[1] == 14).collect();
    run((damaged(&frames, 2), damaged(&messages, 8)), |(Input(frame), Input(message))| {
        let Ok(Message { body: Body::FlowMod(flow), .. }) = Message::decode(&message) else { return };
        let actions: Vec<Action> = flow
            .instructions
            .into_iter()
            .filter_map(|i| if let Instruction::ApplyActions(actions) = i { Some(actions) } else { None })
            .flatten()
            .collect();
        switch.send(&frame, addr::OfPort(1), &actions);
    });
}
