//! Answers questions: at once where it is known, else when another server has answered.

use std::net::IpAddr;

use addr::{MacAddr, link_local};
use bytes::Bytes;
use packet::{DNS_PORT, DnsCode, DnsQuery, Frame, Ipv4Packet, Net, Udp, ipv4_frame, ipv6_frame, protocol, udp, udp_v4};
use topology::{Place, PortKey, View, World};

use super::names;
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::network_mac;

/// The hop limit of answers.
const HOP_LIMIT: u8 = 64;
const IPV6_UDP: usize = 40 + 8;
const IPV4_UDP: usize = 20 + 8;

/// What becomes of a question.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // Made once for a packet, and taken apart at once.
pub enum Asked {
    /// It is answered.
    Answered(PacketOut),
    /// It is for others to answer.
    Elsewhere(Waiting),
}

/// A question that waits for another server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    port: PortKey,
    place: Place,
    back: Back,
    query: DnsQuery,
    /// Bytes that the answer may have.
    room: usize,
}

/// Where an answer goes, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Back {
    mac: MacAddr,
    to_mac: MacAddr,
    from: IpAddr,
    to: IpAddr,
    port: u16,
}

/// Reads a question, and answers it if the answer is known here.
///
/// # Errors
/// Why there is no answer, by name.
pub fn asked(world: &World, punted: &Punted) -> Result<Asked, Unanswered> {
    let view = View::new(world);
    let (back, message) = read(&view, punted)?;
    let answer = |message: Bytes| back.packet(punted.place, &message);
    let query = match DnsQuery::parse(&message) {
        Ok(query) => query,
        Err(bad) => return DnsQuery::refusal(&message, bad).map(|m| Asked::Answered(answer(m))).ok_or("malformed"),
    };
    let mtu = view.network(punted.network).map_or(0, |network| network.mtu as usize);
    let headers = if back.to.is_ipv6() { IPV6_UDP } else { IPV4_UDP };
    let room = query.room().min(mtu.saturating_sub(headers));
    if let Some(known) = names::answer(world, punted.port, &query) {
        return Ok(Asked::Answered(answer(query.answer(&known, room))));
    }
    Ok(Asked::Elsewhere(Waiting { port: punted.port, place: punted.place, back, query, room }))
}

fn read(view: &View<'_>, punted: &Punted) -> Result<(Back, Bytes), Unanswered> {
    let port = view.port(punted.port).ok_or("port_gone")?;
    if port.network != punted.network {
        return Err("from_another_network");
    }
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let (src, dst, payload) = match &frame.net {
        Net::Ipv6(ip) if ip.fragment().is_none() => (IpAddr::V6(ip.src), IpAddr::V6(ip.dst), &ip.payload),
        Net::Ipv4(ip) if is_whole(ip) => (IpAddr::V4(ip.src), IpAddr::V4(ip.dst), &ip.payload),
        Net::Ipv6(_) | Net::Ipv4(_) => return Err("fragmented"),
        _ => return Err("malformed"),
    };
    let own = network_mac(punted.network);
    if frame.ethernet.dst == own && dst != IpAddr::V6(link_local(own)) {
        return Err("not_to_the_server");
    }
    let datagram = Udp::parse(payload).map_err(|_| "malformed")?;
    if datagram.dport != DNS_PORT || datagram.sport == 0 {
        return Err("malformed");
    }
    let (mac, to_mac) = (frame.ethernet.dst, frame.ethernet.src);
    Ok((Back { mac, to_mac, from: dst, to: src, port: datagram.sport }, datagram.payload))
}

fn is_whole(ip: &Ipv4Packet) -> bool {
    ip.flags & Ipv4Packet::MORE_FRAGMENTS == 0 && ip.fragment_offset == 0
}

impl Waiting {
    /// The port that asks.
    pub fn port(&self) -> PortKey {
        self.port
    }

    /// The question, to be put to another server.
    pub fn question(&self) -> Bytes {
        self.query.forwarded()
    }

    /// The packet that answers, with what another server has said, if that is an answer, or that there is none. `None`: the port
    /// is no longer where it asked.
    pub fn told(&self, view: &View<'_>, answer: Option<&[u8]>) -> Option<PacketOut> {
        view.place(self.port).filter(|place| *place == self.place)?;
        let relayed = answer.and_then(|answer| self.query.relayed(answer, self.room));
        let message = relayed.unwrap_or_else(|| self.query.failed(DnsCode::ServFail));
        Some(self.back.packet(self.place, &message))
    }
}

impl Back {
    fn packet(&self, place: Place, message: &[u8]) -> PacketOut {
        let Back { mac, to_mac, from, to, port } = *self;
        let frame = match (from, to) {
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let datagram = udp(from, to, DNS_PORT, port, message);
                ipv6_frame(mac, to_mac, from, to, HOP_LIMIT, protocol::UDP, &datagram)
            }
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let datagram = udp_v4(from, to, DNS_PORT, port, message);
                ipv4_frame(mac, to_mac, from, to, HOP_LIMIT, protocol::UDP, &datagram)
            }
            // Both are of one packet.
            _ => Bytes::new(),
        };
        PacketOut::to(place, frame)
    }
}
