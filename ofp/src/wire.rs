//! Bytes in and out: one bounds-checked cursor, and one writer that fills lengths in afterwards.

use bytes::{BufMut, Bytes, BytesMut};

use crate::Bad;

/// Structures within structures, at most: actions in actions, messages in messages.
pub(crate) const NESTED_MAX: usize = 16;

/// A cursor over received bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
    /// What is being read, for errors.
    what: &'static str,
    /// How deep in other structures this one is.
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Reader<'a> {
        Reader { left: bytes, what, depth: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// What is left, without taking it.
    pub(crate) fn peek(&self) -> &'a [u8] {
        self.left
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let Some((taken, left)) = self.left.split_at_checked(length) else {
            return Err(Bad::Short { need: length, have: self.left.len(), what: self.what });
        };
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let Some((taken, left)) = self.left.split_first_chunk() else {
            return Err(Bad::Short { need: N, have: self.left.len(), what: self.what });
        };
        self.left = left;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Bad> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Bad> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A big-endian number of at most 16 bytes.
    pub(crate) fn number(&mut self, length: usize) -> Result<u128, Bad> {
        if length > 16 {
            return Err(Bad::Length { length, what: self.what });
        }
        let mut wide = [0; 16];
        wide[16 - length..].copy_from_slice(self.take(length)?);
        Ok(u128::from_be_bytes(wide))
    }

    pub(crate) fn octets<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.array()
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), Bad> {
        self.take(length).map(drop)
    }

    /// Skips bytes that are zero; others mean that this is something else.
    pub(crate) fn zeros(&mut self, length: usize) -> Result<(), Bad> {
        match self.take(length)?.iter().find(|byte| **byte != 0) {
            Some(byte) => Err(Bad::Value { value: u64::from(*byte), what: self.what }),
            None => Ok(()),
        }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    /// All that is left, copied.
    pub(crate) fn rest_bytes(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.rest())
    }

    /// A cursor over the next bytes.
    pub(crate) fn within(&mut self, length: usize, what: &'static str) -> Result<Reader<'a>, Bad> {
        Ok(Reader { left: self.take(length)?, what, depth: self.depth })
    }

    /// A cursor over the next bytes, one deeper; nothing if that is too deep.
    pub(crate) fn deeper(&self) -> Result<Reader<'a>, Bad> {
        if self.depth >= NESTED_MAX {
            return Err(Bad::Nested { limit: NESTED_MAX });
        }
        Ok(Reader { depth: self.depth + 1, ..*self })
    }

    /// The next structure of a list, whose length is a 16-bit number at an offset, and the whole of it as read.
    pub(crate) fn item(
        &mut self,
        length_at: usize,
        min: usize,
        what: &'static str,
    ) -> Result<(Reader<'a>, &'a [u8]), Bad> {
        let have = self.left.len();
        let Some(&[high, low]) = self.left.get(length_at..length_at + 2) else {
            return Err(Bad::Short { need: min, have, what });
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < min {
            return Err(Bad::Length { length, what });
        }
        if length > have {
            return Err(Bad::Short { need: length, have, what });
        }
        let raw = self.take(length)?;
        Ok((Reader { left: raw, what, depth: self.depth }, raw))
    }

    /// The next action or instruction (OpenFlow 1.3.5, 7.2.4 and 7.2.5), and the whole of it as read.
    pub(crate) fn aligned_item(&mut self, what: &'static str) -> Result<(Reader<'a>, &'a [u8]), Bad> {
        let have = self.left.len();
        let length = match self.left.get(2..4) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        if length < 8 || !length.is_multiple_of(8) || length > have {
            return Err(Bad::Frame { length, have, what });
        }
        self.item(2, 8, what)
    }

    /// Ends a structure: what is left is less than 8 bytes of zero padding.
    pub(crate) fn padding(&mut self) -> Result<(), Bad> {
        let length = self.left.len();
        if length >= 8 {
            return Err(Bad::Length { length, what: self.what });
        }
        self.zeros(length)
    }

    /// Ends a structure: nothing is left.
    pub(crate) fn end(&self) -> Result<(), Bad> {
        match self.left.len() {
            0 => Ok(()),
            length => Err(Bad::Length { length, what: self.what }),
        }
    }
}

/// Where a structure began, so that its length can be filled in.
#[must_use]
pub(crate) struct Mark(usize);

/// Appends to a buffer.
pub(crate) struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut BytesMut) -> Writer<'a> {
        Writer { out }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.out.put_u16(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.out.put_u32(value);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.out.put_u64(value);
    }

    /// The low bytes of a number.
    pub(crate) fn number(&mut self, value: u128, length: usize) {
        let bytes = value.to_be_bytes();
        if length > bytes.len() {
            self.zeros(length - bytes.len());
        }
        self.bytes(&bytes[bytes.len() - length.min(bytes.len())..]);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.put_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, length: usize) {
        // Most are padding: less than 8.
        match [0; 8].get(..length) {
            Some(zeros) => self.out.put_slice(zeros),
            None => self.out.put_bytes(0, length),
        }
    }

    /// Begins a structure.
    pub(crate) fn open(&self) -> Mark {
        Mark(self.out.len())
    }

    /// Bytes of a structure so far.
    pub(crate) fn written(&self, mark: &Mark) -> usize {
        self.out.len() - mark.0
    }

    /// Fills a structure's length in, as a 16-bit number at an offset in it. Too long a one is found when the
    /// message around it is ended.
    pub(crate) fn close(&mut self, mark: Mark, length_at: usize) {
        let length = self.written(&mark) as u16;
        self.patch(&mark, length_at, length);
    }

    /// Pads a structure to a multiple of 8 bytes, then fills its length in.
    pub(crate) fn pad_and_close(&mut self, mark: Mark, length_at: usize) {
        self.pad(&mark);
        self.close(mark, length_at);
    }

    /// Fills a structure's length in, then pads it to a multiple of 8 bytes. Returns the length.
    pub(crate) fn close_and_pad(&mut self, mark: Mark, length_at: usize) -> u16 {
        let length = self.written(&mark) as u16;
        self.patch(&mark, length_at, length);
        self.pad(&mark);
        length
    }

    /// Pads a structure to a multiple of 8 bytes.
    pub(crate) fn pad(&mut self, mark: &Mark) {
        let length = self.written(mark);
        self.zeros(length.next_multiple_of(8) - length);
    }

    /// Writes a 16-bit number at an offset of a structure.
    pub(crate) fn patch(&mut self, mark: &Mark, at: usize, value: u16) {
        let at = mark.0 + at;
        self.out[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }
}

/// Reads properties (type, length, body, padding to 8 bytes): calls for each with its type, its body and all of it
/// as read, unpadded.
pub(crate) fn read_properties<'a>(
    r: &mut Reader<'a>,
    mut each: impl FnMut(u16, Reader<'a>, &'a [u8]) -> Result<(), Bad>,
) -> Result<(), Bad> {
    while !r.is_empty() {
        let (mut body, raw) = r.item(2, 4, "property")?;
        let kind = body.u16()?;
        body.skip(2)?;
        each(kind, body, raw)?;
        // The last one's padding may be missing.
        let padding = raw.len().next_multiple_of(8) - raw.len();
        r.zeros(padding.min(r.len()))?;
    }
    Ok(())
}

/// What no property is: [`read_distinct_properties`] says it of one that was there before.
const AGAIN: u16 = u16::MAX;

/// The same for structures that have each property at most once: one that comes again has a type that none has, so that it is
/// kept like others that are not known.
pub(crate) fn read_distinct_properties<'a>(
    r: &mut Reader<'a>,
    mut each: impl FnMut(u16, Reader<'a>, &'a [u8]) -> Result<(), Bad>,
) -> Result<(), Bad> {
    let mut seen = 0u64;
    read_properties(r, |kind, body, raw| {
        let bit = 1u64.checked_shl(kind.into()).unwrap_or(0);
        let again = seen & bit != 0;
        seen |= bit;
        each(if again { AGAIN } else { kind }, body, raw)
    })
}

/// Writes one property.
pub(crate) fn write_property(w: &mut Writer<'_>, kind: u16, body: impl FnOnce(&mut Writer<'_>)) {
    let mark = w.open();
    w.u16(kind);
    w.u16(0);
    body(w);
    w.close_and_pad(mark, 2);
}

/// Writes one property of 16 bits: Open vSwitch counts 2 bytes of its padding into its length.
pub(crate) fn write_u16_property(w: &mut Writer<'_>, kind: u16, number: u16) {
    write_property(w, kind, |w| {
        w.u16(number);
        w.zeros(2);
    });
}

/// Writes a property as it was read.
pub(crate) fn write_raw_property(w: &mut Writer<'_>, raw: &[u8]) {
    let mark = w.open();
    w.bytes(raw);
    w.pad(&mark);
}
