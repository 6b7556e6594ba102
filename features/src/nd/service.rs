//! Answers the solicitations that no flow can: those that don't begin with the sender's MAC.

use std::net::{IpAddr, Ipv6Addr};

use addr::MacAddr;
use packet::{Advertised, Frame, Icmpv6, Net, neighbor_advert};
use topology::{Holder, NetworkKey, View};

use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router;

/// An advertisement for a target that somebody on the network holds (RFC 4861, 7.2.4).
pub fn solicited(view: &View<'_>, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    let Ok(Some(Icmpv6::NeighborSolicit { target, .. })) = ip.icmpv6() else { return Err("malformed") };
    if ip.hop_limit != 255 {
        return Err("hop_limit");
    }
    let (mac, router) = holder(view, punted.network, target).ok_or("unknown_target")?;
    let what = Advertised { mac, target, src: target, router, override_: true };
    let answer = neighbor_advert(&what, Some((frame.ethernet.src, ip.src)));
    Ok(vec![PacketOut::to(punted.place, answer)])
}

/// The MAC behind an address, and whether it is a router's.
fn holder(view: &View<'_>, network: NetworkKey, target: Ipv6Addr) -> Option<(MacAddr, bool)> {
    for (key, subnet) in view.interfaces_on(network) {
        if router::addresses(view, key, subnet).contains(&IpAddr::V6(target)) {
            return view.interface(key, subnet).map(|interface| (interface.mac, true));
        }
    }
    match view.holder(network, IpAddr::V6(target))? {
        Holder::Port(port) => view.port(port).map(|port| (port.mac, false)),
        Holder::Router(..) => None,
    }
}
