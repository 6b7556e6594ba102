//! Links as people see them.

use proto::v1;

use super::cables::At;
use crate::brain::Brain;
use crate::effect::{Refusal, RefusalKind, Reply};
use crate::requests::refusal;

impl Brain {
    /// All links, or those of one chassis, each once, in the order of the ends' names.
    pub(crate) fn links_shown(&self, request: &v1::LinksRequest) -> Result<Reply, Refusal> {
        let known = |chassis: &topology::ChassisKey| {
            self.chassis_resource(*chassis).is_some_and(|r| *r.name == *request.chassis)
        };
        if !request.chassis.is_empty() && !self.world.chassis_keys().iter().any(known) {
            return Err(refusal(RefusalKind::NotFound, format!("there is no chassis {}", request.chassis)));
        }
        let ends = self.links.cables.up().map(|(at, cable)| (self.end(at), self.end(cable.peer), cable.since.0));
        let once = ends.filter(|(near, far, _)| near < far);
        let wanted = once.filter(|(near, far, _)| {
            [&near.0, &far.0].into_iter().any(|c| request.chassis.is_empty() || *c == request.chassis)
        });
        let mut links: Vec<v1::Link> = wanted
            .map(|((chassis, interface, ofport), (peer_chassis, peer_interface, peer_ofport), since_ms)| v1::Link {
                chassis,
                interface,
                ofport,
                peer_chassis,
                peer_interface,
                peer_ofport,
                since_ms,
            })
            .collect();
        let key = |link: &v1::Link| (link.chassis.clone(), link.interface.clone(), link.ofport);
        links.sort_by_key(key);
        Ok(Reply::Links(links))
    }

    /// How many links are up; `None`: the fabric is of another kind.
    pub(crate) fn links_up(&self) -> Option<u32> {
        self.links.on.then(|| u32::try_from(self.links.cables.count()).unwrap_or(u32::MAX))
    }

    /// A port's chassis, name and number.
    pub(super) fn end(&self, (chassis, port): At) -> (String, String, u32) {
        let name = self.chassis_resource(chassis).map_or_else(|| chassis.to_string(), |r| r.name.to_string());
        let plugs = self.plugs.get(&chassis).into_iter().flatten();
        let interface = plugs.into_iter().find(|(_, number)| **number == port).map(|(name, _)| name.to_string());
        (name, interface.unwrap_or_else(|| format!("port {port}")), port.0)
    }
}
