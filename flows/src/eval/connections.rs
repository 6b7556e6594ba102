//! Conntrack, as Open vSwitch's userspace data path has it: which packets belong together, and what it says of one.
//!
//! It knows no time and no TCP states but "known": a connection is there or not. A fragment is held until all have come; here
//! one packet is on its way, so that it is held for ever.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use ofp::{Field, Value};
use packet::{checksum, checksum_v4, checksum_v6, protocol};

use super::Headers;
use super::extract::{Layout, extract};

/// Bits of `ct_state`.
const NEW: u32 = 0x01;
const ESTABLISHED: u32 = 0x02;
const RELATED: u32 = 0x04;
const REPLY: u32 = 0x08;
const INVALID: u32 = 0x10;
const TRACKED: u32 = 0x20;

const ECHO_V6: (u8, u8) = (128, 129);
const ECHO_V4: (u8, u8) = (8, 0);
/// Errors about a packet of ours that follows (RFC 4443, 2.1; RFC 792).
const ERRORS_V6: [u8; 4] = [1, 2, 3, 4];
const ERRORS_V4: [u8; 3] = [3, 4, 11];
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// A connection: the zone that knows it, and its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    zone: u16,
    tuple: Tuple,
}

/// From whom, to whom, by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tuple {
    ipv6: bool,
    src: u128,
    dst: u128,
    protocol: u8,
    /// Of TCP and UDP the port, of ICMP the identifier.
    from: u16,
    to: u16,
    /// Of an echo: type and code.
    icmp: (u8, u8),
}

/// What conntrack knows.
#[derive(Clone, Debug, Default)]
pub struct Connections(BTreeSet<Connection>);

/// What a packet is to conntrack.
pub(super) enum Read {
    /// It could begin a connection, or not (an answer that nobody asked for).
    Packet(Tuple, bool),
    /// An error about a packet that belongs to a connection.
    About(Tuple),
    /// Part of one.
    Fragment,
    /// Nothing that it follows.
    Nothing,
}

impl Connections {
    /// Keeps a connection, unless it is known, one way or the other.
    pub fn keep(&mut self, connection: Connection) {
        let reverse = Connection { tuple: connection.tuple.reversed(), ..connection };
        if !self.0.contains(&reverse) {
            self.0.insert(connection);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says in a packet's fields what is known of it. `false`: it goes no further.
    pub(super) fn look_up(&self, zone: u16, read: &Read, headers: &mut Headers) -> bool {
        forget(headers);
        let find = |tuple: Tuple| {
            let known = |tuple: &Tuple| self.0.contains(&Connection { zone, tuple: *tuple });
            let reversed = tuple.reversed();
            known(&tuple).then_some((tuple, 0)).or_else(|| known(&reversed).then_some((reversed, REPLY)))
        };
        let (state, first) = match *read {
            Read::Fragment => return false,
            Read::Nothing => (INVALID, None),
            Read::Packet(tuple, begins) => match find(tuple) {
                Some((first, way)) => (ESTABLISHED | way, Some(first)),
                None if begins => (NEW, Some(tuple)),
                None => (INVALID, None),
            },
            // Whoever it goes back to sent what it is about.
            Read::About(tuple) => match find(tuple) {
                Some((first, way)) => (RELATED | (way ^ REPLY), Some(first)),
                None => (INVALID, None),
            },
        };
        headers.set(Field::CT_STATE, Value(u128::from(state | TRACKED)));
        headers.set(Field::CT_ZONE, zone);
        if let Some(first) = first {
            first.show(headers);
        }
        true
    }
}

impl Read {
    /// The connection that it belongs to or begins, as one of a zone.
    pub(super) fn connection(&self, zone: u16) -> Option<Connection> {
        match *self {
            Read::Packet(tuple, true) => Some(Connection { zone, tuple }),
            _ => None,
        }
    }
}

impl Tuple {
    fn reversed(self) -> Tuple {
        let answer = |kind| match (self.ipv6, kind) {
            (true, 128) => 129,
            (true, 129) => 128,
            (false, 8) => 0,
            (false, 0) => 8,
            (_, other) => other,
        };
        let echo = matches!(self.protocol, protocol::ICMPV6 | protocol::ICMPV4);
        let icmp = if echo { (answer(self.icmp.0), self.icmp.1) } else { self.icmp };
        Tuple { src: self.dst, dst: self.src, from: self.to, to: self.from, icmp, ..self }
    }

    /// Puts it into the fields that rows match.
    fn show(self, headers: &mut Headers) {
        let [src, dst] =
            if self.ipv6 { [Field::CT_IPV6_SRC, Field::CT_IPV6_DST] } else { [Field::CT_NW_SRC, Field::CT_NW_DST] };
        headers.set(src, Value(self.src));
        headers.set(dst, Value(self.dst));
        headers.set(Field::CT_NW_PROTO, self.protocol);
        let (from, to) = match self.protocol {
            protocol::ICMPV6 | protocol::ICMPV4 => (self.icmp.0.into(), self.icmp.1.into()),
            _ => (self.from, self.to),
        };
        headers.set(Field::CT_TP_SRC, from);
        headers.set(Field::CT_TP_DST, to);
    }
}

/// Takes away what conntrack has said.
pub(super) fn forget(headers: &mut Headers) {
    for field in [
        Field::CT_STATE,
        Field::CT_ZONE,
        Field::CT_NW_PROTO,
        Field::CT_NW_SRC,
        Field::CT_NW_DST,
        Field::CT_IPV6_SRC,
        Field::CT_IPV6_DST,
        Field::CT_TP_SRC,
        Field::CT_TP_DST,
    ] {
        headers.set(field, Value(0));
    }
}

/// What a packet is to conntrack: by its bytes, for checksums count.
pub(super) fn read(frame: &[u8], layout: &Layout, headers: &Headers) -> Read {
    if headers.get(Field::IP_FRAG) != 0 {
        return if layout.fragment { Read::Fragment } else { Read::Nothing };
    }
    let Some((tuple, carried)) = addressed(frame, layout, headers) else { return Read::Nothing };
    if !tuple.ipv6 && !sound_header(frame, layout) {
        return Read::Nothing;
    }
    carried_by(tuple, carried).unwrap_or(Read::Nothing)
}

/// Addresses and protocol, and what is carried.
fn addressed<'f>(frame: &'f [u8], layout: &Layout, headers: &Headers) -> Option<(Tuple, &'f [u8])> {
    let ipv6 = headers.get(Field::ETH_TYPE) == 0x86dd;
    let [src, dst] = if ipv6 { [Field::IPV6_SRC, Field::IPV6_DST] } else { [Field::IPV4_SRC, Field::IPV4_DST] };
    let tuple = Tuple {
        ipv6,
        src: headers.get(src),
        dst: headers.get(dst),
        protocol: headers.get(Field::IP_PROTO) as u8,
        from: 0,
        to: 0,
        icmp: (0, 0),
    };
    Some((tuple, frame.get(layout.transport?..layout.end)?))
}

/// An IPv4 header's checksum.
fn sound_header(frame: &[u8], layout: &Layout) -> bool {
    let header = layout.net.zip(layout.transport).and_then(|(net, transport)| frame.get(net..transport));
    header.is_some_and(|header| checksum(header) == 0)
}

fn carried_by(tuple: Tuple, carried: &[u8]) -> Option<Read> {
    let port = |at: usize| carried.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair)).filter(|p| *p != 0);
    match (tuple.protocol, tuple.ipv6) {
        (protocol::TCP, _) => {
            let header = carried.get(..20)?;
            let length = 4 * usize::from(header[12] >> 4);
            let sound = (20..=carried.len()).contains(&length) && sums_up(&tuple, carried);
            let tuple = Tuple { from: port(0)?, to: port(2)?, ..tuple };
            sound.then(|| Read::Packet(tuple, tcp_begins(header[13])))
        }
        (protocol::UDP, _) => {
            let header = carried.get(..8)?;
            let whole = usize::from(u16::from_be_bytes([header[4], header[5]])) == carried.len();
            let sound = whole && (header[6..8] == [0, 0] || sums_up(&tuple, carried));
            let tuple = Tuple { from: port(0)?, to: port(2)?, ..tuple };
            sound.then_some(Read::Packet(tuple, true))
        }
        (protocol::ICMPV6, true) => icmp(tuple, carried, ECHO_V6, &ERRORS_V6),
        (protocol::ICMPV4, false) => icmp(tuple, carried, ECHO_V4, &ERRORS_V4),
        _ => Some(Read::Packet(tuple, true)),
    }
}

fn icmp(tuple: Tuple, carried: &[u8], (request, reply): (u8, u8), errors: &[u8]) -> Option<Read> {
    let header = carried.get(..8)?;
    let sound = if tuple.ipv6 { sums_up(&tuple, carried) } else { checksum(carried) == 0 };
    if !sound {
        return None;
    }
    let (kind, code) = (header[0], header[1]);
    if kind == request || kind == reply {
        let id = u16::from_be_bytes([header[4], header[5]]);
        let tuple = Tuple { from: id, to: id, icmp: (kind, code), ..tuple };
        return Some(Read::Packet(tuple, kind == request && code == 0));
    }
    if !errors.contains(&kind) {
        return None;
    }
    // What it is about, as if it stood in a frame.
    let ethertype = if tuple.ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let inner = [&[0; 12][..], &ethertype, &carried[8..]].concat();
    about(&inner, &tuple)
}

/// An error quotes the beginning of a packet, which went to where the error comes from, or beyond.
fn about(inner: &[u8], error: &Tuple) -> Option<Read> {
    let mut whole = inner.to_vec();
    // The quotation may end before what it announces does.
    if error.ipv6 {
        let announced = 14 + 40 + usize::from(u16::from_be_bytes([*inner.get(18)?, *inner.get(19)?]));
        whole.resize(announced.max(inner.len()), 0);
    } else {
        let announced = 14 + usize::from(u16::from_be_bytes([*inner.get(16)?, *inner.get(17)?]));
        whole.resize(announced.max(inner.len()), 0);
    }
    let (headers, layout) = extract(&whole);
    let (tuple, _) = addressed(&whole, &layout, &headers)?;
    // It goes back to who sent that.
    if tuple.src != error.dst {
        return None;
    }
    let carried = inner.get(layout.transport?..).filter(|carried| carried.len() >= 8)?;
    let pair = |at: usize| u16::from_be_bytes([carried[at], carried[at + 1]]);
    let tuple = match tuple.protocol {
        protocol::TCP | protocol::UDP => Tuple { from: pair(0), to: pair(2), ..tuple },
        protocol::ICMPV6 | protocol::ICMPV4 => {
            Tuple { from: pair(4), to: pair(4), icmp: (carried[0], carried[1]), ..tuple }
        }
        _ => tuple,
    };
    Some(Read::About(tuple))
}

/// Whether a segment may be the first that is seen: one that opens, or of a connection that is older than its row.
fn tcp_begins(flags: u8) -> bool {
    let flags = flags & (FIN | SYN | RST | PSH | ACK | URG);
    let senseless = flags & SYN != 0 && flags & (RST | FIN) != 0
        || flags & ACK == 0 && flags & (SYN | RST) == 0
        || flags & ACK == 0 && flags & (FIN | PSH | URG) != 0;
    !senseless && flags & (SYN | ACK) != SYN | ACK
}

fn sums_up(tuple: &Tuple, carried: &[u8]) -> bool {
    if tuple.ipv6 {
        return checksum_v6(Ipv6Addr::from(tuple.src), Ipv6Addr::from(tuple.dst), tuple.protocol, carried) == 0;
    }
    let [src, dst] = [tuple.src, tuple.dst].map(|address| Ipv4Addr::from(address as u32));
    checksum_v4(src, dst, tuple.protocol, carried) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_begin_a_connection() {
        for (flags, begins) in [
            (SYN, true),
            (ACK, true),
            (PSH | ACK, true),
            (FIN | ACK, true),
            (SYN | ACK, false),
            (SYN | FIN, false),
            (FIN, false),
            (0, false),
        ] {
            assert_eq!(tcp_begins(flags), begins, "{flags:#x}");
        }
    }
}
