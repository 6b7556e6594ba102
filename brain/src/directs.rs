//! Pass-through NICs as people ask about them: who serves them, and why nobody does.

use addr::MacAddr;
use proto::v1;
use topology::{Key, NetworkKey, Place, PortKey, ResourceId, View};

use crate::brain::Brain;
use crate::switch::Switch;

impl Brain {
    /// The chassis that serves a pass-through NIC, by name; empty: it is none, or nobody does.
    pub(crate) fn served_by(&self, id: &ResourceId) -> String {
        let view = View::new(&self.world);
        let key = self.port_key(id).filter(|key| view.is_direct(*key));
        let server = key.and_then(|key| view.place(key)).and_then(|place| self.chassis_resource(place.chassis));
        server.map(|chassis| chassis.name.to_string()).unwrap_or_default()
    }

    /// What stands in the way of a pass-through NIC being served; `None`: nothing, or it is none.
    pub(crate) fn direct_standing(&self, key: PortKey) -> Option<(v1::Phase, String)> {
        let view = View::new(&self.world);
        let home = self.world.home(key)?;
        let network = view.port(key)?.network;
        let own = self.chassis_resource(home).map(|chassis| chassis.name.to_string()).unwrap_or_default();
        let Some(binding) = view.binding(key) else {
            let why = self.why_not_own(network, home, &own);
            return Some((
                v1::Phase::Degraded,
                format!("nobody serves it: {why}, and the network has no gateway within reach"),
            ));
        };
        let server = self.chassis_resource(binding.chassis).map(|r| r.name.to_string()).unwrap_or_default();
        if self.switches.get(&binding.chassis).and_then(Switch::session).is_none() {
            return Some((v1::Phase::Pending, format!("chassis {server} is not connected")));
        }
        if view.place(key).is_none() {
            let why = self.lacks_uplink(network, binding.chassis);
            return Some((v1::Phase::Degraded, why.unwrap_or_else(|| format!("{server} has no way to the network"))));
        }
        None
    }

    /// What stands in the way of a trunk's port; `None`: nothing, or it is none.
    pub(crate) fn subport_standing(&self, id: &ResourceId, key: PortKey) -> Option<(v1::Phase, String)> {
        let trunk = self.catalog.trunk_with(id)?;
        if View::new(&self.world).place(key).is_some() {
            return None;
        }
        let parent = &trunk.port;
        Some((v1::Phase::Pending, format!("{parent}, by which it is reached, is not plugged")))
    }

    /// A trunk works where its ports do.
    pub(crate) fn trunk_standing(&self, id: &ResourceId) -> (v1::Phase, String) {
        let standings = self.catalog.trunk_ports(id).into_iter().map(|port| (port, self.standing_of(port)));
        let worst = standings.max_by_key(|(_, (phase, _))| match phase {
            v1::Phase::Failed => 4,
            v1::Phase::Pending => 3,
            v1::Phase::Degraded => 2,
            v1::Phase::Installing => 1,
            v1::Phase::Active | v1::Phase::Unspecified => 0,
        });
        match worst {
            Some((port, (phase, reason))) if !reason.is_empty() => (phase, format!("{port}: {reason}")),
            Some((_, standing)) => standing,
            None => (v1::Phase::Active, String::new()),
        }
    }

    /// The pass-through NIC of a network that a frame is for, by its full name.
    pub(crate) fn direct_with(&self, network: NetworkKey, frame: &[u8]) -> Option<String> {
        let mac = MacAddr(frame.get(..6)?.try_into().ok()?);
        let view = View::new(&self.world);
        let mut ports = self.world.directs_on(network).into_iter();
        let port = ports.find(|port| view.port(*port).is_some_and(|port| port.mac == mac))?;
        let ResourceId { tenant, name, .. } = self.world.resource_of(&Key::Port(port))?;
        Some(format!("{tenant}/{name}"))
    }

    /// What becomes of a NIC's frame that no chassis takes: it is for another NIC, or for somebody out there.
    pub(crate) fn passed_by(&self, view: &View<'_>, port: PortKey, place: Place, frame: &[u8]) -> Option<String> {
        let network = view.port(port)?.network;
        let group = frame.first().is_some_and(|first| first & 1 == 1);
        let ours = |prefix: &[u8]| frame.starts_with(prefix);
        match self.direct_with(network, frame) {
            Some(name) => Some(format!("delivered: {name}")),
            // Of our own MACs only that of nobody in particular is out there.
            None if group || ours(&[0xd6]) => None,
            None => Some(format!("uplink: {}", self.uplink_name(Some(network), place.chassis))),
        }
    }

    fn why_not_own(&self, network: NetworkKey, home: topology::ChassisKey, name: &str) -> String {
        match self.lacks_uplink(network, home) {
            Some(words) => words,
            None if self.world.is_lame(home) => format!("chassis {name} is not connected"),
            None => format!("no bridge_mappings of {name} name the physical network"),
        }
    }
}
