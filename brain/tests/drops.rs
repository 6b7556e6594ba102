//! What switches count of a port's drops: told when it is new, read when somebody asks, left alone otherwise.

mod common;

use addr::OfPort;
use brain::{Event, Reply, Request, SwitchEvent};
use common::{Site, bridges, site_documents};
use flows::{Drop, Reg, Table};
use ofp::flow_event::{ADDED, DELETED};
use ofp::{Field, FlowStats, FlowUpdate, Match, Value};
use proto::v1;

fn up() -> Site {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    site.installed().unwrap();
    site.happened.clear();
    site
}

/// The row that a switch makes to count by; it belongs to port 11, which is `vm1` of acme on the first bridge.
fn row(drop: Drop, packets: u64) -> FlowStats {
    let match_ = Match::new().with(Field::IN_PORT, OfPort(11)).with(Reg::Accused.field(), Value(drop as u128));
    let cookie = 0x5e78_ff00_0000_0000;
    FlowStats {
        table: Table::Accused.id(),
        priority: 1,
        cookie,
        packets,
        bytes: 60 * packets,
        match_,
        ..FlowStats::default()
    }
}

fn make(site: &mut Site, row: FlowStats, event: u16) {
    let update = FlowUpdate::Full {
        event,
        reason: 2,
        priority: row.priority,
        idle_timeout_s: 3600,
        hard_timeout_s: 0,
        table: row.table,
        cookie: row.cookie,
        match_: row.match_.clone(),
        instructions: vec![],
    };
    site.bridges[0].tables.flows.insert((row.table, row.priority, row.match_.clone()), row);
    let session = site.bridges[0].session.unwrap();
    site.event(Event::Switch(session, SwitchEvent::FlowsChanged { updates: vec![update], more: false }));
}

fn ask(site: &mut Site, tenant: &str, port: &str) -> Vec<(String, String, u64)> {
    let request = v1::DropsRequest { tenant: tenant.to_owned(), port: port.to_owned() };
    match site.ask(Request::Drops(request)) {
        Some(Ok(Reply::Drops(all))) => all.into_iter().map(|one| (one.port, one.reason, one.packets)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_new_is_told_once_and_counts_are_read_when_asked_for() {
    let mut site = up();
    assert_eq!(ask(&mut site, "", ""), []);
    make(&mut site, row(Drop::RogueRouterAdvert, 6), ADDED);
    make(&mut site, row(Drop::SpoofedSource, 0), ADDED);
    let told: Vec<_> = site.happened.iter().filter(|event| event.r#type == "guard.drop").collect();
    assert_eq!(told.iter().map(|event| (&*event.tenant, &*event.name)).collect::<Vec<_>>(), [("acme", "vm1"); 2]);
    assert!(told[0].message.starts_with("rogue_router_advert"), "{told:?}");
    // The packet that a row was made for comes on top.
    let counts =
        [("vm1".to_owned(), "rogue_router_advert".to_owned(), 7), ("vm1".to_owned(), "spoofed_source".to_owned(), 1)];
    for (tenant, port) in [("", ""), ("acme", ""), ("", "acme/vm1")] {
        assert_eq!(ask(&mut site, tenant, port), counts, "{tenant:?} {port:?}");
    }
    assert_eq!(ask(&mut site, "umbra", ""), []);
    // That they go is no news, and none of it is drift.
    make(&mut site, row(Drop::SpoofedSource, 0), DELETED);
    let kinds: Vec<_> = site.happened.iter().map(|event| &*event.r#type).collect();
    assert_eq!(kinds, ["guard.drop", "guard.drop"]);
    let request = v1::DropsRequest { tenant: String::new(), port: "acme/nobody".to_owned() };
    assert!(matches!(site.ask(Request::Drops(request)), Some(Err(_))));
}

#[test]
fn they_stay_when_tables_are_read() {
    let mut site = up();
    make(&mut site, row(Drop::ForeignMac, 3), ADDED);
    let sent = site.flow_mods();
    site.disconnect(0);
    site.connect(0);
    site.installed().unwrap();
    assert_eq!((site.flow_mods(), site.happened.iter().any(|event| event.r#type.starts_with("flow."))), (sent, false));
    assert_eq!(ask(&mut site, "", "acme/vm1"), [("vm1".to_owned(), "foreign_mac".to_owned(), 4)]);
}

#[test]
fn a_switch_that_does_not_answer_is_not_waited_for_long() {
    let mut site = up();
    make(&mut site, row(Drop::ForeignMac, 3), ADDED);
    site.bridges[0].mute = true;
    let request = v1::DropsRequest { tenant: String::new(), port: String::new() };
    assert!(site.ask(Request::Drops(request)).is_none(), "not answered at once");
}
