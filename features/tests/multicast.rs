//! Who gets what is sent to a group, run in memory on every chassis: copies on the wire, routed ones, sources, what nobody listens to.

mod common;
#[path = "common/dice.rs"]
mod dice;
#[path = "common/frames.rs"]
mod frames;
#[path = "common/packets.rs"]
mod packets;
#[path = "common/scene.rs"]
mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use addr::{MacAddr, OfPort, multicast_mac};
use common::*;
use features::punt::op_of;
use flows::eval::{Fate, Switch, Tunnel};
use flows::{Drop, Engine, PuntOp};
use packet::{Frame, Icmpv6, Igmp, MldRecord, MldRecordKind, Net, icmpv6_frame, igmp_frame, protocol, udp};
use packets::{UPLINK, chassis_of, network_of, site};
use topology::{Change, ChassisKey, Encap, Role, RouterKey, World};

const GROUP: &str = "ff3e::8000:1";
/// Of network 1, on the first chassis.
const SENDER: u32 = 12;

struct Site {
    switches: Vec<Switch>,
    encap: Encap,
}

/// What comes of one packet.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    /// By port, the hop limit and the Ethernet source.
    ports: BTreeMap<u32, (u8, MacAddr)>,
    /// By chassis, copies that leave the sender's for it.
    wire: BTreeMap<u16, u32>,
}

impl Site {
    fn new(encap: Encap, more: Vec<Change>) -> Site {
        let mut world = World::default();
        world.commit([site(encap), more].concat());
        let (engine, delta) = Engine::from_scratch(features::ALL, &world);
        assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
        Site { switches: (1..=3).map(|c| Switch::desired(&engine, ChassisKey(c))).collect(), encap }
    }

    fn send(&self, p: u32, frame: &[u8]) -> Came {
        let (from, mut came) = (chassis_of(p), Came::default());
        for (port, output) in self.switches[usize::from(from) - 1].run(frame, OfPort(p), None).sent() {
            if port != UPLINK {
                came.note(port, &output.frame);
                continue;
            }
            let end = |n: u16| -> IpAddr { format!("fd00:a::{n}").parse().unwrap() };
            let there: Vec<u16> = match (self.encap, output.tunnel) {
                (Encap::Vlan, _) => (1..=3).filter(|c| *c != from).collect(),
                (_, Some(tunnel)) => (1..=3).filter(|c| Some(end(*c)) == tunnel.dst).collect(),
                _ => panic!("no tunnel"),
            };
            for to in there {
                *came.wire.entry(to).or_default() += 1;
                let tunnel = output.tunnel.map(|tunnel| Tunnel { src: Some(end(from)), ..tunnel });
                for (port, output) in self.switches[usize::from(to) - 1].run(&output.frame, UPLINK, tunnel).sent() {
                    assert_ne!(port, UPLINK, "what came from the fabric does not return to it");
                    came.note(port, &output.frame);
                }
            }
        }
        came
    }
}

impl Came {
    fn note(&mut self, port: OfPort, frame: &[u8]) {
        let frame = Frame::parse(frame).unwrap();
        let (Net::Ipv6(ref ip), mac) = (frame.net, frame.ethernet.src) else { panic!("not IPv6") };
        assert_eq!(self.ports.insert(port.0, (ip.hop_limit, mac)), None, "twice to port {port}");
    }

    fn ports(&self) -> Vec<u32> {
        self.ports.keys().copied().collect()
    }
}

fn v6(p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(network_of(p), p) else { unreachable!() };
    address
}

/// A datagram of a port's to a group.
fn to(group: &str, p: u32, src: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let dst: Ipv6Addr = group.parse().unwrap();
    let payload = udp(src, dst, 7500, 7500, b"x");
    packet::ipv6_frame(port_mac(p), multicast_mac(dst), src, dst, hop_limit, protocol::UDP, &payload).to_vec()
}

/// Ports that listen to the group, to whatever source.
fn listening(ports: &[u32]) -> Vec<Change> {
    ports.iter().map(|p| listener(*p, GROUP, 1, v6(SENDER).into())).collect()
}

#[test]
fn each_chassis_gets_one_copy_and_routers_forward_there() {
    // Network 1: 16 here, 4 and 8 on the others; network 3, by a router: 2 here, 6 where 4 is.
    for encap in [Encap::Geneve, Encap::Vxlan, Encap::Vlan] {
        let site = Site::new(encap, listening(&[16, 4, 8, 2, 6]));
        let came = site.send(SENDER, &to(GROUP, SENDER, v6(SENDER), 9));
        let router = features::router::generated_mac(RouterKey(1));
        let wanted = BTreeMap::from([
            (16, (9, port_mac(SENDER))),
            (4, (9, port_mac(SENDER))),
            (8, (9, port_mac(SENDER))),
            (2, (8, router)),
            (6, (8, router)),
        ]);
        assert_eq!(came, Came { ports: wanted, wire: BTreeMap::from([(2, 1), (3, 1)]) }, "{encap:?}");
    }
}

#[test]
fn a_chassis_that_only_routes_gets_its_copy_too() {
    let site = Site::new(Encap::Geneve, listening(&[10]));
    let came = site.send(SENDER, &to(GROUP, SENDER, v6(SENDER), 9));
    assert_eq!((came.ports(), came.wire), (vec![10], BTreeMap::from([(3, 1)])));
}

#[test]
fn routers_look_at_source_scope_and_hop_limit() {
    let site = Site::new(Encap::Geneve, [listening(&[16, 2]), vec![policy(SENDER, false)]].concat());
    let ports = |frame: Vec<u8>| site.send(SENDER, &frame).ports();
    assert_eq!(ports(to(GROUP, SENDER, v6(SENDER), 9)), [2, 16]);
    assert_eq!(ports(to(GROUP, SENDER, v6(SENDER), 1)), [16], "no hop is left");
    assert_eq!(ports(to(GROUP, SENDER, v6(2), 9)), [16], "its source is not of the network that it comes from");
    assert_eq!(ports(to(GROUP, SENDER, "fe80::1".parse().unwrap(), 9)), [16]);
    let near = "ff03::1";
    let all = [16, 2].map(|p| listener(p, near, 1, v6(SENDER).into())).to_vec();
    let site = Site::new(Encap::Geneve, all);
    assert_eq!(site.send(SENDER, &to(near, SENDER, v6(SENDER), 9)).ports(), [16], "less than a site");
}

#[test]
fn a_listener_gets_the_sources_that_it_names_or_all_others() {
    let named = v6(SENDER).into();
    let more = vec![listener(16, GROUP, 3, named), listener(4, GROUP, 2, named), listener(2, GROUP, 3, named)];
    let site = Site::new(Encap::Geneve, more);
    assert_eq!(site.send(SENDER, &to(GROUP, SENDER, v6(SENDER), 9)).ports(), [2, 16]);
    let other = site.send(18, &to(GROUP, 18, v6(18), 9));
    assert_eq!((other.ports(), other.wire), (vec![4], BTreeMap::from([(2, 1)])));
}

#[test]
fn routers_and_monitors_get_all_and_others_what_they_listen_to() {
    let frame = to(GROUP, SENDER, v6(SENDER), 9);
    let nobody = Site::new(Encap::Geneve, vec![]);
    let trace = nobody.switches[0].run(&frame, OfPort(SENDER), None);
    assert_eq!(trace.dropped(), Some(Some(Drop::NoListener)), "{trace:?}");
    let watched = Site::new(Encap::Geneve, vec![role(4, Role::Router), role(14, Role::Monitor)]);
    let came = watched.send(SENDER, &frame);
    assert_eq!((came.ports(), came.wire), (vec![4, 14], BTreeMap::from([(2, 1)])));
    let more = [listening(&[16, 8]), vec![role(4, Role::Router)]].concat();
    assert_eq!(Site::new(Encap::Geneve, more).send(SENDER, &frame).ports(), [4, 8, 16]);
}

#[test]
fn groups_of_the_link_are_everybodys() {
    let site = Site::new(Encap::Geneve, listening(&[16]));
    for group in ["ff02::1", "ff02::fb", "ff02::1:ff00:7"] {
        let all: BTreeSet<u32> = site.send(SENDER, &to(group, SENDER, v6(SENDER), 9)).ports().into_iter().collect();
        assert_eq!(all, BTreeSet::from([4, 8, 14, 16, 18]), "{group}");
    }
}

#[test]
fn what_is_said_of_groups_goes_to_the_controller_alone() {
    let site = Site::new(Encap::Geneve, listening(&[16, 4]));
    let record = MldRecord {
        kind: MldRecordKind::ToExclude,
        group: GROUP.parse().unwrap(),
        sources: vec![],
        aux: Default::default(),
    };
    let own = addr::link_local(port_mac(SENDER));
    let everybody: Ipv6Addr = "ff02::16".parse().unwrap();
    let group: Ipv6Addr = GROUP.parse().unwrap();
    let said = [
        (own, everybody, Icmpv6::MldReportV2 { records: vec![record] }),
        (Ipv6Addr::UNSPECIFIED, group, Icmpv6::MldReportV1 { group }),
        (own, "ff02::2".parse().unwrap(), Icmpv6::MldDone { group }),
    ];
    let mut frames: Vec<Vec<u8>> = said
        .iter()
        .map(|(src, dst, message)| icmpv6_frame(port_mac(SENDER), multicast_mac(*dst), *src, *dst, 1, message).to_vec())
        .collect();
    let join = Igmp::ReportV2 { group: [239, 1, 2, 3].into() };
    frames.extend(
        [[10, 0, 0, SENDER as u8], [0; 4]]
            .map(|src| igmp_frame(port_mac(SENDER), src.into(), [239, 1, 2, 3].into(), &join).to_vec()),
    );
    for frame in frames {
        let trace = site.switches[0].run(&frame, OfPort(SENDER), None);
        let ops = trace.outputs.iter().map(|output| match &output.fate {
            Fate::Controller { metadata, .. } => op_of(metadata),
            _ => None,
        });
        assert_eq!(ops.collect::<Vec<_>>(), [Some(PuntOp::Membership)], "{trace:?}");
    }
    let query = Icmpv6::MldQueryV1 { max_response_ms: 100, group: Ipv6Addr::UNSPECIFIED };
    let all = addr::ALL_NODES;
    let query = icmpv6_frame(port_mac(SENDER), multicast_mac(all), own, all, 1, &query);
    let trace = site.switches[0].run(&query, OfPort(SENDER), None);
    assert_eq!(trace.dropped(), Some(Some(Drop::RogueMulticastRouter)), "{trace:?}");
}

#[test]
fn more_listeners_than_one_group_holds_get_a_copy_each() {
    let mut more = vec![Change::Plug(ChassisKey(1), "sx-tun".into(), Some(OfPort(60_000)))];
    for p in 1_000..1_900u32 {
        let Change::Port(key, Some(mut fact)) = port(p, 1) else { unreachable!() };
        fact.mac = MacAddr::from_u64(0x0200_0001_0000 + u64::from(p));
        fact.addresses = vec![];
        more.extend([Change::Port(key, Some(fact)), bind(p, 1), policy(p, true), plug(1, &format!("vm{p}"), Some(p))]);
        more.push(listener(p, GROUP, 1, v6(SENDER).into()));
    }
    let site = Site::new(Encap::Geneve, more);
    let came = site.send(SENDER, &to(GROUP, SENDER, v6(SENDER), 9));
    assert_eq!((came.ports.len(), came.wire.len()), (900, 0));
}
