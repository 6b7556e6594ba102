//! Segmentation ids on their way from one network to another: who may still have flows of the old one, and who waits for that.
//!
//! The catalog keeps in the store which ids were released and whose they were; here is known which chassis have confirmed since
//! that nothing of it is left. After a restart nothing is known, and every chassis is asked for its tables anyway.

use std::collections::{BTreeMap, BTreeSet};

use topology::{ChassisKey, NetworkKey, ResourceId};

use crate::brain::Brain;
use crate::switch::Switch;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    /// By segmentation id.
    all: BTreeMap<u32, Release>,
    /// Networks that wait for their ids, or whose flows with them are not confirmed yet.
    waiting: BTreeMap<ResourceId, Waiting>,
}

/// An id that is not free yet.
#[derive(Debug)]
struct Release {
    /// The store's revision when it was released.
    revision: u64,
    /// The world's sequence number after it was released.
    sequence: u64,
    /// The chassis that may have flows with it.
    left: BTreeSet<ChassisKey>,
}

#[derive(Debug)]
struct Waiting {
    /// The world's sequence number since which it waits.
    since: u64,
    /// The world's sequence number when it was given its id.
    over: Option<u64>,
}

impl Releases {
    /// The world's sequence number from which on some network waits.
    pub(crate) fn waiting_since(&self) -> Option<u64> {
        self.waiting.values().map(|waiting| waiting.since).min()
    }

    /// The chassis that are waited for.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = ChassisKey> {
        self.all.values().flat_map(|release| &release.left).copied()
    }

    /// The networks that have waited since a sequence number or longer.
    pub(crate) fn waiting(&self, sequence: u64) -> impl Iterator<Item = &ResourceId> {
        self.waiting.iter().filter(move |(_, waiting)| waiting.since <= sequence).map(|(network, _)| network)
    }

    /// Those that have their ids and whose flows everybody has confirmed wait no more. `unconfirmed`: the sequence number from which
    /// on something is not.
    pub(crate) fn confirmed(&mut self, unconfirmed: Option<u64>) {
        let confirmed = |over: u64| unconfirmed.is_none_or(|since| since > over);
        self.waiting.retain(|_, waiting| !waiting.over.is_some_and(confirmed));
    }
}

impl Brain {
    /// Ids were released, or are free: the facts are committed.
    pub(crate) fn note_releases(&mut self, segments: &[u32]) {
        let sequence = self.world.sequence();
        let leaving: Vec<ChassisKey> = self
            .sessions
            .values()
            .filter(|session| session.leaving.is_some())
            .filter_map(|session| session.chassis)
            .collect();
        for segment in segments {
            let heirs: Vec<ResourceId> = self.catalog.heirs(*segment).cloned().collect();
            self.note_waiting(&heirs);
            self.restless.extend(heirs);
            let Some(released) = self.catalog.released(*segment) else {
                self.releases.all.remove(segment);
                continue;
            };
            let network = NetworkKey(released.key);
            let left = self.world.chassis_keys().into_iter().filter(|chassis| self.may_have(*chassis, network));
            let left = left.chain(leaving.iter().copied()).collect();
            self.releases.all.insert(*segment, Release { revision: released.mod_revision, sequence, left });
            self.free_if_gone(*segment);
        }
    }

    /// Networks that have other ids than before, or other waits.
    pub(crate) fn note_waiting<'i>(&mut self, networks: impl IntoIterator<Item = &'i ResourceId>) {
        let sequence = self.world.sequence();
        for id in networks.into_iter().filter(|id| id.kind == "network") {
            if self.catalog.waits_for(id).is_some() {
                let waiting = self.releases.waiting.entry(id.clone());
                waiting.or_insert(Waiting { since: sequence, over: None }).over = None;
            } else if self.catalog.by_id(id).is_none() {
                self.releases.waiting.remove(id);
            } else if let Some(waiting) = self.releases.waiting.get_mut(id) {
                waiting.over.get_or_insert(sequence);
            }
        }
    }

    /// A chassis has confirmed something, or is gone: ids that it had the last flows with are free.
    pub(crate) fn look_at_releases(&mut self, chassis: ChassisKey) {
        let held: Vec<(u32, u64)> = self
            .releases
            .all
            .iter()
            .filter(|(_, release)| release.left.contains(&chassis))
            .map(|(segment, release)| (*segment, release.sequence))
            .collect();
        for (segment, sequence) in held {
            if !self.is_clean(chassis, sequence) {
                continue;
            }
            if let Some(release) = self.releases.all.get_mut(&segment) {
                release.left.remove(&chassis);
            }
            // The reason names who is waited for.
            self.restless.extend(self.catalog.heirs(segment).cloned());
            self.free_if_gone(segment);
        }
    }

    /// Whether a chassis is gone, or has confirmed all that was wanted of it up to a sequence number.
    fn is_clean(&self, chassis: ChassisKey, sequence: u64) -> bool {
        if self.chassis_resource(chassis).is_some() {
            return self.switches.get(&chassis).is_some_and(|switch| switch.has_done(sequence));
        }
        // What is ours is being taken off a bridge that was its until now.
        !self.sessions.values().any(|session| session.chassis == Some(chassis) && session.leaving.is_some())
    }

    /// Whether a chassis may have flows of a network that is released at this moment.
    fn may_have(&self, chassis: ChassisKey, network: NetworkKey) -> bool {
        match self.switches.get(&chassis) {
            Some(switch) if switch.in_step() => !switch.has_done(self.world.sequence()),
            Some(Switch { may_have: Some(networks), .. }) => networks.contains(&network),
            _ => true,
        }
    }

    fn free_if_gone(&mut self, segment: u32) {
        if let Some(release) = self.releases.all.get(&segment).filter(|release| release.left.is_empty()) {
            self.learning.wishes.free.insert(segment, release.revision);
            self.next_write();
        }
    }

    /// Why a network can't use its segmentation id yet.
    pub(crate) fn waits_in_words(&self, id: &ResourceId) -> Option<String> {
        let (segment, released) = self.catalog.waits_for(id)?;
        let left: Vec<ChassisKey> =
            self.releases.all.get(&segment).map(|release| release.left.iter().copied().collect()).unwrap_or_default();
        let was = format!("segmentation id {segment} was {}'s", released.network);
        Some(match self.names(&left) {
            names if names.is_empty() => format!("{was}, and is free in a moment"),
            names => format!(
                "{was}, and may be in flows of chassis {names}: it is free when they have confirmed that it is not"
            ),
        })
    }
}
