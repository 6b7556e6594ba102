//! How many rows a site costs on one chassis: what holds the pipeline to saying once what is true of all.

mod common;

use std::collections::BTreeMap;

use addr::{IpNet, MacAddr};
use common::*;
use flows::{Engine, Item};
use topology::{Change, ChassisKey, Dhcp6, Encap, NetworkKey, RouterKey, Subnet, SubnetKey, World};

const CHASSIS: u16 = 2;

/// Networks with a /64 each, two to four routers' worth of them to a router; ports spread over both chassis, each with its
/// link-local address and one other.
fn site(networks: u32, routers: u32, ports: u32) -> Vec<Change> {
    let mut changes = vec![fabric(Encap::Geneve)];
    for c in 1..=CHASSIS {
        changes.extend([chassis(c), plug(c, "sx-tun", Some(60_000))]);
    }
    for n in 1..=networks {
        changes.push(network(n, 1430));
        // A prefix of its own: the other sites' even networks have one.
        for change in subnet(2 * n) {
            changes.push(match change {
                Change::Subnet(key, Some(subnet)) => {
                    Change::Subnet(key, Some(Subnet { network: NetworkKey(n), ..subnet }))
                }
                advert => advert,
            });
        }
        let IpNet::V6(prefix) = prefix(2 * n) else { unreachable!() };
        let told = Dhcp6 {
            prefix,
            stateful: false,
            everybody: false,
            valid_s: 1,
            preferred_s: 1,
            ends: None,
            dns: vec![],
            options: vec![],
        };
        changes.push(Change::Dhcp6(SubnetKey(2 * n), Some(told)));
        let r = 1 + n % routers;
        let mac = features::router::generated_mac(RouterKey(r));
        let subnet = SubnetKey(2 * n);
        let Change::Interface(_, _, Some(mut interface)) = interface(r, 2 * n, mac) else { unreachable!() };
        interface.network = NetworkKey(n);
        changes.extend([router(r, mac), Change::Interface(RouterKey(r), subnet, Some(interface))]);
    }
    for p in 1..=ports {
        let (n, c) = (1 + p % networks, 1 + (p / networks) as u16 % CHASSIS);
        let Change::Port(key, Some(mut port)) = port(p, n) else { unreachable!() };
        port.mac = MacAddr::from_u64(0x0200_0001_0000 + u64::from(p));
        port.addresses = vec![format!("2001:db8:{n:x}::1:{p:x}").parse().unwrap()];
        let port = Change::Port(key, Some(port));
        changes.extend([port, bind(p, c), policy(p, true), plug(c, &format!("vm{p}"), Some(p))]);
    }
    changes
}

/// Flows of the first chassis, by table.
fn flows(networks: u32, routers: u32, ports: u32) -> BTreeMap<&'static str, usize> {
    let mut world = World::default();
    world.commit(site(networks, routers, ports));
    let (engine, delta) = Engine::from_scratch(features::ALL, &world);
    assert_eq!((delta.faults, delta.conflicts), (vec![], vec![]));
    let mut count = BTreeMap::new();
    for (item, _) in engine.desired(ChassisKey(1)) {
        if let Item::Flow(flow) = &**item {
            *count.entry(flow.table.spec().name).or_default() += 1;
        }
    }
    count
}

#[test]
fn a_port_costs_seven_rows_where_it_is_and_two_elsewhere() {
    let total = |ports| flows(1, 1, ports).values().sum::<usize>();
    // The second port of two is on the other chassis.
    let (none, one, two) = (total(2), total(3), total(4));
    let mut more = [one - none, two - one];
    more.sort_unstable();
    assert_eq!(more, [2, 7]);
}

#[test]
fn a_network_costs_twenty_rows() {
    let total = |networks| flows(networks, networks, 2 * networks).values().sum::<usize>();
    // With a port here and one there.
    assert_eq!(total(11) - total(10), 20 + 7 + 2);
}

#[test]
fn a_site_of_a_thousand_ports_stays_below_a_quarter_of_what_others_need() {
    // OVN has 22,800 for the same, with 4 networks and one router.
    for (networks, routers, bound) in [(4, 1, 5_700), (50, 10, 5_850)] {
        let count = flows(networks, routers, 1000);
        let total: usize = count.values().sum();
        assert!(total <= bound, "{networks} networks: {total}: {count:?}");
    }
}
