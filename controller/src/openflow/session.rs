//! One session from its first byte to its last: handshake, then messages, commands and silence, in one loop.

use std::sync::Arc;
use std::time::Duration;

use brain::{Event, Punt, SessionId, SwitchEvent};
use bytes::Bytes;
use ofp::{Body, ErrorMsg, Message, MultipartReply, PacketIn2, PacketOut, PortStatus, StatsReply, VERSION};
use proto::v1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::conn::{Fault, Incoming, Outgoing};
use super::handshake::{Switch, shake};
use super::news::News;
use super::pipe::Pipe;
use super::sessions::{Commands, Door};
use super::watch::Watch;
use super::words;
use super::work::Work;
use crate::daemon::Shared;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After so much silence the switch is asked for a sign of life,
const ECHO_AFTER: Duration = Duration::from_secs(5);
/// and after so much the session ends.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How long a session's last words may take.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// A packet-out is dropped while more bytes than this wait to be written.
const PACKET_OUT_BYTES_MAX: usize = 4 << 20;

/// Runs a session to its end, whatever that is, and tells the brain if it was up.
pub(crate) async fn run<R, W>(reader: R, writer: W, peer: String, shared: Arc<Shared>, stop: CancellationToken)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let id = shared.sessions.number();
    // A task of its own, so that a panic costs this session only.
    let conversation = converse(id, reader, writer, peer.clone(), Arc::clone(&shared), stop);
    let ended = AbortOnDropHandle::new(tokio::spawn(conversation)).await;
    let (reason, label) = match ended {
        Ok(fault) => (fault.to_string(), fault.label()),
        Err(error) => (format!("internal fault: {error}"), Some("internal")),
    };
    if let Some(label) = label {
        shared.metrics.session_faults.get_or_create(&vec![("reason", label.to_owned())]).inc();
        tracing::warn!(session = id.0, peer, "OpenFlow session ended: {reason}");
    } else {
        tracing::info!(session = id.0, peer, "OpenFlow session ended: {reason}");
    }
    if shared.sessions.remove(id) {
        drop_packets(&shared, "session_ended", shared.inbox.forget_packets(id));
        // Fails when the daemon is stopping, and the brain with it.
        let _ = shared.inbox.push(Event::Switch(id, SwitchEvent::Down { reason })).await;
    } else if label.is_some() {
        let message = format!("OpenFlow connection {peer} came to nothing: {reason}");
        shared.happenings.tell(v1::Event { r#type: "session.refused".to_owned(), message, ..v1::Event::default() });
    }
}

async fn converse<R, W>(
    id: SessionId,
    reader: R,
    writer: W,
    peer: String,
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Fault
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut incoming = Incoming::new(reader, Arc::clone(&shared));
    let (pipe, writing) = Pipe::new(writer);
    let mut outgoing = Outgoing::new(Arc::clone(&pipe), Arc::clone(&shared));
    let mut writing = AbortOnDropHandle::new(tokio::spawn(writing));
    let shaken = tokio::select! {
        biased;
        () = stop.cancelled() => Err(Fault::Stopping),
        shaken = timeout(HANDSHAKE_MAX, shake(&mut incoming, &mut outgoing)) => shaken
            .unwrap_or_else(|_| Err(Fault::Silent("the handshake took too long".to_owned()))),
    };
    let fault = match shaken {
        Err(fault) => fault,
        Ok(switch) => {
            let (door, commands) = Door::new(switch.dpid, pipe);
            let mut session = Session::new(id, &switch, outgoing, Arc::clone(&shared));
            // In this order, and not by chance: a run can be repeated to the letter.
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => Err(Fault::Stopping),
                ended = session.talk(switch, door, commands, &mut incoming, &peer) => ended,
                written = &mut writing => Err(match written {
                    Ok(Err(error)) => Fault::Io(error),
                    Ok(Ok(())) | Err(_) => Fault::Closed,
                }),
            };
            outgoing = session.outgoing;
            match ended {
                Err(fault) => fault,
                Ok(never) => match never {},
            }
        }
    };
    drop(outgoing);
    if !writing.is_finished() {
        // Whether they arrive or not, the session is over.
        drop(timeout(LAST_WORDS_MAX, writing).await);
    }
    fault
}

/// A session that is up.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) dpid: Vec<(&'static str, String)>,
    pub(super) outgoing: Outgoing,
    pub(super) shared: Arc<Shared>,
    pub(super) news: News,
    pub(super) work: Work,
    pub(super) watch: Watch,
}

enum Never {}

impl Session {
    fn new(id: SessionId, switch: &Switch, outgoing: Outgoing, shared: Arc<Shared>) -> Session {
        let news = News::new(id, Arc::clone(&shared));
        let dpid = vec![("dpid", switch.dpid.to_string())];
        Session { id, dpid, outgoing, shared, news, work: Work::new(), watch: Watch::default() }
    }

    /// Tells the brain that the switch is up, then serves both until there is a reason to end.
    async fn talk<R: AsyncRead + Unpin>(
        &mut self,
        switch: Switch,
        door: Door,
        mut commands: Commands,
        incoming: &mut Incoming<R>,
        peer: &str,
    ) -> Result<Never, Fault> {
        let Switch { dpid, ports, news, made_by } = switch;
        tracing::info!(session = self.id.0, peer, %dpid, made_by, ports = ports.len(), "OpenFlow session is up");
        self.shared.sessions.enter(self.id, door);
        self.news.tell(SwitchEvent::Up { dpid, ports, peer: peer.to_owned() }, None)?;
        for status in news {
            self.news.tell(port_event(status), None)?;
        }
        let shared = Arc::clone(&self.shared);
        let mut heard = Instant::now();
        let mut asked = false;
        loop {
            let silence = heard + if asked { SILENCE_MAX } else { ECHO_AFTER };
            let alarm = self.work.alarm().map_or(silence, |at| at.min(silence));
            // In this order, and not by chance: a run can be repeated to the letter. The brain's commands and its room have a
            // limit, so they starve nothing; a switch's messages have none. Nothing here keeps us from reading on: what a
            // switch can't send it drops, and nobody is told.
            tokio::select! {
                biased;
                command = commands.next() => {
                    // The door is in the registry until the session ends.
                    let command = command.ok_or(Fault::Stopping)?;
                    self.obey(command)?;
                    commands.obeyed();
                }
                turn = self.work.turn.wait() => self.read_back(turn)?,
                room = shared.inbox.room(), if !self.news.is_empty() => {
                    self.news.deliver(room.map_err(|_| Fault::Stopping)?)?;
                }
                message = incoming.next() => {
                    self.hear(message?)?;
                    heard = Instant::now();
                    // A switch that never falls silent must finish its work too.
                    asked = self.alarm(heard, false)?;
                }
                () = sleep_until(alarm) => asked = self.alarm(heard, asked)?,
            }
            self.work_on()?;
            // A switch that sends without end does not keep a thread from the others.
            consume_budget().await;
        }
    }

    /// Something is due, or it has been silent for some time. Whether an echo is on its way.
    fn alarm(&mut self, heard: Instant, asked: bool) -> Result<bool, Fault> {
        let now = Instant::now();
        self.work.check(now)?;
        if now >= heard + SILENCE_MAX {
            return Err(Fault::Silent(format!("no sign of life for {} s", SILENCE_MAX.as_secs())));
        }
        if !asked && now >= heard + ECHO_AFTER {
            self.outgoing.ask(Body::EchoRequest(Bytes::new()))?;
            return Ok(true);
        }
        Ok(asked)
    }

    fn hear(&mut self, message: Message) -> Result<(), Fault> {
        match message.body {
            Body::PacketIn2(packet) => {
                self.packet_in(packet);
                Ok(())
            }
            Body::PacketIn(_) => {
                drop_packets(&self.shared, "format", 1);
                Ok(())
            }
            Body::EchoRequest(data) => self.outgoing.send(&Message { xid: message.xid, body: Body::EchoReply(data) }),
            Body::PortStatus(status) => self.news.tell(port_event(status), None),
            Body::MultipartReply(MultipartReply { body: StatsReply::FlowMonitor(updates), .. }) => {
                match self.watch.told(updates, Instant::now()) {
                    Some(changed) => self.news.tell(changed, None),
                    None => Ok(()),
                }
            }
            Body::Error(error) if self.watch.asked == Some(message.xid) => {
                self.unwatched(&error);
                Ok(())
            }
            Body::Error(_) | Body::BarrierReply | Body::BundleControl(_) | Body::MultipartReply(_) => {
                self.work_hears(message)
            }
            Body::Unknown { version, .. } if version != VERSION => {
                Err(Fault::Version(format!("the switch changed to version {version:#04x} of OpenFlow")))
            }
            other => {
                tracing::debug!(session = self.id.0, "{} is of no interest", words::kind(&other));
                Ok(())
            }
        }
    }

    /// The switch does not tell what others do to its flows.
    fn unwatched(&self, error: &ErrorMsg) {
        let dpid = self.dpid.first().map(|(_, dpid)| dpid.as_str()).unwrap_or_default();
        let message = format!(
            "bridge {dpid} does not tell of changes by others ({}): they are found when it connects anew",
            words::error(error)
        );
        self.shared.happenings.tell(v1::Event {
            r#type: "session.unwatched".to_owned(),
            message,
            ..v1::Event::default()
        });
    }

    fn packet_in(&self, packet: PacketIn2) {
        let feature = packet.userdata.first().copied().unwrap_or(0);
        self.shared.metrics.packet_ins.get_or_create(&[("feature", u32::from(feature))]).inc();
        let Some(in_port) = packet.in_port() else {
            drop_packets(&self.shared, "no_port", 1);
            return;
        };
        let punt = Punt {
            in_port,
            metadata: packet.metadata,
            userdata: packet.userdata.to_vec(),
            data: packet.packet.to_vec(),
        };
        if let Some((session, dropped)) = self.shared.inbox.push_packet(self.id, punt) {
            self.count_overflow(session, &dropped);
        }
    }

    /// A packet that had no room in the brain's queue: it may be another session's.
    fn count_overflow(&self, session: SessionId, punt: &Punt) {
        drop_packets(&self.shared, "queue_full", 1);
        let dpid = self.shared.sessions.dpid(session).map_or_else(String::new, |dpid| dpid.to_string());
        let labels =
            vec![("dpid", dpid), ("port", punt.in_port.0.to_string()), ("class", punt.class_name().to_owned())];
        self.shared.metrics.count("sextant_packet_overflows_total", labels, 1);
    }

    pub(super) fn packet_out(&mut self, packet: PacketOut) -> Result<(), Fault> {
        if self.outgoing.queued_bytes() > PACKET_OUT_BYTES_MAX {
            drop_packets(&self.shared, "switch_slow", 1);
            return Ok(());
        }
        match self.outgoing.ask(packet) {
            Err(Fault::TooLong(_)) => drop_packets(&self.shared, "too_long", 1),
            sent => {
                sent?;
                self.shared.metrics.packet_outs.get_or_create(&self.dpid).inc();
            }
        }
        Ok(())
    }

    pub(super) fn count_error(&self, error: &ErrorMsg, known: bool) {
        let mut labels = self.dpid.clone();
        labels.push(("error", error.to_string()));
        self.shared.metrics.switch_errors.get_or_create(&labels).inc();
        if !known {
            tracing::warn!(session = self.id.0, "the switch reports {}", words::error(error));
        }
    }
}

fn port_event(status: PortStatus) -> SwitchEvent {
    SwitchEvent::Port { reason: status.reason, port: status.desc }
}

fn drop_packets(shared: &Shared, reason: &str, count: usize) {
    if count > 0 {
        let labels = vec![("reason", reason.to_owned())];
        shared.metrics.packet_drops.get_or_create(&labels).inc_by(count as u64);
    }
}
