//! Messages: the header, the body, and one off a stream.

use bytes::{Bytes, BytesMut};

use crate::wire::{Reader, Writer};
use crate::{
    AsyncConfig, AsyncMask, Bad, BundleAdd, BundleControl, ControllerRole, CtFlush, ErrorMsg, FeaturesReply, FlowMod,
    FlowRemoved, GroupMod, MeterMod, MultipartReply, MultipartRequest, NxPacketIn, PacketIn, PacketIn2, PacketOut,
    PortMod, PortStatus, QueueConfig, RoleStatus, SwitchConfig, TableMod, TlvTableMod, TlvTableReply,
};

/// OpenFlow 1.3 on the wire.
pub const VERSION: u8 = 0x04;
/// Bytes of a message's header: version, type, length, xid.
pub const HEADER_LEN: usize = 8;
/// The most bytes of a message.
const LENGTH_MAX: usize = u16::MAX as usize;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number that pairs a reply or error with its request.
    pub xid: u32,
    /// The rest.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Body {
    /// The first message of both sides.
    Hello(Hello),
    /// A refusal.
    Error(ErrorMsg),
    /// Are you there?
    EchoRequest(Bytes),
    /// I am, with the same bytes.
    EchoReply(Bytes),
    /// Who are you?
    FeaturesRequest,
    /// Who I am.
    FeaturesReply(FeaturesReply),
    /// How are you configured?
    GetConfigRequest,
    /// So.
    GetConfigReply(SwitchConfig),
    /// Be configured so.
    SetConfig(SwitchConfig),
    /// A packet for the controller.
    PacketIn(PacketIn),
    /// A flow went.
    FlowRemoved(FlowRemoved),
    /// A port came, went or changed.
    PortStatus(PortStatus),
    /// A packet from the controller.
    PacketOut(PacketOut),
    /// Change flows.
    FlowMod(FlowMod),
    /// Change a group.
    GroupMod(GroupMod),
    /// Change a port.
    PortMod(PortMod),
    /// Change a table.
    TableMod(TableMod),
    /// Change a meter.
    MeterMod(MeterMod),
    /// A question.
    MultipartRequest(MultipartRequest),
    /// Its answer.
    MultipartReply(MultipartReply),
    /// Finish what was sent.
    BarrierRequest,
    /// Finished.
    BarrierReply,
    /// Which queues has this port?
    QueueGetConfigRequest(addr::OfPort),
    /// These.
    QueueGetConfigReply(QueueConfig),
    /// Be this controller's role.
    RoleRequest(ControllerRole),
    /// The role it has.
    RoleReply(ControllerRole),
    /// Which asynchronous messages do I get?
    GetAsyncRequest,
    /// These.
    GetAsyncReply(AsyncConfig),
    /// Send me these.
    SetAsync(AsyncConfig),
    /// Nicira: the form of packet-ins, see [`crate::packet_in_format`].
    SetPacketInFormat(u32),
    /// Nicira: the number by which a `controller` action names this connection.
    SetControllerId(u16),
    /// Nicira: which asynchronous messages this connection gets, as OpenFlow 1.3's own message says it.
    SetAsyncConfig(AsyncConfig),
    /// Nicira: the same in parts.
    SetAsyncConfig2(Vec<AsyncMask>),
    /// Nicira: a packet for the controller, in the older form.
    NxPacketIn(NxPacketIn),
    /// Nicira: a packet for the controller.
    PacketIn2(PacketIn2),
    /// Nicira: let a paused packet go on.
    Resume(PacketIn2),
    /// Nicira: forget a zone's connections.
    CtFlushZone(u16),
    /// Nicira: forget connections.
    CtFlush(CtFlush),
    /// Nicira: map tunnel options to fields.
    TlvTableMod(TlvTableMod),
    /// Nicira: how are they mapped?
    TlvTableRequest,
    /// Nicira: so.
    TlvTableReply(TlvTableReply),
    /// Nicira: stop a flow monitor.
    FlowMonitorCancel(u32),
    /// Nicira: a flow monitor is out of room, its reports stop.
    FlowMonitorPaused,
    /// Nicira: they go on.
    FlowMonitorResumed,
    /// ONF: open, close, commit, discard a bundle.
    BundleControl(BundleControl),
    /// ONF: a message into a bundle.
    BundleAdd(BundleAdd),
    /// ONF: a controller's role changed.
    RoleStatus(RoleStatus),
    /// Anything else. On OpenFlow 1.3 Open vSwitch also takes Nicira's own forms of role, flow-mod and flow-removed, which say
    /// no more than OpenFlow's: they are kept here.
    Unknown {
        /// The version in the header.
        version: u8,
        /// The type in the header.
        kind: u8,
        /// All that follows the header.
        body: Bytes,
    },
}

/// The first message of both sides (OpenFlow 1.3.5, 7.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The highest version the sender speaks.
    pub version: u8,
    /// Bit n of word w: it speaks version 32w + n. Empty: none was sent.
    pub bitmap: Vec<u32>,
    /// Elements that are not known here, as read.
    pub unknown: Bytes,
}

impl Hello {
    /// A hello of one who speaks OpenFlow 1.3 only.
    pub fn v13() -> Hello {
        Hello { version: VERSION, bitmap: vec![1 << VERSION], unknown: Bytes::new() }
    }

    /// Whether its sender speaks a version (OpenFlow 1.3.5, 6.3.1: without bitmap, all up to its own).
    pub fn speaks(&self, version: u8) -> bool {
        match self.bitmap.get(usize::from(version / 32)) {
            Some(word) => word & (1 << (version % 32)) != 0,
            None => self.bitmap.is_empty() && version <= self.version,
        }
    }
}

impl Message {
    /// A message.
    pub fn new(xid: u32, body: impl Into<Body>) -> Message {
        Message { xid, body: body.into() }
    }

    /// This message as part of a bundle, with the same number inside and outside, as OVS demands.
    pub fn in_bundle(self, bundle_id: u32, flags: u16) -> Message {
        let xid = self.xid;
        let add = BundleAdd { bundle_id, flags, message: Box::new(self), properties: Bytes::new() };
        Message { xid, body: Body::BundleAdd(add) }
    }

    /// Reads one whole message.
    pub fn decode(bytes: &[u8]) -> Result<Message, Bad> {
        Message::read(&mut Reader::new(bytes, "message"))
    }

    /// Writes it.
    ///
    /// # Panics
    ///
    /// If it is longer than the 65,535 bytes that a message can have. Whoever makes messages out of lists (buckets,
    /// members, bytes of a packet) limits the lists, or calls [`Message::try_encode`].
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(128);
        self.encode_into(&mut out);
        out.freeze()
    }

    /// Writes it, if it is not too long to be a message.
    pub fn try_encode(&self) -> Result<Bytes, Bad> {
        let mut out = BytesMut::with_capacity(128);
        self.try_encode_into(&mut out)?;
        Ok(out.freeze())
    }

    /// Writes it behind what is there, if it is not too long to be a message; otherwise nothing is written.
    pub fn try_encode_into(&self, out: &mut BytesMut) -> Result<(), Bad> {
        let before = out.len();
        self.write(&mut Writer::new(out));
        match out.len() - before {
            0..=LENGTH_MAX => Ok(()),
            length => {
                out.truncate(before);
                Err(Bad::Length { length, what: "message" })
            }
        }
    }

    /// Writes it behind what is there. Panics as [`Message::encode`] does.
    pub fn encode_into(&self, out: &mut BytesMut) {
        let before = out.len();
        self.write(&mut Writer::new(out));
        let length = out.len() - before;
        assert!(length <= LENGTH_MAX, "a message of {length} bytes can't be sent");
    }
}

macro_rules! body_from {
    ($($kind:ident)*) => { $(
        impl From<$kind> for Body {
            fn from(value: $kind) -> Body {
                Body::$kind(value)
            }
        }
    )* };
}

body_from!(Hello FlowMod GroupMod MeterMod PortMod PacketOut MultipartRequest MultipartReply BundleControl BundleAdd
    PacketIn NxPacketIn PacketIn2 FlowRemoved PortStatus FeaturesReply);

/// Splits one message off the front of what was received, if all of it is there.
///
/// An error means that the stream is lost: the length in its header is less than a header's.
pub fn frame(received: &mut BytesMut) -> Result<Option<Bytes>, Bad> {
    let Some(header) = received.get(..HEADER_LEN) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if length < HEADER_LEN {
        return Err(Bad::Length { length, what: "message" });
    }
    if received.len() < length {
        return Ok(None);
    }
    Ok(Some(received.split_to(length).freeze()))
}
