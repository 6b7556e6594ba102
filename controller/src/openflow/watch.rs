//! What others do to a switch's flows, as the switch tells it: a flow monitor (ONF extension 187) for all tables. Of this
//! connection's own changes the switch says only that there were some.

use std::time::Duration;

use addr::OfPort;
use brain::SwitchEvent;
use ofp::{FlowMonitorRequest, FlowUpdate, Match, MultipartRequest, StatsRequest, TABLE_ALL, monitor_flags};
use tokio::time::Instant;

use super::conn::Fault;
use super::session::Session;

/// Changes that are told one by one within a second; of more it is only told that there were some.
const TOLD_MAX: usize = 1_000;
const SECOND: Duration = Duration::from_secs(1);

/// What a session remembers of its monitor.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The number of the request, once it is made.
    pub(super) asked: Option<u32>,
    since: Option<Instant>,
    count: usize,
}

impl Session {
    /// From before the first time that its tables are read, the switch tells what others do to them.
    pub(super) fn watch(&mut self) -> Result<(), Fault> {
        if self.watch.asked.is_none() {
            self.watch.asked = Some(self.outgoing.ask(request())?);
        }
        Ok(())
    }
}

/// What asks for it.
fn request() -> MultipartRequest {
    let flags = monitor_flags::ADD | monitor_flags::DELETE | monitor_flags::MODIFY | monitor_flags::ACTIONS;
    let all = FlowMonitorRequest { id: 1, flags, out_port: OfPort::ANY, table: TABLE_ALL, match_: Match::new() };
    MultipartRequest { more: false, body: StatsRequest::FlowMonitor(vec![all]) }
}

impl Watch {
    /// What the brain is told of updates; `None`: they are about this connection's own changes.
    pub(super) fn told(&mut self, mut updates: Vec<FlowUpdate>, now: Instant) -> Option<SwitchEvent> {
        updates.retain(|update| matches!(update, FlowUpdate::Full { .. }));
        if updates.is_empty() {
            return None;
        }
        if self.since.is_none_or(|since| now >= since + SECOND) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += updates.len();
        let more = self.count > TOLD_MAX;
        if more {
            updates.clear();
        }
        Some(SwitchEvent::FlowsChanged { updates, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted() -> FlowUpdate {
        FlowUpdate::Full {
            event: 1,
            reason: 2,
            priority: 7,
            idle_timeout_s: 0,
            hard_timeout_s: 0,
            table: 0,
            cookie: 0,
            match_: Match::new(),
            instructions: Vec::new(),
        }
    }

    #[test]
    fn own_changes_are_no_news_and_of_too_many_it_is_told_that_there_were() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert!(watch.told(Vec::new(), now).is_none(), "the answer to the request");
        assert!(watch.told(vec![FlowUpdate::Abbrev { xid: 1 }], now).is_none());
        let mut told = |count: usize, ms| match watch.told(vec![deleted(); count], now + Duration::from_millis(ms)) {
            Some(SwitchEvent::FlowsChanged { updates, more }) => (updates.len(), more),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(999, 0), (999, false));
        assert_eq!(told(1, 500), (1, false));
        assert_eq!(told(1, 999), (0, true));
        assert_eq!(told(5, 999), (0, true), "each is told of: what was read before it does not have it");
        assert_eq!(told(2, 1_000), (2, false));
    }
}
