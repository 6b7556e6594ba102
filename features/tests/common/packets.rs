//! A site with what the small one has not, and the frames that its ports send.

#![allow(dead_code, unreachable_pub)]

use addr::{IpNet, OfPort};
use topology::{Change, Encap, Interface, NetworkKey, PortKey, Route, RouterKey, Subnet, SubnetKey};

use super::common::*;
use super::dice::Dice;
use super::frames::Sender;
use super::scene::Scene;

/// The tunnel or trunk port of every chassis.
pub const UPLINK: OfPort = OfPort(100);

/// The small site; and a network with a small MTU, a port without security, a static route to a host, IPv4 routers, and two
/// routers whose routes lead to each other.
pub fn site(encap: Encap) -> Vec<Change> {
    let mut changes = small(encap);
    changes.extend([network(3, 1280), policy(8, false), policy(3, false)]);
    changes.push(route(1, 1, port_address(1, 4)));
    for n in 1..=2u32 {
        let subnet = Subnet { network: NetworkKey(n), cidr: "10.0.0.0/24".parse().unwrap(), own_dns: true };
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

/// What a port sends, well-behaved or not.
pub fn from_port(dice: &mut Dice, scene: &Scene, p: u32) -> Vec<u8> {
    let vm = scene.ports.iter().find(|vm| vm.key == PortKey(p)).unwrap();
    Sender::new(scene, &vm.port).frame(dice)
}
