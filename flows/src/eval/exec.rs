//! The run of one packet: tables, actions, groups, until it has left or not.

use addr::OfPort;
use ofp::{Action, Bucket, Controller, Ct, Field, GroupType, Instruction, Nat, ZoneSrc, ct_flags, nat_flags};
use packet::Vlan;

use super::connections::{self, Connections};
use super::extract::{Layout, extract};
use super::rewrite::rewrite;
use super::{DEPTH_MAX, Fate, Headers, LOOKUPS_MAX, Output, Problem, Step, Switch, Trace, Tunnel};
use crate::cookie::counts_drops;
use crate::item::Flow;
use crate::pipeline::Table;

/// One packet on its way.
#[derive(Clone)]
pub(super) struct Run<'s> {
    switch: &'s Switch,
    known: &'s Connections,
    frame: &'s [u8],
    layout: Layout,
    /// The fields as they came.
    original: Headers,
    /// The fields as they are.
    headers: Headers,
    depth: usize,
    lookups: usize,
    /// The next length that is measured comes out the other way.
    contrary: bool,
    /// The packet is given up, whatever becomes of it here.
    given_up: bool,
    /// Conntrack holds it: whatever else is to be done with it, is not.
    held: bool,
    /// Copies that went into conntrack, and the tables in which they go on: each is a translation of its own.
    waiting: Vec<(u8, Headers)>,
    tracked: usize,
    trace: Trace,
}

/// Why an action list ends before its end.
enum Stop {
    /// This list only: the hop limit has run out.
    List,
    /// All: the switch gives the packet up.
    All,
}

impl<'s> Run<'s> {
    pub(super) fn new(
        switch: &'s Switch,
        known: &'s Connections,
        frame: &'s [u8],
        in_port: OfPort,
        tunnel: Option<Tunnel>,
    ) -> Run<'s> {
        let (mut headers, layout) = extract(frame);
        headers.set(Field::IN_PORT, in_port);
        if let Some(tunnel) = tunnel {
            headers.set_tunnel(&tunnel);
        }
        let original = headers.clone();
        Run {
            switch,
            known,
            frame,
            layout,
            original,
            headers,
            depth: 0,
            lookups: 0,
            contrary: false,
            given_up: false,
            held: false,
            waiting: Vec::new(),
            tracked: 0,
            trace: Trace::default(),
        }
    }

    /// From the first table on.
    pub(super) fn pipeline(mut self) -> Trace {
        let result = self.tables(Table::Classify.id(), false);
        self.finish(result)
    }

    /// By the controller's actions.
    pub(super) fn packet_out(mut self, actions: &[Action]) -> Trace {
        let result = self.actions(None, None, Table::Classify.id(), actions);
        self.finish(result)
    }

    fn finish(mut self, result: Result<(), Stop>) -> Trace {
        self.settle(0, result);
        while !self.waiting.is_empty() {
            let (table, headers) = self.waiting.remove(0);
            self.headers = headers;
            (self.depth, self.lookups, self.contrary, self.given_up, self.held) = (0, 0, false, false, false);
            self.tracked += 1;
            let (before, waiting) = (self.trace.outputs.len(), std::mem::take(&mut self.waiting));
            let result = self.tables(table, false);
            self.settle(before, result);
            self.waiting.splice(..0, waiting);
        }
        if self.trace.outputs.is_empty() {
            self.held = false;
            self.leave(None, Fate::Dropped(None));
        }
        self.trace
    }

    /// What is too deep for the switch sends nothing, from one conntrack to the next.
    fn settle(&mut self, before: usize, result: Result<(), Stop>) {
        if matches!(result, Err(Stop::All)) || self.given_up {
            self.trace.outputs.truncate(before);
            self.waiting.clear();
            self.trace.problems.push(Problem::TooDeep);
        }
    }

    /// A table, and those that its row leads on to. `deepens`: it is one that was passed before, so that its row's actions are
    /// a level deeper than the row was looked up.
    fn tables(&mut self, first: u8, deepens: bool) -> Result<(), Stop> {
        let mut next = self.table(first, deepens)?;
        self.depth += usize::from(deepens);
        while let Some(table) = next {
            next = self.table(table, false)?;
        }
        self.depth -= usize::from(deepens);
        Ok(())
    }

    fn table(&mut self, id: u8, deepens: bool) -> Result<Option<u8>, Stop> {
        self.lookups += 1;
        self.bounded()?;
        let table = Table::from_id(id);
        if matches!(table, Some(Table::Accused | Table::Refused)) {
            return Ok(None);
        }
        let switch = self.switch;
        let Some((held, rival)) = switch.lookup(id, &self.headers) else {
            self.step(Step { table, item: None, unit: None, changes: Vec::new(), tracked: self.tracked });
            return Ok(None);
        };
        let at = self.step(Step {
            table,
            item: Some(held.item.clone()),
            unit: held.unit,
            changes: Vec::new(),
            tracked: self.tracked,
        });
        let Some(flow) = held.flow() else { return Ok(None) };
        if let Some(rival) = rival {
            let alike = flow.instructions == rival.instructions;
            let problem = if alike { Problem::TwoNames } else { Problem::Overlap };
            self.trace.problems.push(problem(flow.clone(), rival.clone()));
        }
        self.depth += usize::from(deepens);
        if measures(flow) {
            self.other_side(at, id, flow);
        }
        let next = self.row(at, id, flow);
        self.depth -= usize::from(deepens);
        next
    }

    /// Open vSwitch translates both sides of a measured length, for packets of any, and gives both up if one of them is too deep.
    fn other_side(&mut self, at: usize, table: u8, flow: &Flow) {
        let mut other = self.clone();
        other.contrary = true;
        let mut next = other.row(at, table, flow);
        while let Ok(Some(table)) = next {
            next = other.table(table, false);
        }
        self.lookups = other.lookups;
        self.given_up |= other.given_up || matches!(next, Err(Stop::All));
    }

    fn row(&mut self, at: usize, table: u8, flow: &Flow) -> Result<Option<u8>, Stop> {
        let (mut next, mut meter) = (None, None);
        for instruction in &*flow.instructions {
            match instruction {
                Instruction::Meter(id) => meter = Some(*id),
                Instruction::ApplyActions(actions) => match self.actions(Some(at), meter, table, actions) {
                    Err(Stop::List) => return Ok(None),
                    other => other?,
                },
                Instruction::GotoTable(id) => next = Some(*id),
                Instruction::WriteMetadata { metadata, mask } => {
                    let kept = self.headers.get(Field::METADATA) & !u128::from(*mask);
                    self.write(Some(at), Field::METADATA, kept | u128::from(metadata & mask));
                }
                other => self.unknown(format!("{other:?}")),
            }
        }
        if let Some(drop) = flow.drop {
            self.leave(Some(at), Fate::Dropped(Some(drop)));
        }
        Ok(next)
    }

    fn actions(&mut self, at: Option<usize>, meter: Option<u32>, table: u8, list: &[Action]) -> Result<(), Stop> {
        for action in list {
            match action {
                Action::Output { port, .. } => self.output(at, meter, *port),
                Action::Controller(controller) => self.punt(at, meter, controller),
                Action::Group(id) => self.group(meter, table, *id)?,
                Action::Resubmit { port: None, table: to, ct: false } => {
                    let to = to.unwrap_or(table);
                    self.tables(to, to <= table)?;
                }
                Action::OutputReg { src, .. } => self.output(at, meter, OfPort(self.headers.bits(*src) as u32)),
                Action::Ct(ct) => self.track(ct),
                Action::DecNwTtl => self.dec_ttl(at, meter)?,
                Action::PushVlan(_) | Action::PopVlan => self.tag(at, action),
                // It counts; what it makes lets no packet through.
                Action::Learn(learn) if counts_drops(learn.table, learn.cookie) => {}
                Action::SetField { .. }
                | Action::RegMove { .. }
                | Action::RegLoad { .. }
                | Action::CheckPktLarger { .. } => self.set(at, action),
                other => self.unknown(format!("{other:?}")),
            }
        }
        Ok(())
    }

    /// Through conntrack: a copy goes on in a table, if there is one; the packet itself goes on untracked.
    fn track(&mut self, ct: &Ct) {
        // A translation stands for itself as far as it is of the packet alone: a new connection gets its source. Of those that are known nothing
        // is kept but that they are.
        let source = match ct.exec[..] {
            [] => None,
            [Action::Nat(Nat { flags: nat_flags::SRC, min: Some(min), max: None, port_min: None, port_max: None })] => {
                Some(min)
            }
            [Action::Nat(nat)] if nat == Nat::default() => None,
            _ => {
                self.unknown(format!("{ct:?}"));
                None
            }
        };
        if ct.flags & !ct_flags::COMMIT != 0 {
            self.unknown(format!("{ct:?}"));
        }
        let zone = match ct.zone {
            ZoneSrc::Imm(zone) => zone,
            ZoneSrc::Field(part) => self.headers.bits(part) as u16,
        };
        let read = connections::read(self.frame, &self.layout, &self.headers);
        if ct.flags & ct_flags::COMMIT != 0 {
            self.trace.commits.extend(read.connection(zone));
        }
        if let Some(table) = ct.table {
            let mut copy = self.headers.clone();
            if let Some(std::net::IpAddr::V4(source)) = source {
                copy.set_bits(ofp::Subfield::all(Field::IPV4_SRC), u128::from(u32::from(source)));
            }
            if self.known.look_up(zone, &read, &mut copy) {
                if !self.held {
                    self.waiting.push((table, copy));
                }
            } else {
                (self.held, self.trace.held) = (true, true);
            }
        }
        connections::forget(&mut self.headers);
    }

    /// Actions that write fields.
    fn set(&mut self, at: Option<usize>, action: &Action) {
        let (dst, value) = match action {
            Action::SetField { field, value, mask } => {
                let mask = mask.unwrap_or(u128::MAX);
                (*field, self.headers.get(*field) & !mask | value & mask)
            }
            Action::RegMove { src, dst } => {
                let mut copy = self.headers.clone();
                copy.set_bits(*dst, self.headers.bits(*src));
                (dst.field, copy.get(dst.field))
            }
            Action::RegLoad { dst, value } => {
                let mut copy = self.headers.clone();
                copy.set_bits(*dst, u128::from(*value));
                (dst.field, copy.get(dst.field))
            }
            Action::CheckPktLarger { len, dst } => {
                let mut copy = self.headers.clone();
                let larger = self.bytes().len() - self.padding() > usize::from(*len);
                copy.set_bits(*dst, u128::from(larger != std::mem::take(&mut self.contrary)));
                (dst.field, copy.get(dst.field))
            }
            _ => return,
        };
        self.write(at, dst, value);
    }

    fn tag(&mut self, at: Option<usize>, action: &Action) {
        match action {
            Action::PushVlan(tpid) => self.headers.tags.insert(0, Vlan { tpid: *tpid, tci: 0 }),
            _ if !self.headers.tags.is_empty() => drop(self.headers.tags.remove(0)),
            _ => {}
        }
        self.note(at, Field::VLAN_VID);
    }

    fn dec_ttl(&mut self, at: Option<usize>, meter: Option<u32>) -> Result<(), Stop> {
        if !matches!(self.headers.get(Field::ETH_TYPE), 0x0800 | 0x86dd) {
            return Ok(());
        }
        let ttl = self.headers.get(Field::NW_TTL);
        if ttl <= 1 {
            let reason = ofp::packet_in_reason::INVALID_TTL;
            self.punt(at, meter, &Controller { reason, ..Controller::default() });
            return Err(Stop::List);
        }
        self.write(at, Field::NW_TTL, ttl - 1);
        Ok(())
    }

    fn output(&mut self, at: Option<usize>, meter: Option<u32>, port: OfPort) {
        // Rows may have put another in its place.
        let in_port = OfPort(self.headers.get(Field::IN_PORT) as u32);
        match port {
            OfPort::IN_PORT => self.leave(at, Fate::Port(in_port)),
            OfPort::CONTROLLER => self.punt(at, meter, &Controller::default()),
            port if port == in_port => {}
            port if port.is_ordinary() || port == OfPort::LOCAL => self.leave(at, Fate::Port(port)),
            port => self.unknown(format!("output to {port}")),
        }
    }

    fn punt(&mut self, at: Option<usize>, meter: Option<u32>, controller: &Controller) {
        let fate = Fate::Controller {
            userdata: controller.userdata.to_vec(),
            meter: controller.meter_id.or(meter),
            metadata: self.headers.metadata(),
            reason: controller.reason,
        };
        self.leave(at, fate);
    }

    /// A bucket's actions are a set, done in the order of OpenFlow 1.3.5, 5.10, in which ours are written. What one changes
    /// the next doesn't see.
    fn group(&mut self, meter: Option<u32>, table: u8, id: u32) -> Result<(), Stop> {
        self.bounded()?;
        let switch = self.switch;
        let Some((held, group)) = switch.group(id) else {
            self.trace.problems.push(Problem::NoGroup(id));
            return Ok(());
        };
        let at = self.step(Step {
            table: None,
            item: Some(held.item.clone()),
            unit: held.unit,
            changes: Vec::new(),
            tracked: self.tracked,
        });
        let buckets: Vec<&Bucket> = match group.kind {
            GroupType::All => group.buckets.iter().collect(),
            GroupType::Select => alternatives(&group.buckets),
            GroupType::Indirect | GroupType::FastFailover => group.buckets.iter().take(1).collect(),
        };
        // Which one it is depends on how the switch was compiled: all are followed.
        self.trace.alternatives |= group.kind == GroupType::Select && buckets.len() > 1;
        let before = self.headers.clone();
        self.depth += 1;
        for bucket in buckets {
            match self.actions(Some(at), meter, table, &bucket.actions) {
                Err(Stop::List) => {}
                other => other?,
            }
            self.headers = before.clone();
        }
        self.depth -= 1;
        Ok(())
    }

    fn bounded(&mut self) -> Result<(), Stop> {
        if self.depth < DEPTH_MAX && self.lookups <= LOOKUPS_MAX {
            return Ok(());
        }
        Err(Stop::All)
    }

    fn step(&mut self, step: Step) -> usize {
        self.trace.steps.push(step);
        self.trace.steps.len() - 1
    }

    fn write(&mut self, at: Option<usize>, field: Field, value: u128) {
        let field = if field == Field::IN_PORT_NXM { Field::IN_PORT } else { field };
        self.headers.set(field, value);
        self.note(at, field);
    }

    /// Notes a field's value with the step that gave it.
    fn note(&mut self, at: Option<usize>, field: Field) {
        let value = self.headers.get(field);
        if let Some(step) = at.and_then(|at| self.trace.steps.get_mut(at)) {
            step.changes.push((field, value));
        }
    }

    fn unknown(&mut self, what: String) {
        self.trace.problems.push(Problem::Unknown(what));
    }

    /// The frame as it is now.
    fn bytes(&mut self) -> Vec<u8> {
        let (bytes, past_end) = rewrite(self.frame, &self.layout, &self.original, &self.headers);
        if past_end && !self.trace.problems.contains(&Problem::PastTheEnd) {
            self.trace.problems.push(Problem::PastTheEnd);
        }
        bytes
    }

    /// Bytes behind what the network header announces: the data path does not measure them.
    fn padding(&self) -> usize {
        self.frame.len() - self.layout.end
    }

    fn leave(&mut self, step: Option<usize>, fate: Fate) {
        if self.held {
            return;
        }
        let frame = self.bytes();
        let output = Output { fate, step, frame, tunnel: self.headers.tunnel() };
        self.trace.outputs.push(output);
    }
}

/// The buckets that may be taken, each that does the same once.
fn alternatives(buckets: &[Bucket]) -> Vec<&Bucket> {
    let mut found: Vec<&Bucket> = Vec::new();
    for bucket in buckets.iter().filter(|bucket| bucket.weight > 0) {
        if !found.iter().any(|other| other.actions == bucket.actions) {
            found.push(bucket);
        }
    }
    found
}

fn measures(flow: &Flow) -> bool {
    let lists = flow.instructions.iter().filter_map(|instruction| match instruction {
        Instruction::ApplyActions(actions) => Some(actions),
        _ => None,
    });
    lists.flatten().any(|action| matches!(action, Action::CheckPktLarger { .. }))
}
