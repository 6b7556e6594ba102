//! The queue of punted packets: bounded, fair between ports, oldest dropped first.

use std::collections::{BTreeSet, HashMap, VecDeque};

use addr::OfPort;
use brain::{Punt, SessionId};

/// Packets of one port that may wait.
pub(crate) const PORT_PACKETS_MAX: usize = 64;
/// Packets of all ports that may wait.
pub(crate) const PACKETS_MAX: usize = 8192;

type Source = (SessionId, OfPort);

/// One small queue per switch port, served in turn.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    queues: HashMap<Source, VecDeque<Punt>>,
    /// The keys of `queues`, in the order of their turns.
    turns: VecDeque<Source>,
    /// The queues that are not empty by their lengths, to take from the longest when all is full.
    by_length: BTreeSet<(usize, Source)>,
    length: usize,
}

impl FairQueue {
    /// Adds a packet. Returns the one that was dropped to make room: the oldest of this port, or of the port with most.
    pub(crate) fn push(&mut self, session: SessionId, punt: Punt) -> Option<(SessionId, Punt)> {
        let source = (session, punt.in_port);
        let own = self.queues.get(&source).map_or(0, VecDeque::len);
        let victim = if own >= PORT_PACKETS_MAX {
            Some(source)
        } else if self.length >= PACKETS_MAX {
            self.by_length.last().map(|(_, longest)| *longest)
        } else {
            None
        };
        let dropped = victim.and_then(|victim| Some((victim.0, self.pop_of(victim)?)));
        let queue = self.queues.entry(source).or_insert_with(|| {
            self.turns.push_back(source);
            VecDeque::new()
        });
        self.by_length.remove(&(queue.len(), source));
        queue.push_back(punt);
        self.by_length.insert((queue.len(), source));
        self.length += 1;
        dropped
    }

    /// The next port's oldest packet.
    pub(crate) fn pop(&mut self) -> Option<(SessionId, Punt)> {
        while let Some(source) = self.turns.pop_front() {
            let punt = self.pop_of(source);
            if self.queues.get(&source).is_some_and(|queue| !queue.is_empty()) {
                self.turns.push_back(source);
            } else {
                self.queues.remove(&source);
            }
            if let Some(punt) = punt {
                return Some((source.0, punt));
            }
        }
        None
    }

    /// Forgets the packets of a session that ended. Returns how many there were.
    pub(crate) fn forget(&mut self, session: SessionId) -> usize {
        let before = self.length;
        self.turns.retain(|source| source.0 != session);
        self.queues.retain(|source, queue| {
            if source.0 == session {
                self.by_length.remove(&(queue.len(), *source));
                self.length -= queue.len();
            }
            source.0 != session
        });
        before - self.length
    }

    /// Packets waiting.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Takes a port's oldest packet; its turn, and its queue even if empty, stay as they are.
    fn pop_of(&mut self, source: Source) -> Option<Punt> {
        let queue = self.queues.get_mut(&source)?;
        let punt = queue.pop_front()?;
        self.by_length.remove(&(queue.len() + 1, source));
        if !queue.is_empty() {
            self.by_length.insert((queue.len(), source));
        }
        self.length -= 1;
        Some(punt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn punt(port: u32, n: u32) -> Punt {
        let data = n.to_be_bytes().to_vec();
        Punt { in_port: OfPort(port), metadata: ofp::Match::default(), userdata: Vec::new(), data }
    }

    fn popped(queue: &mut FairQueue) -> Vec<(u64, u32, u32)> {
        std::iter::from_fn(|| queue.pop())
            .map(|(session, punt)| {
                let n = u32::from_be_bytes(punt.data.try_into().unwrap());
                (session.0, punt.in_port.0, n)
            })
            .collect()
    }

    #[test]
    fn ports_take_turns() {
        let mut queue = FairQueue::default();
        for n in 0..3 {
            queue.push(SessionId(1), punt(1, n));
        }
        queue.push(SessionId(1), punt(2, 10));
        queue.push(SessionId(2), punt(1, 20));
        assert_eq!(popped(&mut queue), [(1, 1, 0), (1, 2, 10), (2, 1, 20), (1, 1, 1), (1, 1, 2)]);
        assert_eq!(queue.len(), 0);
        assert!(queue.queues.is_empty() && queue.turns.is_empty() && queue.by_length.is_empty());
    }

    #[test]
    fn a_flooding_port_loses_its_own_oldest() {
        let mut queue = FairQueue::default();
        queue.push(SessionId(1), punt(2, 7));
        let limit = u32::try_from(PORT_PACKETS_MAX).unwrap();
        let dropped: Vec<_> = (0..limit + 3).filter_map(|n| queue.push(SessionId(1), punt(1, n))).collect();
        assert_eq!(dropped.len(), 3);
        assert!(dropped.iter().all(|(session, punt)| (session.0, punt.in_port.0) == (1, 1)));
        let all = popped(&mut queue);
        assert_eq!(all.len(), PORT_PACKETS_MAX + 1);
        assert_eq!(all[..2], [(1, 2, 7), (1, 1, 3)]);
    }

    #[test]
    fn when_all_is_full_the_longest_queue_pays() {
        let mut queue = FairQueue::default();
        let ports = u32::try_from(PACKETS_MAX / 32).unwrap();
        for port in 0..ports {
            for n in 0..32 {
                assert!(queue.push(SessionId(1), punt(port, n)).is_none());
            }
        }
        assert_eq!(queue.push(SessionId(2), punt(9, 1)).unwrap().0, SessionId(1));
        assert_eq!(queue.len(), PACKETS_MAX);
        let all = popped(&mut queue);
        assert!(all.contains(&(2, 9, 1)));
        assert_eq!(all.iter().filter(|(session, port, _)| (*session, *port) == (1, ports - 1)).count(), 31);
    }

    #[test]
    fn a_session_that_ended_leaves_nothing() {
        let mut queue = FairQueue::default();
        queue.push(SessionId(1), punt(1, 1));
        queue.push(SessionId(2), punt(1, 2));
        assert_eq!(queue.forget(SessionId(1)), 1);
        assert_eq!(popped(&mut queue), [(2, 1, 2)]);
    }
}
