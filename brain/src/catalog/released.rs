//! Segmentation ids that networks had: nobody else's as long as any switch may have flows with them.
//!
//! A switch that is out of reach when a network goes still tags that network's frames with its id, and takes frames with the id for
//! that network's. So the store keeps, in the write that takes an id from a network, whose it was; and the entry goes when the brain
//! knows that no switch has such flows. Meanwhile another network may be given the id: between chassis it waits.

use prost::Message as _;
use proto::v1;
use topology::ResourceId;

use super::Catalog;
use super::admit::Admission;
use super::ident::{self, NETWORK};
use super::index::Claim;
use super::kinds::network::Network;

/// Whose a segmentation id was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    /// The network's number: it may have the id back at any time.
    pub(crate) key: u32,
    /// The network, which another of its name is not.
    pub(crate) network: ResourceId,
    /// The store's revision when it was written.
    pub(crate) mod_revision: u64,
}

impl Released {
    /// What an entry that can't be read stands for: nobody's, so nobody has the id back early.
    pub(crate) fn unknown(mod_revision: u64) -> Released {
        Released { key: 0, network: ident::id(NETWORK, "unknown", "unknown"), mod_revision }
    }

    /// Reads an entry of the store.
    pub(crate) fn decode(value: &[u8], mod_revision: u64) -> Result<Released, String> {
        let v1::Released { network, tenant, name } = v1::Released::decode(value).map_err(|error| error.to_string())?;
        if network == 0 || !ident::is_name(&tenant) || !ident::is_name(&name) {
            return Err(format!("{tenant:?}/{name:?}, number {network}, is no network"));
        }
        Ok(Released { key: network, network: ident::id(NETWORK, &tenant, &name), mod_revision })
    }

    /// As the store keeps it.
    fn encode(&self) -> Vec<u8> {
        let (tenant, name) = (self.network.tenant.to_string(), self.network.name.to_string());
        v1::Released { network: self.key, tenant, name }.encode_to_vec()
    }
}

impl Catalog {
    /// The id that a network has, by intent or allocation; `None`: not yet any.
    pub(crate) fn segment_of(&self, id: &ResourceId) -> Option<u32> {
        let (network, stored) = (self.network(id)?, self.by_id(id)?);
        Some(network.segment.unwrap_or(stored.record.segmentation_id)).filter(|segment| *segment != 0)
    }

    /// Whose a network's id was, while flows of that one may be left: it can't be used yet.
    pub(crate) fn waits_for(&self, id: &ResourceId) -> Option<(u32, &Released)> {
        let segment = self.segment_of(id)?;
        Some((segment, self.anothers(segment, self.key_of(id)?)?))
    }

    /// Whose an id was, while flows with it may be left.
    pub(crate) fn released(&self, segment: u32) -> Option<&Released> {
        self.released.get(&segment).map(|released| &**released)
    }

    /// The same, unless it was the network's of this number.
    pub(crate) fn anothers(&self, segment: u32, key: u32) -> Option<&Released> {
        self.released(segment).filter(|released| released.key != key)
    }

    /// Who has an id now.
    pub(crate) fn heirs(&self, segment: u32) -> impl Iterator<Item = &ResourceId> {
        self.owners(&Claim::Segment(segment))
    }

    /// The id that a network's flows bear; 0: it has none that it may use.
    pub(crate) fn usable_segment(&self, record: &v1::Record, network: &Network) -> u32 {
        let segment = network.segment.unwrap_or(record.segmentation_id);
        if self.anothers(segment, record.key).is_some() { 0 } else { segment }
    }
}

impl Admission<'_> {
    /// The ids that networks lose by this request, each with whose it was and the revision of an older entry about it. One that
    /// waited for its id has no flows with it.
    fn released(&self) -> Vec<(u32, Released, u64)> {
        let asks = self.asked.asks.iter().map(|ask| &ask.id);
        let networks = asks.chain(&self.asked.deletes).filter(|id| id.kind == NETWORK);
        let lost = networks.filter_map(|id| {
            let segment = self.before.segment_of(id).filter(|segment| self.after.segment_of(id) != Some(*segment))?;
            let key = self.before.key_of(id).filter(|_| self.before.waits_for(id).is_none())?;
            let older = self.before.released(segment).map_or(0, |released| released.mod_revision);
            Some((segment, Released { key, network: id.clone(), mod_revision: 0 }, older))
        });
        lost.collect()
    }

    /// What the store shall keep of ids that are lost, and no more of those that are free: keys, revisions of what is there, values.
    pub(crate) fn released_entries(&self) -> Vec<(String, u64, Option<Vec<u8>>)> {
        let lost = self.released().into_iter();
        let lost =
            lost.map(|(segment, released, older)| (ident::released_key(segment), older, Some(released.encode())));
        // Unless it was lost again meanwhile.
        let same = |(segment, revision): &&(u32, u64)| {
            self.before.released(*segment).is_some_and(|released| released.mod_revision == *revision)
        };
        let free = self.asked.free.iter().filter(same);
        free.map(|(segment, revision)| (ident::released_key(*segment), *revision, None)).chain(lost).collect()
    }
}
