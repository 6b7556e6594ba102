//! A backend in memory: it keeps what is applied, refuses what names a network that isn't there, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use brain::{Caller, Millis, Refusal, RefusalKind, Reply, Request, Violation};
use controller::doc::{resource_of, shape};
use controller::grpc::{self, Backend, Changes, Grpc};
use controller::handle::{Change, Changed, ResumeError, TooOld, WatchEnd};
use prost_reflect::{DynamicMessage, Value};
use proto::v1;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

type Key = (String, String, String);

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) changes: broadcast::Sender<Arc<Change>>,
    pub(crate) events: broadcast::Sender<v1::Event>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) revision: u64,
    pub(crate) resources: BTreeMap<Key, v1::Resource>,
    pub(crate) asked: Vec<Request>,
    /// Resources in a page; 0: all.
    pub(crate) page: usize,
    /// Chassis that never confirm.
    pub(crate) waiting_for: Vec<String>,
    pub(crate) flows: Vec<v1::FlowRow>,
    pub(crate) past: Vec<v1::Event>,
    pub(crate) log: Vec<Arc<Change>>,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake { state: Arc::default(), changes: broadcast::channel(16).0, events: broadcast::channel(16).0 }
    }
}

/// A server that ends with the test.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) grpc: Grpc,
}

impl Served {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Fake {
    /// Serves on a free port of [::1].
    pub(crate) async fn serve(&self) -> Served {
        let stop = CancellationToken::new();
        let bound = grpc::bind(&["[::1]:0".parse().unwrap()]).await.unwrap();
        let grpc = bound.serve(self.clone(), stop.clone()).await.unwrap();
        Served { address: grpc.addresses()[0], stop, grpc }
    }

    /// The last request.
    pub(crate) fn last(&self) -> Request {
        self.state.lock().unwrap().asked.last().unwrap().clone()
    }

    /// Puts a resource in and tells watchers.
    pub(crate) fn put(&self, resource: v1::Resource) -> v1::Resource {
        let (key, mut resource) = keyed(resource, "default");
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        set_revision(&mut resource, state.revision);
        state.resources.insert(key, resource.clone());
        let change = Arc::new(Change { revision: state.revision, what: Changed::Set(Box::new(resource.clone())) });
        state.log.push(Arc::clone(&change));
        let _ = self.changes.send(change);
        resource
    }

    pub(crate) fn delete(&self, kind: &str, tenant: &str, name: &str) -> bool {
        let mut state = self.state.lock().unwrap();
        let gone = state.resources.remove(&(kind.to_owned(), tenant.to_owned(), name.to_owned())).is_some();
        if gone {
            state.revision += 1;
            let resource = change(kind, tenant, name, v1::Change::Deleted);
            let change = Arc::new(Change { revision: state.revision, what: Changed::Deleted(resource) });
            state.log.push(Arc::clone(&change));
            let _ = self.changes.send(change);
        }
        gone
    }

    fn apply(&self, request: &v1::ApplyRequest) -> Result<Reply, Refusal> {
        let many = request.documents.len() > 1;
        let (mut violations, mut all) = (Vec::new(), Vec::new());
        let listed = request.documents.iter().flat_map(|document| &document.networks);
        let mut networks: Vec<String> = listed.filter_map(|n| Some(n.meta.as_ref()?.name.clone())).collect();
        networks.extend(self.state.lock().unwrap().resources.keys().map(|(_, _, name)| name.clone()));
        for (at, document) in request.documents.iter().enumerate() {
            let prefix = if many { format!("documents[{at}].") } else { String::new() };
            for (at, port) in document.ports.iter().enumerate() {
                let network = &port.spec.as_ref().unwrap().network;
                if !networks.contains(network) {
                    let path = format!("{prefix}ports[{at}].network");
                    violations.push(Violation { path, message: format!("there is no network {network:?}") });
                }
            }
            all.extend(resources(document));
        }
        if !violations.is_empty() {
            return Err(Refusal { kind: RefusalKind::Invalid, violations });
        }
        let mut changes = Vec::new();
        for (key, resource) in all {
            let known = self.state.lock().unwrap().resources.contains_key(&key);
            let what = if known { v1::Change::Unchanged } else { v1::Change::Created };
            changes.push(change(&key.0, &key.1, &key.2, what));
            if !known && !request.dry_run {
                self.put(resource);
            }
        }
        Ok(Reply::Applied(v1::ApplyResponse { revision: self.state.lock().unwrap().revision, changes }))
    }

    fn answer(&self, request: Request) -> Result<Reply, Refusal> {
        self.state.lock().unwrap().asked.push(request.clone());
        let state = || self.state.lock().unwrap();
        match request {
            Request::Apply(request) => self.apply(&request),
            Request::Create { resource, .. } => {
                let (key, _) = keyed(resource.clone(), "default");
                if state().resources.contains_key(&key) {
                    return Err(refusal(RefusalKind::AlreadyExists, "meta.name", "is taken"));
                }
                Ok(Reply::Resource(Box::new(self.put(resource))))
            }
            Request::Update { resource, options, .. } => match options.expected_revision {
                Some(5_000) => Err(refusal(RefusalKind::Conflict, "", "is at revision 1")),
                _ => Ok(Reply::Resource(Box::new(self.put(resource)))),
            },
            Request::Delete { kind, delete } => match self.delete(&kind, &delete.tenant, &delete.name) {
                true => Ok(Reply::Deleted),
                false => Err(refusal(
                    RefusalKind::NotFound,
                    "",
                    &format!("there is no {kind} {}/{}", delete.tenant, delete.name),
                )),
            },
            Request::Get { kind, tenant, name } => {
                match state().resources.get(&(kind.clone(), tenant.clone(), name.clone())) {
                    Some(resource) => Ok(Reply::Resource(Box::new(resource.clone()))),
                    None => Err(refusal(RefusalKind::NotFound, "", &format!("there is no {kind} {tenant}/{name}"))),
                }
            }
            Request::List { kind, list } => {
                let state = state();
                let wanted = |key: &Key| key.0 == kind && (list.tenant.is_empty() || key.1 == list.tenant);
                let found: Vec<v1::Resource> =
                    state.resources.iter().filter(|(key, _)| wanted(key)).map(|(_, r)| r.clone()).collect();
                let from: usize = list.page_token.parse().unwrap_or(0);
                let size = if state.page == 0 { found.len().max(1) } else { state.page };
                let next = from + size;
                let next_page_token = if next < found.len() { next.to_string() } else { String::new() };
                let resources = found.into_iter().skip(from).take(size).collect();
                Ok(Reply::Resources { resources, next_page_token, revision: state.revision })
            }
            Request::Wait { revision, .. } => {
                let waiting_for = state().waiting_for.clone();
                let revision = revision.unwrap_or(state().revision);
                Ok(Reply::Waited(v1::WaitInstalledResponse {
                    installed: waiting_for.is_empty(),
                    revision,
                    waiting_for,
                }))
            }
            Request::Flows(request) if request.chassis == "hv9" => {
                Err(refusal(RefusalKind::NotFound, "", "there is no chassis hv9"))
            }
            Request::Flows(_) => Ok(Reply::Flows(state().flows.clone())),
            Request::Trace(_) => {
                let step =
                    |row: &v1::FlowRow| v1::TraceStep { row: Some(row.clone()), changes: vec!["reg0=0x1".into()] };
                let steps = state().flows.iter().map(step).collect();
                Ok(Reply::Traced(v1::TraceResponse { steps, outcomes: vec!["drop: foreign_mac".into()] }))
            }
            Request::Bindings(request) if request.port == "default/vm9" => {
                Err(refusal(RefusalKind::NotFound, "", "there is no port default/vm9"))
            }
            Request::Bindings(_) => {
                let binding = v1::AddressBinding {
                    network: "acme/lab".to_owned(),
                    address: "2001:db8::7".to_owned(),
                    proof: v1::Proof::Nd.into(),
                    ..v1::AddressBinding::default()
                };
                Ok(Reply::Bindings(vec![binding]))
            }
            Request::Listeners(_) => {
                let listener = v1::Listener {
                    tenant: "acme".to_owned(),
                    port: "vm1".to_owned(),
                    network: "acme/red".to_owned(),
                    group: "ff3e::8000:1".to_owned(),
                    exclude: true,
                    sources: vec![],
                    since_ms: 1_795_558_200_123,
                };
                Ok(Reply::Listeners(vec![listener]))
            }
            Request::Leases(_) => {
                let lease = v1::Lease {
                    tenant: "acme".to_owned(),
                    port: "vm1".to_owned(),
                    association: "na-7".to_owned(),
                    leased: vec!["2001:db8::7".to_owned()],
                    until_ms: u64::MAX,
                    ..v1::Lease::default()
                };
                Ok(Reply::Leases(vec![lease]))
            }
            Request::Drops(_) => Ok(Reply::Drops(vec![v1::DropCount {
                tenant: "acme".to_owned(),
                port: "vm1".to_owned(),
                reason: "rogue_router_advert".to_owned(),
                packets: 7,
                ..v1::DropCount::default()
            }])),
            Request::Drain(drain) => {
                let meta = v1::Meta { name: drain.chassis, ..v1::Meta::default() };
                let chassis = v1::Chassis { meta: Some(meta), ..v1::Chassis::default() };
                let kind = Some(v1::resource::Kind::Chassis(chassis));
                Ok(Reply::Resource(Box::new(v1::Resource { kind })))
            }
            Request::Links(_) => {
                let (chassis, peer_chassis) = ("s1".to_owned(), "s2".to_owned());
                let (interface, peer_interface) = ("s1-eth2".to_owned(), "s2-eth1".to_owned());
                let link = v1::Link { chassis, interface, peer_chassis, peer_interface, ..v1::Link::default() };
                Ok(Reply::Links(vec![link]))
            }
            Request::Snapshot => Err(refusal(RefusalKind::Invalid, "", "not by this way")),
        }
    }
}

impl Backend for Fake {
    type Changes = FakeChanges;

    async fn request(&self, _: Caller, request: Request) -> Result<Reply, Refusal> {
        self.answer(request)
    }

    async fn snapshot(&self, _: Caller) -> Result<(Vec<v1::Resource>, u64, FakeChanges), Refusal> {
        let state = self.state.lock().unwrap();
        let changes = FakeChanges { backlog: VecDeque::new(), live: self.changes.subscribe() };
        Ok((state.resources.values().cloned().collect(), state.revision, changes))
    }

    async fn resume(&self, _: Caller, after_revision: u64) -> Result<FakeChanges, ResumeError> {
        let state = self.state.lock().unwrap();
        // Everything up to revision 2 is forgotten.
        if after_revision < 2 || after_revision > state.revision {
            return Err(TooOld { asked: after_revision, oldest: 2, newest: state.revision }.into());
        }
        let backlog = state.log.iter().filter(|change| change.revision > after_revision).cloned().collect();
        Ok(FakeChanges { backlog, live: self.changes.subscribe() })
    }

    fn events(&self) -> (Vec<v1::Event>, broadcast::Receiver<v1::Event>) {
        (self.state.lock().unwrap().past.clone(), self.events.subscribe())
    }

    fn bindings(&self) -> broadcast::Receiver<v1::AddressBinding> {
        broadcast::Sender::new(1).subscribe()
    }

    fn now(&self) -> Millis {
        Millis(1_000)
    }
}

pub(crate) struct FakeChanges {
    backlog: VecDeque<Arc<Change>>,
    live: broadcast::Receiver<Arc<Change>>,
}

impl Changes for FakeChanges {
    async fn next(&mut self) -> Result<Arc<Change>, WatchEnd> {
        if let Some(change) = self.backlog.pop_front() {
            return Ok(change);
        }
        self.live.recv().await.map_err(|error| match error {
            broadcast::error::RecvError::Lagged(missed) => WatchEnd::Lagged { missed },
            broadcast::error::RecvError::Closed => WatchEnd::Stopping,
        })
    }
}

fn refusal(kind: RefusalKind, path: &str, message: &str) -> Refusal {
    Refusal { kind, violations: vec![Violation { path: path.to_owned(), message: message.to_owned() }] }
}

fn change(kind: &str, tenant: &str, name: &str, change: v1::Change) -> v1::ResourceChange {
    let (kind, tenant, name) = (kind.to_owned(), tenant.to_owned(), name.to_owned());
    v1::ResourceChange { kind, tenant, name, change: change.into() }
}

/// The resources of a document, each with its key.
fn resources(document: &v1::Document) -> Vec<(Key, v1::Resource)> {
    let mut message = DynamicMessage::new(shape::message("Document"));
    message.transcode_from(document).unwrap();
    let tenant = if document.tenant.is_empty() { "default" } else { &document.tenant };
    let mut found = Vec::new();
    for kind in shape::kinds().iter().filter(|kind| message.has_field_by_name(&kind.plural)) {
        let field = message.get_field_by_name(&kind.plural).unwrap();
        let one = std::slice::from_ref(&*field);
        for item in field.as_list().unwrap_or(one) {
            let mut resource = DynamicMessage::new(shape::message("Resource"));
            resource.set_field_by_name(&kind.singular, item.clone());
            found.push(keyed(resource.transcode_to().unwrap(), tenant));
        }
    }
    found
}

/// A resource with its key; it gets the tenant and name that it lacks.
fn keyed(resource: v1::Resource, tenant: &str) -> (Key, v1::Resource) {
    let (kind, _) = resource_of(&resource).unwrap();
    let mut key = (kind.singular.clone(), String::new(), String::new());
    let resource = with_meta(resource, |meta| {
        let said = meta.get_field_by_name("tenant").unwrap().as_str().unwrap().to_owned();
        key.1 = match (shape::is_global(kind), said.is_empty()) {
            (true, _) => String::new(),
            (false, true) => tenant.to_owned(),
            (false, false) => said,
        };
        key.2 = meta.get_field_by_name("name").unwrap().as_str().unwrap().to_owned();
        if key.2.is_empty() {
            key.2 = "default".to_owned();
        }
        meta.set_field_by_name("tenant", Value::String(key.1.clone()));
        meta.set_field_by_name("name", Value::String(key.2.clone()));
    });
    (key, resource)
}

fn set_revision(resource: &mut v1::Resource, revision: u64) {
    *resource = with_meta(resource.clone(), |meta| meta.set_field_by_name("revision", Value::U64(revision)));
}

fn with_meta(resource: v1::Resource, edit: impl FnOnce(&mut DynamicMessage)) -> v1::Resource {
    let mut all = DynamicMessage::new(shape::message("Resource"));
    all.transcode_from(&resource).unwrap();
    let (kind, _) = resource_of(&resource).unwrap();
    let message = all.get_field_by_name_mut(&kind.singular).unwrap().as_message_mut().unwrap();
    edit(message.get_field_by_name_mut("meta").unwrap().as_message_mut().unwrap());
    all.transcode_to().unwrap()
}
