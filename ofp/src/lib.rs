//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch 3.1 speaks: bytes <-> values <-> `ovs-ofctl` text.
//!
//! Pure: no I/O, no clock. [`frame`] splits one message off a stream, [`Message::decode`] and [`Message::encode`] are
//! inverse, and what is not understood (fields, actions, instructions, properties, whole messages) is kept as read.
//!
//! ```
//! use ofp::{Action, Field, FlowMod, Instruction, Match, Message};
//! let flow = FlowMod {
//!     table: 3,
//!     priority: 100,
//!     match_: Match::new().with(Field::ETH_TYPE, 0x86ddu16).masked(Field::reg(0), 1u8, 1u8),
//!     instructions: vec![
//!         Instruction::ApplyActions(vec![Action::DecNwTtl, Action::output(addr::OfPort(2))]),
//!         Instruction::GotoTable(4),
//!     ],
//!     ..FlowMod::default()
//! };
//! assert_eq!(flow.to_string(), "ADD table:3 priority=100,ipv6,reg0=0x1/0x1 actions=dec_ttl,output:2,goto_table:4");
//! let message = Message::new(1, flow);
//! assert_eq!(Message::decode(&message.encode()), Ok(message));
//! ```
//!
//! What is written again after reading is what was read, but for: fields of a match in their order and one header for each,
//! properties in their order, padding that a receiver ignores, options of a tunnel in as many bytes as their value needs, and the
//! one of two forms that Open vSwitch itself writes (a resubmit to the same table, a punt without properties).
//! `tests/corpus` holds this against what `ovs-ofctl` and a switch were recorded to say.
//!
//! Values are canonical: a flow that is sent and read back from Open vSwitch compares equal, see [`Match`] and
//! [`canonical`](FlowMod::canonical).

mod action;
mod async_config;
mod bad;
mod bundle;
mod conntrack;
mod dispatch;
mod error;
mod field;
mod flow;
mod flow_match;
mod flow_text;
mod group;
mod instruction;
mod match_fields;
mod match_text;
mod message;
mod meter;
mod monitor;
mod multipart;
mod packet;
mod port;
mod switch;
mod table;
mod table_property;
mod text;
mod tlv;
mod vendor;
mod wire;

pub use action::{
    Action, Bundle, Controller, Ct, Encap, EncapProperty, Learn, LearnDst, LearnLimit, LearnSpec, LearnSrc, Multipath,
    Nat, Sample, ZoneSrc, ct_flags, learn_flags, nat_flags,
};
pub use async_config::{AsyncConfig, AsyncMask, ControllerRole, Role, RoleStatus, async_kind};
pub use bad::Bad;
pub use bundle::{BundleAdd, BundleControl, BundleCtrlType, bundle_flags};
pub use conntrack::{CtFlush, CtTuple};
pub use error::ErrorMsg;
pub use field::{Field, Prerequisite, Subfield, Value};
pub use flow::{FlowMod, FlowModCommand, FlowRemoved, FlowStats, flow_flags, removed_reason};
pub use flow_match::Match;
pub use group::{Bucket, BucketStats, GroupDesc, GroupFeatures, GroupMod, GroupModCommand, GroupStats, GroupType};
pub use instruction::Instruction;
pub use match_fields::MatchFields;
pub use message::{Body, HEADER_LEN, Hello, Message, VERSION, frame};
pub use meter::{
    BandStats, MeterBand, MeterConfig, MeterFeatures, MeterMod, MeterModCommand, MeterStats, meter_flags, meter_id,
};
pub use monitor::{FlowMonitorRequest, FlowUpdate, flow_event, monitor_flags};
pub use multipart::{
    AggregateStats, Desc, FlowStatsRequest, MultipartReply, MultipartRequest, StatsReply, StatsRequest,
};
pub use packet::{NxPacketIn, PacketIn, PacketIn2, PacketOut, packet_in_format, packet_in_reason};
pub use port::{PortDesc, PortMod, PortReason, PortStats, PortStatus, port_config, port_state};
pub use switch::{FeaturesReply, QueueConfig, QueueStats, SwitchConfig, capabilities, config_flags};
pub use table::{TableFeatures, TableMod, TableStats};
pub use table_property::{FieldAbility, TableProperty};
pub use text::FixedText;
pub use tlv::{TlvMap, TlvTableMod, TlvTableModCommand, TlvTableReply};

/// "No buffer": the packet is in the message.
pub const NO_BUFFER: u32 = 0xffff_ffff;
/// Any group, in deletes and requests.
pub const GROUP_ANY: u32 = 0xffff_ffff;
/// All groups, in group deletes and requests.
pub const GROUP_ALL: u32 = 0xffff_fffc;
/// All tables, in deletes and requests.
pub const TABLE_ALL: u8 = 0xff;
/// `max_len` of an output to the controller: the whole packet.
pub const NO_TRUNCATION: u16 = 0xffff;
