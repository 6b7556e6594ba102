//! Who has which address, and who had it: a binding that ends leaves an entry in the store, in the same write that ends it.
//!
//! What is kept is bounded: by port, in all, and by age. What has to make room goes in the write that needs it, the oldest first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use addr::{IpNet, link_local};
use features::lease::Association;
use prost::Message as _;
use proto::v1;
use topology::ResourceId;

use super::Catalog;
use super::admit::Admission;
use super::ident::{self, PORT};
use super::learned::Address;
use super::leases::Lease;

/// Ended bindings that are kept of one port.
pub(crate) const OF_PORT_MAX: usize = 256;
/// And in all.
pub(crate) const ALL_MAX: usize = 100_000;
/// For so long: 30 days.
pub(crate) const AGE_MAX_MS: u64 = 30 * 24 * 3_600_000;
/// As many that are too old go with one write.
const AGED_AT_ONCE: usize = 64;

/// An ended binding's name: the address, and when it ended, milliseconds since 1970-01-01 UTC.
pub(crate) type PastId = (Address, u64);

/// A binding that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) proof: v1::Proof,
    /// Milliseconds since 1970-01-01 UTC; 0: from before that was written down.
    pub(crate) since_ms: u64,
    /// When it ends, or its proof does, if nothing more is heard; 0: not by itself.
    pub(crate) expires_ms: u64,
}

/// A binding that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) port: ResourceId,
    mac: String,
    chassis: String,
    proof: v1::Proof,
    pub(crate) since_ms: u64,
    /// The store's revision when it was written; 0: not yet.
    pub(crate) mod_revision: u64,
}

impl Past {
    /// Reads an entry of the store.
    pub(crate) fn decode(value: &[u8], mod_revision: u64) -> Result<Past, String> {
        let read = v1::PastBinding::decode(value).map_err(|error| error.to_string())?;
        if !ident::is_name(&read.tenant) || !ident::is_name(&read.port) {
            return Err(format!("{:?}/{:?} is no port's name", read.tenant, read.port));
        }
        let (proof, port) = (read.proof(), ident::id(PORT, &read.tenant, &read.port));
        let (mac, chassis, since_ms) = (read.mac_address, read.chassis, read.since_ms);
        Ok(Past { port, mac, chassis, proof, since_ms, mod_revision })
    }

    /// As the store keeps it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Past { port, mac, chassis, proof, since_ms, .. } = self;
        v1::PastBinding {
            tenant: port.tenant.to_string(),
            port: port.name.to_string(),
            mac_address: mac.clone(),
            chassis: chassis.clone(),
            proof: (*proof).into(),
            since_ms: *since_ms,
        }
        .encode_to_vec()
    }

    /// As callers see it.
    pub(crate) fn shown(&self, ((network, address), until_ms): &PastId) -> v1::AddressBinding {
        v1::AddressBinding {
            network: format!("{}/{}", network.tenant, network.name),
            address: address.to_string(),
            tenant: self.port.tenant.to_string(),
            port: self.port.name.to_string(),
            mac_address: self.mac.clone(),
            chassis: self.chassis.clone(),
            proof: self.proof.into(),
            since_ms: self.since_ms,
            until_ms: *until_ms,
            expires_ms: 0,
        }
    }
}

impl Catalog {
    /// Every address that a port has, with its network.
    pub(crate) fn holdings(&self, id: &ResourceId, now_ms: u64) -> BTreeMap<Address, Holding> {
        let mut found = BTreeMap::new();
        let (Some(port), Some(stored)) = (self.port(id), self.by_id(id)) else { return found };
        let at = |address| (port.network.clone(), address);
        let fixed = |since_ms| Holding { proof: v1::Proof::Static, since_ms, expires_ms: 0 };
        if let Some(mac) = port.mac {
            found.insert(at(IpAddr::V6(link_local(mac))), fixed(stored.record.mac_since_ms));
        }
        for (assigned, written) in port.assigned.iter().zip(&stored.record.addresses) {
            for shown in self.shown_in(&assigned.subnet, assigned.address) {
                // Under another prefix it is from when that came.
                let begun = self.renumbering_of(&assigned.subnet).filter(|_| shown != assigned.address);
                let begun = begun.map(|(_, renumbering)| renumbering.begun_ms);
                let begun = begun.or_else(|| self.delegated_since(&assigned.subnet, shown));
                let since_ms = written.since_ms.max(begun.unwrap_or(0));
                found.insert(at(shown), fixed(since_ms));
            }
        }
        for address in self.learned_by(id) {
            if let Some(learned) = self.learned(&at(address)) {
                let (proof, since_ms) = (learned.proof, learned.since_ms);
                found.insert(at(address), Holding { proof, since_ms, expires_ms: 0 });
            }
        }
        for (association, lease) in self.leases_of(id).filter(|(_, lease)| !lease.is_over(now_ms)) {
            lease_proves(&mut found, &port.network, association, lease);
        }
        found
    }

    /// A binding as callers see it.
    pub(crate) fn shown_binding(&self, id: &ResourceId, at: &Address, holding: &Holding) -> v1::AddressBinding {
        let past = self.past_of(id, holding);
        v1::AddressBinding { until_ms: 0, expires_ms: holding.expires_ms, ..past.shown(&(at.clone(), 0)) }
    }

    fn past_of(&self, id: &ResourceId, holding: &Holding) -> Past {
        let port = self.port(id);
        let binding = port.and_then(|port| port.binding.as_ref());
        Past {
            port: id.clone(),
            mac: port.and_then(|port| port.mac).map(|mac| mac.to_string()).unwrap_or_default(),
            chassis: binding.map(|(chassis, _)| chassis.name.to_string()).unwrap_or_default(),
            proof: holding.proof,
            since_ms: holding.since_ms,
            mod_revision: 0,
        }
    }

    /// Ended bindings in the order of networks, addresses and time.
    pub(crate) fn past(&self) -> impl Iterator<Item = (&PastId, &Arc<Past>)> {
        self.past.iter()
    }

    /// Puts, or with `None` takes away, an ended binding.
    pub(crate) fn set_past(&mut self, id: PastId, past: Option<Past>) {
        let (at, until_ms) = id.clone();
        if let Some(before) = self.past.get(&id) {
            let name = (before.port.clone(), until_ms, at.clone());
            self.past_by_port.remove_mut(&name);
            self.past_by_age.remove_mut(&(until_ms, at.clone()));
        }
        match past {
            Some(past) => {
                self.past_by_port.insert_mut((past.port.clone(), until_ms, at.clone()));
                self.past_by_age.insert_mut((until_ms, at));
                self.past.insert_mut(id, Arc::new(past));
            }
            None => drop(self.past.remove_mut(&id)),
        }
    }

    /// A port's ended bindings, the oldest first.
    fn past_by(&self, port: &ResourceId) -> impl Iterator<Item = PastId> + use<'_> {
        let port = port.clone();
        let start = (port.clone(), 0, (ident::least(""), IpAddr::from([0; 4])));
        let own = self.past_by_port.range(start..).take_while(move |(owner, ..)| *owner == port);
        own.map(|(_, until_ms, at)| (at.clone(), *until_ms))
    }
}

/// What a lease, or a registration, says of addresses that a port has.
fn lease_proves(found: &mut BTreeMap<Address, Holding>, network: &ResourceId, which: Association, lease: &Lease) {
    let proof = match which {
        Association::Registered(_) => v1::Proof::Registered,
        _ => v1::Proof::Dhcp,
    };
    let expires_ms = if lease.until_ms == u64::MAX { 0 } else { lease.until_ms };
    for leased in lease.leased.iter().filter(|leased| leased.prefix_len() == leased.max_prefix_len()) {
        if let Some(holding) = found.get_mut(&(network.clone(), IpNet::addr(leased))) {
            *holding = Holding { proof, expires_ms, ..*holding };
        }
    }
}

impl Admission<'_> {
    /// Notes since when ports have their MACs.
    pub(crate) fn stamp_macs(&mut self) {
        let now_ms = self.asked.now_ms;
        for (_, id) in self.sound().into_iter().filter(|(_, id)| id.kind == PORT) {
            let mac = |catalog: &Catalog| catalog.port(&id).and_then(|port| port.mac);
            let (before, after) = (mac(self.before), mac(&self.after));
            let since_ms = match self.before.by_id(&id) {
                Some(stored) if before == after => stored.record.mac_since_ms,
                _ => now_ms,
            };
            self.edit(&id, |record| record.mac_since_ms = since_ms);
        }
    }

    /// Bindings that end with this request become history, and what there is no room for goes.
    pub(crate) fn end_bindings(&mut self) {
        let now_ms = self.asked.now_ms;
        for id in self.ports_concerned() {
            let before = self.before.holdings(&id, now_ms);
            if before.is_empty() {
                continue;
            }
            let after = self.after.holdings(&id, now_ms);
            for (at, holding) in before.iter().filter(|(at, _)| !after.contains_key(at)) {
                let past = self.before.past_of(&id, holding);
                let free = |until_ms: &u64| !self.after.past.contains_key(&(at.clone(), *until_ms));
                let Some(until_ms) = (now_ms..).find(free) else { continue };
                self.put_past((at.clone(), until_ms), Some(past));
            }
            let over = self.after.past_by(&id).count().saturating_sub(OF_PORT_MAX);
            for past in self.after.past_by(&id).take(over).collect::<Vec<_>>() {
                self.put_past(past, None);
            }
        }
        if self.past.is_empty() {
            return;
        }
        let over = self.after.past.size().saturating_sub(ALL_MAX);
        let oldest = self.after.past_by_age.iter();
        let too_old = |until_ms: u64| until_ms.saturating_add(AGE_MAX_MS) <= now_ms;
        let goes = oldest.take(AGED_AT_ONCE.max(over)).enumerate();
        let goes = goes.filter(|(n, (until_ms, _))| *n < over || too_old(*until_ms));
        for (_, (until_ms, at)) in goes.map(|(n, one)| (n, one.clone())).collect::<Vec<_>>() {
            self.put_past((at, until_ms), None);
        }
    }

    /// Ports that may lose an address by this request.
    fn ports_concerned(&self) -> BTreeSet<ResourceId> {
        let asked = self.sound().into_iter().map(|(_, id)| id);
        let all = asked.chain(self.followers.keys().cloned()).chain(self.asked.deletes.iter().cloned());
        let mut ports: BTreeSet<ResourceId> = all.filter(|id| id.kind == PORT).collect();
        ports.extend(self.learned.iter().filter_map(|at| Some(self.before.learned(at)?.port.clone())));
        for subnet in self.renumbered_subnets() {
            ports.extend(self.before.users(&subnet, PORT).cloned());
        }
        ports
    }

    fn put_past(&mut self, id: PastId, past: Option<Past>) {
        self.after.set_past(id.clone(), past);
        self.past.insert(id);
    }

    /// What becomes of history: entries with the revisions at which they were written, and what to write.
    pub(crate) fn past_entries(&self) -> Vec<(String, u64, Option<Vec<u8>>)> {
        let entry = |id: &PastId| {
            let (before, after) = (self.before.past.get(id), self.after.past.get(id));
            let mod_revision = before.map_or(0, |past| past.mod_revision);
            (before != after).then(|| (ident::past_key(id), mod_revision, after.map(|past| past.encode())))
        };
        self.past.iter().filter_map(entry).collect()
    }
}
