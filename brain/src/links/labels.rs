//! The labels of one chassis: free, in use, or on their way out.

use features::Millis;
use features::links::LABELS;
use topology::{Change, ChassisKey};

use super::graph::{Step, Tree};
use super::paths::Paths;

/// Milliseconds that a frame may take from its first chassis to its last, and then some.
const DRAIN_MS: u64 = 250;

/// How far a label has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Free,
    /// Its rows are being installed.
    Staged,
    /// Some use it.
    Used,
    /// Nobody should use it any more from this sequence number of the world on; whether all know is not confirmed yet.
    Unused(u64),
    /// Nobody uses it; frames with it may be on their way until then.
    Draining(Millis),
    /// Its rows are being taken away; since this sequence number of the world, once it is known.
    Removing(Option<u64>),
}

/// A label's rows, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Label {
    pub(super) hops: Tree,
    pub(super) state: State,
}

/// The labels of one chassis.
#[derive(Debug, Default)]
pub(crate) struct Labels([Label; LABELS as usize]);

impl Labels {
    pub(super) fn at(&mut self, label: u8) -> &mut Label {
        &mut self.0[usize::from(label)]
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Label> {
        self.0.iter_mut()
    }

    pub(super) fn free(&self) -> impl Iterator<Item = u8> + '_ {
        (0..LABELS).filter(|label| self.0[usize::from(*label)].state == State::Free)
    }

    pub(super) fn hops(&self, label: u8) -> &[Option<Step>] {
        &self.0[usize::from(label)].hops
    }

    pub(super) fn state(&self, label: u8) -> State {
        self.0[usize::from(label)].state
    }

    pub(super) fn stage(&mut self, label: u8, hops: Tree) {
        *self.at(label) = Label { hops, state: State::Staged };
    }
}

impl Paths {
    /// Moves labels that are being given up as far as they can go; `confirmed`: whether all chassis have confirmed what was
    /// wanted at a sequence number. Returns the changes that take rows away, to be followed by [`Paths::removed_at`].
    pub(crate) fn give_up(&mut self, now: Millis, confirmed: impl Fn(u64) -> bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for (to, label) in self.leaving.clone() {
            match self.label(to, label).state {
                State::Unused(sequence) if confirmed(sequence) => {
                    self.label(to, label).state = State::Draining(now.after_ms(DRAIN_MS));
                }
                State::Draining(until) if until <= now => changes.extend(self.remove(to, label)),
                State::Removing(Some(sequence)) if confirmed(sequence) => {
                    self.label(to, label).state = State::Free;
                    self.leaving.remove(&(to, label));
                    self.freed = true;
                }
                _ => {}
            }
        }
        changes
    }

    /// The changes that take rows away were committed.
    pub(crate) fn removed_at(&mut self, sequence: u64) {
        let leaving: Vec<(ChassisKey, u8)> = self.leaving.iter().copied().collect();
        for (to, label) in leaving {
            let label = self.label(to, label);
            if label.state == State::Removing(None) {
                label.state = State::Removing(Some(sequence));
            }
        }
    }

    /// When a label's frames have all arrived.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        let drained = self.leaving.iter().filter_map(|(to, label)| match self.state(*to, *label) {
            State::Draining(until) => Some(until),
            _ => None,
        });
        drained.min()
    }
}
