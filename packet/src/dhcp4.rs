//! DHCP for IPv4 (RFC 2131), with its options (RFC 2132) as they stand: code and content.

use std::net::Ipv4Addr;

use addr::{Ipv4Net, MacAddr};
use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::Reader;
use crate::{Bad, names};

/// The UDP port that servers listen on (RFC 2131, 4.1).
pub const DHCP4_SERVER_PORT: u16 = 67;
/// The UDP port that clients listen on (RFC 2131, 4.1).
pub const DHCP4_CLIENT_PORT: u16 = 68;
/// Options read in one message; more are refused.
pub const DHCP4_OPTIONS_MAX: usize = 256;

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const SNAME: usize = 64;
const FILE: usize = 128;
/// The least message that every client takes (RFC 1542, 2.1): 300 bytes.
const LENGTH_MIN: usize = 300;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;
const BROADCAST: u16 = 0x8000;
/// Of options with several values in one, the most bytes of one option; longer ones are split (RFC 3396).
const PIECE: usize = 255;

/// Option codes (IANA "BOOTP vendor extensions and DHCP options").
#[allow(missing_docs)] // IANA's names.
pub mod dhcp4_option {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DOMAIN_SERVER: u8 = 6;
    pub const DOMAIN_NAME: u8 = 15;
    pub const INTERFACE_MTU: u8 = 26;
    pub const BROADCAST_ADDRESS: u8 = 28;
    pub const ADDRESS_REQUEST: u8 = 50;
    pub const ADDRESS_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETER_LIST: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const CLIENT_ID: u8 = 61;
    pub const RAPID_COMMIT: u8 = 80;
    pub const IPV6_ONLY_PREFERRED: u8 = 108;
    pub const CAPTIVE_PORTAL: u8 = 114;
    pub const DOMAIN_SEARCH: u8 = 119;
    pub const CLASSLESS_STATIC_ROUTE: u8 = 121;
    pub const END: u8 = 255;
}
use dhcp4_option as code;

/// A message's type (RFC 2132, 9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // RFC 2131's names.
#[repr(u8)]
pub enum Dhcp4Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
    Inform = 8,
}

impl Dhcp4Kind {
    /// By its number.
    pub fn from_number(number: u8) -> Option<Dhcp4Kind> {
        use Dhcp4Kind::*;
        [Discover, Offer, Request, Decline, Ack, Nak, Release, Inform].into_iter().find(|kind| *kind as u8 == number)
    }

    /// Its name, as counters use it.
    pub const fn name(self) -> &'static str {
        match self {
            Dhcp4Kind::Discover => "discover",
            Dhcp4Kind::Offer => "offer",
            Dhcp4Kind::Request => "request",
            Dhcp4Kind::Decline => "decline",
            Dhcp4Kind::Ack => "ack",
            Dhcp4Kind::Nak => "nak",
            Dhcp4Kind::Release => "release",
            Dhcp4Kind::Inform => "inform",
        }
    }
}

/// An option: its code, and its content, of whatever length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp4Option {
    /// See [`dhcp4_option`].
    pub code: u8,
    /// Without code and length.
    pub data: Bytes,
}

/// A message (RFC 2131, 2) of an Ethernet client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp4 {
    /// From a server to a client; else the other way.
    pub reply: bool,
    /// Chosen by the client and kept by the server.
    pub transaction: u32,
    /// Since the client began, seconds.
    pub secs: u16,
    /// The client can't take unicast yet (RFC 2131, 4.1).
    pub broadcast: bool,
    /// The client's address, if it uses it already.
    pub ciaddr: Ipv4Addr,
    /// The address that the client gets.
    pub yiaddr: Ipv4Addr,
    /// The server to be asked next, for booting.
    pub siaddr: Ipv4Addr,
    /// The relay agent.
    pub giaddr: Ipv4Addr,
    /// The client's MAC.
    pub chaddr: MacAddr,
    /// In the order of the message; of one code one, its pieces put together (RFC 3396).
    pub options: Vec<Dhcp4Option>,
}

impl Dhcp4 {
    /// Reads the payload of a UDP datagram.
    ///
    /// # Errors
    /// [`Bad::Short`] where a length points beyond the end, [`Bad::TooMany`] beyond [`DHCP4_OPTIONS_MAX`] options,
    /// [`Bad::Unfit`] for what is no DHCP message of an Ethernet client: no magic cookie, or other hardware.
    pub fn parse(payload: &[u8]) -> Result<Dhcp4, Bad> {
        let unfit = |why| Bad::Unfit { kind: 0, why };
        let mut r = Reader::new(payload);
        let (op, hardware, length, _hops) = (r.u8()?, r.u8()?, r.u8()?, r.u8()?);
        if !matches!(op, REQUEST | REPLY) || hardware != ETHERNET || length != 6 {
            return Err(unfit("not of an Ethernet client"));
        }
        let (transaction, secs, flags) = (r.u32()?, r.u16()?, r.u16()?);
        let (ciaddr, yiaddr, siaddr, giaddr) = (r.v4()?, r.v4()?, r.v4()?, r.v4()?);
        let chaddr = r.mac()?;
        r.take(16 - 6)?;
        let (sname, file) = (r.take(SNAME)?, r.take(FILE)?);
        if r.array()? != COOKIE {
            return Err(unfit("without DHCP's magic cookie"));
        }
        let mut options = Vec::new();
        read_options(r.rest(), &mut options)?;
        // RFC 2132, 9.3: options may go on in fields that nothing else needs.
        let overload = find(&options, code::OVERLOAD).and_then(|data| data.first().copied()).unwrap_or(0);
        for (bit, field) in [(1, file), (2, sname)] {
            if overload & bit != 0 {
                read_options(field, &mut options)?;
            }
        }
        Ok(Dhcp4 {
            reply: op == REPLY,
            transaction,
            secs,
            broadcast: flags & BROADCAST != 0,
            ciaddr,
            yiaddr,
            siaddr,
            giaddr,
            chaddr,
            options,
        })
    }

    /// Its bytes, for the payload of a UDP datagram, of 300 bytes at least.
    pub fn emit(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(LENGTH_MIN);
        out.put_slice(&[if self.reply { REPLY } else { REQUEST }, ETHERNET, 6, 0]);
        out.put_u32(self.transaction);
        out.put_u16(self.secs);
        out.put_u16(if self.broadcast { BROADCAST } else { 0 });
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            out.put_slice(&address.octets());
        }
        out.put_slice(&self.chaddr.0);
        out.put_bytes(0, 10 + SNAME + FILE);
        out.put_slice(&COOKIE);
        for Dhcp4Option { code, data } in &self.options {
            let empty = data.is_empty().then_some(&[][..]);
            for piece in data.chunks(PIECE).chain(empty) {
                out.put_slice(&[*code, piece.len() as u8]);
                out.put_slice(piece);
            }
        }
        out.put_u8(code::END);
        let short = LENGTH_MIN.saturating_sub(out.len());
        out.put_bytes(code::PAD, short);
        out.freeze()
    }

    /// The message's type, if it says one.
    pub fn kind(&self) -> Option<Dhcp4Kind> {
        match *self.option(code::MESSAGE_TYPE)? {
            [number] => Dhcp4Kind::from_number(number),
            _ => None,
        }
    }

    /// An option's content.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        find(&self.options, code)
    }

    /// The address that an option holds.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        <[u8; 4]>::try_from(self.option(code)?).ok().map(Ipv4Addr::from)
    }
}

fn find(options: &[Dhcp4Option], code: u8) -> Option<&[u8]> {
    options.iter().find(|option| option.code == code).map(|option| &option.data[..])
}

fn read_options(bytes: &[u8], options: &mut Vec<Dhcp4Option>) -> Result<(), Bad> {
    let mut r = Reader::new(bytes);
    let mut read = 0;
    while r.left() > 0 {
        let code = r.u8()?;
        match code {
            code::PAD => continue,
            code::END => break,
            _ => {}
        }
        read += 1;
        if read > DHCP4_OPTIONS_MAX {
            return Err(Bad::TooMany { what: "options", max: DHCP4_OPTIONS_MAX });
        }
        let length = usize::from(r.u8()?);
        let data = r.take(length)?;
        match options.iter_mut().find(|option| option.code == code) {
            Some(option) => option.data = [&option.data[..], data].concat().into(),
            None => options.push(Dhcp4Option { code, data: Bytes::copy_from_slice(data) }),
        }
    }
    Ok(())
}

impl Dhcp4Option {
    /// An option of these bytes.
    pub fn new(code: u8, data: impl AsRef<[u8]>) -> Dhcp4Option {
        Dhcp4Option { code, data: Bytes::copy_from_slice(data.as_ref()) }
    }

    /// A message's type.
    pub fn kind(kind: Dhcp4Kind) -> Dhcp4Option {
        Dhcp4Option::new(code::MESSAGE_TYPE, [kind as u8])
    }

    /// An option that lists addresses.
    pub fn addresses(code: u8, addresses: &[Ipv4Addr]) -> Dhcp4Option {
        Dhcp4Option::new(code, addresses.iter().flat_map(Ipv4Addr::octets).collect::<Vec<_>>())
    }

    /// An option of a number of seconds; all ones is for ever.
    pub fn seconds(code: u8, seconds: u32) -> Dhcp4Option {
        Dhcp4Option::new(code, seconds.to_be_bytes())
    }

    /// Domains to be searched (RFC 3397), without compression; `None` for what is no domain name.
    pub fn domain_search(domains: &[String]) -> Option<Dhcp4Option> {
        let mut out = BytesMut::new();
        domains.iter().try_for_each(|domain| names::write(domain, &mut out))?;
        Some(Dhcp4Option { code: code::DOMAIN_SEARCH, data: out.freeze() })
    }

    /// Routes, each with its next hop (RFC 3442): of a prefix only the bytes that count.
    pub fn routes(routes: &[(Ipv4Net, Ipv4Addr)]) -> Dhcp4Option {
        let mut out = BytesMut::new();
        for (prefix, nexthop) in routes {
            out.put_u8(prefix.prefix_len());
            out.put_slice(&prefix.network().octets()[..usize::from(prefix.prefix_len().div_ceil(8))]);
            out.put_slice(&nexthop.octets());
        }
        Dhcp4Option { code: code::CLASSLESS_STATIC_ROUTE, data: out.freeze() }
    }
}
