//! Hosts: the frames that ports send, honest and not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{Ipv6Net, MacAddr, link_local};
use fastrand::Rng;
use packet::{Icmpv6, NdOption, RouterAdvert, protocol};

use crate::intents::mac_of;
use crate::model::PortView;
use crate::scenario::PORTS;

/// A frame, and what it claims.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The frame.
    pub frame: Vec<u8>,
    /// Its Ethernet source.
    pub mac: MacAddr,
    /// The address that it says it is from; `None`: it says none.
    pub source: Option<IpAddr>,
    /// No host may send it.
    pub forbidden: bool,
}

/// What a host knows: itself, and what else there may be.
pub struct Host<'a> {
    /// What it was told to be; `None`: nothing, it guesses.
    pub view: Option<&'a PortView>,
    /// All ports that there are.
    pub others: &'a [PortView],
    /// MACs of routers.
    pub routers: &'a [MacAddr],
}

impl Host<'_> {
    /// What it sends next.
    pub fn sends(&self, rng: &mut Rng) -> Sent {
        let (mut mac, mut source) = (self.mac(rng), self.source(rng));
        // Somebody else's name.
        match rng.u8(..8) {
            0 => mac = self.any_mac(rng),
            1 => source = self.any_address(rng),
            _ => {}
        }
        match rng.u8(..10) {
            0..=4 => self.data(rng, mac, source),
            5 | 6 => self.solicits(rng, mac, source),
            7 => arp(mac, self.v4(rng), self.any_v4(rng)),
            8 => Sent {
                frame: packet::router_solicit(mac, source).to_vec(),
                mac,
                source: told(source),
                forbidden: false,
            },
            _ => self.forges(rng, mac, source),
        }
    }

    fn mac(&self, rng: &mut Rng) -> MacAddr {
        self.view.map_or_else(|| mac_of(rng.u8(..PORTS)), |view| view.mac)
    }

    fn source(&self, rng: &mut Rng) -> Ipv6Addr {
        let delegated: Vec<Ipv6Net> = self.view.into_iter().flat_map(|view| view.prefixes.clone()).collect();
        if !delegated.is_empty() && rng.bool() {
            return within(delegated[rng.usize(..delegated.len())], rng);
        }
        let own: Vec<Ipv6Addr> = self.view.into_iter().flat_map(PortView::global).collect();
        if own.is_empty() || rng.u8(..4) == 0 { link_local(self.mac(rng)) } else { own[rng.usize(..own.len())] }
    }

    fn any(&self, rng: &mut Rng) -> Option<&PortView> {
        if self.others.is_empty() { None } else { self.others.get(rng.usize(..self.others.len())) }
    }

    fn any_mac(&self, rng: &mut Rng) -> MacAddr {
        match rng.u8(..8) {
            0..=3 if !self.routers.is_empty() => self.routers[rng.usize(..self.routers.len())],
            4 => MacAddr::BROADCAST,
            5 => MacAddr([0x33, 0x33, 0, 0, 0, rng.u8(1..9)]),
            _ => mac_of(rng.u8(..PORTS)),
        }
    }

    fn any_address(&self, rng: &mut Rng) -> Ipv6Addr {
        let other = self.any(rng);
        let global: Vec<Ipv6Addr> = other.into_iter().flat_map(PortView::global).collect();
        let delegated: Vec<Ipv6Net> = other.into_iter().flat_map(|view| view.prefixes.clone()).collect();
        match rng.u8(..10) {
            4 | 5 if !delegated.is_empty() => within(delegated[rng.usize(..delegated.len())], rng),
            0 => link_local(mac_of(rng.u8(..PORTS))),
            1 => "fe80::1".parse().unwrap_or(Ipv6Addr::UNSPECIFIED),
            2 => Ipv6Addr::new(0x2001, 0xdb8, 0xf000, 0, 0, 0, 0, 7),
            3 => Ipv6Addr::new(0x2001, 0xdb8, rng.u16(..4), 0, 0, 0, 0, rng.u16(..3)),
            _ if global.is_empty() => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
            _ => global[rng.usize(..global.len())],
        }
    }

    fn data(&self, rng: &mut Rng, mac: MacAddr, source: Ipv6Addr) -> Sent {
        let (to, dst, hop_limit) = (self.any_mac(rng), self.any_address(rng), [64, 64, 255, 2, 1][rng.usize(..5)]);
        let frame = if rng.bool() {
            let echo = Icmpv6::EchoRequest { id: 1, seq: 2, data: vec![7; [8, 1300][rng.usize(..2)]].into() };
            packet::icmpv6_frame(mac, to, source, dst, hop_limit, &echo)
        } else {
            let udp = packet::udp(source, dst, 1000, 2000, b"hello");
            packet::ipv6_frame(mac, to, source, dst, hop_limit, protocol::UDP, &udp)
        };
        Sent { frame: frame.to_vec(), mac, source: told(source), forbidden: false }
    }

    fn solicits(&self, rng: &mut Rng, mac: MacAddr, source: Ipv6Addr) -> Sent {
        let target = self.any_address(rng);
        let source = if rng.u8(..4) == 0 { Ipv6Addr::UNSPECIFIED } else { source };
        let frame = match rng.u8(..4) {
            0 => packet::neighbor_probe(mac, source, target, self.any_mac(rng)),
            _ => packet::neighbor_solicit(mac, source, target),
        };
        Sent { frame: frame.to_vec(), mac, source: told(source), forbidden: false }
    }

    /// What is a router's to send, or somebody else's.
    fn forges(&self, rng: &mut Rng, mac: MacAddr, source: Ipv6Addr) -> Sent {
        let all = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
        let (message, forbidden) = if rng.bool() {
            let target = self.any_address(rng);
            let options = vec![NdOption::TargetLinkLayer(mac)];
            let own = self.view.is_some_and(|view| view.addresses.contains(&IpAddr::V6(target)));
            (Icmpv6::NeighborAdvert { router: false, solicited: false, override_: true, target, options }, !own)
        } else {
            (Icmpv6::RouterAdvert(RouterAdvert::default()), true)
        };
        let frame = packet::icmpv6_frame(mac, all, source, addr::ALL_NODES, 255, &message);
        Sent { frame: frame.to_vec(), mac, source: told(source), forbidden }
    }

    fn v4(&self, rng: &mut Rng) -> Ipv4Addr {
        let own = self.view.into_iter().flat_map(|view| &view.addresses);
        let own = own.filter_map(|address| if let IpAddr::V4(v4) = address { Some(*v4) } else { None }).next();
        own.unwrap_or_else(|| self.any_v4(rng))
    }

    fn any_v4(&self, rng: &mut Rng) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, rng.u8(..4), rng.u8(1..9))
    }
}

fn arp(mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Sent {
    let frame = packet::arp_request(mac, sender, target).to_vec();
    Sent { frame, mac, source: Some(IpAddr::V4(sender)), forbidden: false }
}

/// An address of a prefix: its first ones and its last, mostly.
pub fn within(prefix: Ipv6Net, rng: &mut Rng) -> Ipv6Addr {
    let first = u128::from(prefix.network());
    let host = [0, 1, u128::MAX, rng.u128(..)][rng.usize(..4)];
    Ipv6Addr::from(first | (host & !u128::from(prefix.netmask())))
}

fn told(source: Ipv6Addr) -> Option<IpAddr> {
    if source.is_unspecified() { None } else { Some(source.into()) }
}
