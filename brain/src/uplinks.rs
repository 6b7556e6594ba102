//! Physical networks as people ask about them: where a chassis has no way to one, and what left by one.

use addr::OfPort;
use topology::{ChassisKey, Key, NetworkKey, ResourceId, View};

use crate::brain::Brain;
use crate::switch::Switch;

impl Brain {
    /// Why a connected chassis has no way to a provider network, in words; `None`: it has one, or the fabric carries the network.
    pub(crate) fn lacks_uplink(&self, network: NetworkKey, chassis: ChassisKey) -> Option<String> {
        let view = View::new(&self.world);
        let physical = &view.physical(network)?.name;
        let session = self.switches.get(&chassis).and_then(Switch::session)?;
        let fact = view.chassis(chassis)?;
        let Some(interface) = fact.mapped(physical) else {
            return Some(format!("no bridge_mappings of {} name {physical}", fact.name));
        };
        match view.localnet(network, chassis) {
            None => Some(format!("{} has no interface {interface}, its way to {physical}", fact.name)),
            Some(port) if self.sessions.get(&session).is_some_and(|session| session.down.contains(&port)) => {
                Some(format!("{interface}, the way of {} to {physical}, is down", fact.name))
            }
            Some(_) => None,
        }
    }

    /// A port of a chassis came, went, or carries something now, or no longer: what uses the physical network behind it may stand otherwise.
    pub(crate) fn look_at_localnet(&mut self, chassis: ChassisKey, port: OfPort) {
        let localnets = self.world.localnets(chassis);
        let Some((physical, _)) = localnets.into_iter().find(|(_, there)| *there == port) else { return };
        for network in self.world.provider_networks_on(physical) {
            self.unsettle_network(network);
        }
    }

    /// A network and its ports may stand otherwise.
    pub(crate) fn unsettle_network(&mut self, network: NetworkKey) {
        self.restless.extend(self.world.resource_of(&Key::Network(network)));
        self.restless.extend(self.world.ports_on(network));
    }

    /// Routers that lead to a network may stand otherwise, and send elsewhere.
    pub(crate) fn unsettle_routers(&mut self, network: NetworkKey) {
        for router in self.world.routers_to(network) {
            let resource = self.world.resource_of(&Key::Router(router));
            self.restless.extend(resource.clone());
            // Who holds what may differ though it stands as it stood.
            resource.iter().for_each(|resource| drop(self.statuses.remove(resource)));
            for chassis in self.world.chassis_routing(router) {
                self.warm_soon(chassis);
            }
        }
    }

    /// The provider network that a frame with this VLAN tag, or none, is on at a port that leads to a physical network.
    pub(crate) fn network_beyond(&self, chassis: ChassisKey, port: OfPort, vlan: Option<u16>) -> Option<NetworkKey> {
        let (physical, _) = self.world.localnets(chassis).into_iter().find(|(_, there)| *there == port)?;
        let view = View::new(&self.world);
        let mut networks = self.world.provider_networks_on(physical).into_iter();
        networks.find(|network| view.physical(*network).is_some_and(|at| at.vlan == vlan))
    }

    /// Other chassis on the physical network that a port of a chassis leads to, with their ports to it.
    pub(crate) fn beyond(&self, chassis: ChassisKey, port: OfPort) -> Vec<(ChassisKey, OfPort)> {
        let localnets = self.world.localnets(chassis);
        let Some((physical, _)) = localnets.into_iter().find(|(_, there)| *there == port) else { return Vec::new() };
        let others = self.world.chassis_keys().into_iter().filter(|other| *other != chassis);
        let there = |other| {
            let localnets = self.world.localnets(other);
            localnets.into_iter().find(|(name, _)| *name == physical).map(|(_, port)| (other, port))
        };
        others.filter_map(there).collect()
    }

    /// `NETWORK@CHASSIS`, as people call a chassis' way to a provider network.
    pub(crate) fn uplink_name(&self, network: Option<NetworkKey>, chassis: ChassisKey) -> String {
        let name = |resource: Option<ResourceId>| resource.map(|r| r.name.to_string()).unwrap_or_default();
        let network = network.and_then(|network| self.world.resource_of(&Key::Network(network)));
        format!("{}@{}", name(network), name(self.chassis_resource(chassis)))
    }
}
