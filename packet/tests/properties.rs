//! Round trips over every variant, and bytes that mean nothing: no decoder panics.

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use packet::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn unicast() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|n| Ipv6Addr::from(n & !(0xe0 << 120) | 0x20 << 120))
}

fn group() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(|n| Ipv6Addr::from(n | 0xff << 120))
}

fn link_local() -> impl Strategy<Value = Ipv6Addr> {
    any::<u64>().prop_map(|n| Ipv6Addr::from(0xfe80 << 112 | u128::from(n)))
}

fn mac() -> impl Strategy<Value = MacAddr> {
    any::<[u8; 6]>().prop_map(MacAddr)
}

fn bytes(max: usize) -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..=max).prop_map(Bytes::from)
}

/// `units` times 8 bytes less what an option's head takes.
fn units(units: std::ops::Range<usize>, head: usize) -> impl Strategy<Value = Bytes> {
    units
        .prop_flat_map(move |n| vec(any::<u8>(), 8 * n - head))
        .prop_map(Bytes::from)
}

fn prefix() -> impl Strategy<Value = Ipv6Net> {
    (v6(), 0..=128u8).prop_map(|(address, length)| Ipv6Net::new(address, length).unwrap())
}

fn preference() -> impl Strategy<Value = Preference> {
    prop_oneof![
        Just(Preference::High),
        Just(Preference::Medium),
        Just(Preference::Low)
    ]
}

fn prefix_information() -> impl Strategy<Value = NdOption> {
    (prefix(), any::<[bool; 4]>(), any::<u32>(), any::<u32>()).prop_map(
        |(prefix, flags, valid_s, preferred_s)| {
            let [on_link, autonomous, router_address, pd_preferred] = flags;
            NdOption::PrefixInformation {
                prefix: if router_address {
                    prefix
                } else {
                    prefix.trunc()
                },
                on_link,
                autonomous,
                router_address,
                pd_preferred,
                valid_s,
                preferred_s,
            }
        },
    )
}

fn pref64() -> impl Strategy<Value = NdOption> {
    let length = prop::sample::select(vec![96u8, 64, 56, 48, 40, 32]);
    (v6(), length, 0..8192u16).prop_map(|(address, length, units)| NdOption::Pref64 {
        lifetime_s: units * 8,
        prefix: Ipv6Net::new(address, length).unwrap().trunc(),
    })
}

fn option() -> impl Strategy<Value = NdOption> {
    prop_oneof![
        mac().prop_map(NdOption::SourceLinkLayer),
        mac().prop_map(NdOption::TargetLinkLayer),
        prefix_information(),
        units(1..20, 0).prop_map(NdOption::RedirectedHeader),
        any::<u32>().prop_map(NdOption::Mtu),
        units(1..6, 2).prop_map(NdOption::Nonce),
        (prefix(), preference(), any::<u32>()).prop_map(|(prefix, preference, lifetime_s)| {
            NdOption::RouteInformation {
                prefix: prefix.trunc(),
                preference,
                lifetime_s,
            }
        }),
        (any::<u32>(), vec(v6(), 1..5)).prop_map(|(lifetime_s, servers)| NdOption::Rdnss {
            lifetime_s,
            servers
        }),
        (
            any::<u32>(),
            vec("[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,20}){0,4}", 1..5)
        )
            .prop_map(|(lifetime_s, domains)| NdOption::Dnssl {
                lifetime_s,
                domains
            }),
        "[!-~]{1,200}".prop_map(NdOption::CaptivePortal),
        pref64(),
        (39..=255u8, units(1..20, 2)).prop_map(|(kind, body)| NdOption::Unknown { kind, body }),
    ]
}

fn options() -> impl Strategy<Value = Vec<NdOption>> {
    vec(option(), 0..6)
}

fn advert() -> impl Strategy<Value = RouterAdvert> {
    let numbers = (any::<u8>(), any::<u16>(), any::<u32>(), any::<u32>());
    (numbers, any::<[bool; 4]>(), preference(), 0..4u8, options()).prop_map(
        |(
            (cur_hop_limit, router_lifetime_s, reachable_ms, retrans_ms),
            flags,
            preference,
            reserved_flags,
            options,
        )| {
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
    let aux = (0..4usize)
        .prop_flat_map(|n| vec(any::<u8>(), 4 * n))
        .prop_map(Bytes::from);
    (kind, group(), vec(v6(), 0..4), aux).prop_map(|(kind, group, sources, aux)| MldRecord {
        kind,
        group,
        sources,
        aux,
    })
}

fn query() -> impl Strategy<Value = Icmpv6> {
    let interval_s =
        (16..32u32, 0..8u32).prop_map(|(mantissa, exponent)| mantissa << (exponent + 3));
    let max_response_ms =
        (0x1000..0x2000u32, 0..8u32).prop_map(|(mantissa, exponent)| mantissa << (exponent + 3));
    (
        prop_oneof![0..0x8000u32, max_response_ms],
        group(),
        any::<bool>(),
        0..8u8,
        prop_oneof![0..128u32, interval_s],
        vec(v6(), 0..5),
    )
        .prop_map(
            |(max_response_ms, group, suppress, robustness, interval_s, sources)| {
                Icmpv6::MldQueryV2(MldQuery {
                    max_response_ms,
                    group,
                    suppress,
                    robustness,
                    interval_s,
                    sources,
                })
            },
        )
}

/// From a link-local source to a unicast destination, all of these may be sent.
fn icmpv6() -> impl Strategy<Value = Icmpv6> {
    let error = (any::<u8>(), any::<u32>(), bytes(100));
    let echo = (any::<u16>(), any::<u16>(), bytes(100));
    prop_oneof![
        error
            .clone()
            .prop_map(|(code, _, invoking)| Icmpv6::DestinationUnreachable { code, invoking }),
        error
            .clone()
            .prop_map(|(_, mtu, invoking)| Icmpv6::PacketTooBig { mtu, invoking }),
        error
            .clone()
            .prop_map(|(code, _, invoking)| Icmpv6::TimeExceeded { code, invoking }),
        error.prop_map(|(code, pointer, invoking)| Icmpv6::ParameterProblem {
            code,
            pointer,
            invoking
        }),
        echo.clone()
            .prop_map(|(id, seq, data)| Icmpv6::EchoRequest { id, seq, data }),
        echo.prop_map(|(id, seq, data)| Icmpv6::EchoReply { id, seq, data }),
        options().prop_map(|options| Icmpv6::RouterSolicit { options }),
        advert().prop_map(Icmpv6::RouterAdvert),
        (unicast(), options())
            .prop_map(|(target, options)| Icmpv6::NeighborSolicit { target, options }),
        (any::<[bool; 3]>(), unicast(), options()).prop_map(
            |([router, solicited, override_], target, options)| {
                Icmpv6::NeighborAdvert {
                    router,
                    solicited,
                    override_,
                    target,
                    options,
                }
            }
        ),
        (link_local(), unicast(), options()).prop_map(|(target, destination, options)| {
            Icmpv6::Redirect {
                target,
                destination,
                options,
            }
        }),
        (any::<u16>(), group()).prop_map(|(max_response_ms, group)| Icmpv6::MldQueryV1 {
            max_response_ms,
            group
        }),
        query(),
        group().prop_map(|group| Icmpv6::MldReportV1 { group }),
        group().prop_map(|group| Icmpv6::MldDone { group }),
        vec(record(), 0..4).prop_map(|records| Icmpv6::MldReportV2 { records }),
        (144..=255u8, any::<u8>(), bytes(100)).prop_map(|(kind, code, body)| Icmpv6::Unknown {
            kind,
            code,
            body
        }),
    ]
}

fn icmpv4() -> impl Strategy<Value = Icmpv4> {
    let fields = (any::<u16>(), any::<u16>(), bytes(100));
    prop_oneof![
        fields
            .clone()
            .prop_map(|(id, seq, data)| Icmpv4::EchoRequest { id, seq, data }),
        fields
            .clone()
            .prop_map(|(id, seq, data)| Icmpv4::EchoReply { id, seq, data }),
        fields.clone().prop_map(|(code, next_hop_mtu, invoking)| {
            Icmpv4::DestinationUnreachable {
                code: code as u8,
                next_hop_mtu,
                invoking,
            }
        }),
        fields
            .clone()
            .prop_map(|(code, _, invoking)| Icmpv4::TimeExceeded {
                code: code as u8,
                invoking
            }),
        fields.prop_map(|(code, pointer, invoking)| {
            Icmpv4::ParameterProblem {
                code: code as u8,
                pointer: pointer as u8,
                invoking,
            }
        }),
        (13..=255u8, any::<u8>(), bytes(100))
            .prop_filter("at least 8 bytes", |(_, _, body)| body.len() >= 4)
            .prop_map(|(kind, code, body)| Icmpv4::Unknown { kind, code, body }),
    ]
}

fn extension() -> impl Strategy<Value = Extension> {
    let padded = |kind: u8| {
        vec(any::<u8>(), 0..30).prop_map(move |data| Extension {
            kind,
            ..Extension::hop_by_hop(&data)
        })
    };
    let ah = (0..4u8, vec(any::<u8>(), 27)).prop_map(|(words, data)| {
        let body = [&[words + 1][..], &data[..10 + 4 * usize::from(words)]].concat();
        Extension {
            kind: protocol::AH,
            body: body.into(),
        }
    });
    prop_oneof![
        padded(protocol::HOP_BY_HOP),
        padded(protocol::DESTINATION),
        padded(protocol::ROUTING),
        padded(protocol::MOBILITY),
        ah,
        (any::<bool>(), any::<u32>()).prop_map(|(more, id)| Extension::of_fragment(Fragment {
            offset: 0,
            more,
            id
        })),
    ]
}

fn ipv6() -> impl Strategy<Value = Ipv6Packet> {
    let next = prop::sample::select(vec![
        protocol::TCP,
        protocol::UDP,
        protocol::ESP,
        protocol::ICMPV6,
        253,
    ]);
    let header = (v6(), v6(), any::<u8>(), 0..0x10_0000u32, any::<u8>());
    (header, vec(extension(), 0..5), next, bytes(200)).prop_map(
        |(header, extensions, next, payload)| {
            let (src, dst, traffic_class, flow_label, hop_limit) = header;
            Ipv6Packet {
                src,
                dst,
                traffic_class,
                flow_label,
                hop_limit,
                extensions,
                next,
                payload,
            }
        },
    )
}

fn ipv4() -> impl Strategy<Value = Ipv4Packet> {
    let header = (
        v4(),
        v4(),
        any::<u8>(),
        any::<u8>(),
        any::<u16>(),
        0..8u8,
        0..0x2000u16,
    );
    let options = (0..=10usize)
        .prop_flat_map(|n| vec(any::<u8>(), 4 * n))
        .prop_map(Bytes::from);
    (header, options, any::<u8>(), bytes(200)).prop_map(|(header, options, protocol, payload)| {
        let (src, dst, ttl, tos, id, flags, fragment_offset) = header;
        Ipv4Packet {
            src,
            dst,
            ttl,
            tos,
            id,
            flags,
            fragment_offset,
            options,
            protocol,
            payload,
        }
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let net = prop_oneof![
        ipv6().prop_map(|ip| (ETHERTYPE_IPV6, Net::Ipv6(ip))),
        ipv4().prop_map(|ip| (ETHERTYPE_IPV4, Net::Ipv4(ip))),
        (any::<u16>(), mac(), v4(), mac(), v4()).prop_map(|(op, sha, spa, tha, tpa)| (
            ETHERTYPE_ARP,
            Net::Arp(Arp {
                op,
                sha,
                spa,
                tha,
                tpa
            })
        )),
        (0..0x600u16, bytes(100)).prop_map(|(length, payload)| (length, Net::Other(payload))),
    ];
    let tpid = prop::sample::select(vec![0x8100, 0x88a8, 0x9100]);
    let vlan = (tpid, any::<u16>()).prop_map(|(tpid, tci)| Vlan { tpid, tci });
    (mac(), mac(), vec(vlan, 0..=VLANS_MAX), net).prop_map(|(dst, src, vlans, (ethertype, net))| {
        Frame {
            ethernet: Ethernet {
                dst,
                src,
                vlans,
                ethertype,
            },
            net,
        }
    })
}

/// Everything that reads bytes, and everything that can be asked of what was read.
fn read_all(bytes: &[u8]) {
    let (src, dst) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    if let Ok(frame) = Frame::parse(bytes) {
        let _again = frame.emit();
        if let Ok(Some(message)) = frame.icmpv6() {
            let _again = message.emit(src, dst);
        }
        if let Net::Ipv4(ip) = &frame.net {
            let _message = ip.icmpv4();
        }
        if let Net::Ipv6(ip) = &frame.net {
            let _count = ip.extensions.iter().flat_map(Extension::options).count();
        }
    }
    let _packet = Ipv6Packet::parse(bytes);
    let _packet = Ipv4Packet::parse(bytes);
    let _packet = Arp::parse(bytes);
    let _message = Icmpv6::parse(src, dst, bytes);
    let _message = Icmpv4::parse(bytes);
    let _segment = Udp::parse(bytes);
    let _segment = Tcp::parse(bytes);
    let mac = MacAddr::ZERO;
    let _error = icmpv6_error(mac, src, Icmpv6Error::PacketTooBig { mtu: 1280 }, bytes);
    let _error = icmpv4_error(
        mac,
        Ipv4Addr::LOCALHOST,
        Icmpv4Error::TimeExceeded { code: 0 },
        bytes,
    );
}

/// The message with the checksum that makes [`Icmpv6::parse`] look further.
fn read_summed(mut message: Vec<u8>) {
    let (src, dst) = (
        Ipv6Addr::from(0xfe80 << 112 | 1),
        Ipv6Addr::from(0x2001 << 112 | 1),
    );
    if message.len() < 4 {
        return;
    }
    message[2..4].fill(0);
    let sum = checksum_v6(src, dst, protocol::ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    if let Ok(read) = Icmpv6::parse(src, dst, &message) {
        let emitted = read.emit(src, dst);
        assert_eq!(
            Icmpv6::parse(src, dst, &emitted),
            Ok(read),
            "what was read is emitted and read again"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn icmpv6_round_trips(src in link_local(), dst in unicast(), message in icmpv6()) {
        prop_assert!(message.options().iter().all(|option| option.check().is_ok()));
        prop_assert_eq!(Icmpv6::parse(src, dst, &message.emit(src, dst)), Ok(message));
    }

    #[test]
    fn icmpv4_round_trips(message in icmpv4()) {
        prop_assert_eq!(Icmpv4::parse(&message.emit()), Ok(message));
    }

    #[test]
    fn frames_round_trip(frame in frame()) {
        prop_assert_eq!(Frame::parse(&frame.emit()), Ok(frame));
    }

    #[test]
    fn segments_round_trip(
        src in v6(), dst in v6(), ports in any::<(u16, u16, u32, u32, u8, u16)>(),
        options in (0..=10usize).prop_flat_map(|n| vec(any::<u8>(), 4 * n)), payload in bytes(100),
    ) {
        let (sport, dport, seq, ack, flags, window) = ports;
        let segment = Tcp { sport, dport, seq, ack, flags, window, options: options.into(), payload: payload.clone() };
        let emitted = tcp(src, dst, &segment);
        prop_assert_eq!(checksum_v6(src, dst, protocol::TCP, &emitted), 0);
        prop_assert_eq!(Tcp::parse(&emitted), Ok(segment));
        let emitted = udp(src, dst, sport, dport, &payload);
        prop_assert_eq!(checksum_v6(src, dst, protocol::UDP, &emitted), 0);
        prop_assert_eq!(Udp::parse(&emitted), Ok(Udp { sport, dport, payload }));
    }

    #[test]
    fn an_error_never_passes_its_size(frame in frame(), mtu in any::<u32>()) {
        let router = Ipv6Addr::from(0xfe80 << 112 | 1);
        if let Some(error) = icmpv6_error(MacAddr::ZERO, router, Icmpv6Error::PacketTooBig { mtu }, &frame.emit()) {
            let read = Frame::parse(&error).unwrap();
            prop_assert!(read.ipv6().unwrap().emit().len() <= 1280);
            let kind = read.icmpv6().unwrap().unwrap().kind();
            prop_assert_eq!(kind, 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        read_summed(bytes);
    }

    #[test]
    fn random_options_never_panic(kind in 130..144u8, head in vec(any::<u8>(), 0..24), body in vec((0..40u8, 0..5u8, vec(any::<u8>(), 0..40)), 0..6)) {
        let mut message = [&[kind, 0, 0, 0][..], &head].concat();
        for (kind, units, bytes) in body {
            message.extend([kind, units]);
            message.extend(bytes);
        }
        read_summed(message);
    }

    #[test]
    fn mutated_frames_never_panic(frame in frame(), hits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut bytes = frame.emit().to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes);
        read_all(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn mutated_messages_never_panic(message in icmpv6(), hits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>()) {
        let mut bytes = message.emit(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST).to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
        read_summed(bytes);
    }
}
