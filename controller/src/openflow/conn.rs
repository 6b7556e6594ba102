//! A connection's two ends: messages off the stream, and messages into a queue that a task writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use ofp::{Bad, Body, Message};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::batch::Wire;
use super::words;
use crate::daemon::Shared;

/// Bytes that may wait to be written. A switch that reads so little is not one that can be controlled.
const QUEUED_BYTES_MAX: usize = 256 << 20;
/// Bytes read, and written, at once.
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

/// Numbers requests and queues them for writing.
pub(crate) struct Outgoing {
    queue: mpsc::UnboundedSender<Bytes>,
    queued_bytes: Arc<AtomicUsize>,
    last_xid: u32,
    shared: Arc<Shared>,
}

impl Outgoing {
    /// A queue, and what writes it out. The writer ends when the queue is dropped, or with the first error.
    pub(crate) fn new<W: AsyncWrite + Unpin>(
        stream: W,
        shared: Arc<Shared>,
    ) -> (Outgoing, impl Future<Output = std::io::Result<()>>) {
        let (queue, receiver) = mpsc::unbounded_channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let writer = write(stream, receiver, Arc::clone(&queued_bytes));
        (Outgoing { queue, queued_bytes, last_xid: 0, shared }, writer)
    }

    /// The next number for a request.
    pub(crate) fn xid(&mut self) -> u32 {
        self.xids(1)
    }

    /// The first of `count` numbers in a row.
    pub(crate) fn xids(&mut self, count: u32) -> u32 {
        let first = match self.last_xid.checked_add(count) {
            Some(_) => self.last_xid + 1,
            // Numbers in a row don't wrap; 0 is left out, as it is what a switch's own messages carry.
            None => 1,
        };
        self.last_xid = first + count.saturating_sub(1);
        first
    }

    /// Queues a request under a new number, which it returns.
    pub(crate) fn ask(&mut self, body: impl Into<Body>) -> Result<u32, Fault> {
        let xid = self.xid();
        self.send(&Message::new(xid, body))?;
        Ok(xid)
    }

    /// Queues a message.
    pub(crate) fn send(&self, message: &Message) -> Result<(), Fault> {
        let bytes = message.try_encode().map_err(Fault::TooLong)?;
        self.queue(bytes)?;
        count(&self.shared, "out", words::kind(&message.body), 1);
        Ok(())
    }

    /// Queues messages that are bytes already.
    pub(crate) fn send_wire(&self, wire: Wire) -> Result<(), Fault> {
        self.queue(wire.bytes)?;
        wire.kinds.iter().for_each(|(kind, by)| count(&self.shared, "out", kind, *by));
        Ok(())
    }

    fn queue(&self, bytes: Bytes) -> Result<(), Fault> {
        let queued = self.queued_bytes.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if queued > QUEUED_BYTES_MAX {
            return Err(Fault::Limit(format!("{queued} bytes wait to be written: the switch does not read")));
        }
        self.shared.metrics.bytes.get_or_create(&[("direction", "out")]).inc_by(bytes.len() as u64);
        // Fails when the writer ended, which its owner sees.
        drop(self.queue.send(bytes));
        Ok(())
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut stream: W,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    queued_bytes: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut chunk = BytesMut::with_capacity(CHUNK);
    while let Some(bytes) = queue.recv().await {
        chunk.extend_from_slice(&bytes);
        while chunk.len() < CHUNK
            && let Ok(bytes) = queue.try_recv()
        {
            chunk.extend_from_slice(&bytes);
        }
        let length = chunk.len();
        stream.write_all(&chunk).await?;
        queued_bytes.fetch_sub(length, Ordering::Relaxed);
        chunk.clear();
    }
    stream.shutdown().await
}

fn count(shared: &Shared, direction: &'static str, kind: &'static str, by: u64) {
    shared.metrics.messages.get_or_create(&[("direction", direction), ("type", kind)]).inc_by(by);
}
