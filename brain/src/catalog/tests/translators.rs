//! Translators: what leads to them, what they may send from, and whose hosts are told of their prefix.

use proto::v1::{self, Document, resource::Kind};
use topology::{AnycastKey, NetworkKey, PortKey, RouterKey, View};

use super::rig::*;

const PREFIX: &str = "2001:db8:64::/96";

fn translator(mappings: &[(&str, &str)]) -> v1::Translator {
    let mapping = |(ipv4, ipv6): &(&str, &str)| v1::AddressMapping { ipv4: (*ipv4).into(), ipv6: (*ipv6).into() };
    let spec = v1::TranslatorSpec {
        router: "r1".into(),
        port: "xlat".into(),
        prefix: PREFIX.into(),
        pool: "198.51.100.0/28".into(),
        ip_address: "2001:db8:b::64".into(),
        mappings: mappings.iter().map(mapping).collect(),
    };
    v1::Translator { meta: meta("nat64"), spec: Some(spec), status: None }
}

/// The site, with hosts of `red` told of the prefix, and the translator on `blue`.
fn with(mappings: &[(&str, &str)]) -> Vec<Document> {
    let mut documents = site();
    documents[1].subnets[0].spec.as_mut().unwrap().pref64 = Some(PREFIX.into());
    let xlat = with_fixed(with_mac(port("xlat", "blue"), "02:00:00:00:00:64"), &["10.1.0.64"]);
    documents[1].ports.push(xlat);
    documents[1].translators.push(translator(mappings));
    documents
}

fn told(rig: &Rig) -> Option<AnycastKey> {
    let view = View::new(&rig.world);
    let subnet = view.subnets_of(NetworkKey(rig.key("network", "acme", "red")))[0];
    view.advert(subnet).and_then(|advert| advert.pref64_by)
}

/// The next hop of a route of `r1`.
fn leads(rig: &Rig, prefix: &str) -> Option<String> {
    let router = RouterKey(rig.key("router", "acme", "r1"));
    View::new(&rig.world).route(router, prefix.parse().unwrap()).map(|route| route.nexthop.to_string())
}

#[test]
fn its_prefix_pool_and_what_is_mapped_lead_to_it() {
    let mut rig = Rig::default();
    // A host of ours has an IPv4 address outside; another one, with IPv4 alone, an IPv6 address.
    rig.apply(&with(&[("203.0.113.7", "2001:db8:a::7"), ("10.1.0.9", "2001:db8:46::9")]));
    for (prefix, nexthop) in [
        (PREFIX, "fe80::ff:fe00:64"),
        ("198.51.100.0/28", "10.1.0.64"),
        ("203.0.113.7/32", "10.1.0.64"),
        ("2001:db8:46::9/128", "fe80::ff:fe00:64"),
    ] {
        assert_eq!(leads(&rig, prefix).as_deref(), Some(nexthop), "{prefix}");
    }
    assert_eq!((leads(&rig, "10.1.0.9/32"), leads(&rig, "2001:db8:a::7/128")), (None, None));
    let view = View::new(&rig.world);
    let port = view.port(PortKey(rig.key("port", "acme", "xlat"))).unwrap();
    let sources: Vec<String> = port.pairs.iter().map(|pair| pair.prefix.to_string()).collect();
    assert_eq!(sources, [PREFIX, "198.51.100.0/28", "203.0.113.7/32", "2001:db8:46::9/128"]);
    let key = AnycastKey(rig.key("translator", "acme", "nat64"));
    assert_eq!(told(&rig), Some(key));
    let asked = view.anycast(key).unwrap();
    assert_eq!(asked.translates, Some(vec![NetworkKey(rig.key("network", "acme", "red"))]));
    assert_eq!((asked.ports.len(), asked.address.to_string().as_str()), (1, "2001:db8:b::64"));
    let Kind::Translator(shown) = rig.shown("translator", "acme", "nat64") else { unreachable!() };
    let config = "tun-device nat64\nipv4-addr 198.51.100.1\nprefix 2001:db8:64::/96\ndynamic-pool 198.51.100.0/28\n\
                  map 203.0.113.7 2001:db8:a::7\nmap 10.1.0.9 2001:db8:46::9\n";
    assert_eq!(shown.status.unwrap().tayga, config);
    // Another prefix is somebody else's to make true.
    let mut documents = with(&[]);
    documents[1].subnets[0].spec.as_mut().unwrap().pref64 = Some("64:ff9b::/96".into());
    rig.apply(&documents);
    assert_eq!((told(&rig), leads(&rig, "203.0.113.7/32")), (None, None));
    rig.apply(&with(&[]));
    assert!(told(&rig).is_some());
    rig.send(delete("translator", "acme", "nat64")).unwrap();
    assert_eq!((told(&rig), leads(&rig, PREFIX)), (None, None));
    let view = View::new(&rig.world);
    assert_eq!(view.port(PortKey(rig.key("port", "acme", "xlat"))).unwrap().pairs, []);
}

#[test]
fn what_can_not_be_translated() {
    let refused = |edit: fn(&mut Document), path: &str, words: &str| {
        let mut documents = with(&[("203.0.113.7", "2001:db8:a::7")]);
        edit(&mut documents[1]);
        let (_, violations) = Rig::default().refused(&apply(&documents));
        assert!(violations.iter().any(|(p, m)| p == path && m.contains(words)), "{path} {words}: {violations:?}");
    };
    fn spec(document: &mut Document) -> &mut v1::TranslatorSpec {
        document.translators[0].spec.as_mut().unwrap()
    }
    let at = |field: &str| format!("documents[1].translators[0].{field}");
    refused(|d| spec(d).prefix = "2001:db8:64::/95".into(), &at("prefix"), "of length 96, 64");
    refused(
        |d| spec(d).prefix = "2001:db8:a::/96".into(),
        &at("prefix"),
        "overlaps 2001:db8:a::/64, which is connected",
    );
    refused(|d| spec(d).pool = "2001:db8::/64".into(), &at("pool"), "is not an IPv4 prefix");
    refused(|d| spec(d).pool = "10.1.0.0/28".into(), &at("pool"), "overlaps 10.1.0.0/24");
    refused(
        |d| spec(d).ip_address = "2001:db8:a::64".into(),
        &at("ip_address"),
        "is in no subnet of network acme/blue",
    );
    refused(|d| spec(d).ip_address = "10.1.0.70".into(), &at("ip_address"), "is not an IPv6 address");
    refused(|d| spec(d).ip_address = "2001:db8:b::".into(), &at("ip_address"), "already");
    refused(|d| spec(d).mappings[0].ipv4 = "10.1.0.7".into(), &at("mappings[0]"), "both addresses are");
    refused(|d| spec(d).mappings[0].ipv6 = "2001:db8:77::7".into(), &at("mappings[0]"), "neither address is");
    refused(|d| spec(d).mappings[0].ipv6 = "10.9.9.9".into(), &at("mappings[0].ipv6"), "is not a host's ipv6 address");
    refused(|d| spec(d).port = "vm1".into(), &at("router"), "has no IPv4 interface on network acme/red");
    let twice = |d: &mut Document| {
        let mut other = translator(&[]);
        other.meta = meta("other");
        d.translators.push(other);
    };
    refused(twice, &at("port"), "is translator acme/other's already");
    let mut rig = Rig::default();
    rig.apply(&with(&[("203.0.113.7", "2001:db8:a::7")]));
    let (_, violations) = rig.refused(&delete("port", "acme", "xlat"));
    assert!(violations[0].1.contains("is in use by translator acme/nat64"), "{violations:?}");
    let mut documents = with(&[]);
    documents[1].translators.clear();
    documents[1].routers = vec![router("r1", &["red6", "blue6"])];
    let (_, violations) = rig.refused(&apply(&documents));
    assert!(violations.iter().any(|(_, m)| m.contains("has no IPv4 interface")), "{violations:?}");
    let spec = v1::RenumberingSpec { subnet: "red6".into(), cidr: "2001:db8:9::/64".into(), overlap_s: None };
    let renumbering = v1::Renumbering { meta: meta("move"), spec: Some(spec), status: None };
    let (_, violations) = rig.refused(&apply(&[Document { renumberings: vec![renumbering], ..doc() }]));
    assert!(violations.iter().any(|(_, m)| m.contains("gives another prefix")), "{violations:?}");
}

#[test]
fn floating_ips_of_the_other_family_lead_to_it() {
    let mut out = network("out");
    let spec = out.spec.as_mut().unwrap();
    (spec.r#type, spec.physical_network) = (v1::NetworkType::Provider.into(), Some("p".into()));
    let floating = |name: &str, address: &str, port: &str| v1::FloatingIp {
        meta: meta(name),
        spec: Some(v1::FloatingIpSpec {
            network: "out".into(),
            floating_ip_address: Some(address.into()),
            port: Some(port.into()),
            fixed_ip_address: None,
        }),
        status: None,
    };
    let mut documents = with(&[]);
    documents[1].networks.push(out);
    documents[1].subnets.extend([subnet("out6", "out", "2001:db8:100::/64"), subnet("out4", "out", "192.0.2.0/24")]);
    let ip_addresses = vec!["2001:db8:100::10".into(), "192.0.2.10".into()];
    documents[1].routers[0].spec.as_mut().unwrap().external_gateway =
        Some(v1::ExternalGateway { network: "out".into(), ip_addresses, enable_snat: None });
    documents[1].ports.push(with_fixed(with_mac(port("vm4", "blue"), "02:00:00:00:00:04"), &["10.1.0.4"]));
    documents[1].floating_ips = vec![floating("v4", "192.0.2.80", "vm1"), floating("v6", "2001:db8:100::80", "vm4")];
    let mut without = documents.clone();
    without[1].translators.clear();
    let (_, violations) = Rig::default().refused(&apply(&without));
    assert!(violations.iter().any(|(_, m)| m.contains("router acme/r1 has no translator")), "{violations:?}");
    let mut rig = Rig::default();
    rig.apply(&documents);
    assert_eq!(leads(&rig, "192.0.2.80/32").as_deref(), Some("10.1.0.64"));
    assert_eq!(leads(&rig, "2001:db8:100::80/128").as_deref(), Some("fe80::ff:fe00:64"));
    let network = NetworkKey(rig.key("network", "acme", "out"));
    let there = View::new(&rig.world).presence(network, "192.0.2.80".parse().unwrap()).unwrap().clone();
    assert_eq!((there.inside, there.port), (None, Some(PortKey(rig.key("port", "acme", "xlat")))));
    let tayga = |rig: &Rig| match rig.shown("translator", "acme", "nat64") {
        Kind::Translator(shown) => shown.status.unwrap().tayga,
        _ => unreachable!(),
    };
    assert!(
        tayga(&rig).ends_with("map 192.0.2.80 2001:db8:a::ff:fe00:101\nmap 10.1.0.4 2001:db8:100::80\n"),
        "{}",
        tayga(&rig)
    );
    rig.send(delete("floating_ip", "acme", "v4")).unwrap();
    assert_eq!(leads(&rig, "192.0.2.80/32"), None);
    // Without it they lead nowhere.
    rig.send(delete("translator", "acme", "nat64")).unwrap();
    assert_eq!(leads(&rig, "2001:db8:100::80/128"), None);
    assert!(View::new(&rig.world).presence(network, "2001:db8:100::80".parse().unwrap()).is_none());
}
