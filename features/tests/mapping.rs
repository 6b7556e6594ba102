//! Addresses outside that stand for ports: who answers for them, and what becomes of what is sent to and from them.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::OfPort;
use common::outside::*;
use features::gateway::choice;
use features::router::sends_from;
use flows::Engine;
use packet::neighbor_solicit;
use topology::{Change, ChassisKey, Encap, Key, PortKey, Presence, ResourceId, View};

/// Addresses outside for the ports on chassis 2 and 1.
const FLOATING: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x80);
const FLOATING_LOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x81);

fn shown(outside: Ipv6Addr, port: u32, inside: Option<Ipv6Addr>) -> Change {
    let owner = ResourceId { kind: "floating_ip", tenant: "acme".into(), name: format!("f{port}").into() };
    let presence = Presence { owner, router: R, port: Some(PortKey(port)), inside: inside.map(IpAddr::V6) };
    Change::Presence(OUT, outside.into(), Some(presence))
}

fn floating() -> Vec<Change> {
    vec![shown(FLOATING, HERE, Some(v6(HERE))), shown(FLOATING_LOST, LOST, Some(v6(LOST)))]
}

fn with(more: &[Change]) -> topology::World {
    let mut world = world(Encap::Geneve, &floating());
    world.commit(more.to_vec());
    world
}

fn holder(more: &[Change], address: Ipv6Addr) -> Option<u16> {
    let world = with(more);
    choice::answered_by(&View::new(&world), OUT, address.into()).map(|(router, chassis)| {
        assert_eq!(router, R);
        chassis.0
    })
}

#[test]
fn the_ports_chassis_answers_if_it_is_on_the_physical_network_else_a_gateway() {
    assert_eq!(holder(&[], FLOATING), Some(2));
    let gateway = holder(&[], FLOATING_LOST).unwrap();
    assert!([2, 3].contains(&gateway), "{gateway}");
    // When it goes, another one; who loses its cable gives up what it had.
    assert_eq!(holder(&[Change::Lame(ChassisKey(gateway), true)], FLOATING_LOST), Some(5 - gateway));
    assert_eq!(holder(&[Change::Down(ChassisKey(2), OfPort(UPLINK), true)], FLOATING), Some(3));
    assert_eq!(holder(&[Change::Gateway(R, None)], FLOATING), None);
}

#[test]
fn one_chassis_answers_for_it() {
    let world = with(&[]);
    for outside in [FLOATING, FLOATING_LOST] {
        let holder = holder(&[], outside).unwrap();
        for c in [2, 3] {
            let asked = neighbor_solicit(NEXT_MAC, NEXT, outside);
            let trace = switch(&world, c).run(&tagged(&asked), OfPort(UPLINK), None);
            assert_eq!(trace.problems, []);
            if c == holder {
                let (port, _, frame) = left(&trace);
                let mac = sends_from(ChassisKey(c), R);
                assert_eq!((port, on_the_wire(&frame).0, on_the_wire(&frame).1), (UPLINK, NEXT_MAC, mac));
                assert_eq!(frame[58], 136, "an advertisement");
            } else {
                assert!(trace.sent().next().is_none(), "{:?}", trace.outputs);
            }
        }
    }
}

#[test]
fn one_address_more_or_less_is_one_unit_for_each_chassis() {
    let mut world = with(&[]);
    let mut engine = Engine::new(features::ALL);
    engine.update(&world, &world.all_keys());
    let changes = [
        shown(FLOATING, LOST, Some(v6(LOST))),
        Change::Presence(OUT, FLOATING_LOST.into(), None),
        Change::Down(ChassisKey(2), OfPort(UPLINK), true),
        shown(FLOATING_LOST, HERE, None),
    ];
    for change in changes {
        let committed = world.commit(vec![change.clone()]);
        if let Change::Presence(..) = change {
            let of_it = |key: &&Key| matches!(key, Key::PresenceAt(..));
            assert!(committed.changed.iter().filter(of_it).count() <= 3, "{:?}", committed.changed);
            assert!(committed.changed.len() <= 6, "{:?}", committed.changed);
        }
        let delta = engine.update(&world, &committed.changed);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let (fresh, _) = Engine::from_scratch(features::ALL, &world);
        assert!(engine.differences(&fresh).is_empty(), "{change:?}");
    }
}
