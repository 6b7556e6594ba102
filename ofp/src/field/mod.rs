//! Packet fields: one table behind match, set-field, move, load, conntrack's exec and text.

mod header;
mod table;
mod text;
mod value;

use std::fmt;

pub(crate) use header::{OxmHeader, implied_mask, read_entry, read_field};
pub(crate) use table::Format;
use table::ROWS;
pub(crate) use text::{Ipv6Text, TUN_FLAGS, ValueText, write_flags};
pub use value::Value;

/// A field that OpenFlow can match, set or move: an index into one static table.
///
/// The order is the order on the wire: a field's prerequisites come before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(pub(crate) u8);

/// A condition that a match must fulfil before it may name a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prerequisite {
    /// The field that must be matched.
    pub field: Field,
    /// The bits of it that must be matched.
    pub mask: u128,
    /// What those bits may be: any one of these. Empty: anything.
    pub any_of: &'static [u128],
}

impl Field {
    /// General-purpose register `n`, 0 to 15, of 32 bits.
    pub const fn reg(n: u8) -> Field {
        assert!(n < 16, "there are 16 registers");
        Field(Field::REG0.0 + n)
    }

    /// Extended register `n`, 0 to 7: `reg(2n)` over `reg(2n + 1)`.
    pub const fn xreg(n: u8) -> Field {
        assert!(n < 8, "there are 8 extended registers");
        Field(Field::XREG0.0 + n)
    }

    /// Double-extended register `n`, 0 to 3: four registers from `reg(4n)`, the most significant first.
    pub const fn xxreg(n: u8) -> Field {
        assert!(n < 4, "there are 4 double-extended registers");
        Field(Field::XXREG0.0 + n)
    }

    /// Tunnel option `n`, 0 to 63, as a TLV map of the bridge names it.
    pub const fn tun_metadata(n: u8) -> Field {
        assert!(n < 64, "there are 64 tunnel options");
        Field(Field::TUN_METADATA0.0 + n)
    }

    /// All fields, in order.
    pub fn all() -> impl Iterator<Item = Field> {
        (0..ROWS.len()).map(|i| Field(i as u8))
    }

    /// The name that `ovs-ofctl` gives it, in lower case: `eth_src`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name that `ovs-ofctl` prints in `move` and `load`: `NXM_OF_ETH_SRC`.
    pub fn nxm_name(self) -> &'static str {
        let row = self.row();
        if row.nxm_name.is_empty() { row.name } else { row.nxm_name }
    }

    /// Significant bits. (`vlan_vid` counts 12; its match has the "present" bit above them.)
    pub fn bits(self) -> u16 {
        self.row().bits
    }

    /// Bytes on the wire, of value or mask.
    pub fn bytes(self) -> usize {
        usize::from(self.row().bytes)
    }

    /// Whether a match may have a mask.
    pub fn maskable(self) -> bool {
        self.row().maskable
    }

    /// Whether actions may write it.
    pub fn writable(self) -> bool {
        self.row().writable
    }

    /// What a match must hold before it may name this field; all of them.
    pub fn prerequisites(self) -> &'static [Prerequisite] {
        self.row().prerequisites
    }

    /// The field of a name: `ovs-ofctl`'s name or an alias of it, or the NXM/OXM name.
    pub fn by_name(name: &str) -> Option<Field> {
        Field::all().find(|field| {
            let row = field.row();
            row.name == name || (!row.nxm_name.is_empty() && row.nxm_name == name) || row.aliases.contains(&name)
        })
    }

    /// Part of the field. Panics if it reaches beyond the field.
    pub const fn sub(self, offset: u16, bits: u16) -> Subfield {
        assert!(bits > 0 && offset + bits <= ROWS[self.0 as usize].bits, "a subfield lies inside its field");
        Subfield { field: self, offset, bits }
    }

    /// All bits that a match on this field may cover.
    pub(crate) fn full_mask(self) -> u128 {
        match self {
            // The "present" bit is above the identifier.
            Field::VLAN_VID => ones(13),
            // Open vSwitch knows no more than these, whatever the field's width.
            Field::CT_STATE => ones(8),
            _ => ones(self.bits()),
        }
    }

    /// Its length on the wire follows its use.
    pub(crate) fn variable_length(self) -> bool {
        (Field::TUN_METADATA0.0..=Field::TUN_METADATA63.0).contains(&self.0)
    }

    pub(crate) fn format(self) -> Format {
        self.row().format
    }

    fn row(self) -> &'static table::Row {
        &ROWS[usize::from(self.0)]
    }
}

/// `n` low bits set.
pub(crate) const fn ones(n: u16) -> u128 {
    if n >= 128 { u128::MAX } else { (1 << n) - 1 }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some adjacent bits of a field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subfield {
    /// The field.
    pub field: Field,
    /// The lowest bit, counted from the least significant.
    pub offset: u16,
    /// How many bits.
    pub bits: u16,
}

impl Subfield {
    /// The whole field.
    pub const fn all(field: Field) -> Subfield {
        Subfield { field, offset: 0, bits: ROWS[field.0 as usize].bits }
    }

    /// The bits of the field that this covers.
    pub fn mask(self) -> u128 {
        ones(self.bits).checked_shl(u32::from(self.offset)).unwrap_or(0)
    }
}

impl From<Field> for Subfield {
    fn from(field: Field) -> Subfield {
        Subfield::all(field)
    }
}

impl fmt::Display for Subfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subfield { field, offset, bits } = *self;
        let name = field.nxm_name();
        if offset == 0 && bits == field.bits() {
            write!(f, "{name}[]")
        } else if bits == 1 {
            write!(f, "{name}[{offset}]")
        } else {
            write!(f, "{name}[{offset}..{}]", u32::from(offset) + u32::from(bits) - 1)
        }
    }
}

impl fmt::Debug for Subfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
