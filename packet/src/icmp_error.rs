//! The ICMP errors that a router sends back about a frame, and when it must not send one.

use std::net::{Ipv4Addr, Ipv6Addr};

use addr::MacAddr;
use bytes::Bytes;

use crate::icmpv4::kind as kind_v4;
use crate::icmpv6::kind as kind_v6;
use crate::{Bad, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Ethernet, Icmpv4, Icmpv6, Ipv4Packet, Ipv6Packet, protocol};

/// RFC 4443, 2.4 c: the whole error fits the minimum MTU.
const V6_BYTES_MAX: usize = 1280;
/// RFC 1812, 4.3.2.3: as much as fits 576 bytes.
const V4_BYTES_MAX: usize = 576;
/// IPv6 header and the error's own 8 bytes.
const V6_HEADERS: usize = 48;
/// IPv4 header and the error's own 8 bytes.
const V4_HEADERS: usize = 28;
const HOPS: u8 = 64;
/// RFC 1812, 4.3.2.5: errors are sent with precedence 6, "internetwork control".
const V4_TOS: u8 = 0xc0;

/// An ICMPv6 error without the packet that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmpv6Error {
    /// RFC 4443, 3.1.
    DestinationUnreachable {
        /// 0 no route, 1 prohibited, 3 address, 4 port, 5 source policy, 6 reject route.
        code: u8,
    },
    /// RFC 4443, 3.2.
    PacketTooBig {
        /// Of the next link, in bytes.
        mtu: u32,
    },
    /// RFC 4443, 3.3.
    TimeExceeded {
        /// 0 hop limit, 1 reassembly.
        code: u8,
    },
    /// RFC 4443, 3.4.
    ParameterProblem {
        /// 0 header field, 1 next header, 2 option.
        code: u8,
        /// Where, in bytes from the start of the IPv6 header.
        pointer: u32,
    },
}

/// An ICMP error for IPv4 without the packet that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmpv4Error {
    /// RFC 792, type 3.
    DestinationUnreachable {
        /// 0 network, 1 host, 2 protocol, 3 port, 4 fragmentation needed, 13 prohibited.
        code: u8,
        /// With code 4, the next link's MTU in bytes (RFC 1191, 4); else 0.
        next_hop_mtu: u16,
    },
    /// RFC 792, type 11.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
    },
}

impl Icmpv6Error {
    fn about(self, invoking: Bytes) -> Icmpv6 {
        match self {
            Icmpv6Error::DestinationUnreachable { code } => Icmpv6::DestinationUnreachable { code, invoking },
            Icmpv6Error::PacketTooBig { mtu } => Icmpv6::PacketTooBig { mtu, invoking },
            Icmpv6Error::TimeExceeded { code } => Icmpv6::TimeExceeded { code, invoking },
            Icmpv6Error::ParameterProblem { code, pointer } => Icmpv6::ParameterProblem { code, pointer, invoking },
        }
    }

    /// RFC 4443, 2.4 e.3: what path MTU discovery and option processing need for multicast.
    fn may_answer_multicast(self) -> bool {
        matches!(self, Icmpv6Error::PacketTooBig { .. } | Icmpv6Error::ParameterProblem { code: 2, .. })
    }
}

impl Icmpv4Error {
    fn about(self, invoking: Bytes) -> Icmpv4 {
        match self {
            Icmpv4Error::DestinationUnreachable { code, next_hop_mtu } => {
                Icmpv4::DestinationUnreachable { code, next_hop_mtu, invoking }
            }
            Icmpv4Error::TimeExceeded { code } => Icmpv4::TimeExceeded { code, invoking },
        }
    }
}

/// The frame with the error about an IPv6 frame, to the MAC that the frame came from and with its VLAN tags;
/// `None` where RFC 4443, 2.4 e forbids one, or the frame is no IPv6.
///
/// The invoking packet is cut so that the error fits 1280 bytes (2.4 c).
pub fn icmpv6_error(
    router_mac: MacAddr,
    router_addr: Ipv6Addr,
    error: Icmpv6Error,
    invoking_frame: &[u8],
) -> Option<Bytes> {
    let (mut ethernet, packet) = Ethernet::parse(invoking_frame).ok()?;
    if ethernet.ethertype != ETHERTYPE_IPV6 {
        return None;
    }
    let header = etherparse::Ipv6HeaderSlice::from_slice(packet).ok()?;
    let (src, dst) = (header.source_addr(), header.destination_addr());
    let one_node = !src.is_unspecified() && !src.is_multicast() && !src.is_loopback();
    let to_group = dst.is_multicast() || ethernet.dst.is_multicast();
    let refused = !one_node
        || ethernet.src.is_multicast()
        || (to_group && !error.may_answer_multicast())
        || is_unanswerable_v6(packet);
    if refused {
        return None;
    }
    let end = packet.len().min(40 + usize::from(header.payload_length()));
    let invoking = &packet[..end.min(V6_BYTES_MAX - V6_HEADERS)];
    let message = error.about(Bytes::copy_from_slice(invoking)).emit(router_addr, src);
    let answer = Ipv6Packet::new(router_addr, src, HOPS, protocol::ICMPV6, message);
    turn_round(&mut ethernet, router_mac);
    Some(ethernet.emit(&answer.emit()))
}

/// Whether the packet is, or may be, an ICMPv6 error or a redirect (RFC 4443, 2.4 e.1 and e.2).
fn is_unanswerable_v6(packet: &[u8]) -> bool {
    match Ipv6Packet::parse(packet) {
        Ok(ip) if ip.next != protocol::ICMPV6 => false,
        // The type is in the first fragment only.
        Ok(ip) if ip.fragment().is_some_and(|f| f.offset != 0) => true,
        Ok(ip) => ip.payload.first().is_none_or(|kind| *kind < 128 || *kind == kind_v6::REDIRECT),
        // A packet that came cut short: look at what is there.
        Err(Bad::Short { .. }) => Ipv6Packet::parse(&shortened(packet)).is_ok_and(|ip| {
            let kind = ip.payload.first();
            ip.next == protocol::ICMPV6 && kind.is_none_or(|k| *k < 128 || *k == kind_v6::REDIRECT)
        }),
        Err(_) => false,
    }
}

/// The packet with the payload length that it really has.
fn shortened(packet: &[u8]) -> Vec<u8> {
    let mut copy = packet.to_vec();
    let length = u16::try_from(packet.len().saturating_sub(40)).unwrap_or(u16::MAX);
    if let Some(field) = copy.get_mut(4..6) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    copy
}

/// The frame with the error about an IPv4 frame, to the MAC that the frame came from and with its VLAN tags;
/// `None` where RFC 1812, 4.3.2.7 forbids one, or the frame is no good IPv4. The broadcast address of a
/// subnet cannot be told from others here: that is the caller's to look at.
///
/// The invoking packet is cut so that the error fits 576 bytes (4.3.2.3).
pub fn icmpv4_error(
    router_mac: MacAddr,
    router_addr: Ipv4Addr,
    error: Icmpv4Error,
    invoking_frame: &[u8],
) -> Option<Bytes> {
    let (mut ethernet, packet) = Ethernet::parse(invoking_frame).ok()?;
    if ethernet.ethertype != ETHERTYPE_IPV4 {
        return None;
    }
    let ip = Ipv4Packet::parse(packet).ok()?;
    let to_many = ip.dst.is_multicast() || ip.dst.is_broadcast() || ethernet.dst.is_multicast();
    let refused = to_many
        || ethernet.src.is_multicast()
        || !is_one_host(ip.src)
        || ip.fragment_offset != 0
        || is_unanswerable_v4(&ip);
    if refused {
        return None;
    }
    let whole = ip.emit();
    let invoking = whole.slice(..whole.len().min(V4_BYTES_MAX - V4_HEADERS));
    let message = error.about(invoking).emit();
    let mut answer = Ipv4Packet::new(router_addr, ip.src, HOPS, protocol::ICMPV4, message);
    answer.tos = V4_TOS;
    turn_round(&mut ethernet, router_mac);
    Some(ethernet.emit(&answer.emit()))
}

/// A source that can be answered: not "this network", loopback, a group, or class E with its broadcast.
fn is_one_host(src: Ipv4Addr) -> bool {
    let [first, ..] = src.octets();
    (1..224).contains(&first) && first != 127
}

fn is_unanswerable_v4(ip: &Ipv4Packet) -> bool {
    // Source quench (4) and redirect (5) are errors too (RFC 1122, 3.2.2).
    let is_error = |kind: &u8| {
        matches!(*kind, kind_v4::DESTINATION_UNREACHABLE | 4 | 5 | kind_v4::TIME_EXCEEDED | kind_v4::PARAMETER_PROBLEM)
    };
    ip.protocol == protocol::ICMPV4 && ip.payload.first().is_none_or(is_error)
}

fn turn_round(ethernet: &mut Ethernet, router_mac: MacAddr) {
    ethernet.dst = ethernet.src;
    ethernet.src = router_mac;
}
