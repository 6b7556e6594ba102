//! Anycast services in the compiled pipeline: which instance gets a packet, who answers for the address, and what may be said of it.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use addr::{MacAddr, OfPort, multicast_mac, solicited_node};
use common::*;
use features::anycast::probe::{Answer, Probe};
use features::punt::Punted;
use features::router::{anycast_mac, prober_mac};
use flows::eval::{Fate, Output, Switch, Trace};
use flows::{Drop, Engine, PuntOp};
use packet::{Frame, Icmpv6, NdOption, Net, Tcp, icmpv6_frame, ipv6_frame, protocol, tcp};
use topology::{Anycast, AnycastKey, Change, ChassisKey, Check, Encap, NetworkKey, PortKey, View, World};

/// Ports of network 1: 4 on chassis 2, 8 on chassis 3, 12 on chassis 1, and 13, 14 beside the first.
const ASKER: u32 = 13;
const HERE: u32 = 4;
const FAR: [u32; 2] = [8, 12];
const ROUTED: u32 = 6;

fn world(alive: &[u32], check: Check) -> World {
    let mut changes = small(Encap::Geneve);
    changes.extend([port(ASKER, 1), bind(ASKER, 2), policy(ASKER, true), plug(2, "vm13", Some(ASKER))]);
    let Change::Anycast(key, Some(service)) = anycast(1, 1, 1 << 3 | 1 << 7 | 1 << 11, true) else { unreachable!() };
    let health = topology::Health { check, ..service.health };
    changes.push(Change::Anycast(key, Some(Anycast { health, ..service })));
    changes.extend(alive.iter().map(|p| serves(1, *p, true)));
    let mut world = World::default();
    world.commit(changes);
    world
}

fn switch(world: &World, chassis: u16) -> Switch {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(chassis))
}

fn address() -> Ipv6Addr {
    let Change::Anycast(_, Some(Anycast { address: IpAddr::V6(address), .. })) = anycast(1, 1, 0, true) else {
        panic!()
    };
    address
}

fn own(p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(1, p) else { panic!() };
    address
}

fn mac() -> MacAddr {
    anycast_mac(AnycastKey(1))
}

fn segment(from: u32, sport: u16) -> Vec<u8> {
    let syn = Tcp { sport, dport: 53, flags: Tcp::SYN, ..Tcp::default() };
    let (src, dst) = (own(from), address());
    ipv6_frame(port_mac(from), mac(), src, dst, 64, protocol::TCP, &tcp(src, dst, &syn)).to_vec()
}

fn solicit(to: MacAddr, dst: Ipv6Addr, from: u32, src: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let options = vec![NdOption::SourceLinkLayer(port_mac(from))];
    icmpv6_frame(port_mac(from), to, src, dst, 255, &Icmpv6::NeighborSolicit { target, options }).to_vec()
}

/// The Ethernet destinations of what left, and out of which ports.
fn went(trace: &Trace) -> Vec<(u32, MacAddr)> {
    trace.sent().map(|(port, output)| (port.0, MacAddr(output.frame[..6].try_into().unwrap()))).collect()
}

#[test]
fn the_nearest_instance_first_then_one_of_the_others() {
    let world_ = world(&[4, 8, 12], Check::Neighbor);
    let near = switch(&world_, 2).run(&segment(ASKER, 1000), OfPort(ASKER), None);
    assert_eq!((went(&near), near.alternatives), (vec![(HERE, port_mac(HERE))], false), "on its own chassis");
    assert_eq!(near.problems, []);
    let two = world(&[8, 12], Check::Neighbor);
    let far = switch(&two, 2).run(&segment(ASKER, 1000), OfPort(ASKER), None);
    assert!(far.alternatives, "one of two: {far:#?}");
    let mut to: Vec<MacAddr> = went(&far).into_iter().map(|(_, mac)| mac).collect();
    to.sort_unstable();
    assert_eq!(to, FAR.map(port_mac));
    assert!(went(&far).iter().all(|(port, _)| *port == 100), "by the fabric");
    let one = world(&[12], Check::Neighbor);
    let only = switch(&one, 2).run(&segment(ASKER, 1000), OfPort(ASKER), None);
    assert_eq!((went(&only), only.alternatives), (vec![(100, port_mac(12))], false));
    // From another network, by the router.
    let IpAddr::V6(source) = port_address(3, ROUTED) else { panic!() };
    let router = features::router::generated_mac(topology::RouterKey(1));
    let udp = packet::udp(source, address(), 1, 53, b"x");
    let frame = ipv6_frame(port_mac(ROUTED), router, source, address(), 64, protocol::UDP, &udp);
    let routed = switch(&world_, 2).run(&frame, OfPort(ROUTED), None);
    assert_eq!(went(&routed), [(HERE, port_mac(HERE))]);
}

#[test]
fn the_network_answers_for_the_service_and_overrides_nothing() {
    let switch = switch(&world(&[8], Check::Neighbor), 2);
    let group = solicited_node(address());
    for (what, frame, port) in [
        ("whoever asks", solicit(multicast_mac(group), group, ASKER, own(ASKER), address()), ASKER),
        ("who makes sure", solicit(mac(), address(), ASKER, own(ASKER), address()), ASKER),
    ] {
        let trace = switch.run(&frame, OfPort(port), None);
        let sent: Vec<_> = trace.sent().collect();
        let [(back, Output { frame, .. })] = sent[..] else { panic!("{what}: {trace:#?}") };
        assert_eq!(back.0, port, "{what}");
        let Net::Ipv6(ip) = Frame::parse(frame).unwrap().net else { panic!() };
        let Ok(Some(Icmpv6::NeighborAdvert { router, solicited, override_, target, options })) = ip.icmpv6() else {
            panic!("{what}: {ip:?}")
        };
        assert_eq!((router, solicited, override_, target), (false, true, false, address()), "{what}");
        assert_eq!(options, [NdOption::TargetLinkLayer(mac())], "{what}");
    }
    // An instance that asks from the address is answered by the network too: the one asked would learn the instance's MAC.
    let asks = solicit(port_mac(ASKER), own(ASKER), HERE, address(), own(ASKER));
    let trace = switch.run(&asks, OfPort(HERE), None);
    assert_eq!(went(&trace), [(HERE, port_mac(HERE))], "{trace:#?}");
}

#[test]
fn instances_alone_send_from_the_address_and_say_nothing_of_it() {
    let switch = switch(&world(&[4], Check::Neighbor), 2);
    let from = |p: u32| {
        let udp = packet::udp(address(), own(8), 53, 1, b"x");
        ipv6_frame(port_mac(p), port_mac(8), address(), own(8), 64, protocol::UDP, &udp)
    };
    assert_eq!(went(&switch.run(&from(HERE), OfPort(HERE), None)).len(), 1);
    let stranger = switch.run(&from(ASKER), OfPort(ASKER), None);
    assert_eq!(stranger.dropped().flatten(), Some(Drop::SpoofedSource));
    let advert = Icmpv6::NeighborAdvert {
        router: false,
        solicited: true,
        override_: true,
        target: address(),
        options: vec![NdOption::TargetLinkLayer(port_mac(HERE))],
    };
    let advert = icmpv6_frame(port_mac(HERE), port_mac(ASKER), own(HERE), own(ASKER), 255, &advert);
    assert_eq!(switch.run(&advert, OfPort(HERE), None).dropped().flatten(), Some(Drop::UnsolicitedAdvert));
}

#[test]
fn with_nobody_alive_senders_hear_so() {
    let world = world(&[], Check::Neighbor);
    let switch = switch(&world, 2);
    let group = solicited_node(address());
    let asks = solicit(multicast_mac(group), group, ASKER, own(ASKER), address());
    assert_eq!(switch.run(&asks, OfPort(ASKER), None).dropped().flatten(), Some(Drop::UnknownTarget));
    let trace = switch.run(&segment(ASKER, 1000), OfPort(ASKER), None);
    let punts: Vec<_> = trace.punted().collect();
    let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame, .. }] = punts[..] else {
        panic!("{trace:#?}")
    };
    let view = View::new(&world);
    let now = features::Millis(0);
    let punted = Punted::read(&view, ChassisKey(2), OfPort(ASKER), userdata, metadata, frame.clone(), now).unwrap();
    assert_eq!(punted.op, PuntOp::Unreachable);
    let answer = features::icmp::service::error(&world, &punted).unwrap();
    let Net::Ipv6(ip) = Frame::parse(&answer[0].frame).unwrap().net else { panic!() };
    assert!(matches!(ip.icmpv6(), Ok(Some(Icmpv6::DestinationUnreachable { code: 3, .. }))), "{ip:?}");
    assert_eq!(ip.dst, own(ASKER));
}

/// What an instance is sent, and what is made of what it answers.
struct Dialogue {
    world: World,
    probe: Probe,
    asked: Vec<u8>,
}

impl Dialogue {
    fn begin(check: Check) -> Dialogue {
        let world = world(&[4], check);
        let probe = Probe { number: 0x1_2345 };
        let view = View::new(&world);
        let service = view.anycast(AnycastKey(1)).unwrap();
        let packets = probe.question(&view, service, PortKey(HERE));
        assert!(packets.iter().all(|packet| packet.chassis == ChassisKey(2)));
        let asked = packets[0].frame.clone();
        Dialogue { world, probe, asked }
    }

    fn answers(&self, frame: &[u8]) -> (Result<Answer, &'static str>, Vec<Vec<u8>>) {
        let trace = switch(&self.world, 2).run(frame, OfPort(HERE), None);
        let punts: Vec<_> = trace.punted().collect();
        let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame, .. }] = punts[..] else {
            panic!("{trace:#?}")
        };
        let view = View::new(&self.world);
        let now = features::Millis(0);
        let punted = Punted::read(&view, ChassisKey(2), OfPort(HERE), userdata, metadata, frame.clone(), now).unwrap();
        assert_eq!((punted.op, punted.network), (PuntOp::Health, NetworkKey(1)));
        match self.probe.heard(&view, view.anycast(AnycastKey(1)).unwrap(), &punted) {
            Ok((answer, packets)) => (Ok(answer), packets.into_iter().map(|packet| packet.frame).collect()),
            Err(reason) => (Err(reason), Vec::new()),
        }
    }

    /// The segment that was sent, and one that answers it.
    fn tcp(&self, flags: u8, more: u32, payload: &[u8]) -> (Tcp, Vec<u8>) {
        let (src, dst, syn) = read(&self.asked);
        let answer = Tcp {
            sport: syn.dport,
            dport: syn.sport,
            seq: 7_000,
            ack: syn.seq.wrapping_add(more),
            flags,
            payload: payload.to_vec().into(),
            ..Tcp::default()
        };
        let frame =
            ipv6_frame(port_mac(HERE), prober_mac(NetworkKey(1)), dst, src, 64, protocol::TCP, &tcp(dst, src, &answer));
        (syn, frame.to_vec())
    }
}

fn read(frame: &[u8]) -> (Ipv6Addr, Ipv6Addr, Tcp) {
    let Net::Ipv6(ip) = Frame::parse(frame).unwrap().net else { panic!() };
    (ip.src, ip.dst, Tcp::parse(&ip.payload).unwrap())
}

#[test]
fn a_port_is_asked_by_half_a_connection() {
    let dialogue = Dialogue::begin(Check::Tcp(53));
    let (syn, accepts) = dialogue.tcp(Tcp::SYN | Tcp::ACK, 1, b"");
    assert_eq!((syn.dport, syn.flags), (53, Tcp::SYN));
    let (answer, packets) = dialogue.answers(&accepts);
    assert_eq!(answer, Ok(Answer::Alive));
    let (_, dst, reset) = read(&packets[0]);
    assert_eq!((dst, reset.flags, reset.seq), (address(), Tcp::RST, syn.seq.wrapping_add(1)));
    let (_, refuses) = dialogue.tcp(Tcp::RST | Tcp::ACK, 1, b"");
    assert_eq!(dialogue.answers(&refuses), (Ok(Answer::Dead("connection refused".to_owned())), vec![]));
    // To an earlier probe: the instance is told, and nothing follows from it.
    let earlier = Dialogue { probe: Probe { number: 0x1_2346 }, ..Dialogue::begin(Check::Tcp(53)) };
    let (answer, packets) = earlier.answers(&accepts);
    assert_eq!((answer, packets.len()), (Ok(Answer::Stale), 1));
}

#[test]
fn a_web_server_is_asked_for_a_page() {
    let dialogue = Dialogue::begin(Check::Http(80, "/up".into()));
    let (syn, accepts) = dialogue.tcp(Tcp::SYN | Tcp::ACK, 1, b"");
    let (answer, packets) = dialogue.answers(&accepts);
    assert_eq!(answer, Ok(Answer::More));
    let (_, _, request) = read(&packets[0]);
    assert_eq!((request.seq, request.ack), (syn.seq.wrapping_add(1), 7_001));
    assert!(request.payload.starts_with(b"GET /up HTTP/1.1\r\nHost: ["), "{:?}", request.payload);
    for (text, expected) in [
        ("HTTP/1.0 200 OK\r\n\r\nns1", Answer::Alive),
        ("HTTP/1.1 302 Found\r\n", Answer::Alive),
        ("HTTP/1.1 503 Service Unavailable\r\n", Answer::Dead("HTTP status 503".to_owned())),
        ("220 mail ESMTP\r\n", Answer::Dead("no HTTP".to_owned())),
    ] {
        let (_, says) = dialogue.tcp(0x18, 100, text.as_bytes());
        let (answer, packets) = dialogue.answers(&says);
        assert_eq!((answer, packets.len()), (Ok(expected), 1), "{text}");
    }
    let (_, taken) = dialogue.tcp(Tcp::ACK, 100, b"");
    assert_eq!(dialogue.answers(&taken), (Ok(Answer::More), vec![]));
    let (_, hangs_up) = dialogue.tcp(Tcp::ACK | Tcp::FIN, 100, b"");
    assert_eq!(dialogue.answers(&hangs_up).0, Ok(Answer::Dead("no HTTP".to_owned())));
}

#[test]
fn echo_and_neighbours_are_asked_too() {
    let dialogue = Dialogue::begin(Check::Echo);
    let Net::Ipv6(ip) = Frame::parse(&dialogue.asked).unwrap().net else { panic!() };
    let Ok(Some(Icmpv6::EchoRequest { id, seq, data })) = ip.icmpv6() else { panic!("{ip:?}") };
    let prober = prober_mac(NetworkKey(1));
    let reply = |id| {
        let message = Icmpv6::EchoReply { id, seq, data: data.clone() };
        icmpv6_frame(port_mac(HERE), prober, address(), ip.src, 64, &message).to_vec()
    };
    assert_eq!(dialogue.answers(&reply(id)), (Ok(Answer::Alive), vec![]));
    assert_eq!(dialogue.answers(&reply(id ^ 1)), (Ok(Answer::Stale), vec![]));
    let dialogue = Dialogue::begin(Check::Neighbor);
    let Net::Ipv6(ip) = Frame::parse(&dialogue.asked).unwrap().net else { panic!() };
    let Ok(Some(Icmpv6::NeighborSolicit { target, .. })) = ip.icmpv6() else { panic!("{ip:?}") };
    let message = Icmpv6::NeighborAdvert { router: false, solicited: true, override_: true, target, options: vec![] };
    let advert = icmpv6_frame(port_mac(HERE), prober, target, ip.src, 255, &message);
    assert_eq!(dialogue.answers(&advert), (Ok(Answer::Alive), vec![]));
}

/// One port may serve several addresses, each asked in its own way: what answers one question says nothing of the others.
#[test]
fn what_answers_another_services_question_counts_for_none() {
    let prober = prober_mac(NetworkKey(1));
    let arp = packet::Arp {
        op: packet::OP_REPLY,
        sha: port_mac(HERE),
        spa: std::net::Ipv4Addr::new(10, 0, 0, 4),
        tha: prober,
        tpa: std::net::Ipv4Addr::UNSPECIFIED,
    };
    let arp = packet::arp_frame(port_mac(HERE), prober, &arp);
    let target = own(HERE);
    let advert = Icmpv6::NeighborAdvert { router: false, solicited: true, override_: true, target, options: vec![] };
    for check in [Check::Echo, Check::Tcp(53), Check::Http(80, "/".into()), Check::Neighbor] {
        let dialogue = Dialogue::begin(check.clone());
        let Net::Ipv6(asked) = Frame::parse(&dialogue.asked).unwrap().net else { panic!() };
        assert_eq!(dialogue.answers(&arp).0, Err("not_asked"), "{check:?}");
        if check == Check::Neighbor {
            continue;
        }
        let advert = icmpv6_frame(port_mac(HERE), prober, target, asked.src, 255, &advert);
        assert_eq!(dialogue.answers(&advert).0, Err("not_asked"), "{check:?}");
        // An error about this probe, and the same one about a probe of another service or before this.
        let invoking = dialogue.asked[14..].to_vec();
        let number = if check == Check::Echo { 45 } else { 41 };
        for (at, expected) in [(None, true), (Some(39), false), (Some(number), false)] {
            let mut invoking = invoking.clone();
            at.into_iter().for_each(|at: usize| invoking[at] ^= 1);
            let error = Icmpv6::DestinationUnreachable { code: 1, invoking: invoking.into() };
            let frame = icmpv6_frame(port_mac(HERE), prober, address(), asked.src, 64, &error);
            let dead = matches!(dialogue.answers(&frame).0, Ok(Answer::Dead(_)));
            assert_eq!(dead, expected, "{check:?} {at:?}");
        }
    }
}
