//! Keeps the times: what has changed is announced at once and a few times more, a place again and again. At its own pace,
//! so that a thousand ports that come at once don't fill the ways to the switches.

use topology::{ChassisKey, Key, PortKey, World};

use super::addresses::{self, At, Known};
use super::places;
use crate::punt::PacketOut;
use crate::time::Millis;
use crate::turns::Turns;

/// How often a changed MAC is announced, and how far apart: `MAX_NEIGHBOR_ADVERTISEMENT` times, a `RETRANS_TIMER` (RFC 4861,
/// 7.2.6 and 10). Linux overlooks what comes within a second of another news of the same address.
const ADDRESS_COUNT: u32 = 3;
const ADDRESS_INTERVAL_MS: u64 = 1_000;
/// The flows that follow from the same change have this long to be there first.
const ADDRESS_DELAY_MS: u64 = 100;
/// Addresses with announcements to come, at most; one more is left out and counted.
pub const ADDRESSES_PENDING_MAX: usize = 4_096;
/// Packets of one turn, about, and milliseconds to the next turn if there was more to send.
pub const BURST: usize = 200;
const BURST_PAUSE_MS: u64 = 20;

/// What is to be announced, and when.
#[derive(Debug, Default)]
pub struct Service {
    places: Turns<PortKey>,
    addresses: Turns<At>,
    known: Known,
    paused_until: Millis,
    left_out: u64,
}

impl Service {
    /// Facts have changed: ports may be elsewhere, addresses have another MAC. Nothing is sent yet.
    pub fn changed(&mut self, world: &World, changed: &[Key], now: Millis) {
        for key in changed {
            for port in places::concerned(world, key) {
                self.place(world, port, now);
            }
            if let Some(at) = addresses::concerned(key)
                && self.known.outdated(world, at)
            {
                self.address(at, now);
            }
        }
    }

    /// A chassis has come into step: its ports are where they are.
    pub fn ready(&mut self, world: &World, chassis: ChassisKey, now: Millis) {
        for port in places::on(world, chassis) {
            self.place(world, port, now);
        }
    }

    /// What is due now, by the facts of now. `ready`: the chassis holds its flows. A port on another has no turn until
    /// [`Service::ready`].
    pub fn due(&mut self, world: &World, now: Millis, ready: impl Fn(ChassisKey) -> bool) -> Vec<PacketOut> {
        let mut out = Vec::new();
        if now < self.paused_until {
            return out;
        }
        while out.len() < BURST
            && let Some((at, count)) = self.addresses.take(now)
        {
            out.extend(addresses::frames(world, at, &ready));
            if count + 1 < ADDRESS_COUNT {
                self.addresses.set(at, now.after_ms(ADDRESS_INTERVAL_MS), count + 1);
            }
        }
        while out.len() < BURST
            && let Some((port, count)) = self.places.take(now)
        {
            let frames = places::frames(world, port);
            if frames.first().is_some_and(|frame| ready(frame.chassis)) {
                out.extend(frames);
                let sent = count.saturating_add(1);
                self.places.set(port, now.after_ms(places::interval_ms(port, sent)), sent);
            }
        }
        if out.len() >= BURST {
            self.paused_until = now.after_ms(BURST_PAUSE_MS);
        }
        out
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Millis> {
        let first = [self.addresses.first(), self.places.first()].into_iter().flatten().min()?;
        Some(first.max(self.paused_until))
    }

    /// How many addresses were left out since this was asked last.
    pub fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    fn place(&mut self, world: &World, port: PortKey, now: Millis) {
        if !places::frames(world, port).is_empty() {
            self.places.set(port, now, 0);
        } else {
            self.places.remove(port);
        }
    }

    fn address(&mut self, at: At, now: Millis) {
        if self.addresses.len() < ADDRESSES_PENDING_MAX || self.addresses.contains(at) {
            self.addresses.set(at, now.after_ms(ADDRESS_DELAY_MS), 0);
        } else {
            self.left_out += 1;
        }
    }
}
