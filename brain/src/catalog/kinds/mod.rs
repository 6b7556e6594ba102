//! What each kind's spec means: read once, then asked for references, claims, faults and facts.

use std::sync::Arc;

use proto::v1::{self, resource::Kind};
use topology::{Change, ResourceId};

use super::findings::Findings;
use super::index::Claim;
use super::{Catalog, Stored, ident};

pub(crate) mod address_group;
mod address_pairs;
pub(crate) mod anycast;
mod bgp;
pub(crate) mod chassis;
pub(crate) mod class;
pub(crate) mod delegation;
mod dhcp_options;
pub(crate) mod exposure;
pub(crate) mod fabric;
pub(crate) mod floating;
pub(crate) mod gateway;
pub(crate) mod instance;
pub(crate) mod managed;
pub(crate) mod modes;
pub(crate) mod network;
pub(crate) mod port;
pub(crate) mod prefix_mapping;
pub(crate) mod proxy;
pub(crate) mod range;
pub(crate) mod renumbering;
pub(crate) mod router;
pub(crate) mod rule;
pub(crate) mod security_group;
pub(crate) mod subnet;
mod text;
mod told;
pub(crate) mod translator;
pub(crate) mod trunk;
pub(crate) mod upstream;

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
#[allow(clippy::large_enum_variant)] // Each is in an item of its own, behind an `Arc`.
pub(crate) enum Model {
    Chassis(chassis::Chassis),
    Fabric(fabric::Fabric),
    Network(network::Network),
    Subnet(subnet::Subnet),
    Router(router::Router),
    Port(port::Port),
    Delegation(delegation::Delegation),
    Upstream(upstream::Upstream),
    Translator(translator::Translator),
    Renumbering(renumbering::Renumbering),
    SecurityGroup(security_group::SecurityGroup),
    AddressGroup(address_group::AddressGroup),
    AnycastService(anycast::AnycastService),
    Exposure(exposure::Exposure),
    Trunk(trunk::Trunk),
    FloatingIp(floating::FloatingIp),
    PrefixMapping(prefix_mapping::PrefixMapping),
}

/// Reads a record, and spells its spec canonically. With findings the model, if there is one, is as far as the spec makes sense.
pub(crate) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<Model> {
    let mac = std::mem::take(&mut record.mac_address);
    let model = match record.resource.as_mut()?.kind.as_mut()? {
        Kind::Chassis(r) => Some(Model::Chassis(chassis::parse(r.spec.get_or_insert_default(), findings))),
        Kind::Fabric(r) => fabric::parse(r.spec.get_or_insert_default(), findings).map(Model::Fabric),
        Kind::Network(r) => Some(Model::Network(network::parse(r.spec.get_or_insert_default(), findings))),
        Kind::Subnet(r) => subnet::parse(id, r.spec.get_or_insert_default(), findings).map(Model::Subnet),
        Kind::Router(r) => router::parse(id, r.spec.get_or_insert_default(), &mac, findings).map(Model::Router),
        Kind::SecurityGroup(r) => {
            Some(Model::SecurityGroup(security_group::parse(id, r.spec.get_or_insert_default(), findings)))
        }
        Kind::AddressGroup(r) => {
            Some(Model::AddressGroup(address_group::parse(r.spec.get_or_insert_default(), findings)))
        }
        Kind::PrefixMapping(r) => {
            prefix_mapping::parse(id, r.spec.get_or_insert_default(), findings).map(Model::PrefixMapping)
        }
        Kind::AnycastService(r) => {
            anycast::parse(id, r.spec.get_or_insert_default(), findings).map(Model::AnycastService)
        }
        Kind::Translator(r) => translator::parse(id, r.spec.get_or_insert_default(), findings).map(Model::Translator),
        Kind::Trunk(r) => trunk::parse(id, r.spec.get_or_insert_default(), findings).map(Model::Trunk),
        Kind::Exposure(r) => exposure::parse(id, r.spec.get_or_insert_default(), findings).map(Model::Exposure),
        Kind::Port(_) | Kind::Delegation(_) | Kind::Renumbering(_) | Kind::FloatingIp(_) => None,
    };
    record.mac_address = mac;
    match id.kind {
        ident::PORT => port::parse(id, record, findings).map(Model::Port),
        ident::RENUMBERING => renumbering::parse(id, record, findings).map(Model::Renumbering),
        ident::DELEGATION if upstream::is(record) => upstream::parse(id, record, findings).map(Model::Upstream),
        ident::DELEGATION => delegation::parse(id, record, findings).map(Model::Delegation),
        ident::FLOATING_IP => floating::parse(id, record, findings).map(Model::FloatingIp),
        _ => model,
    }
}

impl Model {
    /// What nobody else may have.
    pub(crate) fn claims(&self, catalog: &Catalog, id: &ResourceId, record: &v1::Record) -> Vec<Claim> {
        let mut claims = Vec::new();
        match self {
            Model::Chassis(chassis) => chassis::claims(id, chassis, &mut claims),
            Model::Network(network) => network::claims(id, record, network, &mut claims),
            Model::Router(router) => router::claims(catalog, record, router, &mut claims),
            Model::Port(port) => port::claims(catalog, id, port, &mut claims),
            Model::AnycastService(service) => anycast::claims(service, &mut claims),
            Model::FloatingIp(floating) => floating::claims(floating, &mut claims),
            Model::Translator(translator) => translator::claims(catalog, translator, &mut claims),
            Model::Fabric(_)
            | Model::Subnet(_)
            | Model::PrefixMapping(_)
            | Model::Delegation(_)
            | Model::Upstream(_)
            | Model::Renumbering(_)
            | Model::Exposure(_)
            | Model::Trunk(_)
            | Model::SecurityGroup(_)
            | Model::AddressGroup(_) => {}
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
            (Model::Chassis(_), Claim::Interface(..)) => "bridge_mappings".to_owned(),
            (_, Claim::Vlan(..)) => "segmentation_id".to_owned(),
            (_, Claim::Segment(_)) => "segmentation_id".to_owned(),
            (_, Claim::SnatZone(_)) => "external_gateway.enable_snat".to_owned(),
            (Model::AnycastService(_), Claim::Address(..)) => "address".to_owned(),
            (Model::FloatingIp(_), Claim::Address(..)) => "floating_ip_address".to_owned(),
            (Model::Translator(_), Claim::Address(..)) => "ip_address".to_owned(),
            (_, Claim::AutoPorts) => "auto_ports".to_owned(),
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
            Model::Port(port) => {
                port::check(catalog, port, findings);
                translator::check_user_of(catalog, id, "fixed_ips", findings);
                trunk::check_port(catalog, id, port, findings);
            }
            Model::Trunk(trunk) => trunk::check(catalog, id, trunk, findings),
            Model::Renumbering(renumbering) => renumbering::check(catalog, id, renumbering, findings),
            Model::Delegation(delegation) => delegation::check(catalog, id, delegation, findings),
            Model::Upstream(upstream) => upstream::check(catalog, id, upstream, findings),
            Model::Translator(translator) => translator::check(catalog, id, translator, findings),
            Model::AnycastService(service) => anycast::check(catalog, service, findings),
            Model::Exposure(exposure) => exposure::check(catalog, id, exposure, findings),
            Model::FloatingIp(floating) => floating::check(catalog, id, floating, findings),
            Model::PrefixMapping(mapping) => prefix_mapping::check(catalog, id, mapping, findings),
            Model::SecurityGroup(_) | Model::AddressGroup(_) => {}
        }
    }
}

/// The resources that a spec names, each with the field that does; what is no legal reference is left out.
pub(crate) fn references(id: &ResourceId, kind: &Kind) -> Vec<(String, ResourceId)> {
    let mut found = Vec::new();
    let mut add = |kind, text: &str, field: String| {
        found.extend(ident::target(kind, &id.tenant, text).map(|target| (field, target)));
    };
    match kind {
        Kind::Chassis(_) | Kind::Fabric(_) | Kind::Network(_) | Kind::AddressGroup(_) => {}
        Kind::SecurityGroup(group) => {
            for (i, rule) in group.spec.iter().flat_map(|spec| &spec.rules).enumerate() {
                if let Some(remote) = &rule.remote_group {
                    add(ident::SECURITY_GROUP, remote, format!("rules[{i}].remote_group"));
                }
                if let Some(remote) = &rule.remote_address_group {
                    add(ident::ADDRESS_GROUP, remote, format!("rules[{i}].remote_address_group"));
                }
            }
        }
        Kind::Subnet(subnet) => subnet.spec.iter().for_each(|s| add(ident::NETWORK, &s.network, "network".to_owned())),
        Kind::Router(router) => {
            for (i, interface) in router.spec.iter().flat_map(|spec| &spec.interfaces).enumerate() {
                add(ident::SUBNET, &interface.subnet, format!("interfaces[{i}].subnet"));
            }
            if let Some(gateway) = router.spec.as_ref().and_then(|spec| spec.external_gateway.as_ref()) {
                add(ident::NETWORK, &gateway.network, "external_gateway.network".to_owned());
            }
        }
        Kind::Renumbering(renumbering) => {
            renumbering.spec.iter().for_each(|spec| add(ident::SUBNET, &spec.subnet, "subnet".to_owned()));
        }
        Kind::Delegation(delegation) => {
            let Some(spec) = &delegation.spec else { return found };
            add(ident::PORT, &spec.port, "port".to_owned());
            add(ident::ROUTER, &spec.router, "router".to_owned());
            add(ident::NETWORK, &spec.upstream, "upstream".to_owned());
            for (i, item) in spec.subnets.iter().enumerate() {
                add(ident::SUBNET, &item.subnet, format!("subnets[{i}].subnet"));
            }
        }
        Kind::PrefixMapping(mapping) => {
            mapping.spec.iter().for_each(|spec| add(ident::ROUTER, &spec.router, "router".to_owned()));
        }
        Kind::FloatingIp(floating) => {
            let Some(spec) = &floating.spec else { return found };
            add(ident::NETWORK, &spec.network, "network".to_owned());
            spec.port.iter().for_each(|port| add(ident::PORT, port, "port".to_owned()));
        }
        Kind::Translator(translator) => {
            let Some(spec) = &translator.spec else { return found };
            add(ident::ROUTER, &spec.router, "router".to_owned());
            add(ident::PORT, &spec.port, "port".to_owned());
        }
        Kind::AnycastService(service) => {
            let Some(spec) = &service.spec else { return found };
            add(ident::NETWORK, &spec.network, "network".to_owned());
            for (i, port) in spec.ports.iter().enumerate() {
                add(ident::PORT, port, format!("ports[{i}]"));
            }
        }
        Kind::Trunk(trunk) => {
            let Some(spec) = &trunk.spec else { return found };
            add(ident::PORT, &spec.port, "port".to_owned());
            for (i, entry) in spec.sub_ports.iter().enumerate() {
                add(ident::PORT, &entry.port, format!("sub_ports[{i}].port"));
            }
        }
        Kind::Exposure(exposure) => {
            let Some(spec) = &exposure.spec else { return found };
            add(ident::ROUTER, &spec.router, "router".to_owned());
            for (kind, field, names) in [(ident::PORT, "ports", &spec.ports), (ident::SUBNET, "subnets", &spec.subnets)]
            {
                names.iter().enumerate().for_each(|(i, name)| add(kind, name, format!("{field}[{i}]")));
            }
        }
        Kind::Port(port) => {
            let Some(spec) = &port.spec else { return found };
            add(ident::NETWORK, &spec.network, "network".to_owned());
            for (field, group) in port::groups_named(spec) {
                add(ident::SECURITY_GROUP, group, field);
            }
            for (i, fixed) in spec.fixed_ips.iter().flat_map(|list| &list.items).enumerate() {
                if let Some(subnet) = &fixed.subnet {
                    add(ident::SUBNET, subnet, format!("fixed_ips[{i}].subnet"));
                }
            }
            if let Some(binding) = &spec.binding {
                add(ident::CHASSIS, &binding.chassis, "binding.chassis".to_owned());
            }
        }
    }
    found
}

/// The resources that can't go while this one is there: those that it names, the subnets that it has addresses of, and the
/// network that it is on.
pub(crate) fn needs(catalog: &Catalog, id: &ResourceId, record: &v1::Record, model: &Model) -> Vec<ResourceId> {
    let kind = record.resource.as_ref().and_then(|resource| resource.kind.as_ref());
    let named = kind.map(|kind| references(id, kind)).unwrap_or_default();
    let mut needs: Vec<ResourceId> = named.into_iter().map(|(_, target)| target).collect();
    match model {
        Model::Port(port) => {
            needs.extend(port.assigned.iter().map(|assigned| assigned.subnet.clone()));
            needs.extend(port.binding.iter().map(|(chassis, _)| chassis.clone()));
        }
        Model::Delegation(delegation) => {
            needs.extend(catalog.port(&delegation.port).map(|port| port.network.clone()));
        }
        Model::Translator(translator) => {
            needs.extend(catalog.port(&translator.port).map(|port| port.network.clone()));
        }
        Model::AnycastService(service) => needs.extend(catalog.subnet_of(service).cloned()),
        Model::FloatingIp(floating) => needs.extend(floating.subnet(catalog).cloned()),
        _ => {}
    }
    // A group whose rules name itself stands in nobody's way.
    needs.retain(|target| target != id);
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// The facts that a resource states, each once.
pub(crate) fn facts(catalog: &Catalog, id: &ResourceId, item: &Item) -> Vec<Change> {
    let mut facts = Vec::new();
    let record = &item.stored.record;
    let key = record.key;
    match &item.model {
        // What it says is said by its subnets and its router.
        None | Some(Model::Upstream(_)) => {}
        Some(Model::Chassis(chassis)) => chassis::facts(id, record, chassis, &mut facts),
        Some(Model::Fabric(fabric)) => fabric::facts(catalog, fabric, &mut facts),
        Some(Model::Network(network)) => network::facts(catalog, id, record, network, &mut facts),
        Some(Model::Subnet(subnet)) => subnet::facts(catalog, id, key, subnet, &mut facts),
        Some(Model::Renumbering(renumbering)) => renumbering::facts(catalog, renumbering, &mut facts),
        Some(Model::Router(router)) => router::facts(catalog, id, record, router, &mut facts),
        Some(Model::Port(port)) => port::facts(catalog, id, key, port, &mut facts),
        Some(Model::Delegation(delegation)) => delegation::facts(catalog, id, delegation, &mut facts),
        Some(Model::SecurityGroup(group)) => security_group::facts(catalog, id, key, group, &mut facts),
        Some(Model::AnycastService(service)) => anycast::facts(catalog, id, key, service, &mut facts),
        Some(Model::Trunk(trunk)) => trunk::facts(catalog, trunk, &mut facts),
        Some(Model::Exposure(exposure)) => exposure::facts(catalog, id, key, exposure, &mut facts),
        Some(Model::PrefixMapping(mapping)) => prefix_mapping::facts(catalog, id, mapping, &mut facts),
        Some(Model::FloatingIp(floating)) => floating::facts(catalog, id, floating, &mut facts),
        Some(Model::Translator(translator)) => translator::facts(catalog, id, key, translator, &mut facts),
        Some(Model::AddressGroup(group)) => address_group::facts(id, key, group, &mut facts),
    }
    facts
}
