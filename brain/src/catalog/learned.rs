//! Learned addresses: who was the first to use which address of a network, on ports that learn.
//!
//! A binding table (RFC 6620, 3; RFC 7513, 4), kept in the store. A resource's addresses, assigned or formed from its MAC, are
//! nobody else's to learn; and what was learned gives way to them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use addr::{IpNet, is_link_local};
use prost::Message as _;
use proto::v1;
use topology::ResourceId;

use super::Catalog;
use super::ident::{self, PORT};
use super::kinds::range;
use super::kinds::subnet::Subnet;

/// Addresses that one port can learn.
pub(crate) const LEARNED_MAX: usize = 64;

/// An address of a network.
pub(crate) type Address = (ResourceId, IpAddr);

/// Whose an address is, by its having been the first to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) port: ResourceId,
    pub(crate) proof: v1::Proof,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) since_ms: u64,
    /// The store's revision when it was last written; 0: not yet.
    pub(crate) mod_revision: u64,
}

impl Learned {
    /// Reads an entry of the store.
    pub(crate) fn decode(value: &[u8], mod_revision: u64) -> Result<Learned, String> {
        let read = v1::Learned::decode(value).map_err(|error| error.to_string())?;
        if !ident::is_name(&read.tenant) || !ident::is_name(&read.port) {
            return Err(format!("{:?}/{:?} is no port's name", read.tenant, read.port));
        }
        let (proof, since_ms) = (read.proof(), read.since_ms);
        Ok(Learned { port: ident::id(PORT, &read.tenant, &read.port), proof, since_ms, mod_revision })
    }

    /// As the store keeps it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Learned { port, proof, since_ms, .. } = self;
        let (tenant, port) = (port.tenant.to_string(), port.name.to_string());
        v1::Learned { tenant, port, proof: (*proof).into(), since_ms: *since_ms }.encode_to_vec()
    }
}

/// Why an address can't become a port's by its using it: a name for counters and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlearnable {
    /// It is the port's already.
    Known,
    /// It is another's.
    Held,
    /// No host's address.
    NotUnicast,
    /// A router's, or a subnet's gateway.
    Router,
    /// The metadata service's.
    Metadata,
    /// The subnet-router anycast address, or a network or broadcast address.
    Edge,
    /// In none of the network's subnets.
    Outside,
    /// Of a subnet whose ports have a prefix each: it is the port's that has that prefix, and else nobody's.
    Shared,
    /// The port has learned as many as it can.
    TooMany,
    /// Not on a prefix where the port forms its addresses.
    NotFormed,
    /// The port does not learn.
    NotLearning,
}

impl Unlearnable {
    /// The name for counters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Unlearnable::Known => "known",
            Unlearnable::Held => "held_by_another",
            Unlearnable::NotUnicast => "not_unicast",
            Unlearnable::Router => "router_address",
            Unlearnable::Metadata => "metadata_address",
            Unlearnable::Edge => "edge_of_subnet",
            Unlearnable::Outside => "outside_of_subnets",
            Unlearnable::Shared => "of_own_prefixes",
            Unlearnable::TooMany => "too_many_addresses",
            Unlearnable::NotFormed => "not_on_a_formed_prefix",
            Unlearnable::NotLearning => "not_learning",
        }
    }
}

impl Catalog {
    /// Whose an address is by learning.
    pub(crate) fn learned(&self, address: &Address) -> Option<&Arc<Learned>> {
        self.learned.get(address)
    }

    /// The addresses that a port has learned, in order.
    pub(crate) fn learned_by(&self, port: &ResourceId) -> impl Iterator<Item = IpAddr> + use<'_> {
        let port = port.clone();
        let start = (port.clone(), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.learned_by.range(start..).take_while(move |(owner, _)| *owner == port).map(|(_, address)| *address)
    }

    /// What was learned on a network, in order.
    pub(crate) fn learned_on(&self, network: &ResourceId) -> impl Iterator<Item = IpAddr> + use<'_> {
        let network = network.clone();
        let start = (network.clone(), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.learned.range(start..).map(|(at, _)| at).take_while(move |at| at.0 == network).map(|at| at.1)
    }

    /// Puts, or with `None` takes away, whose an address is; the owner, old or new, has other claims then.
    pub(crate) fn set_learned(&mut self, at: Address, learned: Option<Learned>) {
        let before = self.learned.get(&at).map(|learned| learned.port.clone());
        if let Some(port) = &before {
            self.learned_by.remove_mut(&(port.clone(), at.1));
        }
        let after = learned.as_ref().map(|learned| learned.port.clone());
        if let Some(port) = &after {
            self.learned_by.insert_mut((port.clone(), at.1));
        }
        match learned {
            Some(learned) => self.learned.insert_mut(at, Arc::new(learned)),
            None => drop(self.learned.remove_mut(&at)),
        }
        for port in before.iter().chain(after.iter().filter(|port| before.as_ref() != Some(port))) {
            self.refresh(port);
        }
    }

    /// Whether a port takes addresses for itself.
    pub(crate) fn learns(&self, id: &ResourceId) -> bool {
        self.is_automatic(id) || self.formed_by(id).local
    }

    /// Why an address can't become a port's by its using it.
    pub(crate) fn unlearnable(&self, id: &ResourceId, address: IpAddr) -> Option<Unlearnable> {
        let Some(port) = self.port(id).filter(|_| self.learns(id)) else { return Some(Unlearnable::NotLearning) };
        let holders = self.holders(&port.network, address);
        if holders.contains(id) {
            return Some(Unlearnable::Known);
        }
        // An address of a pair may be on no subnet; and it goes to whoever has announced it last.
        let paired = port.pairs.iter().any(|pair| pair.prefix.contains(&address));
        let illegal = self.illegal(&port.network, address);
        if let Some(why) = illegal.filter(|why| !paired || !matches!(why, Unlearnable::Edge | Unlearnable::Outside)) {
            return Some(why);
        }
        if !port.automatic && !self.formed_by(id).has(address) {
            return Some(Unlearnable::NotFormed);
        }
        let moves = paired && self.learned(&(port.network.clone(), address)).is_some();
        if !holders.is_empty() && !moves {
            return Some(Unlearnable::Held);
        }
        (self.learned_by(id).count() >= LEARNED_MAX).then_some(Unlearnable::TooMany)
    }

    /// Why an address can't be any host's on a network, whoever has it now. A family that the network has no subnet of is free.
    pub(crate) fn illegal(&self, network: &ResourceId, address: IpAddr) -> Option<Unlearnable> {
        if !is_hosts(address) {
            return Some(Unlearnable::NotUnicast);
        }
        if features::metadata::is_own(address) {
            return Some(Unlearnable::Metadata);
        }
        let subnets = self.subnets_of(network);
        let is_gateway = |(id, subnet): &(&ResourceId, &Subnet)| self.shown_in(id, subnet.gateway).contains(&address);
        if address == IpAddr::V6(features::router::FE80_1) || subnets.iter().any(is_gateway) {
            return Some(Unlearnable::Router);
        }
        if is_local(address) {
            return None;
        }
        if subnets.iter().any(|(_, subnet)| subnet.share(address).is_some()) {
            return Some(Unlearnable::Shared);
        }
        let cidrs = subnets.into_iter().flat_map(|(id, subnet)| self.faces(id, subnet)).map(|face| face.cidr);
        let mut same_family = cidrs.filter(|cidr| matches!(cidr, IpNet::V6(_)) == address.is_ipv6());
        let mut none = true;
        let around = same_family.find(|cidr| {
            none = false;
            cidr.contains(&address)
        });
        match around {
            Some(cidr) => range::is_edge(cidr, address).then_some(Unlearnable::Edge),
            None => (!none).then_some(Unlearnable::Outside),
        }
    }
}

/// Whether an address can be a host's at all: unicast, and not this host's own loopback.
fn is_hosts(address: IpAddr) -> bool {
    if address.is_multicast() || address.is_unspecified() || address.is_loopback() {
        return false;
    }
    match address {
        // "This network" and the reserved block, with the broadcast address in it (RFC 6890, 2.2.2).
        IpAddr::V4(a) => a.octets()[0] != 0 && a.octets()[0] < 240,
        IpAddr::V6(a) => a.to_ipv4_mapped().is_none(),
    }
}

/// What a port may form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Formed {
    /// Addresses on these prefixes.
    pub(crate) prefixes: Vec<IpNet>,
    /// Link-local ones, wherever it may learn at all: not all hosts make theirs of their MAC, whatever their router advertises (RFC 7217, RFC 8064).
    pub(crate) local: bool,
}

impl Formed {
    /// Whether an address may be one of them.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let local = self.local && address.is_ipv6() && is_local(address);
        local || self.prefixes.iter().any(|prefix| prefix.contains(&address))
    }
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => is_link_local(a),
    }
}
