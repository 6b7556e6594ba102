//! Makes the ICMP errors that a router owes: to the packet's source, from the router's address on its network.

use std::net::{Ipv4Addr, Ipv6Addr};

use ::flows::PuntOp;
use addr::{MacAddr, link_local};
use packet::{Icmpv4Error, Icmpv6Error, icmpv4_error, icmpv6_error};
use topology::{ChassisKey, Interface, NetworkKey, RouterKey, View, World};

use crate::gateway::choice;
use crate::provider;
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::{network_mac, sends_from};

/// The error, or the name of why there is none (RFC 4443, 2.4 e; RFC 1812, 4.3.2.7).
pub fn error(world: &World, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let view = View::new(world);
    let port = view.port(punted.port).ok_or("port_gone")?;
    let own = own_side(world, punted.router, port.network);
    // On the link itself the network speaks: of a service's address that nobody answers for.
    let on_link = punted.router == RouterKey(0) && punted.network == port.network;
    let network = on_link.then(|| network_mac(port.network));
    let Some(mac) = own.first().map(|interface| interface.mac).or(network) else { return Err("router_gone") };
    let owed = Owed {
        op: punted.op,
        mtu: mtu(&view, punted.network),
        asker: port.mac,
        mac,
        own: (v6_address(&own, mac), v4_address(&own)),
    };
    Ok(vec![PacketOut::to(punted.place, owed.made(&punted.frame)?)])
}

/// The same for a packet that came in from a physical network.
pub fn error_outside(world: &World, outside: &Outside) -> Result<Vec<PacketOut>, Unanswered> {
    let view = View::new(world);
    let gateway = view.gateway(outside.router).ok_or("router_gone")?;
    let mac = sends_from(outside.chassis, outside.router);
    let own = |ipv6| gateway.addresses.iter().copied().find(move |address| address.is_ipv6() == ipv6);
    let v6 = own(true).and_then(addr::v6).unwrap_or_else(|| link_local(mac));
    let own = (v6, own(false).and_then(addr::v4));
    let owed = Owed { op: outside.op, mtu: mtu(&view, outside.network), asker: outside.asker, mac, own };
    let vlan = view.physical(gateway.network).ok_or("network_gone")?.vlan;
    let port = view.localnet(gateway.network, outside.chassis).ok_or("port_gone")?;
    Ok(vec![PacketOut::by(outside.chassis, provider::copy_to(vlan, port), owed.made(&outside.frame)?)])
}

/// A packet from a physical network that a router punted.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What is asked.
    pub op: PuntOp,
    /// The chassis that it came in at.
    pub chassis: ChassisKey,
    /// The network that it was going to.
    pub network: NetworkKey,
    /// The router that had it.
    pub router: RouterKey,
    /// The MAC that it came from.
    pub asker: MacAddr,
    /// The frame.
    pub frame: Vec<u8>,
}

fn mtu(view: &View<'_>, network: NetworkKey) -> u32 {
    choice::mtu(view, network).unwrap_or(0)
}

/// An error that is owed: why, to whom, from which MAC and addresses.
struct Owed {
    op: PuntOp,
    mtu: u32,
    asker: MacAddr,
    mac: MacAddr,
    own: (Ipv6Addr, Option<Ipv4Addr>),
}

impl Owed {
    fn made(&self, frame: &[u8]) -> Result<Vec<u8>, Unanswered> {
        let Owed { op, mtu, asker, mac, own } = *self;
        let frame = as_it_came(frame, asker, mac).ok_or("malformed")?;
        let answer = match ethertype(&frame) {
            Some(0x86dd) => {
                let error = v6_error(op, mtu, &frame).ok_or("unknown_operation")?;
                // What was sent to the router is answered from the address that it was sent to (RFC 4443, 2.2 a).
                let asked = destination_v6(&frame).filter(|_| op == PuntOp::PortUnreachable);
                icmpv6_error(mac, asked.unwrap_or(own.0), error, &frame)
            }
            Some(0x0800) => {
                let error = v4_error(op, mtu, &frame).ok_or("unknown_operation")?;
                let asked = destination_v4(&frame).filter(|_| op == PuntOp::PortUnreachable);
                icmpv4_error(mac, asked.or(own.1).ok_or("no_address_to_answer_from")?, error, &frame)
            }
            _ => return Err("malformed"),
        };
        Ok(answer.ok_or("no_error_owed")?.to_vec())
    }
}

/// The router's interfaces, those on the network that the packet came from first: a router behind the first one has none there.
fn own_side(world: &World, router: RouterKey, network: NetworkKey) -> Vec<&Interface> {
    let mut own = world.interfaces_of(router);
    own.sort_by_key(|interface| interface.network != network);
    own
}

fn v6_address(own: &[&Interface], mac: MacAddr) -> Ipv6Addr {
    let assigned = own.iter().find_map(|interface| addr::v6(interface.address));
    assigned.unwrap_or_else(|| link_local(mac))
}

fn v4_address(own: &[&Interface]) -> Option<Ipv4Addr> {
    own.iter().find_map(|interface| addr::v4(interface.address))
}

fn v6_error(op: PuntOp, mtu: u32, frame: &[u8]) -> Option<Icmpv6Error> {
    match op {
        PuntOp::HopLimit => Some(Icmpv6Error::TimeExceeded { code: 0 }),
        PuntOp::NoRoute => Some(Icmpv6Error::DestinationUnreachable { code: 0 }),
        PuntOp::Unreachable => Some(Icmpv6Error::DestinationUnreachable { code: 3 }),
        PuntOp::PortUnreachable if has_ports(*frame.get(V6_NEXT_HEADER)?) => {
            Some(Icmpv6Error::DestinationUnreachable { code: 4 })
        }
        // RFC 8200, 4: an unrecognized next header; the pointer counts from the IPv6 header.
        PuntOp::PortUnreachable => Some(Icmpv6Error::ParameterProblem { code: 1, pointer: 6 }),
        PuntOp::TooBig => Some(Icmpv6Error::PacketTooBig { mtu }),
        // Of another class: no error is owed.
        _ => None,
    }
}

fn v4_error(op: PuntOp, mtu: u32, frame: &[u8]) -> Option<Icmpv4Error> {
    let next_hop_mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
    match op {
        PuntOp::HopLimit => Some(Icmpv4Error::TimeExceeded { code: 0 }),
        PuntOp::NoRoute => Some(Icmpv4Error::DestinationUnreachable { code: 0, next_hop_mtu: 0 }),
        PuntOp::Unreachable => Some(Icmpv4Error::DestinationUnreachable { code: 1, next_hop_mtu: 0 }),
        PuntOp::PortUnreachable => {
            let code = if has_ports(*frame.get(V4_PROTOCOL)?) { 3 } else { 2 };
            Some(Icmpv4Error::DestinationUnreachable { code, next_hop_mtu: 0 })
        }
        PuntOp::TooBig => Some(Icmpv4Error::DestinationUnreachable { code: 4, next_hop_mtu }),
        // Of another class: no error is owed.
        _ => None,
    }
}

/// Where an untagged frame has its IPv6 next header, and its IPv4 protocol.
const V6_NEXT_HEADER: usize = 14 + 6;
const V4_PROTOCOL: usize = 14 + 9;

/// TCP, UDP, DCCP, SCTP and UDP-Lite have ports; so may have what stands behind an extension header.
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136 | 0 | 43 | 44 | 51 | 60)
}

fn destination_v6(frame: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = frame.get(38..54)?.try_into().ok()?;
    Some(octets.into())
}

fn destination_v4(frame: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = frame.get(30..34)?.try_into().ok()?;
    Some(octets.into())
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
