//! Subnets: prefix, gateway, pools.

use std::net::IpAddr;

use addr::{IpNet, Ipv6Net, is_link_local};
use proto::v1;
use topology::{Change, NetworkKey, ResourceId, RouterPreference, SubnetKey};

use super::fabric::IPV6_MTU;
use super::modes::{self, Mode, Modes};
use super::range::{self, Range};
use super::renumbering::Face;
use super::told::{self, Lists, Told};
use super::{Model, network, text, upstream};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{NETWORK, PORT};

const POOLS_MAX: usize = 64;

/// A subnet's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subnet {
    pub(crate) network: ResourceId,
    /// Of one that is given its prefix from upstream, what stands for it: nobody's.
    pub(crate) cidr: IpNet,
    /// Its prefix is delegated from upstream.
    pub(crate) delegated: bool,
    /// As given, or the default.
    pub(crate) gateway: IpAddr,
    /// The intent names it.
    pub(crate) gateway_given: bool,
    pub(crate) modes: Modes,
    /// What addresses are picked from, in order.
    pub(crate) pools: Vec<Range>,
    told: Told,
    /// It names no DNS servers.
    own_dns: bool,
    /// Hosts of the network that can do without IPv4 shall.
    pub(crate) mostly: bool,
    /// Each port has a /64 of its own.
    pub(crate) per_host: bool,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::SubnetSpec, findings: &mut Findings) -> Option<Subnet> {
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    let placeholder = spec.cidr.is_empty().then(|| upstream::placeholder(id));
    let cidr = placeholder.map(IpNet::V6).or_else(|| cidr(&mut spec.cidr, findings));
    let gateway = text::opt::<IpAddr>(&mut spec.gateway_ip, "gateway_ip", findings);
    let modes = modes::read(spec, cidr, findings);
    let lists = Lists::read(spec, cidr, findings);
    // The rest can't be judged without a prefix.
    let cidr = cidr?;
    told::check_meaning(spec, cidr, modes, findings);
    let gateway = match placeholder {
        Some(prefix) => delegated_gateway(spec, modes, (prefix, gateway), findings),
        None => gateway,
    };
    let gateway = match gateway {
        Some(gateway) => {
            check_gateway(gateway, cidr, findings);
            gateway
        }
        // It makes no sense, and that is said.
        None if spec.gateway_ip.is_some() => return None,
        None => range::default_gateway(cidr),
    };
    let pools = if spec.allocation_pools.is_empty() {
        range::default_pools(cidr, gateway)
    } else {
        pools(&mut spec.allocation_pools, cidr, gateway, findings)
    };
    let own_dns = spec.dns_nameservers.is_empty();
    let told = lists.told(spec, cidr, gateway, modes, findings);
    Some(Subnet {
        network: network?,
        cidr,
        delegated: placeholder.is_some(),
        gateway,
        gateway_given: spec.gateway_ip.is_some(),
        modes,
        pools,
        told,
        own_dns,
        mostly: spec.ipv6_mostly,
        per_host: spec.prefix_per_host,
    })
}

impl Subnet {
    /// The /64 that is a port's whose address this is.
    pub(crate) fn share(&self, address: IpAddr) -> Option<Ipv6Net> {
        let address = addr::v6(address).filter(|address| self.per_host && self.cidr.contains(&IpAddr::V6(*address)))?;
        Ipv6Net::new(address, 64).ok().map(|share| share.trunc())
    }

    /// The lifetimes of what is told of it, seconds.
    pub(crate) fn lifetimes(&self) -> v1::PrefixLifetimes {
        let advert = self.told.advert.as_ref();
        advert.map(|a| v1::PrefixLifetimes { preferred_s: a.preferred_s, valid_s: a.valid_s }).unwrap_or_default()
    }

    /// The prefix by which its router advertisements tell that IPv4 addresses are reached.
    pub(crate) fn pref64(&self) -> Option<Ipv6Net> {
        self.told.advert.as_ref().and_then(|advert| advert.pref64)
    }

    /// Whether its router advertisements tell by which prefix IPv4 addresses are reached.
    pub(crate) fn tells_pref64(&self) -> bool {
        self.pref64().is_some()
    }

    /// What it wants its router to say of itself.
    pub(crate) fn preference(&self) -> Option<RouterPreference> {
        self.told.advert.as_ref().and_then(|advert| advert.preference)
    }
}

/// A subnet without cidr: hosts form its addresses, and those that are written are what follows the prefix. Its gateway, if it is given.
fn delegated_gateway(
    spec: &v1::SubnetSpec,
    modes: Modes,
    (prefix, gateway): (Ipv6Net, Option<IpAddr>),
    findings: &mut Findings,
) -> Option<IpAddr> {
    if !modes.ra.is_some_and(Mode::forms) {
        let message = "is needed, or a delegation from upstream gives the prefix: to hosts that form their addresses, by \
                       ipv6_ra_mode slaac or dhcpv6-stateless";
        findings.spec("cidr", message);
    }
    for (_, field) in
        [(spec.prefix_per_host, "prefix_per_host"), (!spec.allocation_pools.is_empty(), "allocation_pools")]
            .into_iter()
            .filter(|(given, _)| *given)
    {
        findings.spec(field, "can't be without a cidr: the prefix is delegated from upstream");
    }
    let gateway = gateway?;
    if matches!(gateway, IpAddr::V6(local) if is_link_local(local)) {
        return Some(gateway);
    }
    let placed = upstream::suffix(prefix, gateway);
    if placed.is_none() {
        let message =
            format!("{gateway} is not what follows the prefix, as ::1: the prefix is delegated from upstream");
        findings.spec("gateway_ip", message);
    }
    placed
}

/// RFC 4291 and Neutron: not everything that can be written as a prefix can be a subnet.
pub(super) fn cidr(text: &mut String, findings: &mut Findings) -> Option<IpNet> {
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

pub(super) fn same_family(address: IpAddr, cidr: IpNet) -> bool {
    address.is_ipv6() == matches!(cidr, IpNet::V6(_))
}

/// A gateway may lie outside its subnet (a link-local one does), but must be an address that a node can have.
fn check_gateway(gateway: IpAddr, cidr: IpNet, findings: &mut Findings) {
    if !same_family(gateway, cidr) {
        findings.spec("gateway_ip", format!("{gateway} is not of {cidr}'s family"));
    } else if gateway.is_multicast() || gateway.is_unspecified() || gateway.is_loopback() {
        findings.spec("gateway_ip", format!("{gateway} is not a unicast address"));
    } else if features::metadata::is_own(gateway) {
        findings.spec("gateway_ip", format!("{gateway} is the metadata service's"));
    } else if matches!(cidr, IpNet::V4(_)) && range::is_edge(cidr, gateway) {
        findings.spec("gateway_ip", format!("{gateway} is the network or broadcast address of {cidr}"));
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

pub(super) fn check(catalog: &Catalog, id: &ResourceId, subnet: &Subnet, findings: &mut Findings) {
    if let Some(network) = catalog.network(&subnet.network) {
        let room = catalog.effective_mtu(network) >= IPV6_MTU;
        if matches!(subnet.cidr, IpNet::V6(_)) && !room {
            let message = network::mtu_too_small(catalog, &subnet.network, network, id);
            findings.rather((subnet.network.clone(), "mtu"), "network", message);
        }
    }
    // Of a renumbered subnet the prefixes that it has now are what counts.
    let (own, others): (Vec<_>, Vec<_>) =
        catalog.faces_on(&subnet.network).into_iter().partition(|(other, _)| *other == id);
    let own: Vec<IpNet> = own.into_iter().map(|(_, face)| face.cidr).collect();
    let unnumbered = own.is_empty() && !subnet.delegated;
    if let Some(network) = catalog.network(&subnet.network).filter(|_| subnet.delegated)
        && network.physical.is_some()
    {
        let message = format!("is needed: {} is a provider network, whose prefix is not ours to give", subnet.network);
        findings.spec("cidr", message);
    }
    for cidr in if unnumbered { vec![subnet.cidr] } else { own } {
        for (other, its) in others.iter().map(|(other, face)| (other, face.cidr)) {
            if its.contains(&cidr) || cidr.contains(&its) {
                findings.spec("cidr", format!("{cidr} overlaps {other} ({its}) on {}", subnet.network));
            }
        }
        if let IpNet::V6(cidr) = cidr
            && let Some(words) = catalog.delegated_there(&subnet.network, cidr)
        {
            findings.spec("cidr", format!("{cidr} overlaps {words}"));
        }
    }
    if let Some(mostly) = catalog.mostly_in_vain(&subnet.network) {
        let message = format!(
            "{mostly} needs pref64 on an IPv6 subnet of {} with ipv6_ra_mode: hosts that do without IPv4 reach it by that",
            subnet.network
        );
        if subnet.mostly {
            findings.spec("ipv6_mostly", message);
        } else if matches!(subnet.cidr, IpNet::V6(_)) {
            findings.rather((mostly.clone(), ""), "pref64", message);
        }
    }
    let holders = catalog.holders(&subnet.network, subnet.gateway);
    if let Some(port) = holders.iter().find(|holder| holder.kind == PORT) {
        findings.spec("gateway_ip", format!("{} is held by {port}", subnet.gateway));
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, subnet: &Subnet, facts: &mut Vec<Change>) {
    for face in catalog.faces(id, subnet).into_iter().filter(|face| face.key == key || subnet.delegated) {
        face_facts(catalog, (id, subnet), face, facts);
    }
}

/// What a subnet states of one of its prefixes.
pub(super) fn face_facts(catalog: &Catalog, (id, subnet): (&ResourceId, &Subnet), face: Face, facts: &mut Vec<Change>) {
    let Some(network) = catalog.key_of(&subnet.network).map(NetworkKey) else { return };
    let key = SubnetKey(face.key);
    facts.push(Change::Subnet(key, Some(topology::Subnet { network, cidr: face.cidr, own_dns: subnet.own_dns })));
    let Told { mut advert, dhcp6, dhcp4 } = subnet.told.of(face);
    if let Some(advert) = &mut advert {
        advert.pref64_by = advert.pref64.and_then(|prefix| catalog.translator_for(id, prefix));
    }
    facts.extend(advert.map(|advert| Change::Advert(key, Some(advert))));
    facts.extend(dhcp6.map(|dhcp6| Change::Dhcp6(key, Some(dhcp6))));
    if let Some(mut dhcp4) = dhcp4 {
        dhcp4.ipv6_mostly |= catalog.subnets_of(&subnet.network).iter().any(|(_, subnet)| subnet.mostly);
        facts.push(Change::Dhcp4(key, Some(dhcp4)));
    }
}

/// The MAC that a link-local address was formed from (RFC 4291, appendix A); `None` for one formed otherwise.
pub(crate) fn mac_of_link_local(address: std::net::Ipv6Addr) -> Option<addr::MacAddr> {
    let o = address.octets();
    let mac = addr::MacAddr([o[8] ^ 0x02, o[9], o[10], o[13], o[14], o[15]]);
    (addr::link_local(mac) == address).then_some(mac)
}

impl Catalog {
    /// A subnet of a network that has hosts do without IPv4, where none tells how they reach it (RFC 8781).
    pub(crate) fn mostly_in_vain(&self, network: &ResourceId) -> Option<&ResourceId> {
        let subnets = self.subnets_of(network);
        let told = subnets.iter().any(|(_, subnet)| subnet.tells_pref64());
        subnets.into_iter().find(|(_, subnet)| subnet.mostly && !told).map(|(id, _)| id)
    }

    pub(crate) fn subnet(&self, id: &ResourceId) -> Option<&Subnet> {
        match self.model(id) {
            Some(Model::Subnet(subnet)) => Some(subnet),
            _ => None,
        }
    }
}
