//! Who does what: by which next hop a chassis sends out, by which gateways others do, which of them holds an address. Functions of the
//! facts alone, for rows and status and announcements alike.

use std::cmp::Reverse;
use std::net::IpAddr;

use addr::Ipv6Net;
use topology::{ChassisKey, ExternalGateway, NetworkKey, Presence, RouterKey, RouterPreference, View};

/// How a chassis sends what is for outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By its own way to the physical network, to this router there.
    Here(IpAddr),
    /// By gateways.
    ByGateways,
    /// It can't.
    Nowhere,
}

/// How a chassis sends what a router has for outside, if its next hop is one of these. Those that it has not found don't count.
pub fn exit(view: &View<'_>, network: NetworkKey, chassis: ChassisKey, nexthops: &[IpAddr]) -> Exit {
    if view.has_carrier(network, chassis)
        && let Some(found) = nexthops.iter().find(|nexthop| view.neighbor(network, chassis, **nexthop).is_some())
    {
        return Exit::Here(*found);
    }
    let others = gateways(view, network).into_iter().any(|gateway| gateway != chassis);
    // Who is not there need not know who else is.
    let known = !nexthops.is_empty() || !view.has_carrier(network, chassis);
    if others && known { Exit::ByGateways } else { Exit::Nowhere }
}

/// The default routers of a router, of a family, the best first: those that the intent names; else those that advertise themselves, by
/// preference (RFC 4191, 3.2).
pub fn default_routers(view: &View<'_>, gateway: &ExternalGateway, ipv6: bool) -> Vec<IpAddr> {
    let named: Vec<IpAddr> = gateway.nexthops.iter().copied().filter(|hop| hop.is_ipv6() == ipv6).collect();
    if !named.is_empty() || !ipv6 {
        return named;
    }
    let mut found = view.upstreams(gateway.network);
    let rank = |preference| match preference {
        RouterPreference::High => 0,
        RouterPreference::Medium => 1,
        RouterPreference::Low => 2,
    };
    found.sort_by_key(|(router, upstream)| (rank(upstream.preference), *router));
    found.into_iter().map(|(router, _)| IpAddr::V6(router)).collect()
}

/// Where what comes from a prefix leaves by other default routers than all else, the best first: those that advertise the prefix go before
/// those that don't (RFC 8028, 3.2), for those may drop it. Only where the intent names none. No two of the prefixes overlap.
pub fn by_source(view: &View<'_>, gateway: &ExternalGateway) -> Vec<(Ipv6Net, Vec<IpAddr>)> {
    if gateway.nexthops.iter().any(IpAddr::is_ipv6) {
        return Vec::new();
    }
    let all = default_routers(view, gateway, true);
    let upstreams = view.upstreams(gateway.network);
    let mut prefixes: Vec<Ipv6Net> = upstreams.iter().flat_map(|(_, upstream)| upstream.prefixes.clone()).collect();
    prefixes.sort_unstable_by_key(|prefix| (Reverse(prefix.prefix_len()), *prefix));
    prefixes.dedup();
    let mut kept: Vec<(Ipv6Net, Vec<IpAddr>)> = Vec::new();
    for prefix in prefixes {
        let says = |router: &IpAddr| {
            upstreams.iter().any(|(own, upstream)| IpAddr::V6(*own) == *router && upstream.prefixes.contains(&prefix))
        };
        let (first, then): (Vec<IpAddr>, Vec<IpAddr>) = all.iter().copied().partition(says);
        if kept.iter().all(|(other, _)| !prefix.contains(other)) {
            kept.push((prefix, first.into_iter().chain(then).collect()));
        }
    }
    kept.retain(|(_, routers)| *routers != all);
    kept
}

/// The largest packets that a network takes, bytes: on a physical one as its routers say, if that is less (RFC 4861, 6.3.4).
pub fn mtu(view: &View<'_>, network: NetworkKey) -> Option<u32> {
    let fact = view.network(network)?;
    let said = fact.physical.is_some().then(|| view.upstreams(network)).into_iter().flatten();
    said.filter_map(|(_, upstream)| upstream.mtu).chain([fact.mtu]).min()
}

/// The chassis by which others send out: of those that can, the ones of the highest priority.
pub fn gateways(view: &View<'_>, network: NetworkKey) -> Vec<ChassisKey> {
    let usable: Vec<_> = view.gateways(network).into_iter().filter(|gateway| gateway.usable).collect();
    let highest = usable.iter().map(|gateway| gateway.priority).max();
    usable.into_iter().filter(|gateway| Some(gateway.priority) == highest).map(|gateway| gateway.chassis).collect()
}

/// Who answers for an address of a provider network: which router, and by which chassis. This is all that rows, answers, announcements
/// and status go by. A router's own addresses are looked for among those of the routers there.
pub fn answered_by(view: &View<'_>, network: NetworkKey, address: IpAddr) -> Option<(RouterKey, ChassisKey)> {
    if let Some(presence) = view.presence(network, address) {
        return Some((presence.router, holder(view, (network, address), presence)?));
    }
    let own = |router: &RouterKey| holders(view, *router).into_iter().find(|(own, _)| *own == address);
    let (router, (_, chassis)) = view.routers_to(network).into_iter().find_map(|r| Some((r, own(&r)?)))?;
    Some((router, chassis?))
}

/// The chassis that answers for an address which a router has on a provider network on somebody's behalf: that of the port that it is for, if
/// it is on the physical network; else one of the gateways. When one goes, only what it held moves.
pub fn holder(view: &View<'_>, (network, address): (NetworkKey, IpAddr), presence: &Presence) -> Option<ChassisKey> {
    view.gateway(presence.router).filter(|gateway| gateway.network == network)?;
    let home = presence.port.and_then(|port| view.place(port)).map(|place| place.chassis);
    if let Some(home) = home.filter(|home| view.has_carrier(network, *home)) {
        return Some(home);
    }
    gateways(view, network).into_iter().max_by_key(|chassis| lot(address, *chassis))
}

/// The chassis that remembers the connections of what a router sends over IPv4 from an address of its own: who answers for that.
pub fn remembers(view: &View<'_>, router: RouterKey) -> Option<ChassisKey> {
    let snat = view.gateway(router)?.snat?;
    holders(view, router).into_iter().find(|(address, _)| *address == IpAddr::V4(snat.address))?.1
}

/// A router's own addresses on its provider network, each with the gateway that answers for it. Each gateway holds about as many of a family; when
/// one goes, only what it held moves.
pub fn holders(view: &View<'_>, router: RouterKey) -> Vec<(IpAddr, Option<ChassisKey>)> {
    let Some(gateway) = view.gateway(router) else { return Vec::new() };
    share(&gateway.addresses, &gateways(view, gateway.network))
}

/// Addresses, each with the one of these gateways that it falls to.
pub fn share(addresses: &[IpAddr], chassis: &[ChassisKey]) -> Vec<(IpAddr, Option<ChassisKey>)> {
    let most = [false, true].map(|ipv6| {
        let all = addresses.iter().filter(|address| address.is_ipv6() == ipv6);
        all.count().div_ceil(chassis.len().max(1))
    });
    let mut held = vec![[0usize; 2]; chassis.len()];
    let mut holders = Vec::new();
    for address in addresses {
        let family = usize::from(address.is_ipv6());
        let free = chassis.iter().enumerate().filter(|(at, _)| held[*at][family] < most[family]);
        let best = free.max_by_key(|(_, chassis)| lot(*address, **chassis)).map(|(at, chassis)| (at, *chassis));
        if let Some((at, _)) = best {
            held[at][family] += 1;
        }
        holders.push((*address, best.map(|(_, chassis)| chassis)));
    }
    holders
}

/// What an address draws for a chassis: highest random weight.
fn lot(address: IpAddr, chassis: ChassisKey) -> u64 {
    let bytes = ::flows::Reg::address(address).to_be_bytes();
    let folded = bytes.iter().fold(u64::from(chassis.0) ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (folded ^ (folded >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
