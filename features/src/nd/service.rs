//! Answers the solicitations that no flow can: those that don't begin with the sender's MAC, and probes.

use std::net::IpAddr;

use addr::link_local;
use packet::{Advertised, Frame, Icmpv6, Net, neighbor_advert};
use topology::{ChassisKey, NetworkKey, RouterKey, View};

use crate::gateway::choice;
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::sends_from;
use crate::{direct, holder, provider};

/// The same for one that came in from a physical network, for an address of a router's that is answered for by this chassis.
pub fn solicited_outside(
    view: &View<'_>,
    chassis: ChassisKey,
    network: NetworkKey,
    frame: &[u8],
) -> Result<Vec<PacketOut>, Unanswered> {
    let frame = Frame::parse(frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    let Ok(Some(Icmpv6::NeighborSolicit { target, .. })) = ip.icmpv6() else { return Err("malformed") };
    let held = choice::answered_by(view, network, IpAddr::V6(target)).filter(|(_, holder)| *holder == chassis);
    let local = |router: &RouterKey| target == link_local(sends_from(chassis, *router));
    let router = match held {
        Some((router, _)) => router,
        None => view.routers_to(network).into_iter().find(local).ok_or(holder::UNKNOWN_TARGET)?,
    };
    let mac = sends_from(chassis, router);
    let what = Advertised { mac, target, src: target, router: true, override_: true };
    let answer = neighbor_advert(&what, Some((frame.ethernet.src, ip.src))).to_vec();
    let (physical, port) = (view.physical(network), view.localnet(network, chassis));
    let (Some(physical), Some(port)) = (physical, port) else { return Err("port_gone") };
    Ok(vec![PacketOut::by(chassis, provider::copy_to(physical.vlan, port), answer)])
}

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
    let mac = direct::known_as(view, punted.place, punted.network, who.mac);
    let what = Advertised { mac, target, src: target, router: who.router, override_: !who.anycast };
    let answer = neighbor_advert(&what, Some((frame.ethernet.src, ip.src)));
    Ok(vec![PacketOut::to(punted.place, answer)])
}
