//! A brain with switches that confirm whatever they are told, and a store that writes whatever it is asked to.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use addr::{Dpid, MacAddr, OfPort};
use brain::{
    Brain, Caller, Effect, Event, Millis, Refusal, Reply, Request, RequestId, SessionId, SwitchCommand, SwitchEvent,
};
use ofp::{Body, FlowMod, FlowModCommand, FlowStats, GroupDesc, MeterConfig, PortDesc};
use proto::v1;
use topology::ChassisKey;

use crate::site::Site;

pub(crate) struct Fleet {
    pub(crate) brain: Brain,
    pub(crate) site: Site,
    /// Time that the brain has taken.
    pub(crate) taken: Duration,
    /// Operations that switches were sent.
    pub(crate) operations: u64,
    /// Packets that they were given to send.
    packets: u64,
    /// Keeps what one switch was sent.
    pub(crate) recorded: Option<(ChassisKey, Tables)>,
    revision: u64,
    now: u64,
    events: VecDeque<Event>,
    answer: Option<Result<Reply, Refusal>>,
}

/// What a switch was sent, by key.
#[derive(Clone, Default)]
pub(crate) struct Tables {
    flows: BTreeMap<(u8, u16, ofp::Match), FlowMod>,
    groups: BTreeMap<u32, GroupDesc>,
    meters: BTreeMap<u32, MeterConfig>,
}

impl Fleet {
    pub(crate) fn new(site: Site) -> Fleet {
        let mut fleet = Fleet {
            brain: Brain::default(),
            site,
            taken: Duration::ZERO,
            operations: 0,
            packets: 0,
            recorded: None,
            revision: 1,
            now: 1_000,
            events: VecDeque::new(),
            answer: None,
        };
        fleet.event(Event::Loaded { revision: 1, entries: Vec::new() });
        fleet
    }

    /// Sends a request, and carries out all that follows from it.
    pub(crate) fn request(&mut self, request: Request) {
        self.event(Event::Request { id: RequestId(1), caller: Caller::administrator(), request });
        if let Some(Err(refusal)) = self.answer.take() {
            eprintln!("refused: {refusal:?}");
            std::process::exit(1);
        }
    }

    pub(crate) fn update(&mut self, port: v1::Port) {
        let resource = v1::Resource { kind: Some(v1::resource::Kind::Port(port)) };
        let mask = vec!["spec.fixed_ips".to_owned(), "spec.binding".to_owned()];
        self.request(Request::Update { resource, mask, options: v1::WriteOptions::default() });
    }

    pub(crate) fn connect(&mut self, chassis: ChassisKey) {
        let port = |(number, name): (u32, String)| PortDesc {
            port: OfPort(number),
            name: name.as_str().into(),
            ..PortDesc::default()
        };
        let mut ports: Vec<PortDesc> = self.site.plugged(chassis).into_iter().map(port).collect();
        let hw_addr = MacAddr::from_u64(0x0a00_0000_0000 | u64::from(chassis.0));
        ports.push(PortDesc {
            port: OfPort::LOCAL,
            name: format!("hv{chassis}").as_str().into(),
            hw_addr,
            ..PortDesc::default()
        });
        let up = SwitchEvent::Up { dpid: Dpid(chassis.0.into()), ports, peer: "scale".to_owned() };
        self.event(Event::Switch(session(chassis), up));
    }

    /// Says something on a chassis' connection; how many packets it is answered by.
    pub(crate) fn says(&mut self, chassis: ChassisKey, event: SwitchEvent) -> u64 {
        let before = self.packets;
        self.event(Event::Switch(session(chassis), event));
        self.packets - before
    }

    pub(crate) fn disconnect(&mut self, chassis: ChassisKey) {
        self.event(Event::Switch(session(chassis), SwitchEvent::Down { reason: "scale".to_owned() }));
    }

    fn event(&mut self, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            self.now += 1;
            let start = Instant::now();
            let effects = self.brain.handle(Millis(self.now), event);
            std::hint::black_box(self.brain.next_due());
            self.taken += start.elapsed();
            effects.into_iter().for_each(|effect| self.carry_out(effect));
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Propose { proposal, changes, .. } => {
                self.revision += 1;
                let revision = self.revision;
                self.events.push_back(Event::Applied { revision, changes, proposal: Some(proposal) });
            }
            Effect::Reply { result, .. } => self.answer = Some(result),
            Effect::Switch(session, command) => {
                let Some(event) = self.command(session, command) else { return };
                self.events.push_back(Event::Switch(session, event));
            }
            _ => {}
        }
    }

    fn command(&mut self, session: SessionId, command: SwitchCommand) -> Option<SwitchEvent> {
        let recorded = self.recorded.as_mut().filter(|(chassis, _)| session == self::session(*chassis));
        match command {
            SwitchCommand::ReadBack => {
                let tables = recorded.map(|(_, tables)| tables.clone()).unwrap_or_default();
                Some(tables.read_back())
            }
            SwitchCommand::Batch(batch) => {
                self.operations += batch.operations.len() as u64;
                if let Some((_, tables)) = recorded {
                    batch.operations.into_iter().for_each(|body| tables.take(body));
                }
                Some(SwitchEvent::BatchDone { batch: batch.number, commit_us: 1_000 })
            }
            SwitchCommand::PacketOut { .. } => {
                self.packets += 1;
                None
            }
            SwitchCommand::CountDrops { .. } | SwitchCommand::Close { .. } => None,
        }
    }
}

fn session(chassis: ChassisKey) -> SessionId {
    SessionId(chassis.0.into())
}

impl Tables {
    pub(crate) fn len(&self) -> usize {
        self.flows.len() + self.groups.len() + self.meters.len()
    }

    fn take(&mut self, body: Body) {
        match body {
            Body::FlowMod(flow) => {
                let key = (flow.table, flow.priority, flow.match_.clone());
                match flow.command {
                    FlowModCommand::Add => drop(self.flows.insert(key, flow)),
                    _ => drop(self.flows.remove(&key)),
                }
            }
            Body::GroupMod(group) if group.command == ofp::GroupModCommand::Delete => {
                self.groups.remove(&group.group_id);
            }
            Body::GroupMod(group) => {
                let desc = GroupDesc { kind: group.kind, group_id: group.group_id, buckets: group.buckets };
                self.groups.insert(desc.group_id, desc);
            }
            Body::MeterMod(meter) if meter.command == ofp::MeterModCommand::Delete => {
                self.meters.remove(&meter.meter_id);
            }
            Body::MeterMod(meter) => {
                let config = MeterConfig { flags: meter.flags, meter_id: meter.meter_id, bands: meter.bands };
                self.meters.insert(config.meter_id, config);
            }
            _ => {}
        }
    }

    fn read_back(self) -> SwitchEvent {
        let stats = |flow: FlowMod| FlowStats {
            table: flow.table,
            priority: flow.priority,
            cookie: flow.cookie,
            match_: flow.match_,
            instructions: flow.instructions,
            ..FlowStats::default()
        };
        SwitchEvent::Tables {
            flows: self.flows.into_values().map(stats).collect(),
            groups: self.groups.into_values().collect(),
            meters: self.meters.into_values().collect(),
        }
    }
}
