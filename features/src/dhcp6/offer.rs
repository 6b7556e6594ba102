//! What a port gets by DHCPv6.

use std::net::Ipv6Addr;

use addr::Ipv6Net;
use bytes::Bytes;
use packet::Dhcp6Option;
use topology::{Delegated, Dhcp6, DhcpOption, NetworkKey, PortKey, View};

use crate::dns::server;
use crate::given;
use crate::options::first_said;
use crate::time::{Millis, left};

/// An address or a delegated prefix, with its lifetimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Whole, if it is an address.
    pub(super) what: Ipv6Net,
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
    /// Prefixes delegated to the port.
    pub(super) prefixes: Vec<Offer>,
    /// Every port is to get an address.
    pub(super) stateful: bool,
    /// It has more addresses and prefixes than a packet tells.
    pub(super) cut: bool,
    /// The prefixes that addresses are from.
    pub(super) on_link: Vec<Ipv6Net>,
    /// What else it is told.
    pub(super) settings: Vec<Dhcp6Option>,
}

/// The least MTU that IPv6 has (RFC 8200, 5).
const MTU_MIN: usize = 1280;
/// Bytes of a packet that are neither addresses nor settings: headers, who talks with whom, how it went.
const OTHERS: usize = 48 + 256;
/// Bytes of an address or prefix, at most.
const ONE: usize = 29;
/// Addresses and prefixes that are told whatever else is.
const ALWAYS: usize = 16;

impl Offers {
    /// Leaves out the last addresses that a packet has no room for: nor has one to the server, when they are to be prolonged.
    fn fit(&mut self, mtu: usize) {
        let all = self.prefixes.len() + self.addresses.len();
        if all > ALWAYS {
            let bytes = |option: &Dhcp6Option| 4 + option.content().map_or(0, |content| content.len());
            let settings: usize = self.settings.iter().map(bytes).sum();
            let most = (mtu.max(MTU_MIN).saturating_sub(OTHERS + settings) / ONE).max(ALWAYS);
            self.cut = all > most;
            self.prefixes.truncate(most);
            self.addresses.truncate(most - self.prefixes.len());
        }
    }
}

/// What a port of a network gets; `None`: it is not served.
pub(super) fn of(view: &View<'_>, port: PortKey, network: NetworkKey, now: Millis) -> Option<Offers> {
    let mut offers = Offers::default();
    let mut served = false;
    let mut dns = Vec::new();
    let mut named = vec![view.dhcp_options(port).map_or(&[][..], |options| &options.v6)];
    for subnet in view.subnets_of(network) {
        let Some(Dhcp6 { prefix, stateful, everybody, valid_s, preferred_s, ends, dns: servers, options }) =
            view.dhcp6(subnet)
        else {
            continue;
        };
        offers.stateful |= *stateful;
        offers.on_link.push(*prefix);
        let addresses =
            if *stateful { given::assigned(view, port, *prefix) } else { given::not_formed(view, port, *prefix) };
        if addresses.is_empty() && !everybody {
            continue;
        }
        served = true;
        let (preferred_s, valid_s) = left(*ends, now, *preferred_s, *valid_s);
        let offer = |address: Ipv6Addr| Offer { what: address.into(), preferred_s, valid_s };
        offers.addresses.extend(addresses.into_iter().map(offer));
        let told = server::told_v6(view, subnet, servers).into_iter();
        let new = told.filter(|server| !dns.contains(server)).collect::<Vec<_>>();
        dns.extend(new);
        named.push(options);
    }
    if let Some(port) = view.port(port) {
        let offer = |d: &Delegated| Offer { what: d.prefix, preferred_s: d.preferred_s, valid_s: d.valid_s };
        offers.prefixes = port.prefixes.iter().filter(|d| !d.advertised).map(offer).collect();
        served |= !offers.prefixes.is_empty();
    }
    let (domain, portal) = match view.network(network) {
        Some(network) => (network.dns_domain.as_ref(), network.captive_portal.as_ref()),
        None => (None, None),
    };
    let usual = [
        (!dns.is_empty()).then_some(Dhcp6Option::DnsServers(dns)),
        domain.map(|domain| Dhcp6Option::DomainSearch(vec![domain.to_string()])),
        portal.map(|portal| Dhcp6Option::CaptivePortal(portal.to_string())),
    ];
    offers.settings = settings(usual.into_iter().flatten(), named);
    offers.fit(view.network(network).map_or(MTU_MIN, |network| network.mtu as usize));
    served.then_some(offers)
}

/// What is told by the fields of an intent, but for what is told by an option of the same number.
fn settings(usual: impl Iterator<Item = Dhcp6Option>, named: Vec<&[DhcpOption]>) -> Vec<Dhcp6Option> {
    let named = first_said(named);
    let mut settings: Vec<Dhcp6Option> =
        usual.filter(|option| !named.iter().any(|named| named.code == option.code())).collect();
    let told =
        |option: &DhcpOption| Dhcp6Option::Unknown { code: option.code, data: Bytes::copy_from_slice(&option.data) };
    settings.extend(named.into_iter().map(told));
    settings
}
