//! Who holds which address: what ports were assigned, what follows from their MACs, and what they have learned.

use std::collections::BTreeMap;
use std::net::IpAddr;

use addr::link_local;
use proto::v1;
use topology::ResourceId;

use crate::brain::Brain;
use crate::effect::{Refusal, RefusalKind, Reply};
use crate::requests::refusal;

impl Brain {
    /// The bindings of all ports, or of one, in the order of networks and addresses.
    pub(crate) fn bindings(&self, request: &v1::BindingsRequest) -> Result<Reply, Refusal> {
        let mut bindings: BTreeMap<(ResourceId, IpAddr), v1::AddressBinding> = BTreeMap::new();
        for id in self.ports_of(&request.tenant, &request.port)? {
            self.bindings_of(id, &mut bindings);
        }
        Ok(Reply::Bindings(bindings.into_values().collect()))
    }

    /// The ports that a request is about: one by `TENANT/NAME`, or a tenant's, or where both are empty all.
    ///
    /// # Errors
    /// There is no such port.
    pub(crate) fn ports_of(&self, tenant: &str, port: &str) -> Result<Vec<&ResourceId>, Refusal> {
        let wanted = |id: &&ResourceId| {
            (port.is_empty() || format!("{}/{}", id.tenant, id.name) == port)
                && (tenant.is_empty() || *id.tenant == *tenant)
        };
        let found: Vec<&ResourceId> = self.catalog.port_ids().filter(wanted).collect();
        if found.is_empty() && !port.is_empty() {
            return Err(refusal(RefusalKind::NotFound, format!("there is no port {port}")));
        }
        Ok(found)
    }

    fn bindings_of(&self, id: &ResourceId, bindings: &mut BTreeMap<(ResourceId, IpAddr), v1::AddressBinding>) {
        let Some(port) = self.catalog.port(id) else { return };
        let local = port.mac.map(|mac| IpAddr::V6(link_local(mac)));
        let fixed = self.catalog.addresses_of(port).into_iter().chain(local);
        let fixed = fixed.map(|address| (address, v1::Proof::Static, 0));
        let learned = self.catalog.learned_by(id).filter_map(|address| {
            let learned = self.catalog.learned(&(port.network.clone(), address))?;
            Some((address, learned.proof, learned.since_ms))
        });
        for (address, proof, since_ms) in fixed.chain(learned) {
            let binding = v1::AddressBinding {
                network: format!("{}/{}", port.network.tenant, port.network.name),
                address: address.to_string(),
                tenant: id.tenant.to_string(),
                port: id.name.to_string(),
                mac_address: port.mac.map(|mac| mac.to_string()).unwrap_or_default(),
                chassis: port.binding.as_ref().map(|(chassis, _)| chassis.name.to_string()).unwrap_or_default(),
                proof: proof.into(),
                since_ms,
            };
            bindings.insert((port.network.clone(), address), binding);
        }
    }
}
