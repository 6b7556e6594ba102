//! Exposures: ports and subnets behind a router that are to be reached from outside.

use addr::IpNet;
use proto::v1;
use topology::{Change, ExposureKey, ExposureMethod, NetworkKey, PortKey, ResourceId, RouterKey};

use super::{Model, proxy, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{EXPOSURE, PORT, PREFIX_MAPPING, ROUTER, SUBNET, short};

/// Ports, and subnets, that one exposure can have.
const ENTRIES_MAX: usize = 256;

/// An exposure's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exposure {
    pub(crate) router: ResourceId,
    pub(crate) method: ExposureMethod,
    pub(crate) ports: Vec<ResourceId>,
    pub(crate) subnets: Vec<ResourceId>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::ExposureSpec, findings: &mut Findings) -> Option<Exposure> {
    let router = text::target(ROUTER, &id.tenant, &spec.router, "router", findings);
    let method = match spec.method() {
        v1::ExposureMethod::Routed => Some(ExposureMethod::Routed),
        v1::ExposureMethod::NdProxy => Some(ExposureMethod::NdProxy),
        v1::ExposureMethod::Unspecified => {
            findings.spec("method", "is needed: routed or nd-proxy");
            None
        }
    };
    let ports = named(id, (PORT, "ports"), &spec.ports, findings);
    let subnets = named(id, (SUBNET, "subnets"), &spec.subnets, findings);
    if spec.ports.is_empty() && spec.subnets.is_empty() {
        findings.spec("ports", "or subnets are needed: what is to be reached");
    }
    Some(Exposure { router: router?, method: method?, ports, subnets })
}

fn named(
    id: &ResourceId,
    (kind, field): (&'static str, &str),
    names: &[String],
    findings: &mut Findings,
) -> Vec<ResourceId> {
    if names.len() > ENTRIES_MAX {
        findings.spec(field, format!("has {} entries; {ENTRIES_MAX} are the most", names.len()));
        return Vec::new();
    }
    let mut read: Vec<ResourceId> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let at = format!("{field}[{i}]");
        let Some(target) = text::target(kind, &id.tenant, name, &at, findings) else { continue };
        match read.iter().position(|other| *other == target) {
            Some(other) => findings.spec(at, format!("{target} is {field}[{other}] already")),
            None => read.push(target),
        }
    }
    read
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, exposure: &Exposure, findings: &mut Findings) {
    let Some(Model::Router(router)) = catalog.model(&exposure.router) else { return };
    let name = short(&id.tenant, &exposure.router);
    let Some(gateway) = &router.gateway else {
        findings.spec("router", format!("{name} has no external_gateway: nothing leads to it from outside"));
        return;
    };
    for (i, subnet) in exposure.subnets.iter().enumerate() {
        if catalog.subnet(subnet).is_some() && !router.interfaces.iter().any(|i| i.subnet == *subnet) {
            let message = format!("{name} has no interface on {}", short(&id.tenant, subnet));
            findings.spec(format!("subnets[{i}]"), message);
        }
    }
    for (i, port) in exposure.ports.iter().enumerate() {
        let Some(network) = catalog.port(port).map(|port| &port.network) else { continue };
        let on = |subnet: &ResourceId| catalog.subnet(subnet).is_some_and(|subnet| subnet.network == *network);
        if !router.interfaces.iter().any(|interface| on(&interface.subnet)) {
            let message = format!("{name} has no interface on {}, where {port} is", short(&id.tenant, network));
            findings.spec(format!("ports[{i}]"), message);
        }
    }
    if exposure.method == ExposureMethod::NdProxy {
        proxy::check(catalog, id, exposure, &gateway.network, findings);
    }
    // Who is told of a prefix upstream gets what is for it: there is one for each, whichever tenant came first.
    let own = catalog.reach_outside(exposure);
    for other_id in catalog.ids(EXPOSURE).filter(|other| *other != id) {
        let Some(Model::Exposure(other)) = catalog.model(other_id) else { continue };
        let same_side = matches!(catalog.model(&other.router), Some(Model::Router(theirs))
            if theirs.gateway.as_ref().is_some_and(|theirs| theirs.network == gateway.network));
        if other.router == exposure.router || !same_side {
            continue;
        }
        let theirs = catalog.reach_outside(other);
        let pair = |(field, a): &(String, IpNet)| {
            let clash = theirs.iter().find(|(_, b)| a.contains(b) || b.contains(a))?;
            Some((field.clone(), *a, clash.1))
        };
        if let Some((field, own, clash)) = own.iter().find_map(pair) {
            let message = format!("{own} overlaps {clash}, which {other_id} exposes to {}", gateway.network);
            findings.spec(field, message);
        }
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: u32, exposure: &Exposure, facts: &mut Vec<Change>) {
    let Some(router) = catalog.key_of(&exposure.router).map(RouterKey) else { return };
    let prefixes = exposure.subnets.iter().filter_map(|id| {
        let subnet = catalog.subnet(id)?;
        let network = catalog.key_of(&subnet.network).map(NetworkKey)?;
        Some(catalog.faces(id, subnet).into_iter().map(move |face| (network, face.cidr)).collect::<Vec<_>>())
    });
    let fact = topology::Exposure {
        tenant: id.tenant.clone(),
        name: id.name.clone(),
        router,
        method: exposure.method,
        ports: exposure.ports.iter().filter_map(|port| catalog.key_of(port)).map(PortKey).collect(),
        prefixes: prefixes.flatten().collect(),
    };
    facts.push(Change::Exposure(ExposureKey(key), Some(fact)));
}

impl Catalog {
    /// The prefixes that what an exposure exposes is of, each with the field that says so.
    pub(super) fn reach_of(&self, exposure: &Exposure) -> Vec<(String, IpNet)> {
        let Some(Model::Router(router)) = self.model(&exposure.router) else { return Vec::new() };
        let faces = |id: &ResourceId| {
            let subnet = self.subnet(id);
            let faces = subnet.map(|subnet| self.faces(id, subnet)).unwrap_or_default();
            faces.into_iter().map(|face| face.cidr).collect::<Vec<_>>()
        };
        let mut reach = Vec::new();
        for (i, subnet) in exposure.subnets.iter().enumerate() {
            reach.extend(faces(subnet).into_iter().map(|cidr| (format!("subnets[{i}]"), cidr)));
        }
        for (i, port) in exposure.ports.iter().enumerate() {
            let Some(network) = self.port(port).map(|port| &port.network) else { continue };
            for interface in &router.interfaces {
                if self.subnet(&interface.subnet).is_some_and(|subnet| subnet.network == *network) {
                    let cidrs = faces(&interface.subnet).into_iter();
                    reach.extend(cidrs.map(|cidr| (format!("ports[{i}]"), cidr)));
                }
            }
        }
        reach
    }

    /// The same as it is outside: where the router maps a prefix, all that the mapping's may be.
    fn reach_outside(&self, exposure: &Exposure) -> Vec<(String, IpNet)> {
        let mappings = self.users(&exposure.router, PREFIX_MAPPING).filter_map(|id| match self.model(id) {
            Some(Model::PrefixMapping(mapping)) => Some(mapping.pair),
            _ => None,
        });
        let mappings: Vec<_> = mappings.collect();
        let outside = |net: IpNet| {
            let pair = mappings.iter().find(|pair| IpNet::V6(pair.internal()).contains(&net));
            pair.map_or(net, |pair| IpNet::V6(pair.external()))
        };
        self.reach_of(exposure).into_iter().map(|(field, net)| (field, outside(net))).collect()
    }

    /// An exposure, as far as it makes sense.
    pub(crate) fn exposure(&self, id: &ResourceId) -> Option<&Exposure> {
        match self.model(id)? {
            Model::Exposure(exposure) => Some(exposure),
            _ => None,
        }
    }
}

/// What exposures need of their router stays as it is.
pub(super) fn check_router(catalog: &Catalog, id: &ResourceId, findings: &mut Findings) {
    for user in catalog.users(id, EXPOSURE).cloned().collect::<Vec<_>>() {
        let Some(exposure) = catalog.exposure(&user) else { continue };
        let mut its = Findings::default();
        check(catalog, &user, exposure, &mut its);
        for finding in its.0 {
            let field = if finding.field == "router" { "external_gateway" } else { "interfaces" };
            findings.rather((user.clone(), ""), field, format!("{user}: {}: {}", finding.field, finding.message));
        }
    }
}
