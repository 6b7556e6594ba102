//! DHCPv6: round trips over every option, bytes that mean nothing, limits, and what Wireshark reads in what we write.

mod common;

use std::net::Ipv6Addr;

use bytes::{BufMut, Bytes, BytesMut};
use common::tshark::{Capture, assert_clean, excused};
use common::{hex, mac, v6};
use packet::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), range).prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = Ipv6Addr> + Clone {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn domain() -> impl Strategy<Value = String> + Clone {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z0-9]{1,10}){0,3}"
}

/// Every option without options inside.
fn plain() -> impl Strategy<Value = Dhcp6Option> + Clone {
    use Dhcp6Option::*;
    let status =
        (any::<u16>(), ".{0,20}").prop_map(|(n, message)| Status { code: Dhcp6Status::from_number(n), message });
    let auth = (any::<[u8; 3]>(), any::<u64>(), bytes(0..=20)).prop_map(
        |([protocol, algorithm, rdm], replay, information)| Auth { protocol, algorithm, rdm, replay, information },
    );
    let pieces = || vec(bytes(0..=9), 1..4);
    let unknown = (200..u16::MAX, bytes(0..=30)).prop_map(|(code, data)| Unknown { code, data });
    prop_oneof![
        bytes(1..=130).prop_map(ClientId),
        bytes(1..=130).prop_map(ServerId),
        vec(any::<u16>(), 0..9).prop_map(OptionRequest),
        any::<u8>().prop_map(Preference),
        any::<u16>().prop_map(ElapsedTime),
        bytes(0..=99).prop_map(RelayMessage),
        auth,
        address().prop_map(ServerUnicast),
        status,
        Just(RapidCommit),
        Just(ReconfigureAccept),
        pieces().prop_map(UserClass),
        (any::<u32>(), pieces()).prop_map(|(enterprise, data)| VendorClass { enterprise, data }),
        (any::<u32>(), bytes(0..=30)).prop_map(|(enterprise, data)| VendorOptions { enterprise, data }),
        bytes(0..=30).prop_map(InterfaceId),
        any::<u8>().prop_map(ReconfigureMessage),
        vec(address(), 1..4).prop_map(DnsServers),
        vec(domain(), 1..4).prop_map(DomainSearch),
        vec(address(), 1..4).prop_map(SntpServers),
        any::<u32>().prop_map(InformationRefreshTime),
        (any::<u8>(), bytes(0..=30)).prop_map(|(flags, name)| ClientFqdn { flags, name }),
        (address(), any::<bool>()).prop_map(|(address, multicast)| NtpAddress { address, multicast }),
        domain().prop_map(NtpName),
        ".{0,40}".prop_map(BootfileUrl),
        pieces().prop_map(BootfileParameters),
        vec(any::<u16>(), 0..4).prop_map(ClientArchitecture),
        any::<[u8; 6]>().prop_map(|m| ClientLinkLayer(MacAddr(m))),
        any::<u32>().prop_map(SolMaxRt),
        any::<u32>().prop_map(InfMaxRt),
        ".{0,40}".prop_map(CaptivePortal),
        unknown,
    ]
}

/// Any option, associations with leases inside.
fn option() -> impl Strategy<Value = Dhcp6Option> {
    use Dhcp6Option::*;
    let prefix = (address(), 0..=128u8).prop_map(|(address, length)| Ipv6Net::new(address, length).unwrap());
    let times = any::<[u32; 2]>();
    let leases = prop_oneof![
        (address(), times, vec(plain(), 0..2)).prop_map(|(address, [preferred_s, valid_s], options)| IaAddress {
            address,
            preferred_s,
            valid_s,
            options
        }),
        (prefix, times, vec(plain(), 0..2)).prop_map(|(prefix, [preferred_s, valid_s], options)| IaPrefix {
            prefix,
            preferred_s,
            valid_s,
            options
        }),
        plain(),
    ];
    prop_oneof![
        plain(),
        (any::<[u32; 3]>(), vec(leases.clone(), 0..3)).prop_map(|([iaid, t1_s, t2_s], options)| IaNa {
            iaid,
            t1_s,
            t2_s,
            options
        }),
        (any::<[u32; 3]>(), vec(leases.clone(), 0..3)).prop_map(|([iaid, t1_s, t2_s], options)| IaPd {
            iaid,
            t1_s,
            t2_s,
            options
        }),
        (any::<u32>(), vec(leases, 0..3)).prop_map(|(iaid, options)| IaTa { iaid, options }),
    ]
}

fn message() -> impl Strategy<Value = Dhcp6> {
    let relay = (any::<bool>(), any::<u8>(), address(), address(), vec(option(), 0..5));
    prop_oneof![
        (any::<u8>(), 0..1u32 << 24, vec(option(), 0..8)).prop_map(|(n, transaction, options)| {
            let kind = Dhcp6Kind::from_number(if n == 12 || n == 13 { 1 } else { n });
            Dhcp6::Message(Dhcp6Message { kind, transaction, options })
        }),
        relay.prop_map(|(back, hop_count, link_address, peer_address, options)| {
            let kind = if back { Dhcp6Kind::RelayRepl } else { Dhcp6Kind::RelayForw };
            Dhcp6::Relay(Dhcp6Relay { kind, hop_count, link_address, peer_address, options })
        }),
    ]
}

fn emit(message: &Dhcp6) -> Result<Bytes, Bad> {
    match message {
        Dhcp6::Message(message) => message.emit(),
        Dhcp6::Relay(relay) => relay.emit(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(message in message()) {
        let written = emit(&message).unwrap();
        prop_assert_eq!(Dhcp6::parse(&written), Ok(message));
    }

    #[test]
    fn what_can_be_read_is_written_to_the_letter(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Dhcp6::parse(&bytes) {
            prop_assert_eq!(&emit(&message).unwrap()[..], &bytes[..]);
        }
    }

    #[test]
    fn a_bent_message_is_kept_or_refused(message in message(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = emit(&message).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(message) = Dhcp6::parse(&bytes) {
            prop_assert_eq!(&emit(&message).unwrap()[..], &bytes[..]);
        }
        // Cut off in an option, or between two.
        if let Ok(message) = Dhcp6::parse(&bytes[..at]) {
            prop_assert_eq!(&emit(&message).unwrap()[..], &bytes[..at]);
        }
    }
}

#[test]
fn a_solicit_by_hand() {
    let bytes = hex("01 abcdef          # solicit
         0001 000a 0003 0001 020000000001
         0003 000c 00000007 00000000 00000000
         0006 0004 0017 0018
         0008 0002 0000
         000e 0000");
    let Ok(Dhcp6::Message(message)) = Dhcp6::parse(&bytes) else { panic!("not read") };
    assert_eq!((message.kind, message.transaction), (Dhcp6Kind::Solicit, 0xab_cdef));
    assert_eq!(
        message.options,
        [
            Dhcp6Option::ClientId(duid_ll(mac("02:00:00:00:00:01"))),
            Dhcp6Option::IaNa { iaid: 7, t1_s: 0, t2_s: 0, options: vec![] },
            Dhcp6Option::OptionRequest(vec![dhcp6_option::DNS_SERVERS, dhcp6_option::DOMAIN_LIST]),
            Dhcp6Option::ElapsedTime(0),
            Dhcp6Option::RapidCommit,
        ]
    );
    assert_eq!(&message.emit().unwrap()[..], &bytes[..]);
}

#[test]
fn broken_options_are_kept_as_unknown() {
    for option in [
        "0001 0000",                                                       // a DUID without a byte
        "0003 0002 0000",                                                  // half an IAID
        "0006 0003 001700",                                                // one and a half codes
        "000e 0001 00",                                                    // rapid commit with content
        "0017 0008 20010db800000000",                                      // half an address
        "0018 0003 03 6162",                                               // a label beyond the end
        "0018 0005 01 61 00 00 00",                                        // padding, which RFC 3646 has no room for
        "000d 0003 0000 ff",                                               // not UTF-8
        "0038 0006 0001 0002 0000",                                        // a time server of two bytes
        "004f 0008 0006 020000000001",                                     // a MAC of another kind of hardware
        "001a 0019 00000000 00000000 ff 20010db8000000000000000000000000", // a prefix of length 255
    ] {
        let mut bytes = hex("01 000001");
        bytes.extend(hex(option));
        let Ok(Dhcp6::Message(message)) = Dhcp6::parse(&bytes) else { panic!("{option}") };
        assert!(matches!(message.options[..], [Dhcp6Option::Unknown { .. }]), "{option}: {:?}", message.options);
        assert_eq!(&message.emit().unwrap()[..], &bytes[..]);
    }
}

#[test]
fn lengths_beyond_the_end_and_endless_lists_are_refused() {
    let refused = |option: &[u8]| {
        let mut bytes = hex("01 000001");
        bytes.extend(option);
        Dhcp6::parse(&bytes).unwrap_err()
    };
    assert_eq!(refused(&hex("0001 0005 00")), Bad::Short { need: 9, have: 5 });
    assert_eq!(refused(&hex("00")), Bad::Short { need: 2, have: 1 });
    let many = hex("000e 0000").repeat(DHCP6_OPTIONS_MAX + 1);
    assert!(matches!(refused(&many), Bad::TooMany { what: "options", .. }));
    // Associations inside of each other, as deep as a datagram has room for.
    let mut deep = BytesMut::new();
    for level in (0..300u16).rev() {
        deep.put_u16(3);
        deep.put_u16(12 + level * 16);
        deep.put_bytes(0, 12);
    }
    assert!(matches!(refused(&deep), Bad::TooMany { what: "levels of options", .. }));
    for empty in [&b""[..], b"\x01", b"\x01\x00\x00", b"\x0c\x00\xfe\x80"] {
        assert!(matches!(Dhcp6::parse(empty), Err(Bad::Short { .. })), "{empty:02x?}");
    }
}

/// A reply with one of everything that a server sends.
fn full_reply() -> Dhcp6Message {
    use Dhcp6Option::*;
    let (preferred_s, valid_s) = (3600, 7200);
    let address = IaAddress { address: v6("2001:db8:a::105"), preferred_s, valid_s, options: vec![] };
    let prefix = IaPrefix { prefix: "2001:db8:d000::/56".parse().unwrap(), preferred_s, valid_s, options: vec![] };
    let none = Status { code: Dhcp6Status::NoAddrsAvail, message: "the pool is used up".into() };
    Dhcp6Message {
        kind: Dhcp6Kind::Reply,
        transaction: 0x12_3456,
        options: vec![
            ClientId(duid_ll(mac("02:00:00:00:00:02"))),
            ServerId(duid_ll(mac("02:00:00:00:00:01"))),
            IaNa { iaid: 1, t1_s: 1800, t2_s: 2880, options: vec![address] },
            IaNa { iaid: 2, t1_s: 0, t2_s: 0, options: vec![none] },
            IaPd { iaid: 1, t1_s: 1800, t2_s: 2880, options: vec![prefix] },
            Preference(255),
            RapidCommit,
            ReconfigureAccept,
            DnsServers(vec![v6("2001:db8::53"), v6("2001:db8::54")]),
            DomainSearch(vec!["example.org".into(), "a.example.net".into()]),
            SntpServers(vec![v6("2001:db8::123")]),
            NtpAddress { address: v6("2001:db8::123"), multicast: false },
            NtpName("time.example.org".into()),
            InformationRefreshTime(86400),
            BootfileUrl("http://[2001:db8::69]/boot.ipxe".into()),
            VendorOptions { enterprise: 9, data: Bytes::from_static(&[0, 1, 0, 2, 7, 7]) },
            SolMaxRt(3600),
            InfMaxRt(3600),
            CaptivePortal("https://portal.example.org/api".into()),
        ],
    }
}

/// From a server to a client or relay agent.
fn frame(message: &Bytes, dport: u16) -> Bytes {
    let (src, dst) = (v6("fe80::1"), v6("fe80::ff:fe00:2"));
    let datagram = udp(src, dst, DHCP6_SERVER_PORT, dport, message);
    ipv6_frame(mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"), src, dst, 64, protocol::UDP, &datagram)
}

#[test]
fn wireshark_reads_what_we_wrote() {
    if excused() {
        return;
    }
    let reply = frame(&full_reply().emit().unwrap(), DHCP6_CLIENT_PORT);
    let relayed = Dhcp6Relay {
        kind: Dhcp6Kind::RelayRepl,
        hop_count: 0,
        link_address: v6("2001:db8:a::1"),
        peer_address: v6("fe80::2"),
        options: vec![
            Dhcp6Option::InterfaceId(Bytes::from_static(b"vf0")),
            Dhcp6Option::ClientLinkLayer(mac("02:00:00:00:00:09")),
            Dhcp6Option::RelayMessage(full_reply().emit().unwrap()),
        ],
    };
    let relayed = frame(&relayed.emit().unwrap(), DHCP6_SERVER_PORT);
    assert_clean("dhcp6", &[reply.clone(), relayed]);
    let capture = Capture::of("dhcp6-fields", &[reply]);
    let reads = [
        ("dhcpv6.msgtype", "7"),
        ("dhcpv6.xid", "0x123456"),
        ("dhcpv6.iaaddr.ip", "2001:db8:a::105"),
        ("dhcpv6.iaaddr.valid_lifetime", "7200"),
        ("dhcpv6.iaid", "00000001,00000002,00000001"),
        ("dhcpv6.iaid.t1", "1800,0,1800"),
        ("dhcpv6.iaprefix.pref_addr", "2001:db8:d000::"),
        ("dhcpv6.iaprefix.pref_len", "56"),
        ("dhcpv6.status_code", "2"),
        ("dhcpv6.dns_server", "2001:db8::53,2001:db8::54"),
        ("dhcpv6.ntpserver.addr", "2001:db8::123"),
    ];
    let rows = capture.fields(&reads.map(|(name, _)| name));
    for ((name, want), got) in reads.iter().zip(&rows[0]) {
        assert_eq!(got, want, "{name}");
    }
}
