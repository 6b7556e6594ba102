//! The brain among stand-ins: a store in memory, and switches that hold what they are sent.

#![allow(dead_code, unreachable_pub)]

pub mod database;
mod punts;

use std::collections::{BTreeMap, HashMap, VecDeque};

use addr::{Dpid, MacAddr, OfPort};
use brain::{
    Batch, Brain, Caller, Effect, Entry, EntryChange, Event, Millis, Refusal, Reply, Request, RequestId, SessionId,
    SwitchCommand, SwitchEvent,
};
use ofp::{
    Body, FlowModCommand, FlowStats, GroupDesc, GroupModCommand, Match, MeterConfig, MeterModCommand, PortDesc,
    PortReason,
};
use proto::v1;

#[allow(unused_imports)]
pub use punts::*;

/// A store in memory.
#[derive(Clone, Default)]
pub struct Store {
    pub revision: u64,
    pub entries: BTreeMap<String, (Vec<u8>, u64)>,
}

impl Store {
    fn commit(&mut self, compare: &[(String, u64)], changes: &[EntryChange]) -> Option<u64> {
        let at = |key: &String| self.entries.get(key).map_or(0, |(_, revision)| *revision);
        if compare.iter().any(|(key, revision)| at(key) != *revision) {
            return None;
        }
        self.revision += 1;
        for change in changes {
            match &change.value {
                Some(value) => {
                    self.entries.insert(change.key.clone(), (value.clone(), self.revision));
                }
                None => {
                    self.entries.remove(&change.key);
                }
            }
        }
        Some(self.revision)
    }

    fn loaded(&self) -> Event {
        let entry = |(key, (value, mod_revision)): (&String, &(Vec<u8>, u64))| Entry {
            key: key.clone(),
            value: value.clone(),
            mod_revision: *mod_revision,
        };
        Event::Loaded { revision: self.revision, entries: self.entries.iter().map(entry).collect() }
    }
}

/// What one switch holds.
#[derive(Clone, Default)]
pub struct Tables {
    pub flows: HashMap<(u8, u16, Match), FlowStats>,
    pub groups: BTreeMap<u32, GroupDesc>,
    pub meters: BTreeMap<u32, MeterConfig>,
}

/// A bridge: its ports, its tables, and how it behaves.
#[derive(Clone, Default)]
pub struct Bridge {
    pub dpid: u64,
    pub name: String,
    pub ports: Vec<(u32, String)>,
    pub tables: Tables,
    pub session: Option<SessionId>,
    pub batches: Vec<Batch>,
    pub packets: Vec<(Vec<ofp::Action>, Vec<u8>)>,
    /// Refuses flows of these tables, or all groups.
    pub refuses: Vec<flows::Table>,
    pub refuses_groups: bool,
    /// Confirms nothing until this is false.
    pub slow: bool,
    /// What its meters say when they are asked.
    pub metered: Vec<ofp::MeterStats>,
    /// Doesn't answer when its tables are asked for.
    pub mute: bool,
}

impl Bridge {
    pub fn new(dpid: u64, ports: &[(u32, &str)]) -> Bridge {
        let ports = ports.iter().map(|(n, name)| (*n, (*name).to_owned())).collect();
        Bridge { dpid, name: format!("br{dpid}"), ports, ..Bridge::default() }
    }

    fn descs(&self) -> Vec<PortDesc> {
        let local = desc(OfPort::LOCAL, &self.name, self.dpid);
        self.ports.iter().map(|(n, name)| desc(OfPort(*n), name, self.dpid)).chain([local]).collect()
    }

    fn take(&mut self, batch: &Batch) -> SwitchEvent {
        self.batches.push(batch.clone());
        // Meters go ahead of the bundle and stay, whatever becomes of it.
        let ahead = batch.operations.iter().take_while(|body| matches!(body, Body::MeterMod(_))).count();
        batch.operations[..ahead].iter().for_each(|body| self.tables.take(body));
        let mut tables = self.tables.clone();
        for (index, body) in batch.operations.iter().enumerate().skip(ahead) {
            if let Body::FlowMod(flow) = body
                && self.refuses.iter().any(|table| table.id() == flow.table)
                && flow.command == FlowModCommand::Add
            {
                let error = "OFPFMFC_TABLE_FULL".to_owned();
                return SwitchEvent::BatchFailed { batch: batch.number, operation: Some(index), error };
            }
            if self.refuses_groups && matches!(body, Body::GroupMod(g) if g.command == GroupModCommand::Add) {
                let error = "OFPGMFC_OUT_OF_GROUPS".to_owned();
                return SwitchEvent::BatchFailed { batch: batch.number, operation: Some(index), error };
            }
            if let Body::FlowMod(flow) = body
                && let Some(group) = missing_group(flow, &tables)
            {
                let error = format!("OFPBAC_BAD_OUT_GROUP {group}");
                return SwitchEvent::BatchFailed { batch: batch.number, operation: Some(index), error };
            }
            tables.take(body);
        }
        self.tables = tables;
        SwitchEvent::BatchDone { batch: batch.number, commit_us: 0 }
    }
}

impl Tables {
    fn take(&mut self, body: &Body) {
        match body {
            Body::FlowMod(flow) => {
                let key = (flow.table, flow.priority, flow.match_.clone());
                match flow.command {
                    FlowModCommand::Add => {
                        let stats = FlowStats {
                            table: flow.table,
                            priority: flow.priority,
                            cookie: flow.cookie,
                            match_: flow.match_.clone(),
                            instructions: flow.instructions.clone(),
                            ..FlowStats::default()
                        };
                        self.flows.insert(key, stats);
                    }
                    FlowModCommand::DeleteStrict => {
                        assert!(self.flows.remove(&key).is_some(), "deletes what is not there: {flow:?}");
                    }
                    FlowModCommand::Delete if flow.table == ofp::TABLE_ALL => {
                        self.flows.retain(|_, there| there.cookie & flow.cookie_mask != flow.cookie);
                    }
                    other => panic!("{other:?} keeps old cookies or takes too much"),
                }
            }
            Body::GroupMod(group) => {
                let desc = GroupDesc { kind: group.kind, group_id: group.group_id, buckets: group.buckets.clone() };
                let there = self.groups.contains_key(&group.group_id);
                match group.command {
                    GroupModCommand::Add => assert!(!there, "OFPGMFC_GROUP_EXISTS"),
                    GroupModCommand::Modify => assert!(there, "OFPGMFC_UNKNOWN_GROUP"),
                    _ => {
                        self.groups.remove(&group.group_id);
                        return;
                    }
                }
                self.groups.insert(group.group_id, desc);
            }
            Body::MeterMod(meter) => {
                let config = MeterConfig { flags: meter.flags, meter_id: meter.meter_id, bands: meter.bands.clone() };
                let there = self.meters.contains_key(&meter.meter_id);
                match meter.command {
                    MeterModCommand::Add => assert!(!there, "OFPMMFC_METER_EXISTS"),
                    MeterModCommand::Modify => assert!(there, "OFPMMFC_UNKNOWN_METER"),
                    _ => {
                        self.meters.remove(&meter.meter_id);
                        return;
                    }
                }
                self.meters.insert(meter.meter_id, config);
            }
            other => panic!("not for a batch: {other:?}"),
        }
    }
}

fn of_packets(effect: &Effect) -> bool {
    matches!(effect, Effect::Count { .. } | Effect::Switch(_, SwitchCommand::PacketOut { .. }))
}

fn missing_group(flow: &ofp::FlowMod, tables: &Tables) -> Option<u32> {
    let actions = flow.instructions.iter().flat_map(|instruction| match instruction {
        ofp::Instruction::ApplyActions(actions) => &actions[..],
        _ => &[],
    });
    actions
        .filter_map(|a| if let ofp::Action::Group(id) = a { Some(*id) } else { None })
        .find(|id| !tables.groups.contains_key(id))
}

pub fn desc(port: OfPort, name: &str, dpid: u64) -> PortDesc {
    let hw_addr = MacAddr::from_u64(0x0a00_0000_0000 | dpid);
    PortDesc { port, hw_addr, name: name.into(), ..PortDesc::default() }
}

/// Brain, store and bridges, with a queue between them.
pub struct Site {
    pub brain: Brain,
    pub store: Store,
    pub bridges: Vec<Bridge>,
    pub now: u64,
    pub replies: HashMap<RequestId, Result<Reply, Refusal>>,
    pub happened: Vec<v1::Event>,
    /// The store can't write.
    pub broken_store: bool,
    /// What watchers were told of resources.
    pub told: Vec<v1::Resource>,
    /// Questions for others to answer.
    pub asked: Vec<(brain::QuestionId, Vec<u8>)>,
    /// What was told to routers upstream last.
    pub announced: Option<brain::Announcement>,
    /// Orders about links to databases.
    pub databases: Vec<(brain::DatabaseId, brain::DatabaseCommand)>,
    queue: VecDeque<Event>,
    next_session: u64,
    next_request: u64,
}

impl Site {
    pub fn new(bridges: Vec<Bridge>) -> Site {
        Site::with(Store::default(), bridges)
    }

    pub fn with(store: Store, bridges: Vec<Bridge>) -> Site {
        let mut site = Site {
            brain: Brain::default(),
            queue: [store.loaded()].into(),
            store,
            bridges,
            now: 1_000,
            replies: HashMap::new(),
            happened: Vec::new(),
            broken_store: false,
            told: Vec::new(),
            asked: Vec::new(),
            announced: None,
            databases: Vec::new(),
            next_session: 1,
            next_request: 1,
        };
        site.run();
        site
    }

    /// The controller is killed and comes back with the same store; bridges keep what they hold.
    pub fn restarted(self) -> Site {
        let bridges =
            self.bridges.into_iter().map(|b| Bridge { session: None, batches: vec![], packets: vec![], ..b }).collect();
        Site::with(self.store, bridges)
    }

    pub fn connect(&mut self, bridge: usize) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let b = &mut self.bridges[bridge];
        b.session = Some(session);
        let up = SwitchEvent::Up { dpid: Dpid(b.dpid), ports: b.descs(), peer: "test".to_owned() };
        self.event(Event::Switch(session, up));
    }

    pub fn connect_all(&mut self) {
        for bridge in 0..self.bridges.len() {
            self.connect(bridge);
        }
    }

    pub fn disconnect(&mut self, bridge: usize) {
        if let Some(session) = self.bridges[bridge].session.take() {
            self.event(Event::Switch(session, SwitchEvent::Down { reason: "cut".to_owned() }));
        }
    }

    pub fn plug(&mut self, bridge: usize, number: u32, name: &str, there: bool) {
        let b = &mut self.bridges[bridge];
        b.ports.retain(|(n, _)| *n != number);
        if there {
            b.ports.push((number, name.to_owned()));
        }
        let reason = if there { PortReason::Add } else { PortReason::Delete };
        let port = desc(OfPort(number), name, b.dpid);
        if let Some(session) = b.session {
            self.event(Event::Switch(session, SwitchEvent::Port { reason, port }));
        }
    }

    /// A port loses or gains its carrier.
    pub fn carrier(&mut self, bridge: usize, number: u32, name: &str, up: bool) {
        let b = &self.bridges[bridge];
        let state = if up { 0 } else { ofp::port_state::LINK_DOWN };
        let port = PortDesc { state, ..desc(OfPort(number), name, b.dpid) };
        let event = SwitchEvent::Port { reason: PortReason::Modify, port };
        let session = b.session.unwrap();
        self.event(Event::Switch(session, event));
    }

    /// What is beyond a port answers (BFD), or no longer.
    pub fn answers(&mut self, bridge: usize, number: u32, name: &str, live: bool) {
        let b = &self.bridges[bridge];
        let state = if live { ofp::port_state::LIVE } else { 0 };
        let port = PortDesc { state, ..desc(OfPort(number), name, b.dpid) };
        let event = SwitchEvent::Port { reason: PortReason::Modify, port };
        let session = b.session.unwrap();
        self.event(Event::Switch(session, event));
    }

    /// A slow bridge carries out a batch.
    pub fn confirm(&mut self, bridge: usize, batch: &Batch) {
        let event = self.bridges[bridge].take(batch);
        let session = self.bridges[bridge].session.unwrap();
        self.event(Event::Switch(session, event));
    }

    pub fn ask(&mut self, request: Request) -> Option<Result<Reply, Refusal>> {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.event(Event::Request { id, caller: Caller::administrator(), request });
        self.replies.remove(&id)
    }

    pub fn apply(&mut self, documents: Vec<v1::Document>) -> Result<v1::ApplyResponse, Refusal> {
        let request = v1::ApplyRequest { documents, ..v1::ApplyRequest::default() };
        match self.ask(Request::Apply(request)).expect("an answer") {
            Ok(Reply::Applied(response)) => Ok(response),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    pub fn event(&mut self, event: Event) {
        self.queue.push_back(event);
        self.run();
    }

    pub fn tick(&mut self, ms: u64) {
        self.now += ms;
        self.event(Event::Tick);
    }

    /// Until nobody has anything to say.
    pub fn run(&mut self) {
        let mut steps = 0;
        while let Some(event) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 100_000, "never at rest");
            let passes = matches!(event, Event::Tick | Event::Switch(_, SwitchEvent::Packet(_)));
            let effects = self.brain.handle(Millis(self.now), event);
            // A moment that passes with packets at most wants nothing else of any switch.
            if !passes || !effects.iter().all(of_packets) {
                assert_eq!(self.brain.audit(), [""; 0], "piece by piece is not from scratch");
            }
            for effect in effects {
                self.carry_out(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Propose { proposal, .. } if self.broken_store => {
                self.queue.push_back(Event::Refused { proposal, fault: Some("disk full".to_owned()) });
            }
            Effect::Propose { proposal, compare, changes } => {
                let event = match self.store.commit(&compare, &changes) {
                    Some(revision) => Event::Applied { revision, changes, proposal: Some(proposal) },
                    None => Event::Refused { proposal, fault: None },
                };
                self.queue.push_back(event);
            }
            Effect::Reply { id, result } => {
                self.replies.insert(id, result);
            }
            Effect::Switch(session, command) => self.command(session, command),
            Effect::Happened(event) => self.happened.push(event),
            Effect::Changed { resource, .. } => self.told.push(*resource),
            Effect::Database(link, command) => self.databases.push((link, command)),
            Effect::Resolve { question, message } => self.asked.push((question, message)),
            Effect::Announce(announcement) => self.announced = Some(*announcement),
            Effect::Deleted { .. } | Effect::Count { .. } | Effect::Bound(_) => {}
        }
    }

    fn command(&mut self, session: SessionId, command: SwitchCommand) {
        let Some(bridge) = self.bridges.iter_mut().find(|b| b.session == Some(session)) else { return };
        let event = match command {
            SwitchCommand::ReadBack if bridge.mute => return,
            SwitchCommand::ReadBack => SwitchEvent::Tables {
                flows: bridge.tables.flows.values().cloned().collect(),
                groups: bridge.tables.groups.values().cloned().collect(),
                meters: bridge.tables.meters.values().cloned().collect(),
            },
            SwitchCommand::Batch(batch) => {
                if bridge.slow {
                    bridge.batches.push(batch);
                    return;
                }
                bridge.take(&batch)
            }
            SwitchCommand::PacketOut { actions, data, .. } => return bridge.packets.push((actions, data)),
            SwitchCommand::CountDrops { .. } if bridge.mute => return,
            SwitchCommand::CountDrops { cookie } => {
                let rows = bridge.tables.flows.values().filter(|row| row.cookie == cookie);
                SwitchEvent::Drops { rows: rows.cloned().collect(), meters: bridge.metered.clone() }
            }
            SwitchCommand::Close { .. } => {
                bridge.session = None;
                SwitchEvent::Down { reason: "closed".to_owned() }
            }
        };
        self.queue.push_back(Event::Switch(session, event));
    }

    pub fn flow_mods(&self) -> usize {
        self.bridges.iter().flat_map(|b| &b.batches).map(|b| b.operations.len()).sum()
    }

    pub fn port(&mut self, tenant: &str, name: &str) -> v1::PortStatus {
        let request = Request::Get { kind: "port".to_owned(), tenant: tenant.to_owned(), name: name.to_owned() };
        match self.ask(request) {
            Some(Ok(Reply::Resource(resource))) => match resource.kind {
                Some(v1::resource::Kind::Port(port)) => port.status.unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    pub fn list(&mut self, kind: &str) -> Vec<v1::Resource> {
        match self.ask(Request::List { kind: kind.to_owned(), list: v1::ListRequest::default() }) {
            Some(Ok(Reply::Resources { resources, .. })) => resources,
            other => panic!("{other:?}"),
        }
    }

    /// Whether all that was wanted is installed; otherwise who is missing.
    pub fn installed(&mut self) -> Result<(), Vec<String>> {
        let deadline = Millis(self.now);
        match self.ask(Request::Wait { revision: None, deadline }) {
            Some(Ok(Reply::Waited(waited))) if waited.installed => Ok(()),
            Some(Ok(Reply::Waited(waited))) => Err(waited.waiting_for),
            other => panic!("{other:?}"),
        }
    }
}

/// Two tenants with the very same prefixes and MACs, three chassis.
pub fn site_documents() -> Vec<v1::Document> {
    let meta = |name: &str| Some(v1::Meta { name: name.to_owned(), ..v1::Meta::default() });
    let chassis = (1..=3)
        .map(|n| v1::Chassis {
            meta: meta(&format!("hv{n}")),
            spec: Some(v1::ChassisSpec {
                datapath_id: Some(format!("{n}")),
                tunnel_ip: Some(format!("fd00:a::{n}")),
                ..Default::default()
            }),
            status: None,
        })
        .collect();
    let fabric = v1::Fabric {
        meta: None,
        spec: Some(v1::FabricSpec { encap: v1::Encap::Geneve.into(), ..v1::FabricSpec::default() }),
        status: None,
    };
    let mut documents = vec![v1::Document { chassis, fabric: Some(fabric), ..v1::Document::default() }];
    for tenant in ["acme", "umbra"] {
        let mut document = v1::Document { tenant: tenant.to_owned(), ..v1::Document::default() };
        for (index, color) in ["red", "blue"].into_iter().enumerate() {
            document.networks.push(v1::Network {
                meta: meta(color),
                spec: Some(v1::NetworkSpec::default()),
                status: None,
            });
            let spec = v1::SubnetSpec {
                network: color.to_owned(),
                cidr: format!("2001:db8:{}::/64", ["a", "b"][index]),
                ipv6_ra_mode: v1::Ipv6Mode::Slaac.into(),
                ipv6_address_mode: v1::Ipv6Mode::Slaac.into(),
                ..v1::SubnetSpec::default()
            };
            document.subnets.push(v1::Subnet { meta: meta(&format!("{color}6")), spec: Some(spec), status: None });
        }
        let interface =
            |subnet: &str| v1::RouterInterface { subnet: subnet.to_owned(), ..v1::RouterInterface::default() };
        let spec = v1::RouterSpec { interfaces: vec![interface("red6"), interface("blue6")], ..Default::default() };
        document.routers.push(v1::Router { meta: meta("r1"), spec: Some(spec), status: None });
        for n in 1..=6 {
            document.ports.push(port(tenant, n));
        }
        documents.push(document);
    }
    documents
}

/// A resource's name, in the tenant of its document.
pub fn meta(name: &str) -> Option<v1::Meta> {
    Some(v1::Meta { name: name.to_owned(), ..v1::Meta::default() })
}

/// The site, with a provider network `public` that two of the chassis, both gateways, are on by `eth1`.
pub fn site_documents_with_a_way_out() -> Vec<v1::Document> {
    let mut documents = site_documents();
    for chassis in &mut documents[0].chassis[..2] {
        let spec = chassis.spec.as_mut().unwrap();
        spec.bridge_mappings.insert("physnet1".to_owned(), "eth1".to_owned());
        spec.gateway_priority = Some(100);
    }
    let spec = v1::NetworkSpec {
        r#type: v1::NetworkType::Provider.into(),
        physical_network: Some("physnet1".to_owned()),
        ..v1::NetworkSpec::default()
    };
    documents[1].networks.push(v1::Network { meta: meta("public"), spec: Some(spec), status: None });
    documents
}

/// Port `vmN`: red for 1 to 3, blue for 4 to 6; on chassis 1, 2, 3 in turn.
pub fn port(tenant: &str, n: u32) -> v1::Port {
    let network = if n <= 3 { "red" } else { "blue" };
    let binding = v1::Binding { chassis: format!("hv{}", 1 + (n - 1) % 3), interface: format!("{tenant}-vm{n}") };
    let spec = v1::PortSpec {
        network: network.to_owned(),
        mac_address: Some(format!("02:00:00:00:00:{n:02x}")),
        binding: Some(binding),
        ..v1::PortSpec::default()
    };
    v1::Port { meta: Some(v1::Meta { name: format!("vm{n}"), ..v1::Meta::default() }), spec: Some(spec), status: None }
}

/// The bridges of that site, everything plugged.
pub fn bridges() -> Vec<Bridge> {
    (1..=3u32)
        .map(|c| {
            let mut names = vec![(100, "sx-tun".to_owned())];
            for (t, tenant) in ["acme", "umbra"].into_iter().enumerate() {
                for n in [c, c + 3] {
                    names.push((10 * (t as u32 + 1) + n, format!("{tenant}-vm{n}")));
                }
            }
            let ports: Vec<(u32, &str)> = names.iter().map(|(n, name)| (*n, name.as_str())).collect();
            Bridge::new(c.into(), &ports)
        })
        .collect()
}
