//! Everything there is in a run: switches, the controller, what was told, what was seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::controller::{Running, Vault};
use crate::digest::Digest;
use crate::model::Model;
use crate::scenario::Scenario;
use crate::switch::{Mutation, Switch};

/// The name of the fabric's port on every switch.
pub const UPLINK: &str = "sx-tun";

/// A run's world, shared by the tasks of one thread: nobody holds it while waiting.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

/// Everything there is.
pub struct World {
    /// What is to happen.
    pub scenario: Scenario,
    /// The switches.
    pub switches: Vec<Switch>,
    /// The controller, while it lives.
    pub controller: Option<Running>,
    /// What outlives it.
    pub vault: Vault,
    /// What the controller has told of resources.
    pub model: Model,
    /// All that was said, in order.
    pub digest: Digest,
    /// What was counted.
    pub totals: Totals,
    /// What should not have been.
    pub violations: Vec<String>,
    /// Faults have ended for a while.
    pub resting: bool,
    /// Prints what happens.
    pub loud: bool,
    start: Instant,
}

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(pub BTreeMap<String, u64>);

impl Totals {
    /// Counts.
    pub fn add(&mut self, what: &str, by: u64) {
        *self.0.entry(what.to_owned()).or_insert(0) += by;
    }

    /// Adds another run's.
    pub fn merge(&mut self, other: &Totals) {
        other.0.iter().for_each(|(what, by)| self.add(what, *by));
    }

    /// How often.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

impl Shared {
    /// A world with its switches plugged and no controller yet.
    pub fn new(scenario: Scenario, mutation: &Mutation) -> Shared {
        let switches = (0..scenario.switches).map(|at| {
            let mut switch = Switch::new(format!("br{}", at + 1), at + 1, mutation.clone());
            switch.plug(UPLINK);
            switch
        });
        let world = World {
            switches: switches.collect(),
            scenario,
            controller: None,
            vault: Vault::default(),
            model: Model::default(),
            digest: Digest::default(),
            totals: Totals::default(),
            violations: Vec::new(),
            resting: false,
            loud: std::env::var_os("SIM_TRACE").is_some(),
            start: Instant::now(),
        };
        Shared(Arc::new(Mutex::new(world)))
    }

    /// The world.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        // A panic anywhere is a violation, and is told; the rest of the run still reads what there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Milliseconds since the run began.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes something in the digest.
    pub fn note(&mut self, kind: &str, bytes: &[u8]) {
        let now = self.now_ms();
        self.digest.add(now, kind.as_bytes(), bytes);
        if self.loud {
            println!("{now:>9} ms  {kind}");
        }
    }

    /// Notes what a switch is told.
    pub fn heard(&mut self, switch: usize, message: &ofp::Message, raw: &[u8]) {
        self.note(&format!("switch {switch} <- {}", message.xid), raw);
        if self.loud {
            println!("                {}", format!("{message:?}").chars().take(240).collect::<String>());
        }
    }

    /// Something that should not have been.
    pub fn violation(&mut self, words: String) {
        const KEPT: usize = 20;
        if self.violations.len() < KEPT {
            let words = format!("at {} ms: {words}", self.now_ms());
            if self.loud {
                println!("VIOLATION {words}");
            }
            self.violations.push(words);
        }
    }

    /// Random numbers for one purpose, the same in every run of the scenario.
    pub fn rng(&self, purpose: &str, number: u64) -> fastrand::Rng {
        let mut digest = Digest::default();
        digest.add(self.scenario.seed, purpose.as_bytes(), &number.to_be_bytes());
        fastrand::Rng::with_seed(digest.value())
    }
}
