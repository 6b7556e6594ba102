//! The facts that intents and switches state. Values only; how they hang together is in `commit.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use addr::{Dpid, IpNet, Ipv4Net, Ipv6Net, MacAddr, OfPort, link_local};

use crate::ends::Ends;
use crate::keys::{AnycastKey, ChassisKey, GroupKey, NetworkKey, PortKey, SetKey};

/// How chassis carry networks to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encap {
    /// RFC 8926.
    Geneve,
    /// RFC 7348.
    Vxlan,
    /// RFC 2784 with the key of RFC 2890.
    Gre,
    /// IEEE 802.1Q on a plain layer-2 underlay.
    Vlan,
    /// Cables between the bridges themselves: a tag for the network, and one above it for the path.
    Links,
}

impl Encap {
    /// Whether chassis send to each other's addresses.
    pub const fn tunnels(self) -> bool {
        matches!(self, Encap::Geneve | Encap::Vxlan | Encap::Gre)
    }

    /// Whether a network's segment is a VLAN identifier.
    pub const fn tags(self) -> bool {
        matches!(self, Encap::Vlan | Encap::Links)
    }

    /// Bytes that the encapsulation adds to an IP packet: outer IP, its own headers, inner Ethernet. One VLAN tag is the
    /// underlay's to carry, not the packet's; a second one is not (Linux takes 4 bytes beyond the MTU for a tagged frame).
    pub const fn overhead(self, over_ipv6: bool) -> u32 {
        let outer = if over_ipv6 { 40 } else { 20 };
        match self {
            Encap::Geneve | Encap::Vxlan => outer + 8 + 8 + 14,
            Encap::Gre => outer + 8 + 14,
            Encap::Vlan => 0,
            Encap::Links => 4,
        }
    }
}

/// The fabric, one per system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fabric {
    /// The encapsulation.
    pub encap: Encap,
    /// The name of the tunnel or trunk port on each bridge; empty where bridges are wired to each other.
    pub interface: Arc<str>,
    /// The largest MTU that a network may have: the underlay's less the encapsulation, in bytes of an IP packet.
    pub mtu_max: u32,
}

/// A bridge that we program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chassis {
    /// Its name, which is also its bridge's where no datapath id is given.
    pub name: Arc<str>,
    /// Its bridge's datapath id.
    pub dpid: Option<Dpid>,
    /// Its tunnel endpoint; `None` only where the fabric needs none.
    pub tunnel_ip: Option<IpAddr>,
    /// The physical networks that it is on, each with the bridge's port that leads there; in order.
    pub mappings: Vec<(Arc<str>, Arc<str>)>,
    /// What is for outside may leave by it, and before those of lesser priority; `None`: never for others.
    pub gateway_priority: Option<u32>,
    /// It gives up being a gateway: what comes to it passes, and nothing new is sent to it.
    pub drained: bool,
}

impl Chassis {
    /// The bridge's port that leads to a physical network.
    pub fn mapped(&self, physical: &str) -> Option<&Arc<str>> {
        self.mappings.iter().find(|(name, _)| **name == *physical).map(|(_, interface)| interface)
    }
}

/// Where a provider network is: a physical network that chassis are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Physical {
    /// What mappings call it.
    pub name: Arc<str>,
    /// Its VLAN there (IEEE 802.1Q); `None`: untagged.
    pub vlan: Option<u16>,
    /// The link-local addresses of the routers there whose advertisements hosts get.
    pub routers: Vec<Ipv6Addr>,
}

/// A layer-2 segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// VNI, GRE key or VLAN id; 0: none that it may use yet, and nothing of it goes from chassis to chassis.
    pub segment: u32,
    /// The physical network that it is on; `None`: the fabric carries it.
    pub physical: Option<Physical>,
    /// Bytes of an IP packet.
    pub mtu: u32,
    /// Ports of chassis that nothing claims become its ports.
    pub auto_ports: bool,
    /// The domain that its hosts search for names.
    pub dns_domain: Option<Arc<str>>,
    /// The URI of the captive portal's API (RFC 8910).
    pub captive_portal: Option<Arc<str>>,
    /// Prefixes are delegated to ports of it: clients may ask for theirs, whoever gives out addresses.
    pub delegates: bool,
}

/// A prefix on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its network.
    pub network: NetworkKey,
    /// The prefix, host bits zero.
    pub cidr: IpNet,
    /// The intent names no DNS servers: hosts are told of the network's own, where it has one.
    pub own_dns: bool,
}

/// What a subnet puts into router advertisements (RFC 4861, 4.2 and 4.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The prefix.
    pub prefix: Ipv6Net,
    /// Hosts form addresses from it (the A flag).
    pub autonomous: bool,
    /// Hosts get addresses by DHCPv6 (the M flag).
    pub managed: bool,
    /// Hosts get other settings by DHCPv6 (the O flag).
    pub other: bool,
    /// The sender is a default router: lifetime above 0.
    pub default_router: bool,
    /// The prefix is in the RA at all.
    pub advertise_prefix: bool,
    /// Not the prefix, but each port's own /64 of it, which is on no link (RFC 8273).
    pub per_host: bool,
    /// Seconds.
    pub valid_s: u32,
    /// Seconds, at most `valid_s`.
    pub preferred_s: u32,
    /// The prefix is there for a time.
    pub ends: Option<Ends>,
    /// Prefixes that this one took the place of: hosts that have them still shall not.
    pub withdrawn: Vec<Ipv6Net>,
    /// Recursive DNS servers (RFC 8106), in order.
    pub rdnss: Vec<Ipv6Addr>,
    /// The prefix by which IPv4 addresses are reached (RFC 8781).
    pub pref64: Option<Ipv6Net>,
    /// The translator that must be alive for that; `None`: it is not ours.
    pub pref64_by: Option<AnycastKey>,
    /// What else is reached by the sender (RFC 4191, 2.3).
    pub routes: Vec<Ipv6Net>,
    /// How the sender and its routes stand to other routers; `None`: as another of its subnets says, or medium.
    pub preference: Option<RouterPreference>,
}

/// How a router stands to others of the same link (RFC 4191, 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouterPreference {
    /// After all others.
    Low,
    /// As those that say nothing.
    Medium,
    /// Before all others.
    High,
}

/// What is told of a subnet by DHCPv6 (RFC 8415).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp6 {
    /// The prefix.
    pub prefix: Ipv6Net,
    /// Every port gets its addresses of this prefix; else only those that can't form theirs from their MAC.
    pub stateful: bool,
    /// Everybody gets settings; else only ports that get an address.
    pub everybody: bool,
    /// Seconds.
    pub valid_s: u32,
    /// Seconds, at most `valid_s`.
    pub preferred_s: u32,
    /// The prefix is there for a time.
    pub ends: Option<Ends>,
    /// Recursive DNS servers (RFC 3646), in order.
    pub dns: Vec<Ipv6Addr>,
    /// Further options, by name or number. They win over what else is told.
    pub options: Vec<DhcpOption>,
}

/// What is told of a subnet by DHCP for IPv4 (RFC 2131).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp4 {
    /// The prefix.
    pub prefix: Ipv4Net,
    /// The gateway, which is also what the server is known by.
    pub gateway: Ipv4Addr,
    /// The intent names it: it may be there though no router of ours has it.
    pub gateway_given: bool,
    /// DNS servers, in order.
    pub dns: Vec<Ipv4Addr>,
    /// Prefixes with their next hops (RFC 3442), in order.
    pub routes: Vec<(Ipv4Net, Ipv4Addr)>,
    /// Hosts that can do without IPv4 shall (RFC 8925).
    pub ipv6_mostly: bool,
    /// How long addresses are leased, seconds.
    pub lease_s: u32,
    /// Further options, by name or number. They win over what else is told.
    pub options: Vec<DhcpOption>,
    /// The server to be asked next, for booting (RFC 2131, 2: siaddr).
    pub next_server: Option<Ipv4Addr>,
}

/// An option of DHCP, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpOption {
    /// IANA's number, for IPv4 at most 254.
    pub code: u16,
    /// Without code and length.
    pub data: Arc<[u8]>,
}

/// Options that a port alone is told. They win over those of its subnets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpOptions {
    /// By DHCPv6.
    pub v6: Vec<DhcpOption>,
    /// By DHCP for IPv4.
    pub v4: Vec<DhcpOption>,
    /// As of a subnet.
    pub next_server: Option<Ipv4Addr>,
}

/// A distributed router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The MAC that it shows on every network where its interface has none of its own; the same on every chassis.
    pub mac: MacAddr,
}

/// How a router leads to a provider network, and out from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalGateway {
    /// The provider network.
    pub network: NetworkKey,
    /// The router's addresses there, each answered for by one of the gateways.
    pub addresses: Vec<IpAddr>,
    /// The routers there that the intent names as next hops, in order.
    pub nexthops: Vec<IpAddr>,
    /// It asks for prefixes there (RFC 8415, 6.3).
    pub asks: bool,
    /// What it was given: what is of no subnet leads nowhere.
    pub delegated: Vec<Ipv6Net>,
    /// What leaves over IPv4 is from here.
    pub snat: Option<crate::presences::Snat>,
}

/// A router's interface on a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The subnet's network.
    pub network: NetworkKey,
    /// The MAC that hosts of this network see.
    pub mac: MacAddr,
    /// Its address: usually the subnet's gateway.
    pub address: IpAddr,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network that the next hop is on.
    pub network: NetworkKey,
    /// The next hop: a port's address, or another router's.
    pub nexthop: IpAddr,
}

/// A VM's interface: who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its network.
    pub network: NetworkKey,
    /// Its MAC.
    pub mac: MacAddr,
    /// The addresses that it was assigned, without the link-local one that follows from its MAC.
    pub addresses: Vec<IpAddr>,
    /// Those that it took for itself.
    pub learned: Vec<IpAddr>,
    /// Prefixes that are routed to it: whatever is behind it sends from them.
    pub prefixes: Vec<Delegated>,
    /// What it may also send from.
    pub pairs: Vec<AddressPair>,
}

/// What a port may send from beside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPair {
    /// The addresses.
    pub prefix: IpNet,
    /// The MAC that goes with them; `None`: the port's.
    pub mac: Option<MacAddr>,
}

/// A prefix that is routed to a port: its DHCPv6 client is given it (RFC 8415, 6.3), or it is told of it by router advertisements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegated {
    /// The prefix, 64 bits at most.
    pub prefix: Ipv6Net,
    /// Seconds, at most `valid_s`.
    pub preferred_s: u32,
    /// Seconds.
    pub valid_s: u32,
    /// It is the port's share of a subnet's prefix, told by router advertisements to it alone (RFC 8273), not by DHCPv6.
    pub advertised: bool,
}

impl Port {
    /// Its link-local address: EUI-64 of its MAC (RFC 2464, 5).
    pub fn link_local(&self) -> Ipv6Addr {
        link_local(self.mac)
    }

    /// All its IPv6 addresses, the link-local one first.
    pub fn v6(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        let own = self.addresses.iter().chain(&self.learned).copied().filter_map(addr::v6);
        std::iter::once(self.link_local()).chain(own.filter(|a| *a != self.link_local()))
    }

    /// All its IPv4 addresses.
    pub fn v4(&self) -> impl Iterator<Item = std::net::Ipv4Addr> + '_ {
        self.addresses.iter().chain(&self.learned).copied().filter_map(addr::v4)
    }

    /// All its addresses, the link-local one first.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.v6().map(IpAddr::V6).chain(self.v4().map(IpAddr::V4))
    }
}

/// Where a port is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// On which bridge.
    pub chassis: ChassisKey,
    /// The OpenFlow port's name there.
    pub interface: Arc<str>,
}

/// What a port may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// It sends only with its own MAC and addresses.
    pub secured: bool,
    /// Any address that it uses and nobody has becomes its own.
    pub learning: bool,
    /// The same of addresses that it forms itself, on prefixes where hosts do, and link-local ones (RFC 6620).
    pub forming: bool,
    /// It is a DHCPv6 relay agent's (RFC 8415, 19): what it says of others is believed.
    pub relays: bool,
    /// What is behind it.
    pub role: Role,
}

/// What is behind a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// An end host.
    #[default]
    Host,
    /// A router: it sends what only routers may, and what it forwards.
    Router,
    /// Who only listens.
    Monitor,
}

/// What a port's host wants of a multicast group: all that is sent to it but what some sources send, or only that (RFC 3810, 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Listener {
    /// All but what the sources send; else only that.
    pub exclude: bool,
    /// In order, each once.
    pub sources: Arc<[IpAddr]>,
}

/// The security groups that a port has, in order; what none of them lets through is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The groups.
    pub groups: Vec<GroupKey>,
}

/// A security group: what may pass to and from the ports that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// It follows connections: what answers, or belongs to, what may pass may pass too.
    pub stateful: bool,
    /// It is its tenant's default: ports on the tenant's networks are in it unless it is said otherwise.
    pub default: bool,
    /// What may pass, in order.
    pub rules: Vec<Rule>,
}

/// One thing that may pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which way the first packet of a connection goes.
    pub direction: Direction,
    /// IPv6; else IPv4.
    pub ipv6: bool,
    /// The IP protocol; `None`: all.
    pub protocol: Option<u8>,
    /// Of TCP, UDP and SCTP, the first and last destination port.
    pub ports: Option<(u16, u16)>,
    /// Of ICMP, the type, and the code if it matters.
    pub icmp: Option<(u8, Option<u8>)>,
    /// The other end.
    pub remote: Remote,
}

/// Seen from the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the port.
    Egress,
    /// To the port.
    Ingress,
}

/// The other end that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    /// Anybody.
    Any,
    /// An address of a prefix.
    Prefix(IpNet),
    /// An address of a set.
    Set(SetKey),
}

/// Which ways everything may pass, whatever it is and whoever the other end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open([bool; 4]);

impl Open {
    /// Every way: nothing is left to be judged.
    pub(crate) fn is_wide(self) -> bool {
        self.0 == [true; 4]
    }

    /// What either lets through.
    pub(crate) fn or(self, other: Open) -> Open {
        let [a, b] = [self.0, other.0];
        Open(std::array::from_fn(|way| a[way] || b[way]))
    }
}

impl SecurityGroup {
    /// Which ways it lets everything through.
    pub(crate) fn open(&self) -> Open {
        let open = |direction, ipv6| {
            let everything = Rule { direction, ipv6, protocol: None, ports: None, icmp: None, remote: Remote::Any };
            self.rules.contains(&everything)
        };
        let ways = [Direction::Egress, Direction::Ingress].map(|way| [open(way, true), open(way, false)]);
        Open([ways[0][0], ways[0][1], ways[1][0], ways[1][1]])
    }

    /// The sets that its rules name, each once.
    pub fn sets(&self) -> impl Iterator<Item = SetKey> + use<> {
        let named = self.rules.iter().filter_map(|rule| match rule.remote {
            Remote::Set(set) => Some(set),
            _ => None,
        });
        named.collect::<std::collections::BTreeSet<_>>().into_iter()
    }
}

/// A set of addresses with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressGroup {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What is in it.
    pub prefixes: Vec<IpNet>,
}

/// An address that several ports answer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anycast {
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its network, which is that of its ports.
    pub network: NetworkKey,
    /// The address.
    pub address: IpAddr,
    /// Who may answer for it, each once.
    pub ports: Vec<PortKey>,
    /// How it is found out whether they do.
    pub health: Health,
    /// It is a translator: hosts of these networks are told of its NAT64 prefix as long as it is alive.
    pub translates: Option<Vec<NetworkKey>>,
}

/// How it is found out whether an instance of a service is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What it is asked.
    pub check: Check,
    /// Milliseconds from one question to the next.
    pub interval_ms: u32,
    /// Milliseconds after which there is no answer.
    pub timeout_ms: u32,
}

/// What an instance of a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Whether its host still has the port's own addresses (RFC 4861, 7.3; RFC 826).
    Neighbor,
    /// Whether it answers an echo request to the service's address (RFC 4443, 4.1).
    Echo,
    /// Whether it takes a connection to a port.
    Tcp(u16),
    /// Whether it answers a request for a path with a status below 400 (RFC 9110).
    Http(u16, Arc<str>),
}

/// Where a labelled frame goes on, on a fabric of links. It never changes while a frame with the label may be on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// Out of this port.
    pub port: OfPort,
    /// To the chassis that it is for, which needs no label.
    pub last: bool,
}

/// How one chassis sends to another on a fabric of links: two lanes, by the last bit of the destination's MAC; where there is
/// one path only, twice the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    /// For even and odd destinations.
    pub lanes: [Lane; 2],
}

/// What a chassis knows of another over the underlay, by BFD (RFC 5880) on a tunnel port made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alive {
    /// That port: a bucket of a group may watch it.
    pub port: OfPort,
    /// Whether the other answers. Where nothing is known yet there is no fact.
    pub up: bool,
}

/// What the names of ports for BFD begin with; the number of the other chassis follows.
pub const PROBE_PREFIX: &str = "sx-bfd-";

/// The beginning of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Out of this port.
    pub port: OfPort,
    /// With this label; `None`: the next chassis is the one that it is for.
    pub label: Option<u8>,
}
