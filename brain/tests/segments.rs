//! A segmentation id goes from one network to another only when no switch has flows of the old one.

mod common;

use brain::{Reply, Request};
use common::{Bridge, Site, meta};
use ofp::{Action, Field, Instruction};
use proto::v1::{self, Phase, resource::Kind};

const SEGMENT: u32 = 77;

/// A tenant's network `net` with a port on each of these chassis.
fn tenant(name: &str, segment: Option<u32>, chassis: &[u32]) -> v1::Document {
    let port = |n: &u32| {
        let binding = v1::Binding { chassis: format!("hv{n}"), interface: format!("{name}-{n}") };
        let mac_address = Some(format!("02:00:00:00:00:{n:02x}"));
        let network = "net".to_owned();
        let spec = v1::PortSpec { network, mac_address, binding: Some(binding), ..v1::PortSpec::default() };
        v1::Port { meta: meta(&format!("vm{n}")), spec: Some(spec), status: None }
    };
    let spec = v1::NetworkSpec { segmentation_id: segment, ..v1::NetworkSpec::default() };
    v1::Document {
        tenant: name.to_owned(),
        networks: vec![v1::Network { meta: meta("net"), spec: Some(spec), status: None }],
        ports: chassis.iter().map(port).collect(),
        ..v1::Document::default()
    }
}

/// Three chassis, all connected; tenants `old` and `new` may plug in everywhere.
fn site(documents: Vec<v1::Document>) -> Site {
    let bridge = |n: u32| Bridge::new(n.into(), &[(1, &format!("old-{n}")), (2, &format!("new-{n}")), (9, "sx-tun")]);
    let mut site = Site::new((1..=3).map(bridge).collect());
    let mut all = common::site_documents();
    all.truncate(1);
    all.extend(documents);
    site.apply(all).unwrap();
    site.connect_all();
    site.installed().unwrap();
    site
}

fn delete(site: &mut Site, kind: &str, tenant: &str, name: &str) {
    let delete = v1::DeleteRequest { tenant: tenant.to_owned(), name: name.to_owned(), ..v1::DeleteRequest::default() };
    let answer = site.ask(Request::Delete { kind: kind.to_owned(), delete });
    assert!(matches!(answer, Some(Ok(Reply::Deleted))), "{answer:?}");
}

/// The old tenant goes, ports first.
fn delete_old(site: &mut Site, chassis: &[u32]) {
    for n in chassis {
        delete(site, "port", "old", &format!("vm{n}"));
    }
    delete(site, "network", "old", "net");
}

fn status(site: &mut Site, tenant: &str) -> v1::NetworkStatus {
    let get = Request::Get { kind: "network".to_owned(), tenant: tenant.to_owned(), name: "net".to_owned() };
    match site.ask(get) {
        Some(Ok(Reply::Resource(resource))) => match resource.kind {
            Some(Kind::Network(network)) => network.status.unwrap(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Whether a bridge takes in frames with the id, or copies frames out with it.
fn knows(bridge: &Bridge, segment: u32) -> bool {
    let takes =
        bridge.tables.flows.values().any(|flow| {
            flow.match_.iter().any(|(field, value, _)| field == Field::TUN_ID && value == u128::from(segment))
        });
    let sets = |action: &Action| matches!(action, Action::SetField { field, value, .. } if *field == Field::TUN_ID && *value == u128::from(segment));
    let copies = bridge.tables.groups.values().flat_map(|group| &group.buckets).flat_map(|bucket| &bucket.actions);
    let loads = |flow: &ofp::FlowStats| {
        let applied = flow.instructions.iter().filter_map(|instruction| match instruction {
            Instruction::ApplyActions(actions) => Some(actions),
            _ => None,
        });
        applied.flatten().any(|action| format!("{action}").contains(&format!("{:#x}->NXM_NX_REG", segment)))
    };
    takes || copies.into_iter().any(sets) || bridge.tables.flows.values().any(loads)
}

fn who_knows(site: &Site) -> Vec<u64> {
    site.bridges.iter().filter(|bridge| knows(bridge, SEGMENT)).map(|bridge| bridge.dpid).collect()
}

#[test]
fn an_id_waits_for_who_may_still_use_it_and_for_nobody_else() {
    let mut site = site(vec![tenant("old", Some(SEGMENT), &[1, 2])]);
    assert_eq!(who_knows(&site), [1, 2]);
    // Both are out of reach; the third never had anything to do with it.
    site.disconnect(1);
    site.disconnect(2);
    delete_old(&mut site, &[1, 2]);
    assert_eq!(who_knows(&site), [2]);
    site.apply(vec![tenant("new", Some(SEGMENT), &[1, 3])]).unwrap();
    assert_eq!(who_knows(&site), [2], "nobody but who can't be reached");
    let told = status(&mut site, "new");
    assert_eq!((told.phase(), told.segmentation_id), (Phase::Pending, SEGMENT));
    assert!(told.reason.contains("old/net") && told.reason.contains("hv2") && !told.reason.contains("hv3"), "{told:?}");
    let port = site.port("new", "vm1");
    assert_eq!(port.phase(), Phase::Pending, "{port:?}");
    assert!(port.reason.contains("segmentation id"), "{port:?}");
    let missing = site.installed().unwrap_err();
    assert!(missing.iter().any(|words| words.starts_with("network new/net: ")), "{missing:?}");
    // A restart forgets nothing; but it does not know any more what the third has.
    let mut site = site.restarted();
    site.connect(0);
    site.connect(2);
    assert_eq!(who_knows(&site), [2]);
    assert_eq!(status(&mut site, "new").phase(), Phase::Pending);
    site.connect(1);
    assert_eq!(who_knows(&site), [1, 3]);
    assert_eq!(status(&mut site, "new").phase(), Phase::Active);
    assert_eq!(site.port("new", "vm1").phase(), Phase::Active);
    assert_eq!(site.installed(), Ok(()));
    let last = site.told.iter().rev().find_map(|resource| match &resource.kind {
        Some(Kind::Port(port)) if port.meta.as_ref().unwrap().tenant == "new" => port.status.clone(),
        _ => None,
    });
    assert_eq!(last.unwrap().phase(), Phase::Active, "watchers hear of it");
    assert_eq!(site.store.entries.keys().filter(|key| key.contains("released")).count(), 0);
}

#[test]
fn a_deleted_chassis_is_not_waited_for() {
    let mut site = site(vec![tenant("old", Some(SEGMENT), &[1, 2])]);
    site.disconnect(1);
    delete_old(&mut site, &[1, 2]);
    site.apply(vec![tenant("new", Some(SEGMENT), &[1, 3])]).unwrap();
    assert_eq!(status(&mut site, "new").phase(), Phase::Pending);
    delete(&mut site, "chassis", "", "hv2");
    assert_eq!(status(&mut site, "new").phase(), Phase::Active);
    assert_eq!(site.installed(), Ok(()), "nobody waits for what was deleted");
}

#[test]
fn connected_switches_never_have_one_id_for_two_networks() {
    let mut site = site(vec![tenant("old", Some(SEGMENT), &[1, 2])]);
    site.bridges[1].slow = true;
    site.bridges[1].batches.clear();
    delete_old(&mut site, &[1, 2]);
    site.apply(vec![tenant("new", Some(SEGMENT), &[1, 3])]).unwrap();
    assert_eq!(who_knows(&site), [2]);
    assert!(status(&mut site, "new").reason.contains("hv2"));
    site.bridges[1].slow = false;
    for batch in std::mem::take(&mut site.bridges[1].batches) {
        site.confirm(1, &batch);
    }
    assert_eq!(who_knows(&site), [1, 3]);
    assert_eq!(status(&mut site, "new").phase(), Phase::Active);
}

#[test]
fn an_id_that_is_changed_waits_and_its_network_may_have_it_back() {
    let mut site = site(vec![tenant("old", Some(SEGMENT), &[1, 2]), tenant("new", Some(78), &[3])]);
    site.disconnect(1);
    site.apply(vec![tenant("old", Some(79), &[1, 2])]).unwrap();
    site.apply(vec![tenant("old", Some(SEGMENT), &[1, 2])]).unwrap();
    assert_eq!(who_knows(&site), [1, 2], "it was never anybody else's");
    assert_ne!(status(&mut site, "old").phase(), Phase::Pending);
    site.apply(vec![tenant("old", Some(79), &[1, 2])]).unwrap();
    site.apply(vec![tenant("new", Some(SEGMENT), &[1, 3])]).unwrap();
    assert_eq!(who_knows(&site), [2]);
    assert_eq!(status(&mut site, "new").phase(), Phase::Pending);
    site.connect(1);
    assert_eq!(who_knows(&site), [1, 3]);
    assert_eq!((status(&mut site, "new").phase(), status(&mut site, "old").phase()), (Phase::Active, Phase::Active));
}

#[test]
fn allocation_passes_ids_that_are_not_free() {
    let mut site = site(vec![tenant("old", Some(2), &[1, 2])]);
    site.disconnect(1);
    delete_old(&mut site, &[1, 2]);
    let mut networks = tenant("new", None, &[]);
    let more = |n: u32| v1::Network { meta: meta(&format!("more{n}")), ..networks.networks[0].clone() };
    networks.networks = (0..4).map(more).collect();
    site.apply(vec![networks]).unwrap();
    let ids: Vec<u32> = site
        .list("network")
        .into_iter()
        .map(|resource| match resource.kind {
            Some(Kind::Network(network)) => network.status.unwrap().segmentation_id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [1, 3, 4, 5]);
}
