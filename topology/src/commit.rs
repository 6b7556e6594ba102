//! The only writer of facts: applies changes all at once, derives what follows in a fixed order, tells which keys changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, MacAddr, OfPort};

use crate::direct::{self, Direct, Subport};
use crate::exposures::{self, Exposure};
use crate::facts::{
    AddressGroup, Advert, Alive, Anycast, Binding, Chassis, Dhcp4, Dhcp6, DhcpOptions, ExternalGateway, Fabric, Hop,
    Interface, Listener, Membership, Network, Policy, Port, Route, Router, SecurityGroup, Subnet, Way,
};
use crate::gateways::{self, UpstreamRouter};
use crate::groups;
use crate::keys::{
    AddressGroupKey, AnycastKey, ChassisKey, ExposureKey, GroupKey, Key, NetworkKey, PortKey, RouterKey, SubnetKey,
};
use crate::listeners;
use crate::localnets;
use crate::needs;
use crate::presences::{self, PrefixMapping, Presence};
use crate::spares;
use crate::view::Place;
use crate::world::{Holder, Map, World};

/// A change of one fact; `None` takes it away. Stating what is already so changes nothing.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The names are the facts'.
pub enum Change {
    Fabric(Option<Fabric>),
    Chassis(ChassisKey, Option<Chassis>),
    /// An OpenFlow port of a bridge, by its name.
    Plug(ChassisKey, Arc<str>, Option<OfPort>),
    /// An OpenFlow port leads to another chassis, or does not.
    Trunk(ChassisKey, OfPort, bool),
    /// At the first chassis, for the second, by label.
    Hop(ChassisKey, ChassisKey, u8, Option<Hop>),
    /// From the first chassis to the second.
    Way(ChassisKey, ChassisKey, Option<Way>),
    /// What the first chassis knows of the second over the underlay.
    Alive(ChassisKey, ChassisKey, Option<Alive>),
    Network(NetworkKey, Option<Network>),
    /// A chassis has been out of reach for so long that others take its place, or has not.
    Lame(ChassisKey, bool),
    /// A chassis finds none of the routers of a provider network, or does.
    Isolated(NetworkKey, ChassisKey, bool),
    /// An OpenFlow port carries nothing, or does.
    Down(ChassisKey, OfPort, bool),
    /// The MAC of a neighbour on a provider network, found by a chassis.
    Neighbor(NetworkKey, ChassisKey, IpAddr, Option<MacAddr>),
    /// A router on a provider network, by its link-local address.
    Upstream(NetworkKey, Ipv6Addr, Option<UpstreamRouter>),
    Gateway(RouterKey, Option<ExternalGateway>),
    /// Of an address on a provider network.
    Presence(NetworkKey, IpAddr, Option<Presence>),
    /// Of a prefix behind a router.
    PrefixMapping(RouterKey, IpNet, Option<PrefixMapping>),
    Subnet(SubnetKey, Option<Subnet>),
    Advert(SubnetKey, Option<Advert>),
    Dhcp6(SubnetKey, Option<Dhcp6>),
    Dhcp4(SubnetKey, Option<Dhcp4>),
    Router(RouterKey, Option<Router>),
    Interface(RouterKey, SubnetKey, Option<Interface>),
    Route(RouterKey, IpNet, Option<Route>),
    Port(PortKey, Option<Port>),
    Binding(PortKey, Option<Binding>),
    /// Who is a pass-through NIC has no binding of its own: it follows from this.
    Direct(PortKey, Option<Direct>),
    /// Nor has a port of a trunk.
    Subport(PortKey, Option<Subport>),
    Policy(PortKey, Option<Policy>),
    DhcpOptions(PortKey, Option<DhcpOptions>),
    /// One label, in lower case.
    Hostname(PortKey, Option<Arc<str>>),
    Membership(PortKey, Option<Membership>),
    /// Of a multicast group.
    Listener(PortKey, IpAddr, Option<Listener>),
    Group(GroupKey, Option<SecurityGroup>),
    Addresses(AddressGroupKey, Option<AddressGroup>),
    Anycast(AnycastKey, Option<Anycast>),
    Exposure(ExposureKey, Option<Exposure>),
    /// A port is alive as an instance of a service, or is not.
    Serves(AnycastKey, PortKey, bool),
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The world's sequence number after it.
    pub sequence: u64,
    /// Every key whose fact or set differs from before, in order. Empty: nothing changed.
    pub changed: Vec<Key>,
}

/// Work that a commit has found but not done yet.
#[derive(Default)]
pub(crate) struct Marks {
    changed: BTreeSet<Key>,
    stale_places: BTreeSet<PortKey>,
    pub(crate) stale_spares: BTreeSet<(ChassisKey, OfPort)>,
    pub(crate) stale_directs: direct::Stale,
    pub(crate) stale_needs: needs::Stale,
    pub(crate) stale_sets: groups::Stale,
    pub(crate) stale_audiences: listeners::Stale,
    stale_reach: BTreeSet<PortKey>,
}

impl Marks {
    pub(crate) fn changed(&mut self, key: Key) {
        self.changed.insert(key);
    }

    /// What has changed so far.
    pub(crate) fn concerned(&self) -> impl Iterator<Item = &Key> {
        self.changed.iter()
    }

    /// A port may be plugged elsewhere.
    pub(crate) fn stale_place(&mut self, port: PortKey) {
        self.stale_places.insert(port);
    }
}

impl World {
    /// Applies changes, in order, and derives what follows from them.
    pub fn commit(&mut self, changes: Vec<Change>) -> Committed {
        let mut marks = Marks::default();
        for change in changes {
            self.apply(&mut marks, change);
        }
        direct::refresh(self, &mut marks);
        for port in std::mem::take(&mut marks.stale_places) {
            self.refresh_place(&mut marks, port);
        }
        for at in std::mem::take(&mut marks.stale_spares) {
            spares::refresh(self, &mut marks, at);
        }
        needs::refresh(self, &mut marks);
        groups::refresh(self, &mut marks);
        listeners::refresh(self, &mut marks);
        for port in std::mem::take(&mut marks.stale_reach) {
            self.mark_reach(&mut marks, port, self.whereabouts(port));
        }
        if !marks.changed.is_empty() {
            self.sequence += 1;
        }
        Committed { sequence: self.sequence, changed: marks.changed.into_iter().collect() }
    }

    fn apply(&mut self, marks: &mut Marks, change: Change) {
        match change {
            Change::Fabric(new) => self.apply_fabric(marks, new),
            Change::Chassis(key, new) => self.apply_chassis(marks, key, new),
            Change::Plug(chassis, name, new) => self.apply_plug(marks, chassis, name, new),
            Change::Trunk(chassis, port, present) => self.apply_trunk(marks, (chassis, port), present),
            Change::Hop(at, to, label, new) => {
                if put(&mut self.hops, (at, to, label), new).is_some() {
                    marks.changed(Key::Hop(at, to, label));
                }
            }
            Change::Way(from, to, new) => {
                if put(&mut self.ways, (from, to), new).is_some() {
                    marks.changed(Key::Way(from, to));
                }
            }
            Change::Alive(from, to, new) => {
                if put(&mut self.alive, (from, to), new).is_some() {
                    marks.changed(Key::Alive(from, to));
                }
            }
            Change::Network(key, new) => self.apply_network(marks, key, new),
            Change::Lame(key, lame) => gateways::set_lame(self, marks, key, lame),
            Change::Isolated(network, chassis, isolated) => {
                gateways::set_isolated(self, marks, (network, chassis), isolated);
            }
            Change::Down(chassis, port, down) => gateways::set_down(self, marks, (chassis, port), down),
            Change::Neighbor(network, chassis, address, mac) => {
                gateways::set_neighbor(self, marks, (network, chassis, address), mac);
            }
            Change::Upstream(network, router, new) => gateways::set_upstream(self, marks, (network, router), new),
            Change::Gateway(key, new) => gateways::changed(self, marks, key, new),
            Change::PrefixMapping(router, prefix, new) => presences::mapped(self, marks, (router, prefix), new),
            Change::Presence(network, address, new) => presences::changed(self, marks, (network, address), new),
            Change::Subnet(key, new) => self.apply_subnet(marks, key, new),
            Change::Advert(key, new) => {
                if put(&mut self.adverts, key, new).is_some() {
                    marks.changed(Key::Advert(key));
                }
            }
            Change::Dhcp6(key, new) => {
                if put(&mut self.dhcp6, key, new).is_some() {
                    marks.changed(Key::Dhcp6(key));
                }
            }
            Change::Dhcp4(key, new) => {
                if put(&mut self.dhcp4, key, new).is_some() {
                    marks.changed(Key::Dhcp4(key));
                }
            }
            Change::Router(key, new) => {
                if put(&mut self.routers, key, new).is_some() {
                    marks.changed(Key::Router(key));
                }
            }
            Change::Interface(router, subnet, new) => self.apply_interface(marks, router, subnet, new),
            Change::Route(router, prefix, new) => self.apply_route(marks, router, prefix, new),
            Change::Port(key, new) => self.apply_port(marks, key, new),
            Change::Binding(key, new) => direct::binding_stated(self, marks, key, new),
            Change::Direct(key, new) => direct::changed(self, marks, key, new),
            Change::Subport(key, new) => direct::subport_changed(self, marks, key, new),
            Change::DhcpOptions(key, new) => {
                if put(&mut self.dhcp_options, key, new).is_some() {
                    marks.changed(Key::DhcpOptions(key));
                }
            }
            Change::Policy(key, new) => {
                if put(&mut self.policies, key, new).is_some() {
                    marks.changed(Key::Policy(key));
                    listeners::role_changed(self, marks, key);
                    if let Some((network, chassis)) = self.whereabouts(key) {
                        marks.changed(Key::Members(network, chassis));
                    }
                }
            }
            Change::Hostname(key, new) => {
                let before = self.name_of(key);
                if put(&mut self.hostnames, key, new).is_some() {
                    marks.changed(Key::Hostname(key));
                    self.rename(marks, key, before);
                }
            }
            Change::Listener(port, group, new) => listeners::changed(self, marks, port, group, new),
            Change::Membership(key, new) => groups::membership_changed(self, marks, key, new),
            Change::Group(key, new) => groups::group_changed(self, marks, key, new),
            Change::Anycast(key, new) => self.apply_anycast(marks, key, new),
            Change::Exposure(key, new) => exposures::changed(self, marks, key, new),
            Change::Serves(key, port, present) => {
                if self.serving.contains(key, port) != present {
                    self.serving.set(key, port, present);
                    marks.changed(Key::Serves(key, port));
                }
            }
            Change::Addresses(key, new) => {
                if put(&mut self.address_groups, key, new).is_some() {
                    marks.changed(Key::Addresses(key));
                }
            }
        }
    }

    fn apply_chassis(&mut self, marks: &mut Marks, key: ChassisKey, new: Option<Chassis>) {
        let mappings = |chassis: Option<&Chassis>| chassis.map(|chassis| chassis.mappings.clone());
        let (present, after) = (new.is_some(), mappings(new.as_ref()));
        let now = new.clone();
        let Some(old) = put(&mut self.chassis, key, new) else { return };
        gateways::chassis_changed(self, marks, [old.as_ref(), now.as_ref()]);
        marks.changed(Key::Chassis(key));
        if old.is_some() != present {
            marks.changed(Key::Uplink(key));
            spares::stale_all(self, marks, key);
        }
        let before = mappings(old.as_ref());
        if before != after {
            localnets::remapped(self, marks, key, before.into_iter().chain(after).flatten());
        }
    }

    fn apply_fabric(&mut self, marks: &mut Marks, new: Option<Fabric>) {
        if self.fabric == new {
            return;
        }
        spares::stale_uplinks(self, marks);
        self.fabric = new;
        spares::stale_uplinks(self, marks);
        marks.changed(Key::Fabric);
        for chassis in self.chassis.keys() {
            marks.changed(Key::Uplink(*chassis));
        }
    }

    fn apply_plug(&mut self, marks: &mut Marks, chassis: ChassisKey, name: Arc<str>, new: Option<OfPort>) {
        let heard = self.is_heard(chassis);
        let Some(old) = put(&mut self.plugs, (chassis, name.clone()), new) else { return };
        spares::replugged(self, marks, (chassis, &name), old, new);
        if self.is_heard(chassis) != heard {
            gateways::heard(self, marks, chassis);
        }
        if self.fabric.as_ref().is_some_and(|f| f.interface == name) {
            marks.changed(Key::Uplink(chassis));
        }
        localnets::replugged(self, marks, chassis, &name);
        if let Some(port) = self.bound_by_interface.get(&(chassis, name)) {
            marks.stale_places.insert(*port);
        }
    }

    fn apply_trunk(&mut self, marks: &mut Marks, at: (ChassisKey, OfPort), present: bool) {
        if self.trunks.contains(&at) == present {
            return;
        }
        if present {
            self.trunks.insert_mut(at);
        } else {
            self.trunks.remove_mut(&at);
        }
        marks.changed(Key::Trunk(at.0, at.1));
    }

    fn apply_network(&mut self, marks: &mut Marks, key: NetworkKey, new: Option<Network>) {
        let segment = new.as_ref().map(|network| network.segment);
        let tenant = |network: Option<&Network>| network.map(|network| network.tenant.clone());
        let beyond = |network: Option<&Network>| network.is_some_and(|network| network.physical.is_some());
        let whose = |network: Option<&Network>| (tenant(network), beyond(network));
        let another = whose(self.networks.get(&key)) != whose(new.as_ref());
        if another {
            groups::say_network(self, marks, key, false);
        }
        let auto = new.as_ref().is_some_and(|network| network.auto_ports);
        let physical = |network: Option<&Network>| network.and_then(|network| network.physical.clone());
        let at = physical(new.as_ref());
        let Some(old) = put(&mut self.networks, key, new) else { return };
        localnets::moved(self, marks, key, [physical(old.as_ref()), at]);
        if another {
            groups::say_network(self, marks, key, true);
        }
        marks.changed(Key::Network(key));
        if old.as_ref().map(|network| network.segment) != segment {
            marks.changed(Key::Segment(key));
        }
        if old.is_some_and(|network| network.auto_ports) == auto {
            return;
        }
        let before = self.auto_networks.first().copied();
        if auto {
            self.auto_networks.insert_mut(key);
        } else {
            self.auto_networks.remove_mut(&key);
        }
        marks.changed(Key::AutoPorts(key));
        if before != self.auto_networks.first().copied() {
            marks.changed(Key::AutoNetwork);
        }
    }

    fn apply_subnet(&mut self, marks: &mut Marks, key: SubnetKey, new: Option<Subnet>) {
        let after = new.as_ref().map(|s| s.network);
        let before = self.subnets.get(&key).map(|s| s.network);
        if self.subnets.get(&key) == new.as_ref() {
            return;
        }
        let networks: BTreeSet<NetworkKey> = before.into_iter().chain(after).collect();
        for network in &networks {
            groups::say_network(self, marks, *network, false);
        }
        put(&mut self.subnets, key, new);
        marks.changed(Key::Subnet(key));
        for (network, present) in [(before, false), (after, true)] {
            if let Some(network) = network {
                self.subnets_by_network.set(network, key, present);
                marks.changed(Key::SubnetsOf(network));
                listeners::subnet_changed(&mut marks.stale_audiences, network);
            }
        }
        for network in networks {
            groups::say_network(self, marks, network, true);
        }
    }

    fn apply_interface(&mut self, marks: &mut Marks, router: RouterKey, subnet: SubnetKey, new: Option<Interface>) {
        let after = new.clone();
        let Some(old) = put(&mut self.interfaces, (router, subnet), new) else { return };
        marks.changed(Key::Interface(router, subnet));
        self.interfaces_by_router.set(router, subnet, after.is_some());
        for (interface, present) in [(old, false), (after, true)] {
            let Some(interface) = interface else { continue };
            let network = interface.network;
            self.interfaces_by_network.set(network, (router, subnet), present);
            marks.changed(Key::InterfacesOn(network));
            listeners::interface_changed(self, &mut marks.stale_audiences, router, network);
            if !present {
                needs::interface_changed(self, &mut marks.stale_needs, router, &interface);
            }
            for address in interface.addresses() {
                self.holders.set((network, address), Holder::Router(router, subnet), present);
                marks.changed(Key::Holder(network, address));
            }
            if present {
                needs::interface_changed(self, &mut marks.stale_needs, router, &interface);
            }
        }
        for chassis in self.chassis_of_router.of(router) {
            marks.changed(Key::InterfaceAt(router, subnet, chassis));
        }
    }

    fn apply_route(&mut self, marks: &mut Marks, router: RouterKey, prefix: IpNet, new: Option<Route>) {
        let after = new.clone();
        let Some(old) = put(&mut self.routes, (router, prefix), new) else { return };
        marks.changed(Key::Route(router, prefix));
        self.routes_by_router.set(router, prefix, after.is_some());
        for (route, present) in [(&old, false), (&after, true)] {
            if let Some(route) = route {
                self.routes_by_network.set(route.network, (router, prefix), present);
            }
        }
        needs::route_changed(self, &mut marks.stale_needs, router, [old.as_ref(), after.as_ref()]);
        for chassis in self.chassis_of_router.of(router) {
            marks.changed(Key::RouteAt(router, prefix, chassis));
        }
    }

    fn apply_anycast(&mut self, marks: &mut Marks, key: AnycastKey, new: Option<Anycast>) {
        let after = new.clone();
        let Some(old) = put(&mut self.anycasts, key, new) else { return };
        marks.changed(Key::Anycast(key));
        for (service, present) in [(old, false), (after, true)] {
            let Some(service) = service else { continue };
            self.anycasts_by_network.set(service.network, key, present);
            self.anycast_addresses.set((service.network, service.address), key, present);
            marks.changed(Key::AnycastsOn(service.network));
            marks.changed(Key::Holder(service.network, service.address));
            for chassis in self.needers.of(service.network) {
                marks.changed(Key::AnycastAt(key, chassis));
            }
        }
    }

    fn apply_port(&mut self, marks: &mut Marks, key: PortKey, new: Option<Port>) {
        let before = self.whereabouts(key);
        let (after, name) = (new.clone(), self.name_of(key));
        if self.ports.get(&key) == new.as_ref() {
            return;
        }
        groups::say_port(self, marks, key, false);
        let Some(old) = put(&mut self.ports, key, new) else { return };
        let networks = [&old, &after].map(|port| port.as_ref().map(|port| port.network));
        listeners::port_moved(self, marks, key, networks[0], networks[1]);
        direct::port_moved(self, marks, key, networks);
        groups::say_port(self, marks, key, true);
        marks.changed(Key::Port(key));
        self.rename(marks, key, name);
        for (port, present) in [(old, false), (after, true)] {
            let Some(port) = port else { continue };
            self.ports_by_network.set(port.network, key, present);
            for address in port.all() {
                self.holders.set((port.network, address), Holder::Port(key), present);
                marks.changed(Key::Holder(port.network, address));
            }
        }
        self.moved(marks, key, before);
    }

    pub(crate) fn apply_binding(&mut self, marks: &mut Marks, key: PortKey, new: Option<Binding>) {
        let before = self.whereabouts(key);
        let after = new.clone();
        let Some(old) = put(&mut self.bindings, key, new) else { return };
        marks.changed(Key::Binding(key));
        direct::parent_moved(self, marks, key);
        for (binding, present) in [(old, false), (after, true)] {
            let Some(Binding { chassis, interface }) = binding else { continue };
            if interface.is_empty() {
                self.served.set(chassis, key, present);
                marks.stale_directs.chassis.insert(chassis);
                continue;
            }
            let at = (chassis, interface);
            spares::stale_name(self, marks, &at);
            if present {
                self.bound_by_interface.insert_mut(at, key);
            } else if self.bound_by_interface.get(&at) == Some(&key) {
                self.bound_by_interface.remove_mut(&at);
            }
        }
        self.moved(marks, key, before);
    }

    /// The network of a port that has a name, and the name.
    fn name_of(&self, port: PortKey) -> Option<(NetworkKey, Arc<str>)> {
        Some((self.ports.get(&port)?.network, self.hostnames.get(&port)?.clone()))
    }

    /// Keeps `names` after a port, its network or its name have changed.
    fn rename(&mut self, marks: &mut Marks, port: PortKey, before: Option<(NetworkKey, Arc<str>)>) {
        let after = self.name_of(port);
        if before == after {
            return;
        }
        if let Some((network, name)) = before {
            self.names.remove_mut(&(network, name, port));
            marks.changed(Key::NamesOn(network));
        }
        if let Some((network, name)) = after {
            self.names.insert_mut((network, name, port));
            marks.changed(Key::NamesOn(network));
        }
    }

    /// The network and chassis of a port that exists and is bound.
    pub(crate) fn whereabouts(&self, port: PortKey) -> Option<(NetworkKey, ChassisKey)> {
        Some((self.ports.get(&port)?.network, self.bindings.get(&port)?.chassis))
    }

    /// A port as seen from each chassis changes with the port and with where it is.
    fn mark_reach(&self, marks: &mut Marks, port: PortKey, whereabouts: Option<(NetworkKey, ChassisKey)>) {
        if let Some((network, _)) = whereabouts {
            for chassis in self.needers.of(network) {
                marks.changed(Key::Reach(port, chassis));
            }
        }
    }

    /// Keeps `bound` and who is resident after a port, its network or chassis have changed.
    fn moved(&mut self, marks: &mut Marks, port: PortKey, before: Option<(NetworkKey, ChassisKey)>) {
        marks.stale_places.insert(port);
        self.mark_reach(marks, port, before);
        marks.stale_reach.insert(port);
        let after = self.whereabouts(port);
        if before == after {
            return;
        }
        groups::moved(self, marks, port, [before, after].map(|at| at.map(|(_, chassis)| chassis)));
        if let Some(at @ (network, chassis)) = before {
            self.bound.remove(at, port);
            marks.changed(Key::Members(network, chassis));
            if !self.bound.any(at) {
                needs::set_resident(self, marks, network, chassis, false);
            }
        }
        if let Some(at @ (network, chassis)) = after {
            if !self.bound.any(at) {
                needs::set_resident(self, marks, network, chassis, true);
            }
            self.bound.insert(at, port);
            marks.changed(Key::Members(network, chassis));
        }
    }

    fn plugged_place(&self, port: PortKey) -> Option<Place> {
        let binding = self.bindings.get(&port).filter(|_| self.ports.contains_key(&port))?;
        let at = (binding.chassis, binding.interface.clone());
        // Where two claim one interface, the one that is registered has it.
        let owner = self.bound_by_interface.get(&at) == Some(&port);
        self.plugs.get(&at).filter(|_| owner).map(|ofport| Place::plugged(binding.chassis, *ofport))
    }

    fn refresh_place(&mut self, marks: &mut Marks, port: PortKey) {
        let place = if self.directs.contains_key(&port) {
            self.direct_place(port)
        } else if self.subports.contains_key(&port) {
            self.subport_place(port)
        } else {
            self.plugged_place(port)
        };
        if put(&mut self.places, port, place).is_none() {
            return;
        }
        for subport in self.subports_of.of(port).collect::<Vec<_>>() {
            self.refresh_place(marks, subport);
        }
        marks.changed(Key::Place(port));
        if let Some((network, chassis)) = self.whereabouts(port) {
            marks.changed(Key::Members(network, chassis));
        }
    }
}

/// Puts or removes a value. `None`: it was so already. Otherwise the old value, if there was one.
pub(crate) fn put<K, V>(map: &mut Map<K, V>, key: K, new: Option<V>) -> Option<Option<V>>
where
    K: std::hash::Hash + Eq,
    V: PartialEq + Clone,
{
    let old = map.get(&key).cloned();
    if old == new {
        return None;
    }
    match new {
        Some(value) => map.insert_mut(key, value),
        None => {
            map.remove_mut(&key);
        }
    }
    Some(old)
}
