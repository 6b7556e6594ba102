//! What the compiled pipeline does to packets, run in memory: answers, routes, drops by name; and that tenants never meet.

mod common;

#[path = "common/dice.rs"]
mod dice;
#[path = "common/frames.rs"]
mod frames;
#[path = "common/packets.rs"]
mod packets;
#[path = "common/scene.rs"]
mod scene;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use addr::{MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use dice::Dice;
use features::punt::Punted;
use flows::eval::{Fate, Output, Problem, Switch, Trace, Tunnel};
use flows::{Drop, Engine, Item, PuntOp, Table};
use ofp::Field;
use packet::{Frame, Icmpv6, Ipv6Packet, NdOption, icmpv6_frame, protocol};
use packets::{PORTS, UPLINK, chassis_of, from_port, network_of, ports_on, site};
use proptest::prelude::*;
use scene::Scene;
use topology::{ChassisKey, Encap, PortKey, RouterKey, View, World};

struct Site {
    world: World,
    switches: Vec<Switch>,
    encap: Encap,
}

/// A frame that reached a port: on which chassis, which port, and the frame.
#[derive(Debug, Clone, PartialEq)]
struct Delivered {
    chassis: u16,
    port: u32,
    frame: Vec<u8>,
}

impl Site {
    fn new(encap: Encap) -> Site {
        let mut world = World::default();
        world.commit(site(encap));
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        let switches = (1..=3).map(|c| Switch::desired(&engine, ChassisKey(c))).collect();
        Site { world, switches, encap }
    }

    fn at(&self, chassis: u16) -> &Switch {
        &self.switches[usize::from(chassis) - 1]
    }

    /// A port sends a frame: what its own chassis does.
    fn sends(&self, p: u32, frame: &[u8]) -> Trace {
        self.at(chassis_of(p)).run(frame, OfPort(p), None)
    }

    /// What leaves a chassis by the fabric, as the others receive it.
    fn carried(&self, from: u16, output: &Output) -> Vec<(u16, Trace)> {
        let arrives = |to: u16, tunnel| (to, self.at(to).run(&output.frame, UPLINK, tunnel));
        let end = |n: u16| -> IpAddr { format!("fd00:a::{n}").parse().unwrap() };
        if self.encap == Encap::Vlan {
            return (1..=3).filter(|to| *to != from).map(|to| arrives(to, None)).collect();
        }
        let tunnel = output.tunnel.expect("what leaves by the tunnel port has a tunnel");
        let to = (1..=3).find(|to| Some(end(*to)) == tunnel.dst).expect("to a chassis of ours");
        vec![arrives(to, Some(Tunnel { src: Some(end(from)), ..tunnel }))]
    }

    /// A port sends a frame: every port that gets one, on any chassis.
    fn delivers(&self, p: u32, frame: &[u8]) -> Vec<Delivered> {
        let from = chassis_of(p);
        let mut delivered = Vec::new();
        for (port, output) in self.sends(p, frame).sent() {
            if port != UPLINK {
                delivered.push(Delivered { chassis: from, port: port.0, frame: output.frame.clone() });
                continue;
            }
            for (chassis, trace) in self.carried(from, output) {
                for (port, output) in trace.sent() {
                    assert_ne!(port, UPLINK, "what came from the fabric does not return to it");
                    delivered.push(Delivered { chassis, port: port.0, frame: output.frame.clone() });
                }
            }
        }
        delivered
    }
}

fn v6(p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(network_of(p), p) else { unreachable!() };
    address
}

fn router_mac(r: u32) -> MacAddr {
    features::router::generated_mac(RouterKey(r))
}

fn echo(from: u32, mac: MacAddr, dst: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let message = Icmpv6::EchoRequest { id: 1, seq: 2, data: b"abcdefgh"[..].into() };
    icmpv6_frame(port_mac(from), mac, v6(from), dst, hop_limit, &message).to_vec()
}

/// The only frame that left, and its message: read by the careful decoder, so checksums are right.
fn answer(trace: &Trace) -> (OfPort, packet::Ethernet, Ipv6Packet, Icmpv6) {
    let sent: Vec<_> = trace.sent().collect();
    let [(port, output)] = sent[..] else { panic!("{trace:#?}") };
    let frame = Frame::parse(&output.frame).unwrap();
    let message = frame.icmpv6().unwrap().unwrap();
    let ip = frame.ipv6().unwrap().clone();
    (port, frame.ethernet, ip, message)
}

#[test]
fn solicitations_are_answered_with_the_right_advertisement() {
    let site = Site::new(Encap::Geneve);
    let nonce = NdOption::Nonce(vec![1, 2, 3, 4, 5, 6].into());
    // Port 4 asks for port 8 (same network, another chassis), for its own router by three addresses.
    let router: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let targets = [
        (v6(8), port_mac(8), false),
        (router, router_mac(1), true),
        (link_local(router_mac(1)), router_mac(1), true),
        ("fe80::1".parse().unwrap(), router_mac(1), true),
    ];
    for (target, mac, is_router) in targets {
        let (asker, own) = (v6(4), port_mac(4));
        let group = solicited_node(target);
        let usual = vec![NdOption::SourceLinkLayer(own)];
        for options in [usual.clone(), [usual, vec![nonce.clone()]].concat()] {
            let message = Icmpv6::NeighborSolicit { target, options };
            let frame = icmpv6_frame(own, multicast_mac(group), asker, group, 255, &message);
            let trace = site.sends(4, &frame);
            let (port, ethernet, ip, message) = answer(&trace);
            assert_eq!((port, ethernet.src, ethernet.dst), (OfPort(4), mac, own), "{target}");
            assert_eq!((ip.src, ip.dst, ip.hop_limit), (target, asker, 255));
            let Icmpv6::NeighborAdvert { router, solicited: s, override_, target: t, options } = message else {
                panic!()
            };
            assert_eq!((router, s, override_, t), (is_router, true, true, target));
            assert_eq!(options[0], NdOption::TargetLinkLayer(mac));
            assert_eq!(trace.problems, []);
        }
    }
}

#[test]
fn what_does_not_begin_with_the_sender_s_mac_is_punted_and_a_second_one_is_no_question() {
    let site = Site::new(Encap::Geneve);
    let ask = |options| {
        let message = Icmpv6::NeighborSolicit { target: v6(8), options };
        let group = solicited_node(v6(8));
        site.sends(4, &icmpv6_frame(port_mac(4), multicast_mac(group), v6(4), group, 255, &message))
    };
    assert_eq!(punted(&site, 4, &ask(vec![])).op, PuntOp::NeighborSolicit);
    // A probe with a nonce; and no option at all behind a header as long as one: the switch would write beyond its end.
    let group = solicited_node(v6(8));
    let nonce = vec![NdOption::Nonce(vec![1, 2, 3, 4, 5, 6].into())];
    let probe = Icmpv6::NeighborSolicit { target: v6(8), options: nonce };
    let probe = icmpv6_frame(port_mac(4), multicast_mac(group), Ipv6Addr::UNSPECIFIED, group, 255, &probe);
    let bare = Icmpv6::NeighborSolicit { target: v6(8), options: vec![] }.emit(v6(4), group);
    let mut bare = Ipv6Packet::new(v6(4), group, 255, 58, bare);
    bare.extensions.push(packet::Extension::hop_by_hop(&[1, 4, 0, 0, 0, 0]));
    let ethernet = packet::Ethernet::untagged(port_mac(4), multicast_mac(group), packet::ETHERTYPE_IPV6);
    for frame in [probe, ethernet.emit(&bare.emit())] {
        let trace = site.sends(4, &frame);
        assert_eq!((punted(&site, 4, &trace).op, &trace.problems[..]), (PuntOp::NeighborSolicit, &[][..]));
    }
    let twice = vec![NdOption::SourceLinkLayer(port_mac(4)); 2];
    assert_eq!(ask(twice).dropped(), Some(Some(Drop::MalformedNd)));
}

/// The punt as the controller reads it.
fn punted(site: &Site, p: u32, trace: &Trace) -> Punted {
    let punts: Vec<_> = trace.punted().collect();
    let [Output { fate: Fate::Controller { userdata, metadata, meter, .. }, frame, .. }] = punts[..] else {
        panic!("{trace:#?}")
    };
    assert!(meter.is_some(), "what a port punts is metered");
    let view = View::new(&site.world);
    Punted::read(&view, ChassisKey(chassis_of(p)), OfPort(p), userdata, metadata, frame.clone(), features::Millis(0))
        .unwrap()
}

#[test]
fn a_ping_crosses_chassis_by_every_encapsulation() {
    for encap in [Encap::Geneve, Encap::Vxlan, Encap::Gre, Encap::Vlan] {
        let site = Site::new(encap);
        let direct = echo(4, port_mac(8), v6(8), 64);
        assert_eq!(site.delivers(4, &direct), [Delivered { chassis: 3, port: 8, frame: direct.clone() }], "{encap:?}");
        // Routed: port 4 on network 1, port 10 on network 3, by router 1.
        let routed = site.delivers(4, &echo(4, router_mac(1), v6(10), 64));
        let [Delivered { chassis: 3, port: 10, frame }] = &routed[..] else { panic!("{encap:?}: {routed:?}") };
        let got = Frame::parse(frame).unwrap();
        assert_eq!((got.ethernet.src, got.ethernet.dst), (router_mac(1), port_mac(10)), "{encap:?}");
        assert!(got.ethernet.vlans.is_empty());
        assert_eq!(got.ipv6().unwrap().hop_limit, 63);
        assert!(got.icmpv6().unwrap().is_some(), "the checksum holds");
    }
}

#[test]
fn a_packet_is_routed_on_one_chassis_without_the_fabric() {
    let site = Site::new(Encap::Geneve);
    // Ports 4 and 6 are on chassis 2, networks 1 and 3.
    let trace = site.sends(4, &echo(4, router_mac(1), v6(6), 64));
    let (port, ethernet, ip, _) = answer(&trace);
    assert_eq!((port, ethernet.dst, ip.hop_limit), (OfPort(6), port_mac(6), 63));
    let tables: Vec<_> = trace.steps.iter().filter_map(|step| step.table).collect();
    use Table::*;
    assert_eq!(tables, [Classify, Guard, Admit, Nd, Egress, Gateway, RouterIn, Route, Mtu, MtuVerdict, Neighbor, Out]);
    assert!(trace.steps.iter().all(|step| step.unit.is_some()), "every step says whose it is");
    assert!(trace.steps[7].changes.contains(&(Field::NW_TTL, 63)));
}

#[test]
fn a_router_answers_an_echo_from_the_address_that_was_asked() {
    let site = Site::new(Encap::Geneve);
    for address in ["2001:db8::1", "2001:db8::", "fe80::1", "2001:db8:1::1"] {
        let address: Ipv6Addr = address.parse().unwrap();
        let (port, ethernet, ip, message) = answer(&site.sends(4, &echo(4, router_mac(1), address, 64)));
        assert_eq!((port, ethernet.dst, ip.src, ip.dst), (OfPort(4), port_mac(4), address, v6(4)));
        assert!(matches!(message, Icmpv6::EchoReply { id: 1, seq: 2, .. }), "{message:?}");
    }
}

#[test]
fn what_deserves_an_error_is_punted_by_name() {
    let site = Site::new(Encap::Geneve);
    let nobody: Ipv6Addr = "2001:db8:1::99".parse().unwrap();
    let nowhere: Ipv6Addr = "2001:db8:ff::1".parse().unwrap();
    for (dst, hop_limit, op, network) in [
        (v6(10), 1, PuntOp::HopLimit, 1),
        (v6(10), 0, PuntOp::HopLimit, 1),
        (nobody, 64, PuntOp::Unreachable, 3),
        (nowhere, 64, PuntOp::NoRoute, 1),
        // Two routers send it to each other until its hop limit ends.
        ("2001:db8:ee::1".parse().unwrap(), 40, PuntOp::HopLimit, 1),
    ] {
        let punted = punted(&site, 4, &site.sends(4, &echo(4, router_mac(1), dst, hop_limit)));
        assert_eq!((punted.op, punted.network.0, punted.port), (op, network, PortKey(4)), "{dst}");
    }
    let large = Icmpv6::EchoRequest { id: 1, seq: 1, data: vec![0; 1233].into() };
    let frame = icmpv6_frame(port_mac(4), router_mac(1), v6(4), v6(10), 64, &large);
    assert_eq!(punted(&site, 4, &site.sends(4, &frame)).op, PuntOp::TooBig, "1281 bytes into 1280");
    let udp = packet::udp(v6(4), "2001:db8::1".parse().unwrap(), 1, 2, b"");
    let frame =
        packet::ipv6_frame(port_mac(4), router_mac(1), v6(4), "2001:db8::1".parse().unwrap(), 64, protocol::UDP, &udp);
    assert_eq!(punted(&site, 4, &site.sends(4, &frame)).op, PuntOp::PortUnreachable);
    let solicit = packet::router_solicit(port_mac(4), link_local(port_mac(4)));
    assert_eq!(punted(&site, 4, &site.sends(4, &solicit)).op, PuntOp::RouterSolicit);
}

#[test]
fn beyond_sixty_four_routers_the_switch_gives_up() {
    let site = Site::new(Encap::Geneve);
    let trace = site.sends(4, &echo(4, router_mac(1), "2001:db8:ee::1".parse().unwrap(), 255));
    assert_eq!((trace.dropped(), trace.problems), (Some(None), vec![Problem::TooDeep]));
}

#[test]
fn what_is_spoofed_is_dropped_by_name() {
    let site = Site::new(Encap::Geneve);
    let message = |kind| Icmpv6::Unknown { kind, code: 0, body: vec![0; 20].into() };
    let advert = |target, mac| Icmpv6::NeighborAdvert {
        router: false,
        solicited: true,
        override_: true,
        target,
        options: vec![NdOption::TargetLinkLayer(mac)],
    };
    let (own, router) = (port_mac(4), router_mac(1));
    let tagged = {
        let mut frame = echo(4, port_mac(8), v6(8), 64);
        frame.splice(12..12, [0x81, 0, 0, 0]);
        frame
    };
    let cases: Vec<(Vec<u8>, Drop)> = vec![
        (icmpv6_frame(own, router, v6(8), v6(10), 64, &message(128)).into(), Drop::SpoofedSource),
        (icmpv6_frame(port_mac(8), router, v6(8), v6(10), 64, &message(128)).into(), Drop::ForeignMac),
        (icmpv6_frame(own, router, v6(4), v6(10), 255, &advert(v6(8), own)).into(), Drop::ForeignNeighborAdvert),
        (
            icmpv6_frame(own, router, v6(4), v6(10), 255, &advert(v6(4), port_mac(8))).into(),
            Drop::ForeignNeighborAdvert,
        ),
        (icmpv6_frame(own, port_mac(8), v6(4), v6(8), 255, &message(134)).into(), Drop::RogueRouterAdvert),
        (icmpv6_frame(own, port_mac(8), v6(4), v6(8), 255, &message(137)).into(), Drop::RogueRedirect),
        (packet::arp_request(own, [10, 0, 0, 8].into(), [10, 0, 0, 254].into()).into(), Drop::SpoofedSource),
        (tagged, Drop::VlanTag),
        (packet::Ethernet::untagged(own, port_mac(8), 0x88cc).emit(&[0; 46]).into(), Drop::EtherType),
    ];
    for (frame, drop) in cases {
        let trace = site.sends(4, &frame);
        assert_eq!(trace.dropped(), Some(Some(drop)), "{trace:#?}");
        let last = trace.steps.last().and_then(|step| step.item.clone()).unwrap();
        let Item::Flow(flow) = &*last else { panic!() };
        assert_eq!(flow.drop, Some(drop), "the last step is the row that drops");
    }
}

#[test]
fn arp_is_answered() {
    let site = Site::new(Encap::Geneve);
    for (target, mac) in [([10, 0, 0, 8], port_mac(8)), ([10, 0, 0, 254], router_mac(1))] {
        let trace = site.sends(4, &packet::arp_request(port_mac(4), [10, 0, 0, 4].into(), target.into()));
        let sent: Vec<_> = trace.sent().collect();
        let [(OfPort(4), output)] = sent[..] else { panic!("{trace:#?}") };
        let packet::Net::Arp(arp) = Frame::parse(&output.frame).unwrap().net else { panic!() };
        assert_eq!((arp.op, arp.sha, arp.spa, arp.tha), (2, mac, target.into(), port_mac(4)));
    }
}

#[test]
fn every_pair_of_ports_meets_within_its_tenant_and_nowhere_else() {
    let site = Site::new(Encap::Geneve);
    for a in 1..=PORTS {
        for b in (1..=PORTS).filter(|b| *b != a) {
            let same_network = network_of(a) == network_of(b);
            let mac = if same_network { port_mac(b) } else { router_mac(2 - network_of(a) % 2) };
            let got: Vec<u32> = site.delivers(a, &echo(a, mac, v6(b), 64)).into_iter().map(|d| d.port).collect();
            let want = if network_of(a) % 2 == network_of(b) % 2 { vec![b] } else { vec![] };
            assert_eq!(got, want, "{a} to {b}");
        }
    }
}

#[test]
fn a_broadcast_reaches_every_other_port_of_its_network_once() {
    for encap in [Encap::Geneve, Encap::Vlan] {
        let site = Site::new(encap);
        for a in 1..=PORTS {
            let group: Ipv6Addr = "ff02::fb".parse().unwrap();
            let udp = packet::udp(v6(a), group, 5353, 5353, b"who");
            let frame = packet::ipv6_frame(port_mac(a), multicast_mac(group), v6(a), group, 255, protocol::UDP, &udp);
            let mut got: Vec<u32> = site.delivers(a, &frame).into_iter().map(|d| d.port).collect();
            got.sort_unstable();
            let want: Vec<u32> = (1..=PORTS).filter(|p| *p != a && network_of(*p) == network_of(a)).collect();
            assert_eq!(got, want, "from {a} by {encap:?}");
        }
    }
}

fn isolation(site: &Site, p: u32, frame: &[u8]) -> Result<(), TestCaseError> {
    let tenant: BTreeSet<u32> = (1..=PORTS).filter(|o| network_of(*o) % 2 == network_of(p) % 2).collect();
    let trace = site.sends(p, frame);
    for problem in &trace.problems {
        // A ring of routers ends there, and leads no packet elsewhere.
        prop_assert!(matches!(problem, Problem::TooDeep), "{problem}");
    }
    for delivered in site.delivers(p, frame) {
        prop_assert!(tenant.contains(&delivered.port), "port {p} reached {delivered:?}");
        prop_assert!(ports_on(delivered.chassis).contains(&delivered.port));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 6 } else { 60 }))]

    /// Ports of two tenants have the same addresses; the worst that a port can send reaches its own tenant's ports only.
    #[test]
    fn tenants_never_meet(seed in any::<u64>()) {
        for encap in [Encap::Geneve, Encap::Vlan] {
            let (site, scene) = (Site::new(encap), Scene::of(&packets::site(encap)));
            let mut dice = Dice::new(seed);
            for p in 1..=PORTS {
                for _ in 0..20 {
                    let frame = from_port(&mut dice, &scene, p);
                    isolation(&site, p, &frame)?;
                }
            }
        }
    }
}
