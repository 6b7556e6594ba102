//! Floating IPs and prefix mappings: who answers for them, and how they stand.

use features::gateway::choice;
use proto::v1;
use topology::{ChassisKey, ResourceId, RouterKey, View};

use crate::brain::Brain;

impl Brain {
    /// The chassis that answers for a floating IP.
    pub(crate) fn floating_holder(&self, id: &ResourceId) -> Option<ChassisKey> {
        let (network, address) = self.catalog.floating_at(id)?;
        choice::answered_by(&View::new(&self.world), network, address).map(|(_, chassis)| chassis)
    }

    /// A prefix mapping works where its router does, and leads out.
    pub(crate) fn mapping_standing(&self, id: &ResourceId) -> (v1::Phase, String) {
        let Some(mapping) = self.catalog.prefix_mapping(id) else { return (v1::Phase::Pending, String::new()) };
        let Some(key) = self.catalog.key_of(&mapping.router).map(RouterKey) else {
            return (v1::Phase::Pending, String::new());
        };
        if self.world.gateway(key).is_none() {
            return (v1::Phase::Pending, format!("{} leads nowhere: it has no external_gateway", mapping.router));
        }
        let standing = self.spread_standing(id, &self.world.chassis_routing(key));
        match self.standing_of(&mapping.router) {
            (v1::Phase::Degraded | v1::Phase::Failed, words) if standing.0 == v1::Phase::Active => {
                (v1::Phase::Degraded, format!("{}: {words}", mapping.router))
            }
            _ => standing,
        }
    }

    /// A floating IP works where its port does and its rows are, if somebody answers for it.
    pub(crate) fn floating_standing(&self, id: &ResourceId) -> (v1::Phase, String) {
        let Some(floating) = self.catalog.floating_ip(id) else { return (v1::Phase::Pending, String::new()) };
        let Some(port) = &floating.port else {
            return (v1::Phase::Active, "unassociated: it is allocated, and nobody answers for it".to_owned());
        };
        let there = self.catalog.floating_at(id).and_then(|(network, address)| self.world.presence(network, address));
        let Some(presence) = there else {
            let words = self.catalog.floating_trouble(id).unwrap_or_default();
            return (v1::Phase::Pending, words);
        };
        let (phase, reason) = self.standing_of(port);
        if phase == v1::Phase::Pending {
            return (phase, if reason.is_empty() { reason } else { format!("{port}: {reason}") });
        }
        let standing = self.spread_standing(id, &self.world.chassis_routing(presence.router));
        if standing.0 == v1::Phase::Active && self.floating_holder(id).is_none() {
            let words = format!("no chassis that answers for it is on {}", floating.network);
            return (v1::Phase::Degraded, words);
        }
        standing
    }
}
