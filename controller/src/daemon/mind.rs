//! The brain at work: takes an event, lets the brain think, carries out the effects.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use brain::{Brain, Effect, Event, Millis, SwitchCommand};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Shared;
use super::inbox::Taken;
use super::keeper::Keeper;
use crate::handle::{Change, Changed};
use crate::openflow::{self, Sent};
use crate::store::Transaction;

/// What turns events into effects: the brain, or a test's stand-in.
pub trait Mind: Send + 'static {
    /// Handles one event.
    fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect>;
    /// When the next [`Event::Tick`] is needed.
    fn next_due(&self) -> Option<Millis>;
}

impl Mind for Brain {
    fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        Brain::handle(self, now, event)
    }

    fn next_due(&self) -> Option<Millis> {
        Brain::next_due(self)
    }
}

/// The least time between two ticks, should a mind be due at once again.
const TICK_MIN: Duration = Duration::from_millis(1);

/// Thinks until the inbox is closed. The first event is `loaded`; `ready` hears when the mind knows it.
pub(crate) async fn think(
    mut mind: Box<dyn Mind>,
    loaded: Event,
    ready: oneshot::Sender<()>,
    shared: Arc<Shared>,
    keeper: Keeper,
) {
    step(mind.as_mut(), loaded, &shared, &keeper);
    // Fails when the start was given up; then the inbox is closed soon.
    let _ = ready.send(());
    let mut last_tick: Option<Instant> = None;
    loop {
        let due = mind.next_due().map(|at| shared.clock.instant(at));
        let due = due.map(|due| last_tick.map_or(due, |last| due.max(last + TICK_MIN)));
        let overdue = due.is_some_and(|due| due <= Instant::now());
        let event = if overdue {
            Event::Tick
        } else {
            match shared.inbox.take(due).await {
                Taken::Event(event) => event,
                Taken::Due => Event::Tick,
                Taken::Closed => return,
            }
        };
        if matches!(event, Event::Tick) {
            last_tick = Some(Instant::now());
        }
        step(mind.as_mut(), event, &shared, &keeper);
    }
}

/// One event and its effects.
fn step(mind: &mut dyn Mind, event: Event, shared: &Shared, keeper: &Keeper) {
    if let Event::Applied { revision, .. } | Event::Loaded { revision, .. } = &event {
        shared.watches.at(*revision);
    }
    let now = shared.clock.now();
    let start = std::time::Instant::now();
    shared.thinking_since_ms.store(now.0, Ordering::Relaxed);
    let effects = mind.handle(now, event);
    shared.thinking_since_ms.store(0, Ordering::Relaxed);
    shared.metrics.brain_seconds.observe(start.elapsed().as_secs_f64());
    for effect in effects {
        carry_out(effect, shared, keeper);
    }
}

fn carry_out(effect: Effect, shared: &Shared, keeper: &Keeper) {
    match effect {
        Effect::Propose { proposal, compare, changes } => {
            keeper.propose(proposal, Transaction { compare, changes });
        }
        Effect::Reply { id, result } => {
            let label = result.as_ref().map_or_else(|refusal| format!("{:?}", refusal.kind), |_| "Ok".to_owned());
            shared.metrics.requests.get_or_create(&vec![("result", label)]).inc();
            shared.requests.answer(id, result, &shared.watches);
        }
        Effect::Switch(session, command) => {
            let packet = matches!(command, SwitchCommand::PacketOut { .. });
            // While others wait to be thought about, sessions write: many packets in one go.
            let at_once = packet && shared.inbox.lengths().packets == 0;
            let reason = match openflow::command(shared, session, command, at_once) {
                Sent::Queued | Sent::Written => return,
                Sent::Full => "session_full",
                Sent::Gone => "session_gone",
            };
            if packet {
                shared.metrics.packet_drops.get_or_create(&vec![("reason", reason.to_owned())]).inc();
            }
        }
        Effect::Database(link, command) => shared.databases.command(link, command),
        Effect::Resolve { question, message } => {
            if !shared.resolver.ask(question, message) {
                shared.inbox.push_answer(Event::Resolved { question, answer: None });
            }
        }
        Effect::Announce(announcement) => shared.bgp.announce(*announcement),
        Effect::Changed { revision, resource } => {
            shared.watches.tell(Change { revision, what: Changed::Set(resource) });
        }
        Effect::Deleted { revision, resource } => {
            shared.watches.tell(Change { revision, what: Changed::Deleted(resource) });
        }
        // Fails when nobody listens, which is fine.
        Effect::Bound(binding) => drop(shared.bindings.send(*binding)),
        Effect::Happened(event) => shared.happenings.tell(event),
        Effect::Count { counter, labels, by } => shared.metrics.count(counter, labels, by),
    }
}
