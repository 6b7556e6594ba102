//! The client's side of gRPC: generated stubs for what has a shape of its own, and calls by descriptor for what every kind has.

use std::error::Error as _;
use std::time::Duration;

use brain::Violation;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use proto::v1::intent_service_client::IntentServiceClient;
use proto::v1::operation_service_client::OperationServiceClient;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::Failure;
use crate::grpc::{DETAIL_BYTES, MESSAGE_BYTES_MAX};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Refusals with this many bytes of reasons are taken.
const DETAILS: u32 = 4 << 20;
/// A line that is quiet for this long is asked whether it still lives.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A connection to a controller.
#[derive(Debug)]
pub(super) struct Client {
    channel: Channel,
}

impl Client {
    /// Connects; says which address does not answer, and which option names another.
    pub(super) async fn connect(server: &str) -> Result<Client, Failure> {
        if server.starts_with("https://") {
            return Err(Failure::Usage(format!("{server}: TLS is not known here; --server is http://HOST:PORT")));
        }
        let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let endpoint = Endpoint::from_shared(url)
            .map_err(|_| Failure::Usage(format!("{server} is no address: --server is http://HOST:PORT")))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_max_header_list_size(2 * DETAILS);
        let channel = endpoint.connect().await.map_err(|error| {
            let mut words = error.to_string();
            let mut cause = error.source();
            while let Some(deeper) = cause {
                words = deeper.to_string();
                cause = deeper.source();
            }
            let help = "is `sextant controller` running there? --server or SEXTANT_SERVER names another address";
            Failure::new(format!("cannot reach the controller at {server}: {words}; {help}"))
        })?;
        Ok(Client { channel })
    }

    /// `IntentService`.
    pub(super) fn intent(&self) -> IntentServiceClient<Channel> {
        IntentServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// `OperationService`.
    pub(super) fn operation(&self) -> OperationServiceClient<Channel> {
        OperationServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Calls a method that has one answer.
    pub(super) async fn call(
        &self,
        method: &MethodDescriptor,
        request: DynamicMessage,
    ) -> Result<DynamicMessage, Status> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = grpc.unary(with_details(request), path, Described { output: method.output() }).await?;
        Ok(answer.into_inner())
    }
}

/// A request that is ready for every reason of a refusal.
pub(super) fn with_details<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(DETAIL_BYTES, DETAILS.into());
    request
}

/// A status' reasons, each with its path if it has one.
pub(super) fn reasons(status: &Status) -> Vec<Violation> {
    let detailed = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    if !detailed.is_empty() {
        return detailed.into_iter().map(|v| Violation { path: v.field, message: v.description }).collect();
    }
    let message = match (status.code(), status.message()) {
        (code, "") => code.description().to_owned(),
        (Code::Unimplemented, words) => format!("this controller does not know this request: {words}"),
        (_, words) => words.to_owned(),
    };
    vec![Violation { path: String::new(), message }]
}

/// A codec for messages that only their descriptors tell.
#[derive(Clone, Debug)]
struct Described {
    output: MessageDescriptor,
}

impl Codec for Described {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Described;
    type Decoder = Described;

    fn encoder(&mut self) -> Described {
        self.clone()
    }

    fn decoder(&mut self) -> Described {
        self.clone()
    }
}

impl Encoder for Described {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(buf).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Described {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.output.clone(), buf);
        message.map(Some).map_err(|error| Status::internal(format!("the answer can't be read: {error}")))
    }
}
