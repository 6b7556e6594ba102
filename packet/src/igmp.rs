//! The Internet group management protocol: queries and reports of versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376).

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};

use crate::mld::{MldRecordKind, QQIC};
use crate::wire::Reader;
use crate::{Bad, checksum};

/// Source addresses read in one query or record; more are refused. No 1500-byte packet holds as many.
const SOURCES_MAX: usize = 384;
/// Records read in one report; more are refused. No 1500-byte packet holds as many.
const RECORDS_MAX: usize = 192;

const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;
/// What a version 3 query has at least; a shorter one is of version 1 or 2 (RFC 3376, 7.1).
const QUERY_V3_BYTES: usize = 12;

/// An IGMP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Igmp {
    /// 0x11, 8 bytes long (RFC 2236, 2).
    QueryV2 {
        /// In tenths of a second; 0: of version 1, which allows 10 s.
        max_response_ds: u8,
        /// `0.0.0.0` in a general query.
        group: Ipv4Addr,
    },
    /// 0x11, at least 12 bytes long (RFC 3376, 4.1).
    QueryV3(IgmpQuery),
    /// 0x12 (RFC 1112, appendix I).
    ReportV1 {
        /// Joined, or still listened to.
        group: Ipv4Addr,
    },
    /// 0x16 (RFC 2236, 2).
    ReportV2 {
        /// Joined, or still listened to.
        group: Ipv4Addr,
    },
    /// 0x17 (RFC 2236, 2).
    Leave {
        /// Left.
        group: Ipv4Addr,
    },
    /// 0x22 (RFC 3376, 4.2).
    ReportV3 {
        /// In the order of the packet.
        records: Vec<IgmpRecord>,
    },
    /// Any other: of multicast routing, or tracing.
    Unknown {
        /// The type.
        kind: u8,
        /// The byte after it.
        code: u8,
        /// All after the checksum.
        body: Bytes,
    },
}

/// A version 3 query. Times are sent as short floating-point codes: emitted, they are rounded down to what a code can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgmpQuery {
    /// Within which to answer, in tenths of a second; at most 31744.
    pub max_response_ds: u32,
    /// `0.0.0.0` in a general query.
    pub group: Ipv4Addr,
    /// S: routers that hear this query are not to touch their timers.
    pub suppress: bool,
    /// The querier's robustness variable, 0 to 7; 0 says nothing.
    pub robustness: u8,
    /// The querier's query interval, in seconds; at most 31744.
    pub interval_s: u32,
    /// In a query about sources.
    pub sources: Vec<Ipv4Addr>,
}

/// What a version 3 report says of one group (RFC 3376, 4.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgmpRecord {
    /// What about the sources: the same kinds as of MLD.
    pub kind: MldRecordKind,
    /// The group.
    pub group: Ipv4Addr,
    /// The sources.
    pub sources: Vec<Ipv4Addr>,
    /// Auxiliary data, which RFC 3376 gives no meaning; a multiple of 4 bytes, at most 1020.
    pub aux: Bytes,
}

impl Igmp {
    /// Reads what follows the IPv4 header; verifies the checksum.
    pub fn parse(bytes: &[u8]) -> Result<Igmp, Bad> {
        let mut r = Reader::new(bytes);
        let [kind, code] = r.array()?;
        let sum = r.u16()?;
        checksum::verify(checksum(bytes), sum)?;
        Ok(match kind {
            QUERY if bytes.len() < QUERY_V3_BYTES => Igmp::QueryV2 { max_response_ds: code, group: r.v4()? },
            QUERY => {
                let group = r.v4()?;
                let [flags, interval] = r.array()?;
                let count = r.u16()?;
                Igmp::QueryV3(IgmpQuery {
                    max_response_ds: QQIC.value(u32::from(code)),
                    group,
                    suppress: flags & 8 != 0,
                    robustness: flags & 7,
                    interval_s: QQIC.value(u32::from(interval)),
                    sources: sources(&mut r, count)?,
                })
            }
            REPORT_V1 => Igmp::ReportV1 { group: r.v4()? },
            REPORT_V2 => Igmp::ReportV2 { group: r.v4()? },
            LEAVE => Igmp::Leave { group: r.v4()? },
            REPORT_V3 => Igmp::ReportV3 { records: records(&mut r)? },
            kind => Igmp::Unknown { kind, code, body: r.rest_bytes() },
        })
    }

    /// What follows the IPv4 header, with checksum.
    pub fn emit(&self) -> Bytes {
        let mut out = BytesMut::new();
        let (kind, code) = match self {
            Igmp::QueryV2 { max_response_ds, .. } => (QUERY, *max_response_ds),
            Igmp::QueryV3(query) => (QUERY, QQIC.code(query.max_response_ds) as u8),
            Igmp::ReportV1 { .. } => (REPORT_V1, 0),
            Igmp::ReportV2 { .. } => (REPORT_V2, 0),
            Igmp::Leave { .. } => (LEAVE, 0),
            Igmp::ReportV3 { .. } => (REPORT_V3, 0),
            Igmp::Unknown { kind, code, .. } => (*kind, *code),
        };
        out.put_slice(&[kind, code, 0, 0]);
        match self {
            Igmp::QueryV2 { group, .. }
            | Igmp::ReportV1 { group }
            | Igmp::ReportV2 { group }
            | Igmp::Leave { group } => out.put_slice(&group.octets()),
            Igmp::QueryV3(query) => {
                out.put_slice(&query.group.octets());
                out.put_u8(u8::from(query.suppress) << 3 | (query.robustness & 7));
                out.put_u8(QQIC.code(query.interval_s) as u8);
                let sources = &query.sources[..query.sources.len().min(0xffff)];
                out.put_u16(sources.len() as u16);
                sources.iter().for_each(|source| out.put_slice(&source.octets()));
            }
            Igmp::ReportV3 { records } => put_records(&mut out, records),
            Igmp::Unknown { body, .. } => out.put_slice(body),
        }
        let sum = checksum(&out);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out.freeze()
    }
}

fn records(r: &mut Reader<'_>) -> Result<Vec<IgmpRecord>, Bad> {
    r.u16()?;
    let count = usize::from(r.u16()?);
    if count > RECORDS_MAX {
        return Err(Bad::TooMany { what: "records", max: RECORDS_MAX });
    }
    let mut records = Vec::new();
    for _ in 0..count {
        let [kind, aux_words] = r.array()?;
        let (source_count, group) = (r.u16()?, r.v4()?);
        let sources = sources(r, source_count)?;
        let aux = Bytes::copy_from_slice(r.take(4 * usize::from(aux_words))?);
        records.push(IgmpRecord { kind: MldRecordKind::from_number(kind), group, sources, aux });
    }
    Ok(records)
}

fn put_records(out: &mut BytesMut, records: &[IgmpRecord]) {
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

fn sources(r: &mut Reader<'_>, count: u16) -> Result<Vec<Ipv4Addr>, Bad> {
    if usize::from(count) > SOURCES_MAX {
        return Err(Bad::TooMany { what: "sources", max: SOURCES_MAX });
    }
    (0..count).map(|_| r.v4()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let group = v4("239.1.2.3");
        let query = IgmpQuery {
            max_response_ds: 100,
            group,
            suppress: true,
            robustness: 2,
            interval_s: 125,
            sources: vec![v4("10.0.0.1")],
        };
        let record = |kind, sources: &[&str], aux: &'static [u8]| IgmpRecord {
            kind,
            group,
            sources: sources.iter().map(|s| v4(s)).collect(),
            aux: Bytes::from_static(aux),
        };
        let records =
            vec![record(MldRecordKind::ToExclude, &[], b""), record(MldRecordKind::BlockOld, &["10.0.0.2"], b"abcd")];
        for message in [
            Igmp::QueryV2 { max_response_ds: 0, group },
            Igmp::QueryV3(query),
            Igmp::ReportV1 { group },
            Igmp::ReportV2 { group },
            Igmp::Leave { group },
            Igmp::ReportV3 { records },
            Igmp::Unknown { kind: 0x13, code: 1, body: Bytes::from_static(&[1, 2, 3, 4]) },
        ] {
            let bytes = message.emit();
            assert_eq!(Igmp::parse(&bytes), Ok(message));
            for cut in 0..bytes.len() {
                let _ = Igmp::parse(&bytes[..cut]);
            }
        }
    }

    #[test]
    fn a_report_of_linux_is_read() {
        // What Linux 6.1 sends on joining 239.1.2.3.
        let bytes = [0x22, 0, 0xe8, 0xf9, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 2, 3];
        let Ok(Igmp::ReportV3 { records }) = Igmp::parse(&bytes) else { panic!("{:?}", Igmp::parse(&bytes)) };
        assert_eq!((records[0].kind, records[0].group), (MldRecordKind::ToExclude, v4("239.1.2.3")));
    }

    #[test]
    fn lists_have_an_end_and_sums_are_verified() {
        let mut many = vec![0x22, 0, 0, 0, 0, 0, 0xff, 0xff];
        let sum = checksum(&many);
        many[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(Igmp::parse(&many), Err(Bad::TooMany { what: "records", max: RECORDS_MAX }));
        many[2] ^= 1;
        assert!(matches!(Igmp::parse(&many), Err(Bad::Checksum { .. })));
        assert_eq!(Igmp::parse(&[]), Err(Bad::Short { need: 2, have: 0 }));
    }
}
