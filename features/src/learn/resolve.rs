//! Asks for an address that nobody is known to have: all ports that learn, and those that nothing claims.

use std::net::{IpAddr, Ipv6Addr};

use addr::{OfPort, link_local};
use flows::{Reg, Table};
use ofp::{Action, Field};
use packet::{Frame, Icmpv6, Net, OP_REQUEST, arp_request, neighbor_solicit};
use topology::{ChassisKey, Holder, NetworkKey, Place, RouterKey, View, World};

use crate::l2;
use crate::punt::{PacketOut, Punted, Unanswered};

/// Ports that one packet-out goes to: its message ends at 65,535 bytes.
const OUTPUTS_MAX: usize = 1_000;

/// The address that a solicitation or an ARP request asks for.
pub fn target(frame: &[u8]) -> Result<IpAddr, Unanswered> {
    let frame = Frame::parse(frame).map_err(|_| "malformed")?;
    match &frame.net {
        Net::Ipv6(ip) => match ip.icmpv6() {
            Ok(Some(Icmpv6::NeighborSolicit { target, .. })) => Ok(IpAddr::V6(target)),
            _ => Err("malformed"),
        },
        Net::Arp(arp) if arp.op == OP_REQUEST => Ok(IpAddr::V4(arp.tpa)),
        _ => Err("malformed"),
    }
}

/// Where a packet was going that a router could not deliver.
pub fn destination(frame: &[u8]) -> Option<IpAddr> {
    match Frame::parse(frame).ok()?.net {
        Net::Ipv6(ip) => Some(IpAddr::V6(ip.dst)),
        Net::Ipv4(ip) => Some(IpAddr::V4(ip.dst)),
        _ => None,
    }
}

/// A router's own question for an address on one of its networks (RFC 4861, 7.2.2; RFC 826).
pub fn question(view: &View<'_>, router: RouterKey, network: NetworkKey, target: IpAddr) -> Option<Vec<u8>> {
    let own = view.interfaces_on(network).into_iter().filter(|(r, _)| *r == router);
    let mut own = own.filter_map(|(router, subnet)| view.interface(router, subnet));
    match target {
        IpAddr::V6(target) => {
            let mac = own.next()?.mac;
            let source: Ipv6Addr = link_local(mac);
            Some(neighbor_solicit(mac, source, target).to_vec())
        }
        IpAddr::V4(target) => own.find_map(|interface| match interface.address {
            IpAddr::V4(source) => Some(arp_request(interface.mac, source, target).to_vec()),
            IpAddr::V6(_) => None,
        }),
    }
}

/// Sends a question out of every port of the network that learns, and every port of every chassis that nothing claims and that
/// `learnable` says may be a host's; but not back to who asks.
pub fn ask(
    world: &World,
    network: NetworkKey,
    asker: Option<Place>,
    frame: &[u8],
    learnable: impl Fn(ChassisKey, OfPort) -> bool,
) -> Vec<PacketOut> {
    let view = View::new(world);
    let mut packets = Vec::new();
    for chassis in world.chassis_keys() {
        let learns = |port| view.policy(port).is_some_and(|policy| policy.learning);
        let members = view.members(network, chassis).into_iter().filter(|member| learns(member.port));
        let spares = world.spares(chassis).map(|(port, _)| port).filter(|port| learnable(chassis, *port));
        let ports = members.map(|member| member.ofport).chain(spares);
        let ports: Vec<OfPort> = ports
            .filter(|ofport| asker.map(|place| (place.chassis, place.ofport)) != Some((chassis, *ofport)))
            .collect();
        for some in ports.chunks(OUTPUTS_MAX) {
            let actions = some.iter().flat_map(|port| l2::to_port(*port)).collect();
            packets.push(PacketOut::by(chassis, actions, frame));
        }
    }
    packets
}

/// A packet that a router could not deliver, on its way to the port that has its destination now.
pub fn routed(view: &View<'_>, punted: Punted, target: IpAddr) -> Option<PacketOut> {
    let Holder::Port(port) = view.holder(punted.network, target)? else { return None };
    let mac = view.port(port)?.mac;
    let load = |reg: Reg, value: u32| Action::RegLoad { dst: reg.subfield(), value: value.into() };
    let actions = vec![
        load(Reg::Net, punted.network.0),
        load(Reg::Router, punted.router.0),
        load(Reg::Routed, 1),
        Action::SetField { field: Field::ETH_DST, value: ofp::Value::from(mac).0, mask: None },
        Action::Resubmit { port: None, table: Some(Table::Out.id()), ct: false },
    ];
    Some(PacketOut::by(punted.place.chassis, actions, punted.frame))
}
