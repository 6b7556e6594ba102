//! A switch's connection to the controller: bytes in order, with delays, and all that can happen to them.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use ofp::{Body, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, sleep_until};

use crate::judge;
use crate::world::Shared;

/// Bytes that may be on their way.
const IN_FLIGHT: usize = 1 << 20;
/// A silent controller is asked for a sign of life, and then given up.
const PROBE_AFTER: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long a dead connection may look alive to the controller.
const HALF_OPEN_MAX: Duration = Duration::from_secs(90);
/// Milliseconds that a message is under way, at most.
const DELAY_MS: u64 = 5;

/// Connects a switch again and again.
pub async fn keep_connected(world: Shared, switch: usize) {
    let mut connections = 0;
    loop {
        let stream = {
            let mut locked = world.lock();
            let ready = locked.switches[switch].alive && Instant::now() >= locked.switches[switch].away_until;
            if ready { locked.connect(switch, IN_FLIGHT) } else { None }
        };
        if let Some(stream) = stream {
            connections += 1;
            talk(&world, switch, connections, stream).await;
        }
        let wait = world.lock().rng("reconnect", (switch as u64) << 32 | connections).u64(200..1500);
        sleep(Duration::from_millis(wait)).await;
    }
}

/// One connection, from its first byte to its last.
async fn talk(world: &Shared, switch: usize, number: u64, mut stream: DuplexStream) {
    let (hello, wake) = {
        let mut world = world.lock();
        world.totals.add("connections", 1);
        world.note(&format!("switch {switch} connects ({number})"), &[]);
        (world.switches[switch].connected(), world.switches[switch].wake.clone())
    };
    let rng = world.lock().rng("wire", (switch as u64) << 32 | number);
    let mut wire = Wire::new(world.clone(), switch, rng);
    wire.say(&hello);
    let end = loop {
        if let Some(end) = wire.news() {
            break end;
        }
        let (arrival, departure) = (wire.arrival(), wire.departure());
        let alarm = wire.heard + if wire.probed { SILENCE_MAX } else { PROBE_AFTER };
        let end = tokio::select! {
            biased;
            () = wake.notified() => None,
            () = sleep_until(arrival), if !wire.incoming.is_empty() => {
                wire.arrive();
                None
            }
            () = sleep_until(departure), if !wire.outgoing.is_empty() => wire.depart(&mut stream).await,
            read = stream.read_buf(&mut wire.received) => wire.read(read.unwrap_or(0)),
            () = sleep_until(alarm) => wire.alarm(),
        };
        if let Some(end) = end {
            break end;
        }
    };
    let mut locked = world.lock();
    locked.note(&format!("switch {switch}'s connection {number} ends: {end:?}"), &[]);
    locked.switches[switch].disconnected();
    locked.switches[switch].faults.close = false;
    drop(locked);
    if end == End::HalfOpen {
        // The controller's end stays open, and hears nothing.
        tokio::spawn(async move {
            sleep(HALF_OPEN_MAX).await;
            drop(stream);
        });
    }
}

/// Why a connection ends, as the switch sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Cut,
    HalfOpen,
    Silent,
}

struct Wire {
    world: Shared,
    switch: usize,
    rng: Rng,
    received: BytesMut,
    /// What has been sent to the switch, and when it arrives.
    incoming: VecDeque<(Instant, Bytes)>,
    /// What the switch has said, and when it leaves.
    outgoing: VecDeque<(Instant, Bytes)>,
    heard: Instant,
    probed: bool,
}

impl Wire {
    fn new(world: Shared, switch: usize, rng: Rng) -> Wire {
        Wire {
            world,
            switch,
            rng,
            received: BytesMut::new(),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            heard: Instant::now(),
            probed: false,
        }
    }

    fn arrival(&self) -> Instant {
        self.incoming.front().map_or_else(Instant::now, |(at, _)| *at)
    }

    fn departure(&self) -> Instant {
        self.outgoing.front().map_or_else(Instant::now, |(at, _)| *at)
    }

    /// What the switch says unasked, and what has happened to the connection.
    fn news(&mut self) -> Option<End> {
        let mut world = self.world.lock();
        let switch = &mut world.switches[self.switch];
        if std::mem::take(&mut switch.faults.half_open) {
            return Some(End::HalfOpen);
        }
        if switch.faults.close || !switch.alive {
            return Some(End::Cut);
        }
        let news: Vec<Message> = std::iter::from_fn(|| switch.next_news()).collect();
        drop(world);
        news.iter().for_each(|message| self.say(message));
        None
    }

    /// Bytes came: whole messages are on their way to the switch, each after the last.
    fn read(&mut self, count: usize) -> Option<End> {
        if count == 0 {
            return Some(End::Closed);
        }
        (self.heard, self.probed) = (Instant::now(), false);
        let cut = self.world.lock().switches[self.switch].faults.cut;
        if let Some((true, left)) = cut {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            if left < count {
                // What is complete still arrives.
                self.received.truncate(self.received.len() - (count - left) as usize);
                self.take_frames();
                while !self.incoming.is_empty() {
                    self.arrive();
                }
                self.world.lock().switches[self.switch].faults.cut = None;
                return Some(End::Cut);
            }
            self.world.lock().switches[self.switch].faults.cut = Some((true, left - count));
        }
        self.take_frames();
        None
    }

    fn take_frames(&mut self) {
        while let Ok(Some(frame)) = ofp::frame(&mut self.received) {
            let at = self.after(self.incoming.back().map(|(at, _)| *at));
            self.incoming.push_back((at, frame));
        }
    }

    /// A message reaches the switch.
    fn arrive(&mut self) {
        let Some((_, raw)) = self.incoming.pop_front() else { return };
        let Ok(message) = Message::decode(&raw) else {
            self.world.lock().violation(format!("the controller sent what can't be read: {raw:02x?}"));
            return;
        };
        let mut world = self.world.lock();
        world.heard(self.switch, &message, &raw);
        if let Body::PacketOut(packet) = &message.body {
            let walk = world.packet_out(self.switch, packet);
            judge::sent_by_controller(&mut world, packet, &walk);
        }
        let changes = matches!(message.body, Body::BundleControl(_) | Body::MeterMod(_));
        let answers = world.switches[self.switch].take(&raw, message);
        if changes {
            judge::after_change(&mut world, &mut self.rng);
        }
        drop(world);
        answers.iter().for_each(|answer| self.say(answer));
    }

    /// The switch says something: it leaves when it is its turn.
    fn say(&mut self, message: &Message) {
        let mut at = self.after(self.outgoing.back().map(|(at, _)| *at));
        let mut world = self.world.lock();
        let slow = &mut world.switches[self.switch].faults.slow;
        if slow.0 > 0 {
            slow.0 -= 1;
            at += Duration::from_millis(self.rng.u64(0..=u64::from(slow.1)));
        }
        drop(world);
        self.outgoing.push_back((at, message.encode()));
    }

    /// A moment after now, and not before the last one.
    fn after(&mut self, last: Option<Instant>) -> Instant {
        let at = Instant::now() + Duration::from_millis(self.rng.u64(0..=DELAY_MS));
        last.map_or(at, |last| last.max(at))
    }

    async fn depart(&mut self, stream: &mut DuplexStream) -> Option<End> {
        let (_, bytes) = self.outgoing.pop_front()?;
        let cut = {
            let mut world = self.world.lock();
            world.note(&format!("switch {} -> {} bytes", self.switch, bytes.len()), &bytes);
            let cut = &mut world.switches[self.switch].faults.cut;
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            match *cut {
                Some((false, left)) if left < length => cut.take().map(|_| left as usize),
                Some((false, left)) => {
                    *cut = Some((false, left - length));
                    None
                }
                _ => None,
            }
        };
        let written = stream.write_all(&bytes[..cut.unwrap_or(bytes.len())]).await;
        if cut.is_some() {
            return Some(End::Cut);
        }
        written.err().map(|_| End::Closed)
    }

    /// The controller has been silent.
    fn alarm(&mut self) -> Option<End> {
        if self.probed {
            return Some(End::Silent);
        }
        self.probed = true;
        self.say(&Message { xid: 0, body: Body::EchoRequest(Bytes::new()) });
        None
    }
}
