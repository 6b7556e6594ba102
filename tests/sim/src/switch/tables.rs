//! What a switch holds, and by which rules it takes changes: Open vSwitch's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use flows::{Flow, Group, Item, Meter, Table, eval};
use ofp::{
    Action, Body, ErrorMsg, FlowMod, FlowModCommand, FlowStats, GroupDesc, GroupMod, GroupModCommand, Instruction,
    Match, MeterConfig, MeterMod, MeterModCommand,
};

/// Table, priority, match.
pub type FlowKey = (u8, u16, Match);

/// A flow that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its cookie.
    pub cookie: u64,
    /// What it does.
    pub instructions: Arc<[Instruction]>,
}

/// Flows, groups and meters. A clone shares the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Flows.
    pub flows: BTreeMap<FlowKey, Arc<Row>>,
    /// Groups.
    pub groups: BTreeMap<u32, Arc<GroupDesc>>,
    /// Meters.
    pub meters: BTreeMap<u32, MeterConfig>,
    /// The most flows.
    pub limit: Option<usize>,
    /// Flows and groups that somebody else has changed, until they are put right.
    pub touched: (BTreeSet<FlowKey>, BTreeSet<u32>),
}

/// An error's kind and code (OpenFlow 1.3.5, 7.4.4).
pub type Code = (u16, u16);

pub(crate) const TABLE_FULL: Code = (5, 1);
pub(crate) const BAD_OUT_GROUP: Code = (2, 9);
/// A code that OpenFlow does not have.
pub(crate) const UNHEARD_OF: Code = (5, 777);
const BAD_TABLE: Code = (3, 2);
const BAD_COMMAND: Code = (5, 6);
const BAD_TYPE: Code = (1, 1);
const GROUP_EXISTS: Code = (6, 0);
const UNKNOWN_GROUP: Code = (6, 8);
const METER_EXISTS: Code = (12, 1);
const INVALID_METER: Code = (12, 2);
const UNKNOWN_METER: Code = (12, 3);
/// Tables of the pipeline: 254 is the switch's own.
const TABLES: u8 = 254;

/// An error about a message, with its first bytes.
pub fn error((kind, code): Code, about: &[u8]) -> ErrorMsg {
    ErrorMsg { kind, code, experimenter: None, data: Bytes::copy_from_slice(&about[..about.len().min(64)]) }
}

impl Tables {
    /// Takes one change.
    pub fn take(&mut self, body: &Body) -> Result<(), Code> {
        match body {
            Body::FlowMod(flow) => self.flow(flow),
            Body::GroupMod(group) => self.group(group),
            Body::MeterMod(meter) => self.meter(meter),
            _ => Err(BAD_TYPE),
        }
    }

    fn flow(&mut self, flow: &FlowMod) -> Result<(), Code> {
        let key = (flow.table, flow.priority, flow.match_.clone());
        self.touched.0.remove(&key);
        match flow.command {
            FlowModCommand::Add => {
                self.check(flow)?;
                let flow = flow.clone().canonical();
                let full = self.limit.is_some_and(|limit| self.flows.len() >= limit);
                if full && !self.flows.contains_key(&key) {
                    return Err(TABLE_FULL);
                }
                self.flows.insert(key, Arc::new(Row { cookie: flow.cookie, instructions: flow.instructions.into() }));
                Ok(())
            }
            FlowModCommand::DeleteStrict => {
                self.flows.remove(&key);
                Ok(())
            }
            FlowModCommand::Delete if flow.match_.is_empty() => {
                let all = flow.table == ofp::TABLE_ALL;
                self.touched.0.clear();
                self.flows.retain(|(table, ..), row| {
                    !(all || *table == flow.table) || row.cookie & flow.cookie_mask != flow.cookie & flow.cookie_mask
                });
                Ok(())
            }
            _ => Err(BAD_COMMAND),
        }
    }

    fn check(&self, flow: &FlowMod) -> Result<(), Code> {
        if flow.table >= TABLES {
            return Err(BAD_TABLE);
        }
        for instruction in &flow.instructions {
            match instruction {
                Instruction::GotoTable(next) if *next <= flow.table || *next >= TABLES => return Err(BAD_TABLE),
                Instruction::Meter(id) if !self.meters.contains_key(id) => return Err(INVALID_METER),
                Instruction::ApplyActions(actions) => self.check_actions(actions)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_actions(&self, actions: &[Action]) -> Result<(), Code> {
        let missing = |action: &Action| matches!(action, Action::Group(id) if !self.groups.contains_key(id));
        if actions.iter().any(missing) { Err(BAD_OUT_GROUP) } else { Ok(()) }
    }

    fn group(&mut self, group: &GroupMod) -> Result<(), Code> {
        let GroupMod { command, kind, group_id, buckets } = group;
        let there = self.groups.contains_key(group_id);
        self.touched.1.remove(group_id);
        match command {
            GroupModCommand::Add if there => return Err(GROUP_EXISTS),
            GroupModCommand::Modify if !there => return Err(UNKNOWN_GROUP),
            GroupModCommand::Delete => {
                // The flows that name it go along.
                self.groups.remove(group_id);
                self.flows.retain(|_, row| !names_group(&row.instructions, *group_id));
                return Ok(());
            }
            _ => {}
        }
        buckets.iter().try_for_each(|bucket| self.check_actions(&bucket.actions))?;
        let desc = GroupDesc { kind: *kind, group_id: *group_id, buckets: buckets.clone() };
        self.groups.insert(*group_id, Arc::new(desc));
        Ok(())
    }

    fn meter(&mut self, meter: &MeterMod) -> Result<(), Code> {
        let there = self.meters.contains_key(&meter.meter_id);
        match meter.command {
            MeterModCommand::Add if there => return Err(METER_EXISTS),
            MeterModCommand::Modify | MeterModCommand::Delete if !there => return Err(UNKNOWN_METER),
            MeterModCommand::Delete => {
                self.meters.remove(&meter.meter_id);
                let named = Instruction::Meter(meter.meter_id);
                self.flows.retain(|_, row| !row.instructions.contains(&named));
                return Ok(());
            }
            _ => {}
        }
        let MeterMod { flags, meter_id, bands, .. } = meter.clone().canonical();
        self.meters.insert(meter_id, MeterConfig { flags, meter_id, bands });
        Ok(())
    }

    /// The flows, as a switch reports them.
    pub fn stats(&self) -> Vec<FlowStats> {
        let stats = |((table, priority, match_), row): (&FlowKey, &Arc<Row>)| FlowStats {
            table: *table,
            priority: *priority,
            cookie: row.cookie,
            match_: match_.clone(),
            instructions: row.instructions.to_vec(),
            ..FlowStats::default()
        };
        self.flows.iter().map(stats).collect()
    }

    /// What they do to packets. `forgets`: rows of these tables do not look at the network.
    pub fn evaluator(&self, forgets: &BTreeSet<u8>) -> eval::Switch {
        let flows = self.flows.iter().filter_map(|((table, priority, match_), row)| {
            let match_ = if forgets.contains(table) { without_network(match_) } else { match_.clone() };
            let (table, instructions) = (Table::from_id(*table)?, row.instructions.clone());
            Some(Item::Flow(Flow { table, priority: *priority, match_, instructions, why: "", drop: None }))
        });
        let groups = self.groups.values().map(|group| {
            let GroupDesc { kind, group_id, buckets } = (**group).clone();
            Item::Group(Group { id: group_id, kind, buckets, why: "" })
        });
        let meters = self.meters.values().map(|meter| {
            let MeterConfig { flags, meter_id, bands } = meter.clone();
            Item::Meter(Meter { id: meter_id, flags, bands, why: "" })
        });
        eval::Switch::new(flows.chain(groups).chain(meters).map(|item| (Arc::new(item), None)))
    }
}

/// Whether a flow copies by a group.
pub fn names_group(instructions: &[Instruction], group: u32) -> bool {
    let lists = instructions.iter().filter_map(|instruction| match instruction {
        Instruction::ApplyActions(actions) => Some(actions),
        _ => None,
    });
    lists.flatten().any(|action| *action == Action::Group(group))
}

/// A match that holds on every network.
fn without_network(match_: &Match) -> Match {
    let net = flows::Reg::Net;
    let (_, bits) = net.matching(0);
    match_.iter().fold(Match::new(), |kept, (field, value, mask)| {
        let mask = if field == net.field() { mask & !bits } else { mask };
        if mask == 0 { kept } else { kept.masked(field, ofp::Value(value & mask), ofp::Value(mask)) }
    })
}
