//! What the guard has dropped, by port and name. The switches count: a row that drops has the switch make a row in the table `accused`
//! for its port and name. They are read when somebody asks; that one is new is told at once.

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use features::learn::heard::Proof;
use flows::{Drop, Reg, Table, counts_drops};
use ofp::flow_event::ADDED;
use ofp::{Field, FlowStats, FlowUpdate, Match};
use proto::v1;
use topology::{ChassisKey, Key, NetworkKey, ResourceId};

use crate::brain::Brain;
use crate::effect::{Effect, RefusalKind, Reply, SwitchCommand};
use crate::event::{RequestId, SessionId};
use crate::requests::refusal;
use crate::switch::Switch;

/// Requests that may wait for the switches' answers.
const WAITERS_MAX: usize = 1_000;
/// How long one waits for a switch.
const PATIENCE_MS: u64 = 2_000;
/// Counts of what the controller has judged itself.
const JUDGED_MAX: usize = 100_000;

/// Those who have asked, and what the switches said last.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    /// What ports said of addresses that are not theirs, where it was the controller's to judge.
    judged: BTreeMap<(ResourceId, Drop), u64>,
    counted: BTreeMap<ChassisKey, Vec<Counted>>,
    waiting: Vec<Waiter>,
}

/// A row's count.
#[derive(Debug)]
struct Counted {
    port: OfPort,
    network: NetworkKey,
    drop: Drop,
    packets: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Waiter {
    id: RequestId,
    request: v1::DropsRequest,
    /// Who has not answered yet.
    awaited: BTreeSet<SessionId>,
    deadline: Millis,
}

impl Drops {
    /// A port has said that it has an address, which it has not.
    pub(crate) fn judge(&mut self, port: ResourceId, how: Proof) {
        let drop = if how == Proof::Nd { Drop::ForeignNeighborAdvert } else { Drop::SpoofedSource };
        if self.judged.len() < JUDGED_MAX || self.judged.contains_key(&(port.clone(), drop)) {
            *self.judged.entry((port, drop)).or_default() += 1;
        }
    }

    /// When the first of those who wait has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.waiting.iter().map(|waiter| waiter.deadline).min()
    }
}

/// Whether a change is of a row that the switch has made itself, to count by.
pub(crate) fn is_count(update: &FlowUpdate) -> bool {
    matches!(update, FlowUpdate::Full { table, cookie, .. } if counts_drops(*table, *cookie))
}

/// The port, the network and the name that a row counts.
fn read(match_: &Match) -> Option<(OfPort, NetworkKey, Drop)> {
    let (port, _) = match_.get(Field::IN_PORT)?;
    let (number, _) = match_.get(Reg::Accused.field())?;
    let network = match_.get(Reg::Net.field()).map_or(0, |(value, _)| value >> Reg::Net.spec().offset & 0xff_ffff);
    let drop = Drop::accused(number >> Reg::Accused.spec().offset & 0xff)?;
    Some((OfPort(u32::try_from(port).ok()?), NetworkKey(network as u32), drop))
}

impl Brain {
    /// Asks the switches; the answer comes when they have said it.
    pub(crate) fn drops(&mut self, id: RequestId, request: v1::DropsRequest) {
        if let Err(refused) = self.ports_of(&request.tenant, &request.port) {
            return self.reply(id, Err(refused));
        }
        if self.drops.waiting.len() >= WAITERS_MAX {
            let words = format!("{WAITERS_MAX} requests are waiting already: try again later");
            return self.reply(id, Err(refusal(RefusalKind::Unavailable, words)));
        }
        let chassis = self.world.chassis_keys().into_iter();
        let there =
            chassis.filter_map(|chassis| self.switches.get(&chassis).filter(|s| s.in_step()).and_then(Switch::session));
        let awaited: BTreeSet<SessionId> = there.collect();
        let table = Table::Accused.id();
        self.effects
            .extend(awaited.iter().map(|session| Effect::Switch(*session, SwitchCommand::CountDrops { table })));
        let deadline = self.now.after_ms(PATIENCE_MS);
        self.drops.waiting.push(Waiter { id, request, awaited, deadline });
    }

    /// A switch has said what it has counted.
    pub(crate) fn drops_counted(&mut self, session: SessionId, flows: &[FlowStats]) {
        let Some((chassis, _)) = self.switch_of(session) else { return };
        let counted = flows.iter().filter_map(|flow| {
            let (port, network, drop) = read(&flow.match_)?;
            // The packet that the row was made for came too early for it.
            Some(Counted { port, network, drop, packets: flow.packets.saturating_add(1), bytes: flow.bytes })
        });
        self.drops.counted.insert(chassis, counted.collect());
        for waiter in &mut self.drops.waiting {
            waiter.awaited.remove(&session);
        }
    }

    /// Answers those whom every switch has answered, and those who have waited long enough.
    pub(crate) fn answer_drops(&mut self) {
        let (sessions, now) = (&self.sessions, self.now);
        for waiter in &mut self.drops.waiting {
            waiter.awaited.retain(|session| sessions.contains_key(session));
        }
        let over = |waiter: &mut Waiter| waiter.awaited.is_empty() || waiter.deadline <= now;
        let answered: Vec<Waiter> = self.drops.waiting.extract_if(.., over).collect();
        for Waiter { id, request, .. } in answered {
            let counts = self.drop_counts(&request);
            self.reply(id, Ok(Reply::Drops(counts)));
        }
    }

    fn drop_counts(&self, request: &v1::DropsRequest) -> Vec<v1::DropCount> {
        let wanted: BTreeSet<&ResourceId> =
            self.ports_of(&request.tenant, &request.port).unwrap_or_default().into_iter().collect();
        let switches = self.drops.counted.iter().flat_map(|(chassis, counted)| {
            counted.iter().filter_map(|one| {
                let port = self.world.resource_of(&Key::Port(self.port_behind(*chassis, one.port)?))?;
                Some(((port, one.drop), (one.packets, one.bytes)))
            })
        });
        let judged = self.drops.judged.iter().map(|(which, packets)| (which.clone(), (*packets, 0)));
        let mut sums: BTreeMap<(ResourceId, Drop), (u64, u64)> = BTreeMap::new();
        for (which, (packets, bytes)) in switches.chain(judged).filter(|((port, _), _)| wanted.contains(port)) {
            let sum = sums.entry(which).or_default();
            *sum = (sum.0.saturating_add(packets), sum.1.saturating_add(bytes));
        }
        let count = |((port, drop), (packets, bytes)): ((ResourceId, Drop), (u64, u64))| v1::DropCount {
            tenant: port.tenant.to_string(),
            port: port.name.to_string(),
            chassis: self.bound_chassis(&port),
            reason: drop.name().to_owned(),
            packets,
            bytes,
            ..v1::DropCount::default()
        };
        sums.into_iter().map(count).chain(self.uplink_drops(request)).collect()
    }

    /// What came in from physical networks, and may not.
    fn uplink_drops(&self, request: &v1::DropsRequest) -> Vec<v1::DropCount> {
        let counted = self.drops.counted.iter().filter(|_| request.port.is_empty());
        let all = counted.flat_map(|(chassis, counted)| counted.iter().map(|one| (*chassis, one)));
        let uplink = |(chassis, one): (ChassisKey, &Counted)| {
            let network = self.world.resource_of(&Key::Network(one.network))?;
            let here = self.world.localnet(one.network, chassis) == Some(one.port);
            let asked = here && (request.tenant.is_empty() || *request.tenant == *network.tenant);
            asked.then(|| v1::DropCount {
                tenant: network.tenant.to_string(),
                network: network.name.to_string(),
                chassis: self.names(&[chassis]),
                reason: one.drop.name().to_owned(),
                packets: one.packets,
                bytes: one.bytes,
                ..v1::DropCount::default()
            })
        };
        all.filter_map(uplink).collect()
    }

    fn bound_chassis(&self, port: &ResourceId) -> String {
        let binding = self.catalog.port(port).and_then(|port| port.binding.as_ref());
        binding.map(|(chassis, _)| chassis.name.to_string()).unwrap_or_default()
    }

    /// Rows to count by are new: the first drop of that name on that port, or the first for an hour.
    pub(crate) fn first_drops(&mut self, session: SessionId, updates: Vec<FlowUpdate>) {
        let Some((chassis, _)) = self.switch_of(session) else { return };
        for update in updates {
            let FlowUpdate::Full { event: ADDED, match_, .. } = update else { continue };
            let Some((ofport, network, drop)) = read(&match_) else { continue };
            let port = self.port_behind(chassis, ofport).and_then(|port| self.world.resource_of(&Key::Port(port)));
            let (whose, what) = match port {
                Some(port) => (Some(port), "the port sent what it may not".to_owned()),
                None => {
                    let from = self.uplink_name(Some(network), chassis);
                    (self.world.resource_of(&Key::Network(network)), format!("came in by {from}, and may not"))
                }
            };
            let words = format!("{}: {what}; `sextant get drops` counts", drop.name());
            self.happened("guard.drop", whose.as_ref(), words);
        }
    }
}
