//! What one switch should hold: for each key who has it, and those who would have it if he hadn't.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxHashMap;
use topology::ChassisKey;

use super::units::{UnitId, Units};
use super::{Conflict, Op, Unit};
use crate::cookie::cookie;
use crate::item::{Item, Keyed};

/// Everything that is wanted on one switch.
#[derive(Default)]
pub(super) struct Table {
    held: HashTable<Held>,
    /// Who doesn't get a key that he claims, because a lesser unit has it.
    lost: FxHashMap<Keyed, BTreeMap<Unit, (UnitId, Arc<Item>)>>,
}

/// What is wanted under one key, and by whom.
struct Held {
    hash: u32,
    unit: UnitId,
    item: Arc<Item>,
}

/// A claim that a unit makes or gives up.
pub(super) struct Change {
    pub(super) hash: u32,
    pub(super) unit: UnitId,
    pub(super) item: Arc<Item>,
    pub(super) wanted: bool,
}

/// What came of changes.
pub(super) struct Outcome {
    /// Something may be different.
    pub(super) differs: bool,
    /// At most one for each key, in the order in which the keys were touched first. None if nobody is to be told.
    pub(super) ops: Vec<Op>,
    pub(super) conflicts: Vec<Conflict>,
}

/// What is needed while changes are made, for many tables one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    touched: Vec<Touched>,
    /// Where a key is among those touched.
    seen: HashTable<u32>,
}

/// A key that is touched, and what it held before.
struct Touched {
    hash: u32,
    key: Arc<Item>,
    before: Option<(Arc<Item>, UnitId)>,
}

impl Table {
    /// How many keys are wanted.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// What is wanted, each with its owner.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<Item>, UnitId)> {
        self.held.iter().map(|held| (&held.item, held.unit))
    }

    /// What is wanted under a key, and by whom.
    pub(super) fn get(&self, key: &Item) -> Option<(&Arc<Item>, UnitId)> {
        self.find(key.key_hash(), key).map(|held| (&held.item, held.unit))
    }

    /// Every claim that another's has the place of.
    pub(super) fn conflicts(&self, chassis: ChassisKey, units: &Units) -> Vec<Conflict> {
        self.lost.keys().filter_map(|key| self.conflict(chassis, units, key)).collect()
    }

    /// Whether any claim has lost its place.
    pub(super) fn is_contested(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Makes changes, and tells what is different after all of them.
    pub(super) fn change(
        &mut self,
        chassis: ChassisKey,
        changes: Vec<Change>,
        units: &Units,
        scratch: &mut Scratch,
        told: bool,
    ) -> Outcome {
        let wanted = changes.iter().filter(|change| change.wanted).count();
        self.held.reserve(wanted, |held| spread(held.hash));
        if !told {
            changes.into_iter().for_each(|change| self.make(change, units));
            return Outcome { differs: true, ops: Vec::new(), conflicts: self.conflicts(chassis, units) };
        }
        scratch.touched.clear();
        scratch.seen.clear();
        for change in changes {
            self.remember(&change, scratch);
            self.make(change, units);
        }
        let mut ops = Vec::with_capacity(scratch.touched.len());
        let mut conflicts = Vec::new();
        let mut cookies = Cookies::default();
        for Touched { hash, key, before } in scratch.touched.drain(..) {
            ops.extend(self.difference(hash, &key, before, units, &mut cookies));
            if !self.lost.is_empty() {
                conflicts.extend(self.conflict(chassis, units, &Keyed(key)));
            }
        }
        Outcome { differs: !ops.is_empty(), ops, conflicts }
    }

    fn make(&mut self, Change { hash, unit, item, wanted }: Change, units: &Units) {
        if wanted { self.claim(hash, unit, item, units) } else { self.give_up(hash, unit, &item, units) }
    }

    /// Notes what a key held before, once.
    fn remember(&self, Change { hash, item, .. }: &Change, Scratch { touched, seen }: &mut Scratch) {
        let is_it = |at: &u32| same(touched[*at as usize].hash, &touched[*at as usize].key, *hash, item);
        if let Entry::Vacant(place) = seen.entry(spread(*hash), is_it, |at| spread(touched[*at as usize].hash)) {
            place.insert(touched.len() as u32);
            let before = self.find(*hash, item).map(|held| (held.item.clone(), held.unit));
            touched.push(Touched { hash: *hash, key: item.clone(), before });
        }
    }

    fn difference(
        &self,
        hash: u32,
        key: &Item,
        before: Option<(Arc<Item>, UnitId)>,
        units: &Units,
        cookies: &mut Cookies,
    ) -> Option<Op> {
        match (before, self.find(hash, key)) {
            (None, None) => None,
            (Some((item, unit)), None) => Some(Op::Remove { item, unit: Some(units.unit(unit)) }),
            (Some((item, unit)), Some(now)) if unit == now.unit && item.same_effect(&now.item) => None,
            (_, Some(now)) => Some(Op::Put { item: now.item.clone(), cookie: cookies.of(now.unit, units) }),
        }
    }

    fn claim(&mut self, hash: u32, unit: UnitId, item: Arc<Item>, units: &Units) {
        let is_it = |held: &Held| same(held.hash, &held.item, hash, &item);
        match self.held.entry(spread(hash), is_it, |held| spread(held.hash)) {
            Entry::Vacant(place) => drop(place.insert(Held { hash, unit, item })),
            Entry::Occupied(mut place) => {
                let held = place.get_mut();
                let mut claim = Held { hash, unit, item };
                if held.unit == unit || units.unit(unit) < units.unit(held.unit) {
                    std::mem::swap(held, &mut claim);
                }
                if held.unit != claim.unit {
                    let lost = self.lost.entry(Keyed(claim.item.clone())).or_default();
                    lost.insert(units.unit(claim.unit), (claim.unit, claim.item));
                }
            }
        }
    }

    fn give_up(&mut self, hash: u32, unit: UnitId, item: &Arc<Item>, units: &Units) {
        let key = Keyed(item.clone());
        let is_it = |held: &Held| same(held.hash, &held.item, hash, item);
        let Ok(mut place) = self.held.find_entry(spread(hash), is_it) else { return };
        if place.get().unit != unit {
            if let Some(lost) = self.lost.get_mut(&key) {
                lost.remove(&units.unit(unit));
            }
        } else if let Some((_, (unit, item))) = self.lost.get_mut(&key).and_then(BTreeMap::pop_first) {
            *place.get_mut() = Held { hash, unit, item };
        } else {
            place.remove();
        }
        if self.lost.get(&key).is_some_and(BTreeMap::is_empty) {
            self.lost.remove(&key);
        }
    }

    fn find(&self, hash: u32, key: &Item) -> Option<&Held> {
        self.held.find(spread(hash), |held| held.hash == hash && held.item.same_key(key))
    }

    /// Who claims what another has: the last of them.
    fn conflict(&self, chassis: ChassisKey, units: &Units, key: &Keyed) -> Option<Conflict> {
        let (loser, _) = self.lost.get(key)?.last_key_value()?;
        let (_, winner) = self.get(&key.0)?;
        Some(Conflict { chassis, winner: units.unit(winner), loser: *loser })
    }
}

fn same(a_hash: u32, a: &Arc<Item>, b_hash: u32, b: &Arc<Item>) -> bool {
    a_hash == b_hash && (Arc::ptr_eq(a, b) || a.same_key(b))
}

/// The table's own hash: it looks at the first and the last bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Rows of one unit come together: its cookie is worked out once.
#[derive(Default)]
struct Cookies(Option<(UnitId, u64)>);

impl Cookies {
    fn of(&mut self, unit: UnitId, units: &Units) -> u64 {
        match self.0 {
            Some((last, cookie)) if last == unit => cookie,
            _ => self.0.insert((unit, cookie(&units.unit(unit)))).1,
        }
    }
}
