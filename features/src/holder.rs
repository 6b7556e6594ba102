//! Who has an address, for answers that name its MAC.

use std::net::IpAddr;

use addr::MacAddr;
use topology::{Holder, NetworkKey, PortKey, View};

use crate::punt::{Punted, Unanswered};
use crate::{dns, router};

/// Nobody has the address.
pub const UNKNOWN_TARGET: Unanswered = "unknown_target";

/// The one who asks has the address.
pub const OWN_ADDRESS: Unanswered = "own_dad";

/// Who has an address on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The MAC.
    pub mac: MacAddr,
    /// The port; `None`: a router, or the network itself.
    pub port: Option<PortKey>,
}

/// Who has an address: of a router's addresses also those that nobody assigned.
pub fn of(view: &View<'_>, network: NetworkKey, address: IpAddr) -> Option<Who> {
    for (key, subnet) in view.interfaces_on(network) {
        if router::addresses(view, key, subnet).contains(&address) {
            return view.interface(key, subnet).map(|interface| Who { mac: interface.mac, port: None });
        }
    }
    if dns::server::on_link(view, network).map(IpAddr::V6) == Some(address) {
        return Some(Who { mac: router::network_mac(network), port: None });
    }
    match view.holder(network, address)? {
        Holder::Port(key) => view.port(key).map(|port| Who { mac: port.mac, port: Some(key) }),
        Holder::Router(..) => None,
    }
}

/// Who has an address that a port probes, if it is another; or the name of why there is no answer.
pub fn other(view: &View<'_>, punted: &Punted, address: IpAddr) -> Result<Who, Unanswered> {
    let who = of(view, punted.network, address).ok_or(UNKNOWN_TARGET)?;
    if who.port == Some(punted.port) { Err(OWN_ADDRESS) } else { Ok(who) }
}
