//! A group's rules as rows, and which of them are asked when.

use std::collections::BTreeSet;

use ::flows::{Asked, Emit, On, Reg, Row, Table};
use addr::IpNet;
use ofp::Field;
use packet::protocol;
use topology::{ChassisKey, Direction, GroupKey, Remote, Rule, SecurityGroup, SetKey, View};

use super::judge::state::{INVALID, TRACKED};
use super::set_number;

const SCTP: u8 = 132;
/// `NXM_NX_IP_FRAG`: a fragment but the first.
const FRAGMENT_LATER: u8 = 2;

pub(super) fn group(view: &View<'_>, emit: &mut Emit, key: GroupKey, chassis: ChassisKey) {
    let Some(group) = view.security_group(key).filter(|_| view.has_group(key, chassis)) else { return };
    let mut on = emit.on(chassis);
    for direction in [Direction::Egress, Direction::Ingress] {
        let rules: Vec<&Rule> = group.rules.iter().filter(|rule| rule.direction == direction).collect();
        let leaves = u64::from(direction == Direction::Egress);
        if !group.stateful {
            asked(&mut on, (key, Asked::Open), Some(leaves), &rules);
            rules.iter().for_each(|rule| alone(&mut on, (key, Asked::Open), rule, rule.protocol));
            continue;
        }
        let asks = if direction == Direction::Egress { Asked::Egress } else { Asked::Ingress };
        asked(&mut on, (key, asks), None, &rules);
        rules.iter().for_each(|rule| followed(&mut on, (key, asks), rule));
        // By themselves go copies of what is for many, and ICMP that conntrack does not follow.
        let icmp = |rule: &&Rule| rule.protocol.is_none_or(|protocol| protocol == icmp_of(rule));
        let rules: Vec<&Rule> = rules.into_iter().filter(|rule| leaves == 0 || icmp(rule)).collect();
        asked(&mut on, (key, Asked::Alone), Some(leaves), &rules);
        for rule in rules {
            let protocol = if leaves == 1 { Some(icmp_of(rule)) } else { rule.protocol };
            alone(&mut on, (key, Asked::Alone), rule, protocol);
        }
    }
    if group.stateful {
        for ipv6 in [true, false] {
            open(&mut on, key, group, ipv6);
        }
    }
}

/// What a question leads to: rules that name no set, then for each set those that name it.
fn asked(on: &mut On<'_>, (key, asks): (GroupKey, Asked), leaves: Option<u64>, rules: &[&Rule]) {
    let (mut plain, mut sets) = (false, BTreeSet::new());
    for rule in rules {
        match rule.remote {
            Remote::Set(set) => drop(sets.insert(set)),
            Remote::Any | Remote::Prefix(_) => plain = true,
        }
    }
    if rules.is_empty() {
        return;
    }
    let row = on.row(Table::Group, 100, "the group's rules");
    let row = row.when_reg(Reg::Group, key.0).when_reg(Reg::Asks, asks as u64);
    let row = match leaves {
        Some(leaves) => row.when_reg(Reg::Leaves, leaves),
        None => row,
    };
    let row = if plain { row.load(Reg::AddressSet, 0u64).ask(Table::Rules) } else { row };
    sets.into_iter().fold(row, |row, set| row.load(Reg::AddressSet, set_number(set)).ask(Table::Members)).answer();
}

/// What may pass both ways whoever begins needs no connection followed: everything, or everything to and from some sets.
fn open(on: &mut On<'_>, key: GroupKey, group: &SecurityGroup, ipv6: bool) {
    let [egress, ingress] = [Direction::Egress, Direction::Ingress].map(|direction| -> BTreeSet<Remote> {
        let whole = |rule: &&Rule| rule.direction == direction && rule.ipv6 == ipv6 && rule.protocol.is_none();
        group.rules.iter().filter(whole).map(|rule| rule.remote).collect()
    });
    let both = |remote: &Remote| {
        [&egress, &ingress].into_iter().all(|ways| ways.contains(remote) || ways.contains(&Remote::Any))
    };
    let ethertype = ethertype(ipv6);
    if both(&Remote::Any) {
        on.row(Table::Group, 100, "everything may pass, both ways")
            .when_reg(Reg::Group, key.0)
            .when_reg(Reg::Asks, Asked::Open as u64)
            .when(Field::ETH_TYPE, ethertype)
            .load(Reg::Allowed, 1u64)
            .answer();
        return;
    }
    let sets: BTreeSet<SetKey> = egress
        .union(&ingress)
        .filter(|remote| both(remote))
        .filter_map(|remote| if let Remote::Set(set) = remote { Some(*set) } else { None })
        .collect();
    if sets.is_empty() {
        return;
    }
    let first = on
        .row(Table::Group, 100, "with whom may everything pass, both ways?")
        .when_reg(Reg::Group, key.0)
        .when_reg(Reg::Asks, Asked::Open as u64)
        .when(Field::ETH_TYPE, ethertype);
    let asks = sets.iter().fold(first, |row, set| row.load(Reg::AddressSet, set_number(*set)).ask(Table::Members));
    asks.answer();
    for set in sets {
        on.row(Table::Rules, 100, "everything may pass with them, both ways")
            .when_reg(Reg::Group, key.0)
            .when_reg(Reg::AddressSet, set_number(set))
            .when_reg(Reg::Asks, Asked::Open as u64)
            .when(Field::ETH_TYPE, ethertype)
            .load(Reg::Allowed, 1u64)
            .answer();
    }
}

fn ethertype(ipv6: bool) -> u16 {
    if ipv6 { 0x86dd } else { 0x0800 }
}

/// A row of a rule: whose, by what is asked, for what family, among which addresses.
fn row<'o>(on: &'o mut On<'_>, (key, asks): (GroupKey, Asked), rule: &Rule) -> Row<'o> {
    let set = if let Remote::Set(set) = rule.remote { set_number(set) } else { 0 };
    on.row(Table::Rules, 100, "a rule of the group")
        .when_reg(Reg::Group, key.0)
        .when_reg(Reg::AddressSet, set)
        .when_reg(Reg::Asks, asks as u64)
        .when(Field::ETH_TYPE, ethertype(rule.ipv6))
}

fn lets(row: Row<'_>) {
    row.load(Reg::Allowed, 1u64).answer();
}

/// A rule of a group that follows connections: by what conntrack knows of a connection's first packet.
fn followed(on: &mut On<'_>, of: (GroupKey, Asked), rule: &Rule) {
    if rule.protocol == Some(SCTP) && rule.ports.is_some() {
        return sctp(on, of, rule);
    }
    let first = |on: &mut On<'_>, ports: Option<(u16, u16)>| {
        let row = row(on, of, rule);
        let row = match rule.protocol {
            Some(protocol) => row.when(Field::CT_NW_PROTO, protocol),
            None => row,
        };
        let row = match (rule.icmp, ports) {
            (Some((kind, code)), _) => {
                let row = row.when(Field::CT_TP_SRC, u16::from(kind));
                if let Some(code) = code { row.when(Field::CT_TP_DST, u16::from(code)) } else { row }
            }
            (_, Some((value, mask))) => row.when_masked(Field::CT_TP_DST, value, mask),
            _ => row,
        };
        lets(from_first(row.when_masked(Field::CT_STATE, TRACKED, TRACKED | INVALID), rule));
    };
    match rule.ports {
        Some(range) => masks(range).into_iter().for_each(|ports| first(on, Some(ports))),
        None => first(on, None),
    }
}

/// The other end of a connection's first packet.
fn from_first<'o>(row: Row<'o>, rule: &Rule) -> Row<'o> {
    let egress = rule.direction == Direction::Egress;
    match rule.remote {
        Remote::Prefix(IpNet::V6(prefix)) => {
            let field = if egress { Field::CT_IPV6_DST } else { Field::CT_IPV6_SRC };
            row.when_masked(field, prefix.network(), prefix.netmask())
        }
        Remote::Prefix(IpNet::V4(prefix)) => {
            let field = if egress { Field::CT_NW_DST } else { Field::CT_NW_SRC };
            row.when_masked(field, prefix.network(), prefix.netmask())
        }
        Remote::Any | Remote::Set(_) => row,
    }
}

/// The other end of the packet itself.
fn remote<'o>(row: Row<'o>, rule: &Rule, leaves: bool) -> Row<'o> {
    match rule.remote {
        Remote::Prefix(IpNet::V6(prefix)) => {
            let field = if leaves { Field::IPV6_DST } else { Field::IPV6_SRC };
            row.when_masked(field, prefix.network(), prefix.netmask())
        }
        Remote::Prefix(IpNet::V4(prefix)) => {
            let field = if leaves { Field::IPV4_DST } else { Field::IPV4_SRC };
            row.when_masked(field, prefix.network(), prefix.netmask())
        }
        Remote::Any | Remote::Set(_) => row,
    }
}

fn icmp_of(rule: &Rule) -> u8 {
    if rule.ipv6 { protocol::ICMPV6 } else { protocol::ICMPV4 }
}

fn icmp<'o>(row: Row<'o>, rule: &Rule) -> Row<'o> {
    let [kind_field, code_field] =
        if rule.ipv6 { [Field::ICMPV6_TYPE, Field::ICMPV6_CODE] } else { [Field::ICMPV4_TYPE, Field::ICMPV4_CODE] };
    match rule.icmp {
        Some((kind, Some(code))) => row.when(kind_field, kind).when(code_field, code),
        Some((kind, None)) => row.when(kind_field, kind),
        None => row,
    }
}

/// Conntrack follows SCTP by its addresses only: the ports are the packet's own, the port's peer's or the other way round.
fn sctp(on: &mut On<'_>, of: (GroupKey, Asked), rule: &Rule) {
    let Some(range) = rule.ports else { return };
    let egress = rule.direction == Direction::Egress;
    for (began, field) in [(true, Field::SCTP_DST), (false, Field::SCTP_SRC)] {
        let leaves = egress == began;
        for (value, mask) in masks(range) {
            let row = row(on, of, rule).when_reg(Reg::Leaves, u64::from(leaves));
            lets(remote(row.when(Field::IP_PROTO, SCTP).when_masked(field, value, mask), rule, leaves));
        }
    }
}

/// A rule by the packet itself. Fragments behind the first show neither ports nor types, and of IPv6 not even the protocol:
/// only rules that ask for none let them through.
fn alone(on: &mut On<'_>, of: (GroupKey, Asked), rule: &Rule, protocol: Option<u8>) {
    let leaves = rule.direction == Direction::Egress;
    let each = |on: &mut On<'_>, ports: Option<(u16, u16)>| {
        let row = row(on, of, rule).when_reg(Reg::Leaves, u64::from(leaves));
        let row = match protocol {
            Some(protocol) => row.when(Field::IP_PROTO, protocol),
            None => row,
        };
        let field = match protocol {
            Some(protocol::TCP) => Field::TCP_DST,
            Some(protocol::UDP) => Field::UDP_DST,
            _ => Field::SCTP_DST,
        };
        let row = match ports {
            Some((value, mask)) => row.when_masked(field, value, mask),
            None => icmp(row, rule),
        };
        let shows = ports.is_some() || rule.icmp.is_some();
        let row = if shows { row.when_masked(Field::IP_FRAG, 0u8, FRAGMENT_LATER) } else { row };
        lets(remote(row, rule, leaves));
    };
    match rule.ports {
        Some(range) => masks(range).into_iter().for_each(|ports| each(on, Some(ports))),
        None => each(on, None),
    }
}

/// A range of ports as values under masks: 30 at most.
fn masks((first, last): (u16, u16)) -> Vec<(u16, u16)> {
    let (mut at, last) = (u32::from(first), u32::from(last));
    let mut found = Vec::new();
    while at <= last {
        let aligned = if at == 0 { 16 } else { at.trailing_zeros().min(16) };
        let fits = (0..=aligned).rev().find(|bits| at + (1 << bits) - 1 <= last).unwrap_or(0);
        found.push((at as u16, !((1u32 << fits) - 1) as u16));
        at += 1 << fits;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_covered_exactly_and_by_few() {
        for (first, last) in [(80, 80), (1, 65534), (0, 65535), (1, 65535), (443, 1024), (32767, 32768), (65535, 65535)]
        {
            let masks = masks((first, last));
            assert!(masks.len() <= 30, "{first}-{last}: {}", masks.len());
            for port in 0..=u16::MAX {
                let times = masks.iter().filter(|(value, mask)| port & mask == *value).count();
                assert_eq!(times, usize::from((first..=last).contains(&port)), "{port} in {first}-{last}");
            }
        }
    }
}
