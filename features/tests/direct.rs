//! Pass-through NICs: what the chassis that serves one does with its frames, what others do, and who serves it.

mod common;

use std::net::Ipv6Addr;

use addr::{ALL_ROUTERS, MacAddr, OfPort, link_local, multicast_mac};
use common::*;
use features::direct::speaks_from;
use features::router::sends_from;
use flows::eval::{Fate, Switch, Trace};
use flows::{Drop, Engine, PuntOp};
use packet::{Icmpv6, NdOption, icmpv6_frame, ipv6_frame, neighbor_solicit, udp};
use topology::{Change, ChassisKey, Encap, PortKey, RouterKey, View, World};

/// The NIC, of chassis 2, on network 1; ports of that on chassis 3 and 1; one of network 3 on chassis 2.
const NIC: u32 = 4;
const THERE: u32 = 8;
const ROUTED: u32 = 6;
const UPLINK: u32 = 200;
const VLAN: u16 = 101;

/// Network 1 is on VLAN 101 of a physical network that chassis 2 and 3 are on, 3 as a gateway; router 1 is on networks 1 and 3.
fn site() -> World {
    let mut changes = small(Encap::Geneve);
    changes.extend([provider(1, VLAN, false), mapped(2, 1), gateway(3, 1, false)]);
    changes.extend([plug(2, "eth1", Some(UPLINK)), plug(3, "eth1", Some(UPLINK))]);
    changes.extend(direct(NIC, 2));
    let mut world = World::default();
    world.commit(changes);
    world
}

fn switch(world: &World, chassis: u16) -> Switch {
    let (engine, delta) = Engine::from_scratch(features::ALL, world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(chassis))
}

fn server(world: &World) -> Option<ChassisKey> {
    View::new(world).place(PortKey(NIC)).map(|place| place.chassis)
}

/// From the physical network.
fn run(switch: &Switch, frame: &[u8]) -> Trace {
    let [high, low] = VLAN.to_be_bytes();
    let frame = [&frame[..12], &[0x81, 0x00, high, low], &frame[12..]].concat();
    let trace = switch.run(&frame, OfPort(UPLINK), None);
    assert_eq!(trace.problems, []);
    trace
}

fn sent(trace: &Trace) -> Vec<(u32, bool, MacAddr, MacAddr)> {
    let mac = |frame: &[u8], at: usize| MacAddr(frame[at..at + 6].try_into().unwrap());
    let port = |output: &flows::eval::Output| match output.fate {
        Fate::Port(port) => {
            let tagged = output.frame[12..16] == [0x81, 0x00, 0, VLAN as u8];
            Some((port.0, tagged, mac(&output.frame, 0), mac(&output.frame, 6)))
        }
        _ => None,
    };
    trace.outputs.iter().filter_map(port).collect()
}

fn v6(network: u32, p: u32) -> Ipv6Addr {
    let std::net::IpAddr::V6(address) = port_address(network, p) else { unreachable!() };
    address
}

fn data(source: Ipv6Addr, to: (MacAddr, Ipv6Addr)) -> Vec<u8> {
    ipv6_frame(port_mac(NIC), to.0, source, to.1, 64, 17, &udp(source, to.1, 5, 6, b"x")).to_vec()
}

#[test]
fn its_own_chassis_serves_it_else_a_gateway_else_nobody() {
    let mut world = site();
    assert_eq!(server(&world), Some(ChassisKey(2)));
    world.commit(vec![Change::Lame(ChassisKey(2), true)]);
    assert_eq!(server(&world), Some(ChassisKey(3)), "its chassis is out of reach");
    world.commit(vec![Change::Lame(ChassisKey(3), true)]);
    assert_eq!(server(&world), None);
    world.commit(vec![Change::Lame(ChassisKey(2), false), Change::Down(ChassisKey(2), OfPort(UPLINK), true)]);
    assert_eq!(server(&world), None, "its chassis has no carrier");
    world.commit(vec![Change::Lame(ChassisKey(3), false)]);
    assert_eq!(server(&world), Some(ChassisKey(3)));
    world.commit(vec![Change::Down(ChassisKey(2), OfPort(UPLINK), false)]);
    assert_eq!(server(&world), Some(ChassisKey(2)), "back home");
    world.commit(direct(NIC, 1).to_vec());
    assert_eq!(server(&world), Some(ChassisKey(3)), "chassis 1 is not on the network");
}

#[test]
fn whoever_serves_punts_its_solicitations_and_nobody_else() {
    let world = site();
    let from = link_local(port_mac(NIC));
    let message = Icmpv6::RouterSolicit { options: vec![NdOption::SourceLinkLayer(port_mac(NIC))] };
    let asks = icmpv6_frame(port_mac(NIC), multicast_mac(ALL_ROUTERS), from, ALL_ROUTERS, 255, &message);
    let punts = |chassis| {
        let trace = run(&switch(&world, chassis), &asks);
        let metadata = trace.outputs.iter().find_map(|output| match &output.fate {
            Fate::Controller { metadata, .. } => Some(features::punt::op_of(metadata)),
            _ => None,
        });
        metadata.flatten()
    };
    assert_eq!(punts(2), Some(PuntOp::RouterSolicit));
    assert_eq!(punts(3), None);
}

#[test]
fn a_router_is_at_a_mac_of_the_chassis_that_serves() {
    let world = site();
    let mac = sends_from(ChassisKey(2), RouterKey(1));
    let router: Ipv6Addr = "fe80::1".parse().unwrap();
    let asks = neighbor_solicit(port_mac(NIC), v6(1, NIC), router);
    assert_eq!(sent(&run(&switch(&world, 2), &asks)), [(UPLINK, true, port_mac(NIC), mac)]);
    assert_ne!(mac, speaks_from(ChassisKey(2)));
    // What it sends there is routed: to a port here.
    let trace = run(&switch(&world, 2), &data(v6(1, NIC), (mac, v6(3, ROUTED))));
    assert_eq!(sent(&trace).into_iter().map(|(port, ..)| port).collect::<Vec<_>>(), [ROUTED]);
}

#[test]
fn another_s_source_ends_where_it_comes_in() {
    let world = site();
    let to = (port_mac(THERE), v6(1, THERE));
    let other = "2001:db8:0:0::bad".parse().unwrap();
    for chassis in [2, 3] {
        let switch = switch(&world, chassis);
        assert_eq!(run(&switch, &data(other, to)).dropped(), Some(Some(Drop::SpoofedSource)), "chassis {chassis}");
    }
    let arrives = sent(&run(&switch(&world, 3), &data(v6(1, NIC), to)));
    assert_eq!(arrives, [(THERE, false, port_mac(THERE), port_mac(NIC))]);
}

#[test]
fn two_have_two_numbers_though_their_keys_make_the_same() {
    let mut world = site();
    let other = NIC + 0x7000;
    let Change::Port(_, Some(fact)) = port(9, 1) else { unreachable!() };
    let mut changes = vec![Change::Port(PortKey(other), Some(fact))];
    changes.extend(direct(other, 2));
    world.commit(changes);
    let number = |port| View::new(&world).place(PortKey(port)).map(|place| place.ofport);
    assert!(number(NIC).is_some() && number(other).is_some());
    assert_ne!(number(NIC), number(other));
    assert_eq!(world.numbered(ChassisKey(2), number(other).unwrap()), Some(PortKey(other)));
}

#[test]
fn what_a_nic_takes_over_is_what_leaves_no_work_to_the_host() {
    let world = site();
    let switch = switch(&world, 3);
    let own = (port_mac(THERE), v6(1, THERE));
    let plain = ipv6_frame(own.0, port_mac(NIC), own.1, v6(1, NIC), 64, 17, &udp(own.1, v6(1, NIC), 5, 6, b"x"));
    let run = |frame: &[u8]| flows::eval::obstacles(&switch.run(frame, OfPort(THERE), None));
    assert!(run(&plain).is_empty(), "{:?}", run(&plain));
    let asks = neighbor_solicit(own.0, own.1, "fe80::1".parse().unwrap());
    assert!(run(&asks).iter().any(|why| why.contains("answers it itself")), "{:?}", run(&asks));
    let probe = neighbor_solicit(own.0, Ipv6Addr::UNSPECIFIED, own.1);
    assert!(run(&probe).iter().any(|why| why.contains("controller")), "{:?}", run(&probe));
}
