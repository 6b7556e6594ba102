//! Clients that are told to renew their leases at once, where what they would be told differs from what they were told last
//! (RFC 8415, 18.3.11).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use features::Millis;
use features::dhcp6::reconfigure;
use features::lease::{Agreement, LeaseChange, Reconfigure};
use topology::{Key, NetworkKey, PortKey, ResourceId, View};

use crate::brain::Brain;
use crate::effect::Effect;

/// Milliseconds until a client that is not heard of is told again, at first; twice as long each time (RFC 8415, 7.6: REC_TIMEOUT).
const TIMEOUT_MS: u64 = 2_000;
/// How often it is told (RFC 8415, 7.6: REC_MAX_RC).
const TIMES: u32 = 8;
/// Milliseconds between two that are told: a change that concerns many is told to 500 of them in a second.
const PACE_MS: u64 = 2;

/// Who may be told, and who is.
#[derive(Debug, Default)]
pub(crate) struct Reconfigures {
    /// Clients by their ports: whoever asked last on a port is its client.
    known: BTreeMap<PortKey, Known>,
    pending: BTreeMap<PortKey, Pending>,
    due: BTreeSet<(Millis, PortKey)>,
    /// When the next one may be told first.
    free: Millis,
}

#[derive(Debug)]
struct Known {
    client: Bytes,
    agreement: Agreement,
    /// What it was told last, in a number.
    told: Option<u64>,
}

#[derive(Debug)]
struct Pending {
    at: Millis,
    times: u32,
}

impl Reconfigures {
    /// What was agreed on with a client that goes on with its leases.
    pub(crate) fn agreement(&self, port: PortKey, client: &Bytes) -> Option<&Agreement> {
        self.known.get(&port).filter(|known| known.client == *client).map(|known| &known.agreement)
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    fn forget(&mut self, port: PortKey) {
        self.known.remove(&port);
        self.settle(port);
    }

    /// A client has been heard of, or is given up; true: it was waited for.
    fn settle(&mut self, port: PortKey) -> bool {
        let pending = self.pending.remove(&port);
        pending.is_some_and(|pending| self.due.remove(&(pending.at, port)))
    }

    fn begin(&mut self, port: PortKey, now: Millis) {
        self.settle(port);
        let at = now.max(self.free);
        self.free = at.after_ms(PACE_MS);
        self.schedule(port, at, 0);
    }

    fn schedule(&mut self, port: PortKey, at: Millis, times: u32) {
        self.pending.insert(port, Pending { at, times });
        self.due.insert((at, port));
    }
}

impl Brain {
    /// The agreement that goes with what a client's message binds.
    pub(crate) fn agreed(&self, port: PortKey, leases: &[LeaseChange], reconfigure: Reconfigure) -> Option<Agreement> {
        match reconfigure {
            Reconfigure::Never => None,
            Reconfigure::By(agreement) => Some(agreement),
            Reconfigure::AsBefore => {
                let client = leases.iter().find_map(|change| match change {
                    LeaseChange::Bind { client, .. } => Some(client),
                    LeaseChange::End { .. } => None,
                });
                self.reconfigures.agreement(port, client?).cloned()
            }
        }
    }

    /// A client has asked, told or untold: it is told what there is now.
    pub(crate) fn heard_of(&mut self, port: PortKey, operation: &str) {
        if !matches!(operation, "request" | "renew" | "rebind") {
            return;
        }
        if self.reconfigures.settle(port) {
            self.count_reconfigure("heard");
        }
        if let Some(known) = self.reconfigures.known.get_mut(&port) {
            known.told = reconfigure::told(&self.world, port);
        }
    }

    /// A client's leases are durable: from now on it may be told, or no longer. `told`: what it was told with them.
    pub(crate) fn agree(
        &mut self,
        port: PortKey,
        client: Option<Bytes>,
        agreement: Option<Agreement>,
        told: Option<u64>,
    ) {
        match (client, agreement) {
            (Some(client), Some(agreement)) => {
                self.reconfigures.known.insert(port, Known { client, agreement, told });
                // It may have changed while the store wrote.
                self.compare(port);
            }
            (Some(_), None) => self.reconfigures.forget(port),
            // It gave something back, and may have more.
            (None, _) => {
                let id = self.world.resource_of(&Key::Port(port));
                let has_more =
                    id.is_some_and(|id| self.catalog.leases_of(&id).any(|(_, lease)| lease.agreement.is_some()));
                if !has_more {
                    self.reconfigures.forget(port);
                }
            }
        }
    }

    /// The store has been read: what its clients were told last is what there is.
    pub(crate) fn load_agreements(&mut self) {
        let of = |(port, client, agreement): (&ResourceId, &Bytes, &Agreement)| {
            let port = PortKey(self.catalog.key_of(port)?);
            let told = reconfigure::told(&self.world, port);
            Some((port, Known { client: client.clone(), agreement: agreement.clone(), told }))
        };
        self.reconfigures.known = self.catalog.agreements().filter_map(of).collect();
    }

    /// Facts have changed: who would be told something else now, is told to ask.
    pub(crate) fn reconfigure(&mut self, changed: &[Key]) {
        if self.reconfigures.known.is_empty() {
            return;
        }
        let view = View::new(&self.world);
        let mut networks: BTreeSet<NetworkKey> = BTreeSet::new();
        let mut ports: BTreeSet<PortKey> = BTreeSet::new();
        for key in changed {
            match *key {
                Key::Port(port) | Key::DhcpOptions(port) => drop(ports.insert(port)),
                Key::Network(network) | Key::SubnetsOf(network) => drop(networks.insert(network)),
                Key::Dhcp6(subnet) => networks.extend(view.subnet(subnet).map(|subnet| subnet.network)),
                _ => {}
            }
        }
        let known = &self.reconfigures.known;
        let on = |port: &PortKey| view.port(*port).is_some_and(|fact| networks.contains(&fact.network));
        ports.retain(|port| known.contains_key(port));
        ports.extend(known.keys().copied().filter(|port| !networks.is_empty() && on(port)));
        for port in ports {
            self.compare(port);
        }
    }

    fn compare(&mut self, port: PortKey) {
        if View::new(&self.world).port(port).is_none() {
            return self.reconfigures.forget(port);
        }
        let now = reconfigure::told(&self.world, port);
        let Some(known) = self.reconfigures.known.get_mut(&port) else { return };
        if known.told != now {
            known.told = now;
            self.reconfigures.begin(port, self.now);
        }
    }

    /// Who is due is told, or given up.
    pub(crate) fn reconfigure_timers(&mut self) {
        while let Some((_, port)) = self.reconfigures.due.first().copied().filter(|(at, _)| *at <= self.now) {
            let Some(pending) = self.reconfigures.pending.remove(&port) else { return };
            self.reconfigures.due.remove(&(pending.at, port));
            if pending.times == TIMES {
                self.count_reconfigure("given_up");
                continue;
            }
            let Some(Known { client, agreement, .. }) = self.reconfigures.known.get(&port) else { continue };
            let message = reconfigure::message(&self.world, port, client, agreement, self.now);
            if pending.times == 0
                && let Some(id) = self.world.resource_of(&Key::Port(port))
            {
                self.happened("lease.reconfigure", Some(&id), "its client is told to renew at once".to_owned());
            }
            if let Some(message) = message {
                self.send(vec![message]);
                self.count_reconfigure("sent");
            }
            let wait = TIMEOUT_MS << pending.times;
            self.reconfigures.schedule(port, self.now.after_ms(wait), pending.times + 1);
        }
    }

    fn count_reconfigure(&mut self, result: &'static str) {
        let labels = vec![("result", result.to_owned())];
        self.effects.push(Effect::Count { counter: "sextant_dhcp6_reconfigures_total", labels, by: 1 });
    }
}
