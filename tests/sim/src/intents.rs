//! Steps as northbound requests.

use std::net::Ipv6Addr;

use brain::Request;
use proto::v1;

use crate::scenario::{Encap, Kind, NETWORKS, PORTS, ROUTERS, RouteTo, Step, TENANTS};

/// What is delegated is of this; so are static routes' destinations.
const POOL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf000, 0, 0, 0, 0, 0);
const POOL_LENGTH: u8 = 40;

/// The request that a step makes; `None`: it makes none.
pub fn request(step: &Step, switches: u8) -> Option<Request> {
    Some(match step {
        Step::Site { encap } => apply(site(*encap, switches)),
        Step::Fabric { encap } => apply(vec![v1::Document { fabric: Some(fabric(*encap)), ..v1::Document::default() }]),
        Step::Chassis { switch, endpoint } => {
            apply(vec![v1::Document { chassis: vec![chassis(*switch, *endpoint)], ..v1::Document::default() }])
        }
        Step::Network { tenant, network, mtu, segment } => {
            let networks = vec![network_of(*network, *mtu, *segment)];
            of_tenant(*tenant, v1::Document { networks, ..v1::Document::default() })
        }
        Step::Subnet { tenant, network, v4, prefix, slaac } => {
            let subnets = vec![subnet(*network, *v4, *prefix, *slaac)];
            of_tenant(*tenant, v1::Document { subnets, ..v1::Document::default() })
        }
        Step::Router { tenant, router, networks, v4, routes } => {
            let routers = vec![router_of(*router, networks, *v4, routes)];
            of_tenant(*tenant, v1::Document { routers, ..v1::Document::default() })
        }
        Step::Port { tenant, port, network, chassis, secured, mac } => {
            let ports = vec![port_of(*tenant, *port, *network, *chassis, *secured, *mac)];
            of_tenant(*tenant, v1::Document { ports, ..v1::Document::default() })
        }
        Step::Move { tenant, port, chassis } => moved(*tenant, *port, *chassis),
        Step::Delegation { tenant, delegation, port, length, chosen } => {
            let delegations = vec![delegation_of(*delegation, *port, *length, *chosen)];
            of_tenant(*tenant, v1::Document { delegations, ..v1::Document::default() })
        }
        Step::Delete { kind, tenant, which } => delete(*kind, *tenant, *which),
        _ => return None,
    })
}

/// The name of a port's interface on every switch: it tells the tenant.
pub fn interface(tenant: u8, port: u8) -> String {
    format!("{}-p{port}", TENANTS[usize::from(tenant) % TENANTS.len()])
}

/// The tenant of an interface.
pub fn tenant_of(interface: &str) -> Option<&str> {
    interface.rsplit_once("-p").map(|(tenant, _)| tenant)
}

/// A chassis' name.
pub fn chassis_name(switch: u8) -> String {
    format!("hv{}", switch + 1)
}

fn of_tenant(tenant: u8, document: v1::Document) -> Request {
    apply(vec![v1::Document { tenant: name(&TENANTS, tenant), ..document }])
}

fn apply(documents: Vec<v1::Document>) -> Request {
    Request::Apply(v1::ApplyRequest { documents, ..v1::ApplyRequest::default() })
}

fn name(names: &[&str], at: u8) -> String {
    names[usize::from(at) % names.len()].to_owned()
}

fn meta(name: String) -> Option<v1::Meta> {
    Some(v1::Meta { name, ..v1::Meta::default() })
}

fn site(encap: Encap, switches: u8) -> Vec<v1::Document> {
    let all = (0..switches).map(|switch| chassis(switch, switch + 1)).collect();
    let mut documents = vec![v1::Document { chassis: all, fabric: Some(fabric(encap)), ..v1::Document::default() }];
    for tenant in 0..TENANTS.len() as u8 {
        let port = |port| port_of(tenant, port, port % 2, Some((tenant + port) % switches), true, None);
        documents.push(v1::Document {
            tenant: name(&TENANTS, tenant),
            networks: (0..2).map(|network| network_of(network, None, None)).collect(),
            subnets: (0..2).map(|network| subnet(network, false, network, true)).collect(),
            routers: vec![router_of(0, &[0, 1], false, &[])],
            ports: (0..PORTS).map(port).collect(),
            ..v1::Document::default()
        });
    }
    documents
}

fn fabric(encap: Encap) -> v1::Fabric {
    let encap = match encap {
        Encap::Geneve => v1::Encap::Geneve,
        Encap::Vxlan => v1::Encap::Vxlan,
        Encap::Gre => v1::Encap::Gre,
        Encap::Vlan => v1::Encap::Vlan,
    };
    let spec = v1::FabricSpec { encap: encap.into(), ..v1::FabricSpec::default() };
    v1::Fabric { meta: None, spec: Some(spec), status: None }
}

fn chassis(switch: u8, endpoint: u8) -> v1::Chassis {
    let datapath_id = Some(format!("{}", switch + 1));
    let spec =
        v1::ChassisSpec { datapath_id, tunnel_ip: Some(format!("fd00:a::{endpoint:x}")), ..v1::ChassisSpec::default() };
    v1::Chassis { meta: meta(chassis_name(switch)), spec: Some(spec), status: None }
}

fn network_of(network: u8, mtu: Option<u32>, segment: Option<u32>) -> v1::Network {
    let dns_domain = network.is_multiple_of(2).then(|| "example.net".to_owned());
    let spec = v1::NetworkSpec { mtu, segmentation_id: segment, dns_domain, ..v1::NetworkSpec::default() };
    v1::Network { meta: meta(name(&NETWORKS, network)), spec: Some(spec), status: None }
}

fn subnet_name(network: u8, v4: bool) -> String {
    format!("{}{}", name(&NETWORKS, network), if v4 { 4 } else { 6 })
}

fn subnet(network: u8, v4: bool, prefix: u8, slaac: bool) -> v1::Subnet {
    let mode = if slaac && !v4 { v1::Ipv6Mode::Slaac } else { v1::Ipv6Mode::Unspecified };
    let cidr = if v4 { format!("10.0.{prefix}.0/24") } else { format!("2001:db8:{prefix:x}::/64") };
    let spec = v1::SubnetSpec {
        network: name(&NETWORKS, network),
        cidr,
        ipv6_ra_mode: mode.into(),
        ipv6_address_mode: mode.into(),
        ..v1::SubnetSpec::default()
    };
    v1::Subnet { meta: meta(subnet_name(network, v4)), spec: Some(spec), status: None }
}

fn router_of(router: u8, networks: &[u8], v4: bool, routes: &[RouteTo]) -> v1::Router {
    // Where both routers are on a subnet, each needs an address of its own.
    let address = |network: u8| {
        let own = u32::from(router) + 1;
        if v4 { format!("10.0.{network}.{own}") } else { format!("2001:db8:{network:x}::{own:x}") }
    };
    let interface = |network: &u8| v1::RouterInterface {
        subnet: subnet_name(*network, v4),
        ip_address: (router > 0).then(|| address(*network)),
        ..v1::RouterInterface::default()
    };
    let route = |route: &RouteTo| v1::Route {
        destination: format!("2001:db8:f0{:02x}::/48", route.destination),
        nexthop: match route.port {
            Some(port) => addr::eui64_address(prefix_of(route.network), mac_of(port)).to_string(),
            None => format!("2001:db8:{:x}::{:x}", route.network, 2 - u32::from(router)),
        },
        interface: None,
    };
    let interfaces = networks.iter().map(interface).collect();
    let spec = v1::RouterSpec { interfaces, routes: routes.iter().map(route).collect(), ..v1::RouterSpec::default() };
    v1::Router { meta: meta(name(&ROUTERS, router)), spec: Some(spec), status: None }
}

fn prefix_of(network: u8) -> addr::Ipv6Net {
    let address = Ipv6Addr::new(0x2001, 0xdb8, network.into(), 0, 0, 0, 0, 0);
    addr::Ipv6Net::new_assert(address, 64)
}

/// The MAC of a port: the same for every tenant.
pub fn mac_of(port: u8) -> addr::MacAddr {
    addr::MacAddr([2, 0, 0, 0, 1, port])
}

fn port_of(tenant: u8, port: u8, network: u8, chassis: Option<u8>, secured: bool, mac: Option<u8>) -> v1::Port {
    let spec = v1::PortSpec {
        network: name(&NETWORKS, network),
        mac_address: Some(mac_of(mac.unwrap_or(port)).to_string()),
        binding: chassis.map(|chassis| binding(tenant, port, chassis)),
        port_security_enabled: Some(secured),
        dns_name: Some(format!("p{port}")),
        ..v1::PortSpec::default()
    };
    v1::Port { meta: meta(format!("p{port}")), spec: Some(spec), status: None }
}

fn delegation_of(delegation: u8, port: u8, length: u8, chosen: Option<u16>) -> v1::Delegation {
    let length = length.clamp(POOL_LENGTH, 64);
    let prefix = chosen.map(|number| {
        let address = u128::from(POOL) | u128::from(number) << (128 - u32::from(length));
        format!("{}/{length}", Ipv6Addr::from(address))
    });
    let pool = format!("{POOL}/{POOL_LENGTH}");
    let spec =
        v1::DelegationSpec { port: format!("p{port}"), pool, length: length.into(), prefix, ..Default::default() };
    v1::Delegation { meta: meta(format!("d{delegation}")), spec: Some(spec), status: None }
}

fn binding(tenant: u8, port: u8, chassis: u8) -> v1::Binding {
    v1::Binding { chassis: chassis_name(chassis), interface: interface(tenant, port) }
}

fn moved(tenant: u8, port: u8, chassis: Option<u8>) -> Request {
    let meta = v1::Meta { name: format!("p{port}"), tenant: name(&TENANTS, tenant), ..v1::Meta::default() };
    let spec =
        v1::PortSpec { binding: chassis.map(|chassis| binding(tenant, port, chassis)), ..v1::PortSpec::default() };
    let port = v1::Port { meta: Some(meta), spec: Some(spec), status: None };
    let resource = v1::Resource { kind: Some(v1::resource::Kind::Port(port)) };
    Request::Update { resource, mask: vec!["spec.binding".to_owned()], options: v1::WriteOptions::default() }
}

fn delete(kind: Kind, tenant: u8, which: u8) -> Request {
    let of_tenant = name(&TENANTS, tenant);
    let (kind, tenant, name) = match kind {
        Kind::Network => ("network", of_tenant, name(&NETWORKS, which)),
        Kind::Subnet => ("subnet", of_tenant, subnet_name(which / 2, which % 2 == 1)),
        Kind::Router => ("router", of_tenant, name(&ROUTERS, which)),
        Kind::Port => ("port", of_tenant, format!("p{which}")),
        Kind::Chassis => ("chassis", String::new(), chassis_name(which)),
        Kind::Delegation => ("delegation", of_tenant, format!("d{which}")),
    };
    let delete = v1::DeleteRequest { tenant, name, ..v1::DeleteRequest::default() };
    Request::Delete { kind: kind.to_owned(), delete }
}
