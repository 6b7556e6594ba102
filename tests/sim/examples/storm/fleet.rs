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
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clients::{self, Clients};
use crate::site::{Site, dpid, name};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(200);

pub(crate) struct Fleet {
    switches: Vec<Arc<Mutex<Switch>>>,
    connections: JoinSet<()>,
    seen: Arc<Seen>,
    site: Site,
    /// Whether clients speak, and what they see.
    speak: watch::Sender<bool>,
    pub(crate) clients: Arc<clients::Seen>,
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
        let (connections, speak) = (JoinSet::new(), watch::Sender::new(false));
        Fleet { switches, connections, seen: Arc::default(), site, speak, clients: Arc::default() }
    }

    /// All connect at once.
    pub(crate) fn connect(&mut self, to: SocketAddr) {
        self.seen = Arc::default();
        for (switch, c) in self.switches.iter().zip(0..) {
            let (switch, seen) = (Arc::clone(switch), Arc::clone(&self.seen));
            let (speak, site, saw) = (self.speak.subscribe(), self.site, Arc::clone(&self.clients));
            self.connections.spawn(async move {
                loop {
                    let mut hosts = Hosts { speak: speak.clone(), clients: Clients::new(site.macs(c)), seen: &saw };
                    // However it ended: a switch tries again.
                    drop(talk(&switch, to, &seen, &mut hosts).await);
                    seen.ended.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY).await;
                }
            });
        }
    }

    /// Clients on all ports begin.
    pub(crate) fn speak(&self) {
        self.speak.send_replace(true);
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

/// What is plugged into a switch.
struct Hosts<'s> {
    speak: watch::Receiver<bool>,
    clients: Clients,
    seen: &'s clients::Seen,
}

/// One connection, to its end.
async fn talk(switch: &Mutex<Switch>, to: SocketAddr, seen: &Seen, hosts: &mut Hosts<'_>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let hello = lock(switch).connected();
    stream.write_all(&hello.encode()).await?;
    let (mut received, mut answers) = (BytesMut::with_capacity(1 << 16), Vec::new());
    loop {
        tokio::select! {
            read = stream.read_buf(&mut received) => if read? == 0 {
                return Ok(());
            },
            Ok(()) = hosts.speak.changed() => {
                let evaluator = lock(switch).evaluator();
                hosts.clients.begin(&evaluator, &mut answers);
            }
        }
        while let Ok(Some(raw)) = ofp::frame(&mut received) {
            let Ok(message) = Message::decode(&raw) else { return Err(std::io::ErrorKind::InvalidData.into()) };
            if let Body::PacketOut(packet) = &message.body {
                let evaluator = lock(switch).evaluator();
                hosts.clients.heard(packet, &evaluator, hosts.seen, &mut answers);
                continue;
            }
            let read = matches!(&message.body, Body::MultipartRequest(r) if matches!(r.body, StatsRequest::Flow(_)));
            lock(switch).take(&raw, message).iter().for_each(|answer| answers.extend_from_slice(&answer.encode()));
            seen.read.fetch_add(usize::from(read), Ordering::Relaxed);
        }
        stream.write_all(&answers).await?;
        answers.clear();
    }
}
