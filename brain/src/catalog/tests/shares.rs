//! Subnets whose ports have a prefix each: who gets which, who keeps it, and what facts that makes.

use std::collections::BTreeSet;

use proto::v1::{self, Document};
use topology::{PortKey, RouterKey, SubnetKey, View};

use super::rig::*;
use crate::effect::RefusalKind;

const MAC: &str = "02:00:00:00:00:aa";

/// A network with such a subnet, a router on it, and ports.
fn shared(cidr: &str, ports: &[&str]) -> Document {
    let mut six = slaac(subnet("six", "n", cidr));
    six.spec.as_mut().unwrap().prefix_per_host = true;
    Document {
        networks: vec![network("n")],
        subnets: vec![six],
        routers: vec![router("r1", &["six"])],
        ports: ports.iter().map(|name| port(name, "n")).collect(),
        ..doc()
    }
}

/// The prefix that a port has.
fn prefix(rig: &Rig, name: &str) -> String {
    let v1::resource::Kind::Port(port) = rig.shown("port", "acme", name) else { unreachable!() };
    let prefixes = port.status.unwrap().prefixes;
    let [prefix] = &prefixes[..] else { panic!("{prefixes:?}") };
    prefix.clone()
}

#[test]
fn each_port_has_a_prefix_and_keeps_it() {
    let mut rig = Rig::default();
    rig.apply(&[shared("2001:db8:100::/56", &["a", "b"])]);
    // The first is the gateway's.
    assert_eq!((prefix(&rig, "a"), prefix(&rig, "b")), ("2001:db8:100:1::/64".into(), "2001:db8:100:2::/64".into()));
    let again = rig.apply(&[shared("2001:db8:100::/56", &["a", "b"])]);
    assert!(again.iter().all(|(_, change)| *change == v1::Change::Unchanged), "{again:?}");
    // Given back, it is not given away at once.
    assert!(rig.send(delete("port", "acme", "a")).is_ok());
    rig.apply(&[shared("2001:db8:100::/56", &["b", "c"])]);
    assert_eq!((prefix(&rig, "b"), prefix(&rig, "c")), ("2001:db8:100:2::/64".into(), "2001:db8:100:3::/64".into()));
    // With another MAC it is the same prefix, with another address in it.
    let mut other = shared("2001:db8:100::/56", &["b"]);
    other.ports[0] = with_mac(port("b", "n"), MAC);
    rig.apply(&[other]);
    assert_eq!(
        (prefix(&rig, "b"), rig.addresses("b")),
        ("2001:db8:100:2::/64".into(), "2001:db8:100:2:0:ff:fe00:aa".into())
    );
}

#[test]
fn a_port_that_was_there_before_the_subnet_gets_one_too() {
    let mut rig = Rig::default();
    let mut before = shared("2001:db8:100::/56", &["a", "b"]);
    let rest = (std::mem::take(&mut before.subnets), std::mem::take(&mut before.routers));
    rig.apply(&[before.clone()]);
    (before.subnets, before.routers) = rest;
    before.ports.clear();
    rig.apply(&[before]);
    assert_ne!(prefix(&rig, "a"), prefix(&rig, "b"));
    // Nobody learns an address there, whoever's prefix it is of.
    let network = crate::catalog::ident::id("network", "acme", "n");
    for address in ["2001:db8:100:1::77", "2001:db8:100:fe::77"] {
        let illegal = rig.catalog.illegal(&network, address.parse().unwrap());
        assert_eq!(illegal.map(crate::catalog::learned::Unlearnable::name), Some("of_own_prefixes"));
    }
    let mut rig = Rig::default();
    let mut small = shared("2001:db8:100::/63", &["a", "b"]);
    rig.apply(&[Document { networks: small.networks.clone(), ports: std::mem::take(&mut small.ports), ..doc() }]);
    let (_, violations) = rig.refused(&apply(&[small]));
    let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
    assert!(path == "subnets[0].cidr" && message.ends_with("(2001:db8:100::/63) for port acme/b"), "{path}: {message}");
}

#[test]
fn there_are_as_many_as_there_are() {
    let mut rig = Rig::default();
    rig.apply(&[shared("2001:db8:100::/62", &["a", "b", "c"])]);
    let all: BTreeSet<String> = ["a", "b", "c"].iter().map(|name| prefix(&rig, name)).collect();
    assert_eq!(all.len(), 3);
    let (_, violations) = rig.refused(&apply(&[shared("2001:db8:100::/62", &["a", "b", "c", "d"])]));
    let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!(path, "ports[3].fixed_ips");
    assert!(message.contains("no /64 is free in subnet acme/six (2001:db8:100::/62)"), "{message}");
    assert!(rig.send(delete("port", "acme", "b")).is_ok());
    rig.apply(&[shared("2001:db8:100::/62", &["a", "c", "d"])]);
    assert!(all.contains(&prefix(&rig, "d")));
}

#[test]
fn an_address_says_which_prefix() {
    let with = |fixed: &[&str]| {
        let mut document = shared("2001:db8:100::/56", &["b"]);
        document.ports.push(with_fixed(with_mac(port("a", "n"), MAC), fixed));
        document
    };
    let mut rig = Rig::default();
    rig.apply(&[with(&["2001:db8:100:7::99"])]);
    assert_eq!((prefix(&rig, "a"), rig.addresses("a")), ("2001:db8:100:7::/64".into(), "2001:db8:100:7::99".into()));
    let refused = |rig: &Rig, document: Document, words: &str| {
        let (kind, violations) = rig.refused(&apply(&[document]));
        assert_eq!(kind, RefusalKind::Invalid);
        assert!(violations.iter().any(|(_, message)| message.contains(words)), "{violations:?}");
    };
    let mut third = with(&["2001:db8:100:7::99"]);
    third.ports.push(with_fixed(port("c", "n"), &["2001:db8:100:7::5"]));
    refused(&rig, third, "2001:db8:100:7:: on network acme/n");
    refused(&Rig::default(), with(&["2001:db8:100::5"]), "is of 2001:db8:100::/64, the gateway's of subnet acme/six");
    refused(&Rig::default(), with(&["2001:db8:100:7::5", "2001:db8:100:8::5"]), "a port has one");
    rig.apply(&[with(&["2001:db8:100:7::99", "2001:db8:100:7::98"])]);
    assert_eq!(prefix(&rig, "a"), "2001:db8:100:7::/64");
}

#[test]
fn it_is_routed_to_the_port_and_told_to_it_alone() {
    let mut rig = Rig::default();
    rig.apply(&[shared("2001:db8:100::/56", &["a"])]);
    let view = View::new(&rig.world);
    let port = view.port(PortKey(1)).unwrap();
    let own = port.prefixes[0];
    assert_eq!((own.prefix.to_string(), own.advertised), ("2001:db8:100:1::/64".to_owned(), true));
    assert_eq!((own.preferred_s, own.valid_s), (14_400, 86_400));
    let route = view.route(RouterKey(1), own.prefix.into()).unwrap();
    assert_eq!((route.network, route.nexthop), (port.network, port.link_local().into()));
    assert!(view.advert(SubnetKey(1)).is_some_and(|advert| advert.per_host && advert.autonomous));
    assert!(rig.catalog.port_ids().all(|id| rig.catalog.formed_by(id).prefixes.is_empty()), "nothing is learned of it");
    // Routers come and go, lifetimes change.
    let mut other = shared("2001:db8:100::/56", &["a"]);
    other.routers[0].spec.as_mut().unwrap().interfaces.clear();
    let lifetimes = v1::PrefixLifetimes { preferred_s: 60, valid_s: 120 };
    other.subnets[0].spec.as_mut().unwrap().prefix_lifetimes = Some(lifetimes);
    rig.apply(&[other]);
    let view = View::new(&rig.world);
    assert_eq!(view.route(RouterKey(1), own.prefix.into()), None);
    assert_eq!(view.port(PortKey(1)).unwrap().prefixes[0].valid_s, 120);
    rig.apply(&[shared("2001:db8:100::/56", &["a"])]);
    assert!(View::new(&rig.world).route(RouterKey(1), own.prefix.into()).is_some());
    assert!(rig.send(delete("port", "acme", "a")).is_ok());
    assert_eq!(View::new(&rig.world).route(RouterKey(1), own.prefix.into()), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |edit: fn(&mut Document), path: &str, words: &str| {
        let mut document = shared("2001:db8:100::/56", &["a"]);
        edit(&mut document);
        let (_, violations) = Rig::default().refused(&apply(&[document]));
        assert!(violations.iter().any(|(at, message)| at == path && message.contains(words)), "{violations:?}");
    };
    fn spec(document: &mut Document) -> &mut v1::SubnetSpec {
        document.subnets[0].spec.as_mut().unwrap()
    }
    refused(|d| spec(d).cidr = "2001:db8:100::/64".into(), "subnets[0].cidr", "has no /64 for each port");
    refused(|d| spec(d).prefix_per_host = false, "subnets[0].cidr", "is not a /64, which slaac needs");
    refused(
        |d| {
            spec(d).ipv6_ra_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
            spec(d).ipv6_address_mode = v1::Ipv6Mode::Dhcpv6Stateful.into();
        },
        "subnets[0].prefix_per_host",
        "needs ipv6_ra_mode slaac or dhcpv6-stateless",
    );
    refused(|d| spec(d).advertise_prefix = Some(false), "subnets[0].advertise_prefix", "has no meaning");
    refused(
        |d| {
            let pool = v1::AllocationPool { start: "2001:db8:100::5".into(), end: "2001:db8:100::9".into() };
            spec(d).allocation_pools.push(pool);
        },
        "subnets[0].allocation_pools",
        "has no meaning with prefix_per_host",
    );
    refused(
        |d| {
            let spec = d.routers[0].spec.as_mut().unwrap();
            let (destination, nexthop) = ("2001:db8:100:1::/64".to_owned(), "2001:db8:100::9".to_owned());
            spec.routes.push(v1::Route { destination, nexthop, interface: None });
        },
        "routers[0].routes[0].destination",
        "whose prefixes are its hosts' own",
    );
    refused(
        |d| {
            let mut four = subnet("four", "n", "10.0.0.0/24");
            four.spec.as_mut().unwrap().prefix_per_host = true;
            d.subnets.push(four);
        },
        "subnets[1].prefix_per_host",
        "is for IPv6 subnets only",
    );
    let mut rig = Rig::default();
    rig.apply(&[shared("2001:db8:100::/56", &["a"])]);
    let mut plain = slaac(subnet("six", "n", "2001:db8:100::/56"));
    plain.meta.as_mut().unwrap().tenant = "acme".into();
    let (_, violations) = rig.refused(&update(v1::resource::Kind::Subnet(plain), &["spec.prefix_per_host"]));
    assert!(!violations.is_empty());
}
