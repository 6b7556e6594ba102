//! The Internet checksum (RFC 1071) and its pseudo-headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;

use crate::Bad;

/// The checksum of an upper-layer packet over the IPv6 pseudo-header (RFC 8200, 8.1), for a packet whose
/// checksum field holds zero; over a packet with its checksum filled in, the result is zero.
///
/// UDP must send `0xffff` where this is zero.
pub fn checksum_v6(src: Ipv6Addr, dst: Ipv6Addr, next: u8, payload: &[u8]) -> u16 {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut sum = Sum16BitWords::new().add_16bytes(src.octets()).add_16bytes(dst.octets());
    sum = sum.add_4bytes(length.to_be_bytes()).add_4bytes(u32::from(next).to_be_bytes());
    sum.add_slice(payload).ones_complement().to_be()
}

/// The checksum of a TCP or UDP segment over the IPv4 pseudo-header (RFC 9293, 3.1), as [`checksum_v6`].
pub fn checksum_v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) -> u16 {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut sum = Sum16BitWords::new().add_4bytes(src.octets()).add_4bytes(dst.octets());
    sum = sum.add_2bytes([0, protocol]).add_2bytes(length.to_be_bytes());
    sum.add_slice(payload).ones_complement().to_be()
}

/// The checksum of bytes alone: the IPv4 header's, and ICMP's for IPv4.
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum16BitWords::new().add_slice(bytes).ones_complement().to_be()
}

/// Refuses a packet whose checksum does not come out; `sum` is computed over the packet as it came, `have`
/// is its checksum field.
pub(crate) fn verify(sum: u16, have: u16) -> Result<(), Bad> {
    if sum == 0 {
        return Ok(());
    }
    // In one's complement, taking the field out again gives what it should have been.
    let total = u32::from(!sum) + u32::from(!have);
    let want = !((total & 0xffff) as u16).wrapping_add((total >> 16) as u16);
    Err(Bad::Checksum { want, have })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_odd_lengths_and_a_known_header() {
        assert_eq!(checksum(&[]), 0xffff);
        assert_eq!(checksum(&[0x01]), !0x0100);
        // The IPv4 header of RFC 1071's usual example.
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(checksum(&header), 0xb861);
    }

    #[test]
    fn says_what_it_should_have_been() {
        let mut bytes = [0x12, 0x34, 0, 0, 0xab, 0xcd];
        let want = checksum(&bytes);
        bytes[2..4].copy_from_slice(&0x1111u16.to_be_bytes());
        assert_eq!(verify(checksum(&bytes), 0x1111), Err(Bad::Checksum { want, have: 0x1111 }));
        bytes[2..4].copy_from_slice(&want.to_be_bytes());
        assert_eq!(verify(checksum(&bytes), want), Ok(()));
    }
}
