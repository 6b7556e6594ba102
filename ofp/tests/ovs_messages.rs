//! Against a real Open vSwitch: a controller's conversation, from the greeting to bundles and packets.

mod common;

use addr::{Dpid, OfPort};
use bytes::Bytes;
use common::corpus::{ip6, ipv6};
use common::switch::{Connection, Switch};
use ofp::{
    Action, AsyncConfig, AsyncMask, Body, BundleControl, BundleCtrlType, Controller, ControllerRole, CtFlush, CtTuple,
    Field, FieldAbility, FlowMod, FlowModCommand, FlowMonitorRequest, FlowStatsRequest, FlowUpdate, Instruction, Match,
    Message, MultipartReply, MultipartRequest, PacketIn, PacketIn2, PacketOut, PortMod, PortReason, Role, StatsReply,
    StatsRequest, SwitchConfig, TableFeatures, TableProperty, TlvMap, TlvTableMod, TlvTableModCommand, async_kind,
    bundle_flags, monitor_flags, packet_in_format, port_config, port_state,
};

fn flow(priority: u16, actions: Vec<Action>) -> FlowMod {
    FlowMod { priority, instructions: vec![Instruction::ApplyActions(actions)], ..FlowMod::default() }
}

/// Sends a question and returns the answer to it.
fn call(connection: &mut Connection, body: impl Into<Body>) -> Body {
    let xid = connection.send(body);
    loop {
        let message = connection.receive();
        if message.xid == xid {
            return message.body;
        }
    }
}

fn expect(connection: &mut Connection, wanted: impl Fn(&Body) -> bool) -> Body {
    loop {
        let body = connection.receive().body;
        if wanted(&body) {
            return body;
        }
    }
}

#[test]
fn a_conversation() {
    if !common::ovs_wanted() {
        return;
    }
    let switch = Switch::start();
    let mut connection = switch.connect();
    let Body::FeaturesReply(features) = call(&mut connection, Body::FeaturesRequest) else { panic!() };
    assert_eq!((features.n_tables, features.n_buffers, features.auxiliary_id), (254, 0, 0));
    assert_ne!(features.datapath_id, Dpid(0));
    configuration(&mut connection);
    roles(&mut connection);
    statistics(&mut connection);
    ports(&mut connection, &mut switch.connect());
    bundles(&mut connection);
    packets(&mut connection);
    a_paused_packet(&mut connection);
    monitors(&mut connection);
    nicira(&mut connection);
}

fn configuration(connection: &mut Connection) {
    connection.send(Body::SetConfig(SwitchConfig { flags: ofp::config_flags::FRAG_NX_MATCH, miss_send_len: 0xffff }));
    let reply = call(connection, Body::GetConfigRequest);
    assert_eq!(reply, Body::GetConfigReply(SwitchConfig { flags: 3, miss_send_len: 0xffff }));
    let config = AsyncConfig { packet_in: [7, 0], port_status: [7, 7], flow_removed: [15, 0] };
    connection.send(Body::SetAsync(config));
    assert_eq!(call(connection, Body::GetAsyncRequest), Body::GetAsyncReply(config));
    let ports = |role, reasons| AsyncMask { kind: async_kind::PORT_STATUS + role, reasons };
    connection.send(Body::SetAsyncConfig2(vec![ports(0, 1), ports(1, 5)]));
    let parts = AsyncConfig { port_status: [5, 1], ..config };
    assert_eq!(call(connection, Body::GetAsyncRequest), Body::GetAsyncReply(parts));
    connection.send(Body::SetAsyncConfig(config));
    assert_eq!(call(connection, Body::GetAsyncRequest), Body::GetAsyncReply(config));
    let echo = Bytes::from_static(b"are you there");
    assert_eq!(call(connection, Body::EchoRequest(echo.clone())), Body::EchoReply(echo));
}

fn roles(connection: &mut Connection) {
    let role = ControllerRole { role: Role::Master, generation_id: 10 };
    assert_eq!(call(connection, Body::RoleRequest(role)), Body::RoleReply(role));
    let stale = ControllerRole { role: Role::Master, generation_id: 9 };
    let Body::Error(error) = call(connection, Body::RoleRequest(stale)) else { panic!() };
    assert_eq!(error.name(), Some("OFPRRFC_STALE"));
}

fn statistics(connection: &mut Connection) {
    assert!(
        matches!(&connection.ask(StatsRequest::Desc)[..], [StatsReply::Desc(desc)] if desc.hardware == *"Open vSwitch")
    );
    let [StatsReply::Table(tables)] = &connection.ask(StatsRequest::Table)[..] else { panic!() };
    assert_eq!(tables.len(), 254);
    let tables = connection.ask(StatsRequest::TableFeatures(Vec::new()));
    let tables: Vec<TableFeatures> = tables
        .into_iter()
        .flat_map(|part| match part {
            StatsReply::TableFeatures(some) => some,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tables.len(), 254);
    table_features(&tables[0]);
    assert!(
        matches!(&connection.ask(StatsRequest::GroupFeatures)[..], [StatsReply::GroupFeatures(groups)] if groups.types == 15)
    );
    assert!(
        matches!(&connection.ask(StatsRequest::MeterFeatures)[..], [StatsReply::MeterFeatures(meters)] if meters.max_bands > 0)
    );
    assert_eq!(connection.ask(StatsRequest::MeterStats(ofp::meter_id::ALL)), [StatsReply::MeterStats(vec![])]);
    assert_eq!(connection.ask(StatsRequest::GroupStats(ofp::GROUP_ALL)), [StatsReply::GroupStats(vec![])]);
    let queues = StatsRequest::Queue { port: OfPort::ANY, queue_id: u32::MAX };
    assert!(matches!(&connection.ask(queues)[..], [StatsReply::Queue(queues)] if queues.len() == 5));
    connection.send(flow(5, vec![]));
    let all = connection.ask(StatsRequest::Aggregate(FlowStatsRequest::default()));
    assert!(matches!(&all[..], [StatsReply::Aggregate(sum)] if sum.flows == 1));
    connection.delete_flows();
    for group in common::corpus::groups() {
        connection.send(group);
    }
    for meter in common::corpus::meters() {
        connection.send(meter);
    }
    assert!(
        matches!(&connection.ask(StatsRequest::GroupStats(2))[..], [StatsReply::GroupStats(g)] if g[0].buckets.len() == 2)
    );
    assert!(
        matches!(&connection.ask(StatsRequest::MeterStats(3))[..], [StatsReply::MeterStats(m)] if m[0].bands.len() == 2)
    );
}

/// What is known of the first table; nothing of what the switch says of it is beyond us.
fn table_features(table: &TableFeatures) {
    let has = |wanted: &dyn Fn(&TableProperty) -> bool| table.properties.iter().any(wanted);
    let names = |fields: &[FieldAbility], masked| fields.contains(&FieldAbility { field: Field::IPV6_DST, masked });
    assert!(has(&|p| matches!(p, TableProperty::Match(fields) if names(fields, true))));
    assert!(has(&|p| matches!(p, TableProperty::NextTables { miss: false, tables } if tables.len() == 253)));
    assert!(has(&|p| matches!(p, TableProperty::Instructions { types, .. } if types.contains(&6))));
    assert!(has(&|p| matches!(p, TableProperty::SetFields { write: false, fields, .. } if names(fields, false))));
    let unknown: Vec<_> = table.properties.iter().filter(|p| matches!(p, TableProperty::Unknown(_))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn ports(connection: &mut Connection, other: &mut Connection) {
    let [StatsReply::PortDesc(ports)] = &connection.ask(StatsRequest::PortDesc)[..] else { panic!() };
    let first = ports.iter().find(|port| port.port == OfPort(1)).unwrap();
    assert_eq!(first.name, *"p1");
    let mask = port_config::NO_FWD;
    // Whoever changes a port is not told of it (before OpenFlow 1.5).
    other.send(PortMod { port: first.port, hw_addr: first.hw_addr, config: mask, mask, advertise: 0 });
    let Body::PortStatus(status) = expect(connection, |body| matches!(body, Body::PortStatus(_))) else { panic!() };
    assert_eq!((status.reason, status.desc.port, status.desc.config & mask), (PortReason::Modify, OfPort(1), mask));
    assert_eq!(status.desc.state & port_state::BLOCKED, 0);
    connection.send(PortMod { port: first.port, hw_addr: first.hw_addr, config: 0, mask, advertise: 0 });
    let [StatsReply::PortStats(stats)] = &connection.ask(StatsRequest::PortStats(OfPort::ANY))[..] else { panic!() };
    assert_eq!(stats.len(), 5);
    assert_eq!(connection.errors(), []);
}

fn bundles(connection: &mut Connection) {
    let flags = bundle_flags::ATOMIC | bundle_flags::ORDERED;
    let control = |kind| BundleControl::new(1, kind, flags);
    assert!(matches!(call(connection, control(BundleCtrlType::OpenRequest)), Body::BundleControl(_)));
    for priority in 1..=3 {
        let xid = connection.next_xid();
        connection.send_message(&Message::new(xid, flow(priority, vec![])).in_bundle(1, flags));
    }
    let done = call(connection, control(BundleCtrlType::CommitRequest));
    assert_eq!(done, Body::BundleControl(BundleControl::new(1, BundleCtrlType::CommitReply, 0)));
    assert_eq!(connection.flows().len(), 3);
    // One bad message spoils all: nothing of the second bundle is there.
    assert!(matches!(call(connection, control(BundleCtrlType::OpenRequest)), Body::BundleControl(_)));
    let bad = vec![Instruction::ApplyActions(vec![Action::Group(999)])];
    for flow in [flow(4, vec![]), FlowMod { priority: 5, instructions: bad, ..FlowMod::default() }] {
        let xid = connection.next_xid();
        connection.send_message(&Message::new(xid, flow).in_bundle(1, flags));
    }
    let xid = connection.send(control(BundleCtrlType::CommitRequest));
    let errors = connection.errors();
    let names: Vec<_> = errors.iter().map(|(of, error)| (*of, error.name().unwrap())).collect();
    assert_eq!(names, [(xid - 1, "OFPBAC_BAD_OUT_GROUP"), (xid, "OFPBFC_MSG_FAILED")]);
    assert_eq!(errors[0].1.refused_xid(), Some(xid - 1));
    assert_eq!(connection.flows().len(), 3);
    connection.delete_flows();
}

fn packet_out(actions: Vec<Action>) -> PacketOut {
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
    frame.resize(60, 7);
    PacketOut { buffer_id: ofp::NO_BUFFER, in_port: OfPort(2), actions, data: Bytes::from(frame) }
}

fn packets(connection: &mut Connection) {
    let sent = packet_out(vec![Action::set(Field::reg(3), 9u32), Action::output(OfPort::CONTROLLER)]);
    connection.send(sent.clone());
    let Body::PacketIn(packet) = expect(connection, |body| matches!(body, Body::PacketIn(_))) else { panic!() };
    assert_eq!((&packet.data, packet.total_len), (&sent.data, 60));
    assert_eq!(packet.match_.get(Field::reg(3)), Some((9, 0xffff_ffff)));
    connection.send(Body::SetPacketInFormat(packet_in_format::NXT_PACKET_IN));
    connection.send(sent.clone());
    let Body::NxPacketIn(older) = expect(connection, |body| matches!(body, Body::NxPacketIn(_))) else { panic!() };
    assert_eq!(older.0, PacketIn { data: sent.data.clone(), ..packet });
    connection.send(Body::SetPacketInFormat(packet_in_format::NXT_PACKET_IN2));
    let userdata = Bytes::from_static(&[1, 2, 3]);
    let to_controller = Controller { userdata: userdata.clone(), ..Controller::default() };
    let load = Action::set(Field::METADATA, 0xabcu64);
    let table_miss = FlowMod { cookie: 77, table: 0, ..flow(9, vec![load, Action::Controller(to_controller)]) };
    connection.send(table_miss);
    connection.send(packet_out(vec![Action::output(OfPort::TABLE)]));
    let Body::PacketIn2(packet) = expect(connection, |body| matches!(body, Body::PacketIn2(_))) else { panic!() };
    assert_eq!((&packet.packet[..], packet.total_len), (&sent.data[..], 60));
    assert_eq!((packet.cookie, packet.table_id, packet.userdata.clone()), (77, 0, userdata));
    assert_eq!(packet.in_port(), Some(OfPort(2)));
    assert_eq!(packet.metadata.get(Field::METADATA), Some((0xabc, u128::from(u64::MAX))));
    assert!(packet.continuation.is_empty() && packet.unknown.is_empty());
    connection.delete_flows();
}

fn a_paused_packet(connection: &mut Connection) {
    let pause = Action::Controller(Controller { pause: true, ..Controller::default() });
    let after = Action::Controller(Controller { userdata: Bytes::from_static(b"after"), ..Controller::default() });
    connection.send(flow(9, vec![pause, after]));
    connection.send(packet_out(vec![Action::output(OfPort::TABLE)]));
    let Body::PacketIn2(packet) = expect(connection, |body| matches!(body, Body::PacketIn2(_))) else { panic!() };
    assert!(!packet.continuation.is_empty());
    let resume = PacketIn2 { metadata: packet.metadata.clone().with(Field::reg(1), 4u32), ..packet };
    connection.send(Body::Resume(resume));
    let Body::PacketIn2(packet) = expect(connection, |body| matches!(body, Body::PacketIn2(_))) else { panic!() };
    assert_eq!(packet.userdata, "after");
    assert_eq!(packet.metadata.get(Field::reg(1)), Some((4, 0xffff_ffff)));
    connection.delete_flows();
}

fn monitors(connection: &mut Connection) {
    use monitor_flags::{ACTIONS, ADD, DELETE, INITIAL, MODIFY, OWN};
    connection.send(FlowMod { match_: ipv6().with(Field::IPV6_DST, ip6("fd00::1")), ..flow(3, vec![]) });
    let request = FlowMonitorRequest {
        id: 5,
        flags: INITIAL | ADD | DELETE | MODIFY | ACTIONS | OWN,
        out_port: OfPort::ANY,
        table: ofp::TABLE_ALL,
        match_: Match::new(),
    };
    let initial = call(connection, MultipartRequest::new(StatsRequest::FlowMonitor(vec![request])));
    let updates = |body: &Body| match body {
        Body::MultipartReply(MultipartReply { body: StatsReply::FlowMonitor(updates), .. }) => updates.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(&updates(&initial)[..], [FlowUpdate::Full { event: 0, priority: 3, .. }]));
    connection.send(FlowMod { match_: ipv6(), ..flow(4, vec![Action::output(OfPort(1))]) });
    connection.delete_flows_quietly();
    let mut events = Vec::new();
    while events.len() < 3 {
        let body = expect(connection, |body| matches!(body, Body::MultipartReply(_)));
        for update in updates(&body) {
            let FlowUpdate::Full { event, match_, instructions, .. } = update else { panic!("{update:?}") };
            events.push((event, match_, instructions));
        }
    }
    assert_eq!(events[0], (0, ipv6(), vec![Instruction::ApplyActions(vec![Action::output(OfPort(1))])]));
    assert_eq!((events[1].0, events[2].0), (1, 1));
    connection.send(Body::FlowMonitorCancel(5));
    assert_eq!(connection.errors(), []);
}

fn nicira(connection: &mut Connection) {
    connection.send(Body::CtFlushZone(9));
    let original = CtTuple { src: Some(ip6("fd00::1").into()), dst_port: Some(5556), ..CtTuple::default() };
    connection.send(Body::CtFlush(CtFlush {
        ip_proto: 17,
        zone: Some(9),
        original: Some(original),
        ..CtFlush::default()
    }));
    connection.send(Body::SetControllerId(3));
    let maps = vec![
        TlvMap { option_class: 0xffff, option_type: 1, option_length: 8, index: 0 },
        TlvMap { option_class: 0x0102, option_type: 0x80, option_length: 4, index: 63 },
    ];
    connection.send(Body::TlvTableMod(TlvTableMod { command: TlvTableModCommand::Add, maps: maps.clone() }));
    assert_eq!(connection.errors(), []);
    let Body::TlvTableReply(mut table) = call(connection, Body::TlvTableRequest) else { panic!() };
    table.maps.sort_by_key(|map| map.index);
    assert_eq!(table.maps, maps);
    // A masked option is matched in as many bytes as it has, and we write as many as its mask needs.
    connection.is_exact = false;
    // Options of 8 and 4 bytes, in matches whole and masked, and in actions.
    let eight = u128::from(u64::MAX);
    let matches = [
        Match::new().masked(Field::tun_metadata(0), 5u8, eight),
        Match::new().masked(Field::tun_metadata(0), 0xa00u16, 0xf00u16).with(Field::TUN_ID, 1u8),
        Match::new().masked(Field::tun_metadata(63), 0x1234_5678u32, 0xffff_ffffu32),
    ];
    let actions = vec![
        Action::set(Field::tun_metadata(0), 0x0102_0304_0506u64),
        Action::set(Field::tun_metadata(63), 0u8),
        Action::set_masked(Field::tun_metadata(63), 0x10u8, 0xf0u8),
        Action::set_masked(Field::tun_metadata(0), 0x10u8, 0xff00_00f0u32),
    ];
    let wanted = |priority: u16, match_: Match| FlowMod { match_, ..flow(priority, actions.clone()) };
    for (priority, match_) in (1..).zip(matches.clone()) {
        connection.send(wanted(priority, match_));
    }
    assert_eq!(connection.errors(), []);
    let mut flows = connection.flows();
    flows.sort_by_key(|flow| flow.priority);
    for (flow, match_) in flows.iter().zip(&matches) {
        println!("{flow}");
        assert_eq!((&flow.match_, &flow.instructions), (match_, &wanted(0, Match::new()).instructions));
    }
    connection.delete_flows();
}

#[test]
fn another_master_is_announced_and_a_lost_flow_reported() {
    if !common::ovs_wanted() {
        return;
    }
    let switch = Switch::start();
    let (mut first, mut second) = (switch.accept(), switch.connect());
    let master = |generation_id| Body::RoleRequest(ControllerRole { role: Role::Master, generation_id });
    second.send(Body::SetAsync(AsyncConfig { flow_removed: [15, 0], ..AsyncConfig::default() }));
    call(&mut first, master(1));
    call(&mut second, master(2));
    let Body::RoleStatus(status) = expect(&mut first, |body| matches!(body, Body::RoleStatus(_))) else { panic!() };
    assert_eq!((status.role, status.generation_id), (Role::Slave, 2));
    first.send(flow(1, vec![]));
    assert_eq!(first.errors()[0].1.name(), Some("OFPBRC_IS_SECONDARY"));
    second.send(FlowMod { flags: ofp::flow_flags::SEND_FLOW_REM, cookie: 5, match_: ipv6(), ..flow(1, vec![]) });
    second.send(FlowMod { command: FlowModCommand::DeleteStrict, match_: ipv6(), ..flow(1, vec![]) });
    let Body::FlowRemoved(gone) = expect(&mut second, |body| matches!(body, Body::FlowRemoved(_))) else { panic!() };
    assert_eq!((gone.cookie, gone.reason, &gone.match_), (5, ofp::removed_reason::DELETE, &ipv6()));
}
