//! Everything that features emit, on a real Open vSwitch: accepted, and read back as it was sent. A restart sends nothing only
//! if that holds.

mod common;

#[path = "common/ovs.rs"]
mod ovs;

use std::collections::HashMap;

use common::*;
use flows::{Engine, Item, Op, Plan, cookie, is_ours};
use ofp::{Body, StatsReply, StatsRequest};
use ovs::Ovs;
use topology::{ChassisKey, Encap, World};

fn desired(encap: Encap) -> (World, Engine) {
    let mut world = World::default();
    let mut changes = small(encap);
    changes.push(network(3, 1280));
    changes.push(policy(3, false));
    changes.push(route(1, 1, port_address(1, 4)));
    world.commit(changes);
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!(delta.faults, []);
    (world, engine)
}

fn read_back_as_sent(encap: Encap, name: &str, tunnel: &str) {
    let (_world, engine) = desired(encap);
    let ovs = Ovs::start(name);
    let ports: Vec<(String, u32, &str)> =
        (1..=12).map(|p| (format!("vm{p}"), p, "dummy")).chain([("sx-tun".to_owned(), 100, tunnel)]).collect();
    ovs.bridge("br0", &ports.iter().map(|(n, p, t)| (n.as_str(), *p, *t)).collect::<Vec<_>>());
    let mut connection = ovs.connect("br0");

    let wanted: Vec<_> = engine.desired(ChassisKey(1)).map(|(item, unit)| (item.clone(), cookie(&unit))).collect();
    assert!(wanted.len() > 150, "a site worth testing: {}", wanted.len());
    let puts = wanted.iter().map(|(item, cookie)| Op::Put { item: item.clone(), cookie: *cookie }).collect();
    for op in Plan::new(puts).ops {
        let text = format!("{:?}", op.item());
        connection.send(op.to_body(false));
        for message in connection.barrier() {
            if let Body::Error(error) = message.body {
                panic!("{:?}: {text}", error.name());
            }
        }
    }

    let mut flows = HashMap::new();
    for part in connection.ask(StatsRequest::Flow(Default::default())) {
        let StatsReply::Flow(stats) = part else { panic!("not flows") };
        for flow in stats {
            assert!(is_ours(flow.cookie), "a flow of somebody else's: {flow:?}");
            flows.insert((flow.table, flow.priority, flow.match_.clone()), flow);
        }
    }
    let mut groups = HashMap::new();
    for part in connection.ask(StatsRequest::GroupDesc) {
        let StatsReply::GroupDesc(descs) = part else { panic!("not groups") };
        groups.extend(descs.into_iter().map(|g| (g.group_id, g)));
    }
    let mut meters = HashMap::new();
    for part in connection.ask(StatsRequest::MeterConfig(ofp::meter_id::ALL)) {
        let StatsReply::MeterConfig(configs) = part else { panic!("not meters") };
        meters.extend(configs.into_iter().map(|m| (m.meter_id, m)));
    }
    for (item, cookie) in wanted {
        match &*item {
            Item::Flow(flow) => {
                let there = flows
                    .remove(&(flow.table.id(), flow.priority, flow.match_.clone()))
                    .unwrap_or_else(|| panic!("not read back: {flow:?}"));
                assert_eq!(there.instructions, *flow.instructions, "{:?}", flow.match_);
                assert_eq!(there.cookie, cookie);
            }
            Item::Group(group) => {
                let there = groups.remove(&group.id).expect("a group is missing");
                assert_eq!((there.kind, there.buckets), (group.kind, group.buckets.clone()));
            }
            Item::Meter(meter) => {
                let there = meters.remove(&meter.id).expect("a meter is missing");
                assert_eq!((there.flags, there.bands), (meter.flags, meter.bands.clone()));
            }
        }
    }
    assert!(
        flows.is_empty() && groups.is_empty() && meters.is_empty(),
        "more than was sent: {flows:?} {groups:?} {meters:?}"
    );
}

#[test]
fn tunnels() {
    read_back_as_sent(Encap::Geneve, "tunnels", "geneve");
}

#[test]
fn vlans() {
    read_back_as_sent(Encap::Vlan, "vlans", "dummy");
}
