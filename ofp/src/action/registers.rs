//! Actions that name parts of fields: move, load, push, pop, output, check.

use super::Action;
use crate::Bad;
use crate::field::{Field, Subfield, ones, read_entry, read_field};
use crate::wire::{Reader, Writer};

/// A field's part, if it lies inside the field.
pub(super) fn subfield(field: crate::Field, offset: u16, bits: u16) -> Result<Subfield, Bad> {
    let end = u32::from(offset) + u32::from(bits);
    if bits == 0 || end > u32::from(field.bits()) {
        return Err(Bad::Value { value: end.into(), what: "subfield" });
    }
    Ok(Subfield { field, offset, bits })
}

/// Offset and width in 16 bits.
pub(super) fn read_range(r: &mut Reader<'_>) -> Result<(u16, u16), Bad> {
    let range = r.u16()?;
    Ok((range >> 6, (range & 0x3f) + 1))
}

pub(super) fn write_range(w: &mut Writer<'_>, subfield: Subfield) {
    w.u16(subfield.offset << 6 | (subfield.bits.wrapping_sub(1) & 0x3f));
}

/// Padding up to 24 bytes, of which 10 are the header.
fn write_padding(w: &mut Writer<'_>, mark: crate::wire::Mark) {
    let written = w.written(&mark);
    w.zeros(14 - written);
}

fn read_padding(r: &mut Reader<'_>) -> Result<(), Bad> {
    let length = r.len();
    r.zeros(length)
}

pub(super) fn read_move(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (bits, src_offset, dst_offset) = (r.u16()?, r.u16()?, r.u16()?);
    let src = subfield(read_field(r)?, src_offset, bits)?;
    let dst = subfield(read_field(r)?, dst_offset, bits)?;
    r.padding()?;
    Ok(Action::RegMove { src, dst })
}

pub(super) fn write_move(w: &mut Writer<'_>, src: Subfield, dst: Subfield) {
    w.u16(src.bits);
    w.u16(src.offset);
    w.u16(dst.offset);
    src.field.write_name(w);
    dst.field.write_name(w);
}

pub(super) fn read_load(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (offset, bits) = read_range(r)?;
    let dst = subfield(read_field(r)?, offset, bits)?;
    let value = r.u64()?;
    if u128::from(value) & !ones(bits) != 0 {
        return Err(Bad::Value { value, what: "reg_load" });
    }
    Ok(Action::RegLoad { dst, value })
}

/// As `NXAST_REG_LOAD`, or as `NXAST_REG_LOAD2` if the field's header is too long for it.
pub(super) fn write_load(w: &mut Writer<'_>, dst: Subfield, value: u64) {
    if !dst.field.has_short_name() {
        return write_load2(w, dst.field, u128::from(value) << dst.offset, Some(dst.mask()));
    }
    write_range(w, dst);
    dst.field.write_name(w);
    w.u64(value);
}

pub(super) fn read_load2(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (field, value, mask) = read_entry(r)?;
    r.padding()?;
    let mask = mask.unwrap_or(field.full_mask());
    Ok(Action::SetField { field, value, mask: Some(mask) })
}

pub(super) fn write_load2(w: &mut Writer<'_>, field: Field, value: u128, mask: Option<u128>) {
    let mask = mask.unwrap_or(field.full_mask());
    let length = field.wire_bytes(value, mask);
    let masked = mask != field.full_mask();
    field.write_in_action(w, masked, length);
    w.number(value, length);
    if masked {
        w.number(mask, length);
    }
}

pub(super) fn read_stack(r: &mut Reader<'_>) -> Result<Subfield, Bad> {
    let offset = r.u16()?;
    let field = read_field(r)?;
    let bits = r.u16()?;
    read_padding(r)?;
    subfield(field, offset, bits)
}

pub(super) fn write_stack(w: &mut Writer<'_>, subfield: Subfield) {
    let mark = w.open();
    w.u16(subfield.offset);
    subfield.field.write_name(w);
    w.u16(subfield.bits);
    write_padding(w, mark);
}

pub(super) fn read_output(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (offset, bits) = read_range(r)?;
    let src = subfield(read_field(r)?, offset, bits)?;
    let max_len = r.u16()?;
    r.zeros(6)?;
    Ok(Action::OutputReg { src, max_len })
}

pub(super) fn read_output2(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (offset, bits) = read_range(r)?;
    let max_len = r.u16()?;
    let src = subfield(read_field(r)?, offset, bits)?;
    r.padding()?;
    Ok(Action::OutputReg { src, max_len })
}

/// As `NXAST_OUTPUT_REG`, or as `NXAST_OUTPUT_REG2` if the field's header is too long for it.
pub(super) fn write_output(w: &mut Writer<'_>, src: Subfield, max_len: u16) {
    write_range(w, src);
    if src.field.has_short_name() {
        src.field.write_name(w);
        w.u16(max_len);
        w.zeros(6);
    } else {
        w.u16(max_len);
        src.field.write_name(w);
    }
}

pub(super) fn read_check_pkt_larger(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (len, offset) = (r.u16()?, r.u16()?);
    let dst = subfield(read_field(r)?, offset, 1)?;
    read_padding(r)?;
    Ok(Action::CheckPktLarger { len, dst })
}

pub(super) fn write_check_pkt_larger(w: &mut Writer<'_>, len: u16, dst: Subfield) {
    let mark = w.open();
    w.u16(len);
    w.u16(dst.offset);
    dst.field.write_name(w);
    write_padding(w, mark);
}

pub(super) fn read_delete(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let field = read_field(r)?;
    read_padding(r)?;
    Ok(Action::DeleteField(field))
}

pub(super) fn write_delete(w: &mut Writer<'_>, field: Field) {
    let mark = w.open();
    field.write_name(w);
    write_padding(w, mark);
}
