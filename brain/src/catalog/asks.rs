//! Reading a request: which resources it asks for, where in the request each stands, and which shall go.

use std::collections::BTreeSet;
use std::net::IpAddr;

use features::requesting::Lease;
use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::automatic::{Claimed, Seen};
use super::findings::Place;
use super::ident::{self, DEFAULT_TENANT, FABRIC, FABRIC_NAME, NAME_RULE};
use super::leases::Leasing;
use super::listeners::Listening;
use super::{Catalog, mask, resource};
use crate::effect::{Refusal, RefusalKind, Violation};
use crate::event::{Caller, Request};

/// A resource as it shall be.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) place: Place,
    pub(crate) id: ResourceId,
    /// With its tenant filled in, without status and revision.
    pub(crate) resource: Kind,
    /// The resource is stated as a whole: a port that names no addresses gets those that its network's subnets call for now. One
    /// that is only updated keeps what it has.
    pub(crate) fresh: bool,
}

/// What the answer will be.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Changes { dry_run: bool },
    Resource(ResourceId),
    Deleted,
}

/// A request, read.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) asks: Vec<Ask>,
    pub(crate) deletes: Vec<ResourceId>,
    pub(crate) wanted: Wanted,
    /// What was wrong already, each with the number of asks before it.
    pub(crate) wrong: Vec<(usize, Violation)>,
    /// The brain asks, for automatic ports.
    pub(crate) automatic: bool,
    /// Addresses that automatic ports have used, and when: milliseconds since 1970-01-01 UTC.
    pub(crate) seen: Vec<Seen>,
    /// What clients' messages do to leases.
    pub(crate) leases: Vec<Leasing>,
    /// What ports want of multicast groups.
    pub(crate) listeners: Vec<Listening>,
    /// Learned addresses that their ports' hosts do not answer for.
    pub(crate) aged: Vec<(ResourceId, IpAddr)>,
    /// Renumberings, and delegations from upstream, of which prefixes are to go.
    pub(crate) finish: Vec<ResourceId>,
    /// What is delegated from upstream now.
    pub(crate) upstream: Vec<(ResourceId, Option<Lease>)>,
    /// Ports whose interfaces with their iface-ids were found, or are gone.
    pub(crate) claimed: Vec<Claimed>,
    pub(crate) now_ms: u64,
    /// Segmentation ids that no switch has flows with, with the revisions at which they were released.
    pub(crate) free: Vec<(u32, u64)>,
    /// A chassis that is to give up being a gateway, or to take it up again.
    pub(crate) drain: Option<(ResourceId, bool)>,
    named: BTreeSet<ResourceId>,
}

impl Asked {
    fn new(wanted: Wanted) -> Asked {
        Asked {
            asks: Vec::new(),
            deletes: Vec::new(),
            wanted,
            wrong: Vec::new(),
            automatic: false,
            seen: Vec::new(),
            leases: Vec::new(),
            listeners: Vec::new(),
            aged: Vec::new(),
            finish: Vec::new(),
            upstream: Vec::new(),
            claimed: Vec::new(),
            now_ms: 0,
            free: Vec::new(),
            drain: None,
            named: BTreeSet::new(),
        }
    }

    /// What the brain itself asks for, at a time.
    pub(crate) fn automatic(now_ms: u64) -> Asked {
        Asked { automatic: true, now_ms, ..Asked::new(Wanted::Changes { dry_run: false }) }
    }

    /// Notes an automatic port.
    pub(crate) fn ask_automatic(&mut self, id: &ResourceId, resource: Kind) {
        self.asks.push(Ask { place: Place::Nowhere, id: id.clone(), resource, fresh: true });
    }

    fn wrong(&mut self, path: String, message: impl Into<String>) {
        self.wrong.push((self.asks.len(), Violation { path, message: message.into() }));
    }

    /// Notes a resource, if its name and tenant are ones that a resource can have.
    fn ask(&mut self, caller: &Caller, place: Place, mut kind: Kind, tenant: &str, fresh: bool) -> Option<ResourceId> {
        resource::strip(&mut kind);
        let singular = resource::kind_of(&kind);
        let meta = resource::meta_mut(&mut kind);
        let before = self.wrong.len();
        if singular == FABRIC {
            if meta.name.is_empty() {
                meta.name = FABRIC_NAME.to_owned();
            } else if meta.name != FABRIC_NAME {
                self.wrong(place.path(true, "name"), format!("the fabric is one, and its name is {FABRIC_NAME}"));
            }
        } else if meta.name.is_empty() {
            self.wrong(place.path(true, "name"), format!("is needed: {NAME_RULE}"));
        } else if !ident::is_name(&meta.name) {
            self.wrong(place.path(true, "name"), format!("{:?} is not a name: {NAME_RULE}", meta.name));
        }
        if ident::is_global(singular) {
            if !meta.tenant.is_empty() {
                self.wrong(place.path(true, "tenant"), format!("a {singular} belongs to no tenant"));
            }
        } else {
            if meta.tenant.is_empty() {
                meta.tenant = tenant.to_owned();
            }
            if !ident::is_name(&meta.tenant) {
                self.wrong(place.path(true, "tenant"), format!("{:?} is not a name: {NAME_RULE}", meta.tenant));
            }
        }
        let id = ident::id(singular, &meta.tenant, &meta.name);
        if let Some(message) = forbidden(caller, &id) {
            self.wrong(place.path(true, "tenant"), message);
        }
        if !self.named.insert(id.clone()) {
            self.wrong(place.path(true, "name"), format!("{id} is there twice"));
        }
        if self.wrong.len() > before {
            return None;
        }
        self.asks.push(Ask { place, id: id.clone(), resource: kind, fresh });
        Some(id)
    }
}

/// Reads a request.
pub(crate) fn read(catalog: &Catalog, caller: &Caller, request: &Request) -> Result<Asked, Refusal> {
    match request {
        Request::Apply(apply) => read_apply(catalog, caller, apply),
        Request::Create { resource, .. } => {
            let asked = read_one(caller, resource, |_, kind| Ok((kind, Vec::new())))?;
            match asked.asks.first().filter(|ask| catalog.by_id(&ask.id).is_some()) {
                Some(ask) => {
                    Err(refusal(RefusalKind::AlreadyExists, "meta.name", format!("there is a {} already", ask.id)))
                }
                None => Ok(asked),
            }
        }
        Request::Update { resource, mask, options } => {
            let mut asked = read_one(caller, resource, |id, kind| merged(catalog, id, kind, mask))?;
            for ask in &mut asked.asks {
                expect(catalog, &[&ask.id], options.expected_revision, "options.expected_revision")?;
                ask.fresh = false;
            }
            Ok(asked)
        }
        Request::Delete { kind, delete } => read_delete(catalog, caller, kind, delete),
        Request::Drain(drain) => {
            let id = ident::id(ident::CHASSIS, "", &drain.chassis);
            if catalog.by_id(&id).is_none() {
                return Err(refusal(RefusalKind::NotFound, "chassis", format!("there is no {id}")));
            }
            let mut asked = Asked::new(Wanted::Resource(id.clone()));
            asked.drain = Some((id, !drain.undo));
            Ok(asked)
        }
        _ => Err(refusal(RefusalKind::Invalid, "", "is not a write")),
    }
}

fn read_apply(catalog: &Catalog, caller: &Caller, apply: &v1::ApplyRequest) -> Result<Asked, Refusal> {
    let mut asked = Asked::new(Wanted::Changes { dry_run: apply.dry_run });
    let mut scopes: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for (i, document) in apply.documents.iter().enumerate() {
        let prefix = if apply.documents.len() > 1 { format!("documents[{i}].") } else { String::new() };
        read_document(caller, document, &prefix, &mut asked, &mut scopes);
    }
    let ids: Vec<&ResourceId> = asked.asks.iter().map(|ask| &ask.id).collect();
    expect(catalog, &ids, apply.expected_revision, "expected_revision")?;
    if apply.prune {
        let listed: BTreeSet<&ResourceId> = ids.into_iter().collect();
        let mut deletes = Vec::new();
        for (kind, tenant) in scopes.iter().filter(|(kind, _)| !ident::is_global(kind)) {
            // Automatic ports are in no document, and go when what they stand on goes; nor need a tenant's default group be.
            let stays = |id: &ResourceId| catalog.is_automatic(id) || ident::is_default_group(id);
            let unlisted = |id: &&ResourceId| !listed.contains(id) && !stays(id);
            let of_tenant = catalog.ids(kind).filter(|id| *id.tenant == **tenant).filter(unlisted);
            deletes.extend(of_tenant.cloned());
        }
        asked.deletes = deletes;
    }
    Ok(asked)
}

/// Reads one document. Its scopes are what pruning looks at: the kinds that it lists, for each tenant that it names.
fn read_document(
    caller: &Caller,
    document: &v1::Document,
    prefix: &str,
    asked: &mut Asked,
    scopes: &mut BTreeSet<(&'static str, String)>,
) {
    let (tenant, listed) = resource::listed(document.clone());
    if !tenant.is_empty() && !ident::is_name(&tenant) {
        asked.wrong(format!("{prefix}tenant"), format!("{tenant:?} is not a name: {NAME_RULE}"));
        return;
    }
    let mut tenants: BTreeSet<String> = (!tenant.is_empty()).then(|| tenant.clone()).into_iter().collect();
    let default = if tenant.is_empty() { DEFAULT_TENANT } else { &tenant };
    let mut named: BTreeSet<&'static str> = BTreeSet::new();
    for (plural, kinds) in listed {
        for (i, kind) in kinds.into_iter().enumerate() {
            let at = if plural == FABRIC { format!("{prefix}{plural}") } else { format!("{prefix}{plural}[{i}]") };
            named.insert(resource::kind_of(&kind));
            if let Some(id) = asked.ask(caller, Place::Document(at), kind, default, true) {
                tenants.insert(id.tenant.to_string());
            }
        }
    }
    for kind in named {
        scopes.extend(tenants.iter().map(|tenant| (kind, tenant.clone())));
    }
}

/// Reads the resource of a create or update; `finish` makes it whole and names the paths of its mask that name nothing.
fn read_one(
    caller: &Caller,
    resource: &v1::Resource,
    finish: impl FnOnce(&ResourceId, Kind) -> Result<(Kind, Vec<Violation>), Refusal>,
) -> Result<Asked, Refusal> {
    let Some(kind) = resource.kind.clone() else {
        return Err(refusal(RefusalKind::Invalid, "", "holds no resource"));
    };
    let mut asked = Asked::new(Wanted::Deleted);
    if let Some(id) = asked.ask(caller, Place::Resource, kind, DEFAULT_TENANT, true) {
        if let Some(ask) = asked.asks.first_mut() {
            let (kind, wrong) = finish(&id, ask.resource.clone())?;
            ask.resource = kind;
            asked.wrong.extend(wrong.into_iter().map(|violation| (0, violation)));
        }
        asked.wanted = Wanted::Resource(id);
    }
    Ok(asked)
}

/// What an update makes of a resource.
fn merged(catalog: &Catalog, id: &ResourceId, from: Kind, mask: &[String]) -> Result<(Kind, Vec<Violation>), Refusal> {
    let existing = catalog.by_id(id).and_then(|stored| stored.record.resource.clone()?.kind);
    // The fabric is one: it can be set without having been made.
    let Some(mut kind) = existing.or_else(|| (id.kind == FABRIC).then(|| from.clone())) else {
        return Err(refusal(RefusalKind::NotFound, "meta.name", format!("there is no {id}")));
    };
    let unknown = mask::merge(&mut kind, &from, mask);
    let violation = |path: String| Violation {
        path: "update_mask".to_owned(),
        message: format!("{path:?} is no field that can be set: {}", mask::paths(&from)),
    };
    Ok((kind, unknown.into_iter().map(violation).collect()))
}

fn read_delete(catalog: &Catalog, caller: &Caller, kind: &str, delete: &v1::DeleteRequest) -> Result<Asked, Refusal> {
    let Some(kind) = ident::kind(kind) else {
        let message = format!("{kind:?} is not a kind: {}", ident::KINDS.join(", "));
        return Err(refusal(RefusalKind::Invalid, "kind", message));
    };
    let id = ident::id(kind, &delete.tenant, &delete.name);
    if let Some(message) = forbidden(caller, &id) {
        return Err(refusal(RefusalKind::Invalid, "tenant", message));
    }
    if kind == FABRIC {
        return Err(refusal(RefusalKind::Invalid, "kind", "the fabric can't be deleted"));
    }
    if catalog.by_id(&id).is_none() {
        return Err(refusal(RefusalKind::NotFound, "name", format!("there is no {id}")));
    }
    expect(catalog, &[&id], delete.expected_revision, "expected_revision")?;
    let mut asked = Asked::new(Wanted::Deleted);
    asked.deletes.push(id);
    Ok(asked)
}

/// Why a caller may not touch a resource.
fn forbidden(caller: &Caller, id: &ResourceId) -> Option<String> {
    let tenant = caller.tenant.as_deref()?;
    (*id.tenant != *tenant).then(|| format!("{id} is not {tenant}'s, for whom the caller acts"))
}

/// Holds the expected revision against the newest of some resources.
fn expect(catalog: &Catalog, ids: &[&ResourceId], expected: Option<u64>, path: &str) -> Result<(), Refusal> {
    let Some(expected) = expected else { return Ok(()) };
    let newest = ids.iter().filter_map(|id| catalog.by_id(id)).map(|stored| stored.mod_revision).max().unwrap_or(0);
    if newest == expected {
        return Ok(());
    }
    Err(refusal(RefusalKind::Conflict, path, format!("is {expected}, but the revision is {newest}: read again")))
}

/// A refusal for one reason.
pub(crate) fn refusal(kind: RefusalKind, path: &str, message: impl Into<String>) -> Refusal {
    Refusal { kind, violations: vec![Violation { path: path.to_owned(), message: message.into() }] }
}
