//! What one switch holds, what it should hold, and what is on its way.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use features::Millis;
use flows::{BATCH_OPERATIONS_MAX, COOKIE_MAGIC, Flow, Group, Item, Keyed, Meter, Op, Plan, Table, is_ours};
use ofp::{FlowStats, GroupDesc, MeterConfig};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use topology::ResourceId;

use crate::effect::Batch;
use crate::event::SessionId;

/// How far a switch's connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not connected.
    Down,
    /// Connected; its tables are being read back.
    Reading(SessionId),
    /// Connected, its tables known.
    InStep(SessionId),
}

/// One switch.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) link: Link,
    /// It has held everything at once since it connected: nothing is promised before.
    pub(crate) ready: bool,
    /// Operations not sent yet, at most one for each key.
    pending: HashMap<Keyed, Pending>,
    /// The order in which they are sent; anew when something comes in between.
    order: VecDeque<Keyed>,
    inflight: Option<Inflight>,
    /// What the switch refused, with its words. Not tried again until it is wanted otherwise, or what it may lack has come.
    refused: HashMap<Keyed, (String, Pending)>,
    /// Refusals since its tables were read.
    pub(crate) refusals: usize,
    /// It refused so much that nothing more is sent before this time; then its tables are read anew.
    pub(crate) halted_until: Option<Millis>,
    /// The world's sequence number when its tables were read.
    read_at: u64,
    /// Groups and meters that the switch holds: those are added and modified by different commands.
    held: HashSet<Keyed>,
    /// Out of step: the world's sequence number of the first change that it may have missed.
    stale_since: Option<u64>,
    /// Unconfirmed operations by the sequence number that first wanted them.
    since: BTreeMap<u64, usize>,
    /// Unconfirmed operations by the resource behind them.
    by_resource: HashMap<ResourceId, usize>,
    pub(crate) foreign_flows: u64,
    next_batch: u64,
    /// Lowered when a batch fails and the switch doesn't say by which operation.
    batch_limit: usize,
}

#[derive(Clone, Debug)]
struct Pending {
    op: Op,
    since: u64,
    resource: Option<ResourceId>,
}

#[derive(Debug)]
struct Inflight {
    number: u64,
    ops: Vec<(Keyed, Pending)>,
}

/// What a failed batch means for its intent.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) item: Arc<Item>,
    pub(crate) resource: Option<ResourceId>,
}

impl Switch {
    pub(crate) fn new(sequence: u64) -> Switch {
        Switch {
            link: Link::Down,
            ready: false,
            pending: HashMap::default(),
            order: VecDeque::new(),
            inflight: None,
            refused: HashMap::default(),
            refusals: 0,
            halted_until: None,
            read_at: 0,
            held: HashSet::default(),
            stale_since: Some(sequence),
            since: BTreeMap::new(),
            by_resource: HashMap::default(),
            foreign_flows: 0,
            next_batch: 1,
            batch_limit: BATCH_OPERATIONS_MAX,
        }
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.link {
            Link::Down => None,
            Link::Reading(session) | Link::InStep(session) => Some(session),
        }
    }

    pub(crate) fn in_step(&self) -> bool {
        matches!(self.link, Link::InStep(_))
    }

    /// The world's sequence number from which on something is not confirmed; `None`: all is.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        let oldest = self.since.first_key_value().map(|(since, _)| *since);
        [self.stale_since, oldest].into_iter().flatten().min()
    }

    /// Operations that the switch has not confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.pending.len() + self.inflight.as_ref().map_or(0, |i| i.ops.len())
    }

    /// The keys of what has not been confirmed.
    pub(crate) fn unconfirmed_keys(&self) -> HashSet<&Keyed> {
        let inflight = self.inflight.iter().flat_map(|i| &i.ops).map(|(key, _)| key);
        self.pending.keys().chain(self.refused.keys()).chain(inflight).collect()
    }

    /// Whether flows of a resource are on their way.
    pub(crate) fn concerns(&self, resource: &ResourceId) -> bool {
        self.by_resource.contains_key(resource)
    }

    /// The switch's words about a refused flow of a resource.
    pub(crate) fn refusal_of(&self, resource: &ResourceId) -> Option<&str> {
        self.refused.values().find(|(_, p)| p.resource.as_ref() == Some(resource)).map(|(words, _)| words.as_str())
    }

    pub(crate) fn refused_count(&self) -> usize {
        self.refused.len()
    }

    /// Its tables are asked for.
    pub(crate) fn reading(&mut self, session: SessionId, sequence: u64) {
        self.down(sequence);
        self.link = Link::Reading(session);
        // It may have lost everything: nothing counts as installed before its tables are known.
        self.stale_since = Some(0);
    }

    /// Whether all that was wanted when its tables were read has been confirmed.
    pub(crate) fn caught_up(&self) -> bool {
        self.in_step() && self.waiting_since().is_none_or(|since| since > self.read_at)
    }

    /// The connection is gone, and with it the knowledge of what arrived. `sequence`: the world's newest.
    pub(crate) fn down(&mut self, sequence: u64) {
        let lost_something = self.unconfirmed() > 0;
        self.stale_since = self.waiting_since().or(lost_something.then_some(sequence));
        self.pending.clear();
        self.order.clear();
        self.inflight = None;
        self.since.clear();
        self.by_resource.clear();
        self.refused.clear();
        self.held.clear();
        self.ready = false;
        self.halted_until = None;
        self.link = Link::Down;
    }

    /// The facts want something else now.
    pub(crate) fn want(&mut self, op: Op, since: u64, resource: Option<ResourceId>) {
        if !self.in_step() {
            self.stale_since = Some(self.stale_since.map_or(since, |s| s.min(since)));
            return;
        }
        let key = Keyed(op.item().clone());
        self.refused.remove(&key);
        let since = match self.pending.remove(&key) {
            Some(old) => {
                self.uncount(&old);
                old.since.min(since)
            }
            None => since,
        };
        let pending = Pending { op, since, resource };
        self.count(&pending);
        self.pending.insert(key, pending);
        self.order.clear();
    }

    /// The switch's tables, against what it should hold: what differs is wanted. `desired` gives item, cookie and resource.
    pub(crate) fn in_step_with(
        &mut self,
        session: SessionId,
        sequence: u64,
        found: Found,
        desired: impl Iterator<Item = (Arc<Item>, u64, Option<ResourceId>)>,
    ) {
        let since = self.stale_since.take().unwrap_or(sequence);
        self.link = Link::InStep(session);
        self.read_at = sequence;
        self.refusals = 0;
        self.foreign_flows = found.foreign_flows;
        let Found { mut items, .. } = found;
        self.held = items.keys().filter(|k| !matches!(&*k.0, Item::Flow(_))).cloned().collect();
        for (item, cookie, resource) in desired {
            let same = items
                .remove(&Keyed(item.clone()))
                .is_some_and(|(there, its)| same_on_switch(&there, &item, its, cookie));
            if !same {
                self.want(Op::Put { item, cookie }, since, resource);
            }
        }
        for (_, (item, _)) in items {
            // Groups and meters carry no cookie: only numbers that are ours are taken away, and a spare meter does no harm.
            let ours = match &*item {
                Item::Flow(_) => true,
                Item::Group(group) => features::l2::is_our_group(group.id),
                Item::Meter(_) => false,
            };
            if ours {
                self.want(Op::Remove { item, unit: None }, since, None);
            }
        }
    }

    /// The next batch to send, if none is on its way.
    pub(crate) fn next_batch(&mut self) -> Option<(SessionId, Batch)> {
        let Link::InStep(session) = self.link else { return None };
        if self.inflight.is_some() || self.pending.is_empty() || self.halted_until.is_some() {
            return None;
        }
        if self.order.is_empty() {
            let ops = self.pending.values().map(|p| p.op.clone()).collect();
            self.order = Plan::new(ops).ops.into_iter().map(|op| Keyed(op.item().clone())).collect();
        }
        let mut ops = Vec::new();
        let mut operations = Vec::new();
        while operations.len() < self.batch_limit {
            let Some(key) = self.order.pop_front() else { break };
            let Some(pending) = self.pending.remove(&key) else { continue };
            operations.push(pending.op.to_body(self.held.contains(&key)));
            ops.push((key, pending));
        }
        let number = self.next_batch;
        self.next_batch += 1;
        self.inflight = Some(Inflight { number, ops });
        Some((session, Batch { number, operations }))
    }

    /// The switch has confirmed a batch: the resources behind it.
    pub(crate) fn confirmed(&mut self, number: u64) -> BTreeSet<ResourceId> {
        let mut resources = BTreeSet::new();
        let mut named_by_others = false;
        let Some(inflight) = self.inflight.take_if(|i| i.number == number) else { return resources };
        for (key, pending) in inflight.ops {
            self.uncount(&pending);
            resources.extend(pending.resource);
            match (&pending.op, &*key.0) {
                (_, Item::Flow(_)) => {}
                (Op::Put { .. }, _) => {
                    named_by_others = true;
                    self.held.insert(key);
                }
                (Op::Remove { .. }, _) => {
                    self.held.remove(&key);
                }
            }
        }
        self.batch_limit = BATCH_OPERATIONS_MAX;
        if named_by_others {
            // A flow may have been refused because it names a group or meter that was not there.
            for (key, (_, pending)) in std::mem::take(&mut self.refused) {
                self.count(&pending);
                self.pending.insert(key, pending);
                self.order.clear();
            }
        }
        resources
    }

    /// What takes all that is ours off the switch: for a bridge that is no longer this chassis'.
    pub(crate) fn purge(&mut self) -> Batch {
        let ours = ofp::FlowMod {
            cookie: COOKIE_MAGIC << 48,
            cookie_mask: 0xffff << 48,
            table: ofp::TABLE_ALL,
            command: ofp::FlowModCommand::Delete,
            ..ofp::FlowMod::default()
        };
        let mut operations = vec![ofp::Body::FlowMod(ours)];
        let held = self.held.iter().map(|key| Op::Remove { item: key.0.clone(), unit: None }).collect();
        operations.extend(Plan::new(held).ops.iter().map(|op| op.to_body(true)));
        let number = self.next_batch;
        self.next_batch += 1;
        Batch { number, operations }
    }

    /// The switch refused a batch: the operation that it named is put aside, the rest is tried again. If it named none, in
    /// halves, until it is one.
    pub(crate) fn failed(&mut self, number: u64, operation: Option<usize>, error: &str) -> Option<Refused> {
        let inflight = self.inflight.take_if(|i| i.number == number)?;
        let count = inflight.ops.len();
        let guilty = operation.filter(|i| *i < count).or((count == 1).then_some(0));
        if guilty.is_none() {
            self.batch_limit = (count / 2).max(1);
        }
        let mut refused = None;
        let mut again = Vec::new();
        for (index, (key, pending)) in inflight.ops.into_iter().enumerate() {
            if Some(index) == guilty {
                self.uncount(&pending);
                self.refusals += 1;
                refused = Some(Refused { item: key.0.clone(), resource: pending.resource.clone() });
                // Wanted otherwise meanwhile: that is tried.
                if !self.pending.contains_key(&key) {
                    self.refused.insert(key, (error.to_owned(), pending));
                }
                continue;
            }
            // Meters go ahead of the bundle and stay: they are modified when they are sent again.
            if matches!((&*key.0, &pending.op), (Item::Meter(_), Op::Put { .. })) {
                self.held.insert(key.clone());
            }
            match self.pending.entry(key) {
                Entry::Occupied(_) => self.uncount(&pending),
                Entry::Vacant(place) => {
                    again.push(place.key().clone());
                    place.insert(pending);
                }
            }
        }
        // The rest keeps its place in the order.
        if !self.order.is_empty() || self.pending.len() == again.len() {
            again.into_iter().rev().for_each(|key| self.order.push_front(key));
        }
        refused
    }

    fn count(&mut self, pending: &Pending) {
        *self.since.entry(pending.since).or_insert(0) += 1;
        if let Some(resource) = &pending.resource {
            *self.by_resource.entry(resource.clone()).or_insert(0) += 1;
        }
    }

    fn uncount(&mut self, pending: &Pending) {
        if let Some(n) = self.since.get_mut(&pending.since) {
            *n -= 1;
            if *n == 0 {
                self.since.remove(&pending.since);
            }
        }
        if let Some(resource) = &pending.resource
            && let Some(n) = self.by_resource.get_mut(resource)
        {
            *n -= 1;
            if *n == 0 {
                self.by_resource.remove(resource);
            }
        }
    }
}

/// What was read back from a switch: ours, by key, with cookies; and how many flows are others'.
#[derive(Debug, Default)]
pub(crate) struct Found {
    items: HashMap<Keyed, (Arc<Item>, u64)>,
    foreign_flows: u64,
}

impl Found {
    pub(crate) fn new(flows: Vec<FlowStats>, groups: Vec<GroupDesc>, meters: Vec<MeterConfig>) -> Found {
        let mut found = Found::default();
        for flow in flows {
            let Some(table) = Table::from_id(flow.table).filter(|_| is_ours(flow.cookie)) else {
                found.foreign_flows += 1;
                continue;
            };
            let FlowStats { priority, match_, instructions, cookie, .. } = flow;
            let instructions = instructions.into();
            let item = Item::Flow(Flow { table, priority, match_, instructions, why: "", drop: None });
            found.add(item, cookie);
        }
        for GroupDesc { kind, group_id, buckets } in groups {
            found.add(Item::Group(Group { id: group_id, kind, buckets, why: "" }), 0);
        }
        for MeterConfig { flags, meter_id, bands } in meters {
            found.add(Item::Meter(Meter { id: meter_id, flags, bands, why: "" }), 0);
        }
        found
    }

    fn add(&mut self, item: Item, cookie: u64) {
        let item = Arc::new(item);
        self.items.insert(Keyed(item.clone()), (item, cookie));
    }
}

/// Whether what is there is what is wanted, as far as the switch tells.
fn same_on_switch(there: &Item, wanted: &Item, cookie_there: u64, cookie: u64) -> bool {
    match (there, wanted) {
        (Item::Flow(a), Item::Flow(b)) => cookie_there == cookie && a.instructions == b.instructions,
        (Item::Group(a), Item::Group(b)) => a.kind == b.kind && a.buckets == b.buckets,
        (Item::Meter(a), Item::Meter(b)) => a.flags == b.flags && a.bands == b.bands,
        _ => false,
    }
}
