//! What every resource has, whatever its kind: meta, and a status that the store doesn't keep.

use proto::v1;
pub(crate) use proto::v1::resource::Kind;
use topology::ResourceId;

use super::ident;

macro_rules! each {
    ($resource:expr, $body:ident => $result:expr) => {
        match $resource {
            Kind::Chassis($body) => $result,
            Kind::Fabric($body) => $result,
            Kind::Network($body) => $result,
            Kind::Subnet($body) => $result,
            Kind::Router($body) => $result,
            Kind::Port($body) => $result,
            Kind::Delegation($body) => $result,
            Kind::Renumbering($body) => $result,
            Kind::SecurityGroup($body) => $result,
            Kind::AddressGroup($body) => $result,
            Kind::AnycastService($body) => $result,
            Kind::Translator($body) => $result,
            Kind::Exposure($body) => $result,
            Kind::Trunk($body) => $result,
            Kind::FloatingIp($body) => $result,
            Kind::PrefixMapping($body) => $result,
        }
    };
}

/// The singular name of a resource's kind.
pub(crate) fn kind_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Chassis(_) => ident::CHASSIS,
        Kind::Fabric(_) => ident::FABRIC,
        Kind::Network(_) => ident::NETWORK,
        Kind::Subnet(_) => ident::SUBNET,
        Kind::Router(_) => ident::ROUTER,
        Kind::Port(_) => ident::PORT,
        Kind::Delegation(_) => ident::DELEGATION,
        Kind::Renumbering(_) => ident::RENUMBERING,
        Kind::SecurityGroup(_) => ident::SECURITY_GROUP,
        Kind::AddressGroup(_) => ident::ADDRESS_GROUP,
        Kind::AnycastService(_) => ident::ANYCAST_SERVICE,
        Kind::Translator(_) => ident::TRANSLATOR,
        Kind::Exposure(_) => ident::EXPOSURE,
        Kind::Trunk(_) => ident::TRUNK,
        Kind::FloatingIp(_) => ident::FLOATING_IP,
        Kind::PrefixMapping(_) => ident::PREFIX_MAPPING,
    }
}

/// A resource's meta, if it has one.
pub(crate) fn meta(kind: &Kind) -> Option<&v1::Meta> {
    each!(kind, body => body.meta.as_ref())
}

/// A resource's id, if it has a meta.
pub(crate) fn id_of(kind: &Kind) -> Option<ResourceId> {
    let meta = meta(kind)?;
    Some(ResourceId { kind: kind_of(kind), tenant: meta.tenant.as_str().into(), name: meta.name.as_str().into() })
}

/// A resource's meta, made if it has none.
pub(crate) fn meta_mut(kind: &mut Kind) -> &mut v1::Meta {
    each!(kind, body => body.meta.get_or_insert_default())
}

/// Takes away what the store doesn't keep, and makes a spec where there is none: absent means every default.
pub(crate) fn strip(kind: &mut Kind) {
    each!(kind, body => {
        body.status = None;
        body.spec.get_or_insert_default();
    });
    meta_mut(kind).revision = 0;
}

/// A document's tenant, and what it lists: its keys in the order of a file's usual reading, each with its resources.
pub(crate) fn listed(document: v1::Document) -> (String, Vec<(&'static str, Vec<Kind>)>) {
    // No field is forgotten: this names them all.
    let v1::Document {
        tenant,
        chassis,
        fabric,
        networks,
        subnets,
        routers,
        address_groups,
        security_groups,
        ports,
        delegations,
        renumberings,
        anycast_services,
        exposures,
        trunks,
        floating_ips,
        prefix_mappings,
        translators,
    } = document;
    let listed = vec![
        ("chassis", chassis.into_iter().map(Kind::Chassis).collect()),
        ("fabric", fabric.into_iter().map(Kind::Fabric).collect()),
        ("networks", networks.into_iter().map(Kind::Network).collect()),
        ("subnets", subnets.into_iter().map(Kind::Subnet).collect()),
        ("routers", routers.into_iter().map(Kind::Router).collect()),
        ("address_groups", address_groups.into_iter().map(Kind::AddressGroup).collect()),
        ("security_groups", security_groups.into_iter().map(Kind::SecurityGroup).collect()),
        ("ports", ports.into_iter().map(Kind::Port).collect()),
        ("delegations", delegations.into_iter().map(Kind::Delegation).collect()),
        ("renumberings", renumberings.into_iter().map(Kind::Renumbering).collect()),
        ("anycast_services", anycast_services.into_iter().map(Kind::AnycastService).collect()),
        ("translators", translators.into_iter().map(Kind::Translator).collect()),
        ("exposures", exposures.into_iter().map(Kind::Exposure).collect()),
        ("trunks", trunks.into_iter().map(Kind::Trunk).collect()),
        ("floating_ips", floating_ips.into_iter().map(Kind::FloatingIp).collect()),
        ("prefix_mappings", prefix_mappings.into_iter().map(Kind::PrefixMapping).collect()),
    ];
    (tenant, listed)
}
