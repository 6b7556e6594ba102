//! Matches, actions, flows, groups and meters that Open vSwitch 3.1 accepts.

use std::net::IpAddr;

use addr::{MacAddr, OfPort};
use bytes::Bytes;
use ofp::{
    Action, Bucket, Bundle, Controller, Ct, Field, FlowMod, GroupMod, GroupModCommand, GroupType, Instruction, Learn,
    LearnDst, LearnLimit, LearnSpec, LearnSrc, Match, MeterBand, MeterMod, MeterModCommand, Multipath, Nat, Sample,
    Subfield, ZoneSrc, ct_flags, flow_flags, learn_flags, meter_flags, nat_flags,
};

pub fn mac(text: &str) -> MacAddr {
    text.parse().unwrap()
}

pub fn ip6(text: &str) -> std::net::Ipv6Addr {
    text.parse().unwrap()
}

pub fn ip4(text: &str) -> std::net::Ipv4Addr {
    text.parse().unwrap()
}

pub fn ipv6() -> Match {
    Match::new().with(Field::ETH_TYPE, 0x86ddu16)
}

pub fn ipv4() -> Match {
    Match::new().with(Field::ETH_TYPE, 0x0800u16)
}

pub fn icmp6(kind: u8) -> Match {
    ipv6().with(Field::IP_PROTO, 58u8).with(Field::ICMPV6_TYPE, kind)
}

pub fn tcp6() -> Match {
    ipv6().with(Field::IP_PROTO, 6u8)
}

pub fn matches() -> Vec<Match> {
    let any = Match::new;
    let arp = || any().with(Field::ETH_TYPE, 0x0806u16);
    let udp6 = || ipv6().with(Field::IP_PROTO, 17u8);
    let sctp6 = || ipv6().with(Field::IP_PROTO, 132u8);
    let tracked = || ipv6().masked(Field::CT_STATE, 0x22u8, 0x22u8);
    let mut all = vec![
        any(),
        any().with(Field::IN_PORT, OfPort(3)),
        any().with(Field::IN_PORT, OfPort::LOCAL).with(Field::ETH_SRC, mac("02:00:00:00:00:01")),
        any().with(Field::IN_PORT, OfPort::CONTROLLER),
        any().masked(Field::ETH_DST, mac("01:00:00:00:00:00"), mac("01:00:00:00:00:00")),
        any().with(Field::ETH_DST, MacAddr::BROADCAST).with(Field::ETH_TYPE, 0x88ccu16),
        any().with(Field::VLAN_VID, 0x1000u16 | 100),
        any().with(Field::VLAN_VID, 0x1000u16 | 100).with(Field::VLAN_PCP, 5u8),
        any().with(Field::VLAN_VID, 0u16),
        any().masked(Field::VLAN_VID, 0x1000u16, 0x1000u16),
        any().masked(Field::VLAN_VID, 0x1010u16, 0x10f0u16),
        any().masked(Field::VLAN_TCI, 0x1000u16, 0x1000u16).with(Field::ETH_TYPE, 0x86ddu16),
        any().masked(Field::VLAN_TCI, 0xb064u16, 0xffffu16),
        any().with(Field::METADATA, 0x1234_5678_9abcu64),
        any().masked(Field::METADATA, 0x1200u64, 0xff00u64),
        any().with(Field::TUN_ID, 7u64),
        any().masked(Field::TUN_ID, 0x700u64, 0xf00u64).with(Field::TUN_IPV6_SRC, ip6("fd00:99::1")),
        any().with(Field::TUN_IPV6_DST, ip6("fd00:99::2")).masked(Field::TUN_FLAGS, 1u8, 1u8),
        any().with(Field::TUN_IPV4_SRC, ip4("10.0.0.1")).masked(Field::TUN_IPV4_DST, ip4("10.0.0.0"), 0xffff_ff00u32),
        any().with(Field::PKT_MARK, 0x77u32),
        any().with(Field::CONJ_ID, 9u32).with(Field::ETH_TYPE, 0x86ddu16),
        ipv6(),
        ipv6().with(Field::IPV6_SRC, ip6("fd00:1::1")).with(Field::IPV6_DST, ip6("ff02::1")),
        ipv6().masked(Field::IPV6_DST, ip6("2001:db8:1::"), ip6("ffff:ffff:ffff::")),
        ipv6().masked(Field::IPV6_DST, ip6("::1"), ip6("::ffff")),
        ipv6().with(Field::IPV6_LABEL, 0x12345u32),
        ipv6().masked(Field::IPV6_LABEL, 0x12000u32, 0xff000u32),
        ipv6().with(Field::IP_DSCP, 46u8).with(Field::IP_ECN, 1u8).with(Field::NW_TTL, 255u8),
        ipv6().with(Field::NW_TOS, 0xb8u8),
        ipv6().with(Field::IP_PROTO, 0u8),
        ipv6().with(Field::IP_PROTO, 50u8),
        ipv6().with(Field::IP_FRAG, 1u8),
        ipv6().with(Field::IP_FRAG, 3u8),
        ipv6().masked(Field::IP_FRAG, 1u8, 1u8).with(Field::NW_TTL, 255u8),
        ipv6().masked(Field::IP_FRAG, 0u8, 2u8),
        ipv6().with(Field::IP_FRAG, 0u8),
        tcp6().with(Field::TCP_SRC, 22u16).masked(Field::TCP_DST, 0x1388u16, 0xfff8u16),
        tcp6().masked(Field::TCP_FLAGS, 2u16, 0x12u16),
        tcp6().with(Field::TCP_FLAGS, 0x12u16),
        udp6().with(Field::UDP_SRC, 547u16).with(Field::UDP_DST, 546u16),
        sctp6().with(Field::SCTP_SRC, 1u16).with(Field::SCTP_DST, 2u16),
        icmp6(134),
        icmp6(128).with(Field::ICMPV6_CODE, 0u8).with(Field::NW_TTL, 1u8),
        icmp6(135).with(Field::ND_TARGET, ip6("fd00:1::1")).with(Field::ND_SLL, mac("02:00:00:00:01:01")),
        icmp6(136).with(Field::ND_TARGET, ip6("fe80::1")).with(Field::ND_TLL, MacAddr::ZERO),
        icmp6(136).with(Field::ND_RESERVED, 0xe000_0000u32).with(Field::ND_OPTIONS_TYPE, 2u8),
        icmp6(135).masked(Field::ND_TARGET, ip6("fd00::"), ip6("ffff::")).with(Field::ND_OPTIONS_TYPE, 1u8),
        ipv4().with(Field::IPV4_SRC, ip4("10.1.0.1")).masked(Field::IPV4_DST, ip4("10.0.0.0"), ip4("255.0.0.0")),
        ipv4().with(Field::IP_PROTO, 6u8).with(Field::TCP_DST, 80u16),
        ipv4().with(Field::IP_PROTO, 1u8).with(Field::ICMPV4_TYPE, 8u8).with(Field::ICMPV4_CODE, 0u8),
        arp().with(Field::ARP_OP, 1u16).with(Field::ARP_TPA, ip4("10.1.0.1")),
        arp().with(Field::ARP_SPA, ip4("10.1.0.2")).with(Field::ARP_SHA, mac("02:00:00:00:00:02")),
        arp().with(Field::ARP_THA, mac("02:00:00:00:00:03")).masked(Field::ARP_TPA, ip4("10.0.0.0"), 0xff00_0000u32),
        any().with(Field::ETH_TYPE, 0x8847u16).with(Field::MPLS_LABEL, 70007u32).with(Field::MPLS_BOS, 1u8),
        any().with(Field::ETH_TYPE, 0x8847u16).with(Field::MPLS_TC, 3u8).with(Field::MPLS_TTL, 64u8),
        tracked(),
        tracked().with(Field::CT_MARK, 0x77u32).with(Field::CT_ZONE, 5u16),
        tracked().masked(Field::CT_LABEL, 0xabcdu128 << 64, 0xffffu128 << 64),
        tracked().with(Field::CT_LABEL, 0x1234_5678_90ab_cdefu64),
        tracked().with(Field::CT_NW_PROTO, 6u8).with(Field::CT_IPV6_SRC, ip6("fd00::1")),
        tracked().with(Field::CT_NW_PROTO, 17u8).with(Field::CT_TP_SRC, 5u16).with(Field::CT_TP_DST, 6u16),
        tracked().masked(Field::CT_IPV6_DST, ip6("fd00::"), ip6("ffff::")),
        any().with(Field::reg(0), 5u32),
        any().masked(Field::reg(15), 0x50u32, 0xf0u32),
        any().with(Field::xreg(0), 0x0000_0001_0000_0002u64),
        any().masked(Field::xreg(7), 0xf0u64, 0xff_0000_00ffu64),
        any().with(Field::xxreg(0), ip6("fd00:1::1")),
        any().masked(Field::xxreg(1), ip6("fd00:1::"), ip6("ffff:ffff::")),
        any().masked(Field::reg(3), 0u32, 1u32).with(Field::reg(4), 0u32),
        any().with(Field::TUN_GBP_ID, 3u16),
    ];
    for n in 1..16 {
        all.push(any().with(Field::reg(n), 1u32 << n).masked(Field::reg(0), 1u32, 3u32));
    }
    all
}

/// Actions, with a match under which they are allowed.
pub fn actions() -> Vec<(Match, Vec<Action>)> {
    let any = Match::new;
    let sub = |field: Field, offset, bits| field.sub(offset, bits);
    let solicitation = || icmp6(135).with(Field::ICMPV6_CODE, 0u8);
    let advertisement = || icmp6(136);
    let tagged = || any().with(Field::VLAN_VID, 0x1000u16 | 7);
    let labelled = || any().with(Field::ETH_TYPE, 0x8847u16);
    let v6 = |text| IpAddr::V6(ip6(text));
    let note = |bytes: &'static [u8]| Action::Note(Bytes::from_static(bytes));
    let nat = |nat: Nat| Action::Nat(nat);
    let ct = |ct: Ct| Action::Ct(ct);
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

fn flow(table: u8, priority: u16, match_: Match, instructions: Vec<Instruction>) -> FlowMod {
    FlowMod { table, priority, match_, instructions, cookie: 0x5e_0000 + u64::from(priority), ..FlowMod::default() }
}

/// Flows of all kinds: every match, every action, every instruction. They name group 1 and meter 1.
pub fn flows() -> Vec<FlowMod> {
    let mut all = Vec::new();
    for (priority, match_) in (1..).zip(matches()) {
        all.push(flow(0, priority, match_, vec![Instruction::GotoTable(2)]));
    }
    for (priority, (match_, actions)) in (1..).zip(actions()) {
        if actions.iter().all(is_kept) {
            all.push(flow(10, priority, match_, vec![Instruction::ApplyActions(actions)]));
        }
    }
    let metadata = Instruction::WriteMetadata { metadata: 0x1200, mask: 0xff00 };
    all.push(flow(20, 1, Match::new(), vec![]));
    all.push(flow(20, 2, Match::new(), vec![Instruction::ApplyActions(vec![Action::Group(1)])]));
    all.push(flow(
        20,
        3,
        ipv6(),
        vec![
            Instruction::Meter(1),
            Instruction::ApplyActions(vec![Action::set(Field::reg(0), 1u32)]),
            Instruction::ClearActions,
            Instruction::WriteActions(vec![Action::DecNwTtl, Action::output(OfPort(1))]),
            metadata.clone(),
            Instruction::GotoTable(21),
        ],
    ));
    all.push(flow(20, 4, Match::new(), vec![Instruction::GotoTable(21), metadata, Instruction::Meter(1)]));
    all.push(flow(20, 5, Match::new(), vec![Instruction::ApplyActions(vec![])]));
    all.push(flow(
        20,
        6,
        Match::new(),
        vec![Instruction::ApplyActions(vec![Action::Note(Bytes::from_static(b"abc"))])],
    ));
    all.push(FlowMod {
        idle_timeout_s: 100,
        hard_timeout_s: 200,
        flags: flow_flags::SEND_FLOW_REM | flow_flags::NO_BYT_COUNTS | flow_flags::NO_PKT_COUNTS,
        cookie: u64::MAX - 1,
        ..flow(20, 7, Match::new(), vec![])
    });
    all
}

/// Groups of all types; group 1 is among them.
pub fn groups() -> Vec<GroupMod> {
    let group = |group_id, kind, buckets| GroupMod { command: GroupModCommand::Add, kind, group_id, buckets };
    let out = |port| vec![Action::output(OfPort(port))];
    let watching = |port| Bucket { watch_port: OfPort(port), ..Bucket::new(GroupType::FastFailover, out(port)) };
    vec![
        group(1, GroupType::All, vec![Bucket::new(GroupType::All, out(1)), Bucket::new(GroupType::All, out(2))]),
        group(
            2,
            GroupType::Select,
            vec![
                Bucket::new(GroupType::Select, out(1)),
                Bucket { weight: 3, ..Bucket::new(GroupType::Select, out(2)) },
            ],
        ),
        group(
            3,
            GroupType::Indirect,
            vec![Bucket::new(GroupType::Indirect, vec![Action::set(Field::TUN_ID, 5u8), Action::output(OfPort(3))])],
        ),
        group(
            4,
            GroupType::FastFailover,
            vec![
                watching(1),
                watching(2),
                Bucket { watch_group: 1, ..Bucket::new(GroupType::FastFailover, vec![Action::Group(1)]) },
            ],
        ),
        group(5, GroupType::All, vec![]),
        group(6, GroupType::All, vec![Bucket::new(GroupType::All, vec![])]),
    ]
}

/// Meters; meter 1 is among them.
pub fn meters() -> Vec<MeterMod> {
    let meter = |meter_id, flags, bands| MeterMod { command: MeterModCommand::Add, flags, meter_id, bands };
    let pktps = meter_flags::PKTPS | meter_flags::BURST | meter_flags::STATS;
    vec![
        meter(1, pktps, vec![MeterBand::Drop { rate: 100, burst: 10 }]),
        meter(2, meter_flags::KBPS, vec![MeterBand::Drop { rate: 1000, burst: 0 }]),
        meter(
            3,
            meter_flags::KBPS | meter_flags::BURST,
            vec![MeterBand::Drop { rate: 1, burst: 1 }, MeterBand::Drop { rate: 2, burst: 2 }],
        ),
    ]
}
