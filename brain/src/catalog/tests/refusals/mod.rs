//! Each rule, broken in an otherwise right site: exactly these paths, and words that say why. Beside them what is still right.

mod dhcp_options;
mod exposure;
mod fabric;
mod gateway;
mod group;
mod instance;
mod port;
mod provider;
mod router;
mod subnet;
mod trunk;

use proto::v1::{self, Document, Encap};

use super::rig::*;
use crate::effect::RefusalKind;

/// What is done to the globals' document and the tenant's.
type Edit = fn(&mut Document, &mut Document);

fn edited(edit: impl FnOnce(&mut Document, &mut Document)) -> Vec<Document> {
    let mut site = site();
    let (globals, acme) = site.split_at_mut(1);
    edit(&mut globals[0], &mut acme[0]);
    site
}

/// Paths are relative to the tenant's document; those of the globals' begin with `0.`.
#[track_caller]
fn refuses(edit: impl FnOnce(&mut Document, &mut Document), expected: &[(&str, &str)]) {
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
fn every_reason_at_once() {
    let edit: Edit = |g, a| {
        hv(g, 0).datapath_id = text("?");
        net(a, 0).mtu = Some(9_000);
        sub(a, 1).cidr = "ff00::/8".into();
        sub(a, 2).gateway_ip = text("::1");
        prt(a, 0).mac_address = text("?");
        a.ports[1] = bound(port("vm2", "green"), "hv9", "a b");
    };
    refuses(
        edit,
        &[
            ("0.chassis[0].datapath_id", ""),
            ("networks[0].mtu", "1430 at most"),
            ("subnets[1].cidr", ""),
            ("subnets[2].gateway_ip", ""),
            ("ports[0].mac_address", ""),
            ("ports[1].binding.interface", ""),
            ("ports[1].network", "there is no network acme/green"),
            ("ports[1].binding.chassis", "there is no chassis hv9"),
        ],
    );
    // One field that makes no sense doesn't hide what is wrong with the others.
    refuses(
        |g, a| {
            hv(g, 1).datapath_id = text("1");
            hv(g, 1).tunnel_ip = text("?");
            net(a, 1).segmentation_id = Some(0);
            net(a, 1).mtu = Some(9_000);
            rt(a).interfaces[1].ip_address = text("2001:db8:a::1");
            rt(a).interfaces[0].mac_address = text("?");
            a.ports[1] = bound(with_fixed(with_mac(port("vm2", "blue"), "?"), &["10.2.0.1"]), "hv1", "vm1");
        },
        &[
            ("0.chassis[1].tunnel_ip", "\"?\" is not"),
            ("0.chassis[1].datapath_id", "is chassis hv1's already"),
            ("networks[1].segmentation_id", "0 is not in"),
            ("networks[1].mtu", "1430 at most"),
            ("routers[0].interfaces[0].mac_address", "\"?\" is not"),
            ("routers[0].interfaces[1].ip_address", "is outside of"),
            ("ports[1].mac_address", "\"?\" is not"),
            ("ports[1].fixed_ips[0].ip_address", "is in no subnet"),
            ("ports[1].binding.interface", "vm1 on chassis hv1 is port acme/vm1's already"),
        ],
    );
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
    assert_eq!(
        paths,
        ["networks[0].uid", "subnets[1].cidr", "subnets[2].network", "ports[1].network"]
            .map(|p| format!("documents[1].{p}"))
    );
}
