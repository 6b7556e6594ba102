//! A switch in memory: runs a packet through rows, groups and meters as Open vSwitch does, and says which row did what.
//!
//! It knows the matches, actions and instructions that [`crate::Emit`] can write, on OpenFlow 1.3 with fragments matched as
//! they are (`frags=nx-match`), which every session asks for. What it meets and doesn't know is a [`Problem`], never a guess.
//! Meters let everything pass, and every bucket of a fast-failover group lives: it speaks of one packet at rest.
//!
//! ```
//! # use std::sync::Arc;
//! # use flows::{Flow, Item, Table, eval::{Fate, Switch}};
//! # use ofp::{Action, Field, Instruction, Match};
//! let row = Flow {
//!     table: Table::Classify,
//!     priority: 100,
//!     match_: Match::new().with(Field::ETH_TYPE, 0x88ccu16),
//!     instructions: [Instruction::ApplyActions(vec![Action::output(addr::OfPort(2))])].into(),
//!     why: "neighbours of the switch",
//!     drop: None,
//! };
//! let switch = Switch::new([(Arc::new(Item::Flow(row)), None)]);
//! let frame = [&[0; 12][..], &[0x88, 0xcc, 0, 0]].concat();
//! let trace = switch.run(&frame, addr::OfPort(1), None);
//! assert_eq!(trace.outputs[0].fate, Fate::Port(addr::OfPort(2)));
//! assert_eq!(trace.steps[0].why(), "neighbours of the switch");
//! ```

mod connections;
mod exec;
mod extract;
mod headers;
mod offload;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use addr::OfPort;
use ofp::{Action, Field, Match, Value};
use topology::ChassisKey;

use crate::engine::{Engine, Unit};
use crate::item::{Drop, Flow, Group, Item};
use crate::pipeline::Table;

pub use connections::{Connection, Connections};
pub use headers::Headers;
pub use offload::obstacles;

/// Actions and rows nested in each other, at most; beyond, Open vSwitch drops the packet whole.
pub const DEPTH_MAX: usize = 64;
/// Lookups for one packet, at most; beyond, Open vSwitch drops the packet whole.
pub const LOOKUPS_MAX: usize = 4096;

/// Rows and groups of one switch.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    tables: BTreeMap<u8, Vec<Held>>,
    groups: HashMap<u32, Held>,
}

/// An item, and whose it is.
#[derive(Clone, Debug)]
struct Held {
    item: Arc<Item>,
    unit: Option<Unit>,
}

/// Where a packet came from or goes to through the fabric: the tunnel's key and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// VNI or GRE key.
    pub id: u64,
    /// The sender's endpoint; `None` on what is sent: the switch picks it.
    pub src: Option<IpAddr>,
    /// The receiver's endpoint.
    pub dst: Option<IpAddr>,
}

/// What became of a packet.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Rows and groups in the order in which it met them.
    pub steps: Vec<Step>,
    /// Where it went: never empty.
    pub outputs: Vec<Output>,
    /// What should not have been.
    pub problems: Vec<Problem>,
    /// Connections that it was told to keep.
    pub commits: Vec<Connection>,
    /// The switch takes one of several ways, by a hash of addresses and ports; all of them are told.
    pub alternatives: bool,
    /// A fragment that conntrack holds until all of its packet have come.
    pub held: bool,
}

/// One row or group on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The table; `None` for a group.
    pub table: Option<Table>,
    /// The row or group; `None`: no row matched.
    pub item: Option<Arc<Item>>,
    /// Who wants it there.
    pub unit: Option<Unit>,
    /// What it wrote into the packet's fields, in order: field and new value.
    pub changes: Vec<(Field, u128)>,
    /// How many times the packet had been through conntrack.
    pub tracked: usize,
}

/// A frame that left, or didn't.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Where to.
    pub fate: Fate,
    /// The step that decided it, counted from 0; `None` where there was none.
    pub step: Option<usize>,
    /// The frame as it was then.
    pub frame: Vec<u8>,
    /// The tunnel's key and far end, where they are set.
    pub tunnel: Option<Tunnel>,
}

/// Where a frame went.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Out of a port.
    Port(OfPort),
    /// To the controller.
    Controller {
        /// What the packet-in will carry back.
        userdata: Vec<u8>,
        /// The meter that it went through.
        meter: Option<u32>,
        /// The packet-in's fields: port of ingress, tunnel, registers.
        metadata: Match,
        /// The packet-in's reason: [`ofp::packet_in_reason`].
        reason: u8,
    },
    /// Nowhere; under a name, if a row with one decided it.
    Dropped(Option<Drop>),
}

/// What should not be on a switch.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Two rows of one priority match the packet and do different things: which one the switch takes is open.
    #[error("table {}: two rows of priority {} match: {} / {}", .0.table.spec().name, .0.priority, .0.why, .1.why)]
    Overlap(Flow, Flow),
    /// The same, but they drop alike, each under its name.
    #[error("table {}: two names for one drop: {:?} / {:?}", .0.table.spec().name, .0.drop, .1.drop)]
    TwoNames(Flow, Flow),
    /// More than [`DEPTH_MAX`] deep or [`LOOKUPS_MAX`] lookups.
    #[error("over {DEPTH_MAX} levels or {LOOKUPS_MAX} lookups: the switch gives up, and sends nothing at all")]
    TooDeep,
    /// A neighbour solicitation or advertisement without options whose first option's type is set: Open vSwitch 3.1 writes
    /// it beyond the packet, and some such packets later it ends with a corrupt heap.
    #[error("an option's type is written beyond the packet's end: the switch's memory is damaged")]
    PastTheEnd,
    /// A group that is not there.
    #[error("no group {0:#x}")]
    NoGroup(u32),
    /// An action, instruction or port that is not known here.
    #[error("not known here: {0}")]
    Unknown(String),
}

impl Switch {
    /// A switch that holds these.
    pub fn new(items: impl IntoIterator<Item = (Arc<Item>, Option<Unit>)>) -> Switch {
        let mut switch = Switch::default();
        for (item, unit) in items {
            let held = Held { item: item.clone(), unit };
            match &*item {
                Item::Flow(flow) => switch.tables.entry(flow.table.id()).or_default().push(held),
                Item::Group(group) => drop(switch.groups.insert(group.id, held)),
                Item::Meter(_) => {}
            }
        }
        for rows in switch.tables.values_mut() {
            rows.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        switch
    }

    /// A switch that holds what an engine wants on a chassis.
    pub fn desired(engine: &Engine, chassis: ChassisKey) -> Switch {
        Switch::new(engine.desired(chassis).map(|(item, unit)| (item.clone(), Some(unit))))
    }

    /// What becomes of a frame that comes in by a port, through a tunnel if there is one.
    pub fn run(&self, frame: &[u8], in_port: OfPort, tunnel: Option<Tunnel>) -> Trace {
        self.run_knowing(&Connections::default(), frame, in_port, tunnel)
    }

    /// The same, where conntrack knows connections. It keeps none: what it was told to keep is in the trace.
    pub fn run_knowing(&self, known: &Connections, frame: &[u8], in_port: OfPort, tunnel: Option<Tunnel>) -> Trace {
        exec::Run::new(self, known, frame, in_port, tunnel).pipeline()
    }

    /// What becomes of a frame that the controller sends, as if it had come in by a port.
    pub fn send(&self, frame: &[u8], in_port: OfPort, actions: &[Action]) -> Trace {
        exec::Run::new(self, &Connections::default(), frame, in_port, None).packet_out(actions)
    }

    /// The row that a packet meets in a table; and another of the same priority that does otherwise.
    fn lookup(&self, table: u8, headers: &Headers) -> Option<(&Held, Option<&Flow>)> {
        let mut matching = self
            .tables
            .get(&table)?
            .iter()
            .filter_map(|held| held.flow().map(|flow| (held, flow)))
            .filter(|(_, flow)| headers.matches(&flow.match_));
        let (held, first) = matching.next()?;
        let rival = matching.map(|(_, flow)| flow).take_while(|flow| flow.priority == first.priority);
        let differs = |flow: &&Flow| flow.instructions != first.instructions || flow.drop != first.drop;
        Some((held, rival.into_iter().find(differs)))
    }

    fn group(&self, id: u32) -> Option<(&Held, &Group)> {
        let held = self.groups.get(&id)?;
        if let Item::Group(group) = &*held.item { Some((held, group)) } else { None }
    }
}

/// Higher priorities first; then in an order that is the same in every run.
fn order(held: &Held) -> Option<(std::cmp::Reverse<u16>, &Match)> {
    held.flow().map(|flow| (std::cmp::Reverse(flow.priority), &flow.match_))
}

impl Held {
    fn flow(&self) -> Option<&Flow> {
        if let Item::Flow(flow) = &*self.item { Some(flow) } else { None }
    }
}

impl Trace {
    /// Frames that left by ports.
    pub fn sent(&self) -> impl Iterator<Item = (OfPort, &Output)> {
        self.outputs.iter().filter_map(|out| if let Fate::Port(port) = out.fate { Some((port, out)) } else { None })
    }

    /// Frames that went to the controller.
    pub fn punted(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().filter(|out| matches!(out.fate, Fate::Controller { .. }))
    }

    /// The name under which it was dropped, if it was, and nothing left.
    pub fn dropped(&self) -> Option<Option<Drop>> {
        match &self.outputs[..] {
            [Output { fate: Fate::Dropped(drop), .. }] => Some(*drop),
            _ => None,
        }
    }
}

impl Step {
    /// Why the row or group is there, for people.
    pub fn why(&self) -> &'static str {
        match self.item.as_deref() {
            Some(Item::Flow(flow)) => flow.why,
            Some(Item::Group(group)) => group.why,
            Some(Item::Meter(meter)) => meter.why,
            None => "no row matches",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.table, self.item.as_deref()) {
            (Some(table), Some(Item::Flow(flow))) => {
                write!(f, "{} priority={} {}: {}", table.spec().name, flow.priority, flow.match_, flow.why)?;
            }
            (_, Some(Item::Group(group))) => write!(f, "group {:#x}: {}", group.id, group.why)?,
            (Some(table), _) => write!(f, "{}: {}", table.spec().name, self.why())?,
            _ => f.write_str(self.why())?,
        }
        for (field, value) in &self.changes {
            write!(f, "; {}", Match::new().with(*field, Value(*value)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Port(port) => write!(f, "output: {port}"),
            Fate::Controller { .. } => f.write_str("to the controller"),
            Fate::Dropped(Some(drop)) => write!(f, "drop: {}", drop.name()),
            Fate::Dropped(None) => f.write_str("drop: no_output"),
        }
    }
}
