//! What a transaction is made of, and what comes of it (RFC 7047, 5.2).

use std::sync::Arc;

use serde_json::{Value as Json, json};
use thiserror::Error;

use crate::fault::Fault;
use crate::value::{Atom, Row, Uuid, Value};

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new row.
    Insert {
        /// Where.
        table: &'static str,
        /// Its columns.
        row: Row,
        /// What other operations of the transaction call it.
        name: Option<Arc<str>>,
    },
    /// Answers rows.
    Select {
        /// Where.
        table: &'static str,
        /// Which.
        conditions: Vec<Condition>,
        /// What of them.
        columns: Vec<Arc<str>>,
    },
    /// Columns of rows become these.
    Update {
        /// Where.
        table: &'static str,
        /// Which.
        conditions: Vec<Condition>,
        /// The columns.
        row: Row,
    },
    /// Columns of rows change.
    Mutate {
        /// Where.
        table: &'static str,
        /// Which.
        conditions: Vec<Condition>,
        /// How.
        mutations: Vec<Mutation>,
    },
    /// Rows go.
    Delete {
        /// Where.
        table: &'static str,
        /// Which.
        conditions: Vec<Condition>,
    },
    /// The transaction is given up unless the rows that meet the conditions have these values now.
    Wait {
        /// Where.
        table: &'static str,
        /// Which.
        conditions: Vec<Condition>,
        /// What of them is compared.
        columns: Vec<Arc<str>>,
        /// What they must be.
        rows: Vec<Row>,
    },
    /// For the database's log.
    Comment(String),
}

/// A column of a row, compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The column.
    pub column: Arc<str>,
    /// How.
    pub function: Function,
    /// With what.
    pub value: Value,
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the RFC's.
pub enum Function {
    Equal,
    NotEqual,
    Includes,
    Excludes,
}

/// A change of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// The column.
    pub column: Arc<str>,
    /// What is done.
    pub mutator: Mutator,
    /// With what.
    pub value: Value,
}

/// What is done to a set or map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the RFC's.
pub enum Mutator {
    Insert,
    Delete,
}

/// What came of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new row's.
    Inserted(Uuid),
    /// Rows that matched.
    Count(u64),
    /// The rows asked for.
    Rows(Vec<Row>),
    /// Nothing to be told.
    Done,
}

/// A transaction of which nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{error}{}", operation.map(|n| format!("operation {n}: ")).unwrap_or_default(), if details.is_empty() { String::new() } else { format!(": {details}") })]
pub struct Refused {
    /// Which operation was refused; `None`: the transaction as a whole.
    pub operation: Option<usize>,
    /// The RFC's word: `constraint violation`.
    pub error: String,
    /// The database's words.
    pub details: String,
}

impl Condition {
    /// The row with this UUID, or the one that this transaction inserts by a name.
    pub fn row(uuid: impl Into<Atom>) -> Vec<Condition> {
        vec![Condition { column: "_uuid".into(), function: Function::Equal, value: Value::from(uuid.into()) }]
    }

    /// Rows with this in a column.
    pub fn equal(column: &str, value: impl Into<Value>) -> Vec<Condition> {
        vec![Condition { column: column.into(), function: Function::Equal, value: value.into() }]
    }

    fn to_json(&self) -> Json {
        let function = match self.function {
            Function::Equal => "==",
            Function::NotEqual => "!=",
            Function::Includes => "includes",
            Function::Excludes => "excludes",
        };
        json!([&*self.column, function, self.value.to_json()])
    }
}

impl Mutation {
    /// Puts elements in; a key that a map has already keeps its value.
    pub fn insert(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation { column: column.into(), mutator: Mutator::Insert, value: value.into() }
    }

    /// Takes elements out: of a map the pairs, or for a set of keys whatever they have.
    pub fn delete(column: &str, value: impl Into<Value>) -> Mutation {
        Mutation { column: column.into(), mutator: Mutator::Delete, value: value.into() }
    }

    fn to_json(&self) -> Json {
        let mutator = match self.mutator {
            Mutator::Insert => "insert",
            Mutator::Delete => "delete",
        };
        json!([&*self.column, mutator, self.value.to_json()])
    }
}

impl Operation {
    /// As it is written.
    pub fn to_json(&self) -> Json {
        let all = |conditions: &[Condition]| conditions.iter().map(Condition::to_json).collect::<Vec<_>>();
        let names = |columns: &[Arc<str>]| columns.iter().map(|column| json!(&**column)).collect::<Vec<_>>();
        match self {
            Operation::Insert { table, row, name: None } => {
                json!({"op": "insert", "table": table, "row": row.to_json()})
            }
            Operation::Insert { table, row, name: Some(name) } => {
                json!({"op": "insert", "table": table, "row": row.to_json(), "uuid-name": &**name})
            }
            Operation::Select { table, conditions, columns } => {
                json!({"op": "select", "table": table, "where": all(conditions), "columns": names(columns)})
            }
            Operation::Update { table, conditions, row } => {
                json!({"op": "update", "table": table, "where": all(conditions), "row": row.to_json()})
            }
            Operation::Mutate { table, conditions, mutations } => {
                let mutations: Vec<Json> = mutations.iter().map(Mutation::to_json).collect();
                json!({"op": "mutate", "table": table, "where": all(conditions), "mutations": mutations})
            }
            Operation::Delete { table, conditions } => {
                json!({"op": "delete", "table": table, "where": all(conditions)})
            }
            Operation::Wait { table, conditions, columns, rows } => {
                let rows: Vec<Json> = rows.iter().map(Row::to_json).collect();
                let (conditions, columns) = (all(conditions), names(columns));
                json!({"op": "wait", "table": table, "where": conditions, "columns": columns, "until": "==", "rows": rows,
                       "timeout": 0})
            }
            Operation::Comment(text) => json!({"op": "comment", "comment": text}),
        }
    }
}

/// Reads the answer to `transact`: what came of each of so many operations.
///
/// # Errors
/// `Ok(Err)`: the transaction was refused, and why. `Err`: the answer can't be read.
pub fn outcomes(answer: &Json, operations: usize) -> Result<Result<Vec<Outcome>, Refused>, Fault> {
    let Json::Array(items) = answer else { return Err(Fault::unexpected("", "an array of outcomes", answer)) };
    let mut outcomes = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if let Some(error) = item.get("error") {
            let text = |json: &Json| json.as_str().map(str::to_owned);
            return Ok(Err(Refused {
                operation: (at < operations).then_some(at),
                error: text(error).unwrap_or_else(|| error.to_string()),
                details: item.get("details").and_then(text).unwrap_or_default(),
            }));
        }
        outcomes.push(outcome(item).map_err(|fault| fault.within(&format!("[{at}]")))?);
    }
    if outcomes.len() < operations {
        let problem = format!("{operations} outcomes expected, found {}", outcomes.len());
        return Err(Fault::new("", problem));
    }
    Ok(Ok(outcomes))
}

fn outcome(item: &Json) -> Result<Outcome, Fault> {
    if let Some(uuid) = item.get("uuid") {
        return match Atom::from_json(uuid)? {
            Atom::Uuid(uuid) => Ok(Outcome::Inserted(uuid)),
            _ => Err(Fault::unexpected("uuid", "a UUID", uuid)),
        };
    }
    if let Some(count) = item.get("count") {
        let count = count.as_u64().ok_or_else(|| Fault::unexpected("count", "a number", count))?;
        return Ok(Outcome::Count(count));
    }
    match item.get("rows") {
        Some(Json::Array(rows)) => rows.iter().map(Row::from_json).collect::<Result<_, _>>().map(Outcome::Rows),
        Some(other) => Err(Fault::unexpected("rows", "an array", other)),
        None => Ok(Outcome::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_written() {
        let conditions = Condition::equal("name", "br0");
        let insert = Mutation::insert("external_ids", Value::map([("a", "b")]));
        let mutate = Operation::Mutate { table: "Bridge", conditions, mutations: vec![insert] };
        assert_eq!(
            mutate.to_json(),
            json!({"op": "mutate", "table": "Bridge", "where": [["name", "==", "br0"]],
                   "mutations": [["external_ids", "insert", ["map", [["a", "b"]]]]]})
        );
        let row = Row::default().with("ports", Value::Set([Atom::NamedUuid("p".into())].into()));
        let insert = Operation::Insert { table: "Bridge", row, name: Some("b".into()) };
        assert_eq!(insert.to_json()["row"]["ports"], json!(["named-uuid", "p"]));
        assert_eq!(insert.to_json()["uuid-name"], "b");
    }

    #[test]
    fn outcomes_are_read() {
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        let good = json!([{"uuid": ["uuid", uuid]}, {"count": 2}, {}, {"rows": [{"a": 1}]}]);
        let read = outcomes(&good, 4).unwrap().unwrap();
        assert_eq!(read[0], Outcome::Inserted(uuid.parse().unwrap()));
        assert_eq!(read[1..3], [Outcome::Count(2), Outcome::Done]);
        let refused = outcomes(&json!([{}, {"error": "timed out", "details": "d"}, null]), 3).unwrap().unwrap_err();
        assert_eq!((refused.operation, refused.to_string().as_str()), (Some(1), "operation 1: timed out: d"));
        let late = outcomes(&json!([{}, {"error": "constraint violation"}]), 1).unwrap().unwrap_err();
        assert_eq!(late.to_string(), "constraint violation");
        assert!(outcomes(&json!([{}]), 2).is_err() && outcomes(&json!({}), 0).is_err());
        assert!(outcomes(&json!([{"count": -1}]), 1).is_err());
    }
}
