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
