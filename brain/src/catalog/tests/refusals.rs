//! Each rule, broken in an otherwise right site: exactly these paths, and words that say why. Beside them what is still right.

use proto::v1::{self, Document, Encap};

use super::rig::*;
use crate::effect::RefusalKind;

/// What is done to the globals' document and the tenant's.
type Edit = fn(&mut Document, &mut Document);

fn edited(edit: Edit) -> Vec<Document> {
    let mut site = site();
    let (globals, acme) = site.split_at_mut(1);
    edit(&mut globals[0], &mut acme[0]);
    site
}

/// Paths are relative to the tenant's document; those of the globals' begin with `0.`.
#[track_caller]
fn refuses(edit: Edit, expected: &[(&str, &str)]) {
    let (kind, violations) = Rig::default().refused(&apply(&edited(edit)));
    assert_eq!(kind, RefusalKind::Invalid);
    let relative = |path: &str| path.replace("documents[1].", "").replace("documents[0].", "0.");
    let paths: Vec<_> = violations.iter().map(|(path, _)| relative(path)).collect();
    assert_eq!(paths, expected.iter().map(|(path, _)| *path).collect::<Vec<_>>(), "{violations:#?}");
    for ((path, message), (_, words)) in violations.iter().zip(expected) {
        assert!(message.contains(words), "{path}: {message}: no {words:?}");
    }
}

/// The site is right with this done to it, and stays as it is when it is applied again.
#[track_caller]
fn accepts(edit: Edit) -> Rig {
    let mut rig = Rig::default();
    rig.apply(&edited(edit));
    let again = rig.apply(&edited(edit));
    assert!(again.iter().all(|(_, change)| *change == v1::Change::Unchanged), "{again:?}");
    rig
}

fn hv(globals: &mut Document, i: usize) -> &mut v1::ChassisSpec {
    globals.chassis[i].spec.as_mut().unwrap()
}

fn fab(globals: &mut Document) -> &mut v1::FabricSpec {
    globals.fabric.as_mut().unwrap().spec.as_mut().unwrap()
}

fn net(acme: &mut Document, i: usize) -> &mut v1::NetworkSpec {
    acme.networks[i].spec.as_mut().unwrap()
}

fn sub(acme: &mut Document, i: usize) -> &mut v1::SubnetSpec {
    acme.subnets[i].spec.as_mut().unwrap()
}

fn rt(acme: &mut Document) -> &mut v1::RouterSpec {
    acme.routers[0].spec.as_mut().unwrap()
}

fn prt(acme: &mut Document, i: usize) -> &mut v1::PortSpec {
    acme.ports[i].spec.as_mut().unwrap()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pool(start: &str, end: &str) -> v1::AllocationPool {
    v1::AllocationPool { start: start.to_owned(), end: end.to_owned() }
}

fn route(destination: &str, nexthop: &str, interface: Option<&str>) -> v1::Route {
    let interface = interface.map(str::to_owned);
    v1::Route { destination: destination.to_owned(), nexthop: nexthop.to_owned(), interface }
}

#[test]
fn metas() {
    refuses(|_, a| a.networks[0].meta = None, &[
        ("networks[0].name", "is needed"),
        ("subnets[0].network", "there is no network acme/red"),
        ("ports[0].network", "there is no network acme/red"),
    ]);
    refuses(|_, a| a.ports[0].meta.as_mut().unwrap().name = "a/b".into(), &[("ports[0].name", "\"a/b\" is not a name")]);
    refuses(|_, a| a.ports[1].meta.as_mut().unwrap().name = "vm1".into(), &[("ports[1].name", "port acme/vm1 is there twice")]);
    refuses(|_, a| a.ports[0].meta.as_mut().unwrap().tenant = "-".into(), &[("ports[0].tenant", "is not a name")]);
    refuses(|_, a| a.tenant = "a b".into(), &[("tenant", "\"a b\" is not a name")]);
    refuses(|g, _| g.chassis[1].meta.as_mut().unwrap().tenant = "acme".into(), &[
        ("0.chassis[1].tenant", "belongs to no tenant"),
        ("ports[1].binding.chassis", "there is no chassis hv2"),
    ]);
    refuses(|g, _| g.fabric.as_mut().unwrap().meta = meta("other"), &[("0.fabric.name", "its name is default")]);
    refuses(|_, a| a.networks[0].meta.as_mut().unwrap().uid = "7".into(), &[("networks[0].uid", "\"7\" is not a UUID")]);
    fn same(a: &mut Document, uid: &str) {
        a.networks[0].meta.as_mut().unwrap().uid = uid.into();
        a.ports[1].meta.as_mut().unwrap().uid = uid.to_uppercase();
    }
    refuses(|_, a| same(a, "0190a000-0000-7000-8000-00000000abcd"), &[("ports[1].uid", "is network acme/red's already")]);
}

#[test]
fn chassis_rules() {
    refuses(|g, _| hv(g, 0).datapath_id = text("xyz"), &[("0.chassis[0].datapath_id", "1 to 16 hexadecimal digits")]);
    refuses(|g, _| hv(g, 0).datapath_id = text("00000000000000001"), &[("0.chassis[0].datapath_id", "is not")]);
    refuses(|g, _| hv(g, 0).datapath_id = text("0"), &[("0.chassis[0].datapath_id", "all zeros")]);
    refuses(|g, _| hv(g, 1).datapath_id = text("01"), &[("0.chassis[1].datapath_id", "0000000000000001 is chassis hv1's")]);
    refuses(|g, _| hv(g, 1).tunnel_ip = text("fd00:A::1"), &[("0.chassis[1].tunnel_ip", "fd00:a::1 is chassis hv1's")]);
    refuses(|g, _| hv(g, 1).tunnel_ip = None, &[("0.chassis[1].tunnel_ip", "is needed: the fabric's encapsulation is geneve")]);
    refuses(|g, _| hv(g, 0).tunnel_ip = text("no"), &[("0.chassis[0].tunnel_ip", "\"no\" is not an IPv6 or IPv4 address")]);
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
    refuses(|g, _| fab(g).encap = 0, &[("0.fabric.encap", "geneve, vxlan, gre or vlan")]);
    refuses(|g, _| fab(g).encap = 9, &[("0.fabric.encap", "geneve, vxlan, gre or vlan")]);
    refuses(|g, _| fab(g).interface = text("a-name-of-sixteen"), &[("0.fabric.interface", "longer than 15")]);
    refuses(|g, _| fab(g).interface = text("a b"), &[("0.fabric.interface", "can't be the name of an interface")]);
    refuses(|g, _| fab(g).interface = text(""), &[("0.fabric.interface", "is needed")]);
    refuses(|g, _| fab(g).interface = text("vm1"), &[("ports[0].binding.interface", "vm1 is the fabric's interface")]);
    refuses(|g, _| fab(g).underlay_mtu = Some(100), &[("0.fabric.underlay_mtu", "100 is not in 576 to 65535")]);
    refuses(|g, _| fab(g).underlay_mtu = Some(1300), &[
        ("subnets[0].network", "network acme/red has an MTU of 1230, but IPv6 (subnet acme/red6) needs 1280"),
        ("subnets[1].network", "needs 1280"),
    ].map(|(path, words)| (if path.starts_with("subnets[0]") { "networks[0].mtu" } else { "networks[1].mtu" }, words)));
    accepts(|g, _| fab(g).underlay_mtu = Some(1350));
    accepts(|g, _| fab(g).interface = text("br-int.4094-xyz"));
}

#[test]
fn network_rules() {
    refuses(|_, a| net(a, 0).r#type = 7, &[("networks[0].type", "is unknown")]);
    refuses(|_, a| net(a, 0).mtu = Some(67), &[("networks[0].mtu", "67 is not in 68 to 65535")]);
    refuses(|_, a| net(a, 0).mtu = Some(1431), &[("networks[0].mtu", "1431 is more than the fabric carries: 1430 at most")]);
    refuses(|_, a| net(a, 0).mtu = Some(1279), &[("networks[0].mtu", "needs 1280")]);
    refuses(|_, a| net(a, 0).segmentation_id = Some(0), &[("networks[0].segmentation_id", "0 is not in 1 to 16777215")]);
    refuses(|_, a| net(a, 0).segmentation_id = Some(1 << 24), &[("networks[0].segmentation_id", "is not in")]);
    refuses(
        |g, a| {
            fab(g).encap = Encap::Vlan.into();
            net(a, 0).segmentation_id = Some(4095);
        },
        &[("networks[0].segmentation_id", "4095 is not in 1 to 4094")],
    );
    refuses(|_, a| (0..2).for_each(|i| net(a, i).segmentation_id = Some(7)), &[
        ("networks[1].segmentation_id", "7 is network acme/red's already"),
    ]);
    // What is given is not allocated to another.
    let rig = accepts(|_, a| net(a, 1).segmentation_id = Some(1));
    assert_eq!(rig.catalog.get("network", "acme", "red").unwrap().record.segmentation_id, 2);
    accepts(|_, a| net(a, 0).mtu = Some(1280));
    accepts(|g, a| {
        g.chassis.iter_mut().zip(["192.0.2.1", "192.0.2.2"]).for_each(|(c, ip)| c.spec.as_mut().unwrap().tunnel_ip = text(ip));
        net(a, 0).mtu = Some(1450);
    });
}

#[test]
fn subnet_prefixes() {
    refuses(|_, a| sub(a, 0).network = "green".into(), &[
        ("subnets[0].network", "there is no network acme/green"),
    ]);
    refuses(|_, a| sub(a, 2).network = String::new(), &[("subnets[2].network", "is needed: a network's NAME")]);
    refuses(|_, a| sub(a, 0).cidr = String::new(), &[("subnets[0].cidr", "is needed: a prefix")]);
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
    refuses(|_, a| sub(a, 2).cidr = "2001:db8:b::/48".into(), &[
        ("subnets[1].cidr", "overlaps subnet acme/blue4 (2001:db8:b::/48) on network acme/blue"),
        ("subnets[2].cidr", "overlaps subnet acme/blue6"),
    ]);
    accepts(|_, a| sub(a, 1).cidr = "2001:db8:b::5/120".into());
    accepts(|_, a| sub(a, 2).cidr = "10.1.0.0/30".into());
}

#[test]
fn subnet_modes() {
    refuses(|_, a| sub(a, 2).ipv6_ra_mode = 1, &[("subnets[2].ipv6_ra_mode", "is for IPv6 subnets only")]);
    refuses(|_, a| sub(a, 2).ipv6_address_mode = 1, &[("subnets[2].ipv6_address_mode", "is for IPv6 subnets only")]);
    refuses(|_, a| sub(a, 1).ipv6_ra_mode = 2, &[("subnets[1].ipv6_ra_mode", "is unknown: slaac")]);
    refuses(|_, a| sub(a, 0).cidr = "2001:db8:a::/80".into(), &[("subnets[0].cidr", "is not a /64, which slaac needs")]);
    refuses(
        |_, a| {
            sub(a, 0).ipv6_ra_mode = 0;
            sub(a, 0).cidr = "2001:db8:a::/60".into();
        },
        &[("subnets[0].cidr", "is not a /64")],
    );
    refuses(|_, a| sub(a, 0).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 2, valid_s: 1 }), &[
        ("subnets[0].prefix_lifetimes", "preferred_s 2 is more than valid_s 1"),
    ]);
    refuses(|_, a| sub(a, 1).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 1, valid_s: 1 }), &[
        ("subnets[1].prefix_lifetimes", "has no meaning without ipv6_ra_mode"),
    ]);
    refuses(|_, a| sub(a, 1).advertise_router = Some(false), &[("subnets[1].advertise_router", "has no meaning")]);
    refuses(|_, a| sub(a, 1).advertise_prefix = Some(true), &[("subnets[1].advertise_prefix", "has no meaning")]);
    accepts(|_, a| sub(a, 0).prefix_lifetimes = Some(v1::PrefixLifetimes { preferred_s: 0, valid_s: u32::MAX }));
    accepts(|_, a| sub(a, 0).ipv6_address_mode = 0);
    let rig = accepts(|_, a| sub(a, 0).ipv6_ra_mode = 0);
    assert_eq!(rig.addresses("vm1"), "2001:db8:a::ff:fe00:101", "an outside router's advertisements");
    assert_eq!(topology::View::new(&rig.world).advert(topology::SubnetKey(1)), None);
}

#[test]
fn subnet_gateways_and_pools() {
    refuses(|_, a| sub(a, 0).gateway_ip = text("10.0.0.1"), &[("subnets[0].gateway_ip", "is not of 2001:db8:a::/64's family")]);
    refuses(|_, a| sub(a, 0).gateway_ip = text("ff02::2"), &[("subnets[0].gateway_ip", "is not a unicast address")]);
    refuses(|_, a| sub(a, 0).gateway_ip = text(""), &[("subnets[0].gateway_ip", "is needed: an IPv6 or IPv4 address")]);
    refuses(|_, a| sub(a, 2).gateway_ip = text("10.1.0.255"), &[("subnets[2].gateway_ip", "network or broadcast address")]);
    refuses(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.0.5")], &[
        ("subnets[2].allocation_pools[0]", "10.1.0.9 is not before 10.1.0.5"),
    ]);
    refuses(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "x")], &[
        ("subnets[2].allocation_pools[0].end", "\"x\" is not an IPv6 or IPv4 address"),
    ]);
    refuses(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.1.5")], &[
        ("subnets[2].allocation_pools[0]", "is not within"),
    ]);
    refuses(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.9", "10.1.0.255")], &[
        ("subnets[2].allocation_pools[0]", "is not within"),
    ]);
    refuses(|_, a| sub(a, 1).allocation_pools = vec![pool("2001:db8:b::", "2001:db8:b::5")], &[
        ("subnets[1].allocation_pools[0]", "is not within"),
    ]);
    refuses(|_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.1", "10.1.0.5")], &[
        ("subnets[2].allocation_pools[0]", "contains the gateway 10.1.0.1"),
    ]);
    refuses(
        |_, a| sub(a, 2).allocation_pools = vec![pool("10.1.0.5", "10.1.0.9"), pool("10.1.0.9", "10.1.0.20")],
        &[("subnets[2].allocation_pools[1]", "10.1.0.9-10.1.0.20 overlaps 10.1.0.5-10.1.0.9")],
    );
    refuses(|_, a| sub(a, 1).dns_nameservers = vec!["8.8.8.8".into(), "::1:2".into(), "0::1:2".into()], &[
        ("subnets[1].dns_nameservers[0]", "is not of 2001:db8:b::/64's family"),
        ("subnets[1].dns_nameservers[2]", "::1:2 is listed twice"),
    ]);
    refuses(|_, a| sub(a, 1).dns_nameservers = (1..7).map(|i| format!("2001:db8::{i}")).collect(), &[
        ("subnets[1].dns_nameservers", "has 6 entries; 5 are the most"),
    ]);
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
fn router_interfaces() {
    refuses(|_, a| rt(a).interfaces[0].subnet = "green6".into(), &[
        ("routers[0].interfaces[0].subnet", "there is no subnet acme/green6"),
    ]);
    refuses(|_, a| rt(a).interfaces[0].subnet = "a/b/c".into(), &[
        ("routers[0].interfaces[0].subnet", "is not a subnet's NAME or TENANT/NAME"),
    ]);
    refuses(|_, a| rt(a).interfaces[1].subnet = "red6".into(), &[
        ("routers[0].interfaces[1].subnet", "subnet acme/red6 has an interface already"),
    ]);
    refuses(|_, a| rt(a).interfaces[0].ip_address = text("2001:db8:c::1"), &[
        ("routers[0].interfaces[0].ip_address", "2001:db8:c::1 is outside of 2001:db8:a::/64"),
    ]);
    refuses(|_, a| rt(a).interfaces[2].ip_address = text("10.1.0.0"), &[
        ("routers[0].interfaces[2].ip_address", "is the network or broadcast address"),
    ]);
    refuses(|_, a| sub(a, 0).gateway_ip = text("fe80::1"), &[
        ("routers[0].interfaces[0]", "fe80::1, the gateway_ip, is link-local and can't be the router's address on red6: give an ip_address"),
    ]);
    refuses(|_, a| sub(a, 0).gateway_ip = text("2001:db8:f::1"), &[
        ("routers[0].interfaces[0]", "is outside of 2001:db8:a::/64"),
    ]);
    refuses(|_, a| rt(a).interfaces[0].mac_address = text("01:00:00:00:00:01"), &[
        ("routers[0].interfaces[0].mac_address", "is not a unicast address"),
    ]);
    refuses(|_, a| rt(a).interfaces[0].mac_address = text("02:00:00:00:01:01"), &[
        ("ports[0].mac_address", "02:00:00:00:01:01 on network acme/red is router acme/r1's already"),
    ]);
    refuses(
        |_, a| {
            rt(a).interfaces[1].ip_address = text("2001:db8:b::9");
            a.ports[1] = with_fixed(port("vm2", "blue"), &["2001:db8:b::9"]);
        },
        &[("ports[1].fixed_ips[0].ip_address", "2001:db8:b::9 on network acme/blue is router acme/r1's already")],
    );
    refuses(|_, a| a.routers.push(router("r2", &["red6"])), &[
        ("routers[1].interfaces[0]", "2001:db8:a:: on network acme/red is router acme/r1's already"),
    ]);
    refuses(
        |_, a| {
            let mut r2 = router("r2", &["red6"]);
            r2.spec.as_mut().unwrap().interfaces[0].ip_address = text("2001:db8:a::2");
            r2.spec.as_mut().unwrap().interfaces[0].mac_address = text("02:53:00:00:00:01");
            a.routers.push(r2);
        },
        &[("routers[1].interfaces[0].mac_address", "02:53:00:00:00:01 on network acme/red is router acme/r1's")],
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
    refuses(|_, a| rt(a).routes = vec![route("", "x", None)], &[
        ("routers[0].routes[0].destination", "is needed"),
        ("routers[0].routes[0].nexthop", "\"x\" is not"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("2001:db8::1/32", "2001:db8:a::9", None)], &[
        ("routers[0].routes[0].destination", "has host bits: is 2001:db8::/32 meant?"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("ff00::/8", "2001:db8:a::9", None)], &[
        ("routers[0].routes[0].destination", "is not routed unicast space"),
    ]);
    refuses(
        |_, a| rt(a).routes = vec![route("::/0", "2001:db8:a::9", None), route("0::/0", "2001:db8:b::9", None)],
        &[("routers[0].routes[1].destination", "::/0 has a route already")],
    );
    refuses(|_, a| rt(a).routes = vec![route("2001:db8:b::/64", "2001:db8:a::9", None)], &[
        ("routers[0].routes[0].destination", "2001:db8:b::/64 is connected: subnet acme/blue6"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("0.0.0.0/0", "2001:db8:a::9", None)], &[
        ("routers[0].routes[0].nexthop", "2001:db8:a::9 is not of 0.0.0.0/0's family"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("::/0", "2001:db8:f::9", None)], &[
        ("routers[0].routes[0].nexthop", "2001:db8:f::9 is in no connected subnet"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("::/0", "fe80::9", None)], &[
        ("routers[0].routes[0].interface", "is needed: fe80::9 is link-local, and the router is on several networks"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("::/0", "fe80::9", Some("green"))], &[
        ("routers[0].routes[0].interface", "the router has no interface on subnet acme/green"),
    ]);
    refuses(|_, a| rt(a).routes = vec![route("::/0", "2001:db8:a::9", Some("red6"))], &[
        ("routers[0].routes[0].interface", "is for link-local next hops only"),
    ]);
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

#[test]
fn port_rules() {
    refuses(|_, a| prt(a, 0).network = "green".into(), &[("ports[0].network", "there is no network acme/green")]);
    refuses(|_, a| prt(a, 0).mac_address = text("02:00:00:00:01"), &[("ports[0].mac_address", "is not a MAC address")]);
    refuses(|_, a| prt(a, 0).mac_address = text("ff:ff:ff:ff:ff:ff"), &[("ports[0].mac_address", "unicast")]);
    refuses(|_, a| prt(a, 0).mac_address = text("00:00:00:00:00:00"), &[("ports[0].mac_address", "unicast")]);
    refuses(|_, a| a.ports.push(with_mac(port("vm3", "red"), "02:00:00:00:01:01")), &[
        ("ports[2].mac_address", "02:00:00:00:01:01 on network acme/red is port acme/vm1's already"),
        ("ports[2].fixed_ips", "2001:db8:a::ff:fe00:101 on network acme/red is port acme/vm1's already"),
    ]);
    refuses(|_, a| prt(a, 0).vnic_type = 2, &[("ports[0].vnic_type", "is unknown: normal")]);
    refuses(|_, a| prt(a, 0).role = 2, &[("ports[0].role", "is unknown: host")]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv9", "vm1"), &[
        ("ports[0].binding.chassis", "there is no chassis hv9"),
    ]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "", ""), &[
        ("ports[0].binding.interface", "is needed"),
        ("ports[0].binding.chassis", "is needed: a chassis's NAME"),
    ]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "sixteen-chars-if"), &[
        ("ports[0].binding.interface", "longer than 15"),
    ]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "a/b"), &[
        ("ports[0].binding.interface", "can't be the name"),
    ]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv1", "sx-tun"), &[
        ("ports[0].binding.interface", "sx-tun is the fabric's interface"),
    ]);
    refuses(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv2", "vm2"), &[
        ("ports[1].binding.interface", "vm2 on chassis hv2 is port acme/vm1's already"),
    ]);
    accepts(|_, a| a.ports[0] = bound(port("vm1", "red"), "hv2", "vm2.fifteen-chr"));
    accepts(|_, a| prt(a, 1).mac_address = text("02:00:00:00:01:01"));
}

#[test]
fn fixed_ips() {
    fn fix(a: &mut Document, fixed: &[&str]) {
        a.ports[1] = with_fixed(port("vm2", "blue"), fixed);
    }
    refuses(|_, a| fix(a, &["10.2.0.5"]), &[("ports[1].fixed_ips[0].ip_address", "10.2.0.5 is in no subnet of network acme/blue")]);
    refuses(|_, a| fix(a, &["blue6=10.1.0.5"]), &[("ports[1].fixed_ips[0].ip_address", "is outside of subnet acme/blue6")]);
    refuses(|_, a| fix(a, &["green6"]), &[("ports[1].fixed_ips[0].subnet", "there is no subnet acme/green6")]);
    refuses(|_, a| fix(a, &["red6"]), &[("ports[1].fixed_ips[0].subnet", "subnet acme/red6 is on network acme/red, the port is not")]);
    refuses(|_, a| prt(a, 1).fixed_ips = Some(v1::FixedIpList { items: vec![v1::FixedIp::default()] }), &[
        ("ports[1].fixed_ips[0]", "needs a subnet, an ip_address, or both"),
    ]);
    refuses(|_, a| fix(a, &["10.1.0.5", "blue4=10.1.0.5"]), &[("ports[1].fixed_ips[1].ip_address", "is listed twice")]);
    refuses(|_, a| fix(a, &["10.1.0.1"]), &[("ports[1].fixed_ips[0].ip_address", "10.1.0.1 is the gateway of subnet acme/blue4")]);
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
    refuses(|_, a| a.ports[0] = with_fixed(port("vm1", "red"), &["red6", "red6"]), &[
        ("ports[0].fixed_ips[1]", "its address is listed already"),
    ]);
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
    assert_eq!(violations, [
        ("documents[2].routers[0].interfaces[0].subnet", "network acme/red is another tenant's and not shared"),
        ("documents[2].ports[0].network", "network acme/red is another tenant's and not shared"),
    ].map(|(path, message)| (path.to_owned(), message.to_owned())));
    let mut rig = Rig::default();
    rig.apply(&umbra(true, uses));
    // Now it can't be taken back: neither with the users in the request, nor without them.
    let paths = |documents: &[Document]| -> Vec<String> {
        rig.refused(&apply(documents)).1.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(paths(&umbra(false, uses)), ["documents[2].routers[0].interfaces[0].subnet", "documents[2].ports[0].network"]);
    assert_eq!(paths(&umbra(false, |_| {})), ["documents[1].networks[0].shared", "documents[1].networks[0].shared"]);
    let subnet: fn(&mut Document) = |umbra| umbra.subnets = vec![subnet("s", "acme/red", "10.9.0.0/24")];
    let (_, violations) = Rig::default().refused(&apply(&umbra(true, subnet)));
    assert!(violations[0].1.contains("a subnet is of its network's tenant"), "{violations:?}");
    // A caller that acts for one tenant touches nothing else.
    let caller = crate::event::Caller { tenant: text("acme"), roles: Vec::new() };
    let refusal = Rig::default().catalog.propose(&caller, &apply(&umbra(true, uses))).unwrap_err();
    let paths: Vec<_> = refusal.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(&paths[..3], ["documents[0].chassis[0].tenant", "documents[0].chassis[1].tenant", "documents[0].fabric.tenant"]);
    assert!(paths.contains(&"documents[2].ports[0].tenant"));
}

#[test]
fn every_reason_at_once() {
    let edit: Edit = |g, a| {
        hv(g, 0).datapath_id = text("?");
        net(a, 0).mtu = Some(9_000);
        sub(a, 1).cidr = "ff00::/8".into();
        sub(a, 2).gateway_ip = text("::1");
        prt(a, 0).mac_address = text("?");
        a.ports[1] = bound(port("vm2", "green"), "hv9", "a b");
    };
    refuses(edit, &[
        ("0.chassis[0].datapath_id", ""),
        ("networks[0].mtu", "1430 at most"),
        ("subnets[1].cidr", ""),
        ("subnets[2].gateway_ip", ""),
        ("ports[0].mac_address", ""),
        ("ports[1].binding.interface", ""),
    ]);
}

#[test]
fn what_is_constant_stays() {
    let mut rig = Rig::default();
    rig.apply(&site());
    let mut site = site();
    site[1].subnets[1].spec.as_mut().unwrap().cidr = "2001:db8:c::/64".to_owned();
    site[1].subnets[2].spec.as_mut().unwrap().network = "red".to_owned();
    site[1].ports[1].spec.as_mut().unwrap().network = "red".to_owned();
    site[1].networks[0].meta.as_mut().unwrap().uid = "0190a000-0000-7000-8000-00000000abcd".to_owned();
    let paths: Vec<_> = rig.refused(&apply(&site)).1.into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["networks[0].uid", "subnets[1].cidr", "subnets[2].network", "ports[1].network"].map(|p| format!("documents[1].{p}")));
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
