//! Starting and stopping: store, brain thread, OpenFlow, HTTP, in the order that keeps flows safe.
//!
//! No switch is talked to before the store is loaded, so that nothing is ever deleted for want of knowledge; and stopping
//! leaves the switches' flows as they are.

mod bgp;
mod bgp_wire;
mod clock;
mod control;
mod core;
mod databases;
mod happenings;
mod inbox;
mod keeper;
mod mind;
mod packets;
mod requests;
mod resolver;
mod watches;

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use brain::Brain;
use prometheus_client::metrics::gauge::Gauge;
use proto::v1;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::core::{Core, Workers};
pub use clock::Clock;
pub(crate) use control::Held;
pub(crate) use inbox::Room;
#[cfg(test)]
pub(crate) use inbox::Taken;
pub(crate) use keeper::Keeper;
pub use mind::Mind;

use crate::handle::Handle;
use crate::http;
use crate::metrics::Metrics;
use crate::openflow::{self, ListenAddr, Sessions};
use crate::store::{Embedded, Store, StoreError};

/// The process's exit code when the brain's or the store's thread panics: what was acknowledged is in the store.
pub const EXIT_PANIC: i32 = 70;

/// How long sessions and HTTP clients may hold up a stop.
const TASKS_END_MAX: Duration = Duration::from_secs(5);
/// Bindings of addresses that a watcher may lag behind.
const BINDINGS_LAG_MAX: usize = 8192;

/// What the daemon is told at its start.
#[derive(Clone, Debug)]
pub struct DaemonConfig {
    /// Where the store lives; made if it is not there. One controller at a time.
    pub data_dir: PathBuf,
    /// Where switches connect to.
    pub openflow_listen: Vec<ListenAddr>,
    /// Unix sockets that the daemon connects to, such as a bridge's `.mgmt`; retried for ever.
    pub openflow_connect: Vec<PathBuf>,
    /// Where `/metrics` and `/healthz` are served.
    pub http_listen: Vec<SocketAddr>,
    /// The resolvers that answer what hosts ask of names that are not ours; none: nobody does.
    pub dns_forwarders: Vec<SocketAddr>,
    /// The URI of the gRPC API of the gobgpd that speaks to routers upstream, `http:` or `unix:`; none: nobody does.
    pub gobgp: Option<String>,
}

/// A running daemon.
pub struct Daemon {
    core: Core,
    tasks: TaskTracker,
    brain_thread: JoinHandle<()>,
    store_thread: JoinHandle<()>,
    openflow_addresses: Vec<SocketAddr>,
    http_addresses: Vec<SocketAddr>,
}

/// What the daemon's parts share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) inbox: inbox::Inbox,
    pub(crate) requests: Arc<requests::Requests>,
    pub(crate) watches: watches::Watches,
    pub(crate) happenings: happenings::Happenings,
    /// Who watches bindings of addresses.
    pub(crate) bindings: broadcast::Sender<v1::AddressBinding>,
    pub(crate) metrics: Metrics,
    pub(crate) resolver: resolver::Resolver,
    pub(crate) bgp: bgp::Bgp,
    pub(crate) databases: databases::Databases,
    pub(crate) sessions: Sessions,
    /// When the brain began with its present event, by its clock; 0: it waits.
    thinking_since_ms: AtomicU64,
}

/// Why the daemon did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address to listen on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Threads and signals.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The operating system's words.
        source: std::io::Error,
    },
}

/// Starts the daemon with its brain, on the embedded store. Must be called in a tokio runtime.
pub async fn run(config: DaemonConfig) -> Result<Daemon, StartError> {
    let data_dir = config.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || Embedded::open(&data_dir)).await;
    let store = opened.map_err(|source| system("opening the store", source.into()))??;
    run_with(config, Box::new(store), Box::new(Brain::with_mark(secret()))).await
}

/// Bytes that nobody can guess: of a hash that the operating system has given random keys.
fn secret() -> [u8; 16] {
    let half = || RandomState::new().hash_one(()).to_be_bytes();
    let mut secret = [0; 16];
    secret[..8].copy_from_slice(&half());
    secret[8..].copy_from_slice(&half());
    secret
}

/// Starts the daemon with another store or mind: for tests.
pub async fn run_with(config: DaemonConfig, store: Box<dyn Store>, mind: Box<dyn Mind>) -> Result<Daemon, StartError> {
    // Addresses first: if one is taken, nothing has happened yet. They accept when the store is loaded.
    let mut openflow_listeners = Vec::new();
    for address in &config.openflow_listen {
        let listener = openflow::bind(address).await;
        openflow_listeners.push(listener.map_err(|source| listen(address, source))?);
    }
    let mut http_listeners = Vec::new();
    for address in &config.http_listen {
        http_listeners.push(TcpListener::bind(address).await.map_err(|source| listen(address, source))?);
    }
    let openflow_addresses = openflow_listeners.iter().filter_map(openflow::Listener::tcp_address).collect();
    let http_addresses = http_listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();

    let assembled = tokio::task::spawn_blocking(move || Core::new(store, mind, Clock::start())).await;
    let (core, workers) = assembled.map_err(|source| system("loading the store", source.into()))??;
    let store_thread = start("store", workers.store)?;
    let brain_thread = start("brain", workers.brain)?;
    // Fails only if the thread panicked, which ends the process.
    drop(workers.ready.await);

    let daemon =
        Daemon { core, tasks: TaskTracker::new(), brain_thread, store_thread, openflow_addresses, http_addresses };
    let (shared, stop) = (&daemon.core.shared, daemon.core.stop_token());
    daemon.tasks.spawn(resolver::open(config.dns_forwarders, shared, stop.clone()));
    daemon.tasks.spawn(bgp::serve(config.gobgp, Arc::clone(shared), stop.clone()));
    daemon.tasks.spawn(databases::serve(Arc::clone(shared), stop.clone()));
    for listener in http_listeners {
        daemon.tasks.spawn(http::serve(listener, Arc::clone(shared), stop.clone()));
    }
    for listener in openflow_listeners {
        daemon.tasks.spawn(openflow::accept(listener, Arc::clone(shared), stop.clone()));
    }
    for path in config.openflow_connect {
        daemon.tasks.spawn(openflow::dial(path, Arc::clone(shared), stop.clone()));
    }
    Ok(daemon)
}

/// The signals that stop the daemon: from when they are caught on, they no longer end the process where it stands.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches SIGTERM and SIGINT from now on. Must be called in a tokio runtime.
    pub fn caught() -> Result<Signals, StartError> {
        let catch = |kind| signal(kind).map_err(|source| system("waiting for signals", source));
        Ok(Signals { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }
}

impl Daemon {
    /// A handle for northbound faces.
    pub fn handle(&self) -> Handle {
        self.core.handle()
    }

    /// Cancelled when the daemon stops; servers beside it may wait for it.
    pub fn stop_token(&self) -> CancellationToken {
        self.core.stop_token()
    }

    /// The TCP addresses that switches connect to: a port 0 has become a number.
    pub fn openflow_addresses(&self) -> &[SocketAddr] {
        &self.openflow_addresses
    }

    /// The addresses of HTTP: a port 0 has become a number.
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http_addresses
    }

    /// Runs until one of the signals comes, then stops.
    pub async fn until(self, mut signals: Signals) {
        let stop = self.core.stop_token();
        let name = tokio::select! {
            _ = signals.terminate.recv() => "SIGTERM",
            _ = signals.interrupt.recv() => "SIGINT",
            () = stop.cancelled() => "a request",
        };
        tracing::info!("stopping on {name}; the switches keep their flows");
        self.shutdown().await;
    }

    /// Stops: no new work, open requests are refused, writes that are on their way reach the disk, sessions close.
    pub async fn shutdown(self) {
        let Daemon { core, tasks, brain_thread, store_thread, .. } = self;
        core.stop();
        tasks.close();
        if timeout(TASKS_END_MAX, tasks.wait()).await.is_err() {
            tracing::warn!("{} tasks did not end in time", tasks.len());
        }
        let joined = tokio::task::spawn_blocking(move || {
            // A panic in those threads has ended the process already.
            drop(brain_thread.join());
            core.brain_ended();
            drop(store_thread.join());
        });
        drop(joined.await);
    }
}

impl Shared {
    pub(crate) fn new(revision: u64, clock: Clock) -> Shared {
        let metrics = Metrics::default();
        metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        Shared {
            clock,
            inbox: inbox::Inbox::default(),
            requests: Arc::default(),
            watches: watches::Watches::new(revision),
            happenings: happenings::Happenings::default(),
            bindings: broadcast::Sender::new(BINDINGS_LAG_MAX),
            metrics,
            resolver: resolver::Resolver::default(),
            bgp: bgp::Bgp::default(),
            databases: databases::Databases::default(),
            sessions: Sessions::default(),
            thinking_since_ms: AtomicU64::new(0),
        }
    }

    /// How long the brain has been thinking about its present event.
    pub(crate) fn thinking_ms(&self) -> u64 {
        match self.thinking_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since => self.clock.now().0.saturating_sub(since),
        }
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        let lengths = self.inbox.lengths();
        let gauge = |queue: &str, length: usize| {
            let gauge: &Gauge = &self.metrics.queue_length.get_or_create(&vec![("queue", queue.to_owned())]);
            gauge.set(i64::try_from(length).unwrap_or(i64::MAX));
        };
        gauge("answers", lengths.answers);
        gauge("control", lengths.control);
        gauge("packets", lengths.packets);
        gauge("requests", self.requests.len());
        self.metrics.sessions.set(i64::try_from(self.sessions.len()).unwrap_or(i64::MAX));
    }
}

/// Runs a worker on a thread of its own: it waits for no network task, and none for it.
fn start(name: &'static str, worker: impl Future<Output = ()> + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let failed = |source| system("starting a thread", source);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    let body = move || guarded(name, || runtime.block_on(worker));
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(failed)
}

/// Runs a thread that the daemon can't live without: a panic ends the process, and whoever supervises it starts it anew.
fn guarded(what: &str, body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        tracing::error!("the {what}'s thread panicked: ending the process; what was acknowledged is in the store");
        std::process::exit(EXIT_PANIC);
    }
}

fn listen(address: &impl ToString, source: std::io::Error) -> StartError {
    StartError::Listen { address: address.to_string(), source }
}

fn system(what: &'static str, source: std::io::Error) -> StartError {
    StartError::System { what, source }
}
