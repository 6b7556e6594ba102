//! Frames aimed at a scene: what hosts send, and what they should not; each a function of its dice.

#![allow(dead_code, unreachable_pub)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{ALL_NODES, ALL_ROUTERS, MacAddr, multicast_mac, solicited_node};
use packet::{Arp, Ethernet, Extension, Fragment, Icmpv4, Icmpv6, Ipv4Packet, Ipv6Packet, NdOption, Vlan, protocol};
use topology::{NetworkKey, Port};

use super::dice::Dice;
use super::scene::Scene;

const SCTP: u8 = 132;

/// One who sends into a scene.
pub struct Sender<'s> {
    scene: &'s Scene,
    mac: MacAddr,
    network: NetworkKey,
    v6: Vec<Ipv6Addr>,
    v4: Vec<Ipv4Addr>,
}

impl<'s> Sender<'s> {
    pub fn new(scene: &'s Scene, port: &Port) -> Sender<'s> {
        let v4 = port.v4().collect();
        Sender { scene, mac: port.mac, network: port.network, v6: port.v6().collect(), v4 }
    }

    /// Somebody whom nobody knows.
    pub fn stranger(scene: &'s Scene, dice: &mut Dice) -> Sender<'s> {
        let network = dice.of(&scene.networks).0;
        Sender { scene, mac: MacAddr([2, 9, 9, 9, 9, 9]), network, v6: vec![scene.any_v6(dice)], v4: vec![] }
    }

    /// A frame, well-behaved or not; at least as long as an Ethernet header.
    pub fn frame(&self, dice: &mut Dice) -> Vec<u8> {
        let tried = if dice.below(5) < 3 { self.plain(dice) } else { None };
        tried.unwrap_or_else(|| self.odd(dice))
    }

    /// A packet to another port, to its MAC or by way of a router; all of it as it should be, but for the hop limit and the size
    /// now and then.
    fn plain(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let to = &dice.any(&self.scene.ports)?.port;
        let direct = to.network == self.network && !dice.one_in(4);
        let router = dice.any(&self.scene.routers_on(self.network)).map(|interface| interface.mac);
        let mac = if direct { to.mac } else { router? };
        let address = match dice.any(&self.scene.routers_on(self.network)) {
            Some(router) if !direct && dice.one_in(5) => router.address,
            _ => dice.any(&to.all().collect::<Vec<_>>())?,
        };
        let ttl = dice.of(&[64, 64, 64, 64, 255, 200, 2, 1]);
        Some(match address {
            IpAddr::V6(dst) => {
                let src = if dice.one_in(3) { dice.of(&self.v6) } else { *self.v6.last()? };
                let dst = match dice.below(8) {
                    0 | 1 => self.scene.any_v6(dice),
                    2 => dice.any(&self.scene.routed).unwrap_or(dst),
                    _ => dst,
                };
                let length = self.length(dice, to.network, 48);
                self.plain_v6(dice, mac, (src, dst), ttl, length)
            }
            IpAddr::V4(dst) => {
                let src = dice.any(&self.v4)?;
                let dst = if dice.one_in(4) { self.scene.any_v4(dice) } else { dst };
                let length = self.length(dice, to.network, 28);
                let udp = packet::udp_v4(src, dst, 1000, 2000, &vec![6; length]);
                packet::ipv4_frame(self.mac, mac, src, dst, ttl, protocol::UDP, &udp).to_vec()
            }
        })
    }

    fn plain_v6(&self, dice: &mut Dice, mac: MacAddr, ends: (Ipv6Addr, Ipv6Addr), ttl: u8, length: usize) -> Vec<u8> {
        let (src, dst) = ends;
        let (next, payload) = match dice.below(4) {
            0 => (protocol::UDP, packet::udp(src, dst, 500, 600, &vec![7; length])),
            1 => {
                let segment = packet::Tcp { sport: 700, dport: 80, flags: 2, ..packet::Tcp::default() };
                (protocol::TCP, packet::tcp(src, dst, &segment))
            }
            _ => {
                let echo = Icmpv6::EchoRequest { id: 3, seq: 4, data: vec![5; length].into() };
                (protocol::ICMPV6, echo.emit(src, dst))
            }
        };
        let mut ip = Ipv6Packet::new(src, dst, ttl, next, payload);
        if dice.one_in(5) {
            ip.extensions.push(extension(dice));
        }
        Ethernet::untagged(self.mac, mac, packet::ETHERTYPE_IPV6).emit(&ip.emit()).to_vec()
    }

    /// Bytes behind headers of a size, so that the packet is small, or just about as large as a network takes.
    fn length(&self, dice: &mut Dice, to: NetworkKey, headers: usize) -> usize {
        match dice.below(4) {
            0 => {
                let mtu =
                    self.scene.networks.iter().find(|(key, ..)| *key == to).map_or(1500, |(.., mtu)| *mtu as usize);
                (mtu - headers + dice.below(3)).saturating_sub(1)
            }
            _ => dice.of(&[0, 5, 20, 63]),
        }
    }

    /// Anything.
    fn odd(&self, dice: &mut Dice) -> Vec<u8> {
        let src = if dice.one_in(8) { self.any_mac(dice) } else { self.mac };
        let dst = self.any_mac(dice);
        let (ethertype, dst, payload) = match dice.below(16) {
            0 | 1 => (packet::ETHERTYPE_ARP, dice.of(&[dst, MacAddr::BROADCAST]), self.arp(dice)),
            2 | 3 => (packet::ETHERTYPE_IPV4, dst, self.ipv4(dice)),
            4 => (dice.of(&[0x88cc, 0x8035, 0x9000, 40, 0x8847, 0x5ff]), dst, vec![0xaa; 46]),
            _ => {
                let (dst, payload) = self.ipv6(dice, dst);
                (packet::ETHERTYPE_IPV6, dst, payload)
            }
        };
        let mut ethernet = Ethernet::untagged(src, dst, ethertype);
        if dice.one_in(12) {
            for _ in 0..=dice.below(3) {
                let tpid = dice.of(&[0x8100, 0x8100, 0x88a8]);
                let segment = dice.of(&self.scene.networks).1 as u16 & 0xfff;
                ethernet.vlans.push(Vlan { tpid, tci: dice.of(&[0, 1, 0x2005, segment]) });
            }
        }
        damaged(dice, ethernet.emit(&payload).to_vec())
    }

    fn any_mac(&self, dice: &mut Dice) -> MacAddr {
        match dice.below(12) {
            0..=3 => self.scene.near(dice, self.network).0,
            4..=6 if !self.scene.macs.is_empty() => dice.of(&self.scene.macs),
            7 | 8 if !self.scene.interfaces.is_empty() => dice.of(&self.scene.interfaces).mac,
            9 | 10 => dice.of(&[MacAddr::BROADCAST, multicast_mac(ALL_NODES), MacAddr([0x01, 0x00, 0x5e, 1, 2, 3])]),
            _ => dice.of(&[MacAddr([2, 9, 9, 9, 9, 9]), MacAddr::ZERO, MacAddr([0xd6, 0, 2, 0, 0, 1])]),
        }
    }

    /// Somebody's address: of the own network as often as of anywhere.
    fn any_v6(&self, dice: &mut Dice) -> Ipv6Addr {
        let (_, near) = self.scene.near(dice, self.network);
        let near = near.into_iter().filter_map(|address| if let IpAddr::V6(a) = address { Some(a) } else { None });
        let near = dice.any(&near.collect::<Vec<_>>()).filter(|_| dice.one_in(2));
        near.unwrap_or_else(|| self.scene.any_v6(dice))
    }

    fn any_v4(&self, dice: &mut Dice) -> Ipv4Addr {
        let (_, near) = self.scene.near(dice, self.network);
        let near = near.into_iter().filter_map(|address| if let IpAddr::V4(a) = address { Some(a) } else { None });
        let near = dice.any(&near.collect::<Vec<_>>()).filter(|_| dice.one_in(2));
        near.unwrap_or_else(|| self.scene.any_v4(dice))
    }

    fn own_v6(&self, dice: &mut Dice) -> Ipv6Addr {
        match dice.below(10) {
            0 => self.any_v6(dice),
            1 => Ipv6Addr::UNSPECIFIED,
            _ => dice.of(&self.v6),
        }
    }

    fn own_v4(&self, dice: &mut Dice) -> Ipv4Addr {
        dice.any(&self.v4).filter(|_| !dice.one_in(5)).unwrap_or_else(|| self.any_v4(dice))
    }

    fn arp(&self, dice: &mut Dice) -> Vec<u8> {
        let arp = Arp {
            op: dice.of(&[1, 1, 1, 1, 2, 2, 3, 0, 0x101]),
            sha: if dice.one_in(6) { self.any_mac(dice) } else { self.mac },
            spa: if dice.one_in(6) { Ipv4Addr::UNSPECIFIED } else { self.own_v4(dice) },
            tha: MacAddr::ZERO,
            tpa: self.any_v4(dice),
        };
        let mut bytes = arp.emit().to_vec();
        match dice.below(16) {
            0 => bytes[dice.of(&[1, 3, 4, 5])] ^= 2,
            1 => bytes.truncate(27),
            2 => bytes.resize(46, 0),
            _ => {}
        }
        bytes
    }

    fn ipv4(&self, dice: &mut Dice) -> Vec<u8> {
        let (src, dst) = (self.own_v4(dice), self.any_v4(dice));
        let (next, payload) = match dice.below(6) {
            0 | 1 => (protocol::ICMPV4, Icmpv4::EchoRequest { id: 1, seq: 2, data: vec![7; 20].into() }.emit()),
            2 => {
                let (kind, code) = (dice.below(256) as u8, dice.of(&[0, 0, 3]));
                (protocol::ICMPV4, Icmpv4::Unknown { kind, code, body: vec![0; 28].into() }.emit())
            }
            3 if dice.one_in(2) => {
                let segment = packet::Tcp { sport: 700, dport: 80, flags: 2, ..packet::Tcp::default() };
                (protocol::TCP, packet::tcp_v4(src, dst, &segment))
            }
            3 => (protocol::TCP, vec![0; dice.of(&[8, 20])].into()),
            4 => (dice.of(&[SCTP, 50, 2, 47]), vec![1; dice.of(&[4, 12, 40])].into()),
            _ => {
                let length = self.length(dice, self.network, 28);
                (protocol::UDP, packet::udp_v4(src, dst, dice.of(&[1000, 67]), dice.of(&[2000, 68]), &vec![3; length]))
            }
        };
        let ttl = dice.of(&[0, 1, 2, 64, 255, 64]);
        let mut bytes = Ipv4Packet::new(src, dst, ttl, next, payload).emit().to_vec();
        if dice.one_in(4) {
            bytes[6..8].copy_from_slice(&dice.of(&[[0x20, 0], [0x20, 0x10], [0, 0x10], [0x80, 0], [0x40, 0]]));
            // Fragments of different packets.
            bytes[4..6].copy_from_slice(&(dice.below(0x1_0000) as u16).to_be_bytes());
            bytes[10..12].fill(0);
            let sum = packet::checksum(&bytes[..20]);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        if dice.one_in(12) {
            bytes[0] = dice.of(&[0x46, 0x44, 0x4f, 0x55]);
        }
        bytes
    }

    fn ipv6(&self, dice: &mut Dice, mac: MacAddr) -> (MacAddr, Vec<u8>) {
        let (src, mut dst) = (self.own_v6(dice), self.any_v6(dice));
        let mut mac = if dst.is_multicast() && !dice.one_in(4) { multicast_mac(dst) } else { mac };
        let (next, hop_limit, payload) = if dice.one_in(4) {
            let payload = match dice.below(3) {
                0 => packet::udp(src, dst, dice.of(&[500, 547, 0]), dice.of(&[600, 546, 547, 0]), b"hello").to_vec(),
                1 => vec![0; dice.of(&[4, 20, 24])],
                _ => vec![],
            };
            let next = dice.of(&[protocol::UDP, protocol::TCP, protocol::NO_NEXT, 4, SCTP, 50, 51, 41, 103, 135, 253]);
            (next, dice.of(&[0, 1, 64, 64, 255]), payload)
        } else {
            let (message, hop_limit) = self.icmpv6(dice);
            if let (Icmpv6::NeighborSolicit { target, .. }, false) = (&message, dice.one_in(4)) {
                dst = solicited_node(*target);
                mac = multicast_mac(dst);
            } else if let (Icmpv6::RouterSolicit { .. }, false) = (&message, dice.one_in(8)) {
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
            if dice.one_in(40) {
                bytes.truncate(dice.below(bytes.len()));
            }
            (protocol::ICMPV6, hop_limit, bytes)
        };
        let mut packet = Ipv6Packet::new(src, dst, hop_limit, next, payload.into());
        packet.traffic_class = dice.of(&[0, 0, 0xb9]);
        packet.flow_label = dice.of(&[0, 0, 0xf_1234]);
        if dice.one_in(5) {
            packet.extensions = (0..=dice.below(3)).map(|_| extension(dice)).collect();
        }
        (mac, packet.emit().to_vec())
    }

    fn icmpv6(&self, dice: &mut Dice) -> (Icmpv6, u8) {
        let usual = dice.of(&[255, 255, 255, 255, 64, 1]);
        match dice.below(14) {
            0..=2 => (Icmpv6::NeighborSolicit { target: self.any_v6(dice), options: self.options(dice) }, usual),
            3 | 4 => {
                let target = if dice.one_in(3) { self.any_v6(dice) } else { dice.of(&self.v6) };
                let (options, flags) = (self.options(dice), dice.below(8));
                let (router, solicited, override_) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
                (Icmpv6::NeighborAdvert { router, solicited, override_, target, options }, usual)
            }
            5 => (Icmpv6::RouterSolicit { options: self.options(dice) }, usual),
            6 => {
                let kind = dice.of(&[134, 137, 130, 131, 132, 143, 151]);
                (Icmpv6::Unknown { kind, code: 0, body: vec![0; 40].into() }, dice.of(&[255, 1, 64]))
            }
            // Every type there is.
            7 | 8 => {
                let (kind, code) = (dice.below(256) as u8, dice.of(&[0, 0, 4]));
                let body = vec![0; dice.of(&[4, 20, 28, 60])].into();
                (Icmpv6::Unknown { kind, code, body }, dice.of(&[255, 1, 64]))
            }
            9 => (Icmpv6::TimeExceeded { code: 0, invoking: vec![0; 48].into() }, 64),
            _ => {
                let data = vec![5; self.length(dice, self.network, 48)].into();
                (Icmpv6::EchoRequest { id: 3, seq: 4, data }, dice.of(&[0, 1, 2, 64, 255, 64, 64]))
            }
        }
    }

    fn options(&self, dice: &mut Dice) -> Vec<NdOption> {
        let mac = if dice.one_in(5) { self.any_mac(dice) } else { self.mac };
        let source = NdOption::SourceLinkLayer(mac);
        let nonce = NdOption::Unknown { kind: 14, body: vec![1, 2, 3, 4, 5, 6].into() };
        let long = NdOption::Unknown { kind: dice.of(&[1, 2, 14]), body: vec![9; 14].into() };
        let target = NdOption::TargetLinkLayer(mac);
        match dice.below(12) {
            0 => vec![],
            1 => vec![nonce],
            2 => vec![nonce, source],
            3 => vec![source, nonce],
            4 => vec![source.clone(), source],
            5 => vec![target],
            6 => vec![long, source],
            7 => vec![NdOption::TargetLinkLayer(self.mac)],
            8 => vec![target, source],
            9 => vec![source, target],
            _ => vec![source],
        }
    }
}

/// The frame, now and then cut short, with a bit turned, padded, or behind LLC and SNAP headers.
fn damaged(dice: &mut Dice, mut frame: Vec<u8>) -> Vec<u8> {
    if dice.one_in(16) {
        let length = (frame.len() - 12 + 6) as u16;
        frame.splice(12..12, [&length.to_be_bytes()[..], &[0xaa, 0xaa, 3, 0, 0, 0]].concat());
    }
    match dice.below(24) {
        0 => frame.truncate(14 + dice.below(frame.len() - 13)),
        1 => {
            let at = 12 + dice.below(frame.len() - 12);
            frame[at] ^= 1 << dice.below(8);
        }
        2 => frame.extend(vec![0; dice.of(&[1, 7, 39, 300])]),
        _ => {}
    }
    frame
}

fn extension(dice: &mut Dice) -> Extension {
    let id = dice.below(0x1_0000) as u32;
    let fragment = |offset, more| Extension::of_fragment(Fragment { offset, more, id });
    let raw = |kind, body: Vec<u8>| Extension { kind, body: body.into() };
    match dice.below(10) {
        0 => Extension::router_alert(),
        1 => Extension::destination(&[1, 4, 0, 0, 0, 0]),
        2 => fragment(0, true),
        3 => fragment(10, true),
        4 => fragment(10, false),
        5 => fragment(0, false),
        // A reserved bit of a fragment header; a routing header with a segment left, and with none.
        6 => raw(protocol::FRAGMENT, vec![0, 0, 4, 0, 0, 0, 9]),
        7 => raw(protocol::ROUTING, vec![0, 4, dice.below(2) as u8, 0, 0, 0, 0]),
        8 => raw(protocol::AH, vec![dice.of(&[1, 4, 40]), 0, 0, 0, 0, 0, 9]),
        _ => raw(protocol::HOP_BY_HOP, vec![dice.of(&[0, 60]), 1, 4, 0, 0, 0, 0]),
    }
}
