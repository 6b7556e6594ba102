//! One chassis' database: its replica, the transaction under way, and what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use features::Millis;
use ovsdb::{Command, LinkEvent, Operation, Outcome, Remote, Replica};
use topology::ResourceId;

use super::difference::{Plan, difference, find_bridge, release};
use super::setup::Setup;
use crate::event::DatabaseId;

/// After a refusal, and after rows that made no sense.
const RETRY_MS: u64 = 10_000;
/// How long a database that is to be left may take to be reached.
const LEAVE_MS: u64 = 60_000;
/// Repairs in a row that are done at once; then each waits longer than the one before, up to the most.
const REPAIRS_FREE: u32 = 3;
const REPAIR_WAIT_MAX_MS: u64 = 30_000;
/// Without a repair for so long, it begins anew.
const QUIET_MS: u64 = 60_000;
/// The oldest Open vSwitch, and schema of its database, that all of this is there in.
const OVS_MIN: (u32, u32) = (2, 13);
const SCHEMA_MIN: (u32, u32) = (8, 2);

/// A link, and how far the database is as it shall be.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: DatabaseId,
    pub(crate) remote: Remote,
    /// `None`: not connected.
    pub(crate) replica: Option<Replica>,
    /// Why not, once it is known.
    down: Option<String>,
    since: Millis,
    under_way: Option<Transaction>,
    last_number: u64,
    /// Why the last transaction was refused.
    refused: Option<String>,
    problem: Option<String>,
    retry_at: Option<Millis>,
    /// It is opened anew then: what it told made no sense.
    reopen: bool,
    /// What was there the last time that nothing was missing.
    settled: Option<Setup>,
    /// What was done last, until nothing is missing.
    tried: Vec<Operation>,
    repairs: u32,
    repaired: Millis,
    /// It is to be left as it was found, by then.
    leaving: Option<Millis>,
}

#[derive(Debug)]
struct Transaction {
    number: u64,
    words: Vec<String>,
    drift: bool,
}

/// What is to be done about a link.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Rest,
    Wait(Millis),
    Do(Command),
    Reopen(Remote),
    /// With words, if something of ours is left there.
    Close {
        left: Option<String>,
    },
}

impl Link {
    pub(crate) fn new(id: DatabaseId, remote: Remote, now: Millis) -> Link {
        Link {
            id,
            remote,
            replica: None,
            down: None,
            since: now,
            under_way: None,
            last_number: 0,
            refused: None,
            problem: None,
            retry_at: None,
            reopen: false,
            settled: None,
            tried: Vec::new(),
            repairs: 0,
            repaired: Millis(0),
            leaving: None,
        }
    }

    /// When it was last connected, or began.
    pub(crate) fn since(&self) -> Millis {
        self.since
    }

    /// The chassis is not managed any more: until when what is set may be taken back.
    pub(crate) fn leave(&mut self, now: Millis) -> Millis {
        *self.leaving.get_or_insert(now.after_ms(LEAVE_MS))
    }

    /// It is, again.
    pub(crate) fn stay(&mut self) {
        (self.leaving, self.retry_at) = (None, None);
    }

    /// What is wrong.
    pub(crate) fn trouble(&self) -> Option<String> {
        if let Some(reason) = &self.down {
            return Some(format!("its database {}: {reason}", self.remote));
        }
        if let Some(words) = &self.refused {
            return Some(format!("its database refused what was to be set: {words}"));
        }
        self.problem.clone().or_else(|| self.replica.as_ref().and_then(too_old))
    }

    /// Takes in what happened; an event to be told: its type and words.
    pub(crate) fn event(&mut self, event: LinkEvent, now: Millis) -> Option<(&'static str, String)> {
        match event {
            LinkEvent::Up { schema, rows } => {
                let mut replica = Replica::new(schema);
                if let Err(fault) = replica.apply(rows) {
                    return self.senseless(fault.to_string(), now);
                }
                let words = format!("{}: Open vSwitch {}", self.remote, version(&replica));
                (self.replica, self.down, self.under_way, self.refused) = (Some(replica), None, None, None);
                self.retry_at = None;
                Some(("database.connected", words))
            }
            LinkEvent::Changed(rows) => match self.replica.as_mut()?.apply(rows) {
                Ok(()) => None,
                Err(fault) => self.senseless(fault.to_string(), now),
            },
            LinkEvent::Done { number, result } => self.done(number, result, now),
            LinkEvent::Down(reason) => self.lost(reason, now),
        }
    }

    fn lost(&mut self, reason: String, now: Millis) -> Option<(&'static str, String)> {
        if self.replica.take().is_some() {
            self.since = now;
        }
        self.under_way = None;
        let words = format!("{}: {reason}", self.remote);
        let news = self.down.as_ref() != Some(&reason);
        self.down = Some(reason);
        news.then_some(("database.unreachable", words))
    }

    fn senseless(&mut self, fault: String, now: Millis) -> Option<(&'static str, String)> {
        (self.reopen, self.retry_at) = (true, Some(now.after_ms(RETRY_MS)));
        self.lost(format!("what it tells makes no sense: {fault}"), now)
    }

    fn done(
        &mut self,
        number: u64,
        result: Result<Vec<Outcome>, String>,
        now: Millis,
    ) -> Option<(&'static str, String)> {
        let transaction = self.under_way.take_if(|under_way| under_way.number == number)?;
        match result {
            Ok(_) => {
                self.refused = None;
                let kind = if transaction.drift { "database.repaired" } else { "database.set" };
                (!transaction.words.is_empty()).then(|| (kind, transaction.words.join("; ")))
            }
            Err(words) => {
                self.retry_at = Some(now.after_ms(RETRY_MS));
                self.refused = Some(words.clone());
                self.tried.clear();
                Some(("database.refused", words))
            }
        }
    }

    /// What is to be done next. `setup`: what shall be there; `None`: nothing.
    pub(crate) fn step(&mut self, chassis: &ResourceId, setup: Option<Setup>, now: Millis) -> Step {
        if self.leaving.is_some_and(|until| until <= now) {
            let words = format!("{}: not reached in time; what was set there stays", self.remote);
            return Step::Close { left: Some(words) };
        }
        if let Some(at) = self.retry_at.filter(|at| *at > now) {
            return Step::Wait(at);
        }
        self.retry_at = None;
        if std::mem::take(&mut self.reopen) {
            return Step::Reopen(self.remote.clone());
        }
        let Some(replica) = self.replica.as_ref().filter(|_| self.under_way.is_none()) else { return Step::Rest };
        let plan = match &setup {
            None => Ok(release(&chassis.name, replica)),
            Some(setup) => difference(setup, replica),
        };
        let plan = plan.unwrap_or_else(|words| Plan { problem: Some(words), ..Plan::default() });
        self.problem = plan.problem;
        if plan.operations.is_empty() {
            self.tried.clear();
            self.settled = setup;
            return if self.leaving.is_some() { Step::Close { left: None } } else { Step::Rest };
        }
        if self.tried == plan.operations {
            self.tried.clear();
            self.retry_at = Some(now.after_ms(RETRY_MS));
            self.problem = Some(format!("its database does not keep what was set: {}", plan.words.join("; ")));
            return Step::Wait(now.after_ms(RETRY_MS));
        }
        let drift = setup.is_some() && self.settled == setup;
        if let Some(at) = self.repair_at(now).filter(|_| drift) {
            return Step::Wait(at);
        }
        if drift {
            (self.repairs, self.repaired) = (self.repairs + 1, now);
        }
        self.transact(plan.operations, plan.words, drift)
    }

    fn transact(&mut self, operations: Vec<Operation>, words: Vec<String>, drift: bool) -> Step {
        self.tried.clone_from(&operations);
        self.last_number += 1;
        let number = self.last_number;
        self.under_way = Some(Transaction { number, words, drift });
        let comment = Operation::Comment("sextant: what the chassis needs".to_owned());
        Step::Do(Command::Transact { number, operations: operations.into_iter().chain([comment]).collect() })
    }

    /// When what others undo may be done again; `None`: now.
    fn repair_at(&mut self, now: Millis) -> Option<Millis> {
        if self.repaired.after_ms(QUIET_MS) <= now {
            self.repairs = 0;
        }
        let beyond = self.repairs.checked_sub(REPAIRS_FREE)?;
        let wait = 1_000u64.checked_shl(beyond).unwrap_or(u64::MAX).min(REPAIR_WAIT_MAX_MS);
        Some(self.repaired.after_ms(wait)).filter(|at| *at > now)
    }
}

/// The version of Open vSwitch, as its start script has noted it; else that of the database's schema.
pub(crate) fn version(replica: &Replica) -> String {
    let noted = replica.only("Open_vSwitch").map(|(_, row)| row.text("ovs_version")).filter(|text| !text.is_empty());
    noted.map_or_else(|| format!("with schema {}", replica.schema().version), str::to_owned)
}

fn too_old(replica: &Replica) -> Option<String> {
    let read = |text: &str| {
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
    };
    let noted = replica.only("Open_vSwitch").map(|(_, row)| row.text("ovs_version")).filter(|text| !text.is_empty());
    let old = noted.map_or_else(|| read(&replica.schema().version) < SCHEMA_MIN, |text| read(text) < OVS_MIN);
    old.then(|| format!("Open vSwitch {} is older than {}.{}", version(replica), OVS_MIN.0, OVS_MIN.1))
}

/// The interfaces of the chassis' bridge that have an iface-id.
pub(crate) fn iface_ids(setup: &Setup, replica: &Replica) -> BTreeMap<Arc<str>, Arc<str>> {
    let bridge = find_bridge(setup, replica).ok().flatten();
    let ports = bridge.into_iter().flat_map(|(_, bridge)| bridge.uuids("ports")).filter_map(|p| replica.row("Port", p));
    let interfaces = ports.flat_map(|port| port.uuids("interfaces")).filter_map(|i| replica.row("Interface", i));
    let claimed = interfaces.filter_map(|row| {
        let id = row.lookup("external_ids", "iface-id").filter(|id| !id.is_empty())?;
        Some((Arc::from(row.text("name")), Arc::from(id)))
    });
    claimed.collect()
}
