//! All switches, each on a connection of its own. What they hold outlives their connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use ofp::{Body, Message, StatsRequest};
use sim::switch::{Mutation, Switch};
use sim::world::UPLINK;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::site::{Site, dpid, name};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(200);

pub(crate) struct Fleet {
    switches: Vec<Arc<Mutex<Switch>>>,
    connections: JoinSet<()>,
    seen: Arc<Seen>,
}

/// What was seen since all were connected.
#[derive(Default)]
struct Seen {
    /// Switches whose flows were read.
    read: AtomicUsize,
    /// Connections that ended, and were tried again.
    ended: AtomicUsize,
}

impl Fleet {
    pub(crate) fn new(site: Site) -> Fleet {
        let switch = |c: u32| {
            let mut switch = Switch::new(name(c), 0, Mutation::default());
            switch.dpid = dpid(c);
            let names = site.plugged(c).into_iter().chain([UPLINK.to_owned()]);
            switch.ports = (1..).zip(names).collect::<BTreeMap<_, _>>();
            Arc::new(Mutex::new(switch))
        };
        let switches = (0..site.chassis).map(switch).collect();
        Fleet { switches, connections: JoinSet::new(), seen: Arc::default() }
    }

    /// All connect at once.
    pub(crate) fn connect(&mut self, to: SocketAddr) {
        self.seen = Arc::default();
        for switch in &self.switches {
            let (switch, seen) = (Arc::clone(switch), Arc::clone(&self.seen));
            self.connections.spawn(async move {
                loop {
                    // However it ended: a switch tries again.
                    drop(talk(&switch, to, &seen).await);
                    seen.ended.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY).await;
                }
            });
        }
    }

    /// All are cut off at once.
    pub(crate) async fn cut(&mut self) {
        self.connections.shutdown().await;
        self.switches.iter().for_each(|switch| lock(switch).disconnected());
    }

    /// As if every switch were started anew.
    pub(crate) fn lose_flows(&mut self) {
        self.switches.iter().for_each(|switch| lock(switch).restart(false));
    }

    /// Flows that all hold together.
    pub(crate) fn flows(&self) -> usize {
        self.switches.iter().map(|switch| lock(switch).tables.flows.len()).sum()
    }

    /// Every switch's flows were read since it connected.
    pub(crate) fn all_read(&self) -> bool {
        self.seen.read.load(Ordering::Relaxed) >= self.switches.len()
    }

    /// Connections that ended by themselves.
    pub(crate) fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn words(&self) -> String {
        let read = self.seen.read.load(Ordering::Relaxed);
        format!("{read} tables read of {}, {} connections ended", self.switches.len(), self.ended())
    }
}

fn lock(switch: &Mutex<Switch>) -> MutexGuard<'_, Switch> {
    switch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, to its end.
async fn talk(switch: &Mutex<Switch>, to: SocketAddr, seen: &Seen) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let hello = lock(switch).connected();
    stream.write_all(&hello.encode()).await?;
    let (mut received, mut answers) = (BytesMut::with_capacity(1 << 16), Vec::new());
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
        while let Ok(Some(raw)) = ofp::frame(&mut received) {
            let Ok(message) = Message::decode(&raw) else { return Err(std::io::ErrorKind::InvalidData.into()) };
            let read = matches!(&message.body, Body::MultipartRequest(r) if matches!(r.body, StatsRequest::Flow(_)));
            lock(switch).take(&raw, message).iter().for_each(|answer| answers.extend_from_slice(&answer.encode()));
            seen.read.fetch_add(usize::from(read), Ordering::Relaxed);
        }
        stream.write_all(&answers).await?;
        answers.clear();
    }
}
