//! How ports are attached, by their `vnic_type`: what each class needs, and what can't be had with it.

use proto::v1;
use topology::ResourceId;

use super::port::Port;
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;

/// How a port is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// By an interface of the bridge: normal ones, representors, shared memory.
    #[default]
    Plugged,
    /// Past the bridge: a virtual function, or a whole NIC.
    Direct,
}

const KNOWN: &str =
    "is unknown: normal, direct, macvtap, direct-physical, switchdev and vhost-user are the types of ports";
/// What no chassis can see to, for the port's status.
pub(crate) const NOT_ENFORCED: [&str; 2] = [
    "security groups: what the port sends and gets passes the bridge by",
    "the guard, where it sends straight to others on the physical network: only what comes in at a bridge is looked at",
];

/// The class of a spec; says what its type can't have.
pub(super) fn read(spec: &mut v1::PortSpec, findings: &mut Findings) -> Class {
    use v1::VnicType as Type;
    let kind = match Type::try_from(spec.vnic_type) {
        Ok(Type::Unspecified) | Err(_) => {
            if spec.vnic_type != Type::Unspecified as i32 {
                findings.spec("vnic_type", KNOWN);
            }
            Type::Normal
        }
        Ok(kind) => kind,
    };
    // Absent means it, and is stored as it.
    spec.vnic_type = kind.into();
    if matches!(kind, Type::Unspecified | Type::Normal | Type::Switchdev | Type::VhostUser) {
        return Class::Plugged;
    }
    let by = "passes the bridge by";
    match &spec.binding {
        None => findings.spec("binding.chassis", format!("is needed: nothing tells where a port is that {by}")),
        Some(binding) if !binding.interface.is_empty() => {
            findings
                .spec("binding.interface", format!("is of ports of the bridge; this one {by}: its chassis is enough"));
        }
        Some(_) => {}
    }
    if spec.security_groups.is_some() {
        findings.spec(
            "security_groups",
            format!("can't be enforced on a port that {by}: leave them out, and nothing is filtered"),
        );
    }
    if !matches!(v1::PortRole::try_from(spec.role), Ok(v1::PortRole::Unspecified | v1::PortRole::Host)) {
        let why = "the network's upstream_routers name routers beyond the bridge";
        findings.spec("role", format!("is host where a port {by}: {why}"));
    }
    if spec.dhcp_relay {
        findings.spec("dhcp_relay", format!("is of ports of the bridge; this one {by}"));
    }
    for (i, pair) in spec.allowed_address_pairs.iter().enumerate() {
        if pair.mac_address.is_some() {
            findings
                .spec(format!("allowed_address_pairs[{i}].mac_address"), "can't be: by its own MAC alone it is known");
        }
    }
    Class::Direct
}

/// What a pass-through NIC's network has to be.
pub(super) fn check(catalog: &Catalog, port: &Port, findings: &mut Findings) {
    if port.class != Class::Direct {
        return;
    }
    if let Some(network) = catalog.network(&port.network)
        && network.physical.is_none()
    {
        let message =
            format!("{} is an overlay: a pass-through NIC is on a provider network (type: provider)", port.network);
        findings.spec("network", message);
    }
}

impl Port {
    /// The chassis that a pass-through NIC is a part of; `None`: it is none.
    pub(crate) fn home(&self) -> Option<&ResourceId> {
        self.on_chassis.as_ref().filter(|_| self.class == Class::Direct)
    }
}
