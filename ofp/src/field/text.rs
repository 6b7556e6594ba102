//! Values as `ovs-ofctl` writes them.

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use addr::{MacAddr, OfPort};

use super::{Field, Format, ones};

/// A field's value, and its mask if it has one.
pub(crate) struct ValueText {
    pub(crate) field: Field,
    pub(crate) value: u128,
    pub(crate) mask: Option<u128>,
}

impl fmt::Display for ValueText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ValueText { field, value, mask } = *self;
        let all = ones(8 * field.bytes() as u16);
        let mask = mask.filter(|mask| *mask != all);
        match (field.format(), mask) {
            (Format::Mac, _) => write_masked(f, value, mask, |n| MacAddr::from_u64(n as u64)),
            (Format::Ipv4, _) => write_prefix(f, value, mask, 32, |n| Ipv4Addr::from(n as u32)),
            (Format::Ipv6, _) => write_prefix(f, value, mask, 128, Ipv6Text::from),
            (Format::Port, None) => write!(f, "{}", OfPort(value as u32)),
            (Format::Frag, _) => f.write_str(frag(value, mask.unwrap_or(all))),
            (Format::TcpFlags, _) => write_flags(f, TCP_FLAGS, value, mask.unwrap_or(all) & 0xfff, 0xfff),
            (Format::TunFlags, _) => write_flags(f, TUN_FLAGS, value, mask.unwrap_or(all) & 1, 1),
            (Format::CtState, _) => write_flags(f, CT_STATES, value, mask.unwrap_or(all) & 0xff, 0xff),
            (Format::Hex, None) => write!(f, "{value:#x}"),
            (Format::Decimal | Format::DecimalOrHex, None) => write!(f, "{value}"),
            (Format::Hex | Format::Port, Some(mask)) => write!(f, "{value:#x}/{mask:#x}"),
            (Format::Decimal | Format::DecimalOrHex, Some(mask)) => write!(f, "{value}/{mask:#x}"),
        }
    }
}

fn write_masked<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    value: u128,
    mask: Option<u128>,
    show: impl Fn(u128) -> T,
) -> fmt::Result {
    write!(f, "{}", show(value))?;
    mask.map_or(Ok(()), |mask| write!(f, "/{}", show(mask)))
}

/// An address, with the length of its prefix if the mask is one.
pub(crate) fn write_prefix<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    value: u128,
    mask: Option<u128>,
    bits: u32,
    show: impl Fn(u128) -> T,
) -> fmt::Result {
    let length = mask.map_or(bits, u128::count_ones);
    match mask {
        Some(mask) if length + mask.trailing_zeros() == bits => write!(f, "{}/{length}", show(value)),
        _ => write_masked(f, value, mask, show),
    }
}

/// An IPv6 address in the text of the C library: the low 32 bits of an otherwise empty one are dotted.
pub(crate) struct Ipv6Text(pub(crate) Ipv6Addr);

impl From<u128> for Ipv6Text {
    fn from(number: u128) -> Ipv6Text {
        Ipv6Text(Ipv6Addr::from(number))
    }
}

impl fmt::Display for Ipv6Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u128::from(self.0) {
            low @ 0x1_0000..=0xffff_ffff => write!(f, "::{}", Ipv4Addr::from(low as u32)),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// The names that `ip_frag` takes, by value and mask: bit 0 is "a fragment", bit 1 "a later one".
fn frag(value: u128, mask: u128) -> &'static str {
    match (value & mask & 3, mask & 3) {
        (0, 3) | (0, 1) => "no",
        (1, 1) => "yes",
        (1, 3) => "first",
        (3, 3) | (2, 2) => "later",
        (0, 2) => "not_later",
        _ => "<error>",
    }
}

pub(crate) const CT_STATES: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
pub(crate) const TUN_FLAGS: &[&str] = &["oam"];
pub(crate) const TCP_FLAGS: &[&str] =
    &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

/// All bits: the names of those that are set. Some bits: each with `+` or `-`.
pub(crate) fn write_flags(
    f: &mut fmt::Formatter<'_>,
    names: &[&str],
    value: u128,
    mask: u128,
    all: u128,
) -> fmt::Result {
    let bits = (0u32..).zip(names).filter(|(bit, _)| mask & (1 << bit) != 0);
    if mask != all {
        for (bit, name) in bits {
            write!(f, "{}{name}", if value & (1 << bit) != 0 { '+' } else { '-' })?;
        }
        return Ok(());
    }
    let mut is_first = true;
    for (_, name) in bits.filter(|(bit, _)| value & (1 << bit) != 0) {
        if !is_first {
            f.write_char('|')?;
        }
        f.write_str(name)?;
        is_first = false;
    }
    if is_first { f.write_char('0') } else { Ok(()) }
}
