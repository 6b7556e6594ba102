//! A controller that starts anew: takes the paths that it finds on switches for its own, and changes none before it knows the cables again.

use std::collections::{BTreeMap, BTreeSet};

use features::Millis;
use features::links::{self, Recalled};
use topology::{Change, ChassisKey, Lane, View, Way};

use super::cables::At;
use crate::brain::Brain;
use crate::found::Found;

/// Milliseconds that bridges may take to come back: Open vSwitch tries again every 8 s.
const AWAY_MS: u64 = 10_000;

/// What was found, and what is waited for.
#[derive(Debug, Default)]
pub(super) struct Recall {
    /// The chassis whose tables have been read.
    read: BTreeSet<ChassisKey>,
    /// Ports that led to other chassis, and may still.
    trunks: BTreeSet<At>,
    /// Something was found: no path changes before this time, unless all is known again.
    until: Option<Millis>,
}

impl Recall {
    pub(super) fn until(&self) -> Option<Millis> {
        self.until
    }

    /// Whose tables were read, even while the fabric was another.
    pub(super) fn take_read(&mut self, before: &mut Recall) {
        self.read = std::mem::take(&mut before.read);
    }
}

impl Brain {
    /// A switch's tables were read: on the first time, what paths there are.
    pub(crate) fn recall_paths(&mut self, chassis: ChassisKey, found: &Found) {
        // Who comes when paths have been worked out already, has none that anybody counts on.
        let first = self.links.recall.read.insert(chassis);
        if !self.links.on || !first || self.links.planned {
            return;
        }
        let view = View::new(&self.world);
        let mut changes = Vec::new();
        let mut ways: BTreeMap<ChassisKey, [Option<Lane>; 2]> = BTreeMap::new();
        let known = |to: ChassisKey| to != chassis && view.chassis(to).is_some();
        for recalled in found.items.values().filter_map(|(item, _)| links::recall(item)) {
            match recalled {
                Recalled::Trunk(port) if view.spare(chassis, port).is_some() => {
                    self.links.recall.trunks.insert((chassis, port));
                    self.links.trunks.insert((chassis, port), None);
                    changes.push(Change::Trunk(chassis, port, true));
                }
                Recalled::Hop(to, label, hop) if known(to) && view.hop(chassis, to, label).is_none() => {
                    self.links.paths.recall_hop(chassis, to, label, hop);
                    changes.push(Change::Hop(chassis, to, label, Some(hop)));
                }
                Recalled::Lane(to, lane, begins) if known(to) => match lane {
                    Some(lane) => ways.entry(to).or_default()[lane] = Some(begins),
                    None => *ways.entry(to).or_default() = [Some(begins); 2],
                },
                _ => {}
            }
        }
        for (to, lanes) in ways {
            if let [Some(even), Some(odd)] = lanes
                && view.way(chassis, to).is_none()
            {
                self.links.paths.recall_way(chassis, to, [even, odd]);
                changes.push(Change::Way(chassis, to, Some(Way { lanes: [even, odd] })));
            }
        }
        if !changes.is_empty() {
            self.links.recall.until.get_or_insert(self.now.after_ms(AWAY_MS));
            self.commit(changes);
        }
    }

    /// Whether there is nothing to wait for, or no longer.
    pub(super) fn recalled(&mut self) -> bool {
        let Some(until) = self.links.recall.until else { return true };
        let links = &self.links;
        let all = self.world.chassis_keys();
        let all_here = all.iter().all(|chassis| links.speaking.contains(chassis));
        let all_known = all_here && links.recall.trunks.iter().all(|at| links.cables.peer(*at).is_some());
        if !all_known && self.now < until {
            return false;
        }
        self.links.recall.until = None;
        let cables = &self.links.cables;
        self.links.paths.resolve(|at| cables.peer(at));
        self.links.paths.used_at(self.world.sequence());
        let trunks = std::mem::take(&mut self.links.recall.trunks);
        let over = trunks.into_iter().filter(|at| self.links.cables.peer(*at).is_none()).collect();
        self.drop_trunks(over);
        self.links.changed(self.now, true);
        true
    }
}
