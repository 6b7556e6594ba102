//! What security groups cost: as much as there are rules and members, never one times the other; and what one member more costs.

mod common;

use std::collections::BTreeMap;

use addr::{IpNet, MacAddr};
use common::*;
use flows::{Engine, Item};
use topology::{
    Change, ChassisKey, Direction, Encap, GroupKey, Membership, Port, PortKey, Remote, Rule, SecurityGroup, SetKey,
    World,
};

const GROUP: GroupKey = GroupKey(7);
const CHASSIS: u16 = 4;

/// Rules that name the group's own members, each for a port of its own.
fn group(rules: u16) -> Change {
    let rule = |port: u16| Rule {
        direction: Direction::Ingress,
        ipv6: true,
        protocol: Some(6),
        ports: Some((port, port)),
        icmp: None,
        remote: Remote::Set(SetKey::Group(GROUP)),
    };
    let rules = (1..=rules).map(rule).collect();
    let group = SecurityGroup { tenant: "acme".into(), name: "web".into(), stateful: true, default: false, rules };
    Change::Group(GROUP, Some(group))
}

/// A port with one address beside its link-local one, in the group.
fn member(p: u32) -> Vec<Change> {
    let Change::Port(_, Some(port)) = port(p, 2) else { unreachable!() };
    let IpNet::V6(prefix) = prefix(2) else { unreachable!() };
    let mac = MacAddr::from_u64(0x0200_0100_0000 | u64::from(p));
    let addresses = vec![addr::eui64_address(prefix, mac).into()];
    let membership = Membership { groups: vec![GROUP] };
    vec![
        Change::Port(PortKey(p), Some(Port { mac, addresses, ..port })),
        bind(p, 1 + (p % u32::from(CHASSIS)) as u16),
        policy(p, true),
        Change::Membership(PortKey(p), Some(membership)),
    ]
}

fn site(members: u32, rules: u16) -> World {
    let mut changes = vec![fabric(Encap::Geneve), network(2, 1430), group(rules)];
    changes.extend(subnet(2));
    for c in 1..=CHASSIS {
        changes.extend([chassis(c), plug(c, "sx-tun", Some(60_000))]);
    }
    changes.extend((1..=members).flat_map(member));
    let mut world = World::default();
    world.commit(changes);
    world
}

/// Flows of the first chassis in the tables of groups.
fn rows(engine: &Engine) -> BTreeMap<&'static str, usize> {
    let mut count = BTreeMap::new();
    for (item, _) in engine.desired(ChassisKey(1)) {
        if let Item::Flow(flow) = &**item
            && ["groups", "group", "members", "rules"].contains(&flow.table.spec().name)
        {
            *count.entry(flow.table.spec().name).or_default() += 1;
        }
    }
    count
}

#[test]
fn ten_thousand_members_and_a_hundred_rules_are_rows_for_each_and_not_for_each_pair() {
    let (engine, delta) = Engine::from_scratch(features::ALL, &site(10_000, 100));
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    let count = rows(&engine);
    // A rule for what conntrack follows, and one for copies of what is for many; of a member two addresses, from and to.
    assert_eq!(count["rules"], 2 * 100, "{count:?}");
    assert_eq!(count["members"], 4 * 10_000, "{count:?}");
    assert!(count["group"] <= 4, "{count:?}");
}

#[test]
fn one_member_more_touches_as_much_whatever_there_is() {
    let touched = |members: u32, rules: u16| {
        let mut world = site(members, rules);
        let (mut engine, _) = Engine::from_scratch(features::ALL, &world);
        let committed = world.commit(member(members + 1));
        let delta = engine.update(&world, &committed.changed);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let ops: usize = delta.ops.values().map(Vec::len).sum();
        assert_eq!(engine.differences(&Engine::from_scratch(features::ALL, &world).0), Vec::<String>::new());
        (delta.compiled, ops)
    };
    let few = touched(40, 5);
    assert_eq!(touched(2_000, 100), few);
    let (units, ops) = few;
    assert!(units <= 10 * usize::from(CHASSIS) && ops <= 10 * usize::from(CHASSIS), "{few:?}");
}

#[test]
fn a_port_that_everything_may_pass_to_and_from_is_asked_nothing() {
    let rule = |direction, ipv6| Rule { direction, ipv6, protocol: None, ports: None, icmp: None, remote: Remote::Any };
    let group = |rules| {
        Change::Group(
            GROUP,
            Some(SecurityGroup { tenant: "acme".into(), name: "open".into(), stateful: true, default: false, rules }),
        )
    };
    let all: Vec<Rule> = [Direction::Egress, Direction::Ingress]
        .into_iter()
        .flat_map(|direction| [true, false].map(|ipv6| rule(direction, ipv6)))
        .collect();
    let mut world = site(8, 0);
    world.commit(vec![plug(1, "vm4", Some(4)), plug(1, "vm8", Some(8))]);
    let (mut engine, _) = Engine::from_scratch(features::ALL, &world);
    let mut asked_with = |rules: &[Rule]| {
        let committed = world.commit(vec![group(rules.to_vec())]);
        engine.update(&world, &committed.changed);
        assert_eq!(engine.differences(&Engine::from_scratch(features::ALL, &world).0), Vec::<String>::new());
        rows(&engine).get("groups").copied().unwrap_or_default()
    };
    assert_eq!(asked_with(&all), 0);
    for missing in 0..all.len() {
        let mut rest = all.clone();
        rest.remove(missing);
        assert_eq!(asked_with(&rest), 2, "without {:?}", all[missing]);
    }
    assert_eq!(asked_with(&all), 0);
}

#[test]
fn the_default_group_of_a_network_is_told_once_for_all_its_ports() {
    let count = |members: u32| {
        let mut world = site(members, 0);
        let rule = |direction, remote| Rule { direction, ipv6: true, protocol: None, ports: None, icmp: None, remote };
        let rules =
            vec![rule(Direction::Egress, Remote::Any), rule(Direction::Ingress, Remote::Set(SetKey::Group(GROUP)))];
        let fact =
            SecurityGroup { tenant: "acme".into(), name: "default".into(), stateful: true, default: true, rules };
        world.commit(vec![Change::Group(GROUP, Some(fact))]);
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        rows(&engine)["members"]
    };
    assert_eq!((count(10), count(1_000)), (4, 4), "a subnet and the network, each way");
}
