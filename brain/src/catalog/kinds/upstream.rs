//! Delegations from upstream: prefixes that a router asks for (RFC 8415, 6.3), and what its subnets have of them.
//!
//! A subnet without cidr is written under a prefix that is nobody's, and so are its ports' addresses; what is delegated says under which
//! prefixes they are shown, as a renumbering does. A prefix that is there no more, or not for new connections, stays for a time beside
//! the one that took its place.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, Ipv6Net, is_link_local};
use features::Millis;
use features::requesting::{Granted, Lease};
use proto::v1::{self, resource::Kind};
use topology::ResourceId;

use super::delegation::overlap;
use super::renumbering::Face;
use super::subnet::Subnet;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::admit::Admission;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{DELEGATION, NETWORK, ROUTER, SUBNET, TRANSLATOR};

/// Hosts form their addresses on a /64 (RFC 7421).
const LENGTH: u32 = 64;
const SUBNETS_MAX: usize = 256;
/// Delegations that one router asks for.
const PER_ROUTER_MAX: usize = 16;
/// Prefixes of a delegated one that are looked at for a free one, at most.
const TRIES_MAX: u128 = 65_536;
/// How long hosts keep an address whatever they are told (RFC 4862, 5.5.3): so long a prefix that was taken back is deprecated, unless it
/// ends sooner by itself (RFC 7084, L-13).
const TAKEN_BACK_MS: u64 = 7_200_000;

/// Such a delegation's spec, read, and what it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstream {
    pub(crate) router: ResourceId,
    pub(crate) network: ResourceId,
    pub(crate) hint: Option<Ipv6Net>,
    pub(crate) subnets: Vec<ResourceId>,
    pub(crate) lease: Option<Lease>,
    pub(crate) carved: Vec<Carved>,
}

/// A prefix of a subnet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carved {
    pub(crate) subnet: ResourceId,
    pub(crate) prefix: Ipv6Net,
    /// Milliseconds since 1970-01-01 UTC; 0: it is deprecated.
    pub(crate) preferred_until_ms: u64,
    pub(crate) valid_until_ms: u64,
    /// Since when it is the subnet's.
    pub(crate) since_ms: u64,
    /// It has the subnet's second number in facts.
    second: bool,
}

/// What a client must be, to ask for a delegation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asks {
    pub(crate) duid: Vec<u8>,
    pub(crate) iaid: u32,
    pub(crate) hint: Option<Ipv6Net>,
    pub(crate) lease: Option<Lease>,
    /// The numbers of router and provider network.
    pub(crate) router: u32,
    pub(crate) network: u32,
}

/// Whether a spec is of a delegation from upstream, and not to a port.
pub(super) fn is(record: &v1::Record) -> bool {
    let kind = record.resource.as_ref().and_then(|resource| resource.kind.as_ref());
    let Some(Kind::Delegation(v1::Delegation { spec: Some(spec), .. })) = kind else { return false };
    !spec.router.is_empty() || !spec.upstream.is_empty() || spec.hint.is_some() || !spec.subnets.is_empty()
}

pub(super) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Upstream> {
    let stored = record.upstream_lease.take();
    let Some(Kind::Delegation(v1::Delegation { spec: Some(spec), .. })) =
        record.resource.as_mut().and_then(|resource| resource.kind.as_mut())
    else {
        return None;
    };
    let others = [
        (!spec.port.is_empty(), "port"),
        (!spec.pool.is_empty(), "pool"),
        (spec.length != 0, "length"),
        (spec.prefix.is_some(), "prefix"),
        (spec.prefix_lifetimes.is_some(), "prefix_lifetimes"),
    ];
    for (_, field) in others.into_iter().filter(|(given, _)| *given) {
        findings.spec(
            field,
            "is for a delegation to a port; a router, upstream, hint and subnets are for one from upstream",
        );
    }
    let router = text::target(ROUTER, &id.tenant, &spec.router, "router", findings);
    let network = text::target(NETWORK, &id.tenant, &spec.upstream, "upstream", findings);
    let hint = match spec.hint.as_mut() {
        Some(text) => Some(hint(text, findings)?),
        None => None,
    };
    if spec.subnets.is_empty() || spec.subnets.len() > SUBNETS_MAX {
        findings.spec("subnets", format!("has {} entries; 1 to {SUBNETS_MAX} are needed", spec.subnets.len()));
    }
    let mut subnets = Vec::new();
    for (i, item) in spec.subnets.iter_mut().enumerate() {
        let field = format!("subnets[{i}]");
        if *item.length.get_or_insert(LENGTH) != LENGTH {
            findings.spec(format!("{field}.length"), format!("must be {LENGTH}: hosts form their addresses"));
        }
        let at = format!("{field}.subnet");
        let Some(subnet) = text::target(SUBNET, &id.tenant, &item.subnet, &at, findings) else { continue };
        if subnets.contains(&subnet) {
            findings.spec(at, format!("{subnet} is listed twice"));
        }
        subnets.push(subnet);
    }
    let (lease, carved) = stored.as_ref().map(|stored| read(id, stored)).unwrap_or_default();
    record.upstream_lease = stored;
    Some(Upstream { router: router?, network: network?, hint, subnets, lease, carved })
}

/// A prefix that a server may be asked for; `::/56` is any of that length.
fn hint(text: &mut String, findings: &mut Findings) -> Option<Ipv6Net> {
    let read = text::read::<IpNet>(text, "hint", findings)?;
    let why = match read {
        IpNet::V4(_) => "is IPv4",
        IpNet::V6(net) if net != net.trunc() => "has host bits",
        IpNet::V6(net) if net.prefix_len() == 0 || u32::from(net.prefix_len()) > LENGTH => "is not of 1 to 64 bits",
        IpNet::V6(net) if net.network().is_multicast() || is_link_local(net.network()) => "is no prefix of hosts",
        IpNet::V6(net) => return Some(net),
    };
    findings.spec("hint", format!("{read} {why}: ::/56 asks for any prefix of 56 bits"));
    None
}

fn read(id: &ResourceId, stored: &v1::UpstreamLease) -> (Option<Lease>, Vec<Carved>) {
    let granted = |granted: &v1::GrantedPrefix| {
        Some(Granted {
            prefix: granted.prefix.parse().ok()?,
            preferred_until: Millis(granted.preferred_until_ms),
            valid_until: Millis(granted.valid_until_ms),
        })
    };
    let carved = stored.carved.iter().filter_map(|carved| {
        let prefix = carved.prefix.as_ref()?;
        Some(Carved {
            subnet: crate::catalog::ident::target(SUBNET, &id.tenant, &prefix.subnet)?,
            prefix: prefix.prefix.parse().ok()?,
            preferred_until_ms: prefix.preferred_until_ms,
            valid_until_ms: prefix.valid_until_ms,
            since_ms: carved.since_ms,
            second: carved.second,
        })
    });
    let lease = (!stored.server.is_empty()).then(|| Lease {
        server: stored.server.clone().into(),
        prefixes: stored.granted.iter().filter_map(granted).collect(),
        renew_at: Millis(stored.renew_ms),
        rebind_at: Millis(stored.rebind_ms),
    });
    (lease, carved.collect())
}

/// As the store keeps it; `None`: nothing.
fn written(id: &ResourceId, lease: Option<&Lease>, carved: &[Carved]) -> Option<v1::UpstreamLease> {
    if lease.is_none() && carved.is_empty() {
        return None;
    }
    let mut stored =
        v1::UpstreamLease { carved: carved.iter().map(|one| one.written(id)).collect(), ..Default::default() };
    if let Some(Lease { server, prefixes, renew_at, rebind_at }) = lease {
        stored.server = server.to_vec();
        (stored.renew_ms, stored.rebind_ms) = (renew_at.0, rebind_at.0);
        stored.granted = prefixes.iter().map(shown_grant).collect();
    }
    Some(stored)
}

fn shown_grant(granted: &Granted) -> v1::GrantedPrefix {
    v1::GrantedPrefix {
        prefix: granted.prefix.to_string(),
        subnet: String::new(),
        preferred_until_ms: granted.preferred_until.0,
        valid_until_ms: granted.valid_until.0,
    }
}

impl Carved {
    fn shown(&self, id: &ResourceId) -> v1::GrantedPrefix {
        v1::GrantedPrefix {
            prefix: self.prefix.to_string(),
            subnet: crate::catalog::ident::short(&id.tenant, &self.subnet),
            preferred_until_ms: self.preferred_until_ms,
            valid_until_ms: self.valid_until_ms,
        }
    }

    fn written(&self, id: &ResourceId) -> v1::Carved {
        v1::Carved { prefix: Some(self.shown(id)), second: self.second, since_ms: self.since_ms }
    }
}

impl Upstream {
    /// When the next prefix of a subnet ends.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.carved.iter().map(|carved| carved.valid_until_ms).filter(|until| *until != u64::MAX).min()
    }

    /// A subnet that has no prefix for new connections.
    pub(crate) fn without(&self, now_ms: u64) -> Option<&ResourceId> {
        let has = |subnet: &&ResourceId| {
            self.carved.iter().any(|carved| carved.subnet == **subnet && carved.preferred_until_ms > now_ms)
        };
        self.subnets.iter().find(|subnet| !has(subnet))
    }

    /// What it shows of what it has.
    pub(crate) fn status(&self, id: &ResourceId) -> v1::DelegationStatus {
        let lease = self.lease.as_ref();
        v1::DelegationStatus {
            granted: lease.iter().flat_map(|lease| &lease.prefixes).map(shown_grant).collect(),
            subnets: self.carved.iter().map(|carved| carved.shown(id)).collect(),
            renews_ms: lease.map(|lease| lease.renew_at.0).unwrap_or_default(),
            server: lease.map(|lease| lease.server.iter().map(|b| format!("{b:02x}")).collect()).unwrap_or_default(),
            ..v1::DelegationStatus::default()
        }
    }
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, upstream: &Upstream, findings: &mut Findings) {
    let of_router = catalog.users(&upstream.router, DELEGATION).count();
    if of_router > PER_ROUTER_MAX {
        let message = format!("{} asks for {of_router} delegations; {PER_ROUTER_MAX} are the most", upstream.router);
        findings.spec("router", message);
    }
    if let Some(words) = catalog.leads_to(&upstream.router, upstream) {
        findings.spec("upstream", words);
    }
    for (i, subnet) in upstream.subnets.iter().enumerate() {
        let field = format!("subnets[{i}].subnet");
        let Some(model) = catalog.subnet(subnet) else { continue };
        if !model.delegated {
            findings
                .spec(&field, format!("{subnet} has a cidr, {}: one that is given its prefix has none", model.cidr));
        } else if !catalog.is_connected(&upstream.router, subnet) {
            findings.spec(&field, format!("{} has no interface on {subnet}", upstream.router));
        }
        let other = catalog.upstreams_of(subnet).map(|(other, _)| other).find(|other| *other != id);
        if let Some(other) = other {
            findings.spec(&field, format!("{subnet} has its prefix of {other} already"));
        }
    }
}

/// What a router must have for the delegations that it asks for.
pub(super) fn check_router(catalog: &Catalog, id: &ResourceId, findings: &mut Findings) {
    for (delegation, upstream) in catalog.upstreams_of(id) {
        if let Some(words) = catalog.leads_to(id, upstream) {
            findings.rather(
                (delegation.clone(), "upstream"),
                "external_gateway",
                format!("{words}: {delegation} needs it"),
            );
        }
        for subnet in upstream.subnets.iter().filter(|subnet| !catalog.is_connected(id, subnet)) {
            let message = format!("none is on {subnet}, which has its prefix by {delegation}");
            findings.rather((delegation.clone(), "subnets"), "interfaces", message);
        }
    }
}

/// The prefix under which a subnet without cidr is written: one that nobody has (of 0000::/8, RFC 4291, 2.4), of its own, so that two
/// of one network are told apart.
pub(super) fn placeholder(id: &ResourceId) -> Ipv6Net {
    let bytes = id.tenant.bytes().chain([0]).chain(id.name.bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let bits = (hash ^ (hash >> 48)) & 0xffff_ffff_ffff | 1 << 48;
    Ipv6Net::new_assert(Ipv6Addr::from(u128::from(bits) << 64), 64)
}

/// What follows the prefix, as it is written of a subnet without cidr: `::1`.
pub(super) fn suffix(subnet: Ipv6Net, address: IpAddr) -> Option<IpAddr> {
    let bits = addr::v6(address).map(u128::from).filter(|bits| (1..1 << 64).contains(bits))?;
    Some(IpAddr::V6(Ipv6Addr::from(u128::from(subnet.network()) | bits)))
}

impl Catalog {
    pub(crate) fn upstream(&self, id: &ResourceId) -> Option<&Upstream> {
        match self.model(id) {
            Some(Model::Upstream(upstream)) => Some(upstream),
            _ => None,
        }
    }

    /// The delegations from upstream that use a resource: those of a router, or the one of a subnet.
    pub(crate) fn upstreams_of(&self, user_of: &ResourceId) -> impl Iterator<Item = (&ResourceId, &Upstream)> {
        self.users(user_of, DELEGATION).filter_map(|id| Some((id, self.upstream(id)?)))
    }

    /// The prefixes of a subnet without cidr, the new one last.
    pub(super) fn delegated_faces(&self, id: &ResourceId) -> Vec<Face> {
        let Some((_, upstream)) = self.upstreams_of(id).next() else { return Vec::new() };
        let Some(record) = self.by_id(id).map(|stored| &stored.record) else { return Vec::new() };
        let face = |carved: &Carved| Face {
            key: if carved.second { record.second_key } else { record.key },
            cidr: IpNet::V6(carved.prefix),
            ends: Some(topology::Ends {
                preferred_until_ms: carved.preferred_until_ms,
                valid_until_ms: carved.valid_until_ms,
            }),
            instead_of: None,
        };
        upstream.carved.iter().filter(|carved| carved.subnet == *id).map(face).collect()
    }

    /// What a delegation's client must be.
    pub(crate) fn asks(&self, id: &ResourceId) -> Option<Asks> {
        let upstream = self.upstream(id)?;
        let router = self.by_id(&upstream.router)?;
        // RFC 6355: a UUID makes a client's identifier, of type 4.
        let uid = router.meta()?.uid.replace('-', "");
        let uuid = u128::from_str_radix(&uid, 16).ok()?;
        Some(Asks {
            duid: [0, 4].into_iter().chain(uuid.to_be_bytes()).collect(),
            iaid: self.key_of(id)?,
            hint: upstream.hint,
            lease: upstream.lease.clone(),
            router: router.record.key,
            network: self.key_of(&upstream.network)?,
        })
    }

    /// What is wrong with a router's way to where a delegation is asked for.
    fn leads_to(&self, router: &ResourceId, upstream: &Upstream) -> Option<String> {
        let Some(Model::Router(model)) = self.model(router) else { return None };
        match &model.gateway {
            Some(gateway) if gateway.network == upstream.network => None,
            Some(gateway) => Some(format!("{router} leads to {}, not to {}", gateway.network, upstream.network)),
            None => Some(format!("{router} has no external_gateway to {}", upstream.network)),
        }
    }

    fn is_connected(&self, router: &ResourceId, subnet: &ResourceId) -> bool {
        match self.model(router) {
            Some(Model::Router(model)) => model.interfaces.iter().any(|interface| interface.subnet == *subnet),
            // What is missing says so itself.
            _ => true,
        }
    }

    /// A free /64 of a delegated prefix: beside what is connected to the router or delegated to ports.
    fn free_of(&self, id: &ResourceId, upstream: &Upstream, granted: Ipv6Net, carved: &[Carved]) -> Option<Ipv6Net> {
        let mut taken: Vec<Ipv6Net> = carved.iter().map(|carved| carved.prefix).collect();
        let mut add = |net: IpNet| {
            if let IpNet::V6(net) = net
                && net.prefix_len() > 0
            {
                taken.push(net);
            }
        };
        let mut beside = |subnet: &ResourceId, model: &Subnet| {
            if !upstream.subnets.contains(subnet) {
                // What is written is kept too, though another prefix is shown.
                self.faces(subnet, model).iter().for_each(|face| add(face.cidr));
                add(model.cidr);
            }
        };
        for network in upstream.subnets.iter().filter_map(|subnet| Some(&self.subnet(subnet)?.network)) {
            self.subnets_of(network).into_iter().for_each(|(subnet, model)| beside(subnet, model));
        }
        if let Some(Model::Router(router)) = self.model(&upstream.router) {
            let subnets = router.interfaces.iter().map(|interface| &interface.subnet);
            subnets.filter_map(|id| Some((id, self.subnet(id)?))).for_each(|(id, subnet)| beside(id, subnet));
            router.routes.iter().for_each(|route| add(route.destination));
            let translators = self.users(&upstream.router, TRANSLATOR).filter_map(|id| self.translator(id));
            translators.flat_map(|translator| self.translated(translator)).for_each(&mut add);
        }
        let all = 1u128.checked_shl(64 - u32::from(granted.prefix_len())).unwrap_or(0).min(TRIES_MAX);
        let first = u128::from(granted.network());
        let prefixes = (0..all).filter_map(|n| Ipv6Net::new(Ipv6Addr::from(first + (n << 64)), 64).ok());
        let mut free = prefixes.filter(|prefix| {
            !taken.iter().any(|other| overlap(*other, *prefix))
                && self.delegation_in(&id.tenant, *prefix, None).is_none()
        });
        free.next()
    }

    /// What a delegation's subnets have of what is delegated, by now.
    fn carve(&self, id: &ResourceId, upstream: &Upstream, now_ms: u64) -> Vec<Carved> {
        let granted: &[Granted] = upstream.lease.as_ref().map(|lease| &*lease.prefixes).unwrap_or_default();
        let mut all = Vec::new();
        for carved in upstream.carved.iter().filter(|carved| upstream.subnets.contains(&carved.subnet)) {
            let of = granted.iter().find(|granted| granted.prefix.contains(&carved.prefix));
            let (preferred_until_ms, valid_until_ms) = match of {
                Some(granted) => (granted.preferred_until.0, granted.valid_until.0),
                None => (0, carved.valid_until_ms.min(now_ms.saturating_add(TAKEN_BACK_MS))),
            };
            if valid_until_ms > now_ms {
                all.push(Carved { preferred_until_ms, valid_until_ms, ..carved.clone() });
            }
        }
        for subnet in &upstream.subnets {
            if all.iter().any(|carved| carved.subnet == *subnet && carved.preferred_until_ms > now_ms) {
                continue;
            }
            // The server adds new ones at the end.
            let good = granted.iter().rev().filter(|granted| granted.preferred_until.0 > now_ms);
            let found = good.filter_map(|g| Some((g, self.free_of(id, upstream, g.prefix, &all)?))).next();
            let Some((granted, prefix)) = found else { continue };
            let old = |all: &[Carved], second| all.iter().any(|c| c.subnet == *subnet && c.second == second);
            if old(&all, false) && old(&all, true) {
                // There is room for two: the one that ends first makes way.
                let of = all.iter().enumerate().filter(|(_, carved)| carved.subnet == *subnet);
                if let Some((at, _)) = of.min_by_key(|(_, carved)| carved.valid_until_ms) {
                    all.remove(at);
                }
            }
            let second = old(&all, false);
            let (preferred_until_ms, valid_until_ms) = (granted.preferred_until.0, granted.valid_until.0);
            let subnet = subnet.clone();
            all.push(Carved { subnet, prefix, preferred_until_ms, valid_until_ms, since_ms: now_ms, second });
        }
        all
    }

    /// Since when a subnet without cidr has the prefix that an address is of: milliseconds since 1970-01-01 UTC.
    pub(crate) fn delegated_since(&self, subnet: &ResourceId, address: IpAddr) -> Option<u64> {
        let of = |carved: &&Carved| carved.subnet == *subnet && IpNet::V6(carved.prefix).contains(&address);
        self.upstreams_of(subnet).flat_map(|(_, upstream)| &upstream.carved).find(of).map(|carved| carved.since_ms)
    }

    /// Why a subnet without cidr has no prefix, in words.
    pub(crate) fn unprefixed(&self, id: &ResourceId, subnet: &Subnet) -> Option<String> {
        if !subnet.delegated || !self.faces(id, subnet).is_empty() {
            return None;
        }
        Some(match self.upstreams_of(id).next() {
            Some((delegation, _)) => format!("no prefix yet: {delegation} has none for it"),
            None => "no prefix yet: no delegation from upstream names it, and it has no cidr".to_owned(),
        })
    }
}

impl Admission<'_> {
    /// What upstream has delegated, or delegates no more, is shared out among subnets; what has ended goes.
    pub(crate) fn carve(&mut self) {
        let mut concerned: Vec<ResourceId> =
            self.sound().into_iter().map(|(_, id)| id).filter(|id| id.kind == DELEGATION).collect();
        for (id, lease) in std::mem::take(&mut self.asked.upstream) {
            let Some(upstream) = self.after.upstream(&id).cloned() else { continue };
            self.edit(&id, |record| record.upstream_lease = written(&id, lease.as_ref(), &upstream.carved));
            concerned.push(id);
        }
        concerned.extend(self.asked.finish.iter().filter(|id| id.kind == DELEGATION).cloned());
        for id in concerned {
            let Some(upstream) = self.after.upstream(&id).cloned() else { continue };
            let carved = self.after.carve(&id, &upstream, self.asked.now_ms);
            self.edit(&id, |record| record.upstream_lease = written(&id, upstream.lease.as_ref(), &carved));
            if !self.index.contains_key(&id) {
                self.followers.insert(id, usize::MAX);
            }
        }
    }
}
