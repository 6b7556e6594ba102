//! Northbound requests: reads are answered at once, writes one after the other, waits when what they wait for is there.

use proto::v1;
use topology::ResourceId;

use crate::brain::Brain;
use crate::catalog::{Answer, Stored};
use crate::effect::{Effect, Refusal, RefusalKind, Reply, Violation};
use crate::event::{Caller, ProposalId, Request, RequestId};

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

/// How often a write is judged anew when another writer was faster.
const ATTEMPTS_MAX: u32 = 5;
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

    pub(crate) fn reply(&mut self, id: RequestId, result: Result<Reply, Refusal>) {
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
