//! Pass-through NICs (SR-IOV): on the physical network they are among strangers, and known by their MAC. The chassis that serves one takes what it
//! sends as if it had come in by a port of its own, so that guard, discovery, DHCP and metadata are those of ports; what is said back goes out
//! by the physical network. Each chassis speaks there from MACs of its own, as gateways do: no switch sees one at two ports.
//!
//! All other chassis on the network hear the same frames as from strangers, but for a source that is not the NIC's.

mod announce;
mod flows;

use addr::MacAddr;
use topology::{ChassisKey, NetworkKey, Place, RouterKey, View};

pub use self::announce::frames;
pub use self::flows::Direct;
use crate::router::{is_own_mac, sends_from};

/// The MAC from which a chassis speaks to pass-through NICs for what is no router: servers, the network itself.
pub fn speaks_from(chassis: ChassisKey) -> MacAddr {
    sends_from(chassis, RouterKey(0))
}

/// The MAC that a host has to know in place of one that routers, networks or the metadata service have here: behind a pass-through NIC, that
/// of the chassis that serves it.
pub fn known_as(view: &View<'_>, place: Place, network: NetworkKey, mac: MacAddr) -> MacAddr {
    if place.beyond().is_none() {
        return mac;
    }
    let is_its = |at: &(RouterKey, _)| view.interface(at.0, at.1).is_some_and(|interface| interface.mac == mac);
    match view.interfaces_on(network).into_iter().find(is_its) {
        Some((router, _)) => sends_from(place.chassis, router),
        None if is_own_mac(mac) => speaks_from(place.chassis),
        None => mac,
    }
}
