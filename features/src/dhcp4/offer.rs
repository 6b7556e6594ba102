//! What a port gets by DHCP for IPv4.

use std::net::{IpAddr, Ipv4Addr};

use addr::Ipv4Net;
use packet::{Dhcp4Option, dhcp4_option as code};
use topology::{Dhcp4, DhcpOptions, NetworkKey, PortKey, View};

use crate::options::first_said;
use crate::ra::advert;
use crate::{dns, metadata};

/// How long a host that goes without IPv4 stays so before it asks again, seconds (RFC 8925, 3.4: the default).
const V6ONLY_WAIT_S: u32 = 1800;

/// An address, and what goes with it.
pub(super) struct Offer<'v> {
    pub(super) address: Ipv4Addr,
    pub(super) fact: &'v Dhcp4,
    /// Whether the gateway is somebody's: a router's, or as the intent says.
    has_gateway: bool,
    dns: Vec<Ipv4Addr>,
    network: &'v topology::Network,
    /// Hosts that can do without IPv4 shall, and may.
    mostly: bool,
    /// What the port alone is told.
    own: Option<&'v DhcpOptions>,
}

/// The addresses that a port of a network gets, in the order of subnets, then of the port's addresses.
pub(super) fn of<'v>(view: &View<'v>, key: PortKey, network: NetworkKey) -> Vec<Offer<'v>> {
    let (Some(port), Some(noun)) = (view.port(key), view.network(network)) else { return Vec::new() };
    let named = view.dhcp_options(key);
    let mut offers = Vec::new();
    for subnet in view.subnets_of(network) {
        let Some(fact) = view.dhcp4(subnet) else { continue };
        let routed = view.interfaces_on(network).into_iter().any(|(router, on)| {
            on == subnet && view.interface(router, on).is_some_and(|i| i.address == IpAddr::V4(fact.gateway))
        });
        let has_gateway = routed || fact.gateway_given;
        let own = port.addresses.iter().copied().filter_map(addr::v4).filter(|address| fact.prefix.contains(address));
        let offer = |address| {
            let dns = dns::server::told_v4(view, subnet, &fact.dns);
            let mostly = fact.ipv6_mostly && advert::reaches_ipv4(view, network);
            Offer { address, fact, has_gateway, dns, network: noun, mostly, own: named }
        };
        offers.extend(own.map(offer));
    }
    offers
}

impl Offer<'_> {
    /// All options that tell of it, but for those of the lease itself.
    pub(super) fn settings(&self) -> Vec<Dhcp4Option> {
        let Offer { fact, network, own, .. } = self;
        let mut options = vec![
            Dhcp4Option::addresses(code::SUBNET_MASK, &[fact.prefix.netmask()]),
            Dhcp4Option::addresses(code::BROADCAST_ADDRESS, &[fact.prefix.broadcast()]),
            Dhcp4Option::new(code::INTERFACE_MTU, u16::try_from(network.mtu).unwrap_or(u16::MAX).to_be_bytes()),
        ];
        let mut routes = fact.routes.clone();
        if self.has_gateway {
            options.push(Dhcp4Option::addresses(code::ROUTER, &[fact.gateway]));
            // RFC 3442: who takes these routes takes no other.
            if !routes.is_empty() && !routes.iter().any(|(prefix, _)| prefix.prefix_len() == 0) {
                routes.extend("0.0.0.0/0".parse().ok().map(|everything| (everything, fact.gateway)));
            }
        } else if !routes.iter().any(|(prefix, _)| prefix.contains(&metadata::IPV4)) {
            // On the link (RFC 3442): no router leads there.
            routes.push((Ipv4Net::new_assert(metadata::IPV4, 32), Ipv4Addr::UNSPECIFIED));
        }
        if !routes.is_empty() {
            options.push(Dhcp4Option::routes(&routes));
        }
        if !self.dns.is_empty() {
            options.push(Dhcp4Option::addresses(code::DOMAIN_SERVER, &self.dns));
        }
        if let Some(domain) = &network.dns_domain {
            options.push(Dhcp4Option::new(code::DOMAIN_NAME, domain.as_bytes()));
            options.extend(Dhcp4Option::domain_search(&[domain.to_string()]));
        }
        if let Some(portal) = &network.captive_portal {
            options.push(Dhcp4Option::new(code::CAPTIVE_PORTAL, portal.as_bytes()));
        }
        if self.mostly {
            options.push(Dhcp4Option::seconds(code::IPV6_ONLY_PREFERRED, V6ONLY_WAIT_S));
        }
        for named in first_said([own.map_or(&[][..], |own| &own.v4), &fact.options]) {
            let Ok(code) = u8::try_from(named.code) else { continue };
            options.retain(|option| option.code != code);
            options.push(Dhcp4Option::new(code, &named.data));
        }
        options
    }

    /// The largest IP packet that its network carries, bytes.
    pub(super) fn mtu(&self) -> usize {
        self.network.mtu as usize
    }

    /// The server to be asked next, for booting.
    pub(super) fn next_server(&self) -> Ipv4Addr {
        let own = self.own.and_then(|own| own.next_server);
        own.or(self.fact.next_server).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}
