//! Multicast listener discovery: queries and version 2 reports (RFC 3810; version 1 is RFC 2710).

use std::net::Ipv6Addr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::Bad;
use crate::wire::Reader;

/// Source addresses read in one query or record; more are refused. No 1500-byte packet holds as many.
pub const SOURCES_MAX: usize = 128;
/// Records read in one report; more are refused. No 1500-byte packet holds as many.
pub const RECORDS_MAX: usize = 128;

/// A version 2 query (RFC 3810, 5.1).
///
/// The two times are sent as short floating-point codes: emitted, they are rounded down to what a code can
/// say. A query is general (group `::`), or about a group, or about a group and sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MldQuery {
    /// Within which to answer, in milliseconds; at most 8387584.
    pub max_response_ms: u32,
    /// `::` in a general query.
    pub group: Ipv6Addr,
    /// S: routers that hear this query are not to touch their timers.
    pub suppress: bool,
    /// The querier's robustness variable, 0 to 7; 0 says nothing.
    pub robustness: u8,
    /// The querier's query interval, in seconds; at most 31744.
    pub interval_s: u32,
    /// In a query about sources.
    pub sources: Vec<Ipv6Addr>,
}

/// What a version 2 report says of one group (RFC 3810, 5.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MldRecord {
    /// What about the sources.
    pub kind: MldRecordKind,
    /// The group.
    pub group: Ipv6Addr,
    /// The sources.
    pub sources: Vec<Ipv6Addr>,
    /// Auxiliary data, which RFC 3810 gives no meaning; a multiple of 4 bytes, at most 1020.
    pub aux: Bytes,
}

/// The type of a record (RFC 3810, 5.2.12; IGMP's are the same: RFC 3376, 4.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MldRecordKind {
    /// 1: listens to these sources.
    IsInclude,
    /// 2: listens to all but these sources.
    IsExclude,
    /// 3: changed to listening to these sources (none: left).
    ToInclude,
    /// 4: changed to listening to all but these sources (none: joined).
    ToExclude,
    /// 5: also listens to these sources now.
    AllowNew,
    /// 6: no longer listens to these sources.
    BlockOld,
    /// Any other, to be ignored.
    Other(u8),
}

impl MldRecordKind {
    pub(crate) fn from_number(n: u8) -> MldRecordKind {
        match n {
            1 => MldRecordKind::IsInclude,
            2 => MldRecordKind::IsExclude,
            3 => MldRecordKind::ToInclude,
            4 => MldRecordKind::ToExclude,
            5 => MldRecordKind::AllowNew,
            6 => MldRecordKind::BlockOld,
            n => MldRecordKind::Other(n),
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            MldRecordKind::IsInclude => 1,
            MldRecordKind::IsExclude => 2,
            MldRecordKind::ToInclude => 3,
            MldRecordKind::ToExclude => 4,
            MldRecordKind::AllowNew => 5,
            MldRecordKind::BlockOld => 6,
            MldRecordKind::Other(n) => n,
        }
    }
}

impl MldQuery {
    /// Reads what follows the ICMPv6 checksum.
    pub(crate) fn parse(r: &mut Reader<'_>) -> Result<MldQuery, Bad> {
        let max_response_ms = MRC.value(u32::from(r.u16()?));
        r.u16()?;
        let group = r.v6()?;
        let [flags, interval] = r.array()?;
        let count = r.u16()?;
        Ok(MldQuery {
            max_response_ms,
            group,
            suppress: flags & 8 != 0,
            robustness: flags & 7,
            interval_s: QQIC.value(u32::from(interval)),
            sources: sources(r, count)?,
        })
    }

    pub(crate) fn emit(&self, out: &mut BytesMut) {
        out.put_u16(MRC.code(self.max_response_ms) as u16);
        out.put_u16(0);
        out.put_slice(&self.group.octets());
        out.put_u8(u8::from(self.suppress) << 3 | (self.robustness & 7));
        out.put_u8(QQIC.code(self.interval_s) as u8);
        put_sources(out, &self.sources);
    }
}

/// The records of a report; reads what follows the ICMPv6 checksum.
pub(crate) fn records(r: &mut Reader<'_>) -> Result<Vec<MldRecord>, Bad> {
    r.u16()?;
    let count = usize::from(r.u16()?);
    if count > RECORDS_MAX {
        return Err(Bad::TooMany { what: "records", max: RECORDS_MAX });
    }
    let mut records = Vec::new();
    for _ in 0..count {
        let [kind, aux_words] = r.array()?;
        let (source_count, group) = (r.u16()?, r.v6()?);
        let sources = sources(r, source_count)?;
        let aux = Bytes::copy_from_slice(r.take(4 * usize::from(aux_words))?);
        records.push(MldRecord { kind: MldRecordKind::from_number(kind), group, sources, aux });
    }
    Ok(records)
}

pub(crate) fn put_records(out: &mut BytesMut, records: &[MldRecord]) {
    let records = &records[..records.len().min(0xffff)];
    out.put_u16(0);
    out.put_u16(records.len() as u16);
    for record in records {
        let aux = &record.aux[..record.aux.len().min(1020)];
        let words = aux.len().div_ceil(4);
        out.put_u8(record.kind.number());
        out.put_u8(words as u8);
        let sources = &record.sources[..record.sources.len().min(0xffff)];
        out.put_u16(sources.len() as u16);
        out.put_slice(&record.group.octets());
        sources.iter().for_each(|source| out.put_slice(&source.octets()));
        out.put_slice(aux);
        out.put_bytes(0, 4 * words - aux.len());
    }
}

fn put_sources(out: &mut BytesMut, sources: &[Ipv6Addr]) {
    let sources = &sources[..sources.len().min(0xffff)];
    out.put_u16(sources.len() as u16);
    sources.iter().for_each(|source| out.put_slice(&source.octets()));
}

fn sources(r: &mut Reader<'_>, count: u16) -> Result<Vec<Ipv6Addr>, Bad> {
    if usize::from(count) > SOURCES_MAX {
        return Err(Bad::TooMany { what: "sources", max: SOURCES_MAX });
    }
    (0..count).map(|_| r.v6()).collect()
}

/// A code that is its own value while its top bit is clear, and else a 3-bit exponent over a mantissa with
/// a hidden leading one: `(mantissa | hidden) << (exponent + 3)`.
pub(crate) struct FloatCode {
    mantissa_bits: u32,
}

/// Maximum response code (RFC 3810, 5.1.3).
const MRC: FloatCode = FloatCode { mantissa_bits: 12 };
/// Querier's query interval code (RFC 3810, 5.1.9).
pub(crate) const QQIC: FloatCode = FloatCode { mantissa_bits: 4 };

impl FloatCode {
    pub(crate) fn value(&self, code: u32) -> u32 {
        let float = 1 << (self.mantissa_bits + 3);
        if code < float {
            return code;
        }
        let hidden = 1 << self.mantissa_bits;
        let exponent = (code >> self.mantissa_bits) & 7;
        ((code & (hidden - 1)) | hidden) << (exponent + 3)
    }

    /// The code of the greatest value that is not above this one.
    pub(crate) fn code(&self, value: u32) -> u32 {
        let float = 1 << (self.mantissa_bits + 3);
        if value < float {
            return value;
        }
        let hidden: u32 = 1 << self.mantissa_bits;
        let exponent = value.ilog2() - self.mantissa_bits - 3;
        if exponent > 7 {
            return float | 7 << self.mantissa_bits | (hidden - 1);
        }
        float | exponent << self.mantissa_bits | (value >> (exponent + 3)) & (hidden - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_values_rounded_down() {
        for code in 0..=0xffff {
            assert_eq!(MRC.code(MRC.value(code)), code);
        }
        for code in 0..=0xff {
            assert_eq!(QQIC.code(QQIC.value(code)), code);
        }
        assert_eq!(MRC.value(0x8000), 32768);
        assert_eq!(MRC.value(0xffff), 8_387_584);
        assert_eq!(QQIC.value(0xff), 31_744);
        assert_eq!(QQIC.value(QQIC.code(125)), 125);
        assert_eq!(QQIC.value(QQIC.code(1001)), 992);
        assert_eq!(MRC.code(u32::MAX), 0xffff);
        assert_eq!(QQIC.code(u32::MAX), 0xff);
    }
}
