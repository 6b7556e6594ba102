//! The catalog's inside: resources with everything that is looked up about them, kept in step by `put` and `remove`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::{Dpid, Ipv6Net, MacAddr};
use proto::v1;
use rpds::RedBlackTreeSetSync;
use topology::ResourceId;

use super::findings::Findings;
use super::ident::{self, PORT, RENUMBERING, ROUTER, SUBNET};
use super::kinds::{self, Item, Model};
use super::{Catalog, Stored, resource};

/// Something that one resource has and no other may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Claim {
    /// A UUID, of all kinds.
    Uid(Arc<str>),
    /// The number of a resource, per kind.
    Number(&'static str, u32),
    /// A bridge's datapath id.
    Datapath(Dpid),
    /// A tunnel endpoint.
    TunnelIp(IpAddr),
    /// A VNI or VLAN id.
    Segment(u32),
    /// A zone of conntrack that no port has.
    SnatZone(u32),
    /// A VLAN of a physical network, or what is untagged there.
    Vlan(Arc<str>, Option<u16>),
    /// The name of a provider network: there is one, whoever's it is.
    Provider(Arc<str>),
    /// A MAC on a network.
    Mac(ResourceId, MacAddr),
    /// An address on a network.
    Address(ResourceId, IpAddr),
    /// A port of a chassis' bridge.
    Interface(ResourceId, Arc<str>),
    /// The ports that nothing claims.
    AutoPorts,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Uid(uid) => write!(f, "{uid}"),
            Claim::Number(kind, number) => write!(f, "{kind} number {number}"),
            Claim::Datapath(dpid) => write!(f, "{dpid}"),
            Claim::TunnelIp(address) => write!(f, "{address}"),
            Claim::Segment(id) => write!(f, "{id}"),
            Claim::SnatZone(number) => write!(f, "zone {number} of conntrack"),
            Claim::Vlan(physical, Some(vlan)) => write!(f, "VLAN {vlan} of {physical}"),
            Claim::Vlan(physical, None) => write!(f, "what is untagged on {physical}"),
            Claim::Provider(name) => write!(f, "provider network {name}"),
            Claim::Mac(network, mac) => write!(f, "{mac} on {network}"),
            Claim::Address(network, address) => write!(f, "{address} on {network}"),
            Claim::Interface(chassis, name) => write!(f, "{name} on {chassis}"),
            Claim::AutoPorts => write!(f, "what no port resource claims (one network at most has auto_ports)"),
        }
    }
}

/// Those who have a claim: one, but for what is wrong and will be refused or told.
#[derive(Clone)]
pub(crate) enum Owners {
    One(ResourceId),
    /// Two or more.
    More(RedBlackTreeSetSync<ResourceId>),
}

/// Where a delegated prefix stands among its tenant's: by where it begins.
pub(crate) type PrefixPlace = (Arc<str>, Ipv6Addr, ResourceId);

impl Owners {
    fn with(&self, id: &ResourceId) -> Owners {
        match self {
            Owners::One(owner) if owner == id => self.clone(),
            Owners::One(owner) => Owners::More([owner, id].into_iter().cloned().collect()),
            Owners::More(owners) => Owners::More(owners.insert(id.clone())),
        }
    }

    fn without(&self, id: &ResourceId) -> Option<Owners> {
        match self {
            Owners::One(owner) => (owner != id).then(|| self.clone()),
            Owners::More(owners) => {
                let rest = owners.remove(id);
                match (rest.size(), rest.first()) {
                    (1, Some(last)) => Some(Owners::One(last.clone())),
                    _ => Some(Owners::More(rest)),
                }
            }
        }
    }
}

impl Catalog {
    /// Puts a record in the place of what was there.
    pub(crate) fn put(&mut self, id: &ResourceId, mut record: v1::Record, mod_revision: u64, findings: &mut Findings) {
        let before = findings.len();
        let model = kinds::parse(id, &mut record, findings).filter(|_| findings.len() == before);
        self.set(id, Arc::new(Stored { record, mod_revision }), model);
    }

    /// Takes a resource away.
    pub(crate) fn remove(&mut self, id: &ResourceId) {
        self.release(id);
        let shown = self.shown_by(id);
        let proxied = self.ports_proxied_with(id);
        self.items.remove_mut(id);
        self.refresh_users(id, shown);
        proxied.iter().for_each(|port| self.refresh(port));
    }

    fn set(&mut self, id: &ResourceId, stored: Arc<Stored>, model: Option<Model>) {
        self.release(id);
        let mut shown = self.shown_by(id);
        let mut proxied = self.ports_proxied_with(id);
        let uid = stored.meta().map(|meta| &*meta.uid).filter(|uid| !uid.is_empty());
        let mut claims: Vec<Claim> = uid.map(|uid| Claim::Uid(Arc::from(uid))).into_iter().collect();
        claims
            .extend((stored.record.key != 0).then_some(Claim::Number(ident::numbered_as(id.kind), stored.record.key)));
        let second = stored.record.second_key;
        claims.extend((second != 0).then_some(Claim::Number(ident::numbered_as(id.kind), second)));
        let mut references = Vec::new();
        if let Some(model) = &model {
            claims.extend(model.claims(self, id, &stored.record));
            references = kinds::needs(self, id, &stored.record, model);
        }
        claims.sort_unstable();
        claims.dedup();
        for claim in &claims {
            let owners = match self.claims.get(claim) {
                Some(owners) => owners.with(id),
                None => Owners::One(id.clone()),
            };
            self.claims.insert_mut(claim.clone(), owners);
        }
        for target in &references {
            self.users.insert_mut((target.clone(), id.clone()), ());
        }
        if let Some((at, prefix)) = delegated(id, model.as_ref()) {
            self.delegated.insert_mut(at, prefix);
        }
        if let Some(due) = due(id, model.as_ref()) {
            self.renumberings.insert_mut(due);
        }
        if let Some(at) = kinds::instance::place(id, model.as_ref()) {
            self.devices.insert_mut(at);
        }
        self.ipv6_tunnels += usize::from(is_ipv6_tunnel(model.as_ref()));
        self.items.insert_mut(id.clone(), Arc::new(Item { stored, model, claims, references }));
        shown.extend(self.shown_by(id));
        self.refresh_users(id, shown);
        proxied.extend(self.ports_proxied_with(id));
        proxied.iter().for_each(|port| self.refresh(port));
    }

    fn release(&mut self, id: &ResourceId) {
        let Some(item) = self.items.get(id).cloned() else { return };
        for claim in &item.claims {
            match self.claims.get(claim).and_then(|owners| owners.without(id)) {
                Some(owners) => self.claims.insert_mut(claim.clone(), owners),
                None => drop(self.claims.remove_mut(claim)),
            }
        }
        for target in &item.references {
            self.users.remove_mut(&(target.clone(), id.clone()));
        }
        if let Some((at, _)) = delegated(id, item.model.as_ref()) {
            self.delegated.remove_mut(&at);
        }
        if let Some(due) = due(id, item.model.as_ref()) {
            self.renumberings.remove_mut(&due);
        }
        if let Some(at) = kinds::instance::place(id, item.model.as_ref()) {
            self.devices.remove_mut(&at);
        }
        self.ipv6_tunnels -= usize::from(is_ipv6_tunnel(item.model.as_ref()));
    }

    /// What a router claims depends on its subnets: their gateways are its addresses. And so do the addresses of ports, while
    /// there is another prefix. `shown`: the subnets whose prefixes the resource says, or said.
    fn refresh_users(&mut self, id: &ResourceId, mut shown: Vec<ResourceId>) {
        shown.sort_unstable();
        shown.dedup();
        if id.kind == SUBNET {
            let delegated = self.subnet(id).is_some_and(|subnet| subnet.delegated);
            if delegated || self.users(id, RENUMBERING).next().is_some() {
                shown.push(id.clone());
            } else {
                self.users(id, ROUTER).cloned().collect::<Vec<_>>().iter().for_each(|user| self.refresh(user));
            }
        }
        for subnet in shown {
            let users = self.users(&subnet, ROUTER).chain(self.users(&subnet, PORT));
            users.cloned().collect::<Vec<_>>().iter().for_each(|user| self.refresh(user));
        }
    }

    /// Works out anew what a resource claims.
    pub(crate) fn refresh(&mut self, id: &ResourceId) {
        if let Some(item) = self.items.get(id).cloned() {
            self.set(id, item.stored.clone(), item.model.clone());
        }
    }

    pub(crate) fn item(&self, id: &ResourceId) -> Option<&Arc<Item>> {
        self.items.get(id)
    }

    pub(crate) fn model(&self, id: &ResourceId) -> Option<&Model> {
        self.item(id)?.model.as_ref()
    }

    /// Who has a claim, in order; more than one only while something is wrong.
    pub(crate) fn owners(&self, claim: &Claim) -> impl Iterator<Item = &ResourceId> + use<'_> {
        let (one, more) = match self.claims.get(claim) {
            None => (None, None),
            Some(Owners::One(owner)) => (Some(owner), None),
            Some(Owners::More(owners)) => (None, Some(owners.iter())),
        };
        one.into_iter().chain(more.into_iter().flatten())
    }

    /// Whether anybody but `me` has a claim.
    pub(crate) fn taken(&self, claim: &Claim, me: &ResourceId) -> bool {
        self.owners(claim).any(|owner| owner != me)
    }

    /// The resources of a kind that use a resource, in order.
    pub(crate) fn users<'c>(
        &'c self,
        target: &ResourceId,
        kind: &'static str,
    ) -> impl Iterator<Item = &'c ResourceId> + use<'c> {
        let target = target.clone();
        let start = (target.clone(), ident::least(kind));
        self.users
            .range(start..)
            .map(|((used, user), ())| (used, user))
            .take_while(move |(used, user)| **used == target && user.kind == kind)
            .map(|(_, user)| user)
    }

    /// All resources that use a resource.
    pub(crate) fn all_users<'c>(&'c self, target: &ResourceId) -> impl Iterator<Item = &'c ResourceId> {
        let target = target.clone();
        ident::KINDS.into_iter().flat_map(move |kind| self.users(&target, kind))
    }

    /// The resources of a kind, in the order of tenant and name.
    pub(crate) fn ids(&self, kind: &'static str) -> impl Iterator<Item = &ResourceId> {
        self.items.range(ident::least(kind)..).map(|(id, _)| id).take_while(move |id| id.kind == kind)
    }

    /// Whether any chassis has an IPv6 tunnel endpoint: the encapsulation then takes 20 bytes more.
    pub(crate) fn has_ipv6_tunnels(&self) -> bool {
        self.ipv6_tunnels > 0
    }
}

impl Stored {
    /// The resource's meta.
    pub(crate) fn meta(&self) -> Option<&v1::Meta> {
        resource::meta(self.record.resource.as_ref()?.kind.as_ref()?)
    }
}

/// Where what is to end stands in the index of that: a renumbering that is under way, a delegation from upstream.
fn due(id: &ResourceId, model: Option<&Model>) -> Option<(u64, ResourceId)> {
    let at = match model? {
        Model::Renumbering(renumbering) => renumbering.due_ms(),
        Model::Upstream(upstream) => upstream.due_ms(),
        _ => None,
    };
    at.map(|at| (at, id.clone()))
}

/// Where a delegated prefix stands in the index of its tenant's.
fn delegated(id: &ResourceId, model: Option<&Model>) -> Option<(PrefixPlace, Ipv6Net)> {
    let Some(Model::Delegation(delegation)) = model else { return None };
    delegation.prefix.map(|prefix| ((id.tenant.clone(), prefix.network(), id.clone()), prefix))
}

fn is_ipv6_tunnel(model: Option<&Model>) -> bool {
    matches!(model, Some(Model::Chassis(kinds::chassis::Chassis { tunnel_ip: Some(IpAddr::V6(_)), .. })))
}
