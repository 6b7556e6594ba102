//! Chassis: a bridge by its datapath id or name, its tunnel endpoint, and the physical networks that it is on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use addr::{Dpid, is_link_local};
use proto::v1;
use topology::{Change, ChassisKey, ResourceId};

use super::managed::{self, Managed};
use super::{Model, fabric, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{self, CHASSIS};
use crate::catalog::index::Claim;

/// A chassis' spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chassis {
    pub(crate) dpid: Option<Dpid>,
    pub(crate) tunnel_ip: Option<IpAddr>,
    /// The bridge's ports that lead to physical networks, by those.
    pub(crate) mappings: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) gateway_priority: Option<u32>,
    /// Where and how it is set up; `None`: by others.
    pub(crate) managed: Option<Managed>,
}

/// Physical networks that one chassis is on.
const MAPPINGS_MAX: usize = 64;

pub(super) fn parse(spec: &mut v1::ChassisSpec, findings: &mut Findings) -> Chassis {
    let managed = managed::parse(spec, findings);
    let v1::ChassisSpec { datapath_id, tunnel_ip, bridge_mappings, gateway_priority, .. } = spec;
    let dpid = text::opt(datapath_id, "datapath_id", findings);
    if dpid == Some(Dpid(0)) {
        findings.spec("datapath_id", "is all zeros, which no bridge has");
    }
    let tunnel_ip = text::opt(tunnel_ip, "tunnel_ip", findings);
    if let Some(address) = tunnel_ip.filter(|a| !is_endpoint(*a)) {
        findings.spec(
            "tunnel_ip",
            format!("{address} can't be a tunnel endpoint: a global or private unicast address is needed"),
        );
    }
    let mappings = mappings(&*bridge_mappings, findings);
    if gateway_priority.is_some() && mappings.is_empty() {
        findings.spec("gateway_priority", "needs bridge_mappings: a gateway leads to a physical network");
    }
    Chassis { dpid, tunnel_ip, mappings, gateway_priority: *gateway_priority, managed }
}

fn mappings<'m>(
    given: impl IntoIterator<Item = (&'m String, &'m String)>,
    findings: &mut Findings,
) -> BTreeMap<Arc<str>, Arc<str>> {
    let given: BTreeMap<&str, &str> = given.into_iter().map(|(name, port)| (name.as_str(), port.as_str())).collect();
    if given.len() > MAPPINGS_MAX {
        findings.spec("bridge_mappings", format!("has {} entries; {MAPPINGS_MAX} are the most", given.len()));
    }
    let mut mappings: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for (name, port) in given {
        if !ident::is_name(name) {
            findings.spec("bridge_mappings", format!("{name:?} is not a name: {}", ident::NAME_RULE));
        }
        text::interface(port, "bridge_mappings", findings);
        if let Some((other, _)) = mappings.iter().find(|(_, known)| ***known == *port) {
            findings.spec(
                "bridge_mappings",
                format!("{port} leads to {other} already: a port leads to one physical network"),
            );
        }
        mappings.insert(name.into(), port.into());
    }
    mappings
}

fn is_endpoint(address: IpAddr) -> bool {
    let unicast = !address.is_multicast() && !address.is_unspecified() && !address.is_loopback();
    unicast
        && match address {
            IpAddr::V4(a) => !a.is_broadcast() && !a.is_link_local(),
            IpAddr::V6(a) => !is_link_local(a),
        }
}

pub(super) fn claims(id: &ResourceId, chassis: &Chassis, claims: &mut Vec<Claim>) {
    claims.extend(chassis.dpid.map(Claim::Datapath));
    claims.extend(chassis.tunnel_ip.map(Claim::TunnelIp));
    claims.extend(chassis.mappings.values().map(|port| Claim::Interface(id.clone(), port.clone())));
}

pub(super) fn check(catalog: &Catalog, chassis: &Chassis, findings: &mut Findings) {
    let tunnelled = catalog.fabric().map(|f| f.encap).filter(|encap| encap.tunnels());
    if let (None, Some(encap)) = (chassis.tunnel_ip, tunnelled) {
        findings.spec("tunnel_ip", format!("is needed: the fabric's encapsulation is {}", fabric::encap_name(encap)));
    }
    fabric_port(catalog, chassis, findings);
}

fn fabric_port(catalog: &Catalog, chassis: &Chassis, findings: &mut Findings) {
    let port = catalog.fabric().map(|fabric| fabric.interface.clone());
    if let Some(port) = port.filter(|port| chassis.mappings.values().any(|mapped| mapped == port)) {
        findings.spec("bridge_mappings", format!("{port} is the fabric's interface"));
    }
}

pub(super) fn facts(id: &ResourceId, record: &v1::Record, chassis: &Chassis, facts: &mut Vec<Change>) {
    // Keys of chassis are handed out up to 65,535; one beyond that was not ours and makes no fact.
    if let Ok(key) = u16::try_from(record.key) {
        let Chassis { dpid, tunnel_ip, mappings, gateway_priority, .. } = chassis.clone();
        let (name, mappings) = (id.name.clone(), mappings.into_iter().collect());
        let drained = record.drained;
        let fact = topology::Chassis { name, dpid, tunnel_ip, mappings, gateway_priority, drained };
        facts.push(Change::Chassis(ChassisKey(key), Some(fact)));
    }
}

impl Catalog {
    pub(crate) fn chassis(&self, id: &ResourceId) -> Option<&Chassis> {
        match self.model(id) {
            Some(Model::Chassis(chassis)) => Some(chassis),
            _ => None,
        }
    }

    /// Whether a chassis tells whose interfaces are.
    pub(crate) fn is_managed(&self, id: &ResourceId) -> bool {
        self.chassis(id).is_some_and(|chassis| chassis.managed.is_some())
    }

    /// The chassis that a connected bridge is: the one with its datapath id, or the one of its name that gives no datapath id.
    pub(crate) fn chassis_for(&self, dpid: Dpid, bridge: &str) -> Option<(ChassisKey, ResourceId)> {
        let by_dpid = self.owners(&Claim::Datapath(dpid)).next().cloned();
        let id = by_dpid.or_else(|| {
            let id = ident::id(CHASSIS, "", bridge);
            let unnumbered = matches!(self.model(&id), Some(Model::Chassis(Chassis { dpid: None, .. })));
            unnumbered.then_some(id)
        })?;
        Some((ChassisKey(u16::try_from(self.key_of(&id)?).ok()?), id))
    }
}
