//! IPv4 packets (RFC 791).

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};
use etherparse::Ipv4HeaderSlice;
use etherparse::err::ipv4::{HeaderError, HeaderSliceError};

use crate::wire::pad;
use crate::{Bad, Icmpv4, Igmp, checksum, protocol};

const OPTIONS_BYTES_MAX: usize = 40;

/// An IPv4 packet: its header's fields and the bytes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Packet {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Time to live, in hops.
    pub ttl: u8,
    /// Type of service: DSCP (6 bits) and ECN (2).
    pub tos: u8,
    /// Identification, which the fragments of a packet share.
    pub id: u16,
    /// The three flag bits: 4 is reserved, 2 "don't fragment", 1 "more fragments".
    pub flags: u8,
    /// Where this fragment belongs, in units of 8 bytes (13 bits).
    pub fragment_offset: u16,
    /// Options, padded to a multiple of 4 bytes, at most 40.
    pub options: Bytes,
    /// What the payload is: see [`protocol`](crate::protocol).
    pub protocol: u8,
    /// All after the header.
    pub payload: Bytes,
}

impl Ipv4Packet {
    /// Flag: do not fragment.
    pub const DONT_FRAGMENT: u8 = 2;
    /// Flag: more fragments follow.
    pub const MORE_FRAGMENTS: u8 = 1;

    /// A packet without options, not to be fragmented.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, ttl: u8, protocol: u8, payload: Bytes) -> Ipv4Packet {
        Ipv4Packet {
            src,
            dst,
            ttl,
            tos: 0,
            id: 0,
            flags: Ipv4Packet::DONT_FRAGMENT,
            fragment_offset: 0,
            options: Bytes::new(),
            protocol,
            payload,
        }
    }

    /// Whether this is a part of a packet only.
    pub fn is_fragment(&self) -> bool {
        self.fragment_offset != 0 || self.flags & Ipv4Packet::MORE_FRAGMENTS != 0
    }

    /// The ICMP message in the packet; `None` if it carries something else or is a fragment.
    pub fn icmpv4(&self) -> Result<Option<Icmpv4>, Bad> {
        if self.protocol != protocol::ICMPV4 || self.is_fragment() {
            return Ok(None);
        }
        Icmpv4::parse(&self.payload).map(Some)
    }

    /// The IGMP message in the packet; `None` if it carries something else or is a fragment.
    pub fn igmp(&self) -> Result<Option<Igmp>, Bad> {
        if self.protocol != protocol::IGMP || self.is_fragment() {
            return Ok(None);
        }
        Igmp::parse(&self.payload).map(Some)
    }

    /// Reads the bytes after the Ethernet header; verifies the header's checksum.
    pub fn parse(bytes: &[u8]) -> Result<Ipv4Packet, Bad> {
        let header = Ipv4HeaderSlice::from_slice(bytes).map_err(refused)?;
        checksum::verify(checksum(header.slice()), header.header_checksum())?;
        let (start, end) = (header.slice().len(), usize::from(header.total_len()));
        if end < start {
            return Err(Bad::HeaderLength { need: start, have: end });
        }
        let payload = bytes.get(start..end).ok_or(Bad::Short { need: end, have: bytes.len() })?;
        let (tos, flags) = (header.slice()[1], header.slice()[6] >> 5);
        Ok(Ipv4Packet {
            src: header.source_addr(),
            dst: header.destination_addr(),
            ttl: header.ttl(),
            tos,
            id: header.identification(),
            flags,
            fragment_offset: header.fragments_offset().value(),
            options: Bytes::copy_from_slice(header.options()),
            protocol: header.protocol().0,
            payload: Bytes::copy_from_slice(payload),
        })
    }

    /// The bytes after the Ethernet header, with checksum. Options are cut at 40 bytes and padded; the
    /// payload is cut where the packet would pass 65535 bytes.
    pub fn emit(&self) -> Bytes {
        let options = &self.options[..self.options.len().min(OPTIONS_BYTES_MAX)];
        let header_length = 20 + options.len().next_multiple_of(4);
        let payload = &self.payload[..self.payload.len().min(0xffff - header_length)];
        let mut out = BytesMut::with_capacity(header_length + payload.len());
        out.put_u8(0x40 | (header_length / 4) as u8);
        out.put_u8(self.tos);
        out.put_u16((header_length + payload.len()) as u16);
        out.put_u16(self.id);
        out.put_u16(u16::from(self.flags & 7) << 13 | (self.fragment_offset & 0x1fff));
        out.put_u8(self.ttl);
        out.put_u8(self.protocol);
        out.put_u16(0);
        out.put_slice(&self.src.octets());
        out.put_slice(&self.dst.octets());
        out.put_slice(options);
        pad(&mut out, 0, 4);
        let sum = checksum(&out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out.put_slice(payload);
        out.freeze()
    }
}

fn refused(error: HeaderSliceError) -> Bad {
    match error {
        HeaderSliceError::Len(e) => Bad::Short { need: e.required_len, have: e.len },
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => Bad::Version(version_number),
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => {
            Bad::HeaderLength { need: 20, have: 4 * usize::from(ihl) }
        }
    }
}
