//! Managed chassis: a link to each one's database, what shall be in it brought about and kept, and ports bound by iface-ids.
//!
//! The difference between what is and what shall be is worked out whenever either changes, and done in one transaction, one at a
//! time for each database. What others undo is done again; to who keeps undoing it, ever more slowly.

mod claims;
mod difference;
mod link;
mod setup;

use std::collections::{BTreeMap, BTreeSet};

use features::Millis;
use ovsdb::{LinkEvent, Replica, Watched};
use topology::ResourceId;

use crate::brain::Brain;
use crate::catalog::Claimed;
use crate::effect::{DatabaseCommand, Effect};
use crate::event::DatabaseId;
use crate::switch::Switch;
use claims::Claims;
use link::{Link, Step};

/// What is watched of a chassis' database.
pub const WATCHED: Watched = Watched {
    database: "Open_vSwitch",
    tables: &[
        ("Open_vSwitch", &["bridges", "ovs_version", "datapath_types"]),
        (
            "Bridge",
            &[
                "name",
                "ports",
                "controller",
                "fail_mode",
                "protocols",
                "datapath_id",
                "datapath_type",
                "other_config",
                "external_ids",
                "flow_tables",
            ],
        ),
        ("Port", &["name", "interfaces", "external_ids"]),
        ("Interface", &["name", "type", "options", "external_ids", "ofport", "error", "bfd", "bfd_status"]),
        ("Controller", &["target", "external_ids"]),
        ("Flow_Table", &["prefixes", "external_ids"]),
    ],
};

/// A chassis whose database can't be reached keeps its ports for so long, if another has their iface-ids.
const GRACE_MS: u64 = 10_000;

/// All managed chassis.
#[derive(Debug, Default)]
pub(crate) struct Managed {
    links: BTreeMap<ResourceId, Link>,
    by_id: BTreeMap<DatabaseId, ResourceId>,
    last_id: u64,
    /// Chassis to be looked at.
    stale: BTreeSet<ResourceId>,
    /// Chassis to be looked at then.
    wake: BTreeSet<(Millis, ResourceId)>,
    claims: Claims,
    /// A network has the key of tunnels for BFD.
    probe_key_taken: bool,
    loaded: bool,
}

impl Managed {
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.wake.first().map(|(at, _)| *at)
    }

    /// Something about a chassis is otherwise: a connection came or went.
    pub(crate) fn touch(&mut self, chassis: &ResourceId) {
        if self.links.contains_key(chassis) {
            self.stale.insert(chassis.clone());
        }
    }

    fn wake_at(&mut self, at: Millis, chassis: &ResourceId) {
        self.wake.insert((at, chassis.clone()));
    }

    /// A link for a chassis in the place of one that it may have; what it is opened by.
    fn open(&mut self, chassis: &ResourceId, remote: ovsdb::Remote, now: Millis) -> Vec<Effect> {
        let mut effects = self.close(chassis);
        self.last_id += 1;
        let id = DatabaseId(self.last_id);
        self.by_id.insert(id, chassis.clone());
        self.links.insert(chassis.clone(), Link::new(id, remote.clone(), now));
        effects.push(Effect::Database(id, DatabaseCommand::Open(remote)));
        effects
    }

    fn close(&mut self, chassis: &ResourceId) -> Vec<Effect> {
        let Some(link) = self.links.remove(chassis) else { return Vec::new() };
        self.by_id.remove(&link.id);
        self.claims.tell(chassis, None);
        vec![Effect::Database(link.id, DatabaseCommand::Close)]
    }

    /// The watched part of a chassis' database, while that is connected.
    pub(crate) fn replica(&self, chassis: &ResourceId) -> Option<&Replica> {
        self.links.get(chassis)?.replica.as_ref()
    }

    /// What is wrong with a managed chassis, beside its connection.
    pub(crate) fn trouble(&self, chassis: &ResourceId) -> Option<String> {
        self.links.get(chassis)?.trouble()
    }

    /// The version of Open vSwitch, or of its database's schema.
    pub(crate) fn version(&self, chassis: &ResourceId) -> Option<String> {
        self.replica(chassis).map(link::version)
    }

    /// Whether a managed chassis' database is connected.
    pub(crate) fn is_connected(&self, chassis: &ResourceId) -> bool {
        self.replica(chassis).is_some()
    }
}

impl Brain {
    pub(crate) fn database_event(&mut self, id: DatabaseId, event: LinkEvent) {
        let Some(chassis) = self.managed.by_id.get(&id).cloned() else { return };
        let now = self.now;
        let Some(link) = self.managed.links.get_mut(&chassis) else { return };
        // Whether it is connected, and its version, are part of the status.
        let shown = matches!(&event, LinkEvent::Up { .. } | LinkEvent::Down(_));
        if let Some((kind, words)) = link.event(event, now) {
            self.happened(kind, Some(&chassis), words);
        }
        self.note_interfaces(&chassis);
        self.managed.stale.insert(chassis.clone());
        if shown {
            self.statuses.remove(&chassis);
        }
        self.restless.insert(chassis);
    }

    /// What a chassis tells of its bridge's interfaces.
    fn note_interfaces(&mut self, chassis: &ResourceId) {
        let setup = setup::setup(&self.catalog, chassis, false);
        let replica = self.managed.replica(chassis);
        let found = setup.and_then(|setup| Some(link::iface_ids(&setup, replica?)));
        let newly = found.is_some() && !self.managed.claims.knows(chassis);
        self.managed.claims.tell(chassis, found);
        if newly {
            // Who was bound there may have lost its interface meanwhile.
            for port in self.catalog.claimed_on(chassis).cloned().collect::<Vec<_>>() {
                self.managed.claims.look_at(port);
            }
        }
    }

    /// Resources have changed: links come and go, and iface-ids may mean others.
    pub(crate) fn note_managed(&mut self, changed: &[ResourceId], deleted: &[ResourceId]) {
        for id in changed.iter().chain(deleted) {
            match id.kind {
                "chassis" => self.note_chassis(id),
                "fabric" => self.managed.stale.extend(self.managed.links.keys().cloned()),
                "port" => {
                    let stored = self.catalog.by_id(id);
                    let uid = stored.and_then(|stored| stored.meta()).map(|meta| meta.uid.clone());
                    self.managed.claims.note(id, uid.as_deref());
                    self.tell_bound(id);
                }
                _ => {}
            }
        }
        let taken = setup::probe_key_taken(&self.catalog);
        if std::mem::replace(&mut self.managed.probe_key_taken, taken) != taken {
            self.managed.stale.extend(self.managed.links.keys().cloned());
        }
        self.managed.loaded = true;
    }

    fn tell_bound(&mut self, port: &ResourceId) {
        let known = self.catalog.port(port).filter(|port| port.by_iface_id);
        let told = self.managed.claims.bound(port, known.and_then(|port| port.binding.as_ref()));
        let Some((bound, (chassis, interface))) = told.filter(|_| self.managed.loaded) else { return };
        let (kind, verb) = if bound { ("port.bound", "has") } else { ("port.unbound", "had") };
        self.happened(kind, Some(port), format!("{interface} on {} {verb} its iface-id", chassis.name));
    }

    fn note_chassis(&mut self, id: &ResourceId) {
        let wanted = self.catalog.chassis(id).and_then(|chassis| chassis.managed.as_ref());
        let known = self.managed.links.get_mut(id);
        match (wanted.map(|managed| managed.remote.clone()), known) {
            (Some(remote), Some(link)) if link.remote == remote => link.stay(),
            (Some(remote), _) => {
                let effects = self.managed.open(id, remote, self.now);
                self.effects.extend(effects);
            }
            (None, Some(link)) => {
                let until = link.leave(self.now);
                self.managed.wake_at(until, id);
            }
            (None, None) => return,
        }
        self.note_interfaces(id);
        // Others watch it, or no longer.
        self.managed.stale.extend(self.managed.links.keys().cloned());
    }

    /// Brings databases in step with what they shall hold, and ports to where their interfaces are.
    pub(crate) fn manage_all(&mut self) {
        let now = self.now;
        while self.managed.wake.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, chassis)) = self.managed.wake.pop_first() {
                for port in self.catalog.claimed_on(&chassis).cloned().collect::<Vec<_>>() {
                    self.managed.claims.look_at(port);
                }
                self.managed.stale.insert(chassis);
            }
        }
        for chassis in std::mem::take(&mut self.managed.stale) {
            self.manage(&chassis);
        }
        self.settle_claims();
    }

    fn manage(&mut self, chassis: &ResourceId) {
        let number = self.catalog.key_of(chassis).and_then(|key| u16::try_from(key).ok()).map(topology::ChassisKey);
        let connected = number.and_then(|key| self.switches.get(&key)).and_then(Switch::session).is_some();
        let setup = setup::setup(&self.catalog, chassis, connected);
        let now = self.now;
        let Some(link) = self.managed.links.get_mut(chassis) else { return };
        let before = link.trouble();
        let step = link.step(chassis, setup, now);
        if link.trouble() != before {
            self.restless.insert(chassis.clone());
        }
        let id = link.id;
        match step {
            Step::Rest => {}
            Step::Wait(at) => self.managed.wake_at(at, chassis),
            Step::Do(command) => self.effects.push(Effect::Database(id, DatabaseCommand::Do(command))),
            Step::Reopen(remote) => {
                let effects = self.managed.open(chassis, remote, now);
                self.effects.extend(effects);
            }
            Step::Close { left } => {
                let effects = self.managed.close(chassis);
                self.effects.extend(effects);
                if let Some(words) = left {
                    self.happened("database.abandoned", Some(chassis), words);
                }
            }
        }
    }

    fn settle_claims(&mut self) {
        for port in self.managed.claims.take(&self.catalog) {
            let Some(known) = self.catalog.port(&port).filter(|port| port.by_iface_id) else { continue };
            self.restless.insert(port.clone());
            let current = known.binding.clone();
            let claimants = self.managed.claims.claimants(&port, known.on_chassis.as_ref());
            if current.as_ref().is_some_and(|at| claimants.contains(at)) {
                continue;
            }
            // Where nobody can be asked, nobody has said that it is gone.
            let unknown = current.as_ref().filter(|(chassis, _)| !self.managed.claims.knows(chassis));
            let since = unknown.and_then(|(chassis, _)| self.managed.links.get(chassis)).map(Link::since);
            if let (Some(since), Some((chassis, _))) = (since, unknown.cloned()) {
                let until = since.after_ms(GRACE_MS);
                if claimants.is_empty() || self.now < until {
                    if !claimants.is_empty() {
                        self.managed.wake_at(until, &chassis);
                    }
                    continue;
                }
            }
            let able = claimants
                .iter()
                .find(|at| self.catalog.may_claim(&Claimed { port: port.clone(), at: Some((*at).clone()) }));
            if able.is_none() && !claimants.is_empty() {
                self.managed.claims.block(port.clone());
            }
            let at = able.cloned();
            if at != current {
                self.learning.wishes.claim(Claimed { port, at });
                self.next_write();
            }
        }
    }

    /// Why a port that is bound by its iface-id is not bound; or, if it is, which others claim it.
    pub(crate) fn claim_words(&self, port: &ResourceId) -> Option<String> {
        let known = self.catalog.port(port).filter(|port| port.by_iface_id)?;
        let claims = &self.managed.claims;
        let mut others = claims.claimants(port, known.on_chassis.as_ref());
        let name = |(chassis, interface): &claims::At| format!("{interface} on {}", chassis.name);
        let Some(at) = &known.binding else {
            if let Some(at) = others.first() {
                return Some(format!("{} has its iface-id, but is another port's", name(at)));
            }
            let id = if claims.is_ambiguous(port) {
                format!("{}/{} or its uid (other tenants have a port of that name)", port.tenant, port.name)
            } else {
                port.name.to_string()
            };
            return Some(format!("no interface of a managed chassis has external_ids:iface-id={id}"));
        };
        others.remove(at);
        let others: Vec<String> = others.iter().map(name).collect();
        (!others.is_empty()).then(|| format!("also claimed by {}: {} has it", others.join(", "), name(at)))
    }
}
