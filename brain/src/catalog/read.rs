//! Reading: one resource, a page of them, all of them.

use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use addr::Ipv6Net;
use features::{dns::names, router};
use proto::v1::{self, resource::Kind};
use topology::{AnycastKey, ResourceId};

use super::kinds::{Model, class::NOT_ENFORCED, port::Port};
use super::{Catalog, Stored, ident, resource};
use crate::effect::{Refusal, RefusalKind, Violation};

/// How many resources a page has, unless fewer are asked for.
const PAGE_MAX: usize = 1_000;

impl Catalog {
    /// One resource. Global kinds take any tenant, others `default` where it is empty.
    pub(crate) fn get(&self, kind: &str, tenant: &str, name: &str) -> Option<&Arc<Stored>> {
        self.by_id(&ident::id(ident::kind(kind)?, tenant, name))
    }

    /// One resource by its id.
    pub(crate) fn by_id(&self, id: &ResourceId) -> Option<&Arc<Stored>> {
        self.item(id).map(|item| &item.stored)
    }

    /// A page of a kind, in the order of tenant and name, and the token of the next page (empty: there is none).
    /// An empty tenant means all tenants; a page size of 0 means the largest, 1,000.
    ///
    /// # Errors
    /// If there is no such kind, or the token is not one of ours.
    pub(crate) fn list(
        &self,
        kind: &str,
        tenant: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<Arc<Stored>>, String), Refusal> {
        let Some(kind) = ident::kind(kind) else {
            return Err(invalid("kind", format!("{kind:?} is not a kind: {}", ident::KINDS.join(", "))));
        };
        let tenant = if ident::is_global(kind) { "" } else { tenant };
        let limit = match usize::try_from(page_size) {
            Ok(size @ 1..PAGE_MAX) => size,
            _ => PAGE_MAX,
        };
        let start = if page_token.is_empty() {
            Bound::Included(ResourceId { kind, tenant: Arc::from(tenant), name: Arc::from("") })
        } else {
            let last = read_token(kind, page_token);
            Bound::Excluded(last.ok_or_else(|| invalid("page_token", "is not one that was handed out"))?)
        };
        let range = self.items.range((start, Bound::Unbounded));
        let mut rest = range.take_while(|(id, _)| id.kind == kind && (tenant.is_empty() || *id.tenant == *tenant));
        let mut page = Vec::new();
        let mut last = None;
        for (id, item) in rest.by_ref().take(limit) {
            page.push(item.stored.clone());
            last = Some(id);
        }
        let more = rest.next().is_some();
        let token = last.filter(|_| more).map(|id| format!("{}/{}", id.tenant, id.name));
        Ok((page, token.unwrap_or_default()))
    }

    /// The id of every resource, each after those that it may refer to.
    pub(crate) fn all_ids(&self) -> impl Iterator<Item = &ResourceId> {
        ident::KINDS.into_iter().flat_map(|kind| self.ids(kind))
    }

    /// A resource as it is shown: with its revision, and with those fields of its status that follow from intent alone. Phase,
    /// reason and what switches tell (a chassis' connection, a port's OpenFlow number) are left to who knows them.
    pub(crate) fn shown(&self, id: &ResourceId) -> Option<v1::Resource> {
        let item = self.item(id)?;
        let record = &item.stored.record;
        let mut shown = record.resource.clone()?;
        let kind = shown.kind.as_mut()?;
        resource::meta_mut(kind).revision = item.stored.mod_revision;
        match (kind, &item.model) {
            (Kind::Chassis(r), _) => {
                r.status = Some(v1::ChassisStatus { drained: record.drained, ..Default::default() });
            }
            (Kind::Fabric(r), _) => r.status = Some(v1::FabricStatus::default()),
            (Kind::Network(r), model) => {
                let (mut mtu, mut segmentation_id) = (0, record.segmentation_id);
                if let Some(Model::Network(network)) = model {
                    mtu = self.effective_mtu(network);
                    if let Some(physical) = &network.physical {
                        segmentation_id = physical.vlan.map_or(0, u32::from);
                    }
                }
                r.status = Some(v1::NetworkStatus { segmentation_id, mtu, ..Default::default() });
            }
            (Kind::Subnet(r), model) => {
                let (mut gateway_ip, mut cidrs) = (String::new(), Vec::new());
                if let Some(Model::Subnet(subnet)) = model {
                    cidrs = self.faces(id, subnet).iter().map(|face| face.cidr.to_string()).collect();
                    gateway_ip = self.shown_in(id, subnet.gateway).last().map(IpAddr::to_string).unwrap_or_default();
                }
                r.status = Some(v1::SubnetStatus { gateway_ip, cidrs, ..Default::default() });
            }
            (Kind::Router(r), _) => {
                let mac_address = record.mac_address.clone();
                r.status = Some(v1::RouterStatus { mac_address, ..Default::default() });
            }
            (Kind::Port(r), Some(Model::Port(port))) => {
                let local = port.mac.map(|mac| addr::link_local(mac).to_string());
                let assigned = self.addresses_of(port).into_iter().map(|address| address.to_string());
                let learned = self.learned_by(id).map(|address| address.to_string());
                let assigned: Vec<_> = assigned.chain(learned).filter(|a| Some(a) != local.as_ref()).collect();
                r.status = Some(v1::PortStatus {
                    mac_address: port.mac.map(|mac| mac.to_string()).unwrap_or_default(),
                    addresses: assigned.into_iter().chain(local).collect(),
                    chassis: self.chassis_of(id, port).map(|chassis| chassis.name.to_string()).unwrap_or_default(),
                    not_enforced: port.home().map(|_| NOT_ENFORCED.map(str::to_owned).to_vec()).unwrap_or_default(),
                    interface: port.binding.as_ref().map(|(_, interface)| interface.to_string()).unwrap_or_default(),
                    automatic: port.automatic,
                    prefixes: self.routed_to(id, port).iter().map(Ipv6Net::to_string).collect(),
                    dns_assignment: self.dns_assignment(id, port),
                    ..Default::default()
                });
            }
            (Kind::Port(r), _) => r.status = Some(v1::PortStatus::default()),
            (Kind::Renumbering(r), Some(Model::Renumbering(renumbering))) => {
                let from = self.subnet(&renumbering.subnet).map(|subnet| subnet.cidr.to_string()).unwrap_or_default();
                let stage = match renumbering.finished {
                    true => v1::RenumberingStage::Finished,
                    false => v1::RenumberingStage::Overlapping,
                };
                let (stage, ends_ms) = (stage.into(), renumbering.ends_ms());
                r.status = Some(v1::RenumberingStatus { stage, from, ends_ms, ..Default::default() });
            }
            (Kind::Renumbering(r), _) => r.status = Some(v1::RenumberingStatus::default()),
            (Kind::SecurityGroup(r), _) => r.status = Some(v1::SecurityGroupStatus::default()),
            (Kind::AddressGroup(r), _) => r.status = Some(v1::AddressGroupStatus::default()),
            (Kind::AnycastService(r), _) => {
                let mac_address = router::anycast_mac(AnycastKey(record.key)).to_string();
                r.status = Some(v1::AnycastServiceStatus { mac_address, ..Default::default() });
            }
            (Kind::PrefixMapping(r), _) => r.status = Some(v1::PrefixMappingStatus::default()),
            (Kind::FloatingIp(r), model) => {
                let floating = match model {
                    Some(Model::FloatingIp(floating)) => Some(floating),
                    _ => None,
                };
                r.status = Some(self.floating_status(id, floating));
            }
            (Kind::Delegation(r), Some(Model::Upstream(upstream))) => r.status = Some(upstream.status(id)),
            (Kind::Translator(r), Some(Model::Translator(translator))) => r.status = Some(translator.status(self)),
            (Kind::Translator(r), _) => r.status = Some(v1::TranslatorStatus::default()),
            (Kind::Exposure(r), _) => r.status = Some(v1::ExposureStatus::default()),
            (Kind::Trunk(r), _) => r.status = Some(v1::TrunkStatus::default()),
            (Kind::Delegation(r), model) => {
                let mac = match model {
                    Some(Model::Delegation(delegation)) => self.port(&delegation.port).and_then(|port| port.mac),
                    _ => None,
                };
                let nexthop = mac.map(|mac| addr::link_local(mac).to_string()).unwrap_or_default();
                r.status = Some(v1::DelegationStatus { prefix: record.prefix.clone(), nexthop, ..Default::default() });
            }
        }
        Some(shown)
    }
}

impl Catalog {
    /// Where a port is, or the trunk is that it is one of.
    fn chassis_of<'a>(&'a self, id: &ResourceId, port: &'a Port) -> Option<&'a ResourceId> {
        let trunk = self.trunk_with(id).and_then(|trunk| self.port(&trunk.port));
        let bound = |port: &'a Port| port.binding.as_ref().map(|(chassis, _)| chassis).or(port.home());
        bound(trunk.unwrap_or(port))
    }

    /// The prefixes that are routed to a port: delegated ones, and shares of subnets.
    fn routed_to(&self, id: &ResourceId, port: &Port) -> Vec<Ipv6Net> {
        let shares = self.shares_of(port).into_iter().map(|(_, share)| share);
        self.delegated_to(id).map(|(prefix, _)| prefix).chain(shares).collect()
    }

    /// What a port's addresses are called in the DNS.
    fn dns_assignment(&self, id: &ResourceId, port: &Port) -> Vec<v1::DnsAssignment> {
        let domain = self.network(&port.network).and_then(|network| network.dns_domain.as_deref());
        let name = port.dns_name.as_ref().map(|(label, _)| &**label);
        if name.is_none() && domain.is_none() {
            return Vec::new();
        }
        let own = self.addresses_of(port).into_iter().chain(self.learned_by(id));
        let called = |address| {
            let hostname = names::hostname(name, address);
            let fqdn = names::whole(&hostname, domain);
            v1::DnsAssignment { hostname, ip_address: address.to_string(), fqdn }
        };
        own.filter(|address| !router::is_local_to_link(*address)).map(called).collect()
    }
}

fn read_token(kind: &'static str, token: &str) -> Option<ResourceId> {
    let (tenant, name) = token.split_once('/')?;
    let legal = ident::is_name(name) && if ident::is_global(kind) { tenant.is_empty() } else { ident::is_name(tenant) };
    legal.then(|| ident::id(kind, tenant, name))
}

fn invalid(path: &str, message: impl Into<String>) -> Refusal {
    let violations = vec![Violation { path: path.to_owned(), message: message.into() }];
    Refusal { kind: RefusalKind::Invalid, violations }
}
