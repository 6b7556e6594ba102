//! All facts, stated and derived. Fields are private to the crate: changes go through `commit`, reads through a view.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use addr::{IpNet, MacAddr, OfPort};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};
use rustc_hash::FxBuildHasher;

use crate::direct::{Direct, Subport};
use crate::exposures::Exposure;
use crate::facts::{
    AddressGroup, Advert, Alive, Anycast, Binding, Chassis, Dhcp4, Dhcp6, DhcpOptions, ExternalGateway, Fabric, Hop,
    Interface, Listener, Membership, Network, Policy, Port, Route, Router, SecurityGroup, Subnet, Way,
};
use crate::gateways::UpstreamRouter;
use crate::index::Index;
use crate::keys::{
    AddressGroupKey, AnycastKey, ChassisKey, ExposureKey, GroupKey, Key, NetworkKey, PortKey, ResourceId, RouterKey,
    SetKey, SubnetKey,
};
use crate::listeners::Audience;
use crate::needs::Need;
use crate::presences::{PrefixMapping, Presence};
use crate::view::Place;

/// A persistent map. Its hash is fast, and the same in every run: events replay to the letter.
pub(crate) type Map<K, V> = HashTrieMapSync<K, V, FxBuildHasher>;

/// All facts. A clone is cheap and independent: plans compile on one.
#[derive(Clone, Default)]
pub struct World {
    pub(crate) sequence: u64,
    pub(crate) fabric: Option<Fabric>,
    pub(crate) chassis: Map<ChassisKey, Chassis>,
    pub(crate) plugs: Map<(ChassisKey, Arc<str>), OfPort>,
    pub(crate) trunks: RedBlackTreeSetSync<(ChassisKey, OfPort)>,
    pub(crate) hops: Map<(ChassisKey, ChassisKey, u8), Hop>,
    pub(crate) ways: Map<(ChassisKey, ChassisKey), Way>,
    pub(crate) alive: Map<(ChassisKey, ChassisKey), Alive>,
    pub(crate) networks: Map<NetworkKey, Network>,
    pub(crate) subnets: Map<SubnetKey, Subnet>,
    pub(crate) adverts: Map<SubnetKey, Advert>,
    pub(crate) dhcp6: Map<SubnetKey, Dhcp6>,
    pub(crate) dhcp4: Map<SubnetKey, Dhcp4>,
    pub(crate) routers: Map<RouterKey, Router>,
    pub(crate) interfaces: Map<(RouterKey, SubnetKey), Interface>,
    pub(crate) routes: Map<(RouterKey, IpNet), Route>,
    pub(crate) gateways: Map<RouterKey, ExternalGateway>,
    pub(crate) neighbors: RedBlackTreeMapSync<(NetworkKey, ChassisKey, IpAddr), MacAddr>,
    pub(crate) prefix_mappings: RedBlackTreeMapSync<(RouterKey, IpNet), PrefixMapping>,
    pub(crate) presences: RedBlackTreeMapSync<(NetworkKey, IpAddr), Presence>,
    pub(crate) upstreams: RedBlackTreeMapSync<(NetworkKey, Ipv6Addr), UpstreamRouter>,
    /// Chassis out of reach for so long that others take their place.
    pub(crate) lame: RedBlackTreeSetSync<ChassisKey>,
    /// Chassis that find none of the routers of a provider network.
    pub(crate) isolated: RedBlackTreeSetSync<(NetworkKey, ChassisKey)>,
    /// OpenFlow ports that carry nothing.
    pub(crate) down: RedBlackTreeSetSync<(ChassisKey, OfPort)>,
    pub(crate) ports: Map<PortKey, Port>,
    pub(crate) bindings: Map<PortKey, Binding>,
    pub(crate) directs: Map<PortKey, Direct>,
    pub(crate) subports: Map<PortKey, Subport>,
    pub(crate) policies: Map<PortKey, Policy>,
    pub(crate) dhcp_options: Map<PortKey, DhcpOptions>,
    pub(crate) hostnames: Map<PortKey, Arc<str>>,
    pub(crate) memberships: Map<PortKey, Membership>,
    pub(crate) listeners: RedBlackTreeMapSync<(PortKey, IpAddr), Listener>,
    pub(crate) security_groups: Map<GroupKey, SecurityGroup>,
    pub(crate) address_groups: Map<AddressGroupKey, AddressGroup>,
    pub(crate) anycasts: Map<AnycastKey, Anycast>,
    pub(crate) exposures: Map<ExposureKey, Exposure>,
    /// Ports that are alive as instances of services.
    pub(crate) serving: Index<AnycastKey, PortKey>,

    // Derived; each with the function that keeps it.
    /// Who is bound to an interface of a bridge.
    pub(crate) bound_by_interface: Map<(ChassisKey, Arc<str>), PortKey>,
    pub(crate) places: Map<PortKey, Place>,
    /// Pass-through NICs by their chassis and networks; those that are served by a chassis, with their numbers there.
    pub(crate) directs_of: Index<ChassisKey, PortKey>,
    pub(crate) directs_on: Index<NetworkKey, PortKey>,
    pub(crate) subports_of: Index<PortKey, PortKey>,
    pub(crate) served: Index<ChassisKey, PortKey>,
    pub(crate) stand_ins: Map<PortKey, OfPort>,
    /// The plugs by their numbers.
    pub(crate) plugged: RedBlackTreeSetSync<(ChassisKey, OfPort, Arc<str>)>,
    pub(crate) spares: RedBlackTreeMapSync<(ChassisKey, OfPort), Arc<str>>,
    /// The networks that take in ports that nothing claims. Of several the least counts, so that the answer has no history.
    pub(crate) auto_networks: RedBlackTreeSetSync<NetworkKey>,
    pub(crate) gateways_by_network: Index<NetworkKey, RouterKey>,
    pub(crate) presences_by_router: Index<RouterKey, (NetworkKey, IpAddr)>,
    pub(crate) presences_by_port: Index<PortKey, (NetworkKey, IpAddr)>,
    /// Presences by the address inside.
    pub(crate) presences_inside: Index<(RouterKey, IpAddr), (NetworkKey, IpAddr)>,
    /// Of the prefix mappings those that go by whole addresses.
    pub(crate) long_mappings: RedBlackTreeSetSync<(RouterKey, IpNet)>,
    /// How many addresses behind a router are others outside; none: it is left out.
    pub(crate) mapped: Map<RouterKey, u32>,
    /// The routers of which that is so, by the chassis that route for them.
    pub(crate) mapping_routers: Index<ChassisKey, RouterKey>,
    /// The provider networks of each physical network.
    pub(crate) provider_networks: RedBlackTreeSetSync<(Arc<str>, NetworkKey)>,
    pub(crate) ports_by_network: Index<NetworkKey, PortKey>,
    /// What ports are called, with those that are.
    pub(crate) names: RedBlackTreeSetSync<(NetworkKey, Arc<str>, PortKey)>,
    pub(crate) bound: Index<(NetworkKey, ChassisKey), PortKey>,
    pub(crate) residents: Index<NetworkKey, ChassisKey>,
    pub(crate) resident_networks: Index<ChassisKey, NetworkKey>,
    pub(crate) subnets_by_network: Index<NetworkKey, SubnetKey>,
    pub(crate) interfaces_by_network: Index<NetworkKey, (RouterKey, SubnetKey)>,
    pub(crate) interfaces_by_router: Index<RouterKey, SubnetKey>,
    pub(crate) routes_by_router: Index<RouterKey, IpNet>,
    /// Routes by the network that their next hop is on.
    pub(crate) routes_by_network: Index<NetworkKey, (RouterKey, IpNet)>,
    pub(crate) holders: Index<(NetworkKey, IpAddr), Holder>,
    pub(crate) needs: Map<(NetworkKey, ChassisKey), Need>,
    pub(crate) needers: Index<NetworkKey, ChassisKey>,
    pub(crate) needed: Index<ChassisKey, NetworkKey>,
    pub(crate) routers_at: Index<ChassisKey, RouterKey>,
    pub(crate) chassis_of_router: Index<RouterKey, ChassisKey>,
    /// Each tenant's default group. Of several the least counts.
    pub(crate) default_groups: RedBlackTreeSetSync<(Arc<str>, GroupKey)>,
    pub(crate) group_members: Index<GroupKey, PortKey>,
    /// The ports with a group that are bound to a chassis.
    pub(crate) group_ports: Index<(GroupKey, ChassisKey), PortKey>,
    pub(crate) groups_at: Index<GroupKey, ChassisKey>,
    /// The groups whose rules name a set.
    pub(crate) set_users: Index<SetKey, GroupKey>,
    pub(crate) sets_at: Index<SetKey, ChassisKey>,
    /// The same from the chassis' side.
    pub(crate) chassis_groups: Index<ChassisKey, GroupKey>,
    pub(crate) chassis_sets: RedBlackTreeSetSync<(ChassisKey, SetKey)>,
    /// The ports of whose addresses it must be said whether they are in a group; the addresses.
    pub(crate) said: Index<(GroupKey, NetworkKey, IpNet), PortKey>,
    pub(crate) said_of: Index<GroupKey, (NetworkKey, IpNet)>,
    /// The subnets of networks that tell their ports to be in a group, by prefix; the prefixes.
    pub(crate) told_prefixes: Index<(GroupKey, IpNet), SubnetKey>,
    pub(crate) prefixes_told: Index<GroupKey, IpNet>,
    pub(crate) anycasts_by_network: Index<NetworkKey, AnycastKey>,
    pub(crate) anycast_addresses: Index<(NetworkKey, IpAddr), AnycastKey>,
    /// The ports of a network that listen to a group; the groups.
    pub(crate) listening: Index<(NetworkKey, IpAddr), PortKey>,
    pub(crate) groups_on: Index<NetworkKey, IpAddr>,
    pub(crate) watchers: Index<NetworkKey, PortKey>,
    pub(crate) audiences: RedBlackTreeMapSync<(NetworkKey, IpAddr), Audience>,
    /// The numbers that audiences' cases have.
    pub(crate) numbers: RedBlackTreeSetSync<u32>,
    /// The audiences that are of other networks too.
    pub(crate) forwarded: Index<NetworkKey, IpAddr>,
    /// How many networks make the first chassis send to the second.
    pub(crate) peers: Map<(ChassisKey, ChassisKey), u32>,
}

/// Who holds an address on a network. Of several claims the least counts, so that the answer has no history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A router's interface.
    Router(RouterKey, SubnetKey),
    /// A port.
    Port(PortKey),
}

impl crate::index::Bounds for Holder {
    const LEAST: Self = Holder::Router(RouterKey(0), SubnetKey(0));
    const GREATEST: Self = Holder::Port(PortKey(u32::MAX));
}

impl crate::index::Bounds for IpAddr {
    const LEAST: Self = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    const GREATEST: Self =
        IpAddr::V6(std::net::Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff));
}

impl World {
    /// Counts commits that changed something; the newest one's number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// All chassis, in the order of their keys.
    pub fn chassis_keys(&self) -> Vec<ChassisKey> {
        let mut keys: Vec<_> = self.chassis.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The chassis that need a port's network, whether or not they are connected: all that have flows for it.
    pub fn chassis_concerned(&self, network: NetworkKey) -> Vec<ChassisKey> {
        self.needers.of(network).collect()
    }

    /// The chassis that route for a router.
    pub fn chassis_routing(&self, router: RouterKey) -> Vec<ChassisKey> {
        self.chassis_of_router.of(router).collect()
    }

    /// The networks with ports bound to a chassis.
    pub fn networks_resident(&self, chassis: ChassisKey) -> Vec<NetworkKey> {
        self.resident_networks.of(chassis).collect()
    }

    /// The networks that a chassis has flows for.
    pub fn networks_needed(&self, chassis: ChassisKey) -> BTreeSet<NetworkKey> {
        self.needed.of(chassis).collect()
    }

    /// The ports of a network, as resources.
    pub fn ports_on(&self, network: NetworkKey) -> Vec<ResourceId> {
        self.ports_by_network.of(network).filter_map(|port| self.resource_of(&Key::Port(port))).collect()
    }

    /// The chassis with ports of a network bound to them.
    pub fn residents(&self, network: NetworkKey) -> Vec<ChassisKey> {
        self.residents.of(network).collect()
    }

    /// The OpenFlow ports of a chassis that no port is bound to, with their names; without the fabric's interface.
    pub fn spares(&self, chassis: ChassisKey) -> impl Iterator<Item = (OfPort, &Arc<str>)> {
        let all = (chassis, OfPort(0))..=(chassis, OfPort(u32::MAX));
        self.spares.range(all).map(|((_, port), name)| (*port, name))
    }

    /// Whether one chassis sends to another.
    pub fn sends_to(&self, from: ChassisKey, to: ChassisKey) -> bool {
        self.peers.contains_key(&(from, to))
    }

    /// The chassis that a chassis sends to.
    pub fn peers(&self, from: ChassisKey) -> Vec<ChassisKey> {
        let residents = self.needed.of(from).flat_map(|network| self.residents.of(network));
        let gateways = self.needed.of(from).filter(|network| self.gateways_by_network.any(*network));
        let gateways = gateways.flat_map(|network| self.gateways(network)).map(|gateway| gateway.chassis);
        residents.chain(gateways).filter(|to| *to != from).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The chassis that send to a chassis.
    pub fn senders(&self, to: ChassisKey) -> Vec<ChassisKey> {
        let needers = self.resident_networks.of(to).flat_map(|network| self.needers.of(network));
        needers.filter(|from| *from != to).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The keys of the networks, ports and routers that a chassis has flows for.
    pub fn concerns_of(&self, chassis: ChassisKey) -> Vec<Key> {
        let mut keys = vec![Key::Chassis(chassis), Key::Fabric];
        for network in self.needed.of(chassis) {
            keys.push(Key::Network(network));
            keys.extend(self.ports_by_network.of(network).map(Key::Port));
            keys.extend(self.anycasts_by_network.of(network).map(Key::Anycast));
        }
        for router in self.routers_at.of(chassis) {
            keys.push(Key::Router(router));
            keys.extend(self.mappings_of(router).map(|(prefix, _)| Key::PrefixMapping(router, prefix)));
            keys.extend(self.presences_by_router.of(router).map(|(network, address)| Key::Presence(network, address)));
        }
        self.group_concerns(chassis, &mut keys);
        keys
    }

    /// The chassis that have flows for an anycast service.
    pub fn chassis_serving(&self, key: AnycastKey) -> Vec<ChassisKey> {
        self.anycasts.get(&key).map(|service| self.needers.of(service.network).collect()).unwrap_or_default()
    }

    /// The anycast services that a port may be an instance of, in order. Looks at those of its network.
    pub fn anycasts_of(&self, port: PortKey) -> Vec<AnycastKey> {
        let network = self.ports.get(&port).map(|port| port.network);
        let services = network.into_iter().flat_map(|network| self.anycasts_by_network.of(network));
        services.filter(|key| self.anycasts.get(key).is_some_and(|service| service.ports.contains(&port))).collect()
    }

    /// The port that is bound to an interface of a chassis.
    pub fn bound_to(&self, chassis: ChassisKey, interface: &Arc<str>) -> Option<PortKey> {
        self.bound_by_interface.get(&(chassis, interface.clone())).copied()
    }

    /// A router's interfaces, in the order of their subnets.
    pub fn interfaces_of(&self, router: RouterKey) -> Vec<&crate::facts::Interface> {
        self.interfaces_by_router.of(router).filter_map(|subnet| self.interfaces.get(&(router, subnet))).collect()
    }

    /// The resources that keys speak of, as far as they still exist, each once for keys that stand together.
    pub fn resources_of(&self, keys: &[Key]) -> Vec<ResourceId> {
        let mut spoken_of: Vec<Key> = keys.iter().map(Key::noun).collect();
        spoken_of.sort_unstable();
        spoken_of.dedup();
        spoken_of.iter().filter_map(|key| self.resource_of(key)).collect()
    }

    /// The resource that a key speaks of, as far as it still exists.
    pub fn resource_of(&self, key: &Key) -> Option<ResourceId> {
        let global = |kind, name: &Arc<str>| ResourceId { kind, tenant: "".into(), name: name.clone() };
        match key.noun() {
            Key::Fabric => Some(global("fabric", &"default".into())),
            Key::Chassis(c) => Some(global("chassis", &self.chassis.get(&c)?.name)),
            Key::Network(n) => {
                let network = self.networks.get(&n)?;
                Some(ResourceId { kind: "network", tenant: network.tenant.clone(), name: network.name.clone() })
            }
            Key::Subnet(s) => self.resource_of(&Key::Network(self.subnets.get(&s)?.network)),
            Key::Router(r) => {
                let router = self.routers.get(&r)?;
                Some(ResourceId { kind: "router", tenant: router.tenant.clone(), name: router.name.clone() })
            }
            Key::Port(p) => {
                let port = self.ports.get(&p)?;
                Some(ResourceId { kind: "port", tenant: port.tenant.clone(), name: port.name.clone() })
            }
            Key::Group(g) => {
                let group = self.security_groups.get(&g)?;
                Some(ResourceId { kind: "security_group", tenant: group.tenant.clone(), name: group.name.clone() })
            }
            Key::Anycast(a) => {
                let service = self.anycasts.get(&a)?;
                let kind = if service.translates.is_some() { "translator" } else { "anycast_service" };
                Some(ResourceId { kind, tenant: service.tenant.clone(), name: service.name.clone() })
            }
            Key::PrefixMapping(r, p) => Some(self.prefix_mappings.get(&(r, p))?.owner.clone()),
            Key::Presence(n, a) => Some(self.presences.get(&(n, a))?.owner.clone()),
            Key::Exposure(e) => {
                let exposure = self.exposures.get(&e)?;
                Some(ResourceId { kind: "exposure", tenant: exposure.tenant.clone(), name: exposure.name.clone() })
            }
            Key::Addresses(a) => {
                let group = self.address_groups.get(&a)?;
                Some(ResourceId { kind: "address_group", tenant: group.tenant.clone(), name: group.name.clone() })
            }
            _ => None,
        }
    }
}

impl World {
    /// Whether a derived key is marked whenever another one is: it joins that one with others.
    pub(crate) fn changes_with(&self, key: &Key, other: &Key) -> bool {
        match (key, other) {
            (Key::Reach(p, _), Key::Port(other) | Key::Binding(other)) => p == other,
            (Key::Reach(p, c), Key::Need(n, other)) => {
                c == other && self.ports.get(p).is_some_and(|port| port.network == *n)
            }
            (Key::PresenceAt(n, a, _), Key::Presence(network, address)) => (n, a) == (network, address),
            (Key::PresenceAt(n, a, c), Key::RouterAt(r, chassis)) => {
                c == chassis && self.presences.get(&(*n, *a)).is_some_and(|presence| presence.router == *r)
            }
            _ => false,
        }
    }
}

/// Which networks an address is on.
impl World {
    /// The networks with a subnet that an address is in, in the order of subnets. Looks at every subnet there is.
    pub fn networks_with(&self, address: IpAddr) -> Vec<NetworkKey> {
        let mut subnets: Vec<_> = self.subnets.iter().filter(|(_, subnet)| subnet.cidr.contains(&address)).collect();
        subnets.sort_unstable_by_key(|(key, _)| **key);
        subnets.into_iter().map(|(_, subnet)| subnet.network).collect()
    }
}

/// Whole-world questions: for starting up, and for the oracle that compiles from scratch.
impl World {
    /// Whether the fact of a key, or the join that it stands for, exists.
    pub fn exists(&self, key: &Key) -> bool {
        match *key {
            Key::Fabric => self.fabric.is_some(),
            Key::Spare(c, p) => self.spares.contains_key(&(c, p)),
            Key::Trunk(c, p) => self.trunks.contains(&(c, p)),
            Key::Hop(at, to, label) => self.hops.contains_key(&(at, to, label)),
            Key::Way(from, to) => self.ways.contains_key(&(from, to)),
            Key::Alive(from, to) => self.alive.contains_key(&(from, to)),
            Key::Chassis(c) | Key::Uplink(c) | Key::Localnets(c) => self.chassis.contains_key(&c),
            Key::Localnet(n, c) => self.localnet(n, c).is_some(),
            Key::Network(n)
            | Key::Segment(n)
            | Key::Physical(n)
            | Key::AutoPorts(n)
            | Key::Residents(n)
            | Key::SubnetsOf(n)
            | Key::InterfacesOn(n)
            | Key::NamesOn(n)
            | Key::AnycastsOn(n)
            | Key::Watchers(n)
            | Key::Holder(n, _) => self.networks.contains_key(&n),
            Key::Anycast(a) => self.anycasts.contains_key(&a),
            Key::Exposure(e) => self.exposures.contains_key(&e),
            Key::Serves(a, p) => self.serving.contains(a, p),
            Key::AnycastAt(a, c) => {
                self.anycasts.get(&a).is_some_and(|service| self.needs.contains_key(&(service.network, c)))
            }
            Key::AutoNetwork => !self.auto_networks.is_empty(),
            Key::Subnet(s) => self.subnets.contains_key(&s),
            Key::Advert(s) => self.adverts.contains_key(&s),
            Key::Dhcp6(s) => self.dhcp6.contains_key(&s),
            Key::Dhcp4(s) => self.dhcp4.contains_key(&s),
            Key::Router(r) => self.routers.contains_key(&r),
            Key::Interface(r, s) => self.interfaces.contains_key(&(r, s)),
            Key::Route(r, p) => self.routes.contains_key(&(r, p)),
            Key::Port(p) | Key::Binding(p) | Key::Subport(p) | Key::Policy(p) | Key::Hostname(p) | Key::Place(p) => {
                self.ports.contains_key(&p)
            }
            Key::DhcpOptions(p) => self.dhcp_options.contains_key(&p),
            Key::Membership(p) => self.memberships.contains_key(&p),
            Key::Listener(p, g) => self.listeners.contains_key(&(p, g)),
            Key::Listening(n, g) => self.groups_on.contains(n, g),
            Key::Audience(n, g) => self.audiences.contains_key(&(n, g)),
            Key::Forwarded(n) => self.is_forwarded(n),
            Key::Group(g) | Key::Manner(g) => self.security_groups.contains_key(&g),
            Key::Addresses(a) => self.address_groups.contains_key(&a),
            Key::GroupAt(g, c) => self.groups_at.contains(g, c),
            Key::AddressesAt(a, c) => self.sets_at.contains(SetKey::Addresses(a), c),
            Key::SetAddress(a, n, g, c) => self.set_address(a, n, g, c).is_some(),
            Key::SetPrefix(p, g, c) => self.set_prefix(p, g, c),
            Key::SetNetwork(n, g, c) => self.set_network(n, g, c),
            Key::Need(n, c) => self.needs.contains_key(&(n, c)),
            Key::Members(n, c) => self.bound.any((n, c)),
            Key::Reach(p, c) => {
                self.bindings.contains_key(&p)
                    && self.ports.get(&p).is_some_and(|port| self.needs.contains_key(&(port.network, c)))
            }
            Key::Gateway(r) => self.gateways.contains_key(&r),
            Key::GatewayAt(r, c) => self.gateways.contains_key(&r) && self.chassis_of_router.contains(r, c),
            Key::Gateways(n) | Key::Neighbors(n, _) | Key::Upstreams(n) => self.networks.contains_key(&n),
            Key::Presence(n, a) => self.presences.contains_key(&(n, a)),
            Key::PresenceAt(n, a, c) => {
                self.presences.get(&(n, a)).is_some_and(|there| self.chassis_of_router.contains(there.router, c))
            }
            Key::PrefixMapping(r, p) => self.prefix_mappings.contains_key(&(r, p)),
            Key::PrefixMappingAt(r, p, c) => {
                self.prefix_mappings.contains_key(&(r, p)) && self.chassis_of_router.contains(r, c)
            }
            Key::PrefixMappings(r) => self.routers.contains_key(&r),
            Key::LongMappings => !self.long_mappings.is_empty(),
            Key::Maps(r) => self.mapped.contains_key(&r),
            Key::MapsAt(c) => self.mapping_routers.any(c),
            Key::Outside(r, a) => self.presences_inside.any((r, a)),
            Key::Neighbor(n, c, a) => self.neighbors.contains_key(&(n, c, a)),
            Key::RouterAt(r, c) => self.chassis_of_router.contains(r, c),
            Key::InterfaceAt(r, s, c) => self.interfaces.contains_key(&(r, s)) && self.chassis_of_router.contains(r, c),
            Key::RouteAt(r, p, c) => self.routes.contains_key(&(r, p)) && self.chassis_of_router.contains(r, c),
            Key::Peer(a, b) => self.peers.contains_key(&(a, b)),
        }
    }

    /// Every key that exists, in order; holders and sets left out, for no unit is anchored at them.
    pub fn all_keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.fabric.iter().map(|_| Key::Fabric).collect();
        for c in self.chassis.keys().copied() {
            keys.extend([Key::Chassis(c), Key::Uplink(c), Key::Localnets(c)]);
        }
        keys.extend(self.spares.keys().map(|(c, p)| Key::Spare(*c, *p)));
        keys.extend(self.trunks.iter().map(|(c, p)| Key::Trunk(*c, *p)));
        keys.extend(self.hops.keys().map(|(at, to, label)| Key::Hop(*at, *to, *label)));
        keys.extend(self.ways.keys().map(|(from, to)| Key::Way(*from, *to)));
        keys.extend(self.alive.keys().map(|(from, to)| Key::Alive(*from, *to)));
        for (r, c) in self.chassis_of_router.iter() {
            keys.push(Key::RouterAt(r, c));
            keys.extend(self.gateways.get(&r).map(|_| Key::GatewayAt(r, c)));
            keys.extend(self.interfaces_by_router.of(r).map(|s| Key::InterfaceAt(r, s, c)));
            keys.extend(self.routes_by_router.of(r).map(|p| Key::RouteAt(r, p, c)));
        }
        keys.extend(self.networks.keys().flat_map(|n| [Key::Network(*n), Key::Segment(*n), Key::AutoPorts(*n)]));
        keys.extend(self.subnets.keys().map(|s| Key::Subnet(*s)));
        keys.extend(self.adverts.keys().map(|s| Key::Advert(*s)));
        keys.extend(self.dhcp6.keys().map(|s| Key::Dhcp6(*s)));
        keys.extend(self.dhcp4.keys().map(|s| Key::Dhcp4(*s)));
        keys.extend(self.dhcp_options.keys().map(|p| Key::DhcpOptions(*p)));
        keys.extend(self.routers.keys().map(|r| Key::Router(*r)));
        keys.extend(self.gateways.keys().map(|r| Key::Gateway(*r)));
        keys.extend(self.neighbors.keys().map(|(n, c, a)| Key::Neighbor(*n, *c, *a)));
        let mapping: BTreeSet<ChassisKey> = self.mapping_routers.iter().map(|(c, _)| c).collect();
        keys.extend(mapping.into_iter().map(Key::MapsAt));
        for (r, p) in self.prefix_mappings.keys() {
            keys.push(Key::PrefixMapping(*r, *p));
            keys.extend(self.chassis_of_router.of(*r).map(|c| Key::PrefixMappingAt(*r, *p, c)));
        }
        for ((n, a), presence) in self.presences.iter() {
            keys.push(Key::Presence(*n, *a));
            keys.extend(self.chassis_of_router.of(presence.router).map(|c| Key::PresenceAt(*n, *a, c)));
        }
        keys.extend(self.interfaces.keys().map(|(r, s)| Key::Interface(*r, *s)));
        keys.extend(self.routes.keys().map(|(r, p)| Key::Route(*r, *p)));
        keys.extend(self.listeners.keys().map(|(p, g)| Key::Listener(*p, *g)));
        keys.extend(self.audiences.keys().map(|(n, g)| Key::Audience(*n, *g)));
        keys.extend(self.needs.keys().map(|(n, c)| Key::Need(*n, *c)));
        self.group_keys(&mut keys);
        keys.extend(self.peers.keys().map(|(a, b)| Key::Peer(*a, *b)));
        for (a, service) in self.anycasts.iter() {
            keys.push(Key::Anycast(*a));
            keys.extend(self.needers.of(service.network).map(|c| Key::AnycastAt(*a, c)));
        }
        keys.extend(self.exposures.keys().map(|e| Key::Exposure(*e)));
        keys.extend(self.serving.iter().map(|(a, p)| Key::Serves(a, p)));
        for (p, port) in self.ports.iter() {
            keys.extend([Key::Port(*p), Key::Binding(*p), Key::Policy(*p), Key::Place(*p)]);
            if self.bindings.contains_key(p) {
                keys.extend(self.needers.of(port.network).map(|c| Key::Reach(*p, c)));
            }
        }
        keys.sort_unstable();
        keys
    }
}
