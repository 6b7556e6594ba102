//! Where connections come from: TCP and unix sockets that switches connect to, and bridges' sockets that are dialled.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::run;
use crate::daemon::Shared;
use crate::descriptors::Faults;

/// Waits between attempts to dial: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// A session that lasted this long was a success: the next attempt waits as little as the first.
const SETTLED: Duration = Duration::from_secs(5);

/// Where switches may connect to: `tcp:[::1]:6653`, `unix:/run/sextant.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// A TCP address and port.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no address to listen on: tcp:[ADDRESS]:PORT or unix:PATH is")]
pub struct BadListenAddr(pub String);

impl FromStr for ListenAddr {
    type Err = BadListenAddr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadListenAddr(text.to_owned());
        match text.split_once(':') {
            Some(("tcp", address)) => address.parse().map(ListenAddr::Tcp).map_err(|_| bad()),
            Some(("unix", path)) if !path.is_empty() => Ok(ListenAddr::Unix(PathBuf::from(path))),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Tcp(address) => write!(f, "tcp:{address}"),
            ListenAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound address that does not accept yet.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }
}

/// Binds an address. A unix socket that a dead process left behind is replaced; a living one is not.
pub(crate) async fn bind(address: &ListenAddr) -> std::io::Result<Listener> {
    match address {
        ListenAddr::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
        ListenAddr::Unix(path) => {
            if let Err(error) = UnixStream::connect(path).await
                && error.kind() == std::io::ErrorKind::ConnectionRefused
            {
                tokio::fs::remove_file(path).await?;
            }
            UnixListener::bind(path).map(|listener| Listener::Unix(listener, path.clone()))
        }
    }
}

/// Accepts until it is told to stop, then waits for its sessions to end.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>, stop: CancellationToken) {
    let sessions = TaskTracker::new();
    let mut faults = Faults::of("OpenFlow connection");
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &sessions, &shared, &stop) => accepted,
            () = stop.cancelled() => break,
        };
        if let Err(error) = accepted {
            shared.metrics.session_faults.get_or_create(&vec![("reason", "not_accepted".to_owned())]).inc();
            tokio::select! {
                () = faults.after(&error) => {}
                () = stop.cancelled() => break,
            }
        }
    }
    if let Listener::Unix(_, path) = &listener {
        // It may have been removed by others; there is nothing more to do.
        drop(tokio::fs::remove_file(path).await);
    }
    sessions.close();
    sessions.wait().await;
}

async fn accept_one(
    listener: &Listener,
    sessions: &TaskTracker,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> std::io::Result<()> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            if let Err(error) = stream.set_nodelay(true) {
                // It has gone again, and the session will see it.
                tracing::debug!("tcp:{peer}: TCP_NODELAY: {error}");
            }
            let (reader, writer) = stream.into_split();
            sessions.spawn(session(reader, writer, format!("tcp:{peer}"), Arc::clone(shared), stop.clone()));
        }
        Listener::Unix(listener, path) => {
            let (stream, _) = listener.accept().await?;
            let (reader, writer) = stream.into_split();
            let peer = format!("unix:{}", path.display());
            sessions.spawn(session(reader, writer, peer, Arc::clone(shared), stop.clone()));
        }
    }
    Ok(())
}

/// Keeps a connection to a bridge's socket until it is told to stop.
pub(crate) async fn dial(path: PathBuf, shared: Arc<Shared>, stop: CancellationToken) {
    let mut wait = RETRY_FIRST;
    let mut told = String::new();
    loop {
        let start = Instant::now();
        match UnixStream::connect(&path).await {
            Ok(stream) => {
                told.clear();
                let (reader, writer) = stream.into_split();
                session(reader, writer, peer(&path), Arc::clone(&shared), stop.clone()).await;
            }
            Err(error) => {
                // Once per kind of failure: a bridge that is away may be away for long.
                let error = error.to_string();
                if told != error {
                    tracing::info!("{}: {error}; trying again", peer(&path));
                    told = error;
                }
            }
        }
        if start.elapsed() >= SETTLED {
            wait = RETRY_FIRST;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => return,
        }
        wait = (wait * 2).min(RETRY_MAX);
    }
}

fn peer(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// One connection, if there is room for it.
pub(crate) async fn session<R, W>(reader: R, writer: W, peer: String, shared: Arc<Shared>, stop: CancellationToken)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let Ok(slot) = Arc::clone(&shared.sessions.slots).try_acquire_owned() else {
        tracing::warn!("{peer}: refused, there are too many OpenFlow connections");
        shared.metrics.session_faults.get_or_create(&vec![("reason", "too_many".to_owned())]).inc();
        return;
    };
    run(reader, writer, peer, shared, stop).await;
    drop(slot);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["tcp:[::1]:6653", "tcp:127.0.0.1:6653", "unix:/run/sextant/of.sock"] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
        }
        for text in ["", "tcp:6653", "[::1]:6653", "unix:", "ssl:[::1]:6653"] {
            assert_eq!(text.parse::<ListenAddr>(), Err(BadListenAddr(text.to_owned())));
        }
    }

    #[tokio::test]
    async fn a_dead_unix_socket_is_replaced_and_a_living_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let address = ListenAddr::Unix(directory.path().join("of.sock"));
        let alive = bind(&address).await.unwrap();
        assert!(bind(&address).await.is_err());
        drop(alive);
        assert!(bind(&address).await.is_ok());
    }
}
