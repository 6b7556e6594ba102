//! A DHCPv6 client on every port of a switch: exchanges of four messages, the next one as soon as the last is answered. What a
//! switch makes of their messages, it is asked once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use addr::{MacAddr, OfPort, link_local, multicast_mac};
use bytes::Bytes;
use flows::eval::{self, Fate};
use ofp::{Action, Body, Message, PacketIn2, PacketOut};
use packet::{
    ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Frame, Net,
    Udp, duid_ll, ipv6_frame, protocol, udp,
};

/// What all clients together have seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Exchanges that ended with a reply.
    pub(crate) exchanges: AtomicU64,
    /// How long each took, milliseconds.
    pub(crate) took_ms: Mutex<Vec<f64>>,
}

/// The clients of one switch, by port.
pub(crate) struct Clients {
    clients: BTreeMap<u32, Client>,
}

struct Client {
    mac: MacAddr,
    /// Whole packet-ins: kept from the first exchange on.
    solicit: Option<Bytes>,
    request: Option<Bytes>,
    began: Instant,
}

impl Clients {
    pub(crate) fn new(ports: impl Iterator<Item = (u32, MacAddr)>) -> Clients {
        let client = |mac| Client { mac, solicit: None, request: None, began: Instant::now() };
        Clients { clients: ports.map(|(port, mac)| (port, client(mac))).collect() }
    }

    /// All begin.
    pub(crate) fn begin(&mut self, switch: &eval::Switch, out: &mut Vec<u8>) {
        for (port, client) in &mut self.clients {
            client.begin(*port, switch, out);
        }
    }

    /// A packet from the controller: a client goes on, if it is for one.
    pub(crate) fn heard(
        &mut self,
        packet: &PacketOut,
        switch: &eval::Switch,
        seen: &Seen,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let [Action::Output { port, .. }] = packet.actions[..] else { return None };
        let client = self.clients.get_mut(&port.0)?;
        let Net::Ipv6(ip) = Frame::parse(&packet.data).ok()?.net else { return None };
        let datagram = Udp::parse(&ip.payload).ok().filter(|datagram| datagram.dport == DHCP6_CLIENT_PORT)?;
        match datagram.payload.first().copied().map(Dhcp6Kind::from_number)? {
            Dhcp6Kind::Advertise => {
                if client.request.is_none() {
                    let Ok(Dhcp6::Message(message)) = Dhcp6::parse(&datagram.payload) else { return None };
                    let server =
                        message.options.into_iter().find(|option| matches!(option, Dhcp6Option::ServerId(_)))?;
                    client.request = client.said(Dhcp6Kind::Request, vec![server], port.0, switch);
                }
                out.extend_from_slice(client.request.as_ref()?);
            }
            Dhcp6Kind::Reply => {
                seen.exchanges.fetch_add(1, Ordering::Relaxed);
                let took_ms = client.began.elapsed().as_secs_f64() * 1e3;
                seen.took_ms.lock().unwrap_or_else(PoisonError::into_inner).push(took_ms);
                client.begin(port.0, switch, out);
            }
            _ => {}
        }
        Some(())
    }
}

impl Client {
    fn begin(&mut self, port: u32, switch: &eval::Switch, out: &mut Vec<u8>) {
        if self.solicit.is_none() {
            self.solicit = self.said(Dhcp6Kind::Solicit, vec![], port, switch);
        }
        self.began = Instant::now();
        out.extend_from_slice(self.solicit.as_deref().unwrap_or_default());
    }

    /// What the switch sends to the controller of a message; `None`: nothing.
    fn said(&self, kind: Dhcp6Kind, more: Vec<Dhcp6Option>, port: u32, switch: &eval::Switch) -> Option<Bytes> {
        let mut options = vec![Dhcp6Option::ClientId(duid_ll(self.mac))];
        options.extend(more);
        options.push(Dhcp6Option::IaNa { iaid: 1, t1_s: 0, t2_s: 0, options: vec![] });
        let payload = Dhcp6Message { kind, transaction: port, options }.emit().ok()?;
        let from = link_local(self.mac);
        let payload = udp(from, ALL_DHCP_SERVERS, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, &payload);
        let group = multicast_mac(ALL_DHCP_SERVERS);
        let frame = ipv6_frame(self.mac, group, from, ALL_DHCP_SERVERS, 1, protocol::UDP, &payload);
        let trace = switch.run(&frame, OfPort(port), None);
        trace.outputs.into_iter().find_map(|output| match output.fate {
            Fate::Controller { userdata, metadata, reason, .. } => {
                let packet = PacketIn2 {
                    total_len: output.frame.len() as u32,
                    packet: output.frame.into(),
                    reason,
                    metadata,
                    userdata: userdata.into(),
                    ..PacketIn2::default()
                };
                Some(Message { xid: 0, body: Body::PacketIn2(packet) }.encode())
            }
            _ => None,
        })
    }
}
