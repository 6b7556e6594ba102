//! Subnets.

use super::*;

#[test]
fn subnet_prefixes() {
    refuses(|_, a| sub(a, 0).network = "green".into(), &[("subnets[0].network", "there is no network acme/green")]);
    refuses(|_, a| sub(a, 2).network = String::new(), &[("subnets[2].network", "is needed: a network's NAME")]);
    refuses(|_, a| sub(a, 1).cidr = String::new(), &[("subnets[1].cidr", "is needed, or a delegation from upstream")]);
    refuses(|_, a| sub(a, 0).cidr = "2001:db8:a::".into(), &[("subnets[0].cidr", "is not a prefix")]);
    refuses(|_, a| sub(a, 2).cidr = "10.1.0.0/33".into(), &[("subnets[2].cidr", "is not a prefix")]);
    for (cidr, edit) in [
        ("::/64", (|_, a| sub(a, 0).cidr = "::/64".into()) as Edit),
        ("::/0", |_, a| sub(a, 0).cidr = "2001:db8::/0".into()),
        ("0.0.0.0/0", |_, a| sub(a, 0).cidr = "1.2.3.4/0".into()),
        ("ff02::/64", |_, a| sub(a, 0).cidr = "ff02::/64".into()),
        ("224.0.0.0/24", |_, a| sub(a, 0).cidr = "224.0.0.1/24".into()),
        ("127.0.0.0/8", |_, a| sub(a, 0).cidr = "127.0.0.0/8".into()),
    ] {
        refuses(edit, &[("subnets[0].cidr", &format!("{cidr} can't be a subnet"))]);
    }
    refuses(
        |_, a| sub(a, 2).cidr = "2001:db8:b::/48".into(),
        &[
            ("subnets[1].cidr", "overlaps subnet acme/blue4 (2001:db8:b::/48) on network acme/blue"),
            ("subnets[2].cidr", "overlaps subnet acme/blue6"),
        ],
    );
    accepts(|_, a| sub(a, 1).cidr = "2001:db8:b::5/120".into());
    accepts(|_, a| sub(a, 2).cidr = "10.1.0.0/30".into());
}

#[test]
fn subnet_modes() {
    refuses(|_, a| sub(a, 2).ipv6_ra_mode = 1, &[("subnets[2].ipv6_ra_mode", "is for IPv6 subnets only")]);
    refuses(|_, a| sub(a, 2).ipv6_address_mode = 1, &[("subnets[2].ipv6_address_mode", "is for IPv6 subnets only")]);
    refuses(|_, a| sub(a, 1).ipv6_ra_mode = 9, &[("subnets[1].ipv6_ra_mode", "is unknown: slaac")]);
    refuses(
        |_, a| sub(a, 0).cidr = "2001:db8:a::/80".into(),
        &[("subnets[0].cidr", "is not a /64, which slaac needs")],
    );
    refuses(
        |_, a| {
            sub(a, 0).ipv6_ra_mode = 0;
            sub(a, 0).cidr = "2001:db8:a::/60".into();
        },
        &[("subnets[0].cidr", "is not a /64")],
    );
    refuses(
        |_, a| sub(a, 0).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 2, valid_s: 1 }),
        &[("subnets[0].prefix_lifetimes", "preferred_s 2 is more than valid_s 1")],
    );
    refuses(
        |_, a| sub(a, 1).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 1, valid_s: 1 }),
        &[("subnets[1].prefix_lifetimes", "has no meaning without ipv6_ra_mode")],
    );
    refuses(|_, a| sub(a, 1).advertise_router = Some(false), &[("subnets[1].advertise_router", "has no meaning")]);
    refuses(|_, a| sub(a, 1).advertise_prefix = Some(true), &[("subnets[1].advertise_prefix", "has no meaning")]);
    refuses(
        |_, a| sub(a, 1).pref64 = text("64:ff9b::/96"),
        &[("subnets[1].pref64", "has no meaning without ipv6_ra_mode")],
    );
    refuses(
        |_, a| sub(a, 0).pref64 = text("64:ff9b::/95"),
        &[("subnets[0].pref64", "64:ff9b::/95 is not an IPv6 prefix of")],
    );
    refuses(
        |_, a| sub(a, 0).pref64 = text("10.0.0.0/32"),
        &[("subnets[0].pref64", "10.0.0.0/32 is not an IPv6 prefix of")],
    );
    accepts(|_, a| sub(a, 0).pref64 = text("64:ff9b::5/96"));
    accepts(|_, a| sub(a, 0).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 0, valid_s: u32::MAX }));
    accepts(|_, a| sub(a, 0).ipv6_address_mode = 0);
    let rig = accepts(|_, a| {
        sub(a, 0).ipv6_ra_mode = 0;
        rt(a).interfaces.remove(0);
    });
    assert_eq!(rig.addresses("vm1"), "2001:db8:a::ff:fe00:101", "an outside router's advertisements");
    assert_eq!(topology::View::new(&rig.world).advert(topology::SubnetKey(1)), None);
}

#[test]
fn subnet_gateways_and_pools() {
    refuses(
        |_, a| sub(a, 0).gateway_ip = text("10.0.0.1"),
        &[("subnets[0].gateway_ip", "is not of 2001:db8:a::/64's family")],
    );
    refuses(|_, a| sub(a, 0).gateway_ip = text("ff02::2"), &[("subnets[0].gateway_ip", "is not a unicast address")]);
    refuses(|_, a| sub(a, 0).gateway_ip = text(""), &[("subnets[0].gateway_ip", "is needed: an IPv6 or IPv4 address")]);
    refuses(
        |_, a| sub(a, 2).gateway_ip = text("10.1.0.255"),
        &[("subnets[2].gateway_ip", "network or broadcast address")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.0.5")],
        &[("subnets[2].allocation_pools[0]", "10.1.0.9 is not before 10.1.0.5")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "x")],
        &[("subnets[2].allocation_pools[0].end", "\"x\" is not an IPv6 or IPv4 address")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.1.5")],
        &[("subnets[2].allocation_pools[0]", "is not within")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.0.255")],
        &[("subnets[2].allocation_pools[0]", "is not within")],
    );
    refuses(
        |_, a| sub(a, 1).allocation_pools = vec![pool("2001:db8:b::", "2001:db8:b::5")],
        &[("subnets[1].allocation_pools[0]", "is not within")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.1", "10.1.0.5")],
        &[("subnets[2].allocation_pools[0]", "contains the gateway 10.1.0.1")],
    );
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.5", "10.1.0.9"), pool("10.1.0.9", "10.1.0.20")],
        &[("subnets[2].allocation_pools[1]", "10.1.0.9-10.1.0.20 overlaps 10.1.0.5-10.1.0.9")],
    );
    refuses(
        |_, a| sub(a, 0).dns_nameservers = vec!["8.8.8.8".into(), "::1:2".into(), "0::1:2".into()],
        &[
            ("subnets[0].dns_nameservers[0]", "is not of 2001:db8:a::/64's family"),
            ("subnets[0].dns_nameservers[2]", "::1:2 is listed twice"),
        ],
    );
    refuses(
        |_, a| sub(a, 1).dns_nameservers = vec!["2001:db8::53".into()],
        &[("subnets[1].dns_nameservers", "has no meaning without ipv6_ra_mode")],
    );
    refuses(
        |_, a| sub(a, 0).dns_nameservers = (1..7).map(|i| format!("2001:db8::{i}")).collect(),
        &[("subnets[0].dns_nameservers", "has 6 entries; 5 are the most")],
    );
    let rig = accepts(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.7", "10.1.0.9")]);
    assert_eq!(rig.addresses("vm2"), "10.1.0.7 2001:db8:b::1");
    accepts(|_, a| {
        sub(a, 0).gateway_ip = text("fe80::1");
        rt(a).interfaces[0].ip_address = text("2001:db8:a::1");
    });
    accepts(|_, a| {
        sub(a, 0).gateway_ip = text("2001:db8:ffff::1");
        rt(a).interfaces.remove(0);
    });
}

#[test]
fn one_router_has_one_preference_on_a_network() {
    use v1::RouterPreference::{High, Low};
    const SECOND: &str = "2001:db8:c::/64";
    fn two(a: &mut Document, first: v1::RouterPreference, second: v1::RouterPreference) {
        let mut more = slaac(subnet("more6", "red", SECOND));
        more.spec.as_mut().unwrap().router_preference = second.into();
        a.subnets.push(more);
        sub(a, 0).router_preference = first.into();
        rt(a).interfaces.push(v1::RouterInterface { subnet: "more6".into(), ..Default::default() });
    }
    refuses(
        |_, a| two(a, High, Low),
        &[("subnets[3].router_preference", "has another router_preference than red6: the router has one")],
    );
    accepts(|_, a| two(a, High, High));
    let mut rig = accepts(|_, a| two(a, High, v1::RouterPreference::Unspecified));
    // Who changes it later is refused too, though the router is not in the request.
    let mut more = slaac(subnet("more6", "red", SECOND));
    more.spec.as_mut().unwrap().router_preference = Low.into();
    let (_, violations) = rig.refused(&apply(&[Document { subnets: vec![more.clone()], ..doc() }]));
    assert!(violations[0].0.ends_with("subnets[0].router_preference"), "{violations:?}");
    more.spec.as_mut().unwrap().router_preference = High.into();
    rig.apply(&[Document { subnets: vec![more], ..doc() }]);
    refuses(|_, a| sub(a, 0).router_preference = 9, &[("subnets[0].router_preference", "is unknown: low, medium")]);
    refuses(|_, a| sub(a, 1).router_preference = 1, &[("subnets[1].router_preference", "has no meaning without")]);
    refuses(|_, a| sub(a, 2).router_preference = 1, &[("subnets[2].router_preference", "is for IPv6 subnets only")]);
}

#[test]
fn what_hosts_are_told() {
    let route =
        |destination: &str, nexthop: &str| v1::HostRoute { destination: destination.into(), nexthop: nexthop.into() };
    let six = |a: &mut Document, routes: &[v1::HostRoute]| sub(a, 0).host_routes = routes.to_vec();
    accepts(|_, a| {
        sub(a, 2).host_routes = vec![v1::HostRoute { destination: "10.9.0.7/16".into(), nexthop: "10.1.0.9".into() }];
        sub(a, 2).dns_nameservers = vec!["192.0.2.53".into()];
        sub(a, 2).dhcp_lease_s = Some(60);
    });
    accepts(|_, a| sub(a, 2).enable_dhcp = Some(false));
    let mut rig = Rig::default();
    let mut documents = site();
    six(&mut documents[1], &[route("2001:db8:f::/48", "2001:db8:a::")]);
    rig.apply(&documents);
    let advert = topology::View::new(&rig.world).advert(topology::SubnetKey(1)).cloned().unwrap();
    assert_eq!(advert.routes, ["2001:db8:f::/48".parse().unwrap()]);
    let routes = |i: usize, destination: &'static str, nexthop: &'static str, path: &str, words: &str| {
        let mut documents = site();
        sub(&mut documents[1], i).host_routes = vec![route(destination, nexthop)];
        let (_, violations) = Rig::default().refused(&apply(&documents));
        let [(at, message)] = &violations[..] else { panic!("{violations:?}") };
        assert!(at == &format!("documents[1].subnets[{i}].{path}") && message.contains(words), "{at}: {message}");
    };
    routes(2, "10.9.0.0/16", "2001:db8::1", "host_routes[0]", "is not of 10.1.0.0/24's family");
    routes(2, "2001:db8::/48", "10.1.0.9", "host_routes[0]", "is not of 10.1.0.0/24's family");
    routes(2, "10.9.0.0/33", "10.1.0.9", "host_routes[0].destination", "is not a prefix");
    routes(2, "10.9.0.0/16", "224.0.0.1", "host_routes[0].nexthop", "is not a unicast address");
    routes(0, "2001:db8:f::/48", "2001:db8:a::9", "host_routes[0].nexthop", "can't be told by a router advertisement");
    routes(1, "2001:db8:f::/48", "2001:db8:b::", "host_routes", "has no meaning without ipv6_ra_mode");
    for (edit, path, words) in [
        ((|_, a| sub(a, 0).enable_dhcp = Some(true)) as Edit, "subnets[0].enable_dhcp", "is for IPv4 subnets only"),
        (|_, a| sub(a, 0).dhcp_lease_s = Some(60), "subnets[0].dhcp_lease_s", "prefix_lifetimes are DHCPv6's too"),
        (|_, a| sub(a, 2).dhcp_lease_s = Some(9), "subnets[2].dhcp_lease_s", "9 is less than 10"),
        (|_, a| sub(a, 2).advertise_router = Some(true), "subnets[2].advertise_router", "is for IPv6 subnets only"),
    ] {
        refuses(edit, &[(path, words)]);
    }
    refuses(
        |_, a| {
            reached(a);
            sub(a, 2).enable_dhcp = Some(false);
            sub(a, 2).ipv6_mostly = true;
        },
        &[("subnets[2].ipv6_mostly", "has no meaning with enable_dhcp false")],
    );
}

/// The blue network tells how IPv4 is reached.
fn reached(a: &mut Document) {
    sub(a, 1).ipv6_ra_mode = v1::Ipv6Mode::Slaac.into();
    sub(a, 1).ipv6_address_mode = v1::Ipv6Mode::Slaac.into();
    sub(a, 1).pref64 = text("64:ff9b::/96");
}

#[test]
fn hosts_do_without_ipv4_only_where_they_are_told_how_to_reach_it() {
    // On either family's subnet it is one and the same.
    for i in [1, 2] {
        let mut documents = site();
        sub(&mut documents[1], i).ipv6_mostly = true;
        let (_, violations) = Rig::default().refused(&apply(&documents));
        let [(path, message)] = &violations[..] else { panic!("{violations:?}") };
        assert_eq!(path, &format!("documents[1].subnets[{i}].ipv6_mostly"));
        assert!(message.contains("needs pref64 on an IPv6 subnet of network acme/blue"), "{message}");
        reached(&mut documents[1]);
        let mut rig = Rig::default();
        rig.apply(&documents);
        let told = |rig: &Rig| topology::View::new(&rig.world).dhcp4(topology::SubnetKey(3)).unwrap().ipv6_mostly;
        assert!(told(&rig));
        // What it needs can't go from under it.
        let mut blue6 = documents[1].subnets[1].clone();
        blue6.meta.as_mut().unwrap().tenant = "acme".into();
        blue6.spec.as_mut().unwrap().pref64 = None;
        let (_, violations) = rig.refused(&update(v1::resource::Kind::Subnet(blue6), &["spec.pref64"]));
        let field = if i == 1 { "spec.ipv6_mostly" } else { "spec.pref64" };
        assert!(violations[0].0 == field && violations[0].1.contains("needs pref64"), "{violations:?}");
        sub(&mut documents[1], i).ipv6_mostly = false;
        rig.apply(&documents);
        assert!(!told(&rig));
    }
    let mut documents = site();
    reached(&mut documents[1]);
    sub(&mut documents[1], 2).ipv6_mostly = true;
    documents[1].routers[0].spec.as_mut().unwrap().interfaces.remove(1);
    let mut rig = Rig::default();
    rig.apply(&documents);
    let (kind, violations) = rig.refused(&delete("subnet", "acme", "blue6"));
    assert_eq!(kind, RefusalKind::InUse);
    let words = "subnet acme/blue6 is needed: subnet acme/blue4 has ipv6_mostly";
    assert!(violations.iter().any(|(_, message)| message.contains(words)), "{violations:?}");
}
