//! A network for each switch, its ports spread over ten of them, with a SLAAC subnet and a router of its own.

use addr::{Dpid, MacAddr};
use proto::v1;

pub(crate) const CHASSIS_OF_NETWORK: u32 = 10;

/// How large it is. Everything counts from 0.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) chassis: u32,
    pub(crate) ports_of_network: u32,
    /// How hosts come by their addresses.
    pub(crate) mode: v1::Ipv6Mode,
}

impl Site {
    pub(crate) fn ports(&self) -> u32 {
        self.chassis * self.ports_of_network
    }

    /// The ports that are on a chassis: network and number.
    fn here(&self, chassis: u32) -> impl Iterator<Item = (u32, u32)> {
        let site = *self;
        let networks = (0..CHASSIS_OF_NETWORK).map(move |back| (chassis + site.chassis - back) % site.chassis);
        let ports = networks.flat_map(move |network| (0..site.ports_of_network).map(move |port| (network, port)));
        ports.filter(move |(network, port)| site.home(*network, *port) == chassis)
    }

    /// The interfaces that are plugged on a chassis, numbered from 1.
    pub(crate) fn plugged(&self, chassis: u32) -> Vec<String> {
        self.here(chassis).map(|(network, port)| interface(network, port)).collect()
    }

    /// The MACs behind them.
    pub(crate) fn macs(&self, chassis: u32) -> impl Iterator<Item = (u32, MacAddr)> {
        (1..).zip(self.here(chassis).map(|(network, port)| mac(network, port)))
    }

    fn home(&self, network: u32, port: u32) -> u32 {
        (network + port % CHASSIS_OF_NETWORK) % self.chassis
    }

    /// One document with fabric and chassis, then one for each network.
    pub(crate) fn documents(&self) -> Vec<v1::Document> {
        let chassis = |c: u32| v1::Chassis {
            meta: meta(name(c)),
            spec: Some(v1::ChassisSpec {
                datapath_id: Some(dpid(c).to_string()),
                tunnel_ip: Some(format!("fd00:a::{:x}", c + 1)),
                ..Default::default()
            }),
            status: None,
        };
        let spec = Some(v1::FabricSpec { encap: v1::Encap::Geneve.into(), ..v1::FabricSpec::default() });
        let first = v1::Document {
            fabric: Some(v1::Fabric { meta: None, spec, status: None }),
            chassis: (0..self.chassis).map(chassis).collect(),
            ..v1::Document::default()
        };
        [first].into_iter().chain((0..self.chassis).map(|network| self.document(network))).collect()
    }

    fn document(&self, n: u32) -> v1::Document {
        let subnet = v1::SubnetSpec {
            network: "net".to_owned(),
            cidr: format!("2001:db8:{:x}:{:x}::/64", n >> 16, n & 0xffff),
            ipv6_ra_mode: self.mode.into(),
            ipv6_address_mode: self.mode.into(),
            ..v1::SubnetSpec::default()
        };
        let interface = v1::RouterInterface { subnet: "sub".to_owned(), ..v1::RouterInterface::default() };
        let router = v1::RouterSpec { interfaces: vec![interface], ..Default::default() };
        v1::Document {
            tenant: format!("t{n}"),
            networks: vec![v1::Network { meta: meta("net"), spec: Some(v1::NetworkSpec::default()), status: None }],
            subnets: vec![v1::Subnet { meta: meta("sub"), spec: Some(subnet), status: None }],
            routers: vec![v1::Router { meta: meta("r"), spec: Some(router), status: None }],
            ports: (0..self.ports_of_network).map(|p| self.port(n, p)).collect(),
            ..v1::Document::default()
        }
    }

    fn port(&self, network: u32, port: u32) -> v1::Port {
        let binding = v1::Binding { chassis: name(self.home(network, port)), interface: interface(network, port) };
        let mac_address = Some(mac(network, port).to_string());
        let spec =
            v1::PortSpec { network: "net".to_owned(), mac_address, binding: Some(binding), ..v1::PortSpec::default() };
        v1::Port { meta: meta(format!("vm{port}")), spec: Some(spec), status: None }
    }
}

/// A chassis' name.
pub(crate) fn name(chassis: u32) -> String {
    format!("hv{chassis}")
}

/// A chassis' identity.
pub(crate) fn dpid(chassis: u32) -> Dpid {
    Dpid(u64::from(chassis) + 1)
}

/// A port's MAC.
fn mac(network: u32, port: u32) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 | u64::from(network) << 12 | u64::from(port))
}

fn interface(network: u32, port: u32) -> String {
    format!("v{network}-{port}")
}

fn meta(name: impl Into<String>) -> Option<v1::Meta> {
    Some(v1::Meta { name: name.into(), ..v1::Meta::default() })
}
