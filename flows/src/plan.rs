//! The order in which changes are sent: safe at every point between two messages.

use ofp::{Body, FlowMod, FlowModCommand, GroupMod, GroupModCommand, MeterMod, MeterModCommand};

use addr::OfPort;

use crate::engine::Op;
use crate::item::{Flow, Item};

/// A bundle's size: a commit of 100,000 stalls the switch's forwarding for half a second, one of 1,000 doesn't.
pub const BATCH_OPERATIONS_MAX: usize = 1000;

/// Changes in the order in which they must be sent.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Meters and groups before the flows that name them, last table first; removals the other way round.
    pub ops: Vec<Op>,
}

impl Plan {
    /// Orders operations.
    pub fn new(mut ops: Vec<Op>) -> Plan {
        ops.sort_by_cached_key(rank);
        Plan { ops }
    }
}

/// Sorts by stage first, within flows by table.
fn rank(op: &Op) -> (u8, i16, u32) {
    match op {
        Op::Put { item, .. } => match &**item {
            Item::Meter(meter) => (0, 0, meter.id),
            Item::Group(group) => (1, 0, group.id),
            Item::Flow(flow) => (2, -i16::from(flow.table.id()), u32::from(flow.priority)),
        },
        Op::Remove { item } => match &**item {
            Item::Flow(flow) => (3, i16::from(flow.table.id()), u32::from(u16::MAX - flow.priority)),
            Item::Group(group) => (4, 0, group.id),
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
            Op::Remove { item } => match &**item {
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
    let instructions = if removes { Vec::new() } else { flow.instructions.clone() };
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
