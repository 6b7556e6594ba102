//! What the brain is told: one enum for every input, so that a recorded list of events replays a run.

use std::collections::BTreeSet;
use std::net::IpAddr;

use addr::{Dpid, IpNet, OfPort};
use features::Millis;
use ofp::{FlowStats, FlowUpdate, GroupDesc, Match, MeterConfig, MeterStats, PortDesc, PortReason};
use proto::v1;

/// One OpenFlow connection, numbered by the daemon; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One northbound request, numbered by the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One compare-and-swap on the store, numbered by the brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// One question for a name that the daemon puts to others, numbered by the brain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// One link to a chassis' database, numbered by the brain; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId(pub u64);

/// Who asks. Until authentication exists every caller is an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that the caller acts for; `None`: all of them.
    pub tenant: Option<String>,
    /// Names of the caller's roles.
    pub roles: Vec<String>,
}

impl Caller {
    /// The caller that may do everything.
    pub fn administrator() -> Caller {
        Caller { tenant: None, roles: vec!["admin".to_owned()] }
    }
}

/// An entry of the store: a key, its value, and the revision that last wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `/sextant/v1/KIND/TENANT/NAME`, `/sextant/v1/counter/KIND`.
    pub key: String,
    /// An encoded [`v1::Record`] or [`v1::Counter`].
    pub value: Vec<u8>,
    /// The store's revision when it was last written.
    pub mod_revision: u64,
}

/// A change that the store made durable: `None` deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// The entry's key.
    pub key: String,
    /// Its new value.
    pub value: Option<Vec<u8>>,
}

/// An input. Moved once from queue to brain, so its size matters little.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// The store's content: the first event of all, before any switch.
    Loaded {
        /// The store's revision.
        revision: u64,
        /// Everything in it.
        entries: Vec<Entry>,
    },
    /// The store made changes durable: ours, or another writer's.
    Applied {
        /// The revision of exactly these changes.
        revision: u64,
        /// All of them, in the order of their keys.
        changes: Vec<EntryChange>,
        /// The proposal that they answer, if it was ours.
        proposal: Option<ProposalId>,
    },
    /// A proposal's comparison failed, or the store could not write it; nothing changed.
    Refused {
        /// The proposal.
        proposal: ProposalId,
        /// `None`: the comparison failed. Otherwise the store's words.
        fault: Option<String>,
    },
    /// A northbound request.
    Request {
        /// Names the reply.
        id: RequestId,
        /// Who asks.
        caller: Caller,
        /// What for.
        request: Request,
    },
    /// Something about one OpenFlow connection.
    Switch(SessionId, SwitchEvent),
    /// Something about a link to a chassis' database: see [`crate::Effect::Database`].
    Database(DatabaseId, ovsdb::LinkEvent),
    /// What became of a question that was put to others: see [`crate::Effect::Resolve`].
    Resolved {
        /// The question.
        question: QuestionId,
        /// The answer, whole; `None`: there is none.
        answer: Option<Vec<u8>>,
    },
    /// How gobgpd stands: see [`crate::Effect::Announce`]. The first one says that there is one to speak to.
    Speaker(Speaker),
    /// Time has passed: see [`crate::Brain::next_due`].
    Tick,
}

/// How gobgpd stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speaker {
    /// Why it does not say what it was told; `None`: it does.
    pub fault: Option<String>,
    /// Its sessions with the peers that it was told of.
    pub peers: Vec<PeerState>,
    /// What of ours is in its table.
    pub paths: BTreeSet<(IpNet, IpAddr)>,
}

/// A session of gobgpd's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// With whom.
    pub address: IpAddr,
    /// It is established: the peer hears what is said.
    pub established: bool,
    /// Its state's name (RFC 4271, 8.2.2), or why there is no session.
    pub state: String,
}

/// A northbound request.
#[derive(Clone, Debug)]
pub enum Request {
    /// `IntentService.Apply`.
    Apply(v1::ApplyRequest),
    /// Create one resource; refused if it is there.
    Create {
        /// The resource; its meta names it.
        resource: v1::Resource,
        /// Revision and idempotency.
        options: v1::WriteOptions,
    },
    /// Change fields of one resource.
    Update {
        /// The resource; its meta names it.
        resource: v1::Resource,
        /// Paths relative to the resource, such as `spec.mtu`; empty: every field that is set.
        mask: Vec<String>,
        /// Revision and idempotency.
        options: v1::WriteOptions,
    },
    /// Delete one resource.
    Delete {
        /// Singular kind: `port`.
        kind: String,
        /// Tenant, name, expected revision.
        delete: v1::DeleteRequest,
    },
    /// Read one resource, with its status.
    Get {
        /// Singular kind: `port`.
        kind: String,
        /// Empty for global kinds.
        tenant: String,
        /// The resource's name.
        name: String,
    },
    /// Read the resources of a kind, in the order of tenant and name.
    List {
        /// Singular kind: `port`.
        kind: String,
        /// Tenant, page size and token.
        list: v1::ListRequest,
    },
    /// Every resource of every kind, with its status: the start of a watch.
    Snapshot,
    /// Answered when installed, or at the deadline.
    Wait {
        /// `None`: the newest revision.
        revision: Option<u64>,
        /// When to answer with what is missing.
        deadline: Millis,
    },
    /// The desired flows, with their reasons.
    Flows(v1::FlowsRequest),
    /// What the desired flows do to a packet.
    Trace(v1::TraceRequest),
    /// Who holds which address.
    Bindings(v1::BindingsRequest),
    /// What clients were promised by DHCP; answered with [`crate::Reply::Leases`].
    Leases(v1::LeasesRequest),
    /// Who listens to which multicast group; answered with [`crate::Reply::Listeners`].
    Listeners(v1::ListenersRequest),
    /// What the guard has dropped, by port and name; answered with [`crate::Reply::Drops`] when the switches have told it.
    Drops(v1::DropsRequest),
    /// Which chassis are wired to each other.
    Links(v1::LinksRequest),
    /// A write: a chassis gives up being a gateway, or takes it up again; answered with [`crate::Reply::Resource`].
    Drain(v1::DrainRequest),
}

/// Something about one OpenFlow connection.
#[derive(Clone, Debug)]
pub enum SwitchEvent {
    /// The handshake is done: hello, features, fragment mode, async masks, packet-in format, port descriptions.
    Up {
        /// The bridge's datapath id.
        dpid: Dpid,
        /// All ports, the LOCAL one (whose name is the bridge's) included.
        ports: Vec<PortDesc>,
        /// Where the connection comes from or leads to, for people.
        peer: String,
    },
    /// The connection ended.
    Down {
        /// Why, for people.
        reason: String,
    },
    /// A port came, went or changed.
    Port {
        /// What happened to it.
        reason: PortReason,
        /// The port.
        port: PortDesc,
    },
    /// The switch's tables, as asked for by [`crate::SwitchCommand::ReadBack`].
    Tables {
        /// All flows, others' included.
        flows: Vec<FlowStats>,
        /// All groups.
        groups: Vec<GroupDesc>,
        /// All meters.
        meters: Vec<MeterConfig>,
    },
    /// A batch was confirmed by its bundle reply and barrier.
    BatchDone {
        /// The batch's number.
        batch: u64,
        /// How many microseconds the bundle's commit took: how much longer its answer took than that to the bundle's opening,
        /// which is what an answer takes anyway. 0 if there was nothing to commit.
        commit_us: u64,
    },
    /// A batch was refused: nothing of its bundle took effect; meters that go ahead of the bundle may have. Batches that follow
    /// it are left out without an answer.
    BatchFailed {
        /// The batch's number.
        batch: u64,
        /// Which operation the switch named, as an index into the batch's `operations`; `None` if it named none.
        operation: Option<usize>,
        /// The error's OpenFlow name and the switch's words.
        error: String,
    },
    /// What the switch counts of drops, as asked for by [`crate::SwitchCommand::CountDrops`].
    Drops {
        /// The rows that it has made to count by.
        rows: Vec<FlowStats>,
        /// Its meters.
        meters: Vec<MeterStats>,
    },
    /// Somebody else changed flows, or the switch did by itself: not this connection.
    FlowsChanged {
        /// What became of them, in order; with instructions where there are any.
        updates: Vec<FlowUpdate>,
        /// And of more than is told here.
        more: bool,
    },
    /// A packet that one of our flows punted.
    Packet(Punt),
}

/// A punted packet.
#[derive(Clone, Debug)]
pub struct Punt {
    /// The port it came in by.
    pub in_port: OfPort,
    /// Registers, metadata and tunnel fields at the punting row.
    pub metadata: Match,
    /// The row's userdata.
    pub userdata: Vec<u8>,
    /// The frame, from its Ethernet header on.
    pub data: Vec<u8>,
}

impl Punt {
    /// The class of what it asks for, by which the switch meters it: a name for counters.
    pub fn class_name(&self) -> &'static str {
        match features::punt::op_of(&self.metadata).map(flows::PuntOp::class) {
            Some(class) => class.name(),
            None => "unknown",
        }
    }
}
