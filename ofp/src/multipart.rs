//! Multipart messages: questions with answers too long for one message.

use addr::OfPort;
use bytes::Bytes;

use crate::{
    FixedText, FlowMonitorRequest, FlowStats, FlowUpdate, GroupDesc, GroupFeatures, GroupStats,
    Match, MeterConfig, MeterFeatures, MeterStats, PortDesc, PortStats, QueueStats, TableFeatures,
    TableStats,
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
