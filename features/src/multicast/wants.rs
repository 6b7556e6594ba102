//! What a port's hosts want of a group, as their reports change it (RFC 3810, 7.4; for IGMP RFC 3376, 6.4).
//!
//! Behind most ports is one host, and its reports never reach others: what it says is so, at once, and when it leaves, nobody has to be asked
//! (RFC 3810, 7.2: tracked for each host). Behind a shared port may be several: what they want is joined, and before less is sent there, they are asked.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use packet::MldRecordKind;
use topology::Listener;

/// Sources of one group that a port may name.
pub const SOURCES_MAX: usize = 64;

/// What a host says of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What about the sources.
    pub kind: MldRecordKind,
    /// The group.
    pub group: IpAddr,
    /// The sources.
    pub sources: Vec<IpAddr>,
}

/// What follows from a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// What the port gets now; `None`: nothing.
    pub now: Option<Listener>,
    /// Whether others behind the port have to be asked whether they want what this one does not want any more.
    pub ask: bool,
    /// More sources were named than a port may: they are left out.
    pub too_many: bool,
}

/// Takes a record in. `shared`: several hosts may be behind the port.
pub fn hear(before: Option<&Listener>, record: &Record, shared: bool) -> Wants {
    let named: BTreeSet<IpAddr> = record.sources.iter().copied().collect();
    let (exclude, known) = match before {
        Some(listener) => (listener.exclude, listener.sources.iter().copied().collect()),
        None => (false, BTreeSet::new()),
    };
    let said = |exclude| Some((exclude, named.clone()));
    let now = match record.kind {
        MldRecordKind::IsInclude | MldRecordKind::ToInclude if !shared => said(false),
        MldRecordKind::IsExclude | MldRecordKind::ToExclude if !shared => said(true),
        MldRecordKind::IsInclude | MldRecordKind::ToInclude | MldRecordKind::AllowNew => {
            Some(joined((exclude, known), (false, named)))
        }
        MldRecordKind::IsExclude | MldRecordKind::ToExclude if before.is_none() => said(true),
        MldRecordKind::IsExclude | MldRecordKind::ToExclude => Some(joined((exclude, known), (true, named))),
        MldRecordKind::BlockOld if shared => Some((exclude, known)),
        MldRecordKind::BlockOld if exclude => Some((true, &known | &named)),
        MldRecordKind::BlockOld => Some((false, &known - &named)),
        MldRecordKind::Other(_) => Some((exclude, known)),
    };
    let less = matches!(record.kind, MldRecordKind::ToInclude | MldRecordKind::BlockOld);
    let (now, too_many) = now.map_or((None, false), |(exclude, sources)| listener(exclude, &sources));
    Wants { now, ask: shared && before.is_some() && less, too_many }
}

/// What somebody wants who wants what either does.
pub fn both(one: Option<&Listener>, other: Option<&Listener>) -> Option<Listener> {
    let (Some(one), Some(other)) = (one, other) else { return one.or(other).cloned() };
    let filter = |of: &Listener| (of.exclude, of.sources.iter().copied().collect());
    let (exclude, sources) = joined(filter(one), filter(other));
    listener(exclude, &sources).0
}

type Filter = (bool, BTreeSet<IpAddr>);

/// RFC 3810, 4.2: the filter of an interface, from those of its sockets.
fn joined((exclude, a): Filter, (other, b): Filter) -> Filter {
    match (exclude, other) {
        (false, false) => (false, &a | &b),
        (true, true) => (true, &a & &b),
        (true, false) => (true, &a - &b),
        (false, true) => (true, &b - &a),
    }
}

/// A filter that lets nothing through is none.
fn listener(exclude: bool, sources: &BTreeSet<IpAddr>) -> (Option<Listener>, bool) {
    let too_many = sources.len() > SOURCES_MAX;
    let sources: Arc<[IpAddr]> = sources.iter().copied().take(SOURCES_MAX).collect();
    ((exclude || !sources.is_empty()).then_some(Listener { exclude, sources }), too_many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use MldRecordKind::*;

    fn sources(names: &str) -> Vec<IpAddr> {
        names.bytes().map(|c| IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(c)])).collect()
    }

    /// `+ab`: only what a and b send; `-ab`: all but that.
    fn state(text: &str) -> Option<Listener> {
        let (exclude, names) = (text.starts_with('-'), text.get(1..)?);
        Some(Listener { exclude, sources: sources(names).into() })
    }

    fn heard(before: &str, kind: MldRecordKind, names: &str, shared: bool) -> Wants {
        let record = Record { kind, group: "ff3e::1".parse().unwrap(), sources: sources(names) };
        hear(state(before).as_ref(), &record, shared)
    }

    #[test]
    fn what_one_host_says_is_so() {
        for (before, kind, names, after) in [
            ("", ToExclude, "", "-"),
            ("-", ToInclude, "", ""),
            ("", AllowNew, "a", "+a"),
            ("+a", AllowNew, "b", "+ab"),
            ("+ab", BlockOld, "a", "+b"),
            ("+b", BlockOld, "b", ""),
            ("-ab", AllowNew, "a", "-b"),
            ("-", BlockOld, "a", "-a"),
            ("+ab", IsInclude, "b", "+b"),
            ("+a", IsExclude, "b", "-b"),
            ("-", Other(9), "a", "-"),
            ("", BlockOld, "a", ""),
        ] {
            let wants = heard(before, kind, names, false);
            assert_eq!(wants.now, state(after), "{before} {kind:?} {names}");
            assert!(!wants.ask, "one host is not asked again");
        }
    }

    #[test]
    fn behind_a_shared_port_nobody_loses_what_another_wants() {
        for (before, kind, names, after, ask) in [
            ("", ToExclude, "", "-", false),
            ("-", ToInclude, "", "-", true),
            ("+a", IsExclude, "ab", "-b", false),
            ("-ab", IsExclude, "bc", "-b", false),
            ("-ab", ToInclude, "a", "-b", true),
            ("+ab", BlockOld, "a", "+ab", true),
            ("+a", IsInclude, "b", "+ab", false),
            ("", ToInclude, "", "", false),
        ] {
            let wants = heard(before, kind, names, true);
            assert_eq!((wants.now, wants.ask), (state(after), ask), "{before} {kind:?} {names}");
        }
    }

    #[test]
    fn sources_have_a_limit() {
        let many: String = (0..100u8).map(|n| char::from(n % 100)).collect();
        let wants = heard("", IsInclude, &many, false);
        assert!(wants.too_many);
        assert_eq!(wants.now.map(|listener| listener.sources.len()), Some(SOURCES_MAX));
    }
}
