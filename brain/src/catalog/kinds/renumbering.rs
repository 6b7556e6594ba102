//! Renumbering: a subnet gets another prefix, while the old one is still there and deprecated (RFC 4192, RFC 9096).
//!
//! The subnet's spec, and what its ports were given, stay as they are written; the renumbering says under which prefixes they are
//! shown. An address is the same in each but for the prefix. Once it is done with, the renumbering is deleted, and what is
//! written becomes what was shown.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net};
use proto::v1::{self, resource::Kind};
use topology::{Change, Ends, ResourceId};

use super::subnet::Subnet;
use super::{Model, delegation::overlap, subnet, text, upstream};
use crate::catalog::Catalog;
use crate::catalog::admit::Admission;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{PORT, RENUMBERING, ROUTER, SUBNET};

/// How long both prefixes are there, seconds: hosts keep an address for two hours whatever they are told (RFC 4862, 5.5.3).
const OVERLAP_S: u32 = 7200;
/// A year: longer is no renumbering but two prefixes.
const OVERLAP_MAX_S: u32 = 31_536_000;

/// A renumbering's spec, read, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Renumbering {
    pub(crate) subnet: ResourceId,
    /// The new prefix.
    pub(crate) to: Ipv6Net,
    overlap_s: u32,
    /// Milliseconds since 1970-01-01 UTC; 0: not yet.
    pub(crate) begun_ms: u64,
    /// The old prefix is gone.
    pub(crate) finished: bool,
}

/// A prefix of a subnet as hosts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// The subnet's number in facts, or the renumbering's.
    pub(crate) key: u32,
    pub(crate) cidr: IpNet,
    /// It is there for a time.
    pub(crate) ends: Option<Ends>,
    /// It took this one's place, which is gone.
    pub(crate) instead_of: Option<Ipv6Net>,
}

impl Renumbering {
    /// When the old prefix goes: milliseconds since 1970-01-01 UTC.
    pub(crate) fn ends_ms(&self) -> u64 {
        self.begun_ms.saturating_add(u64::from(self.overlap_s) * 1000)
    }

    /// When something is to be done about it.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (self.begun_ms > 0 && !self.finished).then(|| self.ends_ms())
    }
}

pub(super) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Renumbering> {
    let (begun_ms, finished) = (record.begun_ms, record.finished);
    let Some(Kind::Renumbering(v1::Renumbering { spec: Some(spec), .. })) =
        record.resource.as_mut().and_then(|r| r.kind.as_mut())
    else {
        return None;
    };
    let subnet = text::target(SUBNET, &id.tenant, &spec.subnet, "subnet", findings);
    let cidr = subnet::cidr(&mut spec.cidr, findings);
    let overlap_s = spec.overlap_s.unwrap_or(OVERLAP_S);
    if !(1..=OVERLAP_MAX_S).contains(&overlap_s) {
        findings.spec("overlap_s", format!("{overlap_s} is not from 1 to {OVERLAP_MAX_S}, a year"));
    }
    match cidr? {
        IpNet::V6(to) => Some(Renumbering { subnet: subnet?, to, overlap_s, begun_ms, finished }),
        IpNet::V4(cidr) => {
            findings.spec(
                "cidr",
                format!("{cidr} is IPv4: a host has no two IPv4 addresses at a time, as renumbering needs"),
            );
            None
        }
    }
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, renumbering: &Renumbering, findings: &mut Findings) {
    let Renumbering { subnet: of, to, .. } = renumbering;
    if let Some(other) = catalog.users(of, RENUMBERING).find(|other| *other != id) {
        findings.spec("subnet", format!("{of} is being renumbered by {other}: delete that when it is finished"));
        return;
    }
    let Some(subnet) = catalog.subnet(of) else { return };
    let IpNet::V6(from) = subnet.cidr else {
        findings.spec("subnet", format!("{of} is IPv4: only IPv6 subnets are renumbered"));
        return;
    };
    if subnet.delegated {
        findings.spec("subnet", format!("{of} has no cidr: a delegation from upstream says which prefix it has"));
        return;
    }
    if subnet.per_host {
        findings.spec("subnet", format!("{of} has prefix_per_host: it can't be renumbered"));
        return;
    }
    if from.prefix_len() != to.prefix_len() {
        let message = format!("{to} must be as long as {from}, the prefix of {of}: addresses keep what follows it");
        findings.spec("cidr", message);
    } else if from == *to {
        findings.spec("cidr", format!("{to} is what {of} has already"));
    }
    for (other, its) in catalog.faces_on(&subnet.network).into_iter().filter(|(other, _)| *other != of) {
        if matches!(its.cidr, IpNet::V6(its) if overlap(its, *to)) {
            findings.spec("cidr", format!("{to} overlaps {other} ({}) on {}", its.cidr, subnet.network));
        }
    }
    if let Some(words) = catalog.delegated_there(&subnet.network, *to) {
        findings.spec("cidr", format!("{to} overlaps {words}"));
    }
    for router in catalog.users(of, ROUTER) {
        let mut own = Findings::default();
        if let Some(model) = catalog.model(router) {
            model.check(catalog, router, &mut own);
        }
        for finding in own.0 {
            findings.spec("cidr", format!("{router}: {}: {}", finding.field, finding.message));
        }
    }
}

pub(super) fn facts(catalog: &Catalog, renumbering: &Renumbering, facts: &mut Vec<Change>) {
    let Some(subnet) = catalog.subnet(&renumbering.subnet) else { return };
    let faces = catalog.faces(&renumbering.subnet, subnet);
    for face in faces.into_iter().filter(|face| face.cidr == IpNet::V6(renumbering.to)) {
        subnet::face_facts(catalog, (&renumbering.subnet, subnet), face, facts);
    }
}

/// A prefix that is deprecated, and gone then.
const fn deprecated(valid_until_ms: u64) -> Ends {
    Ends { preferred_until_ms: 0, valid_until_ms }
}

/// An address of one prefix as it is in another of the same length; those of none are the same everywhere.
pub(crate) fn shift(address: IpAddr, from: IpNet, to: IpNet) -> IpAddr {
    match (address, from, to) {
        (IpAddr::V6(address), IpNet::V6(from), IpNet::V6(to)) if from != to && from.contains(&address) => {
            let host = u128::from(address) & u128::from(from.hostmask());
            IpAddr::V6(Ipv6Addr::from(u128::from(to.network()) | host))
        }
        _ => address,
    }
}

impl Catalog {
    pub(crate) fn renumbering(&self, id: &ResourceId) -> Option<&Renumbering> {
        match self.model(id) {
            Some(Model::Renumbering(renumbering)) => Some(renumbering),
            _ => None,
        }
    }

    /// A subnet's renumbering, with its number. Of several, which will be refused or told, it is the first.
    pub(crate) fn renumbering_of(&self, subnet: &ResourceId) -> Option<(u32, &Renumbering)> {
        let id = self.users(subnet, RENUMBERING).next()?;
        Some((self.key_of(id)?, self.renumbering(id)?))
    }

    /// The prefixes that a subnet has for hosts, the new one last.
    pub(crate) fn faces(&self, id: &ResourceId, subnet: &Subnet) -> Vec<Face> {
        if subnet.delegated {
            return self.delegated_faces(id);
        }
        let own = self.key_of(id).map(|key| Face { key, cidr: subnet.cidr, ends: None, instead_of: None });
        let renumbering = self.renumbering_of(id).filter(|(_, r)| r.begun_ms > 0);
        let (Some((key, renumbering)), IpNet::V6(from)) = (renumbering, subnet.cidr) else {
            return own.into_iter().collect();
        };
        let to = Face { key, cidr: IpNet::V6(renumbering.to), ends: None, instead_of: None };
        if renumbering.finished {
            return vec![Face { instead_of: Some(from), ..to }];
        }
        let own = own.map(|own| Face { ends: Some(deprecated(renumbering.ends_ms())), ..own });
        own.into_iter().chain([to]).collect()
    }

    /// The prefixes on a network, each with its subnet.
    pub(crate) fn faces_on(&self, network: &ResourceId) -> Vec<(&ResourceId, Face)> {
        let subnets = self.subnets_of(network).into_iter();
        subnets.flat_map(|(id, subnet)| self.faces(id, subnet).into_iter().map(move |face| (id, face))).collect()
    }

    /// An address of a subnet as hosts have it, under each of its prefixes.
    pub(crate) fn shown_in(&self, id: &ResourceId, address: IpAddr) -> Vec<IpAddr> {
        let Some(subnet) = self.subnet(id) else { return vec![address] };
        let mut shown: Vec<IpAddr> =
            self.faces(id, subnet).into_iter().map(|face| shift(address, subnet.cidr, face.cidr)).collect();
        shown.dedup();
        shown
    }

    /// An address as a subnet's spec has it, if it is of any of the subnet's prefixes, the written one included.
    pub(crate) fn written_in(&self, id: &ResourceId, subnet: &Subnet, address: IpAddr) -> Option<IpAddr> {
        if let (true, IpNet::V6(prefix)) = (subnet.delegated, subnet.cidr) {
            return upstream::suffix(prefix, address);
        }
        let written = subnet.cidr.contains(&address).then_some(address);
        written.or_else(|| {
            let face = self.faces(id, subnet).into_iter().find(|face| face.cidr.contains(&address))?;
            Some(shift(address, face.cidr, subnet.cidr))
        })
    }

    /// The subnets whose prefixes another resource says.
    pub(crate) fn shown_by(&self, id: &ResourceId) -> Vec<ResourceId> {
        match self.model(id) {
            Some(Model::Renumbering(renumbering)) => vec![renumbering.subnet.clone()],
            Some(Model::Upstream(upstream)) => upstream.subnets.clone(),
            _ => Vec::new(),
        }
    }

    /// When the next prefix of a subnet is to go: milliseconds since 1970-01-01 UTC.
    pub(crate) fn next_renumbered(&self) -> Option<u64> {
        self.renumberings.first().map(|(at, _)| *at)
    }

    /// The renumberings, and delegations from upstream, of which prefixes are to go by now.
    pub(crate) fn renumbered_by(&self, now_ms: u64) -> Vec<ResourceId> {
        self.renumberings.iter().take_while(|(at, _)| *at <= now_ms).map(|(_, id)| id.clone()).collect()
    }
}

impl Admission<'_> {
    /// Renumberings begin, end, or are done with.
    pub(crate) fn renumber(&mut self) {
        for (_, id) in self.sound().into_iter().filter(|(_, id)| id.kind == RENUMBERING) {
            let now_ms = self.asked.now_ms.max(1);
            self.edit(&id, |record| {
                if record.begun_ms == 0 {
                    record.begun_ms = now_ms;
                }
            });
        }
        for id in self.asked.finish.clone() {
            let due = self.after.renumbering(&id).and_then(Renumbering::due_ms);
            if due.is_some_and(|due| due <= self.asked.now_ms) {
                self.edit(&id, |record| record.finished = true);
                self.followers.insert(id, usize::MAX);
            }
        }
        for id in self.asked.deletes.clone() {
            let finished = self.before.renumbering(&id).filter(|renumbering| renumbering.finished).cloned();
            if let Some(renumbering) = finished {
                self.rewrite(&renumbering);
            }
        }
    }

    /// What was shown becomes what is written: in the subnet, its routers, and its ports.
    fn rewrite(&mut self, renumbering: &Renumbering) {
        let of = &renumbering.subnet;
        let Some(from) = self.after.subnet(of).map(|subnet| subnet.cidr) else { return };
        let to = IpNet::V6(renumbering.to);
        let routers = self.after.users(of, ROUTER).cloned();
        let ports = self.after.users(of, PORT).cloned();
        let rest: Vec<ResourceId> = routers.chain(ports).collect();
        let moved = |text: &mut String| {
            if let Ok(address) = text.parse::<IpAddr>() {
                *text = shift(address, from, to).to_string();
            }
        };
        for id in std::iter::once(of.clone()).chain(rest) {
            self.edit(&id, |record| {
                for assigned in &mut record.addresses {
                    moved(&mut assigned.ip_address);
                }
                match record.resource.as_mut().and_then(|resource| resource.kind.as_mut()) {
                    Some(Kind::Subnet(v1::Subnet { spec: Some(spec), .. })) => {
                        spec.cidr = to.to_string();
                        spec.gateway_ip.iter_mut().for_each(moved);
                        for pool in &mut spec.allocation_pools {
                            moved(&mut pool.start);
                            moved(&mut pool.end);
                        }
                        spec.host_routes.iter_mut().for_each(|route| moved(&mut route.nexthop));
                    }
                    Some(Kind::Router(v1::Router { spec: Some(spec), .. })) => {
                        spec.interfaces.iter_mut().filter_map(|i| i.ip_address.as_mut()).for_each(moved);
                        spec.routes.iter_mut().for_each(|route| moved(&mut route.nexthop));
                    }
                    Some(Kind::Port(v1::Port { spec: Some(spec), .. })) => {
                        let fixed = spec.fixed_ips.iter_mut().flat_map(|list| &mut list.items);
                        fixed.filter_map(|fixed| fixed.ip_address.as_mut()).for_each(moved);
                    }
                    _ => {}
                }
            });
            self.followers.entry(id).or_insert(usize::MAX);
        }
    }

    /// Changes a record in the candidate.
    pub(crate) fn edit(&mut self, id: &ResourceId, change: impl FnOnce(&mut v1::Record)) {
        let Some(stored) = self.after.by_id(id).cloned() else { return };
        let mut record = stored.record.clone();
        change(&mut record);
        if record != stored.record {
            self.after.put(id, record, stored.mod_revision, &mut Findings::default());
        }
    }

    /// The subnets whose prefixes change by this request.
    pub(crate) fn renumbered_subnets(&self) -> Vec<ResourceId> {
        let asked = self.sound().into_iter().map(|(_, id)| id);
        let all = asked.chain(self.followers.keys().cloned()).chain(self.asked.deletes.iter().cloned());
        let both = [&self.after, self.before];
        all.flat_map(|id| both.into_iter().flat_map(move |catalog| catalog.shown_by(&id))).collect()
    }
}
