//! One batch of changes on its way: what to send, and what the answers mean. No I/O.
//!
//! 1. Leading meters, plainly; then the bundle is opened and filled; then a barrier. OVS reports errors before the barrier's
//!    reply, and an add that failed does not void its bundle: only a barrier without errors leads to a commit.
//! 2. Commit and barrier; the bundle is atomic, so a commit that fails changes nothing.
//! 3. Trailing meters and a barrier, if there are any.
//!
//! An error in 1 leads to a discard instead. Every message has a number of its own, so that an error names its operation.

use std::ops::Range;

use brain::Batch;
use bytes::{Bytes, BytesMut};
use ofp::{Bad, Body, BundleControl, BundleCtrlType, ErrorMsg, Message, MeterModCommand, bundle_flags};

use super::words;

/// `OFPET_METER_MOD_FAILED` and its `OFPMMFC_UNKNOWN_METER` (OpenFlow 1.3.5, 7.4.4).
const UNKNOWN_METER: (u16, u16) = (12, 3);
const FLAGS: u16 = bundle_flags::ATOMIC | bundle_flags::ORDERED;

/// A batch that was sent, at least in part.
#[derive(Debug)]
pub(crate) struct BatchRun {
    number: u64,
    /// Which operations are meters' deletes.
    meter_deletes: Vec<usize>,
    has_bundle: bool,
    /// The meters after the bundle.
    trailing: Option<Wire>,
    bundle_id: u32,
    xids: Xids,
    stage: Stage,
    opened: bool,
    committed: bool,
    failure: Option<Failure>,
}

/// Messages as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) bytes: Bytes,
    /// How many messages there are of each kind, as metrics name it.
    pub(crate) kinds: Vec<(&'static str, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Filling,
    Committing,
    Trailing,
    Discarding,
}

/// The numbers of its messages, in a row.
#[derive(Clone, Copy, Debug)]
struct Xids {
    first: u32,
    operations: u32,
}

/// Why a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which operation the switch named.
    pub(crate) operation: Option<usize>,
    /// The error's name, and the switch's words.
    pub(crate) error: String,
}

/// What a message meant to the batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is about something else.
    Foreign,
    /// More is to come.
    Waiting,
    /// Now this is sent.
    Send(Wire),
    /// Now this is sent: the bundle's commit.
    Commit(Wire),
    /// The bundle is open; more is to come.
    Opened,
    /// The commit was answered; more is to come.
    Committed,
    /// All of it is in effect.
    Done,
    /// The bundle had no effect.
    Failed(Failure),
}

impl BatchRun {
    /// How many numbers a batch needs.
    pub(crate) fn xids_needed(batch: &Batch) -> u32 {
        u32::try_from(batch.operations.len()).unwrap_or(u32::MAX - Xids::CONTROLS).saturating_add(Xids::CONTROLS)
    }

    /// Starts a batch: its first messages. `first_xid` is the first of the numbers that it needs. If one of its operations can't
    /// be sent, nothing is.
    pub(crate) fn start(batch: Batch, first_xid: u32, bundle_id: u32) -> Result<(BatchRun, Wire), Failure> {
        let Batch { number, operations, .. } = batch;
        let Range { start, end } = bundled(&operations)?;
        let count = u32::try_from(operations.len())
            .map_err(|_| Failure { operation: None, error: "too many operations".to_owned() })?;
        let xids = Xids { first: first_xid, operations: count };
        let deletes = |body: &Body| matches!(body, Body::MeterMod(meter) if meter.command == MeterModCommand::Delete);
        let mut run = BatchRun {
            number,
            meter_deletes: (0..operations.len()).filter(|index| deletes(&operations[*index])).collect(),
            has_bundle: start < end,
            trailing: None,
            bundle_id,
            xids,
            stage: Stage::Filling,
            opened: false,
            committed: false,
            failure: None,
        };
        let (mut first, mut trailing) = (Encoder::default(), Encoder::default());
        for (xid, (index, body)) in (first_xid..).zip(operations.into_iter().enumerate()) {
            if index == start && run.has_bundle {
                first.put(&run.control(Control::Open));
            }
            let kind = words::kind(&body);
            let message = Message::new(xid, body);
            let fits = match index {
                _ if index >= end => trailing.try_put(&message),
                _ if index >= start => first.try_put(&message.in_bundle(bundle_id, FLAGS)),
                _ => first.try_put(&message),
            };
            fits.map_err(|bad| Failure {
                operation: Some(index),
                error: format!("a {kind} can't be sent, it is too long: {bad}"),
            })?;
        }
        first.put(&run.barrier(Control::Filled));
        if !trailing.is_empty() {
            trailing.put(&run.barrier(Control::Trailed));
            run.trailing = Some(trailing.finish());
        }
        Ok((run, first.finish()))
    }

    /// The batch's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Looks at a message from the switch.
    pub(crate) fn step(&mut self, message: &Message) -> Step {
        let Some(place) = self.xids.place(message.xid) else { return Step::Foreign };
        match (&message.body, place) {
            (Body::Error(error), place) => self.note(error, place),
            (Body::BarrierReply, Place::Control(control)) => return self.next(control),
            (Body::BundleControl(reply), Place::Control(control)) => return self.confirm(reply.kind, control),
            _ => return Step::Foreign,
        }
        Step::Waiting
    }

    fn confirm(&mut self, reply: BundleCtrlType, control: Control) -> Step {
        match (reply, control) {
            (BundleCtrlType::OpenReply, Control::Open) => {
                self.opened = true;
                Step::Opened
            }
            (BundleCtrlType::CommitReply, Control::Commit) => {
                self.committed = true;
                Step::Committed
            }
            _ => Step::Waiting,
        }
    }

    fn note(&mut self, error: &ErrorMsg, place: Place) {
        let operation = match place {
            Place::Operation(index) => Some(index),
            Place::Control(_) => None,
        };
        if self.stage == Stage::Discarding || self.is_gone_already(error, operation) {
            return;
        }
        // The first error stands, unless a later one says more: which operation it was.
        if self.failure.as_ref().is_none_or(|known| known.operation.is_none() && operation.is_some()) {
            self.failure = Some(Failure { operation, error: words::error(error) });
        }
    }

    /// A meter's delete that finds no meter has its wish.
    fn is_gone_already(&self, error: &ErrorMsg, operation: Option<usize>) -> bool {
        let deletes = operation.is_some_and(|index| self.meter_deletes.binary_search(&index).is_ok());
        deletes && (error.kind, error.code) == UNKNOWN_METER
    }

    /// A barrier's reply: nothing more comes about what was sent before it.
    fn next(&mut self, barrier: Control) -> Step {
        match (self.stage, barrier) {
            (Stage::Filling, Control::Filled) => self.filled(),
            (Stage::Committing, Control::Committed) => {
                if !self.committed {
                    self.doubt("the bundle's commit was not answered");
                }
                if self.failure.is_none()
                    && let Some(trailing) = self.trailing.take()
                {
                    self.stage = Stage::Trailing;
                    return Step::Send(trailing);
                }
                self.end()
            }
            (Stage::Trailing, Control::Trailed) | (Stage::Discarding, Control::Discarded) => self.end(),
            _ => Step::Foreign,
        }
    }

    fn filled(&mut self) -> Step {
        if !self.has_bundle {
            return self.end();
        }
        if !self.opened {
            self.doubt("the bundle's opening was not answered");
        }
        if self.failure.is_none() {
            self.stage = Stage::Committing;
            Step::Commit(self.with_barrier(Control::Commit, Control::Committed))
        } else {
            self.stage = Stage::Discarding;
            Step::Send(self.with_barrier(Control::Discard, Control::Discarded))
        }
    }

    fn with_barrier(&self, control: Control, barrier: Control) -> Wire {
        let mut encoder = Encoder::default();
        encoder.put(&self.control(control));
        encoder.put(&self.barrier(barrier));
        encoder.finish()
    }

    fn doubt(&mut self, error: &str) {
        self.failure.get_or_insert_with(|| Failure { operation: None, error: error.to_owned() });
    }

    fn end(&mut self) -> Step {
        self.failure.take().map_or(Step::Done, Step::Failed)
    }

    fn barrier(&self, control: Control) -> Message {
        Message::new(self.xids.of(control), Body::BarrierRequest)
    }

    fn control(&self, control: Control) -> Message {
        let kind = match control {
            Control::Commit => BundleCtrlType::CommitRequest,
            Control::Discard => BundleCtrlType::DiscardRequest,
            _ => BundleCtrlType::OpenRequest,
        };
        let body = BundleControl { bundle_id: self.bundle_id, kind, flags: FLAGS, properties: Bytes::new() };
        Message::new(self.xids.of(control), body)
    }
}

/// Messages put behind one another.
#[derive(Default)]
struct Encoder {
    bytes: BytesMut,
    kinds: Vec<(&'static str, u64)>,
}

impl Encoder {
    fn try_put(&mut self, message: &Message) -> Result<(), Bad> {
        message.try_encode_into(&mut self.bytes)?;
        let kind = words::kind(&message.body);
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
        Ok(())
    }

    /// A message of fixed length.
    fn put(&mut self, message: &Message) {
        let fits = self.try_put(message);
        debug_assert!(fits.is_ok(), "a {} is short", words::kind(&message.body));
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn finish(self) -> Wire {
        Wire { bytes: self.bytes.freeze(), kinds: self.kinds }
    }
}

/// The messages beside the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Open,
    Filled,
    Commit,
    Committed,
    Discard,
    Discarded,
    Trailed,
}

/// What a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Operation(usize),
    Control(Control),
}

impl Xids {
    const ALL: [Control; 7] = [
        Control::Open,
        Control::Filled,
        Control::Commit,
        Control::Committed,
        Control::Discard,
        Control::Discarded,
        Control::Trailed,
    ];
    const CONTROLS: u32 = 7;

    /// Operations first, then the controls.
    fn of(self, control: Control) -> u32 {
        self.first + self.operations + control as u32
    }

    fn place(self, xid: u32) -> Option<Place> {
        let offset = xid.checked_sub(self.first)?;
        if offset < self.operations {
            return Some(Place::Operation(usize::try_from(offset).ok()?));
        }
        let control = usize::try_from(offset - self.operations).ok()?;
        Xids::ALL.get(control).copied().map(Place::Control)
    }
}

/// Which operations go into the bundle: all but the meters at both ends.
fn bundled(operations: &[Body]) -> Result<Range<usize>, Failure> {
    let is_meter = |body: &Body| matches!(body, Body::MeterMod(_));
    let start = operations.iter().position(|body| !is_meter(body)).unwrap_or(operations.len());
    let end = operations.iter().rposition(|body| !is_meter(body)).map_or(start, |last| last + 1);
    for (index, body) in operations.iter().enumerate().take(end).skip(start) {
        if !matches!(body, Body::FlowMod(_) | Body::GroupMod(_)) {
            let error = format!("a {} can't ride in a bundle", words::kind(body));
            return Err(Failure { operation: Some(index), error });
        }
    }
    Ok(start..end)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
