//! Delegations: which prefix a port gets, what is in its way, and where it is routed.

use addr::IpNet;
use proto::v1::{self, Document, resource::Kind};
use topology::{PortKey, RouterKey, View};

use super::rig::*;

fn delegation(name: &str, port: &str, pool: &str, length: u32) -> v1::Delegation {
    let spec = v1::DelegationSpec { port: port.to_owned(), pool: pool.to_owned(), length, ..Default::default() };
    v1::Delegation { meta: meta(name), spec: Some(spec), status: None }
}

fn chosen(mut delegation: v1::Delegation, prefix: &str) -> v1::Delegation {
    delegation.spec.as_mut().unwrap().prefix = Some(prefix.to_owned());
    delegation
}

fn with(delegations: Vec<v1::Delegation>) -> [Document; 1] {
    [Document { delegations, ..doc() }]
}

fn rig() -> Rig {
    let mut rig = Rig::default();
    rig.apply(&site());
    rig
}

fn prefix_of(rig: &Rig, name: &str) -> String {
    let Kind::Delegation(delegation) = rig.shown("delegation", "acme", name) else { unreachable!() };
    delegation.status.unwrap().prefix
}

/// The routes of `r1` that lead to a MAC's link-local address.
fn routes_to(rig: &Rig, nexthop: &str) -> Vec<String> {
    let view = View::new(&rig.world);
    let all = ["2001:db8:d000::/56", "2001:db8:d000:100::/56", "2001:db8:d000:200::/56", "2001:db8:d0ff::/48"];
    let key = RouterKey(rig.key("router", "acme", "r1"));
    let leads = |text: &&str| {
        let route = view.route(key, text.parse::<IpNet>().unwrap());
        route.is_some_and(|route| route.nexthop.to_string() == nexthop)
    };
    all.iter().filter(|text| leads(text)).map(|text| (*text).to_owned()).collect()
}

const POOL: &str = "2001:db8:d000::/40";
const VM1: &str = "fe80::ff:fe00:101";

#[test]
fn a_prefix_is_the_ports_and_every_router_of_its_network_leads_to_it() {
    let mut rig = rig();
    let documents = with(vec![delegation("cpe", "vm1", POOL, 56)]);
    rig.apply(&documents);
    assert_eq!(prefix_of(&rig, "cpe"), "2001:db8:d000::/56");
    assert_eq!(routes_to(&rig, VM1), ["2001:db8:d000::/56"]);
    let port = View::new(&rig.world).port(PortKey(rig.key("port", "acme", "vm1"))).unwrap().clone();
    assert_eq!(port.prefixes[0].prefix.to_string(), "2001:db8:d000::/56");
    assert_eq!((port.prefixes[0].preferred_s, port.prefixes[0].valid_s), (14_400, 86_400));
    assert!(rig.apply(&documents).iter().all(|(_, change)| *change == v1::Change::Unchanged));
    // Another MAC is another next hop; a router that leaves the network takes its route with it.
    rig.apply(&[Document { ports: vec![with_mac(port_of("vm1"), "02:00:00:00:01:77")], ..doc() }]);
    assert_eq!((routes_to(&rig, VM1), routes_to(&rig, "fe80::ff:fe00:177").len()), (vec![], 1));
    rig.apply(&[Document { routers: vec![router("r1", &["blue6"])], ..doc() }]);
    assert!(routes_to(&rig, "fe80::ff:fe00:177").is_empty());
    rig.apply(&[Document { routers: vec![router("r1", &["blue6", "red6"])], ..doc() }]);
    assert_eq!(routes_to(&rig, "fe80::ff:fe00:177").len(), 1);
    rig.send(delete("delegation", "acme", "cpe")).unwrap();
    assert!(routes_to(&rig, "fe80::ff:fe00:177").is_empty());
    let port = View::new(&rig.world).port(PortKey(rig.key("port", "acme", "vm1"))).unwrap().clone();
    assert!(port.prefixes.is_empty());
}

fn port_of(name: &str) -> v1::Port {
    bound(port(name, "red"), "hv1", "vm1")
}

#[test]
fn prefixes_are_picked_in_turn_around_what_is_taken() {
    let mut rig = rig();
    rig.apply(&with(vec![
        delegation("a", "vm1", "2001:db8:d000::/54", 56),
        chosen(delegation("b", "vm1", "2001:db8:d000::/54", 56), "2001:db8:d000::/56"),
        delegation("c", "vm1", "2001:db8:d000::/48", 64),
    ]));
    let found = ["a", "b", "c"].map(|name| prefix_of(&rig, name));
    assert_eq!(found, ["2001:db8:d000:100::/56", "2001:db8:d000::/56", "2001:db8:d000:200::/64"]);
    // What was given back is not given away at once: the search goes on, then around.
    rig.send(delete("delegation", "acme", "a")).unwrap();
    rig.apply(&with(vec![delegation("d", "vm1", "2001:db8:d000::/54", 56)]));
    assert_eq!(prefix_of(&rig, "d"), "2001:db8:d000:300::/56");
    rig.apply(&with(vec![delegation("e", "vm1", "2001:db8:d000::/54", 56)]));
    assert_eq!(prefix_of(&rig, "e"), "2001:db8:d000:100::/56");
    let (_, violations) = rig.refused(&apply(&with(vec![delegation("f", "vm1", "2001:db8:d000::/54", 56)])));
    let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!((path.as_str(), message.as_str()), ("delegations[0].pool", "no /56 is free in 2001:db8:d000::/54"));
    // Another length of the same pool is another prefix; the rest is kept.
    rig.apply(&with(vec![delegation("c", "vm1", "2001:db8:d000::/48", 60)]));
    assert_eq!(prefix_of(&rig, "c"), "2001:db8:d000:210::/60");
    assert_eq!(prefix_of(&rig, "e"), "2001:db8:d000:100::/56");
}

#[test]
fn what_a_tenant_has_is_not_delegated() {
    let mut rig = rig();
    rig.apply(&with(vec![delegation("first", "vm1", "2001:db8:a::/48", 64)]));
    assert_eq!(prefix_of(&rig, "first"), "2001:db8:a:1::/64", "the subnet itself is left out");
    let refused = |delegation: v1::Delegation, field: &str, words: &str| {
        let (_, violations) = rig.refused(&apply(&with(vec![delegation])));
        let path = format!("delegations[0].{field}");
        assert!(violations.iter().any(|(at, m)| *at == path && m.contains(words)), "{words}: {violations:?}");
    };
    let new = |pool, length| delegation("x", "vm1", pool, length);
    refused(chosen(new("2001:db8:a::/48", 64), "2001:db8:a::/64"), "prefix", "overlaps 2001:db8:a::/64 of red6");
    refused(
        chosen(new("2001:db8::/32", 48), "2001:db8:b::/48"),
        "prefix",
        "overlaps 2001:db8:b::/64 of subnet acme/blue6",
    );
    refused(chosen(new("2001:db8:a::/48", 64), "2001:db8:a:1::/64"), "prefix", "of delegation acme/first");
    refused(chosen(new(POOL, 56), "2001:db8:e000::/56"), "prefix", "is not a /56 of the pool");
    refused(new(POOL, 32), "length", "must be from 40, the pool's, to 64");
    refused(new(POOL, 65), "length", "must be from 40");
    refused(new("10.0.0.0/8", 24), "pool", "there is no delegation of IPv4");
    refused(new("fe80::/32", 64), "pool", "link-local");
    refused(new("2001:db8::1/32", 64), "pool", "host bits");
    refused(delegation("x", "vm9", POOL, 56), "port", "there is no port acme/vm9");
    refused(delegation("first", "vm2", "2001:db8:a::/48", 64), "port", "can't change");
    let others =
        Document { tenant: "umbra".to_owned(), delegations: vec![delegation("x", "acme/vm1", POOL, 56)], ..doc() };
    let (_, violations) = rig.refused(&apply(&[others]));
    assert!(violations[0].1.contains("another tenant's"), "{violations:?}");
    let mut many: Vec<_> = (0..16).map(|n| delegation(&format!("n{n}"), "vm1", POOL, 56)).collect();
    let (_, violations) = rig.refused(&apply(&with(many.clone())));
    assert!(violations[0].1.contains("has 17 delegations; 16 are the most"), "{violations:?}");
    many.truncate(15);
    rig.apply(&with(many));
}

/// What comes later gives way to what is delegated.
#[test]
fn what_is_delegated_is_not_connected_or_routed_elsewhere() {
    let mut rig = rig();
    rig.apply(&with(vec![delegation("cpe", "vm1", POOL, 56)]));
    let mut r1 = router("r1", &["red6", "blue6", "blue4"]);
    let route = |destination: &str| v1::Route {
        destination: destination.to_owned(),
        nexthop: "2001:db8:b::9".to_owned(),
        interface: None,
    };
    r1.spec.as_mut().unwrap().routes = vec![route("2001:db8:d000::/56")];
    let (_, violations) = rig.refused(&apply(&[Document { routers: vec![r1.clone()], ..doc() }]));
    assert_eq!(violations[0].0, "routers[0].routes[0].destination");
    assert!(violations[0].1.contains("is routed to the port of delegation acme/cpe"), "{violations:?}");
    // A shorter one stands behind it.
    r1.spec.as_mut().unwrap().routes = vec![route("2001:db8:d000::/40")];
    rig.apply(&[Document { routers: vec![r1], ..doc() }]);
    let inside = Document {
        networks: vec![network("green")],
        subnets: vec![slaac(subnet("green6", "green", "2001:db8:d000:1::/64"))],
        routers: vec![router("r1", &["red6", "green6"])],
        ..doc()
    };
    let (_, violations) = rig.refused(&apply(&[inside]));
    assert_eq!(violations[0].0, "routers[0].interfaces[1].subnet", "{violations:?}");
    assert!(violations[0].1.contains("2001:db8:d000:1::/64 overlaps 2001:db8:d000::/56 of delegation acme/cpe"));
    let (_, violations) = rig.refused(&delete("port", "acme", "vm1"));
    assert!(violations[0].1.contains("in use by delegation acme/cpe"), "{violations:?}");
}
