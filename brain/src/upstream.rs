//! Prefixes from upstream: the clients that ask for routers' delegations, each by a gateway, and what they are given.
//!
//! What a client has is in the store, so that a controller that starts anew goes on with it; an exchange that was under way is begun again.

use std::collections::BTreeMap;

use features::Millis;
use features::requesting::{Client, Step, service};
use proto::v1;
use topology::{ChassisKey, NetworkKey, ResourceId, RouterKey, View};

use crate::brain::Brain;
use crate::catalog::Asks;
use crate::learning::Outcome;

/// Milliseconds after which a client may speak that had no chassis to speak by.
const LATER_MS: u64 = 500;

/// The clients, by their delegations.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    clients: BTreeMap<ResourceId, Asking>,
}

#[derive(Debug)]
struct Asking {
    client: Client,
    asks: Asks,
    /// The chassis that spoke last.
    by: Option<ChassisKey>,
    /// No chassis could: it is tried again then.
    waits: Option<Millis>,
}

impl Asking {
    fn at(&self) -> (RouterKey, NetworkKey) {
        (RouterKey(self.asks.router), NetworkKey(self.asks.network))
    }

    fn next_due(&self) -> Option<Millis> {
        let due = self.client.next_due()?;
        Some(self.waits.map_or(due, |waits| waits.max(due)))
    }
}

impl Upstreams {
    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.clients.values().filter_map(Asking::next_due).min()
    }
}

impl Brain {
    /// Delegations are others: their clients begin, or give back what they have.
    pub(crate) fn note_upstreams(&mut self, changed: &[ResourceId], deleted: &[ResourceId]) {
        for id in changed.iter().filter(|id| id.kind == "delegation") {
            if let Some(asks) = self.catalog.asks(id) {
                self.ask_upstream(id, asks);
            }
        }
        for id in deleted {
            if let Some(asking) = self.upstreams.clients.get_mut(id) {
                asking.client.release(self.now);
            }
        }
    }

    fn ask_upstream(&mut self, id: &ResourceId, asks: Asks) {
        let same = |asking: &Asking| {
            let of = |asks: &Asks| (asks.duid.clone(), asks.iaid, asks.hint, asks.router, asks.network);
            of(&asking.asks) == of(&asks)
        };
        if self.upstreams.clients.get(id).is_some_and(same) {
            return;
        }
        let mut key = self.links.mark.0;
        key.iter_mut().zip(*b"asks for a range").for_each(|(byte, of)| *byte ^= of);
        let lease = asks.lease.clone();
        let client = Client::new(asks.duid.clone().into(), asks.iaid, asks.hint, lease, key, self.now);
        self.upstreams.clients.insert(id.clone(), Asking { client, asks, by: None, waits: None });
        self.restless.insert(id.clone());
    }

    /// What is due by the clock.
    pub(crate) fn upstream_timers(&mut self) {
        let now = self.now;
        let due = self.upstreams.clients.iter().filter(|(_, asking)| asking.next_due().is_some_and(|at| at <= now));
        for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.upstream_due(&id);
        }
        self.upstreams.clients.retain(|_, asking| !asking.client.is_done());
    }

    fn upstream_due(&mut self, id: &ResourceId) {
        let Some(asking) = self.upstreams.clients.get_mut(id) else { return };
        let switches = &self.switches;
        let ready = |chassis| switches.get(&chassis).is_some_and(|switch| switch.ready);
        let by = service::asker(&self.world, asking.at(), asking.asks.iaid, ready);
        if by != asking.by {
            asking.by = by;
            self.restless.insert(id.clone());
        }
        // Nobody would hear it: it is no silence of a server's. What ends, ends by the catalog.
        if by.is_none() {
            asking.waits = Some(self.now.after_ms(LATER_MS));
            return;
        }
        asking.waits = None;
        let step = asking.client.tick(self.now);
        self.stepped(id, step);
    }

    /// A delegating router's message.
    pub(crate) fn heard_upstream(&mut self, at: (RouterKey, NetworkKey), frame: &[u8]) -> Outcome {
        let message = service::heard(frame)?;
        let mut why = "asked_nothing";
        for id in self.upstreams.clients.keys().cloned().collect::<Vec<_>>() {
            let Some(asking) = self.upstreams.clients.get_mut(&id).filter(|asking| asking.at() == at) else { continue };
            match asking.client.hear(&message, self.now) {
                Ok(step) => {
                    self.stepped(&id, step);
                    return Ok("heard");
                }
                // Others of the router's may have asked.
                Err("asked_nothing" | "other_transaction") => {}
                Err(reason) => {
                    self.restless.insert(id);
                    why = reason;
                }
            }
        }
        Err(why)
    }

    fn stepped(&mut self, id: &ResourceId, step: Step) {
        let Some(asking) = self.upstreams.clients.get(id) else { return };
        let view = View::new(&self.world);
        let packet = match (&step.message, asking.by) {
            (Some(message), Some(by)) => service::sent(&view, by, asking.at(), message).ok(),
            _ => None,
        };
        self.send(packet.into_iter().collect());
        self.restless.insert(id.clone());
        if !step.changed || self.catalog.upstream(id).is_none() {
            return;
        }
        let lease = self.upstreams.clients.get(id).and_then(|asking| asking.client.lease().cloned());
        let prefixes = lease.iter().flat_map(|lease| &lease.prefixes).map(|granted| granted.prefix.to_string());
        let prefixes: Vec<String> = prefixes.collect();
        let words = if prefixes.is_empty() { "nothing any more".to_owned() } else { prefixes.join(", ") };
        self.happened("delegation.granted", Some(id), words);
        self.learning.wishes.grant(id.clone(), lease);
        self.next_write();
    }

    /// Where a delegation from upstream stands.
    pub(crate) fn upstream_standing(&self, id: &ResourceId) -> (v1::Phase, String) {
        let Some(upstream) = self.catalog.upstream(id) else { return (v1::Phase::Pending, String::new()) };
        let network = &upstream.network.name;
        let asking = self.upstreams.clients.get(id);
        let by = asking.and_then(|asking| asking.by);
        let chassis = by.and_then(|by| self.chassis_resource(by)).map(|chassis| chassis.name);
        let silent = match chassis {
            Some(chassis) => format!("no delegating router has answered {chassis} on {network}"),
            None => format!("no chassis can ask on {network}: none of the router's has a way there"),
        };
        if upstream.lease.is_none() {
            return (v1::Phase::Pending, silent);
        }
        if let Some(subnet) = upstream.without(self.now.0) {
            return (v1::Phase::Degraded, format!("no /64 is free, and preferred, for {subnet}"));
        }
        let late = asking.is_some_and(|asking| asking.client.lease().is_some_and(|lease| lease.rebind_at <= self.now));
        if late {
            return (v1::Phase::Degraded, format!("not prolonged: {silent}"));
        }
        (v1::Phase::Active, String::new())
    }

    /// The name of the chassis that asks for a delegation.
    pub(crate) fn asks_by(&self, id: &ResourceId) -> String {
        let by = self.upstreams.clients.get(id).and_then(|asking| asking.by);
        by.and_then(|by| self.chassis_resource(by)).map(|chassis| chassis.name.to_string()).unwrap_or_default()
    }
}
