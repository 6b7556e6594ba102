//! Floating IPs: addresses of provider networks that stand for addresses of ports.
//!
//! Neutron's rules, but for what the contract names as deviations: IPv6 ones work, and the router's interface or gateway may go: then a
//! floating IP waits until there is a way again, and says so.

use std::net::IpAddr;

use proto::v1;
use topology::{Change, NetworkKey, PortKey, Presence, ResourceId, RouterKey};

use super::port::Port;
use super::{Model, range, text};
use crate::catalog::Catalog;
use crate::catalog::admit::Admission;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{FLOATING_IP, NETWORK, PORT, ROUTER, TRANSLATOR, short};
use crate::catalog::index::Claim;

/// Floating IPs that one port can have.
const PER_PORT_MAX: usize = 64;

/// A floating IP's spec, read, and what was picked for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatingIp {
    pub(crate) network: ResourceId,
    pub(crate) port: Option<ResourceId>,
    /// As given.
    given: Option<IpAddr>,
    fixed: Option<IpAddr>,
    /// What it is: given, or picked; `None` until it is.
    address: Option<IpAddr>,
}

/// What an address outside is inside, and by which router.
pub(super) struct Inside<'c> {
    pub(super) router: &'c ResourceId,
    pub(super) address: IpAddr,
    /// It is of the other family: who translates.
    pub(super) translator: Option<&'c ResourceId>,
}

/// Why there is none: the field that is about it, and words.
type Trouble = (&'static str, String);

pub(super) fn parse(id: &ResourceId, record: &mut v1::Record, findings: &mut Findings) -> Option<FloatingIp> {
    let picked = record.floating_ip_address.parse().ok();
    let Some(v1::resource::Kind::FloatingIp(v1::FloatingIp { spec: Some(spec), .. })) =
        record.resource.as_mut().and_then(|r| r.kind.as_mut())
    else {
        return None;
    };
    let network = text::target(NETWORK, &id.tenant, &spec.network, "network", findings);
    let given = text::opt::<IpAddr>(&mut spec.floating_ip_address, "floating_ip_address", findings);
    let fixed = text::opt::<IpAddr>(&mut spec.fixed_ip_address, "fixed_ip_address", findings);
    let port = match &spec.port {
        Some(port) => Some(text::target(PORT, &id.tenant, port, "port", findings)?),
        None => None,
    };
    if let Some(fixed) = fixed.filter(|_| port.is_none()) {
        findings.spec("fixed_ip_address", format!("{fixed} is of a port, and no port is named"));
    }
    Some(FloatingIp { network: network?, port, given, fixed, address: picked })
}

pub(super) fn claims(floating: &FloatingIp, claims: &mut Vec<Claim>) {
    let address = floating.given.or(floating.address);
    claims.extend(address.map(|address| Claim::Address(floating.network.clone(), address)));
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, floating: &FloatingIp, findings: &mut Findings) {
    let Some(network) = catalog.network(&floating.network) else { return };
    let name = short(&id.tenant, &floating.network);
    if network.physical.is_none() {
        let message = format!("{name} is an overlay network: an address outside is of a provider network");
        return findings.spec("network", message);
    }
    let Some(address) = floating.address else { return };
    let subnets = catalog.subnets_of(&floating.network);
    let why = match subnets.iter().find(|(_, subnet)| subnet.cidr.contains(&address)) {
        None => Some(format!("{address} is in no subnet of {name}")),
        Some((_, subnet)) if subnet.gateway == address => Some(format!("{address} is the gateway_ip of {name}")),
        Some((_, subnet)) if range::is_edge(subnet.cidr, address) => {
            Some(format!("{address} is an end of {}", subnet.cidr))
        }
        Some(_) => None,
    };
    if let Some(why) = why {
        return findings.spec("floating_ip_address", why);
    }
    let Some(port) = &floating.port else { return };
    let of_port = catalog.users(port, FLOATING_IP).count();
    if of_port > PER_PORT_MAX {
        findings.spec("port", format!("{port} has {of_port} floating IPs; {PER_PORT_MAX} are the most"));
    }
    if catalog.port(port).is_none() {
        return;
    }
    match floating.inside(catalog) {
        Err((field, words)) => findings.spec(field, words),
        Ok(inside) => {
            let same = |other: &&ResourceId| {
                let other = catalog.floating_ip(other).filter(|other| other.network == floating.network);
                *other.map_or(&None, |other| &other.port) == floating.port
                    && other.and_then(|other| other.inside(catalog).ok()).is_some_and(|o| o.address == inside.address)
            };
            if let Some(other) = catalog.users(port, FLOATING_IP).filter(|other| *other != id).find(same) {
                let field = if floating.fixed.is_some() { "fixed_ip_address" } else { "port" };
                findings
                    .spec(field, format!("{} of {port} has a floating IP on {name} already: {other}", inside.address));
            }
        }
    }
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, floating: &FloatingIp, facts: &mut Vec<Change>) {
    let (Some(address), Some(port)) = (floating.address, &floating.port) else { return };
    let Ok(inside) = floating.inside(catalog) else { return };
    // One of the other family leads to the translator as it is.
    let translator = inside.translator.and_then(|id| catalog.translator(id));
    let port = translator.map_or(port, |translator| &translator.port);
    let keys = (catalog.key_of(&floating.network), catalog.key_of(port), catalog.key_of(inside.router));
    let (Some(network), Some(port), Some(router)) = keys else { return };
    let presence = Presence {
        owner: id.clone(),
        router: RouterKey(router),
        port: Some(PortKey(port)),
        inside: translator.is_none().then_some(inside.address),
    };
    facts.push(Change::Presence(NetworkKey(network), address, Some(presence)));
}

impl FloatingIp {
    /// What it is, if it is by now.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The subnet that its address is of.
    pub(super) fn subnet<'c>(&self, catalog: &'c Catalog) -> Option<&'c ResourceId> {
        let address = self.address?;
        let mut subnets = catalog.subnets_of(&self.network).into_iter();
        subnets.find(|(_, subnet)| subnet.cidr.contains(&address)).map(|(id, _)| id)
    }

    /// What its address is inside, and by which router.
    pub(super) fn inside<'c>(&self, catalog: &'c Catalog) -> Result<Inside<'c>, Trouble> {
        let (Some(outside), Some(id)) = (self.address, &self.port) else { return Err(("port", String::new())) };
        let port = catalog.port(id).ok_or(("port", format!("there is no {id}")))?;
        let address = self.fixed_of(catalog, outside, id, port)?;
        let router = catalog.way_out(port, address, &self.network).ok_or_else(|| {
            let words = format!(
                "no router leads from {address} of {id} to {}: external_gateway of one on its subnet",
                self.network
            );
            ("port", words)
        })?;
        let translator = match outside.is_ipv6() == address.is_ipv6() {
            true => None,
            false => Some(catalog.users(router, TRANSLATOR).next().ok_or_else(|| {
                let words = format!("{address} of {id} is not of {outside}'s family, and {router} has no translator");
                (if self.fixed.is_some() { "fixed_ip_address" } else { "port" }, words)
            })?),
        };
        Ok(Inside { router, address, translator })
    }

    fn fixed_of(&self, catalog: &Catalog, outside: IpAddr, id: &ResourceId, port: &Port) -> Result<IpAddr, Trouble> {
        let first = |assigned: &super::port::Assigned| {
            let shown = catalog.shown_in(&assigned.subnet, assigned.address);
            shown.first().copied().unwrap_or(assigned.address)
        };
        let own: Vec<IpAddr> = port.assigned.iter().map(first).collect();
        if let Some(fixed) = self.fixed {
            let has = own.contains(&fixed) || catalog.addresses_of(port).contains(&fixed);
            return if has { Ok(fixed) } else { Err(("fixed_ip_address", format!("{fixed} is not one of {id}'s"))) };
        }
        let is_same = |address: &IpAddr| address.is_ipv6() == outside.is_ipv6();
        // One that has none of the family may have one that is translated.
        let any = own.iter().any(is_same);
        let mut same = own.iter().copied().filter(|address| is_same(address) || !any);
        match (same.next(), same.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(("port", format!("{id} has no address that {outside} could stand for"))),
            (Some(one), Some(other)) => {
                let words = format!("is needed: {id} has {one}, {other} and maybe more");
                Err(("fixed_ip_address", words))
            }
        }
    }
}

impl Catalog {
    pub(crate) fn floating_ip(&self, id: &ResourceId) -> Option<&FloatingIp> {
        match self.model(id) {
            Some(Model::FloatingIp(floating)) => Some(floating),
            _ => None,
        }
    }

    /// Where a floating IP is: its network's number, and its address.
    pub(crate) fn floating_at(&self, id: &ResourceId) -> Option<(NetworkKey, IpAddr)> {
        let floating = self.floating_ip(id)?;
        Some((NetworkKey(self.key_of(&floating.network)?), floating.address?))
    }

    /// Why a floating IP leads to its port no more.
    pub(crate) fn floating_trouble(&self, id: &ResourceId) -> Option<String> {
        self.floating_ip(id)?.inside(self).err().map(|(_, words)| words)
    }

    /// A floating IP's status, as far as the catalog knows it.
    pub(crate) fn floating_status(&self, id: &ResourceId, floating: Option<&FloatingIp>) -> v1::FloatingIpStatus {
        let Some(floating) = floating else { return v1::FloatingIpStatus::default() };
        let inside = floating.port.as_ref().and_then(|_| floating.inside(self).ok());
        v1::FloatingIpStatus {
            floating_ip_address: floating.address.map(|address| address.to_string()).unwrap_or_default(),
            fixed_ip_address: inside.as_ref().map(|inside| inside.address.to_string()).unwrap_or_default(),
            router: inside.map(|inside| short(&id.tenant, inside.router)).unwrap_or_default(),
            ..v1::FloatingIpStatus::default()
        }
    }

    /// The router that leads from an address of a port to a provider network: the one that is its subnet's gateway before others.
    fn way_out(&self, port: &Port, address: IpAddr, network: &ResourceId) -> Option<&ResourceId> {
        let subnets = self.subnets_of(&port.network).into_iter();
        let around = subnets.filter(|(id, subnet)| self.written_in(id, subnet, address).is_some());
        let routers = around.flat_map(|(subnet, model)| {
            self.users(subnet, ROUTER).filter_map(move |id| {
                let Some(Model::Router(router)) = self.model(id) else { return None };
                router.gateway.as_ref().filter(|gateway| gateway.network == *network)?;
                let interface = router.interfaces.iter().find(|interface| interface.subnet == *subnet)?;
                let other = interface.address.is_some_and(|address| address != model.gateway);
                Some((other, id))
            })
        });
        routers.min().map(|(_, id)| id)
    }

    /// The floating IPs that may lead by a router: those of its provider network.
    pub(crate) fn floating_by(&self, router: &ResourceId) -> Vec<ResourceId> {
        let Some(Model::Router(model)) = self.model(router) else { return Vec::new() };
        let network = model.gateway.iter().map(|gateway| gateway.network.clone());
        network.flat_map(|network| self.users(&network, FLOATING_IP).cloned().collect::<Vec<_>>()).collect()
    }
}

impl Admission<'_> {
    /// Gives each floating IP its address: the one that it names; or the one that it has; or a free one of its network. Those that name
    /// theirs have claimed it already.
    pub(crate) fn float(&mut self) {
        for (at, id) in self.sound().into_iter().filter(|(_, id)| id.kind == FLOATING_IP) {
            let Some(floating) = self.after.floating_ip(&id).cloned() else { continue };
            let kept = || floating.address.filter(|_| floating.subnet(&self.after).is_some());
            let address = floating.given.or_else(kept).or_else(|| self.free_outside(&id, &floating));
            let is_provider = self.after.network(&floating.network).is_some_and(|network| network.physical.is_some());
            if address.is_none() && is_provider {
                let mut findings = Findings::default();
                findings.spec("network", format!("no address is free in the pools of {}", floating.network));
                self.say(at, findings);
            }
            let Some(stored) = self.after.by_id(&id).cloned() else { continue };
            let address = address.map(|address| address.to_string()).unwrap_or_default();
            if address != stored.record.floating_ip_address {
                let record = v1::Record { floating_ip_address: address, ..stored.record.clone() };
                self.after.put(&id, record, stored.mod_revision, &mut Findings::default());
            }
        }
    }

    fn free_outside(&mut self, id: &ResourceId, floating: &FloatingIp) -> Option<IpAddr> {
        let port = floating.port.as_ref().and_then(|port| self.after.port(port));
        let fits = |ipv6: bool| match (floating.fixed, port) {
            (Some(fixed), _) => fixed.is_ipv6() == ipv6,
            (None, Some(port)) => port.assigned.iter().any(|assigned| assigned.address.is_ipv6() == ipv6),
            (None, None) => true,
        };
        for ipv6 in [false, true].into_iter().filter(|ipv6| fits(*ipv6)) {
            let subnets = self.after.subnets_of(&floating.network).into_iter();
            let picked = subnets.filter(|(_, subnet)| subnet.cidr.addr().is_ipv6() == ipv6).find_map(|(at, subnet)| {
                let free = |address: &IpAddr| {
                    let claim = Claim::Address(floating.network.clone(), *address);
                    let own = subnet.gateway == *address || range::is_edge(subnet.cidr, *address);
                    !own && !self.after.taken(&claim, id)
                };
                let hint = self.after.hints.get(at).copied();
                Some((at.clone(), range::walk(&subnet.pools, hint).find(free)?))
            });
            if let Some((subnet, address)) = picked {
                self.after.hints.insert_mut(subnet, address);
                return Some(address);
            }
        }
        None
    }
}
