//! What is told unasked: to the switches of a VLAN underlay where a port's MAC is now, to neighbours which MAC an address
//! has now. Hosts' own announcements of either kind are dropped or never reach the fabric.

mod addresses;
mod places;
pub mod service;
