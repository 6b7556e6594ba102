//! Matches, in one canonical form.

use bytes::Bytes;

use crate::field::{Field, Prerequisite, Value};

/// Which packets: a conjunction of fields, each in some or all of its bits.
///
/// Canonical, so that a match that was sent equals the one that Open vSwitch reports: sorted by field, bits outside
/// the mask zero, a mask of zero absent, a mask of all ones as if none was given. Aliases become what OVS reports on
/// OpenFlow 1.3: `xreg` and `xxreg` become `reg`s, `vlan_tci` becomes `vlan_vid` and `vlan_pcp`, `nw_tos` becomes
/// `ip_dscp`, the 16-bit `in_port` the 32-bit one.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Match {
    fields: Vec<(Field, u128, u128)>,
    raw: Vec<Bytes>,
}

impl Match {
    /// Every packet.
    pub fn new() -> Match {
        Match::default()
    }

    /// And this field has this value. Replaces what was said of the field.
    #[must_use]
    pub fn with(self, field: Field, value: impl Into<Value>) -> Match {
        self.masked(field, value, Value(field.full_mask()))
    }

    /// And this field has this value in the bits of the mask. Replaces what was said of the field.
    ///
    /// A mask on a field that can't have one (other than all or nothing) is a mistake that the switch will refuse.
    #[must_use]
    pub fn masked(
        mut self,
        field: Field,
        value: impl Into<Value>,
        mask: impl Into<Value>,
    ) -> Match {
        self.set(field, value.into().0, mask.into().0);
        self
    }

    /// What is said of a field: value and mask.
    pub fn get(&self, field: Field) -> Option<(u128, u128)> {
        if let Some((wide, narrow)) = registers(field) {
            let parts = narrow.map(|part| self.get(part).unwrap_or((0, 0)));
            let (value, mask) = parts.fold((0, 0), |(value, mask), (v, m)| {
                (value << 32 | v, mask << 32 | m)
            });
            let _ = wide;
            return if mask == 0 { None } else { Some((value, mask)) };
        }
        let at = self
            .fields
            .binary_search_by_key(&field, |(field, ..)| *field)
            .ok()?;
        Some((self.fields[at].1, self.fields[at].2))
    }

    /// Fields with value and mask, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, u128, u128)> + '_ {
        self.fields.iter().copied()
    }

    /// Whether it matches every packet.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.raw.is_empty()
    }

    /// OXMs that are not understood, each as read.
    pub fn unknown(&self) -> &[Bytes] {
        &self.raw
    }

    /// Whether it says enough for flows to name a field.
    pub fn permits(&self, field: Field) -> bool {
        field.prerequisites().iter().all(
            |Prerequisite {
                 field,
                 mask,
                 any_of,
             }| {
                self.get(*field).is_some_and(|(value, matched)| {
                    matched & mask == *mask
                        && (any_of.is_empty() || any_of.contains(&(value & mask)))
                })
            },
        )
    }

    /// And an OXM that is not understood.
    pub(crate) fn push_unknown(&mut self, oxm: Bytes) {
        self.raw.push(oxm);
    }

    /// Says of a field, in the form in which OVS would.
    pub(crate) fn set(&mut self, field: Field, value: u128, mask: u128) {
        let mask = mask & field.full_mask();
        if let Some((_, narrow)) = registers(field) {
            let top = field.bits() - 32;
            for (i, part) in narrow.enumerate() {
                let shift = u32::from(top) - 32 * i as u32;
                self.put(
                    part,
                    value >> shift & 0xffff_ffff,
                    mask >> shift & 0xffff_ffff,
                );
            }
            return;
        }
        match field {
            Field::VLAN_TCI => {
                self.put(Field::VLAN_VID, value & 0x1fff, mask & 0x1fff);
                self.put(Field::VLAN_PCP, value >> 13, mask >> 13);
            }
            Field::NW_TOS => self.put(Field::IP_DSCP, value >> 2, mask >> 2),
            Field::IN_PORT_NXM if value >= 0xff00 => {
                self.put(
                    Field::IN_PORT,
                    value | 0xffff_0000,
                    Field::IN_PORT.full_mask(),
                );
            }
            Field::IN_PORT_NXM => self.put(Field::IN_PORT, value, Field::IN_PORT.full_mask()),
            _ => self.put(field, value, mask),
        }
    }

    fn put(&mut self, field: Field, value: u128, mask: u128) {
        let entry = (field, value & mask, mask);
        match self
            .fields
            .binary_search_by_key(&field, |(field, ..)| *field)
        {
            Ok(at) if mask == 0 => drop(self.fields.remove(at)),
            Ok(at) => self.fields[at] = entry,
            Err(_) if mask == 0 => {}
            Err(at) => self.fields.insert(at, entry),
        }
    }
}

/// An extended register's number of bits, and the registers it is made of, most significant first.
fn registers(field: Field) -> Option<(u16, impl Iterator<Item = Field>)> {
    let (first, count) = if (Field::XREG0..=Field::XREG7).contains(&field) {
        (2 * (field.0 - Field::XREG0.0), 2)
    } else if (Field::XXREG0..=Field::XXREG3).contains(&field) {
        (4 * (field.0 - Field::XXREG0.0), 4)
    } else {
        return None;
    };
    Some((
        32 * u16::from(count),
        (first..first + count).map(Field::reg),
    ))
}
