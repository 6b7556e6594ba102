//! Matches, in one canonical form.

use bytes::Bytes;

use crate::Bad;
use crate::field::{Field, OxmHeader, Prerequisite, Value, implied_mask};
use crate::match_fields::{MatchFields, Packed, found};
use crate::wire::{Reader, Writer};

/// The one type of match that OpenFlow 1.3 has.
const OXM_MATCH: u64 = 1;

/// Which packets: a conjunction of fields, each in some or all of its bits.
///
/// Canonical, so that a match that was sent equals the one that Open vSwitch reports: sorted by field, bits outside
/// the mask zero, a mask of zero absent, a mask of all ones as if none was given. Aliases become what OVS reports on
/// OpenFlow 1.3: `xreg` and `xxreg` become `reg`s, `vlan_tci` becomes `vlan_vid` and `vlan_pcp`, `nw_tos` becomes
/// `ip_dscp`, the 16-bit `in_port` the 32-bit one.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Match {
    fields: Packed,
    raw: Box<[Bytes]>,
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
    pub fn masked(self, field: Field, value: impl Into<Value>, mask: impl Into<Value>) -> Match {
        let mut fields = MatchFields::unpacked(&self.fields);
        fields.set(field, value.into().0, mask.into().0);
        Match { fields: Packed::new(fields.packed()), ..self }
    }

    /// What was said of fields.
    pub fn of(fields: &mut MatchFields) -> Match {
        Match { fields: Packed::new(fields.packed()), raw: Box::default() }
    }

    /// What it says of fields that are understood, packed: equal if and only if the same is said.
    pub fn packed(&self) -> &[u8] {
        self.fields.bytes()
    }

    /// What is said of a field: value and mask.
    pub fn get(&self, field: Field) -> Option<(u128, u128)> {
        found(field, |field| self.fields.get(field))
    }

    /// Fields with value and mask, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, u128, u128)> + '_ {
        self.fields.iter()
    }

    /// Whether it matches every packet.
    pub fn is_empty(&self) -> bool {
        self.packed().is_empty() && self.raw.is_empty()
    }

    /// OXMs that are not understood, each as read.
    pub fn unknown(&self) -> &[Bytes] {
        &self.raw
    }

    /// Whether it says enough for flows to name a field.
    pub fn permits(&self, field: Field) -> bool {
        field.prerequisites().iter().all(|Prerequisite { field, mask, any_of }| {
            self.get(*field).is_some_and(|(value, matched)| {
                matched & mask == *mask && (any_of.is_empty() || any_of.contains(&(value & mask)))
            })
        })
    }

    /// Reads the fields of a match until the end: without header, without padding.
    pub(crate) fn read_fields(r: &mut Reader<'_>) -> Result<Match, Bad> {
        let (mut fields, mut raw) = (MatchFields::default(), Vec::new());
        while !r.is_empty() {
            let whole = *r;
            let header = OxmHeader::read(r)?;
            let mut body = r.within(header.payload, "OXM")?;
            match read_value(&header, &mut body) {
                // A second word on the same field is not understood.
                Ok((field, value, mask)) if fields.get(field).is_none() => fields.set(field, value, mask),
                _ => raw.push(Bytes::copy_from_slice(&whole.peek()[..whole.len() - r.len()])),
            }
        }
        Ok(Match { raw: raw.into(), ..Match::of(&mut fields) })
    }

    /// Writes the fields: without header, without padding.
    pub(crate) fn write_fields(&self, w: &mut Writer<'_>) {
        for (field, value, mask) in self.iter() {
            let length = field.wire_bytes(value, mask);
            let masked = mask != implied_mask(field, length) || field.always_masked();
            field.write_in_match(w, masked, length);
            w.number(value, length);
            if masked {
                w.number(mask, length);
            }
        }
        for oxm in &self.raw {
            w.bytes(oxm);
        }
    }

    /// Writes the fields by Nicira's headers where they have one, as Nicira's own messages have them.
    pub(crate) fn write_nxm_fields(&self, w: &mut Writer<'_>) {
        for (field, value, mask) in self.iter() {
            // Its 32-bit numbers of reserved ports end as the 16-bit ones do.
            let (field, mask) = match field {
                Field::IN_PORT => (Field::IN_PORT_NXM, Field::IN_PORT_NXM.full_mask()),
                _ => (field, mask),
            };
            let length = field.wire_bytes(value, mask);
            let masked = mask != implied_mask(field, length) || field.always_masked();
            field.write_in_action(w, masked, length);
            w.number(value, length);
            if masked {
                w.number(mask, length);
            }
        }
        for oxm in &self.raw {
            w.bytes(oxm);
        }
    }

    /// Reads an `ofp_match` and the padding behind it (OpenFlow 1.3.5, 7.2.3).
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Match, Bad> {
        let kind = u64::from(u16::from_be_bytes(Reader::octets(&mut r.clone())?));
        if kind != OXM_MATCH {
            return Err(Bad::Value { value: kind, what: "match type" });
        }
        let (mut fields, raw) = r.item(2, 4, "match")?;
        fields.skip(4)?;
        let found = Match::read_fields(&mut fields)?;
        r.skip(raw.len().next_multiple_of(8) - raw.len())?;
        Ok(found)
    }

    /// Writes an `ofp_match` and the padding behind it; returns its length without that.
    pub(crate) fn write(&self, w: &mut Writer<'_>) -> u16 {
        let mark = w.open();
        w.u16(OXM_MATCH as u16);
        w.u16(0);
        self.write_fields(w);
        w.close_and_pad(mark, 2)
    }
}

/// One field's value and mask; an error if they are not the field's.
fn read_value(header: &OxmHeader, body: &mut Reader<'_>) -> Result<(Field, u128, u128), Bad> {
    let bad = Bad::Length { length: header.payload, what: "OXM" };
    let field = header.field().ok_or(bad)?;
    let length = header.value_bytes();
    if !field.variable_length() && length != field.bytes() {
        return Err(bad);
    }
    let value = body.number(length)?;
    let implied = implied_mask(field, length);
    let mask = if header.masked { body.number(length)? } else { implied };
    body.end()?;
    if value & !implied != 0 {
        return Err(bad);
    }
    Ok((field, value, mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use std::net::Ipv6Addr;

    fn written(match_: &Match) -> BytesMut {
        let mut out = BytesMut::new();
        match_.write(&mut Writer::new(&mut out));
        out
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let any = Match::new;
        let address: Ipv6Addr = "fd00:1::1".parse().unwrap();
        let same = [
            (
                any().with(Field::reg(2), 5u8).with(Field::IN_PORT, 1u8),
                any().with(Field::IN_PORT, 1u8).with(Field::reg(2), 5u8),
            ),
            (any().masked(Field::reg(1), 0xffu8, 0xf0u8), any().masked(Field::reg(1), 0xf0u8, 0xf0u8)),
            (any().masked(Field::reg(1), 1u8, u32::MAX), any().with(Field::reg(1), 1u8)),
            (any().masked(Field::reg(1), 1u8, 0u8), any()),
            (any().with(Field::xreg(1), 0x1_0000_0002u64), any().with(Field::reg(2), 1u8).with(Field::reg(3), 2u8)),
            (
                any().with(Field::xxreg(1), address),
                any().with(Field::xreg(2), 0xfd00_0001_0000_0000u64).with(Field::xreg(3), 1u8),
            ),
            (any().masked(Field::VLAN_TCI, 0x1000u16, 0x1000u16), any().masked(Field::VLAN_VID, 0x1000u16, 0x1000u16)),
            (any().with(Field::NW_TOS, 0xb8u8), any().with(Field::IP_DSCP, 46u8)),
            (any().with(Field::IN_PORT_NXM, 0xfffeu16), any().with(Field::IN_PORT, 0xffff_fffeu32)),
        ];
        for (one, other) in same {
            assert_eq!(one, other);
            assert_eq!(written(&one), written(&other));
        }
    }

    #[test]
    fn wide_registers_are_found_in_narrow_ones() {
        let wide = Match::new().masked(Field::xxreg(0), 7u128 << 96 | 9, 0xffu128 << 96 | 0xff);
        assert_eq!(wide.get(Field::xxreg(0)), Some((7 << 96 | 9, 0xff << 96 | 0xff)));
        assert_eq!(wide.get(Field::reg(0)), Some((7, 0xff)));
        assert_eq!(wide.get(Field::xreg(1)), Some((9, 0xff)));
        assert_eq!(wide.get(Field::xreg(2)), None);
        assert_eq!(wide.iter().count(), 2);
    }

    #[test]
    fn prerequisites_are_looked_for() {
        let neighbour = Match::new().with(Field::ETH_TYPE, 0x86ddu16).with(Field::IP_PROTO, 58u8);
        assert!(neighbour.permits(Field::ICMPV6_TYPE) && !neighbour.permits(Field::ND_TARGET));
        let solicitation = neighbour.clone().with(Field::ICMPV6_TYPE, 135u8);
        assert!(solicitation.permits(Field::ND_TARGET) && solicitation.permits(Field::ND_SLL));
        assert!(!solicitation.permits(Field::ND_TLL) && !solicitation.permits(Field::TCP_SRC));
        assert!(Match::new().permits(Field::ETH_SRC) && !Match::new().permits(Field::VLAN_PCP));
        assert!(Match::new().with(Field::VLAN_VID, 0x1001u16).permits(Field::VLAN_PCP));
        assert!(Match::new().masked(Field::VLAN_VID, 0x1000u16, 0x1000u16).permits(Field::VLAN_PCP));
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        // A type without match; a field of another's; a field twice; a value too long for its field.
        let fields = [
            &[0x12, 0x34, 0x02, 0x03, 1, 2, 3][..],
            &[0xff, 0xff, 0x02, 0x06, 0, 0, 0, 9, 1, 2],
            &[0x80, 0x00, 0x0a, 0x02, 0x86, 0xdd],
            &[0x80, 0x00, 0x0a, 0x02, 0x08, 0x00],
            &[0x80, 0x00, 0x14, 0x02, 0, 58],
        ]
        .concat();
        let read = Match::read_fields(&mut Reader::new(&fields, "test")).unwrap();
        assert_eq!(read.get(Field::ETH_TYPE), Some((0x86dd, 0xffff)));
        assert_eq!((read.iter().count(), read.unknown().len()), (1, 4));
        let out = written(&read);
        assert_eq!(Match::read(&mut Reader::new(&out, "test")), Ok(read));
    }
}
