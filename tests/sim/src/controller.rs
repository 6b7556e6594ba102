//! The controller's life: the daemon's own code on a store that survives it, started, killed and started again.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brain::{Brain, Caller, Effect, Event, Millis, Request, SwitchEvent};
use controller::daemon::{Clock, Core, Mind, Workers};
use controller::handle::{Changed, Handle};
use controller::store::{Content, Embedded, Logged, Outcome, Store, StoreError, Transaction};
use proto::v1;
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::sleep;

use crate::intents::chassis_name;
use crate::scenario::When;
use crate::world::{Shared, World};

/// Milliseconds since 1970-01-01 UTC when every run begins.
const EPOCH_MS: u64 = 1_750_000_000_000;

/// A controller that lives.
pub struct Running {
    core: Core,
    brain: JoinHandle<()>,
    store: JoinHandle<()>,
    /// Sessions and requests end with it.
    tasks: Vec<AbortHandle>,
    mind: Arc<Mutex<Brain>>,
    dead: Arc<AtomicBool>,
}

/// What survives a controller, and what is done to it.
#[derive(Clone)]
pub struct Vault {
    store: Arc<Embedded>,
    orders: Arc<Mutex<Orders>>,
    killed: Arc<Notify>,
}

/// What happens at the next writes.
#[derive(Debug, Default)]
struct Orders {
    fail: u8,
    die: Option<When>,
    down_ms: u32,
}

impl Default for Vault {
    fn default() -> Vault {
        let store = Embedded::in_memory().expect("a store in memory");
        Vault { store: Arc::new(store), orders: Arc::default(), killed: Arc::default() }
    }
}

impl Vault {
    /// The next writes fail.
    pub fn fail_writes(&self, count: u8) {
        self.orders().fail = count;
    }

    /// The controller dies, and comes back after so long.
    pub fn kill(&self, when: When, down_ms: u32) {
        let mut orders = self.orders();
        orders.down_ms = down_ms;
        if when == When::Now {
            self.killed.notify_one();
        } else {
            orders.die = Some(when);
        }
    }

    /// Faults end.
    pub fn heal(&self) {
        let mut orders = self.orders();
        (orders.fail, orders.die) = (0, None);
    }

    /// What is in the store.
    pub fn content(&self) -> Content {
        self.store.load().expect("a store in memory")
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as one controller has it.
struct Door {
    vault: Vault,
    dead: Arc<AtomicBool>,
}

impl Door {
    fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.vault.killed.notify_one();
    }
}

fn out_of_order() -> StoreError {
    StoreError::Directory { path: "simulated".to_owned(), source: std::io::Error::other("out of order") }
}

impl Store for Door {
    fn load(&self) -> Result<Content, StoreError> {
        self.vault.store.load()
    }

    fn commit(&self, transaction: Transaction) -> Result<Outcome, StoreError> {
        let (die, fail) = {
            let mut orders = self.vault.orders();
            let fail = orders.fail > 0;
            orders.fail = orders.fail.saturating_sub(1);
            (orders.die.take(), fail)
        };
        if die == Some(When::BeforeWrite) {
            self.die();
            return Err(out_of_order());
        }
        if fail {
            return Err(out_of_order());
        }
        let outcome = self.vault.store.commit(transaction);
        if die == Some(When::AfterWrite) {
            self.die();
        }
        outcome
    }

    fn log_after(&self, revision: u64) -> Result<Result<Vec<Logged>, controller::store::Compacted>, StoreError> {
        self.vault.store.log_after(revision)
    }
}

/// The brain, with somebody who looks over its shoulder.
struct Watched {
    brain: Arc<Mutex<Brain>>,
    world: Shared,
    dead: Arc<AtomicBool>,
}

impl Mind for Watched {
    fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        if self.dead.load(Ordering::Relaxed) {
            return Vec::new();
        }
        if let Event::Switch(_, SwitchEvent::Down { reason }) = &event
            && reason.contains("internal fault")
        {
            self.world.lock().violation(format!("a session ended: {reason}"));
        }
        let effects = lock(&self.brain).handle(now, event);
        let mut world = self.world.lock();
        for effect in &effects {
            match effect {
                Effect::Changed { resource, .. } => {
                    if world.loud {
                        println!("                told: {:?}", crate::judge::standing_of(resource));
                    }
                    world.model.changed(resource);
                    world.readdress(resource);
                }
                Effect::Deleted { resource, .. } => {
                    world.model.deleted(resource);
                    world.abandon(resource);
                }
                Effect::Happened(event) => {
                    world.totals.add(&format!("event {}", event.r#type), 1);
                    if world.loud {
                        println!("                {} {}/{}: {}", event.r#type, event.tenant, event.name, event.message);
                    }
                }
                _ => {}
            }
        }
        effects
    }

    fn next_due(&self) -> Option<Millis> {
        if self.dead.load(Ordering::Relaxed) { None } else { lock(&self.brain).next_due() }
    }
}

fn lock(brain: &Mutex<Brain>) -> MutexGuard<'_, Brain> {
    brain.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the controller, and again whenever it was killed.
pub async fn keep_alive(world: Shared) {
    let vault = world.lock().vault.clone();
    loop {
        start(&world);
        vault.killed.notified().await;
        let down_ms = vault.orders().down_ms;
        let running = world.lock().controller.take();
        if let Some(running) = running {
            running.die();
        }
        world.lock().note("the controller is dead", &[]);
        sleep(Duration::from_millis(down_ms.into())).await;
    }
}

fn start(world: &Shared) {
    let vault = world.lock().vault.clone();
    let (mind, dead) = (Arc::new(Mutex::new(Brain::default())), Arc::new(AtomicBool::new(false)));
    let watched = Watched { brain: mind.clone(), world: world.clone(), dead: dead.clone() };
    let door = Door { vault, dead: dead.clone() };
    let now_ms = world.lock().now_ms();
    let core = Core::new(Box::new(door), Box::new(watched), Clock::start_at(EPOCH_MS + now_ms));
    let (core, Workers { brain, store, .. }) = core.expect("a store in memory");
    let (brain, store) = (tokio::spawn(brain), tokio::spawn(store));
    let mut world = world.lock();
    world.totals.add("controllers started", 1);
    world.note("the controller starts", &[]);
    world.model.restarted();
    world.controller = Some(Running { core, brain, store, tasks: Vec::new(), mind, dead });
}

impl Running {
    /// As if the process had been killed.
    fn die(self) {
        self.dead.store(true, Ordering::Relaxed);
        self.brain.abort();
        self.store.abort();
        self.tasks.iter().for_each(AbortHandle::abort);
    }

    /// A handle as northbound faces have.
    pub fn handle(&self) -> Handle {
        self.core.handle()
    }

    /// The brain itself, between two events.
    pub fn brain(&self) -> MutexGuard<'_, Brain> {
        lock(&self.mind)
    }

    /// The metrics' text.
    pub fn metrics(&self) -> String {
        self.core.metrics()
    }

    /// Whether it still runs; it ends only when it is killed, or by a panic.
    pub fn is_well(&self) -> bool {
        !self.brain.is_finished() && !self.store.is_finished()
    }

    /// Runs something that ends with it.
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(tokio::spawn(task).abort_handle());
    }
}

impl World {
    /// A switch's connection; `None` while there is no controller.
    pub fn connect(&mut self, switch: usize, room: usize) -> Option<DuplexStream> {
        let running = self.controller.as_mut()?;
        let (ours, theirs) = tokio::io::duplex(room);
        let (reader, writer) = tokio::io::split(theirs);
        let session = running.core.session(reader, writer, format!("sim:{switch}"));
        running.spawn(session);
        Some(ours)
    }

    /// A chassis is gone: its switch may have its flows yet.
    fn abandon(&mut self, gone: &v1::ResourceChange) {
        let named = |at: u8| gone.kind == "chassis" && chassis_name(at) == gone.name;
        let switch = self.switches.iter_mut().zip(0u8..).find(|(_, at)| named(*at));
        if let Some((switch, _)) = switch {
            switch.abandoned = true;
        }
    }

    /// A chassis has the tunnel endpoint that was accepted for it.
    fn readdress(&mut self, resource: &v1::Resource) {
        let Some(v1::resource::Kind::Chassis(v1::Chassis { meta: Some(meta), spec: Some(spec), .. })) = &resource.kind
        else {
            return;
        };
        let address = spec.tunnel_ip.as_ref().and_then(|address| address.parse().ok());
        let switch = self.switches.iter_mut().zip(0u8..).find(|(_, at)| chassis_name(*at) == meta.name);
        if let (Some(address), Some((switch, _))) = (address, switch) {
            switch.endpoint = address;
        }
    }

    /// Asks the controller something, and counts what comes of it.
    pub fn ask(&mut self, shared: &Shared, what: &'static str, request: Request) {
        let Some(running) = self.controller.as_mut() else {
            self.totals.add("requests without a controller", 1);
            return;
        };
        let (handle, shared) = (running.handle(), shared.clone());
        running.spawn(async move {
            let asked = handle.request(Caller::administrator(), request).await;
            let mut world = shared.lock();
            world.model.open -= 1;
            let result = match &asked {
                Ok(_) => "requests done".to_owned(),
                Err(refusal) => format!("requests refused: {:?}", refusal.kind),
            };
            world.note(&format!("{what}: {result}"), format!("{asked:?}").as_bytes());
            world.totals.add(&result, 1);
        });
        self.model.open += 1;
    }

    /// Watches all resources from now on, for as long as the controller lives.
    pub fn watch(&mut self, shared: &Shared) {
        let Some(running) = self.controller.as_mut() else { return };
        let (handle, shared) = (running.handle(), shared.clone());
        running.spawn(async move {
            let Ok(snapshot) = handle.snapshot(Caller::administrator()).await else { return };
            shared.lock().model.watched(snapshot.resources);
            let mut changes = snapshot.changes;
            while let Ok(change) = changes.next().await {
                let mut world = shared.lock();
                match &change.what {
                    Changed::Set(resource) => world.model.watch_set(resource),
                    Changed::Deleted(gone) => world.model.watch_deleted(gone),
                }
            }
        });
    }
}
