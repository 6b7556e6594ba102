//! A packet's fields as a switch sees them: what rows match and actions write.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ofp::{Field, Match, Subfield, Value};
use packet::Vlan;

use super::Tunnel;

/// "A tag is there", above the identifier in `vlan_vid` (OpenFlow 1.3.5, 7.2.3.7).
const PRESENT: u128 = 0x1000;

/// All fields of a packet; one that it doesn't have is zero. Registers are kept as the narrow ones that wide ones are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    values: BTreeMap<Field, u128>,
    /// VLAN tags that were read or pushed, outermost first.
    pub(super) tags: Vec<Vlan>,
}

impl Headers {
    /// A field's value, right-aligned; zero if the packet doesn't have it.
    pub fn get(&self, field: Field) -> u128 {
        if let Some(narrow) = narrow_registers(field) {
            return narrow.fold(0, |wide, part| wide << 32 | self.get(part));
        }
        match field {
            Field::VLAN_VID => self.tags.first().map_or(0, |tag| PRESENT | u128::from(tag.vid())),
            Field::VLAN_PCP => self.tags.first().map_or(0, |tag| u128::from(tag.tci >> 13)),
            _ => self.values.get(&field).copied().unwrap_or(0),
        }
    }

    /// Gives a field a value.
    pub fn set(&mut self, field: Field, value: impl Into<Value>) {
        let Value(value) = value.into();
        if let Some(narrow) = narrow_registers(field) {
            let top = u32::from(field.bits()) - 32;
            for (part, shift) in narrow.zip((0..=top).rev().step_by(32)) {
                self.set(part, value >> shift & 0xffff_ffff);
            }
            return;
        }
        match (field, self.tags.first_mut()) {
            (Field::VLAN_VID, Some(tag)) => tag.tci = tag.tci & 0xf000 | value as u16 & 0xfff,
            (Field::VLAN_PCP, Some(tag)) => tag.tci = tag.tci & 0x1fff | (value as u16 & 7) << 13,
            (Field::VLAN_VID | Field::VLAN_PCP, None) => {}
            (_, _) if value == 0 => drop(self.values.remove(&field)),
            (_, _) => drop(self.values.insert(field, value)),
        }
    }

    /// Some bits of a field, right-aligned.
    pub fn bits(&self, part: Subfield) -> u128 {
        (self.get(part.field) & part.mask()) >> part.offset
    }

    /// Gives some bits of a field a value.
    pub fn set_bits(&mut self, part: Subfield, value: u128) {
        let mask = part.mask();
        self.set(part.field, self.get(part.field) & !mask | (value << part.offset) & mask);
    }

    /// Whether a match holds. What it says in fields that are not known holds for no packet.
    pub fn matches(&self, match_: &Match) -> bool {
        match_.unknown().is_empty() && match_.iter().all(|(field, value, mask)| self.get(field) & mask == value)
    }

    /// The tunnel that the packet came by or is to leave by, if there is one.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let dst = self.address(Field::TUN_IPV6_DST, Field::TUN_IPV4_DST)?;
        let src = self.address(Field::TUN_IPV6_SRC, Field::TUN_IPV4_SRC);
        Some(Tunnel { id: self.get(Field::TUN_ID) as u64, src, dst: Some(dst) })
    }

    /// Sets the tunnel that the packet came by.
    pub(super) fn set_tunnel(&mut self, tunnel: &Tunnel) {
        self.set(Field::TUN_ID, tunnel.id);
        for (address, v6, v4) in [
            (tunnel.src, Field::TUN_IPV6_SRC, Field::TUN_IPV4_SRC),
            (tunnel.dst, Field::TUN_IPV6_DST, Field::TUN_IPV4_DST),
        ] {
            match address {
                Some(IpAddr::V6(address)) => self.set(v6, address),
                Some(IpAddr::V4(address)) => self.set(v4, address),
                None => {}
            }
        }
    }

    /// What a packet-in says of the packet beside its bytes.
    pub(super) fn metadata(&self) -> Match {
        let tunnel = [
            Field::TUN_ID,
            Field::TUN_IPV4_SRC,
            Field::TUN_IPV4_DST,
            Field::TUN_IPV6_SRC,
            Field::TUN_IPV6_DST,
            Field::METADATA,
        ];
        let others = tunnel.into_iter().chain((0..16).map(Field::reg));
        let in_port = Match::new().with(Field::IN_PORT, Value(self.get(Field::IN_PORT)));
        others.fold(in_port, |match_, field| match self.get(field) {
            0 => match_,
            value => match_.with(field, Value(value)),
        })
    }

    fn address(&self, v6: Field, v4: Field) -> Option<IpAddr> {
        match (self.get(v6), self.get(v4)) {
            (0, 0) => None,
            (0, v4) => Some(Ipv4Addr::from(v4 as u32).into()),
            (v6, _) => Some(Ipv6Addr::from(v6).into()),
        }
    }
}

/// The 32-bit registers that a wider one is made of, most significant first.
fn narrow_registers(field: Field) -> Option<impl Iterator<Item = Field>> {
    if field < Field::XREG0 || field > Field::XXREG3 {
        return None;
    }
    let wide = (0..8u8).map(|n| (Field::xreg(n), 2 * n, 2)).chain((0..4).map(|n| (Field::xxreg(n), 4 * n, 4)));
    let (_, first, count) = wide.into_iter().find(|(wide, ..)| *wide == field)?;
    Some((first..first + count).map(Field::reg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_registers_are_pairs_and_fours_of_narrow_ones() {
        let mut headers = Headers::default();
        headers.set(Field::xreg(2), 0x1_0000_0002u64);
        assert_eq!((headers.get(Field::reg(4)), headers.get(Field::reg(5))), (1, 2));
        assert_eq!(headers.get(Field::xxreg(1)), (1 << 96) | (2 << 64));
        headers.set_bits(Field::xreg(2).sub(0, 48), 0xaabb_ccdd_eeff);
        assert_eq!(headers.get(Field::xreg(2)), 0xaabb_ccdd_eeff);
        assert_eq!(headers.bits(Field::xreg(2).sub(40, 8)), 0xaa);
    }

    #[test]
    fn a_tag_is_present_even_if_it_is_zero() {
        let mut headers = Headers::default();
        let tagged = Match::new().masked(Field::VLAN_VID, 0x1000u16, 0x1000u16);
        assert!(!headers.matches(&tagged));
        headers.tags.push(Vlan { tpid: 0x8100, tci: 0 });
        assert!(headers.matches(&tagged));
        headers.set(Field::VLAN_VID, 0x1007u16);
        assert_eq!((headers.get(Field::VLAN_VID), headers.tags[0].tci), (0x1007, 7));
    }
}
