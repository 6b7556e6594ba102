//! Links to the databases of managed chassis: a task for each, that keeps it up and tells the brain.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use brain::{DatabaseCommand, DatabaseId, Event, WATCHED};
use ovsdb::{Command, LinkEvent};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;

/// Orders that wait to be carried out: two for each chassis that there can be.
const ORDERS_MAX: usize = 131_072;
/// Commands that wait at a link; the brain gives one at a time.
const COMMANDS_MAX: usize = 4;
/// What a link tells, until the brain has room for it.
const EVENTS_MAX: usize = 64;

/// The way to the links.
#[derive(Debug)]
pub(crate) struct Databases {
    orders: mpsc::Sender<(DatabaseId, DatabaseCommand)>,
    /// Until they are carried out.
    given: Mutex<Option<mpsc::Receiver<(DatabaseId, DatabaseCommand)>>>,
}

impl Default for Databases {
    fn default() -> Databases {
        let (orders, given) = mpsc::channel(ORDERS_MAX);
        Databases { orders, given: Mutex::new(Some(given)) }
    }
}

impl Databases {
    /// Gives an order.
    pub(crate) fn command(&self, link: DatabaseId, command: DatabaseCommand) {
        if self.orders.try_send((link, command)).is_err() {
            // Nobody carries orders out (a simulation), or the daemon stops.
            tracing::debug!("an order for database link {} was left out", link.0);
        }
    }
}

/// Carries orders out until it is told to stop.
pub(super) async fn serve(shared: Arc<Shared>, stop: CancellationToken) {
    let given = shared.databases.given.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut given) = given else { return };
    let mut links: HashMap<DatabaseId, mpsc::Sender<Command>> = HashMap::new();
    let tasks = TaskTracker::new();
    loop {
        let (link, command) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            order = given.recv() => match order {
                Some(order) => order,
                None => break,
            },
        };
        match command {
            DatabaseCommand::Open(remote) => {
                let (commands, orders) = mpsc::channel(COMMANDS_MAX);
                let (told, events) = mpsc::channel(EVENTS_MAX);
                links.insert(link, commands);
                tasks.spawn(ovsdb::transport::keep(remote, WATCHED, orders, told));
                tasks.spawn(forward(link, events, Arc::clone(&shared)));
            }
            DatabaseCommand::Do(command) => {
                // A link that is down drops what it is told to do, and says that it is down.
                let _ = links.get(&link).map(|commands| commands.try_send(command));
            }
            DatabaseCommand::Close => drop(links.remove(&link)),
        }
    }
    drop(links);
    tasks.close();
    tasks.wait().await;
}

async fn forward(link: DatabaseId, mut events: mpsc::Receiver<LinkEvent>, shared: Arc<Shared>) {
    while let Some(event) = events.recv().await {
        if shared.inbox.push(Event::Database(link, event)).await.is_err() {
            // The daemon stops.
            return;
        }
    }
}
