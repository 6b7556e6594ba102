//! Learning: on the network with automatic ports, whoever is the first to use a port of a chassis, a MAC or an address has
//! it. What is not known yet is punted; what was asked for in vain is asked of all ports that may have it.

pub mod alive;
mod flows;
pub mod heard;
pub mod resolve;

pub use self::flows::Learn;

/// The userdata of a punt from a port of a chassis that nothing claims: the packet-in's port says the rest.
pub const USERDATA_SPARE: &[u8] = &[2];
