//! What is sent to one switch, in which portions, and what becomes of it when the switch refuses something.

use std::collections::BTreeSet;

use flows::{Flow, Group, Table};
use ofp::{Body, Field, FlowModCommand, FlowStats, GroupModCommand, GroupType, Match};

use super::*;
use crate::pace::{COLD_OPERATIONS, LIVE_OPERATIONS_FIRST, LIVE_OPERATIONS_MAX};

fn flow(n: u32) -> Arc<Item> {
    let match_ = Match::new().with(Field::IN_PORT, n);
    Arc::new(Item::Flow(Flow {
        table: Table::Classify,
        priority: 1,
        match_,
        instructions: [].into(),
        why: "",
        drop: None,
    }))
}

fn group(id: u32) -> Arc<Item> {
    Arc::new(Item::Group(Group { id, kind: GroupType::All, buckets: vec![], why: "" }))
}

fn put(item: Arc<Item>) -> Op {
    Op::Put { item, cookie: 0x5e_0000 }
}

/// A switch that was read: with one flow of ours, so that it forwards, or with none.
fn read(forwards: bool) -> Switch {
    let mut switch = Switch::new(0);
    let cookie = COOKIE_MAGIC << 48;
    let stats =
        FlowStats { cookie, match_: Match::new().with(Field::IN_PORT, 0_u32), priority: 1, ..Default::default() };
    let flows = if forwards { vec![stats] } else { vec![] };
    let wanted = forwards.then(|| (flow(0), cookie, None));
    switch.reading(SessionId(1), 1);
    switch.in_step_with(SessionId(1), 1, Found::new(flows, vec![], vec![]), wanted.into_iter());
    // That of the forwarding one is as it should be.
    assert_eq!(switch.unconfirmed(), 0);
    switch
}

fn want(switch: &mut Switch, flows: std::ops::Range<u32>) {
    flows.for_each(|n| switch.want(put(flow(n)), 2, None));
}

/// Which of the flows a batch adds.
fn added(batch: &Batch) -> Vec<u32> {
    let port = |body: &Body| match body {
        Body::FlowMod(flow) if flow.command == FlowModCommand::Add => flow.match_.get(Field::IN_PORT),
        _ => None,
    };
    batch.operations.iter().filter_map(port).map(|(value, _)| u32::try_from(value).unwrap()).collect()
}

/// What a switch did with all that it was sent.
#[derive(Debug, Default)]
struct Told {
    installed: BTreeSet<u32>,
    refused: Vec<u32>,
    batches: usize,
    operations: usize,
}

/// Sends all there is to a switch that refuses bundles with some flows, and names the flow or not.
fn send_all(switch: &mut Switch, bad: &[u32], names: bool) -> Told {
    let (load, mut told) = (Load::default(), Told::default());
    while let Some((_, batch)) = switch.next_batch(&load) {
        told.batches += 1;
        told.operations += batch.operations.len();
        assert!(told.batches < 10_000, "never done");
        let added = added(&batch);
        match added.iter().position(|n| bad.contains(n)) {
            None => {
                told.installed.extend(added);
                switch.confirmed(batch.number, 1_000);
            }
            Some(index) => {
                let refused = switch.failed(batch.number, names.then_some(index), "OFPFMFC_TABLE_FULL");
                assert_eq!(refused.is_some(), names || added.len() == 1);
                told.refused.extend(refused.map(|_| added[index]));
            }
        }
    }
    told
}

#[test]
fn one_bad_flow_among_a_thousand_holds_back_none_of_the_others() {
    for bad in [1, 500, 777, 1000] {
        for names in [true, false] {
            let mut switch = read(true);
            // Full portions from the start.
            (0..10).for_each(|_| switch.pace.confirmed(LIVE_OPERATIONS_MAX, 100));
            want(&mut switch, 1..1001);
            let told = send_all(&mut switch, &[bad], names);
            assert_eq!((told.installed.len(), told.refused.as_slice()), (999, &[bad][..]));
            assert_eq!(switch.refused_count(), 1);
            // Named: the bundle and the rest of it. Unnamed: no more than twice as much and twice ten halves.
            let (batches, operations) = if names { (2, 1999) } else { (21, 3000) };
            assert!(told.batches <= batches && told.operations <= operations, "{bad}: {told:?}");
        }
    }
}

#[test]
fn some_bad_flows_cost_some_more() {
    let mut switch = read(true);
    want(&mut switch, 1..1001);
    let mut told = send_all(&mut switch, &[3, 4, 333, 800, 1000], false);
    told.refused.sort_unstable();
    assert_eq!((told.installed.len(), told.refused.as_slice()), (995, &[3, 4, 333, 800, 1000][..]));
    assert!(told.batches < 5 * 20 && told.operations < 5 * 1000, "{} {}", told.batches, told.operations);
}

#[test]
fn the_search_goes_on_while_other_things_change() {
    let mut switch = read(true);
    want(&mut switch, 1..201);
    let (load, mut next, mut refused) = (Load::default(), 1000, None);
    for _ in 0..40 {
        let Some((_, batch)) = switch.next_batch(&load) else { break };
        // Something new is wanted at every step.
        next += 1;
        want(&mut switch, next..next + 1);
        if added(&batch).contains(&77) {
            refused = refused.or(switch.failed(batch.number, None, "no"));
        } else {
            switch.confirmed(batch.number, 1_000);
        }
    }
    assert!(refused.is_some() && switch.refused_count() == 1);
}

#[test]
fn an_empty_switch_gets_two_large_batches_at_once_and_a_forwarding_one_small_ones() {
    let load = Load::default();
    let mut empty = read(false);
    // Nothing was wanted of it yet: what comes first is the first that it forwards.
    assert!(empty.pace.gentle());
    let desired: Vec<_> = (1..10_001).map(|n| (flow(n), 0, None)).collect();
    empty.in_step_with(SessionId(1), 1, Found::default(), desired.into_iter());
    let (_, first) = empty.next_batch(&load).unwrap();
    let (_, second) = empty.next_batch(&load).unwrap();
    assert!(empty.next_batch(&load).is_none());
    assert_eq!([first.operations.len(), second.operations.len()], [COLD_OPERATIONS; 2]);
    assert_eq!((first.follows, second.follows, first.gentle), (None, Some(first.number), false));
    empty.confirmed(first.number, 100_000);
    let (_, third) = empty.next_batch(&load).unwrap();
    assert_eq!((third.operations.len(), third.follows), (2_000, Some(second.number)));
    empty.confirmed(second.number, 100_000);
    assert!(!empty.pace.gentle(), "it does not hold all yet");
    empty.confirmed(third.number, 100_000);
    want(&mut empty, 20_000..30_000);
    let (_, next) = empty.next_batch(&load).unwrap();
    assert_eq!((next.operations.len(), next.gentle), (LIVE_OPERATIONS_FIRST, true));
    assert!(empty.next_batch(&load).is_none());
}

#[test]
fn what_followed_a_refused_batch_is_sent_again_in_its_order_and_newest_form() {
    let load = Load::default();
    let mut switch = read(false);
    let desired: Vec<_> = [put(group(0x0100_0001))].into_iter().map(|op| (op.item().clone(), 0, None)).collect();
    let desired = desired.into_iter().chain((1..6_001).map(|n| (flow(n), 0, None)));
    switch.in_step_with(SessionId(1), 1, Found::default(), desired);
    let (_, first) = switch.next_batch(&load).unwrap();
    let (_, second) = switch.next_batch(&load).unwrap();
    let of_second = added(&second);
    // One of the second batch is not wanted any more, and the group of the first is wanted otherwise, while both are on their way.
    switch.want(Op::Remove { item: flow(of_second[5]), unit: None }, 3, None);
    assert!(switch.failed(first.number, Some(7), "no").is_some());
    assert_eq!(switch.unconfirmed(), 6_000);
    let (_, again) = switch.next_batch(&load).unwrap();
    assert_eq!(again.follows, None);
    let Body::GroupMod(first_again) = &again.operations[0] else { panic!("{:?}", again.operations[0]) };
    assert_eq!(first_again.command, GroupModCommand::Add, "the switch never held it");
    assert_eq!(added(&again)[..3998], [&added(&first)[..6], &added(&first)[7..], &of_second[..]].concat()[..3998]);
    switch.confirmed(again.number, 0);
    let told = send_all(&mut switch, &[], false);
    assert!(!told.installed.contains(&of_second[5]));
}

#[test]
fn a_switch_knows_better_which_groups_it_holds() {
    let load = Load::default();
    let mut switch = read(true);
    let commands = |batch: &Batch| match &batch.operations[0] {
        Body::GroupMod(group) => group.command,
        other => panic!("{other:?}"),
    };
    switch.want(put(group(0x0100_0001)), 2, None);
    let (_, batch) = switch.next_batch(&load).unwrap();
    assert_eq!(commands(&batch), GroupModCommand::Add);
    assert!(switch.failed(batch.number, Some(0), "OFPGMFC_GROUP_EXISTS").is_none());
    let (_, batch) = switch.next_batch(&load).unwrap();
    assert_eq!(commands(&batch), GroupModCommand::Modify);
    assert!(switch.failed(batch.number, Some(0), "OFPGMFC_UNKNOWN_GROUP").is_none());
    let (_, batch) = switch.next_batch(&load).unwrap();
    assert_eq!(commands(&batch), GroupModCommand::Add);
    switch.confirmed(batch.number, 0);
    assert_eq!((switch.refused_count(), switch.refusals, switch.unconfirmed()), (0, 2, 0));
}
