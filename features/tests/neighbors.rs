//! Neighbour discovery and ARP in the compiled pipeline, run in memory: who answers a question, and what a secured port may
//! say of itself.

mod common;

use std::net::Ipv6Addr;

use addr::{MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use features::punt::{PacketOut, Punted};
use flows::eval::{Fate, Output, Switch, Trace};
use flows::{Drop, Engine, PuntOp, Table};
use ofp::Field;
use packet::{Arp, Frame, Icmpv6, NdOption, Net, icmpv6_frame};
use topology::{Change, ChassisKey, Encap, RouterKey, View, World};

/// Ports of network 1: 4 on chassis 2, which sends; 8 on chassis 3; and 13 beside the first, with more addresses.
const ASKER: u32 = 4;
const FAR: u32 = 8;
const NEAR: u32 = 13;
/// A link-local address of `NEAR` that tells no MAC.
const STABLE: &str = "fe80::1:2:3:4";

struct Site {
    world: World,
    switch: Switch,
}

impl Site {
    fn new() -> Site {
        let Change::Port(key, Some(mut near)) = port(NEAR, 1) else { unreachable!() };
        near.addresses.push(STABLE.parse().unwrap());
        let mut changes = small(Encap::Geneve);
        changes.extend([Change::Port(key, Some(near)), bind(NEAR, 2), plug(2, "vm13", Some(NEAR))]);
        let mut world = World::default();
        world.commit(changes);
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        Site { world, switch: Switch::desired(&engine, ChassisKey(2)) }
    }

    /// What chassis 2 does with a frame of `ASKER`'s.
    fn sends(&self, frame: &[u8]) -> Trace {
        let trace = self.switch.run(frame, OfPort(ASKER), None);
        assert_eq!(trace.problems, []);
        trace
    }

    fn drops(&self, frame: &[u8]) -> Option<&'static str> {
        self.sends(frame).dropped().flatten().map(Drop::name)
    }

    /// What the controller makes of a frame that is punted.
    fn answer(&self, frame: &[u8]) -> (PuntOp, Result<Vec<PacketOut>, &'static str>) {
        let trace = self.sends(frame);
        let punts: Vec<_> = trace.punted().collect();
        let [Output { fate: Fate::Controller { userdata, metadata, .. }, frame, .. }] = punts[..] else {
            panic!("{trace:#?}")
        };
        let view = View::new(&self.world);
        let punted =
            Punted::read(&view, ChassisKey(2), OfPort(ASKER), userdata, metadata, frame.clone(), features::Millis(0))
                .unwrap();
        let answer = match punted.op {
            PuntOp::ArpProbe => features::arp::service::probed(&view, &punted),
            _ => features::nd::service::solicited(&view, &punted),
        };
        (punted.op, answer)
    }
}

fn global(p: u32) -> Ipv6Addr {
    let std::net::IpAddr::V6(address) = port_address(1, p) else { unreachable!() };
    address
}

fn mac() -> MacAddr {
    port_mac(ASKER)
}

fn router_mac() -> MacAddr {
    features::router::generated_mac(RouterKey(1))
}

/// A solicitation as hosts send it.
fn solicit(target: Ipv6Addr) -> Vec<u8> {
    let group = solicited_node(target);
    solicit_by(multicast_mac(group), group, global(ASKER), target, vec![NdOption::SourceLinkLayer(mac())])
}

fn solicit_by(to: MacAddr, dst: Ipv6Addr, src: Ipv6Addr, target: Ipv6Addr, options: Vec<NdOption>) -> Vec<u8> {
    icmpv6_frame(mac(), to, src, dst, 255, &Icmpv6::NeighborSolicit { target, options }).to_vec()
}

fn probe(target: Ipv6Addr) -> Vec<u8> {
    let group = solicited_node(target);
    solicit_by(multicast_mac(group), group, Ipv6Addr::UNSPECIFIED, target, vec![])
}

/// The advertisement that came back, if that is what happened: R flag, and the MAC in it.
fn told(trace: &Trace) -> Option<(bool, MacAddr)> {
    let (port, output) = trace.sent().next()?;
    let frame = Frame::parse(&output.frame).unwrap();
    match frame.icmpv6().unwrap() {
        Some(Icmpv6::NeighborAdvert { router, options, .. }) => match options[..] {
            [NdOption::TargetLinkLayer(told)] if port == OfPort(ASKER) && frame.ethernet.src == told => {
                Some((router, told))
            }
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn one_row_tells_packets_and_questions_where_an_address_is() {
    let site = Site::new();
    for (target, to, router) in [
        (global(FAR), port_mac(FAR), false),
        (STABLE.parse().unwrap(), port_mac(NEAR), false),
        ("2001:db8::1".parse().unwrap(), router_mac(), true),
        ("2001:db8::".parse().unwrap(), router_mac(), true),
        ("fe80::1".parse().unwrap(), router_mac(), true),
        (link_local(router_mac()), router_mac(), true),
    ] {
        assert_eq!(told(&site.sends(&solicit(target))), Some((router, to)), "{target}");
    }
    let near = site.switch.run(&solicit(global(NEAR)), OfPort(ASKER), None);
    let neighbor = |trace: &Trace| trace.steps.iter().find(|s| s.table == Some(Table::Neighbor)).unwrap().unit;
    let other = Site::new();
    // Routed to it from network 3, on the same chassis.
    let echo = Icmpv6::EchoRequest { id: 1, seq: 1, data: vec![].into() };
    let std::net::IpAddr::V6(six) = port_address(3, 6) else { unreachable!() };
    let packet = icmpv6_frame(port_mac(6), router_mac(), six, global(NEAR), 64, &echo);
    let routed = other.switch.run(&packet, OfPort(6), None);
    assert_eq!(neighbor(&near), neighbor(&routed));
}

#[test]
fn a_router_is_asked_by_its_own_mac_too() {
    let site = Site::new();
    let option = || vec![NdOption::SourceLinkLayer(mac())];
    for target in ["2001:db8::1", "fe80::1"] {
        let target: Ipv6Addr = target.parse().unwrap();
        let frame = solicit_by(router_mac(), target, global(ASKER), target, option());
        assert_eq!(told(&site.sends(&frame)), Some((true, router_mac())), "{target}");
    }
    let nobody: Ipv6Addr = "2001:db8::77".parse().unwrap();
    let frame = solicit_by(router_mac(), nobody, global(ASKER), nobody, option());
    assert_eq!(site.drops(&frame), Some("unknown_target"));
    // To a host's own MAC it is the host's to answer.
    let frame = solicit_by(port_mac(NEAR), global(NEAR), global(ASKER), global(NEAR), option());
    let trace = site.sends(&frame);
    let [(OfPort(NEAR), output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
    assert_eq!(output.frame, frame);
}

#[test]
fn who_has_a_link_local_address_made_of_a_mac_is_asked_himself() {
    let site = Site::new();
    for options in [vec![NdOption::SourceLinkLayer(mac())], vec![]] {
        let target = link_local(port_mac(NEAR));
        let group = solicited_node(target);
        let asked = solicit_by(multicast_mac(group), group, link_local(mac()), target, options);
        let trace = site.sends(&asked);
        let [(OfPort(NEAR), output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
        // To his MAC alone; the rest as it was sent (RFC 6085).
        assert_eq!((&output.frame[..6], &output.frame[6..]), (&port_mac(NEAR).0[..], &asked[6..]));
    }
    // On another chassis: to that one.
    let trace = site.sends(&solicit(link_local(port_mac(FAR))));
    let [(OfPort(100), output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
    assert_eq!(output.frame[..6], port_mac(FAR).0);
}

#[test]
fn a_link_local_address_of_nobody_s_goes_nowhere() {
    let site = Site::new();
    for (target, drop) in [
        // Made of MACs that nobody has: a local one, a universal one, one on another network.
        (link_local(MacAddr([2, 1, 2, 3, 4, 5])), "unknown_mac"),
        (link_local(MacAddr([0, 1, 2, 3, 4, 5])), "unknown_mac"),
        (link_local(port_mac(6)), "unknown_mac"),
        // Made of a group's MAC, and of the broadcast: no host's, and never copied.
        (link_local(MacAddr([0x33, 0x33, 0, 0, 0, 1])), "unknown_target"),
        (link_local(MacAddr::BROADCAST), "unknown_target"),
        // Not made of a MAC; or by the marks in the middle alone.
        ("fe80::99".parse().unwrap(), "unknown_target"),
        ("fe80:0:0:1:0:ff:fe00:108".parse().unwrap(), "unknown_target"),
        ("2001:db8::ff:fe00:199".parse().unwrap(), "unknown_target"),
    ] {
        assert_eq!(site.drops(&solicit(target)), Some(drop), "{target}");
    }
    let universal = MacAddr([0, 1, 2, 3, 4, 5]);
    let trace = site.sends(&solicit(link_local(universal)));
    let made = trace.steps.iter().flat_map(|step| &step.changes).rfind(|(field, _)| *field == Field::ETH_DST);
    assert_eq!(made.map(|(_, mac)| *mac as u64), Some(universal.to_u64()));
}

#[test]
fn a_probe_is_answered_for_others_and_not_for_the_prober() {
    let site = Site::new();
    for target in [global(FAR), STABLE.parse().unwrap(), link_local(port_mac(FAR)), "2001:db8::1".parse().unwrap()] {
        let (op, answer) = site.answer(&probe(target));
        assert_eq!((op, answer.map(|out| out.len())), (PuntOp::NeighborSolicit, Ok(1)), "{target}");
    }
    for own in [global(ASKER), link_local(mac())] {
        assert_eq!(site.answer(&probe(own)), (PuntOp::NeighborSolicit, Err("own_dad")));
    }
    assert_eq!(site.answer(&probe("2001:db8::77".parse().unwrap())).1, Err("unknown_target"));
    let nowhere = icmpv6_frame(
        mac(),
        port_mac(NEAR),
        Ipv6Addr::UNSPECIFIED,
        solicited_node(global(NEAR)),
        64,
        &Icmpv6::NeighborSolicit { target: global(NEAR), options: vec![] },
    );
    assert!(site.drops(&nowhere).is_some(), "with another hop limit it is none, and not delivered");
}

#[test]
fn an_arp_probe_too() {
    let site = Site::new();
    let ask = |host: u8| site.answer(&packet::arp_request(mac(), [0, 0, 0, 0].into(), [10, 0, 0, host].into()));
    let (op, answer) = ask(FAR as u8);
    let [out] = &answer.unwrap()[..] else { panic!() };
    let Net::Arp(arp) = Frame::parse(&out.frame).unwrap().net else { panic!() };
    assert_eq!((op, arp.op, arp.sha, arp.spa), (PuntOp::ArpProbe, 2, port_mac(FAR), [10, 0, 0, FAR as u8].into()));
    assert_eq!(ask(ASKER as u8).1, Err("own_dad"));
    assert_eq!(ask(99).1, Err("unknown_target"));
}

fn advert(src: Ipv6Addr, target: Ipv6Addr, options: Vec<NdOption>) -> Vec<u8> {
    let message = Icmpv6::NeighborAdvert { router: false, solicited: true, override_: true, target, options };
    icmpv6_frame(mac(), port_mac(NEAR), src, global(NEAR), 255, &message).to_vec()
}

#[test]
fn an_advertisement_is_of_an_own_address_with_the_own_mac_from_an_own_source() {
    let site = Site::new();
    let (own, local) = (global(ASKER), link_local(mac()));
    let with = |mac| vec![NdOption::TargetLinkLayer(mac)];
    for src in [own, local] {
        for target in [own, local] {
            for options in [vec![], with(mac()), vec![NdOption::SourceLinkLayer(mac())]] {
                let frame = advert(src, target, options.clone());
                let trace = site.sends(&frame);
                let [(OfPort(NEAR), output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
                assert_eq!(output.frame, frame, "as it was sent: {target} {options:?}");
            }
        }
    }
    let foreign = "foreign_neighbor_advert";
    for (src, target, options, drop) in [
        (own, global(NEAR), with(mac()), foreign),
        (own, link_local(port_mac(NEAR)), vec![], foreign),
        (own, "2001:db8::1".parse().unwrap(), with(mac()), foreign),
        (own, Ipv6Addr::UNSPECIFIED, with(mac()), foreign),
        (own, own, with(port_mac(NEAR)), foreign),
        (own, own, with(router_mac()), foreign),
        (own, own, [with(mac()), with(mac())].concat(), foreign),
        (own, own, [with(MacAddr::ZERO), with(port_mac(NEAR))].concat(), foreign),
        (global(NEAR), own, with(mac()), "spoofed_source"),
        (Ipv6Addr::UNSPECIFIED, own, with(mac()), "spoofed_source"),
    ] {
        assert_eq!(site.drops(&advert(src, target, options.clone())), Some(drop), "{src} {target} {options:?}");
    }
    let mut far = advert(own, own, with(mac()));
    far[14 + 7] = 64;
    assert_eq!(site.drops(&far), Some(foreign));
    let message =
        Icmpv6::NeighborAdvert { router: false, solicited: false, override_: true, target: own, options: vec![] };
    let all = icmpv6_frame(mac(), multicast_mac(addr::ALL_NODES), own, addr::ALL_NODES, 255, &message);
    assert_eq!(site.drops(&all), Some("unsolicited_advert"));
}

#[test]
fn an_arp_packet_has_the_own_mac_and_address() {
    let site = Site::new();
    let own = [10, 0, 0, ASKER as u8];
    let reply = |sha, spa: [u8; 4]| {
        let arp = Arp { op: 2, sha, spa: spa.into(), tha: port_mac(NEAR), tpa: [10, 0, 0, NEAR as u8].into() };
        packet::arp_frame(mac(), port_mac(NEAR), &arp).to_vec()
    };
    let good = reply(mac(), own);
    let trace = site.sends(&good);
    let [(OfPort(NEAR), output)] = trace.sent().collect::<Vec<_>>()[..] else { panic!("{trace:#?}") };
    assert_eq!(output.frame, good);
    for (sha, spa) in [(port_mac(NEAR), own), (MacAddr::ZERO, own), (mac(), [10, 0, 0, 254]), (router_mac(), own)] {
        assert_eq!(site.drops(&reply(sha, spa)), Some("spoofed_source"), "{sha} {spa:?}");
    }
}

#[test]
fn what_a_routed_packet_passes_is_bounded() {
    let site = Site::new();
    let echo = Icmpv6::EchoRequest { id: 1, seq: 1, data: vec![].into() };
    let std::net::IpAddr::V6(six) = port_address(3, 6) else { unreachable!() };
    let trace = site.sends(&icmpv6_frame(mac(), router_mac(), global(ASKER), six, 64, &echo));
    assert_eq!(trace.sent().map(|(port, _)| port).collect::<Vec<_>>(), [OfPort(6)]);
    assert_eq!(trace.steps.len(), 12, "{trace:#?}");
}
