//! Northbound requests: reads are answered at once, writes one after the other, waits when what they wait for is there.

use proto::v1;
use topology::ResourceId;

use crate::brain::Brain;
use crate::catalog::{Answer, Stored, Upkeep};
use crate::effect::{Effect, Refusal, RefusalKind, Reply, Violation};
use crate::event::{Caller, ProposalId, Request, RequestId};

/// A write that the store is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    proposal: ProposalId,
    write: Write,
    answer: Answer,
    attempts: u32,
}

/// Who wants what written. There is one at a time, so its size matters little.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
enum Write {
    /// A northbound request.
    Request(RequestId, Caller, Request),
    /// The brain itself.
    Upkeep(Upkeep),
}

/// How often a write is judged anew when another writer was faster.
const ATTEMPTS_MAX: u32 = 5;
/// Writes that may wait for their turn.
const QUEUE_MAX: usize = 10_000;

impl Brain {
    pub(crate) fn request(&mut self, id: RequestId, caller: Caller, request: Request) {
        let result = match &request {
            Request::Apply(_)
            | Request::Create { .. }
            | Request::Update { .. }
            | Request::Delete { .. }
            | Request::Drain(_) => {
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
            Request::Bindings(request) => self.bindings(request),
            Request::Leases(request) => self.leases(request),
            Request::Listeners(request) => self.listeners(request),
            Request::Links(request) => self.links_shown(request),
            Request::Drops(request) => {
                self.drops(id, request.clone());
                return;
            }
        };
        self.reply(id, result);
    }

    pub(crate) fn reply(&mut self, id: RequestId, result: Result<Reply, Refusal>) {
        self.effects.push(Effect::Reply { id, result });
    }

    /// Judges the next write, if none is with the store: requests and what the brain wants take turns.
    pub(crate) fn next_write(&mut self) {
        while self.asked.is_none() {
            self.own_turn = !self.own_turn;
            let now = self.now;
            if let Some(upkeep) = self.own_turn.then(|| self.learning.wishes.take(now)).flatten() {
                self.judge(Write::Upkeep(upkeep), 1);
            } else if let Some((id, caller, request)) = self.queue.pop_front() {
                self.judge(Write::Request(id, caller, request), 1);
            } else if let Some(upkeep) = self.learning.wishes.take(now) {
                self.judge(Write::Upkeep(upkeep), 1);
            } else {
                return;
            }
        }
    }

    fn judge(&mut self, write: Write, attempts: u32) {
        let proposal = match &write {
            Write::Request(_, caller, request) => self.catalog.propose(caller, request, self.now.0),
            Write::Upkeep(upkeep) => self.catalog.upkeep(upkeep),
        };
        match (proposal, write) {
            (Err(refusal), Write::Request(id, ..)) => self.reply(id, Err(refusal)),
            (Err(refusal), Write::Upkeep(upkeep)) => self.upkeep_refused(upkeep, &refusal),
            (Ok(proposal), write) if proposal.changes.is_empty() => self.written(write, proposal.answer),
            (Ok(proposal), write) => {
                let number = self.proposal();
                self.asked = Some(Asked { proposal: number, write, answer: proposal.answer, attempts });
                let (compare, changes) = (proposal.compare, proposal.changes);
                self.effects.push(Effect::Propose { proposal: number, compare, changes });
            }
        }
    }

    /// The store made a write durable, and the facts have it.
    pub(crate) fn answered(&mut self, proposal: Option<ProposalId>, revision: u64) {
        if let Some(asked) = self.asked.take_if(|a| Some(a.proposal) == proposal) {
            let mut answer = asked.answer;
            if let Answer::Applied(response) = &mut answer {
                response.revision = revision;
            }
            self.written(asked.write, answer);
        }
        self.next_write();
    }

    /// A write is as it was wanted: now, or before it was asked for.
    fn written(&mut self, write: Write, answer: Answer) {
        match (write, answer) {
            (Write::Request(id, caller, request), answer) => {
                self.catalog.remember(&caller, &request, &answer);
                let reply = self.reply_to(answer);
                self.reply(id, reply);
            }
            (Write::Upkeep(upkeep), Answer::Applied(response)) => {
                self.upkeep_done(&response);
                upkeep.listeners.iter().for_each(|wish| self.groups.settled(wish));
                self.leased(upkeep.leases);
            }
            (Write::Upkeep(_), _) => {}
        }
    }

    pub(crate) fn proposal_refused(&mut self, proposal: ProposalId, fault: Option<String>) {
        if let Some(Asked { write, attempts, .. }) = self.asked.take_if(|a| a.proposal == proposal) {
            match (write, fault) {
                (write, None) if attempts < ATTEMPTS_MAX => self.judge(write, attempts + 1),
                (Write::Upkeep(upkeep), fault) => {
                    self.upkeep_failed(upkeep, fault.as_deref().unwrap_or("another writer was faster"));
                }
                (Write::Request(id, ..), Some(fault)) => {
                    let words = format!("the store could not write: {fault}");
                    self.reply(id, Err(refusal(RefusalKind::Unavailable, words)));
                }
                (Write::Request(id, ..), None) => {
                    let words = format!("another writer was faster {attempts} times: read again and retry");
                    self.reply(id, Err(refusal(RefusalKind::Conflict, words)));
                }
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
