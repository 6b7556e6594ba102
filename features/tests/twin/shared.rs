//! Ports that share an OpenFlow port with others: those of a trunk, and a pass-through NIC on the physical network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::MacAddr;
use topology::{Change, ChassisKey, Direct, Policy, Port, PortKey, Role, Subport};

use crate::dice::Dice;

/// Adds to these facts what shares. Of the ports that are bound some are of another one's trunk in place of that.
pub fn shared(dice: &mut Dice, changes: &mut Vec<Change>) {
    let bound = |change: &Change| if let Change::Binding(key, Some(_)) = change { Some(*key) } else { None };
    let ports: Vec<PortKey> = changes.iter().filter_map(bound).collect();
    let Some(parent) = dice.any(&ports).filter(|_| dice.one_in(2)) else { return nic(dice, changes) };
    let others: Vec<PortKey> = ports.into_iter().filter(|port| *port != parent && dice.one_in(3)).collect();
    changes.retain(|change| !matches!(change, Change::Binding(key, Some(_)) if others.contains(key)));
    for (vlan, port) in (20u16..).zip(others) {
        changes.push(Change::Subport(port, Some(Subport { parent, vlan })));
    }
    nic(dice, changes);
}

fn nic(dice: &mut Dice, changes: &mut Vec<Change>) {
    let network = changes.iter().find_map(|change| match change {
        Change::Network(key, Some(network)) if network.physical.is_some() => Some((*key, network.tenant.clone())),
        _ => None,
    });
    let homes: Vec<ChassisKey> = changes
        .iter()
        .filter_map(|change| if let Change::Chassis(key, Some(_)) = change { Some(*key) } else { None })
        .collect();
    let (Some((network, tenant)), Some(home)) = (network, dice.any(&homes)) else { return };
    let key = PortKey(0x7777);
    let addresses: [IpAddr; 2] =
        [Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0xf1).into(), Ipv4Addr::new(203, 0, 113, 240).into()];
    let port = Port {
        tenant,
        name: "nic".into(),
        network,
        mac: MacAddr([2, 0, 0, 0, 0x0f, 1]),
        addresses: addresses.to_vec(),
        learned: vec![],
        prefixes: vec![],
        pairs: vec![],
    };
    let secured = !dice.one_in(4);
    let policy = Policy { secured, learning: false, forming: false, relays: false, role: Role::Host };
    changes.extend([
        Change::Port(key, Some(port)),
        Change::Policy(key, Some(policy)),
        Change::Direct(key, Some(Direct { home })),
    ]);
}
