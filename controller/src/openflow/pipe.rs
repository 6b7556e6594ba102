//! The way out of a connection. What is to be written goes to the stream at once if that takes it, and waits for the writer's task if
//! not: so an answer to a packet costs no change of threads.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::task::unconstrained;

/// Pieces that one call writes, at most.
const PIECES_MAX: usize = 64;

/// The way out. Whoever holds it may write; messages don't mix.
pub(crate) struct Pipe {
    state: Mutex<State>,
    filled: Notify,
    queued_bytes: AtomicUsize,
    last_xid: AtomicU32,
}

struct State {
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    waiting: VecDeque<Bytes>,
    closed: bool,
    fault: Option<io::Error>,
}

impl Pipe {
    /// A pipe, and what writes out what waits. That ends when the pipe is closed and empty, or with the first error.
    pub(crate) fn new<W>(stream: W) -> (Arc<Pipe>, impl Future<Output = io::Result<()>> + Send)
    where
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let state = State { stream: Box::new(stream), waiting: VecDeque::new(), closed: false, fault: None };
        let pipe = Arc::new(Pipe {
            state: Mutex::new(state),
            filled: Notify::new(),
            queued_bytes: AtomicUsize::new(0),
            last_xid: AtomicU32::new(0),
        });
        (Arc::clone(&pipe), write(pipe))
    }

    /// The first of `count` numbers in a row for requests.
    pub(crate) fn xids(&self, count: u32) -> u32 {
        // Numbers in a row don't wrap; 0 is left out, as it is what a switch's own messages carry.
        let first = |last: u32| if last.checked_add(count).is_some() { last + 1 } else { 1 };
        let last = |last: u32| Some(first(last) + count.saturating_sub(1));
        let before = self.last_xid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, last);
        first(before.unwrap_or_else(|last| last))
    }

    /// Writes a message, now or later.
    pub(crate) fn send(&self, bytes: Bytes) {
        self.put(&mut self.state(), bytes);
    }

    /// Writes a message if nothing is before it; else gives it back.
    pub(crate) fn send_first(&self, bytes: Bytes) -> Result<(), Bytes> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(bytes),
        };
        if state.closed || !state.waiting.is_empty() {
            return Err(bytes);
        }
        self.put(&mut state, bytes);
        Ok(())
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    fn put(&self, state: &mut State, mut bytes: Bytes) {
        if state.closed || state.fault.is_some() {
            return;
        }
        if state.waiting.is_empty() {
            match write_now(&mut state.stream, &bytes) {
                Poll::Ready(Ok(written)) if written == bytes.len() => return,
                Poll::Ready(Ok(written)) => bytes.advance(written),
                Poll::Ready(Err(error)) => state.fault = Some(error),
                Poll::Pending => {}
            }
        }
        self.queued_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        state.waiting.push_back(bytes);
        self.filled.notify_one();
    }

    /// Writes some of what waits. Whether anything may still come.
    fn flush(&self, context: &mut Context<'_>) -> Poll<io::Result<Flushed>> {
        let mut state = self.state();
        let State { stream, waiting, closed, fault } = &mut *state;
        if let Some(error) = fault.take() {
            return Poll::Ready(Err(error));
        }
        if waiting.is_empty() {
            return Poll::Ready(Ok(if *closed { Flushed::Last } else { Flushed::All }));
        }
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let count = waiting.len().min(PIECES_MAX);
        pieces.iter_mut().zip(waiting.iter()).for_each(|(piece, bytes)| *piece = IoSlice::new(bytes));
        let mut written = ready!(Pin::new(stream).poll_write_vectored(context, &pieces[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.queued_bytes.fetch_sub(written, Ordering::Relaxed);
        while let Some(first) = waiting.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            waiting.pop_front();
        }
        Poll::Ready(Ok(Flushed::Some))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Who panics while it holds the lock is the stream, and its session ends.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Flushed {
    Some,
    All,
    Last,
}

/// What the stream takes without waiting. Whoever waits for it is not known to it, so the writer asks it again.
fn write_now(stream: &mut (dyn AsyncWrite + Send + Unpin), bytes: &[u8]) -> Poll<io::Result<usize>> {
    let mut context = Context::from_waker(Waker::noop());
    let written = pin!(unconstrained(poll_fn(|context| Pin::new(&mut *stream).poll_write(context, bytes))));
    written.poll(&mut context)
}

async fn write(pipe: Arc<Pipe>) -> io::Result<()> {
    loop {
        match poll_fn(|context| pipe.flush(context)).await? {
            Flushed::Some => {}
            // What comes between the look and the wait is not missed: one notice is kept.
            Flushed::All => pipe.filled.notified().await,
            Flushed::Last => break,
        }
    }
    poll_fn(|context| Pin::new(&mut pipe.state().stream).poll_shutdown(context)).await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn bytes(n: u8, length: usize) -> Bytes {
        vec![n; length].into()
    }

    #[tokio::test]
    async fn what_has_room_is_there_at_once_and_the_rest_follows_in_order() {
        let (mut there, here) = tokio::io::duplex(8);
        let (pipe, writer) = Pipe::new(here);
        pipe.send(bytes(1, 5));
        let mut read = [0; 5];
        assert_eq!(there.read(&mut read).await.unwrap(), 5, "before the writer has begun");
        pipe.send(bytes(2, 12));
        assert_eq!(pipe.queued_bytes(), 4);
        assert!(pipe.send_first(bytes(3, 1)).is_err(), "something is before it");
        pipe.send(bytes(4, 3));
        pipe.close();
        pipe.send(bytes(5, 1));
        let writer = tokio::spawn(writer);
        let mut rest = Vec::new();
        there.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [vec![2; 12], vec![4; 3]].concat());
        assert_eq!(pipe.queued_bytes(), 0);
        writer.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_writes_into_a_closed_stream_is_told_by_the_writer() {
        let (there, here) = tokio::io::duplex(8);
        let (pipe, writer) = Pipe::new(here);
        drop(there);
        pipe.send(bytes(1, 1));
        pipe.send(bytes(2, 1));
        assert_eq!(writer.await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn numbers_in_a_row_do_not_wrap() {
        let (pipe, _) = Pipe::new(tokio::io::sink());
        assert_eq!([pipe.xids(1), pipe.xids(3), pipe.xids(1)], [1, 2, 5]);
        pipe.last_xid.store(u32::MAX - 2, Ordering::Relaxed);
        assert_eq!([pipe.xids(3), pipe.xids(1)], [1, 4]);
    }
}
