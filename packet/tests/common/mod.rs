//! What several tests need: hexadecimal text, and example values.
#![allow(dead_code)] // Each test file uses its own part.

pub(crate) mod tshark;

use std::net::Ipv6Addr;

use bytes::Bytes;
use packet::{Icmpv6, MacAddr, MldQuery, MldRecord, MldRecordKind, NdOption, Preference, RouterAdvert};

/// Bytes from hexadecimal text; white space separates, `#` comments to the end of the line.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    assert!(digits.len().is_multiple_of(2), "odd number of digits in {text}");
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

/// An address from text.
pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// A MAC from text.
pub(crate) fn mac(text: &str) -> MacAddr {
    text.parse().unwrap()
}

/// A router advert with one of every option that belongs in it.
pub(crate) fn full_advert() -> RouterAdvert {
    let prefix = |text: &str, router_address, pd_preferred| NdOption::PrefixInformation {
        prefix: text.parse().unwrap(),
        on_link: true,
        autonomous: true,
        router_address,
        pd_preferred,
        valid_s: 86400,
        preferred_s: 14400,
    };
    RouterAdvert {
        cur_hop_limit: 64,
        managed: true,
        other: true,
        preference: Preference::High,
        router_lifetime_s: 1800,
        reachable_ms: 30000,
        retrans_ms: 1000,
        options: vec![
            NdOption::SourceLinkLayer(mac("02:00:00:00:00:01")),
            NdOption::Mtu(1442),
            prefix("2001:db8:a::/64", false, false),
            prefix("2001:db8:b::1/64", true, false),
            NdOption::RouteInformation {
                prefix: "64:ff9b::/96".parse().unwrap(),
                preference: Preference::Low,
                lifetime_s: 600,
            },
            NdOption::RouteInformation {
                prefix: "2001:db8:c::/48".parse().unwrap(),
                preference: Preference::High,
                lifetime_s: 601,
            },
            NdOption::RouteInformation {
                prefix: "::/0".parse().unwrap(),
                preference: Preference::Medium,
                lifetime_s: 602,
            },
            NdOption::Rdnss { lifetime_s: 1200, servers: vec![v6("2001:db8::53"), v6("fe80::53")] },
            NdOption::Dnssl { lifetime_s: 1201, domains: vec!["example.org".into(), "a.b.example.net".into()] },
            NdOption::CaptivePortal("https://portal.example/api".into()),
            NdOption::Pref64 { lifetime_s: 1800, prefix: "64:ff9b::/96".parse().unwrap() },
        ],
        ..RouterAdvert::default()
    }
}

/// MLD messages of every kind.
pub(crate) fn mld_messages() -> Vec<Icmpv6> {
    let group = v6("ff05::1234");
    let record = |kind, sources: &[&str]| MldRecord {
        kind,
        group,
        sources: sources.iter().map(|s| v6(s)).collect(),
        aux: Bytes::new(),
    };
    let query = |group: &str, sources: &[&str]| {
        Icmpv6::MldQueryV2(MldQuery {
            max_response_ms: 10000,
            group: v6(group),
            suppress: false,
            robustness: 2,
            interval_s: 125,
            sources: sources.iter().map(|s| v6(s)).collect(),
        })
    };
    vec![
        Icmpv6::MldQueryV1 { max_response_ms: 10000, group: Ipv6Addr::UNSPECIFIED },
        Icmpv6::MldReportV1 { group },
        Icmpv6::MldDone { group },
        query("::", &[]),
        query("ff05::1234", &["2001:db8::1", "2001:db8::2"]),
        Icmpv6::MldReportV2 {
            records: vec![
                record(MldRecordKind::ToExclude, &[]),
                record(MldRecordKind::AllowNew, &["2001:db8::1", "2001:db8::2"]),
                record(MldRecordKind::ToInclude, &["2001:db8::3"]),
            ],
        },
    ]
}
