//! The routes that lead in from outside: over which of a router's addresses, as gateways come and go.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use addr::IpNet;
use common::outside::*;
use common::*;
use features::exposure::routes::{nexthops, routes};
use features::gateway::choice;
use topology::{Change, ChassisKey, Encap, Exposure, ExposureKey, ExposureMethod, NetworkKey, PortKey, View, World};

const E: ExposureKey = ExposureKey(1);

fn exposed(ports: &[u32], prefixes: &[IpNet]) -> Change {
    let fact = Exposure {
        tenant: "acme".into(),
        name: "e".into(),
        router: R,
        method: ExposureMethod::Routed,
        ports: ports.iter().map(|port| PortKey(*port)).collect(),
        prefixes: prefixes.iter().map(|prefix| (NetworkKey(1), *prefix)).collect(),
    };
    Change::Exposure(E, Some(fact))
}

fn leads(world: &World) -> Vec<(IpNet, BTreeSet<IpAddr>)> {
    let routes = routes(&View::new(world), E).into_iter();
    routes.map(|route| (route.prefix, route.nexthops.into_iter().map(|(address, _)| address).collect())).collect()
}

fn held_by(world: &World, c: u16) -> BTreeSet<IpAddr> {
    let holders = choice::holders(&View::new(world), R).into_iter();
    holders.filter(|(_, holder)| *holder == Some(ChassisKey(c))).map(|(address, _)| address).collect()
}

fn all() -> BTreeSet<IpAddr> {
    held().into_iter().collect()
}

#[test]
fn a_subnet_is_led_to_over_every_gateway_that_is_there() {
    let mut world = world(Encap::Geneve, &[exposed(&[], &[prefix(1)])]);
    assert_eq!(leads(&world), [(prefix(1), all())]);
    let homes = [held_by(&world, 2), held_by(&world, 3)];
    assert!(homes.iter().all(|home| home.len() == 1), "{homes:?}");
    for (gone, left) in [(2u16, 1), (3, 0)] {
        let lost = [Change::Lame(ChassisKey(gone), true), gateway_chassis(gone, Some(100), true)];
        let back = [Change::Lame(ChassisKey(gone), false), gateway_chassis(gone, Some(100), false)];
        for (lost, back) in lost.into_iter().zip(back) {
            world.commit(vec![lost]);
            // The other one answers for both, and is led over by its own.
            assert_eq!(held_by(&world, 5 - gone), all());
            assert_eq!(leads(&world), [(prefix(1), homes[left].clone())]);
            world.commit(vec![back]);
            assert_eq!(leads(&world), [(prefix(1), all())]);
        }
    }
    world.commit(vec![Change::Lame(ChassisKey(2), true), Change::Lame(ChassisKey(3), true)]);
    assert_eq!(leads(&world), [(prefix(1), BTreeSet::new())]);
}

#[test]
fn a_gateway_of_lesser_priority_is_led_over_while_it_stands_in() {
    let mut world = world(Encap::Geneve, &[gateway_chassis(3, Some(50), false), exposed(&[], &[prefix(1)])]);
    assert_eq!(leads(&world)[0].1, all(), "one gateway holds both, and both are its own");
    world.commit(vec![Change::Lame(ChassisKey(2), true)]);
    let hops = nexthops(&View::new(&world), R);
    assert_eq!(hops.len(), 1, "one of those that it holds");
    assert_eq!(hops[0].1, ChassisKey(3));
}

#[test]
fn a_port_is_led_to_over_its_own_chassis_if_that_is_a_gateway() {
    let mut world = world(Encap::Geneve, &[exposed(&[HERE, LOST], &[])]);
    let host = |p: u32| IpNet::from(port_address(1, p));
    let of =
        |world: &World, p: u32| leads(world).into_iter().find(|(prefix, _)| *prefix == host(p)).map(|(_, hops)| hops);
    assert_eq!(of(&world, HERE), Some(held_by(&world, 2)));
    assert_eq!(of(&world, LOST), Some(all()), "its chassis has no way out");
    let other = held_by(&world, 3);
    world.commit(vec![Change::Lame(ChassisKey(2), true)]);
    assert_eq!(of(&world, HERE), Some(other), "another gateway, by a tunnel");
    world.commit(vec![Change::Lame(ChassisKey(2), false), bind(HERE, 3)]);
    assert_eq!(of(&world, HERE), Some(held_by(&world, 3)), "it has moved");
    world.commit(vec![Change::Binding(PortKey(HERE), None)]);
    assert_eq!(of(&world, HERE), Some(BTreeSet::new()), "it is nowhere");
    world.commit(vec![Change::Port(PortKey(HERE), None)]);
    assert_eq!(of(&world, HERE), None);
}

#[test]
fn what_the_router_is_not_on_is_not_led_to() {
    // Port 3 is on network 2, which router 1 is on too: not any more.
    let mut world = world(Encap::Geneve, &[exposed(&[3], &[])]);
    let before = leads(&world);
    let on: Vec<_> = View::new(&world).interfaces_on(NetworkKey(2)).into_iter().filter(|(r, _)| *r == R).collect();
    assert_eq!(before.is_empty(), on.is_empty());
    world.commit(on.into_iter().map(|(router, subnet)| Change::Interface(router, subnet, None)).collect());
    assert_eq!(leads(&world), []);
}

#[test]
fn what_is_another_outside_is_led_to_as_that() {
    use topology::{PrefixMapping, Presence, ResourceId};
    let v6 = |text: &str| text.parse::<addr::Ipv6Net>().unwrap();
    let owner = ResourceId { kind: "prefix_mapping", tenant: "acme".into(), name: "m".into() };
    let IpNet::V6(inside) = prefix(1) else { unreachable!() };
    let whole = addr::Ipv6Net::new(inside.network(), 48).unwrap().trunc();
    let mapped = |internal: addr::Ipv6Net, external: &str| {
        let pair = addr::PrefixPair::new(internal, v6(external)).unwrap();
        let mapping = PrefixMapping { owner: owner.clone(), pair };
        (pair, Change::PrefixMapping(R, IpNet::V6(internal), Some(mapping)))
    };
    let mut world = world(Encap::Geneve, &[exposed(&[HERE], &[prefix(1)])]);
    // By subnet: a /64 is a /64 outside, of another number.
    let (pair, change) = mapped(whole, "2001:db8:f::/48");
    world.commit(vec![change]);
    let IpAddr::V6(own) = port_address(1, HERE) else { unreachable!() };
    let host = pair.outward(own).unwrap();
    let subnet = addr::Ipv6Net::new(pair.outward(inside.network()).unwrap(), 64).unwrap().trunc();
    let led = |world: &World| leads(world).into_iter().map(|(prefix, _)| prefix).collect::<Vec<_>>();
    assert_eq!(led(&world), [IpNet::V6(subnet), IpNet::from(IpAddr::V6(host))]);
    assert!(subnet.contains(&host) && v6("2001:db8:f::/48").contains(&subnet));
    // By whole addresses: all of the mapping's prefix.
    world.commit(vec![Change::PrefixMapping(R, IpNet::V6(whole), None), mapped(inside, "2001:db8:f:7::/64").1]);
    assert_eq!(led(&world)[0], IpNet::V6(v6("2001:db8:f:7::/64")));
    // A floating address stands for the port's, and is answered for by itself.
    world.commit(vec![Change::PrefixMapping(R, IpNet::V6(inside), None)]);
    let owner = ResourceId { kind: "floating_ip", ..owner.clone() };
    let presence = Presence { owner, router: R, port: Some(PortKey(HERE)), inside: Some(IpAddr::V6(own)) };
    world.commit(vec![Change::Presence(OUT, "2001:db8:100::80".parse().unwrap(), Some(presence))]);
    assert_eq!(led(&world), [prefix(1)]);
}
