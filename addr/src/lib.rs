//! Addresses and small numbers of a network: value types, and the arithmetic that the RFCs define on them.

mod family;
mod mac;
mod npt;
mod numbers;
mod v6;

pub use family::{v4, v6};
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use mac::{BadMac, MacAddr};
pub use npt::{NPT_LONGEST, NPT_SUBNETS, PrefixPair};
pub use numbers::{BadDpid, Dpid, OfPort};
pub use v6::{
    ALL_NODES, ALL_ROUTERS, LINK_LOCAL, MULTICAST, eui64_address, eui64_interface_id, is_link_local, link_local,
    multicast_mac, solicited_node, subnet_router_anycast,
};
