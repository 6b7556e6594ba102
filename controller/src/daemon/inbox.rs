//! The brain's inbox: answers of the store first, then links, sessions and requests, and packets behind them all.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brain::{Event, Punt, SessionId, SwitchEvent};
use thiserror::Error;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::control::{ControlQueue, Held};
use super::packets::FairQueue;

/// Link, session and request events that may wait; who brings more waits too.
const CONTROL_MAX: usize = 8192;
/// After so many other events in a row one packet is let through, so that a busy control plane can't starve them.
const CONTROL_RUN_MAX: u32 = 32;

/// Where events wait for the brain.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    filled: Notify,
    room: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    /// As many as the brain has proposals and questions open.
    answers: VecDeque<Event>,
    control: ControlQueue,
    packets: FairQueue,
    run: u32,
    closed: bool,
}

/// What the brain gets. Moved once per event, so its size does not matter.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
pub(crate) enum Taken {
    /// The next event.
    Event(Event),
    /// Nothing came until the instant asked for.
    Due,
    /// The daemon is stopping.
    Closed,
}

/// The daemon is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the controller is stopping")]
pub(crate) struct Closed;

/// Room for one link, session or request event.
#[derive(Debug)]
pub(crate) struct Room<'a>(SemaphorePermit<'a>);

/// How many events wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) answers: usize,
    pub(crate) control: usize,
    pub(crate) packets: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox { state: Mutex::default(), filled: Notify::new(), room: Semaphore::new(CONTROL_MAX) }
    }
}

impl Inbox {
    /// Brings a link, session or request event; waits for room.
    pub(crate) async fn push(&self, event: Event) -> Result<(), Closed> {
        let room = self.room().await?;
        self.push_into(room, event, None)
    }

    /// Waits for room for one such event; safe to drop at its await.
    pub(crate) async fn room(&self) -> Result<Room<'_>, Closed> {
        self.room.acquire().await.map(Room).map_err(|_| Closed)
    }

    /// Room for one such event, if there is some now.
    pub(crate) fn room_now(&self) -> Option<Room<'_>> {
        self.room.try_acquire().ok().map(Room)
    }

    /// Brings such an event into its room, with what it holds until it is taken.
    pub(crate) fn push_into(&self, room: Room<'_>, event: Event, held: Held) -> Result<(), Closed> {
        let mut state = self.state();
        if state.closed {
            return Err(Closed);
        }
        room.0.forget();
        state.control.push(event, held);
        self.filled.notify_one();
        Ok(())
    }

    /// Brings an answer of the store, or that a question has none: always room, before everything else.
    pub(crate) fn push_answer(&self, event: Event) {
        self.state().answers.push_back(event);
        self.filled.notify_one();
    }

    /// Brings a packet. Returns the one that was dropped for it.
    pub(crate) fn push_packet(&self, session: SessionId, punt: Punt) -> Option<(SessionId, Punt)> {
        let dropped = self.state().packets.push(session, punt);
        self.filled.notify_one();
        dropped
    }

    /// Forgets a session's packets. Returns how many there were.
    pub(crate) fn forget_packets(&self, session: SessionId) -> usize {
        self.state().packets.forget(session)
    }

    /// The next event; waits until `due`, or for ever. Only the brain asks.
    pub(crate) async fn take(&self, due: Option<Instant>) -> Taken {
        loop {
            if let Some(taken) = self.take_now() {
                return taken;
            }
            // What comes between the look and the wait is not missed: one notice is kept.
            match due {
                None => self.filled.notified().await,
                Some(due) if timeout_at(due, self.filled.notified()).await.is_err() => return Taken::Due,
                Some(_) => {}
            }
        }
    }

    /// The next event, if there is one, or that there will be none.
    pub(crate) fn take_now(&self) -> Option<Taken> {
        let mut state = self.state();
        if state.closed {
            return Some(Taken::Closed);
        }
        self.next(&mut state).map(Taken::Event)
    }

    /// Nothing comes in or out any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.room.close();
        self.filled.notify_one();
    }

    pub(crate) fn lengths(&self) -> Lengths {
        let state = self.state();
        Lengths { answers: state.answers.len(), control: state.control.len(), packets: state.packets.len() }
    }

    fn next(&self, state: &mut State) -> Option<Event> {
        if let Some(event) = state.answers.pop_front() {
            return Some(event);
        }
        if state.run < CONTROL_RUN_MAX
            && let Some(event) = state.control.pop()
        {
            state.run += 1;
            self.room.add_permits(1);
            return Some(event);
        }
        state.run = 0;
        if let Some((session, punt)) = state.packets.pop() {
            return Some(Event::Switch(session, SwitchEvent::Packet(punt)));
        }
        let event = state.control.pop()?;
        self.room.add_permits(1);
        Some(event)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the queues half changed, so a panic elsewhere is no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use addr::OfPort;

    use super::*;

    fn punt() -> Punt {
        Punt { in_port: OfPort(1), metadata: ofp::Match::default(), userdata: Vec::new(), data: Vec::new() }
    }

    fn down(n: u64) -> Event {
        Event::Switch(SessionId(n), SwitchEvent::Down { reason: String::new() })
    }

    fn kind(taken: &Taken) -> &'static str {
        match taken {
            Taken::Event(Event::Applied { .. }) => "applied",
            Taken::Event(Event::Switch(_, SwitchEvent::Packet(_))) => "packet",
            Taken::Event(_) => "control",
            Taken::Due => "due",
            Taken::Closed => "closed",
        }
    }

    #[tokio::test]
    async fn answers_come_first_and_packets_last() {
        let inbox = Inbox::default();
        inbox.push_packet(SessionId(1), punt());
        inbox.push(down(1)).await.unwrap();
        inbox.push_answer(Event::Applied { revision: 1, changes: Vec::new(), proposal: None });
        let order = [inbox.take(None).await, inbox.take(None).await, inbox.take(None).await];
        assert_eq!(order.each_ref().map(kind), ["applied", "control", "packet"]);
        assert_eq!(kind(&inbox.take(Some(Instant::now() + Duration::from_millis(5))).await), "due");
    }

    #[tokio::test]
    async fn packets_are_not_starved() {
        let inbox = Inbox::default();
        for n in 0..100 {
            inbox.push(down(n)).await.unwrap();
        }
        inbox.push_packet(SessionId(1), punt());
        let at = (0..101).position(|_| inbox.take_now().is_some_and(|taken| kind(&taken) == "packet")).unwrap();
        assert_eq!(at, 32);
    }

    #[tokio::test]
    async fn a_full_inbox_makes_its_callers_wait_but_takes_answers_and_packets() {
        let inbox = Inbox::default();
        for n in 0..CONTROL_MAX as u64 {
            inbox.push(down(n)).await.unwrap();
        }
        assert!(tokio::time::timeout(Duration::from_millis(20), inbox.push(down(0))).await.is_err());
        inbox.push_answer(Event::Tick);
        assert!(inbox.push_packet(SessionId(1), punt()).is_none());
        let full = Lengths { answers: 1, control: CONTROL_MAX, packets: 1 };
        assert_eq!(inbox.lengths(), full);
        inbox.take(None).await;
        inbox.take(None).await;
        inbox.push(down(0)).await.unwrap();
        inbox.close();
        assert_eq!(inbox.push(down(0)).await, Err(Closed));
        assert_eq!(kind(&inbox.take(None).await), "closed");
    }
}
