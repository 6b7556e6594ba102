//! Multicast groups, from what a host says to the rows: kept over a restart, asked for in time, taken away when nobody answers.

mod common;

use std::net::Ipv6Addr;

use addr::{MacAddr, link_local, multicast_mac};
use brain::{Reply, Request};
use common::*;
use flows::{PuntOp, Table};
use packet::{Frame, Icmpv6, Igmp, MldRecord, MldRecordKind, Net, icmpv6_frame, igmp_frame};
use proto::v1;

/// `vm1` of acme, on the first chassis.
const BRIDGE: usize = 0;
const PORT: u32 = 11;
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const GROUP: &str = "ff3e::8000:1";
/// RFC 3810, 9.4.
const LISTENS_MS: u64 = 260_000;

fn site() -> Site {
    let mut site = Site::new(bridges());
    site.apply(site_documents()).unwrap();
    site.connect_all();
    site.now = 10_000;
    site
}

fn mld(message: &Icmpv6) -> Vec<u8> {
    let to: Ipv6Addr = "ff02::16".parse().unwrap();
    icmpv6_frame(MAC, multicast_mac(to), link_local(MAC), to, 1, message).to_vec()
}

fn report(kind: MldRecordKind, groups: &[&str], sources: &[&str]) -> Vec<u8> {
    let record = |group: &&str| MldRecord {
        kind,
        group: group.parse().unwrap(),
        sources: sources.iter().map(|source| source.parse().unwrap()).collect(),
        aux: Default::default(),
    };
    mld(&Icmpv6::MldReportV2 { records: groups.iter().map(record).collect() })
}

fn says(site: &mut Site, frame: &[u8]) {
    from_port(site, BRIDGE, PORT, PuntOp::Membership, frame);
}

fn listeners(site: &mut Site) -> Vec<v1::Listener> {
    match site.ask(Request::Listeners(v1::ListenersRequest::default())) {
        Some(Ok(Reply::Listeners(listeners))) => listeners,
        other => panic!("{other:?}"),
    }
}

/// Rows for the group, by bridge.
fn rows(site: &Site) -> Vec<usize> {
    let group = u128::from(GROUP.parse::<Ipv6Addr>().unwrap());
    let of = |flow: &&ofp::FlowStats| {
        flow.table == Table::Multicast.id() && flow.match_.get(ofp::Field::IPV6_DST).is_some_and(|(v, _)| v == group)
    };
    site.bridges.iter().map(|bridge| bridge.tables.flows.values().filter(of).count()).collect()
}

/// Queries that a bridge was given to send: the group asked about, for general ones `::`, and to how many ports.
fn queries(site: &mut Site, bridge: usize) -> Vec<(Ipv6Addr, usize)> {
    let packets = site.bridges[bridge].packets.drain(..);
    let read = packets.filter_map(|(actions, frame)| {
        let Net::Ipv6(ip) = Frame::parse(&frame).ok()?.net else { return None };
        match ip.icmpv6() {
            Ok(Some(Icmpv6::MldQueryV2(query))) => Some((query.group, actions.len())),
            _ => None,
        }
    });
    read.collect()
}

#[test]
fn a_join_makes_rows_and_a_leave_takes_them_away() {
    let mut site = site();
    says(&mut site, &report(MldRecordKind::ToExclude, &[GROUP, "ff02::fb"], &[]));
    let shown = listeners(&mut site);
    assert_eq!(shown.len(), 1, "groups of the link are everybody's: {shown:?}");
    let listener = &shown[0];
    assert_eq!((listener.port.as_str(), listener.group.as_str(), listener.since_ms), ("vm1", GROUP, 10_000));
    assert!(listener.exclude && listener.sources.is_empty());
    // For what is sent on red: here from ports and from the fabric, elsewhere from ports. On blue, by the router, the same.
    let both = rows(&site);
    assert!(both[0] > both[1] && both[1] == both[2] && both[2] > 0, "{both:?}");
    site.installed().unwrap();
    let mods = site.flow_mods();
    says(&mut site, &report(MldRecordKind::IsExclude, &[GROUP], &[]));
    assert_eq!(site.flow_mods(), mods, "said again, it changes nothing");
    says(&mut site, &report(MldRecordKind::ToInclude, &[GROUP], &[]));
    assert_eq!((listeners(&mut site).len(), rows(&site)), (0, vec![0, 0, 0]), "one host: nobody has to be asked");
}

#[test]
fn listeners_outlive_a_restart_and_go_with_their_port() {
    let mut site = site();
    says(&mut site, &report(MldRecordKind::AllowNew, &[GROUP], &["2001:db8:a::7"]));
    let before = (listeners(&mut site), rows(&site));
    let mut site = site.restarted();
    site.connect_all();
    assert_eq!(site.flow_mods(), 0, "a restart sends nothing");
    assert_eq!((listeners(&mut site), rows(&site)), before);
    site.tick(1_000);
    let asked = queries(&mut site, BRIDGE);
    assert!(asked.contains(&(Ipv6Addr::UNSPECIFIED, 1)), "all are asked soon: {asked:?}");
    let delete =
        v1::DeleteRequest { tenant: "acme".to_owned(), name: "vm1".to_owned(), ..v1::DeleteRequest::default() };
    site.ask(Request::Delete { kind: "port".to_owned(), delete }).unwrap().unwrap();
    assert_eq!((listeners(&mut site).len(), rows(&site)), (0, vec![0, 0, 0]));
    assert!(site.store.entries.keys().all(|key| !key.contains("/listener/")));
}

#[test]
fn who_does_not_answer_listens_no_longer() {
    let mut site = site();
    let group: Ipv6Addr = GROUP.parse().unwrap();
    says(&mut site, &report(MldRecordKind::IsExclude, &[GROUP], &[]));
    site.bridges[BRIDGE].packets.clear();
    site.tick(LISTENS_MS - 1);
    assert!(queries(&mut site, BRIDGE).iter().all(|(asked, _)| asked.is_unspecified()));
    site.tick(1);
    assert_eq!(queries(&mut site, BRIDGE), [(group, 1)], "asked before anything is taken away");
    says(&mut site, &report(MldRecordKind::IsExclude, &[GROUP], &[]));
    site.tick(LISTENS_MS - 1);
    assert_eq!(listeners(&mut site).len(), 1);
    // It can't answer while its switch is away.
    site.disconnect(BRIDGE);
    site.tick(10_000);
    assert_eq!(listeners(&mut site).len(), 1);
    site.connect(BRIDGE);
    for _ in 0..4 {
        site.tick(LISTENS_MS);
    }
    assert_eq!(listeners(&mut site).len(), 0);
}

#[test]
fn a_router_with_a_lower_address_asks_in_our_place() {
    let mut site = site();
    site.tick(60_000);
    site.bridges[BRIDGE].packets.clear();
    let query = Icmpv6::MldQueryV1 { max_response_ms: 1000, group: Ipv6Addr::UNSPECIFIED };
    says(&mut site, &mld(&query));
    let refused: Vec<_> = site.happened.iter().filter(|event| event.r#type == "membership.drop").collect();
    assert_eq!(refused.len(), 1, "a host may not");
    assert_eq!(site.bridges[BRIDGE].packets.len(), 0);
    let mut documents = site_documents();
    documents[1].ports[0].spec.as_mut().unwrap().role = v1::PortRole::Router.into();
    site.apply(documents).unwrap();
    site.bridges.iter_mut().for_each(|bridge| bridge.packets.clear());
    says(&mut site, &mld(&query));
    let heard: Vec<usize> = site.bridges.iter().map(|bridge| bridge.packets.len()).collect();
    assert_eq!(heard, [0, 1, 1], "all of red but itself");
    // fe80::ff:fe00:1 is lower than ours, fe80::53:1ff:fe00:1.
    site.bridges[1].packets.clear();
    site.tick(125_000);
    assert_eq!(queries(&mut site, 1).iter().filter(|(group, _)| group.is_unspecified()).count(), 3, "not for red");
    site.tick(256_000);
    assert_eq!(queries(&mut site, 1).iter().filter(|(group, _)| group.is_unspecified()).count(), 4, "it is gone");
}

#[test]
fn a_port_has_a_limit_and_it_is_told() {
    let mut site = site();
    let groups: Vec<String> = (0..1_100).map(|n| format!("ff13::1:{n:x}")).collect();
    for some in groups.chunks(128) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        says(&mut site, &report(MldRecordKind::ToExclude, &some, &[]));
    }
    assert_eq!(listeners(&mut site).len(), 1_024);
    assert!(site.happened.iter().any(|event| event.r#type == "membership.limit"));
}

#[test]
fn igmp_is_heard_and_a_store_that_cannot_write_is_tried_again() {
    let mut site = site();
    site.broken_store = true;
    let join = Igmp::ReportV2 { group: [239, 1, 2, 3].into() };
    says(&mut site, &igmp_frame(MAC, [0; 4].into(), [239, 1, 2, 3].into(), &join));
    assert_eq!(listeners(&mut site).len(), 0);
    site.broken_store = false;
    site.tick(1_000);
    assert_eq!(listeners(&mut site)[0].group, "239.1.2.3");
    let query = Igmp::QueryV2 { max_response_ds: 1, group: [0; 4].into() };
    site.bridges.iter_mut().for_each(|bridge| bridge.packets.clear());
    says(&mut site, &igmp_frame(MAC, [10, 0, 0, 1].into(), [224, 0, 0, 1].into(), &query));
    assert!(site.bridges.iter().all(|bridge| bridge.packets.is_empty()), "a host's query goes nowhere");
}
