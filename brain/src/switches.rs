//! All switches, and those of them that something is due or missing at: no event looks through all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use features::Millis;
use topology::ChassisKey;

use crate::switch::Switch;

/// Every switch that there has been something to say to.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    all: BTreeMap<ChassisKey, Switch>,
    index: Index,
}

/// Switches by what they wait for.
#[derive(Debug, Default)]
struct Index {
    /// By the world's sequence number from which on something is not confirmed.
    late: BTreeSet<(u64, ChassisKey)>,
    /// By the time when something is tried again.
    due: BTreeSet<(Millis, ChassisKey)>,
}

impl Switches {
    pub(crate) fn get(&self, chassis: &ChassisKey) -> Option<&Switch> {
        self.all.get(chassis)
    }

    /// Their chassis.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ChassisKey> {
        self.all.keys().copied()
    }

    /// A switch to be changed.
    pub(crate) fn get_mut(&mut self, chassis: &ChassisKey) -> Option<SwitchMut<'_>> {
        let Switches { all, index } = self;
        all.get_mut(chassis).map(|switch| SwitchMut::new(*chassis, switch, index))
    }

    /// A switch to be changed; a new one if there was none. `sequence`: the world's.
    pub(crate) fn get_or_new(&mut self, chassis: ChassisKey, sequence: u64) -> SwitchMut<'_> {
        let Switches { all, index } = self;
        let switch = all.entry(chassis).or_insert_with(|| {
            let switch = Switch::new(sequence);
            index.enter(chassis, &switch);
            switch
        });
        SwitchMut::new(chassis, switch, index)
    }

    pub(crate) fn remove(&mut self, chassis: &ChassisKey) {
        if let Some(switch) = self.all.remove(chassis) {
            self.index.leave(*chassis, Due::of(&switch));
        }
    }

    /// The world's sequence number from which on something is not confirmed anywhere; `None`: all is.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        self.index.late.first().map(|(since, _)| *since)
    }

    /// The switches that have not confirmed all that a sequence number and earlier ones wanted, in the order of chassis.
    pub(crate) fn late(&self, sequence: u64) -> BTreeMap<ChassisKey, &Switch> {
        let late = self.index.late.range(..=(sequence, ChassisKey(u16::MAX)));
        late.filter_map(|(_, chassis)| Some((*chassis, self.get(chassis)?))).collect()
    }

    /// When something is tried again at the first of those that refused.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.index.due.first().map(|(at, _)| *at)
    }

    /// Those where it is time to try again.
    pub(crate) fn due(&self, now: Millis) -> Vec<ChassisKey> {
        self.index.due.range(..=(now, ChassisKey(u16::MAX))).map(|(_, chassis)| *chassis).collect()
    }
}

/// What a switch is indexed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    late: Option<u64>,
    at: Option<Millis>,
}

impl Due {
    fn of(switch: &Switch) -> Due {
        Due { late: switch.waiting_since(), at: switch.due() }
    }
}

impl Index {
    fn enter(&mut self, chassis: ChassisKey, switch: &Switch) {
        let Due { late, at } = Due::of(switch);
        self.late.extend(late.map(|since| (since, chassis)));
        self.due.extend(at.map(|at| (at, chassis)));
    }

    fn leave(&mut self, chassis: ChassisKey, Due { late, at }: Due) {
        late.map(|since| self.late.remove(&(since, chassis)));
        at.map(|at| self.due.remove(&(at, chassis)));
    }
}

/// A switch that may change; where it stands among the others follows when this is dropped.
pub(crate) struct SwitchMut<'s> {
    chassis: ChassisKey,
    switch: &'s mut Switch,
    index: &'s mut Index,
    before: Due,
}

impl<'s> SwitchMut<'s> {
    fn new(chassis: ChassisKey, switch: &'s mut Switch, index: &'s mut Index) -> SwitchMut<'s> {
        let before = Due::of(switch);
        SwitchMut { chassis, switch, index, before }
    }
}

impl Deref for SwitchMut<'_> {
    type Target = Switch;

    fn deref(&self) -> &Switch {
        self.switch
    }
}

impl DerefMut for SwitchMut<'_> {
    fn deref_mut(&mut self) -> &mut Switch {
        self.switch
    }
}

impl Drop for SwitchMut<'_> {
    fn drop(&mut self) {
        if Due::of(self.switch) != self.before {
            self.index.leave(self.chassis, self.before);
            self.index.enter(self.chassis, self.switch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SessionId;

    const A: ChassisKey = ChassisKey(1);
    const B: ChassisKey = ChassisKey(2);

    #[test]
    fn who_is_late_or_due_is_found() {
        let mut switches = Switches::default();
        assert_eq!((switches.waiting_since(), switches.next_due()), (None, None));
        drop(switches.get_or_new(A, 5));
        drop(switches.get_or_new(B, 3));
        assert_eq!(switches.waiting_since(), Some(3));
        assert_eq!(switches.late(4).into_keys().collect::<Vec<_>>(), [B]);
        assert_eq!(switches.late(5).into_keys().collect::<Vec<_>>(), [A, B]);
        if let Some(mut switch) = switches.get_mut(&B) {
            switch.in_step_with(SessionId(1), 3, Default::default(), std::iter::empty());
            switch.halted_until = Some(Millis(900));
        }
        assert_eq!(switches.waiting_since(), Some(5));
        assert_eq!(switches.next_due(), Some(Millis(900)));
        assert_eq!(switches.due(Millis(899)), []);
        assert_eq!(switches.due(Millis(900)), [B]);
        switches.remove(&B);
        assert_eq!(switches.next_due(), None);
        switches.remove(&A);
        assert_eq!(switches.waiting_since(), None);
    }
}
