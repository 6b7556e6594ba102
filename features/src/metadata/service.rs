//! Takes what hosts send to the service, and sends what it says: by port, each with connections of its own.
//!
//! What is remembered here is the state of TCP connections and nothing else. After a restart a client's connection is reset by its next
//! packet, and clients ask again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use addr::MacAddr;
use packet::{Ethernet, Frame, Net, Tcp, protocol};
use smoltcp::iface::SocketSet;
use smoltcp::socket::tcp::Socket;
use topology::{Place, PortKey, View, World};

use super::connection::{Connection, Macs, Peer, is_over, socket};
use super::flows::HTTP_PORT;
use super::http::{Request, Response};
use super::{Described, answers, is_own, stack};
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::time::Millis;
use crate::turns::Turns;

/// Connections of one port.
const PORT_CONNECTIONS_MAX: usize = 8;
/// Of all ports; each takes about 12 kB.
const CONNECTIONS_MAX: usize = 4096;
/// A port has as many connections as it may have, or all ports have.
pub const TOO_MANY: Unanswered = "too_many_connections";
const ETHERNET_HEADER: usize = 14;

/// Says what is told of a port's VM; `None`: the port is gone.
pub type Describe<'d> = &'d dyn Fn(PortKey) -> Option<Described>;

/// All connections.
#[derive(Default)]
pub struct Service {
    guests: BTreeMap<PortKey, Guest>,
    /// When each port's connections have something to do by themselves.
    turns: Turns<PortKey>,
    connections: usize,
    /// Responses since they were last asked for, by status.
    responses: BTreeMap<u16, u64>,
}

/// A port with connections.
struct Guest {
    port: PortKey,
    place: Place,
    mtu: usize,
    sockets: SocketSet<'static>,
    connections: Vec<Connection>,
}

/// A segment for the service.
struct Segment {
    packet: Vec<u8>,
    peer: Peer,
    macs: Macs,
    opens: bool,
}

impl Service {
    /// A packet from a port. The packets that answer it, if there is something to be said yet.
    ///
    /// # Errors
    /// Why it is not taken, by name.
    pub fn came(
        &mut self,
        world: &World,
        describe: Describe<'_>,
        punted: &Punted,
    ) -> Result<Vec<PacketOut>, Unanswered> {
        let view = View::new(world);
        let port = view.port(punted.port).ok_or("port_gone")?;
        let mtu = view.network(port.network).map_or(0, |network| network.mtu as usize);
        let segment = read(&punted.frame)?;
        let of_port = self.guests.get(&punted.port).map_or(&[][..], |guest| &guest.connections);
        let known = of_port.iter().position(|connection| connection.peer == segment.peer);
        if known.is_none()
            && segment.opens
            && (of_port.len() >= PORT_CONNECTIONS_MAX || self.connections >= CONNECTIONS_MAX)
        {
            return Err(TOO_MANY);
        }
        let guest = self.guests.entry(punted.port).or_insert_with(|| Guest::new(punted));
        (guest.place, guest.mtu) = (punted.place, mtu);
        match known.and_then(|known| guest.connections.get_mut(known)) {
            Some(connection) => connection.heard_from(segment.macs, punted.at),
            None if segment.opens => {
                guest.open(&segment, punted.at);
                self.connections += 1;
            }
            // It is told that there is no such connection.
            None => {}
        }
        let packets = self.go_on(world, describe, punted.port, Some(segment), punted.at);
        Ok(packets)
    }

    /// What is due by the clock.
    pub fn due(&mut self, world: &World, describe: Describe<'_>, now: Millis) -> Vec<PacketOut> {
        let mut packets = Vec::new();
        while let Some((port, _)) = self.turns.take(now) {
            let place = View::new(world).place(port);
            match self.guests.get(&port) {
                Some(guest) if place == Some(guest.place) => {
                    packets.extend(self.go_on(world, describe, port, None, now));
                }
                // It has moved, or is gone: nobody is there to be told.
                _ => self.forget(port),
            }
        }
        packets
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Millis> {
        self.turns.first()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Responses since this was asked last, by status.
    pub fn take_responses(&mut self) -> BTreeMap<u16, u64> {
        std::mem::take(&mut self.responses)
    }

    fn forget(&mut self, port: PortKey) {
        if let Some(guest) = self.guests.remove(&port) {
            self.connections -= guest.connections.len();
        }
        self.turns.remove(port);
    }

    /// Lets a port's connections do what there is to do.
    fn go_on(
        &mut self,
        world: &World,
        describe: Describe<'_>,
        port: PortKey,
        segment: Option<Segment>,
        now: Millis,
    ) -> Vec<PacketOut> {
        let Some(guest) = self.guests.get_mut(&port) else { return Vec::new() };
        let responses = &mut self.responses;
        let mut answer = |asked: Result<&Request, u16>| {
            let response = match asked {
                Ok(request) => answers::answer(&View::new(world), port, describe(port).as_ref(), request, now),
                Err(status) => Response::of(status),
            };
            *responses.entry(response.status).or_default() += 1;
            response
        };
        let before = guest.connections.len();
        let packets = guest.go_on(segment, &mut answer, now);
        self.connections -= before - guest.connections.len();
        match guest.due(now) {
            Some(at) => self.turns.set(port, at, 0),
            None => self.forget(port),
        }
        packets
    }
}

impl Guest {
    fn new(punted: &Punted) -> Guest {
        let (port, place) = (punted.port, punted.place);
        Guest { port, place, mtu: 0, sockets: SocketSet::new(Vec::new()), connections: Vec::new() }
    }

    /// A client opens a connection.
    fn open(&mut self, segment: &Segment, now: Millis) {
        let handle = self.sockets.add(socket());
        self.connections.push(Connection::new(handle, segment.peer, segment.macs, now));
    }

    fn go_on(
        &mut self,
        segment: Option<Segment>,
        answer: &mut dyn FnMut(Result<&Request, u16>) -> Response,
        now: Millis,
    ) -> Vec<PacketOut> {
        for connection in self.connections.iter().filter(|connection| connection.ends_at() <= now) {
            self.sockets.get_mut::<Socket<'_>>(connection.handle).abort();
        }
        let (came, from) = match segment {
            Some(Segment { packet, peer, macs, .. }) => (Some(packet), Some((peer.address, macs))),
            None => (None, None),
        };
        // Sequence numbers that differ from one connection to the next.
        let seed = (u64::from(self.port.0) << 32) ^ now.0;
        let mut sent = stack::poll(&mut self.sockets, came, self.mtu, seed, now);
        for connection in &mut self.connections {
            let socket = self.sockets.get_mut::<Socket<'_>>(connection.handle);
            connection.serve(socket, answer);
        }
        sent.extend(stack::poll(&mut self.sockets, None, self.mtu, seed, now));
        let packets = sent.iter().filter_map(|packet| self.frame(packet, from)).collect();
        let sockets = &mut self.sockets;
        self.connections.retain(|connection| {
            let over = is_over(sockets.get::<Socket<'_>>(connection.handle));
            if over {
                sockets.remove(connection.handle);
            }
            !over
        });
        packets
    }

    /// When there is something to be done; `None`: there are no connections.
    fn due(&self, now: Millis) -> Option<Millis> {
        let ends = self.connections.iter().map(Connection::ends_at).min()?;
        let stack = stack::due(&self.sockets, self.mtu, now);
        Some(stack.map_or(ends, |at| at.min(ends)))
    }

    /// A packet on its way to the port. `from`: who sent the one that it may answer.
    fn frame(&self, packet: &[u8], from: Option<(IpAddr, Macs)>) -> Option<PacketOut> {
        let (ethertype, to) = match packet.first()? >> 4 {
            6 => {
                let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
                (packet::ETHERTYPE_IPV6, IpAddr::from(to))
            }
            _ => {
                let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
                (packet::ETHERTYPE_IPV4, IpAddr::from(to))
            }
        };
        let asker = from.filter(|(address, _)| *address == to).map(|(_, macs)| macs);
        let connected = || self.connections.iter().find(|connection| connection.peer.address == to);
        let macs = asker.or_else(|| connected().map(|connection| connection.macs))?;
        let frame = Ethernet::untagged(macs.own, macs.client, ethertype).emit(packet);
        Some(PacketOut::to(self.place, frame))
    }
}

/// Reads a segment for the service.
fn read(bytes: &[u8]) -> Result<Segment, Unanswered> {
    let frame = Frame::parse(bytes).map_err(|_| "malformed")?;
    if !frame.ethernet.vlans.is_empty() {
        return Err("vlan_tag");
    }
    let (src, dst, payload) = match &frame.net {
        Net::Ipv6(ip) if ip.fragment().is_none() && ip.next == protocol::TCP => {
            (IpAddr::V6(ip.src), IpAddr::V6(ip.dst), &ip.payload)
        }
        Net::Ipv4(ip) if ip.protocol == protocol::TCP => (IpAddr::V4(ip.src), IpAddr::V4(ip.dst), &ip.payload),
        Net::Ipv6(_) => return Err("fragmented"),
        _ => return Err("malformed"),
    };
    let tcp = Tcp::parse(payload).map_err(|_| "malformed")?;
    if !is_own(dst) || tcp.dport != HTTP_PORT {
        return Err("not_to_the_service");
    }
    let group = |mac: MacAddr| mac.is_multicast();
    if group(frame.ethernet.src) || group(frame.ethernet.dst) || src.is_multicast() || src.is_unspecified() {
        return Err("not_from_a_host");
    }
    let flags = tcp.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST | Tcp::FIN);
    Ok(Segment {
        packet: bytes.get(ETHERNET_HEADER..).unwrap_or_default().to_vec(),
        peer: Peer { address: src, port: tcp.sport },
        macs: Macs { own: frame.ethernet.dst, client: frame.ethernet.src },
        opens: flags == Tcp::SYN,
    })
}
