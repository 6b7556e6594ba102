//! Starting and stopping: store, brain thread, OpenFlow, HTTP, in the order that keeps flows safe.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::openflow::ListenAddr;

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
}
