//! When faults have ended: everything comes right by itself, and then it is exactly what the intents say.

use std::time::Duration;

use brain::{Brain, Caller, Event, Millis, Reply, Request, SessionId, SwitchEvent};
use flows::{Item, is_ours};
use proto::v1::Phase;
use tokio::time::{Instant, sleep};

use crate::intents::chassis_name;
use crate::judge::{self, holds};
use crate::reachable;
use crate::world::{Shared, UPLINK, World};

/// After so long without faults all must have come right: the longest waits of sessions and of halted switches, and more.
const RIGHT_AFTER: Duration = Duration::from_secs(300);
/// Packets that are sent at rest.
const PACKETS: usize = 40;

/// Ends all faults, waits until all is right, and looks closely.
pub async fn rest(shared: &Shared) {
    shared.lock().heal();
    let begin = Instant::now();
    let mut calm = 0;
    while calm < 2 {
        sleep(Duration::from_secs(2)).await;
        let mut world = shared.lock();
        let mut wrong = world.unrest();
        if wrong.is_empty() {
            // Confirmations and news may still be on their way.
            wrong = world.standing().into_iter().chain(world.as_from_scratch()).collect();
        }
        calm = if wrong.is_empty() { calm + 1 } else { 0 };
        if begin.elapsed() > RIGHT_AFTER {
            let shown: Vec<String> = wrong.iter().take(4).cloned().collect();
            let words =
                format!("{} things are not right {RIGHT_AFTER:?} after the last fault: {shown:#?}", wrong.len());
            world.violation(words);
            world.resting = false;
            return;
        }
    }
    let waited = begin.elapsed().as_secs();
    shared.lock().totals.add("seconds until rest", waited);
    examine(shared).await;
    shared.lock().resting = false;
}

async fn examine(shared: &Shared) {
    // Before packets are sent: what they teach changes what there is.
    let mut wrong: Vec<String> = watched(shared).await.into_iter().collect();
    {
        let mut world = shared.lock();
        world.model.rested();
        world.totals.add("rests", 1);
        let now = world.now_ms();
        if let Some(running) = &world.controller {
            wrong.extend(running.brain().audit().into_iter().take(3));
            wrong.extend(full_queues(&running.metrics()));
        }
        let mut rng = world.rng("rest", now);
        judge::walks(&mut world, &mut rng, PACKETS);
        reachable::all(&mut world, &mut rng);
        judge::statuses(&mut world);
        for at in 0..world.switches.len() {
            let chassis = world.is_chassis(at);
            let switch = &mut world.switches[at];
            (switch.refused, switch.open) = (false, false);
            switch.abandoned &= !chassis && switch.tables.flows.values().any(|row| is_ours(row.cookie));
        }
    }
    let mut world = shared.lock();
    wrong.into_iter().for_each(|words| world.violation(format!("at rest: {words}")));
}

/// A watcher has seen what there is.
async fn watched(shared: &Shared) -> Option<String> {
    let handle = shared.lock().controller.as_ref()?.handle();
    let reply = handle.request(Caller::administrator(), Request::Snapshot).await;
    let Ok(Reply::Resources { resources, .. }) = reply else { return Some(format!("no snapshot: {reply:?}")) };
    let differs = shared.lock().model.watcher_differs(&resources);
    differs.map(|words| format!("a watcher has seen otherwise: {words}"))
}

/// Lines of the metrics that tell of queues that are not empty.
fn full_queues(metrics: &str) -> Vec<String> {
    let queues = metrics.lines().filter(|line| line.starts_with("sextant_queue_length{"));
    queues.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

impl World {
    fn heal(&mut self) {
        self.resting = true;
        self.vault.heal();
        for switch in &mut self.switches {
            switch.faults.end();
            switch.tables.limit = None;
            switch.away_until = Instant::now();
            switch.plug(UPLINK);
        }
    }

    /// What is not right yet.
    fn unrest(&self) -> Vec<String> {
        let Some(running) = &self.controller else { return vec!["the controller is down".to_owned()] };
        let mut wrong = Vec::new();
        let content = self.vault.content();
        let kept = content.entries.iter().filter(|entry| entry.key.contains("/released/"));
        wrong.extend(kept.map(|entry| format!("{} is not free", entry.key)));
        if self.model.open > 0 {
            wrong.push(format!("{} requests are not answered", self.model.open));
        }
        for (at, switch) in self.switches.iter().enumerate() {
            if !switch.is_connected() || (switch.is_doubtful() && self.is_chassis(at)) {
                wrong.push(format!("switch {at} is not connected, or not read"));
                continue;
            }
            let chassis = chassis_name(at as u8);
            if !self.is_chassis(at) {
                continue;
            }
            let wanted = running.brain().wanted(&chassis);
            let missing = wanted.iter().filter(|wanted| !holds(switch, &wanted.item, wanted.cookie));
            wrong.extend(missing.map(|wanted| format!("switch {at} lacks {:?} of {:?}", wanted.item, wanted.resource)));
            let flows = wanted.iter().filter(|wanted| matches!(&*wanted.item, Item::Flow(_))).count();
            let groups = wanted.iter().filter(|wanted| matches!(&*wanted.item, Item::Group(_))).count();
            let ours = switch.tables.flows.values().filter(|row| is_ours(row.cookie)).count();
            if (ours, switch.tables.groups.len()) != (flows, groups) {
                let has = switch.tables.groups.len();
                wrong.push(format!("switch {at} has {ours} flows and {has} groups of ours, not {flows} and {groups}"));
            }
        }
        wrong
    }

    /// Whether a switch is a chassis of the site.
    pub fn is_chassis(&self, switch: usize) -> bool {
        let key = ("chassis".to_owned(), String::new(), chassis_name(switch as u8));
        self.model.all.contains_key(&key)
    }

    /// Foreign flows are where they were; every port stands as it does, with a reason where it is not active.
    fn standing(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for port in self.model.ports() {
            let words = format!("{:?} stands as {:?}: {:?}", port.name, port.phase, port.reason);
            let plugged = port.plug.as_ref().is_some_and(|(chassis, interface)| {
                let at = self.switches.iter().zip(0u8..).find(|(_, at)| chassis_name(*at) == *chassis);
                at.is_some_and(|(switch, _)| switch.number_of(interface).is_some())
            });
            let right = match port.phase {
                Phase::Active => plugged,
                Phase::Pending => !plugged && !port.reason.is_empty(),
                Phase::Degraded => !port.reason.is_empty(),
                Phase::Unspecified | Phase::Installing | Phase::Failed => false,
            };
            if !right {
                wrong.push(words);
            }
        }
        for (at, switch) in self.switches.iter().enumerate() {
            let there = switch.tables.flows.iter().filter(|(_, row)| !is_ours(row.cookie)).map(|(key, _)| key);
            if !there.eq(switch.foreign.iter()) {
                wrong.push(format!("foreign flows of switch {at} are not as they were"));
            }
        }
        wrong
    }

    /// Where another brain, with the same store and switches, would want something else.
    fn as_from_scratch(&self) -> Vec<String> {
        let Some(running) = &self.controller else { return Vec::new() };
        let content = self.vault.content();
        let mut fresh = Brain::default();
        fresh.handle(Millis(1), Event::Loaded { revision: content.revision, entries: content.entries });
        for (switch, session) in self.switches.iter().zip(1..) {
            let up = SwitchEvent::Up { dpid: switch.dpid, ports: switch.descs(), peer: String::new() };
            fresh.handle(Millis(1), Event::Switch(SessionId(session), up));
        }
        let key = |wanted: &brain::Wanted| format!("{wanted:?}");
        let all = |brain: &Brain, chassis: &str| brain.wanted(chassis).iter().map(key).collect::<Vec<_>>();
        let mut wrong = Vec::new();
        for at in 0..self.switches.len() {
            let chassis = chassis_name(at as u8);
            let (mut now, mut anew) = (all(&running.brain(), &chassis), all(&fresh, &chassis));
            now.sort_unstable();
            anew.sort_unstable();
            if let Some((a, b)) = now.iter().zip(&anew).find(|(a, b)| a != b) {
                wrong.push(format!("switch {at}: a controller that starts anew wants {b}, not {a}"));
            } else if now.len() != anew.len() {
                wrong.push(format!(
                    "switch {at}: a controller that starts anew wants {} rows, not {}",
                    anew.len(),
                    now.len()
                ));
            }
        }
        wrong
    }
}
