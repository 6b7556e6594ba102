//! Addresses behind a router that are answered for on its provider network (after RFC 4389): exactly those that ports have.

use std::collections::BTreeSet;
use std::net::IpAddr;

use addr::IpNet;
use topology::{Change, ExposureMethod, NetworkKey, PortKey, Presence, ResourceId, RouterKey};

use super::Model;
use super::exposure::Exposure;
use super::port::Port;
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{EXPOSURE, PORT, ROUTER, short};
use crate::catalog::index::Claim;

/// An address of a port that is to be answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxied {
    /// The exposure that says so.
    pub(crate) exposure: ResourceId,
    router: ResourceId,
    /// The provider network.
    pub(crate) network: ResourceId,
    pub(crate) address: IpAddr,
}

pub(super) fn check(
    catalog: &Catalog,
    id: &ResourceId,
    exposure: &Exposure,
    network: &ResourceId,
    findings: &mut Findings,
) {
    let name = short(&id.tenant, network);
    let mut within: BTreeSet<String> = BTreeSet::new();
    let reach = catalog.reach_of(exposure);
    for (field, cidr) in &reach {
        let subnet = field.starts_with("subnets");
        match catalog.on_link(network, *cidr) {
            Ok(()) => drop(within.insert(field.clone())),
            Err(why) if subnet => findings.spec(field.clone(), why.replace("{network}", &name)),
            Err(_) => {}
        }
    }
    for (field, _) in reach.iter().filter(|(field, _)| field.starts_with("ports") && !within.contains(field)) {
        let message = format!(
            "no subnet of the router's on its network is a part of one of {name}'s: who is out there does not look for it on the link; routed works"
        );
        findings.spec(field.clone(), message);
    }
    for port in catalog.ports_proxied(id) {
        let Some(model) = catalog.port(&port) else { continue };
        for Proxied { network, address, .. } in catalog.proxied(&port, model) {
            if let Some(owner) = catalog.owners(&Claim::Address(network.clone(), address)).find(|owner| **owner != port)
            {
                findings.spec("", format!("{address} of {port} is {owner}'s on {network} already"));
            }
        }
    }
}

pub(super) fn claims(catalog: &Catalog, id: &ResourceId, port: &Port, claims: &mut Vec<Claim>) {
    let proxied = catalog.proxied(id, port).into_iter();
    claims.extend(proxied.map(|proxied| Claim::Address(proxied.network, proxied.address)));
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, key: PortKey, port: &Port, facts: &mut Vec<Change>) {
    let mut stated = BTreeSet::new();
    for Proxied { exposure, router, network, address } in catalog.proxied(id, port) {
        if catalog.on_link(&network, IpNet::from(address)).is_err() {
            continue;
        }
        let taken = catalog.taken(&Claim::Address(network.clone(), address), id);
        let keys = catalog.key_of(&network).map(NetworkKey).zip(catalog.key_of(&router).map(RouterKey));
        if let Some((network, router)) = keys.filter(|(network, _)| !taken && stated.insert((*network, address))) {
            let presence = Presence { owner: exposure, router, port: Some(key), inside: None };
            facts.push(Change::Presence(network, address, Some(presence)));
        }
    }
}

impl Catalog {
    /// Whether who is on a provider network looks for a prefix's addresses on the link, and those behind the router for others out there not
    /// on theirs: it is a part of one of its subnets. Otherwise why not; `{network}` stands for its name.
    pub(crate) fn on_link(&self, network: &ResourceId, cidr: IpNet) -> Result<(), String> {
        let IpNet::V6(net) = cidr else {
            return Err(format!("{cidr} is of IPv4: nd-proxy answers for IPv6 addresses; routed works"));
        };
        for (id, subnet) in self.subnets_of(network) {
            let IpNet::V6(link) = subnet.cidr else { continue };
            if link == net {
                return Err(format!(
                    "{cidr} is all of {id}: hosts would look for who is out there on their own link; give them a part of it"
                ));
            }
            let inside = |address: &IpAddr| matches!(address, IpAddr::V6(address) if net.contains(address));
            if net.prefix_len() < 128 && link.contains(&net) && inside(&subnet.gateway) {
                return Err(format!("{cidr} has {} in it, the gateway_ip of {id}", subnet.gateway));
            }
            if link.contains(&net) {
                return Ok(());
            }
        }
        Err(format!(
            "{cidr} is a part of no subnet of {{network}}: who is out there does not look for it on the link; routed works"
        ))
    }

    /// The addresses of a port that are to be answered for, if they are on the link out there.
    pub(crate) fn proxied(&self, id: &ResourceId, port: &Port) -> Vec<Proxied> {
        let by_subnet = self.subnets_of(&port.network).into_iter().flat_map(|(subnet, _)| self.users(subnet, EXPOSURE));
        let exposures: BTreeSet<&ResourceId> = self.users(id, EXPOSURE).chain(by_subnet).collect();
        let mut found = Vec::new();
        for exposure_id in exposures {
            let Some(exposure) = self.exposure(exposure_id).filter(|e| e.method == ExposureMethod::NdProxy) else {
                continue;
            };
            let Some(Model::Router(router)) = self.model(&exposure.router) else { continue };
            let Some(gateway) = &router.gateway else { continue };
            let named = exposure.ports.contains(id);
            let of = self.faces_on(&port.network).into_iter().filter(|(subnet, _)| {
                let behind = router.interfaces.iter().any(|interface| interface.subnet == **subnet);
                behind && (named || exposure.subnets.contains(subnet))
            });
            let prefixes: Vec<IpNet> = of.map(|(_, face)| face.cidr).collect();
            let own = self.addresses_of(port).into_iter().chain(self.learned_by(id));
            let own = own.filter(|a| a.is_ipv6() && prefixes.iter().any(|prefix| prefix.contains(a)));
            found.extend(own.map(|address| Proxied {
                exposure: exposure_id.clone(),
                router: exposure.router.clone(),
                network: gateway.network.clone(),
                address,
            }));
        }
        found
    }

    /// The ports that an exposure may have answered for.
    pub(crate) fn ports_proxied(&self, id: &ResourceId) -> BTreeSet<ResourceId> {
        let Some(exposure) = self.exposure(id).filter(|e| e.method == ExposureMethod::NdProxy) else {
            return BTreeSet::new();
        };
        let networks = exposure.subnets.iter().filter_map(|subnet| Some(&self.subnet(subnet)?.network));
        let on = networks.flat_map(|network| self.users(network, PORT));
        exposure.ports.iter().chain(on).cloned().collect()
    }

    /// What of all ports is to be answered for by way of an exposure, if it is on the link out there.
    pub(crate) fn proxied_by(&self, id: &ResourceId) -> Vec<(ResourceId, Proxied)> {
        let mut found = Vec::new();
        for port in self.ports_proxied(id) {
            let of_port = self.port(&port).map(|model| self.proxied(&port, model)).unwrap_or_default().into_iter();
            let own = of_port.filter(|proxied| proxied.exposure == *id);
            found.extend(own.map(|proxied| (port.clone(), proxied)));
        }
        found
    }

    /// The ports whose answered addresses may be others if an exposure or router is another.
    pub(crate) fn ports_proxied_with(&self, id: &ResourceId) -> BTreeSet<ResourceId> {
        match id.kind {
            EXPOSURE => self.ports_proxied(id),
            ROUTER => self.users(id, EXPOSURE).flat_map(|exposure| self.ports_proxied(exposure)).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// What says something else about what is exposed, now that these resources are others.
    pub(crate) fn dirty_exposed(&self, before: &Catalog, ids: &BTreeSet<ResourceId>) -> BTreeSet<ResourceId> {
        let mut dirty = BTreeSet::new();
        for catalog in [before, self] {
            for id in ids {
                dirty.extend(catalog.ports_proxied_with(id));
                let Some(subnet) = catalog.subnet(id) else { continue };
                dirty.extend(catalog.users(id, EXPOSURE).cloned());
                // What is on the link out there.
                let routers = catalog.users(&subnet.network, ROUTER);
                dirty.extend(routers.flat_map(|router| catalog.ports_proxied_with(router)));
            }
        }
        dirty.retain(|id| self.item(id).is_some() || before.item(id).is_some());
        dirty
    }
}
