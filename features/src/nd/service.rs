//! Answers the solicitations that no flow can: those that don't begin with the sender's MAC, and probes.

use std::net::IpAddr;

use packet::{Advertised, Frame, Icmpv6, Net, neighbor_advert};
use topology::View;

use crate::holder;
use crate::punt::{PacketOut, Punted, Unanswered};

/// An advertisement for a target that somebody on the network holds (RFC 4861, 7.2.4); to a probe, if it is somebody else.
pub fn solicited(view: &View<'_>, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    let Ok(Some(Icmpv6::NeighborSolicit { target, .. })) = ip.icmpv6() else { return Err("malformed") };
    if ip.hop_limit != 255 {
        return Err("hop_limit");
    }
    let address = IpAddr::V6(target);
    let who = if ip.src.is_unspecified() {
        holder::other(view, punted, address)?
    } else {
        holder::of(view, punted.network, address).ok_or(holder::UNKNOWN_TARGET)?
    };
    let what = Advertised { mac: who.mac, target, src: target, router: who.router, override_: !who.anycast };
    let answer = neighbor_advert(&what, Some((frame.ethernet.src, ip.src)));
    Ok(vec![PacketOut::to(punted.place, answer)])
}
