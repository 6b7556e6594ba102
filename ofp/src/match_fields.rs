//! What a match says of its fields, in two forms: spread out while it is being said, and packed for keeping.
//!
//! A controller holds millions of matches. Packed, one of five fields takes about 40 bytes, a sixth of what it takes spread out.

use crate::field::Field;

/// Fields with value and mask, while a match is in the making; for making many, one after the other.
///
/// In the form in which Open vSwitch reports them: see [`crate::Match`].
#[derive(Clone, Debug, Default)]
pub struct MatchFields {
    /// In order, each field once; no mask is zero.
    said: Vec<(Field, u128, u128)>,
    packed: Vec<u8>,
}

impl MatchFields {
    /// Every packet again.
    pub fn clear(&mut self) {
        self.said.clear();
    }

    /// Says of a field, in the form in which OVS would. Replaces what was said of it.
    pub fn set(&mut self, field: Field, value: u128, mask: u128) {
        let mask = mask & field.full_mask();
        if let Some(narrow) = registers(field) {
            let top = field.bits() - 32;
            for (i, part) in narrow.enumerate() {
                let shift = u32::from(top) - 32 * i as u32;
                self.put(part, value >> shift & 0xffff_ffff, mask >> shift & 0xffff_ffff);
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
                self.put(Field::IN_PORT, value | 0xffff_0000, Field::IN_PORT.full_mask());
            }
            Field::IN_PORT_NXM => self.put(Field::IN_PORT, value, Field::IN_PORT.full_mask()),
            _ => self.put(field, value, mask),
        }
    }

    /// What is said of a field: value and mask.
    pub(crate) fn get(&self, field: Field) -> Option<(u128, u128)> {
        let find = |field| self.said.iter().find(|(said, ..)| *said == field).map(|(_, value, mask)| (*value, *mask));
        found(field, find)
    }

    /// The packed form. Two are equal if and only if the same is said.
    pub fn packed(&mut self) -> &[u8] {
        self.packed.clear();
        // At once what most matches take: the longest of fields have 16 bytes, and few of them a mask.
        self.packed.reserve(18 * self.said.len());
        for (field, value, mask) in &self.said {
            let masked = *mask != field.full_mask();
            self.packed.extend([field.0, u8::from(masked)]);
            let skipped = 16 - width(*field);
            self.packed.extend(&value.to_be_bytes()[skipped..]);
            if masked {
                self.packed.extend(&mask.to_be_bytes()[skipped..]);
            }
        }
        &self.packed
    }

    /// What packed bytes say.
    pub(crate) fn unpacked(packed: &Packed) -> MatchFields {
        MatchFields { said: packed.iter().collect(), packed: Vec::new() }
    }

    fn put(&mut self, field: Field, value: u128, mask: u128) {
        let entry = (field, value & mask, mask);
        match self.said.binary_search_by_key(&field, |(field, ..)| *field) {
            Ok(at) if mask == 0 => drop(self.said.remove(at)),
            Ok(at) => self.said[at] = entry,
            Err(_) if mask == 0 => {}
            Err(at) => self.said.insert(at, entry),
        }
    }
}

/// Packed fields: for each its number, whether a mask follows, value and mask in as few bytes as the field has.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(crate) fn new(bytes: &[u8]) -> Packed {
        Packed(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fields with value and mask, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Field, u128, u128)> + '_ {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let [number, masked, tail @ ..] = rest else { return None };
            let field = Field(*number);
            let (value, tail) = tail.split_at(width(field));
            let (mask, tail) = if *masked == 1 { tail.split_at(width(field)) } else { (&[][..], tail) };
            rest = tail;
            let mask = if *masked == 1 { number_of(mask) } else { field.full_mask() };
            Some((field, number_of(value), mask))
        })
    }

    /// What is said of a field that is not made of others: value and mask.
    pub(crate) fn get(&self, field: Field) -> Option<(u128, u128)> {
        self.iter().find(|(said, ..)| *said == field).map(|(_, value, mask)| (value, mask))
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What is said of a field, by what is said of those that it may be made of.
pub(crate) fn found(field: Field, get: impl Fn(Field) -> Option<(u128, u128)>) -> Option<(u128, u128)> {
    let Some(narrow) = registers(field) else { return get(field) };
    let parts = narrow.map(|part| get(part).unwrap_or((0, 0)));
    let (value, mask) = parts.fold((0, 0), |(value, mask), (v, m)| (value << 32 | v, mask << 32 | m));
    if mask == 0 { None } else { Some((value, mask)) }
}

/// Bytes that hold any value of a field.
fn width(field: Field) -> usize {
    (128 - field.full_mask().leading_zeros()).div_ceil(8) as usize
}

fn number_of(bytes: &[u8]) -> u128 {
    let mut wide = [0; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    u128::from_be_bytes(wide)
}

/// The registers that an extended one is made of, most significant first.
fn registers(field: Field) -> Option<impl Iterator<Item = Field>> {
    let (first, count) = if (Field::XREG0..=Field::XREG7).contains(&field) {
        (2 * (field.0 - Field::XREG0.0), 2)
    } else if (Field::XXREG0..=Field::XXREG3).contains(&field) {
        (4 * (field.0 - Field::XXREG0.0), 4)
    } else {
        return None;
    };
    Some((first..first + count).map(Field::reg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_survives_packing_with_and_without_a_mask() {
        for field in Field::all() {
            let full = field.full_mask();
            for (value, mask) in [(full, full), (0, full), (full / 3, full / 3), (1, 1), (full, full & !1)] {
                let mut fields = MatchFields::default();
                fields.set(Field::METADATA, 7, 0xff);
                fields.set(field, value, mask);
                let packed = Packed::new(fields.packed());
                assert_eq!(packed.iter().collect::<Vec<_>>(), fields.said, "{field}");
                assert_eq!(MatchFields::unpacked(&packed).packed(), packed.bytes());
            }
        }
    }
}
