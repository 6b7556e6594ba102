//! What the site's own tests don't reach: limits, groups in groups, odd frames.

use std::sync::Arc;

use addr::OfPort;
use ofp::{Action, Bucket, Field, GroupType, Instruction, Match};

use super::{DEPTH_MAX, Fate, Problem, Switch, Trace};
use crate::item::{Drop, Flow, Group, Item};
use crate::pipeline::Table;

fn flow(table: Table, priority: u16, match_: Match, actions: Vec<Action>) -> Flow {
    let instructions = vec![Instruction::ApplyActions(actions)];
    Flow { table, priority, match_, instructions: instructions.into(), why: "a test", drop: None }
}

fn group(id: u32, kind: GroupType, buckets: Vec<Vec<Action>>) -> Item {
    let bucket = |actions| Bucket { weight: 1, watch_port: OfPort::ANY, watch_group: ofp::GROUP_ANY, actions };
    Item::Group(Group { id, kind, buckets: buckets.into_iter().map(bucket).collect(), why: "a test" })
}

fn switch(items: Vec<Item>) -> Switch {
    Switch::new(items.into_iter().map(|item| (Arc::new(item), None)))
}

fn ports(trace: &Trace) -> Vec<u32> {
    trace.sent().map(|(port, _)| port.0).collect()
}

const FRAME: [u8; 18] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, 1, 2, 3, 4];

#[test]
fn what_a_bucket_changes_the_next_does_not_see_and_nothing_returns_where_it_came_from() {
    let copies = vec![
        vec![Action::PushVlan(0x8100), Action::set(Field::VLAN_VID, 0x1007u16), Action::output(OfPort(2))],
        vec![Action::output(OfPort(1))],
        vec![Action::Group(11)],
    ];
    let switch = switch(vec![
        Item::Flow(flow(Table::Classify, 1, Match::new(), vec![Action::Group(10), Action::output(OfPort(4))])),
        group(10, GroupType::All, copies),
        group(11, GroupType::Select, vec![vec![Action::output(OfPort(3))]]),
    ]);
    let trace = switch.run(&FRAME, OfPort(1), None);
    assert_eq!(ports(&trace), [2, 3, 4]);
    assert_eq!(trace.outputs[0].frame[12..18], [0x81, 0, 0, 7, 0x88, 0xb5]);
    assert_eq!(trace.outputs[1].frame, FRAME);
    assert_eq!(trace.problems, []);
    assert_eq!(trace.steps.len(), 3);
}

#[test]
fn only_a_row_that_says_so_sends_it_back() {
    let back = flow(Table::Classify, 1, Match::new(), vec![Action::output(OfPort::IN_PORT)]);
    assert_eq!(ports(&switch(vec![Item::Flow(back)]).run(&FRAME, OfPort(1), None)), [1]);
    let same = flow(Table::Classify, 1, Match::new(), vec![Action::output(OfPort(1))]);
    let trace = switch(vec![Item::Flow(same)]).run(&FRAME, OfPort(1), None);
    assert_eq!(trace.dropped(), Some(None));
}

#[test]
fn a_loop_ends_and_sends_nothing() {
    let again = flow(Table::Classify, 1, Match::new(), vec![Action::output(OfPort(2)), Action::resubmit(0)]);
    let trace = switch(vec![Item::Flow(again)]).run(&FRAME, OfPort(1), None);
    assert_eq!(trace.dropped(), Some(None));
    assert_eq!(trace.problems, [Problem::TooDeep]);
    assert_eq!(trace.steps.len(), 1 + DEPTH_MAX, "the last is looked up, and its actions are not done");
}

#[test]
fn equal_priorities_that_differ_are_told() {
    let one = flow(Table::Classify, 5, Match::new().with(Field::IN_PORT, 1u32), vec![Action::output(OfPort(2))]);
    let other = flow(Table::Classify, 5, Match::new().with(Field::ETH_TYPE, 0x88b5u16), vec![]);
    let names = |drop| Flow { instructions: [].into(), drop: Some(drop), ..one.clone() };
    let trace = switch(vec![Item::Flow(one.clone()), Item::Flow(other.clone())]).run(&FRAME, OfPort(1), None);
    assert!(matches!(&trace.problems[..], [Problem::Overlap(..)]), "{:?}", trace.problems);
    let two = Flow { match_: other.match_.clone(), ..names(Drop::VlanTag) };
    let trace = switch(vec![Item::Flow(names(Drop::EtherType)), Item::Flow(two)]).run(&FRAME, OfPort(1), None);
    assert!(matches!(&trace.problems[..], [Problem::TwoNames(..)]), "{:?}", trace.problems);
}

#[test]
fn nothing_matches_and_nothing_is_there() {
    let trace = Switch::default().run(&FRAME, OfPort(1), None);
    assert_eq!((trace.dropped(), trace.steps[0].item.clone()), (Some(None), None));
    for length in 0..FRAME.len() {
        Switch::default().run(&FRAME[..length], OfPort(1), None);
    }
    let missing = flow(Table::Classify, 1, Match::new(), vec![Action::Group(9)]);
    assert_eq!(switch(vec![Item::Flow(missing)]).run(&FRAME, OfPort(1), None).problems, [Problem::NoGroup(9)]);
}

#[test]
fn a_hop_limit_of_one_ends_at_the_decrement() {
    let src = "2001:db8::1".parse().unwrap();
    let frame = |ttl| packet::ipv6_frame(packet::MacAddr::ZERO, packet::MacAddr::ZERO, src, src, ttl, 59, &[]);
    let row = flow(Table::Classify, 1, Match::new(), vec![Action::DecNwTtl, Action::output(OfPort(2))]);
    let switch = switch(vec![Item::Flow(row)]);
    let trace = switch.run(&frame(2), OfPort(1), None);
    assert_eq!((ports(&trace), trace.outputs[0].frame[14 + 7]), (vec![2], 1));
    for ttl in [0, 1] {
        let trace = switch.run(&frame(ttl), OfPort(1), None);
        let [super::Output { fate: Fate::Controller { reason, .. }, .. }] = &trace.outputs[..] else { panic!() };
        assert_eq!(*reason, ofp::packet_in_reason::INVALID_TTL);
    }
}

#[test]
fn the_controller_s_actions_meet_groups_and_ports_alike() {
    let switch = switch(vec![group(7, GroupType::All, vec![vec![Action::output(OfPort(2))]])]);
    let trace = switch.send(&FRAME, OfPort::CONTROLLER, &[Action::Group(7), Action::output(OfPort(3))]);
    assert_eq!(ports(&trace), [2, 3]);
}

#[test]
fn an_option_that_is_not_there_is_written_beyond_the_end() {
    let turn = vec![Action::set(Field::ND_OPTIONS_TYPE, 2u8), Action::output(OfPort(2))];
    let switch = switch(vec![Item::Flow(flow(Table::Classify, 1, Match::new(), turn))]);
    let ask = |options| {
        let message = packet::Icmpv6::NeighborSolicit { target: "fe80::2".parse().unwrap(), options };
        let (src, dst) = ("fe80::1".parse().unwrap(), "ff02::1:ff00:2".parse().unwrap());
        packet::icmpv6_frame(packet::MacAddr::ZERO, packet::MacAddr::ZERO, src, dst, 255, &message)
    };
    let none = switch.run(&ask(vec![]), OfPort(1), None);
    assert_eq!(none.problems, [Problem::PastTheEnd]);
    let source = packet::NdOption::SourceLinkLayer(packet::MacAddr::BROADCAST);
    assert_eq!(switch.run(&ask(vec![source]), OfPort(1), None).problems, []);
}

#[test]
fn padding_is_not_measured_and_the_side_that_is_not_taken_must_end_too() {
    let larger = Field::reg(0).sub(0, 1);
    let rows = |after: Vec<Action>| {
        let measure = vec![Action::CheckPktLarger { len: 60, dst: larger }, Action::resubmit(Table::Guard.id())];
        let when = |bit: u32| Match::new().masked(Field::reg(0), bit, 1u32);
        switch(vec![
            Item::Flow(flow(Table::Classify, 1, Match::new(), measure)),
            Item::Flow(flow(Table::Guard, 1, when(1), vec![Action::output(OfPort(2))])),
            Item::Flow(flow(Table::Guard, 1, when(0), after)),
        ])
    };
    let src = "2001:db8::1".parse().unwrap();
    let frame = |payload: &[u8], padding: usize| {
        let frame = packet::ipv6_frame(packet::MacAddr::ZERO, packet::MacAddr::ZERO, src, src, 64, 59, payload);
        [&frame[..], &vec![0; padding]].concat()
    };
    let ends = rows(vec![Action::output(OfPort(3))]);
    assert_eq!(ports(&ends.run(&frame(&[0; 7], 0), OfPort(1), None)), [2]);
    assert_eq!(ports(&ends.run(&frame(&[0; 6], 40), OfPort(1), None)), [3]);
    let ring = rows(vec![Action::resubmit(Table::Guard.id())]);
    for payload in [&[0; 7][..], &[0; 6]] {
        let trace = ring.run(&frame(payload, 0), OfPort(1), None);
        assert_eq!((trace.dropped(), &trace.problems[..]), (Some(None), &[Problem::TooDeep][..]));
    }
}
