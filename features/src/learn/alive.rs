//! Whether a host still has an address that it took: it is asked, as a neighbour asks (RFC 4861, 7.3.3).

use std::net::Ipv6Addr;

use addr::link_local;
use packet::{Frame, Icmpv6, Net, neighbor_probe};
use topology::{PortKey, View};

use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::network_mac;

/// A question to a port's host, from the network itself; `None`: the port is not plugged.
pub fn probe(view: &View<'_>, key: PortKey, target: Ipv6Addr) -> Option<PacketOut> {
    let (port, place) = (view.port(key)?, view.place(key)?);
    let mac = network_mac(port.network);
    Some(PacketOut::to(place, neighbor_probe(mac, link_local(mac), target, port.mac)))
}

/// The address that a host says it has.
///
/// # Errors
/// What it sent is no such answer.
pub fn answered(punted: &Punted) -> Result<Ipv6Addr, Unanswered> {
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    match ip.icmpv6() {
        Ok(Some(Icmpv6::NeighborAdvert { target, .. })) => Ok(target),
        _ => Err("malformed"),
    }
}
