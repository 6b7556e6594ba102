//! What the store holds: comparisons, numbers, entries that can't be read, pages.

use prost::Message as _;
use proto::v1::{self, resource::Kind};
use topology::World;

use super::rig::*;
use crate::catalog::Catalog;
use crate::effect::RefusalKind;
use crate::event::{Caller, Entry, EntryChange};

#[test]
fn proposals_are_compared_on_what_they_write_and_refer_to() {
    let mut rig = Rig::default();
    let first = rig.propose(&apply(&site())).unwrap();
    assert!(first.compare.iter().all(|(_, revision)| *revision == 0));
    assert_eq!(first.compare.len(), 12 + 7, "each resource, each counter but the fabric's, and that of segments");
    rig.commit(&first);
    let mut vm1 = port("vm1", "");
    vm1.meta.as_mut().unwrap().tenant = "acme".to_owned();
    let moved = rig.propose(&update(Kind::Port(bound(vm1, "hv2", "tap")), &["spec.binding"])).unwrap();
    let keys: Vec<_> = moved.compare.iter().map(|(key, revision)| (key.as_str(), *revision)).collect();
    assert_eq!(
        keys,
        [
            ("/sextant/v1/chassis/-/hv2", 1),
            ("/sextant/v1/network/acme/red", 1),
            ("/sextant/v1/port/acme/vm1", 1),
            ("/sextant/v1/security_group/acme/default", 1),
            ("/sextant/v1/subnet/acme/red6", 1),
        ]
    );
    let [EntryChange { key, value: Some(value) }] = &moved.changes[..] else { panic!("{moved:?}") };
    assert_eq!(key, "/sextant/v1/port/acme/vm1");
    let record = v1::Record::decode(&**value).unwrap();
    assert_eq!((record.key, record.mac_address.as_str(), record.addresses.len()), (1, "", 1));
    let Some(Kind::Port(stored)) = record.resource.unwrap().kind else { unreachable!() };
    let meta = stored.meta.unwrap();
    assert_eq!((meta.revision, stored.status.is_none(), meta.uid.len(), meta.tenant.as_str()), (0, true, 36, "acme"));
}

#[test]
fn numbers_go_on_and_around() {
    let mut rig = Rig::default();
    rig.send(create(Kind::Network(network("a")))).unwrap();
    rig.send(create(Kind::Chassis(chassis("first", "", "")))).unwrap();
    // As after a long life: the counters are at their ends.
    for (counter, last) in [("network", 0xff_ffff), ("chassis", 0xffff), ("segment", 0xff_ffff), ("port", u32::MAX)] {
        let key = format!("/sextant/v1/counter/{counter}");
        rig.revision += 1;
        let value = v1::Counter { last }.encode_to_vec();
        rig.store.insert(key.clone(), (value.clone(), rig.revision));
        rig.catalog.apply(rig.revision, &[EntryChange { key, value: Some(value) }]);
    }
    rig.send(create(Kind::Network(network("b")))).unwrap();
    rig.send(create(Kind::Chassis(chassis("second", "", "")))).unwrap();
    rig.send(create(Kind::Port(port("p", "b")))).unwrap();
    assert_eq!(rig.key("network", "", "b"), 2, "1 is taken");
    assert_eq!(rig.catalog.get("network", "", "b").unwrap().record.segmentation_id, 2);
    assert_eq!(rig.key("chassis", "", "second"), 2);
    assert_eq!(rig.key("port", "", "p"), 1);
}

#[test]
fn what_cannot_be_read_is_kept_and_told() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let mut entries = rig.entries();
    let wrong = |key: &str, value: &[u8]| Entry { key: key.to_owned(), value: value.to_vec(), mod_revision: 1 };
    let record =
        |kind: Kind| v1::Record { resource: Some(v1::Resource { kind: Some(kind) }), key: 77, ..Default::default() };
    let mut odd = subnet("odd", "red", "2001:db8::/129");
    odd.meta.as_mut().unwrap().tenant = "acme".to_owned();
    let odd = record(Kind::Subnet(odd)).encode_to_vec();
    entries.extend([
        wrong("/sextant/v1/port/acme/torn", &[0xff]),
        wrong("/sextant/v1/port/acme/empty", &[]),
        wrong("/sextant/v1/port/acme/other", &record(Kind::Port(port("vm1", "red"))).encode_to_vec()),
        wrong("/sextant/v1/lease/acme/x", &[]),
        wrong("/sextant/v1/subnet/acme/odd", &odd),
    ]);
    let mut catalog = Catalog::default();
    let applied = catalog.load(9, &entries);
    let faulty: Vec<_> = applied.faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        faulty,
        [
            "/sextant/v1/lease/acme/x",
            "/sextant/v1/subnet/acme/odd",
            "/sextant/v1/port/acme/empty",
            "/sextant/v1/port/acme/other",
            "/sextant/v1/port/acme/torn",
        ],
        "{:#?}",
        applied.faults
    );
    let mut world = World::default();
    world.commit(applied.facts);
    assert_eq!(world.all_keys(), rig.world.all_keys(), "the rest is as it was");
    let propose = |name: &str| {
        let mut new = port(name, "red");
        new.meta.as_mut().unwrap().tenant = "acme".to_owned();
        catalog.propose(&Caller::administrator(), &create(Kind::Port(new)), 0)
    };
    let refusal = propose("torn").unwrap_err();
    assert_eq!((refusal.kind, refusal.violations[0].path.as_str()), (RefusalKind::Invalid, "meta.name"));
    assert!(propose("fine").is_ok());
    // What makes no sense can be shown, mended and deleted.
    assert!(catalog.get("subnet", "acme", "odd").is_some());
    let mend = v1::Document { subnets: vec![subnet("odd", "red", "2001:db8:9::/64")], ..doc() };
    assert!(catalog.propose(&Caller::administrator(), &apply(&[mend]), 0).is_ok());
    let gone = catalog.propose(&Caller::administrator(), &delete("subnet", "acme", "odd"), 0).unwrap();
    assert_eq!(catalog.apply(10, &gone.changes).deleted.len(), 1);
}

#[test]
fn another_writers_changes_are_taken() {
    let (mut rig, mut other) = (Rig::default(), Rig::default());
    rig.apply(&site());
    other.apply(&site());
    let mut site = site();
    site[1].routers.clear();
    site[1].ports[0] = bound(port("vm1", "red"), "hv2", "tap");
    let proposal = other.propose(&prune(&[site[1].clone()])).unwrap();
    other.commit(&proposal);
    rig.commit(&proposal);
    assert_eq!(rig.world.all_keys(), other.world.all_keys());
    // A load in the middle of life answers with the difference.
    let mut catalog = rig.catalog.clone();
    let nothing = catalog.load(rig.revision, &rig.entries());
    assert_eq!((nothing.facts, nothing.changed, nothing.deleted), (Vec::new(), Vec::new(), Vec::new()));
    let mut entries = rig.entries();
    entries.retain(|entry| !entry.key.contains("/port/acme/vm2"));
    let applied = catalog.load(rig.revision, &entries);
    assert_eq!(changed(&applied), ["-membership 2", "-policy 2", "-binding 2", "-port 2"]);
    assert_eq!(applied.deleted, [id("port", "vm2")]);
}

#[test]
fn pages() {
    let mut rig = Rig::default();
    for tenant in ["b", "a"] {
        let networks = (0..3).map(|i| network(&format!("n{i}"))).collect();
        rig.apply(&[v1::Document { tenant: tenant.to_owned(), networks, ..Default::default() }]);
    }
    let page = |tenant: &str, size, token: &str| {
        let (page, next) = rig.catalog.list("network", tenant, size, token).unwrap();
        let name = |stored: &std::sync::Arc<crate::catalog::Stored>| {
            let meta = stored.meta().unwrap();
            format!("{}/{}", meta.tenant, meta.name)
        };
        (page.iter().map(name).collect::<Vec<_>>().join(" "), next)
    };
    assert_eq!(page("", 0, ""), ("a/n0 a/n1 a/n2 b/n0 b/n1 b/n2".to_owned(), String::new()));
    assert_eq!(page("", 4, ""), ("a/n0 a/n1 a/n2 b/n0".to_owned(), "b/n0".to_owned()));
    assert_eq!(page("", 4, "b/n0"), ("b/n1 b/n2".to_owned(), String::new()));
    assert_eq!(page("b", 3, ""), ("b/n0 b/n1 b/n2".to_owned(), String::new()));
    assert_eq!(page("c", 3, ""), (String::new(), String::new()));
    assert_eq!(rig.catalog.list("pot", "", 0, "").unwrap_err().violations[0].path, "kind");
    assert_eq!(rig.catalog.list("network", "", 0, "x").unwrap_err().violations[0].path, "page_token");
}

#[test]
fn uuids_are_given_once_and_kept() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let uids = |rig: &Rig| -> Vec<String> {
        let mut uids: Vec<_> = all(&rig.catalog).iter().map(|stored| stored.meta().unwrap().uid.clone()).collect();
        if let Kind::Router(router) = rig.shown("router", "acme", "r1") {
            uids.extend(router.spec.unwrap().interfaces.into_iter().map(|interface| interface.uid));
        }
        uids
    };
    let before = uids(&rig);
    let mut unique = before.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!((before.len(), unique.len()), (12 + 3, 12 + 3));
    let mut site = site();
    site[1].routers[0].spec.as_mut().unwrap().interfaces[0].uid = "x".to_owned();
    site[1].ports[1].meta.as_mut().unwrap().description = "the second".to_owned();
    rig.apply(&site);
    assert_eq!(uids(&rig), before);
}
