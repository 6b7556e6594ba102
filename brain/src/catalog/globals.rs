//! References by name alone to what is everybody's: provider networks, of which there is one of each name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::v1::resource::Kind;
use proto::v1::{self, NetworkType};
use topology::ResourceId;

use super::Catalog;
use super::asks::Asked;
use super::ident::{self, NETWORK};
use super::index::Claim;

/// What names a network that its own tenant has not, and a provider network has the name: that one is meant, and is written so.
pub(super) fn name_owners(before: &Catalog, mut asked: Asked) -> Asked {
    let networks = asked.asks.iter().filter(|ask| ask.id.kind == NETWORK);
    let there: BTreeSet<ResourceId> = networks.clone().map(|ask| ask.id.clone()).collect();
    let providers = networks.filter(|ask| is_provider(&ask.resource));
    let providers: BTreeMap<Arc<str>, ResourceId> =
        providers.map(|ask| (ask.id.name.clone(), ask.id.clone())).collect();
    for ask in &mut asked.asks {
        let tenant = ask.id.tenant.clone();
        let Some(name) = network_of(&mut ask.resource).filter(|name| ident::is_name(name)) else { continue };
        let own = ident::id(NETWORK, &tenant, name);
        if before.by_id(&own).is_some() || there.contains(&own) {
            continue;
        }
        let known = before.owners(&Claim::Provider(Arc::from(name.as_str()))).next();
        if let Some(ResourceId { tenant, .. }) = providers.get(name.as_str()).or(known) {
            *name = format!("{tenant}/{name}");
        }
    }
    asked
}

fn is_provider(resource: &Kind) -> bool {
    let Kind::Network(v1::Network { spec: Some(spec), .. }) = resource else { return false };
    spec.r#type == i32::from(NetworkType::Provider)
}

/// Where a resource names its network.
fn network_of(resource: &mut Kind) -> Option<&mut String> {
    match resource {
        Kind::Subnet(subnet) => Some(&mut subnet.spec.as_mut()?.network),
        Kind::Port(port) => Some(&mut port.spec.as_mut()?.network),
        Kind::Router(router) => Some(&mut router.spec.as_mut()?.external_gateway.as_mut()?.network),
        Kind::AnycastService(service) => Some(&mut service.spec.as_mut()?.network),
        Kind::FloatingIp(floating) => Some(&mut floating.spec.as_mut()?.network),
        _ => None,
    }
}
