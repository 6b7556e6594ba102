//! Who had which address: what ends is remembered over restarts, within limits; and what a store from before there were groups lacks.

mod common;

use brain::{Reply, Request};
use common::{Site, bridges, port, site_documents};
use proto::v1;

const DAY_MS: u64 = 24 * 3_600_000;

fn up() -> Site {
    let mut site = Site::new(bridges());
    site.now = 10_000;
    site.apply(site_documents()).unwrap();
    site
}

/// `vm1` of acme has another MAC, and so another link-local and another formed address.
fn with_mac(site: &mut Site, mac: &str) {
    let mut changed = port("acme", 1);
    changed.spec.as_mut().unwrap().mac_address = Some(mac.to_owned());
    let document = v1::Document { tenant: "acme".to_owned(), ports: vec![changed], ..v1::Document::default() };
    site.apply(vec![document]).unwrap();
}

fn ask(site: &mut Site, request: v1::BindingsRequest) -> Vec<(String, String, u64, u64)> {
    match site.ask(Request::Bindings(request)) {
        Some(Ok(Reply::Bindings(all))) => {
            all.into_iter().map(|one| (one.port, one.address, one.since_ms, one.until_ms)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn of(address: &str, at_ms: u64, history: bool) -> v1::BindingsRequest {
    v1::BindingsRequest { tenant: "acme".to_owned(), address: address.to_owned(), at_ms, history, ..Default::default() }
}

fn of_vm1() -> v1::BindingsRequest {
    v1::BindingsRequest { port: "acme/vm1".to_owned(), history: true, ..Default::default() }
}

#[test]
fn what_ends_is_remembered() {
    let mut site = up();
    let (local, formed) = ("fe80::ff:fe00:1", "2001:db8:a:0:0:ff:fe00:1");
    for address in [local, formed] {
        let found = ask(&mut site, of(address, 0, false));
        assert_eq!((found[0].0.as_str(), found[0].2, found[0].3), ("vm1", 10_000, 0), "{found:?}");
    }
    site.now = 20_000;
    with_mac(&mut site, "02:00:00:00:00:77");
    let remembered = |site: &mut Site| {
        for address in [local, formed] {
            assert_eq!(ask(site, of(address, 0, false)), []);
            let past = ask(site, of(address, 0, true));
            assert_eq!((past.len(), past[0].2, past[0].3), (1, 10_000, 20_000), "{past:?}");
            for (at, there) in [(9_999, false), (10_000, true), (19_999, true), (20_000, false)] {
                assert_eq!(ask(site, of(address, at, false)).len(), usize::from(there), "{address} at {at}");
            }
        }
    };
    remembered(&mut site);
    let mut site = site.restarted();
    site.now = 30_000;
    remembered(&mut site);
    // Who is gone had it all the same.
    let delete = v1::DeleteRequest { tenant: "acme".to_owned(), name: "vm1".to_owned(), ..Default::default() };
    let delete = Request::Delete { kind: "port".to_owned(), delete };
    assert!(matches!(site.ask(delete), Some(Ok(_))));
    assert_eq!(ask(&mut site, of_vm1()).len(), 4);
    let bad = site.ask(Request::Bindings(of("nonsense", 0, false)));
    assert!(matches!(&bad, Some(Err(refused)) if refused.violations[0].path == "address"), "{bad:?}");
}

#[test]
fn history_is_bounded_by_port_and_by_age() {
    let mut site = up();
    for n in 0..135u32 {
        site.now += 1_000;
        with_mac(&mut site, &format!("02:00:00:00:01:{n:02x}"));
    }
    let kept = |site: &Site| site.store.entries.keys().filter(|key| key.contains("/history/")).count();
    assert_eq!(kept(&site), 256, "of 270");
    let past = ask(&mut site, of_vm1());
    assert_eq!(past.iter().filter(|(_, _, _, until)| *until > 0).count(), 256);
    assert!(past.iter().all(|(_, _, _, until)| *until == 0 || *until > 10_000 + 7_000), "the oldest went");
    site.now += 31 * DAY_MS;
    assert_eq!(ask(&mut site, of_vm1()).len(), 2, "what is too old is not told");
    for n in 0..8u32 {
        site.now += 1_000;
        with_mac(&mut site, &format!("02:00:00:00:02:{n:02x}"));
    }
    assert_eq!(kept(&site), 16, "and goes, some with each write");
}

#[test]
fn a_store_from_before_there_were_groups_gets_the_default_ones() {
    let mut site = up();
    let key = "/sextant/v1/security_group/acme/default";
    let groups = |site: &Site| site.store.entries.keys().filter(|key| key.contains("/security_group/")).count();
    assert_eq!(groups(&site), 2);
    assert!(site.store.entries.remove(key).is_some());
    let site = site.restarted();
    assert!(site.store.entries.contains_key(key), "it is made when the store is loaded");
    assert_eq!(groups(&site), 2);
    assert!(!site.happened.iter().any(|event| event.r#type.starts_with("port.")), "{:?}", site.happened);
}
