//! Addresses on provider networks that routers answer for, beside their own: floating ones, and those of ports that are shown there.

use std::net::{IpAddr, Ipv4Addr};

use addr::{IpNet, PrefixPair};

use crate::commit::Marks;
use crate::index::Bounds;
use crate::keys::{ChassisKey, Key, NetworkKey, PortKey, ResourceId, RouterKey};
use crate::world::World;

/// An address on a provider network that a router answers for, on somebody's behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The resource that wants it: what becomes of the address is its status.
    pub owner: ResourceId,
    /// The router that leads there.
    pub router: RouterKey,
    /// The port that it is for: where that is plugged it is answered for, if the chassis is on the physical network; `None`: a gateway
    /// answers.
    pub port: Option<PortKey>,
    /// The address that stands for it behind the router, of the same family; `None`: it is the same inside and outside.
    pub inside: Option<IpAddr>,
}

/// From which address everything leaves over IPv4 that is not another outside by itself, and where that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snat {
    /// One of the router's own on its provider network.
    pub address: Ipv4Addr,
    /// The zone of conntrack: above all OpenFlow port numbers, which are the zones of ports.
    pub zone: u16,
}

/// A prefix behind a router that is another outside (RFC 6296).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixMapping {
    /// The resource that wants it.
    pub owner: ResourceId,
    /// Both prefixes.
    pub pair: PrefixPair,
}

impl PrefixMapping {
    /// Whether what an address is outside hangs on the whole of it, not on its first 64 bits alone.
    pub fn is_long(&self) -> bool {
        !self.pair.by_subnet() && !self.pair.is_plain()
    }
}

/// A prefix is another outside, or no more.
pub(crate) fn mapped(
    world: &mut World,
    marks: &mut Marks,
    at @ (router, prefix): (RouterKey, IpNet),
    new: Option<PrefixMapping>,
) {
    let old = world.prefix_mappings.get(&at).cloned();
    if old == new {
        return;
    }
    marks.changed(Key::PrefixMapping(router, prefix));
    marks.changed(Key::PrefixMappings(router));
    for chassis in world.chassis_of_router.of(router) {
        marks.changed(Key::PrefixMappingAt(router, prefix, chassis));
    }
    let any = !world.long_mappings.is_empty();
    for (mapping, present) in [(&old, false), (&new, true)] {
        let Some(mapping) = mapping else { continue };
        count(world, marks, router, present);
        match mapping.is_long() && present {
            true => world.long_mappings.insert_mut(at),
            false => drop(world.long_mappings.remove_mut(&at)),
        }
    }
    if any == world.long_mappings.is_empty() {
        marks.changed(Key::LongMappings);
    }
    match new {
        Some(new) => world.prefix_mappings.insert_mut(at, new),
        None => drop(world.prefix_mappings.remove_mut(&at)),
    }
}

/// An address is answered for otherwise, or no more.
pub(crate) fn changed(world: &mut World, marks: &mut Marks, at: (NetworkKey, IpAddr), new: Option<Presence>) {
    let old = world.presences.get(&at).cloned();
    if old == new {
        return;
    }
    marks.changed(Key::Presence(at.0, at.1));
    for (presence, present) in [(&old, false), (&new, true)] {
        let Some(presence) = presence else { continue };
        world.presences_by_router.set(presence.router, at, present);
        if let Some(port) = presence.port {
            world.presences_by_port.set(port, at, present);
        }
        if let Some(inside) = presence.inside {
            world.presences_inside.set((presence.router, inside), at, present);
            marks.changed(Key::Outside(presence.router, inside));
            count(world, marks, presence.router, present);
        }
        for chassis in world.chassis_of_router.of(presence.router) {
            marks.changed(Key::PresenceAt(at.0, at.1, chassis));
        }
    }
    match new {
        Some(new) => world.presences.insert_mut(at, new),
        None => drop(world.presences.remove_mut(&at)),
    }
}

/// A router has one address more, or one less, that is another outside.
pub(crate) fn count(world: &mut World, marks: &mut Marks, router: RouterKey, more: bool) {
    let before = world.mapped.get(&router).copied().unwrap_or(0);
    let after = if more { before + 1 } else { before.saturating_sub(1) };
    if after == 0 {
        world.mapped.remove_mut(&router);
    } else {
        world.mapped.insert_mut(router, after);
    }
    if (before == 0) != (after == 0) {
        marks.changed(Key::Maps(router));
        for chassis in world.chassis_of_router.of(router).collect::<Vec<_>>() {
            set_maps_at(world, marks, router, chassis, more);
        }
    }
}

fn set_maps_at(world: &mut World, marks: &mut Marks, router: RouterKey, chassis: ChassisKey, present: bool) {
    let before = world.mapping_routers.any(chassis);
    world.mapping_routers.set(chassis, router, present);
    if world.mapping_routers.any(chassis) != before {
        marks.changed(Key::MapsAt(chassis));
    }
}

/// A chassis routes for a router, or no longer.
pub(crate) fn rerouted(world: &mut World, marks: &mut Marks, router: RouterKey, chassis: ChassisKey) {
    let present = world.chassis_of_router.contains(router, chassis) && world.mapped.contains_key(&router);
    set_maps_at(world, marks, router, chassis, present);
    let mappings = world.mappings_of(router).map(|(prefix, _)| prefix);
    for prefix in mappings.collect::<Vec<_>>() {
        marks.changed(Key::PrefixMappingAt(router, prefix, chassis));
    }
    for (network, address) in world.presences_by_router.of(router) {
        marks.changed(Key::PresenceAt(network, address, chassis));
    }
}

impl World {
    /// An address that a router answers for on a provider network, beside its own.
    pub fn presence(&self, network: NetworkKey, address: IpAddr) -> Option<&Presence> {
        self.presences.get(&(network, address))
    }

    /// All of them, in order.
    pub fn presences(&self) -> impl Iterator<Item = (NetworkKey, IpAddr, &Presence)> {
        self.presences.iter().map(|((network, address), presence)| (*network, *address, presence))
    }

    /// A prefix behind a router that is another outside.
    pub fn prefix_mapping(&self, router: RouterKey, prefix: IpNet) -> Option<&PrefixMapping> {
        self.prefix_mappings.get(&(router, prefix))
    }

    /// The prefixes behind a router that are others outside, in order.
    pub fn mappings_of(&self, router: RouterKey) -> impl Iterator<Item = (IpNet, &PrefixMapping)> {
        let all = (router, IpNet::LEAST)..=(router, IpNet::GREATEST);
        self.prefix_mappings.range(all).map(|((_, prefix), mapping)| (*prefix, mapping))
    }

    /// Those of a router, in order.
    pub fn presences_of(&self, router: RouterKey) -> impl Iterator<Item = (NetworkKey, IpAddr)> + '_ {
        self.presences_by_router.of(router)
    }

    /// Those that are for a port, in order.
    pub fn presences_for(&self, port: PortKey) -> impl Iterator<Item = (NetworkKey, IpAddr)> + '_ {
        self.presences_by_port.of(port)
    }

    /// Those on a network, in order.
    pub fn presences_on(&self, network: NetworkKey) -> impl Iterator<Item = IpAddr> + '_ {
        let first = (network, IpAddr::LEAST);
        self.presences.range(first..).take_while(move |((n, _), _)| *n == network).map(|((_, address), _)| *address)
    }

    /// What an address behind a router is outside, if one stands for it there.
    pub fn outside_of(&self, router: RouterKey, inside: IpAddr) -> Option<IpAddr> {
        self.presences_inside.of((router, inside)).next().map(|(_, address)| address)
    }
}
