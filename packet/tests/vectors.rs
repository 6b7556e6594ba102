//! Bytes on the wire, good and bad, beside the values that they are.

mod common;

use bytes::Bytes;
use common::{hex, mac, v6};
use packet::{
    Arp, Bad, Extension, Fragment, Frame, Icmpv6, Ipv6Packet, MldQuery, NdOption, Net, Preference, RouterAdvert,
    checksum_v6, protocol,
};

const ROUTER: &str = "fe80::1";
const NODES: &str = "ff02::1";

/// The message with its checksum filled in, read between these addresses.
fn read(src: &str, dst: &str, text: &str) -> Result<Icmpv6, Bad> {
    let mut bytes = hex(text);
    let sum = checksum_v6(v6(src), v6(dst), protocol::ICMPV6, &bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    Icmpv6::parse(v6(src), v6(dst), &bytes)
}

/// Options as they stand in a router advert, and again as they are emitted.
fn option(text: &str) -> NdOption {
    let header = "86 00 0000 40 00 0708 00000000 00000000";
    let message = read(ROUTER, NODES, &format!("{header}\n{text}")).unwrap();
    let emitted = message.emit(v6(ROUTER), v6(NODES));
    assert_eq!(&emitted[16..], hex(text), "emitted otherwise than read");
    let [option] = message.options() else { panic!("{message:?}") };
    option.clone()
}

/// Read as unknown: an option whose content breaks its type's rules.
fn broken(text: &str) {
    let bytes = hex(text);
    let body = Bytes::copy_from_slice(&bytes[2..]);
    assert_eq!(option(text), NdOption::Unknown { kind: bytes[0], body });
}

#[test]
fn router_advert_flags() {
    let advert = |flags: &str| {
        let text = format!("86 00 0000 40 {flags} 0708 00007530 000003e8");
        let Ok(Icmpv6::RouterAdvert(advert)) = read(ROUTER, NODES, &text) else { panic!("{text}") };
        advert
    };
    let plain = RouterAdvert {
        cur_hop_limit: 64,
        router_lifetime_s: 1800,
        reachable_ms: 30000,
        retrans_ms: 1000,
        ..RouterAdvert::default()
    };
    assert_eq!(advert("00"), plain);
    assert_eq!(advert("80"), RouterAdvert { managed: true, ..plain.clone() });
    assert_eq!(advert("40"), RouterAdvert { other: true, ..plain.clone() });
    assert_eq!(advert("20"), RouterAdvert { home_agent: true, ..plain.clone() });
    assert_eq!(advert("08"), RouterAdvert { preference: Preference::High, ..plain.clone() });
    assert_eq!(advert("18"), RouterAdvert { preference: Preference::Low, ..plain.clone() });
    assert_eq!(advert("10"), plain, "the reserved preference is medium");
    assert_eq!(advert("04"), RouterAdvert { proxy: true, ..plain.clone() });
    assert_eq!(advert("03"), RouterAdvert { reserved_flags: 3, ..plain });
}

#[test]
fn options_of_rfc_4861() {
    assert_eq!(option("01 01 020000000001"), NdOption::SourceLinkLayer(mac("02:00:00:00:00:01")));
    assert_eq!(option("02 01 020000000002"), NdOption::TargetLinkLayer(mac("02:00:00:00:00:02")));
    assert_eq!(option("05 01 0000 000005a2"), NdOption::Mtu(1442));
    let redirected = option("04 02 000000000000 6000000000000000");
    assert_eq!(redirected, NdOption::RedirectedHeader(hex("6000000000000000").into()));
    let prefix = "03 04 40 d0 00015180 00003840 00000000 20010db8000a0000 0000000000000000";
    let expected = NdOption::PrefixInformation {
        prefix: "2001:db8:a::/64".parse().unwrap(),
        on_link: true,
        autonomous: true,
        router_address: false,
        pd_preferred: true,
        valid_s: 86400,
        preferred_s: 14400,
    };
    assert_eq!(option(prefix), expected);
    let whole = "03 04 40 20 ffffffff 00000000 00000000 20010db8000a0000 0000000000000001";
    let NdOption::PrefixInformation { prefix, router_address: true, .. } = option(whole) else {
        panic!("no R");
    };
    assert_eq!(prefix.to_string(), "2001:db8:a::1/64");
}

#[test]
fn later_options() {
    // RFC 4191, 2.3, with 0, 8 and 16 bytes of prefix
    let route = |prefix: &str, preference, lifetime_s| NdOption::RouteInformation {
        prefix: prefix.parse().unwrap(),
        preference,
        lifetime_s,
    };
    assert_eq!(option("18 01 00 08 00000258"), route("::/0", Preference::High, 600));
    let half = option("18 02 30 18 00000259 20010db8000c0000");
    assert_eq!(half, route("2001:db8:c::/48", Preference::Low, 601));
    let whole = option("18 03 60 00 ffffffff 0064ff9b00000000 0000000000000000");
    assert_eq!(whole, route("64:ff9b::/96", Preference::Medium, u32::MAX));
    // RFC 8106, 5.1 and 5.2
    let servers = vec![v6("2001:db8::53")];
    let rdnss = option("19 03 0000 000004b0 20010db8000000000000000000000053");
    assert_eq!(rdnss, NdOption::Rdnss { lifetime_s: 1200, servers });
    let domains = vec!["ex.org".to_owned(), "a".to_owned()];
    let dnssl = option("1f 03 0000 00000000 02 6578 03 6f7267 00 01 61 00 0000000000");
    assert_eq!(dnssl, NdOption::Dnssl { lifetime_s: 0, domains });
    // RFC 8910, 2.3
    let portal = option("25 02 68747470733a2f2f612e620000 00");
    assert_eq!(portal, NdOption::CaptivePortal("https://a.b".into()));
    // RFC 8781, 4: 1800 s are 225 units of 8
    let pref64 = |prefix: &str| NdOption::Pref64 { lifetime_s: 1800, prefix: prefix.parse().unwrap() };
    assert_eq!(option("26 02 0708 0064ff9b 0000000000000000"), pref64("64:ff9b::/96"));
    assert_eq!(option("26 02 070d 20010db8 0000000000000000"), pref64("2001:db8::/32"));
    // RFC 3971, 5.3.2
    assert_eq!(option("0e 01 0102030405 06"), NdOption::Nonce(hex("010203040506").into()));
    broken("fd 02 0102030405060708090a0b0c0d0e");
}

#[test]
fn options_that_break_their_rules_are_kept_raw() {
    broken("01 02 0200000000010000000000000000"); // a MAC of 14 bytes
    broken("05 02 0000 000005a2 0000000000000000"); // an MTU of 14 bytes
    broken("03 03 40 c0 00015180 00003840 00000000 20010db8000a0000"); // a prefix cut off
    broken("03 04 81 c0 00015180 00003840 00000000 20010db8000a0000 0000000000000000"); // a /129
    broken("18 02 30 10 00000259 20010db8000c0000"); // the reserved preference
    broken("18 02 41 00 00000259 20010db8000c0000"); // a /65 in 8 bytes
    broken("18 04 40 00 00000259 20010db8000c0000 0000000000000000 0000000000000000");
    broken("19 01 0000 000004b0"); // no server
    broken("19 02 0000 000004b0 20010db800000000"); // half a server
    broken("1f 01 0000 00000000"); // no domain
    broken("1f 02 0000 00000000 c00c 000000000000"); // a compressed name
    broken("25 01 000000000000"); // no URI
    broken("26 02 0706 0064ff9b 0000000000000000"); // a reserved length code
    broken("26 01 0708 0064ff9b"); // a prefix cut off
}

const SOLICIT: &str = "87 00 0000 00000000 fe800000000000000000000000000002";
const ADVERT: &str = "86 00 0000 40 00 0708 00000000 00000000";

fn refused(src: &str, dst: &str, text: &str) -> Bad {
    read(src, dst, text).unwrap_err()
}

#[test]
fn messages_to_discard() {
    let ns = SOLICIT;
    assert!(read(ROUTER, "ff02::1:ff00:2", ns).is_ok());
    let mut bytes = hex(ns);
    bytes[2..4].copy_from_slice(&[1, 2]);
    let have = 0x0102;
    let bad = Icmpv6::parse(v6(ROUTER), v6("ff02::1:ff00:2"), &bytes);
    assert!(matches!(bad, Err(Bad::Checksum { have: h, .. }) if h == have), "{bad:?}");

    let code = refused(ROUTER, NODES, "87 01 0000 00000000 fe800000000000000000000000000002");
    assert_eq!(code, Bad::Code { kind: 135, code: 1 });
    assert_eq!(refused(ROUTER, NODES, "87 00 0000 00000000 fe80"), Bad::Short { need: 24, have: 10 });
    assert_eq!(refused(ROUTER, NODES, "86 00 0000 40 00 0708"), Bad::Short { need: 12, have: 8 });
    let zero = format!("{ns} 01 00 020000000001");
    assert_eq!(refused(ROUTER, NODES, &zero), Bad::EmptyOption { kind: 1 });
    let long = format!("{ns} 01 02 020000000001");
    assert_eq!(refused(ROUTER, NODES, &long), Bad::Short { need: 40, have: 32 });
    let odd = format!("{ns} 01");
    assert_eq!(refused(ROUTER, NODES, &odd), Bad::Short { need: 26, have: 25 });
    let many = format!("{ADVERT} {}", "fd01000000000000".repeat(257));
    assert_eq!(refused(ROUTER, NODES, &many), Bad::TooMany { what: "options", max: 256 });
}

#[test]
fn messages_with_the_wrong_addresses() {
    let ns = SOLICIT;
    // duplicate address detection: to the solicited-node group only, and without a MAC
    assert!(read("::", "ff02::1:ff00:2", ns).is_ok());
    assert_eq!(refused("::", NODES, ns), Bad::Destination(v6(NODES)));
    let told = format!("{ns} 01 01 020000000001");
    assert_eq!(refused("::", "ff02::1:ff00:2", &told), Bad::LinkLayerOfNobody);
    assert_eq!(refused("::", "ff02::2", "85 00 0000 00000000 01 01 020000000001"), Bad::LinkLayerOfNobody);

    let group = refused(ROUTER, NODES, "88 00 0000 20000000 ff020000000000000000000000000002");
    assert_eq!(group, Bad::Target(v6("ff02::2")));
    let solicited = refused(ROUTER, NODES, "88 00 0000 60000000 fe800000000000000000000000000001");
    assert_eq!(solicited, Bad::SolicitedToGroup);

    assert_eq!(refused("2001:db8::1", NODES, ADVERT), Bad::Source(v6("2001:db8::1")));
    let redirect = "89 00 0000 00000000 20010db8000000000000000000000009 20010db8000000000000000000000008";
    assert_eq!(refused(ROUTER, "2001:db8::2", redirect), Bad::Target(v6("2001:db8::9")));
}

#[test]
fn listener_discovery_by_length() {
    let v1 = "82 00 0000 2710 0000 00000000000000000000000000000000";
    let query = read(ROUTER, NODES, v1).unwrap();
    assert_eq!(query, Icmpv6::MldQueryV1 { max_response_ms: 10000, group: v6("::") });
    let v2 = format!("{v1} 0a 7d 0001 20010db8000000000000000000000001");
    let query = MldQuery {
        max_response_ms: 10000,
        group: v6("::"),
        suppress: true,
        robustness: 2,
        interval_s: 125,
        sources: vec![v6("2001:db8::1")],
    };
    assert_eq!(read(ROUTER, NODES, &v2).unwrap(), Icmpv6::MldQueryV2(query));
    assert_eq!(read(ROUTER, NODES, &format!("{v1} 0a7d")).unwrap_err(), Bad::Short { need: 28, have: 26 });
    assert_eq!(
        read(ROUTER, NODES, &format!("{v1} 0a 7d 0002 20010db8000000000000000000000001")).unwrap_err(),
        Bad::Short { need: 60, have: 44 }
    );
    assert_eq!(read("2001:db8::1", NODES, v1).unwrap_err(), Bad::Source(v6("2001:db8::1")));
    let report = "8f 00 0000 0000 ffff";
    assert_eq!(read(ROUTER, "ff02::16", report).unwrap_err(), Bad::TooMany { what: "records", max: 128 });
}

#[test]
fn a_whole_solicitation() {
    let frame = hex("
        3333ff000001 fa163eaabbcc 86dd
        60000000 0020 3a ff
        fe80000000000000f8163efffeaabbcc ff0200000000000000000001ff000001
        87 00 967f 00000000 fe800000000000000000000000000001
        01 01 fa163eaabbcc");
    let read = Frame::parse(&frame).unwrap();
    let expected = Icmpv6::NeighborSolicit {
        target: v6("fe80::1"),
        options: vec![NdOption::SourceLinkLayer(mac("fa:16:3e:aa:bb:cc"))],
    };
    assert_eq!(read.icmpv6(), Ok(Some(expected)));
    assert_eq!(read.emit(), frame);
}

#[test]
fn arp_and_tags() {
    let frame = hex("
        ffffffffffff 020000000001 88a8 0064 8100 2005 0806
        0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202");
    let read = Frame::parse(&[frame.as_slice(), &[0; 18]].concat()).unwrap();
    let vids: Vec<u16> = read.ethernet.vlans.iter().map(|v| v.vid()).collect();
    assert_eq!(vids, [100, 5]);
    let Net::Arp(Arp { op: 1, spa, tpa, .. }) = read.net else { panic!("{read:?}") };
    assert_eq!((spa.to_string(), tpa.to_string()), ("192.0.2.1".into(), "192.0.2.2".into()));
    assert_eq!(read.emit(), frame, "padding is dropped");
    assert_eq!(Frame::parse(&frame[..40]), Err(Bad::Short { need: 28, have: 18 }));
    assert_eq!(Frame::parse(&frame[..16]), Err(Bad::Short { need: 18, have: 16 }));
}

#[test]
fn extension_headers() {
    let solicit = Icmpv6::NeighborSolicit { target: v6("fe80::2"), options: vec![] };
    let (src, dst) = (v6(ROUTER), v6("ff02::1:ff00:2"));
    let mut packet = Ipv6Packet::new(src, dst, 255, protocol::ICMPV6, solicit.emit(src, dst));
    let behind = |packet: &Ipv6Packet| Ipv6Packet::parse(&packet.emit()).unwrap();

    packet.extensions = vec![Extension::hop_by_hop(&[]), Extension::destination(&[0x1e, 3, 1, 2, 3])];
    assert_eq!(behind(&packet), packet);
    assert_eq!(packet.icmpv6(), Ok(Some(solicit)));
    let options: Vec<_> = packet.extensions[1].options().collect();
    assert_eq!(options, [(0x1e, &[1u8, 2, 3][..])]);

    packet.extensions.push(Extension::of_fragment(Fragment { offset: 0, more: false, id: 7 }));
    assert_eq!(behind(&packet).icmpv6(), Err(Bad::FragmentedNd));
    packet.extensions.push(Extension::of_fragment(Fragment { offset: 9, more: false, id: 7 }));
    packet.extensions.remove(2);
    packet.next = protocol::DESTINATION;
    assert_eq!(behind(&packet), packet, "nothing is read past a later fragment's header");

    packet.next = protocol::ICMPV6;
    packet.extensions = vec![Extension::destination(&[]); 17];
    let many = Bad::TooMany { what: "extension headers", max: 16 };
    assert_eq!(Ipv6Packet::parse(&packet.emit()), Err(many));
    packet.extensions.clear();
    packet.hop_limit = 254;
    assert_eq!(packet.icmpv6(), Err(Bad::HopLimit { need: 255, have: 254 }));
}

#[test]
fn lengths_that_lie() {
    let header = |length: &str, next: &str| {
        hex(&format!(
            "020000000001 020000000002 86dd 60000000 {length} {next} 40 {} {}",
            "00".repeat(16),
            "00".repeat(16)
        ))
    };
    assert_eq!(Frame::parse(&header("0001", "3b")), Err(Bad::Short { need: 41, have: 40 }));
    assert_eq!(Frame::parse(&header("0000", "00")), Err(Bad::Jumbogram));
    assert!(Frame::parse(&header("0000", "3b")).is_ok());
    assert_eq!(Frame::parse(&header("0000", "2b")), Err(Bad::Short { need: 2, have: 0 }));
    let mut cut = header("0008", "2c");
    cut.extend([58, 0, 0, 0]);
    assert_eq!(Frame::parse(&cut), Err(Bad::Short { need: 48, have: 44 }));
    assert_eq!(Frame::parse(&[0; 13]), Err(Bad::Short { need: 14, have: 13 }));
    let v5 = hex(&format!("020000000001 020000000002 86dd 50{}", "00".repeat(39)));
    assert_eq!(Frame::parse(&v5), Err(Bad::Version(5)));
    let small = hex(&format!("020000000001 020000000002 0800 44{}", "00".repeat(19)));
    assert_eq!(Frame::parse(&small), Err(Bad::HeaderLength { need: 20, have: 16 }));
}
