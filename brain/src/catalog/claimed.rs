//! Ports that are bound by an iface-id: which interface has it is learned from managed chassis, and kept in the port's record.

use proto::v1;
use topology::ResourceId;

use super::Catalog;
use super::admit::Admission;
use super::automatic::Claimed;
use super::ident::{self, CHASSIS, PORT};
use super::index::Claim;

impl Catalog {
    /// Whether a port can be bound to an interface by an iface-id.
    pub(crate) fn may_claim(&self, Claimed { port, at }: &Claimed) -> bool {
        let Some(known) = self.port(port).filter(|port| port.by_iface_id) else { return false };
        let Some((chassis, interface)) = at else { return true };
        let there = self.is_managed(chassis) && known.on_chassis.as_ref().is_none_or(|only| only == chassis);
        let fabric = self.fabric().is_some_and(|fabric| fabric.interface == *interface);
        let claim = Claim::Interface(chassis.clone(), interface.clone());
        there && !fabric && self.owners(&claim).all(|owner| owner == port || self.is_automatic(owner))
    }

    /// The port that a uid or TENANT/NAME means.
    pub(crate) fn port_named(&self, text: &str) -> Option<ResourceId> {
        match text.split_once('/') {
            Some((tenant, name)) => Some(ident::id(PORT, tenant, name)).filter(|id| self.port(id).is_some()),
            None => {
                let mut owners = self.owners(&Claim::Uid(text.to_ascii_lowercase().into()));
                owners.find(|owner| owner.kind == PORT).cloned()
            }
        }
    }

    /// The ports on a chassis that are there by their iface-ids.
    pub(crate) fn claimed_on<'c>(&'c self, chassis: &ResourceId) -> impl Iterator<Item = &'c ResourceId> {
        let claimed = |id: &&ResourceId| self.port(id).is_some_and(|port| port.by_iface_id && port.binding.is_some());
        self.users(chassis, PORT).filter(claimed)
    }
}

impl Admission<'_> {
    /// What was found is written; who was bound to a chassis that goes, or is managed no longer, is not any more.
    pub(crate) fn claim_interfaces(&mut self) {
        for claimed in std::mem::take(&mut self.asked.claimed) {
            if self.after.may_claim(&claimed) {
                self.claim(&claimed);
                self.asked.claimed.push(claimed);
            }
        }
        let asked = self.sound().into_iter().map(|(_, id)| id);
        let chassis: Vec<ResourceId> = asked
            .chain(self.asked.deletes.clone())
            .filter(|id| id.kind == CHASSIS && !self.after.is_managed(id))
            .collect();
        for id in chassis {
            for port in self.after.claimed_on(&id).cloned().collect::<Vec<_>>() {
                self.claim(&Claimed { port, at: None });
            }
        }
    }

    fn claim(&mut self, Claimed { port, at }: &Claimed) {
        let binding = at.as_ref().map(|(chassis, interface)| v1::Binding {
            chassis: chassis.name.to_string(),
            interface: interface.to_string(),
        });
        self.edit(port, |record| record.claimed = binding);
        if !self.index.contains_key(port) {
            self.followers.insert(port.clone(), usize::MAX);
        }
    }
}
