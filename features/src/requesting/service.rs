//! How the client's messages go out onto a provider network, and what comes back is read.

use std::net::Ipv6Addr;

use addr::{MacAddr, link_local};
use packet::{DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Message, Frame, Net, Udp, ipv6_frame, protocol, udp};
use topology::{ChassisKey, NetworkKey, RouterKey, View, World};

use crate::gateway::choice;
use crate::provider;
use crate::punt::{PacketOut, Unanswered};
use crate::router::sends_from;

/// All DHCPv6 relay agents and servers of a link, and their MAC (RFC 8415, 7.1; RFC 2464, 7).
const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const ALL_SERVERS_MAC: MacAddr = MacAddr([0x33, 0x33, 0, 1, 0, 2]);
/// It stays on the link.
const HOP_LIMIT: u8 = 1;

/// The chassis that asks for a router: a gateway of the network, the same one as long as it can; where there is none, any with a way there.
/// `turn`: what spreads delegations over gateways; `ready`: it holds its flows.
pub fn asker(
    world: &World,
    (router, network): (RouterKey, NetworkKey),
    turn: u32,
    ready: impl Fn(ChassisKey) -> bool,
) -> Option<ChassisKey> {
    let view = &View::new(world);
    let can = |chassis: &ChassisKey| {
        view.localnet(network, *chassis).is_some() && view.routes_for(router, *chassis) && ready(*chassis)
    };
    let gateways: Vec<ChassisKey> = choice::gateways(view, network).into_iter().filter(can).collect();
    if let Some(at) = (turn as usize).checked_rem(gateways.len()) {
        return gateways.get(at).copied();
    }
    world.chassis_routing(router).into_iter().find(can)
}

/// A message of a router's client, from a chassis onto the provider network.
///
/// # Errors
/// The name of why it can't be sent.
pub fn sent(
    view: &View<'_>,
    chassis: ChassisKey,
    (router, network): (RouterKey, NetworkKey),
    message: &Dhcp6Message,
) -> Result<PacketOut, Unanswered> {
    let mac = sends_from(chassis, router);
    let from = link_local(mac);
    let payload = message.emit().map_err(|_| "too_long")?;
    let payload = udp(from, ALL_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &payload);
    let frame = ipv6_frame(mac, ALL_SERVERS_MAC, from, ALL_SERVERS, HOP_LIMIT, protocol::UDP, &payload);
    let physical = view.physical(network).ok_or("no_network")?;
    let port = view.localnet(network, chassis).ok_or("no_uplink")?;
    Ok(PacketOut::by(chassis, provider::copy_to(physical.vlan, port), frame.to_vec()))
}

/// A server's message, from a frame.
///
/// # Errors
/// The name of what it is not.
pub fn heard(frame: &[u8]) -> Result<Dhcp6Message, Unanswered> {
    let frame = Frame::parse(frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    let udp = Udp::parse(&ip.payload).map_err(|_| "malformed")?;
    if udp.dport != DHCP6_CLIENT_PORT {
        return Err("malformed");
    }
    match Dhcp6::parse(&udp.payload) {
        Ok(Dhcp6::Message(message)) => Ok(message),
        _ => Err("malformed"),
    }
}
