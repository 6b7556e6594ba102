//! Names as hosts ask for them: whose are answered to whom, where questions are taken, and what is told of servers.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use features::dns::server;
use features::dns::service::{self, Asked, Waiting};
use features::holder;
use features::punt::{PacketOut, Punted};
use features::ra::advert;
use features::router::{FE80_1, network_mac};
use flows::eval::{Fate, Output, Switch};
use flows::{Engine, PuntOp};
use packet::{DnsQuery, Frame, Icmpv6, NdOption, Net, Udp, icmpv6_frame, ipv6_frame, protocol, udp};
use topology::{Change, ChassisKey, Encap, NetworkKey, PortKey, RouterKey, SubnetKey, View, World};

/// On network 1 and chassis 2. Ports 8 and 12 are on network 1 too, ports 2, 6 and 10 on network 3 behind the same router; the
/// others are another tenant's.
const HOST: u32 = 4;
const A: u16 = 1;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const ANY: u16 = 255;

fn called(p: u32, name: &str) -> Change {
    Change::Hostname(PortKey(p), Some(name.into()))
}

/// The small site with names: each network has a domain, and network 4 the domain of network 1.
fn named() -> Vec<Change> {
    let mut changes = small(Encap::Geneve);
    changes.extend(
        [(1, "red.example"), (2, "umbra.example"), (3, "blue.red.example"), (4, "red.example")]
            .map(|(n, d)| domain(n, Some(d))),
    );
    changes.extend([called(8, "db"), called(2, "web"), called(6, "web"), called(3, "secret"), called(7, "db")]);
    changes
}

fn world(changes: Vec<Change>) -> World {
    let mut world = World::default();
    world.commit(changes);
    world
}

fn address(n: u32, p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(n, p) else { unreachable!() };
    address
}

fn message(name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

fn frame(to_mac: MacAddr, to: Ipv6Addr, from: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let payload = udp(from, to, 4053, 53, message);
    ipv6_frame(port_mac(HOST), to_mac, from, to, 64, protocol::UDP, &payload).to_vec()
}

fn gateway() -> (MacAddr, Ipv6Addr) {
    (features::router::generated_mac(RouterKey(1)), "2001:db8::1".parse().unwrap())
}

/// A frame through the rows of chassis 2 to the controller: what is punted there.
fn punted(world: &World, frame: &[u8]) -> Option<Punted> {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    let trace = Switch::desired(&engine, ChassisKey(2)).run(frame, OfPort(HOST), None);
    assert_eq!(trace.problems, []);
    let punts: Vec<_> = trace.punted().collect();
    let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame, .. }] = punts[..] else { return None };
    let view = View::new(world);
    Some(
        Punted::read(&view, ChassisKey(2), OfPort(HOST), userdata, metadata, frame.clone(), features::Millis(0))
            .unwrap(),
    )
}

fn asked(world: &World, message: &[u8]) -> Asked {
    let (mac, to) = gateway();
    let punted = punted(world, &frame(mac, to, link_local(port_mac(HOST)), message)).unwrap();
    assert_eq!(punted.op, PuntOp::Dns);
    service::asked(world, &punted).unwrap()
}

fn told(out: &PacketOut) -> Vec<u8> {
    let (mac, from) = gateway();
    let read = Frame::parse(&out.frame).unwrap();
    let Net::Ipv6(ip) = &read.net else { panic!() };
    assert_eq!((read.ethernet.src, read.ethernet.dst, ip.src), (mac, port_mac(HOST), from));
    assert_eq!(ip.dst, link_local(port_mac(HOST)));
    let datagram = Udp::parse(&ip.payload).unwrap();
    assert_eq!((datagram.sport, datagram.dport), (53, 4053));
    datagram.payload.to_vec()
}

/// Answers in few words: the code, AAAA addresses and how many records there are beside them; or `elsewhere`.
fn answer(world: &World, name: &str, kind: u16) -> String {
    let Asked::Answered(out) = asked(world, &message(name, kind)) else { return "elsewhere".to_owned() };
    let answer = told(&out);
    let (code, answers, authority) = (answer[3] & 0x0f, answer[7], answer[9]);
    let mut words = format!("{code}");
    let record = [0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16];
    let mut rest = answers;
    for at in 0..answer.len().saturating_sub(27) {
        if answer[at..at + 12] == record {
            let octets: [u8; 16] = answer[at + 12..at + 28].try_into().unwrap();
            words += &format!(" {}", Ipv6Addr::from(octets));
            rest -= 1;
        }
    }
    words + &format!(" +{rest} {}", if authority > 0 { "soa" } else { "-" })
}

fn one(n: u32, p: u32) -> String {
    format!("0 {} +0 -", address(n, p))
}

#[test]
fn names_of_the_own_network_and_of_the_tenants_others_are_answered() {
    let world = world(named());
    assert_eq!(answer(&world, "db.red.example", AAAA), one(1, 8));
    assert_eq!(answer(&world, "DB.Red.Example", AAAA), one(1, 8));
    assert_eq!(answer(&world, "db", AAAA), one(1, 8), "as a host asks that searches nothing");
    assert_eq!(answer(&world, "db.red.example", A), "0 +1 -");
    assert_eq!(answer(&world, "db.red.example", ANY), format!("0 {} +1 -", address(1, 8)));
    assert_eq!(answer(&world, "db.red.example", PTR), "0 +0 soa", "there is such a name, but no such record");
    // Two that are called the same.
    assert_eq!(answer(&world, "web.blue.red.example", AAAA), format!("0 {} {} +0 -", address(3, 2), address(3, 6)));
    assert_eq!(answer(&world, "web", AAAA), "elsewhere", "a bare name is of the own network");
    // Nothing of that name here; the zone itself; another's zone, and the rest of the world.
    assert_eq!(answer(&world, "x.red.example", AAAA), "3 +0 soa");
    assert_eq!(answer(&world, "db.db.red.example", AAAA), "3 +0 soa");
    assert_eq!(answer(&world, "red.example", SOA), "0 +0 soa");
    assert_eq!(answer(&world, "blue.red.example", AAAA), "0 +0 soa");
    for name in ["secret.umbra.example", "umbra.example", "bred.example", "example", "www.example.net", ""] {
        assert_eq!(answer(&world, name, AAAA), "elsewhere", "{name}");
    }
    // The other tenant has a network with the same domain: what is called so there is not seen.
    assert_eq!(answer(&world, "secret.red.example", AAAA), "3 +0 soa");
}

#[test]
fn a_port_without_a_name_has_one_made_of_its_address() {
    let world = world(named());
    let label = |n, p| features::dns::names::hostname(None, address(n, p).into());
    assert_eq!(answer(&world, &format!("{}.red.example", label(1, 12)), AAAA), one(1, 12));
    assert_eq!(answer(&world, &format!("{}.blue.red.example", label(3, 10)), AAAA), one(3, 10));
    assert_eq!(answer(&world, &format!("{}.red.example", label(1, 8)), AAAA), "3 +0 soa", "it has a name");
    assert_eq!(answer(&world, "host-10-0-0-12.red.example", A), "0 +1 -");
    assert_eq!(answer(&world, "host-2001-db8--1.red.example", AAAA), "3 +0 soa", "the router is no port");
}

#[test]
fn addresses_have_names() {
    let world = world(named());
    let reverse = |address: Ipv6Addr| {
        let digits: Vec<String> = format!("{:032x}", u128::from(address)).chars().rev().map(String::from).collect();
        format!("{}.ip6.arpa", digits.join("."))
    };
    let pointer = |name: &str| {
        let Asked::Answered(out) = asked(&world, &message(name, PTR)) else { return None };
        let answer = told(&out);
        let wire = String::from_utf8_lossy(&answer).into_owned();
        (answer[7] == 1).then_some(wire)
    };
    assert!(pointer(&reverse(address(1, 8))).unwrap().contains("\u{2}db\u{3}red\u{7}example"));
    assert!(pointer(&reverse(address(3, 2))).unwrap().contains("\u{3}web\u{4}blue\u{3}red"));
    assert!(pointer("8.0.0.10.in-addr.arpa").unwrap().contains("\u{2}db\u{3}red"));
    assert!(pointer(&reverse(address(1, 12))).unwrap().contains("host-2001-db8--"));
    // Nobody's here, the router's, one that is on the link only.
    for nobody in [address(1, 99), gateway().1, link_local(port_mac(8))] {
        assert_eq!(pointer(&reverse(nobody)), None, "{nobody}");
    }
}

#[test]
fn learned_addresses_are_answered_too() {
    let mut changes = named();
    let Change::Port(key, Some(mut fact)) = port(8, 1) else { unreachable!() };
    fact.learned = vec!["2001:db8::5:5".parse().unwrap(), "fe80::5:5".parse().unwrap()];
    changes.push(Change::Port(key, Some(fact)));
    let world = world(changes);
    assert_eq!(answer(&world, "db.red.example", AAAA), format!("0 {} 2001:db8::5:5 +0 -", address(1, 8)));
}

#[test]
fn on_a_shared_network_all_names_are_seen_and_behind_it_only_the_own_tenants() {
    let mut changes = named();
    let foreign = |p, n| {
        let Change::Port(key, Some(mut fact)) = port(p, n) else { unreachable!() };
        fact.tenant = "guest".into();
        Change::Port(key, Some(fact))
    };
    changes.extend([foreign(8, 1), foreign(2, 3)]);
    let world = world(changes);
    assert_eq!(answer(&world, "db.red.example", AAAA), one(1, 8));
    assert_eq!(answer(&world, "web.blue.red.example", AAAA), one(3, 6), "the guest's is not seen there");
    let guest = format!("{}.ip6.arpa", "x");
    assert_eq!(answer(&world, &guest, PTR), "elsewhere");
}

#[test]
fn what_goes_elsewhere_comes_back_to_who_asked() {
    let world = world(named());
    let asked_for = message("www.example.net", AAAA);
    let Asked::Elsewhere(waiting) = asked(&world, &asked_for) else { panic!() };
    let question = waiting.question();
    assert_eq!((&question[..2], &question[2..]), (&[0, 0][..], &asked_for[2..]));
    let code = |waiting: &Waiting, world: &World, answer: Option<&[u8]>| {
        waiting.told(&View::new(world), answer).map(|out| told(&out)[3] & 0x0f)
    };
    let other = DnsQuery::parse(&message("www.example.org", AAAA)).unwrap().failed(packet::DnsCode::NxDomain);
    let good = DnsQuery::parse(&question).unwrap().failed(packet::DnsCode::NxDomain);
    assert_eq!(code(&waiting, &world, Some(&good)), Some(3));
    assert_eq!(code(&waiting, &world, Some(&other)), Some(2), "an answer to another question is none");
    assert_eq!(code(&waiting, &world, None), Some(2));
    let mut moved = world.clone();
    moved.commit(vec![plug(2, "vm4", Some(77))]);
    assert_eq!(code(&waiting, &moved, Some(&good)), None);
}

#[test]
fn questions_are_taken_where_the_network_has_a_server() {
    let (mac, to) = gateway();
    let own = link_local(port_mac(HOST));
    let question = message("db.red.example", AAAA);
    let op = |world: &World, frame: &[u8]| punted(world, frame).map(|punted| punted.op);
    let served = world(named());
    for server in [to, FE80_1, link_local(mac), "2001:db8:1::1".parse().unwrap()] {
        let from = if server == to { address(1, HOST) } else { own };
        assert_eq!(op(&served, &frame(mac, server, from, &question)), Some(PuntOp::Dns), "{server}");
    }
    // Without a domain the router listens to nothing there, unless a subnet names it.
    let mut changes = small(Encap::Geneve);
    assert_eq!(op(&world(changes.clone()), &frame(mac, to, own, &question)), Some(PuntOp::PortUnreachable));
    let [_, Change::Advert(key, Some(mut fact))] = subnet(1) else { unreachable!() };
    fact.rdnss = vec![to];
    changes.push(Change::Advert(key, Some(fact)));
    let by_name = world(changes);
    assert_eq!(op(&by_name, &frame(mac, to, own, &question)), Some(PuntOp::Dns));
    assert_eq!(answer(&by_name, "db.red.example", AAAA), "elsewhere");
}

#[test]
fn a_network_without_router_answers_by_itself() {
    let mut changes = named();
    changes.push(Change::Interface(RouterKey(1), SubnetKey(1), None));
    let world = world(changes);
    let view = View::new(&world);
    let (mac, own) = (network_mac(NetworkKey(1)), link_local(port_mac(HOST)));
    let server = link_local(mac);
    assert_eq!(server::on_link(&view, NetworkKey(1)), Some(server));
    let question = frame(mac, server, own, &message("db", AAAA));
    let punt = punted(&world, &question).unwrap();
    let Asked::Answered(out) = service::asked(&world, &punt).unwrap() else { panic!() };
    let answer = Frame::parse(&out.frame).unwrap();
    let Net::Ipv6(ip) = &answer.net else { panic!() };
    assert_eq!((answer.ethernet.src, ip.src, ip.dst), (mac, server, own));
    // Only that address: what else comes to that MAC is for nobody.
    let elsewhere = punted(&world, &frame(mac, gateway().1, own, &message("db", AAAA))).unwrap();
    assert_eq!(service::asked(&world, &elsewhere).unwrap_err(), "not_to_the_server");
    // It is found by neighbour discovery, asked of all and of itself.
    let (engine, _) = Engine::from_scratch(features::ALL, &world);
    let switch = Switch::desired(&engine, ChassisKey(2));
    let solicit = Icmpv6::NeighborSolicit { target: server, options: vec![NdOption::SourceLinkLayer(port_mac(HOST))] };
    for (to_mac, to) in [(multicast_mac(solicited_node(server)), solicited_node(server)), (mac, server)] {
        let trace = switch.run(&icmpv6_frame(port_mac(HOST), to_mac, own, to, 255, &solicit), OfPort(HOST), None);
        let sent: Vec<_> = trace.sent().collect();
        let [(port, output)] = sent[..] else { panic!("{trace:#?}") };
        let answer = Frame::parse(&output.frame).unwrap();
        assert_eq!((port, answer.ethernet.src), (OfPort(HOST), mac));
        let Some(Icmpv6::NeighborAdvert { target, options, solicited: true, .. }) = answer.icmpv6().unwrap() else {
            panic!()
        };
        assert_eq!((target, &options[..]), (server, &[NdOption::TargetLinkLayer(mac)][..]));
    }
    let who = holder::of(&view, NetworkKey(1), server.into()).unwrap();
    assert_eq!((who.mac, who.port), (mac, None));
}

#[test]
fn hosts_are_told_of_the_server_where_none_is_named() {
    let rdnss = |changes: Vec<Change>| {
        let world = world(changes);
        let senders = advert::senders(&View::new(&world), NetworkKey(1));
        senders.into_iter().flat_map(|sender| sender.adverts).flat_map(|advert| advert.rdnss).collect::<Vec<_>>()
    };
    let unnamed = |own_dns| {
        let [Change::Subnet(key, Some(mut fact)), Change::Advert(_, Some(mut advert))] = subnet(1) else {
            unreachable!()
        };
        fact.own_dns = own_dns;
        advert.rdnss.clear();
        [Change::Subnet(key, Some(fact)), Change::Advert(key, Some(advert))]
    };
    assert_eq!(rdnss(named()), ["2001:db8::53".parse::<Ipv6Addr>().unwrap()]);
    let with = |more: &[Change]| rdnss([named(), more.to_vec()].concat());
    assert_eq!(with(&unnamed(true)), [gateway().1]);
    assert_eq!(with(&unnamed(false)), [] as [Ipv6Addr; 0], "the intent says that there is none");
    assert_eq!(with(&[&unnamed(true)[..], &[domain(1, None)]].concat()), [] as [Ipv6Addr; 0]);
    let unrouted = [&unnamed(true)[..], &[Change::Interface(RouterKey(1), SubnetKey(1), None)]].concat();
    assert_eq!(with(&unrouted), [link_local(network_mac(NetworkKey(1)))]);
}
