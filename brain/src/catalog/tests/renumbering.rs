//! Renumbering: two prefixes at a time, then the new one, then the new one as what is written.

use std::net::IpAddr;

use proto::v1::{self, Document, resource::Kind};
use topology::{NetworkKey, SubnetKey, View};

use super::rig::*;
use crate::catalog::Upkeep;

const BEGUN_MS: u64 = 1_000_000;
const ENDS_MS: u64 = BEGUN_MS + 7_200_000;

fn renumbering(subnet: &str, cidr: &str) -> v1::Renumbering {
    let spec = v1::RenumberingSpec { subnet: subnet.to_owned(), cidr: cidr.to_owned(), overlap_s: None };
    v1::Renumbering { meta: meta("move"), spec: Some(spec), status: None }
}

fn with(renumbering: v1::Renumbering) -> [Document; 1] {
    [Document { renumberings: vec![renumbering], ..doc() }]
}

/// The site with fixed addresses and a route on `blue6`, at a time.
fn rig() -> Rig {
    let mut rig = Rig { now_ms: BEGUN_MS, ..Rig::default() };
    let mut documents = site();
    documents[1].ports.push(with_fixed(port("vm3", "blue"), &["2001:db8:b::77"]));
    let route = v1::Route { destination: "::/0".to_owned(), nexthop: "2001:db8:b::77".to_owned(), interface: None };
    documents[1].routers[0].spec.as_mut().unwrap().routes = vec![route];
    rig.apply(&documents);
    rig
}

fn finish(rig: &mut Rig) {
    rig.now_ms = ENDS_MS;
    assert_eq!(rig.catalog.next_renumbered(), Some(ENDS_MS));
    let finish = rig.catalog.renumbered_by(rig.now_ms);
    let upkeep = Upkeep { finish, now_ms: rig.now_ms, ..Upkeep::default() };
    let proposal = rig.catalog.upkeep(&upkeep).unwrap();
    rig.commit(&proposal);
    assert_eq!(rig.catalog.next_renumbered(), None);
}

/// The prefixes of a network, with the address of the router there, and when they end.
fn prefixes(rig: &Rig, network: &str) -> Vec<(String, String, Option<u64>)> {
    let view = View::new(&rig.world);
    let key = NetworkKey(rig.key("network", "acme", network));
    let router = topology::RouterKey(rig.key("router", "acme", "r1"));
    let of = |subnet: SubnetKey| {
        let cidr = view.subnet(subnet).unwrap().cidr;
        let ends_ms = view.advert(subnet).and_then(|advert| advert.ends).map(|ends| ends.valid_until_ms);
        (cidr.to_string(), view.interface(router, subnet).unwrap().address.to_string(), ends_ms)
    };
    let mut all: Vec<_> = view.subnets_of(key).into_iter().map(of).filter(|(cidr, ..)| cidr.contains(':')).collect();
    all.sort();
    all
}

fn status(rig: &Rig) -> v1::RenumberingStatus {
    let Kind::Renumbering(renumbering) = rig.shown("renumbering", "acme", "move") else { unreachable!() };
    renumbering.status.unwrap()
}

fn nexthop(rig: &Rig) -> IpAddr {
    let router = topology::RouterKey(rig.key("router", "acme", "r1"));
    View::new(&rig.world).route(router, "::/0".parse().unwrap()).unwrap().nexthop
}

#[test]
fn where_hosts_form_addresses() {
    let mut rig = rig();
    let documents = with(renumbering("red6", "2001:db8:a:b::/64"));
    rig.apply(&documents);
    let both = [
        ("2001:db8:a::/64".to_owned(), "2001:db8:a::".to_owned(), Some(ENDS_MS)),
        ("2001:db8:a:b::/64".to_owned(), "2001:db8:a:b::".to_owned(), None),
    ];
    let mut sorted = both.to_vec();
    sorted.sort();
    assert_eq!(prefixes(&rig, "red"), sorted);
    assert_eq!(rig.addresses("vm1"), "2001:db8:a::ff:fe00:101 2001:db8:a:b:0:ff:fe00:101");
    assert_eq!((status(&rig).stage(), status(&rig).ends_ms), (v1::RenumberingStage::Overlapping, ENDS_MS));
    // The same again, later, changes nothing; a port that comes has both.
    rig.now_ms += 60_000;
    assert!(rig.apply(&documents).iter().all(|(_, change)| *change == v1::Change::Unchanged));
    rig.apply(&[Document { ports: vec![with_mac(port("vm4", "red"), "02:00:00:00:01:04")], ..doc() }]);
    assert_eq!(rig.addresses("vm4"), "2001:db8:a::ff:fe00:104 2001:db8:a:b:0:ff:fe00:104");
    finish(&mut rig);
    assert_eq!(prefixes(&rig, "red"), [both[1].clone()]);
    assert_eq!(rig.addresses("vm1"), "2001:db8:a:b:0:ff:fe00:101");
    let view = View::new(&rig.world);
    let withdrawn = view.subnets_of(NetworkKey(rig.key("network", "acme", "red")));
    assert_eq!(view.advert(withdrawn[0]).unwrap().withdrawn, ["2001:db8:a::/64".parse().unwrap()]);
    // The old file still applies; then what was shown is written.
    rig.apply(&site()[1..]);
    assert_eq!(rig.addresses("vm1"), "2001:db8:a:b:0:ff:fe00:101");
    rig.send(delete("renumbering", "acme", "move")).unwrap();
    assert_eq!(prefixes(&rig, "red"), [both[1].clone()]);
    assert_eq!(rig.addresses("vm1"), "2001:db8:a:b:0:ff:fe00:101");
    let Kind::Subnet(subnet) = rig.shown("subnet", "acme", "red6") else { unreachable!() };
    assert_eq!(subnet.spec.unwrap().cidr, "2001:db8:a:b::/64");
}

#[test]
fn where_addresses_are_given() {
    let mut rig = rig();
    rig.apply(&with(renumbering("blue6", "2001:db8:c::/64")));
    assert_eq!(rig.addresses("vm3"), "2001:db8:b::77 2001:db8:c::77");
    assert_eq!(nexthop(&rig).to_string(), "2001:db8:b::77");
    // An address may be asked for under either prefix; it is one.
    let (_, violations) =
        rig.refused(&apply(&[Document { ports: vec![with_fixed(port("vm5", "blue"), &["2001:db8:c::77"])], ..doc() }]));
    assert!(violations[0].1.contains("is port acme/vm3's already"), "{violations:?}");
    rig.apply(&[Document { ports: vec![with_fixed(port("vm5", "blue"), &["2001:db8:c::55"])], ..doc() }]);
    assert_eq!(rig.addresses("vm5"), "2001:db8:b::55 2001:db8:c::55");
    finish(&mut rig);
    assert_eq!(rig.addresses("vm5"), "2001:db8:c::55");
    assert_eq!(nexthop(&rig).to_string(), "2001:db8:c::77");
    assert_eq!(status(&rig).stage(), v1::RenumberingStage::Finished);
    // No address is picked twice, whichever prefix it is thought of.
    rig.apply(&[Document { ports: vec![port("vm6", "blue")], ..doc() }]);
    assert!(rig.addresses("vm6").contains("2001:db8:c::"), "{}", rig.addresses("vm6"));
    let before: Vec<String> = ["vm2", "vm3", "vm5", "vm6"].iter().map(|name| rig.addresses(name)).collect();
    rig.send(delete("renumbering", "acme", "move")).unwrap();
    let after: Vec<String> = ["vm2", "vm3", "vm5", "vm6"].iter().map(|name| rig.addresses(name)).collect();
    assert_eq!(before, after);
    assert_eq!(nexthop(&rig).to_string(), "2001:db8:c::77");
    // And once more, on from there.
    rig.now_ms += 1_000;
    rig.apply(&with(renumbering("blue6", "2001:db8:b::/64")));
    assert_eq!(rig.addresses("vm3"), "2001:db8:c::77 2001:db8:b::77");
    rig.send(delete("renumbering", "acme", "move")).unwrap();
    assert_eq!(rig.addresses("vm3"), "2001:db8:c::77", "given up while under way, the old prefix stays");
}

#[test]
fn what_can_not_be_renumbered() {
    let rig = rig();
    let refused = |subnet: &str, cidr: &str, field: &str, words: &str| {
        let (_, violations) = rig.refused(&apply(&with(renumbering(subnet, cidr))));
        let path = format!("renumberings[0].{field}");
        assert!(violations.iter().any(|(at, m)| *at == path && m.contains(words)), "{words}: {violations:?}");
    };
    refused("red6", "2001:db8:a::/64", "cidr", "is what subnet acme/red6 has already");
    refused("red6", "2001:db8:c::/63", "cidr", "must be as long as 2001:db8:a::/64");
    refused("red6", "2001:db8:b::/64", "cidr", "router acme/r1");
    refused("red6", "10.0.0.0/24", "cidr", "is IPv4");
    refused("blue4", "2001:db8:c::/64", "subnet", "is IPv4: only IPv6 subnets");
    refused("green6", "2001:db8:c::/64", "subnet", "there is no subnet acme/green6");
    let mut long = renumbering("red6", "2001:db8:c::/64");
    long.spec.as_mut().unwrap().overlap_s = Some(0);
    let (_, violations) = rig.refused(&apply(&with(long)));
    assert_eq!(violations[0].0, "renumberings[0].overlap_s");
    let two = Document {
        renumberings: vec![
            renumbering("red6", "2001:db8:c::/64"),
            v1::Renumbering { meta: meta("again"), ..renumbering("red6", "2001:db8:d::/64") },
        ],
        ..doc()
    };
    let (_, violations) = rig.refused(&apply(&[two]));
    assert!(violations.iter().any(|(_, m)| m.contains("is being renumbered by renumbering acme/")), "{violations:?}");
}

#[test]
fn what_stands_on_a_renumbered_subnet_holds_to_both_prefixes() {
    let mut rig = rig();
    rig.apply(&with(renumbering("red6", "2001:db8:c::/64")));
    let inside = Document { subnets: vec![subnet("more", "red", "2001:db8:c::/65")], ..doc() };
    let (_, violations) = rig.refused(&apply(&[inside]));
    assert!(violations[0].1.contains("overlaps subnet acme/red6 (2001:db8:c::/64)"), "{violations:?}");
    let (_, violations) = rig.refused(&delete("subnet", "acme", "red6"));
    assert!(violations[0].1.contains("in use by renumbering acme/move"), "{violations:?}");
    let mut other = renumbering("red6", "2001:db8:d::/64");
    let (_, violations) = rig.refused(&apply(&with(other.clone())));
    assert!(violations[0].1.contains("can't change: it is 2001:db8:c::/64"), "{violations:?}");
    // A longer overlap counts from the beginning.
    other = renumbering("red6", "2001:db8:c::/64");
    other.spec.as_mut().unwrap().overlap_s = Some(10_000);
    rig.now_ms += 5_000;
    rig.apply(&with(other));
    assert_eq!(status(&rig).ends_ms, BEGUN_MS + 10_000_000);
}
