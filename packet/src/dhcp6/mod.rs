//! DHCPv6 messages (RFC 8415): client, server and relay messages, and the DUIDs in them.

mod auth;
mod code;
mod option;
mod read;

use std::net::Ipv6Addr;

use addr::MacAddr;
use bytes::{BufMut, Bytes, BytesMut};

pub use auth::reconfigure_key;
pub use code::{Dhcp6Kind, Dhcp6Status, option_code};
pub use option::Dhcp6Option;
pub use read::{DHCP6_DEPTH_MAX, DHCP6_OPTIONS_MAX};

use crate::Bad;
use crate::wire::Reader;

/// The UDP port that clients listen on (RFC 8415, 7.2).
pub const DHCP6_CLIENT_PORT: u16 = 546;
/// The UDP port that servers and relay agents listen on (RFC 8415, 7.2).
pub const DHCP6_SERVER_PORT: u16 = 547;
/// `ff02::1:2`, All_DHCP_Relay_Agents_and_Servers (RFC 8415, 7.1).
pub const ALL_DHCP_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// `ff05::1:3`, All_DHCP_Servers: where relay agents send to that know none (RFC 8415, 7.1).
pub const ALL_DHCP_SERVERS_OF_SITE: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);
/// Relay agents that a message may have passed (RFC 8415, 7.6: HOP_COUNT_LIMIT).
pub const DHCP6_HOPS_MAX: u8 = 8;

/// A message between a client and a server (RFC 8415, 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp6Message {
    /// What it is.
    pub kind: Dhcp6Kind,
    /// Chosen by the client and kept by the server; 24 bits.
    pub transaction: u32,
    /// In the order of the message.
    pub options: Vec<Dhcp6Option>,
}

/// A message between a relay agent and a server, or two relay agents (RFC 8415, 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp6Relay {
    /// `RelayForw` or `RelayRepl`.
    pub kind: Dhcp6Kind,
    /// Relay agents that it has passed before this one.
    pub hop_count: u8,
    /// Says which link the client is on; `::` where the relay agent says it otherwise.
    pub link_address: Ipv6Addr,
    /// From whom the relay agent got the message, or whom it is for.
    pub peer_address: Ipv6Addr,
    /// The relayed message is one of them.
    pub options: Vec<Dhcp6Option>,
}

/// What came to a DHCPv6 port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dhcp6 {
    /// Straight from a client or a server.
    Message(Dhcp6Message),
    /// By a relay agent.
    Relay(Dhcp6Relay),
}

impl Dhcp6 {
    /// Reads the payload of a UDP datagram. Options of a known code whose content breaks their own rules are kept as unknown.
    ///
    /// # Errors
    /// [`Bad::Short`] where a length points beyond the end, [`Bad::TooMany`] beyond [`DHCP6_OPTIONS_MAX`] options or
    /// [`DHCP6_DEPTH_MAX`] levels.
    pub fn parse(payload: &[u8]) -> Result<Dhcp6, Bad> {
        let mut r = Reader::new(payload);
        let kind = Dhcp6Kind::from_number(r.u8()?);
        if kind.is_relay() {
            let relay = Dhcp6Relay {
                kind,
                hop_count: r.u8()?,
                link_address: r.v6()?,
                peer_address: r.v6()?,
                options: read::options(r.rest())?,
            };
            return Ok(Dhcp6::Relay(relay));
        }
        let [a, b, c] = r.array()?;
        let transaction = u32::from_be_bytes([0, a, b, c]);
        Ok(Dhcp6::Message(Dhcp6Message { kind, transaction, options: read::options(r.rest())? }))
    }
}

impl Dhcp6Message {
    /// Its bytes, for the payload of a UDP datagram.
    ///
    /// # Errors
    /// [`Bad::Unfit`] for an option that can't be written: too long, or a name that is no domain name.
    pub fn emit(&self) -> Result<Bytes, Bad> {
        let mut out = BytesMut::with_capacity(256);
        out.put_u8(self.kind.number());
        out.put_uint(u64::from(self.transaction & 0xff_ffff), 3);
        option::write_all(&self.options, &mut out)?;
        Ok(out.freeze())
    }
}

impl Dhcp6Relay {
    /// Its bytes, for the payload of a UDP datagram.
    ///
    /// # Errors
    /// As [`Dhcp6Message::emit`].
    pub fn emit(&self) -> Result<Bytes, Bad> {
        let mut out = BytesMut::with_capacity(256);
        out.put_u8(self.kind.number());
        out.put_u8(self.hop_count);
        out.put_slice(&self.link_address.octets());
        out.put_slice(&self.peer_address.octets());
        option::write_all(&self.options, &mut out)?;
        Ok(out.freeze())
    }
}

/// A DUID made of a MAC alone: DUID-LL, hardware type Ethernet (RFC 8415, 11.4).
pub fn duid_ll(mac: MacAddr) -> Bytes {
    let mut out = BytesMut::with_capacity(10);
    out.put_u16(3);
    out.put_u16(1);
    out.put_slice(&mac.0);
    out.freeze()
}
