//! Rows for addresses on provider networks that routers answer for, beside their own, and for those that are others inside.

use std::net::IpAddr;

use ::flows::{Drop, Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use addr::IpNet;
use ofp::Field;
use packet::protocol;
use topology::{ChassisKey, Key, KeyKind, NetworkKey, RouterKey, View};

use super::{prefixes, snat};
use crate::gateway::{self, choice};
use crate::router::sends_from;

/// The feature.
pub struct Mapping;

/// ICMP messages that quote a packet: of IPv6 those below 128 that there are (RFC 4443, 2.1), of IPv4 those that are not obsolete, and no
/// redirects, which no router passes on.
const ERRORS_V6: [u8; 4] = [1, 2, 3, 4];
const ERRORS_V4: [u8; 3] = [3, 11, 12];

impl Feature for Mapping {
    fn id(&self) -> FeatureId {
        FeatureId(32)
    }

    fn name(&self) -> &'static str {
        "mapping"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[
            KeyKind::MapsAt,
            KeyKind::PresenceAt,
            KeyKind::GatewayAt,
            KeyKind::PrefixMappingAt,
            KeyKind::InterfaceAt,
            KeyKind::RouteAt,
            KeyKind::Reach,
        ]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::MapsAt(chassis) => every_mapping(view, emit, chassis),
            Key::PresenceAt(network, address, chassis) => presence(view, emit, (network, address), chassis),
            Key::GatewayAt(router, chassis) => snat::router(view, emit, router, chassis),
            Key::PrefixMappingAt(router, prefix, chassis) => prefixes::whole(view, emit, (router, prefix), chassis),
            Key::InterfaceAt(router, subnet, chassis) if view.maps(router) => {
                let connected = view.interface(router, subnet).filter(|_| view.routes_for(router, chassis));
                if let Some(subnet) = connected.and_then(|_| view.subnet(subnet)) {
                    prefixes::part(view, emit, (router, subnet.cidr, true), chassis);
                }
            }
            Key::RouteAt(router, prefix, chassis) => route(view, emit, (router, prefix), chassis),
            Key::Reach(port, chassis) => prefixes::port(view, emit, port, chassis),
            _ => {}
        }
    }
}

/// What all routers have in common whose addresses are others outside.
fn every_mapping(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if !view.maps_at(chassis) || view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    on.row(Table::MtuVerdict, 15, "its source may be another outside").when_reg(Reg::Maps, 1u64).goto(Table::Outward);
    on.row(Table::Outward, 10, "who was to answer would answer to an address that the asker has not asked from")
        .when_reg(Reg::Mapped, 1u64)
        .when_reg(Reg::FromLocalnet, 0u64)
        .when_reg(Reg::FromFabric, 0u64)
        .drop(Drop::NoMapping);
    on.row(Table::Onward, 12, "to a router on a physical network").when_reg(Reg::ByRouter, 1u64).goto(Table::Nexthop);
    on.row(Table::Onward, 10, "its next hop is known").when_reg(Reg::Nexthop, 1u64).goto(Table::Out);
    for (table, op) in [(Table::Inward, PuntOp::QuotedInward), (Table::OutwardSaid, PuntOp::QuotedOutward)] {
        errors(&mut on, table, op);
    }
}

/// A prefix that a router leads to may be a part of one that is another outside.
fn route(view: &View<'_>, emit: &mut Emit, (router, prefix): (RouterKey, IpNet), chassis: ChassisKey) {
    if view.maps(router) && view.route(router, prefix).is_some() && view.routes_for(router, chassis) {
        prefixes::part(view, emit, (router, prefix, false), chassis);
    }
}

fn errors(on: &mut On<'_>, table: Table, op: PuntOp) {
    let why = "an error: what it quotes is to be translated too";
    for kind in ERRORS_V6 {
        on.row(table, 100, why).ipv6().when(Field::IP_PROTO, protocol::ICMPV6).when(Field::ICMPV6_TYPE, kind).punt(op);
    }
    for kind in ERRORS_V4 {
        on.row(table, 100, why).ipv4().when(Field::IP_PROTO, protocol::ICMPV4).when(Field::ICMPV4_TYPE, kind).punt(op);
    }
}

/// An address that a router answers for on somebody's behalf.
fn presence(view: &View<'_>, emit: &mut Emit, at: (NetworkKey, IpAddr), chassis: ChassisKey) {
    let Some(presence) = view.presence(at.0, at.1).filter(|there| view.routes_for(there.router, chassis)) else {
        return;
    };
    let (router, mut on) = (presence.router, emit.on(chassis));
    if view.gateway(router).is_none_or(|gateway| gateway.network != at.0) {
        return;
    }
    if choice::holder(view, at, presence) == Some(chassis) && view.localnet(at.0, chassis).is_some() {
        gateway::answered(&mut on, at.0, at.1, sends_from(chassis, router));
    }
    let Some(inside) = presence.inside else { return };
    to(on.row(Table::RouterIn, 180, "for an address outside: that inside"), router, at.1, inside);
    // What leaves by another chassis has its source already.
    let here = presence.port.and_then(|port| view.place(port)).is_some_and(|place| place.chassis == chassis);
    if here && view.outside_of(router, inside) == Some(at.1) {
        if let IpAddr::V4(inside) = inside
            && view.gateway(router).is_some_and(|gateway| gateway.snat.is_some())
        {
            on.row(Table::Floats, 100, "it is another outside by itself")
                .ipv4()
                .when_reg(Reg::Router, router.0)
                .when(Field::IPV4_SRC, inside)
                .load(Reg::Floats, 1u64)
                .answer();
        }
        from(on.row(Table::Outward, 200, "from an address inside: that outside"), router, inside, at.1);
    }
}

fn to(row: Row<'_>, router: RouterKey, outside: IpAddr, inside: IpAddr) {
    let row = row.when_reg(Reg::Router, router.0);
    let row = match (outside, inside) {
        (IpAddr::V6(outside), IpAddr::V6(inside)) => {
            row.ipv6().when(Field::IPV6_DST, outside).set(Field::IPV6_DST, inside)
        }
        (IpAddr::V4(outside), IpAddr::V4(inside)) => {
            row.ipv4().when(Field::IPV4_DST, outside).set(Field::IPV4_DST, inside)
        }
        // Stateless translation is within a family.
        _ => return row.drop(Drop::NoMapping),
    };
    row.load(Reg::Mapped, 1u64).load(Reg::Maps, 1u64).goto(Table::Inward);
}

fn from(row: Row<'_>, router: RouterKey, inside: IpAddr, outside: IpAddr) {
    let row = row.when_reg(Reg::Router, router.0);
    match (inside, outside) {
        (IpAddr::V6(inside), IpAddr::V6(outside)) => {
            row.ipv6().when(Field::IPV6_SRC, inside).set(Field::IPV6_SRC, outside).goto(Table::OutwardSaid);
        }
        (IpAddr::V4(inside), IpAddr::V4(outside)) => {
            row.ipv4().when(Field::IPV4_SRC, inside).set(Field::IPV4_SRC, outside).goto(Table::OutwardSaid);
        }
        _ => {}
    }
}
