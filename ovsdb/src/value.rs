//! Values of columns (RFC 7047, 5.1). A scalar is a set of one, as the RFC has it, so that there is one way to say it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::fault::Fault;

/// A row's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

/// What sets and maps are made of.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The names are the RFC's.
pub enum Atom {
    Integer(i64),
    Real(f64),
    Boolean(bool),
    String(Arc<str>),
    Uuid(Uuid),
    /// The row that an insert of the same transaction makes, by its `uuid-name`.
    NamedUuid(Arc<str>),
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of any number; a scalar is one.
    Set(BTreeSet<Atom>),
    /// Pairs.
    Map(BTreeMap<Atom, Atom>),
}

/// Columns with their values. A column that is not there has its type's default: nothing, 0, false, the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(pub BTreeMap<Arc<str>, Value>);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        let (a, b, c) = (n >> 96, (n >> 80) & 0xffff, (n >> 64) & 0xffff);
        let (d, e) = ((n >> 48) & 0xffff, n & 0xffff_ffff_ffff);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl FromStr for Uuid {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Uuid, Fault> {
        let shaped = text.len() == 36
            && text.bytes().enumerate().all(|(i, byte)| match i {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        match u128::from_str_radix(&digits, 16) {
            Ok(number) if shaped => Ok(Uuid(number)),
            _ => Err(Fault::unexpected("", "a UUID", &json!(text))),
        }
    }
}

impl Atom {
    /// Reads an atom: a string, a number, a boolean, `["uuid", ...]` or `["named-uuid", ...]`.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_json(json: &Json) -> Result<Atom, Fault> {
        let none = || Fault::unexpected("", "an atom", json);
        match json {
            Json::Bool(value) => Ok(Atom::Boolean(*value)),
            Json::String(text) => Ok(Atom::from(text.as_str())),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Ok(Atom::Integer(integer)),
                None => number.as_f64().map(Atom::Real).ok_or_else(none),
            },
            Json::Array(pair) => match pair.as_slice() {
                [Json::String(tag), Json::String(text)] if tag == "uuid" => text.parse().map(Atom::Uuid),
                [Json::String(tag), Json::String(text)] if tag == "named-uuid" => {
                    Ok(Atom::NamedUuid(text.as_str().into()))
                }
                _ => Err(none()),
            },
            Json::Null | Json::Object(_) => Err(none()),
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> Json {
        match self {
            Atom::Integer(value) => json!(value),
            Atom::Real(value) => json!(value),
            Atom::Boolean(value) => json!(value),
            Atom::String(text) => json!(&**text),
            Atom::Uuid(uuid) => json!(["uuid", uuid.to_string()]),
            Atom::NamedUuid(name) => json!(["named-uuid", &**name]),
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Atom::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Atom::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The UUID, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Atom::Uuid(uuid) => Some(*uuid),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Atom::Integer(_) => 0,
            Atom::Real(_) => 1,
            Atom::Boolean(_) => 2,
            Atom::String(_) => 3,
            Atom::Uuid(_) => 4,
            Atom::NamedUuid(_) => 5,
        }
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Atom) -> Ordering {
        match (self, other) {
            (Atom::Integer(a), Atom::Integer(b)) => a.cmp(b),
            (Atom::Real(a), Atom::Real(b)) => a.total_cmp(b),
            (Atom::Boolean(a), Atom::Boolean(b)) => a.cmp(b),
            (Atom::String(a), Atom::String(b)) | (Atom::NamedUuid(a), Atom::NamedUuid(b)) => a.cmp(b),
            (Atom::Uuid(a), Atom::Uuid(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Atom) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Atom) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Atom {}

impl From<&str> for Atom {
    fn from(text: &str) -> Atom {
        Atom::String(text.into())
    }
}

impl From<i64> for Atom {
    fn from(value: i64) -> Atom {
        Atom::Integer(value)
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Atom {
        Atom::Boolean(value)
    }
}

impl From<Uuid> for Atom {
    fn from(uuid: Uuid) -> Atom {
        Atom::Uuid(uuid)
    }
}

impl Default for Value {
    fn default() -> Value {
        Value::Set(BTreeSet::new())
    }
}

impl<T: Into<Atom>> From<T> for Value {
    fn from(atom: T) -> Value {
        Value::Set(BTreeSet::from([atom.into()]))
    }
}

impl Value {
    /// A set of these.
    pub fn set<T: Into<Atom>>(atoms: impl IntoIterator<Item = T>) -> Value {
        Value::Set(atoms.into_iter().map(Into::into).collect())
    }

    /// A map of these.
    pub fn map<K: Into<Atom>, V: Into<Atom>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Reads an atom, `["set", ...]` or `["map", ...]`.
    ///
    /// # Errors
    /// If it is none of these, or a map has a key twice.
    pub fn from_json(json: &Json) -> Result<Value, Fault> {
        let Json::Array(array) = json else { return Atom::from_json(json).map(Value::from) };
        match array.as_slice() {
            [Json::String(tag), Json::Array(atoms)] if tag == "set" => {
                atoms.iter().map(Atom::from_json).collect::<Result<_, _>>().map(Value::Set)
            }
            [Json::String(tag), Json::Array(pairs)] if tag == "map" => {
                let mut map = BTreeMap::new();
                for pair in pairs {
                    let [key, value] = pair.as_array().map(Vec::as_slice).unwrap_or_default() else {
                        return Err(Fault::unexpected("", "a pair", pair));
                    };
                    if map.insert(Atom::from_json(key)?, Atom::from_json(value)?).is_some() {
                        return Err(Fault::unexpected("", "a key that is not there twice", key));
                    }
                }
                Ok(Value::Map(map))
            }
            _ => Atom::from_json(json).map(Value::from),
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Set(atoms) => match (atoms.len(), atoms.first()) {
                (1, Some(atom)) => atom.to_json(),
                _ => json!(["set", atoms.iter().map(Atom::to_json).collect::<Vec<_>>()]),
            },
            Value::Map(pairs) => {
                json!(["map", pairs.iter().map(|(k, v)| json!([k.to_json(), v.to_json()])).collect::<Vec<_>>()])
            }
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Set(atoms) => atoms.is_empty(),
            Value::Map(pairs) => pairs.is_empty(),
        }
    }
}

impl Row {
    /// Reads an object of columns.
    ///
    /// # Errors
    /// The first column whose value can't be read.
    pub fn from_json(json: &Json) -> Result<Row, Fault> {
        let Json::Object(columns) = json else { return Err(Fault::unexpected("", "a row", json)) };
        let read = |(name, value): (&String, &Json)| match Value::from_json(value) {
            Ok(value) => Ok((Arc::from(name.as_str()), value)),
            Err(fault) => Err(fault.within(name)),
        };
        columns.iter().map(read).collect::<Result<_, _>>().map(Row)
    }

    /// As it is written.
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect())
    }

    /// The same row with a column more.
    #[must_use]
    pub fn with(mut self, column: &str, value: impl Into<Value>) -> Row {
        self.0.insert(column.into(), value.into());
        self
    }

    /// A column's value; `None`: its type's default.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(column)
    }

    /// A column's atoms, in order; none of a map.
    pub fn atoms(&self, column: &str) -> impl Iterator<Item = &Atom> {
        let set = match self.get(column) {
            Some(Value::Set(atoms)) => Some(atoms.iter()),
            _ => None,
        };
        set.into_iter().flatten()
    }

    /// A column's first text; empty where there is none.
    pub fn text(&self, column: &str) -> &str {
        self.atoms(column).find_map(Atom::as_str).unwrap_or_default()
    }

    /// A column's first integer.
    pub fn integer(&self, column: &str) -> Option<i64> {
        self.atoms(column).find_map(Atom::as_integer)
    }

    /// A column's UUIDs, in order.
    pub fn uuids(&self, column: &str) -> impl Iterator<Item = Uuid> {
        self.atoms(column).filter_map(Atom::as_uuid)
    }

    /// The pairs of a map; none of a set.
    pub fn pairs(&self, column: &str) -> impl Iterator<Item = (&Atom, &Atom)> {
        let map = match self.get(column) {
            Some(Value::Map(pairs)) => Some(pairs.iter()),
            _ => None,
        };
        map.into_iter().flatten()
    }

    /// What a map of texts has under a key.
    pub fn lookup(&self, column: &str, key: &str) -> Option<&str> {
        match self.get(column)? {
            Value::Map(pairs) => pairs.get(&Atom::from(key))?.as_str(),
            Value::Set(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn atom() -> impl Strategy<Value = Atom> {
        prop_oneof![
            any::<i64>().prop_map(Atom::Integer),
            any::<i32>().prop_map(|value| Atom::Real(f64::from(value) + 0.5)),
            any::<bool>().prop_map(Atom::Boolean),
            ".{0,8}".prop_map(|text: String| Atom::String(text.into())),
            any::<u128>().prop_map(|n| Atom::Uuid(Uuid(n))),
            "[a-z]{1,4}".prop_map(|name: String| Atom::NamedUuid(name.into())),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::collection::btree_set(atom(), 0..4).prop_map(Value::Set),
            proptest::collection::btree_map(atom(), atom(), 0..4).prop_map(Value::Map),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in value()) {
            let text = value.to_json().to_string();
            prop_assert_eq!(Value::from_json(&serde_json::from_str(&text).unwrap()), Ok(value));
        }
    }

    #[test]
    fn a_set_of_one_is_a_scalar() {
        assert_eq!(Value::from_json(&json!(["set", ["a"]])), Ok(Value::from("a")));
        assert_eq!(Value::from("a").to_json(), json!("a"));
        assert_eq!(
            Value::from_json(&json!(["uuid", "550e8400-e29b-41d4-a716-446655440000"])).unwrap().to_json()[0],
            "uuid"
        );
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for bad in [
            json!(null),
            json!({}),
            json!([]),
            json!(["set"]),
            json!(["set", [["set", []]]]),
            json!(["map", [["a"]]]),
            json!(["map", [["a", 1], ["a", 2]]]),
            json!(["uuid", "550e8400e29b-41d4-a716-446655440000-"]),
            json!(["uuid", "550e8400-e29b-41d4-a716-44665544000g"]),
        ] {
            assert!(Value::from_json(&bad).is_err(), "{bad}");
        }
        let fault = Row::from_json(&json!({"a": 1, "b": [1]})).unwrap_err();
        assert_eq!(fault.to_string(), "b: an atom expected, found [1]");
    }
}
