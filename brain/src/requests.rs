//! Northbound requests: reads are answered at once, writes one after the other, waits when what they wait for is there.

use features::Millis;
use proto::v1;
use topology::ResourceId;

use crate::brain::Brain;
use crate::catalog::{Answer, Stored};
use crate::effect::{Effect, Refusal, RefusalKind, Reply, Violation};
use crate::event::{Caller, ProposalId, Request, RequestId};
use crate::switch::Switch;

/// A write that the store is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    proposal: ProposalId,
    id: RequestId,
    caller: Caller,
    request: Request,
    answer: Answer,
    attempts: u32,
}

/// Somebody who waits for flows to be installed.
#[derive(Debug)]
pub(crate) struct Waiter {
    id: RequestId,
    revision: u64,
    sequence: u64,
    pub(crate) deadline: Millis,
}

/// How often a write is judged anew when another writer was faster.
const ATTEMPTS_MAX: u32 = 5;
/// Requests that may wait for flows to be installed.
const WAITERS_MAX: usize = 10_000;
/// Writes that may wait for their turn.
const QUEUE_MAX: usize = 10_000;

impl Brain {
    pub(crate) fn request(&mut self, id: RequestId, caller: Caller, request: Request) {
        let result = match &request {
            Request::Apply(_) | Request::Create { .. } | Request::Update { .. } | Request::Delete { .. } => {
                if self.queue.len() >= QUEUE_MAX {
                    Err(refusal(
                        RefusalKind::Unavailable,
                        format!("{QUEUE_MAX} writes are waiting already: try again later"),
                    ))
                } else {
                    self.queue.push_back((id, caller, request));
                    return self.next_write();
                }
            }
            Request::Get { kind, tenant, name } => self.get(kind, tenant, name),
            Request::List { kind, list } => self.list(kind, list),
            Request::Snapshot => Ok(self.snapshot()),
            Request::Wait { revision, deadline } => {
                self.wait(id, *revision, *deadline);
                return;
            }
            Request::Flows(request) => self.flows(request),
            Request::Trace(request) => self.trace(request),
        };
        self.reply(id, result);
    }

    fn reply(&mut self, id: RequestId, result: Result<Reply, Refusal>) {
        self.effects.push(Effect::Reply { id, result });
    }

    /// Judges the next write, if none is with the store.
    fn next_write(&mut self) {
        while self.asked.is_none() {
            let Some((id, caller, request)) = self.queue.pop_front() else { return };
            self.judge(id, caller, request, 1);
        }
    }

    fn judge(&mut self, id: RequestId, caller: Caller, request: Request, attempts: u32) {
        let proposal = match self.catalog.propose(&caller, &request) {
            Ok(proposal) => proposal,
            Err(refusal) => return self.reply(id, Err(refusal)),
        };
        if proposal.changes.is_empty() {
            self.catalog.remember(&caller, &request, &proposal.answer);
            let reply = self.reply_to(proposal.answer);
            return self.reply(id, reply);
        }
        let number = self.proposal();
        self.asked = Some(Asked { proposal: number, id, caller, request, answer: proposal.answer, attempts });
        self.effects.push(Effect::Propose { proposal: number, compare: proposal.compare, changes: proposal.changes });
    }

    /// The store made a write durable, and the facts have it.
    pub(crate) fn answered(&mut self, proposal: Option<ProposalId>, revision: u64) {
        if let Some(asked) = self.asked.take_if(|a| Some(a.proposal) == proposal) {
            let mut answer = asked.answer;
            if let Answer::Applied(response) = &mut answer {
                response.revision = revision;
            }
            self.catalog.remember(&asked.caller, &asked.request, &answer);
            let reply = self.reply_to(answer);
            self.reply(asked.id, reply);
        }
        self.next_write();
    }

    pub(crate) fn proposal_refused(&mut self, proposal: ProposalId, fault: Option<String>) {
        if let Some(asked) = self.asked.take_if(|a| a.proposal == proposal) {
            let Asked { id, caller, request, attempts, .. } = asked;
            match fault {
                Some(fault) => self
                    .reply(id, Err(refusal(RefusalKind::Unavailable, format!("the store could not write: {fault}")))),
                None if attempts >= ATTEMPTS_MAX => {
                    let words = format!("another writer was faster {attempts} times: read again and retry");
                    self.reply(id, Err(refusal(RefusalKind::Conflict, words)));
                }
                None => self.judge(id, caller, request, attempts + 1),
            }
        }
        self.next_write();
    }

    fn reply_to(&self, answer: Answer) -> Result<Reply, Refusal> {
        match answer {
            Answer::Applied(response) => Ok(Reply::Applied(response)),
            Answer::Resource(ResourceId { kind, tenant, name }) => self.get(kind, &tenant, &name),
            Answer::Deleted => Ok(Reply::Deleted),
        }
    }

    fn get(&self, kind: &str, tenant: &str, name: &str) -> Result<Reply, Refusal> {
        let stored = self.catalog.get(kind, tenant, name).and_then(|stored| self.shown(stored));
        let resource = stored.or_else(|| {
            let discovered = self.discovered().into_iter();
            discovered.filter(|_| kind == "chassis").find(|r| resource_name(r) == Some(name))
        });
        match resource {
            Some(resource) => Ok(Reply::Resource(Box::new(resource))),
            None => {
                let full = if tenant.is_empty() { name.to_owned() } else { format!("{tenant}/{name}") };
                Err(refusal(RefusalKind::NotFound, format!("there is no {kind} {full}")))
            }
        }
    }

    fn list(&self, kind: &str, list: &v1::ListRequest) -> Result<Reply, Refusal> {
        let (stored, next_page_token) = self.catalog.list(kind, &list.tenant, list.page_size, &list.page_token)?;
        let mut resources: Vec<v1::Resource> = stored.iter().filter_map(|stored| self.shown(stored)).collect();
        if kind == "chassis" && next_page_token.is_empty() {
            resources.extend(self.discovered());
        }
        Ok(Reply::Resources { resources, next_page_token, revision: self.catalog.revision() })
    }

    fn shown(&self, stored: &Stored) -> Option<v1::Resource> {
        self.with_status(&stored.id()?)
    }

    fn snapshot(&self) -> Reply {
        let stored = self.catalog.all_ids().filter_map(|id| self.with_status(id));
        let resources = stored.chain(self.discovered()).collect();
        Reply::Resources { resources, next_page_token: String::new(), revision: self.catalog.revision() }
    }

    fn wait(&mut self, id: RequestId, revision: Option<u64>, deadline: Millis) {
        let newest = self.catalog.revision();
        let revision = revision.unwrap_or(newest);
        if revision > newest {
            let words = format!("revision {revision} does not exist yet: the newest is {newest}");
            return self.reply(id, Err(refusal(RefusalKind::Invalid, words)));
        }
        // An older revision than is remembered came before all that are.
        let sequence = self.sequences.range(..=revision).next_back().map_or(0, |(_, sequence)| *sequence);
        if self.waiters.len() >= WAITERS_MAX {
            let words = format!("{WAITERS_MAX} requests are waiting already: try again later");
            return self.reply(id, Err(refusal(RefusalKind::Unavailable, words)));
        }
        self.waiters.push(Waiter { id, revision, sequence, deadline });
        self.progressed = true;
    }

    /// Answers those whose wait is over, one way or the other.
    pub(crate) fn answer_waiters(&mut self) {
        if self.waiters.is_empty() {
            return;
        }
        let progressed = std::mem::take(&mut self.progressed);
        let oldest = self.switches.values().filter_map(Switch::waiting_since).min();
        let mut still = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            let installed = progressed && oldest.is_none_or(|since| since > waiter.sequence);
            if installed || waiter.deadline <= self.now {
                let waiting_for = self.waiting_for(waiter.sequence);
                let installed = waiting_for.is_empty();
                let response = v1::WaitInstalledResponse { installed, revision: waiter.revision, waiting_for };
                self.reply(waiter.id, Ok(Reply::Waited(response)));
            } else {
                still.push(waiter);
            }
        }
        self.waiters = still;
    }

    /// The chassis that have not confirmed all that a sequence number and earlier ones wanted, each with its reason.
    fn waiting_for(&self, sequence: u64) -> Vec<String> {
        let late = self.switches.iter().filter(|(_, s)| s.waiting_since().is_some_and(|since| since <= sequence));
        late.filter_map(|(chassis, switch)| {
            let name = self.chassis_resource(*chassis)?.name;
            let reason = match switch.session() {
                None => "not connected".to_owned(),
                Some(_) if !switch.in_step() => "its tables are being read".to_owned(),
                Some(_) => format!("{} changes are not confirmed yet", switch.unconfirmed()),
            };
            Some(format!("{name}: {reason}"))
        })
        .collect()
    }
}

pub(crate) fn refusal(kind: RefusalKind, message: String) -> Refusal {
    Refusal { kind, violations: vec![Violation { path: String::new(), message }] }
}

fn resource_name(resource: &v1::Resource) -> Option<&str> {
    match resource.kind.as_ref()? {
        v1::resource::Kind::Chassis(chassis) => chassis.meta.as_ref().map(|m| m.name.as_str()),
        _ => None,
    }
}
