//! Small numbers that stand for nouns, and the keys of facts.

use std::fmt;
use std::sync::Arc;

use addr::{IpNet, OfPort};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number!(
    /// A chassis: 16 bits, for they ride in a MAC on VLAN fabrics.
    ChassisKey(u16)
);
number!(
    /// A network: 24 bits, as in the pipeline's register. Not its VNI or VLAN: those can be given, and reused at once.
    NetworkKey(u32)
);
number!(
    /// A subnet.
    SubnetKey(u32)
);
number!(
    /// A router: 24 bits, as in the pipeline's register and in the router's MAC.
    RouterKey(u32)
);
number!(
    /// A port.
    PortKey(u32)
);
number!(
    /// A security group: 23 bits, as in the pipeline's register.
    GroupKey(u32)
);
number!(
    /// An address group: 23 bits, as in the pipeline's register.
    AddressGroupKey(u32)
);

number!(
    /// An anycast service: 24 bits, as in its MAC.
    AnycastKey(u32)
);

number!(
    /// An exposure.
    ExposureKey(u32)
);

/// A set of addresses that rules of security groups name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKey {
    /// Those of a security group's members.
    Group(GroupKey),
    /// Those of an address group.
    Addresses(AddressGroupKey),
}

/// A resource by its name: what people and status speak of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Singular kind: `port`.
    pub kind: &'static str,
    /// Empty for global kinds.
    pub tenant: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tenant.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.tenant, self.name)
        }
    }
}

/// Names one fact, or one set that is derived from facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// How chassis reach each other.
    Fabric,
    /// A chassis.
    Chassis(ChassisKey),
    /// Derived: the OpenFlow port of the fabric's interface on a chassis.
    Uplink(ChassisKey),
    /// Derived: the OpenFlow port of a chassis that leads to a provider network.
    Localnet(NetworkKey, ChassisKey),
    /// Derived set: the OpenFlow ports of a chassis that lead to physical networks.
    Localnets(ChassisKey),
    /// Derived: a plugged OpenFlow port that no port is bound to and that is not the fabric's interface.
    Spare(ChassisKey, OfPort),
    /// An OpenFlow port that leads to another chassis, on a fabric of links.
    Trunk(ChassisKey, OfPort),
    /// Where the first chassis sends on what is labelled for the second.
    Hop(ChassisKey, ChassisKey, u8),
    /// How the first chassis sends to the second, on a fabric of links.
    Way(ChassisKey, ChassisKey),
    /// What the first chassis knows of the second over the underlay.
    Alive(ChassisKey, ChassisKey),
    /// A network.
    Network(NetworkKey),
    /// A network's segment alone: what its other properties don't concern need not read them.
    Segment(NetworkKey),
    /// Where a provider network is, whatever else changes about it.
    Physical(NetworkKey),
    /// Whether a network takes in ports that nothing claims.
    AutoPorts(NetworkKey),
    /// Derived: the network that takes in ports that nothing claims.
    AutoNetwork,
    /// A subnet's prefix and gateway.
    Subnet(SubnetKey),
    /// What a subnet puts into RAs.
    Advert(SubnetKey),
    /// What is told of a subnet by DHCPv6.
    Dhcp6(SubnetKey),
    /// What is told of a subnet by DHCP for IPv4.
    Dhcp4(SubnetKey),
    /// A router.
    Router(RouterKey),
    /// A router's interface on a subnet.
    Interface(RouterKey, SubnetKey),
    /// A static route.
    Route(RouterKey, IpNet),
    /// A router's way to a provider network.
    Gateway(RouterKey),
    /// Derived: a chassis routes for a router that has a way to a provider network.
    GatewayAt(RouterKey, ChassisKey),
    /// Derived set: the chassis by which what is for outside may leave to a provider network.
    Gateways(NetworkKey),
    /// The MAC of a neighbour on a provider network, as a chassis has found it.
    Neighbor(NetworkKey, ChassisKey, std::net::IpAddr),
    /// Derived set: the neighbours on a provider network that a chassis has found.
    Neighbors(NetworkKey, ChassisKey),
    /// The routers on a provider network that advertise themselves.
    Upstreams(NetworkKey),
    /// An address on a provider network that a router answers for, beside its own.
    Presence(NetworkKey, std::net::IpAddr),
    /// The same, as a chassis has it that routes for the router.
    PresenceAt(NetworkKey, std::net::IpAddr, ChassisKey),
    /// A prefix behind a router that is another outside.
    PrefixMapping(RouterKey, IpNet),
    /// The same, as a chassis has it that routes for the router.
    PrefixMappingAt(RouterKey, IpNet, ChassisKey),
    /// The prefixes behind a router that are others outside.
    PrefixMappings(RouterKey),
    /// Whether there is any of those that goes by whole addresses.
    LongMappings,
    /// Whether addresses behind a router are others outside.
    Maps(RouterKey),
    /// Whether a chassis routes for a router of which that is so.
    MapsAt(ChassisKey),
    /// What an address behind a router is outside.
    Outside(RouterKey, std::net::IpAddr),
    /// A port's network, MAC and addresses.
    Port(PortKey),
    /// Where a port is to be found.
    Binding(PortKey),
    /// The trunk that a port's frames come by, with a tag.
    Subport(PortKey),
    /// What a port may send.
    Policy(PortKey),
    /// The options of DHCP that a port alone is told.
    DhcpOptions(PortKey),
    /// What a port is called in the DNS.
    Hostname(PortKey),
    /// The security groups that a port has.
    Membership(PortKey),
    /// What a port's host wants of a multicast group.
    Listener(PortKey, std::net::IpAddr),
    /// A security group.
    Group(GroupKey),
    /// How a security group judges, whatever its rules are in full: whether it follows connections, and which ways it is open.
    Manner(GroupKey),
    /// An address group.
    Addresses(AddressGroupKey),
    /// Derived: a security group that ports on a chassis have.
    GroupAt(GroupKey, ChassisKey),
    /// Derived: an address group that rules name on a chassis.
    AddressesAt(AddressGroupKey, ChassisKey),
    /// Derived: whether an address, or a prefix that is routed to a port, is in a security group, where rules name the group on the chassis and the network of who has
    /// the address doesn't tell so. A link-local address is one of a network; network 0: any other.
    SetAddress(IpNet, NetworkKey, GroupKey, ChassisKey),
    /// Derived: a prefix whose addresses are in a security group unless it is said otherwise, where rules name the group.
    SetPrefix(IpNet, GroupKey, ChassisKey),
    /// Derived: a network whose ports are in a security group unless it is said otherwise, for a chassis where rules name it.
    SetNetwork(NetworkKey, GroupKey, ChassisKey),
    /// An anycast service.
    Anycast(AnycastKey),
    /// Whether a port serves an anycast address: it is alive.
    Serves(AnycastKey, PortKey),
    /// Derived: an anycast service, as seen from a chassis that needs its network. Changes with the service and that need.
    AnycastAt(AnycastKey, ChassisKey),
    /// Derived set: the anycast services of a network.
    AnycastsOn(NetworkKey),
    /// An exposure.
    Exposure(ExposureKey),
    /// Derived: where a port is plugged.
    Place(PortKey),
    /// Derived: whether and why a chassis needs a network.
    Need(NetworkKey, ChassisKey),
    /// Derived set: the plugged ports of a network on a chassis.
    Members(NetworkKey, ChassisKey),
    /// Derived set: the chassis that ports of a network are bound to.
    Residents(NetworkKey),
    /// Derived set: the subnets of a network.
    SubnetsOf(NetworkKey),
    /// Derived set: the router interfaces on a network.
    InterfacesOn(NetworkKey),
    /// Derived set: what the ports of a network are called in the DNS.
    NamesOn(NetworkKey),
    /// Derived set: the ports of a network that listen to a multicast group.
    Listening(NetworkKey, std::net::IpAddr),
    /// Derived set: the ports of a network that get all multicast packets, for they are routers' or monitors'.
    Watchers(NetworkKey),
    /// Derived: what a packet to a multicast group meets that is sent on a network.
    Audience(NetworkKey, std::net::IpAddr),
    /// Derived: whether routers forward multicast packets that are sent on a network.
    Forwarded(NetworkKey),
    /// Derived: who holds an address on a network. Changes with the address's owner.
    Holder(NetworkKey, std::net::IpAddr),
    /// Derived: a bound port, as seen from a chassis that needs its network. Changes with the port, its binding and that need.
    Reach(PortKey, ChassisKey),
    /// Derived: a chassis routes for a router's interface.
    InterfaceAt(RouterKey, SubnetKey, ChassisKey),
    /// Derived: a chassis routes by a static route.
    RouteAt(RouterKey, IpNet, ChassisKey),
    /// Derived: a chassis routes for a router.
    RouterAt(RouterKey, ChassisKey),
    /// Derived: the first chassis sends to ports on the second.
    Peer(ChassisKey, ChassisKey),
}

/// [`Key`] without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // The names are Key's.
pub enum KeyKind {
    Fabric,
    Chassis,
    Uplink,
    Localnet,
    Localnets,
    Spare,
    Trunk,
    Hop,
    Way,
    Alive,
    Network,
    Segment,
    Physical,
    AutoPorts,
    AutoNetwork,
    Subnet,
    Advert,
    Dhcp6,
    Dhcp4,
    Router,
    Interface,
    Route,
    Gateway,
    GatewayAt,
    Gateways,
    Neighbor,
    Neighbors,
    Upstreams,
    Presence,
    PresenceAt,
    PrefixMapping,
    PrefixMappingAt,
    PrefixMappings,
    LongMappings,
    Maps,
    MapsAt,
    Outside,
    Port,
    Binding,
    Subport,
    Policy,
    DhcpOptions,
    Hostname,
    Membership,
    Listener,
    Group,
    Manner,
    Addresses,
    GroupAt,
    AddressesAt,
    SetAddress,
    SetPrefix,
    SetNetwork,
    Anycast,
    Serves,
    AnycastAt,
    AnycastsOn,
    Exposure,
    Place,
    Need,
    Members,
    Residents,
    SubnetsOf,
    InterfacesOn,
    NamesOn,
    Listening,
    Watchers,
    Audience,
    Forwarded,
    Holder,
    Reach,
    InterfaceAt,
    RouteAt,
    RouterAt,
    Peer,
}

impl Key {
    /// The key of the noun that it speaks of: one of `Fabric`, `Chassis`, `Network`, `Subnet`, `Router`, `Port`, `Group`,
    /// `Addresses`, `Anycast`, `Presence`, `Exposure`.
    pub(crate) fn noun(&self) -> Key {
        match *self {
            // Of the whole system.
            Key::Fabric | Key::AutoNetwork | Key::LongMappings => Key::Fabric,
            Key::Chassis(c)
            | Key::Uplink(c)
            | Key::Localnets(c)
            | Key::Spare(c, _)
            | Key::Trunk(c, _)
            | Key::Hop(c, ..)
            | Key::Way(c, _)
            | Key::Alive(c, _)
            | Key::MapsAt(c)
            | Key::Peer(c, _) => Key::Chassis(c),
            Key::Network(n)
            | Key::Segment(n)
            | Key::Physical(n)
            | Key::AutoPorts(n)
            | Key::Localnet(n, _)
            | Key::Gateways(n)
            | Key::Neighbor(n, ..)
            | Key::Neighbors(n, _)
            | Key::Upstreams(n)
            | Key::Need(n, _)
            | Key::Members(n, _)
            | Key::Residents(n)
            | Key::SubnetsOf(n)
            | Key::InterfacesOn(n)
            | Key::NamesOn(n)
            | Key::AnycastsOn(n)
            | Key::Listening(n, _)
            | Key::Watchers(n)
            | Key::Audience(n, _)
            | Key::Forwarded(n)
            | Key::Holder(n, _) => Key::Network(n),
            Key::Presence(n, a) | Key::PresenceAt(n, a, _) => Key::Presence(n, a),
            Key::PrefixMapping(r, p) | Key::PrefixMappingAt(r, p, _) => Key::PrefixMapping(r, p),
            Key::Anycast(a) | Key::Serves(a, _) | Key::AnycastAt(a, _) => Key::Anycast(a),
            Key::Exposure(e) => Key::Exposure(e),
            Key::Subnet(s) | Key::Advert(s) | Key::Dhcp6(s) | Key::Dhcp4(s) => Key::Subnet(s),
            Key::Router(r)
            | Key::Interface(r, _)
            | Key::Route(r, _)
            | Key::Gateway(r)
            | Key::GatewayAt(r, _)
            | Key::InterfaceAt(r, ..)
            | Key::RouteAt(r, ..)
            | Key::Maps(r)
            | Key::PrefixMappings(r)
            | Key::Outside(r, _)
            | Key::RouterAt(r, _) => Key::Router(r),
            Key::Port(p)
            | Key::Binding(p)
            | Key::Subport(p)
            | Key::Policy(p)
            | Key::DhcpOptions(p)
            | Key::Hostname(p)
            | Key::Membership(p)
            | Key::Listener(p, _)
            | Key::Place(p)
            | Key::Reach(p, _) => Key::Port(p),
            Key::Group(g)
            | Key::Manner(g)
            | Key::GroupAt(g, _)
            | Key::SetAddress(_, _, g, _)
            | Key::SetPrefix(_, g, _)
            | Key::SetNetwork(_, g, _) => Key::Group(g),
            Key::Addresses(a) | Key::AddressesAt(a, _) => Key::Addresses(a),
        }
    }

    /// The key's kind.
    pub fn kind(&self) -> KeyKind {
        match self {
            Key::Fabric => KeyKind::Fabric,
            Key::Chassis(..) => KeyKind::Chassis,
            Key::Uplink(..) => KeyKind::Uplink,
            Key::Localnet(..) => KeyKind::Localnet,
            Key::Localnets(..) => KeyKind::Localnets,
            Key::Spare(..) => KeyKind::Spare,
            Key::Trunk(..) => KeyKind::Trunk,
            Key::Hop(..) => KeyKind::Hop,
            Key::Way(..) => KeyKind::Way,
            Key::Alive(..) => KeyKind::Alive,
            Key::Network(..) => KeyKind::Network,
            Key::Segment(..) => KeyKind::Segment,
            Key::Physical(..) => KeyKind::Physical,
            Key::AutoPorts(..) => KeyKind::AutoPorts,
            Key::AutoNetwork => KeyKind::AutoNetwork,
            Key::Subnet(..) => KeyKind::Subnet,
            Key::Advert(..) => KeyKind::Advert,
            Key::Dhcp6(..) => KeyKind::Dhcp6,
            Key::Dhcp4(..) => KeyKind::Dhcp4,
            Key::Router(..) => KeyKind::Router,
            Key::Interface(..) => KeyKind::Interface,
            Key::Route(..) => KeyKind::Route,
            Key::Gateway(..) => KeyKind::Gateway,
            Key::GatewayAt(..) => KeyKind::GatewayAt,
            Key::Gateways(..) => KeyKind::Gateways,
            Key::Neighbor(..) => KeyKind::Neighbor,
            Key::Neighbors(..) => KeyKind::Neighbors,
            Key::Upstreams(..) => KeyKind::Upstreams,
            Key::Presence(..) => KeyKind::Presence,
            Key::PresenceAt(..) => KeyKind::PresenceAt,
            Key::PrefixMapping(..) => KeyKind::PrefixMapping,
            Key::PrefixMappingAt(..) => KeyKind::PrefixMappingAt,
            Key::PrefixMappings(..) => KeyKind::PrefixMappings,
            Key::LongMappings => KeyKind::LongMappings,
            Key::Maps(..) => KeyKind::Maps,
            Key::MapsAt(..) => KeyKind::MapsAt,
            Key::Outside(..) => KeyKind::Outside,
            Key::Port(..) => KeyKind::Port,
            Key::Binding(..) => KeyKind::Binding,
            Key::Subport(..) => KeyKind::Subport,
            Key::Policy(..) => KeyKind::Policy,
            Key::DhcpOptions(..) => KeyKind::DhcpOptions,
            Key::Hostname(..) => KeyKind::Hostname,
            Key::Membership(..) => KeyKind::Membership,
            Key::Listener(..) => KeyKind::Listener,
            Key::Group(..) => KeyKind::Group,
            Key::Manner(..) => KeyKind::Manner,
            Key::Addresses(..) => KeyKind::Addresses,
            Key::GroupAt(..) => KeyKind::GroupAt,
            Key::AddressesAt(..) => KeyKind::AddressesAt,
            Key::SetAddress(..) => KeyKind::SetAddress,
            Key::SetPrefix(..) => KeyKind::SetPrefix,
            Key::SetNetwork(..) => KeyKind::SetNetwork,
            Key::Anycast(..) => KeyKind::Anycast,
            Key::Serves(..) => KeyKind::Serves,
            Key::AnycastAt(..) => KeyKind::AnycastAt,
            Key::AnycastsOn(..) => KeyKind::AnycastsOn,
            Key::Exposure(..) => KeyKind::Exposure,
            Key::Place(..) => KeyKind::Place,
            Key::Need(..) => KeyKind::Need,
            Key::Members(..) => KeyKind::Members,
            Key::Residents(..) => KeyKind::Residents,
            Key::SubnetsOf(..) => KeyKind::SubnetsOf,
            Key::InterfacesOn(..) => KeyKind::InterfacesOn,
            Key::NamesOn(..) => KeyKind::NamesOn,
            Key::Listening(..) => KeyKind::Listening,
            Key::Watchers(..) => KeyKind::Watchers,
            Key::Audience(..) => KeyKind::Audience,
            Key::Forwarded(..) => KeyKind::Forwarded,
            Key::Holder(..) => KeyKind::Holder,
            Key::Reach(..) => KeyKind::Reach,
            Key::InterfaceAt(..) => KeyKind::InterfaceAt,
            Key::RouteAt(..) => KeyKind::RouteAt,
            Key::RouterAt(..) => KeyKind::RouterAt,
            Key::Peer(..) => KeyKind::Peer,
        }
    }
}

/// A stable text: cookies are made from it, so a changed word is a changed cookie.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Fabric => write!(f, "fabric"),
            Key::Chassis(c) => write!(f, "chassis {c}"),
            Key::Uplink(c) => write!(f, "uplink {c}"),
            Key::Localnet(n, c) => write!(f, "localnet {n} {c}"),
            Key::Localnets(c) => write!(f, "localnets {c}"),
            Key::Spare(c, p) => write!(f, "spare {c} {p}"),
            Key::Trunk(c, p) => write!(f, "trunk {c} {p}"),
            Key::Hop(at, to, label) => write!(f, "hop {at} {to} {label}"),
            Key::Way(from, to) => write!(f, "way {from} {to}"),
            Key::Alive(from, to) => write!(f, "alive {from} {to}"),
            Key::Network(n) => write!(f, "network {n}"),
            Key::Segment(n) => write!(f, "segment {n}"),
            Key::Physical(n) => write!(f, "physical {n}"),
            Key::AutoPorts(n) => write!(f, "auto-ports {n}"),
            Key::AutoNetwork => write!(f, "auto-network"),
            Key::Subnet(s) => write!(f, "subnet {s}"),
            Key::Advert(s) => write!(f, "advert {s}"),
            Key::Dhcp6(s) => write!(f, "dhcp6 {s}"),
            Key::Dhcp4(s) => write!(f, "dhcp4 {s}"),
            Key::Router(r) => write!(f, "router {r}"),
            Key::Interface(r, s) => write!(f, "interface {r} {s}"),
            Key::Route(r, p) => write!(f, "route {r} {p}"),
            Key::Gateway(r) => write!(f, "gateway {r}"),
            Key::GatewayAt(r, c) => write!(f, "gateway-at {r} {c}"),
            Key::Gateways(n) => write!(f, "gateways {n}"),
            Key::Neighbor(n, c, a) => write!(f, "neighbor {n} {c} {a}"),
            Key::Neighbors(n, c) => write!(f, "neighbors {n} {c}"),
            Key::Upstreams(n) => write!(f, "upstreams {n}"),
            Key::Presence(n, a) => write!(f, "presence {n} {a}"),
            Key::PresenceAt(n, a, c) => write!(f, "presence-at {n} {a} {c}"),
            Key::PrefixMapping(r, p) => write!(f, "prefix-mapping {r} {p}"),
            Key::PrefixMappingAt(r, p, c) => write!(f, "prefix-mapping-at {r} {p} {c}"),
            Key::PrefixMappings(r) => write!(f, "prefix-mappings {r}"),
            Key::LongMappings => write!(f, "long-mappings"),
            Key::Maps(r) => write!(f, "maps {r}"),
            Key::MapsAt(c) => write!(f, "maps-at {c}"),
            Key::Outside(r, a) => write!(f, "outside {r} {a}"),
            Key::Port(p) => write!(f, "port {p}"),
            Key::Binding(p) => write!(f, "binding {p}"),
            Key::Subport(p) => write!(f, "subport {p}"),
            Key::Policy(p) => write!(f, "policy {p}"),
            Key::DhcpOptions(p) => write!(f, "dhcp-options {p}"),
            Key::Hostname(p) => write!(f, "hostname {p}"),
            Key::Membership(p) => write!(f, "membership {p}"),
            Key::Listener(p, g) => write!(f, "listener {p} {g}"),
            Key::Group(g) => write!(f, "group {g}"),
            Key::Manner(g) => write!(f, "manner of {g}"),
            Key::Addresses(a) => write!(f, "addresses {a}"),
            Key::GroupAt(g, c) => write!(f, "group-at {g} {c}"),
            Key::AddressesAt(a, c) => write!(f, "addresses-at {a} {c}"),
            Key::SetAddress(a, n, g, c) => write!(f, "set-address {a} {n} {g} {c}"),
            Key::SetPrefix(p, g, c) => write!(f, "set-prefix {p} {g} {c}"),
            Key::SetNetwork(n, g, c) => write!(f, "set-network {n} {g} {c}"),
            Key::Anycast(a) => write!(f, "anycast {a}"),
            Key::Serves(a, p) => write!(f, "serves {a} {p}"),
            Key::AnycastAt(a, c) => write!(f, "anycast-at {a} {c}"),
            Key::AnycastsOn(n) => write!(f, "anycasts-on {n}"),
            Key::Exposure(e) => write!(f, "exposure {e}"),
            Key::Place(p) => write!(f, "place {p}"),
            Key::Need(n, c) => write!(f, "need {n} {c}"),
            Key::Members(n, c) => write!(f, "members {n} {c}"),
            Key::Residents(n) => write!(f, "residents {n}"),
            Key::SubnetsOf(n) => write!(f, "subnets-of {n}"),
            Key::InterfacesOn(n) => write!(f, "interfaces-on {n}"),
            Key::NamesOn(n) => write!(f, "names-on {n}"),
            Key::Listening(n, g) => write!(f, "listening {n} {g}"),
            Key::Watchers(n) => write!(f, "watchers {n}"),
            Key::Audience(n, g) => write!(f, "audience {n} {g}"),
            Key::Forwarded(n) => write!(f, "forwarded {n}"),
            Key::Holder(n, a) => write!(f, "holder {n} {a}"),
            Key::Reach(p, c) => write!(f, "reach {p} {c}"),
            Key::InterfaceAt(r, s, c) => write!(f, "interface-at {r} {s} {c}"),
            Key::RouteAt(r, p, c) => write!(f, "route-at {r} {p} {c}"),
            Key::RouterAt(r, c) => write!(f, "router-at {r} {c}"),
            Key::Peer(a, b) => write!(f, "peer {a} {b}"),
        }
    }
}
