//! What others do to a connected switch: what is ours is put right at once, the rest counted and left alone.

mod common;

use brain::{Event, SwitchEvent};
use common::{Site, bridges, site_documents};
use flows::Table;
use ofp::flow_event::{ADDED, DELETED, MODIFIED};
use ofp::{Action, FlowStats, FlowUpdate, GroupDesc, Instruction, Match};
use proto::v1;

fn up() -> Site {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    site.installed().unwrap();
    site.happened.clear();
    site
}

fn update(event: u16, flow: &FlowStats) -> FlowUpdate {
    FlowUpdate::Full {
        event,
        reason: 2,
        priority: flow.priority,
        idle_timeout_s: 0,
        hard_timeout_s: 0,
        table: flow.table,
        cookie: flow.cookie,
        match_: flow.match_.clone(),
        instructions: flow.instructions.clone(),
    }
}

fn tell(site: &mut Site, updates: Vec<FlowUpdate>, more: bool) {
    let session = site.bridges[0].session.unwrap();
    site.event(Event::Switch(session, SwitchEvent::FlowsChanged { updates, more }));
}

/// Takes flows off the first bridge, and has that told.
fn delete(site: &mut Site, gone: impl Fn(&FlowStats) -> bool) -> usize {
    let flows = &mut site.bridges[0].tables.flows;
    let updates: Vec<FlowUpdate> = flows.values().filter(|flow| gone(flow)).map(|flow| update(DELETED, flow)).collect();
    flows.retain(|_, flow| !gone(flow));
    let count = updates.len();
    tell(site, updates, false);
    count
}

/// Puts a flow on the first bridge, in the place of what is there, and has that told.
fn put(site: &mut Site, flow: FlowStats) {
    let key = (flow.table, flow.priority, flow.match_.clone());
    let event = if site.bridges[0].tables.flows.contains_key(&key) { MODIFIED } else { ADDED };
    let updates = vec![update(event, &flow)];
    site.bridges[0].tables.flows.insert(key, flow);
    tell(site, updates, false);
}

fn count(site: &Site, kind: &str) -> usize {
    site.happened.iter().filter(|event| event.r#type == kind).count()
}

fn foreign_flows(site: &mut Site) -> u64 {
    let Some(v1::resource::Kind::Chassis(chassis)) = site.list("chassis")[0].kind.clone() else { panic!() };
    chassis.status.unwrap().foreign_flows
}

fn names_group(flow: &FlowStats) -> bool {
    flow.instructions.iter().any(|instruction| match instruction {
        Instruction::ApplyActions(actions) => actions.iter().any(|action| matches!(action, Action::Group(_))),
        _ => false,
    })
}

#[test]
fn deleted_flows_are_back_and_nothing_else_is_sent() {
    let mut site = up();
    let before = site.bridges[0].tables.flows.clone();
    let sent = site.flow_mods();
    let gone = delete(&mut site, |flow| flow.table == Table::Guard.id());
    assert!(gone > 10);
    assert_eq!(site.bridges[0].tables.flows, before);
    assert_eq!((site.flow_mods() - sent, site.installed()), (gone, Ok(())));
    assert_eq!((count(&site, "flow.drift"), count(&site, "chassis.read")), (1, 0));
    let told = site.happened.iter().find(|event| event.r#type == "flow.drift").unwrap();
    assert!(
        told.message.contains(&format!("{gone} flows of ours")) && told.message.contains("table guard"),
        "{told:?}"
    );
    assert_eq!((told.kind.as_str(), told.name.as_str()), ("chassis", "hv1"));
}

#[test]
fn changed_replaced_and_added_flows_are_put_right() {
    let mut site = up();
    let before = site.bridges[0].tables.flows.clone();
    let some = before.values().find(|flow| flow.table == Table::Out.id()).unwrap().clone();
    put(&mut site, FlowStats { instructions: vec![Instruction::ApplyActions(Vec::new())], ..some.clone() });
    assert_eq!(site.bridges[0].tables.flows, before, "changed");
    put(&mut site, FlowStats { cookie: 0xabc, ..some.clone() });
    assert_eq!(site.bridges[0].tables.flows, before, "replaced by somebody's");
    put(&mut site, FlowStats { priority: 7, ..some.clone() });
    assert_eq!(site.bridges[0].tables.flows, before, "with a cookie of ours");
    assert_eq!((count(&site, "flow.drift"), count(&site, "chassis.read")), (3, 0));
    // As it should be: our own, perhaps.
    let sent = site.flow_mods();
    put(&mut site, some);
    assert_eq!((site.flow_mods(), count(&site, "flow.drift")), (sent, 3));
}

#[test]
fn groups_that_took_their_flows_along_are_back() {
    let mut site = up();
    let before = site.bridges[0].tables.clone();
    site.bridges[0].tables.groups.clear();
    assert!(delete(&mut site, names_group) > 0);
    assert_eq!(site.bridges[0].tables.flows, before.flows);
    let groups = |tables: &common::Tables| tables.groups.values().cloned().collect::<Vec<GroupDesc>>();
    assert_eq!(groups(&site.bridges[0].tables), groups(&before));
    assert_eq!((count(&site, "chassis.read"), site.installed()), (1, Ok(())));
}

#[test]
fn foreign_flows_are_counted_as_they_come_and_go() {
    let mut site = up();
    let sent = site.flow_mods();
    let foreign = FlowStats { table: 0, priority: 7, cookie: 0xabc, match_: Match::new(), ..FlowStats::default() };
    put(&mut site, foreign.clone());
    put(&mut site, FlowStats { table: 77, ..foreign.clone() });
    assert_eq!(foreign_flows(&mut site), 2);
    delete(&mut site, |flow| flow.cookie == 0xabc && flow.table == 77);
    assert_eq!((foreign_flows(&mut site), site.flow_mods()), (1, sent));
    assert_eq!((count(&site, "flow.foreign"), count(&site, "flow.drift")), (1, 0));
}

#[test]
fn of_too_many_the_tables_are_read_and_not_again_and_again() {
    let mut site = up();
    let before = site.bridges[0].tables.flows.clone();
    let lose_all = |site: &mut Site| {
        site.bridges[0].tables.flows.clear();
        tell(site, Vec::new(), true);
    };
    lose_all(&mut site);
    assert_eq!(site.bridges[0].tables.flows, before);
    assert_eq!(count(&site, "chassis.read"), 1);
    lose_all(&mut site);
    assert_eq!(count(&site, "chassis.read"), 1, "it has just been read");
    site.tick(1_000);
    assert_eq!((count(&site, "chassis.read"), &site.bridges[0].tables.flows), (2, &before));
    lose_all(&mut site);
    site.tick(1_000);
    assert_eq!(count(&site, "chassis.read"), 2);
    site.tick(1_000);
    assert_eq!((count(&site, "chassis.read"), &site.bridges[0].tables.flows), (3, &before));
    site.tick(100_000);
    lose_all(&mut site);
    assert_eq!((count(&site, "chassis.read"), &site.bridges[0].tables.flows), (4, &before), "after a calm at once");
}

#[test]
fn what_is_changed_while_tables_are_read_is_looked_at_again() {
    let mut site = up();
    let before = site.bridges[0].tables.clone();
    site.disconnect(0);
    site.bridges[0].mute = true;
    site.connect(0);
    // What is read is as of now; what goes then is not in it.
    let tables = SwitchEvent::Tables {
        flows: before.flows.values().cloned().collect(),
        groups: before.groups.values().cloned().collect(),
        meters: before.meters.values().cloned().collect(),
    };
    assert!(delete(&mut site, |flow| flow.table == Table::Admit.id()) > 0);
    site.bridges[0].mute = false;
    let session = site.bridges[0].session.unwrap();
    site.event(Event::Switch(session, tables));
    assert_ne!(site.bridges[0].tables.flows, before.flows);
    site.tick(1_000);
    assert_eq!(site.bridges[0].tables.flows, before.flows);
}
