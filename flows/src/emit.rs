//! The only way to want something on a switch: a builder that refuses what the table's declaration does not allow.

mod conntrack;

use std::sync::Arc;

use std::net::IpAddr;

use addr::OfPort;
use ofp::{
    Action, Controller, Field, Instruction, Learn, LearnDst, LearnSpec, LearnSrc, Match, MatchFields, MeterBand,
    Subfield, Value,
};
use topology::ChassisKey;

use crate::cookie::ACCUSED_COOKIE;
use crate::item::{Drop, Flow, Item, Meter, PuntOp, flow_hash};
use crate::meter::{PortMeter, SHARE_BITS};
use crate::pipeline::{Miss, Table, TableSpec};
use crate::recent::Recent;
use crate::registers::Reg;
use crate::replicate::{self, Part};

/// Buckets of a group that spreads. A power of two, of equal weight: the hash that Open vSwitch takes modulo at most 256 then
/// names a bucket by its place alone (`group_setup_dp_hash_table`).
pub const SLOTS: usize = 64;
/// How long after the last drop of a name a port's count of it is kept.
const COUNTED_IDLE_S: u16 = 3_600;

/// What the rows of one unit are gathered in.
#[derive(Debug)]
pub struct Emit {
    feature: &'static str,
    said: Vec<Said>,
    faults: Vec<Fault>,
    draft: Draft,
    recent: Recent,
}

/// An item that a unit wants on a chassis.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) chassis: ChassisKey,
    /// Of the item's key.
    pub(crate) hash: u32,
    pub(crate) item: Arc<Item>,
}

/// The row in the making: one at a time, so that its lists are made once for all.
#[derive(Debug, Default)]
struct Draft {
    match_: MatchFields,
    /// Register, value, mask: names that share a register are matched together.
    registers: Vec<(Field, u128, u128)>,
    actions: Vec<Action>,
    instructions: Vec<Instruction>,
}

/// A row that its table's declaration does not allow: a mistake of the feature's author, kept off the switch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature {feature}, table {table}: {what}")]
pub struct Fault {
    /// Whose row.
    pub feature: &'static str,
    /// Which table.
    pub table: &'static str,
    /// What is not allowed.
    pub what: String,
}

impl Emit {
    /// An empty one, for a feature.
    pub fn new(feature: &'static str) -> Emit {
        Emit { feature, said: Vec::new(), faults: Vec::new(), draft: Draft::default(), recent: Recent::new() }
    }

    /// Speaks of one chassis.
    pub fn on(&mut self, chassis: ChassisKey) -> On<'_> {
        On { emit: self, chassis }
    }

    /// What was emitted, and what was refused.
    pub fn finish(self) -> (Vec<(ChassisKey, Arc<Item>)>, Vec<Fault>) {
        (self.said.into_iter().map(|said| (said.chassis, said.item)).collect(), self.faults)
    }

    /// Goes on to another unit, maybe of another feature.
    pub(crate) fn begin(&mut self, feature: &'static str) {
        self.feature = feature;
        self.said.clear();
        self.faults.clear();
    }

    /// What was emitted since.
    pub(crate) fn said(&mut self) -> std::vec::Drain<'_, Said> {
        self.said.drain(..)
    }

    /// What was refused since.
    pub(crate) fn faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Says the row that has been drafted.
    fn row(
        &mut self,
        chassis: ChassisKey,
        (table, priority): (Table, u16),
        (meter, next): (Option<u32>, Option<Table>),
        (why, drop): (&'static str, Option<Drop>),
    ) {
        let Draft { match_, registers, actions, instructions } = &mut self.draft;
        for (field, value, mask) in registers.drain(..) {
            match_.set(field, value, mask);
        }
        instructions.extend(meter.map(Instruction::Meter));
        if !actions.is_empty() {
            instructions.push(Instruction::ApplyActions(std::mem::take(actions)));
        }
        instructions.extend(next.map(|table| Instruction::GotoTable(table.id())));
        let packed = match_.packed();
        let hash = flow_hash(table, priority, packed);
        let alike = |there: &Item| match there {
            Item::Flow(flow) => {
                (flow.table, flow.priority, flow.drop, flow.why) == (table, priority, drop, why)
                    && flow.match_.packed() == packed
                    && *flow.instructions == **instructions
            }
            _ => false,
        };
        let item = match self.recent.find(hash, alike) {
            Some(there) => there,
            None => {
                let instructions = self.recent.list(instructions);
                let match_ = Match::of(match_);
                self.recent.keep(hash, Item::Flow(Flow { table, priority, match_, instructions, why, drop }))
            }
        };
        self.said.push(Said { chassis, hash, item });
        // The list of actions is used again.
        if let Some(Instruction::ApplyActions(list)) =
            self.draft.instructions.iter_mut().find(|i| matches!(i, Instruction::ApplyActions(_)))
        {
            self.draft.actions = std::mem::take(list);
        }
    }

    fn say(&mut self, chassis: ChassisKey, item: Item) {
        let hash = item.key_hash();
        let item = match self.recent.find(hash, |there| *there == item) {
            Some(there) => there,
            None => self.recent.keep(hash, item),
        };
        self.said.push(Said { chassis, hash, item });
    }
}

/// An [`Emit`] for one chassis.
#[derive(Debug)]
pub struct On<'e> {
    emit: &'e mut Emit,
    chassis: ChassisKey,
}

impl On<'_> {
    /// The chassis.
    pub fn chassis(&self) -> ChassisKey {
        self.chassis
    }

    /// Starts a row; it is emitted by the method that says where it leads.
    pub fn row(&mut self, table: Table, priority: u16, why: &'static str) -> Row<'_> {
        let fault =
            (!table.spec().writers.contains(&self.emit.feature)).then(|| "this feature may not write it".to_owned());
        let fault = fault.or_else(|| (priority == 0).then(|| "priority 0 is the declared miss'".to_owned()));
        self.start(table.spec(), priority, why, fault)
    }

    fn start(&mut self, spec: &'static TableSpec, priority: u16, why: &'static str, fault: Option<String>) -> Row<'_> {
        let Draft { match_, registers, actions, instructions } = &mut self.emit.draft;
        match_.clear();
        registers.clear();
        actions.clear();
        instructions.clear();
        Row { emit: self.emit, chassis: self.chassis, spec, priority, why, meter: None, fault }
    }

    /// What happens to a packet that no row of a table matches, as the table's declaration has it: a row of its own, so
    /// that drops are counted under their names.
    pub(crate) fn miss(&mut self, table: Table) {
        let spec = table.spec();
        let why = "no other row matched";
        match spec.miss {
            Miss::Drop(drop) => self.start(spec, 0, why, None).drop(drop),
            Miss::Goto(next) => self.start(spec, 0, why, None).emit(Some(next), None),
            Miss::Covered | Miss::Answer => {}
        }
    }

    /// A group that makes copies, none of them back to the port that a packet came in by; a chain of groups if there are
    /// more than [`crate::COPIES_MAX`], under the numbers of `part`. A copy that finds no number is a fault, the others
    /// are made.
    pub fn replicate(
        &mut self,
        id: u32,
        part: impl Fn(usize) -> Option<Part>,
        copies: Vec<Vec<Action>>,
        why: &'static str,
    ) {
        let wanted = copies.len();
        let (groups, left_out) = replicate::groups(id, part, copies, why);
        if left_out > 0 {
            let what = format!("{left_out} of {wanted} copies on chassis {} have no room: {why}", self.chassis);
            self.emit.faults.push(Fault { feature: self.emit.feature, table: "groups", what });
        }
        for group in groups {
            self.emit.say(self.chassis, Item::Group(group));
        }
    }

    /// A group that takes one of its buckets: which one, the switch tells by a hash of addresses and TCP ports. It must have
    /// [`SLOTS`] of them: then the same packets take the same bucket, whatever the others become.
    pub fn spread(&mut self, id: u32, buckets: Vec<Vec<Action>>, why: &'static str) {
        if buckets.len() != SLOTS {
            let what = format!("group {id:#x} has {} buckets, not {SLOTS}: {why}", buckets.len());
            self.emit.faults.push(Fault { feature: self.emit.feature, table: "groups", what });
            return;
        }
        self.emit.say(self.chassis, Item::Group(replicate::select(id, buckets, why)));
    }

    /// A meter that drops what exceeds `rate` packets per second, after a burst.
    pub fn meter(&mut self, meter: PortMeter, rate: u32, burst: u32, why: &'static str) {
        // OFPMF_PKTPS | OFPMF_BURST | OFPMF_STATS (OpenFlow 1.3.5, 7.3.4.5).
        let flags = 0x2 | 0x4 | 0x8;
        let bands = vec![MeterBand::Drop { rate, burst }];
        self.emit.say(self.chassis, Item::Meter(Meter { id: meter.id(), flags, bands, why }));
    }
}

/// A row in the making.
#[derive(Debug)]
#[must_use = "a row is emitted by the method that says where it leads"]
pub struct Row<'e> {
    emit: &'e mut Emit,
    chassis: ChassisKey,
    spec: &'static TableSpec,
    priority: u16,
    why: &'static str,
    meter: Option<u32>,
    fault: Option<String>,
}

impl Row<'_> {
    // ---- what it matches ----

    /// A field has a value.
    pub fn when(mut self, field: Field, value: impl Into<Value>) -> Self {
        self.check(self.spec.matches.contains(&field), || format!("may not match {}", field.name()));
        self.emit.draft.match_.set(field, value.into().0, u128::MAX);
        self
    }

    /// A field has a value under a mask. IPv6 masks must be prefixes: any other makes OVS's megaflows exact.
    pub fn when_masked(mut self, field: Field, value: impl Into<Value>, mask: impl Into<Value>) -> Self {
        let mask: Value = mask.into();
        self.check(self.spec.matches.contains(&field), || format!("may not match {}", field.name()));
        let is_v6 = field == Field::IPV6_SRC || field == Field::IPV6_DST || field == Field::ND_TARGET;
        let contiguous = mask.0.leading_ones() + mask.0.trailing_zeros() >= 128;
        self.check(!is_v6 || contiguous, || format!("mask of {} is no prefix", field.name()));
        self.emit.draft.match_.set(field, value.into().0, mask.0);
        self
    }

    /// A register has a value.
    pub fn when_reg(mut self, reg: Reg, value: impl Into<u64>) -> Self {
        self.check(self.spec.reads.contains(&reg), || format!("may not read {}", reg.spec().name));
        let (value, mask) = reg.matching(value.into());
        match self.emit.draft.registers.iter_mut().find(|(field, ..)| *field == reg.field()) {
            Some((_, v, m)) => (*v, *m) = (*v | value, *m | mask),
            None => self.emit.draft.registers.push((reg.field(), value, mask)),
        }
        self
    }

    /// It is of one of the ports that share a meter: of those that register `judged` may have.
    pub fn when_shares(mut self, share: u32) -> Self {
        self.check(self.spec.reads.contains(&Reg::Judged), || "may not read judged".to_owned());
        let part = Reg::Judged.field().sub(Reg::Judged.spec().offset, SHARE_BITS);
        let value = u128::from(share) << Reg::Judged.spec().offset;
        self.emit.draft.registers.push((Reg::Judged.field(), value, part.mask()));
        self
    }

    /// A register of 128 bits holds an address.
    pub fn when_address(mut self, reg: Reg, address: IpAddr) -> Self {
        self.check(self.spec.reads.contains(&reg), || format!("may not read {}", reg.spec().name));
        self.emit.draft.registers.push((reg.field(), Reg::address(address), u128::MAX));
        self
    }

    /// It is IPv6.
    pub fn ipv6(self) -> Self {
        self.when(Field::ETH_TYPE, 0x86ddu16)
    }

    /// It is IPv4.
    pub fn ipv4(self) -> Self {
        self.when(Field::ETH_TYPE, 0x0800u16)
    }

    /// It is ARP.
    pub fn arp(self) -> Self {
        self.when(Field::ETH_TYPE, 0x0806u16)
    }

    /// It is an ICMPv6 message of a type; with code 0, as all of neighbour discovery has (RFC 4861, 4).
    pub fn icmpv6(self, kind: u8) -> Self {
        self.ipv6().when(Field::IP_PROTO, 58u8).when(Field::ICMPV6_TYPE, kind).when(Field::ICMPV6_CODE, 0u8)
    }

    // ---- what it does ----

    /// Sets a field.
    pub fn set(mut self, field: Field, value: impl Into<Value>) -> Self {
        self.check(self.spec.sets.contains(&field), || format!("may not set {}", field.name()));
        let value: Value = value.into();
        self.emit.draft.actions.push(Action::SetField { field, value: value.0, mask: None });
        self
    }

    /// Copies a field to a field of the same size.
    pub fn copy(self, from: Field, to: Field) -> Self {
        self.copy_bits(Subfield::all(from), Subfield::all(to))
    }

    /// Copies bits of a field or register to as many bits of a field.
    pub fn copy_bits(mut self, src: Subfield, dst: Subfield) -> Self {
        self.check(self.spec.sets.contains(&dst.field), || format!("may not set {}", dst.field.name()));
        self.check(src.bits == dst.bits, || format!("copies {} bits to {}", src.bits, dst.bits));
        self.emit.draft.actions.push(Action::RegMove { src, dst });
        self
    }

    /// Sets a register.
    pub fn load(mut self, reg: Reg, value: impl Into<u64>) -> Self {
        self.check(self.spec.loads.contains(&reg), || format!("may not set {}", reg.spec().name));
        let value = value.into();
        let bits = reg.spec().bits;
        self.check(bits == 64 || value >> bits == 0, || format!("{value} does not fit {}", reg.spec().name));
        self.emit.draft.actions.push(Action::RegLoad { dst: reg.subfield(), value });
        self
    }

    /// Sets a register of 128 bits to an address.
    pub fn load_address(mut self, reg: Reg, address: IpAddr) -> Self {
        self.check(self.spec.loads.contains(&reg), || format!("may not set {}", reg.spec().name));
        let value = Reg::address(address);
        self.emit.draft.actions.push(Action::SetField { field: reg.field(), value, mask: None });
        self
    }

    /// Sets bits of a field to a number.
    pub fn load_bits(mut self, dst: Subfield, value: u64) -> Self {
        self.check(self.spec.sets.contains(&dst.field), || format!("may not set {}", dst.field.name()));
        self.emit.draft.actions.push(Action::RegLoad { dst, value });
        self
    }

    /// Keeps a field in a register, right-aligned.
    pub fn keep(self, field: Field, reg: Reg) -> Self {
        self.keep_bits(Subfield::all(field), reg)
    }

    /// Keeps bits of a field in a register, right-aligned.
    pub fn keep_bits(mut self, src: Subfield, reg: Reg) -> Self {
        self.check(self.spec.loads.contains(&reg), || format!("may not set {}", reg.spec().name));
        self.check(src.bits <= reg.spec().bits, || format!("{src} does not fit {}", reg.spec().name));
        let dst = reg.field().sub(reg.spec().offset, src.bits);
        self.emit.draft.actions.push(Action::RegMove { src, dst });
        self
    }

    /// Sets a field to what a register keeps, right-aligned.
    pub fn restore(self, reg: Reg, field: Field) -> Self {
        self.copy_bits(reg.field().sub(reg.spec().offset, field.bits()), Subfield::all(field))
    }

    /// Asks a table: what it finds stands in registers, and this row goes on.
    pub fn ask(mut self, table: Table) -> Self {
        self.check(self.spec.asks.contains(&table), || format!("may not ask {}", table.spec().name));
        self.emit.draft.actions.push(Action::Resubmit { port: None, table: Some(table.id()), ct: false });
        self
    }

    /// Asks the meter of the port that it came in by, before it is answered.
    pub fn meter_answer(self) -> Self {
        self.keep_bits(Field::IN_PORT.sub(0, 16), Reg::Judged).ask(Table::Answers)
    }

    /// As if it came in by another port: what shares one with others has a number of its own.
    pub fn enters_by(self, port: OfPort) -> Self {
        self.load_bits(Subfield::all(Field::IN_PORT_NXM), port.0.into())
    }

    /// Lowers the hop limit by one.
    pub fn dec_ttl(self) -> Self {
        self.emit.draft.actions.push(Action::DecNwTtl);
        self
    }

    /// Sets `larger` to whether the frame, Ethernet header included, is longer than `bytes`.
    pub fn measure(mut self, bytes: u16) -> Self {
        self.check(self.spec.loads.contains(&Reg::Larger), || "may not set larger".to_owned());
        self.emit.draft.actions.push(Action::CheckPktLarger { len: bytes, dst: Reg::Larger.subfield() });
        self
    }

    /// Takes the VLAN tag off.
    pub fn pop_vlan(self) -> Self {
        self.emit.draft.actions.push(Action::PopVlan);
        self
    }

    /// Puts an 802.1Q tag on.
    pub fn push_vlan(self) -> Self {
        self.emit.draft.actions.push(Action::PushVlan(0x8100));
        self
    }

    /// Goes through a meter first.
    pub fn metered(mut self, meter: PortMeter) -> Self {
        self.meter = Some(meter.id());
        self
    }

    // ---- where it leads: emits the row ----

    /// On to a later table.
    pub fn goto(mut self, table: Table) {
        self.check(self.spec.next.contains(&table), || format!("may not lead to {}", table.spec().name));
        self.emit(Some(table), None);
    }

    /// Over again from an earlier table.
    pub fn reenter(mut self, table: Table) {
        self.check(self.spec.reenters.contains(&table), || format!("may not start over at {}", table.spec().name));
        self.emit.draft.actions.push(Action::Resubmit { port: None, table: Some(table.id()), ct: false });
        self.emit(None, None);
    }

    /// Nowhere: who asked goes on.
    pub fn answer(mut self) {
        self.check(self.spec.miss == Miss::Answer, || "nobody asks it".to_owned());
        self.emit(None, None);
    }

    /// Out of the port that is judged.
    pub fn deliver(mut self) {
        self.check(self.spec.outputs, || "may not send packets out".to_owned());
        self.emit.draft.actions.push(Action::OutputReg { src: Reg::Judged.subfield(), max_len: u16::MAX });
        self.emit(None, None);
    }

    /// Out of a port.
    pub fn output(mut self, port: OfPort) {
        self.check(self.spec.outputs, || "may not send packets out".to_owned());
        self.emit.draft.actions.push(Action::Output { port, max_len: 0 });
        self.emit(None, None);
    }

    /// Back out of the port that it came in by.
    pub fn back(self) {
        self.output(OfPort::IN_PORT);
    }

    /// Out by a group.
    pub fn group(mut self, id: u32) {
        self.check(self.spec.outputs, || "may not send packets out".to_owned());
        self.emit.draft.actions.push(Action::Group(id));
        self.emit(None, None);
    }

    /// Nowhere, under a name. If that accuses the port that it came in by, or is what a port's groups say, the switch counts it for
    /// that port.
    pub fn drop(self, drop: Drop) {
        let counted = if drop.accuses() {
            let port = [Subfield::all(Field::IN_PORT), Reg::Net.subfield()];
            Some((Table::Accused, Reg::Accused, count(Table::Accused, &port, Reg::Accused, drop)))
        } else if drop.is_of_groups() {
            let port = [Reg::Judged.subfield(), Reg::Leaves.subfield()];
            Some((Table::Refused, Reg::Refused, count(Table::Refused, &port, Reg::Refused, drop)))
        } else {
            None
        };
        if let Some((table, reason, learn)) = counted {
            self.emit.draft.actions.extend([
                Action::RegLoad { dst: reason.subfield(), value: drop as u64 },
                Action::Learn(learn),
                Action::Resubmit { port: None, table: Some(table.id()), ct: false },
            ]);
        }
        self.emit(None, Some(drop));
    }

    /// Nowhere, under a name, without being counted for anybody.
    pub fn drop_uncounted(self, drop: Drop) {
        self.emit(None, Some(drop));
    }

    /// To the controller, by way of the punt table.
    pub fn punt(self, op: PuntOp) {
        self.load(Reg::PuntOp, op as u64).load(Reg::PuntClass, op.class() as u64).goto(Table::Punt);
    }

    /// To the controller, from here: only the punt table does.
    pub fn to_controller(mut self, userdata: Vec<u8>) {
        self.check(self.spec.table == Table::Punt, || "punts go by way of the punt table".to_owned());
        self.emit
            .draft
            .actions
            .push(Action::Controller(Controller { userdata: userdata.into(), ..Controller::default() }));
        self.emit(None, None);
    }

    fn check(&mut self, allowed: bool, what: impl FnOnce() -> String) {
        if !allowed && self.fault.is_none() {
            self.fault = Some(what());
        }
    }

    fn emit(mut self, next: Option<Table>, drop: Option<Drop>) {
        if let Some(what) = self.fault.take() {
            let fault = Fault { feature: self.emit.feature, table: self.spec.name, what };
            self.emit.faults.push(fault);
            return;
        }
        let at = (self.spec.table, self.priority);
        self.emit.row(self.chassis, at, (self.meter, next), (self.why, drop));
    }
}

/// The row that counts drops of a name by what tells the port: made by the switch with the first of them.
fn count(table: Table, port: &[Subfield], reason: Reg, drop: Drop) -> Learn {
    let spec = |src, subfield: Subfield| LearnSpec { bits: subfield.bits, src, dst: LearnDst::Match(subfield) };
    let own = port.iter().map(|subfield| spec(LearnSrc::Field(*subfield), *subfield));
    Learn {
        idle_timeout_s: COUNTED_IDLE_S,
        priority: 1,
        cookie: ACCUSED_COOKIE,
        table: table.id(),
        specs: own.chain([spec(LearnSrc::Imm(drop as u128), reason.subfield())]).collect(),
        ..Learn::default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn an_ipv6_mask_that_is_no_prefix_is_refused() {
        let emitted = |mask: &str| {
            let mask: Ipv6Addr = mask.parse().unwrap();
            let mut emit = Emit::new("icmp");
            let mut on = emit.on(ChassisKey(1));
            let row = on.row(Table::RouterIn, 10, "a test").ipv6();
            row.when_masked(Field::IPV6_DST, Ipv6Addr::LOCALHOST, mask).drop(Drop::NotRoutable);
            emit.finish()
        };
        for mask in ["ffff:ffff::ffff", "::ffff", "7fff::"] {
            let (items, faults) = emitted(mask);
            assert!(items.is_empty(), "{mask}");
            assert!(faults[0].to_string().ends_with("mask of ipv6_dst is no prefix"), "{}", faults[0]);
        }
        for mask in ["ffff:fff8::", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert_eq!(emitted(mask).1, [], "{mask}");
        }
    }
}
