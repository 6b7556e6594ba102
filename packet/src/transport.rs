//! UDP and TCP: headers to be looked at, and segments with the right checksum.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, Bytes, BytesMut};
use etherparse::err::tcp::{HeaderError, HeaderSliceError};
use etherparse::{TcpSlice, UdpSlice};

use crate::{Bad, checksum_v4, checksum_v6, protocol};

/// A UDP datagram (RFC 768). Its checksum is not verified: it depends on the IP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// As long as the header's length field says.
    pub payload: Bytes,
}

/// A TCP segment (RFC 9293, 3.1). Its checksum is not verified: it depends on the IP header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// CWR, ECE, URG, ACK, PSH, RST, SYN, FIN from the highest bit to the lowest.
    pub flags: u8,
    /// Receive window, unscaled.
    pub window: u16,
    /// Padded to a multiple of 4 bytes, at most 40.
    pub options: Bytes,
    /// All after the options.
    pub payload: Bytes,
}

impl Udp {
    /// Reads the payload of an IP packet.
    pub fn parse(payload: &[u8]) -> Result<Udp, Bad> {
        let short = |e: etherparse::err::LenError| Bad::Short { need: e.required_len, have: e.len };
        let udp = UdpSlice::from_slice(payload).map_err(short)?;
        Ok(Udp {
            sport: udp.source_port(),
            dport: udp.destination_port(),
            payload: Bytes::copy_from_slice(udp.payload()),
        })
    }
}

impl Tcp {
    /// Flag: no more from the sender.
    pub const FIN: u8 = 0x01;
    /// Flag: opens a connection.
    pub const SYN: u8 = 0x02;
    /// Flag: tears a connection down.
    pub const RST: u8 = 0x04;
    /// Flag: the acknowledgement number counts.
    pub const ACK: u8 = 0x10;

    /// Reads the payload of an IP packet.
    pub fn parse(payload: &[u8]) -> Result<Tcp, Bad> {
        let tcp = TcpSlice::from_slice(payload).map_err(|error| match error {
            HeaderSliceError::Len(e) => Bad::Short { need: e.required_len, have: e.len },
            HeaderSliceError::Content(HeaderError::DataOffsetTooSmall { data_offset }) => {
                Bad::HeaderLength { need: 20, have: 4 * usize::from(data_offset) }
            }
        })?;
        Ok(Tcp {
            sport: tcp.source_port(),
            dport: tcp.destination_port(),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: tcp.header_slice()[13],
            window: tcp.window_size(),
            options: Bytes::copy_from_slice(tcp.options()),
            payload: Bytes::copy_from_slice(tcp.payload()),
        })
    }

    fn emit(&self) -> BytesMut {
        let options = &self.options[..self.options.len().min(40)];
        let words = 5 + options.len().div_ceil(4);
        let mut out = BytesMut::with_capacity(4 * words + self.payload.len());
        out.put_u16(self.sport);
        out.put_u16(self.dport);
        out.put_u32(self.seq);
        out.put_u32(self.ack);
        out.put_u8((words << 4) as u8);
        out.put_u8(self.flags);
        out.put_u16(self.window);
        out.put_u32(0);
        out.put_slice(options);
        crate::wire::pad(&mut out, 0, 4);
        out.put_slice(&self.payload);
        out
    }
}

/// A UDP datagram for IPv6, with its checksum. A payload past 65527 bytes is cut.
pub fn udp(src: Ipv6Addr, dst: Ipv6Addr, sport: u16, dport: u16, payload: &[u8]) -> Bytes {
    let mut out = datagram(sport, dport, payload);
    let sum = checksum_v6(src, dst, protocol::UDP, &out);
    udp_checksum(&mut out, sum);
    out.freeze()
}

/// A UDP datagram for IPv4, as [`udp`].
pub fn udp_v4(src: Ipv4Addr, dst: Ipv4Addr, sport: u16, dport: u16, payload: &[u8]) -> Bytes {
    let mut out = datagram(sport, dport, payload);
    let sum = checksum_v4(src, dst, protocol::UDP, &out);
    udp_checksum(&mut out, sum);
    out.freeze()
}

/// A TCP segment for IPv6, with its checksum.
pub fn tcp(src: Ipv6Addr, dst: Ipv6Addr, segment: &Tcp) -> Bytes {
    let mut out = segment.emit();
    let sum = checksum_v6(src, dst, protocol::TCP, &out);
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out.freeze()
}

/// A TCP segment for IPv4, with its checksum.
pub fn tcp_v4(src: Ipv4Addr, dst: Ipv4Addr, segment: &Tcp) -> Bytes {
    let mut out = segment.emit();
    let sum = checksum_v4(src, dst, protocol::TCP, &out);
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out.freeze()
}

fn datagram(sport: u16, dport: u16, payload: &[u8]) -> BytesMut {
    let payload = &payload[..payload.len().min(0xffff - 8)];
    let mut out = BytesMut::with_capacity(8 + payload.len());
    out.put_u16(sport);
    out.put_u16(dport);
    out.put_u16((8 + payload.len()) as u16);
    out.put_u16(0);
    out.put_slice(payload);
    out
}

/// RFC 768: zero would say "no checksum", which IPv6 forbids.
fn udp_checksum(out: &mut BytesMut, sum: u16) {
    let sum = if sum == 0 { 0xffff } else { sum };
    out[6..8].copy_from_slice(&sum.to_be_bytes());
}
