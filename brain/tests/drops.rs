//! What switches count of a port's drops: told when it is new, read when somebody asks, left alone otherwise.

mod common;

use addr::OfPort;
use brain::{Event, Reply, Request, SwitchEvent};
use common::{Site, bridges, site_documents};
use flows::{Drop, Reg, Table};
use ofp::flow_event::{ADDED, DELETED};
use ofp::{BandStats, Field, FlowStats, FlowUpdate, Match, MeterStats, Value};
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

/// The row that counts what groups let through neither way: of the same port.
fn refused(leaves: u128, packets: u64) -> FlowStats {
    let number = |reg: Reg, value: u128| Value(value << reg.spec().offset);
    let judged = Value(number(Reg::Judged, 11).0 | number(Reg::Leaves, leaves).0);
    let reason = number(Reg::Refused, Drop::NoRule as u128);
    let match_ = Match::new().with(Reg::Judged.field(), judged).with(Reg::Refused.field(), reason);
    FlowStats { table: Table::Refused.id(), match_, ..row(Drop::NoRule, packets) }
}

#[test]
fn what_groups_and_meters_drop_is_counted_too() {
    let mut site = up();
    make(&mut site, refused(0, 4), ADDED);
    make(&mut site, refused(1, 1), ADDED);
    let told: Vec<_> = site.happened.iter().map(|event| (&*event.r#type, &*event.name)).collect();
    assert_eq!(told, [("group.drop", "vm1"); 2]);
    let meter = |meter_id, dropped| MeterStats {
        meter_id,
        packets: 100,
        bands: vec![BandStats { packets: dropped, bytes: 0 }],
        ..MeterStats::default()
    };
    // Of port 11, what is answered it; of 12, one that has dropped nothing; of 13, whom nobody has.
    site.bridges[0].metered = vec![meter(4 * 0xff00 + 11, 70), meter(4 * 12, 0), meter(4 * 13, 1)];
    let request = v1::DropsRequest { tenant: String::new(), port: String::new() };
    let Some(Ok(Reply::Drops(all))) = site.ask(Request::Drops(request)) else { panic!("no answer") };
    let counts: Vec<_> = all.iter().map(|one| (&*one.port, &*one.reason, &*one.direction, one.packets)).collect();
    let expected =
        [("vm1", "no_rule", "egress", 2), ("vm1", "no_rule", "ingress", 5), ("vm1", "rate_answers", "egress", 70)];
    assert_eq!(counts, expected);
}

/// Nobody has to ask: a port above its rates is told of within a minute, and again after an hour.
#[test]
fn a_port_above_its_rates_is_told_of() {
    let mut site = up();
    let meter = |packets| {
        let bands = vec![BandStats { packets, bytes: 0 }];
        vec![MeterStats { meter_id: 4 * 11, bands, ..MeterStats::default() }]
    };
    let told = |site: &mut Site, dropped| {
        site.bridges[0].metered = meter(dropped);
        site.happened.clear();
        site.tick(60_000);
        let rate = site.happened.iter().filter(|event| event.r#type == "rate.drop");
        rate.map(|event| (event.name.clone(), event.message.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut site, 0).len(), 0);
    let [(port, words)] = &told(&mut site, 70)[..] else { panic!() };
    assert_eq!(port, "vm1");
    assert!(words.starts_with("rate_address: the port was above its rate: 70 packets"), "{words}");
    for dropped in [70, 5_000, 9_000] {
        assert_eq!(told(&mut site, dropped).len(), 0, "it is known");
    }
    site.tick(3_600_000);
    assert_eq!(told(&mut site, 9_000).len(), 0, "it has stopped");
    // The meter was made anew, as the switch was.
    assert!(told(&mut site, 7)[0].1.contains("7 packets"));
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
