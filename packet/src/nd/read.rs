//! Reading neighbour discovery options.

use bytes::Bytes;

use addr::Ipv6Net;

use super::option::{PREF64_LENGTHS, kind};
use crate::wire::Reader;
use crate::{Bad, NdOption, Preference, names};

/// Options read in one message; more are refused. No 1500-byte packet holds as many.
pub const OPTIONS_MAX: usize = 256;

/// All options to the end; one of length zero condemns the message (RFC 4861, 4.6).
pub(crate) fn options(r: &mut Reader<'_>) -> Result<Vec<NdOption>, Bad> {
    let mut options = Vec::new();
    while r.left() > 0 {
        if options.len() == OPTIONS_MAX {
            return Err(Bad::TooMany { what: "options", max: OPTIONS_MAX });
        }
        let [kind, units] = r.array()?;
        let body = match units {
            0 => return Err(Bad::EmptyOption { kind }),
            n => r.take(8 * usize::from(n) - 2)?,
        };
        let unknown = || NdOption::Unknown { kind, body: Bytes::copy_from_slice(body) };
        options.push(known(kind, body).unwrap_or_else(unknown));
    }
    Ok(options)
}

/// The option, if its type is known and its content obeys that type's rules.
fn known(kind: u8, body: &[u8]) -> Option<NdOption> {
    let mut r = Reader::new(body);
    match kind {
        kind::SOURCE_LINK_LAYER if body.len() == 6 => Some(NdOption::SourceLinkLayer(r.mac().ok()?)),
        kind::TARGET_LINK_LAYER if body.len() == 6 => Some(NdOption::TargetLinkLayer(r.mac().ok()?)),
        kind::PREFIX_INFORMATION if body.len() == 30 => prefix_information(&mut r),
        kind::REDIRECTED_HEADER => {
            r.take(6).ok()?;
            Some(NdOption::RedirectedHeader(r.rest_bytes()))
        }
        kind::MTU if body.len() == 6 => {
            r.u16().ok()?;
            Some(NdOption::Mtu(r.u32().ok()?))
        }
        kind::NONCE => Some(NdOption::Nonce(r.rest_bytes())),
        kind::ROUTE_INFORMATION => route_information(&mut r),
        kind::RDNSS => rdnss(&mut r),
        kind::DNSSL => {
            r.u16().ok()?;
            Some(NdOption::Dnssl { lifetime_s: r.u32().ok()?, domains: names::read(r.rest())? })
        }
        kind::CAPTIVE_PORTAL => {
            let text = std::str::from_utf8(body).ok()?.trim_end_matches('\0');
            let good = !text.is_empty() && !text.contains('\0');
            good.then(|| NdOption::CaptivePortal(text.to_owned()))
        }
        kind::PREF64 if body.len() == 14 => pref64(&mut r),
        _ => None,
    }
}

fn prefix_information(r: &mut Reader<'_>) -> Option<NdOption> {
    let [length, flags] = r.array().ok()?;
    let (valid_s, preferred_s) = (r.u32().ok()?, r.u32().ok()?);
    r.u32().ok()?;
    let prefix = Ipv6Net::new(r.v6().ok()?, length).ok()?;
    let router_address = flags & 0x20 != 0;
    Some(NdOption::PrefixInformation {
        // RFC 4861, 4.6.2: without R, bits after the prefix length are to be ignored.
        prefix: if router_address { prefix } else { prefix.trunc() },
        on_link: flags & 0x80 != 0,
        autonomous: flags & 0x40 != 0,
        router_address,
        pd_preferred: flags & 0x10 != 0,
        valid_s,
        preferred_s,
    })
}

fn route_information(r: &mut Reader<'_>) -> Option<NdOption> {
    let [length, flags] = r.array().ok()?;
    let lifetime_s = r.u32().ok()?;
    // RFC 4191, 2.3: an option with the reserved preference is ignored.
    let preference = Preference::from_bits(flags >> 3)?;
    let bytes = r.rest();
    if bytes.len() > 16 || bytes.len() * 8 < usize::from(length) {
        return None;
    }
    let mut octets = [0; 16];
    octets[..bytes.len()].copy_from_slice(bytes);
    let prefix = Ipv6Net::new(octets.into(), length).ok()?.trunc();
    Some(NdOption::RouteInformation { prefix, preference, lifetime_s })
}

fn rdnss(r: &mut Reader<'_>) -> Option<NdOption> {
    r.u16().ok()?;
    let lifetime_s = r.u32().ok()?;
    // RFC 8106, 5.3.1: at least one address, and whole ones only.
    if r.left() == 0 || !r.left().is_multiple_of(16) {
        return None;
    }
    let servers = std::iter::from_fn(|| r.v6().ok()).collect();
    Some(NdOption::Rdnss { lifetime_s, servers })
}

fn pref64(r: &mut Reader<'_>) -> Option<NdOption> {
    let word = r.u16().ok()?;
    // RFC 8781, 4: an option with a reserved length code is ignored.
    let length = *PREF64_LENGTHS.get(usize::from(word & 7))?;
    let mut octets = [0; 16];
    octets[..12].copy_from_slice(r.take(12).ok()?);
    let prefix = Ipv6Net::new(octets.into(), length).ok()?.trunc();
    Some(NdOption::Pref64 { lifetime_s: word & 0xfff8, prefix })
}
