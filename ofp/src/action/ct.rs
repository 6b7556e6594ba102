//! Conntrack: the `ct` action and `nat` within it.

use std::net::IpAddr;

use super::Action;
use super::registers::{read_range, subfield, write_range};
use crate::Bad;
use crate::field::{Subfield, read_field};
use crate::wire::{Reader, Writer};

/// Flags of [`Ct`].
pub mod ct_flags {
    /// Keep the connection.
    pub const COMMIT: u16 = 1;
    /// Forget a connection of the other direction first. Needs `COMMIT`.
    pub const FORCE: u16 = 2;
}

/// Flags of [`Nat`].
pub mod nat_flags {
    /// Translate the source.
    pub const SRC: u16 = 1;
    /// Translate the destination.
    pub const DST: u16 = 2;
    /// The same mapping after a restart.
    pub const PERSISTENT: u16 = 4;
    /// Pick ports by hash.
    pub const PROTO_HASH: u16 = 8;
    /// Pick ports at random.
    pub const PROTO_RANDOM: u16 = 16;
}

/// Where conntrack's zone comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ZoneSrc {
    /// This number.
    Imm(u16),
    /// These 16 bits.
    Field(Subfield),
}

/// Through conntrack (`NXAST_CT`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ct {
    /// See [`ct_flags`].
    pub flags: u16,
    /// The zone.
    pub zone: ZoneSrc,
    /// The table in which the packet goes on, tracked; `None`: it goes on untracked after this action.
    pub table: Option<u8>,
    /// The port of a helper protocol: 21 for FTP, 69 for TFTP, else 0.
    pub alg: u16,
    /// What is done to the connection: sets of `ct_mark` and `ct_label`, and `nat`.
    pub exec: Vec<Action>,
}

impl Default for Ct {
    fn default() -> Ct {
        Ct { flags: 0, zone: ZoneSrc::Imm(0), table: None, alg: 0, exec: Vec::new() }
    }
}

/// Translate addresses (`NXAST_NAT`). Without range and flags: as the connection was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nat {
    /// See [`nat_flags`].
    pub flags: u16,
    /// The lowest address.
    pub min: Option<IpAddr>,
    /// The highest address.
    pub max: Option<IpAddr>,
    /// The lowest port.
    pub port_min: Option<u16>,
    /// The highest port.
    pub port_max: Option<u16>,
}

/// No table, in `NXAST_CT`.
const NO_TABLE: u8 = 0xff;

pub(super) fn read(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let flags = r.u16()?;
    let zone = if r.peek().starts_with(&[0; 4]) {
        r.skip(4)?;
        ZoneSrc::Imm(r.u16()?)
    } else {
        let field = read_field(r)?;
        let (offset, bits) = read_range(r)?;
        ZoneSrc::Field(subfield(field, offset, bits)?)
    };
    let table = r.u8()?;
    r.zeros(3)?;
    let alg = r.u16()?;
    let mut inner = r.deeper()?;
    r.rest();
    let exec = Action::read_list(&mut inner)?;
    Ok(Action::Ct(Ct { flags, zone, table: (table != NO_TABLE).then_some(table), alg, exec }))
}

impl Ct {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Ct { flags, zone, table, alg, exec } = self;
        w.u16(*flags);
        match zone {
            ZoneSrc::Imm(zone) => {
                w.u32(0);
                w.u16(*zone);
            }
            ZoneSrc::Field(subfield) => {
                subfield.field.write_name(w);
                write_range(w, *subfield);
            }
        }
        w.u8(table.unwrap_or(NO_TABLE));
        w.zeros(3);
        w.u16(*alg);
        Action::write_list(exec, w);
    }
}

/// Which of a range's parts are there.
mod range {
    pub(super) const IPV4_MIN: u16 = 1;
    pub(super) const IPV4_MAX: u16 = 2;
    pub(super) const IPV6_MIN: u16 = 4;
    pub(super) const IPV6_MAX: u16 = 8;
    pub(super) const PROTO_MIN: u16 = 16;
    pub(super) const PROTO_MAX: u16 = 32;
}

pub(super) fn read_nat(r: &mut Reader<'_>) -> Result<Action, Bad> {
    r.zeros(2)?;
    let flags = r.u16()?;
    let present = r.u16()?;
    let has = |bit| present & bit != 0;
    let mut nat = Nat { flags, ..Nat::default() };
    let clash = has(range::IPV4_MIN) && has(range::IPV6_MIN) || has(range::IPV4_MAX) && has(range::IPV6_MAX);
    if clash || present >= 2 * range::PROTO_MAX {
        return Err(Bad::Value { value: present.into(), what: "nat range" });
    }
    if has(range::IPV4_MIN) {
        nat.min = Some(IpAddr::from(r.octets::<4>()?));
    }
    if has(range::IPV4_MAX) {
        nat.max = Some(IpAddr::from(r.octets::<4>()?));
    }
    if has(range::IPV6_MIN) {
        nat.min = Some(IpAddr::from(r.octets::<16>()?));
    }
    if has(range::IPV6_MAX) {
        nat.max = Some(IpAddr::from(r.octets::<16>()?));
    }
    if has(range::PROTO_MIN) {
        nat.port_min = Some(r.u16()?);
    }
    if has(range::PROTO_MAX) {
        nat.port_max = Some(r.u16()?);
    }
    r.padding()?;
    Ok(Action::Nat(nat))
}

impl Nat {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Nat { flags, min, max, port_min, port_max } = self;
        let bit = |address: &Option<IpAddr>, v4, v6| match address {
            Some(IpAddr::V4(_)) => v4,
            Some(IpAddr::V6(_)) => v6,
            None => 0,
        };
        let mut present = bit(min, range::IPV4_MIN, range::IPV6_MIN) | bit(max, range::IPV4_MAX, range::IPV6_MAX);
        present |= if port_min.is_some() { range::PROTO_MIN } else { 0 };
        present |= if port_max.is_some() { range::PROTO_MAX } else { 0 };
        w.zeros(2);
        w.u16(*flags);
        w.u16(present);
        // IPv4 goes before IPv6; a range that mixes them is refused by every switch.
        let (mut first, mut second) = (min, max);
        if matches!((min, max), (Some(IpAddr::V6(_)), Some(IpAddr::V4(_)))) {
            (first, second) = (max, min);
        }
        for address in [first, second].into_iter().flatten() {
            match address {
                IpAddr::V4(address) => w.bytes(&address.octets()),
                IpAddr::V6(address) => w.bytes(&address.octets()),
            }
        }
        for port in [port_min, port_max].into_iter().flatten() {
            w.u16(*port);
        }
    }
}
