//! OXM and NXM headers: class, field number, mask bit and length before a value (OpenFlow 1.3.5, 7.2.3.2).

use super::table::{Header, ROWS};
use super::{Field, ones};
use crate::Bad;
use crate::wire::{Reader, Writer};

const EXPERIMENTER: u16 = 0xffff;
/// What Nicira's actions state as the length of a tunnel option, whatever it is in truth.
const TUN_METADATA_BYTES: usize = 124;
const NO_FIELD: u8 = 0xff;

/// A header as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OxmHeader {
    header: Header,
    pub(crate) masked: bool,
    /// Bytes that follow: value, and mask if masked.
    pub(crate) payload: usize,
}

impl OxmHeader {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<OxmHeader, Bad> {
        let class = r.u16()?;
        let number = r.u8()?;
        let length = usize::from(r.u8()?);
        let (experimenter, payload) = if class == EXPERIMENTER {
            let payload = length.checked_sub(4).ok_or(Bad::Length { length, what: "OXM" })?;
            (r.u32()?, payload)
        } else {
            (0, length)
        };
        let header = Header { class, number: number >> 1, experimenter };
        Ok(OxmHeader { header, masked: number & 1 != 0, payload })
    }

    /// The field that it names, if it is known.
    pub(crate) fn field(&self) -> Option<Field> {
        let Header { class, number, experimenter } = self.header;
        let number = usize::from(number);
        let index = match (class, experimenter) {
            (0x0000, _) => NXM_OF[number],
            (0x0001, _) => NXM_NX[number],
            (0x8000, _) => OXM_OF[number],
            _ => return Field::all().find(|field| field.row().in_match == self.header),
        };
        (index != NO_FIELD).then_some(Field(index))
    }

    /// Bytes of the value alone.
    pub(crate) fn value_bytes(&self) -> usize {
        if self.masked { self.payload / 2 } else { self.payload }
    }
}

/// Reads a field's header as Nicira's actions name a field.
pub(crate) fn read_field(r: &mut Reader<'_>) -> Result<Field, Bad> {
    let header = OxmHeader::read(r)?;
    let Header { class, number, .. } = header.header;
    let what = Bad::Value { value: u64::from(class) << 16 | u64::from(number), what: "OXM header" };
    match header.field() {
        Some(field) if !header.masked && header.payload == field.name_bytes() => Ok(field),
        _ => Err(what),
    }
}

/// Reads a field and its value, and its mask if there is one: of a set-field or `reg_load2`.
pub(crate) fn read_entry(r: &mut Reader<'_>) -> Result<(Field, u128, Option<u128>), Bad> {
    let mut ahead = *r;
    let header = OxmHeader::read(&mut ahead)?;
    let length = header.value_bytes();
    let Some(field) = header.field() else {
        return Err(Bad::Value { value: u64::from(header.header.number), what: "OXM header" });
    };
    if !field.variable_length() && length != field.bytes() || header.masked && header.payload % 2 != 0 {
        return Err(Bad::Length { length, what: "OXM" });
    }
    let value = ahead.number(length)?;
    let mask = if header.masked { Some(ahead.number(length)?) } else { None };
    *r = ahead;
    Ok((field, value, mask))
}

impl Field {
    /// Writes its header as matches and set-field have it.
    pub(crate) fn write_in_match(self, w: &mut Writer<'_>, masked: bool, value_bytes: usize) {
        write(w, self.row().in_match, masked, value_bytes);
    }

    /// Writes its header as Nicira's actions have it, before a value.
    pub(crate) fn write_in_action(self, w: &mut Writer<'_>, masked: bool, value_bytes: usize) {
        write(w, self.row().in_action, masked, value_bytes);
    }

    /// Writes its header as Nicira's actions have it, without a value.
    pub(crate) fn write_name(self, w: &mut Writer<'_>) {
        write(w, self.row().in_action, false, self.name_bytes());
    }

    /// The length that its header states where no value follows.
    fn name_bytes(self) -> usize {
        if self.variable_length() { TUN_METADATA_BYTES } else { self.bytes() }
    }

    /// Writes its header as table features have it: the length is that of a value, or of value and mask.
    pub(crate) fn write_ability(self, w: &mut Writer<'_>, masked: bool) {
        // Open vSwitch has two headers for this one, and here writes the older.
        let header = if self == Field::DP_HASH { self.row().in_action } else { self.row().in_match };
        write(w, header, masked, self.name_bytes());
    }

    /// Whether its header has 4 bytes in Nicira's actions, as some of them demand.
    pub(crate) fn has_short_name(self) -> bool {
        self.row().in_action.class != EXPERIMENTER
    }

    /// Bytes in which a value and mask travel.
    pub(crate) fn wire_bytes(self, value: u128, mask: u128) -> usize {
        if self.variable_length() {
            let bits = 128 - (value | mask).leading_zeros() as usize;
            bits.div_ceil(8)
        } else {
            self.bytes()
        }
    }
}

fn write(w: &mut Writer<'_>, header: Header, masked: bool, value_bytes: usize) {
    let Header { class, number, experimenter } = header;
    let length = if masked { 2 * value_bytes } else { value_bytes };
    let [high, low] = class.to_be_bytes();
    let number = number << 1 | u8::from(masked);
    if class == EXPERIMENTER {
        w.bytes(&[high, low, number, 4 + length as u8]);
        w.u32(experimenter);
    } else {
        w.bytes(&[high, low, number, length as u8]);
    }
}

impl Field {
    /// Whether Open vSwitch writes its mask even if it covers all.
    pub(crate) fn always_masked(self) -> bool {
        let narrow = [Field::TUN_ERSPAN_VER, Field::TUN_ERSPAN_DIR, Field::TUN_ERSPAN_HWID];
        self == Field::TUN_FLAGS || self == Field::CT_STATE || narrow.contains(&self)
    }
}

/// Which mask a value of this many bytes has if none is given.
pub(crate) fn implied_mask(field: Field, value_bytes: usize) -> u128 {
    if field.variable_length() { ones(8 * value_bytes as u16) } else { field.full_mask() }
}

/// Field by number, for one class: both of a field's headers count, a match's first.
const fn by_number(class: u16) -> [u8; 128] {
    let mut found = [NO_FIELD; 128];
    let mut i = 0;
    while i < ROWS.len() {
        let row = &ROWS[i];
        if row.in_action.class == class && found[row.in_action.number as usize] == NO_FIELD {
            found[row.in_action.number as usize] = i as u8;
        }
        if row.in_match.class == class {
            found[row.in_match.number as usize] = i as u8;
        }
        i += 1;
    }
    // OpenFlow 1.5's numbers for what the ONF had as experimenter fields.
    if class == 0x8000 {
        found[42] = Field::TCP_FLAGS.0;
        found[43] = Field::ACTSET_OUTPUT.0;
    }
    found
}

static NXM_OF: [u8; 128] = by_number(0x0000);
static NXM_NX: [u8; 128] = by_number(0x0001);
static OXM_OF: [u8; 128] = by_number(0x8000);

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn every_field_is_found_by_both_its_headers() {
        for field in Field::all() {
            for in_match in [true, false] {
                let mut out = BytesMut::new();
                let mut w = Writer::new(&mut out);
                if in_match {
                    field.write_in_match(&mut w, false, field.bytes());
                } else {
                    field.write_in_action(&mut w, false, field.bytes());
                }
                let header = OxmHeader::read(&mut Reader::new(&out, "test")).unwrap();
                assert_eq!(header.field(), Some(field), "{field} in match: {in_match}");
                assert_eq!(header.payload, field.bytes());
                assert!(!header.masked);
            }
        }
    }

    #[test]
    fn every_field_is_found_by_name() {
        for field in Field::all() {
            assert_eq!(Field::by_name(field.nxm_name()), Some(field));
            if field != Field::IN_PORT_NXM {
                assert_eq!(Field::by_name(field.name()), Some(field));
            }
        }
        assert_eq!(Field::by_name("dl_src"), Some(Field::ETH_SRC));
        assert_eq!(Field::by_name("nothing"), None);
    }

    #[test]
    fn widths_fit_bytes() {
        for field in Field::all() {
            assert!(usize::from(field.bits()) <= 8 * field.bytes(), "{field}");
            assert_eq!(ones(8 * field.bytes() as u16) & field.full_mask(), field.full_mask());
        }
    }
}
