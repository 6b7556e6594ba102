//! Packets: frames, what they carry, and the errors that answer them.

use std::net::Ipv6Addr;

use addr::MacAddr;
use fuzz::{Input, bounded, damaged, frames, lldp, regressions, run};
use packet::*;
use proptest::prelude::any;

/// Bytes in memory for each byte read: a DHCPv6 option of 4 bytes becomes a value of about 80, in a list that may double.
const FACTOR: u64 = 64;

/// Reads a frame and all that is in it; what is read is written so that it is read as the same.
fn read(bytes: &[u8]) {
    if let Ok(frame) = bounded(bytes.len(), FACTOR, || Frame::parse(bytes)) {
        let again = frame.emit();
        assert_eq!(Frame::parse(&again).as_ref(), Ok(&frame));
        if let Net::Ipv6(ip) = &frame.net {
            carried_v6(ip);
        }
        if let Net::Ipv4(ip) = &frame.net {
            if let Ok(Some(message)) = ip.icmpv4() {
                assert_eq!(Icmpv4::parse(&message.emit()), Ok(message));
            }
            igmp(&ip.payload);
        }
    }
    let router = Ipv6Addr::LOCALHOST;
    for error in [
        Icmpv6Error::PacketTooBig { mtu: 1280 },
        Icmpv6Error::TimeExceeded { code: 0 },
        Icmpv6Error::DestinationUnreachable { code: 0 },
    ] {
        if let Some(error) = icmpv6_error(MacAddr::ZERO, router, error, bytes) {
            assert!(Frame::parse(&error).unwrap().icmpv6().unwrap().is_some());
        }
    }
    if let Some(error) = icmpv4_error(MacAddr::ZERO, [10, 0, 0, 1].into(), Icmpv4Error::TimeExceeded { code: 0 }, bytes)
    {
        assert!(Frame::parse(&error).is_ok());
    }
}

/// Reads bytes as a message whose checksum is right.
fn igmp(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if bytes.len() < 4 {
        return;
    }
    bytes[2..4].copy_from_slice(&[0, 0]);
    let sum = checksum(&bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    if let Ok(message) = bounded(bytes.len(), FACTOR, || Igmp::parse(&bytes)) {
        assert_eq!(Igmp::parse(&message.emit()), Ok(message));
    }
}

fn carried_v6(ip: &Ipv6Packet) {
    let _ = ip.extensions.iter().flat_map(Extension::options).count();
    let _ = (ip.fragment(), ip.has_router_alert());
    let payload = &ip.payload[..];
    let _ = ip.icmpv6();
    message(ip.src, ip.dst, payload);
    if let Ok(datagram) = Udp::parse(payload) {
        dhcp6(&datagram.payload);
    }
    let _ = Tcp::parse(payload);
}

/// Reads bytes as a message whose checksum is right.
fn message(src: Ipv6Addr, dst: Ipv6Addr, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if bytes.len() < 4 {
        return;
    }
    bytes[2..4].fill(0);
    let sum = checksum_v6(src, dst, protocol::ICMPV6, &bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    if let Ok(message) = bounded(bytes.len(), FACTOR, || Icmpv6::parse(src, dst, &bytes)) {
        assert_eq!(Icmpv6::parse(src, dst, &message.emit(src, dst)), Ok(message));
    }
}

fn dhcp6(bytes: &[u8]) {
    let Ok(message) = bounded(bytes.len(), FACTOR, || Dhcp6::parse(bytes)) else { return };
    let written = match &message {
        Dhcp6::Message(message) => message.emit(),
        Dhcp6::Relay(relay) => relay.emit(),
    };
    // What was read can be written, and nothing of it is lost: its bytes are those that were read.
    assert_eq!(written.as_deref(), Ok(bytes));
}

/// A message, as a question and as another server's answer to a good one.
fn names(bytes: &[u8]) {
    let read = bounded(bytes.len() + 64, FACTOR, || DnsQuery::parse(bytes));
    match read {
        Ok(query) => {
            let put = query.forwarded();
            assert_eq!(
                DnsQuery::parse(&put).map(|again| (again.name, again.kind)),
                Ok((query.name.clone(), query.kind))
            );
            for code in [DnsCode::ServFail, DnsCode::NxDomain] {
                let failed = query.failed(code);
                assert_eq!(failed.get(..2), bytes.get(..2));
                assert!(query.relayed(&failed, usize::MAX).is_some());
            }
            let records = (1..40u8).map(|n| DnsData::A([10, 0, 0, n].into())).collect();
            let answer = DnsAnswer { code: DnsCode::NoError, records, ttl_s: 60, nothing_in: None };
            let told = query.answer(&answer, query.room());
            assert!((12..=query.room()).contains(&told.len()) && query.relayed(&told, usize::MAX).is_some());
        }
        Err(bad) => {
            if let Some(told) = DnsQuery::refusal(bytes, bad) {
                assert!(told[2] & 0x80 != 0 && told[..2] == bytes[..2] && told.len() <= bytes.len() + 32);
            }
        }
    }
    let asked = DnsQuery::parse(&fuzz::dns()[0]).unwrap();
    if let Some(relayed) = bounded(bytes.len() + 512, FACTOR, || asked.relayed(bytes, asked.room())) {
        assert!(relayed.len() <= asked.room() && relayed[..2] == [0x12, 0x34]);
    }
}

fn neighbour(bytes: &[u8]) {
    let Ok(lldp) = bounded(bytes.len(), FACTOR, || Lldp::parse(bytes)) else { return };
    // What was read can be written: nothing of it but padding is lost.
    assert_eq!(lldp.emit().and_then(|again| Lldp::parse(&again)).as_ref(), Ok(&lldp));
}

#[test]
fn damaged_frames() {
    let seeds = frames();
    regressions("packets").iter().chain(&seeds).for_each(|bytes| read(bytes));
    run(damaged(&seeds, 2), |Input(bytes)| read(&bytes));
}

#[test]
fn damaged_messages() {
    // ICMPv6 alone, behind a header that is whole.
    let seeds: Vec<Vec<u8>> = frames().iter().filter(|f| f[20] == protocol::ICMPV6).map(|f| f[54..].to_vec()).collect();
    let (src, dst) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
    run(damaged(&seeds, 8), |Input(bytes)| message(src, dst, &bytes));
}

#[test]
fn damaged_dhcp6() {
    let seeds: Vec<Vec<u8>> = frames()
        .iter()
        .filter(|f| f[12..14] == [0x86, 0xdd] && f[20] == protocol::UDP)
        .map(|f| f[62..].to_vec())
        .collect();
    run(damaged(&seeds, 1), |Input(bytes)| dhcp6(&bytes));
}

#[test]
fn damaged_dns() {
    run(damaged(&fuzz::dns(), 2), |Input(bytes)| names(&bytes));
}

#[test]
fn damaged_lldp() {
    run(damaged(&[lldp()], 1), |Input(bytes)| neighbour(&bytes));
}

#[test]
fn random_bytes() {
    run(any::<(u8, Vec<u8>)>(), |(kind, bytes)| {
        read(&bytes);
        dhcp6(&bytes);
        names(&bytes);
        neighbour(&bytes);
        message(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, &[&[kind, 0, 0, 0][..], &bytes].concat());
    });
}
