//! Addresses by their family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, if it is IPv6.
pub const fn v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

/// An address, if it is IPv4.
pub const fn v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}
