//! Frames for tests: what hosts send, and what they should not; each a function of its seed.

#![allow(dead_code, unreachable_pub)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{ALL_NODES, ALL_ROUTERS, IpNet, MacAddr, OfPort, link_local, multicast_mac, solicited_node};
use flows::eval::Tunnel;
use packet::{Arp, Ethernet, Extension, Fragment, Icmpv4, Icmpv6, Ipv4Packet, Ipv6Packet, NdOption, Vlan, protocol};
use topology::{Change, Encap, Interface, NetworkKey, Route, RouterKey, Subnet, SubnetKey};

use super::common::*;

/// The tunnel or trunk port of every chassis.
pub const UPLINK: OfPort = OfPort(100);

/// The small site; and a network with a small MTU, a port without security, a static route to a host, IPv4 routers, and two
/// routers whose routes lead to each other.
pub fn site(encap: Encap) -> Vec<Change> {
    let mut changes = small(encap);
    changes.extend([network(3, 1280), policy(8, false), policy(3, false)]);
    changes.push(route(1, 1, port_address(1, 4)));
    for n in 1..=2u32 {
        let subnet = Subnet { network: NetworkKey(n), cidr: "10.0.0.0/24".parse().unwrap() };
        let mac = features::router::generated_mac(RouterKey(n));
        let interface = Interface { network: NetworkKey(n), mac, address: "10.0.0.254".parse().unwrap() };
        changes.push(Change::Subnet(SubnetKey(10 + n), Some(subnet)));
        changes.push(Change::Interface(RouterKey(n), SubnetKey(10 + n), Some(interface)));
    }
    let mac = features::router::generated_mac(RouterKey(3));
    changes.extend([router(3, mac), interface(3, 1, mac), interface(3, 3, mac)]);
    // Neighbours on one chassis, which the small site has not.
    for p in MORE_PORTS {
        let (n, c) = (network_of(p), chassis_of(p));
        changes.extend([port(p, n), bind(p, c), policy(p, p != 15), plug(c, &format!("vm{p}"), Some(p))]);
    }
    let ring: IpNet = "2001:db8:ee::/48".parse().unwrap();
    for (r, other) in [(1u32, "2001:db8::3"), (3, "2001:db8::1")] {
        let route = Route { network: NetworkKey(1), nexthop: other.parse().unwrap() };
        changes.push(Change::Route(RouterKey(r), ring, Some(route)));
    }
    changes
}

const MORE_PORTS: std::ops::RangeInclusive<u32> = 13..=18;

/// Ports of the site are 1 to this.
pub const PORTS: u32 = *MORE_PORTS.end();

pub fn network_of(p: u32) -> u32 {
    if p < *MORE_PORTS.start() { 1 + p % 4 } else { 1 + p % 2 }
}

pub fn chassis_of(p: u32) -> u16 {
    if p < *MORE_PORTS.start() { 1 + (p / 4) as u16 % 3 } else { 1 + (p % 2) as u16 }
}

pub fn ports_on(chassis: u16) -> Vec<u32> {
    (1..=PORTS).filter(|p| chassis_of(*p) == chassis).collect()
}

/// Numbers from a seed: xorshift, behind a mixer that tells near seeds apart.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut dice = Dice((seed.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            dice.next();
        }
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// A frame that arrives at a switch.
#[derive(Clone, Debug)]
pub struct Arriving {
    pub in_port: OfPort,
    pub tunnel: Option<Tunnel>,
    pub frame: Vec<u8>,
}

/// What arrives at a chassis: mostly from its ports, now and then from the fabric.
pub fn arriving(dice: &mut Dice, chassis: u16, encap: Encap) -> Arriving {
    let ports = ports_on(chassis);
    let p = dice.of(&ports);
    let mut frame = from_port(dice, p);
    if !dice.one_in(6) {
        return Arriving { in_port: OfPort(p), tunnel: None, frame };
    }
    let segment = 5000 + dice.below(6) as u16;
    if encap == Encap::Vlan {
        let tag = [0x81, 0x00, (segment >> 8) as u8 & 0xf, segment as u8];
        frame.splice(12.min(frame.len())..12.min(frame.len()), tag);
        return Arriving { in_port: UPLINK, tunnel: None, frame };
    }
    let end = |n: u16| format!("fd00:a::{n}").parse().ok();
    let tunnel = Tunnel { id: segment.into(), src: end(1 + chassis % 3), dst: end(chassis) };
    Arriving { in_port: UPLINK, tunnel: Some(tunnel), frame }
}

/// What a port sends, well-behaved or not.
pub fn from_port(dice: &mut Dice, p: u32) -> Vec<u8> {
    if dice.one_in(2) { plain(dice, p) } else { odd(dice, p) }
}

/// A packet to another port, to its MAC or by way of a router; all of it as it should be, but for the hop limit now and then.
fn plain(dice: &mut Dice, p: u32) -> Vec<u8> {
    let to = 1 + dice.below(PORTS as usize) as u32;
    let router = RouterKey(if network_of(p) % 2 == 1 { dice.of(&[1, 3]) } else { 2 });
    let direct = network_of(to) == network_of(p);
    let mac = if direct && !dice.one_in(4) { port_mac(to) } else { features::router::generated_mac(router) };
    let (src, dst) = (v6(port_address(network_of(p), p)), v6(port_address(network_of(to), to)));
    let dst = if dice.one_in(4) { any_v6(dice) } else { dst };
    let ttl = dice.of(&[64, 64, 64, 64, 255, 2, 1]);
    if dice.one_in(8) {
        let (src, dst) = (Ipv4Addr::from(0x0a00_0000 | p), Ipv4Addr::from(0x0a00_0000 | to));
        let udp = packet::udp_v4(src, dst, 1000, 2000, b"hello");
        return packet::ipv4_frame(port_mac(p), mac, src, dst, ttl, protocol::UDP, &udp).to_vec();
    }
    if dice.one_in(2) {
        let echo = Icmpv6::EchoRequest { id: 3, seq: 4, data: vec![5; dice.of(&[0, 20, 1232, 1233])].into() };
        let mut ip = Ipv6Packet::new(src, dst, ttl, protocol::ICMPV6, echo.emit(src, dst));
        if dice.one_in(5) {
            ip.extensions.push(extension(dice));
        }
        return Ethernet::untagged(port_mac(p), mac, packet::ETHERTYPE_IPV6).emit(&ip.emit()).to_vec();
    }
    let udp = packet::udp(src, dst, 500, 600, b"hello");
    packet::ipv6_frame(port_mac(p), mac, src, dst, ttl, protocol::UDP, &udp).to_vec()
}

/// Anything.
fn odd(dice: &mut Dice, p: u32) -> Vec<u8> {
    let src = if dice.one_in(8) { any_mac(dice) } else { port_mac(p) };
    let dst = any_mac(dice);
    let (ethertype, dst, payload) = match dice.below(16) {
        0 => (packet::ETHERTYPE_ARP, dice.of(&[dst, MacAddr::BROADCAST]), arp(dice, p)),
        1 | 2 => (packet::ETHERTYPE_IPV4, dst, ipv4(dice, p)),
        3 => (dice.of(&[0x88cc, 0x8035, 0x9000, 40]), dst, vec![0xaa; 46]),
        _ => {
            let (dst, payload) = ipv6(dice, p, dst);
            (packet::ETHERTYPE_IPV6, dst, payload)
        }
    };
    let mut ethernet = Ethernet::untagged(src, dst, ethertype);
    if dice.one_in(12) {
        for _ in 0..=dice.below(3) {
            let tpid = dice.of(&[0x8100, 0x8100, 0x88a8]);
            ethernet.vlans.push(Vlan { tpid, tci: dice.of(&[0, 1, 0x2005, 5001]) });
        }
    }
    let mut frame = ethernet.emit(&payload).to_vec();
    if dice.one_in(16) {
        // LLC and SNAP in front of the ethertype.
        let length = (frame.len() - 12 + 6) as u16;
        frame.splice(12..12, [&length.to_be_bytes()[..], &[0xaa, 0xaa, 3, 0, 0, 0]].concat());
    }
    match dice.below(24) {
        0 => frame.truncate(14 + dice.below(frame.len())),
        1 => {
            let at = 12 + dice.below(frame.len() - 12);
            frame[at] ^= 1 << dice.below(8);
        }
        2 => frame.extend(vec![0; dice.below(40)]),
        _ => {}
    }
    frame
}

fn router_mac(dice: &mut Dice) -> MacAddr {
    features::router::generated_mac(RouterKey(1 + dice.below(3) as u32))
}

fn any_mac(dice: &mut Dice) -> MacAddr {
    match dice.below(8) {
        0..=2 => router_mac(dice),
        3..=5 => port_mac(1 + dice.below(PORTS as usize) as u32),
        6 => dice.of(&[MacAddr::BROADCAST, multicast_mac(ALL_NODES), MacAddr([0x01, 0x00, 0x5e, 1, 2, 3])]),
        _ => dice.of(&[MacAddr([2, 9, 9, 9, 9, 9]), MacAddr::ZERO, MacAddr([0xd6, 0, 2, 0, 0, 1])]),
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    let IpAddr::V6(address) = address else { unreachable!() };
    address
}

fn any_v6(dice: &mut Dice) -> Ipv6Addr {
    let p = 1 + dice.below(PORTS as usize) as u32;
    match dice.below(12) {
        0..=4 => v6(port_address(network_of(p), p)),
        5 => link_local(port_mac(p)),
        6 => link_local(router_mac(dice)),
        _ => {
            let odd = [
                "fe80::1",
                "2001:db8::",
                "2001:db8:1::",
                "2001:db8:2::",
                "2001:db8::1",
                "2001:db8:1::1",
                "2001:db8:1::2",
                "2001:db8::3",
                "2001:db8:0::99",
                "2001:db8:1::99",
                "2001:db8:f1::7",
                "2001:db8:ee::7",
                "2001:db8:ff::1",
                "ff02::1",
                "ff05::2",
                "::1",
                "::",
                "2001:db8:2::2",
            ];
            dice.of(&odd).parse().unwrap()
        }
    }
}

fn own_v6(dice: &mut Dice, p: u32) -> Ipv6Addr {
    match dice.below(10) {
        0 => any_v6(dice),
        1 => Ipv6Addr::UNSPECIFIED,
        2 | 3 => link_local(port_mac(p)),
        _ => v6(port_address(network_of(p), p)),
    }
}

fn any_v4(dice: &mut Dice) -> Ipv4Addr {
    let p = 1 + dice.below(PORTS as usize) as u8;
    dice.of(&[
        [10, 0, 0, p],
        [10, 0, 0, 254],
        [10, 0, 0, 99],
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 5],
        [192, 0, 2, 1],
    ])
    .into()
}

fn arp(dice: &mut Dice, p: u32) -> Vec<u8> {
    let own = Ipv4Addr::from(0x0a00_0000 | p);
    let arp = Arp {
        op: dice.of(&[1, 1, 1, 1, 2, 3, 0x101]),
        sha: if dice.one_in(6) { any_mac(dice) } else { port_mac(p) },
        spa: if dice.one_in(3) { any_v4(dice) } else { own },
        tha: MacAddr::ZERO,
        tpa: any_v4(dice),
    };
    let mut bytes = arp.emit().to_vec();
    if dice.one_in(10) {
        bytes[dice.of(&[1, 3, 4, 5])] ^= 2;
    }
    bytes
}

fn ipv4(dice: &mut Dice, p: u32) -> Vec<u8> {
    let own = Ipv4Addr::from(0x0a00_0000 | p);
    let src = if dice.one_in(5) { any_v4(dice) } else { own };
    let dst = any_v4(dice);
    let (next, payload) = match dice.below(3) {
        0 => (protocol::ICMPV4, Icmpv4::EchoRequest { id: 1, seq: 2, data: vec![7; 20].into() }.emit()),
        1 => (protocol::TCP, vec![0; dice.of(&[8, 20])].into()),
        _ => (protocol::UDP, packet::udp_v4(src, dst, 1000, 2000, b"hello")),
    };
    let ttl = dice.of(&[0, 1, 2, 64, 255, 64]);
    let mut bytes = Ipv4Packet::new(src, dst, ttl, next, payload).emit().to_vec();
    if dice.one_in(4) {
        bytes[6..8].copy_from_slice(&dice.of(&[[0x20, 0], [0x20, 0x10], [0, 0x10], [0x80, 0]]));
        bytes[10..12].fill(0);
        let sum = packet::checksum(&bytes[..20]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn options(dice: &mut Dice, p: u32) -> Vec<NdOption> {
    let mac = if dice.one_in(5) { any_mac(dice) } else { port_mac(p) };
    let source = NdOption::SourceLinkLayer(mac);
    let nonce = NdOption::Unknown { kind: 14, body: vec![1, 2, 3, 4, 5, 6].into() };
    let long = NdOption::Unknown { kind: dice.of(&[1, 2, 14]), body: vec![9; 14].into() };
    let target = NdOption::TargetLinkLayer(mac);
    match dice.below(10) {
        0 => vec![],
        1 => vec![nonce],
        2 => vec![nonce, source],
        3 => vec![source, nonce],
        4 => vec![source.clone(), source],
        5 => vec![target],
        6 => vec![long, source],
        7 => vec![NdOption::TargetLinkLayer(port_mac(p))],
        _ => vec![source],
    }
}

fn icmpv6(dice: &mut Dice, p: u32) -> (Icmpv6, u8) {
    let usual = dice.of(&[255, 255, 255, 255, 64, 1]);
    match dice.below(12) {
        0..=2 => (Icmpv6::NeighborSolicit { target: any_v6(dice), options: options(dice, p) }, usual),
        3 => {
            let own = dice.of(&[v6(port_address(network_of(p), p)), link_local(port_mac(p))]);
            let target = if dice.one_in(3) { any_v6(dice) } else { own };
            let options = options(dice, p);
            let flags = dice.below(8);
            let (router, solicited, override_) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
            (Icmpv6::NeighborAdvert { router, solicited, override_, target, options }, usual)
        }
        4 => (Icmpv6::RouterSolicit { options: options(dice, p) }, usual),
        5 => {
            let kind = dice.of(&[134, 137, 130, 131, 143, 151]);
            (Icmpv6::Unknown { kind, code: 0, body: vec![0; 40].into() }, dice.of(&[255, 1, 64]))
        }
        6 => (Icmpv6::TimeExceeded { code: 0, invoking: vec![0; 48].into() }, 64),
        _ => {
            let length = dice.of(&[0, 20, 1232, 1233, 1400]);
            let echo = Icmpv6::EchoRequest { id: 3, seq: 4, data: vec![5; length].into() };
            (echo, dice.of(&[0, 1, 2, 64, 255, 64, 64]))
        }
    }
}

fn ipv6(dice: &mut Dice, p: u32, mac: MacAddr) -> (MacAddr, Vec<u8>) {
    let (src, mut dst) = (own_v6(dice, p), any_v6(dice));
    let mut mac = mac;
    let (next, hop_limit, payload) = if dice.one_in(4) {
        let payload = match dice.below(3) {
            0 => packet::udp(src, dst, 500, 600, b"hello").to_vec(),
            1 => vec![0; dice.of(&[4, 20, 24])],
            _ => vec![],
        };
        (dice.of(&[protocol::UDP, protocol::TCP, protocol::NO_NEXT, 4, 132]), dice.of(&[1, 64, 64, 255]), payload)
    } else {
        let (message, hop_limit) = icmpv6(dice, p);
        if let (Icmpv6::NeighborSolicit { target, .. }, false) = (&message, dice.one_in(4)) {
            dst = solicited_node(*target);
            mac = multicast_mac(dst);
        } else if let Icmpv6::RouterSolicit { .. } = message {
            dst = ALL_ROUTERS;
            mac = multicast_mac(dst);
        } else if message.kind() == 143 {
            dst = "ff02::16".parse().unwrap();
            mac = multicast_mac(dst);
        }
        let mut bytes = message.emit(src, dst).to_vec();
        if dice.one_in(20) {
            bytes[1] = 1;
        }
        (protocol::ICMPV6, hop_limit, bytes)
    };
    let mut packet = Ipv6Packet::new(src, dst, hop_limit, next, payload.into());
    packet.traffic_class = dice.of(&[0, 0, 0xb9]);
    if dice.one_in(5) {
        packet.extensions = (0..=dice.below(2)).map(|_| extension(dice)).collect();
    }
    (mac, packet.emit().to_vec())
}

fn extension(dice: &mut Dice) -> Extension {
    let fragment = |offset, more| Extension::of_fragment(Fragment { offset, more, id: 77 });
    let raw = |kind, body: Vec<u8>| Extension { kind, body: body.into() };
    match dice.below(9) {
        0 => Extension::router_alert(),
        1 => Extension::destination(&[1, 4, 0, 0, 0, 0]),
        2 => fragment(0, true),
        3 => fragment(10, true),
        4 => fragment(10, false),
        5 => fragment(0, false),
        // A reserved bit of a fragment header; a routing header with a segment left, and with none.
        6 => raw(protocol::FRAGMENT, vec![0, 0, 4, 0, 0, 0, 9]),
        7 => raw(protocol::ROUTING, vec![0, 4, dice.below(2) as u8, 0, 0, 0, 0]),
        _ => raw(protocol::HOP_BY_HOP, vec![dice.of(&[0, 60]), 1, 4, 0, 0, 0, 0]),
    }
}
