//! Metadata: what a VM is told of itself over HTTP, by the paths of OpenStack and of EC2.
//!
//! Three addresses are the service's on every network, and nobody else's: flows answer who asks for them, and punt what comes for
//! TCP port 80. Who asks is known by the port that it came in by, never by its address: tenants may have the same ones. The
//! connections end here, in a TCP stack without sockets; no interface of any machine has the addresses.

mod answers;
mod connection;
mod ec2;
mod flows;
mod http;
mod network_data;
mod openstack;
pub mod service;
mod stack;
mod tree;
mod vm;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addr::MacAddr;
use topology::PortKey;

pub use self::flows::Metadata;

/// OpenStack's IPv6 address (Neutron's `METADATA_V6_IP`).
pub const OPENSTACK: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
/// EC2's IPv6 address.
pub const EC2: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);
/// Everybody's IPv4 address.
pub const IPV4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The MAC that has them, the same everywhere: of those that no port may have.
pub const MAC: MacAddr = MacAddr([0x02, 0x53, 0x04, 0xa9, 0xfe, 0xfe]);

/// Whether an address is the service's.
pub fn is_own(address: IpAddr) -> bool {
    [IpAddr::V6(OPENSTACK), IpAddr::V6(EC2), IpAddr::V4(IPV4)].contains(&address)
}

/// What is told of a VM beside what the world knows of its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Its device_id; without one, the uid of the port.
    pub id: String,
    /// As its first boot is to find it.
    pub user_data: Option<Vec<u8>>,
    /// Public keys for SSH, a line each.
    pub public_keys: Vec<String>,
    /// The port that asks, then the device's others.
    pub nics: Vec<Nic>,
}

/// A port of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// The port.
    pub port: PortKey,
    /// Its uid.
    pub uid: String,
    /// Its network's uid.
    pub network_uid: String,
}
