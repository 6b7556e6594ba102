//! Bridges that are wired to each other: links found by LLDP, and frames carried over several of them by labels.
//!
//! A frame between chassis has one VLAN tag for its network; over more than one link a second one above it. That one's identifier
//! is the number of the chassis that the frame is for, its priority a label: which of the trees that lead to that chassis it follows.
//! The rows of a label are never changed while a frame with it may be on its way, so that each follows one tree from its first chassis
//! to its last, whatever changes meanwhile. The chassis before the last takes the label off (penultimate hop popping, RFC 3031, 3.16):
//! Open vSwitch sees no tag under another unless it is told to (`vlan-limit`).

mod flows;
mod probe;
mod recall;

pub use self::flows::Links;
pub(crate) use self::flows::copy_to;
pub use self::probe::{Mark, Probe};
pub use self::recall::{Recalled, recall};

/// The userdata of a punted LLDP frame: the packet-in's port says the rest.
pub const USERDATA_LLDP: &[u8] = &[3];

/// Labels of one chassis: the priority's values, but for the last.
pub const LABELS: u8 = 7;

/// The largest number of a chassis, as a VLAN identifier.
pub const CHASSIS_MAX: u16 = 4094;

/// The priority of a network's tag: no label, so that it is told from those of paths, whose identifiers are chassis.
const NETWORK_PCP: u8 = LABELS;

/// "A tag is there", above the identifier (OpenFlow 1.3.5, 7.2.3.7).
const PRESENT: u16 = 0x1000;
