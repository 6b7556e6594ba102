//! The daemon around a stand-in for the brain: requests, the store, watches, ticks, restarts and panics.

use std::process::Command;
use std::time::Duration;

use brain::{Caller, Effect, EntryChange, Event, Millis, ProposalId, Refusal, RefusalKind, Reply, Request, RequestId};
use controller::daemon::{Daemon, DaemonConfig, EXIT_PANIC, Mind, run_with};
use controller::handle::{Changed, ResumeError, TooOld};
use controller::store::{Embedded, Store};
use proto::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Writes what it is told to create or delete, remembers names, and ticks when it is told to wait.
#[derive(Default)]
struct Clerk {
    revision: u64,
    names: Vec<String>,
    open: Vec<(ProposalId, RequestId)>,
    due: Option<Millis>,
    waiting: Vec<RequestId>,
    proposals: u64,
}

impl Clerk {
    fn propose(&mut self, id: RequestId, name: &str, value: Option<Vec<u8>>) -> Vec<Effect> {
        self.proposals += 1;
        let proposal = ProposalId(self.proposals);
        self.open.push((proposal, id));
        let key = format!("/sextant/v1/port/t/{name}");
        let compare = if value.is_some() { vec![(key.clone(), 0)] } else { Vec::new() };
        vec![Effect::Propose { proposal, compare, changes: vec![EntryChange { key, value }] }]
    }

    fn answered(&mut self, proposal: Option<ProposalId>) -> Option<RequestId> {
        let at = self.open.iter().position(|(open, _)| Some(*open) == proposal)?;
        Some(self.open.remove(at).1)
    }

    fn request(&mut self, id: RequestId, request: Request) -> Vec<Effect> {
        match request {
            Request::Create { resource, .. } => {
                let name = name_of(&resource);
                if name == "panic" {
                    panic!("told to");
                }
                self.propose(id, &name, Some(name.clone().into_bytes()))
            }
            Request::Delete { delete, .. } => self.propose(id, &delete.name, None),
            Request::Wait { deadline, .. } => {
                self.due = Some(deadline);
                self.waiting.push(id);
                Vec::new()
            }
            _ => {
                let resources = self.names.iter().map(|name| resource(name)).collect();
                let reply = Reply::Resources { resources, next_page_token: String::new(), revision: self.revision };
                vec![Effect::Reply { id, result: Ok(reply) }]
            }
        }
    }
}

impl Mind for Clerk {
    fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        match event {
            Event::Loaded { revision, entries } => {
                self.revision = revision;
                let name = |entry: brain::Entry| String::from_utf8(entry.value).unwrap();
                self.names = entries.into_iter().map(name).collect();
                vec![Effect::Happened(v1::Event { r#type: "test.loaded".to_owned(), ..v1::Event::default() })]
            }
            Event::Applied { revision, changes, proposal } => {
                self.revision = revision;
                let mut effects = Vec::new();
                for change in changes {
                    let name = change.key.rsplit('/').next().unwrap().to_owned();
                    if change.value.is_some() {
                        self.names.push(name.clone());
                        effects.push(Effect::Changed { revision, resource: Box::new(resource(&name)) });
                    } else {
                        self.names.retain(|known| *known != name);
                        let gone = v1::ResourceChange { name, ..v1::ResourceChange::default() };
                        effects.push(Effect::Deleted { revision, resource: gone });
                    }
                }
                let labels = vec![("of", "writes".to_owned())];
                effects.push(Effect::Count { counter: "sextant_test_total", labels, by: 1 });
                let id = self.answered(proposal);
                effects.extend(id.map(|id| Effect::Reply { id, result: Ok(Reply::Deleted) }));
                effects
            }
            Event::Refused { proposal, .. } => {
                let refusal = Refusal { kind: RefusalKind::AlreadyExists, violations: Vec::new() };
                let id = self.answered(Some(proposal)).unwrap();
                vec![Effect::Reply { id, result: Err(refusal) }]
            }
            Event::Request { id, request, .. } => self.request(id, request),
            Event::Tick => {
                assert!(self.due.take().unwrap() <= now, "ticked too early");
                let answer = |id| Effect::Reply { id, result: Ok(Reply::Deleted) };
                self.waiting.drain(..).map(answer).collect()
            }
            Event::Switch(..) | Event::Database(..) | Event::Resolved { .. } | Event::Speaker(_) => Vec::new(),
        }
    }

    fn next_due(&self) -> Option<Millis> {
        self.due
    }
}

fn resource(name: &str) -> v1::Resource {
    let meta = v1::Meta { name: name.to_owned(), ..v1::Meta::default() };
    let port = v1::Port { meta: Some(meta), ..v1::Port::default() };
    v1::Resource { kind: Some(v1::resource::Kind::Port(port)) }
}

fn name_of(resource: &v1::Resource) -> String {
    match &resource.kind {
        Some(v1::resource::Kind::Port(port)) => port.meta.clone().unwrap_or_default().name,
        other => panic!("{other:?}"),
    }
}

async fn start(store: Embedded) -> Daemon {
    let config = DaemonConfig {
        data_dir: "/nonexistent".into(),
        openflow_listen: vec!["tcp:[::1]:0".parse().unwrap()],
        openflow_connect: Vec::new(),
        http_listen: vec!["[::1]:0".parse().unwrap()],
        dns_forwarders: Vec::new(),
        gobgp: None,
    };
    let store: Box<dyn Store> = Box::new(store);
    run_with(config, store, Box::<Clerk>::default()).await.unwrap()
}

async fn create(daemon: &Daemon, name: &str) -> Result<Reply, Refusal> {
    let request = Request::Create { resource: resource(name), options: v1::WriteOptions::default() };
    daemon.handle().request(Caller::administrator(), request).await
}

async fn delete(daemon: &Daemon, name: &str) {
    let delete = v1::DeleteRequest { name: name.to_owned(), ..v1::DeleteRequest::default() };
    let request = Request::Delete { kind: "port".to_owned(), delete };
    daemon.handle().request(Caller::administrator(), request).await.unwrap();
}

fn told(change: &Changed) -> String {
    match change {
        Changed::Set(resource) => format!("+{}", name_of(resource)),
        Changed::Deleted(gone) => format!("-{}", gone.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_durable_before_it_is_answered_and_then_watched() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(Embedded::open(directory.path()).unwrap()).await;
    let mut snapshot = daemon.handle().snapshot(Caller::administrator()).await.unwrap();
    assert_eq!((snapshot.resources.len(), snapshot.revision), (0, 0));
    create(&daemon, "a").await.unwrap();
    assert_eq!(create(&daemon, "a").await.unwrap_err().kind, RefusalKind::AlreadyExists);
    let change = snapshot.changes.next().await.unwrap();
    assert_eq!((change.revision, told(&change.what)), (1, "+a".to_owned()));
    assert_eq!(daemon.handle().revision(), 1);
    daemon.shutdown().await;

    let daemon = start(Embedded::open(directory.path()).unwrap()).await;
    let snapshot = daemon.handle().snapshot(Caller::administrator()).await.unwrap();
    assert_eq!((snapshot.resources, snapshot.revision), (vec![resource("a")], 1));
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_resumes_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(Embedded::open(directory.path()).unwrap()).await;
    for name in ["a", "b", "c"] {
        create(&daemon, name).await.unwrap();
    }
    delete(&daemon, "b").await;
    daemon.shutdown().await;

    let daemon = start(Embedded::open(directory.path()).unwrap()).await;
    let handle = daemon.handle();
    let too_old = handle.watch(Some(2)).unwrap_err();
    assert_eq!(too_old, TooOld { asked: 2, oldest: 4, newest: 4 });
    let mut watch = handle.resume(Caller::administrator(), 2).await.unwrap();
    create(&daemon, "d").await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let change = watch.next().await.unwrap();
        seen.push((change.revision, told(&change.what)));
    }
    let expected = [(2, "-b"), (2, "+a"), (4, "+c"), (5, "+d")];
    assert_eq!(seen, expected.map(|(revision, change)| (revision, change.to_owned())));
    let mut live = handle.resume(Caller::administrator(), 5).await.unwrap();
    assert_eq!(told(&live.next().await.unwrap().what), "+d");
    let unknown = handle.resume(Caller::administrator(), 6).await.unwrap_err();
    assert!(matches!(unknown, ResumeError::TooOld(TooOld { newest: 5, .. })), "{unknown}");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_come_when_they_are_due_and_stopping_refuses_the_rest() {
    let daemon = start(Embedded::in_memory().unwrap()).await;
    let handle = daemon.handle();
    let wait = |after_ms| {
        let deadline = Millis(handle.now().0 + after_ms);
        handle.request(Caller::administrator(), Request::Wait { revision: None, deadline })
    };
    let start = std::time::Instant::now();
    wait(50).await.unwrap();
    assert!((49..1000).contains(&start.elapsed().as_millis()));
    let (never, ()) = tokio::join!(wait(60_000), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        daemon.shutdown().await;
    });
    assert_eq!(never.unwrap_err().kind, RefusalKind::Unavailable);
    assert_eq!(wait(1).await.unwrap_err().kind, RefusalKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn happenings_and_metrics_can_be_read() {
    let daemon = start(Embedded::in_memory().unwrap()).await;
    create(&daemon, "a").await.unwrap();
    let (backlog, _live) = daemon.handle().events();
    assert_eq!((backlog[0].r#type.as_str(), backlog[0].sequence), ("test.loaded", 1));
    let address = daemon.http_addresses()[0];
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let metrics = get("/metrics").await;
    for line in [
        "sextant_test_total{of=\"writes\"} 1",
        "sextant_store_revision 1",
        "sextant_store_writes_total{result=\"committed\"} 1",
        "sextant_requests_total{result=\"Ok\"} 1",
        "sextant_queue_length{queue=\"packets\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    assert!(get("/healthz").await.ends_with("\r\n\r\nok\n"));
    assert!(get("/nothing").await.starts_with("HTTP/1.1 404"));
    daemon.shutdown().await;
}

/// The child of the test below.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below, in a process of its own"]
async fn panic_in_the_mind() {
    if std::env::var_os("SEXTANT_PANIC_TEST").is_some() {
        let daemon = start(Embedded::in_memory().unwrap()).await;
        drop(create(&daemon, "panic").await);
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

#[test]
fn a_panic_in_the_mind_ends_the_process() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "panic_in_the_mind"])
        .env("SEXTANT_PANIC_TEST", "1")
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(EXIT_PANIC));
}
