//! Who watches: live changes, and a bounded memory of them to resume from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::handle::{Change, TooOld, Watch};

/// Changes that can be resumed over.
const MEMORY_MAX: usize = 20_000;
/// Changes that a live watcher may lag behind.
const LAG_MAX: usize = 8192;

/// The watch hub.
#[derive(Debug)]
pub(crate) struct Watches {
    started_at: u64,
    memory: Mutex<Memory>,
    live: broadcast::Sender<Arc<Change>>,
}

#[derive(Debug)]
struct Memory {
    changes: VecDeque<Arc<Change>>,
    /// Changes after this revision are all remembered.
    oldest: u64,
    newest: u64,
}

impl Watches {
    /// Nothing before `revision` is known.
    pub(crate) fn new(revision: u64) -> Watches {
        let memory = Memory { changes: VecDeque::new(), oldest: revision, newest: revision };
        Watches { started_at: revision, memory: Mutex::new(memory), live: broadcast::Sender::new(LAG_MAX) }
    }

    /// Remembers a change and tells it.
    pub(crate) fn tell(&self, change: Change) {
        let mut memory = self.memory();
        let change = Arc::new(change);
        memory.newest = memory.newest.max(change.revision);
        memory.changes.push_back(Arc::clone(&change));
        if memory.changes.len() > MEMORY_MAX
            && let Some(forgotten) = memory.changes.pop_front()
        {
            // Others of its revision may still be there, but no longer all: only a later revision can be resumed from.
            memory.oldest = memory.oldest.max(forgotten.revision + 1);
        }
        // Fails when nobody listens, which is fine. Under the lock, so that a new watch misses nothing and sees nothing twice.
        drop(self.live.send(change));
    }

    /// The store moved on, changes or not.
    pub(crate) fn at(&self, revision: u64) {
        let mut memory = self.memory();
        memory.newest = memory.newest.max(revision);
    }

    /// See [`crate::handle::Handle::watch`].
    pub(crate) fn watch(&self, after_revision: Option<u64>) -> Result<Watch, TooOld> {
        let memory = self.memory();
        let backlog = match after_revision {
            None => VecDeque::new(),
            Some(asked) if asked < memory.oldest || asked > memory.newest => {
                return Err(TooOld { asked, oldest: memory.oldest, newest: memory.newest });
            }
            Some(asked) => memory.changes.iter().filter(|change| change.revision >= asked).cloned().collect(),
        };
        Ok(Watch { backlog, live: self.live.subscribe() })
    }

    /// A watch of what comes.
    pub(crate) fn follow(&self) -> Watch {
        let _memory = self.memory();
        Watch { backlog: VecDeque::new(), live: self.live.subscribe() }
    }

    /// The revision at the daemon's start. What was seen of statuses up to there may be from an earlier run.
    pub(crate) fn started_at(&self) -> u64 {
        self.started_at
    }

    /// The newest revision.
    pub(crate) fn revision(&self) -> u64 {
        self.memory().newest
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proto::v1;

    use super::*;
    use crate::handle::{Changed, WatchEnd};

    fn change(revision: u64) -> Change {
        Change { revision, what: Changed::Deleted(v1::ResourceChange::default()) }
    }

    async fn revisions(watch: &mut Watch, count: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(watch.next().await.unwrap().revision);
        }
        seen
    }

    #[tokio::test]
    async fn a_watch_resumes_and_goes_on() {
        let watches = Watches::new(3);
        for revision in 4..=6 {
            watches.tell(change(revision));
        }
        let mut resumed = watches.watch(Some(5)).unwrap();
        let mut live = watches.watch(None).unwrap();
        watches.tell(change(7));
        assert_eq!(revisions(&mut resumed, 3).await, [5, 6, 7]);
        assert_eq!(revisions(&mut live, 1).await, [7]);
    }

    #[tokio::test]
    async fn what_is_forgotten_or_unknown_cannot_be_resumed_from() {
        let watches = Watches::new(3);
        assert_eq!(watches.watch(Some(2)).unwrap_err(), TooOld { asked: 2, oldest: 3, newest: 3 });
        assert_eq!(watches.watch(Some(4)).unwrap_err(), TooOld { asked: 4, oldest: 3, newest: 3 });
        watches.at(4);
        assert!(watches.watch(Some(4)).is_ok());
        for _ in 0..=MEMORY_MAX {
            watches.tell(change(5));
        }
        assert_eq!(watches.watch(Some(5)).unwrap_err(), TooOld { asked: 5, oldest: 6, newest: 5 });
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_that_it_is() {
        let watches = Watches::new(0);
        let mut watch = watches.watch(None).unwrap();
        for revision in 0..(LAG_MAX + 10) as u64 {
            watches.tell(change(revision));
        }
        assert!(matches!(watch.next().await, Err(WatchEnd::Lagged { missed: 10 })));
        drop(watches);
        while let Ok(change) = watch.next().await {
            assert!(change.revision >= 10);
        }
        assert_eq!(watch.next().await.unwrap_err(), WatchEnd::Stopping);
    }
}
