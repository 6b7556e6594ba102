//! Our queries, and what routers and monitors hear of what hosts say. A query goes to the ports that it is about, and to no other
//! chassis: each has the controller.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::{ALL_NODES, link_local, multicast_mac};
use packet::{Icmpv6, Igmp, IgmpQuery, MldQuery, icmpv6_frame, igmp_frame};
use topology::{ChassisKey, NetworkKey, PortKey, Role, View};

use crate::l2;
use crate::provider;
use crate::punt::{PacketOut, Punted};
use crate::router::network_mac;

/// Between general queries (RFC 3810, 9.2).
pub const INTERVAL_S: u32 = 125;
/// How often one is lost, at most (RFC 3810, 9.1), and how often hosts are asked before they lose something (9.9).
pub const ROBUSTNESS: u8 = 2;
/// Within which hosts answer a general query (RFC 3810, 9.3).
const RESPONSE_MS: u32 = 10_000;
/// And one about what somebody does not want any more (RFC 3810, 9.8).
pub const LAST_LISTENER_MS: u32 = 1_000;
/// Until what a host has not repeated is asked for (RFC 3810, 9.4: robustness times interval, and response).
pub const LISTENS_MS: u64 = ROBUSTNESS as u64 * INTERVAL_S as u64 * 1_000 + RESPONSE_MS as u64;
/// Until a router that asked is taken to be gone (RFC 3810, 9.5).
pub const OTHER_QUERIER_MS: u64 = ROBUSTNESS as u64 * INTERVAL_S as u64 * 1_000 + RESPONSE_MS as u64 / 2;
/// Ports that one packet-out goes to: 16 bytes each, in a message of at most 64 KiB.
const OUTPUTS_MAX: usize = 2_000;
const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// What our queries on a network come from: a router that asks from a lower one asks in our place.
pub fn source(view: &View<'_>, network: NetworkKey, ipv6: bool) -> IpAddr {
    if ipv6 {
        return IpAddr::V6(link_local(network_mac(network)));
    }
    let interfaces = view.interfaces_on(network).into_iter();
    let own = interfaces.filter_map(|(router, subnet)| addr::v4(view.interface(router, subnet)?.address)).min();
    // Nobody's: who asks from it is never the querier against another (RFC 4541, 2.1.1).
    IpAddr::V4(own.unwrap_or(Ipv4Addr::UNSPECIFIED))
}

/// A query from a network: general, or about a group.
fn frame(view: &View<'_>, network: NetworkKey, group: Option<IpAddr>, ipv6: bool) -> Vec<u8> {
    let mac = network_mac(network);
    let response_ms = if group.is_some() { LAST_LISTENER_MS } else { RESPONSE_MS };
    let (robustness, interval_s) = (ROBUSTNESS, INTERVAL_S);
    match source(view, network, ipv6) {
        IpAddr::V6(source) => {
            let asked = group.and_then(addr::v6).unwrap_or(Ipv6Addr::UNSPECIFIED);
            let to = if asked.is_unspecified() { ALL_NODES } else { asked };
            let query = MldQuery {
                max_response_ms: response_ms,
                group: asked,
                suppress: false,
                robustness,
                interval_s,
                sources: Vec::new(),
            };
            icmpv6_frame(mac, multicast_mac(to), source, to, 1, &Icmpv6::MldQueryV2(query)).into()
        }
        IpAddr::V4(source) => {
            let asked = group.and_then(addr::v4).unwrap_or(Ipv4Addr::UNSPECIFIED);
            let to = if asked.is_unspecified() { ALL_SYSTEMS } else { asked };
            let query = IgmpQuery {
                max_response_ds: response_ms / 100,
                group: asked,
                suppress: false,
                robustness,
                interval_s,
                sources: Vec::new(),
            };
            igmp_frame(mac, source, to, &Igmp::QueryV3(query)).into()
        }
    }
}

/// A general query to all ports of a network.
pub fn general(view: &View<'_>, network: NetworkKey, ipv6: bool) -> Vec<PacketOut> {
    let frame = frame(view, network, None, ipv6);
    let ports = |chassis| view.members(network, chassis).into_iter().map(|member| member.ofport).collect();
    let chassis = view.residents(network).into_iter();
    chassis.flat_map(|chassis| outputs(chassis, ports(chassis), &frame)).collect()
}

/// A query to one port: who behind it still listens to a group? `None`: the port is not plugged.
pub fn about(view: &View<'_>, port: PortKey, group: IpAddr) -> Option<PacketOut> {
    let (network, place) = (view.port(port)?.network, view.place(port)?);
    Some(PacketOut::to(place, frame(view, network, Some(group), group.is_ipv6())))
}

/// What a host says, to the routers and monitors of its network, and to nobody else: another host would keep silent then (RFC 2710, 4).
pub fn to_watchers(view: &View<'_>, punted: &Punted) -> Vec<PacketOut> {
    let watchers = view.watchers(punted.network).into_iter().filter(|port| *port != punted.port);
    let to_watchers = watchers.filter_map(|port| Some(PacketOut::to(view.place(port)?, punted.frame.clone())));
    to_watchers.chain(to_physical(view, punted)).collect()
}

/// The same onto the physical network of a provider network, whose routers and switches know by it what to send here.
fn to_physical(view: &View<'_>, punted: &Punted) -> Option<PacketOut> {
    let physical = view.physical(punted.network)?;
    let port = view.localnet(punted.network, punted.place.chassis)?;
    Some(PacketOut::by(punted.place.chassis, provider::copy_to(physical.vlan, port), punted.frame.clone()))
}

/// What a router says, to all ports of its network but its own. Over a physical network it reaches other chassis by itself.
pub fn to_everybody(view: &View<'_>, punted: &Punted) -> Vec<PacketOut> {
    let own = punted.place;
    let ports = |chassis| {
        let members = view.members(punted.network, chassis).into_iter();
        members.map(|member| member.ofport).filter(|ofport| (own.chassis, own.ofport) != (chassis, *ofport)).collect()
    };
    let physical = to_physical(view, punted);
    let chassis = view.residents(punted.network).into_iter();
    let chassis = chassis.filter(|chassis| physical.is_none() || *chassis == own.chassis);
    let to_ports: Vec<PacketOut> =
        chassis.flat_map(|chassis| outputs(chassis, ports(chassis), &punted.frame)).collect();
    to_ports.into_iter().chain(physical).collect()
}

fn outputs(chassis: ChassisKey, ports: Vec<addr::OfPort>, frame: &[u8]) -> Vec<PacketOut> {
    let some = ports.chunks(OUTPUTS_MAX);
    some.map(|ports| {
        let actions = ports.iter().flat_map(|port| l2::to_port(*port)).collect();
        PacketOut::by(chassis, actions, frame)
    })
    .collect()
}

/// Whether a port may ask who listens: it is a router's, or nobody says what it may send.
pub fn may_ask(view: &View<'_>, port: PortKey) -> bool {
    view.policy(port).is_some_and(|policy| policy.role == Role::Router || !policy.secured)
}

/// Whether several hosts may be behind a port.
pub fn is_shared(view: &View<'_>, port: PortKey) -> bool {
    let several = view.port(port).is_some_and(|port| port.pairs.iter().any(|pair| pair.mac.is_some()));
    several || view.policy(port).is_some_and(|policy| !policy.secured)
}
