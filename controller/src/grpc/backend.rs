//! What the gRPC face needs of the daemon: a trait, so that tests have a backend of their own.

use std::future::Future;
use std::sync::Arc;

use brain::{Caller, Millis, Refusal, Reply, Request};
use proto::v1;
use tokio::sync::broadcast;

use crate::handle::{Change, Handle, ResumeError, Snapshot, Watch, WatchEnd};

/// What stands behind the gRPC face.
pub trait Backend: Clone + Send + Sync + 'static {
    /// A stream of changes.
    type Changes: Changes;

    /// Asks for one thing.
    fn request(&self, caller: Caller, request: Request) -> impl Future<Output = Result<Reply, Refusal>> + Send;

    /// Every resource, the revision that they are as of, and the changes from exactly that moment on.
    fn snapshot(
        &self,
        caller: Caller,
    ) -> impl Future<Output = Result<(Vec<v1::Resource>, u64, Self::Changes), Refusal>> + Send;

    /// The changes after a revision.
    fn resume(
        &self,
        caller: Caller,
        after_revision: u64,
    ) -> impl Future<Output = Result<Self::Changes, ResumeError>> + Send;

    /// What happened lately, oldest first, and what happens from then on.
    fn events(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>);

    /// Bindings of addresses that begin, end, or are proved otherwise from now on.
    fn bindings(&self) -> broadcast::Receiver<v1::AddressBinding>;

    /// The clock of [`Request::Wait`]'s deadline.
    fn now(&self) -> Millis;
}

/// A stream of changes.
pub trait Changes: Send + 'static {
    /// The next change; safe to drop at any await.
    fn next(&mut self) -> impl Future<Output = Result<Arc<Change>, WatchEnd>> + Send;
}

impl Backend for Handle {
    type Changes = Watch;

    async fn request(&self, caller: Caller, request: Request) -> Result<Reply, Refusal> {
        Handle::request(self, caller, request).await
    }

    async fn snapshot(&self, caller: Caller) -> Result<(Vec<v1::Resource>, u64, Watch), Refusal> {
        let Snapshot { resources, revision, changes } = Handle::snapshot(self, caller).await?;
        Ok((resources, revision, changes))
    }

    async fn resume(&self, caller: Caller, after_revision: u64) -> Result<Watch, ResumeError> {
        Handle::resume(self, caller, after_revision).await
    }

    fn events(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>) {
        Handle::events(self)
    }

    fn bindings(&self) -> broadcast::Receiver<v1::AddressBinding> {
        Handle::bindings(self)
    }

    fn now(&self) -> Millis {
        Handle::now(self)
    }
}

impl Changes for Watch {
    async fn next(&mut self) -> Result<Arc<Change>, WatchEnd> {
        Watch::next(self).await
    }
}
