//! Multicast: hosts and routers say who listens to which group (MLD, IGMP), and each packet to a group goes to those: once to each
//! chassis where they are, and there to their ports, by routers to ports of their other networks too.

mod flows;
pub mod query;
pub mod said;
pub mod wants;

pub use self::flows::Multicast;
pub(crate) use self::flows::{arrives, is_our_group};
