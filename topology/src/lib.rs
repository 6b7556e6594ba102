//! What is: the nouns of a virtual network as facts, and what follows from them.
//!
//! A fact is one facet of one noun. [`World::commit`] changes facts all or nothing and answers with the keys that changed,
//! those of derived facts included: who needs a network, who reaches a port. Readers go through a [`View`], which
//! records every key that they looked at.

mod commit;
mod direct;
mod ends;
mod exposures;
mod facts;
mod gateways;
mod groups;
mod index;
mod keys;
mod listeners;
mod localnets;
mod needs;
mod presences;
mod spares;
mod view;
mod world;

pub use commit::{Change, Committed};
pub use direct::{Direct, Subport, is_stand_in};
pub use ends::Ends;
pub use exposures::{Exposure, ExposureMethod};
pub use facts::{
    AddressGroup, AddressPair, Advert, Alive, Anycast, Binding, Chassis, Check, Delegated, Dhcp4, Dhcp6, DhcpOption,
    DhcpOptions, Direction, Encap, ExternalGateway, Fabric, Health, Hop, Interface, Lane, Listener, Membership,
    Network, PROBE_PREFIX, Physical, Policy, Port, Remote, Role, Route, Router, RouterPreference, Rule, SecurityGroup,
    Subnet, Way,
};
pub use gateways::{GatewayChassis, UpstreamRouter};
pub use keys::{
    AddressGroupKey, AnycastKey, ChassisKey, ExposureKey, GroupKey, Key, KeyKind, NetworkKey, PortKey, ResourceId,
    RouterKey, SetKey, SubnetKey,
};
pub use listeners::{Audience, Case, is_routed as is_routed_group, is_snooped};
pub use needs::Need;
pub use presences::{PrefixMapping, Presence, Snat};
pub use view::{Holder, Member, Place, Shared, View};
pub use world::World;
