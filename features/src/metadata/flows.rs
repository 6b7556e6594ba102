//! The addresses are the service's on every network at once: rows for a whole chassis, none for a network or a port.

use std::net::IpAddr;

use ::flows::{Claim, Drop, Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use ofp::Field;
use packet::{OP_REQUEST, protocol};
use topology::{Key, KeyKind, View};

use super::{EC2, IPV4, MAC, OPENSTACK};
use crate::{arp, nd};

/// The feature.
pub struct Metadata;

const NEIGHBOR_SOLICIT: u8 = 135;
/// The port of HTTP.
pub(super) const HTTP_PORT: u16 = 80;

impl Feature for Metadata {
    fn id(&self) -> FeatureId {
        FeatureId(25)
    }

    fn name(&self) -> &'static str {
        "metadata"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        let Key::Chassis(chassis) = key else { return };
        if view.chassis(chassis).is_some() {
            let mut on = emit.on(chassis);
            nobody_elses(&mut on);
            found(&mut on);
            asked(&mut on);
        }
    }
}

/// No secured port has them, whatever its intent lets it send.
fn nobody_elses(on: &mut On<'_>) {
    let why = "the metadata service's address is nobody's source";
    for address in [OPENSTACK, EC2] {
        on.row(Table::Admit, 210, "the metadata service's address is nobody's to advertise")
            .ipv6()
            .when_reg(Reg::Claim, Claim::Target as u64)
            .when(Field::IPV6_SRC, address)
            .drop(Drop::ForeignNeighborAdvert);
        on.row(Table::Admit, 200, why).ipv6().when(Field::IPV6_SRC, address).drop(Drop::SpoofedSource);
    }
    on.row(Table::Admit, 200, why).ipv4().when(Field::IPV4_SRC, IPV4).drop(Drop::SpoofedSource);
    on.row(Table::Admit, 200, why).arp().when(Field::ARP_SPA, IPV4).drop(Drop::SpoofedSource);
}

/// Who asks for them learns the service's MAC.
fn found(on: &mut On<'_>) {
    for address in [OPENSTACK, EC2] {
        on.row(Table::Neighbor, 110, "the address is the metadata service's")
            .ipv6()
            .when_reg(Reg::NdAsks, 1u64)
            // A physical network may have a service of its own.
            .when_reg(Reg::FromLocalnet, 0u64)
            .when(Field::IPV6_DST, address)
            .set(Field::ETH_DST, MAC)
            .load(Reg::NdRouter, 1u64)
            .goto(Table::Out);
    }
    let row = on
        .row(Table::Nd, 110, "is the metadata service still there? (RFC 4861, 7.3)")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::ETH_DST, MAC)
        .when(Field::NW_TTL, 255u8);
    nd::flows::ask(row);
    let row = on
        .row(Table::Nd, 210, "the address is the metadata service's")
        .arp()
        .when(Field::ARP_OP, OP_REQUEST)
        .when(Field::ARP_TPA, IPV4);
    arp::answer(row, IPV4, MAC);
}

/// By whichever way: the address says enough, be the frame for the service's MAC or for a router's. Before security groups, for
/// without it a VM has neither keys nor name.
fn asked(on: &mut On<'_>) {
    for address in [IpAddr::V6(OPENSTACK), IpAddr::V6(EC2), IpAddr::V4(IPV4)] {
        to(on.row(Table::Nd, 300, "a question for the metadata service"), address)
            .when(Field::IP_PROTO, protocol::TCP)
            .when(Field::TCP_DST, HTTP_PORT)
            .punt(PuntOp::Metadata);
    }
}

fn to(row: Row<'_>, address: IpAddr) -> Row<'_> {
    match address {
        IpAddr::V6(address) => row.ipv6().when(Field::IPV6_DST, address),
        IpAddr::V4(address) => row.ipv4().when(Field::IPV4_DST, address),
    }
}
