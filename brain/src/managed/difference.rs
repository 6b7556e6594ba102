//! What is to be done to a database so that it holds what it shall, and nothing else: rows and keys of others are left alone.
//!
//! Rows that are made here carry `external_ids:owner=sextant`. The bridge carries the chassis' name, and which of its settings were
//! set here where others had made it, so that these can be taken back.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::{Atom, Condition, Mutation, Operation, Replica, Row, Uuid, Value};

use super::setup::{Setup, Tunnel, prefixes};

const IDS: &str = "external_ids";
const OWNER: &str = "owner";
const US: &str = "sextant";
/// The chassis whose bridge it is.
const CHASSIS: &str = "sextant-chassis";
/// The settings of a bridge of others that were set here.
const SET: &str = "sextant-set";
const FAIL_MODE: &str = "fail_mode";
const PROTOCOLS: &str = "protocols";
const OTHER_CONFIG: &str = "other_config";
const IN_BAND: &str = "disable-in-band";
const DATAPATH_ID: &str = "datapath-id";
const VERSION: &str = "OpenFlow13";
/// Open vSwitch takes no less than 5 s for a probe, and asks for a second's wait at most between two attempts.
const PROBE_MS: i64 = 5_000;
const BACKOFF_MS: i64 = 1_000;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// In one transaction; none: all is as it shall be.
    pub(crate) operations: Vec<Operation>,
    /// What it does, for people.
    pub(crate) words: Vec<String>,
    /// What is wrong that it does not mend.
    pub(crate) problem: Option<String>,
}

/// Whether a row was made here.
fn ours(row: &Row) -> bool {
    row.lookup(IDS, OWNER) == Some(US)
}

fn owner() -> Value {
    Value::map([(OWNER, US)])
}

/// A bridge's datapath id: as it is configured, or as the switch tells.
fn dpid_of(bridge: &Row) -> Option<addr::Dpid> {
    let configured = bridge.lookup(OTHER_CONFIG, DATAPATH_ID).filter(|text| !text.is_empty());
    configured.unwrap_or(bridge.text("datapath_id")).parse().ok()
}

/// The chassis' bridge: by its datapath id, else by name.
pub(crate) fn find_bridge<'r>(setup: &Setup, replica: &'r Replica) -> Result<Option<(Uuid, &'r Row)>, String> {
    let by_dpid = replica.rows("Bridge").find(|(_, row)| setup.dpid.is_some() && dpid_of(row) == setup.dpid);
    if by_dpid.is_some() {
        return Ok(by_dpid);
    }
    let named = replica.named("Bridge", &setup.bridge);
    match (setup.dpid, named) {
        (Some(dpid), Some((_, row))) if !ours(row) => {
            let has = dpid_of(row).map_or("none yet".to_owned(), |dpid| dpid.to_string());
            Err(format!(
                "bridge {} has the datapath id {has}, not {dpid}: give it that, or name another bridge",
                setup.bridge
            ))
        }
        _ => Ok(named),
    }
}

/// What makes a database hold what it shall.
///
/// # Errors
/// What stands in the way of all of it.
pub(crate) fn difference(setup: &Setup, replica: &Replica) -> Result<Plan, String> {
    let mut work =
        Work { replica, plan: Plan::default(), update: Row::default(), mutations: Vec::new(), set: BTreeSet::new() };
    let found = find_bridge(setup, replica)?;
    let strays = replica.rows("Bridge").filter(|(uuid, row)| {
        row.lookup(IDS, CHASSIS) == Some(&setup.chassis) && found.is_none_or(|(bridge, _)| bridge != *uuid)
    });
    for (uuid, row) in strays {
        work.release(uuid, row);
    }
    let none = Row::default();
    let (bridge, row) = match found {
        Some((uuid, row)) => (Atom::Uuid(uuid), row),
        None => (work.make_bridge(setup), &none),
    };
    work.settings(setup, row, found.is_some());
    work.tables(row);
    work.ports(setup, row);
    work.controller(setup, row);
    work.flush(bridge);
    if let Some(words) = &setup.problem {
        work.plan.problem.get_or_insert(words.clone());
    }
    Ok(work.plan)
}

/// What takes back all that was set for a chassis.
pub(crate) fn release(chassis: &str, replica: &Replica) -> Plan {
    let mut work =
        Work { replica, plan: Plan::default(), update: Row::default(), mutations: Vec::new(), set: BTreeSet::new() };
    for (uuid, row) in replica.rows("Bridge").filter(|(_, row)| row.lookup(IDS, CHASSIS) == Some(chassis)) {
        work.release(uuid, row);
    }
    work.plan
}

/// A plan in the making.
struct Work<'r> {
    replica: &'r Replica,
    plan: Plan,
    /// Of the bridge at hand.
    update: Row,
    mutations: Vec<Mutation>,
    /// Settings of it that others left otherwise.
    set: BTreeSet<&'static str>,
}

impl Work<'_> {
    fn say(&mut self, words: String) {
        self.plan.words.push(words);
    }

    /// Puts what was noted about a bridge into operations.
    fn flush(&mut self, bridge: Atom) {
        let row = std::mem::take(&mut self.update);
        if row != Row::default() {
            self.plan.operations.push(Operation::Update {
                table: "Bridge",
                conditions: Condition::row(bridge.clone()),
                row,
            });
        }
        let mutations = std::mem::take(&mut self.mutations);
        if !mutations.is_empty() {
            self.plan.operations.push(Operation::Mutate {
                table: "Bridge",
                conditions: Condition::row(bridge),
                mutations,
            });
        }
        self.set.clear();
    }

    /// A map's key has this value, whatever it had.
    fn put_key(&mut self, column: &str, key: &str, value: impl Into<Atom>) {
        self.mutations.push(Mutation::delete(column, Value::set([key])));
        self.mutations.push(Mutation::insert(column, Value::map([(key, value.into())])));
    }

    /// Inserts a row, with as many of its columns as the database has; what refers to it.
    fn insert(&mut self, table: &'static str, mut row: Row, name: String) -> Atom {
        let schema = self.replica.schema();
        row.0.retain(|column, _| schema.column(table, column).is_some());
        let name: std::sync::Arc<str> = name.into();
        self.plan.operations.push(Operation::Insert { table, row, name: Some(name.clone()) });
        Atom::NamedUuid(name)
    }

    fn make_bridge(&mut self, setup: &Setup) -> Atom {
        let name = &*setup.bridge;
        let interface = Row::default().with("name", name).with("type", "internal").with(IDS, owner());
        let interface = self.insert("Interface", interface, "local_interface".to_owned());
        let port = Row::default().with("name", name).with("interfaces", interface).with(IDS, owner());
        let port = self.insert("Port", port, "local_port".to_owned());
        let kind = setup.datapath_type.as_deref().map(str::to_owned).or_else(|| self.usual_datapath());
        let mut row = Row::default().with("name", name).with("ports", port).with(IDS, owner());
        if let Some(kind) = kind {
            row = row.with("datapath_type", &*kind);
        }
        if let Some(dpid) = setup.dpid {
            row = row.with(OTHER_CONFIG, Value::map([(DATAPATH_ID, &*dpid.to_string())]));
        }
        let bridge = self.insert("Bridge", row, "bridge".to_owned());
        match self.replica.only("Open_vSwitch") {
            Some((root, _)) => self.plan.operations.push(Operation::Mutate {
                table: "Open_vSwitch",
                conditions: Condition::row(root),
                mutations: vec![Mutation::insert("bridges", bridge.clone())],
            }),
            None => {
                drop(self.insert("Open_vSwitch", Row::default().with("bridges", bridge.clone()), "root".to_owned()))
            }
        }
        self.say(format!("bridge {name} is made"));
        bridge
    }

    /// The type of datapath that all bridges have.
    fn usual_datapath(&self) -> Option<String> {
        let types: BTreeSet<&str> = self.replica.rows("Bridge").map(|(_, row)| row.text("datapath_type")).collect();
        let only = types.first().filter(|kind| types.len() == 1 && !kind.is_empty());
        only.map(|kind| (*kind).to_owned())
    }

    fn settings(&mut self, setup: &Setup, row: &Row, was_there: bool) {
        if row.text(FAIL_MODE) != "secure" {
            self.update = std::mem::take(&mut self.update).with(FAIL_MODE, "secure");
            self.set.insert(FAIL_MODE);
            self.say("fail_mode is secure".to_owned());
        }
        if !row.atoms(PROTOCOLS).any(|atom| atom.as_str() == Some(VERSION)) {
            self.mutations.push(Mutation::insert(PROTOCOLS, VERSION));
            self.set.insert(PROTOCOLS);
            self.say(format!("protocols include {VERSION}"));
        }
        if row.lookup(OTHER_CONFIG, IN_BAND) != Some("true") {
            self.put_key(OTHER_CONFIG, IN_BAND, "true");
            self.set.insert(IN_BAND);
            self.say(format!("{IN_BAND} is true"));
        }
        if let Some(kind) =
            setup.datapath_type.as_deref().filter(|kind| was_there && *kind != row.text("datapath_type"))
        {
            self.update = std::mem::take(&mut self.update).with("datapath_type", kind);
            self.say(format!("datapath_type is {kind}"));
        }
        if let Some(dpid) = setup.dpid.filter(|dpid| was_there && dpid_of(row) != Some(*dpid)) {
            self.put_key(OTHER_CONFIG, DATAPATH_ID, &*dpid.to_string());
            self.say(format!("{DATAPATH_ID} is {dpid}"));
        }
        if row.lookup(IDS, CHASSIS) != Some(&setup.chassis) {
            self.put_key(IDS, CHASSIS, &*setup.chassis);
        }
        if was_there && !ours(row) {
            let before: BTreeSet<&str> =
                row.lookup(IDS, SET).unwrap_or_default().split(' ').filter(|s| !s.is_empty()).collect();
            let all: BTreeSet<&str> = before.iter().copied().chain(self.set.iter().copied()).collect();
            if all != before {
                let all = all.into_iter().collect::<Vec<_>>().join(" ");
                self.put_key(IDS, SET, &*all);
            }
        }
    }

    /// By which prefixes rows are looked up; tables that need none are not told of.
    fn tables(&mut self, bridge: &Row) {
        let there: BTreeMap<i64, Uuid> = bridge
            .pairs("flow_tables")
            .filter_map(|(table, row)| Some((table.as_integer()?, row.as_uuid()?)))
            .collect();
        let wanted: BTreeMap<i64, BTreeSet<String>> = prefixes().collect();
        let mut told = 0;
        for (table, fields) in &wanted {
            let value = Value::set(fields.iter().map(String::as_str));
            let known = there.get(table).and_then(|uuid| Some((*uuid, self.replica.row("Flow_Table", *uuid)?)));
            match known {
                Some((_, row)) if row.get("prefixes") == Some(&value) => {}
                Some((uuid, _)) => {
                    let row = Row::default().with("prefixes", value);
                    self.plan.operations.push(Operation::Update {
                        table: "Flow_Table",
                        conditions: Condition::row(uuid),
                        row,
                    });
                    told += 1;
                }
                None => {
                    let row = Row::default().with("prefixes", value).with(IDS, owner());
                    let row = self.insert("Flow_Table", row, format!("table{table}"));
                    self.mutations.push(Mutation::insert("flow_tables", Value::map([(Atom::Integer(*table), row)])));
                    told += 1;
                }
            }
        }
        if told > 0 {
            self.say(format!("{told} flow tables have their prefixes"));
        }
        let surplus = there.iter().filter(|(table, uuid)| {
            !wanted.contains_key(table) && self.replica.row("Flow_Table", **uuid).is_some_and(ours)
        });
        let surplus: Vec<i64> = surplus.map(|(table, _)| *table).collect();
        if !surplus.is_empty() {
            self.mutations.push(Mutation::delete("flow_tables", Value::set(surplus)));
        }
    }

    fn ports(&mut self, setup: &Setup, bridge: &Row) {
        let there: Vec<(Uuid, &Row)> =
            bridge.uuids("ports").filter_map(|uuid| Some((uuid, self.replica.row("Port", uuid)?))).collect();
        for (uuid, port) in &there {
            let name = port.text("name");
            let wanted = name == bridge.text("name") || setup.tunnels.iter().any(|tunnel| &*tunnel.name == name);
            if ours(port) && !wanted {
                self.mutations.push(Mutation::delete("ports", *uuid));
                self.say(format!("port {name} is taken away"));
            }
        }
        for (at, tunnel) in setup.tunnels.iter().enumerate() {
            match there.iter().find(|(_, port)| port.text("name") == &*tunnel.name) {
                Some((_, port)) => self.mend_tunnel(tunnel, port),
                None if self.replica.named("Port", &tunnel.name).is_some() => {
                    let words = format!("port {} is on another bridge", tunnel.name);
                    self.plan.problem.get_or_insert(words);
                }
                None => {
                    let texts = |pairs: &[(&str, String)]| Value::map(pairs.iter().map(|(k, v)| (*k, v.as_str())));
                    let row = Row::default().with("name", &*tunnel.name).with("type", tunnel.kind).with(IDS, owner());
                    let row = row.with("options", texts(&tunnel.options)).with("bfd", texts(&tunnel.bfd));
                    let interface = self.insert("Interface", row, format!("interface{at}"));
                    let row =
                        Row::default().with("name", &*tunnel.name).with("interfaces", interface).with(IDS, owner());
                    let port = self.insert("Port", row, format!("port{at}"));
                    self.mutations.push(Mutation::insert("ports", port));
                    self.say(format!("{} port {} is made", tunnel.kind, tunnel.name));
                }
            }
        }
    }

    fn mend_tunnel(&mut self, tunnel: &Tunnel, port: &Row) {
        let found = port.uuids("interfaces").find_map(|uuid| Some((uuid, self.replica.row("Interface", uuid)?)));
        let Some((uuid, row)) = found else { return };
        if !row.text("error").is_empty() {
            self.plan.problem.get_or_insert(format!("port {}: {}", tunnel.name, row.text("error")));
        }
        let mut words = Vec::new();
        if row.text("type") != tunnel.kind {
            let update = Row::default().with("type", tunnel.kind);
            self.plan.operations.push(Operation::Update {
                table: "Interface",
                conditions: Condition::row(uuid),
                row: update,
            });
            words.push(format!("type={}", tunnel.kind));
        }
        let mut mutations = Vec::new();
        for (column, pairs) in [("options", &tunnel.options), ("bfd", &tunnel.bfd)] {
            for (key, value) in pairs.iter().filter(|(key, value)| row.lookup(column, key) != Some(value)) {
                mutations.push(Mutation::delete(column, Value::set([*key])));
                mutations.push(Mutation::insert(column, Value::map([(*key, value.as_str())])));
                words.push(format!("{column}:{key}={value}"));
            }
        }
        if !mutations.is_empty() {
            self.plan.operations.push(Operation::Mutate {
                table: "Interface",
                conditions: Condition::row(uuid),
                mutations,
            });
        }
        if !words.is_empty() {
            self.say(format!("port {} has {}", tunnel.name, words.join(", ")));
        }
    }

    /// A bridge that has a target, or is connected without one, keeps that: the first target flushes its flows.
    fn controller(&mut self, setup: &Setup, bridge: &Row) {
        let there: Vec<(Uuid, &Row)> =
            bridge.uuids("controller").filter_map(|uuid| Some((uuid, self.replica.row("Controller", uuid)?))).collect();
        let own = there.iter().find(|(_, row)| ours(row));
        match (&setup.controller, own) {
            (None, Some((uuid, _))) => {
                self.mutations.push(Mutation::delete("controller", *uuid));
                self.say("the controller's target is taken away".to_owned());
            }
            (Some(target), Some((uuid, row))) if row.text("target") != &**target => {
                let row = Row::default().with("target", &**target);
                self.plan.operations.push(Operation::Update {
                    table: "Controller",
                    conditions: Condition::row(*uuid),
                    row,
                });
                self.say(format!("the controller's target is {target}"));
            }
            (Some(target), None) if there.is_empty() && !setup.connected => {
                let row =
                    Row::default().with("target", &**target).with("connection_mode", "out-of-band").with(IDS, owner());
                let row = row.with("inactivity_probe", PROBE_MS).with("max_backoff", BACKOFF_MS);
                let controller = self.insert("Controller", row, "controller".to_owned());
                self.mutations.push(Mutation::insert("controller", controller));
                self.say(format!("the controller's target is {target}"));
            }
            _ => {}
        }
    }

    /// Takes what is ours off a bridge; a bridge of ours that nobody else has a port on goes.
    fn release(&mut self, uuid: Uuid, row: &Row) {
        let name = row.text("name");
        let ports: Vec<(Uuid, &Row)> =
            row.uuids("ports").filter_map(|uuid| Some((uuid, self.replica.row("Port", uuid)?))).collect();
        if ours(row) && ports.iter().all(|(_, port)| ours(port)) {
            if let Some((root, _)) = self.replica.only("Open_vSwitch") {
                let mutations = vec![Mutation::delete("bridges", uuid)];
                self.plan.operations.push(Operation::Mutate {
                    table: "Open_vSwitch",
                    conditions: Condition::row(root),
                    mutations,
                });
            }
            return self.say(format!("bridge {name} is taken away"));
        }
        for (port, row) in ports.into_iter().filter(|(_, port)| ours(port) && port.text("name") != name) {
            self.mutations.push(Mutation::delete("ports", port));
            self.say(format!("port {} is taken away", row.text("name")));
        }
        for controller in row.uuids("controller").filter(|uuid| self.replica.row("Controller", *uuid).is_some_and(ours))
        {
            self.mutations.push(Mutation::delete("controller", controller));
        }
        let tables = row
            .pairs("flow_tables")
            .filter(|(_, row)| row.as_uuid().and_then(|uuid| self.replica.row("Flow_Table", uuid)).is_some_and(ours));
        let tables: BTreeSet<Atom> = tables.map(|(table, _)| table.clone()).collect();
        if !tables.is_empty() {
            self.mutations.push(Mutation::delete("flow_tables", Value::Set(tables)));
        }
        for setting in row.lookup(IDS, SET).unwrap_or_default().split(' ') {
            match setting {
                FAIL_MODE => self.update = std::mem::take(&mut self.update).with(FAIL_MODE, Value::default()),
                PROTOCOLS => self.mutations.push(Mutation::delete(PROTOCOLS, VERSION)),
                IN_BAND => self.mutations.push(Mutation::delete(OTHER_CONFIG, Value::set([IN_BAND]))),
                _ => {}
            }
        }
        let mut marks = vec![CHASSIS, SET];
        marks.extend(ours(row).then_some(OWNER));
        self.mutations.push(Mutation::delete(IDS, Value::set(marks)));
        self.say(format!("bridge {name} is left to others"));
        self.flush(uuid.into());
    }
}
