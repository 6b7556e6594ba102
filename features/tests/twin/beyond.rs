//! A way out for a world: a provider network that some chassis are on, a router that leads there, and addresses and prefixes behind it that
//! are others outside. Without translation that remembers: a real trace does not do that.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, MacAddr, OfPort, PrefixPair};
use topology::{
    Change, ExternalGateway, Network, NetworkKey, Physical, PortKey, PrefixMapping, Presence, ResourceId, RouterKey,
    SubnetKey,
};

use crate::dice::Dice;
use crate::rig::PORTS_MAX;

/// The port that leads to the physical network, on every chassis that is there.
pub const UPLINK: u32 = PORTS_MAX + 1;
const BEYOND: NetworkKey = NetworkKey(0x5555);
const NEXT: [&str; 2] = ["fe80::9", "203.0.113.1"];

/// Adds to these facts what is beyond them.
pub fn beyond(dice: &mut Dice, changes: &mut Vec<Change>) {
    let routers: Vec<RouterKey> = changes
        .iter()
        .filter_map(|change| if let Change::Router(key, Some(_)) = change { Some(*key) } else { None })
        .collect();
    let network = changes.iter().find_map(|change| match change {
        Change::Network(_, Some(network)) => Some(network.clone()),
        _ => None,
    });
    let (Some(router), Some(network)) = (dice.any(&routers), network.filter(|_| !dice.one_in(3))) else { return };
    let vlan = dice.of(&[None, Some(101)]);
    let physical = Physical { name: "physnet1".into(), vlan, routers: vec!["fe80::9".parse().unwrap()] };
    let fact = Network { name: "beyond".into(), segment: 77, physical: Some(physical), auto_ports: false, ..network };
    let mut found = vec![Change::Network(BEYOND, Some(fact))];
    for change in changes.iter_mut() {
        let Change::Chassis(key, Some(chassis)) = change else { continue };
        if dice.one_in(3) {
            continue;
        }
        chassis.mappings = vec![("physnet1".into(), "eth1".into())];
        chassis.gateway_priority = (!dice.one_in(3)).then_some(100);
        found.push(Change::Plug(*key, "eth1".into(), Some(OfPort(UPLINK))));
        for next in NEXT.iter().filter(|_| !dice.one_in(4)) {
            found.push(Change::Neighbor(BEYOND, *key, next.parse().unwrap(), Some(MacAddr([2, 0, 0, 0, 9, 9]))));
        }
    }
    let addresses = ["2001:db8:100::10", "203.0.113.10"].map(|address| address.parse().unwrap()).to_vec();
    let nexthops = NEXT.map(|next| next.parse().unwrap()).to_vec();
    let gateway = ExternalGateway { network: BEYOND, addresses, nexthops, asks: false, delegated: vec![], snat: None };
    found.push(Change::Gateway(router, Some(gateway)));
    let behind = behind(router, changes);
    found.extend(presences(dice, router, &behind, changes));
    found.extend(prefix(dice, router, &behind, changes));
    changes.extend(found);
}

/// The subnets of a router's interfaces, each with its network.
fn behind(router: RouterKey, changes: &[Change]) -> Vec<(SubnetKey, NetworkKey)> {
    let interface = |change: &Change| match change {
        Change::Interface(r, subnet, Some(interface)) if *r == router => Some((*subnet, interface.network)),
        _ => None,
    };
    changes.iter().filter_map(interface).collect()
}

fn owner(kind: &'static str) -> ResourceId {
    ResourceId { kind, tenant: "acme".into(), name: "out".into() }
}

fn presences(
    dice: &mut Dice,
    router: RouterKey,
    behind: &[(SubnetKey, NetworkKey)],
    changes: &[Change],
) -> Vec<Change> {
    let ports = changes.iter().filter_map(|change| match change {
        Change::Port(key, Some(port)) if behind.iter().any(|(_, network)| *network == port.network) => {
            Some((*key, port))
        }
        _ => None,
    });
    let all: Vec<(PortKey, IpAddr)> =
        ports.flat_map(|(key, port)| port.addresses.iter().map(move |address| (key, *address))).collect();
    let mut used = Vec::new();
    let mut found = Vec::new();
    for (n, (port, inside)) in (1u16..100).zip(all) {
        if dice.one_in(2) || used.contains(&inside) {
            continue;
        }
        used.push(inside);
        let outside: IpAddr = match inside {
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x80 + n).into(),
            IpAddr::V4(_) => std::net::Ipv4Addr::new(203, 0, 113, 20 + n as u8).into(),
        };
        let inside = (!dice.one_in(6)).then_some(inside);
        let fact = Presence { owner: owner("floating_ip"), router, port: Some(port), inside };
        found.push(Change::Presence(BEYOND, outside, Some(fact)));
    }
    found
}

fn prefix(
    dice: &mut Dice,
    router: RouterKey,
    behind: &[(SubnetKey, NetworkKey)],
    changes: &[Change],
) -> Option<Change> {
    let prefixes: Vec<Ipv6Net> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Subnet(key, Some(subnet)) if behind.iter().any(|(own, _)| own == key) => match subnet.cidr {
                IpNet::V6(net) => Some(net),
                IpNet::V4(_) => None,
            },
            _ => None,
        })
        .collect();
    let length = dice.of(&[48, 48, 56, 64]);
    let internal = Ipv6Net::new(dice.any(&prefixes)?.network(), length).ok()?.trunc();
    let external = Ipv6Net::new("2001:db8:7700:100::".parse().ok()?, length).ok()?.trunc();
    let pair = PrefixPair::new(internal, external)?;
    let fact = PrefixMapping { owner: owner("prefix_mapping"), pair };
    Some(Change::PrefixMapping(router, IpNet::V6(internal), Some(fact)))
}
