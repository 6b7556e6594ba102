//! Leases, kept in the store: what each port's clients were promised by DHCP.
//!
//! Whose an address is, is said by the port that it was assigned to; a lease only says who took it, since when and until when. So
//! a lease never has what its port has not: what a port loses, its leases lose in the same write.

use std::collections::BTreeSet;
use std::sync::Arc;

use addr::IpNet;
use bytes::Bytes;
use features::lease::{Agreement, Association, LeaseChange};
use features::punt::PacketOut;
use prost::Message as _;
use proto::v1;
use topology::ResourceId;

use super::Catalog;
use super::admit::Admission;
use super::ident::{DELEGATION, PORT};

/// A lease is recorded for longer than its client is told: by a tenth, a minute at most.
const SLACK_PART: u64 = 10;
const SLACK_MAX_MS: u64 = 60_000;

/// A lease's name: its port, and which of the port's it is.
pub(crate) type LeaseId = (ResourceId, Association);

/// What a client was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// What the client calls itself: its DUID, client identifier or MAC.
    pub(crate) client: Bytes,
    /// Whole addresses, or prefixes.
    pub(crate) leased: Vec<IpNet>,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) since_ms: u64,
    /// The same; all ones is for ever.
    pub(crate) until_ms: u64,
    /// How the client may be told to ask again.
    pub(crate) agreement: Option<Agreement>,
    /// The store's revision when it was last written; 0: not yet.
    pub(crate) mod_revision: u64,
}

/// What a client's message does to its port's leases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leasing {
    pub(crate) port: ResourceId,
    /// The protocol, for counters.
    pub(crate) of: &'static str,
    /// The message, for counters.
    pub(crate) operation: &'static str,
    pub(crate) changes: Vec<LeaseChange>,
    /// Of the leases that begin or go on.
    pub(crate) agreement: Option<Agreement>,
    /// What the client is told with them, in a number.
    pub(crate) told: Option<u64>,
    /// To be sent once that is durable.
    pub(crate) answer: Vec<PacketOut>,
    /// Nobody waits for it: it is written before it is asked for.
    pub(crate) ahead: bool,
}

impl Lease {
    /// Reads an entry of the store.
    pub(crate) fn decode(value: &[u8], mod_revision: u64) -> Result<Lease, String> {
        let v1::StoredLease { client, leased, since_ms, until_ms, reconfigure_key, client_address } =
            v1::StoredLease::decode(value).map_err(|error| error.to_string())?;
        let read = leased.iter().map(|text| text.parse::<IpNet>().map_err(|_| format!("{text:?} is not a prefix")));
        let leased = read.collect::<Result<Vec<_>, _>>()?;
        let agreement = match (<[u8; 16]>::try_from(&reconfigure_key[..]), client_address.parse()) {
            (Ok(key), Ok(address)) => Some(Agreement { key, address }),
            _ => None,
        };
        Ok(Lease { client: client.into(), leased, since_ms, until_ms, agreement, mod_revision })
    }

    /// As the store keeps it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Lease { client, leased, since_ms, until_ms, agreement, .. } = self;
        let leased = leased.iter().map(IpNet::to_string).collect();
        let (reconfigure_key, client_address) = match agreement {
            Some(Agreement { key, address }) => (key.to_vec(), address.to_string()),
            None => Default::default(),
        };
        let (client, since_ms, until_ms) = (client.to_vec(), *since_ms, *until_ms);
        v1::StoredLease { client, leased, since_ms, until_ms, reconfigure_key, client_address }.encode_to_vec()
    }

    /// Whether it has run out.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.until_ms != u64::MAX && self.until_ms <= now_ms
    }
}

impl Catalog {
    /// Ports whose clients may be told to ask again: each with what the client calls itself, and how.
    pub(crate) fn agreements(&self) -> impl Iterator<Item = (&ResourceId, &Bytes, &Agreement)> {
        self.leases.iter().filter_map(|((port, _), lease)| Some((port, &lease.client, lease.agreement.as_ref()?)))
    }

    pub(crate) fn lease(&self, id: &LeaseId) -> Option<&Arc<Lease>> {
        self.leases.get(id)
    }

    /// A port's leases, in order.
    pub(crate) fn leases_of(&self, port: &ResourceId) -> impl Iterator<Item = (Association, &Arc<Lease>)> + use<'_> {
        let port = port.clone();
        let start = (port.clone(), Association::V4);
        self.leases
            .range(start..)
            .take_while(move |((owner, _), _)| *owner == port)
            .map(|((_, which), lease)| (*which, lease))
    }

    /// Puts, or with `None` takes away, a lease.
    pub(crate) fn set_lease(&mut self, id: LeaseId, lease: Option<Lease>) {
        match lease {
            Some(lease) => self.leases.insert_mut(id, Arc::new(lease)),
            None => drop(self.leases.remove_mut(&id)),
        }
    }

    /// Whether an address is assigned to a port, or learned, or a prefix delegated to it.
    fn is_assigned(&self, id: &ResourceId, leased: &IpNet) -> bool {
        let Some(port) = self.port(id) else { return false };
        let learned = self.learned_by(id);
        self.addresses_of(port).into_iter().chain(learned).any(|address| IpNet::from(address) == *leased)
            || self.delegated_to(id).any(|(prefix, _)| IpNet::V6(prefix) == *leased)
    }
}

impl Admission<'_> {
    /// Leases follow their ports, and clients' messages are carried out.
    pub(crate) fn settle_leases(&mut self) {
        let asked = self.sound().into_iter().map(|(_, id)| id);
        let all = asked.chain(self.followers.keys().cloned()).chain(self.asked.deletes.iter().cloned());
        // What is delegated is the port's too.
        let port_of = |id: ResourceId| match id.kind {
            DELEGATION => [&self.after, self.before].iter().find_map(|c| Some(c.delegation(&id)?.port.clone())),
            _ => Some(id),
        };
        let mut readdressed: Vec<ResourceId> = all.filter_map(port_of).filter(|id| id.kind == PORT).collect();
        readdressed.extend(self.learned.iter().filter_map(|at| Some(self.before.learned(at)?.port.clone())));
        for subnet in self.renumbered_subnets() {
            readdressed.extend(self.after.users(&subnet, PORT).cloned());
        }
        readdressed.sort_unstable();
        readdressed.dedup();
        for port in readdressed {
            self.keep_leased(&port, |after, leased| after.is_assigned(&port, leased));
        }
        for Leasing { port, changes, agreement, .. } in std::mem::take(&mut self.asked.leases) {
            for change in changes {
                self.change_lease(&port, change, agreement.clone());
            }
        }
    }

    /// Takes from a port's leases what is not to be kept, and those that have nothing left, or have run out.
    fn keep_leased(&mut self, port: &ResourceId, keep: impl Fn(&Catalog, &IpNet) -> bool) {
        let now_ms = self.asked.now_ms;
        let leases: Vec<_> = self.after.leases_of(port).map(|(which, lease)| (which, lease.clone())).collect();
        for (which, lease) in leases {
            let kept: Vec<IpNet> = lease.leased.iter().filter(|leased| keep(&self.after, leased)).copied().collect();
            let over = kept.is_empty() || lease.is_over(now_ms);
            if over || kept != lease.leased {
                self.put_lease((port.clone(), which), (!over).then(|| Lease { leased: kept, ..(*lease).clone() }));
            }
        }
    }

    fn change_lease(&mut self, port: &ResourceId, change: LeaseChange, agreement: Option<Agreement>) {
        let (association, client, leased, valid_s) = match change {
            LeaseChange::End { association } => return self.put_lease((port.clone(), association), None),
            LeaseChange::Bind { association, client, leased, valid_s } => (association, client, leased, valid_s),
        };
        // It may have lost them while the message was on its way.
        let leased: Vec<IpNet> = leased.into_iter().filter(|leased| self.after.is_assigned(port, leased)).collect();
        if leased.is_empty() {
            return;
        }
        let now_ms = self.asked.now_ms;
        let id = (port.clone(), association);
        let goes_on = self.after.lease(&id).filter(|lease| lease.client == client && !lease.is_over(now_ms));
        let since_ms = goes_on.map_or(now_ms, |lease| lease.since_ms);
        let told_ms = match valid_s {
            u32::MAX => u64::MAX,
            valid_s => now_ms.saturating_add(u64::from(valid_s) * 1000),
        };
        // What is recorded is later than what is told, so that a client that asks again soon costs no write.
        let stands = |lease: &&Arc<Lease>| {
            (&lease.leased, &lease.agreement) == (&leased, &agreement) && lease.until_ms >= told_ms
        };
        let until_ms = match goes_on.filter(stands) {
            Some(lease) => lease.until_ms,
            // A host that registers says itself until when.
            None if matches!(association, Association::Registered(_)) => told_ms,
            None => told_ms.saturating_add((u64::from(valid_s) * 1000 / SLACK_PART).min(SLACK_MAX_MS)),
        };
        let taken: BTreeSet<IpNet> = leased.iter().copied().collect();
        // What is registered may be leased, too: by that it is no other's.
        if !matches!(association, Association::Registered(_)) {
            self.keep_leased(port, |_, leased| !taken.contains(leased));
        }
        let mod_revision = self.before.lease(&id).map_or(0, |lease| lease.mod_revision);
        self.put_lease(id, Some(Lease { client, leased, since_ms, until_ms, agreement, mod_revision }));
    }

    fn put_lease(&mut self, id: LeaseId, lease: Option<Lease>) {
        if self.after.lease(&id).map(|lease| &**lease) != lease.as_ref() {
            self.after.set_lease(id.clone(), lease);
            self.leases.insert(id);
        }
    }
}
