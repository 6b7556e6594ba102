//! Conntrack: the `ct` action and `nat` within it.

use std::net::IpAddr;

use super::Action;
use crate::field::Subfield;

/// Flags of [`Ct`].
pub mod ct_flags {
    /// Keep the connection.
    pub const COMMIT: u16 = 1;
    /// Forget a connection of the other direction first. Needs `COMMIT`.
    pub const FORCE: u16 = 2;
}

/// Flags of [`Nat`].
pub mod nat_flags {
    /// Translate the source.
    pub const SRC: u16 = 1;
    /// Translate the destination.
    pub const DST: u16 = 2;
    /// The same mapping after a restart.
    pub const PERSISTENT: u16 = 4;
    /// Pick ports by hash.
    pub const PROTO_HASH: u16 = 8;
    /// Pick ports at random.
    pub const PROTO_RANDOM: u16 = 16;
}

/// Where conntrack's zone comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ZoneSrc {
    /// This number.
    Imm(u16),
    /// These 16 bits.
    Field(Subfield),
}

/// Through conntrack (`NXAST_CT`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ct {
    /// See [`ct_flags`].
    pub flags: u16,
    /// The zone.
    pub zone: ZoneSrc,
    /// The table in which the packet goes on, tracked; `None`: it goes on untracked after this action.
    pub table: Option<u8>,
    /// The port of a helper protocol: 21 for FTP, 69 for TFTP, else 0.
    pub alg: u16,
    /// What is done to the connection: sets of `ct_mark` and `ct_label`, and `nat`.
    pub exec: Vec<Action>,
}

impl Default for Ct {
    fn default() -> Ct {
        Ct {
            flags: 0,
            zone: ZoneSrc::Imm(0),
            table: None,
            alg: 0,
            exec: Vec::new(),
        }
    }
}

/// Translate addresses (`NXAST_NAT`). Without range and flags: as the connection was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nat {
    /// See [`nat_flags`].
    pub flags: u16,
    /// The lowest address.
    pub min: Option<IpAddr>,
    /// The highest address.
    pub max: Option<IpAddr>,
    /// The lowest port.
    pub port_min: Option<u16>,
    /// The highest port.
    pub port_max: Option<u16>,
}
