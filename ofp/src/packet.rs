//! Packets between switch and controller.

use addr::OfPort;
use bytes::Bytes;

use crate::wire::{Reader, Writer, read_distinct_properties, write_property, write_raw_property};
use crate::{Action, Bad, Match};

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
    /// [`crate::NxPacketIn`].
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
        self.metadata.get(crate::Field::IN_PORT).map(|(port, _)| OfPort(port as u32))
    }
}

/// A packet for the controller in Nicira's older form (`NXT_PACKET_IN`): the same as [`PacketIn`], but for the match's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NxPacketIn(pub PacketIn);

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

impl PacketIn {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PacketIn, Bad> {
        let (buffer_id, total_len, reason, table_id, cookie) = (r.u32()?, r.u16()?, r.u8()?, r.u8()?, r.u64()?);
        let match_ = Match::read(r)?;
        r.skip(2)?;
        Ok(PacketIn { buffer_id, total_len, reason, table_id, cookie, match_, data: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.buffer_id);
        w.u16(self.total_len);
        w.u8(self.reason);
        w.u8(self.table_id);
        w.u64(self.cookie);
        self.match_.write(w);
        w.zeros(2);
        w.bytes(&self.data);
    }
}

impl NxPacketIn {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<NxPacketIn, Bad> {
        let (buffer_id, total_len, reason, table_id, cookie) = (r.u32()?, r.u16()?, r.u8()?, r.u8()?, r.u64()?);
        let length = usize::from(r.u16()?);
        r.skip(6)?;
        let match_ = Match::read_fields(&mut r.within(length, "packet-in match")?)?;
        r.skip(length.next_multiple_of(8) - length + 2)?;
        Ok(NxPacketIn(PacketIn { buffer_id, total_len, reason, table_id, cookie, match_, data: r.rest_bytes() }))
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let PacketIn { buffer_id, total_len, reason, table_id, cookie, match_, data } = &self.0;
        w.u32(*buffer_id);
        w.u16(*total_len);
        w.u8(*reason);
        w.u8(*table_id);
        w.u64(*cookie);
        let length = w.open();
        w.zeros(8);
        let fields = w.open();
        match_.write_nxm_fields(w);
        let written = w.written(&fields) as u16;
        w.patch(&length, 0, written);
        w.pad(&fields);
        w.zeros(2);
        w.bytes(data);
    }
}

impl PacketOut {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PacketOut, Bad> {
        let (buffer_id, in_port, length) = (r.u32()?, OfPort(r.u32()?), r.u16()?);
        r.skip(6)?;
        let mut actions = r.within(length.into(), "packet-out actions")?;
        let actions = Action::read_list(&mut actions)?;
        Ok(PacketOut { buffer_id, in_port, actions, data: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u32(self.buffer_id);
        w.u32(self.in_port.0);
        let length = w.open();
        w.zeros(8);
        let actions = w.open();
        Action::write_list(&self.actions, w);
        let written = w.written(&actions) as u16;
        w.patch(&length, 0, written);
        w.bytes(&self.data);
    }
}

/// Properties of `NXT_PACKET_IN2`.
mod property {
    pub(super) const PACKET: u16 = 0;
    pub(super) const FULL_LEN: u16 = 1;
    pub(super) const BUFFER_ID: u16 = 2;
    pub(super) const TABLE_ID: u16 = 3;
    pub(super) const COOKIE: u16 = 4;
    pub(super) const REASON: u16 = 5;
    pub(super) const METADATA: u16 = 6;
    pub(super) const USERDATA: u16 = 7;
    pub(super) const CONTINUATION: u16 = 8;
}

impl PacketIn2 {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<PacketIn2, Bad> {
        let mut packet_in = PacketIn2::default();
        let mut total_len = None;
        read_distinct_properties(r, |kind, mut body, raw| {
            match kind {
                property::PACKET => packet_in.packet = body.rest_bytes(),
                property::FULL_LEN => total_len = Some(body.u32()?),
                property::BUFFER_ID => packet_in.buffer_id = Some(body.u32()?),
                property::TABLE_ID => packet_in.table_id = body.u8()?,
                property::COOKIE => {
                    body.skip(4)?;
                    packet_in.cookie = body.u64()?;
                }
                property::REASON => packet_in.reason = body.u8()?,
                property::METADATA => packet_in.metadata = Match::read_fields(&mut body)?,
                property::USERDATA => packet_in.userdata = body.rest_bytes(),
                property::CONTINUATION => packet_in.continuation = body.rest_bytes(),
                _ => {
                    packet_in.unknown.push(Bytes::copy_from_slice(raw));
                    body.rest();
                }
            }
            body.padding()
        })?;
        packet_in.total_len = total_len.unwrap_or(packet_in.packet.len() as u32);
        Ok(packet_in)
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let PacketIn2 { packet, total_len, buffer_id, table_id, cookie, reason, .. } = self;
        let PacketIn2 { metadata, userdata, continuation, unknown, .. } = self;
        write_property(w, property::PACKET, |w| w.bytes(packet));
        if *total_len as usize != packet.len() {
            write_property(w, property::FULL_LEN, |w| w.u32(*total_len));
        }
        if let Some(buffer_id) = buffer_id {
            write_property(w, property::BUFFER_ID, |w| w.u32(*buffer_id));
        }
        write_property(w, property::TABLE_ID, |w| w.u8(*table_id));
        if *cookie != u64::MAX {
            write_property(w, property::COOKIE, |w| {
                w.zeros(4);
                w.u64(*cookie);
            });
        }
        write_property(w, property::REASON, |w| w.u8(*reason));
        write_property(w, property::METADATA, |w| metadata.write_fields(w));
        if !userdata.is_empty() {
            write_property(w, property::USERDATA, |w| w.bytes(userdata));
        }
        if !continuation.is_empty() {
            write_property(w, property::CONTINUATION, |w| w.bytes(continuation));
        }
        unknown.iter().for_each(|raw| write_raw_property(w, raw));
    }
}
