//! Any action and instruction.

use std::net::IpAddr;

use addr::OfPort;
use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::values::*;

pub fn subfield(most: u16) -> impl Strategy<Value = Subfield> {
    (field(), any::<u16>(), any::<u16>()).prop_map(move |(field, offset, bits)| {
        let bits = 1 + bits % field.bits().min(most);
        field.sub(offset % (field.bits() - bits + 1), bits)
    })
}

/// A subfield whose field has a header of 4 bytes, as some actions demand.
pub fn short_subfield(most: u16) -> impl Strategy<Value = Subfield> {
    subfield(most).prop_filter("experimenter", |subfield| {
        let name = subfield.field.nxm_name();
        !name.starts_with("NXOXM") && !name.starts_with("ONFOXM")
    })
}

pub fn set_field() -> impl Strategy<Value = Action> {
    (field(), any::<u128>(), prop::option::of(any::<u128>())).prop_filter_map("alias", |(field, value, mask)| {
        let all = full(field);
        let mask = mask.map(|mask| mask & all);
        (all != 0).then_some(Action::SetField { field, value: value & all & mask.unwrap_or(all), mask })
    })
}

pub fn moves() -> impl Strategy<Value = Action> {
    (subfield(128), subfield(128)).prop_map(|(mut src, mut dst)| {
        src.bits = src.bits.min(dst.bits);
        dst.bits = src.bits;
        Action::RegMove { src, dst }
    })
}

pub fn loads() -> impl Strategy<Value = Action> {
    (short_subfield(64), any::<u64>()).prop_map(|(dst, value)| Action::RegLoad { dst, value: value >> (64 - dst.bits) })
}

pub fn controller() -> impl Strategy<Value = Action> {
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

pub fn nat() -> impl Strategy<Value = Action> {
    let address = |v6: bool, number: u128| {
        if v6 { IpAddr::from(number.to_be_bytes()) } else { IpAddr::from((number as u32).to_be_bytes()) }
    };
    (0u16..32, any::<bool>(), any::<Option<u128>>(), any::<Option<u128>>(), any::<Option<u16>>(), any::<Option<u16>>())
        .prop_map(move |(flags, v6, min, max, port_min, port_max)| {
            let (min, max) = (min.map(|n| address(v6, n)), max.map(|n| address(v6, n)));
            Action::Nat(Nat { flags, min, max, port_min, port_max })
        })
}

pub fn learn_spec() -> impl Strategy<Value = LearnSpec> {
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

pub fn learn() -> impl Strategy<Value = Action> {
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

pub fn leaf() -> impl Strategy<Value = Action> {
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
            Action::DecNshTtl,
            Action::Exit,
        ]),
    ];
    prop_oneof![3 => plain, 3 => some(), 2 => more(), 3 => set_field(), 1 => moves(), 1 => loads(), 1 => controller(), 1 => nat(), 1 => learn()]
}

fn some() -> impl Strategy<Value = Action> {
    let port_or_none = || prop::option::of(port().prop_filter("in_port", |port| *port != OfPort::IN_PORT));

    prop_oneof![
        vec(any::<u16>(), 0..9).prop_map(Action::DecTtlCntIds),
        (port_or_none(), prop::option::of(0u8..255), any::<bool>()).prop_map(|(port, table, ct)| Action::Resubmit {
            port,
            table,
            ct
        }),
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
    ]
}

fn more() -> impl Strategy<Value = Action> {
    prop_oneof![
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
        (any::<u32>(), vec(encap_property(), 0..4))
            .prop_map(|(packet_type, properties)| Action::Encap(Encap { packet_type, properties })),
        prop::option::of(0u32..0xfff0).prop_map(|packet_type| Action::Decap { packet_type }),
    ]
}

fn encap_property() -> impl Strategy<Value = EncapProperty> {
    (any::<u16>(), any::<u8>(), bytes(251)).prop_map(|(class, kind, data)| EncapProperty { class, kind, data })
}

pub fn unknown_action(data: Bytes) -> Action {
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
        Just(Instruction::Unknown(Bytes::from_static(&[0xff, 0xff, 0, 16, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]))),
    ];
    vec(one, 0..4)
}
