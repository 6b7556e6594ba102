//! Tests of the catalog as a whole: requests in, records and facts out.

mod addresses;
mod anycast;
mod automatic;
mod delegations;
mod floating;
mod lifecycle;
mod modes;
mod property;
mod refusals;
mod renumbering;
mod rig;
mod shares;
mod store;
mod translators;
mod upstream;
