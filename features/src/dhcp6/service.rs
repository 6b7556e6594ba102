//! Answers clients' messages.

use std::net::Ipv6Addr;

use addr::link_local;
use bytes::Bytes;
use packet::{
    ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message,
    Dhcp6Option, Dhcp6Status, Frame, Net, Udp, dhcp6_option, duid_ll, ipv6_frame, protocol, udp,
};
use topology::{View, World};

use super::associations::{self, Answered, status};
use super::offer::{self, Offers};
use super::reconfigure;
use super::register;
use super::relay::Asked;
use crate::lease::{LeaseChange, Reconfigure, Secret, Served};
use crate::punt::{PacketOut, Punted, Unanswered};
use crate::router::network_mac;

/// A client need not wait for other servers' offers (RFC 8415, 18.2.1).
const PREFERENCE: u8 = 255;
/// How long settings alone are good for, seconds (RFC 8415, 21.23: the default).
const REFRESH_S: u32 = 86_400;

/// Reads a client's message and answers it (RFC 8415, 18.3).
///
/// # Errors
/// Why there is no answer, by name: RFC 8415, 16, tells which messages are to be discarded.
pub fn answer(world: &World, punted: &Punted, secret: Secret) -> Result<Served, Unanswered> {
    let view = &View::new(world);
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Ipv6(ip) = &frame.net else { return Err("malformed") };
    if !matches!(ip.dst, ALL_DHCP_SERVERS | ALL_DHCP_SERVERS_OF_SITE) || ip.fragment().is_some() {
        return Err("not_to_all_servers");
    }
    let datagram = Udp::parse(&ip.payload).map_err(|_| "malformed")?;
    let asked = match Dhcp6::parse(&datagram.payload).map_err(|_| "malformed")? {
        Dhcp6::Relay(relay) => Asked::open(world, punted, relay)?,
        // RFC 8415, 7.1: clients know no servers but those of their link.
        Dhcp6::Message(_) if ip.dst != ALL_DHCP_SERVERS => return Err("not_to_all_servers"),
        Dhcp6::Message(message) => Asked::by(punted, message),
    };
    let message = &asked.message;
    if message.kind == Dhcp6Kind::AddrRegInform {
        let source = asked.source(ip.src);
        let (answer, leases) = register::taken(view, (asked.client, asked.network), source, message)?;
        let packets = vec![sent(punted, (&frame, ip.src), &asked, &answer)?];
        let (operation, port) = (message.kind.name(), asked.client);
        let (ahead, reconfigure) = (vec![], Reconfigure::Never);
        return Ok(Served { operation, port, packets, leases, ahead, reconfigure, lacks: None });
    }
    let offers = offer::of(view, asked.client, asked.network, punted.at)
        .or_else(|| associations::goes_on(message).then(Offers::default))
        .ok_or("not_served")?;
    let ids = Ids::check(message, duid_ll(network_mac(asked.network)))?;
    let (mut answer, changes) = reply(message, &ids, &offers)?;
    // Who is only offered something asks for it next. With whom a key is to be agreed on, that is written then.
    let offered = answer.kind == Dhcp6Kind::Advertise;
    let (leases, mut ahead) = if offered { (vec![], changes) } else { (changes, vec![]) };
    if asked.is_relayed() || message.options.contains(&Dhcp6Option::ReconfigureAccept) {
        ahead.clear();
    }
    answer.options.extend(register::offered(view, asked.network, message));
    let reconfigure = reconfigure::agree(&asked, ip.src, &mut answer, &leases, punted.at, secret);
    let lacks = match () {
        () if offers.stateful && associations::lack(&answer.options) => Some("there is none left for the port"),
        () if offers.cut => Some("a packet has no room for all of the port's"),
        () => None,
    };
    let packets = vec![sent(punted, (&frame, ip.src), &asked, &answer)?];
    Ok(Served { operation: message.kind.name(), port: asked.client, packets, leases, ahead, reconfigure, lacks })
}

/// An answer on its way back to who sent the question.
fn sent(
    punted: &Punted,
    (question, to): (&Frame, Ipv6Addr),
    asked: &Asked,
    answer: &Dhcp6Message,
) -> Result<PacketOut, Unanswered> {
    let payload = answer.emit().and_then(|answer| asked.close(answer)).map_err(|_| "unfit")?;
    let to_port = if asked.is_relayed() { DHCP6_SERVER_PORT } else { DHCP6_CLIENT_PORT };
    let mac = network_mac(punted.network);
    let from = link_local(mac);
    let payload = udp(from, to, DHCP6_SERVER_PORT, to_port, &payload);
    let frame = ipv6_frame(mac, question.ethernet.src, from, to, 64, protocol::UDP, &payload);
    Ok(PacketOut::to(punted.place, frame))
}

/// Who talks.
struct Ids {
    client: Option<Bytes>,
    server: Bytes,
}

impl Ids {
    /// Whether a message says who it is from and for as it must (RFC 8415, 16).
    fn check(message: &Dhcp6Message, server: Bytes) -> Result<Ids, Unanswered> {
        let client = message.options.iter().find_map(|option| match option {
            Dhcp6Option::ClientId(duid) => Some(duid.clone()),
            _ => None,
        });
        let to = message.options.iter().find_map(|option| match option {
            Dhcp6Option::ServerId(duid) => Some(duid.clone()),
            _ => None,
        });
        use Dhcp6Kind::*;
        let (needs_server, may_name_server) = match message.kind {
            Solicit | Confirm | Rebind => (false, false),
            Request | Renew | Release | Decline => (true, true),
            InformationRequest => (false, true),
            _ => return Err("not_a_clients"),
        };
        match &to {
            Some(_) if !may_name_server => return Err("names_a_server"),
            None if needs_server => return Err("names_no_server"),
            Some(to) if *to != server => return Err("for_another_server"),
            _ => {}
        }
        if client.is_none() && message.kind != InformationRequest {
            return Err("names_no_client");
        }
        Ok(Ids { client, server })
    }
}

fn reply(message: &Dhcp6Message, ids: &Ids, offers: &Offers) -> Result<(Dhcp6Message, Vec<LeaseChange>), Unanswered> {
    use Dhcp6Kind::*;
    let rapid = message.kind == Solicit && message.options.contains(&Dhcp6Option::RapidCommit);
    let client = ids.client.clone().unwrap_or_default();
    let mut answer = Draft::new(message, ids);
    let mut answered = Answered::default();
    match message.kind {
        InformationRequest if associations::any(&message.options) => return Err("asks_for_both"),
        InformationRequest => {
            answer.settings(message, offers);
            answer.if_asked(message, Dhcp6Option::InformationRefreshTime(REFRESH_S));
        }
        Confirm => answer.add(confirmed(&message.options, offers)?),
        Release | Decline => {
            answered = associations::take(&message.options);
            answer.add(status(Dhcp6Status::Success, ""));
        }
        _ if !associations::any(&message.options) => return Err("names_no_association"),
        kind => {
            answered = associations::give(kind, &client, &message.options, offers);
            answer.settings(message, offers);
        }
    }
    if rapid && answered.gives() {
        answer.add(Dhcp6Option::RapidCommit);
    } else if message.kind == Solicit {
        answer.message.kind = Advertise;
        answer.add(Dhcp6Option::Preference(PREFERENCE));
    }
    answer.message.options.extend(answered.options);
    Ok((answer.message, answered.changes))
}

/// Whether a client that has moved, or slept, may go on with what it has (RFC 8415, 18.3.3). A port's addresses are what counts
/// here, not only its link's prefixes: with others it could not send.
fn confirmed(options: &[Dhcp6Option], offers: &Offers) -> Result<Dhcp6Option, Unanswered> {
    let named = associations::addresses(options);
    if named.is_empty() {
        return Err("names_no_address");
    }
    let has = |address: &std::net::Ipv6Addr| offers.addresses.iter().any(|offer| offer.what == (*address).into());
    Ok(if named.iter().all(has) {
        status(Dhcp6Status::Success, "")
    } else {
        status(Dhcp6Status::NotOnLink, "not an address of this port")
    })
}

/// An answer in the making: a reply until said otherwise.
struct Draft {
    message: Dhcp6Message,
}

impl Draft {
    fn new(to: &Dhcp6Message, ids: &Ids) -> Draft {
        let mut options = vec![Dhcp6Option::ServerId(ids.server.clone())];
        options.extend(ids.client.clone().map(Dhcp6Option::ClientId));
        Draft { message: Dhcp6Message { kind: Dhcp6Kind::Reply, transaction: to.transaction, options } }
    }

    fn add(&mut self, option: Dhcp6Option) {
        self.message.options.push(option);
    }

    /// What a client asks for by an option request; without one, all (RFC 8415, 18.3.9).
    fn if_asked(&mut self, message: &Dhcp6Message, option: Dhcp6Option) {
        let asked = message.options.iter().find_map(|o| match o {
            Dhcp6Option::OptionRequest(codes) => Some(codes.contains(&option.code())),
            _ => None,
        });
        if asked.unwrap_or(option.code() != dhcp6_option::INFORMATION_REFRESH_TIME) {
            self.add(option);
        }
    }

    fn settings(&mut self, message: &Dhcp6Message, offers: &Offers) {
        for option in &offers.settings {
            self.if_asked(message, option.clone());
        }
    }
}
