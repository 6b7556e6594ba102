//! Ports, and what tenants may use of each other.

use super::*;

#[test]
fn address_pairs() {
    let pair = |address: &str, mac: Option<&str>| v1::AddressPair {
        ip_address: address.to_owned(),
        mac_address: mac.map(ToOwned::to_owned),
    };
    let with = |pairs: Vec<v1::AddressPair>, wanted: &[(&str, &str)]| {
        refuses(|_, a| prt(a, 0).allowed_address_pairs = pairs, wanted);
    };
    let field = "ports[0].allowed_address_pairs";
    let at = |n: usize, name: &str| format!("{field}[{n}].{name}");
    with((0..11).map(|n| pair(&format!("10.1.0.{n}"), None)).collect(), &[(field, "has 11 entries; 10 are the most")]);
    with(vec![pair("", None)], &[(&at(0, "ip_address"), "is needed")]);
    with(vec![pair("here", None)], &[(&at(0, "ip_address"), "\"here\" is neither")]);
    for groups in ["ff02::1", "::/0", "224.0.0.0/24", "0.0.0.0/0"] {
        with(vec![pair(groups, None)], &[(&at(0, "ip_address"), "has groups in it")]);
    }
    with(vec![pair("2001:db8::7", Some("01:00:00:00:00:01"))], &[(&at(0, "mac_address"), "")]);
    let twice = vec![pair("2001:db8::7", None), pair("2001:db8:0::7", None)];
    with(twice, &[(&format!("{field}[1]"), "is there twice")]);
    refuses(
        |_, a| {
            prt(a, 0).allowed_address_pairs = vec![pair("2001:db8::7", None)];
            prt(a, 0).port_security_enabled = Some(false);
        },
        &[(field, "go with port security")],
    );
}

#[test]
fn port_rules() {
    refuses(|_, a| prt(a, 0).network = "green".into(), &[("ports[0].network", "there is no network acme/green")]);
    refuses(|_, a| prt(a, 0).mac_address = text("02:00:00:00:01"), &[("ports[0].mac_address", "is not a MAC address")]);
    refuses(|_, a| prt(a, 0).mac_address = text("ff:ff:ff:ff:ff:ff"), &[("ports[0].mac_address", "unicast")]);
    refuses(|_, a| prt(a, 0).mac_address = text("00:00:00:00:00:00"), &[("ports[0].mac_address", "unicast")]);
    let kept = "is kept for routers and chassis";
    refuses(|_, a| prt(a, 0).mac_address = text("02:53:00:00:00:01"), &[("ports[0].mac_address", kept)]);
    refuses(|_, a| prt(a, 0).mac_address = text("d6:00:01:00:00:01"), &[("ports[0].mac_address", kept)]);
    refuses(
        |_, a| a.ports.push(with_mac(port("vm3", "red"), "02:00:00:00:01:01")),
        &[("ports[2].mac_address", "02:00:00:00:01:01 on network acme/red is port acme/vm1's already")],
    );
    refuses(|_, a| prt(a, 0).vnic_type = 9, &[("ports[0].vnic_type", "is unknown: normal, direct")]);
    let direct = |a: &mut v1::Document, interface: &str| {
        a.ports[0] = bound(port("vm1", "red"), "hv1", interface);
        prt(a, 0).vnic_type = v1::VnicType::Direct.into();
    };
    let overlay = ("ports[0].network", "network acme/red is an overlay: a pass-through NIC is on a provider network");
    refuses(|_, a| direct(a, ""), &[overlay]);
    refuses(|_, a| direct(a, "vm1"), &[("ports[0].binding.interface", "its chassis is enough"), overlay]);
    let grouped = |a: &mut v1::Document| {
        direct(a, "");
        prt(a, 0).security_groups = Some(v1::NameList { items: vec![] });
        prt(a, 0).role = v1::PortRole::Router.into();
        prt(a, 0).dhcp_relay = true;
    };
    refuses(
        |_, a| grouped(a),
        &[
            ("ports[0].security_groups", "can't be enforced on a port that passes the bridge by"),
            ("ports[0].role", "is host where a port passes the bridge by"),
            ("ports[0].dhcp_relay", "is of ports of the bridge"),
            overlay,
        ],
    );
    refuses(|_, a| prt(a, 0).role = 9, &[("ports[0].role", "is unknown: host, router and monitor")]);
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv9", "vm1"),
        &[("ports[0].binding.chassis", "there is no chassis hv9")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "", ""),
        &[("ports[0].binding.chassis", "is needed: a chassis's NAME")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", ""),
        &[("ports[0].binding.interface", "is needed: the name of the bridge's port. chassis hv1 is not managed")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "sixteen-chars-if"),
        &[("ports[0].binding.interface", "longer than 15")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "a/b"),
        &[("ports[0].binding.interface", "can't be the name")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "sx-tun"),
        &[("ports[0].binding.interface", "sx-tun is the fabric's interface")],
    );
    refuses(
        |_, a| a.ports[0] = bound(port("vm1", "red"), "hv2", "vm2"),
        &[("ports[1].binding.interface", "vm2 on chassis hv2 is port acme/vm1's already")],
    );
    accepts(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv2", "vm2.fifteen-chr"));
    accepts(|_, a| prt(a, 1).mac_address = text("02:00:00:00:01:01"));
}

#[test]
fn names() {
    let named = |a: &mut Document, domain: Option<&str>, name: &str| {
        a.networks[0].spec.as_mut().unwrap().dns_domain = domain.map(Into::into);
        prt(a, 0).dns_name = text(name);
    };
    for bad in ["-a", "a b", "a.b", "vm1.", ".", "a..b.", "é", &"a".repeat(64)] {
        let mut documents = site();
        named(&mut documents[1], None, bad);
        let (_, violations) = Rig::default().refused(&apply(&documents));
        let [(path, message)] = &violations[..] else { panic!("{bad:?}: {violations:?}") };
        assert!(path == "documents[1].ports[0].dns_name" && message.contains("is neither one label"), "{message}");
    }
    refuses(
        |_, a| prt(a, 0).dns_name = text("vm1.red.example."),
        &[("ports[0].dns_name", "vm1.red.example. is not in the dns_domain of network acme/red: it has none")],
    );
    let long = format!("{}a", "a.".repeat(125));
    let mut documents = site();
    named(&mut documents[1], Some(&long), "vm1");
    let (_, violations) = Rig::default().refused(&apply(&documents));
    assert!(violations[0].1.contains("is too long with the dns_domain"), "{violations:?}");
    // The domain can't go from under a name; nor can it come, were it another.
    let mut rig = Rig::default();
    let mut documents = site();
    named(&mut documents[1], Some("red.example"), "VM1.Red.Example.");
    rig.apply(&documents);
    let mut network = network("red");
    network.meta.as_mut().unwrap().tenant = "acme".into();
    network.spec.as_mut().unwrap().dns_domain = text("blue.example");
    let (_, violations) = rig.refused(&update(v1::resource::Kind::Network(network), &["spec.dns_domain"]));
    let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
    assert!(
        path == "spec.dns_domain" && message.starts_with("port acme/vm1: dns_name: vm1.red.example. is not"),
        "{message}"
    );
    // Two may be called the same, and an empty name is none.
    accepts(|_, a| {
        prt(a, 0).dns_name = text("vm");
        prt(a, 1).dns_name = text("vm");
    });
    accepts(|_, a| prt(a, 0).dns_name = text(""));
}

#[test]
fn fixed_ips() {
    fn fix(a: &mut Document, fixed: &[&str]) {
        a.ports[1] = with_fixed(port("vm2", "blue"), fixed);
    }
    refuses(
        |_, a| fix(a, &["10.2.0.5"]),
        &[("ports[1].fixed_ips[0].ip_address", "10.2.0.5 is in no subnet of network acme/blue")],
    );
    refuses(
        |_, a| fix(a, &["blue6=10.1.0.5"]),
        &[("ports[1].fixed_ips[0].ip_address", "is outside of subnet acme/blue6")],
    );
    refuses(|_, a| fix(a, &["green6"]), &[("ports[1].fixed_ips[0].subnet", "there is no subnet acme/green6")]);
    refuses(
        |_, a| fix(a, &["red6"]),
        &[("ports[1].fixed_ips[0].subnet", "subnet acme/red6 is on network acme/red, the port is not")],
    );
    refuses(
        |_, a| prt(a, 1).fixed_ips = Some(v1::FixedIpList { items: vec![v1::FixedIp::default()] }),
        &[("ports[1].fixed_ips[0]", "needs a subnet, an ip_address, or both")],
    );
    refuses(|_, a| fix(a, &["10.1.0.5", "blue4=10.1.0.5"]), &[("ports[1].fixed_ips[1].ip_address", "is listed twice")]);
    refuses(
        |_, a| fix(a, &["10.1.0.1"]),
        &[("ports[1].fixed_ips[0].ip_address", "10.1.0.1 is the gateway of subnet acme/blue4")],
    );
    refuses(|_, a| fix(a, &["10.1.0.255"]), &[("ports[1].fixed_ips[0].ip_address", "network or broadcast")]);
    refuses(|_, a| fix(a, &["2001:db8:b::"]), &[("ports[1].fixed_ips[0].ip_address", "is the gateway of")]);
    refuses(
        |_, a| {
            sub(a, 1).gateway_ip = text("2001:db8:b::1");
            fix(a, &["2001:db8:b::"]);
        },
        &[("ports[1].fixed_ips[0].ip_address", "is the subnet-router anycast address of")],
    );
    refuses(
        |_, a| {
            fix(a, &["10.1.0.5"]);
            a.ports.push(with_fixed(port("vm3", "blue"), &["blue4=10.1.0.5"]));
        },
        &[("ports[2].fixed_ips[0].ip_address", "10.1.0.5 on network acme/blue is port acme/vm2's already")],
    );
    refuses(
        |_, a| {
            sub(a, 2).allocation_pools = vec![pool("10.1.0.7", "10.1.0.8")];
            a.ports = ["a", "b", "c"].map(|name| port(name, "blue")).to_vec();
        },
        &[("ports[2].fixed_ips", "no address is free in subnet acme/blue4 (10.1.0.7-10.1.0.8)")],
    );
    refuses(
        |_, a| a.ports[0] = with_fixed(port("vm1", "red"), &["red6", "red6"]),
        &[("ports[0].fixed_ips[1]", "its address is listed already")],
    );
}

#[test]
fn tenants_keep_to_their_own() {
    fn umbra(shared: bool, edit: fn(&mut Document)) -> Vec<Document> {
        let mut site = site();
        site[1].networks[0].spec.as_mut().unwrap().shared = shared;
        let mut umbra = Document { tenant: "umbra".to_owned(), ..Default::default() };
        edit(&mut umbra);
        site.push(umbra);
        site
    }
    let uses: fn(&mut Document) = |umbra| {
        umbra.ports = vec![port("vm1", "acme/red")];
        let mut router = router("r", &["acme/red6"]);
        router.spec.as_mut().unwrap().interfaces[0].ip_address = text("2001:db8:a::7");
        umbra.routers = vec![router];
    };
    let (_, violations) = Rig::default().refused(&apply(&umbra(false, uses)));
    assert_eq!(
        violations,
        [
            ("documents[2].routers[0].interfaces[0].subnet", "network acme/red is another tenant's and not shared"),
            ("documents[2].ports[0].network", "network acme/red is another tenant's and not shared"),
        ]
        .map(|(path, message)| (path.to_owned(), message.to_owned()))
    );
    let mut rig = Rig::default();
    rig.apply(&umbra(true, uses));
    // Now it can't be taken back: neither with the users in the request, nor without them.
    let paths = |documents: &[Document]| -> Vec<String> {
        rig.refused(&apply(documents)).1.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(
        paths(&umbra(false, uses)),
        ["documents[2].routers[0].interfaces[0].subnet", "documents[2].ports[0].network"]
    );
    assert_eq!(paths(&umbra(false, |_| {})), ["documents[1].networks[0].shared", "documents[1].networks[0].shared"]);
    let subnet: fn(&mut Document) = |umbra| umbra.subnets = vec![subnet("s", "acme/red", "10.9.0.0/24")];
    let (_, violations) = Rig::default().refused(&apply(&umbra(true, subnet)));
    assert!(violations[0].1.contains("a subnet is of its network's tenant"), "{violations:?}");
    // A caller that acts for one tenant touches nothing else.
    let caller = crate::event::Caller { tenant: text("acme"), roles: Vec::new() };
    let refusal = Rig::default().catalog.propose(&caller, &apply(&umbra(true, uses)), 0).unwrap_err();
    let paths: Vec<_> = refusal.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(
        &paths[..3],
        ["documents[0].chassis[0].tenant", "documents[0].chassis[1].tenant", "documents[0].fabric.tenant"]
    );
    assert!(paths.contains(&"documents[2].ports[0].tenant"));
}
