//! Admission: a candidate with everything asked for in its place, checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::asks::{Ask, Asked};
use super::findings::{Findings, Place};
use super::history::PastId;
use super::ident::{
    self, ADDRESS_GROUP, ANYCAST_SERVICE, DELEGATION, EXPOSURE, FLOATING_IP, NETWORK, PORT, PREFIX_MAPPING, ROUTER,
    SECURITY_GROUP, SUBNET, TRUNK,
};
use super::index::Claim;
pub(crate) use super::kinds::port::wants_default_group;
use super::kinds::{self, Model, network::Network};
use super::learned::Address;
use super::leases::LeaseId;
use super::listeners::ListenerId;
use super::{Catalog, Proposal, allocate, globals, resource};
use crate::effect::{Refusal, RefusalKind, Violation};

/// How many users a refusal to delete names.
const NAMED_MAX: usize = 5;

/// Holds what is asked for against what is.
pub(crate) fn admit(before: &Catalog, asked: Asked) -> Result<Proposal, Refusal> {
    let mut admission = Admission::new(before, globals::name_owners(before, default_groups(before, asked)));
    admission.place();
    admission.delete();
    admission.allocate();
    admission.renumber();
    admission.carve();
    admission.claim_interfaces();
    admission.drain();
    admission.give_up_ports();
    admission.check_references();
    admission.address_ports();
    admission.delegate();
    admission.float();
    admission.settle_learned();
    admission.settle_leases();
    admission.stamp_macs();
    admission.end_bindings();
    admission.settle_listeners();
    admission.check_kinds();
    admission.check_room();
    admission.check_claims();
    admission.check_deletes();
    admission.refuse()?;
    Ok(admission.outcome())
}

/// Adds the default security groups of tenants whose ports name none, where they are not there yet.
fn default_groups(before: &Catalog, mut asked: Asked) -> Asked {
    let wants = |ask: &Ask| match &ask.resource {
        Kind::Port(port) => wants_default_group(port.spec.as_ref()),
        _ => false,
    };
    let tenants: BTreeSet<Arc<str>> =
        asked.asks.iter().filter(|ask| wants(ask)).map(|ask| ask.id.tenant.clone()).collect();
    for tenant in tenants {
        let id = ident::id(SECURITY_GROUP, &tenant, ident::DEFAULT_GROUP);
        if before.by_id(&id).is_none() && !asked.asks.iter().any(|ask| ask.id == id) {
            let resource = default_group(&id);
            asked.asks.push(Ask { place: Place::Nowhere, id, resource, fresh: true });
        }
    }
    asked
}

/// A tenant's default group, before it has its rules.
pub(crate) fn default_group(id: &ResourceId) -> Kind {
    let meta = v1::Meta { name: id.name.to_string(), tenant: id.tenant.to_string(), ..v1::Meta::default() };
    Kind::SecurityGroup(v1::SecurityGroup {
        meta: Some(meta),
        spec: Some(v1::SecurityGroupSpec::default()),
        status: None,
    })
}

/// A request on its way through admission.
pub(crate) struct Admission<'a> {
    pub(crate) before: &'a Catalog,
    /// The candidate.
    pub(crate) after: Catalog,
    pub(crate) asked: Asked,
    /// Each resource asked for, with its place among the asks.
    pub(crate) index: BTreeMap<ResourceId, usize>,
    /// Resources that nobody asked for, but that change with what was asked for: each with the ask that is the cause.
    pub(crate) followers: BTreeMap<ResourceId, usize>,
    /// Resources asked for that make no sense in themselves: they are not in the candidate, and not missed either.
    pub(crate) broken: BTreeSet<ResourceId>,
    /// What those mean as far as they make sense.
    pub(crate) partial: Vec<Partial>,
    /// The addresses whose learners changed.
    pub(crate) learned: BTreeSet<Address>,
    /// The leases that changed.
    pub(crate) leases: BTreeSet<LeaseId>,
    /// The ended bindings that are new, or go.
    pub(crate) past: BTreeSet<PastId>,
    /// The listeners that changed.
    pub(crate) listeners: BTreeSet<ListenerId>,
    /// The last number handed out, by counter.
    pub(crate) counters: BTreeMap<&'static str, u32>,
    wrong: Vec<(usize, RefusalKind, Violation)>,
    /// What was said, so that nothing is said twice.
    said: BTreeSet<Violation>,
    /// The paths of fields that make no sense.
    senseless: BTreeSet<String>,
}

/// A resource that makes no sense, as far as it does: for finding what else is wrong with it.
pub(crate) struct Partial {
    pub(crate) at: usize,
    pub(crate) id: ResourceId,
    pub(crate) record: v1::Record,
    pub(crate) model: Model,
}

impl<'a> Admission<'a> {
    fn new(before: &'a Catalog, mut asked: Asked) -> Admission<'a> {
        let index = asked.asks.iter().enumerate().map(|(at, ask)| (ask.id.clone(), at)).collect();
        let wrong = std::mem::take(&mut asked.wrong);
        let wrong = wrong.into_iter().map(|(at, violation)| (at, RefusalKind::Invalid, violation)).collect();
        Admission {
            before,
            after: before.clone(),
            asked,
            index,
            followers: BTreeMap::new(),
            broken: BTreeSet::new(),
            partial: Vec::new(),
            learned: BTreeSet::new(),
            leases: BTreeSet::new(),
            past: BTreeSet::new(),
            listeners: BTreeSet::new(),
            counters: BTreeMap::new(),
            wrong,
            said: BTreeSet::new(),
            senseless: BTreeSet::new(),
        }
    }

    /// The asks that make sense, users after what they use.
    pub(crate) fn sound(&self) -> Vec<(usize, ResourceId)> {
        let asks = self.asked.asks.iter().enumerate().map(|(at, ask)| (at, ask.id.clone()));
        let mut sound: Vec<_> = asks.filter(|(_, id)| !self.broken.contains(id)).collect();
        sound.sort_by_key(|(_, id)| ident::rank(id.kind));
        sound
    }

    /// Puts every record in its place; those that make no sense are left out.
    fn place(&mut self) {
        for (at, id) in self.sound() {
            let mut findings = Findings::default();
            let existing = self.before.by_id(&id);
            let mut record = existing.map(|stored| stored.record.clone()).unwrap_or_default();
            record.resource = Some(v1::Resource { kind: Some(self.asked.asks[at].resource.clone()) });
            if let Some(reason) = self.before.unreadable(&id) {
                findings.meta("name", format!("the store has an entry of this name that can't be read: {reason}"));
            }
            let known = existing.and_then(|stored| stored.meta()).map_or("", |meta| &meta.uid);
            allocate::check_uid(&mut record, known, &mut findings);
            allocate::carry(&mut record, existing.map(|stored| &stored.record));
            let automatic = self.asked.automatic && id.kind == PORT;
            record.automatic = existing.map_or(automatic, |stored| stored.record.automatic);
            let model = kinds::parse(&id, &mut record, &mut findings);
            allocate::carry_rules(&mut record, existing.map(|stored| &stored.record));
            // Who writes an automatic port's spec makes it a port like any.
            record.automatic &= existing.is_none_or(|stored| same_spec(&stored.record, &record));
            check_constant(self.before, &id, model.as_ref(), &mut findings);
            let same = existing.is_some_and(|stored| stored.record == record);
            if !findings.0.is_empty() {
                self.broken.insert(id.clone());
                self.partial.extend(model.map(|model| Partial { at, id, record, model }));
            } else if !same {
                self.after.put(&id, record, existing.map_or(0, |stored| stored.mod_revision), &mut findings);
            }
            let place = self.asked.asks[at].place.clone();
            let senseless: Vec<_> = findings.0.iter().map(|found| place.path(found.meta, &found.field)).collect();
            self.say(at, findings);
            self.senseless.extend(senseless);
        }
    }

    fn delete(&mut self) {
        let mut deletes = std::mem::take(&mut self.asked.deletes);
        deletes.sort_by_key(|id| std::cmp::Reverse((ident::rank(id.kind), id.clone())));
        for id in &deletes {
            self.after.remove(id);
        }
        self.asked.deletes = deletes;
    }

    /// Everything that is referred to is there, and may be used.
    fn check_references(&mut self) {
        for at in 0..self.asked.asks.len() {
            let ask = &self.asked.asks[at];
            let mut findings = Findings::default();
            for (field, target) in kinds::references(&ask.id, &ask.resource) {
                if let Some(message) = self.unusable(&ask.id, &target) {
                    findings.spec(field, message);
                }
            }
            self.say(at, findings);
        }
    }

    fn unusable(&self, user: &ResourceId, target: &ResourceId) -> Option<String> {
        if self.broken.contains(target) {
            return None;
        }
        let Some(item) = self.after.item(target) else {
            let gone = if self.before.by_id(target).is_some() { " any more: this request deletes it" } else { "" };
            return Some(format!("there is no {target}{gone}"));
        };
        if item.model.is_none() {
            return Some(format!("{target} can't be used: what the store has of it makes no sense"));
        }
        if target.tenant.is_empty() || target.tenant == user.tenant {
            return None;
        }
        if matches!(target.kind, SECURITY_GROUP | ADDRESS_GROUP) {
            return Some(format!("{target} is another tenant's"));
        }
        if user.kind == DELEGATION && target.kind != NETWORK {
            return Some(format!("{target} is another tenant's: a delegation is of one tenant"));
        }
        if user.kind == PREFIX_MAPPING {
            return Some(format!("{target} is another tenant's: a prefix mapping is of its router's tenant"));
        }
        if user.kind == FLOATING_IP && target.kind == PORT {
            return Some(format!("{target} is another tenant's: a floating IP is of its port's tenant"));
        }
        if user.kind == ANYCAST_SERVICE && target.kind == PORT {
            return Some(format!("{target} is another tenant's: a service is of its ports' tenant"));
        }
        if user.kind == TRUNK {
            return Some(format!("{target} is another tenant's: a trunk is of its ports' tenant"));
        }
        if user.kind == EXPOSURE {
            return Some(format!(
                "{target} is another tenant's: an exposure is of its router's, ports' and subnets' tenant"
            ));
        }
        let network = self.after.subnet(target).map_or(target, |subnet| &subnet.network);
        if user.kind == SUBNET {
            return Some(format!("{network} is another tenant's: a subnet is of its network's tenant"));
        }
        let shared = self.after.network(network).is_none_or(|network| network.shared);
        (!shared && !self.broken.contains(network)).then(|| format!("{network} is another tenant's and not shared"))
    }

    /// Each kind's own rules; also for routers whose addresses follow their subnets'.
    fn check_kinds(&mut self) {
        let partial = std::mem::take(&mut self.partial);
        for Partial { at, id, model, .. } in &partial {
            let mut findings = Findings::default();
            model.check(&self.after, id, &mut findings);
            self.say(*at, findings);
        }
        self.partial = partial;
        for (at, id) in self.sound() {
            let mut findings = Findings::default();
            if let Some(model) = self.after.model(&id) {
                model.check(&self.after, &id, &mut findings);
            }
            self.say(at, findings);
            let (Some(before), Some(after)) = (self.before.subnet(&id), self.after.subnet(&id)) else { continue };
            let field = match () {
                () if before.gateway != after.gateway => "gateway_ip",
                () if before.preference() != after.preference() => "router_preference",
                () => "ipv6_ra_mode",
            };
            for router in self.after.users(&id, ROUTER).cloned().collect::<Vec<_>>() {
                if !self.index.contains_key(&router) {
                    self.check_follower(at, field, &router);
                    self.followers.insert(router, at);
                }
            }
        }
    }

    /// Checks a resource that nobody asked for, and blames a field of what was.
    fn check_follower(&mut self, at: usize, field: &str, id: &ResourceId) {
        let (mut own, mut blamed) = (Findings::default(), Findings::default());
        if let Some(model) = self.after.model(id) {
            model.check(&self.after, id, &mut own);
        }
        for finding in own.0 {
            blamed.spec(field, format!("{id}: {}: {}", finding.field, finding.message));
        }
        self.say(at, blamed);
    }

    /// A fabric that carries less, or less numbers, must still carry every network.
    fn check_room(&mut self) {
        let (before, after) = (self.before.mtu_max(), self.after.mtu_max());
        let shrunk = after < before || (before.is_none() && after.is_some());
        if !shrunk && self.after.segment_max() == self.before.segment_max() {
            return;
        }
        let encap = |catalog: &Catalog| catalog.fabric().map(|fabric| fabric.encap);
        let underlay = if encap(self.before) == encap(&self.after) { "underlay_mtu" } else { "encap" };
        let asks = self.asked.asks.iter().enumerate();
        let causes = asks.filter_map(|(at, ask)| match (self.after.model(&ask.id), self.before.model(&ask.id)) {
            (Some(Model::Fabric(_)), _) => Some((0, at, underlay)),
            (Some(Model::Chassis(after)), before) => {
                let other = !matches!(before, Some(Model::Chassis(before)) if before.tunnel_ip == after.tunnel_ip);
                (other && after.tunnel_ip.is_some_and(|a| a.is_ipv6())).then_some((1, at, "tunnel_ip"))
            }
            _ => None,
        });
        let Some((_, at, field)) = causes.min() else { return };
        for network in self.after.ids(NETWORK).cloned().collect::<Vec<_>>() {
            if !self.index.contains_key(&network) {
                self.check_follower(at, field, &network);
            }
        }
    }

    /// Nobody else has what a resource has.
    fn check_claims(&mut self) {
        let asks = self.sound().into_iter().map(|(at, id)| (at, id, true));
        let followers = self.followers.iter().map(|(id, at)| (*at, id.clone(), false));
        let mut keepers = BTreeMap::new();
        for (at, id, asked) in asks.chain(followers).collect::<Vec<_>>() {
            let Some(item) = self.after.item(&id).cloned() else { continue };
            let findings = self.clashes(&id, asked, &item.claims, item.model.as_ref(), &mut keepers);
            self.say(at, findings);
        }
        for Partial { at, id, record, model } in std::mem::take(&mut self.partial) {
            let claims = model.claims(&self.after, &id, &record);
            let findings = self.clashes(&id, true, &claims, Some(&model), &mut keepers);
            self.say(at, findings);
        }
    }

    fn clashes(
        &self,
        id: &ResourceId,
        asked: bool,
        claims: &[Claim],
        model: Option<&Model>,
        keepers: &mut BTreeMap<Claim, ResourceId>,
    ) -> Findings {
        let mut findings = Findings::default();
        let mut same_mac: Vec<ResourceId> = Vec::new();
        for claim in claims.iter().filter(|claim| self.after.taken(claim, id)) {
            let keeper = match keepers.get(claim) {
                Some(keeper) => keeper.clone(),
                None => self.keeper(claim).cloned().unwrap_or_else(|| id.clone()),
            };
            keepers.entry(claim.clone()).or_insert_with(|| keeper.clone());
            if keeper == *id {
                continue;
            }
            let field = model.map(|model| model.field_of(&self.after, claim)).unwrap_or_default();
            // An address that is formed from a MAC clashes with it.
            let formed = matches!(claim, Claim::Address(..)) && field == "fixed_ips" && same_mac.contains(&keeper);
            let message = format!("{claim} is {keeper}'s already");
            match claim {
                _ if formed => {}
                Claim::Uid(_) if asked => findings.meta("uid", message),
                Claim::Provider(_) if asked => findings.meta("name", message),
                _ if asked => findings.spec(field, message),
                _ => findings.spec("", format!("{id}: {message}")),
            }
            if matches!(claim, Claim::Mac(..)) {
                same_mac.push(keeper);
            }
        }
        findings
    }

    /// Of those that claim the same, the one that has it: one that this request does not touch, or else the first in it.
    fn keeper(&self, claim: &Claim) -> Option<&ResourceId> {
        self.after.owners(claim).min_by_key(|id| match (self.index.get(*id), self.followers.contains_key(*id)) {
            (None, false) => (0, 0),
            (None, true) => (1, 0),
            (Some(at), _) => (2, *at),
        })
    }

    /// What goes is not used by anything that stays.
    fn check_deletes(&mut self) {
        let path = match self.asked.wanted {
            super::asks::Wanted::Deleted => "name",
            _ => "",
        };
        for id in self.asked.deletes.clone() {
            let network = self.before.subnet(&id).map(|subnet| subnet.network.clone());
            if let Some(mostly) = network.and_then(|network| self.after.mostly_in_vain(&network).cloned()) {
                let message = format!("{id} is needed: {mostly} has ipv6_mostly, and no other subnet tells a pref64");
                let violation = Violation { path: path.to_owned(), message };
                self.wrong.push((usize::MAX, RefusalKind::InUse, violation));
            }
            // Those that were asked for say themselves that what they name is not there.
            let gateways = self.before.subnet(&id).into_iter().flat_map(|subnet| self.after.gateways_of(subnet));
            let users = self.after.all_users(&id).chain(gateways).filter(|user| !self.index.contains_key(user));
            let users: Vec<String> = users.map(ResourceId::to_string).collect();
            if users.is_empty() {
                continue;
            }
            let more = users.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = users[..users.len().min(NAMED_MAX)].join(", ");
            let violation = Violation { path: path.to_owned(), message: format!("{id} is in use by {named}{more}") };
            self.wrong.push((usize::MAX, RefusalKind::InUse, violation));
        }
    }

    /// Notes findings at their places in the request.
    pub(crate) fn say(&mut self, at: usize, findings: Findings) {
        for finding in findings.0 {
            let rather = finding.rather.and_then(|(id, field)| Some((*self.index.get(&id)?, field)));
            let (at, meta, field) = match rather {
                Some((_, "")) => continue,
                Some((at, field)) => (at, false, field.to_owned()),
                None => (at, finding.meta, finding.field),
            };
            let path = self.asked.asks.get(at).map_or(&Place::Nowhere, |ask| &ask.place).path(meta, &field);
            let violation = Violation { path, message: finding.message };
            // A field that makes no sense is not judged any further.
            if !self.senseless.contains(&violation.path) && self.said.insert(violation.clone()) {
                self.wrong.push((at, RefusalKind::Invalid, violation));
            }
        }
    }

    fn refuse(&mut self) -> Result<(), Refusal> {
        let mut wrong = std::mem::take(&mut self.wrong);
        wrong.sort_by_key(|(at, _, _)| *at);
        let Some((_, kind, _)) = wrong.first() else { return Ok(()) };
        let invalid = wrong.iter().any(|(_, kind, _)| *kind == RefusalKind::Invalid);
        let kind = if invalid { RefusalKind::Invalid } else { *kind };
        Err(Refusal { kind, violations: wrong.into_iter().map(|(_, _, violation)| violation).collect() })
    }
}

/// Some fields never change: what others derive from them would have to change with them.
fn check_constant(catalog: &Catalog, id: &ResourceId, after: Option<&Model>, findings: &mut Findings) {
    match (catalog.model(id), after) {
        (Some(Model::Subnet(before)), Some(Model::Subnet(after))) => {
            if before.network != after.network {
                findings.spec("network", format!("can't change: the subnet is on {}", before.network));
            }
            if before.delegated != after.delegated {
                let is = if before.delegated { "delegated from upstream" } else { "given" };
                findings.spec("cidr", format!("can't change: the subnet's prefix is {is}"));
            } else if before.cidr != after.cidr {
                let message =
                    format!("can't change: it is {}; a renumbering gives a subnet another prefix", before.cidr);
                findings.spec("cidr", message);
            }
            if before.per_host != after.per_host {
                findings.spec("prefix_per_host", format!("can't change: it is {}", before.per_host));
            }
        }
        (Some(Model::Network(before)), Some(Model::Network(after))) => {
            let name = |network: &Network| network.physical.as_ref().map(|physical| physical.name.clone());
            match (name(before), name(after)) {
                (Some(before), Some(after)) if before != after => {
                    findings.spec("physical_network", format!("can't change: it is {before}"));
                }
                (before, after) if before.is_some() != after.is_some() => {
                    let is = if before.is_some() { "provider" } else { "overlay" };
                    findings.spec("type", format!("can't change: it is {is}"));
                }
                _ => {}
            }
        }
        (Some(Model::Port(before)), Some(Model::Port(after))) if before.network != after.network => {
            findings.spec("network", format!("can't change: the port is on {}", before.network));
        }
        (Some(Model::SecurityGroup(before)), Some(Model::SecurityGroup(after)))
            if before.stateful != after.stateful && catalog.users(id, PORT).next().is_some() =>
        {
            findings.spec("stateful", format!("can't change while ports have the group: it is {}", before.stateful));
        }
        (Some(Model::AnycastService(before)), Some(Model::AnycastService(after)))
            if before.network != after.network =>
        {
            findings.spec("network", format!("can't change: the service is on {}", before.network));
        }
        (Some(Model::FloatingIp(before)), Some(Model::FloatingIp(after))) if before.network != after.network => {
            findings.spec("network", format!("can't change: the address is of {}", before.network));
        }
        (Some(Model::Delegation(before)), Some(Model::Delegation(after))) if before.port != after.port => {
            findings.spec("port", format!("can't change: the prefix is delegated to {}", before.port));
        }
        (Some(Model::Upstream(before)), Some(Model::Upstream(after))) => {
            if before.router != after.router {
                findings.spec("router", format!("can't change: {} asks for it", before.router));
            }
            if before.network != after.network {
                findings.spec("upstream", format!("can't change: it is asked for on {}", before.network));
            }
        }
        (Some(Model::Delegation(_)), Some(Model::Upstream(_))) => {
            findings.spec("router", "can't be: the delegation is one to a port");
        }
        (Some(Model::Upstream(_)), Some(Model::Delegation(_))) => {
            findings.spec("port", "can't be: the delegation is one from upstream");
        }
        (Some(Model::Renumbering(before)), Some(Model::Renumbering(after))) => {
            if before.subnet != after.subnet {
                findings.spec("subnet", format!("can't change: {} is being renumbered", before.subnet));
            }
            if before.to != after.to {
                findings.spec("cidr", format!("can't change: it is {}", before.to));
            }
        }
        _ => {}
    }
}

/// Whether two records of a port say the same but for what anybody may note in its meta.
fn same_spec(a: &v1::Record, b: &v1::Record) -> bool {
    let spec = |record: &v1::Record| match record.resource.as_ref()?.kind.as_ref()? {
        resource::Kind::Port(port) => port.spec.clone(),
        _ => None,
    };
    spec(a) == spec(b)
}

/// The meta of a record's resource.
pub(crate) fn meta_of(record: &mut v1::Record) -> Option<&mut v1::Meta> {
    record.resource.as_mut().and_then(|r| r.kind.as_mut()).map(resource::meta_mut)
}
