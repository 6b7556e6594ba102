//! What others do to flows of ours on a switch that is connected: told by the switch, and put right at once.
//!
//! A flow that is gone or otherwise than it should be is sent again. Where more may be wrong than flows tell (a group that went
//! took along those that name it), or too much, the switch's tables are read anew. Flows of others are counted and left alone.

use std::sync::Arc;

use features::Millis;
use flows::{Flow, Item, Keyed, Op, Table, cookie, is_ours};
use ofp::flow_event::{DELETED, MODIFIED};
use ofp::{Action, FlowUpdate, Instruction};
use topology::{ChassisKey, ResourceId};

use crate::brain::Brain;
use crate::drops;
use crate::effect::Effect;
use crate::event::SessionId;
use crate::found::same_on_switch;
use crate::sessions::describe;

/// Flows that are put right one by one within a second; where there are more, the tables are read.
const SINGLY_MAX: usize = 1_000;
const SECOND_MS: u64 = 1_000;
/// Seconds between two readings of one switch's tables while others go on changing them: doubled up to this.
const READ_AGAIN_MAX_S: u64 = 30;
/// After so many seconds without, the next is read at once.
const CALM_S: u64 = 60;

/// What others have done to a switch.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// Its tables are to be read then.
    due: Option<Millis>,
    /// Something was changed while they were read.
    meanwhile: bool,
    read_at: Option<Millis>,
    wait_s: u64,
    /// How many flows were put right since when.
    singly: (Millis, usize),
}

impl Drift {
    /// When the tables are to be read.
    pub(crate) fn due(&self) -> Option<Millis> {
        self.due
    }

    /// It is out of reach: its tables are read anyway when it is back.
    pub(crate) fn is_down(&mut self) {
        (self.due, self.meanwhile) = (None, false);
    }

    /// Its tables are asked for.
    pub(crate) fn is_read(&mut self, now: Millis) {
        if self.due.take().is_some() {
            self.read_at = Some(now);
            self.wait_s = (self.wait_s * 2).clamp(1, READ_AGAIN_MAX_S);
        }
    }

    /// Its tables are known.
    pub(crate) fn was_read(&mut self, now: Millis) {
        if std::mem::take(&mut self.meanwhile) {
            self.read_at.get_or_insert(now);
            self.wait_s = self.wait_s.max(1);
            self.doubt(now);
        }
    }

    /// What it has must be looked at: at once, or a while after the last time.
    fn doubt(&mut self, now: Millis) {
        if self.read_at.is_some_and(|at| at.after_s(CALM_S) <= now) {
            (self.read_at, self.wait_s) = (None, 0);
        }
        let next = self.read_at.map_or(now, |at| at.after_s(self.wait_s)).max(now);
        self.due.get_or_insert(next);
    }

    /// Whether so many flows more may be put right one by one.
    fn takes(&mut self, now: Millis, count: usize) -> bool {
        if self.singly.0.after_ms(SECOND_MS) <= now {
            self.singly = (now, 0);
        }
        self.singly.1 += count;
        self.singly.1 <= SINGLY_MAX
    }
}

/// What somebody else's change means.
enum Verdict {
    /// A flow of ours is wrong: this puts it right. `alone`: nothing else needs to be wrong.
    Wrong { op: Op, resource: Option<ResourceId>, alone: bool },
    /// A flow that is none of ours; `more`: it is there now, and was not before.
    Foreign { more: Option<bool> },
    /// All is as it should be.
    Right,
}

impl Brain {
    pub(crate) fn flows_changed(&mut self, id: SessionId, updates: Vec<FlowUpdate>, more: bool) {
        let now = self.now;
        let (counts, updates) = updates.into_iter().partition(drops::is_count);
        self.first_drops(id, counts);
        let Some((chassis, mut switch)) = self.switch_of(id) else { return };
        if !switch.in_step() {
            switch.drift.meanwhile = true;
            return;
        }
        if more {
            switch.drift.doubt(now);
        }
        drop(switch);
        let mut wrong: Vec<(Op, Option<ResourceId>)> = Vec::new();
        let (mut alone, mut foreign, mut stranger) = (!more, 0i64, None);
        for update in updates {
            let Some((event, item, its)) = read(update) else { continue };
            let Some(item) = item else {
                foreign += delta(event);
                continue;
            };
            match self.verdict(chassis, event, &item, its) {
                Verdict::Right => {}
                Verdict::Foreign { more } => {
                    foreign += more.map_or(0, |more| if more { 1 } else { -1 });
                    stranger.get_or_insert(item);
                }
                Verdict::Wrong { op, resource, alone: only } => {
                    self.count_drift(chassis, event);
                    alone &= only;
                    wrong.push((op, resource));
                }
            }
        }
        self.note_foreign(chassis, foreign, stranger.as_ref());
        self.put_right(chassis, wrong, alone);
        if more {
            self.tell_drift(chassis, "more flows were changed by others than can be told: its tables are read");
        }
    }

    fn verdict(&self, chassis: ChassisKey, event: u16, there: &Arc<Item>, its: u64) -> Verdict {
        let wanted = self.engine.wanted(chassis, &Keyed(there.clone()));
        let Some((item, unit)) = wanted else {
            return match (is_ours(its), event) {
                (true, DELETED) => Verdict::Right,
                (true, _) => {
                    Verdict::Wrong { op: Op::Remove { item: there.clone(), unit: None }, resource: None, alone: true }
                }
                (false, DELETED) => Verdict::Foreign { more: Some(false) },
                (false, MODIFIED) => Verdict::Foreign { more: None },
                (false, _) => Verdict::Foreign { more: Some(true) },
            };
        };
        let cookie = cookie(&unit);
        if event != DELETED && same_on_switch(there, item, its, cookie) {
            return Verdict::Right;
        }
        let alone = event != DELETED || !names_another(item);
        let resource = self.world.resource_of(&unit.key);
        Verdict::Wrong { op: Op::Put { item: item.clone(), cookie }, resource, alone }
    }

    fn put_right(&mut self, chassis: ChassisKey, wrong: Vec<(Op, Option<ResourceId>)>, alone: bool) {
        let Some((first, _)) = wrong.first() else { return };
        let (count, shown) = (wrong.len(), describe(first.item()));
        let (now, sequence) = (self.now, self.world.sequence());
        let Some(mut switch) = self.switches.get_mut(&chassis) else { return };
        let singly = switch.drift.takes(now, count) && alone;
        if singly {
            for (op, resource) in wrong {
                self.restless.extend(resource.clone());
                switch.want(op, sequence, resource);
            }
        } else {
            switch.drift.doubt(now);
        }
        drop(switch);
        let how = if singly { "put right" } else { "put right when its tables have been read" };
        self.tell_drift(chassis, &format!("{count} flows of ours were changed by others, {how}; one of them: {shown}"));
        self.busy.insert(chassis);
        self.restless.extend(self.chassis_resource(chassis));
    }

    fn note_foreign(&mut self, chassis: ChassisKey, delta: i64, shown: Option<&Arc<Item>>) {
        let resource = self.chassis_resource(chassis);
        if delta != 0
            && let Some(mut switch) = self.switches.get_mut(&chassis)
        {
            switch.foreign_flows = switch.foreign_flows.saturating_add_signed(delta);
            drop(switch);
            self.restless.extend(resource.clone());
        }
        if let Some(item) = shown.filter(|_| delta > 0) {
            let words = format!("somebody else added {}: it is left alone", describe(item));
            self.happened("flow.foreign", resource.as_ref(), words);
        }
    }

    fn tell_drift(&mut self, chassis: ChassisKey, words: &str) {
        let resource = self.chassis_resource(chassis);
        self.happened("flow.drift", resource.as_ref(), words.to_owned());
    }

    fn count_drift(&mut self, chassis: ChassisKey, event: u16) {
        let chassis = self.chassis_resource(chassis).map(|chassis| chassis.name.to_string()).unwrap_or_default();
        let change = match event {
            DELETED => "deleted",
            MODIFIED => "changed",
            _ => "added",
        };
        let labels = vec![("chassis", chassis), ("change", change.to_owned())];
        self.effects.push(Effect::Count { counter: "sextant_flow_drift_total", labels, by: 1 });
    }
}

/// An update's event, flow and cookie; no flow if its table is none of the pipeline's.
fn read(update: FlowUpdate) -> Option<(u16, Option<Arc<Item>>, u64)> {
    let FlowUpdate::Full { event, priority, table, cookie, match_, instructions, .. } = update else { return None };
    let item = Table::from_id(table).map(|table| {
        let instructions = instructions.into();
        Arc::new(Item::Flow(Flow { table, priority, match_, instructions, why: "", drop: None }))
    });
    Some((event, item, cookie))
}

/// How many flows more there are.
fn delta(event: u16) -> i64 {
    match event {
        DELETED => -1,
        MODIFIED => 0,
        _ => 1,
    }
}

/// Whether a flow names a group or meter, which may have taken it along.
fn names_another(item: &Item) -> bool {
    let Item::Flow(flow) = item else { return false };
    flow.instructions.iter().any(|instruction| match instruction {
        Instruction::Meter(_) => true,
        Instruction::ApplyActions(actions) => actions.iter().any(|action| matches!(action, Action::Group(_))),
        _ => false,
    })
}
