//! What routers upstream are told, and when: flows first, nothing taken back for want of knowledge.

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;

use brain::{Event, PeerState, Speaker};
use common::*;
use proto::v1::{self, resource::Kind};

const PEER: &str = "2001:db8:100::1";

fn documents(peers: bool) -> Vec<v1::Document> {
    let mut documents = site_documents_with_a_way_out();
    let acme = &mut documents[1];
    let spec = v1::SubnetSpec {
        network: "public".to_owned(),
        cidr: "2001:db8:100::/64".to_owned(),
        gateway_ip: Some(PEER.to_owned()),
        ..v1::SubnetSpec::default()
    };
    acme.subnets.push(v1::Subnet { meta: meta("public6"), spec: Some(spec), status: None });
    let router = acme.routers[0].spec.as_mut().unwrap();
    router.external_gateway = Some(v1::ExternalGateway {
        network: "public".to_owned(),
        ip_addresses: vec!["2001:db8:100::10".to_owned(), "2001:db8:100::11".to_owned()],
        enable_snat: None,
    });
    if peers {
        router.bgp_peers = vec![v1::BgpPeer { address: PEER.to_owned(), asn: 65001, password_file: None }];
    }
    let spec = v1::ExposureSpec {
        router: "r1".to_owned(),
        method: v1::ExposureMethod::Routed.into(),
        ports: vec!["vm1".to_owned()],
        subnets: vec!["red6".to_owned()],
    };
    acme.exposures.push(v1::Exposure { meta: meta("e"), spec: Some(spec), status: None });
    documents
}

fn site(peers: bool) -> Site {
    let mut bridges = bridges();
    bridges[..2].iter_mut().for_each(|bridge| bridge.ports.push((50, "eth1".to_owned())));
    let mut site = Site::new(bridges);
    site.apply(documents(peers)).unwrap();
    site
}

/// What gobgpd is to say: prefix, next hop, and whether it is sure.
fn paths(site: &Site) -> Vec<(String, String, bool)> {
    let announced = site.announced.as_ref().map(|announcement| &announcement.paths[..]).unwrap_or_default();
    announced.iter().map(|path| (path.prefix.to_string(), path.nexthop.to_string(), path.sure)).collect()
}

/// gobgpd has done what it was told, as far as it is sure.
fn speaks(site: &mut Site) {
    let announcement = site.announced.clone().unwrap_or_default();
    let established = |address: IpAddr| PeerState { address, established: true, state: "Established".to_owned() };
    site.event(Event::Speaker(Speaker {
        fault: None,
        peers: announcement.peers.iter().map(|peer| established(peer.address)).collect(),
        paths: announcement.paths.iter().filter(|path| path.sure).map(|path| (path.prefix, path.nexthop)).collect(),
    }));
}

fn silent() -> Event {
    Event::Speaker(Speaker { fault: Some("nobody is there".to_owned()), peers: vec![], paths: BTreeSet::new() })
}

fn status(site: &mut Site) -> v1::ExposureStatus {
    let shown = site.list("exposure").remove(0);
    let Some(Kind::Exposure(exposure)) = shown.kind else { panic!("{shown:?}") };
    exposure.status.unwrap()
}

#[test]
fn routes_are_said_once_all_switches_have_confirmed_them() {
    let mut site = site(true);
    assert_eq!(site.announced, None, "nobody is there to be told");
    site.bridges[0].slow = true;
    site.connect_all();
    site.event(silent());
    let told = paths(&site);
    let hops: BTreeSet<&str> = told.iter().map(|(_, nexthop, _)| &**nexthop).collect();
    assert_eq!(hops, ["2001:db8:100::10", "2001:db8:100::11"].into());
    let of = |told: &[(String, String, bool)], prefix: &str| {
        told.iter().filter(|(to, ..)| to == prefix).map(|(_, _, sure)| *sure).collect::<Vec<_>>()
    };
    let mut sure = of(&told, "2001:db8:a::/64");
    sure.sort_unstable();
    assert_eq!(sure, [false, true], "one gateway has not confirmed: {told:?}");
    // The port is on hv1, which leads in alone.
    assert_eq!(of(&told, "2001:db8:a::ff:fe00:1/128"), [false], "{told:?}");
    assert_eq!(status(&mut site).phase(), v1::Phase::Installing);
    site.bridges[0].slow = false;
    for batch in std::mem::take(&mut site.bridges[0].batches) {
        site.confirm(0, &batch);
    }
    site.tick(2_000);
    assert!(paths(&site).iter().all(|(_, _, sure)| *sure), "{:?}", paths(&site));
    let before = status(&mut site);
    assert!(before.phase() == v1::Phase::Degraded && before.reason == "nobody is there", "{before:?}");
    speaks(&mut site);
    let after = status(&mut site);
    assert!(after.routes.iter().flat_map(|route| &route.nexthops).all(|hop| hop.announced), "{after:?}");
    assert!(after.static_routes.contains(&"2001:db8:a::/64 via 2001:db8:100::10".to_owned()), "{after:?}");
    assert_eq!(site.announced.as_ref().unwrap().peers.len(), 1);
}

#[test]
fn a_controller_that_starts_anew_takes_nothing_back() {
    let mut site = site(true);
    site.connect_all();
    site.event(silent());
    site.tick(2_000);
    let before: Vec<_> = paths(&site).into_iter().map(|(prefix, nexthop, _)| (prefix, nexthop)).collect();
    let mut site = site.restarted();
    site.event(silent());
    site.tick(2_000);
    let told = paths(&site);
    assert!(told.iter().all(|(_, _, sure)| !sure), "no switch is there: {told:?}");
    assert_eq!(told.into_iter().map(|(prefix, nexthop, _)| (prefix, nexthop)).collect::<Vec<_>>(), before);
    site.connect_all();
    site.tick(2_000);
    assert!(paths(&site).iter().all(|(_, _, sure)| *sure), "{:?}", paths(&site));
    assert_eq!(paths(&site).len(), before.len());
    // One gateway that does not come back is given up, and so is what leads over it.
    site.disconnect(1);
    site.tick(300);
    let told = paths(&site);
    assert_eq!(told.iter().filter(|(to, ..)| to == "2001:db8:a::/64").count(), 1, "{told:?}");
}

#[test]
fn a_port_that_is_not_there_is_not_led_to() {
    let mut site = site(true);
    site.connect_all();
    site.event(silent());
    site.tick(2_000);
    let host = |site: &Site| paths(site).iter().any(|(to, ..)| to == "2001:db8:a::ff:fe00:1/128");
    assert!(host(&site));
    site.plug(0, 11, "acme-vm1", false);
    site.tick(2_000);
    assert!(!host(&site), "{:?}", paths(&site));
    site.plug(0, 11, "acme-vm1", true);
    site.tick(2_000);
    assert!(host(&site), "{:?}", paths(&site));
}

#[test]
fn without_peers_an_operator_is_told() {
    let mut site = site(false);
    site.connect_all();
    site.event(silent());
    site.tick(2_000);
    assert_eq!(paths(&site), []);
    let status = status(&mut site);
    assert_eq!(status.static_routes.len(), 3, "{status:?}");
    let bgp = status.checks.iter().find(|check| check.name == "bgp").unwrap();
    assert!(bgp.verdict() == v1::ExposureVerdict::Warning && bgp.message.contains("static_routes"), "{bgp:?}");
}
