//! Exposures, and who is told of them.

use super::gateway::leads_out;
use super::*;

fn exposure(method: v1::ExposureMethod, ports: &[&str], subnets: &[&str]) -> v1::Exposure {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let spec =
        v1::ExposureSpec { router: "r1".into(), method: method.into(), ports: names(ports), subnets: names(subnets) };
    v1::Exposure { meta: meta("e1"), spec: Some(spec), status: None }
}

fn routed(a: &mut Document, ports: &[&str], subnets: &[&str]) {
    leads_out(a, &["2001:db8:100::10"]);
    a.exposures.push(exposure(v1::ExposureMethod::Routed, ports, subnets));
}

#[test]
fn exposures() {
    refuses(|_, a| routed(a, &[], &[]), &[("exposures[0].ports", "or subnets are needed")]);
    refuses(|_, a| routed(a, &["vm1", "vm1"], &[]), &[("exposures[0].ports[1]", "is ports[0] already")]);
    refuses(|_, a| routed(a, &["vm8"], &[]), &[("exposures[0].ports[0]", "there is no port acme/vm8")]);
    refuses(|_, a| routed(a, &[], &["out6"]), &[("exposures[0].subnets[0]", "has no interface on out6")]);
    refuses(
        |_, a| {
            a.exposures.push(exposure(v1::ExposureMethod::Routed, &["vm1"], &[]));
        },
        &[("exposures[0].router", "has no external_gateway")],
    );
    refuses(
        |_, a| {
            routed(a, &["vm1"], &[]);
            a.exposures[0].spec.as_mut().unwrap().method = 0;
        },
        &[("exposures[0].method", "is needed")],
    );
    refuses(
        |_, a| {
            routed(a, &["vm1"], &[]);
            a.exposures[0].spec.as_mut().unwrap().router = "umbra/r1".into();
        },
        &[("exposures[0].router", "there is no router umbra/r1")],
    );
}

#[test]
fn a_router_stays_as_its_exposures_need_it() {
    let mut rig = Rig::default();
    let mut documents = site();
    routed(&mut documents[1], &["vm1"], &["red6"]);
    rig.apply(&documents);
    let router = |edit: &dyn Fn(&mut v1::RouterSpec)| {
        let mut router = documents[1].routers[0].clone();
        edit(router.spec.as_mut().unwrap());
        apply(&[Document { routers: vec![router], ..doc() }])
    };
    let (_, violations) = rig.refused(&router(&|spec| spec.external_gateway = None));
    assert!(violations[0].1.contains("exposure acme/e1: router: r1 has no external_gateway"), "{violations:?}");
    let (_, violations) = rig.refused(&router(&|spec| spec.interfaces.retain(|i| i.subnet != "red6")));
    assert!(violations[0].1.contains("subnets[0]: r1 has no interface on red6"), "{violations:?}");
    let (_, violations) = rig.refused(&delete("subnet", "acme", "red6"));
    assert!(violations[0].1.contains("in use by"), "{violations:?}");
}

#[test]
fn another_tenant_does_not_take_a_prefix_over() {
    let mut rig = Rig::default();
    let mut documents = site();
    routed(&mut documents[1], &[], &["red6"]);
    rig.apply(&documents);
    let tenant = || Some(v1::Meta { tenant: "umbra".into(), ..meta("x").unwrap() });
    let mut net = network("net");
    net.meta = tenant();
    let mut six = subnet("x6", "x", "2001:db8:a::/63");
    six.meta = tenant();
    let gateway = v1::ExternalGateway {
        network: "out".into(),
        ip_addresses: vec!["2001:db8:100::66".into()],
        ..Default::default()
    };
    let interfaces = vec![v1::RouterInterface { subnet: "x".into(), ..Default::default() }];
    let spec = v1::RouterSpec { interfaces, external_gateway: Some(gateway), ..Default::default() };
    let router = v1::Router { meta: tenant(), spec: Some(spec), status: None };
    let mut exposure = exposure(v1::ExposureMethod::Routed, &[], &["x"]);
    exposure.meta = tenant();
    exposure.spec.as_mut().unwrap().router = "x".into();
    let document = Document {
        networks: vec![net],
        subnets: vec![six],
        routers: vec![router],
        exposures: vec![exposure],
        ..Document::default()
    };
    let (_, violations) = rig.refused(&apply(&[document]));
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].1.contains("which exposure acme/e1 exposes to"), "{violations:?}");
}

#[test]
fn bgp_peers() {
    let peer = |address: &str, asn| v1::BgpPeer { address: address.to_owned(), asn, password_file: None };
    let refused = |peers: &'static [(&'static str, u32)], field: &str, words: &str| {
        let change = |_: &mut Document, a: &mut Document| {
            leads_out(a, &["2001:db8:100::10"]);
            rt(a).bgp_peers = peers.iter().map(|(address, asn)| peer(address, *asn)).collect();
        };
        refuses(change, &[(format!("routers[0].bgp_peers{field}").as_str(), words)]);
    };
    refused(&[("x", 1)], "[0].address", "is not an IPv6 or IPv4 address");
    refused(&[("fe80::1", 1)], "[0].address", "is link-local");
    refused(&[("::1", 1)], "[0].address", "is not a unicast address");
    refused(&[("2001:db8:100::1", 0)], "[0].asn", "is no AS number");
    refused(&[("2001:db8:100::1", 1), ("2001:db8:100::1", 2)], "[1].address", "is listed twice");
    refuses(
        |_, a| rt(a).bgp_peers = vec![peer("2001:db8::1", 1)],
        &[("routers[0].bgp_peers", "need an external_gateway")],
    );
    refuses(
        |_, a| {
            leads_out(a, &["2001:db8:100::10"]);
            rt(a).bgp_peers = vec![v1::BgpPeer { password_file: text("secret"), ..peer("2001:db8:100::1", 1) }];
        },
        &[("routers[0].bgp_peers[0].password_file", "is no absolute path")],
    );
}

/// The site with port `vm9` on a part of what is on the link of the provider network, and an exposure by neighbour discovery.
fn near(a: &mut Document, cidr: &str, ports: &[&str], subnets: &[&str]) {
    leads_out(a, &["2001:db8:100::10"]);
    a.networks.push(network("near"));
    let mut near6 = subnet("near6", "near", cidr);
    near6.spec.as_mut().unwrap().gateway_ip = Some(cidr.replace("::/", "::1/").split('/').next().unwrap().to_owned());
    a.subnets.push(near6);
    rt(a).interfaces.push(v1::RouterInterface { subnet: "near6".into(), ..Default::default() });
    a.ports.push(port("vm9", "near"));
    a.exposures.push(exposure(v1::ExposureMethod::NdProxy, ports, subnets));
}

#[test]
fn what_is_not_on_the_link_out_there_is_not_answered_for() {
    let at = "exposures[0].subnets[0]";
    refuses(|_, a| near(a, "2001:db8:101::/80", &[], &["near6"]), &[(at, "is a part of no subnet of out")]);
    refuses(
        |_, a| near(a, "2001:db8:101::/80", &["vm9"], &[]),
        &[("exposures[0].ports[0]", "is a part of one of out's")],
    );
    refuses(
        |_, a| {
            near(a, "2001:db8:100:0:b::/80", &[], &["near4"]);
            a.subnets.push(subnet("near4", "near", "10.9.0.0/24"));
            rt(a).interfaces.push(v1::RouterInterface { subnet: "near4".into(), ..Default::default() });
        },
        &[(at, "nd-proxy answers for IPv6 addresses")],
    );
}

#[test]
fn an_address_that_is_answered_for_is_a_presence_and_nobody_elses() {
    let mut rig = Rig::default();
    let mut documents = site();
    near(&mut documents[1], "2001:db8:100:0:b::/80", &[], &["near6"]);
    let vm9 = with_fixed(port("vm9", "near"), &["2001:db8:100:0:b::9"]);
    *documents[1].ports.last_mut().unwrap() = vm9.clone();
    rig.apply(&documents);
    let present = |rig: &Rig| {
        let network = topology::NetworkKey(rig.key("network", "acme", "out"));
        rig.world.presences_on(network).map(|address| address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(present(&rig), ["2001:db8:100:0:b::9"]);
    // A port that comes later is exposed with its subnet, and one that goes is not.
    rig.apply(&[Document { ports: vec![with_fixed(port("vm8", "near"), &["2001:db8:100:0:b::8"])], ..doc() }]);
    assert_eq!(present(&rig), ["2001:db8:100:0:b::8", "2001:db8:100:0:b::9"]);
    let theirs = with_fixed(port("vm7", "out"), &["2001:db8:100:0:b::9"]);
    let (_, violations) = rig.refused(&apply(&[Document { ports: vec![theirs.clone()], ..doc() }]));
    assert!(violations[0].1.contains("is port acme/vm9's already"), "{violations:?}");
    rig.send(delete("port", "acme", "vm8")).unwrap();
    assert_eq!(present(&rig), ["2001:db8:100:0:b::9"]);
    rig.send(delete("exposure", "acme", "e1")).unwrap();
    assert_eq!(present(&rig), Vec::<String>::new());
    // It is anybody's now, and then can't be exposed.
    rig.apply(&[Document { ports: vec![theirs], ..doc() }]);
    let again = exposure(v1::ExposureMethod::NdProxy, &["vm9"], &[]);
    let (_, violations) = rig.refused(&apply(&[Document { exposures: vec![again], ..doc() }]));
    assert!(violations[0].1.contains("is port acme/vm7's on network acme/out already"), "{violations:?}");
}
