//! The registry of sessions that are up: the brain's way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use addr::Dpid;
use brain::{SessionId, SwitchCommand};
use dashmap::DashMap;
use tokio::sync::{Semaphore, mpsc};

/// Connections at most, those in their handshake included.
const CONNECTIONS_MAX: usize = 4096;
/// Switches whose tables are read at once: what is read, and not yet taken by the brain, takes memory.
const READ_BACKS_MAX: usize = 16;
/// Packet-outs that may wait for one session; more are dropped.
pub(crate) const PACKET_OUTS_MAX: usize = 1024;

/// The sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    last: AtomicU64,
    doors: DashMap<SessionId, Door>,
    /// One permit per connection.
    pub(crate) slots: Arc<Semaphore>,
    /// One permit per switch whose tables are read.
    pub(crate) turns: Arc<Semaphore>,
}

/// The way to a session.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// Bounded for packets by `packet_outs`, for the rest by the brain, which waits for its answers.
    commands: mpsc::UnboundedSender<SwitchCommand>,
    packet_outs: Arc<AtomicUsize>,
    dpid: Dpid,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It waits for its turn.
    Queued,
    /// It was a packet and too many wait.
    Full,
    /// The session is gone.
    Gone,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions {
            last: AtomicU64::new(0),
            doors: DashMap::new(),
            slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            turns: Arc::new(Semaphore::new(READ_BACKS_MAX)),
        }
    }
}

impl Sessions {
    /// A number that no session had.
    pub(crate) fn number(&self) -> SessionId {
        SessionId(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Enters a session that is about to be up.
    pub(crate) fn enter(&self, id: SessionId, door: Door) {
        self.doors.insert(id, door);
    }

    /// Removes a session. Whether it was there: whether it was up.
    pub(crate) fn remove(&self, id: SessionId) -> bool {
        self.doors.remove(&id).is_some()
    }

    /// Passes a command on.
    pub(crate) fn command(&self, id: SessionId, command: SwitchCommand) -> Sent {
        match self.doors.get(&id) {
            Some(door) => door.send(command),
            None => Sent::Gone,
        }
    }

    /// The datapath id of a session that is up.
    pub(crate) fn dpid(&self, id: SessionId) -> Option<Dpid> {
        self.doors.get(&id).map(|door| door.dpid)
    }

    /// Sessions that are up.
    pub(crate) fn len(&self) -> usize {
        self.doors.len()
    }
}

impl Door {
    /// A door, and the room behind it.
    pub(crate) fn new(dpid: Dpid) -> (Door, Commands) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let packet_outs = Arc::new(AtomicUsize::new(0));
        let door = Door { commands: sender, packet_outs: Arc::clone(&packet_outs), dpid };
        (door, Commands { receiver, packet_outs })
    }

    fn send(&self, command: SwitchCommand) -> Sent {
        let packet = matches!(command, SwitchCommand::PacketOut { .. });
        if packet && self.packet_outs.fetch_add(1, Ordering::Relaxed) >= PACKET_OUTS_MAX {
            self.packet_outs.fetch_sub(1, Ordering::Relaxed);
            return Sent::Full;
        }
        match self.commands.send(command) {
            Ok(()) => Sent::Queued,
            Err(_) => Sent::Gone,
        }
    }
}

/// The commands that come to a session.
#[derive(Debug)]
pub(crate) struct Commands {
    receiver: mpsc::UnboundedReceiver<SwitchCommand>,
    packet_outs: Arc<AtomicUsize>,
}

impl Commands {
    /// The next command; safe to drop at its await.
    pub(crate) async fn next(&mut self) -> Option<SwitchCommand> {
        let command = self.receiver.recv().await;
        if matches!(command, Some(SwitchCommand::PacketOut { .. })) {
            self.packet_outs.fetch_sub(1, Ordering::Relaxed);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use addr::OfPort;
    use brain::Batch;

    use super::*;

    #[tokio::test]
    async fn packet_outs_are_bounded_and_batches_are_not_dropped() {
        let sessions = Sessions::default();
        let (door, mut commands) = Door::new(Dpid(7));
        let id = sessions.number();
        sessions.enter(id, door);
        let packet = || SwitchCommand::PacketOut { in_port: OfPort(1), actions: Vec::new(), data: Vec::new() };
        for _ in 0..PACKET_OUTS_MAX {
            assert_eq!(sessions.command(id, packet()), Sent::Queued);
        }
        assert_eq!(sessions.command(id, packet()), Sent::Full);
        let batch = Batch { number: 1, operations: Vec::new(), follows: None, gentle: false };
        assert_eq!(sessions.command(id, SwitchCommand::Batch(batch)), Sent::Queued);
        assert!(matches!(commands.next().await, Some(SwitchCommand::PacketOut { .. })));
        assert_eq!(sessions.command(id, packet()), Sent::Queued);
        assert!(sessions.remove(id));
        assert_eq!(sessions.command(id, packet()), Sent::Gone);
    }
}
