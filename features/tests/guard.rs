//! What a port may not send, and by which name it is dropped; what ports of other roles may send all the same.

mod common;

use std::net::Ipv6Addr;

use addr::{ALL_NODES, MacAddr, OfPort, link_local, multicast_mac};
use common::*;
use flows::eval::{Switch, Trace};
use flows::{Drop, Engine};
use packet::{Extension, Fragment, Icmpv6, Ipv6Packet, NdOption, icmpv6_frame, ipv6_frame, protocol, udp};
use topology::{AddressPair, Change, ChassisKey, Encap, Policy, PortKey, Role, World};

/// Two ports of network 1; the first one's chassis.
const HERE: u32 = 4;
const NEAR: u32 = 8;
const CHASSIS: u16 = 2;

/// The small site, in which port 4 has a role, and pairs.
fn switch(role: Role, pairs: &[AddressPair]) -> Switch {
    let mut changes = small(Encap::Geneve);
    let policy = Policy { secured: true, learning: false, forming: true, relays: false, role };
    let Change::Port(key, Some(port)) = port(HERE, 1) else { unreachable!() };
    changes.push(Change::Port(key, Some(topology::Port { pairs: pairs.to_vec(), ..port })));
    changes.push(Change::Policy(PortKey(HERE), Some(policy)));
    let mut world = World::default();
    world.commit(changes);
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    Switch::desired(&engine, ChassisKey(CHASSIS))
}

fn sends(switch: &Switch, frame: &[u8]) -> Trace {
    switch.run(frame, OfPort(HERE), None)
}

/// By which name it is dropped; `None`: it is not.
fn dropped(switch: &Switch, frame: &[u8]) -> Option<Drop> {
    let trace = sends(switch, frame);
    assert_eq!(trace.problems, []);
    trace.dropped().map(|name| name.expect("every drop has a name"))
}

fn v6(p: u32) -> Ipv6Addr {
    let std::net::IpAddr::V6(address) = port_address(1, p) else { unreachable!() };
    address
}

fn nd(dst: Ipv6Addr, hop_limit: u8, message: &Icmpv6) -> Vec<u8> {
    let mac = if dst.is_multicast() { multicast_mac(dst) } else { port_mac(NEAR) };
    icmpv6_frame(port_mac(HERE), mac, link_local(port_mac(HERE)), dst, hop_limit, message).to_vec()
}

fn other(kind: u8) -> Icmpv6 {
    Icmpv6::Unknown { kind, code: 0, body: vec![0; 40].into() }
}

fn carried(next: u8, payload: &[u8], dst: Ipv6Addr, hop_limit: u8, fragment: Option<Fragment>) -> Vec<u8> {
    let mac = if dst.is_multicast() { multicast_mac(dst) } else { port_mac(NEAR) };
    let mut packet = Ipv6Packet::new(v6(HERE), dst, hop_limit, next, payload.to_vec().into());
    packet.extensions.extend(fragment.map(Extension::of_fragment));
    packet::Ethernet::untagged(port_mac(HERE), mac, packet::ETHERTYPE_IPV6).emit(&packet.emit()).to_vec()
}

const FIRST: Option<Fragment> = Some(Fragment { offset: 0, more: true, id: 7 });
const LATER: Option<Fragment> = Some(Fragment { offset: 8, more: false, id: 7 });

/// What a host may not send, with the name for it.
fn forbidden() -> Vec<(Vec<u8>, Drop)> {
    let (near, far) = (link_local(port_mac(NEAR)), v6(NEAR));
    let dhcp = |sport| udp(v6(HERE), far, sport, 546, b"answer");
    let solicit = |options| Icmpv6::NeighborSolicit { target: far, options };
    let foreign = vec![NdOption::SourceLinkLayer(port_mac(NEAR))];
    vec![
        (nd(ALL_NODES, 255, &other(134)), Drop::RogueRouterAdvert),
        (nd(near, 255, &other(134)), Drop::RogueRouterAdvert),
        (nd(near, 64, &other(137)), Drop::RogueRedirect),
        (nd(ALL_NODES, 1, &other(130)), Drop::RogueMulticastRouter),
        (nd(ALL_NODES, 255, &other(151)), Drop::RogueMulticastRouter),
        (carried(103, &[0; 8], ALL_NODES, 1, None), Drop::RogueMulticastRouter),
        (carried(protocol::UDP, &dhcp(547), far, 64, None), Drop::RogueDhcpServer),
        (carried(protocol::UDP, &dhcp(1547), far, 64, None), Drop::RogueDhcpServer),
        (carried(41, &[0; 40], far, 64, None), Drop::TunnelCarrier),
        (carried(protocol::MOBILITY, &[59, 0, 0, 0, 0, 0, 0, 0], far, 64, None), Drop::TunnelCarrier),
        (nd(near, 255, &solicit(foreign)), Drop::ForeignNeighborSolicit),
        (nd(near, 64, &solicit(vec![])), Drop::MalformedNd),
        (carried(protocol::UDP, &[1; 16], near, 64, LATER), Drop::FragmentedControl),
        (carried(protocol::UDP, &[1; 16], ALL_NODES, 64, FIRST), Drop::FragmentedControl),
        (carried(protocol::UDP, &[1; 16], far, 255, LATER), Drop::FragmentedNd),
        (carried(protocol::UDP, &[], far, 64, FIRST), Drop::TruncatedHeaders),
        (carried(protocol::TCP, &[1; 4], far, 64, FIRST), Drop::TruncatedHeaders),
    ]
}

#[test]
fn what_hosts_may_not_send_is_dropped_by_name() {
    let host = switch(Role::Host, &[]);
    for (frame, name) in forbidden() {
        assert_eq!(dropped(&host, &frame), Some(name));
    }
    for name in forbidden().into_iter().map(|(_, name)| name) {
        assert!(name.accuses(), "{name:?}: it is counted for the port");
        assert_eq!(Drop::accused(name as u128), Some(name));
    }
    let own = vec![NdOption::SourceLinkLayer(port_mac(HERE))];
    for frame in [
        nd(link_local(port_mac(NEAR)), 255, &Icmpv6::NeighborSolicit { target: v6(NEAR), options: own }),
        carried(protocol::UDP, &udp(v6(HERE), v6(NEAR), 1000, 2000, b"hello"), v6(NEAR), 64, FIRST),
        carried(protocol::UDP, &[1; 16], v6(NEAR), 64, LATER),
    ] {
        assert_eq!(dropped(&host, &frame), None);
    }
}

#[test]
fn a_router_sends_as_one_and_forwards() {
    let router = switch(Role::Router, &[]);
    let may = [Drop::RogueRouterAdvert, Drop::RogueRedirect, Drop::RogueMulticastRouter, Drop::TunnelCarrier];
    for (frame, name) in forbidden() {
        let hop_limit = frame[21];
        let sound = hop_limit == 255 || !matches!(name, Drop::RogueRouterAdvert | Drop::RogueRedirect);
        let passes = may.contains(&name) && sound;
        assert_eq!(dropped(&router, &frame), (!passes).then_some(name));
    }
    let from = |src: &str| {
        let src: Ipv6Addr = src.parse().unwrap();
        let payload = udp(src, v6(NEAR), 1, 2, b"forwarded");
        ipv6_frame(port_mac(HERE), port_mac(NEAR), src, v6(NEAR), 64, protocol::UDP, &payload).to_vec()
    };
    assert_eq!(dropped(&router, &from("2001:db8:77::1")), None);
    for never in [&v6(NEAR).to_string()[..], "fe80::bad", "ff02::1", "::1", "::"] {
        assert_eq!(dropped(&router, &from(never)), Some(Drop::SpoofedSource), "{never}");
        assert_eq!(dropped(&switch(Role::Host, &[]), &from(never)), Some(Drop::SpoofedSource), "{never}");
    }
}

#[test]
fn a_monitor_sends_nothing() {
    let monitor = switch(Role::Monitor, &[]);
    for frame in forbidden().into_iter().map(|(frame, _)| frame) {
        assert_eq!(dropped(&monitor, &frame), Some(Drop::MonitorSends));
    }
}

#[test]
fn a_pair_is_an_address_with_its_mac() {
    let vrrp = MacAddr([0, 0, 0x5e, 0, 2, 6]);
    let pair = |prefix: &str, mac| AddressPair { prefix: prefix.parse().unwrap(), mac };
    let host = switch(Role::Host, &[pair("2001:db8:99::/64", None), pair("2001:db8:98::1/128", Some(vrrp))]);
    let from = |mac: MacAddr, src: &str| {
        let src: Ipv6Addr = src.parse().unwrap();
        let payload = udp(src, v6(NEAR), 1, 2, b"of a pair");
        dropped(&host, &ipv6_frame(mac, port_mac(NEAR), src, v6(NEAR), 64, protocol::UDP, &payload))
    };
    assert_eq!(from(port_mac(HERE), "2001:db8:99::7"), None);
    assert_eq!(from(vrrp, "2001:db8:98::1"), None);
    assert_eq!(from(vrrp, &link_local(vrrp).to_string()), None);
    assert_eq!(from(vrrp, "2001:db8:99::7"), Some(Drop::SpoofedSource));
    assert_eq!(from(port_mac(HERE), "2001:db8:98::1"), Some(Drop::SpoofedSource));
    assert_eq!(from(MacAddr([0, 0, 0x5e, 0, 2, 7]), "2001:db8:98::1"), Some(Drop::ForeignMac));
    // It announces an address that it has not yet: the controller is to know.
    let target: Ipv6Addr = "2001:db8:99::7".parse().unwrap();
    let options = vec![NdOption::TargetLinkLayer(port_mac(HERE))];
    let advert = Icmpv6::NeighborAdvert { router: false, solicited: false, override_: true, target, options };
    let punted = sends(&host, &nd(ALL_NODES, 255, &advert)).punted().count();
    assert_eq!(punted, 1);
}
