//! What can be wanted on a switch: flows, groups, meters; with the reason beside it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ofp::{Bucket, GroupType, Instruction, Match, MeterBand};
use rustc_hash::FxHasher;

use crate::pipeline::Table;

/// A flow, a group or a meter.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A row of the pipeline.
    Flow(Flow),
    /// A group.
    Group(Group),
    /// A meter.
    Meter(Meter),
}

/// A row of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its table.
    pub table: Table,
    /// Higher wins.
    pub priority: u16,
    /// What it matches.
    pub match_: Match,
    /// What it does; shared with other rows that do the same.
    pub instructions: Arc<[Instruction]>,
    /// Why it is there, for people.
    pub why: &'static str,
    /// The name under which it drops, if it does.
    pub drop: Option<Drop>,
}

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its number on the switch.
    pub id: u32,
    /// How it picks buckets.
    pub kind: GroupType,
    /// Its buckets, in order.
    pub buckets: Vec<Bucket>,
    /// Why it is there, for people.
    pub why: &'static str,
}

/// A meter. Rates are packets per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Meter {
    /// Its number on the switch.
    pub id: u32,
    /// OpenFlow 1.3 meter flags.
    pub flags: u16,
    /// Its bands.
    pub bands: Vec<MeterBand>,
    /// Why it is there, for people.
    pub why: &'static str,
}

/// Why a packet is dropped. Every drop has one of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // The names and `about` say it.
pub enum Drop {
    UnknownPort,
    UnknownSegment,
    ForeignMac,
    VlanTag,
    UnparsableHeaders,
    FragmentedNd,
    RogueRouterAdvert,
    RogueRedirect,
    RogueMulticastRouter,
    RogueDhcpServer,
    ForeignNeighborAdvert,
    ForeignNeighborSolicit,
    MalformedNd,
    FragmentedControl,
    TruncatedHeaders,
    TunnelCarrier,
    MonitorSends,
    EtherType,
    SpoofedSource,
    UnsolicitedAdvert,
    UnknownTarget,
    NoRouterAdvert,
    LinkLocalNotRouted,
    NotRoutable,
    NdToRouter,
    UnknownMac,
    FabricHairpin,
    NoTunnel,
    NoPath,
    NoRule,
    InvalidState,
    LinkProtocol,
    UplinkHairpin,
    NoUplink,
    NoListener,
    NoMapping,
}

impl Drop {
    /// All of them.
    pub const ALL: [Drop; 35] = [
        Drop::UnknownPort,
        Drop::UnknownSegment,
        Drop::ForeignMac,
        Drop::VlanTag,
        Drop::UnparsableHeaders,
        Drop::FragmentedNd,
        Drop::RogueRouterAdvert,
        Drop::RogueRedirect,
        Drop::RogueMulticastRouter,
        Drop::RogueDhcpServer,
        Drop::ForeignNeighborAdvert,
        Drop::ForeignNeighborSolicit,
        Drop::MalformedNd,
        Drop::FragmentedControl,
        Drop::TruncatedHeaders,
        Drop::TunnelCarrier,
        Drop::MonitorSends,
        Drop::EtherType,
        Drop::SpoofedSource,
        Drop::UnsolicitedAdvert,
        Drop::UnknownTarget,
        Drop::NoRouterAdvert,
        Drop::LinkLocalNotRouted,
        Drop::NotRoutable,
        Drop::NdToRouter,
        Drop::UnknownMac,
        Drop::FabricHairpin,
        Drop::NoTunnel,
        Drop::NoPath,
        Drop::NoRule,
        Drop::InvalidState,
        Drop::LinkProtocol,
        Drop::UplinkHairpin,
        Drop::NoUplink,
        Drop::NoMapping,
    ];

    /// What the guard drops: it is counted for each port, by the switch itself.
    pub const ACCUSED: [Drop; 17] = [
        Drop::ForeignMac,
        Drop::VlanTag,
        Drop::UnparsableHeaders,
        Drop::FragmentedNd,
        Drop::RogueRouterAdvert,
        Drop::RogueRedirect,
        Drop::RogueMulticastRouter,
        Drop::RogueDhcpServer,
        Drop::ForeignNeighborAdvert,
        Drop::ForeignNeighborSolicit,
        Drop::MalformedNd,
        Drop::FragmentedControl,
        Drop::TruncatedHeaders,
        Drop::TunnelCarrier,
        Drop::MonitorSends,
        Drop::EtherType,
        Drop::SpoofedSource,
    ];

    /// Whether it says of a port that it sent what it may not.
    pub fn accuses(self) -> bool {
        Drop::ACCUSED.contains(&self)
    }

    /// The one of [`Drop::ACCUSED`] that a number in register `accused` stands for.
    pub fn accused(number: u128) -> Option<Drop> {
        Drop::ACCUSED.into_iter().find(|drop| *drop as u128 == number)
    }

    /// Whether a port's security groups say so: it is counted for that port and direction.
    pub fn is_of_groups(self) -> bool {
        matches!(self, Drop::NoRule | Drop::InvalidState)
    }

    /// The one of those that a number in register `refused` stands for.
    pub fn refused(number: u128) -> Option<Drop> {
        [Drop::NoRule, Drop::InvalidState].into_iter().find(|drop| *drop as u128 == number)
    }

    /// The name that counters, traces and events use.
    pub const fn name(self) -> &'static str {
        match self {
            Drop::UnknownPort => "unknown_port",
            Drop::UnknownSegment => "unknown_segment",
            Drop::ForeignMac => "foreign_mac",
            Drop::VlanTag => "vlan_tag",
            Drop::UnparsableHeaders => "unparsable_headers",
            Drop::FragmentedNd => "fragmented_nd",
            Drop::RogueRouterAdvert => "rogue_router_advert",
            Drop::RogueRedirect => "rogue_redirect",
            Drop::RogueMulticastRouter => "rogue_multicast_router",
            Drop::RogueDhcpServer => "rogue_dhcp_server",
            Drop::ForeignNeighborAdvert => "foreign_neighbor_advert",
            Drop::ForeignNeighborSolicit => "foreign_neighbor_solicit",
            Drop::MalformedNd => "malformed_nd",
            Drop::FragmentedControl => "fragmented_control",
            Drop::TruncatedHeaders => "truncated_headers",
            Drop::TunnelCarrier => "tunnel_carrier",
            Drop::MonitorSends => "monitor_sends",
            Drop::EtherType => "ethertype",
            Drop::SpoofedSource => "spoofed_source",
            Drop::UnsolicitedAdvert => "unsolicited_advert",
            Drop::UnknownTarget => "unknown_target",
            Drop::NoRouterAdvert => "no_router_advert",
            Drop::LinkLocalNotRouted => "link_local_not_routed",
            Drop::NotRoutable => "not_routable",
            Drop::NdToRouter => "nd_to_router",
            Drop::UnknownMac => "unknown_mac",
            Drop::FabricHairpin => "fabric_hairpin",
            Drop::NoTunnel => "no_tunnel",
            Drop::NoPath => "no_path",
            Drop::NoRule => "no_rule",
            Drop::InvalidState => "invalid_state",
            Drop::LinkProtocol => "link_protocol",
            Drop::UplinkHairpin => "uplink_hairpin",
            Drop::NoUplink => "no_uplink",
            Drop::NoListener => "no_listener",
            Drop::NoMapping => "no_mapping",
        }
    }
}

/// What a punted packet asks of the controller: rides in register `punt_op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PuntOp {
    /// A router solicitation.
    RouterSolicit = 1,
    /// A neighbour solicitation without the sender's MAC, or from nobody yet: no flow can add an option.
    NeighborSolicit = 2,
    /// Its hop limit ran out at the router (RFC 4443, 3.3; RFC 792).
    HopLimit = 3,
    /// The router has no route to it (RFC 4443, 3.1, code 0).
    NoRoute = 4,
    /// Nobody has that address on a connected network (RFC 4443, 3.1, code 3).
    Unreachable = 5,
    /// The router itself listens to nothing there (RFC 4443, 3.1, code 4).
    PortUnreachable = 6,
    /// Too big for the next network (RFC 4443, 3.2).
    TooBig = 7,
    /// An ARP probe: a request from nobody yet (RFC 5227, 1.1).
    ArpProbe = 8,
    /// From a port, MAC or address that is nobody's yet.
    Learn = 9,
    /// A question for an address that nobody is known to have, on a network where hosts are learned.
    Resolve = 10,
    /// What a bridge says at the other end of a cable (IEEE 802.1AB).
    Lldp = 11,
    /// A client's message to all DHCPv6 servers.
    Dhcp6 = 12,
    /// A client's message to whatever DHCP server for IPv4.
    Dhcp4 = 13,
    /// An answer to the question whether a host still has an address.
    Alive = 14,
    /// A question for a name or address (RFC 1035).
    Dns = 15,
    /// What an instance of a service answers when it is asked whether it is alive.
    Health = 16,
    /// What hosts and routers say of multicast groups: MLD (RFC 3810), IGMP (RFC 3376).
    Membership = 17,
    /// What a delegating router on a physical network says to a router of ours (RFC 8415).
    Upstream = 18,
    /// A segment for the metadata service.
    Metadata = 24,
    /// What a neighbour on a physical network says of itself.
    Neighbor = 20,
    /// What a router on a physical network says of itself (RFC 4861, 4.2).
    RouterAdvert = 21,
    /// An ICMP error that came in by an address outside: what it quotes went out from there.
    QuotedInward = 22,
    /// An ICMP error that goes out from an address outside: what it quotes came in for it.
    QuotedOutward = 23,
}

impl PuntOp {
    /// The operation of a register's value.
    pub fn from_number(n: u64) -> Option<PuntOp> {
        use PuntOp::*;
        [
            RouterSolicit,
            NeighborSolicit,
            HopLimit,
            NoRoute,
            Unreachable,
            PortUnreachable,
            TooBig,
            ArpProbe,
            Learn,
            Resolve,
            Lldp,
            Dhcp6,
            Dhcp4,
            Alive,
            Dns,
            Health,
            Membership,
            Metadata,
            Upstream,
            Neighbor,
            RouterAdvert,
            QuotedInward,
            QuotedOutward,
        ]
        .into_iter()
        .find(|op| *op as u64 == n)
    }

    /// The name that counters use.
    pub const fn name(self) -> &'static str {
        match self {
            PuntOp::RouterSolicit => "router_solicit",
            PuntOp::NeighborSolicit => "neighbor_solicit",
            PuntOp::HopLimit => "hop_limit",
            PuntOp::NoRoute => "no_route",
            PuntOp::Unreachable => "unreachable",
            PuntOp::PortUnreachable => "port_unreachable",
            PuntOp::TooBig => "too_big",
            PuntOp::ArpProbe => "arp_probe",
            PuntOp::Learn => "learn",
            PuntOp::Resolve => "resolve",
            PuntOp::Lldp => "lldp",
            PuntOp::Dhcp6 => "dhcp6",
            PuntOp::Dhcp4 => "dhcp4",
            PuntOp::Alive => "alive",
            PuntOp::Dns => "dns",
            PuntOp::Health => "health",
            PuntOp::Membership => "membership",
            PuntOp::Metadata => "metadata",
            PuntOp::Upstream => "upstream",
            PuntOp::Neighbor => "neighbor",
            PuntOp::RouterAdvert => "router_advert",
            PuntOp::QuotedInward => "quoted_inward",
            PuntOp::QuotedOutward => "quoted_outward",
        }
    }

    /// Which meter it is punted by.
    pub const fn class(self) -> PuntClass {
        match self {
            PuntOp::RouterSolicit
            | PuntOp::NeighborSolicit
            | PuntOp::ArpProbe
            | PuntOp::Learn
            | PuntOp::Resolve
            | PuntOp::Dhcp6
            | PuntOp::Dhcp4
            | PuntOp::Alive
            | PuntOp::Dns
            | PuntOp::Membership
            | PuntOp::Upstream
            | PuntOp::Neighbor
            | PuntOp::RouterAdvert => PuntClass::Address,
            PuntOp::Lldp => PuntClass::Link,
            PuntOp::Health => PuntClass::Health,
            PuntOp::HopLimit
            | PuntOp::NoRoute
            | PuntOp::Unreachable
            | PuntOp::PortUnreachable
            | PuntOp::TooBig
            | PuntOp::QuotedInward
            | PuntOp::QuotedOutward
            | PuntOp::Metadata => PuntClass::Service,
        }
    }
}

/// What the controller is asked: each port has a meter for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PuntClass {
    /// What a host needs to get and keep its addresses.
    Address = 0,
    /// What a host can do without for a while: ICMP errors, and metadata, of which each question is a whole connection.
    Service = 1,
    /// What bridges say to each other.
    Link = 2,
    /// What instances of services answer.
    Health = 3,
}

impl Item {
    /// Whether a switch takes both for the same thing, of which it has one: table, priority and match; group id; meter id.
    pub(crate) fn same_key(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Flow(a), Item::Flow(b)) => a.table == b.table && a.priority == b.priority && a.match_ == b.match_,
            (Item::Group(a), Item::Group(b)) => a.id == b.id,
            (Item::Meter(a), Item::Meter(b)) => a.id == b.id,
            _ => false,
        }
    }

    /// Whether both are the same to a switch that has them under one key: their words don't matter.
    pub fn same_effect(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Flow(a), Item::Flow(b)) => a.instructions == b.instructions,
            (Item::Group(a), Item::Group(b)) => a.kind == b.kind && a.buckets == b.buckets,
            (Item::Meter(a), Item::Meter(b)) => a.flags == b.flags && a.bands == b.bands,
            _ => false,
        }
    }

    /// A hash of what [`Item::same_key`] compares.
    pub(crate) fn key_hash(&self) -> u32 {
        match self {
            Item::Flow(flow) => flow_hash(flow.table, flow.priority, flow.match_.packed()),
            Item::Group(group) => number_hash(1, group.id),
            Item::Meter(meter) => number_hash(2, meter.id),
        }
    }
}

impl PuntClass {
    /// The name that counters use.
    pub const fn name(self) -> &'static str {
        match self {
            PuntClass::Address => "address",
            PuntClass::Service => "service",
            PuntClass::Link => "link",
            PuntClass::Health => "health",
        }
    }
}

/// The hash of a flow's key. Fast, and the same in every run: events replay to the letter.
pub(crate) fn flow_hash(table: Table, priority: u16, packed_match: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write_u32(u32::from(table.id()) << 16 | u32::from(priority));
    hasher.write(packed_match);
    folded(hasher)
}

fn number_hash(kind: u32, number: u32) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(u64::from(kind) << 32 | u64::from(number));
    folded(hasher)
}

fn folded(hasher: FxHasher) -> u32 {
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
}

/// An item, compared and hashed by what names it on the switch: table, priority and match; group id; meter id.
#[derive(Clone, Debug)]
pub struct Keyed(pub Arc<Item>);

impl PartialEq for Keyed {
    fn eq(&self, other: &Keyed) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.same_key(&other.0)
    }
}

impl Eq for Keyed {}

impl Hash for Keyed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.0.key_hash());
    }
}
