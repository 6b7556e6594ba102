//! The store's keeper: the one writer, in the order of the proposals.

use std::sync::Arc;
use std::time::Instant;

use brain::{Event, ProposalId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Shared;
use crate::store::{Compacted, Logged, Outcome, Store, StoreError, Transaction};

/// Transactions that one write to the disk makes durable, at most.
const TOGETHER_MAX: usize = 1024;

/// What the store is asked for.
enum Job {
    Commit(ProposalId, Transaction),
    LogAfter(u64, oneshot::Sender<LogAnswer>),
    Stop,
}

type LogAnswer = Result<Result<Vec<Logged>, Compacted>, StoreError>;

/// A door to the keeper. As many jobs wait as the brain has proposals, and requests have questions, open.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    jobs: UnboundedSender<Job>,
}

impl Keeper {
    /// A door, and what is behind it until it is told to stop. It blocks while the store writes.
    pub(crate) fn new(store: Box<dyn Store>, shared: Arc<Shared>) -> (Keeper, impl Future<Output = ()> + Send) {
        let (jobs, receiver) = unbounded_channel();
        (Keeper { jobs }, keep(store, receiver, shared))
    }

    /// Proposes a write; the answer comes to the inbox.
    pub(crate) fn propose(&self, proposal: ProposalId, transaction: Transaction) {
        // The keeper outlives the brain, and a panic in it ends the process.
        drop(self.jobs.send(Job::Commit(proposal, transaction)));
    }

    /// Reads the log; `None` when the daemon is stopping.
    pub(crate) async fn log_after(&self, revision: u64) -> Option<LogAnswer> {
        let (sender, answer) = oneshot::channel();
        self.jobs.send(Job::LogAfter(revision, sender)).ok()?;
        answer.await.ok()
    }

    /// Ends the keeper when what it was asked for so far is done.
    pub(crate) fn stop(&self) {
        // Fails when it has ended.
        drop(self.jobs.send(Job::Stop));
    }
}

async fn keep(store: Box<dyn Store>, mut jobs: UnboundedReceiver<Job>, shared: Arc<Shared>) {
    let mut together = Vec::new();
    while let Some(job) = jobs.recv().await {
        // What has come meanwhile is written with it, by one write to the disk.
        let mut next = Some(job);
        while let Some(job) = next.take() {
            match job {
                Job::Commit(proposal, transaction) => {
                    together.push((proposal, transaction));
                    if together.len() < TOGETHER_MAX {
                        next = jobs.try_recv().ok();
                    }
                }
                Job::LogAfter(revision, sender) => {
                    commit(&*store, &mut together, &shared);
                    drop(sender.send(store.log_after(revision)));
                }
                Job::Stop => {
                    commit(&*store, &mut together, &shared);
                    return;
                }
            }
        }
        commit(&*store, &mut together, &shared);
    }
}

/// Writes what waits, and tells the brain what became of each, in order.
fn commit(store: &dyn Store, together: &mut Vec<(ProposalId, Transaction)>, shared: &Shared) {
    if together.is_empty() {
        return;
    }
    let start = Instant::now();
    let (proposals, transactions): (Vec<_>, Vec<_>) = together.drain(..).unzip();
    let outcomes = store.commit_all(transactions);
    shared.metrics.store_seconds.observe(start.elapsed().as_secs_f64());
    for (proposal, outcome) in proposals.into_iter().zip(outcomes) {
        shared.inbox.push_answer(answer(proposal, outcome, shared));
    }
}

fn answer(proposal: ProposalId, outcome: Result<Outcome, StoreError>, shared: &Shared) -> Event {
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
