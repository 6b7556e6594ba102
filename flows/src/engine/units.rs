//! All units by small numbers: what each read, and what it wants.

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use std::hash::BuildHasher as _;
use topology::Key;

use super::Unit;
use super::readers::{KeyId, Readers};
use crate::emit::Said;

/// A unit, by its number.
pub(super) type UnitId = u32;

/// What a unit wants: one row, as a rule.
pub(super) type Items = SmallVec<[Said; 1]>;

/// Every unit that wants or reads something.
#[derive(Default)]
pub(super) struct Units {
    ids: HashTable<UnitId>,
    slots: Vec<Slot>,
    free: Vec<UnitId>,
    readers: Readers,
}

struct Slot {
    unit: Unit,
    reads: SmallVec<[KeyId; 4]>,
    items: Items,
}

impl Units {
    /// The unit of a number that is in use, or was until [`Units::reuse`].
    pub(super) fn unit(&self, id: UnitId) -> Unit {
        self.slots[id as usize].unit
    }

    /// The units that read a key.
    pub(super) fn readers<'u>(&'u self, key: &Key) -> impl Iterator<Item = Unit> + use<'u> {
        self.readers.of(key).map(|id| self.unit(id))
    }

    /// What a unit wanted is handed over, and its number; a unit that is new gets one.
    pub(super) fn open(&mut self, unit: Unit) -> (UnitId, Items) {
        let Units { ids, slots, free, .. } = self;
        let hash = FxBuildHasher.hash_one(unit);
        if let Some(id) = ids.find(hash, |id| slots[*id as usize].unit == unit) {
            return (*id, std::mem::take(&mut slots[*id as usize].items));
        }
        let slot = Slot { unit, reads: SmallVec::new(), items: SmallVec::new() };
        let id = match free.pop() {
            Some(id) => {
                slots[id as usize] = slot;
                id
            }
            None => {
                slots.push(slot);
                (slots.len() - 1) as UnitId
            }
        };
        ids.insert_unique(hash, id, |id| FxBuildHasher.hash_one(slots[*id as usize].unit));
        (id, SmallVec::new())
    }

    /// What a unit has read and wants now. Returns its number if it is not kept: it wants and reads nothing. The number stands
    /// for it until it is given to [`Units::reuse`].
    pub(super) fn close(&mut self, id: UnitId, reads: &[Key], items: Items) -> Option<UnitId> {
        let Units { ids, slots, readers, .. } = self;
        let slot = &mut slots[id as usize];
        slot.reads = readers.reindex(id, &slot.reads, reads);
        slot.items = items;
        if !slot.reads.is_empty() || !slot.items.is_empty() {
            return None;
        }
        let hash = FxBuildHasher.hash_one(slot.unit);
        if let Ok(entry) = ids.find_entry(hash, |there| *there == id) {
            entry.remove();
        }
        Some(id)
    }

    /// Numbers of units that are not kept, for others.
    pub(super) fn reuse(&mut self, ids: Vec<UnitId>) {
        self.free.extend(ids);
    }
}
