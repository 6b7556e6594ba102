//! Translators between IPv6 and IPv4: hosts behind ports, to which routers lead what is to be translated.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use addr::{IpNet, Ipv4Net, Ipv6Net, is_link_local, link_local};
use proto::v1;
use topology::{
    AddressPair, Anycast, AnycastKey, Change, Check, Health, NetworkKey, PortKey, ResourceId, Route, RouterKey,
};

use super::subnet::Subnet;
use super::told::nat64_prefix;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{PORT, RENUMBERING, ROUTER, TRANSLATOR};
use crate::catalog::index::Claim;

const MAPPINGS_MAX: usize = 1_024;
/// What tells whether it translates: an answer to HTTP's `GET /` with a status below 400.
const HEALTH_PORT: u16 = 8064;
const INTERVAL_MS: u32 = 1_000;

/// A translator's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Translator {
    pub(crate) router: ResourceId,
    pub(crate) port: ResourceId,
    pub(crate) prefix: Ipv6Net,
    pool: Ipv4Net,
    address: IpAddr,
    mappings: Vec<Mapping>,
}

/// Two addresses of one host.
#[derive(Clone, Debug, PartialEq)]
struct Mapping {
    ipv4: IpAddr,
    ipv6: IpAddr,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::TranslatorSpec, findings: &mut Findings) -> Option<Translator> {
    let router = text::target(ROUTER, &id.tenant, &spec.router, "router", findings);
    let port = text::target(PORT, &id.tenant, &spec.port, "port", findings);
    let prefix = text::read::<IpNet>(&mut spec.prefix, "prefix", findings);
    let prefix = prefix.and_then(|prefix| nat64_prefix(prefix, "prefix", findings));
    if let Some(prefix) = prefix {
        spec.prefix = prefix.to_string();
    }
    let pool = match text::read::<IpNet>(&mut spec.pool, "pool", findings) {
        Some(IpNet::V4(pool)) if pool == pool.trunc() && (8..=30).contains(&pool.prefix_len()) => Some(pool),
        Some(pool) => {
            findings.spec("pool", format!("{pool} is not an IPv4 prefix of 8 to 30 bits"));
            None
        }
        None => None,
    };
    let address = text::read::<IpAddr>(&mut spec.ip_address, "ip_address", findings);
    if let Some(address) = address.filter(|a| !matches!(a, IpAddr::V6(a) if !is_link_local(*a) && !a.is_multicast())) {
        findings.spec("ip_address", format!("{address} is not an IPv6 address of a subnet"));
    }
    if spec.mappings.len() > MAPPINGS_MAX {
        findings.spec("mappings", format!("has {} entries; {MAPPINGS_MAX} are the most", spec.mappings.len()));
        return None;
    }
    let mut mappings: Vec<Mapping> = Vec::new();
    for (i, mapping) in spec.mappings.iter_mut().enumerate() {
        let field = |name: &str| format!("mappings[{i}].{name}");
        let ipv4 = text::read::<IpAddr>(&mut mapping.ipv4, &field("ipv4"), findings);
        let ipv6 = text::read::<IpAddr>(&mut mapping.ipv6, &field("ipv6"), findings);
        let (Some(ipv4), Some(ipv6)) = (ipv4, ipv6) else { continue };
        for (address, good, name) in [(ipv4, ipv4.is_ipv4(), "ipv4"), (ipv6, ipv6.is_ipv6(), "ipv6")] {
            if !good || address.is_multicast() || address.is_unspecified() || address.is_loopback() {
                findings.spec(field(name), format!("{address} is not a host's {name} address"));
            }
        }
        if mappings.iter().any(|other| other.ipv4 == ipv4 || other.ipv6 == ipv6) {
            findings.spec(format!("mappings[{i}]"), "has an address that is mapped already");
        }
        mappings.push(Mapping { ipv4, ipv6 });
    }
    Some(Translator { router: router?, port: port?, prefix: prefix?, pool: pool?, address: address?, mappings })
}

pub(super) fn claims(catalog: &Catalog, translator: &Translator, claims: &mut Vec<Claim>) {
    let network = catalog.port(&translator.port).map(|port| port.network.clone());
    claims.extend(network.map(|network| Claim::Address(network, translator.address)));
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, translator: &Translator, findings: &mut Findings) {
    if let Some(other) = catalog.users(&translator.port, TRANSLATOR).find(|other| *other != id) {
        findings.spec("port", format!("{} is {other}'s already", translator.port));
    }
    let Some(port) = catalog.port(&translator.port) else { return };
    let Some(Model::Router(router)) = catalog.model(&translator.router) else { return };
    let on_port = |family: fn(&IpNet) -> bool| {
        let mut interfaces = router.interfaces.iter().filter_map(|interface| catalog.subnet(&interface.subnet));
        interfaces.any(|subnet| subnet.network == port.network && family(&subnet.cidr))
    };
    for (there, family) in
        [(on_port(|cidr| matches!(cidr, IpNet::V6(_))), "IPv6"), (on_port(|cidr| matches!(cidr, IpNet::V4(_))), "IPv4")]
    {
        if !there {
            findings.spec("router", format!("{} has no {family} interface on {}", translator.router, port.network));
        }
    }
    if catalog.ipv4_of(translator).is_none() {
        findings.spec("port", format!("{} has no IPv4 address, to which the router could lead", translator.port));
    }
    let own = catalog.subnets_of(&port.network).into_iter().find(|(_, s)| s.cidr.contains(&translator.address));
    match own {
        None => findings.spec("ip_address", format!("{} is in no subnet of {}", translator.address, port.network)),
        Some((subnet, _)) => check_stays(catalog, subnet, "ip_address", findings),
    }
    let connected: Vec<IpNet> = catalog.connected_to(&translator.router);
    let overlap = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
    for (net, field) in [(IpNet::V6(translator.prefix), "prefix"), (IpNet::V4(translator.pool), "pool")] {
        if let Some(cidr) = connected.iter().find(|cidr| overlap(cidr, &net)) {
            findings.spec(field, format!("{net} overlaps {cidr}, which is connected to {}", translator.router));
        }
    }
    for (i, mapping) in translator.mappings.iter().enumerate() {
        let there = |address: IpAddr| connected.iter().any(|cidr| cidr.contains(&address));
        for subnet in catalog.behind(&translator.router) {
            if catalog.subnet(&subnet).is_some_and(|s| s.cidr.contains(&mapping.ipv6)) {
                check_stays(catalog, &subnet, &format!("mappings[{i}].ipv6"), findings);
            }
        }
        let message = match (there(mapping.ipv4), there(mapping.ipv6)) {
            (true, false) | (false, true) => continue,
            (true, true) => "both addresses are",
            (false, false) => "neither address is",
        };
        let words =
            format!("{message} of a subnet of {}: one must be, the other leads to the translator", translator.router);
        findings.spec(format!("mappings[{i}]"), words);
    }
    if let Some((delegation, its)) = catalog.delegation_in(&id.tenant, translator.prefix, None) {
        findings.spec("prefix", format!("{} overlaps {its} of {delegation}", translator.prefix));
    }
    let taken: Vec<IpNet> = router.routes.iter().map(|route| route.destination).collect();
    for net in catalog.translated(translator) {
        if taken.contains(&net) {
            findings
                .spec("router", format!("{} has a route to {net}, which leads to the translator", translator.router));
        }
        for other in catalog.users(&translator.router, TRANSLATOR).filter(|other| *other != id) {
            let theirs = catalog.translator(other).map(|other| catalog.translated(other)).unwrap_or_default();
            if theirs.contains(&net) {
                findings.spec("router", format!("{net} leads to {other} already"));
            }
        }
    }
}

/// What is written of a subnet's prefix would be of another one.
fn check_stays(catalog: &Catalog, subnet: &ResourceId, field: &str, findings: &mut Findings) {
    if let Some(renumbering) = catalog.users(subnet, RENUMBERING).next() {
        findings.spec(field, format!("is of {subnet}, which {renumbering} gives another prefix"));
    }
}

/// What translators need of their router, or port.
pub(super) fn check_user_of(catalog: &Catalog, used: &ResourceId, field: &str, findings: &mut Findings) {
    for id in catalog.users(used, TRANSLATOR) {
        let mut own = Findings::default();
        if let Some(translator) = catalog.translator(id) {
            check(catalog, id, translator, &mut own);
        }
        for finding in own.0 {
            findings.rather((id.clone(), ""), field, format!("{id}: {}: {}", finding.field, finding.message));
        }
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, translator: &Translator, facts: &mut Vec<Change>) {
    let Some(port) = catalog.port(&translator.port) else { return };
    let keys = (catalog.key_of(&port.network), catalog.key_of(&translator.port), catalog.key_of(&translator.router));
    let (Some(network), Some(port_key), Some(router)) = keys else { return };
    let (network, router) = (NetworkKey(network), RouterKey(router));
    let told: Vec<NetworkKey> = catalog.told_by(translator).filter_map(|n| catalog.key_of(n)).map(NetworkKey).collect();
    facts.push(Change::Anycast(
        AnycastKey(key),
        Some(Anycast {
            tenant: id.tenant.clone(),
            name: id.name.clone(),
            network,
            address: translator.address,
            ports: vec![PortKey(port_key)],
            health: Health {
                check: Check::Http(HEALTH_PORT, Arc::from("/")),
                interval_ms: INTERVAL_MS,
                timeout_ms: INTERVAL_MS,
            },
            translates: Some(told),
        }),
    ));
    let (Some(mac), Some(ipv4)) = (port.mac, catalog.ipv4_of(translator)) else { return };
    for net in catalog.translated(translator) {
        let nexthop = match net {
            IpNet::V6(_) => IpAddr::V6(link_local(mac)),
            IpNet::V4(_) => IpAddr::V4(ipv4),
        };
        facts.push(Change::Route(router, net, Some(Route { network, nexthop })));
    }
}

impl Translator {
    /// What follows from the intent alone.
    pub(crate) fn status(&self, catalog: &Catalog) -> v1::TranslatorStatus {
        let routes = catalog.translated(self).iter().map(IpNet::to_string).collect();
        let tayga = self.tayga(&catalog.all_mappings(self));
        v1::TranslatorStatus { routes, tayga, ..v1::TranslatorStatus::default() }
    }

    /// tayga's configuration, but for where it keeps its leases.
    fn tayga(&self, mappings: &[Mapping]) -> String {
        let own = self.pool.hosts().next().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let maps = mappings.iter().map(|mapping| format!("map {} {}\n", mapping.ipv4, mapping.ipv6));
        format!(
            "tun-device nat64\nipv4-addr {own}\nprefix {}\ndynamic-pool {}\n{}",
            self.prefix,
            self.pool,
            maps.collect::<String>()
        )
    }
}

impl Catalog {
    pub(crate) fn translator(&self, id: &ResourceId) -> Option<&Translator> {
        match self.model(id) {
            Some(Model::Translator(translator)) => Some(translator),
            _ => None,
        }
    }

    /// The translator of a port, and what it may send from besides.
    pub(super) fn translated_by(&self, port: &ResourceId) -> Vec<AddressPair> {
        let translators = self.users(port, TRANSLATOR).filter_map(|id| self.translator(id));
        let nets = translators.flat_map(|translator| self.translated(translator));
        nets.map(|prefix| AddressPair { prefix, mac: None }).collect()
    }

    /// The translator that makes a subnet's NAT64 prefix true.
    pub(super) fn translator_for(&self, subnet: &ResourceId, prefix: Ipv6Net) -> Option<AnycastKey> {
        let mut translators = self.users(subnet, ROUTER).flat_map(|router| self.users(router, TRANSLATOR));
        let id = translators.find(|id| self.translator(id).is_some_and(|translator| translator.prefix == prefix))?;
        self.key_of(id).map(AnycastKey)
    }

    /// The translators of a subnet's routers.
    pub(crate) fn translators_behind(&self, subnet: &ResourceId) -> Vec<ResourceId> {
        self.users(subnet, ROUTER).flat_map(|router| self.users(router, TRANSLATOR)).cloned().collect()
    }

    /// The subnets of a router's interfaces.
    pub(crate) fn behind(&self, router: &ResourceId) -> Vec<ResourceId> {
        let Some(Model::Router(router)) = self.model(router) else { return Vec::new() };
        router.interfaces.iter().map(|interface| interface.subnet.clone()).collect()
    }

    /// The networks whose hosts are told of a translator's prefix.
    fn told_by<'c>(&'c self, translator: &Translator) -> impl Iterator<Item = &'c ResourceId> {
        let prefix = translator.prefix;
        let subnets = self.behind(&translator.router).into_iter().filter_map(|id| self.subnet(&id));
        subnets.filter(move |subnet| subnet.pref64() == Some(prefix)).map(|subnet| &subnet.network)
    }

    /// The prefixes that are connected to a router to stay.
    fn connected_to(&self, router: &ResourceId) -> Vec<IpNet> {
        let subnets = self.behind(router).into_iter();
        let subnets = subnets.filter_map(|id| Some((self.subnet(&id)?, id))).filter(|(subnet, _)| !subnet.delegated);
        let faces = |(subnet, id): (&Subnet, ResourceId)| self.faces(&id, subnet).into_iter().map(|face| face.cidr);
        subnets.flat_map(|(subnet, id)| faces((subnet, id)).chain([subnet.cidr])).collect()
    }

    /// What leads to a translator: its prefix, its pool, and of each mapping the address that is nobody's here.
    pub(super) fn translated(&self, translator: &Translator) -> Vec<IpNet> {
        let connected = self.connected_to(&translator.router);
        let there = |address: &IpAddr| connected.iter().any(|cidr| cidr.contains(address));
        let mappings = self.all_mappings(translator);
        let addresses = mappings.iter().flat_map(|mapping| [mapping.ipv4, mapping.ipv6]);
        // Of the pool and the prefix all leads there.
        let within = |address: &IpAddr| match address {
            IpAddr::V4(address) => translator.pool.contains(address),
            IpAddr::V6(address) => translator.prefix.contains(address),
        };
        let mapped = addresses.filter(|address| !there(address) && !within(address)).map(IpNet::from);
        [IpNet::V6(translator.prefix), IpNet::V4(translator.pool)].into_iter().chain(mapped).collect()
    }

    /// The mappings that its intent names, and those that floating IPs of the other family make.
    fn all_mappings(&self, translator: &Translator) -> Vec<Mapping> {
        let mut all = translator.mappings.clone();
        let mut own = self.users(&translator.router, TRANSLATOR).take(1).filter_map(|id| self.translator(id));
        if !own.any(|first| first.port == translator.port) {
            return all;
        }
        for floating in self.floating_by(&translator.router).iter().filter_map(|id| self.floating_ip(id)) {
            let (Some(outside), Ok(inside)) = (floating.address(), floating.inside(self)) else { continue };
            if inside.translator.is_none() || *inside.router != translator.router {
                continue;
            }
            let (ipv4, ipv6) = if outside.is_ipv4() { (outside, inside.address) } else { (inside.address, outside) };
            if !all.iter().any(|other| other.ipv4 == ipv4 || other.ipv6 == ipv6) {
                all.push(Mapping { ipv4, ipv6 });
            }
        }
        all
    }

    /// The IPv4 address by which a router leads to a translator's port.
    fn ipv4_of(&self, translator: &Translator) -> Option<Ipv4Addr> {
        self.addresses_of(self.port(&translator.port)?).into_iter().find_map(addr::v4)
    }
}
