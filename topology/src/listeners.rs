//! Who listens to which multicast group, and what follows for those who send to it: on their own network, and by its routers on others.
//!
//! An audience is what a packet to a group meets that is sent on a network. Which ports get it may hang on its source: on who
//! listens to that source (RFC 3810, 4.1), and on whether a router forwards from there. For each case an audience has a number, by which switches
//! know its copies. A number follows from network, group and case; where two fall on one, the later takes the next.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use addr::{IpNet, MacAddr};
use rustc_hash::FxHasher;

use crate::commit::Marks;
use crate::facts::{Listener, Role};
use crate::keys::{Key, NetworkKey, PortKey, RouterKey};
use crate::world::World;

/// Numbers of cases: as many as 24 bits have, without 0.
const NUMBER_MASK: u32 = 0x00ff_ffff;

/// What a packet to a group meets that is sent on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// By source; `None`: any that no other case is about. The longest prefix counts.
    pub cases: BTreeMap<Option<IpNet>, Case>,
}

/// One case of an audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// 24 bits, not 0; no other case of any audience has it.
    pub number: u32,
    /// The networks that routers forward to, where somebody listens to the group; each with the MAC that the router has there.
    pub routed: Vec<(NetworkKey, MacAddr)>,
}

/// Audiences that must be looked at again.
#[derive(Default)]
pub(crate) struct Stale {
    groups: BTreeSet<(NetworkKey, IpAddr)>,
    /// Networks whose routers, or routers' other networks, changed.
    networks: BTreeSet<NetworkKey>,
}

/// Whether a group is told of by its listeners: not those of one link or host, which everybody gets (RFC 3810, 6; RFC 4541, 2.1.2).
pub fn is_snooped(group: IpAddr) -> bool {
    match group {
        IpAddr::V6(group) => group.is_multicast() && group.octets()[1] & 0xf > 1 && group.segments()[0] != 0xff02,
        IpAddr::V4(group) => group.is_multicast() && group.octets()[..3] != [224, 0, 0],
    }
}

/// Whether routers forward to a group: it is of a site or more (RFC 4291, 2.7; for IPv4 RFC 2365, 6).
pub fn is_routed(group: IpAddr) -> bool {
    match group {
        IpAddr::V6(group) => is_snooped(group.into()) && group.octets()[1] & 0xf >= 5,
        IpAddr::V4(group) => is_snooped(group.into()) && group.octets()[..2] != [239, 255],
    }
}

impl Listener {
    /// Whether it wants what a source sends; `None`: one that nobody names.
    pub fn hears(&self, source: Option<IpAddr>) -> bool {
        source.is_some_and(|source| self.sources.binary_search(&source).is_ok()) != self.exclude
    }
}

/// A port listens to a group, otherwise than before, or no longer.
pub(crate) fn changed(world: &mut World, marks: &mut Marks, port: PortKey, group: IpAddr, new: Option<Listener>) {
    if world.listeners.get(&(port, group)) == new.as_ref() {
        return;
    }
    let present = new.is_some();
    match new {
        Some(listener) => world.listeners.insert_mut((port, group), listener),
        None => drop(world.listeners.remove_mut(&(port, group))),
    }
    marks.changed(Key::Listener(port, group));
    if let Some(network) = world.ports.get(&port).map(|port| port.network) {
        listen(world, marks, network, port, group, present);
    }
}

/// A port is on another network, or on none any more.
pub(crate) fn port_moved(
    world: &mut World,
    marks: &mut Marks,
    port: PortKey,
    before: Option<NetworkKey>,
    after: Option<NetworkKey>,
) {
    if before == after {
        return;
    }
    let groups: Vec<IpAddr> = world.listened(port).map(|(group, _)| group).collect();
    for (network, present) in [(before, false), (after, true)] {
        let Some(network) = network else { continue };
        for group in &groups {
            listen(world, marks, network, port, *group, present);
        }
        watch(world, marks, network, port, present);
    }
}

/// What is behind a port may be another.
pub(crate) fn role_changed(world: &mut World, marks: &mut Marks, port: PortKey) {
    if let Some(network) = world.ports.get(&port).map(|port| port.network) {
        watch(world, marks, network, port, true);
    }
}

/// Routers and monitors get everything.
fn watch(world: &mut World, marks: &mut Marks, network: NetworkKey, port: PortKey, present: bool) {
    let watches = present && world.policies.get(&port).is_some_and(|policy| policy.role != Role::Host);
    if world.watchers.contains(network, port) != watches {
        world.watchers.set(network, port, watches);
        marks.changed(Key::Watchers(network));
    }
}

fn listen(world: &mut World, marks: &mut Marks, network: NetworkKey, port: PortKey, group: IpAddr, present: bool) {
    world.listening.set((network, group), port, present);
    marks.changed(Key::Listening(network, group));
    let any = world.listening.any((network, group));
    world.groups_on.set(network, group, any);
    marks.stale_audiences.groups.insert((network, group));
}

/// A router has gained or lost an interface on a network. Called before and after.
pub(crate) fn interface_changed(world: &World, stale: &mut Stale, router: RouterKey, network: NetworkKey) {
    stale.networks.insert(network);
    stale.networks.extend(networks_of(world, router).map(|(network, _)| network));
}

/// A subnet has another prefix.
pub(crate) fn subnet_changed(stale: &mut Stale, network: NetworkKey) {
    stale.networks.insert(network);
}

/// Brings audiences in step, and marks what differs.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks) {
    let Stale { groups, networks } = std::mem::take(&mut marks.stale_audiences);
    let mut stale: BTreeSet<(NetworkKey, IpAddr)> = BTreeSet::new();
    for (network, group) in groups {
        stale.insert((network, group));
        stale.extend(neighbours(world, network).into_iter().map(|other| (other, group)));
    }
    for network in networks {
        stale.extend(world.audiences_on(network).map(|(group, _)| (network, group)));
        let around = neighbours(world, network).into_iter().chain([network]);
        let heard: Vec<IpAddr> = around.flat_map(|other| world.groups_on.of(other)).collect();
        stale.extend(heard.into_iter().map(|group| (network, group)));
    }
    // Numbers are given up before others take them, and taken in order, so that they hang on facts alone as far as can be.
    let after: Vec<_> = stale.into_iter().map(|at| (at, cases(world, at.0, at.1))).collect();
    for (at, cases) in &after {
        give_up(world, *at, cases);
    }
    for (at, cases) in after {
        settle(world, marks, at, cases);
    }
}

type Routed = Vec<(NetworkKey, MacAddr)>;

/// The cases of an audience; empty: nobody listens.
fn cases(world: &World, network: NetworkKey, group: IpAddr) -> BTreeMap<Option<IpNet>, Routed> {
    let heard_on = |other: NetworkKey| world.listening.any((other, group));
    let prefixes: BTreeMap<IpNet, Routed> = match is_routed(group) {
        true => forwarded(world, network, group.is_ipv6())
            .into_iter()
            .map(|(prefix, to)| (prefix, to.into_iter().filter(|(other, _)| heard_on(*other)).collect()))
            .filter(|(_, to): &(IpNet, Routed)| !to.is_empty())
            .collect(),
        false => BTreeMap::new(),
    };
    if !heard_on(network) && prefixes.is_empty() {
        return BTreeMap::new();
    }
    let others = prefixes.values().flatten().map(|(other, _)| *other);
    let around: BTreeSet<NetworkKey> = others.chain([network]).collect();
    let ports = around.into_iter().flat_map(|other| world.listening.of((other, group)));
    let sources: BTreeSet<IpAddr> = ports
        .filter_map(|port| world.listeners.get(&(port, group)))
        .flat_map(|listener| listener.sources.iter().copied())
        .collect();
    let by_source = sources.into_iter().map(|source| {
        let within = prefixes.iter().filter(|(prefix, _)| prefix.contains(&source));
        let routed = within.max_by_key(|(prefix, _)| prefix.prefix_len()).map(|(_, to)| to.clone());
        (Some(IpNet::from(source)), routed.unwrap_or_default())
    });
    let by_source: Vec<_> = by_source.collect();
    let by_prefix = prefixes.into_iter().map(|(prefix, to)| (Some(prefix), to));
    by_prefix.chain(by_source).chain([(None, Vec::new())]).collect()
}

/// Where routers forward to what is sent on a network from one of its prefixes: that is what they check a source by (RFC 1812, 5.2.5;
/// here the reverse path is the connected network).
fn forwarded(world: &World, network: NetworkKey, ipv6: bool) -> BTreeMap<IpNet, BTreeMap<NetworkKey, MacAddr>> {
    let mut forwarded: BTreeMap<IpNet, BTreeMap<NetworkKey, MacAddr>> = BTreeMap::new();
    for (router, subnet) in world.interfaces_by_network.of(network) {
        let Some(prefix) = world.subnets.get(&subnet).map(|subnet| subnet.cidr) else { continue };
        if matches!(prefix, IpNet::V6(_)) != ipv6 {
            continue;
        }
        let to = forwarded.entry(prefix).or_default();
        for (other, mac) in networks_of(world, router).filter(|(other, _)| *other != network) {
            to.entry(other).or_insert(mac);
        }
    }
    forwarded
}

/// The networks that a router has interfaces on, and its MAC there.
fn networks_of(world: &World, router: RouterKey) -> impl Iterator<Item = (NetworkKey, MacAddr)> + '_ {
    let interfaces = world.interfaces_by_router.of(router);
    interfaces
        .filter_map(move |subnet| world.interfaces.get(&(router, subnet)))
        .map(|interface| (interface.network, interface.mac))
}

/// The networks that share a router with a network.
fn neighbours(world: &World, network: NetworkKey) -> BTreeSet<NetworkKey> {
    let routers = world.interfaces_by_network.of(network).map(|(router, _)| router);
    routers.flat_map(|router| networks_of(world, router)).map(|(other, _)| other).filter(|o| *o != network).collect()
}

/// Numbers of cases that are no more.
fn give_up(world: &mut World, at: (NetworkKey, IpAddr), cases: &BTreeMap<Option<IpNet>, Routed>) {
    let Some(before) = world.audiences.get(&at) else { return };
    let gone: Vec<u32> =
        before.cases.iter().filter(|(case, _)| !cases.contains_key(case)).map(|(_, case)| case.number).collect();
    for number in gone {
        world.numbers.remove_mut(&number);
    }
}

fn settle(world: &mut World, marks: &mut Marks, at: (NetworkKey, IpAddr), cases: BTreeMap<Option<IpNet>, Routed>) {
    let before = world.audiences.get(&at).cloned();
    let numbered = cases.into_iter().map(|(case, routed)| {
        let known = before.as_ref().and_then(|before| before.cases.get(&case)).map(|case| case.number);
        let number = known.unwrap_or_else(|| take_number(world, at, case));
        (case, Case { number, routed })
    });
    let after = Audience { cases: numbered.collect() };
    if before.as_ref().unwrap_or(&Audience::default()) == &after {
        return;
    }
    marks.changed(Key::Audience(at.0, at.1));
    let crosses = |world: &World| world.is_forwarded(at.0);
    let crossed = crosses(world);
    match after.cases.is_empty() {
        true => drop(world.audiences.remove_mut(&at)),
        false => world.audiences.insert_mut(at, after),
    }
    let routed = world.audiences.get(&at).is_some_and(Audience::is_routed);
    world.forwarded.set(at.0, at.1, routed);
    if crossed != crosses(world) {
        marks.changed(Key::Forwarded(at.0));
    }
}

impl Audience {
    fn is_routed(&self) -> bool {
        self.cases.values().any(|case| !case.routed.is_empty())
    }
}

/// The first free number from where network, group and case fall.
fn take_number(world: &mut World, at: (NetworkKey, IpAddr), case: Option<IpNet>) -> u32 {
    let mut hasher = FxHasher::default();
    (at.0.0, at.1, case).hash(&mut hasher);
    let hash = hasher.finish();
    let mut number = (hash ^ (hash >> 24) ^ (hash >> 48)) as u32 & NUMBER_MASK;
    // As long as the world has fewer cases than numbers, one is free.
    for _ in 0..NUMBER_MASK {
        if number != 0 && !world.numbers.contains(&number) {
            break;
        }
        number = (number + 1) & NUMBER_MASK;
    }
    world.numbers.insert_mut(number);
    number
}

impl World {
    /// The groups that a port listens to, in order.
    pub fn listened(&self, port: PortKey) -> impl Iterator<Item = (IpAddr, &Listener)> {
        let all = (port, <IpAddr as crate::index::Bounds>::LEAST)..=(port, <IpAddr as crate::index::Bounds>::GREATEST);
        self.listeners.range(all).map(|((_, group), listener)| (*group, listener))
    }

    /// Whether a port listens to a group, to whatever source.
    pub fn listens(&self, port: PortKey, group: IpAddr) -> bool {
        self.listeners.contains_key(&(port, group))
    }

    /// The groups that what is sent on a network has an audience for.
    pub(crate) fn audiences_on(&self, network: NetworkKey) -> impl Iterator<Item = (IpAddr, &Audience)> {
        let all =
            (network, <IpAddr as crate::index::Bounds>::LEAST)..=(network, <IpAddr as crate::index::Bounds>::GREATEST);
        self.audiences.range(all).map(|((_, group), audience)| (*group, audience))
    }

    /// Whether routers forward something that is sent to groups on a network.
    pub(crate) fn is_forwarded(&self, network: NetworkKey) -> bool {
        self.forwarded.any(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn scopes_say_who_is_asked_and_where_routers_forward() {
        for (group, snooped, routed) in [
            ("ff02::1", false, false),
            ("ff02::1:ff00:1", false, false),
            ("ff01::5", false, false),
            ("ff12::5", true, false),
            ("ff04::5", true, false),
            ("ff05::5", true, true),
            ("ff15::5", true, true),
            ("ff3e::8000:1", true, true),
            ("2001:db8::1", false, false),
            ("224.0.0.251", false, false),
            ("224.0.1.1", true, true),
            ("232.1.2.3", true, true),
            ("239.255.1.1", true, false),
            ("10.0.0.1", false, false),
        ] {
            assert_eq!((is_snooped(a(group)), is_routed(a(group))), (snooped, routed), "{group}");
        }
    }

    #[test]
    fn a_listener_hears_by_source() {
        let only = Listener { exclude: false, sources: [a("::1"), a("::3")].into() };
        let all_but = Listener { exclude: true, ..only.clone() };
        for (source, named) in [(Some(a("::1")), true), (Some(a("::2")), false), (None, false)] {
            assert_eq!((only.hears(source), all_but.hears(source)), (named, !named));
        }
    }
}
