//! Multicast groups: what hosts say is taken in and kept, hosts are asked whether they still listen, and who has listened is shown.
//!
//! We are the querier of each network (RFC 3810, 7.6), unless a router there asks from a lower address. A query goes from here to each port.

use std::collections::BTreeMap;
use std::net::IpAddr;

use features::Millis;
use features::multicast::query::{self, INTERVAL_S, LAST_LISTENER_MS, LISTENS_MS, OTHER_QUERIER_MS};
use features::multicast::said::{self, Said};
use features::multicast::wants::{self, Record, Wants};
use features::punt::Punted;
use features::turns::Turns;
use flows::Drop;
use proto::v1;
use topology::{Key, Listener, NetworkKey, PortKey, View};

use crate::brain::Brain;
use crate::catalog::Listening as Wish;
use crate::effect::{Refusal, Reply};
use crate::learning::Outcome;

/// Groups that one port may listen to.
const GROUPS_MAX: usize = 1_024;
/// Changes of what one port listens to, a second, and at once: each is a write and rows on all chassis of the network.
const CHANGES_PER_S: u64 = 100;
const CHANGES_AT_ONCE: u64 = 2_048;
/// Between the first general queries of a network (RFC 3810, 9.6).
const STARTUP_INTERVAL_S: u64 = INTERVAL_S as u64 / 4;
/// From a new port on a network to the query that it hears, and between two such queries.
const SOON_MS: u64 = 1_000;
const APART_MS: u64 = 10_000;
/// From the last question about a group until nobody has answered: more than hosts take, and the way.
const ANSWERED_MS: u64 = LAST_LISTENER_MS as u64 + 500;

/// A group, and the port whose hosts may listen to it.
type At = (PortKey, IpAddr);

/// What is remembered of groups between events. Nothing of it is needed again after a restart.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// What hosts have said and the store has not written yet.
    pending: BTreeMap<At, Option<Listener>>,
    /// When each listener is asked for, and how often it was asked without an answer.
    turns: Turns<At>,
    /// What has been answered since somebody was asked last.
    answers: BTreeMap<At, Option<Listener>>,
    /// Thousandths of changes that ports may still make, and as of when.
    changes: BTreeMap<PortKey, (u64, Millis)>,
    /// When all hosts of a network are asked next, and how often they were.
    queries: Turns<NetworkKey>,
    /// When they were asked last.
    asked: BTreeMap<NetworkKey, Millis>,
    /// Until when a router of the network asks in our place; by IPv6.
    others: BTreeMap<(NetworkKey, bool), Millis>,
}

impl Groups {
    pub(crate) fn next_due(&self) -> Option<Millis> {
        [self.turns.first(), self.queries.first()].into_iter().flatten().min()
    }

    /// Whether a port may change what it listens to now; counts it if so.
    fn may_change(&mut self, port: PortKey, now: Millis) -> bool {
        let full = CHANGES_AT_ONCE * 1_000;
        let (left, at) = self.changes.entry(port).or_insert((full, now));
        *left = full.min(left.saturating_add(now.0.saturating_sub(at.0).saturating_mul(CHANGES_PER_S)));
        *at = now;
        let may = *left >= 1_000;
        if may {
            *left -= 1_000;
        }
        may
    }

    /// The store has written it, or never will.
    pub(crate) fn settled(&mut self, wish: &Wish) {
        let at = (wish.key, wish.group);
        if self.pending.get(&at) == Some(&wish.wants) {
            self.pending.remove(&at);
        }
    }
}

impl Brain {
    /// Something that is said of groups.
    pub(crate) fn said_of_groups(&mut self, punted: &Punted) -> Outcome {
        // Its switch out there knows; here nothing is copied to it.
        if punted.place.beyond().is_some() {
            return Err("passes_by");
        }
        let said = said::read(&punted.frame)?;
        let view = View::new(&self.world);
        let outcome = match said {
            Said::Report(records) => {
                let packets = query::to_watchers(&view, punted);
                self.heard_records(punted.port, &records);
                self.send(packets);
                "report"
            }
            Said::Query { .. } | Said::Other if !query::may_ask(&view, punted.port) => {
                if let Some(id) = self.world.resource_of(&Key::Port(punted.port)) {
                    self.drops.accuse(id.clone(), Drop::RogueMulticastRouter);
                    let at = (punted.place.chassis, punted.place.ofport);
                    self.tell_refusal(at, "membership.drop", &id, "asks who listens, and is no router's".to_owned());
                }
                return Err(Drop::RogueMulticastRouter.name());
            }
            Said::Query { source, .. } => {
                let own = query::source(&view, punted.network, source.is_ipv6());
                let packets = query::to_everybody(&view, punted);
                if !source.is_unspecified() && (own.is_unspecified() || source < own) {
                    let until = self.now.after_ms(OTHER_QUERIER_MS);
                    self.groups.others.insert((punted.network, source.is_ipv6()), until);
                }
                self.send(packets);
                "query"
            }
            Said::Other => {
                let packets = query::to_everybody(&view, punted);
                self.send(packets);
                "other"
            }
        };
        self.next_write();
        Ok(outcome)
    }

    fn heard_records(&mut self, port: PortKey, records: &[Record]) {
        let shared = query::is_shared(&View::new(&self.world), port);
        let new = self.groups.pending.range((port, IpAddr::from([0; 4]))..).take_while(|((p, _), _)| *p == port);
        let new = new.filter(|(at, wants)| wants.is_some() && !self.world.listens(at.0, at.1)).count();
        let mut room = GROUPS_MAX.saturating_sub(self.world.listened(port).count() + new);
        for record in records {
            let at = (port, record.group);
            let before = self.wants(at);
            let Wants { now, ask, too_many } = wants::hear(before.as_ref(), record, shared);
            if too_many {
                self.limit_reached(port, "too_many_sources");
            }
            if before.is_none() && now.is_some() {
                if room == 0 {
                    self.limit_reached(port, "too_many_groups");
                    continue;
                }
                room -= 1;
            }
            // Leaving is always heard.
            if now.is_some() && before != now && !self.groups.may_change(port, self.now) {
                self.limit_reached(port, "too_many_changes");
                continue;
            }
            self.heard_record(at, record, shared, ask, now.is_some());
            self.want_of_group(at, before, now);
        }
    }

    /// When the listener is asked for next, after it has said something.
    fn heard_record(&mut self, at: At, record: &Record, shared: bool, ask: bool, listens: bool) {
        let said = || wants::hear(None, record, shared).now;
        let groups = &mut self.groups;
        if !listens {
            groups.answers.remove(&at);
            groups.turns.remove(at);
        } else if let Some(answers) = groups.answers.get_mut(&at).filter(|_| shared) {
            *answers = wants::both(answers.as_ref(), said().as_ref());
        } else if ask {
            groups.answers.insert(at, said());
            self.ask_listener(at, 1);
        } else {
            groups.answers.remove(&at);
            groups.turns.set(at, self.now.after_ms(LISTENS_MS), 0);
        }
    }

    /// What a port wants of a group, though it may not be written yet.
    fn wants(&self, (port, group): At) -> Option<Listener> {
        match self.groups.pending.get(&(port, group)) {
            Some(wants) => wants.clone(),
            None => View::new(&self.world).listener(port, group).cloned(),
        }
    }

    fn want_of_group(&mut self, at: At, before: Option<Listener>, now: Option<Listener>) {
        let Some(port) = self.world.resource_of(&Key::Port(at.0)).filter(|_| before != now) else { return };
        let wish = Wish { port, key: at.0, group: at.1, wants: now.clone() };
        if self.learning.wishes.listen(wish) {
            self.groups.pending.insert(at, now);
        } else {
            self.limit_reached(at.0, "too_many_to_write");
        }
    }

    fn limit_reached(&mut self, port: PortKey, which: &'static str) {
        self.count_punt("membership", which);
        let view = View::new(&self.world);
        if let (Some(id), Some(place)) = (self.world.resource_of(&Key::Port(port)), view.place(port)) {
            let words = format!("what it listens to is not kept: {}", which.replace('_', " "));
            self.tell_refusal((place.chassis, place.ofport), "membership.limit", &id, words);
        }
    }

    /// Asks who behind a port still listens to a group, for the `count`th time.
    fn ask_listener(&mut self, at: At, count: u32) {
        let packet = query::about(&View::new(&self.world), at.0, at.1);
        self.send(packet.into_iter().collect());
        let last = count >= u32::from(query::ROBUSTNESS);
        let wait = if last { ANSWERED_MS } else { u64::from(LAST_LISTENER_MS) };
        self.groups.turns.set(at, self.now.after_ms(wait), count);
    }

    /// What is due by the clock.
    pub(crate) fn listening_timers(&mut self) {
        while let Some((at, count)) = self.groups.turns.take(self.now) {
            self.listener_due(at, count);
        }
        while let Some((network, count)) = self.groups.queries.take(self.now) {
            self.ask_network(network, count);
        }
    }

    fn listener_due(&mut self, at: At, count: u32) {
        let Some(before) = self.wants(at) else { return drop(self.groups.answers.remove(&at)) };
        let place = View::new(&self.world).place(at.0);
        let heard = place.is_none_or(|place| self.switches.get(&place.chassis).is_some_and(|s| s.in_step()));
        if !heard {
            // It can't answer: what it said stands.
            self.groups.answers.remove(&at);
            return self.groups.turns.set(at, self.now.after_ms(LISTENS_MS), 0);
        }
        if place.is_some() && count < u32::from(query::ROBUSTNESS) {
            if count == 0 {
                self.groups.answers.insert(at, None);
            }
            return self.ask_listener(at, count + 1);
        }
        let now = self.groups.answers.remove(&at).flatten();
        if now.is_some() {
            self.groups.turns.set(at, self.now.after_ms(LISTENS_MS), 0);
        }
        self.want_of_group(at, Some(before), now);
        self.next_write();
    }

    /// Asks all hosts of a network what they listen to.
    fn ask_network(&mut self, network: NetworkKey, count: u32) {
        let view = View::new(&self.world);
        if view.network(network).is_none() || view.residents(network).is_empty() {
            self.groups.asked.remove(&network);
            return;
        }
        let now = self.now;
        self.groups.others.retain(|_, until| now < *until);
        let ours = [true, false].into_iter().filter(|ipv6| !self.groups.others.contains_key(&(network, *ipv6)));
        let packets = ours.flat_map(|ipv6| query::general(&view, network, ipv6)).collect();
        self.send(packets);
        self.groups.asked.insert(network, now);
        let wait = if count == 0 { STARTUP_INTERVAL_S } else { u64::from(INTERVAL_S) };
        self.groups.queries.set(network, now.after_s(wait), count.saturating_add(1));
    }

    /// What changed facts mean for groups: new ports hear a query soon, and who listens is asked for in time.
    pub(crate) fn notice_groups(&mut self, changed: &[Key]) {
        for key in changed {
            match *key {
                Key::Members(network, _) => {
                    let apart = self.groups.asked.get(&network).map(|asked| asked.after_ms(APART_MS));
                    let soon = self.now.after_ms(SOON_MS).max(apart.unwrap_or(Millis(0)));
                    if self.groups.queries.at(network).is_none_or(|at| soon < at) {
                        self.groups.queries.set(network, soon, 0);
                    }
                }
                Key::Port(port) if self.world.resource_of(key).is_none() => drop(self.groups.changes.remove(&port)),
                Key::Listener(port, group) => {
                    let listens = self.world.listens(port, group);
                    if !listens && self.wants((port, group)).is_none() {
                        self.groups.turns.remove((port, group));
                        self.groups.answers.remove(&(port, group));
                    } else if listens && !self.groups.turns.contains((port, group)) {
                        self.groups.turns.set((port, group), self.now.after_ms(LISTENS_MS), 0);
                    }
                }
                _ => {}
            }
        }
    }

    /// What the ports of all, or one, listen to, in the order of ports and groups.
    pub(crate) fn listeners(&self, request: &v1::ListenersRequest) -> Result<Reply, Refusal> {
        let mut listeners = Vec::new();
        for id in self.ports_of(&request.tenant, &request.port)? {
            let network = self.catalog.port(id).map(|port| format!("{}/{}", port.network.tenant, port.network.name));
            listeners.extend(self.catalog.listeners_of(id).map(|(group, listened)| v1::Listener {
                tenant: id.tenant.to_string(),
                port: id.name.to_string(),
                network: network.clone().unwrap_or_default(),
                group: group.to_string(),
                exclude: listened.wants.exclude,
                sources: listened.wants.sources.iter().map(IpAddr::to_string).collect(),
                since_ms: listened.since_ms,
            }));
        }
        Ok(Reply::Listeners(listeners))
    }
}
