//! One folder per capability. Each says what it writes into which tables, and answers the packets that its rows punt.

pub mod announce;
pub mod anycast;
pub mod arp;
pub mod dhcp4;
pub mod dhcp6;
pub mod direct;
pub mod dns;
pub mod exposure;
pub mod gateway;
pub mod given;
pub mod groups;
pub mod holder;
pub mod icmp;
pub mod l2;
pub mod learn;
pub mod lease;
pub mod links;
pub mod mapping;
pub mod metadata;
pub mod multicast;
pub mod nd;
pub mod options;
pub mod overlay;
pub mod port;
pub mod provider;
pub mod punt;
pub mod ra;
pub mod requesting;
pub mod router;
pub mod routing;
mod siphash;
mod time;
pub mod turns;

use flows::Feature;

pub use time::Millis;

/// Every feature. To add one: a folder, and its name here.
pub const ALL: &[&dyn Feature] = &[
    &flows::Misses,
    &overlay::Overlay,
    &l2::L2,
    &nd::Nd,
    &arp::Arp,
    &port::Port,
    &routing::Routing,
    &icmp::Icmp,
    &ra::Ra,
    &learn::Learn,
    &dhcp6::Dhcp6,
    &dhcp4::Dhcp4,
    &links::Links,
    &dns::Dns,
    &groups::Groups,
    &multicast::Multicast,
    &provider::Provider,
    &anycast::Anycast,
    &metadata::Metadata,
    &gateway::Gateway,
    &mapping::Mapping,
    &direct::Direct,
];
