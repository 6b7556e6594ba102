//! What the brain wants done: the only way that it acts on the world.

use std::net::IpAddr;

use addr::{IpNet, OfPort};
use ofp::{Action, Body};
use proto::v1;

use crate::event::{DatabaseId, EntryChange, ProposalId, QuestionId, RequestId, SessionId};

/// An output.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Compare and swap on the store; answered by `Event::Applied` or `Event::Refused`.
    Propose {
        /// Names the answer.
        proposal: ProposalId,
        /// Each key with the revision that it must have been written at last; 0: it must not exist.
        compare: Vec<(String, u64)>,
        /// What to write and delete, all or nothing.
        changes: Vec<EntryChange>,
    },
    /// Answer a northbound request.
    Reply {
        /// The request.
        id: RequestId,
        /// Its answer.
        result: Result<Reply, Refusal>,
    },
    /// Do something on an OpenFlow connection.
    Switch(SessionId, SwitchCommand),
    /// Do something about a link to a chassis' database; answered by `Event::Database`.
    Database(DatabaseId, DatabaseCommand),
    /// Put a question to a resolver; answered by `Event::Resolved`.
    Resolve {
        /// Names the answer.
        question: QuestionId,
        /// A DNS message whose id is to be replaced by one that nobody can guess.
        message: Vec<u8>,
    },
    /// Have gobgpd say this to routers upstream, in the place of what it was told before; answered by `Event::Speaker`.
    Announce(Box<Announcement>),
    /// Tell watchers: a resource changed, or its status did.
    Changed {
        /// The store's revision.
        revision: u64,
        /// The resource with its status.
        resource: Box<v1::Resource>,
    },
    /// Tell watchers: a resource is gone.
    Deleted {
        /// The store's revision.
        revision: u64,
        /// Its kind, tenant and name.
        resource: v1::ResourceChange,
    },
    /// Tell who watches bindings: one begins, ends, or is proved otherwise.
    Bound(Box<v1::AddressBinding>),
    /// Tell operators. The daemon adds sequence and time.
    Happened(v1::Event),
    /// Add to a counter that the daemon shows at `/metrics`.
    Count {
        /// The counter's name, `sextant_..._total`.
        counter: &'static str,
        /// Its labels.
        labels: Vec<(&'static str, String)>,
        /// How much to add.
        by: u64,
    },
}

/// The answer to a request that was accepted.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To `Apply`.
    Applied(v1::ApplyResponse),
    /// To `Create`, `Update` and `Get`.
    Resource(Box<v1::Resource>),
    /// To `List` and `Snapshot`.
    Resources {
        /// A page of them, or all.
        resources: Vec<v1::Resource>,
        /// Where the next page starts; empty at the end.
        next_page_token: String,
        /// The store's revision that they are as of.
        revision: u64,
    },
    /// To `Delete`.
    Deleted,
    /// To `Wait`.
    Waited(v1::WaitInstalledResponse),
    /// To `Flows`.
    Flows(Vec<v1::FlowRow>),
    /// To `Trace`.
    Traced(v1::TraceResponse),
    /// To `Bindings`.
    Bindings(Vec<v1::AddressBinding>),
    /// To `Leases`.
    Leases(Vec<v1::Lease>),
    /// To `Listeners`.
    Listeners(Vec<v1::Listener>),
    /// To `Drops`.
    Drops(Vec<v1::DropCount>),
    /// To `Links`.
    Links(Vec<v1::Link>),
}

/// Why a request was refused: every reason at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// At least one.
    pub violations: Vec<Violation>,
}

/// Kinds of refusal, each a gRPC status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// INVALID_ARGUMENT: the request is wrong.
    Invalid,
    /// NOT_FOUND.
    NotFound,
    /// ALREADY_EXISTS.
    AlreadyExists,
    /// FAILED_PRECONDITION: right in itself, but not as things are (a network that still has ports).
    InUse,
    /// ABORTED: the revision is not the expected one; read again and retry.
    Conflict,
    /// UNAVAILABLE: the store could not write.
    Unavailable,
}

/// One reason, with its place in the request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// `subnets[2].cidr`; empty: the whole request.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Something to do on one OpenFlow connection. Commands are carried out in order.
#[derive(Clone, Debug)]
pub enum SwitchCommand {
    /// Read all flows, groups and meters; answered by `SwitchEvent::Tables`.
    ReadBack,
    /// Read the rows that count drops, and the meters; answered by `SwitchEvent::Drops`. It waits for nothing else.
    CountDrops {
        /// The cookie that those rows have.
        cookie: u64,
    },
    /// Send a batch; answered by `SwitchEvent::BatchDone` or `BatchFailed`.
    Batch(Batch),
    /// Send a packet out.
    PacketOut {
        /// The port that it pretends to come in by.
        in_port: OfPort,
        /// What to do with it.
        actions: Vec<Action>,
        /// The frame.
        data: Vec<u8>,
    },
    /// End the connection.
    Close {
        /// Why, for the log.
        reason: String,
    },
}

/// Something to do about a link to a chassis' database.
#[derive(Clone, Debug, PartialEq)]
pub enum DatabaseCommand {
    /// Keep a link to the database there, which watches [`crate::WATCHED`].
    Open(ovsdb::Remote),
    /// Have the database do something.
    Do(ovsdb::Command),
    /// The link is not wanted any more.
    Close,
}

/// All that is said to routers upstream by BGP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// To whom, in the order of their addresses.
    pub peers: Vec<BgpPeer>,
    /// What, in order.
    pub paths: Vec<BgpPath>,
}

/// A router upstream that is told of prefixes by BGP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BgpPeer {
    /// Its address.
    pub address: IpAddr,
    /// Its autonomous system.
    pub asn: u32,
    /// The file with the password of TCP's MD5 signatures.
    pub password_file: Option<String>,
}

/// A prefix and where it leads over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BgpPath {
    /// The prefix.
    pub prefix: IpNet,
    /// The next hop, of its family.
    pub nexthop: IpAddr,
    /// All switches concerned have confirmed that it works. One that is not sure is not said, and not taken back if it was said before.
    pub sure: bool,
}

/// Changes to one switch that take effect together, but for the meters: OVS takes no meter in a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Numbered per switch.
    pub number: u64,
    /// All bodies are `FlowMod`, `GroupMod` or `MeterMod`. Sent in this order: leading meters plainly, flows and groups in one
    /// ordered atomic bundle, trailing meters plainly, then a barrier.
    pub operations: Vec<Body>,
    /// The batch before it, if that was not answered when this one was made. If it is refused, this one is left out.
    pub follows: Option<u64>,
    /// The switch forwards for us: it should have time for that between two commits.
    pub gentle: bool,
}
