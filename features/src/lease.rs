//! Leases: what a client was told that it may use, and for how long.
//!
//! A lease is a record of what was promised, kept by port: who the client says it is does not matter (its port is who it is), so
//! another operating system on the same port, with another DUID, gets the same addresses.

use std::net::{IpAddr, Ipv6Addr};

use addr::IpNet;
use bytes::Bytes;
use topology::PortKey;

use crate::punt::PacketOut;

/// Which of a port's leases: one for each association that a client names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Association {
    /// The IPv4 address (RFC 2131): there is one.
    V4,
    /// Non-temporary addresses (RFC 8415, 21.4), by IAID.
    Na(u32),
    /// Delegated prefixes (RFC 8415, 21.21), by IAID.
    Pd(u32),
    /// An address that the host has formed, and has registered (RFC 9686).
    Registered(Ipv6Addr),
}

/// What a message from a client does to its port's leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// These are its from now on: a lease begins, or goes on.
    Bind {
        /// Which.
        association: Association,
        /// The client's DUID (RFC 8415, 11), or for IPv4 its client identifier (RFC 2132, 9.14) or MAC.
        client: Bytes,
        /// Addresses, whole, or prefixes. Of other leases of the port they are gone.
        leased: Vec<IpNet>,
        /// Seconds; all ones is for ever.
        valid_s: u32,
    },
    /// The client gives it back.
    End {
        /// Which.
        association: Association,
    },
}

/// Known to this process alone: keys are made of it.
pub type Secret = [u8; 16];

/// What client and server have agreed on, so that the client may be told to ask again (RFC 8415, 20.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// By which the client knows who tells it.
    pub key: [u8; 16],
    /// Where it is told so.
    pub address: Ipv6Addr,
}

/// Whether a client may be told to ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reconfigure {
    /// It takes no such messages.
    #[default]
    Never,
    /// As was agreed on before.
    AsBefore,
    /// By an agreement that is made with this answer.
    By(Agreement),
}

/// What a client's message leads to.
#[derive(Debug, PartialEq)]
pub struct Served {
    /// The message's name, as counters use it.
    pub operation: &'static str,
    /// Whose leases: the port of the client, be the message from there or brought by a relay agent.
    pub port: PortKey,
    /// To be sent as soon as the leases are durable. None: the message is one that gets no answer.
    pub packets: Vec<PacketOut>,
    /// To be made durable first.
    pub leases: Vec<LeaseChange>,
    /// What the client will ask for next. Written meanwhile, so that then it need not wait for that.
    pub ahead: Vec<LeaseChange>,
    /// Of the leases that it binds.
    pub reconfigure: Reconfigure,
    /// Why addresses were asked for in vain.
    pub lacks: Option<&'static str>,
}

/// An address as what is leased.
pub fn whole(address: impl Into<IpAddr>) -> IpNet {
    IpNet::from(address.into())
}
