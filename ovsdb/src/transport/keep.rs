//! Keeping a link up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::client::{CallFault, Client, Incoming};
use super::dial::dial;
use crate::link::{Command, LinkEvent, Watched};
use crate::monitor::{Monitor, Snapshot, TableUpdates};
use crate::operation::{Operation, outcomes};
use crate::remote::Remote;
use crate::schema::Schema;

/// Waits between attempts: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A connection that lasted this long was a success: the next attempt waits as little as the first.
const SETTLED: Duration = Duration::from_secs(10);

/// Keeps a link until nobody gives commands or listens any more.
///
/// A connection begins with all rows, not with what changed since the last one: a server that is no cluster numbers no
/// transactions, and that of a switch is none.
pub async fn keep(
    remote: Remote,
    watched: Watched,
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut wait = RETRY_FIRST;
    loop {
        let start = Instant::now();
        let reason = match connection(&remote, watched, &mut commands, &events).await {
            Ok(()) => return,
            Err(fault) => fault.to_string(),
        };
        if events.send(LinkEvent::Down(reason)).await.is_err() {
            return;
        }
        if start.elapsed() >= SETTLED {
            wait = RETRY_FIRST;
        }
        let waking = sleep(wait);
        tokio::pin!(waking);
        loop {
            tokio::select! {
                biased;
                () = &mut waking => break,
                command = commands.recv() => if command.is_none() { return },
            }
        }
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// One connection; `Ok`: it is not wanted any more.
async fn connection(
    remote: &Remote,
    watched: Watched,
    commands: &mut mpsc::Receiver<Command>,
    events: &mpsc::Sender<LinkEvent>,
) -> Result<(), CallFault> {
    let mut client = Client::new(dial(remote).await?);
    let schema = client.call("get_schema", vec![json!(watched.database)]).await?;
    let schema = Arc::new(Schema::from_json(&schema).map_err(bad)?);
    let monitor = Monitor::of(watched.tables, &schema);
    let snapshot = watch(&mut client, watched.database, &monitor).await?;
    // Commands of before it was up are about what was seen before.
    while commands.try_recv().is_ok() {}
    if events.send(LinkEvent::Up { schema, rows: snapshot.updates }).await.is_err() {
        return Ok(());
    }
    // Numbers of requests, those of their commands, how many operations; bounded by who gives commands: each waits for its answer.
    let mut open: Vec<(u64, u64, usize)> = Vec::new();
    loop {
        tokio::select! {
            biased;
            incoming = client.next() => {
                let event = match incoming? {
                    Incoming::Notice { method, params } => match TableUpdates::told(&method, &params) {
                        Some(updates) => LinkEvent::Changed(updates.map_err(bad)?),
                        None => continue,
                    },
                    Incoming::Answer { id, result } => {
                        let Some(at) = open.iter().position(|(request, ..)| *request == id) else { continue };
                        let (_, number, operations) = open.swap_remove(at);
                        let result = match result {
                            Ok(answer) => outcomes(&answer, operations).map_err(bad)?.map_err(|refused| refused.to_string()),
                            Err(error) => Err(error.to_string()),
                        };
                        LinkEvent::Done { number, result }
                    }
                };
                if events.send(event).await.is_err() {
                    return Ok(());
                }
            }
            command = commands.recv() => match command {
                None => return Ok(()),
                Some(Command::Transact { number, operations }) => {
                    let count = operations.len();
                    let params = [json!(watched.database)].into_iter().chain(operations.iter().map(Operation::to_json));
                    open.push((client.request("transact", params.collect()), number, count));
                }
            },
        }
    }
}

/// Has tables watched, by `monitor_cond_since` or, where a server does not know that, `monitor_cond`.
async fn watch(client: &mut Client, database: &str, monitor: &Monitor) -> Result<Snapshot, CallFault> {
    match client.call("monitor_cond_since", monitor.since(database, None)).await {
        Ok(answer) => Ok(Snapshot::since(&answer).map_err(bad)?),
        Err(CallFault::Refused { error, .. }) if error == "unknown method" => {
            let answer = client.call("monitor_cond", monitor.conditional(database)).await?;
            Ok(Snapshot::conditional(&answer).map_err(bad)?)
        }
        Err(fault) => Err(fault),
    }
}

fn bad(fault: crate::fault::Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.to_string())
}
