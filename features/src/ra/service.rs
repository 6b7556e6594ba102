//! Answers router solicitations, advertises unasked at RFC 4861's rates, and says farewell for what is gone.

use std::collections::{BTreeMap, BTreeSet};

use addr::Ipv6Net;
use ofp::Action;
use packet::{Frame, Icmpv6, Net};
use topology::{Advert, ChassisKey, Key, Member, NetworkKey, Place, PortKey, View, World};

use super::advert::{self, MAX_INTERVAL_S, Sender, To};
use crate::direct;
use crate::l2::{self, group_here};
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::time::Millis;

/// A network that is new to a chassis: its rows are on their way there (RFC 4861, 6.2.4 has a random delay of its own).
const FIRST_DELAY_MS: u64 = 500;
/// The first advertisements come faster (RFC 4861, 6.2.4).
const INITIAL_COUNT: u32 = 3;
const INITIAL_INTERVAL_MS: u64 = 16_000;
/// Multicast advertisements of one sender keep this distance (RFC 4861, 6.2.4).
const MIN_DELAY_MS: u64 = 3_000;
/// Output actions of one packet-out: 16 bytes each, in a message of at most 64 KiB.
const OUTPUTS_MAX: usize = 2_000;
/// A third of the longest interval (RFC 4861, 6.2.1).
const MIN_INTERVAL_MS: u64 = MAX_INTERVAL_S * 1000 / 3;

/// What was told to the ports of each network on each chassis, and when it is told again.
#[derive(Debug, Default)]
pub struct Service {
    told: BTreeMap<(NetworkKey, ChassisKey), Told>,
    /// The same, by chassis.
    told_by: BTreeSet<(ChassisKey, NetworkKey)>,
    due: BTreeSet<(Millis, NetworkKey, ChassisKey)>,
    /// Ports that were told something else than their neighbours.
    alone: BTreeSet<PortKey>,
    /// The prefixes of their own that ports were told of.
    own: BTreeMap<PortKey, Vec<Ipv6Net>>,
}

#[derive(Debug)]
struct Told {
    senders: Vec<Sender>,
    count: u32,
    last: Option<Millis>,
    next: Millis,
}

/// An answer to a solicitation: to the one who asks, at once. One for each router of the network.
pub fn solicited(view: &View<'_>, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    // RFC 4861, 6.1.1: hop limit 255, code 0, options in order; the parser has seen to the rest.
    let Ok(Some(Icmpv6::RouterSolicit { options })) = ip.icmpv6() else { return Err("malformed") };
    if ip.hop_limit != 255 {
        return Err("hop_limit");
    }
    if ip.src.is_unspecified() && options.iter().any(|o| matches!(o, packet::NdOption::SourceLinkLayer(_))) {
        return Err("source_option_from_unspecified");
    }
    let senders = advert::senders(view, punted.network);
    let to = To::Asker(frame.ethernet.src, ip.src);
    let told = senders.iter().map(|sender| {
        let mac = direct::known_as(view, punted.place, punted.network, sender.mac);
        let alone = advert::alone(view, sender, punted.port);
        let frame = advert::frame_from(alone.as_ref().unwrap_or(sender), mac, to, &[], punted.at);
        PacketOut::to(punted.place, frame)
    });
    Ok(told.collect())
}

impl Service {
    /// Facts have changed: who advertises may have, and on which chassis. `ready`: the chassis holds its flows, so that nothing
    /// is promised that does not work yet.
    pub fn changed(
        &mut self,
        world: &World,
        changed: &[Key],
        now: Millis,
        ready: impl Fn(ChassisKey) -> bool,
    ) -> Vec<PacketOut> {
        let view = View::new(world);
        let networks: BTreeSet<NetworkKey> = changed.iter().flat_map(|key| networks_of(&view, key)).collect();
        // By who advertised until now: it may be gone with the prefix.
        let ports = changed.iter().filter_map(|key| if let Key::Port(port) = key { Some(*port) } else { None });
        let mut out: Vec<PacketOut> = ports.flat_map(|port| self.withdraw(&view, port, now)).collect();
        for network in networks {
            out.extend(self.reconcile(world, network, now, &ready));
        }
        for key in changed {
            match *key {
                Key::Place(port) => {
                    self.note_alone(&view, port);
                    out.extend(Self::served(&view, port, now).into_iter().filter(|packet| ready(packet.chassis)));
                }
                Key::Port(port) => out.extend(self.readdressed(&view, port, now)),
                _ => {}
            }
        }
        out
    }

    /// A port's own prefixes are noted; what is its no longer, it is told at once: it forms no more addresses of that.
    fn withdraw(&mut self, view: &View<'_>, port: PortKey, now: Millis) -> Vec<PacketOut> {
        let fact = view.port(port);
        let own = fact.into_iter().flat_map(|fact| &fact.prefixes).filter(|own| own.advertised);
        let own: Vec<Ipv6Net> = own.map(|own| own.prefix).collect();
        let had = if own.is_empty() { self.own.remove(&port) } else { self.own.insert(port, own.clone()) };
        let gone: Vec<Ipv6Net> = had.into_iter().flatten().filter(|prefix| !own.contains(prefix)).collect();
        let (Some(fact), Some(place)) = (fact, view.place(port)) else { return Vec::new() };
        let told = self.told.get(&(fact.network, place.chassis));
        let shared = |advert: &Advert| gone.iter().any(|gone| advert.per_host && advert.prefix.contains(gone));
        let frame = |sender: &Sender| {
            let advert = sender.adverts.iter().find(|advert| shared(advert))?;
            let taken_back: Vec<Advert> = gone.iter().map(|gone| advert::only_prefix(advert, *gone)).collect();
            let alone = advert::alone(view, sender, port).unwrap_or_else(|| sender.clone());
            let mac = direct::known_as(view, place, fact.network, sender.mac);
            Some(PacketOut::to(place, advert::frame_from(&alone, mac, To::One(fact.mac), &taken_back, now)))
        };
        told.into_iter().flat_map(|told| &told.senders).filter_map(frame).collect()
    }

    /// Whether a port was, and is now, told something else than its neighbours.
    fn note_alone(&mut self, view: &View<'_>, port: PortKey) -> (bool, bool) {
        let placed = view.port(port).filter(|_| view.place(port).is_some());
        let senders = placed.map(|fact| advert::senders(view, fact.network)).unwrap_or_default();
        let is_alone = senders.iter().any(|sender| advert::alone(view, sender, port).is_some());
        let was_alone = if is_alone { !self.alone.insert(port) } else { self.alone.remove(&port) };
        (was_alone, is_alone)
    }

    /// A port has other addresses: if that makes it one that is told something else, or no longer one, it is told at once.
    fn readdressed(&mut self, view: &View<'_>, port: PortKey, now: Millis) -> Vec<PacketOut> {
        let (was_alone, is_alone) = self.note_alone(view, port);
        let (Some(fact), Some(place)) = (view.port(port), view.place(port)) else { return Vec::new() };
        let Some(told) = self.told.get(&(fact.network, place.chassis)).filter(|_| was_alone || is_alone) else {
            return Vec::new();
        };
        let frame = |sender: &Sender| {
            let mac = direct::known_as(view, place, fact.network, sender.mac);
            let alone = advert::alone(view, sender, port);
            advert::frame_from(alone.as_ref().unwrap_or(sender), mac, To::One(fact.mac), &[], now)
        };
        told.senders.iter().map(|sender| PacketOut::to(place, frame(sender))).collect()
    }

    /// A pass-through NIC is served by another chassis: it is told at once by which MACs it knows its routers now.
    fn served(view: &View<'_>, port: PortKey, now: Millis) -> Vec<PacketOut> {
        let at = view.place(port).filter(|place| place.beyond().is_some()).zip(view.port(port));
        let packets = at.map(|(place, fact)| {
            let senders = advert::senders(view, fact.network).into_iter();
            senders.filter_map(|sender| to_direct(view, (port, place.chassis), &sender, &[], now)).collect::<Vec<_>>()
        });
        packets.unwrap_or_default()
    }

    /// A chassis has come into step: its ports hear what there is to hear.
    pub fn ready(&mut self, world: &World, chassis: ChassisKey, now: Millis) {
        for network in world.networks_resident(chassis) {
            let senders = advert::senders(&View::new(world), network);
            if !senders.is_empty() {
                self.schedule((network, chassis), senders, now);
            }
        }
    }

    /// A chassis is out of reach: nothing is due there until it is back.
    pub fn lost(&mut self, chassis: ChassisKey) {
        let all = (chassis, NetworkKey(0))..=(chassis, NetworkKey(u32::MAX));
        let at: Vec<_> = self.told_by.range(all).map(|(_, network)| *network).collect();
        for network in at {
            self.forget((network, chassis));
        }
    }

    /// What is due now.
    pub fn due(&mut self, world: &World, now: Millis) -> Vec<PacketOut> {
        let view = View::new(world);
        let mut out = Vec::new();
        while let Some((at, network, chassis)) = self.due.first().copied().filter(|(at, ..)| *at <= now) {
            self.due.remove(&(at, network, chassis));
            let Some(told) = self.told.get_mut(&(network, chassis)) else { continue };
            for sender in &told.senders {
                out.extend(to_everybody(&view, network, chassis, sender, &[], now));
            }
            told.count += 1;
            told.last = Some(now);
            told.next = now.after_ms(interval(network, chassis, told.count));
            self.due.insert((told.next, network, chassis));
        }
        out
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, ..)| *at)
    }

    fn reconcile(
        &mut self,
        world: &World,
        network: NetworkKey,
        now: Millis,
        ready: &impl Fn(ChassisKey) -> bool,
    ) -> Vec<PacketOut> {
        let view = View::new(world);
        let senders = advert::senders(&view, network);
        let residents: BTreeSet<ChassisKey> = world.residents(network).into_iter().filter(|c| ready(*c)).collect();
        let told: Vec<ChassisKey> =
            self.told.range((network, ChassisKey(0))..=(network, ChassisKey(u16::MAX))).map(|((_, c), _)| *c).collect();
        let mut out = Vec::new();
        for chassis in told {
            let key = (network, chassis);
            let Some(before) = self.told.get(&key) else { continue };
            for sender in &before.senders {
                let (still, taken_back) = taken_back(sender, &senders);
                if !taken_back.is_empty() {
                    out.extend(to_everybody(&view, network, chassis, &still, &taken_back, now));
                }
            }
            if !residents.contains(&chassis) || senders.is_empty() {
                self.forget(key);
            } else if before.senders != senders {
                let earliest = before.last.map_or(now, |last| now.max(last.after_ms(MIN_DELAY_MS)));
                self.schedule(key, senders.clone(), earliest);
            }
        }
        for chassis in residents {
            if !senders.is_empty() && !self.told.contains_key(&(network, chassis)) {
                self.schedule((network, chassis), senders.clone(), now.after_ms(FIRST_DELAY_MS));
            }
        }
        out
    }

    fn schedule(&mut self, key: (NetworkKey, ChassisKey), senders: Vec<Sender>, at: Millis) {
        let last = self.told.get(&key).and_then(|told| told.last);
        self.forget(key);
        self.told_by.insert((key.1, key.0));
        self.told.insert(key, Told { senders, count: 0, last, next: at });
        self.due.insert((at, key.0, key.1));
    }

    fn forget(&mut self, key: (NetworkKey, ChassisKey)) {
        if let Some(told) = self.told.remove(&key) {
            self.told_by.remove(&(key.1, key.0));
            self.due.remove(&(told.next, key.0, key.1));
        }
    }
}

/// What a sender says now, nothing if it is gone, and the adverts that it takes back.
fn taken_back(before: &Sender, now: &[Sender]) -> (Sender, Vec<Advert>) {
    let still = now.iter().find(|s| s.router == before.router && s.mac == before.mac);
    let still = still.cloned().unwrap_or_else(|| Sender { adverts: Vec::new(), ..before.clone() });
    let gone = |a: &Advert| {
        let kept = |b: &&Advert| a.prefix == b.prefix && b.advertise_prefix >= a.advertise_prefix;
        let Some(b) = still.adverts.iter().find(kept) else { return Some(a.clone()) };
        let less =
            a.rdnss.iter().any(|one| !b.rdnss.contains(one)) || a.routes.iter().any(|one| !b.routes.contains(one));
        // The prefix stays; of what else was told with it, some does not.
        (less || (a.pref64.is_some() && a.pref64 != b.pref64)).then(|| Advert {
            advertise_prefix: false,
            withdrawn: Vec::new(),
            ..a.clone()
        })
    };
    let taken_back = before.adverts.iter().filter_map(gone).collect();
    (still, taken_back)
}

/// To all ports of a network on a chassis: one frame for them all, but one for each that is told something else.
fn to_everybody(
    view: &View<'_>,
    network: NetworkKey,
    chassis: ChassisKey,
    sender: &Sender,
    taken_back: &[Advert],
    now: Millis,
) -> Vec<PacketOut> {
    let frame = advert::frame(sender, To::Everybody, taken_back, now);
    let members = if sender.adverts.iter().any(|a| a.autonomous) { view.members(network, chassis) } else { Vec::new() };
    let (mut others, mut out) = (Vec::new(), Vec::new());
    for Member { port, ofport, .. } in members {
        let (Some(alone), Some(fact)) = (advert::alone(view, sender, port), view.port(port)) else {
            others.extend(l2::to_port(ofport));
            continue;
        };
        out.push(PacketOut::to(
            Place::plugged(chassis, ofport),
            advert::frame(&alone, To::One(fact.mac), taken_back, now),
        ));
    }
    let directs = view.directs(network, chassis).into_iter();
    let directs: Vec<PacketOut> =
        directs.filter_map(|port| to_direct(view, (port, chassis), sender, taken_back, now)).collect();
    if out.is_empty() {
        let all = PacketOut::by(chassis, vec![Action::Group(group_here(network))], frame);
        return directs.into_iter().chain([all]).collect();
    }
    out.extend(directs);
    out.extend(others.chunks(OUTPUTS_MAX).map(|ports| PacketOut::by(chassis, ports.to_vec(), frame.clone())));
    out
}

/// To a pass-through NIC that a chassis serves.
fn to_direct(
    view: &View<'_>,
    (port, chassis): (PortKey, ChassisKey),
    sender: &Sender,
    taken_back: &[Advert],
    now: Millis,
) -> Option<PacketOut> {
    let (fact, place) = (view.port(port)?, view.place(port).filter(|place| place.chassis == chassis)?);
    let mac = direct::known_as(view, place, fact.network, sender.mac);
    let alone = advert::alone(view, sender, port);
    let told = alone.as_ref().unwrap_or(sender);
    Some(PacketOut::to(place, advert::frame_from(told, mac, To::One(fact.mac), taken_back, now)))
}

/// Milliseconds to the next advertisement: short ones first, then spread over a third to the whole of the longest interval,
/// by arithmetic, for the brain knows no randomness.
fn interval(network: NetworkKey, chassis: ChassisKey, count: u32) -> u64 {
    if count < INITIAL_COUNT {
        return INITIAL_INTERVAL_MS;
    }
    let seed = (u64::from(network.0) << 32) ^ (u64::from(chassis.0) << 16) ^ u64::from(count);
    let spread = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    MIN_INTERVAL_MS + spread % (MAX_INTERVAL_S * 1000 - MIN_INTERVAL_MS)
}

fn networks_of(view: &View<'_>, key: &Key) -> Vec<NetworkKey> {
    match *key {
        // Whether a translator is alive.
        Key::Serves(service, _) => view.anycast(service).and_then(|s| s.translates.clone()).unwrap_or_default(),
        _ => network_of(view, key).into_iter().collect(),
    }
}

fn network_of(view: &View<'_>, key: &Key) -> Option<NetworkKey> {
    match *key {
        Key::Network(n) | Key::Need(n, _) | Key::InterfacesOn(n) | Key::SubnetsOf(n) => Some(n),
        Key::Interface(_, s) | Key::Advert(s) | Key::Subnet(s) => view.subnet(s).map(|subnet| subnet.network),
        _ => None,
    }
}
