//! Subnets: prefix, gateway, pools, and what they put into router advertisements.

use std::net::IpAddr;

use addr::{IpNet, Ipv6Net};
use proto::v1;
use topology::{Advert, Change, NetworkKey, ResourceId, SubnetKey};

use super::fabric::IPV6_MTU;
use super::range::{self, Range};
use super::{Model, network, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{NETWORK, PORT};

/// Neutron's limit.
const DNS_MAX: usize = 5;
const POOLS_MAX: usize = 64;
const VALID_S: u32 = 86_400;
const PREFERRED_S: u32 = 14_400;

/// A subnet's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subnet {
    pub(crate) network: ResourceId,
    pub(crate) cidr: IpNet,
    /// As given, or the default.
    pub(crate) gateway: IpAddr,
    /// Hosts form their addresses from their MACs.
    pub(crate) auto: bool,
    /// They do so by the advertisements of a router that is not ours.
    pub(crate) foreign_ra: bool,
    /// What addresses are picked from, in order.
    pub(crate) pools: Vec<Range>,
    pub(crate) advert: Option<Advert>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::SubnetSpec, findings: &mut Findings) -> Option<Subnet> {
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    let cidr = cidr(&mut spec.cidr, findings);
    let gateway = text::opt::<IpAddr>(&mut spec.gateway_ip, "gateway_ip", findings);
    let ra = mode(spec.ipv6_ra_mode, "ipv6_ra_mode", findings);
    let address = mode(spec.ipv6_address_mode, "ipv6_address_mode", findings);
    let dns = nameservers(&mut spec.dns_nameservers, cidr, findings);
    check_lifetimes(spec, ra, findings);
    // The rest can't be judged without a prefix.
    let cidr = cidr?;
    check_modes(cidr, ra, address, findings);
    let gateway = match gateway {
        Some(gateway) => {
            check_gateway(gateway, cidr, findings);
            gateway
        }
        None if spec.gateway_ip.is_some() => return None,
        None => range::default_gateway(cidr),
    };
    let pools = if spec.allocation_pools.is_empty() {
        range::default_pools(cidr, gateway)
    } else {
        pools(&mut spec.allocation_pools, cidr, gateway, findings)
    };
    let advert = match cidr {
        IpNet::V6(prefix) if ra => Some(advert(spec, prefix, dns)),
        _ => None,
    };
    Some(Subnet { network: network?, cidr, gateway, auto: ra || address, foreign_ra: address && !ra, pools, advert })
}

/// RFC 4291 and Neutron: not everything that can be written as a prefix can be a subnet.
fn cidr(text: &mut String, findings: &mut Findings) -> Option<IpNet> {
    let cidr = text::read::<IpNet>(text, "cidr", findings)?.trunc();
    *text = cidr.to_string();
    let address = cidr.network();
    let why = if cidr.prefix_len() == 0 || address.is_unspecified() {
        "the unspecified address is no subnet's"
    } else if address.is_multicast() {
        "it is a range of multicast groups"
    } else if address.is_loopback() {
        "it is the loopback's"
    } else {
        return Some(cidr);
    };
    findings.spec("cidr", format!("{cidr} can't be a subnet: {why}"));
    None
}

fn mode(mode: i32, field: &str, findings: &mut Findings) -> bool {
    match v1::Ipv6Mode::try_from(mode) {
        Ok(mode) => mode == v1::Ipv6Mode::Slaac,
        Err(_) => {
            findings.spec(field, "is unknown: slaac, or absent");
            false
        }
    }
}

fn check_modes(cidr: IpNet, ra: bool, address: bool, findings: &mut Findings) {
    for (set, field) in [(ra, "ipv6_ra_mode"), (address, "ipv6_address_mode")] {
        if set && matches!(cidr, IpNet::V4(_)) {
            findings.spec(field, format!("is for IPv6 subnets only, and {cidr} is IPv4"));
        }
    }
    if (ra || address) && matches!(cidr, IpNet::V6(_)) && cidr.prefix_len() != 64 {
        findings.spec("cidr", format!("{cidr} is not a /64, which slaac needs"));
    }
}

fn same_family(address: IpAddr, cidr: IpNet) -> bool {
    address.is_ipv6() == matches!(cidr, IpNet::V6(_))
}

/// A gateway may lie outside its subnet (a link-local one does), but must be an address that a node can have.
fn check_gateway(gateway: IpAddr, cidr: IpNet, findings: &mut Findings) {
    if !same_family(gateway, cidr) {
        findings.spec("gateway_ip", format!("{gateway} is not of {cidr}'s family"));
    } else if gateway.is_multicast() || gateway.is_unspecified() || gateway.is_loopback() {
        findings.spec("gateway_ip", format!("{gateway} is not a unicast address"));
    } else if matches!(cidr, IpNet::V4(_)) && range::is_edge(cidr, gateway) {
        findings.spec("gateway_ip", format!("{gateway} is the network or broadcast address of {cidr}"));
    }
}

fn nameservers(texts: &mut [String], cidr: Option<IpNet>, findings: &mut Findings) -> Vec<IpAddr> {
    if texts.len() > DNS_MAX {
        findings.spec("dns_nameservers", format!("has {} entries; {DNS_MAX} are the most", texts.len()));
    }
    let mut found = Vec::new();
    for (i, text) in texts.iter_mut().enumerate() {
        let field = format!("dns_nameservers[{i}]");
        let Some(address) = text::read::<IpAddr>(text, &field, findings) else { continue };
        if let Some(cidr) = cidr.filter(|cidr| !same_family(address, *cidr)) {
            findings.spec(field, format!("{address} is not of {cidr}'s family"));
        } else if address.is_multicast() || address.is_unspecified() {
            findings.spec(field, format!("{address} is not a unicast address"));
        } else if found.contains(&address) {
            findings.spec(field, format!("{address} is listed twice"));
        } else {
            found.push(address);
        }
    }
    found
}

fn check_lifetimes(spec: &v1::SubnetSpec, ra: bool, findings: &mut Findings) {
    if let Some(v1::PrefixLifetimes { preferred_s, valid_s }) = spec.prefix_lifetimes
        && preferred_s > valid_s
    {
        findings.spec("prefix_lifetimes", format!("preferred_s {preferred_s} is more than valid_s {valid_s}"));
    }
    let given = [
        (spec.prefix_lifetimes.is_some(), "prefix_lifetimes"),
        (spec.advertise_router.is_some(), "advertise_router"),
        (spec.advertise_prefix.is_some(), "advertise_prefix"),
        // Until there is DHCP, only router advertisements tell of them.
        (!spec.dns_nameservers.is_empty(), "dns_nameservers"),
    ];
    for (_, field) in given.into_iter().filter(|(given, _)| *given && !ra) {
        findings.spec(field, "has no meaning without ipv6_ra_mode: the subnet is in no router advertisement");
    }
}

fn pools(pools: &mut [v1::AllocationPool], cidr: IpNet, gateway: IpAddr, findings: &mut Findings) -> Vec<Range> {
    if pools.len() > POOLS_MAX {
        findings.spec("allocation_pools", format!("has {} entries; {POOLS_MAX} are the most", pools.len()));
        return Vec::new();
    }
    let mut found: Vec<Range> = Vec::new();
    for (i, pool) in pools.iter_mut().enumerate() {
        let field = format!("allocation_pools[{i}]");
        let start = text::read::<IpAddr>(&mut pool.start, &format!("{field}.start"), findings);
        let end = text::read::<IpAddr>(&mut pool.end, &format!("{field}.end"), findings);
        let (Some(start), Some(end)) = (start, end) else { continue };
        let range = Range { start, end };
        let outside = |a: IpAddr| !cidr.contains(&a) || range::is_edge(cidr, a);
        if start.is_ipv6() != end.is_ipv6() || start > end {
            findings.spec(field, format!("{start} is not before {end}"));
        } else if outside(start) || outside(end) {
            findings.spec(field, format!("{range} is not within the hosts' addresses of {cidr}"));
        } else if range.contains(gateway) {
            findings.spec(field, format!("{range} contains the gateway {gateway}"));
        } else if let Some(other) = found.iter().find(|other| other.overlaps(range)) {
            findings.spec(field, format!("{range} overlaps {other}"));
        } else {
            found.push(range);
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

fn advert(spec: &v1::SubnetSpec, prefix: Ipv6Net, dns: Vec<IpAddr>) -> Advert {
    let slaac = v1::Ipv6Mode::Slaac as i32;
    let unset = v1::Ipv6Mode::Unspecified as i32;
    let address = spec.ipv6_address_mode;
    let lifetimes = spec.prefix_lifetimes.unwrap_or(v1::PrefixLifetimes { preferred_s: PREFERRED_S, valid_s: VALID_S });
    let v6 = |address| match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    Advert {
        prefix,
        autonomous: address == slaac || (address == unset && spec.ipv6_ra_mode == slaac),
        default_router: spec.advertise_router.unwrap_or(true),
        advertise_prefix: spec.advertise_prefix.unwrap_or(true),
        valid_s: lifetimes.valid_s,
        preferred_s: lifetimes.preferred_s,
        rdnss: dns.into_iter().filter_map(v6).collect(),
    }
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, subnet: &Subnet, findings: &mut Findings) {
    if let Some(network) = catalog.network(&subnet.network) {
        let room = catalog.effective_mtu(network) >= IPV6_MTU;
        if matches!(subnet.cidr, IpNet::V6(_)) && !room {
            let message = network::mtu_too_small(catalog, &subnet.network, network, id);
            findings.rather((subnet.network.clone(), "mtu"), "network", message);
        }
    }
    for (other, Subnet { cidr, .. }) in catalog.subnets_of(&subnet.network) {
        if other != id && (cidr.contains(&subnet.cidr) || subnet.cidr.contains(cidr)) {
            findings.spec("cidr", format!("{} overlaps {other} ({cidr}) on {}", subnet.cidr, subnet.network));
        }
    }
    let holders = catalog.holders(&subnet.network, subnet.gateway);
    if let Some(port) = holders.iter().find(|holder| holder.kind == PORT) {
        findings.spec("gateway_ip", format!("{} is held by {port}", subnet.gateway));
    }
}

pub(super) fn facts(catalog: &Catalog, key: u32, subnet: &Subnet, facts: &mut Vec<Change>) {
    let Some(network) = catalog.key_of(&subnet.network).map(NetworkKey) else { return };
    let key = SubnetKey(key);
    facts.push(Change::Subnet(key, Some(topology::Subnet { network, cidr: subnet.cidr })));
    if let Some(advert) = &subnet.advert {
        facts.push(Change::Advert(key, Some(advert.clone())));
    }
}

/// The MAC that a link-local address was formed from (RFC 4291, appendix A); `None` for one formed otherwise.
pub(crate) fn mac_of_link_local(address: std::net::Ipv6Addr) -> Option<addr::MacAddr> {
    let o = address.octets();
    let mac = addr::MacAddr([o[8] ^ 0x02, o[9], o[10], o[13], o[14], o[15]]);
    (addr::link_local(mac) == address).then_some(mac)
}

impl Catalog {
    pub(crate) fn subnet(&self, id: &ResourceId) -> Option<&Subnet> {
        match self.model(id) {
            Some(Model::Subnet(subnet)) => Some(subnet),
            _ => None,
        }
    }
}
