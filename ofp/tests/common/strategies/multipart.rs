//! Any multipart message.

use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::actions::*;
use super::tables::*;
use super::values::*;

fn ability() -> impl Strategy<Value = Vec<FieldAbility>> {
    vec((field(), any::<bool>()).prop_map(|(field, masked)| FieldAbility { field, masked }), 0..5)
}

fn table_property() -> impl Strategy<Value = TableProperty> {
    let types = || vec(any::<u16>(), 0..5);
    prop_oneof![
        (any::<bool>(), types()).prop_map(|(miss, types)| TableProperty::Instructions { miss, types }),
        (any::<bool>(), vec(any::<u8>(), 0..20)).prop_map(|(miss, tables)| TableProperty::NextTables { miss, tables }),
        (any::<[bool; 2]>(), types()).prop_map(|([write, miss], types)| TableProperty::Actions { write, miss, types }),
        ability().prop_map(TableProperty::Match),
        ability().prop_map(TableProperty::Wildcards),
        (any::<[bool; 2]>(), ability()).prop_map(|([write, miss], fields)| TableProperty::SetFields {
            write,
            miss,
            fields
        }),
        // An experimenter's.
        Just(TableProperty::Unknown(Bytes::from_static(&[0xff, 0xfe, 0, 12, 0, 0, 0x23, 0x20, 0, 0, 0, 1]))),
    ]
}

pub fn table_features() -> impl Strategy<Value = Vec<TableFeatures>> {
    let one = (any::<u8>(), any::<[u8; 32]>(), any::<[u64; 2]>(), any::<[u32; 2]>(), vec(table_property(), 0..6))
        .prop_map(|(table, name, [metadata_match, metadata_write], [config, max_entries], properties)| TableFeatures {
            table,
            name: FixedText(name),
            metadata_match,
            metadata_write,
            config,
            max_entries,
            properties,
        });
    vec(one, 0..3)
}

pub fn request() -> impl Strategy<Value = StatsRequest> {
    let flows = || {
        (any::<u8>(), port(), any::<u32>(), any::<[u64; 2]>(), matches()).prop_map(
            |(table, out_port, out_group, [cookie, cookie_mask], match_)| FlowStatsRequest {
                table,
                out_port,
                out_group,
                cookie,
                cookie_mask,
                match_,
            },
        )
    };
    let monitor = (any::<u32>(), any::<u16>(), port(), any::<u8>(), matches())
        .prop_map(|(id, flags, out_port, table, match_)| FlowMonitorRequest { id, flags, out_port, table, match_ });
    prop_oneof![
        prop::sample::select(vec![
            StatsRequest::Desc,
            StatsRequest::Table,
            StatsRequest::GroupDesc,
            StatsRequest::GroupFeatures,
            StatsRequest::MeterFeatures,
            StatsRequest::PortDesc,
        ]),
        flows().prop_map(StatsRequest::Flow),
        flows().prop_map(StatsRequest::Aggregate),
        port().prop_map(StatsRequest::PortStats),
        (port(), any::<u32>()).prop_map(|(port, queue_id)| StatsRequest::Queue { port, queue_id }),
        any::<u32>().prop_map(StatsRequest::GroupStats),
        any::<u32>().prop_map(StatsRequest::MeterStats),
        any::<u32>().prop_map(StatsRequest::MeterConfig),
        table_features().prop_map(StatsRequest::TableFeatures),
        vec(monitor, 0..3).prop_map(StatsRequest::FlowMonitor),
        (14u16..=0xffff, bytes(7)).prop_map(|(kind, body)| StatsRequest::Unknown { kind, body }),
    ]
}

pub fn reply() -> impl Strategy<Value = StatsReply> {
    let first =
        prop_oneof![
            "[a-z]{0,31}".prop_map(|text| StatsReply::Desc(Box::new(Desc {
                software: text[..].into(),
                serial: text[..].into(),
                ..Desc::default()
            }))),
            vec(flow_stats(), 0..3).prop_map(StatsReply::Flow),
            (any::<[u64; 2]>(), any::<u32>())
                .prop_map(|([packets, bytes], flows)| StatsReply::Aggregate(AggregateStats { packets, bytes, flows })),
            vec(table(), 0..3).prop_map(StatsReply::Table),
            vec(port_stats(), 0..3).prop_map(StatsReply::PortStats),
            vec(queue(), 0..3).prop_map(StatsReply::Queue),
            vec(group_stats(), 0..3).prop_map(StatsReply::GroupStats),
            vec(
                (group_type(), any::<u32>(), buckets()).prop_map(|(kind, group_id, buckets)| GroupDesc {
                    kind,
                    group_id,
                    buckets
                }),
                0..3
            )
            .prop_map(StatsReply::GroupDesc),
        ];
    let second = prop_oneof![
        (any::<[u32; 2]>(), any::<[[u32; 4]; 2]>()).prop_map(|([types, capabilities], [max_groups, actions])| {
            StatsReply::GroupFeatures(GroupFeatures { types, capabilities, max_groups, actions })
        }),
        vec(meter_stats(), 0..3).prop_map(StatsReply::MeterStats),
        vec(
            (any::<u16>(), any::<u32>(), bands()).prop_map(|(flags, meter_id, bands)| MeterConfig {
                flags,
                meter_id,
                bands
            }),
            0..3
        )
        .prop_map(StatsReply::MeterConfig),
        (any::<[u32; 3]>(), any::<[u8; 2]>()).prop_map(
            |([max_meters, band_types, capabilities], [max_bands, max_color])| StatsReply::MeterFeatures(
                MeterFeatures { max_meters, band_types, capabilities, max_bands, max_color }
            )
        ),
        table_features().prop_map(StatsReply::TableFeatures),
        vec(port_desc(), 0..3).prop_map(StatsReply::PortDesc),
        vec(update(), 0..3).prop_map(StatsReply::FlowMonitor),
        (14u16..=0xffff, bytes(7)).prop_map(|(kind, body)| StatsReply::Unknown { kind, body }),
    ];
    prop_oneof![first, second]
}

fn update() -> impl Strategy<Value = FlowUpdate> {
    prop_oneof![
        (0u16..3, any::<[u16; 4]>(), any::<u8>(), any::<u64>(), matches(), instructions()).prop_map(
            |(event, [reason, priority, idle_timeout_s, hard_timeout_s], table, cookie, match_, instructions)| {
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
                }
            }
        ),
        any::<u32>().prop_map(|xid| FlowUpdate::Abbrev { xid }),
        Just(FlowUpdate::Unknown(Bytes::from_static(&[0, 8, 0, 77, 1, 2, 3, 4]))),
    ]
}

fn port_stats() -> impl Strategy<Value = PortStats> {
    (port(), any::<[u64; 12]>(), any::<[u32; 2]>()).prop_map(|(port, n, [duration_s, duration_ns])| PortStats {
        port,
        rx_packets: n[0],
        tx_packets: n[1],
        rx_bytes: n[2],
        tx_bytes: n[3],
        rx_dropped: n[4],
        tx_dropped: n[5],
        rx_errors: n[6],
        tx_errors: n[7],
        rx_frame_errors: n[8],
        rx_over_errors: n[9],
        rx_crc_errors: n[10],
        collisions: n[11],
        duration_s,
        duration_ns,
    })
}

fn group_stats() -> impl Strategy<Value = GroupStats> {
    (any::<[u32; 4]>(), any::<[u64; 2]>(), vec(any::<[u64; 2]>(), 0..4)).prop_map(
        |([group_id, references, duration_s, duration_ns], [packets, bytes], buckets)| {
            let buckets = buckets.into_iter().map(|[packets, bytes]| BucketStats { packets, bytes }).collect();
            GroupStats { group_id, references, packets, bytes, duration_s, duration_ns, buckets }
        },
    )
}

fn meter_stats() -> impl Strategy<Value = MeterStats> {
    (any::<[u32; 4]>(), any::<[u64; 2]>(), vec(any::<[u64; 2]>(), 0..4)).prop_map(
        |([meter_id, flows, duration_s, duration_ns], [packets, bytes], bands)| {
            let bands = bands.into_iter().map(|[packets, bytes]| BandStats { packets, bytes }).collect();
            MeterStats { meter_id, flows, packets, bytes, duration_s, duration_ns, bands }
        },
    )
}

fn queue() -> impl Strategy<Value = QueueStats> {
    (port(), any::<[u64; 3]>(), any::<[u32; 3]>()).prop_map(
        |(port, [tx_bytes, tx_packets, tx_errors], [queue_id, duration_s, duration_ns])| QueueStats {
            port,
            queue_id,
            tx_bytes,
            tx_packets,
            tx_errors,
            duration_s,
            duration_ns,
        },
    )
}

fn table() -> impl Strategy<Value = TableStats> {
    (any::<u8>(), any::<u32>(), any::<[u64; 2]>()).prop_map(|(table, active, [lookups, matched])| TableStats {
        table,
        active,
        lookups,
        matched,
    })
}
