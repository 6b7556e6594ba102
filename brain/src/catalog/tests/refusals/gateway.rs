//! External gateways of routers.

use super::*;

/// The site with a provider network `out`, its subnets, and a gateway to it with these addresses.
pub(super) fn leads_out(a: &mut Document, addresses: &[&str]) {
    let mut out = network("out");
    let spec = out.spec.as_mut().unwrap();
    spec.r#type = v1::NetworkType::Provider.into();
    spec.physical_network = text("p");
    a.networks.push(out);
    let mut six = subnet("out6", "out", "2001:db8:100::/64");
    six.spec.as_mut().unwrap().gateway_ip = text("2001:db8:100::1");
    a.subnets.extend([six, subnet("out4", "out", "203.0.113.0/24")]);
    let ip_addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    rt(a).external_gateway =
        Some(v1::ExternalGateway { network: "out".into(), ip_addresses, enable_snat: Some(false) });
}

#[test]
fn gateways() {
    let at = |i: usize| format!("routers[0].external_gateway.ip_addresses[{i}]");
    let refused = |addresses: &'static [&'static str], words: &str| {
        refuses(|_, a| leads_out(a, addresses), &[(at(0).as_str(), words)]);
    };
    refused(&["2001:db8:101::10"], "is in no subnet of out");
    refused(&["2001:db8:100::1"], "is the gateway_ip of out");
    refused(&["203.0.113.1"], "is the gateway_ip of out");
    refused(&["203.0.113.255"], "is an end of 203.0.113.0/24");
    refused(&["x"], "is not an IPv6 or IPv4 address");
    refuses(|_, a| leads_out(a, &[]), &[("routers[0].external_gateway.ip_addresses", "has 0 entries")]);
    refuses(|_, a| leads_out(a, &["203.0.113.9", "203.0.113.9"]), &[(at(1).as_str(), "is listed twice")]);
    refuses(
        |_, a| {
            leads_out(a, &["2001:db8:100::9"]);
            rt(a).external_gateway.as_mut().unwrap().enable_snat = Some(true);
        },
        &[("routers[0].external_gateway.enable_snat", "needs an IPv4 address among ip_addresses")],
    );
    refuses(
        |_, a| {
            leads_out(a, &["203.0.113.9"]);
            rt(a).external_gateway.as_mut().unwrap().network = "blue".into();
        },
        &[
            ("routers[0].external_gateway.network", "is an overlay network"),
            ("routers[0].interfaces[1].subnet", "is the external gateway's network"),
            ("routers[0].interfaces[2].subnet", "is the external gateway's network"),
        ],
    );
    refuses(
        |_, a| {
            leads_out(a, &["203.0.113.9"]);
            a.ports.push(with_fixed(port("vm9", "out"), &["203.0.113.9"]));
        },
        &[("ports[2].fixed_ips[0].ip_address", "is router acme/r1's already")],
    );
    refuses(
        |_, a| {
            leads_out(a, &["203.0.113.9"]);
            rt(a).routes = vec![route("2001:db8:7::/48", "fe80::9", None)];
        },
        &[("routers[0].routes[0].interface", "is needed")],
    );
    refuses(|g, _| hv(g, 0).gateway_priority = Some(1), &[("0.chassis[0].gateway_priority", "needs bridge_mappings")]);
    accepts(|g, a| {
        leads_out(a, &["2001:db8:100::10", "203.0.113.9"]);
        hv(g, 0).bridge_mappings.insert("p".into(), "eth1".into());
        hv(g, 0).gateway_priority = Some(1);
        rt(a).routes = vec![
            route("2001:db8:7::/48", "2001:db8:100::9", None),
            route("2001:db8:8::/48", "fe80::9", Some("out6")),
            route("192.0.2.0/24", "203.0.113.7", None),
        ];
    });
}

#[test]
fn drain() {
    let mut rig = accepts(|g, _| {
        hv(g, 0).bridge_mappings.insert("p".into(), "eth1".into());
        hv(g, 0).gateway_priority = Some(1);
    });
    let drained = |rig: &Rig| match rig.shown("chassis", "", "hv1") {
        v1::resource::Kind::Chassis(chassis) => chassis.status.unwrap().drained,
        _ => unreachable!(),
    };
    let drain = |undo| crate::event::Request::Drain(v1::DrainRequest { chassis: "hv1".into(), undo });
    rig.send(drain(false)).unwrap();
    assert!(drained(&rig));
    // An intent that is stated again says nothing of it.
    rig.apply(&edited(|g, _| {
        hv(g, 0).bridge_mappings.insert("p".into(), "eth2".into());
        hv(g, 0).gateway_priority = Some(1);
    }));
    assert!(drained(&rig));
    rig.send(drain(true)).unwrap();
    assert!(!drained(&rig));
    let nobody = crate::event::Request::Drain(v1::DrainRequest { chassis: "hv9".into(), undo: false });
    assert_eq!(rig.refused(&nobody).0, RefusalKind::NotFound);
}
