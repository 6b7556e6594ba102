//! What the guard and security groups have dropped, by port and name. The switches count: a row that drops has the switch make a row in
//! the table `accused` or `refused` for its port and name. And what is above the rates of a port's meters.
//!
//! They are read when somebody asks; that one is new is told at once.

use std::collections::{BTreeMap, BTreeSet};

use addr::OfPort;
use features::Millis;
use features::learn::heard::Proof;
use flows::{ACCUSED_COOKIE, Drop, Metered, PortMeter, Reg, counts_drops};
use ofp::flow_event::ADDED;
use ofp::{Field, FlowStats, FlowUpdate, Match, MeterStats};
use proto::v1;
use topology::{ChassisKey, Key, NetworkKey, ResourceId};

use crate::brain::Brain;
use crate::effect::{Effect, RefusalKind, Reply, SwitchCommand};
use crate::event::{RequestId, SessionId};
use crate::rates::dropped;
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

/// Name and direction: `egress`, `ingress`, or empty for either.
type Why = (&'static str, &'static str);

/// What a row or a meter counts.
#[derive(Debug)]
struct Counted {
    port: OfPort,
    network: NetworkKey,
    why: Why,
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
        self.accuse(port, if how == Proof::Nd { Drop::ForeignNeighborAdvert } else { Drop::SpoofedSource });
    }

    /// A port has sent what it may not, where it is the controller that says so.
    pub(crate) fn accuse(&mut self, port: ResourceId, drop: Drop) {
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

/// What a row counts.
struct Row {
    port: OfPort,
    /// The network that it was on; of what the guard drops.
    network: NetworkKey,
    drop: Drop,
    direction: &'static str,
}

fn read(match_: &Match) -> Option<Row> {
    let number = |reg: Reg| {
        let (value, _) = match_.get(reg.field())?;
        Some(value >> reg.spec().offset & ((1 << reg.spec().bits) - 1))
    };
    let network = NetworkKey(number(Reg::Net).unwrap_or(0) as u32);
    if let Some((port, _)) = match_.get(Field::IN_PORT) {
        let drop = Drop::accused(number(Reg::Accused)?)?;
        return Some(Row { port: OfPort(u32::try_from(port).ok()?), network, drop, direction: EGRESS });
    }
    let (port, leaves) = (number(Reg::Judged)?, number(Reg::Leaves)?);
    let (port, drop) = (OfPort(u32::try_from(port).ok()?), Drop::refused(number(Reg::Refused)?)?);
    Some(Row { port, network, drop, direction: if leaves == 1 { EGRESS } else { INGRESS } })
}

const EGRESS: &str = "egress";
const INGRESS: &str = "ingress";

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
        let ask = |session: &SessionId| Effect::Switch(*session, SwitchCommand::CountDrops { cookie: ACCUSED_COOKIE });
        self.effects.extend(awaited.iter().map(ask));
        let deadline = self.now.after_ms(PATIENCE_MS);
        self.drops.waiting.push(Waiter { id, request, awaited, deadline });
    }

    /// A switch has said what it has counted.
    pub(crate) fn drops_counted(&mut self, session: SessionId, rows: &[FlowStats], meters: &[MeterStats]) {
        let Some((chassis, _)) = self.switch_of(session) else { return };
        let counted = rows.iter().filter_map(|flow| {
            let Row { port, network, drop, direction } = read(&flow.match_)?;
            // The packet that the row was made for came too early for it.
            let packets = flow.packets.saturating_add(1);
            Some(Counted { port, network, why: (drop.name(), direction), packets, bytes: flow.bytes })
        });
        let plugs = self.plugs.get(&chassis).into_iter().flat_map(|plugs| plugs.values().copied());
        let plugged: Vec<OfPort> = plugs.chain(self.world.stand_ins_at(chassis)).collect();
        let above = meters.iter().filter_map(|meter| Some((PortMeter::from_id(meter.meter_id)?, dropped(meter))));
        let above = above.filter(|(_, packets)| *packets > 0);
        let above = above.flat_map(|(meter, packets)| {
            let direction = if meter.metered == Metered::Connections { "" } else { EGRESS };
            let why = (meter.metered.name(), direction);
            let shares = plugged.iter().filter(move |port| meter.is_of(**port));
            shares.map(move |port| Counted { port: *port, network: NetworkKey(0), why, packets, bytes: 0 })
        });
        let counted = counted.chain(above).collect();
        self.drops.counted.insert(chassis, counted);
        self.rates_counted(chassis, meters, &plugged);
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
                Some(((port, one.why), (one.packets, one.bytes)))
            })
        });
        let judged = self.drops.judged.iter();
        let judged = judged.map(|((port, drop), packets)| ((port.clone(), (drop.name(), EGRESS)), (*packets, 0)));
        let mut sums: BTreeMap<(ResourceId, Why), (u64, u64)> = BTreeMap::new();
        for (which, (packets, bytes)) in switches.chain(judged).filter(|((port, _), _)| wanted.contains(port)) {
            let sum = sums.entry(which).or_default();
            *sum = (sum.0.saturating_add(packets), sum.1.saturating_add(bytes));
        }
        let count = |((port, (reason, direction)), (packets, bytes)): ((ResourceId, Why), (u64, u64))| v1::DropCount {
            tenant: port.tenant.to_string(),
            port: port.name.to_string(),
            chassis: self.bound_chassis(&port),
            reason: reason.to_owned(),
            packets,
            bytes,
            direction: direction.to_owned(),
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
                reason: one.why.0.to_owned(),
                packets: one.packets,
                bytes: one.bytes,
                direction: one.why.1.to_owned(),
                ..v1::DropCount::default()
            })
        };
        all.filter_map(uplink).collect()
    }

    fn bound_chassis(&self, port: &ResourceId) -> String {
        let binding = self.catalog.port(port).and_then(|port| port.binding.as_ref());
        binding.map_or_else(|| self.served_by(port), |(chassis, _)| chassis.name.to_string())
    }

    /// Rows to count by are new: the first drop of that name on that port, or the first for an hour.
    pub(crate) fn first_drops(&mut self, session: SessionId, updates: Vec<FlowUpdate>) {
        let Some((chassis, _)) = self.switch_of(session) else { return };
        for update in updates {
            let FlowUpdate::Full { event: ADDED, match_, .. } = update else { continue };
            let Some(Row { port, network, drop, direction }) = read(&match_) else { continue };
            let port = self.port_behind(chassis, port).and_then(|port| self.world.resource_of(&Key::Port(port)));
            let kind = if drop.accuses() { "guard.drop" } else { "group.drop" };
            let (whose, what) = match (port, drop.accuses(), direction) {
                (None, ..) => {
                    let from = self.uplink_name(Some(network), chassis);
                    (self.world.resource_of(&Key::Network(network)), format!("came in by {from}, and may not"))
                }
                (port, true, _) => (port, "the port sent what it may not".to_owned()),
                (port, false, INGRESS) => {
                    (port, "what came for the port, its security groups do not let through".to_owned())
                }
                (port, false, _) => (port, "what the port sent, its security groups do not let through".to_owned()),
            };
            self.happened(kind, whose.as_ref(), format!("{}: {what}; `sextant get drops` counts", drop.name()));
        }
    }
}
