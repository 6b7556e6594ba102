//! Who listens to which multicast group, kept in the store: so that streams go on when the controller starts anew, before hosts are asked.

use std::net::IpAddr;
use std::sync::Arc;

use prost::Message as _;
use proto::v1;
use topology::{Listener, PortKey, ResourceId};

use super::Catalog;
use super::admit::Admission;
use super::ident::PORT;

/// A port, and the group.
pub(crate) type ListenerId = (ResourceId, IpAddr);

/// What a port wants of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listened {
    pub(crate) wants: Listener,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) since_ms: u64,
    /// The store's revision when it was last written; 0: not yet.
    pub(crate) mod_revision: u64,
}

/// What a port's hosts have said of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) port: ResourceId,
    pub(crate) key: PortKey,
    pub(crate) group: IpAddr,
    /// `None`: nothing any more.
    pub(crate) wants: Option<Listener>,
}

impl Listened {
    /// Reads an entry of the store.
    pub(crate) fn decode(value: &[u8], mod_revision: u64) -> Result<Listened, String> {
        let v1::StoredListener { exclude, sources, since_ms } =
            v1::StoredListener::decode(value).map_err(|error| error.to_string())?;
        let read = sources.iter().map(|text| text.parse().map_err(|_| format!("{text:?} is not an address")));
        let mut sources = read.collect::<Result<Vec<IpAddr>, _>>()?;
        sources.sort_unstable();
        sources.dedup();
        Ok(Listened { wants: Listener { exclude, sources: sources.into() }, since_ms, mod_revision })
    }

    /// As the store keeps it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Listened { wants: Listener { exclude, sources }, since_ms, .. } = self;
        let sources = sources.iter().map(IpAddr::to_string).collect();
        v1::StoredListener { exclude: *exclude, sources, since_ms: *since_ms }.encode_to_vec()
    }
}

impl Catalog {
    pub(crate) fn listener(&self, id: &ListenerId) -> Option<&Arc<Listened>> {
        self.listeners.get(id)
    }

    /// The groups that a port listens to, in order.
    pub(crate) fn listeners_of(&self, port: &ResourceId) -> impl Iterator<Item = (IpAddr, &Arc<Listened>)> + use<'_> {
        let port = port.clone();
        let start = (port.clone(), IpAddr::from([0; 4]));
        self.listeners
            .range(start..)
            .take_while(move |((owner, _), _)| *owner == port)
            .map(|((_, group), listened)| (*group, listened))
    }

    /// Puts, or with `None` takes away, a listener.
    pub(crate) fn set_listener(&mut self, id: ListenerId, listened: Option<Listened>) {
        match listened {
            Some(listened) => self.listeners.insert_mut(id, Arc::new(listened)),
            None => drop(self.listeners.remove_mut(&id)),
        }
    }
}

impl Admission<'_> {
    /// Listeners go with their ports, and what hosts have said is carried out.
    pub(crate) fn settle_listeners(&mut self) {
        let deleted: Vec<ResourceId> = self.asked.deletes.iter().filter(|id| id.kind == PORT).cloned().collect();
        for port in deleted {
            let groups: Vec<IpAddr> = self.after.listeners_of(&port).map(|(group, _)| group).collect();
            for group in groups {
                self.put_listener((port.clone(), group), None);
            }
        }
        let now_ms = self.asked.now_ms;
        for Listening { port, group, wants, .. } in std::mem::take(&mut self.asked.listeners) {
            if self.after.port(&port).is_none() {
                continue;
            }
            let id = (port, group);
            let before = self.before.listener(&id);
            let since_ms = before.map_or(now_ms, |listened| listened.since_ms);
            let mod_revision = before.map_or(0, |listened| listened.mod_revision);
            self.put_listener(id, wants.map(|wants| Listened { wants, since_ms, mod_revision }));
        }
    }

    fn put_listener(&mut self, id: ListenerId, listened: Option<Listened>) {
        if self.after.listener(&id).map(|listened| &**listened) != listened.as_ref() {
            self.after.set_listener(id.clone(), listened);
            self.listeners.insert(id);
        }
    }
}
