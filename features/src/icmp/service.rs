//! Makes the ICMP errors that a router owes: to the packet's source, from the router's address on its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::flows::PuntOp;
use addr::{MacAddr, link_local};
use packet::{Icmpv4Error, Icmpv6Error, icmpv4_error, icmpv6_error};
use topology::{Interface, NetworkKey, RouterKey, View};

use crate::punt::{PacketOut, Punted, Unanswered};

/// The error, or the name of why there is none (RFC 4443, 2.4 e; RFC 1812, 4.3.2.7).
pub fn error(view: &View<'_>, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let port = view.port(punted.port).ok_or("port_gone")?;
    let mtu = view.network(punted.network).map_or(0, |network| network.mtu);
    let near = near_side(view, punted.router, port.network);
    let Some(mac) = near.first().map(|interface| interface.mac) else { return Err("router_gone") };
    let frame = as_it_came(&punted.frame, port.mac, mac).ok_or("malformed")?;
    let answer = match ethertype(&frame) {
        Some(0x86dd) => {
            let address = v6_address(&near, mac);
            icmpv6_error(mac, address, v6_error(punted.op, mtu).ok_or("unknown_operation")?, &frame)
        }
        Some(0x0800) => {
            let address = v4_address(&near).ok_or("no_address_to_answer_from")?;
            icmpv4_error(mac, address, v4_error(punted.op, mtu).ok_or("unknown_operation")?, &frame)
        }
        _ => return Err("malformed"),
    };
    let answer = answer.ok_or("no_error_owed")?;
    Ok(vec![PacketOut::to(punted.place, answer)])
}

/// The router's interfaces on the network that the packet came from.
fn near_side<'w>(view: &View<'w>, router: RouterKey, network: NetworkKey) -> Vec<&'w Interface> {
    let own = view.interfaces_on(network).into_iter().filter(|(r, _)| *r == router);
    let mut near: Vec<&Interface> = own.filter_map(|(r, s)| view.interface(r, s)).collect();
    if near.is_empty() {
        // A router beyond the first one: the sender's own router speaks.
        near = view.interfaces_on(network).into_iter().filter_map(|(r, s)| view.interface(r, s)).collect();
    }
    near
}

fn v6_address(near: &[&Interface], mac: MacAddr) -> Ipv6Addr {
    let assigned = near.iter().find_map(|interface| match interface.address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    });
    assigned.unwrap_or_else(|| link_local(mac))
}

fn v4_address(near: &[&Interface]) -> Option<Ipv4Addr> {
    near.iter().find_map(|interface| match interface.address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

fn v6_error(op: PuntOp, mtu: u32) -> Option<Icmpv6Error> {
    match op {
        PuntOp::HopLimit => Some(Icmpv6Error::TimeExceeded { code: 0 }),
        PuntOp::NoRoute => Some(Icmpv6Error::DestinationUnreachable { code: 0 }),
        PuntOp::Unreachable => Some(Icmpv6Error::DestinationUnreachable { code: 3 }),
        PuntOp::PortUnreachable => Some(Icmpv6Error::DestinationUnreachable { code: 4 }),
        PuntOp::TooBig => Some(Icmpv6Error::PacketTooBig { mtu }),
        PuntOp::RouterSolicit | PuntOp::NeighborSolicit => None,
    }
}

fn v4_error(op: PuntOp, mtu: u32) -> Option<Icmpv4Error> {
    let next_hop_mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
    match op {
        PuntOp::HopLimit => Some(Icmpv4Error::TimeExceeded { code: 0 }),
        PuntOp::NoRoute => Some(Icmpv4Error::DestinationUnreachable { code: 0, next_hop_mtu: 0 }),
        PuntOp::Unreachable => Some(Icmpv4Error::DestinationUnreachable { code: 1, next_hop_mtu: 0 }),
        PuntOp::PortUnreachable => Some(Icmpv4Error::DestinationUnreachable { code: 3, next_hop_mtu: 0 }),
        PuntOp::TooBig => Some(Icmpv4Error::DestinationUnreachable { code: 4, next_hop_mtu }),
        PuntOp::RouterSolicit | PuntOp::NeighborSolicit => None,
    }
}

/// The frame with the MACs that it had before the router turned it round.
fn as_it_came(frame: &[u8], from: MacAddr, to: MacAddr) -> Option<Vec<u8>> {
    let mut frame = frame.to_vec();
    frame.get_mut(0..6)?.copy_from_slice(&to.0);
    frame.get_mut(6..12)?.copy_from_slice(&from.0);
    Some(frame)
}

fn ethertype(frame: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(frame.get(12..14)?.try_into().ok()?))
}
