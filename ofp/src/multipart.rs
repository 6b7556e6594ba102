//! Multipart messages: questions with answers too long for one message.

use addr::OfPort;
use bytes::Bytes;

use crate::vendor::ONF;
use crate::wire::{Reader, Writer};
use crate::{
    Bad, FixedText, FlowMonitorRequest, FlowStats, FlowUpdate, GroupDesc, GroupFeatures, GroupStats, Match,
    MeterConfig, MeterFeatures, MeterStats, PortDesc, PortStats, QueueStats, TableFeatures, TableStats,
};

/// A question (OpenFlow 1.3.5, 7.3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultipartRequest {
    /// More of the question follows.
    pub more: bool,
    /// The question.
    pub body: StatsRequest,
}

/// An answer, or part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultipartReply {
    /// More of the answer follows, in messages with the same xid.
    pub more: bool,
    /// The answer.
    pub body: StatsReply,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsRequest {
    /// Who made the switch.
    Desc,
    /// Its flows.
    Flow(FlowStatsRequest),
    /// Its flows, summed up.
    Aggregate(FlowStatsRequest),
    /// Its tables' counters.
    Table,
    /// A port's counters; [`OfPort::ANY`]: all ports'.
    PortStats(OfPort),
    /// Queues' counters.
    Queue {
        /// The port; [`OfPort::ANY`]: all.
        port: OfPort,
        /// The queue; all ones: all.
        queue_id: u32,
    },
    /// A group's counters; [`crate::GROUP_ALL`]: all groups'.
    GroupStats(u32),
    /// All groups.
    GroupDesc,
    /// What groups it can have.
    GroupFeatures,
    /// A meter's counters; [`crate::meter_id::ALL`]: all meters'.
    MeterStats(u32),
    /// A meter; [`crate::meter_id::ALL`]: all meters.
    MeterConfig(u32),
    /// What meters it can have.
    MeterFeatures,
    /// What its tables can do (or shall do).
    TableFeatures(Vec<TableFeatures>),
    /// Its ports.
    PortDesc,
    /// What becomes of its flows.
    FlowMonitor(Vec<FlowMonitorRequest>),
    /// Anything else.
    Unknown {
        /// The kind; 0xffff for an experimenter's.
        kind: u16,
        /// The body as read.
        body: Bytes,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsReply {
    /// Who made the switch.
    Desc(Box<Desc>),
    /// Its flows.
    Flow(Vec<FlowStats>),
    /// Its flows, summed up.
    Aggregate(AggregateStats),
    /// Its tables' counters.
    Table(Vec<TableStats>),
    /// Ports' counters.
    PortStats(Vec<PortStats>),
    /// Queues' counters.
    Queue(Vec<QueueStats>),
    /// Groups' counters.
    GroupStats(Vec<GroupStats>),
    /// Its groups.
    GroupDesc(Vec<GroupDesc>),
    /// What groups it can have.
    GroupFeatures(GroupFeatures),
    /// Meters' counters.
    MeterStats(Vec<MeterStats>),
    /// Its meters.
    MeterConfig(Vec<MeterConfig>),
    /// What meters it can have.
    MeterFeatures(MeterFeatures),
    /// What its tables can do.
    TableFeatures(Vec<TableFeatures>),
    /// Its ports.
    PortDesc(Vec<PortDesc>),
    /// What became of its flows.
    FlowMonitor(Vec<FlowUpdate>),
    /// Anything else.
    Unknown {
        /// The kind; 0xffff for an experimenter's.
        kind: u16,
        /// The body as read.
        body: Bytes,
    },
}

/// Which flows are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStatsRequest {
    /// The table; [`crate::TABLE_ALL`]: all.
    pub table: u8,
    /// Only with an output to this port; [`OfPort::ANY`]: all.
    pub out_port: OfPort,
    /// Only with this group; [`crate::GROUP_ANY`]: all.
    pub out_group: u32,
    /// Only with this cookie,
    pub cookie: u64,
    /// in these bits.
    pub cookie_mask: u64,
    /// Only flows that this covers.
    pub match_: Match,
}

impl Default for FlowStatsRequest {
    /// All flows.
    fn default() -> FlowStatsRequest {
        FlowStatsRequest {
            table: crate::TABLE_ALL,
            out_port: OfPort::ANY,
            out_group: crate::GROUP_ANY,
            cookie: 0,
            cookie_mask: 0,
            match_: Match::default(),
        }
    }
}

/// Flows, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AggregateStats {
    /// Their packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many flows.
    pub flows: u32,
}

/// Who made the switch (OpenFlow 1.3.5, 7.3.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Desc {
    pub manufacturer: FixedText<256>,
    pub hardware: FixedText<256>,
    pub software: FixedText<256>,
    pub serial: FixedText<32>,
    pub datapath: FixedText<256>,
}

/// Kinds of multipart messages.
mod kind {
    pub(super) const DESC: u16 = 0;
    pub(super) const FLOW: u16 = 1;
    pub(super) const AGGREGATE: u16 = 2;
    pub(super) const TABLE: u16 = 3;
    pub(super) const PORT_STATS: u16 = 4;
    pub(super) const QUEUE: u16 = 5;
    pub(super) const GROUP: u16 = 6;
    pub(super) const GROUP_DESC: u16 = 7;
    pub(super) const GROUP_FEATURES: u16 = 8;
    pub(super) const METER: u16 = 9;
    pub(super) const METER_CONFIG: u16 = 10;
    pub(super) const METER_FEATURES: u16 = 11;
    pub(super) const TABLE_FEATURES: u16 = 12;
    pub(super) const PORT_DESC: u16 = 13;
    pub(super) const EXPERIMENTER: u16 = 0xffff;
}

/// Experimenter and type of flow monitors.
const FLOW_MONITOR: [u32; 2] = [ONF, 1870];

/// Reads kind, flags and padding; for a flow monitor, its experimenter's numbers too.
fn read_header(r: &mut Reader<'_>) -> Result<(u16, bool, bool), Bad> {
    let (kind, flags) = (r.u16()?, r.u16()?);
    r.skip(4)?;
    if kind == kind::EXPERIMENTER {
        let mut ahead = *r;
        if [ahead.u32()?, ahead.u32()?] == FLOW_MONITOR {
            *r = ahead;
            return Ok((kind, flags & 1 != 0, true));
        }
    }
    Ok((kind, flags & 1 != 0, false))
}

fn write_header(w: &mut Writer<'_>, kind: u16, more: bool, monitor: bool) {
    w.u16(kind);
    w.u16(u16::from(more));
    w.zeros(4);
    if monitor {
        FLOW_MONITOR.iter().for_each(|number| w.u32(*number));
    }
}

fn read_all<T>(r: &mut Reader<'_>, read: impl Fn(&mut Reader<'_>) -> Result<T, Bad>) -> Result<Vec<T>, Bad> {
    let mut all = Vec::new();
    while !r.is_empty() {
        all.push(read(r)?);
    }
    Ok(all)
}

impl MultipartRequest {
    /// A question in one message.
    pub fn new(body: StatsRequest) -> MultipartRequest {
        MultipartRequest { more: false, body }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MultipartRequest, Bad> {
        let (kind, more, monitor) = read_header(r)?;
        let mut number = || {
            let number = r.u32()?;
            r.skip(4)?;
            Ok::<_, Bad>(number)
        };
        let body = match kind {
            kind::DESC => StatsRequest::Desc,
            kind::FLOW => StatsRequest::Flow(FlowStatsRequest::read(r)?),
            kind::AGGREGATE => StatsRequest::Aggregate(FlowStatsRequest::read(r)?),
            kind::TABLE => StatsRequest::Table,
            kind::PORT_STATS => StatsRequest::PortStats(OfPort(number()?)),
            kind::QUEUE => StatsRequest::Queue { port: OfPort(r.u32()?), queue_id: r.u32()? },
            kind::GROUP => StatsRequest::GroupStats(number()?),
            kind::GROUP_DESC => StatsRequest::GroupDesc,
            kind::GROUP_FEATURES => StatsRequest::GroupFeatures,
            kind::METER => StatsRequest::MeterStats(number()?),
            kind::METER_CONFIG => StatsRequest::MeterConfig(number()?),
            kind::METER_FEATURES => StatsRequest::MeterFeatures,
            kind::TABLE_FEATURES => StatsRequest::TableFeatures(read_all(r, TableFeatures::read)?),
            kind::PORT_DESC => StatsRequest::PortDesc,
            _ if monitor => StatsRequest::FlowMonitor(read_all(r, FlowMonitorRequest::read)?),
            _ => StatsRequest::Unknown { kind, body: r.rest_bytes() },
        };
        Ok(MultipartRequest { more, body })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let kind = match &self.body {
            StatsRequest::Desc => kind::DESC,
            StatsRequest::Flow(_) => kind::FLOW,
            StatsRequest::Aggregate(_) => kind::AGGREGATE,
            StatsRequest::Table => kind::TABLE,
            StatsRequest::PortStats(_) => kind::PORT_STATS,
            StatsRequest::Queue { .. } => kind::QUEUE,
            StatsRequest::GroupStats(_) => kind::GROUP,
            StatsRequest::GroupDesc => kind::GROUP_DESC,
            StatsRequest::GroupFeatures => kind::GROUP_FEATURES,
            StatsRequest::MeterStats(_) => kind::METER,
            StatsRequest::MeterConfig(_) => kind::METER_CONFIG,
            StatsRequest::MeterFeatures => kind::METER_FEATURES,
            StatsRequest::TableFeatures(_) => kind::TABLE_FEATURES,
            StatsRequest::PortDesc => kind::PORT_DESC,
            StatsRequest::FlowMonitor(_) => kind::EXPERIMENTER,
            StatsRequest::Unknown { kind, .. } => *kind,
        };
        write_header(w, kind, self.more, matches!(self.body, StatsRequest::FlowMonitor(_)));
        match &self.body {
            StatsRequest::Flow(request) | StatsRequest::Aggregate(request) => request.write(w),
            StatsRequest::PortStats(OfPort(number))
            | StatsRequest::GroupStats(number)
            | StatsRequest::MeterStats(number)
            | StatsRequest::MeterConfig(number) => {
                w.u32(*number);
                w.zeros(4);
            }
            StatsRequest::Queue { port, queue_id } => {
                w.u32(port.0);
                w.u32(*queue_id);
            }
            StatsRequest::TableFeatures(tables) => tables.iter().for_each(|table| table.write(w)),
            StatsRequest::FlowMonitor(requests) => requests.iter().for_each(|request| request.write(w)),
            StatsRequest::Unknown { body, .. } => w.bytes(body),
            _ => {}
        }
    }
}

impl MultipartReply {
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<MultipartReply, Bad> {
        let (kind, more, monitor) = read_header(r)?;
        let body = match kind {
            kind::DESC => StatsReply::Desc(Box::new(Desc::read(r)?)),
            kind::FLOW => StatsReply::Flow(read_all(r, FlowStats::read)?),
            kind::AGGREGATE => StatsReply::Aggregate(AggregateStats::read(r)?),
            kind::TABLE => StatsReply::Table(read_all(r, TableStats::read)?),
            kind::PORT_STATS => StatsReply::PortStats(read_all(r, PortStats::read)?),
            kind::QUEUE => StatsReply::Queue(read_all(r, QueueStats::read)?),
            kind::GROUP => StatsReply::GroupStats(read_all(r, GroupStats::read)?),
            kind::GROUP_DESC => StatsReply::GroupDesc(read_all(r, GroupDesc::read)?),
            kind::GROUP_FEATURES => StatsReply::GroupFeatures(GroupFeatures::read(r)?),
            kind::METER => StatsReply::MeterStats(read_all(r, MeterStats::read)?),
            kind::METER_CONFIG => StatsReply::MeterConfig(read_all(r, MeterConfig::read)?),
            kind::METER_FEATURES => StatsReply::MeterFeatures(MeterFeatures::read(r)?),
            kind::TABLE_FEATURES => StatsReply::TableFeatures(read_all(r, TableFeatures::read)?),
            kind::PORT_DESC => StatsReply::PortDesc(read_all(r, PortDesc::read)?),
            _ if monitor => StatsReply::FlowMonitor(read_all(r, FlowUpdate::read)?),
            _ => StatsReply::Unknown { kind, body: r.rest_bytes() },
        };
        Ok(MultipartReply { more, body })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        let mut begin = |kind| write_header(w, kind, self.more, matches!(self.body, StatsReply::FlowMonitor(_)));
        macro_rules! all {
            ($kind:expr, $list:expr) => {{
                begin($kind);
                $list.iter().for_each(|entry| entry.write(w));
            }};
        }
        macro_rules! one {
            ($kind:expr, $body:expr) => {{
                begin($kind);
                $body.write(w);
            }};
        }
        match &self.body {
            StatsReply::Desc(desc) => one!(kind::DESC, desc),
            StatsReply::Flow(flows) => all!(kind::FLOW, flows),
            StatsReply::Aggregate(stats) => one!(kind::AGGREGATE, stats),
            StatsReply::Table(tables) => all!(kind::TABLE, tables),
            StatsReply::PortStats(ports) => all!(kind::PORT_STATS, ports),
            StatsReply::Queue(queues) => all!(kind::QUEUE, queues),
            StatsReply::GroupStats(groups) => all!(kind::GROUP, groups),
            StatsReply::GroupDesc(groups) => all!(kind::GROUP_DESC, groups),
            StatsReply::GroupFeatures(features) => one!(kind::GROUP_FEATURES, features),
            StatsReply::MeterStats(meters) => all!(kind::METER, meters),
            StatsReply::MeterConfig(meters) => all!(kind::METER_CONFIG, meters),
            StatsReply::MeterFeatures(features) => one!(kind::METER_FEATURES, features),
            StatsReply::TableFeatures(tables) => all!(kind::TABLE_FEATURES, tables),
            StatsReply::PortDesc(ports) => all!(kind::PORT_DESC, ports),
            StatsReply::FlowMonitor(updates) => all!(kind::EXPERIMENTER, updates),
            StatsReply::Unknown { kind, body } => {
                begin(*kind);
                w.bytes(body);
            }
        }
    }
}

impl FlowStatsRequest {
    fn read(r: &mut Reader<'_>) -> Result<FlowStatsRequest, Bad> {
        let table = r.u8()?;
        r.skip(3)?;
        let (out_port, out_group) = (OfPort(r.u32()?), r.u32()?);
        r.skip(4)?;
        let (cookie, cookie_mask) = (r.u64()?, r.u64()?);
        Ok(FlowStatsRequest { table, out_port, out_group, cookie, cookie_mask, match_: Match::read(r)? })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.u8(self.table);
        w.zeros(3);
        w.u32(self.out_port.0);
        w.u32(self.out_group);
        w.zeros(4);
        w.u64(self.cookie);
        w.u64(self.cookie_mask);
        self.match_.write(w);
    }
}

impl AggregateStats {
    fn read(r: &mut Reader<'_>) -> Result<AggregateStats, Bad> {
        let stats = AggregateStats { packets: r.u64()?, bytes: r.u64()?, flows: r.u32()? };
        r.skip(4)?;
        Ok(stats)
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.u64(self.packets);
        w.u64(self.bytes);
        w.u32(self.flows);
        w.zeros(4);
    }
}

impl Desc {
    fn read(r: &mut Reader<'_>) -> Result<Desc, Bad> {
        Ok(Desc {
            manufacturer: FixedText(r.octets()?),
            hardware: FixedText(r.octets()?),
            software: FixedText(r.octets()?),
            serial: FixedText(r.octets()?),
            datapath: FixedText(r.octets()?),
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.bytes(&self.manufacturer.0);
        w.bytes(&self.hardware.0);
        w.bytes(&self.software.0);
        w.bytes(&self.serial.0);
        w.bytes(&self.datapath.0);
    }
}
