//! Actions that Open vSwitch 3.1 accepts.

use std::net::IpAddr;

use addr::{MacAddr, OfPort};
use bytes::Bytes;
use ofp::{
    Action, Bundle, Controller, Ct, Encap, EncapProperty, Field, Learn, LearnDst, LearnLimit, LearnSpec, LearnSrc,
    Match, Multipath, Nat, Sample, Subfield, ZoneSrc, ct_flags, learn_flags, nat_flags,
};

use super::matches::{icmp6, ip4, ip6, ipv4, ipv6, mac, tcp6};

type Cases = Vec<(Match, Vec<Action>)>;

/// Actions, with a match under which they are allowed.
pub fn actions() -> Cases {
    let groups = [
        outputs_and_headers(),
        whole_fields(),
        answers(),
        parts_of_fields(),
        resubmits_and_punts(),
        conntrack(),
        others(),
        hashing(),
        learning(),
    ];
    groups.into_iter().flatten().collect()
}

/// Where to, and what is pushed, popped and counted down.
fn outputs_and_headers() -> Cases {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    let tagged = || any().with(Field::VLAN_VID, 0x1000u16 | 7);
    let labelled = || any().with(Field::ETH_TYPE, 0x8847u16);
    vec![
        (any(), vec![Action::output(OfPort(2))]),
        (any(), vec![Action::output(OfPort::CONTROLLER)]),
        (any(), vec![Action::Output { port: OfPort::CONTROLLER, max_len: 128 }]),
        (any(), vec![Action::output(OfPort::IN_PORT), Action::output(OfPort::LOCAL), Action::output(OfPort::NORMAL)]),
        (any(), vec![Action::output(OfPort::FLOOD), Action::output(OfPort::ALL)]),
        (any(), vec![Action::OutputTrunc { port: OfPort(1), max_len: 64 }]),
        (any(), vec![Action::OutputReg { src: sub(Field::REG0, 0, 16), max_len: 0xffff }]),
        (any(), vec![Action::SetQueue(3), Action::output(OfPort(1)), Action::PopQueue]),
        (any(), vec![Action::PushVlan(0x8100), Action::set(Field::VLAN_VID, 0x1000u16 | 5), Action::output(OfPort(1))]),
        (
            any(),
            vec![
                Action::PushVlan(0x88a8),
                Action::set(Field::VLAN_VID, 0x1000u16 | 6),
                Action::set(Field::VLAN_PCP, 3u8),
            ],
        ),
        (tagged(), vec![Action::set(Field::VLAN_VID, 0x1000u16 | 8), Action::PopVlan, Action::output(OfPort(1))]),
        (ipv6(), vec![Action::PushMpls(0x8847), Action::set(Field::MPLS_LABEL, 70007u32), Action::SetMplsTtl(9)]),
        (labelled(), vec![Action::DecMplsTtl, Action::set(Field::MPLS_TC, 1u8), Action::PopMpls(0x86dd)]),
        (ipv6(), vec![Action::DecNwTtl, Action::SetNwTtl(64), Action::set(Field::NW_TTL, 65u8)]),
        (ipv6(), vec![Action::DecTtlCntIds(vec![1, 2]), Action::DecTtlCntIds(vec![7])]),
    ]
}

/// Set-field of all kinds of fields, whole and masked.
fn whole_fields() -> Cases {
    let any = Match::new;
    vec![
        (
            any(),
            vec![
                Action::set(Field::ETH_SRC, mac("02:00:00:00:00:fe")),
                Action::set(Field::ETH_DST, MacAddr::BROADCAST),
            ],
        ),
        (any(), vec![Action::set_masked(Field::ETH_DST, mac("01:00:00:00:00:00"), mac("01:00:00:00:00:00"))]),
        (ipv6(), vec![Action::set_masked(Field::IPV6_SRC, ip6("2001:db8:1::"), ip6("ffff:ffff:ffff::"))]),
        (ipv6(), vec![Action::set(Field::IPV6_SRC, ip6("fd00::1")), Action::set(Field::IPV6_DST, ip6("fd00::2"))]),
        (
            ipv6(),
            vec![
                Action::set(Field::IPV6_LABEL, 0x12345u32),
                Action::set(Field::IP_DSCP, 10u8),
                Action::set(Field::IP_ECN, 1u8),
            ],
        ),
        (ipv4(), vec![Action::set(Field::IPV4_SRC, ip4("10.0.0.1")), Action::set(Field::IPV4_DST, ip4("10.0.0.2"))]),
        (tcp6(), vec![Action::set(Field::TCP_SRC, 1u16), Action::set(Field::TCP_DST, 2u16)]),
        (
            any(),
            vec![
                Action::set(Field::reg(0), 5u32),
                Action::set(Field::xreg(1), 6u64),
                Action::set(Field::xxreg(2), ip6("fd00::1")),
            ],
        ),
        (
            any(),
            vec![
                Action::set_masked(Field::reg(1), 5u32, 0xffu32),
                Action::set_masked(Field::xreg(2), 0xf00u64, 0xf0f00u64),
            ],
        ),
        (any(), vec![Action::set_masked(Field::xxreg(3), 1u128 << 100, 1u128 << 100 | 1)]),
        (any(), vec![Action::set(Field::METADATA, 7u64), Action::set_masked(Field::METADATA, 0x100u64, 0xff00u64)]),
        (any(), vec![Action::set(Field::TUN_ID, 7u64), Action::set(Field::TUN_IPV6_DST, ip6("fd00:99::2"))]),
        (
            any(),
            vec![
                Action::set(Field::TUN_IPV6_SRC, ip6("fd00:99::1")),
                Action::set(Field::TUN_IPV4_DST, ip4("10.0.0.1")),
            ],
        ),
        (any(), vec![Action::set(Field::PKT_MARK, 3u32)]),
        (any(), vec![Action::set(Field::IN_PORT_NXM, 0u8), Action::load(Field::IN_PORT_NXM, 0)]),
        (any(), vec![Action::load(Field::IN_PORT, 0xffff_ffff)]),
        (any(), vec![Action::set(Field::TUN_FLAGS, 1u8)]),
    ]
}

/// What an answer to a neighbour solicitation or an ARP request takes.
fn answers() -> Cases {
    let any = Match::new;
    let solicitation = || icmp6(135).with(Field::ICMPV6_CODE, 0u8);
    let advertisement = || icmp6(136);
    vec![
        (
            solicitation(),
            vec![
                Action::set(Field::ICMPV6_TYPE, 136u8),
                Action::set(Field::ND_RESERVED, 0xe000_0000u32),
                Action::set(Field::ND_OPTIONS_TYPE, 2u8),
                Action::copy(Field::ETH_SRC, Field::ETH_DST),
                Action::copy(Field::IPV6_SRC, Field::IPV6_DST),
            ],
        ),
        (
            advertisement(),
            vec![
                Action::set(Field::ND_TLL, mac("02:00:00:00:00:fe")),
                Action::set(Field::ND_TARGET, ip6("fe80::1")),
                Action::copy(Field::ND_TARGET, Field::IPV6_SRC),
                Action::output(OfPort::IN_PORT),
            ],
        ),
        (
            any().with(Field::ETH_TYPE, 0x0806u16),
            vec![
                Action::set(Field::ARP_OP, 2u16),
                Action::copy(Field::ARP_SHA, Field::ARP_THA),
                Action::copy(Field::ARP_SPA, Field::ARP_TPA),
                Action::set(Field::ARP_SHA, mac("02:00:00:00:00:fe")),
                Action::set(Field::ARP_SPA, ip4("10.1.0.1")),
            ],
        ),
    ]
}

/// Load, move, push and pop.
fn parts_of_fields() -> Cases {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    let tagged = || any().with(Field::VLAN_VID, 0x1000u16 | 7);
    vec![
        (
            any(),
            vec![
                Action::load(Field::reg(2), 7),
                Action::load(sub(Field::REG3, 4, 8), 0xab),
                Action::load(Field::xreg(0), 9),
            ],
        ),
        (any(), vec![Action::load(sub(Field::XXREG0, 64, 64), u64::MAX), Action::load(sub(Field::ETH_SRC, 0, 48), 1)]),
        (ipv6(), vec![Action::load(sub(Field::IPV6_SRC, 80, 48), 0x2001_0db8_0001)]),
        (
            any(),
            vec![
                Action::copy(Field::IN_PORT_NXM, sub(Field::REG0, 0, 16)),
                Action::copy(Field::IN_PORT, Field::reg(1)),
            ],
        ),
        (
            any(),
            vec![
                Action::copy(sub(Field::XXREG1, 32, 64), Field::xreg(5)),
                Action::copy(Field::TUN_ID, Field::METADATA),
            ],
        ),
        (
            tagged(),
            vec![
                Action::copy(sub(Field::VLAN_TCI, 0, 12), sub(Field::REG1, 0, 12)),
                Action::copy(Field::VLAN_VID, sub(Field::REG2, 0, 12)),
            ],
        ),
        (any(), vec![Action::StackPush(Subfield::all(Field::REG0)), Action::StackPop(sub(Field::REG1, 0, 32))]),
    ]
}

/// Look up again, and to the controller.
fn resubmits_and_punts() -> Cases {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    vec![
        (any(), vec![Action::resubmit(5), Action::Resubmit { port: Some(OfPort(4)), table: Some(6), ct: false }]),
        (any(), vec![Action::Resubmit { port: Some(OfPort(4)), table: None, ct: false }]),
        (
            ipv6().masked(Field::CT_STATE, 0x22u8, 0x22u8),
            vec![Action::Resubmit { port: None, table: Some(6), ct: true }],
        ),
        (any(), vec![Action::Resubmit { port: Some(OfPort::LOCAL), table: Some(7), ct: false }]),
        (any(), vec![Action::Controller(Controller { max_len: 128, controller_id: 7, ..Controller::default() })]),
        (any(), vec![Action::Controller(Controller::default())]),
        (
            any(),
            vec![Action::Controller(Controller {
                userdata: Bytes::from_static(&[1, 2, 3]),
                max_len: 1294,
                ..Controller::default()
            })],
        ),
        (any(), vec![Action::Controller(Controller { pause: true, reason: 0, ..Controller::default() })]),
        (
            any(),
            vec![Action::Controller(Controller {
                userdata: Bytes::from_static(&[0; 17]),
                meter_id: Some(1),
                controller_id: 9,
                reason: 2,
                ..Controller::default()
            })],
        ),
        (any(), vec![Action::CheckPktLarger { len: 1294, dst: sub(Field::REG0, 0, 1) }]),
        (any(), vec![Action::CheckPktLarger { len: 85, dst: sub(Field::REG9, 31, 1) }]),
    ]
}

/// Through conntrack, with and without translation.
fn conntrack() -> Cases {
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    let v6 = |text| IpAddr::V6(ip6(text));
    let nat = |nat: Nat| Action::Nat(nat);
    let ct = |ct: Ct| Action::Ct(ct);
    vec![
        (ipv6(), vec![ct(Ct::default())]),
        (ipv6(), vec![ct(Ct { table: Some(1), zone: ZoneSrc::Field(sub(Field::REG6, 0, 16)), ..Ct::default() })]),
        (ipv6(), vec![ct(Ct { table: Some(2), zone: ZoneSrc::Imm(5), ..Ct::default() }), Action::CtClear]),
        (
            ipv6(),
            vec![ct(Ct {
                flags: ct_flags::COMMIT | ct_flags::FORCE,
                zone: ZoneSrc::Imm(9),
                exec: vec![
                    Action::set(Field::CT_MARK, 0x77u32),
                    Action::set(Field::CT_LABEL, 0x1234u32),
                    Action::set_masked(Field::CT_LABEL, 1u128 << 100, 1u128 << 100),
                    Action::copy(Field::reg(0), Field::CT_MARK),
                ],
                ..Ct::default()
            })],
        ),
        (
            ipv6(),
            vec![ct(Ct {
                flags: ct_flags::COMMIT,
                table: Some(3),
                exec: vec![nat(Nat {
                    flags: nat_flags::SRC | nat_flags::PROTO_RANDOM,
                    min: Some(v6("fd00:1::99")),
                    max: Some(v6("fd00:1::9f")),
                    port_min: Some(5000),
                    port_max: Some(6000),
                })],
                ..Ct::default()
            })],
        ),
        (ipv6(), vec![ct(Ct { table: Some(3), exec: vec![nat(Nat::default())], ..Ct::default() })]),
        (
            ipv4(),
            vec![ct(Ct {
                flags: ct_flags::COMMIT,
                exec: vec![nat(Nat {
                    flags: nat_flags::DST,
                    min: Some(IpAddr::V4(ip4("10.0.0.1"))),
                    ..Nat::default()
                })],
                ..Ct::default()
            })],
        ),
        (ipv4().with(Field::IP_PROTO, 6u8), vec![ct(Ct { flags: ct_flags::COMMIT, alg: 21, ..Ct::default() })]),
    ]
}

/// What else Nicira has.
fn others() -> Cases {
    let any = Match::new;
    // Class, type and length of the metadata, and four bytes padded to eight.
    const TLV: &[u8] = &[0x10, 0, 10, 4, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0];
    let property = |kind, data: &'static [u8]| EncapProperty { class: 4, kind, data: Bytes::from_static(data) };
    let note = |bytes: &'static [u8]| Action::Note(Bytes::from_static(bytes));
    vec![
        (
            any(),
            vec![Action::Clone(vec![
                Action::set(Field::reg(0), 1u32),
                Action::output(OfPort(1)),
                Action::Clone(vec![]),
            ])],
        ),
        (any(), vec![note(&[1, 2, 3, 4, 5, 6]), note(&[7; 14])]),
        (
            any(),
            vec![
                Action::Conjunction { id: 10, clause: 0, n_clauses: 2 },
                Action::Conjunction { id: 11, clause: 2, n_clauses: 3 },
            ],
        ),
        (any(), vec![Action::Encap(Encap::default()), Action::output(OfPort(1))]),
        (
            any(),
            vec![
                Action::Encap(Encap { packet_type: 0x1_894f, properties: vec![property(1, &[2]), property(2, TLV)] }),
                Action::Decap { packet_type: None },
            ],
        ),
        (any().with(Field::ETH_TYPE, 0x894fu16), vec![Action::DecNshTtl, Action::Decap { packet_type: Some(0) }]),
    ]
}

/// Hashing, sampling, timeouts.
fn hashing() -> Cases {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    vec![
        (
            any(),
            vec![Action::Multipath(Multipath {
                fields: 3,
                basis: 1024,
                algorithm: 2,
                max_link: 3,
                arg: 0,
                dst: sub(Field::REG0, 0, 8),
            })],
        ),
        (any(), vec![Action::Bundle(Bundle { algorithm: 1, fields: 2, basis: 7, members: vec![2, 3], dst: None })]),
        (
            any(),
            vec![Action::Bundle(Bundle {
                algorithm: 0,
                fields: 0,
                basis: 0,
                members: vec![1, 2, 3, 4, 5],
                dst: Some(Subfield::all(Field::REG4)),
            })],
        ),
        (tcp6(), vec![Action::FinTimeout { idle_s: 10, hard_s: 20 }]),
        (
            any(),
            vec![Action::Sample(Sample {
                version: 1,
                probability: 9,
                collector_set_id: 1,
                obs_domain_id: 2,
                obs_point_id: 3,
                sampling_port: 0xffff,
                direction: 0,
            })],
        ),
        (
            any(),
            vec![Action::Sample(Sample {
                version: 3,
                probability: 9,
                collector_set_id: 1,
                obs_domain_id: 2,
                obs_point_id: 3,
                sampling_port: 1,
                direction: 2,
            })],
        ),
        (any(), vec![Action::Exit]),
    ]
}

/// Flows from packets.
fn learning() -> Cases {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    vec![
        (
            ipv6(),
            vec![Action::Learn(Learn {
                idle_timeout_s: 60,
                priority: 99,
                cookie: 0xabc,
                flags: learn_flags::SEND_FLOW_REM,
                table: 9,
                specs: vec![
                    LearnSpec {
                        bits: 16,
                        src: LearnSrc::Imm(0x86dd),
                        dst: LearnDst::Match(Subfield::all(Field::ETH_TYPE)),
                    },
                    LearnSpec {
                        bits: 128,
                        src: LearnSrc::Field(Subfield::all(Field::IPV6_SRC)),
                        dst: LearnDst::Match(Subfield::all(Field::IPV6_DST)),
                    },
                    LearnSpec { bits: 8, src: LearnSrc::Imm(0x7f), dst: LearnDst::Load(sub(Field::REG1, 8, 8)) },
                    LearnSpec {
                        bits: 48,
                        src: LearnSrc::Field(Subfield::all(Field::ETH_SRC)),
                        dst: LearnDst::Load(Subfield::all(Field::ETH_DST)),
                    },
                    LearnSpec {
                        bits: 16,
                        src: LearnSrc::Field(Subfield::all(Field::IN_PORT_NXM)),
                        dst: LearnDst::Output,
                    },
                ],
                ..Learn::default()
            })],
        ),
        (
            any(),
            vec![Action::Learn(Learn {
                hard_timeout_s: 5,
                fin_idle_timeout_s: 1,
                fin_hard_timeout_s: 2,
                priority: 0x8000,
                flags: learn_flags::DELETE_LEARNED | learn_flags::WRITE_RESULT,
                table: 8,
                limit: Some(LearnLimit { flows: 3, result: Some(sub(Field::REG0, 1, 1)) }),
                specs: vec![LearnSpec {
                    bits: 12,
                    src: LearnSrc::Field(sub(Field::VLAN_TCI, 0, 12)),
                    dst: LearnDst::Match(sub(Field::VLAN_TCI, 0, 12)),
                }],
                ..Learn::default()
            })],
        ),
        (any(), vec![Action::Unknown(Bytes::from_static(&[0, 4, 0, 16, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))]),
    ]
}

/// Whether OVS keeps this action as it was sent (it rewrites deprecated ones).
pub fn is_kept(action: &Action) -> bool {
    !matches!(action, Action::Unknown(_))
}
