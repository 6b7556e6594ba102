//! Delegations from upstream: what subnets have of what a router was given, and how that changes.

use features::Millis;
use features::requesting::{Granted, Lease};
use proto::v1::{self, Document, resource::Kind};
use topology::{Ends, NetworkKey, RouterKey, View};

use super::rig::*;
use crate::catalog::Upkeep;

const NOW_MS: u64 = 1_000_000;

/// A router with two subnets without cidr that leads to `out`, and what asks there.
fn uplink() -> Document {
    let mut out = network("out");
    let spec = out.spec.as_mut().unwrap();
    (spec.r#type, spec.physical_network) = (v1::NetworkType::Provider.into(), Some("p".to_owned()));
    let mut gate = router("gate", &["a6", "b6", "c6"]);
    let ip_addresses = vec!["2001:db8:ffff::10".to_owned()];
    gate.spec.as_mut().unwrap().external_gateway =
        Some(v1::ExternalGateway { network: "out".to_owned(), ip_addresses, enable_snat: None });
    let mut b6 = slaac(subnet("b6", "bed", ""));
    b6.spec.as_mut().unwrap().gateway_ip = Some("::1".to_owned());
    Document {
        networks: vec![network("ant"), network("bed"), out],
        subnets: vec![
            slaac(subnet("a6", "ant", "")),
            b6,
            slaac(subnet("c6", "bed", "2001:db8:100:1::/64")),
            subnet("out6", "out", "2001:db8:ffff::/64"),
        ],
        routers: vec![gate],
        ports: vec![
            with_mac(port("a1", "ant"), "02:00:00:00:00:a1"),
            with_fixed(with_mac(port("b1", "bed"), "02:00:00:00:00:b1"), &["b6=::b"]),
        ],
        delegations: vec![delegation()],
        exposures: vec![v1::Exposure {
            meta: meta("way-back"),
            spec: Some(v1::ExposureSpec {
                router: "gate".to_owned(),
                method: v1::ExposureMethod::Routed.into(),
                subnets: vec!["a6".to_owned()],
                ..Default::default()
            }),
            status: None,
        }],
        ..doc()
    }
}

fn delegation() -> v1::Delegation {
    let subnets = ["a6", "b6"].map(|subnet| v1::DelegatedSubnet { subnet: subnet.to_owned(), length: None });
    let spec = v1::DelegationSpec {
        router: "gate".to_owned(),
        upstream: "out".to_owned(),
        hint: Some("::/56".to_owned()),
        subnets: subnets.into(),
        ..Default::default()
    };
    v1::Delegation { meta: meta("uplink"), spec: Some(spec), status: None }
}

fn rig() -> Rig {
    let mut rig = Rig { now_ms: NOW_MS, ..Rig::default() };
    rig.apply(&[uplink()]);
    rig
}

/// A server gives prefixes, each with seconds for which it is preferred and valid.
fn granted(rig: &mut Rig, prefixes: &[(&str, u64, u64)]) {
    let now = Millis(rig.now_ms);
    let grant = |(prefix, preferred_s, valid_s): &(&str, u64, u64)| Granted {
        prefix: prefix.parse().unwrap(),
        preferred_until: now.after_s(*preferred_s),
        valid_until: now.after_s(*valid_s),
    };
    let prefixes = prefixes.iter().map(grant).collect();
    let lease = Lease { server: b"kea".to_vec().into(), prefixes, renew_at: now, rebind_at: now };
    write(rig, Upkeep { upstream: vec![(id("delegation", "uplink"), Some(lease))], ..Upkeep::default() });
}

fn write(rig: &mut Rig, upkeep: Upkeep) {
    let proposal = rig.catalog.upkeep(&Upkeep { now_ms: rig.now_ms, ..upkeep }).unwrap();
    rig.commit(&proposal);
}

fn later(rig: &mut Rig, s: u64) {
    rig.now_ms = NOW_MS + s * 1_000;
    let finish = rig.catalog.renumbered_by(rig.now_ms);
    if !finish.is_empty() {
        write(rig, Upkeep { finish, ..Upkeep::default() });
    }
}

/// The prefixes of a network with the router's address there, and the seconds that they have from the beginning.
fn shown(rig: &Rig, network: &str) -> Vec<String> {
    let view = View::new(&rig.world);
    let key = NetworkKey(rig.key("network", "acme", network));
    let router = RouterKey(rig.key("router", "acme", "gate"));
    let since = |ms: u64| ms.saturating_sub(NOW_MS) / 1_000;
    let of = |subnet| {
        let (cidr, address) = (view.subnet(subnet).unwrap().cidr, view.interface(router, subnet).unwrap().address);
        let ends = view.advert(subnet).unwrap().ends;
        let ends = ends.map(|Ends { preferred_until_ms: p, valid_until_ms: v }| format!("{} {}", since(p), since(v)));
        format!("{cidr} {address} {}", ends.unwrap_or_default())
    };
    let mut all: Vec<_> = view.subnets_of(key).into_iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn subnets_get_the_first_free_prefixes_and_ports_their_addresses_there() {
    let mut rig = rig();
    assert_eq!(shown(&rig, "ant"), Vec::<String>::new());
    assert_eq!((rig.addresses("a1"), rig.addresses("b1")), (String::new(), "2001:db8:100:1:0:ff:fe00:b1".into()));
    let view = View::new(&rig.world);
    let gateway = view.gateway(RouterKey(rig.key("router", "acme", "gate"))).unwrap().clone();
    assert!(gateway.asks && gateway.delegated.is_empty());
    granted(&mut rig, &[("2001:db8:100::/56", 1_800, 3_600)]);
    assert_eq!(shown(&rig, "ant"), ["2001:db8:100::/64 2001:db8:100:: 1800 3600"]);
    // The next one is another subnet's of the router.
    let b = ["2001:db8:100:1::/64 2001:db8:100:1:: ", "2001:db8:100:2::/64 2001:db8:100:2::1 1800 3600"];
    assert_eq!(shown(&rig, "bed"), b);
    assert_eq!(rig.addresses("a1"), "2001:db8:100::ff:fe00:a1");
    assert!(rig.addresses("b1").contains("2001:db8:100:2::b"), "{}", rig.addresses("b1"));
    let gateway = View::new(&rig.world).gateway(RouterKey(rig.key("router", "acme", "gate"))).unwrap().clone();
    assert_eq!(gateway.delegated, ["2001:db8:100::/56".parse().unwrap()]);
    let Kind::Delegation(uplink) = rig.shown("delegation", "acme", "uplink") else { unreachable!() };
    let status = uplink.status.unwrap();
    assert_eq!((status.granted[0].prefix.as_str(), status.server.as_str()), ("2001:db8:100::/56", "6b6561"));
    let of: Vec<_> = status.subnets.iter().map(|one| (one.subnet.as_str(), one.prefix.as_str())).collect();
    assert_eq!(of, [("a6", "2001:db8:100::/64"), ("b6", "2001:db8:100:2::/64")]);
    // What is stated again changes nothing.
    assert!(rig.apply(&[super::upstream::uplink()]).iter().all(|(_, change)| *change == v1::Change::Unchanged));
    // Prolonged, it is the same for longer.
    later(&mut rig, 900);
    granted(&mut rig, &[("2001:db8:100::/56", 1_800, 3_600)]);
    assert_eq!(shown(&rig, "ant"), ["2001:db8:100::/64 2001:db8:100:: 2700 4500"]);
}

#[test]
fn another_prefix_takes_the_place_of_one_that_is_deprecated_or_taken_back() {
    let mut rig = rig();
    granted(&mut rig, &[("2001:db8:100::/56", 1_800, 3_600)]);
    later(&mut rig, 900);
    // The server names the old one no more.
    granted(&mut rig, &[("2001:db8:200::/56", 1_800, 20_000)]);
    let both = ["2001:db8:100::/64 2001:db8:100:: 0 3600", "2001:db8:200::/64 2001:db8:200:: 2700 20900"];
    assert_eq!(shown(&rig, "ant"), both);
    assert_eq!(rig.addresses("a1"), "2001:db8:100::ff:fe00:a1 2001:db8:200::ff:fe00:a1");
    later(&mut rig, 3_600);
    assert_eq!(shown(&rig, "ant"), ["2001:db8:200::/64 2001:db8:200:: 2700 20900"]);
    // Another change: the numbers in facts are used in turn. What would be there for long is, for two hours.
    granted(&mut rig, &[("2001:db8:300::/56", 30_000, 30_000)]);
    let both = ["2001:db8:200::/64 2001:db8:200:: 0 10800", "2001:db8:300::/64 2001:db8:300:: 33600 33600"];
    assert_eq!(shown(&rig, "ant"), both);
    // A third at the same time: the one that ends first makes way.
    later(&mut rig, 3_700);
    granted(&mut rig, &[("2001:db8:400::/56", 30_000, 30_000)]);
    let both = ["2001:db8:300::/64 2001:db8:300:: 0 10900", "2001:db8:400::/64 2001:db8:400:: 33700 33700"];
    assert_eq!(shown(&rig, "ant"), both);
}

#[test]
fn without_a_server_or_a_delegation_there_is_nothing_after_a_while() {
    let mut rig = rig();
    granted(&mut rig, &[("2001:db8:100::/56", 1_800, 3_600)]);
    later(&mut rig, 3_599);
    assert_eq!(shown(&rig, "ant").len(), 1);
    assert_eq!(rig.catalog.next_renumbered(), Some(NOW_MS + 3_600_000));
    later(&mut rig, 3_600);
    assert_eq!((shown(&rig, "ant"), rig.catalog.next_renumbered()), (vec![], None));
    granted(&mut rig, &[("2001:db8:100::/56", 1_800, 3_600)]);
    rig.send(delete("delegation", "acme", "uplink")).unwrap();
    assert_eq!((shown(&rig, "ant"), rig.addresses("a1")), (vec![], String::new()));
    assert!(!View::new(&rig.world).gateway(RouterKey(rig.key("router", "acme", "gate"))).unwrap().asks);
}

#[test]
fn what_can_not_be_asked_for_upstream() {
    let refused = |edit: fn(&mut Document), path: &str, words: &str| {
        let mut document = uplink();
        edit(&mut document);
        let (_, violations) = Rig::default().refused(&apply(&[document]));
        assert!(violations.iter().any(|(p, m)| p == path && m.contains(words)), "{path} {words}: {violations:?}");
    };
    fn spec(document: &mut Document) -> &mut v1::DelegationSpec {
        document.delegations[0].spec.as_mut().unwrap()
    }
    fn subnet_of(document: &mut Document) -> &mut v1::SubnetSpec {
        document.subnets[0].spec.as_mut().unwrap()
    }
    let field = |field: &str| format!("delegations[0].{field}");
    refused(|d| spec(d).port = "a1".into(), &field("port"), "is for a delegation to a port");
    refused(|d| spec(d).hint = Some("2001:db8::1/56".into()), &field("hint"), "has host bits");
    refused(|d| spec(d).hint = Some("::/80".into()), &field("hint"), "1 to 64 bits");
    refused(|d| spec(d).subnets.clear(), &field("subnets"), "has 0 entries");
    refused(|d| spec(d).subnets[0].length = Some(60), &field("subnets[0].length"), "must be 64");
    refused(|d| spec(d).subnets[1].subnet = "a6".into(), &field("subnets[1].subnet"), "is listed twice");
    refused(|d| spec(d).subnets[1].subnet = "c6".into(), &field("subnets[1].subnet"), "has a cidr");
    refused(|d| spec(d).upstream = "ant".into(), &field("upstream"), "leads to network acme/out, not to");
    let no_way = |d: &mut Document| d.routers[0].spec.as_mut().unwrap().external_gateway = None;
    refused(no_way, &field("upstream"), "has no external_gateway");
    let apart = |d: &mut Document| drop(d.routers[0].spec.as_mut().unwrap().interfaces.remove(0));
    refused(apart, &field("subnets[0].subnet"), "has no interface on subnet acme/a6");
    let twice = |d: &mut Document| {
        let mut other = delegation();
        other.meta = meta("other");
        d.delegations.push(other);
    };
    refused(twice, &field("subnets[0].subnet"), "has its prefix of delegation acme/other already");
    refused(|d| subnet_of(d).ipv6_ra_mode = 0, "subnets[0].cidr", "is needed, or a delegation from upstream");
    refused(|d| subnet_of(d).prefix_per_host = true, "subnets[0].prefix_per_host", "can't be without a cidr");
    refused(|d| subnet_of(d).gateway_ip = Some("2001:db8::1".into()), "subnets[0].gateway_ip", "as ::1");
    refused(|d| subnet_of(d).network = "out".into(), "subnets[0].cidr", "is a provider network");
    let renumbered = |d: &mut Document| {
        let spec = v1::RenumberingSpec { subnet: "a6".into(), cidr: "2001:db8:9::/64".into(), overlap_s: None };
        d.renumberings.push(v1::Renumbering { meta: meta("move"), spec: Some(spec), status: None });
    };
    refused(renumbered, "renumberings[0].subnet", "a delegation from upstream says which prefix");
    // What is there stays as it has to be.
    let rig = rig();
    let mut given = slaac(subnet("a6", "ant", "2001:db8:9::/64"));
    given.meta = Some(v1::Meta { tenant: "acme".into(), ..meta("a6").unwrap() });
    let (_, violations) = rig.refused(&update(Kind::Subnet(given), &["spec.cidr"]));
    assert!(violations[0].1.contains("is delegated from upstream"), "{violations:?}");
    let mut document = uplink();
    document.delegations.clear();
    document.routers[0].spec.as_mut().unwrap().external_gateway = None;
    let (_, violations) = rig.refused(&apply(&[document]));
    assert_eq!(violations[0].0, "routers[0].external_gateway", "{violations:?}");
}
