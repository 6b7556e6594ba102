//! What northbound faces hold: requests to the brain, watches, and the log of happenings.

use std::collections::VecDeque;
use std::sync::Arc;

use brain::{Caller, Event, Millis, Refusal, RefusalKind, Reply, Request, Violation};
use proto::v1;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::daemon::Shared;

/// A cheap handle on the running daemon.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Handle {
        Handle { shared }
    }

    /// Asks the brain. `Wait` may take until its deadline; everything else is answered as fast as the store writes.
    /// A daemon that is stopping, or has too many requests open, refuses with [`RefusalKind::Unavailable`].
    pub async fn request(&self, caller: Caller, request: Request) -> Result<Reply, Refusal> {
        let (id, answer) = self.shared.requests.open()?;
        self.push(Event::Request { id, caller, request }).await.inspect_err(|_| self.shared.requests.forget(id))?;
        answer.await.map_err(|_| unavailable("the controller is stopping"))?
    }

    /// Every resource as of one revision, and the changes from exactly that moment on.
    pub async fn snapshot(&self, caller: Caller) -> Result<Snapshot, Refusal> {
        let (id, answer) = self.shared.requests.open_watching()?;
        let request = Request::Snapshot;
        self.push(Event::Request { id, caller, request }).await.inspect_err(|_| self.shared.requests.forget(id))?;
        let (reply, changes) = answer.await.map_err(|_| unavailable("the controller is stopping"))?;
        match reply? {
            Reply::Resources { resources, revision, .. } => Ok(Snapshot { resources, revision, changes }),
            other => Err(unavailable(&format!("the snapshot was answered with {other:?}"))),
        }
    }

    /// The changes after a revision; `None`: from now on. Changes of a resource's status carry the revision that the store had,
    /// so those of `after_revision` itself are told again: a watcher sees each at least once, in order.
    pub fn watch(&self, after_revision: Option<u64>) -> Result<Watch, TooOld> {
        self.shared.watches.watch(after_revision)
    }

    /// What happened lately, oldest first, and what happens from then on. A receiver that lags loses the oldest.
    pub fn events(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>) {
        self.shared.happenings.follow()
    }

    /// The brain's clock, for the deadlines of [`Request::Wait`].
    pub fn now(&self) -> Millis {
        self.shared.clock.now()
    }

    /// The store's revision that the brain has seen last.
    pub fn revision(&self) -> u64 {
        self.shared.watches.revision()
    }

    async fn push(&self, event: Event) -> Result<(), Refusal> {
        self.shared.inbox.push(event).await.map_err(|_| unavailable("the controller is stopping"))
    }
}

/// All resources, and what changes after them.
#[derive(Debug)]
pub struct Snapshot {
    /// Every resource of every kind, with its status.
    pub resources: Vec<v1::Resource>,
    /// The store's revision that they are as of.
    pub revision: u64,
    /// What changes from then on: nothing is told twice, nothing is missing.
    pub changes: Watch,
}

/// A change of a resource or of its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The store's revision.
    pub revision: u64,
    /// What changed.
    pub what: Changed,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// A resource was created or updated, or its status changed.
    Set(Box<v1::Resource>),
    /// A resource is gone.
    Deleted(v1::ResourceChange),
}

/// A stream of changes: those that a resume asks for, then live ones.
#[derive(Debug)]
pub struct Watch {
    pub(crate) backlog: VecDeque<Arc<Change>>,
    pub(crate) live: broadcast::Receiver<Arc<Change>>,
}

impl Watch {
    /// The next change; waits for it. Safe to drop at any await: nothing is lost.
    pub async fn next(&mut self) -> Result<Arc<Change>, WatchEnd> {
        if let Some(change) = self.backlog.pop_front() {
            return Ok(change);
        }
        self.live.recv().await.map_err(|error| match error {
            broadcast::error::RecvError::Lagged(missed) => WatchEnd::Lagged { missed },
            broadcast::error::RecvError::Closed => WatchEnd::Stopping,
        })
    }
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WatchEnd {
    /// The watcher was too slow; it resumes from its last revision, or takes a new snapshot.
    #[error("{missed} changes were missed: the watcher is too slow; resume from the last revision seen")]
    Lagged {
        /// Changes lost.
        missed: u64,
    },
    /// The daemon is stopping.
    #[error("the controller is stopping")]
    Stopping,
}

/// A resume from a revision whose successors are no longer all known (gRPC: OUT_OF_RANGE). A new snapshot is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("changes after revision {asked} are no longer known, only those after {oldest} (newest: {newest}): take a new snapshot")]
pub struct TooOld {
    /// The revision asked for.
    pub asked: u64,
    /// The oldest revision that can be resumed from.
    pub oldest: u64,
    /// The newest revision; a revision beyond it is refused too: it is another store's.
    pub newest: u64,
}

pub(crate) fn unavailable(message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Unavailable,
        violations: vec![Violation { path: String::new(), message: message.to_owned() }],
    }
}
