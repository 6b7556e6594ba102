//! A batch's way through a switch that agrees, and through switches that don't.

use ofp::{Action, Bucket, FlowMod, GroupMod, GroupModCommand, GroupType, MeterMod};

use super::*;

fn meter(command: MeterModCommand) -> Body {
    MeterMod { command, flags: 0, meter_id: 7, bands: Vec::new() }.into()
}

fn flow() -> Body {
    FlowMod::default().into()
}

fn group() -> Body {
    GroupMod { command: GroupModCommand::Add, kind: GroupType::All, group_id: 1, buckets: Vec::new() }.into()
}

fn batch(number: u64, operations: Vec<Body>) -> Batch {
    Batch { number, operations, follows: None, gentle: false }
}

fn start(operations: Vec<Body>) -> (BatchRun, Vec<Message>) {
    let (run, first) = BatchRun::start(batch(5, operations), 100, 3).unwrap();
    (run, messages(&first))
}

/// What was put into bytes, and that it was counted rightly.
fn messages(wire: &Wire) -> Vec<Message> {
    let mut bytes = BytesMut::from(&wire.bytes[..]);
    let frames = std::iter::from_fn(|| ofp::frame(&mut bytes).unwrap());
    let messages: Vec<Message> = frames.map(|frame| Message::decode(&frame).unwrap()).collect();
    for (kind, count) in &wire.kinds {
        let found = messages.iter().filter(|message| words::kind(&message.body) == *kind).count();
        assert_eq!(u64::try_from(found).unwrap(), *count, "{kind}");
    }
    assert_eq!(wire.kinds.iter().map(|(_, count)| *count).sum::<u64>(), u64::try_from(messages.len()).unwrap());
    messages
}

/// Message types with their numbers, bundle controls as the names of their requests.
fn shape(messages: &[Message]) -> Vec<(u32, String)> {
    let name = |body: &Body| match body {
        Body::BundleControl(control) => {
            assert_eq!((control.bundle_id, control.flags), (3, 3));
            format!("{:?}", control.kind)
        }
        Body::BundleAdd(add) => {
            assert_eq!((add.bundle_id, add.flags), (3, 3));
            format!("add {}", words::kind(&add.message.body))
        }
        other => words::kind(other).to_owned(),
    };
    messages.iter().map(|message| (message.xid, name(&message.body))).collect()
}

fn shaped(step: &Step) -> Vec<(u32, String)> {
    match step {
        Step::Send(wire) | Step::Commit(wire) => shape(&messages(wire)),
        other => panic!("{other:?}"),
    }
}

fn expect(pairs: &[(u32, &str)]) -> Vec<(u32, String)> {
    pairs.iter().map(|(xid, name)| (*xid, (*name).to_owned())).collect()
}

fn barrier(xid: u32) -> Message {
    Message { xid, body: Body::BarrierReply }
}

fn reply(xid: u32, kind: BundleCtrlType) -> Message {
    Message::new(xid, BundleControl { bundle_id: 3, kind, flags: 0, properties: Bytes::new() })
}

fn error(xid: u32, kind: u16, code: u16) -> Message {
    Message { xid, body: Body::Error(ErrorMsg { kind, code, experimenter: None, data: Bytes::new() }) }
}

fn failed_at(step: &Step) -> Option<usize> {
    match step {
        Step::Failed(failure) => failure.operation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn meters_go_around_the_bundle() {
    let add = meter(MeterModCommand::Add);
    let delete = meter(MeterModCommand::Delete);
    let (mut run, first) = start(vec![add, group(), flow(), delete]);
    assert_eq!(
        shape(&first),
        expect(&[
            (100, "meter_mod"),
            (104, "OpenRequest"),
            (101, "add group_mod"),
            (102, "add flow_mod"),
            (105, "barrier_request"),
        ])
    );
    assert_eq!(run.step(&barrier(99)), Step::Foreign);
    assert_eq!(run.step(&reply(104, BundleCtrlType::OpenReply)), Step::Opened);
    let commit = run.step(&barrier(105));
    assert_eq!(shaped(&commit), expect(&[(106, "CommitRequest"), (107, "barrier_request")]));
    assert!(matches!(commit, Step::Commit(_)));
    assert_eq!(run.step(&reply(106, BundleCtrlType::CommitReply)), Step::Committed);
    let trailing = run.step(&barrier(107));
    assert_eq!(shaped(&trailing), expect(&[(103, "meter_mod"), (110, "barrier_request")]));
    // That the meter is gone already is what was wanted.
    assert_eq!(run.step(&error(103, 12, 3)), Step::Waiting);
    assert_eq!(run.step(&barrier(110)), Step::Done);
}

#[test]
fn meters_alone_need_no_bundle_and_an_empty_batch_is_done() {
    let (mut run, first) = start(vec![meter(MeterModCommand::Add)]);
    assert_eq!(shape(&first), expect(&[(100, "meter_mod"), (102, "barrier_request")]));
    assert_eq!(run.step(&error(100, 12, 2)), Step::Waiting);
    assert_eq!(failed_at(&run.step(&barrier(102))), Some(0));
    let (mut run, first) = start(Vec::new());
    assert_eq!(shape(&first), expect(&[(101, "barrier_request")]));
    assert_eq!(run.step(&barrier(101)), Step::Done);
}

#[test]
fn an_add_that_fails_leads_to_a_discard() {
    let (mut run, _) = start(vec![flow(), flow()]);
    run.step(&reply(102, BundleCtrlType::OpenReply));
    assert_eq!(run.step(&error(101, 3, 1)), Step::Waiting);
    assert_eq!(run.step(&error(100, 2, 9)), Step::Waiting);
    let discard = run.step(&barrier(103));
    assert_eq!(shaped(&discard), expect(&[(106, "DiscardRequest"), (107, "barrier_request")]));
    // The discard may find nothing to discard.
    assert_eq!(run.step(&error(106, 0xffff, 2300)), Step::Waiting);
    assert_eq!(failed_at(&run.step(&barrier(107))), Some(1));
}

#[test]
fn a_commit_that_fails_names_the_operation() {
    let (mut run, _) = start(vec![flow(), flow()]);
    run.step(&reply(102, BundleCtrlType::OpenReply));
    run.step(&barrier(103));
    assert_eq!(run.step(&error(104, 0xffff, 2313)), Step::Waiting);
    assert_eq!(run.step(&error(101, 2, 9)), Step::Waiting);
    assert_eq!(failed_at(&run.step(&barrier(105))), Some(1));
}

#[test]
fn a_meter_that_fails_stops_the_bundle() {
    let (mut run, _) = start(vec![meter(MeterModCommand::Add), flow()]);
    run.step(&error(100, 12, 2));
    run.step(&reply(102, BundleCtrlType::OpenReply));
    assert_eq!(shaped(&run.step(&barrier(103)))[0].1, "DiscardRequest");
    assert_eq!(failed_at(&run.step(&barrier(107))), Some(0));
}

#[test]
fn answers_that_stay_away_are_failures() {
    let (mut run, _) = start(vec![flow()]);
    assert_eq!(shaped(&run.step(&barrier(102)))[0].1, "DiscardRequest");
    assert_eq!(failed_at(&run.step(&barrier(106))), None);
    let (mut run, _) = start(vec![flow()]);
    run.step(&reply(101, BundleCtrlType::OpenReply));
    run.step(&barrier(102));
    assert_eq!(failed_at(&run.step(&barrier(104))), None);
}

#[test]
fn what_a_bundle_cannot_hold_is_refused_before_anything_is_sent() {
    let refused = |operations| BatchRun::start(batch(1, operations), 1, 1).unwrap_err().operation;
    assert_eq!(refused(vec![flow(), meter(MeterModCommand::Add), flow()]), Some(1));
    assert_eq!(refused(vec![flow(), Body::BarrierRequest]), Some(1));
}

#[test]
fn what_no_message_can_hold_is_refused_before_anything_is_sent() {
    let bucket = Bucket {
        weight: 0,
        watch_port: addr::OfPort::ANY,
        watch_group: u32::MAX,
        actions: vec![Action::Output { port: addr::OfPort(1), max_len: 0 }],
    };
    // 16 bytes of its own, 32 for each bucket; the bundle adds 24.
    let group = |buckets: usize| -> Body {
        let buckets = vec![bucket.clone(); buckets];
        GroupMod { command: GroupModCommand::Add, kind: GroupType::All, group_id: 1, buckets }.into()
    };
    let started = |operations| BatchRun::start(batch(1, operations), 1, 1);
    assert!(started(vec![flow(), group(2046)]).is_ok());
    for buckets in [2047, 2048, 10_000] {
        let failure = started(vec![flow(), group(buckets), flow()]).unwrap_err();
        assert_eq!(failure.operation, Some(1));
        assert!(failure.error.starts_with("a group_mod can't be sent, it is too long"), "{}", failure.error);
    }
    let bands = vec![ofp::MeterBand::Drop { rate: 1, burst: 1 }; 5000];
    let meter = MeterMod { command: MeterModCommand::Delete, flags: 0, meter_id: 7, bands }.into();
    assert_eq!(started(vec![flow(), meter]).unwrap_err().operation, Some(1), "also one that is sent after the bundle");
}
