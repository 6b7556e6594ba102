//! Router advertisements: the header's fields and flags (RFC 4861, 4.2; RFC 4191, 2.2; RFC 4389; RFC 6275).

use bytes::{BufMut, BytesMut};

use crate::wire::Reader;
use crate::{Bad, NdOption};

/// ```text
/// | type 134 | code 0 | checksum        |
/// | cur hops | M|O|H|Prf|P|R R | lifetime|
/// | reachable time (ms)                 |
/// | retransmission timer (ms)           |
/// | options ...
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterAdvert {
    /// Hop limit for hosts to send with; 0 says nothing.
    pub cur_hop_limit: u8,
    /// M: addresses by DHCPv6.
    pub managed: bool,
    /// O: other settings by DHCPv6.
    pub other: bool,
    /// H: the router is a mobile IPv6 home agent (RFC 6275, 7.1).
    pub home_agent: bool,
    /// How this default router ranks (RFC 4191, 2.2).
    pub preference: Preference,
    /// P: neighbour discovery proxy (RFC 4389, 4.1.3.3).
    pub proxy: bool,
    /// The two low bits of the flags byte, which no flag above names.
    pub reserved_flags: u8,
    /// How long this is a default router, in seconds; 0: it is none.
    pub router_lifetime_s: u16,
    /// How long a neighbour counts as reachable, in milliseconds; 0 says nothing.
    pub reachable_ms: u32,
    /// Between solicitations, in milliseconds; 0 says nothing.
    pub retrans_ms: u32,
    /// In the order of the packet.
    pub options: Vec<NdOption>,
}

/// A router's or route's rank (RFC 4191, 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preference {
    /// 11
    Low,
    /// 00
    #[default]
    Medium,
    /// 01
    High,
}

impl Preference {
    /// From its two bits; `None` for the reserved value 10.
    pub fn from_bits(bits: u8) -> Option<Preference> {
        match bits & 3 {
            0b00 => Some(Preference::Medium),
            0b01 => Some(Preference::High),
            0b11 => Some(Preference::Low),
            _ => None,
        }
    }

    /// Its two bits.
    pub fn bits(self) -> u8 {
        match self {
            Preference::Medium => 0b00,
            Preference::High => 0b01,
            Preference::Low => 0b11,
        }
    }
}

impl RouterAdvert {
    /// Reads what follows the ICMPv6 checksum.
    pub(crate) fn parse(r: &mut Reader<'_>) -> Result<RouterAdvert, Bad> {
        let [cur_hop_limit, flags] = r.array()?;
        Ok(RouterAdvert {
            cur_hop_limit,
            managed: flags & 0x80 != 0,
            other: flags & 0x40 != 0,
            home_agent: flags & 0x20 != 0,
            // RFC 4191, 2.2: the reserved value counts as medium.
            preference: Preference::from_bits(flags >> 3).unwrap_or_default(),
            proxy: flags & 0x04 != 0,
            reserved_flags: flags & 0x03,
            router_lifetime_s: r.u16()?,
            reachable_ms: r.u32()?,
            retrans_ms: r.u32()?,
            options: super::options(r)?,
        })
    }

    pub(crate) fn emit(&self, out: &mut BytesMut) {
        let mut flags = self.preference.bits() << 3 | (self.reserved_flags & 0x03);
        for (set, bit) in [(self.managed, 0x80), (self.other, 0x40), (self.home_agent, 0x20), (self.proxy, 0x04)] {
            if set {
                flags |= bit;
            }
        }
        out.put_u8(self.cur_hop_limit);
        out.put_u8(flags);
        out.put_u16(self.router_lifetime_s);
        out.put_u32(self.reachable_ms);
        out.put_u32(self.retrans_ms);
        for option in &self.options {
            option.emit(out);
        }
    }
}
