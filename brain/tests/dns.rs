//! Names, from the intent to what a port hears: its neighbours' at once, the rest of the world's when a resolver has answered.

mod common;

use std::net::Ipv6Addr;

use addr::{MacAddr, link_local};
use brain::{Event, QuestionId};
use common::*;
use flows::PuntOp;
use packet::{DnsCode, DnsQuery, Frame, Net, Udp, ipv6_frame, protocol, udp};
use proto::v1;

/// `vm1` of acme, on the first chassis.
const BRIDGE: usize = 0;
const PORT: u32 = 11;
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// The site with a domain for each tenant's first network; `vm2` is called `db`, and so is the other tenant's.
fn documents() -> Vec<v1::Document> {
    let mut all = site_documents();
    for (document, domain) in all[1..].iter_mut().zip(["red.acme.example", "red.umbra.example"]) {
        document.networks[0].spec.as_mut().unwrap().dns_domain = Some(domain.to_owned());
        document.ports[1].spec.as_mut().unwrap().dns_name = Some("db".to_owned());
    }
    all
}

fn site() -> Site {
    let mut site = Site::new(bridges());
    site.apply(documents()).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn message(id: u8, name: &str) -> Vec<u8> {
    let mut bytes = vec![0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 28, 0, 1]);
    bytes
}

fn ask(site: &mut Site, id: u8, name: &str) {
    let router = features::router::generated_mac(topology::RouterKey(1));
    let (from, to) = (link_local(MAC), "2001:db8:a::".parse().unwrap());
    let payload = udp(from, to, 4053, 53, &message(id, name));
    let frame = ipv6_frame(MAC, router, from, to, 64, protocol::UDP, &payload);
    from_port(site, BRIDGE, PORT, PuntOp::Dns, &frame);
}

/// What the port hears: of each answer its id, code and number of answers.
fn heard(site: &mut Site) -> Vec<(u8, u8, u8)> {
    let read = site.bridges[BRIDGE].packets.drain(..).filter_map(|(_, frame)| {
        let Net::Ipv6(ip) = Frame::parse(&frame).ok()?.net else { return None };
        let answer = Udp::parse(&ip.payload).ok().filter(|datagram| datagram.sport == 53)?.payload;
        Some((answer[1], answer[3] & 0x0f, answer[7]))
    });
    read.collect()
}

#[test]
fn a_neighbours_name_is_answered_and_shown() {
    let mut site = site();
    ask(&mut site, 1, "db.red.acme.example");
    ask(&mut site, 2, "none.red.acme.example");
    assert_eq!(heard(&mut site), [(1, 0, 1), (2, NXDOMAIN, 0)]);
    assert!(site.asked.is_empty());
    let shown = site.port("acme", "vm2");
    let [assignment] = &shown.dns_assignment[..] else { panic!("{shown:?}") };
    assert_eq!((assignment.hostname.as_str(), assignment.fqdn.as_str()), ("db", "db.red.acme.example"));
    assert_eq!(assignment.ip_address, shown.addresses[0]);
    let nameless = site.port("acme", "vm1").dns_assignment;
    assert!(nameless[0].fqdn.starts_with("host-2001-db8-a--") && nameless[0].fqdn.ends_with(".red.acme.example"));
    assert!(site.port("acme", "vm4").dns_assignment.is_empty(), "its network has no domain");
    // The name goes with the intent's words.
    let mut other = documents();
    other[1].ports[1].spec.as_mut().unwrap().dns_name = Some("sql.red.acme.example.".to_owned());
    site.apply(other).unwrap();
    ask(&mut site, 3, "db.red.acme.example");
    ask(&mut site, 4, "sql.red.acme.example");
    assert_eq!(heard(&mut site), [(3, NXDOMAIN, 0), (4, 0, 1)]);
}

#[test]
fn what_others_know_waits_for_their_answer() {
    let mut site = site();
    ask(&mut site, 5, "db.red.umbra.example");
    let [(question, put)] = &site.asked[..] else { panic!("{:?}", site.asked) };
    let (question, put) = (*question, put.clone());
    assert_eq!((&put[..2], &put[2..]), (&[0, 0][..], &message(0, "db.red.umbra.example")[2..]));
    assert_eq!(heard(&mut site), []);
    let answer = DnsQuery::parse(&put).unwrap().failed(DnsCode::NxDomain).to_vec();
    site.event(Event::Resolved { question, answer: Some(answer.clone()) });
    assert_eq!(heard(&mut site), [(5, NXDOMAIN, 0)]);
    // Once: what comes again, or unasked, is nobody's.
    site.event(Event::Resolved { question, answer: Some(answer) });
    site.event(Event::Resolved { question: QuestionId(99), answer: None });
    assert_eq!(heard(&mut site), []);
    ask(&mut site, 6, "www.example.net");
    let (question, _) = site.asked[1];
    site.event(Event::Resolved { question, answer: None });
    assert_eq!(heard(&mut site), [(6, SERVFAIL, 0)]);
}

#[test]
fn a_port_waits_for_so_many_answers_at_once() {
    let mut site = site();
    for id in 0..100 {
        ask(&mut site, id, "www.example.net");
        ask(&mut site, id, "www.example.net");
    }
    assert_eq!(site.asked.len(), 32, "and none twice");
    site.event(Event::Resolved { question: site.asked[3].0, answer: None });
    ask(&mut site, 200, "www.example.net");
    assert_eq!(site.asked.len(), 33);
    // Nothing waits for ever.
    site.tick(11_000);
    for id in 0..100 {
        ask(&mut site, id, "www.example.net");
    }
    assert_eq!(site.asked.len(), 65);
}

#[test]
fn hosts_are_told_who_answers() {
    let mut site = site();
    let solicit = packet::router_solicit(MAC, link_local(MAC));
    site.bridges[BRIDGE].packets.clear();
    from_port(&mut site, BRIDGE, PORT, PuntOp::RouterSolicit, &solicit);
    let gateway: Ipv6Addr = "2001:db8:a::".parse().unwrap();
    let told = site.bridges[BRIDGE]
        .packets
        .iter()
        .any(|(_, frame)| frame.windows(16).filter(|bytes| *bytes == gateway.octets()).count() == 2);
    assert!(told, "the prefix, and the server that has its first address");
}
