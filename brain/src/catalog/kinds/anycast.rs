//! Anycast services: an address that several ports of a network answer for.

use std::net::IpAddr;
use std::sync::Arc;

use addr::{IpNet, is_link_local};
use proto::v1;
use topology::{Anycast, AnycastKey, Change, Check, Health, NetworkKey, PortKey, ResourceId};

use super::text;
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{ANYCAST_SERVICE, NETWORK, PORT};
use crate::catalog::index::Claim;
use crate::catalog::kinds::range;

/// Instances that one service can have.
const PORTS_MAX: usize = 64;
/// Services that one port can be an instance of: what it answers has its room.
const PER_PORT_MAX: usize = 8;
/// From one question to the next, milliseconds.
const INTERVAL_MS: u32 = 1_000;
const INTERVAL_MIN_MS: u32 = 50;
const INTERVAL_MAX_MS: u32 = 60_000;
/// Less is no time to answer in.
const TIMEOUT_MIN_MS: u32 = 10;
/// The default, where the interval is less: on a busy machine a host may take as long.
const TIMEOUT_LEAST_MS: u32 = 100;
/// The default, where the interval is more.
const TIMEOUT_MOST_MS: u32 = 1_000;
const PATH_MAX: usize = 200;
const HTTP_PORT: u16 = 80;

/// An anycast service's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnycastService {
    pub(crate) network: ResourceId,
    pub(crate) address: IpAddr,
    pub(crate) ports: Vec<ResourceId>,
    health: Health,
}

pub(super) fn parse(
    id: &ResourceId,
    spec: &mut v1::AnycastServiceSpec,
    findings: &mut Findings,
) -> Option<AnycastService> {
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    let address = text::read::<IpAddr>(&mut spec.address, "address", findings);
    let health = health(spec.health.as_ref(), address, findings);
    if spec.ports.is_empty() {
        findings.spec("ports", "is needed: the ports that answer for the address");
    } else if spec.ports.len() > PORTS_MAX {
        findings.spec("ports", format!("has {} entries; {PORTS_MAX} are the most", spec.ports.len()));
        return None;
    }
    let mut ports: Vec<ResourceId> = Vec::new();
    for (i, port) in spec.ports.iter().enumerate() {
        let field = format!("ports[{i}]");
        let Some(port) = text::target(PORT, &id.tenant, port, &field, findings) else { continue };
        match ports.iter().position(|other| *other == port) {
            Some(other) => findings.spec(field, format!("{port} is ports[{other}] already")),
            None => ports.push(port),
        }
    }
    Some(AnycastService { network: network?, address: address?, ports, health: health? })
}

fn health(spec: Option<&v1::AnycastHealthCheck>, address: Option<IpAddr>, findings: &mut Findings) -> Option<Health> {
    let none = v1::AnycastHealthCheck::default();
    let spec = spec.unwrap_or(&none);
    let interval_ms = spec.interval_ms.unwrap_or(INTERVAL_MS);
    if !(INTERVAL_MIN_MS..=INTERVAL_MAX_MS).contains(&interval_ms) {
        let message = format!("{interval_ms} is not from {INTERVAL_MIN_MS} to {INTERVAL_MAX_MS}");
        findings.spec("health.interval_ms", message);
    }
    let most = interval_ms.max(TIMEOUT_LEAST_MS);
    let timeout_ms = spec.timeout_ms.unwrap_or(most.min(TIMEOUT_MOST_MS));
    if !(TIMEOUT_MIN_MS..=most).contains(&timeout_ms) {
        let message = format!("{timeout_ms} is not from {TIMEOUT_MIN_MS} to {most}");
        findings.spec("health.timeout_ms", message);
    }
    Some(Health { check: asked(spec, address, findings)?, interval_ms, timeout_ms })
}

fn asked(spec: &v1::AnycastHealthCheck, address: Option<IpAddr>, findings: &mut Findings) -> Option<Check> {
    let kind = v1::AnycastCheck::try_from(spec.r#type).unwrap_or_default();
    let with_port = matches!(kind, v1::AnycastCheck::Tcp | v1::AnycastCheck::Http);
    let port = match spec.port.map(u16::try_from) {
        Some(Ok(1..) | Err(_)) if !with_port => {
            findings.spec("health.port", "is for the types tcp and http");
            None
        }
        Some(Ok(port @ 1..)) => Some(port),
        Some(_) => {
            findings.spec("health.port", "is not from 1 to 65535");
            None
        }
        None if kind == v1::AnycastCheck::Tcp => {
            findings.spec("health.port", "is needed: the TCP port that instances listen on");
            None
        }
        None => Some(HTTP_PORT),
    };
    if spec.path.is_some() && kind != v1::AnycastCheck::Http {
        findings.spec("health.path", "is for the type http");
    }
    match kind {
        v1::AnycastCheck::Unspecified => Some(Check::Neighbor),
        v1::AnycastCheck::Icmpv6 if matches!(address, Some(IpAddr::V4(_))) => {
            findings.spec("health.type", "icmpv6 is for IPv6 addresses: tcp, http or none for IPv4");
            None
        }
        v1::AnycastCheck::Icmpv6 => Some(Check::Echo),
        v1::AnycastCheck::Tcp => Some(Check::Tcp(port?)),
        v1::AnycastCheck::Http => Some(Check::Http(port?, path(spec.path.as_deref().unwrap_or("/"), findings)?)),
    }
}

/// A path of a request (RFC 9112, 3.2.1): nothing in it ends the line.
fn path(text: &str, findings: &mut Findings) -> Option<Arc<str>> {
    let legal = text.starts_with('/') && text.len() <= PATH_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !legal {
        let what = format!("a path such as /health: printable ASCII without blanks, {PATH_MAX} characters at most");
        findings.spec("health.path", format!("{text:?} is not {what}"));
    }
    legal.then(|| Arc::from(text))
}

pub(super) fn claims(service: &AnycastService, claims: &mut Vec<Claim>) {
    claims.push(Claim::Address(service.network.clone(), service.address));
}

pub(super) fn check(catalog: &Catalog, service: &AnycastService, findings: &mut Findings) {
    let AnycastService { network, address, .. } = service;
    for (i, port) in service.ports.iter().enumerate() {
        let field = format!("ports[{i}]");
        let Some(model) = catalog.port(port) else { continue };
        if model.network != *network {
            findings.spec(field, format!("{port} is on {}, the service on {network}", model.network));
            continue;
        }
        let of_port = catalog.users(port, ANYCAST_SERVICE).count();
        if of_port > PER_PORT_MAX {
            findings.spec(field, format!("{port} is of {of_port} services; {PER_PORT_MAX} are the most"));
        }
    }
    let Some(on) = catalog.network(network) else { return };
    if on.physical.is_some() {
        // Each chassis would answer for it beyond, from the same MAC.
        findings.spec("network", format!("{network} is a provider network: a service is on an overlay network"));
        return;
    }
    if matches!(address, IpAddr::V6(address) if is_link_local(*address)) {
        findings.spec("address", format!("{address} is link-local: a service's is of a subnet of {network}"));
        return;
    }
    let subnets = catalog.faces_on(network);
    let Some((subnet, face)) = subnets.iter().find(|(_, face)| face.cidr.contains(address)) else {
        return findings.spec("address", format!("{address} is in no subnet of {network}"));
    };
    if let Some((subnet, _)) = catalog.subnets_of(network).into_iter().find(|(_, s)| s.gateway == *address) {
        findings.spec("address", format!("{address} is the gateway of {subnet}"));
    } else if range::is_edge(face.cidr, *address) {
        let what = if address.is_ipv6() { "subnet-router anycast" } else { "network or broadcast" };
        findings.spec("address", format!("{address} is the {what} address of {subnet} ({})", face.cidr));
    } else if catalog.subnet(subnet).is_some_and(|subnet| subnet.per_host) {
        findings.spec("address", format!("{subnet} gives each port a prefix of its own: no address is several ports'"));
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, service: &AnycastService, facts: &mut Vec<Change>) {
    let Some(network) = catalog.key_of(&service.network).map(NetworkKey) else { return };
    let ports = service.ports.iter().filter_map(|port| catalog.key_of(port)).map(PortKey).collect();
    let fact = Anycast {
        tenant: id.tenant.clone(),
        name: id.name.clone(),
        network,
        address: service.address,
        ports,
        health: service.health.clone(),
        translates: None,
    };
    facts.push(Change::Anycast(AnycastKey(key), Some(fact)));
}

impl Catalog {
    /// The subnet that a service's address is of.
    pub(super) fn subnet_of(&self, service: &AnycastService) -> Option<&ResourceId> {
        let subnets = self.subnets_of(&service.network).into_iter();
        let around = |(_, subnet): &(&ResourceId, &super::subnet::Subnet)| match subnet.cidr {
            IpNet::V6(net) => matches!(service.address, IpAddr::V6(address) if net.contains(&address)),
            IpNet::V4(net) => matches!(service.address, IpAddr::V4(address) if net.contains(&address)),
        };
        subnets.filter(around).map(|(id, _)| id).next()
    }
}
