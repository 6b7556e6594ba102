//! Which chassis needs what: networks with ports on it, networks that its routers reach, chassis that it sends to.
//!
//! A chassis routes for the routers on the networks that are resident on it, and for those that they send to by static routes.
//! What changes is worked out around the change only: the routers that it touches and those behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use addr::IpNet;

use crate::commit::Marks;
use crate::facts::{Interface, Route};
use crate::keys::{ChassisKey, Key, NetworkKey, RouterKey};
use crate::presences;
use crate::world::{Holder, World};

/// Why a chassis needs a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Need {
    /// Ports of the network are bound to the chassis.
    pub resident: bool,
    /// A router that the chassis routes for has an interface on the network.
    pub routed: bool,
    /// A router that the chassis routes for leads to it, as a provider network, and out.
    pub external: bool,
}

/// What must be looked at again.
#[derive(Default)]
pub(crate) struct Stale {
    /// Routers whose interfaces or routes changed, and those that routes led to or lead to now.
    pub(crate) routers: BTreeSet<RouterKey>,
    /// Networks that a chassis may need for another reason, or no longer.
    pub(crate) needs: BTreeSet<(ChassisKey, NetworkKey)>,
    /// Networks that became resident on a chassis, or ceased to be.
    residence: BTreeSet<(ChassisKey, NetworkKey)>,
}

/// A router has gained or lost an interface. Called while its addresses are held by it.
pub(crate) fn interface_changed(world: &World, stale: &mut Stale, router: RouterKey, interface: &Interface) {
    let network = interface.network;
    stale.routers.insert(router);
    stale.needs.extend(world.chassis_of_router.of(router).map(|chassis| (chassis, network)));
    // Whoever sends to one of its addresses sends to it, or again to another that claims the same.
    for (sender, prefix) in world.routes_by_network.of(network) {
        let Some(route) = world.routes.get(&(sender, prefix)) else { continue };
        if interface.addresses().contains(&route.nexthop) {
            stale.routers.insert(sender);
        }
    }
    for address in interface.addresses() {
        let claims = world.holders.of((network, address));
        stale
            .routers
            .extend(claims.filter_map(|claim| if let Holder::Router(other, _) = claim { Some(other) } else { None }));
    }
}

/// A router's static route changed from one to another.
pub(crate) fn route_changed(world: &World, stale: &mut Stale, router: RouterKey, routes: [Option<&Route>; 2]) {
    stale.routers.insert(router);
    stale.routers.extend(routes.into_iter().flatten().filter_map(|route| next_router(world, route)));
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
    marks.stale_needs.residence.insert((chassis, network));
    let needers: Vec<ChassisKey> = world.needers.of(network).collect();
    for needer in needers {
        count_peer(world, marks, needer, chassis, present);
    }
}

/// Brings needs in step, and marks what differs.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks) {
    let Stale { routers, needs, residence } = std::mem::take(&mut marks.stale_needs);
    let mut around: BTreeMap<ChassisKey, (BTreeSet<RouterKey>, BTreeSet<NetworkKey>)> = BTreeMap::new();
    for (chassis, network) in residence {
        let (routers, networks) = around.entry(chassis).or_default();
        routers.extend(world.interfaces_by_network.of(network).map(|(router, _)| router));
        networks.insert(network);
    }
    for (chassis, network) in needs {
        around.entry(chassis).or_default().1.insert(network);
    }
    for router in routers {
        for chassis in concerned(world, router) {
            around.entry(chassis).or_default().0.insert(router);
        }
    }
    for (chassis, (routers, mut networks)) in around {
        reroute(world, marks, chassis, routers, &mut networks);
        for network in networks {
            set_need(world, marks, network, chassis);
        }
    }
}

/// The chassis that route for a router, or may have to.
fn concerned(world: &World, router: RouterKey) -> BTreeSet<ChassisKey> {
    let mut chassis: BTreeSet<ChassisKey> = world.chassis_of_router.of(router).collect();
    for network in networks(world, router) {
        chassis.extend(world.residents.of(network));
    }
    for sender in senders(world, router) {
        chassis.extend(world.chassis_of_router.of(sender));
    }
    chassis.extend(gateways(world, router));
    chassis
}

/// The chassis by which others send out what a router has for outside.
fn gateways(world: &World, router: RouterKey) -> impl Iterator<Item = ChassisKey> + use<> {
    let gateway = world.gateways.get(&router);
    let gateways = gateway.map(|gateway| world.gateways(gateway.network)).unwrap_or_default();
    gateways.into_iter().map(|gateway| gateway.chassis)
}

/// Works out whether a chassis routes for some routers and those behind them; adds the networks of those that differ.
fn reroute(
    world: &mut World,
    marks: &mut Marks,
    chassis: ChassisKey,
    routers: BTreeSet<RouterKey>,
    affected: &mut BTreeSet<NetworkKey>,
) {
    let region = closure(world, routers, |_| true);
    let stands = |router: &RouterKey| {
        let resident = |network| world.residents.contains(network, chassis);
        let outside = |sender| !region.contains(&sender) && world.routers_at.contains(chassis, sender);
        networks(world, *router).any(resident)
            || senders(world, *router).any(outside)
            || gateways(world, *router).any(|gateway| gateway == chassis)
    };
    let routed = closure(world, region.iter().copied().filter(stands), |router| region.contains(router));
    for router in region {
        let present = routed.contains(&router);
        if world.routers_at.contains(chassis, router) == present {
            continue;
        }
        affected.extend(networks(world, router));
        affected.extend(world.gateways.get(&router).map(|gateway| gateway.network));
        world.routers_at.set(chassis, router, present);
        world.chassis_of_router.set(router, chassis, present);
        marks.changed(Key::RouterAt(router, chassis));
        for subnet in world.interfaces_by_router.of(router) {
            marks.changed(Key::InterfaceAt(router, subnet, chassis));
        }
        for prefix in world.routes_by_router.of(router) {
            marks.changed(Key::RouteAt(router, prefix, chassis));
        }
        if world.gateways.contains_key(&router) {
            marks.changed(Key::GatewayAt(router, chassis));
        }
        presences::rerouted(world, marks, router, chassis);
    }
}

/// Routers, and all that they send to by static routes.
fn closure(
    world: &World,
    from: impl IntoIterator<Item = RouterKey>,
    within: impl Fn(&RouterKey) -> bool,
) -> BTreeSet<RouterKey> {
    let mut found = BTreeSet::new();
    let mut pending: Vec<RouterKey> = from.into_iter().collect();
    while let Some(router) = pending.pop() {
        if within(&router) && found.insert(router) {
            let routes = world.routes_by_router.of(router);
            pending.extend(routes.filter_map(|prefix| next_router(world, world.routes.get(&(router, prefix))?)));
        }
    }
    found
}

/// The networks that a router has interfaces on, one for each interface.
fn networks(world: &World, router: RouterKey) -> impl Iterator<Item = NetworkKey> + '_ {
    let interfaces = world.interfaces_by_router.of(router);
    interfaces.filter_map(move |subnet| Some(world.interfaces.get(&(router, subnet))?.network))
}

/// The routers that send to a router by static routes.
fn senders(world: &World, router: RouterKey) -> impl Iterator<Item = RouterKey> + '_ {
    let leads_here = move |(sender, prefix): &(RouterKey, IpNet)| {
        world.routes.get(&(*sender, *prefix)).and_then(|route| next_router(world, route)) == Some(router)
    };
    let routes = networks(world, router).flat_map(|network| world.routes_by_network.of(network));
    routes.filter(leads_here).map(|(sender, _)| sender)
}

/// The router that a route leads to.
fn next_router(world: &World, route: &Route) -> Option<RouterKey> {
    match world.holders.of((route.network, route.nexthop)).next()? {
        Holder::Router(router, _) => Some(router),
        Holder::Port(_) => None,
    }
}

/// Whether and why a chassis needs a network, by who is resident and routed there now.
fn set_need(world: &mut World, marks: &mut Marks, network: NetworkKey, chassis: ChassisKey) {
    let need = Need {
        resident: world.residents.contains(network, chassis),
        routed: world.interfaces_by_network.of(network).any(|(router, _)| world.routers_at.contains(chassis, router)),
        external: world.gateways_by_network.of(network).any(|router| world.routers_at.contains(chassis, router)),
    };
    let need = (need != Need::default()).then_some(need);
    let before = world.needs.get(&(network, chassis)).copied();
    if before == need {
        return;
    }
    marks.changed(Key::Need(network, chassis));
    match need {
        Some(need) => world.needs.insert_mut((network, chassis), need),
        None => drop(world.needs.remove_mut(&(network, chassis))),
    }
    let residents: Vec<ChassisKey> = world.residents.of(network).collect();
    for resident in residents {
        if before.is_some() != need.is_some() {
            count_peer(world, marks, chassis, resident, need.is_some());
        }
        for port in world.bound.of((network, resident)) {
            marks.changed(Key::Reach(port, chassis));
        }
    }
    for service in world.anycasts_by_network.of(network) {
        marks.changed(Key::AnycastAt(service, chassis));
    }
    world.needers.set(network, chassis, need.is_some());
    world.needed.set(chassis, network, need.is_some());
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

impl Interface {
    /// The addresses that it holds whatever else there is: its own, and its MAC's link-local one.
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        [self.address, IpAddr::V6(addr::link_local(self.mac))]
    }
}
