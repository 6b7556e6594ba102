//! Any value of any kind.

use std::net::IpAddr;

use addr::{Dpid, MacAddr, OfPort};
use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

pub fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

pub fn field() -> impl Strategy<Value = Field> {
    let fields: Vec<_> = Field::all().collect();
    prop::sample::select(fields)
}

/// All bits of a field, as many as a match has.
fn full(field: Field) -> u128 {
    Match::new().with(field, u128::MAX).get(field).map_or(0, |(_, mask)| mask)
}

pub fn matches() -> impl Strategy<Value = Match> {
    vec((field(), any::<u128>(), prop_oneof![Just(u128::MAX), any::<u128>()]), 0..8).prop_map(|fields| {
        fields.into_iter().fold(Match::new(), |match_, (field, value, mask)| match_.masked(field, value, mask))
    })
}

pub fn port() -> impl Strategy<Value = OfPort> {
    prop_oneof![(0u32..0xff00).prop_map(OfPort), (0xffff_fff9u32..=u32::MAX).prop_map(OfPort)]
}

fn subfield(most: u16) -> impl Strategy<Value = Subfield> {
    (field(), any::<u16>(), any::<u16>()).prop_map(move |(field, offset, bits)| {
        let bits = 1 + bits % field.bits().min(most);
        field.sub(offset % (field.bits() - bits + 1), bits)
    })
}

/// A subfield whose field has a header of 4 bytes, as some actions demand.
fn short_subfield(most: u16) -> impl Strategy<Value = Subfield> {
    subfield(most).prop_filter("experimenter", |subfield| {
        let name = subfield.field.nxm_name();
        !name.starts_with("NXOXM") && !name.starts_with("ONFOXM")
    })
}

fn set_field() -> impl Strategy<Value = Action> {
    (field(), any::<u128>(), prop::option::of(any::<u128>())).prop_filter_map("alias", |(field, value, mask)| {
        let all = full(field);
        let mask = mask.map(|mask| mask & all);
        (all != 0).then_some(Action::SetField { field, value: value & all & mask.unwrap_or(all), mask })
    })
}

fn moves() -> impl Strategy<Value = Action> {
    (subfield(128), subfield(128)).prop_map(|(mut src, mut dst)| {
        src.bits = src.bits.min(dst.bits);
        dst.bits = src.bits;
        Action::RegMove { src, dst }
    })
}

fn loads() -> impl Strategy<Value = Action> {
    (short_subfield(64), any::<u64>()).prop_map(|(dst, value)| Action::RegLoad { dst, value: value >> (64 - dst.bits) })
}

fn controller() -> impl Strategy<Value = Action> {
    (any::<u16>(), any::<u16>(), 0u8..6, bytes(20), any::<bool>(), any::<Option<u32>>()).prop_map(
        |(max_len, controller_id, reason, userdata, pause, meter_id)| {
            Action::Controller(Controller {
                max_len,
                controller_id,
                reason,
                userdata,
                pause,
                meter_id,
                unknown: vec![],
            })
        },
    )
}

fn nat() -> impl Strategy<Value = Action> {
    let address = |v6: bool, number: u128| {
        if v6 { IpAddr::from(number.to_be_bytes()) } else { IpAddr::from((number as u32).to_be_bytes()) }
    };
    (0u16..32, any::<bool>(), any::<Option<u128>>(), any::<Option<u128>>(), any::<Option<u16>>(), any::<Option<u16>>())
        .prop_map(move |(flags, v6, min, max, port_min, port_max)| {
            let (min, max) = (min.map(|n| address(v6, n)), max.map(|n| address(v6, n)));
            Action::Nat(Nat { flags, min, max, port_min, port_max })
        })
}

fn learn_spec() -> impl Strategy<Value = LearnSpec> {
    let src = prop_oneof![short_subfield(128).prop_map(LearnSrc::Field), any::<u128>().prop_map(LearnSrc::Imm)];
    (src, short_subfield(128), 0u8..3).prop_map(|(src, mut dst, kind)| {
        let (src, bits) = match src {
            LearnSrc::Field(mut src) => {
                src.bits = src.bits.min(dst.bits);
                (LearnSrc::Field(src), src.bits)
            }
            LearnSrc::Imm(value) => (LearnSrc::Imm(value & Subfield { offset: 0, ..dst }.mask()), dst.bits),
        };
        dst.bits = bits;
        let dst = match (kind, src) {
            (0, _) => LearnDst::Match(dst),
            (1, LearnSrc::Field(_)) => LearnDst::Output,
            _ => LearnDst::Load(dst),
        };
        LearnSpec { bits, src, dst }
    })
}

fn learn() -> impl Strategy<Value = Action> {
    let limit = prop::option::of((any::<u32>(), prop::option::of(subfield(1))));
    let numbers = any::<[u16; 5]>();
    (numbers, any::<u64>(), any::<u8>(), vec(learn_spec(), 0..4), limit, 0u16..4).prop_map(
        |(
            [idle_timeout_s, hard_timeout_s, priority, fin_idle_timeout_s, fin_hard_timeout_s],
            cookie,
            table,
            specs,
            limit,
            flags,
        )| {
            let limit = limit.map(|(flows, result)| LearnLimit { flows, result });
            let wants = limit.is_some_and(|limit| limit.result.is_some());
            let flags = flags | if wants { learn_flags::WRITE_RESULT } else { 0 };
            Action::Learn(Learn {
                idle_timeout_s,
                hard_timeout_s,
                priority,
                cookie,
                flags,
                table,
                fin_idle_timeout_s,
                fin_hard_timeout_s,
                specs,
                limit,
            })
        },
    )
}

fn leaf() -> impl Strategy<Value = Action> {
    let plain = prop_oneof![
        (port(), any::<u16>()).prop_map(|(port, max_len)| Action::Output { port, max_len }),
        (port(), any::<u32>()).prop_map(|(port, max_len)| Action::OutputTrunc { port, max_len }),
        (subfield(64), any::<u16>()).prop_map(|(src, max_len)| Action::OutputReg { src, max_len }),
        any::<u32>().prop_map(Action::Group),
        any::<u32>().prop_map(Action::SetQueue),
        any::<u16>().prop_map(Action::PushVlan),
        any::<u16>().prop_map(Action::PushMpls),
        any::<u16>().prop_map(Action::PopMpls),
        any::<u8>().prop_map(Action::SetMplsTtl),
        any::<u8>().prop_map(Action::SetNwTtl),
    ];
    let plain = prop_oneof![
        plain,
        prop::sample::select(vec![
            Action::PopQueue,
            Action::PopVlan,
            Action::DecMplsTtl,
            Action::DecNwTtl,
            Action::CopyTtlIn,
            Action::CopyTtlOut,
            Action::CtClear,
            Action::Exit,
        ]),
    ];
    let port_or_none = || prop::option::of(port().prop_filter("in_port", |port| *port != OfPort::IN_PORT));
    let some =
        prop_oneof![
            vec(any::<u16>(), 0..9).prop_map(Action::DecTtlCntIds),
            (port_or_none(), prop::option::of(0u8..255), any::<bool>())
                .prop_map(|(port, table, ct)| Action::Resubmit { port, table, ct }),
            (any::<u16>(), subfield(1)).prop_map(|(len, dst)| Action::CheckPktLarger { len, dst }),
            subfield(128).prop_map(Action::StackPush),
            subfield(128).prop_map(Action::StackPop),
            (any::<u32>(), any::<u8>(), any::<u8>()).prop_map(|(id, clause, n_clauses)| Action::Conjunction {
                id,
                clause,
                n_clauses
            }),
            (any::<u16>(), any::<u16>()).prop_map(|(idle_s, hard_s)| Action::FinTimeout { idle_s, hard_s }),
            (any::<u64>(), any::<u64>()).prop_map(|(metadata, mask)| Action::WriteMetadata { metadata, mask }),
            field().prop_map(Action::DeleteField),
            // What other lengths become is the canonical form's business.
            (0usize..4, any::<u8>()).prop_map(|(eights, byte)| Action::Note(Bytes::from(vec![byte; 6 + 8 * eights]))),
        ];
    let more = prop_oneof![
        (any::<[u16; 4]>(), any::<u32>(), short_subfield(64)).prop_map(
            |([fields, basis, algorithm, max_link], arg, dst)| {
                Action::Multipath(Multipath { fields, basis, algorithm, max_link, arg, dst })
            }
        ),
        (any::<[u16; 3]>(), vec(any::<u16>(), 0..9), prop::option::of(short_subfield(64))).prop_map(
            |([algorithm, fields, basis], members, dst)| Action::Bundle(Bundle {
                algorithm,
                fields,
                basis,
                members,
                dst
            })
        ),
        (1u8..=3, any::<u16>(), any::<[u32; 3]>(), any::<u16>(), 0u8..3).prop_map(
            |(version, probability, [collector_set_id, obs_domain_id, obs_point_id], port, direction)| {
                let sampling_port = if version == 1 { 0xffff } else { port };
                let direction = if version == 3 { direction } else { 0 };
                Action::Sample(Sample {
                    version,
                    probability,
                    collector_set_id,
                    obs_domain_id,
                    obs_point_id,
                    sampling_port,
                    direction,
                })
            }
        ),
        bytes(20).prop_map(unknown_action),
    ];
    prop_oneof![3 => plain, 3 => some, 2 => more, 3 => set_field(), 1 => moves(), 1 => loads(), 1 => controller(), 1 => nat(), 1 => learn()]
}

fn unknown_action(data: Bytes) -> Action {
    let length = (4 + data.len()).next_multiple_of(8).max(8);
    let mut raw = vec![0x12, 0x34, 0, length as u8];
    raw.extend_from_slice(&data);
    raw.resize(length, 0);
    Action::Unknown(Bytes::from(raw))
}

pub fn action() -> impl Strategy<Value = Action> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        let zone = prop_oneof![any::<u16>().prop_map(ZoneSrc::Imm), Just(ZoneSrc::Field(Field::REG6.sub(3, 16)))];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Action::Clone),
            (0u16..4, zone, prop::option::of(0u8..255), any::<u16>(), vec(inner, 0..4))
                .prop_map(|(flags, zone, table, alg, exec)| Action::Ct(Ct { flags, zone, table, alg, exec })),
        ]
    })
}

pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    vec(action(), 0..5)
}

pub fn instructions() -> impl Strategy<Value = Vec<Instruction>> {
    let one = prop_oneof![
        any::<u8>().prop_map(Instruction::GotoTable),
        (any::<u64>(), any::<u64>()).prop_map(|(metadata, mask)| Instruction::WriteMetadata { metadata, mask }),
        actions().prop_map(Instruction::WriteActions),
        actions().prop_map(Instruction::ApplyActions),
        Just(Instruction::ClearActions),
        any::<u32>().prop_map(Instruction::Meter),
        Just(Instruction::Unknown(Bytes::from_static(&[0xff, 0xff, 0, 12, 0, 0, 0, 9, 1, 2, 3, 4]))),
    ];
    vec(one, 0..4)
}

fn flow_mod() -> impl Strategy<Value = FlowMod> {
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

fn flow_stats() -> impl Strategy<Value = FlowStats> {
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

fn group_type() -> impl Strategy<Value = GroupType> {
    prop::sample::select(vec![GroupType::All, GroupType::Select, GroupType::Indirect, GroupType::FastFailover])
}

fn buckets() -> impl Strategy<Value = Vec<Bucket>> {
    let bucket = (any::<u16>(), port(), any::<u32>(), actions())
        .prop_map(|(weight, watch_port, watch_group, actions)| Bucket { weight, watch_port, watch_group, actions });
    vec(bucket, 0..4)
}

fn bands() -> impl Strategy<Value = Vec<MeterBand>> {
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

fn port_desc() -> impl Strategy<Value = PortDesc> {
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

fn packet_in2() -> impl Strategy<Value = PacketIn2> {
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

fn ct_flush() -> impl Strategy<Value = CtFlush> {
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

fn table_features() -> impl Strategy<Value = Vec<TableFeatures>> {
    let one = (any::<u8>(), any::<[u8; 32]>(), any::<[u64; 2]>(), any::<[u32; 2]>(), bytes(40)).prop_map(
        |(table, name, [metadata_match, metadata_write], [config, max_entries], properties)| TableFeatures {
            table,
            name: FixedText(name),
            metadata_match,
            metadata_write,
            config,
            max_entries,
            properties,
        },
    );
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
    let update = prop_oneof![
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
    ];
    let port_stats =
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
        });
    let group_stats = (any::<[u32; 4]>(), any::<[u64; 2]>(), vec(any::<[u64; 2]>(), 0..4)).prop_map(
        |([group_id, references, duration_s, duration_ns], [packets, bytes], buckets)| {
            let buckets = buckets.into_iter().map(|[packets, bytes]| BucketStats { packets, bytes }).collect();
            GroupStats { group_id, references, packets, bytes, duration_s, duration_ns, buckets }
        },
    );
    let meter_stats = (any::<[u32; 4]>(), any::<[u64; 2]>(), vec(any::<[u64; 2]>(), 0..4)).prop_map(
        |([meter_id, flows, duration_s, duration_ns], [packets, bytes], bands)| {
            let bands = bands.into_iter().map(|[packets, bytes]| BandStats { packets, bytes }).collect();
            MeterStats { meter_id, flows, packets, bytes, duration_s, duration_ns, bands }
        },
    );
    let queue = (port(), any::<[u64; 3]>(), any::<[u32; 3]>()).prop_map(
        |(port, [tx_bytes, tx_packets, tx_errors], [queue_id, duration_s, duration_ns])| QueueStats {
            port,
            queue_id,
            tx_bytes,
            tx_packets,
            tx_errors,
            duration_s,
            duration_ns,
        },
    );
    let table = (any::<u8>(), any::<u32>(), any::<[u64; 2]>())
        .prop_map(|(table, active, [lookups, matched])| TableStats { table, active, lookups, matched });
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
            vec(table, 0..3).prop_map(StatsReply::Table),
            vec(port_stats, 0..3).prop_map(StatsReply::PortStats),
            vec(queue, 0..3).prop_map(StatsReply::Queue),
            vec(group_stats, 0..3).prop_map(StatsReply::GroupStats),
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
        vec(meter_stats, 0..3).prop_map(StatsReply::MeterStats),
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
        vec(update, 0..3).prop_map(StatsReply::FlowMonitor),
        (14u16..=0xffff, bytes(7)).prop_map(|(kind, body)| StatsReply::Unknown { kind, body }),
    ];
    prop_oneof![first, second]
}

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
    let second = prop_oneof![
        (any::<u32>(), any::<u16>(), any::<[u8; 2]>(), any::<u64>(), matches(), bytes(70)).prop_map(
            |(buffer_id, total_len, [reason, table_id], cookie, match_, data)| Body::PacketIn(PacketIn {
                buffer_id,
                total_len,
                reason,
                table_id,
                cookie,
                match_,
                data
            })
        ),
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
    ];
    let third = prop_oneof![
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
    ];
    prop_oneof![first, second, third]
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
