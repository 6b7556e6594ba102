//! DHCP for IPv4 as clients meet it.

mod common;

use std::net::{IpAddr, Ipv4Addr};

use addr::{MacAddr, OfPort};
use common::*;
use features::dhcp4::service;
use features::lease::{Association, LeaseChange, Secret, Served, whole};
use features::punt::{Punted, op_of};
use flows::eval::{Fate, Switch};
use flows::{Engine, PuntOp};
use packet::{
    DHCP4_CLIENT_PORT, DHCP4_SERVER_PORT, Dhcp4, Dhcp4Kind, Dhcp4Option, Frame, Net, Udp, dhcp4_option as code,
    ipv4_frame, protocol, udp_v4,
};
use topology::{
    Change, ChassisKey, Dhcp4 as Fact, DhcpOption, DhcpOptions, Encap, Interface, NetworkKey, Place, PortKey,
    RouterKey, Subnet, SubnetKey, World,
};

const SECRET: Secret = [0; 16];
/// On network 1 and chassis 2.
const HOST: u32 = 4;
const ADDRESS: &str = "10.1.0.5";
const GATEWAY: &str = "10.1.0.1";

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn fact() -> Fact {
    Fact {
        prefix: "10.1.0.0/24".parse().unwrap(),
        gateway: v4(GATEWAY),
        gateway_given: false,
        dns: vec![v4("192.0.2.53")],
        routes: vec![],
        ipv6_mostly: false,
        lease_s: 800,
        options: vec![],
        next_server: None,
    }
}

/// The small site with an IPv4 subnet on network 1, served as said, routed or not, and the host's addresses there.
fn world(fact: Fact, routed: bool, addresses: &[&str]) -> World {
    let mut world = World::default();
    let mut changes = small(Encap::Geneve);
    let cidr = "10.1.0.0/24".parse().unwrap();
    changes.push(Change::Subnet(SubnetKey(11), Some(Subnet { network: NetworkKey(1), cidr, own_dns: true })));
    changes.push(Change::Dhcp4(SubnetKey(11), Some(fact)));
    if routed {
        let mac = features::router::generated_mac(RouterKey(1));
        let interface = Interface { network: NetworkKey(1), mac, address: IpAddr::V4(v4(GATEWAY)) };
        changes.push(Change::Interface(RouterKey(1), SubnetKey(11), Some(interface)));
    }
    let Change::Port(key, Some(mut port)) = port(HOST, 1) else { unreachable!() };
    port.addresses.extend(addresses.iter().map(|text| IpAddr::V4(v4(text))));
    changes.push(Change::Port(key, Some(port)));
    world.commit(changes);
    world
}

fn message(kind: Dhcp4Kind, options: Vec<Dhcp4Option>) -> Dhcp4 {
    let mut all = vec![Dhcp4Option::kind(kind)];
    all.extend(options);
    Dhcp4 {
        reply: false,
        transaction: 77,
        secs: 1,
        broadcast: false,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        chaddr: port_mac(HOST),
        options: all,
    }
}

fn frame(message: &Dhcp4, to_mac: MacAddr, to: Ipv4Addr) -> Vec<u8> {
    let payload = udp_v4(message.ciaddr, to, DHCP4_CLIENT_PORT, DHCP4_SERVER_PORT, &message.emit());
    ipv4_frame(port_mac(HOST), to_mac, message.ciaddr, to, 64, protocol::UDP, &payload).to_vec()
}

fn punted(frame: Vec<u8>) -> Punted {
    let place = Place::plugged(ChassisKey(2), OfPort(HOST));
    Punted {
        op: PuntOp::Dhcp4,
        port: PortKey(HOST),
        place,
        network: NetworkKey(1),
        router: RouterKey(0),
        frame,
        at: features::Millis(0),
    }
}

/// The answer, with the MAC and address that it goes to, and what happens to leases.
type Answer = (Dhcp4, (MacAddr, Ipv4Addr), Vec<LeaseChange>);

fn asks(world: &World, message: &Dhcp4) -> Result<Answer, &'static str> {
    let frame = frame(message, MacAddr::BROADCAST, Ipv4Addr::BROADCAST);
    let Served { operation, packets, leases, .. } = service::answer(world, &punted(frame), SECRET)?;
    assert_eq!(Some(operation), message.kind().map(Dhcp4Kind::name));
    let [out] = &packets[..] else { panic!("{packets:?}") };
    let read = Frame::parse(&out.frame).unwrap();
    let Net::Ipv4(ip) = &read.net else { panic!() };
    assert_eq!(ip.src, v4(GATEWAY));
    let datagram = Udp::parse(&ip.payload).unwrap();
    assert_eq!((datagram.sport, datagram.dport), (DHCP4_SERVER_PORT, DHCP4_CLIENT_PORT));
    let answer = Dhcp4::parse(&datagram.payload).unwrap();
    assert!(answer.reply && answer.transaction == 77 && answer.chaddr == port_mac(HOST));
    assert_eq!(answer.address(code::SERVER_ID), Some(v4(GATEWAY)));
    Ok((answer, (read.ethernet.dst, ip.dst), leases))
}

fn wish(address: &str) -> Dhcp4Option {
    Dhcp4Option::addresses(code::ADDRESS_REQUEST, &[v4(address)])
}

fn to_server(address: &str) -> Dhcp4Option {
    Dhcp4Option::addresses(code::SERVER_ID, &[v4(address)])
}

#[test]
fn four_messages_and_two() {
    let world = world(fact(), true, &[ADDRESS]);
    let (offer, to, leases) = asks(&world, &message(Dhcp4Kind::Discover, vec![])).unwrap();
    assert_eq!((offer.kind(), offer.yiaddr, leases), (Some(Dhcp4Kind::Offer), v4(ADDRESS), vec![]));
    assert_eq!(to, (port_mac(HOST), v4(ADDRESS)));
    assert_eq!(offer.option(code::ADDRESS_TIME), Some(&800u32.to_be_bytes()[..]));
    assert_eq!(offer.option(code::RENEWAL_TIME), Some(&400u32.to_be_bytes()[..]));
    assert_eq!(offer.option(code::REBINDING_TIME), Some(&700u32.to_be_bytes()[..]));
    assert_eq!(offer.address(code::ROUTER), Some(v4(GATEWAY)));
    assert_eq!(offer.address(code::SUBNET_MASK), Some(v4("255.255.255.0")));
    assert_eq!(offer.address(code::DOMAIN_SERVER), Some(v4("192.0.2.53")));
    let request =
        message(Dhcp4Kind::Request, vec![wish(ADDRESS), to_server(GATEWAY), Dhcp4Option::new(code::CLIENT_ID, [9])]);
    let (ack, _, leases) = asks(&world, &request).unwrap();
    assert_eq!((ack.kind(), ack.yiaddr), (Some(Dhcp4Kind::Ack), v4(ADDRESS)));
    assert_eq!(ack.option(code::CLIENT_ID), Some(&[9u8][..]), "RFC 6842");
    let bind = LeaseChange::Bind {
        association: Association::V4,
        client: bytes::Bytes::from_static(&[9]),
        leased: vec![whole(v4(ADDRESS))],
        valid_s: 800,
    };
    assert_eq!(leases, [bind]);
    let rapid = message(Dhcp4Kind::Discover, vec![Dhcp4Option::new(code::RAPID_COMMIT, [])]);
    let (ack, _, leases) = asks(&world, &rapid).unwrap();
    assert_eq!((ack.kind(), leases.len(), ack.option(code::RAPID_COMMIT)), (Some(Dhcp4Kind::Ack), 1, Some(&[][..])));
}

#[test]
fn a_client_that_has_an_address_keeps_it_or_hears_that_it_may_not() {
    let world = world(fact(), true, &[ADDRESS]);
    let renewing = Dhcp4 { ciaddr: v4(ADDRESS), ..message(Dhcp4Kind::Request, vec![]) };
    let (ack, to, leases) = asks(&world, &renewing).unwrap();
    assert_eq!((ack.kind(), to, leases.len()), (Some(Dhcp4Kind::Ack), (port_mac(HOST), v4(ADDRESS)), 1));
    let rebooted = message(Dhcp4Kind::Request, vec![wish(ADDRESS)]);
    assert_eq!(asks(&world, &rebooted).unwrap().0.kind(), Some(Dhcp4Kind::Ack));
    let elsewhere = message(Dhcp4Kind::Request, vec![wish("10.9.0.5")]);
    let (nak, to, leases) = asks(&world, &elsewhere).unwrap();
    assert_eq!((nak.kind(), nak.yiaddr), (Some(Dhcp4Kind::Nak), Ipv4Addr::UNSPECIFIED));
    assert_eq!(to, (MacAddr::BROADCAST, Ipv4Addr::BROADCAST));
    assert_eq!(
        (leases, nak.option(code::ADDRESS_TIME)),
        (vec![LeaseChange::End { association: Association::V4 }], None)
    );
    let shy = Dhcp4 { broadcast: true, ..message(Dhcp4Kind::Discover, vec![]) };
    assert_eq!(asks(&world, &shy).unwrap().1, (MacAddr::BROADCAST, Ipv4Addr::BROADCAST));
    let informed = Dhcp4 { ciaddr: v4(ADDRESS), ..message(Dhcp4Kind::Inform, vec![]) };
    let (ack, _, leases) = asks(&world, &informed).unwrap();
    assert_eq!((ack.yiaddr, ack.option(code::ADDRESS_TIME), leases), (Ipv4Addr::UNSPECIFIED, None, vec![]));
    for kind in [Dhcp4Kind::Release, Dhcp4Kind::Decline] {
        let frame = frame(&message(kind, vec![to_server(GATEWAY)]), MacAddr::BROADCAST, Ipv4Addr::BROADCAST);
        let served = service::answer(&world, &punted(frame), SECRET).unwrap();
        assert_eq!((served.packets, served.leases), (vec![], vec![LeaseChange::End { association: Association::V4 }]));
    }
}

#[test]
fn what_is_told_is_what_there_is() {
    let asked = |codes: &[u8]| message(Dhcp4Kind::Discover, vec![Dhcp4Option::new(code::PARAMETER_LIST, codes)]);
    let all = [code::ROUTER, code::CLASSLESS_STATIC_ROUTE, code::IPV6_ONLY_PREFERRED, code::INTERFACE_MTU];
    // Nobody has the gateway's address: it is not told.
    let offer = asks(&world(fact(), false, &[ADDRESS]), &asked(&all)).unwrap().0;
    assert_eq!(offer.option(code::ROUTER), None);
    // But the metadata service is on the link (RFC 3442).
    assert_eq!(offer.option(code::CLASSLESS_STATIC_ROUTE), Some(&[32, 169, 254, 169, 254, 0, 0, 0, 0][..]));
    assert_eq!(offer.option(code::INTERFACE_MTU), Some(&1430u16.to_be_bytes()[..]));
    assert_eq!(offer.option(code::DOMAIN_SERVER), None, "not asked for");
    let given = Fact { gateway_given: true, ..fact() };
    assert_eq!(
        asks(&world(given, false, &[ADDRESS]), &asked(&all)).unwrap().0.address(code::ROUTER),
        Some(v4(GATEWAY))
    );
    // With other routes the default one is among them (RFC 3442).
    let routes = vec![("10.2.0.0/16".parse().unwrap(), v4("10.1.0.9"))];
    let offer = asks(&world(Fact { routes, ..fact() }, true, &[ADDRESS]), &asked(&all)).unwrap().0;
    let told = [16, 10, 2, 10, 1, 0, 9, 0, 10, 1, 0, 1];
    assert_eq!(offer.option(code::CLASSLESS_STATIC_ROUTE), Some(&told[..]));
    // To do without IPv4 is told to whom can, and asks (RFC 8925, 3.3).
    let mostly = || world(Fact { ipv6_mostly: true, ..fact() }, true, &[ADDRESS]);
    let offer = asks(&mostly(), &asked(&all)).unwrap().0;
    assert_eq!(offer.option(code::IPV6_ONLY_PREFERRED), Some(&1800u32.to_be_bytes()[..]));
    for silent in [asked(&[code::ROUTER]), message(Dhcp4Kind::Discover, vec![])] {
        assert_eq!(asks(&mostly(), &silent).unwrap().0.option(code::IPV6_ONLY_PREFERRED), None);
    }
    // Nor while what would reach IPv4 for it is dead.
    let mut told = mostly();
    let [_, Change::Advert(key, Some(advert))] = subnet(1) else { unreachable!() };
    let by = Some(topology::AnycastKey(7));
    let pref64 = "64:ff9b::/96".parse().ok();
    told.commit(vec![
        anycast(7, 3, 0b1, true),
        Change::Advert(key, Some(topology::Advert { pref64, pref64_by: by, ..advert })),
    ]);
    for alive in [false, true] {
        told.commit(vec![serves(7, 1, alive)]);
        let offer = asks(&told, &asked(&all)).unwrap().0;
        assert_eq!(offer.option(code::IPV6_ONLY_PREFERRED).is_some(), alive);
    }
    let forever = asks(&world(Fact { lease_s: u32::MAX, ..fact() }, true, &[ADDRESS]), &asked(&all)).unwrap().0;
    assert_eq!(forever.option(code::RENEWAL_TIME), None);
}

#[test]
fn what_is_no_clients_message_gets_no_answer() {
    let world = world(fact(), true, &[ADDRESS]);
    let refused = |message: Dhcp4| asks(&world, &message).unwrap_err();
    assert_eq!(refused(Dhcp4 { giaddr: v4("10.1.0.9"), ..message(Dhcp4Kind::Discover, vec![]) }), "from_a_relay");
    assert_eq!(refused(Dhcp4 { chaddr: port_mac(5), ..message(Dhcp4Kind::Discover, vec![]) }), "foreign_client");
    assert_eq!(refused(message(Dhcp4Kind::Request, vec![wish(ADDRESS), to_server("10.1.0.2")])), "for_another_server");
    assert_eq!(refused(message(Dhcp4Kind::Request, vec![])), "names_no_address");
    assert_eq!(refused(message(Dhcp4Kind::Ack, vec![])), "not_a_clients");
    assert_eq!(refused(Dhcp4 { options: vec![], ..message(Dhcp4Kind::Discover, vec![]) }), "says_no_type");
    let served = World::clone(&world);
    assert!(asks(&served, &message(Dhcp4Kind::Discover, vec![])).is_ok());
    let without = common_world_without_address();
    assert_eq!(asks(&without, &message(Dhcp4Kind::Discover, vec![])).unwrap_err(), "not_served");
    let whole = frame(&message(Dhcp4Kind::Discover, vec![]), MacAddr::BROADCAST, Ipv4Addr::BROADCAST);
    for length in 0..whole.len() {
        let _ = service::answer(&world, &punted(whole[..length].to_vec()), SECRET);
    }
}

fn common_world_without_address() -> World {
    world(fact(), true, &[])
}

#[test]
fn the_switch_punts_what_clients_broadcast_and_what_they_send_to_their_router() {
    let switch = |world: &World| {
        let (engine, delta) = Engine::from_scratch(features::ALL, world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        Switch::desired(&engine, ChassisKey(2))
    };
    let discover = frame(&message(Dhcp4Kind::Discover, vec![]), MacAddr::BROADCAST, Ipv4Addr::BROADCAST);
    let renewing = Dhcp4 { ciaddr: v4(ADDRESS), ..message(Dhcp4Kind::Request, vec![]) };
    let renew = frame(&renewing, features::router::generated_mac(RouterKey(1)), v4(GATEWAY));
    let served = switch(&world(fact(), true, &[ADDRESS]));
    for frame in [&discover, &renew] {
        let trace = served.run(frame, OfPort(HOST), None);
        let ops: Vec<_> = trace
            .punted()
            .map(|out| match &out.fate {
                Fate::Controller { metadata, .. } => op_of(metadata),
                _ => None,
            })
            .collect();
        assert_eq!(ops, [Some(PuntOp::Dhcp4)]);
    }
    let mut unserved = World::default();
    unserved.commit(small(Encap::Geneve));
    assert_eq!(switch(&unserved).run(&discover, OfPort(HOST), None).punted().count(), 0);
}

#[test]
fn what_is_named_goes_before_what_is_told_anyhow() {
    let option = |code: u8, data: &[u8]| DhcpOption { code: code.into(), data: data.into() };
    let of_all = vec![option(code::DOMAIN_SERVER, &[1; 4]), option(67, b"of-all"), option(66, b"tftp")];
    let mut world = world(Fact { options: of_all, next_server: Some(v4("10.1.0.8")), ..fact() }, true, &[ADDRESS]);
    let discover = message(Dhcp4Kind::Discover, vec![]);
    let (offer, _, _) = asks(&world, &discover).unwrap();
    assert_eq!((offer.siaddr, offer.option(67)), (v4("10.1.0.8"), Some(&b"of-all"[..])));
    assert_eq!(offer.address(code::DOMAIN_SERVER), Some(v4("1.1.1.1")));
    let own = DhcpOptions { v4: vec![option(67, b"own")], next_server: Some(v4("10.1.0.9")), ..DhcpOptions::default() };
    world.commit(vec![Change::DhcpOptions(PortKey(HOST), Some(own))]);
    let (offer, _, _) = asks(&world, &discover).unwrap();
    assert_eq!((offer.siaddr, offer.option(67)), (v4("10.1.0.9"), Some(&b"own"[..])));
    assert_eq!(offer.option(66), Some(&b"tftp"[..]));
    let picky = message(Dhcp4Kind::Discover, vec![Dhcp4Option::new(code::PARAMETER_LIST, [66])]);
    let (offer, _, _) = asks(&world, &picky).unwrap();
    assert_eq!((offer.option(66), offer.option(67)), (Some(&b"tftp"[..]), None));
}

#[test]
fn no_client_gets_more_than_it_takes() {
    let options = (0..5).map(|n| DhcpOption { code: 200 + n, data: [7; 100].into() }).collect();
    let world = world(Fact { options, ..fact() }, true, &[ADDRESS]);
    let told = |options: Vec<Dhcp4Option>| {
        let (offer, _, _) = asks(&world, &message(Dhcp4Kind::Discover, options)).unwrap();
        assert!(offer.option(code::ROUTER).is_some() && offer.option(code::ADDRESS_TIME).is_some());
        (200..205).filter(|code| offer.option(*code).is_some()).count()
    };
    assert_eq!(told(vec![]), 2, "576 bytes of an IPv4 packet");
    assert_eq!(told(vec![Dhcp4Option::new(code::MAX_MESSAGE_SIZE, 700u16.to_be_bytes())]), 3);
    assert_eq!(told(vec![Dhcp4Option::new(code::MAX_MESSAGE_SIZE, 1500u16.to_be_bytes())]), 5);
    assert_eq!(told(vec![Dhcp4Option::new(code::MAX_MESSAGE_SIZE, [0, 1])]), 2);
}
