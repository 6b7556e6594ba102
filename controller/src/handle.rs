//! What northbound faces hold: requests to the brain, watches, and the log of happenings.

use std::collections::VecDeque;
use std::sync::Arc;

use brain::{Caller, Event, Millis, Refusal, RefusalKind, Reply, Request, Violation};
use proto::v1;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::daemon::{Keeper, Shared};
use crate::store::Compacted;

/// A cheap handle on the running daemon.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    keeper: Keeper,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, keeper: Keeper) -> Handle {
        Handle { shared, keeper }
    }

    /// Asks the brain. `Wait` may take until its deadline; everything else is answered as fast as the store writes.
    /// A daemon that is stopping, or has too many requests open, refuses with [`RefusalKind::Unavailable`].
    pub async fn request(&self, caller: Caller, request: Request) -> Result<Reply, Refusal> {
        let answer = self.shared.requests.open()?;
        self.push(Event::Request { id: answer.id, caller, request }).await?;
        answer.await?
    }

    /// Every resource as of one revision, and the changes from exactly that moment on.
    pub async fn snapshot(&self, caller: Caller) -> Result<Snapshot, Refusal> {
        let answer = self.shared.requests.open_watching()?;
        self.push(Event::Request { id: answer.id, caller, request: Request::Snapshot }).await?;
        let (reply, changes) = answer.await?;
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

    /// The changes after a revision, even across a restart: where [`Handle::watch`] no longer knows them, every resource is
    /// told again, and each that was deleted since, as far back as the store's log reaches.
    pub async fn resume(&self, caller: Caller, after_revision: u64) -> Result<Watch, ResumeError> {
        if after_revision > self.shared.watches.started_at()
            && let Ok(watch) = self.watch(Some(after_revision))
        {
            return Ok(watch);
        }
        let Snapshot { resources, revision, mut changes } = self.snapshot(caller).await?;
        let too_old = |oldest| TooOld { asked: after_revision, oldest, newest: revision };
        if after_revision > revision {
            return Err(too_old(0).into());
        }
        let log = match self.keeper.log_after(after_revision).await {
            None => return Err(unavailable("the controller is stopping").into()),
            Some(Err(error)) => return Err(unavailable(&error.to_string()).into()),
            Some(Ok(Err(Compacted { oldest }))) => return Err(too_old(oldest).into()),
            Some(Ok(Ok(log))) => log,
        };
        let past = log.into_iter().filter(|logged| logged.revision <= revision).flat_map(|logged| logged.changes);
        let deleted = past.filter(|change| change.value.is_none()).filter_map(|change| named(&change.key));
        let told = deleted.map(Changed::Deleted).chain(resources.into_iter().map(|r| Changed::Set(Box::new(r))));
        // A watcher that is cut off in the midst of them must begin anew: only the last one carries the new revision.
        changes.backlog = told.map(|what| Arc::new(Change { revision: after_revision, what })).collect();
        if let Some(last) = changes.backlog.back_mut() {
            Arc::make_mut(last).revision = revision;
        }
        Ok(changes)
    }

    /// What happened lately, oldest first, and what happens from then on. A receiver that lags loses the oldest.
    pub fn events(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>) {
        self.shared.happenings.follow()
    }

    /// Bindings of addresses that begin, end, or are proved otherwise from now on.
    pub fn bindings(&self) -> broadcast::Receiver<v1::AddressBinding> {
        self.shared.bindings.subscribe()
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
#[error(
    "changes after revision {asked} are no longer known, only those after {oldest} (newest: {newest}): take a new snapshot"
)]
pub struct TooOld {
    /// The revision asked for.
    pub asked: u64,
    /// The oldest revision that can be resumed from.
    pub oldest: u64,
    /// The newest revision; a revision beyond it is refused too: it is another store's.
    pub newest: u64,
}

/// Why a watch can't be resumed.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// Too much is forgotten.
    #[error(transparent)]
    TooOld(#[from] TooOld),
    /// The brain did not answer.
    #[error("{}", .0.violations.first().map_or("refused", |violation| &violation.message))]
    Refused(Refusal),
}

impl From<Refusal> for ResumeError {
    fn from(refusal: Refusal) -> Self {
        ResumeError::Refused(refusal)
    }
}

/// The resource that a store's key names: `/sextant/v1/KIND/TENANT/NAME`, with `-` for the tenant of global kinds. Counters,
/// whose keys have no tenant, are none.
fn named(key: &str) -> Option<v1::ResourceChange> {
    let mut parts = key.strip_prefix("/sextant/v1/")?.splitn(3, '/');
    let (kind, tenant, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(v1::ResourceChange {
        kind: kind.to_owned(),
        tenant: if tenant == "-" { String::new() } else { tenant.to_owned() },
        name: name.to_owned(),
        change: v1::Change::Deleted.into(),
    })
}

pub(crate) fn unavailable(message: &str) -> Refusal {
    Refusal {
        kind: RefusalKind::Unavailable,
        violations: vec![Violation { path: String::new(), message: message.to_owned() }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_resources() {
        let change = |key| named(key).map(|change| (change.kind, change.tenant, change.name));
        let triple = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(change("/sextant/v1/port/acme/web"), triple("port", "acme", "web"));
        assert_eq!(change("/sextant/v1/chassis/-/hv1"), triple("chassis", "", "hv1"));
        assert_eq!(change("/sextant/v1/counter/port"), None);
        assert_eq!(change("/other/v1/port/acme/web"), None);
    }
}
