//! What an instance is asked, and what its answers say. A probe of a TCP port is half a connection: the server never hears of it.

use std::net::IpAddr;

use addr::{MacAddr, link_local};
use bytes::Bytes;
use packet::{
    Frame, Icmpv6, Ipv6Packet, Net, OP_REPLY, OP_REQUEST, Tcp, arp_frame, icmpv6_frame, ipv4_frame, ipv6_frame,
    neighbor_probe, protocol, tcp, tcp_v4,
};
use topology::{Anycast, Check, PortKey, View};

use super::{PROBE_PORTS, prober};
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::prober_mac;

/// Addresses of a port that are asked for at a time, at most.
const ADDRESSES_MAX: usize = 3;
const HOP_LIMIT: u8 = 64;
/// What a probe takes at a time: one segment.
const WINDOW: u16 = 1_220;
/// Where the destination stands in an IPv6 packet without extension headers (RFC 8200, 3), behind its header TCP's source port
/// (RFC 9293, 3.1) and an echo's identifier (RFC 4443, 4.1).
const IPV6_DST: usize = 24;
const TCP_SOURCE: usize = 40;
const ECHO_ID: usize = 44;
/// PSH and ACK.
const PUSHED: u8 = 0x18;

/// One question to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Tells it from those before: 16 bits and more.
    pub number: u32,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The instance is alive.
    Alive,
    /// It is not, and why.
    Dead(String),
    /// Not yet.
    More,
    /// It is to a probe before this, or to none.
    Stale,
}

/// Who asks whom.
struct Ends {
    from_mac: MacAddr,
    from: IpAddr,
    to_mac: MacAddr,
    to: IpAddr,
}

impl Probe {
    /// The port that it asks from.
    const fn port(self) -> u16 {
        PROBE_PORTS | (self.number & 0xfff) as u16
    }

    /// Its first sequence number.
    const fn sequence(self) -> u32 {
        self.number.wrapping_mul(0x9e37_79b9)
    }

    /// The question, as packets to send; none: there is nobody to ask, or nowhere to ask from.
    pub fn question(self, view: &View<'_>, service: &Anycast, port: PortKey) -> Vec<PacketOut> {
        let Some(place) = view.place(port) else { return Vec::new() };
        let frames = match &service.health.check {
            Check::Neighbor => neighbors(view, service, port),
            Check::Echo => ends(view, service, port).and_then(|ends| self.echo(&ends)).into_iter().collect(),
            Check::Tcp(to) | Check::Http(to, _) => {
                let syn = Tcp { flags: Tcp::SYN, ..self.segment(*to) };
                ends(view, service, port).map(|ends| ends.tcp(&syn)).into_iter().collect()
            }
        };
        frames.into_iter().map(|frame| PacketOut::to(place, frame)).collect()
    }

    fn segment(self, to: u16) -> Tcp {
        Tcp { sport: self.port(), dport: to, seq: self.sequence(), window: WINDOW, ..Tcp::default() }
    }

    fn echo(self, ends: &Ends) -> Option<Bytes> {
        let (IpAddr::V6(from), IpAddr::V6(to)) = (ends.from, ends.to) else { return None };
        let message = Icmpv6::EchoRequest {
            id: self.port(),
            seq: (self.number >> 12) as u16,
            data: Bytes::from_static(b"sextant"),
        };
        Some(icmpv6_frame(ends.from_mac, ends.to_mac, from, to, HOP_LIMIT, &message))
    }

    /// What an instance's packet says, and what is to be sent to it.
    ///
    /// # Errors
    /// It is no answer to any probe.
    pub fn heard(
        self,
        view: &View<'_>,
        service: &Anycast,
        punted: &Punted,
    ) -> Result<(Answer, Vec<PacketOut>), Unanswered> {
        let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
        let (source, kind, payload) = match &frame.net {
            Net::Arp(arp) if arp.op == OP_REPLY => {
                // Other services of the port ask otherwise: for them this says nothing.
                let asked = service.health.check == Check::Neighbor && service.address.is_ipv4();
                return if asked { Ok((Answer::Alive, Vec::new())) } else { Err("not_asked") };
            }
            Net::Ipv6(ip) => (IpAddr::V6(ip.src), ip.next, ip.payload.clone()),
            Net::Ipv4(ip) => (IpAddr::V4(ip.src), ip.protocol, ip.payload.clone()),
            _ => return Err("malformed"),
        };
        match (&service.health.check, kind) {
            (_, protocol::ICMPV6) => {
                let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
                Ok((self.said(service, ip)?, Vec::new()))
            }
            (Check::Tcp(to) | Check::Http(to, _), protocol::TCP) if source == service.address => {
                let segment = Tcp::parse(&payload).map_err(|_| "malformed")?;
                if segment.sport != *to || segment.dport & PROBE_PORTS != PROBE_PORTS {
                    return Err("not_asked");
                }
                let (answer, reply) = self.judged(service, &segment);
                let ends = ends(view, service, punted.port).ok_or("gone")?;
                let packets = reply.map(|reply| PacketOut::to(punted.place, ends.tcp(&reply)));
                Ok((answer, packets.into_iter().collect()))
            }
            _ => Err("not_asked"),
        }
    }

    /// By ICMPv6.
    fn said(self, service: &Anycast, ip: &Ipv6Packet) -> Result<Answer, Unanswered> {
        match (&service.health.check, ip.icmpv6().map_err(|_| "malformed")?) {
            (Check::Neighbor, Some(Icmpv6::NeighborAdvert { .. })) if service.address.is_ipv6() => Ok(Answer::Alive),
            (Check::Echo, Some(Icmpv6::EchoReply { id, seq, .. })) => {
                let this = (id, seq) == (self.port(), (self.number >> 12) as u16);
                Ok(if this { Answer::Alive } else { Answer::Stale })
            }
            (Check::Neighbor, _) => Err("not_asked"),
            (_, Some(Icmpv6::DestinationUnreachable { code, invoking })) if self.is_in(service, &invoking) => {
                Ok(Answer::Dead(format!("destination unreachable, code {code}")))
            }
            _ => Err("not_asked"),
        }
    }

    /// Whether an error is about this probe: the port may be asked for other services too (RFC 4443, 3.1).
    fn is_in(self, service: &Anycast, invoking: &[u8]) -> bool {
        let at = match service.health.check {
            Check::Echo => ECHO_ID,
            _ => TCP_SOURCE,
        };
        let IpAddr::V6(address) = service.address else { return false };
        invoking.get(IPV6_DST..IPV6_DST + 16) == Some(&address.octets())
            && invoking.get(at..at + 2) == Some(&self.port().to_be_bytes())
    }

    /// By TCP (RFC 9293); and what is answered.
    fn judged(self, service: &Anycast, segment: &Tcp) -> (Answer, Option<Tcp>) {
        let reset =
            Tcp { flags: Tcp::RST, seq: segment.ack, ..Tcp { sport: segment.dport, ..self.segment(segment.sport) } };
        let first = self.sequence().wrapping_add(1);
        let is = |flag: u8| segment.flags & flag != 0;
        if is(Tcp::RST) {
            let this = segment.dport == self.port();
            return (if this { Answer::Dead("connection refused".to_owned()) } else { Answer::Stale }, None);
        }
        if segment.dport != self.port() {
            // One that came late, or has come again: the instance shall not wait for more.
            return (Answer::Stale, Some(reset));
        }
        match &service.health.check {
            Check::Http(_, path) => {
                let request = request(path, service.address);
                if is(Tcp::SYN) {
                    let ack = segment.seq.wrapping_add(1);
                    let ask = Tcp { flags: PUSHED, seq: first, ack, payload: request, ..self.segment(segment.sport) };
                    return (Answer::More, Some(ask));
                }
                if segment.payload.is_empty() && !is(Tcp::FIN) {
                    return (Answer::More, None);
                }
                (status(&segment.payload), Some(reset))
            }
            _ if is(Tcp::SYN) && segment.ack == first => (Answer::Alive, Some(reset)),
            _ => (Answer::Stale, Some(reset)),
        }
    }
}

impl Ends {
    fn tcp(&self, segment: &Tcp) -> Bytes {
        let Ends { from_mac, to_mac, .. } = *self;
        match (self.from, self.to) {
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                ipv6_frame(from_mac, to_mac, from, to, HOP_LIMIT, protocol::TCP, &tcp(from, to, segment))
            }
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                ipv4_frame(from_mac, to_mac, from, to, HOP_LIMIT, protocol::TCP, &tcp_v4(from, to, segment))
            }
            _ => Bytes::new(),
        }
    }
}

/// From the network's own prober to an instance.
fn ends(view: &View<'_>, service: &Anycast, port: PortKey) -> Option<Ends> {
    let from_mac = prober_mac(service.network);
    let from = match service.address {
        IpAddr::V6(_) => IpAddr::V6(link_local(from_mac)),
        IpAddr::V4(address) => IpAddr::V4(prober(view, service.network, address)?),
    };
    Some(Ends { from_mac, from, to_mac: view.port(port)?.mac, to: service.address })
}

/// Questions for a port's own addresses: it need not have the service's on that interface.
fn neighbors(view: &View<'_>, service: &Anycast, port: PortKey) -> Vec<Bytes> {
    let Some(port) = view.port(port) else { return Vec::new() };
    let mac = prober_mac(service.network);
    if service.address.is_ipv6() {
        let own = port.v6().take(ADDRESSES_MAX);
        return own.map(|target| neighbor_probe(mac, link_local(mac), target, port.mac)).collect();
    }
    // Without an address of its own: a probe (RFC 5227, 2.1).
    let own = port.v4().take(ADDRESSES_MAX);
    own.map(|tpa| {
        let arp =
            packet::Arp { op: OP_REQUEST, sha: mac, spa: std::net::Ipv4Addr::UNSPECIFIED, tha: MacAddr::ZERO, tpa };
        arp_frame(mac, port.mac, &arp)
    })
    .collect()
}

fn request(path: &str, host: IpAddr) -> Bytes {
    let host = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
    Bytes::from(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sextant\r\nConnection: close\r\n\r\n"))
}

/// What the first bytes of an HTTP answer say.
fn status(bytes: &[u8]) -> Answer {
    let line = bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    let code =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse::<u16>().ok());
    match code {
        Some(100..400) => Answer::Alive,
        Some(code) => Answer::Dead(format!("HTTP status {code}")),
        None => Answer::Dead("no HTTP".to_owned()),
    }
}
