//! Addresses that stand for others outside: floating ones, one for one.
//!
//! An address on a provider network that a router answers for on somebody's behalf (a presence) is answered for by one chassis, that of the
//! port if it is on the physical network: `gateway::choice` says which.

mod flows;
pub mod service;

pub use self::flows::Mapping;
