//! Routers: interfaces on subnets, and static routes.

use std::net::{IpAddr, Ipv6Addr};

use addr::{IpNet, MacAddr, is_link_local, link_local};
use proto::v1;
use topology::{Change, NetworkKey, ResourceId, RouterKey, RouterPreference, SubnetKey};

use super::renumbering::{Face, shift};
use super::{Model, bgp, exposure, gateway, range, text, translator, upstream};
use crate::catalog::Catalog;
use crate::catalog::findings::Findings;
use crate::catalog::ident::{SUBNET, short};
use crate::catalog::index::Claim;
use crate::effect::BgpPeer;

/// A router's spec, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Router {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) routes: Vec<Route>,
    pub(crate) gateway: Option<gateway::Gateway>,
    /// Who is told of what is exposed.
    pub(crate) peers: Vec<BgpPeer>,
    /// Where an interface has none of its own; `None` until it is generated.
    pub(crate) mac: Option<MacAddr>,
}

/// An interface as given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interface {
    pub(crate) subnet: ResourceId,
    pub(crate) address: Option<IpAddr>,
    mac: Option<MacAddr>,
}

/// A route as given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(super) destination: IpNet,
    nexthop: IpAddr,
    interface: Option<ResourceId>,
}

/// An interface whose subnet is there, with what defaulted.
struct Resolved<'c> {
    /// Its place in the spec.
    at: usize,
    subnet: &'c ResourceId,
    network: &'c ResourceId,
    cidr: IpNet,
    /// As it is written, of the subnet's own prefix.
    address: IpAddr,
    /// The prefixes that it is on, each with its address there.
    faces: Vec<(Face, IpAddr)>,
    mac: Option<MacAddr>,
    /// Whether another router advertises on the subnet.
    foreign_ra: bool,
    preference: Option<RouterPreference>,
}

pub(super) fn parse(id: &ResourceId, spec: &mut v1::RouterSpec, mac: &str, findings: &mut Findings) -> Option<Router> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for (i, interface) in spec.interfaces.iter_mut().enumerate() {
        let field = format!("interfaces[{i}]");
        let subnet = text::target(SUBNET, &id.tenant, &interface.subnet, &format!("{field}.subnet"), findings);
        let address = text::opt(&mut interface.ip_address, &format!("{field}.ip_address"), findings);
        let mac = text::mac(&mut interface.mac_address, &format!("{field}.mac_address"), findings);
        let Some(subnet) = subnet else { continue };
        if interfaces.iter().any(|other| other.subnet == subnet) {
            findings.spec(format!("{field}.subnet"), format!("{subnet} has an interface already"));
        }
        interfaces.push(Interface { subnet, address, mac });
    }
    let mut routes: Vec<Route> = Vec::new();
    for (i, route) in spec.routes.iter_mut().enumerate() {
        let Some(route) = parse_route(id, route, i, findings) else { continue };
        if routes.iter().any(|other| other.destination == route.destination) {
            findings.spec(format!("routes[{i}].destination"), format!("{} has a route already", route.destination));
        }
        routes.push(route);
    }
    let gateway = spec.external_gateway.as_mut().map(|given| gateway::parse(id, given, findings));
    let gateway = match gateway {
        Some(gateway) => Some(gateway?),
        None => None,
    };
    let peers = bgp::parse(&mut spec.bgp_peers, findings);
    Some(Router { interfaces, routes, gateway, peers, mac: mac.parse().ok() })
}

fn parse_route(id: &ResourceId, route: &mut v1::Route, i: usize, findings: &mut Findings) -> Option<Route> {
    let field = format!("routes[{i}]");
    let at_destination = format!("{field}.destination");
    let at_nexthop = format!("{field}.nexthop");
    let destination = text::read::<IpNet>(&mut route.destination, &at_destination, findings);
    let nexthop = text::read::<IpAddr>(&mut route.nexthop, &at_nexthop, findings);
    let interface = route.interface.as_ref();
    let interface = interface.map(|s| text::target(SUBNET, &id.tenant, s, &format!("{field}.interface"), findings));
    let (destination, nexthop) = (destination?, nexthop?);
    if destination != destination.trunc() {
        findings.spec(at_destination, format!("{destination} has host bits: is {} meant?", destination.trunc()));
    } else if destination.prefix_len() > 0 && (destination.addr().is_multicast() || destination.addr().is_loopback()) {
        findings.spec(at_destination, format!("{destination} is not routed unicast space"));
    }
    if nexthop.is_multicast() || nexthop.is_unspecified() || nexthop.is_loopback() {
        findings.spec(at_nexthop, format!("{nexthop} is not a unicast address"));
    } else if nexthop.is_ipv6() != matches!(destination, IpNet::V6(_)) {
        findings.spec(at_nexthop, format!("{nexthop} is not of {destination}'s family"));
    } else if !is_local(nexthop) && interface.is_some() {
        findings
            .spec(format!("{field}.interface"), format!("is for link-local next hops only, and {nexthop} is not one"));
    }
    let interface = match interface {
        Some(interface) => Some(interface?),
        None => None,
    };
    Some(Route { destination, nexthop, interface })
}

fn is_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if is_link_local(address))
}

fn resolve<'c>(catalog: &'c Catalog, router: &'c Router) -> Vec<Resolved<'c>> {
    let interfaces = router.interfaces.iter().enumerate().filter_map(|(at, interface)| {
        let subnet = catalog.subnet(&interface.subnet)?;
        let given = interface.address;
        let address =
            given.map(|a| catalog.written_in(&interface.subnet, subnet, a).unwrap_or(a)).unwrap_or(subnet.gateway);
        let faces = catalog.faces(&interface.subnet, subnet).into_iter();
        let faces = faces.map(|face| (face, shift(address, subnet.cidr, face.cidr))).collect();
        Some(Resolved {
            at,
            subnet: &interface.subnet,
            network: &subnet.network,
            cidr: subnet.cidr,
            address,
            faces,
            mac: interface.mac.or(router.mac),
            foreign_ra: subnet.modes.foreign_ra(),
            preference: subnet.preference(),
        })
    });
    interfaces.collect()
}

pub(super) fn claims(catalog: &Catalog, record: &v1::Record, router: &Router, claims: &mut Vec<Claim>) {
    claims.extend((record.snat_number != 0).then_some(Claim::SnatZone(record.snat_number)));
    for interface in resolve(catalog, router) {
        let shown = interface.faces.iter().map(|(_, address)| *address);
        let all = shown.chain([interface.address]);
        claims.extend(all.map(|address| Claim::Address(interface.network.clone(), address)));
        claims.extend(interface.mac.map(|mac| Claim::Mac(interface.network.clone(), mac)));
    }
    router.gateway.iter().for_each(|given| gateway::claims(given, claims));
}

/// The field that a claim of a router is about.
pub(super) fn field_of(catalog: &Catalog, router: &Router, claim: &Claim) -> String {
    let made_by = |interface: &Resolved<'_>| match claim {
        Claim::Address(network, address) => interface.network == network && interface.has(*address),
        Claim::Mac(network, mac) => interface.network == network && interface.mac == Some(*mac),
        _ => false,
    };
    if let Some(field) = router.gateway.as_ref().and_then(|given| gateway::field_of(given, claim)) {
        return field;
    }
    let resolved = resolve(catalog, router);
    let Some(interface) = resolved.iter().find(|i| made_by(i)) else { return String::new() };
    let (at, given) = (interface.at, &router.interfaces[interface.at]);
    match claim {
        Claim::Address(..) if given.address.is_some() => format!("interfaces[{at}].ip_address"),
        Claim::Mac(..) if given.mac.is_some() => format!("interfaces[{at}].mac_address"),
        _ => format!("interfaces[{at}]"),
    }
}

pub(super) fn check(catalog: &Catalog, id: &ResourceId, router: &Router, findings: &mut Findings) {
    let interfaces = resolve(catalog, router);
    for (i, interface) in interfaces.iter().enumerate() {
        check_interface(id, router, interface, findings);
        for other in &interfaces[..i] {
            let pair = |a: IpNet, b: IpNet| a.contains(&b) || b.contains(&a);
            let overlap = interface.prefixes().any(|a| other.prefixes().any(|b| pair(a, b)));
            // Subnets of one network are held apart already.
            if overlap && interface.network != other.network {
                let field = format!("interfaces[{}].subnet", interface.at);
                let message = format!("overlaps {} on router {}", short(&id.tenant, other.subnet), id.name);
                findings.rather((interface.subnet.clone(), "cidr"), field, message);
            }
        }
    }
    check_preferences(id, &interfaces, findings);
    upstream::check_router(catalog, id, findings);
    translator::check_user_of(catalog, id, "interfaces", findings);
    check_delegated(catalog, id, router, &interfaces, findings);
    check_shares(catalog, router, &interfaces, findings);
    bgp::check(catalog, id, router, findings);
    exposure::check_router(catalog, id, findings);
    let beyond = beyond(catalog, router);
    for (i, route) in router.routes.iter().enumerate() {
        check_route(catalog, router, (&interfaces, beyond.as_ref()), (i, route), findings);
    }
    if let Some(given) = &router.gateway {
        gateway::check(catalog, id, given, findings);
        for interface in interfaces.iter().filter(|interface| *interface.network == given.network) {
            let message = format!("{} is the external gateway's network", short(&id.tenant, interface.network));
            findings.spec(format!("interfaces[{}].subnet", interface.at), message);
        }
    }
}

/// The provider network that a router leads to, with its prefixes.
type Beyond<'c> = (&'c ResourceId, Vec<IpNet>);

fn beyond<'c>(catalog: &Catalog, router: &'c Router) -> Option<Beyond<'c>> {
    router.gateway.as_ref().map(|given| (&given.network, given.prefixes(catalog)))
}

impl Catalog {
    /// The subnets of a router's interfaces whose ports have prefixes of their own.
    pub(crate) fn per_host_behind(&self, router: &ResourceId) -> Vec<ResourceId> {
        let Some(Model::Router(model)) = self.model(router) else { return Vec::new() };
        let subnets = model.interfaces.iter().map(|interface| &interface.subnet);
        subnets.filter(|id| self.subnet(id).is_some_and(|subnet| subnet.per_host)).cloned().collect()
    }
}

/// What is of hosts' own prefixes is routed to them.
fn check_shares(catalog: &Catalog, router: &Router, interfaces: &[Resolved<'_>], findings: &mut Findings) {
    for (i, destination) in router.routes.iter().map(|route| route.destination).enumerate() {
        let of_hosts = interfaces.iter().find(|interface| {
            catalog.subnet(interface.subnet).is_some_and(|s| s.per_host && s.cidr.contains(&destination))
        });
        if let Some(interface) = of_hosts.filter(|interface| !interface.prefixes().any(|p| p == destination)) {
            let message = format!("{destination} is of {}, whose prefixes are its hosts' own", interface.subnet);
            findings.spec(format!("routes[{i}].destination"), message);
        }
    }
}

/// What is connected or routed elsewhere is not delegated by the same router.
fn check_delegated(
    catalog: &Catalog,
    id: &ResourceId,
    router: &Router,
    interfaces: &[Resolved<'_>],
    findings: &mut Findings,
) {
    let here = |delegation: &ResourceId| {
        let port = catalog.delegation(delegation).and_then(|delegation| catalog.port(&delegation.port));
        port.is_some_and(|port| interfaces.iter().any(|interface| *interface.network == port.network))
    };
    let clash = |net: IpNet| match net {
        IpNet::V6(net) => catalog.delegation_in(&id.tenant, net, None).filter(|(delegation, _)| here(delegation)),
        IpNet::V4(_) => None,
    };
    for interface in interfaces {
        for (cidr, (delegation, prefix)) in interface.prefixes().filter_map(|cidr| Some((cidr, clash(cidr)?))) {
            let message = format!("{cidr} overlaps {prefix} of {delegation}");
            findings.rather((delegation.clone(), "prefix"), format!("interfaces[{}].subnet", interface.at), message);
        }
    }
    for (i, route) in router.routes.iter().enumerate() {
        if let Some((delegation, prefix)) =
            clash(route.destination).filter(|(_, its)| IpNet::V6(*its) == route.destination)
        {
            let message = format!("{prefix} is routed to the port of {delegation}");
            findings.rather((delegation.clone(), "prefix"), format!("routes[{i}].destination"), message);
        }
    }
}

fn check_interface(id: &ResourceId, router: &Router, interface: &Resolved<'_>, findings: &mut Findings) {
    let Resolved { at, subnet, cidr, address, .. } = interface;
    let given = router.interfaces[*at].address.is_some();
    let field = if given { format!("interfaces[{at}].ip_address") } else { format!("interfaces[{at}]") };
    let origin = if given { "" } else { ", the gateway_ip," };
    let name = short(&id.tenant, subnet);
    if interface.foreign_ra {
        // Neutron's rule: two routers would both be the hosts' gateway.
        let message = format!("{name} has an ipv6_address_mode and no ipv6_ra_mode: another router advertises there");
        findings.spec(format!("interfaces[{at}].subnet"), message);
    }
    let why = if is_local(*address) {
        "is link-local".to_owned()
    } else if !cidr.contains(address) {
        format!("is outside of {cidr}")
    } else if features::metadata::is_own(*address) {
        "is the metadata service's".to_owned()
    } else if matches!(cidr, IpNet::V4(_)) && range::is_edge(*cidr, *address) {
        format!("is the network or broadcast address of {cidr}")
    } else {
        return;
    };
    let hint = if given { "" } else { ": give an ip_address" };
    findings.spec(field, format!("{address}{origin} {why} and can't be the router's address on {name}{hint}"));
}

/// One advertisement has one preference (RFC 4191, 2.2).
fn check_preferences(id: &ResourceId, interfaces: &[Resolved<'_>], findings: &mut Findings) {
    for (i, interface) in interfaces.iter().enumerate() {
        let sender = |i: &Resolved<'_>| (i.network.clone(), i.mac);
        let differs = |other: &&Resolved<'_>| {
            let both = other.preference.is_some() && interface.preference.is_some();
            both && other.preference != interface.preference && sender(other) == sender(interface)
        };
        if let Some(other) = interfaces[..i].iter().find(differs) {
            let (other, network) = (short(&id.tenant, other.subnet), interface.network);
            let message = format!(
                "has another router_preference than {other}: the router has one in its advertisements to {network}"
            );
            let field = format!("interfaces[{}].subnet", interface.at);
            findings.rather((interface.subnet.clone(), "router_preference"), field, message);
        }
    }
}

fn check_route(
    catalog: &Catalog,
    router: &Router,
    (interfaces, beyond): (&[Resolved<'_>], Option<&Beyond<'_>>),
    (i, route): (usize, &Route),
    findings: &mut Findings,
) {
    let Route { destination, nexthop, interface } = route;
    // An interface whose subnet is missing says so itself; what is beyond it can't be judged.
    let complete = interfaces.len() == router.interfaces.len();
    if let Some(interface) = interfaces.iter().find(|interface| interface.prefixes().any(|p| p == *destination)) {
        findings.spec(format!("routes[{i}].destination"), format!("{destination} is connected: {}", interface.subnet));
    }
    let outside =
        |subnet: &ResourceId| catalog.subnet(subnet).is_some_and(|s| beyond.is_some_and(|(n, _)| s.network == **n));
    let here = |subnet: &ResourceId| router.interfaces.iter().any(|i| i.subnet == *subnet) || outside(subnet);
    if let Some(subnet) = interface.as_ref().filter(|subnet| !here(subnet)) {
        findings.spec(format!("routes[{i}].interface"), format!("the router has no interface on {subnet}"));
        return;
    }
    match exit(catalog, interfaces, beyond, route) {
        Exit::On(network) => {
            if is_own(interfaces, network, *nexthop) {
                findings.spec(format!("routes[{i}].nexthop"), format!("{nexthop} is the router's own address"));
            }
        }
        _ if !complete => {}
        Exit::Ambiguous => {
            let message = format!("is needed: {nexthop} is link-local, and the router is on several networks");
            findings.spec(format!("routes[{i}].interface"), message);
        }
        Exit::None => {
            findings.spec(format!("routes[{i}].nexthop"), format!("{nexthop} is in no connected subnet"));
        }
    }
}

impl Resolved<'_> {
    /// The prefixes that it is on.
    fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.faces.iter().map(|(face, _)| face.cidr)
    }

    /// Whether an address is its own, as written or as shown.
    fn has(&self, address: IpAddr) -> bool {
        self.address == address || self.faces.iter().any(|(_, shown)| *shown == address)
    }
}

/// An address that may be written of a prefix that is gone, as it is now.
fn as_shown(interfaces: &[Resolved<'_>], address: IpAddr) -> IpAddr {
    let of = interfaces.iter().find(|interface| interface.cidr.contains(&address));
    let gone = of.filter(|interface| !interface.prefixes().any(|prefix| prefix == interface.cidr));
    let now = gone.and_then(|interface| Some((interface.cidr, interface.faces.last()?.0.cidr)));
    now.map_or(address, |(from, to)| shift(address, from, to))
}

/// Which network a route leads to.
enum Exit<'c> {
    On(&'c ResourceId),
    Ambiguous,
    None,
}

fn exit<'c>(catalog: &Catalog, interfaces: &[Resolved<'c>], beyond: Option<&Beyond<'c>>, route: &Route) -> Exit<'c> {
    let Route { nexthop, interface, .. } = route;
    if let Some((network, prefixes)) = beyond {
        let named = interface.as_ref().and_then(|subnet| catalog.subnet(subnet));
        if named.is_some_and(|subnet| subnet.network == **network) || prefixes.iter().any(|p| p.contains(nexthop)) {
            return Exit::On(network);
        }
    }
    if !is_local(*nexthop) {
        let connected =
            interfaces.iter().find(|i| i.cidr.contains(nexthop) || i.prefixes().any(|p| p.contains(nexthop)));
        return connected.map_or(Exit::None, |interface| Exit::On(interface.network));
    }
    let candidate = |i: &&Resolved<'c>| match interface {
        Some(subnet) => i.subnet == subnet,
        None => matches!(i.cidr, IpNet::V6(_)),
    };
    let mut candidates = interfaces.iter().filter(candidate).map(|interface| interface.network);
    match candidates.next() {
        None => Exit::None,
        // A link-local next hop may be out there too.
        Some(_) if beyond.is_some() && interface.is_none() => Exit::Ambiguous,
        Some(first) if candidates.all(|network| network == first) => Exit::On(first),
        Some(_) => Exit::Ambiguous,
    }
}

/// Whether the router answers to an address itself on a network.
fn is_own(interfaces: &[Resolved<'_>], network: &ResourceId, address: IpAddr) -> bool {
    const FE80_1: Ipv6Addr = features::router::FE80_1;
    let own = |interface: &Resolved<'_>| {
        let local = interface.mac.map(|mac| IpAddr::V6(link_local(mac)));
        let anycast = |cidr: IpNet| matches!(cidr, IpNet::V6(_)) && range::is_edge(cidr, address);
        interface.has(address) || local == Some(address) || interface.prefixes().any(anycast)
    };
    address == IpAddr::V6(FE80_1) || interfaces.iter().filter(|i| i.network == network).any(own)
}

pub(super) fn facts(catalog: &Catalog, id: &ResourceId, record: &v1::Record, router: &Router, facts: &mut Vec<Change>) {
    let (key, Some(mac)) = (RouterKey(record.key), router.mac) else { return };
    let fact = topology::Router { tenant: id.tenant.clone(), name: id.name.clone(), mac };
    facts.push(Change::Router(key, Some(fact)));
    let interfaces = resolve(catalog, router);
    for Resolved { network, faces, mac: own, .. } in &interfaces {
        let Some(network) = catalog.key_of(network).map(NetworkKey) else { continue };
        for (face, address) in faces {
            let fact = topology::Interface { network, mac: own.unwrap_or(mac), address: *address };
            facts.push(Change::Interface(key, SubnetKey(face.key), Some(fact)));
        }
    }
    if let Some(given) = &router.gateway {
        gateway::facts(catalog, (id, key, record.snat_number), given, facts);
    }
    let beyond = beyond(catalog, router);
    for route in &router.routes {
        let Exit::On(network) = exit(catalog, &interfaces, beyond.as_ref(), route) else { continue };
        let Some(network) = catalog.key_of(network).map(NetworkKey) else { continue };
        let fact = topology::Route { network, nexthop: as_shown(&interfaces, route.nexthop) };
        facts.push(Change::Route(key, route.destination, Some(fact)));
    }
}
