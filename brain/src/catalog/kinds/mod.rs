//! What each kind's spec means: read once, then asked for references, claims, faults and facts.

use std::sync::Arc;

use proto::v1::{self, resource::Kind};
use topology::{Change, ResourceId};

use super::findings::Findings;
use super::index::Claim;
use super::{Catalog, Stored};

pub(crate) mod chassis;
pub(crate) mod fabric;
pub(crate) mod network;
pub(crate) mod port;
pub(crate) mod range;
pub(crate) mod router;
pub(crate) mod subnet;
mod text;

/// A resource as the catalog holds it.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) stored: Arc<Stored>,
    /// `None`: the record says nothing that makes sense; it is kept, and makes no facts.
    pub(crate) model: Option<Model>,
    /// What is registered for it.
    pub(crate) claims: Vec<Claim>,
    /// What is registered as used by it, each once.
    pub(crate) references: Vec<ResourceId>,
}

/// A spec, read.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The names are the kinds'.
pub(crate) enum Model {
    Chassis(chassis::Chassis),
    Fabric(fabric::Fabric),
    Network(network::Network),
    Subnet(subnet::Subnet),
    Router(router::Router),
    Port(port::Port),
}

/// Reads a record, and spells its spec canonically. Without findings there is a model.
pub(crate) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Model> {
    let before = findings.len();
    let mac = std::mem::take(&mut record.mac_address);
    let model = match record.resource.as_mut()?.kind.as_mut()? {
        Kind::Chassis(r) => Some(Model::Chassis(chassis::parse(r.spec.get_or_insert_default(), findings))),
        Kind::Fabric(r) => fabric::parse(r.spec.get_or_insert_default(), findings).map(Model::Fabric),
        Kind::Network(r) => Some(Model::Network(network::parse(r.spec.get_or_insert_default(), findings))),
        Kind::Subnet(r) => subnet::parse(id, r.spec.get_or_insert_default(), findings).map(Model::Subnet),
        Kind::Router(r) => router::parse(id, r.spec.get_or_insert_default(), &mac, findings).map(Model::Router),
        Kind::Port(_) => None,
    };
    record.mac_address = mac;
    let model = if id.kind == super::ident::PORT { port::parse(id, record, findings).map(Model::Port) } else { model };
    model.filter(|_| findings.len() == before)
}

impl Model {
    /// The resources that it names, each with the field that does.
    pub(crate) fn references(&self) -> Vec<(String, ResourceId)> {
        match self {
            Model::Chassis(_) | Model::Fabric(_) | Model::Network(_) => Vec::new(),
            Model::Subnet(subnet) => vec![("network".to_owned(), subnet.network.clone())],
            Model::Router(router) => router::references(router).collect(),
            Model::Port(port) => port::references(port).collect(),
        }
    }

    /// The resources that can't go while this one is there.
    pub(crate) fn needs(&self) -> Vec<ResourceId> {
        let mut needs: Vec<_> = self.references().into_iter().map(|(_, id)| id).collect();
        if let Model::Port(port) = self {
            needs.extend(port.assigned.iter().map(|assigned| assigned.subnet.clone()));
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// What nobody else may have.
    pub(crate) fn claims(&self, catalog: &Catalog, record: &v1::Record) -> Vec<Claim> {
        let mut claims = Vec::new();
        match self {
            Model::Chassis(chassis) => chassis::claims(chassis, &mut claims),
            Model::Network(network) => network::claims(record, network, &mut claims),
            Model::Router(router) => router::claims(catalog, router, &mut claims),
            Model::Port(port) => port::claims(port, &mut claims),
            Model::Fabric(_) | Model::Subnet(_) => {}
        }
        claims
    }

    /// The field of the spec that a claim is about.
    pub(crate) fn field_of(&self, catalog: &Catalog, claim: &Claim) -> String {
        match (self, claim) {
            (Model::Router(router), _) => router::field_of(catalog, router, claim),
            (Model::Port(port), _) => port::field_of(port, claim),
            (_, Claim::Datapath(_)) => "datapath_id".to_owned(),
            (_, Claim::TunnelIp(_)) => "tunnel_ip".to_owned(),
            (_, Claim::Segment(_)) => "segmentation_id".to_owned(),
            _ => String::new(),
        }
    }

    /// Holds it against everything else there is.
    pub(crate) fn check(&self, catalog: &Catalog, id: &ResourceId, findings: &mut Findings) {
        match self {
            Model::Chassis(chassis) => chassis::check(catalog, chassis, findings),
            Model::Fabric(fabric) => fabric::check(catalog, fabric, findings),
            Model::Network(network) => network::check(catalog, id, network, findings),
            Model::Subnet(subnet) => subnet::check(catalog, id, subnet, findings),
            Model::Router(router) => router::check(catalog, id, router, findings),
            Model::Port(port) => port::check(catalog, port, findings),
        }
    }
}

/// The facts that a resource states, each once.
pub(crate) fn facts(catalog: &Catalog, id: &ResourceId, item: &Item) -> Vec<Change> {
    let mut facts = Vec::new();
    let record = &item.stored.record;
    let key = record.key;
    match &item.model {
        None => {}
        Some(Model::Chassis(chassis)) => chassis::facts(id, key, chassis, &mut facts),
        Some(Model::Fabric(fabric)) => fabric::facts(catalog, fabric, &mut facts),
        Some(Model::Network(network)) => network::facts(catalog, id, record, network, &mut facts),
        Some(Model::Subnet(subnet)) => subnet::facts(catalog, key, subnet, &mut facts),
        Some(Model::Router(router)) => router::facts(catalog, id, key, router, &mut facts),
        Some(Model::Port(port)) => port::facts(catalog, id, key, port, &mut facts),
    }
    facts
}
