//! External gateways: routers' ways to provider networks and out from there.
//!
//! What is for outside leaves where it is, if the chassis has a way to the physical network; else by one of the gateways. What comes back
//! comes to a gateway that holds one of the router's addresses, and from there to the port in one hop.

mod announced;
pub mod choice;
mod flows;
mod heard;
pub mod service;

pub use self::flows::Gateway;
pub(crate) use self::flows::answered;
use crate::l2::{GATEWAY_GROUPS, SNAT_GROUPS};

/// The group by which a chassis sends to the one that remembers a router's connections.
pub(crate) fn group_of_memory(router: topology::RouterKey) -> u32 {
    SNAT_GROUPS << 24 | router.0
}

/// The group by which a chassis without a way to a provider network sends to its gateways.
pub(crate) fn group_of_gateways(network: topology::NetworkKey) -> u32 {
    GATEWAY_GROUPS << 24 | network.0
}
