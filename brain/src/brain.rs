//! The mind itself: takes one event at a time, keeps the facts, and answers with effects.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use addr::{Dpid, OfPort};
use features::Millis;
use flows::{Engine, Op};
use proto::v1;
use topology::{Change, ChassisKey, Key, ResourceId, World};

use crate::anycast::Anycast;
use crate::catalog::{Applied, Catalog};
use crate::drops::Drops;
use crate::effect::{Effect, SwitchCommand};
use crate::event::{Caller, Event, ProposalId, Request, RequestId, SessionId};
use crate::exposures::Exposures;
use crate::gateways::Gateways;
use crate::learning::Learning;
use crate::links::Links;
use crate::listening::Groups;
use crate::managed::Managed;
use crate::pace::Load;
use crate::peers::Peers;
use crate::rates::Rates;
use crate::reconfigure::Reconfigures;
use crate::releases::Releases;
use crate::requests::Asked;
use crate::resolve::Resolving;
use crate::switch::Switch;
use crate::switches::Switches;
use crate::upstream::Upstreams;
use crate::waiters::Waiters;

/// The controller's mind.
pub struct Brain {
    pub(crate) catalog: Catalog,
    pub(crate) world: World,
    pub(crate) engine: Engine,
    pub(crate) switches: Switches,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// What is plugged, by chassis and name: as last heard.
    pub(crate) plugs: HashMap<ChassisKey, BTreeMap<Arc<str>, OfPort>>,
    pub(crate) ra: features::ra::service::Service,
    pub(crate) announce: features::announce::service::Service,
    pub(crate) learning: Learning,
    pub(crate) resolving: Resolving,
    pub(crate) groups: Groups,
    pub(crate) links: Links,
    pub(crate) managed: Managed,
    pub(crate) peers: Peers,
    pub(crate) metadata: features::metadata::service::Service,
    pub(crate) gateways: Gateways,
    pub(crate) upstreams: Upstreams,
    pub(crate) rates: Rates,
    pub(crate) reconfigures: Reconfigures,
    pub(crate) anycast: Anycast,
    pub(crate) exposures: Exposures,
    /// When each chassis warms its tunnels next, and how often it has.
    pub(crate) warm: BTreeMap<ChassisKey, (Millis, u32)>,
    pub(crate) warm_due: BTreeSet<(Millis, ChassisKey)>,
    /// Switches that may have something to be sent.
    pub(crate) busy: BTreeSet<ChassisKey>,
    pub(crate) load: Load,
    /// Connected chassis on which the fabric's interface is not plugged.
    pub(crate) without_uplink: BTreeSet<ChassisKey>,
    /// Resources with rows that were refused or lost to another's, and why.
    pub(crate) troubled: BTreeMap<ResourceId, String>,
    /// Requests that write, one at a time: the next is judged by what the last one changed.
    pub(crate) queue: VecDeque<(RequestId, Caller, Request)>,
    pub(crate) asked: Option<Asked>,
    /// Whose turn it was: what the brain itself wants written, or what is requested.
    pub(crate) own_turn: bool,
    pub(crate) waiters: Waiters,
    pub(crate) drops: Drops,
    pub(crate) releases: Releases,
    /// The world's sequence number after each of the last store revisions.
    pub(crate) sequences: BTreeMap<u64, u64>,
    pub(crate) statuses: HashMap<ResourceId, (v1::Phase, String)>,
    pub(crate) restless: BTreeSet<ResourceId>,
    /// Before this time nobody looks at many of them.
    pub(crate) rests_until: Millis,
    pub(crate) next_proposal: u64,
    pub(crate) now: Millis,
    pub(crate) effects: Vec<Effect>,
}

/// One OpenFlow connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) dpid: Dpid,
    pub(crate) bridge: Arc<str>,
    /// The LOCAL port's MAC: tells a bridge that came back from another with its datapath id.
    pub(crate) hw_addr: addr::MacAddr,
    pub(crate) ports: BTreeMap<OfPort, Arc<str>>,
    /// Those of them that carry nothing.
    pub(crate) down: BTreeSet<OfPort>,
    /// Those that what is beyond them answers by, as far as that is asked.
    pub(crate) live: BTreeSet<OfPort>,
    /// The MACs of all ports, the LOCAL one's included.
    pub(crate) macs: BTreeMap<OfPort, addr::MacAddr>,
    pub(crate) chassis: Option<ChassisKey>,
    /// The batch after which it ends: it is no longer that chassis.
    pub(crate) leaving: Option<u64>,
    pub(crate) peer: String,
}

impl Default for Brain {
    fn default() -> Brain {
        Brain {
            catalog: Catalog::default(),
            world: World::default(),
            engine: Engine::new(features::ALL),
            switches: Switches::default(),
            sessions: BTreeMap::new(),
            plugs: HashMap::new(),
            ra: features::ra::service::Service::default(),
            announce: features::announce::service::Service::default(),
            learning: Learning::default(),
            resolving: Resolving::default(),
            groups: Groups::default(),
            links: Links::default(),
            managed: Managed::default(),
            peers: Peers::default(),
            metadata: features::metadata::service::Service::default(),
            gateways: Gateways::default(),
            upstreams: Upstreams::default(),
            rates: Rates::default(),
            reconfigures: Reconfigures::default(),
            anycast: Anycast::default(),
            exposures: Exposures::default(),
            warm: BTreeMap::new(),
            warm_due: BTreeSet::new(),
            busy: BTreeSet::new(),
            load: Load::default(),
            without_uplink: BTreeSet::new(),
            troubled: BTreeMap::new(),
            queue: VecDeque::new(),
            asked: None,
            own_turn: false,
            waiters: Waiters::default(),
            drops: Drops::default(),
            releases: Releases::default(),
            sequences: BTreeMap::new(),
            statuses: HashMap::new(),
            restless: BTreeSet::new(),
            rests_until: Millis(0),
            next_proposal: 1,
            now: Millis(0),
            effects: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Brain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Brain")
            .field("revision", &self.catalog.revision())
            .field("sequence", &self.world.sequence())
            .finish()
    }
}

impl Brain {
    /// A brain whose bridges mark what they say to each other, so that nobody else can say it: with a secret of this process.
    pub fn with_mark(mark: [u8; 16]) -> Brain {
        let mut brain = Brain::default();
        brain.links.mark = features::links::Mark(mark);
        brain
    }

    /// Handles one event at a time; `now` never runs backwards.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        match event {
            Event::Loaded { revision, entries } => {
                let applied = self.catalog.load(revision, &entries);
                self.applied(revision, applied);
                self.load_agreements();
                self.learning.wishes.group(self.catalog.ungrouped());
                self.next_write();
                // Its switches are about to connect.
                self.rest();
            }
            Event::Applied { revision, changes, proposal } => {
                let applied = self.catalog.apply(revision, &changes);
                self.applied(revision, applied);
                self.answered(proposal, revision);
            }
            Event::Refused { proposal, fault } => self.proposal_refused(proposal, fault),
            Event::Request { id, caller, request } => self.request(id, caller, request),
            Event::Switch(session, event) => self.switch_event(session, event),
            Event::Database(link, event) => self.database_event(link, event),
            Event::Resolved { question, answer } => self.resolved(question, answer.as_deref()),
            Event::Speaker(speaker) => self.spoken(speaker),
            Event::Tick => {}
        }
        self.timers();
        self.gateway_timers();
        self.relink_all();
        self.trust_peers();
        self.manage_all();
        self.send_batches();
        self.release_held();
        self.settle();
        std::mem::take(&mut self.effects)
    }

    /// When the next `Event::Tick` is needed; `None`: not before something else happens.
    pub fn next_due(&self) -> Option<Millis> {
        let warm = self.warm_due.first().map(|(at, _)| *at);
        let (resting, waiter) = (self.switches.next_due(), self.waiters.next_deadline());
        let services = [self.ra.next_due(), self.announce.next_due(), self.learning.next_due(), self.links.next_due()];
        let settles = (!self.restless.is_empty()).then_some(self.rests_until);
        let others = [
            self.reconfigures.next_due(),
            self.resolving.next_due(),
            self.managed.next_due(),
            self.metadata.next_due(),
            self.anycast.next_due(),
            self.peers.next_due(),
            self.groups.next_due(),
            self.gateways.next_due(),
            self.upstreams.next_due(),
            self.rates.next_due(),
            settles,
        ];
        let services = services.into_iter().chain(others);
        services.chain([warm, resting, waiter, self.next_renumbered(), self.drops.next_deadline()]).flatten().min()
    }

    /// Where what was compiled piece by piece differs from what the same facts compile to from scratch, in words; empty: nowhere.
    /// The second opinion that tests ask for after every step. Costs a full compile.
    pub fn audit(&self) -> Vec<String> {
        let (fresh, _) = Engine::from_scratch(features::ALL, &self.world);
        self.engine.differences(&fresh)
    }

    /// Changes facts and brings everything that follows from them in step.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) {
        let committed = self.world.commit(changes);
        if committed.changed.is_empty() {
            return;
        }
        let switches = &self.switches;
        let in_step = |chassis| switches.get(&chassis).is_some_and(Switch::in_step);
        let delta = self.engine.update_telling(&self.world, &committed.changed, in_step);
        for fault in &delta.faults {
            self.happened("flow.fault", None, fault.to_string());
        }
        for conflict in &delta.conflicts {
            let loser = self.world.resource_of(&conflict.loser.key);
            let words =
                format!("two rows under one key: {} has it, {} does not", conflict.winner.key, conflict.loser.key);
            self.happened("flow.conflict", loser.as_ref(), words);
        }
        for (chassis, ops) in delta.ops {
            self.want(chassis, ops, committed.sequence);
            self.restless.extend(self.chassis_resource(chassis));
        }
        self.heed_troubles();
        self.gateways.note(&self.world, &committed.changed);
        self.notice(&committed.changed);
        self.notice_learned(&committed.changed);
        self.notice_groups(&committed.changed);
        let switches = &self.switches;
        let ready = |chassis| switches.get(&chassis).is_some_and(|s| s.ready);
        let packets = self.ra.changed(&self.world, &committed.changed, self.now, ready);
        self.send(packets);
        self.announce.changed(&self.world, &committed.changed, self.now);
        self.reconfigure(&committed.changed);
    }

    /// The facts want something else of a switch now. One that is not in step misses it: its tables will be read.
    fn want(&mut self, chassis: ChassisKey, ops: Vec<Op>, sequence: u64) {
        let mut switch = self.switches.get_or_new(chassis, sequence);
        if !switch.in_step() {
            return switch.missed(sequence);
        }
        for op in ops {
            let unit = match &op {
                Op::Put { item, .. } => self.engine.wanted(chassis, &flows::Keyed(item.clone())).map(|(_, unit)| unit),
                Op::Remove { unit, .. } => *unit,
            };
            let resource = unit.and_then(|unit| self.world.resource_of(&unit.key));
            self.restless.extend(resource.clone());
            switch.want(op, sequence, resource);
        }
        self.busy.insert(chassis);
    }

    /// Rows that their tables refuse, and rows that another's has the place of: their resources say so.
    fn heed_troubles(&mut self) {
        let troubles = self.engine.troubles();
        let name = |(unit, words): (flows::Unit, String)| Some((self.world.resource_of(&unit.key)?, words));
        let troubled: BTreeMap<ResourceId, String> = troubles.into_iter().filter_map(name).collect();
        if troubled != self.troubled {
            self.restless.extend(self.troubled.keys().chain(troubled.keys()).cloned());
            self.troubled = troubled;
        }
    }

    /// What changed facts mean beside flows: statuses to look at again, tunnels to warm.
    fn notice(&mut self, changed: &[Key]) {
        self.restless.extend(self.world.resources_of(changed));
        for key in changed {
            self.anycast.changed(&self.world, key);
            if let (Key::Network(_) | Key::Place(_), Some(resource)) = (key, self.world.resource_of(key)) {
                // What is shown of it may differ though it stands as it stood: an MTU, a port's number.
                self.statuses.remove(&resource);
            }
            match *key {
                // Ports of a network that waits for its id wait with it.
                Key::Segment(network) => self.restless.extend(self.world.ports_on(network)),
                Key::Localnet(network, _) => self.unsettle_network(network),
                Key::Gateways(network) | Key::Neighbors(network, _) | Key::Upstreams(network) => {
                    self.unsettle_routers(network);
                }
                Key::Peer(from, _) => self.warm_soon(from),
                Key::Uplink(from) => {
                    self.warm_soon(from);
                    self.look_for_uplink(from);
                }
                Key::Chassis(to) => {
                    self.world.senders(to).into_iter().for_each(|from| self.warm_soon(from));
                    self.relink(to);
                }
                Key::Spare(chassis, _) => self.relink(chassis),
                Key::Fabric => self.refabric(),
                _ => {}
            }
        }
    }

    /// The store's changes, as facts.
    fn applied(&mut self, revision: u64, applied: Applied) {
        for fault in applied.faults {
            self.happened("store.fault", None, fault);
        }
        self.restless.extend(applied.changed.iter().chain(&applied.affected).cloned());
        for (port, address, proof) in applied.learned {
            let words = format!("{address} ({})", proof_word(proof));
            self.happened("address.learned", Some(&port), words);
            self.note_age(&port);
        }
        self.effects.extend(applied.bound.into_iter().map(|binding| Effect::Bound(Box::new(binding))));
        if applied.forgotten > 0 {
            let counter = "sextant_binding_history_forgotten_total";
            self.effects.push(Effect::Count { counter, labels: Vec::new(), by: applied.forgotten });
        }
        let chassis_changed = applied.changed.iter().chain(&applied.deleted).any(|r| r.kind == "chassis");
        self.commit(applied.facts);
        self.sequences.insert(revision, self.world.sequence());
        while self.sequences.len() > REVISIONS_KEPT {
            self.sequences.pop_first();
        }
        if chassis_changed {
            self.match_sessions();
            self.forget_deleted();
            self.await_gateways();
        }
        self.note_upstreams(&applied.changed, &applied.deleted);
        self.note_managed(&applied.changed, &applied.deleted);
        self.note_releases(&applied.released);
        self.note_waiting(applied.changed.iter().chain(&applied.deleted));
        for resource in applied.changed {
            if self.catalog.renumbering(&resource).is_some_and(|renumbering| renumbering.finished) {
                self.happened("renumbering.finished", Some(&resource), "the old prefix is gone".to_owned());
            }
            self.statuses.remove(&resource);
        }
        for resource in applied.deleted {
            self.statuses.remove(&resource);
            self.restless.remove(&resource);
            self.exposures.forget(&resource);
            let ResourceId { kind, tenant, name } = &resource;
            let resource = v1::ResourceChange {
                kind: (*kind).to_owned(),
                tenant: tenant.to_string(),
                name: name.to_string(),
                change: v1::Change::Deleted.into(),
            };
            self.effects.push(Effect::Deleted { revision, resource });
        }
    }

    fn send_batches(&mut self) {
        for chassis in std::mem::take(&mut self.busy) {
            let Some(mut switch) = self.switches.get_mut(&chassis) else { continue };
            while let Some((session, batch)) = switch.next_batch(&self.load) {
                self.effects.push(Effect::Switch(session, SwitchCommand::Batch(batch)));
            }
        }
    }

    pub(crate) fn proposal(&mut self) -> ProposalId {
        let id = ProposalId(self.next_proposal);
        self.next_proposal += 1;
        id
    }

    pub(crate) fn happened(&mut self, kind: &str, resource: Option<&ResourceId>, message: String) {
        let (kind_of, tenant, name) = match resource {
            Some(r) => (r.kind.to_owned(), r.tenant.to_string(), r.name.to_string()),
            None => Default::default(),
        };
        let event = v1::Event { r#type: kind.to_owned(), kind: kind_of, tenant, name, message, ..v1::Event::default() };
        self.effects.push(Effect::Happened(event));
    }
}

/// How an address was learned, as the contract writes it.
const fn proof_word(proof: v1::Proof) -> &'static str {
    match proof {
        v1::Proof::Unspecified => "unknown",
        v1::Proof::Static => "static",
        v1::Proof::Dad => "dad",
        v1::Proof::Nd => "nd",
        v1::Proof::Arp => "arp",
        v1::Proof::Data => "data",
        v1::Proof::Dhcp => "dhcp",
        v1::Proof::Registered => "registered",
        v1::Proof::Pair => "pair",
    }
}

/// Store revisions whose sequence numbers are remembered for those who wait for one.
const REVISIONS_KEPT: usize = 10_000;
