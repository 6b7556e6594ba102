//! Provider networks: a VLAN of a physical network, or all that is untagged there, with ports attached straight to it. Chassis that are on
//! the physical network share one layer-2 segment; nothing of it goes over the fabric.

mod border;
mod flows;
pub mod service;

pub use self::flows::Provider;
pub(crate) use self::flows::{NO_PORT, copy_to, tagged};

/// The userdata of what is punted from a physical network: registers say the rest.
pub const USERDATA_LOCALNET: &[u8] = &[4];
