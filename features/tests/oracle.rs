//! The oracle: after every step, what was compiled piece by piece equals what a fresh engine compiles from the same facts.

mod common;

use std::collections::BTreeSet;

use common::*;
use flows::Engine;
use proptest::prelude::*;
use topology::{
    AnycastKey, Change, ChassisKey, Encap, GroupKey, Key, KeyKind, NetworkKey, PortKey, Role, RouterKey, SubnetKey,
    View, World,
};

fn step(world: &mut World, engine: &mut Engine, changes: Vec<Change>) {
    let before = derived(world);
    let committed = world.commit(changes);
    let after = derived(world);
    let unmarked: Vec<&Key> = before.symmetric_difference(&after).filter(|k| !committed.changed.contains(k)).collect();
    assert!(unmarked.is_empty(), "came or went unmarked: {unmarked:?}");
    let delta = engine.update(world, &committed.changed);
    assert!(delta.faults.is_empty(), "{:?}", delta.faults);
    let (fresh, _) = Engine::from_scratch(features::ALL, world);
    let differences = engine.differences(&fresh);
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The keys of what is derived from facts.
fn derived(world: &World) -> BTreeSet<Key> {
    use KeyKind::*;
    let groups = [GroupAt, AddressesAt, SetAddress, SetPrefix, SetNetwork, AnycastAt];
    let kinds = [
        Audience,
        Need,
        Reach,
        RouterAt,
        InterfaceAt,
        RouteAt,
        GatewayAt,
        PresenceAt,
        PrefixMappingAt,
        MapsAt,
        Peer,
        Spare,
        Trunk,
        Hop,
        Way,
    ];
    let kinds = kinds.into_iter().chain(groups).collect::<Vec<_>>();
    world.all_keys().into_iter().filter(|key| kinds.contains(&key.kind())).collect()
}

/// What a world derives bit by bit is what one derives that is told all at once.
fn derived_alike(world: &World, told: Vec<Change>) {
    let mut fresh = World::default();
    fresh.commit(told);
    let keys = world.all_keys();
    assert_eq!(keys, fresh.all_keys());
    for key in keys {
        if let Key::Need(network, chassis) = key {
            let need = |world| View::new(world).need(network, chassis);
            assert_eq!(need(world), need(&fresh), "{key}");
        }
        if let Key::Chassis(chassis) = key {
            assert_eq!(world.peers(chassis), fresh.peers(chassis));
            assert_eq!(world.senders(chassis), fresh.senders(chassis));
            assert!(world.peers(chassis).into_iter().all(|to| world.sends_to(chassis, to)));
        }
    }
}

#[test]
fn a_small_site_compiles_without_fault_or_conflict() {
    for encap in [Encap::Geneve, Encap::Vxlan, Encap::Gre, Encap::Vlan, Encap::Links] {
        let mut world = World::default();
        let mut engine = Engine::new(features::ALL);
        let committed = world.commit(small(encap));
        let delta = engine.update(&world, &committed.changed);
        assert_eq!(delta.faults, []);
        assert_eq!(delta.conflicts, []);
        for c in 1..=3 {
            assert!(engine.desired_count(ChassisKey(c)) > 100, "chassis {c} on {encap:?}");
        }
    }
}

#[test]
fn nothing_changes_when_the_same_is_said_again() {
    let mut world = World::default();
    let mut engine = Engine::new(features::ALL);
    step(&mut world, &mut engine, small(Encap::Geneve));
    let again = world.commit(small(Encap::Geneve));
    assert_eq!(again.changed, []);
}

#[test]
fn what_an_mtu_costs_grows_with_chassis_not_with_ports() {
    let compiled = |ports: u32| {
        let mut world = World::default();
        let mut changes = small(Encap::Geneve);
        for p in 13..13 + ports {
            changes.extend([
                port(p, 1),
                bind(p, 1 + (p % 3) as u16),
                plug(1 + (p % 3) as u16, &format!("vm{p}"), Some(p)),
            ]);
        }
        world.commit(changes);
        let (mut engine, _) = Engine::from_scratch(features::ALL, &world);
        let committed = world.commit(vec![network(1, 1280)]);
        assert_eq!(committed.changed, [Key::Network(NetworkKey(1))], "its segment stays");
        let delta = engine.update(&world, &committed.changed);
        assert!(!delta.ops.is_empty(), "the MTU is measured");
        assert_eq!(engine.differences(&Engine::from_scratch(features::ALL, &world).0), Vec::<String>::new());
        delta.compiled
    };
    assert_eq!(compiled(0), compiled(300));
    assert!(compiled(300) <= 4 * 3, "{} units on three chassis", compiled(300));
}

#[test]
fn a_new_segment_reaches_every_row_that_names_it() {
    for encap in [Encap::Geneve, Encap::Vlan, Encap::Links] {
        let mut world = World::default();
        let mut engine = Engine::new(features::ALL);
        step(&mut world, &mut engine, small(encap));
        let Change::Network(key, Some(mut moved)) = network(1, 1430) else { unreachable!() };
        moved.segment = 77;
        let committed = world.commit(vec![Change::Network(key, Some(moved))]);
        assert_eq!(committed.changed, [Key::Network(key), Key::Segment(key)]);
        engine.update(&world, &committed.changed);
        assert_eq!(engine.differences(&Engine::from_scratch(features::ALL, &world).0), Vec::<String>::new());
    }
}

#[test]
fn all_is_gone_when_all_facts_are() {
    let mut world = World::default();
    let mut engine = Engine::new(features::ALL);
    step(&mut world, &mut engine, small(Encap::Geneve));
    for p in 1..=12 {
        step(&mut world, &mut engine, vec![Change::Binding(PortKey(p), None), Change::Port(PortKey(p), None)]);
    }
    for c in 1..=3 {
        step(&mut world, &mut engine, vec![Change::Chassis(ChassisKey(c), None)]);
    }
    assert!(engine.is_empty());
}

/// Of two scopes that routers forward, of one that they don't, and of IPv4.
const GROUPS: [&str; 4] = ["ff05::1", "ff3e::8000:1", "ff03::1", "239.1.2.3"];

fn any_change() -> impl Strategy<Value = Vec<Change>> {
    let (p, n, r, c) = (1..=12u32, 1..=4u32, 1..=2u32, 1..=3u16);
    let mac = |r: u32, own: bool| {
        let mac = features::router::generated_mac(RouterKey(r));
        if own { addr::MacAddr([2, 0, 0, 0, 0xff, r as u8]) } else { mac }
    };
    prop_oneof![
        4 => (p.clone(), n.clone()).prop_map(|(p, n)| vec![port(p, n)]),
        2 => p.clone().prop_map(|p| vec![Change::Port(PortKey(p), None)]),
        6 => (p.clone(), c.clone()).prop_map(|(p, c)| vec![Change::Direct(PortKey(p), None), Change::Subport(PortKey(p), None), bind(p, c)]),
        3 => (p.clone(), c.clone()).prop_map(|(p, c)| direct(p, c).to_vec()),
        3 => (p.clone(), p.clone(), any::<bool>()).prop_map(|(p, parent, there)| subport(p, parent, there)),
        2 => p.clone().prop_map(|p| vec![Change::Binding(PortKey(p), None)]),
        2 => (p.clone(), any::<bool>()).prop_map(|(p, s)| vec![policy(p, s)]),
        2 => (p.clone(), any::<bool>()).prop_map(|(p, l)| vec![learning(p, l)]),
        2 => (n.clone(), any::<bool>()).prop_map(|(n, auto)| vec![auto_ports(n, auto)]),
        2 => (n.clone(), any::<bool>()).prop_map(|(n, named)| vec![domain(n, named.then_some("red.example"))]),
        6 => (p.clone(), c.clone(), any::<bool>(), 1..40u32)
            .prop_map(|(p, c, there, port)| vec![plug(c, &format!("vm{p}"), there.then_some(port + 40 * p))]),
        1 => (c.clone(), any::<bool>()).prop_map(|(c, there)| vec![plug(c, "sx-tun", there.then_some(100))]),
        2 => (c.clone(), 1..=3u32, any::<bool>())
            .prop_map(|(c, n, there)| vec![plug(c, &format!("eth{n}"), there.then_some(1000 + n))]),
        2 => (n.clone(), prop_oneof![Just(1430u32), Just(1280)]).prop_map(|(n, mtu)| vec![network(n, mtu)]),
        3 => (n.clone(), 0..4u16, any::<bool>()).prop_map(|(n, vlan, router)| vec![provider(n, vlan, router)]),
        2 => (c.clone(), 0..4usize).prop_map(|(c, how)| vec![mapped(c, how)]),
        3 => (r.clone(), n.clone(), any::<bool>()).prop_map(|(r, n, there)| vec![leads_out(r, n, there)]),
        3 => (c.clone(), 0..4usize, any::<bool>()).prop_map(|(c, how, drained)| vec![gateway(c, how, drained)]),
        3 => (r.clone(), n.clone(), p.clone(), 0..4usize).prop_map(|(r, n, p, how)| vec![presence(r, n, p, how)]),
        2 => (r.clone(), 0..5usize).prop_map(|(r, how)| vec![prefix_mapping(r, how)]),
        3 => (n.clone(), c.clone(), any::<bool>(), any::<bool>()).prop_map(|(n, c, v6, there)| {
            let address = if v6 { "fe80::9" } else { "192.0.2.1" };
            let mac = there.then_some(addr::MacAddr([2, 0, 0, 0, 0, 9]));
            vec![Change::Neighbor(NetworkKey(n), ChassisKey(c), address.parse().unwrap(), mac)]
        }),
        2 => (n.clone(), any::<bool>(), 0..8usize).prop_map(|(n, there, how)| {
            let first = how & 1 == 0;
            let preference =
                if first { topology::RouterPreference::Low } else { topology::RouterPreference::High };
            let mtu = (how & 2 == 0).then_some(1400);
            let prefixes = (how & 4 == 0).then(|| "2001:db8:1::/64".parse().unwrap()).into_iter().collect();
            let upstream = topology::UpstreamRouter { preference, mtu, prefixes };
            let router = if first { "fe80::9" } else { "fe80::8" };
            vec![Change::Upstream(NetworkKey(n), router.parse().unwrap(), there.then_some(upstream))]
        }),
        2 => (n.clone(), c.clone(), any::<bool>(), 0..3usize, 1001..=1002u32).prop_map(|(n, c, there, what, port)| {
            let chassis = ChassisKey(c);
            vec![match what {
                0 => Change::Lame(chassis, there),
                1 => Change::Isolated(NetworkKey(n), chassis, there),
                _ => Change::Down(chassis, addr::OfPort(port), there),
            }]
        }),
        1 => n.clone().prop_map(|n| vec![Change::Network(NetworkKey(n), None)]),
        2 => n.clone().prop_map(|n| subnet(n).to_vec()),
        1 => n.clone().prop_map(|n| vec![Change::Advert(SubnetKey(n), None)]),
        1 => n.clone().prop_map(|n| vec![Change::Subnet(SubnetKey(n), None)]),
        4 => (r.clone(), n.clone(), any::<bool>()).prop_map(move |(r, n, own)| vec![interface(r, n, mac(r, own))]),
        3 => (r.clone(), n.clone()).prop_map(|(r, n)| vec![Change::Interface(RouterKey(r), SubnetKey(n), None)]),
        2 => (r.clone(), n.clone(), p.clone()).prop_map(|(r, n, p)| vec![route(r, n, port_address(n, p))]),
        2 => (r.clone(), n.clone(), 1..=2u32).prop_map(|(r, n, other)| {
            let Change::Interface(_, _, Some(i)) = interface(other, n, addr::MacAddr::ZERO) else { unreachable!() };
            vec![route(r, n, i.address)]
        }),
        2 => (p.clone(), n.clone(), p.clone(), any::<bool>()).prop_map(|(p, n, other, wide)| vec![paired(p, n, other, wide)]),
        5 => (p.clone(), 0..8usize).prop_map(|(p, mask)| vec![membership(p, mask)]),
        6 => (p.clone(), 0..GROUPS.len(), 0..4usize, n.clone(), p.clone())
            .prop_map(|(p, group, how, n, other)| vec![listener(p, GROUPS[group], how, port_address(n, other))]),
        1 => (p.clone(), 0..3usize).prop_map(|(p, of)| vec![role(p, [Role::Host, Role::Router, Role::Monitor][of])]),
        1 => p.clone().prop_map(|p| vec![Change::Membership(PortKey(p), None)]),
        5 => (1..=3u32, 0..5usize, any::<bool>()).prop_map(|(g, how, default)| vec![group(g, how, default)]),
        1 => (1..=3u32).prop_map(|g| vec![Change::Group(GroupKey(g), None)]),
        2 => any::<bool>().prop_map(|there| vec![addresses(there)]),
        4 => (1..=2u32, n.clone(), 0..0x1000u32, any::<bool>()).prop_map(|(a, n, mask, v6)| vec![anycast(a, n, mask, v6)]),
        1 => (1..=2u32).prop_map(|a| vec![Change::Anycast(AnycastKey(a), None)]),
        6 => (1..=2u32, p.clone(), any::<bool>()).prop_map(|(a, p, alive)| vec![serves(a, p, alive)]),
        1 => c.clone().prop_map(|c| vec![chassis(c)]),
        1 => c.clone().prop_map(|c| vec![Change::Chassis(ChassisKey(c), None)]),
        1 => prop_oneof![Just(Encap::Geneve), Just(Encap::Vlan), Just(Encap::Links)].prop_map(|encap| vec![fabric(encap)]),
        2 => (c.clone(), 1001..=1003u32, any::<bool>()).prop_map(|(c, port, there)| vec![trunk(c, port, there)]),
        2 => (c.clone(), c.clone(), 0..7u8, any::<bool>()).prop_map(|(at, to, label, there)| vec![hop(at, to, label, there)]),
        2 => (c.clone(), c.clone(), any::<bool>(), any::<bool>()).prop_map(|(from, to, two, there)| vec![way(from, to, two, there)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn piece_by_piece_equals_from_scratch(
        start in prop_oneof![Just(Encap::Geneve), Just(Encap::Vlan), Just(Encap::Links)],
        changes in prop::collection::vec(any_change(), 1..40),
    ) {
        let mut world = World::default();
        let mut engine = Engine::new(features::ALL);
        step(&mut world, &mut engine, small(start));
        let mut told = small(start);
        for change in changes {
            told.extend(change.clone());
            step(&mut world, &mut engine, change);
            derived_alike(&world, told.clone());
        }
    }
}
