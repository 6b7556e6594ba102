//! Tells neighbours on physical networks who answers for addresses now (RFC 4861, 7.2.6; RFC 9131; RFC 5227, 2.3).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use packet::{Advertised, arp_request, neighbor_advert};
use topology::{ChassisKey, NetworkKey, RouterKey, View, World};

use super::choice;
use super::service::outward;
use crate::punt::PacketOut;
use crate::router::sends_from;
use crate::time::Millis;
use crate::turns::Turns;

/// Milliseconds to each announcement that an address is elsewhere, from the one before. The first one leaves rows the time to be there.
const ANNOUNCE_MS: [u64; 4] = [30, 200, 1_000, 1_000];
/// Milliseconds after which a chassis is looked at again that has not confirmed its rows.
const UNSETTLED_MS: u64 = 20;
/// Milliseconds for which an announcement waits for that, at most.
const UNSETTLED_MAX_MS: u64 = 5_000;
/// Announcements of one turn, and milliseconds to the next turn if there are more.
const BURST: usize = 200;
const BURST_PAUSE_MS: u64 = 20;

/// An address on a provider network.
type At = (NetworkKey, IpAddr);
/// Whose MAC neighbours are told: the router's on a chassis.
type Answerer = (RouterKey, ChassisKey);

/// Who answers for which address, as neighbours were told or will be.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// Routers' own addresses.
    own: BTreeMap<At, Answerer>,
    /// Those that they have on others' behalf.
    presences: BTreeMap<At, Answerer>,
    turns: Turns<At>,
    /// Of those that wait for rows, since when.
    waiting: BTreeMap<At, Millis>,
    paused_until: Millis,
}

impl Announced {
    /// Looks at all routers' own addresses again.
    pub(super) fn note_routers(&mut self, world: &World, now: Millis) {
        let view = View::new(world);
        let mut held = BTreeMap::new();
        for router in world.gateway_routers() {
            let Some(gateway) = view.gateway(router) else { continue };
            let holders = choice::holders(&view, router).into_iter();
            held.extend(holders.filter_map(|(address, holder)| Some(((gateway.network, address), (router, holder?)))));
        }
        for (at, answerer) in &held {
            if self.own.get(at) != Some(answerer) {
                self.begin(*at, now);
            }
        }
        self.own = held;
    }

    /// Looks at some of the others again.
    pub(super) fn note(&mut self, world: &World, changed: &BTreeSet<At>, now: Millis) {
        let view = View::new(world);
        for at in changed {
            let presence = view.presence(at.0, at.1);
            match presence.and_then(|there| Some((there.router, choice::holder(&view, *at, there)?))) {
                Some(answerer) if self.presences.insert(*at, answerer) != Some(answerer) => self.begin(*at, now),
                Some(_) => {}
                None => drop(self.presences.remove(at)),
            }
        }
    }

    fn begin(&mut self, at: At, now: Millis) {
        self.waiting.remove(&at);
        self.turns.set(at, now.after_ms(ANNOUNCE_MS[0]), 0);
    }

    /// What is due now. `settled`: the chassis has confirmed its rows.
    pub(super) fn due(
        &mut self,
        world: &World,
        now: Millis,
        settled: &impl Fn(ChassisKey) -> bool,
        packets: &mut Vec<PacketOut>,
    ) {
        if now < self.paused_until {
            return;
        }
        let mut sent = 0;
        while sent < BURST
            && let Some((at, count)) = self.turns.take(now)
        {
            let Some(answerer) = self.presences.get(&at).or_else(|| self.own.get(&at)).copied() else { continue };
            let since = *self.waiting.entry(at).or_insert(now);
            if !settled(answerer.1) && now < since.after_ms(UNSETTLED_MAX_MS) {
                self.turns.set(at, now.after_ms(UNSETTLED_MS), count);
                continue;
            }
            self.waiting.remove(&at);
            sent += 1;
            packets.extend(announcement(world, at, answerer));
            if let Some(wait) = ANNOUNCE_MS.get(count as usize + 1) {
                self.turns.set(at, now.after_ms(*wait), count + 1);
            }
        }
        if sent == BURST {
            self.paused_until = now.after_ms(BURST_PAUSE_MS);
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.turns.first().map(|first| first.max(self.paused_until))
    }
}

fn announcement(world: &World, (network, address): At, (router, chassis): Answerer) -> Option<PacketOut> {
    let mac = sends_from(chassis, router);
    let frame = match address {
        IpAddr::V4(address) => arp_request(mac, address, address).to_vec(),
        IpAddr::V6(target) => {
            let what = Advertised { mac, target, src: target, router: true, override_: true };
            neighbor_advert(&what, None).to_vec()
        }
    };
    outward(&View::new(world), network, chassis, frame)
}
