//! Idempotency keys: a request that is sent again is answered again, and not carried out again.
//!
//! The last 1,000 answers are remembered, in memory: a restarted controller, or another one, knows none of them.

use std::hash::{DefaultHasher, Hasher as _};

use prost::Message;
use proto::v1::{self, resource::Kind};
use rpds::{HashTrieMapSync, QueueSync};

use super::{Answer, Catalog, resource};
use crate::effect::{Refusal, RefusalKind, Violation};
use crate::event::{Caller, Request};

/// How many answers are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// Answers by the caller's tenant and the key that the caller gave.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    answers: HashTrieMapSync<Who, (u64, Answer)>,
    order: QueueSync<Who>,
}

type Who = (Option<String>, String);

impl Catalog {
    /// The answer that this request had before, if it bears an idempotency key and is sent again.
    pub(crate) fn recall(&self, caller: &Caller, request: &Request) -> Result<Option<Answer>, Refusal> {
        let Some((key, path)) = idempotency_key(request) else { return Ok(None) };
        let Some((digest, answer)) = self.memory.answers.get(&(caller.tenant.clone(), key.to_owned())) else {
            return Ok(None);
        };
        if *digest == digest_of(request) {
            return Ok(Some(answer.clone()));
        }
        let message = format!("{key:?} was used for another request");
        let violations = vec![Violation { path: path.to_owned(), message }];
        Err(Refusal { kind: RefusalKind::Invalid, violations })
    }

    /// Remembers the answer that a request was given: to be called once it is carried out. Only the last 1,000 are kept.
    pub(crate) fn remember(&mut self, caller: &Caller, request: &Request, answer: &Answer) {
        let Some((key, _)) = idempotency_key(request) else { return };
        let who = (caller.tenant.clone(), key.to_owned());
        let Memory { answers, order } = &mut self.memory;
        if !answers.contains_key(&who) {
            order.enqueue_mut(who.clone());
        }
        answers.insert_mut(who, (digest_of(request), answer.clone()));
        while order.len() > REMEMBERED_MAX {
            if let Some(oldest) = order.peek() {
                answers.remove_mut(oldest);
            }
            order.dequeue_mut();
        }
    }
}

/// A request's idempotency key and its path, if it has one.
fn idempotency_key(request: &Request) -> Option<(&str, &'static str)> {
    let (key, path) = match request {
        Request::Apply(apply) => (&apply.idempotency_key, "idempotency_key"),
        Request::Create { options, .. } | Request::Update { options, .. } => {
            (&options.idempotency_key, "options.idempotency_key")
        }
        Request::Delete { delete, .. } => (&delete.idempotency_key, "idempotency_key"),
        _ => return None,
    };
    (!key.is_empty()).then_some((key, path))
}

/// Tells requests apart.
fn digest_of(request: &Request) -> u64 {
    // The hasher's keys are fixed: one run's digests are those of the next.
    let mut hasher = DefaultHasher::new();
    match request {
        Request::Apply(apply) => {
            hasher.write_u8(1);
            let mut apply = apply.clone();
            for document in std::mem::take(&mut apply.documents) {
                add_document(document, &mut hasher);
            }
            add(&apply, &mut hasher);
        }
        Request::Create { resource, options } => {
            hasher.write_u8(2);
            add_resource(resource, &mut hasher);
            add(options, &mut hasher);
        }
        Request::Update { resource, mask, options } => {
            hasher.write_u8(3);
            add_resource(resource, &mut hasher);
            for path in mask {
                hasher.write(path.as_bytes());
                hasher.write_u8(0xff);
            }
            add(options, &mut hasher);
        }
        Request::Delete { kind, delete } => {
            hasher.write_u8(4);
            hasher.write(kind.as_bytes());
            add(delete, &mut hasher);
        }
        _ => {}
    }
    hasher.finish()
}

fn add(message: &impl Message, hasher: &mut DefaultHasher) {
    let bytes = message.encode_to_vec();
    hasher.write_usize(bytes.len());
    hasher.write(&bytes);
}

fn add_resource(resource: &v1::Resource, hasher: &mut DefaultHasher) {
    let mut resource = resource.clone();
    if let Some(kind) = &mut resource.kind {
        take_labels(kind_meta(kind), hasher);
    }
    add(&resource, hasher);
}

fn kind_meta(kind: &mut Kind) -> Option<&mut v1::Meta> {
    Some(resource::meta_mut(kind))
}

fn add_document(document: v1::Document, hasher: &mut DefaultHasher) {
    let (tenant, listed) = resource::listed(document);
    hasher.write_usize(tenant.len());
    hasher.write(tenant.as_bytes());
    for (_, kinds) in listed {
        hasher.write_usize(kinds.len());
        kinds.into_iter().for_each(|kind| add_resource(&v1::Resource { kind: Some(kind) }, hasher));
    }
}

/// Maps have no order of their own: labels go in sorted, and are taken out of what is encoded.
fn take_labels(meta: Option<&mut v1::Meta>, hasher: &mut DefaultHasher) {
    let mut labels: Vec<_> = meta.map(|meta| std::mem::take(&mut meta.labels)).into_iter().flatten().collect();
    labels.sort_unstable();
    hasher.write_usize(labels.len());
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        hasher.write_usize(text.len());
        hasher.write(text.as_bytes());
    }
}
