//! Which chassis needs what: networks with ports on it, networks that its routers reach, chassis that it sends to.

use std::collections::{BTreeMap, BTreeSet};

use crate::commit::Marks;
use crate::keys::{ChassisKey, Key, NetworkKey, RouterKey};
use crate::world::{Holder, World};

/// Why a chassis needs a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Need {
    /// Ports of the network are bound to the chassis.
    pub resident: bool,
    /// A router that the chassis routes for has an interface on the network.
    pub routed: bool,
}

/// Derives a chassis' needs anew and marks what differs.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks, chassis: ChassisKey) {
    let (needs, routers) = derive(world, chassis);
    let before: BTreeSet<NetworkKey> = world.needed.of(chassis).collect();
    for network in before.iter().copied().filter(|n| !needs.contains_key(n)) {
        set_need(world, marks, network, chassis, None);
    }
    for (network, need) in needs {
        set_need(world, marks, network, chassis, Some(need));
    }
    let routers_before: BTreeSet<RouterKey> = world.routers_at.of(chassis).collect();
    for router in routers_before.symmetric_difference(&routers).copied() {
        let present = routers.contains(&router);
        world.routers_at.set(chassis, router, present);
        world.chassis_of_router.set(router, chassis, present);
        marks.changed(Key::RouterAt(router, chassis));
        for subnet in world.interfaces_by_router.of(router) {
            marks.changed(Key::InterfaceAt(router, subnet, chassis));
        }
        for prefix in world.routes_by_router.of(router) {
            marks.changed(Key::RouteAt(router, prefix, chassis));
        }
    }
}

/// From the networks resident on a chassis to their routers, to those routers' networks, and on through static routes.
fn derive(world: &World, chassis: ChassisKey) -> (BTreeMap<NetworkKey, Need>, BTreeSet<RouterKey>) {
    let mut needs: BTreeMap<NetworkKey, Need> = BTreeMap::new();
    let mut routers = BTreeSet::new();
    let mut pending = Vec::new();
    for network in world.resident_networks.of(chassis) {
        needs.entry(network).or_default().resident = true;
        pending.extend(world.interfaces_by_network.of(network).map(|(router, _)| router));
    }
    while let Some(router) = pending.pop() {
        if !routers.insert(router) {
            continue;
        }
        for subnet in world.interfaces_by_router.of(router) {
            if let Some(interface) = world.interfaces.get(&(router, subnet)) {
                needs.entry(interface.network).or_default().routed = true;
            }
        }
        for prefix in world.routes_by_router.of(router) {
            let Some(route) = world.routes.get(&(router, prefix)) else { continue };
            if let Some(Holder::Router(next, _)) = world.holders.of((route.network, route.nexthop)).next() {
                pending.push(next);
            }
        }
    }
    (needs, routers)
}

fn set_need(world: &mut World, marks: &mut Marks, network: NetworkKey, chassis: ChassisKey, need: Option<Need>) {
    let before = world.needs.get(&(network, chassis)).copied();
    if before == need {
        return;
    }
    marks.changed(Key::Need(network, chassis));
    match need {
        Some(need) => world.needs.insert_mut((network, chassis), need),
        None => {
            world.needs.remove_mut(&(network, chassis));
        }
    }
    if before.is_some() == need.is_some() {
        return;
    }
    world.needers.set(network, chassis, need.is_some());
    world.needed.set(chassis, network, need.is_some());
    let residents: Vec<ChassisKey> = world.residents.of(network).collect();
    for resident in residents {
        count_peer(world, marks, chassis, resident, need.is_some());
        for port in world.bound.of((network, resident)) {
            marks.changed(Key::Reach(port, chassis));
        }
    }
}

/// A chassis gained its first port of a network, or lost its last.
pub(crate) fn set_resident(
    world: &mut World,
    marks: &mut Marks,
    network: NetworkKey,
    chassis: ChassisKey,
    present: bool,
) {
    world.residents.set(network, chassis, present);
    world.resident_networks.set(chassis, network, present);
    marks.changed(Key::Residents(network));
    marks.stale_needs.insert(chassis);
    let needers: Vec<ChassisKey> = world.needers.of(network).collect();
    for needer in needers {
        count_peer(world, marks, needer, chassis, present);
    }
}

fn count_peer(world: &mut World, marks: &mut Marks, from: ChassisKey, to: ChassisKey, more: bool) {
    if from == to {
        return;
    }
    let before = world.peers.get(&(from, to)).copied().unwrap_or(0);
    assert!(more || before > 0, "peer {from} {to} was counted down below zero");
    let after = if more { before + 1 } else { before - 1 };
    if after == 0 {
        world.peers.remove_mut(&(from, to));
    } else {
        world.peers.insert_mut((from, to), after);
    }
    if before == 0 || after == 0 {
        marks.changed(Key::Peer(from, to));
    }
}
