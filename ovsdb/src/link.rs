//! What passes between a link, which the feature `transport` keeps up, and who uses it: watched tables are told whole whenever
//! the link comes up, then as they change.

use std::sync::Arc;

use crate::monitor::TableUpdates;
use crate::operation::{Operation, Outcome};
use crate::schema::Schema;

/// The tables and columns of a database that are watched, as far as it has them.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The database's name.
    pub database: &'static str,
    /// Tables with their columns.
    pub tables: &'static [(&'static str, &'static [&'static str])],
}

/// What is asked of a link.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Do all of it or nothing; answered by [`LinkEvent::Done`] while the connection lasts, and dropped where there is none.
    Transact {
        /// Names the answer.
        number: u64,
        /// What to do.
        operations: Vec<Operation>,
    },
}

/// What a link tells.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// It is up, and this is all there is.
    Up {
        /// The database's.
        schema: Arc<Schema>,
        /// Every watched row.
        rows: TableUpdates,
    },
    /// Rows came, went or differ.
    Changed(TableUpdates),
    /// A transaction's end.
    Done {
        /// The command's.
        number: u64,
        /// What came of each operation; else why nothing happened.
        result: Result<Vec<Outcome>, String>,
    },
    /// It is down, or could not be brought up; it will be tried again.
    Down(String),
}
