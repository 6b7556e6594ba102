//! Any value of every kind, for property tests.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use packet::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any address.
pub(crate) fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

/// An address of 2000::/3.
pub(crate) fn unicast() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|n| Ipv6Addr::from(n & !(0xe0 << 120) | 0x20 << 120))
}

fn group() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|n| Ipv6Addr::from(n | 0xff << 120))
}

/// An address of fe80::/64.
pub(crate) fn link_local() -> impl Strategy<Value = Ipv6Addr> {
    any::<u64>().prop_map(|n| Ipv6Addr::from(0xfe80 << 112 | u128::from(n)))
}

fn mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 6]>().prop_map(MacAddr)
}

/// At most so many bytes.
pub(crate) fn bytes(max: usize) -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

/// `units` times 8 bytes less what an option's head takes.
fn units(units: std::ops::Range<usize>, head: usize) -> impl Strategy<Value = Bytes> {
    units.prop_flat_map(move |n| vec(any::<u8>(), 8 * n - head)).prop_map(Bytes::from)
}

fn prefix() -> impl Strategy<Value = Ipv6Net> {
    (v6(), 0..=128u8).prop_map(|(address, length)| Ipv6Net::new(address, length).unwrap())
}

fn preference() -> impl Strategy<Value = Preference> {
    prop_oneof![Just(Preference::High), Just(Preference::Medium), Just(Preference::Low)]
}

fn prefix_information() -> impl Strategy<Value = NdOption> {
    (prefix(), any::<[bool; 4]>(), any::<u32>(), any::<u32>()).prop_map(|(prefix, flags, valid_s, preferred_s)| {
        let [on_link, autonomous, router_address, pd_preferred] = flags;
        NdOption::PrefixInformation {
            prefix: if router_address { prefix } else { prefix.trunc() },
            on_link,
            autonomous,
            router_address,
            pd_preferred,
            valid_s,
            preferred_s,
        }
    })
}

fn pref64() -> impl Strategy<Value = NdOption> {
    let length = prop::sample::select(vec![96u8, 64, 56, 48, 40, 32]);
    (v6(), length, 0..8192u16).prop_map(|(address, length, units)| NdOption::Pref64 {
        lifetime_s: units * 8,
        prefix: Ipv6Net::new(address, length).unwrap().trunc(),
    })
}

/// An option of any kind.
pub(crate) fn option() -> impl Strategy<Value = NdOption> {
    prop_oneof![
        mac().prop_map(NdOption::SourceLinkLayer),
        mac().prop_map(NdOption::TargetLinkLayer),
        prefix_information(),
        units(1..20, 0).prop_map(NdOption::RedirectedHeader),
        any::<u32>().prop_map(NdOption::Mtu),
        units(1..6, 2).prop_map(NdOption::Nonce),
        (prefix(), preference(), any::<u32>()).prop_map(|(prefix, preference, lifetime_s)| {
            NdOption::RouteInformation { prefix: prefix.trunc(), preference, lifetime_s }
        }),
        (any::<u32>(), vec(v6(), 1..5)).prop_map(|(lifetime_s, servers)| NdOption::Rdnss { lifetime_s, servers }),
        (any::<u32>(), vec("[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,20}){0,4}", 1..5))
            .prop_map(|(lifetime_s, domains)| NdOption::Dnssl { lifetime_s, domains }),
        "[!-~]{1,200}".prop_map(NdOption::CaptivePortal),
        pref64(),
        (39..=255u8, units(1..20, 2)).prop_map(|(kind, body)| NdOption::Unknown { kind, body }),
    ]
}

/// Some options.
pub(crate) fn options() -> impl Strategy<Value = Vec<NdOption>> {
    vec(option(), 0..6)
}

fn advert() -> impl Strategy<Value = RouterAdvert> {
    let numbers = (any::<u8>(), any::<u16>(), any::<u32>(), any::<u32>());
    (numbers, any::<[bool; 4]>(), preference(), 0..4u8, options()).prop_map(
        |((cur_hop_limit, router_lifetime_s, reachable_ms, retrans_ms), flags, preference, reserved_flags, options)| {
            let [managed, other, home_agent, proxy] = flags;
            RouterAdvert {
                cur_hop_limit,
                managed,
                other,
                home_agent,
                preference,
                proxy,
                reserved_flags,
                router_lifetime_s,
                reachable_ms,
                retrans_ms,
                options,
            }
        },
    )
}

fn record() -> impl Strategy<Value = MldRecord> {
    let kind = prop_oneof![
        Just(MldRecordKind::IsInclude),
        Just(MldRecordKind::IsExclude),
        Just(MldRecordKind::ToInclude),
        Just(MldRecordKind::ToExclude),
        Just(MldRecordKind::AllowNew),
        Just(MldRecordKind::BlockOld),
        (7..=255u8).prop_map(MldRecordKind::Other),
    ];
    let aux = (0..4usize).prop_flat_map(|n| vec(any::<u8>(), 4 * n)).prop_map(Bytes::from);
    (kind, group(), vec(v6(), 0..4), aux).prop_map(|(kind, group, sources, aux)| MldRecord {
        kind,
        group,
        sources,
        aux,
    })
}

fn query() -> impl Strategy<Value = Icmpv6> {
    let interval_s = (16..32u32, 0..8u32).prop_map(|(mantissa, exponent)| mantissa << (exponent + 3));
    let max_response_ms = (0x1000..0x2000u32, 0..8u32).prop_map(|(mantissa, exponent)| mantissa << (exponent + 3));
    (
        prop_oneof![0..0x8000u32, max_response_ms],
        group(),
        any::<bool>(),
        0..8u8,
        prop_oneof![0..128u32, interval_s],
        vec(v6(), 0..5),
    )
        .prop_map(|(max_response_ms, group, suppress, robustness, interval_s, sources)| {
            Icmpv6::MldQueryV2(MldQuery { max_response_ms, group, suppress, robustness, interval_s, sources })
        })
}

/// From a link-local source to a unicast destination, all of these may be sent.
pub(crate) fn icmpv6() -> impl Strategy<Value = Icmpv6> {
    let error = (any::<u8>(), any::<u32>(), bytes(100));
    let echo = (any::<u16>(), any::<u16>(), bytes(100));
    prop_oneof![
        error.clone().prop_map(|(code, _, invoking)| Icmpv6::DestinationUnreachable { code, invoking }),
        error.clone().prop_map(|(_, mtu, invoking)| Icmpv6::PacketTooBig { mtu, invoking }),
        error.clone().prop_map(|(code, _, invoking)| Icmpv6::TimeExceeded { code, invoking }),
        error.prop_map(|(code, pointer, invoking)| Icmpv6::ParameterProblem { code, pointer, invoking }),
        echo.clone().prop_map(|(id, seq, data)| Icmpv6::EchoRequest { id, seq, data }),
        echo.prop_map(|(id, seq, data)| Icmpv6::EchoReply { id, seq, data }),
        options().prop_map(|options| Icmpv6::RouterSolicit { options }),
        advert().prop_map(Icmpv6::RouterAdvert),
        (unicast(), options()).prop_map(|(target, options)| Icmpv6::NeighborSolicit { target, options }),
        (any::<[bool; 3]>(), unicast(), options()).prop_map(|([router, solicited, override_], target, options)| {
            Icmpv6::NeighborAdvert { router, solicited, override_, target, options }
        }),
        (link_local(), unicast(), options())
            .prop_map(|(target, destination, options)| { Icmpv6::Redirect { target, destination, options } }),
        (any::<u16>(), group()).prop_map(|(max_response_ms, group)| Icmpv6::MldQueryV1 { max_response_ms, group }),
        query(),
        group().prop_map(|group| Icmpv6::MldReportV1 { group }),
        group().prop_map(|group| Icmpv6::MldDone { group }),
        vec(record(), 0..4).prop_map(|records| Icmpv6::MldReportV2 { records }),
        (144..=255u8, any::<u8>(), bytes(100)).prop_map(|(kind, code, body)| Icmpv6::Unknown { kind, code, body }),
    ]
}

/// An ICMP message of any kind.
pub(crate) fn icmpv4() -> impl Strategy<Value = Icmpv4> {
    let fields = (any::<u16>(), any::<u16>(), bytes(100));
    prop_oneof![
        fields.clone().prop_map(|(id, seq, data)| Icmpv4::EchoRequest { id, seq, data }),
        fields.clone().prop_map(|(id, seq, data)| Icmpv4::EchoReply { id, seq, data }),
        fields.clone().prop_map(|(code, next_hop_mtu, invoking)| {
            Icmpv4::DestinationUnreachable { code: code as u8, next_hop_mtu, invoking }
        }),
        fields.clone().prop_map(|(code, _, invoking)| Icmpv4::TimeExceeded { code: code as u8, invoking }),
        fields.prop_map(|(code, pointer, invoking)| {
            Icmpv4::ParameterProblem { code: code as u8, pointer: pointer as u8, invoking }
        }),
        (13..=255u8, any::<u8>(), bytes(100))
            .prop_filter("at least 8 bytes", |(_, _, body)| body.len() >= 4)
            .prop_map(|(kind, code, body)| Icmpv4::Unknown { kind, code, body }),
    ]
}

fn extension() -> impl Strategy<Value = Extension> {
    let padded =
        |kind: u8| vec(any::<u8>(), 0..30).prop_map(move |data| Extension { kind, ..Extension::hop_by_hop(&data) });
    let ah = (0..4u8, vec(any::<u8>(), 27)).prop_map(|(words, data)| {
        let body = [&[words + 1][..], &data[..10 + 4 * usize::from(words)]].concat();
        Extension { kind: protocol::AH, body: body.into() }
    });
    prop_oneof![
        padded(protocol::HOP_BY_HOP),
        padded(protocol::DESTINATION),
        padded(protocol::ROUTING),
        padded(protocol::MOBILITY),
        ah,
        (any::<bool>(), any::<u32>()).prop_map(|(more, id)| Extension::of_fragment(Fragment { offset: 0, more, id })),
    ]
}

fn ipv6() -> impl Strategy<Value = Ipv6Packet> {
    let next = prop::sample::select(vec![protocol::TCP, protocol::UDP, protocol::ESP, protocol::ICMPV6, 253]);
    let header = (v6(), v6(), any::<u8>(), 0..0x10_0000u32, any::<u8>());
    (header, vec(extension(), 0..5), next, bytes(200)).prop_map(|(header, extensions, next, payload)| {
        let (src, dst, traffic_class, flow_label, hop_limit) = header;
        Ipv6Packet { src, dst, traffic_class, flow_label, hop_limit, extensions, next, payload }
    })
}

fn ipv4() -> impl Strategy<Value = Ipv4Packet> {
    let header = (v4(), v4(), any::<u8>(), any::<u8>(), any::<u16>(), 0..8u8, 0..0x2000u16);
    let options = (0..=10usize).prop_flat_map(|n| vec(any::<u8>(), 4 * n)).prop_map(Bytes::from);
    (header, options, any::<u8>(), bytes(200)).prop_map(|(header, options, protocol, payload)| {
        let (src, dst, ttl, tos, id, flags, fragment_offset) = header;
        Ipv4Packet { src, dst, ttl, tos, id, flags, fragment_offset, options, protocol, payload }
    })
}

/// A frame with anything in it.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    let net = prop_oneof![
        ipv6().prop_map(|ip| (ETHERTYPE_IPV6, Net::Ipv6(ip))),
        ipv4().prop_map(|ip| (ETHERTYPE_IPV4, Net::Ipv4(ip))),
        (any::<u16>(), mac(), v4(), mac(), v4())
            .prop_map(|(op, sha, spa, tha, tpa)| (ETHERTYPE_ARP, Net::Arp(Arp { op, sha, spa, tha, tpa }))),
        (0..0x600u16, bytes(100)).prop_map(|(length, payload)| (length, Net::Other(payload))),
    ];
    let tpid = prop::sample::select(vec![0x8100, 0x88a8, 0x9100]);
    let vlan = (tpid, any::<u16>()).prop_map(|(tpid, tci)| Vlan { tpid, tci });
    (mac(), mac(), vec(vlan, 0..=VLANS_MAX), net).prop_map(|(dst, src, vlans, (ethertype, net))| Frame {
        ethernet: Ethernet { dst, src, vlans, ethertype },
        net,
    })
}
