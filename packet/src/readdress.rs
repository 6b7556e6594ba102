//! Addresses of a packet, and of the packet that an ICMP error quotes, changed in place: what a stateless translator does to both.
//!
//! Checksums follow: those of IPv4 headers, and of TCP, UDP and ICMPv6 where they are there, by what they differ in (RFC 1624); of a
//! quote too, as far as it goes, for it is cut off and can't be summed anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::checksum::{checksum, checksum_v6};
use crate::protocol;

/// Which of a packet's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where it is from.
    Source,
    /// Where it goes.
    Destination,
}

/// Where what is in a packet.
struct Found {
    ipv6: bool,
    src: Range<usize>,
    dst: Range<usize>,
    /// Of an IPv4 header.
    header_sum: Option<usize>,
    protocol: u8,
    /// Where the upper layer begins; `None`: it is a fragment but the first, or the header is cut off.
    upper: Option<usize>,
    /// Where the packet ends by its own word.
    end: usize,
}

const ETHERNET: usize = 14;
/// Of an ICMP error: its header, behind which the quote is.
const ICMP: usize = 8;
/// Extension headers that are passed over, at most.
const EXTENSIONS: usize = 8;

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn put(bytes: &mut [u8], at: usize, word: u16) -> Option<()> {
    bytes.get_mut(at..at + 2)?.copy_from_slice(&word.to_be_bytes());
    Some(())
}

/// Reads an IP header at a place.
fn find(bytes: &[u8], at: usize) -> Option<Found> {
    match bytes.get(at)? >> 4 {
        6 => find_v6(bytes, at),
        4 => find_v4(bytes, at),
        _ => None,
    }
}

fn find_v4(bytes: &[u8], at: usize) -> Option<Found> {
    let length = usize::from(bytes.get(at)? & 0xf) * 4;
    let first = word(bytes, at + 6)? & 0x1fff == 0;
    bytes.get(at..at + length).filter(|header| header.len() >= 20)?;
    Some(Found {
        ipv6: false,
        src: at + 12..at + 16,
        dst: at + 16..at + 20,
        header_sum: Some(at + 10),
        protocol: *bytes.get(at + 9)?,
        upper: first.then_some(at + length),
        end: at + usize::from(word(bytes, at + 2)?),
    })
}

fn find_v6(bytes: &[u8], at: usize) -> Option<Found> {
    bytes.get(at..at + 40)?;
    let (mut next, mut upper, mut first) = (*bytes.get(at + 6)?, Some(at + 40), true);
    for _ in 0..EXTENSIONS {
        let Some(here) = upper else { break };
        let length = match next {
            protocol::HOP_BY_HOP | protocol::ROUTING | 60 => bytes.get(here + 1).map(|n| usize::from(*n) * 8 + 8),
            protocol::FRAGMENT => {
                first = word(bytes, here + 2).is_some_and(|offset| offset & 0xfff8 == 0);
                Some(8)
            }
            _ => break,
        };
        next = bytes.get(here).copied().unwrap_or(protocol::NO_NEXT);
        upper = length.map(|length| here + length);
    }
    Some(Found {
        ipv6: true,
        src: at + 8..at + 24,
        dst: at + 24..at + 40,
        header_sum: None,
        protocol: next,
        upper: upper.filter(|_| first),
        end: at + 40 + usize::from(word(bytes, at + 4)?),
    })
}

impl Found {
    fn address(&self, bytes: &[u8], side: Side) -> Option<IpAddr> {
        let bytes = bytes.get(self.range(side))?;
        if self.ipv6 {
            <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into())
        } else {
            <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into())
        }
    }

    fn range(&self, side: Side) -> Range<usize> {
        match side {
            Side::Source => self.src.clone(),
            Side::Destination => self.dst.clone(),
        }
    }

    /// Where the checksum over the pseudo-header is, if there is one.
    fn upper_sum(&self, bytes: &[u8]) -> Option<usize> {
        let upper = self.upper?;
        let at = match self.protocol {
            protocol::TCP => upper + 16,
            protocol::UDP => upper + 6,
            protocol::ICMPV6 if self.ipv6 => upper + 2,
            _ => return None,
        };
        // UDP over IPv4 may do without.
        let sum = word(bytes, at)?;
        (self.protocol != protocol::UDP || sum != 0).then_some(at)
    }

    /// Writes an address, and mends the checksums that cover it.
    fn set(&self, bytes: &mut [u8], side: Side, new: IpAddr) -> Option<()> {
        let octets = match new {
            IpAddr::V6(new) if self.ipv6 => new.octets().to_vec(),
            IpAddr::V4(new) if !self.ipv6 => new.octets().to_vec(),
            _ => return None,
        };
        let old = bytes.get(self.range(side))?.to_vec();
        for at in [self.header_sum, self.upper_sum(bytes)].into_iter().flatten() {
            let mended = mended(word(bytes, at)?, &old, &octets);
            // A computed zero of UDP is sent as the other zero (RFC 768).
            let zero = mended == 0 && self.protocol == protocol::UDP && Some(at) != self.header_sum;
            put(bytes, at, if zero { 0xffff } else { mended })?;
        }
        bytes.get_mut(self.range(side))?.copy_from_slice(&octets);
        Some(())
    }
}

/// A checksum once these bytes are those (RFC 1624, 3, equation 3).
fn mended(sum: u16, old: &[u8], new: &[u8]) -> u16 {
    let words = |bytes: &[u8]| bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>();
    let add = |a: u16, b: u16| {
        let (sum, carry) = a.overflowing_add(b);
        sum + u16::from(carry)
    };
    let less = words(old).into_iter().fold(!sum, |sum, word| add(sum, !word));
    !words(new).into_iter().fold(less, add)
}

/// A frame's addresses, source and destination; `None`: it has none, or is tagged.
pub fn addresses(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let found = find(frame, ip_at(frame)?)?;
    Some((found.address(frame, Side::Source)?, found.address(frame, Side::Destination)?))
}

/// Gives an untagged frame another address, of the same family. `None`: it has none such.
pub fn readdress(frame: &mut [u8], side: Side, new: IpAddr) -> Option<()> {
    let found = find(frame, ip_at(frame)?)?;
    found.set(frame, side, new)
}

/// The addresses of the packet that an ICMP error quotes (RFC 4443, 3; RFC 792).
pub fn quoted_addresses(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let (_, quoted) = quote(frame)?;
    Some((quoted.address(frame, Side::Source)?, quoted.address(frame, Side::Destination)?))
}

/// Gives the packet that an ICMP error quotes another address, of the same family.
pub fn readdress_quote(frame: &mut [u8], side: Side, new: IpAddr) -> Option<()> {
    let (outer, quoted) = quote(frame)?;
    quoted.set(frame, side, new)?;
    let upper = outer.upper?;
    put(frame, upper + 2, 0)?;
    let message = frame.get(upper..outer.end)?;
    let sum = match (outer.address(frame, Side::Source)?, outer.address(frame, Side::Destination)?) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => checksum_v6(src, dst, protocol::ICMPV6, message),
        _ => checksum(message),
    };
    put(frame, upper + 2, sum)
}

/// An ICMP error, and what it quotes, which is of the same family.
fn quote(frame: &[u8]) -> Option<(Found, Found)> {
    let outer = find(frame, ip_at(frame)?)?;
    let upper = outer.upper?;
    let kind = *frame.get(upper)?;
    let is_error = match outer.protocol {
        protocol::ICMPV6 if outer.ipv6 => (1..=127).contains(&kind),
        protocol::ICMPV4 if !outer.ipv6 => matches!(kind, 3 | 11 | 12),
        _ => false,
    };
    let quoted = find(frame, upper + ICMP).filter(|quoted| is_error && quoted.ipv6 == outer.ipv6)?;
    Some((outer, quoted))
}

/// Where an untagged frame's IP header is.
fn ip_at(frame: &[u8]) -> Option<usize> {
    matches!(word(frame, ETHERNET - 2)?, 0x86dd | 0x0800).then_some(ETHERNET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Frame, Icmpv4Error, Icmpv6Error, MacAddr, Net, icmpv4_error, icmpv6_error, ipv4_frame, ipv6_frame, udp, udp_v4,
    };

    const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn a_packet_with_another_address_is_as_if_sent_from_it() {
        let to = v6("2001:db8:ee::1");
        let made = |from: Ipv6Addr| ipv6_frame(A, B, from, to, 64, protocol::UDP, &udp(from, to, 7, 9, b"hello"));
        let (old, new) = (v6("fd00::5"), v6("2001:db8:100::80"));
        let mut frame = made(old).to_vec();
        readdress(&mut frame, Side::Source, new.into()).unwrap();
        assert_eq!(frame, made(new).to_vec());
        assert_eq!(addresses(&frame), Some((new.into(), to.into())));
        assert_eq!(readdress(&mut frame, Side::Source, Ipv4Addr::LOCALHOST.into()), None);
        let to = Ipv4Addr::new(203, 0, 113, 1);
        let made = |from: Ipv4Addr| ipv4_frame(A, B, from, to, 64, protocol::UDP, &udp_v4(from, to, 7, 9, b"hello"));
        let (old, new) = (Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(198, 51, 100, 80));
        let mut frame = made(old).to_vec();
        readdress(&mut frame, Side::Source, new.into()).unwrap();
        assert_eq!(frame, made(new).to_vec());
    }

    #[test]
    fn a_quote_with_another_address_is_that_of_the_packet_as_it_was() {
        let (inside, outside, far) = (v6("fd00::5"), v6("2001:db8:100::80"), v6("2001:db8:ee::1"));
        let sent = |from| ipv6_frame(A, B, from, far, 64, protocol::UDP, &udp(from, far, 7, 9, &[7; 1400]));
        let error = |from| {
            let mut frame = icmpv6_error(B, v6("2001:db8:1::1"), Icmpv6Error::PacketTooBig { mtu: 1280 }, &sent(from));
            let mut frame = frame.take().unwrap().to_vec();
            readdress(&mut frame, Side::Destination, inside.into()).unwrap();
            frame
        };
        let mut frame = error(outside);
        assert_eq!(quoted_addresses(&frame), Some((outside.into(), far.into())));
        readdress_quote(&mut frame, Side::Source, inside.into()).unwrap();
        assert_eq!(frame, error(inside));
        let Net::Ipv6(ip) = Frame::parse(&frame).unwrap().net else { panic!() };
        assert!(ip.icmpv6().unwrap().is_some(), "its checksum is right");
        assert_eq!(quoted_addresses(&sent(inside)), None);
        for length in 0..frame.len() {
            let mut cut = frame[..length].to_vec();
            let _ = readdress_quote(&mut cut, Side::Source, outside.into());
            let _ = readdress(&mut cut, Side::Destination, outside.into());
        }
    }

    #[test]
    fn an_ipv4_quote_too() {
        let [inside, outside, far] = [[10, 0, 0, 5], [198, 51, 100, 80], [203, 0, 113, 1]].map(Ipv4Addr::from);
        let sent = |from| ipv4_frame(A, B, from, far, 64, protocol::UDP, &udp_v4(from, far, 7, 9, b"hello"));
        let error = |from| {
            let why = Icmpv4Error::DestinationUnreachable { code: 3, next_hop_mtu: 0 };
            let mut frame = icmpv4_error(B, far, why, &sent(from)).unwrap().to_vec();
            readdress(&mut frame, Side::Destination, inside.into()).unwrap();
            frame
        };
        let mut frame = error(outside);
        readdress_quote(&mut frame, Side::Source, inside.into()).unwrap();
        assert_eq!(frame, error(inside));
    }
}
