//! DHCP for IPv4: what is written is read again, what is broken is refused, and Wireshark agrees.

mod common;

use std::net::Ipv4Addr;

use bytes::Bytes;
use common::mac;
use common::tshark::{Capture, assert_clean, excused};
use packet::{
    Bad, DHCP4_CLIENT_PORT, DHCP4_SERVER_PORT, Dhcp4, Dhcp4Kind, Dhcp4Option, dhcp4_option as code, ipv4_frame,
    protocol, udp_v4,
};

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn ack() -> Dhcp4 {
    let routes = [("10.2.0.0/16", "10.1.0.9"), ("0.0.0.0/0", "10.1.0.1"), ("192.0.2.128/25", "10.1.0.7")];
    let routes: Vec<_> = routes.iter().map(|(to, by)| (to.parse().unwrap(), v4(by))).collect();
    Dhcp4 {
        reply: true,
        transaction: 0x1234_5678,
        secs: 3,
        broadcast: false,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: v4("10.1.0.5"),
        siaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        chaddr: mac("02:00:00:00:00:07"),
        options: vec![
            Dhcp4Option::kind(Dhcp4Kind::Ack),
            Dhcp4Option::addresses(code::SERVER_ID, &[v4("10.1.0.1")]),
            Dhcp4Option::seconds(code::ADDRESS_TIME, 86_400),
            Dhcp4Option::addresses(code::SUBNET_MASK, &[v4("255.255.255.0")]),
            Dhcp4Option::addresses(code::DOMAIN_SERVER, &[v4("192.0.2.53"), v4("192.0.2.54")]),
            Dhcp4Option::new(code::DOMAIN_NAME, "cloud.example.net"),
            Dhcp4Option::domain_search(&["cloud.example.net".to_owned()]).unwrap(),
            Dhcp4Option::new(code::INTERFACE_MTU, 1430u16.to_be_bytes()),
            Dhcp4Option::seconds(code::IPV6_ONLY_PREFERRED, 1800),
            Dhcp4Option::routes(&routes),
        ],
    }
}

#[test]
fn what_is_written_is_read_again() {
    let message = ack();
    let bytes = message.emit();
    assert_eq!((bytes.len() >= 300, Dhcp4::parse(&bytes)), (true, Ok(message.clone())));
    assert_eq!(message.kind(), Some(Dhcp4Kind::Ack));
    assert_eq!(message.address(code::SERVER_ID), Some(v4("10.1.0.1")));
    assert_eq!(message.address(code::DOMAIN_SERVER), None, "two are not one");
    let routes = message.option(code::CLASSLESS_STATIC_ROUTE).unwrap();
    assert_eq!(routes[..7], [16, 10, 2, 10, 1, 0, 9]);
    assert_eq!(routes[7..12], [0, 10, 1, 0, 1]);
    assert_eq!(routes[12..17], [25, 192, 0, 2, 128]);
    let mut long = ack();
    long.options = vec![Dhcp4Option::new(code::MESSAGE, [7u8; 700]), Dhcp4Option::new(code::RAPID_COMMIT, [])];
    assert_eq!(Dhcp4::parse(&long.emit()), Ok(long));
}

#[test]
fn options_go_on_in_fields_that_nothing_else_needs() {
    let mut message = ack();
    message.options = vec![Dhcp4Option::new(code::OVERLOAD, [3])];
    let mut bytes = message.emit().to_vec();
    // `sname` is at 44, `file` at 108.
    bytes[44..48].copy_from_slice(&[code::ROUTER, 2, 10, 1]);
    bytes[48] = code::END;
    bytes[108..115].copy_from_slice(&[code::PAD, code::ROUTER, 2, 0, 9, code::END, 9]);
    let read = Dhcp4::parse(&bytes).unwrap();
    assert_eq!(read.option(code::ROUTER), Some(&[0, 9, 10, 1][..]));
}

#[test]
fn what_is_broken_is_refused() {
    let bytes = ack().emit().to_vec();
    for length in 0..bytes.len() {
        // Cut among the options nothing is missing where an option ends, and after the last one there is only padding.
        let read = Dhcp4::parse(&bytes[..length]);
        assert!(length >= 240 || matches!(read, Err(Bad::Short { .. })), "{length}: {read:?}");
    }
    for (at, value) in [(0, 3), (1, 6), (2, 16), (236, 0)] {
        let mut bent = bytes.clone();
        bent[at] = value;
        assert!(matches!(Dhcp4::parse(&bent), Err(Bad::Unfit { .. })), "{at}");
    }
    let mut many = bytes[..240].to_vec();
    many.extend([1, 0].repeat(257));
    assert_eq!(Dhcp4::parse(&many), Err(Bad::TooMany { what: "options", max: 256 }));
}

#[test]
fn wireshark_reads_what_we_wrote() {
    if excused() {
        return;
    }
    let (src, dst) = (v4("10.1.0.1"), v4("10.1.0.5"));
    let datagram = udp_v4(src, dst, DHCP4_SERVER_PORT, DHCP4_CLIENT_PORT, &ack().emit());
    let (from, to) = (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:07"));
    let frame: Bytes = ipv4_frame(from, to, src, dst, 64, protocol::UDP, &datagram);
    assert_clean("dhcp4", std::slice::from_ref(&frame));
    let capture = Capture::of("dhcp4-fields", &[frame]);
    let reads = [
        ("dhcp.option.dhcp", "5"),
        ("dhcp.id", "0x12345678"),
        ("dhcp.ip.your", "10.1.0.5"),
        ("dhcp.option.ip_address_lease_time", "86400"),
        ("dhcp.option.domain_name_server", "192.0.2.53,192.0.2.54"),
        ("dhcp.option.domain_name", "cloud.example.net"),
        ("dhcp.option.interface_mtu", "1430"),
        ("dhcp.option.classless_static_route", "100a020a010009,000a010001,19c00002800a010007"),
    ];
    let rows = capture.fields(&reads.map(|(name, _)| name));
    for ((name, want), got) in reads.iter().zip(&rows[0]) {
        assert_eq!(got.replace(':', ""), want.replace(':', ""), "{name}");
    }
}
