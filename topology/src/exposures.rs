//! Exposures: what is behind routers and to be reached from outside.

use std::sync::Arc;

use addr::IpNet;

use crate::commit::{Marks, put};
use crate::keys::{ExposureKey, Key, NetworkKey, PortKey, RouterKey};
use crate::world::World;

/// What is behind a router and to be reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The router that leads in.
    pub router: RouterKey,
    /// How it is to be reached.
    pub method: ExposureMethod,
    /// The ports that are exposed, each once.
    pub ports: Vec<PortKey>,
    /// The prefixes that are exposed, each with its network.
    pub prefixes: Vec<(NetworkKey, IpNet)>,
}

/// How what is exposed is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExposureMethod {
    /// Routers upstream lead to it.
    Routed,
    /// Its addresses are answered for on the provider network (after RFC 4389): each is a presence, which its port states.
    NdProxy,
}

/// Another exposure, or none.
pub(crate) fn changed(world: &mut World, marks: &mut Marks, key: ExposureKey, new: Option<Exposure>) {
    if put(&mut world.exposures, key, new).is_some() {
        marks.changed(Key::Exposure(key));
    }
}
