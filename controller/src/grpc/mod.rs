//! The northbound contract over gRPC: every service on one port, with reflection and health.
//!
//! This face judges nothing: it turns calls into the brain's requests and refusals into statuses. It only checks what the core
//! can't see: the form of update masks and filters.

mod backend;
mod intent;
mod kinds;
mod mask;
mod operation;
mod refusal;

use std::net::SocketAddr;
use std::time::Duration;

use proto::v1;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::descriptors::Faults;

pub use backend::{Backend, Changes};
pub use refusal::DETAIL_BYTES;

/// The longest message that is taken: a document of many thousand resources.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// A client that doesn't answer this often is given up.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Calls that one connection may have open.
const STREAMS_MAX: u32 = 1024;

/// Why gRPC does not start.
#[derive(Debug, Error)]
pub enum GrpcError {
    /// An address to listen on.
    #[error("cannot listen for gRPC on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// The contract's descriptors can't be reflected.
    #[error("reflection: {0}")]
    Reflection(String),
}

/// The services: one value for all of them.
struct Face<B> {
    backend: B,
    stop: CancellationToken,
}

/// Addresses that are bound and do not answer yet.
pub struct Bound {
    listeners: Vec<TcpListener>,
}

/// Servers that run.
pub struct Grpc {
    addresses: Vec<SocketAddr>,
    tasks: TaskTracker,
}

/// Binds every address. Whether an address may be bound at all is for the caller to know.
pub async fn bind(listen: &[SocketAddr]) -> Result<Bound, GrpcError> {
    let mut listeners = Vec::new();
    for &address in listen {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.map_err(|source| GrpcError::Listen { address, source })?);
    }
    Ok(Bound { listeners })
}

impl Bound {
    /// Serves until `stop` is cancelled.
    pub async fn serve<B: Backend>(self, backend: B, stop: CancellationToken) -> Result<Grpc, GrpcError> {
        let routes = routes(backend, stop.clone()).await?;
        let addresses = self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let tasks = TaskTracker::new();
        for listener in self.listeners {
            let server = Server::builder()
                .http2_keepalive_interval(Some(KEEPALIVE))
                .max_concurrent_streams(Some(STREAMS_MAX))
                .add_routes(routes.clone());
            let stop = stop.clone();
            let (accepted, incoming) = mpsc::channel(1);
            tasks.spawn(accept(listener, accepted));
            tasks.spawn(async move {
                let incoming = ReceiverStream::new(incoming);
                if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await {
                    tracing::error!("gRPC ended: {error}");
                }
            });
        }
        Ok(Grpc { addresses, tasks })
    }
}

/// Accepts until nobody takes the connections any more. The server itself would try again without a pause.
async fn accept(listener: TcpListener, accepted: mpsc::Sender<std::io::Result<TcpStream>>) {
    let mut faults = Faults::of("gRPC connection");
    loop {
        let next = tokio::select! {
            next = listener.accept() => next,
            () = accepted.closed() => return,
        };
        match next {
            Ok((stream, _)) => {
                no_delay(&stream);
                if accepted.send(Ok(stream)).await.is_err() {
                    return;
                }
            }
            Err(error) => faults.after(&error).await,
        }
    }
}

/// Small answers shall not wait for more of them.
fn no_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY: {error}");
    }
}

impl Grpc {
    /// Where it listens: a port 0 has become a number.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until all servers have ended; they end when `stop` is cancelled.
    pub async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn routes<B: Backend>(backend: B, stop: CancellationToken) -> Result<Routes, GrpcError> {
    let (health, health_server) = tonic_health::server::health_reporter();
    let face = std::sync::Arc::new(Face { backend, stop });
    let mut routes = Routes::default();
    macro_rules! add {
        ($($module:ident::$server:ident,)*) => {$(
            let server = v1::$module::$server::from_arc(std::sync::Arc::clone(&face));
            let server = server.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX);
            health.set_serving::<v1::$module::$server<Face<B>>>().await;
            routes = routes.add_service(server);
        )*};
    }
    add!(
        chassis_service_server::ChassisServiceServer,
        fabric_service_server::FabricServiceServer,
        network_service_server::NetworkServiceServer,
        subnet_service_server::SubnetServiceServer,
        router_service_server::RouterServiceServer,
        port_service_server::PortServiceServer,
        delegation_service_server::DelegationServiceServer,
        renumbering_service_server::RenumberingServiceServer,
        security_group_service_server::SecurityGroupServiceServer,
        address_group_service_server::AddressGroupServiceServer,
        anycast_service_service_server::AnycastServiceServiceServer,
        exposure_service_server::ExposureServiceServer,
        trunk_service_server::TrunkServiceServer,
        floating_ip_service_server::FloatingIpServiceServer,
        prefix_mapping_service_server::PrefixMappingServiceServer,
        translator_service_server::TranslatorServiceServer,
        intent_service_server::IntentServiceServer,
        operation_service_server::OperationServiceServer,
    );
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let wrong = |error: tonic_reflection::server::Error| GrpcError::Reflection(error.to_string());
    let routes = routes
        .add_service(health_server)
        .add_service(reflection().build_v1().map_err(wrong)?)
        .add_service(reflection().build_v1alpha().map_err(wrong)?);
    Ok(routes.prepare())
}
