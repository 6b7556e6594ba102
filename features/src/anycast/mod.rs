//! Anycast services: one address that several ports answer for. Hosts have one MAC for it, the service's, which never changes; the
//! switch puts that of an instance in its place: one on the same chassis, else one of all by hash.

mod flows;
pub mod probe;
mod slots;

pub use self::flows::{Anycast, instances, prober};

/// Open vSwitch's own name for the answers' way.
pub(crate) const PROBE_PORTS: u16 = 0xf000;
