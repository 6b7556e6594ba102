//! Questions that ports ask of everybody, and of which only the controller knows that nobody here can answer.

use topology::View;

use super::copy_to;
use crate::punt::{PacketOut, Punted};

/// A probe, on its way to those on the physical network: one of them may have the address (RFC 4862, 5.4; RFC 5227, 2.1).
pub fn probe_outside(view: &View<'_>, punted: &Punted) -> Option<PacketOut> {
    // A pass-through NIC has asked there already.
    let vlan = view.physical(punted.network).filter(|_| punted.place.beyond().is_none())?.vlan;
    let port = view.localnet(punted.network, punted.place.chassis)?;
    Some(PacketOut::by(punted.place.chassis, copy_to(vlan, port), punted.frame.clone()))
}
