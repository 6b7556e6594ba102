//! Finds the routers on physical networks, and sees to it that they find ours.
//!
//! Each chassis asks for itself (RFC 4861, 7.2 and 7.3): a router that one finds, another may not. Routers that the intent doesn't name
//! are known by what they advertise (RFC 4861, 6.3.4). And when another gateway answers for an address, neighbours are told (RFC 4861, 7.2.6;
//! RFC 9131).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{MacAddr, is_link_local, link_local};
use packet::{Frame, Icmpv6, NdOption, Net, OP_REPLY, arp_request, neighbor_probe, neighbor_solicit, router_solicit};
use topology::{Change, ChassisKey, NetworkKey, View, World};

use super::announced::Announced;
use super::choice;
use super::heard::Heard;
use crate::provider;
use crate::punt::{PacketOut, Unanswered};
use crate::router::sends_from;
use crate::time::Millis;
use crate::turns::Turns;

/// Milliseconds between questions for one that is not found (RFC 4861, 10: `RETRANS_TIMER`), and how many before it counts as lost.
const ASK_MS: u64 = 1_000;
const ASKED_MAX: u32 = 3;
/// Milliseconds between questions whether one that was found is still there, and between those while it does not answer.
const STILL_MS: u64 = 5_000;
const AGAIN_MS: u64 = 500;
/// Milliseconds between questions for one that is lost.
const LOST_MS: u64 = 5_000;
/// Milliseconds after which a chassis is asked to ask that could not.
const LATER_MS: u64 = 500;
/// Neighbours that are asked for, at most.
pub const NEIGHBORS_MAX: usize = 65_536;
/// Routers that one network is believed to have, at most.
pub const ROUTERS_MAX: usize = 16;
/// Milliseconds between solicitations while no router is known (RFC 4861, 10: `RTR_SOLICITATION_INTERVAL`).
const SOLICIT_MS: u64 = 4_000;

/// A neighbour on a provider network, and the chassis that asks for it.
type At = (NetworkKey, ChassisKey, IpAddr);

/// What is known, and what is to be asked when.
#[derive(Debug, Default)]
pub struct Service {
    neighbors: BTreeMap<At, Option<MacAddr>>,
    /// Turns to ask, with how often was asked in vain.
    asks: Turns<At>,
    /// Routers that advertise themselves.
    routers: BTreeMap<(NetworkKey, Ipv6Addr), Heard>,
    solicits: Turns<NetworkKey>,
    announced: Announced,
    lost: BTreeSet<At>,
}

/// What the service wants.
#[derive(Debug, Default)]
pub struct Wants {
    /// Sent.
    pub packets: Vec<PacketOut>,
    /// Known.
    pub changes: Vec<Change>,
}

impl Service {
    /// Facts have changed: others are to be asked for, or hold addresses.
    pub fn changed(&mut self, world: &World, now: Millis) -> Vec<Change> {
        let view = View::new(world);
        let mut wanted = BTreeSet::new();
        for (network, chassis) in world.exits() {
            if view.localnet(network, chassis).is_some() {
                let all = nexthops(world, network).into_iter().map(|address| (network, chassis, address));
                wanted.extend(all.take(NEIGHBORS_MAX.saturating_sub(wanted.len())));
            }
        }
        let mut changes = Vec::new();
        let gone: Vec<At> = self.neighbors.keys().filter(|at| !wanted.contains(at)).copied().collect();
        for at in gone {
            self.asks.remove(at);
            self.lost.remove(&at);
            if self.neighbors.remove(&at).flatten().is_some() {
                changes.push(Change::Neighbor(at.0, at.1, at.2, None));
            }
        }
        for at in wanted {
            if let Entry::Vacant(vacant) = self.neighbors.entry(at) {
                vacant.insert(None);
                self.asks.set(at, now, 0);
            }
        }
        changes.extend(self.forget_routers(world));
        self.solicit_for(world, now);
        self.announced.note_routers(world, now);
        changes
    }

    /// Who answers for these addresses of provider networks may have changed.
    pub fn presences_changed(&mut self, world: &World, changed: &BTreeSet<(NetworkKey, IpAddr)>, now: Millis) {
        self.announced.note(world, changed, now);
    }

    /// What is due now. `ready`: the chassis holds its flows. `settled`: it has confirmed all that was wanted of it.
    pub fn due(
        &mut self,
        world: &World,
        now: Millis,
        ready: impl Fn(ChassisKey) -> bool,
        settled: impl Fn(ChassisKey) -> bool,
    ) -> Wants {
        let mut wants = Wants::default();
        while let Some((at, tries)) = self.asks.take(now) {
            if !ready(at.1) {
                self.asks.set(at, now.after_ms(LATER_MS), tries);
                continue;
            }
            self.ask(world, at, tries, now, &mut wants);
        }
        while let Some((network, count)) = self.solicits.take(now) {
            let view = View::new(world);
            let on = world.exits().into_iter().filter(|(n, chassis)| *n == network && ready(*chassis));
            let mut places = on.filter_map(|(n, chassis)| Some((chassis, source(&view, n, chassis)?)));
            if let Some((chassis, mac)) = places.next() {
                let frame = router_solicit(mac, link_local(mac));
                wants.packets.extend(outward(&view, network, chassis, frame.to_vec()));
            }
            self.solicits.set(network, now.after_ms(SOLICIT_MS), count.saturating_add(1));
        }
        self.routers.retain(|at, heard| {
            let (counts, differs) = if heard.until() <= now { heard.expire(now) } else { (true, false) };
            if !counts || differs {
                wants.changes.push(Change::Upstream(at.0, at.1, counts.then(|| heard.fact())));
            }
            counts
        });
        self.announced.due(world, now, &settled, &mut wants.packets);
        wants
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Millis> {
        let routers = self.routers.values().map(Heard::until).min();
        [self.asks.first(), self.solicits.first(), self.announced.next_due(), routers].into_iter().flatten().min()
    }

    /// A neighbour has said which MAC it has.
    pub fn heard(
        &mut self,
        at: (NetworkKey, ChassisKey),
        frame: &[u8],
        now: Millis,
    ) -> Result<Vec<Change>, Unanswered> {
        let (address, mac) = said(frame)?;
        let at = (at.0, at.1, address);
        let known = self.neighbors.get_mut(&at).ok_or("not_asked")?;
        let differs = known.replace(mac) != Some(mac);
        self.asks.set(at, now.after_ms(STILL_MS), 0);
        self.lost.remove(&at);
        let mut changes = Vec::new();
        if differs {
            changes.push(Change::Neighbor(at.0, at.1, at.2, Some(mac)));
        }
        changes.push(Change::Isolated(at.0, at.1, false));
        Ok(changes)
    }

    /// A router has advertised itself.
    pub fn advertised(
        &mut self,
        world: &World,
        network: NetworkKey,
        frame: &[u8],
        now: Millis,
    ) -> Result<Vec<Change>, Unanswered> {
        let frame = Frame::parse(frame).map_err(|_| "malformed")?;
        let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
        let Ok(Some(Icmpv6::RouterAdvert(advert))) = ip.icmpv6() else { return Err("malformed") };
        let view = View::new(world);
        let declared = view.physical(network).is_some_and(|physical| physical.routers.contains(&ip.src));
        if ip.hop_limit != 255 || !declared {
            return Err("not_a_router");
        }
        let at = (network, ip.src);
        if advert.router_lifetime_s == 0 {
            self.routers.remove(&at);
            return Ok(vec![Change::Upstream(at.0, at.1, None)]);
        }
        let known = self.routers.range((network, Ipv6Addr::UNSPECIFIED)..).take_while(|((n, _), _)| *n == network);
        if known.count() >= ROUTERS_MAX && !self.routers.contains_key(&at) {
            return Err("too_many_routers");
        }
        let heard = self.routers.entry(at).or_insert_with(|| Heard::recalled(now));
        heard.says(&advert, now);
        Ok(vec![Change::Upstream(at.0, at.1, Some(heard.fact()))])
    }

    /// A controller before this one had found a neighbour: its rows are still on the chassis.
    pub fn recalled(&mut self, world: &World, at: At, mac: MacAddr, now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        if let IpAddr::V6(router) = at.2
            && is_link_local(router)
            && !self.routers.contains_key(&(at.0, router))
            && View::new(world).physical(at.0).is_some_and(|physical| physical.routers.contains(&router))
        {
            let heard = Heard::recalled(now);
            changes.push(Change::Upstream(at.0, router, Some(heard.fact())));
            self.routers.insert((at.0, router), heard);
        }
        if self.neighbors.get(&at).is_none_or(Option::is_none) {
            self.neighbors.insert(at, Some(mac));
            self.asks.set(at, now, 0);
            changes.push(Change::Neighbor(at.0, at.1, at.2, Some(mac)));
        }
        changes
    }

    fn ask(&mut self, world: &World, at: At, tries: u32, now: Millis, wants: &mut Wants) {
        let (network, chassis, address) = at;
        let view = View::new(world);
        let Some(known) = self.neighbors.get(&at).copied() else { return };
        if tries >= ASKED_MAX {
            self.lost.insert(at);
            if known.is_some() {
                self.neighbors.insert(at, None);
                wants.changes.push(Change::Neighbor(network, chassis, address, None));
            }
            let all = self.neighbors.range((network, chassis, LEAST)..).map(|(at, _)| *at);
            let isolated = all.take_while(|(n, c, _)| (*n, *c) == (network, chassis)).all(|at| self.lost.contains(&at));
            wants.changes.push(Change::Isolated(network, chassis, isolated));
        }
        if let Some(mac) = source(&view, network, chassis) {
            wants.packets.extend(outward(&view, network, chassis, question(mac, address, known)));
        }
        let wait = match (tries, known) {
            (ASKED_MAX.., _) => LOST_MS,
            (_, Some(_)) => AGAIN_MS,
            (_, None) => ASK_MS,
        };
        self.asks.set(at, now.after_ms(wait), (tries + 1).min(ASKED_MAX));
    }

    /// Routers of networks that nobody leads to are not remembered.
    fn forget_routers(&mut self, world: &World) -> Vec<Change> {
        let view = View::new(world);
        let used = |network: NetworkKey, router: &Ipv6Addr| {
            let declared = view.physical(network).is_some_and(|physical| physical.routers.contains(router));
            declared && !world.routers_to(network).is_empty()
        };
        let gone: Vec<_> = self.routers.keys().filter(|(n, router)| !used(*n, router)).copied().collect();
        self.routers.retain(|at, _| !gone.contains(at));
        gone.into_iter().map(|(network, router)| Change::Upstream(network, router, None)).collect()
    }

    /// Networks whose routers are to be asked for.
    fn solicit_for(&mut self, world: &World, now: Millis) {
        let networks: BTreeSet<NetworkKey> = world.exits().into_iter().map(|(network, _)| network).collect();
        for network in networks {
            let named = |router| world.gateway(router).is_some_and(|g| g.nexthops.iter().any(IpAddr::is_ipv6));
            let needed = world.routers_to(network).into_iter().any(|router| !named(router));
            let at = (network, Ipv6Addr::UNSPECIFIED)..;
            let mut known = self.routers.range(at).take_while(|((n, _), _)| *n == network);
            // Whoever starts anew asks what those say that it knows of.
            if needed && (world.upstreams(network).is_empty() || known.any(|(_, heard)| heard.recalled)) {
                if !self.solicits.contains(network) {
                    self.solicits.set(network, now, 0);
                }
            } else {
                self.solicits.remove(network);
            }
        }
    }
}

const LEAST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// All that may be a next hop on a provider network.
fn nexthops(world: &World, network: NetworkKey) -> BTreeSet<IpAddr> {
    let view = View::new(world);
    let mut all = BTreeSet::new();
    for router in world.routers_to(network) {
        let Some(gateway) = view.gateway(router) else { continue };
        all.extend([true, false].into_iter().flat_map(|ipv6| choice::default_routers(&view, gateway, ipv6)));
        all.extend(world.static_nexthops(router, network));
    }
    all
}

/// The MAC from which a chassis asks on a provider network: that of the first router that leads there.
fn source(view: &View<'_>, network: NetworkKey, chassis: ChassisKey) -> Option<MacAddr> {
    let router = view.routers_to(network).into_iter().find(|router| view.routes_for(*router, chassis))?;
    Some(sends_from(chassis, router))
}

fn question(mac: MacAddr, address: IpAddr, known: Option<MacAddr>) -> Vec<u8> {
    match (address, known) {
        (IpAddr::V6(target), Some(known)) => neighbor_probe(mac, link_local(mac), target, known).to_vec(),
        (IpAddr::V6(target), None) => neighbor_solicit(mac, link_local(mac), target).to_vec(),
        // From no address (RFC 5227, 1.1): another chassis may hold the router's, and neighbours shall not take this one's MAC for it.
        (IpAddr::V4(target), _) => arp_request(mac, Ipv4Addr::UNSPECIFIED, target).to_vec(),
    }
}

pub(super) fn outward(view: &View<'_>, network: NetworkKey, chassis: ChassisKey, frame: Vec<u8>) -> Option<PacketOut> {
    let (vlan, port) = (view.physical(network)?.vlan, view.localnet(network, chassis)?);
    Some(PacketOut::by(chassis, provider::copy_to(vlan, port), frame))
}

/// Who says what of himself.
fn said(frame: &[u8]) -> Result<(IpAddr, MacAddr), Unanswered> {
    let frame = Frame::parse(frame).map_err(|_| "malformed")?;
    match &frame.net {
        Net::Ipv6(ip) => {
            let Ok(Some(Icmpv6::NeighborAdvert { target, options, .. })) = ip.icmpv6() else { return Err("malformed") };
            let told = options.iter().find_map(|option| match option {
                NdOption::TargetLinkLayer(mac) => Some(*mac),
                _ => None,
            });
            // RFC 4861, 7.2.4: who is asked by unicast may leave it out.
            Ok((IpAddr::V6(target), told.unwrap_or(frame.ethernet.src)))
        }
        Net::Arp(arp) if arp.op == OP_REPLY => Ok((IpAddr::V4(arp.spa), arp.sha)),
        _ => Err("malformed"),
    }
}
