//! Matches, actions, flows, groups and meters that Open vSwitch 3.1 accepts.

mod actions;
mod matches;

use addr::OfPort;
use bytes::Bytes;
use ofp::{
    Action, Bucket, Field, FlowMod, GroupMod, GroupModCommand, GroupType, Instruction, Match, MeterBand, MeterMod,
    MeterModCommand, flow_flags, meter_flags,
};

pub use actions::{actions, is_kept};
pub use matches::*;

fn flow(table: u8, priority: u16, match_: Match, instructions: Vec<Instruction>) -> FlowMod {
    FlowMod { table, priority, match_, instructions, cookie: 0x5e_0000 + u64::from(priority), ..FlowMod::default() }
}

/// Flows of all kinds: every match, every action, every instruction. They name group 1 and meter 1.
pub fn flows() -> Vec<FlowMod> {
    let mut all = Vec::new();
    for (priority, match_) in (1..).zip(matches()) {
        all.push(flow(0, priority, match_, vec![Instruction::GotoTable(2)]));
    }
    for (priority, (match_, actions)) in (1..).zip(actions()) {
        if actions.iter().all(is_kept) {
            all.push(flow(10, priority, match_, vec![Instruction::ApplyActions(actions)]));
        }
    }
    let metadata = Instruction::WriteMetadata { metadata: 0x1200, mask: 0xff00 };
    all.push(flow(20, 1, Match::new(), vec![]));
    all.push(flow(20, 2, Match::new(), vec![Instruction::ApplyActions(vec![Action::Group(1)])]));
    all.push(flow(
        20,
        3,
        ipv6(),
        vec![
            Instruction::Meter(1),
            Instruction::ApplyActions(vec![Action::set(Field::reg(0), 1u32)]),
            Instruction::ClearActions,
            Instruction::WriteActions(vec![Action::DecNwTtl, Action::output(OfPort(1))]),
            metadata.clone(),
            Instruction::GotoTable(21),
        ],
    ));
    all.push(flow(20, 4, Match::new(), vec![Instruction::GotoTable(21), metadata, Instruction::Meter(1)]));
    all.push(flow(20, 5, Match::new(), vec![Instruction::ApplyActions(vec![])]));
    all.push(flow(
        20,
        6,
        Match::new(),
        vec![Instruction::ApplyActions(vec![Action::Note(Bytes::from_static(b"abc"))])],
    ));
    all.push(FlowMod {
        idle_timeout_s: 100,
        hard_timeout_s: 200,
        flags: flow_flags::SEND_FLOW_REM | flow_flags::NO_BYT_COUNTS | flow_flags::NO_PKT_COUNTS,
        cookie: u64::MAX - 1,
        ..flow(20, 7, Match::new(), vec![])
    });
    // These are acts rather than facts, yet Open vSwitch reports them.
    let done = flow_flags::CHECK_OVERLAP | flow_flags::RESET_COUNTS;
    all.push(FlowMod { flags: flow_flags::SEND_FLOW_REM | done, ..flow(20, 8, ipv6(), vec![]) });
    all
}

/// Groups of all types; group 1 is among them.
pub fn groups() -> Vec<GroupMod> {
    let group = |group_id, kind, buckets| GroupMod { command: GroupModCommand::Add, kind, group_id, buckets };
    let out = |port| vec![Action::output(OfPort(port))];
    let watching = |port| Bucket { watch_port: OfPort(port), ..Bucket::new(GroupType::FastFailover, out(port)) };
    vec![
        group(1, GroupType::All, vec![Bucket::new(GroupType::All, out(1)), Bucket::new(GroupType::All, out(2))]),
        group(
            2,
            GroupType::Select,
            vec![
                Bucket::new(GroupType::Select, out(1)),
                Bucket { weight: 3, ..Bucket::new(GroupType::Select, out(2)) },
            ],
        ),
        group(
            3,
            GroupType::Indirect,
            vec![Bucket::new(GroupType::Indirect, vec![Action::set(Field::TUN_ID, 5u8), Action::output(OfPort(3))])],
        ),
        group(
            4,
            GroupType::FastFailover,
            vec![
                watching(1),
                watching(2),
                Bucket { watch_group: 1, ..Bucket::new(GroupType::FastFailover, vec![Action::Group(1)]) },
            ],
        ),
        group(5, GroupType::All, vec![]),
        group(6, GroupType::All, vec![Bucket::new(GroupType::All, vec![])]),
    ]
}

/// Meters; meter 1 is among them.
pub fn meters() -> Vec<MeterMod> {
    let meter = |meter_id, flags, bands| MeterMod { command: MeterModCommand::Add, flags, meter_id, bands };
    let pktps = meter_flags::PKTPS | meter_flags::BURST | meter_flags::STATS;
    vec![
        meter(1, pktps, vec![MeterBand::Drop { rate: 100, burst: 10 }]),
        meter(2, meter_flags::KBPS, vec![MeterBand::Drop { rate: 1000, burst: 0 }]),
        meter(
            3,
            meter_flags::KBPS | meter_flags::BURST,
            vec![MeterBand::Drop { rate: 1, burst: 1 }, MeterBand::Drop { rate: 2, burst: 2 }],
        ),
    ]
}
