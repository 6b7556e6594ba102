//! Who has an address, for answers that name its MAC.

use std::net::IpAddr;

use addr::MacAddr;
use topology::{Holder, NetworkKey, PortKey, View};

use crate::punt::{Punted, Unanswered};
use crate::{dns, metadata, router};

/// Nobody has the address.
pub const UNKNOWN_TARGET: Unanswered = "unknown_target";

/// The one who asks has the address.
pub const OWN_ADDRESS: Unanswered = "own_dad";

/// Who has an address on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The MAC.
    pub mac: MacAddr,
    /// The port; `None`: a router, the network itself, the metadata service, or several.
    pub port: Option<PortKey>,
    /// It is a router, the network itself, or the metadata service.
    pub router: bool,
    /// Several answer for it.
    pub anycast: bool,
}

impl Who {
    fn router(mac: MacAddr) -> Who {
        Who { mac, port: None, router: true, anycast: false }
    }
}

/// Who has an address: of a router's addresses also those that nobody assigned.
pub fn of(view: &View<'_>, network: NetworkKey, address: IpAddr) -> Option<Who> {
    if metadata::is_own(address) {
        return Some(Who::router(metadata::MAC));
    }
    for (key, subnet) in view.interfaces_on(network) {
        if router::addresses(view, key, subnet).contains(&address) {
            return view.interface(key, subnet).map(|interface| Who::router(interface.mac));
        }
    }
    if dns::server::on_link(view, network).map(IpAddr::V6) == Some(address) {
        return Some(Who::router(router::network_mac(network)));
    }
    if let Some(service) = view.anycast_with(network, address) {
        return Some(Who { mac: router::anycast_mac(service), port: None, router: false, anycast: true });
    }
    match view.holder(network, address)? {
        Holder::Port(key) => {
            view.port(key).map(|port| Who { mac: port.mac, port: Some(key), router: false, anycast: false })
        }
        Holder::Router(..) => None,
    }
}

/// Who has an address that a port probes, if it is another; or the name of why there is no answer.
pub fn other(view: &View<'_>, punted: &Punted, address: IpAddr) -> Result<Who, Unanswered> {
    let who = of(view, punted.network, address).ok_or(UNKNOWN_TARGET)?;
    // All who answer for an anycast address have it (RFC 4862, 5.4).
    let service = view.anycast_with(punted.network, address).and_then(|service| view.anycast(service));
    if service.is_some_and(|service| service.ports.contains(&punted.port)) {
        return Err(OWN_ADDRESS);
    }
    if who.port == Some(punted.port) { Err(OWN_ADDRESS) } else { Ok(who) }
}
