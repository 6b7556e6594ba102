//! Keeps what every switch should hold in step with the facts: small units, compiled whole when a fact that they read has
//! changed, and diffed against what they said before.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

// A hash that is fast, and the same in every run: events replay to the letter.
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use topology::{ChassisKey, Key, KeyKind, View, World};

use crate::cookie::cookie;
use crate::emit::{Emit, Fault};
use crate::item::{Item, Keyed};

/// A feature's number in cookies. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub u8);

/// A capability, as far as flows go: which keys it compiles for, and what it says for one of them.
pub trait Feature: Sync {
    /// Its number, for cookies.
    fn id(&self) -> FeatureId;

    /// Its name, as the pipeline's declaration writes it.
    fn name(&self) -> &'static str;

    /// The kinds of keys that it has a unit for.
    fn anchors(&self) -> &'static [KeyKind];

    /// Says all that the unit wants, from current facts only; nothing if its key's fact is gone.
    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit);
}

/// A feature's share for one key: what is compiled whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// The feature.
    pub feature: FeatureId,
    /// The key.
    pub key: Key,
}

/// A change to one switch.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Add, or replace what has the same key.
    Put {
        /// What is wanted now.
        item: Arc<Item>,
        /// Its cookie; meaningless for groups and meters.
        cookie: u64,
    },
    /// Remove.
    Remove {
        /// What was wanted before.
        item: Arc<Item>,
        /// Who wanted it; `None`: it was found on the switch.
        unit: Option<Unit>,
    },
}

impl Op {
    /// What it is about.
    pub fn item(&self) -> &Arc<Item> {
        match self {
            Op::Put { item, .. } | Op::Remove { item, .. } => item,
        }
    }
}

/// Two units want different things under one key: the lesser unit has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// On which switch.
    pub chassis: ChassisKey,
    /// Who has it.
    pub winner: Unit,
    /// Who doesn't.
    pub loser: Unit,
}

/// What an update changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Per switch, at most one operation for each key.
    pub ops: BTreeMap<ChassisKey, Vec<Op>>,
    /// How many units were compiled.
    pub compiled: usize,
    /// Rows that were refused.
    pub faults: Vec<Fault>,
    /// Claims that met another's.
    pub conflicts: Vec<Conflict>,
}

/// What the keys that an update touches held before it.
type Before = HashMap<(ChassisKey, Keyed), Option<(Arc<Item>, Unit)>>;

/// Who claims one key on one switch, the lesser unit first.
type Claims = BTreeMap<Unit, Arc<Item>>;

struct Compiled {
    reads: Box<[Key]>,
    items: Vec<(ChassisKey, Arc<Item>)>,
}

/// All units, what they read, and what they want.
pub struct Engine {
    features: &'static [&'static dyn Feature],
    units: HashMap<Unit, Compiled>,
    /// Keys that more than one unit claims.
    contested: HashSet<(ChassisKey, Keyed)>,
    /// Units with rows that were refused.
    faulty: BTreeMap<Unit, Vec<Fault>>,
    readers: HashMap<Key, BTreeSet<Unit>>,
    desired: HashMap<ChassisKey, HashMap<Keyed, Claims>>,
}

impl Engine {
    /// An engine with no units yet.
    pub fn new(features: &'static [&'static dyn Feature]) -> Engine {
        Engine {
            features,
            units: HashMap::default(),
            contested: HashSet::default(),
            faulty: BTreeMap::new(),
            readers: HashMap::default(),
            desired: HashMap::default(),
        }
    }

    /// Compiles every unit that reads, or is anchored at, one of the changed keys.
    pub fn update(&mut self, world: &World, changed: &[Key]) -> Delta {
        let mut dirty = BTreeSet::new();
        for key in changed {
            dirty.extend(self.readers.get(key).into_iter().flatten().copied());
            for feature in self.features.iter().filter(|f| f.anchors().contains(&key.kind())) {
                dirty.insert(Unit { feature: feature.id(), key: *key });
            }
        }
        let mut delta = Delta { compiled: dirty.len(), ..Delta::default() };
        let mut before = HashMap::default();
        for unit in dirty {
            self.compile(world, unit, &mut before, &mut delta);
        }
        for ((chassis, keyed), was) in before {
            delta.conflicts.extend(self.conflict(chassis, &keyed));
            if let Some(op) = self.difference(chassis, &keyed, was) {
                delta.ops.entry(chassis).or_default().push(op);
            }
        }
        delta
    }

    /// What a switch should hold, each with its owner.
    pub fn desired(&self, chassis: ChassisKey) -> impl Iterator<Item = (&Arc<Item>, Unit)> {
        let claims = self.desired.get(&chassis).into_iter().flatten();
        claims.filter_map(|(_, claims)| claims.first_key_value().map(|(unit, item)| (item, *unit)))
    }

    /// How many items a switch should hold.
    pub fn desired_count(&self, chassis: ChassisKey) -> usize {
        self.desired.get(&chassis).map_or(0, HashMap::len)
    }

    /// Units that don't get all they want, each with the reason.
    pub fn troubles(&self) -> Vec<(Unit, String)> {
        let faults =
            self.faulty.iter().flat_map(|(unit, faults)| faults.iter().map(|fault| (*unit, fault.to_string())));
        let lost = self.contested.iter().filter_map(|(chassis, keyed)| self.conflict(*chassis, keyed));
        let lost = lost.map(|c| (c.loser, format!("the row of {} has its place", c.winner.key)));
        faults.chain(lost).collect()
    }

    /// The owner and text of what is wanted under a key.
    pub fn wanted(&self, chassis: ChassisKey, keyed: &Keyed) -> Option<(&Arc<Item>, Unit)> {
        let (unit, item) = self.desired.get(&chassis)?.get(keyed)?.first_key_value()?;
        Some((item, *unit))
    }

    /// The name of a feature.
    pub fn feature_name(&self, id: FeatureId) -> &'static str {
        self.features.iter().find(|f| f.id() == id).map_or("unknown", |f| f.name())
    }

    fn compile(&mut self, world: &World, unit: Unit, before: &mut Before, delta: &mut Delta) {
        let Some(feature) = self.features.iter().find(|f| f.id() == unit.feature) else { return };
        let view = View::new(world);
        let mut emit = Emit::new(feature.name());
        feature.compile(unit.key, &view, &mut emit);
        let (items, faults) = emit.finish();
        if faults.is_empty() {
            self.faulty.remove(&unit);
        } else {
            delta.faults.extend(faults.iter().cloned());
            self.faulty.insert(unit, faults);
        }
        let old = self.units.remove(&unit).unwrap_or(Compiled { reads: Box::default(), items: Vec::new() });
        let mut reads = view.into_reads();
        if items.is_empty() && !world.exists(&unit.key) {
            // Nothing can revive it but its own key, which dirties it without being read.
            reads = Box::default();
        }
        self.reindex(unit, &old.reads, &reads);
        for (chassis, item) in &old.items {
            self.remember(before, *chassis, item);
            self.unclaim(*chassis, unit, item);
        }
        for (chassis, item) in &items {
            self.remember(before, *chassis, item);
            self.claim(*chassis, unit, item);
        }
        if !(items.is_empty() && reads.is_empty()) {
            self.units.insert(unit, Compiled { reads, items });
        }
    }

    fn reindex(&mut self, unit: Unit, old: &[Key], new: &[Key]) {
        for key in old.iter().filter(|key| new.binary_search(key).is_err()) {
            if let Entry::Occupied(mut readers) = self.readers.entry(*key) {
                readers.get_mut().remove(&unit);
                if readers.get().is_empty() {
                    readers.remove();
                }
            }
        }
        for key in new.iter().filter(|key| old.binary_search(key).is_err()) {
            self.readers.entry(*key).or_default().insert(unit);
        }
    }

    /// Notes what a key held before this update, once.
    fn remember(&self, before: &mut Before, chassis: ChassisKey, item: &Arc<Item>) {
        before.entry((chassis, Keyed(item.clone()))).or_insert_with_key(|(chassis, keyed)| {
            self.wanted(*chassis, keyed).map(|(item, unit)| (item.clone(), unit))
        });
    }

    fn unclaim(&mut self, chassis: ChassisKey, unit: Unit, item: &Arc<Item>) {
        let Some(table) = self.desired.get_mut(&chassis) else { return };
        let keyed = Keyed(item.clone());
        if let Some(claims) = table.get_mut(&keyed) {
            claims.remove(&unit);
            if claims.len() < 2 && !self.contested.is_empty() {
                self.contested.remove(&(chassis, keyed.clone()));
            }
            if claims.is_empty() {
                table.remove(&keyed);
            }
        }
        if table.is_empty() {
            self.desired.remove(&chassis);
        }
    }

    fn claim(&mut self, chassis: ChassisKey, unit: Unit, item: &Arc<Item>) {
        let claims = self.desired.entry(chassis).or_default().entry(Keyed(item.clone())).or_default();
        claims.insert(unit, item.clone());
        if claims.len() > 1 {
            self.contested.insert((chassis, Keyed(item.clone())));
        }
    }

    /// Who claims what another has, once all units have spoken.
    fn conflict(&self, chassis: ChassisKey, keyed: &Keyed) -> Option<Conflict> {
        let mut units = self.desired.get(&chassis)?.get(keyed)?.keys().copied();
        let (winner, loser) = (units.next()?, units.next_back()?);
        Some(Conflict { chassis, winner, loser })
    }

    fn difference(&self, chassis: ChassisKey, keyed: &Keyed, was: Option<(Arc<Item>, Unit)>) -> Option<Op> {
        match (was, self.wanted(chassis, keyed)) {
            (None, None) => None,
            (Some((item, unit)), None) => Some(Op::Remove { item, unit: Some(unit) }),
            (Some((old, old_unit)), Some((new, unit))) if same(&old, new) && old_unit == unit => None,
            (_, Some((item, unit))) => Some(Op::Put { item: item.clone(), cookie: cookie(&unit) }),
        }
    }
}

/// Whether two items are the same to a switch: their words don't matter.
fn same(a: &Item, b: &Item) -> bool {
    match (a, b) {
        (Item::Flow(a), Item::Flow(b)) => a.instructions == b.instructions,
        (Item::Group(a), Item::Group(b)) => a.kind == b.kind && a.buckets == b.buckets,
        (Item::Meter(a), Item::Meter(b)) => a.flags == b.flags && a.bands == b.bands,
        _ => false,
    }
}

/// Every key of kinds that features anchor at, so that a fresh engine can be brought up to date: the oracle's way.
impl Engine {
    /// An engine compiled from scratch: what [`Engine::update`] must equal after every step.
    pub fn from_scratch(features: &'static [&'static dyn Feature], world: &World) -> (Engine, Delta) {
        let mut engine = Engine::new(features);
        let delta = engine.update(world, &world.all_keys());
        (engine, delta)
    }

    /// Where two engines want different things, in words; empty: nowhere.
    pub fn differences(&self, other: &Engine) -> Vec<String> {
        let mut found = Vec::new();
        let all: BTreeSet<&ChassisKey> = self.desired.keys().chain(other.desired.keys()).collect();
        for chassis in all {
            for (item, unit) in self.desired(*chassis) {
                match other.wanted(*chassis, &Keyed(item.clone())) {
                    Some((theirs, their_unit)) if same(item, theirs) && their_unit == unit => {}
                    theirs => found.push(format!("chassis {chassis}: {item:?} of {unit:?}, not {theirs:?}")),
                }
            }
            let spare =
                other.desired(*chassis).filter(|(item, _)| self.wanted(*chassis, &Keyed((*item).clone())).is_none());
            found.extend(spare.map(|(item, unit)| format!("chassis {chassis}: nothing, not {item:?} of {unit:?}")));
        }
        found
    }

    /// Whether nothing is wanted anywhere.
    pub fn is_empty(&self) -> bool {
        self.desired.is_empty()
    }
}
