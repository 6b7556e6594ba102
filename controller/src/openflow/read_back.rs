//! Reading a switch's tables: three questions, and their answers put together. No I/O.

use brain::SwitchEvent;
use ofp::{
    Body, FlowStats, FlowStatsRequest, GroupDesc, Message, MeterConfig, MultipartRequest, StatsReply, StatsRequest,
    meter_id,
};

use super::words;

/// Flows, groups and meters that a switch may report, together.
const ROWS_MAX: usize = 2_000_000;

/// Tables on their way.
#[derive(Debug)]
pub(crate) struct ReadBack {
    first_xid: u32,
    open: [bool; 3],
    flows: Vec<FlowStats>,
    groups: Vec<GroupDesc>,
    meters: Vec<MeterConfig>,
}

/// What a message meant.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is about something else.
    Foreign,
    /// More is to come.
    Waiting,
    /// All of it: the event for the brain.
    Done(SwitchEvent),
    /// It can't be had.
    Failed(String),
}

impl ReadBack {
    /// Numbers that it needs.
    pub(crate) const XIDS: u32 = 3;

    /// The questions: flows, groups and meters.
    pub(crate) fn start(first_xid: u32) -> (ReadBack, Vec<Message>) {
        let questions = [
            StatsRequest::Flow(FlowStatsRequest::default()),
            StatsRequest::GroupDesc,
            StatsRequest::MeterConfig(meter_id::ALL),
        ];
        let messages = (first_xid..)
            .zip(questions)
            .map(|(xid, body)| Message::new(xid, MultipartRequest { more: false, body }))
            .collect();
        let run = ReadBack { first_xid, open: [true; 3], flows: Vec::new(), groups: Vec::new(), meters: Vec::new() };
        (run, messages)
    }

    /// Looks at a message from the switch.
    pub(crate) fn step(&mut self, message: Message) -> Step {
        let offset = message.xid.checked_sub(self.first_xid).and_then(|offset| usize::try_from(offset).ok());
        let Some(open) = offset.and_then(|offset| self.open.get_mut(offset)) else { return Step::Foreign };
        match message.body {
            Body::MultipartReply(reply) if *open => {
                *open = reply.more;
                match reply.body {
                    StatsReply::Flow(rows) => self.flows.extend(rows),
                    StatsReply::GroupDesc(rows) => self.groups.extend(rows),
                    StatsReply::MeterConfig(rows) => self.meters.extend(rows),
                    other => return Step::Failed(format!("tables were asked for, and answered with {other:?}")),
                }
            }
            Body::Error(error) => return Step::Failed(format!("tables can't be read: {}", words::error(&error))),
            _ => return Step::Foreign,
        }
        let rows = self.flows.len() + self.groups.len() + self.meters.len();
        if rows > ROWS_MAX {
            return Step::Failed(format!("more than {ROWS_MAX} flows, groups and meters"));
        }
        if self.open.contains(&true) {
            return Step::Waiting;
        }
        Step::Done(SwitchEvent::Tables {
            flows: std::mem::take(&mut self.flows),
            groups: std::mem::take(&mut self.groups),
            meters: std::mem::take(&mut self.meters),
        })
    }
}

#[cfg(test)]
mod tests {
    use ofp::MultipartReply;

    use super::*;

    fn reply(xid: u32, more: bool, body: StatsReply) -> Message {
        Message::new(xid, MultipartReply { more, body })
    }

    fn meters(count: usize) -> StatsReply {
        StatsReply::MeterConfig(vec![MeterConfig::default(); count])
    }

    #[test]
    fn answers_in_parts_and_in_any_order_are_put_together() {
        let (mut run, messages) = ReadBack::start(10);
        assert_eq!(messages.iter().map(|message| message.xid).collect::<Vec<_>>(), [10, 11, 12]);
        assert!(matches!(run.step(reply(9, false, meters(1))), Step::Foreign));
        assert!(matches!(run.step(reply(12, true, meters(2))), Step::Waiting));
        assert!(matches!(run.step(reply(11, false, StatsReply::GroupDesc(Vec::new()))), Step::Waiting));
        assert!(matches!(run.step(reply(12, false, meters(1))), Step::Waiting));
        let Step::Done(SwitchEvent::Tables { flows, groups, meters }) =
            run.step(reply(10, false, StatsReply::Flow(Vec::new())))
        else {
            panic!("not done")
        };
        assert_eq!((flows.len(), groups.len(), meters.len()), (0, 0, 3));
    }

    #[test]
    fn too_many_rows_are_refused() {
        let (mut run, _) = ReadBack::start(1);
        assert!(matches!(run.step(reply(3, true, meters(ROWS_MAX))), Step::Waiting));
        assert!(matches!(run.step(reply(3, true, meters(1))), Step::Failed(_)));
    }
}
