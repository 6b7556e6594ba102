//! Requests that wait for the brain's answer.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use brain::{Refusal, Reply, RequestId};
use tokio::sync::oneshot;

use super::watches::Watches;
use crate::handle::{Watch, unavailable};

/// Requests that may wait for their answers; more are refused.
const OPEN_MAX: usize = 10_000;

/// The brain's answer.
pub(crate) type Answered = Result<Reply, Refusal>;

/// The open requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    next: AtomicU64,
    open: Mutex<HashMap<RequestId, Waiter>>,
}

#[derive(Debug)]
enum Waiter {
    Answer(oneshot::Sender<Answered>),
    /// The answer, with a watch that begins exactly there.
    Watching(oneshot::Sender<(Answered, Watch)>),
}

/// A request's answer to come; dropped, the request is forgotten.
pub(crate) struct Waiting<T> {
    /// Names the request.
    pub(crate) id: RequestId,
    requests: Arc<Requests>,
    answer: oneshot::Receiver<T>,
}

impl Requests {
    /// Opens a request.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Waiting<Answered>, Refusal> {
        let (sender, answer) = oneshot::channel();
        Ok(Waiting { id: self.enter(Waiter::Answer(sender))?, requests: Arc::clone(self), answer })
    }

    /// Opens a request whose answer comes with a watch.
    pub(crate) fn open_watching(self: &Arc<Self>) -> Result<Waiting<(Answered, Watch)>, Refusal> {
        let (sender, answer) = oneshot::channel();
        Ok(Waiting { id: self.enter(Waiter::Watching(sender))?, requests: Arc::clone(self), answer })
    }

    /// Answers a request; one that nobody waits for any more is left alone.
    pub(crate) fn answer(&self, id: RequestId, result: Answered, watches: &Watches) {
        // A receiver that is gone has lost its interest: that is no error.
        match self.requests().remove(&id) {
            Some(Waiter::Answer(sender)) => drop(sender.send(result)),
            Some(Waiter::Watching(sender)) => drop(sender.send((result, watches.follow()))),
            None => {}
        }
    }

    /// Lets everyone know that there will be no answer.
    pub(crate) fn give_up(&self) {
        self.requests().clear();
    }

    /// Requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.requests().len()
    }

    fn enter(&self, waiter: Waiter) -> Result<RequestId, Refusal> {
        let mut open = self.requests();
        if open.len() >= OPEN_MAX {
            return Err(unavailable("too many requests are waiting for their answers"));
        }
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        open.insert(id, waiter);
        Ok(id)
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<RequestId, Waiter>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Future for Waiting<T> {
    type Output = Result<T, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map_err(|_| unavailable("the controller is stopping"))
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.requests.requests().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_reaches_its_request() {
        let requests = Arc::new(Requests::default());
        let (first, second) = (requests.open().unwrap(), requests.open().unwrap());
        assert_ne!(first.id, second.id);
        requests.answer(second.id, Ok(Reply::Deleted), &Watches::new(0));
        assert!(matches!(second.await, Ok(Ok(Reply::Deleted))));
        assert_eq!(requests.len(), 1);
        requests.give_up();
        assert!(first.await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_request_is_forgotten_and_too_many_are_refused() {
        let requests = Arc::new(Requests::default());
        let all: Vec<_> = (0..OPEN_MAX).map(|_| requests.open().unwrap()).collect();
        assert!(requests.open().is_err());
        drop(all);
        assert_eq!(requests.len(), 0);
        requests.answer(RequestId(1), Ok(Reply::Deleted), &Watches::new(0));
    }
}
