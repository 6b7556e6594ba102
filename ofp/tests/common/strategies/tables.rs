//! Any flow, group, meter and port.

use std::net::IpAddr;

use addr::{MacAddr, OfPort};
use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::actions::*;
use super::values::*;

pub fn flow_mod() -> impl Strategy<Value = FlowMod> {
    let command = prop::sample::select(vec![
        FlowModCommand::Add,
        FlowModCommand::Modify,
        FlowModCommand::ModifyStrict,
        FlowModCommand::Delete,
        FlowModCommand::DeleteStrict,
    ]);
    (command, any::<[u64; 2]>(), any::<[u32; 3]>(), any::<[u16; 4]>(), any::<u8>(), matches(), instructions()).prop_map(
        |(
            command,
            [cookie, cookie_mask],
            [buffer_id, out_port, out_group],
            [idle_timeout_s, hard_timeout_s, priority, flags],
            table,
            match_,
            instructions,
        )| {
            FlowMod {
                cookie,
                cookie_mask,
                table,
                command,
                idle_timeout_s,
                hard_timeout_s,
                priority,
                buffer_id,
                out_port: OfPort(out_port),
                out_group,
                flags,
                match_,
                instructions,
            }
        },
    )
}

pub fn flow_stats() -> impl Strategy<Value = FlowStats> {
    (any::<[u64; 3]>(), any::<[u32; 2]>(), any::<[u16; 4]>(), any::<u8>(), matches(), instructions()).prop_map(
        |(
            [cookie, packets, bytes],
            [duration_s, duration_ns],
            [idle_timeout_s, hard_timeout_s, priority, flags],
            table,
            match_,
            instructions,
        )| {
            FlowStats {
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
            }
        },
    )
}

pub fn group_type() -> impl Strategy<Value = GroupType> {
    prop::sample::select(vec![GroupType::All, GroupType::Select, GroupType::Indirect, GroupType::FastFailover])
}

pub fn buckets() -> impl Strategy<Value = Vec<Bucket>> {
    let bucket = (any::<u16>(), port(), any::<u32>(), actions())
        .prop_map(|(weight, watch_port, watch_group, actions)| Bucket { weight, watch_port, watch_group, actions });
    vec(bucket, 0..4)
}

pub fn bands() -> impl Strategy<Value = Vec<MeterBand>> {
    vec(
        prop_oneof![
            any::<[u32; 2]>().prop_map(|[rate, burst]| MeterBand::Drop { rate, burst }),
            (any::<[u32; 2]>(), any::<u8>()).prop_map(|([rate, burst], precedence)| MeterBand::DscpRemark {
                rate,
                burst,
                precedence
            }),
            Just(MeterBand::Unknown(Bytes::from_static(&[0, 9, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8]))),
        ],
        0..4,
    )
}

pub fn port_desc() -> impl Strategy<Value = PortDesc> {
    (port(), any::<[u8; 6]>(), any::<[u8; 16]>(), any::<[u32; 8]>()).prop_map(|(port, mac, name, numbers)| {
        let [config, state, curr, advertised, supported, peer, curr_speed, max_speed] = numbers;
        PortDesc {
            port,
            hw_addr: MacAddr(mac),
            name: FixedText(name),
            config,
            state,
            curr,
            advertised,
            supported,
            peer,
            curr_speed,
            max_speed,
        }
    })
}

pub fn packet_in2() -> impl Strategy<Value = PacketIn2> {
    (
        bytes(80),
        any::<u32>(),
        any::<Option<u32>>(),
        any::<u8>(),
        any::<u64>(),
        any::<u8>(),
        matches(),
        bytes(20),
        bytes(20),
    )
        .prop_map(|(packet, total_len, buffer_id, table_id, cookie, reason, metadata, userdata, continuation)| {
            PacketIn2 {
                packet,
                total_len,
                buffer_id,
                table_id,
                cookie,
                reason,
                metadata,
                userdata,
                continuation,
                unknown: vec![Bytes::from_static(&[0x55, 0, 0, 5, 1])],
            }
        })
}

pub fn ct_flush() -> impl Strategy<Value = CtFlush> {
    let tuple = || {
        let addresses = any::<[Option<u128>; 2]>();
        (addresses, any::<[Option<u16>; 3]>(), any::<[Option<u8>; 2]>()).prop_map(
            |([src, dst], [src_port, dst_port, icmp_id], [icmp_type, icmp_code])| {
                let address = |number: u128| std::net::Ipv6Addr::from(number).to_canonical();
                CtTuple {
                    src: src.map(address),
                    dst: dst.map(|n| IpAddr::from((n as u32).to_be_bytes())),
                    src_port,
                    dst_port,
                    icmp_id,
                    icmp_type,
                    icmp_code,
                    unknown: vec![],
                }
            },
        )
    };
    (any::<u8>(), any::<Option<u16>>(), prop::option::of(tuple()), prop::option::of(tuple()))
        .prop_map(|(ip_proto, zone, original, reply)| CtFlush { ip_proto, zone, original, reply, unknown: vec![] })
}
