//! From a frame's bytes to its fields, as Open vSwitch reads them: one VLAN tag, extension headers skipped, nothing behind
//! what it can't follow. Deliberately not the careful decoder of the `packet` crate: this is what rows are matched against.

use addr::MacAddr;
use ofp::Field;
use packet::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Vlan, protocol};

use super::Headers;

/// Tags that Open vSwitch reads (`other_config:vlan-limit`, by default): what is under them it doesn't see.
const TAGS_MAX: usize = 1;
const TPIDS: [u16; 2] = [0x8100, 0x88a8];
const ETHERTYPE_RARP: u16 = 0x8035;
/// Below it an ethertype is a length (IEEE 802.3).
const ETHERTYPE_MIN: u16 = 0x600;
/// What Open vSwitch calls the ethertype of a frame without one.
const NO_ETHERTYPE: u16 = 0x5ff;
/// LLC and SNAP with an ethertype behind (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
/// Bits of `ip_frag`.
const FRAGMENT: u8 = 1;
const FRAGMENT_LATER: u8 = 2;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;

/// Where things are in a frame. Offsets in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The end of the tags that were read: the ethertype.
    pub(super) ethertype: usize,
    /// The network header, if it was understood.
    pub(super) net: Option<usize>,
    /// What the network header carries, if it was found.
    pub(super) transport: Option<usize>,
    /// The end of what the network header announces; padding may follow.
    pub(super) end: usize,
    /// IPv6 with a routing header that has not reached its end, or with the fragment header of a packet that is whole (RFC 6946):
    /// Open vSwitch 3.1 then doesn't adapt the checksum of what is carried to new addresses.
    pub(super) leaves_checksum: bool,
    /// A fragment. One that is by a reserved bit only matches as one, but isn't to conntrack.
    pub(super) fragment: bool,
}

/// Reads a frame. One shorter than its Ethernet header has no fields.
pub(super) fn extract(frame: &[u8]) -> (Headers, Layout) {
    let mut headers = Headers::default();
    let mut layout = Layout { end: frame.len(), ..Layout::default() };
    let Some((&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5], _)) = frame.split_first_chunk() else {
        return (headers, layout);
    };
    let Some(mut ethertype) = u16_at(frame, 12) else { return (headers, layout) };
    headers.set(Field::ETH_DST, MacAddr([d0, d1, d2, d3, d4, d5]));
    headers.set(Field::ETH_SRC, MacAddr([s0, s1, s2, s3, s4, s5]));
    let mut at = 12;
    while TPIDS.contains(&ethertype) && headers.tags.len() < TAGS_MAX {
        let (Some(tci), Some(under)) = (u16_at(frame, at + 2), u16_at(frame, at + 4)) else { break };
        headers.tags.push(Vlan { tpid: ethertype, tci });
        (ethertype, at) = (under, at + 4);
    }
    layout.ethertype = at;
    at += 2;
    if ethertype < ETHERTYPE_MIN {
        let snap = frame.get(at..at + 8).filter(|llc| llc.starts_with(&SNAP)).and_then(|llc| u16_at(llc, 6));
        ethertype = snap.filter(|inner| *inner >= ETHERTYPE_MIN).unwrap_or(NO_ETHERTYPE);
        at += 8;
    }
    headers.set(Field::ETH_TYPE, ethertype);
    let rest = frame.get(at..).unwrap_or_default();
    let mut read = Read { headers: &mut headers, layout: &mut layout, start: at };
    match ethertype {
        ETHERTYPE_IPV6 => drop(read.ipv6(rest)),
        ETHERTYPE_IPV4 => drop(read.ipv4(rest)),
        ETHERTYPE_ARP | ETHERTYPE_RARP => drop(read.arp(rest)),
        _ => {}
    }
    (headers, layout)
}

/// A reader of what follows the ethertype; each function ends early, by `None`, where the switch stops reading.
struct Read<'r> {
    headers: &'r mut Headers,
    layout: &'r mut Layout,
    /// Where in the frame the network header is.
    start: usize,
}

impl Read<'_> {
    fn ipv6(&mut self, bytes: &[u8]) -> Option<()> {
        let length = 40 + usize::from(u16_at(bytes, 4)?);
        let header = bytes.get(..40)?;
        let packet = bytes.get(..length)?;
        self.layout.net = Some(self.start);
        self.layout.end = self.start + length;
        self.headers.set(Field::IPV6_SRC, number(&header[8..24]));
        self.headers.set(Field::IPV6_DST, number(&header[24..40]));
        let (next, fragment, at) = self.extensions(packet)?;
        let first = number(&header[..4]);
        self.headers.set(Field::IP_DSCP, first >> 22 & 0x3f);
        self.headers.set(Field::IP_ECN, first >> 20 & 3);
        self.headers.set(Field::IPV6_LABEL, first & 0xf_ffff);
        self.headers.set(Field::NW_TTL, header[7]);
        self.carried(packet, next, fragment, at)
    }

    /// What follows the extension headers, the bits of `ip_frag`, and where.
    fn extensions(&mut self, packet: &[u8]) -> Option<(u8, u8, usize)> {
        let (mut next, mut fragment, mut at) = (*packet.get(6)?, 0, 40);
        loop {
            let whole = packet.get(at..at + 8);
            match next {
                protocol::HOP_BY_HOP | protocol::DESTINATION | protocol::ROUTING => {
                    let extension = whole?;
                    self.layout.leaves_checksum |= next == protocol::ROUTING && extension[3] > 0;
                    next = extension[0];
                    at += 8 * (usize::from(extension[1]) + 1);
                }
                protocol::AH => {
                    let extension = whole?;
                    next = extension[0];
                    at += 4 * (usize::from(extension[1]) + 2);
                }
                protocol::FRAGMENT => {
                    let extension = whole?;
                    let offset = u16_at(extension, 2)?;
                    next = extension[0];
                    at += 8;
                    if offset == 0 {
                        self.layout.leaves_checksum = true;
                    } else {
                        fragment = FRAGMENT;
                    }
                    self.layout.fragment |= offset & 0xfff9 != 0;
                    if offset & 0xfff8 != 0 {
                        return Some((protocol::FRAGMENT, FRAGMENT | FRAGMENT_LATER, at));
                    }
                }
                _ => return Some((next, fragment, at)),
            }
            packet.get(at..)?;
        }
    }

    fn ipv4(&mut self, bytes: &[u8]) -> Option<()> {
        let header = bytes.get(..20)?;
        let at = 4 * usize::from(header[0] & 0xf);
        let length = usize::from(u16_at(header, 2)?);
        let packet = bytes.get(..length)?;
        if at < 20 || length < at {
            return None;
        }
        self.layout.net = Some(self.start);
        self.layout.end = self.start + length;
        self.headers.set(Field::IPV4_SRC, number(&header[12..16]));
        self.headers.set(Field::IPV4_DST, number(&header[16..20]));
        self.headers.set(Field::IP_DSCP, header[1] >> 2);
        self.headers.set(Field::IP_ECN, header[1] & 3);
        self.headers.set(Field::NW_TTL, header[8]);
        let offset = u16_at(header, 6)?;
        let fragment = match (offset & 0x1fff, offset & 0x2000) {
            (0, 0) => 0,
            (0, _) => FRAGMENT,
            _ => FRAGMENT | FRAGMENT_LATER,
        };
        self.layout.fragment = fragment != 0;
        self.carried(packet, header[9], fragment, at)
    }

    fn arp(&mut self, bytes: &[u8]) -> Option<()> {
        let arp = bytes.get(..28)?;
        if arp[..6] != [0, 1, 8, 0, 6, 4] {
            return None;
        }
        self.layout.net = Some(self.start);
        // Open vSwitch keeps eight bits of the operation.
        self.headers.set(Field::ARP_OP, u16_at(arp, 6).filter(|op| *op <= 0xff).unwrap_or(0));
        for (field, at, length) in
            [(Field::ARP_SHA, 8, 6), (Field::ARP_SPA, 14, 4), (Field::ARP_THA, 18, 6), (Field::ARP_TPA, 24, 4)]
        {
            self.headers.set(field, number(&arp[at..at + length]));
        }
        Some(())
    }

    fn carried(&mut self, packet: &[u8], next: u8, fragment: u8, at: usize) -> Option<()> {
        self.headers.set(Field::IP_PROTO, next);
        self.headers.set(Field::IP_FRAG, fragment);
        self.layout.transport = Some(self.start + at);
        if fragment & FRAGMENT_LATER != 0 {
            return None;
        }
        let (_, ports, header) = PORTS.iter().find(|(protocol, ..)| *protocol == next)?;
        let carried = packet.get(at..).filter(|carried| carried.len() >= *header)?;
        let [source, destination] = *ports;
        if matches!(next, protocol::ICMPV4 | protocol::ICMPV6) {
            self.headers.set(source, carried[0]);
            self.headers.set(destination, carried[1]);
        } else {
            self.headers.set(source, u16_at(carried, 0)?);
            self.headers.set(destination, u16_at(carried, 2)?);
        }
        match next {
            protocol::TCP => self.headers.set(Field::TCP_FLAGS, u16_at(carried, 12)? & 0xfff),
            protocol::ICMPV6 if matches!(carried[..2], [NEIGHBOR_SOLICIT | NEIGHBOR_ADVERT, 0]) => {
                self.discovery(carried)?;
            }
            _ => {}
        }
        Some(())
    }

    /// A neighbour solicitation or advertisement (RFC 4861, 4.3 and 4.4). An option that is there twice unsays the target.
    fn discovery(&mut self, message: &[u8]) -> Option<()> {
        self.headers.set(Field::ND_RESERVED, number(&message[4..8]));
        let target = number(message.get(8..24)?);
        let (mut first, mut macs) = (0, [0u128; 2]);
        let mut options = &message[24..];
        while let [kind, length, ..] = *options {
            let length = 8 * usize::from(length);
            let Some(option) = options.get(..length).filter(|option| !option.is_empty()) else { break };
            if let (1 | 2, 8) = (kind, length) {
                let mac = &mut macs[usize::from(kind) - 1];
                if *mac != 0 {
                    self.headers.set(Field::ND_OPTIONS_TYPE, first);
                    return None;
                }
                *mac = number(&option[2..8]);
                first = if first == 0 { kind } else { first };
            }
            options = &options[length..];
        }
        self.headers.set(Field::ND_TARGET, target);
        self.headers.set(Field::ND_OPTIONS_TYPE, first);
        self.headers.set(Field::ND_SLL, macs[0]);
        self.headers.set(Field::ND_TLL, macs[1]);
        Some(())
    }
}

const SCTP: u8 = 132;
/// Protocol, its two fields, and the bytes that must be there before the switch reads them.
const PORTS: [(u8, [Field; 2], usize); 5] = [
    (protocol::TCP, [Field::TCP_SRC, Field::TCP_DST], 20),
    (protocol::UDP, [Field::UDP_SRC, Field::UDP_DST], 8),
    (SCTP, [Field::SCTP_SRC, Field::SCTP_DST], 12),
    (protocol::ICMPV4, [Field::ICMPV4_TYPE, Field::ICMPV4_CODE], 8),
    (protocol::ICMPV6, [Field::ICMPV6_TYPE, Field::ICMPV6_CODE], 8),
];

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
