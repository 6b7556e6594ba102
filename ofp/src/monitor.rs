//! Flow monitors: a switch reports what becomes of its flows (ONF extension 187 on OpenFlow 1.3).

use addr::OfPort;
use bytes::Bytes;

use crate::wire::{Reader, Writer};
use crate::{Bad, Instruction, Match};

/// Flags of a [`FlowMonitorRequest`].
pub mod monitor_flags {
    /// The flows there are.
    pub const INITIAL: u16 = 1;
    /// Flows added.
    pub const ADD: u16 = 2;
    /// Flows deleted.
    pub const DELETE: u16 = 4;
    /// Flows changed.
    pub const MODIFY: u16 = 8;
    /// With their instructions.
    pub const ACTIONS: u16 = 16;
    /// One's own changes in full, too.
    pub const OWN: u16 = 32;
}

/// What becomes of a flow, as [`FlowUpdate::Full`] numbers it.
pub mod flow_event {
    /// It is there now.
    pub const ADDED: u16 = 0;
    /// It is there no more.
    pub const DELETED: u16 = 1;
    /// It does something else.
    pub const MODIFIED: u16 = 2;
}

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowMonitorRequest {
    /// A number for this monitor.
    pub id: u32,
    /// See [`monitor_flags`].
    pub flags: u16,
    /// Only flows with an output to this port; [`OfPort::ANY`]: all.
    pub out_port: OfPort,
    /// Only this table; [`crate::TABLE_ALL`]: all.
    pub table: u8,
    /// Only flows that this covers.
    pub match_: Match,
}

/// What became of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowUpdate {
    /// A flow was added (or was there), deleted or changed.
    Full {
        /// 0 added, 1 deleted, 2 changed.
        event: u16,
        /// When deleted, see [`crate::removed_reason`].
        reason: u16,
        /// Its priority.
        priority: u16,
        /// Its idle timeout, seconds.
        idle_timeout_s: u16,
        /// Its hard timeout, seconds.
        hard_timeout_s: u16,
        /// Its table.
        table: u8,
        /// Its cookie.
        cookie: u64,
        /// Its match.
        match_: Match,
        /// Its instructions, if asked for.
        instructions: Vec<Instruction>,
    },
    /// One's own message with this number did it.
    Abbrev {
        /// The message's number.
        xid: u32,
    },
    /// Anything else: the whole update as read.
    Unknown(Bytes),
}

impl FlowMonitorRequest {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FlowMonitorRequest, Bad> {
        let (id, flags) = (r.u32()?, r.u16()?);
        r.skip(2)?;
        let (out_port, table) = (OfPort(r.u32()?), r.u8()?);
        r.skip(3)?;
        Ok(FlowMonitorRequest { id, flags, out_port, table, match_: Match::read(r)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        w.u32(self.id);
        w.u16(self.flags);
        w.u16(0);
        w.u32(self.out_port.0);
        w.u8(self.table);
        w.zeros(3);
        let length = self.match_.write(w);
        w.patch(&mark, 6, length);
    }
}

const ABBREV: u16 = 3;

impl FlowUpdate {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<FlowUpdate, Bad> {
        let (mut update, raw) = r.item(0, 4, "flow update")?;
        update.skip(2)?;
        let event = update.u16()?;
        match event {
            flow_event::ADDED..=flow_event::MODIFIED => FlowUpdate::read_full(&mut update, event),
            ABBREV => {
                let xid = update.u32()?;
                update.end()?;
                Ok(FlowUpdate::Abbrev { xid })
            }
            _ => Ok(FlowUpdate::Unknown(Bytes::copy_from_slice(raw))),
        }
    }

    fn read_full(r: &mut Reader<'_>, event: u16) -> Result<FlowUpdate, Bad> {
        let (reason, priority, idle_timeout_s, hard_timeout_s) = (r.u16()?, r.u16()?, r.u16()?, r.u16()?);
        r.skip(2)?;
        let table = r.u8()?;
        r.skip(1)?;
        Ok(FlowUpdate::Full {
            event,
            reason,
            priority,
            idle_timeout_s,
            hard_timeout_s,
            table,
            cookie: r.u64()?,
            match_: Match::read(r)?,
            instructions: Instruction::read_list(r)?,
        })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        match self {
            FlowUpdate::Full {
                event,
                reason,
                priority,
                idle_timeout_s,
                hard_timeout_s,
                table,
                cookie,
                match_,
                instructions,
            } => {
                w.u16(0);
                for number in [event, reason, priority, idle_timeout_s, hard_timeout_s, &0] {
                    w.u16(*number);
                }
                w.u8(*table);
                w.zeros(1);
                w.u64(*cookie);
                let length = match_.write(w);
                w.patch(&mark, 12, length);
                Instruction::write_list(instructions, w);
            }
            FlowUpdate::Abbrev { xid } => {
                w.u16(0);
                w.u16(ABBREV);
                w.u32(*xid);
            }
            FlowUpdate::Unknown(raw) => return w.bytes(raw),
        }
        w.close(mark, 0);
    }
}
