//! The store on this machine's disk: one redb file, one writer, every answer fsynced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use brain::{Entry, EntryChange};
use redb::backends::InMemoryBackend;
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table,
    TableDefinition, WriteTransaction,
};

use super::{Compacted, Content, Logged, Outcome, Store, StoreError, Transaction};

/// The file's name in the data directory.
const FILE: &str = "sextant.redb";
/// The format of the tables below.
const FORMAT: u64 = 1;

/// Key -> (revision that last wrote it, value).
const ENTRIES: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("entries");
/// (revision, key) -> new value; nothing: deleted.
const LOG: TableDefinition<(u64, &str), Option<&[u8]>> = TableDefinition::new("log");
/// Numbers by name.
const NUMBERS: TableDefinition<&str, u64> = TableDefinition::new("numbers");
const NUMBER_FORMAT: &str = "format";
const NUMBER_REVISION: &str = "revision";
/// The oldest revision whose successors are all in the log.
const NUMBER_LOG_FLOOR: &str = "log_floor";

/// The store on this machine's disk.
pub struct Embedded {
    database: Database,
    limits: LogLimits,
}

/// How much the log keeps: whole revisions go, oldest first, but never the newest.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// Revisions at most.
    pub revisions: u64,
    /// Changed keys at most, over all revisions.
    pub rows: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        LogLimits { revisions: 10_000, rows: 200_000 }
    }
}

impl Embedded {
    /// Opens the store in a directory, and makes both where they are not there.
    pub fn open(data_dir: &Path) -> Result<Embedded, StoreError> {
        let directory_error = |source| StoreError::Directory { path: data_dir.display().to_string(), source };
        fs::create_dir_all(data_dir).map_err(directory_error)?;
        let path = data_dir.join(FILE);
        let database = Database::create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: path.display().to_string() },
            other => fault(other),
        })?;
        let store = Embedded::prepare(database)?;
        // A new file's name is durable only when its directory is.
        fs::File::open(data_dir).and_then(|directory| directory.sync_all()).map_err(directory_error)?;
        Ok(store)
    }

    /// A store that is gone with the process, for tests.
    pub fn in_memory() -> Result<Embedded, StoreError> {
        Embedded::prepare(Database::builder().create_with_backend(InMemoryBackend::new()).map_err(fault)?)
    }

    fn prepare(database: Database) -> Result<Embedded, StoreError> {
        let write = database.begin_write().map_err(fault)?;
        {
            write.open_table(ENTRIES).map_err(fault)?;
            write.open_table(LOG).map_err(fault)?;
            let mut numbers = write.open_table(NUMBERS).map_err(fault)?;
            match number(&numbers, NUMBER_FORMAT)? {
                FORMAT => {}
                0 => {
                    numbers.insert(NUMBER_FORMAT, FORMAT).map_err(fault)?;
                }
                found => return Err(StoreError::Format { found, known: FORMAT }),
            }
        }
        write.commit().map_err(fault)?;
        Ok(Embedded { database, limits: LogLimits::default() })
    }

    /// Transactions one after the other, made durable by one write. One that is refused leaves nothing; a fault of the database
    /// leaves nothing of any.
    fn write(&self, transactions: Vec<Transaction>) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let write = self.database.begin_write().map_err(fault)?;
        let mut outcomes = Vec::with_capacity(transactions.len());
        let mut changed = false;
        for Transaction { compare, changes } in transactions {
            let outcome = match ordered(changes) {
                Ok(changes) => Ok(change(&write, &compare, changes, self.limits)?),
                Err(twice) => Err(twice),
            };
            changed |= matches!(&outcome, Ok(Outcome::Committed { changes, .. }) if !changes.is_empty());
            outcomes.push(outcome);
        }
        if changed {
            write.commit().map_err(fault)?
        } else {
            write.abort().map_err(fault)?
        }
        Ok(outcomes)
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database.begin_read().map_err(fault)
    }
}

impl Store for Embedded {
    fn load(&self) -> Result<Content, StoreError> {
        let read = self.read()?;
        let revision = number(&read.open_table(NUMBERS).map_err(fault)?, NUMBER_REVISION)?;
        let table = read.open_table(ENTRIES).map_err(fault)?;
        let mut entries = Vec::new();
        for row in table.iter().map_err(fault)? {
            let (key, row) = row.map_err(fault)?;
            let (mod_revision, value) = row.value();
            entries.push(Entry { key: key.value().to_owned(), value: value.to_vec(), mod_revision });
        }
        Ok(Content { revision, entries })
    }

    fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        // As many outcomes as transactions.
        self.write(vec![transaction])?.remove(0)
    }

    fn commit_all(&self, transactions: Vec<Transaction>) -> Vec<Result<Outcome, StoreError>> {
        let count = transactions.len();
        self.write(transactions).unwrap_or_else(|error| {
            let together = || StoreError::Together { fault: error.to_string() };
            (0..count).map(|_| Err(together())).collect()
        })
    }

    fn log_after(&self, revision: u64) -> Result<Result<Vec<Logged>, Compacted>, StoreError> {
        let read = self.read()?;
        let oldest = number(&read.open_table(NUMBERS).map_err(fault)?, NUMBER_LOG_FLOOR)?;
        if revision < oldest {
            return Ok(Err(Compacted { oldest }));
        }
        let table = read.open_table(LOG).map_err(fault)?;
        let mut log: Vec<Logged> = Vec::new();
        for row in table.range((revision.saturating_add(1), "")..).map_err(fault)? {
            let (key, value) = row.map_err(fault)?;
            let (revision, key) = key.value();
            let change = EntryChange { key: key.to_owned(), value: value.value().map(<[u8]>::to_vec) };
            match log.last_mut() {
                Some(last) if last.revision == revision => last.changes.push(change),
                _ => log.push(Logged { revision, changes: vec![change] }),
            }
        }
        Ok(Ok(log))
    }
}

/// The body of a transaction: nothing of it counts until the caller commits.
fn change(
    write: &WriteTransaction,
    compare: &[(String, u64)],
    changes: Vec<EntryChange>,
    limits: LogLimits,
) -> Result<Outcome, StoreError> {
    let mut entries = write.open_table(ENTRIES).map_err(fault)?;
    for (key, expected) in compare {
        let found = entries.get(key.as_str()).map_err(fault)?.map_or(0, |row| row.value().0);
        if found != *expected {
            return Ok(Outcome::Conflict { key: key.clone(), expected: *expected, found });
        }
    }
    let mut numbers = write.open_table(NUMBERS).map_err(fault)?;
    let last = number(&numbers, NUMBER_REVISION)?;
    let revision = last + 1;
    let mut log = write.open_table(LOG).map_err(fault)?;
    let mut done = Vec::with_capacity(changes.len());
    for change in changes {
        let key = change.key.as_str();
        let changed = match &change.value {
            Some(value) => {
                entries.insert(key, (revision, value.as_slice())).map_err(fault)?;
                true
            }
            None => entries.remove(key).map_err(fault)?.is_some(),
        };
        if changed {
            log.insert((revision, key), change.value.as_deref()).map_err(fault)?;
            done.push(change);
        }
    }
    if done.is_empty() {
        return Ok(Outcome::Committed { revision: last, changes: done });
    }
    numbers.insert(NUMBER_REVISION, revision).map_err(fault)?;
    forget_old(&mut log, &mut numbers, revision, limits)?;
    Ok(Outcome::Committed { revision, changes: done })
}

/// Keeps the log within its limits.
fn forget_old(
    log: &mut Table<'_, (u64, &'static str), Option<&'static [u8]>>,
    numbers: &mut Table<'_, &'static str, u64>,
    newest: u64,
    limits: LogLimits,
) -> Result<(), StoreError> {
    let mut rows = log.len().map_err(fault)?;
    let before = number(numbers, NUMBER_LOG_FLOOR)?;
    let mut floor = before;
    while floor + 1 < newest && (newest - floor > limits.revisions || rows > limits.rows) {
        floor += 1;
        log.retain_in((floor, "")..(floor + 1, ""), |_, _| false).map_err(fault)?;
        rows = log.len().map_err(fault)?;
    }
    if floor != before {
        numbers.insert(NUMBER_LOG_FLOOR, floor).map_err(fault)?;
    }
    Ok(())
}

/// In the order of the keys; a key that is changed twice has no meaning.
fn ordered(changes: Vec<EntryChange>) -> Result<Vec<EntryChange>, StoreError> {
    let mut by_key: BTreeMap<String, EntryChange> = BTreeMap::new();
    for change in changes {
        if let Some(twice) = by_key.insert(change.key.clone(), change) {
            return Err(StoreError::Twice { key: twice.key });
        }
    }
    Ok(by_key.into_values().collect())
}

fn number(numbers: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, StoreError> {
    Ok(numbers.get(name).map_err(fault)?.map_or(0, |row| row.value()))
}

fn fault(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
