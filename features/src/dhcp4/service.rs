//! Answers clients' messages.

use std::net::Ipv4Addr;

use addr::MacAddr;
use bytes::Bytes;
use packet::{
    DHCP4_CLIENT_PORT, DHCP4_SERVER_PORT, Dhcp4, Dhcp4Kind, Dhcp4Option, Frame, Net, Udp, dhcp4_option as code,
    ipv4_frame, protocol, udp_v4,
};
use topology::{View, World};

use super::offer::{self, Offer};
use crate::lease::{Association, LeaseChange, Reconfigure, Secret, Served, whole};
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::network_mac;

/// Bytes of an IPv4 packet that every client takes (RFC 2131, 2).
const MESSAGE_MIN: usize = 576;
/// Of IPv4 and UDP.
const HEADERS: usize = 28;

/// Reads a client's message and answers it (RFC 2131, 4.3).
///
/// # Errors
/// Why there is no answer, by name.
pub fn answer(world: &World, punted: &Punted, _: Secret) -> Result<Served, Unanswered> {
    let view = &View::new(world);
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv4(ip) = &frame.net else { return Err("malformed") };
    let datagram = Udp::parse(&ip.payload).map_err(|_| "malformed")?;
    let message = Dhcp4::parse(&datagram.payload).map_err(|_| "malformed")?;
    let kind = message.kind().ok_or("says_no_type")?;
    if message.reply || matches!(kind, Dhcp4Kind::Offer | Dhcp4Kind::Ack | Dhcp4Kind::Nak) {
        return Err("not_a_clients");
    }
    if message.giaddr != Ipv4Addr::UNSPECIFIED {
        return Err("from_a_relay");
    }
    // On a secured port nobody else speaks; on others, whose address is it?
    if view.port(punted.port).is_none_or(|port| port.mac != message.chaddr) {
        return Err("foreign_client");
    }
    let offers = offer::of(view, punted.port, punted.network);
    let first = offers.first().ok_or("not_served")?;
    let reply =
        Request { message: &message, offers: &offers, server: server_of(&message, &offers, first) }.judge(kind)?;
    let Some((mut answer, leases)) = reply else {
        return Ok(Served {
            operation: kind.name(),
            port: punted.port,
            packets: vec![],
            leases: vec![LeaseChange::End { association: Association::V4 }],
            ahead: vec![],
            reconfigure: Reconfigure::Never,
            lacks: None,
        });
    };
    fit(&mut answer, &message, first);
    let (to_mac, to) = destination(&message, &answer);
    let mac = network_mac(punted.network);
    let server = answer.address(code::SERVER_ID).unwrap_or(first.fact.gateway);
    let payload = udp_v4(server, to, DHCP4_SERVER_PORT, DHCP4_CLIENT_PORT, &answer.emit());
    let frame = ipv4_frame(mac, to_mac, server, to, 64, protocol::UDP, &payload);
    let packets = vec![PacketOut::to(punted.place, frame)];
    Ok(Served {
        operation: kind.name(),
        port: punted.port,
        packets,
        leases,
        ahead: vec![],
        reconfigure: Reconfigure::Never,
        lacks: None,
    })
}

/// We are known by the gateway of the subnet that an address is from.
fn server_of(message: &Dhcp4, offers: &[Offer<'_>], first: &Offer<'_>) -> Ipv4Addr {
    let named = message.address(code::SERVER_ID);
    let ours = offers.iter().map(|offer| offer.fact.gateway).find(|gateway| Some(*gateway) == named);
    ours.unwrap_or(first.fact.gateway)
}

/// To whom an answer goes (RFC 2131, 4.1).
fn destination(message: &Dhcp4, answer: &Dhcp4) -> (MacAddr, Ipv4Addr) {
    if message.ciaddr != Ipv4Addr::UNSPECIFIED && answer.kind() != Some(Dhcp4Kind::Nak) {
        (message.chaddr, message.ciaddr)
    } else if message.broadcast || answer.yiaddr == Ipv4Addr::UNSPECIFIED {
        (MacAddr::BROADCAST, Ipv4Addr::BROADCAST)
    } else {
        (message.chaddr, answer.yiaddr)
    }
}

/// Leaves out the last options of an answer that is longer than its client takes, or than its network carries.
fn fit(answer: &mut Dhcp4, message: &Dhcp4, offer: &Offer<'_>) {
    let taken = message.option(code::MAX_MESSAGE_SIZE).and_then(|data| <[u8; 2]>::try_from(data).ok());
    let taken = taken.map_or(MESSAGE_MIN, |bytes| usize::from(u16::from_be_bytes(bytes)).max(MESSAGE_MIN));
    let payload = taken.min(offer.mtu().max(MESSAGE_MIN)) - HEADERS;
    while answer.emit().len() > payload && answer.options.pop().is_some() {}
}

/// A client's message, and what there is for it.
struct Request<'a> {
    message: &'a Dhcp4,
    offers: &'a [Offer<'a>],
    server: Ipv4Addr,
}

/// An answer, and what it promises.
type Reply = (Dhcp4, Vec<LeaseChange>);

impl Request<'_> {
    /// The answer; `None`: there is none to be sent, the client gives its lease back.
    fn judge(&self, kind: Dhcp4Kind) -> Result<Option<Reply>, Unanswered> {
        let message = self.message;
        let named = message.address(code::SERVER_ID);
        match kind {
            Dhcp4Kind::Discover => {
                let wished = message.address(code::ADDRESS_REQUEST);
                let offer = self.offer(wished).or(self.offers.first()).ok_or("not_served")?;
                let rapid = message.option(code::RAPID_COMMIT).is_some();
                Ok(Some(if rapid { self.promise(offer, true) } else { (self.tell(Dhcp4Kind::Offer, offer), vec![]) }))
            }
            Dhcp4Kind::Request => {
                if named.is_some_and(|named| named != self.server) {
                    return Err("for_another_server");
                }
                // Selecting and after a reboot it is in the option, renewing and rebinding in ciaddr (RFC 2131, 4.3.2).
                let wished = message.address(code::ADDRESS_REQUEST);
                let wished = wished.or(Some(message.ciaddr).filter(|address| *address != Ipv4Addr::UNSPECIFIED));
                let wished = wished.ok_or("names_no_address")?;
                Ok(Some(match self.offer(Some(wished)) {
                    Some(offer) => self.promise(offer, false),
                    None => (self.refuse(), vec![LeaseChange::End { association: Association::V4 }]),
                }))
            }
            Dhcp4Kind::Inform => {
                let offer = self.offer(Some(message.ciaddr)).or(self.offers.first()).ok_or("not_served")?;
                let mut answer = self.tell(Dhcp4Kind::Ack, offer);
                answer.yiaddr = Ipv4Addr::UNSPECIFIED;
                answer.options.retain(|option| !is_of_lease(option.code));
                Ok(Some((answer, vec![])))
            }
            Dhcp4Kind::Release | Dhcp4Kind::Decline if named == Some(self.server) => Ok(None),
            Dhcp4Kind::Release | Dhcp4Kind::Decline => Err("for_another_server"),
            Dhcp4Kind::Offer | Dhcp4Kind::Ack | Dhcp4Kind::Nak => Err("not_a_clients"),
        }
    }

    fn offer(&self, address: Option<Ipv4Addr>) -> Option<&Offer<'_>> {
        self.offers.iter().find(|offer| Some(offer.address) == address)
    }

    fn promise(&self, offer: &Offer<'_>, rapid: bool) -> Reply {
        let mut answer = self.tell(Dhcp4Kind::Ack, offer);
        if rapid {
            answer.options.insert(0, Dhcp4Option::new(code::RAPID_COMMIT, []));
        }
        let client = match self.message.option(code::CLIENT_ID) {
            Some(id) => Bytes::copy_from_slice(id),
            None => Bytes::copy_from_slice(&self.message.chaddr.0),
        };
        let bind = LeaseChange::Bind {
            association: Association::V4,
            client,
            leased: vec![whole(offer.address)],
            valid_s: offer.fact.lease_s,
        };
        (answer, vec![bind])
    }

    /// An answer with all that the client wants to know, in the order of our list.
    fn tell(&self, kind: Dhcp4Kind, offer: &Offer<'_>) -> Dhcp4 {
        let mut answer = self.draft(kind, offer.fact.gateway);
        answer.yiaddr = offer.address;
        answer.siaddr = offer.next_server();
        let lease_s = offer.fact.lease_s;
        answer.options.push(Dhcp4Option::seconds(code::ADDRESS_TIME, lease_s));
        if lease_s != u32::MAX {
            // RFC 2131, 4.4.5: at a half and at seven eighths.
            answer.options.push(Dhcp4Option::seconds(code::RENEWAL_TIME, lease_s / 2));
            answer.options.push(Dhcp4Option::seconds(code::REBINDING_TIME, lease_s - lease_s / 8));
        }
        let wanted = self.message.option(code::PARAMETER_LIST);
        let mut settings = offer.settings();
        settings.retain(|option| match wanted {
            // RFC 8925, 3.3: never to whom does not ask for it.
            None => option.code != code::IPV6_ONLY_PREFERRED,
            Some(codes) => codes.contains(&option.code) || option.code == code::SUBNET_MASK,
        });
        answer.options.extend(settings);
        answer
    }

    fn refuse(&self) -> Dhcp4 {
        let mut answer = self.draft(Dhcp4Kind::Nak, self.server);
        answer.ciaddr = Ipv4Addr::UNSPECIFIED;
        answer.options.push(Dhcp4Option::new(code::MESSAGE, "not an address of this port"));
        answer
    }

    fn draft(&self, kind: Dhcp4Kind, server: Ipv4Addr) -> Dhcp4 {
        let mut options = vec![Dhcp4Option::kind(kind), Dhcp4Option::addresses(code::SERVER_ID, &[server])];
        // RFC 6842: the client's id comes back to it.
        options.extend(self.message.option(code::CLIENT_ID).map(|id| Dhcp4Option::new(code::CLIENT_ID, id)));
        Dhcp4 {
            reply: true,
            secs: 0,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            options,
            ..self.message.clone()
        }
    }
}

/// What an answer to `Inform` must not have (RFC 2131, 4.3.5).
const fn is_of_lease(option: u8) -> bool {
    matches!(option, code::ADDRESS_TIME | code::RENEWAL_TIME | code::REBINDING_TIME)
}
