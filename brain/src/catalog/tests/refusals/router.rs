//! Routers.

use super::*;

#[test]
fn router_interfaces() {
    refuses(
        |_, a| rt(a).interfaces[0].subnet = "green6".into(),
        &[("routers[0].interfaces[0].subnet", "there is no subnet acme/green6")],
    );
    refuses(
        |_, a| rt(a).interfaces[0].subnet = "a/b/c".into(),
        &[("routers[0].interfaces[0].subnet", "is not a subnet's NAME or TENANT/NAME")],
    );
    refuses(
        |_, a| rt(a).interfaces[1].subnet = "red6".into(),
        &[("routers[0].interfaces[1].subnet", "subnet acme/red6 has an interface already")],
    );
    refuses(
        |_, a| rt(a).interfaces[0].ip_address = text("2001:db8:c::1"),
        &[("routers[0].interfaces[0].ip_address", "2001:db8:c::1 is outside of 2001:db8:a::/64")],
    );
    refuses(
        |_, a| rt(a).interfaces[2].ip_address = text("10.1.0.0"),
        &[("routers[0].interfaces[2].ip_address", "is the network or broadcast address")],
    );
    refuses(
        |_, a| sub(a, 0).gateway_ip = text("fe80::1"),
        &[(
            "routers[0].interfaces[0]",
            "fe80::1, the gateway_ip, is link-local and can't be the router's address on red6: give an ip_address",
        )],
    );
    refuses(
        |_, a| sub(a, 0).gateway_ip = text("2001:db8:f::1"),
        &[("routers[0].interfaces[0]", "is outside of 2001:db8:a::/64")],
    );
    refuses(
        |_, a| rt(a).interfaces[0].mac_address = text("01:00:00:00:00:01"),
        &[("routers[0].interfaces[0].mac_address", "is not a unicast address")],
    );
    refuses(
        |_, a| rt(a).interfaces[0].mac_address = text("02:00:00:00:01:01"),
        &[("ports[0].mac_address", "02:00:00:00:01:01 on network acme/red is router acme/r1's already")],
    );
    refuses(
        |_, a| {
            rt(a).interfaces[1].ip_address = text("2001:db8:b::9");
            a.ports[1] = with_fixed(port("vm2", "blue"), &["2001:db8:b::9"]);
        },
        &[("ports[1].fixed_ips[0].ip_address", "2001:db8:b::9 on network acme/blue is router acme/r1's already")],
    );
}

#[test]
fn routers_beside_each_other() {
    refuses(
        |_, a| a.routers.push(router("r2", &["red6"])),
        &[("routers[1].interfaces[0]", "2001:db8:a:: on network acme/red is router acme/r1's already")],
    );
    refuses(
        |_, a| {
            let mut r2 = router("r2", &["red6"]);
            r2.spec.as_mut().unwrap().interfaces[0].ip_address = text("2001:db8:a::2");
            r2.spec.as_mut().unwrap().interfaces[0].mac_address = text("02:00:00:00:0a:01");
            a.routers[0].spec.as_mut().unwrap().interfaces[0].mac_address = text("02:00:00:00:0a:01");
            a.routers.push(r2);
        },
        &[("routers[1].interfaces[0].mac_address", "02:00:00:00:0a:01 on network acme/red is router acme/r1's")],
    );
    // Two subnets of one prefix, on two networks: the contract's own example of a refusal.
    refuses(|_, a| sub(a, 1).cidr = "2001:db8:a::/64".into(), &[("subnets[1].cidr", "overlaps red6 on router r1")]);
    accepts(|_, a| {
        let mut r2 = router("r2", &["red6"]);
        r2.spec.as_mut().unwrap().interfaces[0].ip_address = text("2001:db8:a::2");
        a.routers.push(r2);
    });
    accepts(|_, a| {
        sub(a, 1).cidr = "2001:db8:a::/64".into();
        rt(a).interfaces.remove(1);
    });
}

#[test]
fn router_routes() {
    refuses(
        |_, a| rt(a).routes = vec![route("", "x", None)],
        &[("routers[0].routes[0].destination", "is needed"), ("routers[0].routes[0].nexthop", "\"x\" is not")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("2001:db8::1/32", "2001:db8:a::9", None)],
        &[("routers[0].routes[0].destination", "has host bits: is 2001:db8::/32 meant?")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("ff00::/8", "2001:db8:a::9", None)],
        &[("routers[0].routes[0].destination", "is not routed unicast space")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "2001:db8:a::9", None), route("0::/0", "2001:db8:b::9", None)],
        &[("routers[0].routes[1].destination", "::/0 has a route already")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("2001:db8:b::/64", "2001:db8:a::9", None)],
        &[("routers[0].routes[0].destination", "2001:db8:b::/64 is connected: subnet acme/blue6")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("0.0.0.0/0", "2001:db8:a::9", None)],
        &[("routers[0].routes[0].nexthop", "2001:db8:a::9 is not of 0.0.0.0/0's family")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "2001:db8:f::9", None)],
        &[("routers[0].routes[0].nexthop", "2001:db8:f::9 is in no connected subnet")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "fe80::9", None)],
        &[(
            "routers[0].routes[0].interface",
            "is needed: fe80::9 is link-local, and the router is on several networks",
        )],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "fe80::9", Some("green"))],
        &[("routers[0].routes[0].interface", "the router has no interface on subnet acme/green")],
    );
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "2001:db8:a::9", Some("red6"))],
        &[("routers[0].routes[0].interface", "is for link-local next hops only")],
    );
    for own in [
        (|_, a| rt(a).routes = vec![route("::/0", "2001:db8:a::", None)]) as Edit,
        |_, a| rt(a).routes = vec![route("::/0", "fe80::1", Some("red6"))],
        |_, a| rt(a).routes = vec![route("::/0", "fe80::53:ff:fe00:1", Some("red6"))],
        |_, a| rt(a).routes = vec![route("0.0.0.0/0", "10.1.0.1", None)],
    ] {
        refuses(own, &[("routers[0].routes[0].nexthop", "is the router's own address")]);
    }
    accepts(|_, a| {
        rt(a).routes = vec![
            route("::/0", "fe80::9", Some("red6")),
            route("0.0.0.0/0", "10.1.0.9", None),
            route("2001:db8:b::/65", "2001:db8:a::9", None),
        ];
    });
}
