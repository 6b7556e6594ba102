//! What survives a restart: keys, values and revisions, shaped like etcd's so that the embedded store and etcd are one trait.
//!
//! A revision is a write's number. A transaction compares keys' revisions, then changes keys, all or nothing; its answer
//! means that it is on the disk. The last revisions are kept as a log, for watches that resume.

mod embedded;

use brain::{Entry, EntryChange};
use thiserror::Error;

pub use embedded::{Embedded, LogLimits};

/// A store of keys and values with revisions. Calls block: they belong on a thread that may.
pub trait Store: Send + 'static {
    /// Everything in the store, as of its revision; in the order of the keys.
    fn load(&self) -> Result<Content, StoreError>;

    /// Compares, then changes, all or nothing. When it answers [`Outcome::Committed`], the change is durable.
    fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError>;

    /// As many calls of [`Store::commit`], in order, each with a revision of its own. A store may make them durable together, for a
    /// write to a disk costs the same for one and for a hundred.
    fn commit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<Outcome, StoreError>> {
        transactions.into_iter().map(|transaction| self.commit(transaction)).collect()
    }

    /// The changes of every revision after `revision`, oldest first, or the oldest revision that can be resumed from.
    fn log_after(&self, revision: u64) -> Result<Result<Vec<Logged>, Compacted>, StoreError>;
}

/// Everything in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The number of the last write; 0: never written.
    pub revision: u64,
    /// In the order of their keys.
    pub entries: Vec<Entry>,
}

/// Compare, then change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// Each key with the revision that it must have been written at last; 0: it must not exist.
    pub compare: Vec<(String, u64)>,
    /// What to write and delete; each key once at most. Deleting a key that is not there changes nothing.
    pub changes: Vec<EntryChange>,
}

/// A transaction's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on the disk.
    Committed {
        /// Its revision; with no changes, the store's.
        revision: u64,
        /// The changes, in the order of their keys.
        changes: Vec<EntryChange>,
    },
    /// A comparison failed and nothing changed.
    Conflict {
        /// The first such key.
        key: String,
        /// The revision asked for.
        expected: u64,
        /// The revision that it has; 0: it does not exist.
        found: u64,
    },
}

/// The changes of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The revision.
    pub revision: u64,
    /// In the order of their keys.
    pub changes: Vec<EntryChange>,
}

/// The log does not reach back that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the log reaches back to revision {oldest} only")]
pub struct Compacted {
    /// The oldest revision that can be resumed from.
    pub oldest: u64,
}

/// Why a store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("{path} is open in another controller: one controller at a time may use a data directory")]
    Locked {
        /// The store's file.
        path: String,
    },
    /// It was written by a program that this one does not know.
    #[error("the store has format {found}; this program knows format {known}")]
    Format {
        /// As read.
        found: u64,
        /// Known.
        known: u64,
    },
    /// A transaction that makes no sense.
    #[error("key {key} is changed twice in one transaction")]
    Twice {
        /// The key.
        key: String,
    },
    /// Transactions that were to be written together were not.
    #[error("{fault}")]
    Together {
        /// What kept them from it.
        fault: String,
    },
    /// The directory could not be made or read.
    #[error("{path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// The database's words.
    #[error("the store's database: {0}")]
    Database(Box<redb::Error>),
}
