//! Addresses that are others outside: floating ones, one for one; whole prefixes (RFC 6296); and, over
//! IPv4, everybody's that is a router's own.
//!
//! An address on a provider network that a router answers for on somebody's behalf (a presence) is answered for by one chassis, that of the
//! port if it is on the physical network: `gateway::choice` says which.

mod flows;
mod prefixes;
pub mod service;
mod snat;

pub use self::flows::Mapping;
