//! What a switch does for us, one thing after the other: batches, and the reading of its tables. Packets don't wait for it.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use brain::{Batch, SwitchCommand, SwitchEvent};
use ofp::{
    Body, FlowStats, FlowStatsRequest, Message, MeterStats, MultipartReply, MultipartRequest, NO_BUFFER, PacketOut,
    StatsReply, StatsRequest, meter_id,
};
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::batch::{self, BatchRun, Failure, Wire};
use super::conn::Fault;
use super::read_back::{self, ReadBack};
use super::session::Session;
use super::words;
use crate::daemon::Shared;

/// How long a batch or the reading of the tables may take.
const WORK_MAX: Duration = Duration::from_secs(120);
/// Between two bundles a switch that forwards for us has so much time for that.
const REST: Duration = Duration::from_millis(2);
/// Commands that may wait behind the one in work. The brain waits for its answers, so more is a fault.
const BACKLOG_MAX: usize = 64;
/// Rows that count drops: a few for each port of a bridge.
const COUNTED_MAX: usize = 100_000;
/// As many meters as Open vSwitch can have.
const METERS_MAX: usize = 262_144;

/// What is done, and what waits.
pub(super) struct Work {
    doing: Option<Doing>,
    since: Instant,
    backlog: VecDeque<SwitchCommand>,
    bundles: u32,
    /// The last batch that was refused, or that followed one and was left out.
    void: Option<u64>,
    /// How long the switch took to open the bundle in work.
    opening: Duration,
    /// When its commit was sent, and how long its answer took.
    commit_at: Option<Instant>,
    commit: Duration,
    rest_until: Option<Instant>,
    /// The question for what is counted of drops, and the answer so far.
    counting: Option<Counting>,
    pub(super) turn: Turn,
}

/// The first of two numbers, which parts are still to come, and what has come.
struct Counting {
    first_xid: u32,
    open: [bool; 2],
    rows: Vec<FlowStats>,
    meters: Vec<MeterStats>,
}

enum Doing {
    Batch { run: BatchRun, gentle: bool },
    ReadBack { run: ReadBack, turn: OwnedSemaphorePermit },
}

type Acquiring = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// The wait for one's turn to have tables read: it keeps its place while other things happen.
#[derive(Default)]
pub(super) struct Turn(Option<Acquiring>);

impl Turn {
    /// Waits for the turn that was asked for; safe to drop at its await.
    pub(super) async fn wait(&mut self) -> OwnedSemaphorePermit {
        match &mut self.0 {
            // The semaphore is never closed.
            Some(acquiring) => match acquiring.await {
                Ok(permit) => {
                    self.0 = None;
                    permit
                }
                Err(_) => pending().await,
            },
            None => pending().await,
        }
    }

    fn ask(&mut self, shared: &Shared) {
        if self.0.is_none() {
            self.0 = Some(Box::pin(Arc::clone(&shared.sessions.turns).acquire_owned()));
        }
    }
}

impl Work {
    pub(super) fn new() -> Work {
        Work {
            doing: None,
            since: Instant::now(),
            backlog: VecDeque::new(),
            bundles: 0,
            void: None,
            opening: Duration::ZERO,
            commit_at: None,
            commit: Duration::ZERO,
            rest_until: None,
            counting: None,
            turn: Turn::default(),
        }
    }

    /// When something is due.
    pub(super) fn alarm(&self) -> Option<Instant> {
        match &self.doing {
            Some(_) => Some(self.since + WORK_MAX),
            None => self.rest_until.filter(|_| !self.backlog.is_empty()),
        }
    }

    /// Whether the switch has taken too long.
    pub(super) fn check(&self, now: Instant) -> Result<(), Fault> {
        if self.doing.is_some() && now >= self.since + WORK_MAX {
            return Err(Fault::Silent(format!("the switch did not finish its work in {} s", WORK_MAX.as_secs())));
        }
        Ok(())
    }

    fn begin(&mut self, doing: Doing) {
        self.doing = Some(doing);
        self.since = Instant::now();
        (self.opening, self.commit_at, self.commit) = (Duration::ZERO, None, Duration::ZERO);
    }

    /// Whether the next command may begin: a bundle waits until the switch has had its rest.
    fn may_begin(&mut self) -> bool {
        let gentle = matches!(self.backlog.front(), Some(SwitchCommand::Batch(batch)) if batch.gentle);
        let rests = gentle && self.rest_until.is_some_and(|until| Instant::now() < until);
        if !rests {
            self.rest_until = None;
        }
        !rests
    }

    /// Whether a batch is void because the one that it follows is. Then it is void for those that follow it.
    fn leaves_out(&mut self, batch: &Batch) -> bool {
        let void = batch.follows.is_some() && batch.follows == self.void;
        if void {
            self.void = Some(batch.number);
        }
        void
    }
}

impl Session {
    pub(super) fn obey(&mut self, command: SwitchCommand) -> Result<(), Fault> {
        match command {
            SwitchCommand::Close { reason } => Err(Fault::Ordered(reason)),
            SwitchCommand::PacketOut { in_port, actions, data } => {
                self.packet_out(PacketOut { buffer_id: NO_BUFFER, in_port, actions, data: data.into() })
            }
            SwitchCommand::CountDrops { cookie } => self.count_drops(cookie),
            SwitchCommand::Batch(_) | SwitchCommand::ReadBack if self.work.backlog.len() >= BACKLOG_MAX => {
                Err(Fault::Limit(format!("more than {BACKLOG_MAX} commands wait")))
            }
            SwitchCommand::Batch(_) | SwitchCommand::ReadBack => {
                self.work.backlog.push_back(command);
                Ok(())
            }
        }
    }

    /// Carries out what waits, in order, until the switch is busy.
    pub(super) fn work_on(&mut self) -> Result<(), Fault> {
        while self.work.doing.is_none() && !self.work.backlog.is_empty() && self.work.may_begin() {
            if matches!(self.work.backlog.front(), Some(SwitchCommand::ReadBack)) {
                self.work.turn.ask(&self.shared);
                return Ok(());
            }
            if let Some(SwitchCommand::Batch(batch)) = self.work.backlog.pop_front()
                && !self.work.leaves_out(&batch)
            {
                self.start_batch(batch)?;
            }
        }
        Ok(())
    }

    /// It is this switch's turn to have its tables read.
    pub(super) fn read_back(&mut self, turn: OwnedSemaphorePermit) -> Result<(), Fault> {
        let Some(SwitchCommand::ReadBack) = self.work.backlog.front() else { return Ok(()) };
        self.work.backlog.pop_front();
        self.watch()?;
        let (run, messages) = ReadBack::start(self.outgoing.xids(ReadBack::XIDS));
        self.work.begin(Doing::ReadBack { run, turn });
        messages.iter().try_for_each(|message| self.outgoing.send(message))
    }

    fn start_batch(&mut self, batch: Batch) -> Result<(), Fault> {
        let (number, gentle) = (batch.number, batch.gentle);
        let first_xid = self.outgoing.xids(BatchRun::xids_needed(&batch));
        self.work.bundles = self.work.bundles.wrapping_add(1);
        let operations = operations(&batch);
        match BatchRun::start(batch, first_xid, self.work.bundles) {
            Ok((run, first)) => {
                self.count_operations(operations);
                self.work.begin(Doing::Batch { run, gentle });
                self.outgoing.send_wire(first)
            }
            Err(failure) => self.batch_ended(number, Some(failure)),
        }
    }

    /// Asks for the rows that count drops and for the meters, unless that is asked already: who asks meanwhile gets the same answer.
    fn count_drops(&mut self, cookie: u64) -> Result<(), Fault> {
        if self.work.counting.is_some() {
            return Ok(());
        }
        let first_xid = self.outgoing.xids(2);
        self.work.counting = Some(Counting { first_xid, open: [true; 2], rows: Vec::new(), meters: Vec::new() });
        let rows = FlowStatsRequest { cookie, cookie_mask: u64::MAX, ..FlowStatsRequest::default() };
        let questions = [StatsRequest::Flow(rows), StatsRequest::MeterStats(meter_id::ALL)];
        (first_xid..)
            .zip(questions)
            .try_for_each(|(xid, body)| self.outgoing.send(&Message::new(xid, MultipartRequest { more: false, body })))
    }

    /// A part of the answer, or an error in its place: true, if the message was that.
    fn counting_hears(&mut self, message: &Message) -> Result<bool, Fault> {
        let Some(counting) = &mut self.work.counting else { return Ok(false) };
        let which = message.xid.checked_sub(counting.first_xid).and_then(|which| usize::try_from(which).ok());
        let Some(open) = which.and_then(|which| counting.open.get_mut(which)).filter(|open| **open) else {
            return Ok(false);
        };
        match &message.body {
            Body::MultipartReply(MultipartReply { more, body: StatsReply::Flow(part) }) => {
                counting.rows.extend_from_slice(part);
                *open = *more && counting.rows.len() < COUNTED_MAX;
            }
            Body::MultipartReply(MultipartReply { more, body: StatsReply::MeterStats(part) }) => {
                counting.meters.extend_from_slice(part);
                *open = *more && counting.meters.len() < METERS_MAX;
            }
            Body::Error(_) => *open = false,
            _ => return Ok(false),
        }
        if !counting.open.contains(&true)
            && let Some(Counting { rows, meters, .. }) = self.work.counting.take()
        {
            self.news.tell(SwitchEvent::Drops { rows, meters }, None)?;
        }
        Ok(true)
    }

    /// An answer, or an error, that should be about the work.
    pub(super) fn work_hears(&mut self, message: Message) -> Result<(), Fault> {
        if self.counting_hears(&message)? {
            return Ok(());
        }
        let error = match &message.body {
            Body::Error(error) => Some(error.clone()),
            _ => None,
        };
        let known = match &mut self.work.doing {
            Some(Doing::Batch { run, .. }) => {
                let step = run.step(&message);
                let known = step != batch::Step::Foreign;
                self.batch_step(step)?;
                known
            }
            Some(Doing::ReadBack { run, .. }) => match run.step(message) {
                read_back::Step::Foreign => false,
                read_back::Step::Waiting => true,
                read_back::Step::Done(tables) => {
                    self.was_read(tables)?;
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

    fn was_read(&mut self, tables: SwitchEvent) -> Result<(), Fault> {
        let Some(Doing::ReadBack { turn, .. }) = self.work.doing.take() else { return Ok(()) };
        self.shared.metrics.read_back_seconds.observe(self.work.since.elapsed().as_secs_f64());
        // The next switch has its turn when the brain has taken these tables.
        self.news.tell(tables, Some(turn))
    }

    fn batch_step(&mut self, step: batch::Step) -> Result<(), Fault> {
        let failure = match step {
            batch::Step::Foreign | batch::Step::Waiting => return Ok(()),
            batch::Step::Send(wire) => return self.outgoing.send_wire(wire),
            batch::Step::Commit(wire) => return self.commit(wire),
            batch::Step::Opened => {
                self.work.opening = self.work.since.elapsed();
                return Ok(());
            }
            batch::Step::Committed => {
                let answered = self.work.commit_at.take().map_or(Duration::ZERO, |sent| sent.elapsed());
                self.work.commit = answered.saturating_sub(self.work.opening);
                self.shared.metrics.commit_seconds.observe(self.work.commit.as_secs_f64());
                return Ok(());
            }
            batch::Step::Done => None,
            batch::Step::Failed(failure) => Some(failure),
        };
        let Some(Doing::Batch { run, gentle }) = self.work.doing.take() else { return Ok(()) };
        self.work.rest_until = gentle.then(|| Instant::now() + REST);
        self.batch_ended(run.number(), failure)
    }

    fn commit(&mut self, wire: Wire) -> Result<(), Fault> {
        self.work.commit_at = Some(Instant::now());
        self.outgoing.send_wire(wire)
    }

    fn batch_ended(&mut self, batch: u64, failure: Option<Failure>) -> Result<(), Fault> {
        let mut labels = self.dpid.clone();
        labels.push(("result", if failure.is_none() { "done" } else { "failed" }.to_owned()));
        self.shared.metrics.batches.get_or_create(&labels).inc();
        let event = match failure {
            None => {
                let commit_us = u64::try_from(self.work.commit.as_micros()).unwrap_or(u64::MAX);
                SwitchEvent::BatchDone { batch, commit_us }
            }
            Some(Failure { operation, error }) => {
                self.work.void = Some(batch);
                self.shared.metrics.bundle_failures.get_or_create(&self.dpid).inc();
                tracing::warn!(session = self.id.0, batch, ?operation, "batch refused: {error}");
                SwitchEvent::BatchFailed { batch, operation, error }
            }
        };
        self.news.tell(event, None)
    }

    fn count_operations(&self, [flows, groups, meters]: [u64; 3]) {
        let metrics = &self.shared.metrics;
        for (family, by) in [(&metrics.flow_mods, flows), (&metrics.group_mods, groups), (&metrics.meter_mods, meters)]
        {
            family.get_or_create(&self.dpid).inc_by(by);
        }
    }
}

/// How many operations of a batch change flows, groups and meters.
fn operations(batch: &Batch) -> [u64; 3] {
    let count = |name| batch.operations.iter().filter(|body| words::kind(body) == name).count() as u64;
    ["flow_mod", "group_mod", "meter_mod"].map(count)
}
