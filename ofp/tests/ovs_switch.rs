//! Against a real Open vSwitch: what is sent is what is read back.

mod common;

use common::corpus;
use common::switch::{Connection, Switch};
use ofp::{Body, FlowMod, FlowStats, GroupDesc, MeterConfig, MeterMod, StatsReply, StatsRequest, meter_id};

fn prepare(connection: &mut Connection) {
    for group in corpus::groups() {
        connection.send(group);
    }
    for meter in corpus::meters() {
        connection.send(meter);
    }
    assert_eq!(connection.errors(), []);
}

/// What is said of a flow, without its counters.
fn said(flow: &FlowStats) -> FlowStats {
    FlowStats { duration_s: 0, duration_ns: 0, packets: 0, bytes: 0, ..flow.clone() }
}

fn expected(flow: FlowMod) -> FlowStats {
    let FlowMod { cookie, table, idle_timeout_s, hard_timeout_s, priority, flags, match_, instructions, .. } =
        flow.canonical();
    FlowStats {
        cookie,
        table,
        idle_timeout_s,
        hard_timeout_s,
        priority,
        flags,
        match_,
        instructions,
        ..FlowStats::default()
    }
}

#[test]
fn flows_groups_and_meters_are_read_back_as_sent() {
    if !common::ovs_wanted() {
        return;
    }
    let switch = Switch::start();
    let mut connection = switch.connect();
    prepare(&mut connection);
    let mut refused = Vec::new();
    for flow in corpus::flows() {
        connection.send(flow.clone());
        if let [(_, error)] = &connection.errors()[..] {
            refused.push((error.to_string(), flow));
        }
    }
    for (error, flow) in &refused {
        println!("refused, {error}: {flow:?}");
    }
    assert!(refused.is_empty());
    let mut found: Vec<_> = connection.flows().iter().map(said).collect();
    let mut wanted: Vec<_> = corpus::flows().into_iter().map(expected).collect();
    let key = |flow: &FlowStats| (flow.table, flow.priority);
    found.sort_by_key(key);
    wanted.sort_by_key(key);
    for (found, wanted) in found.iter().zip(&wanted) {
        if found != wanted {
            println!("read back: {found:?}\n     sent: {wanted:?}");
        }
    }
    assert_eq!(found.len(), wanted.len());
    assert!(found == wanted);

    let groups: Vec<_> = connection
        .ask(StatsRequest::GroupDesc)
        .into_iter()
        .flat_map(|part| match part {
            StatsReply::GroupDesc(groups) => groups,
            other => panic!("{other:?}"),
        })
        .collect();
    for group in corpus::groups() {
        let wanted = GroupDesc { kind: group.kind, group_id: group.group_id, buckets: group.buckets };
        assert!(groups.contains(&wanted), "{wanted:?} is not among {groups:?}");
    }
    let meters: Vec<_> = connection
        .ask(StatsRequest::MeterConfig(meter_id::ALL))
        .into_iter()
        .flat_map(|part| match part {
            StatsReply::MeterConfig(meters) => meters,
            other => panic!("{other:?}"),
        })
        .collect();
    for meter in corpus::meters().into_iter().map(MeterMod::canonical) {
        let wanted = MeterConfig { flags: meter.flags, meter_id: meter.meter_id, bands: meter.bands };
        assert!(meters.contains(&wanted), "{wanted:?} is not among {meters:?}");
    }
    let _ = Body::BarrierRequest;
}
