//! Which paths are in use, and how they change without a frame that goes astray.
//!
//! A change is made in steps, each when the switches have confirmed the one before it: rows under a label that nobody uses, at all chassis
//! that the new paths lead over; then the first steps, one chassis after the other; then, when no frame can be on its way any more,
//! the rows of the old label go, and it can be used again. So the rows of a label never change while it is in use.

use std::collections::BTreeSet;

use features::Millis;
use features::links::LABELS;
use topology::{Change, ChassisKey, Hop, Lane, Way};

use super::cables::At;
use super::graph::{Graph, Step, Tree};
use super::labels::{Label, Labels, State};

/// Where a recalled step leads is not known yet.
const NOBODY: ChassisKey = ChassisKey(0);
/// Labels of a chassis that should stay free: with less, all paths to it move to new ones, so that old ones are given up.
const SPARE_LABELS: usize = 4;

/// The first step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    step: Step,
    label: Option<u8>,
}

/// All that leads to one chassis.
#[derive(Debug, Default)]
pub(crate) struct Toward {
    /// By lane, and the number of the chassis that sends.
    legs: [Vec<Option<Leg>>; 2],
    pub(super) labels: Labels,
}

/// What is confirmed before it is used.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The chassis that have to confirm.
    pub(crate) concerned: BTreeSet<ChassisKey>,
    /// The world's sequence number that they have to confirm.
    pub(crate) sequence: u64,
    pub(crate) at: Millis,
    labels: Vec<(ChassisKey, u8)>,
    /// To which chassis, from which, how.
    legs: Vec<(ChassisKey, ChassisKey, [Option<Leg>; 2])>,
}

/// All paths.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// By the number of the chassis that is sent to.
    to: Vec<Toward>,
    pub(crate) staged: Option<Staged>,
    /// Labels that are being given up.
    pub(super) leaving: BTreeSet<(ChassisKey, u8)>,
    /// Something could not be changed for want of labels.
    pub(crate) short: bool,
    /// A label has become free.
    pub(super) freed: bool,
}

impl Paths {
    /// Works out what should be different now: the first changes, to be followed by [`Paths::staged_at`]. Nothing may be staged.
    /// `peer`: the far end of a cable that is up, or may be.
    pub(crate) fn plan(&mut self, graph: &Graph, now: Millis, peer: impl Fn(At) -> Option<At>) -> Vec<Change> {
        assert!(self.staged.is_none(), "one change at a time");
        self.short = false;
        let mut staged =
            Staged { concerned: BTreeSet::new(), sequence: 0, at: now, labels: Vec::new(), legs: Vec::new() };
        let mut changes = Vec::new();
        let size = self.to.len().max(graph.len());
        self.to.resize_with(size, Toward::default);
        for number in 1..size {
            let to = ChassisKey(number as u16);
            self.short |= !self.to[number].plan(to, graph, &peer, &mut staged, &mut changes);
        }
        if !staged.legs.is_empty() {
            self.staged = Some(staged);
        }
        changes
    }

    /// The changes of what is staged were committed.
    pub(crate) fn staged_at(&mut self, sequence: u64) {
        if let Some(staged) = &mut self.staged {
            staged.sequence = sequence;
        }
    }

    /// What was staged is confirmed: the changes that make use of it, to be followed by [`Paths::used_at`].
    pub(crate) fn make_use(&mut self) -> Vec<Change> {
        let Some(staged) = self.staged.take() else { return Vec::new() };
        for (to, label) in staged.labels {
            self.to[usize::from(to.0)].labels.at(label).state = State::Used;
        }
        let mut changes = Vec::new();
        for (to, from, legs) in staged.legs {
            self.to[usize::from(to.0)].set(from, legs);
            changes.push(Change::Way(from, to, way(legs)));
        }
        changes
    }

    /// The first steps were committed: labels that nobody uses any more are given up.
    pub(crate) fn used_at(&mut self, sequence: u64) {
        for number in 1..self.to.len() {
            let to = ChassisKey(number as u16);
            let toward = &mut self.to[number];
            let mut in_use = [false; LABELS as usize];
            let labels = toward.legs.iter().flatten().flatten().filter_map(|leg| leg.label);
            labels.for_each(|label| in_use[usize::from(label)] = true);
            for label in (0..LABELS).filter(|label| !in_use[usize::from(*label)]) {
                let unused = toward.labels.at(label);
                if unused.state == State::Used {
                    unused.state = State::Unused(sequence);
                    self.leaving.insert((to, label));
                }
            }
        }
    }

    /// What was staged is not wanted any more: nobody has used it.
    pub(crate) fn abort(&mut self) -> Vec<Change> {
        let Some(staged) = self.staged.take() else { return Vec::new() };
        let mut changes = Vec::new();
        for (to, label) in staged.labels {
            changes.extend(self.remove(to, label));
        }
        changes
    }

    /// The changes that take a label's rows away.
    pub(super) fn remove(&mut self, to: ChassisKey, label: u8) -> Vec<Change> {
        let Label { hops, state } = self.to[usize::from(to.0)].labels.at(label);
        *state = State::Removing(None);
        let changes = numbered(hops).map(|(at, _)| Change::Hop(at, to, label, None)).collect();
        hops.clear();
        self.leaving.insert((to, label));
        changes
    }

    pub(super) fn state(&self, to: ChassisKey, label: u8) -> State {
        self.to[usize::from(to.0)].labels.state(label)
    }

    pub(super) fn label(&mut self, to: ChassisKey, label: u8) -> &mut Label {
        self.to[usize::from(to.0)].labels.at(label)
    }

    /// Whether a label has become free since this was asked last.
    pub(crate) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// Nothing is wanted any more: the changes that take all away.
    pub(crate) fn forget(mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (number, toward) in self.to.iter_mut().enumerate() {
            let to = ChassisKey(number as u16);
            let senders = toward.legs.iter().flat_map(|legs| numbered(legs)).map(|(from, _)| from);
            changes.extend(senders.map(|from| Change::Way(from, to, None)));
            for (label, its) in (0..LABELS).zip(toward.labels.all()) {
                changes.extend(numbered(&its.hops).map(|(at, _)| Change::Hop(at, to, label, None)));
            }
        }
        changes
    }

    /// Whether a chassis has a way to another.
    pub(crate) fn reaches(&self, from: ChassisKey, to: ChassisKey) -> bool {
        self.to.get(usize::from(to.0)).is_some_and(|toward| toward.leg(0, from).is_some())
    }
}

/// What a controller that starts anew finds on switches.
impl Paths {
    pub(crate) fn recall_hop(&mut self, at: ChassisKey, to: ChassisKey, label: u8, hop: Hop) {
        let next = if hop.last { to } else { NOBODY };
        let recalled = self.toward(to).labels.at(label);
        recalled.state = State::Used;
        put(&mut recalled.hops, at, Step { port: hop.port, next });
    }

    pub(crate) fn recall_way(&mut self, from: ChassisKey, to: ChassisKey, lanes: [Lane; 2]) {
        let toward = self.toward(to);
        for label in lanes.iter().filter_map(|lane| lane.label) {
            toward.labels.at(label).state = State::Used;
        }
        let leg = |Lane { port, label }| {
            let next = if label.is_none() { to } else { NOBODY };
            Some(Leg { step: Step { port, next }, label })
        };
        toward.set(from, lanes.map(leg));
    }

    /// It is known by now where all cables lead.
    pub(crate) fn resolve(&mut self, peer: impl Fn(At) -> Option<At>) {
        let resolve = |at: ChassisKey, step: &mut Step| {
            if step.next == NOBODY
                && let Some((next, _)) = peer((at, step.port))
            {
                step.next = next;
            }
        };
        for toward in &mut self.to {
            let hops = toward.labels.all().flat_map(|label| numbered_mut(&mut label.hops));
            hops.for_each(|(at, step)| resolve(at, step));
            let legs = toward.legs.iter_mut().flat_map(|legs| numbered_mut(legs));
            legs.for_each(|(at, leg)| resolve(at, &mut leg.step));
        }
    }

    fn toward(&mut self, to: ChassisKey) -> &mut Toward {
        let number = usize::from(to.0);
        if self.to.len() <= number {
            self.to.resize_with(number + 1, Toward::default);
        }
        &mut self.to[number]
    }
}

/// Who moves to a new path, by number.
type Movers = Vec<bool>;

impl Toward {
    fn leg(&self, lane: usize, from: ChassisKey) -> Option<Leg> {
        self.legs[lane].get(usize::from(from.0)).copied().flatten()
    }

    fn set(&mut self, from: ChassisKey, legs: [Option<Leg>; 2]) {
        for (lane, leg) in self.legs.iter_mut().zip(legs) {
            match leg {
                Some(leg) => put(lane, from, leg),
                None => drop(lane.get_mut(usize::from(from.0)).and_then(Option::take)),
            }
        }
    }

    /// Stages what should be different about the paths to one chassis; false: there are not labels enough at the time.
    fn plan(
        &mut self,
        to: ChassisKey,
        graph: &Graph,
        peer: &impl Fn(At) -> Option<At>,
        staged: &mut Staged,
        changes: &mut Vec<Change>,
    ) -> bool {
        let (reached, trees) = graph.towards(to);
        let stays = |toward: &Toward, from, leg| toward.is_blind(to, from, leg, graph, peer);
        let mut movers = [0, 1].map(|lane| self.movers(to, lane, &reached, &trees[lane], |f, leg| stays(self, f, leg)));
        if !movers.iter().flatten().any(|moves| *moves) {
            return true;
        }
        let free: Vec<u8> = self.labels.free().collect();
        if free.len() < SPARE_LABELS {
            for (lane, movers) in movers.iter_mut().enumerate() {
                let others =
                    reached.iter().filter(|from| self.leg(lane, **from).is_none_or(|leg| !stays(self, **from, leg)));
                others.filter(|from| **from != to).for_each(|from| movers[usize::from(from.0)] = true);
            }
        }
        let hops = [0, 1].map(|lane| hops(to, &movers[lane], &trees[lane]));
        let same = hops[0].iter().zip(&hops[1]).all(|(a, b)| a.is_none() || b.is_none() || a == b);
        let mut needed: Vec<(Tree, Vec<usize>)> =
            if same { vec![(merged(&hops), vec![0, 1])] } else { hops.into_iter().zip([vec![0], vec![1]]).collect() };
        needed.retain(|(hops, _)| hops.iter().any(Option::is_some));
        if needed.len() > free.len() {
            return false;
        }
        let mut labels = [None, None];
        for ((hops, lanes), label) in needed.into_iter().zip(free) {
            lanes.into_iter().for_each(|lane| labels[lane] = Some(label));
            for (at, step) in numbered(&hops) {
                staged.concerned.insert(at);
                changes.push(Change::Hop(at, to, label, Some(Hop { port: step.port, last: step.next == to })));
            }
            staged.labels.push((to, label));
            self.labels.stage(label, hops);
        }
        for number in (1..movers[0].len()).filter(|number| movers[0][*number] || movers[1][*number]) {
            let from = ChassisKey(number as u16);
            let leg = |lane: usize| {
                if !movers[lane][number] {
                    return self.leg(lane, from);
                }
                let step = trees[lane].get(number).copied().flatten()?;
                Some(Leg { step, label: labels[lane].filter(|_| step.next != to) })
            };
            // Both or none: what only one lane has left serves for both.
            let (even, odd) = (leg(0), leg(1));
            staged.legs.push((to, from, [even.or(odd), odd.or(even)]));
        }
        true
    }

    /// Who is on another path than the tree's, but for those who stay there all the same.
    fn movers(
        &self,
        to: ChassisKey,
        lane: usize,
        reached: &[ChassisKey],
        tree: &Tree,
        stays: impl Fn(ChassisKey, Leg) -> bool,
    ) -> Movers {
        let step = |from: ChassisKey| tree.get(usize::from(from.0)).copied().flatten();
        let size = tree.len().max(self.legs[lane].len());
        // From which chassis on a label leads as the tree does.
        let mut alike = [const { Vec::new() }; LABELS as usize];
        for (label, alike) in (0..LABELS).zip(&mut alike) {
            let hops = self.labels.hops(label);
            *alike = vec![false; if hops.is_empty() { 0 } else { size }];
            for at in reached.iter().filter(|_| !hops.is_empty()) {
                let here = hops.get(usize::from(at.0)).copied().flatten();
                alike[usize::from(at.0)] =
                    *at == to || here.is_some_and(|hop| Some(hop) == step(*at) && alike[usize::from(hop.next.0)]);
            }
        }
        let as_it_should = |from: ChassisKey, leg: Leg| {
            let next = usize::from(leg.step.next.0);
            Some(leg.step) == step(from)
                && match leg.label {
                    None => leg.step.next == to,
                    Some(label) => alike[usize::from(label)].get(next).is_some_and(|alike| *alike),
                }
        };
        let mut movers = vec![false; size];
        for from in reached.iter().filter(|from| **from != to) {
            movers[usize::from(from.0)] = true;
        }
        for (from, leg) in numbered(&self.legs[lane]) {
            movers[usize::from(from.0)] = !as_it_should(from, leg) && !stays(from, leg);
        }
        movers
    }

    /// Whether a path works as far as is known, over a chassis that can't be spoken to.
    fn is_blind(
        &self,
        to: ChassisKey,
        from: ChassisKey,
        leg: Leg,
        graph: &Graph,
        peer: &impl Fn(At) -> Option<At>,
    ) -> bool {
        let hops = leg.label.map(|label| self.labels.hops(label)).unwrap_or_default();
        let (mut at, mut step, mut blind) = (from, leg.step, false);
        for _ in 0..=hops.len() {
            if peer((at, step.port)).map(|(chassis, _)| chassis) != Some(step.next) {
                return false;
            }
            if step.next == to {
                return blind;
            }
            blind |= !graph.passes(step.next);
            let Some(next) = hops.get(usize::from(step.next.0)).copied().flatten() else { return false };
            (at, step) = (step.next, next);
        }
        false
    }
}

/// The rows that some need to be on their paths: from the second chassis to the last but one.
fn hops(to: ChassisKey, movers: &Movers, tree: &Tree) -> Tree {
    let mut hops = vec![None; tree.len()];
    let step = |number: usize| tree.get(number).copied().flatten();
    for from in (0..movers.len()).filter(|from| movers[*from]) {
        let mut next = step(from).map(|step| usize::from(step.next.0));
        while let Some(at) = next.filter(|at| *at != usize::from(to.0) && hops[*at].is_none()) {
            hops[at] = step(at);
            next = step(at).map(|step| usize::from(step.next.0));
        }
    }
    hops
}

fn merged([a, b]: &[Tree; 2]) -> Tree {
    a.iter().zip(b).map(|(a, b)| a.or(*b)).collect()
}

fn way(legs: [Option<Leg>; 2]) -> Option<Way> {
    let lane = |leg: Leg| Lane { port: leg.step.port, label: leg.label };
    let [Some(even), Some(odd)] = legs else { return None };
    Some(Way { lanes: [lane(even), lane(odd)] })
}

/// What a list by numbers of chassis has.
fn numbered<T: Copy>(list: &[Option<T>]) -> impl Iterator<Item = (ChassisKey, T)> + '_ {
    list.iter().enumerate().filter_map(|(number, value)| Some((ChassisKey(number as u16), (*value)?)))
}

fn numbered_mut<T>(list: &mut [Option<T>]) -> impl Iterator<Item = (ChassisKey, &mut T)> {
    list.iter_mut().enumerate().filter_map(|(number, value)| Some((ChassisKey(number as u16), value.as_mut()?)))
}

fn put<T>(list: &mut Vec<Option<T>>, at: ChassisKey, value: T) {
    let number = usize::from(at.0);
    if list.len() <= number {
        list.resize_with(number + 1, || None);
    }
    list[number] = Some(value);
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
