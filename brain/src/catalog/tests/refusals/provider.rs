//! Provider networks, and the physical networks of chassis.

use super::*;

fn provider<'a>(a: &'a mut Document, i: usize, physical: &str, vlan: Option<u32>) -> &'a mut v1::NetworkSpec {
    let spec = net(a, i);
    spec.r#type = v1::NetworkType::Provider.into();
    spec.physical_network = text(physical);
    spec.segmentation_id = vlan;
    spec
}

fn mapping(g: &mut Document, i: usize, physical: &str, port: &str) {
    hv(g, i).bridge_mappings.insert(physical.to_owned(), port.to_owned());
}

#[test]
fn networks() {
    refuses(|_, a| provider(a, 0, "", None).physical_network = None, &[("networks[0].physical_network", "is needed")]);
    refuses(|_, a| _ = provider(a, 0, "a b", None), &[("networks[0].physical_network", "is not a name")]);
    for vlan in [0, 4095, 70_000] {
        refuses(
            move |_, a| _ = provider(a, 0, "p", Some(vlan)),
            &[("networks[0].segmentation_id", "is not in 1 to 4094")],
        );
    }
    refuses(
        |_, a| provider(a, 0, "p", None).upstream_routers = vec!["2001:db8::1".into(), "x".into(), "10.0.0.1".into()],
        &[
            ("networks[0].upstream_routers[0]", "is not link-local"),
            ("networks[0].upstream_routers[1]", "is not an IPv6"),
            ("networks[0].upstream_routers[2]", "is not link-local"),
        ],
    );
    refuses(
        |_, a| provider(a, 0, "p", None).upstream_routers = vec!["fe80::1".into(), "fe80:0::1".into()],
        &[("networks[0].upstream_routers[1]", "is listed twice")],
    );
    refuses(|_, a| provider(a, 0, "p", None).auto_ports = true, &[("networks[0].auto_ports", "can't go with")]);
    refuses(|_, a| net(a, 0).physical_network = text("p"), &[("networks[0].physical_network", "of type provider")]);
    refuses(|_, a| net(a, 0).r#type = 7, &[("networks[0].type", "is unknown")]);
    for vlan in [Some(7), None] {
        refuses(
            move |_, a| {
                provider(a, 0, "p", vlan);
                provider(a, 1, "p", vlan);
            },
            &[("networks[1].segmentation_id", "is network acme/red's already")],
        );
    }
    // The fabric's numbers are others, and so is its MTU.
    let mut rig = accepts(|_, a| {
        provider(a, 0, "p", Some(7)).mtu = Some(9000);
        provider(a, 1, "q", Some(7)).upstream_routers = vec!["FE80::1".into()];
    });
    let mut site = edited(|_, a| _ = provider(a, 0, "other", Some(7)));
    site[1].networks[1].spec = None;
    let (_, violations) = rig.refused(&apply(&site));
    assert_eq!(violations[0].1, "can't change: it is p");
    assert_eq!(violations[1].1, "can't change: it is provider");
    rig.apply(&edited(|_, a| {
        provider(a, 0, "p", Some(8));
        provider(a, 1, "q", None);
    }));
}

#[test]
fn chassis() {
    refuses(|g, _| mapping(g, 0, "p q", "eth1"), &[("0.chassis[0].bridge_mappings", "is not a name")]);
    refuses(|g, _| mapping(g, 0, "p", "a/b"), &[("0.chassis[0].bridge_mappings", "can't be the name of an interface")]);
    refuses(|g, _| mapping(g, 0, "p", "sx-tun"), &[("0.chassis[0].bridge_mappings", "is the fabric's interface")]);
    refuses(
        |g, _| {
            mapping(g, 0, "p", "eth1");
            mapping(g, 0, "q", "eth1");
        },
        &[("0.chassis[0].bridge_mappings", "eth1 leads to p already")],
    );
    refuses(|g, _| mapping(g, 0, "p", "vm1"), &[("ports[0].binding.interface", "vm1 on chassis hv1 is chassis hv1's")]);
    accepts(|g, _| {
        mapping(g, 0, "p", "eth1");
        mapping(g, 0, "q", "eth2");
        mapping(g, 1, "p", "eth1");
    });
}

#[test]
fn a_provider_network_is_found_by_its_name_alone() {
    let umbra = |networks: Vec<v1::Network>, network: &str| {
        let mut site = edited(|_, a| _ = provider(a, 0, "p", Some(7)));
        let ports = vec![port("far", network)];
        site.push(Document { tenant: "umbra".to_owned(), networks, ports, ..Document::default() });
        site
    };
    let network_of_far = |rig: &Rig| match rig.shown("port", "umbra", "far") {
        v1::resource::Kind::Port(v1::Port { spec: Some(spec), .. }) => spec.network,
        other => panic!("{other:?}"),
    };
    let mut rig = Rig::default();
    rig.apply(&umbra(vec![], "red"));
    assert_eq!(network_of_far(&rig), "acme/red");
    let again = rig.apply(&umbra(vec![], "red"));
    assert!(again.iter().all(|(_, change)| *change == v1::Change::Unchanged), "{again:?}");
    // Known from before, it need not be in the document.
    let alone = umbra(vec![], "red").pop().unwrap();
    rig.apply(&[alone]);
    // A tenant's own goes first; what is no provider network is found by nobody else.
    let mut own = Rig::default();
    own.apply(&umbra(vec![network("red")], "red"));
    assert_eq!(network_of_far(&own), "red");
    let (_, violations) = own.refused(&apply(&umbra(vec![], "blue")));
    assert_eq!(violations[0].0, "documents[2].ports[0].network");
    let mut second = umbra(vec![network("red")], "red");
    let spec = second[2].networks[0].spec.as_mut().unwrap();
    (spec.r#type, spec.physical_network) = (v1::NetworkType::Provider.into(), text("q"));
    let (_, violations) = Rig::default().refused(&apply(&second));
    assert_eq!(
        violations,
        [("documents[2].networks[0].name".to_owned(), "provider network red is network acme/red's already".to_owned())]
    );
}
