//! Security groups for a world: each tenant's default one, some that follow connections and some that don't, address groups, and
//! ports with some of them, with none, and without any filter.

use std::collections::BTreeSet;
use std::sync::Arc;

use addr::IpNet;
use topology::{
    AddressGroup, AddressGroupKey, Change, Direction, GroupKey, Membership, PortKey, Remote, Rule, SecurityGroup,
    SetKey,
};

use crate::dice::Dice;

const PREFIXES: [&str; 6] =
    ["2001:db8:1::/64", "2001:db8::/32", "fe80::/10", "2001:db8:2::/126", "10.0.0.0/24", "0.0.0.0/1"];
const GROUPS: u32 = 4;

/// What is added to a world of these facts.
pub fn filters(dice: &mut Dice, changes: &[Change]) -> Vec<Change> {
    let tenants: BTreeSet<Arc<str>> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Network(_, Some(network)) => Some(network.tenant.clone()),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    let mut groups: Vec<(Arc<str>, GroupKey, bool)> = Vec::new();
    for (t, tenant) in (0u32..).zip(&tenants) {
        for g in 0..GROUPS {
            let key = GroupKey(if dice.one_in(4) { 0x7f_fff0 - 8 * t - g } else { 8 * t + g + 1 });
            groups.push((tenant.clone(), key, g < 3));
        }
        let prefixes = (0..=dice.below(3)).map(|_| dice.of(&PREFIXES).parse().unwrap()).collect();
        let fact = AddressGroup { tenant: tenant.clone(), name: "offices".into(), prefixes };
        found.push(Change::Addresses(AddressGroupKey(t + 1), Some(fact)));
    }
    for (n, (tenant, key, stateful)) in groups.iter().enumerate() {
        let default = (n as u32).is_multiple_of(GROUPS);
        let rules = if default && !dice.one_in(3) { like_default(*key) } else { rules(dice, &groups, tenants.len()) };
        let name = if default { "default".into() } else { format!("g{n}").into() };
        let fact = SecurityGroup { tenant: tenant.clone(), name, stateful: *stateful, default, rules };
        found.push(Change::Group(*key, Some(fact)));
    }
    let ports: Vec<(PortKey, Arc<str>)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Port(key, Some(port)) => Some((*key, port.tenant.clone())),
            _ => None,
        })
        .collect();
    for (port, tenant) in ports {
        let own: Vec<_> = groups.iter().filter(|(of, ..)| *of == tenant).collect();
        let chosen = match dice.below(8) {
            0 | 1 => continue,
            2 => vec![],
            3 | 4 => vec![own[0].1],
            5 => vec![own[3].1],
            6 => vec![own[1].1, own[2].1],
            _ => vec![own[0].1, own[1 + dice.below(2)].1],
        };
        found.push(Change::Membership(port, Some(Membership { groups: chosen })));
    }
    found
}

/// All that the port begins, and all that other members do.
pub fn like_default(own: GroupKey) -> Vec<Rule> {
    let rule = |direction, ipv6, remote| Rule { direction, ipv6, protocol: None, ports: None, icmp: None, remote };
    [true, false]
        .into_iter()
        .flat_map(|ipv6| {
            let own = Remote::Set(SetKey::Group(own));
            [rule(Direction::Egress, ipv6, Remote::Any), rule(Direction::Ingress, ipv6, own)]
        })
        .collect()
}

/// Everything, whoever begins.
fn wide_open() -> Vec<Rule> {
    let rule = |direction, ipv6| Rule { direction, ipv6, protocol: None, ports: None, icmp: None, remote: Remote::Any };
    [true, false].into_iter().flat_map(|ipv6| [rule(Direction::Egress, ipv6), rule(Direction::Ingress, ipv6)]).collect()
}

fn rules(dice: &mut Dice, groups: &[(Arc<str>, GroupKey, bool)], tenants: usize) -> Vec<Rule> {
    if dice.one_in(6) {
        return wide_open();
    }
    let mut rules = Vec::new();
    for _ in 0..dice.below(7) {
        let ipv6 = !dice.one_in(3);
        let icmp = if ipv6 { 58 } else { 1 };
        let protocol =
            dice.of(&[None, Some(icmp), Some(icmp), Some(6), Some(17), Some(17), Some(132), Some(50), Some(47)]);
        let ports = match protocol {
            Some(6 | 17 | 132) if !dice.one_in(3) => {
                Some(dice.of(&[(80, 80), (600, 600), (500, 2100), (0, 65535), (1, 700)]))
            }
            _ => None,
        };
        let kinds: &[u8] = if ipv6 { &[128, 129, 1, 3, 144, 255] } else { &[8, 0, 3, 11, 13] };
        let types = (protocol == Some(icmp) && !dice.one_in(3)).then(|| {
            let code = dice.of(&[None, None, Some(0), Some(4)]);
            (dice.of(kinds), code)
        });
        let prefixes: Vec<IpNet> = PREFIXES.iter().map(|text| text.parse().unwrap()).collect();
        let prefixes: Vec<IpNet> =
            prefixes.into_iter().filter(|prefix| matches!(prefix, IpNet::V6(_)) == ipv6).collect();
        let remote = match dice.below(5) {
            0 | 1 => Remote::Any,
            2 => Remote::Prefix(dice.of(&prefixes)),
            3 => Remote::Set(SetKey::Group(dice.of(groups).1)),
            _ => Remote::Set(SetKey::Addresses(AddressGroupKey(1 + dice.below(tenants) as u32))),
        };
        let direction = dice.of(&[Direction::Egress, Direction::Ingress]);
        rules.push(Rule { direction, ipv6, protocol, ports, icmp: types, remote });
    }
    rules
}
