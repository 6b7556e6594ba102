//! Events in, effects out: the controller's mind, without clock, socket or randomness.

mod catalog;
mod effect;
mod event;

pub use features::Millis;

pub use effect::{Batch, Effect, Refusal, RefusalKind, Reply, SwitchCommand, Violation};
pub use event::{
    Caller, Entry, EntryChange, Event, ProposalId, Punt, Request, RequestId, SessionId, SwitchEvent,
};

/// The controller's mind.
#[derive(Debug, Default)]
pub struct Brain {}

impl Brain {
    /// Handles one event at a time; `now` never runs backwards.
    pub fn handle(&mut self, _now: Millis, _event: Event) -> Vec<Effect> {
        Vec::new()
    }

    /// When the next `Event::Tick` is needed; `None`: not before something else happens.
    pub fn next_due(&self) -> Option<Millis> {
        None
    }
}
