//! A connection's two ends: messages off the stream, and messages onto it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ofp::{Bad, Body, Message};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::batch::Wire;
use super::pipe::Pipe;
use super::words;
use crate::daemon::Shared;

/// Bytes that may wait to be written. A switch that reads so little is not one that can be controlled.
const QUEUED_BYTES_MAX: usize = 256 << 20;
/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// Why a session ends.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// The other side closed.
    #[error("closed by the switch")]
    Closed,
    /// The operating system's words.
    #[error("connection lost: {0}")]
    Io(#[from] std::io::Error),
    /// Bytes that are no OpenFlow, with the first of them.
    #[error("malformed message: {bad}; bytes: {excerpt}")]
    Malformed {
        /// What is wrong.
        bad: Bad,
        /// Hexadecimal.
        excerpt: String,
    },
    /// OpenFlow 1.3 is not spoken there.
    #[error("{0}")]
    Version(String),
    /// A request of the handshake was refused, or answered with what we can't work with.
    #[error("{0}")]
    Handshake(String),
    /// It took too long.
    #[error("{0}")]
    Silent(String),
    /// A limit was reached.
    #[error("{0}")]
    Limit(String),
    /// A message of ours is longer than one can be; it was not sent.
    #[error("a message can't be sent: {0}")]
    TooLong(Bad),
    /// The brain closed it.
    #[error("{0}")]
    Ordered(String),
    /// The daemon is stopping.
    #[error("the controller is stopping")]
    Stopping,
}

impl Fault {
    /// For a metric's label; `None`: an end that is no fault.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Fault::Closed | Fault::Ordered(_) | Fault::Stopping => None,
            Fault::Io(_) => Some("io"),
            Fault::Malformed { .. } => Some("malformed"),
            Fault::Version(_) => Some("version"),
            Fault::Handshake(_) => Some("handshake"),
            Fault::Silent(_) => Some("silent"),
            Fault::Limit(_) | Fault::TooLong(_) => Some("limit"),
        }
    }
}

/// Reads messages.
pub(crate) struct Incoming<R> {
    stream: R,
    received: BytesMut,
    shared: Arc<Shared>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    pub(crate) fn new(stream: R, shared: Arc<Shared>) -> Incoming<R> {
        Incoming { stream, received: BytesMut::with_capacity(CHUNK), shared }
    }

    /// The next message; safe to drop at its await.
    pub(crate) async fn next(&mut self) -> Result<Message, Fault> {
        loop {
            match ofp::frame(&mut self.received) {
                Ok(Some(bytes)) => return self.decode(&bytes),
                Ok(None) => {}
                Err(bad) => return Err(Fault::Malformed { bad, excerpt: words::hex(&self.received) }),
            }
            self.received.reserve(CHUNK);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Fault::Closed);
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Message, Fault> {
        let message = Message::decode(bytes).map_err(|bad| Fault::Malformed { bad, excerpt: words::hex(bytes) })?;
        count(&self.shared, "in", words::kind(&message.body), 1);
        self.shared.metrics.bytes.get_or_create(&[("direction", "in")]).inc_by(bytes.len() as u64);
        Ok(message)
    }
}

/// Numbers requests and writes them.
pub(crate) struct Outgoing {
    pipe: Arc<Pipe>,
    shared: Arc<Shared>,
}

impl Outgoing {
    /// What is written into a pipe, which is closed with this.
    pub(crate) fn new(pipe: Arc<Pipe>, shared: Arc<Shared>) -> Outgoing {
        Outgoing { pipe, shared }
    }

    /// The first of `count` numbers in a row.
    pub(crate) fn xids(&self, count: u32) -> u32 {
        self.pipe.xids(count)
    }

    /// Writes a request under a new number, which it returns.
    pub(crate) fn ask(&self, body: impl Into<Body>) -> Result<u32, Fault> {
        let xid = self.xids(1);
        self.send(&Message::new(xid, body))?;
        Ok(xid)
    }

    /// Writes a message.
    pub(crate) fn send(&self, message: &Message) -> Result<(), Fault> {
        let bytes = message.try_encode().map_err(Fault::TooLong)?;
        self.write(bytes)?;
        count(&self.shared, "out", words::kind(&message.body), 1);
        Ok(())
    }

    /// Writes messages that are bytes already.
    pub(crate) fn send_wire(&self, wire: Wire) -> Result<(), Fault> {
        self.write(wire.bytes)?;
        wire.kinds.iter().for_each(|(kind, by)| count(&self.shared, "out", kind, *by));
        Ok(())
    }

    fn write(&self, bytes: Bytes) -> Result<(), Fault> {
        let queued = self.pipe.queued_bytes() + bytes.len();
        if queued > QUEUED_BYTES_MAX {
            return Err(Fault::Limit(format!("{queued} bytes wait to be written: the switch does not read")));
        }
        count_bytes(&self.shared, bytes.len());
        self.pipe.send(bytes);
        Ok(())
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.pipe.queued_bytes()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.pipe.close();
    }
}

/// A message that was written past the session.
pub(super) fn count_written(shared: &Shared, kind: &'static str, length: usize) {
    count_bytes(shared, length);
    count(shared, "out", kind, 1);
}

fn count_bytes(shared: &Shared, length: usize) {
    shared.metrics.bytes.get_or_create(&[("direction", "out")]).inc_by(length as u64);
}

fn count(shared: &Shared, direction: &'static str, kind: &'static str, by: u64) {
    shared.metrics.messages.get_or_create(&[("direction", direction), ("type", kind)]).inc_by(by);
}
