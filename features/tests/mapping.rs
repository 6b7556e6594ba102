//! Addresses outside that stand for ports: who answers for them, and what becomes of what is sent to and from them.

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, OfPort, PrefixPair};
use common::outside::*;
use common::{interface, port, port_mac, subnet};
use features::gateway::choice;
use features::mapping::service;
use features::router::{generated_mac, sends_from};
use flows::eval::{Fate, Trace};
use flows::{Drop, Engine, PuntOp};
use packet::{Frame, Icmpv6Error, Net, addresses, icmpv6_error, neighbor_solicit, quoted_addresses};
use topology::{
    Change, ChassisKey, Encap, Key, PortKey, PrefixMapping, Presence, ResourceId, Snat, Subnet, SubnetKey, View, World,
};

/// Addresses outside for the ports on chassis 2 and 1.
const FLOATING: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x80);
const FLOATING_LOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x81);

fn shown(outside: Ipv6Addr, port: u32, inside: Option<Ipv6Addr>) -> Change {
    let owner = ResourceId { kind: "floating_ip", tenant: "acme".into(), name: format!("f{port}").into() };
    let presence = Presence { owner, router: R, port: Some(PortKey(port)), inside: inside.map(IpAddr::V6) };
    Change::Presence(OUT, outside.into(), Some(presence))
}

fn floating() -> Vec<Change> {
    vec![shown(FLOATING, HERE, Some(v6(HERE))), shown(FLOATING_LOST, LOST, Some(v6(LOST)))]
}

fn with(more: &[Change]) -> topology::World {
    let mut world = world(Encap::Geneve, &floating());
    world.commit(more.to_vec());
    world
}

fn holder(more: &[Change], address: Ipv6Addr) -> Option<u16> {
    let world = with(more);
    choice::answered_by(&View::new(&world), OUT, address.into()).map(|(router, chassis)| {
        assert_eq!(router, R);
        chassis.0
    })
}

#[test]
fn the_ports_chassis_answers_if_it_is_on_the_physical_network_else_a_gateway() {
    assert_eq!(holder(&[], FLOATING), Some(2));
    let gateway = holder(&[], FLOATING_LOST).unwrap();
    assert!([2, 3].contains(&gateway), "{gateway}");
    // When it goes, another one; who loses its cable gives up what it had.
    assert_eq!(holder(&[Change::Lame(ChassisKey(gateway), true)], FLOATING_LOST), Some(5 - gateway));
    assert_eq!(holder(&[Change::Down(ChassisKey(2), OfPort(UPLINK), true)], FLOATING), Some(3));
    assert_eq!(holder(&[Change::Gateway(R, None)], FLOATING), None);
}

#[test]
fn one_chassis_answers_for_it() {
    let world = with(&[]);
    for outside in [FLOATING, FLOATING_LOST] {
        let holder = holder(&[], outside).unwrap();
        for c in [2, 3] {
            let asked = neighbor_solicit(NEXT_MAC, NEXT, outside);
            let trace = switch(&world, c).run(&tagged(&asked), OfPort(UPLINK), None);
            assert_eq!(trace.problems, []);
            if c == holder {
                let (port, _, frame) = left(&trace);
                let mac = sends_from(ChassisKey(c), R);
                assert_eq!((port, on_the_wire(&frame).0, on_the_wire(&frame).1), (UPLINK, NEXT_MAC, mac));
                assert_eq!(frame[58], 136, "an advertisement");
            } else {
                assert!(trace.sent().next().is_none(), "{:?}", trace.outputs);
            }
        }
    }
}

#[test]
fn one_address_more_or_less_is_one_unit_for_each_chassis() {
    let mut world = with(&[]);
    let mut engine = Engine::new(features::ALL);
    engine.update(&world, &world.all_keys());
    let changes = [
        shown(FLOATING, LOST, Some(v6(LOST))),
        Change::Presence(OUT, FLOATING_LOST.into(), None),
        Change::Down(ChassisKey(2), OfPort(UPLINK), true),
        shown(FLOATING_LOST, HERE, None),
    ];
    for change in changes {
        let committed = world.commit(vec![change.clone()]);
        if let Change::Presence(..) = change {
            let of_it = |key: &&Key| matches!(key, Key::PresenceAt(..));
            assert!(committed.changed.iter().filter(of_it).count() <= 3, "{:?}", committed.changed);
            assert!(committed.changed.len() <= 6, "{:?}", committed.changed);
        }
        let delta = engine.update(&world, &committed.changed);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let (fresh, _) = Engine::from_scratch(features::ALL, &world);
        assert!(engine.differences(&fresh).is_empty(), "{change:?}");
    }
}

/// What an untagged frame's addresses are, and that its checksums are right.
#[track_caller]
fn sound(frame: &[u8]) -> (Ipv6Addr, Ipv6Addr) {
    let Some((IpAddr::V6(src), IpAddr::V6(dst))) = addresses(frame) else { panic!("{frame:?}") };
    let Net::Ipv6(ip) = Frame::parse(frame).unwrap().net else { panic!() };
    assert_eq!(packet::checksum_v6(src, dst, ip.next, &ip.payload), 0, "its checksum is wrong");
    (src, dst)
}

fn untagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &frame[16..]].concat()
}

#[test]
fn what_leaves_is_from_the_address_outside_whichever_way_it_goes() {
    let world = with(&[]);
    let (port, tunnel, frame) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
    assert_eq!((port, tunnel), (UPLINK, None), "no tunnel");
    assert_eq!(sound(&untagged(&frame)), (FLOATING, far()));
    // Without a way out it has its address before it goes to the gateway, which leaves that as it is.
    let (port, tunnel, frame) = left(&switch(&world, 1).run(&outward(LOST), OfPort(LOST), None));
    assert_eq!((port, sound(&frame)), (TUNNEL, (FLOATING_LOST, far())));
    let tunnel = tunnel.unwrap();
    let gateway = [2u16, 3].into_iter().find(|c| tunnel.dst == format!("fd00:a::{c}").parse().ok()).unwrap();
    let arrives = flows::eval::Tunnel { id: tunnel.id, src: None, dst: None };
    let (port, _, frame) = left(&switch(&world, gateway).run(&frame, OfPort(TUNNEL), Some(arrives)));
    assert_eq!((port, sound(&untagged(&frame))), (UPLINK, (FLOATING_LOST, far())));
}

#[test]
fn what_comes_in_is_for_the_address_inside() {
    let world = with(&[]);
    let inward = |c: u16, to| {
        let frame = data((NEXT_MAC, far()), (sends_from(ChassisKey(c), R), to), 64);
        switch(&world, c).run(&tagged(&frame), OfPort(UPLINK), None)
    };
    let (port, tunnel, frame) = left(&inward(2, FLOATING));
    assert_eq!((port, tunnel, sound(&frame)), (HERE, None, (far(), v6(HERE))));
    assert_eq!(frame[21], 63, "routed once");
    // By the chassis that had it before, too, while the neighbours do not know better.
    let (port, _, frame) = left(&inward(3, FLOATING));
    assert_eq!((port, sound(&frame)), (TUNNEL, (far(), v6(HERE))));
    let (port, _, frame) = left(&inward(2, FLOATING_LOST));
    assert_eq!((port, sound(&frame)), (TUNNEL, (far(), v6(LOST))));
}

#[test]
fn who_has_an_address_outside_reaches_another_by_his() {
    let world = with(&[]);
    let to_neighbor = data((port_mac(HERE), v6(HERE)), (generated_mac(R), FLOATING_LOST), 64);
    let (port, tunnel, frame) = left(&switch(&world, 2).run(&to_neighbor, OfPort(HERE), None));
    assert_eq!((port, tunnel.and_then(|t| t.dst)), (TUNNEL, "fd00:a::1".parse().ok()), "straight to where it is");
    assert_eq!(sound(&frame), (FLOATING, v6(LOST)));
    // Who has none would be answered from an address that he has not asked.
    let mut world = with(&[Change::Presence(OUT, FLOATING.into(), None)]);
    let trace = switch(&world, 2).run(&to_neighbor, OfPort(HERE), None);
    assert_eq!(trace.dropped(), Some(Some(Drop::NoMapping)));
    // Without any mapping there is no row.
    let rows = Engine::from_scratch(features::ALL, &world).0.desired_count(ChassisKey(3));
    world.commit(vec![Change::Presence(OUT, FLOATING_LOST.into(), None)]);
    let bare = Engine::from_scratch(features::ALL, &self::world(Encap::Geneve, &[])).0.desired_count(ChassisKey(3));
    assert_eq!(Engine::from_scratch(features::ALL, &world).0.desired_count(ChassisKey(3)), bare);
    assert!(rows > bare);
}

/// What becomes of a punted error: the service's answer, run on.
fn resumed(world: &World, c: u16, (in_port, trace): (u32, &Trace)) -> Trace {
    let punt = trace.outputs.iter().find_map(|output| match &output.fate {
        Fate::Controller { metadata, .. } => Some((metadata.clone(), output.frame.clone())),
        _ => None,
    });
    let (metadata, frame) = punt.unwrap();
    let (op, port) = (features::punt::op_of(&metadata).unwrap(), OfPort(in_port));
    let sent = service::quoted(&View::new(world), (ChassisKey(c), port), op, &metadata, frame).unwrap();
    switch(world, c).send(&sent[0].frame, sent[0].in_port, &sent[0].actions)
}

#[test]
fn an_error_is_told_about_the_packet_that_its_receiver_sent() {
    let world = with(&[]);
    let (_, _, sent) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
    let router: Ipv6Addr = "2001:db8:ee::ff".parse().unwrap();
    let error = icmpv6_error(NEXT_MAC, router, Icmpv6Error::PacketTooBig { mtu: 1280 }, &untagged(&sent)).unwrap();
    assert_eq!(sound(&error), (router, FLOATING));
    let trace = switch(&world, 2).run(&tagged(&error), OfPort(UPLINK), None);
    assert_eq!(punted(&trace), Some(PuntOp::QuotedInward));
    let (port, _, frame) = left(&resumed(&world, 2, (UPLINK, &trace)));
    assert_eq!((port, sound(&frame)), (HERE, (router, v6(HERE))));
    assert_eq!(quoted_addresses(&frame), Some((v6(HERE).into(), far().into())));
    // And the other way round: of what came in for it.
    let mac = sends_from(ChassisKey(2), R);
    let came = data((NEXT_MAC, far()), (mac, FLOATING), 64);
    let (_, _, got) = left(&switch(&world, 2).run(&tagged(&came), OfPort(UPLINK), None));
    let unreachable = Icmpv6Error::DestinationUnreachable { code: 4 };
    let error = icmpv6_error(port_mac(HERE), v6(HERE), unreachable, &got).unwrap();
    let trace = switch(&world, 2).run(&error, OfPort(HERE), None);
    assert_eq!(punted(&trace), Some(PuntOp::QuotedOutward));
    let (port, _, frame) = left(&resumed(&world, 2, (HERE, &trace)));
    let frame = untagged(&frame);
    assert_eq!((port, sound(&frame)), (UPLINK, (FLOATING, far())));
    assert_eq!(quoted_addresses(&frame), Some((far().into(), FLOATING.into())));
}

#[test]
fn what_is_too_big_is_told_so_by_the_address_that_it_was_sent_to() {
    let world = with(&[]);
    let mac = sends_from(ChassisKey(2), R);
    let body = vec![7; 1452];
    let big = packet::udp(far(), FLOATING, 5, 6, &body);
    let big = packet::ipv6_frame(NEXT_MAC, mac, far(), FLOATING, 64, 17, &big);
    let trace = switch(&world, 2).run(&tagged(&big), OfPort(UPLINK), None);
    assert_eq!(punted(&trace), Some(PuntOp::TooBig));
    let punt = trace.outputs.iter().find_map(|output| match &output.fate {
        Fate::Controller { metadata, .. } => Some((metadata.clone(), output.frame.clone())),
        _ => None,
    });
    let (metadata, mut frame) = punt.unwrap();
    service::as_sent(&View::new(&world), &metadata, &mut frame);
    assert_eq!(sound(&frame), (far(), FLOATING));
}

/// Router 1's ports are in 2001:db8:1::/64.
fn mapped(internal: &str, external: &str) -> Change {
    let owner = ResourceId { kind: "prefix_mapping", tenant: "acme".into(), name: "out".into() };
    let internal: Ipv6Net = internal.parse().unwrap();
    let pair = PrefixPair::new(internal, external.parse().unwrap()).unwrap();
    Change::PrefixMapping(R, IpNet::V6(internal), Some(PrefixMapping { owner, pair }))
}

#[test]
fn a_prefix_is_another_outside_and_checksums_stay() {
    let near = Ipv6Net::new(v6(HERE), 64).unwrap().trunc();
    let of = |length: u8| Ipv6Net::new(near.network(), length).unwrap().trunc().to_string();
    for (length, external) in
        [(48, "2001:db8:77::/48"), (56, "2001:db8:77:ab00::/56"), (64, "2001:db8:77:1::/64"), (47, "fd00:1:2::/47")]
    {
        let mapping = mapped(&of(length), external);
        let Change::PrefixMapping(_, _, Some(PrefixMapping { pair, .. })) = mapping.clone() else { unreachable!() };
        let mut world = world(Encap::Geneve, &[mapping]);
        let outside = pair.outward(v6(HERE)).unwrap();
        assert!(pair.external().contains(&outside));
        let before = outward(HERE);
        let (port, tunnel, frame) = left(&switch(&world, 2).run(&before, OfPort(HERE), None));
        let frame = untagged(&frame);
        assert_eq!((port, tunnel, sound(&frame)), (UPLINK, None, (outside, far())), "/{length}");
        assert_eq!(frame[60..62], before[60..62], "the UDP checksum is what it was");
        // Back, and from elsewhere.
        let mac = sends_from(ChassisKey(2), R);
        let answer = tagged(&data((NEXT_MAC, far()), (mac, outside), 64));
        let (port, _, frame) = left(&switch(&world, 2).run(&answer, OfPort(UPLINK), None));
        assert_eq!((port, sound(&frame)), (HERE, (far(), v6(HERE))), "/{length}");
        let lost = pair.outward(v6(LOST)).unwrap();
        let answer = tagged(&data((NEXT_MAC, far()), (mac, lost), 64));
        let (port, _, frame) = left(&switch(&world, 2).run(&answer, OfPort(UPLINK), None));
        assert_eq!((port, sound(&frame)), (TUNNEL, (far(), v6(LOST))), "/{length}");
        let (port, _, frame) = left(&switch(&world, 1).run(&outward(LOST), OfPort(LOST), None));
        assert_eq!((port, sound(&frame)), (TUNNEL, (lost, far())), "/{length}");
        // Each other by their addresses outside (RFC 6296, 5).
        let hairpin = data((port_mac(HERE), v6(HERE)), (generated_mac(R), lost), 64);
        let (port, _, frame) = left(&switch(&world, 2).run(&hairpin, OfPort(HERE), None));
        assert_eq!((port, sound(&frame)), (TUNNEL, (outside, v6(LOST))), "/{length}");
        // What a floating IP says goes before.
        world.commit(floating());
        let (_, _, frame) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
        assert_eq!(sound(&untagged(&frame)), (FLOATING, far()), "/{length}");
    }
}

#[test]
fn an_error_that_crosses_a_prefix_mapping_quotes_what_was_sent() {
    let near = Ipv6Net::new(v6(HERE), 48).unwrap().trunc();
    let world = world(Encap::Geneve, &[mapped(&near.to_string(), "2001:db8:77::/48")]);
    let (_, _, sent) = left(&switch(&world, 2).run(&outward(HERE), OfPort(HERE), None));
    let router: Ipv6Addr = "2001:db8:ee::ff".parse().unwrap();
    let error = icmpv6_error(NEXT_MAC, router, Icmpv6Error::PacketTooBig { mtu: 1280 }, &untagged(&sent)).unwrap();
    let trace = switch(&world, 2).run(&tagged(&error), OfPort(UPLINK), None);
    assert_eq!(punted(&trace), Some(PuntOp::QuotedInward));
    let (port, _, frame) = left(&resumed(&world, 2, (UPLINK, &trace)));
    assert_eq!((port, sound(&frame)), (HERE, (router, v6(HERE))));
    assert_eq!(quoted_addresses(&frame), Some((v6(HERE).into(), far().into())));
}

#[test]
fn prefix_mappings_come_and_go_piece_by_piece() {
    let mut world = world(Encap::Geneve, &floating());
    let mut engine = Engine::new(features::ALL);
    engine.update(&world, &world.all_keys());
    let near = |length: u8| Ipv6Net::new(v6(HERE), length).unwrap().trunc().to_string();
    let gone = |length: u8| Change::PrefixMapping(R, near(length).parse().unwrap(), None);
    let changes = [
        mapped(&near(48), "2001:db8:77::/48"),
        mapped(&near(48), "2001:db8:78::/48"),
        mapped(&near(64), "2001:db8:79:1::/64"),
        gone(48),
        Change::Presence(OUT, FLOATING.into(), None),
        Change::Presence(OUT, FLOATING_LOST.into(), None),
        gone(64),
    ];
    for change in changes {
        let committed = world.commit(vec![change.clone()]);
        let delta = engine.update(&world, &committed.changed);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]), "{change:?}");
        let (fresh, _) = Engine::from_scratch(features::ALL, &world);
        assert!(engine.differences(&fresh).is_empty(), "{change:?}");
    }
}

const V4: SubnetKey = SubnetKey(21);
const ROUTER4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const FLOATING4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
const FAR4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

fn v4(p: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 0, p as u8)
}

/// Router 1 has IPv4 too, and gives what leaves over it an address of its own; the port on chassis 2 has a floating one.
fn translating() -> World {
    let [Change::Subnet(_, Some(fact)), ..] = subnet(1) else { unreachable!() };
    let Change::Interface(_, _, Some(own)) = interface(1, 1, generated_mac(R)) else { unreachable!() };
    let mut changes = vec![
        Change::Subnet(V4, Some(Subnet { cidr: "10.1.0.0/24".parse().unwrap(), ..fact.clone() })),
        Change::Subnet(SubnetKey(29), Some(Subnet { network: OUT, cidr: "203.0.113.0/24".parse().unwrap(), ..fact })),
        Change::Interface(R, V4, Some(topology::Interface { address: Ipv4Addr::new(10, 1, 0, 1).into(), ..own })),
    ];
    for p in [HERE, LOST, HERE + 4] {
        let Change::Port(key, Some(mut fact)) = port(p, 1) else { unreachable!() };
        fact.addresses.push(v4(p).into());
        changes.push(Change::Port(key, Some(fact)));
    }
    let owner = ResourceId { kind: "floating_ip", tenant: "acme".into(), name: "f4".into() };
    let presence = Presence { owner, router: R, port: Some(PortKey(HERE)), inside: Some(v4(HERE).into()) };
    changes.push(Change::Presence(OUT, FLOATING4.into(), Some(presence)));
    let hop: IpAddr = Ipv4Addr::new(203, 0, 113, 1).into();
    let mut world = world(Encap::Geneve, &changes);
    let gateway = world.gateway(R).unwrap().clone();
    let snat = Some(Snat { address: ROUTER4, zone: 0xff00 });
    let mut addresses = gateway.addresses.clone();
    addresses.push(ROUTER4.into());
    let gateway = topology::ExternalGateway { snat, addresses, nexthops: vec![NEXT.into(), hop], ..gateway };
    let found = [2, 3].map(|c| Change::Neighbor(OUT, ChassisKey(c), hop, Some(NEXT_MAC)));
    world.commit([vec![Change::Gateway(R, Some(gateway))], found.to_vec()].concat());
    world
}

fn data4(from: (addr::MacAddr, Ipv4Addr), to: (addr::MacAddr, Ipv4Addr)) -> Vec<u8> {
    packet::ipv4_frame(from.0, to.0, from.1, to.1, 64, 17, &packet::udp_v4(from.1, to.1, 5, 6, b"x")).to_vec()
}

#[test]
fn one_chassis_remembers_what_leaves_over_ipv4_and_floating_ips_go_before() {
    let world = translating();
    let remembers = choice::remembers(&View::new(&world), R).unwrap().0;
    let other = 5 - remembers;
    let outward4 = |p: u32| data4((port_mac(p), v4(p)), (generated_mac(R), FAR4));
    // From a chassis without a way out, and from one that has one and does not remember: one hop to the one that does.
    let (port, tunnel, frame) = left(&switch(&world, 1).run(&outward4(LOST), OfPort(LOST), None));
    assert_eq!((port, tunnel.and_then(|t| t.dst)), (TUNNEL, format!("fd00:a::{remembers}").parse().ok()));
    assert_eq!(addresses(&frame), Some((v4(LOST).into(), FAR4.into())), "as it was sent");
    let arrives = flows::eval::Tunnel { id: tunnel.unwrap().id, src: None, dst: None };
    let trace = switch(&world, remembers).run(&frame, OfPort(TUNNEL), Some(arrives));
    assert_eq!(trace.problems, []);
    let (port, _, frame) = left(&trace);
    let frame = untagged(&frame);
    assert_eq!((port, addresses(&frame), frame[22]), (UPLINK, Some((ROUTER4.into(), FAR4.into())), 63));
    assert_eq!(trace.commits.len(), 1, "its connection is kept");
    // A floating IP leaves where it is, and no other chassis gives it another source.
    let (port, tunnel, frame) = left(&switch(&world, 2).run(&outward4(HERE), OfPort(HERE), None));
    assert_eq!((port, tunnel, addresses(&untagged(&frame))), (UPLINK, None, Some((FLOATING4.into(), FAR4.into()))));
    let floated = data4((generated_mac(R), FLOATING4), (generated_mac(R), FAR4));
    let (_, _, frame) = left(&switch(&world, remembers).run(&floated, OfPort(TUNNEL), Some(arrives)));
    assert_eq!(addresses(&untagged(&frame)), Some((FLOATING4.into(), FAR4.into())));
    // Only the one that remembers asks whose an answer is; what is for the router itself is for it.
    let echo = packet::Icmpv4::EchoRequest { id: 1, seq: 1, data: vec![0; 8].into() };
    let mac = sends_from(ChassisKey(remembers), R);
    let asked = packet::icmpv4_frame(NEXT_MAC, mac, FAR4, ROUTER4, 64, &echo).to_vec();
    let (port, _, frame) = left(&switch(&world, remembers).run(&tagged(&asked), OfPort(UPLINK), None));
    assert_eq!((port, addresses(&untagged(&frame))), (UPLINK, Some((ROUTER4.into(), FAR4.into()))));
    let (fresh, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    assert!(fresh.desired_count(ChassisKey(other)) > 0);
}
