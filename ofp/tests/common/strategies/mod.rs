//! Any value of any kind.

use addr::{Dpid, MacAddr};
use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

mod actions;
mod multipart;
mod tables;
mod values;

use actions::actions;
use multipart::{reply, request};
use tables::*;
use values::*;

fn role() -> impl Strategy<Value = ControllerRole> {
    let role = prop::sample::select(vec![Role::NoChange, Role::Equal, Role::Master, Role::Slave]);
    (role, any::<u64>()).prop_map(|(role, generation_id)| ControllerRole { role, generation_id })
}

fn async_config() -> impl Strategy<Value = AsyncConfig> {
    any::<[[u32; 2]; 3]>().prop_map(|[packet_in, port_status, flow_removed]| AsyncConfig {
        packet_in,
        port_status,
        flow_removed,
    })
}

/// OpenFlow's own messages.
fn standard() -> impl Strategy<Value = Body> {
    let config = || any::<[u16; 2]>().prop_map(|[flags, miss_send_len]| SwitchConfig { flags, miss_send_len });
    let empty = prop::sample::select(vec![
        Body::FeaturesRequest,
        Body::GetConfigRequest,
        Body::BarrierRequest,
        Body::BarrierReply,
        Body::GetAsyncRequest,
    ]);
    let first = prop_oneof![
        empty,
        (1u8..7, vec(any::<u32>(), 0..3)).prop_map(|(version, bitmap)| Body::Hello(Hello {
            version,
            bitmap,
            unknown: Bytes::new()
        })),
        (any::<[u16; 2]>(), any::<u32>(), bytes(70)).prop_map(|([kind, code], whose, data)| {
            Body::Error(ErrorMsg { kind, code, experimenter: (kind == 0xffff).then_some(whose), data })
        }),
        (any::<u16>(), any::<u32>(), bytes(70)).prop_map(|(code, whose, data)| {
            Body::Error(ErrorMsg { kind: 0xffff, code, experimenter: Some(whose), data })
        }),
        bytes(70).prop_map(Body::EchoRequest),
        bytes(70).prop_map(Body::EchoReply),
        (any::<u64>(), any::<[u32; 3]>(), any::<[u8; 2]>()).prop_map(
            |(id, [n_buffers, capabilities, reserved], [n_tables, auxiliary_id])| {
                Body::FeaturesReply(FeaturesReply {
                    datapath_id: Dpid(id),
                    n_buffers,
                    n_tables,
                    auxiliary_id,
                    capabilities,
                    reserved,
                })
            }
        ),
        config().prop_map(Body::GetConfigReply),
        config().prop_map(Body::SetConfig),
    ];
    prop_oneof![first, packets(), modifications(), others()]
}

fn packet_in() -> impl Strategy<Value = PacketIn> {
    (any::<u32>(), any::<u16>(), any::<[u8; 2]>(), any::<u64>(), matches(), bytes(70)).prop_map(
        |(buffer_id, total_len, [reason, table_id], cookie, match_, data)| PacketIn {
            buffer_id,
            total_len,
            reason,
            table_id,
            cookie,
            match_,
            data,
        },
    )
}

fn packets() -> impl Strategy<Value = Body> {
    prop_oneof![
        packet_in().prop_map(Body::PacketIn),
        (any::<[u64; 3]>(), any::<[u16; 3]>(), any::<[u8; 2]>(), any::<[u32; 2]>(), matches()).prop_map(
            |(
                [cookie, packets, bytes],
                [priority, idle_timeout_s, hard_timeout_s],
                [reason, table],
                [duration_s, duration_ns],
                match_,
            )| {
                Body::FlowRemoved(FlowRemoved {
                    cookie,
                    priority,
                    reason,
                    table,
                    duration_s,
                    duration_ns,
                    idle_timeout_s,
                    hard_timeout_s,
                    packets,
                    bytes,
                    match_,
                })
            }
        ),
        (prop::sample::select(vec![PortReason::Add, PortReason::Delete, PortReason::Modify]), port_desc())
            .prop_map(|(reason, desc)| Body::PortStatus(PortStatus { reason, desc })),
        (any::<u32>(), port(), actions(), bytes(70)).prop_map(|(buffer_id, in_port, actions, data)| Body::PacketOut(
            PacketOut { buffer_id, in_port, actions, data }
        )),
    ]
}

fn modifications() -> impl Strategy<Value = Body> {
    prop_oneof![
        flow_mod().prop_map(Body::FlowMod),
        (
            prop::sample::select(vec![
                GroupModCommand::Add,
                GroupModCommand::Modify,
                GroupModCommand::Delete,
                GroupModCommand::AddOrModify
            ]),
            group_type(),
            any::<u32>(),
            buckets()
        )
            .prop_map(|(command, kind, group_id, buckets)| Body::GroupMod(GroupMod {
                command,
                kind,
                group_id,
                buckets
            })),
        (port(), any::<[u8; 6]>(), any::<[u32; 3]>()).prop_map(|(port, mac, [config, mask, advertise])| Body::PortMod(
            PortMod { port, hw_addr: MacAddr(mac), config, mask, advertise }
        )),
        (any::<u8>(), any::<u32>()).prop_map(|(table, config)| Body::TableMod(TableMod { table, config })),
        (
            prop::sample::select(vec![MeterModCommand::Add, MeterModCommand::Modify, MeterModCommand::Delete]),
            any::<u16>(),
            any::<u32>(),
            bands()
        )
            .prop_map(|(command, flags, meter_id, bands)| Body::MeterMod(MeterMod {
                command,
                flags,
                meter_id,
                bands
            })),
    ]
}

fn others() -> impl Strategy<Value = Body> {
    prop_oneof![
        3 => (any::<bool>(), request()).prop_map(|(more, body)| Body::MultipartRequest(MultipartRequest { more, body })),
        4 => (any::<bool>(), reply()).prop_map(|(more, body)| Body::MultipartReply(MultipartReply { more, body })),
        1 => port().prop_map(Body::QueueGetConfigRequest),
        1 => (port(), bytes(30)).prop_map(|(port, queues)| Body::QueueGetConfigReply(QueueConfig { port, queues })),
        1 => role().prop_map(Body::RoleRequest),
        1 => role().prop_map(Body::RoleReply),
        1 => async_config().prop_map(Body::GetAsyncReply),
        1 => async_config().prop_map(Body::SetAsync),
        1 => (5u8..9, any::<u8>(), bytes(20)).prop_filter("hello", |(_, kind, _)| *kind != 0)
            .prop_map(|(version, kind, body)| Body::Unknown { version, kind, body }),
    ]
}

/// Experimenters' messages, without those that hold messages.
fn experimenter() -> impl Strategy<Value = Body> {
    let map =
        (any::<[u16; 2]>(), any::<[u8; 2]>()).prop_map(|([option_class, index], [option_type, option_length])| {
            TlvMap { option_class, option_type, option_length, index }
        });
    let maps = vec(map, 0..4);
    let commands = vec![TlvTableModCommand::Add, TlvTableModCommand::Delete, TlvTableModCommand::Clear];
    let kinds = vec![
        BundleCtrlType::OpenRequest,
        BundleCtrlType::OpenReply,
        BundleCtrlType::CloseRequest,
        BundleCtrlType::CloseReply,
        BundleCtrlType::CommitRequest,
        BundleCtrlType::CommitReply,
        BundleCtrlType::DiscardRequest,
        BundleCtrlType::DiscardReply,
    ];
    prop_oneof![
        prop::sample::select(vec![Body::TlvTableRequest, Body::FlowMonitorPaused, Body::FlowMonitorResumed]),
        any::<u32>().prop_map(Body::SetPacketInFormat),
        any::<u16>().prop_map(Body::SetControllerId),
        async_config().prop_map(Body::SetAsyncConfig),
        vec((any::<u16>(), any::<u32>()).prop_map(|(kind, reasons)| AsyncMask { kind, reasons }), 0..5)
            .prop_map(Body::SetAsyncConfig2),
        (packet_in(), port()).prop_map(|(packet, port)| {
            // Its port has 16 bits.
            let match_ = packet.match_.clone().with(Field::IN_PORT, port);
            Body::NxPacketIn(NxPacketIn(PacketIn { match_, ..packet }))
        }),
        any::<u16>().prop_map(Body::CtFlushZone),
        any::<u32>().prop_map(Body::FlowMonitorCancel),
        packet_in2().prop_map(Body::PacketIn2),
        packet_in2().prop_map(Body::Resume),
        ct_flush().prop_map(Body::CtFlush),
        (prop::sample::select(commands), maps.clone())
            .prop_map(|(command, maps)| Body::TlvTableMod(TlvTableMod { command, maps })),
        (any::<u32>(), any::<u16>(), maps).prop_map(|(max_option_space, max_fields, maps)| Body::TlvTableReply(
            TlvTableReply { max_option_space, max_fields, maps }
        )),
        (role(), any::<u8>()).prop_map(|(ControllerRole { role, generation_id }, reason)| Body::RoleStatus(
            RoleStatus { role, reason, generation_id }
        )),
        (any::<u32>(), prop::sample::select(kinds), any::<u16>(), bytes(9)).prop_map(
            |(bundle_id, kind, flags, properties)| Body::BundleControl(BundleControl {
                bundle_id,
                kind,
                flags,
                properties
            })
        ),
    ]
}

pub fn message() -> impl Strategy<Value = Message> {
    let body = prop_oneof![3 => standard(), 1 => experimenter()];
    (any::<u32>(), body, prop::option::weighted(0.1, any::<u32>())).prop_map(|(xid, body, bundle)| {
        let message = Message { xid, body };
        match bundle {
            Some(bundle_id) => message.in_bundle(bundle_id, 3),
            None => message,
        }
    })
}
