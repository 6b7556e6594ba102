//! DHCPv6 (RFC 8415): addresses that intents gave to ports, and settings, told by every chassis for the ports on it.

mod associations;
mod flows;
mod offer;
pub mod reconfigure;
mod register;
mod relay;
pub mod service;

pub use self::flows::Dhcp6;
