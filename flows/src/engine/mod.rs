//! Keeps what every switch should hold in step with the facts: small units, compiled whole when a fact that they read has
//! changed, and diffed against what they said before.

mod parallel;
mod readers;
mod table;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use topology::{ChassisKey, Key, KeyKind, View, World};

use crate::emit::{Emit, Fault, Said};
use crate::item::{Item, Keyed};
use table::{Change, Outcome, Scratch, Table};
use units::{Items, UnitId, Units};

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
    /// Per switch that is different now, at most one operation for each key.
    pub ops: BTreeMap<ChassisKey, Vec<Op>>,
    /// How many units were compiled.
    pub compiled: usize,
    /// Rows that were refused.
    pub faults: Vec<Fault>,
    /// Claims that met another's.
    pub conflicts: Vec<Conflict>,
}

/// All units, what they read, and what they want.
pub struct Engine {
    features: &'static [&'static dyn Feature],
    units: Units,
    tables: BTreeMap<ChassisKey, Table>,
    /// Chassis on which more than one unit claims a key.
    contested: BTreeSet<ChassisKey>,
    /// Units with rows that were refused.
    faulty: BTreeMap<Unit, Vec<Fault>>,
}

/// What a unit says.
struct Compiled {
    unit: Unit,
    reads: Box<[Key]>,
    items: Items,
    faults: Vec<Fault>,
}

impl Engine {
    /// An engine with no units yet.
    pub fn new(features: &'static [&'static dyn Feature]) -> Engine {
        Engine {
            features,
            units: Units::default(),
            tables: BTreeMap::new(),
            contested: BTreeSet::new(),
            faulty: BTreeMap::new(),
        }
    }

    /// Compiles every unit that reads, or is anchored at, one of the changed keys.
    pub fn update(&mut self, world: &World, changed: &[Key]) -> Delta {
        self.update_telling(world, changed, |_| true)
    }

    /// The same, but tells operations for some chassis only: for the others, that there are any. Who is told nothing costs
    /// less, and reads [`Engine::desired`] when he wants to know.
    pub fn update_telling(&mut self, world: &World, changed: &[Key], told: impl Fn(ChassisKey) -> bool) -> Delta {
        let dirty = self.dirty(changed);
        let mut delta = Delta { compiled: dirty.len(), ..Delta::default() };
        let mut changes = FxHashMap::default();
        let mut gone = Vec::new();
        let features = self.features;
        let compile = |emit: &mut Emit, unit: &Unit| compile(features, world, emit, *unit);
        parallel::each(
            &dirty,
            || Emit::new(""),
            compile,
            |compiled| {
                self.take(compiled, &mut changes, &mut gone, &mut delta);
            },
        );
        self.make(changes, &mut delta, told);
        self.units.reuse(gone);
        delta
    }

    /// What a switch should hold, each with its owner.
    pub fn desired(&self, chassis: ChassisKey) -> impl Iterator<Item = (&Arc<Item>, Unit)> {
        let held = self.tables.get(&chassis).into_iter().flat_map(Table::iter);
        held.map(|(item, unit)| (item, self.units.unit(unit)))
    }

    /// How many items a switch should hold.
    pub fn desired_count(&self, chassis: ChassisKey) -> usize {
        self.tables.get(&chassis).map_or(0, Table::len)
    }

    /// Units that don't get all they want, each with the reason.
    pub fn troubles(&self) -> Vec<(Unit, String)> {
        let faults =
            self.faulty.iter().flat_map(|(unit, faults)| faults.iter().map(|fault| (*unit, fault.to_string())));
        let contested = self.contested.iter().filter_map(|chassis| Some((chassis, self.tables.get(chassis)?)));
        let lost = contested.flat_map(|(chassis, table)| table.conflicts(*chassis, &self.units));
        let lost = lost.map(|c| (c.loser, format!("the row of {} has its place", c.winner.key)));
        faults.chain(lost).collect()
    }

    /// The owner and text of what is wanted under a key.
    pub fn wanted(&self, chassis: ChassisKey, keyed: &Keyed) -> Option<(&Arc<Item>, Unit)> {
        let (item, unit) = self.tables.get(&chassis)?.get(&keyed.0)?;
        Some((item, self.units.unit(unit)))
    }

    /// The name of a feature.
    pub fn feature_name(&self, id: FeatureId) -> &'static str {
        self.features.iter().find(|f| f.id() == id).map_or("unknown", |f| f.name())
    }

    /// The units that changed keys concern, in order.
    fn dirty(&self, changed: &[Key]) -> Vec<Unit> {
        let mut dirty = Vec::new();
        for feature in self.features {
            let (feature, anchors) = (feature.id(), feature.anchors());
            let anchored = changed.iter().filter(|key| anchors.contains(&key.kind()));
            dirty.extend(anchored.map(|key| Unit { feature, key: *key }));
        }
        for key in changed {
            dirty.extend(self.units.readers(key));
        }
        dirty.sort_unstable();
        dirty.dedup();
        dirty
    }

    /// Takes what a unit says now; what differs from what it said before becomes changes of tables.
    fn take(
        &mut self,
        compiled: Compiled,
        changes: &mut FxHashMap<ChassisKey, Vec<Change>>,
        gone: &mut Vec<UnitId>,
        delta: &mut Delta,
    ) {
        let Compiled { unit, reads, mut items, faults } = compiled;
        if !faults.is_empty() {
            delta.faults.extend(faults.iter().cloned());
            self.faulty.insert(unit, faults);
        } else if !self.faulty.is_empty() {
            self.faulty.remove(&unit);
        }
        let (id, before) = self.units.open(unit);
        let mut before: SmallVec<[Option<Said>; 1]> = before.into_iter().map(Some).collect();
        let new = keep_the_same(&mut before, &mut items);
        let mut claim = |Said { chassis, hash, item }, wanted| {
            changes.entry(chassis).or_default().push(Change { hash, unit: id, item, wanted });
        };
        let given_up = before.into_iter().flatten().map(|said| (said, false));
        let claimed = new.into_iter().map(|at| (items[at].clone(), true));
        given_up.chain(claimed).for_each(|(said, wanted)| claim(said, wanted));
        gone.extend(self.units.close(id, &reads, items));
    }

    /// Makes changes of tables, and says what came of it.
    fn make(
        &mut self,
        changes: FxHashMap<ChassisKey, Vec<Change>>,
        delta: &mut Delta,
        told: impl Fn(ChassisKey) -> bool,
    ) {
        let size = changes.values().map(Vec::len).sum();
        let take = |(chassis, changes)| {
            let table = self.tables.remove(&chassis).unwrap_or_default();
            Work { chassis, table, changes, told: told(chassis) }
        };
        let mut work: Vec<Work> = changes.into_iter().map(take).collect();
        work.sort_unstable_by_key(|work| work.chassis);
        let units = &self.units;
        let done =
            parallel::large(work, size, Scratch::default, |scratch, Work { chassis, mut table, changes, told }| {
                let outcome = table.change(chassis, changes, units, scratch, told);
                (chassis, table, outcome)
            });
        for (chassis, table, Outcome { differs, ops, conflicts }) in done {
            delta.conflicts.extend(conflicts);
            if differs {
                delta.ops.insert(chassis, ops);
            }
            if table.is_contested() {
                self.contested.insert(chassis)
            } else {
                self.contested.remove(&chassis)
            };
            if table.len() > 0 {
                self.tables.insert(chassis, table);
            }
        }
    }
}

/// What there is to do for one chassis.
struct Work {
    chassis: ChassisKey,
    table: Table,
    changes: Vec<Change>,
    told: bool,
}

/// Has a unit say what it wants, from current facts only.
fn compile(features: &[&dyn Feature], world: &World, emit: &mut Emit, unit: Unit) -> Compiled {
    let view = View::of(world, unit.key);
    if let Some(feature) = features.iter().find(|f| f.id() == unit.feature) {
        emit.begin(feature.name());
        feature.compile(unit.key, &view, emit);
    }
    let mut items: Items = emit.said().collect();
    forget_repeated(&mut items);
    let mut reads = view.into_reads();
    if items.is_empty() && !reads.is_empty() && !world.exists(&unit.key) {
        // Nothing can revive it but its own key, which dirties it without being read.
        reads = Box::default();
    }
    Compiled { unit, reads, items, faults: emit.faults() }
}

/// What a unit says of a key last is what it says of it.
fn forget_repeated(items: &mut Items) {
    let mut order: SmallVec<[(ChassisKey, u32, usize); 16]> =
        items.iter().enumerate().map(|(at, said)| (said.chassis, said.hash, at)).collect();
    order.sort_unstable();
    let mut repeated: SmallVec<[usize; 4]> = SmallVec::new();
    for run in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|run| run.len() > 1) {
        for (i, (.., at)) in run.iter().enumerate() {
            let again = |(.., later): &(_, _, usize)| items[*later].item.same_key(&items[*at].item);
            repeated.extend(run[i + 1..].iter().any(again).then_some(*at));
        }
    }
    repeated.sort_unstable();
    repeated.into_iter().rev().for_each(|at| drop(items.remove(at)));
}

/// What a unit says again stays as it was, and is taken out of what was before. Returns where the rest is.
fn keep_the_same(before: &mut [Option<Said>], items: &mut Items) -> SmallVec<[usize; 4]> {
    let mut new = SmallVec::new();
    let mut next = 0;
    for (at, said) in items.iter_mut().enumerate() {
        let alike = |old: &Said| {
            (old.chassis, old.hash) == (said.chassis, said.hash)
                && (Arc::ptr_eq(&old.item, &said.item) || old.item == said.item)
        };
        // In the same order as before, as a rule.
        let found = (next..before.len()).chain(0..next).find(|i| before[*i].as_ref().is_some_and(alike));
        match found.and_then(|i| Some((i, before[i].take()?))) {
            Some((i, old)) => (*said, next) = (old, i + 1),
            None => new.push(at),
        }
    }
    new
}

/// Every key of kinds that features anchor at, so that a fresh engine can be brought up to date: the oracle's way.
impl Engine {
    /// An engine compiled from scratch: what [`Engine::update`] must equal after every step. No operations are told.
    pub fn from_scratch(features: &'static [&'static dyn Feature], world: &World) -> (Engine, Delta) {
        let mut engine = Engine::new(features);
        let delta = engine.update_telling(world, &world.all_keys(), |_| false);
        (engine, delta)
    }

    /// Where two engines want different things, in words; empty: nowhere.
    pub fn differences(&self, other: &Engine) -> Vec<String> {
        let mut found = Vec::new();
        let all: BTreeSet<&ChassisKey> = self.tables.keys().chain(other.tables.keys()).collect();
        for chassis in all {
            for (item, unit) in self.desired(*chassis) {
                match other.wanted(*chassis, &Keyed(item.clone())) {
                    Some((theirs, their_unit)) if item.same_effect(theirs) && their_unit == unit => {}
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
        self.tables.is_empty()
    }
}
