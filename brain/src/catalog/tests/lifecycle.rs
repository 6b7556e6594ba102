//! What a request does when it is right: allocation, repetition, replacement, updates, pruning, deletion.

use addr::{Dpid, IpNet};
use proto::v1::{self, Change, resource::Kind};
use topology::{ChassisKey, NetworkKey, PortKey, RouterKey, SubnetKey, View};

use super::rig::*;
use crate::catalog::Answer;
use crate::effect::RefusalKind;
use crate::event::{Caller, Request};

#[test]
fn a_site_becomes_facts() {
    let mut rig = Rig::default();
    let told = rig.apply(&site());
    assert!(told.iter().all(|(_, change)| *change == Change::Created));
    assert_eq!(told.first().unwrap().0, "chassis hv1");
    let last: Vec<_> = told.iter().rev().take(2).map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        last,
        ["security_group acme/default", "port acme/vm2"],
        "ports that name no group have the tenant's default one"
    );
    let view = View::new(&rig.world);
    let fabric = view.fabric().unwrap();
    assert_eq!((&*fabric.interface, fabric.mtu_max), ("sx-tun", 1430));
    let chassis = view.chassis(ChassisKey(1)).unwrap();
    assert_eq!((chassis.dpid, chassis.tunnel_ip), (Some(Dpid(1)), Some("fd00:a::1".parse().unwrap())));
    let red = view.network(NetworkKey(1)).unwrap();
    assert_eq!((&*red.tenant, &*red.name, red.segment, red.mtu), ("acme", "red", 1, 1430));
    let advert = view.advert(SubnetKey(1)).unwrap();
    assert!(advert.autonomous && advert.default_router && advert.advertise_prefix);
    assert_eq!((advert.valid_s, advert.preferred_s), (86_400, 14_400));
    assert_eq!(view.advert(SubnetKey(2)), None);
    let interface = view.interface(RouterKey(1), SubnetKey(3)).unwrap();
    assert_eq!(
        (interface.address.to_string(), interface.mac.to_string()),
        ("10.1.0.1".into(), "02:53:00:00:00:01".into())
    );
    assert_eq!(view.interface(RouterKey(1), SubnetKey(1)).unwrap().address.to_string(), "2001:db8:a::");
    assert_eq!(view.binding(PortKey(2)).unwrap().chassis, ChassisKey(2));
    assert_eq!(rig.addresses("vm1"), "2001:db8:a::ff:fe00:101");
    assert_eq!(rig.addresses("vm2"), "10.1.0.2 2001:db8:b::1");
    assert_eq!(rig.mac("vm2"), "02:54:00:00:00:02");
    assert_eq!((rig.key("port", "acme", "vm2"), rig.key("fabric", "", "default")), (2, 1));
}

#[test]
fn the_same_again_changes_nothing() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let proposal = rig.propose(&apply(&site())).unwrap();
    assert_eq!((proposal.compare.len(), proposal.changes.len()), (0, 0));
    let Answer::Applied(response) = proposal.answer else { unreachable!() };
    assert_eq!(response.revision, 1);
    assert!(response.changes.iter().all(|change| change.change() == Change::Unchanged), "{response:#?}");
    // Another spelling is the same too.
    let mut same = site();
    same[0].chassis[0].spec.as_mut().unwrap().datapath_id = Some("0000000000000001".to_owned());
    same[1].subnets[0].spec.as_mut().unwrap().cidr = "2001:0DB8:a::77/64".to_owned();
    same[1].ports[0].spec.as_mut().unwrap().vnic_type = v1::VnicType::Normal.into();
    same[1].networks[0].spec.as_mut().unwrap().r#type = v1::NetworkType::Overlay.into();
    assert!(rig.apply(&same).iter().all(|(_, change)| *change == Change::Unchanged));
    assert_eq!(rig.revision, 1);
}

#[test]
fn apply_replaces_the_spec_and_keeps_what_was_generated() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let (mac, addresses) = (rig.mac("vm2"), rig.addresses("vm2"));
    let mut site = site();
    site[1].ports[1] = port("vm2", "blue");
    assert_eq!(rig.apply(&site).iter().filter(|(_, c)| *c == Change::Updated).count(), 1);
    assert_eq!((rig.mac("vm2"), rig.addresses("vm2")), (mac.clone(), addresses.clone()));
    assert_eq!(changed(&rig.last), ["-binding 2"]);
    // A given MAC goes, and the generated one is back.
    site[1].ports[1] = with_mac(port("vm2", "blue"), "02:00:00:00:00:09");
    rig.apply(&site);
    assert_eq!(rig.mac("vm2"), "02:00:00:00:00:09");
    assert_eq!(changed(&rig.last), ["+port 2"]);
    site[1].ports[1] = port("vm2", "blue");
    rig.apply(&site);
    assert_eq!((rig.mac("vm2"), rig.addresses("vm2")), (mac, addresses));
}

#[test]
fn a_swap_works_in_one_document() {
    let mut rig = Rig::default();
    let swap = |a: [&str; 3], b: [&str; 3]| {
        let port = |name: &str, [mac, ip, interface]: [&str; 3]| {
            bound(with_fixed(with_mac(port(name, "blue"), mac), &[ip]), "hv1", interface)
        };
        let mut site = site();
        site[1].ports = vec![port("a", a), port("b", b)];
        site
    };
    let (one, two) = (["02:00:00:00:00:01", "10.1.0.7", "if1"], ["02:00:00:00:00:02", "10.1.0.8", "if2"]);
    rig.apply(&swap(one, two));
    rig.apply(&swap(two, one));
    assert_eq!((rig.mac("a"), rig.addresses("b")), ("02:00:00:00:00:02".to_owned(), "10.1.0.7".to_owned()));
    let mut chassis = site();
    chassis.truncate(1);
    let [a, b] = &mut chassis[0].chassis[..] else { unreachable!() };
    std::mem::swap(&mut a.spec, &mut b.spec);
    rig.apply(&chassis);
    assert_eq!(rig.catalog.chassis_for(Dpid(1), "").unwrap().1.to_string(), "chassis hv2");
}

#[test]
fn updates_set_what_the_mask_names() {
    let mut rig = Rig::default();
    rig.apply(&site());
    // A VM moves.
    rig.send(update(Kind::Port(bound(port("vm1", ""), "hv2", "tap1")), &["spec.binding"])).unwrap_err();
    let mut vm1 = port("vm1", "");
    vm1.meta.as_mut().unwrap().tenant = "acme".to_owned();
    let moved = bound(vm1.clone(), "hv2", "tap1");
    assert_eq!(rig.send(update(Kind::Port(moved), &["spec.binding"])), Ok(Answer::Resource(id("port", "vm1"))));
    assert_eq!(changed(&rig.last), ["+binding 1"]);
    // An empty mask names what is set.
    vm1.meta.as_mut().unwrap().labels.insert("tier".to_owned(), "web".to_owned());
    vm1.spec.as_mut().unwrap().port_security_enabled = Some(false);
    rig.send(update(Kind::Port(vm1.clone()), &[])).unwrap();
    assert_eq!(changed(&rig.last), ["-membership 1", "+policy 1"]);
    let Kind::Port(shown) = rig.shown("port", "acme", "vm1") else { unreachable!() };
    let spec = shown.spec.unwrap();
    assert_eq!((spec.network.as_str(), spec.binding.unwrap().interface.as_str()), ("red", "tap1"));
    assert_eq!(shown.meta.as_ref().unwrap().labels["tier"], "web");
    assert_eq!(shown.meta.unwrap().revision, rig.revision);
    // A path whose field is not set clears it.
    vm1.meta.as_mut().unwrap().labels.clear();
    rig.send(update(Kind::Port(vm1.clone()), &["spec.binding", "meta.labels"])).unwrap();
    assert_eq!(changed(&rig.last), ["-binding 1"]);
    let (kind, violations) = rig.refused(&update(Kind::Port(vm1), &["spec.bindings", "status.phase", "spec.network"]));
    assert_eq!(kind, RefusalKind::Invalid);
    let paths: Vec<_> = violations.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["update_mask", "update_mask", "spec.network"]);
    // The fabric needs no making.
    let mut empty = Rig::default();
    empty.send(update(Kind::Fabric(fabric(v1::Encap::Gre)), &[])).unwrap();
    assert_eq!(changed(&empty.last), ["+fabric"]);
}

#[test]
fn create_and_delete() {
    let mut rig = Rig::default();
    rig.send(create(Kind::Network(network("n")))).unwrap();
    assert_eq!(rig.refused(&create(Kind::Network(network("n")))).0, RefusalKind::AlreadyExists);
    assert_eq!(rig.refused(&delete("network", "", "m")).0, RefusalKind::NotFound);
    rig.send(create(Kind::Subnet(subnet("s", "n", "10.0.0.0/24")))).unwrap();
    let (kind, violations) = rig.refused(&delete("network", "default", "n"));
    assert_eq!(kind, RefusalKind::InUse);
    assert_eq!(violations, [("name".to_owned(), "network default/n is in use by subnet default/s".to_owned())]);
    assert_eq!(rig.send(delete("subnet", "", "s")), Ok(Answer::Deleted));
    assert_eq!(rig.send(delete("network", "", "n")), Ok(Answer::Deleted));
    assert!(rig.world.all_keys().is_empty());
    // Numbers go on.
    rig.send(create(Kind::Network(network("n")))).unwrap();
    assert_eq!(rig.key("network", "", "n"), 2);
}

#[test]
fn deletes_of_what_is_in_use_name_the_users() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let cases = [
        ("chassis", "hv1", "chassis hv1 is in use by port acme/vm1"),
        ("network", "red", "network acme/red is in use by subnet acme/red6, port acme/vm1"),
        ("subnet", "blue4", "subnet acme/blue4 is in use by router acme/r1, port acme/vm2"),
        ("subnet", "red6", "subnet acme/red6 is in use by router acme/r1"),
    ];
    for (kind, name, words) in cases {
        let (refused, violations) = rig.refused(&delete(kind, "acme", name));
        assert_eq!((refused, violations.len(), violations[0].1.as_str()), (RefusalKind::InUse, 1, words));
    }
    assert_eq!(rig.refused(&delete("fabric", "", "default")).0, RefusalKind::Invalid);
    rig.send(delete("router", "acme", "r1")).unwrap();
    // Addresses that hosts form themselves don't hold a subnet.
    rig.send(delete("subnet", "acme", "red6")).unwrap();
    assert_eq!(rig.addresses("vm1"), "");
}

#[test]
fn pruning_takes_what_the_document_does_not_list() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let umbra = v1::Document { tenant: "umbra".to_owned(), networks: vec![network("red")], ..Default::default() };
    rig.apply(&[umbra]);
    // Router and ports are not named as kinds: they stay, and hold what they use.
    let less = v1::Document {
        networks: vec![network("red")],
        subnets: vec![slaac(subnet("red6", "red", "2001:db8:a::/64"))],
        ..doc()
    };
    let (kind, violations) = rig.refused(&prune(std::slice::from_ref(&less)));
    assert_eq!(kind, RefusalKind::InUse);
    let words: Vec<_> = violations.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(
        words,
        [
            "subnet acme/blue6 is in use by router acme/r1, port acme/vm2",
            "subnet acme/blue4 is in use by router acme/r1, port acme/vm2",
            "network acme/blue is in use by port acme/vm2",
        ]
    );
    let all = v1::Document { routers: vec![router("r1", &["red6"])], ports: vec![port("vm1", "red")], ..less };
    let Ok(Answer::Applied(response)) = rig.send(prune(&[all])) else { panic!() };
    let told = told(&response);
    let gone: Vec<_> = told.iter().filter(|(_, c)| *c == Change::Deleted).map(|(id, _)| id.as_str()).collect();
    assert_eq!(gone, ["port acme/vm2", "subnet acme/blue6", "subnet acme/blue4", "network acme/blue"]);
    assert!(rig.catalog.get("network", "umbra", "red").is_some() && rig.catalog.get("chassis", "", "hv2").is_some());
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let rig = Rig::default();
    let request = Request::Apply(v1::ApplyRequest { documents: site(), dry_run: true, ..Default::default() });
    let proposal = rig.propose(&request).unwrap();
    assert!(proposal.changes.is_empty() && proposal.compare.is_empty());
    let Answer::Applied(response) = proposal.answer else { unreachable!() };
    assert_eq!(response.changes.len(), 12);
    assert!(response.changes.iter().all(|change| change.change() == Change::Created));
}

#[test]
fn revisions_are_expected() {
    let mut rig = Rig::default();
    rig.apply(&site());
    rig.send(create(Kind::Network(network("other")))).unwrap();
    let apply = |expected| {
        Request::Apply(v1::ApplyRequest { documents: site(), expected_revision: Some(expected), ..Default::default() })
    };
    assert!(rig.propose(&apply(1)).is_ok());
    let (kind, violations) = rig.refused(&apply(2));
    assert_eq!((kind, violations[0].0.as_str()), (RefusalKind::Conflict, "expected_revision"));
    let delete = |expected_revision| {
        let delete = v1::DeleteRequest { name: "other".to_owned(), expected_revision, ..Default::default() };
        Request::Delete { kind: "network".to_owned(), delete }
    };
    assert_eq!(rig.refused(&delete(Some(1))).0, RefusalKind::Conflict);
    assert!(rig.propose(&delete(Some(2))).is_ok());
    let update = |expected_revision| Request::Update {
        resource: v1::Resource { kind: Some(Kind::Network(network("other"))) },
        mask: Vec::new(),
        options: v1::WriteOptions { expected_revision, ..Default::default() },
    };
    assert_eq!(rig.refused(&update(Some(3))).0, RefusalKind::Conflict);
    assert!(rig.propose(&update(Some(2))).is_ok());
}

#[test]
fn a_repeated_key_has_its_answer() {
    let mut rig = Rig::default();
    let request = |name: &str, key: &str| Request::Create {
        resource: v1::Resource { kind: Some(Kind::Network(network(name))) },
        options: v1::WriteOptions { idempotency_key: key.to_owned(), ..Default::default() },
    };
    let first = rig.send(request("n", "k")).unwrap();
    assert_eq!(rig.send(request("n", "k")).unwrap(), first);
    assert_eq!(rig.revision, 1);
    let (kind, violations) = rig.refused(&request("m", "k"));
    assert_eq!((kind, violations[0].0.as_str()), (RefusalKind::Invalid, "options.idempotency_key"));
    for i in 0..1_000 {
        rig.catalog.remember(&Caller::administrator(), &request("x", &format!("{i}")), &Answer::Deleted);
    }
    assert_eq!(rig.refused(&request("n", "k")).0, RefusalKind::AlreadyExists, "the oldest is forgotten");
    assert!(rig.propose(&request("x", "0")).is_ok());
}

#[test]
fn dependents_follow() {
    let mut rig = Rig::default();
    rig.apply(&site());
    // A gateway is its router's address.
    let mut blue6 = subnet("blue6", "", "");
    blue6.meta.as_mut().unwrap().tenant = "acme".to_owned();
    blue6.spec.as_mut().unwrap().gateway_ip = Some("2001:db8:b::ff".to_owned());
    rig.send(update(Kind::Subnet(blue6.clone()), &[])).unwrap();
    assert_eq!(changed(&rig.last), ["+interface 1 2"]);
    blue6.spec.as_mut().unwrap().gateway_ip = Some("fe80::1".to_owned());
    let (_, violations) = rig.refused(&update(Kind::Subnet(blue6.clone()), &[]));
    assert_eq!(violations.iter().map(|v| v.0.as_str()).collect::<Vec<_>>(), ["spec.gateway_ip"], "{violations:?}");
    assert!(violations[0].1.starts_with("router acme/r1: interfaces[1]: fe80::1"), "{violations:?}");
    // So is whether it may advertise.
    let mut red6 = subnet("red6", "", "");
    red6.meta.as_mut().unwrap().tenant = "acme".to_owned();
    let (_, violations) = rig.refused(&update(Kind::Subnet(red6), &["spec.ipv6_ra_mode"]));
    assert_eq!(violations.iter().map(|v| v.0.as_str()).collect::<Vec<_>>(), ["spec.ipv6_ra_mode"], "{violations:?}");
    // A fabric's room is its networks'.
    rig.send(update(Kind::Fabric(fabric(v1::Encap::Gre)), &[])).unwrap();
    assert_eq!(changed(&rig.last), ["+fabric", "+network 2", "+network 1"]);
    let view = View::new(&rig.world);
    assert_eq!(view.network(NetworkKey(1)).unwrap().mtu, 1500 - 40 - 8 - 14);
    // Interfaces and routes that a router drops are gone.
    let mut site = site();
    site[1].routers[0] = router("r1", &["red6"]);
    let route = |destination: &str, nexthop: &str| v1::Route {
        destination: destination.to_owned(),
        nexthop: nexthop.to_owned(),
        interface: None,
    };
    site[1].routers[0].spec.as_mut().unwrap().routes = vec![route("::/0", "fe80::ffff")];
    rig.apply(&site);
    assert_eq!(rig.world.all_keys().iter().filter(|k| matches!(k, topology::Key::Interface(..))).count(), 1);
    let all: IpNet = "::/0".parse().unwrap();
    assert_eq!(View::new(&rig.world).route(RouterKey(1), all).unwrap().network, NetworkKey(1));
}

#[test]
fn bridges_are_known_by_number_or_name() {
    let mut rig = Rig::default();
    rig.send(create(Kind::Chassis(chassis("hv1", "00aa", "")))).unwrap();
    rig.send(create(Kind::Chassis(chassis("hv2", "", "")))).unwrap();
    let known =
        |dpid, bridge: &str| rig.catalog.chassis_for(Dpid(dpid), bridge).map(|(key, id)| (key.0, id.name.to_string()));
    assert_eq!(known(0xaa, "br0"), Some((1, "hv1".to_owned())));
    assert_eq!(known(9, "hv2"), Some((2, "hv2".to_owned())));
    assert_eq!(known(9, "hv1"), None, "its datapath id is another");
}
