//! Which addresses ports get: Neutron's rules, and where Sextant differs from them on purpose.

use proto::v1::{self, Document, resource::Kind};

use super::rig::*;
use crate::effect::RefusalKind;
use crate::event::Request;

const MAC: &str = "02:00:00:00:00:aa";
/// Formed from that MAC on `auto`, and on `more`.
const FORMED: &str = "2001:db8:a::ff:fe00:aa";
const FORMED_MORE: &str = "2001:db8:d::ff:fe00:aa";

/// One network with all sorts of subnets: two of IPv4, two of IPv6 with pools, one that hosts form addresses on.
fn all_sorts() -> Document {
    Document {
        networks: vec![network("n")],
        subnets: vec![
            subnet("four", "n", "10.1.0.0/24"),
            subnet("quad", "n", "10.2.0.0/24"),
            subnet("pool", "n", "2001:db8:b::/64"),
            subnet("pond", "n", "2001:db8:c::/120"),
            slaac(subnet("auto", "n", "2001:db8:a::/64")),
        ],
        ..doc()
    }
}

/// What a port with this `fixed_ips` (`None`: absent) gets.
#[track_caller]
fn gets(fixed: Option<&[&str]>, addresses: &str) {
    let mut rig = Rig::default();
    let port = with_mac(port("p", "n"), MAC);
    let port = fixed.map_or(port.clone(), |fixed| with_fixed(port, fixed));
    let documents = [Document { ports: vec![port], ..all_sorts() }];
    rig.apply(&documents);
    assert_eq!(rig.addresses("p"), addresses, "{fixed:?}");
    let again = rig.apply(&documents);
    assert!(again.iter().all(|(_, change)| *change == v1::Change::Unchanged), "{fixed:?}: {again:?}");
}

#[test]
fn what_a_port_asks_for_is_what_it_gets() {
    gets(None, &format!("10.1.0.2 2001:db8:b::1 {FORMED}"));
    gets(Some(&[]), FORMED);
    gets(Some(&["four"]), &format!("10.1.0.2 {FORMED}"));
    gets(Some(&["10.2.0.77"]), &format!("10.2.0.77 {FORMED}"));
    gets(Some(&["quad=10.2.0.77", "quad"]), &format!("10.2.0.77 10.2.0.2 {FORMED}"));
    gets(Some(&["four", "four"]), &format!("10.1.0.2 10.1.0.3 {FORMED}"));
    gets(Some(&["pond", "pool"]), &format!("2001:db8:c::1 2001:db8:b::1 {FORMED}"));
    gets(Some(&["auto"]), FORMED);
    gets(Some(&["auto", "four"]), &format!("{FORMED} 10.1.0.2"));
    // Explicit on a subnet that hosts form addresses on: any form, and then it is the one there.
    gets(Some(&["2001:db8:a::77"]), "2001:db8:a::77");
    gets(Some(&["auto=2001:DB8:a:0::77"]), "2001:db8:a::77");
    gets(Some(&["auto", "2001:db8:a::77"]), &format!("{FORMED} 2001:db8:a::77"));
    gets(Some(&[FORMED]), FORMED);
    // Explicit outside of the pools, but in the prefix; the edge of IPv6's is free.
    gets(Some(&["2001:db8:c::ff"]), &format!("2001:db8:c::ff {FORMED}"));
}

#[test]
fn picks_go_on_after_the_last_and_around() {
    let mut rig = Rig::default();
    let mut sorts = all_sorts();
    sorts.subnets[0].spec.as_mut().unwrap().allocation_pools = vec![
        v1::AllocationPool { start: "10.1.0.200".to_owned(), end: "10.1.0.201".to_owned() },
        v1::AllocationPool { start: "10.1.0.20".to_owned(), end: "10.1.0.21".to_owned() },
    ];
    rig.apply(&[sorts]);
    let pick = |rig: &mut Rig, name: &str| {
        rig.apply(&[Document { ports: vec![with_fixed(port(name, "n"), &["four"])], ..doc() }]);
        rig.addresses(name).split(' ').next().unwrap().to_owned()
    };
    assert_eq!(["a", "b", "c"].map(|name| pick(&mut rig, name)), ["10.1.0.20", "10.1.0.21", "10.1.0.200"]);
    rig.send(delete("port", "acme", "a")).unwrap();
    rig.send(delete("port", "acme", "c")).unwrap();
    assert_eq!(["d", "e", "f"].map(|name| pick(&mut rig, name)), ["10.1.0.201", "10.1.0.20", "10.1.0.200"]);
    let full = Document { ports: vec![with_fixed(port("g", "n"), &["10.1.0.9", "four"])], ..doc() };
    let (kind, violations) = rig.refused(&apply(&[full]));
    assert_eq!((kind, violations[0].0.as_str()), (RefusalKind::Invalid, "ports[0].fixed_ips[1]"));
    assert!(
        violations[0].1.contains("subnet acme/four (10.1.0.20-10.1.0.21, 10.1.0.200-10.1.0.201)"),
        "{violations:?}"
    );
    // The default goes on to the next subnet of the family.
    rig.apply(&[Document { ports: vec![port("g", "n")], ..doc() }]);
    assert!(rig.addresses("g").starts_with("10.2.0.2 "), "{}", rig.addresses("g"));
}

#[test]
fn given_addresses_have_their_place_before_picked_ones() {
    let mut rig = Rig::default();
    let ports = |ports: &[v1::Port]| [Document { ports: ports.to_vec(), ..all_sorts() }];
    rig.apply(&ports(&[with_fixed(port("a", "n"), &["four"]), with_fixed(port("b", "n"), &["10.1.0.2"])]));
    assert!(rig.addresses("a").starts_with("10.1.0.3 "));
    // Kept addresses go before new ones; a given one takes a kept one away from a port of the same request.
    rig.apply(&ports(&[with_fixed(port("c", "n"), &["four"]), with_fixed(port("a", "n"), &["four"]), port("b", "n")]));
    assert!(rig.addresses("a").starts_with("10.1.0.3 ") && rig.addresses("b").starts_with("10.1.0.2 "));
    assert!(rig.addresses("c").starts_with("10.1.0.4 "));
    rig.apply(&ports(&[with_fixed(port("c", "n"), &["10.1.0.3"]), with_fixed(port("a", "n"), &["four"])]));
    assert!(rig.addresses("c").starts_with("10.1.0.3 ") && rig.addresses("a").starts_with("10.1.0.5 "));
    // But not from one that is not in the request.
    let (_, violations) = rig.refused(&apply(&ports(&[with_fixed(port("d", "n"), &["10.1.0.5"])])));
    assert_eq!(violations[0].1, "10.1.0.5 on network acme/n is port acme/a's already");
}

#[test]
fn a_new_mac_forms_new_addresses() {
    let mut rig = Rig::default();
    let with = |mac: &str| [Document { ports: vec![with_mac(port("p", "n"), mac)], ..all_sorts() }];
    rig.apply(&with("02:00:00:00:00:01"));
    rig.apply(&with(MAC));
    assert_eq!(rig.addresses("p"), format!("10.1.0.2 2001:db8:b::1 {FORMED}"));
    assert_eq!(changed(&rig.last), ["+port 1"]);
}

#[test]
fn ports_follow_the_subnets_that_hosts_form_addresses_on() {
    let mut rig = Rig::default();
    let ports = vec![with_mac(port("p", "n"), MAC), with_fixed(port("q", "n"), &["auto=2001:db8:a::77", "10.1.0.9"])];
    rig.apply(&[Document { ports, ..all_sorts() }]);
    let more = Document { subnets: vec![slaac(subnet("more", "n", "2001:db8:d::/64"))], ..doc() };
    let told = rig.apply(std::slice::from_ref(&more));
    let words: Vec<_> = told.iter().map(|(id, change)| format!("{id} {}", change.as_str_name())).collect();
    assert_eq!(words, ["subnet acme/more CHANGE_CREATED", "port acme/p CHANGE_UPDATED", "port acme/q CHANGE_UPDATED",]);
    assert_eq!(rig.addresses("p"), format!("10.1.0.2 2001:db8:b::1 {FORMED} {FORMED_MORE}"));
    assert_eq!(changed(&rig.last), ["+subnet 6", "+advert 6", "+dhcp6 6", "+port 1", "+port 2"]);
    // It stops being one: its addresses vanish, but for those that were asked for. And again, and back.
    let plain = Document { subnets: vec![subnet("more", "n", "2001:db8:d::/64")], ..doc() };
    rig.apply(&[plain]);
    assert_eq!(rig.addresses("p"), format!("10.1.0.2 2001:db8:b::1 {FORMED}"));
    rig.apply(&[more]);
    assert_eq!(rig.addresses("p"), format!("10.1.0.2 2001:db8:b::1 {FORMED} {FORMED_MORE}"));
    // It goes, and what it gave goes with it; what was given on it is taken out of the specs.
    rig.send(delete("subnet", "acme", "more")).unwrap();
    rig.send(delete("subnet", "acme", "auto")).unwrap();
    assert_eq!(rig.addresses("p"), "10.1.0.2 2001:db8:b::1");
    assert_eq!(rig.addresses("q"), "10.1.0.9");
    let Kind::Port(shown) = rig.shown("port", "acme", "q") else { unreachable!() };
    let items = shown.spec.unwrap().fixed_ips.unwrap().items;
    assert_eq!(items.iter().map(|item| item.ip_address.as_deref()).collect::<Vec<_>>(), [Some("10.1.0.9")]);
    let (kind, _) = rig.refused(&delete("subnet", "acme", "four"));
    assert_eq!(kind, RefusalKind::InUse);
}

#[test]
fn an_update_picks_only_what_it_asks_for() {
    let mut rig = Rig::default();
    let only_auto =
        Document { subnets: vec![all_sorts().subnets.remove(4)], ports: vec![port("p", "n")], ..all_sorts() };
    rig.apply(&[only_auto]);
    rig.apply(&[all_sorts()]);
    let before = rig.addresses("p");
    assert!(!before.contains(' '), "{before}");
    let mut p = bound(port("p", ""), "hv1", "p");
    p.meta.as_mut().unwrap().tenant = "acme".to_owned();
    rig.send(create(Kind::Chassis(chassis("hv1", "", "")))).unwrap();
    rig.send(update(Kind::Port(p.clone()), &["spec.binding"])).unwrap();
    assert_eq!(rig.addresses("p"), before, "a move is no reason for more addresses");
    rig.send(update(Kind::Port(with_fixed(p.clone(), &["quad"])), &[])).unwrap();
    assert_eq!(rig.addresses("p"), format!("10.2.0.2 {before}"));
    // Stated as a whole, it has what its network calls for now.
    rig.send(update(Kind::Port(p), &["spec.fixed_ips"])).unwrap();
    assert_eq!(rig.addresses("p"), format!("10.2.0.2 2001:db8:b::1 {before}"));
}

#[test]
fn ports_and_gateways_keep_apart() {
    let mut rig = Rig::default();
    let ports = vec![with_fixed(port("p", "n"), &["10.1.0.9", "2001:db8:c::7"])];
    rig.apply(&[Document { ports, ..all_sorts() }]);
    let gateway = |name: &str, gateway: &str| -> Request {
        let mut subnet = subnet(name, "", "");
        subnet.meta.as_mut().unwrap().tenant = "acme".to_owned();
        subnet.spec.as_mut().unwrap().gateway_ip = Some(gateway.to_owned());
        update(Kind::Subnet(subnet), &["spec.gateway_ip"])
    };
    let (_, violations) = rig.refused(&gateway("four", "10.1.0.9"));
    assert_eq!(violations, [("spec.gateway_ip".to_owned(), "10.1.0.9 is held by port acme/p".to_owned())]);
    rig.send(gateway("four", "10.1.0.10")).unwrap();
    rig.send(gateway("pond", "2001:db8:c::1")).unwrap();
    // Even a foreign gateway, in another subnet of the network.
    let (_, violations) = rig.refused(&gateway("pool", "2001:db8:c::7"));
    assert_eq!(violations[0].1, "2001:db8:c::7 is held by port acme/p");
}

#[test]
fn nobody_gets_anothers_link_local_address() {
    let mut rig = Rig::default();
    let document = |ports| Document {
        networks: vec![network("n")],
        subnets: vec![subnet("local", "n", "fe80::/64")],
        ports,
        ..doc()
    };
    rig.apply(&[document(vec![with_mac(with_fixed(port("p", "n"), &[]), MAC)])]);
    let taken = |address: &str| {
        let (_, violations) = rig.refused(&apply(&[document(vec![with_fixed(port("q", "n"), &[address])])]));
        violations.into_iter().map(|(_, words)| words).collect::<Vec<_>>()
    };
    assert_eq!(taken("fe80::ff:fe00:aa"), ["fe80::ff:fe00:aa is port acme/p's already"]);
    assert_eq!(taken("fe80::1"), ["fe80::1 is every router's"]);
    rig.apply(&[document(vec![with_mac(with_fixed(port("p", "n"), &["fe80::ff:fe00:aa"]), MAC)])]);
}

#[test]
fn a_generated_mac_gives_way_to_given_ones() {
    let mut rig = Rig::default();
    let ports = vec![port("a", "n"), with_mac(port("b", "n"), "02:54:00:00:00:01")];
    rig.apply(&[Document { networks: vec![network("n")], ports, ..doc() }]);
    assert_eq!((rig.mac("a"), rig.mac("b")), ("06:54:00:00:00:01".to_owned(), "02:54:00:00:00:01".to_owned()));
}
