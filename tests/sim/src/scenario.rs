//! What happens in a run, step by step: all of it in data, so that a run can be written down, cut short and repeated.

use serde::{Deserialize, Serialize};

/// Tenants; each has the same networks, prefixes and MACs.
pub const TENANTS: [&str; 3] = ["acme", "umbra", "zeta"];
/// Networks of a tenant.
pub const NETWORKS: [&str; 3] = ["red", "blue", "green"];
/// Routers of a tenant.
pub const ROUTERS: [&str; 2] = ["r1", "r2"];
/// Delegations of a tenant.
pub const DELEGATIONS: u8 = 3;
/// Ports of a tenant.
pub const PORTS: u8 = 6;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it once showed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What chance is made of: delays, packets, the order of answers.
    pub seed: u64,
    /// Switches; each is a chassis.
    pub switches: u8,
    /// What happens.
    pub steps: Vec<Timed>,
}

/// A step, and how long after the last one it comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// Milliseconds.
    pub wait_ms: u32,
    /// What happens.
    #[serde(flatten)]
    pub step: Step,
}

/// How chassis reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encap {
    /// RFC 8926.
    Geneve,
    /// RFC 7348.
    Vxlan,
    /// RFC 2784.
    Gre,
    /// IEEE 802.1Q.
    Vlan,
}

/// Something that happens. Tenants, networks, routers, ports and switches by their place in the lists above.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
#[allow(missing_docs)] // The fields' names say it.
pub enum Step {
    /// A document with the fabric, every chassis, and for each tenant some networks, a router and ports.
    Site {
        encap: Encap,
    },
    /// The fabric's encapsulation.
    Fabric {
        encap: Encap,
    },
    /// A chassis, with its tunnel endpoint's last number; once it is accepted, the switch has that endpoint.
    Chassis {
        switch: u8,
        endpoint: u8,
    },
    Network {
        tenant: u8,
        network: u8,
        mtu: Option<u32>,
        segment: Option<u32>,
    },
    Subnet {
        tenant: u8,
        network: u8,
        v4: bool,
        prefix: u8,
        slaac: bool,
    },
    /// A router with an interface on each of these networks' IPv6 subnets (or IPv4 ones), and static routes.
    Router {
        tenant: u8,
        router: u8,
        networks: Vec<u8>,
        v4: bool,
        routes: Vec<RouteTo>,
    },
    Port {
        tenant: u8,
        port: u8,
        network: u8,
        chassis: Option<u8>,
        secured: bool,
        mac: Option<u8>,
    },
    /// A port's update by mask: its binding.
    Move {
        tenant: u8,
        port: u8,
        chassis: Option<u8>,
    },
    /// A prefix for a port, out of a pool that static routes are in too.
    Delegation {
        tenant: u8,
        delegation: u8,
        port: u8,
        length: u8,
        /// The number of a prefix in the pool; `None`: any.
        chosen: Option<u16>,
    },
    Delete {
        kind: Kind,
        tenant: u8,
        which: u8,
    },
    /// Questions: everything, all flows, whether all is installed.
    Ask {
        patience_ms: u32,
    },
    /// An interface appears on a switch, or goes.
    Plug {
        switch: u8,
        tenant: u8,
        port: u8,
        there: bool,
    },
    /// The fabric's port on a switch goes, or is back.
    Uplink {
        switch: u8,
        there: bool,
    },
    /// Something goes wrong with a switch or its connection.
    Fault {
        switch: u8,
        fault: Fault,
    },
    /// The controller is killed, and is back after a while.
    Kill {
        when: When,
        down_ms: u32,
    },
    /// The next writes to the store fail.
    StoreFails {
        count: u8,
    },
    /// Faults end; all must come right.
    Rest,
}

/// A static route of a router: to a prefix of its own, by way of a port's address or another router's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTo {
    /// `2001:db8:f0NN::/48`.
    pub destination: u8,
    /// The network that the next hop is on.
    pub network: u8,
    /// The next hop: the number of a port; `None`: the other router.
    pub port: Option<u8>,
}

/// Kinds of resources that steps delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum Kind {
    Network,
    Subnet,
    Router,
    Port,
    Chassis,
    Delegation,
}

/// When the controller is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At once.
    Now,
    /// At its next write, before it is durable.
    BeforeWrite,
    /// At its next write, when it is durable and before the controller knows.
    AfterWrite,
}

/// What can go wrong with a switch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[allow(missing_docs)] // The fields' names say it.
pub enum Fault {
    /// The connection is cut when so many more bytes have gone one way.
    Cut { to_switch: bool, bytes: u32 },
    /// Nothing goes through any more, and nobody is told.
    HalfOpen,
    /// Each answer takes up to so long.
    Slow { up_to_ms: u32, messages: u32 },
    /// Barriers are not answered.
    Mute { barriers: u8 },
    /// Barriers and bundle controls are answered twice.
    Twice { replies: u8 },
    /// After some, operations are refused.
    Refuse { skip: u16, count: u16, error: Refusal, at_add: bool, named: bool },
    /// The switch has room for so many flows.
    Full { flows: u16 },
    /// Somebody else's flow.
    ForeignFlow { table: u8, priority: u16 },
    /// Somebody deletes flows of ours: one of so many.
    Deleted { one_in: u16 },
    /// Somebody changes flows of ours: one of so many.
    Changed { one_in: u16 },
    /// Somebody adds a flow that looks like ours.
    Stray { table: u8, priority: u16 },
    /// Somebody deletes groups of ours, and with them the flows that name them: one of so many.
    GroupsDeleted { one_in: u16 },
    /// It starts anew: no tables, and perhaps other port numbers.
    Restart { down_ms: u32, renumber: bool },
    /// Its connection is cut, and for so long it does not come back.
    Away { ms: u32 },
}

/// A refusal's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// `OFPFMFC_TABLE_FULL`.
    TableFull,
    /// `OFPBAC_BAD_OUT_GROUP`.
    BadGroup,
    /// A code that no one knows.
    Unknown,
}

impl Step {
    /// The step's name, for totals.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Site { .. } => "intent: site",
            Step::Fabric { .. } => "intent: fabric",
            Step::Chassis { .. } => "intent: chassis",
            Step::Network { .. } => "intent: network",
            Step::Subnet { .. } => "intent: subnet",
            Step::Router { .. } => "intent: router",
            Step::Port { .. } => "intent: port",
            Step::Delegation { .. } => "intent: delegation",
            Step::Move { .. } => "intent: move",
            Step::Delete { .. } => "intent: delete",
            Step::Ask { .. } => "questions",
            Step::Plug { there: true, .. } => "port comes",
            Step::Plug { .. } => "port goes",
            Step::Uplink { .. } => "fabric port comes or goes",
            Step::Fault { fault, .. } => fault.name(),
            Step::Kill { when: When::Now, .. } => "controller killed",
            Step::Kill { when: When::BeforeWrite, .. } => "controller killed before a write",
            Step::Kill { when: When::AfterWrite, .. } => "controller killed after a write",
            Step::StoreFails { .. } => "store fails",
            Step::Rest => "rest",
        }
    }
}

impl Fault {
    fn name(&self) -> &'static str {
        match self {
            Fault::Cut { .. } => "cut at a byte",
            Fault::HalfOpen => "half-open",
            Fault::Slow { .. } => "slow switch",
            Fault::Mute { .. } => "barrier without answer",
            Fault::Twice { .. } => "answers twice",
            Fault::Refuse { .. } => "operations refused",
            Fault::Full { .. } => "full switch",
            Fault::ForeignFlow { .. } => "foreign flow",
            Fault::Deleted { .. } => "flows deleted",
            Fault::Changed { .. } => "flows changed",
            Fault::Stray { .. } => "stray flow",
            Fault::GroupsDeleted { .. } => "groups deleted",
            Fault::Restart { .. } => "switch restart",
            Fault::Away { .. } => "switch away",
        }
    }
}
