//! Flows: changing, reporting and losing them.

use addr::OfPort;

use crate::wire::{Reader, Writer};
use crate::{Bad, Instruction, Match};

/// Flags of flows.
pub mod flow_flags {
    /// A flow-removed when it goes.
    pub const SEND_FLOW_REM: u16 = 1;
    /// Refuse if another flow of the same priority overlaps.
    pub const CHECK_OVERLAP: u16 = 2;
    /// Start the counters at zero.
    pub const RESET_COUNTS: u16 = 4;
    /// Don't count packets.
    pub const NO_PKT_COUNTS: u16 = 8;
    /// Don't count bytes.
    pub const NO_BYT_COUNTS: u16 = 16;
}

/// Why a flow went.
pub mod removed_reason {
    /// Idle too long.
    pub const IDLE_TIMEOUT: u8 = 0;
    /// Its time was over.
    pub const HARD_TIMEOUT: u8 = 1;
    /// Deleted by a flow-mod.
    pub const DELETE: u8 = 2;
    /// Its group was deleted.
    pub const GROUP_DELETE: u8 = 3;
    /// Its meter was deleted.
    pub const METER_DELETE: u8 = 4;
    /// Evicted to make room.
    pub const EVICTION: u8 = 5;
}

/// What a [`FlowMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FlowModCommand {
    /// Add, or replace the flow with the same table, priority and match.
    Add = 0,
    /// Change the instructions of all flows that the match covers.
    Modify = 1,
    /// Change the instructions of the flow with this match and priority.
    ModifyStrict = 2,
    /// Delete all flows that the match covers.
    Delete = 3,
    /// Delete the flow with this match and priority.
    DeleteStrict = 4,
}

/// A change of the flow table (OpenFlow 1.3.5, 7.3.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowMod {
    /// The flow's cookie, or with `cookie_mask` the one to look for.
    pub cookie: u64,
    /// The bits of the cookie that a modify or delete must find.
    pub cookie_mask: u64,
    /// The table; [`crate::TABLE_ALL`] in deletes.
    pub table: u8,
    /// What to do.
    pub command: FlowModCommand,
    /// Seconds without a packet until the flow goes; 0 never.
    pub idle_timeout_s: u16,
    /// Seconds until the flow goes; 0 never.
    pub hard_timeout_s: u16,
    /// Higher wins.
    pub priority: u16,
    /// A buffered packet to send through the flow, or [`crate::NO_BUFFER`].
    pub buffer_id: u32,
    /// Delete only flows with an output to this port; [`OfPort::ANY`]: all.
    pub out_port: OfPort,
    /// Delete only flows with this group; [`crate::GROUP_ANY`]: all.
    pub out_group: u32,
    /// See [`flow_flags`].
    pub flags: u16,
    /// Which packets.
    pub match_: Match,
    /// What is done with them.
    pub instructions: Vec<Instruction>,
}

impl Default for FlowMod {
    /// Adds a flow to table 0 that matches and does nothing, at `ovs-ofctl`'s priority of 32768.
    fn default() -> FlowMod {
        FlowMod {
            cookie: 0,
            cookie_mask: 0,
            table: 0,
            command: FlowModCommand::Add,
            idle_timeout_s: 0,
            hard_timeout_s: 0,
            priority: 0x8000,
            buffer_id: crate::NO_BUFFER,
            out_port: OfPort::ANY,
            out_group: crate::GROUP_ANY,
            flags: 0,
            match_: Match::default(),
            instructions: Vec::new(),
        }
    }
}

/// One flow, as a switch reports it (OpenFlow 1.3.5, 7.3.5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Its table.
    pub table: u8,
    /// How long it has been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
    /// Higher wins.
    pub priority: u16,
    /// Seconds without a packet until it goes; 0 never.
    pub idle_timeout_s: u16,
    /// Seconds until it goes; 0 never.
    pub hard_timeout_s: u16,
    /// See [`flow_flags`].
    pub flags: u16,
    /// Its cookie.
    pub cookie: u64,
    /// Packets so far.
    pub packets: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// Which packets.
    pub match_: Match,
    /// What is done with them.
    pub instructions: Vec<Instruction>,
}

/// A flow went (OpenFlow 1.3.5, 7.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowRemoved {
    /// Its cookie.
    pub cookie: u64,
    /// Its priority.
    pub priority: u16,
    /// See [`removed_reason`].
    pub reason: u8,
    /// Its table.
    pub table: u8,
    /// How long it had been there: whole seconds.
    pub duration_s: u32,
    /// And nanoseconds beyond them.
    pub duration_ns: u32,
    /// Its idle timeout, seconds.
    pub idle_timeout_s: u16,
    /// Its hard timeout, seconds.
    pub hard_timeout_s: u16,
    /// Packets it saw.
    pub packets: u64,
    /// Bytes it saw.
    pub bytes: u64,
    /// Which packets it matched.
    pub match_: Match,
}

impl FlowModCommand {
    fn from_number(number: u8) -> Result<FlowModCommand, Bad> {
        Ok(match number {
            0 => FlowModCommand::Add,
            1 => FlowModCommand::Modify,
            2 => FlowModCommand::ModifyStrict,
            3 => FlowModCommand::Delete,
            4 => FlowModCommand::DeleteStrict,
            _ => return Err(Bad::Value { value: number.into(), what: "flow-mod command" }),
        })
    }
}

impl FlowMod {
    /// What the switch will report of the flow: its instructions in the order in which Open vSwitch has them, and
    /// notes padded as it pads them. (The match is canonical by itself.)
    #[must_use]
    pub fn canonical(mut self) -> FlowMod {
        Instruction::canonicalize(&mut self.instructions);
        self
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FlowMod, Bad> {
        let (cookie, cookie_mask, table) = (r.u64()?, r.u64()?, r.u8()?);
        let command = FlowModCommand::from_number(r.u8()?)?;
        let (idle_timeout_s, hard_timeout_s, priority) = (r.u16()?, r.u16()?, r.u16()?);
        let (buffer_id, out_port, out_group, flags) = (r.u32()?, OfPort(r.u32()?), r.u32()?, r.u16()?);
        r.skip(2)?;
        let match_ = Match::read(r)?;
        let instructions = Instruction::read_list(r)?;
        Ok(FlowMod {
            cookie,
            cookie_mask,
            table,
            command,
            idle_timeout_s,
            hard_timeout_s,
            priority,
            buffer_id,
            out_port,
            out_group,
            flags,
            match_,
            instructions,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        // In one piece, for there are many of them.
        let mut fixed = [0; 40];
        fixed[..8].copy_from_slice(&self.cookie.to_be_bytes());
        fixed[8..16].copy_from_slice(&self.cookie_mask.to_be_bytes());
        fixed[16] = self.table;
        fixed[17] = self.command as u8;
        fixed[18..20].copy_from_slice(&self.idle_timeout_s.to_be_bytes());
        fixed[20..22].copy_from_slice(&self.hard_timeout_s.to_be_bytes());
        fixed[22..24].copy_from_slice(&self.priority.to_be_bytes());
        fixed[24..28].copy_from_slice(&self.buffer_id.to_be_bytes());
        fixed[28..32].copy_from_slice(&self.out_port.0.to_be_bytes());
        fixed[32..36].copy_from_slice(&self.out_group.to_be_bytes());
        fixed[36..38].copy_from_slice(&self.flags.to_be_bytes());
        w.bytes(&fixed);
        self.match_.write(w);
        Instruction::write_list(&self.instructions, w);
    }
}

impl FlowStats {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FlowStats, Bad> {
        let (mut r, _) = r.item(0, 56, "flow stats")?;
        r.skip(2)?;
        let table = r.u8()?;
        r.skip(1)?;
        let (duration_s, duration_ns, priority) = (r.u32()?, r.u32()?, r.u16()?);
        let (idle_timeout_s, hard_timeout_s, flags) = (r.u16()?, r.u16()?, r.u16()?);
        r.skip(4)?;
        let (cookie, packets, bytes) = (r.u64()?, r.u64()?, r.u64()?);
        let match_ = Match::read(&mut r)?;
        let instructions = Instruction::read_list(&mut r)?;
        Ok(FlowStats {
            table,
            duration_s,
            duration_ns,
            priority,
            idle_timeout_s,
            hard_timeout_s,
            flags,
            cookie,
            packets,
            bytes,
            match_,
            instructions,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u16(0);
        w.u8(self.table);
        w.zeros(1);
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
        w.u16(self.priority);
        w.u16(self.idle_timeout_s);
        w.u16(self.hard_timeout_s);
        w.u16(self.flags);
        w.zeros(4);
        w.u64(self.cookie);
        w.u64(self.packets);
        w.u64(self.bytes);
        self.match_.write(w);
        Instruction::write_list(&self.instructions, w);
        w.close(mark, 0);
    }
}

impl FlowRemoved {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FlowRemoved, Bad> {
        Ok(FlowRemoved {
            cookie: r.u64()?,
            priority: r.u16()?,
            reason: r.u8()?,
            table: r.u8()?,
            duration_s: r.u32()?,
            duration_ns: r.u32()?,
            idle_timeout_s: r.u16()?,
            hard_timeout_s: r.u16()?,
            packets: r.u64()?,
            bytes: r.u64()?,
            match_: Match::read(r)?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u64(self.cookie);
        w.u16(self.priority);
        w.u8(self.reason);
        w.u8(self.table);
        w.u32(self.duration_s);
        w.u32(self.duration_ns);
        w.u16(self.idle_timeout_s);
        w.u16(self.hard_timeout_s);
        w.u64(self.packets);
        w.u64(self.bytes);
        self.match_.write(w);
    }
}
