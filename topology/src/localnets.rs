//! Which OpenFlow ports of chassis lead to physical networks, and so to the provider networks on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use addr::OfPort;

use crate::commit::Marks;
use crate::facts::Physical;
use crate::gateways;
use crate::keys::{ChassisKey, Key, NetworkKey};
use crate::spares;
use crate::world::World;

/// A chassis is on other physical networks, or by other ports: these were or are its mappings.
pub(crate) fn remapped(
    world: &World,
    marks: &mut Marks,
    chassis: ChassisKey,
    mappings: impl Iterator<Item = (Arc<str>, Arc<str>)>,
) {
    marks.changed(Key::Localnets(chassis));
    for (physical, interface) in mappings {
        spares::stale_name(world, marks, &(chassis, interface));
        mark(world, marks, &physical, chassis);
    }
}

/// A port of a bridge has another number, or none.
pub(crate) fn replugged(world: &World, marks: &mut Marks, chassis: ChassisKey, interface: &Arc<str>) {
    let Some(fact) = world.chassis.get(&chassis) else { return };
    for (physical, _) in fact.mappings.iter().filter(|(_, mapped)| mapped == interface) {
        marks.changed(Key::Localnets(chassis));
        mark(world, marks, physical, chassis);
    }
}

/// A network is on another physical network than before, or on one at all.
pub(crate) fn moved(world: &mut World, marks: &mut Marks, network: NetworkKey, at: [Option<Physical>; 2]) {
    if at[0] == at[1] {
        return;
    }
    marks.changed(Key::Physical(network));
    let [before, after] = at.map(|physical| physical.map(|physical| physical.name));
    if before == after {
        return;
    }
    gateways::stale(world, marks, network);
    for (name, present) in [(before, false), (after, true)] {
        let Some(name) = name else { continue };
        let on = world.chassis.iter().filter(|(_, chassis)| chassis.mapped(&name).is_some());
        for chassis in on.map(|(key, _)| *key).collect::<BTreeSet<_>>() {
            marks.changed(Key::Localnet(network, chassis));
        }
        let entry = (name, network);
        if present {
            world.provider_networks.insert_mut(entry);
        } else {
            world.provider_networks.remove_mut(&entry);
        }
    }
}

fn mark(world: &World, marks: &mut Marks, physical: &Arc<str>, chassis: ChassisKey) {
    for network in world.provider_networks_on(physical) {
        marks.changed(Key::Localnet(network, chassis));
        marks.changed(Key::Gateways(network));
    }
}

/// The provider networks that an OpenFlow port leads to.
pub(crate) fn behind(world: &World, (chassis, port): (ChassisKey, OfPort)) -> Vec<NetworkKey> {
    let physical = world.localnets(chassis).into_iter().filter(|(_, there)| *there == port);
    physical.flat_map(|(name, _)| world.provider_networks_on(name)).collect()
}

impl World {
    /// The OpenFlow port of a chassis that leads to a provider network.
    pub fn localnet(&self, network: NetworkKey, chassis: ChassisKey) -> Option<OfPort> {
        let physical = &self.networks.get(&network)?.physical.as_ref()?.name;
        let interface = self.chassis.get(&chassis)?.mapped(physical)?;
        self.plugs.get(&(chassis, interface.clone())).copied()
    }

    /// The OpenFlow ports of a chassis that lead to physical networks, with those.
    pub fn localnets(&self, chassis: ChassisKey) -> Vec<(&Arc<str>, OfPort)> {
        let mappings = self.chassis.get(&chassis).into_iter().flat_map(|chassis| &chassis.mappings);
        let plugged = |interface: &Arc<str>| self.plugs.get(&(chassis, interface.clone())).copied();
        mappings.filter_map(|(physical, interface)| Some((physical, plugged(interface)?))).collect()
    }

    /// The provider networks on a physical network, in the order of their keys.
    pub fn provider_networks_on(&self, physical: &Arc<str>) -> Vec<NetworkKey> {
        let all = (physical.clone(), NetworkKey(0))..=(physical.clone(), NetworkKey(u32::MAX));
        self.provider_networks.range(all).map(|(_, network)| *network).collect()
    }
}
