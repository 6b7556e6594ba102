//! IPv6 packets and their extension headers (RFC 8200).

use std::net::Ipv6Addr;

use bytes::{BufMut, Bytes, BytesMut};
use etherparse::Ipv6HeaderSlice;
use etherparse::err::ipv6::{HeaderError, HeaderSliceError};

use crate::wire::Reader;
use crate::{Bad, Icmpv6, icmpv6_check, protocol};

/// Extension headers read in one packet; more are refused.
pub const EXTENSIONS_MAX: usize = 16;

/// An IPv6 packet: its header's fields, the extension headers, and the bytes after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Packet {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// DSCP (6 bits) and ECN (2).
    pub traffic_class: u8,
    /// 20 bits (RFC 6437).
    pub flow_label: u32,
    /// In hops.
    pub hop_limit: u8,
    /// In the order of the packet.
    pub extensions: Vec<Extension>,
    /// What the payload is: see [`protocol`]. In a fragment other than the first, what the whole packet's
    /// first fragment begins with, not what these bytes begin with.
    pub next: u8,
    /// All after the last extension header.
    pub payload: Bytes,
}

/// An extension header, kept raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The header's own number: hop-by-hop 0, routing 43, fragment 44, AH 51, destination 60, ...
    pub kind: u8,
    /// The header without its first byte (which names the header that follows it), so its own length byte
    /// comes first.
    pub body: Bytes,
}

/// What a fragment header says (RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// In units of 8 bytes (13 bits).
    pub offset: u16,
    /// Whether more follow.
    pub more: bool,
    /// What the fragments of a packet share.
    pub id: u32,
}

impl Ipv6Packet {
    /// A packet without extension headers, traffic class and flow label.
    pub fn new(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, next: u8, payload: Bytes) -> Ipv6Packet {
        Ipv6Packet { src, dst, traffic_class: 0, flow_label: 0, hop_limit, extensions: Vec::new(), next, payload }
    }

    /// Reads the bytes after the Ethernet header. The chain of extension headers has to be whole, except
    /// that nothing is read past the fragment header of a fragment other than the first.
    pub fn parse(bytes: &[u8]) -> Result<Ipv6Packet, Bad> {
        let header = Ipv6HeaderSlice::from_slice(bytes).map_err(refused)?;
        let length = usize::from(header.payload_length());
        let mut next = header.next_header().0;
        if length == 0 && next == protocol::HOP_BY_HOP {
            return Err(Bad::Jumbogram);
        }
        let end = 40 + length;
        let body = bytes.get(40..end).ok_or(Bad::Short { need: end, have: bytes.len() })?;
        let mut r = Reader::new(body);
        let mut extensions = Vec::new();
        while let Some(extension) = Extension::parse(next, &mut r)? {
            if extensions.len() == EXTENSIONS_MAX {
                return Err(Bad::TooMany { what: "extension headers", max: EXTENSIONS_MAX });
            }
            next = extension.0;
            let later = extension.1.fragment().is_some_and(|f| f.offset != 0);
            extensions.push(extension.1);
            if later {
                break;
            }
        }
        Ok(Ipv6Packet {
            src: header.source_addr(),
            dst: header.destination_addr(),
            traffic_class: header.traffic_class(),
            flow_label: header.flow_label().value(),
            hop_limit: header.hop_limit(),
            extensions,
            next,
            payload: r.rest_bytes(),
        })
    }

    /// The bytes after the Ethernet header. What would pass 65535 bytes of payload is cut.
    pub fn emit(&self) -> Bytes {
        let first = self.extensions.first().map_or(self.next, |e| e.kind);
        let mut out = BytesMut::with_capacity(40 + self.payload.len());
        out.put_u32(6 << 28 | u32::from(self.traffic_class) << 20 | (self.flow_label & 0xf_ffff));
        out.put_u16(0);
        out.put_u8(first);
        out.put_u8(self.hop_limit);
        out.put_slice(&self.src.octets());
        out.put_slice(&self.dst.octets());
        for (i, extension) in self.extensions.iter().enumerate() {
            out.put_u8(self.extensions.get(i + 1).map_or(self.next, |e| e.kind));
            out.put_slice(&extension.body);
        }
        out.put_slice(&self.payload);
        out.truncate(40 + 0xffff);
        let length = (out.len() - 40) as u16;
        out[4..6].copy_from_slice(&length.to_be_bytes());
        out.freeze()
    }

    /// What the packet's fragment header says, if it has one.
    pub fn fragment(&self) -> Option<Fragment> {
        self.extensions.iter().find_map(Extension::fragment)
    }

    /// Whether the hop-by-hop options have a router alert (RFC 2711).
    pub fn has_router_alert(&self) -> bool {
        let alert = |(kind, _): (u8, &[u8])| kind == 5;
        self.extensions.iter().any(|e| e.kind == protocol::HOP_BY_HOP && e.options().any(alert))
    }

    /// The ICMPv6 message in the packet, `None` if it carries something else or is a fragment.
    ///
    /// Beyond [`Icmpv6::parse`], neighbour discovery has to come with hop limit 255 (RFC 4861, 6.1 and
    /// 7.1) and without fragment header (RFC 6980, 5), MLD with hop limit 1 and router alert (RFC 3810, 5).
    pub fn icmpv6(&self) -> Result<Option<Icmpv6>, Bad> {
        if self.next != protocol::ICMPV6 {
            return Ok(None);
        }
        let kind = self.payload.first().copied();
        match self.fragment() {
            Some(Fragment { offset: 0, .. }) if kind.is_some_and(icmpv6_check::is_nd) => {
                return Err(Bad::FragmentedNd);
            }
            Some(Fragment { offset: 0, more: false, .. }) | None => {}
            Some(_) => return Ok(None),
        }
        icmpv6_check::link_scope(self, kind)?;
        Icmpv6::parse(self.src, self.dst, &self.payload).map(Some)
    }
}

impl Extension {
    /// Hop-by-hop options (RFC 8200, 4.3); `options` is padded to the header's unit of 8 bytes.
    pub fn hop_by_hop(options: &[u8]) -> Extension {
        Extension::with_options(protocol::HOP_BY_HOP, options)
    }

    /// Destination options (RFC 8200, 4.6), as [`Extension::hop_by_hop`].
    pub fn destination(options: &[u8]) -> Extension {
        Extension::with_options(protocol::DESTINATION, options)
    }

    /// The hop-by-hop header that MLD is sent with: router alert, value 0 (RFC 2711, 2.1).
    pub fn router_alert() -> Extension {
        Extension::hop_by_hop(&[5, 2, 0, 0])
    }

    /// A fragment header (RFC 8200, 4.5).
    pub fn of_fragment(fragment: Fragment) -> Extension {
        let mut body = BytesMut::with_capacity(7);
        body.put_u8(0);
        body.put_u16(fragment.offset << 3 | u16::from(fragment.more));
        body.put_u32(fragment.id);
        Extension { kind: protocol::FRAGMENT, body: body.freeze() }
    }

    /// What it says, if it is a fragment header.
    pub fn fragment(&self) -> Option<Fragment> {
        if self.kind != protocol::FRAGMENT {
            return None;
        }
        let mut r = Reader::new(&self.body);
        r.u8().ok()?;
        let word = r.u16().ok()?;
        Some(Fragment { offset: word >> 3, more: word & 1 == 1, id: r.u32().ok()? })
    }

    /// The options of a hop-by-hop or destination header as (type, data), without padding; ends at the
    /// first that runs past the header.
    pub fn options(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let has_options = matches!(self.kind, protocol::HOP_BY_HOP | protocol::DESTINATION);
        let mut r = Reader::new(if has_options { &self.body } else { &[] });
        let _length = r.u8();
        std::iter::from_fn(move || {
            loop {
                let kind = r.u8().ok()?;
                if kind == 0 {
                    continue; // Pad1 has no length byte.
                }
                let length = usize::from(r.u8().ok()?);
                let data = r.take(length).ok()?;
                if kind != 1 {
                    return Some((kind, data));
                }
            }
        })
    }

    fn with_options(kind: u8, options: &[u8]) -> Extension {
        // The length byte counts units of 8 bytes after the first: at most 2048 bytes in all.
        let options = &options[..options.len().min(2046)];
        let total = (2 + options.len()).next_multiple_of(8);
        let mut body = BytesMut::with_capacity(total - 1);
        body.put_u8((total / 8 - 1) as u8);
        body.put_slice(options);
        match total - 2 - options.len() {
            0 => {}
            1 => body.put_u8(0), // Pad1
            n => {
                body.put_slice(&[1, (n - 2) as u8]); // PadN
                body.put_bytes(0, n - 2);
            }
        }
        Extension { kind, body: body.freeze() }
    }

    /// The header of this number with the number of the one that follows; `None` if it is no extension.
    fn parse(kind: u8, r: &mut Reader<'_>) -> Result<Option<(u8, Extension)>, Bad> {
        let known = matches!(
            kind,
            protocol::HOP_BY_HOP
                | protocol::ROUTING
                | protocol::FRAGMENT
                | protocol::AH
                | protocol::DESTINATION
                | protocol::MOBILITY
                | protocol::HIP
                | protocol::SHIM6
        );
        if !known {
            return Ok(None);
        }
        let mut ahead = *r;
        let [next, length] = ahead.array()?;
        let total = match kind {
            protocol::FRAGMENT => 8,
            protocol::AH => 4 * (usize::from(length) + 2),
            _ => 8 * (usize::from(length) + 1),
        };
        let whole = r.take(total)?;
        Ok(Some((next, Extension { kind, body: Bytes::copy_from_slice(&whole[1..]) })))
    }
}

fn refused(error: HeaderSliceError) -> Bad {
    match error {
        HeaderSliceError::Len(e) => Bad::Short { need: e.required_len, have: e.len },
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => Bad::Version(version_number),
    }
}
