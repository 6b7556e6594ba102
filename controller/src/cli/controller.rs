//! `sextant controller`: the daemon with its gRPC face, until a signal.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::config::{Listen, Settings, forwarder, gobgp, tcp, tcp_or_unix, unix};
use super::{Failure, output};
use crate::{daemon, descriptors, grpc};

/// Clients that still talk to us get this long when we stop.
const FAREWELL: Duration = Duration::from_secs(3);

/// Arguments of `controller`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A YAML file with these flags as keys (data_dir: ...); flags win.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the store lives; default /var/lib/sextant.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where switches connect to; may be repeated; default [::1]:6653 and 127.0.0.1:6653.
    #[arg(long, value_name = "HOST:PORT|unix:PATH", value_parser = tcp_or_unix)]
    openflow_listen: Vec<Listen>,
    /// A bridge's management socket to connect to; may be repeated.
    #[arg(long, value_name = "unix:PATH", value_parser = unix)]
    openflow_connect: Vec<PathBuf>,
    /// Where gRPC listens; may be repeated; default [::1]:6650 and 127.0.0.1:6650.
    #[arg(long, value_name = "HOST:PORT", value_parser = tcp)]
    grpc_listen: Vec<Listen>,
    /// Where /metrics and /healthz are; may be repeated; default [::1]:6680 and 127.0.0.1:6680.
    #[arg(long, value_name = "HOST:PORT", value_parser = tcp)]
    http_listen: Vec<Listen>,
    /// A resolver that answers what hosts ask of names that are not ours; may be repeated, port 53 where none is said.
    #[arg(long, value_name = "ADDRESS|ADDRESS:PORT", value_parser = forwarder)]
    dns_forwarder: Vec<SocketAddr>,
    /// The gRPC API of a gobgpd that tells routers upstream of what is exposed.
    #[arg(long, value_name = "HOST:PORT|unix:PATH", value_parser = gobgp)]
    gobgp: Option<String>,
    /// Allow plaintext on addresses that others reach.
    #[arg(long)]
    insecure: bool,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    log_to_stderr();
    descriptors::take_all_that_are_granted();
    let (config, grpc_listen) = settings(args).map_err(Failure::Refused)?.resolve().map_err(Failure::Refused)?;
    let failed = |error: &dyn std::error::Error| Failure::new(format!("the controller did not start: {error}"));
    let openflow_sockets: Vec<String> = config.openflow_listen.iter().filter_map(socket).collect();
    // Who has read that it is ready may stop it at once.
    let signals = daemon::Signals::caught().map_err(|error| failed(&error))?;
    // Addresses first: if one is taken, no switch has been touched.
    let bound = grpc::bind(&grpc_listen).await.map_err(|error| failed(&error))?;
    let daemon = daemon::run(config).await.map_err(|error| failed(&error))?;
    let grpc = match bound.serve(daemon.handle(), daemon.stop_token()).await {
        Ok(grpc) => grpc,
        Err(error) => {
            daemon.shutdown().await;
            return Err(failed(&error));
        }
    };
    let openflow = list(daemon.openflow_addresses()).chain(openflow_sockets).collect::<Vec<_>>().join(",");
    let http = list(daemon.http_addresses()).collect::<Vec<_>>().join(",");
    let northbound = list(grpc.addresses()).collect::<Vec<_>>().join(",");
    output::print(&format!("sextant controller ready: grpc {northbound} openflow {openflow} http {http}"))?;
    daemon.until(signals).await;
    if tokio::time::timeout(FAREWELL, grpc.ended()).await.is_err() {
        tracing::warn!("some gRPC clients did not hang up in {FAREWELL:?}");
    }
    Ok(())
}

fn list(addresses: &[SocketAddr]) -> impl Iterator<Item = String> {
    addresses.iter().map(ToString::to_string)
}

fn socket(address: &crate::openflow::ListenAddr) -> Option<String> {
    matches!(address, crate::openflow::ListenAddr::Unix(_)).then(|| address.to_string())
}

fn settings(args: Args) -> Result<Settings, Vec<String>> {
    let config = args.config;
    let flags = Settings {
        data_dir: args.data_dir,
        openflow_listen: args.openflow_listen,
        openflow_connect: args.openflow_connect,
        grpc_listen: args.grpc_listen,
        http_listen: args.http_listen,
        dns_forwarder: args.dns_forwarder,
        gobgp: args.gobgp,
        insecure: args.insecure,
    };
    let Some(file) = config else { return Ok(flags) };
    let text = std::fs::read_to_string(&file);
    let text = text.map_err(|error| vec![format!("cannot read {}: {error}", file.display())])?;
    Ok(flags.or(Settings::read(&file, &text)?))
}

/// `RUST_LOG` says how much; without it, what an operator wants to know.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Only fails where a test has set another one up already.
    let _ = logs.try_init();
}
