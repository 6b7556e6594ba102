//! Delegations: prefixes routed to ports, for hosts behind them (RFC 8415, 6.3).

use std::net::Ipv6Addr;
use std::sync::Arc;

use addr::{IpNet, Ipv6Net, is_link_local, link_local};
use proto::v1;
use topology::{Change, NetworkKey, ResourceId, Route, RouterKey};

use super::port::Port;
use super::{Model, text, told};
use crate::catalog::Catalog;
use crate::catalog::admit::Admission;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, DELEGATION, PORT, ROUTER, TRANSLATOR, short};

/// Prefixes that one port can have.
const PER_PORT_MAX: usize = 16;
/// Hosts form their addresses on a /64 (RFC 7421).
const LENGTH_MAX: u8 = 64;
/// Stands behind the names of all kinds.
const AFTER_ALL_KINDS: &str = "~";

/// A delegation's spec, read, and what was picked for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delegation {
    pub(crate) port: ResourceId,
    pool: Ipv6Net,
    length: u8,
    /// As given.
    given: Option<Ipv6Net>,
    /// What it is: given, or picked; `None` until it is.
    pub(crate) prefix: Option<Ipv6Net>,
    lifetimes: v1::PrefixLifetimes,
}

pub(super) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Delegation> {
    let picked = record.prefix.parse().ok();
    let Some(v1::resource::Kind::Delegation(v1::Delegation { spec: Some(spec), .. })) =
        record.resource.as_mut().and_then(|r| r.kind.as_mut())
    else {
        return None;
    };
    let port = text::target(PORT, &id.tenant, &spec.port, "port", findings);
    let pool = prefix(&mut spec.pool, "pool", findings);
    let given = spec.prefix.as_mut().map(|text| prefix(text, "prefix", findings));
    let lifetimes = told::lifetimes(spec.prefix_lifetimes);
    told::check_lifetimes(spec.prefix_lifetimes, findings);
    let (port, pool) = (port?, pool?);
    let length = match u8::try_from(spec.length) {
        Ok(length) if (pool.prefix_len()..=LENGTH_MAX).contains(&length) => length,
        _ => {
            let message = format!("{} must be from {}, the pool's, to {LENGTH_MAX}", spec.length, pool.prefix_len());
            findings.spec("length", message);
            return None;
        }
    };
    let given = match given {
        Some(given) => Some(given?),
        None => None,
    };
    if let Some(given) = given.filter(|given| given.prefix_len() != length || !pool.contains(given)) {
        findings.spec("prefix", format!("{given} is not a /{length} of the pool {pool}"));
    }
    Some(Delegation { port, pool, length, given, prefix: picked, lifetimes })
}

/// A prefix that can be routed to hosts.
fn prefix(text: &mut String, field: &str, findings: &mut Findings) -> Option<Ipv6Net> {
    let read = text::read::<IpNet>(text, field, findings)?;
    let why = match read {
        IpNet::V4(_) => "it is IPv4, and there is no delegation of IPv4 prefixes",
        IpNet::V6(net) if net != net.trunc() => "it has host bits",
        IpNet::V6(net) if net.prefix_len() == 0 || net.network().is_unspecified() => "it is everything",
        IpNet::V6(net) if net.network().is_multicast() => "it is a range of multicast groups",
        IpNet::V6(net) if is_link_local(net.network()) => "link-local addresses are not routed",
        IpNet::V6(net) => return Some(net),
    };
    findings.spec(field, format!("{read} can't be delegated: {why}"));
    None
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, delegation: &Delegation, findings: &mut Findings) {
    let of_port = catalog.users(&delegation.port, DELEGATION).count();
    if of_port > PER_PORT_MAX {
        let message = format!("{} has {of_port} delegations; {PER_PORT_MAX} are the most", delegation.port);
        findings.spec("port", message);
    }
    let Some(prefix) = delegation.prefix else { return };
    if let Some(words) = catalog.in_the_way(id, delegation, prefix) {
        let field = if delegation.given.is_some() { "prefix" } else { "pool" };
        findings.spec(field, format!("{prefix} overlaps {words}"));
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, delegation: &Delegation, facts: &mut Vec<Change>) {
    let (Some(prefix), Some(port)) = (delegation.prefix, catalog.port(&delegation.port)) else { return };
    let (Some(network), Some(mac)) = (catalog.key_of(&port.network).map(NetworkKey), port.mac) else { return };
    for router in catalog.routers_for(id, port) {
        let Some(router) = catalog.key_of(router).map(RouterKey) else { continue };
        let route = Route { network, nexthop: link_local(mac).into() };
        facts.push(Change::Route(router, IpNet::V6(prefix), Some(route)));
    }
}

/// The next prefix of a length, if the range goes on.
fn after(prefix: Ipv6Net) -> Option<Ipv6Addr> {
    u128::from(prefix.broadcast()).checked_add(1).map(Ipv6Addr::from)
}

pub(super) fn overlap(a: Ipv6Net, b: Ipv6Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

impl Catalog {
    pub(crate) fn delegation(&self, id: &ResourceId) -> Option<&Delegation> {
        match self.model(id) {
            Some(Model::Delegation(delegation)) => Some(delegation),
            _ => None,
        }
    }

    /// The prefixes that are routed to a port, with their lifetimes, in the order of the delegations' names.
    pub(crate) fn delegated_to(&self, port: &ResourceId) -> impl Iterator<Item = (Ipv6Net, v1::PrefixLifetimes)> {
        let delegations = self.users(port, DELEGATION).filter_map(|id| self.delegation(id));
        delegations.filter_map(|delegation| Some((delegation.prefix?, delegation.lifetimes)))
    }

    /// The routers that route a delegated prefix: its tenant's, on the port's network. Another tenant's router on a shared network
    /// takes no routes from guests.
    pub(crate) fn routers_for(&self, id: &ResourceId, port: &Port) -> Vec<&ResourceId> {
        let subnets = self.subnets_of(&port.network).into_iter();
        let mut routers: Vec<&ResourceId> = subnets.flat_map(|(subnet, _)| self.users(subnet, ROUTER)).collect();
        routers.retain(|router| router.tenant == id.tenant);
        routers.sort_unstable();
        routers.dedup();
        routers
    }

    /// The delegations of a router's tenant on one of its networks.
    pub(crate) fn delegations_over(&self, router: &ResourceId) -> Vec<&ResourceId> {
        let Some(Model::Router(model)) = self.model(router) else { return Vec::new() };
        let subnets = model.interfaces.iter().filter_map(|interface| self.subnet(&interface.subnet));
        let mut networks: Vec<&ResourceId> = subnets.map(|subnet| &subnet.network).collect();
        networks.sort_unstable();
        networks.dedup();
        let over = networks.into_iter().flat_map(|network| self.users(network, DELEGATION));
        over.filter(|id| id.tenant == router.tenant).collect()
    }

    /// A delegation of a tenant, other than `me`, that overlaps a prefix.
    pub(crate) fn delegation_in(
        &self,
        tenant: &str,
        prefix: Ipv6Net,
        me: Option<&ResourceId>,
    ) -> Option<(&ResourceId, Ipv6Net)> {
        // Of those that don't overlap each other, it can only be the last one that begins before the prefix ends.
        let at = |address, kind| (Arc::from(tenant), address, ident::least(kind));
        let all = self.delegated.range(at(Ipv6Addr::UNSPECIFIED, "")..=at(prefix.broadcast(), AFTER_ALL_KINDS));
        let mut before = all.rev().map(|((_, _, id), its)| (id, *its)).filter(|(id, _)| Some(*id) != me);
        before.next().filter(|(_, its)| overlap(*its, prefix))
    }

    /// A delegation to a port of a network that overlaps a prefix, in words.
    pub(super) fn delegated_there(&self, network: &ResourceId, prefix: Ipv6Net) -> Option<String> {
        let delegations = self.users(network, DELEGATION).filter_map(|id| Some((id, self.delegation(id)?.prefix?)));
        let mut there = delegations.filter(|(_, its)| overlap(*its, prefix));
        there.next().map(|(id, its)| format!("{its} of {id}"))
    }

    /// What of a tenant's overlaps a prefix, in words: another delegation, or what is connected to the same routers.
    fn in_the_way(&self, id: &ResourceId, delegation: &Delegation, prefix: Ipv6Net) -> Option<String> {
        if let Some((other, its)) = self.delegation_in(&id.tenant, prefix, Some(id)) {
            return Some(format!("{its} of {other}"));
        }
        self.obstacles(id, delegation).into_iter().find(|(its, _)| overlap(*its, prefix)).map(|(_, words)| words)
    }

    /// Prefixes that are somebody's already where a delegation would be routed.
    fn obstacles(&self, id: &ResourceId, delegation: &Delegation) -> Vec<(Ipv6Net, String)> {
        let Some(port) = self.port(&delegation.port) else { return Vec::new() };
        let mut found = Vec::new();
        let mut add = |net: IpNet, words: String| {
            if let IpNet::V6(net) = net {
                found.push((net, words));
            }
        };
        for (subnet, face) in self.faces_on(&port.network) {
            add(face.cidr, format!("{} of {}", face.cidr, short(&id.tenant, subnet)));
        }
        for router in self.routers_for(id, port) {
            let Some(Model::Router(model)) = self.model(router) else { continue };
            for interface in &model.interfaces {
                let Some(subnet) = self.subnet(&interface.subnet) else { continue };
                for face in self.faces(&interface.subnet, subnet) {
                    add(face.cidr, format!("{} of {}", face.cidr, interface.subnet));
                }
            }
            for translator in self.users(router, TRANSLATOR).filter_map(|id| self.translator(id)) {
                add(IpNet::V6(translator.prefix), format!("{}, the prefix of a translator", translator.prefix));
            }
            for destination in model.routes.iter().map(|route| route.destination) {
                // A default route is behind everything, not beside it.
                if destination.prefix_len() >= delegation.pool.prefix_len() {
                    add(destination, format!("a route of {router} to {destination}"));
                }
            }
        }
        found
    }

    /// A free prefix for a delegation: after the one that was picked last from its pool, then around from the first.
    fn free_prefix(&self, id: &ResourceId, delegation: &Delegation) -> Option<Ipv6Net> {
        let Delegation { pool, length, .. } = *delegation;
        let obstacles = self.obstacles(id, delegation);
        let first = pool.network();
        let start = self.prefix_hints.get(&(id.tenant.clone(), pool)).filter(|hint| pool.contains(*hint));
        let start = start.copied().unwrap_or(first);
        let walk = |mut at: Ipv6Addr, end: Ipv6Addr| loop {
            let candidate = Ipv6Net::new(at, length).ok()?.trunc();
            // What an obstacle ends in the middle of begins before it.
            let candidate =
                if candidate.network() < at { Ipv6Net::new(after(candidate)?, length).ok()? } else { candidate };
            if !pool.contains(&candidate) || candidate.network() > end {
                return None;
            }
            let delegated = self.delegation_in(&id.tenant, candidate, Some(id)).map(|(_, other)| other);
            let taken =
                delegated.or_else(|| obstacles.iter().map(|(net, _)| *net).find(|net| overlap(*net, candidate)));
            let Some(taken) = taken else { return Some(candidate) };
            at = after(if taken.prefix_len() < length { taken } else { candidate })?;
        };
        walk(start, pool.broadcast()).or_else(|| walk(first, start))
    }

    /// Remembers from where to look for the next free prefix of a pool, so that one given back isn't given away at once.
    pub(crate) fn hint_prefix(&mut self, id: &ResourceId) {
        let Some(Delegation { pool, given: None, prefix: Some(prefix), .. }) = self.delegation(id).cloned() else {
            return;
        };
        if let Some(next) = after(prefix) {
            self.prefix_hints.insert_mut((id.tenant.clone(), pool), next);
        }
    }
}

impl Admission<'_> {
    /// Gives each delegation its prefix: the one that it names; or the one that it has, where that is still right; or a free one.
    /// Those that name theirs come first, so that nothing else is in their way.
    pub(crate) fn delegate(&mut self) {
        let asked: Vec<_> = self.sound().into_iter().filter(|(_, id)| id.kind == DELEGATION).collect();
        let gives = |id: &ResourceId| self.after.delegation(id).is_some_and(|delegation| delegation.given.is_some());
        let (given, others): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, id)| gives(id));
        for (_, id) in given {
            let prefix = self.after.delegation(&id).and_then(|delegation| delegation.given);
            self.set_prefix(&id, prefix);
        }
        for (at, id) in others {
            let Some(delegation) = self.after.delegation(&id).cloned() else { continue };
            let Delegation { pool, length, .. } = delegation;
            let fits = |prefix: &Ipv6Net| pool.contains(prefix) && prefix.prefix_len() == length;
            let kept = delegation.prefix.filter(fits);
            let kept = kept.filter(|prefix| self.after.in_the_way(&id, &delegation, *prefix).is_none());
            let prefix = kept.or_else(|| self.after.free_prefix(&id, &delegation));
            if prefix.is_none() {
                let mut findings = Findings::default();
                findings.spec("pool", format!("no /{length} is free in {pool}"));
                self.say(at, findings);
            }
            self.set_prefix(&id, prefix);
            self.after.hint_prefix(&id);
        }
    }

    fn set_prefix(&mut self, id: &ResourceId, prefix: Option<Ipv6Net>) {
        let Some(stored) = self.after.by_id(id).cloned() else { return };
        let prefix = prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        if prefix != stored.record.prefix {
            let record = v1::Record { prefix, ..stored.record.clone() };
            self.after.put(id, record, stored.mod_revision, &mut Findings::default());
        }
    }
}
