//! External gateways: routers' ways to provider networks, and the chassis that they lead over.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::{Ipv6Net, MacAddr, OfPort};

use crate::commit::{Marks, put};
use crate::facts::{Chassis, ExternalGateway, RouterPreference};
use crate::keys::{ChassisKey, Key, NetworkKey, RouterKey};
use crate::localnets;
use crate::presences;
use crate::world::World;

/// A chassis by which what is for outside may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayChassis {
    /// Which.
    pub chassis: ChassisKey,
    /// Before those of lesser priority.
    pub priority: u32,
    /// It is within reach, finds a router on the physical network, and is not drained; as far as it has been heard of.
    pub usable: bool,
}

/// A router on a provider network that has advertised itself (RFC 4861, 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRouter {
    /// How it stands to others (RFC 4191, 2.1).
    pub preference: RouterPreference,
    /// The link's MTU as it says, bytes.
    pub mtu: Option<u32>,
    /// The prefixes that it advertises, in order: it passes on what comes from them (RFC 8028, 3.1).
    pub prefixes: Vec<Ipv6Net>,
}

/// A router has another way out, or none.
pub(crate) fn changed(world: &mut World, marks: &mut Marks, router: RouterKey, new: Option<ExternalGateway>) {
    let after = new.clone();
    let Some(old) = put(&mut world.gateways, router, new) else { return };
    marks.changed(Key::Gateway(router));
    for (gateway, present) in [(&old, false), (&after, true)] {
        if gateway.as_ref().is_some_and(|gateway| gateway.snat.is_some()) {
            presences::count(world, marks, router, present);
        }
    }
    marks.stale_needs.routers.insert(router);
    for (gateway, present) in [(old, false), (after, true)] {
        let Some(network) = gateway.map(|gateway| gateway.network) else { continue };
        world.gateways_by_network.set(network, router, present);
        marks.changed(Key::Gateways(network));
        let at: Vec<ChassisKey> = world.chassis_of_router.of(router).collect();
        marks.stale_needs.needs.extend(at.into_iter().map(|chassis| (chassis, network)));
    }
    for chassis in world.chassis_of_router.of(router) {
        marks.changed(Key::GatewayAt(router, chassis));
    }
}

/// A chassis is on other physical networks than before, or has another part to play there.
pub(crate) fn chassis_changed(world: &World, marks: &mut Marks, both: [Option<&Chassis>; 2]) {
    let part = |chassis: &Chassis| (chassis.gateway_priority, chassis.drained, chassis.mappings.clone());
    if both[0].map(part) == both[1].map(part) {
        return;
    }
    let physical: BTreeSet<_> = both.into_iter().flatten().flat_map(|c| &c.mappings).map(|(name, _)| name).collect();
    for network in physical.into_iter().flat_map(|name| world.provider_networks_on(name)) {
        stale(world, marks, network);
    }
}

/// The gateways of a provider network are others, or stand otherwise.
pub(crate) fn stale(world: &World, marks: &mut Marks, network: NetworkKey) {
    marks.changed(Key::Gateways(network));
    marks.stale_needs.routers.extend(world.gateways_by_network.of(network));
}

/// A chassis is out of reach, or within it.
pub(crate) fn set_lame(world: &mut World, marks: &mut Marks, chassis: ChassisKey, lame: bool) {
    if world.lame.contains(&chassis) == lame {
        return;
    }
    if lame {
        world.lame.insert_mut(chassis);
    } else {
        world.lame.remove_mut(&chassis);
    }
    heard(world, marks, chassis);
}

/// A chassis is heard of, or stands otherwise than before: the gateways of its networks may be others.
pub(crate) fn heard(world: &World, marks: &mut Marks, chassis: ChassisKey) {
    let mappings = world.chassis.get(&chassis).into_iter().flat_map(|chassis| &chassis.mappings);
    let networks = mappings.flat_map(|(name, _)| world.provider_networks_on(name));
    networks.for_each(|network| marks.changed(Key::Gateways(network)));
}

/// A chassis finds none of the routers of a provider network, or does.
pub(crate) fn set_isolated(world: &mut World, marks: &mut Marks, at: (NetworkKey, ChassisKey), isolated: bool) {
    if world.isolated.contains(&at) == isolated {
        return;
    }
    if isolated {
        world.isolated.insert_mut(at);
    } else {
        world.isolated.remove_mut(&at);
    }
    marks.changed(Key::Gateways(at.0));
}

/// A port of a chassis carries nothing, or does.
pub(crate) fn set_down(world: &mut World, marks: &mut Marks, at: (ChassisKey, OfPort), down: bool) {
    if world.down.contains(&at) == down {
        return;
    }
    if down {
        world.down.insert_mut(at);
    } else {
        world.down.remove_mut(&at);
    }
    for network in localnets::behind(world, at) {
        marks.changed(Key::Localnet(network, at.0));
        marks.changed(Key::Gateways(network));
    }
}

/// A chassis has found a neighbour on a provider network, or lost it.
pub(crate) fn set_neighbor(
    world: &mut World,
    marks: &mut Marks,
    at: (NetworkKey, ChassisKey, IpAddr),
    mac: Option<MacAddr>,
) {
    let before = world.neighbors.get(&at).copied();
    if before == mac {
        return;
    }
    match mac {
        Some(mac) => world.neighbors.insert_mut(at, mac),
        None => drop(world.neighbors.remove_mut(&at)),
    }
    marks.changed(Key::Neighbor(at.0, at.1, at.2));
    if before.is_some() != mac.is_some() {
        marks.changed(Key::Neighbors(at.0, at.1));
    }
}

/// A router on a provider network advertises itself, or no longer.
pub(crate) fn set_upstream(
    world: &mut World,
    marks: &mut Marks,
    at: (NetworkKey, Ipv6Addr),
    upstream: Option<UpstreamRouter>,
) {
    if world.upstreams.get(&at) == upstream.as_ref() {
        return;
    }
    match upstream {
        Some(upstream) => world.upstreams.insert_mut(at, upstream),
        None => drop(world.upstreams.remove_mut(&at)),
    }
    marks.changed(Key::Upstreams(at.0));
}

impl World {
    /// The chassis by which what is for outside may leave to a provider network, in the order of their keys.
    pub fn gateways(&self, network: NetworkKey) -> Vec<GatewayChassis> {
        let physical = self.networks.get(&network).and_then(|network| network.physical.as_ref());
        let Some(physical) = physical else { return Vec::new() };
        let gateway = |(key, chassis): (&ChassisKey, &Chassis)| {
            let priority = chassis.gateway_priority.filter(|_| chassis.mapped(&physical.name).is_some())?;
            let within_reach = !self.lame.contains(key) && !self.isolated.contains(&(network, *key));
            // Nobody gives up a gateway of which nothing is known yet: whoever starts anew hears of one after the other.
            let leads_out = self.has_carrier(network, *key) || !self.is_heard(*key);
            let usable = !chassis.drained && within_reach && leads_out;
            Some(GatewayChassis { chassis: *key, priority, usable })
        };
        let mut gateways: Vec<GatewayChassis> = self.chassis.iter().filter_map(gateway).collect();
        gateways.sort_unstable_by_key(|gateway| gateway.chassis);
        gateways
    }

    /// Whether anything is known of what is plugged on a chassis.
    pub(crate) fn is_heard(&self, chassis: ChassisKey) -> bool {
        let mut plugged = self.plugged.range((chassis, OfPort(0), Arc::from(""))..);
        plugged.next().is_some_and(|(at, ..)| *at == chassis)
    }

    /// Whether an OpenFlow port that leads to a provider network is there and carries something.
    pub fn has_carrier(&self, network: NetworkKey, chassis: ChassisKey) -> bool {
        self.localnet(network, chassis).is_some_and(|port| !self.down.contains(&(chassis, port)))
    }

    /// The neighbours on a provider network that a chassis has found, with their MACs.
    pub fn neighbors_of(
        &self,
        network: NetworkKey,
        chassis: ChassisKey,
    ) -> impl Iterator<Item = (IpAddr, MacAddr)> + '_ {
        let first = (network, chassis, IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let rest = self.neighbors.range(first..).take_while(move |((n, c, _), _)| (*n, *c) == (network, chassis));
        rest.map(|((_, _, address), mac)| (*address, *mac))
    }

    /// The routers on a provider network that advertise themselves.
    pub fn upstreams(&self, network: NetworkKey) -> Vec<(Ipv6Addr, UpstreamRouter)> {
        let rest = self.upstreams.range((network, Ipv6Addr::UNSPECIFIED)..);
        rest.take_while(|((n, _), _)| *n == network)
            .map(|((_, router), upstream)| (*router, upstream.clone()))
            .collect()
    }

    /// Whether a chassis has been out of reach for so long that others take its place.
    pub fn is_lame(&self, chassis: ChassisKey) -> bool {
        self.lame.contains(&chassis)
    }

    /// A router's way to a provider network.
    pub fn gateway(&self, router: RouterKey) -> Option<&ExternalGateway> {
        self.gateways.get(&router)
    }

    /// The routers that lead to provider networks, in order.
    pub fn gateway_routers(&self) -> Vec<RouterKey> {
        let mut routers: Vec<RouterKey> = self.gateways.keys().copied().collect();
        routers.sort_unstable();
        routers
    }

    /// The next hops of a router's static routes that are on a network.
    pub fn static_nexthops(&self, router: RouterKey, network: NetworkKey) -> Vec<IpAddr> {
        let routes = self.routes_by_router.of(router).filter_map(|prefix| self.routes.get(&(router, prefix)));
        routes.filter(|route| route.network == network).map(|route| route.nexthop).collect()
    }

    /// The routers that lead to a provider network.
    pub fn routers_to(&self, network: NetworkKey) -> Vec<RouterKey> {
        self.gateways_by_network.of(network).collect()
    }

    /// The networks that a router of some chassis leads to, with those chassis.
    pub fn exits(&self) -> Vec<(NetworkKey, ChassisKey)> {
        let external = self.needs.iter().filter(|(_, need)| need.external).map(|(at, _)| *at);
        let mut exits: Vec<_> = external.collect();
        exits.sort_unstable();
        exits
    }
}
