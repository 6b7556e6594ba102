//! Provider networks: what goes onto the physical network and how, what may come in from it, and to whom.

mod common;

use std::net::Ipv6Addr;

use addr::{ALL_NODES, MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use common::*;
use flows::eval::{Fate, Switch, Trace};
use flows::{Drop, Engine};
use packet::{Icmpv6, NdOption, icmpv6_frame, ipv6_frame, neighbor_solicit, udp};
use topology::{Change, ChassisKey, Encap, Network, NetworkKey, Physical, World};

/// Ports of network 1, on chassis 2, 3 and 1; the first two are on the physical network.
const HERE: u32 = 4;
const THERE: u32 = 8;
const LOST: u32 = 12;
const CHASSIS: u16 = 2;
const UPLINK: u32 = 200;
const OUTSIDE: MacAddr = MacAddr([2, 0, 0, 0, 0xaa, 1]);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xaa);

/// The small site, with network 1 on VLAN 101 of a physical network, or untagged there.
fn site(vlan: Option<u16>) -> Vec<Change> {
    let mut changes = small(Encap::Geneve);
    let Change::Network(key, Some(fact)) = network(1, 1500) else { unreachable!() };
    let physical = Physical { name: "physnet1".into(), vlan, routers: vec![ROUTER] };
    changes.push(Change::Network(key, Some(Network { physical: Some(physical), ..fact })));
    changes.push(Change::Interface(topology::RouterKey(1), topology::SubnetKey(1), None));
    changes.push(Change::Advert(topology::SubnetKey(1), None));
    for c in [CHASSIS, 3] {
        let Change::Chassis(key, Some(fact)) = chassis(c) else { unreachable!() };
        let mappings = vec![("physnet1".into(), "eth1".into())];
        changes.push(Change::Chassis(key, Some(topology::Chassis { mappings, ..fact })));
        changes.push(plug(c, "eth1", Some(UPLINK)));
    }
    changes
}

fn switch(vlan: Option<u16>, chassis: u16) -> Switch {
    let mut world = World::default();
    world.commit(site(vlan));
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(chassis))
}

fn run(switch: &Switch, port: u32, frame: &[u8]) -> Trace {
    let trace = switch.run(frame, OfPort(port), None);
    assert_eq!(trace.problems, []);
    trace
}

/// Ports that a frame left by, each with its tag and destination.
fn sent(trace: &Trace) -> Vec<(u32, Option<u16>, MacAddr)> {
    let mut sent: Vec<_> = trace
        .outputs
        .iter()
        .filter_map(|output| match output.fate {
            Fate::Port(port) => {
                let tagged = output.frame[12..14] == [0x81, 0x00];
                let tag = tagged.then(|| u16::from_be_bytes([output.frame[14], output.frame[15]]));
                Some((port.0, tag, MacAddr(output.frame[..6].try_into().unwrap())))
            }
            _ => None,
        })
        .collect();
    sent.sort_unstable();
    sent
}

fn tagged(frame: &[u8], vlan: u16) -> Vec<u8> {
    let [high, low] = vlan.to_be_bytes();
    [&frame[..12], &[0x81, 0x00, high, low], &frame[12..]].concat()
}

fn v6(p: u32) -> Ipv6Addr {
    let std::net::IpAddr::V6(address) = port_address(1, p) else { unreachable!() };
    address
}

fn data(from: (MacAddr, Ipv6Addr), to: (MacAddr, Ipv6Addr)) -> Vec<u8> {
    ipv6_frame(from.0, to.0, from.1, to.1, 64, 17, &udp(from.1, to.1, 5, 6, b"x")).to_vec()
}

fn advert(from: MacAddr, source: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let message = Icmpv6::Unknown { kind: 134, code: 0, body: vec![0; 12].into() };
    icmpv6_frame(from, multicast_mac(ALL_NODES), source, ALL_NODES, hop_limit, &message).to_vec()
}

fn outside() -> (MacAddr, Ipv6Addr) {
    (OUTSIDE, "2001:db8:ee::1".parse().unwrap())
}

#[test]
fn what_is_for_others_goes_onto_the_physical_network_with_its_tag() {
    for vlan in [Some(101), None] {
        let switch = switch(vlan, CHASSIS);
        let own = (port_mac(HERE), v6(HERE));
        assert_eq!(sent(&run(&switch, HERE, &data(own, outside()))), [(UPLINK, vlan, OUTSIDE)]);
        // A port of ours on another chassis is there too.
        let there = (port_mac(THERE), v6(THERE));
        assert_eq!(sent(&run(&switch, HERE, &data(own, there))), [(UPLINK, vlan, there.0)]);
        let group: Ipv6Addr = "ff02::7777".parse().unwrap();
        let to_all = data(own, (multicast_mac(group), group));
        assert_eq!(sent(&run(&switch, HERE, &to_all)), [(UPLINK, vlan, multicast_mac(group))]);
    }
}

#[test]
fn a_chassis_without_a_way_there_says_so() {
    let switch = switch(Some(101), 1);
    let trace = run(&switch, LOST, &data((port_mac(LOST), v6(LOST)), outside()));
    assert_eq!(trace.dropped(), Some(Some(Drop::NoUplink)));
    let there = (port_mac(THERE), v6(THERE));
    let trace = run(&switch, LOST, &data((port_mac(LOST), v6(LOST)), there));
    assert_eq!(trace.dropped(), Some(Some(Drop::NoUplink)), "nor does the fabric carry it");
}

#[test]
fn what_comes_in_is_told_by_its_tag_and_does_not_return() {
    for (vlan, other) in [(Some(101), None), (None, Some(101))] {
        let switch = switch(vlan, CHASSIS);
        let arriving = |frame: &[u8], vlan: Option<u16>| match vlan {
            Some(vlan) => run(&switch, UPLINK, &tagged(frame, vlan)),
            None => run(&switch, UPLINK, frame),
        };
        let frame = data(outside(), (port_mac(HERE), v6(HERE)));
        assert_eq!(sent(&arriving(&frame, vlan)), [(HERE, None, port_mac(HERE))]);
        assert_eq!(arriving(&frame, other).dropped(), Some(Some(Drop::UnknownSegment)));
        let group: Ipv6Addr = "ff02::7777".parse().unwrap();
        let to_all = data(outside(), (multicast_mac(group), group));
        assert_eq!(sent(&arriving(&to_all, vlan)), [(HERE, None, multicast_mac(group))]);
        let to_there = data(outside(), (port_mac(THERE), v6(THERE)));
        assert_eq!(sent(&arriving(&to_there, vlan)), []);
        let loops = data((port_mac(HERE), v6(HERE)), (port_mac(THERE), v6(THERE)));
        assert_eq!(arriving(&loops, vlan).dropped(), Some(Some(Drop::SpoofedSource)));
    }
}

#[test]
fn advertisements_come_from_declared_routers_only() {
    let switch = switch(Some(101), CHASSIS);
    let arriving = |frame: &[u8]| run(&switch, UPLINK, &tagged(frame, 101));
    assert_eq!(sent(&arriving(&advert(OUTSIDE, ROUTER, 255))), [(HERE, None, multicast_mac(ALL_NODES))]);
    for (source, hop_limit) in [(link_local(OUTSIDE), 255), (ROUTER, 254)] {
        let trace = arriving(&advert(OUTSIDE, source, hop_limit));
        assert_eq!(trace.dropped(), Some(Some(Drop::RogueRouterAdvert)), "{source} {hop_limit}");
    }
    let mut redirect = advert(OUTSIDE, link_local(OUTSIDE), 255);
    redirect[54] = 137;
    assert_eq!(arriving(&redirect).dropped(), Some(Some(Drop::RogueRedirect)));
    let twice = tagged(&tagged(&advert(OUTSIDE, ROUTER, 255), 0), 101);
    let trace = run(&switch, UPLINK, &twice);
    assert!(matches!(trace.dropped(), Some(Some(Drop::EtherType | Drop::VlanTag))), "{:?}", trace.outputs);
}

#[test]
fn a_question_from_outside_goes_to_the_one_who_is_asked() {
    let switch = switch(Some(101), CHASSIS);
    let ask = |source: Ipv6Addr, target: Ipv6Addr| {
        run(&switch, UPLINK, &tagged(&neighbor_solicit(OUTSIDE, source, target), 101))
    };
    for source in [link_local(OUTSIDE), Ipv6Addr::UNSPECIFIED] {
        for target in [v6(HERE), link_local(port_mac(HERE))] {
            let trace = ask(source, target);
            assert_eq!(sent(&trace), [(HERE, None, port_mac(HERE))], "{source} {target}");
            let Some((_, output)) = trace.sent().next() else { panic!() };
            assert_eq!(output.frame[38..54], solicited_node(target).octets(), "as it was asked");
        }
        for target in [v6(THERE), link_local(port_mac(THERE)), "2001:db8::9999".parse().unwrap()] {
            assert_eq!(sent(&ask(source, target)), [], "{source} {target}: nobody here");
        }
    }
    let message = Icmpv6::NeighborAdvert {
        router: false,
        solicited: false,
        override_: true,
        target: v6(HERE),
        options: vec![NdOption::TargetLinkLayer(OUTSIDE)],
    };
    let claim = icmpv6_frame(OUTSIDE, multicast_mac(ALL_NODES), link_local(OUTSIDE), ALL_NODES, 255, &message);
    let trace = run(&switch, UPLINK, &tagged(&claim, 101));
    assert_eq!(trace.dropped(), Some(Some(Drop::ForeignNeighborAdvert)));
}

#[test]
fn questions_of_ports_are_answered_here_or_go_out() {
    let switch = switch(Some(101), CHASSIS);
    let ask = |target: Ipv6Addr| run(&switch, HERE, &neighbor_solicit(port_mac(HERE), v6(HERE), target));
    // Of ours, the table knows.
    assert_eq!(sent(&ask(v6(THERE))), [(HERE, None, port_mac(HERE))]);
    let group = |target: Ipv6Addr| multicast_mac(solicited_node(target));
    // The last one's address looks made of a MAC, which it may not have.
    for target in ["2001:db8::9999".parse().unwrap(), ROUTER, link_local(OUTSIDE)] {
        assert_eq!(sent(&ask(target)), [(UPLINK, Some(101), group(target))], "{target}");
    }
    assert_eq!(sent(&ask(link_local(port_mac(THERE)))), [(UPLINK, Some(101), group(link_local(port_mac(THERE))))]);
    let solicit = packet::router_solicit(port_mac(HERE), v6(HERE));
    assert_eq!(sent(&run(&switch, HERE, &solicit)).len(), 1, "routers are out there");
}

#[test]
fn a_port_can_not_choose_a_tag() {
    let mut changes = site(None);
    changes.push(policy(HERE, false));
    let mut world = World::default();
    world.commit(changes);
    let (engine, _) = Engine::from_scratch(features::ALL, &world);
    let switch = Switch::desired(&engine, ChassisKey(CHASSIS));
    let frame = tagged(&data((port_mac(HERE), v6(HERE)), outside()), 101);
    let trace = run(&switch, HERE, &frame);
    assert_eq!(trace.dropped(), Some(Some(Drop::VlanTag)));
    assert!(world.provider_networks_on(&"physnet1".into()).contains(&NetworkKey(1)));
}
