//! Lives of a site: applied, confirmed, cut, restarted, unplugged, refused; and what statuses say of it.

mod common;

use common::*;
use flows::{PIPELINE, Table};
use proto::v1::{self, Phase};

fn up() -> Site {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    site
}

#[test]
fn an_applied_site_is_installed_and_active() {
    let mut site = up();
    assert_eq!(site.installed(), Ok(()));
    for tenant in ["acme", "umbra"] {
        for n in 1..=6 {
            let status = site.port(tenant, &format!("vm{n}"));
            assert_eq!((status.phase(), status.reason.as_str()), (Phase::Active, ""), "{tenant}/vm{n}");
            assert_eq!(status.addresses.len(), 2, "{:?}", status.addresses);
        }
    }
    for bridge in &site.bridges {
        assert!(bridge.tables.flows.len() > 100);
        assert!(!bridge.packets.is_empty(), "advertisements and warming packets");
    }
    assert!(site.happened.iter().any(|e| e.r#type == "port.active" && e.name == "vm1"));
    assert!(!site.happened.iter().any(|e| e.r#type.starts_with("flow.")), "{:?}", site.happened);
}

#[test]
fn rows_are_told_with_names_and_reasons() {
    let mut site = up();
    let request = v1::FlowsRequest { chassis: "hv1".to_owned(), port: "acme/vm1".to_owned() };
    let Some(Ok(brain::Reply::Flows(rows))) = site.ask(brain::Request::Flows(request)) else { panic!("no rows") };
    let first = rows.iter().find(|row| row.table == "classify" && row.priority == 100).unwrap();
    assert_eq!(first.r#match, "in_port=11,dl_src=02:00:00:00:00:01");
    assert!(first.actions.ends_with(",goto_table:guard"), "{}", first.actions);
    assert_eq!((first.feature.as_str(), first.why.as_str()), ("port", "a frame from the port's own MAC"));
    assert_eq!((first.resource.as_str(), first.installed), ("port acme/vm1", true));
    assert!(rows.iter().all(|row| row.resource == "port acme/vm1"));
    let request = v1::FlowsRequest { chassis: "hv1".to_owned(), port: String::new() };
    let Some(Ok(brain::Reply::Flows(rows))) = site.ask(brain::Request::Flows(request)) else { panic!("no rows") };
    assert!(rows.iter().any(|row| row.actions == "drop (foreign_mac)"));
}

#[test]
fn in_whatever_order_it_comes_the_same_is_installed() {
    let late = {
        let mut site = Site::new(bridges());
        site.apply(site_documents()).unwrap();
        assert!(site.installed().is_err(), "nobody is connected");
        site.connect_all();
        site
    };
    let early = up();
    for (a, b) in late.bridges.iter().zip(&early.bridges) {
        assert_eq!(a.tables.flows, b.tables.flows);
        assert_eq!(a.tables.groups, b.tables.groups);
        assert_eq!(a.tables.meters, b.tables.meters);
    }
}

#[test]
fn a_restart_sends_nothing() {
    let mut site = up().restarted();
    site.connect_all();
    assert_eq!(site.installed(), Ok(()));
    assert_eq!(site.flow_mods(), 0);
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
}

#[test]
fn a_switch_that_lost_its_tables_gets_them_back() {
    let mut site = up();
    let before = site.bridges[0].tables.clone();
    site.disconnect(0);
    site.bridges[0].tables = Tables::default();
    site.connect(0);
    assert_eq!(site.installed(), Ok(()));
    assert_eq!(site.bridges[0].tables.flows, before.flows);
    assert_eq!(site.bridges[0].tables.meters, before.meters);
}

#[test]
fn foreign_flows_are_counted_and_left_alone() {
    let mut site = up();
    site.disconnect(0);
    let foreign = ofp::FlowStats { table: 0, priority: 7, cookie: 0xabc, ..Default::default() };
    site.bridges[0].tables.flows.insert((0, 7, Default::default()), foreign.clone());
    site.connect(0);
    assert_eq!(site.bridges[0].tables.flows.get(&(0, 7, Default::default())), Some(&foreign));
    let v1::resource::Kind::Chassis(chassis) = site.list("chassis")[0].kind.clone().unwrap() else { panic!() };
    assert_eq!(chassis.status.unwrap().foreign_flows, 1);
}

#[test]
fn a_vanished_interface_is_pending_and_comes_back_by_itself() {
    let mut site = up();
    let before = site.bridges[0].tables.flows.clone();
    site.plug(0, 11, "acme-vm1", false);
    let status = site.port("acme", "vm1");
    assert_eq!(status.phase(), Phase::Pending);
    assert_eq!(status.reason, "hv1 has no interface acme-vm1");
    assert!(site.bridges[0].tables.flows.len() < before.len());
    site.plug(0, 11, "acme-vm1", true);
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
    assert_eq!(site.bridges[0].tables.flows, before);
    // Under another number.
    site.plug(0, 11, "acme-vm1", false);
    site.plug(0, 77, "acme-vm1", true);
    assert_eq!(site.port("acme", "vm1").ofport, 77);
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
}

#[test]
fn status_never_says_active_before_the_switch_does() {
    let mut site = up();
    site.bridges[1].slow = true;
    let document = v1::Document { tenant: "acme".to_owned(), ports: vec![port("acme", 7)], ..Default::default() };
    site.plug(0, 17, "acme-vm7", true);
    site.apply(vec![document]).unwrap();
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Installing, "hv2 has not confirmed");
    assert_eq!(site.installed(), Err(vec!["hv2: 2 changes are not confirmed yet".to_owned()]));
    site.disconnect(1);
    let status = site.port("acme", "vm7");
    assert_eq!((status.phase(), status.reason.as_str()), (Phase::Degraded, "not connected: hv2"));
    assert_eq!(site.installed(), Err(vec!["hv2: not connected".to_owned()]));
    site.bridges[1].slow = false;
    site.connect(1);
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Active);
    assert_eq!(site.installed(), Ok(()));
}

#[test]
fn a_refused_flow_fails_its_port_and_no_other() {
    let mut site = Site::new(bridges());
    site.apply(site_documents()).unwrap();
    site.connect_all();
    let document = v1::Document { tenant: "acme".to_owned(), ports: vec![port("acme", 7)], ..Default::default() };
    site.bridges[0].refuses = vec![Table::Admit];
    site.plug(0, 17, "acme-vm7", true);
    site.apply(vec![document]).unwrap();
    let status = site.port("acme", "vm7");
    assert_eq!((status.phase(), status.reason.as_str()), (Phase::Failed, "hv1: OFPFMFC_TABLE_FULL"));
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
    let refused = site.happened.iter().find(|e| e.r#type == "flow.refused").expect("an event");
    assert_eq!((refused.name.as_str(), refused.tenant.as_str()), ("vm7", "acme"));
    assert!(refused.message.contains("table admit"), "{}", refused.message);
}

#[test]
fn what_lacked_a_refused_group_is_tried_again_with_it() {
    let mut site = Site::new(bridges());
    site.bridges[0].refuses_groups = true;
    site.connect_all();
    site.apply(site_documents()).unwrap();
    assert_eq!(site.list("network").iter().filter(|n| phase_of(n) == Phase::Failed).count(), 4);
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active, "what doesn't need the group works");
    site.bridges[0].refuses_groups = false;
    // Another chassis' address is in the groups: they change, and what names them comes along.
    let mut documents = site_documents();
    documents[0].chassis[2].spec.as_mut().unwrap().tunnel_ip = Some("fd00:a::33".to_owned());
    site.apply(documents).unwrap();
    assert_eq!(site.list("network").iter().filter(|n| phase_of(n) == Phase::Active).count(), 4);
    assert_eq!(site.installed(), Ok(()));
}

fn phase_of(resource: &v1::Resource) -> Phase {
    match resource.kind.as_ref().unwrap() {
        v1::resource::Kind::Network(network) => network.status.as_ref().unwrap().phase(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_switch_that_refuses_all_is_left_alone_for_a_while() {
    let mut site = Site::new(bridges());
    // All but the guard, without which nothing is sent at all, and those that come first: ports elsewhere have rows in them.
    let kept = [Table::Guard, Table::Punt, Table::Fabric, Table::Neighbor, Table::Out];
    site.bridges[0].refuses = PIPELINE.iter().map(|spec| spec.table).filter(|table| !kept.contains(table)).collect();
    site.connect_all();
    site.apply(site_documents()).unwrap();
    assert_eq!(site.happened.iter().filter(|e| e.r#type == "flow.refused").count(), 100, "no more than that");
    assert_eq!(site.port("acme", "vm2").phase(), Phase::Installing, "its rows here wait with the rest");
    assert!(site.bridges[1].tables.flows.len() > 100, "other switches don't suffer");
    let v1::resource::Kind::Chassis(chassis) = site.list("chassis")[0].kind.clone().unwrap() else { panic!() };
    assert_eq!(chassis.status.unwrap().phase(), Phase::Failed);
    site.bridges[0].refuses = vec![];
    site.tick(30_000);
    assert_eq!(site.installed(), Ok(()));
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
}

#[test]
fn what_a_switch_refused_is_tried_again_after_a_while() {
    let mut site = up();
    site.bridges[0].refuses = vec![Table::Admit];
    site.plug(0, 17, "acme-vm7", true);
    let document = v1::Document { tenant: "acme".to_owned(), ports: vec![port("acme", 7)], ..Default::default() };
    site.apply(vec![document]).unwrap();
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Failed);
    // Still no room: it waits longer.
    site.tick(30_000);
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Failed);
    site.bridges[0].refuses.clear();
    site.tick(30_000);
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Failed);
    site.tick(30_000);
    assert_eq!(site.port("acme", "vm7").phase(), Phase::Active);
}

#[test]
fn without_its_guard_a_chassis_lets_nobody_in() {
    let mut site = Site::new(bridges());
    site.bridges[0].refuses = vec![Table::Guard];
    site.apply(site_documents()).unwrap();
    site.connect_all();
    let classify = |site: &Site, bridge: usize| {
        site.bridges[bridge].tables.flows.keys().filter(|(table, ..)| *table == Table::Classify.id()).count()
    };
    assert_eq!(classify(&site, 0), 0);
    assert!(classify(&site, 1) > 0);
    let halted = site.happened.iter().find(|e| e.r#type == "chassis.halted").expect("an event");
    assert!(halted.message.contains("a row of the guard"), "{}", halted.message);
    site.bridges[0].refuses.clear();
    site.tick(30_000);
    assert_eq!(site.installed(), Ok(()));
}

#[test]
fn watchers_are_told_of_what_is_on_its_way_and_of_what_follows_from_others() {
    let mut site = up();
    site.told.clear();
    site.bridges[0].slow = true;
    site.plug(0, 17, "acme-vm7", true);
    let phases = |site: &Site| -> Vec<Phase> {
        let chassis = site.told.iter().filter_map(|told| match &told.kind {
            Some(v1::resource::Kind::Chassis(chassis)) => chassis.status.as_ref(),
            _ => None,
        });
        chassis.map(v1::ChassisStatus::phase).collect()
    };
    assert_eq!(phases(&site), [Phase::Installing], "the new port's row is not confirmed");
    site.told.clear();
    let mut documents = site_documents();
    documents[0].fabric.as_mut().unwrap().spec.as_mut().unwrap().underlay_mtu = Some(9000);
    documents.truncate(1);
    site.apply(documents).unwrap();
    let mtus = site.told.iter().filter_map(|told| match &told.kind {
        Some(v1::resource::Kind::Network(network)) => network.status.as_ref().map(|status| status.mtu),
        _ => None,
    });
    let mut mtus: Vec<u32> = mtus.collect();
    mtus.dedup();
    assert_eq!(mtus, [8930]);
}

#[test]
fn a_bridge_that_is_another_chassis_now_keeps_nothing_of_the_old_one() {
    let mut site = up();
    let mut documents = site_documents();
    documents[0].chassis[0].spec.as_mut().unwrap().datapath_id = Some("77".to_owned());
    site.apply(documents).unwrap();
    assert_eq!(site.bridges[0].session, None, "closed, to start over");
    assert!(site.bridges[0].tables.flows.is_empty() && site.bridges[0].tables.groups.is_empty());
    assert_eq!(site.port("acme", "vm1").reason, "chassis hv1 is not connected");
    site.bridges[0].dpid = 0x77;
    site.connect(0);
    assert_eq!(site.port("acme", "vm1").phase(), Phase::Active);
}

#[test]
fn nothing_counts_as_installed_before_a_returning_switch_is_read() {
    let mut site = up();
    site.disconnect(0);
    assert_eq!(site.installed(), Ok(()), "it holds its flows without us");
    site.bridges[0].tables = Tables::default();
    site.bridges[0].mute = true;
    site.connect(0);
    assert_eq!(site.installed(), Err(vec!["hv1: its tables are being read".to_owned()]));
}

#[test]
fn subnets_and_the_fabric_are_told_of_too() {
    let mut site = up();
    let active = |site: &Site, kind: &str| site.happened.iter().any(|e| e.r#type == format!("{kind}.active"));
    assert!(active(&site, "subnet") && active(&site, "fabric") && active(&site, "router"));
    site.plug(0, 100, "sx-tun", false);
    assert!(site.happened.iter().any(|e| e.r#type == "fabric.degraded" && e.message == "no port sx-tun on hv1"));
}

#[test]
fn strangers_are_listed_and_left_alone() {
    let mut site = Site::new(vec![Bridge::new(9, &[(1, "eth1")])]);
    site.connect_all();
    assert!(site.bridges[0].batches.is_empty());
    let v1::resource::Kind::Chassis(chassis) = site.list("chassis")[0].kind.clone().unwrap() else { panic!() };
    let status = chassis.status.unwrap();
    assert!(status.discovered && status.connected);
    assert_eq!(status.datapath_id, "0000000000000009");
}

#[test]
fn a_second_bridge_with_a_known_datapath_id_is_refused() {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    let mut second = Bridge::new(1, &[]);
    second.name = "other".to_owned();
    site.bridges.push(second);
    site.connect(3);
    assert_eq!(site.bridges[3].session, None, "closed");
    assert!(site.bridges[0].session.is_some(), "the first one stays");
    assert!(site.happened.iter().any(|e| e.r#type == "bridge.duplicate"));
}

#[test]
fn a_deleted_site_leaves_nothing() {
    let mut site = up();
    let mut delete = |kind: &str, tenant: &str, name: &str| {
        let delete = v1::DeleteRequest { tenant: tenant.to_owned(), name: name.to_owned(), ..Default::default() };
        site.ask(brain::Request::Delete { kind: kind.to_owned(), delete }).unwrap().unwrap();
    };
    for tenant in ["acme", "umbra"] {
        for n in 1..=6 {
            delete("port", tenant, &format!("vm{n}"));
        }
        delete("router", tenant, "r1");
        for color in ["red", "blue"] {
            delete("subnet", tenant, &format!("{color}6"));
            delete("network", tenant, color);
        }
    }
    for n in 1..=3 {
        delete("chassis", "", &format!("hv{n}"));
    }
    for bridge in &site.bridges {
        assert!(bridge.tables.flows.is_empty() && bridge.tables.groups.is_empty(), "{:?}", bridge.tables.flows.keys());
    }
}
