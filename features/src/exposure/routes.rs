//! The routes that routers upstream need: a function of the facts alone, for BGP, for operators and for status alike.

use std::collections::BTreeSet;
use std::net::IpAddr;

use addr::{IpNet, Ipv6Net, is_link_local};
use topology::{ChassisKey, Exposure, ExposureKey, ExposureMethod, PortKey, RouterKey, View};

use crate::gateway::choice;

/// A route that leads in from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it leads to.
    pub prefix: IpNet,
    /// The router's addresses on the provider network that it leads over, each with the gateway that answers for it.
    pub nexthops: Vec<(IpAddr, ChassisKey)>,
    /// The port that it leads to alone; `None`: to a whole subnet.
    pub port: Option<PortKey>,
}

/// The routes of an exposure that is routed, to what it is outside, in order. A port's lead over its own chassis, where that is a gateway that holds an address
/// of the router's: what comes in then takes no detour. All others lead over each gateway.
pub fn routes(view: &View<'_>, key: ExposureKey) -> Vec<Route> {
    let Some(exposure) = view.exposure(key).filter(|exposure| exposure.method == ExposureMethod::Routed) else {
        return Vec::new();
    };
    let nexthops = nexthops(view, exposure.router);
    let of_family = |prefix: &IpNet| {
        let ipv6 = matches!(prefix, IpNet::V6(_));
        nexthops.iter().copied().filter(|(address, _)| address.is_ipv6() == ipv6).collect::<Vec<_>>()
    };
    let mut routes: Vec<Route> = Vec::new();
    for prefix in exposure.prefixes.iter().filter_map(|(_, prefix)| outside(view, exposure.router, *prefix)) {
        routes.push(Route { prefix, nexthops: of_family(&prefix), port: None });
    }
    for port in &exposure.ports {
        let home = view.binding(*port).map(|binding| binding.chassis);
        let of_port = of_port(view, exposure, *port).into_iter();
        for prefix in of_port.filter_map(|prefix| outside(view, exposure.router, prefix)) {
            let all = of_family(&prefix);
            let direct: Vec<_> = all.iter().copied().filter(|(_, chassis)| Some(*chassis) == home).collect();
            // Nobody leads to a port that is nowhere.
            let nexthops = match home {
                None => Vec::new(),
                Some(_) if direct.is_empty() => all,
                Some(_) => direct,
            };
            routes.push(Route { prefix, nexthops, port: Some(*port) });
        }
    }
    routes.sort_by_key(|route| (route.prefix, route.port));
    routes.dedup_by_key(|route| route.prefix);
    routes
}

/// What a prefix behind a router is outside: another where a mapping says so (RFC 6296), as much of the mapping's as its addresses may be of;
/// `None`: its one address is a floating one's inside, which outside is that alone.
pub fn outside(view: &View<'_>, router: RouterKey, prefix: IpNet) -> Option<IpNet> {
    let host = prefix.prefix_len() == prefix.max_prefix_len();
    if host && view.outside_of(router, prefix.addr()).is_some() {
        return None;
    }
    let IpNet::V6(net) = prefix else { return Some(prefix) };
    let mappings = view.prefix_mappings(router);
    let Some(pair) = mappings.iter().map(|mapping| mapping.pair).find(|pair| pair.internal().contains(&net)) else {
        return Some(prefix);
    };
    // What is made up for in a word keeps addresses together that have the same first bits up to behind it.
    let together = pair.is_plain() || host || pair.by_subnet() && net.prefix_len() >= 64;
    let shifted = if together { pair.outward(net.network()) } else { None };
    let image = shifted.and_then(|network| Ipv6Net::new(network, net.prefix_len()).ok()).map(|image| image.trunc());
    Some(IpNet::V6(image.unwrap_or(pair.external())))
}

/// What leads to a port: its addresses on networks of the router, and the prefixes that are routed to it.
fn of_port(view: &View<'_>, exposure: &Exposure, port: PortKey) -> Vec<IpNet> {
    let Some(fact) = view.port(port) else { return Vec::new() };
    let on = view.interfaces_on(fact.network).into_iter().filter(|(router, _)| *router == exposure.router);
    let prefixes: Vec<IpNet> = on.filter_map(|(_, subnet)| Some(view.subnet(subnet)?.cidr)).collect();
    let own = fact.all().filter(|address| {
        let local = matches!(address, IpAddr::V6(address) if is_link_local(*address));
        !local && prefixes.iter().any(|prefix| prefix.contains(address))
    });
    let routed = fact.prefixes.iter().map(|delegated| IpNet::V6(delegated.prefix)).filter(|_| !prefixes.is_empty());
    own.map(IpNet::from).chain(routed).collect()
}

/// The router's addresses that routes upstream lead over, each with the gateway that holds it: of each family one or more for each gateway.
/// What a gateway holds in another's place counts only where it holds nothing of its own: so a route over a gateway that is gone is taken
/// back, though its address is answered for.
pub fn nexthops(view: &View<'_>, router: RouterKey) -> Vec<(IpAddr, ChassisKey)> {
    let Some(gateway) = view.gateway(router) else { return Vec::new() };
    let all = view.gateways(gateway.network);
    let highest = all.iter().map(|gateway| gateway.priority).max();
    let all: Vec<ChassisKey> = all.into_iter().filter(|g| Some(g.priority) == highest).map(|g| g.chassis).collect();
    let homes = choice::share(&gateway.addresses, &all);
    let held: Vec<(IpAddr, ChassisKey)> =
        choice::holders(view, router).into_iter().filter_map(|(address, holder)| Some((address, holder?))).collect();
    let at_home = |at: &(IpAddr, ChassisKey)| homes.contains(&(at.0, Some(at.1)));
    let mut provided = BTreeSet::new();
    let mut nexthops: Vec<_> = held.iter().copied().filter(at_home).collect();
    provided.extend(nexthops.iter().map(|(address, chassis)| (address.is_ipv6(), *chassis)));
    nexthops.extend(held.iter().copied().filter(|(address, chassis)| provided.insert((address.is_ipv6(), *chassis))));
    nexthops.sort_unstable();
    nexthops
}
