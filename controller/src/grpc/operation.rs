//! `OperationService`: events, the flows that are wanted, what they do to a packet, and who holds which address.

use std::pin::Pin;

use brain::{Caller, Reply, Request};
use proto::v1;
use proto::v1::operation_service_server::OperationService;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::Face;
use super::backend::Backend;
use super::refusal::{detail_bytes, mismatch, status};

/// Events that wait for a slow watcher.
const EVENT_QUEUE: usize = 64;

#[tonic::async_trait]
impl<B: Backend> OperationService for Face<B> {
    type EventsStream = ReceiverStream<Result<v1::Event, Status>>;

    async fn events(&self, request: tonic::Request<v1::EventsRequest>) -> Result<Response<Self::EventsStream>, Status> {
        let v1::EventsRequest { tenant, watch } = request.into_inner();
        let (past, live) = self.backend.events();
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let follow = follow(tenant, past, watch.then_some(live), &sender);
            tokio::select! {
                () = stop.cancelled() => {
                    // If the client has gone there is nobody to tell.
                    let _ = sender.send(Err(Status::unavailable("the controller is stopping"))).await;
                }
                () = follow => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type FlowsStream = Pin<Box<dyn Stream<Item = Result<v1::FlowRow, Status>> + Send>>;

    async fn flows(&self, request: tonic::Request<v1::FlowsRequest>) -> Result<Response<Self::FlowsStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Flows(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Flows(rows)) => Ok(Response::new(Box::pin(tokio_stream::iter(rows.into_iter().map(Ok))))),
            Ok(other) => Err(mismatch("Flows", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    async fn trace(&self, request: tonic::Request<v1::TraceRequest>) -> Result<Response<v1::TraceResponse>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Trace(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Traced(response)) => Ok(Response::new(response)),
            Ok(other) => Err(mismatch("Trace", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    type BindingsStream = Pin<Box<dyn Stream<Item = Result<v1::AddressBinding, Status>> + Send>>;

    async fn bindings(
        &self,
        request: tonic::Request<v1::BindingsRequest>,
    ) -> Result<Response<Self::BindingsStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let wanted = request.into_inner();
        // Before what is there is read, so that nothing is missed between.
        let live = wanted.watch.then(|| self.backend.bindings());
        let all = match self.backend.request(Caller::administrator(), Request::Bindings(wanted.clone())).await {
            Ok(Reply::Bindings(all)) => all,
            Ok(other) => return Err(mismatch("Bindings", &other)),
            Err(refusal) => return Err(status(&refusal, bytes)),
        };
        let Some(live) = live else {
            return Ok(Response::new(Box::pin(tokio_stream::iter(all.into_iter().map(Ok)))));
        };
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {
                    // If the client has gone there is nobody to tell.
                    let _ = sender.send(Err(Status::unavailable("the controller is stopping"))).await;
                }
                () = follow_bindings(wanted, all, live, &sender) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    type LeasesStream = Pin<Box<dyn Stream<Item = Result<v1::Lease, Status>> + Send>>;

    async fn leases(&self, request: tonic::Request<v1::LeasesRequest>) -> Result<Response<Self::LeasesStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Leases(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Leases(all)) => Ok(Response::new(Box::pin(tokio_stream::iter(all.into_iter().map(Ok))))),
            Ok(other) => Err(mismatch("Leases", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    type ListenersStream = Pin<Box<dyn Stream<Item = Result<v1::Listener, Status>> + Send>>;

    async fn listeners(
        &self,
        request: tonic::Request<v1::ListenersRequest>,
    ) -> Result<Response<Self::ListenersStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Listeners(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Listeners(all)) => Ok(Response::new(Box::pin(tokio_stream::iter(all.into_iter().map(Ok))))),
            Ok(other) => Err(mismatch("Listeners", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    type DropsStream = Pin<Box<dyn Stream<Item = Result<v1::DropCount, Status>> + Send>>;

    async fn drops(&self, request: tonic::Request<v1::DropsRequest>) -> Result<Response<Self::DropsStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Drops(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Drops(all)) => Ok(Response::new(Box::pin(tokio_stream::iter(all.into_iter().map(Ok))))),
            Ok(other) => Err(mismatch("Drops", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    type LinksStream = Pin<Box<dyn Stream<Item = Result<v1::Link, Status>> + Send>>;

    async fn links(&self, request: tonic::Request<v1::LinksRequest>) -> Result<Response<Self::LinksStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Links(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Links(all)) => Ok(Response::new(Box::pin(tokio_stream::iter(all.into_iter().map(Ok))))),
            Ok(other) => Err(mismatch("Links", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    async fn drain(&self, request: tonic::Request<v1::DrainRequest>) -> Result<Response<v1::Chassis>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Drain(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Resource(resource)) => match resource.kind {
                Some(v1::resource::Kind::Chassis(chassis)) => Ok(Response::new(chassis)),
                _ => Err(Status::internal("the brain answered for another kind")),
            },
            Ok(other) => Err(mismatch("Drain", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }
}

/// Tells who holds addresses, and then what changes of it as long as the client listens. One that lags is told so, and ends.
async fn follow_bindings(
    wanted: v1::BindingsRequest,
    all: Vec<v1::AddressBinding>,
    mut live: broadcast::Receiver<v1::AddressBinding>,
    sender: &mpsc::Sender<Result<v1::AddressBinding, Status>>,
) {
    let v1::BindingsRequest { tenant, port, address, .. } = wanted;
    let address: Option<std::net::IpAddr> = address.parse().ok();
    let is_wanted = |binding: &v1::AddressBinding| {
        (tenant.is_empty() || binding.tenant == tenant)
            && (port.is_empty() || format!("{}/{}", binding.tenant, binding.port) == port)
            && address.is_none_or(|address| binding.address.parse() == Ok(address))
    };
    for binding in all {
        if sender.send(Ok(binding)).await.is_err() {
            return;
        }
    }
    loop {
        let next = tokio::select! {
            next = live.recv() => next,
            () = sender.closed() => return,
        };
        let said = match next {
            Ok(binding) if is_wanted(&binding) => Ok(binding),
            Ok(_) => continue,
            Err(RecvError::Lagged(missed)) => {
                Err(Status::data_loss(format!("the watch was too slow for {missed} changes: begin anew")))
            }
            Err(RecvError::Closed) => return,
        };
        let ends = said.is_err();
        if sender.send(said).await.is_err() || ends {
            return;
        }
    }
}

type Sender = mpsc::Sender<Result<v1::Event, Status>>;

/// Tells what happened, and what happens as long as the client listens. One that lags sees a gap in the sequence numbers.
async fn follow(tenant: String, past: Vec<v1::Event>, live: Option<broadcast::Receiver<v1::Event>>, sender: &Sender) {
    // A tenant's listener hears of what belongs to nobody too: its resources stand on it.
    let wanted = |event: &v1::Event| tenant.is_empty() || event.tenant.is_empty() || event.tenant == tenant;
    for event in past.into_iter().filter(wanted) {
        if sender.send(Ok(event)).await.is_err() {
            return;
        }
    }
    let Some(mut live) = live else { return };
    loop {
        let next = tokio::select! {
            next = live.recv() => next,
            () = sender.closed() => return,
        };
        match next {
            Ok(event) if wanted(&event) => {
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
