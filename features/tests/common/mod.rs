//! Worlds for tests: two tenants with the same prefixes and MACs on three chassis, and random changes to them.

#![allow(dead_code, unreachable_pub)]

pub mod outside;

use std::net::IpAddr;
use std::sync::Arc;

use addr::{Dpid, IpNet, MacAddr, OfPort, eui64_address};
use topology::{
    AddressGroup, AddressGroupKey, AddressPair, Advert, Anycast, AnycastKey, Binding, Change, Chassis, ChassisKey,
    Check, Direct, Direction, Encap, Fabric, GroupKey, Health, Hop, Interface, Lane, Listener, Membership, Network,
    NetworkKey, Policy, Port, PortKey, PrefixMapping, Presence, Remote, ResourceId, Role, Route, Router, RouterKey,
    Rule, SecurityGroup, SetKey, Snat, Subnet, SubnetKey, Subport, Way,
};

pub fn fabric(encap: Encap) -> Change {
    let interface = if encap == Encap::Links { "" } else { "sx-tun" };
    Change::Fabric(Some(Fabric { encap, interface: interface.into(), mtu_max: 1430 }))
}

pub fn trunk(chassis: u16, port: u32, there: bool) -> Change {
    Change::Trunk(ChassisKey(chassis), OfPort(port), there)
}

pub fn hop(at: u16, to: u16, label: u8, there: bool) -> Change {
    let hop = Hop { port: OfPort(1000 + u32::from(to)), last: label.is_multiple_of(2) };
    Change::Hop(ChassisKey(at), ChassisKey(to), label, there.then_some(hop))
}

pub fn way(from: u16, to: u16, two: bool, there: bool) -> Change {
    let lane = |label: Option<u8>| Lane { port: OfPort(1000 + u32::from(to)), label };
    let lanes = if two { [lane(None), lane(Some(3))] } else { [lane(Some(2)); 2] };
    Change::Way(ChassisKey(from), ChassisKey(to), there.then_some(Way { lanes }))
}

pub fn chassis(n: u16) -> Change {
    let tunnel_ip = format!("fd00:a::{n}").parse().ok();
    let chassis = Chassis {
        name: format!("hv{n}").into(),
        dpid: Some(Dpid(n.into())),
        tunnel_ip,
        mappings: vec![],
        gateway_priority: None,
        drained: false,
    };
    Change::Chassis(ChassisKey(n), Some(chassis))
}

pub fn plug(chassis: u16, name: &str, port: Option<u32>) -> Change {
    Change::Plug(ChassisKey(chassis), name.into(), port.map(OfPort))
}

pub fn network(n: u32, mtu: u32) -> Change {
    let network = Network {
        tenant: tenant(n),
        name: format!("net{n}").into(),
        segment: 5000 + n,
        physical: None,
        mtu,
        auto_ports: false,
        dns_domain: None,
        captive_portal: None,
        delegates: false,
    };
    Change::Network(NetworkKey(n), Some(network))
}

fn tenant(n: u32) -> Arc<str> {
    if n.is_multiple_of(2) { "acme".into() } else { "umbra".into() }
}

/// The /64 of a subnet: networks of both tenants share them.
pub fn prefix(n: u32) -> IpNet {
    format!("2001:db8:{:x}::/64", n / 2).parse().unwrap()
}

pub fn subnet(n: u32) -> [Change; 2] {
    let IpNet::V6(v6) = prefix(n) else { unreachable!() };
    let advert = Advert {
        prefix: v6,
        autonomous: true,
        default_router: true,
        advertise_prefix: true,
        valid_s: 86400,
        preferred_s: 14400,
        ends: None,
        withdrawn: vec![],
        pref64_by: None,
        rdnss: vec!["2001:db8::53".parse().unwrap()],
        managed: false,
        other: false,
        pref64: None,
        routes: vec![],
        preference: None,
        per_host: false,
    };
    [
        Change::Subnet(SubnetKey(n), Some(Subnet { network: NetworkKey(n), cidr: prefix(n), own_dns: true })),
        Change::Advert(SubnetKey(n), Some(advert)),
    ]
}

pub fn router(r: u32, mac: MacAddr) -> Change {
    Change::Router(RouterKey(r), Some(Router { tenant: tenant(r), name: format!("r{r}").into(), mac }))
}

pub fn interface(r: u32, n: u32, mac: MacAddr) -> Change {
    let address = IpAddr::from(match prefix(n) {
        IpNet::V6(p) => std::net::Ipv6Addr::from(u128::from(p.network()) | u128::from(r)),
        IpNet::V4(_) => unreachable!(),
    });
    Change::Interface(RouterKey(r), SubnetKey(n), Some(Interface { network: NetworkKey(n), mac, address }))
}

pub fn route(r: u32, n: u32, nexthop: IpAddr) -> Change {
    let destination = format!("2001:db8:f{r:x}::/48").parse().unwrap();
    Change::Route(RouterKey(r), destination, Some(Route { network: NetworkKey(n), nexthop }))
}

pub fn port_mac(p: u32) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0100 | u64::from(p))
}

pub fn port_address(n: u32, p: u32) -> IpAddr {
    let IpNet::V6(v6) = prefix(n) else { unreachable!() };
    eui64_address(v6, port_mac(p)).into()
}

pub fn port(p: u32, n: u32) -> Change {
    let port = Port {
        tenant: tenant(n),
        name: format!("vm{p}").into(),
        network: NetworkKey(n),
        mac: port_mac(p),
        addresses: vec![port_address(n, p), std::net::Ipv4Addr::from(0x0a00_0000 | p).into()],
        learned: vec![],
        prefixes: vec![],
        pairs: vec![],
    };
    Change::Port(PortKey(p), Some(port))
}

pub fn bind(p: u32, c: u16) -> Change {
    Change::Binding(PortKey(p), Some(Binding { chassis: ChassisKey(c), interface: format!("vm{p}").into() }))
}

/// A pass-through NIC of a chassis, in place of a port of its bridge.
pub fn direct(p: u32, c: u16) -> [Change; 3] {
    let gone = [Change::Binding(PortKey(p), None), Change::Subport(PortKey(p), None)];
    let [binding, subport] = gone;
    [binding, subport, Change::Direct(PortKey(p), Some(Direct { home: ChassisKey(c) }))]
}

/// A port by another one's interface, with a tag that is its own; never by its own interface.
pub fn subport(p: u32, parent: u32, there: bool) -> Vec<Change> {
    let fact = Subport { parent: PortKey(parent), vlan: 100 + p as u16 };
    let gone = [Change::Binding(PortKey(p), None), Change::Direct(PortKey(p), None)];
    let stated = Change::Subport(PortKey(p), Some(fact).filter(|_| there && p != parent));
    gone.into_iter().chain([stated]).collect()
}

pub fn policy(p: u32, secured: bool) -> Change {
    Change::Policy(
        PortKey(p),
        Some(Policy { secured, learning: false, forming: false, relays: false, role: Role::Host }),
    )
}

pub fn learning(p: u32, learning: bool) -> Change {
    Change::Policy(
        PortKey(p),
        Some(Policy { secured: true, learning, forming: false, relays: false, role: Role::Host }),
    )
}

/// A network on a VLAN of a physical network, one of two, or on what is untagged there.
pub fn provider(n: u32, vlan: u16, router: bool) -> Change {
    let Change::Network(key, Some(fact)) = network(n, 1430) else { unreachable!() };
    let routers = router.then(|| "fe80::9".parse().unwrap()).into_iter().collect();
    let name = if vlan == 2 { "phys2".into() } else { "phys1".into() };
    let physical = topology::Physical { name, vlan: (vlan > 0).then_some(100 + n as u16), routers };
    Change::Network(key, Some(Network { physical: Some(physical), ..fact }))
}

/// A chassis on physical networks, by spare ports.
pub fn mapped(c: u16, how: usize) -> Change {
    let Change::Chassis(key, Some(fact)) = chassis(c) else { unreachable!() };
    let all = [("phys1".into(), "eth1".into()), ("phys2".into(), "eth2".into())];
    let mappings = all.into_iter().enumerate().filter(|(bit, _)| how & (1 << bit) != 0).map(|(_, m)| m).collect();
    Change::Chassis(key, Some(Chassis { mappings, ..fact }))
}

/// A router that leads out by a provider network, and what is known of that.
pub fn leads_out(r: u32, n: u32, there: bool) -> Change {
    let addresses = vec!["2001:db8:100::10".parse().unwrap(), "192.0.2.10".parse().unwrap()];
    let nexthops = if n == 2 { vec![] } else { vec!["fe80::9".parse().unwrap(), "192.0.2.1".parse().unwrap()] };
    let asks = r % 2 == 1;
    let delegated = asks.then(|| "2001:db8:700::/56".parse().unwrap()).into_iter().collect();
    let fact = topology::ExternalGateway { network: NetworkKey(n), addresses, nexthops, asks, delegated, snat: None };
    let snat = Snat { address: "192.0.2.10".parse().unwrap(), zone: 0xff00 + r as u16 };
    let fact = topology::ExternalGateway { snat: (n == 3).then_some(snat), ..fact };
    Change::Gateway(RouterKey(r), there.then_some(fact))
}

/// An address of a provider network that a router answers for: as it is, or for a port's address of either family.
pub fn presence(r: u32, n: u32, p: u32, how: usize) -> Change {
    let outside: IpAddr = if how == 3 { "192.0.2.80" } else { "2001:db8:100::80" }.parse().unwrap();
    let inside = [None, None, Some(port_address(n, p)), "192.0.2.99".parse().ok()][how];
    let owner = ResourceId { kind: "floating_ip", tenant: tenant(n), name: "f".into() };
    let fact = Presence { owner, router: RouterKey(r), port: Some(PortKey(p)), inside };
    Change::Presence(NetworkKey(n), outside, (how > 0).then_some(fact))
}

/// A prefix of network 1 that is another outside, of several lengths.
pub fn prefix_mapping(r: u32, how: usize) -> Change {
    let length = [48, 48, 56, 64, 47][how];
    let IpAddr::V6(address) = port_address(1, 1) else { unreachable!() };
    let internal = addr::Ipv6Net::new(address, length).unwrap().trunc();
    let external = addr::Ipv6Net::new("2001:db8:7700::".parse().unwrap(), length).unwrap();
    let owner = ResourceId { kind: "prefix_mapping", tenant: tenant(1), name: "m".into() };
    let fact = PrefixMapping { owner, pair: addr::PrefixPair::new(internal, external).unwrap() };
    Change::PrefixMapping(RouterKey(r), IpNet::V6(internal), (how > 0).then_some(fact))
}

/// A chassis that is a gateway, drained or not.
pub fn gateway(c: u16, how: usize, drained: bool) -> Change {
    let Change::Chassis(key, Some(fact)) = mapped(c, how) else { unreachable!() };
    Change::Chassis(key, Some(Chassis { gateway_priority: Some(how as u32 % 2), drained, ..fact }))
}

/// A network with a domain of its own, and so with a name server, or without.
pub fn domain(n: u32, domain: Option<&str>) -> Change {
    let Change::Network(key, Some(fact)) = network(n, 1430) else { unreachable!() };
    Change::Network(key, Some(Network { dns_domain: domain.map(Into::into), ..fact }))
}

/// A port that may have another's address too, or a whole subnet's.
pub fn paired(p: u32, n: u32, other: u32, wide: bool) -> Change {
    let Change::Port(key, Some(mut paired)) = port(p, n) else { unreachable!() };
    let prefix = if wide { prefix(n) } else { port_address(n, other).into() };
    paired.pairs = vec![AddressPair { prefix, mac: None }];
    Change::Port(key, Some(paired))
}

/// A port's security groups: 1 to 3, by the bits of a mask.
pub fn membership(p: u32, mask: usize) -> Change {
    let groups = (1..=3).filter(|g| mask & (1 << (g - 1)) != 0).map(GroupKey).collect();
    Change::Membership(PortKey(p), Some(Membership { groups }))
}

/// A port that listens to a group: not any more; to all; to all but what a port sends; to that alone.
pub fn listener(p: u32, group: &str, how: usize, source: IpAddr) -> Change {
    let fact = match how {
        0 => None,
        1 => Some(Listener { exclude: true, sources: [].into() }),
        how => Some(Listener { exclude: how == 2, sources: [source].into() }),
    };
    Change::Listener(PortKey(p), group.parse().unwrap(), fact)
}

/// What is behind a port that is secured.
pub fn role(p: u32, role: Role) -> Change {
    Change::Policy(PortKey(p), Some(Policy { secured: true, learning: false, forming: false, relays: false, role }))
}

/// A security group of acme's, or umbra's for the third, with rules of one kind or another; its tenant's default one, or not.
pub fn group(g: u32, how: usize, default: bool) -> Change {
    let rule = |direction, protocol, remote| Rule { direction, ipv6: true, protocol, ports: None, icmp: None, remote };
    let set = |g| Remote::Set(SetKey::Group(GroupKey(g)));
    let rules = match how {
        0 => vec![],
        1 => vec![rule(Direction::Egress, None, Remote::Any), rule(Direction::Ingress, None, set(g))],
        4 => [Direction::Egress, Direction::Ingress]
            .into_iter()
            .flat_map(|direction| [true, false].map(|ipv6| Rule { ipv6, ..rule(direction, None, Remote::Any) }))
            .collect(),
        2 => vec![rule(Direction::Ingress, Some(58), set(1 + g % 3)), rule(Direction::Egress, Some(17), set(g))],
        _ => vec![rule(Direction::Ingress, Some(6), Remote::Set(SetKey::Addresses(AddressGroupKey(1))))],
    };
    let tenant = tenant(if g == 3 { 1 } else { 2 });
    let fact = SecurityGroup { tenant, name: format!("g{g}").into(), stateful: how != 3, default, rules };
    Change::Group(GroupKey(g), Some(fact))
}

pub fn addresses(there: bool) -> Change {
    let prefixes = vec!["2001:db8:77::/48".parse().unwrap()];
    let fact = AddressGroup { tenant: tenant(2), name: "offices".into(), prefixes };
    Change::Addresses(AddressGroupKey(1), there.then_some(fact))
}

/// A service of a network's: an address of it, or an IPv4 one, that some of the ports answer for, by the bits of a mask.
pub fn anycast(a: u32, n: u32, mask: u32, v6: bool) -> Change {
    let address = if v6 { port_address(n, 0xa00 + a) } else { std::net::Ipv4Addr::from(0x0a00_0f00 | a).into() };
    let fact = Anycast {
        tenant: tenant(n),
        name: format!("any{a}").into(),
        network: NetworkKey(n),
        address,
        ports: (1..=12u32).filter(|p| mask & (1 << (p - 1)) != 0).map(PortKey).collect(),
        health: Health { check: Check::Neighbor, interval_ms: 1_000, timeout_ms: 500 },
        translates: None,
    };
    Change::Anycast(AnycastKey(a), Some(fact))
}

/// A port is alive as an instance, or is not.
pub fn serves(a: u32, p: u32, alive: bool) -> Change {
    Change::Serves(AnycastKey(a), PortKey(p), alive)
}

/// A network that takes in what no port claims, or does not.
pub fn auto_ports(n: u32, auto_ports: bool) -> Change {
    let Change::Network(key, Some(fact)) = network(n, 1430) else { unreachable!() };
    Change::Network(key, Some(Network { auto_ports, ..fact }))
}

/// Cables from the first chassis to the second and on to the third: each names its end by the other's number. What the first and the
/// third send to each other goes over the second, under label 3 there and label 0 back.
pub fn line() -> Vec<Change> {
    let cable = |here: u16, there: u16| {
        let port = 1000 + u32::from(there);
        [plug(here, &format!("to{there}"), Some(port)), trunk(here, port, true)]
    };
    let step = |to: u16| OfPort(1000 + u32::from(to));
    let way = |from: u16, over: u16, to: u16, label: Option<u8>| {
        let lane = Lane { port: step(over), label };
        Change::Way(ChassisKey(from), ChassisKey(to), Some(Way { lanes: [lane; 2] }))
    };
    let hop = |to: u16, label: u8| {
        Change::Hop(ChassisKey(2), ChassisKey(to), label, Some(Hop { port: step(to), last: true }))
    };
    let mut changes = [cable(1, 2), cable(2, 1), cable(2, 3), cable(3, 2)].concat();
    changes.extend([way(1, 2, 2, None), way(2, 1, 1, None), way(2, 3, 3, None), way(3, 2, 2, None)]);
    changes.extend([way(1, 2, 3, Some(3)), hop(3, 3), way(3, 2, 1, Some(0)), hop(1, 0)]);
    changes
}

/// Three chassis; per tenant two networks and a router between them; a port of each network on each chassis.
pub fn small(encap: Encap) -> Vec<Change> {
    let mut changes = vec![fabric(encap)];
    for c in 1..=3 {
        changes.extend([chassis(c), plug(c, "sx-tun", Some(100))]);
    }
    if encap == Encap::Links {
        changes.extend(line());
    }
    for n in 1..=4u32 {
        changes.push(network(n, 1430));
        changes.extend(subnet(n));
    }
    for r in 1..=2u32 {
        let mac = features::router::generated_mac(RouterKey(r));
        changes.push(router(r, mac));
        changes.extend([interface(r, r, mac), interface(r, r + 2, mac)]);
    }
    for p in 1..=12u32 {
        let (n, c) = (1 + p % 4, 1 + (p / 4) as u16 % 3);
        changes.extend([port(p, n), bind(p, c), policy(p, true), plug(c, &format!("vm{p}"), Some(p))]);
    }
    changes
}
