//! What a port gets by DHCPv6.

use std::net::Ipv6Addr;
use std::sync::Arc;

use addr::Ipv6Net;
use topology::{Dhcp6, NetworkKey, PortKey, View};

use crate::given;

/// An address with its lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) address: Ipv6Addr,
    /// Seconds.
    pub(super) preferred_s: u32,
    /// Seconds.
    pub(super) valid_s: u32,
}

/// All that a port gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// In the order of subnets, then of the port's addresses.
    pub(super) addresses: Vec<Offer>,
    /// The prefixes that addresses are from.
    pub(super) on_link: Vec<Ipv6Net>,
    /// DNS servers, each once.
    pub(super) dns: Vec<Ipv6Addr>,
    /// What to search for names.
    pub(super) domain: Option<Arc<str>>,
}

/// What a port of a network gets; `None`: it is not served.
pub(super) fn of(view: &View<'_>, port: PortKey, network: NetworkKey) -> Option<Offers> {
    let mut offers = Offers::default();
    let mut served = false;
    for subnet in view.subnets_of(network) {
        let Some(Dhcp6 { prefix, stateful, everybody, valid_s, preferred_s, dns }) = view.dhcp6(subnet) else {
            continue;
        };
        offers.on_link.push(*prefix);
        let addresses =
            if *stateful { given::assigned(view, port, *prefix) } else { given::not_formed(view, port, *prefix) };
        if addresses.is_empty() && !everybody {
            continue;
        }
        served = true;
        let offer = |address| Offer { address, preferred_s: *preferred_s, valid_s: *valid_s };
        offers.addresses.extend(addresses.into_iter().map(offer));
        let new = dns.iter().filter(|server| !offers.dns.contains(server)).copied().collect::<Vec<_>>();
        offers.dns.extend(new);
    }
    offers.domain = view.network(network).and_then(|network| network.dns_domain.clone());
    served.then_some(offers)
}
