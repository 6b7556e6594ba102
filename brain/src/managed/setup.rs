//! What a managed chassis' database shall hold: a function of intents and of whether the bridge is connected.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use addr::Dpid;
use topology::{Encap, PROBE_PREFIX, ResourceId};

use crate::catalog::{CHASSIS, Catalog, Chassis, Claim};

/// The bridge's name where the chassis has a datapath id and names none.
const BRIDGE: &str = "br-int";

/// The key of tunnels for BFD: the last VNI.
const PROBE_KEY: u32 = 0xff_ffff;
/// Chassis that one watches.
const PROBES_MAX: usize = 64;

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
    /// What is left out, and why.
    pub(crate) problem: Option<String>,
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
    let (probes, problem) = probes(catalog, id, chassis);
    let unnamed = || if chassis.dpid.is_some() { Arc::from(BRIDGE) } else { id.name.clone() };
    Some(Setup {
        chassis: id.name.clone(),
        bridge: managed.bridge.clone().unwrap_or_else(unnamed),
        dpid: chassis.dpid,
        datapath_type: managed.datapath_type.clone(),
        tunnels: fabric_port(catalog).into_iter().chain(probes).collect(),
        controller: managed.controller.clone(),
        connected,
        problem,
    })
}

/// Ports on which BFD runs: a tunnel whose other end is given, for Open vSwitch has BFD on no other. They carry nothing else: frames of
/// networks have other keys. Gateways and all others watch each other.
fn probes(catalog: &Catalog, id: &ResourceId, chassis: &Chassis) -> (Vec<Tunnel>, Option<String>) {
    let Some((fabric, kind)) = catalog.fabric().and_then(|fabric| Some((fabric, tunnel_type(fabric.encap)?))) else {
        return (Vec::new(), None);
    };
    let is_gateway = |chassis: &Chassis| chassis.gateway_priority.is_some();
    let peers = catalog.ids(CHASSIS).filter(|peer| *peer != id).filter_map(|peer| {
        let other = catalog.chassis(peer).filter(|other| other.managed.is_some())?;
        let address =
            other.tunnel_ip.filter(|address| chassis.tunnel_ip.map(|a| a.is_ipv6()) == Some(address.is_ipv6()))?;
        (is_gateway(chassis) || is_gateway(other)).then_some((catalog.key_of(peer)?, address))
    });
    let mut peers: Vec<(u32, IpAddr)> = peers.collect();
    peers.sort_unstable();
    let mut problem =
        (peers.len() > PROBES_MAX).then(|| format!("BFD with {PROBES_MAX} of {} chassis only", peers.len()));
    peers.truncate(PROBES_MAX);
    if let Some(network) = catalog.owners(&Claim::Segment(PROBE_KEY)).next().filter(|_| !peers.is_empty()) {
        problem = Some(format!("no BFD: {network} has its id {PROBE_KEY}"));
        peers.clear();
    }
    let interval = fabric.bfd.interval_ms.to_string();
    let bfd = vec![
        ("enable", "true".to_owned()),
        ("min_tx", interval.clone()),
        ("min_rx", interval),
        ("mult", fabric.bfd.multiplier.to_string()),
    ];
    let probe = |(key, address): (u32, IpAddr)| Tunnel {
        name: format!("{PROBE_PREFIX}{key}").into(),
        kind,
        options: vec![("remote_ip", address.to_string()), ("key", PROBE_KEY.to_string())],
        bfd: bfd.clone(),
    };
    (peers.into_iter().map(probe).collect(), problem)
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

/// Whether a network has the key of tunnels for BFD.
pub(crate) fn probe_key_taken(catalog: &Catalog) -> bool {
    catalog.owners(&Claim::Segment(PROBE_KEY)).next().is_some()
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
