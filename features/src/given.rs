//! Addresses that a port was given where its neighbours form theirs (requirement 8).

use std::net::Ipv6Addr;

use addr::{Ipv6Net, eui64_address};
use topology::{NetworkKey, PortKey, View};

/// The IPv6 addresses that a port was assigned on a prefix, in order.
pub fn assigned(view: &View<'_>, key: PortKey, prefix: Ipv6Net) -> Vec<Ipv6Addr> {
    let Some(port) = view.port(key) else { return Vec::new() };
    port.addresses.iter().copied().filter_map(addr::v6).filter(|address| prefix.contains(address)).collect()
}

/// Those of them that do not follow from the port's MAC.
pub fn not_formed(view: &View<'_>, key: PortKey, prefix: Ipv6Net) -> Vec<Ipv6Addr> {
    // Where each host has a /64 of its own, that is the one that an address is of.
    let mac = view.port(key).filter(|_| prefix.prefix_len() <= 64).map(|port| port.mac);
    let formed = |address: &Ipv6Addr| {
        let around = Ipv6Net::new(*address, 64).ok()?.trunc();
        Some(eui64_address(around, mac?))
    };
    assigned(view, key, prefix).into_iter().filter(|address| formed(address) != Some(*address)).collect()
}

/// Whether one of them does.
pub fn forms(view: &View<'_>, key: PortKey, prefix: Ipv6Net) -> bool {
    assigned(view, key, prefix).len() > not_formed(view, key, prefix).len()
}

/// The prefixes of a network on which hosts form their addresses, in the order of subnets. Where each has one of its own, what it forms
/// is its own anyway.
pub fn formed_on(view: &View<'_>, network: NetworkKey) -> Vec<Ipv6Net> {
    let told = view.subnets_of(network).into_iter().filter_map(|subnet| view.dhcp6(subnet));
    let shared = told.filter(|fact| !fact.stateful && fact.prefix.prefix_len() == 64);
    shared.map(|fact| fact.prefix).collect()
}
