//! A site of any size: networks of 100 ports, each spread over 10 chassis, with a SLAAC subnet and a router of its own. As facts
//! and as documents.

use std::net::Ipv6Addr;
use std::sync::Arc;

use addr::{Dpid, Ipv6Net, MacAddr, OfPort, eui64_address};
use proto::v1;
use topology::{
    Advert, Binding, Change, Chassis, ChassisKey, Encap, Fabric, Interface, Network, NetworkKey, Policy, Port, PortKey,
    Role, Router, RouterKey, Subnet, SubnetKey,
};

const PORTS_OF_NETWORK: u32 = 100;
const CHASSIS_OF_NETWORK: u32 = 10;
/// The OpenFlow port of the fabric's interface.
pub(crate) const UPLINK: u32 = 60_000;

/// How large it is. Everything counts from 1.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) ports: u32,
    pub(crate) chassis: u32,
    /// How its hosts come by their addresses.
    pub(crate) mode: v1::Ipv6Mode,
}

impl Site {
    /// A chassis for each 100 ports.
    pub(crate) fn of(ports: u32) -> Site {
        Site { ports, chassis: (ports / 100).max(CHASSIS_OF_NETWORK), mode: v1::Ipv6Mode::Slaac }
    }

    pub(crate) fn networks(&self) -> u32 {
        self.ports.div_ceil(PORTS_OF_NETWORK)
    }

    /// The chassis of a port: a network's are neighbours, and each has ports of several networks.
    pub(crate) fn home(&self, p: u32) -> ChassisKey {
        let (network, index) = ((p - 1) / PORTS_OF_NETWORK, (p - 1) % CHASSIS_OF_NETWORK);
        ChassisKey((1 + (network + index) % self.chassis) as u16)
    }

    /// Another chassis of a port's network.
    pub(crate) fn elsewhere(&self, p: u32) -> ChassisKey {
        let index = (p - 1) % CHASSIS_OF_NETWORK;
        self.home(if index == 0 { p + 1 } else { p - 1 })
    }

    /// A port's OpenFlow port.
    pub(crate) fn number(&self, p: u32) -> u32 {
        1 + (p - 1) % 50_000
    }

    /// What is plugged on a chassis: OpenFlow port and name.
    pub(crate) fn plugged(&self, chassis: ChassisKey) -> Vec<(u32, String)> {
        let here = (1..=self.ports).filter(|p| self.home(*p) == chassis);
        here.map(|p| (self.number(p), format!("vm{p}"))).chain([(UPLINK, "sx-tun".to_owned())]).collect()
    }

    /// All facts.
    pub(crate) fn facts(&self) -> Vec<Change> {
        let fabric = Fabric { encap: Encap::Geneve, interface: "sx-tun".into(), mtu_max: 1430 };
        let mut changes = vec![Change::Fabric(Some(fabric))];
        for c in 1..=self.chassis as u16 {
            let fact = Chassis {
                name: format!("hv{c}").into(),
                dpid: Some(Dpid(c.into())),
                tunnel_ip: tunnel_ip(c),
                mappings: vec![],
                gateway_priority: None,
                drained: false,
            };
            changes.push(Change::Chassis(ChassisKey(c), Some(fact)));
            changes.push(Change::Plug(ChassisKey(c), "sx-tun".into(), Some(OfPort(UPLINK))));
        }
        changes.extend((1..=self.networks()).flat_map(network));
        for p in 1..=self.ports {
            let number = OfPort(self.number(p));
            changes.extend([addressed(p, 0), bound(p, self.home(p))]);
            changes.push(Change::Policy(
                PortKey(p),
                Some(Policy { secured: true, learning: false, forming: true, relays: false, role: Role::Host }),
            ));
            changes.push(Change::Plug(self.home(p), interface(p), Some(number)));
        }
        changes
    }

    /// The same as documents: one with fabric and chassis, then one for each network with its ports.
    pub(crate) fn documents(&self) -> Vec<v1::Document> {
        let chassis = |c: u16| v1::Chassis {
            meta: meta(format!("hv{c}")),
            spec: Some(v1::ChassisSpec {
                datapath_id: Some(Dpid(c.into()).to_string()),
                tunnel_ip: tunnel_ip(c).map(|ip| ip.to_string()),
                ..Default::default()
            }),
            status: None,
        };
        let spec = Some(v1::FabricSpec { encap: v1::Encap::Geneve.into(), ..v1::FabricSpec::default() });
        let fabric = v1::Document {
            fabric: Some(v1::Fabric { meta: None, spec, status: None }),
            chassis: (1..=self.chassis as u16).map(chassis).collect(),
            ..v1::Document::default()
        };
        [fabric].into_iter().chain((1..=self.networks()).map(|n| self.document(n))).collect()
    }

    fn document(&self, n: u32) -> v1::Document {
        let subnet = v1::SubnetSpec {
            network: "net".to_owned(),
            cidr: prefix(n).to_string(),
            ipv6_ra_mode: self.mode.into(),
            ipv6_address_mode: self.mode.into(),
            ..v1::SubnetSpec::default()
        };
        let interface = v1::RouterInterface { subnet: "sub".to_owned(), ..v1::RouterInterface::default() };
        let router = v1::RouterSpec { interfaces: vec![interface], ..Default::default() };
        let first = 1 + (n - 1) * PORTS_OF_NETWORK;
        let last = (first + PORTS_OF_NETWORK - 1).min(self.ports);
        v1::Document {
            tenant: format!("t{n}"),
            networks: vec![v1::Network { meta: meta("net"), spec: Some(v1::NetworkSpec::default()), status: None }],
            subnets: vec![v1::Subnet { meta: meta("sub"), spec: Some(subnet), status: None }],
            routers: vec![v1::Router { meta: meta("r"), spec: Some(router), status: None }],
            ports: (first..=last).map(|p| self.port(p, self.home(p), None)).collect(),
            ..v1::Document::default()
        }
    }

    /// A port as a document has it: on a chassis, with its own address or with another one besides.
    pub(crate) fn port(&self, p: u32, at: ChassisKey, other: Option<u64>) -> v1::Port {
        let fixed = other.map(|other| v1::FixedIpList {
            items: vec![v1::FixedIp { ip_address: Some(address(p, other).to_string()), subnet: None }],
        });
        let spec = v1::PortSpec {
            network: "net".to_owned(),
            mac_address: Some(mac(p).to_string()),
            binding: Some(v1::Binding { chassis: format!("hv{at}"), interface: format!("vm{p}") }),
            fixed_ips: fixed,
            ..v1::PortSpec::default()
        };
        let meta = v1::Meta { tenant: tenant(p).to_string(), name: format!("vm{p}"), ..v1::Meta::default() };
        v1::Port { meta: Some(meta), spec: Some(spec), status: None }
    }
}

fn meta(name: impl Into<String>) -> Option<v1::Meta> {
    Some(v1::Meta { name: name.into(), ..v1::Meta::default() })
}

fn tunnel_ip(c: u16) -> Option<std::net::IpAddr> {
    Some(Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, c).into())
}

fn prefix(n: u32) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, (n >> 16) as u16, n as u16, 0, 0, 0, 0), 64)
}

pub(crate) fn mac(p: u32) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 | u64::from(p))
}

pub(crate) fn network_of(p: u32) -> u32 {
    1 + (p - 1) / PORTS_OF_NETWORK
}

fn tenant(p: u32) -> Arc<str> {
    format!("t{}", network_of(p)).into()
}

fn interface(p: u32) -> Arc<str> {
    format!("vm{p}").into()
}

/// A port's own address, or with a number the `other`th besides.
fn address(p: u32, other: u64) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(eui64_address(prefix(network_of(p)), mac(p))) ^ u128::from(other << 40))
}

fn network(n: u32) -> [Change; 5] {
    let advert = Advert {
        prefix: prefix(n),
        autonomous: true,
        default_router: true,
        advertise_prefix: true,
        valid_s: 86_400,
        preferred_s: 14_400,
        ends: None,
        withdrawn: vec![],
        pref64_by: None,
        rdnss: Vec::new(),
        managed: false,
        other: false,
        pref64: None,
        routes: vec![],
        preference: None,
        per_host: false,
    };
    let mac = features::router::generated_mac(RouterKey(n));
    let address = Ipv6Addr::from(u128::from(prefix(n).network()) | 1).into();
    let (net, subnet, router) = (NetworkKey(n), SubnetKey(n), RouterKey(n));
    let tenant: Arc<str> = format!("t{n}").into();
    let fact = Network {
        tenant: tenant.clone(),
        name: "net".into(),
        segment: n,
        physical: None,
        mtu: 1430,
        auto_ports: false,
        dns_domain: None,
        captive_portal: None,
        delegates: false,
    };
    [
        Change::Network(net, Some(fact)),
        Change::Subnet(subnet, Some(Subnet { network: net, cidr: prefix(n).into(), own_dns: true })),
        Change::Advert(subnet, Some(advert)),
        Change::Router(router, Some(Router { tenant, name: "r".into(), mac })),
        Change::Interface(router, subnet, Some(Interface { network: net, mac, address })),
    ]
}

/// A port with its own address, or another one.
pub(crate) fn addressed(p: u32, other: u64) -> Change {
    let fact = Port {
        tenant: tenant(p),
        name: interface(p),
        network: NetworkKey(network_of(p)),
        mac: mac(p),
        addresses: vec![address(p, other).into()],
        learned: vec![],
        prefixes: vec![],
        pairs: vec![],
    };
    Change::Port(PortKey(p), Some(fact))
}

/// A port on a chassis.
pub(crate) fn bound(p: u32, chassis: ChassisKey) -> Change {
    Change::Binding(PortKey(p), Some(Binding { chassis, interface: interface(p) }))
}
