//! Those who wait for flows to be installed: answered when they are, or at their deadline with what is missing.

use std::collections::{BTreeMap, BTreeSet};

use features::Millis;
use proto::v1;

use crate::brain::Brain;
use crate::effect::{RefusalKind, Reply};
use crate::event::RequestId;
use crate::requests::refusal;

/// Requests that may wait.
const WAITERS_MAX: usize = 10_000;

/// Everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// By the world's sequence number that they wait for, and a number of their own.
    by_sequence: BTreeMap<(u64, u64), Waiter>,
    by_deadline: BTreeSet<(Millis, (u64, u64))>,
    last: u64,
}

#[derive(Debug)]
struct Waiter {
    id: RequestId,
    revision: u64,
    deadline: Millis,
}

impl Waiters {
    /// When the first of them has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    fn add(&mut self, sequence: u64, waiter: Waiter) {
        self.last += 1;
        self.by_deadline.insert((waiter.deadline, (sequence, self.last)));
        self.by_sequence.insert((sequence, self.last), waiter);
    }

    /// One whose wait is over, with what it waits for: all before `oldest` is confirmed, everything if that is `None`.
    fn take(&mut self, oldest: Option<u64>, now: Millis) -> Option<(u64, Waiter)> {
        let installed = self.by_sequence.keys().next().copied().filter(|(at, _)| oldest.is_none_or(|o| *at < o));
        let late = || self.by_deadline.first().filter(|(deadline, _)| *deadline <= now).map(|(_, at)| *at);
        let at = installed.or_else(late)?;
        let waiter = self.by_sequence.remove(&at)?;
        self.by_deadline.remove(&(waiter.deadline, at));
        Some((at.0, waiter))
    }
}

impl Brain {
    pub(crate) fn wait(&mut self, id: RequestId, revision: Option<u64>, deadline: Millis) {
        let newest = self.catalog.revision();
        let revision = revision.unwrap_or(newest);
        if revision > newest {
            let words = format!("revision {revision} does not exist yet: the newest is {newest}");
            return self.reply(id, Err(refusal(RefusalKind::Invalid, words)));
        }
        if self.waiters.by_sequence.len() >= WAITERS_MAX {
            let words = format!("{WAITERS_MAX} requests are waiting already: try again later");
            return self.reply(id, Err(refusal(RefusalKind::Unavailable, words)));
        }
        // An older revision than is remembered came before all that are.
        let sequence = self.sequences.range(..=revision).next_back().map_or(0, |(_, sequence)| *sequence);
        self.waiters.add(sequence, Waiter { id, revision, deadline });
    }

    /// Answers those whose wait is over, one way or the other.
    pub(crate) fn answer_waiters(&mut self) {
        let unconfirmed = self.switches.waiting_since();
        self.releases.confirmed(unconfirmed);
        let oldest = unconfirmed.into_iter().chain(self.releases.waiting_since()).min();
        while let Some((sequence, waiter)) = self.waiters.take(oldest, self.now) {
            let waiting_for = self.waiting_for(sequence);
            let installed = waiting_for.is_empty();
            let response = v1::WaitInstalledResponse { installed, revision: waiter.revision, waiting_for };
            self.reply(waiter.id, Ok(Reply::Waited(response)));
        }
    }

    /// The chassis that have not confirmed all that a sequence number and earlier ones wanted, each with its reason.
    fn waiting_for(&self, sequence: u64) -> Vec<String> {
        let networks = self.releases.waiting(sequence).map(|network| match self.waits_in_words(network) {
            Some(words) => format!("{network}: {words}"),
            None => format!("{network}: it has its segmentation id, and that is not confirmed yet"),
        });
        let late = self.switches.late(sequence).into_iter();
        let chassis = late.filter_map(|(chassis, switch)| {
            let name = self.chassis_resource(chassis)?.name;
            let reason = match switch.session() {
                None => "not connected".to_owned(),
                Some(_) if !switch.in_step() => "its tables are being read".to_owned(),
                Some(_) => format!("{} changes are not confirmed yet", switch.unconfirmed()),
            };
            Some(format!("{name}: {reason}"))
        });
        chassis.chain(networks).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_what_he_waits_for_goes_first_then_those_who_waited_long_enough() {
        let mut waiters = Waiters::default();
        for (id, sequence, deadline) in [(1, 7, 100), (2, 5, 300), (3, 9, 200), (4, 5, 50)] {
            waiters.add(sequence, Waiter { id: RequestId(id), revision: 0, deadline: Millis(deadline) });
        }
        assert_eq!(waiters.next_deadline(), Some(Millis(50)));
        let mut take = |oldest, now| waiters.take(oldest, Millis(now)).map(|(sequence, w)| (w.id.0, sequence));
        assert_eq!(take(Some(5), 49), None);
        assert_eq!(take(Some(6), 49), Some((2, 5)));
        assert_eq!(take(Some(6), 49), Some((4, 5)));
        assert_eq!(take(Some(6), 49), None);
        assert_eq!(take(Some(6), 100), Some((1, 7)));
        assert_eq!(take(Some(6), 199), None);
        assert_eq!(take(None, 0), Some((3, 9)));
        assert_eq!((take(None, 1_000), waiters.next_deadline()), (None, None));
    }
}
