//! Packets as values: what a controller reads from packet-ins and writes to packet-outs.
//!
//! Everything here is pure: bytes in, values out, and back. Decoders never panic, refuse what an RFC tells
//! a receiver to discard (with the numbers, in [`Bad`]), and keep what they do not know so that it can be
//! emitted again. A whole frame is read by [`Frame::parse`] and written by [`Frame::emit`]; the functions
//! of [`compose`](ipv6_frame) write the frames that a controller sends most.
//!
//! ```
//! use packet::{Frame, Icmpv6, Net, neighbor_solicit};
//!
//! let mac = "02:00:00:00:00:01".parse().unwrap();
//! let frame = neighbor_solicit(mac, "fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
//! let Net::Ipv6(ip) = Frame::parse(&frame).unwrap().net else { panic!("not IPv6") };
//! assert!(matches!(ip.icmpv6(), Ok(Some(Icmpv6::NeighborSolicit { .. }))));
//! ```

mod arp;
mod bad;
mod checksum;
mod compose;
mod dhcp4;
mod dhcp6;
mod dns;
mod ethernet;
mod icmp_error;
mod icmpv4;
mod icmpv6;
mod icmpv6_check;
mod igmp;
mod ipv4;
mod ipv6;
mod lldp;
mod mld;
mod names;
mod nd;
mod readdress;
mod transport;
mod wire;

pub use addr::{Ipv4Net, Ipv6Net, MacAddr};
pub use arp::{Arp, OP_REPLY, OP_REQUEST};
pub use bad::Bad;
pub use checksum::{checksum, checksum_v4, checksum_v6};
pub use compose::{
    Advertised, arp_frame, arp_reply, arp_request, icmpv4_frame, icmpv6_frame, igmp_frame, ipv4_frame, ipv6_frame,
    neighbor_advert, neighbor_probe, neighbor_solicit, router_advert, router_solicit,
};
pub use dhcp4::{DHCP4_CLIENT_PORT, DHCP4_OPTIONS_MAX, DHCP4_SERVER_PORT, Dhcp4, Dhcp4Kind, Dhcp4Option, dhcp4_option};
pub use dhcp6::{
    ALL_DHCP_SERVERS, ALL_DHCP_SERVERS_OF_SITE, DHCP6_CLIENT_PORT, DHCP6_DEPTH_MAX, DHCP6_HOPS_MAX, DHCP6_OPTIONS_MAX,
    DHCP6_SERVER_PORT, Dhcp6, Dhcp6Kind, Dhcp6Message, Dhcp6Option, Dhcp6Relay, Dhcp6Status, duid_ll,
    option_code as dhcp6_option, reconfigure_key,
};
pub use dns::{DNS_PORT, DNS_UDP_MAX, DnsAnswer, DnsBad, DnsCode, DnsData, DnsKind, DnsQuery};
pub use ethernet::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Ethernet, Frame, Net, VLANS_MAX, Vlan};
pub use icmp_error::{Icmpv4Error, Icmpv6Error, icmpv4_error, icmpv6_error};
pub use icmpv4::Icmpv4;
pub use icmpv6::Icmpv6;
pub use igmp::{Igmp, IgmpQuery, IgmpRecord};
pub use ipv4::Ipv4Packet;
pub use ipv6::{EXTENSIONS_MAX, Extension, Fragment, Ipv6Packet};
pub use lldp::{ETHERTYPE_LLDP, LLDP_GROUP, LLDP_TLVS_MAX, Lldp, LldpId, LldpTlv};
pub use mld::{MldQuery, MldRecord, MldRecordKind, RECORDS_MAX, SOURCES_MAX};
pub use nd::{NdOption, OPTIONS_MAX, Preference, RouterAdvert};
pub use readdress::{Side, addresses, quoted_addresses, readdress, readdress_quote};
pub use transport::{Tcp, Udp, tcp, tcp_v4, udp, udp_v4};

/// IP protocol and next-header numbers that this crate reads or writes (IANA "protocol numbers").
pub mod protocol {
    /// IPv6 hop-by-hop options (RFC 8200, 4.3).
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4 (RFC 792).
    pub const ICMPV4: u8 = 1;
    /// IGMP (RFC 3376).
    pub const IGMP: u8 = 2;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// IPv6 routing header (RFC 8200, 4.4).
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header (RFC 8200, 4.5).
    pub const FRAGMENT: u8 = 44;
    /// Encapsulating security payload (RFC 4303).
    pub const ESP: u8 = 50;
    /// Authentication header (RFC 4302).
    pub const AH: u8 = 51;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// Nothing follows (RFC 8200, 4.7).
    pub const NO_NEXT: u8 = 59;
    /// IPv6 destination options (RFC 8200, 4.6).
    pub const DESTINATION: u8 = 60;
    /// Mobility header (RFC 6275).
    pub const MOBILITY: u8 = 135;
    /// Host identity protocol (RFC 7401).
    pub const HIP: u8 = 139;
    /// Shim6 (RFC 5533).
    pub const SHIM6: u8 = 140;
}
