//! Layer 2: where a MAC lives, and replication of what is for many.

use ::flows::{Emit, Feature, FeatureId, Part, Reg, Table};
use addr::{MacAddr, OfPort};
use ofp::{Action, Field};
use topology::{ChassisKey, Encap, Key, KeyKind, Member, NetworkKey, PortKey, View, is_stand_in};

use crate::{links, multicast, overlay::copy_to, provider};

/// The feature.
pub struct L2;

/// The group bit of a MAC: multicast and broadcast alike.
pub const GROUP_BIT: MacAddr = MacAddr([0x01, 0, 0, 0, 0, 0]);

impl Feature for L2 {
    fn id(&self) -> FeatureId {
        FeatureId(2)
    }

    fn name(&self) -> &'static str {
        "l2"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Reach, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => many(view, emit, chassis),
            Key::Reach(port, chassis) => reach(view, emit, port, chassis),
            Key::Need(network, chassis) => replicate(view, emit, network, chassis),
            _ => {}
        }
    }
}

/// The group that copies a frame to every port of a network: on this chassis, and once to each other chassis.
pub fn group_everywhere(network: NetworkKey) -> u32 {
    0x0100_0000 | network.0
}

/// The group that copies a frame to every port of a network on this chassis.
pub fn group_here(network: NetworkKey) -> u32 {
    0x0200_0000 | network.0
}

/// The first byte of the numbers of groups that pick an instance of a service.
pub(crate) const ANYCAST_GROUPS: u32 = 7;
/// And of those by which chassis send to gateways.
pub(crate) const GATEWAY_GROUPS: u32 = 8;
/// And of those by which they send to the one that remembers a router's connections.
pub(crate) const SNAT_GROUPS: u32 = 9;

/// The first byte of the numbers of a large replication's parts; then come, in the same byte, 4 for each part, 2 if it is for
/// this chassis' ports only, and 1 for the copies, 0 for their gate.
const FIRST_PART: u32 = 0x10;
/// Parts of one group: half of what the byte has room for; the other half is multicast's. 11,600 copies.
const PARTS_MAX: usize = 29;

/// The numbers of a part of one of the groups above.
fn part(group: u32, index: usize) -> Option<Part> {
    let here = u32::from(group >> 24 == 2);
    let first = FIRST_PART + 4 * u32::try_from(index).ok().filter(|_| index < PARTS_MAX)? + 2 * here;
    let number = |byte: u32| (byte << 24) | (group & 0xff_ffff);
    Some(Part { gate: number(first), copies: number(first + 1) })
}

/// Whether a group's number is one of the above, or of multicast's.
pub fn is_our_group(id: u32) -> bool {
    let parts = FIRST_PART..FIRST_PART + 4 * PARTS_MAX as u32;
    matches!(id >> 24, 1 | 2 | GATEWAY_GROUPS | SNAT_GROUPS | ANYCAST_GROUPS)
        || parts.contains(&(id >> 24))
        || multicast::is_our_group(id)
}

fn reach(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let (Some(port), Some(binding)) = (view.port(key), view.binding(key)) else { return };
    if view.need(port.network, chassis).is_none() {
        return;
    }
    let (mut on, direct) = (emit.on(chassis), view.is_direct(key));
    // Whoever is on the physical network reaches a pass-through NIC there.
    if direct && (binding.chassis == chassis || view.localnet(port.network, chassis).is_some()) {
        return;
    }
    if binding.chassis == chassis {
        if let Some(place) = view.place(key) {
            let row = on.row(Table::Out, 100, "the port is here");
            let row = row.when_reg(Reg::Net, port.network.0).when(Field::ETH_DST, port.mac);
            match view.filter(key) {
                Some(_) => row.load(Reg::Judged, place.ofport.0).goto(Table::Ingress),
                None if place.trunk().is_some() => row.load(Reg::Judged, place.ofport.0).goto(Table::Deliver),
                None => row.output(place.ofport),
            }
        }
    } else if let Some(segment) = view.segment(port.network).filter(|_| direct || view.physical(port.network).is_none())
    {
        on.row(Table::Out, 100, "the port is on another chassis")
            .when_reg(Reg::Net, port.network.0)
            .when(Field::ETH_DST, port.mac)
            .load(Reg::Segment, segment)
            .load(Reg::OutChassis, binding.chassis.0)
            .goto(Table::Fabric);
    }
}

fn replicate(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    if !view.is_resident(key, chassis) {
        return;
    }
    let here: Vec<Vec<Action>> = view.members(key, chassis).into_iter().map(copy_here).collect();
    let mut everywhere = here.clone();
    let others: Vec<ChassisKey> = view.residents(key).into_iter().filter(|c| *c != chassis).collect();
    everywhere.extend(copies_there(view, key, chassis, &others));
    let mut on = emit.on(chassis);
    for (group, copies, why) in [
        (group_everywhere(key), everywhere, "ports of the network here, and what leads to its others once each"),
        (group_here(key), here, "ports of the network here"),
    ] {
        on.replicate(group, |index| part(group, index), copies, why);
    }
    let from = if view.physical(key).is_some() { Reg::FromLocalnet } else { Reg::FromFabric };
    for (from_others, group) in [(0u64, group_everywhere(key)), (1, group_here(key))] {
        on.row(Table::Flood, 50, "to everybody").when_reg(Reg::Net, key.0).when_reg(from, from_others).group(group);
    }
}

/// One copy of a frame of a network to each of other chassis; where the underlay copies, one for all; of a provider network one to the
/// physical network, whoever is there.
pub(crate) fn copies_there(
    view: &View<'_>,
    network: NetworkKey,
    from: ChassisKey,
    others: &[ChassisKey],
) -> Vec<Vec<Action>> {
    if let Some(physical) = view.physical(network) {
        let port = view.localnet(network, from);
        return port.map(|port| provider::copy_to(physical.vlan, port)).into_iter().collect();
    }
    let (Some(fabric), Some(segment)) = (view.fabric(), view.segment(network)) else { return Vec::new() };
    if fabric.encap == Encap::Links {
        return others.iter().map(|other| links::copy_to(segment, *other)).collect();
    }
    let Some(port) = view.uplink(from) else { return Vec::new() };
    if fabric.encap == Encap::Vlan {
        return (!others.is_empty()).then(|| copy_to(segment, None, port)).into_iter().collect();
    }
    let endpoints = others.iter().filter_map(|other| view.chassis(*other)?.tunnel_ip);
    endpoints.map(|endpoint| copy_to(segment, Some(endpoint), port)).collect()
}

/// What is for many, and not for listeners of groups alone.
fn many(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_some() {
        emit.on(chassis)
            .row(Table::Out, 50, "multicast and broadcast")
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
            .goto(Table::Flood);
    }
}

/// To a port, or to what its security groups say.
pub(crate) fn copy_here(member: Member) -> Vec<Action> {
    if member.filtered { by_way_of(Table::Ingress, member.ofport) } else { to_port(member.ofport) }
}

/// Out of a port, or of the trunk that it is one of.
pub(crate) fn to_port(port: OfPort) -> Vec<Action> {
    if is_stand_in(port) { by_way_of(Table::Deliver, port) } else { vec![Action::Output { port, max_len: 0 }] }
}

fn by_way_of(table: Table, port: OfPort) -> Vec<Action> {
    let judged = Action::RegLoad { dst: Reg::Judged.subfield(), value: port.0.into() };
    vec![judged, Action::Resubmit { port: None, table: Some(table.id()), ct: false }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_has_numbers_of_its_own() {
        let mut seen = BTreeSet::new();
        for network in [NetworkKey(1), NetworkKey(0xff_ffff)] {
            for group in [group_everywhere(network), group_here(network)] {
                assert!(seen.insert(group));
                for Part { gate, copies } in (0..PARTS_MAX).map(|index| part(group, index).unwrap()) {
                    assert!(seen.insert(gate) && seen.insert(copies));
                }
                assert_eq!(part(group, PARTS_MAX), None);
            }
        }
        // OFPG_MAX (OpenFlow 1.3.5, 7.3.4.2).
        assert!(seen.iter().all(|id| is_our_group(*id) && *id <= 0xffff_ff00));
        for other in [0, 0x0a00_0001, 0x0fff_ffff, 0xfc00_0000] {
            assert!(!is_our_group(other));
        }
    }
}
