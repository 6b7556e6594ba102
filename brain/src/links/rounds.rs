//! Changes of paths, step by step: rows under new labels, first steps, rows of old labels.

use topology::{ChassisKey, Key};

use super::graph::{Graph, Step};
use crate::brain::Brain;
use crate::effect::Effect;
use crate::switch::Switch;

/// Milliseconds without news after which better paths are worked out, and the most that it takes; worse ones are left at once.
pub(super) const CALM_MS: u64 = 60;
pub(super) const CALM_MAX_MS: u64 = 400;
/// Milliseconds after which paths no longer wait for a chassis to confirm its share: they lead around it.
pub(super) const STUCK_MS: u64 = 1_000;

impl Brain {
    /// Goes as far as can be gone now.
    pub(super) fn rounds(&mut self) {
        if !self.recalled() {
            return;
        }
        loop {
            let now = self.now;
            self.stop_waiting();
            let due = self.links.replan.is_some_and(|(at, _)| at <= now);
            if self.all_confirmed() {
                let changes = self.links.paths.make_use();
                self.commit(changes);
                self.links.paths.used_at(self.world.sequence());
                self.restless.extend(self.world.resource_of(&Key::Fabric));
                continue;
            }
            self.give_up_labels();
            if self.links.paths.staged.is_some() || !due {
                return;
            }
            self.links.replan = None;
            self.plan_paths();
            if self.links.paths.staged.is_none() {
                return;
            }
        }
    }

    /// A chassis can't be spoken to any more: what it should confirm before it is used, it never will.
    pub(super) fn lost_for_rounds(&mut self, chassis: ChassisKey) {
        self.links.slow.remove(&chassis);
        if self.links.paths.staged.as_ref().is_some_and(|staged| staged.concerned.contains(&chassis)) {
            self.abort_paths();
        }
    }

    fn abort_paths(&mut self) {
        let changes = self.links.paths.abort();
        self.commit(changes);
        self.links.paths.removed_at(self.world.sequence());
        self.links.changed(self.now, true);
    }

    /// What is staged may be of no use any more, or wait for someone who does not answer.
    fn stop_waiting(&mut self) {
        let now = self.now;
        let switches = &self.switches;
        let slow = self.links.slow.len();
        self.links.slow.retain(|chassis| switches.get(chassis).is_some_and(|s| s.waiting_since().is_some()));
        if self.links.slow.len() < slow {
            self.links.changed(now, false);
        }
        let Some(staged) = &self.links.paths.staged else { return };
        let since = staged.sequence;
        if now >= staged.at.after_ms(STUCK_MS) {
            let stuck = staged.concerned.iter().filter(|chassis| !self.has_confirmed(**chassis, since));
            let stuck: Vec<ChassisKey> = stuck.copied().collect();
            if !stuck.is_empty() {
                self.links.slow.extend(stuck);
                return self.abort_paths();
            }
        }
        if self.links.replan.is_some_and(|(at, _)| at <= now) && self.links.urgent {
            self.abort_paths();
        }
    }

    fn all_confirmed(&self) -> bool {
        let Some(staged) = &self.links.paths.staged else { return false };
        staged.concerned.iter().all(|chassis| self.has_confirmed(*chassis, staged.sequence))
    }

    /// Whether a chassis has confirmed all that was wanted at a sequence number of the world.
    fn has_confirmed(&self, chassis: ChassisKey, sequence: u64) -> bool {
        let confirmed =
            |switch: &Switch| switch.in_step() && switch.waiting_since().is_none_or(|since| since > sequence);
        self.switches.get(&chassis).is_some_and(confirmed)
    }

    fn give_up_labels(&mut self) {
        let switches = &self.switches;
        let confirmed = |sequence| !switches.late(sequence).values().any(|switch| switch.session().is_some());
        let changes = self.links.paths.give_up(self.now, confirmed);
        self.commit(changes);
        self.links.paths.removed_at(self.world.sequence());
        if self.links.paths.take_freed() && self.links.paths.short {
            self.links.changed(self.now, true);
        }
    }

    fn plan_paths(&mut self) {
        self.links.urgent = false;
        let graph = self.graph();
        let cables = &self.links.cables;
        let changes = self.links.paths.plan(&graph, self.now, |at| cables.peer(at));
        self.commit(changes);
        self.links.paths.staged_at(self.world.sequence());
        self.links.planned |= self.links.paths.staged.is_some();
        self.effects.push(Effect::Count { counter: "sextant_path_computations_total", labels: vec![], by: 1 });
        self.restless.extend(self.world.resource_of(&Key::Fabric));
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let links = &self.links;
        for chassis in self.world.chassis_keys().into_iter().filter(|c| c.0 <= features::links::CHASSIS_MAX) {
            graph.add(chassis, links.speaking.contains(&chassis) && !links.slow.contains(&chassis));
        }
        for ((chassis, port), cable) in links.cables.up() {
            graph.wire(chassis, Step { port, next: cable.peer.0 });
        }
        graph
    }

    /// A connected chassis that another one has no way to, and that one; whether changes are under way.
    pub(crate) fn paths_standing(&self) -> (Option<(ChassisKey, ChassisKey)>, bool) {
        let links = &self.links;
        let mut speaking = links.speaking.iter().copied();
        let first = speaking.next();
        let apart = first.and_then(|first| {
            let others = links.speaking.iter().copied().filter(|other| *other != first);
            others.map(|other| (first, other)).find(|(first, other)| !links.paths.reaches(*first, *other))
        });
        (apart, links.paths.staged.is_some() || links.replan.is_some())
    }
}
