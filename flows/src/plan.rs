//! The order in which changes are sent: safe at every point between two messages.

use std::collections::HashMap;

use ofp::{Action, Body, FlowMod, FlowModCommand, GroupMod, GroupModCommand, MeterMod, MeterModCommand};

use addr::OfPort;

use crate::engine::Op;
use crate::item::{Flow, Group, Item};

/// Changes in the order in which they must be sent.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Meters and groups before the flows that name them, last table first; removals the other way round.
    pub ops: Vec<Op>,
}

impl Plan {
    /// Orders operations.
    pub fn new(mut ops: Vec<Op>) -> Plan {
        let depths = depths(&ops);
        ops.sort_by_cached_key(|op| rank(op, &depths));
        Plan { ops }
    }
}

/// Groups that name groups that name groups, at most: ours are three deep.
const DEPTH_MAX: usize = 8;

/// How many groups stand one below the other from each on: 0 for one that names none.
fn depths(ops: &[Op]) -> HashMap<u32, i16> {
    let mut names: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut depths: HashMap<u32, i16> = HashMap::new();
    for op in ops {
        let Item::Group(group) = &**op.item() else { continue };
        let actions = group.buckets.iter().flat_map(|bucket| &bucket.actions);
        let named = actions.filter_map(|action| if let Action::Group(id) = action { Some(*id) } else { None });
        names.push((group.id, named.collect()));
        depths.insert(group.id, 0);
    }
    for _ in 0..DEPTH_MAX {
        let mut settled = true;
        for (id, named) in &names {
            let below = named.iter().filter_map(|named| depths.get(named)).max().map_or(0, |depth| depth + 1);
            settled &= depths.insert(*id, below) == Some(below);
        }
        if settled {
            break;
        }
    }
    depths
}

/// Sorts by stage first, within flows by table, within groups so that none names one that is not there.
fn rank(op: &Op, depths: &HashMap<u32, i16>) -> (u8, i16, u32) {
    let depth = |group: &Group| depths.get(&group.id).copied().unwrap_or(0);
    match op {
        Op::Put { item, .. } => match &**item {
            Item::Meter(meter) => (0, 0, meter.id),
            Item::Group(group) => (1, depth(group), group.id),
            Item::Flow(flow) => (2, -i16::from(flow.table.id()), u32::from(flow.priority)),
        },
        Op::Remove { item, .. } => match &**item {
            Item::Flow(flow) => (3, i16::from(flow.table.id()), u32::from(u16::MAX - flow.priority)),
            Item::Group(group) => (4, -depth(group), group.id),
            Item::Meter(meter) => (5, 0, meter.id),
        },
    }
}

impl Op {
    /// The message that carries it. `exists`: the switch holds something under the key already (OpenFlow adds and modifies
    /// groups and meters by different commands).
    pub fn to_body(&self, exists: bool) -> Body {
        match self {
            Op::Put { item, cookie } => match &**item {
                Item::Flow(flow) => Body::FlowMod(flow_mod(flow, FlowModCommand::Add, *cookie)),
                Item::Group(group) => Body::GroupMod(GroupMod {
                    command: if exists { GroupModCommand::Modify } else { GroupModCommand::Add },
                    kind: group.kind,
                    group_id: group.id,
                    buckets: group.buckets.clone(),
                }),
                Item::Meter(meter) => Body::MeterMod(MeterMod {
                    command: if exists { MeterModCommand::Modify } else { MeterModCommand::Add },
                    flags: meter.flags,
                    meter_id: meter.id,
                    bands: meter.bands.clone(),
                }),
            },
            Op::Remove { item, .. } => match &**item {
                Item::Flow(flow) => Body::FlowMod(flow_mod(flow, FlowModCommand::DeleteStrict, 0)),
                Item::Group(group) => Body::GroupMod(GroupMod {
                    command: GroupModCommand::Delete,
                    kind: group.kind,
                    group_id: group.id,
                    buckets: Vec::new(),
                }),
                Item::Meter(meter) => Body::MeterMod(MeterMod {
                    command: MeterModCommand::Delete,
                    flags: 0,
                    meter_id: meter.id,
                    bands: Vec::new(),
                }),
            },
        }
    }
}

/// An add replaces what has the same match and priority, cookie included; a modify would keep the old cookie.
fn flow_mod(flow: &Flow, command: FlowModCommand, cookie: u64) -> FlowMod {
    let removes = command == FlowModCommand::DeleteStrict;
    let instructions = if removes { Vec::new() } else { flow.instructions.to_vec() };
    FlowMod {
        cookie,
        cookie_mask: 0,
        table: flow.table.id(),
        command,
        idle_timeout_s: 0,
        hard_timeout_s: 0,
        priority: flow.priority,
        buffer_id: u32::MAX,
        out_port: OfPort::ANY,
        out_group: u32::MAX,
        flags: 0,
        match_: flow.match_.clone(),
        instructions,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ofp::{Bucket, GroupType};

    use super::*;

    fn group(id: u32, named: &[u32]) -> Arc<Item> {
        let bucket = |id: &u32| Bucket {
            weight: 0,
            watch_port: OfPort::ANY,
            watch_group: u32::MAX,
            actions: vec![Action::Group(*id)],
        };
        Arc::new(Item::Group(Group { id, kind: GroupType::All, buckets: named.iter().map(bucket).collect(), why: "" }))
    }

    fn order(ops: Vec<Op>) -> Vec<u32> {
        let id = |op: &Op| if let Item::Group(group) = &**op.item() { group.id } else { 0 };
        Plan::new(ops).ops.iter().map(id).collect()
    }

    #[test]
    fn a_group_comes_after_those_that_it_names_and_goes_before_them() {
        let chain = || [group(1, &[5, 6]), group(5, &[9]), group(6, &[8, 77]), group(8, &[]), group(9, &[])];
        let puts = chain().map(|item| Op::Put { item, cookie: 0 });
        assert_eq!(order(puts.to_vec()), [8, 9, 5, 6, 1]);
        let removals = chain().map(|item| Op::Remove { item, unit: None });
        assert_eq!(order(removals.to_vec()), [1, 5, 6, 8, 9]);
    }

    #[test]
    fn groups_in_a_ring_end() {
        let ring = [group(1, &[2]), group(2, &[1])].map(|item| Op::Remove { item, unit: None });
        assert_eq!(order(ring.to_vec()).len(), 2);
    }
}
