//! Round trips over every variant, and bytes that mean nothing: no decoder panics.

mod values;

use std::net::{Ipv4Addr, Ipv6Addr};

use packet::*;
use proptest::collection::vec;
use proptest::prelude::*;
use values::{bytes, frame, icmpv4, icmpv6, link_local, unicast, v6};

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
    let _error = icmpv4_error(mac, Ipv4Addr::LOCALHOST, Icmpv4Error::TimeExceeded { code: 0 }, bytes);
}

/// The message with the checksum that makes [`Icmpv6::parse`] look further.
fn read_summed(mut message: Vec<u8>) {
    let (src, dst) = (Ipv6Addr::from(0xfe80 << 112 | 1), Ipv6Addr::from(0x2001 << 112 | 1));
    if message.len() < 4 {
        return;
    }
    message[2..4].fill(0);
    let sum = checksum_v6(src, dst, protocol::ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    if let Ok(read) = Icmpv6::parse(src, dst, &message) {
        let emitted = read.emit(src, dst);
        assert_eq!(Icmpv6::parse(src, dst, &emitted), Ok(read), "what was read is emitted and read again");
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
