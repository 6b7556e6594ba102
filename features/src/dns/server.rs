//! Who a network's name server is, and to whom it is told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::link_local;
use topology::{NetworkKey, SubnetKey, View};

use crate::router::{self, FE80_1};

/// Whether questions for names are answered on a network.
pub fn is_served(view: &View<'_>, network: NetworkKey) -> bool {
    view.network(network).is_some_and(|network| network.dns_domain.is_some()) || is_named(view, network)
}

/// Whether a subnet names an address that is ours as its DNS server.
fn is_named(view: &View<'_>, network: NetworkKey) -> bool {
    let mut own: Vec<IpAddr> = vec![IpAddr::V6(FE80_1)];
    let interfaces = view.interfaces_on(network);
    own.extend(interfaces.iter().filter_map(|(router, subnet)| view.interface(*router, *subnet)).map(|i| i.address));
    if interfaces.is_empty() {
        own = vec![IpAddr::V6(link_local(router::network_mac(network)))];
    }
    view.subnets_of(network).into_iter().any(|subnet| {
        let advert = view.advert(subnet).map(|advert| &advert.rdnss).into_iter().flatten();
        let dhcp6 = view.dhcp6(subnet).map(|fact| &fact.dns).into_iter().flatten();
        let dhcp4 = view.dhcp4(subnet).map(|fact| &fact.dns).into_iter().flatten();
        let mut named = advert.chain(dhcp6).copied().map(IpAddr::V6).chain(dhcp4.copied().map(IpAddr::V4));
        named.any(|server| own.contains(&server))
    })
}

/// The network's own address that answers where no router does: it is on the link only, and made of the MAC by which the
/// network speaks for itself.
pub fn on_link(view: &View<'_>, network: NetworkKey) -> Option<Ipv6Addr> {
    let alone = view.interfaces_on(network).is_empty() && is_served(view, network);
    alone.then(|| link_local(router::network_mac(network)))
}

/// The servers that hosts of an IPv6 subnet are told: as the intent names them, or the network's own.
pub fn told_v6(view: &View<'_>, subnet: SubnetKey, named: &[Ipv6Addr]) -> Vec<Ipv6Addr> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let Some(network) = own_of(view, subnet) else { return Vec::new() };
    let routed = view.interfaces_on(network);
    let own = routed.iter().find(|(_, on)| *on == subnet).and_then(|(router, on)| view.interface(*router, *on));
    let own = own.and_then(|interface| addr::v6(interface.address));
    let by_router = own.or_else(|| (!routed.is_empty()).then_some(FE80_1));
    by_router.or_else(|| on_link(view, network)).into_iter().collect()
}

/// The same for IPv4, which has no address that is on every link.
pub fn told_v4(view: &View<'_>, subnet: SubnetKey, named: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let Some(network) = own_of(view, subnet) else { return Vec::new() };
    let on_subnet = view.interfaces_on(network).into_iter().find(|(_, on)| *on == subnet);
    let interface = on_subnet.and_then(|(router, on)| view.interface(router, on));
    interface.and_then(|interface| addr::v4(interface.address)).into_iter().collect()
}

/// The network of a subnet that leaves it to us who its server is, if it has one.
fn own_of(view: &View<'_>, subnet: SubnetKey) -> Option<NetworkKey> {
    let network = view.subnet(subnet).filter(|subnet| subnet.own_dns)?.network;
    is_served(view, network).then_some(network)
}
