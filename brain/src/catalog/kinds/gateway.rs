//! External gateways of routers: the provider network that one leads to, and its addresses there.

use std::net::IpAddr;

use addr::IpNet;
use proto::v1;
use topology::{Change, NetworkKey, ResourceId, RouterKey, Snat};

use super::subnet::Subnet;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::admit::Admission;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{NETWORK, ROUTER, short};
use crate::catalog::index::Claim;

/// A router's addresses on its provider network.
const ADDRESSES_MAX: usize = 32;

/// An external gateway, as given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gateway {
    pub(crate) network: ResourceId,
    pub(crate) addresses: Vec<IpAddr>,
    /// What leaves over IPv4 is from the first IPv4 one.
    pub(crate) snat: bool,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::ExternalGateway, findings: &mut Findings) -> Option<Gateway> {
    let v1::ExternalGateway { network, ip_addresses, enable_snat } = spec;
    let network = text::target(NETWORK, &id.tenant, network, "external_gateway.network", findings);
    let snat = *enable_snat == Some(true);
    if ip_addresses.is_empty() || ip_addresses.len() > ADDRESSES_MAX {
        let message = format!("has {} entries; 1 to {ADDRESSES_MAX} are needed", ip_addresses.len());
        findings.spec("external_gateway.ip_addresses", message);
    }
    let mut addresses = Vec::new();
    for (i, text) in ip_addresses.iter_mut().enumerate() {
        let field = format!("external_gateway.ip_addresses[{i}]");
        let Some(address) = text::read::<IpAddr>(text, &field, findings) else { continue };
        if addresses.contains(&address) {
            findings.spec(field, "is listed twice");
        }
        addresses.push(address);
    }
    if snat && !addresses.iter().any(IpAddr::is_ipv4) {
        let message = "needs an IPv4 address among ip_addresses: what leaves is from there; IPv6 is not translated so";
        findings.spec("external_gateway.enable_snat", message);
    }
    Some(Gateway { network: network?, addresses, snat })
}

pub(super) fn claims(gateway: &Gateway, claims: &mut Vec<Claim>) {
    claims.extend(gateway.addresses.iter().map(|address| Claim::Address(gateway.network.clone(), *address)));
}

/// The field that a claim is about.
pub(super) fn field_of(gateway: &Gateway, claim: &Claim) -> Option<String> {
    let Claim::Address(network, address) = claim else { return None };
    let at = gateway.addresses.iter().position(|own| own == address && *network == gateway.network)?;
    Some(format!("external_gateway.ip_addresses[{at}]"))
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, gateway: &Gateway, findings: &mut Findings) {
    let Some(network) = catalog.network(&gateway.network) else { return };
    let name = short(&id.tenant, &gateway.network);
    if network.physical.is_none() {
        let message = format!("{name} is an overlay network: what is outside is beyond a provider network");
        findings.spec("external_gateway.network", message);
        return;
    }
    for (i, address) in gateway.addresses.iter().enumerate() {
        let subnets = catalog.subnets_of(&gateway.network);
        let subnet = subnets.iter().find(|(_, subnet)| subnet.cidr.contains(address));
        let why = match subnet {
            None => format!("{address} is in no subnet of {name}"),
            Some((_, subnet)) if subnet.gateway == *address => format!("{address} is the gateway_ip of {name}"),
            Some((_, subnet)) if super::range::is_edge(subnet.cidr, *address) => {
                format!("{address} is an end of {}", subnet.cidr)
            }
            Some(_) => continue,
        };
        findings.spec(format!("external_gateway.ip_addresses[{i}]"), why);
    }
}

pub(super) fn facts(
    catalog: &Catalog,
    (id, key, snat_number): (&ResourceId, RouterKey, u32),
    gateway: &Gateway,
    facts: &mut Vec<Change>,
) {
    let Some(network) = catalog.key_of(&gateway.network).map(NetworkKey) else { return };
    // Where the intent names no router for IPv6, those that advertise themselves count.
    let subnets = catalog.subnets_of(&gateway.network).into_iter().map(|(_, subnet)| subnet);
    let named = subnets.filter(|subnet| subnet.gateway_given || subnet.gateway.is_ipv4());
    let mut nexthops: Vec<IpAddr> = named.map(|subnet| subnet.gateway).collect();
    nexthops.dedup();
    let addresses = gateway.addresses.clone();
    let asks = catalog.upstreams_of(id).next().is_some();
    let leases = catalog.upstreams_of(id).filter_map(|(_, upstream)| upstream.lease.as_ref());
    let delegated = leases.flat_map(|lease| &lease.prefixes).map(|granted| granted.prefix).collect();
    let snat = gateway.snat.then(|| snat_of(gateway, snat_number)).flatten();
    let fact = topology::ExternalGateway { network, addresses, nexthops, asks, delegated, snat };
    facts.push(Change::Gateway(key, Some(fact)));
}

/// Zones of conntrack that no port has: OpenFlow port numbers end at 0xfeff.
const ZONES_ABOVE: u16 = 0xfeff;
/// How many there are.
pub(crate) const SNAT_MAX: u32 = 0x100;

fn snat_of(gateway: &Gateway, number: u32) -> Option<Snat> {
    let address = gateway.addresses.iter().find_map(|address| addr::v4(*address))?;
    let number = u16::try_from(number).ok().filter(|number| (1..=0x100).contains(number))?;
    Some(Snat { address, zone: ZONES_ABOVE + number })
}

impl Catalog {
    /// The routers that lead to a subnet's network with an address of the subnet.
    pub(crate) fn gateways_of<'c>(&'c self, subnet: &'c Subnet) -> impl Iterator<Item = &'c ResourceId> {
        let leads = |id: &&ResourceId| match self.model(id) {
            Some(Model::Router(router)) => router.gateway.as_ref().is_some_and(|gateway| {
                gateway.network == subnet.network && gateway.addresses.iter().any(|a| subnet.cidr.contains(a))
            }),
            _ => false,
        };
        self.users(&subnet.network, ROUTER).filter(leads)
    }
}

impl Gateway {
    /// The prefixes on the provider network.
    pub(super) fn prefixes(&self, catalog: &Catalog) -> Vec<IpNet> {
        catalog.subnets_of(&self.network).into_iter().map(|(_, subnet)| subnet.cidr).collect()
    }
}

impl Admission<'_> {
    /// A chassis gives up being a gateway, or takes it up again.
    pub(crate) fn drain(&mut self) {
        if let Some((id, drained)) = self.asked.drain.clone() {
            self.edit(&id, |record| record.drained = drained);
            self.followers.insert(id, usize::MAX);
        }
    }
}
