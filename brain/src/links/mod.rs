//! Bridges that are wired to each other: finds their cables by LLDP, and keeps paths over them that no frame leaves.

mod cables;
mod graph;
mod labels;
mod paths;
mod probing;
mod recall;
mod rounds;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use features::links::{Mark, Probe};
use features::punt::PacketOut;
use topology::{Change, ChassisKey, Encap, Place, View};

use crate::brain::Brain;
use crate::effect::Effect;
use crate::learning::Outcome;
use crate::switch::Switch;
use cables::{At, Cables, News};
use paths::Paths;
use probing::Probing;
use recall::Recall;

/// Milliseconds after which a port that was probed, and where nothing was heard, may be a host's.
const QUIET_MS: u64 = 500;
/// The same while a chassis that was declared has not come: it may be the one at the other end.
const QUIET_ALONE_MS: u64 = 3_000;
/// Milliseconds between two looks at frames that wait for that.
const RIPEN_MS: u64 = 50;
/// Frames of one port that wait for that.
const WAITING_MAX: usize = 4;
/// Milliseconds that frames may still arrive over a cable over which nothing is heard: it may be silent in one direction only.
const LINGER_MS: u64 = 10_000;

/// What is known of links, and what is being done about paths.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) mark: Mark,
    /// Whether the fabric is made of links.
    on: bool,
    pub(crate) cables: Cables,
    probing: Probing,
    paths: Paths,
    recall: Recall,
    /// Chassis whose ports or connection may be otherwise than before.
    stale: BTreeSet<ChassisKey>,
    /// Chassis that can be spoken to.
    speaking: BTreeSet<ChassisKey>,
    /// Those of them that do not confirm what they are sent.
    slow: BTreeSet<ChassisKey>,
    /// The ports that lead to other chassis; with a time, until then.
    trunks: BTreeMap<At, Option<Millis>>,
    /// Frames of ports of which it is not known yet whether a host is behind them.
    waiting: BTreeMap<At, Vec<Vec<u8>>>,
    /// When frames that wait were looked at last.
    ripened: Millis,
    /// When paths are to be worked out anew; the time that it may be put off to.
    replan: Option<(Millis, Millis)>,
    /// Paths that are in use may be broken.
    urgent: bool,
    /// Paths have been worked out before.
    planned: bool,
    /// The fabric may be another.
    fabric_stale: bool,
}

/// What may be behind a port that nothing claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    Host,
    Bridge,
    NotKnown,
}

impl Links {
    /// Something changed; how soon paths are to be worked out anew depends on what.
    fn changed(&mut self, now: Millis, urgent: bool) {
        self.urgent |= urgent;
        let latest = self.replan.map_or(now.after_ms(rounds::CALM_MAX_MS), |(_, latest)| latest);
        let at = if self.urgent { now } else { now.after_ms(rounds::CALM_MS).min(latest) };
        self.replan = Some((at, latest));
    }

    /// When something is due.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        if !self.on {
            return None;
        }
        let ripen = self.waiting.values().next().map(|_| RIPEN_MS);
        let looked = self.cables.next_look();
        let linger = self.trunks.values().flatten().min().copied();
        let ripe = ripen.map(|ms| self.ripened.after_ms(ms));
        let waits = self.paths.staged.is_some() || self.recall.until().is_some();
        let replan = self.replan.map(|(at, _)| at).filter(|_| !waits);
        let stuck = self.paths.staged.as_ref().map(|staged| staged.at.after_ms(rounds::STUCK_MS));
        let own = [looked, linger, ripe, replan, stuck, self.paths.next_due(), self.recall.until()];
        own.into_iter().chain([self.probing.next_due()]).flatten().min()
    }
}

impl Brain {
    /// Something about a chassis' ports or connection may be otherwise.
    pub(crate) fn relink(&mut self, chassis: ChassisKey) {
        self.links.stale.insert(chassis);
    }

    /// The fabric may be made of links now, or not any more.
    pub(crate) fn refabric(&mut self) {
        self.links.fabric_stale = true;
    }

    /// The fabric may be made of links now, or not any more.
    fn look_at_fabric(&mut self) {
        self.links.fabric_stale = false;
        let on = View::new(&self.world).fabric().is_some_and(|fabric| fabric.encap == Encap::Links);
        if on == self.links.on {
            return;
        }
        let mark = self.links.mark;
        let mut before = std::mem::replace(&mut self.links, Links { on, mark, ..Links::default() });
        self.links.recall.take_read(&mut before.recall);
        self.links.stale.extend(self.world.chassis_keys());
        let trunks = before.trunks.into_keys().map(|(chassis, port)| Change::Trunk(chassis, port, false));
        let changes = trunks.chain(before.paths.forget()).collect();
        self.commit(changes);
    }

    /// What a bridge of ours says at the other end of a cable.
    pub(crate) fn heard_lldp(&mut self, chassis: ChassisKey, port: OfPort, frame: &[u8]) -> &'static str {
        let at = (chassis, port);
        let view = View::new(&self.world);
        if !self.links.on || view.spare(chassis, port).is_none() {
            return "somebodys_port";
        }
        let from = match Probe::heard(self.links.mark, frame, self.now) {
            Ok(probe) => (probe.chassis, probe.port),
            Err(reason) => return reason,
        };
        if from == at {
            return "own_echo";
        }
        if view.spare(from.0, from.1).is_none() {
            return "somebodys_port";
        }
        if self.links.cables.peer(at) != Some(from) {
            // The other end waits to hear this one.
            self.links.probing.hasten(at, self.now);
        }
        self.links.waiting.remove(&at);
        let news = self.links.cables.hear(at, from, self.now);
        self.tell_links(news);
        "heard"
    }

    /// What is due by the clock: probes, silence, frames that wait.
    pub(crate) fn link_timers(&mut self) {
        if !self.links.on {
            return;
        }
        let now = self.now;
        let cables = &self.links.cables;
        let due = self.links.probing.take_due(now, |at| cables.knows(at));
        let packets = due.into_iter().filter_map(|at| self.probe(at)).collect();
        self.send(packets);
        if self.links.cables.next_look().is_some_and(|at| at <= now) {
            let speaking = &self.links.speaking;
            let news = self.links.cables.look(now, |chassis| speaking.contains(&chassis));
            self.tell_links(news);
        }
        let over: Vec<At> =
            self.links.trunks.iter().filter(|(_, until)| until.is_some_and(|u| u <= now)).map(|(at, _)| *at).collect();
        self.drop_trunks(over);
        self.ripen();
    }

    /// Brings ports, cables and paths in step with what has happened.
    pub(crate) fn relink_all(&mut self) {
        if self.links.fabric_stale {
            self.look_at_fabric();
        }
        if !self.links.on {
            self.links.stale.clear();
            return;
        }
        for chassis in std::mem::take(&mut self.links.stale) {
            self.look_at_chassis(chassis);
        }
        self.rounds();
    }

    /// What may be behind a port of a chassis that nothing claims.
    pub(crate) fn behind(&self, chassis: ChassisKey, port: OfPort) -> Behind {
        let at = (chassis, port);
        let links = &self.links;
        if !links.on {
            return Behind::Host;
        }
        if links.trunks.contains_key(&at) || links.cables.knows(at) {
            return Behind::Bridge;
        }
        let Some(since) = links.probing.probed_since(at) else { return Behind::NotKnown };
        let all_here = links.speaking.len() >= self.world.chassis_keys().len();
        let quiet = if all_here { QUIET_MS } else { QUIET_ALONE_MS };
        if self.now >= since.after_ms(quiet) { Behind::Host } else { Behind::NotKnown }
    }

    /// Keeps a frame until it is known what is behind its port.
    pub(crate) fn wait_for_probe(&mut self, chassis: ChassisKey, port: OfPort, frame: Vec<u8>) -> Outcome {
        let waiting = self.links.waiting.entry((chassis, port)).or_default();
        if waiting.len() >= WAITING_MAX {
            return Err("too_many_held");
        }
        waiting.push(frame);
        Ok("waits_for_probe")
    }

    fn ripen(&mut self) {
        self.links.ripened = self.now;
        let ports: Vec<At> = self.links.waiting.keys().copied().collect();
        for (chassis, port) in ports {
            match self.behind(chassis, port) {
                Behind::NotKnown => {}
                Behind::Bridge => drop(self.links.waiting.remove(&(chassis, port))),
                Behind::Host => {
                    for frame in self.links.waiting.remove(&(chassis, port)).unwrap_or_default() {
                        let outcome = self.learn_port(chassis, port, frame);
                        self.count_punt("learn_port", outcome.unwrap_or_else(|reason| reason));
                    }
                }
            }
        }
    }

    /// The frame that a port says who it is with.
    fn probe(&self, (chassis, port): At) -> Option<PacketOut> {
        let session = self.switches.get(&chassis).and_then(Switch::session).and_then(|id| self.sessions.get(&id))?;
        let (name, mac) = (session.ports.get(&port)?, session.macs.get(&port)?);
        let probe = Probe { chassis, port, at: self.now };
        let frame = probe.frame(self.links.mark, session.dpid, (&session.bridge, name), *mac);
        Some(PacketOut::to(Place::plugged(chassis, port), frame))
    }

    /// A chassis' ports and connection as they are now.
    fn look_at_chassis(&mut self, chassis: ChassisKey) {
        let now = self.now;
        let switch = self.switches.get(&chassis).filter(|switch| switch.in_step());
        let session = switch.and_then(Switch::session).and_then(|id| self.sessions.get(&id));
        let known = View::new(&self.world).chassis(chassis).is_some();
        let down = session.map(|session| session.down.clone());
        let speaks = known && down.is_some();
        let ports: BTreeSet<OfPort> = match &down {
            Some(down) if known => {
                self.world.spares(chassis).map(|(port, _)| port).filter(|port| !down.contains(port)).collect()
            }
            _ => BTreeSet::new(),
        };
        self.links.probing.set(chassis, &ports, now);
        if speaks && self.links.speaking.insert(chassis) {
            self.links.cables.refresh(chassis, now);
            self.links.changed(now, false);
        }
        if !speaks && self.links.speaking.remove(&chassis) {
            self.lost_for_rounds(chassis);
        }
        if !known {
            let news = self.links.cables.forget(chassis);
            self.tell_links(news);
        }
        if !known || speaks {
            let all = (chassis, OfPort(0))..=(chassis, OfPort(u32::MAX));
            let over: Vec<At> =
                self.links.trunks.range(all).map(|(at, _)| *at).filter(|at| !ports.contains(&at.1)).collect();
            let gone: Vec<At> = self.links.cables.ports(chassis).filter(|at| !ports.contains(&at.1)).collect();
            for at in gone {
                let news = self.links.cables.lose(at, "the port is down, or somebody's");
                self.tell_links(news);
            }
            self.drop_trunks(over);
            self.links.waiting.retain(|at, _| at.0 != chassis || ports.contains(&at.1));
        }
    }

    fn drop_trunks(&mut self, over: Vec<At>) {
        self.links.trunks.retain(|at, _| !over.contains(at));
        self.commit(over.into_iter().map(|(chassis, port)| Change::Trunk(chassis, port, false)).collect());
    }

    /// Cables came or went.
    fn tell_links(&mut self, news: impl IntoIterator<Item = News>) {
        for news in news {
            let (a, b, kind, words) = match news {
                News::Up(a, b) => (a, b, "up", String::new()),
                News::Down(a, b, why) => (a, b, "down", format!(": {why}")),
            };
            let up = kind == "up";
            let until = (!up).then(|| self.now.after_ms(LINGER_MS));
            for at in [a, b] {
                let known = self.links.trunks.contains_key(&at);
                if up || known {
                    self.links.trunks.insert(at, until);
                }
            }
            if up {
                self.commit([a, b].map(|(chassis, port)| Change::Trunk(chassis, port, true)).to_vec());
            }
            self.links.changed(self.now, !up);
            let words = format!("{} - {}{words}", self.port_name(a), self.port_name(b));
            self.happened(&format!("link.{kind}"), self.chassis_resource(a.0).as_ref(), words);
            let labels = vec![("change", kind.to_owned())];
            self.effects.push(Effect::Count { counter: "sextant_link_changes_total", labels, by: 1 });
            self.restless.extend(self.world.resource_of(&topology::Key::Fabric));
        }
    }

    /// A port's chassis and name, as people know them.
    pub(crate) fn port_name(&self, (chassis, port): At) -> String {
        let (chassis, interface, _) = self.end((chassis, port));
        format!("{chassis} {interface}")
    }
}
