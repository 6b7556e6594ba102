//! What one switch holds, what it should hold, and what is on its way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use features::Millis;
use flows::{COOKIE_MAGIC, Item, Keyed, Op, Plan};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use topology::{NetworkKey, ResourceId};

use crate::drift::Drift;
use crate::effect::Batch;
use crate::event::SessionId;
use crate::found::{Found, same_on_switch};
use crate::pace::{Load, Loaded, Pace};

/// Seconds after which what a switch refused is tried again; each time doubled, up to this.
const RETRY_FIRST_S: u64 = 30;
const RETRY_MAX_S: u64 = 120;

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
    /// Those of refused batches, sent before the others.
    again: VecDeque<Keyed>,
    /// On their way, oldest first. Each is void if the one before it is refused.
    inflight: VecDeque<Inflight>,
    /// How much is sent at once.
    pace: Pace,
    /// What the switch refused, with its words. Tried again when it is wanted otherwise, when what it may lack has come, and
    /// after a while.
    refused: HashMap<Keyed, (String, Pending)>,
    /// Refusals since its tables were read.
    pub(crate) refusals: usize,
    /// It refused so much that nothing more is sent before this time; then its tables are read anew.
    pub(crate) halted_until: Option<Millis>,
    /// When what was refused is tried again; and seconds to the time after that.
    retry_at: Option<Millis>,
    retry_s: u64,
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
    /// What others have done to it.
    pub(crate) drift: Drift,
    /// Out of reach: the networks that it may have flows of. `None`: any.
    pub(crate) may_have: Option<BTreeSet<NetworkKey>>,
    next_batch: u64,
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
    ops: Vec<Sent>,
    _load: Loaded,
}

#[derive(Debug)]
struct Sent {
    key: Keyed,
    pending: Pending,
    /// Whether the switch held the group or meter before.
    held_before: bool,
}

impl Sent {
    /// Whether the switch holds the group or meter, if that is all that it refused the operation for.
    fn held_after_all(&self, error: &str) -> Option<bool> {
        let says = |names: [&str; 2]| names.iter().any(|name| error.starts_with(name));
        match (&self.pending.op, self.held_before) {
            (Op::Put { .. }, true) if says(["OFPMMFC_UNKNOWN_METER", "OFPGMFC_UNKNOWN_GROUP"]) => Some(false),
            (Op::Put { .. }, false) if says(["OFPMMFC_METER_EXISTS", "OFPGMFC_GROUP_EXISTS"]) => Some(true),
            _ => None,
        }
    }
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
            again: VecDeque::new(),
            inflight: VecDeque::new(),
            pace: Pace::new(true),
            refused: HashMap::default(),
            refusals: 0,
            halted_until: None,
            retry_at: None,
            retry_s: RETRY_FIRST_S,
            read_at: 0,
            held: HashSet::default(),
            stale_since: Some(sequence),
            since: BTreeMap::new(),
            by_resource: HashMap::default(),
            foreign_flows: 0,
            drift: Drift::default(),
            may_have: None,
            next_batch: 1,
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

    /// Whether it has confirmed all that a sequence number and earlier ones wanted, and refused nothing of it.
    pub(crate) fn has_done(&self, sequence: u64) -> bool {
        let later = |since: u64| since > sequence;
        self.in_step()
            && self.waiting_since().is_none_or(later)
            && self.refused.values().all(|(_, pending)| later(pending.since))
    }

    /// Operations that the switch has not confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.pending.len() + self.inflight.iter().map(|i| i.ops.len()).sum::<usize>()
    }

    /// The keys of what has not been confirmed.
    pub(crate) fn unconfirmed_keys(&self) -> HashSet<&Keyed> {
        let inflight = self.inflight.iter().flat_map(|i| &i.ops).map(|sent| &sent.key);
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
        self.again.clear();
        self.inflight.clear();
        self.since.clear();
        self.by_resource.clear();
        self.refused.clear();
        self.held.clear();
        self.drift.is_down();
        self.ready = false;
        self.halted_until = None;
        self.retry_at = None;
        self.link = Link::Down;
    }

    /// The facts want something else since a sequence number, and it is not in step.
    pub(crate) fn missed(&mut self, since: u64) {
        self.stale_since = Some(self.stale_since.map_or(since, |s| s.min(since)));
    }

    /// The facts want something else now.
    pub(crate) fn want(&mut self, op: Op, since: u64, resource: Option<ResourceId>) {
        if !self.in_step() {
            return self.missed(since);
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
        self.may_have = None;
        self.refusals = 0;
        self.pace = Pace::new(found.flows == 0);
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
        if self.pending.is_empty() {
            self.pace.caught_up();
        }
    }

    /// The next batch to send, if it is time for one. While there is much on its way to all switches, it is small.
    pub(crate) fn next_batch(&mut self, load: &Load) -> Option<(SessionId, Batch)> {
        let Link::InStep(session) = self.link else { return None };
        let busy = self.inflight.len() >= self.pace.batches();
        if busy || self.pending.is_empty() || self.halted_until.is_some() {
            return None;
        }
        let limit = load.room_for(self.pace.operations());
        let mut ops = Vec::new();
        let mut operations = Vec::new();
        while operations.len() < limit
            && let Some((key, pending)) = self.next_pending()
        {
            let held_before = self.held.contains(&key);
            operations.push(pending.op.to_body(held_before));
            self.will_hold(&key, matches!(pending.op, Op::Put { .. }));
            ops.push(Sent { key, pending, held_before });
        }
        let number = self.next_batch;
        self.next_batch += 1;
        let follows = self.inflight.back().map(|before| before.number);
        self.inflight.push_back(Inflight { number, ops, _load: load.take(operations.len()) });
        Some((session, Batch { number, operations, follows, gentle: self.pace.gentle() }))
    }

    /// The next operation in order, off what waits.
    fn next_pending(&mut self) -> Option<(Keyed, Pending)> {
        if self.again.is_empty() && self.order.is_empty() {
            let ops = self.pending.values().map(|p| p.op.clone()).collect();
            self.order = Plan::new(ops).ops.into_iter().map(|op| Keyed(op.item().clone())).collect();
        }
        // What was replaced or sent meanwhile is no longer pending.
        while let Some(key) = self.again.pop_front().or_else(|| self.order.pop_front()) {
            if let Some(pending) = self.pending.remove(&key) {
                return Some((key, pending));
            }
        }
        None
    }

    fn will_hold(&mut self, key: &Keyed, held: bool) {
        match (&*key.0, held) {
            (Item::Flow(_), _) => {}
            (_, true) => drop(self.held.insert(key.clone())),
            (_, false) => drop(self.held.remove(key)),
        }
    }

    /// The switch has confirmed a batch, its commit answered after so long: the resources behind it.
    pub(crate) fn confirmed(&mut self, number: u64, commit_us: u64) -> BTreeSet<ResourceId> {
        let mut resources = BTreeSet::new();
        let mut named_by_others = false;
        let Some(inflight) = self.inflight.pop_front_if(|i| i.number == number) else { return resources };
        self.pace.confirmed(inflight.ops.len(), commit_us);
        for Sent { key, pending, .. } in inflight.ops {
            self.uncount(&pending);
            resources.extend(pending.resource);
            named_by_others |= matches!(pending.op, Op::Put { .. }) && !matches!(&*key.0, Item::Flow(_));
        }
        if named_by_others {
            // A flow may have been refused because it names a group or meter that was not there.
            self.take_up_refused();
        }
        if self.unconfirmed() == 0 {
            self.pace.caught_up();
        }
        resources
    }

    /// When something is due: all that waits while it is halted, what was refused, or a look at its tables.
    pub(crate) fn due(&self) -> Option<Millis> {
        let look = self.drift.due().filter(|_| self.in_step());
        self.halted_until.or_else(|| self.retry_at.into_iter().chain(look).min())
    }

    /// Something was refused: a full table may have room later.
    pub(crate) fn retry_later(&mut self, now: Millis) {
        if self.retry_at.is_none() {
            self.retry_at = Some(now.after_s(self.retry_s));
            self.retry_s = (self.retry_s * 2).min(RETRY_MAX_S);
        }
    }

    /// What was refused is tried again: the resources behind it.
    pub(crate) fn retry(&mut self) -> BTreeSet<ResourceId> {
        self.retry_at = None;
        self.refusals = 0;
        if self.refused.is_empty() {
            self.retry_s = RETRY_FIRST_S;
        }
        let resources = self.refused.values().filter_map(|(_, pending)| pending.resource.clone()).collect();
        self.take_up_refused();
        resources
    }

    fn take_up_refused(&mut self) {
        for (key, (_, pending)) in std::mem::take(&mut self.refused) {
            self.count(&pending);
            self.pending.insert(key, pending);
            self.order.clear();
        }
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
        Batch { number, operations, follows: None, gentle: true }
    }

    /// The switch refused a batch: the operation that it named is put aside, the rest is tried again. If it named none, in
    /// halves, until it is one. Batches behind the refused one have had no effect.
    pub(crate) fn failed(&mut self, number: u64, operation: Option<usize>, error: &str) -> Option<Refused> {
        let at = self.inflight.iter().position(|i| i.number == number)?;
        let void = self.inflight.split_off(at + 1);
        let failed = self.inflight.pop_back()?;
        // From the newest back, so that for each key the newest operation stays, and what the switch held is found again.
        void.into_iter().rev().for_each(|behind| self.put_back(behind.ops, false));
        let count = failed.ops.len();
        let mut ahead: Vec<Sent> = failed.ops;
        let Some(guilty) = operation.filter(|i| *i < count).or((count == 1).then_some(0)) else {
            self.put_back(ahead, true);
            self.pace.doubts(count);
            return None;
        };
        self.pace.found();
        self.put_back(ahead.split_off(guilty + 1), true);
        let refused = ahead.pop().and_then(|sent| self.refuse(sent, error));
        self.put_back(ahead, true);
        refused
    }

    /// Operations that had no effect wait again, before the others. `sent`: the switch got them.
    fn put_back(&mut self, ops: Vec<Sent>, sent: bool) {
        for Sent { key, pending, held_before } in ops.into_iter().rev() {
            // Meters go ahead of the bundle and stay: they are modified when they are sent again.
            let stays = sent && matches!((&*key.0, &pending.op), (Item::Meter(_), Op::Put { .. }));
            self.will_hold(&key, held_before || stays);
            if self.pending.contains_key(&key) {
                self.uncount(&pending);
            } else {
                self.again.push_front(key.clone());
                self.pending.insert(key, pending);
            }
        }
    }

    /// Puts an operation aside; but where the switch only knows better whether it holds a group or meter, it is heeded.
    fn refuse(&mut self, sent: Sent, error: &str) -> Option<Refused> {
        self.refusals += 1;
        if let Some(held) = sent.held_after_all(error) {
            let key = sent.key.clone();
            self.put_back(vec![sent], false);
            self.will_hold(&key, held);
            return None;
        }
        let Sent { key, pending, held_before } = sent;
        self.will_hold(&key, held_before);
        self.uncount(&pending);
        let refused = Refused { item: key.0.clone(), resource: pending.resource.clone() };
        // Wanted otherwise meanwhile: that is tried.
        if !self.pending.contains_key(&key) {
            self.refused.insert(key, (error.to_owned(), pending));
        }
        Some(refused)
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

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
