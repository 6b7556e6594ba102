//! ARP (RFC 826): requests for known addresses are answered by flows, probes by the controller.

pub mod service;

use std::net::{IpAddr, Ipv4Addr};

use ::flows::{Drop, Emit, Feature, FeatureId, PuntOp, Reg, Row, Table};
use addr::MacAddr;
use ofp::Field;
use packet::{OP_REPLY, OP_REQUEST};
use topology::{ChassisKey, Key, KeyKind, PortKey, RouterKey, SubnetKey, View};

use crate::l2::GROUP_BIT;

/// The feature.
pub struct Arp;

impl Feature for Arp {
    fn id(&self) -> FeatureId {
        FeatureId(4)
    }

    fn name(&self) -> &'static str {
        "arp"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis, KeyKind::Reach, KeyKind::InterfaceAt]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        match key {
            Key::Chassis(chassis) => unanswered(view, emit, chassis),
            Key::Reach(port, chassis) => host(view, emit, port, chassis),
            Key::InterfaceAt(router, subnet, chassis) => router_interface(view, emit, router, subnet, chassis),
            _ => {}
        }
    }
}

fn unanswered(view: &View<'_>, emit: &mut Emit, chassis: ChassisKey) {
    if view.chassis(chassis).is_none() {
        return;
    }
    let mut on = emit.on(chassis);
    // A flow would answer the prober's own address too.
    on.row(Table::Nd, 250, "a probe: has somebody else the address? (RFC 5227, 2.1)")
        .arp()
        .when(Field::ARP_OP, OP_REQUEST)
        .when(Field::ARP_SPA, Ipv4Addr::UNSPECIFIED)
        .punt(PuntOp::ArpProbe);
    on.row(Table::Nd, 50, "requests are answered or not, but never flooded")
        .arp()
        .when(Field::ARP_OP, OP_REQUEST)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .drop(Drop::UnknownTarget);
    on.row(Table::Nd, 50, "neighbours know the address already")
        .arp()
        .when(Field::ARP_OP, OP_REPLY)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .when_reg(Reg::Secured, 1u64)
        .drop(Drop::UnsolicitedAdvert);
}

fn host(view: &View<'_>, emit: &mut Emit, key: PortKey, chassis: ChassisKey) {
    let (Some(port), Some(_)) = (view.port(key), view.binding(key)) else { return };
    if !view.is_resident(port.network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    for address in port.v4() {
        let row = on
            .row(Table::Nd, 200, "the address is the port's")
            .arp()
            .when_reg(Reg::Net, port.network.0)
            .when(Field::ARP_OP, OP_REQUEST)
            .when(Field::ARP_TPA, address)
            .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT);
        answer(row, address, port.mac);
    }
}

fn router_interface(view: &View<'_>, emit: &mut Emit, router: RouterKey, subnet: SubnetKey, chassis: ChassisKey) {
    let Some(interface) = view.interface(router, subnet).filter(|_| view.routes_for(router, chassis)) else { return };
    let IpAddr::V4(address) = interface.address else { return };
    if !view.is_resident(interface.network, chassis) {
        return;
    }
    let mut on = emit.on(chassis);
    let row = on
        .row(Table::Nd, 200, "the address is the router's")
        .arp()
        .when_reg(Reg::Net, interface.network.0)
        .when(Field::ARP_OP, OP_REQUEST)
        .when(Field::ARP_TPA, address);
    answer(row, address, interface.mac);
}

pub(crate) fn answer(row: Row<'_>, address: Ipv4Addr, mac: MacAddr) {
    row.set(Field::ARP_OP, OP_REPLY)
        .copy(Field::ETH_SRC, Field::ETH_DST)
        .set(Field::ETH_SRC, mac)
        .copy(Field::ARP_SHA, Field::ARP_THA)
        .copy(Field::ARP_SPA, Field::ARP_TPA)
        .set(Field::ARP_SHA, mac)
        .set(Field::ARP_SPA, address)
        .meter_answer()
        .goto(Table::Reply);
}
