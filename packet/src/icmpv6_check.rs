//! What makes a receiver discard an ICMPv6 message whose bytes are otherwise good.

use std::net::Ipv6Addr;

use addr::is_link_local;

use crate::icmpv6::kind;
use crate::{Bad, Icmpv6, Ipv6Packet, NdOption};

/// Whether this type is neighbour discovery (RFC 4861).
pub(crate) fn is_nd(kind: u8) -> bool {
    (kind::ROUTER_SOLICIT..=kind::REDIRECT).contains(&kind)
}

pub(crate) fn is_mld(kind: u8) -> bool {
    (kind::MLD_QUERY..=kind::MLD_DONE).contains(&kind) || kind == kind::MLD_REPORT_V2
}

/// What the packet around the message has to show that it never left the link.
pub(crate) fn link_scope(packet: &Ipv6Packet, kind: Option<u8>) -> Result<(), Bad> {
    let need = match kind {
        Some(kind) if is_nd(kind) => 255,
        Some(kind) if is_mld(kind) => 1,
        _ => return Ok(()),
    };
    if packet.hop_limit != need {
        return Err(Bad::HopLimit { need, have: packet.hop_limit });
    }
    if need == 1 && !packet.has_router_alert() {
        return Err(Bad::NoRouterAlert);
    }
    Ok(())
}

/// The rules of each message about its addresses and options.
pub(crate) fn rules(src: Ipv6Addr, dst: Ipv6Addr, message: &Icmpv6) -> Result<(), Bad> {
    match message {
        Icmpv6::RouterSolicit { options } => link_layer_of_somebody(src, options), // RFC 4861, 6.1.1
        Icmpv6::RouterAdvert(_) => from_link_local(src),                           // RFC 4861, 6.1.2
        Icmpv6::NeighborSolicit { target, options } => {
            // RFC 4861, 7.1.1
            unicast(*target)?;
            let solicited_node = dst.octets()[..13] == addr::solicited_node(dst).octets()[..13];
            if src.is_unspecified() && !solicited_node {
                return Err(Bad::Destination(dst));
            }
            link_layer_of_somebody(src, options)
        }
        Icmpv6::NeighborAdvert { target, solicited, .. } => {
            // RFC 4861, 7.1.2
            unicast(*target)?;
            if *solicited && dst.is_multicast() { Err(Bad::SolicitedToGroup) } else { Ok(()) }
        }
        Icmpv6::Redirect { target, destination, .. } => {
            // RFC 4861, 8.1
            from_link_local(src)?;
            if destination.is_multicast() {
                return Err(Bad::Destination(*destination));
            }
            let good = is_link_local(*target) || target == destination;
            if good { Ok(()) } else { Err(Bad::Target(*target)) }
        }
        Icmpv6::MldQueryV1 { group, .. } | Icmpv6::MldQueryV2(crate::MldQuery { group, .. }) => {
            // RFC 3810, 5.1.5 and 5.1.14
            from_link_local(src)?;
            let good = group.is_unspecified() || group.is_multicast();
            if good { Ok(()) } else { Err(Bad::Target(*group)) }
        }
        Icmpv6::MldReportV1 { group } | Icmpv6::MldDone { group } => {
            from_link_local_or_nobody(src)?;
            if group.is_multicast() { Ok(()) } else { Err(Bad::Target(*group)) }
        }
        Icmpv6::MldReportV2 { .. } => from_link_local_or_nobody(src), // RFC 3810, 5.2.13
        _ => Ok(()),
    }
}

fn from_link_local(src: Ipv6Addr) -> Result<(), Bad> {
    if is_link_local(src) { Ok(()) } else { Err(Bad::Source(src)) }
}

/// A host that has no address yet reports from `::` (RFC 3590).
fn from_link_local_or_nobody(src: Ipv6Addr) -> Result<(), Bad> {
    if src.is_unspecified() { Ok(()) } else { from_link_local(src) }
}

fn unicast(target: Ipv6Addr) -> Result<(), Bad> {
    if target.is_multicast() { Err(Bad::Target(target)) } else { Ok(()) }
}

fn link_layer_of_somebody(src: Ipv6Addr, options: &[NdOption]) -> Result<(), Bad> {
    let told = options.iter().any(|o| matches!(o, NdOption::SourceLinkLayer(_)));
    if src.is_unspecified() && told { Err(Bad::LinkLayerOfNobody) } else { Ok(()) }
}
