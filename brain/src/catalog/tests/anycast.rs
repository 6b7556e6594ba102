//! Anycast services: whose the address is, who may answer for it, and what is refused.

use std::net::IpAddr;

use proto::v1::{self, Document, resource::Kind};
use topology::{AnycastKey, Check, View};

use super::rig::*;

fn service(name: &str, address: &str, ports: &[&str]) -> v1::AnycastService {
    let ports = ports.iter().map(|port| (*port).to_owned()).collect();
    let spec = v1::AnycastServiceSpec { network: "blue".to_owned(), address: address.to_owned(), ports, health: None };
    v1::AnycastService { meta: meta(name), spec: Some(spec), status: None }
}

fn with(services: Vec<v1::AnycastService>) -> [Document; 1] {
    [Document { anycast_services: services, ..doc() }]
}

fn asked(check: v1::AnycastCheck, edit: impl FnOnce(&mut v1::AnycastHealthCheck)) -> v1::AnycastService {
    let mut service = service("dns", "2001:db8:b::53", &["vm2"]);
    let mut health = v1::AnycastHealthCheck { r#type: check.into(), ..Default::default() };
    edit(&mut health);
    service.spec.as_mut().unwrap().health = Some(health);
    service
}

fn rig() -> Rig {
    let mut rig = Rig::default();
    rig.apply(&site());
    rig
}

fn fact(rig: &Rig) -> topology::Anycast {
    let key = AnycastKey(rig.key("anycast_service", "acme", "dns"));
    View::new(&rig.world).anycast(key).unwrap().clone()
}

#[test]
fn a_service_is_a_fact_and_its_address_is_nobody_elses() {
    let mut rig = rig();
    rig.apply(&with(vec![service("dns", "2001:db8:b::2", &["vm2"])]).map(|mut document| {
        document.ports = vec![port("vm3", "blue")];
        document
    }));
    let fact = fact(&rig);
    assert_eq!((fact.address, fact.ports.len()), ("2001:db8:b::2".parse::<IpAddr>().unwrap(), 1));
    assert_eq!((fact.health.check, fact.health.interval_ms, fact.health.timeout_ms), (Check::Neighbor, 1_000, 1_000));
    // The pools begin at ::1; what a service has is left out.
    for n in 0..4 {
        let name = format!("more{n}");
        rig.apply(&[Document { ports: vec![port(&name, "blue")], ..doc() }]);
        assert!(rig.addresses(&name).split(' ').all(|address| address != "2001:db8:b::2"), "{}", rig.addresses(&name));
    }
    let given = with_fixed(port("vm9", "blue"), &["2001:db8:b::2"]);
    let (_, violations) = rig.refused(&apply(&[Document { ports: vec![given], ..doc() }]));
    assert!(violations[0].1.contains("is anycast_service acme/dns's already"), "{violations:?}");
    let (_, violations) = rig.refused(&delete("port", "acme", "vm2"));
    assert!(violations[0].1.contains("in use by anycast_service acme/dns"), "{violations:?}");
    let Kind::AnycastService(shown) = rig.shown("anycast_service", "acme", "dns") else { unreachable!() };
    assert!(shown.status.unwrap().mac_address.starts_with("02:53:02:"));
    rig.send(delete("anycast_service", "acme", "dns")).unwrap();
    rig.apply(&[Document { ports: vec![with_fixed(port("vm9", "blue"), &["2001:db8:b::2"])], ..doc() }]);
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let rig = rig();
    let refused = |service: v1::AnycastService| {
        let (_, violations) = rig.refused(&apply(&with(vec![service])));
        violations.into_iter().map(|(path, words)| format!("{path}: {words}")).collect::<Vec<_>>().join("; ")
    };
    let at = "anycast_services[0].";
    for (address, ports, words) in [
        ("2001:db8:b::53", &[][..], "ports: is needed"),
        ("2001:db8:b::53", &["vm2", "vm2"], "ports[1]: port acme/vm2 is ports[0] already"),
        ("2001:db8:b::53", &["vm1"], "ports[0]: port acme/vm1 is on network acme/red"),
        ("2001:db8:b::53", &["vm7"], "ports[0]: there is no port acme/vm7"),
        ("2001:db8:c::53", &["vm2"], "address: 2001:db8:c::53 is in no subnet of network acme/blue"),
        ("2001:db8:b::", &["vm2"], "address: 2001:db8:b:: is the gateway of subnet acme/blue6"),
        ("10.1.0.255", &["vm2"], "address: 10.1.0.255 is the network or broadcast address of"),
        ("fe80::53", &["vm2"], "address: fe80::53 is link-local"),
        ("53", &["vm2"], "address: \"53\" is not an IPv6 or IPv4 address"),
    ] {
        let said = refused(service("dns", address, ports));
        assert!(said.contains(&format!("{at}{words}")), "{address} {ports:?}: {said}");
    }
    let (tcp, http, echo) = (v1::AnycastCheck::Tcp, v1::AnycastCheck::Http, v1::AnycastCheck::Icmpv6);
    for (service, words) in [
        (asked(tcp, |_| {}), "health.port: is needed"),
        (asked(tcp, |health| health.port = Some(0)), "health.port: is not from 1 to 65535"),
        (asked(echo, |health| health.port = Some(53)), "health.port: is for the types tcp and http"),
        (
            asked(tcp, |health| (health.port, health.path) = (Some(53), Some("/".into()))),
            "health.path: is for the type http",
        ),
        (asked(http, |health| health.path = Some("/a b".into())), "health.path: \"/a b\" is not a path"),
        (asked(echo, |health| health.interval_ms = Some(20)), "health.interval_ms: 20 is not from 50 to 60000"),
        (
            asked(echo, |health| (health.interval_ms, health.timeout_ms) = (Some(100), Some(200))),
            "health.timeout_ms: 200 is not from 10 to 100",
        ),
    ] {
        let said = refused(service);
        assert!(said.contains(&format!("{at}{words}")), "{said}, not {words}");
    }
    let mut v4 = asked(echo, |_| {});
    v4.spec.as_mut().unwrap().address = "10.1.0.53".to_owned();
    assert!(refused(v4).contains("health.type: icmpv6 is for IPv6 addresses"));
    let gateway = with(vec![service("a", "2001:db8:b::53", &["vm2"]), service("b", "2001:db8:b::53", &["vm2"])]);
    let (_, violations) = rig.refused(&apply(&gateway));
    assert_eq!(violations[0].0, "anycast_services[1].address");
}

#[test]
fn how_instances_are_asked() {
    let mut rig = rig();
    for (service, check, timings) in [
        (asked(v1::AnycastCheck::Icmpv6, |health| health.interval_ms = Some(50)), Check::Echo, (50, 100)),
        (asked(v1::AnycastCheck::Tcp, |health| health.port = Some(53)), Check::Tcp(53), (1_000, 1_000)),
        (asked(v1::AnycastCheck::Http, |_| {}), Check::Http(80, "/".into()), (1_000, 1_000)),
        (
            asked(v1::AnycastCheck::Http, |health| (health.path, health.timeout_ms) = (Some("/up".into()), Some(10))),
            Check::Http(80, "/up".into()),
            (1_000, 10),
        ),
    ] {
        rig.apply(&with(vec![service]));
        let health = fact(&rig).health;
        assert_eq!((health.check, (health.interval_ms, health.timeout_ms)), (check, timings));
    }
}
