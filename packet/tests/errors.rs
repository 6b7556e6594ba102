//! ICMP errors: what they hold, how long they get, and when none is sent.

mod common;

use std::net::Ipv4Addr;

use common::{mac, v6};
use packet::{
    ETHERTYPE_IPV6, Ethernet, Extension, Fragment, Frame, Icmpv4, Icmpv4Error, Icmpv6, Icmpv6Error, Ipv4Packet,
    Ipv6Packet, MacAddr, Net, Vlan, icmpv4_error, icmpv4_frame, icmpv6_error, icmpv6_frame, ipv4_frame, ipv6_frame,
    protocol, udp, udp_v4,
};

const ROUTER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const EXCEEDED: Icmpv6Error = Icmpv6Error::TimeExceeded { code: 0 };
const TOO_BIG: Icmpv6Error = Icmpv6Error::PacketTooBig { mtu: 1400 };
const BAD_OPTION: Icmpv6Error = Icmpv6Error::ParameterProblem { code: 2, pointer: 48 };

fn datagram(src: &str, dst: &str, payload: usize) -> Vec<u8> {
    let segment = udp(v6(src), v6(dst), 1000, 2000, &vec![7; payload]);
    ipv6_frame(HOST_MAC, ROUTER_MAC, v6(src), v6(dst), 1, protocol::UDP, &segment).to_vec()
}

fn answer(error: Icmpv6Error, frame: &[u8]) -> Option<Frame> {
    icmpv6_error(ROUTER_MAC, v6("2001:db8::1"), error, frame).map(|f| Frame::parse(&f).unwrap())
}

#[test]
fn an_error_holds_the_packet_up_to_the_minimum_mtu() {
    let frame = datagram("2001:db8::2", "2001:db8:1::2", 100);
    let error = answer(EXCEEDED, &[frame.as_slice(), &[0; 10]].concat()).unwrap();
    assert_eq!((error.ethernet.src, error.ethernet.dst), (ROUTER_MAC, HOST_MAC));
    let ip = error.ipv6().unwrap();
    assert_eq!((ip.src, ip.dst), (v6("2001:db8::1"), v6("2001:db8::2")));
    let Ok(Some(Icmpv6::TimeExceeded { code: 0, invoking })) = error.icmpv6() else { panic!("{error:?}") };
    assert_eq!(invoking, frame[14..], "without the Ethernet padding");

    let frame = datagram("2001:db8::2", "2001:db8:1::2", 1440);
    let error = icmpv6_error(ROUTER_MAC, v6("2001:db8::1"), TOO_BIG, &frame).unwrap();
    assert_eq!(error.len(), 14 + 1280);
    let Ok(Some(Icmpv6::PacketTooBig { mtu: 1400, invoking })) = Frame::parse(&error).unwrap().icmpv6() else {
        panic!("{error:?}");
    };
    assert_eq!(invoking, frame[14..14 + 1232]);
}

#[test]
fn an_error_keeps_the_tags() {
    let frame = datagram("2001:db8::2", "2001:db8:1::2", 8);
    let vlans = vec![Vlan { tpid: 0x8100, tci: 5 }];
    let tagged = Ethernet { dst: ROUTER_MAC, src: HOST_MAC, vlans: vlans.clone(), ethertype: ETHERTYPE_IPV6 };
    assert_eq!(answer(EXCEEDED, &tagged.emit(&frame[14..])).unwrap().ethernet.vlans, vlans);
}

#[test]
fn no_error_about_errors_and_redirects() {
    let (src, dst) = (v6("2001:db8::2"), v6("2001:db8:1::2"));
    let about = |message: &Icmpv6| answer(EXCEEDED, &icmpv6_frame(HOST_MAC, ROUTER_MAC, src, dst, 1, message));
    let invoking = bytes::Bytes::from_static(&[0; 48]);
    assert!(about(&Icmpv6::TimeExceeded { code: 0, invoking: invoking.clone() }).is_none());
    assert!(about(&Icmpv6::Unknown { kind: 100, code: 0, body: invoking.clone() }).is_none());
    assert!(about(&Icmpv6::Redirect { target: src, destination: src, options: vec![] }).is_none());
    assert!(about(&Icmpv6::EchoRequest { id: 1, seq: 1, data: invoking.clone() }).is_some());
    assert!(about(&Icmpv6::Unknown { kind: 200, code: 0, body: invoking.clone() }).is_some());

    // behind extension headers, cut off, and in fragments
    let error = Icmpv6::TimeExceeded { code: 0, invoking }.emit(src, dst);
    let mut packet = Ipv6Packet::new(src, dst, 1, protocol::ICMPV6, error);
    packet.extensions = vec![Extension::destination(&[])];
    let header = Ethernet::untagged(HOST_MAC, ROUTER_MAC, ETHERTYPE_IPV6);
    assert!(answer(EXCEEDED, &header.emit(&packet.emit())).is_none());
    let cut = header.emit(&packet.emit());
    assert!(answer(EXCEEDED, &cut[..cut.len() - 20]).is_none());
    packet.extensions.push(Extension::of_fragment(Fragment { offset: 1, more: false, id: 1 }));
    assert!(answer(EXCEEDED, &header.emit(&packet.emit())).is_none(), "its type is elsewhere");
    packet.next = protocol::UDP;
    assert!(answer(TOO_BIG, &header.emit(&packet.emit())).is_some());
}

#[test]
fn no_error_to_or_about_groups() {
    for src in ["::", "ff02::1", "::1"] {
        assert!(answer(TOO_BIG, &datagram(src, "2001:db8:1::2", 8)).is_none(), "{src}");
    }
    let to_group = datagram("2001:db8::2", "ff0e::1", 8);
    assert!(answer(EXCEEDED, &to_group).is_none());
    assert!(answer(TOO_BIG, &to_group).is_some());
    assert!(answer(BAD_OPTION, &to_group).is_some());
    let mut by_link = datagram("2001:db8::2", "2001:db8:1::2", 8);
    by_link[..6].copy_from_slice(&MacAddr::BROADCAST.0);
    assert!(answer(EXCEEDED, &by_link).is_none());
    assert!(answer(TOO_BIG, &by_link).is_some());
    assert!(answer(EXCEEDED, &by_link[..50]).is_none(), "no whole header");
}

const UNREACHABLE: Icmpv4Error = Icmpv4Error::DestinationUnreachable { code: 4, next_hop_mtu: 1400 };

fn answer_v4(frame: &[u8]) -> Option<Frame> {
    let router = Ipv4Addr::new(192, 0, 2, 1);
    icmpv4_error(ROUTER_MAC, router, UNREACHABLE, frame).map(|f| Frame::parse(&f).unwrap())
}

fn datagram_v4(src: [u8; 4], dst: [u8; 4], payload: usize) -> Vec<u8> {
    let (src, dst) = (src.into(), dst.into());
    let segment = udp_v4(src, dst, 1000, 2000, &vec![7; payload]);
    ipv4_frame(HOST_MAC, ROUTER_MAC, src, dst, 1, protocol::UDP, &segment).to_vec()
}

#[test]
fn v4_errors() {
    let frame = datagram_v4([192, 0, 2, 2], [198, 51, 100, 1], 1000);
    let error = answer_v4(&frame).unwrap();
    let Net::Ipv4(ip) = &error.net else { panic!("{error:?}") };
    assert_eq!((ip.tos, ip.dst), (0xc0, Ipv4Addr::new(192, 0, 2, 2)));
    assert_eq!(ip.emit().len(), 576);
    let expected =
        Icmpv4::DestinationUnreachable { code: 4, next_hop_mtu: 1400, invoking: frame[14..14 + 548].to_vec().into() };
    assert_eq!(ip.icmpv4(), Ok(Some(expected)));
}

#[test]
fn no_v4_error_where_rfc_1812_forbids() {
    for src in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255]] {
        assert!(answer_v4(&datagram_v4(src, [198, 51, 100, 1], 8)).is_none(), "{src:?}");
    }
    for dst in [[224, 0, 0, 1], [255, 255, 255, 255]] {
        assert!(answer_v4(&datagram_v4([192, 0, 2, 2], dst, 8)).is_none(), "{dst:?}");
    }
    let good = datagram_v4([192, 0, 2, 2], [198, 51, 100, 1], 8);
    let mut by_link = good.clone();
    by_link[0] |= 1;
    assert!(answer_v4(&by_link).is_none());
    let mut bad_sum = good.clone();
    bad_sum[24] ^= 1;
    assert!(answer_v4(&bad_sum).is_none());

    let mut fragment = Ipv4Packet::parse(&good[14..]).unwrap();
    let header = Ethernet::parse(&good).unwrap().0;
    fragment.flags = Ipv4Packet::MORE_FRAGMENTS;
    assert!(answer_v4(&header.emit(&fragment.emit())).is_some(), "the first fragment");
    fragment.fragment_offset = 1;
    assert!(answer_v4(&header.emit(&fragment.emit())).is_none());

    let (src, dst) = (Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(198, 51, 100, 1));
    let about = |message: &Icmpv4| answer_v4(&icmpv4_frame(HOST_MAC, ROUTER_MAC, src, dst, 1, message));
    let bytes = bytes::Bytes::from_static(&[0; 28]);
    assert!(about(&Icmpv4::TimeExceeded { code: 0, invoking: bytes.clone() }).is_none());
    assert!(about(&Icmpv4::Unknown { kind: 5, code: 1, body: bytes.clone() }).is_none());
    assert!(about(&Icmpv4::EchoRequest { id: 1, seq: 1, data: bytes }).is_some());
    assert_eq!(mac("02:00:00:00:00:02"), HOST_MAC);
}
