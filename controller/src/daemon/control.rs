//! The queue of link, session and request events: in order for each source, the sources in turn, short work before long.
//!
//! When a thousand switches come back at once, their tables and ports are long work; a port that comes up meanwhile, a batch that
//! is confirmed or a request waits for one of those, not for all.

use std::collections::{HashMap, VecDeque};

use brain::{Event, SessionId, SwitchEvent};
use tokio::sync::OwnedSemaphorePermit;

/// After so many short events in a row a long one has its turn.
const SHORT_RUN_MAX: u32 = 16;

/// What an event keeps from others until the brain takes it.
pub(crate) type Held = Option<OwnedSemaphorePermit>;

/// A session; `None`: all requests.
type Source = Option<SessionId>;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct ControlQueue {
    sources: HashMap<Source, VecDeque<(Event, Held)>>,
    /// Sources whose first event is short work, and those whose first is long, in the order of their turns.
    short: VecDeque<Source>,
    long: VecDeque<Source>,
    run: u32,
    length: usize,
}

impl ControlQueue {
    /// Adds an event behind those of its source.
    pub(crate) fn push(&mut self, event: Event, held: Held) {
        let source = match &event {
            Event::Switch(session, _) => Some(*session),
            _ => None,
        };
        let queue = self.sources.entry(source).or_default();
        queue.push_back((event, held));
        self.length += 1;
        if queue.len() == 1 {
            self.enlist(source);
        }
    }

    /// The next event; what it held is free.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let long_is_due = self.run >= SHORT_RUN_MAX && !self.long.is_empty();
        let short = if long_is_due { None } else { self.short.pop_front() };
        self.run = if short.is_some() { self.run.saturating_add(1) } else { 0 };
        let source = short.or_else(|| self.long.pop_front())?;
        let queue = self.sources.get_mut(&source)?;
        let (event, _) = queue.pop_front()?;
        self.length -= 1;
        if queue.is_empty() {
            self.sources.remove(&source);
        } else {
            self.enlist(source);
        }
        Some(event)
    }

    /// Events waiting.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    fn enlist(&mut self, source: Source) {
        let first = self.sources.get(&source).and_then(VecDeque::front);
        let long = first.is_some_and(|(event, _)| is_long(event));
        if long { self.long.push_back(source) } else { self.short.push_back(source) }
    }
}

/// Events whose work grows with a switch's size.
fn is_long(event: &Event) -> bool {
    matches!(event, Event::Switch(_, SwitchEvent::Up { .. } | SwitchEvent::Tables { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(n: u64) -> Event {
        let tables = SwitchEvent::Tables { flows: Vec::new(), groups: Vec::new(), meters: Vec::new() };
        Event::Switch(SessionId(n), tables)
    }

    fn done(n: u64, batch: u64) -> Event {
        Event::Switch(SessionId(n), SwitchEvent::BatchDone { batch, commit_us: 0 })
    }

    /// What comes out: session and batch, or session and nothing for tables.
    fn popped(queue: &mut ControlQueue) -> Vec<(u64, Option<u64>)> {
        let name = |event| match event {
            Event::Switch(session, SwitchEvent::BatchDone { batch, .. }) => (session.0, Some(batch)),
            Event::Switch(session, _) => (session.0, None),
            _ => (0, None),
        };
        std::iter::from_fn(|| queue.pop()).map(name).collect()
    }

    #[test]
    fn a_session_keeps_its_order_and_short_work_of_others_goes_first() {
        let mut queue = ControlQueue::default();
        for event in [tables(1), done(1, 5), tables(2), done(3, 6), Event::Tick, done(3, 7)] {
            queue.push(event, None);
        }
        assert_eq!(queue.len(), 6);
        assert_eq!(popped(&mut queue), [(3, Some(6)), (0, None), (3, Some(7)), (1, None), (1, Some(5)), (2, None)]);
        assert!(queue.len() == 0 && queue.sources.is_empty());
    }

    #[test]
    fn one_source_does_not_hold_up_others() {
        let mut queue = ControlQueue::default();
        (0..1000).for_each(|batch| queue.push(done(1, batch), None));
        queue.push(done(2, 0), None);
        assert_eq!(popped(&mut queue)[1], (2, Some(0)));
    }

    #[test]
    fn long_work_is_done_however_much_short_work_there_is() {
        let mut queue = ControlQueue::default();
        queue.push(tables(1), None);
        queue.push(tables(2), None);
        (0..100).for_each(|batch| queue.push(done(3, batch), None));
        let order = popped(&mut queue);
        let at = |n| order.iter().position(|found| *found == (n, None)).unwrap();
        assert_eq!((at(1), at(2)), (16, 33));
        assert_eq!(order.len(), 102);
    }

    #[test]
    fn what_an_event_holds_is_free_when_it_is_taken() {
        let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
        let mut queue = ControlQueue::default();
        queue.push(tables(1), turns.clone().try_acquire_owned().ok());
        assert_eq!(turns.available_permits(), 0);
        assert!(queue.pop().is_some());
        assert_eq!(turns.available_permits(), 1);
    }
}
