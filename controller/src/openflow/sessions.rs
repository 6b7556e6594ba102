//! The registry of sessions that are up: the brain's way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use addr::Dpid;
use brain::{SessionId, SwitchCommand};
use dashmap::DashMap;
use ofp::{Body, Message, NO_BUFFER, PacketOut};
use tokio::sync::{Semaphore, mpsc};

use super::conn::count_written;
use super::pipe::Pipe;
use super::words;
use crate::daemon::Shared;

/// Connections at most, those in their handshake included.
const CONNECTIONS_MAX: usize = 4096;
/// Switches whose tables are read at once: what is read, and not yet taken by the brain, takes memory.
const READ_BACKS_MAX: usize = 16;
/// Packet-outs that may wait for one session; more are dropped.
pub(crate) const PACKET_OUTS_MAX: usize = 1024;

/// The sessions.
pub(crate) struct Sessions {
    last: AtomicU64,
    doors: DashMap<SessionId, Door>,
    /// One permit per connection.
    pub(crate) slots: Arc<Semaphore>,
    /// One permit per switch whose tables are read.
    pub(crate) turns: Arc<Semaphore>,
}

/// The way to a session.
pub(crate) struct Door {
    /// Bounded for packets by `packet_outs`, for the rest by the brain, which waits for its answers.
    commands: mpsc::UnboundedSender<SwitchCommand>,
    /// Commands that are not obeyed yet, and the packets among those that wait.
    open: Arc<AtomicUsize>,
    packet_outs: Arc<AtomicUsize>,
    pipe: Arc<Pipe>,
    dpid: Dpid,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It waits for its turn.
    Queued,
    /// It was a packet, and is on its way.
    Written,
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

    /// The datapath id of a session that is up.
    pub(crate) fn dpid(&self, id: SessionId) -> Option<Dpid> {
        self.doors.get(&id).map(|door| door.dpid)
    }

    /// Sessions that are up.
    pub(crate) fn len(&self) -> usize {
        self.doors.len()
    }
}

/// Passes a command on. A packet goes straight to the switch if `at_once`, and nothing that was said before is still on its way.
pub(crate) fn command(shared: &Shared, id: SessionId, command: SwitchCommand, at_once: bool) -> Sent {
    let Some(door) = shared.sessions.doors.get(&id) else { return Sent::Gone };
    match command {
        SwitchCommand::PacketOut { in_port, actions, data } if at_once && door.is_quiet() => {
            door.write(shared, PacketOut { buffer_id: NO_BUFFER, in_port, actions, data: data.into() })
        }
        command => door.send(command),
    }
}

impl Door {
    /// A door, and the room behind it.
    pub(crate) fn new(dpid: Dpid, pipe: Arc<Pipe>) -> (Door, Commands) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (open, packet_outs) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let commands = Commands { receiver, open: Arc::clone(&open), packet_outs: Arc::clone(&packet_outs) };
        (Door { commands: sender, open, packet_outs, pipe, dpid }, commands)
    }

    /// Whether each command has been obeyed.
    fn is_quiet(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    fn write(&self, shared: &Shared, packet: PacketOut) -> Sent {
        let message = Message::new(self.pipe.xids(1), packet);
        let Ok(bytes) = message.try_encode() else { return self.again(message) };
        let length = bytes.len();
        if self.pipe.send_first(bytes).is_err() {
            return self.again(message);
        }
        count_written(shared, words::kind(&message.body), length);
        shared.metrics.packet_outs.get_or_create(&vec![("dpid", self.dpid.to_string())]).inc();
        Sent::Written
    }

    /// By way of the session, which finds the words for what is wrong.
    fn again(&self, message: Message) -> Sent {
        match message.body {
            Body::PacketOut(PacketOut { in_port, actions, data, .. }) => {
                self.send(SwitchCommand::PacketOut { in_port, actions, data: data.into() })
            }
            _ => Sent::Gone,
        }
    }

    fn send(&self, command: SwitchCommand) -> Sent {
        let packet = matches!(command, SwitchCommand::PacketOut { .. });
        if packet && self.packet_outs.fetch_add(1, Ordering::Relaxed) >= PACKET_OUTS_MAX {
            self.packet_outs.fetch_sub(1, Ordering::Relaxed);
            return Sent::Full;
        }
        self.open.fetch_add(1, Ordering::Release);
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
    open: Arc<AtomicUsize>,
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

    /// The last one has been obeyed.
    pub(crate) fn obeyed(&self) {
        self.open.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use addr::OfPort;
    use brain::Batch;

    use super::*;
    use crate::daemon::Clock;

    fn packet() -> SwitchCommand {
        SwitchCommand::PacketOut { in_port: OfPort(1), actions: Vec::new(), data: Vec::new() }
    }

    fn batch() -> SwitchCommand {
        SwitchCommand::Batch(Batch { number: 1, operations: Vec::new(), follows: None, gentle: false })
    }

    /// A session that is up, whose commands nobody takes yet, and the switch's end of its stream.
    fn up() -> (Shared, SessionId, Commands, tokio::io::DuplexStream) {
        let (there, here) = tokio::io::duplex(64);
        let (pipe, _) = Pipe::new(here);
        let (door, commands) = Door::new(Dpid(7), pipe);
        let shared = Shared::new(0, Clock::start());
        let id = shared.sessions.number();
        shared.sessions.enter(id, door);
        (shared, id, commands, there)
    }

    #[tokio::test]
    async fn packet_outs_are_bounded_and_batches_are_not_dropped() {
        let (shared, id, mut commands, _there) = up();
        for _ in 0..PACKET_OUTS_MAX {
            assert_eq!(command(&shared, id, packet(), false), Sent::Queued);
        }
        assert_eq!(command(&shared, id, packet(), false), Sent::Full);
        assert_eq!(command(&shared, id, batch(), false), Sent::Queued);
        assert!(matches!(commands.next().await, Some(SwitchCommand::PacketOut { .. })));
        assert_eq!(command(&shared, id, packet(), false), Sent::Queued);
        assert!(shared.sessions.remove(id));
        assert_eq!(command(&shared, id, packet(), false), Sent::Gone);
    }

    #[tokio::test]
    async fn a_packet_goes_straight_to_the_switch_but_past_nothing() {
        let (shared, id, mut commands, _there) = up();
        assert_eq!(command(&shared, id, packet(), true), Sent::Written);
        assert_eq!(command(&shared, id, batch(), true), Sent::Queued);
        assert_eq!(command(&shared, id, packet(), true), Sent::Queued, "the batch was said before");
        for _ in 0..2 {
            commands.next().await;
            assert_eq!(command(&shared, id, packet(), true), Sent::Queued, "it is not obeyed yet");
            commands.obeyed();
        }
        for _ in 0..2 {
            commands.next().await;
            commands.obeyed();
        }
        assert_eq!(command(&shared, id, packet(), true), Sent::Written);
        // The stream has room for two such messages: the third begins, and ends when there is room again.
        assert_eq!(command(&shared, id, packet(), true), Sent::Written);
        assert_eq!(command(&shared, id, packet(), true), Sent::Queued, "the one before is not out yet");
    }
}
