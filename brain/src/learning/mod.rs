//! Learning on the network with automatic ports: what punted frames teach, what is asked of all ports, and the frames that
//! wait meanwhile. What is learned goes through the store like an intent: see `upkeep`.

mod ages;
mod bridges;
mod held;
mod questions;
mod rates;
mod upkeep;

use std::collections::BTreeMap;
use std::net::IpAddr;

use addr::OfPort;
use features::Millis;
use features::learn::heard::{self, Heard};
use features::punt::{PacketOut, Punted, Unanswered};
use ofp::Action;
use proto::v1;
use topology::{ChassisKey, Holder, Key, NetworkKey, ResourceId, View};

use crate::brain::Brain;
use crate::catalog::{Found, Seen, Unlearnable};
use crate::links::Behind;
use crate::switch::Switch;
use ages::Ages;
use bridges::BridgeMacs;
pub(crate) use held::At;
use held::{Frame, Held, Wait, Way};
use rates::Rates;
use upkeep::Wishes;

pub(crate) use upkeep::is_down;

/// What became of a punted frame: a name for counters.
pub(crate) type Outcome = Result<&'static str, Unanswered>;

/// Milliseconds between two events about one port's refusals.
const TOLD_AGAIN_MS: u64 = 10_000;
/// Ports whose refusals are remembered.
const TOLD_MAX: usize = 10_000;

/// What learning remembers between events. Nothing of it is needed again after a restart.
#[derive(Debug, Default)]
pub(crate) struct Learning {
    pub(crate) wishes: Wishes,
    held: Held,
    rates: Rates,
    ages: Ages,
    bridges: BridgeMacs,
    /// When each port's last refusal was told.
    told: BTreeMap<At, Millis>,
}

impl Learning {
    /// A chassis is gone.
    pub(crate) fn forget_bridge(&mut self, chassis: ChassisKey) {
        self.bridges.set_all(chassis, &BTreeMap::new());
    }

    /// When something is due.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        [self.held.next_due(), self.wishes.next_due(), self.ages.next_due()].into_iter().flatten().min()
    }
}

impl Brain {
    /// A frame from a port of a chassis that nothing claims: who sent it gets a port there.
    pub(crate) fn learn_port(&mut self, chassis: ChassisKey, port: OfPort, frame: Vec<u8>) -> Outcome {
        let at = (chassis, port);
        let view = View::new(&self.world);
        let Some(network) = view.auto_network() else { return Err("no_auto_network") };
        let Some(interface) = view.spare(chassis, port).cloned() else {
            // It was nobody's when the frame came in, and is somebody's, or gone, now.
            let wait = Wait::Installed(network, self.world.sequence());
            return self.hold(at, Way::Again(frame), wait, false);
        };
        match self.behind(chassis, port) {
            Behind::Host => {}
            Behind::Bridge => return Err("bridges_port"),
            Behind::NotKnown => return self.wait_for_probe(chassis, port, frame),
        }
        let heard = heard::hear(&frame)?;
        if self.learning.bridges.is_anothers(heard.mac, at) {
            return Err("bridges_mac");
        }
        let (Some(network), Some(chassis)) =
            (self.world.resource_of(&Key::Network(network)), self.chassis_resource(chassis))
        else {
            return Err("gone");
        };
        let addresses = heard.addresses.iter().map(|(address, how)| (*address, proof(*how))).collect();
        let found = Found { network, chassis, interface, mac: heard.mac, addresses };
        if let Some(reason) = self.catalog.unwelcome(&found) {
            self.tell_refusal(at, "port.refused", &found.chassis, format!("{}: {reason}", found.interface));
            return Err("refused");
        }
        if !self.learning.wishes.find(at, found) {
            return Err("another_was_first");
        }
        let outcome = self.hold(at, Way::Again(frame), Wait::Plugged, false);
        self.next_write();
        outcome
    }

    /// A frame from a port that learns, with an address that it has not.
    pub(crate) fn learn_addresses(&mut self, punted: Punted) -> Outcome {
        let at = (punted.place.chassis, punted.place.ofport);
        let view = View::new(&self.world);
        let port = view.port(punted.port).ok_or("gone")?;
        let Some(id) = self.world.resource_of(&Key::Port(punted.port)) else { return Err("gone") };
        let heard = heard::hear(&punted.frame)?;
        if port.mac != heard.mac && port.pairs.iter().all(|pair| pair.mac != Some(heard.mac)) {
            return Err("foreign_sender");
        }
        let Heard { addresses, .. } = heard;
        let probe = addresses.iter().any(|(_, how)| *how == heard::Proof::Dad);
        let mut learned = None;
        let mut refused: Option<(IpAddr, Unlearnable, heard::Proof)> = None;
        for (address, how) in addresses {
            match self.catalog.unlearnable(&id, address) {
                None => {
                    let seen = Seen { port: id.clone(), address, proof: proof(how) };
                    learned = self.learning.wishes.see(seen).then_some(address).or(learned);
                }
                Some(Unlearnable::Known) => {}
                Some(why) => refused = Some((address, why, how)),
            }
        }
        let wait = match (learned, refused) {
            (Some(address), _) => Wait::Address(punted.network, address),
            (None, Some((address, why, how))) => {
                self.refuse_address(at, &id, address, why);
                self.drops.judge(id, how);
                return Err(why.name());
            }
            // It has it by now: switches may not know yet.
            (None, None) => Wait::Installed(punted.network, self.world.sequence()),
        };
        // A probe has done its work: nobody has the address, or a flow would have answered.
        let outcome = match probe {
            true => Ok("learned"),
            false => self.hold(at, Way::Again(punted.frame), wait, false),
        };
        self.next_write();
        outcome
    }

    fn refuse_address(&mut self, at: At, port: &ResourceId, address: IpAddr, why: Unlearnable) {
        let words = format!("{address} is not learned: {}", why.name());
        self.tell_refusal(at, "address.refused", port, words);
    }

    /// Tells of something that a port does, but not more often than every ten seconds.
    pub(crate) fn tell_refusal(&mut self, at: At, kind: &str, resource: &ResourceId, words: String) {
        let recent = self.learning.told.get(&at).is_some_and(|told| self.now < told.after_ms(TOLD_AGAIN_MS));
        if recent {
            return;
        }
        if self.learning.told.len() >= TOLD_MAX {
            let now = self.now;
            self.learning.told.retain(|_, told| now < told.after_ms(TOLD_AGAIN_MS));
            if self.learning.told.len() >= TOLD_MAX {
                return;
            }
        }
        self.learning.told.insert(at, self.now);
        self.happened(kind, Some(resource), words);
    }

    /// A probe is answered, for another has the address: says who.
    pub(crate) fn tell_conflict(&mut self, punted: &Punted) {
        let Ok(heard) = heard::hear(&punted.frame) else { return };
        let Some((address, _)) = heard.addresses.into_iter().find(|(_, how)| *how == heard::Proof::Dad) else { return };
        let owner = match View::new(&self.world).holder(punted.network, address) {
            Some(Holder::Port(port)) => self.world.resource_of(&Key::Port(port)),
            Some(Holder::Router(router, _)) => self.world.resource_of(&Key::Router(router)),
            None => None,
        };
        let owner = owner.map_or_else(|| "the network's own".to_owned(), |owner| format!("{owner}'s"));
        let Some(id) = self.world.resource_of(&Key::Port(punted.port)) else { return };
        let at = (punted.place.chassis, punted.place.ofport);
        self.tell_refusal(at, "address.conflict", &id, format!("{address} is {owner}: its probe was objected to"));
    }

    fn hold(&mut self, at: At, way: Way, wait: Wait, asks: bool) -> Outcome {
        if self.learning.held.hold(at, way, wait, asks, self.now) { Ok("held") } else { Err("too_many_held") }
    }

    /// What changed facts mean for frames that wait.
    pub(crate) fn notice_learned(&mut self, changed: &[Key]) {
        if self.learning.held.is_empty() {
            return;
        }
        let view = View::new(&self.world);
        let sequence = self.world.sequence();
        for key in changed {
            match *key {
                Key::Place(port) => {
                    if let (Some(place), Some(port)) = (view.place(port), view.port(port)) {
                        self.learning.held.plugged((place.chassis, place.ofport), port.network, sequence);
                    }
                }
                Key::Holder(network, address) if view.holder(network, address).is_some() => {
                    self.learning.held.addressed(network, address, sequence);
                    self.learning.rates.found(network, address);
                }
                _ => {}
            }
        }
    }

    /// Frames go on their way as soon as all that they need is confirmed.
    pub(crate) fn release_held(&mut self) {
        if self.learning.held.is_empty() {
            return;
        }
        let (world, switches) = (&self.world, &self.switches);
        let since = |network: NetworkKey| {
            let concerned = world.chassis_concerned(network);
            let connected = concerned.iter().filter_map(|c| switches.get(c)).filter(|s| s.session().is_some());
            connected.filter_map(Switch::waiting_since).min()
        };
        let ready = self.learning.held.take_ready(since);
        let packets = ready.into_iter().filter_map(|frame| self.onward(frame)).collect();
        self.send(packets);
    }

    fn onward(&self, Frame { at: (chassis, in_port), way, .. }: Frame) -> Option<PacketOut> {
        match way {
            Way::Again(frame) => {
                let actions = vec![Action::Output { port: OfPort::TABLE, max_len: 0 }];
                Some(PacketOut { chassis, in_port, actions, frame })
            }
            Way::Routed(punted, target) => features::learn::resolve::routed(&View::new(&self.world), *punted, target),
        }
    }

    /// What has waited for too long is given up.
    pub(crate) fn learning_timers(&mut self) {
        for Frame { way, .. } in self.learning.held.take_expired(self.now) {
            match way {
                Way::Again(_) => self.count_punt("held", "given_up"),
                Way::Routed(punted, _) => self.answer_error(&punted),
            }
        }
        self.ask_ages();
        if self.learning.wishes.next_due().is_some_and(|due| due <= self.now) {
            self.next_write();
        }
    }

    /// Whether a port of a chassis that nothing claims may lead to a host.
    fn may_be_a_hosts(&self, chassis: ChassisKey, port: OfPort) -> bool {
        View::new(&self.world).spare(chassis, port).is_some() && self.behind(chassis, port) == Behind::Host
    }
}

const fn proof(how: heard::Proof) -> v1::Proof {
    match how {
        heard::Proof::Dad => v1::Proof::Dad,
        heard::Proof::Nd => v1::Proof::Nd,
        heard::Proof::Arp => v1::Proof::Arp,
        heard::Proof::Data => v1::Proof::Data,
    }
}
