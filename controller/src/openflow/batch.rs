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
use bytes::Bytes;
use ofp::{Body, BundleControl, BundleCtrlType, ErrorMsg, Message, MeterModCommand, bundle_flags};

use super::words;

/// `OFPET_METER_MOD_FAILED` and its `OFPMMFC_UNKNOWN_METER` (OpenFlow 1.3.5, 7.4.4).
const UNKNOWN_METER: (u16, u16) = (12, 3);
const FLAGS: u16 = bundle_flags::ATOMIC | bundle_flags::ORDERED;

/// A batch that was sent, at least in part.
#[derive(Debug)]
pub(crate) struct BatchRun {
    number: u64,
    operations: Vec<Body>,
    bundled: Range<usize>,
    bundle_id: u32,
    xids: Xids,
    stage: Stage,
    opened: bool,
    committed: bool,
    failure: Option<Failure>,
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
    /// Now these are sent.
    Send(Vec<Message>),
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

    /// Starts a batch: its first messages. `first_xid` is the first of the numbers that it needs.
    pub(crate) fn start(batch: Batch, first_xid: u32, bundle_id: u32) -> Result<(BatchRun, Vec<Message>), Failure> {
        let bundled = bundled(&batch.operations)?;
        let operations = u32::try_from(batch.operations.len())
            .map_err(|_| Failure { operation: None, error: "too many operations".to_owned() })?;
        let run = BatchRun {
            number: batch.number,
            operations: batch.operations,
            bundled,
            bundle_id,
            xids: Xids { first: first_xid, operations },
            stage: Stage::Filling,
            opened: false,
            committed: false,
            failure: None,
        };
        let mut messages = Vec::with_capacity(run.operations.len() + 2);
        messages.extend(run.messages(0..run.bundled.start));
        if !run.bundled.is_empty() {
            messages.push(run.control(Control::Open));
            let adds = run.messages(run.bundled.clone());
            messages.extend(adds.map(|message| message.in_bundle(bundle_id, FLAGS)));
        }
        messages.push(run.barrier(Control::Filled));
        match run.too_long(&messages) {
            Some(failure) => Err(failure),
            None => Ok((run, messages)),
        }
    }

    /// The batch's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The batch's operations.
    pub(crate) fn operations(&self) -> &[Body] {
        &self.operations
    }

    /// Looks at a message from the switch.
    pub(crate) fn step(&mut self, message: &Message) -> Step {
        let Some(place) = self.xids.place(message.xid) else { return Step::Foreign };
        match (&message.body, place) {
            (Body::Error(error), place) => self.note(error, place),
            (Body::BarrierReply, Place::Control(control)) => return self.next(control),
            (Body::BundleControl(reply), Place::Control(control)) => self.confirm(reply.kind, control),
            _ => return Step::Foreign,
        }
        Step::Waiting
    }

    fn confirm(&mut self, reply: BundleCtrlType, control: Control) {
        match (reply, control) {
            (BundleCtrlType::OpenReply, Control::Open) => self.opened = true,
            (BundleCtrlType::CommitReply, Control::Commit) => self.committed = true,
            _ => {}
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
        let deletes = operation
            .and_then(|index| self.operations.get(index))
            .is_some_and(|body| matches!(body, Body::MeterMod(meter) if meter.command == MeterModCommand::Delete));
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
                if self.failure.is_none() && self.bundled.end < self.operations.len() {
                    self.stage = Stage::Trailing;
                    let mut messages: Vec<Message> = self.messages(self.bundled.end..self.operations.len()).collect();
                    messages.push(self.barrier(Control::Trailed));
                    return Step::Send(messages);
                }
                self.end()
            }
            (Stage::Trailing, Control::Trailed) | (Stage::Discarding, Control::Discarded) => self.end(),
            _ => Step::Foreign,
        }
    }

    fn filled(&mut self) -> Step {
        if self.bundled.is_empty() {
            return self.end();
        }
        if !self.opened {
            self.doubt("the bundle's opening was not answered");
        }
        let (stage, control, barrier) = if self.failure.is_none() {
            (Stage::Committing, Control::Commit, Control::Committed)
        } else {
            (Stage::Discarding, Control::Discard, Control::Discarded)
        };
        self.stage = stage;
        Step::Send(vec![self.control(control), self.barrier(barrier)])
    }

    fn doubt(&mut self, error: &str) {
        self.failure.get_or_insert_with(|| Failure { operation: None, error: error.to_owned() });
    }

    fn end(&mut self) -> Step {
        self.failure.take().map_or(Step::Done, Step::Failed)
    }

    fn messages(&self, range: Range<usize>) -> impl Iterator<Item = Message> + '_ {
        let first = self.xids.first;
        // The count of operations was seen to fit when the batch started.
        let xid = move |index: usize| first + u32::try_from(index).unwrap_or(0);
        range.clone().zip(&self.operations[range]).map(move |(index, body)| Message::new(xid(index), body.clone()))
    }

    /// The first operation that no message can hold; `messages`: all that come before the trailing ones.
    fn too_long(&self, messages: &[Message]) -> Option<Failure> {
        let trailing: Vec<Message> = self.messages(self.bundled.end..self.operations.len()).collect();
        messages.iter().chain(&trailing).find_map(|message| {
            let bad = message.try_encode().err()?;
            let operation = match self.xids.place(message.xid) {
                Some(Place::Operation(index)) => Some(index),
                _ => None,
            };
            let kind = operation.and_then(|index| self.operations.get(index)).map_or("message", words::kind);
            Some(Failure { operation, error: format!("a {kind} can't be sent, it is too long: {bad}") })
        })
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
