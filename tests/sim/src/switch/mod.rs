//! A switch as the controller meets it: OpenFlow 1.3 as Open vSwitch speaks it, over tables that forward.

mod bundle;
mod refusals;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use addr::{Dpid, MacAddr, OfPort};
use flows::eval;
use ofp::{
    Body, BundleCtrlType, ControllerRole, FeaturesReply, FlowStats, FlowUpdate, GroupDesc, Hello, Message, MeterConfig,
    MultipartReply, PacketIn2, PortDesc, PortReason, PortStatus, Role, StatsReply, StatsRequest, SwitchConfig,
    removed_reason,
};
use tokio::sync::Notify;

use crate::scenario::Refusal;
use bundle::Bundles;
use refusals::{Refusals, Stage};
use tables::{Tables, error};

/// Packets that wait for a slow controller; more are lost in silence.
const PACKETS_MAX: usize = 100;
/// Rows of one part of an answer.
const PART_ROWS: usize = 40;
const BAD_STAT: tables::Code = (1, 2);
const BAD_TYPE: tables::Code = (1, 1);

/// How a switch errs on purpose, so that the simulation shows that it would be seen.
#[derive(Clone, Debug, Default)]
pub struct Mutation {
    /// Rows of these tables don't look at the network.
    pub forgets_network: BTreeSet<u8>,
    /// Of so many flows it confirms one without having it.
    pub loses_one_in: Option<u32>,
}

/// A switch.
pub struct Switch {
    /// Its name, and its bridge's.
    pub name: String,
    /// Its identity.
    pub dpid: Dpid,
    /// Its tunnel endpoint.
    pub endpoint: IpAddr,
    /// What is plugged: names by number.
    pub ports: BTreeMap<u32, String>,
    /// What it holds.
    pub tables: Tables,
    /// It runs.
    pub alive: bool,
    /// It does not connect before that.
    pub away_until: tokio::time::Instant,
    /// Its tables were changed while nobody watched, and have not been read since.
    pub doubtful: bool,
    /// Its flows were changed by somebody since all was last at rest: what keeps packets out may be among them.
    pub open: bool,
    /// It was a chassis and then none since all was last at rest: it may have flows of that time.
    pub abandoned: bool,
    /// It has refused, or may, since all was last at rest.
    pub refused: bool,
    /// Flows that are not ours.
    pub foreign: BTreeSet<tables::FlowKey>,
    /// What has changed about it since it was asked last.
    pub faults: Faults,
    /// Its connection's side: what is said without being asked.
    pub outbox: VecDeque<Message>,
    /// Tells the connection.
    pub wake: Arc<Notify>,
    /// What its conntrack knows.
    connections: eval::Connections,
    /// How it errs.
    pub mutation: Mutation,
    connection: Connection,
    fragments: u16,
    next_port: u32,
    adds: u32,
    evaluator: Option<Arc<eval::Switch>>,
}

/// What goes wrong next.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Barriers that are not answered.
    pub mute: u8,
    /// Answers that are given twice.
    pub twice: u8,
    /// Messages that are slow, and by how much at most, milliseconds.
    pub slow: (u32, u32),
    /// The connection is cut after so many bytes.
    pub cut: Option<(bool, u32)>,
    /// The connection goes silent.
    pub half_open: bool,
    /// The connection is closed.
    pub close: bool,
    refusals: Refusals,
}

impl Faults {
    /// No more of them. A connection that is to be closed, or is half-open, goes that way yet.
    pub fn end(&mut self) {
        let (close, half_open) = (self.close, self.half_open);
        *self = Faults { close, half_open, ..Faults::default() };
    }
}

/// What belongs to one connection.
#[derive(Default)]
struct Connection {
    up: bool,
    bundles: Bundles,
    packet_ins: bool,
    port_status: bool,
    /// It is told what others do to flows.
    watches: bool,
    packets_waiting: usize,
}

impl Switch {
    /// A switch with nothing plugged.
    pub fn new(name: String, number: u8, mutation: Mutation) -> Switch {
        Switch {
            name,
            dpid: Dpid(u64::from(number)),
            endpoint: endpoint(number),
            ports: BTreeMap::new(),
            tables: Tables::default(),
            alive: true,
            away_until: tokio::time::Instant::now(),
            doubtful: false,
            open: false,
            abandoned: false,
            refused: false,
            foreign: BTreeSet::new(),
            faults: Faults::default(),
            outbox: VecDeque::new(),
            wake: Arc::default(),
            connections: eval::Connections::default(),
            mutation,
            connection: Connection::default(),
            fragments: 0,
            next_port: 1,
            adds: 0,
            evaluator: None,
        }
    }

    /// Plugs an interface in, under a number that nobody had, as Open vSwitch does.
    pub fn plug(&mut self, name: &str) {
        if self.number_of(name).is_some() {
            return;
        }
        let number = self.next_port;
        self.next_port += 1;
        self.ports.insert(number, name.to_owned());
        self.port_status(PortReason::Add, number, name);
    }

    /// Unplugs an interface.
    pub fn unplug(&mut self, name: &str) {
        if let Some(number) = self.number_of(name) {
            self.ports.remove(&number);
            self.port_status(PortReason::Delete, number, name);
        }
    }

    /// The number of an interface that is plugged.
    pub fn number_of(&self, name: &str) -> Option<u32> {
        self.ports.iter().find(|(_, plugged)| *plugged == name).map(|(number, _)| *number)
    }

    /// It starts anew.
    pub fn restart(&mut self, renumber: bool) {
        self.tables = Tables { limit: self.tables.limit, ..Tables::default() };
        (self.fragments, self.evaluator, self.doubtful, self.abandoned) = (0, None, true, false);
        self.foreign.clear();
        self.connections = eval::Connections::default();
        if renumber {
            let names: Vec<String> = std::mem::take(&mut self.ports).into_values().rev().collect();
            self.ports = (1..).zip(names).collect();
            self.next_port = self.ports.len() as u32 + 1;
        }
    }

    /// A packet comes in; conntrack keeps what it is told to.
    pub fn forward(&mut self, frame: &[u8], in_port: OfPort, tunnel: Option<eval::Tunnel>) -> eval::Trace {
        let mut trace = self.evaluator().run_knowing(&self.connections, frame, in_port, tunnel);
        trace.commits.drain(..).for_each(|connection| self.connections.keep(connection));
        trace
    }

    /// From now on it refuses.
    pub fn refuse(&mut self, skip: u16, count: u16, error: Refusal, at_add: bool, named: bool) {
        self.faults.refusals.set(skip, count, error, at_add, named);
        self.refused = true;
    }

    /// What it does to packets, at this moment.
    pub fn evaluator(&mut self) -> Arc<eval::Switch> {
        let (tables, mutation) = (&self.tables, &self.mutation);
        self.evaluator.get_or_insert_with(|| Arc::new(tables.evaluator(&mutation.forgets_network))).clone()
    }

    /// Somebody else changed these flows: event (see [`FlowUpdate::Full`]), key, and what is there or was. It is told to a
    /// connection that asked for that; without one it is found when the tables are read.
    pub fn tampered(&mut self, changes: Vec<(u16, tables::FlowKey, Arc<tables::Row>)>) {
        self.evaluator = None;
        self.doubtful |= !self.connection.watches;
        let update =
            |(event, (table, priority, match_), row): (u16, tables::FlowKey, Arc<tables::Row>)| FlowUpdate::Full {
                event,
                reason: removed_reason::DELETE.into(),
                priority,
                idle_timeout_s: 0,
                hard_timeout_s: 0,
                table,
                cookie: row.cookie,
                match_,
                instructions: row.instructions.to_vec(),
            };
        if self.connection.watches {
            for part in changes.chunks(PART_ROWS) {
                let updates = part.iter().cloned().map(update).collect();
                let body = MultipartReply { more: false, body: StatsReply::FlowMonitor(updates) };
                self.outbox.push_back(Message { xid: 0, body: body.into() });
            }
            self.wake.notify_one();
        }
    }

    /// Whether it has what the controller can't know of yet.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful || !self.tables.touched.0.is_empty() || !self.tables.touched.1.is_empty()
    }

    /// A new connection: nothing of the old one counts. Returns what it says first.
    pub fn connected(&mut self) -> Message {
        self.connection = Connection { up: true, ..Connection::default() };
        self.outbox.clear();
        Message::new(1, Hello::v13())
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.connection = Connection::default();
        self.outbox.clear();
    }

    /// Whether it has a connection, as far as it knows.
    pub fn is_connected(&self) -> bool {
        self.connection.up
    }

    /// Sends a packet to the controller, if it wants any.
    pub fn punt(&mut self, packet: PacketIn2) {
        if self.connection.packet_ins && self.connection.packets_waiting < PACKETS_MAX {
            self.connection.packets_waiting += 1;
            self.outbox.push_back(Message { xid: 0, body: Body::PacketIn2(packet) });
            self.wake.notify_one();
        }
    }

    /// The connection has taken a message from the outbox.
    pub fn next_news(&mut self) -> Option<Message> {
        let message = self.outbox.pop_front()?;
        if matches!(message.body, Body::PacketIn2(_)) {
            self.connection.packets_waiting -= 1;
        }
        Some(message)
    }

    fn port_status(&mut self, reason: PortReason, number: u32, name: &str) {
        if self.connection.port_status {
            let desc = self.desc(OfPort(number), name);
            self.outbox.push_back(Message { xid: 0, body: PortStatus { reason, desc }.into() });
            self.wake.notify_one();
        }
    }

    /// Its ports, the LOCAL one included.
    pub fn descs(&self) -> Vec<PortDesc> {
        let ordinary = self.ports.iter().map(|(number, name)| self.desc(OfPort(*number), name));
        ordinary.chain([self.desc(OfPort::LOCAL, &self.name)]).collect()
    }

    fn desc(&self, port: OfPort, name: &str) -> PortDesc {
        let hw_addr = MacAddr::from_u64(0x0a00_0000_0000 | self.dpid.0 << 16 | u64::from(port.0 & 0xffff));
        PortDesc { port, hw_addr, name: name.into(), ..PortDesc::default() }
    }

    /// Takes a message, and answers it. Packets from the controller are the caller's to send.
    pub fn take(&mut self, raw: &[u8], message: Message) -> Vec<Message> {
        let Message { xid, body } = message;
        let answers = match body {
            Body::FlowMod(_) | Body::GroupMod(_) | Body::MeterMod(_) => self.change(xid, &body, raw),
            Body::BundleAdd(add) => {
                let refused = self.connection.bundles.add(add, raw, &mut self.faults.refusals);
                refused.map(|error| Message::new(xid, Body::Error(error))).into_iter().collect()
            }
            Body::BundleControl(control) => self.bundle_control(xid, &control, raw),
            Body::MultipartRequest(request) => self.multipart(xid, &request.body, raw),
            other => self.small_talk(xid, other, raw),
        };
        answers.into_iter().flat_map(|answer| self.told_how_often(answer)).collect()
    }

    fn change(&mut self, xid: u32, body: &Body, raw: &[u8]) -> Vec<Message> {
        self.evaluator = None;
        let refused = match self.faults.refusals.next(Stage::Commit) {
            Some((code, _)) => Err(code),
            None => self.tables.take(body),
        };
        refused.err().map(|code| Message::new(xid, Body::Error(error(code, raw)))).into_iter().collect()
    }

    fn bundle_control(&mut self, xid: u32, control: &ofp::BundleControl, raw: &[u8]) -> Vec<Message> {
        self.evaluator = None;
        let before = self.mutation.loses_one_in.map(|_| self.tables.clone());
        let Connection { bundles, .. } = &mut self.connection;
        let answers = bundles.control(xid, control, raw, &mut self.tables, &mut self.faults.refusals);
        if let (Some(before), BundleCtrlType::CommitRequest) = (before, control.kind) {
            self.lose_some(&before);
        }
        answers
    }

    /// The mutant's way: some of what was added is not there.
    fn lose_some(&mut self, before: &Tables) {
        let Some(one_in) = self.mutation.loses_one_in else { return };
        let adds = &mut self.adds;
        self.tables.flows.retain(|key, _| {
            let added = !before.flows.contains_key(key);
            *adds += u32::from(added);
            !(added && adds.is_multiple_of(one_in))
        });
    }

    fn small_talk(&mut self, xid: u32, body: Body, raw: &[u8]) -> Vec<Message> {
        let answer = match body {
            Body::FeaturesRequest => {
                let features = FeaturesReply { datapath_id: self.dpid, n_tables: 254, ..FeaturesReply::default() };
                Body::FeaturesReply(features)
            }
            Body::SetConfig(config) => {
                self.fragments = config.flags;
                return Vec::new();
            }
            Body::SetAsync(config) => {
                self.connection.port_status = config.port_status[0] != 0;
                return Vec::new();
            }
            Body::SetPacketInFormat(format) => {
                self.connection.packet_ins = format == ofp::packet_in_format::NXT_PACKET_IN2;
                return Vec::new();
            }
            Body::GetConfigRequest => {
                Body::GetConfigReply(SwitchConfig { flags: self.fragments, miss_send_len: ofp::NO_TRUNCATION })
            }
            Body::RoleRequest(_) => Body::RoleReply(ControllerRole { role: Role::Equal, generation_id: u64::MAX }),
            Body::EchoRequest(data) => Body::EchoReply(data),
            Body::BarrierRequest => Body::BarrierReply,
            Body::Hello(_) | Body::EchoReply(_) | Body::PacketOut(_) | Body::Error(_) => return Vec::new(),
            _ => Body::Error(error(BAD_TYPE, raw)),
        };
        vec![Message { xid, body: answer }]
    }

    fn multipart(&mut self, xid: u32, request: &StatsRequest, raw: &[u8]) -> Vec<Message> {
        let parts = match request {
            StatsRequest::PortDesc => in_parts(self.descs(), StatsReply::PortDesc),
            StatsRequest::FlowMonitor(_) => {
                self.connection.watches = true;
                vec![StatsReply::FlowMonitor(Vec::new())]
            }
            StatsRequest::Desc => vec![StatsReply::Desc(Box::default())],
            StatsRequest::Flow(_) => {
                self.doubtful = false;
                self.tables.touched = Default::default();
                in_parts::<FlowStats>(self.tables.stats(), StatsReply::Flow)
            }
            StatsRequest::GroupDesc => {
                let groups = self.tables.groups.values().map(|group| (**group).clone()).collect();
                in_parts::<GroupDesc>(groups, StatsReply::GroupDesc)
            }
            StatsRequest::MeterConfig(_) => {
                in_parts::<MeterConfig>(self.tables.meters.values().cloned().collect(), StatsReply::MeterConfig)
            }
            _ => return vec![Message { xid, body: Body::Error(error(BAD_STAT, raw)) }],
        };
        let last = parts.len() - 1;
        let part = |(at, body)| Message::new(xid, MultipartReply { more: at < last, body });
        parts.into_iter().enumerate().map(part).collect()
    }

    /// Once, as a rule.
    fn told_how_often(&mut self, answer: Message) -> Vec<Message> {
        if matches!(answer.body, Body::BarrierReply) && self.faults.mute > 0 {
            self.faults.mute -= 1;
            return Vec::new();
        }
        if matches!(answer.body, Body::BarrierReply | Body::BundleControl(_)) && self.faults.twice > 0 {
            self.faults.twice -= 1;
            return vec![answer.clone(), answer];
        }
        vec![answer]
    }
}

/// The tunnel endpoint with a number.
fn endpoint(number: u8) -> IpAddr {
    std::net::Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, number.into()).into()
}

/// At least one part.
fn in_parts<T: Clone>(rows: Vec<T>, reply: impl Fn(Vec<T>) -> StatsReply) -> Vec<StatsReply> {
    if rows.is_empty() {
        return vec![reply(rows)];
    }
    rows.chunks(PART_ROWS).map(|part| reply(part.to_vec())).collect()
}
