//! How many changes go to a switch at once: many to one that holds nothing of ours yet, few to one that forwards.
//!
//! Open vSwitch's userspace datapath forwards in the thread that commits bundles, so a bundle stalls it for as long as its
//! commit takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Changes in a bundle for a switch that held nothing of ours: nothing of ours is forwarded there that it could stall.
pub(crate) const COLD_OPERATIONS: usize = 4_000;
/// Changes in a bundle for a switch that forwards: at most, at first, and at least. A change of no more than the least is never
/// divided, unless the switch refuses it.
pub(crate) const LIVE_OPERATIONS_MAX: usize = 1_000;
pub(crate) const LIVE_OPERATIONS_FIRST: usize = 250;
pub(crate) const LIVE_OPERATIONS_MIN: usize = 50;
/// How long a commit may take, in microseconds.
const COMMIT_US: u64 = 3_000;
/// What a change costs is the median of so many commits: one that was late for other reasons means nothing.
const REMEMBERED: usize = 7;

/// Changes that may be on their way to all switches together before each gets no more than the least.
pub(crate) const LOAD_MAX: usize = 50_000;

/// What one switch gets at once.
#[derive(Debug)]
pub(crate) struct Pace {
    cold: bool,
    live_limit: usize,
    /// What each change of the last commits took, in nanoseconds, oldest first.
    costs_ns: VecDeque<u64>,
    /// The first so many of what waits were refused together, and the switch did not say which of them it means.
    doubtful: usize,
}

impl Pace {
    /// `cold`: the switch holds nothing of ours.
    pub(crate) fn new(cold: bool) -> Pace {
        Pace { cold, live_limit: LIVE_OPERATIONS_FIRST, costs_ns: VecDeque::new(), doubtful: 0 }
    }

    /// Changes in the next bundle, at most: half of what is in doubt, if something is.
    pub(crate) fn operations(&self) -> usize {
        match self.doubtful {
            0 if self.cold => COLD_OPERATIONS,
            0 => self.live_limit,
            doubtful => doubtful.div_ceil(2),
        }
    }

    /// Batches that may be on their way at once: the next one is there when the switch is done with the first.
    pub(crate) fn batches(&self) -> usize {
        if self.cold && self.doubtful == 0 { 2 } else { 1 }
    }

    /// Whether the switch should have time to forward between two commits.
    pub(crate) fn gentle(&self) -> bool {
        !self.cold
    }

    /// The switch holds all that is wanted: from now on it forwards.
    pub(crate) fn caught_up(&mut self) {
        self.cold = false;
    }

    /// A batch was confirmed; its bundle's commit took so many microseconds.
    pub(crate) fn confirmed(&mut self, operations: usize, commit_us: u64) {
        self.doubtful = self.doubtful.saturating_sub(operations);
        // A few changes cost what a commit costs, not what changes do.
        if self.cold || operations < LIVE_OPERATIONS_MIN {
            return;
        }
        if self.costs_ns.len() == REMEMBERED {
            self.costs_ns.pop_front();
        }
        self.costs_ns.push_back(commit_us.saturating_mul(1_000) / operations as u64);
        let mut costs: Vec<u64> = self.costs_ns.iter().copied().collect();
        costs.sort_unstable();
        let fits = usize::try_from(COMMIT_US * 1_000 / costs[costs.len() / 2].max(1)).unwrap_or(usize::MAX);
        let grown = self.live_limit + self.live_limit / 4;
        self.live_limit = fits.min(grown).clamp(LIVE_OPERATIONS_MIN, LIVE_OPERATIONS_MAX);
    }

    /// A batch was refused as a whole.
    pub(crate) fn doubts(&mut self, operations: usize) {
        self.doubtful = operations;
    }

    /// The one that the switch meant was found.
    pub(crate) fn found(&mut self) {
        self.doubtful = 0;
    }
}

/// Changes that are on their way to all switches together: what takes memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load(Arc<AtomicUsize>);

/// A share of the load, until it is dropped.
#[derive(Debug)]
pub(crate) struct Loaded {
    load: Load,
    operations: usize,
}

impl Load {
    /// How many of so many changes may be sent now; never none, so that no switch waits for another.
    pub(crate) fn room_for(&self, operations: usize) -> usize {
        let room = LOAD_MAX.saturating_sub(self.0.load(Ordering::Relaxed));
        operations.min(room.max(LIVE_OPERATIONS_MIN))
    }

    /// So many are sent.
    pub(crate) fn take(&self, operations: usize) -> Loaded {
        self.0.fetch_add(operations, Ordering::Relaxed);
        Loaded { load: self.clone(), operations }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.load.0.fetch_sub(self.operations, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_much_is_on_its_way_each_switch_gets_little() {
        let load = Load::default();
        let taken = load.take(LOAD_MAX - 300);
        assert_eq!(load.room_for(COLD_OPERATIONS), 300);
        let more = load.take(300);
        assert_eq!(load.room_for(COLD_OPERATIONS), LIVE_OPERATIONS_MIN);
        assert_eq!(load.room_for(7), 7);
        drop((taken, more));
        assert_eq!(load.room_for(COLD_OPERATIONS), COLD_OPERATIONS);
    }

    /// A switch whose commit takes `each_us` for each change, and something more: the least and the most that it is given.
    fn settled(each_us: u64, more_us: impl Fn(u64) -> u64) -> (usize, usize) {
        let mut pace = Pace::new(false);
        let mut seen = Vec::new();
        for n in 0..400 {
            let operations = pace.operations();
            pace.confirmed(operations, operations as u64 * each_us + more_us(n));
            seen.push(operations);
        }
        let last = &seen[200..];
        (*last.iter().min().unwrap(), *last.iter().max().unwrap())
    }

    #[test]
    fn a_switch_gets_what_it_commits_in_time() {
        assert_eq!(settled(3, |_| 0), (LIVE_OPERATIONS_MAX, LIVE_OPERATIONS_MAX));
        for each_us in [5, 10, 30, 60] {
            let (least, most) = settled(each_us, |_| 0);
            let [least_us, most_us] = [least, most].map(|operations| operations as u64 * each_us);
            assert!(most_us <= COMMIT_US && least_us > COMMIT_US / 2, "{least} to {most} changes of {each_us} us");
        }
    }

    #[test]
    fn now_and_then_a_commit_is_late_for_other_reasons() {
        assert_eq!(settled(2, |n| if n % 5 == 0 { 30_000 } else { n * 7 % 400 }).0, LIVE_OPERATIONS_MAX);
    }

    #[test]
    fn the_least_is_never_undercut_but_for_doubt() {
        let mut pace = Pace::new(false);
        (0..100).for_each(|_| pace.confirmed(LIVE_OPERATIONS_MIN, 1_000_000));
        assert_eq!(pace.operations(), LIVE_OPERATIONS_MIN);
        pace.doubts(5);
        assert_eq!(pace.operations(), 3);
        pace.confirmed(3, 0);
        assert_eq!(pace.operations(), 1);
        pace.found();
        assert_eq!(pace.operations(), LIVE_OPERATIONS_MIN);
    }

    #[test]
    fn an_empty_switch_gets_much_until_it_holds_all() {
        let mut pace = Pace::new(true);
        assert_eq!((pace.operations(), pace.batches(), pace.gentle()), (COLD_OPERATIONS, 2, false));
        pace.confirmed(COLD_OPERATIONS, 1_000_000);
        assert_eq!(pace.operations(), COLD_OPERATIONS);
        pace.caught_up();
        assert_eq!((pace.operations(), pace.batches(), pace.gentle()), (LIVE_OPERATIONS_FIRST, 1, true));
    }
}
