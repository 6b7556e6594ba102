//! What somebody else does to a switch.

use std::sync::Arc;
use std::time::Duration;

use flows::is_ours;
use ofp::{Field, Instruction, Match};
use tokio::time::Instant;

use crate::switch::Switch;
use crate::switch::tables::Row;

/// How long a switch stays away after its flows were changed.
const AWAY: Duration = Duration::from_millis(700);
/// Frames that no host of ours sends.
const FOREIGN_TYPE: u16 = 0x9999;

/// Adds a flow that is not ours, for frames that are not ours.
pub fn foreign_flow(switch: &mut Switch, table: u8, priority: u16) {
    let key = (table, priority, Match::new().with(Field::ETH_TYPE, FOREIGN_TYPE));
    switch.tables.flows.insert(key.clone(), Arc::new(Row { cookie: 0xbad, instructions: Arc::from([]) }));
    switch.foreign.insert(key);
}

/// Deletes one of so many flows of ours. It is done while the switch is disconnected.
pub fn delete(switch: &mut Switch, one_in: u16) {
    away(switch);
    let mut count = 0u32;
    switch.tables.flows.retain(|_, row| {
        count += u32::from(is_ours(row.cookie));
        !(is_ours(row.cookie) && count.is_multiple_of(u32::from(one_in.max(1))))
    });
    switch.tampered();
}

/// Changes one of so many flows of ours into drops. It is done while the switch is disconnected.
pub fn change(switch: &mut Switch, one_in: u16) {
    away(switch);
    let ours = switch.tables.flows.values_mut().filter(|row| is_ours(row.cookie));
    for (row, count) in ours.zip(1u32..) {
        if count.is_multiple_of(u32::from(one_in.max(1))) {
            let instructions = Arc::from([Instruction::ApplyActions(Vec::new())]);
            *row = Arc::new(Row { instructions, ..**row });
        }
    }
    switch.tampered();
}

fn away(switch: &mut Switch) {
    switch.faults.close = switch.is_connected();
    switch.away_until = switch.away_until.max(Instant::now() + AWAY);
}
