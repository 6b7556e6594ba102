//! `Trace`: a packet in words, the rows that it meets, and where it ends.

mod common;

use brain::{RefusalKind, Reply, Request};
use common::*;
use proto::v1;

fn up() -> Site {
    let mut site = Site::new(bridges());
    site.connect_all();
    site.apply(site_documents()).unwrap();
    site
}

fn trace(site: &mut Site, port: &str, packet: &str) -> v1::TraceResponse {
    let request = v1::TraceRequest { port: port.to_owned(), packet: packet.to_owned() };
    match site.ask(Request::Trace(request)) {
        Some(Ok(Reply::Traced(response))) => response,
        other => panic!("{packet}: {other:?}"),
    }
}

/// The global address of a port on the `/64` that its network has.
fn address(site: &mut Site, tenant: &str, name: &str) -> String {
    let status = site.port(tenant, name);
    status.addresses.iter().find(|a| a.starts_with("2001:")).unwrap().clone()
}

#[test]
fn packets_end_where_they_should() {
    let mut site = up();
    let [a, same, other] = ["vm1", "vm2", "vm6"].map(|name| address(&mut site, "acme", name));
    let foreign = address(&mut site, "umbra", "vm2");
    let local = {
        let addresses = site.port("acme", "vm2").addresses;
        addresses.into_iter().find(|a| a.starts_with("fe80:")).unwrap()
    };
    assert_eq!(same, foreign, "both tenants have the same addresses");
    for (packet, ends) in [
        (format!("icmp6 from {a} to {same}"), vec!["delivered: acme/vm2"]),
        (format!("icmp6 from {a} to {other}"), vec!["delivered: acme/vm6"]),
        (format!("tcp from {a} to {other} dport 22 hop_limit 2"), vec!["delivered: acme/vm6"]),
        (format!("udp from {a} to ff02::fb sport 5353 dport 5353"), vec!["delivered: acme/vm2", "delivered: acme/vm3"]),
        (format!("icmp6 from {a} to fe80::1"), vec!["answered: acme/r1"]),
        (format!("icmp6 from {a} to {same} type 135"), vec!["answered: acme/vm2"]),
        // Who has a link-local address answers himself.
        (format!("icmp6 from {a} to {local}"), vec!["delivered: acme/vm2"]),
        (format!("icmp6 from {a} to {local} type 135"), vec!["delivered: acme/vm2"]),
        (format!("icmp6 from {a} to fe80::99"), vec!["drop: unknown_target"]),
        (format!("icmp6 from {a} to fe80::ff:fe00:99"), vec!["drop: unknown_mac"]),
        (format!("icmp6 from {a} to 2001:db8:b::99"), vec!["punted: icmp"]),
        (format!("udp from {a} to {other} hop_limit 1"), vec!["punted: icmp"]),
        (format!("icmp6 from {a} to ff02::2 type 133"), vec!["punted: ra"]),
        (format!("icmp6 from {same} to {other}"), vec!["drop: spoofed_source"]),
        (format!("icmp6 from {a} to {same} type 134"), vec!["drop: rogue_router_advert"]),
        (format!("icmp6 from {a} to 2001:db8:a::99"), vec!["drop: unknown_target"]),
        ("udp from 10.0.0.1 to 10.9.9.9".to_owned(), vec!["drop: no_router"]),
    ] {
        assert_eq!(trace(&mut site, "acme/vm1", &packet).outcomes, ends, "{packet}");
    }
}

#[test]
fn every_step_says_whose_row_it_is_across_chassis() {
    let mut site = up();
    let [a, other] = ["vm1", "vm6"].map(|name| address(&mut site, "acme", name));
    let response = trace(&mut site, "acme/vm1", &format!("icmp6 from {a} to {other}"));
    let rows: Vec<_> = response.steps.iter().map(|step| step.row.clone().unwrap()).collect();
    let at = |table: &str| rows.iter().find(|row| row.table == table).unwrap();
    assert_eq!(at("classify").resource, "port acme/vm1");
    assert_eq!((at("route").feature.as_str(), at("route").resource.as_str()), ("routing", "router acme/r1"));
    assert_eq!((at("route").path.as_str(), at("classify").path.as_str()), ("interfaces[blue6]", ""));
    assert_eq!(at("neighbor").resource, "port acme/vm6");
    assert!(rows.iter().all(|row| row.installed && !row.why.is_empty()));
    let chassis: Vec<_> = rows.iter().map(|row| row.chassis.as_str()).collect();
    assert_eq!((chassis.first(), chassis.last()), (Some(&"hv1"), Some(&"hv3")));
    let route = response.steps.iter().find(|step| step.row.as_ref().is_some_and(|row| row.table == "route")).unwrap();
    assert!(route.changes.contains(&"nw_ttl=63".to_owned()), "{:?}", route.changes);
}

#[test]
fn what_cannot_be_traced_is_refused_with_the_reason() {
    let mut site = up();
    for (port, packet, kind, words) in [
        ("acme/vm9", "icmp6 from ::1 to ::2", RefusalKind::NotFound, "there is no port acme/vm9"),
        ("acme/vm1", "icmp6 to ::2", RefusalKind::Invalid, "PROTO from A to B"),
    ] {
        let request = v1::TraceRequest { port: port.to_owned(), packet: packet.to_owned() };
        let Some(Err(refusal)) = site.ask(Request::Trace(request)) else { panic!("{packet} was traced") };
        assert_eq!(refusal.kind, kind);
        assert!(refusal.violations[0].message.contains(words), "{refusal:?}");
    }
}
