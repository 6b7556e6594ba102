//! Networks: MTU and segmentation id, the physical network of a provider network, and who may attach.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::{IpNet, is_link_local};
use proto::v1;
use topology::{Change, Encap, NetworkKey, ResourceId};

use super::fabric::{DEFAULT_MTU, IPV6_MTU};
use super::{Model, port, subnet, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, DELEGATION, PORT, ROUTER, SUBNET};
use crate::catalog::index::Claim;

/// The largest VNI.
pub(crate) const VNI_MAX: u32 = 0xff_ffff;
/// The largest VLAN id.
pub(crate) const VLAN_MAX: u32 = 4094;
/// RFC 791: the least MTU of an IPv4 link.
const MTU_MIN: u32 = 68;
const MTU_MAX: u32 = 65_535;

/// RFC 8910, 2: for the option of DHCP for IPv4.
const URI_MAX: usize = 255;
/// RFC 8910, 2: there is no captive portal.
const UNRESTRICTED: &str = "urn:ietf:params:capport:unrestricted";

/// A network's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network {
    /// As given.
    pub(crate) mtu: Option<u32>,
    /// As given, of a network that the fabric carries.
    pub(crate) segment: Option<u32>,
    /// Where a provider network is.
    pub(crate) physical: Option<Physical>,
    pub(crate) shared: bool,
    /// What no port resource claims becomes its port.
    pub(crate) auto_ports: bool,
    pub(crate) dns_domain: Option<Arc<str>>,
    captive_portal: Option<Arc<str>>,
}

/// Where a provider network is, as given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Physical {
    pub(crate) name: Arc<str>,
    /// `None`: what is untagged there.
    pub(crate) vlan: Option<u16>,
    routers: Vec<Ipv6Addr>,
}

/// Routers that one provider network names.
const ROUTERS_MAX: usize = 16;

pub(super) fn parse(spec: &mut v1::NetworkSpec, findings: &mut Findings) -> Network {
    let physical = physical(spec, findings);
    let v1::NetworkSpec { mtu, segmentation_id, shared, auto_ports, dns_domain, captive_portal, .. } = spec;
    if let Some(mtu) = mtu.filter(|mtu| !(MTU_MIN..=MTU_MAX).contains(mtu)) {
        findings.spec("mtu", format!("{mtu} is not in {MTU_MIN} to {MTU_MAX}"));
    }
    let segment = segmentation_id.filter(|_| physical.is_none());
    if let Some(id) = segment.filter(|id| !(1..=VNI_MAX).contains(id)) {
        findings.spec("segmentation_id", format!("{id} is not in 1 to {VNI_MAX}"));
    }
    let dns_domain = dns_domain.as_mut().and_then(|name| text::domain(name, "dns_domain", findings));
    let captive_portal = captive_portal.as_deref().and_then(|uri| portal(uri, findings));
    let (mtu, shared, auto_ports) = (*mtu, *shared || physical.is_some(), *auto_ports);
    Network { mtu, segment, physical, shared, auto_ports, dns_domain, captive_portal }
}

/// Where a network is; `None`: the fabric carries it, or what is said makes no sense.
fn physical(spec: &mut v1::NetworkSpec, findings: &mut Findings) -> Option<Physical> {
    let provider = match v1::NetworkType::try_from(spec.r#type) {
        Ok(v1::NetworkType::Provider) => true,
        Ok(v1::NetworkType::Overlay | v1::NetworkType::Unspecified) => false,
        Err(_) => {
            findings.spec("type", "is unknown: overlay and provider are the types of networks");
            return None;
        }
    };
    if !provider {
        // Absent means it, and is stored as it.
        spec.r#type = v1::NetworkType::Overlay.into();
        for (field, given) in [
            ("physical_network", spec.physical_network.is_some()),
            ("upstream_routers", !spec.upstream_routers.is_empty()),
        ] {
            if given {
                findings.spec(field, "is for networks of type provider: the fabric carries this one");
            }
        }
        return None;
    }
    if spec.auto_ports {
        findings.spec("auto_ports", "can't go with type provider: who is found there may be anybody");
    }
    let vlan = spec.segmentation_id.filter(|id| !(1..=VLAN_MAX).contains(id));
    if let Some(id) = vlan {
        findings.spec("segmentation_id", format!("{id} is not in 1 to {VLAN_MAX}, as VLAN ids are; absent: untagged"));
    }
    let vlan = spec.segmentation_id.and_then(|id| u16::try_from(id).ok());
    let routers = routers(&mut spec.upstream_routers, findings);
    let Some(name) = spec.physical_network.as_deref() else {
        findings.spec("physical_network", "is needed: a name that bridge_mappings of chassis have");
        return None;
    };
    if !ident::is_name(name) {
        findings.spec("physical_network", format!("{name:?} is not a name: {}", ident::NAME_RULE));
    }
    Some(Physical { name: Arc::from(name), vlan, routers })
}

fn routers(given: &mut [String], findings: &mut Findings) -> Vec<Ipv6Addr> {
    if given.len() > ROUTERS_MAX {
        findings.spec("upstream_routers", format!("has {} entries; {ROUTERS_MAX} are the most", given.len()));
    }
    let mut routers: Vec<Ipv6Addr> = Vec::new();
    for (i, text) in given.iter_mut().enumerate() {
        let field = format!("upstream_routers[{i}]");
        match text::read::<IpAddr>(text, &field, findings) {
            Some(IpAddr::V6(router)) if is_link_local(router) && !routers.contains(&router) => routers.push(router),
            Some(IpAddr::V6(router)) if routers.contains(&router) => findings.spec(field, "is listed twice"),
            // RFC 4861, 4.2: routers advertise from their link-local addresses.
            Some(router) => findings.spec(field, format!("{router} is not link-local, as advertisements' sources are")),
            None => {}
        }
    }
    routers
}

/// The URI of a captive portal's API (RFC 8910, 2): https (RFC 8908, 4), or what says that there is none.
fn portal(uri: &str, findings: &mut Findings) -> Option<Arc<str>> {
    let host = uri.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let right = uri == UNRESTRICTED || host.is_some_and(|host| !host.is_empty());
    if !right || !uri.bytes().all(|c| c.is_ascii_graphic()) || uri.len() > URI_MAX {
        let message = format!("{uri:?} is neither an https URI of at most {URI_MAX} bytes nor {UNRESTRICTED}");
        findings.spec("captive_portal", message);
        return None;
    }
    Some(Arc::from(uri))
}

pub(super) fn claims(id: &ResourceId, record: &v1::Record, network: &Network, claims: &mut Vec<Claim>) {
    claims.extend(network.physical.as_ref().map(|_| Claim::Provider(id.name.clone())));
    let segment = network.segment.unwrap_or(record.segmentation_id);
    claims.extend((segment != 0).then_some(Claim::Segment(segment)));
    claims.extend(network.physical.as_ref().map(|at| Claim::Vlan(at.name.clone(), at.vlan)));
    claims.extend(network.auto_ports.then_some(Claim::AutoPorts));
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, network: &Network, findings: &mut Findings) {
    let max = catalog.mtu_max().filter(|_| network.physical.is_none()).unwrap_or(MTU_MAX);
    if let Some(mtu) = network.mtu.filter(|mtu| *mtu > max) {
        findings.spec("mtu", format!("{mtu} is more than the fabric carries: {max} at most"));
    } else if catalog.effective_mtu(network) < IPV6_MTU {
        for (subnet, _) in catalog.subnets_of(id).into_iter().filter(|(_, s)| matches!(s.cidr, IpNet::V6(_))) {
            findings.spec("mtu", mtu_too_small(catalog, id, network, subnet));
        }
    }
    let segment = catalog.by_id(id).map_or(0, |stored| stored.record.segmentation_id);
    if segment > catalog.segment_max() {
        findings.spec("segmentation_id", format!("{segment} is not in 1 to {VLAN_MAX}, as VLAN ids of the fabric are"));
    }
    for (user, port) in catalog.users(id, PORT).filter_map(|user| Some((user, catalog.port(user)?))) {
        if let Some(message) = port::misnamed(id, network, port) {
            findings.rather((user.clone(), ""), "dns_domain", format!("{user}: dns_name: {message}"));
        }
    }
    if !network.shared {
        for user in foreign_users(catalog, id) {
            findings.rather((user.clone(), ""), "shared", format!("can't be false: {user} of another tenant uses it"));
        }
    }
}

/// What is wrong where IPv6 has no room.
pub(crate) fn mtu_too_small(catalog: &Catalog, id: &ResourceId, network: &Network, subnet: &ResourceId) -> String {
    let mtu = catalog.effective_mtu(network);
    format!("{id} has an MTU of {mtu}, but IPv6 ({subnet}) needs {IPV6_MTU}")
}

/// Ports of other tenants on a network, and other tenants' routers on its subnets.
fn foreign_users<'c>(catalog: &'c Catalog, id: &'c ResourceId) -> impl Iterator<Item = &'c ResourceId> {
    let routers = catalog.users(id, SUBNET).flat_map(|subnet| catalog.users(subnet, ROUTER));
    catalog.users(id, PORT).chain(routers).filter(|user| user.tenant != id.tenant)
}

pub(super) fn facts(
    catalog: &Catalog,
    id: &ResourceId,
    record: &v1::Record,
    network: &Network,
    facts: &mut Vec<Change>,
) {
    let fact = topology::Network {
        tenant: id.tenant.clone(),
        name: id.name.clone(),
        segment: catalog.usable_segment(record, network),
        physical: network.physical.as_ref().map(|at| topology::Physical {
            name: at.name.clone(),
            vlan: at.vlan,
            routers: catalog.upstream_routers(id, at),
        }),
        mtu: catalog.effective_mtu(network),
        auto_ports: network.auto_ports,
        dns_domain: network.dns_domain.clone(),
        captive_portal: network.captive_portal.clone(),
        delegates: catalog.users(id, DELEGATION).any(|id| catalog.delegation(id).is_some()),
    };
    facts.push(Change::Network(NetworkKey(record.key), Some(fact)));
}

impl Catalog {
    /// The largest segmentation id that the fabric carries.
    pub(crate) fn segment_max(&self) -> u32 {
        let tags = self.fabric().is_some_and(|fabric| fabric.encap.tags());
        if tags { VLAN_MAX } else { VNI_MAX }
    }

    /// Whether the fabric is a plain layer-2 underlay.
    pub(crate) fn is_vlan(&self) -> bool {
        self.fabric().is_some_and(|fabric| fabric.encap == Encap::Vlan)
    }

    /// A network's MTU: as given, or what the fabric carries; of a provider network what Ethernet does.
    pub(crate) fn effective_mtu(&self, network: &Network) -> u32 {
        let carried = || self.mtu_max().filter(|_| network.physical.is_none());
        network.mtu.or_else(carried).unwrap_or(DEFAULT_MTU)
    }

    /// The routers whose advertisements a provider network's hosts get: those that it names, and its subnets' link-local gateways.
    fn upstream_routers(&self, id: &ResourceId, physical: &Physical) -> Vec<Ipv6Addr> {
        let gateways = self.subnets_of(id).into_iter().filter_map(|(_, subnet)| addr::v6(subnet.gateway));
        let mut routers: Vec<Ipv6Addr> = physical.routers.clone();
        routers.extend(gateways.filter(|gateway| is_link_local(*gateway)));
        routers.sort_unstable();
        routers.dedup();
        routers
    }

    pub(crate) fn network(&self, id: &ResourceId) -> Option<&Network> {
        match self.model(id) {
            Some(Model::Network(network)) => Some(network),
            _ => None,
        }
    }

    pub(crate) fn key_of(&self, id: &ResourceId) -> Option<u32> {
        self.item(id).map(|item| item.stored.record.key)
    }

    /// The subnets of a network, in the order of their keys.
    pub(crate) fn subnets_of(&self, network: &ResourceId) -> Vec<(&ResourceId, &subnet::Subnet)> {
        let mut subnets: Vec<_> =
            self.users(network, SUBNET).filter_map(|id| Some((self.key_of(id)?, id, self.subnet(id)?))).collect();
        subnets.sort_by_key(|(key, id, _)| (*key, *id));
        subnets.into_iter().map(|(_, id, subnet)| (id, subnet)).collect()
    }

    /// Who has an address on a network: by assignment, or because its link-local address is formed from its MAC.
    pub(crate) fn holders(&self, network: &ResourceId, address: IpAddr) -> Vec<ResourceId> {
        let mut holders = self.owners(&Claim::Address(network.clone(), address)).cloned().collect::<Vec<_>>();
        if let IpAddr::V6(address) = address
            && let Some(mac) = subnet::mac_of_link_local(address)
        {
            holders.extend(self.owners(&Claim::Mac(network.clone(), mac)).cloned());
        }
        holders
    }
}
