//! What a session has heard and the brain has no room for yet: a session reads on whatever the brain is busy with.

use std::collections::VecDeque;
use std::sync::Arc;

use brain::{Event, SessionId, SwitchEvent};

use super::conn::Fault;
use crate::daemon::{Held, Room, Shared};

/// Events that may wait: as many as a switch may have ports, and then some.
const WAITING_MAX: usize = 70_000;

/// Events of one session on their way to the brain, in order.
pub(crate) struct News {
    id: SessionId,
    shared: Arc<Shared>,
    waiting: VecDeque<(SwitchEvent, Held)>,
}

impl News {
    pub(crate) fn new(id: SessionId, shared: Arc<Shared>) -> News {
        News { id, shared, waiting: VecDeque::new() }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Tells the brain, now or when there is room. `held` is kept from others until the brain takes the event.
    pub(crate) fn tell(&mut self, event: SwitchEvent, held: Held) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        if self.waiting.is_empty()
            && let Some(room) = shared.inbox.room_now()
        {
            return self.put(room, event, held);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Fault::Limit(format!(
                "{WAITING_MAX} events of the switch wait: the brain has been busy for too long"
            )));
        }
        self.waiting.push_back((event, held));
        Ok(())
    }

    /// Tells what has waited longest; then as much more as there is room for.
    pub(crate) fn deliver(&mut self, room: Room<'_>) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let mut room = Some(room);
        while !self.waiting.is_empty()
            && let Some(room) = room.take().or_else(|| shared.inbox.room_now())
        {
            let Some((event, held)) = self.waiting.pop_front() else { break };
            self.put(room, event, held)?;
        }
        Ok(())
    }

    fn put(&self, room: Room<'_>, event: SwitchEvent, held: Held) -> Result<(), Fault> {
        self.shared.inbox.push_into(room, Event::Switch(self.id, event), held).map_err(|_| Fault::Stopping)
    }
}
