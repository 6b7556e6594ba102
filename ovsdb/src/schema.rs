//! What a database is made of (RFC 7047, 3.2): as much of it as is needed to read changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::fault::Fault;
use crate::value::{Atom, Uuid, Value};

/// A database's schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The database's name: `Open_vSwitch`.
    pub name: String,
    /// Its version, `8.3.1`.
    pub version: String,
    /// Its tables.
    pub tables: BTreeMap<Arc<str>, TableSchema>,
}

/// A table's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSchema {
    /// By name.
    pub columns: BTreeMap<Arc<str>, Column>,
}

/// A column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// What its atoms are, or the keys of its map.
    pub key: AtomType,
    /// What the values of its map are; `None`: it is a set.
    pub value: Option<AtomType>,
    /// Fewest elements: 0 or 1.
    pub min: u64,
    /// Most elements; `None`: any number.
    pub max: Option<u64>,
}

/// What an atom is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the RFC's.
pub enum AtomType {
    Integer,
    Real,
    Boolean,
    String,
    Uuid,
}

impl Schema {
    /// Reads the answer to `get_schema`.
    ///
    /// # Errors
    /// What in it is no schema.
    pub fn from_json(json: &Json) -> Result<Schema, Fault> {
        let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let Some(Json::Object(tables)) = json.get("tables") else {
            return Err(Fault::unexpected("tables", "an object", json));
        };
        let read = |(name, table): (&String, &Json)| match TableSchema::from_json(table) {
            Ok(table) => Ok((Arc::from(name.as_str()), table)),
            Err(fault) => Err(fault.within(name)),
        };
        let tables = tables.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Schema { name: text("name"), version: text("version"), tables })
    }

    /// A column of a table.
    pub fn column(&self, table: &str, column: &str) -> Option<&Column> {
        self.tables.get(table)?.columns.get(column)
    }
}

impl TableSchema {
    fn from_json(json: &Json) -> Result<TableSchema, Fault> {
        let Some(Json::Object(columns)) = json.get("columns") else {
            return Err(Fault::unexpected("columns", "an object", json));
        };
        let read = |(name, column): (&String, &Json)| match Column::from_json(column.get("type").unwrap_or(&Json::Null))
        {
            Ok(column) => Ok((Arc::from(name.as_str()), column)),
            Err(fault) => Err(fault.within(name)),
        };
        columns.iter().map(read).collect::<Result<_, _>>().map(|columns| TableSchema { columns })
    }
}

impl Column {
    /// Reads a `<type>`.
    fn from_json(json: &Json) -> Result<Column, Fault> {
        if let Json::String(_) = json {
            return Ok(Column { key: AtomType::from_json(json)?, value: None, min: 1, max: Some(1) });
        }
        let key = AtomType::from_json(json.get("key").unwrap_or(&Json::Null)).map_err(|fault| fault.within("key"))?;
        let value = json.get("value").map(AtomType::from_json).transpose().map_err(|fault| fault.within("value"))?;
        let min = match json.get("min") {
            None => 1,
            Some(min) => min.as_u64().filter(|min| *min <= 1).ok_or_else(|| Fault::unexpected("min", "0 or 1", min))?,
        };
        let max = match json.get("max") {
            None => Some(1),
            Some(Json::String(word)) if word == "unlimited" => None,
            Some(max) => Some(max.as_u64().ok_or_else(|| Fault::unexpected("max", "a number", max))?),
        };
        Ok(Column { key, value, min, max })
    }

    /// Whether a change of it is told as what differs, not as the new value: it may have several elements.
    pub fn is_composite(&self) -> bool {
        self.max != Some(1)
    }

    /// Whether a value is the one that a new row has.
    pub fn is_default(&self, value: &Value) -> bool {
        match value {
            Value::Map(pairs) => pairs.is_empty(),
            Value::Set(atoms) => match (self.min, atoms.len(), atoms.first()) {
                (_, 0, _) => true,
                (1, 1, Some(atom)) => *atom == self.key.default_atom(),
                _ => false,
            },
        }
    }
}

impl AtomType {
    /// Reads a `<base-type>`.
    fn from_json(json: &Json) -> Result<AtomType, Fault> {
        let word = json.get("type").unwrap_or(json);
        match word.as_str() {
            Some("integer") => Ok(AtomType::Integer),
            Some("real") => Ok(AtomType::Real),
            Some("boolean") => Ok(AtomType::Boolean),
            Some("string") => Ok(AtomType::String),
            Some("uuid") => Ok(AtomType::Uuid),
            _ => Err(Fault::unexpected("type", "integer, real, boolean, string or uuid", word)),
        }
    }

    fn default_atom(self) -> Atom {
        match self {
            AtomType::Integer => Atom::Integer(0),
            AtomType::Real => Atom::Real(0.0),
            AtomType::Boolean => Atom::Boolean(false),
            AtomType::String => Atom::from(""),
            AtomType::Uuid => Atom::Uuid(Uuid(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_read() {
        let json = json!({"name": "D", "version": "1.0.0", "tables": {"T": {"columns": {
            "name": {"type": "string"},
            "tag": {"type": {"key": {"type": "integer", "minInteger": 0}, "min": 0, "max": 1}},
            "ports": {"type": {"key": {"type": "uuid", "refTable": "P"}, "min": 0, "max": "unlimited"}},
            "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}}}});
        let schema = Schema::from_json(&json).unwrap();
        let column = |name| *schema.column("T", name).unwrap();
        assert_eq!(column("name"), Column { key: AtomType::String, value: None, min: 1, max: Some(1) });
        assert!(!column("tag").is_composite() && column("ports").is_composite() && column("ids").is_composite());
        assert!(column("name").is_default(&Value::from("")) && !column("tag").is_default(&Value::from(0)));
        assert_eq!(column("ids").value, Some(AtomType::String));
        let bad = json!({"tables": {"T": {"columns": {"a": {"type": {"key": "text"}}}}}});
        assert_eq!(Schema::from_json(&bad).unwrap_err().path, "T.a.key.type");
    }
}
