//! The store's thread: the one writer, in the order of the proposals.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use brain::{Event, ProposalId};
use tokio::sync::oneshot;

use super::{Shared, guarded};
use crate::store::{Compacted, Logged, Outcome, Store, StoreError, Transaction};

/// What the store is asked for.
enum Job {
    Commit(ProposalId, Transaction),
    LogAfter(u64, oneshot::Sender<LogAnswer>),
    Stop,
}

type LogAnswer = Result<Result<Vec<Logged>, Compacted>, StoreError>;

/// A door to the store's thread.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    jobs: Sender<Job>,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(store: Box<dyn Store>, shared: Arc<Shared>) -> std::io::Result<(Keeper, JoinHandle<()>)> {
        let (jobs, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || guarded("the store's thread", || keep(&*store, &receiver, &shared)))?;
        Ok((Keeper { jobs }, thread))
    }

    /// Proposes a write; the answer comes to the inbox.
    pub(crate) fn propose(&self, proposal: ProposalId, transaction: Transaction) {
        // The thread outlives the brain's, and a panic in it ends the process.
        drop(self.jobs.send(Job::Commit(proposal, transaction)));
    }

    /// Reads the log; `None` when the daemon is stopping.
    pub(crate) async fn log_after(&self, revision: u64) -> Option<LogAnswer> {
        let (sender, answer) = oneshot::channel();
        self.jobs.send(Job::LogAfter(revision, sender)).ok()?;
        answer.await.ok()
    }

    /// Ends the thread when what it was asked for so far is done.
    pub(crate) fn stop(&self) {
        // Fails when it has ended.
        drop(self.jobs.send(Job::Stop));
    }
}

fn keep(store: &dyn Store, jobs: &Receiver<Job>, shared: &Shared) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Commit(proposal, transaction) => {
                shared.inbox.push_answer(commit(store, proposal, transaction, shared));
            }
            Job::LogAfter(revision, sender) => drop(sender.send(store.log_after(revision))),
            Job::Stop => return,
        }
    }
}

fn commit(store: &dyn Store, proposal: ProposalId, transaction: Transaction, shared: &Shared) -> Event {
    let start = Instant::now();
    let outcome = store.commit(transaction);
    shared.metrics.store_seconds.observe(start.elapsed().as_secs_f64());
    let (result, event) = match outcome {
        Ok(Outcome::Committed { revision, changes }) => {
            shared.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
            ("committed", Event::Applied { revision, changes, proposal: Some(proposal) })
        }
        Ok(Outcome::Conflict { key, expected, found }) => {
            tracing::debug!(key, expected, found, "a proposal's comparison failed");
            ("conflict", Event::Refused { proposal, fault: None })
        }
        Err(error) => {
            tracing::error!("the store refused a write: {error}");
            ("failed", Event::Refused { proposal, fault: Some(error.to_string()) })
        }
    };
    shared.metrics.store_writes.get_or_create(&vec![("result", result.to_owned())]).inc();
    event
}
