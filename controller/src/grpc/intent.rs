//! `IntentService`: whole documents, watches, waiting for switches.

use std::sync::Arc;
use std::time::Duration;

use brain::{Caller, Refusal, RefusalKind, Reply, Request, Violation};
use proto::v1;
use proto::v1::intent_service_server::IntentService;
use proto::v1::watch_response::Item;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::Face;
use super::backend::{Backend, Changes};
use super::refusal::{detail_bytes, mismatch, status};
use crate::doc::{resource_of, shape};
use crate::handle::{Change, Changed, ResumeError, WatchEnd};

/// A quiet watch says so this often: a client sees that the line is alive, and where to resume from.
const BOOKMARK_EVERY: Duration = Duration::from_secs(10);
/// Answers that wait for a slow watcher; beyond them the daemon's own bound holds.
const WATCH_QUEUE: usize = 64;
/// `WaitInstalledRequest.timeout_ms` where none is given.
const WAIT_DEFAULT_MS: u32 = 10_000;

#[tonic::async_trait]
impl<B: Backend> IntentService for Face<B> {
    async fn apply(&self, request: tonic::Request<v1::ApplyRequest>) -> Result<Response<v1::ApplyResponse>, Status> {
        let bytes = detail_bytes(request.metadata());
        let asked = Request::Apply(request.into_inner());
        match self.backend.request(Caller::administrator(), asked).await {
            Ok(Reply::Applied(response)) => Ok(Response::new(response)),
            Ok(other) => Err(mismatch("Apply", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }

    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn watch(&self, request: tonic::Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let bytes = detail_bytes(request.metadata());
        let v1::WatchRequest { after_revision, kinds, tenant } = request.into_inner();
        let filter = Filter::new(kinds, tenant).map_err(|refusal| status(&refusal, bytes))?;
        let caller = Caller::administrator();
        let (sender, receiver) = mpsc::channel(WATCH_QUEUE);
        let stop = self.stop.clone();
        let (first, seen, changes) = match after_revision {
            Some(after) => {
                let resumed = self.backend.resume(caller, after).await;
                (None, after, resumed.map_err(|error| not_resumed(&error, bytes))?)
            }
            None => {
                let (resources, revision, changes) =
                    self.backend.snapshot(caller).await.map_err(|refusal| status(&refusal, bytes))?;
                (Some(resources), revision, changes)
            }
        };
        let watcher = Watcher { filter, seen, sender };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => watcher.end(Status::unavailable("the controller is stopping")).await,
                () = watcher.run(first, changes) => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn wait_installed(
        &self,
        request: tonic::Request<v1::WaitInstalledRequest>,
    ) -> Result<Response<v1::WaitInstalledResponse>, Status> {
        let bytes = detail_bytes(request.metadata());
        let v1::WaitInstalledRequest { revision, timeout_ms } = request.into_inner();
        let timeout_ms = if timeout_ms == 0 { WAIT_DEFAULT_MS } else { timeout_ms };
        let deadline = after_ms(self.backend.now(), timeout_ms);
        let answer = self.backend.request(Caller::administrator(), Request::Wait { revision, deadline }).await;
        match answer {
            Ok(Reply::Waited(response)) => Ok(Response::new(response)),
            Ok(other) => Err(mismatch("WaitInstalled", &other)),
            Err(refusal) => Err(status(&refusal, bytes)),
        }
    }
}

fn after_ms(now: brain::Millis, ms: u32) -> brain::Millis {
    now.after_ms(ms.into())
}

fn not_resumed(error: &ResumeError, bytes: usize) -> Status {
    match error {
        ResumeError::TooOld(old) => Status::out_of_range(format!("{old}: watch anew, without after_revision")),
        ResumeError::Refused(refusal) => status(refusal, bytes),
    }
}

/// What a watcher wants to hear of.
struct Filter {
    kinds: Vec<String>,
    tenant: String,
}

impl Filter {
    fn new(kinds: Vec<String>, tenant: String) -> Result<Filter, Refusal> {
        let wrong = |(at, name): (usize, &String)| {
            let known = shape::kinds().iter().map(|kind| kind.singular.as_str());
            if known.clone().any(|known| known == name) {
                return None;
            }
            let message = format!("there is no kind {name:?}; known: {}", known.collect::<Vec<_>>().join(", "));
            Some(Violation { path: format!("kinds[{at}]"), message })
        };
        let violations: Vec<Violation> = kinds.iter().enumerate().filter_map(wrong).collect();
        match violations.is_empty() {
            true => Ok(Filter { kinds, tenant }),
            false => Err(Refusal { kind: RefusalKind::Invalid, violations }),
        }
    }

    /// A tenant's watcher hears of global resources too: its own stand on them.
    fn wants(&self, kind: &str, tenant: &str) -> bool {
        let kind_wanted = self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind);
        kind_wanted && (self.tenant.is_empty() || tenant.is_empty() || self.tenant == tenant)
    }

    fn wants_resource(&self, resource: &v1::Resource) -> bool {
        let Some((kind, message)) = resource_of(resource) else { return false };
        let meta = message.get_field_by_name("meta");
        let tenant = meta.as_ref().and_then(|meta| meta.as_message()?.get_field_by_name("tenant"));
        self.wants(&kind.singular, tenant.as_ref().and_then(|tenant| tenant.as_str()).unwrap_or_default())
    }
}

type Sender = mpsc::Sender<Result<v1::WatchResponse, Status>>;

/// The task behind one watch.
struct Watcher {
    filter: Filter,
    /// Everything up to here has been told.
    seen: u64,
    sender: Sender,
}

/// The client has gone.
struct Gone;

impl Watcher {
    async fn run(&self, first: Option<Vec<v1::Resource>>, mut changes: impl Changes) {
        let mut seen = self.seen;
        // Both ways of ending are seen by the client: its stream closes, or says why.
        if let Some(resources) = first
            && self.snapshot(resources).await.is_err()
        {
            return;
        }
        let mut bookmark = Instant::now() + BOOKMARK_EVERY;
        loop {
            let next = tokio::select! {
                next = changes.next() => next,
                () = sleep_until(bookmark) => {
                    if self.send(seen, Item::Bookmark(true)).await.is_err() {
                        return;
                    }
                    bookmark = Instant::now() + BOOKMARK_EVERY;
                    continue;
                }
                () = self.sender.closed() => return,
            };
            match next {
                Ok(change) => match self.tell(&change).await {
                    Ok(told) => {
                        seen = change.revision;
                        if told {
                            bookmark = Instant::now() + BOOKMARK_EVERY;
                        }
                    }
                    Err(Gone) => return,
                },
                Err(end) => return self.end(ended(end, seen)).await,
            }
        }
    }

    async fn snapshot(&self, resources: Vec<v1::Resource>) -> Result<(), Gone> {
        for resource in resources {
            if self.filter.wants_resource(&resource) {
                self.send(self.seen, Item::Changed(resource)).await?;
            }
        }
        self.send(self.seen, Item::Synced(true)).await
    }

    /// Tells a change; false: the watcher doesn't want to hear of it.
    async fn tell(&self, change: &Arc<Change>) -> Result<bool, Gone> {
        let item = match &change.what {
            Changed::Set(resource) if self.filter.wants_resource(resource) => Item::Changed((**resource).clone()),
            Changed::Deleted(gone) if self.filter.wants(&gone.kind, &gone.tenant) => Item::Deleted(gone.clone()),
            Changed::Set(_) | Changed::Deleted(_) => return Ok(false),
        };
        self.send(change.revision, item).await.map(|()| true)
    }

    async fn send(&self, revision: u64, item: Item) -> Result<(), Gone> {
        self.sender.send(Ok(v1::WatchResponse { revision, item: Some(item) })).await.map_err(|_| Gone)
    }

    async fn end(&self, status: Status) {
        // If the client has gone there is nobody to tell.
        let _ = self.sender.send(Err(status)).await;
    }
}

fn ended(end: WatchEnd, seen: u64) -> Status {
    match end {
        WatchEnd::Lagged { .. } => Status::aborted(format!("{end}: {seen}")),
        WatchEnd::Stopping => Status::unavailable(end.to_string()),
    }
}
