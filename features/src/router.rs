//! What several features must agree on about routers: which addresses one answers to on a network, and by which MAC.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, MacAddr, is_link_local, link_local, subnet_router_anycast};
use topology::{AnycastKey, ChassisKey, Holder, Interface, NetworkKey, RouterKey, SubnetKey, View};

/// `fe80::1`: answered by one router of each network.
pub const FE80_1: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// The first byte of the MACs from which chassis send routed frames on a VLAN underlay: each its own, so that no physical
/// switch sees one MAC on two ports. Then come the chassis (16 bits) and the router (24 bits).
pub const CHASSIS_MAC_PREFIX: u8 = 0xd6;

/// The MAC from which a chassis sends what a router has routed, on a VLAN underlay or a physical network.
pub fn sends_from(chassis: ChassisKey, router: RouterKey) -> MacAddr {
    MacAddr::from_u64(chassis_mac(router).0.to_u64() | u64::from(chassis.0) << 24)
}

/// Of the MACs from which chassis send what a router has routed: those of the router, with the mask by which they are told.
pub fn chassis_mac(router: RouterKey) -> (MacAddr, MacAddr) {
    let prefix = (u64::from(CHASSIS_MAC_PREFIX) << 40) | u64::from(router.0 & 0xff_ffff);
    (MacAddr::from_u64(prefix), MacAddr([0xff, 0, 0, 0xff, 0xff, 0xff]))
}

/// Whether a MAC is one that the controller gives away itself, to routers, networks or chassis: no port may have it.
pub fn is_reserved(mac: MacAddr) -> bool {
    is_chassis_mac(mac) || is_own_mac(mac)
}

/// Whether a MAC is one that a chassis sends routed frames from on a VLAN underlay, and nowhere else. One in 64 of those that
/// operating systems make up begins like it.
pub fn is_chassis_mac(mac: MacAddr) -> bool {
    mac.0[0] == CHASSIS_MAC_PREFIX
}

/// Whether a MAC is one that routers, networks and the metadata service are given: `02:53`.
pub fn is_own_mac(mac: MacAddr) -> bool {
    mac.0[..2] == [0x02, 0x53]
}

/// The MAC of a router that was given none: `02:53:00` and the router's key.
pub fn generated_mac(router: RouterKey) -> MacAddr {
    MacAddr::from_u64(0x0253_0000_0000 | u64::from(router.0 & 0xff_ffff))
}

/// The MAC by which a network speaks for itself, as its DHCPv6 server, and in advertisements of subnets that no router serves:
/// `02:53:01` and the network's key.
pub fn network_mac(network: NetworkKey) -> MacAddr {
    MacAddr::from_u64(0x0253_0100_0000 | u64::from(network.0 & 0xff_ffff))
}

/// The MAC of an anycast service, the same on every chassis: `02:53:02` and the service's key.
pub fn anycast_mac(service: AnycastKey) -> MacAddr {
    MacAddr::from_u64(0x0253_0200_0000 | u64::from(service.0 & 0xff_ffff))
}

/// The MAC from which a network asks instances of services whether they are alive: `02:53:03` and the network's key.
pub fn prober_mac(network: NetworkKey) -> MacAddr {
    MacAddr::from_u64(0x0253_0300_0000 | u64::from(network.0 & 0xff_ffff))
}

/// Every address that a router answers to by one of its interfaces: the interface's own, the subnet-router anycast address
/// (RFC 4291, 2.6.1), and once for each network and MAC the link-local ones.
pub fn addresses(view: &View<'_>, router: RouterKey, subnet: SubnetKey) -> Vec<IpAddr> {
    let (Some(interface), Some(fact)) = (view.interface(router, subnet), view.subnet(subnet)) else {
        return Vec::new();
    };
    let mut addresses = vec![interface.address];
    if let IpNet::V6(prefix) = fact.cidr
        && speaks_for_prefix(view, interface, router, subnet, prefix)
    {
        addresses.push(IpAddr::V6(subnet_router_anycast(prefix)));
    }
    if speaks_for_mac(view, interface, router, subnet) {
        addresses.push(IpAddr::V6(link_local(interface.mac)));
    }
    if view.interfaces_on(interface.network).first() == Some(&(router, subnet)) {
        addresses.push(IpAddr::V6(FE80_1));
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Whether this interface answers to its prefix' subnet-router anycast address: if nobody has that address for his own, it is
/// the first router's there; and a prefix for two has none (RFC 6164, 5.1).
fn speaks_for_prefix(
    view: &View<'_>,
    interface: &Interface,
    router: RouterKey,
    subnet: SubnetKey,
    prefix: Ipv6Net,
) -> bool {
    let anycast = IpAddr::V6(subnet_router_anycast(prefix));
    let free = match view.holder(interface.network, anycast) {
        None => true,
        Some(holder) => holder == Holder::Router(router, subnet),
    };
    let first = view.interfaces_on(interface.network).into_iter().find(|(_, s)| *s == subnet);
    prefix.prefix_len() < 127 && free && first == Some((router, subnet))
}

/// Whether this interface is the first on its network with its MAC: rows that know only network and MAC are its to write.
pub fn speaks_for_mac(view: &View<'_>, interface: &Interface, router: RouterKey, subnet: SubnetKey) -> bool {
    first_with_mac(view, interface.network, interface.mac) == Some((router, subnet))
}

fn first_with_mac(view: &View<'_>, network: NetworkKey, mac: MacAddr) -> Option<(RouterKey, SubnetKey)> {
    let same_mac = |at: &(RouterKey, SubnetKey)| view.interface(at.0, at.1).is_some_and(|i| i.mac == mac);
    view.interfaces_on(network).into_iter().find(same_mac)
}

/// Whether an address means something on one network only.
pub fn is_local_to_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if is_link_local(address))
}
