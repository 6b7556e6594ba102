//! What comes of an admitted request: entries to write, what to compare them with, and the answer.

use std::collections::BTreeMap;

use prost::Message as _;
use proto::v1;
use topology::ResourceId;

use super::admit::Admission;
use super::asks::Wanted;
use super::{Answer, Proposal, ident};
use crate::event::EntryChange;

impl Admission<'_> {
    /// The proposal: the difference between what is and the candidate.
    pub(crate) fn outcome(self) -> Proposal {
        let mut write = Write::default();
        let mut changes = Vec::new();
        let asks = self.asked.asks.iter().map(|ask| (&ask.id, true));
        for (id, asked) in asks.chain(self.followers.keys().map(|id| (id, false))) {
            let change = self.compare(id, &mut write);
            if asked || change != v1::Change::Unchanged {
                changes.push(told(id, change));
            }
        }
        for id in &self.asked.deletes {
            write.put(ident::store_key(id), self.mod_revision(id), None);
            changes.push(told(id, v1::Change::Deleted));
        }
        for at in &self.learned {
            let (before, after) = (self.before.learned(at), self.after.learned(at));
            if before == after {
                continue;
            }
            let mod_revision = before.map_or(0, |learned| learned.mod_revision);
            write.put(ident::learned_key(at), mod_revision, after.map(|learned| learned.encode()));
            // Whose it becomes must still be there.
            if let Some(port) = after.map(|learned| &learned.port).filter(|port| self.before.by_id(port).is_some()) {
                write.compare.insert(ident::store_key(port), self.mod_revision(port));
            }
        }
        for (key, mod_revision, value) in self.released_entries().into_iter().chain(self.past_entries()) {
            write.put(key, mod_revision, value);
        }
        for id in &self.leases {
            let (before, after) = (self.before.lease(id), self.after.lease(id));
            if before == after {
                continue;
            }
            let mod_revision = before.map_or(0, |lease| lease.mod_revision);
            write.put(ident::lease_key(id), mod_revision, after.map(|lease| lease.encode()));
            // Whose it is must still be as it was.
            if after.is_some() {
                write.compare.insert(ident::store_key(&id.0), self.mod_revision(&id.0));
            }
        }
        for id in &self.listeners {
            let (before, after) = (self.before.listener(id), self.after.listener(id));
            if before == after {
                continue;
            }
            let mod_revision = before.map_or(0, |listened| listened.mod_revision);
            write.put(ident::listener_key(id), mod_revision, after.map(|listened| listened.encode()));
            // Whose it is must still be as it was.
            if after.is_some() {
                write.compare.insert(ident::store_key(&id.0), self.mod_revision(&id.0));
            }
        }
        if !write.changes.is_empty() {
            for (counter, last) in &self.counters {
                let mod_revision = self.before.counters.get(counter).map_or(0, |counted| counted.mod_revision);
                let value = v1::Counter { last: *last }.encode_to_vec();
                write.put(ident::counter_key(counter), mod_revision, Some(value));
            }
        }
        if let Wanted::Changes { dry_run: true } = self.asked.wanted {
            write = Write::default();
        }
        let revision = if write.changes.is_empty() { self.before.revision() } else { 0 };
        let answer = match self.asked.wanted {
            Wanted::Changes { .. } => Answer::Applied(v1::ApplyResponse { revision, changes }),
            Wanted::Resource(id) => Answer::Resource(id),
            Wanted::Deleted => Answer::Deleted,
        };
        let changes = write.changes.into_iter().map(|(key, value)| EntryChange { key, value }).collect();
        Proposal { compare: write.compare.into_iter().collect(), changes, answer }
    }

    /// Writes a resource if it differs.
    fn compare(&self, id: &ResourceId, write: &mut Write) -> v1::Change {
        let (before, Some(after)) = (self.before.by_id(id), self.after.item(id)) else { return v1::Change::Unchanged };
        if before.is_some_and(|before| before.record == after.stored.record) {
            return v1::Change::Unchanged;
        }
        write.put(ident::store_key(id), self.mod_revision(id), Some(after.stored.record.encode_to_vec()));
        for target in &after.references {
            // Those that this request makes are written, and compared, anyway.
            if self.before.by_id(target).is_some() {
                write.compare.insert(ident::store_key(target), self.mod_revision(target));
            }
        }
        if before.is_some() { v1::Change::Updated } else { v1::Change::Created }
    }

    fn mod_revision(&self, id: &ResourceId) -> u64 {
        self.before.by_id(id).map_or(0, |stored| stored.mod_revision)
    }
}

/// A compare-and-swap in the making, in the order of keys.
#[derive(Default)]
struct Write {
    compare: BTreeMap<String, u64>,
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

impl Write {
    fn put(&mut self, key: String, mod_revision: u64, value: Option<Vec<u8>>) {
        self.compare.insert(key.clone(), mod_revision);
        self.changes.insert(key, value);
    }
}

fn told(id: &ResourceId, change: v1::Change) -> v1::ResourceChange {
    let (kind, tenant, name) = (id.kind.to_owned(), id.tenant.to_string(), id.name.to_string());
    v1::ResourceChange { kind, tenant, name, change: change.into() }
}
