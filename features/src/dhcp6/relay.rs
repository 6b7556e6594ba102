//! What relay agents bring, and how it goes back (RFC 8415, 19).
//!
//! A relay agent says who speaks: the link by an address on it, the client by its address or MAC. So one is heard only on a port
//! whose intent allows it, speaks only for links of its own tenant, and never for a port that is plugged somewhere: that speaks
//! for itself.

use std::net::{IpAddr, Ipv6Addr};

use addr::{is_link_local, link_local};
use bytes::Bytes;
use packet::{Bad, DHCP6_HOPS_MAX, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Relay};
use topology::{Holder, NetworkKey, PortKey, View, World};

use crate::punt::{Punted, Unanswered};

/// A client's message, and the relay agents that it came by, if any.
pub(super) struct Asked {
    pub(super) client: PortKey,
    pub(super) network: NetworkKey,
    pub(super) message: Dhcp6Message,
    /// The last one first; without what they brought.
    levels: Vec<Dhcp6Relay>,
}

impl Asked {
    /// Straight from a client.
    pub(super) fn by(punted: &Punted, message: Dhcp6Message) -> Asked {
        Asked { client: punted.port, network: punted.network, message, levels: Vec::new() }
    }

    /// Where the client sent from: the relay agent next to it says so, if there is one; else it is the packet's source.
    pub(super) fn source(&self, sender: Ipv6Addr) -> Ipv6Addr {
        self.levels.last().map_or(sender, |relay| relay.peer_address)
    }

    pub(super) fn is_relayed(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Opens what a relay agent sent: at most eight in one another (RFC 8415, 7.6), each with fewer hops than the one around it.
    pub(super) fn open(world: &World, punted: &Punted, outer: Dhcp6Relay) -> Result<Asked, Unanswered> {
        let view = View::new(world);
        if !view.policy(punted.port).is_some_and(|policy| policy.relays) {
            return Err("from_a_relay");
        }
        let mut levels: Vec<Dhcp6Relay> = Vec::new();
        let mut relay = outer;
        let message = loop {
            let fewer = levels.last().map_or(DHCP6_HOPS_MAX + 1, |around| around.hop_count);
            if relay.kind != Dhcp6Kind::RelayForw {
                return Err("not_a_clients");
            }
            if relay.hop_count >= fewer || levels.len() >= usize::from(DHCP6_HOPS_MAX) {
                return Err("hop_count");
            }
            let mut brought = None;
            relay.options.retain_mut(|option| match option {
                Dhcp6Option::RelayMessage(bytes) => {
                    brought.get_or_insert(std::mem::take(bytes));
                    false
                }
                // What comes back unchanged, and what tells who the client is.
                Dhcp6Option::InterfaceId(_) | Dhcp6Option::ClientLinkLayer(_) => true,
                _ => false,
            });
            levels.push(relay);
            let bytes = brought.ok_or("relays_nothing")?;
            match Dhcp6::parse(&bytes).map_err(|_| "malformed")? {
                Dhcp6::Message(message) => break message,
                Dhcp6::Relay(inner) => relay = inner,
            }
        };
        let network = link_of(world, &view, punted, &levels)?;
        let client = client_on(&view, network, &levels)?;
        Ok(Asked { client, network, message, levels })
    }

    /// An answer, in as many relay agents' messages as the question was in (RFC 8415, 19.3).
    pub(super) fn close(&self, answer: Bytes) -> Result<Bytes, Bad> {
        let around = |inner: Bytes, relay: &Dhcp6Relay| {
            let interface = relay.options.iter().filter(|option| matches!(option, Dhcp6Option::InterfaceId(_)));
            let options = interface.cloned().chain([Dhcp6Option::RelayMessage(inner)]).collect();
            Dhcp6Relay { kind: Dhcp6Kind::RelayRepl, options, ..relay.clone() }.emit()
        };
        self.levels.iter().rev().try_fold(answer, around)
    }
}

/// The network that a client is on: as the relay agent says that is next to it and says it (RFC 8415, 13.1); where none does, the
/// last one's own (RFC 6221, 5.3.1).
fn link_of(world: &World, view: &View<'_>, punted: &Punted, levels: &[Dhcp6Relay]) -> Result<NetworkKey, Unanswered> {
    let says = |relay: &Dhcp6Relay| relay.link_address;
    let link = levels.iter().rev().map(says).find(|address| !address.is_unspecified() && !is_link_local(*address));
    let tenant = view.port(punted.port).map(|port| &port.tenant);
    let own = |network: &NetworkKey| view.network(*network).map(|fact| &fact.tenant) == tenant;
    let candidates = match link {
        None => vec![punted.network],
        Some(address) => world.networks_with(IpAddr::V6(address)),
    };
    // The relay agent's own before others with the same prefix.
    let candidates: Vec<NetworkKey> = candidates.into_iter().filter(own).collect();
    let first = candidates.iter().find(|network| **network == punted.network).or(candidates.first());
    first.copied().ok_or("relayed_from_a_foreign_link")
}

/// Who a client is: by its MAC where the relay agent next to it tells it (RFC 6939), else by the address that it sent from.
fn client_on(view: &View<'_>, network: NetworkKey, levels: &[Dhcp6Relay]) -> Result<PortKey, Unanswered> {
    let first = levels.last().ok_or("relays_nothing")?;
    let told = first.options.iter().find_map(|option| match option {
        Dhcp6Option::ClientLinkLayer(mac) => Some(link_local(*mac)),
        _ => None,
    });
    let address: Ipv6Addr = told.unwrap_or(first.peer_address);
    match view.holder(network, address.into()) {
        Some(Holder::Port(port)) if view.place(port).is_some() => Err("relayed_for_a_plugged_port"),
        Some(Holder::Port(port)) => Ok(port),
        _ => Err("relayed_for_nobody"),
    }
}
