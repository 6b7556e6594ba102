//! Whose interfaces are: by the iface-ids that managed chassis tell. `external_ids:iface-id` is a port's uid, its TENANT/NAME, or
//! its name where no other tenant has a port of that name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use topology::ResourceId;

use crate::catalog::Catalog;

/// An interface of a managed chassis.
pub(crate) type At = (ResourceId, Arc<str>);

/// What is claimed, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// The iface-ids of each chassis whose database is connected, by interface.
    interfaces: BTreeMap<ResourceId, BTreeMap<Arc<str>, Arc<str>>>,
    by_id: BTreeMap<Arc<str>, BTreeSet<At>>,
    /// Ports by their names, of all tenants.
    names: BTreeMap<Arc<str>, BTreeSet<ResourceId>>,
    /// Whose each iface-id was found to be, and the same the other way.
    resolved: BTreeMap<Arc<str>, ResourceId>,
    ids_of: BTreeMap<ResourceId, BTreeSet<Arc<str>>>,
    touched: BTreeSet<Arc<str>>,
    /// Ports to be decided about.
    undecided: BTreeSet<ResourceId>,
    /// Ports whose interface another port has.
    blocked: BTreeSet<ResourceId>,
    /// Where each port was bound when that was last told.
    told: BTreeMap<ResourceId, At>,
}

impl Claims {
    /// A chassis tells its interfaces' iface-ids; `None`: it can't be asked any more.
    pub(crate) fn tell(&mut self, chassis: &ResourceId, now: Option<BTreeMap<Arc<str>, Arc<str>>>) {
        let before = match &now {
            Some(now) => self.interfaces.insert(chassis.clone(), now.clone()),
            None => self.interfaces.remove(chassis),
        };
        let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
        for (interface, id) in before.iter().filter(|(interface, id)| now.get(*interface) != Some(*id)) {
            let at = (chassis.clone(), interface.clone());
            if let Some(claimants) = self.by_id.get_mut(id) {
                claimants.remove(&at);
                if claimants.is_empty() {
                    self.by_id.remove(id);
                }
            }
            self.touched.insert(id.clone());
        }
        for (interface, id) in now.into_iter().filter(|(interface, id)| before.get(interface) != Some(id)) {
            self.by_id.entry(id.clone()).or_default().insert((chassis.clone(), interface));
            self.touched.insert(id);
        }
    }

    /// Whether a chassis' database is connected.
    pub(crate) fn knows(&self, chassis: &ResourceId) -> bool {
        self.interfaces.contains_key(chassis)
    }

    /// A port is there, other than it was, or gone.
    pub(crate) fn note(&mut self, port: &ResourceId, uid: Option<&str>) {
        let same = self.names.entry(port.name.clone()).or_default();
        if uid.is_some() {
            same.insert(port.clone());
        } else {
            same.remove(port);
            if same.is_empty() {
                self.names.remove(&port.name);
            }
        }
        self.touched.extend(uid.map(Arc::from));
        self.touched.insert(format!("{}/{}", port.tenant, port.name).into());
        self.touched.insert(port.name.clone());
        self.touched.extend(self.ids_of.get(port).into_iter().flatten().cloned());
        self.undecided.insert(port.clone());
        self.undecided.append(&mut self.blocked);
    }

    /// A port is to be decided about.
    pub(crate) fn look_at(&mut self, port: ResourceId) {
        self.undecided.insert(port);
    }

    /// The ports that something happened to, with what iface-ids mean now worked out.
    pub(crate) fn take(&mut self, catalog: &Catalog) -> Vec<ResourceId> {
        for id in std::mem::take(&mut self.touched) {
            let now = if self.by_id.contains_key(&id) { self.resolve(catalog, &id) } else { None };
            let before = match &now {
                Some(port) => self.resolved.insert(id.clone(), port.clone()),
                None => self.resolved.remove(&id),
            };
            for port in before.iter().filter(|port| now.as_ref() != Some(port)) {
                if let Some(ids) = self.ids_of.get_mut(port) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.ids_of.remove(port);
                    }
                }
            }
            if let Some(port) = &now {
                self.ids_of.entry(port.clone()).or_default().insert(id);
            }
            self.undecided.extend(before.into_iter().chain(now));
        }
        std::mem::take(&mut self.undecided).into_iter().collect()
    }

    /// The port that an iface-id means.
    fn resolve(&self, catalog: &Catalog, id: &str) -> Option<ResourceId> {
        let by_name = || match self.names.get(id).map(|ports| (ports.len(), ports.first())) {
            Some((1, port)) => port.cloned(),
            _ => None,
        };
        let port = catalog.port_named(id).or_else(by_name)?;
        catalog.port(&port).is_some_and(|port| port.by_iface_id).then_some(port)
    }

    /// The interfaces that have a port's iface-id, on a chassis if it is only to be there.
    pub(crate) fn claimants(&self, port: &ResourceId, only: Option<&ResourceId>) -> BTreeSet<At> {
        let ids = self.ids_of.get(port).into_iter().flatten();
        let all = ids.filter_map(|id| self.by_id.get(id)).flatten();
        all.filter(|(chassis, _)| only.is_none_or(|only| only == chassis)).cloned().collect()
    }

    /// Whether ports of several tenants have the name of this one.
    pub(crate) fn is_ambiguous(&self, port: &ResourceId) -> bool {
        self.names.get(&port.name).is_some_and(|ports| ports.len() > 1)
    }

    /// None of its interfaces can be a port's as things are.
    pub(crate) fn block(&mut self, port: ResourceId) {
        self.blocked.insert(port);
    }

    /// Notes where a port is bound; what is to be told of it, if that is new: where it is, or was.
    pub(crate) fn bound(&mut self, port: &ResourceId, at: Option<&At>) -> Option<(bool, At)> {
        if self.told.get(port) == at {
            return None;
        }
        match at {
            Some(at) => {
                self.told.insert(port.clone(), at.clone());
                Some((true, at.clone()))
            }
            None => self.told.remove(port).map(|at| (false, at)),
        }
    }
}
