//! Events in, effects out: the controller's mind, without clock, socket or randomness.

mod anycast;
mod bindings;
mod brain;
mod catalog;
mod directs;
mod drift;
mod drops;
mod effect;
mod event;
mod exposures;
mod floating;
mod found;
mod gateways;
mod learning;
mod leases;
mod links;
mod listening;
mod managed;
mod metadata;
mod offload;
mod pace;
mod peers;
mod rates;
mod reconfigure;
mod releases;
mod requests;
mod resolve;
mod rows;
mod serve;
mod sessions;
mod status;
mod switch;
mod switches;
mod trace;
mod uplinks;
mod upstream;
mod waiters;
mod wanted;

pub use features::Millis;

pub use brain::Brain;
pub use effect::{
    Announcement, Batch, BgpPath, BgpPeer, DatabaseCommand, Effect, Refusal, RefusalKind, Reply, SwitchCommand,
    Violation,
};
pub use event::{
    Caller, DatabaseId, Entry, EntryChange, Event, PeerState, ProposalId, Punt, QuestionId, Request, RequestId,
    SessionId, Speaker, SwitchEvent,
};
pub use managed::WATCHED;
pub use wanted::Wanted;
