//! Answers probes: the one who probes learns of another who has the address, and not of himself.

use std::net::IpAddr;

use packet::{Frame, Net, OP_REQUEST, arp_reply};
use topology::View;

use crate::punt::{PacketOut, Punted, Unanswered};
use crate::{direct, holder};

/// A reply for an address that somebody else on the network holds (RFC 5227, 2.1.1).
pub fn probed(view: &View<'_>, punted: &Punted) -> Result<Vec<PacketOut>, Unanswered> {
    let frame = Frame::parse(&punted.frame).map_err(|_| "malformed")?;
    let Net::Arp(arp) = &frame.net else { return Err("malformed") };
    if arp.op != OP_REQUEST || !arp.spa.is_unspecified() {
        return Err("malformed");
    }
    let other = holder::other(view, punted, IpAddr::V4(arp.tpa))?;
    let mac = direct::known_as(view, punted.place, punted.network, other.mac);
    Ok(vec![PacketOut::to(punted.place, arp_reply(mac, arp))])
}
