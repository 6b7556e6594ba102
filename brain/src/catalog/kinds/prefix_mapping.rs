//! Prefix mappings: prefixes behind a router that are others outside (RFC 6296).

use addr::{IpNet, Ipv6Net, NPT_LONGEST, PrefixPair, is_link_local};
use proto::v1;
use topology::{Change, ResourceId, RouterKey};

use super::delegation::overlap;
use super::router::Router;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{PREFIX_MAPPING, ROUTER};

/// Prefix mappings of one router.
const PER_ROUTER_MAX: usize = 16;

/// A prefix mapping's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrefixMapping {
    pub(crate) router: ResourceId,
    pub(crate) pair: PrefixPair,
}

pub(super) fn parse(
    id: &ResourceId,
    spec: &mut v1::PrefixMappingSpec,
    findings: &mut Findings,
) -> Option<PrefixMapping> {
    let router = text::target(ROUTER, &id.tenant, &spec.router, "router", findings);
    let internal = prefix(&mut spec.internal, "internal", findings);
    let external = prefix(&mut spec.external, "external", findings);
    let (router, internal, external) = (router?, internal?, external?);
    if overlap(internal, external) {
        findings.spec("external", format!("{external} overlaps {internal}, the internal one"));
    }
    let Some(pair) = PrefixPair::new(internal, external) else {
        let (inside, outside) = (internal.prefix_len(), external.prefix_len());
        findings
            .spec("external", format!("is of {outside} bits, the internal one of {inside}: they are of one length"));
        return None;
    };
    Some(PrefixMapping { router, pair })
}

/// A prefix that can be another outside.
fn prefix(text: &mut String, field: &str, findings: &mut Findings) -> Option<Ipv6Net> {
    let read = text::read::<IpNet>(text, field, findings)?;
    let why = match read {
        IpNet::V4(_) => "it is IPv4: floating_ips are for that".to_owned(),
        IpNet::V6(net) if net != net.trunc() => format!("it has host bits: is {} meant?", net.trunc()),
        IpNet::V6(net) if net.prefix_len() == 0 || net.network().is_unspecified() => "it is everything".to_owned(),
        IpNet::V6(net) if net.prefix_len() > NPT_LONGEST => {
            format!("it is longer than {NPT_LONGEST} bits (RFC 6296, 3.1)")
        }
        IpNet::V6(net) if net.network().is_multicast() => "it is a range of multicast groups".to_owned(),
        IpNet::V6(net) if is_link_local(net.network()) => "link-local addresses are not routed".to_owned(),
        IpNet::V6(net) => return Some(net),
    };
    findings.spec(field, format!("{read} can't be mapped: {why}"));
    None
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, mapping: &PrefixMapping, findings: &mut Findings) {
    let PrefixMapping { router: of, pair } = mapping;
    let Some(router) = router(catalog, of) else { return };
    let Some(gateway) = &router.gateway else {
        return findings.spec("router", format!("{of} has no external_gateway: there is no outside"));
    };
    let count = catalog.users(of, PREFIX_MAPPING).count();
    if count > PER_ROUTER_MAX {
        findings.spec("router", format!("{of} has {count} prefix mappings; {PER_ROUTER_MAX} are the most"));
    }
    let (internal, external) = (pair.internal(), pair.external());
    if let Some(link) = gateway.prefixes(catalog).into_iter().find(|link| overlaps(*link, external)) {
        let message =
            format!("{external} overlaps {link} of {}: nobody would answer for its addresses", gateway.network);
        findings.spec("external", message);
    }
    if let Some((subnet, net)) = behind(catalog, router).into_iter().find(|(_, net)| overlaps(*net, external)) {
        findings.spec("external", format!("{external} overlaps {net} of {subnet}, which is behind the router"));
    }
    for other in catalog.ids(PREFIX_MAPPING).filter(|other| *other != id) {
        let Some(model) = catalog.prefix_mapping(other) else { continue };
        if model.router == *of && overlap(model.pair.internal(), internal) {
            findings.spec("internal", format!("{internal} overlaps {} of {other}", model.pair.internal()));
        }
        let theirs = self::router(catalog, &model.router).and_then(|router| router.gateway.as_ref());
        let one_outside = theirs.is_some_and(|theirs| theirs.network == gateway.network);
        if one_outside && overlap(model.pair.external(), external) {
            findings.spec("external", format!("{external} overlaps {} of {other}", model.pair.external()));
        }
    }
}

fn overlaps(net: IpNet, with: Ipv6Net) -> bool {
    matches!(net, IpNet::V6(net) if overlap(net, with))
}

fn router<'c>(catalog: &'c Catalog, id: &ResourceId) -> Option<&'c Router> {
    match catalog.model(id) {
        Some(Model::Router(router)) => Some(router),
        _ => None,
    }
}

/// The prefixes of a router's interfaces, each with its subnet.
fn behind<'c>(catalog: &'c Catalog, router: &'c Router) -> Vec<(&'c ResourceId, IpNet)> {
    let subnets = router.interfaces.iter().map(|interface| &interface.subnet);
    let faces = subnets.filter_map(|id| Some((id, catalog.faces(id, catalog.subnet(id)?))));
    faces.flat_map(|(id, faces)| faces.into_iter().map(move |face| (id, face.cidr))).collect()
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, mapping: &PrefixMapping, facts: &mut Vec<Change>) {
    let Some(router) = catalog.key_of(&mapping.router).map(RouterKey) else { return };
    let fact = topology::PrefixMapping { owner: id.clone(), pair: mapping.pair };
    facts.push(Change::PrefixMapping(router, IpNet::V6(mapping.pair.internal()), Some(fact)));
}

impl Catalog {
    pub(crate) fn prefix_mapping(&self, id: &ResourceId) -> Option<&PrefixMapping> {
        match self.model(id) {
            Some(Model::PrefixMapping(mapping)) => Some(mapping),
            _ => None,
        }
    }
}
