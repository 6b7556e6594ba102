//! Distributed routing: every chassis routes for its own ports, by the same MAC and addresses everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::flows::{Drop, Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use addr::{IpNet, Ipv4Net, Ipv6Net, LINK_LOCAL, MacAddr};
use ofp::Field;
use topology::{ChassisKey, Holder, Interface, Key, KeyKind, NetworkKey, PortKey, RouterKey, SubnetKey, View};

use crate::router::{self, is_local_to_link, speaks_for_mac};

/// The feature.
pub struct Routing;

/// `::1/128`.
const LOOPBACK: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
/// Multicast, reserved and broadcast destinations; loopback and "this network" on either side.
const V4_NOT_ROUTED: [(Field, Ipv4Net); 5] = [
    (Field::IPV4_DST, Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3)),
    (Field::IPV4_DST, Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    (Field::IPV4_SRC, Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    (Field::IPV4_DST, Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8)),
    (Field::IPV4_SRC, Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8)),
];

impl Feature for Routing {
    fn id(&self) -> FeatureId {
        FeatureId(6)
    }

    fn name(&self) -> &'static str {
        "routing"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::InterfaceAt, KeyKind::RouteAt, KeyKind::Reach]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => every_router(view, emit, chassis),
            Key::InterfaceAt(router, subnet, chassis) => interface(view, emit, router, subnet, chassis),
            Key::RouteAt(router, prefix, chassis) => static_route(view, emit, router, prefix, chassis),
            Key::Reach(port, chassis) => neighbor(view, emit, port, chassis),
            _ => {}
        }
    }
}

fn every_router(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    for kind in 133..=137u8 {
        on.row(Table::RouterIn, 280, "neighbour discovery is not routed")
            .ipv6()
            .when(Field::IP_PROTO, 58u8)
            .when(Field::ICMPV6_TYPE, kind)
            .drop(Drop::NdToRouter);
    }
    for field in [Field::IPV6_SRC, Field::IPV6_DST] {
        on.row(Table::RouterIn, 200, "link-local addresses are not routed (RFC 4291, 2.5.6)")
            .ipv6()
            .when_masked(field, LINK_LOCAL.network(), LINK_LOCAL.netmask())
            .drop(Drop::LinkLocalNotRouted);
    }
    for group in [addr::MULTICAST, LOOPBACK] {
        on.row(Table::RouterIn, 210, "no router forwards it (RFC 4291, 2.5.3 and 2.7)")
            .ipv6()
            .when_masked(Field::IPV6_DST, group.network(), group.netmask())
            .drop(Drop::NotRoutable);
    }
    for source in [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST] {
        on.row(Table::RouterIn, 210, "no router forwards it (RFC 4291, 2.5.2 and 2.5.3)")
            .ipv6()
            .when(Field::IPV6_SRC, source)
            .drop(Drop::NotRoutable);
    }
    for (field, prefix) in V4_NOT_ROUTED {
        on.row(Table::RouterIn, 210, "no router forwards it (RFC 1812, 5.3.7)")
            .ipv4()
            .when_masked(field, prefix.network(), prefix.netmask())
            .drop(Drop::NotRoutable);
    }
    on.row(Table::RouterIn, 100, "to be routed").ipv6().goto(Table::Route);
    on.row(Table::RouterIn, 100, "to be routed").ipv4().goto(Table::Route);
    on.row(Table::MtuVerdict, 10, "its next hop is known").when_reg(Reg::Nexthop, 1u64).goto(Table::Out);
}

/// A router's interface: frames to its MAC are for the router, packets to its prefix go to its network.
fn interface(view: &View<'_>, emit: &mut Emit, router: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let Some(interface) = view.interface(router, subnet).filter(|_| view.routes_for(router, chassis)) else { return };
    let Some(prefix) = view.subnet(subnet).map(|s| s.cidr) else { return };
    let mut on = emit.on(chassis);
    let row = on.row(Table::Route, connected_priority(prefix), "a connected network");
    let row = to_prefix(row, router, prefix).dec_ttl().set(Field::ETH_SRC, interface.mac);
    let row = match view.physical(interface.network) {
        // Though it came from a physical network, it may go onto one: it is another frame by now.
        Some(_) => row.load(Reg::FromLocalnet, 0u64),
        None => row,
    };
    row.load(Reg::Net, interface.network.0)
        .load(Reg::Routed, 1u64)
        // A router before this one may have set it.
        .load(Reg::Nexthop, 0u64)
        .goto(Table::Mtu);
    own_neighbors(view, &mut on, router, subnet, interface);
    if !speaks_for_mac(view, interface, router, subnet) {
        return;
    }
    if view.is_resident(interface.network, chassis) {
        on.row(Table::Gateway, 100, "a frame for the router")
            .when_reg(Reg::Net, interface.network.0)
            .when(Field::ETH_DST, interface.mac)
            .keep(Field::ETH_SRC, Reg::AskerMac)
            .keep(Field::ETH_DST, Reg::GatewayMac)
            .load(Reg::Router, router.0)
            .goto(Table::RouterIn);
    }
    if !has_others(view, router, interface.network) {
        return;
    }
    on.row(Table::Out, 150, "from one router to another")
        .when_reg(Reg::Net, interface.network.0)
        .when_reg(Reg::Routed, 1u64)
        .when_reg(Reg::FromFabric, 0u64)
        .when(Field::ETH_DST, interface.mac)
        .load(Reg::Router, router.0)
        .reenter(Table::RouterIn);
}

/// Where another router is on the network, or hosts are, the router's addresses are neighbours like any; its link-local ones
/// mean something to hosts only.
fn own_neighbors(view: &View<'_>, on: &mut On<'_>, router: RouterKey, subnet: SubnetKey, interface: &Interface) {
    let resident = view.is_resident(interface.network, on.chassis());
    let others = has_others(view, router, interface.network);
    for address in router::addresses(view, router, subnet) {
        if !(resident || others && !is_local_to_link(address)) {
            continue;
        }
        let row = on.row(Table::Neighbor, 100, "the address is a router's").when_reg(Reg::Net, interface.network.0);
        to_address(row, address).set(Field::ETH_DST, interface.mac).load(Reg::NdRouter, 1u64).goto(Table::Out);
    }
}

/// Whether another router is on a network.
fn has_others(view: &View<'_>, router: RouterKey, network: NetworkKey) -> bool {
    view.interfaces_on(network).into_iter().any(|(other, _)| other != router)
}

fn static_route(view: &View<'_>, emit: &mut Emit, router: RouterKey, prefix: IpNet, chassis: ChassisKey) {
    let Some(route) = view.route(router, prefix).filter(|_| view.routes_for(router, chassis)) else { return };
    if view.gateway(router).is_some_and(|gateway| gateway.network == route.network) {
        // It leads out.
        return;
    }
    let mut on = emit.on(chassis);
    let row = on.row(Table::Route, static_priority(prefix), "a static route");
    let row = to_prefix(row, router, prefix);
    let next = next_hop(view, route.network, route.nexthop);
    match (own_interface(view, router, route.network), next) {
        (Some(interface), Some(mac)) => row
            .dec_ttl()
            .set(Field::ETH_SRC, interface.mac)
            .set(Field::ETH_DST, mac)
            .load(Reg::Net, route.network.0)
            .load(Reg::Routed, 1u64)
            .load(Reg::Nexthop, 1u64)
            .goto(Table::Mtu),
        _ => row.punt(PuntOp::Unreachable),
    }
}

fn own_interface<'w>(view: &View<'w>, router: RouterKey, network: NetworkKey) -> Option<&'w Interface> {
    let (router, subnet) = view.interfaces_on(network).into_iter().find(|(r, _)| *r == router)?;
    view.interface(router, subnet)
}

/// The MAC of a next hop: a port's, or another router's.
fn next_hop(view: &View<'_>, network: NetworkKey, address: IpAddr) -> Option<MacAddr> {
    match view.holder(network, address)? {
        Holder::Port(port) => Some(view.port(port)?.mac),
        Holder::Router(router, subnet) => Some(view.interface(router, subnet)?.mac),
    }
}

/// A port's addresses, on a chassis that has hosts on its network, or routes to it. What tells its MAC needs no row; what else
/// is link-local is asked for by hosts only.
fn neighbor(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let (Some(port), Some(_)) = (view.port(key), view.binding(key)) else { return };
    let Some(need) = view.need(port.network, chassis) else { return };
    let mut on = emit.on(chassis);
    for address in port.all().filter(|address| *address != IpAddr::V6(port.link_local())) {
        let asked = need.resident && address.is_ipv6();
        if !(asked || need.routed && !is_local_to_link(address)) {
            continue;
        }
        let row = on.row(Table::Neighbor, 100, "the address is the port's").when_reg(Reg::Net, port.network.0);
        to_address(row, address).set(Field::ETH_DST, port.mac).goto(Table::Out);
    }
}

pub(crate) fn to_prefix(row: Row<'_>, router: RouterKey, prefix: IpNet) -> Row<'_> {
    let row = row.when_reg(Reg::Router, router.0);
    match prefix {
        IpNet::V6(net) => row.ipv6().when_masked(Field::IPV6_DST, net.network(), net.netmask()),
        IpNet::V4(net) => row.ipv4().when_masked(Field::IPV4_DST, net.network(), net.netmask()),
    }
}

fn to_address(row: Row<'_>, address: IpAddr) -> Row<'_> {
    match address {
        IpAddr::V6(address) => row.ipv6().when(Field::IPV6_DST, address),
        IpAddr::V4(address) => row.ipv4().when(Field::IPV4_DST, address),
    }
}

/// The longest prefix first; of equal ones, the connected.
fn connected_priority(prefix: IpNet) -> u16 {
    static_priority(prefix) + 1
}

pub(crate) fn static_priority(prefix: IpNet) -> u16 {
    100 + 2 * u16::from(prefix.prefix_len())
}
