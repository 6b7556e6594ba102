//! What every resource has, chassis, the fabric and networks.

use super::*;

#[test]
fn metas() {
    refuses(
        |_, a| a.networks[0].meta = None,
        &[
            ("networks[0].name", "is needed"),
            ("subnets[0].network", "there is no network acme/red"),
            ("ports[0].network", "there is no network acme/red"),
        ],
    );
    refuses(
        |_, a| a.ports[0].meta.as_mut().unwrap().name = "a/b".into(),
        &[("ports[0].name", "\"a/b\" is not a name")],
    );
    refuses(
        |_, a| a.ports[1].meta.as_mut().unwrap().name = "vm1".into(),
        &[("ports[1].name", "port acme/vm1 is there twice")],
    );
    refuses(|_, a| a.ports[0].meta.as_mut().unwrap().tenant = "-".into(), &[("ports[0].tenant", "is not a name")]);
    refuses(|_, a| a.tenant = "a b".into(), &[("tenant", "\"a b\" is not a name")]);
    refuses(
        |g, _| g.chassis[1].meta.as_mut().unwrap().tenant = "acme".into(),
        &[("0.chassis[1].tenant", "belongs to no tenant"), ("ports[1].binding.chassis", "there is no chassis hv2")],
    );
    refuses(|g, _| g.fabric.as_mut().unwrap().meta = meta("other"), &[("0.fabric.name", "its name is default")]);
    refuses(
        |_, a| a.networks[0].meta.as_mut().unwrap().uid = "7".into(),
        &[("networks[0].uid", "\"7\" is not a UUID")],
    );
    fn same(a: &mut Document, uid: &str) {
        a.networks[0].meta.as_mut().unwrap().uid = uid.into();
        a.ports[1].meta.as_mut().unwrap().uid = uid.to_uppercase();
    }
    refuses(
        |_, a| same(a, "0190a000-0000-7000-8000-00000000abcd"),
        &[("ports[1].uid", "is network acme/red's already")],
    );
}

#[test]
fn chassis_rules() {
    refuses(|g, _| hv(g, 0).datapath_id = text("xyz"), &[("0.chassis[0].datapath_id", "1 to 16 hexadecimal digits")]);
    refuses(|g, _| hv(g, 0).datapath_id = text("00000000000000001"), &[("0.chassis[0].datapath_id", "is not")]);
    refuses(|g, _| hv(g, 0).datapath_id = text("0"), &[("0.chassis[0].datapath_id", "all zeros")]);
    refuses(
        |g, _| hv(g, 1).datapath_id = text("01"),
        &[("0.chassis[1].datapath_id", "0000000000000001 is chassis hv1's")],
    );
    refuses(|g, _| hv(g, 1).tunnel_ip = text("fd00:A::1"), &[("0.chassis[1].tunnel_ip", "fd00:a::1 is chassis hv1's")]);
    refuses(
        |g, _| hv(g, 1).tunnel_ip = None,
        &[("0.chassis[1].tunnel_ip", "is needed: the fabric's encapsulation is geneve")],
    );
    refuses(
        |g, _| hv(g, 0).tunnel_ip = text("no"),
        &[("0.chassis[0].tunnel_ip", "\"no\" is not an IPv6 or IPv4 address")],
    );
    refuses(|g, _| hv(g, 0).tunnel_ip = text("ff02::1"), &[("0.chassis[0].tunnel_ip", "can't be a tunnel endpoint")]);
    refuses(|g, _| hv(g, 0).tunnel_ip = text("fe80::1"), &[("0.chassis[0].tunnel_ip", "can't be a tunnel endpoint")]);
    refuses(|g, _| hv(g, 0).tunnel_ip = text("0.0.0.0"), &[("0.chassis[0].tunnel_ip", "can't be a tunnel endpoint")]);
    accepts(|g, _| hv(g, 0).tunnel_ip = text("192.0.2.1"));
    accepts(|g, _| hv(g, 0).datapath_id = None);
    accepts(|g, _| {
        fab(g).encap = Encap::Vlan.into();
        hv(g, 0).tunnel_ip = None;
    });
}

#[test]
fn fabric_rules() {
    refuses(|g, _| fab(g).encap = 0, &[("0.fabric.encap", "geneve, vxlan, gre, vlan or links")]);
    refuses(|g, _| fab(g).encap = 9, &[("0.fabric.encap", "geneve, vxlan, gre, vlan or links")]);
    refuses(|g, _| fab(g).interface = text("a-name-of-sixteen"), &[("0.fabric.interface", "longer than 15")]);
    refuses(|g, _| fab(g).interface = text("a b"), &[("0.fabric.interface", "can't be the name of an interface")]);
    refuses(|g, _| fab(g).interface = text(""), &[("0.fabric.interface", "is needed")]);
    refuses(|g, _| fab(g).interface = text("vm1"), &[("ports[0].binding.interface", "vm1 is the fabric's interface")]);
    refuses(|g, _| fab(g).underlay_mtu = Some(100), &[("0.fabric.underlay_mtu", "100 is not in 576 to 65535")]);
    refuses(
        |g, _| fab(g).underlay_mtu = Some(1300),
        &[
            ("subnets[0].network", "network acme/red has an MTU of 1230, but IPv6 (subnet acme/red6) needs 1280"),
            ("subnets[1].network", "needs 1280"),
        ]
        .map(|(path, words)| {
            (if path.starts_with("subnets[0]") { "networks[0].mtu" } else { "networks[1].mtu" }, words)
        }),
    );
    accepts(|g, _| fab(g).underlay_mtu = Some(1350));
    accepts(|g, _| fab(g).interface = text("br-int.4094-xyz"));
}

#[test]
fn links_need_no_interface_and_no_endpoints() {
    fn wired(g: &mut Document) {
        let spec = fab(g);
        spec.encap = Encap::Links.into();
        spec.interface = None;
    }
    let rig = accepts(|g, _| {
        wired(g);
        (0..2).for_each(|i| hv(g, i).tunnel_ip = None);
    });
    assert_eq!(rig.catalog.mtu_max(), Some(1496), "a second tag");
    refuses(
        |g, _| {
            wired(g);
            fab(g).interface = text("trunk0");
        },
        &[("0.fabric.interface", "has no meaning for links")],
    );
    refuses(
        |g, a| {
            wired(g);
            net(a, 0).segmentation_id = Some(4095);
        },
        &[("networks[0].segmentation_id", "4095 is not in 1 to 4094, as VLAN ids of the fabric are")],
    );
}

#[test]
fn network_rules() {
    for uri in ["https://portal.example/api?x=1", "urn:ietf:params:capport:unrestricted"] {
        let mut documents = site();
        net(&mut documents[1], 0).captive_portal = text(uri);
        Rig::default().apply(&documents);
    }
    refuses(
        |_, a| net(a, 0).captive_portal = text("http://portal.example/"),
        &[("networks[0].captive_portal", "is neither an https URI")],
    );
    refuses(|_, a| net(a, 0).captive_portal = text("https:///api"), &[("networks[0].captive_portal", "is neither")]);
    refuses(|_, a| net(a, 0).captive_portal = text("https://a/b c"), &[("networks[0].captive_portal", "is neither")]);
    refuses(
        |_, a| net(a, 0).captive_portal = Some(format!("https://a/{}", "b".repeat(246))),
        &[("networks[0].captive_portal", "at most 255 bytes")],
    );
    refuses(|_, a| net(a, 0).r#type = 7, &[("networks[0].type", "is unknown")]);
    refuses(|_, a| net(a, 0).mtu = Some(67), &[("networks[0].mtu", "67 is not in 68 to 65535")]);
    refuses(
        |_, a| net(a, 0).mtu = Some(1431),
        &[("networks[0].mtu", "1431 is more than the fabric carries: 1430 at most")],
    );
    refuses(|_, a| net(a, 0).mtu = Some(1279), &[("networks[0].mtu", "needs 1280")]);
    refuses(
        |_, a| net(a, 0).segmentation_id = Some(0),
        &[("networks[0].segmentation_id", "0 is not in 1 to 16777215")],
    );
    refuses(|_, a| net(a, 0).segmentation_id = Some(1 << 24), &[("networks[0].segmentation_id", "is not in")]);
    refuses(
        |g, a| {
            fab(g).encap = Encap::Vlan.into();
            net(a, 0).segmentation_id = Some(4095);
        },
        &[("networks[0].segmentation_id", "4095 is not in 1 to 4094")],
    );
    refuses(
        |_, a| (0..2).for_each(|i| net(a, i).segmentation_id = Some(7)),
        &[("networks[1].segmentation_id", "7 is network acme/red's already")],
    );
    // What is given is not allocated to another.
    let rig = accepts(|_, a| net(a, 1).segmentation_id = Some(1));
    assert_eq!(rig.catalog.get("network", "acme", "red").unwrap().record.segmentation_id, 2);
    accepts(|_, a| net(a, 0).mtu = Some(1280));
    accepts(|g, a| {
        g.chassis
            .iter_mut()
            .zip(["192.0.2.1", "192.0.2.2"])
            .for_each(|(c, ip)| c.spec.as_mut().unwrap().tunnel_ip = text(ip));
        net(a, 0).mtu = Some(1450);
    });
}

#[test]
fn a_fabric_that_carries_less_names_what_it_can_no_longer_carry() {
    let mut rig = Rig::default();
    let mut site = site();
    for (chassis, ip) in site[0].chassis.iter_mut().zip(["192.0.2.1", "192.0.2.2"]) {
        chassis.spec.as_mut().unwrap().tunnel_ip = text(ip);
    }
    site[1].networks[0].spec.as_mut().unwrap().mtu = Some(1450);
    site[1].networks[0].spec.as_mut().unwrap().segmentation_id = Some(5_000);
    rig.apply(&site);
    let refused = |globals: Document| rig.refused(&apply(&[globals])).1;
    let with = |fabric: v1::Fabric| Document { fabric: Some(fabric), ..Default::default() };
    let mut small = fabric(Encap::Geneve);
    small.spec.as_mut().unwrap().underlay_mtu = Some(1499);
    let words = "network acme/red: mtu: 1450 is more than the fabric carries: 1449 at most".to_owned();
    assert_eq!(refused(with(small)), [("fabric.underlay_mtu".to_owned(), words)]);
    let words = "network acme/red: segmentation_id: 5000 is not in 1 to 4094, as VLAN ids of the fabric are".to_owned();
    assert_eq!(refused(with(fabric(Encap::Vlan))), [("fabric.encap".to_owned(), words)]);
    let v6 = Document { chassis: vec![chassis("hv3", "3", "fd00:a::3")], ..Default::default() };
    let words = "network acme/red: mtu: 1450 is more than the fabric carries: 1430 at most".to_owned();
    assert_eq!(refused(v6), [("chassis[0].tunnel_ip".to_owned(), words)]);
    let mut taken = fabric(Encap::Geneve);
    taken.spec.as_mut().unwrap().interface = text("vm2");
    assert_eq!(refused(with(taken))[0].0, "fabric.interface");
}
