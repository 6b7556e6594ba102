//! What the brain wants written by itself: ports and addresses that were learned, automatic ports that are gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use addr::{MacAddr, OfPort};
use features::Millis;
use features::requesting::Lease;
use ofp::{PortDesc, port_config, port_state};
use proto::v1;
use topology::{ChassisKey, Key, PortKey, ResourceId, View};

use super::held::At;
use crate::brain::Brain;
use crate::catalog::{Claimed, Found, Leasing, Listening, Seen, Upkeep};
use crate::effect::Refusal;
use crate::event::SessionId;

/// Wishes of one sort that may wait; more are not noted, and their hosts speak again.
const WISHES_MAX: usize = 10_000;
/// After a write that the store could not do.
const RETRY_MS: u64 = 1_000;

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    forget: BTreeSet<ResourceId>,
    found: BTreeMap<At, Found>,
    seen: BTreeMap<(ResourceId, IpAddr), Seen>,
    /// Released segmentation ids that no switch has flows with any more, with the revisions at which they were released.
    pub(crate) free: BTreeMap<u32, u64>,
    leases: Vec<Leasing>,
    /// By port and group: the last word counts.
    listeners: BTreeMap<(PortKey, IpAddr), Listening>,
    aged: BTreeSet<(ResourceId, IpAddr)>,
    finish: BTreeSet<ResourceId>,
    upstream: BTreeMap<ResourceId, Option<Lease>>,
    claimed: BTreeMap<ResourceId, Option<(ResourceId, Arc<str>)>>,
    ungrouped: BTreeSet<Arc<str>>,
    /// Wishes that were refused together, to be judged one by one.
    singly: VecDeque<Upkeep>,
    /// Nothing is written before: the store could not.
    retry_at: Option<Millis>,
}

impl Wishes {
    /// Notes a host at a port; false: another one was first.
    pub(super) fn find(&mut self, at: At, found: Found) -> bool {
        if let Some(first) = self.found.get_mut(&at) {
            let same = first.mac == found.mac && first.interface == found.interface;
            let new = |a: &(IpAddr, v1::Proof)| !first.addresses.iter().any(|(address, _)| *address == a.0);
            let more: Vec<_> = found.addresses.into_iter().filter(|a| same && new(a)).collect();
            first.addresses.extend(more);
            return same;
        }
        let room = self.found.len() < WISHES_MAX;
        if room {
            self.found.insert(at, found);
        }
        room
    }

    /// Notes an address; false: there is no room.
    pub(super) fn see(&mut self, seen: Seen) -> bool {
        let room = self.seen.len() < WISHES_MAX;
        if room {
            self.seen.entry((seen.port.clone(), seen.address)).or_insert(seen);
        }
        room
    }

    /// Notes an address that its port's host does not answer for.
    pub(super) fn age(&mut self, port: ResourceId, address: IpAddr) {
        self.aged.insert((port, address));
    }

    /// Notes renumberings whose old prefixes are to go.
    pub(crate) fn finish(&mut self, renumberings: Vec<ResourceId>) {
        self.finish.extend(renumberings);
    }

    /// Notes what is delegated from upstream now.
    pub(crate) fn grant(&mut self, delegation: ResourceId, lease: Option<Lease>) {
        self.upstream.insert(delegation, lease);
    }

    /// Notes where a port's interface is now, by its iface-id.
    pub(crate) fn claim(&mut self, Claimed { port, at }: Claimed) {
        self.claimed.insert(port, at);
    }

    /// Notes tenants that are to have their default group.
    pub(crate) fn group(&mut self, tenants: BTreeSet<Arc<str>>) {
        self.ungrouped.extend(tenants);
    }

    /// Notes what a client's message does to leases; false: there is no room.
    pub(crate) fn lease(&mut self, leasing: Leasing) -> bool {
        let room = self.leases.len() < WISHES_MAX;
        if room {
            self.leases.push(leasing);
        }
        room
    }

    /// Notes what a port wants of a multicast group now; false: there is no room.
    pub(crate) fn listen(&mut self, wish: Listening) -> bool {
        let at = (wish.key, wish.group);
        let room = self.listeners.len() < WISHES_MAX || self.listeners.contains_key(&at);
        if room {
            self.listeners.insert(at, wish);
        }
        room
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        self.retry_at
    }

    /// Everything that is to be written, if it may be now.
    pub(crate) fn take(&mut self, now: Millis) -> Option<Upkeep> {
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        self.retry_at = None;
        if let Some(one) = self.singly.pop_front() {
            return Some(Upkeep { now_ms: now.0, ..one });
        }
        let upkeep = Upkeep {
            forget: std::mem::take(&mut self.forget).into_iter().collect(),
            found: std::mem::take(&mut self.found).into_values().collect(),
            seen: std::mem::take(&mut self.seen).into_values().collect(),
            free: std::mem::take(&mut self.free).into_iter().collect(),
            leases: std::mem::take(&mut self.leases),
            listeners: std::mem::take(&mut self.listeners).into_values().collect(),
            aged: std::mem::take(&mut self.aged).into_iter().collect(),
            finish: std::mem::take(&mut self.finish).into_iter().collect(),
            upstream: std::mem::take(&mut self.upstream).into_iter().collect(),
            claimed: std::mem::take(&mut self.claimed).into_iter().map(|(port, at)| Claimed { port, at }).collect(),
            ungrouped: std::mem::take(&mut self.ungrouped).into_iter().collect(),
            now_ms: now.0,
        };
        (upkeep.wishes() > 0).then_some(upkeep)
    }
}

impl Brain {
    /// Wishes that can't be written together are judged one by one; one that can't be by itself is told.
    pub(crate) fn upkeep_refused(&mut self, upkeep: Upkeep, refusal: &Refusal) {
        let several = upkeep.wishes() > 1;
        let Upkeep { forget, found, seen, free, leases, listeners, aged, finish, upstream, claimed, ungrouped, now_ms } =
            upkeep;
        let wish = |forget, found, seen| Upkeep { forget, found, seen, now_ms, ..Upkeep::default() };
        if several {
            let singly = &mut self.learning.wishes.singly;
            // Nothing is ever in the way of those.
            singly.extend((!free.is_empty()).then(|| Upkeep { free, now_ms, ..Upkeep::default() }));
            singly.extend((!listeners.is_empty()).then(|| Upkeep { listeners, now_ms, ..Upkeep::default() }));
            singly.extend((!aged.is_empty()).then(|| Upkeep { aged, now_ms, ..Upkeep::default() }));
            let ungrouped = ungrouped.into_iter();
            singly.extend(ungrouped.map(|one| Upkeep { ungrouped: vec![one], now_ms, ..Upkeep::default() }));
            singly.extend(upstream.into_iter().map(|one| Upkeep { upstream: vec![one], now_ms, ..Upkeep::default() }));
            singly.extend(finish.into_iter().map(|id| Upkeep { finish: vec![id], now_ms, ..Upkeep::default() }));
            singly.extend(claimed.into_iter().map(|one| Upkeep { claimed: vec![one], now_ms, ..Upkeep::default() }));
            singly.extend(forget.into_iter().map(|id| wish(vec![id], vec![], vec![])));
            singly.extend(found.into_iter().map(|found| wish(vec![], vec![found], vec![])));
            singly.extend(seen.into_iter().map(|seen| wish(vec![], vec![], vec![seen])));
            singly.extend(leases.into_iter().map(|one| Upkeep { leases: vec![one], now_ms, ..Upkeep::default() }));
            return;
        }
        listeners.iter().for_each(|wish| self.groups.settled(wish));
        let reasons: Vec<&str> = refusal.violations.iter().map(|violation| violation.message.as_str()).collect();
        let about = found.first().map(|found| (&found.chassis, format!("{}: ", found.interface)));
        let (resource, what) = match &about {
            Some((chassis, what)) => (Some(*chassis), what.as_str()),
            None => {
                let port = seen.first().map(|seen| &seen.port).or(leases.first().map(|one| &one.port));
                let port = port.or(claimed.first().map(|one| &one.port));
                let port = port.or(upstream.first().map(|(id, _)| id));
                (forget.first().or(finish.first()).or(port), "")
            }
        };
        self.happened("port.refused", resource, format!("{what}{}", reasons.join("; ")));
    }

    /// The store could not write: what was to be forgotten still is, the rest is learned again when its hosts speak.
    pub(crate) fn upkeep_failed(&mut self, upkeep: Upkeep, fault: &str) {
        self.learning.wishes.forget.extend(upkeep.forget);
        self.learning.wishes.ungrouped.extend(upkeep.ungrouped);
        for (id, lease) in upkeep.upstream {
            self.learning.wishes.upstream.entry(id).or_insert(lease);
        }
        for one in upkeep.claimed {
            self.learning.wishes.claimed.entry(one.port).or_insert(one.at);
        }
        let free = &mut self.learning.wishes.free;
        for (segment, revision) in upkeep.free {
            free.entry(segment).or_insert(revision);
        }
        for wish in upkeep.listeners {
            self.learning.wishes.listeners.entry((wish.key, wish.group)).or_insert(wish);
        }
        self.learning.wishes.retry_at = Some(self.now.after_ms(RETRY_MS));
        self.happened("store.fault", None, format!("what was learned could not be written: {fault}"));
    }

    /// The store has written it.
    pub(crate) fn upkeep_done(&mut self, response: &v1::ApplyResponse) {
        for change in response.changes.iter().filter(|change| change.kind == "port") {
            let id =
                ResourceId { kind: "port", tenant: change.tenant.as_str().into(), name: change.name.as_str().into() };
            match change.change() {
                v1::Change::Created => {
                    let Some(found) = self.catalog.whereabouts(&id) else { continue };
                    self.happened("port.learned", Some(&id), found);
                }
                v1::Change::Deleted => {
                    self.happened("port.forgotten", Some(&id), "its chassis' port is down or gone".to_owned());
                }
                _ => {}
            }
        }
    }

    /// When the next old prefix of a renumbered subnet is to go, if that is not about to be written.
    pub(crate) fn next_renumbered(&self) -> Option<Millis> {
        self.catalog.next_renumbered().map(Millis).filter(|at| *at > self.now)
    }

    /// Old prefixes of renumbered subnets that are to go by now do.
    pub(crate) fn finish_renumberings(&mut self) {
        let due = self.catalog.renumbered_by(self.now.0);
        if !due.is_empty() && self.learning.wishes.retry_at.is_none() {
            self.learning.wishes.finish(due);
            self.next_write();
        }
    }

    /// A port of a bridge is gone or down: an automatic port there is nobody's again.
    pub(crate) fn forget_port(&mut self, chassis: ChassisKey, interface: &Arc<str>) {
        let Some(chassis) = self.chassis_resource(chassis) else { return };
        if let Some(id) = self.catalog.automatic_at(&chassis, interface) {
            self.learning.wishes.forget.insert(id);
            self.next_write();
        }
    }

    /// A chassis has told its ports: automatic ones that are not among them, or down, are gone.
    pub(crate) fn forget_unplugged(&mut self, chassis: ChassisKey, up: impl Fn(&str) -> bool) {
        let Some(chassis) = self.chassis_resource(chassis) else { return };
        let gone = self.catalog.automatic_on(&chassis).into_iter().filter(|(_, interface)| !up(interface));
        self.learning.wishes.forget.extend(gone.map(|(id, _)| id));
        self.next_write();
    }

    /// A bridge has told its ports' MACs: who was taken for a host by one of them was none.
    pub(crate) fn note_bridge_macs(&mut self, session: SessionId, chassis: ChassisKey) {
        let Some(known) = self.sessions.get(&session) else { return };
        let new = self.learning.bridges.set_all(chassis, &known.macs);
        self.no_hosts_by(session, chassis, &new);
    }

    /// The same for one port.
    pub(crate) fn note_bridge_mac(&mut self, session: SessionId, chassis: ChassisKey, port: OfPort) {
        let Some(known) = self.sessions.get(&session) else { return };
        let new = self.learning.bridges.set((chassis, port), known.macs.get(&port).copied());
        self.no_hosts_by(session, chassis, new.map(|mac| (port, mac)).as_slice());
    }

    fn no_hosts_by(&mut self, session: SessionId, chassis: ChassisKey, new: &[(OfPort, MacAddr)]) {
        let Some(session) = self.sessions.get(&session) else { return };
        let (Some(network), Some(own)) = (View::new(&self.world).auto_network(), self.chassis_resource(chassis)) else {
            return;
        };
        let Some(network) = self.world.resource_of(&Key::Network(network)) else { return };
        for (port, mac) in new {
            let Some((id, at, interface)) = self.catalog.automatic_with_mac(&network, *mac) else { continue };
            // A host that is an internal port of its bridge has that port's.
            if at != own || session.ports.get(port) != Some(&interface) {
                self.learning.wishes.forget.insert(id);
            }
        }
        self.next_write();
    }
}

/// Whether a port is there but carries nothing.
pub(crate) fn is_down(desc: &PortDesc) -> bool {
    desc.config & port_config::PORT_DOWN != 0 || desc.state & port_state::LINK_DOWN != 0
}
