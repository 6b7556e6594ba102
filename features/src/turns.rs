//! Whose turn it is: each of many at its own time, and how often it was its turn.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::time::Millis;

/// A queue by time, in which each is at most once.
#[derive(Debug)]
pub struct Turns<K> {
    next: HashMap<K, (Millis, u32)>,
    due: BTreeSet<(Millis, K)>,
}

impl<K: Copy + Ord + Hash> Default for Turns<K> {
    fn default() -> Self {
        Turns { next: HashMap::new(), due: BTreeSet::new() }
    }
}

impl<K: Copy + Ord + Hash> Turns<K> {
    /// Its turn is at a time, after it had `count` of them.
    pub fn set(&mut self, key: K, at: Millis, count: u32) {
        self.remove(key);
        self.next.insert(key, (at, count));
        self.due.insert((at, key));
    }

    /// It has no turn any more.
    pub fn remove(&mut self, key: K) {
        if let Some((at, _)) = self.next.remove(&key) {
            self.due.remove(&(at, key));
        }
    }

    /// One whose turn is now or was before, and how many turns it had; it has no further turn unless it is set again.
    pub fn take(&mut self, now: Millis) -> Option<(K, u32)> {
        let (_, key) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let count = self.next.get(&key).map_or(0, |(_, count)| *count);
        self.remove(key);
        Some((key, count))
    }

    /// When its turn is.
    pub fn at(&self, key: K) -> Option<Millis> {
        self.next.get(&key).map(|(at, _)| *at)
    }

    /// When the next turn is.
    pub fn first(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    /// How many have a turn.
    pub(crate) fn len(&self) -> usize {
        self.next.len()
    }

    /// Whether it has a turn.
    pub fn contains(&self, key: K) -> bool {
        self.next.contains_key(&key)
    }
}
