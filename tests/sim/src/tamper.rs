//! What somebody else does to a switch, connected or not.

use std::sync::Arc;

use flows::{COOKIE_MAGIC, is_ours};
use ofp::flow_event::{ADDED, DELETED, MODIFIED};
use ofp::{Field, Instruction, Match};

use crate::switch::Switch;
use crate::switch::tables::{FlowKey, Row, names_group};

/// Frames that no host of ours sends.
const FOREIGN_TYPE: u16 = 0x9999;

/// Adds a flow that is not ours, for frames that are not ours.
pub fn foreign_flow(switch: &mut Switch, table: u8, priority: u16) {
    let key = add(switch, table, priority, 0xbad);
    switch.foreign.insert(key);
}

/// The same with a cookie that looks like ours.
pub fn stray(switch: &mut Switch, table: u8, priority: u16) {
    // Another number than a foreign flow's of the same place.
    let key = add(switch, table, priority ^ 1, COOKIE_MAGIC << 48 | 0xbad);
    switch.foreign.remove(&key);
    switch.tables.touched.0.insert(key);
    switch.open = true;
}

fn add(switch: &mut Switch, table: u8, priority: u16, cookie: u64) -> FlowKey {
    let key = (table, priority, Match::new().with(Field::ETH_TYPE, FOREIGN_TYPE));
    let row = Arc::new(Row { cookie, instructions: Arc::from([]) });
    let before = switch.tables.flows.insert(key.clone(), row.clone());
    let event = if before.is_some() { MODIFIED } else { ADDED };
    switch.tampered(vec![(event, key.clone(), row)]);
    key
}

/// Deletes one of so many flows of ours.
pub fn delete(switch: &mut Switch, one_in: u16) {
    let ours = switch.tables.flows.iter().filter(|(_, row)| is_ours(row.cookie));
    let gone: Vec<(FlowKey, Arc<Row>)> = one_of(one_in, ours).map(|(key, row)| (key.clone(), row.clone())).collect();
    delete_flows(switch, gone);
}

/// Deletes one of so many groups of ours; the flows that name them go along.
pub fn delete_groups(switch: &mut Switch, one_in: u16) {
    let groups: Vec<u32> = one_of(one_in, switch.tables.groups.keys()).copied().collect();
    for group in groups {
        switch.tables.groups.remove(&group);
        switch.tables.touched.1.insert(group);
        let naming = switch.tables.flows.iter().filter(|(_, row)| names_group(&row.instructions, group));
        let naming = naming.map(|(key, row)| (key.clone(), row.clone())).collect();
        delete_flows(switch, naming);
    }
}

fn delete_flows(switch: &mut Switch, gone: Vec<(FlowKey, Arc<Row>)>) {
    for (key, _) in &gone {
        switch.tables.flows.remove(key);
        switch.tables.touched.0.insert(key.clone());
    }
    switch.open = true;
    switch.tampered(gone.into_iter().map(|(key, row)| (DELETED, key, row)).collect());
}

/// Changes one of so many flows of ours into drops.
pub fn change(switch: &mut Switch, one_in: u16) {
    let ours = switch.tables.flows.iter_mut().filter(|(_, row)| is_ours(row.cookie));
    let mut changed = Vec::new();
    for (key, row) in one_of(one_in, ours) {
        let instructions = Arc::from([Instruction::ApplyActions(Vec::new())]);
        *row = Arc::new(Row { instructions, ..**row });
        changed.push((MODIFIED, key.clone(), row.clone()));
    }
    switch.tables.touched.0.extend(changed.iter().map(|(_, key, _)| key.clone()));
    switch.open = true;
    switch.tampered(changed);
}

/// One of so many.
fn one_of<T>(one_in: u16, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    all.zip(1u32..).filter(move |(_, count)| count.is_multiple_of(u32::from(one_in.max(1)))).map(|(one, _)| one)
}
