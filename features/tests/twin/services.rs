//! Anycast services for a world: addresses of networks that some of their ports answer for, of which some live.

use std::net::IpAddr;

use topology::{Anycast, AnycastKey, Change, Check, Health, NetworkKey, PortKey};

use crate::dice::Dice;

/// What is added to a world of these facts.
pub fn services(dice: &mut Dice, changes: &[Change]) -> Vec<Change> {
    let networks: Vec<(NetworkKey, std::sync::Arc<str>)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Network(key, Some(network)) => Some((*key, network.tenant.clone())),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for (n, (network, tenant)) in (1u32..).zip(networks) {
        if dice.one_in(3) {
            continue;
        }
        let of_network = |change: &Change| match change {
            Change::Port(key, Some(port)) if port.network == network => Some(*key),
            _ => None,
        };
        let ports: Vec<PortKey> = changes.iter().filter_map(of_network).filter(|_| !dice.one_in(3)).collect();
        let text = if dice.one_in(3) { "10.0.0.53" } else { "2001:db8:1::53" };
        let address: IpAddr = text.parse().unwrap();
        let taken = |change: &Change| match change {
            Change::Port(_, Some(port)) => port.network == network && port.all().any(|own| own == address),
            Change::Interface(_, _, Some(interface)) => interface.network == network && interface.address == address,
            _ => false,
        };
        if changes.iter().any(taken) {
            continue;
        }
        let key = AnycastKey(if dice.one_in(4) { 0xff_ffff - n } else { n });
        found.extend(ports.iter().filter(|_| !dice.one_in(3)).map(|port| Change::Serves(key, *port, true)));
        let health = Health { check: Check::Tcp(53), interval_ms: 1_000, timeout_ms: 500 };
        let fact =
            Anycast { tenant, name: format!("any{n}").into(), network, address, ports, health, translates: None };
        found.push(Change::Anycast(key, Some(fact)));
    }
    found
}
