//! Rows that lead out, and those for what comes back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::flows::{Emit, Feature, FeatureId, On, PuntOp, Reg, Row, SLOTS, Table};
use addr::{IpNet, Ipv4Net, Ipv6Net, MacAddr, link_local};
use ofp::{Action, Field};
use packet::{DHCP6_CLIENT_PORT, OP_REPLY, OP_REQUEST, protocol};
use topology::{ChassisKey, Encap, ExternalGateway, Key, KeyKind, NetworkKey, RouterKey, View};

use super::choice::{self, Exit};
use super::{group_of_gateways, group_of_memory};
use crate::l2::GROUP_BIT;
use crate::nd::flows::ask;
use crate::overlay::copy_to;
use crate::router::{CHASSIS_MAC_PREFIX, is_local_to_link, sends_from};
use crate::routing::to_prefix;
use crate::{links, provider};

/// The feature.
pub struct Gateway;

const ROUTER_ADVERT: u8 = 134;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
/// All there is, of each family.
const EVERYWHERE: [IpNet; 2] = [
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
];

impl Feature for Gateway {
    fn id(&self) -> FeatureId {
        FeatureId(31)
    }

    fn name(&self) -> &'static str {
        "gateway"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Localnets, KeyKind::Need, KeyKind::GatewayAt, KeyKind::RouteAt, KeyKind::Neighbor]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Localnets(chassis) => everywhere(view, emit, chassis),
            Key::Need(network, chassis) => network_at(view, emit, network, chassis),
            Key::GatewayAt(router, chassis) => router_at(view, emit, router, chassis),
            Key::RouteAt(router, prefix, chassis) => static_route(view, emit, router, prefix, chassis),
            Key::Neighbor(network, chassis, address) => neighbor(view, emit, network, chassis, address),
            _ => {}
        }
    }
}

fn everywhere(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.localnets(chassis).is_empty() || view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::MtuVerdict, 12, "to a router on a physical network")
        .when_reg(Reg::ByRouter, 1u64)
        .goto(Table::Nexthop);
    for ethertype in [0x86ddu16, 0x0800] {
        on.row(Table::Nexthop, 1, "the router is not found").when(Field::ETH_TYPE, ethertype).punt(PuntOp::Unreachable);
    }
    on.row(Table::Out, 320, "from outside, for an address of a router's: answered here")
        .ipv6()
        .when_reg(Reg::NdAsks, 1u64)
        .when_reg(Reg::FromLocalnet, 1u64)
        .when_reg(Reg::NdRouter, 1u64)
        .goto(Table::NdReply);
}

/// A provider network that routers here lead to.
fn network_at(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    let Some(physical) = view.physical(key).filter(|_| view.is_exit(key, chassis)) else { return };
    let ways = ways(view, key, chassis);
    let mut on = emit.on(chassis);
    if !ways.is_empty() {
        let shares = ways.iter().cycle().take(SLOTS).cloned().collect();
        on.spread(group_of_gateways(key), shares, "by one of the network's gateways");
    }
    if view.localnet(key, chassis).is_none() {
        return;
    }
    let row = on
        .row(Table::Reply, 100, "back onto the physical network")
        .when_reg(Reg::Net, key.0)
        .when_reg(Reg::FromLocalnet, 1u64);
    provider::tagged(row, physical.vlan).back();
    for router in &physical.routers {
        on.row(Table::Border, 966, "from a router that the network names: hosts hear it, and so does the controller")
            .icmpv6(ROUTER_ADVERT)
            .when_reg(Reg::Net, key.0)
            .when(Field::NW_TTL, 255u8)
            .when(Field::IPV6_SRC, *router)
            .load(Reg::PuntOp, PuntOp::RouterAdvert as u64)
            .load(Reg::PuntClass, PuntOp::RouterAdvert.class() as u64)
            .ask(Table::Punt)
            .goto(Table::Out);
    }
}

/// The ways from a chassis to a provider network's gateways. A tunnel's far end that is watched by a port of its own (BFD) could be each
/// bucket's `watch_port` too: the switch would then leave a dead one by itself.
fn ways(view: &View<'_>, key: NetworkKey, chassis: ChassisKey) -> Vec<Vec<Action>> {
    // One that is watched and does not answer to this chassis is left out, though others may reach it.
    let answers = |gateway: &ChassisKey| view.alive(chassis, *gateway).is_none_or(|alive| alive.up);
    let gateways = choice::gateways(view, key).into_iter().filter(|gateway| *gateway != chassis).filter(answers);
    gateways.filter_map(|gateway| way(view, key, chassis, gateway)).collect()
}

/// The way from a chassis to one of a provider network's gateways.
fn way(view: &View<'_>, key: NetworkKey, chassis: ChassisKey, gateway: ChassisKey) -> Option<Vec<Action>> {
    let (fabric, segment) = (view.fabric()?, view.segment(key)?);
    if fabric.encap == Encap::Links {
        return Some(links::copy_to(segment, gateway));
    }
    let port = view.uplink(chassis)?;
    if fabric.encap == Encap::Vlan {
        let macs = [(Field::ETH_DST, gateway), (Field::ETH_SRC, chassis)].into_iter().flat_map(|(field, of)| {
            let load = |offset, bits, value| Action::RegLoad { dst: field.sub(offset, bits), value };
            let router = Action::RegMove { src: Reg::Router.subfield(), dst: field.sub(0, 24) };
            [router, load(24, 16, of.0.into()), load(40, 8, CHASSIS_MAC_PREFIX.into())]
        });
        return Some(macs.chain(copy_to(segment, None, port)).collect());
    }
    Some(copy_to(segment, Some(view.chassis(gateway)?.tunnel_ip?), port))
}

fn router_at(view: &View<'_>, emit: &mut Emit, router: RouterKey, chassis: ChassisKey) {
    let Some(gateway) = view.gateway(router).filter(|_| view.routes_for(router, chassis)) else { return };
    let Some(fact) = view.router(router) else { return };
    let mut on = emit.on(chassis);
    for prefix in EVERYWHERE {
        // A static route for all there is goes before.
        if view.route(router, prefix).is_none() {
            let nexthops = choice::default_routers(view, gateway, matches!(prefix, IpNet::V6(_)));
            leads_out(view, &mut on, (router, fact.mac), gateway.network, (prefix, None, &nexthops));
        }
    }
    by_source(view, &mut on, (router, fact.mac), gateway);
    for prefix in &gateway.delegated {
        // Else it would go out by the default route, and come back (RFC 7084, WPD-5).
        let prefix = IpNet::V6(*prefix);
        if view.route(router, prefix).is_none() {
            let row =
                on.row(Table::Route, crate::routing::static_priority(prefix), "delegated to it, and of no subnet");
            to_prefix(row, router, prefix).punt(PuntOp::NoRoute);
        }
    }
    if !ways(view, gateway.network, chassis).is_empty() {
        on.row(Table::Out, 145, "for outside, by one of the network's gateways")
            .when_reg(Reg::Net, gateway.network.0)
            .when_reg(Reg::Routed, 1u64)
            .when_reg(Reg::FromFabric, 0u64)
            .when(Field::ETH_DST, fact.mac)
            .group(group_of_gateways(gateway.network));
    }
    if let Some(there) = choice::remembers(view, router).filter(|there| *there != chassis)
        && let Some(way) = way(view, gateway.network, chassis, there)
    {
        on.spread(group_of_memory(router), vec![way; SLOTS], "by the chassis that remembers connections");
        on.row(Table::Out, 146, "for outside over IPv4, by the chassis that remembers connections")
            .ipv4()
            .when_reg(Reg::Net, gateway.network.0)
            .when_reg(Reg::Routed, 1u64)
            .when_reg(Reg::FromFabric, 0u64)
            .when(Field::ETH_DST, fact.mac)
            .group(group_of_memory(router));
    }
    for address in &gateway.addresses {
        own_address(on.row(Table::RouterIn, 250, "an address of the router's"), router, *address)
            .goto(Table::RouterOwn);
    }
    if view.localnet(gateway.network, chassis).is_some() {
        // The switches of a VLAN underlay see frames for the chassis, not for the router.
        let on_vlans = view.fabric().is_some_and(|fabric| fabric.encap == Encap::Vlan);
        on.row(Table::Out, 150, "from a chassis without a way out")
            .when_reg(Reg::Net, gateway.network.0)
            .when_reg(Reg::FromFabric, 1u64)
            .when(Field::ETH_DST, if on_vlans { sends_from(chassis, router) } else { fact.mac })
            .load(Reg::Router, router.0)
            .reenter(Table::RouterIn);
        outside(view, &mut on, router, gateway);
    }
}

/// Sources that leave by another router than all else (RFC 8028).
fn by_source(view: &View<'_>, on: &mut On<'_>, router: (RouterKey, MacAddr), gateway: &ExternalGateway) {
    let (all, network) = (EVERYWHERE[0], gateway.network);
    if view.route(router.0, all).is_some() {
        return;
    }
    let usual = choice::exit(view, network, on.chassis(), &choice::default_routers(view, gateway, true));
    for (source, nexthops) in choice::by_source(view, gateway) {
        if choice::exit(view, network, on.chassis(), &nexthops) != usual {
            leads_out(view, on, router, network, (all, Some(source), &nexthops));
        }
    }
}

/// A row of the table of routes, whether there is a way or not; with a source for what comes from there alone.
fn leads_out(
    view: &View<'_>,
    on: &mut On<'_>,
    (router, mac): (RouterKey, MacAddr),
    network: NetworkKey,
    (prefix, source, nexthops): (IpNet, Option<Ipv6Net>, &[IpAddr]),
) {
    let chassis = on.chassis();
    let mut exit = choice::exit(view, network, chassis, nexthops);
    let priority = crate::routing::static_priority(prefix) + u16::from(source.is_some());
    if matches!(prefix, IpNet::V4(_)) && view.gateway(router).is_some_and(|gateway| gateway.snat.is_some()) {
        // What is another outside by itself leaves as ever, all else where connections are remembered.
        leaves(
            to_prefix(on.row(Table::Route, priority + 1, "outside, by itself"), router, prefix)
                .when_reg(Reg::Floats, 1u64),
            view,
            (router, mac),
            network,
            exit,
            nexthops,
        );
        let remembers = choice::remembers(view, router);
        exit = match exit {
            Exit::Here(_) if remembers == Some(chassis) => exit,
            _ if remembers.is_some_and(|there| there != chassis) => Exit::ByGateways,
            _ => Exit::Nowhere,
        };
    }
    let mut row = to_prefix(on.row(Table::Route, priority, "outside"), router, prefix);
    if let Some(source) = source {
        row = row.when_masked(Field::IPV6_SRC, source.network(), source.netmask());
    }
    leaves(row, view, (router, mac), network, exit, nexthops);
}

/// What a route to outside does.
fn leaves(
    mut row: Row<'_>,
    view: &View<'_>,
    (router, mac): (RouterKey, MacAddr),
    network: NetworkKey,
    exit: Exit,
    nexthops: &[IpAddr],
) {
    if exit != Exit::Nowhere && view.maps(router) {
        row = row.load(Reg::Maps, 1u64);
    }
    match exit {
        Exit::Here(nexthop) => row
            .dec_ttl()
            .load(Reg::Net, network.0)
            .load(Reg::Routed, 1u64)
            .load(Reg::Nexthop, 0u64)
            .load(Reg::ByRouter, 1u64)
            .load_address(Reg::NexthopAddress, nexthop)
            .goto(Table::Mtu),
        // The gateway routes it, and lowers its hop limit.
        Exit::ByGateways => row
            .set(Field::ETH_DST, mac)
            .load(Reg::Net, network.0)
            .load(Reg::Routed, 1u64)
            .load(Reg::Nexthop, 1u64)
            .goto(Table::Mtu),
        Exit::Nowhere if nexthops.is_empty() => row.punt(PuntOp::NoRoute),
        Exit::Nowhere => row.punt(PuntOp::Unreachable),
    }
}

/// A static route whose next hop is on the provider network.
fn static_route(view: &View<'_>, emit: &mut Emit, router: RouterKey, prefix: IpNet, chassis: ChassisKey) {
    let Some(route) = view.route(router, prefix).filter(|_| view.routes_for(router, chassis)) else { return };
    let (Some(gateway), Some(fact)) = (view.gateway(router), view.router(router)) else { return };
    if gateway.network == route.network {
        leads_out(view, &mut emit.on(chassis), (router, fact.mac), route.network, (prefix, None, &[route.nexthop]));
    }
}

/// What comes in from the physical network for the router: for its MAC of this chassis, and questions for its addresses.
fn outside(view: &View<'_>, on: &mut On<'_>, router: RouterKey, gateway: &ExternalGateway) {
    let (chassis, network) = (on.chassis(), gateway.network);
    let mac = sends_from(chassis, router);
    for ethertype in [0x86ddu16, 0x0800] {
        on.row(Table::Border, 120, "for a router")
            .when(Field::ETH_TYPE, ethertype)
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, mac)
            .keep(Field::ETH_SRC, Reg::AskerMac)
            .keep(Field::ETH_DST, Reg::GatewayMac)
            .load(Reg::Router, router.0)
            .goto(Table::RouterIn);
    }
    on.row(Table::Gateway, 100, "for a router, by its MAC on the physical network")
        .when_reg(Reg::Net, network.0)
        .when(Field::ETH_DST, mac)
        .keep(Field::ETH_SRC, Reg::AskerMac)
        .keep(Field::ETH_DST, Reg::GatewayMac)
        .load(Reg::Router, router.0)
        .goto(Table::RouterIn);
    on.row(Table::Border, 952, "a neighbour says which MAC it has")
        .icmpv6(NEIGHBOR_ADVERT)
        .when_reg(Reg::Net, network.0)
        .when(Field::NW_TTL, 255u8)
        .when(Field::ETH_DST, mac)
        .punt(PuntOp::Neighbor);
    on.row(Table::Border, 112, "a neighbour says which MAC it has")
        .arp()
        .when_reg(Reg::Net, network.0)
        .when(Field::ARP_OP, OP_REPLY)
        .when(Field::ETH_DST, mac)
        .punt(PuntOp::Neighbor);
    if gateway.asks {
        on.row(Table::Border, 961, "a delegating router says what it gives")
            .ipv6()
            .when_reg(Reg::Net, network.0)
            .when(Field::ETH_DST, mac)
            .when(Field::IPV6_DST, link_local(mac))
            .when(Field::IP_PROTO, protocol::UDP)
            .when(Field::UDP_DST, DHCP6_CLIENT_PORT)
            .load(Reg::Router, router.0)
            .punt(PuntOp::Upstream);
    }
    let question = on
        .row(Table::Border, 946, "asked of the router itself")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when_reg(Reg::Net, network.0)
        .when(Field::NW_TTL, 255u8)
        .when(Field::ETH_DST, mac);
    ask(question);
    let held = choice::holders(view, router).into_iter().filter(|(_, holder)| *holder == Some(chassis));
    for address in held.map(|(address, _)| address).chain([IpAddr::V6(link_local(mac))]) {
        if is_local_to_link(address) {
            own_address(on.row(Table::RouterIn, 250, "an address of the router's"), router, address)
                .when_reg(Reg::Net, network.0)
                .goto(Table::RouterOwn);
        }
        answered(on, network, address, mac);
    }
}

/// Questions from outside for an address that is answered for here.
pub(crate) fn answered(on: &mut On<'_>, network: NetworkKey, address: IpAddr, mac: MacAddr) {
    match address {
        IpAddr::V6(address) => on
            .row(Table::Neighbor, 101, "the address is a router's, and answered for here")
            .ipv6()
            .when_reg(Reg::Net, network.0)
            .when_reg(Reg::NdAsks, 1u64)
            .when(Field::IPV6_DST, address)
            .set(Field::ETH_DST, mac)
            .load(Reg::NdRouter, 1u64)
            .goto(Table::Out),
        IpAddr::V4(address) => answer(on, network, address, mac),
    }
}

fn answer(on: &mut On<'_>, network: NetworkKey, address: Ipv4Addr, mac: MacAddr) {
    for (priority, group, why) in
        [(951, true, "who has the router's address?"), (114, false, "is the router still there?")]
    {
        let row = on
            .row(Table::Border, priority, why)
            .arp()
            .when_reg(Reg::Net, network.0)
            .when(Field::ARP_OP, OP_REQUEST)
            .when(Field::ARP_TPA, address);
        let row = match group {
            true => row.when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT),
            false => row.when(Field::ETH_DST, mac),
        };
        row.set(Field::ARP_OP, OP_REPLY)
            .copy(Field::ETH_SRC, Field::ETH_DST)
            .set(Field::ETH_SRC, mac)
            .copy(Field::ARP_SHA, Field::ARP_THA)
            .copy(Field::ARP_SPA, Field::ARP_TPA)
            .set(Field::ARP_SHA, mac)
            .set(Field::ARP_SPA, address)
            .goto(Table::Reply);
    }
}

fn own_address(row: Row<'_>, router: RouterKey, address: IpAddr) -> Row<'_> {
    let row = row.when_reg(Reg::Router, router.0);
    match address {
        IpAddr::V6(address) => row.ipv6().when(Field::IPV6_DST, address),
        IpAddr::V4(address) => row.ipv4().when(Field::IPV4_DST, address),
    }
}

/// Where a router on the physical network is.
fn neighbor(view: &View<'_>, emit: &mut Emit, network: NetworkKey, chassis: ChassisKey, address: IpAddr) {
    let Some(mac) = view.neighbor(network, chassis, address) else { return };
    if view.is_exit(network, chassis) && view.localnet(network, chassis).is_some() {
        emit.on(chassis)
            .row(Table::Nexthop, 100, "where the router is")
            .when(Field::ETH_TYPE, if address.is_ipv6() { 0x86ddu16 } else { 0x0800 })
            .when_reg(Reg::Net, network.0)
            .when_address(Reg::NexthopAddress, address)
            .set(Field::ETH_DST, mac)
            .goto(Table::Out);
    }
}
