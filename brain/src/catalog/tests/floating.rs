//! Floating IPs: what they stand for, which address they get, and what is refused.

use proto::v1::{self, Document, resource::Kind};
use topology::{NetworkKey, PortKey, RouterKey, View};

use super::rig::*;

fn floating(name: &str, address: Option<&str>, port: Option<&str>, fixed: Option<&str>) -> v1::FloatingIp {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let spec = v1::FloatingIpSpec {
        network: "public".to_owned(),
        floating_ip_address: own(address),
        port: own(port),
        fixed_ip_address: own(fixed),
    };
    v1::FloatingIp { meta: meta(name), spec: Some(spec), status: None }
}

fn with(floating_ips: Vec<v1::FloatingIp>) -> [Document; 1] {
    [Document { floating_ips, ..doc() }]
}

/// The site, with a provider network that its router leads to, and one that nobody leads to.
fn rig() -> Rig {
    let mut rig = Rig::default();
    let mut site = site();
    let provider = |name: &str, physical: &str| {
        let mut public = network(name);
        let spec = public.spec.as_mut().unwrap();
        (spec.r#type, spec.physical_network) = (v1::NetworkType::Provider.into(), Some(physical.to_owned()));
        public
    };
    site[1].networks.extend([provider("public", "physnet1"), provider("other", "physnet2")]);
    site[1].subnets.extend([
        subnet("public6", "public", "2001:db8:100::/64"),
        subnet("public4", "public", "203.0.113.0/29"),
        subnet("other6", "other", "2001:db8:200::/64"),
    ]);
    site[1].routers[0].spec.as_mut().unwrap().external_gateway = Some(v1::ExternalGateway {
        network: "public".to_owned(),
        ip_addresses: vec!["2001:db8:100::10".to_owned(), "203.0.113.2".to_owned()],
        enable_snat: None,
    });
    rig.apply(&site);
    rig
}

fn status(rig: &Rig, name: &str) -> (String, String, String) {
    let Kind::FloatingIp(shown) = rig.shown("floating_ip", "acme", name) else { unreachable!() };
    let status = shown.status.unwrap();
    (status.floating_ip_address, status.fixed_ip_address, status.router)
}

#[test]
fn it_gets_an_address_and_stands_for_the_ports_only_one_of_the_family() {
    let mut rig = rig();
    let asked = vec![
        floating("given", Some("2001:db8:100::80"), Some("vm1"), None),
        floating("four", None, Some("vm2"), None),
        floating("spare", None, None, None),
    ];
    rig.apply(&with(asked));
    let (outside, inside, by) = status(&rig, "given");
    assert_eq!((outside.as_str(), by.as_str()), ("2001:db8:100::80", "r1"));
    assert!(inside.starts_with("2001:db8:a:"), "{inside}");
    // IPv4 where either would do; what others have is left out.
    let (four, fixed, _) = status(&rig, "four");
    assert!(four.starts_with("203.0.113.") && fixed.starts_with("10.1.0."), "{four} {fixed}");
    let (spare, none, _) = status(&rig, "spare");
    assert!(spare.starts_with("203.0.113.") && spare != four && spare != "203.0.113.2" && none.is_empty());
    let view = View::new(&rig.world);
    let network = NetworkKey(rig.key("network", "acme", "public"));
    let presence = view.presence(network, "2001:db8:100::80".parse().unwrap()).unwrap();
    assert_eq!(presence.router, RouterKey(rig.key("router", "acme", "r1")));
    assert_eq!(presence.port, Some(PortKey(rig.key("port", "acme", "vm1"))));
    assert_eq!(presence.inside, inside.parse().ok());
    assert!(view.presence(network, spare.parse().unwrap()).is_none(), "nobody answers for it");
    // It keeps its address when it goes to another port, and it stands for nothing while no router leads there.
    rig.apply(&with(vec![floating("four", None, None, None)]));
    assert_eq!(status(&rig, "four"), (four, String::new(), String::new()));
    let mut router = router("r1", &["red6", "blue6", "blue4"]);
    router.spec.as_mut().unwrap().external_gateway = None;
    rig.apply(&[Document { routers: vec![router], ..doc() }]);
    assert!(View::new(&rig.world).presence(network, "2001:db8:100::80".parse().unwrap()).is_none());
    assert_eq!(status(&rig, "given").1, "");
    let (_, violations) = rig.refused(&delete("port", "acme", "vm1"));
    assert!(violations[0].1.contains("in use by floating_ip acme/given"), "{violations:?}");
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let mut rig = rig();
    rig.apply(&with(vec![floating("one", Some("2001:db8:100::80"), Some("vm1"), None)]));
    let cases = [
        (floating("f", Some("2001:db8:77::1"), None, None), "floating_ip_address: 2001:db8:77::1 is in no subnet"),
        (floating("f", Some("2001:db8:100::10"), None, None), "floating_ip_address: 2001:db8:100::10 on network"),
        (floating("f", Some("2001:db8:100::80"), None, None), "floating_ip_address: 2001:db8:100::80 on network"),
        (floating("f", Some("203.0.113.1"), None, None), "floating_ip_address: 203.0.113.1 is the gateway_ip"),
        (floating("f", Some("203.0.113.3"), Some("vm1"), None), "and router acme/r1 has no translator"),
        (floating("f", None, None, Some("10.1.0.5")), "fixed_ip_address: 10.1.0.5 is of a port"),
        (floating("f", None, Some("vm2"), Some("10.1.0.99")), "fixed_ip_address: 10.1.0.99 is not one of"),
        (
            floating("f", Some("203.0.113.3"), Some("vm2"), Some("2001:db8:b::1")),
            "fixed_ip_address: 2001:db8:b::1 of port acme/vm2 is not of 203.0.113.3's family",
        ),
        (floating("f", Some("2001:db8:100::81"), Some("vm1"), None), "port: 2001:db8:a:"),
    ];
    for (asked, expected) in cases {
        let (_, violations) = rig.refused(&apply(&with(vec![asked])));
        let said = violations.iter().map(|(path, words)| format!("{path}: {words}")).collect::<Vec<_>>().join("; ");
        assert!(said.contains(expected), "{said}\nnot: {expected}");
    }
    for (network, expected) in [("red", "is an overlay network"), ("other", "no router leads from")] {
        let mut asked = floating("f", None, Some("vm1"), None);
        asked.spec.as_mut().unwrap().network = network.to_owned();
        let (_, violations) = rig.refused(&apply(&with(vec![asked])));
        assert!(violations.iter().any(|(_, words)| words.contains(expected)), "{violations:?}");
    }
}

fn mapping(name: &str, internal: &str, external: &str) -> v1::PrefixMapping {
    let spec =
        v1::PrefixMappingSpec { router: "r1".to_owned(), internal: internal.to_owned(), external: external.to_owned() };
    v1::PrefixMapping { meta: meta(name), spec: Some(spec), status: None }
}

#[test]
fn prefixes_stand_for_others_of_their_length_and_of_nobody_else() {
    let mut rig = rig();
    let asked = |mapping| [Document { prefix_mappings: vec![mapping], ..doc() }];
    rig.apply(&asked(mapping("out", "2001:db8:a::/48", "2001:db8:77::/48")));
    let router = RouterKey(rig.key("router", "acme", "r1"));
    let view = View::new(&rig.world);
    let pair = view.prefix_mapping(router, "2001:db8:a::/48".parse().unwrap()).unwrap().pair;
    assert_eq!(pair.external().to_string(), "2001:db8:77::/48");
    let cases = [
        (mapping("m", "fd00::/48", "2001:db8:78::/56"), "external: is of 56 bits"),
        (mapping("m", "fd00::/96", "2001:db8:78::/96"), "internal: fd00::/96 can't be mapped: it is longer than 64"),
        (mapping("m", "fd00::1/64", "2001:db8:78::/64"), "internal: fd00::1/64 can't be mapped: it has host bits"),
        (mapping("m", "10.0.0.0/8", "2001:db8:78::/64"), "internal: 10.0.0.0/8 can't be mapped: it is IPv4"),
        (mapping("m", "fd00::/64", "2001:db8:100::/64"), "external: 2001:db8:100::/64 overlaps 2001:db8:100::/64 of"),
        (mapping("m", "fd00::/64", "2001:db8:b::/64"), "external: 2001:db8:b::/64 overlaps 2001:db8:b::/64 of"),
        (mapping("m", "2001:db8:a:1::/64", "2001:db8:78::/64"), "internal: 2001:db8:a:1::/64 overlaps"),
        (mapping("m", "fd00::/64", "2001:db8:77:5::/64"), "external: 2001:db8:77:5::/64 overlaps 2001:db8:77::/48 of"),
    ];
    for (wrong, expected) in cases {
        let (_, violations) = rig.refused(&apply(&asked(wrong)));
        let said = violations.iter().map(|(path, words)| format!("{path}: {words}")).collect::<Vec<_>>().join("; ");
        assert!(said.contains(expected), "{said}\nnot: {expected}");
    }
    let (_, violations) = rig.refused(&delete("router", "acme", "r1"));
    assert!(violations[0].1.contains("in use by prefix_mapping acme/out"), "{violations:?}");
    rig.send(delete("prefix_mapping", "acme", "out")).unwrap();
    assert!(View::new(&rig.world).prefix_mapping(router, "2001:db8:a::/48".parse().unwrap()).is_none());
}
