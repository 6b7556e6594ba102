//! Neighbour discovery options: their values, and how they are written.

use std::net::Ipv6Addr;

use addr::{Ipv6Net, MacAddr};
use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::pad;
use crate::{Bad, Preference, names};

/// The length byte counts units of 8 bytes.
const UNIT: usize = 8;
const WHOLE_BYTES_MAX: usize = 255 * UNIT;

pub(super) mod kind {
    pub(in crate::nd) const SOURCE_LINK_LAYER: u8 = 1;
    pub(in crate::nd) const TARGET_LINK_LAYER: u8 = 2;
    pub(in crate::nd) const PREFIX_INFORMATION: u8 = 3;
    pub(in crate::nd) const REDIRECTED_HEADER: u8 = 4;
    pub(in crate::nd) const MTU: u8 = 5;
    pub(in crate::nd) const NONCE: u8 = 14;
    pub(in crate::nd) const ROUTE_INFORMATION: u8 = 24;
    pub(in crate::nd) const RDNSS: u8 = 25;
    pub(in crate::nd) const DNSSL: u8 = 31;
    pub(in crate::nd) const CAPTIVE_PORTAL: u8 = 37;
    pub(in crate::nd) const PREF64: u8 = 38;
}

/// An option of a neighbour discovery message (RFC 4861, 4.6).
///
/// An option of a known type whose content breaks its own rules is read as [`NdOption::Unknown`], so that
/// nothing is lost and nothing wrong is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdOption {
    /// The sender's MAC (RFC 4861, 4.6.1).
    SourceLinkLayer(MacAddr),
    /// The target's MAC (RFC 4861, 4.6.1).
    TargetLinkLayer(MacAddr),
    /// A prefix of the link (RFC 4861, 4.6.2).
    PrefixInformation {
        /// With `router_address` the router's own address is kept in it, else the host part is zero.
        prefix: Ipv6Net,
        /// L: hosts of the prefix are on the link.
        on_link: bool,
        /// A: for stateless address configuration.
        autonomous: bool,
        /// R: the prefix holds a whole router address (RFC 6275, 7.2).
        router_address: bool,
        /// P: ask for a prefix by DHCPv6 rather than for addresses (RFC 9762).
        pd_preferred: bool,
        /// In seconds; all ones is for ever.
        valid_s: u32,
        /// In seconds; all ones is for ever.
        preferred_s: u32,
    },
    /// The start of the packet that is redirected, IP header first (RFC 4861, 4.6.3).
    RedirectedHeader(Bytes),
    /// The link's MTU in bytes (RFC 4861, 4.6.4).
    Mtu(u32),
    /// Against mistaking one's own looped-back solicitation for another's (RFC 7527; RFC 3971, 5.3.2).
    Nonce(Bytes),
    /// A more specific route (RFC 4191, 2.3).
    RouteInformation {
        /// Host part zero.
        prefix: Ipv6Net,
        /// Against other routers' routes for the same prefix.
        preference: Preference,
        /// In seconds; all ones is for ever.
        lifetime_s: u32,
    },
    /// Recursive DNS servers (RFC 8106, 5.1).
    Rdnss {
        /// In seconds; all ones is for ever, 0: no longer to be used.
        lifetime_s: u32,
        /// 1 to 127.
        servers: Vec<Ipv6Addr>,
    },
    /// DNS search list (RFC 8106, 5.2).
    Dnssl {
        /// In seconds; all ones is for ever, 0: no longer to be used.
        lifetime_s: u32,
        /// At least one, without final dot.
        domains: Vec<String>,
    },
    /// The URI of the captive portal's API (RFC 8910, 2.3).
    CaptivePortal(String),
    /// The NAT64 prefix (RFC 8781).
    Pref64 {
        /// In seconds, rounded up to a multiple of 8 and capped at 65528 when emitted (RFC 8781, 4.1).
        lifetime_s: u16,
        /// Of length 96, 64, 56, 48, 40 or 32.
        prefix: Ipv6Net,
    },
    /// Any other option.
    Unknown {
        /// Its type.
        kind: u8,
        /// What follows its length byte; padded to the option's unit of 8 bytes when emitted.
        body: Bytes,
    },
}

impl NdOption {
    /// The option's type number.
    pub fn kind(&self) -> u8 {
        match self {
            NdOption::SourceLinkLayer(_) => kind::SOURCE_LINK_LAYER,
            NdOption::TargetLinkLayer(_) => kind::TARGET_LINK_LAYER,
            NdOption::PrefixInformation { .. } => kind::PREFIX_INFORMATION,
            NdOption::RedirectedHeader(_) => kind::REDIRECTED_HEADER,
            NdOption::Mtu(_) => kind::MTU,
            NdOption::Nonce(_) => kind::NONCE,
            NdOption::RouteInformation { .. } => kind::ROUTE_INFORMATION,
            NdOption::Rdnss { .. } => kind::RDNSS,
            NdOption::Dnssl { .. } => kind::DNSSL,
            NdOption::CaptivePortal(_) => kind::CAPTIVE_PORTAL,
            NdOption::Pref64 { .. } => kind::PREF64,
            NdOption::Unknown { kind, .. } => *kind,
        }
    }

    /// Whether the option can be emitted; what this refuses is left out of emitted messages.
    pub fn check(&self) -> Result<(), Bad> {
        self.body()
            .and_then(|body| {
                let fits = 2 + body.len() <= WHOLE_BYTES_MAX;
                if fits { Ok(()) } else { Err("longer than 2040 bytes") }
            })
            .map_err(|why| Bad::Unfit { kind: self.kind().into(), why })
    }

    pub(crate) fn emit(&self, out: &mut BytesMut) {
        let Ok(body) = self.body() else { return };
        let length = (2 + body.len()).next_multiple_of(UNIT);
        if length > WHOLE_BYTES_MAX {
            return;
        }
        let start = out.len();
        out.put_u8(self.kind());
        out.put_u8((length / UNIT) as u8);
        out.put_slice(&body);
        pad(out, start, UNIT);
    }

    /// What follows the length byte, before padding.
    fn body(&self) -> Result<BytesMut, &'static str> {
        let mut out = BytesMut::new();
        match self {
            NdOption::SourceLinkLayer(mac) | NdOption::TargetLinkLayer(mac) => out.put_slice(&mac.0),
            NdOption::PrefixInformation { .. } => self.prefix_information(&mut out),
            NdOption::RedirectedHeader(packet) => {
                out.put_bytes(0, 6);
                out.put_slice(packet);
            }
            NdOption::Mtu(mtu) => {
                out.put_u16(0);
                out.put_u32(*mtu);
            }
            NdOption::Nonce(bytes) | NdOption::Unknown { body: bytes, .. } => out.put_slice(bytes),
            NdOption::RouteInformation { prefix, preference, lifetime_s } => {
                out.put_u8(prefix.prefix_len());
                out.put_u8(preference.bits() << 3);
                out.put_u32(*lifetime_s);
                // RFC 4191, 2.3: 0, 8 or 16 bytes, as few as hold the prefix.
                let bytes = usize::from(prefix.prefix_len().div_ceil(64)) * 8;
                out.put_slice(&prefix.network().octets()[..bytes]);
            }
            NdOption::Rdnss { lifetime_s, servers } => {
                if servers.is_empty() {
                    return Err("no server");
                }
                out.put_u16(0);
                out.put_u32(*lifetime_s);
                servers.iter().for_each(|server| out.put_slice(&server.octets()));
            }
            NdOption::Dnssl { lifetime_s, domains } => {
                if domains.is_empty() {
                    return Err("no domain");
                }
                out.put_u16(0);
                out.put_u32(*lifetime_s);
                for domain in domains {
                    names::write(domain, &mut out).ok_or("not a domain name")?;
                }
            }
            NdOption::CaptivePortal(uri) => {
                if uri.is_empty() || uri.contains('\0') {
                    return Err("empty, or with a zero byte");
                }
                out.put_slice(uri.as_bytes());
            }
            NdOption::Pref64 { lifetime_s, prefix } => pref64(&mut out, *lifetime_s, *prefix)?,
        }
        Ok(out)
    }

    /// ```text
    /// | type 3 | length 4 | prefix length | L|A|R|P|0 0 0 0 |
    /// | valid lifetime (s) | preferred lifetime (s) | reserved | prefix (16 bytes) |
    /// ```
    fn prefix_information(&self, out: &mut BytesMut) {
        let NdOption::PrefixInformation {
            prefix,
            on_link,
            autonomous,
            router_address,
            pd_preferred,
            valid_s,
            preferred_s,
        } = self
        else {
            return;
        };
        let flag = |set: &bool, bit: u8| if *set { bit } else { 0 };
        out.put_u8(prefix.prefix_len());
        out.put_u8(
            flag(on_link, 0x80) | flag(autonomous, 0x40) | flag(router_address, 0x20) | flag(pd_preferred, 0x10),
        );
        out.put_u32(*valid_s);
        out.put_u32(*preferred_s);
        out.put_u32(0);
        let address = if *router_address { prefix.addr() } else { prefix.network() };
        out.put_slice(&address.octets());
    }
}

/// Lifetime in units of 8 seconds (13 bits), length code (3 bits), then the prefix's first 12 bytes.
fn pref64(out: &mut BytesMut, lifetime_s: u16, prefix: Ipv6Net) -> Result<(), &'static str> {
    let code = PREF64_LENGTHS.iter().position(|length| *length == prefix.prefix_len());
    let code = code.ok_or("prefix length is none of 96, 64, 56, 48, 40, 32")? as u16;
    out.put_u16(lifetime_s.div_ceil(8).min(0x1fff) << 3 | code);
    out.put_slice(&prefix.network().octets()[..12]);
    Ok(())
}

/// Prefix lengths in the order of their codes (RFC 8781, 4).
pub(super) const PREF64_LENGTHS: [u8; 6] = [96, 64, 56, 48, 40, 32];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_emitted_is_left_out() {
        let unfit = [
            NdOption::Rdnss { lifetime_s: 1, servers: vec![] },
            NdOption::Rdnss { lifetime_s: 1, servers: vec![Ipv6Addr::LOCALHOST; 128] },
            NdOption::Dnssl { lifetime_s: 1, domains: vec![] },
            NdOption::Dnssl { lifetime_s: 1, domains: vec!["a..b".into()] },
            NdOption::CaptivePortal(String::new()),
            NdOption::CaptivePortal("x".repeat(2039)),
            NdOption::Pref64 { lifetime_s: 8, prefix: "64:ff9b::/95".parse().unwrap() },
            NdOption::Unknown { kind: 253, body: Bytes::from(vec![0; 2039]) },
        ];
        for option in unfit {
            let mut out = BytesMut::new();
            option.emit(&mut out);
            assert!(out.is_empty(), "{option:?}");
            assert!(matches!(option.check(), Err(Bad::Unfit { kind, .. }) if kind == option.kind().into()));
        }
        let longest = NdOption::Rdnss { lifetime_s: 1, servers: vec![Ipv6Addr::LOCALHOST; 127] };
        assert_eq!(longest.check(), Ok(()));
    }

    #[test]
    fn pref64_lifetimes_are_rounded_up_and_capped() {
        let units = |lifetime_s| {
            let mut out = BytesMut::new();
            NdOption::Pref64 { lifetime_s, prefix: "64:ff9b::/96".parse().unwrap() }.emit(&mut out);
            u16::from_be_bytes([out[2], out[3]]) >> 3
        };
        assert_eq!([0, 1, 8, 9, 65528, 65535].map(units), [0, 1, 1, 2, 8191, 8191]);
    }
}
