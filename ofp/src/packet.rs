//! Packets between switch and controller.

use addr::OfPort;
use bytes::Bytes;

use crate::{Action, Match};

/// Why a packet came in.
pub mod packet_in_reason {
    /// No flow but the table-miss flow.
    pub const NO_MATCH: u8 = 0;
    /// An action sent it.
    pub const ACTION: u8 = 1;
    /// Its TTL or hop limit ran out.
    pub const INVALID_TTL: u8 = 2;
    /// An action of the action set (OpenFlow 1.4).
    pub const ACTION_SET: u8 = 3;
    /// A group (OpenFlow 1.4).
    pub const GROUP: u8 = 4;
    /// A packet-out (OpenFlow 1.4).
    pub const PACKET_OUT: u8 = 5;
}

/// Arguments of [`crate::Body::SetPacketInFormat`].
pub mod packet_in_format {
    /// [`crate::PacketIn`].
    pub const STANDARD: u32 = 0;
    /// `NXT_PACKET_IN`, of no use here.
    pub const NXT_PACKET_IN: u32 = 1;
    /// [`crate::PacketIn2`].
    pub const NXT_PACKET_IN2: u32 = 2;
}

/// A packet for the controller, in OpenFlow's own form (OpenFlow 1.3.5, 7.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketIn {
    /// Where the switch keeps the packet, or [`crate::NO_BUFFER`].
    pub buffer_id: u32,
    /// Bytes of the whole packet.
    pub total_len: u16,
    /// See [`packet_in_reason`].
    pub reason: u8,
    /// The flow's table.
    pub table_id: u8,
    /// The flow's cookie.
    pub cookie: u64,
    /// What the switch knew of it: port, tunnel, registers, metadata.
    pub match_: Match,
    /// The packet, perhaps cut short.
    pub data: Bytes,
}

/// A packet for the controller in Nicira's form (`NXT_PACKET_IN2`), and the body of `NXT_RESUME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketIn2 {
    /// The packet, perhaps cut short.
    pub packet: Bytes,
    /// Bytes of the whole packet.
    pub total_len: u32,
    /// Where the switch keeps the packet.
    pub buffer_id: Option<u32>,
    /// The flow's table.
    pub table_id: u8,
    /// The flow's cookie; all ones: none is known.
    pub cookie: u64,
    /// See [`packet_in_reason`].
    pub reason: u8,
    /// What the switch knew of it: port, tunnel, registers, metadata.
    pub metadata: Match,
    /// The `userdata` of the action that sent it.
    pub userdata: Bytes,
    /// For `NXT_RESUME`, if the packet was paused; opaque.
    pub continuation: Bytes,
    /// Properties that are not known here, each as read.
    pub unknown: Vec<Bytes>,
}

impl Default for PacketIn2 {
    fn default() -> PacketIn2 {
        PacketIn2 {
            packet: Bytes::new(),
            total_len: 0,
            buffer_id: None,
            table_id: 0,
            cookie: u64::MAX,
            reason: 0,
            metadata: Match::default(),
            userdata: Bytes::new(),
            continuation: Bytes::new(),
            unknown: Vec::new(),
        }
    }
}

impl PacketIn2 {
    /// The port by which it came in.
    pub fn in_port(&self) -> Option<OfPort> {
        self.metadata
            .get(crate::Field::IN_PORT)
            .map(|(port, _)| OfPort(port as u32))
    }
}

/// A packet from the controller (OpenFlow 1.3.5, 7.3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketOut {
    /// Where the switch keeps the packet, or [`crate::NO_BUFFER`].
    pub buffer_id: u32,
    /// The port by which it came in, or [`OfPort::CONTROLLER`].
    pub in_port: OfPort,
    /// What is done with it.
    pub actions: Vec<Action>,
    /// The packet.
    pub data: Bytes,
}
