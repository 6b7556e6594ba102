//! Trunks: ports that share another one's interface, each with a VLAN tag: what they send and get, and that nobody is taken for another.

mod common;

use std::net::Ipv6Addr;

use addr::{MacAddr, OfPort, multicast_mac};
use common::*;
use flows::eval::{Fate, Switch, Trace};
use flows::{Drop, Engine};
use packet::{ipv6_frame, neighbor_solicit, udp};
use topology::{Change, ChassisKey, Encap, PortKey, Subport, View, World};

/// On chassis 2: the trunk's port, on network 1; one of network 3 by its interface, and another of that.
const TRUNK: u32 = 4;
const SUB: u32 = 20;
const TAG: u16 = 20;
const ALONE: u32 = 6;

fn site() -> World {
    let mut changes = small(Encap::Geneve);
    changes.extend([port(SUB, 3), policy(SUB, true)]);
    changes.push(Change::Subport(PortKey(SUB), Some(Subport { parent: PortKey(TRUNK), vlan: TAG })));
    let mut world = World::default();
    world.commit(changes);
    world
}

fn switch(world: &World) -> Switch {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(2))
}

fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    let [high, low] = vlan.to_be_bytes();
    [&frame[..12], &[0x81, 0x00, high, low], &frame[12..]].concat()
}

fn run(switch: &Switch, port: u32, frame: &[u8]) -> Trace {
    let trace = switch.run(frame, OfPort(port), None);
    assert_eq!(trace.problems, []);
    trace
}

/// Ports that a frame left by, each with its tag.
fn sent(trace: &Trace) -> Vec<(u32, Option<u16>)> {
    let port = |output: &flows::eval::Output| match output.fate {
        Fate::Port(port) => {
            let tag = (output.frame[12..14] == [0x81, 0x00]).then(|| u16::from(output.frame[15]));
            Some((port.0, tag))
        }
        _ => None,
    };
    let mut sent: Vec<_> = trace.outputs.iter().filter_map(port).collect();
    sent.sort_unstable();
    sent
}

fn v6(network: u32, p: u32) -> Ipv6Addr {
    let std::net::IpAddr::V6(address) = port_address(network, p) else { unreachable!() };
    address
}

fn data(from: (MacAddr, Ipv6Addr), to: (MacAddr, Ipv6Addr)) -> Vec<u8> {
    ipv6_frame(from.0, to.0, from.1, to.1, 64, 17, &udp(from.1, to.1, 5, 6, b"x")).to_vec()
}

#[test]
fn a_tag_tells_the_port_and_is_put_on_again() {
    let world = site();
    let switch = switch(&world);
    let (sub, alone) = ((port_mac(SUB), v6(3, SUB)), (port_mac(ALONE), v6(3, ALONE)));
    assert_eq!(sent(&run(&switch, TRUNK, &tagged(&data(sub, alone), TAG))), [(ALONE, None)]);
    assert_eq!(sent(&run(&switch, ALONE, &data(alone, sub))), [(TRUNK, Some(TAG))]);
    // A broadcast of the network reaches it, and its own does not come back to it.
    let group: Ipv6Addr = "ff02::7777".parse().unwrap();
    let to_all = |from| data(from, (multicast_mac(group), group));
    assert!(sent(&run(&switch, ALONE, &to_all(alone))).contains(&(TRUNK, Some(TAG))));
    let own = sent(&run(&switch, TRUNK, &tagged(&to_all(sub), TAG)));
    assert!(own.contains(&(ALONE, None)) && !own.iter().any(|(port, _)| *port == TRUNK), "{own:?}");
}

#[test]
fn nobody_is_taken_for_another() {
    let world = site();
    let switch = switch(&world);
    let (sub, trunk) = ((port_mac(SUB), v6(3, SUB)), (port_mac(TRUNK), v6(1, TRUNK)));
    let alone = (port_mac(ALONE), v6(3, ALONE));
    let dropped = |frame: &[u8]| run(&switch, TRUNK, frame).dropped().flatten();
    assert_eq!(dropped(&data(sub, alone)), Some(Drop::ForeignMac), "without its tag");
    assert_eq!(
        dropped(&tagged(&data(trunk, alone), TAG)),
        Some(Drop::ForeignMac),
        "the trunk's port with another's tag"
    );
    assert_eq!(dropped(&tagged(&data((sub.0, trunk.1), alone), TAG)), Some(Drop::SpoofedSource));
    assert_eq!(dropped(&tagged(&data(trunk, alone), 77)), Some(Drop::VlanTag), "a tag that nobody has");
    let twice = tagged(&tagged(&data(sub, alone), 77), TAG);
    assert_eq!(dropped(&twice), Some(Drop::EtherType), "a second tag");
}

#[test]
fn the_two_reach_each_other_by_a_router_and_questions_are_answered_with_the_tag() {
    let world = site();
    let switch = switch(&world);
    let mac = features::router::generated_mac(topology::RouterKey(1));
    let (sub, trunk) = ((port_mac(SUB), v6(3, SUB)), (port_mac(TRUNK), v6(1, TRUNK)));
    assert_eq!(sent(&run(&switch, TRUNK, &tagged(&data(sub, (mac, trunk.1)), TAG))), [(TRUNK, None)]);
    assert_eq!(sent(&run(&switch, TRUNK, &data(trunk, (mac, sub.1)))), [(TRUNK, Some(TAG))]);
    let asks = neighbor_solicit(sub.0, sub.1, "fe80::1".parse().unwrap());
    assert_eq!(sent(&run(&switch, TRUNK, &tagged(&asks, TAG))), [(TRUNK, Some(TAG))]);
}

#[test]
fn it_goes_where_the_trunk_goes() {
    let mut world = site();
    let place =
        |world: &World| View::new(world).place(PortKey(SUB)).map(|place| (place.chassis, place.trunk().unwrap().port));
    assert_eq!(place(&world), Some((ChassisKey(2), OfPort(TRUNK))));
    world.commit(vec![plug(2, &format!("vm{TRUNK}"), None)]);
    assert_eq!(place(&world), None);
    world.commit(vec![bind(TRUNK, 3), plug(3, &format!("vm{TRUNK}"), Some(77))]);
    assert_eq!(place(&world), Some((ChassisKey(3), OfPort(77))));
    world.commit(vec![Change::Subport(PortKey(SUB), None)]);
    assert_eq!(place(&world), None);
}
