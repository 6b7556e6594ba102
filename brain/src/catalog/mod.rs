//! The catalog: every resource as stored, what it means as facts, and whether a request may change it.
//!
//! Two ways lead in. [`Catalog::load`] and [`Catalog::apply`] take what the store made durable, whoever wrote it, and answer
//! with the facts that change. [`Catalog::propose`] holds a request against a candidate (a clone), and answers with what to
//! write, or with every reason why not.
//!
//! A proposal is compared on the entries that it writes and those that it refers to. That two proposals don't claim one
//! address between them is not among those: a writer has one proposal under way at a time.

mod addressing;
mod admit;
mod allocate;
mod asks;
mod automatic;
mod claimed;
mod findings;
mod globals;
mod history;
mod ident;
mod index;
mod ingest;
mod kinds;
mod learned;
mod leases;
mod listeners;
mod mask;
mod memory;
mod outcome;
mod read;
mod released;
mod resource;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::Ipv6Net;
use proto::v1;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};
use topology::{Change, ResourceId};

use crate::effect::Refusal;
use crate::event::{Caller, EntryChange, Request};
use history::{Past, PastId};
use index::{Owners, PrefixPlace};
use kinds::Item;
use learned::{Address, Learned};
use leases::{Lease, LeaseId};
use listeners::{Listened, ListenerId};
use memory::Memory;
use released::Released;

pub(crate) use automatic::{Claimed, Found, Seen, Upkeep};
pub(crate) use history::AGE_MAX_MS;
pub(crate) use ident::{CHASSIS, EXPOSURE, association_word};
pub(crate) use index::Claim;
pub(crate) use kinds::chassis::Chassis;
pub(crate) use kinds::proxy::Proxied;
pub(crate) use kinds::upstream::Asks;
pub(crate) use learned::Unlearnable;
pub(crate) use leases::Leasing;
pub(crate) use listeners::Listening;

/// A resource with the revision that last wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// As in the store: the resource without status and `meta.revision`, and what was allocated for it.
    pub(crate) record: v1::Record,
    /// The store's revision when it was last written.
    pub(crate) mod_revision: u64,
}

impl Stored {
    /// The resource's id.
    pub(crate) fn id(&self) -> Option<ResourceId> {
        resource::id_of(self.record.resource.as_ref()?.kind.as_ref()?)
    }
}

/// Every resource. A clone is cheap and independent: a candidate is one.
#[derive(Clone, Default)]
pub(crate) struct Catalog {
    revision: u64,
    items: RedBlackTreeMapSync<ResourceId, Arc<Item>>,
    /// Who has what nobody else may have.
    claims: HashTrieMapSync<Claim, Owners>,
    /// Each resource with those that use it.
    users: RedBlackTreeMapSync<(ResourceId, ResourceId), ()>,
    /// Whose each address of a network is that somebody learned.
    learned: RedBlackTreeMapSync<Address, Arc<Learned>>,
    /// The same: ports with their addresses.
    learned_by: RedBlackTreeSetSync<(ResourceId, IpAddr)>,
    /// What ports' clients were promised.
    leases: RedBlackTreeMapSync<LeaseId, Arc<Lease>>,
    /// Who had which address, until when; and the same by port, and by age.
    past: RedBlackTreeMapSync<PastId, Arc<Past>>,
    past_by_port: RedBlackTreeSetSync<(ResourceId, u64, Address)>,
    past_by_age: RedBlackTreeSetSync<(u64, Address)>,
    /// What ports want of multicast groups.
    listeners: RedBlackTreeMapSync<ListenerId, Arc<Listened>>,
    /// The facts that each resource stated last.
    facts: HashTrieMapSync<ResourceId, Arc<[Change]>>,
    counters: RedBlackTreeMapSync<&'static str, Counted>,
    /// Segmentation ids that networks had, as long as switches may have flows with them.
    released: RedBlackTreeMapSync<u32, Arc<Released>>,
    /// Entries that can't be read, with the reason; they are kept as they are, and nothing may be written over them.
    unread: RedBlackTreeMapSync<String, String>,
    /// The address of each subnet's pools that was picked last: the next pick starts after it.
    hints: HashTrieMapSync<ResourceId, IpAddr>,
    /// Renumberings under way, by when they end.
    renumberings: RedBlackTreeSetSync<(u64, ResourceId)>,
    /// The prefixes that each tenant delegates, by where they begin.
    delegated: RedBlackTreeMapSync<PrefixPlace, Ipv6Net>,
    /// Where in each tenant's pools the next prefix is looked for.
    prefix_hints: HashTrieMapSync<(Arc<str>, Ipv6Net), Ipv6Addr>,
    /// Ports that say which VM they are of: by tenant and VM.
    devices: RedBlackTreeSetSync<(Arc<str>, Arc<str>, ResourceId)>,
    ipv6_tunnels: usize,
    memory: Memory,
}

/// A counter as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    last: u32,
    mod_revision: u64,
}

/// What came of taking entries in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// The facts that change; to be committed in this order.
    pub(crate) facts: Vec<Change>,
    /// Resources that were created or updated, in the order of dependency.
    pub(crate) changed: Vec<ResourceId>,
    /// Other resources that may stand differently, for what they depend on changed.
    pub(crate) affected: Vec<ResourceId>,
    /// Resources that are gone, users before what they used.
    pub(crate) deleted: Vec<ResourceId>,
    /// Addresses that ports have learned.
    pub(crate) learned: Vec<(ResourceId, IpAddr, v1::Proof)>,
    /// Bindings that begin, end, or are proved otherwise.
    pub(crate) bound: Vec<v1::AddressBinding>,
    /// Ended bindings that are kept no longer.
    pub(crate) forgotten: u64,
    /// Segmentation ids that networks have no more, or whose last flows are gone.
    pub(crate) released: Vec<u32>,
    /// Entries that can't be read or make no sense, each with the reason, for operators.
    pub(crate) faults: Vec<String>,
}

/// What to write, and what to answer once it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proposal {
    /// The revision at which each key must have been written last; 0: it must not exist. In the order of keys.
    pub(crate) compare: Vec<(String, u64)>,
    /// In the order of keys. Empty: there is nothing to change, or the request was a dry run or a repetition; answer at once.
    pub(crate) changes: Vec<EntryChange>,
    /// The answer.
    pub(crate) answer: Answer,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// To `Apply`. Its revision is 0 where there are changes to write: it is the revision of that write.
    Applied(v1::ApplyResponse),
    /// To `Create` and `Update`: this resource, as it then is.
    Resource(ResourceId),
    /// To `Delete`.
    Deleted,
}

impl Catalog {
    /// The store's revision that the catalog is as of.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Holds `Apply`, `Create`, `Update` or `Delete` against what is. `now_ms`: milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// Every reason why not, each with its path in the request.
    pub(crate) fn propose(&self, caller: &Caller, request: &Request, now_ms: u64) -> Result<Proposal, Refusal> {
        if let Some(answer) = self.recall(caller, request)? {
            return Ok(Proposal { compare: Vec::new(), changes: Vec::new(), answer });
        }
        let mut asked = asks::read(self, caller, request)?;
        asked.now_ms = now_ms;
        admit::admit(self, asked)
    }
}
