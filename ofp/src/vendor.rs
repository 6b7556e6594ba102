//! The Nicira and ONF experimenter messages.

use crate::action::NICIRA;
use crate::wire::{Reader, Writer};
use crate::{
    AsyncConfig, AsyncMask, Bad, Body, BundleAdd, BundleControl, CtFlush, NxPacketIn, PacketIn2, RoleStatus,
    TlvTableMod, TlvTableReply,
};

/// The Open Networking Foundation's experimenter number.
pub(crate) const ONF: u32 = 0x4f4e_4600;

const SET_PACKET_IN_FORMAT: (u32, u32) = (NICIRA, 16);
const NX_PACKET_IN: (u32, u32) = (NICIRA, 17);
const SET_ASYNC_CONFIG: (u32, u32) = (NICIRA, 19);
const SET_CONTROLLER_ID: (u32, u32) = (NICIRA, 20);
const TLV_TABLE_MOD: (u32, u32) = (NICIRA, 24);
const TLV_TABLE_REQUEST: (u32, u32) = (NICIRA, 25);
const TLV_TABLE_REPLY: (u32, u32) = (NICIRA, 26);
const SET_ASYNC_CONFIG2: (u32, u32) = (NICIRA, 27);
const RESUME: (u32, u32) = (NICIRA, 28);
const CT_FLUSH_ZONE: (u32, u32) = (NICIRA, 29);
const PACKET_IN2: (u32, u32) = (NICIRA, 30);
const CT_FLUSH: (u32, u32) = (NICIRA, 32);
const FLOW_MONITOR_CANCEL: (u32, u32) = (ONF, 1870);
const FLOW_MONITOR_PAUSED: (u32, u32) = (ONF, 1871);
const FLOW_MONITOR_RESUMED: (u32, u32) = (ONF, 1872);
const ROLE_STATUS: (u32, u32) = (ONF, 1911);
const BUNDLE_CONTROL: (u32, u32) = (ONF, 2300);
const BUNDLE_ADD: (u32, u32) = (ONF, 2301);

/// Reads an experimenter's message after the header.
pub(crate) fn read(r: &mut Reader<'_>) -> Result<Body, Bad> {
    let (experimenter, subtype) = (r.u32()?, r.u32()?);
    Ok(match (experimenter, subtype) {
        SET_PACKET_IN_FORMAT => Body::SetPacketInFormat(r.u32()?),
        NX_PACKET_IN => Body::NxPacketIn(NxPacketIn::read(r)?),
        SET_ASYNC_CONFIG => Body::SetAsyncConfig(AsyncConfig::read(r)?),
        SET_ASYNC_CONFIG2 => Body::SetAsyncConfig2(AsyncMask::read_list(r)?),
        SET_CONTROLLER_ID => {
            r.skip(6)?;
            Body::SetControllerId(r.u16()?)
        }
        TLV_TABLE_MOD => Body::TlvTableMod(TlvTableMod::read(r)?),
        TLV_TABLE_REQUEST => Body::TlvTableRequest,
        TLV_TABLE_REPLY => Body::TlvTableReply(TlvTableReply::read(r)?),
        RESUME => Body::Resume(PacketIn2::read(r)?),
        CT_FLUSH_ZONE => {
            r.skip(6)?;
            Body::CtFlushZone(r.u16()?)
        }
        PACKET_IN2 => Body::PacketIn2(PacketIn2::read(r)?),
        CT_FLUSH => Body::CtFlush(CtFlush::read(r)?),
        FLOW_MONITOR_CANCEL => Body::FlowMonitorCancel(r.u32()?),
        FLOW_MONITOR_PAUSED => Body::FlowMonitorPaused,
        FLOW_MONITOR_RESUMED => Body::FlowMonitorResumed,
        ROLE_STATUS => Body::RoleStatus(RoleStatus::read(r)?),
        BUNDLE_CONTROL => Body::BundleControl(BundleControl::read(r)?),
        BUNDLE_ADD => Body::BundleAdd(BundleAdd::read(r)?),
        _ => return Err(Bad::Value { value: subtype.into(), what: "experimenter message" }),
    })
}

/// Writes an experimenter's message after the header.
pub(crate) fn write(body: &Body, w: &mut Writer<'_>) {
    let (experimenter, subtype) = match body {
        Body::SetPacketInFormat(_) => SET_PACKET_IN_FORMAT,
        Body::NxPacketIn(_) => NX_PACKET_IN,
        Body::SetAsyncConfig(_) => SET_ASYNC_CONFIG,
        Body::SetAsyncConfig2(_) => SET_ASYNC_CONFIG2,
        Body::SetControllerId(_) => SET_CONTROLLER_ID,
        Body::TlvTableMod(_) => TLV_TABLE_MOD,
        Body::TlvTableRequest => TLV_TABLE_REQUEST,
        Body::TlvTableReply(_) => TLV_TABLE_REPLY,
        Body::Resume(_) => RESUME,
        Body::CtFlushZone(_) => CT_FLUSH_ZONE,
        Body::PacketIn2(_) => PACKET_IN2,
        Body::CtFlush(_) => CT_FLUSH,
        Body::FlowMonitorCancel(_) => FLOW_MONITOR_CANCEL,
        Body::FlowMonitorPaused => FLOW_MONITOR_PAUSED,
        Body::FlowMonitorResumed => FLOW_MONITOR_RESUMED,
        Body::RoleStatus(_) => ROLE_STATUS,
        Body::BundleControl(_) => BUNDLE_CONTROL,
        Body::BundleAdd(_) => BUNDLE_ADD,
        _ => unreachable!("{body:?} has a type of its own"),
    };
    w.u32(experimenter);
    w.u32(subtype);
    match body {
        Body::SetPacketInFormat(number) | Body::FlowMonitorCancel(number) => w.u32(*number),
        Body::SetControllerId(number) | Body::CtFlushZone(number) => {
            w.zeros(6);
            w.u16(*number);
        }
        Body::NxPacketIn(packet) => packet.write(w),
        Body::SetAsyncConfig(config) => config.write(w),
        Body::SetAsyncConfig2(masks) => masks.iter().for_each(|mask| mask.write(w)),
        Body::TlvTableMod(change) => change.write(w),
        Body::TlvTableReply(reply) => reply.write(w),
        Body::Resume(packet) | Body::PacketIn2(packet) => packet.write(w),
        Body::CtFlush(flush) => flush.write(w),
        Body::RoleStatus(status) => status.write(w),
        Body::BundleControl(control) => control.write(w),
        Body::BundleAdd(add) => add.write(w),
        _ => {}
    }
}
