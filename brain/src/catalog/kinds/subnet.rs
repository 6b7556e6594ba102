//! Subnets: prefix, gateway, pools, and what they put into router advertisements.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net};
use proto::v1;
use topology::{Advert, Change, Dhcp6, NetworkKey, ResourceId, SubnetKey};

use super::fabric::IPV6_MTU;
use super::modes::{self, Mode, Modes};
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
    pub(crate) modes: Modes,
    /// What addresses are picked from, in order.
    pub(crate) pools: Vec<Range>,
    pub(crate) advert: Option<Advert>,
    pub(crate) dhcp6: Option<Dhcp6>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::SubnetSpec, findings: &mut Findings) -> Option<Subnet> {
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    let cidr = cidr(&mut spec.cidr, findings);
    let gateway = text::opt::<IpAddr>(&mut spec.gateway_ip, "gateway_ip", findings);
    let modes = modes::read(spec, cidr, findings);
    let dns = nameservers(&mut spec.dns_nameservers, cidr, findings);
    let pref64 = pref64(&mut spec.pref64, findings);
    check_meaning(spec, modes, findings);
    // The rest can't be judged without a prefix.
    let cidr = cidr?;
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
    let (advert, dhcp6) = match cidr {
        IpNet::V6(prefix) => {
            let told = Told { prefix, modes, dns: v6_only(dns), pref64 };
            (told.advert(spec), told.dhcp6(spec))
        }
        IpNet::V4(_) => (None, None),
    };
    Some(Subnet { network: network?, cidr, gateway, modes, pools, advert, dhcp6 })
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

/// What can't be told by anybody is refused.
fn check_meaning(spec: &v1::SubnetSpec, modes: Modes, findings: &mut Findings) {
    if let Some(v1::PrefixLifetimes { preferred_s, valid_s }) = spec.prefix_lifetimes
        && preferred_s > valid_s
    {
        findings.spec("prefix_lifetimes", format!("preferred_s {preferred_s} is more than valid_s {valid_s}"));
    }
    let advertised = [
        (spec.advertise_router.is_some(), "advertise_router"),
        (spec.advertise_prefix.is_some(), "advertise_prefix"),
        (spec.pref64.is_some(), "pref64"),
    ];
    for (_, field) in advertised.into_iter().filter(|(given, _)| *given && modes.ra.is_none()) {
        findings.spec(field, "has no meaning without ipv6_ra_mode: the subnet is in no router advertisement");
    }
    let told =
        [(spec.prefix_lifetimes.is_some(), "prefix_lifetimes"), (!spec.dns_nameservers.is_empty(), "dns_nameservers")];
    for (_, field) in told.into_iter().filter(|(given, _)| *given && modes.ra.is_none() && !modes.served()) {
        let why = "has no meaning without ipv6_ra_mode or ipv6_address_mode: nobody is told of the subnet";
        findings.spec(field, why);
    }
}

/// A NAT64 prefix (RFC 6052, 2.2).
fn pref64(text: &mut Option<String>, findings: &mut Findings) -> Option<Ipv6Net> {
    let prefix = text::opt::<IpNet>(text, "pref64", findings)?;
    match prefix.trunc() {
        IpNet::V6(prefix) if matches!(prefix.prefix_len(), 32 | 40 | 48 | 56 | 64 | 96) => {
            *text = Some(prefix.to_string());
            Some(prefix)
        }
        other => {
            findings.spec("pref64", format!("{other} is not an IPv6 prefix of length 96, 64, 56, 48, 40 or 32"));
            None
        }
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

fn v6_only(addresses: Vec<IpAddr>) -> Vec<Ipv6Addr> {
    let v6 = |address| match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    addresses.into_iter().filter_map(v6).collect()
}

/// What hosts of an IPv6 subnet are told, one way or the other.
struct Told {
    prefix: Ipv6Net,
    modes: Modes,
    dns: Vec<Ipv6Addr>,
    pref64: Option<Ipv6Net>,
}

impl Told {
    fn advert(&self, spec: &v1::SubnetSpec) -> Option<Advert> {
        let ra = self.modes.ra?;
        let v1::PrefixLifetimes { preferred_s, valid_s } = lifetimes(spec);
        Some(Advert {
            prefix: self.prefix,
            autonomous: ra.forms(),
            managed: ra == Mode::Stateful,
            other: ra == Mode::Stateless,
            default_router: spec.advertise_router.unwrap_or(true),
            advertise_prefix: spec.advertise_prefix.unwrap_or(true),
            valid_s,
            preferred_s,
            rdnss: self.dns.clone(),
            pref64: self.pref64,
        })
    }

    fn dhcp6(&self, spec: &v1::SubnetSpec) -> Option<Dhcp6> {
        let v1::PrefixLifetimes { preferred_s, valid_s } = lifetimes(spec);
        let Told { prefix, modes, ref dns, .. } = *self;
        let (stateful, everybody) = (modes.stateful(), modes.settings());
        modes.served().then(|| Dhcp6 { prefix, stateful, everybody, valid_s, preferred_s, dns: dns.clone() })
    }
}

fn lifetimes(spec: &v1::SubnetSpec) -> v1::PrefixLifetimes {
    spec.prefix_lifetimes.unwrap_or(v1::PrefixLifetimes { preferred_s: PREFERRED_S, valid_s: VALID_S })
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
    if let Some(dhcp6) = &subnet.dhcp6 {
        facts.push(Change::Dhcp6(key, Some(dhcp6.clone())));
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
