//! What is: the nouns of a virtual network as facts, and what follows from them.
//!
//! A fact is one facet of one noun. [`World::commit`] changes facts all or nothing and answers with the keys that changed,
//! those of derived facts included: who needs a network, who reaches a port. Readers go through a [`View`], which
//! records every key that they looked at.

mod commit;
mod facts;
mod index;
mod keys;
mod needs;
mod spares;
mod view;
mod world;

pub use commit::{Change, Committed};
pub use facts::{
    AddressPair, Advert, Binding, Chassis, Delegated, Dhcp4, Dhcp6, DhcpOption, DhcpOptions, Encap, Fabric, Hop,
    Interface, Lane, Network, Policy, Port, Role, Route, Router, RouterPreference, Subnet, Way,
};
pub use keys::{ChassisKey, Key, KeyKind, NetworkKey, PortKey, ResourceId, RouterKey, SubnetKey};
pub use needs::Need;
pub use view::{Holder, Member, Place, View};
pub use world::World;
