//! Taking in what the store made durable, and telling which facts change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use addr::{IpNet, is_link_local};
use prost::Message as _;
use proto::v1;
use topology::{Change, Key, ResourceId};

use super::findings::Findings;
use super::history::{Past, PastId};
use super::ident::{
    self, ADDRESS_GROUP, ANYCAST_SERVICE, CHASSIS, DELEGATION, EXPOSURE, FABRIC, FABRIC_NAME, FLOATING_IP, NETWORK,
    PORT, PREFIX_MAPPING, RENUMBERING, ROUTER, SECURITY_GROUP, SUBNET, StoreKey, TRANSLATOR, TRUNK,
};
use super::kinds::{self, port::Assigned};
use super::learned::{Address, Learned};
use super::leases::{Lease, LeaseId};
use super::listeners::{Listened, ListenerId};
use super::released::Released;
use super::{Applied, Catalog, Counted, resource};
use crate::event::{Entry, EntryChange};

impl Catalog {
    /// Takes the store's whole content in the place of what was known.
    pub(crate) fn load(&mut self, revision: u64, entries: &[Entry]) -> Applied {
        let before = std::mem::take(self);
        self.memory = before.memory.clone();
        self.revision = revision;
        let mut taken = Taken::default();
        let mut entries: Vec<&Entry> = entries.iter().collect();
        entries.sort_by_key(|entry| order(&entry.key));
        for Entry { key, value, mod_revision } in entries {
            self.take(key, Some(value), *mod_revision, &mut taken);
        }
        taken.ids.extend(before.items.keys().cloned());
        self.facts = before.facts.clone();
        self.settle(&before, taken)
    }

    /// Takes changes that the store made durable at this revision.
    pub(crate) fn apply(&mut self, revision: u64, changes: &[EntryChange]) -> Applied {
        let before = self.clone();
        self.revision = revision;
        let mut taken = Taken::default();
        let mut changes: Vec<&EntryChange> = changes.iter().collect();
        changes.sort_by_key(|change| order(&change.key));
        for EntryChange { key, value } in changes {
            self.take(key, value.as_deref(), revision, &mut taken);
        }
        self.settle(&before, taken)
    }

    /// Takes one entry; what can't be read is remembered with its reason.
    fn take(&mut self, key: &str, value: Option<&[u8]>, mod_revision: u64, taken: &mut Taken) {
        self.unread.remove_mut(key);
        let fault = match ident::read_key(key) {
            None => value.map(|_| "is no key of ours".to_owned()),
            Some(StoreKey::Counter(counter)) => self.take_counter(counter, value, mod_revision),
            Some(StoreKey::Resource(id)) => self.take_resource(&id, value, mod_revision, taken),
            Some(StoreKey::Learned(at)) => self.take_learned(at, value, mod_revision, taken),
            Some(StoreKey::Released(segment)) => self.take_released(segment, value, mod_revision, taken),
            Some(StoreKey::Lease(id)) => {
                taken.leased.insert(id.0.clone());
                self.take_lease(id, value, mod_revision)
            }
            Some(StoreKey::Past(id)) => self.take_past(id, value, mod_revision, taken),
            Some(StoreKey::Listener(id)) => self.take_listener(id, value, mod_revision, taken),
        };
        if let Some(reason) = fault {
            taken.faults.push(format!("{key}: {reason}"));
            self.unread.insert_mut(key.to_owned(), reason);
        }
    }

    fn take_counter(&mut self, counter: &'static str, value: Option<&[u8]>, mod_revision: u64) -> Option<String> {
        let Some(value) = value else {
            self.counters.remove_mut(counter);
            return None;
        };
        let (last, fault) = match v1::Counter::decode(value) {
            Ok(decoded) => (decoded.last, None),
            Err(error) => (0, Some(error.to_string())),
        };
        self.counters.insert_mut(counter, Counted { last, mod_revision });
        fault
    }

    fn take_resource(
        &mut self,
        id: &ResourceId,
        value: Option<&[u8]>,
        mod_revision: u64,
        taken: &mut Taken,
    ) -> Option<String> {
        taken.ids.insert(id.clone());
        let Some(value) = value else {
            self.remove(id);
            return None;
        };
        let record = match v1::Record::decode(value) {
            Ok(record) => record,
            Err(error) => {
                self.remove(id);
                return Some(error.to_string());
            }
        };
        if let Err(reason) = is_of(&record, id) {
            self.remove(id);
            return Some(reason);
        }
        let known = self.port(id).map(|port| port.assigned.clone()).unwrap_or_default();
        let mut findings = Findings::default();
        self.put(id, record, mod_revision, &mut findings);
        self.hint(id, &known);
        self.hint_prefix(id);
        for finding in findings.0 {
            taken.faults.push(format!("{}: {}: {}", ident::store_key(id), finding.field, finding.message));
        }
        None
    }

    fn take_learned(
        &mut self,
        at: Address,
        value: Option<&[u8]>,
        mod_revision: u64,
        taken: &mut Taken,
    ) -> Option<String> {
        let before = self.learned(&at).map(|learned| learned.port.clone());
        let (learned, mut fault) = match value.map(|value| Learned::decode(value, mod_revision)) {
            None => (None, None),
            Some(Ok(learned)) => (Some(learned), None),
            Some(Err(reason)) => (None, Some(reason)),
        };
        if let Some(Learned { port, proof, .. }) = &learned {
            if self.port(port).is_none_or(|port| port.network != at.0) {
                fault = Some(format!("{port} is not on {}", at.0));
            } else if before.as_ref() != Some(port) {
                taken.learned.push((port.clone(), at.1, *proof));
            }
        }
        taken.addressed.extend(before.into_iter().chain(learned.iter().map(|learned| learned.port.clone())));
        self.set_learned(at, learned);
        fault
    }

    fn take_released(
        &mut self,
        segment: u32,
        value: Option<&[u8]>,
        mod_revision: u64,
        taken: &mut Taken,
    ) -> Option<String> {
        taken.released.push(segment);
        let Some(value) = value else {
            self.released.remove_mut(&segment);
            return None;
        };
        let (released, fault) = match Released::decode(value, mod_revision) {
            Ok(released) => (released, None),
            Err(reason) => (Released::unknown(mod_revision), Some(reason)),
        };
        self.released.insert_mut(segment, Arc::new(released));
        fault
    }

    fn take_lease(&mut self, id: LeaseId, value: Option<&[u8]>, mod_revision: u64) -> Option<String> {
        let read = value.map(|value| Lease::decode(value, mod_revision)).transpose();
        let (lease, fault) = match read {
            Ok(lease) => (lease, None),
            Err(reason) => (None, Some(reason)),
        };
        let fault = fault.or_else(|| {
            let lost = lease.is_some() && self.port(&id.0).is_none();
            lost.then(|| format!("there is no {}", id.0))
        });
        self.set_lease(id, lease);
        fault
    }

    fn take_past(&mut self, id: PastId, value: Option<&[u8]>, mod_revision: u64, taken: &mut Taken) -> Option<String> {
        let read = value.map(|value| Past::decode(value, mod_revision)).transpose();
        let (past, fault) = match read {
            Ok(past) => (past, None),
            Err(reason) => (None, Some(reason)),
        };
        match &past {
            Some(past) => taken.bound.push(past.shown(&id)),
            None => taken.forgotten += 1,
        }
        self.set_past(id, past);
        fault
    }

    /// Bindings that begin, or are proved otherwise.
    fn begun(&self, before: &Catalog, ports: &BTreeSet<ResourceId>) -> Vec<v1::AddressBinding> {
        // What is there at the start begins nothing.
        let ports = ports.iter().filter(|id| id.kind == PORT && !before.items.is_empty());
        let new = ports.flat_map(|id| {
            let had = before.holdings(id, 0);
            let has = self.holdings(id, 0).into_iter();
            has.filter(move |(at, now)| had.get(at).is_none_or(|was| was.proof != now.proof)).map(move |one| (id, one))
        });
        new.map(|(id, (at, holding))| self.shown_binding(id, &at, &holding)).collect()
    }

    fn take_listener(
        &mut self,
        id: ListenerId,
        value: Option<&[u8]>,
        mod_revision: u64,
        taken: &mut Taken,
    ) -> Option<String> {
        let (listened, fault) = match value.map(|value| Listened::decode(value, mod_revision)).transpose() {
            Ok(listened) => (listened, None),
            Err(reason) => (None, Some(reason)),
        };
        let lost = listened.is_some() && self.port(&id.0).is_none();
        taken.listening.insert(id.0.clone());
        let fault = fault.or_else(|| lost.then(|| format!("there is no {}", id.0)));
        self.set_listener(id, listened);
        fault
    }

    /// Remembers which addresses were picked from pools last: those that a port has, did not have, and was not given.
    fn hint(&mut self, id: &ResourceId, known: &[Assigned]) {
        let Some(port) = self.port(id) else { return };
        let given = |address| port.fixed.iter().flatten().any(|fixed| fixed.address == Some(address));
        let new = port.assigned.iter().filter(|a| !known.contains(a) && !given(a.address));
        let pooled = |a: &&Assigned| self.subnet(&a.subnet).is_some_and(|s| s.per_host || !s.modes.form());
        for Assigned { address, subnet } in new.filter(pooled).cloned().collect::<Vec<_>>() {
            self.hints.insert_mut(subnet, address);
        }
    }

    /// Works out which facts differ from those of before.
    fn settle(&mut self, before: &Catalog, taken: Taken) -> Applied {
        let mut applied = Applied { faults: taken.faults, ..Applied::default() };
        for id in &taken.ids {
            match (self.item(id), before.item(id)) {
                (Some(after), Some(before)) if after.stored == before.stored => {}
                (Some(after), _) => {
                    applied.changed.push(id.clone());
                    for claim in after.claims.iter().filter(|claim| self.taken(claim, id)) {
                        applied.faults.push(format!("{id}: shares {claim} with another"));
                    }
                }
                (None, Some(_)) => applied.deleted.push(id.clone()),
                (None, None) => {}
            }
        }
        // A port with other addresses is another, though its record is the same.
        let addressed = taken.addressed.iter().filter(|id| self.item(id).is_some()).cloned();
        applied.changed.extend(addressed.collect::<Vec<_>>());
        applied.learned = taken.learned;
        (applied.bound, applied.forgotten) = (taken.bound, taken.forgotten);
        // Who has the id now has flows with it, or none.
        let heirs: Vec<ResourceId> = taken.released.iter().flat_map(|segment| self.heirs(*segment).cloned()).collect();
        applied.released = taken.released;
        let by_rank = |id: &ResourceId| (ident::rank(id.kind), id.clone());
        applied.changed.sort_by_key(by_rank);
        applied.changed.dedup();
        applied.deleted.sort_by_key(|id| std::cmp::Reverse(by_rank(id)));
        let dirty = self
            .dirty(before, taken.ids.into_iter().chain(taken.addressed).chain(taken.listening).chain(heirs).collect());
        let others = taken.leased.difference(&dirty);
        applied.bound.extend(self.begun(before, &dirty));
        applied.bound.extend(self.begun(before, &others.cloned().collect()));
        let changed: BTreeSet<&ResourceId> = applied.changed.iter().collect();
        applied.affected = dirty.iter().filter(|id| !changed.contains(id)).cloned().collect();
        let (mut gone, mut stated) = (Vec::new(), Vec::new());
        for (_, id) in dirty.into_iter().map(|id| (ident::rank(id.kind), id)).collect::<BTreeSet<_>>() {
            self.restate(&id, &mut gone, &mut stated);
        }
        // What is taken away here and stated there (a number that changed hands) is only stated.
        let keys: BTreeSet<Key> = stated.iter().map(slot).collect();
        gone.retain(|change| !keys.contains(&slot(change)));
        applied.facts = gone.into_iter().rev().chain(stated).collect();
        applied
    }

    /// Everything whose facts may differ: what changed, and what says something that depends on that.
    fn dirty(&self, before: &Catalog, ids: BTreeSet<ResourceId>) -> BTreeSet<ResourceId> {
        let mut dirty = self.dirty_exposed(before, &ids);
        for id in ids {
            let renumbered = self.key_of(&id) != before.key_of(&id);
            match id.kind {
                SUBNET => {
                    // Its gateway is the next hop of routers that lead to its network.
                    let network =
                        [before.subnet(&id), self.subnet(&id)].into_iter().flatten().map(|s| s.network.clone());
                    dirty.extend(network.flat_map(|network| self.users(&network, ROUTER).cloned().collect::<Vec<_>>()));
                    dirty.extend(self.users(&id, ROUTER).chain(self.users(&id, RENUMBERING)).cloned());
                    // Whether hosts do without IPv4 is said to those who ask for it on others.
                    let mostly = |catalog: &Catalog| catalog.subnet(&id).is_some_and(|subnet| subnet.mostly);
                    if mostly(before) != mostly(self) {
                        let either = [before.subnet(&id), self.subnet(&id)].into_iter().flatten();
                        let networks: Vec<ResourceId> = either.map(|subnet| subnet.network.clone()).collect();
                        dirty.extend(networks.iter().flat_map(|network| self.users(network, SUBNET).cloned()));
                    }
                    // A link-local gateway is a router whose advertisements hosts of a provider network get.
                    let upstream = |catalog: &Catalog| {
                        let subnet =
                            catalog.subnet(&id).filter(|s| matches!(s.gateway, IpAddr::V6(g) if is_link_local(g)));
                        subnet.map(|subnet| (subnet.network.clone(), subnet.gateway))
                    };
                    let (was, is) = (upstream(before), upstream(self));
                    if was != is {
                        dirty.extend(was.into_iter().chain(is).map(|(network, _)| network));
                    }
                    // What ports are told of their own prefixes is said there.
                    if self.subnet(&id).is_some_and(|subnet| subnet.per_host) {
                        dirty.extend(self.users(&id, PORT).cloned());
                    }
                    // Whether ports form addresses depends on it.
                    let (before, after) = (forms_on(before, &id), forms_on(self, &id));
                    if before != after {
                        let networks = before.into_iter().chain(after);
                        dirty.extend(networks.flat_map(|(network, _)| self.users(network, PORT).cloned()));
                    }
                }
                RENUMBERING => {
                    let both = [before.renumbering(&id), self.renumbering(&id)].into_iter().flatten();
                    for subnet in both.map(|renumbering| renumbering.subnet.clone()) {
                        dirty.extend(self.users(&subnet, ROUTER).chain(self.users(&subnet, PORT)).cloned());
                        dirty.extend(self.users(&subnet, EXPOSURE).cloned());
                        dirty.insert(subnet);
                    }
                }
                // A prefix is its port's, and leads to it by the routers of its network.
                DELEGATION => {
                    for upstream in [before.upstream(&id), self.upstream(&id)].into_iter().flatten() {
                        dirty.insert(upstream.router.clone());
                        for subnet in &upstream.subnets {
                            dirty.extend(self.users(subnet, ROUTER).chain(self.users(subnet, PORT)).cloned());
                            dirty.extend(self.users(subnet, EXPOSURE).cloned());
                            dirty.insert(subnet.clone());
                        }
                    }
                    for delegation in [before.delegation(&id), self.delegation(&id)].into_iter().flatten() {
                        dirty.insert(delegation.port.clone());
                        dirty.extend(self.port(&delegation.port).map(|port| port.network.clone()));
                    }
                }
                // What leads to it is its port's to send from, and its prefix is told by its router's subnets.
                TRANSLATOR => {
                    for catalog in [before, self] {
                        let Some(translator) = catalog.translator(&id) else { continue };
                        dirty.insert(translator.port.clone());
                        dirty.extend(self.behind(&translator.router));
                        dirty.extend(catalog.floating_by(&translator.router));
                    }
                }
                PORT => {
                    dirty.extend(self.users(&id, DELEGATION).chain(self.users(&id, TRANSLATOR)).cloned());
                    if renumbered {
                        dirty.extend(self.users(&id, ANYCAST_SERVICE).chain(self.users(&id, EXPOSURE)).cloned());
                        dirty.extend(self.users(&id, TRUNK).cloned());
                    }
                }
                ROUTER => {
                    if renumbered {
                        dirty.extend(self.users(&id, EXPOSURE).cloned());
                    }
                    for translator in self.users(&id, TRANSLATOR).filter_map(|id| Some((id, self.translator(id)?))) {
                        dirty.extend([translator.0.clone(), translator.1.port.clone()]);
                        dirty.extend(before.behind(&id).into_iter().chain(self.behind(&id)));
                    }
                    let both = [before, self].into_iter().flat_map(|catalog| catalog.per_host_behind(&id));
                    for subnet in both.collect::<BTreeSet<_>>() {
                        dirty.extend(self.users(&subnet, PORT).cloned());
                    }
                    dirty.extend(before.delegations_over(&id).into_iter().chain(self.delegations_over(&id)).cloned());
                    dirty.extend([before, self].into_iter().flat_map(|catalog| catalog.floating_by(&id)));
                    dirty.extend(self.users(&id, PREFIX_MAPPING).cloned());
                }
                SECURITY_GROUP if renumbered => {
                    dirty.extend(self.users(&id, PORT).chain(self.users(&id, SECURITY_GROUP)).cloned());
                }
                ADDRESS_GROUP if renumbered => dirty.extend(self.users(&id, SECURITY_GROUP).cloned()),
                CHASSIS if renumbered => dirty.extend(self.users(&id, PORT).cloned()),
                NETWORK if renumbered => {
                    dirty.extend(self.users(&id, PORT).chain(self.users(&id, DELEGATION)).cloned());
                    dirty.extend(self.users(&id, ANYCAST_SERVICE).chain(self.users(&id, FLOATING_IP)).cloned());
                    dirty.extend(self.users(&id, ROUTER).cloned());
                    let subnets = self.users(&id, SUBNET);
                    dirty.extend(subnets.flat_map(|subnet| self.translators_behind(subnet)).collect::<Vec<_>>());
                    for subnet in self.users(&id, SUBNET) {
                        dirty.insert(subnet.clone());
                        dirty.extend(self.users(subnet, ROUTER).chain(self.users(subnet, RENUMBERING)).cloned());
                        dirty.extend(self.users(subnet, EXPOSURE).cloned());
                    }
                }
                _ => {}
            }
            dirty.insert(id);
        }
        // Which address of a port one outside stands for hangs on the port's own.
        let ports = dirty.iter().filter(|id| id.kind == PORT);
        let floating: Vec<ResourceId> = ports.flat_map(|port| self.users(port, FLOATING_IP).cloned()).collect();
        dirty.extend(floating);
        // What is connected to a router says which addresses of a mapping lead to its translators.
        let subnets: Vec<ResourceId> = dirty.iter().filter(|id| id.kind == SUBNET).cloned().collect();
        let behind = subnets.iter().flat_map(|subnet| self.translators_behind(subnet));
        // And a floating IP may be one that they translate.
        let floating = dirty.iter().filter(|id| id.kind == FLOATING_IP);
        let networks: BTreeSet<ResourceId> = floating
            .filter_map(|id| self.floating_ip(id).or(before.floating_ip(id)))
            .map(|floating| floating.network.clone())
            .collect();
        let routers = networks.iter().flat_map(|network| self.users(network, ROUTER));
        let beyond = routers.flat_map(|router| self.users(router, TRANSLATOR).cloned());
        for translator in behind.chain(beyond).collect::<BTreeSet<_>>() {
            dirty.extend(self.translator(&translator).map(|translator| translator.port.clone()));
            dirty.insert(translator);
        }
        if self.mtu_max() != before.mtu_max() {
            dirty.insert(ident::id(FABRIC, "", FABRIC_NAME));
            dirty.extend(self.ids(NETWORK).cloned());
        }
        dirty
    }

    /// Compares what a resource states now with what it stated last.
    fn restate(&mut self, id: &ResourceId, gone: &mut Vec<Change>, stated: &mut Vec<Change>) {
        let last = self.facts.get(id).cloned().unwrap_or_default();
        let now: Vec<Change> = self.item(id).map(|item| kinds::facts(self, id, item)).unwrap_or_default();
        let mut missing: BTreeMap<Key, &Change> = last.iter().map(|change| (slot(change), change)).collect();
        for change in &now {
            if missing.remove(&slot(change)) != Some(change) {
                stated.push(change.clone());
            }
        }
        gone.extend(missing.into_values().map(nothing));
        if now.is_empty() {
            self.facts.remove_mut(id);
        } else {
            self.facts.insert_mut(id.clone(), Arc::from(now));
        }
    }

    /// Why nothing can be written over an entry: it is there, and can't be read.
    pub(crate) fn unreadable(&self, id: &ResourceId) -> Option<&str> {
        self.unread.get(&ident::store_key(id)).map(String::as_str)
    }
}

/// The network and prefix of a subnet on which hosts form their addresses.
fn forms_on<'c>(catalog: &'c Catalog, id: &ResourceId) -> Option<(&'c ResourceId, IpNet)> {
    let subnet = catalog.subnet(id).filter(|subnet| subnet.modes.form())?;
    Some((&subnet.network, subnet.cidr))
}

/// What entries were taken.
#[derive(Default)]
struct Taken {
    ids: BTreeSet<ResourceId>,
    /// Ports that have learned addresses, or lost some.
    addressed: BTreeSet<ResourceId>,
    /// Ports whose hosts listen to other multicast groups than before.
    listening: BTreeSet<ResourceId>,
    learned: Vec<(ResourceId, IpAddr, v1::Proof)>,
    /// Ports whose leases are others.
    leased: BTreeSet<ResourceId>,
    /// Bindings that have ended.
    bound: Vec<v1::AddressBinding>,
    /// Ended ones that are kept no longer.
    forgotten: u64,
    released: Vec<u32>,
    faults: Vec<String>,
}

/// Resources after those that they refer to.
fn order(key: &str) -> (usize, &str) {
    match ident::read_key(key) {
        Some(StoreKey::Resource(id)) => (ident::rank(id.kind), key),
        Some(StoreKey::Learned(_) | StoreKey::Lease(_) | StoreKey::Listener(_) | StoreKey::Past(_)) => {
            (ident::KINDS.len(), key)
        }
        _ => (0, key),
    }
}

fn is_of(record: &v1::Record, id: &ResourceId) -> Result<(), String> {
    let kind = record.resource.as_ref().and_then(|r| r.kind.as_ref()).ok_or("holds no resource")?;
    let meta = resource::meta(kind).ok_or("holds a resource without meta")?;
    if resource::kind_of(kind) != id.kind || meta.tenant != *id.tenant || meta.name != *id.name {
        return Err(format!("holds {} {}/{}", resource::kind_of(kind), meta.tenant, meta.name));
    }
    Ok(())
}

/// The key of the fact that a change is of.
fn slot(change: &Change) -> Key {
    match change {
        Change::Fabric(_) => Key::Fabric,
        Change::Chassis(c, _) => Key::Chassis(*c),
        // The catalog states no plugs; they would be their chassis' uplinks.
        Change::Plug(c, ..) => Key::Uplink(*c),
        // Nor what is learned of links.
        Change::Trunk(c, p, _) => Key::Trunk(*c, *p),
        Change::Hop(at, to, label, _) => Key::Hop(*at, *to, *label),
        Change::Way(from, to, _) => Key::Way(*from, *to),
        Change::Alive(from, to, _) => Key::Alive(*from, *to),
        Change::Network(n, _) => Key::Network(*n),
        Change::Gateway(r, _) => Key::Gateway(*r),
        Change::Presence(n, a, _) => Key::Presence(*n, *a),
        Change::PrefixMapping(r, p, _) => Key::PrefixMapping(*r, *p),
        // Nor what is found on physical networks.
        Change::Lame(c, _) | Change::Down(c, ..) => Key::Localnets(*c),
        Change::Neighbor(n, c, a, _) => Key::Neighbor(*n, *c, *a),
        Change::Upstream(n, ..) | Change::Isolated(n, ..) => Key::Upstreams(*n),
        Change::Subnet(s, _) => Key::Subnet(*s),
        Change::Advert(s, _) => Key::Advert(*s),
        Change::Dhcp6(s, _) => Key::Dhcp6(*s),
        Change::Dhcp4(s, _) => Key::Dhcp4(*s),
        Change::Router(r, _) => Key::Router(*r),
        Change::Interface(r, s, _) => Key::Interface(*r, *s),
        Change::Route(r, p, _) => Key::Route(*r, *p),
        Change::Port(p, _) => Key::Port(*p),
        Change::Binding(p, _) => Key::Binding(*p),
        Change::Direct(p, _) => Key::Place(*p),
        Change::Subport(p, _) => Key::Subport(*p),
        Change::Policy(p, _) => Key::Policy(*p),
        Change::Membership(p, _) => Key::Membership(*p),
        Change::Listener(p, group, _) => Key::Listener(*p, *group),
        Change::Group(g, _) => Key::Group(*g),
        Change::Addresses(a, _) => Key::Addresses(*a),
        Change::Anycast(a, _) => Key::Anycast(*a),
        Change::Exposure(e, _) => Key::Exposure(*e),
        // What instances answer is nothing that the catalog states.
        Change::Serves(a, p, _) => Key::Serves(*a, *p),
        Change::DhcpOptions(p, _) => Key::DhcpOptions(*p),
        Change::Hostname(p, _) => Key::Hostname(*p),
    }
}

/// The change that takes a fact away.
fn nothing(change: &Change) -> Change {
    match change {
        Change::Fabric(_) => Change::Fabric(None),
        Change::Chassis(c, _) => Change::Chassis(*c, None),
        Change::Plug(c, name, _) => Change::Plug(*c, name.clone(), None),
        Change::Trunk(c, p, _) => Change::Trunk(*c, *p, false),
        Change::Hop(at, to, label, _) => Change::Hop(*at, *to, *label, None),
        Change::Way(from, to, _) => Change::Way(*from, *to, None),
        Change::Alive(from, to, _) => Change::Alive(*from, *to, None),
        Change::Network(n, _) => Change::Network(*n, None),
        Change::Gateway(r, _) => Change::Gateway(*r, None),
        Change::Presence(n, a, _) => Change::Presence(*n, *a, None),
        Change::PrefixMapping(r, p, _) => Change::PrefixMapping(*r, *p, None),
        Change::Lame(c, _) => Change::Lame(*c, false),
        Change::Down(c, port, _) => Change::Down(*c, *port, false),
        Change::Neighbor(n, c, a, _) => Change::Neighbor(*n, *c, *a, None),
        Change::Upstream(n, router, _) => Change::Upstream(*n, *router, None),
        Change::Isolated(n, c, _) => Change::Isolated(*n, *c, false),
        Change::Subnet(s, _) => Change::Subnet(*s, None),
        Change::Advert(s, _) => Change::Advert(*s, None),
        Change::Dhcp6(s, _) => Change::Dhcp6(*s, None),
        Change::Dhcp4(s, _) => Change::Dhcp4(*s, None),
        Change::Router(r, _) => Change::Router(*r, None),
        Change::Interface(r, s, _) => Change::Interface(*r, *s, None),
        Change::Route(r, p, _) => Change::Route(*r, *p, None),
        Change::Port(p, _) => Change::Port(*p, None),
        Change::Binding(p, _) => Change::Binding(*p, None),
        Change::Direct(p, _) => Change::Direct(*p, None),
        Change::Subport(p, _) => Change::Subport(*p, None),
        Change::Policy(p, _) => Change::Policy(*p, None),
        Change::Membership(p, _) => Change::Membership(*p, None),
        Change::Listener(p, group, _) => Change::Listener(*p, *group, None),
        Change::Group(g, _) => Change::Group(*g, None),
        Change::Addresses(a, _) => Change::Addresses(*a, None),
        Change::Anycast(a, _) => Change::Anycast(*a, None),
        Change::Exposure(e, _) => Change::Exposure(*e, None),
        Change::Serves(a, p, _) => Change::Serves(*a, *p, false),
        Change::DhcpOptions(p, _) => Change::DhcpOptions(*p, None),
        Change::Hostname(p, _) => Change::Hostname(*p, None),
    }
}
