//! Ethernet frames: the outermost header, VLAN tags, and what they carry.

use bytes::{BufMut, Bytes, BytesMut};

use addr::MacAddr;

use crate::wire::Reader;
use crate::{Arp, Bad, Icmpv6, Ipv4Packet, Ipv6Packet};

/// Ethertype of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// Ethertype of ARP (RFC 826).
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// Ethertype of IPv6 (RFC 2464, 3).
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// VLAN tags that are read as tags; a frame with more keeps the rest as its payload.
pub const VLANS_MAX: usize = 4;

const TPIDS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// A frame: its Ethernet header and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Addresses, tags and ethertype.
    pub ethernet: Ethernet,
    /// What the ethertype announces.
    pub net: Net,
}

/// An Ethernet header with its VLAN tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// To whom.
    pub dst: MacAddr,
    /// From whom.
    pub src: MacAddr,
    /// Outermost first.
    pub vlans: Vec<Vlan>,
    /// After all tags; below 0x600 it is an IEEE 802.3 length, and the payload is kept as it is.
    pub ethertype: u16,
}

/// One VLAN tag (IEEE 802.1Q, 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// 0x8100, 0x88a8 or 0x9100.
    pub tpid: u16,
    /// Priority (3 bits), drop eligibility (1), VLAN id (12).
    pub tci: u16,
}

impl Vlan {
    /// The VLAN id, 0 to 4095.
    pub fn vid(self) -> u16 {
        self.tci & 0x0fff
    }
}

/// The payload of a frame. Bytes after the end that an IP header gives (Ethernet's padding) are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Net {
    /// ARP for Ethernet and IPv4.
    Arp(Arp),
    /// An IPv6 packet.
    Ipv6(Ipv6Packet),
    /// An IPv4 packet.
    Ipv4(Ipv4Packet),
    /// Anything else, as it came.
    Other(Bytes),
}

impl Frame {
    /// Reads a frame; what its ethertype announces has to be whole.
    pub fn parse(bytes: &[u8]) -> Result<Frame, Bad> {
        let (ethernet, payload) = Ethernet::parse(bytes)?;
        let net = match ethernet.ethertype {
            ETHERTYPE_IPV6 => Net::Ipv6(Ipv6Packet::parse(payload)?),
            ETHERTYPE_IPV4 => Net::Ipv4(Ipv4Packet::parse(payload)?),
            ETHERTYPE_ARP if Arp::is_ethernet_ipv4(payload) => Net::Arp(Arp::parse(payload)?),
            _ => Net::Other(Bytes::copy_from_slice(payload)),
        };
        Ok(Frame { ethernet, net })
    }

    /// The IPv6 packet in the frame, if that is what it carries.
    pub fn ipv6(&self) -> Option<&Ipv6Packet> {
        if let Net::Ipv6(ip) = &self.net { Some(ip) } else { None }
    }

    /// The ICMPv6 message in the frame, checked as by [`Ipv6Packet::icmpv6`].
    pub fn icmpv6(&self) -> Result<Option<Icmpv6>, Bad> {
        self.ipv6().map_or(Ok(None), Ipv6Packet::icmpv6)
    }

    /// The frame's bytes, without padding. The ethertype is written as it stands in [`Frame::ethernet`].
    pub fn emit(&self) -> Bytes {
        match &self.net {
            Net::Arp(arp) => self.ethernet.emit(&arp.emit()),
            Net::Ipv6(ip) => self.ethernet.emit(&ip.emit()),
            Net::Ipv4(ip) => self.ethernet.emit(&ip.emit()),
            Net::Other(payload) => self.ethernet.emit(payload),
        }
    }
}

impl Ethernet {
    /// An untagged header.
    pub fn untagged(src: MacAddr, dst: MacAddr, ethertype: u16) -> Ethernet {
        Ethernet { dst, src, vlans: Vec::new(), ethertype }
    }

    /// Reads the header and its tags; returns what follows.
    pub fn parse(bytes: &[u8]) -> Result<(Ethernet, &[u8]), Bad> {
        let mut r = Reader::new(bytes);
        let (dst, src) = (r.mac()?, r.mac()?);
        let mut vlans = Vec::new();
        let mut ethertype = r.u16()?;
        while TPIDS.contains(&ethertype) && vlans.len() < VLANS_MAX {
            vlans.push(Vlan { tpid: ethertype, tci: r.u16()? });
            ethertype = r.u16()?;
        }
        Ok((Ethernet { dst, src, vlans, ethertype }, r.rest()))
    }

    /// The header, then the payload.
    pub fn emit(&self, payload: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(14 + 4 * self.vlans.len() + payload.len());
        out.put_slice(&self.dst.0);
        out.put_slice(&self.src.0);
        for Vlan { tpid, tci } in &self.vlans {
            out.put_u16(*tpid);
            out.put_u16(*tci);
        }
        out.put_u16(self.ethertype);
        out.put_slice(payload);
        out.freeze()
    }
}
