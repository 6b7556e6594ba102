//! What happened lately, for operators: a bounded log with numbers and wall-clock times.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::v1;
use tokio::sync::broadcast;

use super::clock::wall_ms;

/// Happenings that are remembered.
const MEMORY_MAX: usize = 10_000;
/// Happenings that a live follower may lag behind.
const LAG_MAX: usize = 1024;

/// The log of happenings.
#[derive(Debug)]
pub(crate) struct Happenings {
    memory: Mutex<Memory>,
    live: broadcast::Sender<v1::Event>,
}

#[derive(Debug, Default)]
struct Memory {
    last: u64,
    events: VecDeque<v1::Event>,
}

impl Default for Happenings {
    fn default() -> Self {
        Happenings { memory: Mutex::default(), live: broadcast::Sender::new(LAG_MAX) }
    }
}

impl Happenings {
    /// Numbers and dates it, remembers it, tells it, and writes it to the program's log.
    pub(crate) fn tell(&self, mut event: v1::Event) {
        tracing::info!(
            r#type = event.r#type,
            kind = event.kind,
            tenant = event.tenant,
            name = event.name,
            "{}",
            event.message
        );
        let mut memory = self.memory();
        memory.last += 1;
        event.sequence = memory.last;
        event.time_ms = wall_ms();
        if memory.events.len() >= MEMORY_MAX {
            memory.events.pop_front();
        }
        memory.events.push_back(event.clone());
        // Fails when nobody listens, which is fine.
        drop(self.live.send(event));
    }

    /// What is remembered, and what comes.
    pub(crate) fn follow(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>) {
        let memory = self.memory();
        (memory.events.iter().cloned().collect(), self.live.subscribe())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn happenings_are_numbered_bounded_and_followed() {
        let happenings = Happenings::default();
        let happen = |name: &str| {
            happenings.tell(v1::Event {
                r#type: "test.told".to_owned(),
                name: name.to_owned(),
                ..v1::Event::default()
            });
        };
        for _ in 0..MEMORY_MAX + 2 {
            happen("before");
        }
        let (backlog, mut live) = happenings.follow();
        assert_eq!((backlog.len(), backlog[0].sequence), (MEMORY_MAX, 3));
        assert!(backlog[0].time_ms > 1_500_000_000_000);
        happen("after");
        let event = live.recv().await.unwrap();
        assert_eq!((event.name.as_str(), event.sequence), ("after", MEMORY_MAX as u64 + 3));
    }
}
