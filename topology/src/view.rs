//! Reading facts, with a record of what was read.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::{IpNet, MacAddr, OfPort};

use crate::exposures::Exposure;
use crate::facts::{
    AddressGroup, Advert, Alive, Anycast, Binding, Chassis, Dhcp4, Dhcp6, DhcpOptions, ExternalGateway, Fabric, Hop,
    Interface, Listener, Membership, Network, Physical, Policy, Port, Route, Router, SecurityGroup, Subnet, Way,
};
use crate::gateways::{GatewayChassis, UpstreamRouter};
use crate::keys::{
    AddressGroupKey, AnycastKey, ChassisKey, ExposureKey, GroupKey, Key, NetworkKey, PortKey, RouterKey, SubnetKey,
};
use crate::listeners::Audience;
use crate::needs::Need;
use crate::presences::{PrefixMapping, Presence};
use crate::world::World;

pub use crate::world::Holder;

/// Where a port is plugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// On which chassis.
    pub chassis: ChassisKey,
    /// By which OpenFlow port; or the number that it has in one's place.
    pub ofport: OfPort,
    /// It shares an OpenFlow port with others; `None`: `ofport` is its own.
    pub shared: Option<Shared>,
}

/// The OpenFlow port that leads to a pass-through NIC, over the physical network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    /// The port.
    pub port: OfPort,
    /// The tag of frames there (IEEE 802.1Q); `None`: untagged.
    pub vlan: Option<u16>,
    /// It is a pass-through NIC, beyond that port on the physical network; else a trunk's port, behind it.
    pub passes_by: bool,
}

impl Place {
    /// By an OpenFlow port of its own.
    pub fn plugged(chassis: ChassisKey, ofport: OfPort) -> Place {
        Place { chassis, ofport, shared: None }
    }

    /// Of a pass-through NIC, the OpenFlow port that leads to it.
    pub fn beyond(&self) -> Option<Shared> {
        self.shared.filter(|shared| shared.passes_by)
    }

    /// Of a trunk's port, that of the trunk.
    pub fn trunk(&self) -> Option<Shared> {
        self.shared.filter(|shared| !shared.passes_by)
    }
}

/// A plugged port of a network on a chassis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The port.
    pub port: PortKey,
    /// Its OpenFlow port.
    pub ofport: OfPort,
    /// Whether it sends only with its own MAC and addresses.
    pub secured: bool,
    /// Whether security groups judge what is for it.
    pub filtered: bool,
}

/// A window on a world that writes down every key that was asked for, present or not.
pub struct View<'w> {
    world: &'w World,
    /// The key on whose behalf it is read, if any.
    anchor: Option<Key>,
    reads: RefCell<Vec<Key>>,
}

impl<'w> View<'w> {
    /// A view that has read nothing yet.
    pub fn new(world: &'w World) -> View<'w> {
        View { world, anchor: None, reads: RefCell::default() }
    }

    /// A view for what is worked out for a key, and worked out anew when that key changes: what it changes with is not written
    /// down.
    pub fn of(world: &'w World, key: Key) -> View<'w> {
        View { anchor: Some(key), ..View::new(world) }
    }

    /// What was read, sorted, each key once.
    pub fn into_reads(self) -> Box<[Key]> {
        let mut reads = self.reads.into_inner();
        reads.sort_unstable();
        reads.dedup();
        reads.into_boxed_slice()
    }

    fn read(&self, key: Key) {
        if !self.anchor.is_some_and(|anchor| anchor == key || self.world.changes_with(&anchor, &key)) {
            self.reads.borrow_mut().push(key);
        }
    }

    /// The fabric.
    pub fn fabric(&self) -> Option<&'w Fabric> {
        self.read(Key::Fabric);
        self.world.fabric.as_ref()
    }

    /// A chassis.
    pub fn chassis(&self, key: ChassisKey) -> Option<&'w Chassis> {
        self.read(Key::Chassis(key));
        self.world.chassis.get(&key)
    }

    /// The OpenFlow port of the fabric's interface on a chassis.
    pub fn uplink(&self, chassis: ChassisKey) -> Option<OfPort> {
        self.read(Key::Uplink(chassis));
        let interface = &self.world.fabric.as_ref()?.interface;
        self.world.plugs.get(&(chassis, interface.clone())).copied()
    }

    /// The OpenFlow port of a chassis that leads to a provider network.
    pub fn localnet(&self, network: NetworkKey, chassis: ChassisKey) -> Option<OfPort> {
        self.read(Key::Localnet(network, chassis));
        self.world.localnet(network, chassis)
    }

    /// The OpenFlow ports of a chassis that lead to physical networks, in the order of those.
    pub fn localnets(&self, chassis: ChassisKey) -> Vec<OfPort> {
        self.read(Key::Localnets(chassis));
        self.world.localnets(chassis).into_iter().map(|(_, port)| port).collect()
    }

    /// Whether an OpenFlow port leads to another chassis, on a fabric of links.
    pub fn is_trunk(&self, chassis: ChassisKey, port: OfPort) -> bool {
        self.read(Key::Trunk(chassis, port));
        self.world.trunks.contains(&(chassis, port))
    }

    /// Where a chassis sends on what is labelled for another.
    pub fn hop(&self, at: ChassisKey, to: ChassisKey, label: u8) -> Option<Hop> {
        self.read(Key::Hop(at, to, label));
        self.world.hops.get(&(at, to, label)).copied()
    }

    /// How one chassis sends to another, on a fabric of links.
    pub fn way(&self, from: ChassisKey, to: ChassisKey) -> Option<Way> {
        self.read(Key::Way(from, to));
        self.world.ways.get(&(from, to)).copied()
    }

    /// What one chassis knows of another over the underlay, by BFD; `None`: nothing, so that only its OpenFlow connection tells.
    pub fn alive(&self, from: ChassisKey, to: ChassisKey) -> Option<Alive> {
        self.read(Key::Alive(from, to));
        self.world.alive.get(&(from, to)).copied()
    }

    /// The name of an OpenFlow port that no port is bound to and that is not the fabric's interface.
    pub fn spare(&self, chassis: ChassisKey, port: OfPort) -> Option<&'w Arc<str>> {
        self.read(Key::Spare(chassis, port));
        self.world.spares.get(&(chassis, port))
    }

    /// A network.
    pub fn network(&self, key: NetworkKey) -> Option<&'w Network> {
        self.read(Key::Network(key));
        self.world.networks.get(&key)
    }

    /// A network's VNI, GRE key or VLAN id, whatever else changes about it.
    pub fn segment(&self, key: NetworkKey) -> Option<u32> {
        self.read(Key::Segment(key));
        self.world.networks.get(&key).map(|network| network.segment).filter(|segment| *segment != 0)
    }

    /// Where a provider network is, whatever else changes about it; `None`: the fabric carries it.
    pub fn physical(&self, key: NetworkKey) -> Option<&'w Physical> {
        self.read(Key::Physical(key));
        self.world.networks.get(&key)?.physical.as_ref()
    }

    /// Whether a network takes in ports that nothing claims.
    pub fn auto_ports(&self, key: NetworkKey) -> bool {
        self.read(Key::AutoPorts(key));
        self.world.networks.get(&key).is_some_and(|network| network.auto_ports)
    }

    /// The network that takes in ports that nothing claims.
    pub fn auto_network(&self) -> Option<NetworkKey> {
        self.read(Key::AutoNetwork);
        self.world.auto_networks.first().copied()
    }

    /// A subnet.
    pub fn subnet(&self, key: SubnetKey) -> Option<&'w Subnet> {
        self.read(Key::Subnet(key));
        self.world.subnets.get(&key)
    }

    /// What a subnet puts into RAs.
    pub fn advert(&self, key: SubnetKey) -> Option<&'w Advert> {
        self.read(Key::Advert(key));
        self.world.adverts.get(&key)
    }

    /// What is told of a subnet by DHCPv6.
    pub fn dhcp6(&self, key: SubnetKey) -> Option<&'w Dhcp6> {
        self.read(Key::Dhcp6(key));
        self.world.dhcp6.get(&key)
    }

    /// What is told of a subnet by DHCP for IPv4.
    pub fn dhcp4(&self, key: SubnetKey) -> Option<&'w Dhcp4> {
        self.read(Key::Dhcp4(key));
        self.world.dhcp4.get(&key)
    }

    /// The subnets of a network, in the order of their keys.
    pub fn subnets_of(&self, network: NetworkKey) -> Vec<SubnetKey> {
        self.read(Key::SubnetsOf(network));
        self.world.subnets_by_network.of(network).collect()
    }

    /// A router.
    pub fn router(&self, key: RouterKey) -> Option<&'w Router> {
        self.read(Key::Router(key));
        self.world.routers.get(&key)
    }

    /// A router's interface.
    pub fn interface(&self, router: RouterKey, subnet: SubnetKey) -> Option<&'w Interface> {
        self.read(Key::Interface(router, subnet));
        self.world.interfaces.get(&(router, subnet))
    }

    /// The router interfaces on a network, in the order of their keys.
    pub fn interfaces_on(&self, network: NetworkKey) -> Vec<(RouterKey, SubnetKey)> {
        self.read(Key::InterfacesOn(network));
        self.world.interfaces_by_network.of(network).collect()
    }

    /// A static route.
    pub fn route(&self, router: RouterKey, prefix: IpNet) -> Option<&'w Route> {
        self.read(Key::Route(router, prefix));
        self.world.routes.get(&(router, prefix))
    }

    /// A router's way to a provider network.
    pub fn gateway(&self, key: RouterKey) -> Option<&'w ExternalGateway> {
        self.read(Key::Gateway(key));
        self.world.gateways.get(&key)
    }

    /// The routers that lead to a provider network, in order.
    pub fn routers_to(&self, network: NetworkKey) -> Vec<RouterKey> {
        self.read(Key::Gateways(network));
        self.world.routers_to(network)
    }

    /// The chassis by which what is for outside may leave to a provider network, in the order of their keys.
    pub fn gateways(&self, network: NetworkKey) -> Vec<GatewayChassis> {
        self.read(Key::Gateways(network));
        self.world.gateways(network)
    }

    /// The MAC of a neighbour on a provider network, as a chassis has found it.
    pub fn neighbor(&self, network: NetworkKey, chassis: ChassisKey, address: IpAddr) -> Option<MacAddr> {
        self.read(Key::Neighbor(network, chassis, address));
        self.world.neighbors.get(&(network, chassis, address)).copied()
    }

    /// The neighbours on a provider network that a chassis has found, in order.
    pub fn neighbors(&self, network: NetworkKey, chassis: ChassisKey) -> Vec<IpAddr> {
        self.read(Key::Neighbors(network, chassis));
        self.world.neighbors_of(network, chassis).map(|(address, _)| address).collect()
    }

    /// The routers on a provider network that advertise themselves, in order.
    pub fn upstreams(&self, network: NetworkKey) -> Vec<(Ipv6Addr, UpstreamRouter)> {
        self.read(Key::Upstreams(network));
        self.world.upstreams(network)
    }

    /// An address on a provider network that a router answers for, beside its own.
    pub fn presence(&self, network: NetworkKey, address: IpAddr) -> Option<&'w Presence> {
        self.read(Key::Presence(network, address));
        self.world.presence(network, address)
    }

    /// A prefix behind a router that is another outside.
    pub fn prefix_mapping(&self, router: RouterKey, prefix: IpNet) -> Option<&'w PrefixMapping> {
        self.read(Key::PrefixMapping(router, prefix));
        self.world.prefix_mapping(router, prefix)
    }

    /// The prefixes behind a router that are others outside, in order.
    pub fn prefix_mappings(&self, router: RouterKey) -> Vec<&'w PrefixMapping> {
        self.read(Key::PrefixMappings(router));
        self.world.mappings_of(router).map(|(_, mapping)| mapping).collect()
    }

    /// Whether there is any prefix mapping that goes by whole addresses.
    pub fn long_mappings(&self) -> bool {
        self.read(Key::LongMappings);
        self.world.exists(&Key::LongMappings)
    }

    /// Whether addresses behind a router are others outside.
    pub fn maps(&self, router: RouterKey) -> bool {
        self.read(Key::Maps(router));
        self.world.exists(&Key::Maps(router))
    }

    /// Whether a chassis routes for a router of which that is so.
    pub fn maps_at(&self, chassis: ChassisKey) -> bool {
        self.read(Key::MapsAt(chassis));
        self.world.exists(&Key::MapsAt(chassis))
    }

    /// What an address behind a router is outside, if one stands for it there.
    pub fn outside_of(&self, router: RouterKey, inside: IpAddr) -> Option<IpAddr> {
        self.read(Key::Outside(router, inside));
        self.world.outside_of(router, inside)
    }

    /// Whether an OpenFlow port that leads to a provider network carries anything.
    pub fn has_carrier(&self, network: NetworkKey, chassis: ChassisKey) -> bool {
        self.read(Key::Localnet(network, chassis));
        self.world.has_carrier(network, chassis)
    }

    /// Whether a chassis routes for a router.
    pub fn routes_for(&self, router: RouterKey, chassis: ChassisKey) -> bool {
        self.read(Key::RouterAt(router, chassis));
        self.world.chassis_of_router.contains(router, chassis)
    }

    /// A port.
    pub fn port(&self, key: PortKey) -> Option<&'w Port> {
        self.read(Key::Port(key));
        self.world.ports.get(&key)
    }

    /// Where a port is to be found.
    pub fn binding(&self, port: PortKey) -> Option<&'w Binding> {
        self.read(Key::Binding(port));
        self.world.bindings.get(&port)
    }

    /// What a port may send.
    pub fn policy(&self, port: PortKey) -> Option<Policy> {
        self.read(Key::Policy(port));
        self.world.policies.get(&port).copied()
    }

    /// The options of DHCP that a port alone is told.
    pub fn dhcp_options(&self, port: PortKey) -> Option<&'w DhcpOptions> {
        self.read(Key::DhcpOptions(port));
        self.world.dhcp_options.get(&port)
    }

    /// What a port is called in the DNS: one label.
    pub fn hostname(&self, port: PortKey) -> Option<&'w Arc<str>> {
        self.read(Key::Hostname(port));
        self.world.hostnames.get(&port)
    }

    /// The ports of a network that are called so, in the order of their keys.
    pub fn named(&self, network: NetworkKey, name: &str) -> Vec<PortKey> {
        self.read(Key::NamesOn(network));
        let name: Arc<str> = name.into();
        let all = (network, name.clone(), PortKey(0))..=(network, name, PortKey(u32::MAX));
        self.world.names.range(all).map(|(.., port)| *port).collect()
    }

    /// The security groups that a port has.
    pub fn membership(&self, port: PortKey) -> Option<&'w Membership> {
        self.read(Key::Membership(port));
        self.world.memberships.get(&port)
    }

    /// The security groups that a port's packets are judged by; `None`: nobody has to, for it has none, or everything may pass.
    pub fn filter(&self, port: PortKey) -> Option<&'w Membership> {
        let groups = self.membership(port).into_iter().flat_map(|membership| &membership.groups);
        groups.for_each(|group| self.read(Key::Manner(*group)));
        self.world.filter(port)
    }

    /// What a port's host wants of a multicast group.
    pub fn listener(&self, port: PortKey, group: IpAddr) -> Option<&'w Listener> {
        self.read(Key::Listener(port, group));
        self.world.listeners.get(&(port, group))
    }

    /// The ports of a network that listen to a multicast group, in the order of their keys.
    pub fn listening(&self, network: NetworkKey, group: IpAddr) -> Vec<PortKey> {
        self.read(Key::Listening(network, group));
        self.world.listening.of((network, group)).collect()
    }

    /// The ports of a network that get all multicast packets, in the order of their keys.
    pub fn watchers(&self, network: NetworkKey) -> Vec<PortKey> {
        self.read(Key::Watchers(network));
        self.world.watchers.of(network).collect()
    }

    /// What a packet to a multicast group meets that is sent on a network.
    pub fn audience(&self, network: NetworkKey, group: IpAddr) -> Option<&'w Audience> {
        self.read(Key::Audience(network, group));
        self.world.audiences.get(&(network, group))
    }

    /// Whether routers forward multicast packets that are sent on a network.
    pub fn is_forwarded(&self, network: NetworkKey) -> bool {
        self.read(Key::Forwarded(network));
        self.world.is_forwarded(network)
    }

    /// A security group.
    pub fn security_group(&self, key: GroupKey) -> Option<&'w SecurityGroup> {
        self.read(Key::Group(key));
        self.world.security_groups.get(&key)
    }

    /// Whether a security group follows connections, whatever else changes about it.
    pub fn is_stateful(&self, key: GroupKey) -> bool {
        self.read(Key::Manner(key));
        self.world.security_groups.get(&key).is_some_and(|group| group.stateful)
    }

    /// An address group.
    pub fn address_group(&self, key: AddressGroupKey) -> Option<&'w AddressGroup> {
        self.read(Key::Addresses(key));
        self.world.address_groups.get(&key)
    }

    /// Whether ports on a chassis have a security group.
    pub fn has_group(&self, group: GroupKey, chassis: ChassisKey) -> bool {
        self.read(Key::GroupAt(group, chassis));
        self.world.groups_at.contains(group, chassis)
    }

    /// Whether rules name an address group on a chassis.
    pub fn names_addresses(&self, group: AddressGroupKey, chassis: ChassisKey) -> bool {
        self.read(Key::AddressesAt(group, chassis));
        self.world.exists(&Key::AddressesAt(group, chassis))
    }

    /// Whether an address, or a prefix that is routed to a port, is in a security group, where that must be said: rules name the group on the chassis, and the network
    /// of who has the address doesn't tell so. A link-local address is one of a network; network 0: any other.
    pub fn set_address(&self, address: IpNet, scope: NetworkKey, group: GroupKey, chassis: ChassisKey) -> Option<bool> {
        self.read(Key::SetAddress(address, scope, group, chassis));
        self.world.set_address(address, scope, group, chassis)
    }

    /// Whether a prefix's addresses are in a security group unless it is said otherwise, and rules name it on a chassis.
    pub fn set_prefix(&self, prefix: IpNet, group: GroupKey, chassis: ChassisKey) -> bool {
        self.read(Key::SetPrefix(prefix, group, chassis));
        self.world.set_prefix(prefix, group, chassis)
    }

    /// Whether a network's ports are in a security group unless it is said otherwise, and rules name it on a chassis.
    pub fn set_network(&self, network: NetworkKey, group: GroupKey, chassis: ChassisKey) -> bool {
        self.read(Key::SetNetwork(network, group, chassis));
        self.world.set_network(network, group, chassis)
    }

    /// Where a port is plugged.
    pub fn place(&self, port: PortKey) -> Option<Place> {
        self.read(Key::Place(port));
        self.world.places.get(&port).copied()
    }

    /// Whether and why a chassis needs a network.
    pub fn need(&self, network: NetworkKey, chassis: ChassisKey) -> Option<Need> {
        self.read(Key::Need(network, chassis));
        self.world.needs.get(&(network, chassis)).copied()
    }

    /// Whether ports of a network are bound to a chassis.
    pub fn is_resident(&self, network: NetworkKey, chassis: ChassisKey) -> bool {
        self.need(network, chassis).is_some_and(|need| need.resident)
    }

    /// Whether a router that a chassis routes for leads to a provider network.
    pub fn is_exit(&self, network: NetworkKey, chassis: ChassisKey) -> bool {
        self.need(network, chassis).is_some_and(|need| need.external)
    }

    /// Whether a chassis routes to a network.
    pub fn is_routed(&self, network: NetworkKey, chassis: ChassisKey) -> bool {
        self.need(network, chassis).is_some_and(|need| need.routed)
    }

    /// The chassis that ports of a network are bound to.
    pub fn residents(&self, network: NetworkKey) -> Vec<ChassisKey> {
        self.read(Key::Residents(network));
        self.world.residents.of(network).collect()
    }

    /// The pass-through NICs of a network that a chassis serves, in the order of their keys.
    pub fn directs(&self, network: NetworkKey, chassis: ChassisKey) -> Vec<PortKey> {
        self.read(Key::Members(network, chassis));
        let here = self.world.bound.of((network, chassis));
        here.filter(|port| self.world.places.get(port).is_some_and(|place| place.beyond().is_some())).collect()
    }

    /// Whether a port is a pass-through NIC.
    pub fn is_direct(&self, port: PortKey) -> bool {
        self.read(Key::Binding(port));
        self.world.directs.contains_key(&port)
    }

    /// The plugged ports of a network on a chassis, in the order of their keys; without pass-through NICs.
    pub fn members(&self, network: NetworkKey, chassis: ChassisKey) -> Vec<Member> {
        self.read(Key::Members(network, chassis));
        let plugged = |port| {
            let place = self.world.places.get(&port).filter(|place| place.beyond().is_none())?;
            let secured = self.world.policies.get(&port).is_none_or(|p| p.secured);
            let filtered = self.world.filter(port).is_some();
            Some(Member { port, ofport: place.ofport, secured, filtered })
        };
        self.world.bound.of((network, chassis)).filter_map(plugged).collect()
    }

    /// Who holds an address on a network.
    pub fn holder(&self, network: NetworkKey, address: IpAddr) -> Option<Holder> {
        self.read(Key::Holder(network, address));
        self.world.holders.of((network, address)).next()
    }

    /// An exposure.
    pub fn exposure(&self, key: ExposureKey) -> Option<&'w Exposure> {
        self.read(Key::Exposure(key));
        self.world.exposures.get(&key)
    }

    /// An anycast service.
    pub fn anycast(&self, key: AnycastKey) -> Option<&'w Anycast> {
        self.read(Key::Anycast(key));
        self.world.anycasts.get(&key)
    }

    /// Whether a port is alive as an instance of a service.
    pub fn serves(&self, key: AnycastKey, port: PortKey) -> bool {
        self.read(Key::Serves(key, port));
        self.world.serving.contains(key, port)
    }

    /// The anycast services of a network, in the order of their keys.
    pub fn anycasts_on(&self, network: NetworkKey) -> Vec<AnycastKey> {
        self.read(Key::AnycastsOn(network));
        self.world.anycasts_by_network.of(network).collect()
    }

    /// The service that an address of a network is of. Of several claims the least counts.
    pub fn anycast_with(&self, network: NetworkKey, address: IpAddr) -> Option<AnycastKey> {
        self.read(Key::Holder(network, address));
        self.world.anycast_addresses.of((network, address)).next()
    }

    /// Whether one chassis sends to another.
    pub fn sends_to(&self, from: ChassisKey, to: ChassisKey) -> bool {
        self.read(Key::Peer(from, to));
        self.world.sends_to(from, to)
    }
}
