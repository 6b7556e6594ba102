//! Trunks: ports that share another one's interface, each with a VLAN tag.

use proto::v1;
use topology::{Change, PortKey, ResourceId, Subport};

use super::class::Class;
use super::port::Port;
use super::{Model, text};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{ANYCAST_SERVICE, PORT, TRUNK};

/// VLAN identifiers (IEEE 802.1Q, 9.6).
const VLAN_MAX: u32 = 4_094;

/// A trunk's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trunk {
    pub(crate) port: ResourceId,
    pub(crate) sub_ports: Vec<(ResourceId, u16)>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::TrunkSpec, findings: &mut Findings) -> Option<Trunk> {
    let port = text::target(PORT, &id.tenant, &spec.port, "port", findings);
    if spec.sub_ports.len() > VLAN_MAX as usize {
        findings.spec("sub_ports", format!("has {} entries; {VLAN_MAX} are the most", spec.sub_ports.len()));
        return None;
    }
    let mut sub_ports: Vec<(ResourceId, u16)> = Vec::new();
    for (i, entry) in spec.sub_ports.iter().enumerate() {
        let at = |field: &str| format!("sub_ports[{i}].{field}");
        let Some(sub_port) = text::target(PORT, &id.tenant, &entry.port, &at("port"), findings) else { continue };
        let vlan = u16::try_from(entry.segmentation_id).ok().filter(|vlan| (1..=VLAN_MAX).contains(&u32::from(*vlan)));
        let Some(vlan) = vlan else {
            findings.spec(at("segmentation_id"), format!("is {}: a VLAN is 1 to {VLAN_MAX}", entry.segmentation_id));
            continue;
        };
        if let Some(other) = sub_ports.iter().position(|(_, other)| *other == vlan) {
            findings.spec(at("segmentation_id"), format!("{vlan} is that of sub_ports[{other}] already"));
        }
        if port.as_ref() == Some(&sub_port) || sub_ports.iter().any(|(other, _)| *other == sub_port) {
            findings.spec(at("port"), format!("{sub_port} is of this trunk already"));
        }
        sub_ports.push((sub_port, vlan));
    }
    Some(Trunk { port: port?, sub_ports })
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, trunk: &Trunk, findings: &mut Findings) {
    let others = |port: &ResourceId| catalog.users(port, TRUNK).find(|other| *other != id).cloned();
    let mut of_another = |field: &str, port: &ResourceId| {
        if let Some(other) = others(port) {
            findings.spec(field, format!("{port} is of {other}: a port is of one trunk"));
        }
    };
    of_another("port", &trunk.port);
    for (i, (port, _)) in trunk.sub_ports.iter().enumerate() {
        of_another(&format!("sub_ports[{i}].port"), port);
    }
    if catalog.port(&trunk.port).is_some_and(|port| port.class != Class::Plugged) {
        let message = format!("{} passes the bridge by: nobody there could tell its tags", trunk.port);
        findings.spec("port", message);
    }
    for (i, (id, _)) in trunk.sub_ports.iter().enumerate() {
        let Some(port) = catalog.port(id) else { continue };
        let field = format!("sub_ports[{i}].port");
        if port.class != Class::Plugged {
            findings.spec(field, format!("{id} passes the bridge by: it has no tag on the trunk"));
        } else if port.on_chassis.is_some() {
            findings.spec(field, format!("{id} has a binding of its own: a trunk's port is where the trunk is"));
        } else if catalog.users(id, ANYCAST_SERVICE).next().is_some() {
            findings.spec(
                field,
                format!("{id} is an instance of an anycast service, which is asked by an interface of its own"),
            );
        }
    }
}

/// What trunks need of their ports stays as it is.
pub(super) fn check_port(catalog: &Catalog, id: &ResourceId, port: &Port, findings: &mut Findings) {
    for user in catalog.users(id, TRUNK) {
        let Some(Model::Trunk(trunk)) = catalog.model(user) else { continue };
        if port.class != Class::Plugged {
            findings.spec(
                "vnic_type",
                format!("is of a port that passes the bridge by, and {user} is a trunk of the bridge"),
            );
        } else if trunk.port != *id && port.on_chassis.is_some() {
            findings.spec("binding", format!("is that of {user}: a trunk's port is where the trunk is"));
        }
    }
}

impl Catalog {
    /// A trunk: its own port, then those with tags.
    pub(crate) fn trunk_ports(&self, id: &ResourceId) -> Vec<&ResourceId> {
        let Some(Model::Trunk(trunk)) = self.model(id) else { return Vec::new() };
        [&trunk.port].into_iter().chain(trunk.sub_ports.iter().map(|(port, _)| port)).collect()
    }

    /// The trunk that a port is one of, by its tag; `None`: it has an interface of its own.
    pub(crate) fn trunk_with(&self, port: &ResourceId) -> Option<&Trunk> {
        let mut trunks = self.users(port, TRUNK).filter_map(|user| match self.model(user) {
            Some(Model::Trunk(trunk)) => Some(trunk),
            _ => None,
        });
        trunks.find(|trunk| trunk.port != *port)
    }
}

pub(super) fn facts(catalog: &Catalog, trunk: &Trunk, facts: &mut Vec<Change>) {
    let key = |id: &ResourceId| catalog.key_of(id).map(PortKey);
    let Some(parent) = key(&trunk.port) else { return };
    for (port, vlan) in &trunk.sub_ports {
        facts.extend(key(port).map(|port| Change::Subport(port, Some(Subport { parent, vlan: *vlan }))));
    }
}
