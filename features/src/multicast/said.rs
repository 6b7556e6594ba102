//! What hosts and routers say of groups: MLD (RFC 2710, RFC 3810) and IGMP (RFC 1112, RFC 2236, RFC 3376) in one shape.

use std::net::IpAddr;

use packet::{Frame, Icmpv6, Igmp, Ipv4Packet, Ipv6Packet, MldRecordKind, Net};
use topology::is_snooped;

use super::wants::Record;
use crate::punt::Unanswered;

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A host listens to groups, or no longer; without those that everybody gets.
    Report(Vec<Record>),
    /// A router asks who listens.
    Query {
        /// What tells queriers apart: the lowest wins (RFC 3810, 7.6.2).
        source: IpAddr,
        /// `None`: a general query.
        group: Option<IpAddr>,
    },
    /// What routers say to each other, or hosts to no router.
    Other,
}

/// Reads a frame, or says why nothing can be believed of it.
pub fn read(frame: &[u8]) -> Result<Said, Unanswered> {
    let frame = Frame::parse(frame).map_err(|_| "malformed")?;
    match &frame.net {
        Net::Ipv6(ip) => mld(ip),
        Net::Ipv4(ip) => igmp(ip),
        _ => Err("malformed"),
    }
}

fn mld(ip: &Ipv6Packet) -> Result<Said, Unanswered> {
    // RFC 3810, 5.1.14 and 5.2.13: from the link, to the link. `::` is a host's that has no address yet (RFC 3590).
    if ip.hop_limit != 1 || !(addr::is_link_local(ip.src) || ip.src.is_unspecified()) {
        return Err("not_of_the_link");
    }
    let Ok(Some(message)) = ip.icmpv6() else { return Err("malformed") };
    let one = |kind, group| report([(kind, IpAddr::V6(group), Vec::new())]);
    let query = |group: std::net::Ipv6Addr| match ip.src.is_unspecified() {
        true => Err("not_of_the_link"),
        false => {
            Ok(Said::Query { source: ip.src.into(), group: (!group.is_unspecified()).then_some(IpAddr::V6(group)) })
        }
    };
    match message {
        Icmpv6::MldReportV1 { group } => Ok(one(MldRecordKind::IsExclude, group)),
        Icmpv6::MldDone { group } => Ok(one(MldRecordKind::ToInclude, group)),
        Icmpv6::MldReportV2 { records } => Ok(report(records.into_iter().map(|record| {
            let sources = record.sources.into_iter().map(IpAddr::V6).collect();
            (record.kind, IpAddr::V6(record.group), sources)
        }))),
        Icmpv6::MldQueryV1 { group, .. } => query(group),
        Icmpv6::MldQueryV2(asked) => query(asked.group),
        _ => Err("malformed"),
    }
}

fn igmp(ip: &Ipv4Packet) -> Result<Said, Unanswered> {
    if ip.ttl != 1 {
        return Err("not_of_the_link");
    }
    let Ok(Some(message)) = ip.igmp() else { return Err("malformed") };
    let one = |kind, group| report([(kind, IpAddr::V4(group), Vec::new())]);
    let query = |group: std::net::Ipv4Addr| Said::Query {
        source: ip.src.into(),
        group: (!group.is_unspecified()).then_some(IpAddr::V4(group)),
    };
    Ok(match message {
        Igmp::ReportV1 { group } | Igmp::ReportV2 { group } => one(MldRecordKind::IsExclude, group),
        Igmp::Leave { group } => one(MldRecordKind::ToInclude, group),
        Igmp::ReportV3 { records } => report(records.into_iter().map(|record| {
            let sources = record.sources.into_iter().map(IpAddr::V4).collect();
            (record.kind, IpAddr::V4(record.group), sources)
        })),
        Igmp::QueryV2 { group, .. } => query(group),
        Igmp::QueryV3(asked) => query(asked.group),
        Igmp::Unknown { .. } => Said::Other,
    })
}

fn report(records: impl IntoIterator<Item = (MldRecordKind, IpAddr, Vec<IpAddr>)>) -> Said {
    let records = records.into_iter().filter(|(_, group, _)| is_snooped(*group));
    let usual = |source: &IpAddr| !source.is_multicast() && !source.is_unspecified();
    let record = |(kind, group, sources): (_, _, Vec<IpAddr>)| Record {
        kind,
        group,
        sources: sources.into_iter().filter(usual).collect(),
    };
    Said::Report(records.map(record).collect())
}

#[cfg(test)]
mod tests {
    use addr::{MacAddr, multicast_mac};
    use packet::{MldRecord, icmpv6_frame, igmp_frame};

    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);

    fn mld_frame(src: &str, hop_limit: u8, message: &Icmpv6) -> Vec<u8> {
        let to = "ff02::16".parse().unwrap();
        icmpv6_frame(MAC, multicast_mac(to), src.parse().unwrap(), to, hop_limit, message).to_vec()
    }

    fn kinds(said: Result<Said, Unanswered>) -> Vec<(MldRecordKind, String, usize)> {
        let Ok(Said::Report(records)) = said else { panic!("{said:?}") };
        records.into_iter().map(|r| (r.kind, r.group.to_string(), r.sources.len())).collect()
    }

    #[test]
    fn reports_of_either_protocol_are_records() {
        let record = |group: &str| MldRecord {
            kind: MldRecordKind::AllowNew,
            group: group.parse().unwrap(),
            sources: vec!["2001:db8::1".parse().unwrap(), "::".parse().unwrap()],
            aux: Default::default(),
        };
        let message = Icmpv6::MldReportV2 { records: vec![record("ff3e::1"), record("ff02::fb")] };
        let said = read(&mld_frame("fe80::7", 1, &message));
        assert_eq!(kinds(said), [(MldRecordKind::AllowNew, "ff3e::1".to_owned(), 1)]);
        let done = Icmpv6::MldDone { group: "ff15::1".parse().unwrap() };
        assert_eq!(kinds(read(&mld_frame("::", 1, &done))), [(MldRecordKind::ToInclude, "ff15::1".to_owned(), 0)]);
        let join = Igmp::ReportV2 { group: [239, 1, 2, 3].into() };
        let frame = igmp_frame(MAC, [0, 0, 0, 0].into(), [239, 1, 2, 3].into(), &join);
        assert_eq!(kinds(read(&frame)), [(MldRecordKind::IsExclude, "239.1.2.3".to_owned(), 0)]);
    }

    #[test]
    fn what_comes_from_afar_is_not_believed() {
        let join = Icmpv6::MldReportV1 { group: "ff15::1".parse().unwrap() };
        for (src, hop_limit) in [("fe80::7", 2), ("2001:db8::7", 1)] {
            assert!(read(&mld_frame(src, hop_limit, &join)).is_err(), "{src} {hop_limit}");
        }
        let query = Icmpv6::MldQueryV1 { max_response_ms: 10, group: "::".parse().unwrap() };
        assert!(read(&mld_frame("::", 1, &query)).is_err());
        let said = Said::Query { source: "fe80::7".parse().unwrap(), group: None };
        assert_eq!(read(&mld_frame("fe80::7", 1, &query)), Ok(said));
        assert_eq!(read(&[0; 20]), Err("malformed"));
    }
}
