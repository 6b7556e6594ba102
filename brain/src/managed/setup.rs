//! What a managed chassis' database shall hold: a function of intents and of whether the bridge is connected.

use std::collections::BTreeSet;
use std::sync::Arc;

use addr::Dpid;
use topology::{Encap, ResourceId};

use crate::catalog::Catalog;

/// The bridge's name where the chassis has a datapath id and names none.
const BRIDGE: &str = "br-int";

/// What shall be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// The chassis' name: what is set for it is marked with that.
    pub(crate) chassis: Arc<str>,
    /// The bridge's.
    pub(crate) bridge: Arc<str>,
    pub(crate) dpid: Option<Dpid>,
    /// `system` or `netdev`, if it is given.
    pub(crate) datapath_type: Option<Arc<str>>,
    pub(crate) tunnels: Vec<Tunnel>,
    /// The OpenFlow target of a bridge that has none and is not connected.
    pub(crate) controller: Option<Arc<str>>,
    pub(crate) connected: bool,
}

/// A tunnel port of the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) name: Arc<str>,
    /// The interface's type.
    pub(crate) kind: &'static str,
    /// Its options that matter; others may be there.
    pub(crate) options: Vec<(&'static str, String)>,
    /// Its column `bfd`.
    pub(crate) bfd: Vec<(&'static str, String)>,
}

/// The setup of a chassis; `None`: it is not managed.
pub(crate) fn setup(catalog: &Catalog, id: &ResourceId, connected: bool) -> Option<Setup> {
    let chassis = catalog.chassis(id)?;
    let managed = chassis.managed.as_ref()?;
    let unnamed = || if chassis.dpid.is_some() { Arc::from(BRIDGE) } else { id.name.clone() };
    Some(Setup {
        chassis: id.name.clone(),
        bridge: managed.bridge.clone().unwrap_or_else(unnamed),
        dpid: chassis.dpid,
        datapath_type: managed.datapath_type.clone(),
        tunnels: fabric_port(catalog).into_iter().collect(),
        controller: managed.controller.clone(),
        connected,
    })
}

/// The fabric's port, where it tunnels. A trunk is the physical interface itself, which is not ours to move onto a bridge.
fn fabric_port(catalog: &Catalog) -> Option<Tunnel> {
    let fabric = catalog.fabric()?;
    let flow = |option| (option, "flow".to_owned());
    Some(Tunnel {
        name: fabric.interface.clone(),
        kind: tunnel_type(fabric.encap)?,
        options: vec![flow("remote_ip"), flow("key")],
        bfd: vec![],
    })
}

/// The type of a tunnel's interface.
pub(crate) fn tunnel_type(encap: Encap) -> Option<&'static str> {
    match encap {
        Encap::Geneve => Some("geneve"),
        Encap::Vxlan => Some("vxlan"),
        Encap::Gre => Some("gre"),
        Encap::Vlan | Encap::Links => None,
    }
}

/// The tables of which Open vSwitch is told by what prefixes it shall look rows up.
pub(crate) fn prefixes() -> impl Iterator<Item = (i64, BTreeSet<String>)> {
    flows::docs::prefixes().map(|(table, fields)| (table.into(), fields.split(',').map(str::to_owned).collect()))
}
