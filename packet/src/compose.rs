//! Whole Ethernet frames, as a controller sends them.

use std::net::{Ipv4Addr, Ipv6Addr};

use addr::{ALL_NODES, ALL_ROUTERS, MacAddr, multicast_mac, solicited_node};
use bytes::Bytes;

use crate::{
    Arp, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Ethernet, Icmpv4, Icmpv6, Igmp, Ipv4Packet, Ipv6Packet,
    NdOption, OP_REPLY, OP_REQUEST, RouterAdvert, protocol,
};

/// What a neighbour advert says, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The target's MAC; the frame comes from it too.
    pub mac: MacAddr,
    /// Whose MAC is told.
    pub target: Ipv6Addr,
    /// The packet's source: an address of the interface that answers, most often the target.
    pub src: Ipv6Addr,
    /// R: the target is a router.
    pub router: bool,
    /// O: replaces what is cached; not for anycast and proxied targets (RFC 4861, 7.2.4).
    pub override_: bool,
}

/// A neighbour advert with the target's MAC (RFC 4861, 7.2.4).
///
/// `asked_by` is the MAC and address that a solicitation came from: the answer goes there, solicited, or to
/// all nodes where the address is `::` (duplicate address detection). `None` is an unsolicited advert
/// (7.2.6), to all nodes.
pub fn neighbor_advert(what: &Advertised, asked_by: Option<(MacAddr, Ipv6Addr)>) -> Bytes {
    let Advertised { mac, target, src, router, override_ } = *what;
    let asked_by = asked_by.filter(|(_, address)| !address.is_unspecified());
    let (to_mac, to) = asked_by.unwrap_or((multicast_mac(ALL_NODES), ALL_NODES));
    let message = Icmpv6::NeighborAdvert {
        router,
        solicited: asked_by.is_some(),
        override_,
        target,
        options: vec![NdOption::TargetLinkLayer(mac)],
    };
    icmpv6_frame(mac, to_mac, src, to, 255, &message)
}

/// A neighbour solicitation to the target's group (RFC 4861, 7.2.2); from `::`, that of duplicate address
/// detection, it has no source MAC option (7.1.1).
pub fn neighbor_solicit(mac: MacAddr, src: Ipv6Addr, target: Ipv6Addr) -> Bytes {
    let group = solicited_node(target);
    solicit(mac, src, target, multicast_mac(group), group)
}

/// A neighbour solicitation to the target itself, to see whether it is still there (RFC 4861, 7.3.3).
pub fn neighbor_probe(mac: MacAddr, src: Ipv6Addr, target: Ipv6Addr, target_mac: MacAddr) -> Bytes {
    solicit(mac, src, target, target_mac, target)
}

fn solicit(mac: MacAddr, src: Ipv6Addr, target: Ipv6Addr, to_mac: MacAddr, to: Ipv6Addr) -> Bytes {
    let message = Icmpv6::NeighborSolicit { target, options: source_link_layer(mac, src) };
    icmpv6_frame(mac, to_mac, src, to, 255, &message)
}

/// A router advert, to one host or, with `None`, to all nodes. `src` has to be link-local (RFC 4861, 6.1.2).
/// The options are sent as they stand; the source MAC option is the caller's.
pub fn router_advert(mac: MacAddr, src: Ipv6Addr, to: Option<(MacAddr, Ipv6Addr)>, advert: &RouterAdvert) -> Bytes {
    let (to_mac, to) = to.unwrap_or((multicast_mac(ALL_NODES), ALL_NODES));
    icmpv6_frame(mac, to_mac, src, to, 255, &Icmpv6::RouterAdvert(advert.clone()))
}

/// A router solicitation to all routers, with the source MAC unless `src` is `::` (RFC 4861, 6.1.1).
pub fn router_solicit(mac: MacAddr, src: Ipv6Addr) -> Bytes {
    let message = Icmpv6::RouterSolicit { options: source_link_layer(mac, src) };
    icmpv6_frame(mac, multicast_mac(ALL_ROUTERS), src, ALL_ROUTERS, 255, &message)
}

fn source_link_layer(mac: MacAddr, src: Ipv6Addr) -> Vec<NdOption> {
    if src.is_unspecified() { Vec::new() } else { vec![NdOption::SourceLinkLayer(mac)] }
}

/// An untagged frame with an ICMPv6 message. MLD, which needs a router alert and hop limit 1, gets the alert
/// here and the hop limit from the caller.
pub fn icmpv6_frame(
    eth_src: MacAddr,
    eth_dst: MacAddr,
    src: Ipv6Addr,
    dst: Ipv6Addr,
    hop_limit: u8,
    message: &Icmpv6,
) -> Bytes {
    let mut packet = Ipv6Packet::new(src, dst, hop_limit, protocol::ICMPV6, message.emit(src, dst));
    if crate::icmpv6_check::is_mld(message.kind()) {
        packet.extensions.push(crate::Extension::router_alert());
    }
    Ethernet::untagged(eth_src, eth_dst, ETHERTYPE_IPV6).emit(&packet.emit())
}

/// An untagged frame with an IPv6 packet without extension headers. Checksums in the payload are the
/// caller's: see [`checksum_v6`](crate::checksum_v6).
pub fn ipv6_frame(
    eth_src: MacAddr,
    eth_dst: MacAddr,
    src: Ipv6Addr,
    dst: Ipv6Addr,
    hop_limit: u8,
    next_header: u8,
    payload: &[u8],
) -> Bytes {
    let payload = Bytes::copy_from_slice(payload);
    let packet = Ipv6Packet::new(src, dst, hop_limit, next_header, payload);
    Ethernet::untagged(eth_src, eth_dst, ETHERTYPE_IPV6).emit(&packet.emit())
}

/// An untagged frame with an IPv4 packet without options, not to be fragmented.
pub fn ipv4_frame(
    eth_src: MacAddr,
    eth_dst: MacAddr,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ttl: u8,
    protocol: u8,
    payload: &[u8],
) -> Bytes {
    let packet = Ipv4Packet::new(src, dst, ttl, protocol, Bytes::copy_from_slice(payload));
    Ethernet::untagged(eth_src, eth_dst, ETHERTYPE_IPV4).emit(&packet.emit())
}

/// An untagged frame with an ICMP message for IPv4.
pub fn icmpv4_frame(
    eth_src: MacAddr,
    eth_dst: MacAddr,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    ttl: u8,
    message: &Icmpv4,
) -> Bytes {
    ipv4_frame(eth_src, eth_dst, src, dst, ttl, protocol::ICMPV4, &message.emit())
}

/// An untagged frame with an IGMP message to a group of the link: TTL 1 and a router alert (RFC 3376, 4; RFC 2113).
pub fn igmp_frame(eth_src: MacAddr, src: Ipv4Addr, group: Ipv4Addr, message: &Igmp) -> Bytes {
    let mut packet = Ipv4Packet::new(src, group, 1, protocol::IGMP, message.emit());
    packet.options = Bytes::from_static(&[0x94, 4, 0, 0]);
    // Internetwork control (RFC 3376, 4).
    packet.tos = 0xc0;
    Ethernet::untagged(eth_src, multicast_mac_v4(group), ETHERTYPE_IPV4).emit(&packet.emit())
}

/// `01:00:5e` and the last 23 bits of a group (RFC 1112, 6.4).
fn multicast_mac_v4(group: Ipv4Addr) -> MacAddr {
    let [_, b, c, d] = group.octets();
    MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}

/// An untagged frame with an ARP packet.
pub fn arp_frame(eth_src: MacAddr, eth_dst: MacAddr, arp: &Arp) -> Bytes {
    Ethernet::untagged(eth_src, eth_dst, ETHERTYPE_ARP).emit(&arp.emit())
}

/// "Who has `tpa`?", to everyone (RFC 826); with `spa` `0.0.0.0` a probe (RFC 5227, 2.1.1).
pub fn arp_request(mac: MacAddr, spa: Ipv4Addr, tpa: Ipv4Addr) -> Bytes {
    let arp = Arp { op: OP_REQUEST, sha: mac, spa, tha: MacAddr::ZERO, tpa };
    arp_frame(mac, MacAddr::BROADCAST, &arp)
}

/// "The address you ask for is at `mac`", to the asker.
pub fn arp_reply(mac: MacAddr, request: &Arp) -> Bytes {
    let arp = Arp { op: OP_REPLY, sha: mac, spa: request.tpa, tha: request.sha, tpa: request.spa };
    arp_frame(mac, request.sha, &arp)
}
