//! What was said lately: the same said again is kept once. The rows for a port are the same on most switches, and are
//! compiled one after the other.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use ofp::Instruction;
use rustc_hash::FxHasher;

use crate::item::Item;

/// Pairs of places. What finds both taken takes the place of what was used less lately: only memory is lost by that.
const PAIRS: usize = 512;

/// The items and lists of instructions that were said last. What is the same is shared; nothing else can be told from it.
#[derive(Debug)]
pub(crate) struct Recent {
    items: Vec<Pair<Item>>,
    lists: Vec<Pair<[Instruction]>>,
}

impl Recent {
    pub(crate) fn new() -> Recent {
        Recent { items: vec![[const { None }; 2]; PAIRS], lists: vec![[const { None }; 2]; PAIRS] }
    }

    /// An item that is alike, of those whose keys have this hash.
    pub(crate) fn find(&mut self, hash: u32, alike: impl Fn(&Item) -> bool) -> Option<Arc<Item>> {
        find(&mut self.items, hash, alike)
    }

    /// An item that was not there.
    pub(crate) fn keep(&mut self, hash: u32, item: Item) -> Arc<Item> {
        keep(&mut self.items, hash, Arc::new(item))
    }

    /// The list of the same instructions.
    pub(crate) fn list(&mut self, instructions: &[Instruction]) -> Arc<[Instruction]> {
        let mut hasher = FxHasher::default();
        instructions.hash(&mut hasher);
        let hash = hasher.finish() as u32;
        let there = find(&mut self.lists, hash, |there| there == instructions);
        there.unwrap_or_else(|| keep(&mut self.lists, hash, Arc::from(instructions)))
    }
}

type Pair<T> = [Option<Arc<T>>; 2];

/// Looks in both places; what is found moves to the first.
fn find<T: ?Sized>(pairs: &mut [Pair<T>], hash: u32, alike: impl Fn(&T) -> bool) -> Option<Arc<T>> {
    let pair = &mut pairs[hash as usize % PAIRS];
    let at = pair.iter().position(|there| there.as_ref().is_some_and(|there| alike(there)))?;
    pair.swap(0, at);
    pair[0].clone()
}

/// Puts it in the first place, in front of what was there.
fn keep<T: ?Sized>(pairs: &mut [Pair<T>], hash: u32, item: Arc<T>) -> Arc<T> {
    let pair = &mut pairs[hash as usize % PAIRS];
    pair.swap(0, 1);
    pair[0].insert(item).clone()
}

#[cfg(test)]
mod tests {
    use ofp::MeterBand;

    use super::*;
    use crate::item::Meter;

    fn meter(recent: &mut Recent, hash: u32, id: u32, rate: u32) -> Arc<Item> {
        let meter = Item::Meter(Meter { id, flags: 0, bands: vec![MeterBand::Drop { rate, burst: 0 }], why: "" });
        recent.find(hash, |there| *there == meter).unwrap_or_else(|| recent.keep(hash, meter))
    }

    #[test]
    fn only_the_same_is_shared() {
        let mut recent = Recent::new();
        let one = meter(&mut recent, 7, 1, 100);
        assert!(Arc::ptr_eq(&one, &meter(&mut recent, 7, 1, 100)));
        // The same key and so the same hash, another rate; then another key that happens to have the same place.
        let other = meter(&mut recent, 7, 1, 200);
        assert_eq!(
            other,
            Arc::new(Item::Meter(Meter { bands: vec![MeterBand::Drop { rate: 200, burst: 0 }], ..as_meter(&one) }))
        );
        assert!(Arc::ptr_eq(&one, &meter(&mut recent, 7, 1, 100)), "both have a place");
        let third = meter(&mut recent, 7 + PAIRS as u32, 2, 100);
        assert_eq!(as_meter(&third).id, 2);
        assert!(Arc::ptr_eq(&one, &meter(&mut recent, 7, 1, 100)), "what was used last stays");
        assert!(!Arc::ptr_eq(&other, &meter(&mut recent, 7, 1, 200)), "what was not goes");
    }

    fn as_meter(item: &Item) -> Meter {
        if let Item::Meter(meter) = item { meter.clone() } else { unreachable!() }
    }

    #[test]
    fn lists_of_instructions_are_shared() {
        let mut recent = Recent::new();
        let goto = [Instruction::GotoTable(3)];
        let one = recent.list(&goto);
        assert!(Arc::ptr_eq(&one, &recent.list(&goto)));
        assert!(!Arc::ptr_eq(&one, &recent.list(&[])));
        assert_eq!(*recent.list(&[]), []);
    }
}
