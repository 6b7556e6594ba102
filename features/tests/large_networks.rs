//! Networks larger than one group, on real Open vSwitch: every port and every chassis gets its copy, and exactly one.

mod common;
#[path = "common/ovs.rs"]
mod ovs;

use std::collections::BTreeMap;

use addr::OfPort;
use common::*;
use features::l2::L2;
use flows::{Emit, Feature, Item, Op, Plan, Reg, Table};
use ofp::{Action, Body, FlowMod, PacketOut, StatsReply, StatsRequest};
use ovs::{Connection, Ovs};
use topology::{Change, ChassisKey, Encap, Key, NetworkKey, View, World};

const HERE: ChassisKey = ChassisKey(1);

/// What replicates network 1 on chassis 1.
fn replication(changes: Vec<Change>) -> Vec<Op> {
    let mut world = World::default();
    world.commit(changes);
    let mut emit = Emit::new("l2");
    L2.compile(Key::Need(NetworkKey(1), HERE), &View::new(&world), &mut emit);
    let (items, faults) = emit.finish();
    assert_eq!(faults, []);
    Plan::new(items.into_iter().map(|(_, item)| Op::Put { item, cookie: 0 }).collect()).ops
}

fn install(connection: &mut Connection, ops: &[Op]) {
    for op in ops {
        connection.send(op.to_body(false));
    }
    let refused: Vec<_> = connection.barrier().into_iter().filter(|m| matches!(m.body, Body::Error(_))).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let mut there = BTreeMap::new();
    for part in connection.ask(StatsRequest::GroupDesc) {
        let StatsReply::GroupDesc(groups) = part else { panic!("not groups") };
        there.extend(groups.into_iter().map(|g| (g.group_id, (g.kind, g.buckets))));
    }
    for op in ops {
        if let Item::Group(group) = &**op.item() {
            let read_back = there.remove(&group.id);
            assert!(
                read_back == Some((group.kind, group.buckets.clone())),
                "group {:#x} is not read back as sent",
                group.id
            );
        }
    }
}

/// A broadcast from a port, as the table that replicates meets it.
fn broadcast(connection: &mut Connection, from: u32, from_fabric: bool) {
    let load = |reg: Reg, value| Action::RegLoad { dst: reg.subfield(), value };
    let actions = vec![
        load(Reg::Net, 1),
        load(Reg::FromFabric, from_fabric.into()),
        Action::Resubmit { port: None, table: Some(Table::Flood.id()), ct: false },
    ];
    let mut frame = vec![0xff; 6];
    frame.extend(port_mac(1).0);
    frame.extend([0x88, 0xb5]);
    frame.resize(60, 0);
    let packet = PacketOut { buffer_id: ofp::NO_BUFFER, in_port: OfPort(from), actions, data: frame.into() };
    connection.send(packet.into());
    connection.barrier();
}

/// Packets sent by each port since the beginning, once they stand still.
fn sent(connection: &mut Connection) -> BTreeMap<u32, u64> {
    let mut before = BTreeMap::new();
    loop {
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut now = BTreeMap::new();
        for part in connection.ask(StatsRequest::PortStats(OfPort::ANY)) {
            let StatsReply::PortStats(ports) = part else { panic!("not ports") };
            now.extend(ports.into_iter().filter(|p| p.port.is_ordinary()).map(|p| (p.port.0, p.tx_packets)));
        }
        if now == before {
            return now;
        }
        before = now;
    }
}

#[test]
fn ten_thousand_ports_on_one_chassis() {
    // Three OpenFlow ports stand for all of them.
    let mut changes = vec![fabric(Encap::Geneve), chassis(1), network(1, 1430)];
    for p in 1..=10_000 {
        changes.extend([port(p, 1), bind(p, 1), plug(1, &format!("vm{p}"), Some(1 + p % 3))]);
    }
    let ops = replication(changes);
    let ovs = Ovs::start("ten-thousand");
    ovs.bridge("br0", &[("p1", 1, "dummy"), ("p2", 2, "dummy"), ("p3", 3, "dummy")]);
    let mut connection = ovs.connect("br0");
    install(&mut connection, &ops);
    broadcast(&mut connection, 1, false);
    let all = BTreeMap::from([(1, 0), (2, 3334), (3, 3333)]);
    assert_eq!(sent(&mut connection), all, "one for each, none for the sender");
    broadcast(&mut connection, 2, true);
    assert_eq!(
        sent(&mut connection),
        BTreeMap::from([(1, 3333), (2, 3334), (3, 6666)]),
        "from the fabric, to all here"
    );
    // A packet of the controller's own.
    let group = vec![Action::Group(features::l2::group_here(NetworkKey(1)))];
    let data = vec![0xff; 60].into();
    let packet = PacketOut { buffer_id: ofp::NO_BUFFER, in_port: OfPort::CONTROLLER, actions: group, data };
    connection.send(packet.into());
    connection.barrier();
    assert_eq!(sent(&mut connection), BTreeMap::from([(1, 6666), (2, 6668), (3, 9999)]));
}

#[test]
fn more_tunnels_than_one_translation_holds() {
    const CHASSIS: u16 = 700;
    let mut changes = vec![fabric(Encap::Geneve), network(1, 1430), plug(1, "sx-tun", Some(100))];
    for c in 1..=CHASSIS {
        let p = u32::from(c);
        changes.extend([chassis(c), port(p, 1), bind(p, c), plug(c, &format!("vm{p}"), Some(1))]);
    }
    let ops = replication(changes);
    let ovs = Ovs::start("tunnels-many");
    ovs.bridge("br-phy", &[("phy0", 1, "dummy")]);
    let mut underlay = ovs.connect("br-phy");
    let out = ofp::Instruction::ApplyActions(vec![Action::Output { port: OfPort(1), max_len: 0 }]);
    underlay.send(FlowMod { instructions: vec![out], ..FlowMod::default() }.into());
    ovs.bridge("br0", &[("vm1", 1, "dummy"), ("sx-tun", 100, "geneve")]);
    ovs.appctl(&["netdev-dummy/ip6addr", "br-phy", "fd00:99::1/64"]);
    ovs.appctl(&["ovs/route/add", "fd00:a::/64", "br-phy", "fd00:99::2"]);
    ovs.appctl(&["tnl/neigh/set", "br-phy", "fd00:99::2", "02:aa:00:00:00:02"]);
    let mut connection = ovs.connect("br0");
    install(&mut connection, &ops);
    broadcast(&mut connection, 1, false);
    assert_eq!(sent(&mut underlay).get(&1), Some(&u64::from(CHASSIS - 1)), "every other chassis once");
    assert_eq!(sent(&mut connection).get(&1), Some(&0));
}
