//! Who read what: keys by small numbers, and for each the units that read it.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use topology::Key;

use super::units::UnitId;

/// A key that somebody reads, by its number.
pub(super) type KeyId = u32;

/// Units that read the same key, while they are few; a list of this length is searched as fast as a set.
const FEW: usize = 32;

/// Every key that is read, with its readers.
#[derive(Default)]
pub(super) struct Readers {
    ids: FxHashMap<Key, KeyId>,
    keys: Vec<(Key, Set)>,
    /// Numbers of keys that nobody reads any more.
    free: Vec<KeyId>,
}

/// A key has one reader, a few (a port, on each chassis), or tens of thousands (the fabric).
enum Set {
    Few(SmallVec<[UnitId; 4]>),
    Many(FxHashSet<UnitId>),
}

impl Readers {
    /// A unit has read other keys than before, both lists without repetition. Returns the numbers of the new ones, in order.
    pub(super) fn reindex(&mut self, unit: UnitId, old: &[KeyId], new: &[Key]) -> SmallVec<[KeyId; 4]> {
        let mut ids: SmallVec<[KeyId; 4]> = new.iter().map(|key| self.number(*key)).collect();
        ids.sort_unstable();
        for id in ids.iter().filter(|id| old.binary_search(id).is_err()) {
            self.keys[*id as usize].1.insert(unit);
        }
        for id in old.iter().filter(|id| ids.binary_search(id).is_err()) {
            let (key, readers) = &mut self.keys[*id as usize];
            readers.remove(unit);
            if readers.is_empty() {
                self.ids.remove(key);
                self.free.push(*id);
            }
        }
        ids
    }

    /// The units that read a key, in no order.
    pub(super) fn of<'r>(&'r self, key: &Key) -> impl Iterator<Item = UnitId> + use<'r> {
        let set = self.ids.get(key).map(|id| &self.keys[*id as usize].1);
        let (few, many) = match set {
            None => (None, None),
            Some(Set::Few(units)) => (Some(units), None),
            Some(Set::Many(units)) => (None, Some(units)),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten()).copied()
    }

    /// Whether nobody reads anything.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.free.len() == self.keys.len()
    }

    fn number(&mut self, key: Key) -> KeyId {
        let Readers { ids, keys, free } = self;
        *ids.entry(key).or_insert_with(|| {
            let entry = (key, Set::Few(SmallVec::new()));
            match free.pop() {
                Some(id) => {
                    keys[id as usize] = entry;
                    id
                }
                None => {
                    keys.push(entry);
                    (keys.len() - 1) as KeyId
                }
            }
        })
    }
}

impl Set {
    fn insert(&mut self, unit: UnitId) {
        match self {
            Set::Few(units) if units.len() < FEW => units.push(unit),
            Set::Few(units) => *self = Set::Many(units.iter().copied().chain([unit]).collect()),
            Set::Many(units) => drop(units.insert(unit)),
        }
    }

    fn remove(&mut self, unit: UnitId) {
        match self {
            Set::Few(units) => {
                if let Some(at) = units.iter().position(|there| *there == unit) {
                    units.swap_remove(at);
                }
            }
            Set::Many(units) => drop(units.remove(&unit)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Set::Few(units) => units.is_empty(),
            Set::Many(units) => units.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use topology::{NetworkKey, PortKey};

    use super::*;

    #[test]
    fn few_and_many_come_and_go() {
        let shared = Key::Network(NetworkKey(1));
        let own = |unit: UnitId| Key::Port(PortKey(unit));
        let mut readers = Readers::default();
        let mut reads = Vec::new();
        for unit in 0..100 {
            reads.push(readers.reindex(unit, &[], &[shared, own(unit)]));
        }
        assert_eq!(readers.of(&shared).collect::<BTreeSet<_>>(), (0..100).collect());
        assert_eq!(readers.of(&own(7)).collect::<Vec<_>>(), [7]);
        for unit in 0..100 {
            reads[unit as usize] = readers.reindex(unit, &reads[unit as usize], &[own(unit), own(1000 + unit)]);
        }
        assert_eq!(readers.of(&shared).count(), 0);
        assert_eq!(readers.of(&own(1007)).collect::<Vec<_>>(), [7]);
        for unit in 0..100 {
            assert!(readers.reindex(unit, &reads[unit as usize], &[]).is_empty());
        }
        assert!(readers.is_empty());
        let numbers = readers.keys.len();
        readers.reindex(1, &[], &[shared]);
        assert_eq!(readers.keys.len(), numbers, "numbers are used again");
    }
}
