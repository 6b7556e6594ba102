//! A site with a router that leads out: chassis 2 and 3 are on the physical network, and gateways; chassis 1 is not.

use std::net::{IpAddr, Ipv6Addr};

use addr::MacAddr;
use features::router::generated_mac;
use flows::eval::{Fate, Switch, Trace, Tunnel};
use flows::{Engine, PuntOp};
use packet::{ipv6_frame, udp};
use topology::{Change, ChassisKey, Encap, ExternalGateway, Network, NetworkKey, Physical, RouterKey, World};

use super::*;

/// Ports of network 1, behind router 1, on chassis 2, 3 and 1: the first two are gateways.
pub const HERE: u32 = 4;
pub const LOST: u32 = 12;
pub const UPLINK: u32 = 200;
pub const TUNNEL: u32 = 100;
pub const OUT: NetworkKey = NetworkKey(9);
pub const R: RouterKey = RouterKey(1);
pub const NEXT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xaa);
pub const NEXT_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0xaa, 1]);

pub fn held() -> Vec<IpAddr> {
    ["2001:db8:100::10", "2001:db8:100::11"].map(|address| address.parse().unwrap()).to_vec()
}

pub fn gateway_chassis(c: u16, priority: Option<u32>, drained: bool) -> Change {
    let Change::Chassis(key, Some(fact)) = chassis(c) else { unreachable!() };
    let mappings = vec![("physnet1".into(), "eth1".into())];
    Change::Chassis(key, Some(topology::Chassis { mappings, gateway_priority: priority, drained, ..fact }))
}

pub fn found(c: u16, there: bool) -> Change {
    Change::Neighbor(OUT, ChassisKey(c), NEXT.into(), there.then_some(NEXT_MAC))
}

pub fn site(encap: Encap) -> Vec<Change> {
    let mut changes = small(encap);
    let Change::Network(_, Some(fact)) = network(9, 1500) else { unreachable!() };
    let physical = Physical { name: "physnet1".into(), vlan: Some(101), routers: vec![NEXT] };
    changes.push(Change::Network(OUT, Some(Network { physical: Some(physical), segment: 77, ..fact })));
    let gateway = ExternalGateway {
        network: OUT,
        addresses: held(),
        nexthops: vec![NEXT.into()],
        asks: false,
        delegated: Vec::new(),
        snat: None,
    };
    changes.push(Change::Gateway(R, Some(gateway)));
    for c in [2, 3] {
        changes.extend([gateway_chassis(c, Some(100), false), plug(c, "eth1", Some(UPLINK)), found(c, true)]);
    }
    changes
}

pub fn world(encap: Encap, more: &[Change]) -> World {
    let mut world = World::default();
    world.commit(site(encap));
    world.commit(more.to_vec());
    world
}

pub fn switch(world: &World, chassis: u16) -> Switch {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(chassis))
}

pub fn v6(p: u32) -> Ipv6Addr {
    let IpAddr::V6(address) = port_address(1, p) else { unreachable!() };
    address
}

pub fn far() -> Ipv6Addr {
    "2001:db8:ee::1".parse().unwrap()
}

pub fn data(from: (MacAddr, Ipv6Addr), to: (MacAddr, Ipv6Addr), hop_limit: u8) -> Vec<u8> {
    ipv6_frame(from.0, to.0, from.1, to.1, hop_limit, 17, &udp(from.1, to.1, 5, 6, b"x")).to_vec()
}

pub fn outward(p: u32) -> Vec<u8> {
    data((port_mac(p), v6(p)), (generated_mac(R), far()), 64)
}

/// The frame that left, with its port and tunnel; where a group chooses, the first that could.
pub fn left(trace: &Trace) -> (u32, Option<Tunnel>, Vec<u8>) {
    let mut sent = trace.outputs.iter().filter_map(|output| match output.fate {
        Fate::Port(port) => Some((port.0, output.tunnel, output.frame.clone())),
        _ => None,
    });
    let one = sent.next().unwrap_or_else(|| panic!("{:?}", trace.outputs));
    assert!(sent.all(|other| other.0 == one.0 && one.0 == TUNNEL), "{:?}", trace.outputs);
    one
}

pub fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00, 0, 101], &frame[12..]].concat()
}

/// As it is on the physical network: destination, source, and hop limit.
#[track_caller]
pub fn on_the_wire(frame: &[u8]) -> (MacAddr, MacAddr, u8) {
    assert_eq!(frame[12..16], [0x81, 0x00, 0, 101]);
    let mac = |at: usize| MacAddr(frame[at..at + 6].try_into().unwrap());
    (mac(0), mac(6), frame[25])
}

pub fn punted(trace: &Trace) -> Option<PuntOp> {
    trace.outputs.iter().find_map(|output| match &output.fate {
        Fate::Controller { metadata, .. } => features::punt::op_of(metadata),
        _ => None,
    })
}
