//! Rows that answer echo requests to a router's addresses, and rows that punt what deserves an error.

use std::net::IpAddr;

use ::flows::{Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use ofp::Field;
use topology::{ChassisKey, Key, KeyKind, NetworkKey, RouterKey, SubnetKey, View};

use crate::gateway::choice;
use crate::router::{self, is_local_to_link};

/// The feature.
pub struct Icmp;

/// The hop limit of packets that a router makes (RFC 1700; RFC 4861's default too).
const HOP_LIMIT: u8 = 64;
const ETHERNET_HEADER: u32 = 14;
/// `NXM_NX_IP_FRAG`: a fragment but the first.
const FRAGMENT_LATER: u8 = 3;

impl Feature for Icmp {
    fn id(&self) -> FeatureId {
        FeatureId(7)
    }

    fn name(&self) -> &'static str {
        "icmp"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::InterfaceAt, KeyKind::Need]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => errors(view, emit, chassis),
            Key::InterfaceAt(router, subnet, chassis) => own_addresses(view, emit, router, subnet, chassis),
            Key::Need(network, chassis) => measure(view, emit, network, chassis),
            _ => {}
        }
    }
}

fn errors(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    for ethertype in [0x86ddu16, 0x0800] {
        for hop_limit in [0u8, 1] {
            on.row(Table::RouterIn, 190, "its hop limit ends here")
                .when(Field::ETH_TYPE, ethertype)
                .when(Field::NW_TTL, hop_limit)
                .punt(PuntOp::HopLimit);
        }
        on.row(Table::Route, 1, "the router has no route to it").when(Field::ETH_TYPE, ethertype).punt(PuntOp::NoRoute);
        on.row(Table::Neighbor, 1, "nobody has the address").when(Field::ETH_TYPE, ethertype).punt(PuntOp::Unreachable);
    }
    on.row(Table::MtuVerdict, 20, "too big for the network").when_reg(Reg::Larger, 1u64).punt(PuntOp::TooBig);
    to_the_router(&mut on);
}

/// Packets to a network are measured only where it takes less than others may send.
fn measure(view: &View<'_>, emit: &mut Emit, key: NetworkKey, chassis: ChassisKey) {
    let (Some(fabric), Some(network)) = (view.fabric(), view.network(key)) else { return };
    let routed = view.need(key, chassis).is_some_and(|need| need.routed || need.external);
    let mtu = choice::mtu(view, key).unwrap_or(network.mtu);
    let Ok(largest) = u16::try_from(mtu + ETHERNET_HEADER) else { return };
    if !routed || mtu >= fabric.mtu_max && mtu >= outside(view, key) {
        return;
    }
    emit.on(chassis)
        .row(Table::Mtu, 100, "others may send it more than it takes")
        .when_reg(Reg::Net, key.0)
        .measure(largest)
        .goto(Table::MtuVerdict);
}

/// The largest packets that come to a network from provider networks.
fn outside(view: &View<'_>, key: NetworkKey) -> u32 {
    let gateways = view.interfaces_on(key).into_iter().filter_map(|(router, _)| view.gateway(router));
    gateways.filter_map(|gateway| view.network(gateway.network)).map(|network| network.mtu).max().unwrap_or(0)
}

fn own_addresses(view: &View<'_>, emit: &mut Emit, key: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let Some(interface) = view.interface(key, subnet).filter(|_| view.routes_for(key, chassis)) else { return };
    let resident = view.is_resident(interface.network, chassis);
    let mut on = emit.on(chassis);
    for address in router::addresses(view, key, subnet) {
        // A link-local address is asked for from its own network; the others from anywhere.
        if is_local_to_link(address) && !resident {
            continue;
        }
        let row = on.row(Table::RouterIn, 250, "an address of the router's").when_reg(Reg::Router, key.0);
        let row = if is_local_to_link(address) { row.when_reg(Reg::Net, interface.network.0) } else { row };
        match address {
            IpAddr::V6(address) => row.ipv6().when(Field::IPV6_DST, address).goto(Table::RouterOwn),
            IpAddr::V4(address) => row.ipv4().when(Field::IPV4_DST, address).goto(Table::RouterOwn),
        }
    }
}

/// What becomes of packets to an address of a router's, whichever it is.
fn to_the_router(on: &mut On<'_>) {
    back_v6(on.row(Table::RouterOwn, 300, "echo to the router").icmpv6(128).set(Field::ICMPV6_TYPE, 129u8));
    // The rest of a large echo, whose first fragment was answered above. The switch does not tell what a later fragment is of;
    // other packets' come back to their sender, who knows nothing to put them to.
    let rest = on.row(Table::RouterOwn, 290, "echo to the router, further fragments");
    back_v6(rest.ipv6().when(Field::IP_FRAG, FRAGMENT_LATER));
    let echo = on
        .row(Table::RouterOwn, 300, "echo to the router")
        .ipv4()
        .when(Field::IP_PROTO, 1u8)
        .when(Field::ICMPV4_TYPE, 8u8)
        .when(Field::ICMPV4_CODE, 0u8);
    back_v4(echo.set(Field::ICMPV4_TYPE, 0u8));
    let rest = on.row(Table::RouterOwn, 290, "echo to the router, further fragments").ipv4();
    back_v4(rest.when(Field::IP_PROTO, 1u8).when(Field::IP_FRAG, FRAGMENT_LATER));
    on.row(Table::RouterOwn, 10, "the router listens to nothing else").punt(PuntOp::PortUnreachable);
}

/// Back to the host, from the MAC and the address that it sent to.
fn back_v6(row: Row<'_>) {
    let row =
        row.keep(Field::IPV6_DST, Reg::Kept).copy(Field::IPV6_SRC, Field::IPV6_DST).restore(Reg::Kept, Field::IPV6_SRC);
    back(row);
}

fn back_v4(row: Row<'_>) {
    let row =
        row.keep(Field::IPV4_DST, Reg::Kept).copy(Field::IPV4_SRC, Field::IPV4_DST).restore(Reg::Kept, Field::IPV4_SRC);
    back(row);
}

fn back(row: Row<'_>) {
    row.restore(Reg::AskerMac, Field::ETH_DST)
        .restore(Reg::GatewayMac, Field::ETH_SRC)
        .set(Field::NW_TTL, HOP_LIMIT)
        .meter_answer()
        .goto(Table::Reply);
}
