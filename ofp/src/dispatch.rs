//! Messages on the wire: from a type in the header to a body, and back.

use addr::OfPort;

use crate::wire::{Reader, Writer};
use crate::{
    AsyncConfig, Bad, Body, ControllerRole, ErrorMsg, FeaturesReply, FlowMod, FlowRemoved, GroupMod, HEADER_LEN, Hello,
    Message, MeterMod, MultipartReply, MultipartRequest, PacketIn, PacketOut, PortMod, PortStatus, QueueConfig,
    SwitchConfig, TableMod, VERSION, vendor,
};

/// Types of messages (OpenFlow 1.3.5, 7.1).
mod kind {
    pub(super) const HELLO: u8 = 0;
    pub(super) const ERROR: u8 = 1;
    pub(super) const ECHO_REQUEST: u8 = 2;
    pub(super) const ECHO_REPLY: u8 = 3;
    pub(super) const EXPERIMENTER: u8 = 4;
    pub(super) const FEATURES_REQUEST: u8 = 5;
    pub(super) const FEATURES_REPLY: u8 = 6;
    pub(super) const GET_CONFIG_REQUEST: u8 = 7;
    pub(super) const GET_CONFIG_REPLY: u8 = 8;
    pub(super) const SET_CONFIG: u8 = 9;
    pub(super) const PACKET_IN: u8 = 10;
    pub(super) const FLOW_REMOVED: u8 = 11;
    pub(super) const PORT_STATUS: u8 = 12;
    pub(super) const PACKET_OUT: u8 = 13;
    pub(super) const FLOW_MOD: u8 = 14;
    pub(super) const GROUP_MOD: u8 = 15;
    pub(super) const PORT_MOD: u8 = 16;
    pub(super) const TABLE_MOD: u8 = 17;
    pub(super) const MULTIPART_REQUEST: u8 = 18;
    pub(super) const MULTIPART_REPLY: u8 = 19;
    pub(super) const BARRIER_REQUEST: u8 = 20;
    pub(super) const BARRIER_REPLY: u8 = 21;
    pub(super) const QUEUE_GET_CONFIG_REQUEST: u8 = 22;
    pub(super) const QUEUE_GET_CONFIG_REPLY: u8 = 23;
    pub(super) const ROLE_REQUEST: u8 = 24;
    pub(super) const ROLE_REPLY: u8 = 25;
    pub(super) const GET_ASYNC_REQUEST: u8 = 26;
    pub(super) const GET_ASYNC_REPLY: u8 = 27;
    pub(super) const SET_ASYNC: u8 = 28;
    pub(super) const METER_MOD: u8 = 29;
}

impl Message {
    /// Reads one whole message, which fills what is left of the cursor.
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Message, Bad> {
        let whole = r.len();
        let (mut message, raw) = r.item(2, HEADER_LEN, "message")?;
        if raw.len() != whole {
            return Err(Bad::Length { length: whole, what: "bytes of one message" });
        }
        let (version, kind) = (message.u8()?, message.u8()?);
        message.skip(2)?;
        let xid = message.u32()?;
        let unknown = message;
        let body = if version == VERSION || kind == kind::HELLO {
            Body::read(version, kind, &mut message)
        } else {
            Err(Bad::Value { value: version.into(), what: "version" })
        };
        let body = match body {
            Ok(body) if message.is_empty() => body,
            Err(bad @ (Bad::Short { .. } | Bad::Length { .. } | Bad::Frame { .. })) => return Err(bad),
            _ => Body::Unknown { version, kind, body: unknown.clone().rest_bytes() },
        };
        Ok(Message { xid, body })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mark = w.open();
        let version = match &self.body {
            Body::Hello(hello) => hello.version,
            Body::Unknown { version, .. } => *version,
            _ => VERSION,
        };
        w.bytes(&[version, self.body.kind(), 0, 0]);
        w.u32(self.xid);
        self.body.write(w);
        w.close(mark, 2);
    }
}

impl Body {
    fn read(version: u8, kind: u8, r: &mut Reader<'_>) -> Result<Body, Bad> {
        Ok(match kind {
            kind::HELLO => Body::Hello(Hello::read(version, r)?),
            kind::ERROR => Body::Error(ErrorMsg::read(r)?),
            kind::ECHO_REQUEST => Body::EchoRequest(r.rest_bytes()),
            kind::ECHO_REPLY => Body::EchoReply(r.rest_bytes()),
            kind::EXPERIMENTER => vendor::read(r)?,
            kind::FEATURES_REQUEST => Body::FeaturesRequest,
            kind::FEATURES_REPLY => Body::FeaturesReply(FeaturesReply::read(r)?),
            kind::GET_CONFIG_REQUEST => Body::GetConfigRequest,
            kind::GET_CONFIG_REPLY => Body::GetConfigReply(SwitchConfig::read(r)?),
            kind::SET_CONFIG => Body::SetConfig(SwitchConfig::read(r)?),
            kind::PACKET_IN => Body::PacketIn(PacketIn::read(r)?),
            kind::FLOW_REMOVED => Body::FlowRemoved(FlowRemoved::read(r)?),
            kind::PORT_STATUS => Body::PortStatus(PortStatus::read(r)?),
            kind::PACKET_OUT => Body::PacketOut(PacketOut::read(r)?),
            kind::FLOW_MOD => Body::FlowMod(FlowMod::read(r)?),
            kind::GROUP_MOD => Body::GroupMod(GroupMod::read(r)?),
            kind::PORT_MOD => Body::PortMod(PortMod::read(r)?),
            kind::TABLE_MOD => Body::TableMod(TableMod::read(r)?),
            kind::MULTIPART_REQUEST => Body::MultipartRequest(MultipartRequest::read(r)?),
            kind::MULTIPART_REPLY => Body::MultipartReply(MultipartReply::read(r)?),
            kind::BARRIER_REQUEST => Body::BarrierRequest,
            kind::BARRIER_REPLY => Body::BarrierReply,
            kind::QUEUE_GET_CONFIG_REQUEST => {
                let port = OfPort(r.u32()?);
                r.skip(4)?;
                Body::QueueGetConfigRequest(port)
            }
            kind::QUEUE_GET_CONFIG_REPLY => Body::QueueGetConfigReply(QueueConfig::read(r)?),
            kind::ROLE_REQUEST => Body::RoleRequest(ControllerRole::read(r)?),
            kind::ROLE_REPLY => Body::RoleReply(ControllerRole::read(r)?),
            kind::GET_ASYNC_REQUEST => Body::GetAsyncRequest,
            kind::GET_ASYNC_REPLY => Body::GetAsyncReply(AsyncConfig::read(r)?),
            kind::SET_ASYNC => Body::SetAsync(AsyncConfig::read(r)?),
            kind::METER_MOD => Body::MeterMod(MeterMod::read(r)?),
            _ => return Err(Bad::Value { value: kind.into(), what: "message type" }),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Body::Hello(_) => kind::HELLO,
            Body::Error(_) => kind::ERROR,
            Body::EchoRequest(_) => kind::ECHO_REQUEST,
            Body::EchoReply(_) => kind::ECHO_REPLY,
            Body::FeaturesRequest => kind::FEATURES_REQUEST,
            Body::FeaturesReply(_) => kind::FEATURES_REPLY,
            Body::GetConfigRequest => kind::GET_CONFIG_REQUEST,
            Body::GetConfigReply(_) => kind::GET_CONFIG_REPLY,
            Body::SetConfig(_) => kind::SET_CONFIG,
            Body::PacketIn(_) => kind::PACKET_IN,
            Body::FlowRemoved(_) => kind::FLOW_REMOVED,
            Body::PortStatus(_) => kind::PORT_STATUS,
            Body::PacketOut(_) => kind::PACKET_OUT,
            Body::FlowMod(_) => kind::FLOW_MOD,
            Body::GroupMod(_) => kind::GROUP_MOD,
            Body::PortMod(_) => kind::PORT_MOD,
            Body::TableMod(_) => kind::TABLE_MOD,
            Body::MeterMod(_) => kind::METER_MOD,
            Body::MultipartRequest(_) => kind::MULTIPART_REQUEST,
            Body::MultipartReply(_) => kind::MULTIPART_REPLY,
            Body::BarrierRequest => kind::BARRIER_REQUEST,
            Body::BarrierReply => kind::BARRIER_REPLY,
            Body::QueueGetConfigRequest(_) => kind::QUEUE_GET_CONFIG_REQUEST,
            Body::QueueGetConfigReply(_) => kind::QUEUE_GET_CONFIG_REPLY,
            Body::RoleRequest(_) => kind::ROLE_REQUEST,
            Body::RoleReply(_) => kind::ROLE_REPLY,
            Body::GetAsyncRequest => kind::GET_ASYNC_REQUEST,
            Body::GetAsyncReply(_) => kind::GET_ASYNC_REPLY,
            Body::SetAsync(_) => kind::SET_ASYNC,
            Body::Unknown { kind, .. } => *kind,
            _ => kind::EXPERIMENTER,
        }
    }

    fn write(&self, w: &mut Writer<'_>) {
        match self {
            Body::Hello(hello) => hello.write(w),
            Body::Error(error) => error.write(w),
            Body::EchoRequest(data) | Body::EchoReply(data) => w.bytes(data),
            Body::FeaturesRequest
            | Body::GetConfigRequest
            | Body::BarrierRequest
            | Body::BarrierReply
            | Body::GetAsyncRequest => {}
            Body::FeaturesReply(features) => features.write(w),
            Body::GetConfigReply(config) | Body::SetConfig(config) => config.write(w),
            Body::PacketIn(packet) => packet.write(w),
            Body::FlowRemoved(removed) => removed.write(w),
            Body::PortStatus(status) => status.write(w),
            Body::PacketOut(packet) => packet.write(w),
            Body::FlowMod(change) => change.write(w),
            Body::GroupMod(change) => change.write(w),
            Body::PortMod(change) => change.write(w),
            Body::TableMod(change) => change.write(w),
            Body::MeterMod(change) => change.write(w),
            Body::MultipartRequest(request) => request.write(w),
            Body::MultipartReply(reply) => reply.write(w),
            Body::QueueGetConfigRequest(port) => {
                w.u32(port.0);
                w.zeros(4);
            }
            Body::QueueGetConfigReply(config) => config.write(w),
            Body::RoleRequest(role) | Body::RoleReply(role) => role.write(w),
            Body::GetAsyncReply(config) | Body::SetAsync(config) => config.write(w),
            Body::Unknown { body, .. } => w.bytes(body),
            experimenter => vendor::write(experimenter, w),
        }
    }
}

/// The hello's one known element: versions as a bitmap.
const VERSION_BITMAP: u16 = 1;

impl Hello {
    fn read(version: u8, r: &mut Reader<'_>) -> Result<Hello, Bad> {
        let mut hello = Hello { version, bitmap: Vec::new(), unknown: Default::default() };
        let mut is_first = true;
        while !r.is_empty() {
            let at = *r;
            let (mut element, raw) = r.item(2, 4, "hello element")?;
            let kind = element.u16()?;
            element.skip(2)?;
            if kind != VERSION_BITMAP || !is_first || element.len() % 4 != 0 {
                // From the first that isn't known on, they are kept as read.
                hello.unknown = at.clone().rest_bytes();
                r.rest();
                break;
            }
            while !element.is_empty() {
                hello.bitmap.push(element.u32()?);
            }
            let padding = raw.len().next_multiple_of(8) - raw.len();
            r.skip(padding.min(r.len()))?;
            is_first = false;
        }
        Ok(hello)
    }

    fn write(&self, w: &mut Writer<'_>) {
        if !self.bitmap.is_empty() {
            let mark = w.open();
            w.u16(VERSION_BITMAP);
            w.u16(0);
            self.bitmap.iter().for_each(|word| w.u32(*word));
            w.close_and_pad(mark, 2);
        }
        w.bytes(&self.unknown);
    }
}
