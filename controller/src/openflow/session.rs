//! One session from its first byte to its last: handshake, then messages, commands and silence, in one loop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use brain::{Batch, Event, Punt, SessionId, SwitchCommand, SwitchEvent};
use bytes::Bytes;
use ofp::{Body, ErrorMsg, Message, NO_BUFFER, PacketIn2, PacketOut, PortStatus, VERSION};
use proto::v1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::batch::{self, BatchRun, Failure};
use super::conn::{Fault, Incoming, Outgoing};
use super::handshake::{Switch, shake};
use super::read_back::{self, ReadBack};
use super::sessions::{Commands, Door};
use super::words;
use crate::daemon::Shared;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After so much silence the switch is asked for a sign of life,
const ECHO_AFTER: Duration = Duration::from_secs(5);
/// and after so much the session ends.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How long a batch or the reading of the tables may take.
const WORK_MAX: Duration = Duration::from_secs(120);
/// How long a session's last words may take.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// Commands that may wait behind the one in work. The brain waits for its answers, so more is a fault.
const BACKLOG_MAX: usize = 4096;
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
    let (mut outgoing, writing) = Outgoing::new(writer, Arc::clone(&shared));
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
            let (door, commands) = Door::new();
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
struct Session {
    id: SessionId,
    dpid: Vec<(&'static str, String)>,
    outgoing: Outgoing,
    shared: Arc<Shared>,
    work: Option<Work>,
    work_until: Instant,
    backlog: VecDeque<SwitchCommand>,
    bundles: u32,
}

/// What the switch is busy with for us.
enum Work {
    Batch(BatchRun),
    ReadBack(ReadBack),
}

enum Never {}

impl Session {
    fn new(id: SessionId, switch: &Switch, outgoing: Outgoing, shared: Arc<Shared>) -> Session {
        Session {
            id,
            dpid: vec![("dpid", switch.dpid.to_string())],
            outgoing,
            shared,
            work: None,
            work_until: Instant::now(),
            backlog: VecDeque::new(),
            bundles: 0,
        }
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
        self.tell(SwitchEvent::Up { dpid, ports, peer: peer.to_owned() }).await?;
        for status in news {
            self.tell(port_event(status)).await?;
        }
        let mut heard = Instant::now();
        let mut asked = false;
        loop {
            let alarm = heard + if asked { SILENCE_MAX } else { ECHO_AFTER };
            let alarm = if self.work.is_some() { alarm.min(self.work_until) } else { alarm };
            // In this order, and not by chance: a run can be repeated to the letter. The brain's commands have a limit, so
            // they starve nothing; a switch's messages have none.
            tokio::select! {
                biased;
                command = commands.next() => {
                    // The door is in the registry until the session ends.
                    let command = command.ok_or(Fault::Stopping)?;
                    self.obey(command)?;
                }
                message = incoming.next() => {
                    self.hear(message?).await?;
                    // Now, not before: while we waited for the brain we could not hear.
                    heard = Instant::now();
                    // A switch that never falls silent must finish its work too.
                    asked = self.alarm(heard, false)?;
                }
                () = sleep_until(alarm) => asked = self.alarm(heard, asked)?,
            }
            self.work_on(&commands).await?;
        }
    }

    /// It has been silent for some time. Whether an echo is on its way.
    fn alarm(&mut self, heard: Instant, asked: bool) -> Result<bool, Fault> {
        let now = Instant::now();
        if self.work.is_some() && now >= self.work_until {
            return Err(Fault::Silent(format!("the switch did not finish its work in {} s", WORK_MAX.as_secs())));
        }
        if now >= heard + SILENCE_MAX {
            return Err(Fault::Silent(format!("no sign of life for {} s", SILENCE_MAX.as_secs())));
        }
        if !asked && now >= heard + ECHO_AFTER {
            self.outgoing.ask(Body::EchoRequest(Bytes::new()))?;
            return Ok(true);
        }
        Ok(asked)
    }

    async fn hear(&mut self, message: Message) -> Result<(), Fault> {
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
            Body::PortStatus(status) => self.tell(port_event(status)).await,
            Body::Error(_) | Body::BarrierReply | Body::BundleControl(_) | Body::MultipartReply(_) => {
                self.work_hears(message).await
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
        drop_packets(&self.shared, "queue_full", self.shared.inbox.push_packet(self.id, punt));
    }

    /// An answer, or an error, that should be about the work.
    async fn work_hears(&mut self, message: Message) -> Result<(), Fault> {
        let error = match &message.body {
            Body::Error(error) => Some(error.clone()),
            _ => None,
        };
        let known = match &mut self.work {
            Some(Work::Batch(run)) => {
                let step = run.step(&message);
                let known = step != batch::Step::Foreign;
                self.batch_step(step).await?;
                known
            }
            Some(Work::ReadBack(run)) => match run.step(message) {
                read_back::Step::Foreign => false,
                read_back::Step::Waiting => true,
                read_back::Step::Done(tables) => {
                    self.work = None;
                    self.tell(tables).await?;
                    true
                }
                read_back::Step::Failed(error) => return Err(Fault::Limit(error)),
            },
            None => false,
        };
        if let Some(error) = error {
            self.count_error(&error, known);
        }
        Ok(())
    }

    async fn batch_step(&mut self, step: batch::Step) -> Result<(), Fault> {
        let failure = match step {
            batch::Step::Foreign | batch::Step::Waiting => return Ok(()),
            batch::Step::Send(messages) => return self.send_all(&messages),
            batch::Step::Done => None,
            batch::Step::Failed(failure) => Some(failure),
        };
        let Some(Work::Batch(run)) = self.work.take() else { return Ok(()) };
        self.batch_ended(run.number(), failure).await
    }

    async fn batch_ended(&mut self, batch: u64, failure: Option<Failure>) -> Result<(), Fault> {
        let mut labels = self.dpid.clone();
        labels.push(("result", if failure.is_none() { "done" } else { "failed" }.to_owned()));
        self.shared.metrics.batches.get_or_create(&labels).inc();
        match failure {
            None => self.tell(SwitchEvent::BatchDone { batch }).await,
            Some(Failure { operation, error }) => {
                self.shared.metrics.bundle_failures.get_or_create(&self.dpid).inc();
                tracing::warn!(session = self.id.0, batch, ?operation, "batch refused: {error}");
                self.tell(SwitchEvent::BatchFailed { batch, operation, error }).await
            }
        }
    }

    fn obey(&mut self, command: SwitchCommand) -> Result<(), Fault> {
        if let SwitchCommand::Close { reason } = command {
            return Err(Fault::Ordered(reason));
        }
        if self.backlog.len() >= BACKLOG_MAX {
            return Err(Fault::Limit(format!("more than {BACKLOG_MAX} commands wait")));
        }
        self.backlog.push_back(command);
        Ok(())
    }

    /// Carries out what waits, in order, until the switch is busy.
    async fn work_on(&mut self, commands: &Commands) -> Result<(), Fault> {
        while self.work.is_none()
            && let Some(command) = self.backlog.pop_front()
        {
            match command {
                SwitchCommand::Batch(batch) => self.start_batch(batch).await?,
                SwitchCommand::ReadBack => {
                    let (run, messages) = ReadBack::start(self.outgoing.xids(ReadBack::XIDS));
                    self.send_all(&messages)?;
                    self.work_until = Instant::now() + WORK_MAX;
                    self.work = Some(Work::ReadBack(run));
                }
                SwitchCommand::PacketOut { in_port, actions, data } => {
                    commands.packet_out_done();
                    let packet = PacketOut { buffer_id: NO_BUFFER, in_port, actions, data: data.into() };
                    self.packet_out(packet)?;
                }
                SwitchCommand::Close { reason } => return Err(Fault::Ordered(reason)),
            }
        }
        Ok(())
    }

    async fn start_batch(&mut self, batch: Batch) -> Result<(), Fault> {
        let number = batch.number;
        let first_xid = self.outgoing.xids(BatchRun::xids_needed(&batch));
        self.bundles = self.bundles.wrapping_add(1);
        self.work_until = Instant::now() + WORK_MAX;
        match BatchRun::start(batch, first_xid, self.bundles) {
            Ok((run, messages)) => {
                self.count_operations(run.operations());
                self.work = Some(Work::Batch(run));
                self.send_all(&messages)
            }
            Err(failure) => self.batch_ended(number, Some(failure)).await,
        }
    }

    fn packet_out(&mut self, packet: PacketOut) -> Result<(), Fault> {
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

    fn send_all(&self, messages: &[Message]) -> Result<(), Fault> {
        messages.iter().try_for_each(|message| self.outgoing.send(message))
    }

    fn count_operations(&self, operations: &[Body]) {
        let count = |kind: fn(&Body) -> bool| operations.iter().filter(|body| kind(body)).count() as u64;
        let metrics = &self.shared.metrics;
        for (family, by) in [
            (&metrics.flow_mods, count(|body| matches!(body, Body::FlowMod(_)))),
            (&metrics.group_mods, count(|body| matches!(body, Body::GroupMod(_)))),
            (&metrics.meter_mods, count(|body| matches!(body, Body::MeterMod(_)))),
        ] {
            family.get_or_create(&self.dpid).inc_by(by);
        }
    }

    fn count_error(&self, error: &ErrorMsg, known: bool) {
        let mut labels = self.dpid.clone();
        labels.push(("error", error.to_string()));
        self.shared.metrics.switch_errors.get_or_create(&labels).inc();
        if !known {
            tracing::warn!(session = self.id.0, "the switch reports {}", words::error(error));
        }
    }

    async fn tell(&self, event: SwitchEvent) -> Result<(), Fault> {
        self.shared.inbox.push(Event::Switch(self.id, event)).await.map_err(|_| Fault::Stopping)
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
