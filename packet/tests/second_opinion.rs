//! What Wireshark's dissector reads in the frames that this crate writes.
//!
//! Needs `tshark`; only with `SEXTANT_NO_TSHARK` set does the test pass without it.

mod common;

use bytes::Bytes;
use common::tshark::{Capture, WARN, assert_clean, excused};
use common::{full_advert, mac, mld_messages, v6};
use packet::*;

const ROUTER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

/// The other tests mean something only if a wrong checksum is seen.
#[test]
fn a_wrong_checksum_is_seen() {
    if excused() {
        return;
    }
    let mut frame = router_advert(ROUTER_MAC, v6("fe80::1"), None, &full_advert()).to_vec();
    frame[57] ^= 1;
    let capture = Capture::of("wrong", &[frame.into()]);
    let rows = capture.fields(&["icmpv6.checksum.status", "_ws.expert.severity"]);
    assert_eq!(rows[0][0], "0");
    assert!(rows[0][1].parse::<u32>().unwrap() >= WARN);
}

#[test]
fn a_full_router_advert() {
    if excused() {
        return;
    }
    let frame = router_advert(ROUTER_MAC, v6("fe80::1"), None, &full_advert());
    assert_clean("advert", std::slice::from_ref(&frame));
    let capture = Capture::of("advert-fields", &[frame]);
    let reads = [
        ("eth.dst", "33:33:00:00:00:01"),
        ("ipv6.dst", "ff02::1"),
        ("ipv6.hlim", "255"),
        ("icmpv6.type", "134"),
        ("icmpv6.nd.ra.cur_hop_limit", "64"),
        ("icmpv6.nd.ra.flag.m", "1"),
        ("icmpv6.nd.ra.flag.o", "1"),
        ("icmpv6.nd.ra.flag.h", "0"),
        ("icmpv6.nd.ra.flag.prf", "1"),
        ("icmpv6.nd.ra.router_lifetime", "1800"),
        ("icmpv6.nd.ra.reachable_time", "30000"),
        ("icmpv6.nd.ra.retrans_timer", "1000"),
        ("icmpv6.opt.type", "1,5,3,3,24,24,24,25,31,37,38"),
        ("icmpv6.opt.src_linkaddr", "02:00:00:00:00:01"),
        ("icmpv6.opt.mtu", "1442"),
        ("icmpv6.opt.prefix.flag", "0xc0,0xe0"),
        ("icmpv6.opt.prefix.flag.l", "1,1"),
        ("icmpv6.opt.prefix.flag.a", "1,1"),
        ("icmpv6.opt.prefix.flag.r", "0,1"),
        ("icmpv6.opt.prefix.valid_lifetime", "86400,86400"),
        ("icmpv6.opt.prefix.preferred_lifetime", "14400,14400"),
        ("icmpv6.opt.prefix", "2001:db8:a::,2001:db8:b::1,64:ff9b::,2001:db8:c::"),
        ("icmpv6.opt.prefix.length", "64,64,96,48,0"),
        ("icmpv6.opt.route_info.flag.route_preference", "3,1,0"),
        ("icmpv6.opt.route_lifetime", "600,601,602"),
        ("icmpv6.opt.rdnss", "2001:db8::53,fe80::53"),
        ("icmpv6.opt.rdnss.lifetime", "1200"),
        ("icmpv6.opt.dnssl", "example.org,a.b.example.net"),
        ("icmpv6.opt.dnssl.lifetime", "1201"),
        ("icmpv6.opt.captive_portal", "https://portal.example/api"),
        ("icmpv6.opt.pref64.scaled_lifetime", "225"),
        ("icmpv6.opt.pref64.plc", "0x0000"),
        ("icmpv6.opt.pref64.prefix", "64:ff9b::"),
    ];
    let rows = capture.fields(&reads.map(|(name, _)| name));
    for ((name, expected), read) in reads.iter().zip(&rows[0]) {
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn neighbour_discovery() {
    if excused() {
        return;
    }
    let (router, host) = (v6("fe80::1"), v6("2001:db8::2"));
    let told = Advertised { mac: ROUTER_MAC, target: router, src: router, router: true, override_: true };
    let invoking = ipv6_frame(HOST_MAC, ROUTER_MAC, host, v6("2001:db8::9"), 64, protocol::NO_NEXT, &[]);
    let redirect = Icmpv6::Redirect {
        target: v6("fe80::9"),
        destination: v6("2001:db8::9"),
        options: vec![
            NdOption::TargetLinkLayer(mac("02:00:00:00:00:09")),
            NdOption::RedirectedHeader(invoking.slice(14..)),
        ],
    };
    let frames = [
        router_solicit(HOST_MAC, v6("fe80::2")),
        router_solicit(HOST_MAC, v6("::")),
        neighbor_solicit(HOST_MAC, host, router),
        neighbor_solicit(HOST_MAC, v6("::"), host),
        neighbor_probe(HOST_MAC, host, router, ROUTER_MAC),
        neighbor_advert(&told, Some((HOST_MAC, host))),
        neighbor_advert(&told, Some((HOST_MAC, v6("::")))),
        neighbor_advert(&told, None),
        icmpv6_frame(ROUTER_MAC, HOST_MAC, router, host, 255, &redirect),
    ];
    assert_clean("neighbours", &frames);
    let capture = Capture::of("neighbours-fields", &frames);
    let rows = capture.fields(&["eth.dst", "ipv6.dst", "icmpv6.type", "icmpv6.nd.na.flag.s", "icmpv6.opt.type"]);
    let expected = [
        "33:33:00:00:00:02|ff02::2|133||1",
        "33:33:00:00:00:02|ff02::2|133||",
        "33:33:ff:00:00:01|ff02::1:ff00:1|135||1",
        "33:33:ff:00:00:02|ff02::1:ff00:2|135||",
        "02:00:00:00:00:01|fe80::1|135||1",
        "02:00:00:00:00:02|2001:db8::2|136|1|2",
        "33:33:00:00:00:01|ff02::1|136|0|2",
        "33:33:00:00:00:01|ff02::1|136|0|2",
        "02:00:00:00:00:02|2001:db8::2,2001:db8::9|137||2,4",
    ];
    assert_eq!(rows.iter().map(|row| row.join("|")).collect::<Vec<_>>(), expected);
}

#[test]
fn listener_discovery() {
    if excused() {
        return;
    }
    let src = v6("fe80::1");
    let frame = |message: &Icmpv6| {
        let dst = if message.kind() == 143 { v6("ff02::16") } else { v6("ff05::1234") };
        icmpv6_frame(ROUTER_MAC, MacAddr([0x33, 0x33, 0, 0, 0, 0x16]), src, dst, 1, message)
    };
    let frames: Vec<Bytes> = mld_messages().iter().map(frame).collect();
    assert_clean("listeners", &frames);
    let capture = Capture::of("listeners-fields", &frames);
    let rows = capture.fields(&[
        "icmpv6.type",
        "ipv6.opt.router_alert",
        "icmpv6.mld.nb_sources",
        "icmpv6.mldr.mar.record_type",
        "icmpv6.mldr.mar.source_address",
    ]);
    let expected = [
        "130|0|||",
        "131|0|||",
        "132|0|||",
        "130|0|0||",
        "130|0|2||",
        "143|0||4,5,3|2001:db8::1,2001:db8::2,2001:db8::3",
    ];
    assert_eq!(rows.iter().map(|row| row.join("|")).collect::<Vec<_>>(), expected);
}

/// Frames, and for each what tshark says of some fields, joined by bars.
fn assert_reads(name: &str, fields: &[&str], frames: &[(Bytes, &str)]) {
    let (frames, expected): (Vec<Bytes>, Vec<&str>) = frames.iter().cloned().unzip();
    assert_clean(name, &frames);
    let rows = Capture::of(&format!("{name}-fields"), &frames).fields(fields);
    assert_eq!(rows.iter().map(|row| row.join("|")).collect::<Vec<_>>(), expected);
}

#[test]
fn ipv6_errors_echoes_and_segments() {
    if excused() {
        return;
    }
    let (router, host, far) = (v6("2001:db8::1"), v6("2001:db8::2"), v6("2001:db8:1::2"));
    let datagram = udp(host, far, 1000, 2000, &[7; 1400]);
    let invoking = ipv6_frame(HOST_MAC, ROUTER_MAC, host, far, 1, protocol::UDP, &datagram);
    let syn = Tcp { sport: 1, dport: 80, flags: Tcp::SYN, window: 1000, ..Tcp::default() };
    let error = |error| icmpv6_error(ROUTER_MAC, router, error, &invoking).unwrap();
    let request = Icmpv6::EchoRequest { id: 1, seq: 2, data: Bytes::from_static(b"abcdefgh") };
    let frames = [
        (invoking.clone(), "||"),
        (ipv6_frame(HOST_MAC, ROUTER_MAC, host, far, 64, protocol::TCP, &tcp(host, far, &syn)), "||"),
        (icmpv6_frame(HOST_MAC, ROUTER_MAC, host, far, 64, &request), "128||"),
        (error(Icmpv6Error::DestinationUnreachable { code: 1 }), "1||"),
        (error(Icmpv6Error::PacketTooBig { mtu: 1400 }), "2|1400|"),
        (error(Icmpv6Error::TimeExceeded { code: 0 }), "3||"),
        (error(Icmpv6Error::ParameterProblem { code: 1, pointer: 6 }), "4||6"),
    ];
    assert_reads("ipv6", &["icmpv6.type", "icmpv6.mtu", "icmpv6.pointer"], &frames);
}

#[test]
fn ipv4_errors_echoes_segments_and_arp() {
    if excused() {
        return;
    }
    let [router, host, far] = [[192, 0, 2, 1], [192, 0, 2, 2], [198, 51, 100, 2]].map(Into::into);
    let datagram = udp_v4(host, far, 1000, 2000, &[7; 1000]);
    let invoking = ipv4_frame(HOST_MAC, ROUTER_MAC, host, far, 1, protocol::UDP, &datagram);
    let syn = Tcp { sport: 1, dport: 80, flags: Tcp::SYN, window: 1000, ..Tcp::default() };
    let syn = tcp_v4(host, far, &syn);
    let error = |error| icmpv4_error(ROUTER_MAC, router, error, &invoking).unwrap();
    let request = Icmpv4::EchoRequest { id: 1, seq: 2, data: Bytes::from_static(b"abcdefgh") };
    let asked = Arp { op: OP_REQUEST, sha: HOST_MAC, spa: host, tha: MacAddr::ZERO, tpa: router };
    let frames = [
        (invoking.clone(), "||"),
        (ipv4_frame(HOST_MAC, ROUTER_MAC, host, far, 64, protocol::TCP, &syn), "||"),
        (icmpv4_frame(HOST_MAC, ROUTER_MAC, host, far, 64, &request), "8||"),
        (error(Icmpv4Error::DestinationUnreachable { code: 4, next_hop_mtu: 1400 }), "3|1400|"),
        (error(Icmpv4Error::TimeExceeded { code: 0 }), "11||"),
        (arp_request(HOST_MAC, host, router), "||1"),
        (arp_reply(ROUTER_MAC, &asked), "||2"),
    ];
    assert_reads("ipv4", &["icmp.type", "icmp.mtu", "arp.opcode"], &frames);
}
