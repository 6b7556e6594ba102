//! Networks: MTU and segmentation id, and who may attach.

use std::net::IpAddr;
use std::sync::Arc;

use addr::IpNet;
use proto::v1;
use topology::{Change, Encap, NetworkKey, ResourceId};

use super::fabric::{DEFAULT_MTU, IPV6_MTU};
use super::{Model, port, subnet, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{DELEGATION, PORT, ROUTER, SUBNET};
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
    /// As given.
    pub(crate) segment: Option<u32>,
    pub(crate) shared: bool,
    /// What no port resource claims becomes its port.
    pub(crate) auto_ports: bool,
    pub(crate) dns_domain: Option<Arc<str>>,
    captive_portal: Option<Arc<str>>,
}

pub(super) fn parse(spec: &mut v1::NetworkSpec, findings: &mut Findings) -> Network {
    let v1::NetworkSpec { r#type, mtu, segmentation_id, shared, auto_ports, dns_domain, captive_portal } = spec;
    if v1::NetworkType::try_from(*r#type).is_err() {
        findings.spec("type", "is unknown: overlay is the type of networks");
    }
    // The only type there is: absent means it, and is stored as it.
    *r#type = v1::NetworkType::Overlay.into();
    if let Some(mtu) = mtu.filter(|mtu| !(MTU_MIN..=MTU_MAX).contains(mtu)) {
        findings.spec("mtu", format!("{mtu} is not in {MTU_MIN} to {MTU_MAX}"));
    }
    if let Some(id) = segmentation_id.filter(|id| !(1..=VNI_MAX).contains(id)) {
        findings.spec("segmentation_id", format!("{id} is not in 1 to {VNI_MAX}"));
    }
    let dns_domain = dns_domain.as_mut().and_then(|name| text::domain(name, "dns_domain", findings));
    let captive_portal = captive_portal.as_deref().and_then(|uri| portal(uri, findings));
    let (mtu, segment, shared, auto_ports) = (*mtu, *segmentation_id, *shared, *auto_ports);
    Network { mtu, segment, shared, auto_ports, dns_domain, captive_portal }
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

pub(super) fn claims(record: &v1::Record, network: &Network, claims: &mut Vec<Claim>) {
    let segment = network.segment.unwrap_or(record.segmentation_id);
    claims.extend((segment != 0).then_some(Claim::Segment(segment)));
    claims.extend(network.auto_ports.then_some(Claim::AutoPorts));
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, network: &Network, findings: &mut Findings) {
    let max = catalog.mtu_max().unwrap_or(MTU_MAX);
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
        mtu: catalog.effective_mtu(network),
        auto_ports: network.auto_ports,
        dns_domain: network.dns_domain.clone(),
        captive_portal: network.captive_portal.clone(),
        delegates: catalog.users(id, DELEGATION).next().is_some(),
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

    /// A network's MTU: as given, or what the fabric carries.
    pub(crate) fn effective_mtu(&self, network: &Network) -> u32 {
        network.mtu.or_else(|| self.mtu_max()).unwrap_or(DEFAULT_MTU)
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
