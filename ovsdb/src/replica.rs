//! A copy of watched tables, kept by what a monitor tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fault::Fault;
use crate::monitor::{Change, TableUpdates};
use crate::schema::{Column, Schema};
use crate::value::{Row, Uuid, Value};

/// A table's rows.
pub type Table = BTreeMap<Uuid, Row>;

/// The watched part of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    schema: Arc<Schema>,
    tables: BTreeMap<Arc<str>, Table>,
}

impl Replica {
    /// An empty copy of a database with this schema.
    pub fn new(schema: Arc<Schema>) -> Replica {
        Replica { schema, tables: BTreeMap::new() }
    }

    /// The database's schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Takes in what a monitor tells. After a fault the copy is not to be trusted: start anew.
    ///
    /// # Errors
    /// What is told of rows or columns that there can't be.
    pub fn apply(&mut self, updates: TableUpdates) -> Result<(), Fault> {
        for (name, rows) in updates.0 {
            let Some(columns) = self.schema.tables.get(&name).map(|table| &table.columns) else {
                return Err(Fault::new(&*name, "the schema has no such table"));
            };
            let table = self.tables.entry(name.clone()).or_default();
            for (uuid, change) in rows {
                take(table, columns, uuid, change).map_err(|fault| fault.within(&name))?;
            }
        }
        Ok(())
    }

    /// A table's rows, in the order of their UUIDs.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = (Uuid, &Row)> {
        self.tables.get(table).into_iter().flatten().map(|(uuid, row)| (*uuid, row))
    }

    /// A row.
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<&Row> {
        self.tables.get(table)?.get(&uuid)
    }

    /// The row of a table with one: `Open_vSwitch`.
    pub fn only(&self, table: &str) -> Option<(Uuid, &Row)> {
        self.rows(table).next()
    }

    /// The first row that has this in its column `name`.
    pub fn named(&self, table: &str, name: &str) -> Option<(Uuid, &Row)> {
        self.rows(table).find(|(_, row)| row.text("name") == name)
    }
}

fn take(table: &mut Table, columns: &BTreeMap<Arc<str>, Column>, uuid: Uuid, change: Change) -> Result<(), Fault> {
    match change {
        Change::Gone => drop(table.remove(&uuid)),
        Change::Whole(row) => {
            let mut whole = Row::default();
            for (name, value) in row.0 {
                put(&mut whole, column(columns, &name)?, name, value);
            }
            table.insert(uuid, whole);
        }
        Change::Differs(row) => {
            let Some(known) = table.get_mut(&uuid) else {
                return Err(Fault::new(uuid.to_string(), "a row that was not there differs"));
            };
            for (name, difference) in row.0 {
                let kind = column(columns, &name)?;
                let value = match known.0.remove(&name) {
                    Some(value) if kind.is_composite() => patched(value, difference).map_err(|f| f.within(&name))?,
                    _ => difference,
                };
                put(known, kind, name, value);
            }
        }
    }
    Ok(())
}

fn column<'s>(columns: &'s BTreeMap<Arc<str>, Column>, name: &str) -> Result<&'s Column, Fault> {
    columns.get(name).ok_or_else(|| Fault::new(name, "the schema has no such column"))
}

/// Defaults are left out, so that rows that are the same are equal.
fn put(row: &mut Row, column: &Column, name: Arc<str>, value: Value) {
    if !column.is_default(&value) {
        row.0.insert(name, value);
    }
}

/// A value with a difference applied: of a set, elements that come or go; of a map, pairs that come, go or have another value.
fn patched(value: Value, difference: Value) -> Result<Value, Fault> {
    match (value, difference) {
        (Value::Set(old), Value::Set(difference)) => {
            Ok(Value::Set(old.symmetric_difference(&difference).cloned().collect::<BTreeSet<_>>()))
        }
        (Value::Map(mut pairs), Value::Map(difference)) => {
            for (key, value) in difference {
                if pairs.get(&key) == Some(&value) {
                    pairs.remove(&key);
                } else {
                    pairs.insert(key, value);
                }
            }
            Ok(Value::Map(pairs))
        }
        // Nothing is both; the server writes an empty map as an empty set where it likes.
        (old, difference) if difference.is_empty() => Ok(old),
        (old, difference) if old.is_empty() => Ok(difference),
        _ => Err(Fault::new("", "a set differs by a map, or a map by a set")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::value::Atom;
    use crate::value::tests::atom;

    fn schema() -> Arc<Schema> {
        let json = json!({"name": "D", "version": "1.0.0", "tables": {"T": {"columns": {
            "name": {"type": "string"},
            "tag": {"type": {"key": "integer", "min": 0, "max": 1}},
            "set": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
            "map": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}}}});
        Arc::new(Schema::from_json(&json).unwrap())
    }

    fn updates(change: serde_json::Value) -> TableUpdates {
        TableUpdates::from_json(&json!({"T": {"550e8400-e29b-41d4-a716-446655440000": change}})).unwrap()
    }

    #[test]
    fn rows_come_differ_and_go() {
        let mut replica = Replica::new(schema());
        let mut told = |change| {
            replica.apply(updates(change)).unwrap();
            replica.rows("T").map(|(_, row)| row.to_json()).collect::<Vec<_>>()
        };
        let whole =
            json!({"initial": {"name": "a", "set": ["set", ["x", "y"]], "map": ["map", [["k", "1"], ["l", "2"]]]}});
        assert_eq!(told(whole).len(), 1);
        let differs = json!({"modify": {"tag": 7, "set": ["set", ["y", "z"]], "map": ["map", [["k", "1"], ["l", "3"], ["m", "4"]]]}});
        assert_eq!(
            told(differs),
            [json!({"name": "a", "tag": 7, "set": ["set", ["x", "z"]], "map": ["map", [["l", "3"], ["m", "4"]]]})]
        );
        let emptied = json!({"modify": {"name": "", "tag": ["set", []], "set": ["set", ["x", "z"]]}});
        assert_eq!(told(emptied), [json!({"map": ["map", [["l", "3"], ["m", "4"]]]})]);
        assert!(told(json!({"delete": null})).is_empty());
        let unknown = replica.apply(updates(json!({"modify": {"name": "b"}})));
        assert_eq!(unknown.unwrap_err().problem, "a row that was not there differs");
        assert!(replica.apply(updates(json!({"insert": {"nme": "b"}}))).is_err());
    }

    proptest! {
        /// A difference as the server makes it leads from any value to any other.
        #[test]
        fn differences_lead_anywhere(old in btree_set(atom(), 0..5), new in btree_set(atom(), 0..5),
                                     from in btree_map(atom(), atom(), 0..5), to in btree_map(atom(), atom(), 0..5)) {
            let difference = old.symmetric_difference(&new).cloned().collect();
            prop_assert_eq!(patched(Value::Set(old), Value::Set(difference)), Ok(Value::Set(new)));
            let mut difference: BTreeMap<Atom, Atom> = from.iter().filter(|(k, _)| !to.contains_key(*k)).map(|(k, v)| (k.clone(), v.clone())).collect();
            difference.extend(to.iter().filter(|(k, v)| from.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())));
            prop_assert_eq!(patched(Value::Map(from), Value::Map(difference)), Ok(Value::Map(to)));
        }
    }
}
