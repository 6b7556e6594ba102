//! Pass-through NICs (SR-IOV): their frames pass the bridge of their chassis by, and are seen on the physical network only. What the bridge
//! does for a port is done for them by one chassis that is on their network: their own, where it can; else one of the gateways.
//!
//! There they have a number as if they were plugged, above those of all OpenFlow ports: frames from their MAC get it as the port that
//! they came in by, and so meet the rows of a port.

use std::collections::BTreeSet;

use addr::OfPort;

use crate::commit::{Marks, put};
use crate::facts::Binding;
use crate::keys::{ChassisKey, Key, NetworkKey, PortKey};
use crate::view::{Place, Shared};
use crate::world::World;

/// A pass-through NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direct {
    /// The chassis that it is a part of.
    pub home: ChassisKey,
}

/// A port whose frames come by another port's interface, with a VLAN tag (IEEE 802.1Q): one of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subport {
    /// The port whose interface it is.
    pub parent: PortKey,
    /// The tag.
    pub vlan: u16,
}

/// The numbers of those that have no OpenFlow port of their own; Open vSwitch counts its ports from 1.
const FIRST: u32 = 0x8000;
const NUMBERS: u32 = 0x7000;

/// Whether a number stands in for that of an OpenFlow port: of a pass-through NIC, or a trunk's port.
pub fn is_stand_in(port: OfPort) -> bool {
    (FIRST..FIRST + NUMBERS).contains(&port.0)
}

/// What must be looked at again.
#[derive(Default)]
pub(crate) struct Stale {
    ports: BTreeSet<PortKey>,
    /// Chassis that serve others than before.
    pub(crate) chassis: BTreeSet<ChassisKey>,
}

/// A port is a pass-through NIC of a chassis, or none.
pub(crate) fn changed(world: &mut World, marks: &mut Marks, port: PortKey, new: Option<Direct>) {
    let Some(old) = put(&mut world.directs, port, new) else { return };
    for (direct, present) in [(old, false), (new, true)] {
        if let Some(Direct { home }) = direct {
            world.directs_of.set(home, port, present);
        }
    }
    if new.is_none() && world.bindings.get(&port).is_some_and(|binding| binding.interface.is_empty()) {
        world.apply_binding(marks, port, None);
    }
    if let Some(network) = world.ports.get(&port).map(|port| port.network) {
        world.directs_on.set(network, port, new.is_some());
    }
    marks.changed(Key::Binding(port));
    marks.stale_directs.ports.insert(port);
}

/// A port is one of a trunk, or none.
pub(crate) fn subport_changed(world: &mut World, marks: &mut Marks, port: PortKey, new: Option<Subport>) {
    let Some(old) = put(&mut world.subports, port, new) else { return };
    for (subport, present) in [(old, false), (new, true)] {
        if let Some(Subport { parent, .. }) = subport {
            world.subports_of.set(parent, port, present);
        }
    }
    if new.is_none() && world.bindings.get(&port).is_some_and(|binding| binding.interface.is_empty()) {
        world.apply_binding(marks, port, None);
    }
    marks.changed(Key::Subport(port));
    marks.stale_directs.ports.insert(port);
}

/// What is said of a port's binding: of those here it is worked out, and stands.
pub(crate) fn binding_stated(world: &mut World, marks: &mut Marks, port: PortKey, new: Option<Binding>) {
    let worked_out = world.directs.contains_key(&port) || world.subports.contains_key(&port);
    if worked_out {
        marks.stale_directs.ports.insert(port);
    }
    if !worked_out || new.is_some() {
        world.apply_binding(marks, port, new);
    }
}

/// The ports of a trunk are where its own port is.
pub(crate) fn parent_moved(world: &World, marks: &mut Marks, parent: PortKey) {
    marks.stale_directs.ports.extend(world.subports_of.of(parent));
}

/// A port is on another network.
pub(crate) fn port_moved(world: &mut World, marks: &mut Marks, port: PortKey, networks: [Option<NetworkKey>; 2]) {
    if !world.directs.contains_key(&port) {
        return;
    }
    for (network, present) in [(networks[0], false), (networks[1], true)] {
        if let Some(network) = network {
            world.directs_on.set(network, port, present);
        }
    }
    marks.stale_directs.ports.insert(port);
}

/// Works out who serves those that something has changed for, and by which numbers.
pub(crate) fn refresh(world: &mut World, marks: &mut Marks) {
    let mut ports = std::mem::take(&mut marks.stale_directs.ports);
    let concerned = marks.concerned().filter_map(|key| match *key {
        Key::Gateways(network) | Key::Physical(network) | Key::Localnet(network, _) => Some(network),
        _ => None,
    });
    for network in concerned.collect::<BTreeSet<_>>() {
        ports.extend(world.directs_on.of(network));
    }
    for port in ports {
        let server = world.server(port).or_else(|| world.trunk_at(port));
        if world.directs.contains_key(&port) || world.subports.contains_key(&port) {
            let binding = server.map(|chassis| Binding { chassis, interface: "".into() });
            world.apply_binding(marks, port, binding);
        }
        marks.stale_place(port);
    }
    for chassis in std::mem::take(&mut marks.stale_directs.chassis) {
        renumber(world, marks, chassis);
    }
}

/// Each has the number that its key makes, or the next that is free: a function of who there is.
fn renumber(world: &mut World, marks: &mut Marks, chassis: ChassisKey) {
    let ports: Vec<PortKey> = world.served.of(chassis).collect();
    let mut taken = BTreeSet::new();
    for port in ports {
        let free = (0..NUMBERS).map(|step| (port.0 % NUMBERS + step) % NUMBERS).find(|number| taken.insert(*number));
        let number = free.map(|number| OfPort(FIRST + number));
        if put(&mut world.stand_ins, port, number).is_some() {
            marks.stale_place(port);
        }
    }
}

impl World {
    /// The chassis that serves a pass-through NIC: its own, if that is on its network and within reach; else one of the network's
    /// gateways, of those of the highest priority the one that its key draws.
    fn server(&self, port: PortKey) -> Option<ChassisKey> {
        let Direct { home } = *self.directs.get(&port)?;
        let network = self.ports.get(&port)?.network;
        if self.serves_own(network, home) {
            return Some(home);
        }
        let usable: Vec<_> = self.gateways(network).into_iter().filter(|gateway| gateway.usable).collect();
        let highest = usable.iter().map(|gateway| gateway.priority).max();
        let best = usable.into_iter().filter(|gateway| Some(gateway.priority) == highest);
        best.map(|gateway| gateway.chassis).max_by_key(|chassis| lot(port, *chassis))
    }

    /// The chassis of a trunk's port.
    fn trunk_at(&self, port: PortKey) -> Option<ChassisKey> {
        let parent = self.subports.get(&port)?.parent;
        self.bindings.get(&parent).filter(|binding| !binding.interface.is_empty()).map(|binding| binding.chassis)
    }

    /// Where a trunk's frames with a port's tag come in.
    pub(crate) fn subport_place(&self, port: PortKey) -> Option<Place> {
        let Subport { parent, vlan } = *self.subports.get(&port)?;
        let (_, chassis) = self.whereabouts(port)?;
        let trunk = self.places.get(&parent).filter(|place| place.chassis == chassis && place.shared.is_none())?;
        let shared = Shared { port: trunk.ofport, vlan: Some(vlan), passes_by: false };
        Some(Place { chassis, ofport: *self.stand_ins.get(&port)?, shared: Some(shared) })
    }

    /// Whether a chassis can serve its own NICs on a provider network; of one that nothing is known of yet it is taken to be so.
    fn serves_own(&self, network: NetworkKey, home: ChassisKey) -> bool {
        let physical = self.networks.get(&network).and_then(|network| network.physical.as_ref());
        let mapped = self.chassis.get(&home).zip(physical).is_some_and(|(c, there)| c.mapped(&there.name).is_some());
        mapped && !self.lame.contains(&home) && (self.has_carrier(network, home) || !self.is_heard(home))
    }

    /// Where a pass-through NIC is served.
    pub(crate) fn direct_place(&self, port: PortKey) -> Option<Place> {
        let (network, chassis) = self.whereabouts(port)?;
        let shared = Shared { port: self.localnet(network, chassis)?, vlan: self.vlan(network), passes_by: true };
        Some(Place { chassis, ofport: *self.stand_ins.get(&port)?, shared: Some(shared) })
    }

    fn vlan(&self, network: NetworkKey) -> Option<u16> {
        self.networks.get(&network)?.physical.as_ref()?.vlan
    }

    /// The chassis that a pass-through NIC is a part of; `None`: it is none.
    pub fn home(&self, port: PortKey) -> Option<ChassisKey> {
        self.directs.get(&port).map(|direct| direct.home)
    }

    /// Whether a chassis has pass-through NICs.
    pub fn is_home(&self, chassis: ChassisKey) -> bool {
        self.directs_of.any(chassis)
    }

    /// The pass-through NICs of a network, in the order of their keys.
    pub fn directs_on(&self, network: NetworkKey) -> Vec<PortKey> {
        self.directs_on.of(network).collect()
    }

    /// The number of a trunk's port by its tag, where the trunk's frames come in by an OpenFlow port.
    pub fn subport_at(&self, chassis: ChassisKey, trunk: OfPort, vlan: u16) -> Option<OfPort> {
        let places = self.served.of(chassis).filter_map(|port| self.places.get(&port));
        let mut tagged = places.filter_map(|place| Some((place.ofport, place.trunk()?)));
        tagged.find(|(_, at)| (at.port, at.vlan) == (trunk, Some(vlan))).map(|(number, _)| number)
    }

    /// The port that has a number on a chassis without an OpenFlow port of its own.
    pub fn numbered(&self, chassis: ChassisKey, number: OfPort) -> Option<PortKey> {
        self.served.of(chassis).find(|port| self.stand_ins.get(port) == Some(&number))
    }

    /// The numbers that stand in for OpenFlow ports' on a chassis.
    pub fn stand_ins_at(&self, chassis: ChassisKey) -> Vec<OfPort> {
        self.served.of(chassis).filter_map(|port| self.stand_ins.get(&port).copied()).collect()
    }
}

/// What a port draws for a chassis: highest random weight.
fn lot(port: PortKey, chassis: ChassisKey) -> u64 {
    let seed = (u64::from(port.0) << 16 | u64::from(chassis.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (seed ^ (seed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
