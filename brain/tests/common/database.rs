//! A chassis' database: as much of ovsdb-server as is needed to see what the brain does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::{
    Atom, AtomType, Change, Column, Mutator, Operation, Outcome, Row, Schema, TableSchema, TableUpdates, Uuid, Value,
};

/// Tables with their columns: `s` a text, `s*` texts, `u*` rows, `m` texts by texts, `mu` rows by numbers, `i` a number.
const COLUMNS: &str = "Open_vSwitch: bridges=u* ovs_version=s*
Bridge: name=s ports=u* controller=u* fail_mode=s* protocols=s* datapath_id=s* datapath_type=s other_config=m external_ids=m flow_tables=mu
Port: name=s interfaces=u* external_ids=m
Interface: name=s type=s options=m external_ids=m error=s* bfd=m bfd_status=m
Controller: target=s external_ids=m connection_mode=s* inactivity_probe=i max_backoff=i
Flow_Table: prefixes=s* external_ids=m";

pub fn schema(version: &str) -> Arc<Schema> {
    let column = |kind: &str| {
        let (key, value, max) = match kind {
            "s" => (AtomType::String, None, Some(1)),
            "s*" => (AtomType::String, None, None),
            "u*" => (AtomType::Uuid, None, None),
            "m" => (AtomType::String, Some(AtomType::String), None),
            "mu" => (AtomType::Integer, Some(AtomType::Uuid), None),
            _ => (AtomType::Integer, None, Some(1)),
        };
        Column { key, value, min: if kind == "s" { 1 } else { 0 }, max }
    };
    let table = |line: &str| {
        let (name, columns) = line.split_once(": ").unwrap();
        let columns = columns.split(' ').map(|c| c.split_once('=').unwrap());
        let columns = columns.map(|(name, kind)| (Arc::from(name), column(kind))).collect();
        (Arc::from(name), TableSchema { columns })
    };
    let tables = COLUMNS.lines().map(table).collect();
    Arc::new(Schema { name: "Open_vSwitch".to_owned(), version: version.to_owned(), tables })
}

type Tables = BTreeMap<Arc<str>, BTreeMap<Uuid, Row>>;

/// The rows, and the last UUID that was given.
#[derive(Clone, Default, Debug)]
pub struct Database {
    pub tables: Tables,
    last: u128,
}

impl Database {
    /// All rows.
    pub fn all(&self) -> TableUpdates {
        let rows = |rows: &BTreeMap<Uuid, Row>| rows.iter().map(|(u, row)| (*u, Change::Whole(row.clone()))).collect();
        TableUpdates(self.tables.iter().map(|(name, table)| (name.clone(), rows(table))).collect())
    }

    /// Does all, or panics; what changed, and what came of it.
    pub fn transact(&mut self, operations: &[Operation]) -> (TableUpdates, Vec<Outcome>) {
        let before = self.tables.clone();
        let mut names = BTreeMap::new();
        for operation in operations {
            if let Operation::Insert { name: Some(name), .. } = operation {
                self.last += 1;
                assert!(names.insert(name.clone(), Uuid(self.last)).is_none(), "{name} is inserted twice");
            }
        }
        let outcomes = operations.iter().map(|operation| self.perform(operation, &names)).collect();
        self.collect_garbage();
        (self.told_since(&before), outcomes)
    }

    /// What somebody else does.
    pub fn tamper(&mut self, change: impl FnOnce(&mut Database)) -> TableUpdates {
        let before = self.tables.clone();
        change(self);
        self.collect_garbage();
        self.told_since(&before)
    }

    fn told_since(&self, before: &Tables) -> TableUpdates {
        let mut told: BTreeMap<Arc<str>, BTreeMap<Uuid, Change>> = BTreeMap::new();
        let none = BTreeMap::new();
        for name in before.keys().chain(self.tables.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = (before.get(name).unwrap_or(&none), self.tables.get(name).unwrap_or(&none));
            for uuid in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                if old.get(uuid) != new.get(uuid) {
                    let change = new.get(uuid).map_or(Change::Gone, |row| Change::Whole(row.clone()));
                    told.entry(name.clone()).or_default().insert(*uuid, change);
                }
            }
        }
        TableUpdates(told)
    }

    fn perform(&mut self, operation: &Operation, names: &BTreeMap<Arc<str>, Uuid>) -> Outcome {
        let atom = |atom: &Atom| match atom {
            Atom::NamedUuid(name) => Atom::Uuid(names[name]),
            other => other.clone(),
        };
        let value = |value: &Value| match value {
            Value::Set(atoms) => Value::Set(atoms.iter().map(atom).collect()),
            Value::Map(pairs) => Value::Map(pairs.iter().map(|(k, v)| (atom(k), atom(v))).collect()),
        };
        let fill = |into: &mut Row, row: &Row| {
            for (column, new) in &row.0 {
                into.0.insert(column.clone(), value(new));
                into.0.retain(|_, value| !value.is_empty());
            }
        };
        match operation {
            Operation::Insert { table, row, name } => {
                let uuid = names[name.as_ref().unwrap()];
                let mut new = Row::default();
                fill(&mut new, row);
                self.tables.entry((*table).into()).or_default().insert(uuid, new);
                Outcome::Inserted(uuid)
            }
            Operation::Update { table, conditions, row } => {
                fill(self.row(table, &value(&conditions[0].value)), row);
                Outcome::Count(1)
            }
            Operation::Mutate { table, conditions, mutations } => {
                let row = self.row(table, &value(&conditions[0].value));
                for mutation in mutations {
                    let old = row.0.remove(&mutation.column);
                    let new = mutated(old, mutation.mutator, value(&mutation.value));
                    row.0.extend((!new.is_empty()).then(|| (mutation.column.clone(), new)));
                }
                Outcome::Count(1)
            }
            Operation::Comment(_) => Outcome::Done,
            other => panic!("{other:?}"),
        }
    }

    fn row(&mut self, table: &str, uuid: &Value) -> &mut Row {
        let Value::Set(atoms) = uuid else { panic!("{uuid:?}") };
        let uuid = atoms.first().and_then(Atom::as_uuid).unwrap();
        self.tables.get_mut(table).and_then(|rows| rows.get_mut(&uuid)).expect("a row that is there")
    }

    /// Rows that nothing refers to go, but for the root.
    fn collect_garbage(&mut self) {
        loop {
            let referred: BTreeSet<Uuid> = self.tables.values().flat_map(BTreeMap::values).flat_map(referred).collect();
            let mut gone = false;
            for rows in self.tables.iter_mut().filter(|(name, _)| &***name != "Open_vSwitch").map(|(_, rows)| rows) {
                let before = rows.len();
                rows.retain(|uuid, _| referred.contains(uuid));
                gone |= rows.len() != before;
            }
            if !gone {
                return;
            }
        }
    }

    pub fn named(&self, table: &str, name: &str) -> Option<&Row> {
        self.tables.get(table)?.values().find(|row| row.text("name") == name)
    }

    pub fn named_mut(&mut self, table: &str, name: &str) -> &mut Row {
        self.tables.get_mut(table).unwrap().values_mut().find(|row| row.text("name") == name).unwrap()
    }

    /// Somebody plugs an interface into a bridge.
    pub fn plug(&mut self, bridge: &str, name: &str, iface_id: Option<&str>) {
        let ids = Value::map(iface_id.map(|id| ("iface-id", id)));
        let interface = self.add("Interface", Row::default().with("name", name).with("external_ids", ids));
        let port = self.add("Port", Row::default().with("name", name).with("interfaces", interface));
        let row = self.named_mut("Bridge", bridge);
        let all: BTreeSet<Atom> = row.atoms("ports").cloned().chain([Atom::Uuid(port)]).collect();
        row.0.insert("ports".into(), Value::Set(all));
    }

    /// Somebody takes one off.
    pub fn unplug(&mut self, bridge: &str, name: &str) {
        let port = self.tables["Port"].iter().find(|(_, row)| row.text("name") == name).map(|(uuid, _)| *uuid).unwrap();
        let row = self.named_mut("Bridge", bridge);
        let rest: BTreeSet<Atom> = row.atoms("ports").filter(|atom| **atom != Atom::Uuid(port)).cloned().collect();
        row.0.insert("ports".into(), Value::Set(rest));
    }

    /// Somebody makes a bridge.
    pub fn bridge(&mut self, row: Row) {
        let name = row.text("name").to_owned();
        let bridge = self.add("Bridge", row);
        let root = self.tables.entry("Open_vSwitch".into()).or_default();
        if root.is_empty() {
            self.last += 1;
            root.insert(Uuid(self.last), Row::default());
        }
        let root = root.values_mut().next().unwrap();
        let all: BTreeSet<Atom> = root.atoms("bridges").cloned().chain([Atom::Uuid(bridge)]).collect();
        root.0.insert("bridges".into(), Value::Set(all));
        self.plug(&name, &name, None);
    }

    fn add(&mut self, table: &str, mut row: Row) -> Uuid {
        self.last += 1;
        row.0.retain(|_, value| !value.is_empty());
        self.tables.entry(table.into()).or_default().insert(Uuid(self.last), row);
        Uuid(self.last)
    }
}

fn referred(row: &Row) -> Vec<Uuid> {
    let atoms = row.0.values().flat_map(|value| match value {
        Value::Set(atoms) => atoms.iter().cloned().collect::<Vec<_>>(),
        Value::Map(pairs) => pairs.values().cloned().collect(),
    });
    atoms.filter_map(|atom| atom.as_uuid()).collect()
}

fn mutated(old: Option<Value>, mutator: Mutator, by: Value) -> Value {
    match (old.unwrap_or_default(), mutator, by) {
        (old, Mutator::Insert, by) if old.is_empty() => by,
        (Value::Set(old), Mutator::Insert, Value::Set(by)) => Value::Set(old.into_iter().chain(by).collect()),
        (Value::Set(old), Mutator::Delete, Value::Set(by)) => Value::Set(old.difference(&by).cloned().collect()),
        (Value::Map(old), Mutator::Insert, Value::Map(by)) => Value::Map(by.into_iter().chain(old).collect()),
        (Value::Map(old), Mutator::Delete, Value::Set(by)) => {
            Value::Map(old.into_iter().filter(|(key, _)| !by.contains(key)).collect())
        }
        (old, ..) => panic!("{old:?}"),
    }
}
