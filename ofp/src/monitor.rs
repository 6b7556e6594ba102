//! Flow monitors: a switch reports what becomes of its flows (ONF extension 187 on OpenFlow 1.3).

use addr::OfPort;
use bytes::Bytes;

use crate::{Instruction, Match};

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
