//! One run: the scenario's steps in virtual time, in one thread, with a look at everything after each.

use std::time::Duration;

use brain::Request;
use proto::v1;
use tokio::time::{Instant, sleep};

use crate::scenario::{Fault, PORTS, Scenario, Step, TENANTS};
use crate::switch::Mutation;
use crate::world::{Shared, Totals, UPLINK, World};
use crate::{controller, intents, judge, rest, tamper, wire};

/// Packets after each step.
const PACKETS: usize = 12;
/// A full compile for comparison after one of so many steps.
const AUDIT_EVERY: usize = 4;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What should not have been; the run ends with the first.
    pub violations: Vec<String>,
    /// Stands for all that was said.
    pub digest: u64,
    /// What was counted.
    pub totals: Totals,
    /// Steps that were done.
    pub steps: usize,
}

/// Runs a scenario.
pub fn run(scenario: &Scenario, mutation: &Mutation) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O");
    runtime.block_on(live(scenario, mutation))
}

async fn live(scenario: &Scenario, mutation: &Mutation) -> Outcome {
    let shared = Shared::new(scenario.clone(), mutation);
    plug_all(&mut shared.lock());
    let mut tasks = vec![tokio::spawn(controller::keep_alive(shared.clone()))];
    for switch in 0..usize::from(scenario.switches) {
        tasks.push(tokio::spawn(wire::keep_connected(shared.clone(), switch)));
    }
    sleep(Duration::from_millis(1)).await;
    let mut steps = 0;
    for (at, timed) in scenario.steps.iter().enumerate() {
        sleep(Duration::from_millis(timed.wait_ms.into())).await;
        shared.lock().note(&format!("step {at}: {:?}", timed.step), &[]);
        match &timed.step {
            Step::Rest => rest::rest(&shared).await,
            step => shared.lock().perform(&shared, step),
        }
        steps = at + 1;
        look(&shared, at);
        if tasks.iter().any(tokio::task::JoinHandle::is_finished) {
            shared.lock().violation("a task of the simulation itself has ended".to_owned());
        }
        if !shared.lock().violations.is_empty() {
            break;
        }
    }
    let mut world = shared.lock();
    world.totals.add("steps", steps as u64);
    let virtual_seconds = world.now_ms() / 1000;
    world.totals.add("virtual seconds", virtual_seconds);
    Outcome { violations: world.violations.clone(), digest: world.digest.value(), totals: world.totals.clone(), steps }
}

/// After every step: packets, statuses, and now and then a compile from scratch.
fn look(shared: &Shared, at: usize) {
    let mut world = shared.lock();
    let mut rng = world.rng("look", at as u64);
    judge::walks(&mut world, &mut rng, PACKETS);
    judge::statuses(&mut world);
    let Some(running) = &world.controller else { return };
    let well = running.is_well();
    let audit = if at.is_multiple_of(AUDIT_EVERY) { running.brain().audit() } else { Vec::new() };
    if !well {
        world.violation("the controller panicked".to_owned());
    }
    for words in audit.into_iter().take(3) {
        world.violation(format!("piece by piece is not from scratch: {words}"));
    }
}

/// Every port's interface, on the switch where the site binds it.
fn plug_all(world: &mut World) {
    let switches = world.switches.len();
    for tenant in 0..TENANTS.len() as u8 {
        for port in 0..PORTS {
            let at = usize::from(tenant + port) % switches;
            world.switches[at].plug(&intents::interface(tenant, port));
        }
    }
}

impl World {
    fn perform(&mut self, shared: &Shared, step: &Step) {
        self.totals.add(step.name(), 1);
        let switches = self.scenario.switches;
        if let Some(request) = intents::request(step, switches) {
            self.ask(shared, step.name(), request);
        }
        match step {
            Step::Ask { patience_ms } => self.ask_around(shared, *patience_ms),
            Step::Plug { switch, tenant, port, there } => {
                let name = intents::interface(*tenant, *port);
                let switch = self.at(*switch);
                if *there { switch.plug(&name) } else { switch.unplug(&name) }
            }
            Step::Uplink { switch, there: true } => self.at(*switch).plug(UPLINK),
            Step::Uplink { switch, there: false } => self.at(*switch).unplug(UPLINK),
            Step::Fault { switch, fault } => self.fault(shared, usize::from(*switch % switches), fault),
            Step::Kill { when, down_ms } => self.vault.kill(*when, *down_ms),
            Step::StoreFails { count } => self.vault.fail_writes(*count),
            _ => {}
        }
    }

    fn at(&mut self, switch: u8) -> &mut crate::switch::Switch {
        let at = usize::from(switch) % self.switches.len();
        &mut self.switches[at]
    }

    fn ask_around(&mut self, shared: &Shared, patience_ms: u32) {
        self.watch(shared);
        self.ask(shared, "snapshot", Request::Snapshot);
        self.ask(shared, "flows", Request::Flows(v1::FlowsRequest::default()));
        if let Some(now) = self.controller.as_ref().map(|running| running.handle().now()) {
            let deadline = brain::Millis(now.0 + u64::from(patience_ms));
            self.ask(shared, "wait", Request::Wait { revision: None, deadline });
        }
    }

    fn fault(&mut self, shared: &Shared, at: usize, fault: &Fault) {
        let switch = &mut self.switches[at];
        match *fault {
            Fault::Cut { to_switch, bytes } => switch.faults.cut = Some((to_switch, bytes)),
            Fault::HalfOpen => switch.faults.half_open = switch.is_connected(),
            Fault::Slow { up_to_ms, messages } => switch.faults.slow = (messages, up_to_ms),
            Fault::Mute { barriers } => switch.faults.mute = barriers,
            Fault::Twice { replies } => switch.faults.twice = replies,
            Fault::Refuse { skip, count, error, at_add, named } => switch.refuse(skip, count, error, at_add, named),
            Fault::Full { flows } => {
                switch.tables.limit = Some(flows.into());
                switch.refused = true;
            }
            Fault::ForeignFlow { table, priority } => tamper::foreign_flow(switch, table, priority),
            Fault::Deleted { one_in } => tamper::delete(switch, one_in),
            Fault::Changed { one_in } => tamper::change(switch, one_in),
            Fault::Stray { table, priority } => tamper::stray(switch, table, priority),
            Fault::GroupsDeleted { one_in } => tamper::delete_groups(switch, one_in),
            Fault::Away { ms } => {
                switch.faults.close = switch.is_connected();
                switch.away_until = Instant::now() + Duration::from_millis(ms.into());
            }
            Fault::Restart { down_ms, renumber } => {
                switch.alive = false;
                switch.restart(renumber);
                let shared = shared.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(down_ms.into())).await;
                    shared.lock().switches[at].alive = true;
                });
            }
        }
        self.switches[at].wake.notify_one();
    }
}
