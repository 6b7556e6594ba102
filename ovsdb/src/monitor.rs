//! Watching tables: what is asked for, and what is told (RFC 7047, 4.1.5; ovsdb-server(7), 4.1.12 to 4.1.15).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::fault::Fault;
use crate::schema::Schema;
use crate::value::{Row, Uuid};

/// The tables and columns that are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor(pub BTreeMap<Arc<str>, Vec<Arc<str>>>);

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there: all its columns but those with their default.
    Whole(Row),
    /// Of these columns something differs: see [`crate::Column::is_composite`].
    Differs(Row),
    /// It is gone.
    Gone,
}

/// What became of rows, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableUpdates(pub BTreeMap<Arc<str>, BTreeMap<Uuid, Change>>);

/// The answer to the question for a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What follows is what changed since the transaction that was asked for; else all there is.
    pub resumed: bool,
    /// The last transaction in it; `None`: the server does not number them.
    pub last: Option<String>,
    /// The rows.
    pub updates: TableUpdates,
}

/// The transaction before all others.
pub(crate) const NO_TRANSACTION: &str = "00000000-0000-0000-0000-000000000000";

impl Monitor {
    /// What of a wished monitor a database has, for older ones lack tables and columns.
    pub fn of(wished: &[(&str, &[&str])], schema: &Schema) -> Monitor {
        let known = wished.iter().filter_map(|(table, columns)| {
            let known = &schema.tables.get(*table)?.columns;
            let columns = columns.iter().filter(|column| known.contains_key(**column)).map(|c| Arc::from(*c));
            Some((Arc::from(*table), columns.collect()))
        });
        Monitor(known.collect())
    }

    /// The parameters of `monitor_cond_since`.
    pub fn since(&self, database: &str, last: Option<&str>) -> Vec<Json> {
        let mut params = self.conditional(database);
        params.push(json!(last.unwrap_or(NO_TRANSACTION)));
        params
    }

    /// The parameters of `monitor_cond`.
    pub fn conditional(&self, database: &str) -> Vec<Json> {
        let names = |columns: &[Arc<str>]| columns.iter().map(|column| json!(&**column)).collect::<Vec<_>>();
        let requests = self.0.iter().map(|(table, columns)| (table.to_string(), json!([{"columns": names(columns)}])));
        vec![json!(database), json!(database), Json::Object(requests.collect())]
    }
}

impl Snapshot {
    /// Reads the answer to `monitor_cond_since`.
    ///
    /// # Errors
    /// What in it can't be read.
    pub fn since(answer: &Json) -> Result<Snapshot, Fault> {
        let [found, last, updates] = answer.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(Fault::unexpected("", "found, a transaction and updates", answer));
        };
        let resumed = found.as_bool().ok_or_else(|| Fault::unexpected("[0]", "true or false", found))?;
        let last = last.as_str().filter(|last| *last != NO_TRANSACTION).map(str::to_owned);
        Ok(Snapshot { resumed, last, updates: TableUpdates::from_json(updates)? })
    }

    /// Reads the answer to `monitor_cond`.
    ///
    /// # Errors
    /// What in it can't be read.
    pub fn conditional(answer: &Json) -> Result<Snapshot, Fault> {
        Ok(Snapshot { resumed: false, last: None, updates: TableUpdates::from_json(answer)? })
    }
}

impl TableUpdates {
    /// Reads `<table-updates2>`.
    ///
    /// # Errors
    /// What in it can't be read.
    pub fn from_json(json: &Json) -> Result<TableUpdates, Fault> {
        let Json::Object(tables) = json else { return Err(Fault::unexpected("", "an object of tables", json)) };
        let mut updates = BTreeMap::new();
        for (name, rows) in tables {
            let Json::Object(rows) = rows else { return Err(Fault::unexpected(name, "an object of rows", rows)) };
            let read = |(uuid, change): (&String, &Json)| Ok((uuid.parse()?, Change::from_json(change)?));
            let rows: Result<_, Fault> = rows.iter().map(read).collect();
            updates.insert(Arc::from(name.as_str()), rows.map_err(|fault| fault.within(name))?);
        }
        Ok(TableUpdates(updates))
    }

    /// What a notification tells, if it is of a monitor: `update2` or `update3`.
    pub fn told(method: &str, params: &[Json]) -> Option<Result<TableUpdates, Fault>> {
        let updates = match (method, params) {
            ("update2", [_, updates]) | ("update3", [_, _, updates]) => updates,
            ("update2" | "update3", _) => {
                return Some(Err(Fault::new(method, "its parameters are not those of a monitor")));
            }
            _ => return None,
        };
        Some(TableUpdates::from_json(updates))
    }

    /// Whether they say nothing.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }
}

impl Change {
    fn from_json(json: &Json) -> Result<Change, Fault> {
        let Json::Object(object) = json else { return Err(Fault::unexpected("", "a change of a row", json)) };
        match object.iter().next() {
            Some((word, row)) if word == "initial" || word == "insert" => Row::from_json(row).map(Change::Whole),
            Some((word, row)) if word == "modify" => Row::from_json(row).map(Change::Differs),
            Some((word, _)) if word == "delete" => Ok(Change::Gone),
            _ => Err(Fault::unexpected("", "initial, insert, modify or delete", json)),
        }
    }
}
