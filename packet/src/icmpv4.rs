//! ICMP for IPv4 (RFC 792): echo, and the errors that a router sends.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::Reader;
use crate::{Bad, checksum};

pub(crate) mod kind {
    pub(crate) const ECHO_REPLY: u8 = 0;
    pub(crate) const DESTINATION_UNREACHABLE: u8 = 3;
    pub(crate) const ECHO_REQUEST: u8 = 8;
    pub(crate) const TIME_EXCEEDED: u8 = 11;
    pub(crate) const PARAMETER_PROBLEM: u8 = 12;
}

/// An ICMP message. `invoking` is the packet that an error is about, IP header first, as much as fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Icmpv4 {
    /// 8.
    EchoRequest {
        /// Of the sender's choosing.
        id: u16,
        /// Of the sender's choosing.
        seq: u16,
        /// To be sent back.
        data: Bytes,
    },
    /// 0.
    EchoReply {
        /// The request's.
        id: u16,
        /// The request's.
        seq: u16,
        /// The request's.
        data: Bytes,
    },
    /// 3.
    DestinationUnreachable {
        /// 0 network, 1 host, 2 protocol, 3 port, 4 fragmentation needed, 13 prohibited, ...
        code: u8,
        /// With code 4, the next link's MTU in bytes (RFC 1191, 4); else 0.
        next_hop_mtu: u16,
        /// See [`Icmpv4`].
        invoking: Bytes,
    },
    /// 11.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// See [`Icmpv4`].
        invoking: Bytes,
    },
    /// 12.
    ParameterProblem {
        /// 0 the pointer says where.
        code: u8,
        /// Where in the invoking packet, in bytes.
        pointer: u8,
        /// See [`Icmpv4`].
        invoking: Bytes,
    },
    /// Any other.
    Unknown {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// All after the checksum.
        body: Bytes,
    },
}

impl Icmpv4 {
    /// Reads the payload of an IPv4 packet that is not a fragment; checks the checksum.
    pub fn parse(payload: &[u8]) -> Result<Icmpv4, Bad> {
        let mut r = Reader::new(payload);
        let [kind, code] = r.array()?;
        let sum = r.u16()?;
        checksum::verify(checksum(payload), sum)?;
        let mut body = r;
        let words = [r.u16(), r.u16()];
        let [Ok(high), Ok(low)] = words else {
            return Err(Bad::Short { need: 8, have: payload.len() });
        };
        Ok(match kind {
            kind::ECHO_REQUEST if code == 0 => Icmpv4::EchoRequest { id: high, seq: low, data: r.rest_bytes() },
            kind::ECHO_REPLY if code == 0 => Icmpv4::EchoReply { id: high, seq: low, data: r.rest_bytes() },
            kind::DESTINATION_UNREACHABLE => {
                Icmpv4::DestinationUnreachable { code, next_hop_mtu: low, invoking: r.rest_bytes() }
            }
            kind::TIME_EXCEEDED => Icmpv4::TimeExceeded { code, invoking: r.rest_bytes() },
            kind::PARAMETER_PROBLEM => {
                Icmpv4::ParameterProblem { code, pointer: (high >> 8) as u8, invoking: r.rest_bytes() }
            }
            _ => Icmpv4::Unknown { kind, code, body: body.rest_bytes() },
        })
    }

    /// The message with its checksum.
    pub fn emit(&self) -> Bytes {
        let (kind, code, words, rest) = match self {
            Icmpv4::EchoRequest { id, seq, data } => (kind::ECHO_REQUEST, 0, Some([*id, *seq]), data),
            Icmpv4::EchoReply { id, seq, data } => (kind::ECHO_REPLY, 0, Some([*id, *seq]), data),
            Icmpv4::DestinationUnreachable { code, next_hop_mtu, invoking } => {
                (kind::DESTINATION_UNREACHABLE, *code, Some([0, *next_hop_mtu]), invoking)
            }
            Icmpv4::TimeExceeded { code, invoking } => (kind::TIME_EXCEEDED, *code, Some([0, 0]), invoking),
            Icmpv4::ParameterProblem { code, pointer, invoking } => {
                (kind::PARAMETER_PROBLEM, *code, Some([u16::from(*pointer) << 8, 0]), invoking)
            }
            Icmpv4::Unknown { kind, code, body } => (*kind, *code, None, body),
        };
        let mut out = BytesMut::with_capacity(8 + rest.len());
        out.put_slice(&[kind, code, 0, 0]);
        words.iter().flatten().for_each(|word| out.put_u16(*word));
        out.put_slice(rest);
        let sum = checksum(&out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out.freeze()
    }
}
