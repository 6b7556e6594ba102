//! Automatic ports and learned addresses: how they come, what they give way to, and what they keep.

use std::net::IpAddr;

use proto::v1::{self, Document, resource::Kind};
use topology::{Key, NetworkKey, PortKey, View};

use super::rig::*;
use crate::catalog::learned::LEARNED_MAX;
use crate::catalog::{Found, Proposal, Seen, Unlearnable, Upkeep};
use crate::effect::RefusalKind;

const NOW_MS: u64 = 1_795_558_200_123;

fn lab(auto_ports: bool) -> v1::Network {
    let mut lab = network("lab");
    lab.spec.as_mut().unwrap().auto_ports = auto_ports;
    lab
}

/// Two chassis, a network with automatic ports, a subnet on it.
fn documents() -> Vec<Document> {
    let globals = Document {
        chassis: vec![chassis("hv1", "1", "fd00:a::1"), chassis("hv2", "2", "fd00:a::2")],
        fabric: Some(fabric(v1::Encap::Geneve)),
        ..Default::default()
    };
    let acme = Document {
        networks: vec![lab(true)],
        subnets: vec![slaac(subnet("lab6", "lab", "2001:db8:a::/64"))],
        routers: vec![router("r1", &["lab6"])],
        ..doc()
    };
    vec![globals, acme]
}

fn a(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn found(chassis: &str, interface: &str, mac: &str, addresses: &[&str]) -> Found {
    Found {
        network: id("network", "lab"),
        chassis: crate::catalog::ident::id("chassis", "", chassis),
        interface: interface.into(),
        mac: mac.parse().unwrap(),
        addresses: addresses.iter().map(|text| (a(text), v1::Proof::Nd)).collect(),
    }
}

fn seen(port: &str, address: &str) -> Seen {
    Seen { port: id("port", port), address: a(address), proof: v1::Proof::Dad }
}

fn upkeep(rig: &mut Rig, upkeep: Upkeep) -> Proposal {
    let proposal = rig.catalog.upkeep(&Upkeep { now_ms: NOW_MS, ..upkeep }).unwrap();
    rig.commit(&proposal);
    proposal
}

/// A rig with a host on each chassis: the first has one address, the second none.
fn two_hosts() -> Rig {
    let mut rig = Rig::default();
    rig.apply(&documents());
    let found = vec![
        found("hv1", "h1", "02:00:00:00:00:01", &["2001:db8:a::11"]),
        found("hv2", "h2", "02:00:00:00:00:02", &[]),
    ];
    upkeep(&mut rig, Upkeep { found, ..Upkeep::default() });
    rig
}

fn status(rig: &Rig, name: &str) -> v1::PortStatus {
    let Kind::Port(port) = rig.shown("port", "acme", name) else { unreachable!() };
    port.status.unwrap()
}

fn ports(rig: &Rig) -> Vec<String> {
    rig.catalog.port_ids().map(|id| id.name.to_string()).collect()
}

#[test]
fn a_host_becomes_a_port_with_the_addresses_that_it_used() {
    let mut rig = two_hosts();
    assert_eq!(ports(&rig), ["hv1-h1", "hv2-h2"]);
    let first = status(&rig, "hv1-h1");
    assert_eq!(first.addresses, ["2001:db8:a::11", "fe80::ff:fe00:1"], "none is formed from its MAC but the local one");
    assert!(first.automatic && first.mac_address == "02:00:00:00:00:01");
    let key = PortKey(rig.key("port", "acme", "hv1-h1"));
    let view = View::new(&rig.world);
    let fact = view.port(key).unwrap();
    assert_eq!((&fact.addresses[..], &fact.learned[..]), (&[][..], &[a("2001:db8:a::11")][..]));
    assert!(view.policy(key).is_some_and(|policy| policy.secured && policy.learning));
    // One more address; the other host's is not taken over, by learning or by a MAC that it would follow from.
    let more = vec![seen("hv1-h1", "fe80::1:2"), seen("hv2-h2", "2001:db8:a::11"), seen("hv2-h2", "2001:db8:a::12")];
    upkeep(&mut rig, Upkeep { seen: more, ..Upkeep::default() });
    assert_eq!(rig.addresses("hv1-h1"), "2001:db8:a::11");
    assert_eq!(rig.addresses("hv2-h2"), "2001:db8:a::12");
    let told: Vec<_> = rig.last.learned.iter().map(|(port, address, _)| format!("{} {address}", port.name)).collect();
    assert_eq!(told, ["hv2-h2 2001:db8:a::12", "hv1-h1 fe80::1:2"]);
    assert_eq!(
        changed(&rig.last),
        [format!("+{}", Key::Port(key)), format!("+{}", Key::Port(PortKey(rig.key("port", "acme", "hv2-h2"))))]
    );
    let network = NetworkKey(rig.key("network", "acme", "lab"));
    let holder = View::new(&rig.world).holder(network, a("fe80::1:2"));
    assert_eq!(holder, Some(topology::Holder::Port(key)));
    upkeep(&mut rig, Upkeep { seen: vec![seen("hv1-h1", "fe80::200:ff:fe00:3")], ..Upkeep::default() });
    let thief = found("hv1", "h3", "00:00:00:00:00:03", &[]);
    let why = rig.catalog.unwelcome(&thief).unwrap();
    assert!(why.contains("fe80::200:ff:fe00:3") && why.contains("acme/hv1-h1's already"), "{why}");
}

#[test]
fn what_is_not_welcome_is_named() {
    let rig = two_hosts();
    for (found, words) in [
        (found("hv1", "h9", "02:00:00:00:00:02", &[]), "02:00:00:00:00:02 is port acme/hv2-h2's already"),
        (found("hv1", "h1", "02:00:00:00:00:09", &[]), "h1 on chassis hv1 is port acme/hv1-h1's already"),
        (found("hv1", "h9", "02:53:00:00:00:01", &[]), "kept for routers"),
    ] {
        let why = rig.catalog.unwelcome(&found).unwrap();
        assert!(why.contains(words), "{why}");
        let all = Upkeep { found: vec![found], ..Upkeep::default() };
        assert_eq!(rig.catalog.upkeep(&all).unwrap().changes, [], "and not written");
    }
    assert_eq!(rig.catalog.unwelcome(&found("hv1", "h9", "d6:00:00:00:00:01", &[])), None, "kept on VLAN fabrics only");
}

#[test]
fn names_are_made_legal_cut_and_numbered() {
    let mut rig = Rig::default();
    let mut documents = documents();
    let long = "x".repeat(60);
    documents[0].chassis.push(chassis(&long, "3", "fd00:a::3"));
    documents[1].ports.push(with_mac(port("hv1-a_b", "lab"), "02:00:00:00:00:0a"));
    rig.apply(&documents);
    let all = vec![
        found("hv1", "a@b", "02:00:00:00:00:01", &[]),
        found("hv1", "a:b", "02:00:00:00:00:02", &[]),
        found(&long, "abcdefghijklmno", "02:00:00:00:00:03", &[]),
    ];
    upkeep(&mut rig, Upkeep { found: all, ..Upkeep::default() });
    let cut = format!("{}-abcdefghijklmno", "x".repeat(47));
    assert_eq!(ports(&rig), ["hv1-a_b", "hv1-a_b-2", "hv1-a_b-3", &cut]);
}

#[test]
fn which_addresses_can_be_learned() {
    let mut rig = two_hosts();
    let port = id("port", "hv1-h1");
    for (address, why) in [
        ("2001:db8:a::11", Some(Unlearnable::Known)),
        ("fe80::ff:fe00:1", Some(Unlearnable::Known)),
        ("fe80::ff:fe00:2", Some(Unlearnable::Held)),
        ("2001:db8:a::", Some(Unlearnable::Router)),
        ("fe80::1", Some(Unlearnable::Router)),
        ("fe80::53:ff:fe00:1", Some(Unlearnable::Held)),
        ("2001:db8:b::1", Some(Unlearnable::Outside)),
        ("ff02::1", Some(Unlearnable::NotUnicast)),
        ("::1", Some(Unlearnable::NotUnicast)),
        ("::", Some(Unlearnable::NotUnicast)),
        ("::ffff:10.0.0.1", Some(Unlearnable::NotUnicast)),
        ("255.255.255.255", Some(Unlearnable::NotUnicast)),
        ("0.0.0.1", Some(Unlearnable::NotUnicast)),
        ("10.0.0.1", None),
        ("169.254.7.7", None),
        ("fe80::abcd", None),
        ("2001:db8:a::abcd", None),
    ] {
        assert_eq!(rig.catalog.unlearnable(&port, a(address)), why, "{address}");
    }
    rig.apply(&[Document { subnets: vec![subnet("lab4", "lab", "10.1.0.0/24")], ..doc() }]);
    for (address, why) in [
        ("10.0.0.1", Some(Unlearnable::Outside)),
        ("10.1.0.1", Some(Unlearnable::Router)),
        ("10.1.0.255", Some(Unlearnable::Edge)),
        ("10.1.0.9", None),
    ] {
        assert_eq!(rig.catalog.unlearnable(&port, a(address)), why, "{address}");
    }
    let many = (0..100).map(|n| seen("hv1-h1", &format!("2001:db8:a::a:{n:x}"))).collect();
    upkeep(&mut rig, Upkeep { seen: many, ..Upkeep::default() });
    assert_eq!(rig.catalog.learned_by(&port).count(), LEARNED_MAX);
    assert_eq!(rig.catalog.unlearnable(&port, a("2001:db8:a::abcd")), Some(Unlearnable::TooMany));
    rig.apply(&[Document { ports: vec![port_of("vm1")], ..doc() }]);
    // A port like any takes what hosts form, and nothing else.
    for (address, why) in [("fe80::9", None), ("2001:db8:a::abcd", None), ("10.1.0.9", Some(Unlearnable::NotFormed))] {
        assert_eq!(rig.catalog.unlearnable(&id("port", "vm1"), a(address)), why, "{address}");
    }
    // And only a link-local one where it was given an address.
    rig.apply(&[Document { ports: vec![with_fixed(port_of("vm1"), &["2001:db8:a::77"])], ..doc() }]);
    for (address, why) in [("fe80::9", None), ("2001:db8:a::abcd", Some(Unlearnable::NotFormed))] {
        assert_eq!(rig.catalog.unlearnable(&id("port", "vm1"), a(address)), why, "{address}");
    }
}

fn port_of(name: &str) -> v1::Port {
    port(name, "lab")
}

#[test]
fn one_network_at_most_has_automatic_ports() {
    let mut rig = Rig::default();
    rig.apply(&documents());
    let mut other = network("other");
    other.spec.as_mut().unwrap().auto_ports = true;
    let (kind, violations) = rig.refused(&apply(&[Document { networks: vec![other.clone()], ..doc() }]));
    assert_eq!(kind, RefusalKind::Invalid);
    let words = "what no port resource claims (one network at most has auto_ports) is network acme/lab's already";
    assert_eq!(violations, [("networks[0].auto_ports".to_owned(), words.to_owned())]);
    rig.apply(&[Document { networks: vec![lab(false), other], ..doc() }]);
    let key = NetworkKey(rig.key("network", "acme", "other"));
    assert_eq!(View::new(&rig.world).auto_network(), Some(key));
}

#[test]
fn intent_has_precedence() {
    // A port resource that claims the interface, under another name and with another MAC.
    let mut rig = two_hosts();
    let told = rig.apply(&[Document { ports: vec![bound(port_of("vm1"), "hv1", "h1")], ..doc() }]);
    assert_eq!(
        told,
        [("port acme/vm1".to_owned(), v1::Change::Created), ("port acme/hv1-h1".to_owned(), v1::Change::Deleted)]
    );
    assert_eq!(rig.catalog.learned_on(&id("network", "lab")).count(), 0, "its addresses went with it");
    // One with the MAC of an automatic port elsewhere; and a router's interface with one.
    rig.apply(&[Document { ports: vec![with_mac(port_of("vm2"), "02:00:00:00:00:02")], ..doc() }]);
    assert_eq!(ports(&rig), ["vm1", "vm2"]);

    // An address that was learned is assigned: the port stays. A pool keeps clear of what was learned.
    let mut rig = two_hosts();
    rig.apply(&[Document { ports: vec![with_fixed(port_of("vm1"), &["2001:db8:a::11"])], ..doc() }]);
    assert_eq!((rig.addresses("hv1-h1").as_str(), ports(&rig).len()), ("", 3));
    let mut rig = two_hosts();
    rig.apply(&[Document { subnets: vec![subnet("lab4", "lab", "10.1.0.0/29")], ..doc() }]);
    upkeep(&mut rig, Upkeep { seen: vec![seen("hv2-h2", "10.1.0.2")], ..Upkeep::default() });
    rig.apply(&[Document { ports: vec![with_fixed(port_of("vm1"), &["lab4"])], ..doc() }]);
    assert!(rig.addresses("vm1").starts_with("10.1.0.3"), "{}", rig.addresses("vm1"));
    assert_eq!(rig.addresses("hv2-h2"), "10.1.0.2");

    // What was learned becomes a gateway, or is outside of what the network now has.
    let mut rig = two_hosts();
    let mut moved = slaac(subnet("lab6", "lab", "2001:db8:a::/64"));
    moved.spec.as_mut().unwrap().gateway_ip = Some("2001:db8:a::11".to_owned());
    rig.apply(&[Document { subnets: vec![moved], ..doc() }]);
    assert_eq!(rig.addresses("hv1-h1"), "");
    let mut rig = two_hosts();
    upkeep(&mut rig, Upkeep { seen: vec![seen("hv2-h2", "10.9.0.2")], ..Upkeep::default() });
    rig.apply(&[Document { subnets: vec![subnet("lab4", "lab", "10.1.0.0/29")], ..doc() }]);
    assert_eq!((rig.addresses("hv2-h2").as_str(), rig.addresses("hv1-h1").as_str()), ("", "2001:db8:a::11"));
}

#[test]
fn automatic_ports_go_with_what_they_stand_on() {
    let mut rig = two_hosts();
    // A document that lists the tenant's ports does not list them, and prunes none of them.
    rig.send(prune(&[Document { ports: vec![port_of("vm1")], ..doc() }])).unwrap();
    assert_eq!(ports(&rig), ["hv1-h1", "hv2-h2", "vm1"]);
    rig.send(delete("chassis", "", "hv1")).unwrap();
    assert_eq!(ports(&rig), ["hv2-h2", "vm1"]);
    rig.apply(&[Document { networks: vec![lab(false)], ..doc() }]);
    assert_eq!(ports(&rig), ["vm1"]);
    let mut rig = two_hosts();
    rig.send(delete("router", "acme", "r1")).unwrap();
    rig.send(delete("subnet", "acme", "lab6")).unwrap();
    assert_eq!(rig.addresses("hv1-h1"), "2001:db8:a::11", "without a subnet any is legal");
    rig.send(delete("network", "acme", "lab")).unwrap();
    assert_eq!(ports(&rig), [""; 0]);
    // The fabric takes their interface, or their MAC.
    let mut rig = two_hosts();
    let of_vlan = vec![found("hv1", "h3", "d6:00:00:00:00:03", &[])];
    upkeep(&mut rig, Upkeep { found: of_vlan, ..Upkeep::default() });
    let mut other = fabric(v1::Encap::Vlan);
    other.spec.as_mut().unwrap().interface = Some("h2".to_owned());
    rig.apply(&[Document { fabric: Some(other), ..Default::default() }]);
    assert_eq!(ports(&rig), ["hv1-h1"]);
    // And at last with their host.
    let gone = vec![id("port", "hv1-h1"), id("port", "nobody")];
    upkeep(&mut rig, Upkeep { forget: gone, ..Upkeep::default() });
    assert_eq!((ports(&rig), rig.catalog.learned.size()), (Vec::new(), 0));
}

#[test]
fn who_writes_its_spec_owns_it() {
    let mut rig = two_hosts();
    let Kind::Port(mut own) = rig.shown("port", "acme", "hv1-h1") else { unreachable!() };
    own.status = None;
    let meta = own.meta.as_mut().unwrap();
    meta.labels.insert("rack".to_owned(), "7".to_owned());
    rig.apply(&[Document { ports: vec![own.clone()], ..doc() }]);
    assert!(status(&rig, "hv1-h1").automatic, "a label is anybody's to give");
    assert_eq!(rig.addresses("hv1-h1"), "2001:db8:a::11");
    let spec = own.spec.as_mut().unwrap();
    spec.fixed_ips = None;
    rig.apply(&[Document { ports: vec![own], ..doc() }]);
    let taken = status(&rig, "hv1-h1");
    assert!(!taken.automatic);
    assert_eq!(rig.addresses("hv1-h1"), "2001:db8:a::ff:fe00:1 2001:db8:a::11", "what a port like any has, and takes");
    let forget = vec![id("port", "hv1-h1")];
    assert_eq!(rig.catalog.upkeep(&Upkeep { forget, ..Upkeep::default() }).unwrap().changes, []);
    // Deleted like any, and found anew.
    rig.send(delete("port", "acme", "hv2-h2")).unwrap();
    let again = vec![found("hv2", "h2", "02:00:00:00:00:02", &[])];
    upkeep(&mut rig, Upkeep { found: again, ..Upkeep::default() });
    assert!(status(&rig, "hv2-h2").automatic);
}

#[test]
fn what_is_learned_is_compared_on_its_port() {
    let rig = two_hosts();
    let proposal = rig.catalog.upkeep(&Upkeep { seen: vec![seen("hv2-h2", "fe80::9")], ..Upkeep::default() }).unwrap();
    let revision = |key: &str| rig.store.get(key).map_or(0, |(_, revision)| *revision);
    let port = "/sextant/v1/port/acme/hv2-h2";
    assert_eq!(
        proposal.compare,
        [("/sextant/v1/learned/acme/lab/fe80::9".to_owned(), 0), (port.to_owned(), revision(port))]
    );
}
