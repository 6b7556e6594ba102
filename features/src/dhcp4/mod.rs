//! DHCP for IPv4 (RFC 2131): a port's address and settings, told by every chassis for the ports on it.

mod flows;
mod offer;
pub mod service;

pub use self::flows::Dhcp4;
