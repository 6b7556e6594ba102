//! Brain, store and sessions without threads, sockets and signals: what the daemon runs, and a simulation in virtual time.

use std::sync::Arc;

use brain::Event;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Clock, Keeper, Mind, Shared, mind};
use crate::handle::Handle;
use crate::openflow;
use crate::store::{Store, StoreError};

/// The controller's heart. It beats while its [`Workers`] run.
pub struct Core {
    pub(super) shared: Arc<Shared>,
    keeper: Keeper,
    stop: CancellationToken,
}

/// The two loops behind a [`Core`], to be run where the caller wants: on threads of their own, or in one runtime.
pub struct Workers<B, S> {
    /// The brain's. Ends when the core is stopped.
    pub brain: B,
    /// Done when the brain knows what the store holds: nothing is ever deleted for want of knowledge.
    pub ready: oneshot::Receiver<()>,
    /// The store's; it blocks while the store writes. Ends after the brain's, when the core is told that it has ended.
    pub store: S,
}

impl Core {
    /// Loads the store, which blocks, and puts a core together.
    pub fn new(
        store: Box<dyn Store>,
        mind: Box<dyn Mind>,
        clock: Clock,
    ) -> Result<(Core, Workers<impl Future<Output = ()> + Send, impl Future<Output = ()> + Send>), StoreError> {
        let content = store.load()?;
        let shared = Arc::new(Shared::new(content.revision, clock));
        let (keeper, keeping) = Keeper::new(store, Arc::clone(&shared));
        let loaded = Event::Loaded { revision: content.revision, entries: content.entries };
        let (told, ready) = oneshot::channel();
        let brain = mind::think(mind, loaded, told, Arc::clone(&shared), keeper.clone());
        Ok((Core { shared, keeper, stop: CancellationToken::new() }, Workers { brain, ready, store: keeping }))
    }

    /// A handle for northbound faces.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared), self.keeper.clone())
    }

    /// Cancelled when the core stops.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// One OpenFlow connection from its first byte to its last.
    pub fn session<R, W>(&self, reader: R, writer: W, peer: String) -> impl Future<Output = ()> + Send + use<R, W>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        openflow::session(reader, writer, peer, Arc::clone(&self.shared), self.stop.clone())
    }

    /// The metrics, as `/metrics` shows them.
    pub fn metrics(&self) -> String {
        self.shared.measure();
        self.shared.metrics.text()
    }

    /// No new work: open requests are refused, sessions close, the brain ends.
    pub fn stop(&self) {
        self.stop.cancel();
        self.shared.inbox.close();
        self.shared.requests.give_up();
    }

    /// The brain has ended: the store's worker ends when what it was asked for is done.
    pub fn brain_ended(&self) {
        self.keeper.stop();
    }
}
